"""The delay network's kernels, objective and runs: against the equation, and against central differences."""

import naive
import numpy as np
import pytest
from numba import config

from tsrnn import ARXRegressor, NARXRegressor, Pinball
from tsrnn._models.delay_learner import DelayLearner
from tsrnn._nets import delay as _delay
from tsrnn._nets import delay_kernels as kernels
from tsrnn._nets import delay_linear
from tsrnn._nets import delay_loss as _delay_loss
from tsrnn._nets.delay import free_runs, make_plan, run
from tsrnn._nets.delay_linear import SHARES, trusted_share
from tsrnn._nets.delay_loss import WindowLoss as Objective
from tsrnn._series.lags import Averaged, Summand
from tsrnn._series.units import Series
from tsrnn._training.losses import resolve_loss
from tsrnn.datasets import make_narendra


# name -> n_inputs, n_outputs, hidden, activation, input_lags, output_lags, layer_lags
NETS = {
    "narx": (2, 1, (5,), "tanh", (0, 1, 2), (1, 2, 3), [(0,)]),
    "narx, sparse lags, two outputs": (1, 2, (4,), "logistic", (1, 4), (1, 2, 6), [(0,)]),
    "narx, two layers": (3, 2, (4, 3), "tanh", (0, 2), (1, 3), [(0,), (0,)]),
    "nar": (0, 1, (4,), "tanh", (), (1, 2, 5), [(0,)]),
    "arx": (2, 2, (), "identity", (0, 1), (1, 2), []),
    "narx, relu": (2, 1, (6,), "relu", (0, 1), (1, 2), [(0,)]),
    "narx, layers with lags": (1, 1, (3, 3), "tanh", (0, 1), (1, 2), [(0, 2), (0, 1)]),
    "tdnn": (2, 1, (5,), "logistic", (0, 1, 2, 3), (), [(0,)]),
    "tdnn, dilated": (2, 2, (3, 4, 3), "tanh", (0, 1), (), [(0, 2), (0, 4), (0,)]),
    "tdnn, layers that skip the present": (1, 1, (3, 3), "relu", (1, 3), (), [(1, 2, 5), (0, 2)]),
    "narx, two outputs, skip": (2, 2, (5, 4), "tanh", (0, 3), (1, 2, 5), [(0,), (0,)]),
    "tdnn, dilated, skip": (2, 1, (4, 3), "tanh", (0, 1), (), [(0, 2), (0,)]),
    "narx, layers look back, skip": (1, 1, (4, 3), "logistic", (0, 1), (1, 3), [(0, 2), (0,)]),
}
FEEDBACK = [name for name, net in NETS.items() if net[5]]
SMOOTH = [name for name, net in NETS.items() if net[3] != "relu"]
every_net = pytest.mark.parametrize("name", NETS)
every_feedback = pytest.mark.parametrize("name", FEEDBACK)


def build(name, seed=0):
    """A plan, parameters, and the naive net with the same ones."""
    n_inputs, n_outputs, hidden, activation, input_lags, output_lags, layer_lags = NETS[name]
    skip = name.endswith("skip")
    plan = make_plan(n_inputs, n_outputs, hidden, activation, input_lags, output_lags, layer_lags, skip)
    theta = np.random.default_rng(seed).normal(scale=0.4, size=plan.size)
    outside = [("x", input_lags), ("y", output_lags)]
    sees = [outside, *([(k, lags)] for k, lags in enumerate(layer_lags))]
    if skip:
        sees[-1] = outside + sees[-1]
    return plan, theta, naive.DelayNetwork(plan.views(theta), activation, sees)


def make_series(plan, N=40, seed=1, missing=(), split=None):
    """A series of random rows, some of them without weight; NaN in y where ``missing``."""
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(N, plan.n_inputs)), rng.normal(size=(N, plan.n_outputs))
    w = rng.uniform(0.2, 2, N)
    w[rng.choice(N, 4, replace=False)] = 0
    for t, o in missing:
        Y[t, o % plan.n_outputs] = np.nan
    held = np.zeros(N, bool)
    held[split if split is not None else N :] = True
    return Series(X, Y, w, held)


