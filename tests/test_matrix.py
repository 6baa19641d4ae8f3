"""Bad-input matrix: for each estimator and verb over a hundred calls, each right or refused, none silently wrong.

A case is what a verb is given and what must come of it:

    right     the numbers that the clean call gives (``like`` says which), or finite ones where there is no clean call
    refused   ValueError or TypeError that holds the given words: the argument, the value, a cure

Either way the model is as it was, but for the verbs that learn, and only the warnings named in the case are given.
After the run a table says how many cases there were.  Each model is asked half of the cases of fit and partial_fit:
what checks them is the same code for all, and every case meets six models or more.
"""

import datetime
import re
import warnings
from array import array
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from public import others, slow_again
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import SGDRegressor
from sklearn.model_selection import KFold, TimeSeriesSplit

import tsrnn


# ---------------------------------------------------------------------------------------- models and rows


QUICK = {"max_iter": 2, "early_stopping": False, "random_state": 0}
LAGS = {"input_lags": 2, "output_lags": 2}
MODELS = [
    tsrnn.NARXRegressor((3,), training="open_loop", **LAGS, **QUICK),
    tsrnn.TDNNRegressor((3,), input_lags=2, **QUICK),
    tsrnn.ElmanRegressor((3,), solver="adam", sequence_length=16, **LAGS, **QUICK),
    tsrnn.LSTMRegressor((3,), solver="adam", sequence_length=16, **QUICK),
    tsrnn.GRURegressor((3,), solver="adam", sequence_length=16, output_lags=1, **QUICK),
    tsrnn.ESNRegressor(8, alpha=0.1, washout=4, output_lags=1, random_state=0),
    tsrnn.ESNRegressorCV(8, input_scaling=0.5, alphas=(1e-2, 1.0), cv=2, washout=4, random_state=0),
    tsrnn.ARXRegressor(**LAGS),
    tsrnn.PersistenceRegressor(random_state=0),
    tsrnn.SeasonalNaiveRegressor(2, random_state=0),
    tsrnn.Forecaster(tsrnn.ARXRegressor(alpha=50.0, **LAGS), 3, known_ahead="all"),
    tsrnn.LagRegressor(SGDRegressor(random_state=0), scale="standard", **LAGS),
]
MODELS += others(MODELS, solver="adam", sequence_length=16).values()
NAIVE = (tsrnn.ConstantRegressor, tsrnn.PersistenceRegressor, tsrnn.SeasonalNaiveRegressor)
VERBS = (
    "fit",
    "predict",
    "predict_ahead",
    "forecast",
    "update",
    "partial_fit",
    "score",
    "trajectories",
    "calibrate",
)
LEARNING = ("fit", "update", "partial_fit", "calibrate")
WITHOUT_Y = ("predict", "forecast")
STEPS = 3  # of forecast, trajectories

N, NEW = 60, 24
rng = np.random.default_rng(0)
X_all = rng.integers(-16, 17, (N + NEW, 2)) / 8  # exact in half precision, and as decimals
y_all = np.round(4 * np.convolve(X_all[:, 0], [0.5, 0.3, 0.1])[: N + NEW] + X_all[:, 1]) / 8
OLD, LATER = slice(0, N), slice(N, N + NEW)
HOURS = pd.date_range("2024-01-01", periods=N + NEW, freq="h")
FRAME = pd.DataFrame(X_all, HOURS, columns=["a", "b"])
SERIES = pd.Series(y_all, HOURS, name="y")


