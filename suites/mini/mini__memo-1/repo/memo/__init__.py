from memo.remember import remember

__all__ = ["remember"]
