"""Figure 4: time to equal validation error, against the usual recipe.

A driven system (``tank``): a heated tank, one step a minute, with four measured inputs (heater, flow, inlet
and outdoor temperature), nonlinear losses, a slow wall beside the water, a dead time of 3 steps in the sensor and
noise on it. 20,000 steps to train on, 4,000 after them to validate. One layer of 32 LSTM units.

- The usual recipe, in torch: standardised data, one window of the last 64 rows for each target (many-to-one: the
  readout sees the last state), mini-batches of 32 windows in random order, Adam(1e-3), 20 epochs. Validation
  by windows too. Only its training is timed.
- torch, many-to-many, for fairness: the same net and Adam on 32 streams side by side, cut every 64 steps with the
  state carried over the cut, a target at each step, 300 epochs; the best of three learning rates.
- tsrnn: ``LSTMRegressor((32,))`` with the arguments of SETTINGS, chosen on draws of other seeds. Its learning rate
  falls to 0 at ``max_iter``, so each number of epochs of LADDER is a fit of its own; the first that reaches the
  error on the validation rows (by ``predict``) counts. The whole of ``fit`` is timed, scaling and the memory at the
  end included.

Errors are RMSE / std on the validation rows. The figure: CPU seconds of torch to an error / those of tsrnn, for the
error of the recipe after 1, 3, 10 epochs and the best of its 20, medians of the seeds (weights and data).
Target: at least 20 times faster.

    python tests/benchmarks/time_to_error.py [--seeds 3]
"""

import argparse
import time

import numpy as np
from common import clocked, nrmse, table, torch

from tsrnn import Adam, LSTMRegressor


N, HELD, WINDOW, HIDDEN, BATCH, EPOCHS = 20_000, 4_000, 64, 32, 32, 20
LEVELS = (1, 3, 10, EPOCHS)
LADDER = (5, 10, 15, 20, 30, 40, 60, 80, 120, 160)  # epochs
SETTINGS = {  # beside the defaults
    "sequence_length": 32,
    "batch_size": 16,
    "solver": Adam(0.02, schedule="cosine"),
    "early_stopping": False,
}


def tank(n, seed):
    """Inputs X (n, 4) and the temperature y (n,) that the sensor shows."""
    rng = np.random.default_rng(seed)

    def switching(low, high, mean_steps):
        """A level drawn anew after a random number of steps."""
        change = rng.random(n) < 1 / mean_steps
        return rng.uniform(low, high, n)[np.maximum.accumulate(np.where(change, np.arange(n), 0))]

    def wandering(mean, std, steps):
        """First-order noise with this memory."""
        keep, value, out = np.exp(-1 / steps), 0.0, np.empty(n)
        for t, kick in enumerate(rng.normal(size=n) * np.sqrt(1 - keep**2)):
            out[t] = value = keep * value + kick
        return mean + std * out

    heat = switching(0, 1, 10)  # share of full power
    flow = switching(0.2, 1, 15)  # share of full flow
    inlet, outdoor = wandering(12, 3, 15), wandering(10, 6, 60)
    water, wall, shown = 40.0, 35.0, np.empty(n)
    for t in range(n):
        radiated = 3e-9 * ((water + 273) ** 4 - (outdoor[t] + 273) ** 4)
        water += 6 * heat[t] - 0.12 * flow[t] * (water - inlet[t]) - 0.05 * (water - wall) - 0.05 * radiated
        wall += 0.06 * (water - wall) - 0.02 * (wall - outdoor[t])
        shown[t] = water
    delay = np.maximum(np.arange(n) - 3, 0)
    return np.stack([heat, flow, inlet, outdoor], axis=1), shown[delay] + 0.2 * rng.normal(size=n)


# ------------------------------------------------------------------------------------ torch


def torch_net(seed):
    """The net and its parameters."""
    torch.manual_seed(seed)
    lstm, readout = torch.nn.LSTM(4, HIDDEN), torch.nn.Linear(HIDDEN, 1)
    return lstm, readout, [*lstm.parameters(), *readout.parameters()]


