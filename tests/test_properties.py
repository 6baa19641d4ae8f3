"""Properties that hold for any series, lags, gaps, index, transform, bounds and model: hypothesis looks for exceptions.

Equal means to 1e-12 of the largest number, in float64, where nothing but the order of rows or calls differs: the same
weights follow the same numbers. Where a fit comes between, so do its rounding errors: there either the change is
one that rounding does not see (a power of two as unit, another container), and bits must be equal, or the tests say
how close and why.
"""

import copy
import dataclasses
import pickle
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from public import RECURRENT as CELLS
from public import is_first, short
from scipy import sparse
from sklearn.base import clone

import tsrnn
from tsrnn.preprocessing import Difference


# of gaps, bounds, outputs that run away: they may
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

few = settings(
    max_examples=4,  # of each model
    derandomize=True,  # the same examples in every run
    deadline=None,
    database=None,
    phases=[Phase.generate],  # each example takes a fit or two: none is made smaller
    suppress_health_check=list(HealthCheck),
)
QUICK = {"max_iter": 1, "early_stopping": False}
NETS = {"solver": "adam", "sequence_length": 16, **QUICK}


def recurrent(cell, i, o):
    sizes = (2, 2) if cell is CELLS[0] else (2,)
    return cell(sizes, input_lags=i, output_lags=o, **NETS)


KINDS = {  # input lags, output lags -> a model
    "NARX": lambda i, o: tsrnn.NARXRegressor(
        (2,), input_lags=i, output_lags=o, training="open_loop", **QUICK
    ),
    "TDNN": lambda i, o: tsrnn.TDNNRegressor((2,), input_lags=i, **QUICK),
    **{short(cell): partial(recurrent, cell) for cell in CELLS},
    "ESN": lambda i, o: tsrnn.ESNRegressor(6, input_lags=i, output_lags=o, alpha=0.1, washout=2),
    "ARX": lambda i, o: tsrnn.ARXRegressor(i, o, alpha=0.1),
    "seasonal": lambda i, o: tsrnn.SeasonalNaiveRegressor(3),
    "direct": lambda i, o: tsrnn.Forecaster(tsrnn.ARXRegressor(i, o, alpha=1.0), 2, strategy="direct"),
    "recursive": lambda i, o: tsrnn.Forecaster(
        tsrnn.ARXRegressor(i, o, alpha=1.0), 2, strategy="recursive", known_ahead="all"
    ),
}
INPUT_LAGS = [0, 1, 2, (1,), (0, 3), (2, 4)]
OUTPUT_LAGS = [1, 2, (2,), (1, 4)]
TRANSFORMS = [None, None, "log", "sqrt", "difference", Difference(3), ["log1p", Difference(2)]]
BOUNDS = [None, None, (0, None), (0.3, 3.0), ("x0", None), (None, "x1")]
HOURS = pd.date_range("2024-03-30", periods=1000, freq="h")


SLOW = [short(cell) for cell in CELLS if not is_first(cell, CELLS)]
every = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind in SLOW else ()) for kind in KINDS]
)
linear = pytest.mark.parametrize("kind", ["ARX", "seasonal", "direct", "recursive"])


class Problem(NamedTuple):
    """A model that is fitted to X, y; X_new, y_new are the rows after those. rng draws what else is needed."""

    model: Any
    X: Any
    y: Any
    X_new: Any
    y_new: Any
    rng: np.random.Generator

    def __repr__(self):
        given = f"X={type(self.X).__name__}{self.X.shape}, y={self.y.shape}, new={len(self.X_new)}"
        return f"{self.model!r}, {given}, NaN={np.isnan(self.X).sum().sum()}, {np.isnan(self.y).sum().sum()}"

    def fit(self):
        return clone(self.model).fit(self.X, self.y)


