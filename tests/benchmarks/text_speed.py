"""Speed of character models beside torch, in one process, one thread, CPU time.

A. One training step: embedding lookup, LSTM, readout, softmax and cross-entropy, back through time, clipping by norm,
Adam; float32; 100 symbols, T = 64 steps, B = 32 sequences, embeddings of 21 numbers.  tsrnn: the estimator's own
objective and solver on one mini-batch, as ``fit`` calls them.  torch: ``nn.Embedding``, ``nn.LSTM``, ``nn.Linear``,
``cross_entropy``, ``clip_grad_norm_``, ``optim.Adam``, tensors made beforehand.  By turns in blocks, the least block of
each side.  The products' arithmetic alone makes the GFLOP/s: ours, torch's, what the target would need, and the peak
(``simd.py``).  Target: 1.3 times.

B. Drawing characters one after the other.  torch: a loop over the same modules without gradients, ``softmax`` and
``multinomial``, one character a step.  Target: 20 times.

    python tests/benchmarks/text_speed.py [--quick]
"""

import sys
import time

import numpy as np
from common import table, torch
from recurrent_speed import seconds_a_step
from simd import RATES, rates

import tsrnn
from tsrnn._nets.recurrent import make_net
from tsrnn._nets.recurrent_loss import Teaching, TrackLoss
from tsrnn._nets.symbols import make_symbols
from tsrnn._series.units import Series
from tsrnn._training.losses import SoftmaxOfCodes


T, B, K, E = 64, 32, 100, 21
TARGET = 1.3  # of a step
NETS = {"LSTM 128": (128,), "LSTM 256": (256,), "LSTM 128, 128": (128, 128)}
DRAWN = 1000 if "--quick" in sys.argv else 10_000


def torch_net(hidden, e):
    """Embedding, layers, readout."""
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(e, hidden[0], len(hidden))
    return torch.nn.Embedding(K, e), lstm, torch.nn.Linear(hidden[-1], K)


def torch_step(hidden, e):
    """A callable that does one training step in torch."""
    embedding, lstm, readout = torch_net(hidden, e)
    parameters = [*embedding.parameters(), *lstm.parameters(), *readout.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3)
    x, y = torch.randint(K, (T, B)), torch.randint(K, (T * B,))

    def step():
        optimiser.zero_grad()
        out = readout(lstm(embedding(x))[0])
        torch.nn.functional.cross_entropy(out.reshape(T * B, K), y).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()

    return step


def our_step(hidden, e):
    """A callable that does one training step in tsrnn, as ``Stochastic.minimize`` does it."""
    rng, solver = np.random.default_rng(0), tsrnn.Adam(1e-3, clip_norm=1.0)
    cell, symbols = tsrnn.LSTMClassifier(hidden)._cell(), make_symbols(0, {}, K, e)
    net = make_net(cell, 0, K, hidden, (), (1,), link="softmax", symbols=symbols)
    n = 10 * T * B
    codes = rng.integers(K, size=(n, 1)).astype(float)
    series = Series(np.empty((n, 0)), codes, np.ones(n), np.zeros(n, bool))
    teaching = Teaching(SoftmaxOfCodes(), 1e-4, 0.0, 0.0, 0.0, "open_loop", 1, np.full(K, 1 / K))
    objective = TrackLoss(net, [series], T, B, teaching, np.float32)
    theta = net.initial(np.random.RandomState(0), "orthogonal").astype(np.float32)
    decay = (objective.decay / objective.weight).astype(np.float32)
    traces = [np.zeros_like(theta) for _ in range(solver.n_traces)]
    state = {"batches": iter(()), "t": 0}

    def step():
        found = next(state["batches"], None)
        if found is None:
            state["batches"] = objective.batches(np.random.RandomState(0))
            found = next(state["batches"])
        batch, weight = found
        state["t"] += 1
        _, grad = objective.loss_grad(theta, batch)
        grad *= float(1 / weight)
        grad += decay * theta
        solver._clip(grad)
        solver._step(theta, grad, 1e-3, state["t"], *traces)

    return step


def flops(hidden):
    """Multiplications and additions of the products of one step: forward, back to what is read, and to weights."""
    widths = (E, *hidden)
    layers = sum(4 * H * (D + H) for D, H in zip(widths, hidden))
    return 3 * 2 * T * B * (layers + K * hidden[-1])


def torch_draws(hidden, e):
    """CPU seconds of a loop in torch that draws characters."""
    embedding, lstm, readout = torch_net(hidden, e)
    code, state = torch.zeros(1, 1, dtype=torch.long), None
    with torch.inference_mode():
        for n in (10, DRAWN):
            began = time.process_time()
            for _ in range(n):
                out, state = lstm(embedding(code), state)
                code = torch.multinomial(torch.softmax(readout(out[0]), 1), 1)
    return time.process_time() - began


def our_draws(hidden, e):
    """CPU seconds of ``sample``."""
    symbols = np.random.default_rng(0).integers(K, size=2000)
    model = tsrnn.LSTMClassifier(
        hidden,
        output_lags=1,
        embedding_size=e,
        max_iter=1,
        solver="adam",
        early_stopping=False,
        random_state=0,
    )
    model.fit(None, np.concatenate([np.arange(K), symbols]))
    for n in (10, DRAWN):
        began = time.process_time()
        model.sample(n, random_state=0)
    return time.process_time() - began


def main():
    """Print both tables."""
    torch.set_num_threads(1)
    steps, draws = [], []
    for name, hidden in NETS.items():
        ours, theirs = seconds_a_step(our_step(hidden, E), torch_step(hidden, E))
        met = "yes" if theirs >= TARGET * ours else "NO"
        reached = rates(flops(hidden), ours, theirs, TARGET)
        steps.append([name, ours * 1e3, theirs * 1e3, theirs / ours, met, *reached])
        ours, theirs = our_draws(hidden, E), torch_draws(hidden, E)
        draws.append(
            [
                name,
                ours / DRAWN * 1e6,
                theirs / DRAWN * 1e6,
                theirs / ours,
                "yes" if theirs >= 20 * ours else "NO",
            ]
        )
    columns = ["times faster", "met"]
    table(
        f"A training step, {K} symbols, T = {T}, B = {B}",
        ["model", "tsrnn ms", "torch ms", *columns, *RATES],
        steps,
    )
    table(f"{DRAWN} characters drawn, each", ["model", "tsrnn us", "torch us", *columns], draws)


if __name__ == "__main__":
    main()
