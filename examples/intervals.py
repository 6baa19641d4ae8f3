"""Forecast a solar plant three days ahead with intervals, and check over a year whether they hold what they promise.

PVDAQ system 50, Golden, Colorado, hourly. Trained on April 2011 to 2012; 2013 was never looked at. Known ahead are the
clear-sky irradiance and the calendar, and of power what was measured up to the hour in which the forecast is made.

    python examples/intervals.py            # writes examples/intervals.png
    python examples/intervals.py --quick    # small settings
"""

import argparse
from copy import deepcopy
from pathlib import Path

import numpy as np

from tsrnn import ESNRegressor
from tsrnn.datasets import load_solar_plant
from tsrnn.metrics import coverage
from tsrnn.model_selection import backtest
from tsrnn.preprocessing import CalendarFeatures


TRAIN, TEST = "2012", "2013"  # up to the end of, from the beginning of
HORIZON = 72  # hours
LEVELS = [80, 95]  # per cent
SHOWN = ["2013-04-16 00:00", "2013-06-09 00:00"]  # where the two forecasts of the picture begin


def inputs(X):
    """What is known ahead: the clear sky, a capacity (W) that is 0 at night, hour and day of the year."""
    capacity = np.where(X["ghi_clear"] > 0, 3400.0, 0.0)
    return CalendarFeatures(["day", "year"]).fit_transform(X[["ghi_clear"]].assign(capacity=capacity))


def coverages(result, capacity):
    """Share of the daylight hours in the intervals, by level, for each step of a backtest; and over all of them."""
    forecasts = result.forecasts
    day = forecasts[(capacity.reindex(forecasts["time"]).to_numpy() > 0) & forecasts["y"].notna()]

    def shares(rows):
        return {p: 100 * coverage(rows["y"], rows[f"lo-{p}"], rows[f"hi-{p}"]) for p in LEVELS}

    return {step: shares(rows) for step, rows in day.groupby("step")}, shares(day)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()

    X, y = load_solar_plant(return_X_y=True)
    X = inputs(X)
    model = ESNRegressor(
        50 if args.quick else 300, output_lags=1, target_bounds=(0, "capacity"), random_state=0
    )
    model.fit(X[:TRAIN], y[:TRAIN])

    # How wrong are the forecasts? Errors on the rows a model learnt from are too small, and those of the last
    # weeks know one season. So five copies are fitted, each without a fifth of the years, and err on that fifth.
    model.calibrate(X[:TRAIN], y[:TRAIN], cv=5)
    print("The next hours after training, with the daylight of New Year's Day:")
    print(model.forecast(16, X[TEST:], level=LEVELS)[8:].round().astype(int).to_string())

    # From one forecast to the next some hours that are not a day: else all would begin at one hour.
    step, rare = (25, 73) if args.quick else (5, 25)
    results = {
        "conformal": backtest(model, X[TEST:], y[TEST:], HORIZON, step, level=LEVELS),
        "bootstrap": backtest(model, X[TEST:], y[TEST:], HORIZON, rare, level=LEVELS, method="bootstrap"),
    }
    print(
        f"\nHow much of {TEST} lies inside, forecasts of {HORIZON} hours from many hours of the year, daylight only:"
    )
    by_step = {}
    for method, result in results.items():
        by_step[method], total = coverages(result, X["capacity"])
        words = ", ".join(f"{share:.1f} % in the {p} % intervals" for p, share in total.items())
        print(f"  {method}: {words} ({result.forecasts.origin.nunique()} forecasts)")
    values = results["conformal"].forecasts.filter(regex="forecast|lo|hi").to_numpy()
    night = X["capacity"].reindex(results["conformal"].forecasts["time"]).to_numpy() == 0
    assert (values >= 0).all()
    assert (values[night] == 0).all()
    print("No end of an interval is negative, and at night all are exactly 0.")
    picture(args.out, model, X, y, by_step["conformal"])


def picture(out, model, X, y, by_step):
    """Two forecasts with their fans, and the coverage by horizon."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        from tsrnn.plotting import ForecastDisplay
    except ImportError:
        print("No picture: pip install matplotlib, or tsrnn[plot].")
        return
    fig, axes = plt.subplots(3, 1, figsize=(10, 9), height_ratios=[1, 1, 0.8], layout="constrained")
    for ax, stamp in zip(axes, SHOWN):
        begin = y.index.get_loc(stamp)
        rows = slice(y.index.get_loc(f"{TEST}-01-01 00:00"), begin)
        there = deepcopy(model).update(X[rows], y[rows])  # remembers what came since training; learns nothing
        fan = there.forecast(HORIZON, X[begin:], level=LEVELS)
        ForecastDisplay(fan, history=y[:begin], truth=y[begin:]).plot(ax, last=48)
        ax.set(ylabel="power, W", title=f"Made on {y.index[begin]:%d %B %Y, %H:%M}, for three days")
    for p in LEVELS:
        (line,) = axes[-1].plot(list(by_step), [share[p] for share in by_step.values()], ".-", label=f"{p} %")
        axes[-1].axhline(p, color=line.get_color(), linewidth=0.8, linestyle="--")
    axes[-1].set(
        xlabel="hours ahead",
        ylabel="inside, %",
        ylim=(60, 100),
        title="Coverage in daylight, whole test year",
    )
    axes[-1].legend(loc="lower right", frameon=False)
    fig.savefig(out, dpi=110)
    print(f"\nPicture: {out}")


if __name__ == "__main__":
    main()
