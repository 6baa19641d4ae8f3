"""Calendars as numbers: the row of a stamp on a grid, and the stamp of a row.

In local time, d the number of a day (1970-01-01 is 0), m that of a month and a(m) the day on which it has its row,

    days        (d - d0) / k
    work days   count of work days in [d0, d) / k
    work hours  H (count of work days) + hours since the first of its H
    months      (m - m0) / k,  d = a(m)      a : the first or last day, the first or last weekday, or a day's number
    pattern     K c + k                      the k-th of the K stamps of cycle c, a day, a week or a month

is the number of the row after the origin; it is an integer, and the time of day that of the origin, where a stamp lies
on the grid.  For other offsets (half months, fiscal quarters) pandas generates the grid.
"""

import warnings
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .._values import kept
from .stamps import LARGEST, PER_SECOND, Clock, to_index


offsets = pd.offsets
FEW = 64  # stamps, whose rows are kept
MOST_ROWS = 10_000  # of a grid that pandas makes, beyond those that are there
CYCLES = 4  # weeks or months, in which what has no row, where few others are missing, never has any
MOST_THERE = 0.8  # share of the rows of a grid from which stamps are taken to lie on it
MOST_OF_SLOT = 0.7  # of four weeks one may be a holiday
MOST_OF_MONTH = 8  # days of a month in a pattern
MOST_OF_DAY = 48  # times of a day in one that is a step by the local clock
MONTHS = {  # class: (months, where in the month)
    offsets.MonthBegin: (1, "start"),
    offsets.MonthEnd: (1, "end"),
    offsets.BMonthBegin: (1, "first weekday"),
    offsets.BMonthEnd: (1, "last weekday"),
    offsets.QuarterBegin: (3, "start"),
    offsets.QuarterEnd: (3, "end"),
    offsets.BQuarterBegin: (3, "first weekday"),
    offsets.BQuarterEnd: (3, "last weekday"),
    offsets.YearBegin: (12, "start"),
    offsets.YearEnd: (12, "end"),
    offsets.BYearBegin: (12, "first weekday"),
    offsets.BYearEnd: (12, "last weekday"),
}
NAMED = {*MONTHS, offsets.Day, offsets.Week, offsets.BusinessDay}  # whose name determines them
WEEKDAYS = np.busdaycalendar()
MONDAY = 3  # days from a Monday to the first of 1970, a Thursday
EARLY_HOURS = 4 * 3600  # seconds of a day, before which clocks may change
EARLY = np.datetime64(-(10**6), "D")  # before all stamps; where the count of work days begins


class DayGrid(NamedTuple):
    """A grid of days.

    kind : "days", "work days", "work hours", "months" or "pattern".   every : rows are so many of them apart.   at : of
    months the day, or a rule; of work days their calendar; of work hours the calendar, the second of the day when they
    begin, and their number; of a pattern the ``Pattern``.
    """

    kind: str
    every: int
    at: Any = None


@kept("pattern")
class Pattern(NamedTuple):
    """Stamps that recur in each cycle, where pandas has no offset for them.

    cycle : "day", "week" or "month".   at : (K,) ints, ascending: seconds after the cycle begins (a week on Monday),
    in local time; of months the days' numbers, 31 for the last.
    """

    cycle: str
    at: tuple

    @property
    def freqstr(self):
        """Say what it is, where pandas gives an offset's alias."""
        return f"one of {len(self.at)} stamps a {self.cycle}"


# ---------------------------------------------------------------------------------------- offsets of pandas


@lru_cache(256)
def of_offset(freq):
    """Return the calendar of a pandas offset or a pattern, or None for other offsets."""
    offset = type(freq)
    if offset is Pattern:
        return DayGrid("pattern", 1, freq)
    if freq.normalize or freq.n < 1:
        return None
    if offset in MONTHS:
        months, at = MONTHS[offset]
        return DayGrid("months", months * freq.n, at)
    if offset is offsets.Day:
        return DayGrid("days", freq.n)
    if offset is offsets.Week and freq.weekday is not None:
        return DayGrid("days", 7 * freq.n)
    if offset in (offsets.BusinessDay, offsets.CustomBusinessDay) and not freq.offset:
        work = freq.calendar if offset is offsets.CustomBusinessDay else WEEKDAYS
        return DayGrid("work days", freq.n, work) if isinstance(work, np.busdaycalendar) else None
    if offset in (offsets.BusinessHour, offsets.CustomBusinessHour):
        return _of_hours(freq)
    if offset is pd.DateOffset and set(freq.kwds) in ({"months"}, {"years"}, {"months", "day"}):
        months = freq.kwds.get("months", 0) + 12 * freq.kwds.get("years", 0)
        return DayGrid("months", months * freq.n, freq.kwds.get("day")) if months > 0 else None
    return None


