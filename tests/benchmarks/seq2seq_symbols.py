"""Sequence to sequence of symbols: what an encoder-decoder learns, how much of it is exact, for how many CPU seconds.

dates     as people write them in eight ways, "Tuesday, 3rd May 2016", to 2016-05-03; days of 1900 to 2099.
numbers   in words, "twelve thousand and seven", to digits; 0 to 999,999.
addition  of two decimal numbers, "38.25+4.7", to "42.95"; up to 99.99: the first symbol needs all carries.
          Least digit first, "52.83+07.4" to "59.24", with two decimals always, each symbol needs one carry.
reversal  of 20 random letters of ten; with attention, and from the last state alone [1].

Exact: the share of new pairs, none of which was in training, whose answer is right from the first symbol to the end,
greedy and with a beam of 5.  Nothing is tuned on them: what is held back of the training pairs says when to stop.

[1] D. Bahdanau, K. Cho, Y. Bengio, "Neural machine translation by jointly learning to align and translate", ICLR 2015.

    python tests/benchmarks/seq2seq_symbols.py [--quick] [task ...]
"""

import sys
import time
from datetime import date, timedelta

import numpy as np
from common import table

from tsrnn import Adam, EncoderDecoderClassifier


QUICK = "--quick" in sys.argv
WHICH = [word for word in sys.argv[1:] if not word.startswith("-")]
ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def nth(day):
    """1st, 2nd ..."""
    return f"{day}{'th' if 10 < day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


def dates(rng):
    """A date in one of eight forms, and in ISO's."""
    d = date(1900, 1, 1) + timedelta(days=int(rng.integers(73049)))
    forms = (
        f"{nth(d.day)} of {d:%B %Y}", f"{d:%B} {d.day}, {d.year}", f"{d.day} {d:%b %Y}", f"{d:%m/%d/%Y}",
        f"{d:%d.%m.%Y}", f"{d:%A}, {nth(d.day)} {d:%B %Y}", f"{d:%b}. {nth(d.day)} {d.year}".upper(), f"{d:%Y/%m/%d}",
    )  # fmt: skip
    return forms[rng.integers(len(forms))], d.isoformat()


def words(n):
    """A number below a million in words."""
    if n >= 1000:
        rest = n % 1000
        return f"{words(n // 1000)} thousand" + (
            f"{' and' if rest < 100 else ''} {words(rest)}" if rest else ""
        )
    if n >= 100:
        return f"{ONES[n // 100]} hundred" + (f" and {words(n % 100)}" if n % 100 else "")
    return ONES[n] if n < 20 else TENS[n // 10 - 2] + (f"-{ONES[n % 10]}" if n % 10 else "")


def numbers(rng):
    """A number in words, and in digits; of all lengths."""
    n = int(rng.integers(10 ** rng.integers(2, 7)))
    return words(n), str(n)


def addition(rng):
    """Two decimal numbers, and their sum."""
    a, b = (int(rng.integers(10000)) for _ in range(2))
    return "+".join(f"{c / 100:g}" for c in (a, b)), f"{(a + b) / 100:g}"


def backwards(rng):
    """Two decimal numbers and their sum, least digit first."""
    a, b = (int(rng.integers(10000)) for _ in range(2))
    return "+".join(f"{c / 100:.2f}"[::-1] for c in (a, b)), f"{(a + b) / 100:.2f}"[::-1]


def reversal(rng):
    """A random word, and the same backwards."""
    word = "".join(rng.choice(list("abcdefghij"), 20))
    return word, word[::-1]


SUMS = {  # a held loss that stands still for ten epochs means little here: carries are learnt late
    "hidden_layer_sizes": (128,), "batch_size": 64, "max_iter": 30, "early_stopping": False,
    "solver": Adam(0.002, clip_norm=1.0, schedule="cosine"),
}  # fmt: skip
TASKS = {  # pairs to learn from, settings
    "dates": (dates, 4000, {}),
    "numbers": (numbers, 4000, {}),
    "addition": (addition, 40000, SUMS),
    "addition, least digit first": (backwards, 40000, SUMS),
    "reversal": (reversal, 4000, {}),
    "reversal, attention=None": (reversal, 4000, {"attention": None}),
}


def pairs(draw, n, n_test):
    """Pairs to learn from, and others."""
    rng, seen = np.random.default_rng(0), {}
    while len(seen) < n + n_test:
        x, y = draw(rng)
        seen.setdefault(x, y)
    given = list(seen.items())
    return zip(*given[:n]), zip(*given[n:])


def main():
    """Learn each task, print a line each."""
    rows = []
    for name, (draw, n, settings) in TASKS.items():
        if WHICH and not {name, name.partition(",")[0]} & set(WHICH):
            continue
        settings = {"solver": Adam(0.003, clip_norm=1.0, schedule="plateau"), "random_state": 0, **settings}
        if QUICK:
            n, settings = 300, settings | {"max_iter": 2, "hidden_layer_sizes": (16,)}
        (X, y), (X_new, y_new) = pairs(draw, n, 100 if QUICK else 2000)
        model, began = EncoderDecoderClassifier(**settings), time.process_time()
        model.fit(list(X), list(y))
        spent, began = time.process_time() - began, time.process_time()
        exact = model.score(list(X_new), list(y_new))
        answering = time.process_time() - began
        beam = model.set_params(beam_width=5).score(list(X_new), list(y_new))
        rows.append(
            [name, n, model.n_iter_, spent, 1e3 * answering / len(X_new), 100 * exact, 100 * beam, X_new[0],
             model.predict(X_new[:1])[0]]
        )  # fmt: skip
        print(*rows[-1], flush=True)
    head = [
        "task",
        "pairs",
        "epochs",
        "CPU s",
        "ms an answer",
        "exact %",
        "beam 5 %",
        "such as",
        "its answer",
    ]
    table("Sequence to sequence", head, rows)


if __name__ == "__main__":
    main()
