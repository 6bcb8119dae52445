import unittest

from tally import mean, median


class MeanTest(unittest.TestCase):
    def test_mean(self):
        self.assertEqual(mean([1, 2, 6]), 3.0)

    def test_mean_of_nothing(self):
        with self.assertRaises(ValueError):
            mean([])


class MedianTest(unittest.TestCase):
    def test_one_value(self):
        self.assertEqual(median([7]), 7)

    def test_odd_number_of_values(self):
        self.assertEqual(median([9, 1, 5]), 5)

    def test_median_of_nothing(self):
        with self.assertRaises(ValueError):
            median([])
