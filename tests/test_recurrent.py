"""Elman, LSTM and GRU nets: against their equations, central differences and torch."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import naive
import numpy as np
import pytest
from golden import torch_recurrent as golden

from tsrnn import ElmanRegressor, GRURegressor, LSTMRegressor
from tsrnn._base import Series
from tsrnn._losses import squared
from tsrnn._recurrent import Objective, Teaching
from tsrnn._recurrent_net import Masks, Tape, make_net


CELLS = {"elman": ElmanRegressor, "lstm": LSTMRegressor, "gru": GRURegressor}
LAYOUT = {
    "n_inputs": 2,
    "n_outputs": 1,
    "hidden": (4,),
    "input_lags": (0,),
    "output_lags": (),
    "bidirectional": False,
    "skip": False,
}
DEEP = {"hidden": (4, 3, 2)}
FED = {"input_lags": (0, 1), "output_lags": (1, 2, 4), "n_outputs": 2}
BOTH = {"bidirectional": True, "input_lags": (0, 2)}
SKIP = {"hidden": (3, 4), "skip": True}
LEARNED, NORMED = {"initial_state": "learned"}, {"layer_norm": True}
VARIANTS = {  # name -> cell, options of the estimator, what differs from LAYOUT
    "elman": ("elman", {}, {}),
    "elman, relu": ("elman", {"activation": "relu"}, {}),
    "elman, identity": ("elman", {"activation": "identity"}, {}),
    "elman, logistic": ("elman", {"activation": "logistic"}, {}),
    "elman, layer norm": ("elman", NORMED, {}),
    "elman, relu, layer norm, skip": ("elman", {"activation": "relu", **NORMED}, SKIP),
    "elman, learned start, deep": ("elman", LEARNED, DEEP),
    "elman, both directions, deep, skip": ("elman", LEARNED, {**BOTH, **SKIP}),
    "elman, fed, skip": ("elman", {}, {**FED, **SKIP}),
    "elman, relu, fed": ("elman", {"activation": "relu"}, FED),
    "lstm": ("lstm", {}, {}),
    "lstm, peepholes": ("lstm", {"peepholes": True}, {}),
    "lstm, no forget gate": ("lstm", {"forget_gate": False}, {}),
    "lstm, peepholes, no forget gate": ("lstm", {"peepholes": True, "forget_gate": False}, {}),
    "lstm, layer norm, peepholes, learned start": ("lstm", {"peepholes": True, **NORMED, **LEARNED}, {}),
    "lstm, layer norm, no forget gate, deep": ("lstm", {"forget_gate": False, **NORMED}, DEEP),
    "lstm, learned start, deep": ("lstm", LEARNED, DEEP),
    "lstm, both directions": ("lstm", LEARNED, BOTH),
    "lstm, both directions, deep, skip": ("lstm", {"peepholes": True}, {**BOTH, **SKIP}),
    "lstm, fed, skip": ("lstm", LEARNED, {**FED, **SKIP}),
    "lstm, fed, no inputs": ("lstm", {"peepholes": True}, {**FED, "n_inputs": 0}),
    "gru, reset after": ("gru", {"reset": "after"}, {}),
    "gru, reset before": ("gru", {"reset": "before"}, {}),
    "gru, reset after, layer norm, learned start": ("gru", {"reset": "after", **NORMED, **LEARNED}, {}),
    "gru, reset before, layer norm, deep": ("gru", {"reset": "before", **NORMED}, DEEP),
    "gru, reset after, both directions, deep": ("gru", {"reset": "after", **LEARNED}, {**BOTH, **DEEP}),
    "gru, reset before, both directions, skip": ("gru", {"reset": "before"}, {**BOTH, **SKIP}),
    "gru, reset after, fed, skip": ("gru", {"reset": "after"}, {**FED, **SKIP}),
    "gru, reset before, fed, deep": ("gru", {"reset": "before", **LEARNED}, {**FED, **DEEP}),
}
FEEDBACK = [name for name, (_, _, layout) in VARIANTS.items() if "output_lags" in layout]
every_variant = pytest.mark.parametrize("name", VARIANTS)
every_feedback = pytest.mark.parametrize("name", FEEDBACK)
every_golden = pytest.mark.parametrize("name", golden.NETS)
every_mask = pytest.mark.parametrize("masked", [False, True], ids=["", "masks"])


def build(name, seed=0):
    """A net and random parameters."""
    cell, options, layout = VARIANTS[name]
    net = make_net(CELLS[cell](**options)._cell(), **{**LAYOUT, **layout})
    return net, np.random.default_rng(seed).normal(scale=0.5, size=net.size)


class Data(NamedTuple):
    """Sequences (T, B), rows of history in front of them, and what goes with a run: masks and starts are by block.

    own : where y is not known.   start : (n_states, B, H), or None for what the net learned, or zeros.
    """

    X: np.ndarray  # (lead + T, B, F)
    Y: np.ndarray  # (lead + T, B, O)
    w: np.ndarray  # (T, B)
    lengths: np.ndarray
    own: np.ndarray | None = None
    masks: list | None = None
    start: list | None = None

    def part(self, n):
        """Some of the sequences."""
        return Data(
            self.X[:, n],
            self.Y[:, n],
            self.w[:, n],
            self.lengths[n],
            self.own if self.own is None else self.own[:, n],
            self.masks and [Masks(m.recurrent[n], m.output[:, n]) for m in self.masks],
            self.start and [s[:, n] for s in self.start],
        )


def make_data(net, T=6, B=3, seed=1, own=None, masked=False, start=False):
    """Random sequences, the last one shorter.   own : share of y that is not known."""
    rng = np.random.default_rng(seed)
    lead = max(net.x_lead, net.y_lead)
    lengths = np.full(B, T)
    lengths[-1] = T - 2
    rows = np.arange(T)[:, None] < lengths
    masks = [
        Masks(rng.binomial(1, 0.7, (B, b.H)) / 0.7, rng.binomial(1, 0.7, (T, B, b.H)) / 0.7)
        for b in net.blocks
    ]
    return Data(
        rng.normal(size=(lead + T, B, net.n_inputs)),
        rng.normal(size=(lead + T, B, net.n_outputs)),
        rng.uniform(0.2, 2, (T, B)) * rows,
        lengths,
        rng.uniform(size=(T, B, net.n_outputs)) < own if own else None,
        masks if masked else None,
        [rng.normal(size=(net.cell.n_states, B, b.H)) for b in net.blocks] if start else None,
    )


def follow(net, theta, data, dtype=np.float64):
    """The library's tape after a forward pass, and the parameters as it sees them."""
    T, B = data.w.shape
    rows = len(data.X)
    weights = net.views(theta.astype(dtype))
    x, y = (np.array(a.swapaxes(0, 1), dtype, order="C").ravel() for a in (data.X, data.Y))
    if data.own is not None:  # what is not known must not be read
        y.reshape(B, rows, -1)[:, rows - T :][data.own.swapaxes(0, 1)] = np.nan
    at = np.arange(B) * rows + rows - T
    tape = Tape(net, B, T, dtype)
    tape.place(x, at, y, at, data.lengths)
    for k, (S, p) in enumerate(zip(tape.S, weights)):
        S[:, 0] = data.start[k] if data.start else p.start[:, None] if p.start.size else 0
    masks = data.masks and [Masks(*(np.array(m, dtype, order="C") for m in pair)) for pair in data.masks]
    own = None if data.own is None else np.ascontiguousarray(data.own)
    tape.forward(weights, own, masks)
    return tape, weights


