"""Stamps as numbers: from whatever index a frame carries to int64, and back.

    kind     counts                    is read from
    "stamp"  unit since 1970, in UTC   stamps, periods (their start), dates, datetimes, ISO 8601 strings, Arrow's kinds
    "span"   unit                      Timedelta
    "int"    1                         integers of any width

The unit is ns, whatever the user's is, so that stamps of one instant are one number; where a stamp is beyond the years
1740 to 2200 it is the user's, since ns count to 2262 only, and rows may follow.  pandas is asked once a table, never
once a series.
"""

import datetime
import re
from contextlib import suppress
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from .._values import kept
from .._warn import warn


PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
ISO = (  # 8601, with hyphens: a string of digits may be any number
    r"\d{4}-\d\d(-\d\d([T ]\d\d(:?\d\d(:?\d\d([.,]\d+)?)?)?(?P<offset>Z|[+-]\d\d(:?\d\d)?)?)?)?"
)
CODES = {  # digits -> the format, and (divisor, least, most) of its parts, the last first
    5: (("%Yq", ((10, 1, 4),)),),
    6: (("%Y%m", ((100, 1, 12),)), ("%Y%W", ((100, 1, 53),))),
    7: (("%Y%j", ((1000, 1, 366),)),),
    8: (("%Y%m%d", ((100, 1, 31), (100, 1, 12))),),
    10: (("%Y%m%d%H", ((100, 0, 23), (100, 1, 31), (100, 1, 12))),),
    12: (("%Y%m%d%H%M", ((100, 0, 59), (100, 0, 23), (100, 1, 31), (100, 1, 12))),),
    14: (("%Y%m%d%H%M%S", ((100, 0, 59), (100, 0, 59), (100, 0, 23), (100, 1, 31), (100, 1, 12))),),
}
CODED_YEARS = 1800, 2200  # of integers that are read as dates
LARGEST = np.iinfo(np.int64).max
LATEST = 7_258_118_400  # seconds since 1970, in 2200


@kept("clock")
class Clock(NamedTuple):
    """How the stamps of a series count.

    kind : "stamp", "span" or "int".   unit : of the numbers, None for "int".   tz : a time zone or None.   name : of
    the index.   freq : the one that the user's index carries, or None.   period : that of a PeriodIndex, or None.
    default : whether it is pandas' own 0, 1, 2 ..., which carries no time.   shown : the unit of the user's index.
    """

    kind: str
    unit: str | None = None
    tz: Any = None
    name: Any = None
    freq: Any = None
    period: Any = None
    default: bool = False
    shown: str | None = None

    @property
    def is_utc(self):
        """Whether stamps are their own local time: of UTC, or without a zone."""
        return self.tz is None or str(self.tz) == "UTC"


class Stamps(NamedTuple):
    """The stamps of one series.   values : (n,) int64, ascending and unique.   clock : how they count."""

    values: np.ndarray
    clock: Clock


# ---------------------------------------------------------------------------------------- from an index


def numbers(index, name, warned=None):
    """Convert an index to numbers (n,) int64, in its own order, and their clock; None where it is no time.

    name : of the argument, for messages.   warned : kinds of warnings given before; each is given once.

    Raises
    ------
    ValueError
        A stamp is missing, or some have a time zone and others none.
    """
    warned = set() if warned is None else warned
    level, codes = (
        (index.levels[-1], np.asarray(index.codes[-1])) if isinstance(index, pd.MultiIndex) else (index, None)
    )
    level = _undressed(level)
    if isinstance(level, pd.RangeIndex):
        values, default = np.arange(level.start, level.stop, level.step), is_default(level)
        clock = Clock("int", name=level.name, default=default and codes is None)
    else:
        time = as_time(level, name, warned)
        if time is None:
            return None
        if time.hasnans if codes is None else (codes < 0).any():
            row = int(np.argmax(time.isna() if codes is None else codes < 0))
            raise ValueError(f"The index of {name} holds NaT, first in row {row}: drop or repair those rows.")
        values, clock = _numbers(time, name, level)
    if clock.kind == "int":
        _warn_of_codes(values, name, warned)
    return (values if codes is None else values[codes]), clock


def is_default(index):
    """Return whether there is no index, or pandas' default RangeIndex."""
    return index is None or (isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1)


