r"""Figure 2: gradients and Jacobians against central differences, float64.

The library's own objective (``tsrnn._nets.delay_loss.Objective``) on two random series of 41 and 33 rows with
weights, rows of weight 0 and unknown y. ``loss_grad`` gives half the weighted sum of squares and its gradient;
the Jacobian is that of the weighted residuals, which Levenberg-Marquardt accumulates. "closed loop" means free
runs, each of so many steps, with the gradient flowing through the outputs that are fed back.

Central differences by the five-point rule with step h = 5e-4 (error of order h^4, rounding of about 1e-12 of
the loss), so the activations are smooth ones. Deviations, the largest of 5 random theta (normal, deviation 0.4):

- "each": \|analytic - numeric\| / \|numeric\| of each element by itself, of those above 1e-4 of the largest (below
  that an element is rounding: its own digits, not those of the gradient);
- "largest": max \|analytic - numeric\| / max \|numeric\| over all elements, none left out.

Target: both <= 1e-7. ``tests/test_delay_net.py`` asserts the same for more nets, among them relu.

    python tests/benchmarks/gradients.py
"""

import sys
from pathlib import Path

import numpy as np
from common import SEEDS, table, verdict

from tsrnn._nets.delay import make_plan
from tsrnn._nets.delay_loss import WindowLoss as Objective
from tsrnn._series.units import Series


sys.path.append(str(Path(__file__).parents[1]))
from naive import central_difference


STEP = 5e-4
# name -> n_inputs, n_outputs, hidden, activation, input_lags, output_lags, layer_lags, skip_connections
NETS = {
    "NARX": (2, 1, (5,), "tanh", (0, 1, 2), (1, 2, 3), [(0,)], False),
    "NARX, 2 layers, 2 outputs, sparse lags": (
        3,
        2,
        (4, 3),
        "logistic",
        (0, 2),
        (1, 3, 6),
        [(0,), (0,)],
        False,
    ),
    "NARX, skip connections": (2, 2, (5, 4), "tanh", (0, 3), (1, 2, 5), [(0,), (0,)], True),
    "NAR (no input)": (0, 1, (4,), "tanh", (), (1, 2, 5), [(0,)], False),
    "TDNN": (2, 1, (5,), "logistic", (0, 1, 2, 3), (), [(0,)], False),
    "TDNN, 3 dilated layers": (2, 2, (3, 4, 3), "tanh", (0, 1), (), [(0, 2), (0, 4), (0,)], False),
    "TDNN, dilated, skip connections": (2, 1, (4, 3), "tanh", (0, 1), (), [(0, 2), (0,)], True),
}


def make_series(plan, n, seed):
    """A random series: weights, rows without weight, an unknown y."""
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(n, plan.n_inputs)), rng.normal(size=(n, plan.n_outputs))
    w = rng.uniform(0.2, 2, n)
    w[rng.choice(n, 4, replace=False)] = 0
    Y[17, 0] = np.nan
    return Series(X, Y, w, np.zeros(n, bool))


def deviations(analytic, numeric):
    """The two measures of the docstring."""
    gap, size = np.abs(analytic - numeric), np.abs(numeric)
    counts = size > 1e-4 * size.max()
    return (gap[counts] / size[counts]).max(), gap.max() / size.max()


def gradient(objective, theta):
    """Deviations of the gradient of the loss."""
    samples = objective.everything
    numeric = central_difference(lambda p: objective.loss_grad(p, samples)[0], theta, STEP)
    return deviations(objective.loss_grad(theta, samples)[1], numeric)


def jacobian(objective, theta):
    """Deviations of the Jacobian of the weighted residuals."""

    def residuals(p):
        return np.concatenate([np.sqrt(w) * r for r, _, w in objective.jacobian_blocks(p)])

    analytic = np.concatenate([np.sqrt(w)[:, None] * J for _, J, w in objective.jacobian_blocks(theta)])
    return deviations(analytic, central_difference(residuals, theta, STEP).T)


def main():
    """Print the table."""
    rows = []
    for name, net in NETS.items():
        plan = make_plan(*net)
        series = [make_series(plan, 41, 1), make_series(plan, 33, 2)]
        for steps, closed in [
            (1, False),
            (8, False),
            *([(1, True), (11, True), (30, True)] if net[5] else []),
        ]:
            objective = Objective(plan, series, steps, closed, 0.0, np.float64)
            for what, measure in (("gradient", gradient), ("Jacobian", jacobian)):
                seen = []
                for seed in SEEDS:
                    theta = np.random.default_rng(seed).normal(scale=0.4, size=plan.size)
                    seen.append(measure(objective, theta))
                each, largest = np.max(seen, axis=0)
                loop = f"{'closed' if closed else 'open'}, {steps}"
                rows.append([name, str(plan.size), loop, what, each, largest, verdict(each, 1e-7)])
    columns = ["net", "parameters", "loop, steps", "derivative", "each", "largest", "<= 1e-7"]
    table("Largest relative deviation from central differences, float64", columns, rows)
    worst = []
    for what in ("gradient", "Jacobian"):
        for loop in ("open", "closed"):
            some = [r for r in rows if r[3] == what and r[2].startswith(loop)]
            each, largest = (max(r[k] for r in some) for k in (4, 5))
            worst.append([f"{what}, {loop} loop", 1e-7, each, largest, verdict(each, 1e-7)])
    table("The worst of each kind", ["figure", "target", "each", "largest", "met"], worst)


if __name__ == "__main__":
    main()
