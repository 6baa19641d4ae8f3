"""What does not fit in memory is refused before it is made, and the message says what to change."""

import numpy as np
import pytest

from tsrnn import (
    ARXRegressor,
    ElmanRegressor,
    EncoderDecoderRegressor,
    ESNRegressor,
    Forecaster,
    KalmanFilter,
    LevenbergMarquardt,
    NARXRegressor,
    TDNNRegressor,
    _memory_limit,
)
from tsrnn._models.arx import LinearLearner


X = np.random.default_rng(0).normal(size=(60, 3))
y = 2 * X[:, 0]


@pytest.fixture
def little(monkeypatch):
    """A machine of 20 kB."""
    monkeypatch.setattr(_memory_limit, "SMALL", 0)
    monkeypatch.setattr(_memory_limit, "memory", lambda: 2e4)


def test_memory_is_that_of_the_machine_or_less(tmp_path, monkeypatch):
    whole = _memory_limit.memory()
    assert whole > 1e8
    monkeypatch.setattr(_memory_limit, "GROUP_LIMIT", tmp_path / "max")
    for text, limit in (("max\n", None), ("100000000\n", 1e8)):
        _memory_limit.GROUP_LIMIT.write_text(text)
        assert _memory_limit.memory() == limit or (limit is None and _memory_limit.memory() >= whole)
    _memory_limit.check_memory("It", (1000,), "less")
    with pytest.raises(
        MemoryError, match=r"It: 1,000 x 1,000,000 numbers take 8 GB .*, and 0\.1 GB .* Give less"
    ):
        _memory_limit.check_memory("It", (1000, 10**6), "less")


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (EncoderDecoderRegressor(horizon=3, context=9), "horizon=3 and 9 rows of 3 inputs.*shorter context"),
        (Forecaster(TDNNRegressor(input_lags=9), 3), "horizon=3 and 9 rows of 3 inputs.*shorter input_lags"),
        (ARXRegressor(input_lags=14), "normal equations.*shorter input_lags"),
        (TDNNRegressor((90,), input_lags=8), "parameters.*smaller hidden_layer_sizes"),
        (NARXRegressor((9,), solver="lm"), "J'J .*solver='adam'"),
        (ElmanRegressor((7,), solver=LevenbergMarquardt()), "J'J .*solver='adam'"),
        (ElmanRegressor((4,), solver=KalmanFilter()), "P of a Kalman filter.*solver='adam'"),
        (ESNRegressor(50), "states.*fewer n_units"),
    ],
)
def test_a_fit_that_is_too_large_is_refused(model, match, little):
    with pytest.raises(MemoryError, match=match):
        model.fit(X, y)


def test_an_answer_that_is_too_large_is_refused(monkeypatch):
    model, reservoir = ARXRegressor().fit(X, y), ESNRegressor(9, random_state=0).fit(X, y)
    monkeypatch.setattr(_memory_limit, "SMALL", 0)
    monkeypatch.setattr(_memory_limit, "memory", lambda: 2e3)
    more = np.tile(X, (5, 1))
    for ask, match in (
        (lambda: model.forecast(300, more), "forecast.*fewer steps"),
        (lambda: model.forecast(3, X, level=80, method="bootstrap"), "forecast.*fewer n_paths"),
        (lambda: model.sample_paths(3, X, n_paths=100), "paths: 100 x 3 x 1.*fewer n_paths"),
        (lambda: model.trajectories(X, y, 8), "origins"),
        (lambda: reservoir.states(X), "states: 60 x 9"),
    ):
        with pytest.raises(MemoryError, match=match):
            ask()


def test_no_bare_memory_error(monkeypatch):
    """Wherever in a fit memory runs out, the error names the parameters with which it grows."""

    def learn(self, *args):
        raise MemoryError("Unable to allocate 9 GiB for an array")

    monkeypatch.setattr(LinearLearner, "learn", learn)
    with pytest.raises(MemoryError, match=r"fit ran out of memory .Unable .* input_lags=2, output_lags=3"):
        ARXRegressor(2, 3).fit(X, y)


@pytest.mark.parametrize(
    "model",
    [
        ARXRegressor(1, 2, missing="hold"),
        ElmanRegressor((2,), output_lags=1, max_iter=1),
        ESNRegressor(5, output_lags=1),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_goes_on_holds_no_rows_of_training(model):
    """A view of the last ones would keep all of them, as long as the model lives."""
    X = np.random.default_rng(0).normal(size=(2000, 3))
    y = X[:, 0] + np.roll(X[:, 1], 1)
    fitted = model.fit(X[:1000], y[:1000]).series_[None].past
    updated = model.update(X[1000:], y[1000:]).series_[None].past
    for past in (fitted, updated):
        for a in (past.inputs, past.memory.X, past.memory.Y):
            assert a.base is None or a.base.size <= 100
