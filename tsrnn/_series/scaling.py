"""Scaling of X and y, learnt from the training rows."""

from types import NoneType
from typing import Any, NamedTuple

import numpy as np

from .._values import kept


@kept("scaler")
class Scaler(NamedTuple):
    """z = (v - center) / scale, column by column."""

    center: np.ndarray
    scale: np.ndarray

    feeds_output = True  # what comes out of a model may be fed back as it is

    def of(self, columns):
        """Return the scaler of some columns."""
        return Scaler(self.center[columns], self.scale[columns])

    def without(self, columns):
        """Return the scaler that ignores columns, (D,) bool: they are 0."""
        return self._replace(scale=np.where(columns, np.inf, self.scale))

    def __call__(self, V):
        """Scale V (N, D) to the model's units."""
        return (V - self.center) / self.scale

    def inverse(self, Z):
        """Scale Z (N, D) back to the user's units."""
        return Z * self.scale + self.center


@kept("log link")
class LogLink(NamedTuple):
    """The scaler of a y whose loss has a log link: a model sees y / scale, and gives log(mean / scale).

    loss : that of the fit, which knows the distribution around a mean.
    """

    scale: np.ndarray
    loss: Any

    feeds_output = False  # but the mean

    @property
    def center(self):
        """None: 0 stays 0."""
        return np.zeros_like(self.scale)

    def __call__(self, V):
        """Scale V (N, O) to what a model sees."""
        return V / self.scale

    def inverse(self, Z):
        """Return the means (N, O) of a model's outputs."""
        with np.errstate(over="ignore"):
            return self.scale * np.exp(Z)

    def exact(self, paths):
        """Round paths of counts, which went through a logarithm."""
        return np.round(paths) if self.loss.counts else paths

    def draw(self, z, rng):
        """Draw what to add to outputs z (m, O), for values of the distribution around their means."""
        with np.errstate(divide="ignore"):
            return np.log(self.loss.draw(self.inverse(z), rng) / self.scale) - z


def make_scaler(kind, V, counts, name):
    """Learn a scaler from the rows ``counts`` (N,) bool of V (N, D), ignoring NaN.

    Constant columns: scale 1 in y; inf in X, so that the input is ignored.
    """
    unknown = [k for k, v in enumerate(V.T) if np.isnan(v[counts]).all()]  # all of them where no row counts
    if unknown:
        column = f" in column {unknown[0]}" * (V.shape[1] > 1)
        raise ValueError(
            f"{name} has no measured value{column} in the rows left for training: give more rows, a positive "
            "sample_weight to more of them, or a lower validation_fraction."
        )
    if not isinstance(kind, (str, NoneType)) or kind not in SCALES:
        raise ValueError(
            f"scale={kind!r} is unknown: give 'auto', 'standard', 'minmax', 'robust', 'series' or None."
        )
    columns = [_center_and_scale(kind, v[counts]) for v in V.T]  # column by column, to copy no more than one
    center, scale = np.array(columns, float).reshape(-1, 2).T.copy()
    constant = scale <= 10 * np.finfo(float).eps * np.abs(center)
    return Scaler(center, np.where(constant, np.inf if name == "X" else 1.0, scale))


def _center_and_scale(kind, v):
    """Return center and scale of a column v (N,), NaN ignored, by a power of two if squares overflow or vanish."""
    largest = np.nanmax(np.abs(v))
    plain = kind is None or largest == 0 or 1e-150 < largest < 1e150
    unit = 1.0 if plain else np.ldexp(1.0, np.frexp(largest)[1] - 1)
    center, scale = SCALES[kind](v / unit)
    return center * unit, scale * unit


def _robust(v):
    """Return the median, and the interquartile range over 1.349, that of a standard normal."""
    low, center, high = np.nanpercentile(v, [25, 50, 75])
    return center, (high - low) / 1.349 or np.nanstd(v)


def _minmax(v):
    """Return the midrange, and half the range."""
    low, high = np.nanmin(v), np.nanmax(v)
    return (low + high) / 2, (high - low) / 2


def _standard(v):
    """Return the mean and the standard deviation."""
    return np.nanmean(v), np.nanstd(v)


SCALES = {  # center and scale of a column v (N,), ignoring NaN
    None: lambda v: (0.0, 1.0),
    "auto": _standard,
    "standard": _standard,
    "minmax": _minmax,
    "robust": _robust,
    "series": _standard,  # of all, in the units that each series has of its own
}
