"""Addresses from titles."""

import re


def slugify(title):
    """The title in lower case, with hyphens in place of what is not an ASCII letter or digit."""
    return re.sub(r"[^a-z0-9]", "-", title.lower())


def shorten(slug, limit):
    """The first whole words of a slug that fit into `limit` characters."""
    if len(slug) <= limit:
        return slug
    cut = slug[:limit + 1]
    if "-" not in cut:
        return slug[:limit]
    return cut.rsplit("-", 1)[0]
