from basket.basket import Basket, Item

__all__ = ["Basket", "Item"]
