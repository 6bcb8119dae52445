import unittest

from ledger import Book


class BookTest(unittest.TestCase):
    def test_balances(self):
        book = Book.from_text("ann 1.50 tea\n\nben 2 cup\nann -0.50 back\n")
        self.assertEqual(book.balances(), {"ann": 1, "ben": 2})

    def test_empty_book(self):
        self.assertEqual(Book().balances(), {})

    def test_account_in_debt_by_a_cent_is_open(self):
        self.assertEqual(Book.from_text("ann 0.01 rest\nben 5 a\nben -5 b\n").open_accounts(), ["ann"])