def errors(net, out, data):
    return out - data.Y[-len(out) :]


def loss_of(net, out, data):
    return 0.5 * float(np.sum(data.w[..., None] * errors(net, out, data) ** 2))


def loss(net, theta, data):
    return loss_of(net, follow(net, theta, data)[0].out, data)


def gradient(net, theta, data, dtype=np.float64):
    """Output (T, B, O), and the gradient (P,) of the loss."""
    tape, weights = follow(net, theta, data, dtype)
    out = tape.out.copy()
    grad = np.zeros(net.size, dtype)
    views = net.views(grad)
    for dS in tape.dS:
        dS.fill(0)
    dout = (data.w[..., None] * errors(net, out, data)).astype(dtype)
    tape.backward(weights, net.turned(weights), dout, views)
    for g, dS in zip(views, tape.dS):
        if g.start.size:
            g.start += dS[: net.cell.n_states].sum(axis=1)
    return out, grad


def naive_cell(cell, activation="tanh"):
    if cell == "elman":
        return partial(naive.elman, f=naive.ACTIVATIONS[activation])
    return {"lstm": naive.lstm, "gru": naive.gru}[cell]


def naive_run(name, net, theta, data):
    """Outputs (T, B, O) of the twin, NaN where a sequence is over, and the states it ends in, [n][layer][direction]."""
    cell, options, layout = VARIANTS[name]
    layout = {**LAYOUT, **layout}
    *blocks, readout = net.views(theta)
    n = 1 + layout["bidirectional"]

    def by_layer(items):
        return [items[k : k + n] for k in range(0, len(items), n)]

    twin = naive.RecurrentNetwork(
        naive_cell(cell, options.get("activation", "tanh")),
        by_layer(blocks),
        readout.W[0],
        readout.b[0],
        layout["input_lags"] if layout["n_inputs"] else (),
        layout["output_lags"],
        layout["skip"],
    )
    T, B = data.w.shape
    first = len(data.X) - T
    out, ends = np.full((T, B, net.n_outputs), np.nan, theta.dtype), []
    for b in range(B):
        rows = data.lengths[b]
        Y = data.Y[: first + rows, b].copy()
        if data.own is not None:
            Y[first:][data.own[:rows, b]] = np.nan
        else:
            Y[-1] = np.nan if not net.y_lead else Y[-1]
        if data.masks:  # a block's own steps: those of the second direction begin at the end
            steps = [m.output[:rows, b] for m in data.masks]
            steps = [s[::-1] if block.reverse else s for s, block in zip(steps, net.blocks)]
            twin = twin._replace(
                masks=by_layer([m.recurrent[b] for m in data.masks]),
                dropout=[np.concatenate(s, axis=1) for s in by_layer(steps)],
            )
        states = by_layer([list(s[:, b]) for s in data.start]) if data.start else None
        out[:rows, b], end = naive.run_recurrent_network(twin, data.X[: first + rows, b], Y, first, states)
        ends.append(end)
    return out, ends


