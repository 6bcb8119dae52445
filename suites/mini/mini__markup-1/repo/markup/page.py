"""Paragraphs and headings."""

import re

from markup.inline import inline


def blocks(text):
    return [block.strip() for block in re.split(r"\n\s*\n", text) if block.strip()]


def anchor(title):
    """The name of a heading in addresses."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def page(text):
    out = []
    for block in blocks(text):
        if block.startswith("# "):
            title = block[2:].strip()
            out.append('<h1 id="%s">%s</h1>' % (anchor(title), inline(title)))
        else:
            out.append("<p>%s</p>" % inline(block))
    return "\n".join(out)


def contents(text):
    """A list of links to the headings, which are shown as they were typed."""
    titles = [block[2:].strip() for block in blocks(text) if block.startswith("# ")]
    items = ['<li><a href="#%s">%s</a></li>' % (anchor(title), title) for title in titles]
    return "<ul>%s</ul>" % "".join(items)
