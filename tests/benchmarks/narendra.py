r"""Figure 3: free run of the Narendra system with default arguments.

    y(k + 1) = y(k) / (1 + y(k)^2) + u(k)^3

Protocol [1]_. Train on 1000 steps from rest, u uniform on [-2, 2]; test on a free run of 1000 steps with u =
sin(2 pi k / 250) for k < 500, then 0.8 sin(2 pi k / 250) + 0.2 sin(2 pi k / 25); no noise. NRMSE = RMSE / std
of the true test output. ``NARXRegressor(random_state=seed)``, nothing else; data and model change with the
seed. The plant that is tested can be

- *restarted*: from rest, as in [1]_. Then the model must be told that the past is zero: ``predict(X,
  start="zeros")`` (or a history of zeros).
- *continued*: the test input follows the training input in one experiment, so ``predict(X)`` is all it takes.

Target: median NRMSE <= 3e-4 and fit < 0.2 s (CPU time, compiled).
Peers: ``MLPRegressor`` (adam and lbfgs, 16 tanh units) on the same lags of standardised data, its loop closed
by hand; with ``--peers`` pyrenn (one hidden layer of 16 on the same lags, and the true order with 8 + 8; 100
iterations, its closed-loop Levenberg-Marquardt).

    python tests/benchmarks/narendra.py [--peers]

.. [1] K. S. Narendra, K. Parthasarathy. "Identification and control of dynamical systems using neural
   networks." IEEE Transactions on Neural Networks 1(1), 1990 (the plant of example 3, the test input of
   example 4).
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
from tsrnn.datasets import make_narendra


def experiments(seed):
    """Training X, y; the restarted and the continued test, (X, y) each."""
    X, y = make_narendra(1000, random_state=seed)
    restarted = make_narendra(1000, u="test")
    X_all, y_all = make_narendra(2000, u=np.concatenate([X, restarted[0]])[:, 0])
    return X, y, restarted, (X_all[1000:], y_all[1000:])


def main():
    """Print the table."""
    zeros = np.zeros((3, 1)), np.zeros(3)
    ours, theirs = [], {name: [] for name in MLPS}
    for seed in SEEDS:
        X, y, (X_rest, y_rest), (X_on, y_on) = experiments(seed)
        model = NARXRegressor(random_state=seed)
        seconds = cpu_seconds(lambda: model.fit(X, y))  # noqa: B023
        rest, on = model.predict(X_rest, start="zeros"), model.predict(X_on)
        ours.append((nrmse(rest, y_rest), nrmse(on, y_on), seconds, model.n_iter_))
        for name, mlp in mlps(2, 3, (16,), seed).items():
            seconds, _ = clocked(lambda: mlp.fit(X, y))  # noqa: B023
            rest, on = mlp.free_run(X_rest, zeros), mlp.free_run(X_on)
            theirs[name].append((nrmse(rest, y_rest), nrmse(on, y_on), seconds, mlp.net.n_iter_))
    rest, on, seconds, _ = np.median(ours, axis=0)
    table(
        "Narendra, default arguments: medians of 5 seeds",
        ["figure", "target", "seen", "met"],
        [
            ["free-run NRMSE, restarted", 3e-4, rest, verdict(rest, 3e-4)],
            ["free-run NRMSE, continued", 3e-4, on, verdict(on, 3e-4)],
            ["fit, CPU s", 0.2, seconds, verdict(seconds, 0.2)],
        ],
    )
    columns = ["seed", "NRMSE restarted", "NRMSE continued", "fit s", "iterations"]
    table("Each seed", columns, [[str(seed), *row] for seed, row in zip(SEEDS, ours)])
    rows = [[name, *np.median(seen, axis=0)] for name, seen in theirs.items()]
    if pyrenn is None:
        rows.append(["pyrenn", "not installed", "", "", ""])
    elif SLOW_PEERS:
        X, y, (X_rest, y_rest), (X_on, y_on) = experiments(0)
        for hidden, L, K in (((16,), 2, 3), ((8, 8), 1, 1)):
            seconds, run = clocked(lambda: pyrenn_net(X, y, hidden, L, K, 100))  # noqa: B023
            rest, on = run(X_rest, *zeros), run(X_on, X[-3:], y[-3:])
            name = f"pyrenn {hidden}, lags {L} + {K}, seed 0"
            rows.append([name, nrmse(rest, y_rest), nrmse(on, y_on), seconds, "100"])
    rows.append(["pyrenn p", 2.8e-4, "", 12.7, ""])
    rows.append(["MLPRegressor p", 4.4e-3, "", "", ""])
    table("Peers", ["peer", *columns[1:]], rows)


if __name__ == "__main__":
    main()
