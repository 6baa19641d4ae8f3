"""Comparison of forecasts with persistence, the value a period ago, a linear ARX and the mean.

    gain(t) = e_baseline(t)^2 - e_model(t)^2                    p: that its mean is not above 0 (Diebold and Mariano)

Arrays: errors (N,) by horizon, NaN where nothing was measured.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr

from .._estimators.regressor import forecasts_ahead
from .._models.arx import ARXRegressor
from .._models.naive import PersistenceRegressor, SeasonalNaiveRegressor
from .._series import timeline as timelines
from ._correlations import correlation


class Record(NamedTuple):
    """Rows of one series: one output y (N,), the inputs {name: (N,)}, stamps or None."""

    y: np.ndarray
    inputs: dict
    stamps: Any

    def cut(self, rows):
        """Return some of the rows, a slice."""
        stamps = self.stamps and self.stamps._replace(values=self.stamps.values[rows])
        return Record(self.y[rows], {name: u[rows] for name, u in self.inputs.items()}, stamps)

    def spread(self, at):
        """Put the rows on a regular grid, NaN between them."""
        inputs = {name: timelines.spread(u, at) for name, u in self.inputs.items()}
        return Record(timelines.spread(self.y, at), inputs, self.stamps)


def compare_with_baselines(rows, forecasts, trained, settings, options):
    """Compare with baselines: RMSE by horizon, p-values, and notes of what failed.

    trained : ``Record`` that the baselines learn from, or None: they learn from the first half and all are compared on
    the second.   options : of the linear baseline.
    """
    half = 0 if trained else len(rows.y) // 2
    learn = trained or rows.cut(slice(half))
    test = rows.cut(slice(half, None))
    start = "auto" if trained else "end"
    lead, first, period = settings.lead, settings.first, settings.period
    seasonal = period is not None and period <= len(learn.y)
    lags = {*range(lead, lead + 3), *([period] if seasonal and lead <= period <= len(learn.y) // 4 else [])}
    lags = {"input_lags": range(first, first + 3), "output_lags": sorted(lags)}
    baselines = {"persistence": PersistenceRegressor()}
    baselines |= {"seasonal naive": SeasonalNaiveRegressor(period)} if seasonal else {}
    baselines["linear ARX"] = ARXRegressor(**lags, **options)
    errors, trouble = {"model": {h: test.y - f[half:] for h, f in forecasts.items()}}, []
    for name, baseline in baselines.items():
        try:
            errors[name] = _baseline_errors(baseline, learn, test, list(forecasts), start)
        except ValueError as reason:
            trouble.append(f"The {name} could not be compared: {reason}")
    errors["mean"] = {h: test.y - _mean_of(learn.y) for h in forecasts}
    return *_tables(errors, list(forecasts)), trouble


def _tables(errors, horizons):
    """Tabulate RMSE and p-values of baselines, by horizon.   errors : {name: {h: (N,)}}."""
    table, p_values = {}, {}
    for h in horizons:
        rows = np.all([np.isfinite(e[h]) for e in errors.values()], axis=0)
        rows[: h - 1] = False  # forecast from the last row before, which is nearer
        squares = {name: e[h][rows] ** 2 for name, e in errors.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # no row at all
            table[h] = {"n": rows.sum(), **{name: np.sqrt(np.mean(e2)) for name, e2 in squares.items()}}
        model = squares.pop("model")
        p_values[h] = {name: p_no_better(e2 - model, h) for name, e2 in squares.items()}
    table, p_values = (
        pd.DataFrame.from_dict(t, orient="index").rename_axis("step") for t in (table, p_values)
    )
    return table.astype({"n": int}), p_values


def _mean_of(y):
    """Return the mean of the measured values."""
    return y[np.isfinite(y)].mean() if np.isfinite(y).any() else np.nan


def shared_options(estimator):
    """Return the settings of the model that its linear baseline shares: ``missing``, and bounds of a single output."""
    names = ["missing", "target_bounds"] if estimator.n_outputs_ == 1 else ["missing"]
    return {name: getattr(estimator, name) for name in names if hasattr(estimator, name)}


def _baseline_errors(baseline, learn, test, horizons, start):
    """Fit a baseline to a ``Record`` and forecast others; returns {h: y - forecast}."""
    frames, sees_inputs = [], isinstance(baseline, ARXRegressor)
    for y, inputs, stamps in (learn, test):
        index = None if stamps is None else timelines.to_index(stamps.clock, stamps.values)
        X = pd.DataFrame(inputs, index) if sees_inputs and inputs else None
        frames.append((X, pd.Series(y, index)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of gaps, which the model warns of, and of runs astray
        baseline.fit(*frames[0])
        forecasts = forecasts_ahead(baseline, *frames[1], horizons, start)
    return {h: test.y - forecast for h, forecast in forecasts.items()}


def p_no_better(gain, steps):
    """Return the p-value of the hypothesis that the mean gain in squared error is not above 0.

    Its variance allows for autocorrelation over the horizon and some rows more (Newey and West).
    """
    n = len(gain)
    if n < 3:
        return np.nan
    r = correlation(gain, gain, max(steps, int(4 * (n / 100) ** (2 / 9))))[0]
    if np.isnan(r[0]):
        return float(gain.mean() <= 0)
    variance = gain.var() / n * (1 + 2 * np.sum((1 - np.arange(1, len(r)) / len(r)) * r[1:]))
    return float(ndtr(-gain.mean() / np.sqrt(max(variance, np.finfo(float).tiny))))
