"""What moved an output: gradients with respect to what a net saw, through time, and integrated along a line.

Of inputs and past outputs v, a baseline b and an output f(v), the integrated gradients [1]

    a_i = (v_i - b_i) integral_0^1 df/dv_i (b + s (v - b)) ds            sum_i a_i = f(v) - f(b)

by Gauss and Legendre's quadrature, all nodes s side by side as sequences of one batch: one pass forward, one back.  The
gradients are those of training, back through every state and every output that is fed back.

[1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", ICML 2017.
"""

from typing import NamedTuple

import numpy as np

from . import delay_kernels as kernels
from .delay import OPEN_LOOP, DelayDynamics, _seen, forward
from .recurrent_dynamics import RecurrentDynamics
from .tape import Tape


class Window(NamedTuple):
    """The rows that one output is traced back over, as the net sees them.

    x, y : (n, D'), (n, O'); of y the last ``own`` rows are the net's own outputs, and hold anything.   x0, y0 : the
    baseline, (D',), (O',).   lead : rows in front that only lags see.   own : steps the output is ahead.   states : of
    each block before the first row behind them, (n_states, H).
    """

    x: np.ndarray
    y: np.ndarray
    x0: np.ndarray
    y0: np.ndarray
    lead: int
    own: int
    states: tuple

    def between(self, nodes):
        """Return x and y (m, n, .) on the line from the baseline to the rows seen, at ``nodes`` (m,)."""
        s = np.asarray(nodes)[:, None, None]
        return self.x0 + s * (self.x - self.x0), self.y0 + s * (self.y - self.y0)


def window(dynamics, X, Y, memory, rows, own):
    """Cut the ``Window`` of the last row of X (N, D), Y (N, O), of which the last ``own`` rows of y are not measured.

    rows : the most rows of a net with a state; what lies before is in the states.
    """
    Y = Y.copy()
    Y[len(Y) - own :] = np.nan
    keep = own if isinstance(dynamics, DelayDynamics) else min(len(Y), max(rows, own))
    before = len(Y) - keep
    if before:
        _, memory = dynamics.run(X[:before], Y[:before], memory)
    X, Y = X[before:], Y[before:]
    out, _ = dynamics.run(X, Y, memory)
    Y = np.where(np.isnan(Y), out, Y)
    if isinstance(dynamics, DelayDynamics):
        symbols, (x, y) = (
            dynamics.plan.symbols,
            _seen(dynamics.plan, dynamics.theta, X, Y, memory.X, memory.Y),
        )
        states = ()
    else:
        symbols, (x, y) = dynamics.net.symbols, dynamics.seen(X, Y, memory)
        states = memory.states
    x0, y0 = (np.array(v, float)[None] for v in dynamics.mean)
    if symbols is not None:
        x0, y0 = symbols.inputs(dynamics.theta, x0), symbols.outputs(dynamics.theta, y0)
    return Window(x, y, x0[0], y0[0], dynamics.lead, own, states)


def slopes(dynamics, seen, nodes, output):
    """Compute outputs (m,) at nodes (m,) between baseline and rows seen, and their gradients, shaped like x and y."""
    trace = _delay_slopes if isinstance(dynamics, DelayDynamics) else _recurrent_slopes
    return trace(dynamics, seen, *seen.between(nodes), output)


def can_trace(dynamics):
    """Return whether gradients of a model are implemented: for delay networks and trained recurrent nets."""
    if isinstance(dynamics, RecurrentDynamics):
        return dynamics.net.front is None
    return isinstance(dynamics, DelayDynamics)


def _delay_slopes(dynamics, seen, x, y, output):
    """Trace a delay network, whose last ``own`` rows follow from those before."""
    plan, theta = dynamics.plan, np.require(dynamics.theta, np.float64, ["C", "A", "W"])
    (m, n, D), T, O, width = x.shape, seen.own, plan.n_outputs, plan.y_width
    x_at = (np.arange(m) * n + n - T) * D
    y_at = (np.arange(m) * n + n - T) * width
    closed = T > 1
    fed = np.ones((m, T * O), np.bool_) if closed else OPEN_LOOP
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    args, h = forward(
        plan, theta, x.ravel(), x_at, y.ravel(), y_at, fed, T, plan.work_space(m, T, theta.dtype)
    )
    d, dx, dy = np.zeros_like(h), np.zeros(x.size), np.zeros(y.size)
    d[-m * T * O :].reshape(T, m, O)[-1, :, output] = 1.0
    out = h[-m * T * O :].reshape(T, m, O)[-1, :, output].copy()
    kernels.backward(*args, h, d, y_at, dy, dx, np.zeros_like(theta))
    return out, dx.reshape(x.shape), dy.reshape(y.shape)


def _recurrent_slopes(dynamics, seen, x, y, output):
    """Trace a recurrent net, back through its states."""
    net, m = dynamics.net, len(x)
    weights = net.views(np.require(dynamics.theta, np.float64, ["C", "A", "W"]))
    n, T = x.shape[1], x.shape[1] - seen.lead
    tape, at = Tape(net, m, T, np.float64), np.arange(m) * n + seen.lead
    x, y = np.ascontiguousarray(x).ravel(), np.ascontiguousarray(y).ravel()
    tape.place(x, at, y, at, np.full(m, T))
    for k, state in enumerate(seen.states):
        tape.begin(k, state[:, None])
    fed = None
    if net.y_lead and seen.own > 1:
        fed = np.zeros((T, m, 1), bool)
        fed[T - seen.own :] = True
    out = tape.forward(weights, fed)[-1, :, output].copy()
    dout, dx, dy = np.zeros((T, m, net.n_outputs)), np.zeros_like(x), np.zeros_like(y)
    dout[-1, :, output] = 1.0
    for dS in tape.dS:
        dS.fill(0)
    grads = net.views(np.zeros(net.size))
    tape.backward(weights, net.turned(weights, inputs=True), dout, grads, dx, dy)
    return out, dx.reshape(m, n, -1), dy.reshape(m, n, -1)
