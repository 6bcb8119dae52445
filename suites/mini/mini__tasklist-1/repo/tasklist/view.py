def lines(tasks):
    """What `list` shows: a line for each task, with its number from 1."""
    return [
        "%3d. [%s] %s" % (number, "x" if task.done else " ", task.title)
        for number, task in enumerate(tasks, 1)
    ]
