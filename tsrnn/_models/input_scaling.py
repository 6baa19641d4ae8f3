"""How the size of a reservoir's input weights is chosen: by readouts for stretches that are left out in turn.

    W(k)    solves the sums Z'Z, Z'Y of all stretches but those of fold k
    E(k)    squared errors of W(k) on fold k, from its own sums; of free runs, where y is fed back

The size with the least mean of log E, over folds and outputs, is taken.
"""

from dataclasses import replace

import numpy as np

from .._nets.echo_state import free_error
from .._nets.ridge import add_rows, likely_alpha, no_sums, squared_error
from .._series.timeline import last_known
from .._series.units import Series


LED = 100  # rows that lead to a state, at most
NEGLIGIBLE = 1e-10  # squared error, in units of the variance of y
STRETCHES, TRIED = 5, 5000  # left out in turn, and the rows of all of them, about


def best_drawing(learner, net, series, weights, mean, rng):
    """Return the drawing of a learner with the size of input weights that errs least on stretches left out in turn.

    A reservoir that is hardly driven is a linear filter, and one that is driven hard forgets. Evidence cannot tell
    which is better, since it counts how well states explain the training rows. Errors of stretches are averaged
    geometrically, or the hardest stretch would choose alone. A net that feeds itself is judged by free runs.
    """
    folds = _stretches(series, weights, bool(learner.output_lags))
    start, drawing, few = rng.get_state(), learner.drawing, learner.drawing.of_few()
    sized = few.of_each_size(rng)
    errors = [_error_left_out(replace(learner, drawing=d), net, folds, mean, rng) for d in sized]
    rng.set_state(start)
    best = sized[int(np.argmin(errors))]
    return best if few.sizes == drawing.sizes else replace(best, sizes=drawing.sizes, links=None)


def _error_left_out(learner, net, folds, mean, rng):
    """Average the logarithms of squared errors on each fold, a list of ``Series``, learnt from the others."""
    dynamics, p = learner.reservoir(net, [s for fold in folds for s in fold], mean, rng), learner.p
    sums, errors = [_sums_of(learner, dynamics, fold) for fold in folds], []
    total = sum(sums[1:], start=sums[0])
    if not np.isfinite(total.gram).all():
        return np.inf
    alpha = likely_alpha(list(total.normal()), p.readout_bias) if p.alpha in ("auto", 0) else p.alpha
    for fold, of_fold in zip(folds, (s.split(len(total.weight)) for s in sums)):
        others = total._replace(gram=total.gram - of_fold.gram, weight=total.weight - of_fold.weight)
        if min(*others.weight, *of_fold.weight) <= 0:
            continue
        theta = learner.solve(others, evidence=alpha)[1]
        if learner.output_lags:
            error, _ = free_error(dynamics.but(theta=theta), fold, [held(s.Y) for s in fold])
        else:
            W = theta.reshape(total.P, total.O)
            judged = (squared_error(n, W[:, n.outputs]) / n.weight for n in of_fold.normal())
            error = np.concatenate(list(judged))
        errors.append(np.log(error + NEGLIGIBLE).mean())
    return np.mean(errors) if errors else 0.0


def _sums_of(learner, dynamics, fold):
    """Sum over the rows of some series, each from rest."""
    sums = no_sums(dynamics.n_columns, dynamics.n_outputs)
    for s in fold:
        for t, V, S, _ in dynamics.blocks(s.X, held(s.Y), dynamics.first(), read=False):
            rows = slice(t, t + len(V))
            sums = add_rows(sums, learner.columns, V, S, s.Y[rows], np.flatnonzero(s.w[rows]), s.w[rows])
    return sums


def _stretches(series, weights, fed):
    """Take stretches from all over the series, about as many rows as are ``TRIED``; returns them by folds.

    Rows that lead to a state count nothing: as many as a stretch may have, before it; or, where y is fed back and soon
    tells the state, its own first tenth.
    """
    longest, pieces, cut = TRIED // STRETCHES, -(-STRETCHES // len(series)), []
    for s, w in zip(series, weights):
        for rows in np.array_split(np.arange(len(w)), pieces):
            if len(rows):
                end = rows[-1] + 1
                first = max(rows[0], end - longest)
                led = slice(first if fed else max(0, first - longest), end)
                counts = w[led].copy()
                counts[: min(LED, len(counts) // 10) if fed else first - led.start] = 0.0
                cut.append(Series(s.X[led], s.Y[led], counts, s.held[led]))
    cut = cut[:: max(1, sum(np.count_nonzero(s.w) for s in cut) // TRIED)]
    return [cut[k::STRETCHES] for k in range(STRETCHES)]


def held(Y):
    """Replace NaN in Y (N, O) by the last known value, or the mean."""
    return last_known(np.concatenate([np.zeros((1, Y.shape[1])), Y]), 1)[1:]
