"""Losses, solvers, transforms of the user's own: ten lines each train every model, or are refused with the reason."""

import copy
import pickle
from functools import cache

import numpy as np
import pytest
from numba import config
from recurrent_nets import CELLS
from sklearn.base import BaseEstimator, clone

import tsrnn
from tsrnn import ESNRegressor, Forecaster, NARXRegressor, TDNNRegressor
from tsrnn._series.targets import resolve_target
from tsrnn._training.losses import resolve_loss
from tsrnn._training.solvers import resolve_solver
from tsrnn.datasets import make_narma
from tsrnn.export import to_c


X, y = make_narma(500, random_state=0)
QUICK = {"max_iter": 60, "random_state": 0}
MODELS = {
    "TDNN": TDNNRegressor((6,), input_lags=6, **QUICK),
    "NARX": NARXRegressor((6,), input_lags=3, output_lags=2, skip_connections=False, **QUICK),
    **{cell: kind((6,), sequence_length=32, random_state=0, max_iter=20) for cell, kind in CELLS.items()},
}
every = pytest.mark.parametrize("name", MODELS)


class LogCosh:
    """sum w log cosh(y - f): smooth, squares of small errors, absolute values of large ones."""

    def __call__(self, out, y, w, at, dout):
        T, _, O = out.shape
        i = at[:, None] + np.arange(T)[:, None, None] * O + np.arange(O)
        e = out - y[i]
        dout[:] = w[i] * np.tanh(e)
        return float(np.sum(w[i] * np.logaddexp(e, -e) - w[i] * np.log(2), dtype=float))


class LogCoshForReadouts(LogCosh):
    def parabola(self, e, rounding):
        return np.tanh(e) / np.where(e == 0, 1, e) + (e == 0), np.zeros_like(e)


class Median(BaseEstimator):
    """Absolute errors, in NumPy."""

    kinks = True

    def __call__(self, out, y, w, at, dout):
        T, _, O = out.shape
        i = at[:, None] + np.arange(T)[:, None, None] * O + np.arange(O)
        e = out - y[i]
        dout[:] = w[i] * np.sign(e)
        return float(np.sum(w[i] * np.abs(e), dtype=float))


class Descent:
    """The gradient over all rows, with a step that grows while it helps."""

    def minimize(self, objective, theta, monitor, rng):
        rate, (loss, grad) = 0.1, objective.loss_grad(theta, objective.everything)
        while not monitor(theta, loss / objective.weight):
            trial = theta - rate * grad / objective.weight
            loss_there, grad_there = objective.loss_grad(trial, objective.everything)
            better = loss_there < loss
            theta, loss, grad = (trial, loss_there, grad_there) if better else (theta, loss, grad)
            rate *= 1.5 if better else 0.3


class Signs(BaseEstimator):
    """Mini-batches, and the sign of the gradient; goes on where it was."""

    dtype = np.float32
    batches = "mini"
    resumes = True

    def minimize(self, objective, theta, monitor, rng, moments=None):
        theta, steps = theta.astype(self.dtype), moments or 0
        while True:
            total = 0.0
            for batch, _ in objective.batches(rng):
                loss, grad = objective.loss_grad(theta, batch)
                total, steps = total + loss, steps + 1
                theta -= np.float32(0.02 / np.sqrt(steps)) * np.sign(grad)
            if monitor(theta, total / objective.weight):
                return steps


class Squares:
    """Levenberg's step, of nothing but J'J."""

    needs = ("gauss_newton",)

    def minimize(self, objective, theta, monitor, rng):
        mu = 1.0
        while True:
            rr, Jr, JJ = objective.gauss_newton(theta)
            if monitor(theta, rr / (2 * objective.weight)):
                return
            trial = theta - np.linalg.solve(JJ + mu * np.eye(len(theta)), Jr)
            better = objective.gauss_newton(trial)[0] < rr
            theta, mu = (trial, mu / 3) if better else (theta, mu * 4)


def rmse(model):
    return np.sqrt(np.mean((model.predict_ahead(X, y)[100:] - y[100:]) ** 2))


@cache
def of_squares(name):
    return rmse(clone(MODELS[name]).fit(X, y))


@every
@pytest.mark.parametrize(
    "loss", [LogCosh(), LogCoshForReadouts(), Median()], ids=lambda loss: type(loss).__name__
)
def test_a_loss_of_ones_own_trains(name, loss):
    """Better than the mean, and about as well as the squared loss."""
    model = clone(MODELS[name]).set_params(loss=loss).fit(X, y)
    assert rmse(model) < 0.9 * np.std(y[100:])
    assert rmse(model) < 1.5 * of_squares(name)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X), model.predict(X))
    assert np.isfinite(copy.deepcopy(model).partial_fit(X[:50], y[:50]).predict(X)).all()


def moments(model):
    """What a solver goes on with."""
    carry = model.fitted_.trained.carry
    return getattr(carry, "moments", carry)


@every
@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="takes minutes")
def test_a_copy_of_a_known_loss_does_as_that(name):
    """The same training, step for step, but for the order in which NumPy adds."""
    ours = clone(MODELS[name]).set_params(loss="absolute", solver="adam", max_iter=3).fit(X, y)
    own = clone(MODELS[name]).set_params(loss=Median(), solver="adam", max_iter=3).fit(X, y)
    if name in CELLS:  # which begin from no solved readout
        np.testing.assert_allclose(own.theta_, ours.theta_, rtol=0, atol=1e-4)
    auto = [type(moments(m.set_params(solver="auto").fit(X, y))) for m in (ours, own)]
    assert auto[0] is auto[1]  # a loss with kinks is not given to L-BFGS


