"""The reading of an index: does it go on where training ended, and where are its gaps?

A *timeline* is what is remembered of the rows seen last: the first and the last stamp and what lies between
two stamps.  That is one of

- a fixed step (seconds, hours, days; 1 for integers), found when at least half of the neighbours are one step
  apart and the others several: what is missing is then a gap;
- a frequency: the one that the user's index carries, else a calendar (months, years, days of 23 to 25 hours), found
  likewise; business days and other days of the week too, and the hours of such days (9 to 17, say), where as many
  days missing in a row as were seen before, a week at most, are holidays and no gap; or a pattern of times that
  comes again each day, week or month (sessions over midnight, two sessions a day), whole sessions likewise;
- neither: irregular stamps, where a row follows if it is not much further away than neighbours usually are.

Stamps are int64 (``stamps.py``), frequencies count by ``calendars.py``, and nothing here is proportional to a span.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .._values import kept
from . import calendars
from .calendars import CYCLES, MOST_THERE
from .stamps import LARGEST, PER_SECOND, Clock, Stamps, codes_dates, show, to_index


MOST_MISSING = 10_000  # rows that a gap takes on a grid
FAR = 3  # times the median distance, beyond which irregular stamps have a gap
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
SELDOM = 0.25  # of the most, below which a time of the day or the week is left out
COMMON = 3  # distances that a warning names
FEW = 5  # rows, with fewer of which a grid is a guess, and rows beside it are not refused
DENSE = 0.9  # of the rows of a grid, with fewer of which a few rows may be equally far apart by chance


@kept("timeline")
class Timeline(NamedTuple):
    """The stamps of the rows seen, numbers by ``clock``: first, last and how they are spaced.

    step : the fixed distance, or None.   freq : an offset of pandas, or None.   longest : how far ahead a row still
    follows: in rows of business days with holidays, a distance of irregular stamps; or None.
    """

    clock: Clock
    first: int
    last: int
    n: int
    step: int | None
    freq: Any
    longest: int | None


def last_known(Z, p):
    """Replace NaN in Z (N, O) by the last value whole periods before; the first p rows are finite."""
    n, O = Z.shape
    cycles = -(-n // p)
    Z = np.concatenate([Z, np.full((cycles * p - n, O), np.nan)]).reshape(cycles, p, O)
    at = np.where(np.isnan(Z), 0, np.arange(cycles)[:, None, None])
    return np.take_along_axis(Z, np.maximum.accumulate(at), axis=0).reshape(-1, O)[:n]


# ---------------------------------------------------------------------------------------- how rows are spaced


def read(stamps):
    """Identify the ``Timeline`` of the stamps of a series; None without stamps."""
    if stamps is None or len(stamps.values) == 0:
        return None
    values, clock = stamps
    return Timeline(clock, int(values[0]), int(values[-1]), len(values), *_spacing(values, clock))


def _spacing(values, clock):
    """Identify step, freq and longest of ascending stamps (n,)."""
    carried = None if clock.freq is None else _carried(values, clock)
    if carried is not None or len(values) < 2:
        return carried or (1 if clock.default else None, None, None)
    apart = _apart(values)
    least, most, hour = int(apart.min()), int(apart.max()), 3600 * PER_SECOND.get(clock.unit, 0)
    if clock.kind == "stamp" and least >= 23 * hour:
        if clock.tz is None and least == most < 25 * 24 * hour:
            return least, None, None
        few = len(values) <= calendars.FEW  # series of a panel often have the same stamps
        spacing = (
            _calendar_of_few(tuple(values.tolist()), clock.unit, clock.tz)
            if few
            else _calendar(values, clock)
        )
        if spacing is not None:
            return spacing
    if clock.kind == "stamp" and least == hour and most > hour:
        spacing = _of_work_hours(values, clock)
        if spacing is not None:
            return spacing
    step = calendars.most_are_neighbours(apart)
    if step is None and clock.kind == "stamp" and clock.tz is not None:
        pattern = calendars.of_local_clock(values, clock)
        if pattern is not None:
            return None, pattern, None
    if clock.kind == "stamp" and (step is None or len(values) < MOST_THERE * _rows(values, step)):
        pattern = calendars.of_pattern(values, clock)
        if pattern is not None:
            return None, pattern, _over_sessions(values, clock, pattern)
    return (step, None, None) if step else (None, None, min(FAR * int(np.median(apart)), 2 * LARGEST))


def _rows(values, step):
    """Count the rows of a grid from the first to the last of stamps (n,)."""
    return (int(values[-1]) - int(values[0])) // step + 1


def _over_sessions(values, clock, pattern):
    """Return how many rows of a pattern ahead rows still follow, where whole sessions were missing; or None."""
    row, _ = calendars.place(pattern, clock, values, int(values[0]))
    jumps = row[1:] - row[:-1]
    far = np.flatnonzero((jumps > 1) & (jumps <= 1 + len(pattern.at) * (7 if pattern.cycle == "day" else 1)))
    whole = far[calendars.over_sessions(pattern, clock, values[far], values[far + 1])]
    return int(jumps[whole].max()) if len(whole) else None


def _apart(values):
    """Return distances (n - 1,) of ascending stamps, uint64: int64 would overflow."""
    return values[1:].view(np.uint64) - values[:-1].view(np.uint64)


def _carried(values, clock):
    """Return the spacing of the user's index' frequency, where the stamps of this series follow it; else None."""
    apart, step = _apart(values), calendars.fixed(clock.freq, clock)
    if step is not None:
        follows = len(values) == 1 or (calendars.most_are_neighbours(apart) == step)
        return (step, None, None) if follows else None
    if clock.kind != "stamp":
        return None
    row, on = calendars.place(clock.freq, clock, values, int(values[0]))
    jumps = row[1:] - row[:-1]
    if not on.all() or (len(row) > 1 and calendars.most_are_neighbours(jumps) != 1):
        return None
    return None, clock.freq, _over_holidays(jumps) if type(clock.freq) is pd.offsets.BusinessDay else None


def _over_holidays(jumps, week=5):
    """Return how many work days ahead (m,) rows still follow, a week of them at most; None without holidays."""
    longest = int(jumps[jumps <= 1 + week].max(initial=1))
    return longest if longest > 1 else None


@lru_cache(128)
def _week(on):
    """Return the offset of the days of the week, Monday first, on which there are rows, (7,) bool."""
    if on == (True,) * 5 + (False,) * 2:
        return pd.offsets.BDay()
    return pd.offsets.CustomBusinessDay(weekmask=" ".join(np.array(WEEKDAYS)[list(on)]))


def _of_work_days(values, days, clock):
    """Identify the spacing of stamps on some days of the week only, most of them there; or None."""
    on = np.bincount(calendars.weekday(days), minlength=7) > 0  # days of the week, Monday first, (7,)
    if on.all() or on.sum() < 2:
        return None
    first, last = np.array([days[0], days[-1] + 1]).view("M8[D]")
    present = len(days) / max(1, np.busday_count(first, last, weekmask=on.astype(int).tolist()))
    if days[-1] - days[0] >= 7 * CYCLES and present >= MOST_THERE:
        week = _week(tuple(on.tolist()))
    elif len(days) > 5 and not on[5:].any():
        week = pd.offsets.BDay()
    else:
        return None
    row, _ = calendars.place(week, clock, values, int(values[0]))
    jumps = row[1:] - row[:-1]
    every = calendars.most_are_neighbours(jumps)
    if every != 1:  # each second business day
        return (None, pd.offsets.BDay(every), None) if every and jumps.max() == every else None
    return None, week, _over_holidays(jumps, 5 if type(week) is pd.offsets.BusinessDay else int(on.sum()))


def _of_work_hours(values, clock):
    """Identify the spacing of hourly stamps on some hours of some days of the week, most of them there; or None."""
    hour = 3600 * PER_SECOND[clock.unit]
    days, time = calendars.split(values, clock)
    begin, end = int(time.min()), int(time.max())
    hours, remainder = divmod(end - begin, hour)
    hours, on = hours + 1, np.bincount(calendars.weekday(days), minlength=7) > 0
    span, weekends = int(days[-1] - days[0]), on[5:].any()
    if remainder or hours > 23 or ((time - begin) % hour).any() or span < 7:
        return None
    if not calendars.is_day_time(begin // (hour // 3600), clock):  # a pattern goes over changes of the clock
        return None
    if not on.all() and (weekends or not on[:5].all()) and span < 7 * CYCLES:
        return None
    week = on if on.all() or weekends or span >= 7 * CYCLES else np.arange(7) < 5
    n, first, last = len(np.unique(days)), *np.array([days[0], days[-1] + 1]).view("M8[D]")
    usual = min(np.count_nonzero(time == begin), np.count_nonzero(time == end)) / n  # else daylight
    present = len(days) / max(1, hours * np.busday_count(first, last, weekmask=week.astype(int).tolist()))
    if min(usual, present) < MOST_THERE:
        return None
    start, stop = (
        f"{v // 60 % 24:02d}:{v % 60:02d}" for v in (begin * 60 // hour, (end + hour) * 60 // hour)
    )
    freq = _hours_of_week(tuple(week.tolist()), start, stop)
    row, on = calendars.place(freq, clock, values, int(values[0]))
    if not on.all():
        return None
    jumps = row[1:] - row[:-1]
    return None, freq, _over_holidays(jumps[jumps % hours == 1 % hours], int(week.sum()) * hours)


@lru_cache(128)
def _hours_of_week(week, start, end):
    """Return the offset of hours of days of the week, Monday first, (7,) bool."""
    if week == (True,) * 5 + (False,) * 2:
        return pd.offsets.BusinessHour(start=start, end=end)
    mask = " ".join(np.array(WEEKDAYS)[list(week)])
    return pd.offsets.CustomBusinessHour(weekmask=mask, start=start, end=end)


def _holidays(timeline, jumps, before, after):
    """Return which jumps (m,) of rows, from stamps to others, lead over holidays: whole days, or sessions of them."""
    if timeline.longest is None:
        return np.zeros(len(jumps), bool)
    if isinstance(timeline.freq, calendars.Pattern):
        whole = calendars.over_sessions(timeline.freq, timeline.clock, before, after)
        return (jumps <= timeline.longest) & whole
    calendar = calendars.of_offset(timeline.freq)
    is_hours = calendar is not None and calendar.kind == "work hours"
    whole = (jumps - 1) % calendar.at[2] == 0 if is_hours else True
    return (jumps <= timeline.longest) & whole


@lru_cache(4096)
def _calendar_of_few(values, unit, tz):
    """Identify as ``_calendar``, from a tuple, which can be cached."""
    return _calendar(np.array(values, np.int64), Clock("stamp", unit, tz))


def _calendar(values, clock):
    """Identify the calendar of stamps a day apart or more, most with no row missing between; or None."""
    day = 86_400 * PER_SECOND[clock.unit]
    days, time = calendars.split(values, clock)
    apart = _apart(values)
    least = int(apart.min())
    if (time != time[0]).any():
        return None
    weekly = _of_work_days(values, days, clock) if least < 7 * day and int(apart.max()) > least else None
    if weekly is not None:
        return weekly
    if least >= 25 * day:
        calendar = calendars.of_months(days)
        if calendar is not None:
            return None, calendars.to_offset(calendar, days[-1]), None
        if len(days) > 2 and calendars.most_are_neighbours(apart) is None:
            freq = calendars.inferred(values, clock)
            return None if freq is None else (None, freq, None)
    every = None if clock.tz is None else calendars.most_are_neighbours(days[1:] - days[:-1])
    return every and (None, calendars.to_offset(calendars.DayGrid("days", every), days[-1]), None)


def irregular(timeline):
    """Return whether stamps were seen that have neither a step nor a frequency."""
    return timeline is not None and timeline.n > 2 and timeline.step is None and timeline.freq is None


def left_out(timeline, stamps):
    """Return the cycle, such as "day", at the same times of which rows of a step's grid are missing; or None."""
    step, values = timeline.step, stamps.values
    if step is not None and timeline.clock.kind == "int" and not timeline.clock.default:
        return _left_out_of_count(timeline, stamps)
    if step is None or timeline.clock.kind != "stamp" or len(values) >= MOST_THERE * _rows(values, step):
        return None
    breaks = np.count_nonzero(_apart(values) > step)
    for name, days in (("day", 1), ("week", 7)):
        cycle = days * 86_400 * PER_SECOND[stamps.clock.unit]
        cycles = (int(values[-1]) - int(values[0])) / cycle
        if cycle % step or cycles < CYCLES or 2 * breaks < cycles:  # else single long gaps
            continue
        rows = np.bincount((values - values[0]) // step % (cycle // step), minlength=cycle // step)
        if np.mean(rows < SELDOM * rows.max()) > 1 - MOST_THERE:
            return name
    return None


def _left_out_of_count(timeline, stamps):
    """Return the cycle of integers of which the same rows are missing again and again, as of hhmm; or None."""
    apart = _apart(stamps.values)
    breaks = np.flatnonzero(apart > timeline.step)
    rows = breaks[1:] - breaks[:-1]
    if len(breaks) < CYCLES or (apart[breaks] != apart[breaks[0]]).any() or (rows != rows[0]).any():
        return None
    return None if codes_dates(stamps.values) else f"cycle of {rows[0]} rows"


def common_steps(stamps):
    """Name the most common distances of stamps, in words."""
    values, clock = stamps
    apart, n = np.unique(_apart(values), return_counts=True)
    most = np.argsort(-n, kind="stable")[:COMMON]
    names = [_length(int(apart[k]), clock) for k in most]
    return ", ".join(f"{name} ({n[k] / n.sum():.0%})" for name, k in zip(names, most))


def _length(step, clock):
    """Return the alias of a distance of stamps, or the number."""
    if clock.kind == "int":
        return str(step)
    day = 86_400 * PER_SECOND[clock.unit]
    length = (
        pd.offsets.Day(step // day) if step % day == 0 else pd.Timedelta(np.timedelta64(step, clock.unit))
    )
    return pd.tseries.frequencies.to_offset(length).freqstr


def spacing_name(timeline):
    """Describe the spacing of rows, in words and as an alias for ``resample`` (None where that has none)."""
    clock, step, freq = timeline.clock, timeline.step, timeline.freq
    if step is not None and clock.kind == "int":
        return str(step), None
    if step is not None:
        alias = _length(step, clock)
        return alias, alias
    return freq.freqstr, freq.freqstr if type(freq) in calendars.NAMED else None


# ---------------------------------------------------------------------------------------- where rows belong


def tells(stamps):
    """Return whether there are stamps other than a default index."""
    return stamps is not None and not stamps.clock.default


def comparable(timeline, stamps):
    """Raise where naive and aware stamps meet; False where the kinds of index differ."""
    trained, clock = timeline.clock, stamps.clock
    if trained.kind != clock.kind:
        return False
    if (trained.tz is None) != (clock.tz is None):
        has, others = ("a time zone", "none") if clock.tz else ("no time zone", "one")
        cure = "give it the zone it was written in, with tz_localize(...)"
        if clock.tz:
            cure = "take it off, on training's clock, with tz_convert(...).tz_localize(None)"
        raise ValueError(
            f"The index of these rows has {has}, but that of the training rows has {others}: {cure}."
        )
    return True


def can_place(timeline, stamps):
    """Return whether stamps can be compared with those of the rows seen."""
    return timeline is not None and tells(stamps) and comparable(timeline, stamps)


def aligned(timeline, stamps):
    """Convert stamps to the unit of a timeline; it differs only beyond the years that ns can count."""
    clock, unit = stamps.clock, timeline.clock.unit
    if clock.unit == unit:
        return stamps
    per_second, target = PER_SECOND[clock.unit], PER_SECOND[unit]
    if per_second > target:
        return Stamps(stamps.values // (per_second // target), clock._replace(unit=unit))
    if np.abs(stamps.values).max(initial=0) > LARGEST // (target // per_second):
        raise ValueError(
            f"The stamps {show(clock, stamps.values[0])} ... {show(clock, stamps.values[-1])} are beyond what an index "
            f"in {unit} can hold: give training's index in {clock.unit}, with index.as_unit({clock.unit!r})."
        )
    return Stamps(stamps.values * (target // per_second), clock._replace(unit=unit))


def check_grid(timeline, stamps, name):
    """Raise where stamps lie beside the grid of the rows seen, or closer than its rows.

    Raises
    ------
    ValueError
        Each row of the argument ``name`` would be taken for one step of training's rows, but is not.
    """
    if not can_place(timeline, stamps) or timeline.n < FEW:
        return
    values = aligned(timeline, stamps).values
    if timeline.step is not None:
        beside = values % timeline.step != timeline.last % timeline.step
    elif timeline.freq is not None:
        row, on = calendars.place(timeline.freq, timeline.clock, values, timeline.last)
        beside = ~on
        beside[1:] |= row[1:] == row[:-1]
    else:
        return
    _refuse(timeline, stamps, name, beside)


def check_not_closer(timeline, stamps, name):
    """Raise where stamps, of any series, are not whole steps of the rows seen apart, or closer than its rows.

    Raises
    ------
    ValueError
        As ``check_grid``.
    """
    if timeline.n < FEW or len(stamps.values) < 2:
        return
    values = aligned(timeline, stamps).values
    beside = np.zeros(len(values), bool)
    if timeline.step is not None:
        beside[1:] = _apart(values) % np.uint64(timeline.step) != 0
    elif timeline.freq is not None:
        row, _ = calendars.place(timeline.freq, timeline.clock, values, int(values[0]))
        beside[1:] = row[1:] == row[:-1]
    _refuse(timeline, stamps, name, beside)


def _refuse(timeline, stamps, name, beside):
    """Raise for the first of the stamps ``beside`` (n,) the grid of the rows seen, if there is one."""
    if not beside.any():
        return
    first, (words, alias) = int(np.argmax(beside)), spacing_name(timeline)
    values = aligned(timeline, stamps).values
    cure = f"{name}.groupby(...) or {name}.reindex(...)"
    if alias:
        cure = _to_grid(timeline, values[-1], alias, name)
    if timeline.step is not None and calendars.whole_by_clock(timeline, values[first]):
        cure = (
            f"tz_localize(None), of training's index too: clocks change by less than {words} between the two"
        )
    raise ValueError(
        f"{name} has a row at {show(stamps.clock, stamps.values[first])}, which is off the grid of the training rows "
        f"({show(timeline.clock, timeline.last)} and every {words}), where each row is one step. Resample {name} to "
        f"that grid first, for example with {cure}, or fit a model on rows like these."
    )


def _to_grid(timeline, last, alias, name):
    """Return what brings an argument, up to its last stamp, to the grid of a timeline that pandas calls ``alias``."""
    clock, step = timeline.clock, timeline.step
    if _from_midnight(timeline):
        return f"{name}.resample({alias!r}).mean()"
    if step is not None:
        return f"{name}.resample({alias!r}, origin={str(show(clock, timeline.last))!r}).mean()"
    ends = to_index(clock, np.array([timeline.first, last])).tz_localize(None)
    zone = "" if clock.tz is None else f", tz={name}.index.tz"
    grid = f"pd.date_range({str(ends[0])!r}, {str(ends[1])!r}, freq={alias!r}{zone})"
    return f"{name}[{name}.index.isin({grid})]"  # resample lays days, weeks and months from midnight on


def _from_midnight(timeline):
    """Return whether ``resample`` finds the grid of a timeline by itself, which it lays from midnight on."""
    clock, step = timeline.clock, timeline.step
    if clock.kind != "stamp":
        return True
    _, time = calendars.split(np.array([timeline.last]), clock)
    within = 86_400 * PER_SECOND[clock.unit] if step is None else step
    return 86_400 * PER_SECOND[clock.unit] % within == 0 and int(time[0]) % within == 0


def check_not_coarser(timeline, stamps, name):
    """Raise where the rows are regular, but no two are as close as those seen: each would be taken for one step."""
    if not can_place(timeline, stamps) or irregular(timeline) or timeline.n < FEW or len(stamps.values) < 3:
        return
    stamps = aligned(timeline, stamps)
    rows = _on_grid(timeline, stamps.values)
    first, last = _on_grid(timeline, np.array([timeline.first, timeline.last]))
    is_sparse = timeline.n < DENSE * (last - first + 1)
    # few such rows may be apart by chance, or left out of training's
    if len(rows) < FEW and (is_sparse or rows[0] < last):
        return
    apart = rows[1:] - rows[:-1]
    if apart.min() < 2 or not _is_regular(stamps, apart):
        return
    words, alias = spacing_name(timeline)
    filled = "" if name == "y" else ", method='ffill'"  # a y that was not measured is NaN
    cure = f", for example with {name}.asfreq({alias!r}{filled})," if alias else ""
    raise ValueError(
        f"{name} has rows {int(np.median(apart))} steps of the training grid apart (a row every {words}), but each "
        f"row would count as one step. Give all rows of that grid{cure} with NaN in y where it is not known, or fit a "
        "model on rows like these."
    )


def _on_grid(timeline, values):
    """Number stamps (n,) by the rows of a grid that has a step or a frequency."""
    if timeline.step is not None:
        return values // timeline.step
    return calendars.place(timeline.freq, timeline.clock, values, timeline.last)[0]


def _is_regular(stamps, apart):
    """Return whether stamps, ``apart`` (m,) rows of another grid, have a step or a calendar of their own."""
    if apart.min() == apart.max():
        return True
    own = read(stamps)
    return own.freq is not None or (own.step is not None and len(stamps.values) >= FEW)


# ---------------------------------------------------------------------------------------- what is missing


def missing_between(timeline, stamp):
    """Count the rows missing between the end of a timeline and a later stamp; 0 if it follows."""
    if timeline.step is not None:
        return max(0, -(-(int(stamp) - timeline.last) // timeline.step) - 1)
    before, after = np.array([timeline.last]), np.array([stamp], np.int64)
    return int(_missing(timeline, before, after)[0])


def missing_before(stamps, rows, timeline=None):
    """Count the rows missing before each of rows (m,) > 0 of a series, int64, by a timeline or its own spacing."""
    timeline = timeline or read(stamps)
    values, rows = aligned(timeline, stamps).values, np.asarray(rows, np.int64)
    return _missing(timeline, values[rows - 1], values[rows])


def _missing(timeline, before, after):
    """Count the rows missing between stamps ``before`` and ``after`` (m,), int64."""
    if len(before) == 0 or (timeline.step, timeline.freq, timeline.longest) == (None, None, None):
        return np.zeros(len(before), np.int64)
    apart = after.view(np.uint64) - before.view(np.uint64)
    if timeline.step is not None:
        rows = (apart - np.uint64(1)) // np.uint64(timeline.step)
    elif timeline.freq is not None:
        stamps = np.concatenate([before, after])
        order = np.argsort(stamps, kind="stable")
        row, on = (np.empty_like(stamps), np.empty(len(stamps), bool))
        row[order], on[order] = calendars.place(timeline.freq, timeline.clock, stamps[order], timeline.last)
        rows = row[len(before) :] - row[: len(before)] - on[len(before) :]
    else:
        rows = np.ceil(FAR * (apart / timeline.longest)) - 1
    if timeline.longest is not None:
        follows = (
            apart <= timeline.longest
            if timeline.freq is None
            else _holidays(timeline, rows + 1, before, after)
        )
        rows = np.where(follows, 0, rows)
    return np.maximum(np.minimum(rows, LARGEST // 2).astype(np.int64), 0)


def gap_starts(stamps, timeline=None):
    """Return the rows (m,) before which others are missing, by a series' own spacing or a timeline, ascending."""
    nothing = np.empty(0, np.int64)
    if stamps is None or len(stamps.values) < 2:
        return nothing
    timeline = timeline or read(stamps)
    values = aligned(timeline, stamps).values
    if timeline.step is not None:
        gaps = _apart(values) > timeline.step
    elif timeline.freq is None:
        return nothing  # irregular: rows are one step apart, whatever lies between
    else:
        row, _ = calendars.place(timeline.freq, timeline.clock, values, int(values[0]))
        jumps = row[1:] - row[:-1]
        gaps = (jumps > 1) & ~_holidays(timeline, jumps, values[:-1], values[1:])
    return np.flatnonzero(gaps) + 1


def positions(stamps, n):
    """Number rows (n,) on the regular grid of stamps, if any: beyond a gap numbers jump, by MOST_MISSING at most."""
    jumps = np.ones(n, np.int64)
    jumps[:1] = 0
    rows = gap_starts(stamps)
    if len(rows):
        jumps[rows] += np.minimum(missing_before(stamps, rows), MOST_MISSING)
    return jumps.cumsum()


def spread(v, at):
    """Put v (N,) on the regular grid, at rows ``at``; NaN in the gaps."""
    full = np.full(at[-1] + 1, np.nan)
    full[at] = v
    return full


# ---------------------------------------------------------------------------------------- what comes next


def future(timeline, steps):
    """Return the index of the next ``steps`` rows; None where the stamps are irregular."""
    values, regular = ahead([timeline], steps)
    return to_index(timeline.clock, values[0]) if regular[0] else None


def ahead(timelines, steps):
    """Continue S timelines: stamps (S, steps) of the rows after each, and for which they are known, (S,).

    Integers beyond int64 are Python's own.
    """
    values, regular = np.zeros((len(timelines), steps), np.int64), np.zeros(len(timelines), bool)
    alike = {}
    for s, timeline in enumerate(timelines):
        if timeline is not None and (timeline.step is not None or timeline.freq is not None):
            key = timeline.step, timeline.freq, timeline.clock.unit, timeline.clock.tz
            alike.setdefault(key, []).append(s)
    for (step, freq, *_), group in alike.items():
        clock = timelines[group[0]].clock
        last = np.array([timelines[s].last for s in group])
        if step is None:
            try:
                values[group] = calendars.ahead(freq, clock, last, steps)
            except OverflowError:
                raise _too_late(last, clock) from None
        elif int(last.max()) + steps * step > LARGEST:
            values = values.astype(object)
            values[group] = _beyond(last, steps, step, clock)
        else:
            values[group] = last[:, None] + step * np.arange(1, steps + 1)
        regular[group] = True
    return values, regular


def _beyond(last, steps, step, clock):
    """Continue stamps (S, steps) beyond int64."""
    if clock.kind != "int":
        raise _too_late(last, clock)
    return [[end + k * step for k in range(1, steps + 1)] for end in last.tolist()]


def _too_late(last, clock):
    """Return the error for stamps beyond what ns can count."""
    cure = ", or give training's index in us, with index.as_unit('us')" if clock.shown == "ns" else ""
    return ValueError(
        f"The rows after {show(clock, int(last.max()))} are beyond what an index in {clock.unit} can hold: ask for "
        f"fewer steps{cure}."
    )


def row_before(timeline, stamp):
    """Return the stamp of the row before that of a stamp, of a timeline with a step or a frequency."""
    if timeline.step is not None:
        return stamp - timeline.step
    if isinstance(timeline.freq, calendars.Pattern):
        return calendars.before(timeline.freq, timeline.clock, stamp)
    clock = timeline.clock._replace(period=None, freq=None, shown=timeline.clock.unit)
    before = to_index(clock, np.array([stamp]))[0] - timeline.freq
    return int(before.as_unit(clock.unit).to_datetime64().astype(np.int64))


def extend(timeline, stamps):
    """Extend a timeline by rows; their spacing was identified from the first ones, once there are enough."""
    if timeline is None or stamps is None or len(stamps.values) == 0:
        return read(stamps)
    values, clock = aligned(timeline, stamps)
    if _is_guess(timeline, len(values)):
        several = values if len(values) >= FEW else np.concatenate([[timeline.last], values])
        step, freq, longest = _spacing(several, clock)
        timeline = timeline._replace(step=step, freq=freq, longest=longest)
    return timeline._replace(last=int(values[-1]), n=timeline.n + len(values))


def _is_guess(timeline, n):
    """Return whether n more rows identify the spacing better than those seen."""
    if timeline.clock.freq is not None and (timeline.step is not None or timeline.freq is not None):
        return False
    return timeline.n == 1 or (timeline.n < FEW <= n)


def advance(timeline, steps):
    """Advance a timeline by ``steps`` rows that came without stamps; None where those are unknown."""
    if timeline is None or (timeline.step is None and timeline.freq is None):
        return None
    if timeline.step is not None:
        last = timeline.last + steps * timeline.step
    else:
        last = int(calendars.ahead(timeline.freq, timeline.clock, [timeline.last], steps)[0, -1])
    return timeline._replace(last=last, n=timeline.n + steps)
