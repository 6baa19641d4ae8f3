"""How the user's numbers become the model's, and back.

    x  --fill-->  x without NaN  --scaler-->  model's x
    y  --pointwise-->  level u  --minus sum_k c_k u(t - k)-->  change w  --scaler-->  model's y

(``targets.py``, ``scaling.py``).  Dimensions: N rows, F inputs of the user, D inputs of the model, O outputs, K levels
that a change looks back on.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .._values import kept
from .scaling import Scaler
from .targets import Bounds, Target


class Series(NamedTuple):
    """One series in the model's units.

    X : (N, D).   Y : (N, O), NaN where unknown.   w : (N,), weights.   held : (N,) bool, validation rows.
    """

    X: np.ndarray
    Y: np.ndarray
    w: np.ndarray
    held: np.ndarray


def none_held(series):
    """Return some ``Series`` with all rows to learn from."""
    return [s._replace(held=np.zeros(len(s.held), bool)) for s in series]


def all_held(series):
    """Return some ``Series`` with all rows held back."""
    return [s._replace(held=np.ones(len(s.held), bool)) for s in series]


def held_elsewhere(series, share):
    """Return some ``Series`` with other rows held back, of those that count: that share of the way to the next stretch.

    Where whole series are held back, others are.
    """
    whole = np.array([len(s.held) > 0 and s.held.all() for s in series])
    if whole.any():
        count = np.flatnonzero([s.w.any() for s in series])
        apart = len(count) / max(whole[count].sum(), 1)
        whole[count] = np.roll(whole[count], -int(share * apart))
        return [s._replace(held=np.full(len(s.held), held)) for s, held in zip(series, whole)]
    return [s._replace(held=_moved(s, share)) for s in series]


def _moved(series, share):
    """Return which rows of a ``Series`` are held back elsewhere, (N,) bool."""
    rows = np.flatnonzero(series.w > 0)
    held = series.held[rows]
    n_stretches = max(1, np.count_nonzero(np.diff(held, prepend=False) & held))
    moved = np.zeros(len(series.held), bool)
    moved[rows] = np.roll(held, -int(share * len(rows) / n_stretches))
    return moved


def runs_of(rows):
    """Split ascending row numbers (M,) into runs without a gap."""
    ends = [0, *(np.flatnonzero(rows[1:] - rows[:-1] > 1) + 1).tolist(), len(rows)]
    return [rows[a:b] for a, b in pairwise(ends)]


def end_to_end(series, padding):
    """Join many series in one array: a ``Series`` of all rows, the place of each, where each begins and ends (n,).

    padding : places after each, which belong to none.
    """
    lengths = np.array([len(s.Y) for s in series])
    end = np.cumsum(lengths + padding) - padding
    begin = end - lengths
    return Series(*map(np.concatenate, zip(*series))), rows_between(begin, end), begin, end


def rows_between(first, end, step=1):
    """Concatenate first, first + step ... < end, for each of (n,)."""
    n = np.maximum(-(-(end - first) // step), 0)
    return np.repeat(first - step * (np.cumsum(n) - n), n) + step * np.arange(n.sum())


class Inputs(NamedTuple):
    """The inputs of some rows: all that a model sees of them besides y.

    filled : (N, D), the user's units, without NaN.   z : (N, D), the model's.   limits : bounds of the levels, low and
    high, (N, O) each, or None.
    """

    filled: np.ndarray
    z: np.ndarray
    limits: tuple | None

    def of(self, rows):
        """Return the inputs of a slice of the rows."""
        limits = None if self.limits is None else tuple(side[rows] for side in self.limits)
        return Inputs(self.filled[rows], self.z[rows], limits)


@kept("units")
class Units(NamedTuple):
    """How the user's numbers become the model's, learnt in ``fit``.

    missing : what replaces NaN in X.   means : (F,), of the user's inputs.   x, y : scalers of (D,) and (O,); of
    labels y is a ``Link``.   target, bounds : of y; bounds None where open.   level, reach : (O,), the mean level, and
    how far from it training gets.   mean : the mean inputs (D,) and outputs (O,) of training, in the model's units.
    delay : rows after which the model outputs what belongs to a row.   own : {key: (center, scale)} of the levels of
    each series, (O,) each, or None where all share one scale.   range : as of ``ends_of``, of y in training, (O,)
    each, by which later ones are doubted; or None where all are believed.   usual : ``Ranges`` of the user's inputs
    (F,) and of y (O,) or None, by which later ones in other units are noticed; or None.
    """

    missing: str
    means: np.ndarray
    x: Scaler
    y: Scaler
    target: Target
    bounds: Bounds | None
    level: np.ndarray
    reach: np.ndarray
    mean: tuple
    delay: int = 0
    own: dict | None = None
    range: tuple | None = None
    usual: tuple | None = None

    @property
    def n_inputs(self):
        """F, the columns of the user's X."""
        return len(self.means)

    @property
    def n_outputs(self):
        """O, the columns of y."""
        return len(self.level)

    @property
    def looks_back(self):
        """K, the levels that a change is taken from."""
        return len(self.target.coef)

    @property
    def plain(self):
        """Whether a model may feed its own output back as it is: no bounds, no differences, no labels."""
        return self.alone and self.y.feeds_output

    @property
    def alone(self):
        """Whether the level of a row is that of its output alone: no bounds, no differences."""
        return self.bounds is None and not self.looks_back

    @property
    def ends(self):
        """Bounds of the levels, low and high (O,) each, infinite where open or a column of X; None without bounds."""
        if self.bounds is None:
            return None
        sides = zip(self.bounds, (-np.inf, np.inf))
        return self.target.bound_levels(
            *([end if isinstance(bound, int) else bound for bound in side] for side, end in sides)
        )

    def levels(self, table):
        """Convert the y of a table to levels (N, O)."""
        return scaled_by_series(self.target.levels(table.y), self.own, table.parts)

    def inverse(self, U, key):
        """Convert levels of the series with a key to y (..., O), in the user's units."""
        if self.own is not None:
            center, scale = scale_of(self.own, key)
            U = center + scale * U
        return self.target.inverse(U)

    def inverse_all(self, U, keys):
        """Convert levels of several series, (n, O) each, as ``inverse``."""
        if self.own is not None or len(U) == 1:
            return [self.inverse(u, key) for u, key in zip(U, keys)]
        return np.split(self.inverse(np.concatenate(U), None), len(U))

    def fill(self, X, last):
        """Fill NaN in X (N, F), (N, D); ``last`` (F,) are the inputs before the first row."""
        return fill(self.missing, self.means, X, last)

    def inputs(self, X, last):
        """Return the ``Inputs`` of rows X (N, F)."""
        return self.scaled(self.fill(X, last))

    def scaled(self, filled):
        """Return the ``Inputs`` of rows without NaN, (N, D)."""
        return Inputs(filled, self.x(filled), self.limits(filled))

    def scaled_all(self, filled):
        """Return the ``Inputs`` of several series, of as many rows each."""
        if len(filled) == 1:
            return [self.scaled(filled[0])]
        whole, n = self.scaled(np.concatenate(filled)), len(filled[0])
        return [whole.of(slice(k * n, k * n + n)) for k in range(len(filled))]

    def missed(self, last):
        """Fill in the inputs of missing rows after the last known ones (m, F), (m, D)."""
        if self.missing == "mask":
            return np.concatenate([last, np.ones_like(last)], axis=1)
        return np.tile(self.means, (len(last), 1)) if self.missing == "mean" else last

    def limits(self, X):
        """Return bounds of the levels (N, O) in rows of X (N, >= F); None where all are open."""
        if self.bounds is None:
            return None
        return self.target.bound_levels(*self.bounds(X[:, : self.n_inputs]))

    def late(self, U):
        """Shift levels (N, O) of rows without a gap to the rows at which the model outputs them."""
        return late(U, self.delay)

    def known(self, levels):
        """Replace NaN in levels (..., K, O) by the last known one, else the mean of training."""
        if levels.shape[-2] == 0 or not np.isnan(levels).any():
            return levels
        levels = levels.copy()
        before = np.broadcast_to(self.level, levels[..., 0, :].shape)
        for k in range(levels.shape[-2]):
            before = levels[..., k, :] = np.where(np.isnan(levels[..., k, :]), before, levels[..., k, :])
        return levels