@every
@pytest.mark.parametrize("solver", [Descent(), Signs(), Squares()], ids=lambda solver: type(solver).__name__)
def test_a_solver_of_ones_own_trains(name, solver):
    model = clone(MODELS[name]).set_params(solver=solver)
    model.fit(X, y)
    assert rmse(model) < 0.95 * np.std(y[100:])
    assert len(model.loss_curve_) == model.n_iter_ >= 3
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X), model.predict(X))
    steps = moments(model)
    assert (steps is not None) == isinstance(solver, Signs)
    more = copy.deepcopy(model).partial_fit(X[:64], y[:64])
    assert not np.array_equal(more.theta_, model.theta_)
    if isinstance(solver, Signs):
        assert moments(more) > steps


def test_what_a_solver_of_ones_own_cannot_do_is_said():
    for name in CELLS:
        model = clone(MODELS[name]).set_params(solver=Descent(), dropout=0.1)
        with pytest.raises(ValueError, match="needs the same loss at every call, but dropout"):
            model.fit(X, y)
        assert model.set_params(solver=Signs(), max_iter=2).fit(X, y).n_iter_ == 2
    for name in ("TDNN", "NARX"):
        model = clone(MODELS[name]).set_params(solver=Squares(), loss=LogCosh())
        with pytest.raises(ValueError, match="is for sums of squares, but loss="):
            model.fit(X, y)


class Silent:
    def minimize(self, objective, theta, monitor, rng):
        return None


class Odd(Silent):
    batches = "some"


def test_a_solver_that_tells_the_monitor_nothing():
    with pytest.raises(ValueError, match=r"Silent object.* never called monitor\(theta, loss\)"):
        clone(MODELS["TDNN"]).set_params(solver=Silent()).fit(X, y)
    with pytest.raises(ValueError, match="has batches='some': give it 'all' or 'mini'"):
        clone(MODELS["TDNN"]).set_params(solver=Odd()).fit(X, y)


def test_an_echo_state_network_says_what_it_cannot_use():
    model = ESNRegressor(40, random_state=0)
    with pytest.raises(ValueError, match=r"goes step by step, and so does not solve for a readout.*'ridge'"):
        clone(model).set_params(solver=Descent()).fit(X, y)
    with pytest.raises(ValueError, match=r"has no method parabola\(e, rounding\)"):
        clone(model).set_params(loss=LogCosh()).fit(X, y)
    own = clone(model).set_params(loss=LogCoshForReadouts()).fit(X, y)
    assert rmse(own) < 1.1 * rmse(clone(model).fit(X, y))
    assert not np.array_equal(own.theta_, clone(model).fit(X, y).theta_)


class Fading(BaseEstimator):
    """Anything that says how fast to forget."""

    forgetting = 0.99


def test_a_recursive_solver_of_ones_own():
    own = (
        ESNRegressor(20, solver=Fading(), random_state=0).fit(X[:400], y[:400]).partial_fit(X[400:], y[400:])
    )
    ours = ESNRegressor(20, solver=tsrnn.RecursiveLeastSquares(0.99), random_state=0).fit(X[:400], y[:400])
    assert np.array_equal(own.theta_, ours.partial_fit(X[400:], y[400:]).theta_)


# ---------------------------------------------------------------------------------------- refused: what lacks a method


def test_an_object_that_lacks_methods_is_refused():
    for loss in (object(), np.tanh, LogCosh, lambda out, y: 0.0):
        with pytest.raises(ValueError, match=r"anything with a method __call__\(out, y, w, at, dout\)"):
            resolve_loss(loss)
    for solver in (object(), Descent, tsrnn.RecursiveLeastSquares()):
        with pytest.raises(TypeError, match=r"with a method minimize\(objective, theta, monitor, rng\)"):
            resolve_solver(solver)
    for transform in (object(), np.log, Root):
        with pytest.raises(
            ValueError, match=r"the methods __call__\(Y\) and inverse\(U\), or polynomial\(\)"
        ):
            resolve_target(transform)


# ---------------------------------------------------------------------------------------- transforms


class Root:
    """Signed square root; not an estimator."""

    def __call__(self, Y):
        return np.sign(Y) * np.sqrt(np.abs(Y))

    def inverse(self, U):
        return np.sign(U) * U**2


class Acceleration(BaseEstimator):
    """Second differences."""

    def polynomial(self):
        return [1, -2, 1]


class Wrong(Acceleration):
    def polynomial(self):
        return [0, 1]


def test_transforms_of_ones_own():
    net = NARXRegressor((4,), input_lags=2, output_lags=3, **QUICK)
    model = clone(net).set_params(target_transform=[Root(), Acceleration()]).fit(X[:400], y[:400])
    twin = clone(net).set_params(target_transform=[Root(), "difference", "difference"]).fit(X[:400], y[:400])
    assert np.array_equal(model.predict_ahead(X[400:], y[400:]), twin.predict_ahead(X[400:], y[400:]))
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.forecast(5, X[400:405]), model.forecast(5, X[400:405]))
    with pytest.raises(ValueError, match=r"has the polynomial \[0\. 1\.\]"):
        resolve_target(Wrong())
    with pytest.raises(
        TypeError,
        match=r"Root object.*cannot be exported: it has no method terms",
    ):
        to_c(model)
    assert to_c(NARXRegressor((4,), target_transform=Acceleration(), **QUICK).fit(X, y))


def test_they_work_inside_a_forecaster():
    inner = clone(MODELS["NARX"]).set_params(loss=LogCosh(), solver=Signs(), max_iter=3)
    out = Forecaster(inner, 3, strategy="recursive", known_ahead="all").fit(X, y).forecast(3, X[:3])
    assert np.isfinite(out).all()
