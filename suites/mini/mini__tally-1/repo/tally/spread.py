"""How far a list of numbers is spread."""

from tally.centre import median


def spread(values):
    """The distance from the smallest value to the largest."""
    values = list(values)
    return max(values) - min(values)


def deviation(values):
    """The median of the distances to the median."""
    values = list(values)
    centre = median(values)
    return median([abs(value - centre) for value in values])
