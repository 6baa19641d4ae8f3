"""Whether a fitted model is of any use: its free runs beside what anybody could have said.

From origins k in the rows held back (of a model that never holds any back, in the last rows of training) and
s = 0 ... h - 1:

    model             u^(k + s), with u known before k
    persistence       u(k - 1)
    seasonal naive    u(k + s mod p - p), the last p rows repeated

A model that sees past y forecasts a season, the shortest that the index suggests, or a few steps; one that does not
runs over half of what was held back.  Errors are compared in the units of y: root mean squares, or mean absolute
ones where not the mean is learnt.  A model loses if it errs a tenth more than the better of them, and by more than
chance: by the spread over blocks of origins.

Dimensions: N rows, O outputs, n origins, h steps.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from .._series.seasons import calendar_periods, index_of
from .._series.timeline import last_known
from .._series.units import runs_of
from .._warn import WorseThanNaiveWarning, warn
from .following import cold_past, follow, runs


SHARE = 0.15  # of the rows, the last ones, that are looked at where none were held back
WARM = 100  # rows that are followed before origins
MOST_ROWS, MOST_ORIGINS, MOST_PIECES = 2000, 240, 24  # that are looked at
STEPS, LONG_STEPS = 32, 200  # of runs without a season; of a model that does not see y
BLOCKS, FEWEST = 8, 3  # of origins, over which the loss must show
SHORTEST = 4  # rows of a season: the hour of half-hourly rows is none
WORSE, SURE = 1.1, 1.5  # times the error of the naive forecast, and standard errors
POWERS = {"squared": 2, "absolute": 1, "huber": 1}  # of errors, by the loss


class Duel(NamedTuple):
    """Errors to a power, mean over steps, of one piece: the model's (n, O) and {period: naive ones (n, O)}."""

    model: np.ndarray
    naive: dict


class Verdict(NamedTuple):
    """Errors of a model and of the best naive forecast, of a period, in the units of y; their ratio; of how many.

    ratio : geometric mean over pieces and outputs.   blocks : (B,), its logarithm in blocks of origins.
    """

    model: float
    naive: float
    period: int
    ratio: float
    blocks: np.ndarray
    n: int


class Rows(NamedTuple):
    """Rows of training: filled (N, D), U (N, O), held (N,) bool.   parts : series.   pieces : slices without a gap."""

    parts: list
    pieces: list
    filled: np.ndarray
    U: np.ndarray
    held: np.ndarray


def warn_if_worse(estimator, learner, maker, rows):
    """Warn if the model of a ``Maker`` loses to naive forecasts on some ``Rows``."""
    power = _power(estimator, maker.units)
    by_choice = hasattr(getattr(estimator, "estimator", estimator), "early_stopping") and not rows.held.any()
    if power is None or by_choice or not maker.dynamics.goes_on:
        return
    nearest = int(min(getattr(learner, "output_lags", ()), default=1))
    periods, stretches = _periods(rows), _stretches(rows)
    longest = max((len(run) for run, _ in stretches), default=0)
    few = longest // 2 if len(stretches) >= FEWEST else STEPS  # many short series tell enough by short runs
    steps = max(nearest, 1, min([p for p in periods if p > 1], default=min(STEPS, few)))
    ask = Ask(nearest, max(nearest, min(steps, LONG_STEPS, maker.dynamics.furthest)), periods, power)
    duels = [_duel(maker, rows, run, start, ask) for run, start in stretches]
    verdict = _verdict([duel for duel in duels if duel is not None], ask)
    if verdict is not None and _loses(verdict):
        _say(estimator, verdict, rows.held.any(), power)


class Ask(NamedTuple):
    """What is compared: the steps ``nearest`` ... ``steps`` of runs, of naive forecasts with periods, errors ** power.

    nearest : the first step at which a model sees all that is known: more than 1 for a direct forecaster.
    """

    nearest: int
    steps: int
    periods: list
    power: int


def _power(estimator, units):
    """2 where the mean is learnt, 1 for the median, None for other things."""
    loss = getattr(getattr(estimator, "estimator", estimator), "loss", "squared")
    power = POWERS.get(loss if isinstance(loss, str) else type(loss).__name__.lower())
    return 1 if power and units.target.pointwise else power


def _periods(rows):
    """Periods in rows, ascending: 1 and the seasons that the index suggests, as far as they were seen twice."""
    longest = max(rows.pieces, key=lambda p: p.stop - p.start)
    stamps = next(part.stamps for part in rows.parts if part.rows.stop > longest.start)
    seasons = [round(p) for p in calendar_periods(index_of(stamps)).values()]
    most = (longest.stop - longest.start) // 2
    return [1, *sorted({p for p in seasons if SHORTEST <= p <= most})]


