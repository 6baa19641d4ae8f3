"""What an index says, and lags as runs of memory."""

import pickle
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from tsrnn import ARXRegressor
from tsrnn._series import timeline as timelines
from tsrnn._series.lags import Run, parse_lags, runs
from tsrnn._series.rows import gather
from tsrnn._series.seasons import calendar_periods


hours = pd.date_range("2024-01-01", periods=100, freq="h")
days = pd.date_range("2024-01-01", periods=60, freq="D")
business = pd.bdate_range("2024-01-01", periods=60)
months = pd.date_range("2020-01-31", periods=40, freq="ME")
quarters = pd.date_range("2015-01-01", periods=20, freq="QS")
years = pd.date_range("1960-12-31", periods=40, freq="YE")
aware = pd.date_range("2024-03-25", periods=200, freq="h", tz="Europe/Berlin")  # over the clock change
aware_days = pd.date_range("2024-03-01", periods=60, freq="D", tz="Europe/Berlin")
integers = pd.RangeIndex(10, 90)
tens = pd.Index(np.arange(0, 500, 10))
ticks = pd.timedelta_range("0s", periods=50, freq="15min")
REGULAR = {
    "hours": hours,
    "days": days,
    "business days": business,
    "month ends": months,
    "quarters": quarters,
    "years": years,
    "hours with a zone": aware,
    "days with a zone": aware_days,
    "integers": integers,
    "tens": tens,
    "time since the start": ticks,
    "microseconds": pd.date_range("2024-01-01", periods=40, freq="10us"),
    "seconds, coarse unit": pd.date_range("2024-01-01", periods=40, freq="s").as_unit("s"),
}
every_regular = pytest.mark.parametrize("kind", REGULAR)


def of(index):
    """The stamps of an index."""
    return gather(pd.DataFrame(index=index)).parts[0].stamps


def read(index):
    return timelines.read(of(index))


def number(index, k):
    """Stamp k of an index as a timeline counts."""
    return int(of(index).values[k])


def assert_same(index, expected):
    """The same stamps and zone; whether pandas has a name for the step is its own affair."""
    assert index.equals(expected), f"{index} is not {expected}"
    assert getattr(index, "tz", None) == getattr(expected, "tz", None)


# ---------------------------------------------------------------------------------------- reading an index


@pytest.mark.parametrize("X", [None, np.zeros((3, 2)), [[1, 2]]], ids=["None", "array", "list"])
def test_no_index(X):
    y = None if X is not None else np.zeros(3)
    assert gather(X, y).parts[0].stamps is None


@every_regular
def test_there_and_back(kind):
    index = REGULAR[kind].rename("time")
    stamps = of(index)
    assert stamps.values.dtype == np.int64
    back = timelines.to_index(stamps.clock, stamps.values)
    pd.testing.assert_index_equal(back, index, exact="equiv")
    assert getattr(back, "freq", None) == getattr(index, "freq", None)
    assert timelines.show(stamps.clock, stamps.values[3]) == str(index[3])


def test_periods_are_their_starts():
    index = pd.period_range("2024-01", periods=5, freq="M")
    stamps = of(index)
    assert (stamps.values == of(index.to_timestamp()).values).all()
    pd.testing.assert_index_equal(timelines.to_index(stamps.clock, stamps.values), index)


def test_what_tells():
    for silent in (None, of(pd.RangeIndex(7))):
        assert not timelines.tells(silent)
    for telling in (pd.RangeIndex(1, 7), pd.RangeIndex(0, 14, 2), pd.Index([0, 1, 2]), hours):
        assert timelines.tells(of(telling))


# ---------------------------------------------------------------------------------------- what comes next


@every_regular
@pytest.mark.parametrize("steps", [1, 2, 13])
def test_future_goes_on(kind, steps):
    index = REGULAR[kind]
    ahead = timelines.future(read(index[:-steps]), steps)
    assert_same(ahead, index[-steps:])


