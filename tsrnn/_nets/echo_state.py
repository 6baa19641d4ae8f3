"""A fitted echo state network: its runs over a series, a block of rows or many free runs at a time.

x(t) = reservoir of v(t) and x(t - 1), see ``reservoir.py``          v(t) = [inputs, outputs at their lags]
y(t) = c + Wv' v(t) + Wx' x(t) + Wq' x(t)^2
"""

from dataclasses import dataclass

import numpy as np

from .._values import kept
from . import equations
from .dynamics import Dynamics, OfLags, side_by_side
from .memory import FromRest, Memory, constant
from .reservoir import Reservoir, follow, free_runs


BLOCK = 2**16  # steps times units that are followed at a time: bounds the work space
LEAST = 128  # steps followed at a time, at least
RUNS, RUN_ROWS = 256, 2**13  # free runs side by side, and steps of all of them
# Free runs by which a readout is judged: how many, their steps at most, and as a share of the rows.  Many short ones,
# for some nets run away from few states alone; a few long ones, for others take their time.
JUDGED = ((256, 40, 1 / 8), (16, 500, 1 / 3))
SETTLES = 500  # rows that lead to each, where to follow the whole series would take longer
SPREAD = 2  # times the largest y of training, beyond which such a run has gone astray
ASTRAY = 100  # mean squared error that it counts for, in scaled units


