import unittest

from roman import from_roman, to_roman


class ToRomanTest(unittest.TestCase):
    def test_small_numbers(self):
        self.assertEqual([to_roman(n) for n in (1, 4, 5, 9, 14)], ["I", "IV", "V", "IX", "XIV"])

    def test_tens(self):
        self.assertEqual([to_roman(n) for n in (30, 50, 80, 100)], ["XXX", "L", "LXXX", "C"])

    def test_hundreds(self):
        self.assertEqual([to_roman(n) for n in (400, 900)], ["CD", "CM"])

    def test_out_of_range(self):
        with self.assertRaises(ValueError):
            to_roman(0)


class FromRomanTest(unittest.TestCase):
    def test_from_roman(self):
        self.assertEqual([from_roman(s) for s in ("XIV", "XLII", "XC")], [14, 42, 90])