@every_regular
def test_nothing_is_missing_where_rows_follow(kind):
    index = REGULAR[kind]
    for cut in (3, len(index) // 2, len(index) - 1):
        assert timelines.missing_between(read(index[:cut]), number(index, cut)) == 0


@every_regular
@pytest.mark.parametrize("missing", [1, 2, 7])
def test_missing_rows_are_counted(kind, missing):
    index = REGULAR[kind]
    seen = read(index[:-10])
    assert timelines.missing_between(seen, number(index, len(index) - 10 + missing)) == missing


@every_regular
def test_a_regular_index_has_no_gaps(kind):
    index = REGULAR[kind]
    for n in (len(index), 1, 2):
        assert timelines.gap_starts(of(index[:n])).tolist() == []


GAPS = ["hours", "days", "hours with a zone", "integers", "tens", "time since the start"]


@pytest.mark.parametrize("kind", GAPS)
def test_gaps_are_found(kind):
    index = REGULAR[kind]
    keep = np.r_[0:20, 21:30, 37 : len(index)]
    stamps = of(index[keep])
    assert timelines.gap_starts(stamps).tolist() == [20, 29]
    assert timelines.missing_before(stamps, [20, 29]).tolist() == [1, 7]
    seen = timelines.read(stamps)
    assert seen.step == number(index, 1) - number(index, 0)
    assert seen.n == len(keep)


@pytest.mark.parametrize("kind", ["month ends", "quarters", "years", "days with a zone"])
def test_gaps_of_calendars_are_found(kind):
    index = REGULAR[kind]
    stamps = of(index.delete([5, 6, 12]))
    assert timelines.gap_starts(stamps).tolist() == [5, 10]
    assert timelines.missing_before(stamps, [5, 10]).tolist() == [2, 1]
    assert timelines.positions(stamps, len(index) - 3).tolist() == [
        *range(5),
        *range(7, 12),
        *range(13, len(index)),
    ]


def test_positions_on_the_grid():
    keep = np.r_[0:20, 21:30, 37:60]
    assert (timelines.positions(of(hours[keep]), len(keep)) == keep).all()
    assert timelines.positions(None, 3).tolist() == [0, 1, 2]
    assert timelines.positions(of(hours[:0]), 0).tolist() == []


def test_many_small_gaps_leave_the_step():
    keep = np.arange(100) % 10 != 3
    assert read(hours[keep]).step == 3600 * 10**9
    assert len(timelines.gap_starts(of(hours[keep]))) == 10


@pytest.mark.parametrize("n", [1, 2, 5, 8, 15, 24])
def test_a_weekend_is_no_gap(n):
    """However few the new rows of a series of business days: the rows seen before say what a row is."""
    after = timelines.extend(read(business[:30]), of(business[30 : 30 + n]))
    assert_same(timelines.future(after, 6), business[30 + n : 36 + n])


@pytest.mark.parametrize("stretch", [slice(6, 8), slice(17, 19), slice(0, 5), slice(30, 32)])
def test_a_few_months_remain_months(stretch):
    """July and August are equally long: that makes no step of 31 days, whether months came before or not."""
    seen = read(months[:20])._replace(last=number(months, stretch.start - 1))
    after = timelines.extend(seen, of(months[stretch]))
    expected = months[stretch.stop : stretch.stop + 3]
    assert_same(timelines.future(after, 3), expected)
    assert_same(timelines.future(read(pd.DatetimeIndex(list(months[stretch]))), 3), expected)


def test_a_gap_does_not_become_the_step():
    after = timelines.extend(read(hours[:50]), of(hours[[52, 57]]))
    assert after.step == 3600 * 10**9
    assert timelines.future(after, 1)[0] == hours[58]


def test_row_after_row():
    """A series that begins with one row learns its step from the second."""
    for index in (hours, months, integers):
        seen = read(index[[0]])
        for k in range(1, 8):
            seen = timelines.extend(seen, of(index[[k]]))
        assert seen.n == 8
        assert_same(timelines.future(seen, 2), index[8:10])


def test_irregular_stamps():
    index = hours[[0, 2, 5, 6, 11, 15, 17]]
    seen = read(index)
    assert seen.step is None
    assert seen.freq is None
    assert timelines.gap_starts(of(index)).tolist() == []
    assert timelines.future(seen, 3) is None
    assert timelines.advance(seen, 3) is None
    assert timelines.missing_between(seen, number(hours, 20)) == 0
    assert timelines.missing_between(seen, number(hours, 27)) > 0
    assert timelines.irregular(seen)
    timelines.check_grid(seen, of(hours[18:24] + pd.Timedelta("7min")), "X")  # there is no grid to leave


def test_short_and_empty():
    assert timelines.read(None) is None
    assert read(hours[:0]) is None
    one = read(pd.DatetimeIndex(list(hours[:1])))
    assert (one.first, one.last, one.n) == (number(hours, 0), number(hours, 0), 1)
    assert timelines.missing_between(one, number(hours, 5)) == 0
    assert timelines.future(one, 2) is None
    assert_same(timelines.future(read(hours[:1]), 2), hours[1:3])  # whose index says that it is hourly


@every_regular
def test_extend(kind):
    index = REGULAR[kind]
    whole = read(index)
    for cut in (len(index) // 2, len(index) - 1):
        both = timelines.extend(read(index[:cut]), of(index[cut:]))
        assert both == whole._replace(clock=both.clock)
    assert timelines.extend(None, of(index)) == whole


@every_regular
@pytest.mark.parametrize("steps", [1, 5])
def test_advance(kind, steps):
    index = REGULAR[kind]
    after = timelines.advance(read(index[:-10]), steps)
    assert (after.last, after.n) == (number(index, steps - 11), len(index) - 10 + steps)


# ---------------------------------------------------------------------------------------- comparable


@every_regular
def test_comparable_with_itself(kind):
    index = REGULAR[kind]
    assert timelines.can_place(read(index[:10]), of(index[10:]))


@pytest.mark.parametrize("kind", ["hours", "integers", "time since the start"])
@pytest.mark.parametrize("other", ["hours", "integers", "time since the start", "tens"])
def test_kinds_do_not_compare(kind, other):
    same = {kind, other} <= {"integers", "tens"} or kind == other
    assert timelines.can_place(read(REGULAR[kind]), of(REGULAR[other])) == same


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (hours, aware, r"has a time zone, .* has none: .*tz_localize\(None\)"),
        (aware, hours, r"has no time zone, .* has one: give it .*tz_localize\("),
    ],
)
def test_zones_do_not_mix(first, second, words):
    with pytest.raises(ValueError, match=words):
        timelines.can_place(read(first), of(second))


