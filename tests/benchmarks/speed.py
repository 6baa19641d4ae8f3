r"""Figure 7: speed and memory, side by side in one process.

A. Epochs of Adam. ``MLPRegressor(hidden_layer_sizes=(32,), batch_size=200)`` on the lag matrix of 24 lags of
4 features (x(t) ... x(t - 23), 96 columns, made beforehand and not timed) against ``TDNNRegressor((32,),
input_lags=23, skip_connections=False, activation="relu", solver="adam", batch_size=200)`` on the series: 20,000
rows, the same net (3,137 parameters), ReLU, squared loss, no validation, both from float64 arrays (as most
users hold) and both from float32 ones, which scikit-learn then computes with; tsrnn's Adam always computes in
float32. Seconds an epoch: (CPU seconds of a fit of 25 epochs - those of 5) / 20, the kinds of fit by turns,
medians of 9 such pairs. Without a target: the same with skip connections, a TDNNRegressor's default.
Target: at least 5 times faster. Peer from the plan: 17 ms an epoch.

B. Extra memory at 168 lags: peak resident memory (VmHWM, reset through /proc/self/clear_refs, so Linux only)
above the resident memory before, in a fresh process each with everything compiled and a small fit done: for
MLPRegressor the lag matrix (``hstack`` of shifted series, as people build it) and its fit of 2 epochs, for
tsrnn the fit. Target: at most a tenth. Without being asked for: a lag matrix that is a view
(``sliding_window_view``, transposed, reshaped: it is one for a C-contiguous X) saves scikit-learn its memory
too; the last column shows it.

C. Levenberg-Marquardt: 300 samples of the Narendra system, a 4-4 net: two hidden layers of 4 and one output,
pyrenn's [1, 4, 4, 1]; lags x(t) ... x(t - 2), y(t - 1) ... y(t - 3); exactly 30 iterations:
``training="open_loop"`` and "closed_loop" (runs of 32 steps), ``tol=0``, no validation. Target: under 20 ms
each (pyrenn 3.8 s, whose training is closed loop; measured here with ``--peers``).

D. A closed loop of 100,000 steps, hidden 16, the default lags: ``predict``. Target: under 0.2 s.

    python tests/benchmarks/speed.py [--peers]
"""

import subprocess
import sys

import numpy as np
from common import SLOW_PEERS, clocked, cpu_seconds, pyrenn, pyrenn_net, table, verdict
from sklearn.neural_network import MLPRegressor

from tsrnn import LevenbergMarquardt, NARXRegressor, TDNNRegressor
from tsrnn.datasets import make_narendra


ROWS, FEATURES, HIDDEN = 20_000, 4, 32


