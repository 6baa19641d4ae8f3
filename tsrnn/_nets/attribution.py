"""What moved an output: gradients with respect to what a net saw, through time, and integrated along a line.

Of inputs and past outputs v, a baseline b and an output f(v), the integrated gradients [1]

    a_i = (v_i - b_i) integral_0^1 df/dv_i (b + s (v - b)) ds            sum_i a_i = f(v) - f(b)

by Gauss and Legendre's quadrature, all nodes s side by side as sequences of one batch: one pass forward, one back.  The
second equation tells how exact it is: where a net has corners (relu, the largest of a pool), the panel of s that misses
most of it is halved, again and again.  The gradients are those of training, back through every state, every output that
is fed back, convolution, pooling and attention; those of a reservoir, which training has no need of, are

    dz(t) = a f'(z(t)) dx(t)        dx(t - 1) = (1 - a) dx(t) + W' dz(t)        dv(t) = W_in' dz(t) + Wv dy(t)

f is an output, or what a ``Pick`` makes of all outputs of a row or of a series: the probability of a class.

[1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", ICML 2017.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from .._kernels.activations_v1 import WORDS
from . import convolution
from . import delay_kernels as kernels
from .delay import OPEN_LOOP, DelayDynamics, Plan, forward
from .echo_state import EchoState
from .episode_loss import EpisodeDynamics
from .error_lags import ErrorDynamics
from .pooled import Pooled, answer_back, pool
from .recurrent import INPUTS, OUTPUTS
from .recurrent_dynamics import RecurrentDynamics
from .symbols import symbols_of
from .tape import Tape


NODES, FINE = 64, 32  # of the quadrature: at first, and of each half of a panel
PANELS = 24  # at most
EXACT = 1e-4  # of all moves, that the sum may miss before a panel is halved
ROWS = 2**14  # of all nodes that are followed at a time: bounds the work space
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
    """The rows that one output is traced back over, as the net sees them, before convolution.

    x, y : (n, D'), (n, O').   x0, y0 : the baseline, likewise, or (D'), (O').   lead : rows in front that only lags
    see.   fed : (T, O') bool, the y of the T = n - lead rows behind them that are the net's own, and hold anything.
    states : of each block before the first of those rows, (n_states, H).   at : which of them is explained.   early :
    how many of them are the first ones of a reservoir from rest, whose outputs are held near the range of training.
    """

    x: np.ndarray
    y: np.ndarray
    x0: np.ndarray
    y0: np.ndarray
    lead: int
    fed: np.ndarray
    states: tuple = ()
    at: int = -1
    early: int = 0

    def between(self, nodes):
        """Return x and y (m, n, .) on the line from the baseline to the rows seen, at ``nodes`` (m,)."""
        s = np.asarray(nodes)[:, None, None]
        return self.x0 + s * (self.x - self.x0), self.y0 + s * (self.y - self.y0)

    def moves(self, dx, dy):
        """Return what gradients (n, .) make of the way from the baseline; the net's own outputs moved nothing."""
        of_y = (self.y - self.y0) * dy
        of_y[len(of_y) - len(self.fed) :][self.fed] = 0.0
        return (self.x - self.x0) * dx, of_y


def cut_window(dynamics, X, Y, memory, rows, n_free, at=-1):
    """Cut the ``Window`` of a row, the last one of X (N, D), Y (N, O), of which the last ``n_free`` y are not measured.

    rows : the most rows of a net with a state; what lies before is in the states.   at : the row, where a net reads
    those after it, too.
    """
    Y = Y.copy()
    Y[len(Y) - n_free :] = np.nan
    keep = n_free if isinstance(dynamics, DelayDynamics) else min(len(Y), max(rows, n_free))
    if isinstance(dynamics, EpisodeDynamics):
        X, Y, keep = X[-1:], Y[-1:], 1
    if not dynamics.goes_on:
        keep = len(Y)
    before = len(Y) - keep
    if before:
        _, memory = dynamics.run(X[:before], Y[:before], memory)
    X, Y = X[before:], Y[before:]
    out, _ = dynamics.run(X, Y, memory)
    x, y, x0, y0 = _as_seen(dynamics, X, np.where(np.isnan(Y), out, Y), memory)
    fed = np.zeros((keep, y.shape[1]), bool)
    fed[keep - n_free :] = True
    if isinstance(dynamics, ErrorDynamics):
        fed[:, dynamics.n_outputs :] = True
        y0 = np.tile(y0, (len(y), 1))
        y0[: dynamics.lead] = y[: dynamics.lead]  # errors before belong to what lies before
    at = at - before if at >= 0 else at
    return Window(x, y, x0, y0, dynamics.lead, fed, _states(dynamics, memory), at, _early(dynamics, memory))


def whole_window(dynamics, X):
    """Cut the ``Window`` of the one answer to a series X (N, D)."""
    inner = dynamics.inner
    memory = inner.first()
    x, y, x0, y0 = _as_seen(inner, X, np.zeros((len(X), inner.n_outputs)), memory)
    fed = np.ones((len(X), y.shape[1]), bool)
    return Window(x, y, x0, y0, inner.lead, fed, _states(inner, memory), early=_early(inner, memory))


def _early(dynamics, memory):
    """Return how many rows after a memory a reservoir holds near the range of training; 0 for others."""
    return dynamics.early_rows(memory) if isinstance(dynamics, EchoState) else 0


def _as_seen(dynamics, X, Y, memory):
    """Lay out rows x (n, D'), y (n, O') as a net sees them, those of the memory in front, and their means."""
    x0, y0 = (np.array(v, float)[None] for v in dynamics.mean)
    if isinstance(dynamics, ErrorDynamics):
        y = np.concatenate([memory.Y, dynamics.beside(X, Y, memory)])
        return np.concatenate([memory.X, X]), y, x0[0], np.tile(y0[0], 2)
    symbols = symbols_of(dynamics)
    x, y = np.concatenate([memory.X, X]), np.concatenate([memory.Y, Y])
    if symbols is not None:
        x, x0 = (symbols.inputs(dynamics.theta, v) for v in (x, x0))
        y, y0 = (symbols.outputs(dynamics.theta, v) for v in (y, y0))
    return x, y, x0[0], y0[0]


def _states(dynamics, memory):
    """Return the states before the first row, of each block; of one that walks back in time those it begins with."""
    if not isinstance(dynamics, RecurrentDynamics) or not dynamics.net.bidirectional:
        return memory.states
    firsts = dynamics.first().states
    return tuple(
        first if block.reverse else state
        for block, first, state in zip(dynamics.net.blocks, firsts, memory.states)
    )


# ---------------------------------------------------------------------------------------- along the line


class Moves(NamedTuple):
    """By how much rows x (n, D') and y (n, O') moved an answer; that, the baseline's, and what the sum misses."""

    x: np.ndarray
    y: np.ndarray
    answer: float
    baseline: float
    gap: float


def moves(dynamics, window, pick, answer, method):
    """Compute the ``Moves`` of a ``Pick``.

    answer(values (m,)) -> (answers (m,), their slopes).   method : "integrated", or "gradient" at the window itself.
    """
    if isinstance(dynamics, Pooled):
        dynamics, judge = dynamics.inner, of_series(dynamics, pick)
    else:
        judge = of_row(pick, window.at)

    def line(nodes, weights):
        return _traced(dynamics, window, judge, answer, np.asarray(nodes), np.asarray(weights))

    ends, dx, dy = line([0.0, 1.0], [0.0, 1.0])
    if method == "gradient":
        of_x, of_y = window.moves(dx, dy)
    else:
        of_x, of_y = _integrated(line, window, ends)
    return Moves(of_x, of_y, ends[1], ends[0], ends[1] - ends[0] - of_x.sum() - of_y.sum())


def _integrated(line, window, ends):
    """Integrate over panels of s, the worst of which is halved until they add up."""

    def panel(a, b, at_a, at_b, n):
        """Return a panel (what it misses, its place, answers at its ends, moves)."""
        points, weights = np.polynomial.legendre.leggauss(n)
        half = (b - a) / 2
        _, dx, dy = line(a + half * (1 + points), half * weights)
        moved = window.moves(dx, dy)
        return abs(at_b - at_a - sum(v.sum() for v in moved)), (a, b), (at_a, at_b), moved

    panels = [panel(0.0, 1.0, *ends, NODES)]
    while len(panels) < PANELS:
        missed, size = sum(p[0] for p in panels), sum(np.abs(v).sum() for p in panels for v in p[3])
        if not missed > EXACT * size:  # or is not finite
            break
        panels.sort(key=lambda p: p[0])
        _, (a, b), (at_a, at_b), _ = panels.pop()
        middle = (a + b) / 2
        ((at_middle,), *_) = line([middle], [0.0])
        panels += [panel(a, middle, at_a, at_middle, FINE), panel(middle, b, at_middle, at_b, FINE)]
    return (sum(p[3][k] for p in panels) for k in (0, 1))


def values(dynamics, window, pick):
    """Compute a ``Pick`` of a ``Window``, (1,)."""
    judge = of_series(dynamics, pick) if isinstance(dynamics, Pooled) else of_row(pick, window.at)
    inner = dynamics.inner if isinstance(dynamics, Pooled) else dynamics
    return _slopes(inner, window, *window.between([1.0]), judge)[0]


def _traced(dynamics, window, judge, answer, nodes, weights):
    """Compute answers (m,) at nodes (m,), and the weighted sums of their gradients, shaped like x and y."""
    length = dynamics.net.T + dynamics.net.n if isinstance(dynamics, EpisodeDynamics) else len(window.x)
    answers, dx, dy, at_once = np.empty(len(nodes)), 0.0, 0.0, max(1, ROWS // length)
    for i in range(0, len(nodes), at_once):
        some = slice(i, i + at_once)
        out, gx, gy = _slopes(dynamics, window, *window.between(nodes[some]), judge)
        answers[some], slope = answer(out)
        share = weights[some] * slope
        dx, dy = dx + np.tensordot(share, gx, 1), dy + np.tensordot(share, gy, 1)
    return answers, dx, dy


def of_row(pick, at):
    """Return the judge (out (T, m, O)) -> (values (m,), gradient (T, m, O)) of one row."""

    def judge(out):
        dout = np.zeros_like(out)
        dout[at] = pick.gradient(out[at])
        return pick.value(out[at]), dout

    return judge


def of_series(dynamics, pick):
    """Return the judge of the answer to a series, pooled over rows."""

    def judge(out):
        lengths, dout = np.full(out.shape[1], len(out)), np.empty_like(out)
        answers, back = pool(out, lengths, dynamics.pooling, dynamics.v)
        answer_back(pick.gradient(answers), out, lengths, back, dynamics.pooling, dynamics.v, dout)
        return pick.value(answers), dout

    return judge


# ---------------------------------------------------------------------------------------- net by net


def can_trace(dynamics):
    """Return whether gradients of a model are implemented."""
    return isinstance(dynamics.inner if isinstance(dynamics, Pooled) else dynamics, tuple(TRACES))


def _slopes(dynamics, window, x, y, judge):
    """Compute what a judge makes of outputs, (m,), and its gradients, shaped like x, y (m, n, .)."""
    return TRACES[type(dynamics)](dynamics, window, x, y, judge)


def _delay_slopes(dynamics, window, x, y, judge):
    """Trace a delay network, whose last rows may follow from those before."""
    return _through_delays(dynamics.plan, dynamics.theta, window, x, y, judge)


def _error_slopes(dynamics, window, x, y, judge):
    """Trace a delay network that sees its errors: rows y are [y, out], of which out is always its own."""
    O = dynamics.n_outputs

    def judged(both):
        value, dout = judge(both[..., :O])
        return value, np.concatenate([dout, np.zeros_like(dout)], axis=-1)

    return _through_delays(dynamics.net.wide, dynamics.doubled, window, x, y, judged)


def _through_delays(plan, theta, window, x, y, judge):
    """Trace the layers of a ``Plan``."""
    theta = np.require(theta, np.float64, ["C", "A", "W"])
    (m, n, D), T, O, width = x.shape, len(window.fed), plan.n_outputs, plan.y_width
    x_at = (np.arange(m) * n + n - T) * D
    y_at = (np.arange(m) * n + n - T) * width
    closed = plan.y_lead > 0 and bool(window.fed[: T - 1].any())
    fed = np.tile(window.fed.ravel(), (m, 1)) if closed else OPEN_LOOP
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    space = plan.work_space(m, T, theta.dtype)
    args, h = forward(plan, theta, x.ravel(), x_at, y.ravel(), y_at, fed, T, space)
    d, dx, dy = np.zeros_like(h), np.zeros(x.size), np.zeros(y.size)
    value, d[-m * T * O :].reshape(T, m, O)[:] = judge(h[-m * T * O :].reshape(T, m, O))
    kernels.backward(*args, h, d, y_at, dy, dx, np.zeros_like(theta))
    return value, dx.reshape(x.shape), dy.reshape(y.shape)


def _recurrent_slopes(dynamics, window, x, y, judge):
    """Trace a recurrent net, back through its states, and through convolution in front of it."""
    net, (m, n, D), T = dynamics.net, x.shape, len(window.fed)
    theta = np.require(dynamics.theta, np.float64, ["C", "A", "W"])
    weights, front = net.views(theta), net.front
    x, y, at = (
        np.ascontiguousarray(x).ravel(),
        np.ascontiguousarray(y).ravel(),
        np.arange(m) * n + window.lead,
    )
    below, x_at, y_at = x, at, at
    if front is not None:
        N = net.x_history + T
        below, traces = convolution.forward(
            front, net.in_front(theta), x, at - net.x_history, N, np.full(m, N)
        )
        x_at, shape, T = np.arange(m) * below.shape[1] + net.x_lead, below.shape, front.steps(T)
        below = np.ascontiguousarray(below).ravel()
    tape = Tape(net, m, T, np.float64)
    tape.place(below, x_at, y, y_at, np.full(m, T))
    for k, state in enumerate(window.states):
        tape.begin(k, state[:, None])
    fed = None
    if net.y_lead and window.fed[: T - 1].any():
        fed = np.repeat(window.fed[:, None, :1], m, axis=1)
    value, dout = judge(tape.forward(weights, fed))
    dbelow, dy = np.zeros_like(below), np.zeros_like(y)
    for dS in tape.dS:
        dS.fill(0)
    grad = np.zeros_like(theta)
    tape.backward(weights, net.turned(weights, inputs=True), dout, net.views(grad), dbelow, dy)
    dx = dbelow
    if front is not None:
        dx = np.zeros_like(x)
        in_front = net.in_front(theta), traces, dbelow.reshape(shape), net.in_front(grad)
        convolution.backward(front, *in_front, dx)
    return value, dx.reshape(m, n, D), dy.reshape(m, n, -1)


def _episode_slopes(dynamics, window, x, y, judge):
    """Trace an encoder and a decoder, back from one of its outputs; their example is the one row."""
    net, (m, _, D) = dynamics.net, x.shape
    weights, tape = dynamics.weights, net.tape(m, np.float64)
    read, ahead, last = (np.ascontiguousarray(a) for a in net.sources(x[:, 0]))
    fed = np.zeros((m, 1 + net.n, net.width))
    fed[:, 0] = last
    tape.place(read, ahead, fed)
    out = tape.forward(weights, np.ones((net.n, m, net.width), bool))
    out, linear = out.swapaxes(0, 1).reshape(1, m, -1), dynamics.linear
    if linear is not None:
        out = dynamics.share * out + linear.share * (x[:, 0] @ linear.W + linear.b)
    value, dall = judge(out)
    dout = dynamics.share * dall.reshape(m, net.n, net.width)
    dout = np.ascontiguousarray(dout.swapaxes(0, 1))
    dread, dahead, dfed = np.zeros_like(read), np.zeros_like(ahead), np.zeros_like(fed)
    grads = net.views(np.zeros(net.size))
    tape.backward(weights, dout, grads, dread.reshape(-1), dfed.reshape(-1), dahead.reshape(-1))
    dx = net.sources_back(dread, dahead, dfed[:, 0])
    if linear is not None:
        dx += linear.share * (dall.reshape(m, -1) @ linear.W.T)
    return value, dx.reshape(m, 1, D), np.zeros_like(y)


def _reservoir_slopes(dynamics, window, x, y, judge):
    """Trace a reservoir, back through its states and the outputs that it is fed."""
    lead, (T, m), y = window.lead, (len(window.fed), len(x)), y.copy()
    states, outputs = [np.tile(np.concatenate(window.states), (m, 1))], []
    (c, Wv, Wx, Wq), fed = dynamics.readout(), window.fed[:, 0]
    slope = ACTIVATED[WORDS[dynamics.reservoir.kind]][1]
    activated, free, stuck = [], [], np.zeros(m, bool)
    for t in range(T):
        v = _drive(dynamics, x, y, lead + t)
        f, new = _step(dynamics, v, states[-1])
        activated.append(f)
        states.append(new)
        out = c + (v @ Wv if len(Wv) else 0.0) + new @ Wx + (new**2 @ Wq if len(Wq) else 0.0)
        held = stuck | (t < window.early)
        outputs.append(np.where(held[:, None], np.clip(out, *dynamics.near), out))
        free.append(~held[:, None] | (outputs[-1] == out))
        if fed[t]:
            y[:, lead + t] = np.clip(outputs[-1], -dynamics.bound, dynamics.bound)
            if dynamics.output_lags:  # until it comes back by itself
                stuck = held & dynamics.is_held(outputs[-1]).any(axis=1)
    value, dall = judge(np.stack(outputs))
    dx, dy, dS = np.zeros_like(x), np.zeros_like(y), np.zeros_like(states[0])
    for t in reversed(range(T)):
        dout = dall[t]
        if fed[t]:  # others are measured, and what was forecast there moves nothing later
            dout = dout + dy[:, lead + t] * (np.abs(outputs[t]) <= dynamics.bound)
        dout = dout * free[t]
        dv = dout @ Wv.T if len(Wv) else np.zeros((m, len(dynamics.reservoir.W_in)))
        dS += dout @ Wx.T + (2 * states[t + 1] * (dout @ Wq.T) if len(Wq) else 0.0)
        dS, dv = _step_back(dynamics, slope(activated[t]), dS, dv)
        _drive_back(dynamics, dv, dx, dy, lead + t)
    return value, dx, dy


TRACES = {
    DelayDynamics: _delay_slopes,
    ErrorDynamics: _error_slopes,
    RecurrentDynamics: _recurrent_slopes,
    EpisodeDynamics: _episode_slopes,
    EchoState: _reservoir_slopes,
}


# ---------------------------------------------------------------------------------------- categories


def felt(dynamics, k):
    """Return what a net makes of the categories of a column, (C, .): E W, of all weights W that read E side by side.

    k : which of the tables E of columns, or None for that of labels.   A net tells two categories apart by this alone.
    """
    dynamics = dynamics.inner if isinstance(dynamics, Pooled) else dynamics
    net, theta = getattr(dynamics, "plan", None) or dynamics.net, dynamics.theta
    if k is None:
        return net.symbols.of_labels(theta) @ _readers(net, theta, OUTPUTS)
    place, width, _ = net.symbols.plan()[net.symbols.columns[k][0]]
    table = net.symbols.tables(theta)[k][:-1]  # the last row is of what is unknown
    return table @ _readers(net, theta, INPUTS)[place : place + width]


def _readers(net, theta, which):
    """Return the weights that read x' (``INPUTS``) or y' (``OUTPUTS``) at all lags, (D', .)."""
    if isinstance(net, Plan):
        source, D = (kernels.FROM_X, net.n_inputs) if which == INPUTS else (kernels.FROM_Y, net.y_width)
        read = []
        for H, _, _, _, first, last in net.layers:
            for _, _, span, w in (run for run in net.runs[first:last] if run[kernels.SOURCE] == source):
                read.append(theta[w : w + span * H].reshape(-1, D, H))
    elif net.front is not None and which == INPUTS:
        W, D = net.front.views(net.in_front(theta))[0][0], net.front.columns
        read = [W.reshape(-1, D, W.shape[2])]
    else:
        D, readers = net.n_inputs if which == INPUTS else net.y_width, [block.sources for block in net.blocks]
        read = [
            p.W[:, s.at : s.at + s.width].reshape(-1, D, p.W.shape[2])
            for p, sources in zip(net.views(theta), [*readers, net.readout])
            for s in sources
            if s.which == which
        ]
    return np.concatenate([W.swapaxes(0, 1).reshape(D, -1) for W in read], axis=1)


# ---------------------------------------------------------------------------------------- reservoirs


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