def both_series(plan):
    return [
        make_series(plan, 41, missing=[(17, 0), (18, 1)]),
        make_series(plan, 33, seed=2, missing=[(30, 1)]),
    ]


def naive_loss(net, series, steps=None, held=False):
    """Half the weighted sum of squares, and the sum of weights, from the equation."""
    loss = weight = 0.0
    for s in series:
        errors = naive.open_loop_errors(net, s.X, s.Y)
        if steps:
            errors = naive.closed_loop_errors(net, s.X, s.Y, steps)
        w = np.where(s.held == held, s.w, 0)[:, None] * np.isfinite(errors)
        loss += 0.5 * np.sum(w * np.nan_to_num(errors) ** 2)
        weight += w.sum()
    return loss, weight


def step_for(name):
    """Small enough that no unit crosses the kink of a relu."""
    return 1e-3 if name in SMOOTH else 1e-6


def assert_derivative(analytic, numeric, close=1e-7):
    """Within ``close`` of each element, and of the largest where an element is next to nothing beside it."""
    scale = np.abs(numeric).max()
    assert scale > 0
    np.testing.assert_allclose(analytic, numeric, rtol=close, atol=close / 100 * scale)


# ---------------------------------------------------------------------------------------- forward


@every_net
def test_run_follows_the_equation_in_open_loop(name):
    plan, theta, net = build(name)
    s = make_series(plan)
    lead = plan.lead
    assert lead == naive.reach(net)
    out, filled = run(plan, theta, s.X[lead:], s.Y[lead:], s.X[:lead], s.Y[:lead])
    np.testing.assert_allclose(out, naive.run_delay_network(net, s.X, s.Y, lead), rtol=1e-13, atol=1e-13)
    assert np.array_equal(filled, s.Y[lead:])


@every_net
@pytest.mark.parametrize("missing", ["all", "some", "one output", "last"])
def test_run_feeds_itself_where_y_is_unknown(name, missing):
    plan, theta, net = build(name)
    s, lead = make_series(plan), plan.lead
    Y = s.Y.copy()
    where = {
        "all": (slice(lead, None), slice(None)),
        "some": ([lead, lead + 3, lead + 4, 30], slice(None)),
        "one output": (slice(lead + 2, 30), 0),
        "last": (-1, slice(None)),
    }
    Y[where[missing]] = np.nan
    out, filled = run(plan, theta, s.X[lead:], Y[lead:], s.X[:lead], Y[:lead])
    np.testing.assert_allclose(out, naive.run_delay_network(net, s.X, Y, lead), rtol=1e-13, atol=1e-13)
    assert np.array_equal(filled, np.where(np.isnan(Y[lead:]), out, Y[lead:]))


@every_net
@pytest.mark.parametrize("free", [False, True])
def test_run_in_blocks_equals_one_run(name, free, monkeypatch):
    plan, theta, _ = build(name)
    s, lead = make_series(plan), plan.lead
    Y = np.where(free, np.nan, s.Y[lead:])
    whole = run(plan, theta, s.X[lead:], Y, s.X[:lead], s.Y[:lead])[0]
    monkeypatch.setattr(_delay, "BLOCK_ROWS", 7)
    blocks = run(plan, theta, s.X[lead:], Y, s.X[:lead], s.Y[:lead])[0]
    np.testing.assert_allclose(blocks, whole, rtol=1e-14, atol=1e-14)


@every_feedback
@pytest.mark.parametrize("steps", [1, 5, 31])
def test_free_runs_from_every_row(name, steps, monkeypatch):
    """As they are, and with what settles nothing; in blocks of any size."""
    plan, theta, net = build(name)
    s, lead = make_series(plan), plan.lead
    X, Y, before = s.X[lead:], s.Y[lead:], (s.X[:lead], s.Y[:lead])
    first = np.arange(len(Y) - steps + 1)
    expected = [naive.forecast_ahead(net, s.X, s.Y, lead, t + 1)[t:][: len(first)] for t in range(steps)]
    for block, settle in ((_delay.BLOCK_ROWS, None), (12, None), (12, lambda which, t, out: out)):
        monkeypatch.setattr(_delay, "BLOCK_ROWS", block)
        parts = list(free_runs(plan, theta, X, Y, *before, first, steps, settle))
        out = np.concatenate([part for _, part in parts], axis=1)
        assert [len(first[which]) for which, _ in parts] == [part.shape[1] for _, part in parts]
        np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-13)


