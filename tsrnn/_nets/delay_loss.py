"""The loss of a delay network over windows of rows that are independent of each other."""

from typing import NamedTuple

import numpy as np

from .._training.least_squares import add_normal_equations, solve
from .._training.losses import EXACT, ROUNDING, has_parabola, reweighted, squared, weights_of
from .._values import kept
from . import delay_kernels as kernels
from .delay import BLOCK, NUMBERS, OPEN, _in_pieces, forward


@kept("alike")
class Alike(NamedTuple):
    """Normal equations that outputs (K,) share, of whose targets the same rows count.

    A : (P, P), Z'Z, weighted; the bias last.   c : (P, K), Z'Y.   yy : (K,), sums of squares.   weight : of all rows.
    """

    outputs: np.ndarray
    A: np.ndarray
    c: np.ndarray
    yy: np.ndarray
    weight: float


class WindowLoss:
    """A loss of a delay network over a list of series: half the weighted sum of squared errors, or another.

    A sample is a sequence of ``steps`` rows that begins at ``at``; the samples cover each series behind one
    another.  In open loop the lags of y are the measured values, and a row with an unknown one among them has
    no weight; in closed loop a sequence starts where its lags see measured y, and then feeds itself.

    The series are laid one behind the other, each followed by ``steps - 1`` rows of no weight, so that the
    last sequence may run over its end.

    ``held`` chooses the rows that count: the training rows (False) or the validation rows (True).
    ``offers`` : what a solver may need of it, see ``solvers.py``.
    ``batch_size`` is that of the mini-batches, in rows.   ``loss`` : see ``losses.py``.
    """

    offers = frozenset(("sum_of_squares", "gauss_newton", "groups", "linear", "solve_linear"))

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
        weights_of(loss, w)
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
        if self.loss is squared or not has_parabola(self.loss):
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
        theta, before = theta.copy(), theta
        W, b = self.plan.views(theta)[-1]
        shrink = self.plan.views(decay)[-1]
        for alike in self.normal_equations(before, rounding):
            # outputs that share rows, and the decay, share a factorisation
            ridge = np.append(shrink.W[:, alike.outputs[0]], shrink.b[alike.outputs[0]])
            best = solve(alike.A, ridge + 1e-12 * alike.A.diagonal().max(), alike.c)
            if best is not None:
                W[:, alike.outputs], b[alike.outputs] = best[:-1], best[-1]
        return theta

    def normal_equations(self, theta, rounding=None):
        """Yield ``Alike``, the normal equations of the output layer, for outputs of which the same rows count.

        rounding : for parabolas above a loss that is not squared; then each output has its own.
        """
        O = self.plan.n_outputs
        if rounding is not None:
            yield from (self._sums(theta, np.array([o]), rounding=rounding) for o in range(O))
            return
        w, groups = self._row_weights(), {}
        for o in range(O):
            groups.setdefault(w[:, o].tobytes(), []).append(o)
        groups = [np.array(outputs) for outputs in groups.values()]
        if len(groups) == 1:
            yield self._sums(theta, groups[0])
            return
        # Near the ends of series, or where values are missing, some outputs lack rows that all others have.
        common = (w == w[:, :1]).all(axis=1)
        whole = self._sums(theta, np.arange(O), common)
        for outputs in groups:
            own = self._sums(theta, outputs, ~common)
            c, yy = whole.c[:, outputs] + own.c, whole.yy[outputs] + own.yy
            yield Alike(outputs, whole.A + own.A, c, yy, whole.weight + own.weight)

    def _row_weights(self):
        """What each value of y counts as a square, (N, O)."""
        w = self.w.reshape(-1, self.plan.n_outputs)
        return np.broadcast_to(w[:, :1], w.shape) if getattr(self.loss, "joint", False) else w

    def _sums(self, theta, outputs, which=None, rounding=None):
        """``Alike`` of some outputs, over the rows ``which`` (N,) bool; all by default."""
        (fan_in, O), T, K = self.plan.shapes[-1], self.steps, len(outputs)
        A, c, yy, weight = np.zeros((fan_in + 1, fan_in + 1)), np.zeros((fan_in + 1, K)), np.zeros(K), 0.0
        for at in self._blocks(self.everything, most=NUMBERS // fan_in):
            rows = (np.arange(T)[:, None] + at).ravel()  # time first
            if which is not None and not which[rows].any():
                continue
            Z, out = self._readout_inputs(theta, at, rows)
            y, w = self.y.reshape(-1, O)[rows], self._row_weights()[rows]
            if rounding is not None:
                share, shift = self.loss.parabola(y - out, rounding)
                y, w = y + shift, w * share
            y, w = y[:, outputs], w[:, outputs[0]]
            if which is not None:
                w = np.where(which[rows], w, 0.0)
            add_normal_equations(Z, y, w, A, c)
            yy += w @ y**2
            weight += float(w.sum())
        return Alike(outputs, A, c, yy, weight)

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
