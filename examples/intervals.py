"""Forecast a solar plant three days ahead with intervals, and check over a year whether they hold what they promise.

PVDAQ system 50, Golden, Colorado, hourly. Trained on April 2011 to 2012; 2013 was never looked at. Known ahead are the
clear-sky irradiance and the calendar, and of power what was measured up to the hour in which the forecast is made.

    python examples/intervals.py            # writes examples/intervals.png
    python examples/intervals.py --quick    # small settings
"""

import argparse
from copy import deepcopy
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from tsrnn import ESNRegressor
from tsrnn.datasets import load_solar_plant
from tsrnn.model_selection import backtest
from tsrnn.plotting import STYLE, ForecastDisplay
from tsrnn.preprocessing import CalendarFeatures


TRAIN, TEST = "2012", "2013"  # up to the end of, from the beginning of
HORIZON, LEVELS = 72, [80, 95]  # hours; per cent
SHOWN = ["2013-04-16 00:00", "2013-06-09 00:00"]  # where the two forecasts of the picture begin


def inputs(X):
    """What is known ahead: the clear sky, a capacity (W) that is 0 at night, hour and day of the year."""
    capacity = np.where(X["ghi_clear"] > 0, 3400.0, 0.0)
    return CalendarFeatures(["day", "year"]).fit_transform(X[["ghi_clear"]].assign(capacity=capacity))


def inside(forecasts):
    """Share of the rows that lie in the intervals, in per cent, by level."""
    rows = forecasts.dropna(subset="y")
    within = {p: rows["y"].between(rows[f"lo-{p}"], rows[f"hi-{p}"]) for p in LEVELS}
    return {p: 100 * share.mean() for p, share in within.items()}


def picture(out, model, X, y, daylight):
    """Save two forecasts with their fans, and how much lies inside by horizon."""
    plt.style.use(STYLE)
    fig, axes = plt.subplots(3, 1, figsize=(10, 9), layout="constrained")
    for ax, stamp in zip(axes, SHOWN):
        past, later = X[TEST:][:stamp][:-1], X[stamp:]
        there = deepcopy(model).update(past, y[past.index])  # remembers what came; learns nothing
        fan = there.forecast(HORIZON, later, level=LEVELS)
        ForecastDisplay(fan, history=y[past.index], truth=y[stamp:], unit="W").plot(ax, last=48)
        ax.set_title(f"Made at {stamp}, for three days")
    by_step = daylight.groupby("step")[["y", "lo-80", "hi-80", "lo-95", "hi-95"]].apply(inside)
    for p in LEVELS:
        axes[2].plot(by_step.index, by_step.str[p], label=f"of {p} % intervals")
        axes[2].axhline(p, color="black", linestyle=":")
    axes[2].set(title="Inside, by daylight, over the test year", xlabel="hours ahead", ylabel="inside, %")
    axes[2].legend()
    fig.savefig(out, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()
    X, y = load_solar_plant(return_X_y=True)
    X, units = inputs(X), 50 if args.quick else 300
    model = ESNRegressor(units, output_lags=1, target_bounds=(0, "capacity"), random_state=0)
    model.fit(X[:TRAIN], y[:TRAIN])
    # How wrong are the forecasts? Errors on the rows a model learnt from are too small, and those of the last
    # weeks know one season. So five copies are fitted, each without a fifth of the years, and err on that fifth.
    model.calibrate(X[:TRAIN], y[:TRAIN], cv=5)

    # From one forecast to the next some hours that are not a day: else all would begin at one hour.
    conformal, bootstrap = (25, 73) if args.quick else (5, 25)
    print(f"Inside the intervals, forecasts of {HORIZON} hours from many hours of {TEST}, by daylight:")
    for method, step in {"bootstrap": bootstrap, "conformal": conformal}.items():
        result = backtest(model, X[TEST:], y[TEST:], HORIZON, step, level=LEVELS, method=method)
        day = X["capacity"].reindex(result.forecasts["time"]).to_numpy() > 0
        daylight, night = result.forecasts[day], result.forecasts[~day]
        shares = ", ".join(f"{share:.1f} % in those of {p} %" for p, share in inside(daylight).items())
        print(f"  {method}: {shares} ({daylight['origin'].nunique()} forecasts)")
        assert (night.filter(regex="forecast|lo|hi") == 0).all(axis=None)
        assert (daylight.filter(regex="forecast|lo|hi") >= 0).all(axis=None)
    print("No end of an interval is negative, and at night all are exactly 0.")
    picture(args.out, model, X, y, daylight)


if __name__ == "__main__":
    main()