def test_a_net_with_one_weight():
    """y(t) = 2 y(t-1) + 3 x(t-1) + 1, worked out by hand."""
    plan = make_plan(1, 1, (), "identity", (1,), (1,), [])
    theta = np.array([3.0, 2.0, 1.0])
    X, nan = np.array([[1.0], [0.0], [5.0]]), np.full((3, 1), np.nan)
    out, _ = run(plan, theta, X, nan, np.array([[1.0]]), np.array([[2.0]]))
    assert out.ravel().tolist() == [8.0, 20.0, 41.0]


# ---------------------------------------------------------------------------------------- objective


@every_net
def test_open_loop_loss_is_that_of_the_equation(name):
    plan, theta, net = build(name)
    series = both_series(plan)
    for steps in {1, 1 + plan.layers[0, 1], 8}:
        objective = Objective(plan, series, steps, False, 0.0, np.float64)
        loss, weight = naive_loss(net, series)
        assert objective.loss_grad(theta, np.arange(objective.n))[0] == pytest.approx(loss, rel=1e-12)
        assert objective.sum_of_squares(theta) == pytest.approx(2 * loss, rel=1e-12)
        assert objective.weight == pytest.approx(weight, rel=1e-12)


@every_feedback
@pytest.mark.parametrize("steps", [1, 9, 50])
def test_closed_loop_loss_is_that_of_the_equation(name, steps):
    plan, theta, net = build(name)
    series = both_series(plan)
    objective = Objective(plan, series, steps, True, 0.0, np.float64)
    loss, weight = naive_loss(net, series, steps)
    assert objective.loss_grad(theta, np.arange(objective.n))[0] == pytest.approx(loss, rel=1e-12)
    assert objective.sum_of_squares(theta) == pytest.approx(2 * loss, rel=1e-12)
    assert objective.weight == pytest.approx(weight, rel=1e-12)


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(("steps", "closed"), [(1, False), (6, True)])
def test_held_rows_have_the_training_rows_as_history(held, steps, closed):
    plan, theta, net = build("narx")
    series = [make_series(plan, split=28)]
    objective = Objective(plan, series, steps, closed, 0.0, np.float64, held=held)
    loss, weight = naive_loss(net, series, steps if closed else None, held)
    assert objective.sum_of_squares(theta) == pytest.approx(2 * loss, rel=1e-12)
    assert objective.weight == pytest.approx(weight, rel=1e-12)


@pytest.mark.parametrize(("steps", "closed"), [(1, False), (7, True), (7, False)])
def test_series_and_samples_do_not_mix(steps, closed):
    """The loss of a list is the sum over its series, that of a batch the sum over its samples."""
    plan, theta, _ = build("narx, two layers")
    series = both_series(plan)
    together = Objective(plan, series, steps, closed, 0.0, np.float64)
    alone = [Objective(plan, [s], steps, closed, 0.0, np.float64) for s in series]
    assert together.n == sum(o.n for o in alone)
    loss, grad = together.loss_grad(theta, np.arange(together.n))
    parts = [o.loss_grad(theta, np.arange(o.n)) for o in alone]
    assert loss == pytest.approx(sum(p[0] for p in parts), rel=1e-13)
    np.testing.assert_allclose(grad, sum(p[1] for p in parts), rtol=1e-11, atol=1e-13)
    singles = [together.loss_grad(theta, np.array([i])) for i in range(together.n)]
    assert loss == pytest.approx(sum(p[0] for p in singles), rel=1e-13)
    np.testing.assert_allclose(grad, sum(p[1] for p in singles), rtol=1e-11, atol=1e-13)


