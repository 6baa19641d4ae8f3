"""Dates as people write them to dates as they are stored: a net reads "Tuesday, 3rd May 2016" and writes 2016-05-03.

No rule is written down: an encoder-decoder sees pairs of both. Attention shows which letters each digit is read from;
the probability of an answer says which of them a person should look at.

    python examples/dates.py                    # half a minute; writes examples/dates.png
    python examples/dates.py --quick            # few pairs, a small net
"""

import argparse
import time
import warnings
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from tsrnn import EncoderDecoderClassifier
from tsrnn.plotting import STYLE, AttentionDisplay


warnings.filterwarnings("ignore", "max_iter=")  # a given number of epochs is enough
SURE = 0.99  # probability of an answer that nobody looks at
FULL = {"pairs": 3000, "settings": {"hidden_layer_sizes": (64,), "max_iter": 40}}
QUICK = {"pairs": 400, "settings": {"hidden_layer_sizes": (24,), "max_iter": 3}}


def nth(day):
    """1st, 2nd ..."""
    return f"{day}{'th' if 10 < day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


def written(day, form):
    """A date as people write it, in one of six forms."""
    return (
        f"{nth(day.day)} of {day:%B %Y}",
        f"{day:%B} {day.day}, {day.year}",
        f"{day:%A}, {nth(day.day)} {day:%B %Y}",
        f"{day:%m/%d/%Y}",
        f"{day:%d.%m.%Y}",
        f"{day:%b}. {nth(day.day)} {day.year}".upper(),
    )[form]


def draw(n, rng):
    """Different days of two centuries, as they are written and stored."""
    days = [date(1900, 1, 1) + timedelta(int(k)) for k in rng.choice(73049, n, replace=False)]
    return [written(day, rng.integers(6)) for day in days], [day.isoformat() for day in days]


def picture(file, model, text):
    """What each digit looks at."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.style.use(STYLE)
    display = AttentionDisplay.from_estimator(model, [text], vmax=1)
    display.ax_.set(title="What each digit of the answer looks at")
    display.figure_.savefig(file, dpi=120)
    plt.close(display.figure_)


def main(arguments=None):
    """Learn, ask for dates that were not learnt, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few pairs, a small net")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"))
    given = parser.parse_args(arguments)
    setting = QUICK if given.quick else FULL
    n = setting["pairs"]
    X, y = draw(n + 1000, np.random.default_rng(0))
    began = time.process_time()
    model = EncoderDecoderClassifier(random_state=0, **setting["settings"]).fit(X[:n], y[:n])
    print(f"{n} pairs, {model.n_iter_} epochs, {time.process_time() - began:.0f} s CPU")
    answers = np.array(model.predict(X[n:]))
    right, sure = answers == y[n:], np.exp(model.log_proba(X[n:], answers)) > SURE
    print(f"of 1000 other dates {right.mean():.1%} are right to the last digit")
    if sure.any():
        print(
            f"{sure.mean():.1%} of the answers are surer than {SURE}; of those {right[sure].mean():.1%} are right"
        )
    for k in np.flatnonzero(~right)[:3]:
        print(f"  wrong: {X[n + k]} -> {answers[k]}")
    for text in ("Tuesday, 3rd May 2016", "07/04/1976", "04.07.1976"):
        print(f"  {text} -> {model.predict([text])[0]}")
    picture(given.out, model, "Tuesday, 3rd May 2016")
    return right.mean()


if __name__ == "__main__":
    main()
