"""What TDNN and NARX share: the plan of a delay network, its objective, its runs over a series.

The equations are in ``_delay_kernels.py``.
"""

from numbers import Integral
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from . import _delay_kernels as kernels
from ._base import SequenceRegressor, Series
from ._least_squares import add_normal_equations, solve
from ._losses import EXACT, ROUNDING, has_kinks, parabola, resolve_loss, reweighted, squared
from ._params import glorot
from ._solvers import (
    LBFGS,
    Adam,
    LevenbergMarquardt,
    Stochastic,
    assimilate,
    check_number,
    resolve_solver,
)
from ._training import Monitor, check_training, chooses_solver, progress
from ._windows import Run, runs


ACTIVATIONS = {
    "identity": kernels.IDENTITY,
    "tanh": kernels.TANH,
    "logistic": kernels.LOGISTIC,
    "relu": kernels.RELU,
}
MAX_LM_PARAMETERS, MAX_LM_WORK = 600, 5e9  # beyond, an iteration of Levenberg-Marquardt is too slow
TRUST = 1.0  # how firmly partial_fit holds on to what J'J says nothing of, as a share of what it says
BLOCK = 2048  # rows a kernel call takes: keeps work space in the cache and a call under 0.1 s
NUMBERS = 2**16  # of a Jacobian or of features at a time: half a megabyte, which the cache holds
OPEN = np.empty((0, 0), np.bool_)


class Layer(NamedTuple):
    """Weights (n_lags x width of its sources, H) and biases (H,) of one layer, views into theta."""

    W: np.ndarray
    b: np.ndarray


class Plan(NamedTuple):
    """A delay network as the kernels read it.

    layers, runs : the tables of ``_delay_kernels``.   shapes : (fan in, H) of each layer.
    x_lead, y_lead : rows of history that the first step needs.   y_seen : lags at which an output feels y.
    """

    n_inputs: int
    n_outputs: int
    layers: np.ndarray
    runs: np.ndarray
    shapes: tuple
    x_lead: int
    y_lead: int
    y_seen: tuple

    @property
    def lead(self):
        """Rows of history, of either kind."""
        return max(self.x_lead, self.y_lead)

    @property
    def size(self):
        """Number of parameters."""
        return sum((fan_in + 1) * H for fan_in, H in self.shapes)

    def views(self, theta):
        """Theta as a tuple of layers."""
        layers, at = [], 0
        for fan_in, H in self.shapes:
            W, at = theta[at : at + fan_in * H].reshape(fan_in, H), at + fan_in * H
            b, at = theta[at : at + H], at + H
            layers.append(Layer(W, b))
        return tuple(layers)

    def initial(self, rng):
        """Glorot weights; hidden biases in [-1, 1], so that the units bend at different places."""
        theta = np.zeros(self.size)
        *hidden, output = self.views(theta)
        for W, b in hidden:
            W[:] = glorot(rng, W.shape)
            b[:] = rng.uniform(-1, 1, len(b))
        output.W[:] = glorot(rng, output.W.shape)
        return theta

    def groups(self):
        """Which weights share a decay, (P,): each row of the first layer, each later layer; 0 for biases."""
        groups = np.zeros(self.size, np.int64)
        (first, _), *later = self.views(groups)
        first[:] = np.arange(1, len(first) + 1)[:, None]
        for k, (W, _) in enumerate(later):
            W[:] = len(first) + 1 + k
        return groups

    def same_as(self, other):
        """Whether parameters of the one mean the same in the other."""
        return all(np.array_equal(a, b) for a, b in zip((self.layers, self.runs), (other.layers, other.runs)))

    def work_space(self, B, T, dtype):
        """Work space of the kernels for B sequences of T steps, and h."""
        lead, width = self.layers[:, kernels.LEAD], self.layers[:, kernels.WIDTH]
        ends = np.cumsum((lead + T) * B * width)
        strides = np.concatenate([[self.n_inputs, self.n_outputs], B * width])
        starts = np.zeros((len(strides), B), np.int64)
        starts[kernels.FIRST_LAYER :] = (ends - T * B * width)[:, None] + width[:, None] * np.arange(B)
        rows = np.empty(B * int(lead.max() + T), np.int64)
        return Work(starts, strides, rows, np.empty(self.size, dtype), np.empty(ends[-1], dtype))


