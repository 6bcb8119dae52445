import json
import unittest

from ledger import Book, to_json, to_text


class ExportTest(unittest.TestCase):
    def test_text(self):
        book = Book.from_text("ben 2 cup\nann 12.50 bread\n")
        self.assertEqual(to_text(book), "ann             12.50\nben              2.00")

    def test_json_has_numbers(self):
        book = Book.from_text("ben 2 cup\nann 12.50 bread\n")
        self.assertEqual(json.loads(to_json(book)), {"ann": 12.5, "ben": 2})
