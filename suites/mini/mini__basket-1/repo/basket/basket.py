from collections import namedtuple

Item = namedtuple("Item", "name cents")


class Basket:
    """What a customer is about to buy.

    `items` is a list of Item to work on; without one the basket begins empty.
    """

    def __init__(self, items=[]):
        self.items = items

    def add(self, name, cents):
        self.items.append(Item(name, cents))

    def remove(self, name):
        """Takes out the first item of that name; KeyError if there is none."""
        for item in self.items:
            if item.name == name:
                self.items.remove(item)
                return
        raise KeyError(name)

    def total(self):
        return sum(item.cents for item in self.items)