# ---------------------------------------------------------------------------------------- the grid


@every_regular
def test_rows_on_the_grid(kind):
    index = REGULAR[kind]
    seen = read(index[:-5])
    for rows in (index[-5:], index[-1:], index[:9], index[[0, 3, 8]], index[[2, -1]]):
        timelines.check_grid(seen, of(rows), "X")


@pytest.mark.parametrize("kind", [kind for kind in REGULAR if kind not in ("integers", "tens")])
@pytest.mark.parametrize("shift", [1, -1, 7])
def test_rows_beside_the_grid(kind, shift):
    index = REGULAR[kind]
    small = pd.Timedelta({"microseconds": "1us", "seconds, coarse unit": "100ms"}.get(kind, "1s"))
    late = index[-5:].as_unit("ns") + shift * small
    with pytest.raises(ValueError, match=r"X_future has a row at .* off the grid of the training rows"):
        timelines.check_grid(read(index[:-5]), of(late), "X_future")


@pytest.mark.parametrize(
    ("coarse", "fine"),
    [("h", "30min"), ("D", "h"), ("W", "D"), ("MS", "D"), ("ME", "D"), ("ME", "W"), ("QS", "MS"), ("YE", "QE"),
     ("B", "D"), ("B", "h"), ("15min", "5min"), ("SMS", "D"), ("bh", "30min"), ("2h", "h"), ("3D", "D")],
)  # fmt: skip
@pytest.mark.parametrize("carried", [True, False])
def test_finer_rows(coarse, fine, carried):
    index = pd.date_range("2024-01-01", periods=70, freq=coarse)
    index = index if carried else pd.DatetimeIndex(list(index))
    seen = read(index[:60])
    if seen.freq is None and seen.step is None:
        assert coarse == "SMS"
        assert not carried
        return
    finer = pd.date_range(index[60], index[-1] + pd.Timedelta("9D"), freq=fine)
    with pytest.raises(ValueError, match="off the grid"):
        timelines.check_grid(seen, of(finer), "X")


