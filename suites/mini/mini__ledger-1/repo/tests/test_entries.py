import unittest

from ledger import parse_line


class ParseTest(unittest.TestCase):
    def test_line(self):
        entry = parse_line("cash -12.50 bread and cheese")
        self.assertEqual((entry.account, entry.amount, entry.note), ("cash", -12.5, "bread and cheese"))

    def test_line_without_note(self):
        self.assertEqual(parse_line("cash 3").note, "")

    def test_line_without_amount(self):
        with self.assertRaises(ValueError):
            parse_line("cash")

    def test_amount_that_is_no_number(self):
        with self.assertRaises(ValueError):
            parse_line("cash much bread")
