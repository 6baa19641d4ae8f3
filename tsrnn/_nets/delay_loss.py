"""The loss of a delay network over independent windows of rows."""

import numpy as np

from .._memory_limit import check_memory
from .._series.units import end_to_end, rows_between
from .._training.least_squares import add_normal_equations
from .._training.losses import EXACT, ROUNDING, has_parabola, reweighted, squared, weights_of
from . import delay_kernels as kernels
from .delay import BLOCK_ROWS, CACHE_NUMBERS, OPEN_LOOP, _in_pieces, forward
from .delay_linear import linear_squares
from .linear_sums import Alike, FewRows
from .symbols import Lookup


SMALL = 600  # columns of Z'Z that are never too many
GROUP_NUMBERS = 2**22  # of Z'Z of groups of outputs that are summed together
LEAST_ROWS = 64  # of a block, however many columns: fewer would go through all of Z'Z for little


class WindowLoss:
    """A loss of a delay network over a list of series: half the weighted sum of squared errors by default.

    A sample is a sequence of ``steps`` rows; the samples tile each series.  In open loop the lags of y are measured
    values, and a row with an unknown lag has weight 0; in closed loop a sequence starts where its lags are measured,
    and the net then feeds itself.

    The series are concatenated, each padded by ``steps - 1`` rows of weight 0, which its last sequence may run into.

    held : whether the validation rows count, or the training rows.   batch_size : rows of a mini-batch.
    loss : see ``losses.py``.   offers : what a solver may need, see ``solvers.py``.

    Attributes, for N rows of all series: at (n,), first row of each sample.   x (N F,), y (N O,), w (N O,), flat.
    everything (n,), the indices of all samples.   linear (P,), True for the weights of an open-loop output layer.
    groups (P,), decay (P,), weight : see ``solvers.py``.
    """

    offers = frozenset(("sum_of_squares", "gauss_newton", "groups", "linear", "solve_linear", "rows"))

    def __init__(self, plan, series, steps, closed, alpha, dtype, held=False, batch_size=200, loss=squared):
        self.plan, self.steps, self.closed, self.batch_size = plan, steps, closed, batch_size
        self.loss = loss
        self.groups = plan.groups()
        self.decay = alpha * (self.groups > 0)
        F, O = plan.n_columns, 1 if plan.codes_labels else plan.n_outputs
        self.O = O
        if plan.codes_labels:
            series = [s._replace(Y=plan.symbols.codes(s.Y)) for s in series]
        if plan.symbols:
            self.offers = frozenset(("sum_of_squares",))
        s, rows, begin, end = end_to_end(series, steps - 1)
        N, first = int(end[-1]) + steps - 1, begin + plan.lead
        X, Y, w = np.zeros((N, F), dtype), np.zeros((N, O), dtype), np.zeros((N, O), dtype)
        valid, led = np.isfinite(s.Y), np.zeros(N, bool)  # led: rows that have their history
        led[rows_between(first, end)] = True
        # of a row, whichever of its outputs are measured
        weight, measured = np.zeros(N, dtype), np.ones(N, bool)
        weight[rows], measured[rows] = np.where(s.held == held, s.w, 0.0), valid.all(axis=1)
        weight[~led] = 0.0
        if closed:
            at = _closed_starts(measured, led, plan, steps)
        else:
            weight[_blind_rows(measured, plan)] = 0.0
            at = rows_between(first, end, steps)
        X[rows], Y[rows] = s.X, s.Y
        w[:] = weight[:, None]
        if not measured.all():
            unknown = rows[~measured[rows]]
            Y[unknown], w[unknown] = np.nan_to_num(Y[unknown], nan=0.0), w[unknown] * valid[~measured[rows]]
        weights_of(loss, w)
        self.at, self.weight = _samples_that_count(at, steps, w)
        self.n = len(self.at)
        self.everything = np.arange(self.n)
        self.x, self.y, self.w = X.ravel(), Y.ravel(), w.ravel()
        self._spaces = {}  # (B, steps) -> work space, made once
        self.linear = np.zeros(plan.size, bool)
        if not closed:
            self.linear[plan.size - (plan.shapes[-1][0] + 1) * plan.n_outputs :] = True

    def _forward(self, theta, at, steps, closed):
        """Run the sequences of ``steps`` rows that begin at rows ``at`` (B,); returns as ``forward``."""
        plan, B, O = self.plan, len(at), self.plan.n_outputs
        if closed:
            y = np.full((B, plan.y_lead + steps, O), np.nan, theta.dtype)
            y[:, : plan.y_lead] = self.y.reshape(-1, O)[at[:, None] + np.arange(-plan.y_lead, 0)]
            y_at = _in_pieces(B, plan.y_lead, steps, O)
            y, fed = y.ravel(), np.ones((B, steps * O), np.bool_)
        else:
            y, fed, y_at = self.y, OPEN_LOOP, at * O
        if (B, steps) not in self._spaces:
            look = Lookup(plan, B, steps, theta.dtype) if plan.symbols else None
            self._spaces[B, steps] = plan.work_space(B, steps, theta.dtype), look
        space, look = self._spaces[B, steps]
        x, x_at = self.x, at
        if look is not None:
            x, x_at = look.inputs(theta, x, at)
            if plan.codes_labels:
                y, y_at = look.outputs(theta, y, at)
                y_at = y_at * plan.y_width
        return forward(plan, theta, x, x_at * plan.n_inputs, y, y_at, fed, steps, space)

    def _blocks(self, batch, most=BLOCK_ROWS):
        """Yield first rows of samples, as many as fill min(BLOCK_ROWS, most) rows."""
        size = max(1, min(BLOCK_ROWS, most) // self.steps)
        for i in range(0, len(batch), size):
            yield self.at[batch[i : i + size]]

    def batches(self, rng):
        """Yield shuffled mini-batches, indices (M,) of samples, each with the mean weight of M samples."""
        order, share = rng.permutation(self.n), self.weight / self.n
        size = max(1, self.batch_size // self.steps)
        for i in range(0, self.n, size):
            batch = order[i : i + size]
            yield batch, len(batch) * share

    def loss_grad(self, theta, batch):
        """Sum the loss over a batch, indices of samples; returns it and its gradient (P,)."""
        plan, T, O = self.plan, self.steps, self.plan.n_outputs
        total, grad, nothing = 0.0, None, np.zeros(0, theta.dtype)
        for at in self._blocks(batch):
            B = len(at)
            args, h = self._forward(theta, at, T, self.closed)
            d, block_grad = np.empty_like(h), np.zeros_like(theta)
            dy = np.zeros(B * (plan.y_lead + T) * O if self.closed else 0, theta.dtype)
            size = B * T * O
            total += self.loss(
                h[-size:].reshape(T, B, O), self.y, self.w, at * self.O, d[-size:].reshape(T, B, O)
            )
            dx, look = nothing, self._spaces[B, T][1]
            if look is not None:
                look.clear()
                dx, dy = dx if look.dx is None else look.dx, dy if look.dy is None else look.dy
            kernels.backward(*args, h, d, args[7][kernels.FROM_Y], dy, dx, block_grad)
            if look is not None:
                look.back(block_grad)
            grad = block_grad if grad is None else grad + block_grad
        return total, grad

    def sum_of_squares(self, theta):
        """Return twice the loss over all samples: for the squared loss the weighted sum of squared errors."""
        T, O = self.steps, self.plan.n_outputs
        total = 0.0
        for at in self._blocks(self.everything):
            _, h = self._forward(theta, at, T, self.closed)
            out = h[-len(at) * T * O :].reshape(T, len(at), O)
            total += 2 * self.loss(out, self.y, self.w, at * self.O, np.empty_like(out))
        return total

    def squares(self, theta):
        """Square the errors of the rows of all samples; returns them, weighted, (n T,), and the weights (n T,)."""
        T, O = self.steps, self.plan.n_outputs
        y, w, found, weights = self.y.reshape(-1, O), self.w.reshape(-1, O), [], []
        for at in self._blocks(self.everything):
            _, h = self._forward(theta, at, T, self.closed)
            rows = at[:, None] + np.arange(T)  # (B, T)
            out = h[-len(at) * T * O :].reshape(T, len(at), O).swapaxes(0, 1)
            found.append(np.sum(w[rows] * (out - y[rows]) ** 2, axis=2).ravel())
            weights.append(w[rows].sum(axis=2).ravel())
        return np.concatenate(found), np.concatenate(weights)

    def solve_linear(self, theta, decay):
        """Return theta (P,) with the output layer, in which it is linear, optimal given the others."""
        if self.closed or self.plan.symbols:
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
        """Solve for the output layer by least squares or, given ``rounding``, by least parabolas above the loss."""
        theta, before = theta.copy(), theta
        W, b = self.plan.views(theta)[-1]
        shrink = self.plan.views(decay)[-1]
        for alike in self.normal_equations(before, rounding):
            # outputs with the same weights, and the same decay, share a factorisation
            ridge = np.append(shrink.W[:, alike.outputs[0]], shrink.b[alike.outputs[0]])
            best = alike.solved(ridge)
            if best is not None:
                W[:, alike.outputs], b[alike.outputs] = best[:-1], best[-1]
        return theta

    def normal_equations(self, theta, rounding=None):
        """Yield what rows say of the output layer, ``Alike``, for each set of outputs with the same weights.

        Or ``FewRows``, where they are fewer than its weights, and these many.

        rounding : of the parabolas above a loss that is not squared, which give each output its own weights.
        """
        O, w = self.plan.n_outputs, self._row_weights()
        if rounding is not None:
            groups = [np.array([o]) for o in range(O)]
        else:
            alike = {}
            for o in range(O):
                alike.setdefault(w[:, o].tobytes(), []).append(o)
            groups = [np.array(outputs) for outputs in alike.values()]
        if self._is_wide:
            yield from (self._rows(theta, outputs, rounding) for outputs in groups)
        elif len(groups) == 1 or rounding is not None:
            yield from self._sums(theta, groups, None, rounding)
        else:
            # Sum once over the rows in which all outputs weigh the same: only ends of series and gaps differ.
            common = (w == w[:, :1]).all(axis=1)
            (shared,) = self._sums(theta, [np.arange(O)], common)
            for extra in self._sums(theta, groups, ~common):
                yield shared.of(extra.outputs) + extra

    def _row_weights(self):
        """Weigh each value of y as a square, (N, O)."""
        w = self.w.reshape(-1, self.plan.n_outputs)
        return np.broadcast_to(w[:, :1], w.shape) if getattr(self.loss, "joint", False) else w

    @property
    def _is_wide(self):
        """Whether rows are fewer than weights of an output, and these many."""
        fan_in = self.plan.shapes[-1][0]
        return fan_in > SMALL and self.n * self.steps <= fan_in

    def _rows(self, theta, outputs, rounding):
        """Return the ``FewRows`` of outputs (K,): those that count, times the roots of their weights."""
        fan_in, M = self.plan.shapes[-1][0], 0
        Z, Y = np.empty((self.n * self.steps, fan_in + 1)), np.empty((self.n * self.steps, len(outputs)))
        for z, y, w in self._weighed(theta, None, rounding):
            counts = w[:, outputs[0]] > 0
            block, root = slice(M, M + int(counts.sum())), np.sqrt(w[counts, outputs[0], None])
            Z[block], Y[block], M = root * z[counts], root * y[np.ix_(counts, outputs)], block.stop
        rows = FewRows(outputs, Z[:M], Y[:M])
        return rows if M else rows.summed()

    def _sums(self, theta, groups, chosen=None, rounding=None):
        """Yield the ``Alike`` of each group of outputs (K,), over the rows ``chosen`` (N,) bool, by default all.

        As many as fit in memory go through the rows together.
        """
        P = self.plan.shapes[-1][0] + 1
        cure = "shorter input_lags or output_lags, or fewer inputs"
        check_memory("The normal equations, two copies", (2, P, P), cure)
        at_once = max(1, GROUP_NUMBERS // P**2)
        for i in range(0, len(groups), at_once):
            sums = [
                Alike(outputs, np.zeros((P, P)), np.zeros((P, len(outputs))), np.zeros(len(outputs)), 0.0)
                for outputs in groups[i : i + at_once]
            ]
            weights = np.zeros(len(sums))
            for Z, y, w in self._weighed(theta, chosen, rounding):
                for k, alike in enumerate(sums):
                    y_k, w_k = y[:, alike.outputs], w[:, alike.outputs[0]]
                    add_normal_equations(Z, y_k, w_k, alike.A, alike.c)
                    alike.yy[:] += w_k @ y_k**2
                    weights[k] += w_k.sum()
            yield from (alike._replace(weight=float(weight)) for alike, weight in zip(sums, weights))

    def _weighed(self, theta, chosen, rounding):
        """Yield Z (M, P), y (M, O) and weights (M, O), block by block of the rows ``chosen``, or of all."""
        (fan_in, O), T = self.plan.shapes[-1], self.steps
        for at in self._blocks(self.everything, most=max(LEAST_ROWS, CACHE_NUMBERS // fan_in)):
            rows = (np.arange(T)[:, None] + at).ravel()  # time first
            if chosen is not None and not chosen[rows].any():
                continue
            Z, out = self._readout_inputs(theta, at, rows)
            y, w = self.y.reshape(-1, O)[rows], self._row_weights()[rows]
            if rounding is not None:
                share, shift = self.loss.parabola(y - out, rounding)
                y, w = y + shift, w * share
            yield Z, y, w if chosen is None else np.where(chosen[rows, None], w, 0.0)

    def _readout_inputs(self, theta, at, rows):
        """Return the output layer's inputs (M, fan_in + 1) at each row, with 1 for the bias, and its outputs (M, O)."""
        plan = self.plan
        output = plan.layers[-1]
        _, h = self._forward(theta, at, self.steps, False)
        Z = np.ones((len(rows), plan.shapes[-1][0] + 1))
        column = 0
        for source, oldest, span, _ in plan.runs[output[kernels.FIRST_RUN] : output[kernels.END_RUN]]:
            if source >= kernels.FIRST_LAYER:
                end = len(h) - len(rows) * plan.n_outputs
                columns = h[end - len(rows) * span : end].reshape(-1, span)
            else:
                series, width = (
                    (self.x, plan.n_inputs) if source == kernels.FROM_X else (self.y, plan.n_outputs)
                )
                columns = series[((rows - oldest) * width)[:, None] + np.arange(span)]
            Z[:, column : column + span] = columns
            column += span
        return Z, h[-len(rows) * plan.n_outputs :].reshape(-1, plan.n_outputs)

    def jacobian_blocks(self, theta):
        """Yield residuals (M,), their Jacobian (M, P) and weights (M,), block by block."""
        plan, T, O, P = self.plan, self.steps, self.plan.n_outputs, len(theta)
        K = plan.y_lead if self.closed else 0
        limit = max(1, min(BLOCK_ROWS, CACHE_NUMBERS // P))
        at_once = max(1, limit // (T + K))
        for i in range(0, self.n, at_once):
            at = self.at[i : i + at_once]
            B, carry = len(at), None
            y, y_at = self.y, at * O
            if self.closed:
                args, _ = self._forward(theta, at, T, True)
                y, y_at = args[4], args[7][kernels.FROM_Y].copy()  # with the outputs that were fed back
            for t in range(0, T, limit):
                S = min(limit, T - t)
                rows = at[:, None] + np.arange(t, t + S)  # (B, S)
                y_rows = y_at[:, None] + np.arange(t, t + S) * O
                M = B * S
                space = plan.work_space(M, 1, theta.dtype)
                x_at = rows.ravel() * plan.n_inputs
                args, h = forward(plan, theta, self.x, x_at, y, y_rows.ravel(), OPEN_LOOP, 1, space)
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

    def rows(self, theta, memory=None):
        """Yield errors (O,), d out / d theta (O, P) and weights (O,) of each row, in order; see ``online.py``."""
        O, y, w = self.plan.n_outputs, self.y.reshape(-1, self.O), self.w.reshape(-1, self.O)
        nothing, at_nothing = np.zeros((O, 0)), _in_pieces(1, 0, 1, O)
        for t in self.at:
            args, h = self._forward(theta, np.array([t]), 1, False)
            J = np.zeros((1, O, len(theta)))
            kernels.jacobian(*args, h, np.empty_like(h), at_nothing, nothing, J)
            yield h[-O:] - y[t], J[0], w[t]

    def gauss_newton(self, theta):
        """Return r'r, J'r (P,) and J'J (P, P), weighted, over all samples."""
        P = len(theta)
        cure = "solver='adam', smaller hidden_layer_sizes, shorter lags or fewer inputs"
        check_memory("J'J of Levenberg and Marquardt, two copies", (2, P, P), cure)
        if len(self.plan.layers) == 1 and not self.closed and not self.plan.symbols:
            return self._linear_gauss_newton(theta)
        rr, Jr, JJ = 0.0, np.zeros(P), np.zeros((P, P))
        for r, J, w in self.jacobian_blocks(theta):
            rr += float(np.sum(w * r * r))
            add_normal_equations(J, r, w, JJ, Jr)
        return rr, Jr, JJ

    def _linear_gauss_newton(self, theta):
        """Return the same of a net without hidden layers, of which the normal equations tell all."""
        Jr, sums = np.zeros(len(theta)), list(self.normal_equations(theta))
        (W, b), (dW, db) = self.plan.views(theta)[-1], self.plan.views(Jr)[-1]
        for alike in sums:
            k = alike.outputs
            left = alike.summed().less(np.vstack([W[:, k], b[k]]))
            dW[:, k], db[k] = -left.c[:-1], -left.c[-1]
        return self.sum_of_squares(theta), Jr, linear_squares(self.plan, sums)


def _blind_rows(known, plan):
    """Mark the rows (N,) of a series with an unknown lag of y.   known : (N,) bool."""
    blind = np.zeros(len(known), bool)
    for lag in plan.y_seen:
        blind[lag:] |= ~known[: max(0, len(known) - lag)]
    return blind


def _samples_that_count(at, steps, w):
    """Select the samples, ``steps`` rows from rows ``at`` (n,) on, that weigh something; returns them and their weight.

    w : (N, O), weights of all rows.
    """
    before = np.concatenate([[0], np.cumsum(w.any(axis=1))])  # (N + 1,), rows with weight before each row
    at = at[before[at + steps] > before[at]]
    inside = np.zeros(len(w) + 1, np.int64)
    inside[at] += 1
    inside[at + steps] -= 1
    return at, float(w[np.cumsum(inside)[:-1] > 0].sum(dtype=np.float64))


def _closed_starts(known, led, plan, steps):
    """List first rows of closed-loop sequences, one every ``steps`` rows, postponed until every lagged y is known.

    known, led : (N,) bool, rows where all of y is measured, and rows of a series after those of its lags.
    """
    ready = led.copy()
    for back in {lag - step for lag in plan.y_seen for step in range(min(lag, steps))}:
        ready[back:] &= known[: max(0, len(known) - back)]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ready, [0]])))
    starts, t = [np.empty(0, np.int64)], 0
    for first, end in edges.reshape(-1, 2).tolist():
        rows = np.arange(max(first, t), end, steps)
        if len(rows):
            starts.append(rows)
            t = int(rows[-1]) + steps
    return np.concatenate(starts)
