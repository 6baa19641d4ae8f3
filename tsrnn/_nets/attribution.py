"""What moved an output: gradients with respect to what a net saw, through time, and integrated along a line.

Of inputs and past outputs v, a baseline b and an output f(v), the integrated gradients [1]

    a_i = (v_i - b_i) integral_0^1 df/dv_i (b + s (v - b)) ds            sum_i a_i = f(v) - f(b)

by Gauss and Legendre's quadrature, all nodes s side by side as sequences of one batch: one pass forward, one back.  The
gradients are those of training, back through every state and every output that is fed back; those of a reservoir, which
training has no need of, are

    dz(t) = a f'(z(t)) dx(t)        dx(t - 1) = (1 - a) dx(t) + W' dz(t)        dv(t) = W_in' dz(t) + Wv dy(t)

f is an output, or what a ``Pick`` makes of all outputs of a row: the probability of a class.

[1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", ICML 2017.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from .._kernels.activations_v1 import WORDS
from . import delay_kernels as kernels
from .delay import OPEN_LOOP, DelayDynamics, _seen, forward
from .echo_state import EchoState
from .recurrent_dynamics import RecurrentDynamics
from .tape import Tape


ACTIVATED = {  # f(z), and f'(z) as a function of f(z)
    "identity": (lambda z: z, np.ones_like),
    "tanh": (np.tanh, lambda s: 1 - s**2),
    "logistic": (expit, lambda s: s * (1 - s)),
    "relu": (lambda z: np.maximum(z, 0), lambda s: (s > 0).astype(float)),
}


class Pick(NamedTuple):
    """What is explained of outputs z (m, O): ``value`` (z -> (m,)) and its gradient (z -> (m, O))."""

    value: Any
    gradient: Any


def column(output, O):
    """Pick one output of O."""
    return Pick(lambda z: z[:, output].copy(), lambda z: np.tile(np.eye(O)[output], (len(z), 1)))


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
    elif isinstance(dynamics, EchoState):
        symbols, states = None, memory.states
        x, y = np.concatenate([memory.X, X]), np.concatenate([memory.Y, Y])
    else:
        symbols, (x, y) = dynamics.net.symbols, dynamics.seen(X, Y, memory)
        states = memory.states
    x0, y0 = (np.array(v, float)[None] for v in dynamics.mean)
    if symbols is not None:
        x0, y0 = symbols.inputs(dynamics.theta, x0), symbols.outputs(dynamics.theta, y0)
    return Window(x, y, x0[0], y0[0], dynamics.lead, own, states)


def slopes(dynamics, seen, nodes, pick):
    """Compute a ``Pick`` (m,) at nodes (m,) between baseline and rows seen, and its gradients, shaped like x and y."""
    trace = _recurrent_slopes
    if isinstance(dynamics, (DelayDynamics, EchoState)):
        trace = _delay_slopes if isinstance(dynamics, DelayDynamics) else _reservoir_slopes
    return trace(dynamics, seen, *seen.between(nodes), pick)


def can_trace(dynamics):
    """Return whether gradients of a model are implemented: for delay networks, recurrent nets and reservoirs."""
    if isinstance(dynamics, RecurrentDynamics):
        return dynamics.net.front is None
    return isinstance(dynamics, (DelayDynamics, EchoState))


def _delay_slopes(dynamics, seen, x, y, pick):
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
    z = h[-m * T * O :].reshape(T, m, O)[-1]
    d[-m * T * O :].reshape(T, m, O)[-1] = pick.gradient(z)
    out = pick.value(z)
    kernels.backward(*args, h, d, y_at, dy, dx, np.zeros_like(theta))
    return out, dx.reshape(x.shape), dy.reshape(y.shape)


def _recurrent_slopes(dynamics, seen, x, y, pick):
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
    z = tape.forward(weights, fed)[-1]
    out = pick.value(z)
    dout, dx, dy = np.zeros((T, m, net.n_outputs)), np.zeros_like(x), np.zeros_like(y)
    dout[-1] = pick.gradient(z)
    for dS in tape.dS:
        dS.fill(0)
    grads = net.views(np.zeros(net.size))
    tape.backward(weights, net.turned(weights, inputs=True), dout, grads, dx, dy)
    return out, dx.reshape(m, n, -1), dy.reshape(m, n, -1)


def _reservoir_slopes(dynamics, seen, x, y, pick):
    """Trace a reservoir, back through its states and the outputs that it is fed in the last ``own`` rows."""
    (m, n, _), lead = x.shape, seen.lead
    T, y = n - lead, y.copy()
    states, outputs = [np.tile(np.concatenate(seen.states), (m, 1))], []
    (c, Wv, Wx, Wq), own = dynamics.readout(), T - seen.own
    slope = ACTIVATED[WORDS[dynamics.reservoir.kind]][1]
    activated = []
    for t in range(T):
        v = _drive(dynamics, x, y, lead + t)
        f, new = _step(dynamics, v, states[-1])
        activated.append(f)
        states.append(new)
        outputs.append(c + (v @ Wv if len(Wv) else 0.0) + new @ Wx + (new**2 @ Wq if len(Wq) else 0.0))
        if t >= own:
            y[:, lead + t] = np.clip(outputs[-1], -dynamics.bound, dynamics.bound)
    z, dx, dy, dS = outputs[-1], np.zeros_like(x), np.zeros_like(y), np.zeros_like(states[0])
    dy[:, -1] = pick.gradient(z)
    for t in reversed(range(T)):
        dv, dout = np.zeros((m, len(dynamics.reservoir.W_in))), dy[:, lead + t]
        if t >= own:  # those before are measured, and their outputs move nothing
            dout = dout * (np.abs(outputs[t]) <= dynamics.bound) if t < T - 1 else dout
            dv += dout @ Wv.T if len(Wv) else 0.0
            dS += dout @ Wx.T + (2 * states[t + 1] * (dout @ Wq.T) if len(Wq) else 0.0)
        dS, dv = _step_back(dynamics, slope(activated[t]), dS, dv)
        _drive_back(dynamics, dv, dx, dy, lead + t)
    return pick.value(z), dx, dy


def _columns(dynamics, D):
    """Yield which of x (0) or y (1), the lag, and the columns of v that it takes, as ``EchoState.drive`` lays them."""
    at = 0
    for which, lags, width in ((0, dynamics.input_lags, D), (1, dynamics.output_lags, dynamics.n_outputs)):
        for lag in reversed(lags):
            yield which, lag, slice(at, at + width)
            at += width


def _drive(dynamics, x, y, row):
    """Lay out v (m, D') of one row."""
    return np.concatenate([(x, y)[k][:, row - lag] for k, lag, _ in _columns(dynamics, x.shape[2])], axis=1)


def _drive_back(dynamics, dv, dx, dy, row):
    """Add the gradient of v of one row to those of x and y."""
    for k, lag, columns in _columns(dynamics, dx.shape[2]):
        (dx, dy)[k][:, row - lag] += dv[:, columns]


def _step(dynamics, v, old):
    """Compute f(z) and the new states, (m, R) each, layer by layer."""
    net, (W, U) = dynamics.reservoir, dynamics.matrices
    f, new, z = np.empty_like(old), old.copy(), v @ net.W_in + old @ W.T + net.b
    activate = ACTIVATED[WORDS[net.kind]][0]
    for i, j in pairwise(net.begin):
        f[:, i:j] = activate(z[:, i:j] + (new @ U[i:j].T if i else 0.0))
        new[:, i:j] = (1 - net.leak[i:j]) * old[:, i:j] + net.leak[i:j] * f[:, i:j]
    return f, new


def _step_back(dynamics, slope, dS, dv):
    """Return the gradient of the states before, (m, R), and that of v, given those after and f'(z) (m, R)."""
    net, (W, U) = dynamics.reservoir, dynamics.matrices
    dz, dS = np.empty_like(dS), dS.copy()
    for i, j in reversed([*pairwise(net.begin)]):
        dz[:, i:j] = dS[:, i:j] * net.leak[i:j] * slope[:, i:j]
        if i:
            dS += dz[:, i:j] @ U[i:j]
    return (1 - net.leak) * dS + dz @ W, dv + dz @ net.W_in.T