def naive_loss(name, net, theta, data):
    e = naive_run(name, net, theta, data)[0] - data.Y[-len(data.w) :]
    return 0.5 * np.sum(np.where(data.w[..., None] > 0, data.w[..., None] * e * e, 0))


def assert_derivative(analytic, numeric):
    """Within 1e-7 of each element, and of the largest where an element is next to nothing beside it."""
    scale = np.abs(numeric).max()
    assert scale > 0
    np.testing.assert_allclose(analytic, numeric, rtol=1e-7, atol=1e-9 * scale)


# ---------------------------------------------------------------------------------------- forward


@every_mask
@every_variant
def test_run_follows_the_equation(name, masked):
    net, theta = build(name)
    for own in (None, 0.5, 1.0) if name in FEEDBACK else (None,):
        data = make_data(net, own=own, masked=masked, start=masked)
        tape, _ = follow(net, theta, data)
        expected, ends = naive_run(name, net, theta, data)
        counts = np.arange(len(data.w))[:, None] < data.lengths
        np.testing.assert_allclose(tape.out[counts], expected[counts], rtol=1e-12, atol=1e-13)
        for b, rows in enumerate(data.lengths):
            ours = [S[:, rows, b] for S in tape.S]
            twins = [np.array(state) for layer in ends[b] for state in layer]
            for a, e in zip(ours, twins, strict=True):
                np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-13)


