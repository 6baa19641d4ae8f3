r"""Elman, LSTM, GRU: gradients against central differences, and outputs and gradients against torch; float64.

Gradients: a forward and a backward pass of the library (``tsrnn._nets.tape.Tape``) over 3 random sequences of
6 rows, the last one 2 rows shorter, with weights. "loop" is what the lags of y see: "open" measured values, "closed"
the net's own outputs, with the gradient flowing through them. "masks" are those of both dropouts, held fixed.
Largest deviations of 5 random theta (normal, deviation 0.5):

- "each": \|analytic - numeric\| / \|numeric\| of each element by itself, of those above 1e-4 of the largest (below
  that an element is rounding: its own digits, not those of the gradient);
- "largest": max \|analytic - numeric\| / max \|numeric\| over all elements, none left out;
- "twin": as "each", but of all elements above 1e-9 of the largest, where the numeric derivative is that of the slow
  twin (``tests/naive.py``) by a complex step, which has as many digits as the numbers; the first two theta.

Central differences by the five-point rule with step h = 5e-4 (error of order h^4, rounding of about 1e-12 of
the loss), 1e-4 with layer normalisation, whose loss is very curved; with relu the largest of this / 1, 10, 100, 1000
over which no unit crosses the kink. Target: each <= 1e-7 (figure 1).

torch: nn.RNN, nn.LSTM, nn.GRU with 1 and 2 layers, 1 and 2 directions, a learned initial state and an affine
readout, on 3 sequences of 6 rows; "stored" are the golden values of ``tests/golden``, "live" is torch itself with 5
other seeds, where it is installed. Target: 1e-6 (figure 2), for outputs the largest difference, for gradients the
largest over the largest element.

    python tests/benchmarks/gradients_recurrent.py
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
from common import SEEDS, table, torch, verdict


sys.path.append(str(Path(__file__).parents[1]))
from golden import torch_recurrent as golden
from naive import central_difference, complex_step
from recurrent_nets import (
    FEEDBACK,
    VARIANTS,
    build,
    follow,
    golden_run,
    gradient,
    loss,
    make_data,
    naive_loss,
)


def step_for(name, net, theta, data):
    """Step of the central differences, of each element (P,)."""
    step = 1e-4 if "norm" in name else 5e-4
    if "relu" not in name:
        return step

    def active(p):
        return np.concatenate([S.ravel() > 0 for S in follow(net, p, data)[0].S])

    here, steps = active(theta), np.full(net.size, step / 1000)
    for j, e in enumerate(np.eye(net.size)):
        for h in (step, step / 10, step / 100):
            if all(np.array_equal(active(theta + k * h * e), here) for k in (-2, -1, 1, 2)):
                steps[j] = h
                break
    return steps


def deviations(analytic, numeric, least=1e-4):
    """The measures of the docstring: each and largest."""
    gap, size = np.abs(analytic - numeric), np.abs(numeric)
    counts = size > least * size.max()
    return (gap[counts] / size[counts]).max(), gap.max() / size.max()


def measure(name, own, masked, seed):
    """Each and largest against central differences, each against the twin."""
    net, theta = build(name, seed)
    data = make_data(net, seed=seed + 1, own=own, masked=masked)
    grad = gradient(net, theta, data)[1]
    numeric = central_difference(partial(loss, net, data), theta, step_for(name, net, theta, data))
    found = deviations(grad, numeric)
    if seed >= 2:
        return *found, 0.0
    exact = complex_step(lambda p: naive_loss(name, net, p, data), theta)
    return *found, deviations(grad, exact, 1e-9)[0]


def parity(name, g):
    """Largest difference of outputs, and largest of gradients over the largest element."""
    out, grad, of_torch = golden_run(name, g)
    return np.abs(out - g.out).max(), deviations(grad, of_torch)[1]


def main():
    """Print the tables."""
    rows = []
    for name in VARIANTS:
        for own in (None, 1.0) if name in FEEDBACK else (None,):
            for masked in (False, True):
                seen = np.max([measure(name, own, masked, seed) for seed in SEEDS], axis=0)
                loop, masks = "closed" if own else "open", "yes" if masked else "no"
                rows.append([name, str(build(name)[0].size), loop, masks, *seen, verdict(seen[0], 1e-7)])
    columns = ["net", "parameters", "loop", "masks", "each", "largest", "twin", "<= 1e-7"]
    table("Largest relative deviation of the gradient, float64", columns, rows)
    worst = []
    for cell in ("elman", "lstm", "gru"):
        for loop in ("open", "closed"):
            each, largest, twin = np.max(
                [r[4:7] for r in rows if r[0].startswith(cell) and r[2] == loop], axis=0
            )
            worst.append([f"{cell}, {loop} loop", 1e-7, each, largest, twin, verdict(each, 1e-7)])
    table("The worst of each kind (figure 1)", ["figure", "target", "each", "largest", "twin", "met"], worst)
    rows = []
    for name in golden.NETS:
        stored = parity(name, golden.load(name))
        live = ["torch is not installed"] * 2
        if torch is not None:
            live = np.max([parity(name, golden.make(name, 1000 + seed)) for seed in SEEDS], axis=0)
        numbers = [v for v in (*stored, *live) if not isinstance(v, str)]
        rows.append([name, *stored, *live, verdict(max(numbers), 1e-6)])
    columns = ["net", "stored: outputs", "gradients", "live: outputs", "gradients", "<= 1e-6"]
    table("Largest deviation from torch, float64 (figure 2)", columns, rows)


if __name__ == "__main__":
    main()