@kept("echo state network")
@dataclass(frozen=True, eq=False)
class EchoState(OfLags, Dynamics):
    """A reservoir and its readout.

    matrices : W and U, sparse (R, R).   input_lags, output_lags : ascending.   columns : (4,) bool, which of 1, v, x
    and x^2 the readout sees.   bound : for what is fed back.   mean : inputs (D,), outputs (O,) of training.
    noise : standard deviation, in training.   cold_states : the mean states, a layer each, or None.   early : rows from
    rest, of which the readout has learnt nothing: their outputs stay within ``near``, two (O,).
    """

    reservoir: Reservoir
    matrices: tuple
    input_lags: tuple
    output_lags: tuple
    columns: np.ndarray
    n_outputs: int
    bound: float
    mean: tuple
    noise: float = 0.0
    cold_states: tuple | None = None
    is_squared: bool = True
    early: int = 0
    near: tuple = (-np.inf, np.inf)

    cure = (
        "Give a larger alpha, noise=1e-3 or so, a smaller spectral_radius or readout_input=False, or look for inputs "
        "far from those in training."
    )

    @property
    def lead(self):
        """Rows of history that the lags need."""
        return max((*self.input_lags, *self.output_lags))

    @property
    def n_columns(self):
        """P, what the readout sees."""
        net = self.reservoir
        return int(self.columns @ [1, len(net.W_in), net.R, net.R])

    @property
    def length(self):
        """Steps of a block."""
        return max(LEAST, BLOCK // self.reservoir.R)

    def check_verb(self, verb):
        """Raise where more rows cannot be learnt."""
        if verb == "partial_fit" and not self.is_squared:
            raise ValueError(
                "partial_fit adds to sums of squares, which another loss lacks: fit all rows again, or give "
                "loss='squared'."
            )

    def terms(self, p):
        """Add the equations of one row, for export; returns the span of the output."""
        lags = self.input_lags, self.output_lags
        return equations.reservoir(p, self.reservoir, self.matrices, lags, self.readout())

    # ---------------------------------------------------------------------------------- following

    def drive(self, X, Y, memory, t, T):
        """Return v(t) ... v(t + T - 1), (T, D); X, Y : rows from 0, after those of the memory."""
        lead, columns = self.lead, []
        for rows, past, lags in zip((X, Y), (memory.X, memory.Y), (self.input_lags, self.output_lags)):
            if t >= lead:
                window = rows[t - lead : t + T]
            else:
                window = np.concatenate([past[t:], rows[: t + T]])
            columns += [window[lead - lag : lead - lag + T] for lag in reversed(lags)]
        return np.concatenate(columns, axis=1)

    def readout(self):
        """Split the readout: c (O,), Wv (D, O) or (0, O), Wx (R, O), Wq (R, O) or (0, O)."""
        R, O, D = self.reservoir.R, self.n_outputs, len(self.reservoir.W_in)
        c = np.zeros(O)
        W = self.theta.reshape(-1, O)
        if self.columns[0]:
            c, W = W[0], W[1:]
        cut = D if self.columns[1] else 0
        return c, W[:cut], W[cut : cut + R], W[cut + R :]

    def _lags_of_y(self):
        """Return the lags of y as the kernels read them, oldest first."""
        return np.array(self.output_lags[::-1], np.int64)

    def blocks(self, X, Y, memory, rng=None, *, read=True, length=None):
        """Follow rows from a memory, a block at a time: yield its first row, V (T, D), S (T + 1, R), out (T, O).

        The arrays are used again for the next block. Where y is fed, Y gets the model's own values.   rng : for
        noise in the states, if there is any.   read : whether ``out`` is wanted.   length : of a block.
        """
        net, N = self.reservoir, len(Y)
        arguments = net.arguments(N)
        lags = self._lags_of_y()
        fedback = len(lags) > 0 and bool(np.isnan(Y).any())
        c, Wv, Wx, Wq = self.readout()
        length, left = min(N, length or self.length), self.early_rows(memory)
        A, S = np.empty((length, net.R)), np.empty((length + 1, net.R))
        out = np.empty((length if read or fedback else 0, self.n_outputs))
        Q = np.empty((length if len(Wq) else 0, net.R))
        S[0] = np.concatenate(memory.states)
        t, stuck = 0, False
        while t < N:
            early = left > t or stuck
            T = 1 if early and fedback else min(length, N - t)  # before it is fed back, it is held
            V, y = self.drive(X, Y, memory, t, T), Y[t : t + T]
            noise = np.empty((0, 0)) if rng is None else self.noise * rng.normal(size=(T, net.R))
            unknown = np.isnan(y) if fedback else None
            fed = fedback and bool(unknown.any())
            arrays = noise, V, y, A[:T], S[: T + 1], Q[:T], out[:T]
            follow(*arguments, lags, self.bound, c, Wv, Wx, Wq, fed, *arrays)
            if early and len(out):
                k = T if stuck else min(T, left - t)
                np.clip(out[:k], *self.near, out=out[:k])
                if fed:
                    y[unknown] = out[:1][unknown]
                    stuck = bool(self.is_held(y).any())
            yield t, V, S[: T + 1], out[:T]
            t, S[0] = t + T, S[T]

    def is_held(self, outputs):
        """Return which outputs (..., O) are at the ends of the range in which early ones are held."""
        low, high = self.near
        return (outputs <= low) | (outputs >= high)

    def after(self, X, Y, memory, x):
        """Return the memory after rows X, Y at the end of which the state is x (R,)."""
        lead, n = self.lead, len(Y)
        old_and_new = (memory.X, X), (memory.Y, Y)
        past = [np.concatenate([old[n:], rows[max(0, n - lead) :]]) for old, rows in old_and_new]
        states, left = tuple(np.split(x.copy(), self.reservoir.begin[1:-1])), self.early_rows(memory)
        left = left - n if n < left else int(left > 0 and self.is_held(Y[left - 1 :]).any(axis=1).all())
        return FromRest(*past, states, left) if left > 0 else Memory(*past, states)

    def early_rows(self, memory):
        """Return how many of the rows after a memory are early ones; the last of them does not end held."""
        return memory.left if isinstance(memory, FromRest) else 0

    def run(self, X, Y, memory):
        """Follow rows."""
        out, Y = np.empty_like(Y), Y.copy()
        for t, _, S, block in self.blocks(X, Y, memory):
            out[t : t + len(block)], state = block, S[-1]
        return out, self.after(X, np.where(np.isnan(Y), out, Y), memory, state)

    def free_runs(self, X, Y, memory, first, steps, settle=None):
        """Run freely from many rows, from the states that following the series leads to."""
        if len(first) == 0:
            return
        O, R, end = Y.shape[1], self.reservoir.R, first[-1] + 1
        net = *self.reservoir.arguments(steps * len(first)), self._lags_of_y(), self.bound, *self.readout()
        past = np.concatenate([Y[: end - 1], np.zeros((1, O))])  # its last row leads to no state that is used
        width = 4 * O + len(self.reservoir.W_in.T)
        at_once = RUN_ROWS // steps if settle is None else side_by_side(steps, RUNS, RUN_ROWS, width)
        at_once = max(1, min(RUNS, at_once))
        for t, _, states, _ in self.blocks(X[:end], past, memory, read=False):
            low, high = np.searchsorted(first, [t, t + len(states) - 1])
            for i in range(low, high, at_once):
                runs = slice(i, min(i + at_once, high))
                rows = first[runs]
                V = self.drive(X, Y, memory, rows[0], rows[-1] - rows[0] + steps)
                V = V[rows[:, None] - rows[0] + np.arange(steps)]  # (m, steps, D)
                S, out = np.empty((len(rows), 2, R)), np.empty((len(rows), steps, O))
                S[:, 0], fed = states[rows - t], np.full_like(out, np.nan)
                left, stuck = self.early_rows(memory) - rows, np.zeros(len(rows), bool)  # steps of each
                if settle is None and left[0] <= 0:
                    free_runs(*net, V, fed, S, out, 0, steps)
                for step in range(steps if settle is not None or left[0] > 0 else 0):
                    free_runs(*net, V, fed, S, out, step, step + 1)
                    early = (step < left) | stuck
                    out[early, step] = np.clip(out[early, step], *self.near)
                    stuck = early & self.is_held(out[:, step]).any(axis=1)
                    settled = out[:, step] if settle is None else settle(runs, step, out[:, step])
                    fed[:, step] = np.clip(settled, -self.bound, self.bound)
                yield runs, out.transpose(1, 0, 2)

    def driven(self, V, state):
        """Drive one state by V (T, D); returns states (T + 1, R)."""
        R, O, T = self.reservoir.R, self.n_outputs, len(V)
        S, none, V = np.empty((T + 1, R)), np.empty((0, 0)), np.ascontiguousarray(V)
        S[0] = state
        arrays = none, V, np.zeros((T, O)), np.empty((T, R)), S, none, none
        follow(*self.reservoir.arguments(T), np.empty(0, np.int64), 0.0, *self.readout(), False, *arrays)
        return S

    # ---------------------------------------------------------------------------------- memories

    def zero(self, x, y):
        """Return the memory of constant rows x, y, and of states at rest."""
        memory = constant(x, y, self.lead, (np.zeros(n) for n in np.diff(self.reservoir.begin)))
        return FromRest(*memory, self.early) if self.early else memory

    def cold(self):
        """Return the memory of mean rows and of the mean states."""
        return constant(*self.mean, self.lead, self.cold_states)


# ---------------------------------------------------------------------------------------- judging a readout


def free_error(dynamics, series, fed):
    """Return the mean squared error of free runs over the training rows, and whether one diverges.

    fed : what the lags of y see of each series, (N, O) without NaN.
    """
    dynamics = dynamics.but(early=0)  # held, a run from rest would not show where others go
    targets = [np.where((s.w > 0)[:, None], s.Y, np.nan) for s in series]
    largest = np.max([np.max(np.abs(Y), axis=0, initial=0, where=np.isfinite(Y)) for Y in targets], axis=0)
    far = np.where(largest > 0, SPREAD * largest, np.inf)
    means, lost = [], False
    for runs, longest, share in JUDGED:
        chosen, errors = list(zip(series, fed, targets))[:: -(-len(series) // runs)], []
        for s, Y, target in chosen:
            steps = int(np.clip(share * len(Y), 1, longest))
            for begin, first in _where_to_run(len(Y), -(-runs // len(chosen)), steps):
                rows, memory = slice(begin, first[-1] + steps), dynamics.cold() if begin else dynamics.first()
                for batch, out in dynamics.free_runs(s.X[rows], Y[rows], memory, first - begin, steps):
                    astray = ~(np.abs(out) <= far).all(axis=(0, 2))
                    off = out.transpose(1, 0, 2) - target[first[batch, None] + np.arange(steps)]
                    valid = np.isfinite(off)
                    mean = np.sum(off**2, axis=(1, 2), where=valid) / np.maximum(valid.sum(axis=(1, 2)), 1)
                    errors.append(np.where(astray, ASTRAY, np.minimum(mean, ASTRAY)))
                    lost |= bool(astray.any())
        means.append(np.mean(np.concatenate(errors)))
    return float(np.mean(means)), lost


def _where_to_run(N, n, steps):
    """Choose where n runs of ``steps`` steps in N rows begin, (m,), and the row from which the series is followed."""
    first = np.unique(np.linspace(min(N // 8, N - steps), N - steps, n).astype(int))
    if len(first) * (SETTLES + steps) >= N:
        return [(0, first)]
    return [(max(0, row - SETTLES), np.array([row])) for row in first]
