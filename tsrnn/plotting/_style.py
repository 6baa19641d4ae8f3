"""One style for all pictures: no frames, one palette, dates as dates, integers as integers, units beside names."""

import re
import textwrap

import numpy as np
import pandas as pd

from .._estimators.through import inside


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
DASHES = ["-", "--", ":", "-."]  # of lines, when the colours have gone round
HATCHES = [None, "///", "...", "xx"]  # of areas
MANY = 25  # points of a line, beyond which markers touch
MAX_POINTS = 2000  # more would overlap: their density is drawn
AMOUNTS = "Blues"  # of a map: nothing is white
SHADES = "viridis"  # of lines that are a row of steps
BOTH_WAYS = "RdBu_r"  # of what may be positive or negative
WIDE, LONG = 36, 26  # characters in a line of an axis' label, and in one of a legend
LETTER, LINE = 5.6, 14.0  # about how wide a letter is, and how high a line of text, in points
ELAPSED = "elapsed, h:min:s"
ROUND = [1, 2, 5, 10]  # what ticks are apart, times a power of ten
UNIT = re.compile(r"[\[(]([^\[\]()]+)[\])]\s*$")


def pyplot():
    """Import pyplot; raise with the cure if matplotlib is missing."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("Pictures need matplotlib: pip install tsrnn[plot].") from None
    return plt


class Display:
    """Base of displays, which have data in their constructors, and say how large a figure is and what is drawn."""

    _size = None  # inches

    def plot(self, ax=None, **options):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, or a sequence of as many as ``ax_`` has, optional
            A new figure's by default.
        **options
            For the method of matplotlib that draws what an attribute names: ``ax.plot`` for lines, ``ax.pcolormesh``
            for a QuadMesh, ``ax.imshow`` for an AxesImage, ``ax.scatter`` for points.

        Returns
        -------
        self : the display
        """
        if ax is None:
            ax = pyplot().subplots(layout="constrained", **self._figure())[1]
        ax = np.ravel(ax)
        self._draw(*ax, **options)
        self.ax_, self.figure_ = ax if len(ax) > 1 else ax[0], ax[0].figure
        return self

    def _figure(self):
        """Return the arguments of ``plt.subplots`` for a new figure."""
        return {"figsize": self._size}


def tidy(ax, where=None, grid=True):
    """Draw a light grid, no frame, and short dates if the x axis has dates."""
    ax.grid(grid, alpha=0.3) if grid else ax.grid(False)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("0.6")
    ax.tick_params(color="0.6")
    if where is not None and where.name == ELAPSED:
        _elapsed_ticks(ax.xaxis)
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

        axis.set_major_locator(MaxNLocator(integer=True, steps=ROUND, min_n_ticks=1))


