"""Series that no default was chosen on: what a user gets on the data sets of other packages.

    pip install statsmodels pmdarima vega_datasets
    python tests/benchmarks/other_series.py [--only co2_weekly,taylor] [--models ARX,AutoForecaster]

Each model is fitted to the first 80 % of a series, with nothing but ``output_lags="auto", target_transform="auto"``
(``AutoForecaster`` with nothing but its horizon), and forecasts from every origin of the rest, one fit for all. A
figure is the root mean squared error over all steps, of which the horizon is a season or less, over that of the better
of persistence and the seasonal naive forecast *on the same rows*, which a forecaster does not know beforehand. The
last lines are geometric means, how often a model is worse than that naive forecast, and the largest ratio. The series
are measured as they are, trends and breaks too; nothing in the library may be changed on account of one of them.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from pmdarima import datasets as pm
from statsmodels import datasets as sm
from statsmodels.datasets import elec_equip
from threadpoolctl import threadpool_limits
from vega_datasets import data as vega

import tsrnn
from tsrnn.model_selection import backtest


threadpool_limits(1)
SHARE = 0.8
AUTO = {"output_lags": "auto", "target_transform": "auto"}
MODELS = {
    "ARX": lambda h: tsrnn.ARXRegressor(**AUTO),
    "NARX": lambda h: tsrnn.NARXRegressor(random_state=0, **AUTO),
    "ESN": lambda h: tsrnn.ESNRegressor(random_state=0, **AUTO),
    "Elman": lambda h: tsrnn.ElmanRegressor(random_state=0, **AUTO),
    "LSTM": lambda h: tsrnn.LSTMRegressor(random_state=0, **AUTO),
    "GRU": lambda h: tsrnn.GRURegressor(random_state=0, **AUTO),
    "AutoForecaster": lambda h: tsrnn.AutoForecaster(h, random_state=0),
}


def series():
    """Yield (name, y, horizon, period)."""

    def dated(values, start, freq):
        values = np.asarray(values, float)
        return pd.Series(values, pd.date_range(start, periods=len(values), freq=freq))

    yield "wineind", dated(pm.load_wineind(), "1980-01", "MS"), 12, 12
    yield "woolyrnq", dated(pm.load_woolyrnq(), "1965-01", "QS"), 8, 4
    yield "ausbeer", dated(pm.load_ausbeer(), "1956-01", "QS"), 8, 4
    yield "austres", dated(pm.load_austres(), "1971-04", "QS"), 8, 4
    yield "taylor", dated(pm.load_taylor(), "2000-06-05", "30min"), 48, 48
    yield "heartrate", dated(pm.load_heartrate(), "2000-01-01", "500ms"), 10, 1
    yield "lynx", dated(pm.load_lynx(), "1821", "YS"), 3, 1
    weekly = sm.co2.load_pandas().data["co2"]
    yield "co2_weekly", weekly, 13, 52
    yield "co2_monthly", weekly.resample("MS").mean().interpolate(), 12, 12
    elnino = sm.elnino.load_pandas().data.iloc[:, 1:].to_numpy().ravel()
    yield "elnino", dated(elnino, "1950-01", "MS"), 12, 12
    macro = sm.macrodata.load_pandas().data
    for name in ("unemp", "infl", "realgdp", "tbilrate"):
        yield name, dated(macro[name], "1959-01", "QS"), 4, 4
    yield "elec_equip", elec_equip.load_pandas().data.iloc[:, 0].astype(float), 12, 12
    yield "nile", dated(sm.nile.load_pandas().data["volume"], "1871", "YS"), 3, 1
    temps = vega.seattle_temps().set_index("date")["temp"]
    yield "seattle_temps", temps[~temps.index.duplicated()], 24, 24
    weather = vega.seattle_weather().set_index("date")
    for name in ("temp_max", "wind", "precipitation"):
        yield name, weather[name], 7, 365 if name == "temp_max" else 7
    jobs = vega.us_employment().set_index("month")
    for name in ("nonfarm", "construction", "retail_trade", "information"):
        yield f"jobs_{name}", jobs[name].astype(float), 12, 12


def error(model, rows, horizon):
    """Root mean squared error over all steps."""
    return float(np.sqrt((backtest(model, None, rows, horizon).errors.RMSE ** 2).mean()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--models", default=",".join(MODELS))
    args = parser.parse_args()
    models = args.models.split(",")
    warnings.simplefilter("ignore")
    ratios = {name: [] for name in models}
    print("series           n  h " + "".join(f"{name:>16}" for name in models))
    for name, y, h, period in series():
        if args.only and name not in args.only.split(","):
            continue
        n = int(len(y) * SHARE)
        train, test = y.iloc[:n], y.iloc[n:]
        naive = [tsrnn.PersistenceRegressor().fit(None, train)]
        if period > 1:
            naive.append(tsrnn.SeasonalNaiveRegressor(period=period).fit(None, train))
        usual, cells = min(error(model, test, h) for model in naive), []
        for model in models:
            start = time.process_time()
            fitted = MODELS[model](h).fit(None, train)
            seconds = time.process_time() - start
            ratios[model].append(error(fitted, test, h) / usual)
            cells.append(f"{ratios[model][-1]:7.3f} ({seconds:4.1f} s)")
        print(f"{name:16}{n:5}{h:4}" + "".join(f"{cell:>16}" for cell in cells), flush=True)
    for title, measure in (
        ("geometric mean", lambda r: f"{np.exp(np.mean(np.log(r))):.3f}"),
        ("worse than naive", lambda r: f"{sum(v > 1 for v in r)} of {len(r)}"),
        ("largest", lambda r: f"{max(r):.3f}"),
    ):
        print(f"{title:25}" + "".join(f"{measure(ratios[model]):>16}" for model in models))


if __name__ == "__main__":
    main()
