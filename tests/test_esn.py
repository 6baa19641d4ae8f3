"""Echo state networks: against a slow twin written from the equations, and what is special about their readout."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from changed import give
from public import paired
from scipy import sparse
from scipy.linalg import LinAlgWarning
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit

import tsrnn
from tsrnn._models.esn import ESNRegressor, RecursiveLeastSquares
from tsrnn._models.esn_cv import ESNRegressorCV
from tsrnn._nets import echo_state
from tsrnn._nets.reservoir import spectral_radius
from tsrnn._nets.ridge import likely_alpha
from tsrnn._series.units import Series
from tsrnn.datasets import make_lorenz, make_mackey_glass, make_narma


X, y = make_narma(900, random_state=0)
X = np.c_[X, np.sin(np.arange(900))]
Y2 = np.c_[y, np.roll(X[:, 1], 2) * 3 + 1]
TRAIN, TEST = slice(0, 600), slice(600, 900)
PLAIN = {"scale": None, "washout": 50, "random_state": 0, "alpha": 1e-3}  # user's units are the model's
VARIANTS = {
    "defaults": {},
    "one unit": {"n_reservoir": 1},
    "leaky, lags of both": {
        "leak_rate": 0.4,
        "input_lags": (0, 3),
        "output_lags": (1, 4),
        "feedback_scaling": 0.3,
    },
    "autoregressive": {"input_lags": (), "output_lags": 2, "input_scaling": 0.3},
    "dense": {"connectivity": 1.0, "activation": "logistic"},
    "odd number of links": {
        "connectivity": 3,
        "input_connectivity": 0.5,
        "activation": "relu",
        "spectral_radius": 0.5,
    },
    "deep": {"n_reservoir": (20, 11, 7), "spectral_radius": (0.9, 0.5, 0.3), "leak_rate": (1, 0.5, 0.2)},
    "deep, dense": {"n_reservoir": (9, 12), "connectivity": 0.9, "output_lags": 1},
    "groups": {"n_reservoir": (20, 15), "groups": 3, "readout_squares": True},
    "cycle": {"topology": "cycle", "weight_distribution": "sign"},
    "delay line, linear": {"topology": "delay_line", "activation": "identity"},
    "bare readout": {"readout_bias": False, "readout_input": False, "weight_distribution": "normal"},
}
every_variant = pytest.mark.parametrize("name", VARIANTS)


def make(name, **kw):
    return ESNRegressor(**{"n_reservoir": 30, **PLAIN, **VARIANTS[name], **kw})


# ---------------------------------------------------------------------------------------- twin


F = {
    "tanh": np.tanh,
    "identity": lambda z: z,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0),
}


def twin(model, X, Y, x=None):
    """Features (N, P), outputs (N, O) and states (N, R), unit by unit; before the first row lags see the means.

    Where Y is NaN the model's own output takes its place.
    """
    p, sizes, learner = model.params_, model._sizes(), model._learner()
    layer = np.repeat(np.arange(len(sizes)), sizes)
    leak = np.repeat(learner.drawing.leaks, sizes)
    W, U = p.W.toarray(), p.U.toarray()
    R, Y = len(layer), Y.copy()
    x = np.zeros(R) if x is None else x
    mean_x, mean_y = model.fitted_.units.mean
    features, out, states = [], [], []
    for t in range(len(Y)):
        v = [X[t - lag] if t >= lag else mean_x for lag in reversed(learner.input_lags)]
        v += [Y[t - lag] if t >= lag else mean_y for lag in reversed(learner.output_lags)]
        v = np.concatenate(v)
        new = np.zeros(R)
        for l in range(len(sizes)):
            for i in np.flatnonzero(layer == l):
                z = p.W_in[i] @ v + W[i] @ x + U[i] @ new + p.b[i]
                new[i] = (1 - leak[i]) * x[i] + leak[i] * F[model.activation](z)
        x = new
        z = [np.ones(1)] if model.readout_bias else []
        z += [v] if model.readout_input else []
        z += [x, x**2] if model.readout_squares is True else [x]
        features.append(np.concatenate(z))
        out.append(p.W_out @ features[-1])
        Y[t] = np.where(np.isnan(Y[t]), out[-1], Y[t])
        states.append(x)
    return np.array(features), np.array(out), np.array(states)


def plain_ridge(Z, Y, alpha, bias=True, w=None):
    w = np.ones(len(Z)) if w is None else w
    D = alpha * np.eye(Z.shape[1])
    D[0, 0] *= not bias
    return np.linalg.solve(Z.T @ (Z * w[:, None]) + D, Z.T @ (Y * w[:, None]))


@every_variant
def test_states_readout_and_free_run(name):
    model = make(name).fit(X[TRAIN], Y2[TRAIN])
    Z, _, states = twin(model, X[TRAIN], Y2[TRAIN])
    first = max(50, model.lead_)
    W = plain_ridge(Z[first:], Y2[TRAIN][first:], 1e-3, model.readout_bias)
    np.testing.assert_allclose(model.params_.W_out.T, W, rtol=1e-6, atol=1e-6 * abs(W).max())
    np.testing.assert_allclose(np.concatenate(model.state_[2]), states[-1], rtol=1e-10, atol=1e-12)
    known = np.r_[Y2[TRAIN], np.full((300, 2), np.nan)]
    cold = states.mean(axis=0)[: model._sizes()[0]]
    _, out, states = twin(model, X[:610], known[:610])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some run away, and double in a step
        free = model.predict(X[TEST])[:10]
    np.testing.assert_allclose(free, out[TEST][:10], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(model.states(X[TEST])[:10], states[TEST][:10], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(model._dynamics().cold_states[0], cold)


@every_variant
def test_training_error(name):
    """From sums over time, and from the rows."""
    model = make(name).fit(X[TRAIN], y[TRAIN])
    out = twin(model, X[TRAIN], y[TRAIN][:, None])[1]
    first = max(50, model.lead_)
    assert model.loss_curve_[0] == pytest.approx(
        np.mean((out[first:, 0] - y[TRAIN][first:]) ** 2) / 2, rel=1e-6
    )


def test_scaling_is_inside():
    model = make("leaky, lags of both", scale="standard", alpha=1.0).fit(X[TRAIN], Y2[TRAIN])
    other = clone(model).fit(X[TRAIN] * 1e3 + 5, Y2[TRAIN] / 1e3 - 7)
    a, b = model.predict(X[TEST][:50]), other.predict(X[TEST][:50] * 1e3 + 5)
    np.testing.assert_allclose((b + 7) * 1e3, a, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------------------------------- reservoirs


def radius(W):
    return np.abs(np.linalg.eigvals(W.toarray())).max()


@pytest.mark.parametrize("n", [1, 2, 30, 99, 150, 400])
@pytest.mark.parametrize(
    "kw", [{}, {"weight_distribution": "normal"}, {"connectivity": 0.3}, {"connectivity": 1}]
)
def test_links_and_spectral_radius(n, kw):
    W = ESNRegressor(n, spectral_radius=0.8, random_state=3, **kw).fit(X[TRAIN], y[TRAIN]).params_.W
    k = kw.get("connectivity", 10)
    k = min(k, n) if isinstance(k, int) else max(1, round(k * n))
    assert (np.diff(W.indptr) == k).all()
    assert len(np.unique(W.indices.reshape(n, k) + n * np.arange(n)[:, None])) == n * k
    assert radius(W) == pytest.approx(0.8, rel=1e-6)


def test_radius_where_arnoldi_does_not_converge(monkeypatch):
    from scipy.sparse.linalg import ArpackNoConvergence

    from tsrnn._nets import reservoir as _reservoir

    def fail(*args, **kw):
        raise ArpackNoConvergence("no", np.empty(0), np.empty(0))

    W = sparse.random_array((150, 150), density=0.1, rng=0, format="csr")
    expected = spectral_radius(W, np.random.RandomState(0))
    monkeypatch.setattr(_reservoir, "eigs", fail)
    assert spectral_radius(W, np.random.RandomState(0)) == pytest.approx(expected, rel=1e-6)


def test_topologies():
    cycle = (
        ESNRegressor(7, topology="cycle", spectral_radius=0.7, random_state=0).fit(X, y).params_.W.toarray()
    )
    assert np.array_equal(cycle, 0.7 * np.roll(np.eye(7), 1, axis=0))
    line = (
        ESNRegressor(7, topology="delay_line", spectral_radius=0.7, random_state=0)
        .fit(X, y)
        .params_.W.toarray()
    )
    assert np.array_equal(line, 0.7 * np.eye(7, k=-1))


def test_groups_and_layers_are_blocks():
    p = ESNRegressor((8, 6), groups=2, connectivity=1.0, random_state=0).fit(X, y).params_
    W, U = p.W.toarray() != 0, p.U.toarray() != 0
    block = np.zeros((14, 14), bool)
    for part in (slice(0, 4), slice(4, 8), slice(8, 11), slice(11, 14)):
        block[part, part] = True
    assert np.array_equal(W, block)
    above = np.zeros((14, 14), bool)
    above[8:11, 0:4] = above[11:14, 4:8] = True
    assert np.array_equal(U, above)
    assert (p.W_in[8:] == 0).all()


def test_own_matrices():
    rng = np.random.default_rng(0)
    W, W_in = sparse.random_array((40, 40), density=0.1, rng=rng) * 0.5, rng.normal(size=(40, 2))
    for given in (W, W.toarray(), W.toarray().tolist()):
        model = ESNRegressor(W=given, W_in=W_in, bias_scaling=0, random_state=0).fit(X, y)
        assert np.array_equal(model.params_.W.toarray(), W.toarray())
        assert np.array_equal(model.params_.W_in, W_in)
        assert (model.params_.b == 0).all()
    assert clone(model).fit(X, y).score(X, y) == model.score(X, y)


def test_input_scaling_by_column():
    kw = {"output_lags": 1, "input_connectivity": 1.0, "random_state": 0}
    p = ESNRegressor(200, input_scaling=[0.2, 3.0], feedback_scaling=0.01, **kw).fit(X, y).params_
    assert 0.19 < abs(p.W_in[:, 0]).max() <= 0.2
    assert 2.9 < abs(p.W_in[:, 1]).max() <= 3.0
    assert 0.009 < abs(p.W_in[:, 2]).max() <= 0.01
    p = ESNRegressor(200, input_scaling=[0.2, 0.4], **kw).fit(X, y).params_
    assert 0.29 < abs(p.W_in[:, 2]).max() <= 0.3


def test_input_scaling_is_found():
    # A saturating actuator: a reservoir that is hardly driven sees a linear system.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(700, 1)), np.zeros(700)
    for t in range(1, 700):
        y[t] = 0.7 * y[t - 1] + np.clip(X[t, 0], -0.3, 0.3)
    found = ESNRegressor(50, random_state=0).fit(X[:500], y[:500])
    assert found.input_scaling_ >= 1
    given = ESNRegressor(50, input_scaling=found.input_scaling_, random_state=0).fit(X[:500], y[:500])
    np.testing.assert_array_equal(found.theta_, given.theta_)
    assert found.score(X[500:], y[500:]) > ESNRegressor(50, input_scaling=0.1, random_state=0).fit(
        X[:500], y[:500]
    ).score(X[500:], y[500:])
    # of a panel, by its series; outputs that are known in different rows; weights of 0
    Y = np.column_stack([y, y])[:500]
    Y[::3, 1], w = np.nan, np.r_[np.zeros(100), np.ones(400)]
    parts = ESNRegressor(50, random_state=0).fit(X[:500], Y, groups=np.repeat(range(10), 50), sample_weight=w)
    assert parts.input_scaling_ >= 1
    # few units tell, but no fewer than there are groups; W_in that is given has no size
    grouped = ESNRegressor(320, groups=310, connectivity=1, random_state=0).fit(X[:200], y[:200])
    assert grouped.input_scaling_ >= 0.3
    assert ESNRegressor(5, W_in=np.ones((5, 1)), random_state=0).fit(X[:200], y[:200]).input_scaling_ is None
    # where y is fed back, by free runs; a model of y alone has nothing to choose
    assert ESNRegressor(50, output_lags=1, random_state=0).fit(X[:500], y[:500]).input_scaling_ >= 1
    assert ESNRegressor(50, output_lags=1, random_state=0).fit(None, y[:500]).input_scaling_ == 0.5


def test_inputs_reach_a_share_of_the_units():
    for n, share, reached in ((200, 0.1, 20), (200, 1.0, 200), (30, 0.1, 10), (5, 0.1, 5)):
        p = ESNRegressor(n, input_connectivity=share, random_state=0).fit(X, y).params_
        assert ((p.W_in != 0).sum(axis=0) == reached).all()


# ---------------------------------------------------------------------------------------- readout


@every_variant
@pytest.mark.parametrize("cuts", [(300,), (200, 201, 450)])
def test_partial_fit_equals_fit(name, cuts):
    whole = make(name).fit(X, Y2)
    parts = make(name, input_scaling=whole.input_scaling_)
    for rows in np.split(np.arange(900), cuts):
        parts.partial_fit(X[rows], Y2[rows])
    tolerance = 1e-8 * abs(whole.theta_).max()
    # lags of the first rows see the mean of the rows that fit got
    if whole.lead_ == 0:
        np.testing.assert_allclose(parts.theta_, whole.theta_, rtol=1e-8, atol=tolerance)
    np.testing.assert_allclose(
        np.concatenate(parts.state_[2]), np.concatenate(whole.state_[2]), rtol=1e-6, atol=1e-8
    )


def test_sample_weight():
    w = np.random.default_rng(0).integers(0, 3, 600).astype(float)
    model = make("leaky, lags of both").fit(X[TRAIN], Y2[TRAIN], sample_weight=w)
    Z = twin(model, X[TRAIN], Y2[TRAIN])[0][50:]
    np.testing.assert_allclose(
        model.params_.W_out.T, plain_ridge(Z, Y2[TRAIN][50:], 1e-3, w=w[50:]), rtol=1e-6
    )


def test_unknown_y_is_no_target():
    """Where all outputs of a row are unknown, and where only some are."""
    rng = np.random.default_rng(0)
    for kw in ({}, {"output_lags": 2}):
        holes = np.tile(rng.random((600, 1)) < 0.2, 2)
        for extra in (np.zeros((600, 2), bool), rng.random((600, 2)) < 0.1):
            Y = np.where(holes | extra, np.nan, Y2[TRAIN])
            model = make("defaults", alpha=0.1, **kw).fit(X[TRAIN], Y)
            start = clone(model).set_params(alpha=0.1)
            start.fit(X[TRAIN], Y)
            if kw:  # the lags saw the values of a first readout
                continue
            Z = twin(model, X[TRAIN], Y)[0]
            for o in range(2):
                rows = np.flatnonzero(np.isfinite(Y[:, o]) & (np.arange(600) >= 50))
                expected = plain_ridge(Z[rows], Y[rows][:, [o]], 0.1)[:, 0]
                np.testing.assert_allclose(model.params_.W_out[o], expected, rtol=1e-6, atol=1e-9)
            more = clone(model).fit(X[TRAIN][:400], Y[:400]).partial_fit(X[TRAIN][400:], Y[400:])
            np.testing.assert_allclose(more.theta_, model.theta_, rtol=1e-8, atol=1e-9)


def test_a_few_unknown_y_hardly_matter():
    series = make_mackey_glass(1500, random_state=0)
    holes = series.copy()
    holes[np.random.default_rng(0).integers(200, 1400, 60)] = np.nan
    model = ESNRegressor(output_lags=1, alpha=1e-6, random_state=0)
    error = [clone(model).fit(None, s[:1400]).forecast(50) - series[1400:1450] for s in (series, holes)]
    assert max(np.std(e) for e in error) < 0.1 * np.std(series)


def test_weighted_and_recursive_least_squares():
    forgetting = 0.99
    model = make("defaults", solver=RecursiveLeastSquares(forgetting)).fit(X[TRAIN], Y2[TRAIN])
    Z = twin(model, X, Y2)[0]
    age = np.arange(599, -1, -1)
    expected = plain_ridge(Z[50:600], Y2[50:600], 1e-3, w=forgetting ** age[50:])
    np.testing.assert_allclose(model.params_.W_out.T, expected, rtol=1e-5, atol=1e-8)
    model.partial_fit(X[TEST], Y2[TEST], sample_weight=np.r_[np.ones(200), np.full(100, 2.0)])
    w = forgetting ** np.arange(899, -1, -1.0)
    w[800:] *= 2
    A = Z[50:].T @ (Z[50:] * w[50:, None]) + forgetting**300 * 1e-3 * np.diag(
        np.r_[0, np.ones(Z.shape[1] - 1)]
    )
    expected = np.linalg.solve(A, Z[50:].T @ (Y2[50:] * w[50:, None]))
    np.testing.assert_allclose(model.params_.W_out.T, expected, rtol=1e-4, atol=1e-6)


def test_recursive_without_forgetting_is_ridge():
    ridge = make("deep").fit(X[TRAIN], y[TRAIN]).partial_fit(X[TEST], y[TEST])
    tracked = make("deep", solver=RecursiveLeastSquares()).fit(X[TRAIN], y[TRAIN])
    for t in range(600, 900, 37):
        tracked.partial_fit(X[t : min(t + 37, 900)], y[t : min(t + 37, 900)])
    np.testing.assert_allclose(tracked.theta_, ridge.theta_, rtol=1e-5, atol=1e-8)


def test_recursive_least_squares_follow_a_change():
    changed = np.r_[y[:600], 1 - 2 * y[600:]]
    errors = []
    for solver in ("ridge", RecursiveLeastSquares(0.99)):
        model = ESNRegressor(50, solver=solver, alpha=1e-3, random_state=0).fit(X[:600], changed[:600])
        model.partial_fit(X[600:800], changed[600:800])
        errors.append(np.std(model.predict(X[800:]) - changed[800:]))
    assert errors[1] < 0.7 * errors[0]


def test_a_start_from_zeros_is_nothing_new():
    """Else the readout of a series without noise, hardly penalised, answers a thousand times the range of y."""
    u, v = make_narma(1200, random_state=0)
    model = ESNRegressor(random_state=0).fit(u[:1000], v[:1000])
    assert np.abs(model.predict(u[1000:], start="zeros") - v.mean()).max() < 50 * np.ptp(v)
    assert model.score(u[1000:], v[1000:]) > 0.9


def test_what_is_fed_back_from_zeros_is_held():
    """Such states were never learnt from; row by row it is the same, and what follows is as from any start."""
    X, y = make_narma(900, random_state=0)
    model = ESNRegressor(output_lags=1, input_scaling=0.1, random_state=0).fit(X[:600], y[:600])
    room, near = np.ptp(y[:600]) / 4 + 1e-9, model.predict(X[600:], start="cold")
    for out in (
        made := model.predict(X[600:], start="zeros"),
        model.predict_ahead(X[600:], y[600:], start="zeros"),
        model.trajectories(X[600:], y[600:], 40, start="zeros").forecast,
    ):
        assert y[:600].min() - room <= out.min()
        assert out.max() <= y[:600].max() + room
    assert np.abs(made[:60] - near[:60]).max() > room  # or nothing was held
    np.testing.assert_allclose(made[120:], near[120:], atol=1e-3)
    live = tsrnn.Stream(model, "zeros")
    np.testing.assert_allclose([live.step(x) for x in X[600:680]], made[:80], rtol=1e-8)
    dynamics = model.fitted_.trained.dynamics
    memory, nothing, pieces = dynamics.zero(np.zeros(1), np.full(1, -3.0)), np.full((150, 1), np.nan), []
    x = np.zeros((150, 1))
    whole, _ = dynamics.run(x, nothing, memory)
    for rows in (slice(0, 30), slice(30, 55), slice(55, 61), slice(61, 150)):
        out, memory = dynamics.run(x[rows], nothing[rows], memory)
        pieces.append(out)
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-9)
    unheld = dynamics.but(early=0)
    memory = unheld.zero(np.zeros(1), np.full(1, -3.0))
    out, _ = unheld.run(np.zeros((90, 1)), np.full((90, 1), np.nan), memory)
    assert np.abs(out).max() > 20


def test_first_rows_of_many_sequences_are_learnt():
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((30, 2)) for _ in range(40)]
    y = [np.cumsum(x[:, 0]) for x in X]
    model = ESNRegressor(50, random_state=0).fit(X[:20], y[:20])
    first = [np.abs(out[:3] - v[:3]) for out, v in zip(model.predict(X[20:]), y[20:])]
    assert np.mean(first) < 2.0
    unknown = ESNRegressor(50, washout=3, random_state=0).fit(X[:20], y[:20])
    assert np.abs(np.concatenate(unknown.predict(X[20:]))).max() < 1.5 * np.ptp(np.concatenate(y))


def test_an_output_that_never_changes_does_not_hold_the_others():
    y = np.sin(np.arange(300) / 7)
    model = ESNRegressor(20, output_lags=1, random_state=0, target_transform=None)
    model.fit(None, np.column_stack([y, np.full(300, 3.0)]))
    low, high = model._dynamics().near
    assert np.isfinite([low[0], high[0]]).all()
    assert np.isinf([low[1], high[1]]).all()
    np.testing.assert_allclose(model.predict(pd.DataFrame(index=range(300, 400)), start="zeros")[:, 1], 3.0)


def test_washout():
    noise = np.random.default_rng(0).normal(size=600)
    kw = {"n_reservoir": 20, "washout": 100, "alpha": 1e-3, "scale": None, "random_state": 0}
    other = np.r_[noise[:100], y[TRAIN][100:]]
    one, two = (ESNRegressor(**kw).fit(X[TRAIN], target) for target in (y[TRAIN], other))
    assert np.array_equal(one.theta_, two.theta_)
    two.set_params(washout=99).fit(X[TRAIN], other)
    assert not np.allclose(one.theta_, two.theta_)


def test_gaps_cut_the_series():
    index = pd.date_range("2024", periods=600, freq="h").delete(slice(300, 340))
    frame = pd.DataFrame(X[:560], index)
    model = ESNRegressor(30, washout=50, scale=None, alpha=1e-3, random_state=0).fit(frame, y[:560])
    Z = [twin(model, X[p], y[p][:, None])[0][50:] for p in (slice(0, 300), slice(300, 560))]
    target = np.r_[y[50:300], y[350:560]]
    np.testing.assert_allclose(
        model.theta_, plain_ridge(np.concatenate(Z), target[:, None], 1e-3)[:, 0], rtol=1e-6
    )


def test_noise_steadies_and_is_reproducible():
    kw = {"output_lags": 1, "noise": 1e-3, "random_state": 0, "alpha": 1e-8}
    series = make_mackey_glass(1200, random_state=0)
    one, two = (ESNRegressor(100, **kw).fit(None, series) for _ in range(2))
    assert np.array_equal(one.theta_, two.theta_)
    quiet = ESNRegressor(100, **{**kw, "noise": 0.0}).fit(None, series)
    assert np.linalg.norm(one.theta_) < np.linalg.norm(quiet.theta_)


def test_alpha_too_small_for_double_precision():
    model = ESNRegressor(200, output_lags=1, spectral_radius=0.1, alpha=0, random_state=0)
    with pytest.warns(LinAlgWarning, match="alpha"):
        model.fit(None, np.sin(np.arange(400) / 20))
    assert np.isfinite(model.theta_).all()


def test_alpha_by_evidence():
    """Near the best for later rows, with much noise and with none; the same from sums in parts."""
    for noise in (0.0, 0.3):
        target = y + noise * np.random.default_rng(0).normal(size=900) * y.std()
        model = ESNRegressor(100, random_state=0).fit(X[TRAIN], target[TRAIN])
        errors = []
        for alpha in 10.0 ** np.arange(-9, 3):
            other = clone(model).set_params(alpha=alpha).fit(X[TRAIN], target[TRAIN])
            errors.append(np.std(other.predict(X[TEST]) - target[TEST]))
        assert np.std(model.predict(X[TEST]) - target[TEST]) < 1.2 * min(errors)


def test_free_runs_have_a_say_in_the_penalty():
    """Evidence alone is for one step: from some of the rows to come it runs away; a partial_fit is as cautious."""
    t = np.arange(1200)
    slow = np.convolve(np.random.default_rng(0).normal(size=1259), np.hanning(60) / 5, "valid")
    series = np.abs(np.sin(2 * np.pi * t / 48)) + 0.1 * slow
    true = np.lib.stride_tricks.sliding_window_view(series[800:], 100)

    def error(model):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of runs that run away
            return np.sqrt(np.mean((model.trajectories(None, series[800:], 100).forecast - true) ** 2))

    by_evidence = []
    for seed in range(4):
        model = ESNRegressor(60, output_lags=1, random_state=seed, target_transform=None).fit(
            None, series[:800]
        )
        caution = model.fitted_.trained.carry.caution
        evidence = clone(model).set_params(alpha=model.alpha_ / caution).fit(None, series[:800])
        assert evidence.fitted_.trained.carry.caution == 1
        by_evidence.append(error(evidence))
        assert error(model) < 2 * series.std()
        readout = model.partial_fit(None, series[800:]).fitted_.trained.carry
        assert readout.caution == caution
        assert model.alpha_ == pytest.approx(caution * likely_alpha(list(readout.sums.normal()), True))
    assert max(by_evidence) > 100 * series.std()


def test_the_reservoir_is_weighed_against_the_linear_model_of_the_lags():
    """A walk that comes to rest and goes on is its own last value; chaos is the reservoir's."""
    walk = np.cumsum(np.random.default_rng(0).normal(size=300))
    walk[120:220] = walk[120]
    model = ESNRegressor(60, output_lags=2, random_state=0, target_transform=None).fit(None, walk[:220])
    assert model.fitted_.trained.carry.share == 0.0
    assert np.abs(model.theta_[1:3]).max() > 0.5  # after that of 1
    assert not model.theta_[3:].any()
    assert not model.partial_fit(None, walk[220:]).theta_[3:].any()
    chaos = make_mackey_glass(600, random_state=0)
    model = ESNRegressor(300, output_lags=2, random_state=0).fit(None, chaos)
    assert model.fitted_.trained.carry.share == 1.0


