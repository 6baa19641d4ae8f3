"""Solvers: each finds the minimum it is asked for, stops when told, and keeps finite parameters."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from tsrnn import LBFGS, SGD, Adam, Evolution, LevenbergMarquardt, NARXRegressor, RMSprop, TDNNRegressor
from tsrnn._nets.delay import make_plan
from tsrnn._nets.delay_loss import WindowLoss as Objective
from tsrnn._series.units import Series
from tsrnn._training import gauss_newton
from tsrnn._training.monitor import Monitor
from tsrnn._training.solvers import resolve_solver
from tsrnn.datasets import make_narendra


rng = np.random.default_rng(0)
X, y = make_narendra(300, random_state=0)
U = rng.normal(size=(200, 2))
Z = 1.0 + U[2:] @ [0.7, -0.4] + U[1:-1] @ [0.2, 0.1] + 0.3 * rng.normal(size=198)
STOCHASTIC = {"adam": Adam(0.01), "sgd": SGD(0.1), "rmsprop": RMSprop(0.01)}
EVERY = {
    **STOCHASTIC,
    "lbfgs": LBFGS(),
    "lm": LevenbergMarquardt(),
    "lm, fixed decay": LevenbergMarquardt(bayesian=False),
    "differential evolution": Evolution(population=12),
    "annealing": Evolution("annealing"),
}


TO_THE_END = {"max_iter": 500, "tol": 0.0, "early_stopping": False}


class Quadratic:
    """Half w (theta - target)^2, summed over the parameters: a problem that solvers can be driven with.

    Sample i is the residual of parameter i; every sample is linear in theta. An epoch has two batches: all
    samples, and the first of them. ``thetas`` are those that a gradient was asked for at.
    """

    def __init__(self, target, w=None, decay=0.0):
        self.target = np.asarray(target, float)
        n = len(self.target)
        self.everything = np.arange(n)
        self.w = np.ones(n) if w is None else np.asarray(w, float)
        self.weight = self.w.sum()
        self.decay = np.full(n, decay)
        self.groups = np.ones(n, np.int64)
        self.linear = np.zeros(n, bool)
        self.thetas = []

    def batches(self, rng):
        yield self.everything, self.weight
        yield self.everything[:1], self.w[0]

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


@pytest.mark.parametrize("name", EVERY)
def test_minimum_of_a_quadratic(name):
    target = np.array([1.0, -2.0, 0.5])
    monitor = minimise(EVERY[name], Quadratic(target, [1, 2, 3]), np.zeros(3), max_iter=1500)
    close = 2e-2 if name in STOCHASTIC else 1e-5
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


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("training", ["open_loop", "closed_loop"])
def test_every_solver_lowers_the_loss(name, training):
    model = NARXRegressor((3,), solver=EVERY[name], training=training, sequence_length=10, random_state=0)
    model.set_params(max_iter=15, batch_size=50)
    losses = model.set_params(early_stopping=False).fit(X, y).loss_curve_
    assert np.all(np.isfinite(losses))
    assert min(losses) < 0.7 * losses[0]
    assert 1 <= len(losses) == model.n_iter_
    if name not in (*STOCHASTIC, "lm"):
        assert np.all(np.diff(losses) <= 1e-12)


def test_solvers_agree_on_a_small_net():
    """The loss that L-BFGS finds, Levenberg-Marquardt finds too, in fewer iterations."""
    model = TDNNRegressor((1,), input_lags=1, alpha=1.0, random_state=0, **TO_THE_END)
    lm = clone(model).set_params(solver=LevenbergMarquardt(bayesian=False)).fit(U[2:], Z)
    lbfgs = clone(model).set_params(solver="lbfgs").fit(U[2:], Z)
    assert lm.loss_curve_[-1] == pytest.approx(lbfgs.loss_curve_[-1], rel=1e-6)
    assert lm.n_iter_ < lbfgs.n_iter_


# ---------------------------------------------------------------------------------------- stochastic


class Straight:
    """A loss with the same gradient everywhere, over batches of weight 2: what a step makes of it is seen."""

    weight, decay = 2.0, np.zeros(3)

    def __init__(self, gradient):
        self.gradient = 2.0 * np.asarray(gradient)

    def batches(self, rng):
        yield "the only batch", 2.0

    def loss_grad(self, theta, batch):
        return 1.0, self.gradient.astype(theta.dtype)


def adam_twin(theta, g, t, memory, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """Kingma and Ba, algorithm 1."""
    m = memory["m"] = beta_1 * memory.get("m", 0) + (1 - beta_1) * g
    v = memory["v"] = beta_2 * memory.get("v", 0) + (1 - beta_2) * g**2
    m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
    return theta - rate * m_hat / (np.sqrt(v_hat) + epsilon)


def sgd_twin(theta, g, t, memory, rate, momentum=0.9, nesterov=True):
    """Sutskever et al., equations 3 and 4, written for the point looked ahead to (Bengio et al., 2013)."""
    before = memory.get("v", 0)
    v = memory["v"] = momentum * before - rate * g
    return theta - momentum * before + (1 + momentum) * v if nesterov else theta + v


def rmsprop_twin(theta, g, t, memory, rate, rho=0.9, epsilon=1e-8):
    """Tieleman and Hinton, slide 29 of lecture 6."""
    v = memory["v"] = rho * memory.get("v", 0) + (1 - rho) * g**2
    return theta - rate * g / (np.sqrt(v) + epsilon)


TWINS = [
    (Adam, adam_twin, {}),
    (Adam, adam_twin, {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 0.1}),
    (SGD, sgd_twin, {}),
    (SGD, sgd_twin, {"nesterov": False}),
    (SGD, sgd_twin, {"momentum": 0}),
    (RMSprop, rmsprop_twin, {}),
    (RMSprop, rmsprop_twin, {"rho": 0.5, "epsilon": 0.1}),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rule", "twin", "kw"), TWINS)
def test_a_rule_is_its_equation(rule, twin, kw, dtype):
    """Over three epochs, each of a batch of all samples and one of the first, with weights and decay."""
    target, w, rate = np.array([1.0, -1.0]), np.array([1.0, 3.0]), 0.1
    objective, solver = Quadratic(target, w, decay=0.4), rule(rate, **kw)
    solver.dtype = dtype
    minimise(solver, objective, [0.2, 0.3], max_iter=3)
    theta, memory = np.array([0.2, 0.3]), {}
    close = 1e-12 if dtype == np.float64 else 1e-5
    for t in range(1, 6):
        batch_w, batch_weight = (w, 4.0) if t % 2 else ([1.0, 0.0], 1.0)
        g = batch_w * (theta - target) / batch_weight + 0.4 * theta / 4
        theta = twin(theta, g, t, memory, rate, **kw)
        np.testing.assert_allclose(objective.thetas[t], theta, rtol=close, atol=close)
    assert objective.thetas[0].dtype == dtype


@pytest.mark.parametrize("name", STOCHASTIC)
def test_moments_go_on(name):
    """Two runs, the second with the first one's moments, are one run; moments of another rule are not taken."""

    def run(theta, epochs, moments=None, solver=STOCHASTIC[name]):
        monitor = Monitor(theta, epochs, 0.0, 1000)
        moments = solver.minimize(Quadratic([1.0, -1.0]), theta, monitor, None, moments)
        return monitor.best_theta, moments

    whole, _ = run(np.zeros(2), 5)
    half, moments = run(np.zeros(2), 2)
    before = [trace.copy() for trace in moments.traces]
    assert np.array_equal(run(half, 3, moments)[0], whole)
    assert not np.array_equal(run(half, 3)[0], whole)
    assert np.array_equal(moments.traces, before), "the moments passed in are not changed"
    other = Adam(0.1) if name == "sgd" else SGD(0.1)
    assert np.array_equal(run(half, 3, moments, other)[0], run(half, 3, None, other)[0])


