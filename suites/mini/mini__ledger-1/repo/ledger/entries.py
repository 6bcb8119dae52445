"""Entries and the lines that they are read from."""

from collections import namedtuple

Entry = namedtuple("Entry", "account amount note")


def parse_line(line):
    """The entry of one line. Raises ValueError if it is not `account amount note`."""
    parts = line.split(None, 2)
    if len(parts) < 2:
        raise ValueError("expected `account amount note`: %r" % line)
    note = parts[2].strip() if len(parts) == 3 else ""
    return Entry(parts[0], float(parts[1]), note)
