"""What an index says, and lags as runs of memory."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from tsrnn._series import rows as _rows
from tsrnn._series import timeline as timelines
from tsrnn._series.lags import Run, parse_lags, runs


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


def assert_same(index, expected):
    """The same stamps and zone; whether pandas has a name for the step is its own affair."""
    assert index.equals(expected), f"{index} is not {expected}"
    assert getattr(index, "tz", None) == getattr(expected, "tz", None)


# ---------------------------------------------------------------------------------------- time_index


@pytest.mark.parametrize(
    "X",
    [
        None,
        np.zeros((3, 2)),
        [[1, 2]],
        pd.DataFrame(np.zeros((3, 1)), index=list("abc")),
        pd.DataFrame(np.zeros((3, 1)), index=[0.0, 0.5, 1.0]),
        pd.Series([1.0, 2.0], index=[True, False]),
    ],
    ids=["None", "array", "list", "strings", "floats", "booleans"],
)
def test_no_time(X):
    assert _rows._stamps(X, slice(None), "X") is None


@every_regular
def test_time(kind):
    index = REGULAR[kind]
    assert timelines.time_index(index, "X") is index


def test_periods_are_their_starts():
    index = pd.period_range("2024-01", periods=5, freq="M")
    assert timelines.time_index(index, "y").equals(index.to_timestamp())


def test_says_nothing():
    for silent in (None, pd.RangeIndex(7), pd.RangeIndex(0)):
        assert timelines.says_nothing(silent)
    for telling in (pd.RangeIndex(1, 7), pd.RangeIndex(0, 14, 2), pd.Index([0, 1, 2]), hours):
        assert not timelines.says_nothing(telling)


# ---------------------------------------------------------------------------------------- what comes next


@every_regular
@pytest.mark.parametrize("steps", [1, 2, 13])
def test_future_goes_on(kind, steps):
    index = REGULAR[kind]
    seen = timelines.read(index[:-steps])
    ahead = timelines.future(seen, steps)
    assert_same(ahead, index[-steps:])


@every_regular
def test_nothing_is_missing_where_rows_follow(kind):
    index = REGULAR[kind]
    for cut in (3, len(index) // 2, len(index) - 1):
        assert timelines.missing_between(timelines.read(index[:cut]), index[cut]) == 0


@every_regular
@pytest.mark.parametrize("missing", [1, 2, 7])
def test_missing_rows_are_counted(kind, missing):
    index = REGULAR[kind]
    seen = timelines.read(index[:-10])
    assert timelines.missing_between(seen, index[len(index) - 10 + missing]) == missing


@every_regular
def test_a_regular_index_has_no_gaps(kind):
    index = REGULAR[kind]
    assert timelines.gap_starts(index) == []
    assert timelines.gap_starts(index[:1]) == []
    assert timelines.gap_starts(index[:2]) == []


@pytest.mark.parametrize(
    "kind", ["hours", "days", "hours with a zone", "integers", "tens", "time since the start"]
)
def test_gaps_are_found(kind):
    index = REGULAR[kind]
    keep = np.r_[0:20, 21:30, 37 : len(index)]
    assert timelines.gap_starts(index[keep]) == [20, 29]
    seen = timelines.read(index[keep])
    assert seen.step == index[1] - index[0]
    assert seen.n == len(keep)


def test_many_small_gaps_leave_the_step():
    keep = np.arange(100) % 10 != 3
    assert timelines.read(hours[keep]).step == pd.Timedelta("1h")
    assert len(timelines.gap_starts(hours[keep])) == 10


@pytest.mark.parametrize("n", [1, 2, 5, 8, 15, 24])
def test_a_weekend_is_no_gap(n):
    """However few the new rows of a series of business days: the rows seen before say what a row is."""
    after = timelines.extend(timelines.read(business[:30]), business[30 : 30 + n])
    assert_same(timelines.future(after, 6), business[30 + n : 36 + n])


@pytest.mark.parametrize("stretch", [slice(6, 8), slice(17, 19), slice(0, 5), slice(30, 32)])
def test_a_few_months_remain_months(stretch):
    """July and August are equally long: that makes no step of 31 days."""
    seen = timelines.read(months[:20])
    after = timelines.extend(seen._replace(last=months[stretch.start - 1]), months[stretch])
    expected = months[stretch.stop : stretch.stop + 3]
    assert_same(timelines.future(after, 3), expected)


def test_a_gap_does_not_become_the_step():
    seen = timelines.read(hours[:50])
    after = timelines.extend(seen, hours[[52, 57]])
    assert after.step == pd.Timedelta("1h")
    assert timelines.future(after, 1)[0] == hours[58]


def test_irregular_stamps():
    index = hours[[0, 2, 5, 6, 11, 15, 17]]
    seen = timelines.read(index)
    assert seen.step is None
    assert seen.freq is None
    assert timelines.gap_starts(index) == []
    assert timelines.future(seen, 3) is None
    assert timelines.missing_between(seen, hours[20]) == 0
    assert timelines.missing_between(seen, hours[27]) > 0
    assert timelines.irregular(seen)


def test_short_and_empty():
    assert timelines.read(None) is None
    assert timelines.read(hours[:0]) is None
    one = timelines.read(hours[:1])
    assert (one.first, one.last, one.n) == (hours[0], hours[0], 1)
    assert timelines.missing_between(one, hours[5]) == 0
    assert timelines.future(one, 2) is None


@every_regular
def test_extend(kind):
    index = REGULAR[kind]
    whole = timelines.read(index)
    for cut in (len(index) // 2, len(index) - 1):
        both = timelines.extend(timelines.read(index[:cut]), index[cut:])
        assert both[:3] == whole[:3]
        assert (both.step, both.freq) == (whole.step, whole.freq)
    assert timelines.extend(None, index) == whole


# ---------------------------------------------------------------------------------------- comparable


@every_regular
def test_comparable_with_itself(kind):
    index = REGULAR[kind]
    assert timelines.comparable(timelines.read(index[:10]), index[10:])


@pytest.mark.parametrize("kind", ["hours", "integers", "time since the start"])
@pytest.mark.parametrize("other", ["hours", "integers", "time since the start", "tens"])
def test_kinds_do_not_compare(kind, other):
    same = {kind, other} <= {"integers", "tens"} or kind == other
    assert timelines.comparable(timelines.read(REGULAR[kind]), REGULAR[other]) == same


@pytest.mark.parametrize(("first", "second"), [(hours, aware), (aware, hours)])
def test_zones_do_not_mix(first, second):
    with pytest.raises(ValueError, match=r"time zone.*tz_localize"):
        timelines.comparable(timelines.read(first), second)


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
        seen = timelines.read(whole.delete([20, 21, 40]))
        assert seen.freq is not None, freq
        assert timelines.gap_starts(whole.delete([20, 21, 40])) == [20, 38], freq
        assert timelines.missing_between(seen, whole[-1] + 3 * whole.freq) == 2
        assert timelines.future(seen, 2).equals(pd.date_range(whole[-1], periods=3, freq=freq)[1:])


def test_a_third_of_the_hours_missing_is_still_hourly():
    index = hours[np.flatnonzero(np.arange(len(hours)) % 3 != 2)]
    assert timelines.read(index).step == pd.Timedelta("1h")
    assert len(timelines.gap_starts(index)) == len(index) // 2 - (len(index) % 2 == 0)


def test_holidays_are_no_gaps_of_business_days():
    days = pd.bdate_range("2024-01-01", periods=60).delete([10, 31])
    seen = timelines.read(days)
    assert timelines.gap_starts(days) == []
    assert timelines.missing_between(seen, days[-1] + pd.offsets.BDay()) == 0
    assert timelines.future(seen, 5).equals(pd.bdate_range(days[-1], periods=6)[1:])
    assert timelines.missing_between(seen, days[-1] + 30 * pd.offsets.BDay()) > 10
