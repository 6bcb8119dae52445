"""All entries, and what they come to."""

from ledger.entries import parse_line


class Book:
    def __init__(self, entries=()):
        self.entries = list(entries)

    @classmethod
    def from_text(cls, text):
        return cls(parse_line(line) for line in text.splitlines() if line.strip())

    def balances(self):
        """The sum of each account, by name."""
        sums = {}
        for entry in self.entries:
            sums[entry.account] = sums.get(entry.account, 0.0) + entry.amount
        return sums

    def open_accounts(self):
        """The names of those accounts that do not come to nothing, in order."""
        return sorted(name for name, amount in self.balances().items() if amount != 0)
