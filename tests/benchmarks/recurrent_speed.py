"""Figure 3: speed of the recurrent models beside torch, in one process.

A. One training step on one thread: forward, backward through time, clipping by norm, Adam; float32; T = 64
steps, B = 32 sequences, F = 4 inputs, one output at every step through a linear readout, squared loss; H = 16
... 256 hidden units. tsrnn: the estimator's own objective and solver on one mini-batch, as ``fit`` calls them,
weight decay included. torch: ``nn.LSTM``, ``nn.GRU``, ``nn.RNN`` + ``nn.Linear``, ``clip_grad_norm_``,
``optim.Adam`` (its default, foreach), tensors made beforehand; everything eager. CPU seconds of the process, by
turns in blocks of some steps (and one before each that does not count), the least block of each side. The
products' arithmetic alone, 2 flops a multiplication and addition, makes the GFLOP/s; "peak" is what fused
multiply-adds on registers reach here at the same time (``simd.py``).
Targets (times torch, H = 16, 32, 64, 128, 256): LSTM 2.5, 1.8, 1.5, 1.2, 1.0; GRU 10, 7, 5, 3, 2; Elman 8, 6, 4, 3, 2.

B. The same step on two threads, seconds on the clock, the least single step of two seconds; both cores must be idle
for that. Where they are not, "by CPU time of the busier thread" tells what they would do but for the waiting.
Targets: 1.4 times one thread at H = 32, 1.7 from 64 on.

C. Prediction of one series of 100,000 steps, F = 4, H = 32: ``predict`` of a fitted estimator, from raw float64
input to raw output, in both precisions, against torch's net and readout without gradients in the same.
Target: at least 3 times faster.

The targets are for T = 64 and B = 32; other numbers of steps and sequences: ``--T 256``, ``--B 256``.

    python tests/benchmarks/recurrent_speed.py [--quick] [--T 64] [--B 32] [training threads predict] [LSTM GRU Elman]
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from common import table, torch
from simd import peak
from sklearn.base import clone

import tsrnn
from tsrnn._nets.recurrent_loss import TrackLoss as Objective
from tsrnn._series.units import Series


def option(name, default):
    """The number behind a word of the command line."""
    return int(sys.argv[sys.argv.index(name) + 1]) if name in sys.argv else default


T, B, F, O = option("--T", 64), option("--B", 32), 4, 1
SIZES = (16, 32, 64, 128, 256)
MODELS = {"LSTM": tsrnn.LSTMRegressor, "GRU": tsrnn.GRURegressor, "Elman": tsrnn.ElmanRegressor}
TORCH = {"LSTM": "LSTM", "GRU": "GRU", "Elman": "RNN"}
GATES = {"LSTM": 4, "GRU": 3, "Elman": 1}
TARGETS = {"LSTM": (2.5, 1.8, 1.5, 1.2, 1.0), "GRU": (10, 7, 5, 3, 2), "Elman": (8, 6, 4, 3, 2)}
BLOCKS = 8 if "--quick" in sys.argv else 25
NAMES = [name for name in MODELS if name in sys.argv] or list(MODELS)


# ------------------------------------------------------------------------------------ one training step


def torch_step(name, H):
    """A callable that does one training step in torch."""
    torch.manual_seed(0)
    net, readout = getattr(torch.nn, TORCH[name])(F, H), torch.nn.Linear(H, O)
    parameters = [*net.parameters(), *readout.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3)
    X, y = torch.randn(T, B, F), torch.randn(T, B, O)

    def step():
        optimiser.zero_grad()
        loss = ((readout(net(X)[0]) - y) ** 2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()

    return step


def our_step(name, H, threads=1):
    """A callable that does one training step in tsrnn, as ``Stochastic.minimize`` does it."""
    rng, solver = np.random.default_rng(0), tsrnn.Adam(1e-3, clip_norm=1.0)
    learner = MODELS[name]((H,), random_state=0)._learner()
    net = learner.net(F, O)
    n = 10 * T * B  # ten sequences a track, so that what is done once an epoch weighs as in a fit
    series = Series(rng.normal(size=(n, F)), rng.normal(size=(n, O)), np.ones(n), np.zeros(n, bool))
    pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
    objective = Objective(net, [series], T, B, learner._teaching(np.zeros(O)), np.float32, pool=pool)
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


def flops(name, H):
    """Multiplications and additions of the products of one step: forward, dh, and the weights' gradient."""
    G = GATES[name] * H
    return 2 * T * B * (G * (F + H) + G * H + G * (F + H) + 3 * H * O)


