import unittest

from pages import NoSuchPage, Paginator


class PaginatorTest(unittest.TestCase):
    def test_full_pages(self):
        pages = Paginator(range(10), per_page=5)
        self.assertEqual(pages.page_count, 2)
        self.assertEqual(pages.page(2), [5, 6, 7, 8, 9])

    def test_no_items_no_pages(self):
        self.assertEqual(Paginator([], per_page=5).page_count, 0)

    def test_no_page_zero(self):
        with self.assertRaises(NoSuchPage):
            Paginator(range(10), per_page=5).page(0)

    def test_no_page_after_the_last(self):
        with self.assertRaises(NoSuchPage):
            Paginator(range(10), per_page=5).page(3)

    def test_per_page_must_be_positive(self):
        with self.assertRaises(ValueError):
            Paginator([], per_page=0)