def _of_hours(freq):
    """Return the calendar of business hours, one stretch of whole hours within a day; or None."""
    work, begin, hours = _stretch(freq) or (None, 0, 0)
    within_a_day = work is not None and begin + 3600 * hours <= 86_400
    return DayGrid("work hours", 1, (work, begin, hours)) if within_a_day else None


def _stretch(freq):
    """Return the days of business hours, the second of the day when they begin and how many they are; or None."""
    work = freq.calendar if type(freq) is offsets.CustomBusinessHour else WEEKDAYS
    if freq.n != 1 or freq.offset or len(freq.start) != 1 or not isinstance(work, np.busdaycalendar):
        return None
    begin, end = (3600 * v[0].hour + 60 * v[0].minute for v in (freq.start, freq.end))
    hours, rest = divmod((end - begin) % 86_400, 3600)
    return (work, begin, hours) if hours > 0 and rest == 0 else None


@lru_cache(64)
def _at_night(freq):
    """Return the pattern of business hours that go over midnight or changes of the clock, or None."""
    work, begin, hours = _stretch(freq) or (None, 0, 0)
    if work is None or len(work.holidays):
        return None
    day, hour = np.flatnonzero(work.weekmask)[:, None], np.arange(hours)
    at = np.unique((86_400 * day + begin + 3600 * hour) % (7 * 86_400))
    return DayGrid("pattern", 1, Pattern("week", tuple(at.tolist())))


def _known(freq, day, time, clock):
    """Return the calendar of an offset for rows that continue from a day and its time (S,), or None."""
    calendar = of_offset(freq)
    if type(freq) in (offsets.BusinessHour, offsets.CustomBusinessHour):
        if calendar is None or not is_day_time(calendar.at[1], clock):
            calendar = _at_night(freq)
        begin = 0 if calendar is None else _stretch(freq)[1]  # hours may be counted from another minute
        whole = (time - begin * PER_SECOND[clock.unit]) % (3600 * PER_SECOND[clock.unit]) == 0
        return calendar if np.all(whole) else None
    if calendar is not None and calendar.kind == "months" and calendar.at is None:
        at = day - _day_of(_month(day), "start") + 1
        # the 31st becomes the 28th, and stays it
        return calendar._replace(at=at) if (at <= 28).all() else None
    return calendar


def is_day_time(second, clock):
    """Return whether clocks never change after a second of the day: they do at night."""
    return clock.is_utc or second >= EARLY_HOURS


def fixed(freq, clock):
    """Return the constant distance of an offset's rows, in the clock's unit, or None."""
    return _fixed(freq, clock.unit, clock.tz is not None)


@lru_cache(256)
def _fixed(freq, unit, is_local):
    """Compute ``fixed``, cached."""
    if isinstance(freq, offsets.Tick) and not isinstance(freq, offsets.Day):
        length = pd.Timedelta(freq).as_unit("ns").value
    elif isinstance(freq, (offsets.Day, offsets.Week)) and not is_local and of_offset(freq) is not None:
        length = of_offset(freq).every * 86_400 * 10**9
    else:
        return None
    length, rest = divmod(length * PER_SECOND[unit], 10**9)
    return length if length > 0 and rest == 0 else None