def seconds_a_step(*steps, clock=time.process_time):
    """Least seconds of one call of each, measured in blocks of about 40 ms by turns."""
    sizes = []
    for step in steps:
        step()
        start = clock()
        step()
        sizes.append(max(1, min(20, int(0.04 / max(clock() - start, 1e-6)))))
    best = [np.inf] * len(steps)
    for _ in range(BLOCKS):
        for k, (step, n) in enumerate(zip(steps, sizes)):
            step()  # fills the caches again
            start = clock()
            for _ in range(n):
                step()
            best[k] = min(best[k], (clock() - start) / n)
    return best


def training_table():
    """Part A."""
    rows = []
    for name in NAMES:
        for H, target in zip(SIZES, TARGETS[name]):
            ours, theirs = seconds_a_step(our_step(name, H), torch_step(name, H))
            ratio, gflops = theirs / ours, flops(name, H) / 1e9
            met = "" if target is None else "yes" if ratio >= target else "NO"
            aim = "" if target is None else f">= {target}"
            rates = gflops / ours, gflops / theirs, peak(np.float32)
            rows.append([name, str(H), ours * 1e3, theirs * 1e3, ratio, aim, met, *rates])
    columns = ["model", "H", "tsrnn ms", "torch ms", "times faster", "target", "met"]
    columns += ["tsrnn GFLOP/s", "torch GFLOP/s", "peak"]
    table(f"A training step, T = {T}, B = {B}, F = {F}, float32, one thread", columns, rows)


def least_step(step):
    """Seconds on the clock of one step, the least, and of the busier of its two threads, by CPU, in a block of 20."""
    for _ in range(5):
        step()
    clock, busier, end = np.inf, np.inf, time.perf_counter() + BLOCKS / 12
    while time.perf_counter() < end:
        main, both = time.thread_time(), time.process_time()
        for _ in range(20):
            start = time.perf_counter()
            step()
            clock = min(clock, time.perf_counter() - start)
        main, both = time.thread_time() - main, time.process_time() - both
        busier = min(busier, max(main, both - main) / 20)
    return clock, busier


def threads_table():
    """Part B."""
    rows = []
    for name in NAMES:
        for H in SIZES:
            (one, one_cpu), (two, two_cpu) = (least_step(our_step(name, H, threads)) for threads in (1, 2))
            step = torch_step(name, H)
            theirs, _ = least_step(step)
            torch.set_num_threads(2)
            theirs_two, _ = least_step(step)
            torch.set_num_threads(1)
            target = 1.7 if H >= 64 else 1.4 if H == 32 else None
            met = "" if target is None else "yes" if one / two >= target else "NO"
            aim = "" if target is None else f">= {target}"
            ratios = one / two, aim, met, one_cpu / two_cpu, theirs / theirs_two
            rows.append([name, str(H), one * 1e3, two * 1e3, *ratios])
    columns = ["model", "H", "one ms", "two ms", "times faster", "target", "met"]
    columns += ["by CPU time of the busier thread", "torch, times faster"]
    table("The same on two threads, by the clock", columns, rows)


# ------------------------------------------------------------------------------------ prediction


def torch_predict(name, H, X, dtype):
    """A callable that predicts in torch."""
    net, readout = getattr(torch.nn, TORCH[name])(F, H).to(dtype), torch.nn.Linear(H, O).to(dtype)
    X = torch.tensor(X[:, None, :], dtype=dtype)

    def run():
        with torch.no_grad():
            return readout(net(X)[0])

    return run


def predict_table():
    """Part C."""
    rng, rows, H, n = np.random.default_rng(0), [], 32, 100_000
    X = rng.normal(size=(n, F))
    y = np.tanh(X[:2000, 0])
    for name in NAMES:
        model = MODELS[name]((H,), max_iter=1, random_state=0).fit(X[:2000], y)
        single = clone(model).set_params(precision="single").fit(X[:2000], y)
        kinds = torch.float64, torch.float32
        ours = (lambda model=model: model.predict(X) for model in (model, single))
        times = seconds_a_step(*ours, *(torch_predict(name, H, X, kind) for kind in kinds))
        ratios = times[2] / times[0], times[3] / times[1]
        met = ["yes" if ratio >= 3 else "NO" for ratio in ratios]
        rows.append([name, *times, ratios[0], met[0], ratios[1], met[1]])
    columns = ["model", "tsrnn double s", "tsrnn single s", "torch float64 s", "torch float32 s"]
    columns += ["times float64", ">= 3", "times float32", ">= 3"]
    table(f"Prediction of {n} steps, one series, H = {H}", columns, rows)


if __name__ == "__main__":
    if torch is None:
        sys.exit("pip install torch: there is nothing to compare with")
    parts = {"training": training_table, "threads": threads_table, "predict": predict_table}
    for part in [word for word in sys.argv[1:] if word in parts] or parts:
        parts[part]()
