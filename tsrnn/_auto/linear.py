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


PENALTIES = (1e-5, 1e-3, 1e-2, 1e-1)
POOLINGS = (0.3, 0.05)
RECTIFY = (1e-2, 1e-1, 1.0)
QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of an input, at which its effect may bend
MOST_REMEMBERED = 6  # arrays of features of a block
MOST_EXAMPLES = 4000  # origins that errors are learnt from
BEYOND = 3.0  # times the range of training that a forecast may leave it by


@kept("recipe")
class Recipe(NamedTuple):
    """How an autoregression is made; the search changes one word at a time."""

    lags: tuple
    differences: tuple = ()
    pointwise: Any = None
    detail: int = 1
    input_lags: tuple = (0,)
    shapes: tuple = ()
    half_life: float = np.inf  # shares of the rows
    pooling: float = np.inf  # rows that others count for beside a series' own, as a share of those
    penalty: float = 1e-3
    rectify: float | None = None

    def __str__(self):
        words = [f"{len(self.lags)} lags to {self.lags[-1]}"]
        words += [] if self.pointwise is None else ["log" if "Log" in repr(self.pointwise) else "root"]
        words += [f"difference {p}" for p in self.differences]
        words += [f"calendar {self.detail}"] if self.detail else []
        words += [f"inputs {', '.join(map(str, self.input_lags))}"] if self.input_lags else []
        words += ["shapes"] if self.shapes else []
        words += [f"half-life {self.half_life:g}"] if np.isfinite(self.half_life) else []
        words += [f"others count {self.pooling:g}"] if np.isfinite(self.pooling) else []
        words += ["rectified"] if self.rectify is not None else []
        return f"ARX({'; '.join(words)}; alpha {self.penalty:g})"


@kept("autoregression of a race")
class Fit(NamedTuple):
    """A fitted ``Recipe`` of one output.   model : of a new series.   models : of each, by its number.

    low, high : ends of levels.
    """

    recipe: Recipe
    model: ar.Linear
    models: list
    corrections: Any
    low: float
    high: float


def features(block, recipe):
    """E (N', D), what is known of each row ahead."""
    key = recipe.detail, recipe.input_lags, recipe.shapes
    if key not in block.remembered:
        while len(block.remembered) > MOST_REMEMBERED:
            block.remembered.pop(next(iter(block.remembered)))
        block.remembered[key] = _features(block, *key)
    return block.remembered[key]


def _features(block, detail, input_lags, shapes):
    """The calendar, inputs at their lags, and their shapes: hinges, the mean of the last day, by the time of day."""
    X, parts = block.ahead, [block.calendar(detail)]
    if not input_lags or X.shape[1] == 0:
        return parts[0]
    bent = [np.maximum(X[:, j] - knot, 0) for j, knots in enumerate(shapes) for knot in knots]
    own = np.column_stack([X, *bent])
    parts += [_later(own, lag) for lag in input_lags]
    if shapes:
        many = [j for j, knots in enumerate(shapes) if knots]
        first = block.clock.seasons[0] if block.clock.seasons else 0
        if first and many:
            parts.append(_moving_mean(X[:, many], first))
            day = (
                harmonics((block.place % first) / first, 2)
                if block.clock.step is None
                else block.calendar(1)[:, :4]
            )
            if block.clock.step is None or block.clock.rows("day"):
                curved = np.column_stack([X[:, many], *bent])
                parts.append((curved[:, :, None] * day[:, None, :]).reshape(len(X), -1))
    return np.concatenate(parts, axis=1)


def _later(X, lag):
    """X (N, F), ``lag`` rows later; the first row stands before it."""
    return (
        X
        if lag == 0
        else np.concatenate([np.repeat(X[:1], min(lag, len(X)), axis=0), X[: max(0, len(X) - lag)]])
    )


def _moving_mean(X, n):
    """The mean of the last n rows, (N, F); of those there are, at the start."""
    total = np.concatenate([np.zeros((1, X.shape[1])), np.cumsum(X, axis=0)])
    end = np.arange(1, len(X) + 1)
    begin = np.maximum(end - n, 0)
    return (total[end] - total[begin]) / (end - begin)[:, None]


