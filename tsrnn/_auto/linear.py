"""Linear candidates of a race: autoregressions, found by a search in which all origins are one product of matrices.

    u(t) = g(y(t))                                              nothing, a root, a logarithm
    w(t) = D(B) u(t) = sum_l phi_l w(t - l) + c e(t) + b        ridge; e : calendar, inputs known ahead, their lags
    u*(k + s) = u^(k + s) + d_s z(k)                            rectified: the errors of each step, by a second ridge
                                                                from lags, the calendar, inputs not known ahead [1]

[1] S. Ben Taieb, R. J. Hyndman, "Boosting multi-step autoregressive forecasts", ICML 2014.
"""

from typing import Any, NamedTuple

import numpy as np

from .._series import autoregression as ar
from .._series.seasons import harmonics, propose_differences, propose_lags, propose_pointwise
from .._values import kept
from .field import within


PENALTIES = (1e-5, 1e-3, 1e-2, 1e-1)  # from next to none to one that short series want
POOLINGS = (0.3, 0.05)  # weights of all series, beside one's own rows
RECTIFY = (1e-2, 1e-1, 1.0)  # penalties of the second regression: errors are mostly noise
QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)  # knots of an input: where its effect may change slope
MOST_REMEMBERED = 6  # arrays of features cached for a block: a search varies one word at a time
MOST_EXAMPLES = 4000  # origins that corrections are fitted to: an h-step regression of D = 100 needs no more
BEYOND = 3.0  # ranges of the training levels by which a forecast may leave them


@kept("recipe")
class Recipe(NamedTuple):
    """Settings of an autoregression; the search changes one at a time."""

    lags: tuple
    differences: tuple = ()
    pointwise: Any = None
    detail: int = 1
    input_lags: tuple = (0,)
    shapes: tuple = ()
    half_life: float = np.inf  # shares of the rows
    pooling: float = np.inf  # weight of all series in the fit of one, as a share of its own rows
    penalty: float = 1e-3
    rectify: float | None = None

    def __str__(self):
        words = [f"{len(self.lags)} lags to {self.lags[-1]}"]
        words += words_of(self.pointwise)
        words += [f"difference {p}" for p in self.differences]
        words += [f"calendar {self.detail}"] if self.detail else []
        words += [f"inputs {', '.join(map(str, self.input_lags))}"] if self.input_lags else []
        words += ["shapes"] if self.shapes else []
        words += [f"half-life {self.half_life:g}"] if np.isfinite(self.half_life) else []
        words += [f"others count {self.pooling:g}"] if np.isfinite(self.pooling) else []
        words += ["rectified"] if self.rectify is not None else []
        return f"ARX({'; '.join(words)}; alpha {self.penalty:g})"


def words_of(pointwise):
    """Name a pointwise transform in a list of words, empty for None."""
    return [] if pointwise is None else ["log" if "Log" in repr(pointwise) else "root"]


def to_y(pointwise, levels):
    """Return y of levels of any shape."""
    return levels if pointwise is None else pointwise.inverse(levels)


@kept("autoregression of a race")
class Fit(NamedTuple):
    """A fitted ``Recipe`` of one output.   model : for a new series.   models : for each training series.

    corrections : (beta (D, h), b (h,)) of the second regression, or None.   low, high : bounds of levels.
    """

    recipe: Recipe
    model: ar.Autoregression
    models: list
    corrections: Any
    low: float
    high: float


def features(block, recipe):
    """Return the features known ahead of each row, E (N', D), from a cache."""
    key = recipe.detail, recipe.input_lags, recipe.shapes
    if key not in block.remembered:
        while len(block.remembered) > MOST_REMEMBERED:
            block.remembered.pop(next(iter(block.remembered)))
        block.remembered[key] = _features(block, *key)
    return block.remembered[key]


def _features(block, detail, input_lags, shapes):
    """Compute E (N', D): calendar, lagged inputs and their shapes (hinges, and what ``_by_season`` gives)."""
    X, calendar = block.ahead, block.calendar(detail)
    if not input_lags or X.shape[1] == 0:
        return calendar
    bent = [np.maximum(X[:, j] - knot, 0) for j, knots in enumerate(shapes) for knot in knots]
    many = X[:, [j for j, knots in enumerate(shapes) if knots]]
    curved = np.column_stack([X, *bent])
    lagged = [_later(curved, lag) for lag in input_lags]
    return np.concatenate([calendar, *lagged, *_by_season(block, many, bent)], axis=1)


