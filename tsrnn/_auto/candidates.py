"""Candidates of a race, and the members that they become once fitted.

A candidate has a ``name``, its ``work`` (nominal seconds, from counts of rows and weights, never from a clock),

    backtest(field, folds) -> (M, h, O)      forecasts behind the field's origins and gap, NaN for those of other folds
    learn(blocks, steps) -> member

and a member

    ahead(block, i, origins, steps) -> (M, steps, O)        of y, in the block's units; i : its number, or None
    more(block, i, start) -> member                         after rows from ``start`` on of the block were added
    lead                                                    rows of history that it needs
"""

import warnings
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from .._values import kept
from .._warn import WorseThanNaiveWarning
from . import linear, smoothing
from .field import naive_forecasts


WARM = 400  # rows of warm-up of a net before an origin, beside its lags
PAIRS = 30_000  # rows (origins times steps) that a foreign regressor is fitted to: some seconds of boosting


def by_folds(field, folds, forecasts):
    """Gather ``forecasts(f, i, origins)`` of all origins, (M, h, O); NaN in folds that are left out."""
    O = field.truth.shape[2]

    def of_stretch(f, i):
        origins = field.stretches[f][i].origins
        return forecasts(f, i, origins) if f in folds else np.full((len(origins), field.steps, O), np.nan)

    return field.together(of_stretch)


def cuts_of(field, f):
    """Return the number of rows of each block before fold f."""
    return [stretch.cut for stretch in field.stretches[f]]


def learnt_before(field, f):
    """Cut the blocks before fold f."""
    return [block.until(cut) for block, cut in zip(field.blocks, cuts_of(field, f))]


def backtest_as_is(candidate, field, folds):
    """Forecast from the field's origins, (M, h, O), by a candidate that learns nothing; NaN in folds left out."""

    def forecasts(f, i, origins):
        return candidate.ahead(field.blocks[i], i, origins, field.steps)

    return by_folds(field, folds, forecasts)


def backtest_learnt(candidate, field, folds):
    """Forecast from the field's origins, (M, h, O), by what is learnt before each fold; NaN in folds left out."""
    members = {f: candidate.learn(learnt_before(field, f), field.steps) for f in folds}

    def forecasts(f, i, origins):
        return members[f].ahead(field.blocks[i], i, origins, field.steps)

    return by_folds(field, folds, forecasts)


# ------------------------------------------------------------------------------------ naive


@kept("naive candidate")
@dataclass(eq=False)
class Naive:
    """The value one row, or a season, ago; candidate and member in one.

    shorter : the period where less than a whole one lies before an origin.
    """

    period: int
    shorter: int = 1

    work, backtest = 0.0, backtest_as_is

    @property
    def lead(self):
        """A season."""
        return self.period

    @property
    def name(self):
        """In the leaderboard."""
        return "persistence" if self.period == 1 else f"seasonal naive, {self.period}"

    def learn(self, blocks, steps):
        """Learn from blocks; returns the member."""
        return self

    def ahead(self, block, i, origins, steps):
        """Forecast y from origins (M,) of a block, (M, steps, O), in its units."""
        return naive_forecasts(block, origins, steps, self.period, self.shorter)

    def more(self, block, i, start):
        """Return itself: nothing is learnt."""
        return self


@kept("mean candidate")
@dataclass(eq=False)
class Mean:
    """The mean of all rows before an origin: best for noise, poor for a level that wanders."""

    work, name, backtest = 0.0, "mean", backtest_as_is

    def learn(self, blocks, steps):
        """Learn from blocks; returns the member."""
        return Constant([block.levels(None).mean(axis=0) for block in blocks])

    def ahead(self, block, i, origins, steps):
        """Repeat the mean of the rows before each origin."""
        U = block.levels(None)
        means = np.cumsum(U, axis=0) / np.arange(1, len(U) + 1)[:, None]
        return np.repeat(means[np.maximum(origins - 1, 0)][:, None], steps, axis=1)


@kept("mean member")
@dataclass(eq=False)
class Constant:
    """A value for each series, (O,)."""

    values: list

    lead = 1

    def ahead(self, block, i, origins, steps):
        """Forecast y from origins (M,) of a block, (M, steps, O), in its units."""
        value = np.mean(self.values, axis=0) if i is None else self.values[i]
        return np.tile(value, (len(origins), steps, 1))

    def more(self, block, i, start):
        """Return itself: the mean stays."""
        return self


