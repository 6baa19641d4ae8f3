"""Figure 6: wind farm and solar plant, every model with its default arguments in one table.

Direct forecasters for h = 1, 3, 6, 12, 24 hours: every forecast uses only what is known when it is made.
Trained on 2014 (wind) and April 2011 to 2012 (solar),
tested on the year after; hours without a measured power do not count, nor, for the plant, the night.

- wind: the clock (sine and cosine of the hour) and the weather h hours back and more, power h hours back and
  more; clipped to the turbine's range.
- solar: clear-sky irradiance of the hour forecast (known ahead), hour and day as sines and cosines, irradiance and
  temperature measured h hours before, power h hours back and more; no power at night.
- TDNN, NARX and the linear ARX see three hours of history (lags h, h + 1, h + 2), the recurrent models one
  (``input_lags=[h]``, ``output_lags=[h]``; solar: the inputs are moved already, ``input_lags=0``): the rest they
  have to remember. No other argument but ``training="open_loop"`` for NARX (a direct forecaster never feeds itself)
  and ``random_state``; the RMSE of a model is the median of the seeds'.
- persistence: the power h hours before. Seasonal-naive: at the same hour of the last day that is known.

Target: each recurrent model beats persistence at 3 to 24 hours.

    python tests/benchmarks/wind_solar.py [--seeds 3] [--models LSTM GRU] [--horizons 1 24] [--validate]

``--validate`` leaves the test year out: trained on all but the last quarter of the training rows, judged on that
quarter, which is what defaults may be chosen by. ``--set LSTM.max_iter=50`` overrides a default.
"""

import argparse
import ast
import sys
import warnings

import numpy as np
import pandas as pd
from common import clocked, table

from tsrnn import ElmanRegressor, GRURegressor, LSTMRegressor, NARXRegressor, TDNNRegressor
from tsrnn.datasets import load_solar_plant, load_wind_farm


HORIZONS = [1, 3, 6, 12, 24]
CAPACITY = 2050.0  # kW, of the turbine
RECURRENT = {"Elman": ElmanRegressor, "LSTM": LSTMRegressor, "GRU": GRURegressor}
MODELS = ["linear ARX", "TDNN", "NARX", *RECURRENT]


def make(name, lags, last, seed, overrides):
    """A model; ``lags`` of the input and ``last`` of the output: three for a delay net, the first for the others."""
    if name == "linear ARX":
        return NARXRegressor((), input_lags=lags, output_lags=last, training="open_loop")
    if name == "TDNN":
        return TDNNRegressor(input_lags=lags, random_state=seed, **overrides)
    if name == "NARX":
        return NARXRegressor(
            input_lags=lags, output_lags=last, training="open_loop", random_state=seed, **overrides
        )
    return RECURRENT[name](
        input_lags=list(lags)[:1], output_lags=list(last)[:1], random_state=seed, **overrides
    )


def add_clock(X):
    """Add the hour of the day, as sine and cosine. Seen h hours back it still tells the hour forecast."""
    angle = 2 * np.pi * X.index.hour / 24
    return X.assign(hour_sin=np.sin(angle), hour_cos=np.cos(angle))


def known_before(X, h):
    """Inputs at t of a forecast made at t - h: what was measured is moved down by h hours."""
    measured = X[["ghi", "temperature"]].assign(ghi_clear_then=X["ghi_clear"])
    return pd.concat([X["ghi_clear"], measured.shift(h).bfill()], axis=1)


def add_calendar(X):
    """Add the hour of the day and the day of the year, as sines and cosines."""
    day = 2 * np.pi * X.index.day_of_year / 365.25
    return add_clock(X).assign(day_sin=np.sin(day), day_cos=np.cos(day))


class Wind:
    """The turbine: power from weather and clock."""

    name, unit = "Wind turbine R80711", "kW"

    def __init__(self):
        X, self.y = load_wind_farm(return_X_y=True)
        self.X = add_clock(X)
        self.train, self.test = self.y.index < "2015", self.y.index >= "2015"
        self.last = self.y.ffill().clip(0, CAPACITY)
        self.counts = self.y.notna().to_numpy()

    def rows(self, h, model):
        """Inputs, and lags of them, for a forecast of h hours."""
        X = self.X.assign(power=self.last) if model == "TDNN" else self.X
        return X, range(h, h + 3)

    def bounded(self, out):
        """A forecast in the range that can be."""
        return np.clip(out, 0, CAPACITY)


