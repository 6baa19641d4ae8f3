"""Training on what breaks it: right, or warned of, or refused with the cure; never NaN weights in silence."""

import pickle
import re
import warnings

import numpy as np
import pytest
from public import RECURRENT, others
from scipy.linalg import LinAlgWarning
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from tsrnn import (
    LBFGS,
    SGD,
    Adam,
    ARXRegressor,
    ElmanRegressor,
    ESNRegressor,
    ESNRegressorCV,
    Evolution,
    GRURegressor,
    LevenbergMarquardt,
    LSTMRegressor,
    NARXRegressor,
    PersistenceRegressor,
    RecursiveLeastSquares,
    RMSprop,
    SeasonalNaiveRegressor,
    TDNNRegressor,
)
from tsrnn._models.esn_learner import ESNLearner
from tsrnn._training.gauss_newton import assimilate
from tsrnn._training.monitor import Monitor


N = 60
TIME = np.arange(N)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2))
Y = np.sin(TIME / 7) + 0.3 * X[:, 0]
QUICK = {"max_iter": 4, "random_state": 0}
GIVEN = {"input_lags": 2, "output_lags": 3, **QUICK}  # lags are looked for by one of each kind
MODELS = {
    "narx": NARXRegressor((3,), **QUICK),
    **{
        f"narx, {solver}": NARXRegressor((3,), solver=solver, **GIVEN)
        for solver in ("lm", "lbfgs", "adam", "sgd", "rmsprop")
    },
    "narx, evolution": NARXRegressor((2,), solver=Evolution(population=5, polish=False), **GIVEN),
    "narx, relevance": NARXRegressor((3,), solver=LevenbergMarquardt(bayesian="ard"), **GIVEN),
    "narx, no decay": NARXRegressor((3,), alpha=0.0, solver=LevenbergMarquardt(bayesian=False), **GIVEN),
    "tdnn": TDNNRegressor((3,), input_lags=2, **QUICK),
    "tdnn, far steps": TDNNRegressor((3,), input_lags=2, activation="relu", solver=SGD(1e3), **QUICK),
    **{f"tdnn, {loss}": TDNNRegressor((3,), loss=loss, **QUICK) for loss in ("absolute", "huber", "pinball")},
    **{
        f"{name}, {solver}": model((3,), output_lags=1, solver=solver, **QUICK)
        for name, model in [("elman", ElmanRegressor), ("lstm", LSTMRegressor), ("gru", GRURegressor)]
        for solver in ("auto", "adam", "lbfgs")
    },
    "lstm, far steps": LSTMRegressor((3,), solver=SGD(1e3), early_stopping=False, **QUICK),
    "gru, closed loop": GRURegressor((3,), output_lags=1, training="closed_loop", **QUICK),
    "esn": ESNRegressor(20, random_state=0),
    "esn, no penalty": ESNRegressor(20, alpha=0.0, output_lags=1, random_state=0),
    "esn, evidence": ESNRegressor(20, alpha="auto", random_state=0),
    "esn, relu": ESNRegressor(20, activation="relu", output_lags=1, random_state=0),
    "esn, recursive": ESNRegressor(20, solver=RecursiveLeastSquares(), random_state=0),
    "esn, huber": ESNRegressor(20, loss="huber", random_state=0),
    "esn, cv": ESNRegressorCV(20, cv=2, random_state=0),
    "arx": ARXRegressor(),
    "persistence": PersistenceRegressor(),
    "seasonal": SeasonalNaiveRegressor(3),
}
MODELS |= others(MODELS.values(), early_stopping=True)


def with_one(value, row, of):
    of = of.copy()
    of[row] = value
    return of


FAULTS = {
    "constant target": (X, np.full(N, 3.7)),
    "target 0": (X, np.zeros(N)),
    "target 1e290": (X, 1e290 * Y),
    "target 1e100": (X, 1e100 * Y),
    "target 1e-300": (X, 1e-300 * Y),
    "subnormal target": (X, 1e-310 * Y),
    "target far from 0": (X, Y + 1e12),
    "an outlier": (X, with_one(1e8, 30, Y)),
    "a huge outlier": (X, with_one(1e290, 30, Y)),
    "inputs 1e300": (1e300 * X, Y),
    "inputs 1e-300": (1e-300 * X, Y),
    "inputs grow": (np.where(TIME[:, None] < 48, X, 1e30 * X), Y),
    "an outlier in the inputs": (with_one(1e12, 30, X), Y),
    "all rows equal": (np.ones((N, 2)), np.ones(N)),
    "inputs constant": (np.ones((N, 2)), Y),
    "two equal columns": (X[:, [0, 0]], Y),
    "nothing but the input": (X, 2 * X[:, 0]),
    "one row": (X[:1], Y[:1]),
    "two rows": (X[:2], Y[:2]),
}
REFUSED = r"too large to learn from|needs at least|longer than the longest|number of samples|without bound"