# ------------------------------------------------------------------------------------ linear


@kept("linear candidate")
@dataclass(eq=False)
class LinearCandidate:
    """An autoregression for each output, with the forecasts that the search has computed."""

    recipes: list
    forecasts: Any = None

    work = 0.0

    @property
    def name(self):
        """In the leaderboard."""
        return str(self.recipes[0])

    def forgetful(self):
        """Drop the forecasts of the search, which take room."""
        return LinearCandidate(self.recipes)

    def backtest(self, field, folds):
        """Return the forecasts of the search."""
        return self.forecasts

    def learn(self, blocks, steps):
        """Learn from blocks; returns the member."""
        return LinearMember.of(self.recipes, blocks, steps)


@kept("linear member")
@dataclass(eq=False)
class LinearMember:
    """Fitted autoregressions: the recipe, the fit and each block's sums, by output."""

    recipes: list
    fits: list
    sums: list

    @property
    def lead(self):
        """Lags of y (with those of its differences) and of inputs."""
        return max(len(fitted.model.a) + max(fitted.recipe.input_lags, default=0) for fitted in self.fits)

    @classmethod
    def of(cls, recipes, blocks, steps):
        """Fitted to blocks."""
        fits, all_sums = [], []
        cuts = [len(block) for block in blocks]
        for o, recipe in enumerate(recipes):
            fitted, sums = linear.fit_with_sums(blocks, recipe._replace(rectify=None), o, cuts)
            if recipe.rectify is not None:
                fitted = linear.rectified(fitted, blocks, o, cuts, steps, (recipe.rectify,))[0]
            fits.append(fitted)
            all_sums.append(sums)
        return cls(recipes, fits, all_sums)

    def ahead(self, block, i, origins, steps):
        """Forecast y from origins (M,) of a block, (M, steps, O), in its units."""
        return np.stack(
            [linear.forecast(fitted, block, i, o, origins, steps) for o, fitted in enumerate(self.fits)],
            axis=2,
        )

    def more(self, block, i, start):
        """Refit the coefficients to old and new rows, exactly; corrections stay."""
        member = replace(self, fits=list(self.fits), sums=list(self.sums))
        for o, recipe in enumerate(self.recipes):
            member.fits[o], member.sums[o] = linear.extended(
                self.fits[o], self.sums[o], recipe, o, (block, i, start)
            )
        return member


# ------------------------------------------------------------------------------------ smoothing


@kept("smoothing candidate")
@dataclass(eq=False)
class Smoothing:
    """Exponential smoothing of g(y), with a season or without; every series by itself."""

    pointwise: Any
    period: int

    work, backtest = 0.0, backtest_learnt

    @property
    def name(self):
        """In the leaderboard."""
        words = [f"season {self.period}"] if self.period > 1 else []
        words += [] if self.pointwise is None else ["log" if "Log" in repr(self.pointwise) else "root"]
        return f"smoothing({'; '.join(words)})"

    def learn(self, blocks, steps):
        """Learn from blocks; returns the member."""
        fits = []
        for block in blocks:
            low = max(0, len(block) - smoothing.MOST_ROWS)
            first = self.fit(block, low, len(block))
            rows = block.levels(self.pointwise)[low:].T, block.known[low:].T
            last = [smoothing.moved_on(*of_output) for of_output in zip(first, *rows)]
            place = int(block.place[0])
            fits.append({place + low: first, place + len(block): last})
        return SmoothingMember(self, fits)

    def fit(self, block, low, high):
        """Fit each output to rows ``low`` to ``high`` of a block."""
        U, known = block.levels(self.pointwise)[low:high], block.known[low:high]
        return [smoothing.fit(u, measured, self.period) for u, measured in zip(U.T, known.T)]


