"""How far back the errors of a recurrent net reach.

|dL(t) / dh_l(t - k)|          k = 0, 1 ... T - 1, of each layer l, averaged over rows t; L(t) = |out(t) - y(t)|^2 / 2
"""

import numpy as np

from .recurrent_dynamics import ORIGINS
from .tape import Tape


def gradient_norms(dynamics, X, Y, ends, T):
    """Average the norms (n_layers, T) over up to ``ORIGINS`` rows of ``ends`` (M,), ascending.

    X, Y : (N, D), (N, O), rows from the cold state on; NaN in Y is replaced by the net's own output.
    """
    ends = ends[np.linspace(0, len(ends) - 1, min(ORIGINS, len(ends))).astype(int)]
    first, net, B = ends - T + 1, dynamics.net, len(ends)
    cold = dynamics.cold()
    y, states = _states_at(dynamics, X, Y, cold, first)
    tape, weights = Tape(net, B, T, np.float64), net.views(dynamics.theta)
    X = net.inputs(dynamics.theta, X)
    tape.place(X.ravel(), first, y.ravel(), first, np.full(B, T))
    for k, (state, block, begin) in enumerate(zip(states, net.blocks, cold.states)):
        tape.begin(k, begin[:, None] if block.reverse else state)
    dout = np.zeros((T, B, net.n_outputs))
    dout[-1] = tape.forward(weights)[-1] - y[ends]
    tape.backward(weights, net.turned(weights), dout, net.views(np.zeros(net.size)))
    forth = [dH for dH, block in zip(tape.dH, net.blocks) if not (block.reverse or block.dense)]
    return np.array([np.linalg.norm(dH, axis=2).mean(axis=1)[::-1] for dH in forth])


def _states_at(dynamics, X, Y, cold, first):
    """Follow rows from the cold memory; returns y without NaN, and the states of each block before rows ``first``."""
    y, B = np.empty_like(Y), len(first)
    states = [np.empty((len(state), B, block.H)) for state, block in zip(cold.states, dynamics.net.blocks)]
    for t, tape, rows in dynamics.blocks(X, Y, cold):
        y[t : t + rows] = tape.out[:, 0]
        inside = (first >= t) & (first < t + rows)
        for k, state in enumerate(states):
            state[:, inside] = tape.ends(k, first[inside] - t, 0)
    return np.where(np.isnan(Y), y, Y), states