@pytest.mark.parametrize("fault", FAULTS)
def test_right_or_warned_of_or_refused(fault):
    """Every model; every second one without scaling."""
    X, y = FAULTS[fault]
    for k, (name, model) in enumerate(MODELS.items(), start=len(fault)):
        model = clone(model)
        if "scale" in model.get_params():
            model.set_params(scale=("standard", None)[k % 2])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", LinAlgWarning)
            warnings.filterwarnings("ignore", "The model runs away", UserWarning)
            warnings.filterwarnings("ignore", "y is .* taken as not measured", UserWarning)
            warnings.filterwarnings("ignore", "overflow encountered in cast", RuntimeWarning)  # to float32
            try:
                model.fit(X, y)
            except ValueError as error:
                if not re.search(REFUSED, str(error)):
                    raise
                continue
            assert np.isfinite(getattr(model, "theta_", 0.0)).all(), name
            assert np.isfinite(model.predict(X)).all(), name
            assert np.isfinite(model.predict(X[:3], start="cold")).all(), name


# What a fit makes of numbers of any size


@pytest.mark.parametrize("name", ["narx, lm", "lstm, adam", "esn"])
@pytest.mark.parametrize("power", [-300, 100])
def test_numbers_of_any_size_are_learnt_alike(name, power):
    size = 2.0**power * 10.0 ** np.sign(power)
    small = clone(MODELS[name]).fit(X, Y).predict_ahead(X, Y)
    large = clone(MODELS[name]).fit(size * X, size * Y).predict_ahead(size * X, size * Y)
    np.testing.assert_allclose(large / size, small, rtol=1e-4, atol=1e-4)


# Exploding losses, NaN in gradients, singular matrices


def test_a_fit_that_diverges_keeps_the_parameters_of_the_lowest_loss():
    monitor = Monitor(np.zeros(1), 10, 0.0, 10)
    losses = [3.0, 2.0, 5.0, 1e30]  # of an epoch that begins with the parameters of the one before
    for k, loss in enumerate(losses):
        assert not monitor(np.array([1.0 + k]), loss)
    with pytest.warns(ConvergenceWarning, match=r"became nan in iteration 5; the best parameters before"):
        assert monitor(np.array([9.0]), np.nan)
    assert monitor.best_theta == [1.0]


@pytest.mark.parametrize("model", [TDNNRegressor, ElmanRegressor])
def test_steps_that_are_too_long_leave_a_net_no_worse_than_new(model):
    settings = {"random_state": 0, "early_stopping": False, "max_iter": 30}
    new = model((4,), solver=SGD(1e-30), **settings).fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="Lower the learning rate or set clip_norm"):
        far = model((4,), solver=SGD(1e3), **settings).fit(X, Y)
    errors = [np.mean((m.predict_ahead(X, Y) - Y) ** 2) for m in (new, far)]
    assert errors[1] <= 1.1 * errors[0]


class Cliff:
    """1/2 |theta - 1|^2; gradients are NaN beyond |theta| = 2 and, from a step on, everywhere."""

    weight, decay, everything = 1.0, np.zeros(2), None

    def __init__(self, calls=10**9):
        self.calls = calls

    def loss_grad(self, theta, batch):
        self.calls -= 1
        broken = self.calls < 0 or np.linalg.norm(theta) > 2
        loss, grad = 0.5 * float((theta - 1) @ (theta - 1)), theta - 1
        return loss, np.full_like(grad, np.nan) if broken else grad

    def batches(self, rng):
        yield None, 1.0


@pytest.mark.parametrize("solver", [Adam(0.1), SGD(0.1), RMSprop(0.1)])
def test_nan_in_gradients_ends_a_stochastic_fit(solver):
    monitor = Monitor(np.zeros(2), 100, 0.0, 100)
    with pytest.warns(ConvergenceWarning, match="iteration 8"):
        solver.minimize(Cliff(7), np.zeros(2), monitor, None)
    assert np.isfinite(monitor.best_theta).all()
    assert np.linalg.norm(monitor.best_theta - 1) < np.sqrt(2)


def test_nan_in_gradients_shortens_a_step_of_lbfgs():
    monitor = Monitor(np.array([-1.9, 0.5]), 100, 0.0, 100)
    LBFGS().minimize(Cliff(), monitor.best_theta, monitor, None)
    np.testing.assert_allclose(monitor.best_theta, 1, atol=1e-6)