def _by_season(block, X, bent):
    """List the mean of inputs X (N', J) over the last season, and they and their hinges by the time of day."""
    clock = block.clock
    if X.shape[1] == 0 or not clock.seasons:
        return []
    season = clock.seasons[0]
    columns = [_moving_mean(X, season)]
    if clock.step is None:
        phase = harmonics((block.place % season) / season, 2)
    elif clock.rows("day"):
        phase = block.calendar(1)[:, :4]
    else:
        return columns
    curved = np.column_stack([X, *bent])
    return [*columns, (curved[:, :, None] * phase[:, None, :]).reshape(len(X), -1)]


def _later(X, lag):
    """Delay X (N, F) by ``lag`` rows; its first row is repeated in front."""
    return X[np.maximum(np.arange(len(X)) - lag, 0)]


def _moving_mean(X, n):
    """Average the last n rows, (N, F); fewer at the start."""
    total = np.concatenate([np.zeros((1, X.shape[1])), np.cumsum(X, axis=0)])
    end = np.arange(1, len(X) + 1)
    begin = np.maximum(end - n, 0)
    return (total[end] - total[begin]) / (end - begin)[:, None]


def knots_of(blocks):
    """Place the knots of each input: quantiles where it has many values, else (); () where no input has many."""
    X = np.concatenate([block.ahead[: len(block)] for block in blocks])
    knots = [tuple(np.quantile(x, QUANTILES)) if len(np.unique(x)) > 20 else () for x in X.T]
    return tuple(knots) if any(knots) else ()


def _weights(block, o, half_life, n):
    """Weigh the rows of an output, (n,): measured, weighted by the user, discounted by age."""
    counts = block.known[:n, o] * block.weight[:n]
    if np.isfinite(half_life):
        counts *= 0.5 ** ((n - 1 - np.arange(n)) / (half_life * n))
    return counts


def fit_many(blocks, recipe, o, cuts, penalties):
    """Fit for each list of cuts (one a block, ascending from list to list); a list of ``Fit``, one a penalty."""
    sums = [_sums(block, recipe, o, of_block) for block, of_block in zip(blocks, zip(*cuts))]
    return [
        _of_sums(of_fold, recipe, penalties, *_range(blocks, recipe, o, cut))
        for of_fold, cut in zip(zip(*sums), cuts)
    ]


def fit_with_sums(blocks, recipe, o):
    """Fit to all rows of the blocks; returns the ``Fit`` and each block's sums, which later rows extend."""
    cuts = [len(block) for block in blocks]
    sums = [_sums(block, recipe, o, [cut])[0] for block, cut in zip(blocks, cuts)]
    return _of_sums(sums, recipe, (recipe.penalty,), *_range(blocks, recipe, o, cuts))[0], sums


def _sums(block, recipe, o, cuts, counts=None):
    """Sum over the rows of a block before each of some cuts.   counts : (n,), of each row, by default ``_weights``."""
    n = max(cuts)
    counts = _weights(block, o, recipe.half_life, n) if counts is None else counts
    u, E = block.levels(recipe.pointwise)[:n, o], features(block, recipe)[:n]
    rows = ar.regressors(u, E, recipe.lags, recipe.differences)
    return ar.sums_until(rows, counts, cuts)


def _of_sums(sums, recipe, penalties, low, high):
    """Solve for each penalty: pooled over blocks, and for each block."""
    whole = ar.pooled(sums)
    common = ar.ridge(whole, penalties)
    by_series = [[_with_intercept(beta, b, noise, part) for part in sums] for beta, b, noise in common]
    if np.isfinite(recipe.pooling) and len(sums) > 1:
        pooled_fits = [ar.ridge(_beside(part, whole, recipe.pooling), penalties) for part in sums]
        by_series = [[of_part[k] for of_part in pooled_fits] for k in range(len(penalties))]

    def levels(beta, b, noise):
        return ar.in_levels(beta, b, noise, recipe.lags, recipe.differences)

    pairs = zip(common, by_series)
    return [Fit(recipe, levels(*c), [levels(*one) for one in o], None, low, high) for c, o in pairs]


def _with_intercept(beta, b, noise, sums):
    """Replace the intercept by that of one series."""
    return beta, sums.mean[-1] - beta @ sums.mean[:-1] if sums.n > 0 else b, noise


def _beside(own_sums, whole, pooling):
    """Add to a series' ``Sums`` those of all, about its own mean, with the weight of a share of its rows."""
    if own_sums.n <= 0:
        return whole
    return ar.merged(own_sums, whole._replace(n=pooling * own_sums.n, mean=own_sums.mean))