class Solar:
    """The inverter: power from the sun's path and what was measured."""

    name, unit = "Photovoltaic inverter, Golden", "W"

    def __init__(self):
        self.X, self.y = load_solar_plant(return_X_y=True)
        self.train, self.test = self.y.index < "2013", self.y.index >= "2013"
        self.last = self.y.ffill()
        self.night = (self.X["ghi_clear"] <= 0).to_numpy()
        self.counts = self.y.notna().to_numpy() & ~self.night

    def rows(self, h, model):
        """Inputs, and lags of them, for a forecast of h hours."""
        X = add_calendar(known_before(self.X, h))
        if model == "TDNN":
            X = X.assign(power=self.last.shift(h).fillna(0))
        return X, range(3)

    def bounded(self, out):
        """A forecast in the range that can be."""
        return np.where(self.night, 0.0, np.maximum(out, 0))


def naive(plant, h):
    """Persistence and seasonal-naive."""
    days = 24 * -(-h // 24)
    return {
        "persistence": plant.bounded(plant.last.shift(h).to_numpy()),
        "seasonal-naive": plant.bounded(plant.last.shift(days).to_numpy()),
    }


def learned(plant, h, name, seeds, overrides):
    """Forecasts of all rows by models fitted to the training rows, CPU seconds and iterations of each fit."""
    X, lags = plant.rows(h, name)
    found = []
    for seed in seeds if name != "linear ARX" else [0]:
        model = make(name, lags, range(h, h + 3), seed, overrides.get(name, {}))
        seconds, _ = clocked(lambda: model.fit(X[plant.train], plant.y[plant.train]))  # noqa: B023
        out = np.full(len(X), np.nan)
        out[plant.test] = model.predict(X[plant.test], y=plant.y[plant.test])
        found.append((plant.bounded(out), seconds, model.n_iter_))
    return found


def report(plant, args, overrides):
    """Three tables."""
    errors, seconds, rows = {}, {}, plant.test & plant.counts
    truth = plant.y.to_numpy()[rows]

    def rmse(out):
        return float(np.sqrt(np.mean((out[rows] - truth) ** 2)))

    for h in args.horizons:
        for name, out in naive(plant, h).items():
            errors[name, h] = rmse(out)
        for name in args.models:
            found = learned(plant, h, name, range(args.seeds), overrides)
            errors[name, h] = float(np.median([rmse(out) for out, *_ in found]))
            fits = np.median([fit[1:] for fit in found], axis=0)
            seconds[name, h] = f"{fits[0]:.2f} ({fits[1]:.0f})"
            print(f"  {h} h {name}: {errors[name, h]:.1f}, {seconds[name, h]}", file=sys.stderr, flush=True)
    names, hours = ["persistence", "seasonal-naive", *args.models], [f"{h} h" for h in args.horizons]
    title = f"{plant.name}, {'validation' if args.validate else 'test'}, median of {args.seeds} seeds"
    lines = [[name, *(f"{errors[name, h]:.1f}" for h in args.horizons)] for name in names]
    table(f"{title}: RMSE, {plant.unit}", ["model", *hours], lines)
    lines = []
    for name in names[1:]:
        skill = {h: 1 - errors[name, h] / errors["persistence", h] for h in args.horizons}
        met = "yes" if all(v > 0 for h, v in skill.items() if h >= 3) else "NO"
        lines.append([name, *(f"{v:.3f}" for v in skill.values()), met if name in RECURRENT else ""])
    table("Skill, 1 - RMSE / RMSE of persistence", ["model", *hours, "beats it, 3 h and more"], lines)
    lines = [[name, *(seconds[name, h] for h in args.horizons)] for name in args.models]
    table("Fit, CPU seconds (iterations)", ["model", *hours], lines)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--plants", nargs="+", default=["wind", "solar"])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--horizons", nargs="+", type=int, default=HORIZONS)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--set", nargs="+", default=[], metavar="MODEL.PARAMETER=VALUE")
    args = parser.parse_args()
    overrides = {}
    for text in args.set:
        (name, parameter), value = text.split("=", 1)[0].split("."), text.split("=", 1)[1]
        for model in RECURRENT if name == "all" else [name]:
            overrides.setdefault(model, {})[parameter] = ast.literal_eval(value)
    for make_plant in [{"wind": Wind, "solar": Solar}[name] for name in args.plants]:
        plant = make_plant()
        if args.validate:
            rows = np.flatnonzero(plant.train)
            plant.train = np.arange(len(plant.y)) < rows[len(rows) * 3 // 4]
            plant.test = (np.arange(len(plant.y)) <= rows[-1]) & ~plant.train
        learned(plant, 1, "linear ARX", [0], {})  # compiles
        report(plant, args, overrides)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*row.s. are missing")
    main()