def stack(v, keys, times):
    """A frame or Series with a MultiIndex (series, time): the rows in as many equal parts."""
    index = pd.MultiIndex.from_arrays([np.repeat(keys, len(v) // len(keys)), times], names=["series", "time"])
    return v.set_axis(index)


def panel(rows):
    """Half of the rows for the series "a", half for "b", each with stamps of its own that go on in LATER."""
    half = (rows.stop - rows.start) // 2
    first = 0 if rows == OLD else N // 2
    times = np.tile(HOURS[first : first + half], 2)
    return stack(FRAME[rows], ["a", "b"], times), stack(SERIES[rows], ["a", "b"], times)


TRAINING = {
    "array": (X_all[OLD], y_all[OLD]),
    "stamped": (FRAME[OLD], SERIES[OLD]),
    "aware": (FRAME[OLD].tz_localize("UTC"), SERIES[OLD].tz_localize("UTC")),
    "panel": panel(OLD),
    "lists": ([X_all[:30], X_all[30:60]], [y_all[:30], y_all[30:60]]),
    "unfitted": None,
}
_fitted = {}


def fitted(model, kind):
    """A copy of a model fitted to one kind of rows."""
    name = type(model).__name__, kind
    if name not in _fitted:
        _fitted[name] = clone(model) if kind == "unfitted" else clone(model).fit(*TRAINING[kind])
    return same(_fitted[name])


def same(model):
    """A model that holds the same values: verbs put new ones in place of old ones, and copy.copy takes its time."""
    twin = object.__new__(type(model))
    vars(twin).update(vars(model))
    return twin


def flat(value):
    """All numbers in arrays, frames, tuples, lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return np.concatenate([np.zeros(0), *map(flat, value)])
    if isinstance(value, (pd.DataFrame, pd.Series)):
        value = value.to_numpy()
    return np.ravel(np.asarray(value, float))


def learnt(model):
    """What a model knows: weights, scales, memories."""
    memories = [place.past.memory for place in model.series_.values()]
    scales = [(s.center, 1 / s.scale) for s in (model.x_scaler_, model.y_scaler_)]
    return flat([model.theta_, scales, [m for m in memories if m is not None]])


def outcome(verb, model, X, y, kw):
    """The numbers that a verb gives, or those that a model then holds."""
    if verb in ("predict", "score"):
        out = model.predict(X, **kw) if verb == "predict" else model.score(X, y, **kw)
    elif verb == "forecast":
        out = model.forecast(**{"steps": STEPS, "X_future": X} | kw)
    elif verb == "trajectories":
        out = model.trajectories(X, y, **{"steps": STEPS} | kw)
    elif verb == "predict_ahead":
        out = model.predict_ahead(X, y, **{"steps": 2} | kw)
    else:
        assert getattr(model, verb)(X, y, **kw) is model
        if verb == "calibrate":
            return flat([(s.X, s.U, s.skip) for s in model.fitted_.errors.segments])
        return learnt(model)
    return flat(out)


# ---------------------------------------------------------------------------------------- cases


class Case(NamedTuple):
    """One call.   refused : words of the message, or None.   like : (X, y, keywords) of the clean call, or None."""

    name: str
    X: Any
    y: Any
    kw: dict
    kind: str = "array"  # of the rows that the model was fitted to
    refused: tuple | None = None
    like: tuple | None = None
    like_kind: str = "array"
    warns: str | None = None
    gaps: bool = False  # NaN may be among the numbers


def put(a, at, value, dtype=None):
    a = np.array(a, dtype)
    a[at] = value
    return a


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


NO_TIME = "not understood as time"  # of an index
CLOTHES = {  # other containers and number types of the same values
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(map(tuple, a)) if a.ndim == 2 else tuple(a),
    "list of numpy scalars": lambda a: [list(row) for row in a] if a.ndim == 2 else list(a),
    "float32": lambda a: a.astype(np.float32),
    "float16": lambda a: a.astype(np.float16),
    "long double": lambda a: a.astype(np.longdouble),
    "big endian": lambda a: a.astype(">f8"),
    "object": lambda a: a.astype(object),
    "numbers as strings": lambda a: a.astype(str),
    "numbers as objects of str": lambda a: a.astype(str).astype(object),
    "Decimal": lambda a: np.vectorize(Decimal, otypes=[object])(a),
    "Fraction": lambda a: np.vectorize(Fraction, otypes=[object])(a),
    "Fortran order": lambda a: np.asfortranarray(a),
    "every second row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "columns of a wider array": lambda a: np.repeat(a, 3, axis=-1)[..., ::3],
    "backwards in memory": lambda a: a[::-1].copy()[::-1],
    "read-only": read_only,
    "memoryview": lambda a: memoryview(np.ascontiguousarray(a)),
    "unaligned": lambda a: np.frombuffer(b"." + a.tobytes(), np.uint8)[1:].view(float).reshape(a.shape),
    "subclass": lambda a: a.view(type("Sub", (np.ndarray,), {})),
    "masked array without a mask": lambda a: np.ma.array(a),
    "frame": lambda a: pd.DataFrame(a) if a.ndim == 2 else pd.Series(a),
    "frame of float32": lambda a: (pd.DataFrame(a) if a.ndim == 2 else pd.Series(a)).astype("float32"),
    "frame of objects": lambda a: (pd.DataFrame(a) if a.ndim == 2 else pd.Series(a)).astype(object),
    "nullable frame": lambda a: (pd.DataFrame(a) if a.ndim == 2 else pd.Series(a)).astype("Float64"),
    "frame with an index of strings": lambda a: pd.DataFrame(a, [f"r{k}" for k in range(len(a))][::-1]),
    "frame with an index of floats": lambda a: pd.DataFrame(a, np.arange(len(a)) / 2),
}
INTEGERS = {
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "uint64": np.uint64,
    "bool": bool,
    "Int64": "Int64",
    "boolean": "boolean",
}


def whole(a, dtype):
    """Integers that a dtype can hold."""
    a = 8 * a
    if str(dtype).lower().startswith(("bool", "<class 'bool")):
        return (a > 0).astype(float)
    return np.abs(a) if "uint" in str(dtype) else a


def dressed(X, y, with_y):
    """Cases of other clothes."""
    clean = X, y, {}
    for name, dress in CLOTHES.items():
        warns = NO_TIME if "index of" in name else None
        yield Case(f"X: {name}", dress(X), y, {}, like=clean, warns=warns)
        if with_y:
            yield Case(f"y: {name}", X, dress(y), {}, like=clean, warns=warns)
    for name, dtype in INTEGERS.items():
        pandas = isinstance(dtype, str)
        u, v = whole(X, dtype), whole(y, dtype)
        yield Case(f"X: {name}", (pd.DataFrame(u) if pandas else u).astype(dtype), y, {}, like=(u, y, {}))
        if with_y:
            warns = "y is boolean" if "bool" in name else None
            made = (pd.Series(v) if pandas else v).astype(dtype)
            yield Case(f"y: {name}", X, made, {}, like=(X, v, {}), warns=warns)
    if with_y:
        yield Case("y: array.array", X, array("d", y), {}, like=clean)
        yield Case("y: a column", X, y[:, None], {}, like=clean)
        yield Case("y: a frame of one column", X, pd.DataFrame({"y": y}), {}, like=clean)


NOT_A_NUMBER = {
    "NaN": (np.nan, ("NaN", "missing='hold'")),
    "None": (None, ("NaN", "missing='hold'")),
    "inf": (np.inf, ("infinity",)),
    "minus inf": (-np.inf, ("infinity",)),
    "a word": ("low", ("'low'",)),
    "an empty string": ("", ("''",)),
    "a complex number": (1 + 2j, ("omplex",)),
    "a list": ([1.0, 2.0], ()),
    "a dict": ({"a": 1}, ("dict",)),
    "a date": (datetime.datetime(2024, 1, 1), ("datetime",)),
    "pd.NaT": (pd.NaT, ()),
}


def values(X, y, verb):
    """Cases of values."""
    n = len(X)
    for name, (value, words) in NOT_A_NUMBER.items():
        dtype = float if isinstance(value, float) else object
        yield Case(f"X: {name}", put(X, (1, 1), value, dtype), y, {}, refused=("X", *words))
        if verb not in WITHOUT_Y and name not in ("NaN", "None"):
            yield Case(f"y: {name}", X, put(y, 4, value, dtype), {}, refused=("y", *words))
    whole_arrays = {
        "all NaN": (np.full(X.shape, np.nan), ("NaN",)),
        "complex": (X + 1j, ("omplex",)),
        "datetime64": (np.zeros(X.shape, "M8[s]"), ("datetime",)),
        "timedelta64": (np.zeros(X.shape, "m8[s]"), ("timedelta",)),
        "bytes": (np.full(X.shape, b"low"), ()),
        "records": (np.zeros(n, [("a", float), ("b", float)]), ()),
        "masked": (np.ma.array(X, mask=X > 1.5), ("NaN",)),
        "csr": (sparse.csr_array(X), ("parse",)),
        "coo": (sparse.coo_matrix(X), ("parse",)),
        "a matrix": (X.view(np.matrix), ("matrix", "asarray")),
        "a frame of dates": (pd.DataFrame(np.zeros(X.shape, "M8[s]")), ()),
        "a categorical column": (pd.DataFrame(X).assign(c=pd.Categorical(["u"] * n))[[0, "c"]], ()),
        "nullable with NA": (
            pd.DataFrame(put(X, (1, 1), np.nan)).astype("Float64"),
            ("NaN", "missing='hold'"),
        ),
        "a dict of columns": ({"a": X[:, 0], "b": X[:, 1]}, ()),
        "a set": ({1.0, 2.0}, ()),
        "a string": ("X.csv", ()),
        "a function": (np.sin, ()),
        "a generator": ((row for row in X), ()),
    }
    for name, (bad, words) in whole_arrays.items():
        yield Case(f"X: {name}", bad, y, {}, refused=("X", *words))
        if (
            verb not in WITHOUT_Y
            and isinstance(bad, np.ndarray)
            and name not in ("all NaN", "a matrix", "masked")
        ):
            yield Case(f"y: {name}", X, bad if bad.ndim == 1 else bad[:, 1], {}, refused=("y", *words))
    extremes = {
        "tiny": (X * 1e-300, None),
        "constant": (np.full(X.shape, 0.5), None),
        "zeros": (np.zeros(X.shape), None),
        "one constant column": (np.c_[X[:, 0], np.full(n, 7.0)], None),
        "negative zeros": (-np.zeros(X.shape), None),
        "denormal": (np.full(X.shape, 5e-324), None),
        "huge": (put(X, (4, 1), 1e300), "runs away"),
        "all huge": (X * 1e150, "runs away|in other units"),
    }
    for name, (X_odd, warns) in extremes.items():
        refused = ("X", "too large", "another unit") if "huge" in name and verb == "partial_fit" else None
        yield Case(f"X: {name}", X_odd, y, {}, warns=warns, refused=refused)
    if verb not in WITHOUT_Y:
        gaps, holes = put(y, [3, 7, 8], np.nan), verb == "calibrate"
        yield Case("y: some NaN", X, gaps, {}, gaps=holes)
        yield Case("y: some None", X, put(y, [3, 7, 8], None, object), {}, like=(X, gaps, {}), gaps=holes)
        yield Case("y: masked", X, np.ma.array(y, mask=np.isnan(gaps)), {}, like=(X, gaps, {}), gaps=holes)
        nullable = pd.Series(gaps).astype("Float64")
        yield Case("y: nullable with NA", X, nullable, {}, like=(X, gaps, {}), gaps=holes)
        nothing = ("y", "no measured value")
        refused = nothing if verb in ("fit", "partial_fit", "score", "calibrate") else None
        yield Case("y: all NaN", X, np.full(n, np.nan), {}, refused=refused)
        yield Case("y: tiny", X, y * 1e-300, {})
        refused = ("y", "too large", "another unit") if verb == "partial_fit" else None
        told = "runs away|taken as not measured|in other units"
        for name, y_odd in {"all huge": y * 1e150, "huge": put(y, 4, 1e300)}.items():
            yield Case(f"y: {name}", X, y_odd, {}, warns=told, refused=refused)
        for name, y_odd in {"constant": np.full(n, 0.5), "zeros": np.zeros(n)}.items():
            yield Case(f"y: {name}", X, y_odd, {})


def one_y(verb, n):
    """Words where y is flat and X has n series."""
    return ("y", "series", "per row") if verb == "fit" else ("y", f"({NEW},)", f"{n} series")


def shapes(X, y, verb):
    """Cases of shapes."""
    n = len(X)
    shown = {
        "X: no rows": (X[:0], y[:0], ("X", "0 sample")),
        "X: an empty list": ([], y[:0], ("X",)),
        "X: one-dimensional": (X[:, 0], y, ("X", "2D", "eshape")),
        "X: a number": (3.0, y, ("X",)),
        "X: four dimensions": (X[None, None], y, ("X", "4")),
        "X: ragged": ([[1.0, 2.0], [3.0]] * (n // 2), y, ("X",)),
        "X: transposed": (X.T, y, ("X",)),
        "X: three dimensions, y does not fit": (
            X[None],
            y,
            one_y(verb, 1) if verb not in WITHOUT_Y else (),
        ),
        "X: a list of flat arrays of different length": ([X[:3, 0], X[:4, 0]], y, ("X",)),
    }
    for name, (X_bad, y_bad, words) in shown.items():
        if name.startswith("X: three") and verb in WITHOUT_Y:
            continue
        yield Case(name, X_bad, y_bad, {}, refused=words)
    if verb != "fit":
        for width in (0, 1, 3):
            wrong = np.c_[X, X][:, :width]
            yield Case(f"X: {width} columns", wrong, y, {}, refused=("X", f"{width} feature", "2 features"))
        frame = pd.DataFrame(index=range(n))
        yield Case("X: a frame without columns", frame, y, {}, refused=("X", "0 features", "2 features"))
        yield Case("X: a Series", pd.Series(X[:, 0]), y, {}, refused=("X", "2"))
    else:
        yield Case("X: no columns", X[:12, :0], y[:12], {}, refused=("0 feature", "minimum"))
    if verb in WITHOUT_Y:
        return
    both = ("X", "y", str(n), "inconsistent")
    yield Case("y: one short", X, y[1:], {}, refused=(*both, str(n - 1)))
    yield Case("y: one long", X, np.r_[y, 0], {}, refused=(*both, str(n + 1)))
    yield Case("X: one short", X[1:], y, {}, refused=(*both, str(n - 1)))
    yield Case("y: no rows", X, y[:0], {}, refused=("y", "0 sample"))
    yield Case("y: three dimensions", X, y[:, None, None], {}, refused=("y", "3"))
    yield Case("y: no columns", X, np.empty((n, 0)), {}, refused=("y", "0 feature"))
    yield Case("y: a number", X, 3.0, {}, refused=("y",))
    yield Case("y: a string", X, "y.csv", {}, refused=("y",))
    yield Case("y: ragged", X, [[1.0], [2.0, 3.0]] * (n // 2), {}, refused=("y",))
    yield Case("y: a row", X, y[None], {}, refused=("y",))
    if verb != "fit":
        yield Case("y: two columns", X, np.c_[y, y], {}, refused=("y", "2 outputs", "fitted with 1"))
    else:
        yield Case("y: two columns", X, np.c_[y, -y], {})
        yield Case(
            "y: a column of NaN", X, np.c_[y, np.full(n, np.nan)], {}, refused=("y", "column 1", "NaN")
        )
    if verb not in ("update", "partial_fit"):
        yield Case("y: None", X, None, {}, refused=("y", "None") if verb == "fit" else ("y",))


def at(index, rows=LATER):
    """The later rows, or others, with another index."""
    return FRAME[rows].set_axis(index), SERIES[rows].set_axis(index)


def indexes(verb):
    """Cases of indexes, of models fitted to stamped rows."""
    X, y = FRAME[LATER], SERIES[LATER]
    untold = X_all[LATER], y_all[LATER], {}
    # score starts arrays that may be others from their own y
    clean = (X, y, {}) if verb == "score" else untold
    hours, n = X.index, NEW
    goes_on = verb in ("update", "partial_fit")
    placed = verb not in ("fit", "calibrate")  # whether it matters where the rows lie
    seen = ("rows up to", str(HOURS[N - 1]), "later rows")
    begins = ("X_future begins at", str(HOURS[N - 1]), "update")

    def case(name, rows, *, like=clean, refused=None, warns=None, kind="stamped", gaps=False):
        gaps = gaps and verb == "trajectories"
        like_kind = "array" if like is untold else "stamped"
        like = None if refused else like
        return Case(f"index: {name}", *rows, {}, kind, refused, like, like_kind, warns, gaps)

    # not in order, not unique
    swapped = [*range(5), 6, 5, *range(7, n)]
    twice = [*range(5), 4, *range(5, n)]
    broken = {
        "two rows swapped": (at(hours[swapped]), ("not in time order", str(hours[5]), "sort_index")),
        "descending": (at(hours[::-1]), ("not in time order", "sort_index")),
        "shuffled": (
            at(hours[np.random.default_rng(1).permutation(n)]),
            ("not in time order", "do not shuffle"),
        ),
        "duplicate": (
            (X.iloc[twice], y.iloc[twice]),
            ("twice", str(hours[4]), "Keep one"),
        ),
        "one stamp for all": (at(hours[[0] * n]), ("twice", str(hours[0]), "Keep one")),
        "NaT": (at(hours.where(np.arange(n) != 7)), ("NaT", "row 7", "drop or repair")),
        "all NaT": (at(pd.DatetimeIndex([pd.NaT] * n)), ("NaT", "row 0", "drop or repair")),
        "shuffled integers": (at(pd.Index(swapped)), ("not in time order", "sort_index")),
        "integers twice": (at(pd.Index([0, 0, *range(2, n)])), ("twice", "Keep one")),
        "descending periods": (at(hours.to_period("h")[::-1]), ("not in time order",)),
        "the hour twice at a clock change": (
            at(pd.date_range("2024-10-27 00:00", periods=n, freq="30min").floor("h")),
            ("twice", "Keep one"),
        ),
    }
    for name, (rows, words) in broken.items():
        yield case(name, rows, refused=("X", *words))
        if verb not in WITHOUT_Y and "wice" not in name and "duplicate" not in name:
            only_y = X_all[LATER], rows[1]
            yield case(f"{name}, of y alone", only_y, refused=("y", *words), kind="array")

    # what follows, in other words
    same = {
        "the next rows": hours,
        "in seconds": hours.as_unit("s"),
        "in nanoseconds": hours.as_unit("ns"),
        "periods": hours.to_period("h"),
        "without a frequency": pd.DatetimeIndex(hours.to_numpy()),
        "strings": hours.strftime("%d %H"),
        "strings in no order": pd.Index([f"row {k * 7 % n}" for k in range(n)]),
        "floats": pd.Index(np.arange(n) / 2),
        "fresh": pd.RangeIndex(n),
        "integers": pd.RangeIndex(100, 100 + n),
        "time deltas": pd.timedelta_range("1h", periods=n, freq="h"),
        "dates of datetime": pd.Index(hours.to_pydatetime(), dtype=object),
        "booleans": pd.Index(np.arange(n) % 2 == 0),
        "categories": pd.CategoricalIndex([f"c{k}" for k in range(n)]),
    }
    no_time = [name for name in same if name.startswith(("strings", "floats", "booleans", "categories"))]
    warned = dict.fromkeys(no_time, NO_TIME)
    if verb != "fit":
        warned |= dict.fromkeys(("integers", "time deltas"), "has an index of kind")
    for name, index in same.items():
        like = untold if name in warned or name == "fresh" else clean
        yield case(name, at(index), like=like, warns=warned.get(name))
    if verb not in WITHOUT_Y:
        yield case("y without one", (X, y_all[LATER]))
        yield case("fresh one of y", (X, y.reset_index(drop=True)))
        yield case("strings of y", (X, y.set_axis(same["strings"])), warns=NO_TIME)
        yield case("X and y in other units", (X.set_axis(same["in seconds"]), y))
        yield case("periods of y", (X, y.set_axis(same["periods"])))
        for name, other in {
            "an hour later": hours + pd.Timedelta("1h"),
            "a minute later": hours + pd.Timedelta("1min"),
            "the same hour in another zone": hours.tz_localize("Europe/Berlin"),
            "last stamp another": hours[:-1].append(hours[-1:] + pd.Timedelta("1h")),
        }.items():
            cure = "align" if other.tz is None else "X.tz_localize('Europe/Berlin')"
            words = ("X and y have different stamps", str(hours[0]), str(other[0]), cure)
            yield case(f"y {name}", (X, y.set_axis(other)), refused=words)
        words = ("X and y", "different", "align")
        yield case("y of another year", (X, y.set_axis(hours + pd.Timedelta("366D"))), refused=words)

    # elsewhere in time
    zone = ("time zone", "tz_localize")
    aware = X.tz_localize("UTC"), y.tz_localize("UTC")
    yield case("aware after naive", aware, refused=None if verb == "fit" else zone)
    yield case("naive after aware", (X, y), refused=None if verb == "fit" else zone, kind="aware")
    there = aware[0].tz_convert("Asia/Tokyo"), aware[1].tz_convert("Asia/Tokyo")
    yield case("the next rows in another zone", there, kind="aware")
    yield case(
        "dates before 1970",
        at(hours - pd.Timedelta("40000D")),
        refused=seen if goes_on else begins if verb == "forecast" else None,
        like=None,
    )
    training = FRAME[:NEW], SERIES[:NEW]
    refused = seen if goes_on else begins if verb == "forecast" else None
    like = (X_all[:NEW], y_all[:NEW], {"start": "cold"})
    cold = like if verb in ("predict", "predict_ahead", "trajectories") else None
    yield case("the training rows", training, refused=refused, like=None)
    middle = FRAME[20:44], SERIES[20:44]
    like = (X_all[20:44], y_all[20:44], {"start": "cold"})
    yield case("rows in the middle of training", middle, refused=refused, like=like if cold else None)
    overlap = FRAME[50:74], SERIES[50:74]
    like = (X_all[50:74], y_all[50:74], {"start": "cold"})
    yield case("rows that overlap the end", overlap, refused=refused, like=like if cold else None)
    late = begins if verb == "forecast" else None
    rows = at(hours + pd.Timedelta("3h"))
    warned = "missing between" if placed and late is None else None
    yield case("three hours missing before them", rows, refused=late, like=None, warns=warned)
    like = (X_all[LATER], y_all[LATER], {"start": "cold"})
    like = like if verb in ("predict", "predict_ahead", "trajectories") else None
    for name, apart in {"a month later": "30D", "a century later": "36500D"}.items():
        yield case(name, at(hours + pd.Timedelta(apart)), refused=late, like=like, warns=warned)
    hole = np.r_[0:1, 3:NEW]
    words = ("X_future has a gap", str(hours[3]), "every row") if verb == "forecast" else None
    warned = None if verb in ("fit", "calibrate", "forecast") else "missing between"
    yield case("a hole", (X.iloc[hole], y.iloc[hole]), refused=words, like=None, warns=warned, gaps=True)
    every_second = X.iloc[::2], y.iloc[::2]
    words = (
        ("X_future" if verb == "forecast" else "X", "has rows 2 steps", "asfreq") if verb != "fit" else None
    )
    yield case("every second row", every_second, refused=words, like=None, gaps=True)
    rough = pd.DatetimeIndex(np.sort(np.random.default_rng(0).integers(0, 10**9, n)).astype("M8[s]"))
    rough += HOURS[N - 1] - rough[0] + pd.Timedelta("1h")
    warned = "neither a step" if verb == "fit" else None  # each of them is far from the next
    words = ("X", "off the grid", "resample") if verb != "fit" else None
    yield case("irregular", at(rough), refused=words, like=None, warns=warned)

    # columns
    if verb != "fit":
        names = ("X", "feature names")
        yield case("columns in another order", (X[["b", "a"]], y), refused=names)
        yield case("other columns", (X.rename(columns={"a": "c"}), y), refused=names)
        yield case("a column more", (X.assign(c=1.0), y), refused=names)
        yield case("a column less", (X[["a"]], y), refused=names)
        yield case("one column twice", (X[["a", "a"]], y), refused=("X", "unique", "'a'"))
        yield case("an array after a frame", (X_all[LATER], y), warns="does not have valid feature names")
        frames = X, y.to_frame("z")
        yield case("frame of y with another name", frames, like=clean)
    else:
        mixed = X.set_axis(["a", 1], axis=1)
        yield case("names of two types", (mixed, y), refused=("X", "feature names", "strings"))


def panels(verb):
    """Cases of several series."""
    X, y = FRAME[LATER], SERIES[LATER]
    Xp, yp = panel(LATER)
    keys = Xp.index.get_level_values(0)
    same = Xp, yp, {}

    def case(name, rows, *, kind="panel", like=None, like_kind="panel", refused=None, warns=None, **kw):
        return Case(f"series: {name}", *rows, kw, kind, refused, None if refused else like, like_kind, warns)

    flat_X, flat_y = Xp.to_numpy(), yp.to_numpy()
    missing = keys.to_series().where(np.arange(NEW) != 5).to_numpy()
    wrong = {
        "too short": (list(keys)[1:], ("groups", f"({NEW - 1},)", f"{NEW} rows", "one key per row")),
        "too long": ([*keys, "a"], ("groups", f"({NEW + 1},)", "one key per row")),
        "of two columns": (np.c_[keys, keys], ("groups", f"({NEW}, 2)", "one key per row")),
        "a word": ("series", ("groups", "one key per row")),
        "a number": (3, ("groups", "one key per row")),
        "with a gap": (missing, ("series of row 5", "NaN", "key")),
    }
    alone = ("fitted on one series", "'a'", "give them as in fit")
    if verb == "trajectories":
        yield case("two", (Xp, yp), refused=("2 series", "one at a time"))
        yield case("one", (Xp.loc[["a"]], yp.loc[["a"]]))
        yield case(
            "one for a model of one series", (Xp.loc[["a"]], yp.loc[["a"]]), kind="stamped", refused=alone
        )
        for name in ("too short", "too long", "of two columns"):
            yield case(
                f"groups {name}",
                (flat_X, flat_y),
                kind="array",
                groups=wrong[name][0],
                refused=wrong[name][1],
            )
        return
    yield case("the next rows", (Xp, yp), like=same)
    by_time = np.argsort(Xp.index.get_level_values(1), kind="stable")
    yield case("one", (Xp.loc[["a"]], yp.loc[["a"]]))
    stranger = Xp.rename(index={"b": "z"}), yp.rename(index={"b": "z"})
    yield case("one not seen before", stranger)
    if verb not in ("predict", "predict_ahead", "forecast", "trajectories", "score"):
        yield case("row by row in time", (Xp.iloc[by_time], yp.iloc[by_time]))
    three = pd.MultiIndex.from_arrays([["north"] * NEW, keys, Xp.index.get_level_values(1)])
    yield case("keys of two levels, where one was learnt", (Xp.set_axis(three), yp.set_axis(three)))
    if verb in ("predict", "predict_ahead", "update", "partial_fit", "score", "forecast"):
        unknown = ("fitted on 2 series", "'a'", "identify it as in fit")
        names = "does not have valid feature names"  # scikit-learn's
        yield case("not told, in an array", (X_all[LATER], y_all[LATER]), refused=unknown, warns=names)
        yield case("not told, in a frame", (X, y), refused=unknown)
        yield case("groups of strings", (FRAME[LATER].reset_index(drop=True), flat_y), groups=list(keys))
    for name, (groups, words) in wrong.items():
        yield case(f"groups {name}", (flat_X, flat_y), kind="array", groups=groups, refused=words)
    twice = ("by groups and by the MultiIndex", "give one")
    yield case("told twice", (Xp, yp), groups=list(keys), refused=twice)
    lists = [flat_X[:12], flat_X[12:]], [flat_y[:12], flat_y[12:]]
    yield case(
        "named by groups and by a list", lists, groups=list(keys), refused=("named by groups", "a list")
    )
    yield case("a list", lists, kind="lists", like=(*lists, {}), like_kind="lists")
    cube = flat_X.reshape(2, 12, 2), flat_y.reshape(2, 12)
    yield case("a cube", cube, kind="lists", like=(*lists, {}), like_kind="lists")
    if verb not in WITHOUT_Y:
        yield case("a cube and flat y", (cube[0], flat_y), kind="lists", refused=one_y(verb, 2))
        yield case("a list and one y", (lists[0], flat_y), kind="lists", refused=("y", "a list of 2 series"))
        short = lists[0], [flat_y[:11], flat_y[12:]]
        yield case("a list with a short y", short, kind="lists", refused=("Series 0", "y", "11 rows"))
        less = lists[0], lists[1][:1]
        yield case("a list of fewer y", less, kind="lists", refused=("y", "a list of 2 series"))
        align = ("X and y", "MultiIndex", "align")
        yield case("y in another order", (Xp, yp.iloc[::-1]), refused=align)
        yield case("y of other keys", (Xp, yp.rename(index={"a": "z"})), refused=align)
    widths = [flat_X[:12], flat_X[12:, :1]], lists[1]
    yield case("a list of two widths", widths, kind="lists", refused=("X",))
    messy = Xp.index.get_level_values(1)[::-1]
    index = pd.MultiIndex.from_arrays([keys, messy])
    yield case("out of order", (Xp.set_axis(index), yp.set_axis(index)), refused=("'a'", "not in time order"))
    index = pd.MultiIndex.from_arrays([keys, messy.where(np.arange(NEW) != 3)[::-1]])
    yield case("NaT", (Xp.set_axis(index), yp.set_axis(index)), refused=("NaT", "row 20", "drop or repair"))
    refused = None if verb in ("fit", "calibrate") else alone
    yield case("a panel for a model of one series", (Xp, yp), kind="stamped", refused=refused)


NOT_INTS = (0, -1, 1.5, "3", None, True, np.nan, np.inf, [3], 2j)
LEVELS = (0, 100, -5, 120, np.nan, "80", [], [80, 100], [80, None], True, [[80, 95]], {"a": 1}, b"80", np.inf)
STARTS = (
    "begin",
    "",
    3,
    True,
    b"end",
    ("cold",),
    ["cold"],
    ("a", "b", "c"),
    np.zeros(3),
    {"start": "cold"},
    1.0,
    ("estimate", 3, "cold"),
)
SPLITTERS = (0, 1, -3, 1.5, True, "5", "kfold", [1, 2], np.nan, object(), {"cv": 3})


def options(X, y, verb):
    """Cases of what a verb is given beside the rows."""
    n = len(X)

    def bad(name, value, *words, **more):
        kw = {name: value} | more
        return Case(f"{name}={str(value)[:20]!r}", X, y, kw, refused=(name, *words))

    def good(name, value, like=None, **more):
        rough = "intervals are rough|will be too narrow"
        return Case(f"{name}={str(value)[:20]!r}", X, y, {name: value} | more, like=like, warns=rough)

    clean = X, y, {}
    if verb == "predict":
        yield bad("steps", 3, "3", "y=y")
        for value in (0, -1, 1.5, "3", None, np.nan, True):
            yield bad("steps", value, repr(value), *(("int >= 1",) if value is not None else ()), y=y)
        for name, value, words in (
            ("one short", y[1:], ("inconsistent",)),
            ("inf", put(y, 4, np.inf), ("infinity",)),
            ("two columns", np.c_[y, y], ("2 outputs",)),
            ("words", np.full(n, "low"), ("'low'",)),
            ("a number", 3.0, ()),
            ("three dimensions", y[:, None, None], ("3",)),
        ):
            yield Case(f"y {name}", X, y, {"y": value}, refused=("y", *words))
        yield Case("y and steps", X, y, {"y": y, "steps": 2})
        yield Case("y in a list", X, y, {"y": y.tolist()}, like=(X, y, {"y": y}))
    if verb in ("predict_ahead", "forecast", "trajectories"):
        for value in NOT_INTS:
            yield bad("steps", value, repr(value), "int >= 1")
        yield good("steps", np.int64(2), (X, y, {"steps": 2}))
        if verb == "predict_ahead":
            yield good("steps", 10**9, (X, y, {"steps": n + 1}))
        else:
            words = ("steps=", "at least as many") if verb == "trajectories" else ()
            yield Case("steps of 10**9", X, y, {"steps": 10**9}, refused=(str(10**9), *words))
            yield good("steps", 2)
    if verb in ("predict", "predict_ahead", "trajectories"):
        for value in STARTS:
            yield bad("start", value, "'cold'", "X_hist")
        for value in ("auto", "end"):
            yield good("start", value, clean)
        for value in ("cold", "zeros"):
            yield good("start", value)
        yield good("start", (X, y))
        yield good("start", (X, y, "estimate"))
        if verb != "predict":
            yield good("start", "estimate")
        yield bad("start", (X, y[1:]), "inconsistent")
        yield bad("start", (X[:, :1], y), "1 feature")
        yield bad("start", (put(X, (0, 0), np.nan), y), "NaN")
        yield good("start", (X, None))  # the model runs freely through it
        yield bad("start", ([X, X], [y, y]))
    if verb in ("forecast", "trajectories"):
        for value in LEVELS:
            yield bad("level", value, "per cent")
        for value in (80, 80.5, [80], (80, 95), np.array([80, 95]), range(10, 100, 20), np.float32(50)):
            yield good("level", value)
        for value in ("normal", "", None, 3, True, ["conformal"]):
            yield bad("method", value, "'conformal'", level=80)
        yield good("method", "bootstrap", level=80)
    if verb == "forecast":
        for value in (0, -1, 1.5, "10", None, True, np.nan, [10]):
            yield bad("n_paths", value, repr(value), "int", level=80, method="bootstrap")
        yield good("n_paths", 7, level=[50, 90], method="bootstrap")
        yield bad("X_future", None, "forecast(3)", "2 inputs", "next", "rows")
        yield bad("X_future", X[:1], "1 rows", "needs")
    if verb == "trajectories":
        for value in (n, [n], [-1], [0, n - 2], [1.0], ["a"], [[0]], True, "all", {0}, [None]):
            yield bad("origins", value, f"from 0 to {n - 3}")
        for value in ([0], np.arange(5), [4, 2, 2], range(3), pd.Index([1, 2])):
            yield good("origins", value)
        yield good("origins", np.zeros(0, int))
    if verb == "calibrate":
        for value in SPLITTERS:
            yield bad("cv", value, repr(value)[:8], "int")
        for value in (2, np.int64(2), TimeSeriesSplit(2), KFold(2)):
            yield Case(f"cv={value!r}", *TRAINING["array"], {"cv": value})
        yield bad("cv", 1000, "1000", str(n))
    if verb in ("fit", "partial_fit", "score"):
        weights = {
            "too short": (np.ones(n - 1), (str(n),)),
            "too long": (np.ones(n + 1), (str(n),)),
            "two columns": (np.ones((n, 2)), ("1D",)),
            "with NaN": (put(np.ones(n), 3, np.nan), ("NaN",)),
            "with inf": (put(np.ones(n), 3, np.inf), ("infinity",)),
            "negative": (put(np.ones(n), 3, -1.0), ("egative",)),
            "all zero": (np.zeros(n), ("zero",)),
            "a word": ("balanced", ()),
            "words": (["one"] * n, ()),
            "a dict": ({0: 1.0}, ()),
        }
        for name, (weight, words) in weights.items():
            yield Case(
                f"sample_weight {name}", X, y, {"sample_weight": weight}, refused=("sample_weight", *words)
            )
        for name, weight in {
            "ones": np.ones(n),
            "a list of ones": [1] * n,
            "a Series": pd.Series(np.ones(n)),
        }.items():
            yield Case(f"sample_weight {name}", X, y, {"sample_weight": weight}, like=clean)
        yield Case("sample_weight bools", X, y, {"sample_weight": np.arange(n) > 3})
    if verb in ("fit", "partial_fit"):
        for unit in (1e-30, 1e30):
            weight, words = np.full(n, unit), ("sample_weight", f"{unit:.3g}", "divide")
            yield Case(f"sample_weight {unit:g}", X, y, {"sample_weight": weight}, refused=words)
    if verb not in ("fit", "partial_fit"):
        yield Case("not fitted", X, y, {}, kind="unfitted", refused=("not fitted", "'fit'"))
    if verb == "update":
        yield Case("y: None", X, None, {})
    if verb not in ("fit", "update", "partial_fit", "calibrate", "score"):
        yield Case("one row", X[:1], y[:1], {"steps": 1} if verb != "predict" else {})
    elif verb != "calibrate" and verb != "fit":
        row = slice(0, 2) if verb == "score" else slice(0, 1)
        yield Case("one row", X[row], y[row], {})


WORD, WHOLE, SHARE, POSITIVE, FLAG = (
    ["sgdd", "", None, 3, True, ["tanh"], np.tanh],
    [-1, 2.5, "3", None, True, np.nan, np.inf, [[1]]],
    [-0.1, 1.5, np.nan, np.inf, "0.1", None, True, [[0.1]]],
    [-1e-3, np.nan, np.inf, "1", None, True, [[0.1]]],
    ["yes", "True", 2, 1, 0, None, [True]],
)
LAGGED = [(0, 0), -1, 2.5, "3", None, True, np.nan, (-1, 2), (1, 2.5), (True, 2), (1, 1), {"a": 1}, [[1]]]
BOUNDS = [(True, None), ([1, 2], None), (np.inf, None), (None, -np.inf), {"low": 0}, (object(), 1)]
TOO_LONG = [500, (1, 500), 10**4]
PARAMETERS = {  # bad values of every constructor parameter
    "activation": WORD,
    "alpha": POSITIVE,
    "alphas": [(), [], "auto", None, 1.0, (-1.0,), (np.nan,), ("1",), (None,), [[1.0]]],
    "batch_size": [0, -1, 1.5, None, np.inf, True, ""],
    "bias_scaling": POSITIVE,
    "bidirectional": FLAG,
    "candidate": WORD,
    "categorical_features": [1.5, (99,), (-1,), ("nobody",), [1.5], object()],
    "connectivity": [0, -1, 1.5, 0.0, np.nan, "10", None, True, [10]],
    "convolution": [
        3,
        "conv",
        (),
        [None],
        object(),
        tsrnn.Convolution,
        tsrnn.Convolution(0),
        tsrnn.Convolution(2, 0),
    ],
    "cv": [0, 1, -1, 1.5, True, "5", 1000, object()],
    "dilations": [2, (1,), (1, 2, 3), (0, 1), (-1, 1), (1.5, 1), "ab", (True, 2)],
    "dropout": SHARE,
    "embedding_size": [0, -1, 1.5, np.inf, "3", True, ()],
    "estimator": [None, "arx", tsrnn.ARXRegressor, object(), tsrnn.Forecaster(tsrnn.ARXRegressor())],
    "early_stopping": ["yes", 2, None, []],
    "feedback_scaling": [-1.0, np.nan, "1", True, (1.0, 2.0, 3.0)],
    "forget_bias": [np.nan, np.inf, "1", None, True, [1.0]],
    "forget_gate": FLAG,
    "groups": [0, -1, 1.5, "2", None, True, 1000],
    "hidden_layer_sizes": [0, -3, (4, 0), (4, -1), (2.5,), 2.5, "ab", ("a",), (True,), None, [[4]]],
    "n_neighbors": [0, *WHOLE],
    "value": ["median", "", None, True, np.nan, np.inf, [1.0]],
    "weights": WORD,
    "gap": [-1, *WHOLE],
    "horizon": [0, *WHOLE],
    "ensemble": ["median", *WORD],
    "init": [3, "esn", tsrnn.ESNRegressor, object(), tsrnn.ESNRegressor(7), True],
    "initial_state": ["zero", "", None, 0, True, ["zeros"], np.zeros(3)],
    "precision": ["half", "", None, 32, True, np.float32],
    "input_connectivity": [0, -0.1, 1.5, np.nan, "0.1", None, True],
    "input_lags": [*LAGGED, *TOO_LONG],
    "input_noise": POSITIVE,
    "input_scaling": [-1.0, np.nan, "1", True, (1.0, 2.0, 3.0)],
    "known_ahead": [None, "a", 3, [5], [-1], ["a"], [True], [0.5], True],
    "layer_lags": [None, 2.5, "a", -1, True, (1, 2), (0, 0), ((),), ((-1,),), ((0, 0),)],
    "layer_norm": FLAG,
    "leak_rate": [0, -0.1, 1.5, np.nan, "1", None, True, (0.5, 0.5)],
    "loss": ["mse", "", None, 3, tsrnn.Huber, np.square, ["squared"]],
    "max_iter": [0, *(value for value in WHOLE if value is not None)],
    "max_phase": POSITIVE,
    "missing": ["drop", "", None, 3, True, np.nan, ["mean"]],
    "n_iter_no_change": [0, -1, 1.5, None, True],
    "n_jobs": [0, 1.5, "2", "all", np.nan, [2]],
    "n_reservoir": [0, -1, 1.5, "300", True, (), (10, 0), (10, "a")],
    "n_restarts": [0, *WHOLE],
    "noise": POSITIVE,
    "orthogonal_penalty": POSITIVE,
    "output_lags": [*LAGGED, (0, 1), *TOO_LONG],
    "error_lags": [*LAGGED, (0, 1), *TOO_LONG],
    "peepholes": FLAG,
    "period": [0, 1000, *WHOLE],
    "pooling": ["median", *WORD],
    "quantiles": [(), 0.5, "0.5", (0,), (1.0,), (-0.1,), (np.nan,), ("a",), (0.5, 0.5), True],
    "r_max": [0, *SHARE],
    "r_min": [1.0, *SHARE],
    "random_state": ["zero", -1, 2.5, "", [None]],
    "readout_bias": FLAG,
    "readout_hidden_layer_sizes": [0, -3, (4, 0), (2.5,), 2.5, "ab", ("a",), (True,), None, [[4]]],
    "readout_input": FLAG,
    "readout_squares": FLAG,
    "recurrent_dropout": SHARE,
    "recurrent_lags": [0, -1, 1.5, (), (1, 1), (0, 2), "1", "ab", None, True, [[1]]],
    "recurrent_init": ["uniform", "", None, 3, ["glorot"], np.eye(3)],
    "reset": ["never", "", None, 3, True, ["after"]],
    "scale": ["standart", "", 3, True, ["standard"]],
    "sequence_length": [0, *WHOLE],
    "series": ["c", 3, ("a", "c"), True, ""],
    "skip_connections": FLAG,
    "solver": [*WORD, tsrnn.Adam, object()],
    "spectral_radius": [-0.1, np.nan, "0.9", True, (0.9, 0.9)],
    "start": STARTS,
    "strategy": ["both", "", None, 3, True, ["direct"]],
    "target_bounds": [3, "zero", (1,), (0, 1, 2), (2, 1), (np.nan, 1), ("0", 1), ("c", None), *BOUNDS],
    "target_transform": ["ln", "", 3, True, np.log, ["difference", "log1p"], ["log", "x"], {"log": 1}],
    "tol": [-1, np.nan, "a", None, True],
    "topology": WORD,
    "training": ["open", "", None, 3, ["both"], True],
    "validation_fraction": [0, 1.0, -0.1, 1.5, np.nan, "a", None, True],
    "verbose": ["yes", -1, None, 1.5],
    "W": ["random", 3, np.eye(3)[0], np.full((8, 8), np.nan), np.zeros((8, 7)), np.zeros((2, 2, 2))],
    "W_in": [np.eye(3), "random", 3, np.full((8, 3), np.nan), np.zeros((7, 3)), [[1.0]]],
    "warm_start": ["yes", 2, None, []],
    "washout": [*WHOLE, 1000],
    "weight_distribution": WORD,
}


def parameters(model):
    """Cases of bad parameters, for every one the constructor has."""
    layers = {"hidden_layer_sizes": (3, 3)} if "layer_lags" in model.get_params() else {}
    for name in sorted(model._get_param_names()):
        for value in PARAMETERS[name]:
            twisted = clone(model).set_params(**layers if name in ("layer_lags", "dilations") else {})
            setattr(twisted, name, value)
            yield twisted, name, value


# ---------------------------------------------------------------------------------------- judging them


CURES = (
    "give take ask change fill drop align sort reshape use cut keep pass lower divide call convert fit swap put bring "
    "repair minimum requires? required expecting expected must need needs needed"
)
CURE = re.compile(rf"\b({'|'.join(CURES.split())}|is not an?|is neither|should be)\b", re.I)


def says(error, words):
    """Why a message is not good enough, or None."""
    text = str(error)
    for word in words:
        if not re.search(
            rf"(?<![A-Za-z_]){re.escape(word)}" if word in ("X", "y") else re.escape(word), text
        ):
            return f"{word!r} is missing in {type(error).__name__}: {text}"
    if not CURE.search(text):
        return f"no cure in {type(error).__name__}: {text}"
    return None


def held(model):
    """What a model holds: the names and identities of its attributes."""
    return {name: id(value) for name, value in vars(model).items()}


_clean = {}


def clean(verb, model, like, kind):
    """The outcome of a clean call, remembered."""
    X, y, kw = like
    key = (
        type(model).__name__,
        verb,
        kind,
        flat(X).tobytes(),
        None if y is None else flat(y).tobytes(),
        repr(kw),
    )
    if key not in _clean:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _clean[key] = outcome(verb, fitted(model, kind), X, y, kw)
    return _clean[key]


def judged(verb, model, case):
    """What came of a case, "right" or "refused", and why that is wrong, or None."""
    mine, before = fitted(model, case.kind), None
    before = held(mine)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            out, error = outcome(verb, mine, case.X, case.y, case.kw), None
        except (ValueError, TypeError) as refusal:
            out, error = None, refusal
    texts = [str(w.message) for w in caught if not str(w.message).startswith("max_iter=")]  # fits are short
    odd = [text for text in texts if case.warns is None or not re.search(case.warns, text)]
    if odd:
        return "right", f"warned: {odd[0]}"
    if error is not None:
        if case.refused is None:
            return "refused", f"refused: {type(error).__name__}: {error}"
        if held(mine) != before:
            return "refused", "the refused call changed the model"
        return "refused", says(error, case.refused)
    if case.refused is not None:
        return "right", f"not refused: {out[:4]}"
    if case.warns == "missing between" and not texts:
        return "right", "no warning of missing rows"
    if verb not in LEARNING and held(mine) != before:
        return "right", "the call changed the model"
    fine = np.isfinite(out) | (out == -np.inf if verb == "score" else False)
    if not (case.gaps or fine.all()):
        return "right", f"not finite: {out[~fine][:4]}"
    if case.like is not None:
        expected = clean(verb, model, case.like, case.like_kind)
        if out.shape != expected.shape or not np.allclose(
            out, expected, rtol=1e-9, atol=1e-12, equal_nan=True
        ):
            return "right", f"not the clean outcome: {out[:4]} for {expected[:4]}"
    elif verb in ("predict", "predict_ahead") and len(out) != np.shape(case.X)[0]:
        return "right", f"{len(out)} values for {np.shape(case.X)[0]} rows"
    return "right", None


def cases(verb, model):
    """All cases of a verb, each (name, function that judges it)."""
    rows = OLD if verb == "fit" else LATER
    X, y = X_all[rows], y_all[rows]
    tables = [
        dressed(X, y, verb not in WITHOUT_Y),
        values(X, y, verb),
        shapes(X, y, verb),
        options(X, y, verb),
        indexes(verb),
        panels(verb),
    ]
    found = [adapted(verb, model, case) for table in tables for case in table]
    if verb in ("fit", "partial_fit"):  # which cost a fit each: half of them for every second model
        found = found[MODELS.index(model) % 2 :: 2]
    return found


def adapted(verb, model, case):
    """A case as it must come out for a model that differs from the others."""
    naive = isinstance(model, NAIVE)
    if naive and verb == "partial_fit" and "huge" in case.name:
        return case._replace(refused=None)  # nothing is learnt
    unseen = ("X: NaN", "X: all NaN", "X: masked", "X: None", "X: inf", "X: minus inf", "X: nullable with NA")
    if naive and (case.name.startswith("X_future") or (verb == "forecast" and case.name in unseen)):
        return case._replace(refused=None)  # it is not looked at
    if isinstance(model, tsrnn.Forecaster):
        if (case.name == "one row" and verb == "forecast") or case.name.startswith("X_future='["):
            return case._replace(refused=("X_future", "1 rows", "3 are needed"))
        if verb == "partial_fit" and "huge" in case.name:
            # y is among the inputs of what it clones
            return case._replace(refused=("too large", "another unit"))
        if case.name.startswith("steps='1000000000'"):
            return case._replace(refused=("steps=1000000000", "horizon=3", "ask for fewer"))
        start = case.kw.get("start")
        start = start[-1] if isinstance(start, tuple) else start
        if case.refused is None and isinstance(start, str) and start == "estimate":
            return case._replace(refused=("start='estimate'", "does not have: give 'cold'"))
    return case


NAMES = [type(model).__name__.removesuffix("Regressor") for model in MODELS]
KINDS = [type(model) for model in MODELS]
every_model = pytest.mark.parametrize(
    "model",
    [
        pytest.param(model, id=name, marks=slow_again(kind, KINDS))
        for model, name, kind in zip(MODELS, NAMES, KINDS)
    ],
)
TALLY = {}  # (model, verb) -> Counter


class Summary:
    """A table at the end of the run."""

    @staticmethod
    def pytest_terminal_summary(terminalreporter):
        terminalreporter.section("bad-input matrix")
        terminalreporter.line(f"{'model':16}{'verb':14}{'tried':>7}{'right':>7}{'refused':>9}")
        for (name, verb), tally in [*TALLY.items(), (("all", ""), sum(TALLY.values(), Counter()))]:
            counts = f"{tally['tried']:7}{tally['right']:7}{tally['refused']:9}"
            terminalreporter.line(f"{name:16}{verb:14}{counts}")


@pytest.fixture(scope="module", autouse=True)
def summary(pytestconfig):
    if not pytestconfig.pluginmanager.has_plugin("bad-input matrix"):
        pytestconfig.pluginmanager.register(Summary, "bad-input matrix")


@every_model
@pytest.mark.parametrize("verb", VERBS)
def test_matrix(verb, model):
    wrong, tally = [], Counter()
    for case in cases(verb, model):
        came, why = judged(verb, model, case)
        tally["tried"] += 1
        tally[came] += why is None
        if why is not None:
            wrong.append(f"{case.name}: {why}")
    if verb == "fit":
        for twisted, name, value in parameters(model):
            tally["tried"] += 1
            shown = isinstance(value, (int, float, str)) and not isinstance(value, bool) and name[0] != "W"
            words = (name, repr(value)) if shown else (name,)
            if name.endswith("_lags") and value in TOO_LONG:
                words = ("lags", str(np.max(value)), str(N), "shorter lags")
            why = "not refused"
            try:
                twisted.fit(X_all[OLD], y_all[OLD])
            except (ValueError, TypeError) as error:
                why = says(error, words) or ("half fitted" if hasattr(twisted, "theta_") else None)
            tally["refused"] += why is None
            if why is not None:
                wrong.append(f"{name}={value!r}: {why}")
    TALLY[type(model).__name__.removesuffix("Regressor"), verb] = tally
    assert tally["tried"] >= 100
    assert not wrong, f"{len(wrong)} of {tally['tried']}:\n" + "\n".join(wrong)