def _stretches(rows):
    """Rows (M,) to look at, without a gap, and the first row of their piece."""
    found = []
    for p in rows.pieces[:: -(-len(rows.pieces) // MOST_PIECES)]:
        if rows.held.any():
            parts = [p.start + run for run in runs_of(np.flatnonzero(rows.held[p])) if len(run)]
        else:
            parts = [np.arange(p.stop - int(SHARE * (p.stop - p.start)), p.stop)]
        found += [(run, p.start) for run in parts if len(run)]
    most = MOST_ROWS // max(1, len(found))
    return [(run[-most:], start) for run, start in found]


def _duel(maker, rows, run, start, ask):
    """The ``Duel`` over rows ``run`` (M,) of a piece that begins at row ``start``; None where they are too few."""
    (dynamics, units), steps = maker, ask.steps
    if not dynamics.sees_y:
        steps = max(steps, min(len(run) // 2, LONG_STEPS))
    unknown = units.looks_back + dynamics.lead
    first = max(start, run[0] - WARM - unknown)
    origins = np.arange(max(run[0], first + unknown, start + 1), run[-1] + 2 - steps)
    if len(origins) < 2:
        return None
    origins = origins[np.unique(np.linspace(0, len(origins) - 1, MOST_ORIGINS).astype(int))]
    here = slice(first, run[-1] + 1)
    inputs, past = units.scaled(rows.filled[here]), cold_past(dynamics, units)
    followed = follow(dynamics, units, inputs, rows.U[here], past)
    made = [out for _, out in runs(dynamics, units, inputs, followed, past, origins - first, steps)]
    made = np.concatenate(made, axis=1).swapaxes(0, 1)[:, ask.nearest - 1 :]  # (n, h, O)
    ahead = np.arange(ask.nearest - 1, steps)
    key = next(part.key for part in rows.parts if part.rows.start <= start < part.rows.stop)
    inverse = partial(units.inverse, key=key)
    truth = inverse(rows.U[origins[:, None] + ahead])
    levels, naive = rows.U[start : run[-1] + 1], {}
    for p in ask.periods:
        if origins[0] - start >= p:
            back = last_known(levels, p)[origins[:, None] - start - p + ahead % p]
            naive[p] = _mean(np.abs(inverse(back) - truth) ** ask.power)
    return Duel(_mean(np.abs(inverse(made) - truth) ** ask.power), naive)


def _mean(errors):
    """Mean over known steps of errors (n, h, O), NaN where none is."""
    known = np.isfinite(errors)
    total = np.where(known, errors, 0.0).sum(axis=1)
    return np.divide(total, known.sum(axis=1), out=np.full(total.shape, np.nan), where=known.any(axis=1))


def _verdict(duels, ask):
    """The ``Verdict`` beside the best naive forecast that all pieces have, or None where nothing can be said."""
    best, power = None, ask.power
    for p in ask.periods:
        pairs = [
            (one, other)
            for duel in duels
            if p in duel.naive
            for one, other in zip(duel.model.T, duel.naive[p].T)
        ]
        pairs = [(m[k], n[k]) for m, n in pairs if (k := np.isfinite(m) & np.isfinite(n)).sum() > 1]
        pairs = [(m, n) for m, n in pairs if n.mean() > 0]
        if not pairs or len(pairs) < len(duels) / 2:
            continue
        logs = np.array([np.log(max(m.mean(), 1e-300) / n.mean()) / power for m, n in pairs])
        naive = float(np.mean([n.mean() for _, n in pairs]) ** (1 / power))
        if best is None or logs.mean() > np.log(best.ratio):
            model = float(np.mean([m.mean() for m, _ in pairs]) ** (1 / power))
            best = Verdict(model, naive, p, float(np.exp(logs.mean())), _in_blocks(pairs, power), len(pairs))
    return best


def _in_blocks(pairs, power):
    """Logarithms (B,) of ratios in blocks of origins; one block a piece where there are many."""
    n = max(1, BLOCKS // len(pairs))
    found = []
    for m, other in pairs:
        for a, b in zip(np.array_split(m, n), np.array_split(other, n)):
            if len(a) and b.mean() > 0:
                found.append(np.log(max(a.mean(), 1e-300) / b.mean()) / power)
    return np.array(found)


def _loses(verdict):
    """Whether the model is clearly worse."""
    b = verdict.blocks
    if not np.isfinite(verdict.ratio):
        return True
    return verdict.ratio > WORSE and len(b) >= FEWEST and b.mean() > SURE * b.std(ddof=1) / np.sqrt(len(b))


def _say(estimator, verdict, held, power):
    """Warn."""
    rival = (
        "persistence"
        if verdict.period == 1
        else f"the seasonal naive forecast (the last {verdict.period} rows)"
    )
    error = "root mean squared" if power == 2 else "mean absolute"
    mean = f", {verdict.ratio:.3g} times as much in the mean over {verdict.n} series and outputs" * (
        verdict.n > 1
    )
    cure = [
        f"{name}='auto'"
        for name in ("output_lags", "target_transform")
        if hasattr(getattr(estimator, "estimator", estimator), name)
    ]
    found = f"{' or '.join(cure)} (lags of the season, differences that keep the level), " if cure else ""
    warn(
        f"{type(estimator).__name__} is worse than {rival}: the {error} error of its free runs on the "
        f"{'rows held back' if held else 'last rows of training'} is {verdict.model:.4g}, that of the naive forecast "
        f"{verdict.naive:.4g}{mean}. Give {found}more of what y depends on, or take the naive model.",
        WorseThanNaiveWarning,
    )