class Work(NamedTuple):
    """Work space of the kernels, and h, what ``forward`` leaves in it."""

    starts: np.ndarray
    strides: np.ndarray
    rows: np.ndarray
    turned: np.ndarray
    h: np.ndarray


def make_plan(n_inputs, n_outputs, hidden, activation, input_lags, output_lags, layer_lags, skip=False):
    """Lay out a delay network.

    hidden : widths of the hidden layers.   input_lags, output_lags : of the first layer.   layer_lags : lags
    of every later layer, the output layer last, on the one below it.   skip : the output layer also sees what
    the first one sees.
    """
    widths = [*hidden, n_outputs]
    lags = [((kernels.X, n_inputs, input_lags), (kernels.Y, n_outputs, output_lags))]
    lags += [((kernels.FIRST_LAYER + k, widths[k], layer_lags[k]),) for k in range(len(hidden))]
    if skip and hidden:
        lags[-1] = (*lags[0], *lags[-1])
    leads = [0] * len(widths)
    for k in range(len(hidden) - 1, -1, -1):
        leads[k] = leads[k + 1] + max(layer_lags[k])
    y_seen = set(output_lags)
    for above in layer_lags:
        y_seen = {a + b for a in y_seen for b in above}
    if skip:
        y_seen.update(output_lags)
    layers, table, shapes, at = [], [], [], 0
    for k, H in enumerate(widths):
        first, fan_in = len(table), 0
        for source, width, lag in lags[k]:
            if width == 0:
                continue
            # rows of a series lie side by side, steps of a layer do not
            pieces = runs(lag) if source < kernels.FIRST_LAYER else [Run(step, 1) for step in reversed(lag)]
            for oldest, length in pieces:
                table.append((source, oldest, length * width, at + fan_in * H))
                fan_in += length * width
        kind = ACTIVATIONS[activation if k < len(hidden) else "identity"]
        layers.append((H, leads[k], kind, at + fan_in * H, first, len(table)))
        shapes.append((fan_in, H))
        at += (fan_in + 1) * H
    return Plan(
        n_inputs,
        n_outputs,
        np.array(layers, np.int64),
        np.array(table, np.int64).reshape(-1, 4),
        tuple(shapes),
        leads[0] + max(input_lags) if n_inputs and input_lags else 0,
        leads[0] + max(output_lags) if output_lags else 0,
        tuple(sorted(y_seen)),
    )


def forward(plan, theta, x, x_at, y, y_at, own, T, space):
    """``_delay_kernels.forward``: the arguments that its companions take too, and h.

    x_at, y_at : (B,), where in x and y step 0 of each sequence begins.
    """
    *work, h = space
    starts = work[0]
    starts[kernels.X], starts[kernels.Y] = x_at, y_at
    args = (plan.layers, plan.runs, theta, x, y, own, T, *work)
    kernels.forward(*args, h)
    return args, h


def _in_pieces(B, lead, T, O):
    """Where step 0 begins in an array (B, lead + T, O), for each of the B, (B,)."""
    return (np.arange(B) * (lead + T) + lead) * O


