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
    """Base of such models; a subclass brings ``n_outputs``, ``furthest``, ``at_once`` and four verbs.

    at_once : most rows n that are forecast from one.   furthest : the horizon.
    """

    sees_y = True

    @property
    def whole_errors(self):
        """Sample paths add the errors of all steps of one origin, where no quantiles are learnt."""
        return self.quantiles is None

    def ahead(self, X, Y, memory, first, steps):
        """Forecast from rows ``first`` (M,), ascending: yields (slice of first, (steps, m, O)); steps <= at_once."""
        raise NotImplementedError

    def measured(self, X, Y, memory):
        """Follow rows whose Y (N, O) is known; returns one-step forecasts (N, O) and the memory after."""
        raise NotImplementedError

    def next_rows(self, X, memory, n):
        """Forecast n <= at_once rows after a memory, (n, O)."""
        raise NotImplementedError

    def moved(self, X, Y, memory):
        """Advance a memory by rows X, Y (N, .)."""
        raise NotImplementedError

    def terms(self, p):
        """Refuse export: a forecast of many rows is no equation of one."""
        raise TypeError(
            f"A model that forecasts {self.furthest} steps from one row cannot be exported, because a program goes "
            "row by row. Export the Forecaster's estimator, fitted by itself (clone(model.estimator).fit(X, y)), or "
            "another one-step model, such as NARXRegressor, or save this one with joblib."
        )

    def wide(self, steps):
        """Return how many steps are to be computed for ``steps`` of output: as many."""
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
            if unknown[a:b].any():
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
                runs, at = slice(i, i + 1), k

                def feed(t, z, runs=runs):
                    return z if settle is None else settle(runs, t, z[None])[0]

                out, _ = self._alone(X[k:], memory, steps, feed, self.at_once)
                yield runs, out[:, None]
            return
        for runs, out in self.ahead(X, Y, memory, first, steps):
            if settle is not None:
                for t in range(steps):
                    settle(runs, t, out[t])
            yield runs, out

    def _alone(self, X, memory, steps, settle, at_once):
        """Run freely, ``at_once`` rows at a time, settle(t, z) fed back; returns outputs (steps, O), memory after."""
        out = np.empty((steps, self.n_outputs))
        fed = out.copy()
        for a in range(0, steps, at_once):
            b = min(a + at_once, steps)
            out[a:b] = self.next_rows(X[a:], memory, b - a)
            for t in range(a, b):
                fed[t] = settle(t, out[t])
            memory = self.moved(X[a:], fed[a:b], memory)
        return out, memory
