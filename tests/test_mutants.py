"""Small direct tests of all arithmetic, which ``benchmarks/mutants.py`` runs against thousands of small errors in it.

Each takes milliseconds even in plain Python: a derivative is compared along one random direction, which any element
that is wrong turns; the rest of the suite looks at every element, and at more than these few rows.
"""

import pickle
from types import SimpleNamespace

import naive
import numpy as np
import pytest
from compiled import callable_from_python
from recurrent_nets import FEEDBACK, VARIANTS, build, follow, gradient, make_data, naive_loss, naive_run
from scipy import sparse
from scipy.linalg import LinAlgWarning
from test_delay_net import FEEDBACK as FED_NETS
from test_delay_net import NETS, make_series, step_for
from test_delay_net import build as build_delay_net
from test_delay_net import naive_loss as naive_delay_loss
from test_esn import VARIANTS as RESERVOIRS
from test_esn import plain_ridge, twin
from test_losses import FORMULAS
from test_losses import NAMES as LOSSES

from tsrnn import ElmanRegressor, ESNRegressor, GRURegressor, Huber, LSTMRegressor, Pinball
from tsrnn._estimators.following import Loop
from tsrnn._kernels import layer_norm_v1 as _layer_norm
from tsrnn._kernels import simd_v3 as _simd
from tsrnn._nets import delay as _delay
from tsrnn._nets import delay_kernels as _delay_kernels
from tsrnn._nets import delay_loss as _delay_loss
from tsrnn._nets import ridge as _ridge
from tsrnn._nets.delay import free_runs, make_plan, run
from tsrnn._nets.delay_loss import WindowLoss as Objective
from tsrnn._nets.recurrent_kernels import MANY, add_biases, outer, project, scatter
from tsrnn._nets.reservoir import follow as follow_reservoir
from tsrnn._nets.reservoir import pack
from tsrnn._series.lags import parse_lags
from tsrnn._series.scaling import Scaler
from tsrnn._series.targets import Difference, Logit, resolve_bounds, resolve_target
from tsrnn._series.units import Units
from tsrnn._training.losses import MIN_GAIN, STEP, has_kinks, resolve_loss, reweighted


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def along(f, theta, direction, step=1e-3):
    """The derivative of f in a direction."""
    return naive.central_difference(lambda s: f(theta + s[0] * direction), np.zeros(1), step)[0]


# ---------------------------------------------------------------------------------------- delay nets


def short_series(plan):
    return [
        make_series(plan, 21, missing=[(13, 0), (14, 1)]),
        make_series(plan, 15, seed=2, missing=[(12, 1)]),
    ]


WAYS = [(1, False), (4, False), (3, True), (9, True)]  # steps, closed


@pytest.mark.parametrize(
    ("name", "steps", "closed"), [(n, s, c) for n in NETS for s, c in WAYS if not c or n in FED_NETS]
)
def test_delay_net_loss_and_gradient(name, steps, closed):
    plan, theta, net = build_delay_net(name)
    series = short_series(plan)
    objective = Objective(plan, series, steps, closed, 0.0, np.float64)
    loss, grad = objective.loss_grad(theta, objective.everything)
    assert loss == pytest.approx(naive_delay_loss(net, series, steps if closed else None)[0], rel=1e-12)
    v = np.random.default_rng(3).normal(size=len(theta))
    slope = along(lambda p: objective.loss_grad(p, objective.everything)[0], theta, v, step_for(name))
    assert grad @ v == pytest.approx(slope, rel=1e-6, abs=1e-7 * np.linalg.norm(grad))


@pytest.mark.parametrize(
    ("name", "steps", "closed"),
    [(n, s, c) for n in NETS for s, c in WAYS if s != 4 and (not c or n in FED_NETS)],
)
@pytest.mark.parametrize("block", [2048, 5])
def test_delay_net_jacobian(name, steps, closed, block, monkeypatch):
    plan, theta, _ = build_delay_net(name)
    objective = Objective(plan, short_series(plan), steps, closed, 0.0, np.float64)
    monkeypatch.setattr(_delay_loss, "BLOCK_ROWS", block)

    def residuals(p):
        return np.concatenate([r for r, _, _ in objective.jacobian_blocks(p)])

    J = np.concatenate([J for _, J, _ in objective.jacobian_blocks(theta)])
    v = np.random.default_rng(4).normal(size=len(theta))
    slopes = along(residuals, theta, v, step_for(name))
    np.testing.assert_allclose(J @ v, slopes, rtol=1e-6, atol=1e-7 * np.abs(slopes).max())


def test_jacobian_of_a_loop_with_a_gain_of_one():
    """y(t) = x(t) / 2 + y(t-1) + 0.2: the derivatives add up."""
    plan = make_plan(1, 1, (), "identity", (0,), (1,), [])
    series = make_series(plan, 4)._replace(w=np.ones(4))
    objective = Objective(plan, [series], 3, True, 0.0, np.float64)
    ((_, J, _),) = objective.jacobian_blocks(np.array([0.5, 1.0, 0.2]))
    np.testing.assert_allclose(J[:, 2], [1, 2, 3])
    np.testing.assert_allclose(J[:, 0], np.cumsum(series.X[1:, 0]))


@pytest.mark.parametrize("block", [7, 1])
@pytest.mark.parametrize("name", NETS)
def test_delay_net_runs(name, block, monkeypatch):
    """From measured y, and from its own where that is unknown, in blocks."""
    plan, theta, net = build_delay_net(name)
    s, lead = make_series(plan, 24), plan.lead
    Y = s.Y.copy()
    Y[[lead, lead + 3, lead + 4], 0] = np.nan
    Y[-6:] = np.nan
    monkeypatch.setattr(_delay, "BLOCK_ROWS", block)
    for y in (s.Y, Y):
        out, filled = run(plan, theta, s.X[lead:], y[lead:], s.X[:lead], s.Y[:lead])
        np.testing.assert_allclose(out, naive.run_delay_network(net, s.X, y, lead), rtol=1e-13, atol=1e-13)
        assert np.array_equal(filled, np.where(np.isnan(y[lead:]), out, y[lead:]))
    if name in FED_NETS:
        first = np.arange(len(Y) - lead - 2)
        parts = free_runs(plan, theta, s.X[lead:], s.Y[lead:], s.X[:lead], s.Y[:lead], first, 3)
        out = np.concatenate([part for _, part in parts], axis=1)
        expected = [naive.forecast_ahead(net, s.X, s.Y, lead, t + 1)[t:][: len(first)] for t in range(3)]
        np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", FED_NETS)