def scaled_by_series(U, scales, parts):
    """Scale levels (N, O) of some series to (u - center) / scale.   scales : {key: (center, scale)}, or None."""
    if scales is None:
        return U
    out = np.empty_like(U)
    for part in parts:
        out[part.rows] = scaled_as(U[part.rows], scales, part.key)
    return out


def scaled_as(U, scales, key):
    """Scale levels (..., O) of the series with a key, as ``scaled_by_series``."""
    if scales is None:
        return U
    center, scale = scale_of(scales, key)
    return (U - center) / scale


def differ_in_size(U, parts, alone):
    """Return whether one scale cannot serve the levels U (N, O) of some series.

    It cannot where a tenth of them varies ten times as much as another tenth or, of y ``alone``, where their means lie
    apart by more than three times what a series varies: inputs, if there are any, may be why they do.
    """
    rows = [U[part.rows] for part in parts if part.rows.stop > part.rows.start]
    n = np.array([len(u) for u in rows], int)
    U, starts = np.concatenate([U[:0], *rows]), np.cumsum(n) - n
    known = np.isfinite(U)
    measured = np.add.reduceat(known, starts, dtype=int)  # of each series, (S, O), as those below
    tells = (measured > 1) & (np.fmax.reduceat(U, starts) > np.fmin.reduceat(U, starts))
    tells = tells.all(axis=1)  # the others say nothing of sizes
    if np.count_nonzero(tells) < 2:
        return False
    means = np.add.reduceat(np.where(known, U, 0.0), starts) / np.maximum(measured, 1)
    squares = np.where(known, U - np.repeat(means, n, axis=0), 0.0) ** 2
    spread = np.sqrt(np.add.reduceat(squares, starts)[tells] / measured[tells])
    small, typical, large = np.quantile(spread, (0.1, 0.5, 0.9), axis=0, method="nearest")
    apart = np.std(means[tells], axis=0)
    return bool((large > 10 * small).any() or (alone and (apart > 3 * typical).any()))