def moments(model):
    """The rule whose moments a model holds, and how many steps they saw."""
    carried = model.fitted_.trained.carry.moments
    return carried.rule, carried.t


@pytest.mark.parametrize("word", ["sgd", "rmsprop", "adam"])
def test_partial_fit_goes_on_with_the_solver_of_fit(word):
    model = NARXRegressor((3,), solver=word, max_iter=4, random_state=0, early_stopping=False)
    model.set_params(training="open_loop", batch_size=100).fit(X, y)
    kind = type(resolve_solver(word))
    assert moments(model) == (kind, 4 * 3)  # epochs, batches in each
    old = model.theta_
    model.partial_fit(X, y)
    assert moments(model) == (kind, 5 * 3)
    assert not np.array_equal(model.theta_, old)
    other = SGD() if word == "adam" else Adam()
    model.set_params(solver=other).partial_fit(X, y)
    assert moments(model)[0] is type(other)


@pytest.mark.parametrize("rule", [Adam, SGD, RMSprop])
def test_partial_fit_learns_after_a_fit_that_diverged(rule):
    model = TDNNRegressor((3,), solver=rule(1e30), max_iter=5, random_state=0, early_stopping=False)
    with pytest.warns(ConvergenceWarning, match="Lower the learning rate"):
        model.fit(X, y)
    old = model.theta_
    model.set_params(solver=rule(1e-3)).partial_fit(X, y)
    assert np.isfinite(model.theta_).all()
    assert not np.array_equal(model.theta_, old)


