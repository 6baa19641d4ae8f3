"""AutoForecaster against the defaults of other libraries, on series of many kinds.

Each series is cut once: everything is fitted on the rows before, and forecasts ``horizon`` steps from up to 60 (hourly)
or 80 origins spread evenly over the rows after, without being fitted again. Ratios are of RMSE (MAE) over all origins
and steps to that of the *best* rival of that series, chosen with hindsight.

    lgbm rec, dir     LGBMRegressor() on lags and calendar numbers, fed back, or one model a step
    ridge rec, dir    RidgeCV on the same lags and calendar dummies, scaled
    arima             AutoARIMA of one season (daily, monthly), its parameters carried forward
    mstl              MSTL with AutoETS for its trend, fitted anew at each origin on the last 2016 rows
    ets               AutoETS (monthly), fitted anew at each origin
    lags              hourly 1 ... 25, 47 ... 49, 167 ... 169, 336; daily 1 ... 15, 21, 28; monthly 1 ... 13, 24

Victoria's temperature and holidays are known ahead, for all. M4: hourly series with odd numbers, their 48 hours, OWA as
in the competition (Naive2 of the same series); fitted to each series by itself.

``time_budget`` is kept in seconds of processor time, so that a busy machine does not stop a race early.

Run, in an environment with lightgbm and statsforecast, with the folder of the development series:

    python tests/benchmarks/auto_forecaster.py DATA [--sets airline h2o] [--m4 207] [--cache FOLDER] [--verbose]

``--cache`` keeps the rivals' forecasts, which take most of the time. What it printed is in
results/auto_forecaster.md.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from tsrnn import AutoForecaster


HOURLY, DAILY, MONTHLY = 24, 7, 12
LAGS = {
    HOURLY: [*range(1, 26), 47, 48, 49, 167, 168, 169, 336],
    DAILY: [*range(1, 16), 21, 28],
    MONTHLY: [*range(1, 14), 24],
}
HORIZON = {HOURLY: 24, DAILY: 14, MONTHLY: 12}


def read(folder, name, column=0, freq=None, **options):
    """One column of a file as a regular series."""
    frame = pd.read_csv(folder / name, index_col=0, parse_dates=True, encoding="utf-8-sig", **options)
    y = pd.to_numeric(frame[column] if isinstance(column, str) else frame.iloc[:, column], errors="coerce")
    y = y[~y.index.duplicated()].sort_index().astype(float)
    return y.dropna().asfreq(freq) if freq == "MS" else y.asfreq(freq)


def series(folder):
    """{name: (y, X or None, season, rows to test on)}."""
    victoria = pd.read_csv(folder / "victoria_demand_half_hourly.csv.gz")
    victoria.index = pd.DatetimeIndex(pd.to_datetime(victoria.Time, utc=True)).tz_convert(
        "Australia/Melbourne"
    )
    hourly = victoria[["Demand", "Temperature", "Holiday"]].astype(float).resample("h").mean()
    test = int((hourly.index >= pd.Timestamp("2014-01-01", tz="Australia/Melbourne")).sum())
    found = {"victoria": (hourly["Demand"], hourly[["Temperature", "Holiday"]], HOURLY, test)}
    for name in ("building_1", "building_2"):
        y = read(folder, "building_energy_hourly.csv.gz", name, "h")
        found[name] = y, None, HOURLY, len(y) - int(0.75 * len(y))
    for name in ("no2", "o3", "pm2.5"):
        y = read(folder, "air_quality_valencia_hourly.csv.gz", name, "h")[-26280:]
        found[name] = y, None, HOURLY, 8760
    for name, file, test in (
        ("bicimad", "bicimad_users_daily.csv", 365),
        ("flights", "uk_flights_daily.csv", 200),
        ("wikipedia", "wikipedia_visits_daily.csv", 365),
        ("energy", "energy_production_daily.csv", 365),
        ("mintemp", "min_temperature_daily.csv", 730),
    ):
        found[name] = read(folder, file, 0, "D", dayfirst=name == "flights"), None, DAILY, test
    found["h2o"] = read(folder, "h2o_monthly.csv", "y", "MS"), None, MONTHLY, 36
    for name in ("Gasolinas", "Gasoleos", "Fueloleos"):
        found[name] = read(folder, "fuel_spain_monthly.csv", name, "MS"), None, MONTHLY, 60
    found["airline"] = read(folder, "airline_monthly.csv", 0, "MS"), None, MONTHLY, 36
    sales = pd.read_csv(folder / "shampoo_monthly.csv").iloc[:, 1].astype(float)
    sales.index = pd.date_range("2001-01", periods=len(sales), freq="MS")
    found["shampoo"] = sales, None, MONTHLY, 12
    return found


def calendar(index, season, dummies):
    """Numbers of the calendar, or a column for each."""
    columns = {"month": index.month}
    if season == HOURLY:
        columns |= {"hour": index.hour, "weekday": index.dayofweek}
    if season == DAILY:
        columns |= {"weekday": index.dayofweek}
    frame = pd.DataFrame(columns, index=index)
    if dummies:
        return pd.get_dummies(frame.astype(str)).to_numpy(float)
    if season != MONTHLY:
        frame["day"] = index.dayofyear
    return frame.to_numpy(float)


def rivals(y, X, season, cut, origins, horizon):
    """{name: forecasts (M, horizon)}."""
    from statsforecast.models import MSTL, AutoARIMA, AutoETS

    index, y = y.index, y.interpolate().bfill().to_numpy()
    made = {}
    for name, regressor, dummies in (("lgbm", boosting, False), ("ridge", ridge, True)):
        E = calendar(index, season, dummies)
        E = E if X is None else np.column_stack([E, X])
        made |= {f"{name} {k}": v for k, v in on_lags(regressor, y, E, season, cut, origins, horizon).items()}
    if season != HOURLY:
        model = AutoARIMA(season_length=season).fit(y[:cut])
        made["arima"] = np.array([model.forward(y[:k], horizon)["mean"] for k in origins])
    periods = [24, 168] if season == HOURLY else [season]
    made["mstl"] = np.array(
        [MSTL(season_length=periods).forecast(y[max(0, k - 2016) : k], horizon)["mean"] for k in origins]
    )
    if season == MONTHLY:
        made["ets"] = np.array(
            [AutoETS(season_length=season).forecast(y[:k], horizon)["mean"] for k in origins]
        )
    return made


def boosting():
    """LightGBM as it comes."""
    from lightgbm import LGBMRegressor

    return LGBMRegressor(verbose=-1, n_jobs=1, random_state=0)


def ridge():
    """Ridge regression with a chosen penalty."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15)))