def test_free_error_sees_every_run():
    """It is the mean over runs, whether they share one walk along the series or each has its own."""
    series = make_mackey_glass(800, random_state=0)
    model = ESNRegressor(30, output_lags=1, alpha=1e-2, random_state=0).fit(None, series)
    Z = model.fitted_.units.y(series[:, None])
    rows = Series(np.empty((800, 0)), Z, np.ones(800), np.zeros(800, bool))
    error, astray = echo_state.free_error(model._dynamics(), [rows], [Z])
    assert not astray
    means = []
    for runs, longest, share in echo_state.JUDGED:
        steps = int(min(longest, share * 800))
        first = np.unique(np.linspace(100, 800 - steps, runs).astype(int))
        made = model.trajectories(None, series, steps, origins=first, start="auto").forecast
        true = series[first[:, None] + np.arange(steps)]
        means.append(np.mean(((made - true) / model.y_scaler_.scale) ** 2))
    assert error == pytest.approx(np.mean(means), rel=0.2)


def test_a_constant_y():
    model = ESNRegressor(20, output_lags=1, random_state=0).fit(X, np.full(900, 3.0))
    np.testing.assert_allclose(model.predict(X), 3.0, rtol=1e-6)


# ---------------------------------------------------------------------------------------- cross-validation