def extended(fitted, sums, recipe, o, new):
    """Extend a ``Fit`` and its sums by new rows; ``new`` : block, its number, its first new row.

    Corrections stay: they need out-of-sample errors, which a few rows do not give.
    """
    block, i, start = new
    old, n = sums[i], len(block)
    counts = _weights(block, o, np.inf, n)
    counts[:start] = 0.0
    if np.isfinite(recipe.half_life):  # older rows are discounted
        old = old._replace(n=old.n * 0.5 ** ((n - start) / (recipe.half_life * max(old.n, n))))
    longer = [*sums[:i], ar.merged(old, *_sums(block, recipe, o, [n], counts)), *sums[i + 1 :]]
    low, high = _range([block], recipe, o, [n])
    (longer_fit,) = _of_sums(longer, recipe, (recipe.penalty,), min(low, fitted.low), max(high, fitted.high))
    return longer_fit._replace(recipe=fitted.recipe, corrections=fitted.corrections), longer


def _range(blocks, recipe, o, cuts):
    """Return bounds of forecasts: the range of the training levels and a margin."""
    low = min(block.levels(recipe.pointwise)[:c, o].min() for block, c in zip(blocks, cuts) if c)
    high = max(block.levels(recipe.pointwise)[:c, o].max() for block, c in zip(blocks, cuts) if c)
    room = BEYOND * (high - low) if recipe.pointwise is None else 0.5 * (high - low)
    return low - room, high + room


def levels_ahead(fitted, block, i, o, origins, steps, E=None):
    """Forecast levels (M, steps) of block number i (None for a new one)."""
    E = features(block, fitted.recipe) if E is None else E
    model = fitted.model if i is None else fitted.models[i]
    u = block.levels(fitted.recipe.pointwise)[:, o]
    forecasts = ar.ahead(model, u, E, origins, steps)
    if fitted.corrections is not None:
        Z = situation(block, fitted.recipe, o, origins, E)
        beta, b = fitted.corrections
        step = np.minimum(np.arange(steps), len(b) - 1)  # beyond the last fitted step its correction stays
        forecasts = forecasts + Z @ beta[:, step] + b[step]
    forecasts = np.nan_to_num(forecasts, nan=0.0, posinf=1e300, neginf=-1e300)
    return within(fitted, u[np.maximum(origins - 1, 0)], forecasts)


def forecast(fitted, block, i, o, origins, steps):
    """Forecast y (M, steps)."""
    return to_y(fitted.recipe.pointwise, levels_ahead(fitted, block, i, o, origins, steps))


# ------------------------------------------------------------------------------------ rectified


def situation(block, recipe, o, origins, E):
    """Compute z(k) (M, D), the regressors of corrections: changes over lags, of other outputs and of inputs.

    Other outputs are seen as they are: the transform that suits one may not be defined for another.
    """
    U, others = block.levels(recipe.pointwise), np.delete(block.levels(None), o, axis=1)
    before = np.maximum(np.asarray(origins) - 1, 0)
    lags = np.array(recipe.lags)
    lagged = U[np.maximum(origins[:, None] - lags, 0), o]
    last = U[before, o]
    columns = [lagged[:, 1:] - last[:, None], E[origins]]
    if not recipe.differences:
        columns.append(last[:, None])
    if others.shape[1]:
        columns += [others[before] - others[np.maximum(before - 1, 0)], others[before] - last[:, None]]
    if block.seen.shape[1]:
        V = block.seen
        columns += [V[before], V[np.maximum(before - 1, 0)] - V[before]]
    return np.concatenate(columns, axis=1)