def test_finer_integers():
    seen = read(tens)
    for index in (pd.RangeIndex(500, 520, 5), pd.Index([503]), pd.Index([500, 510, 511])):
        with pytest.raises(ValueError, match="every 10"):
            timelines.check_grid(seen, of(index), "X")


def test_a_grid_of_few_rows_is_a_guess():
    """Friday and Monday make no grid of three days."""
    friday_monday = pd.DatetimeIndex(["2024-01-05", "2024-01-08"])
    timelines.check_grid(read(friday_monday), of(pd.DatetimeIndex(["2024-01-09"])), "X")


def test_days_of_a_summer_go_on_in_winter():
    """Whether they are 24 hours or a local day apart cannot be told before the clock changes."""
    local = pd.date_range("2024-06-01", periods=200, freq="D", tz="Europe/Berlin")
    universal = pd.date_range("2024-05-31 22:00", periods=200, freq="D", tz="UTC").tz_convert("Europe/Berlin")
    for index in (local, universal):
        timelines.check_grid(read(pd.DatetimeIndex(list(index[:100]))), of(index[100:]), "X")


# ---------------------------------------------------------------------------------------- lags


@pytest.mark.parametrize(
    ("lags", "smallest", "expected"),
    [
        (2, 0, (0, 1, 2)),
        (0, 0, (0,)),
        (2, 1, (1, 2)),
        (0, 1, ()),
        ((), 0, ()),
        ([3, 1], 0, (1, 3)),
        (range(1, 4), 0, (1, 2, 3)),
        (np.array([5, 2]), 1, (2, 5)),
        (np.int64(1), 0, (0, 1)),
        ({24, 1}, 1, (1, 24)),
    ],
)
def test_lags(lags, smallest, expected):
    found = parse_lags(lags, "input_lags", smallest)
    assert found == expected
    assert all(type(k) is int for k in found)


@pytest.mark.parametrize(
    ("lags", "smallest", "error"),
    [
        (-1, 0, ValueError),
        ((0, 1), 1, ValueError),
        ((2, 2), 0, ValueError),
        ((-3,), 0, ValueError),
        (1.0, 0, TypeError),
        ((1, 2.0), 0, TypeError),
        (True, 0, TypeError),
        ((True,), 0, TypeError),
        ("12", 0, TypeError),
        (b"12", 0, TypeError),
        (None, 0, TypeError),
        (np.array(3), 0, TypeError),
        (np.array([[1], [2]]), 0, TypeError),
        (("a",), 0, TypeError),
    ],
)
def test_bad_lags(lags, smallest, error):
    with pytest.raises(error) as caught:
        parse_lags(lags, "some_lags", smallest)
    text = str(caught.value)
    assert text.startswith("some_lags=")
    assert "give an int L >= 0" in text
    assert f"distinct ints >= {smallest}" in text


def test_runs():
    assert runs(()) == []
    assert runs((0,)) == [Run(0, 1)]
    assert runs((3, 1, 2)) == [Run(3, 3)]
    assert runs((0, 1, 24, 25, 168)) == [Run(168, 1), Run(25, 2), Run(1, 2)]


@pytest.mark.parametrize("seed", range(5))
def test_runs_cover_each_lag_once(seed):
    rng = np.random.default_rng(seed)
    lags = tuple(sorted(rng.choice(40, 15, replace=False).tolist()))
    covered = [run.oldest - i for run in runs(lags) for i in range(run.length)]
    assert covered == sorted(lags, reverse=True)
    ends = [(run.oldest, run.oldest - run.length) for run in runs(lags)]
    assert all(end > following for (_, end), (following, _) in pairwise(ends)), "runs that touch are one"


def test_stamps_missing_on_a_calendar_are_gaps():
    """Years, months, days over a clock change: what is missing is seen, and the future goes on."""
    for freq, zone in (("YS", None), ("MS", None), ("QE", None), ("D", "Europe/Berlin")):
        whole = pd.date_range("2020-01-01", periods=60, freq=freq, tz=zone)
        seen = read(whole.delete([20, 21, 40]))
        assert seen.freq is not None, freq
        assert timelines.gap_starts(of(whole.delete([20, 21, 40]))).tolist() == [20, 38], freq
        assert timelines.missing_between(seen, number(whole[[-1]] + 3 * whole.freq, 0)) == 2
        assert timelines.future(seen, 2).equals(pd.date_range(whole[-1], periods=3, freq=freq)[1:])


