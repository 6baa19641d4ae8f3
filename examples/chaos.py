"""Forecast chaos: the Lorenz system, from nothing but its past.

An echo state network sees the three coordinates of the Lorenz attractor, then goes on by itself: each step it
forecasts is its own next input. No forecast of chaos holds for ever: an error grows e-fold in a Lyapunov time, here
1.1 units of time. What counts is for how many Lyapunov times a forecast stays valid. It has to beat analogues: the
most similar moment of the training rows, and what followed it then.

    python examples/chaos.py            # writes examples/chaos.png
    python examples/chaos.py --quick    # a smaller net and fewer starts
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from tsrnn import AnalogueRegressor, ESNRegressor
from tsrnn.datasets import make_lorenz
from tsrnn.model_selection import backtest
from tsrnn.plotting import STYLE


DT, LYAPUNOV = 0.02, 0.9056  # units of time between rows; errors grow by e^(0.9056 t)
THRESHOLD = 0.4  # standard deviations: a forecast further off is not valid
STEPS = 1200  # rows of each forecast: 22 Lyapunov times
APART = 100  # rows between starts


def models(quick):
    """The net's settings were chosen on other trajectories; with the defaults its median is 10."""
    net = ESNRegressor(
        150 if quick else 500, output_lags=1, readout_squares=True, spectral_radius=0.58, leak_rate=0.47,
        input_scaling=0.39, input_connectivity=1.0, bias_scaling=0.92, random_state=0,
    )  # fmt: skip
    return {"analogues": AnalogueRegressor(1, output_lags=1), "ESN": net}


def valid_times(forecasts, sigma):
    """Lyapunov times until each forecast is further than THRESHOLD from the truth: a Series by start."""
    error = (forecasts["forecast"] - forecasts["y"]) / forecasts["output"].map(sigma)
    far = (error**2).groupby([forecasts["origin"], forecasts["step"]]).mean() > THRESHOLD**2
    far = far.unstack("step").assign(never=True)
    return far.to_numpy().argmax(axis=1) * DT * LYAPUNOV


def picture(out, forecasts, times, truth, free):
    """Save a picture: the forecasts from the first start, all valid times, the attractor twice."""
    plt.style.use(STYLE)
    fig, axes = plt.subplot_mosaic(
        [["x", "true", "net"], ["y", "true", "net"], ["z", "times", "times"]],
        figsize=(13, 6.5), width_ratios=(2.4, 1, 1), layout="constrained",
    )  # fmt: skip
    first = {name: table[table["origin"] == table["origin"].min()] for name, table in forecasts.items()}
    for name in "xyz":
        lines = {model: table[table["output"] == name] for model, table in first.items()}
        ahead = lines["ESN"]["step"] * DT * LYAPUNOV
        axes[name].plot(ahead, lines["ESN"]["y"], color="0.7", linewidth=3, label="truth")
        axes[name].plot(ahead, lines["ESN"]["forecast"], color="C1", linewidth=1.2, label="ESN")
        axes[name].plot(ahead[:200], lines["analogues"]["forecast"][:200], color="C0", label="analogues")
        axes[name].axvline(times["ESN"][0], color="black", linestyle=":")
        axes[name].set(ylabel=name, xlim=(0, ahead.max()))
    axes["x"].set_title(f"From the first start: valid for {times['ESN'][0]:.1f} Lyapunov times (dotted)")
    fig.legend(*axes["x"].get_legend_handles_labels(), loc="outside lower left", ncols=3)
    axes["z"].set_xlabel("Lyapunov times ahead")
    axes["true"].plot(truth["x"], truth["z"], color="0.5", linewidth=0.3)
    axes["net"].plot(free["x"], free["z"], color="C1", linewidth=0.3)
    axes["true"].set(title="The true attractor", xlabel="x", ylabel="z")
    axes["net"].set(title="The net's, a free run", xlabel="x", xlim=axes["true"].get_xlim())
    axes["times"].hist(times, bins=np.arange(0, times.to_numpy().max() + 1, 0.5), label=list(times))
    axes["times"].set(title=f"Valid for, {len(times)} starts", xlabel="Lyapunov times", ylabel="starts")
    axes["times"].legend()
    fig.savefig(out, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()
    n, starts = (4000, 20) if args.quick else (10_000, 100)
    rows = n + STEPS + (starts - 1) * APART
    series = pd.DataFrame(make_lorenz(rows, dt=DT), columns=["x", "y", "z"])
    train, later = series[:n], series[n:]
    fitted = {name: model.fit(None, train) for name, model in models(args.quick).items()}
    forecasts = {name: backtest(m, None, later, STEPS, APART).forecasts for name, m in fitted.items()}
    times = pd.DataFrame({name: valid_times(table, train.std()) for name, table in forecasts.items()})
    print("Valid prediction time in Lyapunov times, by the start:\n", times.describe().round(1).to_string())
    free = fitted["ESN"].forecast(10_000)
    climate = pd.concat({"ESN": free, "truth": series}).groupby(level=0).agg(["mean", "std"]).round(1)
    print("\nA free run of 10,000 rows, when no forecast is valid any more:\n", climate.to_string())
    picture(args.out, forecasts, times, series, free)


if __name__ == "__main__":
    main()
