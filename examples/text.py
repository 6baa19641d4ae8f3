"""Learn to write code: a net reads the Python source of the standard library, character by character, and dreams on.

An LSTM learns p(next character | all before).  Beside it stands what language models were before nets: the last few
characters and a table of what followed them (an n-gram, which backs off to shorter ones: I. H. Witten, T.
C. Bell, "The zero-frequency problem", IEEE Transactions on Information Theory 37(4), 1991).

    python examples/text.py                    # four CPU minutes; writes examples/text.png
    python examples/text.py novel.txt --quick  # any text; 40,000 characters, a small net
"""

import argparse
import sysconfig
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from tsrnn import Adam, LSTMClassifier
from tsrnn.plotting import STYLE


warnings.filterwarnings("ignore", "max_iter=")  # a given number of epochs is enough


def standard_library():
    """The standard library's source, its files in sorted order."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    return "".join(file.read_text("utf-8", errors="ignore") for file in files)


class NGram:
    """p(c | h) = (n(h c) + t(h) p(c | h but its first)) / (n(h) + t(h)); t(h), how many different ones followed h."""

    def __init__(self, text, order=5):
        self.order, self.characters = order, sorted(set(text))
        self.counts = defaultdict(Counter)  # {history: {character: n}}
        for n in range(order):
            for k in range(n, len(text)):
                self.counts[text[k - n : k]][text[k]] += 1

    def probability(self, character, history):
        """Of a character after a history of any length."""
        p = 1 / len(self.characters)
        for n in range(min(self.order - 1, len(history)) + 1):
            seen = self.counts.get(history[len(history) - n :], Counter())
            p = (seen[character] + len(seen) * p) / (seen.total() + len(seen)) if seen else p
        return p

    def bits(self, text):
        """Mean of -log2 p over the characters of a text."""
        p = [self.probability(text[k], text[max(0, k - self.order) : k]) for k in range(len(text))]
        return -float(np.mean(np.log2(p)))


def picture(out, model, bits):
    """Save what a character costs, by model, and how the net learnt."""
    plt.style.use(STYLE)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    bars = left.barh(list(bits), list(bits.values()), color=["0.7"] * (len(bits) - 1) + ["C1"])
    left.bar_label(bars, fmt="%.2f", padding=3)
    left.invert_yaxis()
    left.set(xlabel="bits a character, of text that was not learnt", xlim=(0, 5.2))
    right.plot(range(1, model.n_iter_ + 1), np.array(model.loss_curve_) / np.log(2), "C1.-")
    right.axhline(bits["5-gram"], color="0.5", linestyle="--", label="5-gram, text not learnt")
    right.set(xlabel="times the text was read", ylabel="bits a character, while learning")
    right.legend()
    figure.savefig(out, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", nargs="?", type=Path, help="a text; by default the standard library's source")
    parser.add_argument("--quick", action="store_true", help="a small net that reads little")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()
    text = args.text.read_text("utf-8") if args.text else standard_library()
    text = text[: 40_000 if args.quick else 1_000_000]
    n = int(0.9 * len(text))
    known, characters = text[:n], set(text[:n])
    held = "".join(character for character in text[n:] if character in characters)
    model = LSTMClassifier(
        (48,) if args.quick else (128, 128), max_iter=60 if args.quick else 10, output_lags=1, batch_size=32,
        sequence_length=64, solver=Adam(0.004, clip_norm=1.0, schedule="cosine"), early_stopping=False,
        dropout=0.2, random_state=0, tol=0.0,
    ).fit(None, list(known))  # fmt: skip
    bits = {f"{order}-gram": NGram(known, order).bits(held) for order in (1, 2, 3, 5)}
    bits["LSTM"] = model.log_loss(None, list(held)) / np.log(2)
    for name, value in bits.items():
        print(f"{name:8s} {value:6.3f} bits a character of the last tenth, which was not learnt")
    for temperature in (0.3, 0.7, 1.0):
        dream = "".join(model.sample(400, temperature, "def ", random_state=0))
        print(f"\n--- temperature {temperature} ---\ndef {dream}")
    picture(args.out, model, bits)


if __name__ == "__main__":
    main()
