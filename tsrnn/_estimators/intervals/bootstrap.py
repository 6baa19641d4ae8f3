"""Intervals of paths: errors of one step, drawn at random, are added to the output and fed back."""

from functools import partial

import numpy as np
from scipy.special import ndtri

from ..._series.scaling import LogLink
from ..following import MOST_NUMBERS, follow, runs
from .adaptive import DEVIATION, DOUBT, Kind, tracked
from .asked import ends_of
from .bounds import infinite, pinned
from .errors import Maker, but_zero, check_enough, of_learnt_rows, residuals, warn_if_overfitted
from .pools import n_near


def path_bands(fitted, remembered, rows, first, made, query, since):
    """Return intervals and paths, as ``bands`` does, of paths that errors of one step make."""
    model, errors = Maker(fitted.trained.dynamics, fitted.units), fitted.errors
    warn_if_overfitted(fitted, remembered)
    if not (query.draws or query.paths):
        return {}, None
    units, (M, steps, O) = model.units, made.shape
    intervals, paths = {q: (np.empty_like(made), np.empty_like(made)) for q in query.levels}, None
    is_counted = isinstance(units.y, LogLink)  # then errors are those of the distribution around the mean
    if is_counted:
        draw, state = partial(units.y.draw, rng=query.rng), None
    else:
        outputs, one_step, sides = remembered(lambda: residuals(model, errors.segments), "residuals")
        one_step = one_step * of_learnt_rows(fitted, remembered)
        draw = Drawer(outputs, one_step, sides, query.rng, max(query.levels, default=50))
        state = drift(model, draw, since)
    for m, draws in _draws(draw, state, max(1, MOST_NUMBERS // (query.n_paths * steps * O)), M):
        drawn = runs(*model, *rows, np.repeat(first[m], query.n_paths), steps, draws)
        paths = np.concatenate([out.transpose(1, 0, 2) for _, out in drawn])
        paths = paths.reshape(-1, query.n_paths, steps, O).swapaxes(0, 1)
        paths = units.y.exact(paths) if is_counted else paths
        # a level that has moved leaves forecasts behind, and an interval that goes back to them is too wide
        center = made[m] if state is None else np.where(state.shift[m] == 0, made[m], np.nan)
        for q, pair in ends_of(paths, center, query.levels).items():
            for end, new in zip(intervals[q], pair):
                end[m] = new
    return intervals, paths


def _draws(draw, state, some, M):
    """Yield slices of M forecasts and what draws errors for them: ``some`` at once, one where there are states."""
    if state is None:
        for m in range(0, M, some):
            yield slice(m, m + some), draw
        return
    for m in range(M):
        shift, spread = state.shift[m, 0], state.spread[m, 0]
        yield slice(m, m + 1), lambda z, shift=shift, spread=spread: shift + spread * draw(z)


def drift(model, draw, since):
    """Return the ``ErrorState`` of errors of one step, in the model's units, at each forecast; None if none came."""
    if since.recent is None:
        return None
    outputs, errors = [], []
    for s in since.recent.stretches:
        inputs = model.units.scaled(s.X)
        followed = follow(*model, inputs, s.U, s.past)
        outputs.append(followed.z)
        errors.append(np.where(np.isnan(s.U) | pinned(inputs), np.nan, followed.Z - followed.z))
    outputs, errors = np.concatenate(outputs), np.concatenate(errors)
    if not len(errors):
        return None
    alike = Kind(np.ones((1, errors.shape[1])), DEVIATION, 0.0)  # each error holds as much as one
    sizes = draw.sizes(outputs)
    return tracked(errors[:, None], sizes[:, None], alike, [], _nobody, model.dynamics.gap).of(since.at)


def _nobody(scores, origin, n):
    """Return no shares outside, of no levels."""
    return np.empty((len(scores), 0, 2, scores.shape[1]))


class Drawer:
    """Draws errors (n, O) of rows whose outputs (mean over O) were near; their sizes are mean absolute ones.

    A mean that may be noise is taken off: fed back, it would be added at each step. Of n errors in order a new one is
    below the first with a chance of 1 / (n + 1), so each stands for a piece of what lies between its neighbours, and
    the outer ones for a normal's tail: errors alone would cover (n - 1) / (n + 1) of what they ought to. Of rows on a
    bound, ``sides`` (n, O), infinite ones are drawn.
    """

    def __init__(self, outputs, errors, sides, rng, level):
        check_enough(len(errors), "rows", level)
        order = np.argsort(outputs.mean(axis=1), kind="stable")
        self.sides = sides[order]
        self.key, self.rng, self.errors = outputs.mean(axis=1)[order], rng, but_noise(errors)[order]
        self.errors = np.stack([but_zero(*column) for column in zip(self.errors.T, outputs[order].T)], axis=1)
        self.k, n = n_near(len(errors), level), len(errors)
        self.ordered = np.sort(self.errors, axis=0)
        self.rank = np.argsort(np.argsort(self.errors, axis=0, kind="stable"), axis=0) * (n + 1) / n

    def _first(self, z):
        """Return the first of the errors near outputs z (m, O), (m,)."""
        center = np.searchsorted(self.key, z.mean(axis=1))
        return np.clip(center - self.k // 2, 0, len(self.key) - self.k)

    def __call__(self, z):
        """Return errors (m, O) to add to outputs z (m, O)."""
        rows, n = self._first(z) + self.rng.integers(self.k, size=len(z)), len(self.ordered)
        at = self.rank[rows] + self.rng.uniform(0, (n + 1) / n, size=(len(z), self.ordered.shape[1]))
        out = np.empty_like(at)
        for o, errors in enumerate(self.ordered.T):
            out[:, o] = np.interp(at[:, o], np.arange(1, n + 1), errors)
            below, above = at[:, o], n + 1 - at[:, o]
            for end, extreme in ((below, min(errors[0], 0)), (above, max(errors[-1], 0))):
                outer = end < 1
                out[outer, o] = extreme * ndtri(end[outer] / (n + 1)) / ndtri(1 / (n + 1))
        return infinite(out, self.sides[rows])

    def sizes(self, z):
        """Return the mean absolute errors near outputs z (m, O), (m, O)."""
        total = np.concatenate([np.zeros_like(self.errors[:1]), np.abs(self.errors).cumsum(axis=0)])
        first = self._first(z)
        return (total[first + self.k] - total[first]) / self.k


def but_noise(errors):
    """Take the mean off errors (n, O), or as much of it as may be noise."""
    mean, noise = errors.mean(axis=0), errors.var(axis=0) / len(errors)
    doubt = DOUBT * noise / np.maximum(mean**2, 1e-300)
    return errors - mean * np.minimum(doubt, 1.0)
