"""Where the centre of a list of numbers is."""


def mean(values):
    """The arithmetic mean. Raises ValueError if there are no values."""
    values = list(values)
    if not values:
        raise ValueError("mean of no values")
    return sum(values) / len(values)


def median(values):
    """The value in the middle. Raises ValueError if there are no values."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("median of no values")
    middle = len(ordered) // 2
    return ordered[middle]
