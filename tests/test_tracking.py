"""Systems that drift: solvers that learn row by row, and partial_fit that forgets."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import SGDRegressor

import tsrnn
from tsrnn import (
    ARXRegressor,
    ElmanRegressor,
    ESNRegressor,
    Forecaster,
    GRURegressor,
    KalmanFilter,
    LSTMRegressor,
    NARXRegressor,
    OnlineGradient,
    RecursiveLeastSquares,
    TDNNRegressor,
)
from tsrnn._nets.recurrent_squares import RowsLoss
from tsrnn._series.units import Series
from tsrnn.datasets import make_narendra


X, y = make_narendra(300, random_state=0)
SETTINGS = {"max_iter": 2, "random_state": 0}
NETS = {
    "Elman": ElmanRegressor((3,), output_lags=1, **SETTINGS),
    "Elman, layers, learnt start": ElmanRegressor((3, 2), initial_state="learned", **SETTINGS),
    "Elman, leaky, dense": ElmanRegressor((3,), leak_rate=0.4, readout_hidden_layer_sizes=(2,), **SETTINGS),
    "LSTM": LSTMRegressor((2,), **SETTINGS),
    "GRU": GRURegressor((2,), **SETTINGS),
    "LRU": tsrnn.LRURegressor((2,), **SETTINGS),
    "NARX": NARXRegressor((3,), input_lags=1, output_lags=2, **SETTINGS),
    "TDNN of delays": TDNNRegressor((3,), input_lags=2, layer_lags=2, **SETTINGS),
}


@pytest.mark.parametrize("name", [name for name in NETS if name[0] in "ELG"])
def test_rows_are_the_jacobian_while_theta_stays(name):
    """Which test_recurrent_squares.py holds against differences."""
    rng, series = np.random.default_rng(0), []
    for n in (14, 9):
        series.append(Series(rng.normal(size=(n, 2)), rng.normal(size=(n, 2)), np.ones(n), np.zeros(n, bool)))
    learner = NETS[name]._learner()
    net = learner.net(2, 2)
    loss = RowsLoss(net, series, 14, 1, learner._teaching(np.zeros(2)), np.float64)
    theta = rng.normal(size=net.size) * 0.5
    rr, Jr, JJ = loss.gauss_newton(theta)
    rows = list(loss.rows(theta))
    np.testing.assert_allclose(sum(w @ r**2 for r, _, w in rows), rr, rtol=1e-12)
    np.testing.assert_allclose(sum(J.T @ (w * r) for r, J, w in rows), Jr, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(sum(J.T @ (w[:, None] * J) for _, J, w in rows), JJ, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "solver", [KalmanFilter(process_noise=1e-5), OnlineGradient(0.02)], ids=["ekf", "rtrl"]
)
@pytest.mark.parametrize("name", NETS)
def test_they_train(name, solver):
    """The loss falls, a stream of single rows learns about what one call does, and files hold it all."""
    model = clone(NETS[name])
    model.set_params(solver=solver).fit(X[:120], y[:120])
    assert model.loss_curve_[1] < model.loss_curve_[0]
    again = pickle.loads(pickle.dumps(model))
    once = pickle.loads(pickle.dumps(model)).partial_fit(X[120:135], y[120:135])
    for t in range(120, 135):
        again.partial_fit(X[t : t + 1], y[t : t + 1])
    moved = np.linalg.norm(once.theta_ - model.theta_)
    assert moved > 0
    assert np.linalg.norm(again.theta_ - once.theta_) < 0.2 * moved
    assert np.isfinite(again.forecast(3, X[135:138])).all()


def test_a_stream_with_gaps():
    """Where y is missing the net's own output stands for it, as in a forecast."""
    model = clone(NETS["Elman"]).set_params(solver=KalmanFilter()).fit(X[:200], y[:200])
    holes = y[200:240].copy()
    holes[[3, 4, 20]] = np.nan
    more = pickle.loads(pickle.dumps(model)).partial_fit(X[200:240], holes)
    assert np.isfinite(more.theta_).all()
    filled = model.predict_ahead(X[200:240], holes)
    assert not np.array_equal(
        more.theta_, model.partial_fit(X[200:240], np.where(np.isnan(holes), filled, holes)).theta_
    )


def test_a_linear_net_by_kalman_filter_is_bayes():
    """The mean of the posterior, of weights with variance 0.5 around where they began, and of errors with 0.1."""
    rng = np.random.default_rng(0)
    U = rng.normal(size=(60, 2))
    v = U @ [1.0, -2.0] + 0.3 + 0.1 * rng.normal(size=60)
    settings = {"scale": None, "early_stopping": False, "max_iter": 1, "random_state": 0}
    model = TDNNRegressor((), input_lags=0, solver=KalmanFilter(0.5, process_noise=0, noise=0.1), **settings)
    begun = TDNNRegressor((), input_lags=0, solver=OnlineGradient(1e-300), **settings).fit(U, v).theta_
    A = np.c_[U, np.ones(60)]
    posterior = np.linalg.solve(A.T @ A / 0.1 + np.eye(3) / 0.5, A.T @ v / 0.1 + begun / 0.5)
    np.testing.assert_allclose(model.fit(U, v).theta_, posterior, rtol=1e-9)