def test_mini_batches_cover_every_sample_once_an_epoch():
    """In another order each time; ``batch_size`` counts rows, and the weights add up."""
    plan, rng = make_plan(1, 1, (2,), "tanh", (0,), (), [(0,)]), np.random.RandomState(0)
    rows = Series(np.ones((30, 1)), np.ones((30, 1)), np.linspace(1, 2, 30), np.zeros(30, bool))
    for steps, batch_size, sizes in [
        (1, 12, [12, 12, 6]),
        (3, 12, [4, 4, 2]),
        (3, 2, [1] * 10),
        (3, 100, [10]),
    ]:
        objective = Objective(plan, [rows], steps, False, 0.0, np.float32, batch_size=batch_size)
        epochs = [list(objective.batches(rng)) for _ in range(2)]
        for epoch in epochs:
            assert [len(batch) for batch, _ in epoch] == sizes
            assert np.array_equal(
                np.sort(np.concatenate([batch for batch, _ in epoch])), objective.everything
            )
            assert sum(weight for _, weight in epoch) == pytest.approx(objective.weight)
        assert not np.array_equal(*(np.concatenate([batch for batch, _ in epoch]) for epoch in epochs))


def test_batch_size_changes_a_stochastic_fit_only():
    for solver, same in (("adam", False), ("lbfgs", True)):
        model = TDNNRegressor((3,), solver=solver, max_iter=3, random_state=0)
        fits = [clone(model).set_params(batch_size=size).fit(X, y).theta_ for size in (10, 100)]
        assert np.array_equal(*fits) == same


def clipped(**kw):
    """The gradient that is left of (3, -4, 0.01)."""
    return -minimise(SGD(1.0, momentum=0, **kw), Straight([3, -4, 0.01]), np.zeros(3), max_iter=1).best_theta


def test_no_clipping_by_default():
    np.testing.assert_allclose(clipped(), [3, -4, 0.01], rtol=1e-6)


def test_clipping_by_norm():
    np.testing.assert_allclose(clipped(clip_norm=1.0), np.array([3, -4, 0.01]) / 5, rtol=1e-5)
    np.testing.assert_allclose(clipped(clip_norm=6), [3, -4, 0.01], rtol=1e-6)


def test_clipping_by_value():
    np.testing.assert_allclose(clipped(clip_value=0.5), [0.5, -0.5, 0.01], rtol=1e-6)