def _undressed(index):
    """Return the index of values that categories, or objects that are periods, represent."""
    if isinstance(index, pd.CategoricalIndex):
        index = index.astype(index.categories.dtype)
    is_period = index.dtype == object and pd.api.types.infer_dtype(index, skipna=True) == "period"
    return (
        pd.PeriodIndex(index) if is_period and len({stamp.freq for stamp in index.dropna()}) == 1 else index
    )


def as_time(index, name, warned=None):
    """Convert a flat index to a DatetimeIndex, TimedeltaIndex or integers; None, and a warning, where it cannot be."""
    if isinstance(index, pd.PeriodIndex):
        return index.to_timestamp()
    if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) or pd.api.types.is_integer_dtype(index.dtype):
        return _in_known_zone(index, name)
    time = _in_known_zone(_read(index, name), name)
    warned = set() if warned is None else warned
    if time is None and "time" not in warned:
        warned.add("time")
        warn(
            f"The index of {name} ({index.dtype}, {', '.join(map(repr, index[:2]))} ...) is not understood as time: "
            "rows count as one step apart, and neither gaps nor a wrong order are noticed. Give stamps, for example "
            f"{_stamps_of(index)}, or reset_index(drop=True)."
        )
    return time


def _stamps_of(index):
    """Return an expression that makes stamps of an index of another kind."""
    if index.dtype.kind == "f":
        whole = "index.astype(int) or " if (index % 1 == 0).all() else ""
        return f"{whole}pd.to_timedelta(index, unit='s')"
    if isinstance(index, pd.IntervalIndex):
        return "index.left"
    if isinstance(next(iter(index), None), datetime.time):
        return "pd.to_timedelta(index.astype(str))"
    if re.search("Q[1-4]", str(next(iter(index), ""))):
        return "pd.PeriodIndex(index, freq='Q') of words such as '1960Q1'"
    return "pd.to_datetime(index, format=...)"


def _in_known_zone(index, name):
    """Convert stamps in a time zone of dateutil, which has no hash and is kept by the path of a file, to zoneinfo's."""
    zone = getattr(index, "tz", None)
    with suppress(TypeError):
        hash(zone)
        return index
    parts = re.sub(r"^[^']*'|'[^']*$", "", str(zone)).split("/")
    for k in range(1, len(parts) + 1):
        with suppress(KeyError, ValueError, OSError):
            return index.tz_convert(ZoneInfo("/".join(parts[-k:])))
    raise ValueError(
        f"The index of {name} has the time zone {zone!r}, which has no name: give that of a region or UTC, for example "
        f"with {name}.tz_convert('Europe/Berlin')."
    )


def _read(index, name):
    """Convert an index of another dtype to one of time, where that needs no guess; else None."""
    content = pd.api.types.infer_dtype(index, skipna=True)
    try:
        if content == "string":
            return _from_strings(index, name)
        if content == "datetime" or (content in ("date", "datetime64") and index.dtype == object):
            return _from_objects(index, name)
        if content in ("date", "datetime64"):  # Arrow's
            return _from_arrow(index)
        if content in ("timedelta", "timedelta64"):
            return pd.TimedeltaIndex(index)
        if content == "integer":
            return pd.Index(index.to_numpy(object).astype(np.int64), name=index.name)
    except (pd.errors.ParserError, pd.errors.OutOfBoundsDatetime, OverflowError, TypeError):
        pass
    return None


def _from_strings(index, name):
    """Parse strings that are all ISO 8601."""
    parts = pd.Series(index.to_numpy(object)).dropna().str.extract(f"^(?P<all>{ISO})$")
    if parts.empty or parts["all"].isna().any():
        return None
    offsets = parts["offset"].fillna("")
    if (offsets == "").any() and (offsets != "").any():
        raise _two_kinds(name)
    try:
        return pd.DatetimeIndex(pd.to_datetime(index, format="ISO8601", utc=offsets.nunique() > 1 or None))
    except ValueError:
        return None


def _from_objects(index, name):
    """Convert datetime.date or datetime objects; to UTC where offsets change."""
    zones = {getattr(stamp, "tzinfo", None) for stamp in index if stamp is not None and stamp == stamp}
    if len(zones) > 1 and None in zones:
        raise _two_kinds(name)
    return pd.DatetimeIndex(pd.to_datetime(index, utc=len(zones) > 1))


