import threading
import unittest

from overlay import build


class BuildTest(unittest.TestCase):
    def test_own_settings_over_defaults(self):
        built = build({"mail": {"host": "localhost", "port": 25}}, {"shop": {"mail": {"port": 587}}})
        self.assertEqual(built, {"shop": {"mail": {"host": "localhost", "port": 587}}})

    def test_site_without_own_settings_has_the_defaults(self):
        self.assertEqual(build({"theme": "plain"}, {"shop": {}}), {"shop": {"theme": "plain"}})

    def test_sites_share_a_lock_of_the_defaults(self):
        lock = threading.Lock()
        built = build({"db": {"lock": lock}}, {"shop": {}, "blog": {"db": {"port": 1}}})
        self.assertIs(built["shop"]["db"]["lock"], lock)
        self.assertIs(built["blog"]["db"]["lock"], lock)