@every_feedback
def test_outputs_are_written_where_y_is_not_known(name):
    net, theta = build(name)
    data = make_data(net, own=0.5)
    tape, _ = follow(net, theta, data)
    T, B = data.w.shape
    y = tape.y.reshape(B, -1, net.n_outputs).swapaxes(0, 1)
    assert np.array_equal(y[:-T], data.Y[:-T])
    assert np.array_equal(y[-T:], np.where(data.own, tape.out, data.Y[-T:]))


@every_variant
def test_two_halves_equal_one_run(name):
    """The state carried from the one to the other, in open and in closed loop."""
    net, theta = build(name)
    if net.bidirectional:
        pytest.skip("reads a sequence from both ends")
    for own in (None, 0.5) if name in FEEDBACK else (None,):
        data = make_data(net, T=9, own=own)
        data = data._replace(lengths=np.full(3, 9))
        whole, _ = follow(net, theta, data)
        lead, cut = len(data.X) - 9, 4
        fed = data.Y.copy()
        if own:
            fed[lead:] = np.where(data.own, whole.out, fed[lead:])
        first = data._replace(
            X=data.X[: lead + cut], Y=data.Y[: lead + cut], w=data.w[:cut], lengths=np.full(3, cut)
        )
        second = data._replace(X=data.X[cut:], Y=fed[cut:], w=data.w[cut:], lengths=np.full(3, 9 - cut))
        if own:
            first, second = first._replace(own=data.own[:cut]), second._replace(own=data.own[cut:])
        one, _ = follow(net, theta, first)
        two, _ = follow(net, theta, second._replace(start=[S[:, cut] for S in one.S]))
        assert np.array_equal(np.concatenate([one.out, two.out]), whole.out)
        assert all(np.array_equal(a[:, -1], b[:, -1]) for a, b in zip(two.S, whole.S))


@every_mask
@every_variant
def test_sequences_do_not_mix(name, masked):
    """Each of a batch gives the same bits alone, and its own share of the gradient."""
    net, theta = build(name)
    data = make_data(net, B=4, own=0.5 if name in FEEDBACK else None, masked=masked, start=masked)
    out, grad = gradient(net, theta, data)
    alone = [gradient(net, theta, data.part(slice(b, b + 1))) for b in range(4)]
    assert np.array_equal(np.concatenate([o for o, _ in alone], axis=1), out)
    np.testing.assert_allclose(sum(g for _, g in alone), grad, rtol=1e-11, atol=1e-13)
    far = data._replace(X=data.X.copy(), Y=data.Y.copy())
    far.X[:, 1], far.Y[:, 1] = 1e6, -1e6
    others = [0, 2, 3]
    assert np.array_equal(gradient(net, theta, far)[0][:, others], out[:, others])


# ---------------------------------------------------------------------------------------- gradients


@every_mask
@every_variant
def test_gradient_and_central_differences(name, masked):
    net, theta = build(name)
    for own in (None, 0.6, 1.0) if name in FEEDBACK else (None,):
        data = make_data(net, own=own, masked=masked)
        step = 1e-6 if "relu" in name else 1e-3  # so small that no unit crosses the kink
        numeric = naive.central_difference(lambda p: loss(net, p, data), theta, step)
        assert_derivative(gradient(net, theta, data)[1], numeric)


@every_mask
@every_variant
def test_gradient_and_twin(name, masked):
    """The twin's derivative has as many digits as the numbers: no element needs an excuse."""
    net, theta = build(name)
    data = make_data(net, T=5, B=2, own=0.6 if name in FEEDBACK else None, masked=masked)
    exact = naive.complex_step(lambda p: naive_loss(name, net, p, data), theta)
    np.testing.assert_allclose(gradient(net, theta, data)[1], exact, rtol=1e-9, atol=1e-13)