def test_lags_never_cross_into_the_series_before():
    plan, theta, _ = build("narx")
    first, second = both_series(plan)
    far = first._replace(X=first.X + 1e6, Y=first.Y - 1e6)
    of_second = [
        Objective(plan, [s, second], steps, closed, 0.0, np.float64).loss_grad(theta, samples)[1]
        for s in (first, far)
        for steps, closed, samples in [(1, False, np.arange(-20, 0)), (8, True, np.arange(-3, 0))]
    ]
    assert np.array_equal(of_second[0], of_second[2])
    assert np.array_equal(of_second[1], of_second[3])


@pytest.mark.parametrize(("steps", "closed"), [(1, False), (6, True)])
def test_a_batch_in_blocks_equals_one(steps, closed, monkeypatch):
    plan, theta, _ = build("narx, sparse lags, two outputs")
    objective = Objective(plan, both_series(plan), steps, closed, 0.0, np.float64)
    batch = np.arange(objective.n)
    loss, grad = objective.loss_grad(theta, batch)
    sse = objective.sum_of_squares(theta)
    monkeypatch.setattr(_delay_loss, "BLOCK_ROWS", 13)
    in_blocks = objective.loss_grad(theta, batch)
    assert in_blocks[0] == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(in_blocks[1], grad, rtol=1e-11, atol=1e-13)
    assert objective.sum_of_squares(theta) == pytest.approx(sse, rel=1e-13)


def test_sparse_output_lags_lose_only_rows_that_see_the_hole():
    """y(t - 1) and y(t - 12): an unknown y spoils two targets and itself, not twelve."""
    plan = make_plan(0, 1, (2,), "tanh", (), (1, 12), [(0,)])
    s = make_series(plan, 60)._replace(w=np.ones(60))
    s.Y[30] = np.nan
    assert Objective(plan, [s], 1, False, 0.0, np.float64).weight == 60 - 12 - 3


# ---------------------------------------------------------------------------------------- derivatives


@every_net
@pytest.mark.parametrize("steps", [1, 8])
def test_open_loop_gradient(name, steps):
    plan, theta, _ = build(name)
    objective = Objective(plan, both_series(plan), steps, False, 0.0, np.float64)
    batch = np.arange(objective.n)
    _, grad = objective.loss_grad(theta, batch)
    assert_derivative(
        grad, naive.central_difference(lambda p: objective.loss_grad(p, batch)[0], theta, step_for(name))
    )


@every_feedback
@pytest.mark.parametrize("steps", [1, 11, 30])
def test_closed_loop_gradient(name, steps):
    plan, theta, _ = build(name)
    objective = Objective(plan, both_series(plan), steps, True, 0.0, np.float64)
    batch = np.arange(objective.n)
    _, grad = objective.loss_grad(theta, batch)
    assert_derivative(
        grad, naive.central_difference(lambda p: objective.loss_grad(p, batch)[0], theta, step_for(name))
    )


@pytest.mark.parametrize(
    ("name", "steps", "closed"), [("tdnn, dilated", 8, False), ("narx, two layers", 11, True)]
)
@pytest.mark.parametrize("loss", ["huber", Pinball([0.2, 0.9]), "absolute"])
def test_gradient_of_another_loss(name, steps, closed, loss):
    plan, theta, _ = build(name)
    loss = resolve_loss(loss, plan.n_outputs)
    objective = Objective(plan, both_series(plan), steps, closed, 0.0, np.float64, loss=loss)
    value, grad = objective.loss_grad(theta, objective.everything)
    assert objective.sum_of_squares(theta) == pytest.approx(2 * value, rel=1e-12)
    assert_derivative(
        grad,
        naive.central_difference(lambda p: objective.loss_grad(p, objective.everything)[0], theta, 1e-7),
        1e-5,
    )