def knots_of(blocks):
    """Where inputs with many values bend: quantiles of each, () of others; and () where none has many."""
    X = np.concatenate([block.ahead[: len(block)] for block in blocks])
    found = [tuple(np.quantile(x, QUANTILES)) if len(np.unique(x)) > 20 else () for x in X.T]
    return tuple(found) if any(found) else ()


def _weights(block, o, half_life, n):
    """How much each row of an output counts, (N,)."""
    counts = block.known[:n, o] * block.weight[:n]
    if np.isfinite(half_life):
        counts *= 0.5 ** ((n - 1 - np.arange(n)) / (half_life * n))
    return counts


def fit(blocks, recipe, o, cuts, penalties=None):
    """``Fit`` for each penalty, of output o, to the rows of each block before its cut."""
    return fit_many(blocks, recipe, o, [cuts], penalties)[0]


def fit_many(blocks, recipe, o, cuts, penalties=None):
    """For each list of cuts (one a block, ascending from list to list) a list of ``Fit``, one a penalty."""
    penalties = (recipe.penalty,) if penalties is None else penalties
    sums = []  # block by block, cut by cut
    for i, block in enumerate(blocks):
        n = max(of_fold[i] for of_fold in cuts)
        u, E = block.levels(recipe.pointwise)[:n, o], features(block, recipe)[:n]
        rows = ar.regressors(u, E, recipe.lags, recipe.differences)
        sums.append(ar.sums_until(rows, _weights(block, o, recipe.half_life, n), [c[i] for c in cuts]))
    found = []
    for f, of_fold in enumerate(cuts):
        parts = [of_block[f] for of_block in sums]
        low, high = _range(blocks, recipe, o, of_fold)
        found.append(_of_sums(parts, recipe, penalties, low, high))
    return found


def fit_with_sums(blocks, recipe, o, cuts):
    """``Fit`` to the rows before the cuts, and each block's sums, to be added to."""
    sums = []
    for block, cut in zip(blocks, cuts):
        rows = ar.regressors(
            block.levels(recipe.pointwise)[:cut, o],
            features(block, recipe)[:cut],
            recipe.lags,
            recipe.differences,
        )
        sums.append(ar.sums_until(rows, _weights(block, o, recipe.half_life, cut), [cut])[0])
    return _of_sums(sums, recipe, (recipe.penalty,), *_range(blocks, recipe, o, cuts))[0], sums


def _of_sums(sums, recipe, penalties, low, high):
    """``Fit`` of each block's sums, for each penalty."""
    whole = ar.pooled(sums)
    common = ar.ridge(whole, penalties)
    own = [[_with_intercept(beta, b, noise, part) for part in sums] for beta, b, noise in common]
    if np.isfinite(recipe.pooling) and len(sums) > 1:
        each = [ar.ridge(_beside(part, whole, recipe.pooling), penalties) for part in sums]
        own = [[of_part[k] for of_part in each] for k in range(len(penalties))]

    def levels(beta, b, noise):
        return ar.in_levels(beta, b, noise, recipe.lags, recipe.differences)

    pairs = zip(common, own)
    return [Fit(recipe, levels(*c), [levels(*one) for one in o], None, low, high) for c, o in pairs]


def _with_intercept(beta, b, noise, part):
    """The same coefficients with the intercept of one series."""
    return beta, part.mean[-1] - beta @ part.mean[:-1] if part.n > 0 else b, noise


def _beside(part, whole, pooling):
    """``Sums`` of a series, and of all about its own mean, which count for a share of its rows."""
    if part.n <= 0:
        return whole
    return ar.merged(part, whole._replace(n=pooling * part.n, mean=part.mean))


