class NoSuchPage(LookupError):
    """The page asked for does not exist."""


class Paginator:
    def __init__(self, items, per_page=20):
        if per_page < 1:
            raise ValueError("per_page must be at least 1")
        self.items = list(items)
        self.per_page = per_page

    @property
    def page_count(self):
        """How many pages there are; none for an empty list."""
        return len(self.items) // self.per_page

    def page(self, number):
        """The items of page `number`, the first being 1."""
        if number < 1 or number > self.page_count:
            raise NoSuchPage("page %d of %d" % (number, self.page_count))
        start = (number - 1) * self.per_page
        return self.items[start:start + self.per_page]