@kept("smoothing member")
@dataclass(eq=False)
class SmoothingMember:
    """Fitted smoothing of each series: lists by output, by the place of the row before which their states are."""

    candidate: Smoothing
    fitted: list

    lead = smoothing.MOST_ROWS

    def ahead(self, block, i, origins, steps):
        """Forecast y from origins (M,) of a block, (M, steps, O), in its units."""
        g, forecasts = self.candidate.pointwise, np.empty((len(origins), steps, block.Y.shape[1]))
        for low, fitted, at in self._fits(block, i, origins):
            U, known = block.levels(g)[low:], block.known[low:]
            rows, back = np.unique(origins[at] - low, return_inverse=True)
            for o, of_output in enumerate(fitted):
                forecasts[at, :, o] = smoothing.run(of_output, U[:, o], known[:, o], steps, rows)[back]
        return forecasts if g is None else g.inverse(forecasts)

    def _fits(self, block, i, origins):
        """Yield the row of a block from which fits go on, these, and for which origins (M,), bool.

        Those of training, or, where it saw other rows, of what was seen of them up to ``smoothing.learnt``.
        """
        place, fitted = int(block.place[0]), {} if i is None else self.fitted[i]
        low = min((p for p in fitted if p >= place), default=np.inf) - place  # the first may be forgotten
        trained = origins >= low
        if trained.any():
            yield low, fitted[low + place], trained
        first = int(np.searchsorted(block.place, 0))  # rows before it are made up
        ends = np.where(origins > first, first + smoothing.learnt(origins - first), origins)
        for end in np.unique(ends[~trained]):
            low = max(0, end - smoothing.MOST_ROWS, first if end > first else 0)
            yield low, self.candidate.fit(block, low, max(end, low + 1)), ~trained & (ends == end)

    def more(self, block, i, start):
        """Return itself: what was learnt stays."""
        return self


# ------------------------------------------------------------------------------------ estimators of tsrnn


@kept("net candidate")
@dataclass(eq=False)
class Net:
    """An estimator of tsrnn with features of the calendar and inputs known ahead."""

    estimator: Any
    name: str
    work: float
    detail: int = 1

    backtest = backtest_learnt

    def inputs(self, block, n):
        """Return the features (n, D) of the first n rows of a block."""
        return np.concatenate([block.calendar(self.detail)[:n], block.ahead[:n]], axis=1)

    def learn(self, blocks, steps):
        """Learn from blocks; returns the member."""
        model = clone(self.estimator)
        Y = [block.truth for block in blocks]
        X = [self.inputs(block, len(block)) for block in blocks]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of gaps, iterations: the race judges
            if len(blocks) == 1:
                model.fit(X[0] if X[0].shape[1] else None, Y[0])
            else:
                model.fit(X if X[0].shape[1] else None, Y)
        return NetMember(self, model)