def test_delay_net_gradient_where_some_outputs_are_fed(name, monkeypatch):
    """Training feeds all outputs of a run or none; the kernels take any mask."""
    plan, theta, _ = build_delay_net(name)
    objective = Objective(plan, [make_series(plan, 24)], 6, True, 0.0, np.float64)
    forward, backward = _delay_kernels.forward, _delay_kernels.backward

    def some(own):
        return np.random.default_rng(7).random(own.shape) < 0.5

    def forward_some(*args):
        y, own, starts = args[4], some(args[5]), args[7]
        measured = (starts[_delay_kernels.FROM_Y][:, None] + np.arange(own.shape[1]))[~own]
        y[measured] = np.sin(np.arange(len(measured)))
        forward(*args[:5], own, *args[6:])

    monkeypatch.setattr(_delay_kernels, "forward", forward_some)
    monkeypatch.setattr(
        _delay_kernels, "backward", lambda *args: backward(*args[:5], some(args[5]), *args[6:])
    )
    grad = objective.loss_grad(theta, objective.everything)[1]
    v = np.random.default_rng(8).normal(size=len(theta))
    slope = along(lambda p: objective.loss_grad(p, objective.everything)[0], theta, v, step_for(name))
    assert grad @ v == pytest.approx(slope, rel=1e-6, abs=1e-7 * np.linalg.norm(grad))


def test_relu_at_zero_and_nan_in_a_delay_net():
    """At the kink nothing flows back; a unit that is off gives 0, also of -1e308; NaN is not hidden."""
    plan = make_plan(1, 1, (2,), "relu", (0,), (), [(0,)])
    theta = np.ones(plan.size)
    (W, b), _ = plan.views(theta)
    W[:], b[:] = [[0.0, -1e308]], 0.0
    objective = Objective(plan, [make_series(plan, 12)], 1, False, 0.0, np.float64)
    grad = objective.loss_grad(theta, objective.everything)[1]
    (dW, db), _ = plan.views(grad)
    assert dW[0, 0] == db[0] == 0
    X, nothing = np.full((3, 1), 0.5), np.empty((0, 1))
    assert np.array_equal(run(plan, theta, X, np.zeros((3, 1)), nothing, nothing)[0], np.ones((3, 1)))
    X[1], W[0, 0] = np.nan, -1.0
    out = run(plan, theta, X, np.zeros((3, 1)), nothing, nothing)[0]
    assert np.array_equal(out[:, 0], [1, np.nan, 1], equal_nan=True)


# ---------------------------------------------------------------------------------------- recurrent nets


@pytest.mark.parametrize("masked", [False, True], ids=["", "masks"])
@pytest.mark.parametrize("small", [False, True], ids=["", "one unit"])
@pytest.mark.parametrize("name", VARIANTS)
def test_recurrent_net(name, small, masked):
    """Outputs, the states it ends in, and the gradient, of which the twin's complex step has all digits."""
    changes = {"hidden": (1,) * len(VARIANTS[name][2].get("hidden", (1,)))} if small else {}
    net, theta = build(name, **changes)
    for own in (None, 0.6) if name in FEEDBACK else (None,):
        data = make_data(net, T=5, B=1 if small else 2, own=own, masked=masked, start=masked)
        out, grad = gradient(net, theta, data)
        expected, ends = naive_run(name, net, theta, data)
        counts = np.arange(len(out))[:, None] < data.lengths  # steps that no sequence has are not run
        assert len(out) == data.lengths.max()
        np.testing.assert_allclose(out[counts], expected[: len(out)][counts], rtol=1e-12, atol=1e-13)
        tape, _ = follow(net, theta, data)
        for b, rows in enumerate(data.lengths):
            states = [state for layer in ends[b] for state in layer]
            carrying = [S for S, block in zip(tape.S, net.blocks) if not block.dense]
            for S, state in zip(carrying, states, strict=True):
                np.testing.assert_allclose(S[:, rows, b], state, rtol=1e-12, atol=1e-13)
        v = np.random.default_rng(5).normal(size=len(theta))
        exact = np.imag(naive_loss(name, net, theta + 1e-100j * v, data)) / 1e-100
        assert grad @ v == pytest.approx(exact, rel=1e-10, abs=1e-11 * np.linalg.norm(grad))


def test_sizes_of_cells():
    """W, b, start, U, what else there is, and gain: of D inputs and H units."""
    D, H = 2, 3
    of = {"initial_state": "learned", "layer_norm": True}
    for model, options, gates, states, more in (
        (ElmanRegressor, {"activation": "relu"}, 1, 1, [(0,)]),
        (ElmanRegressor, {"leak_rate": "learned"}, 1, 1, [(H,)]),
        (LSTMRegressor, {}, 4, 2, [(0, H)]),
        (LSTMRegressor, {"peepholes": True}, 4, 2, [(3, H)]),
        (LSTMRegressor, {"forget_gate": False, "peepholes": True}, 3, 2, [(2, H)]),
        (GRURegressor, {"reset": "after"}, 3, 1, [(H,)]),
        (GRURegressor, {"reset": "before"}, 3, 1, [(0,)]),
    ):
        for extra, n in ((of, 1), ({}, 0)):
            cell = model(**options, **extra)._cell()
            sizes = [(gates, D, H), (gates, H), (n * states, H), (gates, H, H), *more, (n * gates, H)]
            assert list(cell.shapes(D, H)) == sizes
            assert (cell.gates, cell.n_states) == (gates, states)
            assert pickle.loads(pickle.dumps(cell)).shapes(D, H) == cell.shapes(D, H)
    assert ElmanRegressor()._cell().bias == (0,)
    assert GRURegressor()._cell().bias == (0, 0, 0)
    assert LSTMRegressor(forget_gate=False)._cell().bias == (0, 0, 0)
    assert LSTMRegressor()._cell().bias == (0, 0, 0, 1.0)
    assert LSTMRegressor(forget_bias=0.5)._cell().bias == (0, 0, 0, 0.5)


def test_relu_at_zero_and_nan_in_an_elman_net():
    net, theta = build("elman, activation relu")
    p, readout = net.views(theta)
    p.W[:], p.U[:], p.b[:] = 0.0, 0.0, 0.0
    data = make_data(net)
    dp, _ = net.views(gradient(net, theta, data)[1])
    assert not dp.W.any()
    assert not dp.b.any()
    p.W[:], p.b[:] = -1.0, -5.0
    data.X[:], data.X[:, 1] = 1.0, np.nan
    out = follow(net, theta, data)[0].out
    assert np.isnan(out[:, 1]).all()
    assert (out[:, [0, 2]] == readout.b[0]).all()  # all units are off


G, T, B, H, D, K, AT = 2, 5, 3, 4, 7, 3, 2  # a source of K rows, the third to fifth of W
SOURCE, ROWS = np.random.default_rng(6).normal(size=60), np.random.default_rng(7).integers(0, 57, T * B)
GATHERED = SOURCE[ROWS[:, None] + np.arange(K)].reshape(T, B, K)


