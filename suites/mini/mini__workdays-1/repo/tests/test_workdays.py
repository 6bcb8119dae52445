import unittest
from datetime import date

from workdays import add_workdays, is_workday, workdays_between

MONDAY = date(2024, 3, 4)
THURSDAY = date(2024, 3, 7)
FRIDAY = date(2024, 3, 8)
SATURDAY = date(2024, 3, 9)
SUNDAY = date(2024, 3, 10)
NEXT_MONDAY = date(2024, 3, 11)


class WorkdaysTest(unittest.TestCase):
    def test_monday_is_a_workday(self):
        self.assertTrue(is_workday(MONDAY))

    def test_friday_is_a_workday(self):
        self.assertTrue(is_workday(FRIDAY))

    def test_sunday_is_none(self):
        self.assertFalse(is_workday(SUNDAY))

    def test_add_within_the_week(self):
        self.assertEqual(add_workdays(MONDAY, 3), THURSDAY)

    def test_add_nothing(self):
        self.assertEqual(add_workdays(SATURDAY, 0), SATURDAY)

    def test_between_within_the_week(self):
        self.assertEqual(workdays_between(MONDAY, FRIDAY), 5)
