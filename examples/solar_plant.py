"""Forecast the power of a solar plant 1 to 24 hours ahead; by night it is exactly 0.

PVDAQ system 50, Golden, Colorado, hourly. Trained on April 2011 to 2012, tested on 2013, daylight only. Known ahead is
the irradiance of a clear sky, which astronomy gives; power is known up to the hour in which a forecast is made.

    python examples/solar_plant.py            # writes examples/solar_plant.png
    python examples/solar_plant.py --quick    # small settings
"""

import argparse
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd

import tsrnn
from tsrnn.datasets import load_solar_plant
from tsrnn.model_selection import backtest


warnings.filterwarnings("ignore", "max_iter=")  # of --quick
HOURS = [1, 3, 6, 12, 24]  # of the table
SHOWN = "2013-06-09"  # the forecast in the picture begins here
LARGEST = 3400.0  # W, of the years of training


def models(quick):
    """Each model; all but persistence keep between 0 and the column "capacity", which is 0 at night."""
    see = {"output_lags": [1, 24], "target_bounds": (0, "capacity")}
    return {
        "persistence": tsrnn.PersistenceRegressor(),
        "same hour yesterday": tsrnn.SeasonalNaiveRegressor(24, target_bounds=(0, "capacity")),
        "linear ARX": tsrnn.ARXRegressor(**see),
        # A net forecasts beside the linear model of its lags, with the share that rows held back say it deserves.
        "ESN": tsrnn.ESNRegressor(100 if quick else 300, **see, random_state=0),
        "GRU": tsrnn.GRURegressor((8,), max_iter=100 if quick else None, **see, random_state=0),
        # Autoregressions and smoothing race in seconds; candidates="auto", the default, tries nets too.
        "AutoForecaster": tsrnn.AutoForecaster(
            24, known_ahead="all", candidates=[], target_bounds=(0, "capacity"), random_state=0
        ),
    }


def picture(out, model, X, y, errors):
    """Save a forecast with its intervals, and the error of all models by horizon."""
    try:
        import matplotlib.pyplot as plt

        from tsrnn.plotting import STYLE, BacktestDisplay, ForecastDisplay
    except ImportError:
        print("No picture: pip install matplotlib, or tsrnn[plot].")
        return
    begin = y.index.get_loc(f"{SHOWN} 00:00")
    rows = slice(y.index.get_loc("2013-01-01 00:00"), begin)
    there = deepcopy(model).update(X[rows], y[rows])  # remembers the rows since training; learns nothing
    fan = there.forecast(24, X[begin : begin + 24], level=[80, 95])
    plt.style.use(STYLE)
    fig, axes = plt.subplots(1, 2, figsize=(13, 4.2), layout="constrained")
    ForecastDisplay(fan, history=y[:begin], truth=y[begin:], name="GRU").plot(axes[0], last=72)
    axes[0].set(title=f"Made on {SHOWN}, for a day", ylabel="power, W")
    BacktestDisplay(errors, baselines=["persistence", "same hour yesterday"]).plot(axes[1])
    axes[1].set(
        title="Error by daylight, from every hour of 2013",
        xlabel="hours ahead",
        ylabel="RMSE, W",
        xticks=HOURS,
    )
    fig.savefig(out, dpi=110)
    print(f"\nPicture: {out}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()

    X, y = load_solar_plant(return_X_y=True)
    X = X[["ghi_clear"]].assign(capacity=np.where(X["ghi_clear"] > 0, LARGEST, 0.0))
    errors, fitted = {}, {}
    for name, model in models(args.quick).items():
        fitted[name] = model.fit(X[:"2012"], y[:"2012"])
        made = backtest(model, X["2013":], y["2013":], horizon=24).forecasts
        night = X["capacity"].reindex(made["time"]).to_numpy() == 0
        assert name == "persistence" or (made["forecast"][night] == 0).all()
        errors[name] = (made["forecast"] - made["y"])[~night].pow(2).groupby(made["step"]).mean().pow(0.5)
    errors = pd.DataFrame(errors)
    print("RMSE in W, by hours ahead, by daylight, forecasts from every hour of 2013:")
    print(errors.loc[HOURS].T.round(1).to_string())
    print("\nAt night all forecasts but persistence are exactly 0.")
    print(fitted["AutoForecaster"].verdict_)
    picture(args.out, fitted["GRU"], X, y, errors)


if __name__ == "__main__":
    main()
