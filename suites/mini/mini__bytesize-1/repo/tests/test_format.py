import unittest

from bytesize import format_size


class FormatTest(unittest.TestCase):
    def test_zero(self):
        self.assertEqual(format_size(0), "0 B")

    def test_just_below_the_first_unit(self):
        self.assertEqual(format_size(1023), "1023 B")

    def test_between_units(self):
        self.assertEqual(format_size(1536), "1.5 KiB")

    def test_largest_unit_takes_the_rest(self):
        self.assertEqual(format_size(5000 * 1024 ** 4), "5000.0 TiB")

    def test_negative(self):
        with self.assertRaises(ValueError):
            format_size(-1)
