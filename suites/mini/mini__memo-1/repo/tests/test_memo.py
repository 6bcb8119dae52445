import unittest

from memo import remember


class RememberTest(unittest.TestCase):
    def setUp(self):
        self.calls = []

        @remember
        def describe(*args, **kwargs):
            self.calls.append((args, kwargs))
            return (args, kwargs)

        self.describe = describe

    def test_second_call_is_remembered(self):
        self.describe(1, 2)
        self.describe(1, 2)
        self.assertEqual(len(self.calls), 1)

    def test_other_arguments_are_another_call(self):
        self.assertEqual(self.describe(2), ((2,), {}))
        self.assertEqual(self.describe(3), ((3,), {}))

    def test_lists_and_dicts_are_remembered(self):
        self.describe([1, 2], {"a": [3]})
        self.describe([1, 2], {"a": [3]})
        self.assertEqual(len(self.calls), 1)

    def test_order_of_named_arguments_does_not_matter(self):
        self.describe(a=1, b=2)
        self.describe(b=2, a=1)
        self.assertEqual(len(self.calls), 1)

    def test_forget(self):
        self.describe(1)
        self.describe.forget()
        self.describe(1)
        self.assertEqual(len(self.calls), 2)
