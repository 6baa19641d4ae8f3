"""Issue 5: wind farm and solar plant, errors by horizon, coverage of intervals and fit times in one table.

24 hours are forecast from every hour of the year after training, from what is known then. The wind turbine is
trained on 2014 and tested on 2015, the solar plant on April 2011 to 2012 and 2013.

- Models in closed loop see past power, and what is known of the hours to come: the hour of the day; for the plant also
  the day of the year, the clear-sky irradiance and a capacity, 0 at night. They feed themselves for 24 steps. Default
  arguments, but ``output_lags=1`` for Elman, LSTM, GRU and ESN, and ``output_lags=24`` for the linear ARX.
- "24 at once" is ``Forecaster(strategy="multi_output")``: the same, and the weather measured up to the hour in which
  the forecast is made. "encoder-decoder" sees these too, of the last two days, and has no attention.
- ``target_bounds``: wind (0, 2050) kW, solar (0, capacity). No solar forecast, and no end of an interval, is negative
  or other than 0 at night: asserted. The naive forecasts are cut to the same bounds.
- The turbine's own consumption, down to -11 kW, counts as 0. Hours without a measured power do not count, nor do
  nights of the plant, where every forecast is right.
- Errors and fit times (CPU seconds) are medians of the seeds', intervals those of seed 0.
- Coverage, over all 24 steps: ``held`` from errors on the rows that ``fit`` held back; ``cv`` after ``calibrate(cv=5)``
  on the training rows, so that all seasons are in; ``paths`` with the same errors, by the bootstrap (every 25th
  origin). "quantiles" is a net of pinball losses: ``held`` as it learnt them, ``cv`` calibrated.

Settings were chosen by ``--validate``: trained on the first three quarters of the training rows, judged on the last.

    python tests/benchmarks/forecasting_table.py [--seeds 3] [--plants wind solar] [--models NARX GRU] [--validate]
                                                 [--others] [--out FILE.png]

``--others``: coverage on the last third of the other shipped series, by a model of the rest that stays as it was
(``cv``, ``paths``) and by one that is fitted anew as the series goes on, with errors on the rows it held back.
"""

import argparse
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from common import clocked

from tsrnn import (
    ARXRegressor,
    ElmanRegressor,
    EncoderDecoderRegressor,
    ESNRegressor,
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    NARXRegressor,
    PersistenceRegressor,
    SeasonalNaiveRegressor,
    TDNNRegressor,
)
from tsrnn.datasets import load_co2, load_oil_price, load_solar_plant, load_sunspots, load_wind_farm
from tsrnn.metrics import coverage, mae, rmse
from tsrnn.model_selection import backtest
from tsrnn.plotting import BacktestDisplay, ForecastDisplay
from tsrnn.preprocessing import CalendarFeatures, Difference


STEPS, HORIZONS = 24, [1, 3, 6, 12, 24]  # hours
LEVELS = [80, 95]
QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
NAIVE = {"persistence": PersistenceRegressor(), "seasonal-naive": SeasonalNaiveRegressor(24)}
CLOSED_LOOP = {
    "linear ARX": ARXRegressor(output_lags=24),
    "NARX": NARXRegressor(),
    "Elman": ElmanRegressor(output_lags=1),
    "LSTM": LSTMRegressor(output_lags=1),
    "GRU": GRURegressor(output_lags=1),
    "ESN": ESNRegressor(output_lags=1),
}
AT_ONCE = {
    "TDNN, 24 at once": Forecaster(TDNNRegressor()),
    "GRU, 24 at once": Forecaster(GRURegressor()),
    "encoder-decoder": EncoderDecoderRegressor(attention=None, context=48),
    "TDNN, quantiles": Forecaster(TDNNRegressor(), quantiles=QUANTILES),
}
MODELS = [*NAIVE, *CLOSED_LOOP, *AT_ONCE]
FAN = "ESN"  # in the picture: fits in no time
WIND_CAPACITY, SOLAR_CAPACITY = 2050.0, 3400.0  # kW, W
OTHERS = {  # the linear ARX, chosen on the first two thirds; steps; rows from one fit to the next
    "sunspots": (
        load_sunspots,
        {"output_lags": 11, "target_transform": "sqrt", "target_bounds": (0, None)},
        5,
        10,
    ),
    "CO2": (load_co2, {"output_lags": 12, "target_transform": Difference(52)}, 26, 26),
    "oil price": (load_oil_price, {"target_transform": ["log", "difference"]}, 5, 250),
}


class Plant(NamedTuple):
    """A series, and where its test begins.

    known : DataFrame, inputs known ahead.   weather : DataFrame, inputs that are not.   bounds : target_bounds.
    capacity : Series, what no forecast exceeds.   shown : the stamp at which the fan begins.
    """

    name: str
    unit: str
    y: pd.Series
    known: pd.DataFrame
    weather: pd.DataFrame
    bounds: tuple
    capacity: pd.Series
    test: str
    shown: str


