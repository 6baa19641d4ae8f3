r"""Figures 1 to 4 of issue 4: what echo state networks forecast.

Every task but the laser is drawn anew for each seed: training data, test data and reservoir. Settings (``CHOSEN``) were
chosen by a random search (``--tune``) on draws of other seeds, from 100 on, or, of the laser, on its validation rows;
the test draws and rows were never looked at for that. Medians of 5 seeds.

narma      [1]_ NARMA-10 from u alone: y(t + 1) from u(t), u(t - 1) ...; 2000 rows to train on, the first 200 of them
           washout, 3000 to validate, 3000 to test; the net runs on without y from the end of training. NMSE: mean
           squared error / variance of the test output; NRMSE: its root. "defaults": ``ESNRegressor(500)``.
mackey     [2]_ Mackey-Glass at dt 1 (Runge-Kutta with step 0.1), squashed, tanh(x - 1); 3000 points to train on, of
           which the first 1000 are washout; then 100 other stretches of the same attractor, one after the other:
           on each the net follows the measured series for 1000 steps and then runs freely for 84. NRMSE84: root mean
           squared error over the 100 at the 84th step / standard deviation of the squashed series. tau 17 with
           N = 400 and N = 1000 [3]_; tau 30 with N = 400 and 21,000 points.
lorenz     [4]_ Lorenz-63, 10,000 points to train on, all three coordinates fed back; then free runs from 100 starts, 2
           time units apart, with the net following the true series from one to the next. Valid prediction time: until
           sqrt(mean(((f - u) / sigma)^2)) over the coordinates passes a threshold, in Lyapunov times (exponent 0.9056
           per unit of time); the median of the 100 starts, beside it their mean. dt 0.01 with threshold 0.3, dt 0.02
           with 0.4. The truth is what the generator computes, and so its Runge-Kutta step is what the net learns.
           One set of settings for all sizes, chosen at N = 300, dt 0.02.
frame      The same with the data as a DataFrame with time stamps, through ``update`` and ``forecast``.
laser      Santa Fe, data set A: rows 0 to 1999 to train on, the next 3000 to validate, the next 3000 to test: one step
           ahead, N = 200. Only the reservoir changes with the seed.
henon      [1]_ y(t) = 1 - 1.4 y(t - 1)^2 + 0.3 y(t - 2) + z(t), z of standard deviation 0.05, within the map. That
           drives the map to infinity sooner or later: a z after which the map without noise escapes is drawn again.
           2000 rows to train on, 3000 to validate, 3000 to test: one step ahead, N = 200. Nothing can be better than
           the floor, mean z^2 / variance.

Where ``readout_squares`` is True the readout sees the squares of the states, too, and has twice the weights;
"states": the same task without them.

    python tests/benchmarks/esn_tasks.py [narma mackey lorenz frame laser henon] [--seeds 5]
    python tests/benchmarks/esn_tasks.py narma-200 --tune 200    # so many candidates, on the validation draws

.. [1] A. Rodan, P. Tino. "Minimum complexity echo state network." IEEE Transactions on Neural Networks 22(1), 2011.
.. [2] H. Jaeger. "The 'echo state' approach to analysing and training recurrent neural networks." GMD Report 148, 2001.
.. [3] H. Jaeger, H. Haas. "Harnessing nonlinearity: predicting chaotic systems and saving energy in wireless
   communication." Science 304, 2004.
.. [4] J. Pathak et al. "Model-free prediction of large spatiotemporally chaotic systems from data: a reservoir
   computing approach." Physical Review Letters 120, 2018 (valid prediction time).
"""

import argparse
import sys
import warnings
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from common import clocked, number, table

from tsrnn import ESNRegressor
from tsrnn.datasets import load_laser, make_lorenz, make_mackey_glass, make_narma


VALIDATION = 100  # first seed of the validation draws
LYAPUNOV = 0.9056  # of Lorenz-63, per unit of time


def nmse(out, y):
    """Mean squared error over the variance of the true values."""
    return float(np.mean((out - y) ** 2) / np.var(y))


