from pages.paginator import NoSuchPage, Paginator

__all__ = ["NoSuchPage", "Paginator"]
