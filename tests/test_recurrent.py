"""Elman, LSTM and GRU nets: against their equations, central differences and torch."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import naive
import numpy as np
import pytest
from golden import torch_recurrent as golden
from recurrent_nets import (
    CELLS,
    FEEDBACK,
    VARIANTS,
    Data,
    build,
    follow,
    golden_run,
    gradient,
    has_kinks,
    loss,
    make_data,
    naive_cell,
    naive_loss,
    naive_run,
)

from tsrnn._nets.recurrent_loss import Teaching
from tsrnn._nets.recurrent_loss import TrackLoss as Objective
from tsrnn._series.units import Series
from tsrnn._training.losses import squared


every_variant = pytest.mark.parametrize("name", VARIANTS)
one_way = pytest.mark.parametrize(
    "name", [name for name, (_, _, layout) in VARIANTS.items() if "bidirectional" not in layout]
)
every_feedback = pytest.mark.parametrize("name", FEEDBACK)
every_golden = pytest.mark.parametrize("name", golden.NETS)
every_mask = pytest.mark.parametrize("masked", [False, True], ids=["", "masks"])
# which layouts pass through alike: of each cell every second one
mask_in_turn = pytest.mark.parametrize(("name", "masked"), [(n, k % 2 > 0) for k, n in enumerate(VARIANTS)])


def assert_derivative(analytic, numeric):
    """Within 1e-7 of each element, and of the largest where an element is next to nothing beside it."""
    scale = np.abs(numeric).max()
    assert scale > 0
    np.testing.assert_allclose(analytic, numeric, rtol=1e-7, atol=1e-9 * scale)


def assert_parity(name, g):
    """Outputs and all gradients are torch's."""
    out, grad, of_torch = golden_run(name, g)
    np.testing.assert_allclose(out, g.out, rtol=0, atol=1e-12)
    np.testing.assert_allclose(grad, of_torch, rtol=1e-10, atol=1e-12)


# ---------------------------------------------------------------------------------------- forward


@mask_in_turn
def test_run_follows_the_equation(name, masked):
    net, theta = build(name)
    for own in (None, 0.5, 1.0) if name in FEEDBACK else (None,):
        data = make_data(net, own=own, masked=masked, start=masked)
        tape, _ = follow(net, theta, data)
        expected, ends = naive_run(name, net, theta, data)
        counts = np.arange(len(data.w))[:, None] < data.lengths
        np.testing.assert_allclose(tape.out[counts], expected[counts], rtol=1e-12, atol=1e-13)
        for b, rows in enumerate(data.lengths):
            ours = [S[:, rows, b] for S, block in zip(tape.S, net.blocks) if not block.dense]
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


@one_way
def test_two_halves_equal_one_run(name):
    """The state carried from the one to the other, in open and in closed loop."""
    net, theta = build(name)
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
        two, _ = follow(
            net,
            theta,
            second._replace(start=[one.ends(k, np.full(3, cut), np.arange(3)) for k in range(len(one.S))]),
        )
        assert np.array_equal(np.concatenate([one.out, two.out]), whole.out)
        assert all(np.array_equal(a[:, -1], b[:, -1]) for a, b in zip(two.S, whole.S))


@mask_in_turn
def test_sequences_do_not_mix(name, masked):
    """Each of a batch gives the same bits alone, and its own share of the gradient."""
    net, theta = build(name)
    data = make_data(net, B=4, own=0.5 if name in FEEDBACK else None, masked=masked, start=masked)
    out, grad = gradient(net, theta, data)
    alone = [gradient(net, theta, data.part(slice(b, b + 1))) for b in range(4)]
    assert all(np.array_equal(o, out[: len(o), b : b + 1]) for b, (o, _) in enumerate(alone))
    np.testing.assert_allclose(sum(g for _, g in alone), grad, rtol=1e-11, atol=1e-13)
    far = data._replace(X=data.X.copy(), Y=data.Y.copy())
    far.X[:, 1], far.Y[:, 1] = 1e6, -1e6
    others = [0, 2, 3]
    assert np.array_equal(gradient(net, theta, far)[0][:, others], out[:, others])


