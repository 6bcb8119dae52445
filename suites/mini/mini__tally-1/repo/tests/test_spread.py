import unittest

from tally import deviation, spread


class SpreadTest(unittest.TestCase):
    def test_spread(self):
        self.assertEqual(spread([9, 1, 5]), 8)

    def test_deviation_of_odd_number_of_values(self):
        self.assertEqual(deviation([1, 2, 3, 4, 100]), 1)