def test_projection_and_its_gradients(rng):
    W, b, Z = rng.normal(size=(G, D, H)), rng.normal(size=(G, H)), rng.normal(size=(G, T, B, H))
    part, whole = W[:, AT : AT + K], Z.copy()
    project(SOURCE, ROWS, W, AT, K, b, Z, 1, 4)
    whole[:, 1:4] = (np.einsum("tbk,gkh->gtbh", GATHERED, part) + b[:, None, None])[:, 1:4]
    np.testing.assert_allclose(Z, whole, atol=1e-13)
    project(SOURCE, ROWS, W, AT, K, np.empty((0, H)), Z, 0, T)
    np.testing.assert_allclose(Z, whole + np.einsum("tbk,gkh->gtbh", GATHERED, part), atol=1e-13)
    project(SOURCE, ROWS, W, 0, 0, b, Z, 0, T)  # no source, only the bias
    np.testing.assert_allclose(Z, np.broadcast_to(b[:, None, None], Z.shape))

    Z, dW = rng.normal(size=(G, T, B, H)), rng.normal(size=(G, D, H))
    expected_W = dW.copy()
    expected_W[:, AT : AT + K] += np.einsum("tbk,gtbh->gkh", GATHERED, Z)
    outer(SOURCE, ROWS, Z, AT, K, dW)
    np.testing.assert_allclose(dW, expected_W, atol=1e-12)
    before = dW.copy()
    outer(SOURCE, ROWS, Z, 0, 0, dW)
    assert np.array_equal(dW, before)


@pytest.mark.parametrize("n", [1, MANY - 1, MANY, 40])
def test_gradient_of_biases(n, rng):
    Z, db = rng.normal(size=(G, T, n, H)), rng.normal(size=(G, H))
    expected = db + Z.sum(axis=(1, 2))
    add_biases(Z, db)
    np.testing.assert_allclose(db, expected, atol=1e-12)


def test_gradient_of_a_source(rng):
    W, Z = rng.normal(size=(G, 40, H)), rng.normal(size=(G, T, B, H))
    V, da = np.ascontiguousarray(W[:, 3:38].swapaxes(1, 2)), rng.normal(size=90)
    rows, expected = np.sort(ROWS), da.copy()
    for t, b in np.ndindex(T, B):
        if 1 <= t < 4:
            expected[rows[t * B + b] :][:35] += sum(Z[g, t, b] @ V[g] for g in range(G))
    scatter(Z, V, rows, da, 1, 4)
    np.testing.assert_allclose(da, expected, atol=1e-12)


@pytest.mark.parametrize("size", [1.0, 1e-3])
def test_layer_normalisation(size, rng):
    """And where the deviation is that small that 1e-5 counts."""
    Z, gain, b = size * rng.normal(size=(3, 5)), rng.normal(size=5), rng.normal(size=5)
    out, unit, root = Z.copy(), np.empty((3, 5)), np.empty(3)
    callable_from_python(_layer_norm.normalise)(out, gain, b, unit, root)

    def formula(Z):
        centred = Z - Z.mean(axis=1, keepdims=True)
        return gain * centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5) + b

    np.testing.assert_allclose(out, formula(Z), rtol=1e-12, atol=1e-14)
    D, dgain, db = rng.normal(size=(3, 5)), rng.normal(size=5), rng.normal(size=5)
    into_gain, into_b = dgain + (D * (formula(Z) - b) / gain).sum(axis=0), db + D.sum(axis=0)
    given = D.copy()
    callable_from_python(_layer_norm.normalise_back)(D, gain, unit, root, dgain, db)
    np.testing.assert_allclose(dgain, into_gain, rtol=1e-12)
    np.testing.assert_allclose(db, into_b, rtol=1e-12)
    exact = naive.complex_step(lambda z: np.sum(given * formula(z.reshape(3, 5))), Z.ravel())
    np.testing.assert_allclose(D.ravel(), exact, rtol=1e-9, atol=1e-12 / size)


# ---------------------------------------------------------------------------------------- losses


@pytest.mark.parametrize(("loss", "formula"), FORMULAS, ids=LOSSES)
def test_loss_and_gradient(loss, formula, rng):
    """Also where an error is 0, where the gradient is 0, and where it is NaN."""
    (T, B, O), at = (3, 2, 2), np.array([6, 1])
    out, y, w = rng.normal(size=(T, B, O)), rng.normal(size=14), rng.uniform(0.2, 2, 14)
    out[1, 1, 0] = y[3]
    dout, total = np.full_like(out, 9.0), 0.0
    value = resolve_loss(loss)(out, y, w, at, dout)
    for t, b, o in np.ndindex(out.shape):
        i = at[b] + t * O + o
        total += w[i] * formula(y[i] - out[t, b, o])
        slope = w[i] * (formula(y[i] - out[t, b, o] - 1e-7) - formula(y[i] - out[t, b, o] + 1e-7)) / 2e-7
        assert dout[t, b, o] == (0 if (t, b, o) == (1, 1, 0) else pytest.approx(slope, abs=1e-6))
    assert value == pytest.approx(total, rel=1e-12)
    out[2, 0, 1] = np.nan
    assert np.isnan(resolve_loss(loss)(out, y, w, at, dout))
    assert np.isnan(dout[2, 0, 1])


def test_each_output_has_its_quantile():
    out, dout = np.zeros((1, 1, 3)), np.empty((1, 1, 3))
    value = Pinball([0.1, 0.5, 0.9])(out, np.array([1.0, 2.0, -4.0]), np.ones(3), np.zeros(1, int), dout)
    assert value == pytest.approx(0.1 * 1 + 0.5 * 2 + 0.1 * 4)
    np.testing.assert_allclose(dout[0, 0], [-0.1, -0.5, 0.1])


def test_as_many_quantiles_as_outputs():
    for loss in (Huber(), Pinball(0.3), Pinball([0.1, 0.9])):
        assert resolve_loss(loss, 2) is resolve_loss(loss) is loss
    with pytest.raises(ValueError, match="3 outputs"):
        resolve_loss(Pinball([0.1, 0.9]), 3)


def test_parabolas():
    e = np.array([[0.3, -2.0], [1.5, 0.0]])
    s, d = Huber(0.5).parabola(e, 0.1)
    np.testing.assert_allclose(s, [[1, 0.25], [1 / 3, 1]])
    assert not d.any()
    s, d = resolve_loss("absolute").parabola(e, 0.1)
    np.testing.assert_allclose(s, 1 / (np.abs(e) + 0.1))
    assert not d.any()
    s, d = Pinball([0.9, 0.2]).parabola(e, 0.1)
    np.testing.assert_allclose(s, 0.5 / (np.abs(e) + 0.1))
    np.testing.assert_allclose(d, [0.8, -0.6] * (np.abs(e) + 0.1))


