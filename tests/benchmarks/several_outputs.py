"""Several series as the outputs of one model with default arguments, beside a model for each.

Series that are measured together, such as pollutants of one station, and such as have only their hours in common; and
random walks.  The first four fifths are learnt, from all later rows a day (8 steps of walks) is forecast.  Errors are
root mean squares over those of the better of persistence and the seasonal naive forecast, geometric means over the
outputs; "most" is the largest ratio of the joint model's to that of the output's own.

Run with the folder of the development series:

    python tests/benchmarks/several_outputs.py DATA [--models ARX NARX] [--only air "m4 748 1" walks]

What it printed is in results/forecasting.md.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from dirty_series import MODELS as OTHERS
from sklearn.linear_model import Ridge

from tsrnn import LagRegressor


ROWS, GROUP = 1500, 6
MODELS = {**OTHERS, "LagRegressor(Ridge)": lambda h: LagRegressor(Ridge())}


def tables(folder):
    """Yield (name, Y, horizon, season)."""
    air = pd.read_csv(folder / "air_quality_valencia_hourly.csv.gz", index_col=0, parse_dates=True)
    air = air[~air.index.duplicated()].asfreq("h").interpolate().bfill()
    yield "air", air.iloc[-ROWS:].loc[:, lambda Y: Y.nunique() > 1], 24, 24  # co is a constant
    buildings = pd.read_csv(folder / "building_energy_hourly.csv.gz", index_col=0, parse_dates=True)
    yield "buildings", buildings.asfreq("h").interpolate().iloc[-ROWS:], 24, 24
    fuel = pd.read_csv(folder / "fuel_spain_monthly.csv", index_col=0, parse_dates=True)
    yield "fuel", fuel.asfreq("MS").dropna(), 12, 12
    m4 = pd.read_csv(folder / "m4_hourly_odd.csv.gz")
    for n, of_n in m4.groupby(m4.groupby("unique_id").t.transform("size")):
        wide = of_n.pivot(index="t", columns="unique_id", values="y")
        for k in range(0, wide.shape[1] - 1, GROUP):
            Y = wide.iloc[:, k : k + GROUP]
            Y.index = pd.date_range("2020", periods=n, freq="h")
            yield f"m4 {n} {k // GROUP}", Y, 24, 24
    for n, count in ((100, 5), (300, 5), (600, 20)):
        walks = np.random.default_rng(n).normal(size=(n, count)).cumsum(axis=0)
        yield f"{count} walks", pd.DataFrame(walks).add_prefix("walk"), 8, 1


def errors(model, Y, horizon, season):
    """Compute the errors of all outputs (O,), over those of the better naive forecast."""
    first, values = int(0.8 * len(Y)), Y.to_numpy()
    model.fit(None, Y.iloc[:first])
    forecasts = np.asarray(model.trajectories(None, Y.iloc[first:], horizon).forecast)
    forecasts = forecasts.reshape(-1, horizon, values.shape[1])
    at = first + np.arange(len(forecasts))[:, None] + np.arange(horizon)
    at = at[at[:, -1] < len(Y)]
    steps = np.arange(horizon)
    naive = [np.mean((values[at[:, :1] - p + steps % p] - values[at]) ** 2, axis=(0, 1)) for p in (1, season)]
    return np.sqrt(np.mean((forecasts[: len(at)] - values[at]) ** 2, axis=(0, 1)) / np.minimum(*naive))


def main(folder, names, only):
    """Print a table."""
    cases = [case for case in tables(folder) if not only or any(name in case[0] for name in only)]
    for name in names:
        joint, alone = [], []
        for table, Y, horizon, season in cases:
            make, steps = MODELS[name], (horizon, season)
            joint.append(errors(make(horizon), Y, *steps))
            alone.append(np.concatenate([errors(make(horizon), Y[[column]], *steps) for column in Y]))
            means = [np.exp(np.mean(np.log(e[-1]))) for e in (joint, alone)]
            most = np.max(joint[-1] / alone[-1])
            print(
                f"{name:20}{table:14}{Y.shape[1]:4}  together {means[0]:.3f}  each {means[1]:.3f}  most {most:.2f}"
            )
        means = [np.exp(np.mean(np.log(np.concatenate(e)))) for e in (joint, alone)]
        print(f"{name:20}all of these       together {means[0]:.3f}  each {means[1]:.3f}", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--only", nargs="+", help="parts of names of tables")
    given = parser.parse_args()
    main(given.data, given.models, given.only)
