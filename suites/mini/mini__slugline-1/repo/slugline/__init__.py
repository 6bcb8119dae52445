from slugline.slug import shorten, slugify

__all__ = ["shorten", "slugify"]