@st.composite
def problems(draw, kind, transforms=TRANSFORMS, stamped=None, gaps=True, holes=True):
    """Problems of all sorts.

    stamped : frames with an index of time, or arrays.   gaps : in the index.   holes : in y_new.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    model = KINDS[kind](draw(st.sampled_from(INPUT_LAGS)), draw(st.sampled_from(OUTPUT_LAGS)))
    n, new = draw(st.integers(40, 60)), draw(st.integers(8, 24))
    N, F, O = n + new, draw(st.integers(2, 3)), draw(st.integers(1, 2))
    X = rng.normal(size=(N, F))
    y = np.exp(0.3 * (X[:, :1] + np.roll(X[:, 1:2], 1, 0)) + 0.2 * rng.normal(size=(N, O)))
    settable = model if "missing" in model.get_params(deep=False) else model.estimator
    own = {
        "target_transform": draw(st.sampled_from(transforms)),
        "target_bounds": draw(st.sampled_from(BOUNDS)),
        "missing": draw(st.sampled_from(["error", "hold", "mean", "mask"])),
        "random_state": draw(st.integers(0, 9)),
        "start": draw(st.sampled_from(["auto", "auto", "cold", "zeros"])),
        "scale": draw(st.sampled_from(["standard", "minmax", "robust", None])),
    }
    if own["target_bounds"] is not None and "x" in str(own["target_bounds"]):
        X[:, 0], X[:, 1] = -1 - np.abs(X[:, 0]), 1 + np.abs(X[:, 1])  # low and high in every row
        own["missing"] = "error" if kind in ("direct",) else own["missing"]
        if kind == "direct":
            own["target_bounds"] = None  # columns must be known ahead there
    settable.set_params(**{k: v for k, v in own.items() if k in settable.get_params(deep=False)})
    if own["missing"] != "error" and own["start"] == "zeros" and "x" in str(own["target_bounds"]):
        settable.set_params(start="cold")  # a bound that is missing in the first row would be zero
    if own["missing"] != "error":
        X[rng.random(X.shape) < draw(st.sampled_from([0.0, 0.1, 0.4]))] = np.nan
        X[:2] = 1.5, *[2.0] * (F - 1)
        X[:2, 0] = -1.5
    y[:n][rng.random((n, O)) < draw(st.sampled_from([0.0, 0.03]))] = np.nan
    y[n:][rng.random((new, O)) < draw(st.sampled_from([0.0, 0.2, 0.8]))] = np.nan
    block = draw(st.integers(0, new))
    y[n + block : n + block + draw(st.integers(0, 5))] = np.nan
    if not holes:
        y[n:] = 1.0 + rng.random((new, O))
    y = y[:, 0] if O == 1 and draw(st.booleans()) else y
    if draw(st.booleans()) if stamped is None else stamped:
        jumps = rng.choice([0, 0, 0, 0, 3, 40], new) if gaps and draw(st.booleans()) else np.zeros(new, int)
        at = np.r_[np.arange(n), n + np.arange(new) + np.cumsum(jumps)]
        X = pd.DataFrame(X, HOURS[at], columns=[f"x{k}" for k in range(F)])
        y = pd.Series(y, HOURS[at], name="y") if y.ndim == 1 else pd.DataFrame(y, HOURS[at]).add_prefix("y")
    return Problem(model, X[:n], y[:n], X[n:], y[n:], rng)


def equal(a, b, rtol=1e-12):
    """Assert that two outcomes are the same to so much of the largest number among them."""
    a, b = (np.asarray(v, float) for v in (a, b))
    assert a.shape == b.shape
    scale = max([1.0, *np.abs(a[np.isfinite(a)]), *np.abs(b[np.isfinite(b)])])
    assert np.isfinite(a).all()
    np.testing.assert_allclose(a, b, rtol=0, atol=rtol * scale)


def rows(v, here):
    return v.iloc[here] if hasattr(v, "iloc") else v[here]


def changed(v, k, rng):
    """Other values from row k on, of the same sort."""
    v = v.copy()
    if hasattr(v, "iloc"):
        v.iloc[k:] = v.iloc[k:] * rng.uniform(1, 2)
    else:
        v[k:] *= rng.uniform(1, 2)
    return v


def contents(value):
    """All that is in a value, or in a model, as text and bytes."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, np.random.RandomState):
        return contents(value.get_state())
    if sparse.issparse(value):
        return contents(value.toarray())
    if isinstance(value, pd.Index):
        return contents(value.tolist())
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    if isinstance(value, (list, tuple, np.ndarray)):
        return type(value).__name__, *map(contents, value)
    if isinstance(value, dict):
        return {name: contents(v) for name, v in value.items()}
    if dataclasses.is_dataclass(value):  # not what it has worked out since
        return type(value).__name__, {
            f.name: contents(getattr(value, f.name)) for f in dataclasses.fields(value)
        }
    if hasattr(value, "__dict__"):
        return type(value).__name__, contents(vars(value))
    return repr(value)


