"""Markup within a line."""

import html
import re

TOKEN = re.compile(r"`(?P<code>[^`]+)`|\*(?P<strong>[^*]+)\*|\[(?P<label>[^\]]+)\]\((?P<address>[^)]*)\)")


def inline(text):
    """HTML for a piece of text. What stands in backticks is not looked into."""
    out = []
    end = 0
    for match in TOKEN.finditer(text):
        out.append(html.escape(text[end:match.start()], quote=False))
        out.append(element(match))
        end = match.end()
    out.append(html.escape(text[end:], quote=False))
    return "".join(out)


def element(match):
    if match.group("code"):
        return "<code>%s</code>" % match.group("code")
    if match.group("strong"):
        return "<em>%s</em>" % inline(match.group("strong"))
    return '<a href="%s">%s</a>' % (match.group("address"), inline(match.group("label")))
