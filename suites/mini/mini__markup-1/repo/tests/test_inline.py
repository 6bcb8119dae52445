import unittest

from markup import inline


class InlineTest(unittest.TestCase):
    def test_plain_text_is_escaped(self):
        self.assertEqual(inline("a < b & c"), "a &lt; b &amp; c")

    def test_quotes_in_text_stay(self):
        self.assertEqual(inline('say "hi"'), 'say "hi"')

    def test_code(self):
        self.assertEqual(inline("call `f(*args)` now"), "call <code>f(*args)</code> now")

    def test_emphasis_is_escaped_once(self):
        self.assertEqual(inline("*fish & chips*"), "<em>fish &amp; chips</em>")

    def test_code_in_emphasis(self):
        self.assertEqual(inline("*see `x`*"), "<em>see <code>x</code></em>")

    def test_link(self):
        self.assertEqual(inline("[A & B](http://example.org/)"), '<a href="http://example.org/">A &amp; B</a>')