def rows(tuning):
    """Which of the rows after 2000 of training judge: those of validation or those of test."""
    return slice(0, 3000) if tuning else slice(3000, 6000)


# ------------------------------------------------------------------------------------ narma, laser, henon


@cache
def narma_series(seed):
    """u(t) and y(t + 1)."""
    X, y = make_narma(8001, random_state=seed)
    return X[:-1], y[1:]


def run_narma(n, seed, settings, tuning=False):
    """NMSE, NRMSE, seconds of a fit."""
    X, y = narma_series(seed)
    model = ESNRegressor(n, washout=200, random_state=seed, **settings)
    seconds, _ = clocked(lambda: model.fit(X[:2000], y[:2000]))
    judged = rows(tuning)
    error = nmse(model.predict(X[2000 : 2000 + judged.stop])[judged], y[2000:][judged])
    return [error, np.sqrt(error), seconds]


def one_step(y, n, seed, settings, tuning):
    """NMSE one step ahead and the seconds of a fit, of a series without inputs."""
    settings = {"output_lags": 1, "washout": 200, **settings}
    model = ESNRegressor(n, random_state=seed, **settings)
    seconds, _ = clocked(lambda: model.fit(None, y[:2000]))
    judged = rows(tuning)
    return [nmse(model.predict_ahead(None, y[2000 : 2000 + judged.stop])[judged], y[2000:][judged]), seconds]


def run_laser(n, seed, settings, tuning=False):
    """NMSE, seconds of a fit."""
    return one_step(load_laser().target.to_numpy(), n, seed, settings, tuning)


def escapes(y, before, steps=30):
    """Whether the Henon map without noise goes to infinity from here."""
    for _ in range(steps):
        y, before = 1 - 1.4 * y * y + 0.3 * before, y
        if abs(y) > 3:
            return True
    return False


@cache
def henon_series(seed, n=8000, discard=100):
    """y and z, each (n,)."""
    rng, y, z = np.random.default_rng(seed), [0.0, 0.0], [0.0, 0.0]
    while len(y) < n + discard + 2:
        noise = rng.normal(0, 0.05)
        value = 1 - 1.4 * y[-1] ** 2 + 0.3 * y[-2] + noise
        if not escapes(value, y[-1]):
            y.append(value)
            z.append(noise)
    return np.array(y[-n:]), np.array(z[-n:])


def run_henon(n, seed, settings, tuning=False):
    """NMSE, NMSE / floor, seconds of a fit."""
    y, z = henon_series(seed)
    error, seconds = one_step(y, n, seed, settings, tuning)
    judged = rows(tuning)
    return [error, error / (np.mean(z[2000:][judged] ** 2) / np.var(y[2000:][judged])), seconds]


# ------------------------------------------------------------------------------------ mackey


@cache
def mackey_series(tau, length, stretches, seed):
    """The squashed series: training, and stretches (stretches, 1084) after it."""
    rng = np.random.default_rng(seed)
    x = make_mackey_glass(length + 1084 * stretches, tau=tau, x0=rng.uniform(0.5, 1.3), discard=2000)
    y = np.tanh(x - 1)
    return y[:length], y[length:].reshape(stretches, 1084)


def run_mackey(tau, length, n, seed, settings, tuning=False):
    """NRMSE84, its logarithm, seconds of a fit."""
    y, stretches = mackey_series(tau, length, 30 if tuning else 100, seed)
    model = ESNRegressor(n, output_lags=1, washout=1000, random_state=seed, **settings)
    seconds, _ = clocked(lambda: model.fit(None, y))
    ends = [model.predict(np.empty((84, 0)), start=(np.empty((1000, 0)), s[:1000]))[-1] for s in stretches]
    error = float(np.sqrt(np.mean((ends - stretches[:, -1]) ** 2)) / np.std(y))
    return [error, np.log10(error), seconds]


# ------------------------------------------------------------------------------------ lorenz