@every_mask
@every_variant
def test_single_precision(name, masked):
    net, theta = build(name)
    data = make_data(net, own=0.6 if name in FEEDBACK else None, masked=masked)
    out, grad = gradient(net, theta, data)
    out32, grad32 = gradient(net, theta, data, np.float32)
    assert out32.dtype == grad32.dtype == np.float32
    np.testing.assert_allclose(out32, out, rtol=0, atol=1e-4 * np.abs(out).max())
    np.testing.assert_allclose(grad32, grad, rtol=0, atol=1e-4 * np.abs(grad).max())


# ---------------------------------------------------------------------------------------- objective


def make_series(net, N, seed=3):
    rng = np.random.default_rng(seed)
    X, Y, w = rng.normal(size=(N, net.n_inputs)), rng.normal(size=(N, net.n_outputs)), rng.uniform(0.2, 2, N)
    w[[N // 3, N // 2]] = 0
    return Series(X, Y, w, np.zeros(N, bool))


def teaching(feedback="open_loop", **changes):
    plain = Teaching(squared, 0.0, 0, 0.0, 0.0, 0.0, feedback, 1)
    return plain._replace(**changes)


def whole_series(net, s, own=None):
    """A series as one sequence."""
    lead = max(net.x_lead, net.y_lead)
    T = len(s.Y) - lead
    unknown = np.full((T, 1, net.n_outputs), True) if own else None
    return Data(s.X[:, None], s.Y[:, None], s.w[lead:, None], np.array([T]), unknown)


@every_variant
def test_objective(name):
    """One sequence as long as the series: the loss and the gradient of the tape; free runs in closed loop."""
    net, theta = build(name)
    s = make_series(net, 17)
    for feedback in ("open_loop", "closed_loop") if name in FEEDBACK else ("open_loop",):
        objective = Objective(net, [s], 20, 1, teaching(feedback), np.float64)
        data = whole_series(net, s, own=feedback == "closed_loop")
        expected = naive_loss(name, net, theta, data)
        value, grad = objective.loss_grad(theta, objective.everything)
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(grad, gradient(net, theta, data)[1], rtol=1e-11, atol=1e-13)
        assert objective.value(theta) * objective.weight == pytest.approx(expected, rel=1e-12)


@every_variant
def test_objective_carries_the_state_over_cuts(name):
    net, theta = build(name)
    if net.bidirectional:
        pytest.skip("reads a sequence from both ends")
    s = make_series(net, 23)
    objective = Objective(net, [s], 4, 1, teaching(), np.float64)
    value, _ = objective.loss_grad(theta, objective.everything)
    assert value == pytest.approx(naive_loss(name, net, theta, whole_series(net, s)), rel=1e-12)


@pytest.mark.parametrize("rates", [(0.0, 0.0), (0.3, 0.4)])
@pytest.mark.parametrize(
    "name", ["elman", "lstm, both directions, deep, skip", "gru, reset before, fed, deep"]
)
def test_any_number_of_threads_gives_the_same_bits(name, rates):
    net, theta = build(name)
    series = [make_series(net, 33, seed) for seed in range(45)]  # three shards
    feedback = "closed_loop" if name in FEEDBACK else "open_loop"
    taught = teaching(feedback, dropout=rates[0], recurrent_dropout=rates[1])

    def epoch(pool):
        objective = Objective(net, series, 8, 45, taught, np.float32, pool=pool)
        p, losses = theta.astype(np.float32), []
        for batch, n in objective.batches(np.random.RandomState(0)):
            value, grad = objective.loss_grad(p, batch)
            losses.append(value)
            p -= 0.1 * grad / n
        return np.array(losses), p

    alone = epoch(None)
    for n in (1, 2, 3):
        with ThreadPoolExecutor(n) as pool:
            assert all(np.array_equal(a, b) for a, b in zip(epoch(pool), alone))


@pytest.mark.parametrize("cell", CELLS)
def test_fits_with_any_number_of_threads_are_the_same(cell):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 2))
    y = np.convolve(X[:, 0], [0.5, 0.3, 0.2])[:900]
    fits = [
        CELLS[cell](
            hidden_layer_sizes=5, sequence_length=10, batch_size=40, max_iter=3, random_state=0, n_jobs=n
        ).fit(X, y)
        for n in (None, 1, 2, 3)
    ]
    assert all(np.array_equal(fit.theta_, fits[0].theta_) for fit in fits)
    assert all(np.array_equal(fit.predict(X[:50]), fits[0].predict(X[:50])) for fit in fits)


