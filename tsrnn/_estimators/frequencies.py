"""Comparison of a classifier of rows with the frequencies of its labels: a warning if its free runs say less.

    log loss = -mean log p(label)       over the rows held back; the frequencies are those of the other rows

A free run begins before each held stretch, whose labels the model does not see; one that sees labels is told those
before it.  It loses if its log loss is a quarter more than that of the frequencies, and by more than chance: by the
spread over blocks of rows.

Dimensions: N rows, O outputs.
"""

import numpy as np
from scipy.special import xlogy

from .._warn import WorseThanNaiveWarning, warn
from .compared import WARM, stretches_of
from .following import cold_past, follow
from .learning import as_levels


# blocks of rows, times the log loss of the frequencies, and standard errors
BLOCKS, WORSE, SURE = 8, 1.25, 2.0
LEAST = 1e-9  # probability that is counted


def warn_if_less_than_frequencies(estimator, maker, rows):
    """Warn if the model of a ``Maker`` says less of labels of some ``TrainingRows`` than their frequencies do.

    Where y is all there is to see nothing is said: a free run then leads away from the labels that come.
    """
    if not (rows.held.any() and maker.dynamics.goes_on and rows.filled.shape[1]):
        return
    usual = _frequencies(rows.U[~(rows.held | rows.silent)], maker.units.n_outputs)
    losses = [
        _losses(maker, rows, usual, run, start)
        for run, start in stretches_of(rows)
        if run[0] > start or not maker.dynamics.sees_y
    ]
    losses = np.concatenate(losses or [np.empty((0, 2))])
    if len(losses) < BLOCKS:
        return
    of_model, of_usual = losses.mean(axis=0)
    more = np.array([block.mean() for block in np.array_split(losses[:, 0] - losses[:, 1], BLOCKS)])
    if of_model > WORSE * of_usual and more.mean() > SURE * more.std(ddof=1) / np.sqrt(BLOCKS):
        _warn(type(estimator).__name__, of_model, of_usual, maker.dynamics.sees_y)


def _frequencies(U, O):
    """Return the frequencies (O,) of labels U (N, O), or codes (N, 1)."""
    U = U[np.isfinite(U).all(axis=1)]
    if U.shape[1] == O:
        return U.mean(axis=0)
    return np.bincount(U[:, 0].astype(int), minlength=O) / len(U)


def _losses(maker, rows, usual, run, start):
    """Return the losses (n, 2) of the model and of frequencies (O,) in rows ``run`` of a piece, whose labels are known.

    start : the first row of the piece.
    """
    dynamics, units = maker
    first = max(start, run[0] - WARM - units.looks_back - dynamics.lead)
    window, held = slice(first, run[-1] + 1), slice(run[0] - first, None)
    known = as_levels(rows.U[window], units.n_outputs).copy()
    Y = known[held].copy()
    known[held] = np.nan
    inputs, past = units.scaled(rows.filled[window]), cold_past(dynamics, units)
    P = follow(dynamics, units, inputs, known, past).out[held]
    counts = np.isfinite(Y).all(axis=1) & np.isfinite(P).all(axis=1) & ~rows.silent[run[0] : run[-1] + 1]
    one_of_many = units.y.word == "softmax"
    losses = [_cross_entropy(p, Y[counts], one_of_many) for p in (P[counts], usual)]
    return np.stack(losses, axis=1)


def _cross_entropy(P, Y, one_of_many):
    """Return the losses (N,) of probabilities P, (N, O) or (O,), of targets Y (N, O)."""
    P = np.clip(P, LEAST, 1 - LEAST)
    loss = -xlogy(Y, P).sum(axis=1)
    return loss if one_of_many else loss - xlogy(1 - Y, 1 - P).sum(axis=1)


def _warn(name, of_model, of_usual, sees_y):
    """Warn of a model, of that name, with a log loss beside that of the frequencies."""
    copies = (
        "It sees its own labels, and where these last it copies its own errors: give output_lags=0, or, where labels "
        "become known, predict_ahead"
    )
    little = "Give it more rows, inputs that the labels depend on, or a larger alpha"
    warn(
        f"{name} says less of the labels than their frequencies do: on the rows held back the log loss of its free "
        f"runs is {of_model:.4g}, that of the frequencies {of_usual:.4g}. {copies if sees_y else little}.",
        WorseThanNaiveWarning,
    )
