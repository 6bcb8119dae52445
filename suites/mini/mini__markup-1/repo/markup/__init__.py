from markup.inline import inline
from markup.page import contents, page

__all__ = ["contents", "inline", "page"]