def on_lags(make, y, E, season, cut, origins, horizon):
    """A regressor fed back, and one for each step."""
    lags = np.array([k for k in LAGS[season] if k < cut // 2])
    rows = np.arange(lags.max(), cut)
    model = make().fit(np.column_stack([y[rows[:, None] - lags], E[rows]]), y[rows])
    past = np.array([y[k - lags.max() : k] for k in origins])
    for s in range(horizon):
        out = model.predict(np.column_stack([past[:, -lags], E[origins + s]]))
        past = np.column_stack([past, out])
    direct = []
    for s in range(horizon):
        rows = np.arange(lags.max(), cut - s)
        model = make().fit(np.column_stack([y[rows[:, None] - lags], E[rows + s]]), y[rows + s])
        direct.append(model.predict(np.column_stack([y[origins[:, None] - lags], E[origins + s]])))
    return {"rec": past[:, -horizon:], "dir": np.column_stack(direct)}


def compare(name, y, X, season, test, cache, verbose):
    """Print a line; return ratios of RMSE and MAE and coverages."""
    horizon = 6 if name == "shampoo" else HORIZON[season]
    cut, n = len(y) - test, len(y)
    most = 60 if season == HOURLY else 80
    origins = np.unique(np.linspace(cut, n - horizon, min(most, n - horizon - cut + 1)).astype(int))
    begin = time.process_time()
    model = AutoForecaster(horizon, known_ahead="all" if X is not None else (), random_state=0)
    model.fit(None if X is None else X[:cut], y[:cut])
    seconds = time.process_time() - begin
    new = None if X is None else X[cut:]
    made = model.trajectories(new, y[cut:], horizon, origins=origins - cut, level=[80, 95])
    truth = y.to_numpy()[origins[:, None] + np.arange(horizon)]
    file = None if cache is None else cache / f"rivals_{name}.npz"
    if file is not None and file.exists():
        others = dict(np.load(file))
    else:
        others = rivals(y, X, season, cut, origins, horizon)
        if file is not None:
            np.savez(file, **others)
    rmse = {k: float(np.sqrt(np.nanmean((v - truth) ** 2))) for k, v in others.items()}
    mae = {k: float(np.nanmean(np.abs(v - truth))) for k, v in others.items()}
    best = min(rmse, key=rmse.get)
    wrong, known = made.forecast - truth, np.isfinite(truth)
    ratios = np.sqrt(np.nanmean(wrong**2)) / rmse[best], np.nanmean(np.abs(wrong)) / min(mae.values())
    ends = [made.intervals[p] for p in (80, 95)]
    inside = [((low <= truth) & (truth <= high))[known].mean() for low, high in ends]
    print(
        f"{name:12s} {ratios[0]:6.3f} {ratios[1]:6.3f}   {best:10s} {rmse[best]:10.4g}   {100 * inside[0]:5.1f} "
        f"{100 * inside[1]:5.1f}   {seconds:6.1f}   {model.leaderboard_.index[1][:50]}",
        flush=True,
    )
    if verbose:
        print(model.leaderboard_.round(3).to_string())
    return *ratios, *inside


# ------------------------------------------------------------------------------------ M4


def naive2(y, horizon, m=24):
    """The competition's benchmark: the last value, multiplicatively adjusted where a season is significant."""
    n, z = len(y), y - y.mean()
    r = np.array([z[k:] @ z[: n - k] for k in range(m + 1)]) / (z @ z)
    if n < 3 * m or abs(r[m]) <= 1.645 * np.sqrt((1 + 2 * (r[1:m] ** 2).sum()) / n):
        return np.repeat(y[-1], horizon)
    trend = np.convolve(y, np.r_[0.5, np.ones(m - 1), 0.5] / m, "valid")
    ratio, phase = y[m // 2 : m // 2 + len(trend)] / trend, (np.arange(len(trend)) + m // 2) % m
    index = np.array([ratio[phase == k].mean() for k in range(m)])
    index /= index.mean()
    return y[-1] / index[(n - 1) % m] * index[(n + np.arange(horizon)) % m]


def m4(folder, most):
    """OWA on hourly series, CPU seconds a series, coverage."""
    frame = pd.read_csv(folder / "m4_hourly_odd.csv.gz")
    chosen = sorted(frame.unique_id.unique())
    chosen = chosen[:: max(1, len(chosen) // most)]
    errors, seconds, inside = [], [], []
    for name in chosen:
        y = frame.y[frame.unique_id == name].to_numpy(float)
        past, future = y[:-48], y[-48:]
        begin = time.process_time()
        made = AutoForecaster(48, random_state=0).fit(None, past).forecast(48, level=[80, 95])
        seconds.append(time.process_time() - begin)
        inside.append([((made[f"lo-{p}"] <= future) & (future <= made[f"hi-{p}"])).mean() for p in (80, 95)])
        scale = np.mean(np.abs(past[24:] - past[:-24]))
        for f in (made["y"].to_numpy(), naive2(past, 48)):
            wrong = np.abs(f - future)
            errors.append((200 * np.mean(wrong / (np.abs(f) + np.abs(future))), np.mean(wrong) / scale))
    own, naive = (np.mean(errors[k::2], axis=0) for k in (0, 1))
    print(
        f"\nM4 hourly, {len(chosen)} series: OWA {np.mean(own / naive):.3f}  sMAPE {own[0]:.2f}  MASE {own[1]:.3f}  "
        f"(Naive2 {naive[0]:.2f}, {naive[1]:.3f})  CPU s a series {np.mean(seconds):.2f}, most {np.max(seconds):.2f}  "
        f"coverage {100 * np.mean(inside, axis=0).round(3)}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--m4", type=int, default=207, help="how many series")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("series         RMSE    MAE   best rival       RMSE   inside 80, 95   CPU s   best alone")
    found = [
        compare(name, *given, options.cache, options.verbose)
        for name, given in series(options.data).items()
        if options.sets is None or name in options.sets
    ]
    if found:
        found = np.array(found)
        print(
            f"{'mean':12s} {found[:, 0].mean():6.3f} {found[:, 1].mean():6.3f}   "
            f"below 1: {np.mean(found[:, 0] < 1):.0%} {np.mean(found[:, 1] < 1):.0%}   "
            f"worst {found[:, 0].max():.3f} {found[:, 1].max():.3f}   "
            f"inside {100 * found[:, 2].mean():.1f} {100 * found[:, 3].mean():.1f}"
        )
    if options.m4:
        m4(options.data, options.m4)


if __name__ == "__main__":
    main()
