"""Features of the calendar: known stamps, clocks, spacings, pipelines, and scikit-learn's checks."""

import numpy as np
import pandas as pd
import pytest
from public import STRICT
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array
from sklearn.utils.estimator_checks import parametrize_with_checks

import tsrnn
from tsrnn.preprocessing import CalendarFeatures, future_frame


def frame(start="2024-01-01", periods=48, freq="h", tz=None):
    return pd.DataFrame(index=pd.date_range(start, periods=periods, freq=freq, tz=tz))


def shares(stamps, period):
    """The share of the period at each stamp, read back from sine and cosine."""
    out = CalendarFeatures([period]).fit_transform(pd.DataFrame(index=pd.DatetimeIndex(stamps)))
    return np.arctan2(out[f"{period}_sin"], out[f"{period}_cos"]).to_numpy() / (2 * np.pi) % 1


# -------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("period", "stamp", "share"),
    [
        ("minute", "2024-05-05 13:59:15", 1 / 4),
        ("hour", "2024-05-05 13:30", 1 / 2),
        ("day", "2024-05-05 18:00", 3 / 4),
        ("day", "1969-05-05 18:00", 3 / 4),  # before the epoch
        ("week", "2024-01-01", 0),  # a Monday
        ("week", "2024-01-04 12:00", 1 / 2),
        ("week", "2024-01-07", 6 / 7),
        ("week", "1965-01-04 12:00", 1 / 14),  # a Monday before the epoch
        ("month", "2024-02-16", 15 / 29),
        ("month", "2023-02-16", 15 / 28),
        ("quarter", "2024-04-01", 0),
        ("quarter", "2024-12-01", 61 / 92),
        ("year", "2024-07-02", 183 / 366),
        ("year", "2023-07-02 12:00", 182.5 / 365),
        ("year", "1700-12-31", 364 / 365),
    ],
)
@pytest.mark.parametrize("unit", ["s", "ns"])
def test_known_stamps(period, stamp, share, unit):
    assert shares(pd.DatetimeIndex([stamp, stamp]).as_unit(unit), period) == pytest.approx(
        [share, share], abs=1e-12
    )


def test_harmonics_are_sines_and_cosines_of_more_cycles():
    out = CalendarFeatures(["day", "week"], harmonics=3).fit_transform(frame())
    waves = [f"{wave}{k}" for k in ("", 2, 3) for wave in ("sin", "cos")]
    assert list(out) == [f"{p}_{w}".replace("sin1", "sin") for p in ("day", "week") for w in waves]
    hours = np.arange(48)
    for p, length in ("day", 24), ("week", 168):
        for k in 1, 2, 3:
            np.testing.assert_allclose(
                out[f"{p}_sin{k if k > 1 else ''}"], np.sin(2 * np.pi * k * hours / length), atol=1e-12
            )
            np.testing.assert_allclose(
                out[f"{p}_cos{k if k > 1 else ''}"], np.cos(2 * np.pi * k * hours / length), atol=1e-12
            )


def test_a_wave_that_is_zero_in_all_rows_is_exactly_zero():
    out = CalendarFeatures(["day", "week"], harmonics=7).fit_transform(frame(freq="12h"))
    assert (out[["day_sin", "day_sin2", "week_sin7"]] == 0).all(axis=None)


def test_each_row_depends_on_its_own_stamp_alone():
    rows = frame(periods=500)
    transformer = CalendarFeatures(harmonics=2).fit(rows[:100])
    whole = transformer.transform(rows)
    pd.testing.assert_frame_equal(transformer.transform(rows[100:101]), whole[100:101], check_freq=False)
    shuffled = rows.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(transformer.transform(shuffled).sort_index(), whole, check_freq=False)


# -------------------------------------------------------------------------------------- clocks