@paired(
    cv=[5, 3, TimeSeriesSplit(4), TimeSeriesSplit(3, gap=20), KFold(4, shuffle=True, random_state=0)],
    name=["defaults", "leaky, lags of both", "bare readout", "groups"],
    outputs=[1, 2],
)
def test_cv_equals_plain_loops(cv, name, outputs):
    target = y if outputs == 1 else Y2
    alphas = 10.0 ** np.arange(-5, 3)
    kw = {key: value for key, value in {**PLAIN, **VARIANTS[name]}.items() if key != "alpha"}
    model = ESNRegressorCV(**{"n_reservoir": 30, **kw, "alphas": alphas, "cv": cv}).fit(X, target)
    Y = target.reshape(900, -1)
    Z, bias = twin(model, X, Y)[0], model.readout_bias
    counts = np.arange(900) >= max(50, model.lead_)
    splits = (KFold(cv) if isinstance(cv, int) else cv).split(X)
    for f, (train, test) in enumerate(splits):
        train, test = train[counts[train]], test[counts[test]]
        for k, alpha in enumerate(alphas):
            W = plain_ridge(Z[train], Y[train], alpha, bias)
            error = np.mean((Z[test] @ W - Y[test]) ** 2)
            assert model.cv_results_[f"split{f}_test_score"][k] == pytest.approx(-error, rel=1e-6)
    mean = model.cv_results_["mean_test_score"]
    assert model.best_score_ == mean.max()
    assert model.best_alpha_ == model.alpha_ == alphas[mean.argmax()]
    assert model.cv_results_["rank_test_score"][mean.argmax()] == 1
    found = {"alpha": model.alpha_, "input_scaling": model.input_scaling_}
    plain = ESNRegressor(**{"n_reservoir": 30, **kw, **found}).fit(X, target)
    np.testing.assert_allclose(model.theta_, plain.theta_, rtol=1e-5, atol=1e-6 * abs(plain.theta_).max())