def assert_same(a, b, where="model"):
    """Assert that two contents are equal, and say where they are not."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for name in a:
            assert_same(a[name], b[name], f"{where}.{name}")
    else:
        assert a == b, where


def numbers(memory):
    """All numbers of a memory, flat."""
    if isinstance(memory, tuple):
        return np.concatenate([np.zeros(0), *map(numbers, memory)])
    return np.ravel(np.asarray(memory, float))


# ---------------------------------------------------------------------------------------- order in time


@every
@few
@given(st.data(), st.integers(1, 8), st.integers(1, 4))
def test_causal(kind, data, k, steps):
    """Other X and y from row k on change no forecast of a row before."""
    problem = data.draw(problems(kind))
    model, rng = problem.fit(), problem.rng
    X, y = problem.X_new, problem.y_new
    X_other, y_other = changed(X, k, rng), changed(y, k, rng)
    equal(model.predict(X)[:k], model.predict(X_other)[:k])
    steps = min(steps, getattr(model, "horizon", steps))
    whole = model.predict_ahead(X, y, steps=steps)
    equal(whole[:k], model.predict_ahead(X_other, y_other, steps=steps)[:k])
    equal(whole[: k + 1], model.predict_ahead(X, y_other, steps=steps)[: k + 1])


@every
@few
@given(st.data(), st.integers(1, 8), st.integers(1, 4))
def test_prefix(kind, data, k, steps):
    """Forecasts of the first rows do not depend on whether more are asked for."""
    problem = data.draw(problems(kind))
    model = problem.fit()
    X, y = problem.X_new, problem.y_new
    equal(model.predict(X)[:k], model.predict(rows(X, slice(k))))
    steps = min(steps, getattr(model, "horizon", steps))
    whole = model.predict_ahead(X, y, steps=steps)
    equal(whole[:k], model.predict_ahead(rows(X, slice(k)), rows(y, slice(k)), steps=steps))


@every
@few
@given(st.data(), st.lists(st.integers(1, 7), max_size=4))
def test_chunks(kind, data, cuts):
    """update in pieces is update at once.

    Without holes in y for a direct Forecaster, which fills them a horizon at a time: a cut begins another one.
    """
    problem = data.draw(problems(kind, holes=kind != "direct"))
    whole, pieces = problem.fit(), problem.fit()
    X, y, n = problem.X_new, problem.y_new, len(problem.X_new)
    whole.update(X, y)
    for here in np.split(np.arange(n), sorted(set(cuts))):
        pieces.update(rows(X, here), rows(y, here))
    equal(numbers(pieces.state_), numbers(whole.state_))
    past = np.nan_to_num([place.series_[None].past.levels for place in (pieces, whole)])
    equal(*past)
    assert pieces.timeline_ == whole.timeline_
    later = np.asarray(problem.X)[:5]
    equal(*(np.asarray(model.forecast(2, later)) for model in (pieces, whole)))


@every
@few
@given(st.data(), st.integers(1, 2))
def test_trajectories_are_forecasts_after_updates(kind, data, steps):
    """Forecasts from all rows at once are those of a model that was brought up to each; holes as in test_chunks."""
    problem = data.draw(problems(kind, gaps=False, holes=kind != "direct"))
    model, X, y = problem.fit(), problem.X_new, problem.y_new
    made = model.trajectories(X, y, steps, start="end").forecast
    for k in (0, 1, len(made) - 1):
        one = copy.deepcopy(model)
        if k:
            one.update(rows(X, slice(k)), rows(y, slice(k)))
        equal(made[k], np.asarray(one.forecast(steps, rows(X, slice(k, None)))))
    for k in range(1, len(made)):
        ahead = model.predict_ahead(X, y, steps=steps, start="end")
        equal(made[k, -1], ahead[k + steps - 1])


# ---------------------------------------------------------------------------------------- purity, refit


@every
@few
@given(st.data(), st.permutations(range(5)))
def test_pure(kind, data, order):
    """Forecasts, in whatever order, change nothing, and so they are the same twice."""
    problem = data.draw(problems(kind))
    model, X, y = problem.fit(), problem.X_new, problem.y_new
    before = contents(vars(model))
    calls = [
        lambda: model.predict(X),
        lambda: model.predict_ahead(X, y, steps=2),
        lambda: model.trajectories(X, y, 2).forecast,
        lambda: (
            model.predict(X, start=(problem.X, problem.y)) if isinstance(X, np.ndarray) else model.predict(X)
        ),
        lambda: np.asarray(model.forecast(1, np.asarray(problem.X))),
    ]
    first = {k: calls[k]() for k in order}
    assert_same(contents(vars(model)), before)
    for k in range(len(calls)):
        assert np.array_equal(calls[k](), first[k], equal_nan=True)


@every
@few
@given(st.data())
def test_refit_forgets(kind, data):
    """fit after fit, update and partial_fit is the fit of a new model; so is a copy."""
    one = data.draw(problems(kind))
    other = data.draw(problems(kind, stamped=False))
    fresh, again = one.fit(), one.fit()
    again.update(one.X_new, one.y_new)
    again.set_params(**{name: None for name in ("target_bounds",) if name in again.get_params(deep=False)})
    again.fit(np.where(np.isnan(other.X), 0, other.X), other.y)
    again.set_params(**one.model.get_params(deep=False)).fit(one.X, one.y)
    assert_same(contents(vars(again)), contents(vars(fresh)))
    assert_same(contents(vars(pickle.loads(pickle.dumps(fresh)))), contents(vars(fresh)))


# ---------------------------------------------------------------------------------------- what must not matter


@every
@few
@given(st.data(), st.integers(-300, 300), st.integers(-300, 300))
def test_units_that_are_powers_of_two(kind, data, i, j):
    """X in a unit 2^i and y in a unit 2^j times as small: the same bits, but for the exponent."""
    problem = data.draw(problems(kind, transforms=[None, "difference", Difference(3)]))
    model = clone(problem.model)
    inner = model if "scale" in model.get_params(deep=False) else getattr(model, "estimator", model)
    if "scale" in inner.get_params(deep=False):
        inner.set_params(scale="standard" if inner.scale is None else inner.scale)
    where = model if "target_bounds" in model.get_params(deep=False) else inner
    where.set_params(target_bounds=None)
    x, v = 2.0**i, 2.0**j
    plain = clone(model).fit(problem.X, problem.y)
    other = clone(model).fit(problem.X * x, problem.y * v)
    assert np.array_equal(plain.theta_, other.theta_)
    for start in ("auto", "cold"):
        out = plain.predict(problem.X_new, start=start)
        assert np.array_equal(out * v, other.predict(problem.X_new * x, start=start))
    ahead = plain.predict_ahead(problem.X_new, problem.y_new, steps=2)
    assert np.array_equal(ahead * v, other.predict_ahead(problem.X_new * x, problem.y_new * v, steps=2))


@linear
@few
@given(st.data(), st.floats(0.01, 100), st.floats(-10, 10), st.floats(0.01, 100), st.floats(-10, 10))
def test_any_units(kind, data, a, b, c, d):
    """X a + b and y c + d: the same forecasts, c y + d.

    To 1e-9: the scaled numbers differ by rounding, 1e-16 of center / spread, up to 1e-13 here, and the normal equations
    multiply that by their condition. Nets that are trained step by step carry such differences on without bound.
    """
    problem = data.draw(problems(kind, transforms=[None, "difference", Difference(3)]))
    model = clone(problem.model)
    inner = model if "scale" in model.get_params(deep=False) else getattr(model, "estimator", model)
    if "scale" in inner.get_params(deep=False):
        inner.set_params(scale="standard" if inner.scale is None else inner.scale)
    where = model if "target_bounds" in model.get_params(deep=False) else inner
    where.set_params(target_bounds=None)
    plain = clone(model).fit(problem.X, problem.y)
    other = clone(model).fit(problem.X * a + b, problem.y * c + d)
    if plain.start == "zeros":
        return  # zeros in the user's units are not the same level in others
    out = plain.predict(problem.X_new)
    equal(out, (other.predict(problem.X_new * a + b) - d) / c, rtol=1e-9)


@linear
@few
@given(st.data())
def test_order_of_columns(kind, data):
    """Columns of X in another order: the same forecasts of a linear model, to the rounding of its solution.

    A net draws a start for each column, in order, so that another order is another start.
    """
    problem = data.draw(problems(kind))
    rng, F = problem.rng, problem.X.shape[1]
    order = rng.permutation(F)

    def shuffled(X):
        if hasattr(X, "columns"):
            return X[[X.columns[k] for k in order]]
        return pd.DataFrame(X).add_prefix("x")[[f"x{k}" for k in order]]

    def named(X):
        return X if hasattr(X, "columns") else pd.DataFrame(X).add_prefix("x")

    plain = clone(problem.model).fit(named(problem.X), problem.y)
    other = clone(problem.model).fit(shuffled(problem.X), problem.y)
    equal(plain.predict(named(problem.X_new)), other.predict(shuffled(problem.X_new)), rtol=1e-9)


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "wide": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "list": lambda a: a.tolist(),
    "object": lambda a: a.astype(object),
    "float32": lambda a: a.astype(np.float32),
    "long double": lambda a: a.astype(np.longdouble),
    "big endian": lambda a: a.astype(">f8"),
}


@every
@few
@given(st.data(), st.sampled_from(list(LAYOUTS)), st.sampled_from(list(LAYOUTS)))
def test_layout_and_type(kind, data, of_X, of_y):
    """The same numbers in other memory or of another type: the same bits."""
    problem = data.draw(problems(kind, stamped=False))
    X, y, X_new, y_new = (np.float64(np.float32(v)) for v in problem[1:5])
    plain = clone(problem.model).fit(X, y)
    other = clone(problem.model).fit(LAYOUTS[of_X](X), LAYOUTS[of_y](y))
    assert np.array_equal(plain.theta_, other.theta_)
    assert np.array_equal(plain.predict(X_new), other.predict(LAYOUTS[of_X](X_new)))
    dressed = LAYOUTS[of_X](X_new), LAYOUTS[of_y](y_new)
    assert np.array_equal(plain.predict_ahead(X_new, y_new), other.predict_ahead(*dressed))


# ---------------------------------------------------------------------------------------- several series


@every
@few
@given(st.data(), st.lists(st.integers(10, 20), min_size=1, max_size=3), st.integers(1, 4))
def test_a_panel_is_its_series(kind, data, cuts, steps):
    """With given weights each series is followed as if it were alone, in whatever order rows and series come."""
    problem = data.draw(problems(kind, stamped=False))
    rng, steps = problem.rng, min(steps, getattr(problem.model, "horizon", steps))
    X, y = problem.X, problem.y
    keys = np.repeat(np.arange(len(cuts) + 1), np.diff([0, *np.cumsum(cuts), 80]))[: len(X)]
    model = clone(problem.model).fit(X, y, groups=keys)
    X_new, y_new = problem.X_new, problem.y_new
    new = np.sort(rng.integers(0, keys.max() + 1, len(X_new)))
    free = model.predict(X_new, groups=new)
    ahead = model.predict_ahead(X_new, y_new, steps=steps, groups=new)
    mixed = rng.permutation(len(new))
    mixed = mixed[np.argsort(rng.random(len(new)), kind="stable")]
    order = np.concatenate([np.flatnonzero(new == k) for k in rng.permutation(keys.max() + 1)])
    equal(free[order], model.predict(X_new[order], groups=new[order]))
    updated = copy.deepcopy(model).update(X_new, y_new, groups=new)
    for key in np.unique(new):
        mine = new == key
        alone = copy.copy(model)
        alone.fitted_ = model.fitted_._replace(series={None: model.series_[key]})
        equal(free[mine], alone.predict(X_new[mine]))
        equal(ahead[mine], alone.predict_ahead(X_new[mine], y_new[mine], steps=steps))
        alone.update(X_new[mine], y_new[mine])
        equal(numbers(alone.state_), numbers(updated.series_[key].past.memory))
    for key in set(keys) - set(new):
        assert updated.series_[key] is not None
        equal(numbers(updated.series_[key].past.memory), numbers(model.series_[key].past.memory))
