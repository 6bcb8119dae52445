import unittest

from markup import contents, page


class PageTest(unittest.TestCase):
    def test_heading_and_paragraph(self):
        self.assertEqual(page("# Salt & oil\n\nA *good* start."),
                         '<h1 id="salt-oil">Salt &amp; oil</h1>\n<p>A <em>good</em> start.</p>')

    def test_contents(self):
        self.assertEqual(contents("# One\n\ntext\n\n# Two *three*"),
                         '<ul><li><a href="#one">One</a></li><li><a href="#two-three">Two *three*</a></li></ul>')