def test_cv_with_unknown_y_and_gaps():
    Y = np.where(np.random.default_rng(0).random(Y2.shape) < 0.1, np.nan, Y2)
    kw = {"n_reservoir": 30, "scale": None, "washout": 50, "random_state": 0}
    model = ESNRegressorCV(alphas=(1e-3, 1.0), cv=3, **kw).fit(X, Y)
    Z = twin(model, X, Y)[0]
    for f, (train, test) in enumerate(KFold(3).split(X)):
        error = 0
        for o in range(2):
            a, b = (rows[(rows >= 50) & np.isfinite(Y[rows, o])] for rows in (train, test))
            error += np.mean((Z[b] @ plain_ridge(Z[a], Y[a][:, [o]], 1.0)[:, 0] - Y[b, o]) ** 2) / 2
        assert model.cv_results_[f"split{f}_test_score"][1] == pytest.approx(-error, rel=1e-6)


def test_an_output_judges_penalties_in_the_splits_where_it_is_known():
    """Of two, one is measured in the last rows alone: the first of two splits cannot test it, the second not learn."""
    late = np.where(np.arange(len(Y2))[:, None] < [0, len(Y2) // 2], np.nan, Y2)
    kw = {"n_reservoir": 30, "alphas": (1e-3, 1.0), "cv": 2, "input_scaling": 0.5, "random_state": 0}
    model, alone = (ESNRegressorCV(**kw).fit(X, v) for v in (late, late[:, :1]))
    ratio = model.cv_results_["mean_test_score"] / alone.cv_results_["mean_test_score"]
    assert ratio == pytest.approx(1.0, rel=1e-9)
    with pytest.raises(ValueError, match="split 0 has no row that counts"):
        ESNRegressorCV(**kw).fit(X, late[:, 1:])


def test_cv_then_partial_fit():
    model = ESNRegressorCV(30, alphas=(0.01, 0.1), scale=None, washout=50, random_state=0).fit(
        X[TRAIN], y[TRAIN]
    )
    found = {"alpha": model.alpha_, "input_scaling": model.input_scaling_}
    plain = ESNRegressor(30, **found, scale=None, washout=50, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.partial_fit(X[TEST], y[TEST]).theta_, plain.theta_, rtol=1e-6, atol=1e-8)


def test_grid_search_over_the_rest():
    search = GridSearchCV(
        ESNRegressorCV(20, random_state=0), {"leak_rate": [0.3, 1.0]}, cv=TimeSeriesSplit(2)
    )
    assert search.fit(X, y).best_params_["leak_rate"] in (0.3, 1.0)


# ---------------------------------------------------------------------------------------- closed loop


def test_it_generates_chaos():
    series = make_lorenz(3000, dt=0.02, random_state=0)
    model = ESNRegressor(output_lags=1, input_scaling=0.2, random_state=0).fit(None, series[:2500])
    error = model.forecast(100) - series[2500:2600]
    assert np.sqrt(np.mean(error**2)) < 0.1 * series.std()
    assert np.abs(model.forecast(5000)).max() < 2 * np.abs(series).max()


def test_a_closed_loop_that_runs_away_is_said_and_finite():
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=300))
    model = ESNRegressor(20, output_lags=1, random_state=0, target_transform=None).fit(None, walk)
    give(model, theta=3 * model.theta_)
    with pytest.warns(UserWarning, match="runs away"):
        out = model.forecast(3000)
    assert np.isfinite(out).all()