def test_a_third_of_the_hours_missing_is_still_hourly():
    index = hours[np.flatnonzero(np.arange(len(hours)) % 3 != 2)]
    assert read(index).step == 3600 * 10**9
    assert len(timelines.gap_starts(of(index))) == len(index) // 2 - (len(index) % 2 == 0)


def test_business_days_of_an_index_with_that_frequency_have_no_holidays():
    days = pd.bdate_range("2024-01-01", periods=61)  # ends on a Monday
    seen = read(days)
    for missing in (0, 1, 2, 3, 4, 5):
        assert timelines.missing_between(seen, number(days[[-1]] + (1 + missing) * days.freq, 0)) == missing


def test_holidays_are_no_gaps_of_business_days():
    days = pd.bdate_range("2024-01-01", periods=60).delete([10, 31])
    seen = read(days)
    assert timelines.gap_starts(of(days)).tolist() == []
    assert timelines.missing_between(seen, number(days[[-1]] + pd.offsets.BDay(), 0)) == 0
    assert timelines.future(seen, 5).equals(pd.bdate_range(days[-1], periods=6)[1:])
    assert timelines.missing_between(seen, number(days[[-1]] + 30 * pd.offsets.BDay(), 0)) > 10


@pytest.mark.parametrize("carried", [True, False])
def test_holidays_are_counted_in_business_rows(carried):
    """A weekend is as far as three days of the week, of which two are missing."""
    days = pd.bdate_range("2024-01-01", periods=200)
    one, two = days.delete([14, 35]), days.delete([14, 35, 36])
    for index, longest in ((days, 0), (one, 1), (two, 2), (two.delete(range(100, 110)), 2)):
        seen = read(pd.DatetimeIndex(index, freq="B" if carried and len(index) == len(days) else None))
        for missing in (0, 1, 2, 3, 4, 5, 9):
            later = number(days[[-1]] + (1 + missing) * pd.offsets.BDay(), 0)
            assert timelines.missing_between(seen, later) == (missing if missing > longest else 0)
    assert timelines.gap_starts(of(two.delete(range(100, 110)))).tolist() == [100]


