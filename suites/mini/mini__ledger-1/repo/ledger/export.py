"""Balances for people and for programs."""

import json


def to_text(book):
    return "\n".join("%-10s %10.2f" % pair for pair in sorted(book.balances().items()))


def to_json(book):
    return json.dumps(book.balances(), sort_keys=True)