@cache
def lorenz_series(dt, seed):
    """10,000 points to train on and what 100 starts need."""
    x0 = np.random.default_rng(seed).uniform([-10, -10, 15], [10, 10, 35])
    return make_lorenz(10_000 + round((200 + 25) / dt), dt=dt, x0=tuple(x0), discard=2000)


def valid_time(out, true, sigma, threshold, dt):
    """Lyapunov times until a free run leaves the truth, out and true (T, 3)."""
    far = np.sqrt(np.mean(((out - true) / sigma) ** 2, axis=1)) > threshold
    return (np.argmax(far) if far.any() else len(far)) * dt * LYAPUNOV


def run_lorenz(dt, threshold, frame, n, seed, settings, tuning=False):
    """Minus the median valid time, minus the mean, seconds of a fit, of a thousand steps of forecast."""
    y = lorenz_series(dt, seed)
    if frame:
        stamps = pd.date_range("2020-01-01", periods=len(y), freq=pd.Timedelta(seconds=dt))
        y = pd.DataFrame(y, stamps, ["x", "y", "z"])
    model = ESNRegressor(n, output_lags=1, random_state=seed, **settings)
    seconds, _ = clocked(lambda: model.fit(None, y[:10_000]))
    sigma, seen = np.std(np.asarray(y[:10_000]), axis=0), []
    apart, steps, at = round(2 / dt), round(22 / dt), 10_000
    for _ in range(30 if tuning else 100):
        out = model.forecast(steps)
        true = y[at : at + steps]
        if frame and not out.index.equals(true.index):
            raise AssertionError("the forecast's time stamps are not those of the rows that follow")
        seen.append(valid_time(np.asarray(out), np.asarray(true), sigma, threshold, dt))
        model.update(None, y[at : at + apart])
        at += apart
    return [-float(np.median(seen)), -float(np.mean(seen)), seconds]


# ------------------------------------------------------------------------------------ settings


class Task(NamedTuple):
    """run(seed, settings, tuning) -> figures, named in ``columns``; targets: of the first of them, None for none."""

    run: object
    columns: tuple
    targets: tuple
    peers: str = ""


NARMA, ONE_STEP = ("NMSE", "NRMSE", "fit s"), ("NMSE", "fit s")
MACKEY = ("NRMSE84", "log10 NRMSE84", "fit s")
LORENZ = ("- valid time, median", "- valid time, mean", "fit s")

TASKS = {
    "narma-100": Task(partial(run_narma, 100), NARMA, (0.06,)),
    "narma-200": Task(partial(run_narma, 200), NARMA, (0.025,)),
    "narma-200-cycle": Task(partial(run_narma, 200), NARMA, (0.03,)),
    "narma-500": Task(partial(run_narma, 500), NARMA, (None, 0.10), "0.106, 0.118"),
    "narma-500-defaults": Task(partial(run_narma, 500), NARMA, (None, 0.15), "0.19, 0.26"),
    "mackey-400": Task(partial(run_mackey, 17, 3000, 400), MACKEY, (4e-4,)),
    "mackey-400-states": Task(partial(run_mackey, 17, 3000, 400), MACKEY, (4e-4,)),
    "mackey-1000": Task(partial(run_mackey, 17, 3000, 1000), MACKEY, (None, -4.2), "-4.3, published -4.2"),
    "mackey-tau30": Task(partial(run_mackey, 30, 21_000, 400), MACKEY, (0.05,)),
    "lorenz-200": Task(partial(run_lorenz, 0.01, 0.3, False, 200), LORENZ, (-7.0,)),
    "lorenz-800": Task(partial(run_lorenz, 0.01, 0.3, False, 800), LORENZ, (-9.0,)),
    "lorenz-dt02-300": Task(partial(run_lorenz, 0.02, 0.4, False, 300), LORENZ, (-10.8,), "10.8"),
    "lorenz-dt02-300-states": Task(partial(run_lorenz, 0.02, 0.4, False, 300), LORENZ, (-10.8,), "10.8"),
    "lorenz-dt02-500": Task(partial(run_lorenz, 0.02, 0.4, False, 500), LORENZ, (-11.6,), "11.6"),
    "lorenz-dt02-1000": Task(partial(run_lorenz, 0.02, 0.4, False, 1000), LORENZ, (-12.3,), "12.3"),
    "frame-200": Task(partial(run_lorenz, 0.01, 0.3, True, 200), LORENZ, (-7.0,)),
    "frame-800": Task(partial(run_lorenz, 0.01, 0.3, True, 800), LORENZ, (-9.0,)),
    "laser": Task(partial(run_laser, 200), ONE_STEP, (0.0075,)),
    "henon": Task(partial(run_henon, 200), ("NMSE", "NMSE / floor", "fit s"), (0.0048,)),
}

