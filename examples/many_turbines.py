"""One model for four wind turbines, against one for each, and against one that never saw the turbine it forecasts.

La Haute Borne, hourly. Trained on 2014, tested on 2015. Known are past power and the hour of the day.

    python examples/many_turbines.py            # writes examples/many_turbines.png
    python examples/many_turbines.py --quick    # small settings
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.pipeline import make_pipeline

import tsrnn
from tsrnn.datasets import load_wind_farm
from tsrnn.metrics import rmse
from tsrnn.model_selection import backtest
from tsrnn.plotting import STYLE, BacktestDisplay, ForecastDisplay
from tsrnn.preprocessing import CalendarFeatures, future_frame


TURBINES = ["R80711", "R80721", "R80736", "R80790"]
HORIZON, SHOWN = 24, [1, 3, 6, 12, 24]  # hours
NOW, TOMORROW = "2015-01-10", "2015-01-11"  # the last day known to the forecast of the picture, and its day


def load(first, last):
    """Power of all turbines in kW, between two days: a Series whose index has the turbine and the time."""
    power = {name: load_wind_farm(name).target.clip(lower=0)[first:last] for name in TURBINES}
    return pd.concat(power, names=["turbine", "time"])


def rows_of(y, turbines):
    """X and y of some turbines; X has no columns, but tells the hours of the rows."""
    y = y.loc[turbines]
    return pd.DataFrame(index=y.index), y


def model(quick):
    """Nothing here says that there are several series: the index does."""
    net = tsrnn.NARXRegressor((4,) if quick else (8,), target_bounds=(0, 2050), random_state=0)
    return make_pipeline(CalendarFeatures(["day"]), net)


def errors(plan, train, test, make):
    """RMSE by hours ahead, over all turbines; a plan has (turbines to learn from, turbines to forecast)."""
    tables = []
    for known, asked in plan:
        fitted = make().fit(*rows_of(train, known))
        tables.append(backtest(fitted, *rows_of(test, asked), HORIZON).forecasts.dropna(subset="y"))
    by_step = pd.concat(tables).groupby("step")[["y", "forecast"]]
    return by_step.apply(lambda rows: rmse(rows["y"], rows["forecast"]))


def picture(out, history, truth, forecast, found):
    """Save the forecast of each turbine, and the errors by horizon."""
    plt.style.use(STYLE)
    fig = plt.figure(figsize=(11, 8.5), layout="constrained")
    places = fig.add_gridspec(3, 2)
    for k, name in enumerate(TURBINES):
        ax = fig.add_subplot(places[k // 2, k % 2])
        ForecastDisplay(forecast, history=history, truth=truth, series=name, unit="kW").plot(ax, last=48)
        ax.set(title=f"Turbine {name}", ylim=(0, 2050))
        ax.get_legend().set_visible(k == 1)
    BacktestDisplay(found, baselines=["persistence"], unit="kW").plot(fig.add_subplot(places[2, :]))
    fig.axes[-1].set(xlabel="hours ahead", xticks=SHOWN, title="Errors of the test, all turbines")
    fig.savefig(out, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()
    train, test = load("2014", "2014"), load("2015", "2015-03" if args.quick else "2015")
    plans = {
        "one model for all": [(TURBINES, TURBINES)],
        "one model for each": [([name], [name]) for name in TURBINES],
        "one that never saw it": [([t for t in TURBINES if t != name], [name]) for name in TURBINES],
    }
    found = {"persistence": errors([(TURBINES, TURBINES)], train, test, tsrnn.PersistenceRegressor)}
    found |= {words: errors(plan, train, test, lambda: model(args.quick)) for words, plan in plans.items()}
    found = pd.DataFrame(found)
    print("RMSE, kW, forecasts from every hour, all turbines:\n", found.loc[SHOWN].T.round(1).to_string())
    for name in ("one model for all", "one that never saw it"):
        more = (found[name] / found["one model for each"]).mean() - 1
        print(f"{name.capitalize()} errs by {more:+.1%} against one model for each.")

    together = model(args.quick).fit(*rows_of(train, TURBINES))
    since = load("2015", NOW)
    tsrnn.update(together, *rows_of(since, TURBINES))  # each goes on from its own end; nothing is learnt
    forecast = tsrnn.forecast(together, HORIZON, future_frame(since, HORIZON), level=[80, 95])
    picture(args.out, since, load(TOMORROW, TOMORROW), forecast, found)


if __name__ == "__main__":
    main()
