"""A delay network that also sees its past errors of one step: NARMAX, and ARMAX without hidden layers.

    out(t) = f(y(t - 1) ... y(t - K), x(t) ... x(t - L), e(t - 1) ... e(t - M))        e(t) = y(t) - out(t)

e(t) is 0 where y(t) is not known, for there y(t) = out(t).  Since f is linear in its first weights,

    W_e e(t - k) = W_e y(t - k) - W_e out(t - k)

so it runs as a delay network of twice the outputs, [out, out], whose lags see rows [y, out]: the first half is measured
where it can be, the second always fed back (``wide``).  It learns as one whose columns are copied out, [x at each lag,
e at each lag], the oldest first, for errors that are given (``plan``).  Both have the same parameters.

Dimensions: N rows, D inputs, O outputs.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .._values import kept
from .delay import Plan, free_runs, make_plan, run
from .dynamics import Dynamics
from .equations import activated_layers
from .memory import Memory, constant, moved_on


@kept("net of errors")
class ErrorNet(NamedTuple):
    """The two layouts of a net that sees its errors.

    plan, wide : see above.   lags : of inputs, outputs and errors, ascending.   skip : whether its output layer sees
    the lags, too.
    """

    plan: Plan
    wide: Plan
    lags: tuple
    skip: bool

    @property
    def n_outputs(self):
        """O."""
        return self.plan.n_outputs

    @property
    def lead(self):
        """Rows of history that the first step needs."""
        return self.wide.lead

    @property
    def n_errors(self):
        """Columns of errors."""
        return self.n_outputs * len(self.lags[2])

    def columns(self, X, E):
        """Lay out the inputs (N, D') of ``plan``, of X (N, D) and errors E (N, O); rows before the first are 0."""
        shifted = [_later(V, k) for V, lags in ((X, self.lags[0]), (E, self.lags[2])) for k in reversed(lags)]
        return np.concatenate(shifted, axis=1)

    def widened(self, theta):
        """Convert parameters of ``plan`` to those of ``wide``."""
        new, O = np.zeros(self.wide.size), self.n_outputs
        narrow, wide = self.plan.views(theta), self.wide.views(new)
        last = len(narrow) - 1
        for k, (narrow_layer, two) in enumerate(zip(narrow, wide)):
            copies = 2 if k == last else 1
            W, two.b[:] = np.tile(narrow_layer.W, copies), np.tile(narrow_layer.b, copies)
            if k == 0 or (self.skip and k == last):
                W = self._unfolded(W, O)
            two.W[:] = W
        return new

    def _unfolded(self, W, O):
        """Convert rows of weights of [x, e, y, rest] to those of [x, (y, out) at each lag, rest]."""
        _, outputs, errors = self.lags
        lags = sorted({*outputs, *errors}, reverse=True)  # oldest first
        n_x = self.plan.n_inputs - self.n_errors
        at_e, at_y = n_x, self.plan.n_inputs
        end = at_y + O * len(outputs)
        blocks = np.zeros((len(lags), 2, O, W.shape[1]))
        for j, k in enumerate(reversed(outputs)):
            blocks[lags.index(k), 0] += W[at_y + j * O : at_y + (j + 1) * O]
        for j, k in enumerate(reversed(errors)):
            W_e = W[at_e + j * O : at_e + (j + 1) * O]
            blocks[lags.index(k), 0] += W_e
            blocks[lags.index(k), 1] -= W_e
        return np.concatenate([W[:n_x], blocks.reshape(-1, W.shape[1]), W[end:]])


def make_error_net(D, O, hidden, activation, lags, skip):
    """Lay out a net.   lags : of inputs, outputs and errors."""
    inputs, outputs, errors = lags
    columns, later = D * len(inputs) + O * len(errors), [(0,)] * len(hidden)
    plan = make_plan(columns, O, hidden, activation, (0,), outputs, later, skip)
    all_lags = tuple(sorted({*outputs, *errors}))
    wide = make_plan(D, 2 * O, hidden, activation, inputs, all_lags, later, skip)
    return ErrorNet(plan, wide, lags, skip)


def _later(V, k):
    """Delay rows V (N, D) by k, after zeros."""
    return np.concatenate([np.zeros((min(k, len(V)), V.shape[1])), V[: max(0, len(V) - k)]])


@kept("delay network with errors")
@dataclass(frozen=True, eq=False)
class ErrorDynamics(Dynamics):
    """A fitted net that sees its errors.

    mean : inputs (D,) and outputs (O,) of training.   Its memory has rows [y, out] for Y.
    """

    net: ErrorNet
    mean: tuple
    input_lag: float
    sees_y = True

    @property
    def lead(self):
        """Rows of history that the first step needs."""
        return self.net.lead

    @property
    def n_outputs(self):
        """O."""
        return self.net.n_outputs

    @property
    def params(self):
        """Weights W and biases b of each layer, in scaled units."""
        return self.net.plan.views(self.theta)

    @cached_property
    def doubled(self):
        """The parameters of a net of rows [y, out]."""
        return self.net.widened(self.theta)

    def run(self, X, Y, memory):
        """Follow rows X (N, D), Y (N, O) from a memory."""
        out, y_and_out = self._follow(X, Y, memory)
        return out, moved_on(memory, X, y_and_out)

    def errors(self, X, Y, memory):
        """Compute one-step errors (N, O), 0 where y is not known."""
        return self._halves(self.beside(X, Y, memory))

    def beside(self, X, Y, memory):
        """Follow rows; returns [y, out] (N, 2 O)."""
        return self._follow(X, Y, memory)[1]

    def _follow(self, X, Y, memory):
        """Follow rows; returns outputs (N, O), and rows [y, out] (N, 2 O)."""
        rows = np.concatenate([Y, np.full_like(Y, np.nan)], axis=1)
        out, y_and_out = run(self.net.wide, self.doubled, X, rows, memory.X, memory.Y)
        return out[:, : self.n_outputs], y_and_out

    def _halves(self, both):
        """Return the errors (N, O) of rows [y, out]."""
        O = self.n_outputs
        return both[:, :O] - both[:, O:]

    def free_runs(self, X, Y, memory, first, steps, settle=None):
        """Run freely from many rows: errors are 0 from there on, but for what ``settle`` adds to an output."""
        if len(first) == 0:
            return
        O, end = self.n_outputs, first[-1]
        _, past = self._follow(X[:end], Y[:end], memory)
        rows = np.full((len(Y), 2 * O), np.nan)
        rows[:end] = past

        def settled(runs, t, out):
            return np.concatenate([settle(runs, t, out[:, :O]), out[:, O:]], axis=1)

        options = first, steps, None if settle is None else settled
        for runs, out in free_runs(self.net.wide, self.doubled, X, rows, memory.X, memory.Y, *options):
            yield runs, out[:, :, :O]

    def zero(self, x, y):
        """Return the memory after constant rows x (D,), y (O,), forecast without errors."""
        return constant(x, np.concatenate([y, y]), self.lead)

    def history(self, memory):
        """Return past rows by the names that ``terms`` gives them."""
        O = self.n_outputs
        output = f"h{len(self.net.plan.layers) - 1}"
        return {"X": memory.X, "Y": memory.Y[:, :O], output: memory.Y[:, O:]}

    def terms(self, p):
        """Add the equations of one row, for export; returns the span of the output."""
        return activated_layers(p, self.params, self.net)

    def remembered(self, memory):
        """Return X (lead, D), Y (lead, O) and errors (lead, O) of a memory."""
        return memory.X, memory.Y[:, : self.n_outputs], self._halves(memory.Y)


def after_rows(X, Y):
    """Return the memory after rows X (lead, D), Y (lead, O) forecast without errors; 0, the mean, where unknown."""
    Y = np.nan_to_num(Y, nan=0.0)
    return Memory(X, np.concatenate([Y, Y], axis=1))