WORDS = [
    "spectral_radius",
    "leak_rate",
    "input_scaling",
    "input_connectivity",
    "bias_scaling",
    "readout_squares",
]
CHOSEN = {  # alpha="auto" was chosen everywhere
    "narma-100": (0.83, 0.98, 0.011, 1.0, 0.51, False),
    "narma-200": (1.08, 1.0, 0.0081, 0.8, 0.6, False),
    "narma-200-cycle": (0.75, 0.95, 0.013, 0.93, 0.48, False),
    "narma-500": (1.04, 0.93, 0.0086, 0.3, 0.33, True),
    "mackey-400": (1.24, 0.55, 1.2, 0.01, 0.41, True),
    "mackey-400-states": (0.99, 0.57, 0.23, 0.77, 0.21, False),
    "mackey-1000": (1.16, 0.6, 1.1, 0.1, 0.39, True),
    "mackey-tau30": (1.1, 0.53, 0.28, 0.3, 0.25, True),
    "lorenz-200": (0.58, 0.47, 0.39, 0.99, 0.92, True),
    "lorenz-800": (0.58, 0.47, 0.39, 0.99, 0.92, True),
    "lorenz-dt02-300": (0.58, 0.47, 0.39, 0.99, 0.92, True),
    "lorenz-dt02-300-states": (0.2, 0.89, 0.44, 0.89, 1.09, False),
    "lorenz-dt02-500": (0.58, 0.47, 0.39, 0.99, 0.92, True),
    "lorenz-dt02-1000": (0.58, 0.47, 0.39, 0.99, 0.92, True),
    "laser": (0.58, 0.75, 0.11, 0.9, 0.63, True),
    "henon": (0.01, 1.0, 0.0046, 1.0, 1.4, False),
}


def settings_of(name):
    """Beside the defaults."""
    fixed = {"topology": "cycle"} if name.endswith("cycle") else {}
    return {**fixed, **dict(zip(WORDS, CHOSEN.get(name.replace("frame", "lorenz"), ())))}


# ------------------------------------------------------------------------------------ tuning


def candidate(name, rng, best=None):
    """Settings drawn at random, or near the best so far."""

    def log(low, high):
        return float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.2g}")

    def flat(low, high):
        return round(float(rng.uniform(low, high)), 2)

    cycle = "cycle" in name
    if name.startswith("narma"):
        drawn = {
            "spectral_radius": flat(0.7, 1.1),
            "leak_rate": flat(0.7, 1.0),
            "input_scaling": log(0.005, 0.5),
            "input_connectivity": [0.1, 0.3, 1.0][rng.integers(3)],
            "bias_scaling": flat(0.0, 1.0),
        }
        if "500" in name:
            drawn["readout_squares"] = bool(rng.integers(2))
    else:
        drawn = {
            "spectral_radius": flat(0.05, 1.3),
            "leak_rate": flat(0.3, 1.0),
            "input_scaling": log(0.01, 2.0),
            "input_connectivity": [0.1, 0.3, 1.0][rng.integers(3)],
            "bias_scaling": flat(0.0, 1.5),
            "readout_squares": bool(rng.integers(2)),
            "alpha": ["auto", log(1e-12, 1e-6)][rng.integers(2)],
        }
    if name in ("laser", "henon"):
        drawn["output_lags"] = int(rng.integers(1, 5))
        drawn["alpha"] = ["auto", log(1e-8, 1.0)][rng.integers(2)]
    if name.endswith("states"):
        drawn["readout_squares"] = False
    if best:  # keep each word of the best with a probability of a half, or move it a little
        for key, new in list(drawn.items()):
            old = best.get(key)
            if old is None or rng.random() < 0.2:
                continue
            moves = isinstance(old, float) and isinstance(new, float) and rng.random() < 0.5
            if not moves:
                drawn[key] = old
            elif key in ("input_scaling", "alpha"):
                drawn[key] = float(f"{old * np.exp(0.5 * rng.normal()):.2g}")
            else:
                drawn[key] = round(max(0.01, old + 0.1 * rng.normal()), 2)
        for key in ("leak_rate", "input_connectivity"):
            drawn[key] = min(1.0, drawn[key])
    return {**({"topology": "cycle"} if cycle else {}), **drawn}


