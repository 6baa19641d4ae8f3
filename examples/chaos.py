"""Forecast chaos: the Lorenz system, from nothing but its past.

An echo state network sees the three coordinates of the Lorenz attractor, then goes on by itself: each step it
forecasts is its own next input. No forecast of chaos holds for ever: an error grows e-fold in a Lyapunov time, here
1.1 units of time. What counts is for how many Lyapunov times a forecast stays valid.

    python examples/chaos.py            # writes examples/chaos.png
    python examples/chaos.py --quick    # a smaller net and fewer starts

The forecast is judged from many starts after the rows of training, 2 units of time apart; what it has to beat are
analogues: the most similar moment of the training rows, and what followed it then.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from tsrnn import ESNRegressor
from tsrnn.datasets import make_lorenz


DT = 0.02  # units of time between rows
LYAPUNOV = 0.9056  # errors grow by e^(0.9056 t)
THRESHOLD = (
    0.4  # standard deviations, root mean square over the coordinates: a forecast further off is not valid
)
APART = 100  # rows between starts
STEPS = 1200  # rows of each forecast: 22 Lyapunov times
COLOURS = {"truth": "#b0b0b0", "ESN": "#e45756", "analogues": "#4c78a8"}

# Chosen on other trajectories (tests/benchmarks/esn_tasks.py); with the defaults the median is 10.
NET = {
    "spectral_radius": 0.58,
    "leak_rate": 0.47,
    "input_scaling": 0.39,
    "input_connectivity": 1.0,
    "bias_scaling": 0.92,
    "readout_squares": True,
}
FULL = {"train": 10_000, "units": 500, "starts": 100}
QUICK = {"train": 4000, "units": 150, "starts": 20}


def lorenz(n):
    """x, y and z at n moments."""
    stamps = pd.date_range("2000-01-01", periods=n, freq=pd.Timedelta(seconds=DT))
    return pd.DataFrame(make_lorenz(n, dt=DT), stamps, ["x", "y", "z"])


def valid_time(forecast, truth, sigma):
    """Lyapunov times until a forecast (T, 3) is further than THRESHOLD from the truth (T, 3)."""
    far = np.sqrt((((forecast - truth) / sigma) ** 2).mean(axis=1)) > THRESHOLD
    return (np.argmax(far) if far.any() else len(far)) * DT * LYAPUNOV


def analogue(past, now, sigma):
    """What followed the row of the past (N, 3) most similar to the row now (3,)."""
    candidates = past[:-STEPS]
    at = np.argmin((((candidates - now) / sigma) ** 2).sum(axis=1))
    return past[at + 1 : at + 1 + STEPS]


def forecasts(model, series, n_train, starts):
    """[(truth, {model: forecast})], frames (STEPS, 3), one for each start; the net follows the rows in between."""
    train = series[:n_train]
    sigma, found = train.std(), []
    for at in range(n_train, n_train + starts * APART, APART):
        truth = series[at : at + STEPS]
        similar = analogue(train.to_numpy(), series.iloc[at - 1].to_numpy(), sigma.to_numpy())
        similar = pd.DataFrame(similar, truth.index, truth.columns)
        found.append((truth, {"ESN": model.forecast(STEPS), "analogues": similar}))
        model.update(None, series[at : at + APART])
    return found


def report(times):
    """Print valid prediction times.   times : DataFrame (starts, models), in Lyapunov times."""
    print(
        f"\nValid prediction time in Lyapunov times, {len(times)} starts (threshold {THRESHOLD} standard deviations)"
    )
    print(f"{'':12s}{'median':>8s}{'mean':>8s}{'worst':>8s}{'10%':>8s}{'90%':>8s}{'best':>8s}")
    for name, t in times.items():
        numbers = (t.median(), t.mean(), t.min(), t.quantile(0.1), t.quantile(0.9), t.max())
        print(f"{name:12s}" + "".join(f"{v:8.1f}" for v in numbers))


def climate(free, truth):
    """Print what a long free run keeps of the attractor, when no forecast is valid any more."""
    print(f"\nA free run of {len(free)} rows and the true series as long, mean and standard deviation")
    for name in truth:
        words = [f"{f[name].mean():7.2f}{f[name].std():7.2f}" for f in (free, truth)]
        print(f"{name:12s}" + "   ".join(words))


def picture(out, first, times, free, truth):
    """Save a picture: the forecast from the first start, all valid prediction times, the attractor twice."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        warnings.warn("No picture: pip install matplotlib, or tsrnn[plot].", stacklevel=2)
        return
    style = {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "legend.frameon": False,
    }
    true, lines = first
    ahead = np.arange(1, STEPS + 1) * DT * LYAPUNOV
    with plt.rc_context(style):
        fig = plt.figure(figsize=(13, 6.8), layout="constrained")
        title = "Lorenz system: an echo state network on its own"
        fig.suptitle(title, x=0.008, ha="left", fontsize=13, fontweight="bold")
        left, right = fig.add_gridspec(1, 2, width_ratios=[1.1, 1])
        left, right = left.subgridspec(3, 1), right.subgridspec(2, 2)
        valid = times.iloc[0]
        shown = {"analogues": ahead <= valid["analogues"] + 1, "ESN": ahead > 0}  # enough to see it part
        ax = None
        for row, name in enumerate(true):
            ax = fig.add_subplot(left[row], sharex=ax)
            ax.plot(ahead, true[name], color=COLOURS["truth"], linewidth=3, label="truth")
            for model, here in shown.items():
                ax.plot(
                    ahead[here], lines[model][name][here], color=COLOURS[model], linewidth=1.2, label=model
                )
            ax.axvline(valid["ESN"], color="black", linewidth=1, linestyle=":")
            ax.set_ylabel(name, rotation=0)
            ax.margins(x=0)
            ax.tick_params(labelbottom=row == 2)
            if row == 0:
                ax.set_title(
                    f"From the first start: valid for {valid['ESN']:.1f} Lyapunov times (dotted line)"
                )
                fig.legend(*ax.get_legend_handles_labels(), loc="outside upper right", ncols=3)
        ax.set_xlabel("Lyapunov times ahead")
        ax.xaxis.set_major_locator(plt.MultipleLocator(2))
        attractors = {
            "The true attractor": (truth, "#707070"),
            "The net's, a free run": (free, COLOURS["ESN"]),
        }
        for column, (title, (series, colour)) in enumerate(attractors.items()):
            ax = fig.add_subplot(right[0, column])
            ax.plot(series["x"], series["z"], color=colour, linewidth=0.3)
            ax.set(title=title, xlabel="x", ylabel="z", xlim=(-22, 22), ylim=(0, 52))
        ax = fig.add_subplot(right[1, :])
        top = np.ceil(times.to_numpy().max()) + 1
        for name in ("analogues", "ESN"):
            ax.hist(times[name], np.arange(0, top, 0.5), color=COLOURS[name], alpha=0.75)
            ax.axvline(times[name].median(), color=COLOURS[name], linewidth=1.5)
        ax.set_title(f"Valid prediction times from {len(times)} starts; lines: medians")
        ax.set(xlabel="Lyapunov times", ylabel="starts")
        ax.xaxis.set_major_locator(plt.MultipleLocator(2))
        ax.yaxis.set_major_locator(plt.MaxNLocator(integer=True))
        fig.savefig(out, dpi=130)
        plt.close(fig)
    print(f"\nPicture: {out}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()

    settings = QUICK if args.quick else FULL
    n_train = settings["train"]
    series = lorenz(n_train + settings["starts"] * APART + STEPS)
    model = ESNRegressor(settings["units"], output_lags=1, random_state=0, **NET)
    begin = time.perf_counter()
    model.fit(None, series[:n_train])
    print(f"{n_train} rows, {settings['units']} units, fitted in {time.perf_counter() - begin:.2f} s.")

    free = model.forecast(10_000)
    found = forecasts(model, series, n_train, settings["starts"])
    sigma = series[:n_train].std()
    times = pd.DataFrame(
        [{name: valid_time(f, truth, sigma) for name, f in by.items()} for truth, by in found]
    )
    report(times)
    truth = lorenz(n_train + len(free))[n_train:]
    climate(free, truth)
    picture(args.out, found[0], times, free, truth)


if __name__ == "__main__":
    main()