def test_reweighting_ends_where_nothing_is_gained():
    values = [10.0, 5.0, 3.0, 2.99995, 1.0]

    def step(theta):
        return values[step.calls.append(theta) or len(step.calls) - 1], theta + 2

    step.calls = []
    theta, curve = reweighted(step, 0.0)
    assert curve == values[:4]
    assert step.calls == pytest.approx([0, 2 * STEP, 4 * STEP, 6 * STEP])
    assert theta == pytest.approx(6 * STEP)
    theta, curve = reweighted(lambda theta: (1.0 - MIN_GAIN * (theta > 0), theta + 1), 0.0)
    assert len(curve) == 2  # just as much is not enough
    theta, curve = reweighted(lambda theta: (7.0, theta + 1), 0.0)
    assert len(curve) == 2
    falling = (2.0**-k for k in range(1000))
    theta, curve = reweighted(lambda theta: (next(falling), theta + 1), 0.0)
    assert len(curve) == 80
    assert theta == pytest.approx(80 * STEP)


def test_which_losses_have_kinks():
    assert [has_kinks(loss) for loss, _ in FORMULAS] == [False, True, False, False, True, True]


# ---------------------------------------------------------------------------------------- reservoirs


N, TEST = 44, 5
INPUT, TARGET = np.random.default_rng(8).normal(size=(2, N + TEST, 2))


LARGER = {  # links of a unit are taken four at a time
    "four links": {"n_reservoir": 30, "connectivity": 4},
    "squares, fed": {"n_reservoir": 30, "connectivity": 5, "readout_squares": True, "output_lags": 2},
    "many links": {"n_reservoir": 40, "connectivity": 7},
    "many links, deep": {"n_reservoir": (40, 30), "connectivity": 5, "leak_rate": (0.9, 0.4)},
}


def reservoir(name, **kw):
    """A fitted model of some units in its own units."""
    options = {"n_reservoir": 9, **{**RESERVOIRS, **LARGER}[name]}
    if name in ("deep", "deep, dense"):
        options["n_reservoir"] = (7, 4, 5) if name == "deep" else (4, 5)
    if name == "groups":
        options["n_reservoir"] = (6, 5)
    if options.get("connectivity", 0) == 3:
        options["n_reservoir"] = 20
    common = {"scale": None, "washout": 6, "random_state": 0, "alpha": 0.1}
    return ESNRegressor(**common, **{**options, **kw}).fit(INPUT[:N], TARGET[:N])