# ---------------------------------------------------------------------------------------- torch


def assert_parity(name, g):
    """Outputs and all gradients are torch's."""
    cell, activation = golden.cell_of(name)
    _, layers, directions = golden.NETS[name]
    options = {"elman": {"activation": activation}, "gru": {"reset": "after"}}.get(cell, {})
    made = CELLS[cell](initial_state="learned", **options)._cell()
    layout = {"n_inputs": golden.F, "hidden": (golden.H,) * layers, "bidirectional": directions == 2}
    net = make_net(made, **{**LAYOUT, **layout})

    def flat(values, gradient):
        nested, V, c = golden.from_torch(name, values, gradient)
        theta = np.zeros(net.size)
        *blocks, readout = net.views(theta)
        for p, of_torch in zip(blocks, sum(nested, []), strict=True):
            for field, a in p._asdict().items():
                a[:] = getattr(of_torch, field)
        readout.W[0], readout.b[0] = V, c
        return theta

    data = Data(g.X, g.Y, g.w, np.full(golden.B, golden.T))
    out, grad = gradient(net, flat(g.theta, False), data)
    np.testing.assert_allclose(out, g.out, rtol=0, atol=1e-12)
    np.testing.assert_allclose(grad, flat(g.gradient, True), rtol=1e-10, atol=1e-12)


@every_golden
def test_goldens(name):
    assert_parity(name, golden.load(name))


@every_golden
def test_torch_itself(name):
    pytest.importorskip("torch")
    assert_parity(name, golden.make(name, seed=1000))


@every_golden
def test_twin_and_goldens(name):
    """The twin is made of torch's own equations where torch has them: outputs and all gradients."""
    g, shapes = golden.load(name), golden.torch_shapes(name)

    def run(theta):
        layers, V, c = golden.from_torch(name, golden.cut(theta, shapes))
        net = naive.RecurrentNetwork(naive_cell(*golden.cell_of(name)), layers, V, c, (0,), ())
        free = np.full((golden.T, golden.O), np.nan)
        return np.stack([naive.run_recurrent_network(net, x, free, 0)[0] for x in g.X.swapaxes(0, 1)], axis=1)

    theta = np.concatenate([a.ravel() for a in g.theta.values()])
    grad = np.concatenate([a.ravel() for a in g.gradient.values()])
    exact = naive.complex_step(lambda p: 0.5 * np.sum(g.w[..., None] * (run(p) - g.Y) ** 2), theta)
    np.testing.assert_allclose(run(theta), g.out, rtol=0, atol=1e-12)
    np.testing.assert_allclose(exact, grad, rtol=0, atol=1e-12)


@every_golden
def test_goldens_are_what_torch_gives(name):
    pytest.importorskip("torch")
    g = golden.load(name)
    again = golden.run_torch(name, g.X, g.Y, g.w, g.theta)
    np.testing.assert_allclose(again.out, g.out, rtol=0, atol=1e-12)
    np.testing.assert_allclose(again.dX, g.dX, rtol=0, atol=1e-12)
    for key in g.gradient:
        np.testing.assert_allclose(again.gradient[key], g.gradient[key], rtol=0, atol=1e-12)