@kept("net member")
@dataclass(eq=False)
class NetMember:
    """A fitted estimator of tsrnn."""

    candidate: Net
    model: Any

    @property
    def lead(self):
        """Rows of warm-up before an origin."""
        return WARM + 2 * int(self.model.lead_)

    def ahead(self, block, i, origins, steps):
        """Forecast y from origins (M,), (M, steps, O), from a cold memory ``lead`` rows before the first of them."""
        model = self.model
        low = max(0, int(origins.min()) - self.lead)
        high = int(origins.max()) + steps
        Y = np.full((high - low, block.Y.shape[1]), np.nan)
        Y[: len(block) - low] = block.Y[low:high]
        X = self.candidate.inputs(block, high)[low:]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            forecasts = model.trajectories(
                X if X.shape[1] else None, Y, steps, origins=origins - low, start="cold"
            ).forecast
        return forecasts.reshape(len(origins), steps, -1)

    def more(self, block, i, start):
        """Run through ``lead`` rows before the new ones, then ``partial_fit`` those."""
        if None not in self.model.series_ or not self.model.fitted_.trained.dynamics.learns:
            return self  # a panel, of which arrays do not say what they continue; or nothing that learns more
        model = deepcopy(self.model)
        low = max(0, start - self.lead)
        X, Y = self.candidate.inputs(block, len(block)), block.Y
        rows_before_and_new = [
            (X[rows] if X.shape[1] else None, Y[rows]) for rows in (slice(low, start), slice(start, None))
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if start > low:
                model.update(*rows_before_and_new[0])
            model.partial_fit(*rows_before_and_new[1])
        return replace(self, model=model)


# ------------------------------------------------------------------------------------ foreign regressors


@kept("regressor candidate")
@dataclass(eq=False)
class Foreign:
    """Any regressor, fitted to the residuals of an autoregression: on lags, calendar, inputs, step and its forecast."""

    regressor: Any
    recipes: list
    work: float
    name: str

    backtest = backtest_learnt

    def learn(self, blocks, steps):
        """Learn from blocks; returns the member."""
        return ForeignMember.of(self, blocks, steps)


@kept("regressor member")
@dataclass(eq=False)
class ForeignMember:
    """A fitted regressor for each output, the scale of its residuals by step, and the autoregression it corrects."""

    base: LinearMember
    models: list
    scales: list

    @property
    def lead(self):
        """The rows of history of the autoregression."""
        return self.base.lead

    @classmethod
    def of(cls, candidate, blocks, steps):
        """Fitted to blocks."""
        recipes = [recipe._replace(rectify=None) for recipe in candidate.recipes]
        member = cls(LinearMember.of(recipes, blocks, steps), [], [])
        rng = np.random.default_rng(0)
        for o in range(blocks[0].Y.shape[1]):
            Z, r, at_steps = [], [], []
            for i, block in enumerate(blocks):
                first = min(max(recipes[o].lags), len(block) // 2)
                origins = np.arange(first, len(block) - steps + 1)
                origins = np.sort(rng.permutation(origins)[: max(1, PAIRS // (steps * len(blocks)))])
                if len(origins) == 0:
                    continue
                features, base_forecasts = member._pairs(block, i, o, origins, steps)
                at = (origins[:, None] + np.arange(steps)).ravel()
                wrong = block.levels(recipes[o].pointwise)[at, o] - base_forecasts.ravel()
                keep = block.known[at, o] & (block.weight[at] > 0)
                Z.append(features[keep])
                r.append(wrong[keep])
                at_steps.append(np.tile(np.arange(steps), len(origins))[keep])
            r, of_step = np.concatenate(r), np.concatenate(at_steps)
            n = np.maximum(np.bincount(of_step, minlength=steps), 1)
            scale = np.sqrt(np.bincount(of_step, r**2, minlength=steps) / n)  # far steps err more
            scale = np.maximum(scale, 1e-3 * scale.max()) if scale.max() > 0 else np.ones(steps)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", WorseThanNaiveWarning)  # of rows that are not in time here
                member.models.append(clone(candidate.regressor).fit(np.concatenate(Z), r / scale[of_step]))
            member.scales.append(scale)
        return member

    def _pairs(self, block, i, o, origins, steps):
        """Compute features (M steps, D), and the autoregression's forecasts (M, steps) of the levels."""
        fitted = self.base.fits[o]
        recipe = fitted.recipe
        U = block.levels(recipe.pointwise)
        base_forecasts = linear.levels_ahead(fitted, block, i, o, origins, steps)
        before = np.maximum(origins - 1, 0)
        last, now = U[before, o], block.levels(None)[before]
        now[:, o] = last  # the transform that suits one output may not be defined for another
        lagged = U[np.maximum(origins[:, None] - np.array(recipe.lags), 0), o] - last[:, None]
        at = (origins[:, None] + np.arange(steps)).ravel()
        of_origin = [last[:, None], lagged, now, block.seen[before]]
        repeated = np.repeat(np.concatenate(of_origin, axis=1), steps, axis=0)
        step = np.tile(np.arange(steps, dtype=float), len(origins))
        season = [np.take(U[:, o], np.maximum(at - p * -(-steps // p), 0)) for p in block.clock.seasons[:2]]
        return np.column_stack(
            [
                repeated,
                step,
                (base_forecasts - last[:, None]).ravel(),
                base_forecasts.ravel(),
                *season,
                block.calendar(1)[at],
                block.calendar_numbers()[at],
                block.ahead[at],
            ]
        ), base_forecasts

    def ahead(self, block, i, origins, steps):
        """Forecast y from origins (M,) of a block, (M, steps, O), in its units."""
        out = []
        for o, (model, scale) in enumerate(zip(self.models, self.scales)):
            Z, forecasts = self._pairs(block, i, o, origins, steps)
            fitted = self.base.fits[o]
            forecasts = forecasts + scale[np.minimum(np.arange(steps), len(scale) - 1)] * model.predict(
                Z
            ).reshape(forecasts.shape)
            forecasts = np.clip(forecasts, fitted.low, fitted.high)
            g = fitted.recipe.pointwise
            out.append(forecasts if g is None else g.inverse(forecasts))
        return np.stack(out, axis=2)

    def more(self, block, i, start):
        """Refit the autoregression; the regressor stays."""
        return replace(self, base=self.base.more(block, i, start))
