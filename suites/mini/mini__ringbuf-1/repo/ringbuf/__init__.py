from ringbuf.ring import Ring

__all__ = ["Ring"]
