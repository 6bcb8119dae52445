from bytesize.units import STEP, UNITS


def format_size(count):
    """A number of bytes in the largest unit that it fills, with one digit after the point."""
    if count < 0:
        raise ValueError("a size cannot be negative: %d" % count)
    size = count
    unit = 0
    while size > STEP and unit < len(UNITS) - 1:
        size = size / STEP
        unit += 1
    if unit == 0:
        return "%d B" % count
    return "%.1f %s" % (size, UNITS[unit])
