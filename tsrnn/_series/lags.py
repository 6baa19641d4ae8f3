"""Lags: which past rows a layer sees, and where they lie in memory.

A row-major series Z (N, D) is its own lag matrix: the rows t - b ... t - a are (b - a + 1) D contiguous numbers from
offset (t - b) D.  So a set of lags is a list of *runs* of consecutive lags, read in place, without a copy.
"""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from .._values import kept
from .autoregression import polynomial


class Run(NamedTuple):
    """Consecutive lags: t - oldest, ..., t - oldest + length - 1."""

    oldest: int
    length: int


@kept("member of a mean")
class Summand(NamedTuple):
    """A linear model in a mean: its lags, those of the differences of y that it learns, and its share."""

    input_lags: tuple
    output_lags: tuple
    differences: tuple = ()
    share: float = 1.0

    @property
    def levels(self):
        """Lags of y that it sees, in levels."""
        steps = np.flatnonzero(polynomial(self.differences)).tolist()
        return {k + n for k in (0, *self.output_lags) for n in steps} - {0}


@kept("averaged lags")
class Averaged(NamedTuple):
    """Linear models whose mean is one linear model; ``repeated`` is the share of y(t - period) in the whole.

    own : of how many series a target sees the past, where each of them is a mean itself, with models by which it sees
    that of its own series alone: targets are those of series 0, 1 ... 0, 1 ...; or 0.   past : how many last inputs are
    the past of each series, row by row, where it is not y at lags.   overlap : rows of which all tell as much as one.
    """

    members: tuple
    period: int = 1
    repeated: float = 0.0
    own: int = 0
    past: int = 0
    overlap: float = 1.0

    @property
    def together(self):
        """Lags of inputs, and of y that any part sees, in levels."""
        inputs = set().union(*(member.input_lags for member in self.members))
        outputs = set().union(*(member.levels for member in self.members))
        return tuple(sorted(inputs)), tuple(sorted(outputs | ({self.period} if self.repeated else set())))

    @property
    def of_changes(self):
        """What the members that learn differences have more of the mean than those of levels, where all see y alone."""
        driven = any(member.input_lags for member in self.members)
        of_levels = sum(member.share for member in self.members if not member.differences)
        return 0.0 if driven else max(0.0, 1.0 - 2.0 * of_levels)


def of_one(input_lags, output_lags):
    """Return the ``Averaged`` of a single linear model."""
    return Averaged((Summand(input_lags, output_lags),))


def is_auto(value):
    """Return whether a parameter is "auto"."""
    return isinstance(value, str) and value == "auto"


def both_lags(estimator):
    """Parse the lags of inputs and those of outputs that an estimator has."""
    return parse_lags(estimator.input_lags, "input_lags", 0), parse_lags(
        estimator.output_lags, "output_lags", 1
    )


def parse_lags(lags, name, smallest):
    """Parse a parameter into a sorted tuple of distinct lags.

    Parameters
    ----------
    lags : int, sequence of int or "auto"
        An int L means ``smallest ... L``; a sequence for exactly those lags; "auto" for some yet to be chosen, of
        which the first stands here.
    name : str
        Name of the parameter, for messages.
    smallest : int
        0 if the present row may be seen (inputs), 1 if not (outputs).
    """
    chosen = name in ("input_lags", "output_lags")
    if is_auto(lags) and chosen:
        return (smallest,)
    cure = f"give an int L >= 0 for the lags {smallest}..L, or a sequence of distinct ints >= {smallest}"
    cure += ", or 'auto'" * chosen
    if isinstance(lags, Integral) and not isinstance(lags, bool):
        if lags < 0:
            raise ValueError(f"{name}={lags!r} is negative: {cure}.")
        return tuple(range(smallest, int(lags) + 1))
    if isinstance(lags, (str, bytes, bool)) or not np.iterable(lags):
        raise TypeError(f"{name}={lags!r} is not a set of lags: {cure}.")
    lags = list(lags)
    if not all(isinstance(k, Integral) and not isinstance(k, bool) for k in lags):
        raise TypeError(f"{name}={lags!r} holds something that is not an int: {cure}.")
    if any(k < smallest for k in lags):
        raise ValueError(f"{name}={lags!r} holds a lag below {smallest}: {cure}.")
    if len(set(lags)) < len(lags):
        raise ValueError(f"{name}={lags!r} holds a lag twice: {cure}.")
    return tuple(sorted(int(k) for k in lags))


def lags_in(pieces):
    """Return the lags of runs (oldest, length), ascending.

    >>> lags_in([(24, 1), (2, 3)])
    (0, 1, 2, 24)
    """
    return tuple(sorted(oldest - k for oldest, length in pieces for k in range(length)))


def runs(lags):
    """Cut lags into runs of consecutive lags, the oldest run first.

    >>> runs((0, 1, 2, 24))
    [Run(oldest=24, length=1), Run(oldest=2, length=3)]
    """
    pieces = []
    for k in sorted(lags, reverse=True):
        if pieces and pieces[-1].oldest - pieces[-1].length == k:
            pieces[-1] = Run(pieces[-1].oldest, pieces[-1].length + 1)
        else:
            pieces.append(Run(k, 1))
    return pieces
