"""Forecast intervals from a model's errors on rows that it was not trained on.

Errors are of levels (see ``targets.py``), so that with ``target_transform="log"`` they are relative ones. How large
they are depends on the forecast: a solar plant errs at noon and not at night. So an interval around a forecast p
comes from those errors whose forecasts were nearest to p:

conformal    at each horizon step the errors of all forecasts made as many steps ahead, give or take one [1]_ [2]_
bootstrap    errors of one step, drawn at random, added to the output and fed back: paths that the series may take

Rows where ``target_bounds`` leave one value, such as nights, have no errors: forecasts of dawn, as small, do err.

References
----------
.. [1] V. Vovk, A. Gammerman, G. Shafer. "Algorithmic Learning in a Random World." Springer, 2005.
.. [2] J. Lei et al. "Distribution-free predictive inference for regression." JASA 113(523), 2018.
"""

from numbers import Integral, Real
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from sklearn.base import clone

from .._check import check_number
from .._series.timeline import tells, to_index
from .._warn import warn
from .following import MOST_NUMBERS, pieces


MOST_ROWS = 10_000  # kept for calibration
MOST_RUNS = 4000  # forecasts of several steps, from which errors are taken
TURNS, LEAST_STRETCH = (
    4,
    200,
)  # stretches that a copy for calibration leaves out, at most, and their rows, at least
STRETCH = 1000  # rows, of very many, that are kept together
WARM = 100  # rows that are followed before errors count
FEW, LEAST = 3, 20  # errors without which there is no interval, and no good one
NEAR = 200, 0.1  # how many errors count as near: at least so many, at least this share
BESIDE = 1  # steps before and after, whose errors count too where there are more than enough
PLACES = 50  # forecasts at which quantiles are found; the nearest serves
HELD = 0.15  # share of the rows, the last ones, that errors are taken from where none were held back
BY_HEART = 0.25  # weights for each value, beyond which errors on the same rows are much too small
PATHS = 500  # that a series may take
# What is remembered of an estimator lies outside it, for forecast must not change it.
_errors_found = WeakKeyDictionary()  # estimator -> its segments, its weights, and errors by kind


class Segment(NamedTuple):
    """Rows to take errors from: X (N, F) without NaN, levels U (N, O), the first ``skip`` of them to warm up.

    model : that makes the forecasts; None for the one that holds the segment.
    """

    model: Any
    X: np.ndarray
    U: np.ndarray
    skip: int


def check_levels(level):
    """Coverages in per cent, ascending, from a number or several."""
    levels = [level] if np.ndim(level) == 0 else list(level)
    if not levels or not all(isinstance(p, Real) and not isinstance(p, bool) and 0 < p < 100 for p in levels):
        raise ValueError(f"level={level!r}: give coverages in per cent, between 0 and 100, such as [80, 95].")
    if min(levels) < 1:
        raise ValueError(
            f"level={level!r} is below 1 per cent: give {100 * min(levels):g} for {min(levels):g}."
        )
    return sorted(set(levels))


def check_method(method):
    """The name of a method."""
    if not isinstance(method, str) or method not in ("conformal", "bootstrap"):
        raise ValueError(f"method={method!r} is unknown: give 'conformal' or 'bootstrap'.")
    return method


def forecast_errors(model, segments, steps):
    """Forecasts and errors (n, steps, O), in levels, from origins over all segments; errors are NaN where y is."""
    ready = [s for s in segments if len(s.U) - s.skip >= steps]
    n = [len(s.U) - s.skip - steps + 1 for s in ready]
    if not ready:
        return np.empty((2, 0, steps, model.n_outputs_))
    ends = np.cumsum(n)
    some = np.sort(
        np.random.default_rng(0).permutation(ends[-1])[:MOST_RUNS]
    )  # every 24th would know one hour
    forecasts, errors = [], []
    for s, begin, mine in zip(ready, ends - n, np.split(some, np.searchsorted(some, ends[:-1]))):
        if len(mine) == 0:
            continue
        maker = s.model or model
        first = s.skip + mine - begin
        past = maker._cold_past()
        followed = maker._follow(s.X, s.U, past)
        rows = first[:, None] + np.arange(steps)
        runs = maker._runs(s.X, followed, past, first, steps)
        made = np.concatenate([out.transpose(1, 0, 2) for _, out in runs])
        forecasts.append(made)
        errors.append(np.where(_pinned(maker, s), np.nan, s.U)[rows] - made)
    return np.concatenate(forecasts), np.concatenate(errors)