@pytest.mark.parametrize(
    ("name", "steps", "closed"),
    [(name, 1, False) for name in NETS]
    + [("tdnn, dilated", 9, False)]
    + [(name, steps, True) for name in FEEDBACK for steps in (1, 13)],
)
@pytest.mark.parametrize("block", [2048, 5])
def test_jacobian(name, steps, closed, block, monkeypatch):
    """Also where a free run is cut in blocks of time, and where a block holds several runs."""
    plan, theta, _ = build(name)
    objective = Objective(plan, both_series(plan), steps, closed, 0.0, np.float64)
    monkeypatch.setattr(_delay_loss, "BLOCK_ROWS", block)
    r, J, w = map(np.concatenate, zip(*objective.jacobian_blocks(theta)))
    assert r @ (w * r) == pytest.approx(objective.sum_of_squares(theta), rel=1e-12)

    def residuals(p):
        blocks = list(objective.jacobian_blocks(p))
        return np.concatenate([b[0] * np.sqrt(b[2]) for b in blocks])

    # any wrong element turns them
    V = np.random.default_rng(0).normal(size=(6, plan.size)) / np.sqrt(plan.size)
    numeric = naive.central_difference(lambda s: residuals(theta + s @ V), np.zeros(6), step_for(name)).T
    assert_derivative(J * np.sqrt(w)[:, None] @ V.T, numeric)


@pytest.mark.parametrize(
    ("name", "steps", "closed"),
    [(name, 1, False) for name in NETS] + [(name, 13, True) for name in FEEDBACK],
)
def test_gauss_newton_sums_are_the_gradient(name, steps, closed):
    plan, theta, _ = build(name)
    objective = Objective(plan, both_series(plan), steps, closed, 0.0, np.float64)
    loss, grad = objective.loss_grad(theta, np.arange(objective.n))
    rr, Jr, JJ = objective.gauss_newton(theta)
    assert rr == pytest.approx(2 * loss, rel=1e-12)
    np.testing.assert_allclose(Jr, grad, rtol=1e-10, atol=1e-12 * np.abs(grad).max())
    r, J, w = map(np.concatenate, zip(*objective.jacobian_blocks(theta)))
    np.testing.assert_allclose(JJ, J.T @ (w[:, None] * J), rtol=1e-10, atol=1e-12 * JJ.max())
    assert len(r) == len(w)


@pytest.mark.parametrize(
    ("name", "steps", "closed"),
    [(name, 8, False) for name in NETS] + [(name, 8, True) for name in FEEDBACK],
)
def test_single_precision_gradient(name, steps, closed):
    plan, theta, _ = build(name)
    theta = theta.astype(np.float32)
    found = []
    for dtype in (np.float32, np.float64):
        objective = Objective(plan, both_series(plan), steps, closed, 0.0, dtype)
        loss, grad = objective.loss_grad(theta.astype(dtype), np.arange(objective.n))
        assert grad.dtype == dtype
        found.append((loss, grad))
    (loss32, grad32), (loss64, grad64) = found
    assert loss32 == pytest.approx(loss64, rel=1e-4)
    assert np.abs(grad32 - grad64).max() <= 1e-4 * np.abs(grad64).max()


def test_gauss_newton_of_a_net_with_many_parameters():
    plan = make_plan(3, 2, (20,), "tanh", (0, 1, 2), (1, 2), [(0,)])
    theta = np.random.default_rng(0).normal(scale=0.3, size=plan.size)
    objective = Objective(plan, both_series(plan), 1, False, 0.0, np.float64)
    _, Jr, JJ = objective.gauss_newton(theta)
    r, J, w = map(np.concatenate, zip(*objective.jacobian_blocks(theta)))
    np.testing.assert_allclose(JJ, J.T @ (w[:, None] * J), rtol=1e-10, atol=1e-12 * JJ.max())
    np.testing.assert_allclose(Jr, J.T @ (w * r), rtol=1e-10, atol=1e-12 * np.abs(Jr).max())
    assert np.array_equal(JJ, JJ.T)


# ---------------------------------------------------------------------------------------- the linear part


@pytest.mark.parametrize("name", ["narx", "narx, sparse lags, two outputs", "tdnn, dilated", "tdnn"])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_solve_linear_is_stationary_in_the_last_layer(name, decay):
    plan, theta, _ = build(name)
    objective = Objective(plan, both_series(plan), 4 if "dilated" in name else 1, False, decay, np.float64)
    solved = objective.solve_linear(theta, objective.decay)
    assert np.array_equal(solved[~objective.linear], theta[~objective.linear])

    def slope(p):
        return objective.loss_grad(p, np.arange(objective.n))[1] + objective.decay * p

    assert np.abs(slope(solved)[objective.linear]).max() < 1e-8 * np.abs(slope(theta)).max()
    assert objective.linear.sum() == (plan.shapes[-1][0] + 1) * plan.n_outputs


