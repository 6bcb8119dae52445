"""Measures of a list of numbers."""

from tally.centre import mean, median
from tally.spread import deviation, spread

__all__ = ["mean", "median", "deviation", "spread"]
