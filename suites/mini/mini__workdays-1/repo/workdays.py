"""Dates counted in workdays: Monday to Friday."""

from datetime import timedelta

ONE_DAY = timedelta(days=1)


def is_workday(day):
    return day.weekday() <= 5


def add_workdays(day, count):
    """The date that is `count` workdays after `day`."""
    while count > 0:
        day += ONE_DAY
        if is_workday(day):
            count -= 1
    return day


def workdays_between(first, last):
    """The number of workdays from `first` to `last`, both included."""
    count = 0
    day = first
    while day <= last:
        if is_workday(day):
            count += 1
        day += ONE_DAY
    return count
