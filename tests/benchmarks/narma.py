r"""Figure 4: free run of NARMA-10.

    y(t + 1) = 0.3 y(t) + 0.05 y(t) sum_{i<10} y(t - i) + 1.5 u(t - 9) u(t) + 0.1

Protocol. u uniform on [0, 0.5]; one run of 4000 steps [1]_, the first 2000 for training, a free run over the
other 2000, which goes on where training ended (nothing of y is measured there). NRMSE = RMSE / std of the
true test output. ``NARXRegressor(input_lags=10, output_lags=10, random_state=seed)``: x(t) ... x(t - 10), y(t
- 1) ... y(t - 10), other arguments left alone; data and model change with the seed.

Target: median NRMSE <= 0.005.
Peers: ``MLPRegressor`` (adam and lbfgs, 64 tanh units) on the same lags of standardised data, its loop closed
by hand; with ``--peers`` pyrenn (hidden 10, 50 iterations).

    python tests/benchmarks/narma.py [--peers]

.. [1] A. F. Atiya, A. G. Parlos. "New results on recurrent network training: unifying the algorithms and
   accelerating convergence." IEEE Transactions on Neural Networks 11(3), 2000.
"""

import numpy as np
from common import (
    MLPS,
    SEEDS,
    SLOW_PEERS,
    clocked,
    cpu_seconds,
    mlps,
    nrmse,
    pyrenn,
    pyrenn_net,
    table,
    verdict,
)

from tsrnn import NARXRegressor
from tsrnn.datasets import make_narma


N = 2000


def main():
    """Print the table."""
    ours, theirs = [], {name: [] for name in MLPS}
    for seed in SEEDS:
        X, y = make_narma(2 * N, random_state=seed)
        model = NARXRegressor(input_lags=10, output_lags=10, random_state=seed)
        seconds = cpu_seconds(lambda: model.fit(X[:N], y[:N]), repeats=1)  # noqa: B023
        ours.append((nrmse(model.predict(X[N:]), y[N:]), seconds, model.n_iter_))
        for name, mlp in mlps(10, 10, (64,), seed).items():
            seconds, _ = clocked(lambda: mlp.fit(X[:N], y[:N]))  # noqa: B023
            theirs[name].append((nrmse(mlp.free_run(X[N:]), y[N:]), seconds, mlp.net.n_iter_))
    seen = float(np.median(ours, axis=0)[0])
    table(
        "NARMA-10, 10 + 10 lags: median of 5 seeds",
        ["figure", "target", "seen", "met"],
        [["free-run NRMSE", 0.005, seen, verdict(seen, 0.005)]],
    )
    columns = ["seed", "free-run NRMSE", "fit s", "iterations"]
    table("Each seed", columns, [[str(seed), *row] for seed, row in zip(SEEDS, ours)])
    rows = [[name, *np.median(seen, axis=0)] for name, seen in theirs.items()]
    if pyrenn is None:
        rows.append(["pyrenn", "not installed", "", ""])
    elif SLOW_PEERS:
        X, y = make_narma(2 * N, random_state=0)
        seconds, run = clocked(lambda: pyrenn_net(X[:N], y[:N], (10,), 10, 10, 50))
        rows.append(["pyrenn, seed 0", nrmse(run(X[N:], X[N - 10 : N], y[N - 10 : N]), y[N:]), seconds, "50"])
    rows += [["pyrenn p", 0.0068, 8.9, ""], ["MLPRegressor p", 0.013, "", ""]]
    table("Peers", ["peer", *columns[1:]], rows)


if __name__ == "__main__":
    main()