@pytest.mark.parametrize("name", [*RESERVOIRS, *LARGER])
def test_reservoir(name, rng):
    """States, the readout, and what it gives in one-step forecasts, in free runs and from many origins."""
    model = reservoir(name)
    Z, _, states = twin(model, INPUT[:N], TARGET[:N])
    first = max(6, model.lead_)
    W = plain_ridge(Z[first:], TARGET[first:N], 0.1, model.readout_bias)
    np.testing.assert_allclose(model.params_.W_out.T, W, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(np.concatenate(model.state_[2]), states[-1], rtol=1e-10, atol=1e-12)
    known = np.r_[TARGET[:N], np.full((TEST, 2), np.nan)]
    free = twin(model, INPUT, known)
    np.testing.assert_allclose(model.states(INPUT[N:]), free[2][N:], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(model.predict(INPUT[N:]), free[1][N:], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(
        model.predict_ahead(INPUT[N:], TARGET[N:]), twin(model, INPUT, TARGET)[1][N:], rtol=1e-8, atol=1e-9
    )
    if model.output_lags == 0:
        return
    which, out = next(
        iter(model._dynamics().free_runs(INPUT[N:], TARGET[N:], model.state_, np.array([0, 2, 3]), 2))
    )
    assert (which.start, which.stop) == (0, 3)
    for k, begin in enumerate((N, N + 2, N + 3)):
        known = np.r_[TARGET[:begin], np.full((2, 2), np.nan)]
        expected = twin(model, INPUT[: begin + 2], known)[1][begin:]
        np.testing.assert_allclose(out[:, k], expected, rtol=1e-8, atol=1e-9)
    fed = rng.normal(size=(2, 3, 2))
    start = INPUT[N:], TARGET[N:], model.state_, np.array([0, 2, 3]), 2
    _, out = next(iter(model._dynamics().free_runs(*start, lambda which, t, z: fed[t])))
    for k, begin in enumerate((N, N + 2, N + 3)):
        expected = twin(model, INPUT[: begin + 2], np.r_[TARGET[:begin], fed[:, k]])[1][begin:]
        np.testing.assert_allclose(out[:, k], expected, rtol=1e-8, atol=1e-9)


def test_a_reservoir_of_one_unit_one_output_and_one_row():
    model = ESNRegressor(1, scale=None, washout=2, random_state=0).fit(INPUT[:N, :1], TARGET[:N, 0])
    out = twin(model, INPUT[: N + 1, :1], TARGET[: N + 1, :1])[1]
    assert model.predict(INPUT[N : N + 1, :1]) == pytest.approx(out[N], rel=1e-9)


@pytest.mark.parametrize("fed", [False, True])
@pytest.mark.parametrize("units", [1, 6, 40])
def test_reservoir_kernel(units, fed, rng):
    """Noise, a leak for each unit, squares in the readout, and a bound on what is fed."""
    W = (
        rng.normal(size=(units, units))
        * (rng.random((units, units)) < (3 / units if units > 6 else 1))
        / units
    )
    leak, b, W_in = rng.uniform(0.2, 1, units), rng.normal(size=units), rng.normal(size=(units, 5))
    net = pack(sparse.csr_array(W), sparse.csr_array(0 * W), [0, units], leak, 1, W_in, b)
    c, Wv, Wx, Wq = (rng.normal(size=shape) for shape in (2, (5, 2), (units, 2), (units, 2)))
    V, noise, Y = rng.normal(size=(6, 5)), rng.normal(size=(6, units)), rng.normal(size=(6, 2))
    if fed:
        Y[1:5] = np.nan
    v, y, x = V.copy(), Y.copy(), np.zeros(units)
    states, expected = [x], []
    for t in range(6):
        x = (1 - leak) * x + leak * np.tanh(W @ x + W_in @ v[t] + b + noise[t])
        out = c + v[t] @ Wv + x @ Wx + x**2 @ Wq
        if fed:
            y[t] = np.where(np.isnan(y[t]), np.clip(out, -0.3, 0.3), y[t])
            for lag, at in ((2, 1), (1, 3)):  # after one input the lags of y, the oldest first
                if t + lag < 6:
                    v[t + lag, at : at + 2] = y[t]
        states.append(x)
        expected.append(out)

    def run(last):
        S, found = np.zeros((last + 1, units)), np.empty((last, 2))
        A, Q = np.empty((last, units)), np.empty((last, units))
        rest = noise[:last], V[:last].copy(), Y[:last].copy(), A, S, Q, found
        follow_reservoir(*net.arguments(last), np.array([2, 1]), 0.3, c, Wv, Wx, Wq, fed, *rest)
        return S, found

    for last in (6, 1):
        S, found = run(last)
        np.testing.assert_allclose(S, states[: last + 1], atol=1e-12)
        np.testing.assert_allclose(found, expected[:last], atol=1e-11)


def test_panels_of_a_reservoir_give_the_same_bits(rng):
    """Two dense layers, of two and three panels: many steps at once, and each alone from the matrices themselves."""
    begin, units, T = [0, 100, 230], 230, 9
    W, U = np.zeros((2, units, units))
    W[:100, :100], W[100:, 100:], U[100:, :100] = (
        0.05 * rng.normal(size=shape) for shape in ((100, 100), (130, 130), (130, 100))
    )
    W_in, V = rng.normal(size=(units, 2)), rng.normal(size=(T, 2))
    net = pack(sparse.csr_array(W), sparse.csr_array(U), begin, 0.7, 1, W_in, rng.normal(size=units))
    readout = np.zeros(1), np.zeros((0, 1)), np.zeros((units, 1)), np.zeros((0, 1))

    def run(V, S):
        T, none = len(V), np.empty((0, 0))
        rest = none, V, np.zeros((T, 1)), np.empty((T, units)), S, none, none
        follow_reservoir(*net.arguments(T), np.empty(0, np.int64), 1.0, *readout, False, *rest)

    S, alone = np.zeros((2, T + 1, units))
    run(V, S)
    for t in range(T):
        run(V[t : t + 1], alone[t : t + 2])
    assert not np.array_equal(net.arguments(T)[5], net.dense)
    assert np.array_equal(S, alone)


def test_relu_at_zero_and_nan_in_a_reservoir():
    b, none = np.array([-1.0, 0.0, np.nan, -3.0, 2.0]), np.zeros((5, 5))
    net = pack(sparse.csr_array(none), sparse.csr_array(none), [0, 5], 1.0, 3, np.zeros((5, 1)), b)
    S = np.zeros((2, 5))
    readout = np.zeros(1), np.zeros((1, 1)), np.zeros((5, 1)), np.zeros((0, 1))
    rest = (
        np.zeros((0, 0)),
        np.zeros((1, 1)),
        np.zeros((1, 1)),
        np.zeros((1, 5)),
        S,
        np.zeros((0, 5)),
        np.zeros((1, 1)),
    )
    follow_reservoir(*net.arguments(1), np.empty(0, np.int64), 1.0, *readout, False, *rest)
    assert np.array_equal(S[1], [0, 0, np.nan, 0, 2], equal_nan=True)


def test_what_a_reservoir_feeds_back_is_bounded():
    """What lies on its bound stays; what lies beyond is held there, with its sign."""
    model = reservoir("autoregressive")

    def run(fed):
        start = INPUT[N:], TARGET[N:], model.state_, np.array([0]), 4
        return next(iter(model._dynamics().free_runs(*start, lambda *_: np.full((1, 2), fed))))[1]

    bound = model._dynamics().bound
    assert np.array_equal(run(1.5 * bound), run(bound))
    assert np.array_equal(run(-1.5 * bound), run(-bound))
    apart = [run(fed)[1] for fed in (-bound, 0.9 * bound, bound)]
    assert len({tuple(out.ravel()) for out in apart}) == 3


@pytest.mark.parametrize("dense", [False, True])
def test_packed_links(dense, rng):
    """Each unit's links, padded with zeros where it has fewer than others of its layer, or the squares of a layer."""
    begin, W, U = [0, 15, 25], np.zeros((25, 25)), np.zeros((25, 25))
    for i in range(25):
        below, own = np.arange(15), np.arange(15) if i < 15 else np.arange(15, 25)
        W[i, own if dense else rng.choice(own, i % 3, replace=False)] = rng.normal()
        U[i, below if dense else rng.choice(below, i % 2, replace=False)] = rng.normal() * (i >= 15)
    leak = rng.uniform(size=25)
    W_in, b = rng.normal(size=(25, 3)), rng.normal(size=25)
    packed = pack(sparse.csr_array(W), sparse.csr_array(U), begin, leak, 1, W_in, b)
    assert packed.kind == 1
    for a, expected in ((packed.begin, begin), (packed.leak, leak), (packed.W_in, W_in.T), (packed.b, b)):
        assert np.array_equal(a, expected)
    for l, (first, last) in enumerate(((0, 15), (15, 25))):
        n, K, at = last - first, packed.links[l], packed.at[l]
        own = W[first:last, first:last]
        if dense:
            assert (K, at) == (-1, l * 225)
            assert np.array_equal(packed.dense[at : at + n * n].reshape(n, n), own.T)
            assert np.array_equal(packed.dense[at + n * n :][: 150 * l], U[15:, :15].T.ravel() if l else [])
            continue
        assert (K, at) == ((2, 0), (3, 30))[l]
        index, weight = (a[at : at + K * n].reshape(K, n) for a in (packed.index, packed.weight))
        both = np.zeros((n, 50))
        for k, i in np.ndindex(K, n):
            both[i, index[k, i]] += weight[k, i]
        assert np.array_equal(both, np.hstack([W, U])[first:last])
        assert (index[weight == 0] == np.broadcast_to(np.arange(first, last), (K, n))[weight == 0]).all()
    assert len(packed.dense) == (225 + 250 if dense else 0)
    assert len(packed.weight) == len(packed.index) == (0 if dense else 60)


# ---------------------------------------------------------------------------------------- ridge


M, R = 31, 12


def block(rng):
    """V, S, Y of some steps, NaN in Y, and weights."""
    V, S, Y = rng.normal(size=(M, 5)), rng.normal(size=(M + 1, R)), rng.normal(size=(M, 2))
    return V, S, Y, rng.uniform(0.5, 2, M)


def columns(parts, V, S, rows):
    x = S[rows + 1]
    all_parts = np.ones((len(rows), 1)), V[rows], x, x * x
    return np.hstack([part for part, wanted in zip(all_parts, parts) if wanted])


PARTS = [[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 1, 0], [0, 1, 1, 1], [1, 0, 1, 0]]


@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_sums_over_rows(parts, rng):
    """Added in two blocks, of all outputs and of those that are known."""
    parts = np.array(parts, bool)
    V, S, Y, w = block(rng)
    rows = np.arange(3, M - 2)
    Z = columns(parts, V, S, rows)
    P = Z.shape[1]
    made, of_y = _ridge.feature_rows(parts, V, S, Y, rows)
    assert np.array_equal(made, Z)
    assert np.array_equal(of_y, Y[rows])

    sums = _ridge.no_sums(P, 2)
    for some in (rows[:8], rows[:0], rows[8:9], rows[9:]):
        sums = _ridge.add_rows(sums, parts, V, S, Y, some, w)
    assert sums.gram.shape == (1, (P + 2) * (P + 3) / 2)
    (normal,) = sums.normal()
    ww = w[rows, None]
    np.testing.assert_allclose(normal.ZZ, Z.T @ (ww * Z), atol=1e-11)
    np.testing.assert_allclose(normal.ZY, Z.T @ (ww * Y[rows]), atol=1e-11)
    np.testing.assert_allclose(normal.yy, np.sum(ww * Y[rows] ** 2, axis=0), atol=1e-11)
    assert normal.weight == pytest.approx(ww.sum())
    assert normal.outputs.tolist() == [0, 1]

    holes = Y.copy()
    holes[[5, 6], 0], holes[7, 1] = np.nan, np.nan
    split = _ridge.no_sums(P, 2)
    for some in (rows[:8], rows[8:]):
        split = _ridge.add_rows(split, parts, V, S, holes, some, np.ones(M))
    both = [sums + split, split + sums]
    for total, once in ((split, 0), (both[0], 1), (both[1], 1)):
        for o, normal in enumerate(total.normal()):
            here = np.isfinite(holes[rows, o]) + once * w[rows]
            np.testing.assert_allclose(normal.ZZ, Z.T @ (here[:, None] * Z), atol=1e-11)
            np.testing.assert_allclose(normal.ZY[:, 0], Z.T @ (here * Y[rows, o] - 0), atol=1e-11)
            np.testing.assert_allclose(normal.yy, [np.sum(here * Y[rows, o] ** 2)], atol=1e-11)
            assert normal.weight == pytest.approx(here.sum())
            assert normal.outputs.tolist() == [o]


def test_unknown_y_is_0_in_the_features(rng):
    V, S, Y, _ = block(rng)
    Y[3, 1] = np.nan
    assert _ridge.feature_rows(np.ones(4, bool), V, S, Y, np.array([3]))[1].tolist() == [[Y[3, 0], 0.0]]


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.0])
def test_sums_of_one_output_that_is_not_always_known(weight, rng):
    parts = np.array([True, False, True, False])
    V, S, Y, _ = block(rng)
    Y = Y[:, :1].copy()
    Y[[4, 9]] = np.nan
    for known in (np.flatnonzero(np.isfinite(Y[:, 0])), np.arange(10, M)):
        rows = np.arange(known[0], M)
        sums = _ridge.add_rows(_ridge.no_sums(13, 1), parts, V, S, Y, rows, np.full(M, weight))
        (normal,), Z = sums.normal(), columns(parts, V, S, known)
        np.testing.assert_allclose(normal.ZZ, weight * Z.T @ Z, atol=1e-11)
        np.testing.assert_allclose(normal.ZY[:, 0], weight * Z.T @ Y[known, 0], atol=1e-11)


@pytest.mark.parametrize(("D", "O"), [(5, 2), (5, 1), (10, 2), (11, 2)])
def test_sums_with_weights_of_each_output(D, O, rng):
    """Of one panel, of just one, and of one and a column."""
    parts = np.array([True, True, True, False])
    _, S, Y, _ = block(rng)
    V, Y, w = rng.normal(size=(M, D)), Y[:, :O].copy(), rng.uniform(0.5, 2, (M, O))
    rows = np.arange(4, M)
    Z = columns(parts, V, S, rows)
    sums = [_ridge.no_sums(Z.shape[1], 1) for _ in range(O)]
    for some in (rows[:7], rows[7:]):
        _ridge.add_weighted_rows(sums, parts, V, S, Y, some, w)
    for o, one in enumerate(sums):
        (normal,), here = one.normal(), w[rows, o]
        np.testing.assert_allclose(normal.ZZ, Z.T @ (here[:, None] * Z), atol=1e-11)
        np.testing.assert_allclose(normal.ZY[:, 0], Z.T @ (here * Y[rows, o]), atol=1e-11)
        np.testing.assert_allclose(normal.yy, [np.sum(here * Y[rows, o] ** 2)], atol=1e-11)
        assert normal.weight == pytest.approx(here.sum())
    made, of_y = _ridge.feature_rows(parts, V, S, Y, rows)
    assert np.array_equal(made, Z)
    assert np.array_equal(of_y, Y[rows])


def normal_equations(rng, P, O, rows=60):
    """A first column of ones; and the rows."""
    Z, Y = np.c_[np.ones(rows), rng.normal(size=(rows, P - 1))], rng.normal(size=(rows, O))
    A = np.ascontiguousarray(np.c_[Z, Y].T @ np.c_[Z, Y])
    return _ridge.Normal(A[:P, :P], A[:P, P:], np.diag(A)[P:].copy(), float(rows), np.arange(O), A), Z, Y


@pytest.mark.parametrize("bias", [True, False])
def test_ridge_its_error_and_its_evidence(bias, rng):
    normal, Z, Y = normal_equations(rng, 6, 2)
    W = _ridge.ridge(normal, 0.3, bias)
    np.testing.assert_allclose(W, plain_ridge(Z, Y, 0.3, bias), rtol=1e-10)
    assert np.array_equal(_ridge.squared_error(normal._replace(yy=np.zeros(2)), W), [0, 0])  # never below
    several = np.hstack([W, 2 * W, np.zeros_like(W)])
    sse = [np.sum((Y - Z @ V) ** 2, axis=0) for V in (W, 2 * W, 0 * W)]
    np.testing.assert_allclose(_ridge.squared_error(normal, several), np.concatenate(sse), rtol=1e-10)

    def minus_evidence(alpha):
        D = alpha * np.diag([float(not bias), 1, 1, 1, 1, 1])
        V = np.linalg.solve(Z.T @ Z + D, Z.T @ Y)
        J = np.sum((Y - Z @ V) ** 2, axis=0) + np.sum(V * (D @ V), axis=0)
        spread = np.linalg.slogdet(Z.T @ Z + D)[1] - (6 - bias) * np.log(alpha)
        return (60 - bias) * np.log(J).sum() + 2 * spread

    for alpha in (0.01, 3.0):
        assert normal.minus_evidence(alpha, bias).sum() == pytest.approx(minus_evidence(alpha), rel=1e-10)
    found = np.log10(_ridge.likely_alpha([normal], bias))
    grid = np.log10(np.trace(Z.T @ Z) / 6) + np.linspace(-14, 4, 721)
    best = grid[np.argmin([minus_evidence(10**a) for a in grid])]
    assert found == pytest.approx(best, abs=0.15)
    assert _ridge.likely_alpha([normal, normal], bias) == pytest.approx(10**found)


@pytest.mark.parametrize(
    ("squares", "alpha", "kept"),
    [([0, 1e-13, 1, 1e4], 0.0, [0, 0, 1, 1]), ([-0.5, 1, 2, 3], 0.5, [0, 1, 1, 1])],
)
def test_directions_that_rounding_hides(squares, alpha, kept, rng):
    """They are left out, with a warning; the matrix is a diagonal, rotated but for its first row, whose pivot is 0."""
    normal, _, _ = normal_equations(rng, 4, 2)
    Q = np.eye(4)
    if alpha:
        Q[1:, 1:] = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    normal = normal._replace(ZZ=Q @ np.diag(squares) @ Q.T)
    with pytest.warns(LinAlgWarning, match="too small") as warned:
        W = _ridge.ridge(normal, alpha, False)
    assert warned[0].filename == __file__
    values = np.array(squares) + alpha
    expected = Q @ (
        (Q.T @ normal.ZY) * np.divide(kept, values, where=np.array(kept) > 0, out=np.zeros(4))[:, None]
    )
    np.testing.assert_allclose(W, expected, rtol=1e-8, atol=1e-10)


def test_little_noise_wants_a_small_penalty(rng):
    normal, Z, _ = normal_equations(rng, 5, 1)
    Y = Z @ np.ones((5, 1)) + 1e-4 * rng.normal(size=(60, 1))
    normal = normal._replace(ZY=Z.T @ Y, yy=np.sum(Y * Y, axis=0))
    decades = np.linspace(-10, -5, 201)
    best = decades[np.argmin([normal.minus_evidence(10**d, True).sum() for d in decades])]
    assert np.log10(_ridge.likely_alpha([normal], True)) == pytest.approx(best, abs=0.15)


def test_decades_between_which_the_penalty_is_sought(monkeypatch, rng):
    """From what rounding leaves, more of it in more columns, in units of the mean square."""
    normal, _, _ = normal_equations(rng, 30, 1)
    monkeypatch.setattr(
        _ridge, "minimize_scalar", lambda f, bounds, **_: SimpleNamespace(x=bounds[0] + (bounds[1] - 4))
    )
    expected = np.trace(normal.ZZ) / 30 * 30 * 4 * np.finfo(float).eps
    assert _ridge.likely_alpha([normal], True) == pytest.approx(expected, rel=1e-9, abs=0)


def test_what_has_no_evidence(rng):
    normal, _, _ = normal_equations(rng, 4, 1)
    nothing = normal._replace(ZY=0 * normal.ZY, yy=0 * normal.yy)
    assert nothing.minus_evidence(2.0, True) == 0.0  # a constant tells nothing
    exact = normal._replace(ZY=normal.ZZ[:, [1]], yy=normal.ZZ[1, 1] * np.ones(1))
    assert exact.minus_evidence(1e-30, True) == np.inf
    tiny = exact._replace(ZY=1e-3 * exact.ZY, yy=1e-6 * exact.yy)
    assert tiny.minus_evidence(1e-30, True) == np.inf
    singular = normal._replace(ZZ=np.ones((4, 4)) - 2 * np.eye(4))
    assert singular.minus_evidence(1e-30, True) == np.inf


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("P", [1, 2, 6])
@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e6])
def test_ridge_of_many_alphas(bias, P, unit, rng):
    _, Z, Y = normal_equations(rng, P, 2, rows=90)
    Y *= unit
    A, alphas = np.c_[Z, Y].T @ np.c_[Z, Y], (0.1, 5.0, 200.0)
    normal = _ridge.Normal(A[:P, :P], A[:P, P:], np.diag(A)[P:].copy(), 90.0, np.arange(2), A)
    expected = np.hstack([plain_ridge(Z, Y, alpha, bias) for alpha in alphas])
    found = _ridge.ridge_path(normal, alphas, bias)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * unit)


