"""Speed of a training step on sequences with one label each, beside torch, in one process.

B = 32 sequences of T = 50 and 200 steps, F = 4 inputs, K = 10 classes, float32, one thread: forward, cross-entropy of
the last step, backward through time, clipping by norm, Adam.  tsrnn: loss and solver as ``fit`` calls them, weight
decay included.  torch: ``nn.LSTM``, ``nn.GRU``, ``nn.RNN``, ``nn.Linear`` of the last state, ``cross_entropy``,
``clip_grad_norm_``, ``optim.Adam``, tensors made beforehand.  CPU seconds of the process, by turns, the least of some.
The products' arithmetic alone makes the GFLOP/s: ours, torch's, what the target would need, and the peak (``simd.py``).
Targets, times torch: LSTM 1.5, GRU 3, Elman 3.

    python tests/benchmarks/whole_series_speed.py [--quick]
"""

import sys
import time

import numpy as np
from common import table, torch
from simd import RATES, rates

import tsrnn
from tsrnn._estimators.sequence import learner_of
from tsrnn._nets.pooled import PooledRecurrentLoss
from tsrnn._nets.recurrent import make_net
from tsrnn._nets.recurrent_loss import Teaching
from tsrnn._series.units import Series
from tsrnn._training.losses import Softmax


B, F, K = 32, 4, 10
LENGTHS, SIZES = (50, 200), (32, 64, 128)
MODELS = {"LSTM": tsrnn.LSTMClassifier, "GRU": tsrnn.GRUClassifier, "Elman": tsrnn.ElmanClassifier}
TORCH = {"LSTM": "LSTM", "GRU": "GRU", "Elman": "RNN"}
GATES = {"LSTM": 4, "GRU": 3, "Elman": 1}
TARGETS = {"LSTM": 1.5, "GRU": 3, "Elman": 3}
REPEATS = 5 if "--quick" in sys.argv else 15


def torch_step(name, T, H):
    """A callable that does one training step in torch."""
    torch.manual_seed(0)
    net, readout = getattr(torch.nn, TORCH[name])(F, H), torch.nn.Linear(H, K)
    parameters = [*net.parameters(), *readout.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3)
    X, y = torch.randn(T, B, F), torch.randint(K, (B,))

    def step():
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(readout(net(X)[0][-1]), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()

    return step


def our_step(name, T, H):
    """A callable that does one training step in tsrnn."""
    rng, solver = np.random.default_rng(0), tsrnn.Adam(1e-3, clip_norm=1.0)
    net = make_net(learner_of(MODELS[name]((H,))).cell, F, K, (H,), (0,), ())
    series = []
    for _ in range(B):
        Y = np.full((T, K), np.nan)
        Y[-1] = np.eye(K)[rng.integers(K)]
        series.append(Series(rng.normal(size=(T, F)), Y, np.append(np.zeros(T - 1), 1.0), np.zeros(T, bool)))
    teaching = Teaching(Softmax(0.0), 1e-4, 0.0, 0.0, 0.0, "open_loop", 1)
    objective = PooledRecurrentLoss(net, series, np.zeros(F), "last", teaching, np.float32, B=B)
    theta = net.initial(np.random.RandomState(0), "orthogonal").astype(np.float32)
    decay = (objective.decay / objective.weight).astype(np.float32)
    traces, count = [np.zeros_like(theta) for _ in range(solver.n_traces)], 0
    draws = np.random.RandomState(0)  # one of all steps, as in a fit: to seed one takes 0.1 ms

    def step():
        nonlocal count
        ((batch, weight),) = objective.batches(draws)
        count += 1
        _, grad = objective.loss_grad(theta, batch)
        grad *= float(1 / weight)
        grad += decay * theta
        solver._clip(grad)
        solver._step(theta, grad, 1e-3, count, *traces)

    return step


def flops(name, T, H):
    """Multiplications and additions of the products of one step, but for the readout's."""
    return 2 * T * B * GATES[name] * H * (3 * H + 2 * F)


def seconds(steps):
    """Least CPU seconds of one call of each, by turns."""
    best = [np.inf] * len(steps)
    for step in steps:
        step()
    for _ in range(REPEATS):
        for k, step in enumerate(steps):
            step()  # fills the caches again
            begin = time.process_time()
            step()
            step()
            best[k] = min(best[k], (time.process_time() - begin) / 2)
    return best


def main():
    """Print the table."""
    rows = []
    for name in MODELS:
        for T in LENGTHS:
            for H in SIZES:
                ours, theirs = seconds([our_step(name, T, H), torch_step(name, T, H)])
                ratio = theirs / ours
                met = "yes" if ratio >= TARGETS[name] else "NO"
                row = [name, str(T), str(H), ours * 1e3, theirs * 1e3, ratio, f">= {TARGETS[name]}", met]
                rows.append(row + rates(flops(name, T, H), ours, theirs, TARGETS[name]))
    columns = ["model", "T", "H", "tsrnn ms", "torch ms", "times faster", "target", "met", *RATES]
    table(f"A training step, one label a sequence, B = {B}, F = {F}, K = {K}, one thread", columns, rows)


if __name__ == "__main__":
    main()
