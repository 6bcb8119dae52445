import unittest

from scores import ScoreError, ranking, read_scores


class ReadTest(unittest.TestCase):
    def test_points_add_up(self):
        self.assertEqual(read_scores("Ann,3\nBen,4\nAnn,2\n"), {"Ann": 5, "Ben": 4})

    def test_line_without_points(self):
        with self.assertRaises(ScoreError) as caught:
            read_scores("Ann,3\nBen\n")
        self.assertEqual(str(caught.exception), "line 2: expected name,points")

    def test_points_that_are_no_number(self):
        with self.assertRaises(ScoreError) as caught:
            read_scores("Ann,three\n")
        self.assertEqual(str(caught.exception), "line 1: not a number: three")


class RankingTest(unittest.TestCase):
    def test_highest_first_then_by_name(self):
        self.assertEqual(ranking({"Cem": 4, "Ann": 5, "Ben": 4}), ["Ann", "Ben", "Cem"])
