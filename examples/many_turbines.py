"""One model for four wind turbines, against one for each, and against one that never saw the turbine it forecasts.

La Haute Borne, hourly. Trained on 2014, tested on 2015. Known is the power of a turbine up to the hour in which the
forecast is made, and the hour of the day.

    python examples/many_turbines.py            # writes examples/many_turbines.png
    python examples/many_turbines.py --quick    # small settings
"""

import argparse
import time
from pathlib import Path

import pandas as pd
from sklearn.pipeline import make_pipeline

import tsrnn
from tsrnn import NARXRegressor, PersistenceRegressor
from tsrnn.datasets import load_wind_farm
from tsrnn.metrics import rmse
from tsrnn.model_selection import backtest
from tsrnn.preprocessing import CalendarFeatures, future_frame


TURBINES = ["R80711", "R80721", "R80736", "R80790"]
HORIZON, SHOWN = 24, [1, 3, 6, 12, 24]  # hours
NOW = "2015-01-10"  # the last day known to the forecast of the picture


def load():
    """Power of all turbines, kW: a Series whose index has the turbine and the time. Standstill, slightly < 0, is 0."""
    power = {name: load_wind_farm(name).target.clip(lower=0) for name in TURBINES}
    return pd.concat(power, names=["turbine", "time"])


def between(y, first, last):
    """The rows of some days, of all turbines, and the frame without columns that tells the model their hours."""
    times = y.index.get_level_values("time")
    y = y[
        (times >= pd.Timestamp(first, tz="UTC")) & (times < pd.Timestamp(last, tz="UTC") + pd.Timedelta("1D"))
    ]
    return pd.DataFrame(index=y.index), y


def model(quick):
    """Nothing here says that there are several series: the index does."""
    net = NARXRegressor((4,) if quick else (8,), target_bounds=(0, 2050), random_state=0)
    return make_pipeline(CalendarFeatures(["day"]), net)


def errors(forecasts):
    """RMSE by hours ahead, over all turbines."""
    known = forecasts.dropna(subset="y")
    return known.groupby("step")[["y", "forecast"]].apply(lambda rows: rmse(rows["y"], rows["forecast"]))


def compare(train, test, quick):
    """{name: (RMSE by step, seconds of fitting)}: which turbines each model learns from, and which it forecasts."""
    plans = {
        "one model for all": [(TURBINES, TURBINES)],
        "one model for each": [([name], [name]) for name in TURBINES],
        "one that never saw it": [
            ([other for other in TURBINES if other != name], [name]) for name in TURBINES
        ],
    }
    found = {
        "persistence": (errors(backtest(PersistenceRegressor().fit(*train), *test, HORIZON).forecasts), 0.0)
    }
    for words, plan in plans.items():
        seconds, forecasts = 0.0, []
        for learnt, forecast in plan:
            start = time.perf_counter()
            fitted = model(quick).fit(*(rows.loc[learnt] for rows in train))
            seconds += time.perf_counter() - start
            forecasts.append(backtest(fitted, *(rows.loc[forecast] for rows in test), HORIZON).forecasts)
        found[words] = errors(pd.concat(forecasts)), seconds
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()

    y = load()
    train = between(y, "2014-01-01", "2014-12-31")
    test = between(y, "2015-01-01", "2015-03-31" if args.quick else "2015-12-31")
    # The first fit also compiles, which is not to be counted below.
    together = model(args.quick).fit(*train)
    months = "January to March 2015" if args.quick else "2015"
    print(f"RMSE, kW, of forecasts from every hour of {months}, {len(TURBINES)} turbines:")
    print(f"{'':24s}" + "".join(f"{f'{h} h':>8s}" for h in SHOWN) + f"{'fits, s':>9s}")
    found = compare(train, test, args.quick)
    for name, (by_step, seconds) in found.items():
        print(f"{name:24s}" + "".join(f"{v:8.1f}" for v in by_step[SHOWN]) + f"{seconds:9.2f}")
    each = found["one model for each"][0]
    for name in ("one model for all", "one that never saw it"):
        share = (found[name][0] / each).mean() - 1
        print(
            f"{name.capitalize()} errs by {abs(share):.1%} {'more' if share > 0 else 'less'} than one model for each."
        )

    X, power = between(y, "2015-01-01", NOW)
    tsrnn.update(together, X, power)  # each turbine goes on from its own end; nothing is learnt
    forecast = tsrnn.forecast(together, HORIZON, future_frame(power, HORIZON), level=[80, 95])
    print(f"\nThe first hours after {NOW}, of all turbines from one model:")
    print(forecast.groupby("turbine").head(2).round().astype(int).to_string())
    picture(args.out, y, forecast, pd.DataFrame({name: by_step for name, (by_step, _) in found.items()}))


def picture(out, y, forecast, curves):
    """The forecast of each turbine, and the errors by horizon."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        from tsrnn.plotting import BacktestDisplay, ForecastDisplay
    except ImportError:
        print("No picture: pip install matplotlib, or tsrnn[plot].")
        return
    fig = plt.figure(figsize=(11, 8.5), layout="constrained")
    places = fig.add_gridspec(3, 2)
    for k, name in enumerate(TURBINES):
        ax, fan = fig.add_subplot(places[k // 2, k % 2]), forecast.loc[name]
        ForecastDisplay(fan, history=y[name][: fan.index[0]][:-1], truth=y[name][fan.index[0] :]).plot(
            ax, last=48
        )
        ax.set(ylabel="" if k % 2 else "power, kW", title=f"Turbine {name}", ylim=(0, 2050))
        if k != 1:
            ax.get_legend().remove()
    ax = fig.add_subplot(places[2, :])
    BacktestDisplay(curves, baselines=["persistence"]).plot(ax, marker="")
    ax.set(xlabel="hours ahead", ylabel="RMSE, kW", xticks=SHOWN, title="Errors of the test, all turbines")
    fig.savefig(out, dpi=110)
    print(f"\nPicture: {out}")


if __name__ == "__main__":
    main()
