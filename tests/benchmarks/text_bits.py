"""Bits a character of a character model after ten minutes of one core, beside torch after as long and a 5-gram.

The text and the split are those of ``examples/text.py``: the first megabyte of the standard library's .py files in
sorted order, its last tenth held out.  Two LSTM layers of 128, embeddings as large as ours, batches of 32 tracks of 64
steps whose states are carried on, Adam(0.004) with clipping at norm 1 and a cosine over as many epochs as fit into
the time.  torch: the same net, start of its own, the same solver.  Target: at or below torch, and below the 5-gram.

    python tests/benchmarks/text_bits.py [--minutes 10] [--size 1000000] [--only tsrnn,torch]
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from common import table, torch


sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import text


UNITS, B, T, RATE = 128, 32, 64, 0.004


def ours(known, held, minutes):
    """Bits a character, epochs, CPU seconds."""
    began = time.process_time()
    model = text.learn(known, (UNITS, UNITS), minutes)
    spent = time.process_time() - began
    return model.log_loss(None, list(held)) / np.log(2), model.n_iter_, spent, model.theta_.size


class CharacterNet(torch.nn.Module):
    """Embedding, two layers, readout."""

    def __init__(self, K, e):
        super().__init__()
        self.embedding, self.readout = torch.nn.Embedding(K, e), torch.nn.Linear(UNITS, K)
        self.lstm = torch.nn.LSTM(e, UNITS, 2)

    def forward(self, codes, state=None):
        """Scores of the characters after some, and the state after them."""
        out, state = self.lstm(self.embedding(codes), state)
        return self.readout(out), state


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


def theirs(known, held, minutes):
    """Bits a character, epochs, CPU seconds."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    characters = {c: k for k, c in enumerate(sorted(set(known)))}
    codes, codes_held = (torch.tensor([characters[c] for c in part]) for part in (known, held))
    K, began = len(characters), time.process_time()
    size = round(1.6 * K**0.56)  # as ours by default
    trial = CharacterNet(K, size)
    some = codes[: 20 * B * T]
    solver = torch.optim.Adam(trial.parameters(), RATE)
    epoch(trial, solver, some)
    before = time.process_time()
    epoch(trial, solver, some)
    an_epoch = (time.process_time() - before) * len(codes) / len(some)
    epochs = int(np.clip(60 * minutes / an_epoch, 1, 100))
    net = CharacterNet(K, size)
    solver = torch.optim.Adam(net.parameters(), RATE)
    steps = epochs * -(-((len(codes) - 1) // B) // T)
    fading = torch.optim.lr_scheduler.CosineAnnealingLR(solver, steps)
    for _ in range(epochs):
        epoch(net, solver, codes, fading)
    spent = time.process_time() - began
    with torch.no_grad():
        _, state = net(codes[:, None])
        out, _ = net(torch.cat([codes[-1:], codes_held[:-1]])[:, None], state)
        loss = float(torch.nn.functional.cross_entropy(out[:, 0], codes_held))
    return loss / np.log(2), epochs, spent, sum(p.numel() for p in net.parameters())


def main(options):
    """Print the table."""
    whole = text.without_rare(text.standard_library(options.size)[: options.size])
    n = round(len(whole) * (1 - text.HELD))
    known, held = whole[:n], "".join(c for c in whole[n:] if c in set(whole[:n]))
    gram = text.NGram(known, 5)
    rows = [["5-gram", gram.bits(held, known), "", "", ""]]
    for name, learn in {"tsrnn": ours, "torch": theirs}.items():
        if name in options.only.split(","):
            rows.append([name, *learn(known, held, options.minutes)])
    table("Text that was not learnt", ["model", "bits a character", "epochs", "CPU s", "weights"], rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--only", default="tsrnn,torch")
    main(parser.parse_args())