def test_a_day_is_that_of_the_local_clock():
    spring = pd.date_range("2024-03-31", periods=4, freq="h", tz="Europe/Berlin")  # 0:00, 1:00, 3:00, 4:00
    np.testing.assert_allclose(shares(spring, "day"), np.array([0, 1, 3, 4]) / 24, atol=1e-12)
    # 0:00, 1:00, 2:00, 2:00, 3:00
    autumn = pd.date_range("2024-10-27", periods=5, freq="h", tz="Europe/Berlin")
    np.testing.assert_allclose(shares(autumn, "day"), np.array([0, 1, 2, 2, 3]) / 24, atol=1e-12)
    days = pd.date_range("2024-03-25", periods=14, freq="D", tz="Europe/Berlin")  # one of them with 23 hours
    np.testing.assert_allclose(shares(days, "week"), np.arange(14) % 7 / 7, atol=1e-12)
    assert CalendarFeatures().fit(pd.DataFrame(index=days)).periods_ == ["week"]


def test_stamps_count_by_the_zone_of_fit():
    rows = frame(tz="Asia/Kolkata")
    transformer = CalendarFeatures(["day"]).fit(rows)
    local = transformer.transform(rows)
    other = transformer.transform(rows.tz_convert("UTC"))
    assert str(other.index.tz) == "UTC"  # the index stays
    np.testing.assert_array_equal(other, local)
    assert local["day_cos"].iloc[0] == 1


@pytest.mark.parametrize(
    ("of_fit", "of_x", "words"), [(None, "UTC", "of the X has"), ("UTC", None, "that of the X has")]
)
def test_zone_or_none_in_both(of_fit, of_x, words):
    transformer = CalendarFeatures().fit(frame(tz=of_fit))
    with pytest.raises(ValueError, match=words):
        transformer.transform(frame(tz=of_x))


# -------------------------------------------------------------------------------------- spacing

ALL = ["day", "week", "year"]


@pytest.mark.parametrize(
    ("freq", "years", "periods"),
    [
        ("15min", 2.1, ALL), ("h", 2.1, ALL), ("12h", 2.1, ALL), ("D", 2.1, ALL[1:]), ("B", 2.1, ALL[1:]),
        ("2D", 2.1, ALL[1:]), ("W", 2.1, ALL[2:]), ("10D", 2.1, ALL[2:]), ("MS", 2.1, ALL[2:]), ("QS", 2.1, ALL[2:]),
        ("h", 1.9, ALL[:2]), ("D", 1.9, ALL[1:2]), ("s", 1e-5, ALL[:1]), ("5min", 0.01, ALL[:1]), ("W", 1, ALL[2:]),
    ],
)  # fmt: skip
def test_periods_follow_from_the_spacing_and_were_seen_twice(freq, years, periods):
    """The shortest one, where none was."""
    end = pd.Timestamp("2024-01-01") + years * pd.Timedelta("365D")
    rows = pd.DataFrame(index=pd.date_range("2024-01-01", end, freq=freq))
    assert CalendarFeatures().fit(rows).periods_ == periods


def test_spacing_in_spite_of_gaps_panels_and_order():
    rows = frame(periods=300, freq="D")
    assert CalendarFeatures().fit(rows.sample(250, random_state=0).sort_index()).periods_ == ["week"]
    stamps = rows.index[:20]
    by_series = pd.MultiIndex.from_product([["a", "b"], stamps])
    by_time = by_series.swaplevel().sortlevel(0)[0].swaplevel()
    for index in by_series, by_time:
        assert CalendarFeatures().fit(pd.DataFrame(index=index)).periods_ == ["week"]


# -------------------------------------------------------------------------------------- containers


