r"""Figures 5 and 6 of issue 4: speed and memory of echo state networks.

CPU seconds of one thread (``time.thread_time``), the least of some repeats, the contenders by turns.

A. States and ridge: 10,000 steps of 3 standardised inputs, one output, 100 steps of washout, alpha = 1e-6. reservoirpy
   gets tsrnn's reservoir (W, W_in, b, leak), ``Reservoir(...) >> Ridge(...)``, and sees the states and a
   bias, so tsrnn has ``readout_input=False``; both must then forecast the same. tsrnn checks the data, scales it, finds
   the cold state and ``memory_length_`` in the same time. Sparse: 10 links a unit, W a CSR matrix for both. Dense: all
   links, W an array, 32 MB at N = 2000 (one repeat). W is drawn beforehand.
   Targets: at least 8, 3 and 2 times faster at N = 100, 500 and 2000, never slower with a dense reservoir.
B. Peak memory (VmHWM, so Linux only; a child's ``getrusage`` begins with its parent's peak) of a process that imports
   tsrnn, makes the data and fits N = 500: a thousand steps, 100,000, a million. Target: less than 300 MB, with the
   data (31 MB) and the interpreter and its imports (most of it).
C. ``ESNRegressorCV``, 20 alphas x 5 folds, against a fit of ``ESNRegressor`` with one alpha. Data of A, and Lorenz-63
   fed back, whose states are ill-conditioned. Target: at most 1.5 fits.
D. Closed loop: ``forecast(100_000)`` at N = 500, Lorenz-63, steps a second. Aim: 100,000.

    python tests/benchmarks/esn_speed.py [states memory cv free]    # needs reservoirpy 0.4 for the first
"""

import gc
import subprocess
import sys
import time
import warnings

import numpy as np
from common import table
from scipy import sparse

from tsrnn import ESNRegressor, ESNRegressorCV
from tsrnn._nets.reservoir import DISTRIBUTIONS, random_reservoir
from tsrnn.datasets import make_lorenz


try:
    import reservoirpy
    from reservoirpy.nodes import Reservoir, Ridge
except ImportError:
    reservoirpy = None

ROWS, WASHOUT, ALPHA, LEAK, RADIUS = 10_000, 100, 1e-6, 0.9, 0.9


def driven(n):
    """X (n, 3) and y (n,), a function of its past and some noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = np.tanh(np.roll(X[:, 0], 1) + np.roll(X[:, 1], 3) * np.roll(X[:, 2], 2)) + 0.1 * rng.normal(size=n)
    return X, y


def seconds(*functions, repeats=5):
    """CPU seconds of each, the least; by turns, after one call that does not count (but of a single repeat)."""
    least = [np.inf] * len(functions)
    for turn in range(repeats + (repeats > 1)):
        for k, f in enumerate(functions):
            gc.collect()
            start = time.thread_time()
            f()
            if turn or repeats == 1:
                least[k] = min(least[k], time.thread_time() - start)
    return least


# ------------------------------------------------------------------------------------ states and ridge


def equal_models(n, dense):
    """ours(), theirs(): each makes a model and fits it to X, y; and their greatest difference in forecasts."""
    X, y = driven(ROWS)
    rng = np.random.RandomState(0)
    if dense:
        W = rng.uniform(-1, 1, (n, n))
        W *= RADIUS / np.sqrt(n / 3)  # roughly, by the circular law
    else:
        W = sparse.csr_matrix(random_reservoir(rng, n, 10, RADIUS, DISTRIBUTIONS["uniform"]))
    W_in = 0.3 * rng.uniform(-1, 1, (n, 3))
    settings = {"leak_rate": LEAK, "alpha": ALPHA, "washout": WASHOUT, "readout_input": False}

    def ours():
        return ESNRegressor(W=W, W_in=W_in, **settings, random_state=0).fit(X, y)

    def theirs():
        return (Reservoir(W=W, Win=W_in, bias=b, lr=LEAK) >> Ridge(ridge=ALPHA)).fit(
            X, y[:, None], warmup=WASHOUT
        )

    model = ours()
    b = model.params_.b
    if reservoirpy is None:
        return ours, theirs, np.nan
    new = driven(200)[0]
    other = theirs()
    other.reset()
    apart = np.abs(model.predict(new, start="zeros") - np.ravel(other.run(new)))[
        WASHOUT:
    ].max()  # ours are held before
    return ours, theirs, float(apart)


def states_table():
    """Part A."""
    wanted, rows = {100: 8, 500: 3, 2000: 2}, []
    for dense in (False, True):
        for n, least in wanted.items():
            ours, theirs, apart = equal_models(n, dense)
            least = 1 if dense else least
            repeats = 6 if n < 1000 else 1 if dense else 3
            kind = "dense" if dense else "10 links"
            if reservoirpy is None:
                (own,) = seconds(ours, repeats=repeats)
                rows.append([str(n), kind, own * 1e3, "not installed"])
                continue
            own, other = seconds(ours, theirs, repeats=repeats)
            ratio = other / own
            met = "yes" if ratio >= least else "NO"
            rows.append([str(n), kind, own * 1e3, other * 1e3, ratio, f">= {least}", met, apart])
    name = "reservoirpy" if reservoirpy is None else f"reservoirpy {reservoirpy.__version__}"
    columns = [
        "N",
        "W",
        "tsrnn ms",
        f"{name} ms",
        "times faster",
        "target",
        "met",
        "forecasts differ by",
    ]
    table("States and ridge", columns, rows)


# ------------------------------------------------------------------------------------ memory


CHILD = """
import sys, time
import numpy as np
from tsrnn import ESNRegressor

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024

