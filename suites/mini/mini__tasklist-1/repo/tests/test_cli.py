import contextlib
import io
import os
import tempfile
import unittest

from tasklist.cli import main


class CliTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "todo.json")

    def run_command(self, *argv):
        out = io.StringIO()
        with contextlib.redirect_stderr(io.StringIO()):
            status = main([self.path] + list(argv), out)
        return status, out.getvalue()

    def test_added_tasks_are_listed_in_order(self):
        self.run_command("add", "Buy", "milk")
        self.run_command("add", "Sleep")
        self.assertEqual(self.run_command("list"), (0, "  1. [ ] Buy milk\n  2. [ ] Sleep\n"))

    def test_done(self):
        self.run_command("add", "Buy milk")
        self.assertEqual(self.run_command("done", "1"), (0, ""))
        self.assertEqual(self.run_command("list"), (0, "  1. [x] Buy milk\n"))

    def test_done_with_unknown_number(self):
        self.assertEqual(self.run_command("done", "4"), (1, "no task 4\n"))
