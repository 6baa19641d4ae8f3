"""Free runs side by side: each is the model followed alone, with whatever is done to what it feeds back."""

import numpy as np
import pytest
from public import others

from tsrnn import (
    ARXRegressor,
    ElmanRegressor,
    ESNRegressor,
    ESNRegressorCV,
    GRURegressor,
    LSTMRegressor,
    NARXRegressor,
)
from tsrnn._models import analogue
from tsrnn._nets import delay, echo_state, recurrent_dynamics
from tsrnn._nets import dynamics as values


QUICK = {"max_iter": 3, "random_state": 0}
MODELS = {
    "narx": NARXRegressor((5,), output_lags=[2, 5], training="open_loop", **QUICK),
    "narx, skip": NARXRegressor((5,), skip_connections=True, training="open_loop", **QUICK),
    "elman": ElmanRegressor((4,), output_lags=2, **QUICK),
    "lstm": LSTMRegressor((4, 3), output_lags=[2, 5], skip_connections=True, **QUICK),
    "gru": GRURegressor((4,), input_lags=1, output_lags=[2, 5], **QUICK),
    "esn": ESNRegressor(40, connectivity=5, input_lags=1, output_lags=[2, 5], random_state=0),
    "esn, dense": ESNRegressor(20, connectivity=1.0, output_lags=2, readout_squares=True, random_state=0),
    "esn, two layers": ESNRegressor((20, 10), output_lags=1, random_state=0),
}
FED = {"output_lags": [2, 5], "max_iter": 3}
MODELS |= {
    name: model
    for name, model in others(MODELS.values(), **FED).items()
    if "output_lags" in model.get_params()
    and not isinstance(model, (ARXRegressor, ESNRegressorCV))  # as others
}
N, STEPS = 70, 7


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300 + N, 2))
    Y = np.zeros((len(X), 2))
    for t in range(1, len(X)):
        Y[t] = 0.5 * np.tanh(Y[t - 1] @ [[1, -1], [1, 1]] + X[t]) + 0.05 * rng.normal(size=2)
    return X, Y


@pytest.fixture(scope="module", params=MODELS)
def case(request, series):
    """A fitted model, rows that follow, in its units, and the memory before them."""
    X, Y = series
    model = MODELS[request.param].fit(X[:300], Y[:300])
    return model._dynamics(), model.x_scaler_(X[300:]), model.y_scaler_(Y[300:]), model.state_


def small_blocks(monkeypatch, rows, runs):
    monkeypatch.setattr(delay, "BLOCK_ROWS", runs * STEPS)
    monkeypatch.setattr(delay, "CACHE_NUMBERS", runs * STEPS)
    monkeypatch.setattr(recurrent_dynamics, "BLOCK", rows)
    monkeypatch.setattr(recurrent_dynamics, "ORIGINS", runs)
    monkeypatch.setattr(echo_state, "RUNS", runs)
    monkeypatch.setattr(echo_state, "BLOCK", 1)
    monkeypatch.setattr(echo_state, "LEAST", rows)
    monkeypatch.setattr(analogue, "RUNS", runs * STEPS)
    monkeypatch.setattr(values, "LONG", 1)


def free_runs(dynamics, X, Y, memory, first, steps, settle=None):
    """All runs, (steps, M, O)."""
    runs = list(dynamics.free_runs(X, Y, memory, np.array(first), steps, settle))
    assert np.array_equal(
        np.concatenate([np.arange(len(first))[which] for which, _ in runs]), np.arange(len(first))
    )
    return np.concatenate([out for _, out in runs], axis=1)


def one_by_one(case, first, steps, settle=lambda t, out: out):
    """The same, a row at a time, by ``run`` from what was measured."""
    dynamics, X, Y, memory = case
    runs = []
    for begin in first:
        now = dynamics.run(X[:begin], Y[:begin], memory)[1] if begin else memory
        run = []
        for t in range(steps):
            row = slice(begin + t, begin + t + 1)
            out, _ = dynamics.run(X[row], np.full_like(Y[row], np.nan), now)
            _, now = dynamics.run(X[row], settle(t, out), now)
            run.append(out[0])
        runs.append(run)
    return np.array(runs).swapaxes(0, 1)


FIRST = [0, 0, 1, 5, 5, 5, 17, 18, 19, 40, N - STEPS]


@pytest.fixture(scope="module")
def alone(case):
    """The runs from some rows, (STEPS, M, O), one by one."""
    return one_by_one(case, FIRST, STEPS)