def tune(name, n, seeds, first):
    """A random search on the validation draws, its second half near the best three."""
    run, rng, seen = TASKS[name].run, np.random.default_rng(first), []
    for k in range(n):
        near = seen and 2 * k > n
        settings = candidate(name, rng, seen[rng.integers(min(3, len(seen)))][1] if near else None)
        if k == 0:
            settings = settings_of(name)
        worst, figures = seen[2][0] if len(seen) > 2 else np.inf, []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for seed in range(seeds):
                figures.append(run(VALIDATION + seed, settings, True)[0])
                if seed == 0 and not figures[0] < worst + 0.5 * abs(worst):
                    break
        score = float(np.median(figures)) if len(figures) == seeds else np.inf
        seen.append((score, settings, figures))
        seen.sort(key=lambda s: s[0])
        if k == 0 or seen[0][1] is settings:
            print(f"  {k:4d} {number(score):9s} {[number(f) for f in figures]} {settings}", flush=True)
    for score, settings, figures in seen[:3]:
        print(f"{name:16s} {number(score):9s} {[number(f) for f in figures]} {settings}", flush=True)


# ------------------------------------------------------------------------------------ tables


def report(names, seeds):
    """Medians beside targets and peers; each seed."""
    lines, each = [], []
    for name in names:
        run, columns, targets, peers = TASKS[name]
        settings = settings_of(name)
        seen = np.array([run(seed, settings) for seed in range(seeds)])
        middle = np.median(seen, axis=0)
        for k, column in enumerate(columns[:-1]):
            target = targets[k] if k < len(targets) else None
            met = "" if target is None else "yes" if middle[k] <= target else "NO"
            sign = -1 if column.startswith("- ") else 1
            aim = "" if target is None else f"{'>=' if sign < 0 else '<='} {sign * target:.4g}"
            spread = sorted(sign * seen[:, k])
            words = [f"{name}: {column.removeprefix('- ')}", aim, float(sign * middle[k]), met]
            lines.append([*words, f"{number(spread[0])} to {number(spread[-1])}", peers if met else ""])
        each.append([name, float(middle[-1]), str(settings)])
        print(f"  {name} done", file=sys.stderr, flush=True)
    table(f"Medians of {seeds} seeds", ["figure", "target", "seen", "met", "seeds", "peers (quoted)"], lines)
    table("Settings", ["task", "fit s", "settings"], each)


def main():
    """Run or tune the tasks that are named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*", help=", ".join(TASKS) + "; all without any; a beginning will do")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tune", type=int, metavar="N", help="try N candidates on the validation draws")
    parser.add_argument("--first", type=int, default=0, help="seed of the candidates")
    args = parser.parse_args()
    names = [name for name in TASKS if not args.tasks or name.startswith(tuple(args.tasks))]
    if args.tune is None:
        report(names, args.seeds)
    else:
        for name in names:
            tune(name, args.tune, args.seeds, args.first)


if __name__ == "__main__":
    main()