def wind():
    """The turbine: one year of training does not tell a season, so the calendar is the hour."""
    X, y = load_wind_farm(return_X_y=True)
    known = CalendarFeatures(["day"]).fit_transform(pd.DataFrame(index=y.index))
    capacity = pd.Series(WIND_CAPACITY, y.index)
    bounds = (0, WIND_CAPACITY)
    return Plant("wind", "kW", y.clip(lower=0), known, X, bounds, capacity, "2015", "2015-03-26 12:00")


def solar():
    """The inverter."""
    X, y = load_solar_plant(return_X_y=True)
    capacity = pd.Series(np.where(X["ghi_clear"] > 0, SOLAR_CAPACITY, 0.0), y.index)
    known = CalendarFeatures(["day", "year"]).fit_transform(X[["ghi_clear"]].assign(capacity=capacity))
    weather, bounds = X[["ghi", "temperature"]], (0, "capacity")
    return Plant("solar", "W", y, known, weather, bounds, capacity, "2013", "2013-05-07 00:00")


def split(plant, validate):
    """Rows to train on and rows to test on, as masks."""
    train = plant.y.index < pd.Timestamp(plant.test, tz=plant.y.index.tz)
    if not validate:
        return train, ~train
    first = np.arange(len(train)) < train.sum() * 3 // 4
    return first, train & ~first


def counted(forecasts, plant):
    """Forecasts, a row for each, that count: power was measured, and it was not night; naive ones in their bounds."""
    capacity = plant.capacity.reindex(forecasts["time"]).to_numpy()
    forecasts = forecasts.assign(forecast=forecasts["forecast"].clip(0, capacity))
    return forecasts[(capacity > 0) & forecasts["y"].notna().to_numpy()]


def check_bounds(forecasts, plant):
    """Forecasts and ends of intervals stay in the bounds, and are exactly 0 where the capacity is."""
    capacity = plant.capacity.reindex(forecasts["time"]).to_numpy()
    values = forecasts.filter(regex="forecast|lo-|hi-").to_numpy()
    assert (values >= 0).all()
    assert (values <= capacity[:, None]).all()
    assert (values[capacity == 0] == 0).all()


def by_step(forecasts):
    """RMSE and MAE by step, (steps, 2)."""
    steps = forecasts.groupby("step")[["y", "forecast"]]
    return steps.apply(
        lambda f: pd.Series({"RMSE": rmse(f["y"], f["forecast"]), "MAE": mae(f["y"], f["forecast"])})
    )


def covered(forecasts):
    """Coverage of each level, in per cent."""
    return [100 * coverage(forecasts["y"], forecasts[f"lo-{p}"], forecasts[f"hi-{p}"]) for p in LEVELS]


def made(plant, name, seed):
    """A model, and the inputs that it sees."""
    if name in NAIVE:
        return NAIVE[name], plant.known
    if name in CLOSED_LOOP:
        model = CLOSED_LOOP[name].set_params(target_bounds=plant.bounds)
        return model.set_params(**{"random_state": seed} if name != "linear ARX" else {}), plant.known
    model = AT_ONCE[name].set_params(known_ahead=list(plant.known))
    inner = model.estimator if type(model) is Forecaster else model
    inner.set_params(target_bounds=plant.bounds, random_state=seed)
    return model, pd.concat([plant.known, plant.weather], axis=1)


def judged(plant, name, seeds, validate):
    """Of one model: RMSE and MAE by step, coverages by method, seconds of a fit."""
    train, test = split(plant, validate)
    errors, seconds, coverages = [], [], {}
    for seed in seeds if name not in (*NAIVE, "linear ARX") else [0]:
        model, X = made(plant, name, seed)
        y = plant.y

        def test_year(step=1, **options):
            found = backtest(model, X[test], y[test], STEPS, step, **options).forecasts  # noqa: B023
            if name not in NAIVE:
                check_bounds(found, plant)
            return counted(found, plant)

        seconds.append(clocked(lambda: model.fit(X[train], y[train]))[0])  # noqa: B023
        if seed > 0 or name in NAIVE:
            errors.append(by_step(test_year()))
            continue
        found = test_year(level=LEVELS)
        errors.append(by_step(found))
        coverages["held"] = covered(found)
        model.calibrate(X[train], y[train], cv=5)
        coverages["cv"] = covered(test_year(level=LEVELS))
        if name in CLOSED_LOOP:
            coverages["paths"] = covered(test_year(STEPS + 1, level=LEVELS, method="bootstrap"))
    return pd.concat(errors).groupby("step").median(), coverages, float(np.median(seconds))


