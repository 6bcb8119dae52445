class Task:
    def __init__(self, title, done=False):
        self.title = title
        self.done = done

    def __eq__(self, other):
        return isinstance(other, Task) and vars(self) == vars(other)

    def __repr__(self):
        return "Task(%s)" % ", ".join("%s=%r" % pair for pair in sorted(vars(self).items()))
