"""What spikes, dropouts, stuck sensors, shifts, rows that the index lacks cost a model with default arguments.

The last ROWS rows of each series of at least 500.  "learnt": of the first four fifths, which are learnt, some rows are
made wrong; "origins": of the rows after them, from whose every row ``horizon`` steps are forecast.
Errors (RMSE) are of the true rows, over those of the same model where nothing is wrong; the geometric mean, and the
most, over the series, and of how many series a warning or an error told.  "naive" is the seasonal naive forecast of the
true rows, over the same.

    spikes      half a percent of the rows 10 to 50 standard deviations off, up or down
    dropouts    half a percent of the rows 0
    sentinels   half a percent of the rows -999
    stuck       stretches of one value, 4 % of the rows
    shift       four standard deviations less in the first half
    late        0 in the first 30 %
    flat        one value in the last 3 %
    end         four standard deviations more in the last 3 %
    heavy       noise that grows with the level
    deleted     5 % of the rows not in the index
    X spikes, X dropouts, X nan     of inputs (--inputs): as above, and one row in ten NaN

Run with the folder of the development series:

    python tests/benchmarks/dirty_series.py DATA [--models ARX NARX] [--kinds spikes] [--protocols learnt origins]

What it printed is in results/forecasting.md.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from auto_forecaster import HORIZON, series
from sklearn.linear_model import Ridge

from tsrnn import (
    ARXRegressor,
    AutoForecaster,
    ESNRegressor,
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    NARXRegressor,
    TDNNRegressor,
)


ROWS = 3000
MODELS = {
    "ARX": lambda h: ARXRegressor(),
    "NARX": lambda h: NARXRegressor(random_state=0),
    "ESN": lambda h: ESNRegressor(output_lags="auto", random_state=0),
    "GRU": lambda h: GRURegressor(output_lags="auto", random_state=0),
    "LSTM": lambda h: LSTMRegressor(output_lags="auto", random_state=0),
    "Forecaster(ARX)": lambda h: Forecaster(ARXRegressor(), h),
    "Forecaster(Ridge)": lambda h: Forecaster(Ridge(), h),
    "Forecaster(TDNN)": lambda h: Forecaster(TDNNRegressor(random_state=0), h),
    "AutoForecaster": lambda h: AutoForecaster(h, time_budget=4, random_state=0),
}


def some(y, share, rng):
    """Draw rows, three at least."""
    return rng.choice(np.arange(10, len(y)), max(3, int(share * len(y))), replace=False)


def spikes(y, rng):
    """Put some rows far off."""
    at = some(y, 0.005, rng)
    y.iloc[at] += y.std() * rng.uniform(10, 50, len(at)) * rng.choice([-1, 1], len(at))
    return y


def constants(value):
    """Return what puts some rows to a value."""

    def put(y, rng):
        y.iloc[some(y, 0.005, rng)] = value
        return y

    return put


def stuck(y, rng):
    """Hold values for a while."""
    for first in rng.integers(0, max(1, len(y) - 30), max(2, len(y) // 700)):
        y.iloc[first : first + 28] = y.iloc[first]
    return y


def shift(y, rng):
    """Lower the first half."""
    y.iloc[: len(y) // 2] -= 4 * y.std()
    return y


def late(y, rng):
    """Begin late."""
    y.iloc[: int(0.3 * len(y))] = 0.0
    return y


def flat(y, rng):
    """Repeat one value at the end."""
    n = int(0.97 * len(y))
    y.iloc[n:] = y.iloc[n]
    return y


def end(y, rng):
    """Shift the end."""
    y.iloc[int(0.97 * len(y)) :] += 4 * y.std()
    return y


def heavy(y, rng):
    """Add noise that grows with the level."""
    above = y - y.min()
    return y + 0.3 * above * rng.standard_normal(len(y))


def deleted(y, rng):
    """Leave rows out."""
    return y[rng.random(len(y)) > 0.05]


def missing(y, rng):
    """Take values away."""
    return y.where(rng.random(len(y)) > 0.1)


KINDS = {
    "spikes": spikes,
    "dropouts": constants(0.0),
    "sentinels": constants(-999.0),
    "stuck": stuck,
    "shift": shift,
    "late": late,
    "flat": flat,
    "end": end,
    "heavy": heavy,
    "deleted": deleted,
}
OF_INPUTS = {"X spikes": spikes, "X dropouts": constants(0.0), "X nan": missing}


def error(model, X, learnt, then, y, horizon):
    """Return the RMSE of all forecasts of the true y behind the rows learnt, and warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model.fit(None if X is None else X[0], learnt)
        made = model.trajectories(None if X is None else X[1], then, horizon)
    forecast = np.asarray(made.forecast).reshape(-1, horizon)
    at = np.arange(len(forecast))
    if len(then) != len(y):  # of the rows left, by their stamps
        at = y.index.get_indexer(then.index)[: len(forecast)]
    at = at[:, None] + np.arange(horizon)
    whole = at[:, -1] < len(y)
    truth = y.to_numpy()[at[whole]]
    return np.sqrt(np.nanmean((forecast[whole] - truth) ** 2)), sorted({str(w.message) for w in told})


