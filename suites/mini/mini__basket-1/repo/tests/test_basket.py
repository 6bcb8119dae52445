import unittest

from basket import Basket, Item


class BasketTest(unittest.TestCase):
    def test_total(self):
        basket = Basket([Item("tea", 450), Item("cup", 800)])
        self.assertEqual(basket.total(), 1250)

    def test_remove(self):
        basket = Basket([Item("tea", 450), Item("cup", 800)])
        basket.remove("tea")
        self.assertEqual(basket.items, [Item("cup", 800)])

    def test_remove_what_is_not_there(self):
        with self.assertRaises(KeyError):
            Basket([Item("tea", 450)]).remove("cup")

    def test_works_on_the_list_it_is_given(self):
        items = [Item("tea", 450)]
        Basket(items).add("cup", 800)
        self.assertEqual(items, [Item("tea", 450), Item("cup", 800)])
