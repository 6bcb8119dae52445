class ScoreError(ValueError):
    """A line that cannot be read; the message begins with its number."""


def read_scores(text):
    """The points of each name, added up, from lines of `name,points`."""
    scores = {}
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.split(",")
        if len(parts) != 2:
            raise ScoreError("line %d: expected name,points" % number)
        name = parts[0].strip()
        try:
            points = int(parts[1])
        except ValueError:
            raise ScoreError("line %d: not a number: %s" % (number, parts[1].strip()))
        scores[name] = scores.get(name, 0) + points
    return scores
