"""A regressor on lags: layout of its table, and runs over a series.

    y(t) = f(x(t - l) ..., y(t - k) ...)          l of input_lags, k of output_lags, each from the oldest to the nearest

f is any regressor with ``fit(Z, T)`` and ``predict(Z)``, for all outputs or one for each; Z (R, D') is the table whose
rows are the arguments.  Where y was not measured, out(t) takes its place in later rows: rows are computed together as
far as their lags are known.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._values import kept
from .dynamics import FAR_INPUTS, Dynamics
from .memory import moved_on


NUMBERS = 2**22  # of a table at a time: 32 MB


@kept("lag table")
class LagTable(NamedTuple):
    """Layout of a table.   n_inputs, n_outputs : D, O.   input_lags, output_lags : tuples, ascending."""

    n_inputs: int
    n_outputs: int
    input_lags: tuple
    output_lags: tuple

    @property
    def lead(self):
        """Rows of history that the first row needs."""
        x_lead = max(self.input_lags, default=0) if self.n_inputs else 0
        return max(x_lead, max(self.output_lags, default=0))

    @property
    def width(self):
        """Columns D' of the table."""
        return len(self.input_lags) * self.n_inputs + len(self.output_lags) * self.n_outputs

    def rows(self, X, Y, at):
        """Lay out rows ``at`` (R,) of X (N, D), Y (N, O): (R, D')."""
        sides = (X, self.input_lags), (Y, self.output_lags)
        columns = [
            V[at[:, None] - np.array(lags[::-1], int)].reshape(len(at), len(lags) * V.shape[1])
            for V, lags in sides
        ]
        return np.concatenate(columns, axis=1)


@kept("regressors of some outputs")
class Regressors(NamedTuple):
    """Regressors of some outputs (K,), of all of them together or one for each, and the columns of a table they see."""

    regressors: tuple
    seen: np.ndarray
    outputs: np.ndarray

    def predicted(self, Z):
        """Predict these outputs (R, K) of a table Z (R, D')."""
        Z = Z if len(self.seen) == Z.shape[1] else Z[:, self.seen]
        columns = [np.reshape(regressor.predict(Z), (len(Z), -1)) for regressor in self.regressors]
        return np.concatenate(columns, axis=1)


@kept("regressor on lags")
@dataclass(frozen=True, eq=False)
class LaggedDynamics(Dynamics):
    """Fitted regressors on a table of lags; theta : (0,), as what they learnt is theirs.

    parts : one, or a ``Regressors`` for each series that sees its own past alone.   mean : inputs (D,), outputs (O,) of
    training.   learns : whether the regressors have ``partial_fit``.
    """

    table: LagTable
    parts: tuple
    mean: tuple
    learns: bool

    cure = FAR_INPUTS

    @property
    def lead(self):
        """Rows of history that the first step needs."""
        return self.table.lead

    @property
    def n_outputs(self):
        """O."""
        return self.table.n_outputs

    @property
    def sees_y(self):
        """True if past outputs are inputs."""
        return bool(self.table.output_lags)

    @property
    def input_lag(self):
        """The most recent input that an output feels."""
        return min(self.table.input_lags, default=np.inf)

    @property
    def params(self):
        """The regressors, of all outputs together or in the order of these, one for each or for those of a series."""
        return tuple(regressor for part in self.parts for regressor in part.regressors)

    def check_verb(self, verb):
        """Raise where the regressors cannot do what a verb asks."""
        if verb == "partial_fit" and not self.learns:
            name = type(self.params[0]).__name__
            raise TypeError(
                f"partial_fit needs a regressor that has it, but {name} does not: use one such as SGDRegressor, call "
                "update, which only advances the memory, or fit again on all rows."
            )

    def terms(self, p):
        """Refuse export: a regressor has no equations in the language of export."""
        raise TypeError(
            f"{type(self.params[0]).__name__} on lags cannot be exported: it has no equations for a single row. "
            "Use a model of tsrnn with the same lags, such as NARXRegressor or ARXRegressor, or save this one with "
            "joblib."
        )

    # ---------------------------------------------------------------------------------- following

    def predicted(self, Z):
        """Predict the outputs (R, O) of a table Z (R, D')."""
        out = np.empty((len(Z), self.n_outputs))
        for part in self.parts:
            out[:, part.outputs] = part.predicted(Z)
        return out

    def run(self, X, Y, memory):
        """Follow rows X (N, D), Y (N, O) from a memory."""
        n, N = len(memory.Y), len(Y)
        x, y = np.concatenate([memory.X, X[:N]]), np.concatenate([memory.Y, Y])
        out, lags = np.empty_like(Y), self.table.output_lags
        unknown = np.flatnonzero(np.isnan(Y).any(axis=1)) if lags else np.empty(0, int)
        at_once = max(1, NUMBERS // max(1, self.table.width))
        t = 0
        while t < N:
            later = unknown[np.searchsorted(unknown, t) :]
            end = min(N, t + at_once, *(later[:1] + min(lags) if len(later) else ()))
            rows = np.arange(t, end)
            out[t:end] = self.predicted(self.table.rows(x, y, n + rows))
            y[n + t : n + end] = np.where(np.isnan(Y[t:end]), out[t:end], Y[t:end])
            t = end
        return out, moved_on(memory, X[:N], y[n:])

    def free_runs(self, X, Y, memory, first, steps, settle=None):
        """Run freely from many rows, side by side."""
        n, K = len(memory.Y), max(self.table.output_lags, default=0)
        x, known = np.concatenate([memory.X, X]), np.concatenate([memory.Y, Y])
        at_once = max(1, NUMBERS // max(1, self.table.width))
        for a in range(0, len(first), at_once):
            runs = slice(a, min(a + at_once, len(first)))
            at = n + first[runs]
            past = known[at[:, None] + np.arange(-K, 0)]  # (m, K, O)
            fed = np.concatenate([past, np.full((len(at), steps, self.n_outputs), np.nan)], axis=1)
            out = np.empty((steps, len(at), self.n_outputs))
            for t in range(steps):
                out[t] = self.predicted(self._beside(x, at + t, fed, K + t))
                fed[:, K + t] = out[t] if settle is None else settle(runs, t, out[t])
            yield runs, out

    def _beside(self, x, at, fed, t):
        """Lay out the table of runs side by side: rows ``at`` (m,) of x, row t of what was fed back (m, ., O)."""
        table, m = self.table, len(at)
        inputs = x[at[:, None] - np.array(table.input_lags[::-1], int)].reshape(m, -1)
        outputs = fed[:, t - np.array(table.output_lags[::-1], int)].reshape(m, -1)
        return np.concatenate([inputs, outputs], axis=1)