def test_clipping_by_value_comes_first():
    expected = np.array([0.5, -0.5, 0.01]) / np.linalg.norm([0.5, 0.5, 0.01]) * 0.1
    np.testing.assert_allclose(clipped(clip_norm=0.1, clip_value=0.5), expected, rtol=1e-6)


def test_a_gradient_too_long_for_its_square_is_clipped():
    """1e30 squared is infinite in float32."""
    solver = SGD(1.0, momentum=0, clip_norm=1.0)
    monitor = minimise(solver, Straight([1e30, 0, 0]), np.zeros(3), max_iter=1)
    np.testing.assert_allclose(monitor.best_theta, [-1, 0, 0], rtol=1e-6)


@pytest.mark.parametrize("solver", [Adam, SGD, RMSprop])
def test_clipping_changes_a_fit(solver):
    model = NARXRegressor((3,), max_iter=3, random_state=0)
    fits = [
        clone(model).set_params(solver=solver(0.05, **kw)).fit(X, y).theta_
        for kw in ({}, {"clip_norm": 1e-3}, {"clip_value": 1e-4})
    ]
    assert not np.allclose(fits[0], fits[1])
    assert not np.allclose(fits[0], fits[2])


def rates(max_iter, losses=None, tol=0.0, n_iter_no_change=1000, **kw):
    """The learning rate of each epoch, as the steps show it; ``losses`` are what the monitor watches."""
    watched, thetas = iter([np.inf, *(losses or range(max_iter, 0, -1))]), []

    def validate(theta):
        thetas.append(theta.copy())
        return next(watched)

    monitor = Monitor(np.zeros(3), max_iter, tol, n_iter_no_change, validate)
    SGD(1.0, momentum=0, **kw).minimize(Straight([1, 0, 0]), np.zeros(3), monitor, None)
    return -np.diff(thetas, axis=0)[:, 0]


def test_constant_rate():
    assert np.array_equal(rates(4), [1, 1, 1, 1])


def test_cosine_falls_to_zero():
    expected = [(1 + np.cos(np.pi * k / 8)) / 2 for k in range(8)]
    np.testing.assert_allclose(rates(8, schedule="cosine"), expected, atol=1e-6)


