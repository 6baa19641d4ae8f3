"""Checks of parameters: a number, a flag, a word."""

from numbers import Integral, Real

import numpy as np


def check_number(
    name, value, low=None, high=None, *, integer=False, low_open=False, high_open=False, words=()
):
    """Raise unless ``value`` is a finite number in the range, or one of some words; the message names the cure."""
    if isinstance(value, str | None) and value in words:
        return
    number = Integral if integer else Real
    word = "an int" if integer else "a number"
    ends = [] if low is None else [f" {'>' if low_open else '>='} {low}"]
    ends += [] if high is None else [f" {'<' if high_open else '<='} {high}"]
    cure = f"give {', or '.join([word + ' and'.join(ends), *map(repr, words)])}"
    if not isinstance(value, number) or isinstance(value, bool):
        raise TypeError(f"{name}={value!r} is not {word}: {cure}.")
    below = low is not None and (value <= low if low_open else value < low)
    above = high is not None and (value >= high if high_open else value > high)
    if below or above or not np.isfinite(value):
        raise ValueError(f"{name}={value!r} is out of range: {cure}.")


def check_flag(name, value, *words):
    """Raise unless ``value`` is True, False or one of some words."""
    if not isinstance(value, (bool, np.bool_)) and not (isinstance(value, str) and value in words):
        raise TypeError(f"{name}={value!r} is neither {' nor '.join(map(repr, (True, False, *words)))}.")


def check_word(name, value, words):
    """Raise unless ``value`` is one of some words, or None where that is among them."""
    if not isinstance(value, str | None) or value not in words:
        raise ValueError(f"{name}={value!r} is unknown: give {' or '.join(map(repr, words))}.")


def check_widths(name, value, cure, least=0):
    """Return widths of ``least`` layers or more, a tuple of ints, from an int or a sequence of them."""
    widths = (value,) if isinstance(value, Integral) else value
    widths = tuple(widths) if np.iterable(widths) and not isinstance(widths, str) else (None,)
    if not all(map(_is_count, widths)) or len(widths) < least:
        raise ValueError(f"{name}={value!r}: {cure}.")
    return tuple(map(int, widths))


def check_jobs(n_jobs):
    """Raise unless ``n_jobs`` is a number of threads."""
    threads = n_jobs is None or (isinstance(n_jobs, Integral) and n_jobs != 0)
    if not threads or isinstance(n_jobs, bool):
        raise ValueError(f"n_jobs={n_jobs!r} is not a number of threads: give None, an int >= 1, or -1.")


def check_verbose(verbose):
    """Raise unless ``verbose`` is an int >= 0 or a bool."""
    check_number("verbose", int(verbose) if isinstance(verbose, bool) else verbose, 0, integer=True)


def _is_count(value):
    """Return whether a value is an int >= 1, and not True."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= 1