def extended(fitted, sums, recipe, o, new):
    """``Fit`` and sums after rows were added: ``new`` are a block, its number and its first new row.

    Corrections stay.
    """
    block, i, start = new
    part, n = sums[i], len(block)
    E = features(block, recipe)[:n]
    rows = ar.regressors(block.levels(recipe.pointwise)[:, o], E, recipe.lags, recipe.differences)
    counts = block.known[:, o] * block.weight
    counts[:start] = 0.0
    if np.isfinite(recipe.half_life):  # what is older counts less
        part = part._replace(n=part.n * 0.5 ** ((n - start) / (recipe.half_life * max(part.n, n))))
    longer = [*sums[:i], ar.merged(part, ar.sums_until(rows, counts, [n])[0]), *sums[i + 1 :]]
    low, high = _range([block], recipe, o, [n])
    (more,) = _of_sums(longer, recipe, (recipe.penalty,), min(low, fitted.low), max(high, fitted.high))
    return more._replace(recipe=fitted.recipe, corrections=fitted.corrections), longer


def _range(blocks, recipe, o, cuts):
    """Levels that no forecast may leave, beyond those of training."""
    low = min(block.levels(recipe.pointwise)[:c, o].min() for block, c in zip(blocks, cuts) if c)
    high = max(block.levels(recipe.pointwise)[:c, o].max() for block, c in zip(blocks, cuts) if c)
    room = BEYOND * (high - low) if recipe.pointwise is None else 0.5 * (high - low)
    return low - room, high + room


def levels_ahead(fitted, block, i, o, origins, steps, E=None):
    """Forecasts (M, steps) of the levels, of block number i (None for a new one)."""
    E = features(block, fitted.recipe) if E is None else E
    model = fitted.model if i is None else fitted.models[i]
    u = block.levels(fitted.recipe.pointwise)[:, o]
    made = ar.ahead(model, u, E, origins, steps)
    if fitted.corrections is not None:
        Z = situation(block, fitted.recipe, o, origins, E)
        beta, b = fitted.corrections
        step = np.minimum(np.arange(steps), len(b) - 1)  # beyond those that were learnt the last one
        made = made + Z @ beta[:, step] + b[step]
    return np.clip(np.nan_to_num(made, nan=0.0, posinf=1e300, neginf=-1e300), fitted.low, fitted.high)


def forecast(fitted, block, i, o, origins, steps):
    """Forecasts (M, steps) of y."""
    made = levels_ahead(fitted, block, i, o, origins, steps)
    return made if fitted.recipe.pointwise is None else fitted.recipe.pointwise.inverse(made)


# ------------------------------------------------------------------------------------ rectified


def situation(block, recipe, o, origins, E):
    """z(k) (M, D): what is known before row k."""
    U = block.levels(recipe.pointwise)
    before = np.maximum(np.asarray(origins) - 1, 0)
    lags = np.array(recipe.lags)
    own = U[np.maximum(origins[:, None] - lags, 0), o]
    last = U[before, o]
    parts = [own[:, 1:] - last[:, None], E[origins]]
    if not recipe.differences:
        parts.append(last[:, None])
    others = [k for k in range(U.shape[1]) if k != o]
    if others:
        parts += [
            U[before][:, others] - U[np.maximum(before - 1, 0)][:, others],
            U[before][:, others] - last[:, None],
        ]
    if block.seen.shape[1]:
        V = block.seen
        parts += [V[before], V[np.maximum(before - 1, 0)] - V[before]]
    return np.concatenate(parts, axis=1)


def rectified(fitted, blocks, o, cuts, steps, penalties=None):
    """The same ``Fit`` with corrections for each step, learnt from its own errors before the cuts; one a penalty."""
    penalties = (fitted.recipe.rectify,) if penalties is None else penalties
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
    found = _many_targets(np.concatenate(Z), np.concatenate(R), np.concatenate(weight), penalties)
    return [
        fitted._replace(recipe=fitted.recipe._replace(rectify=penalty), corrections=correction)
        for penalty, correction in zip(penalties, found)
    ]


def _many_targets(Z, R, weight, penalties):
    """Ridge regressions of R (M, h) on Z (M, D): (beta (D, h), b (h,)) for each penalty."""
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
    found = []
    for penalty in penalties:
        beta = (vectors @ (projected / (values + penalty)[:, None])) / scale[:, None]
        found.append((beta, r_mean - z_mean @ beta))
    return found


