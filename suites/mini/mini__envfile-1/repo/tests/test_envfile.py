import unittest

from envfile import parse


class ParseTest(unittest.TestCase):
    def test_two_settings(self):
        self.assertEqual(parse("HOST=localhost\nPORT=8080\n"), {"HOST": "localhost", "PORT": "8080"})

    def test_spaces_around_are_dropped(self):
        self.assertEqual(parse("  HOST = localhost "), {"HOST": "localhost"})

    def test_comments_and_blank_lines_are_skipped(self):
        self.assertEqual(parse("# a=b\n\nHOST=localhost\n"), {"HOST": "localhost"})

    def test_empty_value(self):
        self.assertEqual(parse("HOST="), {"HOST": ""})

    def test_line_without_equals_sign(self):
        with self.assertRaises(ValueError):
            parse("HOST")
