"""What an index says: does it go on where training ended, and where are its gaps?

A *timeline* is what is remembered of the rows seen last: the first and the last stamp and what lies between
two stamps.  That is one of

- a fixed step (seconds, hours, days; 1 for integers), found when at least half of the neighbours are one step
  apart and the others several: what is missing is then a gap;
- a calendar frequency (months, years, days of 23 to 25 hours), found likewise; business days too, but a holiday
  is no gap;
- neither: irregular stamps, where a row follows if it is not much further away than neighbours usually are.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .._values import kept


def last_known(Z, p):
    """Z (N, O) with NaN replaced by the last value whole periods before; the first p rows are finite."""
    n, O = Z.shape
    cycles = -(-n // p)
    Z = np.concatenate([Z, np.full((cycles * p - n, O), np.nan)]).reshape(cycles, p, O)
    at = np.where(np.isnan(Z), 0, np.arange(cycles)[:, None, None])
    return np.take_along_axis(Z, np.maximum.accumulate(at), axis=0).reshape(-1, O)[:n]


REGULAR = 0.5  # share of neighbours that must be one step apart
MOST_MISSING = 10_000  # rows that a gap takes on a grid
FAR = 3  # times the median distance, beyond which irregular stamps have a gap


@kept("timeline")
class Timeline(NamedTuple):
    """The stamps of the rows seen: first, last and how they are spaced."""

    first: Any
    last: Any
    n: int
    step: Any  # Timedelta, int or None
    freq: Any  # pandas offset or None
    longest: Any  # distance up to which a row follows, for business days and irregular stamps
    name: Any  # of the index


def time_index(index, name):
    """The index of one series of ``name`` where it tells time, checked; else None.

    Raises
    ------
    ValueError
        The stamps are missing, not in order or not unique.
    """
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


def frequency(*frames):
    """The frequency of the first index of periods among what the user gave, or None; inside, periods are stamps."""
    for frame in frames:
        index = getattr(frame, "index", None)
        index = index.levels[-1] if isinstance(index, pd.MultiIndex) else index
        if isinstance(index, pd.PeriodIndex):
            return index.freq
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
        at = int(np.argmin(apart))
        step, day = index[at + 1] - index[at], pd.Timedelta("23h")
        dates = isinstance(index, pd.DatetimeIndex)
        business = dates and day <= step <= 2 * day and len(index) > 5 and (index.day_of_week < 5).all()
        local_days = dates and index.tz is not None and step >= day  # 23 to 25 hours long
        if business and apart.max() > apart.min():
            step, freq, longest = None, pd.offsets.BDay(), min((index[1:] - index[:-1]).max(), 7 * day)
        elif local_days or np.mean(apart == apart.min()) < REGULAR or (apart % apart.min()).any():
            step, freq = None, _calendar(index) if dates else None
            if freq is None:
                longest = FAR * np.median(apart).astype(apart.dtype)
                longest = longest if index.dtype.kind in "iu" else pd.Timedelta(int(longest), unit=index.unit)
    return Timeline(index[0], index[-1], len(index), step, freq, longest, index.name)


def _calendar(index):
    """The calendar frequency on which all stamps lie, most of them with no other between; or None."""
    if len(index) < 3:
        return None
    windows = [index[k : k + 4] for k in np.linspace(0, max(0, len(index) - 4), 20).astype(int)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # infer_freq will return offsets; either will do
        candidates = {pd.infer_freq(window) for window in windows} - {None}
    for name in sorted(candidates, key=str):
        grid = pd.date_range(index[0], index[-1], freq=name)
        if len(index) >= REGULAR * len(grid) and index.isin(grid).all():
            return pd.tseries.frequencies.to_offset(name)
    return None


def irregular(timeline):
    """Whether stamps were seen that have neither a step nor a frequency."""
    return timeline is not None and timeline.n > 2 and timeline.step is None and timeline.freq is None


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


def can_place(timeline, index):
    """Whether an index can be compared with that of the rows seen."""
    return timeline is not None and not says_nothing(index) and comparable(timeline, index)


def missing_between(timeline, stamp):
    """Rows missing between the end of a timeline and a later stamp; 0 if it follows."""
    if timeline.step is not None:
        return int(np.ceil((stamp - timeline.last) / timeline.step)) - 1
    if timeline.longest is not None and stamp - timeline.last <= timeline.longest:
        return 0
    if timeline.freq is not None:
        return len(pd.date_range(timeline.last, stamp, freq=timeline.freq, inclusive="neither"))
    if timeline.longest is None:
        return 0
    return int(np.ceil(FAR * (stamp - timeline.last) / timeline.longest)) - 1


def gap_starts(index, timeline=None):
    """Rows of an index before which others are missing, by its own spacing or that of a timeline, ascending."""
    timeline = timeline or read(index)
    if timeline is None or len(index) < 2:
        return []
    if timeline.step is not None:
        gaps = index[1:] - index[:-1] > timeline.step
    elif timeline.freq is None:
        return []  # irregular: rows are one step apart, whatever lies between
    elif timeline.longest is not None:
        gaps = index[1:] - index[:-1] > timeline.longest
    else:
        grid = pd.date_range(index[0], index[-1], freq=timeline.freq)
        gaps = np.diff(grid.searchsorted(index)) > 1
    return [int(k) + 1 for k in np.flatnonzero(gaps)]


def positions(index, n):
    """Row numbers (n,) on the regular grid of an index, or None: beyond a gap they jump, by MOST_MISSING at most."""
    jumps = np.ones(n, int)
    jumps[:1] = 0
    timeline = read(index)
    for k in gap_starts(index, timeline) if timeline is not None else ():
        jumps[k] += min(missing_between(timeline._replace(last=index[k - 1]), index[k]), MOST_MISSING)
    return jumps.cumsum()


def spread(v, at):
    """v (N,) on the regular grid, at rows ``at``; NaN in the gaps."""
    full = np.full(at[-1] + 1, np.nan)
    full[at] = v
    return full


def future(timeline, steps):
    """The index of the next ``steps`` rows; None where the stamps are irregular."""
    if timeline.step is not None:
        return pd.Index([timeline.last + k * timeline.step for k in range(1, steps + 1)], name=timeline.name)
    if timeline.freq is not None:
        return pd.date_range(timeline.last, periods=steps + 1, freq=timeline.freq, name=timeline.name)[1:]
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
    if timeline is None or (timeline.step is None and timeline.freq is None):
        return None
    last = future(timeline, steps)[-1] if timeline.step is None else timeline.last + steps * timeline.step
    return timeline._replace(last=last, n=timeline.n + steps)
