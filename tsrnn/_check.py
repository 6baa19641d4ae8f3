"""Checks of parameters: a number, a flag, a word."""

from numbers import Integral, Real

import numpy as np


def check_number(name, value, low=None, high=None, *, integer=False, low_open=False, high_open=False):
    """Raise unless ``value`` is a finite number in the range; the message says the cure."""
    kind = Integral if integer else Real
    word = "an int" if integer else "a number"
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name}={value!r} is not {word}.")
    below = low is not None and (value <= low if low_open else value < low)
    above = high is not None and (value >= high if high_open else value > high)
    if below or above or not np.isfinite(value):
        left = "" if low is None else f" {'>' if low_open else '>='} {low}"
        right = "" if high is None else f"{' and' if left else ''} {'<' if high_open else '<='} {high}"
        raise ValueError(f"{name}={value!r} is out of range: give {word}{left}{right}.")


def check_flag(name, value):
    """Raise unless ``value`` is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}={value!r} is neither True nor False.")