# ------------------------------------------------------------------------------------ the search


class Trial(NamedTuple):
    """A recipe of one output that was tried: its error, and its forecasts (M, h) at the field's origins."""

    error: float
    recipe: Recipe
    made: np.ndarray


class Search:
    """Tries recipes of one output on a field, and remembers them.   late() : whether the clock has run out."""

    def __init__(self, field, o, late):
        self.field, self.o, self.late = field, o, late
        self.cuts = [[s.cut for s in fold] for fold in field.stretches]
        self.trials = {}

    def error(self, made):
        """Of forecasts (M, h)."""
        one = slice(self.o, self.o + 1)
        field = self.field
        part = field._replace(
            truth=field.truth[..., one], unit=field.unit[..., one], naive=field.naive[..., one]
        )
        return part.error(made[..., None])

    def try_out(self, recipe, penalties=None, rectify=None):
        """The best ``Trial`` over some penalties, or over penalties of the rectified one."""
        key = recipe._replace(penalty=0.0, rectify=None), penalties, rectify
        if key in self.trials:
            return self.trials[key]
        field, o = self.field, self.o
        fits = fit_many(field.blocks, recipe, o, self.cuts, penalties)
        if rectify is not None:
            fits = [
                rectified(of_fold[0], field.blocks, o, cuts, field.horizon, rectify)
                for of_fold, cuts in zip(fits, self.cuts)
            ]
        best = None
        for k, _ in enumerate(fits[0]):
            made = field.together(
                lambda f, i, k=k: forecast(
                    fits[f][k], field.blocks[i], i, o, field.stretches[f][i].origins, field.horizon
                )[..., None]
            )[..., 0]
            chosen = recipe._replace(penalty=(penalties or (recipe.penalty,))[k if rectify is None else 0])
            chosen = chosen if rectify is None else chosen._replace(rectify=rectify[k])
            trial = Trial(self.error(made), chosen, made)
            best = trial if best is None or trial.error < best.error else best
        self.trials[key] = best
        return best

    def run(self):
        """Search one word after the other; all trials, the best first."""
        field, o = self.field, self.o
        blocks = field.blocks
        first_cut = max(self.cuts[0])
        seasons = field.clock.seasons
        Y = [block.Y[:, o : o + 1] for block in blocks]
        sets = propose_lags(Y, seasons, first_cut, field.horizon)
        pointwise = propose_pointwise(Y, seasons)
        inputs = (0,) if blocks[0].ahead.shape[1] else ()
        start = Recipe(
            sets.get("some", next(iter(sets.values()))), input_lags=inputs, pointwise=pointwise[-1]
        )
        differences = propose_differences(seasons, first_cut)
        leaders = [self.try_out(start._replace(differences=d), PENALTIES) for d in differences]
        leaders = sorted(leaders)[:3]
        for change in self._changes(sets, pointwise, inputs):
            if self.late():
                break
            tried = [self.try_out(t.recipe._replace(**change), PENALTIES) for t in leaders]
            leaders = [min(pair, key=lambda t: t.error) for pair in zip(leaders, tried)]
        for trial in leaders:
            self.try_out(trial.recipe, (trial.recipe.penalty,), RECTIFY)
        return sorted(self.trials.values(), key=lambda t: t.error)

    def _changes(self, sets, pointwise, inputs):
        """What is changed of a recipe, one after the other."""
        changes = [{"pooling": share} for share in POOLINGS] if len(self.field.blocks) > 1 else []
        changes += [{"lags": lags} for lags in sets.values()]
        changes += [{"pointwise": g} for g in pointwise[:-1]]
        changes += [{"detail": 0}, {"detail": 2}]
        knots = knots_of(self.field.blocks) if inputs else ()
        changes += [{"input_lags": (0, 1, 2)}] if inputs else []
        changes += [{"shapes": knots}] if knots else []
        changes += [{"half_life": 0.5}, {"half_life": 0.15}]
        return changes