def test_states_that_grow_without_bound():
    model = ESNRegressor(20, activation="identity", spectral_radius=3.0, random_state=0)
    with pytest.raises(ValueError, match="spectral_radius"), np.errstate(all="ignore"):
        model.fit(X, y)


# ---------------------------------------------------------------------------------------- diagnostics


def test_memory_length():
    short, long = (
        ESNRegressor(50, spectral_radius=rho, leak_rate=1.0, random_state=0).fit(X, y).memory_length_
        for rho in (0.3, 0.95)
    )
    assert 1 <= short < 10 < long < 300
    chaotic = ESNRegressor(100, spectral_radius=3.0, bias_scaling=0.01, random_state=0).fit(X, y)
    assert chaotic.memory_length_ == np.inf


def test_memory_length_is_what_it_says():
    model = ESNRegressor(50, random_state=0, scale=None).fit(X, y)
    one = twin(model, X, y[:, None])[2]
    two = twin(model, X, y[:, None], np.concatenate(model._dynamics().cold_states))[2]
    apart = np.linalg.norm(one - two, axis=1) / np.linalg.norm(np.concatenate(model._dynamics().cold_states))
    n = model.memory_length_
    assert apart[n - 1] > 0.01
    assert (apart[n:] <= 0.01).all()


def test_memory_capacity():
    """A linear delay line of n units remembers n steps, and nothing else."""
    line = ESNRegressor(
        12, topology="delay_line", activation="identity", leak_rate=1.0, bias_scaling=0, random_state=0
    )
    line.set_params(W_in=np.eye(12)[:, :1], spectral_radius=1.0).fit(X[:, :1], y)
    capacity = line.memory_capacity(20)
    np.testing.assert_allclose(capacity[:11], 1, atol=1e-6)
    assert (capacity[11:] < 0.02).all()
    assert np.array_equal(capacity, line.memory_capacity(20))


