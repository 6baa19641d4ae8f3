"""How the spread of errors goes with the forecast p and the last value v. Errors are scores

    e / g(p, v),      log g = a + b p' + c p'^2 + d v' + f v'^2      (p', v' centered, scaled, within what was seen)

with g, in the mean 1, that makes |e| most likely by Laplace's law, on all but a fifth of the rows, in turn; where that
does not make them more likely in the fifth left out, g = 1.
"""

from typing import NamedTuple

import numpy as np


FOLDS, SURE, MANY = 5, 1.0, 60  # of rows, to try local scales on; standard errors of a gain; errors it takes
RIDGE, FLOOR, NEWTON = 3.0, 0.2, 30  # rows' worth of no slope; the least error, in mean ones; steps


class Scale(NamedTuple):
    """How errors of one step and output spread: log g = weights @ (1, p', p'^2, v', v'^2), within bounds.

    center, width, low, high : (2,), of forecasts p and last values v.   bounds : of log g.
    """

    center: np.ndarray
    width: np.ndarray
    low: np.ndarray
    high: np.ndarray
    weights: np.ndarray
    bounds: tuple

    def terms(self, forecasts, last):
        """Compute the terms (n, 5) of forecasts and last values (n,)."""
        p, v = ((np.stack([forecasts, last], 1).clip(self.low, self.high) - self.center) / self.width).T
        return np.stack([np.ones(len(p)), p, p**2, v, v**2], axis=1)

    def __call__(self, forecasts, last):
        """Return g, (n,)."""
        return np.exp(np.clip(self.terms(forecasts, last) @ self.weights, *self.bounds))


def local_scale(forecasts, last, errors):
    """Fit a ``Scale`` to errors (n,); returns it, and g (n,) by fits to the other rows: None and 1 without a gain."""
    n, size = len(errors), np.abs(errors)
    if n < MANY or not (size.mean() > 0 and np.ptp(forecasts) > 0):
        return None, np.ones(n)
    size = np.maximum(size, FLOOR * size.mean())
    regressors = np.stack([forecasts, last], axis=1)
    width = np.where(np.ptp(regressors, axis=0) > 0, regressors.std(axis=0), np.inf)
    low, high = np.quantile(regressors, [0.01, 0.99], axis=0)
    scale = Scale(regressors.mean(axis=0), width, low, high, np.zeros(5), (-np.inf, np.inf))
    terms = scale.terms(forecasts, last)
    predicted, plain = np.empty((2, n))
    fold_rows = np.array_split(np.arange(n), FOLDS)
    for fold in fold_rows:
        elsewhere = np.delete(np.arange(n), fold)
        predicted[fold] = terms[fold] @ _log_scale(terms[elsewhere], size[elsewhere])
        plain[fold] = np.log(size[elsewhere].mean())
    predicted = np.clip(predicted, *plain[0] + np.log([FLOOR, 1 / FLOOR]))
    gain = plain + size / np.exp(plain) - predicted - size / np.exp(predicted)
    gains = np.array([gain[fold].mean() for fold in fold_rows])
    if not gains.mean() > SURE * gains.std(ddof=1) / np.sqrt(FOLDS):
        return None, np.ones(n)
    weights = _log_scale(terms, size)
    mean = (terms @ weights).mean()
    weights[0] -= mean  # scores stay in the units of errors, as at the steps beside
    predicted -= mean
    bounds = tuple(np.quantile(terms @ weights, [0.01, 0.99]))
    return scale._replace(weights=weights, bounds=bounds), np.exp(predicted.clip(*bounds))


def _log_scale(terms, size):
    """Fit w of log g = terms @ w to sizes (n,) of errors, by Laplace's law and a small penalty on all but the first.

    terms : (n, 5). Newton's method on sum log g + size / g, which is convex in w.
    """
    penalty = np.diag([0.0, *[RIDGE] * 4])
    w = np.zeros(5)
    w[0] = np.log(size.mean())
    for _ in range(NEWTON):
        ratio = size * np.exp(-terms @ w)
        gradient = terms.T @ (1 - ratio) + penalty @ w
        step = np.linalg.solve((terms.T * np.minimum(ratio, 1 / FLOOR)) @ terms + penalty, gradient)
        w -= step * min(1.0, 1.0 / np.abs(terms @ step).max(initial=1e-12))
        if np.abs(step).max() < 1e-6:
            break
    return w
