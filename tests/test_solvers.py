"""Solvers: each finds the minimum it is asked for, stops when told, and keeps finite parameters."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from tsrnn import LBFGS, Adam, Evolution, LevenbergMarquardt, NARXRegressor, TDNNRegressor, _solvers
from tsrnn._base import Series
from tsrnn._solvers import resolve_solver
from tsrnn._training import Monitor
from tsrnn.datasets import make_narendra


rng = np.random.default_rng(0)
X, y = make_narendra(300, random_state=0)
U = rng.normal(size=(200, 2))
Z = 1.0 + U[2:] @ [0.7, -0.4] + U[1:-1] @ [0.2, 0.1] + 0.3 * rng.normal(size=198)
FIVE = {
    "adam": Adam(0.01, batch_size=50),
    "lbfgs": LBFGS(),
    "lm": LevenbergMarquardt(),
    "lm, fixed decay": LevenbergMarquardt(bayesian=False),
    "differential evolution": Evolution(population=12),
    "annealing": Evolution("annealing"),
}


TO_THE_END = {"max_iter": 500, "tol": 0.0, "early_stopping": False}


class Quadratic:
    """Half w (theta - target)^2, summed over the parameters: a problem that solvers can be driven with.

    Sample i is the residual of parameter i, so n = P; every sample is linear in theta.
    """

    steps, alpha = 1, 0.0

    def __init__(self, target, w=None, decay=0.0):
        self.target = np.asarray(target, float)
        self.n = len(self.target)
        self.w = np.ones(self.n) if w is None else np.asarray(w, float)
        self.weight = self.w.sum()
        self.decay = np.full(self.n, decay)
        self.groups = np.ones(self.n, np.int64)
        self.linear = np.zeros(self.n, bool)
        self.thetas = []

    def loss_grad(self, theta, batch):
        self.thetas.append(theta.copy())
        r = np.zeros_like(theta)
        r[batch] = theta[batch] - self.target[batch]
        return 0.5 * float(self.w @ r**2), (self.w * r).astype(theta.dtype)

    def sum_of_squares(self, theta):
        return float(self.w @ (theta - self.target) ** 2)

    def gauss_newton(self, theta):
        r = theta - self.target
        return self.sum_of_squares(theta), self.w * r, np.diag(self.w)

    def solve_linear(self, theta, decay):
        return theta


def minimise(solver, objective, theta, max_iter=100, tol=0.0, **kw):
    """The monitor after a run."""
    start = np.array(theta, float)
    monitor = Monitor(start.copy(), max_iter, tol, 1000, **kw)
    solver.minimize(objective, start, monitor, np.random.RandomState(0))
    return monitor


# ---------------------------------------------------------------------------------------- known minima


@pytest.mark.parametrize("name", FIVE)
def test_minimum_of_a_quadratic(name):
    target = np.array([1.0, -2.0, 0.5])
    monitor = minimise(FIVE[name], Quadratic(target, [1, 2, 3]), np.zeros(3), max_iter=1500)
    close = 1e-2 if name == "adam" else 1e-5
    np.testing.assert_allclose(monitor.best_theta, target, atol=close)
    assert monitor.best_theta.dtype == np.float64
    assert len(monitor.loss_curve) == monitor.n_iter


@pytest.mark.parametrize("solver", [LBFGS(), LevenbergMarquardt(bayesian=False)])
def test_decay_pulls_to_zero(solver):
    """The minimum of w (theta - a)^2 + d theta^2 is w a / (w + d)."""
    a, w, d = np.array([1.0, -2.0]), np.array([1.0, 4.0]), 0.5
    monitor = minimise(solver, Quadratic(a, w, d), np.zeros(2))
    np.testing.assert_allclose(monitor.best_theta, w * a / (w + d), rtol=1e-5)


@pytest.mark.parametrize("solver", [LBFGS(), LevenbergMarquardt(bayesian=False)], ids=["lbfgs", "lm"])
@pytest.mark.parametrize("alpha", [0.0, 3.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_hidden_layer_is_ridge_regression(solver, alpha, weighted):
    w = rng.uniform(0.5, 2, len(Z)) if weighted else np.ones(len(Z))
    model = TDNNRegressor((), input_lags=1, solver=solver, alpha=alpha, scale=None, **TO_THE_END)
    model.fit(U[2:], Z, sample_weight=w)
    lagged = np.c_[U[2:-1], U[3:], np.ones(len(Z) - 1)]
    penalty = np.diag([alpha] * 4 + [0.0])
    A, b = lagged.T @ (w[1:, None] * lagged) + penalty, lagged.T @ (w[1:] * Z[1:])
    np.testing.assert_allclose(model.theta_, np.linalg.solve(A, b), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("solver", ["lbfgs", LevenbergMarquardt(bayesian=False)])
def test_linear_arx_with_two_outputs_is_least_squares(solver):
    Y = np.zeros((200, 2))
    for t in range(1, 200):
        Y[t] = [[0.6, 0.2], [-0.3, 0.5]] @ Y[t - 1] + U[t - 1] + 0.05 * rng.normal(size=2)
    model = NARXRegressor(
        (),
        input_lags=(1,),
        output_lags=1,
        training="open_loop",
        solver=solver,
        alpha=0,
        scale=None,
        **TO_THE_END,
    )
    model.fit(U, Y)
    lagged = np.c_[U[:-1], Y[:-1], np.ones(199)]
    expected = np.linalg.lstsq(lagged, Y[1:], rcond=None)[0]
    np.testing.assert_allclose(model.theta_, expected.ravel(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", FIVE)
@pytest.mark.parametrize("training", ["open_loop", "closed_loop"])
def test_every_solver_lowers_the_loss(name, training):
    model = NARXRegressor(
        (3,), solver=FIVE[name], training=training, sequence_length=10, max_iter=15, random_state=0
    )
    losses = model.set_params(early_stopping=False).fit(X, y).loss_curve_
    assert np.all(np.isfinite(losses))
    assert min(losses) < 0.7 * losses[0]
    assert 1 <= len(losses) == model.n_iter_
    if "adam" not in name and name != "lm":
        assert np.all(np.diff(losses) <= 1e-12)


def test_solvers_agree_on_a_small_net():
    """The loss that L-BFGS finds, Levenberg-Marquardt finds too, in fewer iterations."""
    model = TDNNRegressor((1,), input_lags=1, alpha=1.0, random_state=0, **TO_THE_END)
    lm = clone(model).set_params(solver=LevenbergMarquardt(bayesian=False)).fit(U[2:], Z)
    lbfgs = clone(model).set_params(solver="lbfgs").fit(U[2:], Z)
    assert lm.loss_curve_[-1] == pytest.approx(lbfgs.loss_curve_[-1], rel=1e-6)
    assert lm.n_iter_ < lbfgs.n_iter_


# ---------------------------------------------------------------------------------------- Adam


def first_step(**kw):
    """The gradient that Adam worked with in its first step on (3, -4, 0.01): m = (1 - beta_1) g shows it."""
    solver = Adam(1.0, beta_1=0.5, beta_2=0.0, epsilon=1e6, batch_size=3, **kw)
    objective = Quadratic([-9.0, 12.0, -0.03])  # weight 3, so that the mean gradient is a third of this
    monitor = minimise(solver, objective, np.zeros(3), max_iter=1)
    return -monitor.best_theta * 1e6  # epsilon is far larger than the root: theta = -rate * g / epsilon


def test_no_clipping_by_default():
    np.testing.assert_allclose(first_step(), [3, -4, 0.01], rtol=1e-4)


def test_clipping_by_norm():
    np.testing.assert_allclose(first_step(clip_norm=1.0), np.array([3, -4, 0.01]) / 5, rtol=1e-4)
    np.testing.assert_allclose(first_step(clip_norm=6.0), [3, -4, 0.01], rtol=1e-4)


def test_clipping_by_value():
    np.testing.assert_allclose(first_step(clip_value=0.5), [0.5, -0.5, 0.01], rtol=1e-4)


def test_clipping_by_value_comes_first():
    expected = np.array([0.5, -0.5, 0.01]) / np.linalg.norm([0.5, 0.5, 0.01]) * 0.1
    np.testing.assert_allclose(first_step(clip_norm=0.1, clip_value=0.5), expected, rtol=1e-4)


def test_adam_is_its_formula():
    """Three steps on one batch, in float64 and by hand."""
    target, rate, b1, b2, eps = np.array([1.0, -1.0]), 0.1, 0.9, 0.999, 1e-8
    objective = Quadratic(target)
    minimise(Adam(rate, batch_size=2), objective, [0.2, 0.3], max_iter=4)
    theta, m, v = np.array([0.2, 0.3]), 0, 0
    for t in range(1, 4):
        g = (theta - target) / 2
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        theta = theta - rate * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps)
        np.testing.assert_allclose(objective.thetas[t], theta, rtol=1e-5, atol=1e-6)
    assert objective.thetas[0].dtype == np.float32


def test_mini_batches_cover_every_sample_once_an_epoch():
    batches = []
    objective = Quadratic(np.arange(10.0))
    inner = objective.loss_grad
    objective.loss_grad = lambda theta, batch: (batches.append(batch), inner(theta, batch))[1]
    minimise(Adam(batch_size=4), objective, np.zeros(10), max_iter=2)
    assert [len(b) for b in batches] == [4, 4, 2, 4, 4, 2]
    for epoch in (batches[:3], batches[3:]):
        assert sorted(np.concatenate(epoch)) == list(range(10))
    assert not np.array_equal(np.concatenate(batches[:3]), np.concatenate(batches[3:]))


def test_clipping_changes_a_fit():
    model = NARXRegressor((3,), max_iter=3, random_state=0)
    fits = [
        clone(model).set_params(solver=Adam(0.05, **kw)).fit(X, y).theta_
        for kw in ({}, {"clip_norm": 1e-3}, {"clip_value": 1e-4})
    ]
    assert not np.allclose(fits[0], fits[1])
    assert not np.allclose(fits[0], fits[2])


# ---------------------------------------------------------------------------------------- Bayesian


def decays(noise, monkeypatch):
    """Mean decay of the weights that a fit to a noisy target ends with."""
    noisy = y + noise * np.std(y) * np.random.default_rng(1).normal(size=len(y))
    found = []
    evidence = _solvers._evidence
    monkeypatch.setattr(_solvers, "_evidence", lambda *args: found.append(evidence(*args)) or found[-1])
    model = TDNNRegressor((6,), input_lags=2, solver=LevenbergMarquardt(), random_state=0)
    model.set_params(early_stopping=False).fit(X, noisy)
    monkeypatch.undo()
    return np.median(found[-1][found[-1] > 0])


def test_bayesian_decay_grows_with_the_noise(monkeypatch):
    found = [decays(noise, monkeypatch) for noise in (0.01, 0.3, 3.0)]
    assert found[0] < 0.3 * found[1] < 0.3 * found[2]


def test_bayesian_generalises_where_a_fixed_decay_overfits():
    train, test = make_narendra(200, random_state=1), make_narendra(300, random_state=2)
    noisy = train[1] + np.random.default_rng(0).normal(size=200)
    scores = {}
    for bayesian in (False, True):
        solver = LevenbergMarquardt(bayesian=bayesian)
        model = TDNNRegressor((12,), input_lags=3, solver=solver, random_state=0, early_stopping=False)
        model.fit(train[0], noisy)
        scores[bayesian] = model.score(*test)
    assert scores[True] > scores[False] + 0.02


def test_bayesian_leaves_a_noise_free_problem_alone():
    exact = np.tanh(U[:, 0] + 0.5 * U[:, 1]) + 0.3 * U[:, 0]
    model = TDNNRegressor((4,), input_lags=0, alpha=1.0, random_state=0, **TO_THE_END).fit(U, exact)
    assert model.score(U, exact) > 1 - 1e-6


# ---------------------------------------------------------------------------------------- Evolution


@pytest.mark.parametrize("method", ["differential_evolution", "annealing"])
def test_evolution_stays_in_its_box_and_needs_no_gradient(method):
    objective = Quadratic([10.0, -0.5])
    objective.loss_grad = None
    monitor = minimise(
        Evolution(method, bound=2.0, polish=False, population=8), objective, [0, 0], max_iter=60
    )
    np.testing.assert_allclose(monitor.best_theta, [2.0, -0.5], atol=0.05)
    assert monitor.n_iter <= 60


@pytest.mark.parametrize("method", ["differential_evolution", "annealing"])
def test_polish_finishes_the_search(method):
    search = {"max_iter": 3, "population": 6}
    losses = []
    for polish in (False, True):
        solver = Evolution(method, population=search["population"], polish=polish)
        losses.append(minimise(solver, Quadratic([1.0, -0.5]), [0.2, 0.2], max_iter=search["max_iter"]).best)
    assert losses[1] < 1e-12 < losses[0]


@pytest.mark.parametrize("method", ["differential_evolution", "annealing"])
def test_evolution_is_reproducible(method):
    model = NARXRegressor((2,), solver=Evolution(method, population=6), max_iter=3, random_state=3)
    assert np.array_equal(clone(model).fit(X, y).theta_, clone(model).fit(X, y).theta_)


# ---------------------------------------------------------------------------------------- the monitor


def test_max_iter():
    for name, solver in FIVE.items():
        if "evolution" not in name and "annealing" not in name:
            assert minimise(solver, Quadratic(np.arange(5.0) * 1e3), np.zeros(5), max_iter=2).n_iter <= 2


def test_tol_and_patience():
    monitor = Monitor(np.zeros(1), 100, 0.1, 3)
    losses = [1.0, 0.95, 0.94, 0.5, 0.49, 0.48, 0.47]
    assert [monitor(np.zeros(1), loss) for loss in losses] == [False] * 6 + [True]


def test_best_by_validation_else_last():
    watched = iter([4.0, 3.0, 1.0, 2.0])
    monitor = Monitor(np.full(1, -1.0), 3, 0, 10, validate=lambda theta: next(watched))
    assert monitor.best_theta == -1.0
    for k in range(3):
        stop = monitor(np.full(1, float(k)), 9.0 - k)
    assert stop
    assert monitor.best_theta == 1.0
    assert monitor.best == 1.0
    assert monitor.validation_curve == [3.0, 1.0, 2.0]
    assert monitor.loss_curve == [9.0, 8.0, 7.0]
    monitor = Monitor(np.full(1, -1.0), 3, 0, 10)
    for k in range(3):
        monitor(np.full(1, float(k)), [1.0, 3.0, 2.0][k])
    assert monitor.best_theta == 2.0


def test_a_start_that_validates_best_is_kept():
    watched = iter([1.0, 3.0, 2.0])
    monitor = Monitor(np.full(1, -1.0), 2, 0, 10, validate=lambda theta: next(watched))
    for k in range(2):
        monitor(np.full(1, float(k)), 1.0)
    assert monitor.best_theta == -1.0
    assert monitor.best == 1.0


@pytest.mark.parametrize("n_restarts", [1, 2])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_divergence_warns_and_keeps_finite_weights(n_restarts, early_stopping):
    model = NARXRegressor(
        (3,),
        solver=Adam(1e30),
        max_iter=5,
        random_state=0,
        n_restarts=n_restarts,
        early_stopping=early_stopping,
    )
    with pytest.warns(ConvergenceWarning, match=r"(?s)loss became (nan|inf).*Lower the learning rate"):
        model.fit(X, y)
    assert np.isfinite(model.theta_).all()
    assert np.isfinite(model.predict(X)).all()
    assert model.n_iter_ >= 1


@pytest.mark.parametrize("name", FIVE)
def test_interrupting_a_fit(name, monkeypatch):
    """Ctrl-C in the middle comes through, whatever runs the iterations."""

    def interrupt(self, theta, loss):
        raise KeyboardInterrupt

    monkeypatch.setattr(Monitor, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        NARXRegressor((2,), solver=FIVE[name], random_state=0).fit(X, y)


def test_an_error_in_the_monitor_is_not_swallowed():
    for solver in FIVE.values():
        with pytest.raises(ZeroDivisionError):
            minimise(solver, Quadratic([1.0, 2.0]), np.zeros(2), progress=lambda text: 1 / 0)


# ---------------------------------------------------------------------------------------- words and objects


@pytest.mark.parametrize(
    ("word", "kind"),
    [("adam", Adam), ("lbfgs", LBFGS), ("lm", LevenbergMarquardt), ("evolution", Evolution)],
)
def test_words(word, kind):
    assert type(resolve_solver(word)) is kind
    assert resolve_solver(solver := kind()) is solver
    fits = [
        NARXRegressor((2,), solver=s, max_iter=2, random_state=0).fit(X, y).theta_ for s in (word, kind())
    ]
    assert np.array_equal(*fits)


def test_a_solver_of_ones_own():
    """Anything with ``minimize`` and ``dtype`` will do."""

    class Descent:
        dtype = np.float64

        def minimize(self, objective, theta, monitor, rng):
            while True:
                loss, grad = objective.loss_grad(theta, np.arange(objective.n))
                if monitor(theta, loss / objective.weight):
                    return
                theta = theta - 0.3 * grad / objective.weight

    model = NARXRegressor((3,), solver=Descent(), training="open_loop", max_iter=50, random_state=0).fit(X, y)
    assert model.loss_curve_[-1] < 0.5 * model.loss_curve_[0]


def test_a_solver_is_not_changed_by_a_fit():
    for solver in FIVE.values():
        before = dict(vars(solver))
        NARXRegressor((2,), solver=solver, max_iter=2, random_state=0).fit(X, y)
        assert vars(solver) == before


def test_auto_weighs_parameters_against_rows():
    small, large = NARXRegressor((4,), max_iter=1), NARXRegressor((400, 8), max_iter=1)
    rows = [Series(X, y[:, None], np.ones(len(y)), np.zeros(len(y), bool))]
    assert type(small.fit(X, y)._solver(rows)) is LevenbergMarquardt
    assert type(large.fit(X, y)._solver(rows)) is Adam


def test_relevance_finds_the_lag_that_matters():
    """With "ard" the weights of lags that y does not depend on are all but gone."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 1))
    y = np.tanh(np.roll(X[:, 0], 2)) + 0.1 * rng.normal(size=400)
    solver = LevenbergMarquardt(bayesian="ard")
    model = TDNNRegressor((3,), input_lags=4, solver=solver, early_stopping=False, random_state=0).fit(X, y)
    strength = np.abs(model.params_[0].W).max(axis=1)  # oldest lag first
    assert strength[2] > 20 * np.delete(strength, 2).max()
    plain = model.set_params(solver=LevenbergMarquardt()).fit(X, y)
    strength = np.abs(plain.params_[0].W).max(axis=1)
    assert strength[2] < 20 * np.delete(strength, 2).max()
