def merge(base, over):
    """`base` with `over` laid over it, dictionaries within them likewise."""
    for name, value in over.items():
        below = base.get(name)
        if isinstance(value, dict) and isinstance(below, dict):
            base[name] = merge(below, value)
        else:
            base[name] = value
    return base
