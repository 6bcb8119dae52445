import unittest

from ringbuf import Ring


def filled(capacity, values):
    ring = Ring(capacity)
    for value in values:
        ring.push(value)
    return ring


class RingTest(unittest.TestCase):
    def test_empty(self):
        self.assertEqual(list(Ring(3)), [])

    def test_partly_filled(self):
        self.assertEqual(list(filled(3, "ab")), ["a", "b"])

    def test_just_full(self):
        self.assertEqual(list(filled(3, "abc")), ["a", "b", "c"])

    def test_length_never_exceeds_capacity(self):
        self.assertEqual(len(filled(3, "abcde")), 3)

    def test_newest(self):
        self.assertEqual(filled(3, "abcde").newest(), "e")

    def test_newest_of_nothing(self):
        with self.assertRaises(IndexError):
            Ring(3).newest()
