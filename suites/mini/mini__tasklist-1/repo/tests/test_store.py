import json
import os
import tempfile
import unittest

from tasklist import store
from tasklist.model import Task


class StoreTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "todo.json")

    def test_no_file_no_tasks(self):
        self.assertEqual(store.load(self.path), [])

    def test_what_is_saved_is_loaded(self):
        tasks = [Task("Buy milk"), Task("Sleep", done=True)]
        store.save(self.path, tasks)
        self.assertEqual(store.load(self.path), tasks)

    def test_file_written_by_the_first_version(self):
        with open(self.path, "w") as file:
            json.dump([{"title": "Buy milk", "done": True}], file)
        self.assertEqual(store.load(self.path), [Task("Buy milk", done=True)])