def test_lyapunov_exponent():
    """Of a linear reservoir: the logarithm of the spectral radius."""
    model = ESNRegressor(40, activation="identity", leak_rate=1.0, spectral_radius=0.7, random_state=0).fit(
        X, y
    )
    assert model.lyapunov_exponent(X) == pytest.approx(np.log(0.7), abs=0.02)
    chaotic = ESNRegressor(100, spectral_radius=3.0, bias_scaling=0.01, random_state=0).fit(X, y)
    assert chaotic.lyapunov_exponent(X) > 0.05


def test_states_go_on_and_start_again():
    model = ESNRegressor(20, output_lags=1, random_state=0).fit(X[TRAIN], y[TRAIN])
    whole = model.states(X[TEST], y[TEST])
    np.testing.assert_allclose(model.update(X[TEST], y[TEST]).state_[2][0], whole[-1], rtol=1e-12)
    assert np.allclose(model.states(X[TEST], y[TEST], start="zeros")[-1], whole[-1], atol=1e-3)


@pytest.mark.parametrize("settings", [{}, {"output_lags": 1, "target_transform": "difference"}], ids=str)
def test_states_go_on_over_missing_rows(settings):
    """As over those between two calls: with the inputs before them held, and levels that go on."""
    rows = pd.DataFrame(X[:80] + 3, pd.date_range("2024", periods=80, freq="h"))
    target = pd.Series(y[:80], rows.index)
    model = ESNRegressor(6, random_state=0, **settings).fit(rows[:50], target[:50])
    left = np.r_[50:60, 63:80]
    with pytest.warns(UserWarning, match="3 row"):
        whole = model.states(rows.iloc[left], target.iloc[left])
    model.update(rows[50:60], target[50:60])
    with pytest.warns(UserWarning, match="3 row"):
        later = model.states(rows[63:], target[63:])
    np.testing.assert_allclose(whole[10:], later, rtol=1e-12)
    with (
        pytest.warns(UserWarning, match="3 row"),
        pytest.raises(ValueError, match=r"X has 2 stretches, .* such as its first 10 rows"),
    ):
        model.lyapunov_exponent(rows.iloc[left], target.iloc[left])


