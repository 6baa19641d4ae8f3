"""What an index says: does it go on where training ended, and where are its gaps?

A *timeline* is what is remembered of the rows seen last: the first and the last stamp and what lies between
two stamps.  That is one of

- a fixed step (seconds, hours, days; 1 for integers), found when most neighbours are one step apart and the
  others several: what is missing is then a gap;
- a calendar frequency (months, business days), as pandas infers it;
- neither: irregular stamps, where a row follows if it is no further away than neighbours have been.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd


REGULAR = 0.85  # share of neighbours one step apart, above which a step is a step (business days reach 0.8)


class Timeline(NamedTuple):
    """The stamps of the rows seen: first, last and how they are spaced."""

    first: Any
    last: Any
    n: int
    step: Any  # Timedelta, int or None
    freq: Any  # pandas offset or None
    longest: Any  # longest distance of neighbours, where there is neither


def time_index(X, name):
    """The index of X where it tells time, checked; else None.

    Raises
    ------
    ValueError
        The stamps are missing, not in order or not unique, or several series are stacked.
    """
    index = getattr(X, "index", None)
    if not isinstance(index, pd.Index):
        return None
    if isinstance(index, pd.MultiIndex):
        raise ValueError(
            f"{name} has a MultiIndex {tuple(index.names)}: tsrnn takes one series at a time; select one, for "
            f"example {name}.xs(key)."
        )
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    time = isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex))
    if not time and not pd.api.types.is_integer_dtype(index.dtype):
        return None
    if index.hasnans:
        at = int(np.flatnonzero(index.isna())[0])
        raise ValueError(f"The index of {name} holds NaT, first in row {at}: drop or repair those rows.")
    if not index.is_monotonic_increasing:
        at = int(np.flatnonzero(index[1:] < index[:-1])[0])
        raise ValueError(
            f"The index of {name} is not in time order: {index[at + 1]} comes after {index[at]} (row {at + 1}). "
            f"Rows are time here: sort them, {name}.sort_index(), and do not shuffle when splitting."
        )
    if not index.is_unique:
        twice = index[index.duplicated()]
        raise ValueError(
            f"The index of {name} holds {twice[0]} twice ({len(twice)} duplicates in all). Keep one of each, for "
            f"example {name}[~{name}.index.duplicated()]; at a clock change, use UTC."
        )
    return index


def period(*frames):
    """The frequency of the first PeriodIndex among what the user gave, or None; inside, periods are stamps."""
    for frame in frames:
        if isinstance(getattr(frame, "index", None), pd.PeriodIndex):
            return frame.index.freq
    return None


def says_nothing(index):
    """No index, or pandas' own 0, 1, 2 ..., with which every new frame begins."""
    return index is None or (isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1)


def read(index):
    """The timeline of an index, or None."""
    if index is None or len(index) == 0:
        return None
    step = freq = longest = None
    if len(index) > 1:
        apart = np.diff(index.asi8 if hasattr(index, "asi8") else index.to_numpy())
        shortest = apart.min()
        at = int(np.argmin(apart))
        step = index[at + 1] - index[at]
        whole_days = (
            isinstance(index, pd.DatetimeIndex) and index.tz is not None and step >= pd.Timedelta("23h")
        )
        if whole_days or np.mean(apart == shortest) < REGULAR or (apart % shortest).any():
            step = None
            if isinstance(index, pd.DatetimeIndex) and len(index) > 2:  # days of 23 to 25 hours, months ...
                freq = pd.tseries.frequencies.to_offset(index.freq or pd.infer_freq(index))
            if freq is None:
                longest = (index[1:] - index[:-1]).max()
    return Timeline(index[0], index[-1], len(index), step, freq, longest)


def comparable(timeline, index):
    """Raise where naive and aware stamps meet; False where the kinds of index differ."""
    first = index[0]
    for kind in (pd.Timestamp, pd.Timedelta):
        if isinstance(first, kind) != isinstance(timeline.last, kind):
            return False
    if isinstance(first, pd.Timestamp) and (first.tz is None) != (timeline.last.tz is None):
        with_zone, without = ("X", "the training rows") if first.tz else ("the training rows", "X")
        raise ValueError(
            f"The index of {with_zone} has a time zone and that of {without} has none: give both one, with "
            "tz_localize, or neither."
        )
    return True


def missing_between(timeline, stamp):
    """Rows missing between the end of a timeline and a later stamp; 0 if it follows."""
    if timeline.step is not None:
        return int(np.ceil((stamp - timeline.last) / timeline.step)) - 1
    if timeline.freq is not None:
        return len(pd.date_range(timeline.last, stamp, freq=timeline.freq, inclusive="neither"))
    if timeline.longest is None or stamp - timeline.last <= timeline.longest:
        return 0
    return int(np.ceil((stamp - timeline.last) / timeline.longest)) - 1


def gap_starts(index, timeline=None):
    """Rows of an index before which others are missing, by its own step or that of a timeline, ascending."""
    timeline = timeline or read(index)
    if timeline is None or timeline.step is None:
        return []
    return [int(k) + 1 for k in np.flatnonzero(index[1:] - index[:-1] > timeline.step)]


def future(timeline, steps):
    """The index of the next ``steps`` rows; None where the stamps are irregular."""
    if timeline.step is not None:
        return pd.Index([timeline.last + k * timeline.step for k in range(1, steps + 1)])
    if timeline.freq is not None:
        return pd.date_range(timeline.last, periods=steps + 1, freq=timeline.freq)[1:]
    return None


def extend(timeline, index):
    """The timeline after more rows were seen; how they are spaced is known from the first ones."""
    new = read(index)
    if timeline is None or new is None:
        return new
    spaced = new if timeline.n == 1 else timeline
    return spaced._replace(first=timeline.first, last=new.last, n=timeline.n + new.n)


def advance(timeline, steps):
    """The timeline after ``steps`` rows that came without stamps; None where those cannot be told."""
    ahead = None if timeline is None else future(timeline, steps)
    return None if ahead is None else timeline._replace(last=ahead[-1], n=timeline.n + steps)