def test_columns_and_index_are_kept():
    rows = frame().assign(load=np.arange(48.0), kind=["a", "b"] * 24, hole=[np.nan, 1] * 24)
    before = rows.copy()
    out = CalendarFeatures(["day"]).fit_transform(rows)
    pd.testing.assert_frame_equal(out[["load", "kind", "hole"]], before)
    pd.testing.assert_frame_equal(rows, before)
    assert out.index.equals(rows.index)
    assert out.index.freq == rows.index.freq
    assert list(out) == ["load", "kind", "hole", "day_sin", "day_cos"]
    alone = CalendarFeatures(["day"], append=False).fit(rows)
    assert alone.n_features_in_ == 3
    assert alone.feature_names_in_.tolist() == ["load", "kind", "hole"]
    pd.testing.assert_frame_equal(alone.transform(rows), out[["day_sin", "day_cos"]])


def test_names_of_the_columns():
    numbered = pd.DataFrame(np.zeros((48, 2)), frame().index)
    transformer = CalendarFeatures(["day"]).fit(numbered)
    assert transformer.get_feature_names_out().tolist() == ["x0", "x1", "day_sin", "day_cos"]
    assert list(transformer.transform(numbered)) == ["x0", "x1", "day_sin", "day_cos"]
    assert transformer.get_feature_names_out(["u", "v"]).tolist() == ["u", "v", "day_sin", "day_cos"]
    empty = CalendarFeatures(["day"]).fit(frame())
    assert empty.n_features_in_ == 0
    assert not hasattr(empty, "feature_names_in_")
    assert empty.get_feature_names_out().tolist() == ["day_sin", "day_cos"]


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_set_output(output):
    rows = frame().assign(load=1.0)
    out = CalendarFeatures().set_output(transform=output).fit_transform(rows)
    pd.testing.assert_frame_equal(out, CalendarFeatures().fit_transform(rows))


def test_periods_and_panels_in_the_index():
    stamps = pd.date_range("2024-01-01", periods=30, freq="MS")
    plain = CalendarFeatures().fit_transform(pd.DataFrame(index=stamps))
    periods = CalendarFeatures().fit_transform(pd.DataFrame(index=stamps.to_period("M")))
    assert isinstance(periods.index, pd.PeriodIndex)
    np.testing.assert_array_equal(periods, plain)
    panel = pd.DataFrame(
        index=pd.MultiIndex.from_product([["a", "b"], [1, 2], stamps], names=["site", "unit", "time"])
    )
    out = CalendarFeatures().fit_transform(panel)
    assert out.index.equals(panel.index)
    np.testing.assert_array_equal(out, np.tile(plain, (4, 1)))


# -------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (None, TypeError, r"X is of type NoneType.*pd\.DataFrame\(index=y\.index\)"),
        (
            np.zeros((48, 2)),
            TypeError,
            "X is of type ndarray, without the index.*give a DataFrame with a DatetimeIndex",
        ),
        (pd.Series(1.0, frame().index), TypeError, "type Series"),
        (pd.DataFrame({"a": [1.0, 2.0]}), TypeError, "RangeIndex, int64. does not tell time"),
        (pd.DataFrame({"a": [1.0]}, ["January"]), TypeError, "does not tell time"),
        (pd.DataFrame(index=frame().index.insert(3, pd.NaT)), ValueError, "NaT, first in row 3"),
        (frame()[:0], ValueError, "0 rows"),
        (
            frame()[:1].set_index(pd.DatetimeIndex(["2024-01-01"])),
            ValueError,
            r"n_samples=1.*periods=\['day'",
        ),
        (frame(freq="YS"), ValueError, "fewer than two in a year: leave CalendarFeatures out"),
        (frame().assign(day_cos=0.0), ValueError, "already has a column 'day_cos'"),
    ],
    ids=lambda v: type(v).__name__ if not isinstance(v, str) else v[:20],
)
def test_rows_without_a_calendar_are_named(X, error, words):
    with pytest.raises(error, match=words):
        CalendarFeatures().fit(X)


