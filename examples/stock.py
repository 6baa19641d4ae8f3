"""Forecast tomorrow's price, and say honestly whether that beats "tomorrow is like today".

    python examples/stock.py                         # WTI crude oil, daily, 1986 to 2018
    python examples/stock.py prices.csv --unit EUR   # your own file: a column of dates, a column "close"

The models forecast log returns, r(t) = log p(t) - log p(t - 1). The last fifth of the days is the test.
"""

import argparse
from math import erf, sqrt
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from tsrnn import AnalogueRegressor, ConstantRegressor, NARXRegressor
from tsrnn.datasets import load_oil_price
from tsrnn.model_selection import backtest
from tsrnn.plotting import STYLE


def read_prices(path):
    """Price by date: the first column holds dates, the one called "close" (else the second) prices."""
    if path is None:
        return load_oil_price().target
    frame = pd.read_csv(path)
    names = {str(name).strip().lower(): name for name in frame.columns}
    price = frame[names.get("close", frame.columns[1])].to_numpy(float)
    return pd.Series(price, pd.to_datetime(frame.iloc[:, 0]), name="price").sort_index()


def diebold_mariano(error, reference):
    """Compare squared errors (Diebold and Mariano, 1995): statistic, below 0 for smaller ones, and p value."""
    d = error**2 - reference**2
    statistic = d.mean() / (d.std(ddof=1) / sqrt(len(d)))
    return statistic, 1 - erf(abs(statistic) / sqrt(2))


def lag_of_best_match(forecast, price):
    """k in 0..3 for which the forecast is nearest to the price k days earlier."""
    return min(range(4), key=lambda k: ((forecast - price.shift(k)) ** 2).mean())


def models(quick):
    """What forecasts the next return."""
    settings = {"output_lags": 5, "training": "open_loop", "early_stopping": False, "random_state": 0}
    return {
        "yesterday": ConstantRegressor(0),
        "similar weeks": AnalogueRegressor(50, output_lags=5),
        "NARX": NARXRegressor((4,), n_restarts=1 if quick else 5, ensemble="mean", **settings),
    }


def picture(out, price, forecasts, dates, unit):
    """Save the last test days: price and forecast above, return and forecast return below."""
    plt.style.use(STYLE)
    days, known = forecasts.index[-60:], 100 * np.log(forecasts["NARX"] / price.shift())
    _, (above, below) = plt.subplots(2, 1, figsize=(10, 6), sharex=True, layout="constrained")
    above.plot(price[days], color="black", label="measured")
    above.plot(forecasts["NARX"][days], label="NARX, made the day before")
    above.set(title="It looks good: yesterday's price, moved a little", ylabel=f"price, {unit}")
    below.bar(days, 100 * np.log(price).diff()[days], color="0.8", label="what happened")
    below.plot(days, known[days], label="NARX")
    below.set(title="What it knows", ylabel="daily change, %")
    below.set_xticks(days[::10], [f"{date:%d %b %Y}" for date in dates[days[::10]]])
    _ = above.legend(), below.legend()
    plt.savefig(out, dpi=130)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", nargs="?", help="date, close; the oil price if left out")
    parser.add_argument("--unit", default="USD a barrel")
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()
    price = read_prices(args.csv).dropna()
    assert (price > 0).all(), "Prices must be above zero: the forecast is of log returns."
    dates, price = price.index, price.reset_index(drop=True)  # trading days in a row, whatever the calendar
    returns = np.log(price).diff()[1:].reset_index(drop=True)
    n = int(0.8 * len(returns))
    forecasts = pd.DataFrame(index=price.index[n + 1 :])
    for name, model in models(args.quick).items():
        table = backtest(model.fit(None, returns[:n]), None, returns[n:], horizon=1).forecasts
        forecasts[name] = price.shift()[n + 1 :] * np.exp(table["forecast"].to_numpy())
    errors = forecasts.rsub(price[n + 1 :], axis=0)
    print(f"Test from {dates[n + 1]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}, one day ahead.")
    for name, error in errors.items():
        statistic, p = diebold_mariano(error, errors["yesterday"]) if name != "yesterday" else (0, 1)
        verdict = "as good as" if p >= 0.05 else "worse than" if statistic > 0 else "better than"
        print(f"{name:14s} RMSE {sqrt((error**2).mean()):.4f}, {verdict} yesterday's price (p = {p:.3f})")
        k = lag_of_best_match(forecasts[name], price)
        print(f"    nearest to the price {k} day(s) before the one forecast" + ": a late copy" * (k > 0))
    picture(args.out, price, forecasts, dates, args.unit)


if __name__ == "__main__":
    main()