def report(plant, found):
    """The table of a plant, and the mean absolute errors below it."""
    hours = "".join(f"{f'{h} h':>7s}" for h in HORIZONS)
    columns = "".join(f"{label:>9s}" for label in ("held", "cv", "paths"))
    print(
        f"\n{plant.name:18s}{'RMSE, ' + plant.unit:>{len(hours)}s}{'skill':>{len(hours)}s}{'coverage of 80, 95 %':>27s}"
    )
    print(f"{'':18s}{hours}{hours}{columns}{'fit, s':>8s}")
    reference = found["persistence"][0]["RMSE"]
    for name, (errors, coverages, seconds) in found.items():
        rmses = errors["RMSE"].loc[HORIZONS]
        line = "".join(f"{v:7.1f}" for v in rmses)
        line += "".join(
            f"{v:7.3f}" if name != "persistence" else " " * 7 for v in 1 - rmses / reference.loc[HORIZONS]
        )
        for label in ("held", "cv", "paths"):
            line += f"{' '.join(f'{v:.0f}' for v in coverages.get(label, [])):>9s}"
        print(f"{name:18s}{line}{seconds:8.2f}" if name not in NAIVE else f"{name:18s}{line}".rstrip())
    print(f"\n{plant.name:18s}{'MAE, ' + plant.unit:>{len(hours)}s}\n{'':18s}{hours}")
    for name, (errors, *_) in found.items():
        print(f"{name:18s}" + "".join(f"{v:7.1f}" for v in errors["MAE"].loc[HORIZONS]))
    worst = {
        label: max(
            (abs(c[label][k] - p), name)
            for name, (_, c, _) in found.items()
            if label in c
            for k, p in enumerate(LEVELS)
        )
        for label in ("held", "cv", "paths")
        if any(label in c for _, c, _ in found.values())
    }
    for label, (points, name) in worst.items():
        print(f"farthest from nominal, {label}: {points:.1f} points ({name})")


def others():
    """Coverage on the last third of the other series, by a model that stays as it was and by one that is refitted."""
    print(f"\n{'':12s}{'steps':>6s}{'RMSE':>9s}{'skill':>8s}{'cv':>12s}{'paths':>12s}{'refit, held':>14s}")
    for name, (load, settings, steps, every) in OTHERS.items():
        y, model = load().target, ARXRegressor(**settings)
        n = len(y) * 2 // 3
        model.fit(None, y[:n]).calibrate(None, y[:n], cv=5)
        results = [
            backtest(model, None, y[n:], steps, level=LEVELS),
            backtest(model, None, y[n:], steps, level=LEVELS, method="bootstrap"),
            backtest(model, None, y, steps, refit=every, initial=n, level=LEVELS),
        ]
        shares = [covered(result.forecasts.dropna(subset="y")) for result in results]
        ends = [" ".join(f"{v:.1f}" for v in share) for share in shares]
        last = results[0].errors.loc[steps]
        print(
            f"{name:12s}{steps:6d}{last['RMSE']:9.3f}{last['skill_persistence']:8.3f}"
            f"{ends[0]:>12s}{ends[1]:>12s}{ends[2]:>14s}"
        )


def picture(out, plants, found):
    """Errors by horizon, and a forecast with its fan, of each plant."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(
        len(plants), 2, figsize=(13, 3.6 * len(plants)), width_ratios=[1.5, 1], squeeze=False
    )
    for plant, (fan, right) in zip(plants, axes):
        train, _ = split(plant, validate=False)
        (model, X), y = made(plant, FAN, 0), plant.y
        model.fit(X[train], y[train]).calibrate(X[train], y[train], cv=5)
        begin = y.index.get_loc(pd.Timestamp(plant.shown, tz=y.index.tz))
        model.update(X[train.sum() : begin], y[train.sum() : begin])
        forecast = model.forecast(2 * STEPS, X[begin : begin + 2 * STEPS], level=LEVELS)
        ForecastDisplay(forecast, history=y[:begin], truth=y[begin:], name=FAN).plot(fan, last=4 * STEPS)
        fan.set(ylabel=f"{plant.name}, {plant.unit}")
        table = pd.DataFrame({name: errors["RMSE"] for name, (errors, *_) in found[plant.name].items()})
        skill = 1 - table.div(table["persistence"], axis=0)
        shown = [name for name in [*CLOSED_LOOP, "TDNN, 24 at once"] if name in skill]
        BacktestDisplay(skill[shown], baselines=["linear ARX"], metric="skill").plot(right, marker="")
        right.set(xlabel="hours ahead", ylabel="1 - RMSE / RMSE of persistence", xticks=[1, 6, 12, 18, 24])
    fig.tight_layout()
    fig.savefig(out, dpi=110)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--plants", nargs="+", default=["wind", "solar"])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.others:
        others()
        return
    plants, found = [{"wind": wind, "solar": solar}[name]() for name in args.plants], {}
    for plant in plants:
        found[plant.name] = {}
        for name in dict.fromkeys(["persistence", *args.models]):
            found[plant.name][name] = judged(plant, name, range(args.seeds), args.validate)
            print(f"  {plant.name} {name}: {found[plant.name][name][1:]}", file=sys.stderr, flush=True)
        report(plant, found[plant.name])
    print("\nNo solar forecast, and no end of an interval, is negative or other than 0 at night.")
    if args.out:
        picture(args.out, plants, found)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*row.s. are missing")
    main()
