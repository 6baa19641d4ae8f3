"""Meta-estimators of scikit-learn and recursive drivers of other libraries, around our estimators."""

import importlib
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsrnn import (
    ARXRegressor,
    AutoForecaster,
    ESNRegressor,
    Forecaster,
    LagRegressor,
    NARXRegressor,
    TDNNRegressor,
)
from tsrnn.datasets import make_narendra, make_narma
from tsrnn.model_selection import backtest


MODELS = [
    NARXRegressor((4,), random_state=0),
    ESNRegressor(50, random_state=0),
    TDNNRegressor((4,), input_lags=9, random_state=0),
]
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


@pytest.fixture(scope="module")
def narma():
    """X, y of training, X, y after it: a series that needs a memory of ten rows."""
    X, y = make_narma(900, random_state=0)
    return X[:700], y[:700], X[700:], y[700:]


@pytest.fixture(scope="module")
def waves():
    """A series (400,) of two sines and noise of 0.02."""
    t = np.arange(400)
    noise = 0.02 * np.random.default_rng(0).normal(size=400)
    index = pd.date_range("2020-01-01", periods=400, freq="h")
    return pd.Series(np.sin(t / 6) + 0.3 * np.sin(t / 2.5) + noise, index=index, name="y")


# ------------------------------------------------------------------------------------------ scikit-learn


@each_model
def test_multi_output_regressor_fits_one_model_an_output(model, narma):
    X, y, X_next, _ = narma
    both = MultiOutputRegressor(model).fit(X, np.column_stack([y, 1 - 2 * y])).predict(X_next)
    for column, target in zip(both.T, (y, 1 - 2 * y)):
        np.testing.assert_array_equal(column, clone(model).fit(X, target).predict(X_next))


def test_regressor_chain_hands_on_what_it_forecast():
    X, y = make_narendra(600, random_state=0)
    Y = np.column_stack([y, np.append(0, y[:-1])])  # the second is the first, a row later
    chain = RegressorChain(NARXRegressor(random_state=0)).fit(X[:500], Y[:500])
    assert chain.score(X[500:], Y[500:]) > 0.99


def test_bagging_keeps_rows_in_time_order(narma):
    X, y, X_next, y_next = narma
    model = ESNRegressor(50, random_state=0)
    bag = BaggingRegressor(model, n_estimators=5, random_state=0).fit(X, y)
    shuffled = clone(model).fit(*(v[np.random.default_rng(0).integers(700, size=700)] for v in (X, y)))
    # seeds differ: an ensemble
    assert bag.score(X_next, y_next) > clone(model).fit(X, y).score(X_next, y_next)
    assert shuffled.score(X_next, y_next) < 0.3  # what drawing rows would have given


@each_model
def test_transformed_target_runs_freely_in_the_transformed_target(model, narma):
    X, y, X_next, _ = narma
    outside = TransformedTargetRegressor(clone(model), func=np.log1p, inverse_func=np.expm1).fit(X, y)
    inside = clone(model).fit(X, np.log1p(y))
    np.testing.assert_array_equal(outside.predict(X_next), np.expm1(inside.predict(X_next)))


def test_stacking_in_blocks_of_time(narma):
    X, y, X_next, y_next = narma
    members = [("esn", ESNRegressor(50, random_state=0)), ("ridge", Ridge())]
    stack = StackingRegressor(members, final_estimator=Ridge(), cv=KFold(3)).fit(X, y)
    assert stack.score(X_next, y_next) > 0.75  # Ridge alone 0.3, it sees one row
    assert stack.named_estimators_["ridge"].score(X_next, y_next) < 0.5


arx = ARXRegressor(1, 1)


@pytest.mark.parametrize(
    "around",
    [
        TransformedTargetRegressor(arx),
        MultiOutputRegressor(arx),
        VotingRegressor([("arx", arx)]),
        BaggingRegressor(arx, 2),
        StackingRegressor([("arx", arx)], cv=KFold(2)),
        make_pipeline(StandardScaler(), TransformedTargetRegressor(arx)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_hides_a_memory_is_refused_and_not_put_on_lags(around, waves):
    """Its predict would take the table of lags for a series, one row after the other."""
    X, y = waves.to_frame("x")[:100], waves[1:101].set_axis(waves.index[:100])
    y = y.to_frame() if isinstance(around, MultiOutputRegressor) else y
    for model in (around, clone(around).fit(X, y)):
        with pytest.raises(TypeError, match="makes no forecasts of several steps: "):
            backtest(model, X, y, horizon=2)
        for outer in (Forecaster(model, 2), LagRegressor(model), AutoForecaster(2, candidates=[model])):
            with pytest.raises(
                TypeError, match=r"models of tsrnn|in a Pipeline that ends in it|has a memory"
            ):
                outer.fit(X, y)


# ------------------------------------------------------------------------------------------ skforecast


@pytest.mark.filterwarnings(
    "ignore:TDNNRegressor.predict was called with a single row"
)  # and has no memory to advance
def test_skforecast_drives_a_model_without_memory(waves):
    recursive = pytest.importorskip("skforecast.recursive")
    train, test = waves[:360], waves[360:]
    model = TDNNRegressor((8,), input_lags=0, random_state=0)
    forecaster = recursive.ForecasterRecursive(estimator=model, lags=24)
    forecaster.fit(y=train)
    forecast = forecaster.predict(steps=40)
    assert forecast.index.equals(test.index)
    assert np.sqrt(np.mean((forecast - test) ** 2)) < 0.03  # noise 0.02, standard deviation of y 0.7

    def lags_of(y):  # y(t - 1) ... y(t - 24)
        return np.lib.stride_tricks.sliding_window_view(y, 24)[:, ::-1]

    y = train.to_numpy()
    own = clone(model).fit(lags_of(y)[:-1], y[24:])
    for _ in range(40):
        y = np.append(y, own.predict(lags_of(y)[-1:]))
    np.testing.assert_allclose(forecast, y[360:], rtol=0, atol=1e-6)  # skforecast fits a frame, this an array


def test_skforecast_is_warned_of_a_memory_it_does_not_advance(waves):
    recursive = pytest.importorskip("skforecast.recursive")
    forecaster = recursive.ForecasterRecursive(
        estimator=TDNNRegressor((8,), input_lags=2, random_state=0), lags=24
    )
    forecaster.fit(y=waves[:360])
    with pytest.warns(UserWarning, match=r"single row twice in succession.*use forecast\(steps\)"):
        forecaster.predict(steps=3)


# ------------------------------------------------------------------------------------------ sktime


def test_a_missing_sktime_is_named_with_its_cure(monkeypatch):
    monkeypatch.delitem(sys.modules, "tsrnn.sktime", raising=False)
    monkeypatch.setitem(sys.modules, "sktime.forecasting.base", None)
    monkeypatch.setitem(sys.modules, "sktime", None)
    with pytest.raises(ImportError, match=r"pip install 'tsrnn\[sktime\]'"):
        importlib.import_module("tsrnn.sktime")
