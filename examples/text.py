"""Learn to write code: a net reads the Python source of the standard library, character by character, and dreams on.

An LSTM learns p(next character | all before).  Beside it stands what language models were before nets: the last four
characters and a table of what followed them (a 5-gram, which backs off to shorter ones where it has seen little [1]).

    python examples/text.py                    # ten CPU minutes; writes examples/text.png
    python examples/text.py --quick            # 40,000 characters, a small net
    python examples/text.py novel.txt          # any text

[1] I. H. Witten, T. C. Bell, "The zero-frequency problem", IEEE Transactions on Information Theory 37(4), 1991.
"""

import argparse
import sysconfig
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from tsrnn import Adam, LSTMClassifier


warnings.filterwarnings("ignore", "max_iter=")  # a given number of epochs is enough
HELD = 0.1  # share of the text, its end, that is not learnt
MOST_CHARACTERS = 100  # rarer ones become one
RARE = "\N{WHITE SQUARE}"
TEMPERATURES = (0.3, 0.7, 1.0)
FULL = {"size": 1_000_000, "units": (128, 128), "minutes": 10.0}
QUICK = {"size": 40_000, "units": (48,), "minutes": 0.1}


def standard_library(size):
    """The first characters of the standard library's source, its files in sorted order."""
    text, folder = [], Path(sysconfig.get_path("stdlib"))
    for file in sorted(folder.rglob("*.py")):
        if "site-packages" not in file.parts:
            text.append(file.read_text("utf-8", errors="replace"))
            size -= len(text[-1])
            if size <= 0:
                break
    return "".join(text)


def without_rare(text):
    """The text, its rarest characters as one."""
    common = {character for character, _ in Counter(text).most_common(MOST_CHARACTERS - 1)}
    return "".join(character if character in common else RARE for character in text)


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
            seen = self.counts.get(history[len(history) - n :])
            if seen is None:
                break
            p = (seen[character] + len(seen) * p) / (seen.total() + len(seen))
        return p

    def bits(self, text, before):
        """Mean of -log2 p over the characters of a text that follows another."""
        whole, first = before[-self.order :] + text, len(before[-self.order :])
        p = [self.probability(whole[k], whole[max(0, k - self.order) : k]) for k in range(first, len(whole))]
        return -float(np.mean(np.log2(p)))


def learn(text, units, minutes):
    """An LSTM that has read the text as often as it can in some minutes of CPU time."""
    model = LSTMClassifier(
        units, output_lags=1, solver=Adam(0.004, clip_norm=1.0, schedule="cosine"), batch_size=32,
        sequence_length=64, early_stopping=False, tol=0.0, random_state=0,
    )  # fmt: skip
    some = list(text[: 20 * 32 * 64])
    model.set_params(max_iter=1).fit(None, some)  # compiles
    seconds = []
    for epochs in (1, 2):
        began = time.process_time()
        model.set_params(max_iter=epochs).fit(None, some)
        seconds.append(time.process_time() - began)
    an_epoch = (seconds[1] - seconds[0]) * len(text) / len(some)
    model.set_params(max_iter=int(np.clip(60 * minutes / an_epoch, 1, 100)))
    return model.fit(None, list(text))


def picture(file, model, bits):
    """What a character costs, by model, and how the net learnt."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    bars = left.barh(list(bits), list(bits.values()), color=["#c8c8c8"] * (len(bits) - 1) + ["#e45756"])
    left.bar_label(bars, fmt="%.2f", padding=3)
    left.invert_yaxis()
    left.set(xlabel="bits a character, of text that was not learnt", xlim=(0, 1.15 * max(bits.values())))
    curve = np.array(model.loss_curve_) / np.log(2)
    right.plot(np.arange(1, len(curve) + 1), curve, color="#e45756", marker="." if len(curve) < 30 else None)
    right.axhline(bits["5-gram"], color="#909090", linestyle="--")
    right.annotate(
        "5-gram, text not learnt", (len(curve), bits["5-gram"]), ha="right", va="bottom", color="#606060"
    )
    right.set(xlabel="times the text was read", ylabel="bits a character, while learning")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120)
    plt.close(figure)


def main(arguments=None):
    """Learn, compare, dream."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "text", nargs="?", type=Path, help="a text file; by default the standard library's source"
    )
    parser.add_argument("--quick", action="store_true", help="a small net that reads little")
    parser.add_argument("--minutes", type=float, help="of CPU time to learn")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"))
    given = parser.parse_args(arguments)
    setting = QUICK if given.quick else FULL
    size, minutes = setting["size"], given.minutes or setting["minutes"]
    text = standard_library(size) if given.text is None else given.text.read_text("utf-8", errors="replace")
    text = without_rare(text[:size])
    n = round(len(text) * (1 - HELD))
    known, held, known_characters = text[:n], text[n:], set(text[:n])
    held = "".join(character for character in held if character in known_characters)
    bits = {f"{k}-gram": NGram(known, k).bits(held, known) for k in (1, 2, 3, 5)}
    began = time.process_time()
    model = learn(known, setting["units"], minutes)
    spent = time.process_time() - began
    bits["LSTM"] = model.log_loss(None, list(held)) / np.log(2)
    print(
        f"{n:,} characters, {len(model.classes_)} of them different; read {model.n_iter_} times in {spent:.0f} s CPU"
    )
    print("bits a character of the last tenth, which was not learnt:")
    for name, value in bits.items():
        print(f"  {name:8s} {value:6.3f}")
    for temperature in TEMPERATURES:
        print(f"\n--- temperature {temperature} ---")
        print("".join(model.sample(400, temperature, "def ", random_state=0)))
    picture(given.out, model, bits)
    return bits


if __name__ == "__main__":
    main()