def test_states_are_features_of_a_pipeline():
    """Of rows whose index goes on after training's as of all at once, with names."""
    rows = pd.DataFrame(X[:80], pd.date_range("2024", periods=80, freq="h"))
    model = ESNRegressor((6, 4), random_state=0).set_output(transform="pandas").fit(rows[:60], y[:60])
    features = pd.concat([model.transform(rows[:60]), model.transform(rows[60:])])
    np.testing.assert_allclose(features, model.states(rows, start="zeros"), rtol=0, atol=1e-12)
    assert features.columns[-1] == "esnregressor9"
    assert features.index.equals(rows.index)


def test_reservoir_display():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from tsrnn.plotting import ReservoirDisplay

    model = ESNRegressor((40, 30), output_lags=1, leak_rate=(1.0, 0.3), random_state=0).fit(
        X[TRAIN], y[TRAIN]
    )
    display = ReservoirDisplay.from_estimator(model, X[TEST], y[TEST], n_units=25)
    assert display.points_.get_offsets().shape == (70, 2)
    assert display.image_.get_array().shape == (25, 300)
    assert len(display.ax_) == 2
    again = display.plot(plt.subplots(2)[1], cmap="gray")
    assert again.image_.get_cmap().name == "gray"
    plt.close("all")


def test_pickle_and_verbose(capsys):
    model = ESNRegressor(20, verbose=2, random_state=0).fit(X, y)
    assert "900" in capsys.readouterr().out
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_defaults_on_narma():
    """Untuned, on a series that chose nothing: normalised error below 0.15 with 500 units."""
    X, y = make_narma(5200, random_state=77)
    model = ESNRegressor(500, washout=200, random_state=0).fit(X[:2200], y[:2200])
    error = model.predict(X[2200:]) - y[2200:]
    assert np.sqrt(np.mean(error**2)) < 0.16 * np.std(y[2200:])


# ---------------------------------------------------------------------------------------- bad parameters


