"""One style for all pictures: no frames, one palette, dates as dates, integers as integers, units beside names."""

import re
import textwrap

import numpy as np
import pandas as pd


COLOURS = [
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
]  # Okabe, Ito: safe for the colour-blind
STYLE = {  # of matplotlib: ``plt.style.use(tsrnn.plotting.STYLE)``
    "axes.prop_cycle": f"cycler('color', {COLOURS})",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "0.6",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "legend.frameon": False,
    "xtick.color": "0.6",
    "ytick.color": "0.6",
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
}
GREYS = ["0.3", "0.5", "0.65"]  # of baselines
MEASURED = "black"
MARKERS = "osD^vP"
MANY = 25  # points of a line, beyond which markers touch
MAX_POINTS = 2000  # more would overlap: their density is drawn
AMOUNTS = "Blues"  # of a map: nothing is white
SHADES = "viridis"  # of lines that are a row of steps
BOTH_WAYS = "RdBu_r"  # of what may be positive or negative
WIDE, LONG = 36, 26  # characters in a line of an axis' label, and in one of a legend
UNIT = re.compile(r"[\[(]([^\[\]()]+)[\])]\s*$")


def pyplot():
    """Import pyplot; raise with the cure if matplotlib is missing."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("Pictures need matplotlib: pip install tsrnn[plot].") from None
    return plt


def axes(ax, **options):
    """Return ax, or the axes of a new figure if it is None."""
    return pyplot().subplots(layout="constrained", **options)[1] if ax is None else ax


def tidy(ax, where=None, grid=True):
    """Draw a light grid, no frame, and short dates if the x axis has dates."""
    ax.grid(grid, alpha=0.3) if grid else ax.grid(False)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("0.6")
    ax.tick_params(color="0.6")
    if isinstance(where, pd.DatetimeIndex):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(tz=where.tz, minticks=3, maxticks=8)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=where.tz))


def bare(ax):
    """Draw neither frame nor grid around a map."""
    tidy(ax, grid=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def whole_numbers(axis, *data):
    """Put ticks at whole numbers, where all data are whole."""
    if all(np.asarray(values).dtype.kind in "iub" for values in data):
        from matplotlib.ticker import MaxNLocator

        axis.set_major_locator(MaxNLocator(integer=True))


def step_ticks(ax, steps):
    """Put ticks at steps: each of a few, else a round distance apart, in hours where the last is a multiple of 12."""
    steps = np.asarray(steps)
    span = steps[-1] - steps[0]
    if len(steps) <= 12 and (len(steps) < 2 or np.diff(steps).min() >= span / 30):
        ax.set_xticks(steps)
        return
    apart = (2, 3, 4, 6, 12, 24, 48, 96, 168) if steps[-1] % 12 == 0 else (2, 5, 10, 20, 25, 50, 100, 200)
    apart = next((k for k in apart if span / k <= 9), int(np.ceil(span / 8)))
    ticks = np.arange(apart, steps[-1] + 1, apart)
    ax.set_xticks(np.r_[steps[0], ticks[ticks - steps[0] >= apart / 2]])


def legend_beside(ax):
    """Draw the legend beside the axes, where it hides no data."""
    lines, names = ax.get_legend_handles_labels()
    if names:
        names = [textwrap.fill(str(name), LONG) for name in names]
        ax.legend(lines, names, frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def legend_within(ax, **options):
    """Draw a legend without a frame inside the axes, if anything has a name."""
    if ax.get_legend_handles_labels()[1]:
        ax.legend(frameon=False, **options)


def title(ax, text):
    """Write a small title on the left, in lines that fit, if there is one."""
    if text:
        ax.set_title(textwrap.fill(str(text), 2 * WIDE), loc="left", fontsize="medium")


def with_unit(name, unit):
    """Label an axis by a name, in lines that fit, with its unit unless the name has it."""
    name = str(name)
    return textwrap.fill(name if unit is None or unit_of(name) else f"{name}, {unit}", WIDE)


def unit_of(name):
    """Return the unit at the end of a name such as "power [kW]" or "power (kW)", or None."""
    match = UNIT.search(str(name)) if isinstance(name, str) else None
    return match.group(1) if match else None


def shortened(name, n=30):
    """Shorten a name to at most n characters, by its middle."""
    name = str(name)
    return name if len(name) <= n else f"{name[: n // 2 - 1]} … {name[-(n // 2 - 2) :]}"


def told_apart(names, n=20):
    """Shorten names to at most n characters so that they differ where the whole ones do, if they can."""
    names = [str(name) if str(name).strip() else repr(name) for name in names]  # a space is seen as ' '
    short = [shortened(name, n) for name in names]
    if len(set(short)) == len(set(names)):
        return short
    before = _shared(names)
    after = _shared([name[before:][::-1] for name in names])
    return [shortened(name[before : len(name) - after], n) for name in names]


def _shared(names):
    """Count the letters with which all names begin."""
    return next((k for k, letters in enumerate(zip(*names)) if len(set(letters)) > 1), min(map(len, names)))


def dates(index):
    """Turn periods into stamps, which matplotlib can draw."""
    return index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index


def thin(n, usual=1.8):
    """Return the width of a line through n points."""
    return usual if n <= 500 else max(0.6, usual * (500 / n) ** 0.3)