def test_many_alphas_are_right_in_units_of_the_error(rng):
    """Which may be small beside y."""
    _, Z, Y = normal_equations(rng, 6, 1, rows=60)
    Y = Z @ np.ones((6, 1)) + 1e-6 * Y
    A = np.c_[Z, Y].T @ np.c_[Z, Y]
    normal = _ridge.Normal(A[:6, :6], A[:6, 6:], np.diag(A)[6:].copy(), 60.0, np.arange(1), A)
    W, exact = _ridge.ridge_path(normal, [1e-10], True), plain_ridge(Z, Y, 1e-10)
    assert np.sum((Z @ (W - exact)) ** 2) < 1e-8 * np.sum((Y - Z @ exact) ** 2)


def test_a_penalty_that_rounding_hides_is_solved_for_directly(rng):
    _, Z, Y = normal_equations(rng, 6, 2, rows=90)
    Z[:, 5] = Z[:, 4]
    A, alphas = np.c_[Z, Y].T @ np.c_[Z, Y], (1e-18, 1e-17, 2.0)
    normal = _ridge.Normal(A[:6, :6], A[:6, 6:], np.diag(A)[6:].copy(), 90.0, np.arange(2), A)
    with pytest.warns(LinAlgWarning, match="too small"):
        found = _ridge.ridge_path(normal, alphas, True)
    with pytest.warns(LinAlgWarning, match="too small"):
        direct = _ridge.ridge(normal, 1e-17, True)
    np.testing.assert_array_equal(found[:, 2:4], direct)
    np.testing.assert_allclose(found[:, 4:], plain_ridge(Z, Y, 2.0), rtol=1e-9, atol=1e-11)


