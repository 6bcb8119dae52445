"""The command line."""

import argparse

from tasklist import store, view
from tasklist.model import Task


def parser():
    top = argparse.ArgumentParser(prog="tasklist")
    top.add_argument("file")
    commands = top.add_subparsers(dest="command")
    commands.required = True
    add = commands.add_parser("add", help="add a task")
    add.add_argument("title", nargs="+")
    commands.add_parser("list", help="show all tasks")
    done = commands.add_parser("done", help="tick a task off")
    done.add_argument("number", type=int)
    return top


def main(argv, out):
    """Runs one command; returns the exit status."""
    args = parser().parse_args(argv)
    tasks = store.load(args.file)
    if args.command == "add":
        tasks.append(Task(" ".join(args.title)))
    elif args.command == "done":
        if not 1 <= args.number <= len(tasks):
            out.write("no task %d\n" % args.number)
            return 1
        tasks[args.number - 1].done = True
    else:
        for line in view.lines(tasks):
            out.write(line + "\n")
        return 0
    store.save(args.file, tasks)
    return 0
