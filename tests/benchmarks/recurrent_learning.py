r"""Figure 5: what the recurrent models learn.

Every task is drawn anew for each seed: training data, test data and weights. Settings (``SETTINGS``) were chosen on
draws of other seeds, from 100 on (``--tune``). Mackey-Glass had two such rounds: the first choice (early stopping,
1000 epochs) missed on the test draws what it had reached on the others, and the second, without early stopping, was
again made on those. Medians of 5 seeds.

adding     [1]_ [2]_ The sum of the two marked numbers of a sequence, due at its end; T = 100 and 200; 5000
           sequences to train on, 1000 new ones to test. MSE; always answering 1 has 1/6.
addition   Two binary numbers, a bit of each at a step, lowest first; the bits of their sum. Trained on 3000 pairs of
           8 bits, tested on 500 pairs of 32 bits (33 steps), output rounded. Share of test sequences without a
           wrong bit.
parity     Bits; whether the number of ones so far is odd, due at every step. Trained on 3000 sequences of 1 to 16
           bits, tested on 500 of 64. Share of sequences without a wrong bit. Also with the answer due at the end of
           each sequence only ("last").
narma      [3]_ NARMA-10 from u alone: y(t + 1) from u(t), u(t - 1) ...; hidden 32; 2000 rows to train on, the first
           200 washout, the 2000 after them to test, without y. NRMSE = RMSE / std of the test output. The
           peers: torch with Adam.
mackey     Mackey-Glass tau 17 with ``output_lags=1``, hidden 32, protocol A of ``mackey_glass.py``: 3000 points to
           train on, 2000 to test; one-step NRMSE, and NRMSE84: free runs of 84 steps from each origin. Attractor:
           free runs of 500 steps from 10 origins, 150 apart; all of it must stay within the range of the training
           series widened by 10%, and over the last 250 steps the standard deviation must be within 20% of that
           of the true series there. The share of the 10 runs that do.

A frame holds many sequences: its index jumps by more than 10 rows between them, which is where the state starts
anew.

    python tests/benchmarks/recurrent_learning.py [adding addition parity narma mackey] [--seeds 5] [--models GRU]
        [--tune learning_rate=1e-3,3e-3 hidden=16,32 ...]    # a grid on the validation draws, any parameter

.. [1] S. Hochreiter, J. Schmidhuber. "Long short-term memory." Neural Computation 9(8), 1997.
.. [2] M. Arjovsky, A. Shah, Y. Bengio. "Unitary evolution recurrent neural networks." ICML 2016.
.. [3] A. F. Atiya, A. G. Parlos. "New results on recurrent network training: unifying the algorithms and
   accelerating convergence." IEEE Transactions on Neural Networks 11(3), 2000.
"""

import argparse
import ast
import copy
import itertools
import sys

import numpy as np
import pandas as pd
from common import clocked, nrmse, table

from tsrnn import LBFGS, Adam, ElmanRegressor, GRURegressor, LSTMRegressor
from tsrnn.datasets import make_adding_problem, make_mackey_glass, make_narma


MODELS = {"LSTM": LSTMRegressor, "GRU": GRURegressor, "Elman": ElmanRegressor}
APART = 1000  # index of one sequence's first row minus that of the one before
VALIDATION = 100  # first seed of the validation draws
HORIZON = 84

COSINE = {"schedule": "cosine", "early_stopping": False}
LONG_MEMORY = {**COSINE, "learning_rate": 3e-3, "clip_norm": 1.0, "max_iter": 24}
BITS = {**COSINE, "learning_rate": 5e-3, "max_iter": 60}
WHOLE = {"LBFGS": True, "max_iter": 2000, "tol": 0.0, "n_iter_no_change": 100, "early_stopping": False}
SETTINGS = {  # beside the defaults, for every model of a task
    "adding100": {**LONG_MEMORY, "sequence_length": 100},
    "adding200": {**LONG_MEMORY, "sequence_length": 200},
    "addition": BITS,
    "parity": BITS,
    "parity last": BITS,
    "narma": WHOLE,
    "mackey": {"alpha": 1e-6, "early_stopping": False},
}
ADAM = set(Adam().get_params())


def build(name, seed, settings):
    """A model; words of Adam's among the settings go to an Adam, LBFGS=True takes that solver."""
    settings = dict(settings)
    hidden = settings.pop("hidden", 32)
    if settings.pop("LBFGS", False):
        settings["solver"] = LBFGS()
    else:
        adam = {key: settings.pop(key) for key in list(settings) if key in ADAM and key != "batch_size"}
        if adam:
            settings["solver"] = Adam(**adam)
    hidden = hidden if isinstance(hidden, tuple) else (hidden,)
    return MODELS[name](hidden, random_state=seed, **settings)


