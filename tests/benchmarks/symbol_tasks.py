"""Learning tests with symbols: long memory in sequences of labels, from the papers that set them.

6a, 6b. Temporal order [1, tasks 6a, 6b]: sequences of 100 to 110 symbols, a ... d at random but for an E at the start
    and a B at the end and two (6b: three) X or Y in between; the class is their order, 4 (8) of them.  One label a
    series; test: 1000 new sequences, right where the label is.  Published: LSTM solves both (0 to 3 wrong of 2560).
Reber. Embedded Reber grammar [1, task 1], one symbol ahead: right where every legal continuation, and no other, is more
    probable than 0.1; the last T or P must be remembered over the inner grammar.  A word counts as right if all of its
    continuations are.
Copy. Copying memory [1, 2]: ten of eight symbols, T - 1 blanks, a mark, and ten blanks, over which the ten symbols have
    to be given again, and a blank everywhere else: the share of the ten that is right.  T = 100.  "copy-skips": with
    connections that skip T + 10 rows.
Dyck-2. Well-formed words of two kinds of brackets, to depth 8: the share of closing brackets whose kind is right.
Parity. A label a row: whether the bits so far have an odd sum; trained on 5 to 20 bits, tested on 80: the share of
    words all of whose labels are right.
Sum. A label a row: the next bit of the sum of two numbers, of which each row has a bit, the lowest first; likewise.

The torch LSTM (``--torch``) and MiniRocket (``--rocket``, of aeon) are those of ``classification.py``; they see symbols
as ones in their places, for what has a label a series: 6a and 6b.

Nothing is tuned on what is tested: settings are written here once, and were tried with seeds from 100 on.

[1] S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
[2] M. Arjovsky, A. Shah, Y. Bengio, "Unitary evolution recurrent neural networks", ICML 2016.

    python tests/benchmarks/symbol_tasks.py [--quick] [--only 6a,6b,Reber,copy,copy-skips,Dyck-2,parity,sum] [--seeds 1]
        [--models LSTM,GRU] [--torch] [--rocket]
"""

import argparse
import time

import numpy as np
from classification import MiniRocket, TorchLSTM
from common import table

from tsrnn import Adam, GRUClassifier, LSTMClassifier


CLASSES = {"LSTM": LSTMClassifier, "GRU": GRUClassifier}
TASKS = ("6a", "6b", "Reber", "copy", "copy-skips", "Dyck-2", "parity", "sum")
REBER = {0: "TP", 1: "SX", 2: "TV", 3: "XS", 4: "PV", 5: "E"}  # legal symbols of a node
NEXT = {  # node and symbol -> node
    (0, "T"): 1, (0, "P"): 2, (1, "S"): 1, (1, "X"): 3, (2, "T"): 2, (2, "V"): 4,
    (3, "X"): 2, (3, "S"): 5, (4, "P"): 3, (4, "V"): 5,
}  # fmt: skip


def temporal_order(n, marks, rng):
    """Sequences (n_timesteps, 1) and their classes."""
    series, classes = [], []
    for _ in range(n):
        length = rng.integers(100, 111)
        s = rng.choice(list("abcd"), length).astype(object)
        s[0], s[-1] = "E", "B"
        bounds = ((10, 20), (50, 60)) if marks == 2 else ((10, 20), (33, 43), (66, 76))
        places = [rng.integers(*bound) for bound in bounds]
        order = rng.choice(["X", "Y"], marks)
        s[places] = order
        series.append(s[:, None])
        classes.append("".join(order))
    return series, classes


def reber(rng):
    """An embedded word, and the legal symbols after each of its symbols."""
    outer = rng.choice(["T", "P"])
    word, legal, node = ["B", outer, "B"], ["TP", "B", REBER[0]], 0
    while node != 5:
        symbol = rng.choice(list(REBER[node]))
        node = NEXT[node, symbol]
        word.append(symbol)
        legal.append(REBER[node])
    return [*word, "E", outer, "E"], [*legal[:-1], "E", outer, "E"]


def copying(n, T, rng):
    """Ten symbols, T - 1 blanks, a mark, ten blanks, arrays (T + 20, 1); and what is to be given, (T + 20,)."""
    shown, wanted = [], []
    for _ in range(n):
        what = list(rng.choice(list("abcdefgh"), 10))
        shown.append(np.array([*what, *("_" * (T - 1)), ":", *("_" * 10)], object)[:, None])
        wanted.append(np.array([*("_" * (T + 10)), *what]))
    return shown, wanted


def dyck(n, length, depth, rng):
    """A word of brackets."""
    word, stack = [], []
    for _ in range(n):
        for _ in range(length):
            close = stack and (len(stack) == depth or rng.random() < 0.5)
            if close:
                word.append({"(": ")", "[": "]"}[stack.pop()])
            else:
                stack.append(rng.choice(["(", "["]))
                word.append(stack[-1])
        while stack:
            word.append({"(": ")", "[": "]"}[stack.pop()])
    return word


def legal_share(model, words, legal):
    """Share of words all of whose continuations are right."""
    right = []
    for word, after in zip(words, legal):
        p = model.predict_proba(None, word, start="zeros")[1:]  # as each word began in training
        likely = [set(model.classes_[row > 0.1]) for row in p]
        right.append(all(some == set(symbols) for some, symbols in zip(likely, after)))
    return float(np.mean(right))


