"""Comparison of a fitted model with naive forecasts: a warning if its free runs are worse.

From origins k in the rows held back (of a model that never holds any back, in the last rows of training) and
s = 0 ... h - 1:

    model             u^(k + s), with u known before k
    persistence       u(k - 1)
    seasonal naive    u(k + s mod p - p), the last p rows repeated

A model that sees past y forecasts a season, the shortest that the index suggests, or a few steps; one that does not
runs over half of the rows held back.  Root mean squared errors are compared, in the units of y.  A model loses if it
errs a tenth more than the better of them, and by more than chance: by the spread over blocks of origins.  So it does
for one of several outputs, by so much more that none does by chance more often than one output would.

Dimensions: N rows, O outputs, n origins, h steps.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from .._series.lags import is_auto
from .._series.seasons import SHORTEST, calendar_periods, index_of
from .._series.timeline import last_known
from .._series.units import runs_of
from .._warn import WorseThanNaiveWarning, warn
from .following import cold_past, follow, runs
from .held_back import last_rows


SHARE = 0.15  # of the rows, the last ones, where none were held back; as validation_fraction by default
WARM = 100  # rows of warm-up before origins
MOST_ROWS, MOST_ORIGINS, MOST_PIECES = 2000, 240, 24  # compared: bound the cost beside that of a fit
STEPS, LONG_STEPS = 32, 200  # of runs without a season; of a model that does not see y
BLOCKS, FEWEST = 8, 3  # of origins, for the standard error of the comparison; fewer than 3 have none
WORSE, SURE = 1.1, 1.5  # times the error of the naive forecast, and standard errors
OF_THE_MIDDLE = {  # losses of models that forecast the middle of y, in words of this package or of scikit-learn
    "squared",
    "squared_error",
    "squared_epsilon_insensitive",
    "absolute",
    "absolute_error",
    "epsilon_insensitive",
    "huber",
}
CURES = {"output_lags": "lags of the season", "target_transform": "differences that keep the level"}


class Duel(NamedTuple):
    """Mean squared errors over steps, of one piece: the model's (n, O) and {period: naive ones (n, O)}."""

    model: np.ndarray
    naive: dict


class Verdict(NamedTuple):
    """RMSE of a model and of the best naive forecast, in the units of y: geometric means over n pieces and outputs.

    ratio : of the two.   blocks : (B,), its logarithm in blocks of origins.
    """

    model: float
    naive: float
    period: int
    ratio: float
    blocks: np.ndarray
    n: int


class TrainingRows(NamedTuple):
    """Rows of training: filled (N, D), U (N, O), held (N,) bool.   parts : series.   pieces : slices without a gap.

    silent : (N,) bool, rows of weight 0, which are history alone, and whose y judges no forecast.
    """

    parts: list
    pieces: list
    filled: np.ndarray
    U: np.ndarray
    held: np.ndarray
    silent: np.ndarray


def warn_if_worse(estimator, learner, maker, rows):
    """Warn if the model of a ``Maker`` loses to naive forecasts on some ``TrainingRows``."""
    inside = getattr(estimator, "estimator", estimator)
    loss = getattr(inside, "loss", "squared")
    forecasts_middle = (loss if isinstance(loss, str) else type(loss).__name__.lower()) in OF_THE_MIDDLE
    by_choice = hasattr(inside, "early_stopping") and not rows.held.any()
    if by_choice or not forecasts_middle or not maker.dynamics.goes_on:
        return
    nearest = int(min(getattr(learner, "output_lags", ()), default=1))
    periods, stretches = _periods(rows), stretches_of(rows)
    longest = max((len(run) for run, _ in stretches), default=0)
    few = longest // 2 if len(stretches) >= FEWEST else STEPS  # of many series short runs are evidence enough
    steps = max(nearest, 1, min([p for p in periods if p > 1], default=min(STEPS, few)))
    comparison = Comparison(nearest, max(nearest, min(steps, LONG_STEPS, maker.dynamics.furthest)), periods)
    duels = [_duel(maker, rows, run, start, comparison) for run, start in stretches]
    duels = [duel for duel in duels if duel is not None]
    of_all, lost = _verdict(duels, comparison), _lost(duels, comparison, rows.U.shape[1])
    some = max(lost, key=lambda o: lost[o].ratio) if 0 < len(lost) < rows.U.shape[1] else None
    if some is not None or (of_all is not None and _loses(of_all, SURE)):
        names = estimator.fitted_.form.y_names
        name = None if some is None else names[some] if np.iterable(names) else some
        verdict = of_all if some is None else lost[some]
        _warn(inside, type(estimator).__name__, verdict, rows.held.any(), name, len(lost) - 1)


