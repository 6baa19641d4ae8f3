"""What the benchmark scripts share: measures, clocks, tables, and the peers they are compared with.

Times are CPU seconds of this process (``time.process_time``), the least of some repeats: two noisy cores
make wall time worthless. BLAS has one thread, for tsrnn and peers alike, so CPU time is also what an idle
machine would show on a clock. "p" beside a peer's number marks one quoted from a plan of this project
(same protocol, a two-core machine); all others are measured by the script.
"""

import contextlib
import io
import sys
import time
import warnings

import numpy as np
import scipy.linalg  # noqa: F401  loads scipy's own BLAS, so that the next call finds it
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits


try:
    import pyrenn
except ImportError:
    pyrenn = None

try:
    import torch
except ImportError:
    torch = None


SEEDS = range(5)
SLOW_PEERS = "--peers" in sys.argv  # pyrenn, torch: from ten seconds to minutes each
threadpool_limits(1)
if torch is not None:
    torch.set_num_threads(1)
warnings.simplefilter("ignore", ConvergenceWarning)  # MLPRegressor at max_iter


# ------------------------------------------------------------------------------------ measures and tables


def rmse(y_pred, y):
    """Root mean squared error."""
    return float(np.sqrt(np.mean((y_pred - y) ** 2)))


def nrmse(y_pred, y):
    """Root mean squared error over the standard deviation of the true values."""
    return rmse(y_pred, y) / float(np.std(y))


def cpu_seconds(f, repeats=3):
    """CPU seconds of f(), the least of the repeats; f is called once before, to compile."""
    f()
    return min(clocked(f)[0] for _ in range(repeats))


def clocked(f):
    """CPU seconds of one call, and what it returned."""
    start = time.process_time()
    result = f()
    return time.process_time() - start, result


def number(value):
    """A number for a table; words pass through."""
    if isinstance(value, str):
        return value
    return f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{value:.4g}"


def table(title, columns, rows):
    """Print rows of numbers and words under their columns."""
    cells = [list(columns), *([number(v) for v in row] for row in rows)]
    cells = [row + [""] * (len(columns) - len(row)) for row in cells]
    widths = [max(len(row[k]) for row in cells) for k in range(len(columns))]
    print(f"\n{title}")
    for k, row in enumerate(cells):
        print("  " + "  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip())
        if k == 0:
            print("  " + "  ".join("-" * w for w in widths))


def verdict(seen, target):
    """Whether a figure is not above its target."""
    return "yes" if seen <= target else f"NO, x{seen / target:.2f}"


# ------------------------------------------------------------------------------------ peers


class LaggedMLP:
    """MLPRegressor on standardised lags x(t) ... x(t - L), y(t - 1) ... y(t - K), as people do by hand."""

    def __init__(self, L, K, **settings):
        self.L, self.K, self.settings = L, K, settings

    def _window(self, x, y, t):
        """Inputs of the net for rows t (M,), from x (N, F) and y (N,) in scaled units: (M, width)."""
        parts = [x[t - k] for k in range(self.L + 1)] if x.shape[1] else []
        return np.hstack([*parts, *(y[t - k][:, None] for k in range(1, self.K + 1))])

    def fit(self, X, y):
        """X (N, F), y (N,)."""
        self.x_mean, self.x_std = X.mean(axis=0), X.std(axis=0)
        self.y_mean, self.y_std = y.mean(), y.std()
        x, z = self._scaled(X, y)
        rows = np.arange(max(self.L, self.K), len(y))
        self.net = MLPRegressor(**self.settings).fit(self._window(x, z, rows), z[rows])
        self.history = X, y
        return self

    def _scaled(self, X, y):
        return (X - self.x_mean) / self.x_std, (y - self.y_mean) / self.y_std

    def ahead(self, X, y, steps, history=None):
        """Forecast each row of y (N,) from ``steps`` rows before; the first ``steps - 1`` are left out."""
        lead = max(self.L, self.K)
        before = history or self.history
        X, y = np.concatenate([before[0][-lead:], X]), np.concatenate([before[1][-lead:], y])
        x, z = self._scaled(X, y)
        first = np.arange(lead, len(y) - steps + 1)  # the first row of each free run
        own = np.stack([z[first - k] for k in range(self.K, 0, -1)], axis=1)  # oldest first
        for s in range(steps):
            inputs = [x[first + s - k] for k in range(self.L + 1)] if x.shape[1] else []
            out = self.net.predict(np.hstack([*inputs, own[:, ::-1]]))
            own = np.hstack([own[:, 1:], out[:, None]])
        return own[:, -1] * self.y_std + self.y_mean

    def free_run(self, X, history=None):
        """Its own outputs are fed back, from the end of the history (X, y) on."""
        lead, n = max(self.L, self.K), len(X)
        before = history or self.history
        X = np.concatenate([before[0][-lead:], X])
        y = np.concatenate([before[1][-lead:], np.zeros(n)])
        x, z = self._scaled(X, y)
        for t in range(lead, lead + n):
            z[t] = self.net.predict(self._window(x, z, np.array([t])))[0]
        return z[lead:] * self.y_std + self.y_mean


MLPS = {  # the best of a handful of settings tried on the Narendra system
    "MLPRegressor adam": {"max_iter": 5000, "n_iter_no_change": 200, "tol": 1e-7},
    "MLPRegressor lbfgs": {"solver": "lbfgs", "alpha": 1e-6, "max_iter": 3000, "max_fun": 10**6, "tol": 0.0},
}


def mlps(L, K, hidden, seed):
    """The scikit-learn peers: name, LaggedMLP."""
    shared = {"hidden_layer_sizes": hidden, "activation": "tanh", "random_state": seed}
    return {name: LaggedMLP(L, K, **shared, **settings) for name, settings in MLPS.items()}


def pyrenn_net(X, y, hidden, L, K, iterations, seed=0):
    """pyrenn's recurrent net, trained in closed loop by its Levenberg-Marquardt from zeros; X (N, F), y (N,).

    Returns run(X, X_before, y_before): a free run after those rows.  Units are raw: it scales them itself.
    """
    np.random.seed(seed)  # noqa: NPY002  pyrenn draws from it
    net = pyrenn.CreateNN([X.shape[1], *hidden, 1], dIn=list(range(L + 1)), dOut=list(range(1, K + 1)))
    with contextlib.redirect_stdout(io.StringIO()):
        net = pyrenn.train_LM(X.T, y, net, k_max=iterations, E_stop=1e-10)
    return lambda X, X_before, y_before: pyrenn.NNOut(X.T, net, P0=X_before.T, Y0=y_before)