@pytest.mark.parametrize(("rows", "runs"), [(2048, 256), (9, 2), (16, 1)])
def test_every_run_is_that_of_the_model_alone(case, alone, rows, runs, monkeypatch):
    small_blocks(monkeypatch, rows, runs)
    for settle in (None, lambda which, t, out: out):
        np.testing.assert_allclose(free_runs(*case, FIRST, STEPS, settle), alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", ["narx", "gru", "esn"], indirect=True)
def test_long_runs_stay_side_by_side(case):
    """Each step is a call: runs twice as long make twice as many, not four times."""
    dynamics, X, Y, memory = case
    runs, steps, calls = 100, 1000, []
    X, Y = (np.zeros((steps + 1, V.shape[1])) for V in (X, Y))

    def settle(which, t, out):
        calls.append(t)
        return out

    free_runs(dynamics, X, Y, memory, [0] * runs, steps, settle)
    assert len(calls) == steps


def test_what_is_settled_is_fed_back(case, monkeypatch):
    """Also where it depends on the step, and however the runs are cut into blocks."""
    expected = one_by_one(case, FIRST, STEPS, lambda t, out: np.minimum(out, 0.1) + 0.01 * t)

    def settle(which, t, out):
        return np.minimum(out, 0.1) + 0.01 * t

    for rows, runs in [(2048, 256), (9, 2)]:
        small_blocks(monkeypatch, rows, runs)
        np.testing.assert_allclose(free_runs(*case, FIRST, STEPS, settle), expected, rtol=1e-12, atol=1e-12)


def test_settle_is_called_once_a_step_in_order(case, monkeypatch):
    small_blocks(monkeypatch, 2048, 4)
    calls = []

    def settle(which, t, out):
        assert out.shape == (which.stop - which.start, 2)
        calls.append((which.start, which.stop, t))
        return out

    list(case[0].free_runs(*case[1:], np.array(FIRST), STEPS, settle))
    blocks = [(i, min(i + 4, len(FIRST))) for i in range(0, len(FIRST), 4)]
    assert calls == [(*block, t) for block in blocks for t in range(STEPS)]


def test_sample_paths_from_one_row(case):
    """Runs that begin at the same row, with noise of their own."""
    first, noise = [30] * 20, np.random.default_rng(1).normal(scale=0.3, size=(STEPS, 20, 2))
    paths = free_runs(*case, first, STEPS, lambda which, t, out: out + noise[t, which])
    assert np.array_equal(paths[0], np.tile(paths[0, 0], (20, 1)))
    assert (paths[STEPS - 1].std(axis=0) > 1e-3).all()
    alone = free_runs(*case, first[:1], STEPS, lambda which, t, out: out + noise[t, 13])
    np.testing.assert_allclose(paths[:, 13], alone[:, 0], rtol=1e-12, atol=1e-12)


def test_rows_from_the_start_on_are_not_looked_at(case):
    """Nor are the arguments changed."""
    dynamics, X, Y, memory = case
    for begin in (0, 3, 40):
        later = Y.copy()
        later[begin:] = np.nan
        before = later.copy()
        runs = [free_runs(dynamics, X, y, memory, [begin] * 3, STEPS) for y in (Y, later)]
        assert np.array_equal(*runs)
        assert np.isfinite(runs[0]).all()
        assert np.array_equal(later, before, equal_nan=True)


def test_runs_of_one_step_and_to_the_end(case):
    dynamics, X, Y, memory = case
    ahead = free_runs(*case, np.arange(N), 1)[0]
    np.testing.assert_allclose(ahead, dynamics.run(X, Y, memory)[0], rtol=1e-12, atol=1e-12)
    whole = free_runs(*case, [0], N)[:, 0]
    np.testing.assert_allclose(
        whole, dynamics.run(X, np.full_like(Y, np.nan), memory)[0], rtol=1e-12, atol=1e-12
    )


def test_no_run_at_all(case):
    assert list(case[0].free_runs(*case[1:], np.arange(0), STEPS)) == []


def test_without_inputs():
    y = np.sin(np.arange(120.0))
    for model in (
        NARXRegressor((4,), **QUICK),
        LSTMRegressor((3,), output_lags=2, **QUICK),
        ESNRegressor(30, output_lags=1),
    ):
        model.fit(None, y)
        nothing, free = np.empty((5, 0)), np.full((5, 1), np.nan)
        runs = free_runs(model._dynamics(), nothing, free, model.state_, [0, 0], 5)
        np.testing.assert_allclose(
            runs[:, 1], model._dynamics().run(nothing, free, model.state_)[0], rtol=1e-12, atol=1e-12
        )


def test_an_echo_state_network_feeds_nothing_beyond_its_bound(series):
    X, Y = series
    model = ESNRegressor(20, output_lags=1, random_state=0).fit(X, Y)
    net = model._dynamics()
    rows = np.zeros((3, 2)), np.zeros((3, 2)), model.state_, [0]
    huge = free_runs(net, *rows, 3, lambda which, t, out: out + 1e12)
    assert np.array_equal(huge, free_runs(net, *rows, 3, lambda which, t, out: np.full_like(out, net.bound)))
