"""NARMAX and ARMAX: past errors of one step as inputs."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

import tsrnn
from tsrnn import ARXRegressor, NARXRegressor
from tsrnn._nets.error_lags import make_error_net


rng = np.random.default_rng(0)
N = 2000
noise, U = rng.normal(size=N + 1), rng.normal(size=(N, 1))


def test_arma_is_recovered_and_ar_is_biased():
    y = np.zeros(N)
    for t in range(1, N):
        y[t] = 0.9 * y[t - 1] + noise[t] - 0.6 * noise[t - 1]
    ar, arma = (ARXRegressor((), 1, error_lags=m, alpha=0).fit(None, y[:1500]) for m in (0, 1))
    ((d, a),) = arma.params_[0].W.reshape(1, -1)
    assert d == pytest.approx(-0.6, abs=0.06)
    assert a == pytest.approx(0.9, abs=0.04)
    assert ar.params_[0].W.item() < 0.6
    errors = [np.mean((m.predict_ahead(None, y[1500:]) - y[1500:]) ** 2) for m in (ar, arma)]
    assert errors[1] < 0.95 * errors[0]
    assert errors[1] == pytest.approx(np.mean(noise[1500:N] ** 2), rel=0.02)  # no model does better
    more = copy.deepcopy(arma).partial_fit(None, y[1500:])
    whole = ARXRegressor((), 1, error_lags=1, alpha=0).fit(None, y)
    np.testing.assert_allclose(more.theta_, whole.theta_, atol=0.02)


def test_armax_is_recovered():
    y = np.zeros(N)
    for t in range(1, N):
        y[t] = 0.8 * y[t - 1] + 0.5 * U[t - 1, 0] + 0.7 * (noise[t] - 0.5 * noise[t - 1])
    plain, model = (ARXRegressor([1], 1, error_lags=m, alpha=0, scale=None).fit(U, y) for m in (0, 1))
    np.testing.assert_allclose(model.params_[0].W[:, 0], [0.5, -0.5, 0.8], atol=0.05)
    assert plain.params_[0].W[1, 0] < 0.7
    assert not np.array_equal(plain.theta_, ARXRegressor([1], 1, error_lags=[2], scale=None).fit(U, y).theta_)


def hidden_state():
    """A nonlinear system, and y with noise of measurement: NARMAX by nature."""
    x = np.zeros(N)
    for t in range(1, N):
        x[t] = 1.6 * x[t - 1] / (1 + x[t - 1] ** 2) + 0.6 * np.tanh(U[t - 1, 0])
    return x, x + 0.3 * noise[:N]


def test_a_nonlinear_system_behind_noise():
    """One step ahead it comes nearer, and its free run is nearer to what lies behind the noise."""
    x, y = hidden_state()
    old, new = slice(0, 1500), slice(1500, N)
    settings = {"input_lags": [1], "output_lags": 1, "training": "open_loop", "random_state": 0}
    plain, model = (NARXRegressor((6,), error_lags=m, **settings).fit(U[old], y[old]) for m in (0, 1))
    one, free = (
        [np.mean((out - truth) ** 2) for out in outs]
        for outs, truth in (
            ([m.predict_ahead(U[new], y[new]) for m in (plain, model)], y[new]),
            ([m.predict(U[new]) for m in (plain, model)], x[new]),
        )
    )
    assert one[1] < 0.85 * one[0]
    assert free[1] < 0.7 * free[0]


MODELS = {
    "ARMAX": ARXRegressor(1, (1, 3), error_lags=2),
    "NARMAX": NARXRegressor(
        (4,), input_lags=[1], output_lags=2, error_lags=(1, 3), max_iter=5, random_state=0
    ),
    "both see the lags": NARXRegressor(
        (4, 3),
        input_lags=1,
        output_lags=1,
        error_lags=1,
        skip_connections=True,
        max_iter=5,
        training="open_loop",
    ),
    "changes within bounds": ARXRegressor(
        1, 1, error_lags=1, target_transform="difference", target_bounds=(-9, 2)
    ),
    "two outputs": ARXRegressor(1, 1, error_lags=1),
}
every = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def fitted():
    """Each model, its inputs and its y."""
    y = hidden_state()[1]
    both = np.column_stack([y, np.roll(y, 1)])
    return {
        name: (m.fit(U[:300], Y[:300]), Y)
        for name, m in MODELS.items()
        for Y in [both if "two" in name else y]
    }


@every
def test_is_the_equation(fitted, name):
    """Row after row, in scaled units."""
    model, y = fitted[name]
    if model.target_transform:
        pytest.skip("another test has changes")
    dynamics = model.fitted_.trained.dynamics
    x_lags, y_lags, e_lags = dynamics.net.lags
    rows = slice(300, 330)
    X, Y = model.fitted_.units.x(U[rows]), model.fitted_.units.y(y[rows].reshape(30, -1))
    Y[12:15] = np.nan
    out, _ = dynamics.run(X, Y, model.state_)
    O, lead = Y.shape[1], dynamics.lead
    x, v = np.concatenate([model.state_.X, X]), np.concatenate([model.state_.Y[:, :O], Y])
    e = np.concatenate([model.state_.Y[:, :O] - model.state_.Y[:, O:], np.zeros_like(Y)])
    for t in range(lead, lead + 30):
        seen = [s[t - k] for s, lags in ((x, x_lags), (e, e_lags), (v, y_lags)) for k in reversed(lags)]
        first = h = np.concatenate(seen)
        for k, (W, b) in enumerate(model.params_):
            if k and k == len(model.params_) - 1 and dynamics.net.skip:
                h = np.concatenate([first, h])
            h = h @ W + b
            h = np.tanh(h) if k < len(model.params_) - 1 else h
        np.testing.assert_allclose(out[t - lead], h, atol=1e-12)
        v[t] = np.where(np.isnan(v[t]), h, v[t])
        e[t] = v[t] - h


@every
def test_verbs_agree(fitted, name):
    model, y = fitted[name]
    X, Y = U[300:400], y[300:400]
    ahead, close = model.predict_ahead(X, Y), {"rtol": 0, "atol": 1e-9}
    later = copy.deepcopy(model).update(X[:40], Y[:40])
    np.testing.assert_allclose(later.predict_ahead(X[40:], Y[40:]), ahead[40:], **close)
    np.testing.assert_allclose(later.predict(X[40:46]), later.forecast(6, X[40:46]), **close)
    np.testing.assert_allclose(model.trajectories(X, Y, 6).forecast[40], later.forecast(6, X[40:46]), **close)
    again = pickle.loads(pickle.dumps(later))
    assert np.array_equal(again.forecast(6, X[40:46]), later.forecast(6, X[40:46]))
    stream, out = tsrnn.Stream(later), []
    for a, b in zip(X[40:60], Y[40:60]):
        out.append(np.copy(stream.step(a)))
        stream.observe(b)
    np.testing.assert_allclose(np.array(out).reshape(ahead[40:60].shape), ahead[40:60], **close)
    assert stream._row is not None  # it brings its equations
    gaps = Y.copy()
    gaps[20:30] = np.nan
    assert np.isfinite(model.predict_ahead(X, gaps)).all()
    more = copy.deepcopy(later).partial_fit(X[40:], Y[40:])
    assert not np.array_equal(more.theta_, later.theta_)
    assert np.isfinite(more.forecast(3, U[400:403], level=80)).to_numpy().all()


def test_a_panel():
    y = hidden_state()[1]
    frame = pd.DataFrame({"u": U[:400, 0], "id": np.repeat(["a", "b"], 200)})
    model = ARXRegressor(1, 1, error_lags=1, series="id").fit(frame, y[:400])
    assert model.score(frame, y[:400]) > 0.3
    assert len(model.forecast(3, pd.DataFrame({"u": np.ones(6), "id": np.repeat(["a", "b"], 3)}))) == 6


def test_warm_start_goes_on():
    y = hidden_state()[1]
    model = NARXRegressor(
        (3,), error_lags=1, warm_start=True, max_iter=3, training="open_loop", random_state=0
    )
    first = model.fit(U[:300], y[:300]).loss_curve_[-1]
    assert model.fit(U[:300], y[:300]).loss_curve_[-1] <= 1.01 * first


def test_the_first_layer_is_unfolded():
    net = make_error_net(0, 2, (3,), "tanh", ((), (2,), (1, 3)), True)
    assert net.plan.n_inputs == 4
    assert net.lead == 3
    assert net.widened(np.ones(net.plan.size)).shape == (net.wide.size,)


def test_what_is_refused():
    y = hidden_state()[1]
    with pytest.raises(ValueError, match="error_lags=1 are errors of a single net, but ensemble='mean'"):
        NARXRegressor((2,), error_lags=1, n_restarts=2, ensemble="mean").fit(U, y)
    with pytest.raises(ValueError, match="error_lags=-1 is negative"):
        ARXRegressor(error_lags=-1).fit(U, y)
    with pytest.raises(TypeError, match="takes numbers only, but X has categories"):
        NARXRegressor((2,), error_lags=1, categorical_features=[0]).fit(np.round(U), y)
