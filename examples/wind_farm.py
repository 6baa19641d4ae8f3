"""Forecast the power of a wind turbine 1 to 24 hours ahead, and compare models from every hour of a test year.

La Haute Borne, turbine R80711, hourly. Trained on 2014, tested on 2015. Every forecast uses only what is known
when it is made: power, weather and clock up to that hour.

    python examples/wind_farm.py            # writes examples/wind_farm.png
    python examples/wind_farm.py --quick    # small settings
"""

import argparse
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd

import tsrnn
from tsrnn.datasets import load_wind_farm
from tsrnn.model_selection import backtest


HOURS = [1, 3, 6, 12, 24]  # of the table
SHOWN = "2015-03-25"  # the forecast in the picture begins here


def models(quick):
    """Each model with what it sees: past power alone, or AutoForecaster past weather too."""
    bounds = {"target_bounds": (0, 2050)}  # kW, of this turbine
    return {
        "persistence": tsrnn.PersistenceRegressor(),
        "same hour yesterday": tsrnn.SeasonalNaiveRegressor(24),
        "linear ARX": tsrnn.ARXRegressor(output_lags=24, **bounds),
        "ESN": tsrnn.ESNRegressor(100 if quick else 300, output_lags=1, **bounds, random_state=0),
        # Autoregressions and smoothing race in seconds; candidates="auto", the default, tries nets too.
        "AutoForecaster": tsrnn.AutoForecaster(horizon=24, candidates=[], **bounds, random_state=0),
    }


def picture(out, model, X, y, results):
    """Save a forecast with its intervals, and the error of all models by horizon."""
    try:
        import matplotlib.pyplot as plt

        from tsrnn.plotting import STYLE, BacktestDisplay, ForecastDisplay
    except ImportError:
        print("No picture: pip install matplotlib, or tsrnn[plot].")
        return
    begin = y.index.get_loc(f"{SHOWN} 00:00")
    rows = slice(y.index.get_loc("2015-01-01 00:00"), begin)
    there = deepcopy(model).update(X[rows], y[rows])  # remembers the rows since training; learns nothing
    fan = there.forecast(24, level=[80, 95])
    plt.style.use(STYLE)
    fig, axes = plt.subplots(1, 2, figsize=(13, 4.2), layout="constrained")
    ForecastDisplay(fan, history=y[:begin], truth=y[begin:], name="AutoForecaster").plot(axes[0], last=72)
    axes[0].set(title=f"Made on {SHOWN}, for a day", ylabel="power, kW")
    shown = {
        name: result for name, result in results.items() if name not in ("persistence", "same hour yesterday")
    }
    BacktestDisplay.from_backtests(shown, ax=axes[1])
    axes[1].set(title="Error, from every hour of 2015", xlabel="hours ahead", ylabel="RMSE, kW", xticks=HOURS)
    fig.savefig(out, dpi=110)
    print(f"\nPicture: {out}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()

    X, y = load_wind_farm(return_X_y=True)
    y = y.clip(lower=0)  # at a standstill the turbine takes some power: not what is forecast here
    results, fitted = {}, {}
    for name, model in models(args.quick).items():
        seen = X if name == "AutoForecaster" else X[[]]
        fitted[name] = model.fit(seen[:"2014"], y[:"2014"])
        results[name] = backtest(model, seen["2015":], y["2015":], horizon=24, level=80)
    errors = pd.DataFrame({name: result.errors["RMSE"] for name, result in results.items()}).loc[HOURS]
    print("RMSE in kW, by hours ahead, forecasts from every hour of 2015:\n", errors.T.round(1).to_string())
    skill = 1 - errors.div(errors["persistence"], axis=0).drop(columns="persistence")
    print("\nSkill, 1 - RMSE / RMSE of persistence:\n", skill.T.round(3).to_string())
    inside = {name: result.errors["coverage-80"].mean() for name, result in results.items()}
    print(
        "\nInside the 80 % intervals:",
        ", ".join(f"{name} {100 * share:.0f} %" for name, share in inside.items()),
    )
    print(f"\n{fitted['AutoForecaster'].verdict_}")
    assert np.nanmin(results["AutoForecaster"].forecasts["forecast"]) >= 0
    picture(args.out, fitted["AutoForecaster"], X, y, results)


if __name__ == "__main__":
    main()