@pytest.mark.parametrize("bayesian", [True, False, "ard"])
def test_a_singular_jacobian(bayesian):
    twice = X[:, [0, 0]]
    solver = LevenbergMarquardt(bayesian=bayesian)
    model = TDNNRegressor((3,), input_lags=1, alpha=0.0, solver=solver, random_state=0).fit(
        twice, 2 * X[:, 0]
    )
    np.testing.assert_allclose(model.predict(twice)[1:], 2 * X[1:, 0], atol=0.05)


def test_a_singular_gram_matrix():
    model = ESNRegressor(20, alpha=0.0, spectral_radius=0.0, bias_scaling=0.0, input_scaling=0.0)
    with pytest.warns(LinAlgWarning, match="alpha=0.0 is too small"):
        model.fit(X, 2 * X[:, 0])
    np.testing.assert_allclose(model.predict(X), 2 * X[:, 0], atol=1e-9)


@pytest.mark.parametrize(
    "name", [name for name in MODELS if not name.endswith(("steps", "adam", "sgd", "rmsprop"))]
)
def test_a_constant_target_is_forecast(name):
    model = clone(MODELS[name])
    if "max_iter" in model.get_params():
        model.set_params(max_iter=60)
    np.testing.assert_allclose(model.fit(X, np.full(N, 3.7)).predict(X), 3.7, atol=0.3)


# Rows that go on


class Overflowing:
    def gauss_newton(self, theta):
        return np.inf, np.full(2, np.nan), np.full((2, 2), np.inf)


def test_rows_whose_squares_overflow_are_not_assimilated():
    theta, information = np.ones(2), np.eye(2)
    with pytest.warns(ConvergenceWarning, match="nothing was learnt from them"):
        found = assimilate(Overflowing(), theta, information)
    assert found[0] is theta
    assert found[1] is information


@pytest.mark.parametrize("name", ["narx, lm", "narx, adam", "lstm, adam", "esn", "esn, recursive", "arx"])
def test_wild_rows_in_partial_fit_are_refused_or_warned_of(name):
    model = clone(MODELS[name]).fit(X[:40], Y[:40])
    before = pickle.dumps(vars(model))
    with pytest.raises(ValueError, match=r"X has a value .* too large to learn from"):
        model.partial_fit(1e200 * X[40:50], Y[40:50])
    assert pickle.dumps(vars(model)) == before
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        model.partial_fit(1e12 * X[40:50], Y[40:50]).partial_fit(X[50:], Y[50:])
    assert np.isfinite(model.theta_).all()


def test_weights_that_are_no_numbers_are_refused(monkeypatch):
    model = clone(MODELS["esn"]).fit(X, Y)
    before = model.theta_

    def broken(self, *_):
        return model.fitted_.trained._replace(dynamics=model._dynamics().but(theta=np.full(3, np.nan)))

    monkeypatch.setattr(ESNLearner, "learn", broken)
    with pytest.raises(ValueError, match="weights became NaN or infinite"):
        model.fit(X, Y)
    assert model.theta_ is before


# A long fit in pieces


@pytest.mark.parametrize("model", [NARXRegressor, TDNNRegressor, *RECURRENT])
@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop"])
def test_a_fit_in_pieces_goes_on_where_it_was(model, solver):
    """Each piece is stored and loaded, as by a process that is killed in between."""
    settings = {"solver": solver, "tol": 0.0, "early_stopping": False}
    if model is NARXRegressor:
        settings["training"] = "open_loop"
    one = model((3,), max_iter=6, random_state=np.random.RandomState(0), **settings).fit(X, Y)
    part = model((3,), max_iter=2, warm_start=True, random_state=np.random.RandomState(0), **settings)
    for _ in range(3):
        part = pickle.loads(pickle.dumps(part.fit(X, Y)))
    assert np.array_equal(part.theta_, one.theta_)


# ---------------------------------------------------------------------------------------- iterations


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gru, auto", {}),
        ("gru, auto", {"output_lags": 0}),
        ("gru, adam", {}),
        ("narx, lbfgs", {"training": "open_loop"}),
        ("narx, lbfgs", {"training": "both"}),
        ("tdnn", {}),
    ],
)
def test_max_iter_is_the_most_in_all_and_told_where_it_is_met(name, settings):
    model = clone(MODELS[name]).set_params(tol=0.0, n_iter_no_change=500, max_iter=7, **settings)
    with pytest.warns(ConvergenceWarning, match="max_iter=7 ended training"):
        assert model.fit(X, Y).n_iter_ == 7
    model.set_params(n_iter_no_change=2, tol=0.9, max_iter=500)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.fit(X, Y).n_iter_ < 50
        model.set_params(max_iter=None).fit(X, Y)


def test_a_search_that_ends_with_its_generations_has_not_failed():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(MODELS["narx, evolution"]).fit(X, Y)
