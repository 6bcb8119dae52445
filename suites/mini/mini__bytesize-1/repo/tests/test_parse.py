import unittest

from bytesize import parse_size


class ParseTest(unittest.TestCase):
    def test_without_unit(self):
        self.assertEqual(parse_size("12"), 12)

    def test_with_unit(self):
        self.assertEqual(parse_size("1.5 MiB"), 1572864)

    def test_unknown_unit(self):
        with self.assertRaises(ValueError):
            parse_size("3 XB")
