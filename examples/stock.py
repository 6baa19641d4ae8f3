"""Forecast tomorrow's price, and say honestly whether that beats "tomorrow is like today".

    python examples/stock.py                # WTI crude oil, daily, 1986 to 2018
    python examples/stock.py prices.csv     # your own file: a column of dates, a column "close"

The nets forecast the next day's log return r(t) = log p(t) - log p(t - 1) from past returns; the price
forecast is p(t - 1) exp(r(t)). The last part of the record is the test: one step ahead each day, nothing
tuned on it.
"""

import argparse
from math import erf, sqrt
from pathlib import Path

import numpy as np
import pandas as pd

from tsrnn import NARXRegressor, TDNNRegressor
from tsrnn.datasets import load_oil_price


LAGS = 5  # days of history
TEST_SHARE = 0.2


def read_prices(path):
    """Price by date: the first column holds dates, the one called "close" (else the second) prices."""
    if path is None:
        return load_oil_price().target
    frame = pd.read_csv(path)
    dates = pd.to_datetime(frame.iloc[:, 0])
    names = {str(name).strip().lower(): name for name in frame.columns}
    price = frame[names.get("close", frame.columns[1])].astype(float)
    return pd.Series(price.to_numpy(), pd.DatetimeIndex(dates, name="date"), name="price").sort_index()


def diebold_mariano(error, reference):
    """Compare squared errors, one step ahead: statistic (below 0: smaller than the reference's) and p value.

    F. X. Diebold, R. S. Mariano. "Comparing predictive accuracy." Journal of Business & Economic Statistics
    13, 1995.
    """
    d = error**2 - reference**2
    statistic = d.mean() / (d.std(ddof=1) / sqrt(len(d)))
    return statistic, 1 - erf(abs(statistic) / sqrt(2))


def lag_of_best_match(forecast, price):
    """The k in 0..3 for which the forecast is nearest to the price k days earlier."""
    return min(range(4), key=lambda k: ((forecast - price.shift(k)) ** 2).mean())


def forecasts(price, quick):
    """{model: (forecast price of the test days, forecast return)}."""
    returns = np.log(price).diff().iloc[1:]
    n_test = int(TEST_SHARE * len(returns))
    train, test = returns.iloc[:-n_test], returns.iloc[-n_test:]
    hidden, members = ((2,), 1) if quick else ((4,), 5)

    # A TDNN sees inputs only, here the returns up to yesterday; a NARX feeds on the measured y.
    X = returns.shift(1).fillna(0.0).to_frame("yesterday")
    days = pd.DataFrame(index=returns.index)  # no inputs
    total = {"NARX": 0.0, "TDNN": 0.0}
    for seed in range(members):
        settings = {"early_stopping": False, "random_state": seed}
        narx = NARXRegressor(
            hidden, output_lags=LAGS, skip_connections=True, training="open_loop", **settings
        )
        narx.fit(days.loc[train.index], train)
        total["NARX"] += narx.predict_ahead(days.loc[test.index], test, steps=1) / members
        tdnn = TDNNRegressor(hidden, input_lags=LAGS - 1, **settings).fit(X.loc[train.index], train)
        total["TDNN"] += tdnn.predict(X.loc[test.index]) / members
    mean = {"persistence": np.zeros(n_test), "mean return": np.full(n_test, train.mean())}
    yesterday = price.shift(1).loc[test.index]
    return {name: (yesterday * np.exp(r), r) for name, r in {**mean, **total}.items()}


def report(price, by_model):
    """Print the errors, the tests and the verdict in words."""
    persistence = by_model["persistence"][0]
    truth = price.loc[persistence.index]
    print(f"\n{'':14s}{'RMSE':>9s}{'MAE':>9s}{'skill':>9s}{'DM':>8s}{'p':>8s}{'up/down':>9s}")
    reference = truth - persistence
    tested = {}
    for name, (forecast, r) in by_model.items():
        error = truth - forecast
        rmse, skill = sqrt((error**2).mean()), 1 - sqrt((error**2).mean() / (reference**2).mean())
        line = f"{name:14s}{rmse:9.4f}{error.abs().mean():9.4f}{skill:9.4f}"
        if name != "persistence":
            statistic, p = diebold_mariano(error, reference)
            moved = reference != 0
            right = (np.sign(r) == np.sign(reference))[moved].mean()
            line += f"{statistic:8.2f}{p:8.3f}{right:9.1%}"
            tested[name] = statistic, p
        print(line)
    print(
        "\nskill: 1 - RMSE / RMSE of persistence. DM: Diebold-Mariano statistic, below 0 where the squared\n"
        "errors are smaller than those of persistence; p: chance of one this large between equals.\n"
        "up/down: share of days whose direction was foretold.\n"
    )
    for name in ("NARX", "TDNN"):
        statistic, p = tested[name]
        if p >= 0.05:
            print(f"{name} does NOT beat persistence: the difference cannot be told from luck (p = {p:.3f}).")
        elif statistic > 0:
            print(f"{name} is WORSE than persistence (p = {p:.3f}).")
        else:
            print(
                f"{name} beats persistence on these days (p = {p:.3f}), before costs; two models were tried."
            )
        if lag_of_best_match(by_model[name][0], truth) == 1:
            print(
                f"  Warning: {name}'s price forecast is nearest to YESTERDAY's price, not to the one it\n"
                "  forecasts. On a chart it hugs the truth, one day late: such a curve is no sign of skill."
            )


def picture(out, price, by_model, dates):
    """Save the last test days: price and forecast above, return and forecast return below."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        print("No picture: pip install matplotlib, or tsrnn[plot].")
        return
    forecast, r = by_model["NARX"]
    days = forecast.index[-60:]  # numbers: one trading day after the other
    fig, (above, below) = plt.subplots(2, 1, figsize=(10, 6), sharex=True, layout="constrained")
    above.plot(price.loc[days], color="#444444", lw=1.6, label="price")
    above.plot(forecast.loc[days], color="#e45756", lw=1.3, label="NARX, made the day before")
    above.set_title("It looks good: the forecast is yesterday's price, moved a little", loc="left")
    change = np.log(price.loc[forecast.index] / by_model["persistence"][0])
    below.bar(days, 100 * change.loc[days], color="#cccccc", width=0.8, label="what happened")
    below.plot(days, 100 * pd.Series(r, forecast.index).loc[days], color="#e45756", lw=1.3, label="NARX")
    below.set_title("What it knows: the daily change, in per cent", loc="left")
    below.set_xticks(days[::10], [f"{date:%d %b %Y}" for date in dates[days[::10]]])
    for ax in (above, below):
        ax.legend(frameon=False, ncols=2)
        ax.spines[["top", "right"]].set_visible(False)
    fig.savefig(out, dpi=130)
    plt.close(fig)
    print(f"\nPicture: {out}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", nargs="?", type=Path, help="date, close; the oil price if left out")
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()

    price = read_prices(args.csv).dropna()
    if not (price > 0).all():
        raise SystemExit("Prices must be above zero: the forecast is of log returns.")
    # Trading days in a row, whatever the calendar says of weekends and holidays between them.
    dates = price.index
    price = price.reset_index(drop=True)
    by_model = forecasts(price, args.quick)
    first = by_model["NARX"][0].index[0]
    print(
        f"{len(price)} days, {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}; "
        f"test from {dates[first]:%Y-%m-%d}, one day ahead."
    )
    report(price, by_model)
    picture(args.out, price, by_model, dates)


if __name__ == "__main__":
    main()
