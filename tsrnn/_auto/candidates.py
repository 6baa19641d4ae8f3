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
from .field import naive_forecasts, within


WARM = 400  # rows of warm-up of a net before an origin, beside its lags
PAIRS = 30_000  # rows (origins times steps) that a foreign regressor is fitted to: some seconds of boosting


class Candidate:
    """What a race compares."""

    def before(self, field, f):
        """Return the member that has learnt the rows before fold f."""
        blocks = [block.until(stretch.cut) for block, stretch in zip(field.blocks, field.stretches[f])]
        return self.learn(blocks, field.steps)

    def backtest(self, field, folds):
        """Forecast from the field's origins, (M, h, O); NaN in folds that are left out."""
        members = {f: self.before(field, f) for f in folds}

        def of_stretch(f, i):
            origins = field.stretches[f][i].origins
            if f in members:
                return members[f].ahead(field.blocks[i], i, origins, field.steps)
            return np.full((len(origins), field.steps, field.n_outputs), np.nan)

        return field.together(of_stretch)


class RaceMember:
    """A fitted candidate."""

    def more(self, block, i, start):
        """Return itself: nothing more is learnt."""
        return self


# ------------------------------------------------------------------------------------ naive


@kept("naive candidate")
@dataclass(eq=False)
class Naive(Candidate, RaceMember):
    """The value one row, or a season, ago; candidate and member in one.

    shorter : the period where less than a whole one lies before an origin.
    """

    period: int
    shorter: int = 1

    work = 0.0

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


@kept("mean candidate")
@dataclass(eq=False)
class Mean(Candidate):
    """The mean of all rows before an origin: best for noise, poor for a level that wanders."""

    work, name = 0.0, "mean"

    def before(self, field, f):
        """Return itself: the mean is that up to each origin."""
        return self

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
class Constant(RaceMember):
    """A value for each series, (O,)."""

    values: list

    lead = 1

    def ahead(self, block, i, origins, steps):
        """Forecast y from origins (M,) of a block, (M, steps, O), in its units."""
        value = np.mean(self.values, axis=0) if i is None else self.values[i]
        return np.tile(value, (len(origins), steps, 1))


# ------------------------------------------------------------------------------------ linear


@kept("linear candidate")
@dataclass(eq=False)
class LinearCandidate(Candidate):
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
        for o, recipe in enumerate(recipes):
            fitted, sums = linear.fit_with_sums(blocks, recipe._replace(rectify=None), o)
            if recipe.rectify is not None:
                cuts = [len(block) for block in blocks]
                (fitted,) = linear.rectified(fitted, blocks, o, cuts, steps, (recipe.rectify,))
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
class Smoothing(Candidate):
    """Exponential smoothing of g(y), with a season or without; every series by itself."""

    pointwise: Any
    period: int

    work = 0.0

    @property
    def name(self):
        """In the leaderboard."""
        words = [f"season {self.period}"] if self.period > 1 else []
        words += linear.words_of(self.pointwise)
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
class SmoothingMember(RaceMember):
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
        return linear.to_y(g, forecasts)

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


# ------------------------------------------------------------------------------------ estimators of tsrnn


@kept("net candidate")
@dataclass(eq=False)
class Net(Candidate):
    """An estimator of tsrnn with features of the calendar and inputs known ahead."""

    estimator: Any
    name: str
    work: float
    detail: int = 1

    def inputs(self, block, rows):
        """Return the features (n, D) of some rows of a block; None without any."""
        X = np.concatenate([block.calendar(self.detail)[rows], block.ahead[rows]], axis=1)
        return X if X.shape[1] else None

    def learn(self, blocks, steps):
        """Learn from blocks; returns the member."""
        model = clone(self.estimator)
        Y = [block.truth for block in blocks]
        X = [self.inputs(block, slice(len(block))) for block in blocks]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of gaps, iterations: the race judges
            if len(blocks) == 1:
                model.fit(X[0], Y[0])
            else:
                model.fit(None if X[0] is None else X, Y)
        return NetMember(self, model)