def test_tridiagonal_systems(rng):
    d, e = rng.uniform(1, 2, 7), rng.uniform(-0.4, 0.4, 6)
    T, alpha = np.diag(d) + np.diag(e, 1) + np.diag(e, -1), np.array([0.1, 2.0, 0.0])
    pivot, lower, R = np.empty((7, 3)), np.empty((6, 3)), rng.normal(size=(7, 3))
    _ridge.factor(d, e, alpha, pivot, lower)
    expected = [np.linalg.solve(T + a * np.eye(7), r) for a, r in zip(alpha, R.T)]
    _ridge.substitute(pivot, lower, R)
    np.testing.assert_allclose(R, np.transpose(expected), rtol=1e-11)
    Q, d, e = _ridge.tridiagonal(np.ascontiguousarray(T[::2, ::2] + 1))
    whole, back = (_ridge.turned(Q, np.eye(4), how) for how in "NT")
    np.testing.assert_allclose(whole @ (np.diag(d) + np.diag(e, 1) + np.diag(e, -1)) @ back, T[::2, ::2] + 1)
    np.testing.assert_allclose(back, whole.T, atol=1e-15)
    np.testing.assert_allclose(back @ whole, np.eye(4), atol=1e-13)


def test_a_pivot_is_held_above_rounding():
    pivot, lower, alpha = np.empty((2, 2)), np.empty((1, 2)), np.array([1e-18, 3e-18])
    _ridge.factor(np.array([-0.04, 0.01]), np.array([1.0]), alpha, pivot, lower)
    np.testing.assert_allclose(pivot[0], 4e-18 + alpha, rtol=1e-12)