@pytest.mark.parametrize("week", ["Mon Tue Wed Thu Fri Sat", "Mon Tue Wed Thu Sun", "Mon Wed Fri", "Tue Thu"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_other_days_of_the_week(week, zone):
    """A shop closed on Sundays: no row is missing there, and none comes."""
    grid = pd.date_range("2024-01-01", periods=80, freq=pd.offsets.CustomBusinessDay(weekmask=week), tz=zone)
    index = pd.DatetimeIndex(grid[:70].delete([20, 40, 41]), freq=None)
    assert timelines.gap_starts(of(index)).tolist() == []
    seen = read(index)
    assert_same(timelines.future(seen, 10), grid[70:])
    assert timelines.missing_between(seen, number(grid, 73)) == 3


def test_each_second_business_day():
    grid = pd.date_range("2024-01-01", periods=30, freq="2B")
    assert_same(timelines.future(read(pd.DatetimeIndex(grid[:20], freq=None)), 10), grid[20:])


def test_days_left_out_by_chance_are_no_week():
    index = days[np.random.default_rng(0).random(len(days)) > 0.4]
    assert read(index).step == 86_400 * 10**9


# ---------------------------------------------------------------------------------------- business hours


def some_hours(first, last, weekdays, n=60, start="2024-01-01", **kw):
    """Hours first ... last of n such days of the week, without a frequency."""
    every = pd.date_range(start, periods=24 * 3 * n, freq="h", **kw)
    kept = every[every.hour.isin(range(first, last + 1)) & every.day_of_week.isin(weekdays)]
    return pd.DatetimeIndex(kept[: n * (last - first + 1)], freq=None)


HOURS = {
    "9 to 17, Monday to Friday": some_hours(9, 17, range(5)),
    "with a zone": some_hours(9, 17, range(5), tz="America/New_York", start="2024-02-20"),
    "in ns, to midnight": some_hours(14, 23, range(5)).as_unit("ns"),
    "each day": some_hours(6, 20, range(7)),
    "from half past nine": some_hours(9, 15, range(5)) + pd.Timedelta("30min"),
    "not on Mondays": some_hours(8, 18, range(1, 6)),
}


@pytest.mark.parametrize("kind", HOURS)
def test_business_hours_without_a_frequency(kind):
    index = HOURS[kind]
    for end in (250, 251, 265):  # a week without Mondays wants four of them
        timeline = read(index[:end])
        assert_same(timelines.future(timeline, 120).as_unit(index.unit), index[end : end + 120])
        assert timelines.missing_between(timeline, number(index, end)) == 0
        assert timelines.missing_between(timeline, number(index, end + 7)) == 7
    assert len(timelines.gap_starts(of(index))) == 0
    assert len(timelines.gap_starts(of(index.delete([100, 150, 151])))) == 2


def test_holidays_of_business_hours_are_no_gaps():
    index = HOURS["9 to 17, Monday to Friday"]
    whole_day = index.delete(np.arange(90, 99))
    assert len(timelines.gap_starts(of(whole_day))) == 0
    assert timelines.gap_starts(of(whole_day.delete([200, 201]))).tolist() == [200], (
        "hours that are missing are"
    )
    late = read(whole_day[:261])
    assert timelines.missing_between(late, number(whole_day, 270)) == 0, "one day, as before"
    assert timelines.missing_between(late, number(whole_day, 279)) == 18


@pytest.mark.parametrize(
    "index",
    [
        some_hours(9, 17, range(5), n=4),  # the weekend has not come
        hours.delete([30, 31, 32, 70, 71]),  # a few gaps
        pd.date_range("2024-01-01", periods=2000, freq="h")[np.random.default_rng(0).random(2000) < 0.9],
    ],
)
def test_other_gaps_are_gaps(index):
    timeline = read(index)
    assert timeline.freq is None
    assert timelines.future(timeline, 1)[0] == index[-1] + pd.Timedelta("1h")


# ---------------------------------------------------------------------------------------- patterns


def at_times(rule, every="30min", weeks=16, start="2024-01-01", tz=None):
    """The stamps of some weeks that a rule (weekday, hour of the day) keeps, without a frequency."""
    end = pd.Timestamp(start) + pd.Timedelta(weeks=weeks)
    stamps = pd.date_range(start, end, freq=every, tz=tz, inclusive="left")
    kept = rule(np.asarray(stamps.day_of_week), np.asarray(stamps.hour + stamps.minute / 60))
    return pd.DatetimeIndex(stamps[kept], freq=None)


def futures_market(d, h):
    """From Sunday 18:00 to Friday 17:00, with an hour of rest a day."""
    return ((d < 4) & (h != 17)) | ((d == 4) & (h < 17)) | ((d == 6) & (h >= 18))


def two_sessions(d, h):
    return (d < 5) & (((h >= 9) & (h < 11.5)) | ((h >= 12.5) & (h < 15)))


def on_days(*days):
    stamps = pd.date_range("2023-01-01", periods=800)
    return pd.DatetimeIndex(stamps[stamps.day.isin(days)], freq=None)


def month_ends(day):
    stamps = pd.date_range("2023-01-01", periods=800)
    return pd.DatetimeIndex(stamps[(stamps.day == day) | stamps.is_month_end], freq=None)


PATTERNS = {
    "night shifts": at_times(lambda d, h: (h >= 22) | (h < 5), "h"),
    "night shifts of work days": at_times(
        lambda d, h: ((d < 5) & (h >= 22)) | ((d > 0) & (d < 6) & (h < 5)), "h"
    ),
    "two sessions a day": at_times(two_sessions),
    "two sessions a day, in local time": at_times(two_sessions, tz="Asia/Tokyo"),
    "one session of half hours": at_times(
        lambda d, h: (d < 5) & (h >= 9.5) & (h < 16), tz="America/New_York"
    ),
    "quarter hours of a shop, Saturday shorter": at_times(
        lambda d, h: (h >= 8) & (h < np.where(d == 5, 13, 18)) & (d < 6), "15min", 8
    ),
    "around the clock, on work days": at_times(lambda d, h: d < 5, "h"),
    "futures": at_times(futures_market, "h"),
    "futures, in local time": at_times(futures_market, "h", tz="America/Chicago"),
    "three readings a day": at_times(lambda d, h: np.isin(h, (6, 14, 22)), "h"),
    "three readings, over a clock change": at_times(
        lambda d, h: np.isin(h, (6, 14, 22)), "h", start="2024-02-19", tz="Europe/Berlin"
    ),
    "nights, over a clock change": at_times(
        lambda d, h: (h >= 18) | (h < 4), "h", start="2024-02-19", tz="Europe/Berlin"
    ),
    "nights of work days, over both clock changes": at_times(
        lambda d, h: ((d < 5) & (h >= 18)) | ((d > 0) & (d < 6) & (h < 3)),
        "h",
        42,
        "2024-01-29",
        "Europe/Berlin",
    ),
    "around 2 in the morning": at_times(
        lambda d, h: (h >= 1) & (h < 4), "15min", start="2024-09-20", tz="America/New_York"
    ),
    "readings at 7, 12 and 19": at_times(lambda d, h: np.isin(h, (7, 12, 19)), "h"),
    "readings of work days at 7, 12 and 19": at_times(lambda d, h: (d < 5) & np.isin(h, (7, 12, 19)), "h"),
    "Monday, Wednesday, Friday": at_times(lambda d, h: np.isin(d, (0, 2, 4)), "D"),
    "Monday morning, Thursday evening": at_times(
        lambda d, h: ((d == 0) & (h == 8)) | ((d == 3) & (h == 18)), "h"
    ),
    "rush hours": at_times(lambda d, h: (d < 5) & (((h >= 6) & (h < 9)) | ((h >= 16) & (h < 19))), "10min"),
    "days 1, 11 and 21": on_days(1, 11, 21),
    "days 5 and 20": on_days(5, 20),
    "the 15th and the end": month_ends(15),
    "the 1st, 15th and the end": on_days(1, 15).union(month_ends(15)),
    "coarse unit": at_times(two_sessions).as_unit("s"),
}


@pytest.mark.parametrize("kind", PATTERNS)
def test_patterns_without_a_frequency(kind):
    """Nothing is missing between their stamps, what is missing else is counted, and they go on."""
    index = PATTERNS[kind]
    n = len(index) * 3 // 4
    seen = read(index[:n])
    assert_same(timelines.future(seen, len(index) - n).as_unit(index.unit), index[n:])
    assert len(timelines.gap_starts(of(index))) == 0
    assert timelines.missing_between(seen, number(index, n)) == 0
    for k in (n, n - 1):
        assert timelines.row_before(seen, number(index, k)) == number(index, k - 1)
    timelines.check_grid(seen, of(index[n:]), "X")
    with pytest.raises(ValueError, match="off the grid"):
        timelines.check_grid(seen, of(index[n:] + pd.Timedelta("1s")), "X")
    inside = n + np.flatnonzero(np.diff(index.asi8[n - 3 : n + 40], 2) == 0)[:1] - 1  # no session of its own
    if len(inside):
        assert timelines.missing_before(of(index.delete(inside)), inside, seen).tolist() == [1]


NIGHTS = {
    "over midnight": pd.offsets.BusinessHour(start="18:00", end="03:00"),
    "on some days": pd.offsets.CustomBusinessHour(start="22:30", end="05:30", weekmask="Mon Tue Sat"),
    "early, every day": pd.offsets.CustomBusinessHour(
        start="01:00", end="05:00", weekmask="Mon Tue Wed Thu Fri Sat Sun"
    ),
}


@pytest.mark.parametrize("kind", NIGHTS)
def test_business_hours_of_the_night(kind):
    """As pandas counts them; over a change of the clock, which pandas refuses, as the clock shows them."""
    freq = NIGHTS[kind]
    plain = pd.date_range(
        "2024-02-19 20:30" if ":30" in str(freq) else "2024-02-19 20:00", periods=500, freq=freq
    )
    assert_same(timelines.future(read(plain[:30]), 470), plain[30:])
    local = plain[:30].tz_localize("Europe/Berlin")
    seen = read(pd.DatetimeIndex(local, freq=freq))
    assert seen.freq == freq
    expected = plain[30:].tz_localize("Europe/Berlin", nonexistent="NaT").dropna()
    assert len(expected) < 470 or kind == "over midnight"  # the night of the change is a Sunday's
    assert_same(timelines.future(seen, len(expected)), expected)
    assert len(timelines.gap_starts(of(expected))) == 0
    assert timelines.missing_between(seen, number(expected, 9)) == 9


def test_missing_sessions_of_a_pattern_are_no_gaps():
    """Rows missing inside one are, whole ones are holidays, as many in a row as were seen."""
    for kind, a_session in {"two sessions a day": 5, "futures": 23, "night shifts": 7}.items():
        index = PATTERNS[kind]
        opens = np.flatnonzero(np.diff(index.asi8, prepend=0) > 2 * np.diff(index.asi8).min() - 1)[20]
        holiday = index.delete(np.arange(opens, opens + a_session))
        assert timelines.gap_starts(of(holiday)).tolist() == []
        late = np.flatnonzero(np.diff(holiday.asi8) == np.diff(index.asi8).min())[400]
        assert timelines.gap_starts(of(holiday.delete([late, late + 1]))).tolist() == [late]
        assert read(holiday).freq == read(index).freq


@pytest.mark.parametrize("kind", ["two sessions a day", "futures", "readings at 7, 12 and 19", "rush hours"])
def test_patterns_with_rows_missing(kind):
    index = PATTERNS[kind]
    some = index[np.random.default_rng(1).random(len(index)) > 0.05]
    assert read(some).freq == read(index).freq


def daylight(weeks):
    """Hours of the sun, which rises earlier each day."""
    every = pd.date_range("2024-02-01", periods=24 * 7 * weeks, freq="h")
    return every[np.abs(every.hour - 12) < 5 + np.arange(len(every)) / 24 / 30]


NO_PATTERNS = {
    "one hour a day is missing": at_times(lambda d, h: h != 3, "h"),
    "a third by chance": pd.date_range("2024-01-01", periods=3000, freq="h")[
        np.random.default_rng(2).random(3000) > 0.35
    ],
    "days by chance": pd.date_range("2024-01-01", periods=300)[np.random.default_rng(3).random(300) > 0.3],
    "long outages": pd.date_range("2024-01-01", periods=3000, freq="h").delete(np.r_[100:900, 1500:2200]),
    "two short records": pd.date_range("2024-01-01", periods=3000, freq="h")[np.r_[:30, -40:0]],
}


@pytest.mark.parametrize("kind", NO_PATTERNS)
def test_plain_gaps_are_no_pattern(kind):
    stamps = of(NO_PATTERNS[kind])
    seen = timelines.read(stamps)
    assert seen.step == np.diff(stamps.values).min()
    assert timelines.left_out(seen, stamps) is None


UNKNOWN = {
    "ten nights": PATTERNS["night shifts"][:70],
    "three weeks of two sessions": PATTERNS["two sessions a day"][:150],
    "the sun": daylight(12),
    "sessions of another zone": at_times(two_sessions, tz="America/New_York", weeks=40).tz_convert("UTC"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_patterns_that_are_guesses_bring_a_warning(kind):
    stamps = of(UNKNOWN[kind])
    seen = timelines.read(stamps)
    assert seen.freq is None
    assert timelines.left_out(seen, stamps) == "day"
    assert timelines.common_steps(stamps).startswith({"ten nights": "h (86%), 18h (14%)"}.get(kind, ""))


def test_a_model_of_a_pattern():
    """No break is a gap, and none is forecast; the same after an update and from a file."""
    index = PATTERNS["futures"]
    series = pd.Series(np.sin(np.arange(len(index)) / 4), index)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = ARXRegressor((), 3).fit(None, series[:800])
        assert model.forecast(200).index.equals(index[800:1000])
        model.update(None, series[800:900])
    again = pickle.loads(pickle.dumps(model))
    assert again.forecast(60).index.equals(index[900:960])
    assert calendar_periods(index) == {"week": 115.0, "year": 6000.0}
    assert calendar_periods(PATTERNS["two sessions a day"])["day"] == 10
    with pytest.warns(UserWarning, match=r"most common steps h \(86%\), 18h \(14%\).* the day.*index\.freq"):
        ARXRegressor((), 3).fit(None, pd.Series(np.arange(70.0), UNKNOWN["ten nights"]))