def residuals(model, segments):
    """Outputs and errors of one step (n, O), in the model's units, of all rows where all of y was measured."""
    outputs, errors = [], []
    for s in segments:
        maker = s.model or model
        past = maker._cold_past()
        followed = maker._follow(s.X, s.U, past)
        counts = (np.isfinite(s.U) & ~_pinned(maker, s)).all(axis=1) & (np.arange(len(s.U)) >= s.skip)
        outputs.append(followed.z[counts])
        errors.append((followed.Z - followed.z)[counts])
    return [np.concatenate(v) if v else np.empty((0, model.n_outputs_)) for v in (outputs, errors)]


def _pinned(maker, segment):
    """Where bounds leave one value, (N, O) or one for all."""
    limits = maker._limits(segment.X)
    return False if limits is None else limits[0] >= limits[1]


def _needed(level):
    """Errors whose extremes are the ends of an interval of this level, in per cent."""
    return int(np.ceil(200 / (100 - level))) - 1


def _near(n, level):
    """How many of n errors count as near, for levels up to this one."""
    return min(n, max(NEAR[0], round(NEAR[1] * n), _needed(level)))


class Pool(NamedTuple):
    """Errors of one step and output, by their forecasts, at some places.

    between : (places - 1,), where the next place is nearer.   errors : (places, k), sorted.
    """

    between: np.ndarray
    errors: np.ndarray


def pools(forecasts, errors, level):
    """A ``Pool`` for each step and output, [h][o], of forecasts and errors (n, steps, O), for levels up to this one."""
    _, steps, O = errors.shape
    check_enough(int(np.isfinite(errors).sum(axis=0).min()), f"forecasts of {steps} steps", level)
    return [[_pool(forecasts[..., o], errors[..., o], h, level) for o in range(O)] for h in range(steps)]