def test_recursive_least_squares(rng):
    """Without forgetting they are ridge; with it, older rows count less; beyond the trace nothing is forgotten."""
    Z, Y, w = rng.normal(size=(30, 4)), rng.normal(size=(30, 2)), rng.uniform(0.5, 2, 30)
    for forgetting, most in ((1.0, 1e9), (0.9, 1e9), (0.9, 0.0)):
        P, W = np.eye(4) / 0.3, np.zeros((4, 2))
        _ridge.recurse(Z[:11], Y[:11], w[:11], forgetting, most, P, W)
        _ridge.recurse(Z[11:], Y[11:], w[11:], forgetting, most, P, W)
        fade = forgetting if most else 1.0
        age = fade ** np.arange(29, -1, -1.0)
        A = Z.T @ (Z * (w * age)[:, None]) + 0.3 * fade**30 * np.eye(4)
        np.testing.assert_allclose(P, np.linalg.inv(A), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            W, np.linalg.solve(A, Z.T @ (Y * (w * age)[:, None])), rtol=1e-9, atol=1e-12
        )
    P, W = np.eye(2), np.zeros((2, 1))
    _ridge.recurse(np.array([[1.0, 0.0]]), np.ones((1, 1)), np.ones(1), 0.5, 2.0, P, W)
    np.testing.assert_allclose(P, [[1 / 1.5, 0], [0, 2]])  # a trace of just 2 forgets
    P = np.eye(2)
    _ridge.recurse(np.array([[1.0, 0.0]]), np.ones((1, 1)), np.ones(1), 0.5, 1.5, P, W)
    np.testing.assert_allclose(P, [[1 / 2, 0], [0, 1]])


# ---------------------------------------------------------------------------------------- closed loops


def units(target, scaler):
    """Units of as many outputs as the scaler's, without inputs or bounds."""
    O, none = len(scaler.center), Scaler(np.zeros(0), np.ones(0))
    level, reach = np.zeros(O), np.ones(O)
    return Units("error", np.zeros(0), none, scaler, target, None, level, reach, (np.zeros(0), level))


def test_a_loop_step_by_step(rng):
    """Differences, bounds, noise and measured levels, worked out row by row."""
    target, scaler = resolve_target([None, "difference"]), Scaler(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    levels = rng.normal(size=(3, 1, 2))
    low, high = rng.normal(size=(4, 3, 2)) - 1, rng.normal(size=(4, 3, 2)) + 3
    given = np.full((4, 3, 2), np.nan)
    given[1, 2], given[2, :, 0] = 0.3, -0.7
    for limits, known, draw in (
        (None, None, None),
        ((low, high), given, lambda z: 0.1 * z + 1),
        ((low[:, 0], high[:, 0]), given, None),
    ):
        loop, u = Loop(units(target, scaler), levels, limits, 4, known, draw), levels[:, 0]
        for t in range(4):
            z = rng.normal(size=(3, 2))
            e = draw(z) if draw else 0.0
            w = u + [1, 2] + [2, 4] * (z + e)
            if limits:
                here = [side[t] if side.ndim == 3 else side[t][None] for side in limits]
                w = np.minimum(np.maximum(w, here[0]), here[1])
            fed = loop(slice(0, 3), t, z)
            np.testing.assert_allclose(loop.out[t], w, atol=1e-13)
            if known is not None:
                w = np.where(np.isnan(known[t]), w, known[t])
            np.testing.assert_allclose(loop.U[t], w, atol=1e-13)
            np.testing.assert_allclose(fed, (w - u - [1, 2]) / [2, 4], atol=1e-13)
            assert np.array_equal(loop.Z[t], fed)
            u = w
    still = Loop(units(resolve_target(None), scaler), np.empty((3, 0, 2)), None, 1)
    z = rng.normal(size=(3, 2))
    np.testing.assert_allclose(still(slice(0, 3), 0, z), z, atol=1e-14)


def test_a_bound_may_be_an_array_of_no_dimensions():
    assert resolve_bounds((np.array(1.5), None), [], 2).low == (1.5, 1.5)


def test_a_loop_keeps_as_many_levels_as_it_needs(rng):
    scaler, levels = Scaler(np.zeros(1), np.ones(1)), rng.normal(size=(2, 2, 1))
    loop = Loop(units(resolve_target(Difference(2)), scaler), levels, None, 5)
    u = [levels[:, 0], levels[:, 1]]
    for t in range(5):
        z = rng.normal(size=(2, 1))
        loop(slice(0, 2), t, z)
        u.append(u[-2] + z)
        np.testing.assert_allclose(loop.out[t], u[-1], atol=1e-13)
        assert loop.levels.shape == (2, 2, 1)


def test_after_how_many_rows_all_differences_begin_anew():
    for steps, season in ((None, 1), ("log", 1), (Difference(3), 3), ([Difference(4), Difference(6)], 12)):
        assert resolve_target(steps).season == season


def test_a_range_without_a_beginning():
    with pytest.raises(ValueError, match="low=nan"):
        Logit(low=np.nan).check()


def test_lags_from_an_iterator():
    assert parse_lags(iter([3, 1]), "input_lags", 0) == (1, 3)


# ---------------------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_row_of_a_product_of_any_width(dtype, rng):
    """One row, or one more than whole tiles, has tiles of its own: none may write beyond the row's end."""
    add_product = callable_from_python(_simd.add_product)
    for N in range(1, 100):
        for M in (1, 9):
            a, W = rng.integers(-9, 9, 20).astype(dtype), rng.integers(-9, 9, (3, N)).astype(dtype)
            rows, memory = rng.integers(0, 17, M), np.ones(M * N + 200, dtype)
            add_product(a, rows, W, memory[: M * N].reshape(M, N))
            expected = 1 + a[rows[:, None] + np.arange(3)] @ W
            assert np.array_equal(memory[: M * N].reshape(M, N), expected)
            assert (memory[M * N :] == 1).all()