def driven_series(dtype=np.float64):
    """X (ROWS, FEATURES) random, y (ROWS,) a nonlinear function of some of its lags."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, FEATURES))
    y = np.tanh(X[:, 0] + np.roll(X[:, 1], 5) * np.roll(X[:, 2], 20)) + 0.1 * rng.normal(size=ROWS)
    return X.astype(dtype), y.astype(dtype)


def lag_matrix(X, y, lags):
    """The matrix (ROWS - lags + 1, lags * FEATURES) that MLPRegressor needs, and its targets."""
    return np.hstack([X[k : len(X) - lags + 1 + k] for k in range(lags)]), y[lags - 1 :]


def lag_view(X, y, lags):
    """The same matrix as a view on the series: not widely known, but scikit-learn takes it."""
    windows = np.lib.stride_tricks.sliding_window_view(X, lags, axis=0)  # (rows, FEATURES, lags)
    return windows.transpose(0, 2, 1).reshape(len(windows), -1), y[lags - 1 :]


def mlp(epochs):
    """The peer."""
    return MLPRegressor(hidden_layer_sizes=(HIDDEN,), **shared(epochs), batch_size=200)


def tdnn(lags, epochs, skip=False):
    """The same net in tsrnn; with skip connections another one, of lags * FEATURES weights more."""
    settings = {"activation": "relu", "solver": "adam", "batch_size": 200, "early_stopping": False}
    return TDNNRegressor((HIDDEN,), input_lags=lags - 1, skip_connections=skip, **settings, **shared(epochs))


def shared(epochs):
    """Arguments of both: so many epochs, come what may."""
    return {"max_iter": epochs, "tol": 0.0, "n_iter_no_change": 10**6, "random_state": 0}


def seconds_per_epoch(*fits, short=5, long=25, pairs=9):
    """Each fit(epochs) is timed by turns with the others; seconds an epoch of each."""
    seen = [[] for _ in fits]
    for fit in fits:
        fit(1)
    for _ in range(pairs):
        for fit, times in zip(fits, seen):
            few, many = clocked(lambda: fit(short))[0], clocked(lambda: fit(long))[0]  # noqa: B023
            times.append((many - few) / (long - short))
    return [float(np.median(times)) for times in seen]


def epochs_table():
    """Part A."""
    rows = []
    for dtype in (np.float64, np.float32):
        X, y = driven_series(dtype)
        Z, z = lag_matrix(X, y, 24)
        theirs, ours, skip = seconds_per_epoch(
            lambda n: mlp(n).fit(Z, z),  # noqa: B023
            lambda n: tdnn(24, n).fit(X, y),  # noqa: B023
            lambda n: tdnn(24, n, skip=True).fit(X, y),  # noqa: B023
        )
        ratio = theirs / ours
        met = "yes" if ratio >= 5 else "NO"
        rows.append([np.dtype(dtype).name, theirs * 1e3, ours * 1e3, ratio, ">= 5", met, skip * 1e3])
    columns = [
        "input",
        "MLPRegressor ms",
        "TDNNRegressor ms",
        "times faster",
        "target",
        "met",
        "with skip connections ms",
    ]
    table("An epoch of Adam, 24 lags (MLPRegressor p: 17 ms)", columns, rows)


def memory_table():
    """Part B: this script again, once for each side."""
    extra = {}
    for side in ("tsrnn", "tsrnn", "skip", "sklearn", "view"):  # the first fills the cache of compiled code
        command = [sys.executable, __file__, "--memory", side]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        extra[side] = float(out.split()[-1])
    share = extra["tsrnn"] / extra["sklearn"]
    columns = ["MLPRegressor MB", "TDNNRegressor MB", "share", "target", "met", "with skip connections MB"]
    columns += ["MLPRegressor on a view MB"]
    row = [
        extra["sklearn"],
        extra["tsrnn"],
        share,
        "<= 0.1",
        verdict(share, 0.1),
        extra["skip"],
        extra["view"],
    ]
    table("Extra memory of a fit, 168 lags", columns, [row])


def extra_memory(side):
    """MB above what was resident before."""

    def fit(X, y):
        if side in ("tsrnn", "skip"):
            return tdnn(168, 2, skip=side == "skip").fit(X, y)
        return mlp(2).fit(*(lag_view if side == "view" else lag_matrix)(X, y, 168))

    X, y = driven_series()
    fit(X[:2000], y[:2000])
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    fit(X, y)
    return (status("VmHWM") - before) / 1024


def status(field):
    """A number of kB from /proc/self/status."""
    with open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith(field)).split()[1])


def levenberg_marquardt_table():
    """Part C."""
    X, y = make_narendra(300, random_state=0)
    rows = []
    for training in ("open_loop", "closed_loop"):
        for bayesian in (True, False):
            model = NARXRegressor(
                (4, 4),
                training=training,
                solver=LevenbergMarquardt(bayesian=bayesian, gtol=0.0),
                max_iter=30,
                tol=0.0,
                n_iter_no_change=10**6,
                early_stopping=False,
                random_state=0,
            )
            seconds = cpu_seconds(lambda: model.fit(X, y), repeats=15)  # noqa: B023
            name = f"{training}, bayesian={bayesian}"
            rows.append([name, seconds * 1e3, str(model.n_iter_), "< 20 ms", verdict(seconds, 0.02)])
    if pyrenn is None:
        rows.append(["pyrenn", "not installed"])
    elif SLOW_PEERS:
        seconds, _ = clocked(lambda: pyrenn_net(X, y, (4, 4), 2, 3, 30))
        rows.append(["pyrenn", seconds * 1e3, "30"])
    rows.append(["pyrenn p", 3800.0, "30"])
    columns = ["training", "ms", "iterations", "target", "met"]
    table("Levenberg-Marquardt, 300 samples, 4-4 net", columns, rows)


def closed_loop_table():
    """Part D."""
    X, y = make_narendra(101_000, random_state=0)
    model = NARXRegressor((16,), random_state=0).fit(X[:1000], y[:1000])
    seconds = cpu_seconds(lambda: model.predict(X[1000:]), repeats=7)
    table(
        "Closed loop of 100,000 steps, hidden 16",
        ["seconds", "target", "met"],
        [[seconds, "< 0.2 s", verdict(seconds, 0.2)]],
    )


if __name__ == "__main__":
    if "--memory" in sys.argv:
        print(extra_memory(sys.argv[-1]))
    else:
        epochs_table()
        memory_table()
        levenberg_marquardt_table()
        closed_loop_table()
