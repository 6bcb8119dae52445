from bytesize.units import STEP, UNITS


def parse_size(text):
    """The number of bytes that a text such as `1.5 MiB` stands for."""
    number, _, unit = text.strip().partition(" ")
    unit = unit.strip() or "B"
    if unit not in UNITS:
        raise ValueError("unknown unit: %s" % unit)
    return int(float(number) * STEP ** UNITS.index(unit))
