"""Coverage of 80 % intervals, one to 24 steps ahead, of four models on series that change and series that do not.

    AR            y(t) = 0.8 y(t-1) + e(t)
    threshold     y(t) = 0.9 y(t-1) + e(t) below 0, -0.4 y(t-1) + (0.3 + 0.5 |y(t-1)|) e(t) above
    GARCH         as AR, with e(t) = s(t) z(t), s(t)^2 = 0.05 + 0.15 e(t-1)^2 + 0.8 s(t-1)^2
    level shift   as AR, after SHIFT rows of the test 8 standard deviations of y higher
    noise shift   as AR, after as many rows with three times the noise
    random walk   y(t) = y(t-1) + e(t), through target_transform="difference"

Each model is fitted to TRAINING rows and forecasts from each of those that follow, ROWS or, of the two shifts, SHIFT
and LATE more, which it sees as they come (``trajectories`` is ``update`` and ``forecast``, row by row). Of the two
shifts forecasts are judged by how many rows after it they begin (AFTER). Printed of each h: coverage, the lowest one of
the fifths by forecast (F) and by last value (L), all in per cent, and the mean interval score over that of the best
constant ends for the same rows (lower is better).

    python tests/benchmarks/interval_coverage.py [series=20] [models=ARX,ESN,NARX,GRU] [method=conformal] [processes]
"""

import sys
import warnings

import numpy as np

import tsrnn


TRAINING, ROWS, SHIFT, LATE, STEPS, LEVEL = 400, 300, 150, 500, (1, 5, 24), 80
AFTER = (0, 50), (50, 200), (200, 500)
MODELS = {
    "ARX": lambda seed: tsrnn.ARXRegressor((), 2),
    "ESN": lambda seed: tsrnn.ESNRegressor(50, output_lags=1, alpha=1.0, random_state=seed),
    "NARX": lambda seed: tsrnn.NARXRegressor((8,), input_lags=(), output_lags=2, random_state=seed),
    "GRU": lambda seed: tsrnn.GRURegressor((8,), output_lags=1, max_iter=360, random_state=seed),
}
PROCESSES = ("AR", "threshold", "GARCH", "level shift", "noise shift", "random walk")


def series(kind, seed):
    """One series, TRAINING and as many rows more as are forecast."""
    rng = np.random.default_rng(seed)
    n, warm = TRAINING + (SHIFT + LATE if "shift" in kind else ROWS), 100
    z, y = rng.normal(size=n + warm), np.zeros(n + warm)
    shift, s2, e = warm + TRAINING + SHIFT, 1.0, 0.0
    for t in range(1, n + warm):
        before = y[t - 1]
        if kind == "threshold":
            y[t] = 0.9 * before + z[t] if before < 0 else -0.4 * before + (0.3 + 0.5 * before) * z[t]
            continue
        s2 = 0.05 + 0.15 * e**2 + 0.8 * s2 if kind == "GARCH" else 1.0
        e = np.sqrt(s2) * z[t] * (3 if kind == "noise shift" and t >= shift else 1)
        y[t] = (1.0 if kind == "random walk" else 0.8) * before + e
    if kind == "level shift":
        y[shift:] += 8 / np.sqrt(1 - 0.8**2)
    return y[warm:]


def judged(name, kind, seed, method):
    """Of each h: first rows after the shift, forecasts, last values, y and the ends of the intervals."""
    y = series(kind, seed)
    model = MODELS[name](seed)
    if kind == "random walk":
        model.set_params(target_transform="difference")
    model.fit(None, y[:TRAINING])
    new, out = y[TRAINING:], {}
    for h in STEPS:
        origins = np.arange(len(new) - h + 1)
        made = model.trajectories(None, new, h, origins=origins, level=LEVEL, method=method)
        low, high = (end[:, -1] for end in made.intervals[LEVEL])
        last, truth = y[TRAINING - 1 + origins], new[origins + h - 1]
        out[h] = np.array([origins - SHIFT, made.forecast[:, -1], last, truth, low, high])
    return out


def worst_fifth(by, inside):
    """Lowest coverage over fifths of the rows, in per cent."""
    return 100 * min(inside[rows].mean() for rows in np.array_split(np.argsort(by, kind="stable"), 5))


def score(y, low, high):
    """Mean interval score."""
    miss = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    return (high - low + 2 / (1 - LEVEL / 100) * miss).mean()


def line(found):
    """The cells of one h, of what ``judged`` gave for several series."""
    _, forecast, last, y, low, high = np.hstack(found)
    inside = (low <= y) & (y <= high)
    tails = [(1 - LEVEL / 100) / 2, (1 + LEVEL / 100) / 2]
    best = np.mean([score(v[3], *(v[1] + np.quantile(v[3] - v[1], tails)[:, None])) for v in found])
    return (
        f"{100 * inside.mean():5.0f} {worst_fifth(forecast, inside):4.0f} {worst_fifth(last, inside):4.0f} "
        f"{score(y, low, high) / best:5.2f}"
    )


def main(count=20, models="ARX,ESN,NARX,GRU", method="conformal", processes=None):
    """Print the table."""
    warnings.simplefilter("ignore")
    print(f"tsrnn {tsrnn.__version__}, {method}, {count} series each")
    print(f"{'':20s} {'':5s}" + "".join(f"   h = {h:<2d}  F    L score" for h in STEPS))
    for kind in processes.split(",") if processes else PROCESSES:
        for name in models.split(","):
            found = [judged(name, kind, seed, method) for seed in range(int(count))]
            for start, stop in AFTER if "shift" in kind else ((-SHIFT, ROWS),):
                title = f"{kind}, {start}-{stop}" if "shift" in kind else kind
                chosen = {
                    h: [one[h][:, (start <= one[h][0]) & (one[h][0] < stop)] for one in found] for h in STEPS
                }
                print(f"{title:20s} {name:5s}" + "  ".join(map(line, chosen.values())), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
