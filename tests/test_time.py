"""Time in every dress: an index is read as it is meant, or refused, or a warning says that it was not understood."""

import datetime
import pickle
import re
import sys
import tracemalloc
import warnings

import dateutil.tz
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import tsrnn
from tsrnn._series import timeline as timelines
from tsrnn._series.rows import future_index, gather
from tsrnn.model_selection import PanelTimeSeriesSplit, backtest
from tsrnn.preprocessing import CalendarFeatures, future_frame


n = 60
offsets = pd.offsets
days = pd.date_range("2024-01-01", periods=n)
hours = pd.date_range("2024-01-01", periods=n, freq="h")
berlin = pd.date_range("2024-03-29", periods=n, freq="h", tz="Europe/Berlin")  # over the clock change
lengths = pd.timedelta_range("0s", periods=n, freq="15min")
x = np.random.default_rng(0).normal(size=n)
wave = np.sin(np.arange(n) / 3)


def arx(output_lags=2, **options):
    return tsrnn.ARXRegressor(input_lags=(), output_lags=output_lags, **options)


def of(index):
    return gather(pd.DataFrame(index=index)).parts[0].stamps


def arrow(index, kind):
    pa = pytest.importorskip("pyarrow")
    return index.astype(pd.ArrowDtype(getattr(pa, kind)() if kind.startswith("date") else kind_of(pa, kind)))


def kind_of(pa, kind):
    word, unit, *zone = kind.split("-")
    return getattr(pa, word)(unit, *zone) if word != "int16" else pa.int16()


# ---------------------------------------------------------------------------------------- dresses that are understood


PLAIN = {
    "datetime.date": (days, lambda: pd.Index(days.date)),
    "datetime": (hours, lambda: pd.Index(hours.to_pydatetime(), dtype=object)),
    "Timestamps as objects": (hours, lambda: hours.astype(object)),
    "datetimes with a zone": (berlin, lambda: berlin.astype(object)),
    "changing offsets": (berlin, lambda: pd.Index([pd.Timestamp(t.isoformat()) for t in berlin], dtype=object)),
    "fixed offset": (
        berlin[:9].append(berlin[9:20]),
        lambda: pd.Index([pd.Timestamp(t.isoformat()).to_pydatetime() for t in berlin[:20]], dtype=object),
    ),
    "ISO dates": (days, lambda: days.strftime("%Y-%m-%d")),
    "ISO months": (
        pd.date_range("2020-01-01", periods=n, freq="MS"),
        lambda: pd.Index([f"{2020 + k // 12}-{k % 12 + 1:02}" for k in range(n)]),
    ),
    "ISO minutes": (hours, lambda: hours.strftime("%Y-%m-%dT%H:%M")),
    "ISO with a space": (hours, lambda: hours.strftime("%Y-%m-%d %H:%M:%S").astype(object)),
    "ISO fractions": (
        hours + pd.Timedelta("250ms"),
        lambda: pd.Index([f"{t:%Y-%m-%d %H:%M:%S}.250" for t in hours]),
    ),
    "ISO in UTC": (hours.tz_localize("UTC"), lambda: hours.strftime("%Y-%m-%dT%H:%M:%SZ")),
    "ISO with offsets": (berlin, lambda: pd.Index([t.isoformat() for t in berlin])),
    "categories": (days, lambda: pd.CategoricalIndex(days)),
    "categories of strings": (days, lambda: pd.CategoricalIndex(days.strftime("%Y-%m-%d"))),
    "Period objects": (days.to_period("D"), lambda: days.to_period("D").astype(object)),
    "seconds as unit": (hours, lambda: hours.as_unit("s")),
    "datetime.timedelta": (lengths, lambda: pd.Index(lengths.to_pytimedelta(), dtype=object)),
    "integers as objects": (pd.Index(range(7, 7 + n)), lambda: pd.Index(range(7, 7 + n), dtype=object)),
    "nullable integers": (pd.Index(range(7, 7 + n)), lambda: pd.Index(range(7, 7 + n), dtype="Int32")),
    "Arrow timestamp": (hours, lambda: arrow(hours, "timestamp-ns")),
    "Arrow timestamp in s": (hours, lambda: arrow(hours.as_unit("s"), "timestamp-s")),
    "Arrow timestamp with a zone": (berlin, lambda: arrow(berlin.as_unit("us"), "timestamp-us-Europe/Berlin")),
    "Arrow date32": (days, lambda: arrow(pd.Index(days.date), "date32")),
    "Arrow date64": (days, lambda: arrow(pd.Index(days.date), "date64")),
    "Arrow duration": (lengths, lambda: arrow(lengths.as_unit("us"), "duration-us")),
    "Arrow string": (days, lambda: pyarrow() and days.strftime("%Y-%m-%d").astype("string[pyarrow]")),
    "Arrow integers": (pd.Index(range(7, 7 + n)), lambda: arrow(pd.Index(range(7, 7 + n)), "int16-")),
}  # fmt: skip
every_dress = pytest.mark.parametrize("dress", PLAIN)


@every_dress
def test_dresses(dress):
    """The same stamps as pandas' own index, on which order, gaps, the match of X and y and the future are known."""
    plain, given = PLAIN[dress][0], PLAIN[dress][1]().rename("when")
    m = len(given)
    plain, y = plain[:m], pd.Series(wave[:m], given)
    stamps, wanted = of(given), of(plain)
    assert stamps.clock.kind == wanted.clock.kind
    assert (stamps.values == wanted.values).all()
    model, known = arx().fit(None, y), arx().fit(None, y.set_axis(plain))
    assert model.timeline_[1:] == known.timeline_[1:]
    ahead = model.forecast(3)
    np.testing.assert_array_equal(ahead, known.forecast(3))
    future = known.forecast(3).index
    if isinstance(plain, pd.DatetimeIndex) and plain.tz is not None:
        future = future.tz_convert(ahead.index.tz)  # of changing offsets the zone is not known
    assert ahead.index.equals(future) or list(ahead.index) == list(future)
    assert ahead.index.name == "when"
    back = y[::-1]
    with pytest.raises(ValueError, match="not in time order"):
        arx().fit(None, back)
    with pytest.raises(ValueError, match="twice"):
        arx().fit(None, y.iloc[[0, 1, 1, *range(2, m)]])
    for rows in ([*range(m), *range(m)], sorted([*range(m), *range(m)])):  # two series in one column
        with pytest.raises(
            ValueError, match=r"holds each stamp twice\. .* name the series of each row with groups="
        ):
            arx().fit(None, y.iloc[rows])
    X = pd.DataFrame({"x": x[:m]}, given)
    with pytest.raises(ValueError, match="different stamps"):
        tsrnn.ARXRegressor().fit(X.iloc[:-3], y.iloc[3:])
    with pytest.warns(UserWarning, match="1 row.s. are missing between"):
        model.update(None, _later(plain, given, wave))
    frame = pd.concat({"a": y, "b": -y})
    panel = gather(None, frame).parts
    assert [part.key for part in panel] == ["a", "b"]
    for part in panel:
        assert (part.stamps.values == wanted.values).all()


def test_one_level_is_no_panel():
    given = pd.MultiIndex.from_arrays([hours], names=["when"])
    X, y = pd.DataFrame({"x": x}, given), pd.Series(wave, given)
    with pytest.raises(ValueError, match="different stamps"):
        tsrnn.ARXRegressor().fit(X[3:], y[:-3])
    assert (of(given).values == of(hours).values).all()


def _later(plain, given, wave):
    """Two rows after the last one of ``plain`` but one, in its own dress where that can be told simply."""
    step = of(plain).values[1] - of(plain).values[0]
    seen = timelines.read(of(plain))
    values = (
        timelines.ahead([seen], 3)[0][0, 1:] if seen.step != step else seen.last + step * np.array([2, 3])
    )
    index = timelines.to_index(of(plain).clock._replace(freq=None), values)
    if isinstance(given.dtype, pd.PeriodDtype):
        index = index.to_period(given.freq)
    return pd.Series(wave[:2], index)


def test_missing_stamps_are_refused():
    for index in (
        pd.Index([*days.date[:5], None, *days.date[6:]]),
        pd.Index([*days.strftime("%Y-%m-%d")[:5], None, *days.strftime("%Y-%m-%d")[6:]]),
        days.where(days != days[5]),
        pd.Index([*range(5), None, *range(6, n)], dtype="Int64"),
        days.to_period("D").where(days != days[5]),
    ):
        with pytest.raises(ValueError, match="NaT, first in row 5"):
            arx().fit(None, pd.Series(wave, index))


