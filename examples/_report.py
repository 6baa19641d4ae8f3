"""What the examples print and draw: errors by model and horizon, forecasts against the truth."""

import warnings

import numpy as np
import pandas as pd


COLOURS = {
    "persistence": "#9a9a9a",
    "same hour yesterday": "#c9b458",
    "linear ARX": "#4c78a8",
    "TDNN": "#54a24b",
    "NARX": "#e45756",
}


def scores(y, by_horizon):
    """Errors of forecasts.

    y : Series (N,), measured, NaN where it was not.   by_horizon : {h: {model: forecast (N,)}}.

    Returns {title: DataFrame (models, horizons)} with RMSE, MAE and skill against "persistence".
    """
    errors = {
        (model, h): np.asarray(forecast) - y.to_numpy()
        for h, by_model in by_horizon.items()
        for model, forecast in by_model.items()
    }
    rmse = pd.Series({key: np.sqrt(np.nanmean(e**2)) for key, e in errors.items()}).unstack(sort=False)
    mae = pd.Series({key: np.nanmean(np.abs(e)) for key, e in errors.items()}).unstack(sort=False)
    return {"RMSE": rmse, "MAE": mae, "skill": 1 - rmse / rmse.loc["persistence"]}


def print_tables(tables, unit):
    """The three tables, one below the other."""
    titles = {
        "RMSE": f"RMSE, {unit}",
        "MAE": f"MAE, {unit}",
        "skill": "Skill: 1 - RMSE / RMSE of persistence",
    }
    for name, table in tables.items():
        digits = "{:8.3f}" if name == "skill" else "{:8.1f}"
        print(f"\n{titles[name]}")
        print(f"{'':22s}" + "".join(f"{f'{h} h':>8s}" for h in table.columns))
        for model, row in table.iterrows():
            print(f"{model:22s}" + "".join(digits.format(value) for value in row))


def picture(out, truth, shown, tables, unit, title):
    """Save a picture: some days of the test, and beside them the error by horizon.

    truth : Series, measured.   shown : {h: {model: Series}}, one panel a horizon.   tables : of ``scores``.
    """
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch
    except ImportError:
        warnings.warn("No picture: pip install matplotlib, or tsrnn[plot].", stacklevel=2)
        return
    style = {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e6e6e6",
        "grid.linewidth": 0.7,
        "axes.axisbelow": True,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "legend.frameon": False,
    }
    with plt.rc_context(style):
        fig = plt.figure(figsize=(13, 6.2), layout="constrained")
        fig.suptitle(title, x=0.008, y=0.985, ha="left", va="top", fontsize=13, fontweight="bold")
        spec = fig.add_gridspec(len(shown), 2, width_ratios=[2.6, 1])
        first = None
        for row, (h, lines) in enumerate(shown.items()):
            ax = first = fig.add_subplot(spec[row, 0], sharex=first, sharey=first)
            ax.fill_between(truth.index, truth, color="#dedede", linewidth=0)
            for model, line in lines.items():
                ax.plot(line.index, line, color=COLOURS[model], linewidth=1.5)
            ax.set_title(f"Forecast made {h} hour{'s' * (h > 1)} before")
            ax.set_ylabel(unit)
            ax.set_ylim(0, None)
            ax.margins(x=0)
            ax.xaxis.set_major_locator(matplotlib.dates.DayLocator(interval=2, tz=truth.index.tz))
            ax.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%d %b %Y", tz=truth.index.tz))
            ax.tick_params(labelbottom=row == len(shown) - 1)
        right = spec[:, 1].subgridspec(2, 1)
        for k, (name, label) in enumerate(
            [("RMSE", f"RMSE, {unit}"), ("skill", "Skill against persistence")]
        ):
            ax = fig.add_subplot(right[k])
            for model, row in tables[name].iterrows():
                if name == "skill" and model in ("persistence", "same hour yesterday"):
                    continue
                ax.plot(range(len(row)), row, "o-", ms=4, color=COLOURS[model], linewidth=1.5)
            ax.set_xticks(range(len(row)), row.index)
            ax.set_title(f"{label}, whole test")
            ax.set_ylim(0, None)
        ax.set_xlabel("hours ahead")
        handles = [Patch(color="#dedede", label="measured")]
        handles += [Line2D([], [], color=COLOURS[m], marker="o", ms=4, label=m) for m in tables["RMSE"].index]
        fig.legend(handles=handles, loc="outside upper right", ncols=len(handles))
        fig.savefig(out, dpi=130)
        plt.close(fig)
    print(f"\nPicture: {out}")