# ---------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("name", list(VARIANTS)[::3])
def test_gradient_and_central_differences(name):
    """Every element; of all variants, and under masks, by the twin, whose derivative is exact."""
    net, theta = build(name)
    data = make_data(net, own=0.6 if name in FEEDBACK else None)
    # so small that no unit crosses a kink, nor the loss of what is fed its own output bends too far
    step = 1e-6 if has_kinks(name) else 3e-5
    numeric = naive.central_difference(partial(loss, net, data), theta, step)
    assert_derivative(gradient(net, theta, data)[1], numeric)


@every_mask
@every_variant
def test_gradient_and_twin(name, masked):
    """The twin's derivative has as many digits as the numbers: any wrong element turns random directions."""
    net, theta = build(name)
    V = np.random.default_rng(4).normal(size=(2, net.size))
    for own in (0.6, 1.0) if name in FEEDBACK else (None,):
        data = make_data(net, T=5, B=2, own=own, masked=masked)
        exact = naive.complex_step(
            lambda s, data=data: naive_loss(name, net, theta + s @ V, data), np.zeros(2)
        )
        grad = gradient(net, theta, data)[1]
        np.testing.assert_allclose(V @ grad, exact, rtol=1e-9, atol=1e-11 * np.abs(grad).max())


@pytest.mark.parametrize(("hidden", "B", "masked"), [((37, 18), 19, True), ((1,), 1, False)])
@every_variant
def test_gradient_of_any_width(name, masked, hidden, B):
    """More units and sequences than a vector register holds, no whole number of them, and one: a random direction."""
    net, theta = build(name, hidden=hidden)
    theta, rng = theta / 2, np.random.default_rng(4)
    data = make_data(net, B=B, own=0.6 if name in FEEDBACK else None, masked=masked)
    out, grad = gradient(net, theta, data)
    expected = naive_run(name, net, theta, data)[0]
    rows = data.lengths.min()
    np.testing.assert_allclose(out[:rows], expected[:rows], rtol=1e-11, atol=1e-12)
    v = rng.normal(size=net.size)
    along = naive_loss(name, net, theta + 1e-100j * v, data).imag / 1e-100
    assert grad @ v == pytest.approx(along, rel=1e-9, abs=1e-10 * np.abs(grad).max())


@pytest.mark.parametrize("name", ["elman", "gru", "lstm"])
def test_code_for_what_a_net_lacks_changes_no_bit(name):
    """Kernels get None for it, or empty arrays."""
    net, theta = build(name, hidden=(19,))
    data, whole = make_data(net, B=5), net._replace(cell=net.cell._replace(optional=()))
    assert net.cell.optional
    for one, other in zip(gradient(net, theta, data), gradient(whole, theta, data)):
        np.testing.assert_array_equal(one, other)


@mask_in_turn
def test_single_precision(name, masked):
    net, theta = build(name)
    data = make_data(net, own=0.6 if name in FEEDBACK else None, masked=masked)
    out, grad = gradient(net, theta, data)
    out32, grad32 = gradient(net, theta, data, np.float32)
    assert out32.dtype == grad32.dtype == np.float32
    np.testing.assert_allclose(out32, out, rtol=0, atol=1e-4 * np.abs(out).max())
    np.testing.assert_allclose(grad32, grad, rtol=0, atol=1e-4 * np.abs(grad).max())


# ---------------------------------------------------------------------------------------- objective