def scale_of(scales, key):
    """Return center and scale (O,) of a series; of an unknown one the medians of the others."""
    if key in scales:
        return scales[key]
    return tuple(np.median(values, axis=0) for values in zip(*scales.values()))


def with_new_scales(scales, U, target, parts, most=None):
    """Return the scales {key: (center, scale)}, completed by those of new series with levels U (N, O).

    They are those of the first ``most`` measured levels, or all; where changes are learnt the scale is that of changes.
    """
    scales = dict(scales)
    for part in parts:
        if part.key in scales:
            continue
        u = U[part.rows]
        measured = np.flatnonzero(np.isfinite(u).all(axis=1))
        if len(measured) == 0:
            continue
        u = u[: measured[:most][-1] + 1]
        past = np.full((len(target.coef), u.shape[1]), np.nan)
        w = target.differences(u, past) if len(past) else u
        w = u if np.isfinite(w).sum(axis=0).min() < 2 else w
        center, scale = np.nanmean(u, axis=0), np.nanstd(w, axis=0)
        unknown = _usual_change(scales, center, target) if len(past) else np.abs(center)
        unknown = np.where(unknown > 0, unknown, 1.0)
        scales[part.key] = center, np.where(scale > 1e-9 * np.abs(center), scale, unknown)
    return scales


def _usual_change(scales, center, target):
    """Return the usual size of a change (O,), of the other series, in relation to their centers if they are no logs."""
    sizes = [np.where(c != 0, np.abs(c), 1.0) for c, _ in scales.values()]
    if target.pointwise:
        sizes, center = [np.ones_like(size) for size in sizes], np.ones_like(center)
    shares = [scale / size for (_, scale), size in zip(scales.values(), sizes)]
    return np.abs(center) * np.median(shares, axis=0) if shares else np.abs(center)


def late(U, delay):
    """Delay levels (N, O) by ``delay`` rows, NaN before."""
    if not delay:
        return U
    return np.concatenate([np.full((min(delay, len(U)), U.shape[1]), np.nan), U[: len(U) - delay]])


def fill(missing, means, X, last):
    """Fill NaN in X (N, F) and, for "mask", append where it was NaN, (N, D).

    missing : "error" (there is none), "hold" the last known value, "mean", or "mask".   last : (F,), inputs before.
    """
    if missing == "error":
        return X
    unknown = np.isnan(X)
    if missing == "mean":
        return np.where(unknown, means, X)
    at = np.maximum.accumulate(np.where(unknown, 0, np.arange(1, len(X) + 1)[:, None]), axis=0)
    filled = np.concatenate([last[None], X])[at, np.arange(X.shape[1])]
    return np.concatenate([filled, unknown], axis=1) if missing == "mask" else filled


def filled_width(missing, n_inputs):
    """Return D, the number of columns that ``fill`` makes of F."""
    return n_inputs * (2 if missing == "mask" else 1)


def input_means(X, counts):
    """Average each input over the rows that count, NaN left out, (F,)."""
    valid = np.isfinite(X[counts])
    if not valid.any(axis=0).all():
        raise ValueError(
            f"X has no value in column {int(np.argmin(valid.any(axis=0)))} of the rows left for training: drop it."
        )
    return np.array([np.mean(v[k]) for v, k in zip(X[counts].T, valid.T)])


def level_and_reach(U):
    """Return the mean of levels (N, O), and how far from it they get, (O,) each."""
    level = np.nanmean(U, axis=0)
    reach = np.maximum(np.nanmax(np.abs(U - level), axis=0), 1e-3 * np.abs(level))
    return level, np.where(reach > 0, reach, 1e-2)
