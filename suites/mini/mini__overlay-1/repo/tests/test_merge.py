import threading
import unittest

from overlay import merge


class MergeTest(unittest.TestCase):
    def test_value_replaces_value(self):
        self.assertEqual(merge({"a": 1, "b": 2}, {"b": 3}), {"a": 1, "b": 3})

    def test_dictionaries_are_merged(self):
        self.assertEqual(merge({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}), {"a": {"x": 1, "y": 3}})

    def test_list_replaces_list(self):
        self.assertEqual(merge({"a": [1, 2]}, {"a": [3]}), {"a": [3]})

    def test_dictionary_replaces_value(self):
        self.assertEqual(merge({"a": 1}, {"a": {"x": 2}}), {"a": {"x": 2}})

    def test_lock_is_passed_on_as_it_is(self):
        lock = threading.Lock()
        merged = merge({"db": {"lock": lock, "port": 1}}, {"db": {"port": 2}})
        self.assertIs(merged["db"]["lock"], lock)
