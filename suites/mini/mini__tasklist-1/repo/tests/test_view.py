import unittest

from tasklist.model import Task
from tasklist.view import lines


class ViewTest(unittest.TestCase):
    def test_numbers_and_ticks(self):
        self.assertEqual(
            lines([Task("Buy milk", done=True), Task("Sleep")]),
            ["  1. [x] Buy milk", "  2. [ ] Sleep"],
        )
