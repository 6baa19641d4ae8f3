"""A ``Dynamics`` that forecasts many rows from one, without a loop.

    y^(k), y^(k + 1) ... y^(k + n - 1) = f(memory(k - 1), x(k) ... x(k + n - 1))

Beyond, and where y was not measured, it goes on from its own forecasts, n rows at a time.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .dynamics import Dynamics


@dataclass(frozen=True, eq=False)
class Direct(Dynamics):
    """What such models have in common; a subclass brings ``n_outputs``, ``furthest``, ``at_once`` and four verbs.

    at_once : rows n, at most, that follow from one.
    """

    sees_y = True
    feeds_back = False

    def ahead(self, X, Y, memory, first, steps):
        """Forecast from rows ``first`` (M,), ascending: yields (slice of first, (steps, m, O)); steps <= at_once."""
        raise NotImplementedError

    def measured(self, X, Y, memory):
        """Follow rows whose Y (N, O) is known: forecasts of each from those before it, (N, O), and the memory."""
        raise NotImplementedError

    def next_rows(self, X, memory, n):
        """Forecasts (n, O) of the rows after a memory; n <= at_once."""
        raise NotImplementedError

    def moved(self, X, Y, memory):
        """The memory after rows X, Y (N, .)."""
        raise NotImplementedError

    def wide(self, steps):
        """Rows that are followed where ``steps`` are asked for."""
        if steps > self.furthest:
            raise ValueError(
                f"forecast({steps}) is beyond horizon={self.furthest}: ask for fewer steps, or fit with "
                f"horizon={steps}."
            )
        return steps

    def run(self, X, Y, memory):
        """Follow rows; where y is unknown, ``at_once`` rows at a time from its own forecasts."""
        out, unknown = np.empty_like(Y), np.isnan(Y).sum(axis=1)
        for a, b in pairwise([0, *np.flatnonzero(np.diff(unknown)) + 1, len(Y)]):
            if unknown[a]:
                at_once = self.at_once if unknown[a] == Y.shape[1] else 1
                measured = Y[a:b]

                def settle(t, z, measured=measured):
                    return np.where(np.isnan(measured[t]), z, measured[t])

                out[a:b], memory = self._alone(X[a:], memory, b - a, settle, at_once)
            else:
                out[a:b], memory = self.measured(X[a:], Y[a:b], memory)
        return out, memory

    def free_runs(self, X, Y, memory, first, steps, settle=None):
        """Forecast from many rows; beyond ``at_once``, where rows were not measured, from its own forecasts."""
        if steps > self.at_once:
            at = 0
            for i, k in enumerate(first):
                memory = self.moved(X[at:], Y[at:k], memory)
                which, at = slice(i, i + 1), k

                def feed(t, z, which=which):
                    return z if settle is None else settle(which, t, z[None])[0]

                out, _ = self._alone(X[k:], memory, steps, feed, self.at_once)
                yield which, out[:, None]
            return
        for which, out in self.ahead(X, Y, memory, first, steps):
            if settle is not None:
                for t in range(steps):
                    settle(which, t, out[t])
            yield which, out

    def _alone(self, X, memory, steps, settle, at_once):
        """Outputs (steps, O) of a model that goes on from its own, ``at_once`` rows at a time; and the memory then."""
        out = np.empty((steps, self.n_outputs))
        fed = out.copy()
        for a in range(0, steps, at_once):
            b = min(a + at_once, steps)
            out[a:b] = self.next_rows(X[a:], memory, b - a)
            for t in range(a, b):
                fed[t] = settle(t, out[t])
            memory = self.moved(X[a:], fed[a:b], memory)
        return out, memory