BAD = {
    "n_reservoir": [0, -3, 2.5, "many", (), (10, 0), True],
    "spectral_radius": [-1, np.nan, "large", (0.5, 0.5)],
    "leak_rate": [0, 1.5, (1.0, 1.0)],
    "connectivity": [0, 0.0, 1.5, "all", True],
    "input_scaling": [-1, np.inf, [1.0, 2.0, 3.0], "big"],
    "feedback_scaling": [-1, [1.0, 2.0]],
    "input_connectivity": [0, 2],
    "bias_scaling": [-1, None],
    "noise": [-1],
    "activation": ["sine", None],
    "topology": ["ring", 3],
    "groups": [0, 1.5, 100],
    "weight_distribution": ["gamma"],
    "W": [np.ones((3, 2)), np.ones(3), np.full((2, 2), np.nan)],
    "W_in": [np.ones((3, 2)), np.ones(30), np.full((30, 2), np.inf)],
    "readout_bias": [1, "yes"],
    "readout_input": [None],
    "readout_squares": ["half"],
    "solver": ["lm", 3, RecursiveLeastSquares],
    "alpha": [-1, "best", None],
    "washout": [-1, 1.5, "long", 900],
    "input_lags": [-1],
    "output_lags": [(0,)],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values], ids=str
)
def test_bad_parameter(name, value):
    model = ESNRegressor(**{"n_reservoir": 30, "output_lags": 1, "random_state": 0, name: value})
    with pytest.raises((ValueError, TypeError), match=name) as error:
        model.fit(X, y)
    assert any(word in str(error.value) for word in ("give", "is not", "neither"))
    assert "np." not in str(error.value)  # the value as it was given


@pytest.mark.parametrize(
    "kw", [{"alphas": ()}, {"alphas": [0.0]}, {"alphas": "auto"}, {"alphas": 1.0}, {"cv": "five"}, {"cv": 1}]
)
def test_bad_cv_parameter(kw):
    with pytest.raises((ValueError, TypeError)) as error:
        ESNRegressorCV(20, **kw).fit(X, y)
    assert next(iter(kw)) in str(error.value) or "splits" in str(error.value)


@pytest.mark.parametrize("forgetting", [0, 1.1, "slow"])
def test_bad_forgetting(forgetting):
    with pytest.raises((ValueError, TypeError), match="forgetting"):
        ESNRegressor(20, solver=RecursiveLeastSquares(forgetting)).fit(X, y)


def test_it_must_see_something():
    with pytest.raises(ValueError, match="output_lags"):
        ESNRegressor(20, input_lags=()).fit(X, y)


def test_ten_rows_are_enough():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(ESNRegressor(random_state=0).fit(X[:10], y[:10]).predict(X[:10])).all()


# ---------------------------------------------------------------------------------------- found in review


def test_forgetting_stays_bounded_on_a_long_stream():
    """What the rows do not excite is not forgotten for ever: the inverse would grow by 1 / forgetting a row."""
    u, target = make_narma(6000, random_state=0)
    model = ESNRegressor(60, solver=RecursiveLeastSquares(0.98), random_state=0).fit(u[:1000], target[:1000])
    for t in range(1000, 5000, 500):
        model.partial_fit(u[t : t + 500], target[t : t + 500])
    errors = model.predict(u[5000:]) - target[5000:]
    assert np.sqrt(np.mean(errors**2)) < 1.2 * target[5000:].std()
    inverse = model.fitted_.trained.carry.inverse
    assert np.linalg.eigvalsh(inverse).min() > -1e-6 * np.trace(inverse)


def test_states_that_meet_have_no_lyapunov_exponent():
    model = ESNRegressor(10, topology="delay_line", leak_rate=1.0, random_state=0).fit(X, Y2)
    assert model.lyapunov_exponent(X) == -np.inf


def test_memory_capacity_takes_as_many_steps_as_delays_need():
    model = ESNRegressor(20, random_state=0).fit(X, Y2)
    assert model.memory_capacity(1500).shape == (1500,)
    with pytest.raises(ValueError, match="n_timesteps"):
        model.memory_capacity(1500, n_timesteps=6000)


def test_a_reservoir_that_explodes_is_refused():
    model = ESNRegressor(30, activation="identity", spectral_radius=1.2, leak_rate=1.0, random_state=0)
    with pytest.raises(ValueError, match="without bound"):
        model.fit(X, Y2)


def test_noise_goes_on_from_call_to_call():
    """Two models that differ in the noise drawn before differ in what a later call draws."""
    kw = {"noise": 0.1, "alpha": 1.0, "random_state": 0}
    once = ESNRegressor(20, **kw).fit(X[:300], Y2[:300])
    twice = clone(once).fit(X[:300], Y2[:300])
    once.fitted_.rng.normal(size=7)
    once.partial_fit(X[300:], Y2[300:])
    twice.partial_fit(X[300:], Y2[300:])
    assert not np.array_equal(once.theta_, twice.theta_)


def test_splits_of_a_generator_serve_both_passes():
    holes = Y2.copy()
    holes[100:110] = np.nan
    splits = ((np.arange(100, 400), np.arange(400, 500)) for _ in range(1))
    model = ESNRegressorCV(20, output_lags=1, alphas=(1e-3, 1.0), cv=splits, random_state=0).fit(
        X[:500], holes[:500]
    )
    assert model.best_alpha_ in (1e-3, 1.0)


def test_read_only_memory_needs_no_second_kernel(tmp_path):
    model = ESNRegressor(400, random_state=0).fit(X, Y2)
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    mapped = joblib.load(path, mmap_mode="r")
    assert all(a.flags.writeable for a in mapped._dynamics().reservoir if isinstance(a, np.ndarray))
    assert mapped.theta_.flags.writeable
    assert np.array_equal(mapped.predict(X), model.predict(X))


def test_states_of_many_series():
    """Of each, what they are alone; in the container that X is."""
    angle = np.arange(90.0).reshape(3, 30) / 4
    cube, y = np.sin(angle)[:, :, None], np.cos(angle)
    model = ESNRegressor(8, output_lags=1, random_state=0).fit(cube, y)
    states = model.states(cube, y)
    assert states.shape == (3, 30, 8)
    listed = model.states([cube[1, :20], cube[2]], [y[1, :20], y[2]])
    assert [len(s) for s in listed] == [20, 30]
    np.testing.assert_array_equal(listed[1], states[2])
    np.testing.assert_array_equal(listed[0], states[1, :20])
