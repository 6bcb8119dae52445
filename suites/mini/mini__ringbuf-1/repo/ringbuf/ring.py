class Ring:
    """The last `capacity` values pushed, the oldest first."""

    def __init__(self, capacity):
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._slots = [None] * capacity
        self._start = 0     # where the oldest value is
        self._size = 0

    def __len__(self):
        return self._size

    def __iter__(self):
        for index in range(self._size):
            yield self._slots[index]

    def push(self, value):
        """Adds a value; when full, the oldest one is lost."""
        capacity = len(self._slots)
        end = (self._start + self._size) % capacity
        self._slots[end] = value
        if self._size < capacity:
            self._size += 1
        else:
            self._start = (self._start + 1) % capacity

    def newest(self):
        """The value pushed last; IndexError if there is none."""
        if self._size == 0:
            raise IndexError("empty ring")
        return self._slots[(self._start + self._size - 1) % len(self._slots)]
