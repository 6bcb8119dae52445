"""The file that a list is kept in."""

import json
import os

from tasklist.model import Task


def load(path):
    """The tasks in the file, in the order in which they were added; none if there is no file yet."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)
    return [Task(row["title"], row["done"]) for row in rows]


def save(path, tasks):
    rows = [{"title": task.title, "done": task.done} for task in tasks]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1)
