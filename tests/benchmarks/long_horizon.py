"""Far horizons: segments (SegRNN [1]) in EncoderDecoderRegressor beside the same net in torch, and DLinear [2].

An hourly set of four channels, ``datasets/solar_plant.csv``: power, irradiance, clear-sky irradiance, temperature; each
a series of its own that one net learns, standardised by the training rows, as these papers do.  A year to learn from, a
half to test, from every 12th hour. Context 336 rows, segments of 24; both nets have the same units, batches, steps of
Adam, dropout before the output and squared loss. DLinear without its moving mean: a ridge for each channel, of the rows
minus the last one (NLinear in [2]), its penalty chosen on the last fifth of the training rows.

Target: within 2 % of the better of the two.  Ours is as by default beside the linear model of its examples, with the
share that the last 15 % of each channel's training rows warrant; "the net alone" is trained on all of them.  Then the
linear ``Forecaster``, one autoregression for all channels.

    python tests/benchmarks/long_horizon.py [--horizons 96 720] [--epochs 4] [--rows 8760] [--H 64] [--dropout 0.2]
        [--file hourly.csv --channels one another ...] [--models "torch SegRNN" segments ...] [--validate]

``--file`` : another table of hourly rows, in time's order, of which ``--channels`` are taken; gaps get the last value.
``--validate`` : the last third of the training rows takes the place of those of the test.

[1] S. Lin et al., "SegRNN: Segment recurrent neural network for long-term time series forecasting", arXiv:2308.11200.
[2] A. Zeng, M. Chen, L. Zhang, Q. Xu, "Are transformers effective for time series forecasting?", AAAI 2023.
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
import torch
from common import table
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from torch import nn

from tsrnn import Adam, ARXRegressor, EncoderDecoderRegressor, Forecaster
from tsrnn.datasets import load_solar_plant


CONTEXT, W, BATCH, RATE, EVERY = 336, 24, 64, 0.002, 12
CHANNELS = ["power", "ghi", "ghi_clear", "temperature"]


def load(rows, file, channels):
    """Training rows (rows, C), and test rows with the history of the first."""
    frame = load_solar_plant().frame if file is None else pd.read_csv(file)
    V = frame[channels].ffill().fillna(0.0).to_numpy(float)
    old, new = V[:rows], V[rows - CONTEXT : rows + rows // 2]
    mean, scale = old.mean(axis=0), old.std(axis=0)
    return (old - mean) / scale, (new - mean) / scale


def windows(v, n, every=1):
    """Histories (M, CONTEXT) and what comes after them (M, n), of one channel (N,)."""
    both = np.lib.stride_tricks.sliding_window_view(v, CONTEXT + n)[::every]
    return both[:, :CONTEXT], both[:, CONTEXT:]


def linear(old, new, n, given):
    """A ridge for each channel, of changes from the last row."""
    answers = []
    for v, w in zip(old.T, new.T):
        x, y = windows(v, n, 3)
        last, cut = x[:, -1:], len(x) * 4 // 5
        errors = {}
        for alpha in (1.0, 100.0, 10_000.0):
            ridge = Ridge(alpha).fit(
                (x - last)[: cut - (CONTEXT + n) // 3], (y - last)[: cut - (CONTEXT + n) // 3]
            )
            errors[alpha] = np.mean((ridge.predict((x - last)[cut:]) - (y - last)[cut:]) ** 2)
        ridge = Ridge(min(errors, key=errors.get)).fit(x - last, y - last)
        x = windows(w, n, EVERY)[0]
        answers.append(ridge.predict(x - x[:, -1:]) + x[:, -1:])
    return np.stack(answers)


def segments(old, new, n, given, alone=False):
    """Ours."""
    model = EncoderDecoderRegressor(
        horizon=n, context=CONTEXT, segment_length=W, hidden_layer_sizes=(given.H,), attention=None,
        skip_connections=False if alone else "auto", scale=None, batch_size=BATCH, max_iter=given.epochs, tol=0.0,
        early_stopping=not alone, solver=Adam(RATE, schedule="cosine"), alpha=0.0, dropout=given.dropout,
        random_state=0,
    )  # fmt: skip
    model.fit(None, old.T.ravel(), groups=np.repeat(given.channels, len(old)))
    origins = np.arange(CONTEXT, len(new) - n + 1, EVERY)
    return np.stack([model.trajectories(None, v, n, origins=origins, start="cold").forecast for v in new.T])


def autoregression(old, new, n, given):
    """Ours, linear: one autoregression for all channels, a direct forecast of each step, its penalty by evidence."""
    model = Forecaster(ARXRegressor(output_lags=CONTEXT, input_lags=()), n)
    model.fit(None, old.T.ravel(), groups=np.repeat(given.channels, len(old)))
    origins = np.arange(CONTEXT, len(new) - n + 1, EVERY)
    return np.stack([model.trajectories(None, v, n, origins=origins, start="cold").forecast for v in new.T])


class SegRNN(nn.Module):
    """As in [1]: one cell reads and writes; embeddings of places and of channels."""

    def __init__(self, H, n, channels, dropout):
        super().__init__()
        self.n, self.front = n, nn.Sequential(nn.Linear(W, H), nn.ReLU())
        self.cell = nn.GRU(H, H, batch_first=True)
        self.out = nn.Sequential(nn.Dropout(dropout), nn.Linear(H, W))
        self.places = nn.Parameter(torch.randn(n // W, H // 2))
        self.channels = nn.Parameter(torch.randn(channels, H // 2))

    def forward(self, x, channel):
        """Forecasts (B, n) of histories x (B, CONTEXT)."""
        B, m, last = len(x), self.n // W, x[:, -1:]
        _, h = self.cell(self.front((x - last).reshape(B, -1, W)))
        places = self.places.expand(B, -1, -1)
        seen = torch.cat([places, self.channels[channel][:, None].expand(-1, m, -1)], dim=2).reshape(
            B * m, 1, -1
        )
        _, s = self.cell(seen, h.repeat_interleave(m, dim=1))
        return self.out(s[0]).reshape(B, self.n) + last


def theirs(old, new, n, given):
    """The same in torch."""
    torch.manual_seed(0)
    pairs = [windows(v, n) for v in old.T]
    x, y = (torch.tensor(np.concatenate([p[k] for p in pairs]), dtype=torch.float32) for k in (0, 1))
    channel = torch.arange(len(pairs)).repeat_interleave(len(pairs[0][0]))
    net = SegRNN(given.H, n, len(pairs), given.dropout)
    solver = torch.optim.Adam(net.parameters(), RATE)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(solver, given.epochs)
    for _ in range(given.epochs):
        for which in torch.randperm(len(x)).split(BATCH):
            solver.zero_grad()
            nn.functional.mse_loss(net(x[which], channel[which]), y[which]).backward()
            solver.step()
        rates.step()
    net.eval()
    with torch.no_grad():
        answers = []
        for k, v in enumerate(new.T):
            x = torch.tensor(windows(v, n, EVERY)[0].copy(), dtype=torch.float32)
            answers.append(net(x, torch.full((len(x),), k)).numpy())
    return np.stack(answers)


MODELS = {
    "DLinear": linear,
    "torch SegRNN": theirs,
    "segments": segments,
    "the net alone": partial(segments, alone=True),
    "Forecaster(ARX)": autoregression,
}


def main():
    """Each horizon with each model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--horizons", type=int, nargs="*", default=[96, 192, 336, 720])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rows", type=int, default=8760)
    parser.add_argument("--H", type=int, default=64)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--file")
    parser.add_argument("--channels", nargs="*", default=CHANNELS)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--validate", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = given.rows * 2 // 3 if given.validate else given.rows
    old, new = load(rows, given.file, given.channels)
    rows = []
    for n in given.horizons:
        truth = np.stack([windows(v, n, EVERY)[1] for v in new.T])
        answers = {}
        for name in given.models:
            began = time.process_time()
            answers[name] = MODELS[name](old, new, n, given), time.process_time() - began
        errors = {name: np.mean((answer - truth) ** 2, axis=(1, 2)) for name, (answer, _) in answers.items()}
        best = min(
            (errors[name].mean() for name in ("DLinear", "torch SegRNN") if name in errors), default=np.nan
        )
        for name, (answer, spent) in answers.items():
            each, off = " ".join(f"{v:.3f}" for v in errors[name]), np.mean(np.abs(answer - truth))
            ratio = errors[name].mean() / best
            rows.append([n, name, errors[name].mean(), off, each, spent, f"{100 * (ratio - 1):+.1f} %"])
            print(*rows[-1], flush=True)
    of_each = f"MSE of {', '.join(given.channels)}"
    table("Far horizons", ["rows", "model", "MSE", "MAE", of_each, "CPU s", "over the better rival"], rows)


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)  # epochs are few on purpose
    main()
