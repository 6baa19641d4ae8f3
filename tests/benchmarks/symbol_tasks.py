"""Learning tests with symbols: long memory in sequences of labels, from the papers that set them.

6a, 6b. Temporal order [1, tasks 6a, 6b]: sequences of 100 to 110 symbols, a ... d at random but for an E at the start
    and a B at the end and two (6b: three) X or Y in between; the class is their order, 4 (8) of them.  One label a
    series; test: 1000 new sequences, right where the label is.  Published: LSTM solves both (0 to 3 wrong of 2560).
Reber. Embedded Reber grammar [1, task 1], one symbol ahead: right where every legal continuation, and no other, is more
    probable than 0.1; the last T or P must be remembered over the inner grammar.  A word counts as right if all of its
    continuations are.
Copy. Copying memory [1, 2]: ten of eight symbols, T blanks, a mark, and the ten again: the share of the last ten right,
    running freely.
Dyck-2. Well-formed words of two kinds of brackets, to depth 8: the share of closing brackets whose kind is right.

Nothing is tuned on what is tested: settings are written here once.

[1] S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
[2] M. Arjovsky, A. Shah, Y. Bengio, "Unitary evolution recurrent neural networks", ICML 2016.

    python tests/benchmarks/symbol_tasks.py [--quick]
"""

import sys
import time

import numpy as np
from common import table

from tsrnn import Adam, GRUClassifier, LSTMClassifier


QUICK = "--quick" in sys.argv
CLASSES = (("LSTM", LSTMClassifier), ("GRU", GRUClassifier))
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
    """Words of ten symbols, T blanks, a mark, and the ten symbols, arrays."""
    words = []
    for _ in range(n):
        what = rng.choice(list("abcdefgh"), 10)
        words.append(np.array([*what, *("_" * T), ":", *what]))
    return words


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
        p = model.predict_proba(None, word, start="cold")[1:]
        likely = [set(model.classes_[row > 0.1]) for row in p]
        right.append(all(some == set(symbols) for some, symbols in zip(likely, after)))
    return float(np.mean(right))


def closed_right(model, word):
    """Share of closing brackets whose kind is right."""
    p = model.predict_proba(None, word)
    kinds = [list(model.classes_).index(symbol) for symbol in ")]"]
    closing = [k for k, symbol in enumerate(word) if symbol in ")]"]
    return float(np.mean([")]"[int(p[k, kinds[1]] > p[k, kinds[0]])] == word[k] for k in closing]))


def tasks(kind):
    """{task: share that is right}."""
    rng, found, few = np.random.default_rng(0), {}, 10 if QUICK else 1
    solver = Adam(0.003, clip_norm=1.0, schedule="cosine")
    common = {"solver": solver, "layer_norm": True, "early_stopping": False, "random_state": 0}
    for name, marks in (("6a", 2), ("6b", 3)):
        model = kind((32,), max_iter=60 // few, **common).fit(*temporal_order(2000 // few, marks, rng))
        found[name] = model.score(*temporal_order(1000 // few, marks, rng))
    words = [reber(rng) for _ in range(1000 // few)]
    model = kind((32,), output_lags=1, max_iter=60 // few, **common).fit(
        None, [np.array(word) for word, _ in words]
    )
    found["Reber"] = legal_share(model, *zip(*(reber(rng) for _ in range(200 // few))))
    T = 100
    model = kind((64,), output_lags=1, sequence_length=T + 21, max_iter=100 // few, **common)
    model.fit(None, copying(2000 // few, T, rng))
    found["copy"] = float(np.mean([
        np.mean(model.sample(10, 0, prefix=word[:-10]) == word[-10:]) for word in copying(50 // few, T, rng)
    ]))  # fmt: skip
    model = kind((32,), output_lags=1, max_iter=60 // few, **common).fit(None, dyck(1000 // few, 40, 8, rng))
    found["Dyck-2"] = closed_right(model, dyck(100 // few, 40, 8, rng))
    return found


def main():
    """Print the table."""
    rows = []
    for name, kind in CLASSES:
        began = time.process_time()
        rows.append([name, *tasks(kind).values(), time.process_time() - began])
    table("Share right", ["model", "6a", "6b", "Reber", "copy, T = 100", "Dyck-2", "CPU s"], rows)


if __name__ == "__main__":
    main()