def rectified(fitted, blocks, o, cuts, steps, penalties):
    """Add corrections for each step, fitted to the errors before the cuts; a ``Fit`` a penalty."""
    every = -(-sum(cuts) // MOST_EXAMPLES)
    Z, R, weight = [], [], []
    least = len(fitted.model.a)
    for i, (block, cut) in enumerate(zip(blocks, cuts)):
        origins = np.arange(min(least, cut // 2), cut - steps + 1)[::-1][::every][::-1]
        if len(origins) == 0:
            continue
        E = features(block, fitted.recipe)
        at = origins[:, None] + np.arange(steps)
        truth = block.levels(fitted.recipe.pointwise)[:, o][at]
        wrong = np.where(
            block.known[:, o][at], truth - levels_ahead(fitted, block, i, o, origins, steps, E), 0.0
        )
        Z.append(situation(block, fitted.recipe, o, origins, E))
        R.append(wrong)
        weight.append(_weights(block, o, fitted.recipe.half_life, cut)[origins] + 1e-9)
    if not Z:
        return [fitted] * len(penalties)
    corrections = _many_targets(np.concatenate(Z), np.concatenate(R), np.concatenate(weight), penalties)
    return [
        fitted._replace(recipe=fitted.recipe._replace(rectify=penalty), corrections=correction)
        for penalty, correction in zip(penalties, corrections)
    ]


def _many_targets(Z, R, weight, penalties):
    """Regress R (M, h) on Z (M, D) by ridge: (beta (D, h), b (h,)) for each penalty."""
    weight = weight / weight.sum()
    z_mean, r_mean = weight @ Z, weight @ R
    Z = Z - z_mean
    scale = np.sqrt(weight @ Z**2)
    scale = np.where(scale > 1e-9 * (1e-9 + np.abs(z_mean)), scale, np.inf)
    Z = Z / scale
    G = Z.T @ (Z * weight[:, None])
    C = Z.T @ ((R - r_mean) * weight[:, None])
    values, vectors = np.linalg.eigh(G)
    values, projected = np.maximum(values, 0), vectors.T @ C
    corrections = []
    for penalty in penalties:
        beta = (vectors @ (projected / (values + penalty)[:, None])) / scale[:, None]
        corrections.append((beta, r_mean - z_mean @ beta))
    return corrections


# ------------------------------------------------------------------------------------ the search


class Trial(NamedTuple):
    """A recipe tried on one output: its error, and its forecasts (M, h) at the field's origins."""

    error: float
    recipe: Recipe
    forecasts: np.ndarray


class Search:
    """Coordinate search over recipes of one output.   late() : whether the clock has run out."""

    def __init__(self, field, o, late):
        self.field, self.o, self.late = field, o, late
        self.cuts = [[s.cut for s in fold] for fold in field.stretches]
        self.of_output = field.of_output(o)
        self.trials = {}

    def try_out(self, recipe, penalties, rectify=None):
        """Return the best ``Trial`` over penalties, or over those of its corrections, by the first of the penalties."""
        key = recipe._replace(penalty=0.0, rectify=None), penalties, rectify
        if key not in self.trials:
            recipes = [recipe._replace(penalty=penalty) for penalty in penalties]
            fits = fit_many(self.field.blocks, recipe, self.o, self.cuts, penalties)
            if rectify is not None:
                recipes = [recipes[0]._replace(rectify=penalty) for penalty in rectify]
                fits = [self._rectified(*of_fold, rectify) for of_fold in zip(fits, self.cuts)]
            trials = [self._trial(*of_penalty) for of_penalty in zip(recipes, zip(*fits))]
            self.trials[key] = min(trials, key=lambda t: t.error)
        return self.trials[key]

    def _rectified(self, fits, cuts, penalties):
        """Correct the first of the fits before a fold; a ``Fit`` a penalty."""
        return rectified(fits[0], self.field.blocks, self.o, cuts, self.field.steps, penalties)

    def _trial(self, recipe, fits):
        """Forecast each fold by its ``Fit``; returns the ``Trial``."""
        field, o = self.field, self.o

        def of_stretch(f, i):
            origins = field.stretches[f][i].origins
            return forecast(fits[f], field.blocks[i], i, o, origins, field.steps)[..., None]

        forecasts = field.together(of_stretch)
        return Trial(self.of_output.error(forecasts), recipe, forecasts[..., 0])

    def run(self):
        """Change one setting after the other; returns all trials, the best first."""
        field, o = self.field, self.o
        blocks = field.blocks
        first_cut = max(self.cuts[0])
        seasons = field.clock.seasons
        Y = [block.Y[:, o : o + 1] for block in blocks]
        sets = propose_lags(Y, seasons, first_cut, field.steps)
        pointwise = propose_pointwise(Y, seasons)
        inputs = (0,) if blocks[0].ahead.shape[1] else ()
        some = sets.get("some", next(iter(sets.values())))
        start = Recipe(some, input_lags=inputs, pointwise=pointwise[-1])
        differences = propose_differences(seasons, first_cut)
        leaders = sorted(self.try_out(start._replace(differences=d), PENALTIES) for d in differences)[:3]
        for change in self._changes(sets, pointwise, inputs):
            if self.late():
                break
            tried = [self.try_out(t.recipe._replace(**change), PENALTIES) for t in leaders]
            leaders = [min(old_and_new, key=lambda t: t.error) for old_and_new in zip(leaders, tried)]
        for trial in leaders:
            self.try_out(trial.recipe, (trial.recipe.penalty,), RECTIFY)
        return sorted(self.trials.values(), key=lambda t: t.error)

    def _changes(self, sets, pointwise, inputs):
        """List the changes of a recipe to try, in order."""
        changes = [{"pooling": share} for share in POOLINGS] if len(self.field.blocks) > 1 else []
        changes += [{"lags": lags} for lags in sets.values()]
        changes += [{"pointwise": g} for g in pointwise[:-1]]
        changes += [{"detail": 0}, {"detail": 2}]
        knots = knots_of(self.field.blocks) if inputs else ()
        changes += [{"input_lags": (0, 1, 2)}] if inputs else []
        changes += [{"shapes": knots}] if knots else []
        changes += [{"half_life": 0.5}, {"half_life": 0.15}]
        return changes