class Objective:
    """A loss of a delay network over a list of series: half the weighted sum of squared errors, or another.

    A sample is a sequence of ``steps`` rows that begins at ``at``; the samples cover each series behind one
    another.  In open loop the lags of y are the measured values, and a row with an unknown one among them has
    no weight; in closed loop a sequence starts where its lags see measured y, and then feeds itself.

    The series are laid one behind the other, each followed by ``steps - 1`` rows of no weight, so that the
    last sequence may run over its end.

    ``held`` chooses the rows that count: the training rows (False) or the validation rows (True).
    ``batch_size`` is that of the mini-batches, in rows.   ``loss`` : see ``_losses.py``.
    """

    def __init__(self, plan, series, steps, closed, alpha, dtype, held=False, batch_size=200, loss=squared):
        self.plan, self.steps, self.closed, self.batch_size = plan, steps, closed, batch_size
        self.loss = loss
        self.groups = plan.groups()
        self.decay = alpha * (self.groups > 0)
        F, O = plan.n_inputs, plan.n_outputs
        N = sum(len(s.Y) + steps - 1 for s in series)
        X, Y, w = np.zeros((N, F), dtype), np.zeros((N, O), dtype), np.zeros((N, O), dtype)
        at, begin = [], 0
        for s in series:
            end, first = begin + len(s.Y), plan.lead
            X[begin:end], Y[begin:end] = s.X, np.nan_to_num(s.Y, nan=0.0)
            known = np.isfinite(s.Y).all(axis=1)
            weight = np.where(s.held == held, s.w, 0.0)[:, None]
            w[begin + first : end] = np.where(np.isfinite(s.Y), weight, 0.0)[first:]
            if closed:
                at.append(begin + _closed_starts(known, plan, steps))
            else:
                w[begin:end][_blind_rows(known, plan)] = 0.0
                at.append(np.arange(begin + first, end, steps))
            begin = end + steps - 1
        at = np.concatenate(at)
        before = np.concatenate([[0], np.cumsum(w.any(axis=1))])  # rows that count, before each
        self.at = at[before[at + steps] > before[at]]
        self.n = len(self.at)
        self.everything = np.arange(self.n)
        inside = np.zeros(N + 1, np.int64)
        inside[self.at] += 1
        inside[self.at + steps] -= 1
        self.weight = float(w[np.cumsum(inside)[:N] > 0].sum(dtype=np.float64))
        self.x, self.y, self.w = X.ravel(), Y.ravel(), w.ravel()
        self._spaces = {}  # (B, steps) -> work space, made once
        self.linear = np.zeros(plan.size, bool)
        if not closed:
            self.linear[plan.size - (plan.shapes[-1][0] + 1) * O :] = True

    def _forward(self, theta, at, steps, closed):
        """Run the sequences of ``steps`` rows that begin at rows ``at``, as ``forward`` does."""
        plan, B, O = self.plan, len(at), self.plan.n_outputs
        if closed:
            y = np.full((B, plan.y_lead + steps, O), np.nan, theta.dtype)
            y[:, : plan.y_lead] = self.y.reshape(-1, O)[at[:, None] + np.arange(-plan.y_lead, 0)]
            y_at = _in_pieces(B, plan.y_lead, steps, O)
            y, own = y.ravel(), np.ones((B, steps * O), np.bool_)
        else:
            y, own, y_at = self.y, OPEN, at * O
        if (B, steps) not in self._spaces:
            self._spaces[B, steps] = plan.work_space(B, steps, theta.dtype)
        space = self._spaces[B, steps]
        return forward(plan, theta, self.x, at * plan.n_inputs, y, y_at, own, steps, space)

    def _blocks(self, batch, most=BLOCK):
        """First rows of samples, as many at a time as fit into a block of BLOCK or ``most`` rows."""
        size = max(1, min(BLOCK, most) // self.steps)
        for i in range(0, len(batch), size):
            yield self.at[batch[i : i + size]]

    def batches(self, rng):
        """Yield mini-batches of shuffled samples, each with the weight of as many average samples."""
        order, share = rng.permutation(self.n), self.weight / self.n
        size = max(1, self.batch_size // self.steps)
        for i in range(0, self.n, size):
            batch = order[i : i + size]
            yield batch, len(batch) * share

    def loss_grad(self, theta, batch):
        """The loss over a batch of samples, and its gradient (P,)."""
        plan, T, O = self.plan, self.steps, self.plan.n_outputs
        total, grad = 0.0, None
        for at in self._blocks(batch):
            B = len(at)
            args, h = self._forward(theta, at, T, self.closed)
            d, part = np.empty_like(h), np.zeros_like(theta)
            dy = np.zeros(B * (plan.y_lead + T) * O if self.closed else 0, theta.dtype)
            size = B * T * O
            total += self.loss(h[-size:].reshape(T, B, O), self.y, self.w, at * O, d[-size:].reshape(T, B, O))
            kernels.backward(*args, h, d, args[7][kernels.Y], dy, part)
            grad = part if grad is None else grad + part
        return total, grad

    def sum_of_squares(self, theta):
        """Weighted sum of squared errors over all samples; twice the loss, where that is another."""
        T, O = self.steps, self.plan.n_outputs
        total = 0.0
        for at in self._blocks(self.everything):
            _, h = self._forward(theta, at, T, self.closed)
            out = h[-len(at) * T * O :].reshape(T, len(at), O)
            total += 2 * self.loss(out, self.y, self.w, at * O, np.empty_like(out))
        return total

    def solve_linear(self, theta, decay):
        """Theta with its linear parameters, those of the output layer, at their best for the others."""
        if self.closed:
            return theta
        theta = self._least_squares(theta, decay)
        if self.loss is squared:
            return theta
        rounding = ROUNDING * self.sum_of_squares(theta) / (2 * self.weight)
        if rounding < EXACT:  # an exact fit
            return theta

        def step(theta):
            value = self.sum_of_squares(theta) + decay @ theta**2
            return value, self._least_squares(theta, decay, rounding)

        return reweighted(step, theta)[0]

    def _least_squares(self, theta, decay, rounding=None):
        """Theta with the best output layer for the squared loss or, rounded off, for parabolas above another."""
        fan_in, O = self.plan.shapes[-1]
        T = self.steps
        A, c = np.zeros((O, fan_in + 1, fan_in + 1)), np.zeros((O, fan_in + 1))
        for at in self._blocks(self.everything, most=NUMBERS // fan_in):
            rows = (np.arange(T)[:, None] + at).ravel()  # time first
            Z, out = self._readout_inputs(theta, at, rows)
            y, w = self.y.reshape(-1, O)[rows], self.w.reshape(-1, O)[rows]
            if rounding is not None:
                share, shift = parabola(self.loss, y - out, rounding)
                y, w = y + shift, w * share
            for o in range(O):
                add_normal_equations(Z, y[:, o], w[:, o], A[o], c[o])
        theta = theta.copy()
        W, b = self.plan.views(theta)[-1]
        shrink = self.plan.views(decay)[-1]
        for o in range(O):
            ridge = np.append(shrink.W[:, o], shrink.b[o]) + 1e-12 * A[o].diagonal().max()
            best = solve(A[o], ridge, c[o])
            if best is not None:
                W[:, o], b[o] = best[:-1], best[-1]
        return theta

    def _readout_inputs(self, theta, at, rows):
        """What the output layer sees at each row, and a 1 for its bias, (M, fan_in + 1); and its output (M, O)."""
        plan = self.plan
        output = plan.layers[-1]
        _, h = self._forward(theta, at, self.steps, False)
        Z = np.ones((len(rows), plan.shapes[-1][0] + 1))
        column = 0
        for source, oldest, span, _ in plan.runs[output[kernels.FIRST_RUN] : output[kernels.END_RUN]]:
            if source >= kernels.FIRST_LAYER:
                end = len(h) - len(rows) * plan.n_outputs
                part = h[end - len(rows) * span : end].reshape(-1, span)
            else:
                series, width = (self.x, plan.n_inputs) if source == kernels.X else (self.y, plan.n_outputs)
                part = series[((rows - oldest) * width)[:, None] + np.arange(span)]
            Z[:, column : column + span] = part
            column += span
        return Z, h[-len(rows) * plan.n_outputs :].reshape(-1, plan.n_outputs)

    def jacobian_blocks(self, theta):
        """Yield residuals (M,), their Jacobian (M, P) and weights (M,), a block of rows at a time."""
        plan, T, O, P = self.plan, self.steps, self.plan.n_outputs, len(theta)
        K = plan.y_lead if self.closed else 0
        limit = max(1, min(BLOCK, NUMBERS // P))
        some = max(1, limit // (T + K))
        for i in range(0, self.n, some):
            at = self.at[i : i + some]
            B, carry = len(at), None
            y, y_at = self.y, at * O
            if self.closed:
                args, _ = self._forward(theta, at, T, True)
                y, y_at = args[4], args[7][kernels.Y].copy()  # with what the net fed itself
            for t in range(0, T, limit):
                S = min(limit, T - t)
                rows = at[:, None] + np.arange(t, t + S)  # (B, S)
                y_rows = y_at[:, None] + np.arange(t, t + S) * O
                M = B * S
                space = plan.work_space(M, 1, theta.dtype)
                x_at = rows.ravel() * plan.n_inputs
                args, h = forward(plan, theta, self.x, x_at, y, y_rows.ravel(), OPEN, 1, space)
                J = np.zeros((M, O, P))
                dy = np.zeros((O, M * (K + 1) * O if self.closed else 0))
                dy_at = _in_pieces(M, K, 1, O)
                kernels.jacobian(*args, h, np.empty_like(h), dy_at, dy, J)
                if self.closed:
                    total = np.zeros((B, K + S, O, P))
                    if carry is not None:
                        total[:, :K] = carry
                    total[:, K:] = J.reshape(B, S, O, P)
                    kernels.close_jacobian(dy.reshape(O, B, S, K + 1, O), total)
                    carry, J = total[:, S:], np.ascontiguousarray(total[:, K:])
                flat = (rows[:, :, None] * O + np.arange(O)).ravel()
                yield h[-M * O :] - self.y[flat], J.reshape(M * O, P), self.w[flat]

    def gauss_newton(self, theta):
        """r'r, J'r (P,) and J'J (P, P), weighted, over all samples."""
        P = len(theta)
        rr, Jr, JJ = 0.0, np.zeros(P), np.zeros((P, P))
        for r, J, w in self.jacobian_blocks(theta):
            rr += float(np.sum(w * r * r))
            add_normal_equations(J, r, w, JJ, Jr)
        return rr, Jr, JJ


def _blind_rows(known, plan):
    """Rows of a series, (N,) bool, that would look back on an unknown y."""
    blind = np.zeros(len(known), bool)
    for lag in plan.y_seen:
        blind[lag:] |= ~known[: max(0, len(known) - lag)]
    return blind


def _closed_starts(known, plan, steps):
    """First rows of closed-loop sequences: every ``steps`` rows, later where y that they start from is not known."""
    ready = np.ones(len(known), bool)
    ready[: plan.lead] = False
    for back in {lag - step for lag in plan.y_seen for step in range(min(lag, steps))}:
        ready[back:] &= known[: max(0, len(known) - back)]
    starts, t = [], 0
    for t_ready in np.flatnonzero(ready):
        if t_ready >= t:
            starts.append(t_ready)
            t = t_ready + steps
    return np.array(starts, np.int64)


def _writable(theta):
    """Theta as the kernels were compiled for: joblib hands a model to its workers as read-only memory."""
    return np.require(theta, np.float64, ["C", "A", "W"])


def run(plan, theta, X, Y, X_before, Y_before):
    """Follow a series: measured y where there is one, the net's own where it is NaN.

    Parameters
    ----------
    X, Y : (N, F), (N, O)
    X_before, Y_before : (lead, F), (lead, O), finite

    Returns
    -------
    out : (N, O), the output at each row, from what precedes it
    filled : (N, O), Y with its unknown values filled by the output
    """
    F, O, N, lead = plan.n_inputs, plan.n_outputs, len(Y), plan.lead
    theta = _writable(theta)
    x = np.concatenate([X_before, X]).ravel()
    y = np.concatenate([Y_before, Y]).ravel()
    closed = bool(plan.y_lead) and bool(np.isnan(Y[:-1]).any())
    out = np.empty((N, O))
    for t in range(0, N, BLOCK):
        T = min(BLOCK, N - t)
        own = np.isnan(Y[t : t + T]).reshape(1, T * O) if closed else OPEN
        at = np.array([lead + t], np.int64)
        _, h = forward(plan, theta, x, at * F, y, at * O, own, T, plan.work_space(1, T, theta.dtype))
        out[t : t + T] = h[-T * O :].reshape(T, O)
    return out, np.where(np.isnan(Y), out, Y)


def free_runs(plan, theta, X, Y, X_before, Y_before, first, steps, settle=None):
    """Free runs from many rows of a series, side by side: the hook ``_free_runs`` of ``_base.py``.

    Other arguments as for ``run``.   first : (M,), rows of X at which the runs begin, ascending.
    """
    F, O, K = plan.n_inputs, plan.n_outputs, plan.y_lead
    theta = _writable(theta)
    x = np.concatenate([X_before, X]).ravel()
    Y = np.concatenate([Y_before, Y])
    rows = BLOCK if settle is None else NUMBERS  # with it, a kernel call takes one step
    some = max(1, min(BLOCK, rows // steps))
    for i in range(0, len(first), some):
        which = slice(i, min(i + some, len(first)))
        at = plan.lead + first[which]
        B = len(at)
        y = np.full((B, K + steps, O), np.nan)
        y[:, :K] = Y[at[:, None] + np.arange(-K, 0)]
        y_at = _in_pieces(B, K, steps, O)
        if settle is None:
            own, space = np.ones((B, steps * O), np.bool_), plan.work_space(B, steps, theta.dtype)
            _, h = forward(plan, theta, x, at * F, y.ravel(), y_at, own, steps, space)
            yield which, h[-steps * B * O :].reshape(steps, B, O)
            continue
        out, space = np.empty((steps, B, O)), plan.work_space(B, 1, theta.dtype)
        for t in range(steps):
            _, h = forward(plan, theta, x, (at + t) * F, y.ravel(), y_at + t * O, OPEN, 1, space)
            out[t] = h[-B * O :].reshape(B, O)
            y[:, K + t] = settle(which, t, out[t])
        yield which, out


def _is_count(value):
    """Whether a value is an int >= 1, and not True."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= 1


class Memory(NamedTuple):
    """The last rows of a series: X (lead, F), Y (lead, O), finite, in the model's units."""

    X: np.ndarray
    Y: np.ndarray


class Attempt(NamedTuple):
    """What training from one start came to; ``value`` is what attempts are compared by."""

    theta: np.ndarray
    value: float
    monitors: list
    decay: np.ndarray
    moments: object  # what the solver goes on with later


class DelayNetwork(SequenceRegressor):
    """Estimator around a delay network; a subclass brings parameters and ``_lags``."""

    # ---------------------------------------------------------------------------------- parameters

    def _check_params(self):
        """Raise where a parameter is out of range or of the wrong type."""
        self._hidden()
        self._lags()
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise ValueError(f"activation={self.activation!r} is unknown: give one of {list(ACTIVATIONS)}.")
        solver = None if chooses_solver(self) else resolve_solver(self.solver)
        if isinstance(solver, LevenbergMarquardt) and not self._is_squared():
            raise ValueError(
                f"solver={self.solver!r} is for sums of squares, but loss={self.loss!r}: give solver='auto', 'lbfgs' "
                "or 'adam', or loss='squared'."
            )
        resolve_loss(self.loss)
        check_training(self)
        check_number("batch_size", self.batch_size, 1, integer=True)
        check_number("n_restarts", self.n_restarts, 1, integer=True)

    def _hidden(self):
        """Widths of the hidden layers, a tuple."""
        sizes = self.hidden_layer_sizes
        sizes = (sizes,) if isinstance(sizes, Integral) else sizes
        if isinstance(sizes, str) or not np.iterable(sizes) or not all(_is_count(H) for H in sizes):
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r}: give a tuple of ints >= 1, one a layer; () for "
                "a linear model."
            )
        return tuple(int(H) for H in sizes)

    def _is_squared(self):
        """Whether the loss is a sum of squares, for which there are methods of its own."""
        return resolve_loss(self.loss) is squared

    def _wants_inputs(self):
        """Whether the parameters speak of inputs."""
        return bool(self._lags()[0])

    def _can_do_without_inputs(self):
        """Whether the parameters speak of past outputs."""
        return bool(self._lags()[1])

    def _least_input_lag(self):
        """The most recent input that an output feels."""
        input_lags, _, layer_lags = self._lags()
        later = 0 if self.skip_connections else sum(min(lags) for lags in layer_lags)
        return min(input_lags, default=np.inf) + later

    def _validation_share(self):
        """Share of the rows, the last ones, that is held back from training."""
        return self.validation_fraction if self.early_stopping or self.n_restarts > 1 else 0.0

    # ---------------------------------------------------------------------------------- learning

    def _prepare(self, n_inputs, n_outputs):
        input_lags, output_lags, layer_lags = self._lags()
        if not (n_inputs and input_lags) and not output_lags:
            raise ValueError(
                f"{type(self).__name__} sees neither inputs nor outputs: give X and input_lags, or output_lags."
            )
        resolve_loss(self.loss, n_outputs)
        net = make_plan(
            n_inputs,
            n_outputs,
            self._hidden(),
            self.activation,
            input_lags,
            output_lags,
            layer_lags,
            self.skip_connections,
        )
        if not (self.warm_start and hasattr(self, "theta_") and self._net.same_as(net)):
            self.theta_ = None
        self._net, self.lead_ = net, net.lead

    def _stages(self, series):
        """(steps, closed) of each stage of training, in turn."""
        return [self._open_loop()]

    def _open_loop(self):
        """(steps, closed) for open loop: one row at a time, or enough to share the lead of hidden layers."""
        lead = int(self._net.layers[0, kernels.LEAD])
        return (1 if lead == 0 else max(32, lead)), False

    def _fit_series(self, series, rng):
        """Train from ``n_restarts`` starts, keep the best."""
        self._check_enough_rows(series)
        stages = self._stages(series)
        judge = self._validation(series, stages[:2])
        attempts = [
            self._attempt(series, stages, rng, self.theta_ if restart == 0 else None, judge)
            for restart in range(self.n_restarts)
        ]
        if self._runs_away(series, min(attempts, key=attrgetter("value")).theta, stages):
            closed_loop_only = stages[1:2]
            attempts.append(self._attempt(series, closed_loop_only, rng, None, judge))
        best = min(attempts, key=attrgetter("value"))
        self.theta_ = best.theta
        self.n_iter_ = sum(m.n_iter for m in best.monitors)
        self.loss_curve_ = [v for m in best.monitors for v in m.loss_curve]
        self.validation_curve_ = [v for m in best.monitors for v in m.validation_curve]
        self._moments, self._information = best.moments, None
        if self._is_squared() and self._solver(series).dtype == np.float64 and self._is_small(series):
            everything = [s._replace(held=np.zeros(len(s.held), bool)) for s in series]
            known = self._objective(everything, self._open_loop(), 0.0)
            self._information = known.gauss_newton(self.theta_)[2] + np.diag(best.decay)
            if self._hidden():  # J'J holds near theta only: no direction is free to go far
                self._information += TRUST * np.diag(self._information).mean() * np.eye(self._net.size)

    def _attempt(self, series, stages, rng, old, judge):
        """Train stage after stage, from the ``old`` parameters or from new ones."""
        fresh = old is None
        theta, moments = (self._net.initial(rng), None) if fresh else (old, self._moments)
        monitors, kinds = [], []
        for kind in stages:
            if len(kinds) > 1 and not self._runs_worse_and_worse(series, theta, kinds[-1]):
                break
            kinds.append(kind)
            monitor, objective, found = self._train(series, kinds, theta, rng, fresh, moments)
            monitors.append(monitor)
            theta, fresh, moments = monitor.best_theta, False, None
        value = monitors[-1].best if judge is None else judge(theta)
        return Attempt(theta, value, monitors, objective.decay, found)

    def _train(self, series, kinds, theta, rng, fresh, moments):
        """The last of some stages of training, from a ``fresh`` theta or a trained one.

        kinds : (steps, closed) of this stage and those before it.   moments : what the solver goes on with, or None.
        Returns its monitor, its objective and what the solver would go on with.
        """
        closed, solver = kinds[-1][1], self._solver(series)
        objective = self._objective(series, kinds[-1], self.alpha, solver.dtype)
        if objective.n == 0:
            raise ValueError(
                f"No row that counts (y measured, sample_weight > 0) has its {self.lead_} rows of history without "
                "NaN: give shorter lags, or more rows."
            )
        if fresh and not closed:  # begin with the best readout of the random features
            exact = objective
            if solver.dtype != np.float64:
                exact = self._objective(series, kinds[-1], self.alpha)
            theta = exact.solve_linear(theta, exact.decay)
        validate = self._validation(series, kinds) if self.early_stopping else None
        with progress(self.verbose, type(self).__name__, self.max_iter) as tell:
            monitor = Monitor(theta, self.max_iter, self.tol, self.n_iter_no_change, validate, tell)
            goes_on = (moments,) if isinstance(solver, Stochastic) else ()
            moments = solver.minimize(objective, theta, monitor, rng, *goes_on)
        return monitor, objective, moments

    def _objective(self, series, kind, alpha, dtype=np.float64, held=False):
        """The loss over some rows; kind : (steps, closed)."""
        options = held, self.batch_size, resolve_loss(self.loss)
        return Objective(self._net, series, *kind, alpha, dtype, *options)

    def _validation(self, series, kinds):
        """Loss on the validation rows as a function of theta; None where no rows are held.

        After the first stage it is a geometric mean, over one step ahead, free runs as long as in training and
        free runs as long as the held rows: what closed-loop training gains must be more than it loses elsewhere.
        """
        if len(kinds) > 1:
            kinds = [kinds[0], kinds[-1], (self._longest_held(series), True)]
        held = [self._objective(series, kind, 0.0, held=True) for kind in kinds]
        held = [objective for objective in held if objective.n]
        if not held:
            return None

        def loss(theta):
            theta = theta.astype(np.float64)
            losses = [objective.sum_of_squares(theta) / (2 * objective.weight) for objective in held]
            losses = np.nan_to_num(losses, nan=np.inf)
            return float(np.exp(np.mean(np.log(np.clip(losses, np.finfo(float).tiny, 1e300)))))

        return loss

    def _longest_held(self, series):
        """Rows of the longest stretch of validation rows."""
        return max(1, max(int(s.held.sum()) for s in series))

    def _runs_worse_and_worse(self, series, theta, kind):
        """Whether free runs as long as the held rows are far worse than those as long as in training."""
        short, long = (self._validation(series, [k]) for k in (kind, (self._longest_held(series), True)))
        return short is not None and long is not None and long(theta) > 2 * short(theta)

    def _runs_away(self, series, theta, stages):
        """Whether, after both kinds of training, the former are far worse than the mean of y would be."""
        if len(stages) < 2:
            return False
        long = self._validation(series, [(self._longest_held(series), True)])
        return long is not None and long(theta) > 1.0  # the mean: about 0.5, with any loss

    def _solver(self, series):
        """The solver; "auto" weighs parameters against rows, and asks what the loss is like."""
        if not chooses_solver(self):
            return resolve_solver(self.solver)
        if not self._is_squared():
            return Adam() if has_kinks(self.loss) else LBFGS()
        return LevenbergMarquardt() if self._is_small(series) else Adam()

    def _is_small(self, series):
        """Whether J'J is cheap."""
        P, n = self._net.size, sum(len(s.Y) for s in series)
        return P <= MAX_LM_PARAMETERS and n * P**2 <= MAX_LM_WORK

    def _fit_more(self, series, memory, rng):
        """Recursive Gauss-Newton for a small net, for a large one a pass of stochastic gradient."""
        n = len(memory.Y)
        known = Series(
            np.concatenate([memory.X, series.X]),
            np.concatenate([memory.Y, series.Y]),
            np.concatenate([np.zeros(n), series.w]),
            np.zeros(n + len(series.Y), bool),
        )
        theta = _writable(self.theta_)
        if self._information is not None:
            objective = self._objective([known], self._open_loop(), 0.0)
            if objective.n:
                self.theta_, self._information = assimilate(objective, theta, self._information)
            return
        solver = self._solver([known])
        if not isinstance(solver, Stochastic):
            solver = Adam()
        objective = self._objective([known], self._open_loop(), self.alpha, solver.dtype)
        if objective.n:
            monitor = Monitor(theta, 1, 0.0, 1)
            self._moments = solver.minimize(objective, theta, monitor, rng, self._moments)
            self.theta_ = monitor.best_theta

    def _check_enough_rows(self, series):
        """Some piece must be longer than the lags reach."""
        rows = max(int((~s.held).sum()) for s in series)
        if rows <= self.lead_:
            n, held = sum(len(s.Y) for s in series), sum(int(s.held.sum()) for s in series)
            raise ValueError(
                f"{type(self).__name__} looks back {self.lead_} rows and so needs at least {self.lead_ + 1} in a "
                f"stretch without a gap, but the longest has {rows} (n_samples = {n}, {held} of them held back for "
                "validation). Give more rows or shorter lags; where stamps are missing, insert them, with NaN in y "
                "(asfreq)."
            )

    # ---------------------------------------------------------------------------------- following

    def _zero(self, x, y):
        return Memory(np.tile(x, (self.lead_, 1)), np.tile(y, (self.lead_, 1)))

    def _cold(self):
        return self._zero(*self._mean)

    _first = _cold

    def _run(self, X, Y, memory):
        out, filled = run(self._net, self.theta_, X, Y, *memory)
        n = self.lead_
        X, Y = np.concatenate([memory.X, X]), np.concatenate([memory.Y, filled])
        return out, Memory(X[len(X) - n :], Y[len(Y) - n :])

    def _free_runs(self, X, Y, memory, first, steps, settle=None):
        return free_runs(self._net, self.theta_, X, Y, *memory, first, steps, settle)

    @property
    def params_(self):
        """Weights W and biases b of each layer, in the scaled units of the net."""
        return self._net.views(self.theta_)