def _two_kinds(name):
    return ValueError(
        f"The index of {name} has a time zone in some rows and none in others: give them all one, with tz_localize."
    )


def _from_arrow(index):
    """Convert Arrow's timestamps and dates."""
    dtype = index.dtype.pyarrow_dtype
    unit, zone = getattr(dtype, "unit", "s"), getattr(dtype, "tz", None)
    unit = unit if unit in PER_SECOND else "s"
    stamps = pd.DatetimeIndex(index.to_numpy(f"M8[{unit}]", na_value=np.datetime64("NaT")), name=index.name)
    return stamps if zone is None else stamps.tz_localize("UTC").tz_convert(zone)


def _numbers(time, name, index):
    """Convert an index of time to numbers and their clock.   index : the user's."""
    if not isinstance(time, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        if time.dtype.kind == "u" and len(time) and time.max() > LARGEST:
            raise ValueError(f"The index of {name} holds {time.max()}, beyond int64: give smaller integers.")
        return time.to_numpy(np.int64), Clock("int", name=index.name)
    period = index.freq if isinstance(index, pd.PeriodIndex) else None
    stamp = isinstance(time, pd.DatetimeIndex)
    values, unit = time.asi8, time.unit
    finer = PER_SECOND["ns"] // PER_SECOND[unit]
    if finer > 1 and len(values) and max(-int(values.min()), int(values.max())) <= LATEST * PER_SECOND[unit]:
        values, unit = values * finer, "ns"
    clock = Clock(
        "stamp" if stamp else "span",
        unit,
        time.tz if stamp else None,
        index.name,
        time.freq if period is None else None,
        period,
        False,
        time.unit,
    )
    return values, clock


def _warn_of_codes(values, name, warned):
    """Warn where integers code a calendar: the number after 202012 is 202101, and not a gap."""
    form = None if "codes" in warned else codes_dates(values)
    if form is not None:
        warned.add("codes")
        cure = f"pd.to_datetime(index.astype(str), format={form!r})"
        if form in ("%Yq", "%Y%W"):
            cure = f"a PeriodIndex of {'quarters' if form == '%Yq' else 'weeks'}"
        warn(
            f"The index of {name} ({values[0]} ... {values[-1]}) looks like coded dates ({form}), but integers count "
            "by one: each turn of the year becomes a gap, and future rows get no dates. Give stamps, for example "
            f"{cure}."
        )


def codes_dates(values):
    """Identify the format in which integers (n,) code dates, or None."""
    if len(values) < 3:
        return None
    least, most = int(values.min()), int(values.max())
    for form, parts in CODES.get(len(str(least)), ()) if len(str(least)) == len(str(most)) else ():
        whole = 1
        for divisor, _, _ in parts:
            whole *= divisor
        if not CODED_YEARS[0] <= least // whole <= most // whole <= CODED_YEARS[1]:
            continue
        over_a_year = least // whole < most // whole
        if not over_a_year and len(str(least)) < 8:  # integers that happen to begin with a year
            continue
        digits = values
        for divisor, low, high in parts:
            digits, count = np.divmod(digits, divisor)
            if ((count < low) | (count > high)).any():
                break
        else:
            apart = np.diff(np.unique(values))
            if not over_a_year or (apart != apart[0]).any():
                return form
    return None


# ---------------------------------------------------------------------------------------- and back


def to_index(clock, values):
    """Convert numbers (n,) to an index like the user's."""
    if clock.kind == "int":
        return pd.Index(values, name=clock.name)
    values = np.ascontiguousarray(values, np.int64)
    if clock.kind == "span":
        index = pd.TimedeltaIndex(values.view(f"m8[{clock.unit}]"), name=clock.name)
    else:
        index = pd.DatetimeIndex(values.view(f"M8[{clock.unit}]"), name=clock.name)
    index = index if index.unit == clock.shown else index.as_unit(clock.shown)
    if clock.kind != "span":
        index = index if clock.tz is None else index.tz_localize("UTC").tz_convert(clock.tz)
    if clock.period is not None:
        return index.to_period(clock.period)
    if clock.freq is not None and len(index) > 1:
        # rows are missing, or times do not exist where clocks change: pandas 2.2 raises pytz's errors
        with suppress(Exception):
            index.freq = clock.freq
    return index


def show(clock, stamp):
    """Format a stamp as pandas prints it, for messages."""
    return str(to_index(clock, [stamp])[0])