def test_only_weights_decay():
    plan, theta, _ = build("narx, two layers")
    decays = plan.views(plan.groups() > 0)
    assert all(W.all() for W, _ in decays)
    assert not any(b.any() for _, b in decays)
    objective = Objective(plan, both_series(plan), 1, False, 0.7, np.float64)
    assert np.array_equal(objective.decay, 0.7 * (plan.groups() > 0))
    assert plan.size == len(theta) == sum(W.size + b.size for W, b in plan.views(theta))


# ---------------------------------------------------------------------------------------- hygiene


@pytest.mark.parametrize(("steps", "closed"), [(1, False), (7, True)])
def test_no_argument_is_modified(steps, closed):
    plan, theta, _ = build("narx, two layers")
    series = both_series(plan)
    lead = plan.lead
    s = series[0]
    X_before, Y_before = s.X[:lead].copy(), s.Y[:lead].copy()
    free = np.full_like(s.Y[lead:], np.nan)
    full = np.nan_to_num(s.Y)
    arrays = [theta, X_before, Y_before, free, full, *(a for s in series for a in s)]
    copies = [a.copy() for a in arrays]
    objective = Objective(plan, series, steps, closed, 0.1, np.float64)
    inner = [objective.x.copy(), objective.y.copy(), objective.w.copy(), objective.at.copy()]
    objective.loss_grad(theta, np.arange(objective.n))
    objective.gauss_newton(theta)
    objective.sum_of_squares(theta)
    objective.solve_linear(theta, objective.decay)
    run(plan, theta, s.X[lead:], free, X_before, Y_before)
    if closed:
        list(free_runs(plan, theta, s.X[lead:], full[lead:], X_before, Y_before, np.arange(5), 3))
    for a, copy in zip(arrays, copies):
        assert np.array_equal(a, copy, equal_nan=a.dtype.kind == "f")
    for a, copy in zip([objective.x, objective.y, objective.w, objective.at], inner):
        assert np.array_equal(a, copy)


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
def test_read_only_parameters_compile_nothing_new():
    """A model in a joblib worker or loaded with mmap_mode has read-only arrays: another type, to numba."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2, 50, 1))
    model = NARXRegressor((3,), max_iter=2, random_state=0).fit(X, y[:, 0])
    verbs = [
        lambda: model.predict(X),
        lambda: model.predict_ahead(X, y[:, 0], steps=3),
        lambda: model.partial_fit(X, y[:, 0]),
    ]
    for verb in verbs:
        verb()
    everything = [k for k in vars(kernels).values() if hasattr(k, "signatures")]
    before = [len(k.signatures) for k in everything]
    for a in (model.theta_, *model.state_[:2], *model.x_scaler_, *model.y_scaler_, X, y):
        a.flags.writeable = False
    for verb in verbs:
        verb()
    assert [len(k.signatures) for k in everything] == before


def test_windows_are_read_in_place():
    """One copy of the series, whatever the lags: 168 of them cost no more memory than one."""
    sizes = []
    for lags in (1, 168):
        plan = make_plan(4, 1, (2,), "tanh", tuple(range(lags)), (), [(0,)])
        objective = Objective(plan, [make_series(plan, 3000)], 1, False, 0.0, np.float32)
        sizes.append(sum(a.nbytes for a in (objective.x, objective.y, objective.w)))
    assert sizes[0] == sizes[1] == 3000 * 6 * 4


# ---------------------------------------------------------------------------------------- beside the linear model


class HeldErrors:
    """A held loss of a net whose errors are some rows (M,), beside those of the linear model."""

    def __init__(self, linear, net):
        self.linear, self.net = linear, net

    def squares(self, share):
        return (share * self.net + (1 - share) * self.linear) ** 2, np.ones(len(self.net))


@pytest.mark.parametrize(
    ("net", "share"),
    [
        (0.5, 1.0),
        (0.9, 0.375),
        (1.05, 0.0),
        ("one row", 0.0),
        ("opposite", 0.5),
        ("nan", 0.0),
        ("few rows", 0.375),
        ("few rows without noise", 1.0),
    ],
)
def test_a_net_is_trusted_as_far_as_its_gain_is_no_chance(net, share):
    linear = np.random.default_rng(0).normal(size=200)
    if net == "one row":  # in which alone the net is better
        linear[20] = 30.0
        errors = 1.05 * linear
        errors[20] = 0.0
    elif net == "opposite":
        errors = -linear
    elif str(net).startswith("few rows"):
        linear = linear[:8]
        errors = (0.5 if net == "few rows" else 1e-3) * linear
    else:
        errors = float(net) * linear
    assert trusted_share([HeldErrors(linear, errors)], SHARES) == share


def test_a_net_whose_inputs_leave_their_range_is_doubted():
    """Of all input columns the one most often beyond, in the last 15 % of each series."""
    linear = np.ones(40)
    shares = [trusted_share([HeldErrors(linear, 0.5 * linear)], SHARES, far) for far in (0.0, 0.5, 1.0)]
    assert shares[0] > shares[1] > shares[2]
    inside = np.resize([-1.0, 1.0], 100)
    X = np.stack([inside, np.where(np.arange(100) < 94, 0.0, 2.0), inside], axis=1)
    rows = Series(X, inside[:, None], np.ones(100), np.zeros(100, bool))
    assert delay_linear.doubt_of([rows]) == 0.4
    assert delay_linear.doubt_of([rows, rows._replace(X=np.stack([inside] * 3, axis=1))]) == 0.2
    assert delay_linear.doubt_of([rows._replace(Y=X[:, 1:2])]) == pytest.approx(4.0)
    alone = rows._replace(X=X[:, :0])
    assert delay_linear.doubt_of([alone]) == 0.0
    assert delay_linear.doubt_of([alone._replace(Y=X[:, 1:2])]) == pytest.approx(4.0)
    averaged = Averaged((Summand((), (1,), (), 0.2), Summand((), (1,), (1,), 0.8)))
    assert delay_linear.doubt_of([alone], averaged) == pytest.approx(3.6)


def test_a_net_learns_the_held_rows_in_the_end(monkeypatch):
    X, y = make_narendra(240, random_state=0)
    held = slice(204, 240)
    y[held] += 0.3 * X[held, 0]
    errors = []
    for learns in (True, False):
        if not learns:
            monkeypatch.setattr(DelayLearner, "_learn_held", lambda self, made, series: made.theta)
        model = NARXRegressor((4,), input_lags=2, output_lags=3, random_state=0).fit(X, y)
        assert len(model.params_) == 2  # the net has a share
        out = model.predict_ahead(X, y, steps=1, start="cold")
        errors.append(np.mean((out - y)[held] ** 2))
    assert errors[0] < 0.9 * errors[1]


def test_a_linear_model_whose_free_run_explodes_is_penalised_more(monkeypatch):
    y = np.append(np.random.default_rng(0).normal(size=80), 1.2 ** np.arange(1, 13))
    model = ARXRegressor(output_lags=3, target_transform=None)
    likely = model.fit(None, y).alpha_  # y grows itself in the end
    with pytest.warns(UserWarning, match="runs away"):
        assert np.abs(model.forecast(200)).max() > 1e4 * y.max()
    monkeypatch.setattr(delay_linear, "_grows_itself", lambda *_: False)
    assert np.abs(model.fit(None, y).forecast(200)).max() < y.max()
    assert model.alpha_ == pytest.approx(10 * likely)


def test_a_linear_model_of_few_rows_does_not_explode():
    """Two of 40 grew beyond ten times the range of y, one of them by 2e10 times."""
    for seed in range(40):
        y = 0.3 * np.arange(12) + np.random.default_rng(seed).normal(size=12)
        assert np.abs(ARXRegressor().fit(None, y).forecast(100)).max() < 100 * np.abs(y).max()


def test_what_explodes_by_its_law_is_learnt():
    y = 1.2 ** np.arange(60) * (1 + 0.01 * np.random.default_rng(0).normal(size=60))
    model = ARXRegressor(output_lags=1, target_transform=None).fit(None, y)
    np.testing.assert_allclose(model.params_[0].W, 1.2, rtol=0.01)