def closed_right(model, word):
    """Share of closing brackets whose kind is right."""
    p = model.predict_proba(None, word)
    kinds = [list(model.classes_).index(symbol) for symbol in ")]"]
    closing = [k for k, symbol in enumerate(word) if symbol in ")]"]
    return float(np.mean([")]"[int(p[k, kinds[1]] > p[k, kinds[0]])] == word[k] for k in closing]))


def bits(n, kind, shortest, longest, rng):
    """Rows of bits, arrays (n_timesteps, 1 or 2), and a label of each: of parity, or of the sum."""
    series, labels = [], []
    for _ in range(n):
        x = rng.integers(0, 2, (rng.integers(shortest, longest + 1), 1 if kind == "parity" else 2))
        if kind == "parity":
            y = np.cumsum(x[:, 0]) % 2
        else:
            carry, y = 0, np.empty(len(x), int)
            for t, total in enumerate(x.sum(axis=1)):
                y[t], carry = (total + carry) % 2, (total + carry) // 2
        series.append(x.astype(float))
        labels.append(y)
    return series, labels


def ones(series):
    """Symbols as ones in their places, arrays (n_timesteps, 8)."""
    return [(s == np.array(list("abcdXYEB"))).astype(np.float32) for s in series]


class OfOnes:
    """A classifier of ``classification.py`` that sees symbols as ones in their places."""

    def __init__(self, model):
        self.model = model

    def fit(self, series, labels):
        """Learn."""
        self.model.fit(ones(series), np.array(labels))
        return self

    def score(self, series, labels):
        """Share that is right."""
        p = self.model.predict_proba(ones(series))
        return float(np.mean(self.model.classes_[p.argmax(axis=1)] == labels))


def order_task(make, marks, few, seed):
    """6a, 6b: the share right of new sequences."""
    rng = np.random.default_rng(seed)
    model = make(60 // few).fit(*temporal_order(2000 // few, marks, rng))
    return model.score(*temporal_order(1000 // few, marks, rng))


def task(name, kind, few, seed):
    """The share that is right of a task, after training on new data."""
    rng = np.random.default_rng(seed)
    if name in ("6a", "6b"):
        return order_task(
            lambda epochs: kind((32,), max_iter=epochs, random_state=seed), 2 + (name == "6b"), few, seed
        )
    solver = Adam(0.01, clip_norm=1.0, schedule="cosine")
    common = {"solver": solver, "layer_norm": True, "early_stopping": False, "random_state": seed}
    if name == "Reber":
        words = [reber(rng) for _ in range(4000 // few)]
        model = kind((32,), output_lags=1, max_iter=60 // few, **common)
        model.fit(None, [np.array(word) for word, _ in words])
        return legal_share(model, *zip(*(reber(rng) for _ in range(200 // few))))
    if name.startswith("copy"):
        T = 100
        skips = {"recurrent_lags": (1, T + 10)} if name == "copy-skips" else {}
        model = kind(
            (64,), solver=solver, batch_size=32, sequence_length=T + 20, early_stopping=False,
            max_iter=(20 if skips else 50) // few, random_state=seed, **skips,
        )  # fmt: skip
        model.fit(*copying(2000 // few, T, rng))
        shown, wanted = copying(100, T, rng)
        given = model.predict(shown, start="zeros")
        return float(np.mean([np.mean(a[-10:] == b[-10:]) for a, b in zip(given, wanted)]))
    if name == "Dyck-2":
        model = kind((32,), output_lags=1, max_iter=60 // few, **common).fit(
            None, dyck(1000 // few, 40, 8, rng)
        )
        return closed_right(model, dyck(100 // few, 40, 8, rng))
    model = kind(
        (16,), solver=Adam(0.01, clip_norm=1.0, schedule="cosine"), max_iter=100 // few, random_state=seed
    )
    model.fit(*bits(1000 // few, name, 5, 20, rng))
    X, Y = bits(200, name, 80, 80, rng)
    return float(np.mean([np.array_equal(a, b) for a, b in zip(model.predict(X, start="zeros"), Y)]))


def main(options):
    """Print the table."""
    names, rows, few = options.only.split(","), [], 10 if options.quick else 1
    for name in options.models.split(","):
        for seed in range(options.seeds):
            began = time.process_time()
            found = [task(which, CLASSES[name], few, seed) for which in names]
            rows.append([f"{name}, seed {seed}", *found, time.process_time() - began])
    others = {
        "torch": lambda epochs, seed: OfOnes(TorchLSTM(seed, epochs)),
        "MiniRocket": lambda epochs, seed: OfOnes(MiniRocket(seed)),
    }
    for name in ["torch"] * options.torch + ["MiniRocket"] * options.rocket:
        for seed in range(options.seeds):
            began, found = time.process_time(), dict.fromkeys(names, np.nan)
            for which in {"6a", "6b"}.intersection(names):
                found[which] = order_task(
                    lambda epochs, name=name, seed=seed: others[name](epochs, seed),
                    2 + (which == "6b"),
                    few,
                    seed,
                )
            rows.append([f"{name}, seed {seed}", *found.values(), time.process_time() - began])
    table("Share right", ["model", *names, "CPU s"], rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(TASKS))
    parser.add_argument("--models", default=",".join(CLASSES))
    parser.add_argument("--seeds", type=int, default=1)
    for flag in ("--quick", "--torch", "--rocket"):
        parser.add_argument(flag, action="store_true")
    main(parser.parse_args())
