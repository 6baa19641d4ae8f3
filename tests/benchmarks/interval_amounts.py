"""Intervals of amounts, which are often 0: sun, rain; and of wind power beside them.

Forecasts 1 to 6 rows ahead from all rows of the last fifth: coverage of 80 % intervals, their score (width, and ten
times what y lies outside, over the standard deviation of y), and the widest over the range of y; as calibrated
(split), and following errors since (conformal).

    python tests/benchmarks/interval_amounts.py
"""

import warnings

import numpy as np
from common import table

from tsrnn import ARXRegressor, SeasonalNaiveRegressor
from tsrnn.datasets import load_solar_plant, load_wind_farm


H, ROWS, LEVEL = 6, 24 * 300, 80


def series():
    """Hourly sun through random clouds, rain on three rows of ten, solar and wind power."""
    rng = np.random.default_rng(1)
    sky = np.clip(np.sin(2 * np.pi * (np.arange(24 * 200) - 6) / 24), 0, None)
    yield "sun", 800 * sky * rng.beta(3, 1, len(sky))
    yield "rain", np.where(rng.random(4000) < 0.3, rng.gamma(0.7, 5, 4000), 0.0)
    yield "solar plant", load_solar_plant().target.to_numpy(float)[:ROWS]
    yield "wind farm", load_wind_farm().target.to_numpy(float)[:ROWS]


def judged(band, truth):
    """Coverage in per cent, mean score and widest interval."""
    low, high = band.intervals[LEVEL]
    known = np.isfinite(truth)
    off = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    score = high - low + 2 / (1 - LEVEL / 100) * off
    inside = (low <= truth) & (truth <= high)
    spread, reach = np.nanstd(truth), np.ptp(truth[known])
    return (
        f"{100 * inside[known].mean():.0f}",
        score[known].mean() / spread,
        (high - low)[known].max() / reach,
    )


def main():
    """Each series with each model."""
    warnings.simplefilter("ignore")
    rows = []
    for name, y in series():
        origins = np.arange(len(y) * 4 // 5, len(y) - H)
        truth = np.stack([y[o : o + H] for o in origins])
        for model in (ARXRegressor(output_lags=[1, 2, 3, 24, 25, 48]), SeasonalNaiveRegressor(24)):
            model.fit(None, y[: origins[0]])
            row = [name, type(model).__name__.removesuffix("Regressor")]
            for method in ("split", "conformal"):
                band = model.trajectories(None, y, H, level=LEVEL, origins=origins, method=method)
                row += judged(band, truth)
            rows.append(row)
    both = [
        f"{method}: {what}" for method in ("split", "conformal") for what in ("inside", "score", "widest")
    ]
    table("Intervals of amounts", ["series", "model", *both], rows)


if __name__ == "__main__":
    main()