# ------------------------------------------------------------------------------------ many sequences


def frame(sequences, first=0):
    """Sequences [(X (T, F), y (T,))], T below APART, one below the other: X and y with an index that jumps."""
    index = np.concatenate([APART * (first + s) + np.arange(len(y)) for s, (_, y) in enumerate(sequences)])
    X, y = (np.concatenate(parts) for parts in zip(*sequences))
    return pd.DataFrame(X, index), pd.Series(y, index)


def due_at_end(y):
    """The same targets with all but the last unknown."""
    return np.concatenate([np.full(len(y) - 1, np.nan), y[-1:]])


def adding(n, T, seed):
    """Sequences of the adding problem."""
    X, y = make_adding_problem(n, T, random_state=seed)
    return [(x, due_at_end(np.full(T, total))) for x, total in zip(X, y)]


def addition(n, bits, seed):
    """Pairs of numbers and their sum, bit by bit, lowest first."""
    rng = np.random.default_rng(seed)
    pairs = np.zeros((n, bits + 1, 2))
    pairs[:, :bits] = rng.integers(0, 2, (n, bits, 2))
    total = pairs.sum(axis=2) @ 2.0 ** np.arange(bits + 1)  # below 2^53: exact
    digits = (total[:, None] // 2.0 ** np.arange(bits + 1)) % 2
    return list(zip(pairs, digits))


def parity(n, shortest, longest, seed, last=False):
    """Bits, and whether the number of ones so far is odd."""
    rng, found = np.random.default_rng(seed), []
    for length in rng.integers(shortest, longest + 1, n):
        bits = rng.integers(0, 2, length).astype(float)
        odd = np.cumsum(bits) % 2
        found.append((bits[:, None], due_at_end(odd) if last else odd))
    return found


def fitted(name, seed, settings, X, y):
    """A fitted model and its CPU seconds."""
    model = build(name, seed, settings)
    seconds, _ = clocked(lambda: model.fit(X, y))
    return model, seconds


def all_right(model, sequences, first):
    """Share of sequences without a wrong bit where one is due."""
    X, y = frame(sequences, first)
    wrong = (np.round(model.predict(X)) != y) & y.notna()
    return 1 - len(np.unique(X.index[wrong] // APART)) / len(sequences)


def run_adding(T, name, seed, settings):
    """MSE on new sequences."""
    train, test = adding(5000, T, 2 * seed), adding(1000, T, 2 * seed + 1)
    model, seconds = fitted(name, seed, settings, *frame(train))
    X, y = frame(test, len(train))
    due = y.notna().to_numpy()
    return [float(np.mean((model.predict(X)[due] - y[due]) ** 2)), seconds, model.n_iter_]


def run_addition(name, seed, settings):
    """Share of wrong 32-bit sums."""
    train, test = addition(3000, 8, 2 * seed), addition(500, 32, 2 * seed + 1)
    model, seconds = fitted(name, seed, settings, *frame(train))
    return [1 - all_right(model, test, len(train)), seconds, model.n_iter_]


def run_parity(last, name, seed, settings):
    """Share of 64-bit sequences with a wrong parity."""
    train, test = parity(3000, 1, 16, 2 * seed, last), parity(500, 64, 64, 2 * seed + 1)
    model, seconds = fitted(name, seed, settings, *frame(train))
    return [1 - all_right(model, test, len(train)), seconds, model.n_iter_]


# ------------------------------------------------------------------------------------ one series


def run_narma(name, seed, settings):
    """NRMSE of the 2000 rows after the training rows."""
    X, y = make_narma(4001, random_state=seed)
    X, y = X[:-1], y[1:]  # y(t + 1) from u(t)
    model, seconds = fitted(name, seed, {"washout": 200, **settings}, X[:2000], y[:2000])
    return [nrmse(model.predict(X[2000:]), y[2000:]), seconds, model.n_iter_]


def run_mackey(name, seed, settings):
    """One-step NRMSE, NRMSE84, share of free runs that leave the attractor."""
    place = seed if seed < VALIDATION else 5 + seed - VALIDATION
    series = make_mackey_glass(5000, tau=17, discard=1000 + 5000 * place)
    x, y = series[:3000], series[3000:]
    model, seconds = fitted(name, seed, {"output_lags": 1, **settings}, None, x)
    one = nrmse(model.predict_ahead(None, y), y)
    far = model.predict_ahead(None, y, steps=HORIZON)[HORIZON - 1 :] - y[HORIZON - 1 :]
    low, high, stays = x.min(), x.max(), 0
    slack = 0.1 * (high - low)
    for origin in range(0, 1500, 150):
        run = copy.deepcopy(model)
        if origin:
            run.update(None, y[:origin])
        out, true = run.forecast(500), y[origin : origin + 500]
        inside = low - slack <= out.min() and out.max() <= high + slack
        stays += inside and 0.8 <= out[250:].std() / true[250:].std() <= 1.2
    return [one, float(np.sqrt(np.mean(far**2)) / y.std()), 1 - stays / 10, seconds, model.n_iter_]


# ------------------------------------------------------------------------------------ tables

WRONG = ["model", "seed", "share wrong", "fit s", "iterations"]
# name: (run, columns, {model: targets of the first columns}, peers {model: words})
TASKS = {
    "adding100": (
        lambda *a: run_adding(100, *a),
        ["model", "seed", "MSE", "fit s", "iterations"],
        {"LSTM": [1e-3], "GRU": [1e-3], "Elman": [1 / 12]},
        {},
    ),
    "adding200": (
        lambda *a: run_adding(200, *a),
        ["model", "seed", "MSE", "fit s", "iterations"],
        {"LSTM": [1e-2], "GRU": [1e-2]},
        {},
    ),
    "addition": (run_addition, WRONG, {"GRU": [0.0], "Elman": [0.0], "LSTM": [None]}, {}),
    "parity": (lambda *a: run_parity(False, *a), WRONG, {"GRU": [0.0], "Elman": [None], "LSTM": [0.0]}, {}),
    "parity last": (
        lambda *a: run_parity(True, *a),
        WRONG,
        {"GRU": [None], "Elman": [None], "LSTM": [None]},
        {},
    ),
    "narma": (
        run_narma,
        ["model", "seed", "NRMSE", "fit s", "iterations"],
        {"LSTM": [0.25], "GRU": [0.25], "Elman": [0.12]},
        {"LSTM": "0.38", "GRU": "0.35", "Elman": "0.12"},
    ),
    "mackey": (
        run_mackey,
        ["model", "seed", "one-step NRMSE", "NRMSE84", "runs astray", "fit s", "iterations"],
        {"LSTM": [0.003, 0.04, 0.0], "GRU": [0.003, 0.04, 0.0], "Elman": [0.003, 0.04, 0.0]},
        {"LSTM": "0.0031, 0.042", "GRU": "0.0087, 0.25", "Elman": "0.0136, 1.1"},
    ),
}


def report(task, models, seeds):
    """Medians beside targets and peers, and each seed."""
    run, columns, targets, peers = TASKS[task]
    lines, each = [], []
    for name in [name for name in targets if name in models]:
        seen = []
        for seed in range(seeds):
            seen.append(run(name, seed, SETTINGS[task]))
            each.append([name, str(seed), *seen[-1]])
        middle = [float(v) for v in np.median(seen, axis=0)]
        worst = [float(v) for v in np.max(seen, axis=0)]
        for k, target in enumerate(targets[name]):
            aim, met = (
                ("", "") if target is None else (f"<= {target:.3g}", "yes" if middle[k] <= target else "NO")
            )
            peer = peers.get(name, "").split(", ")
            line = [f"{name}: {columns[2 + k]}", aim, middle[k], met, worst[k]]
            lines.append([*line, peer[k] if k < len(peer) else "", middle[-2]])
    table(
        f"{task}: medians of {seeds} seeds",
        ["figure", "target", "seen", "met", "worst", "torch with Adam (quoted)", "fit s"],
        lines,
    )
    table("Each seed", columns, each)


def tune(task, models, seeds, grid):
    """Every combination of the grid on the validation draws."""
    run, columns, targets, _ = TASKS[task]
    print(f"\n{task}, validation draws: " + ", ".join(columns[2:]))
    for name in [name for name in targets if name in models]:
        for values in itertools.product(*grid.values()):
            settings = {**SETTINGS[task], **dict(zip(grid, values))}
            seen = np.array([run(name, VALIDATION + seed, settings) for seed in range(seeds)])
            words = "  ".join(
                f"{m:9.3g} ({w:.2g})" for m, w in zip(np.median(seen, axis=0), seen.max(axis=0))
            )
            shown = ", ".join(f"{key}={value}" for key, value in zip(grid, values))
            print(f"  {name:6s}{words}   {shown}", flush=True)


def value(text):
    """A Python literal, or the word itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def main():
    """Run the tasks that are named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*", help=", ".join(TASKS) + "; all without any; a beginning will do")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--tune", nargs="*", metavar="PARAMETER=VALUE;VALUE")
    args = parser.parse_args()
    for task in TASKS:
        if args.tasks and not task.startswith(tuple(args.tasks)):
            continue
        if args.tune is None:
            report(task, args.models, args.seeds)
        else:
            grid = {
                key: [value(v) for v in values.split(";")]
                for key, values in (w.split("=") for w in args.tune)
            }
            tune(task, args.models, args.seeds, grid)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
