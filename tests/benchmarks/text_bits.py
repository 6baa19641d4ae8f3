"""Bits a character of a character model after ten minutes of one core, beside torch after as long and a 5-gram.

The text and the split are those of ``examples/text.py``: the first megabyte of the standard library's .py files in
sorted order, its last tenth held out.  Two LSTM layers of 128, embeddings as large as ours, batches of 32 tracks of 64
steps whose states are carried on, Adam(0.004) with clipping at norm 1 and a cosine over as many epochs as fit into
the time, and dropout of what each layer gives, 0.2 unless told, since without it both learn the text by heart within
ten minutes.  torch: the same net, start of its own, the same solver and dropout.  Time is that of the thread's
processor, so that other processes matter little; a trial on a part of the text says how many epochs fit.  Target: at
or below torch, and below the 5-gram.

    python tests/benchmarks/text_bits.py [--minutes 10] [--dropout 0.2] [--only 5-gram,tsrnn,torch]
"""

import argparse
import sys
import warnings
from pathlib import Path
from time import thread_time

import numpy as np
from common import table, torch

from tsrnn import Adam, LSTMClassifier


sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import text


warnings.filterwarnings("ignore", "max_iter=")
UNITS, B, T, RATE = 128, 32, 64, 0.004
TRIAL = 50 * B * T  # characters that an epoch is timed on
BEFORE = 10_000  # known characters that torch reads before those held out


def epochs_within(seconds, an_epoch, share):
    """Epochs that fit into some seconds, by those that one over a share of the text takes."""
    return int(np.clip(seconds * share / an_epoch, 1, 100))


def ours(known, held, minutes, dropout):
    """Bits a character, epochs, seconds of the fit, weights."""
    model = LSTMClassifier(
        (UNITS, UNITS), output_lags=1, solver=Adam(RATE, clip_norm=1.0, schedule="cosine"), batch_size=B,
        sequence_length=T, dropout=dropout, early_stopping=False, tol=0.0, random_state=0,
    )  # fmt: skip
    some, known = list(known[:TRIAL]), list(known)
    seconds = []
    for epochs in (1, 1, 2):  # the first compiles
        began = thread_time()
        model.set_params(max_iter=epochs).fit(None, some)
        seconds.append(thread_time() - began)
    share, an_epoch = len(some) / len(known), seconds[2] - seconds[1]
    after = (seconds[1] - an_epoch) / share  # the text is followed once more, for the state that it ends in
    epochs = epochs_within(60 * minutes - after, an_epoch, share)
    began = thread_time()
    model.set_params(max_iter=epochs).fit(None, known)
    spent = thread_time() - began
    return model.log_loss(None, list(held)) / np.log(2), model.n_iter_, spent, model.theta_.size


class CharacterNet(torch.nn.Module if torch else object):
    """Embedding, two layers, readout."""

    def __init__(self, K, e, dropout):
        super().__init__()
        self.embedding, self.readout = torch.nn.Embedding(K, e), torch.nn.Linear(UNITS, K)
        self.lstm, self.dropout = torch.nn.LSTM(e, UNITS, 2, dropout=dropout), torch.nn.Dropout(dropout)

    def forward(self, codes, state=None):
        """Scores of the characters after some, and the state after them."""
        out, state = self.lstm(self.embedding(codes), state)
        return self.readout(self.dropout(out)), state


def epoch(net, solver, codes, fading=None):
    """Read the text once, in B tracks side by side."""
    n = (len(codes) - 1) // B
    x, y = codes[: n * B].reshape(B, n).T, codes[1 : n * B + 1].reshape(B, n).T
    state = None
    for k in range(0, n, T):
        out, state = net(x[k : k + T], state)
        state = tuple(s.detach() for s in state)
        loss = torch.nn.functional.cross_entropy(out.reshape(-1, out.shape[-1]), y[k : k + T].reshape(-1))
        solver.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        solver.step()
        if fading is not None:
            fading.step()


def theirs(known, held, minutes, dropout):
    """Bits a character, epochs, seconds of the fit, weights."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    characters = {c: k for k, c in enumerate(sorted(set(known)))}
    codes, codes_held = (torch.tensor([characters[c] for c in part]) for part in (known, held))
    K = len(characters)
    size = round(1.6 * K**0.56)  # as ours by default
    trial, some = CharacterNet(K, size, dropout), codes[:TRIAL]
    solver = torch.optim.Adam(trial.parameters(), RATE)
    epoch(trial, solver, some)
    began = thread_time()
    epoch(trial, solver, some)
    epochs = epochs_within(60 * minutes, thread_time() - began, len(some) / len(codes))
    began, net = thread_time(), CharacterNet(K, size, dropout)
    solver = torch.optim.Adam(net.parameters(), RATE)
    steps = epochs * -(-((len(codes) - 1) // B) // T)
    fading = torch.optim.lr_scheduler.CosineAnnealingLR(solver, steps)
    for _ in range(epochs):
        epoch(net, solver, codes, fading)
    spent = thread_time() - began
    net.eval()
    with torch.no_grad():
        _, state = net(codes[-BEFORE:-1, None])
        out, _ = net(torch.cat([codes[-1:], codes_held[:-1]])[:, None], state)
        loss = float(torch.nn.functional.cross_entropy(out[:, 0], codes_held))
    return loss / np.log(2), epochs, spent, sum(p.numel() for p in net.parameters())


def main(options):
    """Print the table."""
    whole = text.standard_library()[: options.size]
    n = int(0.9 * len(whole))
    known, characters = whole[:n], set(whole[:n])
    held = "".join(c for c in whole[n:] if c in characters)
    kinds = {
        "5-gram": lambda known, held, *_: (text.NGram(known, 5).bits(held),),
        "tsrnn": ours,
        "torch": theirs,
    }
    rows = [
        [name, *kinds[name](known, held, options.minutes, options.dropout)]
        for name in kinds
        if name in options.only.split(",")
    ]
    table("Text that was not learnt", ["model", "bits a character", "epochs", "CPU s", "weights"], rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--only", default="5-gram,tsrnn,torch")
    main(parser.parse_args())
