def ranking(scores):
    """Names, the highest score first; those with the same score by name."""
    return sorted(scores, key=lambda name: (-scores[name], name))
