import unittest

from slugline import shorten, slugify


class SlugifyTest(unittest.TestCase):
    def test_one_word(self):
        self.assertEqual(slugify("Welcome"), "welcome")

    def test_two_words(self):
        self.assertEqual(slugify("Two words"), "two-words")

    def test_digits_stay(self):
        self.assertEqual(slugify("Top 10"), "top-10")


class ShortenTest(unittest.TestCase):
    def test_short_slug_stays(self):
        self.assertEqual(shorten("one-two", 7), "one-two")

    def test_cut_between_words(self):
        self.assertEqual(shorten("one-two-three", 8), "one-two")