def scaled(X, y):
    """Standardised by the training rows, float32 tensors."""
    X, y = (X - X[:N].mean(axis=0)) / X[:N].std(axis=0), (y - y[:N].mean()) / y[:N].std()
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def descend(optimiser, loss):
    """One step."""
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def sliding_windows(X, y, seed):
    """The usual recipe: [(CPU seconds of training so far, validation error)] epoch by epoch."""
    X, y = scaled(X, y)
    lstm, readout, parameters = torch_net(seed)
    optimiser = torch.optim.Adam(parameters, lr=1e-3)
    rng, ends = np.random.default_rng(seed), np.arange(WINDOW - 1, N)
    back = np.arange(1 - WINDOW, 1)[:, None]
    held, seconds, seen = np.arange(N, N + HELD), 0.0, []
    for _ in range(EPOCHS):
        start = time.process_time()
        for at in np.split(rng.permutation(ends), range(BATCH, len(ends), BATCH)):
            out = readout(lstm(X[at + back])[0][-1])[:, 0]
            descend(optimiser, ((out - y[at]) ** 2).mean())
        seconds += time.process_time() - start
        with torch.no_grad():
            out = readout(lstm(X[held + back])[0][-1])[:, 0]
        seen.append((seconds, nrmse(out.numpy(), y[held].numpy())))
    return seen


def many_to_many(X, y, seed, rate, epochs=300):
    """The same net with a target at each step: 32 streams side by side, cut every 64 steps, the state carried on."""
    X, y = scaled(X, y)
    lstm, readout, parameters = torch_net(seed)
    optimiser = torch.optim.Adam(parameters, lr=rate)
    streams = torch.arange(N).reshape(BATCH, -1).T  # (625, 32)
    seconds, seen = 0.0, []
    for _ in range(epochs):
        start, state = time.process_time(), None
        for at in torch.split(streams, WINDOW):
            out, state = lstm(X[at], state)
            descend(optimiser, ((readout(out)[..., 0] - y[at]) ** 2).mean())
            state = tuple(s.detach() for s in state)
        seconds += time.process_time() - start
        with torch.no_grad():
            out = readout(lstm(X[N - 1000 :, None])[0])[1000:, 0, 0]  # after a run-up of 1000 rows
        seen.append((seconds, nrmse(out.numpy(), y[N:].numpy())))
    return seen


def first_below(seen, error):
    """Seconds to an error; nan where it was not reached."""
    return next((seconds for seconds, e in seen if e <= error), np.nan)


# ------------------------------------------------------------------------------------ tsrnn


def ours(X, y, seed, errors):
    """For each error: CPU seconds of the first fit of the ladder that reaches it, the error it has, its epochs."""

    def fit(epochs):
        return LSTMRegressor((HIDDEN,), random_state=seed, max_iter=epochs, **SETTINGS).fit(X[:N], y[:N])

    fits = []
    for epochs in LADDER:
        seconds, model = min((clocked(lambda: fit(epochs)) for _ in range(2)), key=lambda pair: pair[0])  # noqa: B023
        fits.append((seconds, nrmse(model.predict(X[N:]), y[N:]), epochs))
        if fits[-1][1] <= min(errors):
            break
    missed = np.nan, min(e for _, e, _ in fits), LADDER[-1]
    return [next((found for found in fits if found[1] <= error), missed) for error in errors]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    LSTMRegressor((HIDDEN,), max_iter=1).fit(*tank(200, 0))  # compiles
    rows = {level: [] for level in LEVELS}
    for seed in seeds:
        X, y = tank(N + HELD, seed)
        usual = sliding_windows(X, y, seed)
        errors = [min(e for _, e in usual[:level]) for level in LEVELS]
        fair = [many_to_many(X, y, seed, rate) for rate in (1e-3, 3e-3, 1e-2)]
        for level, error, (seconds, reached, epochs) in zip(LEVELS, errors, ours(X, y, seed, errors)):
            theirs, best = (
                first_below(usual, error),
                np.nanmin([*(first_below(f, error) for f in fair), np.inf]),
            )
            rows[level].append(
                [error, theirs, best, seconds, reached, epochs, theirs / seconds, best / seconds]
            )
    columns = ["error of the recipe after", "is", "recipe s", "torch many-to-many s", "tsrnn s", "its error"]
    columns += ["epochs", "times faster than the recipe", "than many-to-many", ">= 20"]
    lines = []
    for level in LEVELS:
        line = [float(v) for v in np.median(rows[level], axis=0)]
        name = f"{level} epochs" if level < EPOCHS else f"{EPOCHS} epochs, its best"
        lines.append([name, *line, "yes" if line[6] >= 20 else "NO"])
    table(f"CPU seconds to equal validation error, medians of {len(seeds)} seeds", columns, lines)


if __name__ == "__main__":
    main()