def warn_if_told(estimator, dynamics, table):
    """Warn where a model sees, in the row of a ``Table`` that it answers, inputs that are y."""
    if dynamics.is_ahead is None and dynamics.input_lag > 0:
        return
    copies = {j for y in table.y.T for j in _copies(table.X, y)}
    names = getattr(estimator, "feature_names_in_", range(estimator.n_features_in_))
    told = [
        repr(name)
        for j, name in enumerate(names)
        if j in copies and (dynamics.is_ahead is None or dynamics.is_ahead[j])
    ]
    if told:
        columns, them = (
            (f"Column {told[0]}", "it") if len(told) == 1 else (f"Columns {', '.join(told)}", "them")
        )
        cure = "begin input_lags at 1" if dynamics.is_ahead is None else f"leave {them} out of known_ahead"
        warn(
            f"{columns} of X: y itself, in the very row to be forecast, so that errors will look too good to be true. "
            f"Leave {them} out of X (output_lags already show the model past y), or {cure}."
        )


def _copies(X, y):
    """List the columns of X (N, D) that equal y (N,) in single precision wherever it is known and not constant."""
    known = np.flatnonzero(~np.isnan(y))
    y, few = y[known], known[:2]  # few tell most columns
    if _equal(y, y[0]).all():
        return []
    candidates = np.flatnonzero(_equal(X[few], y[:2, None]).all(axis=0))
    return [j for j in candidates if _equal(X[known, j], y).all()]


def _equal(a, b):
    """Tell where numbers are the same in single precision, whatever their size."""
    with np.errstate(over="ignore"):
        return np.abs(a - b) <= np.finfo(np.float32).eps * np.abs(b)


class Comparison(NamedTuple):
    """Settings of a comparison: steps ``nearest`` ... ``steps`` of runs, periods of naive forecasts.

    nearest : the first step to compare, more than 1 for a direct forecaster.
    """

    nearest: int
    steps: int
    periods: list


def _periods(rows):
    """List periods in rows, ascending: 1, and the seasons of the index that fit twice into the longest piece."""
    longest = max(rows.pieces, key=lambda p: p.stop - p.start)
    stamps = next(part.stamps for part in rows.parts if part.rows.stop > longest.start)
    seasons = [round(p) for p in calendar_periods(index_of(stamps)).values()]
    most = (longest.stop - longest.start) // 2
    return [1, *sorted({p for p in seasons if SHORTEST <= p <= most})]


