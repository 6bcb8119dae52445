from ledger.book import Book
from ledger.entries import Entry, parse_line
from ledger.export import to_json, to_text

__all__ = ["Book", "Entry", "parse_line", "to_json", "to_text"]
