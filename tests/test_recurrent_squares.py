"""Levenberg-Marquardt of recurrent nets: exact Jacobians, solved readouts, what it is refused for."""

import numpy as np
import pytest

import tsrnn
from tsrnn import ElmanClassifier, ElmanRegressor, GRURegressor, LRURegressor, LSTMRegressor, MinGRURegressor
from tsrnn._nets.recurrent_squares import SquaresLoss
from tsrnn._series.units import Series
from tsrnn.datasets import make_narma


NETS = {
    "Elman, relu": ElmanRegressor((3,), activation="relu"),
    "Elman, layers, lags": ElmanRegressor((3, 4), input_lags=1, output_lags=2),
    "Elman, leaky": ElmanRegressor((3, 2), leak_rate=(0.1, 0.8)),
    "LSTM, learnt start": LSTMRegressor((3,), initial_state="learned"),
    "LSTM of 1997, layers that skip": LSTMRegressor((2, 3), forget_gate=False, skip_connections=True),
    "GRU, fed back": GRURegressor((3, 2, 3), skip_connections=True, output_lags=(1, 3)),
    "GRU, dense, layers": GRURegressor((3, 2), readout_hidden_layer_sizes=(3, 2), output_lags=1),
    "MinGRU": MinGRURegressor((3, 2), initial_state="learned"),
    "LRU, learnt start, layers that skip": LRURegressor(
        (3, 2), initial_state="learned", skip_connections=True
    ),
    "LRU, dense, fed back": LRURegressor((3,), readout_hidden_layer_sizes=(3,), output_lags=2),
    "MinGRU, positive": MinGRURegressor((3,), candidate="positive"),
}


def make_loss(model):
    """The loss over two series of unlike length, some of y without weight or not measured; random parameters."""
    rng, series = np.random.default_rng(0), []
    for n in (24, 15):
        Y = rng.normal(size=(n, 2))
        if not model.output_lags:
            Y[5, 1] = np.nan
        weight = rng.uniform(0, 2, n) * (np.arange(n) != 7)
        series.append(Series(rng.normal(size=(n, 2)), Y, weight, np.zeros(n, bool)))
    learner = model._learner()
    net = learner.net(2, 2)
    loss = SquaresLoss(net, series, 24, 16, learner._teaching(np.zeros(2)), np.float64)
    return loss, rng.normal(size=net.size) * 0.5


def residuals(loss, theta):
    """Weighted errors of all rows and outputs."""
    found = []
    for tape, at, n in loss._tapes_of(loss.net.views(theta)):
        y, w = (a.reshape(-1, 2)[at : at + n] for a in (loss.y, loss.w))
        found.append((np.sqrt(w) * (tape.out[:n, 0] - y)).ravel())
    return np.concatenate(found)


@pytest.mark.parametrize("name", NETS)
def test_jacobian(name):
    loss, theta = make_loss(NETS[name])
    rr, Jr, JJ = loss.gauss_newton(theta)
    assert np.isclose(rr, loss.sum_of_squares(theta), rtol=1e-13)
    half, gradient = loss.loss_grad(theta.copy(), loss.everything)
    assert np.isclose(rr, 2 * half, rtol=1e-13)
    assert np.abs(Jr - gradient).max() < 1e-12 * np.abs(gradient).max()
    h = 1e-6
    units = np.eye(len(theta)) * h
    J = np.array([residuals(loss, theta + e) - residuals(loss, theta - e) for e in units]).T / (2 * h)
    assert np.abs(J.T @ J - JJ).max() < 1e-7 * np.abs(JJ).max()


@pytest.mark.parametrize("name", NETS)
def test_the_readout_is_solved_for(name):
    loss, theta = make_loss(NETS[name])
    decay = np.where(loss.groups > 0, 0.1, 0.0)
    solved = loss.solve_linear(theta, decay)
    gradient = loss.gauss_newton(solved)[1] + decay * solved
    assert np.abs(gradient[loss.linear]).max() < 1e-9
    assert np.array_equal(solved[~loss.linear], theta[~loss.linear])
    assert not np.array_equal(solved, theta)


def test_thirty_iterations_lead_further_than_those_of_lbfgs():
    X, y = make_narma(500, random_state=0)

    def loss(solver):
        settings = {"solver": solver, "max_iter": 30, "early_stopping": False}
        return LSTMRegressor((4,), random_state=0, **settings).fit(X, y).loss_curve_[-1]

    assert loss(tsrnn.LevenbergMarquardt(bayesian=False)) < 0.5 * loss("lbfgs")


@pytest.mark.parametrize(
    "model",
    [
        LSTMRegressor(peepholes=True),
        ElmanRegressor(layer_norm=True),
        LRURegressor(layer_norm=True),
        ElmanRegressor(leak_rate="learned"),
        ElmanRegressor(bidirectional=True),
        ElmanRegressor(loss="huber"),
        GRURegressor(reset="before"),
        GRURegressor(output_lags=1, training="closed_loop"),
        GRURegressor(orthogonal_penalty=0.1),
        ElmanClassifier(),
    ],
    ids=repr,
)
def test_what_it_does_not_train_is_refused(model):
    X, y = make_narma(60, random_state=0)
    y = y > y.mean() if isinstance(model, ElmanClassifier) else y
    with pytest.raises(
        ValueError, match=r"solver='lm' is for the squared loss in open loop.*leave these out"
    ):
        model.set_params(solver="lm").fit(X, y)


def test_unknown_lags_and_one_y_a_series_are_refused():
    X, y = make_narma(60, random_state=0)
    y[30] = np.nan
    with pytest.raises(ValueError, match=r"some y in the lags are missing: fill them"):
        ElmanRegressor((2,), output_lags=1, solver="lm").fit(X, y)
    with pytest.raises(ValueError, match=r"solver='lm' does not train ElmanRegressor on one y per series"):
        ElmanRegressor((2,), solver="lm").fit(X.reshape(6, 10, 1), np.arange(6.0))