def test_half_of_the_zones():
    """Some stamps with a zone and some without are no time."""
    strings = pd.Index([f"{t:%Y-%m-%dT%H:%M}{'Z' if k % 2 else ''}" for k, t in enumerate(hours)])
    objects = pd.Index([t.tz_localize("UTC") if k % 2 else t for k, t in enumerate(hours)], dtype=object)
    for index in (strings, objects):
        with pytest.raises(ValueError, match=r"time zone in some rows.*tz_localize"):
            arx().fit(None, pd.Series(wave, index))
    X = pd.DataFrame({"x": x}, hours)
    with pytest.raises(
        ValueError,
        match=r"different stamps.*Those of X have no time zone: give them theirs, such as X.tz_localize\('UTC'\)",
    ):
        tsrnn.ARXRegressor().fit(X, pd.Series(wave, hours.tz_localize("UTC")))


def test_zones_of_dateutil():
    y = pd.Series(wave, berlin.tz_convert("dateutil/Europe/Berlin"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = arx().fit(None, y[:40]).update(None, pd.Series(wave[40:], berlin[40:]))
        index = pickle.loads(pickle.dumps(model)).forecast(2).index
    assert (index == pd.date_range(berlin[-1], periods=3, freq="h")[1:]).all()
    assert str(index.tz) == "Europe/Berlin"
    with pytest.raises(
        ValueError, match=r"^The index of y has the time zone tzlocal\(\), which has no name: give"
    ):
        arx().fit(None, y.tz_convert(dateutil.tz.tzlocal()))


def test_units_are_the_same_instants():
    """ns and s of the same instants match, and a forecast has the unit of training."""
    for unit in ("s", "ms", "us", "ns"):
        for other in ("s", "ns"):
            X = pd.DataFrame({"x": x}, hours.as_unit(unit))
            model = tsrnn.ARXRegressor().fit(X, pd.Series(wave, hours.as_unit(other)))
            assert arx().fit(None, pd.Series(wave, hours.as_unit(unit))).forecast(2).index.unit == unit
            future = pd.DataFrame(
                {"x": x[:3]}, pd.date_range(hours[-1], periods=4, freq="h")[1:].as_unit(other)
            )
            assert (model.forecast(3, future).index == future.index).all()
    old = pd.Series(wave, pd.date_range("1500-01-01", periods=n, freq="YS", unit="s"))  # before ns
    assert arx().fit(None, old).forecast(2).index.year.tolist() == [1560, 1561]
    with pytest.raises(ValueError, match="beyond what an index in ns can hold"):
        arx().fit(None, pd.Series(wave, hours)).update(
            None, pd.Series(wave, pd.date_range("3000", periods=n, freq="h", unit="s"))
        )


def test_the_end_of_time():
    """What ns cannot count does not wrap around."""
    last = np.datetime64("2262-04-08", "ns")
    for unit, steps in (("h", 24), ("D", 1)):
        index = pd.DatetimeIndex(last + np.arange(1 - n, 1) * np.timedelta64(1, unit))
        for zone in (None, "Europe/Berlin"):
            model = arx().fit(None, pd.Series(wave, index).tz_localize(zone))
            assert model.forecast(steps).index.is_monotonic_increasing
            with pytest.raises(ValueError, match="beyond what an index in ns can hold"):
                model.forecast(5 * steps)


def test_coarser_units_go_on_beyond_ns():
    """Over 2262, where an index in us goes on; of whatever unit X and y are."""
    index = pd.date_range("2262-02-20", periods=2 * n, freq="D", unit="us")
    y = pd.Series(np.resize(wave, 2 * n), index)
    model = arx().fit(None, y[:40])
    assert model.forecast(50).index.equals(index[40:90])
    assert model.update(None, y[40:90]).forecast(3).index.equals(index[90:93])
    early = index[:40].as_unit("ns")
    assert len(gather(pd.DataFrame({"x": y[:40]}, index[:40]), y[:40].set_axis(early)).parts) == 1
    for other in (early + pd.Timedelta("1ns"), early + pd.Timedelta("1h")):
        with pytest.raises(ValueError, match="different stamps"):
            gather(pd.DataFrame({"x": y[:40].to_numpy()}, index[:40]), y[:40].set_axis(other))


# ---------------------------------------------------------------------------------------- dresses that are not


UNKNOWN = {
    "floats": np.arange(n) / 2,
    "years as floats": 1871.0 + np.arange(n),
    "seconds as floats": 1.7e9 + np.arange(n) * 60.0,
    "words": [f"row {k}" for k in range(n)],
    "dates by a guess": days.strftime("%d.%m.%Y"),
    "digits": days.strftime("%Y%m%d"),
    "years as strings": [str(1960 + k) for k in range(n)],
    "weeks": [f"2024-W{k:02}" for k in range(n)],
    "quarters": [f"Q{1 + k % 4} {1900 + k // 4}" for k in range(n)],
    "times of day": [datetime.time(k // 60, k % 60) for k in range(n)],
    "some dates and words": [*days.date[:-1], "later"],
    "some ISO strings": [*days.strftime("%Y-%m-%d")[:-1], "2024-02-31"],
    "intervals": pd.IntervalIndex.from_breaks(range(n + 1)),
    "complex": np.arange(n) * 1j,
}


CURES = {
    "years as floats": "index.astype(int) or",
    "times of day": "pd.to_timedelta(index.astype(str))",
    "intervals": "index.left",
    "quarters": "pd.PeriodIndex(index, freq='Q')",
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_unknown_dresses_are_told_once(what):
    index = pd.Index(UNKNOWN[what])
    X, y = pd.DataFrame({"x": x}, index), pd.Series(wave, index)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = tsrnn.ARXRegressor().fit(X, y)
    (told,) = seen
    assert "The index of X" in str(told.message)
    assert "is not understood as time" in str(told.message)
    assert CURES.get(what, "pd.to_") in str(told.message)
    assert told.filename == __file__
    assert model.timeline_ is None
    with pytest.warns(UserWarning, match="The index of X .* is not understood as time") as seen:
        tsrnn.ARXRegressor().fit([X, X, X], [y, y, y])
    assert len(seen) == 1


def test_numbers_and_stamps_bring_a_warning():
    X, y = pd.DataFrame({"x": x}, hours), pd.Series(wave, range(100, 100 + n))
    with pytest.warns(UserWarning, match="X has an index of kind 'stamp' and y one of kind 'int'"):
        tsrnn.ARXRegressor().fit(X, y)
    tsrnn.ARXRegressor().fit(X, y.reset_index(drop=True))


CODED = {
    "months": [y * 100 + m for y in range(2000, 2005) for m in range(1, 13)],
    "quarters": [y * 10 + q for y in range(2000, 2015) for q in range(1, 5)],
    "days": days.strftime("%Y%m%d").astype(int),
    "days of one month": pd.date_range("2024-01-01", periods=30).strftime("%Y%m%d").astype(int),
    "hours": hours.strftime("%Y%m%d%H").astype(int),
    "minutes": hours.strftime("%Y%m%d%H%M").astype(int),
    "seconds": hours.strftime("%Y%m%d%H%M%S").astype(int),
    "days of the year": pd.date_range("2023-12-10", periods=n).strftime("%Y%j").astype(int),
    "weeks": [y * 100 + w for y in (2023, 2024) for w in range(1, 53)],
    "months with gaps": [200011, 200012, 200101, 200103, 200104, 200105, 200107],
}


@pytest.mark.parametrize("what", CODED)
def test_coded_dates_bring_a_warning(what):
    index = pd.Index(CODED[what])
    y = pd.Series(np.sin(np.arange(len(index))), index)
    with pytest.warns(UserWarning, match=r"looks like coded dates \(%Y.*Give stamps") as seen:
        timelines.read(gather(None, y).parts[0].stamps)
    assert len(seen) == 1
    with pytest.warns(UserWarning, match="coded dates"):
        gather(None, pd.concat({"a": y, "b": y}))


@pytest.mark.parametrize(
    "index",
    [
        range(200001, 200009),
        range(200001, 200301),
        range(1990, 1990 + n),
        range(199001, 199001 + 100 * 30, 100),
        range(1_704_067_200, 1_704_067_200 + 3600 * n, 3600),
        range(20_000_000, 20_000_000 + n),
        [1, 5, 9, 200],
        np.arange(n) ** 2,
        range(-5, 5),
    ],
    ids=str,
)
def test_plain_integers_are_not(index):
    index = pd.Index(np.array(index))
    assert gather(None, pd.Series(np.zeros(len(index)), index)).parts[0].stamps.clock.kind == "int"


# ---------------------------------------------------------------------------------------- integers


@pytest.mark.parametrize(
    "kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "Int8", "UInt8"]
)
def test_small_integers_do_not_wrap(kind):
    info = np.iinfo(kind.lower())
    last = min(int(info.max), np.iinfo(np.int64).max) - 2
    index = pd.Index(np.arange(last - n + 1, last + 1, dtype=kind.lower())).astype(kind)
    model = arx().fit(None, pd.Series(wave, index))
    assert model.forecast(20).index.tolist() == list(range(last + 1, last + 21))
    assert len(timelines.gap_starts(of(index))) == 0


@pytest.mark.parametrize("kind", ["int8", "int16", "int64"])
def test_gaps_of_small_integers(kind):
    info = np.iinfo(kind)
    index = pd.Index(np.r_[info.min : info.min + 20, info.max - 20 : info.max].astype(kind))
    stamps = of(index)
    assert timelines.gap_starts(stamps).tolist() == [20]
    assert timelines.missing_before(stamps, [20]).tolist() == [
        min(info.max - info.min - 40, np.iinfo(np.int64).max // 2)
    ]
    assert timelines.read(stamps).step == 1


def test_integers_beyond_int64_are_refused():
    with pytest.raises(ValueError, match="beyond int64"):
        gather(None, pd.Series(wave, np.arange(n, dtype=np.uint64) + np.uint64(2**63)))


# ---------------------------------------------------------------------------------------- dates as values


def polars():
    return pytest.importorskip("polars")


def pyarrow():
    return pytest.importorskip("pyarrow")


def table(column):
    return pyarrow().table({"x": x, "ds": pyarrow().array(column)})


VALUES = {
    "pandas datetime": lambda: pd.DataFrame({"ds": hours, "x": x}),
    "pandas zone": lambda: pd.DataFrame({"ds": berlin, "x": x}),
    "pandas timedelta": lambda: pd.DataFrame({"ds": lengths, "x": x}),
    "pandas period": lambda: pd.DataFrame({"ds": days.to_period("D"), "x": x}),
    "pandas categories": lambda: pd.DataFrame({"ds": pd.Categorical(days), "x": x}),
    "pandas datetime.date": lambda: pd.DataFrame({"ds": days.date, "x": x}),
    "pandas objects of NumPy": lambda: pd.DataFrame(
        {"ds": pd.Series(list(days.to_numpy()), dtype=object), "x": x}
    ),
    "pandas, Arrow's": lambda: pd.DataFrame({"ds": arrow(hours, "timestamp-us"), "x": x}),
    "pandas, Arrow's date32": lambda: pd.DataFrame({"ds": arrow(pd.Index(days.date), "date32"), "x": x}),
    "two columns of one name": lambda: pd.DataFrame({"ds": hours, "x": x}).set_axis(["x", "x"], axis=1),
    "polars Datetime": lambda: polars().DataFrame({"x": x, "ds": hours.to_pydatetime().tolist()}),
    "polars Date": lambda: polars().DataFrame({"x": x, "ds": days.date.tolist()}),
    "polars Duration": lambda: polars().DataFrame({"x": x, "ds": lengths.to_pytimedelta().tolist()}),
    "polars Time": lambda: polars().DataFrame({"x": x, "ds": [datetime.time(1)] * n}),
    "Arrow timestamp": lambda: table(hours.to_pydatetime().tolist()),
    "Arrow date32": lambda: table(days.date),
    "Arrow duration": lambda: table(lengths.to_pytimedelta().tolist()),
    "Arrow batch": lambda: table(days.date).to_batches()[0],
    "NumPy": lambda: np.stack([hours.to_numpy(), hours.to_numpy()], axis=1),
    "NumPy, masked": lambda: np.ma.array(hours.to_numpy()[:, None]),
    "NumPy objects": lambda: np.array([[t] for t in days.to_numpy()] + [[1.0]], object)[:-1],
    "list": lambda: [[t] for t in hours.to_numpy()],
}
TARGETS = {
    "pandas": lambda: pd.Series(hours),
    "pandas, Arrow's": lambda: pd.Series(arrow(hours, "timestamp-us")),
    "polars": lambda: polars().Series("ds", hours.to_pydatetime().tolist()),
    "polars frame": lambda: polars().DataFrame({"ds": hours.to_pydatetime().tolist()}),
    "Arrow": lambda: pyarrow().array(hours.to_pydatetime().tolist()),
    "Arrow, chunked": lambda: pyarrow().chunked_array([hours.to_pydatetime().tolist()]),
    "NumPy": lambda: lengths.to_numpy(),
    "list": lambda: list(hours.to_numpy()),
    "objects": lambda: hours.to_pydatetime(),
}


@pytest.mark.parametrize("container", VALUES)
def test_dates_are_no_inputs(container):
    X = VALUES[container]()
    for model in (tsrnn.ARXRegressor(), tsrnn.ESNRegressor(5)):
        with pytest.raises(TypeError, match=r"^X(:| holds)"):
            model.fit(X, wave)


@pytest.mark.parametrize("container", TARGETS)
def test_dates_are_no_targets(container):
    with pytest.raises(TypeError, match=r"^y holds .* give numbers, and stamps as the index"):
        arx().fit(None, TARGETS[container]())
    with pytest.raises(TypeError, match=r"^y holds"):
        arx().fit(None, wave).update(None, TARGETS[container]())


BOOLEANS = {
    "objects": lambda truth: truth.astype(object),
    "list": lambda truth: truth.tolist(),
    "objects with None": lambda truth: pd.Series([None, *truth[1:].tolist()], dtype=object),
    "a column of objects": lambda truth: pd.DataFrame({"a": wave, "b": truth.astype(object)}),
    "nullable": lambda truth: pd.Series(truth, dtype="boolean"),
    "categories": lambda truth: pd.Series(pd.Categorical(truth)),
    "Arrow's, in pandas": lambda truth: pyarrow() and pd.Series(truth, dtype="bool[pyarrow]"),
    "Arrow": lambda truth: pyarrow().array(truth),
    "polars": lambda truth: polars().Series("y", truth),
}


@pytest.mark.parametrize("container", BOOLEANS)
def test_booleans_bring_a_warning(container):
    y = BOOLEANS[container](wave > 0)
    with pytest.warns(UserWarning, match="y is boolean and is treated as the numbers"):
        arx().fit(None, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        arx().fit(None, wave.tolist()).update(None, wave.astype(object))


def test_values_without_rows_are_refused():
    for X, y, name in ((x[:, None], np.array(3.0), "y"), (np.array(3.0), wave, "X")):
        with pytest.raises(TypeError, match=f"^{name} is a single value"):
            tsrnn.ARXRegressor().fit(X, y)
    with pytest.raises(TypeError, match=r"^y is sparse, .* give y.toarray\(\)"):
        tsrnn.ARXRegressor().fit(x[:, None], csr_array(wave[:, None]))


def test_the_cure_of_dates_as_values():
    for X, cure in (
        (pd.DataFrame({"ds": hours, "x": x}), "X.set_index('ds')"),
        (polars().DataFrame({"x": x, "ds": hours.to_pydatetime().tolist()}), "X.to_pandas().set_index('ds')"),
    ):
        with pytest.raises(TypeError, match=re.escape(cure)):
            tsrnn.ARXRegressor().fit(X, wave)


def test_numbers_of_every_container():
    wanted = tsrnn.ARXRegressor().fit(x[:, None], wave).theta_
    frame = polars().DataFrame({"update_time": x})
    arrows = pyarrow().table({"date": x})
    for X in (
        frame,
        arrows,
        pd.DataFrame({"period": x}),
        pd.DataFrame({"time": x}).astype("Float64"),
        x[:, None].tolist(),
    ):
        np.testing.assert_array_equal(tsrnn.ARXRegressor().fit(X, wave).theta_, wanted)
    np.testing.assert_array_equal(
        tsrnn.ARXRegressor().fit(frame, polars().Series("date", wave)).theta_, wanted
    )


# ---------------------------------------------------------------------------------------- beside the grid


def model_of(freq, rows=n):
    index = pd.date_range("2024-01-01", periods=rows, freq=freq)
    X = pd.DataFrame({"x": np.resize(x, rows)}, index)
    return tsrnn.ARXRegressor().fit(X, X["x"].shift(1, fill_value=0.0).rename("y")), index


def rows_from(start, freq, m=12):
    index = pd.date_range(start, periods=m, freq=freq)
    return pd.DataFrame({"x": x[:m]}, index), pd.Series(wave[:m], index)


VERBS = {
    "predict": lambda model, X, y: model.predict(X),
    "predict from the end": lambda model, X, y: model.predict(X, start="end"),
    "predict_ahead": lambda model, X, y: model.predict_ahead(X, y, steps=2),
    "score": lambda model, X, y: model.score(X, y),
    "update": lambda model, X, y: model.update(X, y),
    "partial_fit": lambda model, X, y: model.partial_fit(X, y),
    "trajectories": lambda model, X, y: model.trajectories(X, y, 3),
    "backtest": lambda model, X, y: backtest(model, X, y, horizon=3),
    "forecast": lambda model, X, y: model.forecast(3, X),
    "calibrate": lambda model, X, y: model.calibrate(X, y),
    "a history": lambda model, X, y: model.predict(X[6:], start=(X[:6], y[:6])),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("freq", "other"), [("h", "30min"), ("D", "12h"), ("W", "D"), ("MS", "D"), ("B", "D"), ("YE", "ME")]
)
def test_finer_rows_are_refused(verb, freq, other):
    model, index = model_of(freq)
    start = pd.date_range(index[-1], periods=3, freq=other)[1]
    with pytest.raises(ValueError, match=r"off the grid of the training rows .*X(_future)?\.resample\("):
        VERBS[verb](model, *rows_from(start, other))


@pytest.mark.parametrize(
    ("start", "freq", "other"),
    [
        ("2024-01-01 00:30", "h", "15min"),
        ("2024-01-01", "W-THU", "D"),
        ("2024-01-01", "7h", "h"),
        ("2024-03-01 06:00", "D", "h"),
        ("2024-01-01 09:30", "B", "30min"),
        ("2024-01-01 12:00", "MS", "12h"),
    ],
)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_the_cure_brings_finer_rows_to_the_grid(start, freq, other, zone):
    index = pd.date_range(start, periods=40, freq=freq, tz=zone)
    model = tsrnn.ARXRegressor((), 1).fit(None, pd.Series(np.arange(40) % 7, index))
    X = pd.DataFrame({"x": 0.0}, pd.date_range(index[-1], periods=300, freq=other)[1:])
    with pytest.raises(ValueError, match="off the grid") as found:
        model.predict(X[[]])
    cure = re.search(r"for example with (X.*), or fit", str(found.value))[1]
    brought = eval(cure)
    assert np.isfinite(model.predict(brought[brought.index > index[-1]][[]])).all()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("freq", "other"), [("h", "3h"), ("h", "D"), ("D", "MS"), ("B", "W-FRI"), ("MS", "YS")]
)
def test_coarser_rows_are_refused(verb, freq, other):
    model, index = model_of(freq)
    X, y = rows_from(index[-1] + pd.tseries.frequencies.to_offset(freq), other)
    with pytest.raises(
        ValueError, match=rf"steps of the training grid apart .* X(_future)?\.asfreq\('{freq}'"
    ):
        VERBS[verb](model, X, y)
    if verb in ("predict", "predict_ahead", "score", "update", "partial_fit"):  # two rows tell no grid
        with pytest.warns(UserWarning, match="missing between"):
            VERBS[verb](model, X[1:3], y[1:3])


def test_few_rows_that_are_equally_far_apart_by_chance():
    """Where rows of training are missing too, three rows tell no grid; more do."""
    index = pd.date_range("2024-01-01", periods=n, freq="h")
    index = index[np.random.default_rng(0).random(n) < 0.6]
    model = tsrnn.ARXRegressor().fit(pd.DataFrame({"x": x[: len(index)]}, index), wave[: len(index)])
    X, _ = rows_from(index[-1] + pd.Timedelta("2h"), "2h")
    with pytest.warns(UserWarning, match="missing between"):
        assert np.isfinite(model.predict(X[:3])).all()
    with pytest.raises(ValueError, match="2 steps of the training grid apart"):
        model.predict(X)
    X, y = rows_from("2024-01-01", "D", 60)  # nor do those of a fold
    left_out = X.index[[7, 17, 27]]
    with pytest.warns(UserWarning, match="missing between"):
        assert np.isfinite(
            clone(model).fit(X.drop(left_out), y.drop(left_out)).predict(X.loc[left_out])
        ).all()


@pytest.mark.parametrize("start", ["cold", "zeros", "end", "auto"])
def test_coarser_rows_are_refused_wherever_they_start(start):
    """Daily rows of any series, before training's or after them, with a missing one too; and their cure."""
    model, index = model_of("h")
    X, _ = rows_from("2031-03-01", "D", 9)
    several = clone(model).fit(pd.concat({"a": pd.DataFrame({"x": x}, index)}), wave)
    for rows in (X, X.drop(X.index[4]), X.set_axis(X.index - pd.Timedelta("4000D"))):
        with pytest.raises(ValueError, match="24 steps of the training grid apart"):
            model.predict(rows, start=start)
        if start != "end":
            for name in "ab":
                with pytest.raises(ValueError, match="24 steps of the training grid apart"):
                    several.predict(pd.concat({name: rows}), start=start)
    assert len(model.predict(X.asfreq("h", method="ffill"), start="cold")) == 8 * 24 + 1


def test_messages_name_y_where_its_index_tells():
    """A y that was not measured is NaN: the cure does not hold values."""
    index = pd.date_range("2031-01-01", periods=len(wave), freq="h")
    alone = tsrnn.ARXRegressor(output_lags=2).fit(None, pd.Series(wave, index))
    _, daily = rows_from(index[-1] + pd.Timedelta("1h"), "D", 9)
    with pytest.raises(ValueError, match=r"^y has rows 24 steps .* y\.asfreq\('h'\), with NaN"):
        alone.update(None, daily)
    beside = pd.Series(wave, index + (index[-1] - index[0]) + pd.Timedelta("75min"))
    with pytest.raises(
        ValueError, match=r"^y has a row at .* Resample y to that grid first, .* y\.resample\('h'"
    ):
        alone.update(None, beside)


@pytest.mark.parametrize(
    ("freq", "other"), [("h", "30min"), ("h", "90min"), ("D", "h"), ("MS", "W"), ("B", "D")]
)
@pytest.mark.parametrize("start", ["cold", "zeros", "end"])
def test_finer_rows_are_refused_wherever_they_start(freq, other, start):
    """Each would be taken for a step, by a series that is not known yet, too."""
    model, index = model_of(freq)
    X, _ = rows_from("2031-03-01", other, 40)
    with pytest.raises(ValueError, match=r"X has a row at .* off the grid"):
        model.predict(X, start=start)
    several = clone(model).fit(pd.concat({"a": pd.DataFrame({"x": x}, index)}), wave)
    with pytest.raises(ValueError, match=r"X has a row at .* off the grid"):
        several.predict(pd.concat({"b": X}))
    model.predict(rows_from("2031-03-01", freq)[0], start="cold")


def test_another_kind_of_index_brings_a_warning():
    model, _ = model_of("h")
    X, y = rows_from(0, "h")
    X, y = X.set_axis(np.arange(7, 19)), y.set_axis(np.arange(7, 19))
    for verb in ("predict", "predict_ahead", "score", "update", "partial_fit", "forecast"):
        with pytest.warns(UserWarning, match="(X|X_future) has an index of kind 'int'"):
            VERBS[verb](clone(model).fit(*rows_from("2024-01-01", "h", n)), X, y)


@pytest.mark.parametrize("verb", VERBS)
def test_shifted_rows_are_refused(verb):
    model, index = model_of("h")
    with pytest.raises(ValueError, match="off the grid"):
        VERBS[verb](model, *rows_from(index[-1] + pd.Timedelta("90min"), "h"))
    assert model.timeline_.last == of(index).values[-1]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("freq", ["h", "W", "MS", "B", "YE"])
def test_rows_of_the_grid_are_not(verb, freq):
    model, index = model_of(freq)
    start = pd.date_range(index[-1], periods=2, freq=freq)[1]
    VERBS[verb](model, *rows_from(start, freq))


# ---------------------------------------------------------------------------------------- many gaps


@pytest.mark.parametrize("missing", ["error", "hold", "mean", "mask"])
@pytest.mark.parametrize("name", ["ARX", "GRU", "ESN"])
def test_short_gaps_are_rows_whose_y_is_not_known(name, missing):
    """However many there are, they are run through at once: what is missing is inserted, with the last X."""
    model = {
        "ARX": tsrnn.ARXRegressor(output_lags=2),
        "GRU": tsrnn.GRURegressor((3,), output_lags=1, max_iter=2, random_state=0),
        "ESN": tsrnn.ESNRegressor(10, output_lags=1, random_state=0),
    }[name].set_params(missing=missing)
    rows = 300
    index = pd.date_range("2024-01-01", periods=rows, freq="h")
    X = pd.DataFrame({"x": np.resize(x, rows)}, index)
    y = X["x"].shift(1, fill_value=0.0).rename("y")
    model.fit(X[:150], y[:150])
    there = np.ones(rows, bool)
    there[[160, 165, 166, 200, 240, 241, 242]] = False
    after, told = X[150:][there[150:]], y[150:][there[150:]]
    whole = after.reindex(index[150:], method="ffill" if missing == "error" else None)
    expected = model.predict_ahead(whole, told.reindex(index[150:]))[there[150:]]
    calls, kind = [], type(model.fitted_.trained.dynamics)
    with pytest.MonkeyPatch.context() as patch:
        run = kind.run
        patch.setattr(kind, "run", lambda *args: calls.append(args) or run(*args))
        with pytest.warns(UserWarning, match="3 more such gaps"):
            np.testing.assert_allclose(model.predict_ahead(after, told), expected, rtol=1e-12, atol=1e-12)
    assert len(calls) == 1
    with pytest.warns(UserWarning, match="3 more such gaps"):
        pieces = clone(model).fit(X[:150], y[:150]).update(after, told)
    filled = clone(model).fit(X[:150], y[:150]).update(whole, told.reindex(index[150:]))
    later = X[:3].set_axis(pd.date_range(index[-1], periods=4, freq="h")[1:])
    forecasts = [m.forecast(3, later) for m in (pieces, filled)]
    np.testing.assert_allclose(*forecasts, rtol=1e-9)


# ---------------------------------------------------------------------------------------- the user's own frequency


FREQUENCIES = {
    "holidays": offsets.CustomBusinessDay(holidays=["2024-02-15", "2024-03-29", "2024-04-01"]),
    "four days a week": offsets.CustomBusinessDay(weekmask="Mon Tue Wed Thu"),
    "business days": offsets.BDay(),
    "each second business day": offsets.BDay(2),
    "business hours": offsets.BusinessHour(),
    "long business hours": offsets.BusinessHour(start="07:00", end="19:00"),
    "business hours with holidays": offsets.CustomBusinessHour(holidays=["2024-01-15"]),
    "half months": offsets.SemiMonthBegin(),
    "half month ends": offsets.SemiMonthEnd(),
    "months on the 15th": pd.DateOffset(months=1),
    "quarters on the 15th": pd.DateOffset(months=3),
    "52 or 53 weeks": offsets.FY5253Quarter(
        weekday=4, startingMonth=12, qtr_with_extra_week=1, variation="last"
    ),
    "third Fridays": offsets.WeekOfMonth(week=2, weekday=4),
    "last Fridays": offsets.LastWeekOfMonth(weekday=4),
    "business month ends": offsets.BMonthEnd(),
    "quarters from February": offsets.QuarterBegin(startingMonth=2),
    "years to March": offsets.YearEnd(month=3),
    "weeks": offsets.Week(weekday=2),
    "days": offsets.Day(),
    "quarter hours": offsets.Minute(15),
}
START = {
    "months on the 15th": "2024-01-15",
    "quarters on the 15th": "2024-01-15",
    "52 or 53 weeks": "2000-01-01",
}
every_frequency = pytest.mark.parametrize("what", FREQUENCIES)


def calendar(what, m, zone=None):
    index = pd.date_range(START.get(what, "2024-01-04"), periods=m, freq=FREQUENCIES[what], tz=zone)
    assert index.freq is not None
    return index


@every_frequency
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_the_frequency_of_the_index(what, zone):
    full = calendar(what, n + 9, zone)
    y = pd.Series(wave, full[:n])
    model = arx().fit(None, y)
    assert len(timelines.gap_starts(of(full))) == 0
    assert model.forecast(9).index.equals(full[n:])
    later = pd.DatetimeIndex(list(full[n:]))  # which has no frequency
    assert timelines.missing_between(model.timeline_, of(later).values[4]) == 4
    timelines.check_grid(model.timeline_, of(later), "X")
    timelines.check_grid(model.timeline_, of(pd.DatetimeIndex(list(full[2:30]))), "X")
    after = model.update(None, pd.Series(wave[:3], later[:3]))
    assert after.forecast(4).index.equals(full[n + 3 : n + 7])
    assert after.timeline_.n == n + 3
    with pytest.raises(ValueError, match="off the grid"):
        timelines.check_grid(model.timeline_, of(later[2:5] + pd.Timedelta("1min")), "X")
    again = pickle.loads(pickle.dumps(model))
    assert again.forecast(6).index.equals(full[n + 3 :])
    assert again.timeline_ == model.timeline_
    panel = pd.concat({"a": y, "b": y})
    panel = panel.set_axis(pd.MultiIndex.from_product([["a", "b"], full[:n]]))
    out = arx().fit(None, panel).forecast(9)
    assert out.loc["b"].index.equals(full[n:])


@every_frequency
def test_holes_by_the_frequency_of_training(what):
    full = calendar(what, n + 20)
    seen = timelines.read(of(full[:n]))
    stamps = of(pd.DatetimeIndex(list(full[n:].delete([3, 9, 10, 11, 12]))))
    counted = timelines.missing_before(stamps, np.arange(1, 15), seen)
    tolerant = what == "business days"  # holidays are no gaps
    assert counted.sum() in ((0, 1, 4, 5) if tolerant else (5,))
    if not tolerant:
        assert timelines.gap_starts(stamps, seen).tolist() == [3, 8]


@pytest.mark.parametrize("what", ["third Fridays", "last Fridays", "business month ends", "half months"])
def test_frequencies_are_found(what):
    full = calendar(what, n + 9)
    seen = timelines.read(of(pd.DatetimeIndex(list(full[:n]))))
    assert timelines.future(seen, 9).equals(full[n:])


def test_eight_business_hours_a_day():
    """The nights are no gaps, so that lags of a whole day reach over them."""
    y = pd.Series(np.sin(np.arange(200) / 3), pd.date_range("2024-01-01", periods=200, freq="bh"))
    arx(output_lags=8).fit(None, y)
    holes = y.drop(y.index[100])  # pandas forgets its frequency, and it is found
    assert holes.index.freq is None
    assert timelines.read(of(holes.index)).freq == pd.offsets.BusinessHour()
    assert timelines.gap_starts(of(holes.index)).tolist() == [100]


@pytest.mark.parametrize("day", [28, 29, 30, 31])
def test_the_last_days_of_months(day):
    """The 30th is the end of February, and goes on as the 30th."""
    starts = pd.date_range("2023-01-01", periods=12, freq="MS")
    index = starts + pd.to_timedelta(np.minimum(day, starts.days_in_month) - 1, unit="D")
    seen = timelines.read(of(index[:8]))
    assert timelines.future(seen, 4).equals(index[8:])


# ---------------------------------------------------------------------------------------- cost


def test_ticks_cost_no_memory():
    """Four stamps 1 ms apart in 52 days make no grid of milliseconds."""
    rng = np.random.default_rng(0)
    apart = np.r_[np.full(4, 1), rng.integers(1, 3 * 10**7, 295)] * 10**6
    index = pd.DatetimeIndex(pd.Timestamp("2024-01-01").as_unit("ns").value + np.r_[0, np.cumsum(apart)])
    y = pd.Series(rng.normal(size=300).cumsum(), index)
    stamps = of(index)
    tracemalloc.start()
    seen = timelines.read(stamps)
    assert timelines.gap_starts(stamps, seen).tolist() == []
    assert timelines.positions(stamps, 300).tolist() == list(range(300))
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    with pytest.warns(UserWarning, match=r"neither a step nor a calendar frequency .*\(index\.freq = "):
        model = arx().fit(None, y)
    assert model.forecast(2).index.tolist() == [0, 1]


@pytest.mark.slow  # every allocation of pandas is traced
def test_far_stamps_cost_no_memory():
    """A row a century later is told from the last one without counting the hours between, or all calendars' days."""
    for freq in ("h", "bh", "SMS", "B", "MS", "min"):
        seen = timelines.read(of(pd.date_range("2000-01-01", periods=n, freq=freq)))
        stamp = int(of(pd.DatetimeIndex(["2150-01-01 09:00"])).values[0])
        tracemalloc.start()
        missing = timelines.missing_between(seen, stamp)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
        tracemalloc.stop()
        assert missing > 1000


def calls_of_pandas(work):
    """How often Python code of pandas is called."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event == "call" and "/pandas/" in frame.f_code.co_filename

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("freq", ["h", "D", "ME", "B", "QS"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_pandas_is_asked_once_a_panel(freq, zone):
    """What pandas does for each series would be most of the time."""
    index = pd.DatetimeIndex(list(pd.date_range("2024-01-01", periods=30, freq=freq, tz=zone)))

    def work(series):
        y = pd.Series(0.0, pd.MultiIndex.from_product([range(series), index]))

        def read():
            table = gather(None, y)
            seen = {part.key: timelines.read(part.stamps) for part in table.parts}
            future_index(seen, 3, ["series"])
            for part in table.parts:
                assert len(timelines.gap_starts(part.stamps)) == 0
                timelines.check_grid(seen[part.key], part.stamps, "X")
                timelines.missing_between(seen[part.key], seen[part.key].last + 1)

        read()
        return calls_of_pandas(read)

    assert abs(work(40) - work(10)) <= 10


def test_pandas_is_asked_once_for_all_gaps():
    index = pd.date_range("2024-01-01", periods=3000, freq="min")
    rng = np.random.default_rng(0)

    def work(share):
        y = pd.Series(0.0, index[rng.random(3000) > share])

        def read():
            stamps = gather(None, y).parts[0].stamps
            return timelines.missing_before(stamps, timelines.gap_starts(stamps))

        missing = read()
        assert missing.sum() == 3000 - len(y) - (stamps_cut(index, y))
        return calls_of_pandas(read)

    assert abs(work(0.2) - work(0.001)) <= 5


def stamps_cut(index, y):
    """Rows missing before the first and after the last one."""
    return index.get_loc(y.index[0]) + len(index) - 1 - index.get_loc(y.index[-1])


# ---------------------------------------------------------------------------------------- gaps


def test_a_gap_longer_than_the_lags_brings_a_warning():
    y = pd.Series(wave, hours)
    later = pd.Series(wave[:9], hours[:9] + pd.Timedelta(days=30))
    model = arx().fit(None, y)
    for call in (
        lambda: model.predict(pd.DataFrame(index=later.index)),
        lambda: model.predict_ahead(None, later),
        lambda: pickle.loads(pickle.dumps(model)).update(None, later),
        lambda: pickle.loads(pickle.dumps(model)).partial_fit(None, later),
    ):
        with pytest.warns(
            UserWarning, match=r"660 row\(s\) are missing between 2024-01-03 11:00:00 and 2024-01-31 00:00:00"
        ):
            call()


# ---------------------------------------------------------------------------------------- keys


def keys(*names):
    groups = np.empty(2 * n, object)
    for k in range(2 * n):
        groups[k] = names[k // n]
    return groups


def test_tuples_as_keys():
    y = np.concatenate([wave, -wave])
    groups = keys(("farm", 0), ("farm", 1))
    wanted = arx().fit(None, y, groups=keys("a", "b")).forecast(2)
    for given in (groups, list(groups), pd.Series(groups), pd.MultiIndex.from_tuples(groups)):
        model = arx().fit(None, y, groups=given)
        assert list(model.series_) == [("farm", 0), ("farm", 1)]
        out = model.forecast(2)
        np.testing.assert_array_equal(out, wanted)
        np.testing.assert_array_equal(out.loc[("farm", 1)], wanted.loc["b"])
        assert out.index.nlevels == 3
        model.update(None, np.ones(2), groups=[("farm", 1)] * 2)
        assert model.series_["farm", 1].timeline is None
    with pytest.raises(ValueError, match="one key per row"):
        arx().fit(None, y, groups=[("farm", 0)] * 3)


def test_tuples_of_several_lengths():
    y = np.concatenate([wave, -wave])
    out = arx().fit(None, y, groups=keys(("farm", 0), ("yard",))).forecast(2)
    assert out.index.get_level_values(0).tolist() == [("farm", 0)] * 2 + [("yard",)] * 2


def test_future_of_a_mixed_panel():
    """Series whose future is known beside such whose is not."""
    known, other = timelines.read(of(hours)), timelines.read(of(hours[[0, 2, 5, 6, 11, 15, 17]]))
    index = future_index({"a": known, "b": other, "c": None}, 2, ["series"])
    assert index.get_level_values(0).tolist() == ["a", "a", "b", "b", "c", "c"]
    assert index.get_level_values(1).tolist() == [
        *pd.date_range(hours[-1], periods=3, freq="h")[1:],
        0,
        1,
        0,
        1,
    ]
    assert future_index({"b": other}, 2, ["series"]).get_level_values(1).tolist() == [0, 1]
    assert future_index({("a", 1): known}, 1, ["farm", "unit"]).tolist() == [
        ("a", 1, hours[-1] + pd.Timedelta("1h"))
    ]


# ---------------------------------------------------------------------------------------- rows that no lag looks at


@pytest.mark.parametrize(
    ("lags", "steps", "known"), [([6, 7], 6, 0), ([6, 7], 8, 2), ([0], 6, 6), ([1, 2], 6, 5)]
)
def test_missing_values_that_nothing_looks_at(lags, steps, known):
    index = pd.date_range("2024-01-01", periods=n + 24, freq="h")
    X = pd.DataFrame({"x": np.random.default_rng(0).normal(size=n + 24)}, index)
    y = X["x"].shift(6, fill_value=0.0)
    model = tsrnn.ARXRegressor(input_lags=lags, output_lags=1).fit(X[:n], y[:n])
    future = X[n:].copy()
    wanted = model.forecast(steps, future)
    future.iloc[known:] = np.nan
    got = model.forecast(steps, future)
    np.testing.assert_array_equal(got, wanted)
    assert got.index.equals(index[n : n + steps])
    if known:
        future.iloc[known - 1] = np.nan
        with pytest.raises(ValueError, match="NaN"):
            model.forecast(steps, future)


# ---------------------------------------------------------------------------------------- other readers of an index


def test_calendar_features_of_every_dress():
    wanted = CalendarFeatures(["day"]).fit_transform(pd.DataFrame(index=hours)).to_numpy()
    for index in (
        hours.astype(object),
        hours.strftime("%Y-%m-%d %H:%M"),
        hours.as_unit("s"),
        hours.to_period("h"),
    ):
        out = CalendarFeatures(["day"]).fit_transform(pd.DataFrame(index=index))
        np.testing.assert_allclose(out.to_numpy(), wanted, atol=1e-12)
        assert out.index.equals(index)
    for index in (pd.RangeIndex(n), pd.Index(np.arange(n) / 2), pd.Index([f"row {k}" for k in range(n)])):
        with pytest.raises(TypeError, match="does not tell time"):
            CalendarFeatures(["day"]).fit_transform(pd.DataFrame(index=index))


def test_future_frames():
    for index in (hours, days, days.to_period("D"), calendar("holidays", n), pd.Index(days.date)):
        y = pd.Series(wave, index)
        ahead = future_frame(y, 4).index
        assert ahead.equals(arx().fit(None, y).forecast(4).index)
        panel = pd.Series(
            np.r_[wave, wave], pd.MultiIndex.from_product([["a", "b"], index], names=["series", "time"])
        )
        both = future_frame(panel, 4).index
        assert both.equals(arx().fit(None, panel).forecast(4).index)
        assert both.names == ["series", "time"]
        assert list(both.get_level_values(1)[4:]) == list(ahead)


def test_splits_of_every_dress():
    y = pd.Series(np.r_[wave, wave], pd.MultiIndex.from_product([["a", "b"], days]))
    dates = pd.MultiIndex.from_product([["a", "b"], days.date])
    for one, other in zip(PanelTimeSeriesSplit(3).split(y), PanelTimeSeriesSplit(3).split(y.set_axis(dates))):
        for a, b in zip(one, other):
            np.testing.assert_array_equal(a, b)


def test_periods_in_a_backtest():
    y = pd.Series(wave, pd.period_range("2020-01", periods=n, freq="M"))
    made = backtest(arx(), None, y, horizon=2, refit=20, initial=30)
    assert isinstance(made.forecasts["time"].dtype, pd.PeriodDtype)


def test_who_series_are():
    """A list and a 3-D array have places, no names."""
    assert gather(None, pd.Series(wave, days)).form == "table"
    assert gather(None, wave, groups=np.repeat([0, 1], n // 2)).form == "table"
    assert gather([x[:, None]], [wave]).form == "list"
    assert gather(None, np.zeros((2, 9, 1))).form == "cube"


def test_first_rows_of_each_series():
    X = pd.DataFrame({"x": np.arange(2.0 * n)}, pd.MultiIndex.from_product([["a", "b"], days]))
    cut = gather(X).first(3)
    assert cut.X["x"].tolist() == [0, 1, 2, n, n + 1, n + 2]
    assert [part.rows for part in cut.parts] == [slice(0, 3), slice(3, 6)]
    assert [len(part.stamps.values) for part in cut.parts] == [n, n]
    whole = gather(X)
    assert whole.first(n) is whole
    assert gather(x[:, None]).first(2).X.shape == (2, 1)


def test_weights_and_groups_of_other_stamps():
    """They are no more taken row by row than y is."""
    y, twice = pd.Series(wave, hours), pd.Series(np.tile(wave, 2), hours.append(hours))
    groups = pd.Series(np.repeat([1, 2], n), twice.index)
    for other in (hours[::-1], hours + pd.Timedelta("3h")):
        with pytest.raises(ValueError, match=r"^sample_weight has another index .* align it"):
            arx().fit(None, y, sample_weight=pd.Series(1.0 + x**2, other))
    with pytest.raises(ValueError, match=r"^groups has another index"):
        arx().fit(None, twice, groups=groups[::-1])
    weight = pd.Series(1.0 + x**2, hours)
    wanted = arx().fit(None, y, sample_weight=weight.to_numpy()).theta_
    for same in (hours.as_unit("s"), hours.astype(object), hours.strftime("%Y-%m-%dT%H:%M"), range(n)):
        np.testing.assert_array_equal(arx().fit(None, y, sample_weight=weight.set_axis(same)).theta_, wanted)
    assert len(arx().fit(None, twice, groups=groups).series_) == 2
    with pytest.raises(TypeError, match="sample_weight holds datetime64"):
        arx().fit(None, y, sample_weight=hours)


@pytest.mark.parametrize("name", ["y", "sample_weight", "groups"])
def test_numbers_of_other_rows(name):
    """A default index is no time, but beside another of integers it tells that rows were lost (dropna) or moved."""
    X = pd.DataFrame({"x": x[1:]}, range(1, n))
    rows = {"y": pd.Series(wave[1:]), "sample_weight": pd.Series(1.0 + x[1:] ** 2)}
    rows["groups"] = pd.Series(np.repeat([1, 2], [30, n - 31]))
    others = {key: v.set_axis(X.index) for key, v in rows.items()}
    model = tsrnn.ARXRegressor(1, 1)
    y = {"y": rows["y"]} if name == "y" else {"y": others["y"], name: rows[name]}
    with pytest.warns(UserWarning, match=rf"{name} is numbered 0 \.\.\. 58, but X 1 \.\.\. 59: .*reindex"):
        model.fit(X, **y)
    shuffled = others[name].sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match=r"order"):
        model.fit(X.reset_index(drop=True), **{**{"y": rows["y"]}, name: shuffled})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, **{"y": others["y"], name: others[name]})
        counted = pd.Index(np.arange(n - 1))  # the same numbers, of another kind
        model.fit(X.set_axis(counted), **{"y": rows["y"], name: rows[name]})


@pytest.mark.parametrize("made_by", ["pandas", "polars", "pyarrow"])
def test_outputs_of_every_container(made_by):
    """Columns of y keep their names, and in another order are refused, whatever holds them."""
    library = pytest.importorskip(made_by)
    make = library.table if made_by == "pyarrow" else library.DataFrame
    y = make({"a": wave, "b": -2 * wave})
    model = arx().fit(None, y).calibrate(None, make({"a": wave**3, "b": -2 * wave**3}))
    assert model.forecast(1, level=50).columns.tolist() == [
        "a",
        "a-lo-50",
        "a-hi-50",
        "b",
        "b-lo-50",
        "b-hi-50",
    ]
    assert set(backtest(model, None, y, horizon=2).forecasts["output"]) == {"a", "b"}
    for other in (make({"b": -2 * wave, "a": wave}), pd.DataFrame({"b": -2 * wave, "a": wave})):
        for verb in (model.score, model.update, model.partial_fit):
            with pytest.raises(ValueError, match=r"^y has the columns \['b', 'a'\], but .* in that order"):
                verb(None, other)
    with pytest.raises(ValueError, match=r"^y has the columns \['b', 'c'\], but .* in that order"):
        model.update(None, make({"b": wave, "c": wave}))  # b has moved, whatever c is
    with pytest.raises(
        ValueError, match=r"y has 3 outputs, but the model was fitted with 2, \['a', 'b'\]: give as many"
    ):
        model.update(None, make({"a": wave, "b": wave, "c": wave}))
    assert model.update(None, make({"c": wave, "d": -2 * wave})).forecast(1).columns.tolist() == ["a", "b"]


@pytest.mark.parametrize("made_by", ["polars", "pyarrow"])
def test_lists_of_frames_of_every_container(made_by):
    library = pytest.importorskip(made_by)
    make = library.table if made_by == "pyarrow" else library.DataFrame
    data = [{"u": x, "v": wave}, {"u": x[:40], "v": wave[:40]}]
    X, plain = [make(v) for v in data], [pd.DataFrame(v) for v in data]
    y = [wave, x[:40]]
    model = tsrnn.ARXRegressor(1, 1)
    expected = clone(model).fit(plain, y).forecast(2, [v[:2] for v in plain])
    made = model.fit(X, y).forecast(2, [v[:2] for v in X])
    np.testing.assert_array_equal(np.stack(made), np.stack(expected))
    assert [len(v) for v in model.predict(X)] == [60, 40]
    by_series = tsrnn.ESNRegressor(5, random_state=0)
    answers = by_series.fit(X, [1.0, 2.0]).predict(X)
    np.testing.assert_array_equal(answers, by_series.fit(plain, [1.0, 2.0]).predict(plain))
    with pytest.raises(ValueError, match=r"^X: .*names should match"):
        model.predict([v.select(["v", "u"]) for v in X])
    with pytest.raises(TypeError, match="X holds datetime64"):
        model.fit([make({"u": hours.to_numpy()})] * 2, [wave, wave])
    if made_by == "polars":
        with pytest.raises(TypeError, match=r"^X is a LazyFrame, .* give X\.collect\(\)"):
            model.fit(X[0].lazy(), wave)


def test_outputs_of_one_name():
    for twice in (["a", "a"], [0, "0"]):  # "0-lo-80"
        with pytest.raises(ValueError, match=r"^y has more than one column '[a0]': give each output a name"):
            arx().fit(None, pd.DataFrame(np.c_[wave, x], columns=twice))


@pytest.mark.filterwarnings("ignore:calibrate. the model was trained on some of these rows")
def test_outputs_called_as_intervals_are():
    names = {"lo-50": {"lo-50": wave}, "a-lo-50": {"a": wave, "a-lo-50": x}}
    for name, columns in names.items():
        model = arx().fit(None, pd.DataFrame(columns))
        model.calibrate(None, pd.DataFrame(columns)).forecast(2)
        with pytest.raises(ValueError, match=rf"^y has columns .*'{name}'.* rename it"):
            model.forecast(2, level=50)


def test_labels_in_arrow():
    pa, labels = pytest.importorskip("pyarrow"), np.where(wave > 0, "up", "down")
    model = tsrnn.ESNClassifier(5, random_state=0)
    expected = model.fit(x[:, None], labels).predict(x[:, None])
    for made in (pa.array(labels), pa.chunked_array([labels[:9], labels[9:]])):
        np.testing.assert_array_equal(model.fit(x[:, None], made).predict(x[:, None]), expected)


def test_one_row_without_stamps_is_the_first():
    """The second of pandas' own 0, 1, 2 ... is 1."""
    for y in (pd.Series([3.0]), pd.DataFrame({"y": [3.0]})):
        assert tsrnn.PersistenceRegressor().fit(None, y).forecast(2).index.tolist() == [1, 2]


def test_keys_of_two_kinds_are_two_series():
    assert list(arx().fit(None, np.tile(wave, 2), groups=[1] * n + ["1"] * n).series_) == [1, "1"]


@pytest.mark.parametrize("dress", ["stamps", "ISO dates", "Period objects", "datetime.date"])
def test_levels_the_other_way_round(dress):
    """The last level is time: stamps before it are series, and seldom meant."""
    stamps = days[:6] if dress == "stamps" else PLAIN[dress][1]()[:6]
    y = pd.Series(np.arange(12.0), pd.MultiIndex.from_product([stamps, ["a", "b"]]))
    with pytest.raises(ValueError, match="must be time, and those before it the series"):
        gather(None, y)
    with pytest.warns(UserWarning, match="each stamp is a series"):
        gather(None, y.set_axis(pd.MultiIndex.from_product([stamps, [1, 2]])))
    assert len(gather(None, y.swaplevel().sort_index()).parts) == 2


@pytest.mark.parametrize("dress", ["s", "objects", "ISO"])
def test_levels_of_one_panel_in_two_dresses(dress):
    made = {"s": days.as_unit("s"), "objects": days.astype(object), "ISO": days.strftime("%Y-%m-%d")}[dress]
    X = pd.DataFrame({"x": np.tile(x, 2)}, pd.MultiIndex.from_product([["a", "b"], days.as_unit("ns")]))
    y = pd.Series(np.tile(wave, 2), pd.MultiIndex.from_product([["a", "b"], made]))
    assert len(tsrnn.ARXRegressor().fit(X, y).series_) == 2
    with pytest.raises(ValueError, match="different MultiIndexes"):
        tsrnn.ARXRegressor().fit(X, y[::-1])


def test_a_list_of_frames_in_a_backtest():
    """Their stamps count as in a panel: a gap is told, and where a forecast would go over one there is none."""
    index = pd.date_range("2024-01-01", periods=n + 30, freq="h")
    y = pd.Series(np.sin(np.arange(n + 30) / 3), index)
    rows = y[n:].drop(index[n + 9])
    model = arx(output_lags=2).fit(None, [y[:n], y[:n]])
    with pytest.warns(UserWarning, match="1 row.s. are missing"):
        errors = backtest(model, None, [rows, rows], horizon=3).forecasts
    panel = arx(output_lags=2).fit(None, pd.concat({0: y[:n], 1: y[:n]}))
    with pytest.warns(UserWarning, match="1 row.s. are missing"):
        wanted = backtest(panel, None, pd.concat({0: rows, 1: rows}), horizon=3).forecasts
    pd.testing.assert_frame_equal(errors, wanted)
    assert np.abs(errors["forecast"] - errors["y"]).max() < 1e-6


def test_the_future_of_a_new_series():
    """Its stamps are those of X_future."""
    made = pd.MultiIndex.from_product([["a", "b"], hours])
    model = tsrnn.ARXRegressor().fit(pd.DataFrame({"x": np.tile(x, 2)}, made), np.tile(wave, 2))
    ahead = pd.date_range(hours[-1], periods=4, freq="h")[1:]
    X = pd.DataFrame({"x": 1.0}, pd.MultiIndex.from_product([["a", "c"], ahead]))
    assert model.forecast(3, X).index.equals(X.index)


@pytest.mark.parametrize(
    "model",
    [
        tsrnn.ARXRegressor((), 2),
        tsrnn.NARXRegressor((3,), input_lags=(), output_lags=2, max_iter=3, random_state=0),
        tsrnn.ESNRegressor(10, output_lags=1, random_state=0),
        tsrnn.SeasonalNaiveRegressor(9),
    ],
    ids=lambda model: type(model).__name__,
)
def test_business_hours_are_learnt_and_forecast_as_such(model):
    """No night is a gap, and none is forecast; the same after an update over a night, and from a file."""
    stamps = pd.date_range(
        "2024-01-01 09:00", periods=200, freq=pd.offsets.BusinessHour(start="09:00", end="18:00")
    )
    stamps = pd.DatetimeIndex(stamps, freq=None)
    series = pd.Series(np.sin(np.arange(200) / 4) + 0.1 * np.cos(np.arange(200.0) ** 2), stamps, name="y")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = clone(model).fit(None, series[:150])
        ahead = fitted.forecast(20)
        assert ahead.index.equals(stamps[150:170])
        frame = pd.DataFrame(index=stamps[150:170])
        np.testing.assert_allclose(fitted.predict(frame), ahead, rtol=1e-9)
        fitted.update(None, series[150:180])
    again = pickle.loads(pickle.dumps(fitted))
    assert again.forecast(20).index.equals(stamps[180:])
    with pytest.raises(ValueError, match="off the grid"):
        fitted.update(None, pd.Series([1.0, 2.0], pd.date_range("2024-02-10 09:00", periods=2, freq="h")))


@pytest.mark.parametrize(
    ("zone", "freq", "change"),
    [
        ("Australia/Lord_Howe", "h", "2024-04-07"),
        ("Australia/Lord_Howe", "2h", "2024-10-06"),
        ("Europe/Berlin", "6h", "2024-03-31"),
        ("Europe/Berlin", "2h", "2024-10-27"),
    ],
)
def test_steps_by_a_local_clock_that_changes_by_part_of_them(zone, freq, change):
    """Hours of Lord Howe, whose clocks change by half an hour: 1:00, 2:00 or 1:00, 3:00, 90 minutes apart."""
    naive = pd.date_range(pd.Timestamp(change) - pd.Timedelta(days=38), periods=1600, freq=freq)
    index = naive.tz_localize(zone, ambiguous=np.ones(1600, bool), nonexistent="NaT").dropna()
    index = pd.DatetimeIndex(index.as_unit("ns").asi8, tz="UTC").tz_convert(zone)
    local, y = index.tz_localize(None), pd.Series(np.sin(np.arange(len(index))), index)
    n, m = np.searchsorted(local, [pd.Timestamp(change) + pd.Timedelta(days=k) for k in (-2, 3)])
    model = arx().fit(None, y[:m])
    assert model.forecast(60).index.equals(index[m : m + 60])
    assert model.update(None, y[m : m + 9]).forecast(9).index.equals(index[m + 9 : m + 18])
    short = arx().fit(None, y[n - 40 : n])  # these hours may be of any clock
    with pytest.raises(ValueError, match=r"is off the grid .* tz_localize\(None\), of training's index too"):
        short.update(None, y[n:m])


@pytest.mark.parametrize(
    ("index", "cycle"),
    [
        ([100 * hour + minute for hour in range(12) for minute in range(0, 60, 5)], 12),
        ([100 * year + month for year in range(12) for month in range(1, 13)], 12),
        ([100 * week + day for week in range(20) for day in range(1, 6)], 5),
    ],
)
def test_integers_that_leave_out_the_same_rows_again_and_again(index, cycle):
    """Hours and minutes, years without a century, days of weeks: each cycle ends in a gap of integers."""
    y = np.sin(np.arange(len(index)))
    with pytest.warns(
        UserWarning, match=rf"same times of the cycle of {cycle} rows: each is a gap. Give stamps, or"
    ):
        arx().fit(None, pd.Series(y, index))
    with pytest.warns(UserWarning, match="coded dates") as given:
        arx().fit(
            None,
            pd.Series(y[:96], [100 * year + month for year in range(2000, 2008) for month in range(1, 13)]),
        )
    assert len(given) == 1
    arx().fit(
        None,
        pd.Series(
            np.delete(y, [20, 21, 40, 52, 53]), np.delete(np.arange(9, len(y) + 9), [20, 21, 40, 52, 53])
        ),
    )