def _pool(forecasts, errors, h, level):
    """The ``Pool`` of step h, of forecasts and errors (n, steps): fans are smoother with the steps on either side."""
    many = np.isfinite(errors[:, h]).sum() > NEAR[0]
    beside = min(BESIDE, h, errors.shape[1] - 1 - h) if many else 0
    forecasts, errors = (v[:, h - beside : h + beside + 1].ravel() for v in (forecasts, errors))
    counts = np.isfinite(errors)
    order = np.argsort(forecasts[counts], kind="stable")
    forecasts, errors = forecasts[counts][order], errors[counts][order]
    n, k = len(errors), _near(len(errors), level)
    starts = np.unique(np.linspace(0, n - k, PLACES).astype(int))
    centers = forecasts[starts + k // 2]
    return Pool((centers[1:] + centers[:-1]) / 2, np.sort(errors[starts[:, None] + np.arange(k)], axis=1))


def conformal(made, pools, levels):
    """{level: (low, high)}, each like ``made`` (M, steps, O), which they hold."""
    bands = {p: (np.empty_like(made), np.empty_like(made)) for p in levels}
    for h, outputs in enumerate(pools):
        for o, (between, errors) in enumerate(outputs):
            place, k = np.searchsorted(between, made[:, h, o]), errors.shape[1]
            for p, (low, high) in bands.items():
                tail = (100 - p) * (k + 1) / 200  # of k + 1 errors, the new one among them
                below, above = max(0, int(np.floor(tail)) - 1), min(k - 1, int(np.ceil(k + 1 - tail)) - 1)
                low[:, h, o] = made[:, h, o] + np.minimum(errors[place, below], 0)
                high[:, h, o] = made[:, h, o] + np.maximum(errors[place, above], 0)
    return bands


def check_enough(n, what, level):
    """Intervals from a few errors are rough, from hardly any there are none."""
    message = f"level: {n} {what} with a measured y were kept for calibration"
    if n < FEW:
        raise ValueError(
            f"{message}, at least {FEW} are needed: call calibrate(X, y) with more rows, or forecast fewer steps."
        )
    wanted = max(LEAST, _needed(level))
    if n < wanted:
        warn(
            f"{message}, but {level:g} % wants {wanted}: intervals are rough. Call calibrate(X, y) with more rows.",
        )


def drawer(outputs, errors, rng, level):
    """A callable(z (m, O)) -> errors (m, O) to add: of rows whose outputs (mean over O) were near."""
    check_enough(len(errors), "rows", level)
    order = np.argsort(outputs.mean(axis=1), kind="stable")
    key, errors = outputs.mean(axis=1)[order], errors[order]
    n, k = len(key), _near(len(key), level)

    def draw(z):
        center = np.searchsorted(key, z.mean(axis=1))
        first = np.clip(center - k // 2, 0, n - k)
        return errors[first + rng.integers(k, size=len(z))]

    return draw


def path_bands(paths, made, levels):
    """{level: (low, high)}, like ``made`` (...), which they hold, of sample paths (n_paths, ...)."""
    ends = {p: np.quantile(paths, [(1 - p / 100) / 2, (1 + p / 100) / 2], axis=0) for p in levels}
    return {p: (np.minimum(low, made), np.maximum(high, made)) for p, (low, high) in ends.items()}


# ---------------------------------------------------------------------------------------- of a model


class Calibrating:
    """Where a model's intervals come from; a part of ``SequenceRegressor``."""

    def _held_segments(self, cuts, filled, U, held):
        """The held rows of each piece, or else its last share, with some before them to warm up."""
        sizes = [
            int(held[p].sum()) if held.any() else max(1, int(HELD * (p.stop - p.start))) for _, p in cuts
        ]
        most = max(1, MOST_ROWS // max(1, np.count_nonzero(sizes)))
        ends = [np.arange(p.stop - min(n, most), p.stop) for n, (_, p) in zip(sizes, cuts) if n]
        begins = [p.start for n, (_, p) in zip(sizes, cuts) if n]
        return [s for rows, begin in zip(ends, begins) for s in self._segment(None, filled, U, rows, begin)]

    def _segment(self, maker, filled, U, rows, begin):
        """Consecutive rows, and some before them, from ``begin`` on, to warm up, as a list of at most one segment."""
        unknown = len(self._target.coef)  # what a change is, is not known in the first rows
        warm = WARM + self.lead_ + unknown
        first, end = max(begin, rows[0] - warm), rows[-1] + 1
        skip = max(rows[0] - first, min(warm, (end - first) // 2), unknown)
        here = slice(first, end)
        if len(U[here]) <= skip:
            return []
        return [Segment(maker, filled[here].copy(), U[here].copy(), skip)]

    def _segments_of(self, maker, table, U, rows):
        """Rows (M,) of a table as segments; of very many, stretches from everywhere."""
        filled, stretches = np.empty((len(U), self._n_filled())), []
        for part in table.parts:
            filled[part.rows], _ = self._fill(table.X[part.rows], self._means)
            for p in pieces(part.stamps, part.rows):
                mine = rows[(rows >= p.start) & (rows < p.stop)]
                for run in np.split(mine, np.flatnonzero(np.diff(mine) > 1) + 1):
                    cuts = range(STRETCH, len(run), STRETCH)
                    stretches += [(stretch, p.start) for stretch in np.split(run, cuts) if len(stretch)]
        every = -(-len(rows) // MOST_ROWS)
        return [s for stretch in stretches[::every] for s in self._segment(maker, filled, U, *stretch)]

    def _unfitted(self):
        """A copy for ``calibrate`` to fit."""
        return clone(self)

    def _fitted_on(self, table, train):
        """A copy fitted to the rows ``train`` of a table; y of the others it does not see."""
        Y, index = np.full_like(table.y, np.nan), _index_of(table)
        Y[train] = table.y[train]
        names = getattr(self, "feature_names_in_", [f"x{k}" for k in range(table.X.shape[1])])
        X = pd.DataFrame(table.X, index=index, columns=list(names))
        one, quiet = self._unfitted(), {"series": None, "verbose": 0}
        own = {name: name.rpartition("__")[2] for name in one.get_params()}  # also of an estimator inside
        one.set_params(**{name: quiet[word] for name, word in own.items() if word in quiet})
        return one.fit(X, pd.DataFrame(Y, index=index))

    def _bands(self, X, followed, past, first, made, levels, method, rng, n_paths=PATHS, return_paths=False):
        """Intervals {level: (low, high)}, (M, steps, O) each, and paths (n_paths, M, steps, O) or None; in levels.

        made : (M, steps, O), the forecasts from rows ``first`` (M,).
        """
        M, steps, O = made.shape
        self._warn_if_learnt_by_heart()
        bands, paths, highest = {}, None, max(levels, default=50)
        if method == "bootstrap" or return_paths:
            draw = drawer(*self._remembered(residuals), rng, highest)
            bands = {q: (np.empty_like(made), np.empty_like(made)) for q in levels}
            some = max(1, MOST_NUMBERS // (n_paths * steps * O)) if M > 1 else 1
            for m in range(0, M, some):
                origins = np.repeat(first[m : m + some], n_paths)
                runs = self._runs(X, followed, past, origins, steps, draw)
                paths = np.concatenate([out.transpose(1, 0, 2) for _, out in runs])
                paths = paths.reshape(-1, n_paths, steps, O).swapaxes(0, 1)
                for q, pair in path_bands(paths, made[m : m + some], levels).items():
                    for band, new in zip(bands[q], pair):
                        band[m : m + some] = new
        if method == "conformal" and levels:
            errors = self._remembered(lambda *what: forecast_errors(*what, steps), steps)
            found = self._remembered(lambda *_: pools(*errors, highest), (steps, highest))
            bands = conformal(made, found, levels)
            limits = self._limits(X)
            if limits is not None:
                rows = first[:, None] + np.arange(steps)
                low, high = (side[rows] for side in limits)
                bands = {q: tuple(np.clip(v, low, high) for v in pair) for q, pair in bands.items()}
        return bands, paths

    def _warn_if_learnt_by_heart(self):
        """Say that intervals are too narrow where they come from rows that many weights were fitted to."""
        if self._n_learnt is None:
            return
        weights = self._remembered(lambda *_: self._n_weights(), "weights")
        if weights > BY_HEART * self._n_learnt:
            warn(
                f"Intervals come from errors on {self._n_learnt} values that {weights:.0f} weights were fitted to: "
                "they are too narrow. Call calibrate(X, y, cv=5) with those rows, or calibrate(X, y) on others.",
            )

    def _n_weights(self):
        """Weights that were fitted for each output."""
        return self.theta_.size / self.n_outputs_

    def _path_rng(self):
        """What sample paths are drawn with: the same at each call where ``random_state`` is an int."""
        return np.random.default_rng(self.random_state if isinstance(self.random_state, Integral) else None)

    def _remembered(self, find, kind=None):
        """find(self, segments), found once for the many series of a forecast or a backtest."""
        segments, theta, found = _errors_found.get(self, (None, None, {}))
        if segments is not self._segments or theta is not self.theta_:
            found = {}
        if kind not in found:
            found = {**found, kind: find(self, self._segments)}
            _errors_found[self] = self._segments, self.theta_, found
        return found[kind]


def folds(cv, table):
    """Pairs of rows of a table, to train on and to test on."""
    N = len(table.y)
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        check_number("cv", cv, 2, min(p.rows.stop - p.rows.start for p in table.parts), integer=True)
        tests = [[] for _ in range(cv)]
        for rows in (np.arange(p.rows.start, p.rows.stop) for p in table.parts):
            turns = int(np.clip(len(rows) // (cv * LEAST_STRETCH), 1, TURNS))  # else a copy knows no winter
            for k, stretch in enumerate(np.array_split(rows, cv * turns)):
                tests[k % cv].append(stretch)
        tests = [np.concatenate(stretches) for stretches in tests]
        return [(np.setdiff1d(np.arange(N), test), test) for test in tests]
    if isinstance(cv, str) or not hasattr(cv, "split"):
        raise ValueError(
            f"cv={cv!r} is no splitter: give an int >= 2, or an object such as TimeSeriesSplit(5)."
        )
    place = np.arange(N) if table.order is None else np.argsort(table.order)
    rows = _index_of(table)[place]  # as the user gave them
    return [
        (np.sort(place[train]), np.sort(place[test])) for train, test in cv.split(pd.DataFrame(index=rows))
    ]


def _index_of(table):
    """An index that tells series and stamps of a table's rows, in its order."""
    times = [
        pd.RangeIndex(p.rows.stop - p.rows.start)
        if not tells(p.stamps)
        else to_index(p.stamps.clock, p.stamps.values)
        for p in table.parts
    ]
    if len(times) == 1:
        return times[0]
    stacked = [pd.MultiIndex.from_arrays([np.full(len(time), k), time]) for k, time in enumerate(times)]
    return stacked[0].append(stacked[1:])
