"""Choice of the columns of X that a model uses which sees past y: levels that wander explain each other by chance.

A column wanders where it leaves its range, or has a unit root (``choices.py``).  Such columns are judged by a linear
model of them, of columns that do not wander, and of y's lags, by its errors e over held stretches, with m forecasts
that do not overlap: those that tell least alone are left out first, each where

    log e(all that are left) - log e(without it) >= doubt / sqrt(m)

and all of them, where those left do so much harm together.  A constant is left out anyway.  An input that keeps its
range is used whatever a linear model makes of it: what it tells may be no line.  What is not known ahead is seen a
quarter of the steps late.  Fewer than a hundred rows do not tell what wanders.

What the rule is worth: tests/benchmarks/results/defaults.md, "Linear models beside inputs".
"""

from functools import cache

import numpy as np

from .choices import (
    MOST_INPUTS,
    NEARLY,
    apart,
    columns_of,
    drifts,
    error_of,
    errors_of_lags,
    near_one,
    sample_of,
    thriftiest,
    unit_root,
)


ROOT = -2.9  # t of a unit root, below which a column does not wander
DOUBT = 0.15  # of errors, in logs, over sqrt(m)
LATE = 0.25  # of the steps
SHIFTS = 0, 1, 2  # lags of inputs
LEAST_ROWS = 100
MOST_JUDGED = 30  # wandering columns, of which more are used together or not at all


def used_inputs(U, X, index=None, *, counts, horizon=None, late=None):
    """Tell which columns of X are used, (F,) bool.

    U, X, counts, index, horizon : as for ``choose_lags``, lists.   late : columns that are not known ahead, (F,) bool.
    """
    used = np.array(
        [max(map(np.nanmax, of)) > min(map(np.nanmin, of)) for of in zip(*(E.T for E in X))], bool
    )
    if not 0 < used.sum() <= MOST_INPUTS or max(map(len, U)) < LEAST_ROWS:
        return used
    U, X = near_one(U), near_one([E[:, used] for E in X])
    sample = sample_of(U, X, index, horizon, counts)
    wanders = np.array([_wanders(sample, [E[:, k] for E in sample.inputs]) for k in range(used.sum())])
    if wanders.any():
        late = np.zeros(len(wanders), bool) if late is None else late[used]
        used[used] = _helpful(sample, wanders, _delayed(sample.inputs, late, int(LATE * sample.horizon) or 1))
    return used


def _wanders(sample, columns):
    """Tell whether an input, columns (N,) of one or several series, leaves its range or has a unit root."""
    roots = [unit_root(x, sample.seasons) for x in columns]
    return drifts(sample, columns) or np.mean(roots) > ROOT


def _delayed(inputs, late, steps):
    """Return inputs (N, F) of which the columns that are late come some steps later."""
    at = [np.maximum(np.arange(len(E)) - steps, 0) for E in inputs]
    return [np.where(late, E[rows], E) for E, rows in zip(inputs, at)]


def _helpful(sample, wanders, inputs):
    """Tell which columns of inputs are used, (F,) bool: all that do not wander, and others that do no harm."""
    alone = sample._replace(inputs=[E[:, :0] for E in inputs])
    lags = thriftiest(errors_of_lags(alone, (0,), ()), NEARLY)

    @cache
    def error(columns):
        seen = sample._replace(inputs=[E[:, list(columns)] for E in inputs])
        lagged = columns_of(seen, SHIFTS if columns else (0,))
        return np.log(np.clip(error_of(seen, lagged, lags, ()), 1e-100, 1e100))

    doubt, wandering = DOUBT / np.sqrt(apart(sample)), np.flatnonzero(wanders)
    none, kept = tuple(np.flatnonzero(~wanders)), tuple(range(len(wanders)))
    if len(wandering) <= MOST_JUDGED:
        for k in sorted(wandering, key=lambda k: -error((*none, k))):
            without = tuple(j for j in kept if j != k)
            kept = without if error(kept) - error(without) >= doubt else kept
    kept = none if error(kept) - error(none) >= doubt else kept
    return np.isin(np.arange(len(wanders)), kept)