def test_warmup():
    np.testing.assert_allclose(rates(8, warmup=0.5), [0.25, 0.5, 0.75, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(rates(5, warmup=0.3), [1 / 1.5, 1, 1, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(rates(4, warmup=1, schedule="cosine"), [0.25, 0.5, 0.75, 1])
    falling = [(1 + np.cos(np.pi * k / 6)) / 2 for k in range(6)]
    np.testing.assert_allclose(rates(8, warmup=0.25, schedule="cosine"), [0.5, 1, *falling], atol=1e-6)


def test_plateau_divides_by_five():
    """After two epochs, half the patience, without a gain of a tenth."""
    losses = [1.0, 0.99, 0.98, 0.5, 0.49, 0.48, 0.47, 0.46, 0.1]
    found = rates(20, losses, tol=0.1, n_iter_no_change=4, schedule="plateau")
    np.testing.assert_allclose(found, [1, 1, 1, 0.2, 0.2, 0.2, 0.04, 0.04], rtol=1e-4)


def test_plateau_watches_the_training_loss_without_validation():
    objective = Straight([1, 0, 0])
    monitor = Monitor(np.zeros(3), 20, 0.0, 6)
    SGD(1.0, momentum=0, schedule="plateau").minimize(objective, np.zeros(3), monitor, None)
    np.testing.assert_allclose(monitor.best_theta, [-(4 + 3 * 0.2), 0, 0], rtol=1e-6)


# ---------------------------------------------------------------------------------------- Bayesian


def decays(noise, monkeypatch):
    """Mean decay of the weights that a fit to a noisy target ends with."""
    noisy = y + noise * np.std(y) * np.random.default_rng(1).normal(size=len(y))
    found = []
    evidence = gauss_newton._evidence
    monkeypatch.setattr(gauss_newton, "_evidence", lambda *args: found.append(evidence(*args)) or found[-1])
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
    for name, solver in EVERY.items():
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
@pytest.mark.parametrize("rule", [Adam, SGD, RMSprop])
def test_divergence_warns_and_keeps_finite_weights(rule, n_restarts, early_stopping):
    model = NARXRegressor(
        (3,),
        solver=rule(1e30),
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


@pytest.mark.parametrize("name", EVERY)
def test_interrupting_a_fit(name, monkeypatch):
    """Ctrl-C in the middle comes through, whatever runs the iterations."""

    def interrupt(self, theta, loss):
        raise KeyboardInterrupt

    monkeypatch.setattr(Monitor, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        NARXRegressor((2,), solver=EVERY[name], random_state=0).fit(X, y)


def test_an_error_in_the_monitor_is_not_swallowed():
    for solver in EVERY.values():
        with pytest.raises(ZeroDivisionError):
            minimise(solver, Quadratic([1.0, 2.0]), np.zeros(2), progress=lambda text: 1 / 0)


# ---------------------------------------------------------------------------------------- words and objects


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("adam", Adam),
        ("sgd", SGD),
        ("rmsprop", RMSprop),
        ("lbfgs", LBFGS),
        ("lm", LevenbergMarquardt),
        ("evolution", Evolution),
    ],
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
                loss, grad = objective.loss_grad(theta, objective.everything)
                if monitor(theta, loss / objective.weight):
                    return
                theta = theta - 0.3 * grad / objective.weight

    model = NARXRegressor((3,), solver=Descent(), training="open_loop", max_iter=50, random_state=0).fit(X, y)
    assert model.loss_curve_[-1] < 0.5 * model.loss_curve_[0]


def test_a_solver_is_not_changed_by_a_fit():
    for solver in EVERY.values():
        before = dict(vars(solver))
        NARXRegressor((2,), solver=solver, max_iter=2, random_state=0).fit(X, y)
        assert vars(solver) == before


def test_auto_weighs_parameters_against_rows():
    small, large = NARXRegressor((4,), max_iter=1), NARXRegressor((400, 8), max_iter=1)
    rows = [Series(X, y[:, None], np.ones(len(y)), np.zeros(len(y), bool))]
    for model, kind in (small, LevenbergMarquardt), (large, Adam):
        learner = model._learner()
        assert type(learner._solver(learner.net(X.shape[1], 1), rows)) is kind


def test_relevance_finds_the_lag_that_matters():
    """With "ard" the weights of lags that y does not depend on are all but gone."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 1))
    y = np.tanh(np.roll(X[:, 0], 2)) + 0.1 * rng.normal(size=400)
    solver = LevenbergMarquardt(bayesian="ard")
    alone = {"skip_connections": False, "early_stopping": False, "random_state": 0}
    model = TDNNRegressor((3,), input_lags=4, solver=solver, **alone).fit(X, y)
    strength = np.abs(model.params_[0].W).max(axis=1)  # oldest lag first
    assert strength[2] > 20 * np.delete(strength, 2).max()
    plain = model.set_params(solver=LevenbergMarquardt()).fit(X, y)
    strength = np.abs(plain.params_[0].W).max(axis=1)
    assert strength[2] < 20 * np.delete(strength, 2).max()


def test_blas_has_one_thread_in_any_thread_that_asks():
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import ThreadpoolController

    from tsrnn._training.least_squares import one_thread

    blas = ThreadpoolController().select(user_api="blas")

    def inside():
        with one_thread:
            return [library["num_threads"] for library in blas.info()]

    with blas.limit(limits=2), ThreadPoolExecutor(1) as pool:
        for ask in (inside, lambda: pool.submit(inside).result()) * 2:
            assert set(ask()) == {1}
            assert {library["num_threads"] for library in blas.info()} == {2}