@kept("net member")
@dataclass(eq=False)
class NetMember(RaceMember):
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
        X = self.candidate.inputs(block, slice(low, high))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ahead = model.trajectories(X, Y, steps, origins=origins - low, start="cold")
        return ahead.forecast.reshape(len(origins), steps, -1)

    def more(self, block, i, start):
        """Run through ``lead`` rows before the new ones, then ``partial_fit`` those."""
        if None not in self.model.series_ or not self.model.fitted_.trained.dynamics.learns:
            return self  # a panel, of which arrays do not say what they continue; or nothing that learns more
        model = deepcopy(self.model)
        before, new = slice(max(0, start - self.lead), start), slice(start, len(block))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if start > 0:
                model.update(self.candidate.inputs(block, before), block.Y[before])
            model.partial_fit(self.candidate.inputs(block, new), block.Y[new])
        return replace(self, model=model)


# ------------------------------------------------------------------------------------ foreign regressors


@kept("regressor candidate")
@dataclass(eq=False)
class Foreign(Candidate):
    """Any regressor, fitted to the residuals of an autoregression: on lags, calendar, inputs, step and its forecast."""

    regressor: Any
    recipes: list
    work: float
    name: str

    def learn(self, blocks, steps):
        """Learn from blocks; returns the member."""
        return ForeignMember.of(self, blocks, steps)


@kept("regressor member")
@dataclass(eq=False)
class ForeignMember:
    """A fitted regressor for each output, the scale of its residuals by step, and the autoregression it corrects.

    ranges : least and greatest features (2, D) that each has seen, beyond which nobody knows what it answers.
    """

    base: LinearMember
    models: list
    scales: list
    ranges: list

    @property
    def lead(self):
        """The rows of history of the autoregression."""
        return self.base.lead

    @classmethod
    def of(cls, candidate, blocks, steps):
        """Fitted to blocks."""
        recipes = [recipe._replace(rectify=None) for recipe in candidate.recipes]
        member = cls(LinearMember.of(recipes, blocks, steps), [], [], [])
        rng = np.random.default_rng(0)
        for o in range(len(recipes)):
            Z, r, step = member._examples(blocks, o, steps, rng)
            scale = _spread_by_step(r, step, steps)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", WorseThanNaiveWarning)  # of rows that are not in time here
                member.models.append(clone(candidate.regressor).fit(Z, r / scale[step]))
            member.scales.append(scale)
            member.ranges.append(np.stack([Z.min(axis=0), Z.max(axis=0)]))
        return member

    def _examples(self, blocks, o, steps, rng):
        """Draw rows to learn from: features (n, D), residuals (n,) of the autoregression, and their steps (n,)."""
        recipe, examples = self.base.recipes[o], []
        for i, block in enumerate(blocks):
            first = min(max(recipe.lags), len(block) // 2)
            origins = np.arange(first, len(block) - steps + 1)
            origins = np.sort(rng.permutation(origins)[: max(1, PAIRS // (steps * len(blocks)))])
            if len(origins) == 0:
                continue
            Z, of_base = self._pairs(block, i, o, origins, steps)
            at, step = (origins[:, None] + np.arange(steps)).ravel(), np.tile(np.arange(steps), len(origins))
            keep = block.known[at, o] & (block.weight[at] > 0)
            residuals = block.levels(recipe.pointwise)[at, o] - of_base.ravel()
            examples.append((Z[keep], residuals[keep], step[keep]))
        return map(np.concatenate, zip(*examples))

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
        for o, (model, scale, fitted) in enumerate(zip(self.models, self.scales, self.base.fits)):
            Z, forecasts = self._pairs(block, i, o, origins, steps)
            last = block.levels(fitted.recipe.pointwise)[np.maximum(origins - 1, 0), o]
            by_step = scale[np.minimum(np.arange(steps), len(scale) - 1)]
            wrong = model.predict(np.clip(Z, *self.ranges[o])).reshape(forecasts.shape)
            forecasts = within(fitted, last, forecasts + by_step * wrong)
            out.append(linear.to_y(fitted.recipe.pointwise, forecasts))
        return np.stack(out, axis=2)

    def more(self, block, i, start):
        """Refit the autoregression; the regressor stays."""
        return replace(self, base=self.base.more(block, i, start))


def _spread_by_step(r, step, steps):
    """Compute root mean squares (steps,) of residuals r (n,) of each step (n,), as far steps err more; none is 0."""
    n = np.maximum(np.bincount(step, minlength=steps), 1)
    spread = np.sqrt(np.bincount(step, r**2, minlength=steps) / n)
    return np.maximum(spread, 1e-3 * spread.max()) if spread.max() > 0 else np.ones(steps)
