"""What a series suggests: seasons, lags, transforms, features of the calendar.

    seasons      periods that the step of the index names (day, week, year), or peaks of the autocorrelation r of the
                 differenced series; kept where they were seen twice and r(p) stands out (once: to be repeated)
    lags         1 ... m, as far as the partial autocorrelation reaches, and each season's p - 1, p, p + 1
    transforms   log or root by Guerrero's method [1]: the exponent 1 - L for which sd / mean^L varies least over
                 seasons; differences of one row and of seasons

Candidates are pure functions of levels U (N, O), NaN where nothing was measured, and of the index; a list stands for
several series.  ``choices.py`` chooses among them.

[1] V. M. Guerrero, "Time-series analysis supported by power transformations", Journal of Forecasting 12(1), 1993.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from .._values import kept
from . import calendars
from . import timeline as timelines
from .stamps import PER_SECOND, Stamps, numbers, to_index
from .targets import Log, Power


DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "year": 365.2425}  # how long a period of the calendar is
MOST_LAG = 1200  # rows up to which correlations are computed
PEAK, SURE = 0.2, 3.5  # correlation of a season that no index suggests, and standard errors, of many lags
USUAL = (4, 7, 12, 24, 48, 52, 60, 96, 144, 168, 288, 336, 672, 1008, 1440)  # rows, where there are no times
STANDS_OUT = 2.0  # standard errors, of one that the calendar suggests
NEAR_ZERO = 0.1  # of the median
ONCE = 1.25  # times a season, that rows must have for a forecast to repeat it
FEW_ROWS = 2.2  # times the longest lag, or lags and differences, that rows must have: a season seen twice
SHORTEST = 4  # rows of a season that lags are for: the hour of half-hourly rows is none
LONG_SEASON = 1100  # rows, beyond which a season is for the calendar's waves and not for lags


# ------------------------------------------------------------------------------------ seasons


def step_in_days(index):
    """Return the usual distance between neighbouring stamps of an index, in days; None without times."""
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) or len(index) < 3:
        return None
    apart = np.diff(index.asi8)
    usual = apart[apart <= 1.3 * np.median(apart)]  # months differ, gaps do not count
    return float(np.mean(usual) / PER_SECOND[index.unit]) / 86400


def index_of(stamps, most=3000):
    """Convert the first of ``Stamps`` to a pandas index; None without times."""
    if stamps is None or stamps.clock.kind != "stamp":
        return None
    return to_index(stamps.clock, stamps.values[:most])


def calendar_periods(index):
    """Return the rows in an hour, day, week and year, {name: float}, where two rows or more.

    >>> calendar_periods(pd.date_range("2024-01-01", periods=100, freq="h"))
    {'day': 24.0, 'week': 168.0, 'year': 8765.82}
    """
    step = step_in_days(index)
    if step is None or step <= 0:
        return {}
    timeline = timelines.read(Stamps(*numbers(index, "index")))
    work = {} if timeline is None else work_periods(timeline.freq)
    if work:
        return {name: rows for name, rows in work.items() if rows >= 1.9}
    periods = {name: days / step for name, days in DAYS.items() if days / step >= 1.9}
    if step > 6:
        periods.pop("week", None)
    return {
        name: float(round(p)) if abs(p - round(p)) < 0.02 * p**0.5 and p < 1000 else round(p, 4)
        for name, p in periods.items()
    }


def work_periods(freq):
    """Return the rows in a day, week and year of an offset of business days or hours, or a pattern; {} of others."""
    calendar = None if freq is None else calendars.of_offset(freq)
    if calendar is None or calendar.kind not in ("work days", "work hours", "pattern"):
        return {}
    if calendar.kind == "pattern":
        return _pattern_periods(freq)
    days, hours = calendar.at, 1
    if calendar.kind == "work hours":
        days, _, hours = calendar.at
    week = float(days.weekmask.sum()) * hours
    day = {"day": float(hours)} if hours > 1 else {}
    return {**day, "week": week / calendar.every, "year": _a_year(week) / calendar.every}


def _pattern_periods(pattern):
    """Return the rows in a day, week and year of a pattern, {name: float}."""
    K = float(len(pattern.at))
    if pattern.cycle == "month":
        return {"year": 12 * K}
    if pattern.cycle == "day":
        return {"day": K, "week": 7 * K, "year": _a_year(7 * K)}
    a_day = np.bincount(np.array(pattern.at) // 86_400)
    a_day = set(a_day[a_day > 0].tolist())
    day = {"day": float(*a_day)} if len(a_day) == 1 else {}
    return {**day, "week": K, "year": _a_year(K)}


def _a_year(week):
    """Return the rows of a year of those of a week."""
    return float(round(week * DAYS["year"] / 7))


def autocorrelation(u, n_lags):
    """Compute r(0) ... r(n_lags) of u (N,), over pairs where both are known."""
    valid = np.isfinite(u)
    z = np.where(valid, u - (u[valid].mean() if valid.any() else 0.0), 0.0)
    size = 2 ** int(np.ceil(np.log2(2 * len(u) + 1)))
    products, pairs = (
        np.fft.irfft(np.abs(np.fft.rfft(v, size)) ** 2, size)[: n_lags + 1] for v in (z, valid.astype(float))
    )
    products, pairs = (np.pad(v, (0, n_lags + 1 - len(v))) for v in (products, pairs))
    power = products[0] / max(pairs[0], 1)
    if power <= 0:
        return np.eye(1, n_lags + 1)[0]
    return np.where(pairs > 0.5, products / np.maximum(pairs, 1), 0.0) / power


def partial_autocorrelation(r):
    """Compute partial autocorrelations at the lags 1 ... K from r(0) ... r(K), by the Durbin-Levinson recursion.

    >>> partial_autocorrelation(0.5 ** np.arange(4.0))
    array([0.5, 0. , 0. ])
    """
    K = len(r) - 1
    phi, partial, variance = np.zeros(K), np.zeros(K), 1.0
    for k in range(K):
        last = (r[k + 1] - phi[:k] @ r[k:0:-1]) / variance if variance > 1e-9 else 0.0
        last = float(np.clip(last, -1, 1))
        phi[:k] -= last * phi[:k][::-1]
        phi[k] = partial[k] = last
        variance *= 1 - last**2
    return partial


def mean_autocorrelation(columns, n_lags):
    """Average autocorrelations over columns u (N,), weighted by their lengths, (n_lags + 1,)."""
    weight = np.array([np.isfinite(u).sum() for u in columns], float)
    r = np.array([autocorrelation(u, n_lags) for u in columns])
    return weight @ r / max(weight.sum(), 1e-300)


def find_seasons(U, index=None):
    """Identify the seasons in levels U (N, O) or a list of those: periods in rows, ascending.

    With an index of stamps those of day and week (and hour and year) that stand out in the autocorrelation of the
    differenced series; without, its peaks. No period that was not seen twice.

    >>> t = np.arange(200)
    >>> find_seasons(np.sin(2 * np.pi * t / 12)[:, None])
    (12,)
    """
    columns = [u for V in _as_list(U) for u in V.T if np.isfinite(u).sum() > 4]
    if not columns:
        return ()
    N = max(map(len, columns))
    n_lags = min(MOST_LAG, N // 2)
    changes = [np.diff(u) for u in columns]
    r = mean_autocorrelation(changes, n_lags)
    periods = calendar_periods(index)
    if periods:
        named = {round(p) for name, p in periods.items() if 1.5 < p <= n_lags and (name != "year" or p < 60)}
        return tuple(sorted(p for p in named if _stands_out(r, p, STANDS_OUT / np.sqrt(N))))
    first = _first_peak(r, np.maximum(PEAK, SURE / np.sqrt(N - np.arange(n_lags + 1))))
    return () if first is None else (first, *_longer(r, first))


def find_once(U, index):
    """Identify seasons of the calendar that were seen once and not twice, in a list of levels U, by an index or None.

    A quarter of a second one must be known, and the autocorrelation of the differences stand out.
    """
    return tuple(p for p in named_once(max(map(len, U)), index) if _comes_again(U, p))


def named_once(n_rows, index):
    """List seasons of the calendar of which n_rows hold more than one and less than two, ascending."""
    named = {round(p) for name, p in calendar_periods(index).items() if name != "year" or p < 60}
    return tuple(sorted(p for p in named if n_rows / 2 < p <= min(n_rows / ONCE, MOST_LAG)))


def _comes_again(U, p):
    """Return whether a season stands out in the series of levels that are long enough to show it."""
    changes = [np.diff(u) for V in U for u in V.T if len(V) >= ONCE * p]
    r = mean_autocorrelation(changes, min(map(len, changes)) - 1)
    return _stands_out(r, p, STANDS_OUT / np.sqrt(max(map(len, changes)) + 1 - p))


def _as_list(U):
    """Return levels (N, O) as a list of one."""
    return U if isinstance(U, list) else [U]


def _stands_out(r, p, least):
    """Return whether r has a peak at p, or next to it."""
    if p >= len(r):
        return False
    top = r[max(1, p - 1) : p + 2].max()
    width = max(2, p // 4)
    around = np.concatenate([r[max(1, p - width) : max(1, p - 1)], r[p + 2 : p + width + 1]])
    return top > least and (len(around) == 0 or top > np.mean(around) + least / 2)


def _first_peak(r, least):
    """Return the shortest lag with a peak half as high as the highest, or a usual season next to it; or None.

    least : (len(r),), what a peak is higher than.
    """
    peaks = [k for k in range(3, len(r) - 1) if r[k] >= max(r[k - 1], r[k + 1]) and r[k] > least[k]]
    if not peaks:
        return None
    highest = max(r[k] for k in peaks)
    first = next(k for k in peaks if r[k] > 0.5 * highest)
    return next((p for p in USUAL if abs(p - first) <= p // 16), first)


def _longer(r, p):
    """Return (q,), a usual multiple of season p with a higher r, or ()."""
    multiples = [q for q in USUAL if q > p and q % p == 0 and q < len(r)]
    if not multiples:
        return ()
    highest = max(r[q] for q in multiples)
    q = next(q for q in (7 * p, *multiples) if q in multiples and r[q] > highest - 0.05)
    return (q,) if r[q] > r[p] + 0.01 else ()


# ------------------------------------------------------------------------------------ the calendar


def harmonics(share, n):
    """Return sin and cos of 1 ... n cycles, (N, 2 n), at shares (N,) of a period."""
    angle = 2 * np.pi * share[:, None] * np.arange(1, n + 1)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


@kept("calendar")
class Calendar(NamedTuple):
    """The clock that features of time are computed from.

    step : days from row to row, or None where the index has no time.   seasons : periods in rows.   n_seen : rows of
    training, in which a period must lie twice.
    """

    step: float | None
    seasons: tuple
    n_seen: int

    def rows(self, name):
        """Return the rows of a day, week or year if two or more, and seen twice; else 0."""
        rows = DAYS[name] / self.step if self.step else 0
        return rows if rows >= 1.9 and self.n_seen >= 2 * rows else 0


def calendar(clock, stamps, place, detail=1):
    """Compute features (N, D) of each row's place in its day, week and year.

    Of stamps, by the calendar; without, of the row's number, by the seasons that were found. No period that was not
    seen twice.

    Parameters
    ----------
    clock : Calendar
    stamps : DatetimeIndex of N rows, or None
    place : ndarray of shape (N,)
        Number of each row since the first of training.
    detail : {0, 1, 2}
        0: nothing. 1: some harmonics a period, weekdays. 2: more, and the day's shape at each kind of weekday and time
        of the year.
    """
    if detail == 0:
        return np.empty((len(place), 0))
    if clock.step is None or stamps is None:
        return _phases(clock, place, detail)
    local = stamps.tz_localize(None) if stamps.tz is not None else stamps
    of_day = ((local - local.normalize()) / pd.Timedelta("1D")).to_numpy()
    weekday = local.day_of_week.to_numpy()
    day, week, year = (clock.rows(name) for name in ("day", "week", "year"))
    columns = [np.empty((len(place), 0))]
    if day:
        columns.append(harmonics(of_day, int(min((day - 1) // 2, 6 * detail))))
    if week and clock.step < 1.5:
        columns.append(np.stack([weekday == k for k in range(6)], axis=1).astype(float))
    if week and day:
        shape = harmonics(of_day, int(min((day - 1) // 2, 3 * detail)))
        kinds = [weekday == 0, weekday == 5, weekday == 6] if detail == 2 else [weekday >= 5]
        columns += [shape * days[:, None] for days in kinds]
    if year:
        slow = _of_year(local, of_day, year, 3 * detail)
        columns.append(slow)
        if day and detail == 2:
            fast = harmonics(of_day, int(min((day - 1) // 2, 4)))
            columns.append((slow[:, [0, 1, 6, 7], None] * fast[:, None, :]).reshape(len(place), -1))
    return np.concatenate(columns, axis=1)


def calendar_numbers(clock, stamps, place):
    """Compute the hour of the day, the weekday and the day of the year of each row, (N, D), for trees to split at any.

    Of stamps; without, the place in each season. No period that was not seen twice.
    """
    if clock.step is None or stamps is None:
        columns = [place % p for p in clock.seasons if clock.n_seen >= 2 * p]
    else:
        local = stamps.tz_localize(None) if stamps.tz is not None else stamps
        of_day = (local - local.normalize()) / pd.Timedelta("1h")
        numbers = {"day": of_day, "week": local.day_of_week, "year": local.day_of_year}
        columns = [number.to_numpy() for name, number in numbers.items() if clock.rows(name)]
    return np.array(columns, float).reshape(-1, len(place)).T


def _of_year(local, of_day, rows, n):
    """Compute features of the time of the year; with few rows a year, indicators of all but the last."""
    if rows < 20:
        season = local.month.to_numpy() - 1 if rows > 4.5 else local.quarter.to_numpy() - 1
        return (season[:, None] == np.arange(round(rows) - 1)).astype(float)
    length = np.where(local.is_leap_year, 366, 365)
    return harmonics((local.day_of_year.to_numpy() - 1 + of_day) / length, n)


def _phases(clock, place, detail):
    """Compute harmonics of the seasons, by row number; of a longer season those that a shorter one lacks."""
    waves = {}
    for p in clock.seasons:
        most = min((p - 1) // 2, 6 * detail if p <= 60 else 10 * detail)
        for k in range(1, most + 1 if clock.n_seen >= 2 * p else 1):
            waves.setdefault(round(k / p, 9), harmonics((place % p) * k / p, 1))
    return np.concatenate([np.empty((len(place), 0)), *waves.values()], axis=1)


# ------------------------------------------------------------------------------------ lags


def longest_lag(n_rows):
    """Return the longest lag, with those of differences, that so many rows are enough for."""
    return max(1, int(n_rows / FEW_ROWS))


def propose_lags(U, seasons, n_rows, horizon=1):
    """Propose sets of output lags, from few to many, {name: tuple}, as far as the rows allow.

    n_rows : of the longest stretch.
    """
    columns = [u for V in _as_list(U) for u in V.T]
    longest = longest_lag(n_rows)
    seasons = [p for p in seasons if 1 < p <= min(longest, LONG_SEASON)]
    reach = _partial_reach(columns, min(longest, max(24, seasons[0] if seasons else 24)))
    first = seasons[0] if seasons else max(3, reach)

    def around(p, width):
        return range(max(1, p - width), p + width + 1)

    few = {1, 2, 3} | {k for p in seasons for k in around(p, 1)}
    middle = set(range(1, min(8, max(3, reach)) + 1))
    middle |= {k for p in seasons for k in around(p, 2)} | {k for p in seasons[:1] for k in around(2 * p, 1)}
    many = set(range(1, min(first, 49) + 2)) | {k for p in seasons for m in (1, 2) for k in around(m * p, 2)}
    many |= {m * p for p in seasons[:1] for m in range(1, 8)}
    sets = {"few": few, "some": middle, "many": many}
    sets = {name: tuple(sorted(k for k in lags if k <= longest)) or (1,) for name, lags in sets.items()}
    return {name: lags for k, (name, lags) in enumerate(sets.items()) if lags not in list(sets.values())[:k]}


def _partial_reach(columns, most):
    """Return the last lag up to ``most`` with a clear partial autocorrelation."""
    n = max(np.isfinite(u).sum() for u in columns)
    r = mean_autocorrelation(columns, min(most, n - 1))
    clear = np.flatnonzero(np.abs(partial_autocorrelation(r)) > 3 / np.sqrt(n))
    return int(clear[-1]) + 1 if len(clear) else 1


# ------------------------------------------------------------------------------------ transforms


def propose_pointwise(Y, seasons=(), least=None):
    """Propose pointwise transforms of y (N, O), or of a list of those: a list of None, ``Power``, ``Log``.

    None alone where y has negative values or little spread; else what Guerrero's method finds beside it, but no
    logarithm of what comes near 0, as later values may reach it.   least : the least y, if Y is some of it.
    """
    columns = [y[np.isfinite(y)] for V in _as_list(Y) for y in V.T]
    columns = [y for y in columns if len(y) > 3]
    lowest = min([np.inf if least is None else least, *(y.min() for y in columns)])
    if not columns or lowest < 0:
        return [None]
    p = max([3, *[p for p in seasons if p <= 60]])
    spread, varies = [], []
    for y in columns:
        blocks = y[: len(y) // p * p].reshape(-1, p)
        if len(blocks) < 3 or blocks.mean(axis=1).min() <= 0:
            return [None]
        means = blocks.mean(axis=1)
        spread.append(np.quantile(means, 0.95) / max(np.quantile(means, 0.05), 1e-300))
        sds = blocks.std(axis=1)
        varies.append([_variation(sds / means ** (1 - exponent)) for exponent in (1.0, 0.5, 0.0)])
    if np.median(spread) < 1.2:
        return [None]
    best = int(np.argmin(np.median(varies, axis=0)))
    if best == 0:
        return [None]
    zero = lowest <= 0 or any(y.min() < NEAR_ZERO * np.median(y) for y in columns)
    return [None, Power(0.5) if best == 1 or zero else Log()]


def _variation(v):
    """Return the coefficient of variation, the standard deviation over the mean."""
    return v.std() / v.mean() if v.mean() > 0 else np.inf


def propose_differences(seasons, n_rows):
    """Propose tuples of lags to take differences at."""
    seasons = [p for p in seasons if p <= min(longest_lag(n_rows), LONG_SEASON)]
    proposed = [(), (1,)]
    for p in seasons[:2]:
        proposed += [(p,), (1, p)]
    return proposed