def test_arx_that_forgets_is_weighted_least_squares():
    model = ARXRegressor(1, 2, alpha=0).fit(X[:200], y[:200])
    for rows in (slice(200, 201), slice(201, 250), slice(250, 300)):
        model.partial_fit(X[rows], y[rows], forgetting=0.97)
    age = np.concatenate([np.full(200, 100), np.arange(99, -1, -1)])
    once = ARXRegressor(1, 2, alpha=0).fit(X, y, sample_weight=0.97**age)
    u, v = X[199:], y[199:]
    np.testing.assert_allclose(model.predict_ahead(u, v), once.predict_ahead(u, v), rtol=0, atol=1e-8)
    linear = NARXRegressor(
        (), input_lags=1, output_lags=2, early_stopping=False, training="open_loop", alpha=0
    )
    linear.set_params(solver=tsrnn.LevenbergMarquardt(bayesian=False)).fit(X[:200], y[:200])
    for rows in (slice(200, 250), slice(250, 300)):
        linear.partial_fit(X[rows], y[rows], forgetting=0.97)
    np.testing.assert_allclose(linear.predict(X[:50]), model.predict(X[:50]), rtol=0, atol=1e-6)


def test_a_forecaster_that_forgets_is_weighted_least_squares():
    """A step each: a pair is as old as its target."""
    model = Forecaster(ARXRegressor(1, 2, alpha=0), 2, strategy="direct", known_ahead="all")
    some = clone(model).fit(X[:200], y[:200])
    for rows in (slice(200, 201), slice(201, 300)):
        some.partial_fit(X[rows], y[rows], forgetting=0.97)
    age = np.concatenate([np.full(200, 100), np.arange(99, -1, -1)])
    once = clone(model).fit(X, y, sample_weight=0.97**age)
    np.testing.assert_allclose(some.forecast(2, X[:2]), once.forecast(2, X[:2]), rtol=0, atol=1e-8)


def test_a_drift_is_tracked():
    """A gain that turns round: what forgets follows it, what does not stays behind."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=(700, 1))
    gain = np.where(np.arange(700) < 300, 1.0, -1.0)
    v, state = np.zeros(700), 0.0
    for t in range(700):
        v[t] = state = 0.5 * state + gain[t] * np.tanh(u[t, 0])

    def late(model, **options):
        """Error of one step over the last rows, learning as they come."""
        model.fit(u[:300], v[:300])
        for t in range(300, 600, 20):
            model.partial_fit(u[t : t + 20], v[t : t + 20], **options)
        return np.sqrt(np.mean((model.predict_ahead(u[600:], v[600:]) - v[600:]) ** 2))

    arx = ARXRegressor(0, 1)
    assert late(arx, forgetting=0.97) < 0.3 * late(arx)
    net = NARXRegressor((4,), input_lags=0, output_lags=1, training="open_loop", random_state=0)
    assert late(net, forgetting=0.97) < 0.5 * late(net)
    esn = ESNRegressor(30, output_lags=1, random_state=0)
    assert late(esn, forgetting=0.97) < 0.5 * late(esn)
    elman = ElmanRegressor((4,), output_lags=1, max_iter=3, random_state=0)
    kalman = late(elman.set_params(solver=KalmanFilter(process_noise=1e-3)))
    assert kalman < 0.2 * late(elman.set_params(solver="lbfgs"))


def test_what_is_refused():
    for model, words in (
        (GRURegressor((2,), solver=KalmanFilter(), bidirectional=True), "of a net that reads forward"),
        (ElmanRegressor((2,), solver=OnlineGradient(), layer_norm=True), "no layer_norm"),
        (ElmanRegressor((2,), solver=OnlineGradient(), loss="absolute"), "for the squared loss"),
        (NARXRegressor((2,), solver=KalmanFilter(), loss="huber"), "is for sums of squares"),
        (
            NARXRegressor((2,), solver=KalmanFilter(), training="closed_loop"),
            "in open loop, but training='closed_loop'",
        ),
        (tsrnn.LRURegressor(solver=KalmanFilter(), layer_norm=True), "units see each other"),
        (tsrnn.EncoderDecoderRegressor(solver=KalmanFilter()), "does not train EncoderDecoderRegressor"),
    ):
        with pytest.raises(ValueError, match=words):
            model.fit(X, y)
    model = ARXRegressor().fit(X[:200], y[:200])
    for forgetting in (0, 1.5, "a", None, np.nan):
        with pytest.raises((ValueError, TypeError), match="forgetting"):
            model.partial_fit(X[200:], y[200:], forgetting=forgetting)
    own = ESNRegressor(10, solver=RecursiveLeastSquares(0.99), random_state=0).fit(X[:200], y[:200])
    with pytest.raises(ValueError, match="which has its own"):
        own.partial_fit(X[200:], y[200:], forgetting=0.9)
    trees = tsrnn.LagRegressor(SGDRegressor(), output_lags=1).fit(X[:200], y[:200])
    with pytest.raises(ValueError, match="by sums or gradients, which"):
        trees.partial_fit(X[200:], y[200:], forgetting=0.9)


def test_gradients_of_single_rows_begin_with_a_moderate_readout():
    """That of random features which fits best has large weights that cancel, and then little is learnt."""
    rng = np.random.default_rng(0)
    u, v = rng.uniform(-1, 1, 300), np.zeros(300)
    for t in range(2, 300):
        v[t] = 0.5 * v[t - 1] + 0.3 * v[t - 2] * u[t - 1] + np.tanh(u[t - 1])
    options = {"solver": OnlineGradient(), "max_iter": 6, "random_state": 0}
    curve = NARXRegressor((6,), input_lags=[1], output_lags=2, **options).fit(u[:, None], v).loss_curve_
    assert curve[-1] < 0.2 * curve[0]