@pytest.mark.parametrize(
    ("parameters", "error", "words"),
    [
        ({"periods": "day"}, ValueError, "periods='day': give 'auto' or a list of some of 'minute', 'hour'"),
        ({"periods": ["day", "hours"]}, ValueError, "'hours'"),
        ({"periods": [24]}, ValueError, "periods=.24."),
        ({"periods": ["day", "day"]}, ValueError, "'day', 'day'"),
        ({"periods": []}, ValueError, "periods=.."),
        ({"periods": None}, ValueError, "periods=None"),
        ({"harmonics": 0}, ValueError, "harmonics=0 is out of range: give an int >= 1"),
        ({"harmonics": 2.0}, TypeError, "harmonics=2.0 is not an int"),
        ({"append": "no"}, TypeError, "append='no'"),
    ],
    ids=str,
)
def test_wrong_parameters_are_named(parameters, error, words):
    with pytest.raises(error, match=words):
        CalendarFeatures(**parameters).fit(frame())


def test_other_columns_than_in_fit_are_named():
    transformer = CalendarFeatures().fit(frame().assign(a=1.0))
    with pytest.raises(ValueError, match="feature names should match"):
        transformer.transform(frame().assign(a=1.0, b=2.0))
    with pytest.raises(ValueError, match="feature names should match"):
        transformer.transform(frame().assign(b=1.0))
    with pytest.raises(TypeError, match="type ndarray"):
        transformer.transform(np.zeros((48, 1)))
    with pytest.raises(ValueError, match="has 2 features, but CalendarFeatures is expecting 1"):
        CalendarFeatures().fit(pd.DataFrame(np.zeros((48, 1)), frame().index)).transform(
            pd.DataFrame(np.zeros((48, 2)), frame().index)
        )


# -------------------------------------------------------------------------------------- with models

N = 24 * 30
HOURS = pd.date_range("2024-01-01", periods=N + 48, freq="h", tz="Europe/Berlin", name="time")
LOAD = pd.Series(
    10 + 3 * np.sin(2 * np.pi * HOURS.hour / 24) + 2 * (HOURS.hour == 8) + (HOURS.day_of_week >= 5),
    HOURS,
    name="load",
)
LOAD += 0.1 * np.random.default_rng(0).normal(size=len(LOAD))


def linear(**more):
    return tsrnn.NARXRegressor(
        hidden_layer_sizes=(), input_lags=0, output_lags=1, training="open_loop", random_state=0, **more
    )


def test_a_model_of_y_alone_learns_the_calendar():
    pipeline = make_pipeline(CalendarFeatures(["day", "week"], harmonics=3), StandardScaler(), linear())
    pipeline.fit(pd.DataFrame(index=HOURS[:N]), LOAD[:N])
    ahead = future_frame(LOAD[:N], 48)
    assert ahead.index.equals(HOURS[N:])
    forecast = tsrnn.forecast(pipeline, 48, ahead)
    assert forecast.index.equals(HOURS[N:])
    assert forecast.name == "load"
    rmse = np.sqrt(np.mean((forecast - LOAD[N:]) ** 2))
    without = linear().set_params(target_transform=None).fit(None, LOAD[:N]).forecast(48)
    assert rmse < 0.25 * np.sqrt(np.mean((without - LOAD[N:]) ** 2))


def test_a_search_finds_the_harmonics():
    pipeline = make_pipeline(CalendarFeatures(["day"]), linear())
    grid = {"calendarfeatures__harmonics": [1, 4], "calendarfeatures__periods": [["day"], ["week"]]}
    X = pd.DataFrame(index=HOURS)
    search = GridSearchCV(pipeline, grid, cv=TimeSeriesSplit(2)).fit(X[:N], LOAD[:N])
    assert search.best_params_ == {"calendarfeatures__harmonics": 4, "calendarfeatures__periods": ["day"]}
    assert tsrnn.forecast(search, 24, X[N : N + 24]).index.equals(HOURS[N : N + 24])