def stretches_of(rows):
    """Choose rows (M,) to compare on, without a gap; with each the first row of its piece."""
    stretches = []
    for p in rows.pieces[:: -(-len(rows.pieces) // MOST_PIECES)]:
        if rows.held.any():
            of_piece = [p.start + run for run in runs_of(np.flatnonzero(rows.held[p])) if len(run)]
        else:
            of_piece = [last_rows(~rows.silent[p], lambda n: int(SHARE * n)) + p.start]
        stretches += [(run, p.start) for run in of_piece if len(run)]
    most = MOST_ROWS // max(1, len(stretches))
    return [(run[-most:], start) for run, start in stretches]


def _duel(maker, rows, run, start, comparison):
    """Compare on rows ``run`` (M,) of a piece that begins at row ``start``; None where they are too few."""
    (dynamics, units), steps = maker, comparison.steps
    if not dynamics.sees_y:
        steps = max(steps, min(len(run) // 2, LONG_STEPS))
    unknown = units.looks_back + dynamics.lead
    first = max(start, run[0] - WARM - unknown)
    origins = np.arange(max(run[0], first + unknown, start + 1), run[-1] + 2 - steps)
    if len(origins) < 2:
        return None
    origins = origins[np.unique(np.linspace(0, len(origins) - 1, MOST_ORIGINS).astype(int))]
    window = slice(first, run[-1] + 1)
    inputs, past = units.scaled(rows.filled[window]), cold_past(dynamics, units)
    followed = follow(dynamics, units, inputs, rows.U[window], past)
    forecasts = [out for _, out in runs(dynamics, units, inputs, followed, past, origins - first, steps)]
    forecasts = np.concatenate(forecasts, axis=1).swapaxes(0, 1)[:, comparison.nearest - 1 :]  # (n, h, O)
    ahead = np.arange(comparison.nearest - 1, steps)
    key = next(part.key for part in rows.parts if part.rows.start <= start < part.rows.stop)
    inverse = partial(units.inverse, key=key)
    truth = inverse(np.where(rows.silent[:, None], np.nan, rows.U)[origins[:, None] + ahead])
    levels, naive = rows.U[start : run[-1] + 1], {}
    for p in comparison.periods:
        gap = dynamics.gap
        if origins[0] - start >= p + gap:
            back = last_known(levels, p)[origins[:, None] - start - gap - p + (ahead + gap) % p]
            naive[p] = _mean_squares(inverse(back) - truth)
    return Duel(_mean_squares(inverse(forecasts) - truth), naive)


def _mean_squares(errors):
    """Average squared errors (n, h, O) over valid steps; NaN where there is none."""
    with np.errstate(over="ignore"):  # of y near the largest number there is nothing to say
        squares = errors**2
        valid = np.isfinite(squares)
        total = np.where(valid, squares, 0.0).sum(axis=1)
    return np.divide(total, valid.sum(axis=1), out=np.full(total.shape, np.nan), where=valid.any(axis=1))


def _lost(duels, comparison, n_outputs):
    """Return the ``Verdict`` of each of several outputs for which the model loses, {o: verdict}."""
    if n_outputs < 2:
        return {}
    sure = -ndtri(ndtr(-SURE) / n_outputs)
    verdicts = [_verdict([_of_output(duel, o) for duel in duels], comparison) for o in range(n_outputs)]
    return {o: v for o, v in enumerate(verdicts) if v is not None and _loses(v, sure)}


def _of_output(duel, o):
    """Return the ``Duel`` of one output."""
    return Duel(duel.model[:, [o]], {p: naive[:, [o]] for p, naive in duel.naive.items()})


def _verdict(duels, comparison):
    """Compare with the best naive forecast that most pieces have; None where there is none."""
    best = None
    for p in comparison.periods:
        pairs = [
            (errors, naive_errors)
            for duel in duels
            if p in duel.naive
            for errors, naive_errors in zip(duel.model.T, duel.naive[p].T)
        ]
        pairs = [(m[k], n[k]) for m, n in pairs if (k := np.isfinite(m) & np.isfinite(n)).sum() > 1]
        pairs = [(m, n) for m, n in pairs if n.mean() > 0]
        if not pairs or len(pairs) < len(duels) / 2:
            continue
        logs = np.array([np.log(max(m.mean(), 1e-300) / n.mean()) / 2 for m, n in pairs])
        if best is None or logs.mean() > np.log(best.ratio):
            naive = float(np.exp(np.mean([np.log(n.mean()) / 2 for _, n in pairs])))
            ratio = float(np.exp(logs.mean()))
            best = Verdict(ratio * naive, naive, p, ratio, _in_blocks(pairs), len(pairs))
    return best


def _in_blocks(pairs):
    """Compute the logarithms (B,) of error ratios in blocks of origins; one block a piece where there are many."""
    n = max(1, BLOCKS // len(pairs))
    ratios = []
    for m, naive in pairs:
        for a, b in zip(np.array_split(m, n), np.array_split(naive, n)):
            if len(a) and b.mean() > 0:
                ratios.append(np.log(max(a.mean(), 1e-300) / b.mean()) / 2)
    return np.array(ratios)


def _loses(verdict, sure):
    """Return whether the model is worse by more than chance, by so many standard errors."""
    b = verdict.blocks
    if not np.isfinite(verdict.ratio):
        return True
    return verdict.ratio > WORSE and len(b) >= FEWEST and b.mean() > sure * b.std(ddof=1) / np.sqrt(len(b))


def _warn(model, name, verdict, held, output, n_others):
    """Warn that a model, inside an estimator of that name, is worse than the naive forecast of a ``Verdict``.

    output : for which it is, or None for all.   n_others : of others for which it is, too.
    """
    seasonal = f"the seasonal naive forecast (the last {verdict.period} rows)"
    rival = "persistence" if verdict.period == 1 else seasonal
    which = "" if output is None else f" for output {output!r}" + f" and {n_others} more" * (n_others > 0)
    mean = f" (geometric means over {verdict.n} stretches and outputs)" * (verdict.n > 1)
    open_ = [
        f"{word}='auto' ({gives})"
        for word, gives in CURES.items()
        if not is_auto(getattr(model, word, "auto"))
    ]
    cures = f"Give {' or '.join(open_)}, add" if open_ else "Add"
    warn(
        f"{name} is worse than {rival}{which}: the root mean squared error of its free runs on the "
        f"{'rows held back' if held else 'last rows of training'} is {verdict.model:.4g}, that of the naive forecast "
        f"{verdict.naive:.4g}{mean}. {cures} inputs that y depends on, or use the naive model.",
        WorseThanNaiveWarning,
    )