imported = peak()
rng, steps = np.random.default_rng(0), int(sys.argv[1])
X = rng.normal(size=(steps, 3))
y = X[:, 0].copy()
y[1:] += np.tanh(X[:-1, 1])
before, start = peak(), time.thread_time()
ESNRegressor(500, alpha=1e-6, random_state=0).fit(X, y)
print(imported, before, peak(), time.thread_time() - start)
"""


def memory_table():
    """Part B: a fresh process for each length."""
    rows = []
    for steps in (1000, 100_000, 1_000_000):
        command = [sys.executable, "-c", CHILD, str(steps)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        imported, before, after, cpu = map(float, out.split())
        target = ["< 300", "yes" if after < 300 else "NO"] if steps == 1_000_000 else ["", ""]
        rows.append([f"{steps:,}", after, *target, imported, before, after - before, cpu])
    columns = ["steps", "peak MB", "target", "met", "after import", "with the data", "fit adds", "fit s"]
    table("Peak memory of a process, N = 500", columns, rows)


# ------------------------------------------------------------------------------------ cross-validation, free run


def cv_table():
    """Part C."""
    rows, lorenz = [], make_lorenz(ROWS)
    for name, X, y, settings in (
        ("driven", *driven(ROWS), {}),
        ("Lorenz", None, lorenz, {"output_lags": 1}),
    ):
        for n in (100, 300, 500, 1000):
            alphas = np.geomspace(1e-9, 1e2, 20)
            one = ESNRegressor(n, alpha=ALPHA, random_state=0, **settings)
            many = ESNRegressorCV(n, alphas=alphas, cv=5, random_state=0, **settings)
            own, cv = seconds(lambda: one.fit(X, y), lambda: many.fit(X, y), repeats=4)  # noqa: B023
            met = "yes" if cv / own <= 1.5 else "NO"
            rows.append([name, str(n), own * 1e3, cv * 1e3, cv / own, "<= 1.5", met, many.best_alpha_])
    columns = ["data", "N", "fit ms", "20 alphas x 5 folds ms", "fits", "target", "met", "best alpha"]
    table("Cross-validation", columns, rows)


def free_run_table():
    """Part D."""
    y, rows = make_lorenz(ROWS), []
    for n in (100, 500, 2000):
        model = ESNRegressor(n, output_lags=1, random_state=0).fit(None, y)
        steps = 100_000 if n < 2000 else 20_000
        (t,) = seconds(lambda: model.forecast(steps), repeats=3)  # noqa: B023
        aim = ["100,000", "yes" if steps / t >= 100_000 else "NO"] if n == 500 else ["", ""]
        rows.append([str(n), f"{steps:,}", f"{steps / t:,.0f}", *aim])
    table("Free run, 3 outputs fed back", ["N", "steps", "steps a second", "aim", "met"], rows)


PARTS = {"states": states_table, "memory": memory_table, "cv": cv_table, "free": free_run_table}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