def _elapsed_ticks(axis):
    """Write seconds as hours, minutes and seconds, a round distance apart."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    low, high = axis.get_view_interval()
    small = [k * unit for unit in (1, 60) for k in (1, 2, 5, 10, 15, 30)]
    hours = [k * 3600 for k in (1, 2, 3, 6, 12)]
    apart = next((k for k in small + hours if high - low <= 8 * k), None)
    axis.set_major_locator(
        MultipleLocator(apart) if apart and high - low > 3 else MaxNLocator(8, steps=ROUND)
    )
    axis.set_major_formatter(FuncFormatter(lambda s, _: _clock(s)))


def _clock(seconds):
    """Write seconds as h:min:s, with a sign and a fraction where they have one."""
    minutes, rest = divmod(abs(round(seconds, 6)), 60)
    sign, rest = "-" if seconds < 0 else "", f"{rest:09.6f}".rstrip("0").rstrip(".")
    return f"{sign}{minutes // 60:.0f}:{minutes % 60:02.0f}:{rest or '00':0>2s}"


def named_ticks(axis, places, names):
    """Put names at places, upright where they are too long for an x axis, and only as many as there is room for."""
    names = [str(name) for name in names]
    across = axis.axis_name == "x"
    length = 72 * _inches(axis.axes)[0 if across else 1]  # points
    room, longest = length / max(1, len(names)), max(map(len, names), default=0)
    upright = across and longest > 3 and longest * LETTER > room
    every = int(np.ceil((longest * LETTER if across and not upright else LINE) / room)) or 1
    axis.set_ticks(places[::every], names[::every], **({"rotation": 90} if upright else {}))


def _inches(ax):
    """Return about how wide and high axes are: what they take before a legend or a bar stands beside them."""
    return ax.get_position().size * ax.figure.get_size_inches()


def draw(ax, where, values, **style):
    """Draw a line, with a dot where a value has no neighbour to join."""
    known = np.pad(np.isfinite(np.asarray(values, float)), 1)
    alone = np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])
    dots = {"marker": "o", "markersize": 5 if len(values) < MANY else 2, "markevery": alone.tolist()}
    return ax.plot(where, values, **{**(dots if len(alone) else {}), **style})[0]


def line_style(k):
    """Return the colour and the dashes of the k-th of several lines."""
    return {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k // len(COLOURS) % len(DASHES)]}


def cells(ax, columns, rows, values, **options):
    """Draw a map of values (n_rows, n_columns), NaN white, whose cells are at whole numbers."""
    edges = (np.r_[at, at[-1] + 1] - 0.5 for at in (columns, rows))
    style = {"edgecolor": "white", "linewidth": 0.5, **options}
    return ax.pcolormesh(*edges, np.ma.masked_invalid(values), **style)


def of_two_signs(values):
    """Return the colours of values that may be positive or negative, the same for both."""
    largest = np.nanmax(np.abs(values), initial=0.0) or 1.0
    return {"cmap": BOTH_WAYS, "vmin": -largest, "vmax": largest}


def colour_bar(ax, image, label, **options):
    """Draw what the colours of a map mean beside it, without a frame, in lines that fit."""
    height = _inches(ax)[1]
    label = textwrap.fill(label, max(12, int(72 * height / LETTER)))
    bar = ax.figure.colorbar(
        image, ax=ax, label=label, aspect=max(8, min(40, 8 * height)), pad=0.02, **options
    )
    bar.outline.set_visible(False)


def by_name(estimators):
    """Return estimators by name, a single one by that of its class."""
    return estimators if isinstance(estimators, dict) else {name_of(estimators): estimators}


def name_of(estimator):
    """Name the class of the estimator inside pipelines and fitted searches."""
    return type(inside(estimator)[0]).__name__


def title_of(name, step):
    """Name a model and how many steps ahead, as far as these are known."""
    ahead = step and f"{step} step{'s' * (step > 1)} ahead"
    return ", ".join(filter(None, (name, ahead)))


def step_ticks(axis, steps):
    """Put ticks at steps: each of a few, else a round distance apart, in hours where the last is a multiple of 12."""
    steps = np.asarray(steps)
    span = steps[-1] - steps[0]
    if len(steps) <= 12 and (len(steps) < 2 or np.diff(steps).min() >= span / 30):
        axis.set_ticks(steps)
        return
    apart = (2, 3, 4, 6, 12, 24, 48, 96, 168) if steps[-1] % 12 == 0 else (2, 5, 10, 20, 25, 50, 100, 200)
    tens = 10 ** int(np.log10(max(1, span / 9)))
    apart = next(k for k in (*apart, *(tens * k for k in ROUND)) if span / k <= 9)
    ticks = np.arange(apart, steps[-1] + 1, apart)
    axis.set_ticks(np.r_[steps[0], ticks[ticks - steps[0] >= apart / 2]])


def legend_beside(ax):
    """Draw the legend beside the axes, where it hides no data; many names in one short, small line each."""
    lines, names = ax.get_legend_handles_labels()
    if names:
        room = 72 * _inches(ax)[1] / LINE
        whole = [textwrap.fill(str(name), LONG) for name in names]
        many = sum(1 + name.count("\n") for name in whole) > room
        names = told_apart(names, LONG) if many else whole
        small = {"fontsize": "small", "labelspacing": 0.25} if many else {}
        small |= {"ncols": int(np.ceil(len(names) / (1.3 * room)))} if many else {}
        place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
        ax.legend(lines, names, frameon=False, **place, **small)


def legend_within(ax, **options):
    """Draw a legend without a frame inside the axes, if anything has a name."""
    if ax.get_legend_handles_labels()[1]:
        ax.legend(frameon=False, **options)


def title(ax, text):
    """Write a small title on the left, in lines that fit, if there is one."""
    if text:
        width = max(WIDE, int(55 * _inches(ax)[0] / LETTER))
        lines = [textwrap.fill(line, width) for line in str(text).splitlines()]
        ax.set_title("\n".join(lines), loc="left", fontsize="medium")


def with_unit(name, unit):
    """Label an axis by a name, in lines that fit, with its unit unless the name has it or is it."""
    name = str(name)
    return textwrap.fill(name if unit in (None, name) or unit_of(name) else f"{name}, {unit}", WIDE)


def unit_of(name):
    """Return the unit at the end of a name such as "power [kW]" or "power (kW)", or None."""
    match = UNIT.search(str(name)) if isinstance(name, str) else None
    return match.group(1) if match else None


def shortened(name, n=30):
    """Shorten a name to at most n characters, by its middle."""
    name = str(name)
    return name if len(name) <= n else f"{name[: n // 2 - 1]} … {name[-(n // 2 - 2) :]}"


def told_apart(names, n=20):
    """Shorten names to about n characters so that they differ where the whole ones do."""
    names = [str(name) if str(name).strip() else repr(name) for name in names]  # a space is seen as ' '
    before = _shared(names)
    after = _shared([name[before:][::-1] for name in names])
    bare = [name[before : len(name) - after] for name in names]
    tries = [(names, n), *((bare, n * k) for k in (1, 1.5, 2, 3))]
    short = [[shortened(name, int(m)) for name in words] for words, m in tries]
    return next((words for words in short if len(set(words)) == len(set(names))), names)


def _shared(names):
    """Count the letters of the words with which all names begin."""
    differ = (k for k, letters in enumerate(zip(*names)) if len(set(letters)) > 1)
    n = next(differ, min(map(len, names), default=0))
    return n - len(re.search(r"\w*$", names[0][:n]).group()) if names else 0


def dates(index):
    """Turn periods into stamps and durations into seconds, which matplotlib can draw."""
    if isinstance(index, pd.TimedeltaIndex):
        return pd.Index(index.total_seconds(), name=ELAPSED)
    return index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index


def measured(n):
    """Return how n measured values are drawn: thin and black, so that the broad lines of forecasts show below."""
    return {"color": MEASURED, "linewidth": thin(n, 0.9), "alpha": 1.0 if n <= MAX_POINTS else 0.5}


def thin(n, usual=1.8):
    """Return the width of a line through n points."""
    return usual if n <= 500 else max(0.6, usual * (500 / n) ** 0.3)