def to_offset(calendar, day):
    """Return the pandas offset of a calendar; ``day`` : one of its days."""
    n = calendar.every
    if calendar.kind == "days":
        return offsets.Day(n) if n % 7 else offsets.Week(n // 7, weekday=int(weekday(day)))
    if calendar.kind == "work days":
        return offsets.BDay(n)
    if calendar.at not in {at for _, at in MONTHS.values()}:
        return pd.DateOffset(months=n, day=calendar.at)
    month = int(_month([day])[0]) % 12 + 1
    months = 12 if n % 12 == 0 else 3 if n % 3 == 0 else 1
    kind = {at_and: kind for kind, at_and in MONTHS.items()}[months, calendar.at]
    if months == 1:
        return kind(n)
    if months == 12:
        return kind(n // 12, month=month)
    ends = calendar.at in ("end", "last weekday")
    return kind(n // 3, startingMonth=(month - 1) % 3 + (10 if ends else 1))


# ---------------------------------------------------------------------------------------- rows of a grid


def place(freq, clock, values, origin):
    """Count rows (n,) int64 of stamps (n,) from an origin on the grid, rounded down, and whether they lie on it."""
    if len(values) <= FEW:  # series of a panel often have the same ones
        return tuple(map(np.array, _place_few(freq, clock.unit, clock.tz, tuple(values.tolist()), origin)))
    return _place(freq, clock, values, origin)


@lru_cache(4096)
def _place_few(freq, unit, tz, values, origin):
    """Compute ``place`` for a tuple of stamps, cached."""
    row, on = _place(freq, Clock("stamp", unit, tz), np.array(values, np.int64), origin)
    return row.tolist(), on.tolist()


def _place(freq, clock, values, origin):
    """Compute ``place``, uncached."""
    day0, time0 = split(np.array([origin]), clock)
    calendar = _known(freq, day0, time0, clock)
    if calendar is None:
        return _place_by_pandas(freq, clock, values, origin)
    day, time = split(values, clock)
    if calendar.kind == "days":
        on, days = time == time0, day - day0
        if not on.all():  # before a clock change 24 hours are the same as a local day
            whole, rest = np.divmod(values - origin, 86_400 * PER_SECOND[clock.unit])
            on, days = (rest == 0, whole) if (rest == 0).all() else (on, days)
        row, rest = np.divmod(days, calendar.every)
        return row, on & (rest == 0)
    if calendar.kind == "work hours":
        row, on = _work_hours(day, time, calendar.at, clock)
        return row - _work_hours(day0, time0, calendar.at, clock)[0], on
    if calendar.kind == "pattern":
        row, on = slots(calendar.at, values, clock)
        is_same = (time == time0) | (calendar.at.cycle != "month")
        return row - slots(calendar.at, np.array([origin]), clock)[0], on & is_same
    if calendar.kind == "work days":
        row, on = _work_days(day, calendar.at)
        row -= _work_days(day0, calendar.at)[0]
    else:
        month = _month(day)
        target = _day_of(month, calendar.at)
        on = _near(day, target, calendar.at)
        row = month - _month(day0) - ((day < target) & ~on)
    row, rest = np.divmod(row, calendar.every)
    return row, on & (time == time0) & (rest == 0)


def ahead(freq, clock, origins, steps):
    """Return stamps (S, steps) of the rows 1 ... steps after origins (S,); OverflowError beyond int64."""
    origins, k = np.asarray(origins, np.int64), np.arange(1, steps + 1)
    day, time = (v[:, None] for v in split(origins, clock))
    calendar = _known(freq, day, time, clock)
    if calendar is None:
        return np.stack([_ahead_by_pandas(freq, clock, origin, steps) for origin in origins.tolist()])
    k = k * calendar.every
    if calendar.kind == "days":
        days = day + k
    elif calendar.kind == "work hours":
        work, begin, hours = calendar.at
        hour = 3600 * PER_SECOND[clock.unit]
        begin *= PER_SECOND[clock.unit]
        ahead_days, passed = np.divmod((time - begin) // hour + k, hours)
        dates = np.busday_offset(
            np.ascontiguousarray(day).view("M8[D]"), ahead_days, roll="backward", busdaycal=work
        )
        days, time = dates.astype(np.int64), begin + hour * passed
    elif calendar.kind == "pattern":
        row = slots(calendar.at, origins[:, None], clock)[0]
        return _of_slots(calendar.at, row + k, origins[:, None], clock)
    elif calendar.kind == "work days":
        dates = np.busday_offset(
            np.ascontiguousarray(day).view("M8[D]"), k, roll="backward", busdaycal=calendar.at
        )
        days = dates.astype(np.int64)
    else:
        days = _day_of(_month(day) + k, calendar.at)
    return _joined(days, time, clock)


def of_months(day):
    """Identify the calendar of months on which days (n,) lie, ascending, most of them neighbours; or None."""
    month = _month(day)
    first = _day_of(month, "start")
    at = day - first + 1
    for rule in ("end", int(at[0]), "first weekday", "last weekday", int(at.max())):
        if (day == _day_of(month, rule)).all():
            every = most_are_neighbours(month[1:] - month[:-1])
            rule = "start" if rule == 1 else "end" if rule == 31 else rule
            return None if every is None else DayGrid("months", every, rule)
    return None


def most_are_neighbours(apart):
    """Return the least of distances (n,) > 0 if all are multiples of it and at least half are it; else None."""
    least = apart.min()
    if least == apart.max():
        return int(least) or None
    if least == 0 or 2 * np.count_nonzero(apart == least) < len(apart) or (apart % least).any():
        return None
    return int(least)


# ---------------------------------------------------------------------------------------- patterns


def _in_unit(pattern, clock):
    """Return when the stamps of a cycle of days are (K,), and how long it is, in the clock's unit."""
    second = PER_SECOND[clock.unit]
    return np.array(pattern.at) * second, {"day": 1, "week": 7}[pattern.cycle] * 86_400 * second


def _numbers(pattern, values, clock):
    """Count stamps of a pattern up to each of stamps (any shape), by the local clock; whether each is one.

    A number modulo K is a stamp's place in the cycle.  Where clocks are set forward numbers are left out, where they
    are set back they come twice.
    """
    if pattern.cycle == "month":
        day, _ = split(values, clock)
        at, whole = np.array(pattern.at), _month(day)
        targets = _day_of(whole[..., None], at)
        passed = (targets <= day[..., None]).sum(-1) - 1
        return whole * len(at) + passed, (targets == day[..., None]).any(-1)
    return _count(pattern, _local(values, clock), clock)


def _count(pattern, times, clock):
    """Count as ``_numbers``, up to local times (any shape); of days or weeks."""
    at, cycle = _in_unit(pattern, clock)
    whole, inside = np.divmod(times + MONDAY * 86_400 * PER_SECOND[clock.unit], cycle)
    passed = np.searchsorted(at, inside, side="right") - 1
    return whole * len(at) + passed, at[passed] == inside


@lru_cache(64)
def _between_changes(pattern, unit, tz):
    """Return when clocks change, how far they then are ahead, the rows before and the number of the last; all (J,)."""
    changes, shifts = _shifts(tz, unit)
    begin, end = ((changes[k:][: len(changes) - 1] + shifts[:-1] - 1) for k in (0, 1))
    clock = Clock("stamp", unit)
    numbers = _count(pattern, begin, clock)[0]
    rows = _count(pattern, end, clock)[0] - numbers
    return changes[:-1], shifts[:-1], rows.cumsum() - rows, numbers


def _by_clock(pattern, clock):
    """Return whether the rows of a pattern are not its numbers: those of times at which clocks may change."""
    return pattern.cycle != "month" and not clock.is_utc


def slots(pattern, values, clock):
    """Count rows of a pattern up to each of stamps (any shape); whether each is one.

    In local time, c(j) when the clocks change for the j-th time and N a number of ``_numbers``, the row of a stamp t is
    the count of rows before c(j) and N(t) - N(just before c(j)).
    """
    number, on = _numbers(pattern, values, clock)
    if not _by_clock(pattern, clock):
        return number, on
    changes, _, rows, numbers = _between_changes(pattern, clock.unit, clock.tz)
    j = np.maximum(np.searchsorted(changes, values, side="right") - 1, 0)
    return rows[j] + number - numbers[j] - 1, on


def _of_slots(pattern, row, like, clock):
    """Return the stamps of the rows of a pattern that ``slots`` counts so; of months at the time of day of ``like``."""
    if pattern.cycle == "month":
        whole, passed = np.divmod(row, len(pattern.at))
        return _joined(_day_of(whole, np.array(pattern.at)[passed]), split(like, clock)[1], clock)
    shift, number = 0, row
    if _by_clock(pattern, clock):
        _, shifts, rows, numbers = _between_changes(pattern, clock.unit, clock.tz)
        j = np.searchsorted(rows, row, side="right") - 1
        shift, number = shifts[j], row - rows[j] + numbers[j] + 1
    at, cycle = _in_unit(pattern, clock)
    whole, passed = np.divmod(number, len(at))
    if int(whole.max(initial=0)) >= LARGEST // cycle - 1:
        raise OverflowError
    return whole * cycle + at[passed] - MONDAY * 86_400 * PER_SECOND[clock.unit] - shift


def before(pattern, clock, stamp):
    """Return the stamp of a pattern before one of its stamps."""
    values = np.array([stamp])
    return int(_of_slots(pattern, slots(pattern, values, clock)[0] - 1, values, clock)[0])


@lru_cache(64)
def _opens(pattern):
    """Return which stamps of a pattern come after a break, (K,) bool; none where they are not the lesser part."""
    if pattern.cycle == "month":
        return np.zeros(len(pattern.at), bool)
    at, cycle = _in_unit(pattern, Clock("stamp", "s"))
    apart = np.diff(at, prepend=at[-1] - cycle)
    opens = apart > apart.min()
    return opens & (2 * opens.sum() <= len(at))


def over_sessions(pattern, clock, earlier, later):
    """Return between which stamps (m,) of a pattern whole sessions, those between two breaks, are missing or none."""
    opens = _opens(pattern)
    (ends, _), (begins, _) = (_numbers(pattern, v, clock) for v in (earlier, later))
    return opens[(ends + 1) % len(opens)] & opens[begins % len(opens)]


def whole_by_clock(timeline, stamp):
    """Return whether a stamp is whole steps from a timeline's last by the local clock, and not otherwise."""
    both = np.array([timeline.last, stamp])
    clock, whole = timeline.clock, (both[1] - both[0]) % timeline.step == 0
    return clock.kind == "stamp" and not whole and np.diff(_local(both, clock))[0] % timeline.step == 0


def of_local_clock(values, clock):
    """Identify the step by the local clock of stamps (n,), as the times of a day; None without one."""
    local, second = _local(values, clock), PER_SECOND[clock.unit]
    apart, day = local[1:] - local[:-1], 86_400 * second
    step = most_are_neighbours(apart) if apart.min() > 0 else None
    if step is None or day % step or step % second or local[0] % second or day // step > MOST_OF_DAY:
        return None
    pattern = Pattern("day", tuple((np.arange(local[0] % step, day, step) // second).tolist()))
    rows = slots(pattern, values, clock)[0]
    return pattern if (rows[1:] > rows[:-1]).all() else None


def of_pattern(values, clock):
    """Identify the times of the day or the week, or the days of the month, of stamps (n,); None where one is a guess.

    Most of its stamps are there, none besides, and each of them from about the first cycle to about the last:
    the hours of daylight come and go.
    """
    days, time = split(values, clock)
    if days[-1] - days[0] < 7 * CYCLES or (time % PER_SECOND[clock.unit]).any():
        return None
    seconds, day = time // PER_SECOND[clock.unit], weekday(days)
    times, at, weekdays = np.unique(seconds), np.unique(day * 86_400 + seconds), np.unique(day)
    pattern, slot = Pattern("week", tuple(at.tolist())), np.arange(len(at))
    K, groups = len(at), {CYCLES * len(at): slot}
    if len(at) == len(weekdays) * len(times):  # the same times on each of these days
        groups = {3 * len(times): slot % len(times), 2 * K: slot // len(times)}
        if len(weekdays) == 7:
            pattern, groups = Pattern("day", tuple(times.tolist())), {3 * len(times): np.arange(len(times))}
    if _is_usual(pattern, groups, values, clock):
        return pattern
    months = _month(days)
    if len(times) > 1 or months[-1] - months[0] < CYCLES:
        return None
    number = days - _day_of(months, "start") + 1
    for numbers in (number, np.where(days == _day_of(months, "end"), 31, number)):
        pattern = Pattern("month", tuple(np.unique(numbers).tolist()))
        K = len(pattern.at)
        if 2 <= K <= MOST_OF_MONTH and _is_usual(pattern, {CYCLES * K: np.arange(K)}, values, clock):
            return pattern
    return None


def _is_usual(pattern, groups, values, clock):
    """Return whether stamps are those of a pattern, most of each group of its slots, from begin to end.

    groups : {rows from the first and to the last, within which each group is seen: numbers of groups (K,)}.
    """
    row, on = _numbers(pattern, values, clock)
    first, last = int(row[0]), int(row[-1])
    rows = slots(pattern, values, clock)[0]
    if not on.all() or len(row) < MOST_THERE * (last - first + 1) or (rows[1:] == rows[:-1]).any():
        return False
    for within, group in groups.items():
        which, expected = group[row % len(group)], group[np.arange(first, last + 1) % len(group)]
        if (np.bincount(which) < MOST_OF_SLOT * np.bincount(expected)).any():
            return False
        begins, ends = (np.unique(v, return_index=True)[1] for v in (which, which[::-1]))
        if max((row[begins] - first).max(), (last - row[::-1][ends]).max()) > within:
            return False
    return True


# ---------------------------------------------------------------------------------------- days and local time


def split(values, clock):
    """Split stamps into local days (n,) and times of day (n,)."""
    return np.divmod(_local(values, clock), 86_400 * PER_SECOND[clock.unit])


def _local(values, clock):
    """Convert stamps to local wall-clock time."""
    if clock.is_utc:
        return values
    changes, shifts = _shifts(clock.tz, clock.unit)
    if len(values) and changes[0] <= values.min() and values.max() < changes[-1]:
        return values + shifts[np.searchsorted(changes, values, side="right") - 1]
    return _local_by_pandas(values, clock.tz, clock.unit)


def _local_by_pandas(values, tz, unit):
    """Convert stamps to local wall-clock time, by pandas."""
    return to_index(Clock("stamp", unit, tz, shown=unit), values).tz_localize(None).asi8


@lru_cache(64)
def _shifts(tz, unit):
    """Return when a zone's clocks change, 1900 to 2100, and how far ahead of UTC they then are, (K,) int64 each."""
    second = PER_SECOND[unit]

    def shift(values):
        return _local_by_pandas(values, tz, unit) - values

    days = np.arange(*np.array(["1900-01-01", "2100-01-01"], "M8[D]").astype(np.int64)) * (86_400 * second)
    ahead = shift(days)
    at = np.flatnonzero(ahead[1:] != ahead[:-1])
    early, late = days[at], days[at + 1]
    while len(at) and (late[0] - early[0]) > second:  # halved, for all changes at once
        middle = early + (late - early) // (2 * second) * second
        is_early = shift(middle) == ahead[at]
        early, late = np.where(is_early, middle, early), np.where(is_early, late, middle)
    changes = np.concatenate([days[:1], late, days[-1:]])
    return changes, np.concatenate([ahead[:1], ahead[at + 1], ahead[-1:]])


def _joined(days, time, clock):
    """Join local days and times of day to stamps (S, steps); OverflowError beyond int64."""
    if int(days.max(initial=0)) >= LARGEST // (86_400 * PER_SECOND[clock.unit]) - 1:
        raise OverflowError
    values = days * (86_400 * PER_SECOND[clock.unit]) + time
    if clock.is_utc:
        return values
    local = pd.DatetimeIndex(values.ravel().view(f"M8[{clock.unit}]"))
    first = np.ones(len(local), bool)  # of the two that a clock set back shows
    index = local.tz_localize(clock.tz, ambiguous=first, nonexistent="shift_forward")
    return index.asi8.reshape(values.shape)


def weekday(day):
    """Return the days of the week, Monday 0, of days since 1970."""
    return (day + MONDAY) % 7


def _month(day):
    """Count months since 1970 of days."""
    return np.ascontiguousarray(day, np.int64).view("M8[D]").astype("M8[M]").astype(np.int64)


def _first_day(month):
    """Return the first days of months since 1970."""
    return np.ascontiguousarray(month, np.int64).view("M8[M]").astype("M8[D]").astype(np.int64)


def _day_of(month, at):
    """Return the day of a month: start or end, first or last weekday, or a number (at most its last)."""
    start, end = _first_day(month), _first_day(month + 1) - 1
    if not isinstance(at, str):
        return np.minimum(start + (at - 1), end)
    if at == "start":
        return start
    if at == "end":
        return end
    if at == "first weekday":
        return start + np.where(weekday(start) > 4, 7 - weekday(start), 0)
    return end - np.maximum(weekday(end) - 4, 0)


def _near(day, target, at):
    """Return whether days are where a month has its row; its ends may all have been weekdays by chance."""
    for rules in (("start", "first weekday"), ("end", "last weekday")):
        if isinstance(at, str) and at in rules:
            month = _month(day)
            return (day == _day_of(month, rules[0])) | (day == _day_of(month, rules[1]))
    return day == target


def _work_days(day, work):
    """Count work days up to each day (n,); returns counts and whether each day is one."""
    dates = day.view("M8[D]")
    on = np.is_busday(dates, busdaycal=work)
    return np.busday_count(EARLY, dates, busdaycal=work) + on, on


def _work_hours(day, time, at, clock):
    """Count hours up to each stamp, of days and times of day (n,); returns counts and whether each is one."""
    work, begin, hours = at
    count, on = _work_days(day, work)
    passed, rest = np.divmod(time - begin * PER_SECOND[clock.unit], 3600 * PER_SECOND[clock.unit])
    last = np.where(on, np.clip(passed, -1, hours - 1), hours - 1)
    return (count - 1) * hours + last, on & (rest == 0) & (passed >= 0) & (passed < hours)


# ---------------------------------------------------------------------------------------- grids that pandas generates


def _stamp(clock, value):
    """Convert a number to a stamp of pandas."""
    return to_index(Clock("stamp", clock.unit, clock.tz, shown=clock.unit), [value])[0]


@lru_cache(64)
def _grid(freq, clock, first, last, most):
    """Generate stamps of an offset's grid from ``first`` to the first one beyond ``last``, at most ``most``; int64."""
    stamp, grid, rows = _stamp(clock, first), np.empty(0, np.int64), 64
    while len(grid) < most and (len(grid) == 0 or grid[-1] <= last):
        rows = min(2 * rows, most)
        try:
            new = pd.date_range(stamp, periods=rows + 1, freq=freq)
        except pd.errors.OutOfBoundsDatetime:
            new = pd.date_range(stamp, _stamp(clock, last), freq=freq)
        new = new.as_unit(clock.unit).asi8[len(grid) > 0 :]  # the first one is there already
        if len(new) == 0:
            break
        grid = np.concatenate([grid, new])
        stamp = _stamp(clock, int(grid[-1]))
    return grid[:most]


def _place_by_pandas(freq, clock, values, origin):
    """Place as ``place``, on a grid generated by pandas up to a limit; beyond it by the mean distance."""
    first, last = min(int(values[0]), origin), max(int(values[-1]), origin)
    grid = _grid(freq, Clock("stamp", clock.unit, clock.tz), first, last, 2 * len(values) + MOST_ROWS)
    if len(grid) < 2:
        return np.zeros(len(values), np.int64), np.ones(len(values), bool)
    mean = (int(grid[-1]) - int(grid[0])) / (len(grid) - 1)

    def row(stamps):
        beyond = np.maximum(stamps - grid[-1], 0)
        return np.searchsorted(grid, stamps, side="right") - 1 + (beyond / mean).astype(np.int64)

    on = (grid[np.clip(row(values), 0, len(grid) - 1)] == values) | (values > grid[-1])
    return row(values) - row(np.array([origin])), on


def _ahead_by_pandas(freq, clock, origin, steps):
    """Continue as ``ahead``, from one origin."""
    try:
        rows = pd.date_range(_stamp(clock, origin), periods=steps + 1, freq=freq).as_unit(clock.unit).asi8
    except pd.errors.OutOfBoundsDatetime:
        raise OverflowError from None
    except Exception as error:  # a time that does not exist, or comes twice: of pandas 2.2 no ValueError
        raise ValueError(
            f"The frequency of the index, {freq!r}, does not tell the rows after {_stamp(clock, origin)}, where clocks "
            f"change: {error} Give training's index in UTC, or without a frequency (index.freq = None)."
        ) from None
    return rows[rows > origin][:steps]


def inferred(values, clock):
    """Infer the offset of stamps (n,) a month apart or more, such as each third or last Friday; or None."""
    clock = Clock("stamp", clock.unit, clock.tz, shown=clock.unit)
    windows = [values[k : k + 4] for k in np.linspace(0, max(0, len(values) - 4), 20).astype(int)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # infer_freq will return offsets; either will do
        names = {pd.infer_freq(to_index(clock, window)) for window in windows} - {None}
    freqs = [pd.tseries.frequencies.to_offset(name) for name in sorted(names, key=str)]
    last = offsets.LastWeekOfMonth(weekday=int(weekday(split(values, clock)[0][0])))  # pandas infers none
    for freq in [*freqs, last]:
        row, on = place(freq, clock, values, int(values[0]))
        if on.all() and most_are_neighbours(row[1:] - row[:-1]) == 1:
            return freq
    return None