def test_inputs_of_the_user_stay_inputs():
    drive = pd.DataFrame({"drive": np.random.default_rng(1).normal(size=len(HOURS))}, HOURS)
    y = LOAD + 5 * drive["drive"]
    pipeline = make_pipeline(CalendarFeatures(["day"]), tsrnn.GRURegressor((4,), max_iter=3, random_state=0))
    pipeline.fit(drive[:N], y[:N])
    assert pipeline[-1].feature_names_in_.tolist() == ["drive", "day_sin", "day_cos"]
    assert tsrnn.forecast(pipeline, 24, drive[N : N + 24]).index.equals(HOURS[N : N + 24])


# -------------------------------------------------------------------------------------- rows to come


@pytest.mark.parametrize("freq", ["h", "D", "ME", "B"])
def test_future_frame_goes_on(freq):
    stamps = pd.date_range("2024-01-01", periods=50, freq=freq, name="time")
    ahead = future_frame(pd.DataFrame({"a": 1.0}, stamps[:40]), 10)
    assert ahead.shape == (10, 0)
    assert ahead.index.equals(stamps[40:])
    assert ahead.index.name == "time"


def test_future_frame_of_periods_integers_and_panels():
    months = pd.period_range("2024-01", periods=14, freq="M")
    assert future_frame(pd.Series(1.0, months[:12]), 2).index.equals(months[12:])
    assert future_frame(pd.Series(1.0, range(5)), 2).index.tolist() == [5, 6]
    stamps = pd.date_range("2024-01-01", periods=10, freq="h")
    history = pd.concat(
        {"b": pd.Series(1.0, stamps[:4]), "a": pd.Series(1.0, stamps[:6])}, names=["site", "time"]
    )
    ahead = future_frame(history, 2)
    assert ahead.index.names == ["site", "time"]
    assert ahead.index.tolist() == [("b", stamps[4]), ("b", stamps[5]), ("a", stamps[6]), ("a", stamps[7])]


@pytest.mark.parametrize(
    ("history", "steps", "error", "words"),
    [
        (np.zeros(4), 2, TypeError, "history is of type ndarray"),
        (LOAD, 0, ValueError, "steps=0"),
        (LOAD, 2.0, TypeError, "steps=2.0"),
        (LOAD[:0], 2, ValueError, "no regular spacing"),
        (pd.Series(1.0, pd.DatetimeIndex(["2024-01-01"])), 2, ValueError, "no regular spacing"),
        (LOAD.iloc[[0, 1, 3, 10, 11, 23]].iloc[::2], 2, ValueError, "no regular spacing"),
        (LOAD[::-1], 2, ValueError, "not in time order"),
        (pd.Series(1.0, ["a", "b"]), 2, ValueError, "no regular spacing"),
    ],
)
def test_a_history_that_cannot_go_on_is_named(history, steps, error, words):
    with pytest.raises(error, match=words):
        future_frame(history, steps)


# -------------------------------------------------------------------------------------- scikit-learn


class Dated(CalendarFeatures):
    """Gives arrays, such as those of scikit-learn's checks, an hourly index, and a plain frame its own."""

    def _dated(self, X):
        if not isinstance(X, pd.DataFrame):
            X = pd.DataFrame(check_array(X, dtype=None, ensure_all_finite=False))
        return X.set_axis(pd.date_range("2024-01-01", periods=len(X), freq="h"))

    def fit(self, X, y=None):
        return super().fit(self._dated(X), y)

    def transform(self, X):
        return super().transform(self._dated(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


ORDER = "an array has no stamps: the test dates its rows anew by their order"
EXPECTED = {"check_methods_sample_order_invariance": ORDER, "check_methods_subset_invariance": ORDER}


@parametrize_with_checks([Dated()], expected_failed_checks=lambda estimator: EXPECTED, **STRICT)
def test_estimator(estimator, check):
    check(estimator)


def test_the_tags_say_that_arrays_are_not_enough():
    tags = CalendarFeatures().__sklearn_tags__()
    assert not tags.input_tags.two_d_array
    assert not tags.no_validation
    transformer = CalendarFeatures(["day"], harmonics=2)
    assert clone(transformer).get_params() == transformer.get_params()
