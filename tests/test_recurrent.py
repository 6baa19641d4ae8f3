"""Elman, LSTM and GRU nets: against their equations, central differences and torch."""

from functools import partial

import naive
import numpy as np
import pytest
from golden import torch_recurrent as golden


every_golden = pytest.mark.parametrize("name", golden.NETS)


# ---------------------------------------------------------------------------------------- the twin itself


def naive_cell(cell, activation="tanh"):
    if cell == "elman":
        return partial(naive.elman, f=naive.ACTIVATIONS[activation])
    return {"lstm": naive.lstm, "gru": naive.gru}[cell]


@every_golden
def test_twin_and_torch(name):
    """The twin is made of torch's own equations where torch has them: outputs and all gradients."""
    g, shapes = golden.load(name), golden.torch_shapes(name)
    kind, activation = golden.cell_of(name)

    def run(theta):
        layers, V, c = golden.from_torch(name, golden.cut(theta, shapes))
        net = naive.RecurrentNetwork(naive_cell(kind, activation), layers, V, c, (0,), ())
        free = np.full((golden.T, golden.O), np.nan)
        return np.stack([naive.run_recurrent_network(net, x, free, 0)[0] for x in g.X.swapaxes(0, 1)], axis=1)

    def loss(theta):
        return 0.5 * np.sum(g.w[..., None] * (run(theta) - g.Y) ** 2)

    theta = np.concatenate([a.ravel() for a in g.theta.values()])
    gradient = np.concatenate([a.ravel() for a in g.gradient.values()])
    np.testing.assert_allclose(run(theta), g.out, rtol=0, atol=1e-12)
    np.testing.assert_allclose(naive.complex_step(loss, theta), gradient, rtol=0, atol=1e-12)


@every_golden
def test_goldens_are_what_torch_gives(name):
    pytest.importorskip("torch")
    g = golden.load(name)
    again = golden.run_torch(name, g.X, g.Y, g.w, g.theta)
    np.testing.assert_allclose(again.out, g.out, rtol=0, atol=1e-12)
    np.testing.assert_allclose(again.dX, g.dX, rtol=0, atol=1e-12)
    for key in g.gradient:
        np.testing.assert_allclose(again.gradient[key], g.gradient[key], rtol=0, atol=1e-12)