def naive_error(y, first, season, horizon):
    """Return the RMSE of the seasonal naive forecast."""
    at = np.arange(first, len(y) - horizon + 1)[:, None]
    steps = np.arange(horizon)
    u = y.ffill().to_numpy()
    return np.sqrt(np.nanmean((y.to_numpy()[at + steps] - u[at - season + steps % season]) ** 2))


def dirty(kind, protocol, y, X, first):
    """Return inputs (learnt, then) and outputs, some of whose rows are wrong."""
    rng = np.random.default_rng(0)
    parts, columns = [y.iloc[:first].copy(), y.iloc[first:].copy()], None
    which = 0 if protocol == "learnt" else 1
    if X is not None:
        columns = [X.iloc[:first].copy(), X.iloc[first:].copy()]
    if kind in OF_INPUTS:
        columns[which] = columns[which].apply(lambda x: OF_INPUTS[kind](x.copy(), rng))
    elif kind:
        parts[which] = KINDS[kind](parts[which], rng)
    if columns is not None:
        columns = [x.loc[part.index] for x, part in zip(columns, parts)]
    return columns, parts


def compared(make, chosen, kind, protocol, whole):
    """Yield the name of each series, the error over that where nothing is wrong, None if refused, and words."""
    for name, (y, X, season) in chosen.items():
        first, h = int(0.8 * len(y)), HORIZON[season]
        columns, (learnt, then) = dirty(kind, protocol, y, X, first)
        try:
            e, told = error(make(h), columns, learnt, then, y.iloc[first:], h)
        except ValueError as refusal:
            yield name, None, [str(refusal)]
        else:
            yield name, e / whole[name][0], [w for w in told if w not in whole[name][1]]


def cell(results):
    """Write what was compared in short."""
    ratios, told = [ratio for _, ratio, _ in results if ratio], sum(bool(words) for *_, words in results)
    if not ratios:
        return "refused"
    return f"{np.exp(np.mean(np.log(ratios))):9.2f} {max(ratios):7.1f} {told:2d}/{len(results)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--kinds", nargs="+", default=[*KINDS])
    parser.add_argument("--protocols", nargs="+", default=["learnt", "origins"])
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--inputs", action="store_true", help="Victoria's demand beside its temperature")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    chosen = {
        name: (y[-ROWS:], X[-ROWS:] if args.inputs else None, season)
        for name, (y, X, season, _) in series(args.folder).items()
        if len(y) >= 500 and (not args.sets or name in args.sets) and not (args.inputs and X is None)
    }
    print(f"{'':28}" + "".join(f"{kind:>22}" for kind in ["naive", *args.kinds]))
    for name in args.models:
        whole, naive = {}, []
        for label, (y, X, season) in chosen.items():
            first, h = int(0.8 * len(y)), HORIZON[season]
            columns, (learnt, then) = dirty(None, "learnt", y, X, first)
            whole[label] = error(MODELS[name](h), columns, learnt, then, y.iloc[first:], h)
            naive.append((label, naive_error(y, first, season, h) / whole[label][0], []))
        for protocol in args.protocols:
            cells = [cell(naive)]
            for kind in args.kinds:
                results = list(compared(MODELS[name], chosen, kind, protocol, whole))
                cells.append(cell(results))
                for label, ratio, words in results if args.verbose else ():
                    print("  ", name, protocol, kind, label, ratio, *(w[:160] for w in words), flush=True)
            print(f"{name:19}{protocol:9}" + "".join(f"{text:>22}" for text in cells), flush=True)


if __name__ == "__main__":
    main()