def make_series(net, N, seed=3, holes=()):
    """A series of random rows, two of them without weight; y is not known in the holes."""
    rng = np.random.default_rng(seed)
    X, Y, w = rng.normal(size=(N, net.n_inputs)), rng.normal(size=(N, net.n_outputs)), rng.uniform(0.2, 2, N)
    w[[N // 3, N // 2]] = 0
    Y[list(holes)] = np.nan
    return Series(X, Y, w, np.zeros(N, bool))


def teaching(feedback="open_loop", **changes):
    return Teaching(squared, 0.0, 0.0, 0.0, 0.0, feedback, 1)._replace(**changes)


def whole(net, s, feedback="open_loop"):
    """A series as one sequence."""
    lead = max(net.x_lead, net.y_lead)
    own = np.isnan(s.Y[lead:, None]) | (feedback == "closed_loop")
    w = np.where(np.isnan(s.Y[lead:, 0]), 0, s.w[lead:])[:, None]
    return Data(s.X[:, None], np.nan_to_num(s.Y)[:, None], w, np.array([len(w)]), own if net.y_lead else None)


@every_variant
def test_objective(name):
    """A sequence as long as the series: loss of the twin, gradient of the tape; the net is fed where y is unknown."""
    net, theta = build(name)
    s = make_series(net, 17, holes=(9, 10, 14))
    for feedback in ("open_loop", "closed_loop") if name in FEEDBACK else ("open_loop",):
        objective = Objective(net, [s], 20, 1, teaching(feedback), np.float64)
        data = whole(net, s, feedback)
        expected = naive_loss(name, net, theta, data)
        value, grad = objective.loss_grad(theta, objective.everything)
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(grad, gradient(net, theta, data)[1], rtol=1e-11, atol=1e-13)
        assert objective.value(theta) * objective.weight == pytest.approx(expected, rel=1e-12)


@every_variant
def test_objective_of_one_vector_after_another(name):
    """It keeps no more of one than its place in memory, writes to none, and sees one that was changed in place."""
    net, theta = build(name)
    s = make_series(net, 17)
    used, vectors = Objective(net, [s], 20, 1, teaching(), np.float64), [theta, 0.5 * theta, theta, -theta]
    before = [v.copy() for v in vectors]
    for v in vectors:
        value, grad = used.loss_grad(v, used.everything)
        fresh, fresh_grad = Objective(net, [s], 20, 1, teaching(), np.float64).loss_grad(v.copy(), None)
        assert value == fresh
        np.testing.assert_array_equal(grad, fresh_grad)
    np.testing.assert_array_equal(vectors, before)
    for changed in (vectors[0], vectors[-1]):
        changed *= 0.9
        assert used.value(changed) == Objective(net, [s], 20, 1, teaching(), np.float64).value(changed)
        assert (
            used.loss_grad(changed, None)[0]
            == Objective(net, [s], 20, 1, teaching(), np.float64).loss_grad(changed, None)[0]
        )


@every_variant
def test_objective_of_several_series(name):
    """Side by side, of any length: the sum over them."""
    net, theta = build(name)
    series = [make_series(net, N, seed=N) for N in (9, 14, 11)]
    for feedback in ("open_loop", "closed_loop") if name in FEEDBACK else ("open_loop",):
        objective = Objective(net, series, 14, 3, teaching(feedback), np.float64)
        parts = [whole(net, s, feedback) for s in series]
        value, grad = objective.loss_grad(theta, objective.everything)
        assert value == pytest.approx(sum(naive_loss(name, net, theta, d) for d in parts), rel=1e-12)
        np.testing.assert_allclose(
            grad, sum(gradient(net, theta, d)[1] for d in parts), rtol=1e-11, atol=1e-13
        )


@one_way
def test_objective_carries_the_state_over_cuts(name):
    """Four rows at a time, and on three tracks, which after as many walks begin where the one before ended."""
    net, theta = build(name)
    s = make_series(net, 30, holes=(11, 20))
    expected = naive_loss(name, net, theta, whole(net, s))
    objective = Objective(net, [s], 4, 1, teaching(), np.float64)
    assert objective.loss_grad(theta, objective.everything)[0] == pytest.approx(expected, rel=1e-12)
    objective = Objective(net, [s], 4, 3, teaching(), np.float64)
    values = [objective.loss_grad(theta, objective.everything)[0] for _ in range(4)]
    assert values[0] != pytest.approx(expected, rel=1e-6)
    assert values[-1] == pytest.approx(expected, rel=1e-12)


@every_variant
def test_gradient_stops_at_cuts(name):
    """Each sequence of a track is one by itself, from the state that the measured y led to: closed loops too.

    A block of the other direction begins each of them anew.
    """
    net, theta = build(name)
    lead = max(net.x_lead, net.y_lead)
    s = make_series(net, lead + 11)
    for feedback in ("open_loop", "closed_loop") if name in FEEDBACK else ("open_loop",):
        objective = Objective(net, [s], 4, 1, teaching(feedback), np.float64)
        start, all_of_it = None, whole(net, s, feedback)
        batches = [batch for batch, _ in objective.batches(np.random.RandomState(0))]
        for first, last, batch in zip((0, 4, 8), (4, 8, 11), batches, strict=True):
            data = all_of_it._replace(
                X=all_of_it.X[first : lead + last],
                Y=all_of_it.Y[first : lead + last],
                w=all_of_it.w[first:last],
                lengths=np.array([last - first]),
                own=all_of_it.own if all_of_it.own is None else all_of_it.own[first:last],
                start=start,
            )
            value, grad = objective.loss_grad(theta, batch)
            assert value == pytest.approx(loss(net, data, theta), rel=1e-12)
            np.testing.assert_allclose(grad, gradient(net, theta, data)[1], rtol=1e-11, atol=1e-13)
            tape, _ = follow(net, theta, data._replace(own=None))
            ends = [tape.ends(k, np.full(1, last - first), np.arange(1)) for k in range(len(tape.S))]
            start = [None if block.reverse else end for block, end in zip(net.blocks, ends)]


RANDOM = {
    "dropout": {"dropout": 0.3, "recurrent_dropout": 0.4},
    "sampling": {"feedback": "scheduled_sampling", "epochs": 3},
    "penalty": {"orthogonal_penalty": 0.1},
}


def concerns(name, what):
    """Whether a variant feels it: some are not fed, and some have no matrix of the recurrence."""
    return {"dropout": True, "sampling": name in FEEDBACK, "penalty": bool(build(name)[0].shapes[0].U[0])}[
        what
    ]


@pytest.mark.parametrize(("name", "what"), [(n, w) for n in VARIANTS for w in RANDOM if concerns(n, w)])
def test_gradient_of_what_is_drawn(name, what):
    """The same draw for both: masks, which y are the net's own. And the penalty that keeps U orthogonal."""
    net, theta = build(name)
    series = [make_series(net, N, seed=N) for N in range(9, 27)]  # two shards
    objective = Objective(net, series, 26, 18, teaching(**RANDOM[what]), np.float64)
    batches = [batch for batch, _ in objective.batches(np.random.RandomState(0))]
    objective.epoch = 1
    plain = Objective(net, series, 26, 18, teaching(), np.float64).loss_grad(theta, None)[0]

    def loss_grad(p):
        objective._rng = np.random.RandomState(5)
        return objective.loss_grad(p, batches[0])

    assert len(batches) == 1
    assert abs(loss_grad(theta)[0] / plain - 1) > 1e-6
    # which any wrong element turns
    v = np.random.default_rng(0).normal(size=net.size) / np.sqrt(net.size)
    analytic = v @ loss_grad(theta)[1]
    # A large step crosses kinks and feels the bends, a small one leaves few digits of so many rows: the closest.
    numeric = [
        naive.central_difference(lambda s: loss_grad(theta + s[0] * v)[0], np.zeros(1), step)[0]
        for step in (1e-3, 1e-4, 1e-5, 1e-6)
    ]
    assert_derivative(analytic, min(numeric, key=lambda slope: abs(slope - analytic)))


@pytest.mark.parametrize("rates", [(0.0, 0.0), (0.3, 0.4)])
@pytest.mark.parametrize(
    "name",
    ["elman", "lstm, no forget gate, both directions, skip", "gru, reset before, learned start, fed, deep"],
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


@every_golden
def test_goldens(name):
    assert_parity(name, golden.load(name))


@every_golden
def test_torch_itself(name):
    pytest.importorskip("torch")
    assert_parity(name, golden.make(name, seed=1000))


@every_golden
def test_twin_and_goldens(name):
    """The twin is made of torch's own equations where torch has them."""
    g = golden.load(name)
    layers, V, c = golden.from_torch(name, g.theta)
    cell, activation = golden.cell_of(name)
    twin = naive_cell(cell, activation=activation)
    twin = naive.RecurrentNetwork(twin, layers, V, c, (0,), (), n_states=1 + (cell == "lstm"))
    free = np.full((golden.T, golden.O), np.nan)
    out = [naive.run_recurrent_network(twin, x, free, 0)[0] for x in g.X.swapaxes(0, 1)]
    np.testing.assert_allclose(np.stack(out, axis=1), g.out, rtol=0, atol=1e-12)


@every_golden
def test_goldens_are_what_torch_gives(name):
    pytest.importorskip("torch")
    g = golden.load(name)
    again = golden.run_torch(name, g.X, g.Y, g.w, g.theta)
    np.testing.assert_allclose(again.out, g.out, rtol=0, atol=1e-12)
    np.testing.assert_allclose(again.dX, g.dX, rtol=0, atol=1e-12)
    for key in g.gradient:
        np.testing.assert_allclose(again.gradient[key], g.gradient[key], rtol=0, atol=1e-12)
