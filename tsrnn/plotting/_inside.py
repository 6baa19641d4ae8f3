"""What a fitted model looks at, remembers and answers."""

import numpy as np
import pandas as pd

from .._check import check_number
from .._estimators.attending import Attending
from .._estimators.through import see_through
from .._series.alphabets import read_sequences
from ..diagnostics import lag_importance, response
from ._style import (
    AMOUNTS,
    COLOURS,
    Display,
    bare,
    cells,
    colour_bar,
    draw,
    legend_beside,
    line_style,
    name_of,
    named_ticks,
    of_two_signs,
    pyplot,
    shortened,
    step_ticks,
    tidy,
    title,
    told_apart,
    whole_numbers,
    with_unit,
)


def height(n):
    """Return how high, in inches, a map of n rows is."""
    return 1.9 + 0.4 * min(n, 15) + 0.2 * max(0, n - 15)


class LagImportanceDisplay(Display):
    """Sensitivity of the forecast to each lag of each input and of y.

    Parameters
    ----------
    importance : DataFrame indexed by lag, one column per variable
        From :func:`tsrnn.diagnostics.lag_importance`.
    name : str, optional
        For the title.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    image_ : matplotlib QuadMesh; of a single lag a BarContainer

    Examples
    --------
    >>> from tsrnn import NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.plotting import LagImportanceDisplay
    >>> X, y = make_narendra(700, random_state=0)
    >>> model = NARXRegressor(random_state=0).fit(X[:500], y[:500])
    >>> display = LagImportanceDisplay.from_estimator(model, X[500:], y[500:], max_lag=6)
    >>> display.importance.shape
    (7, 2)
    """

    def __init__(self, importance, *, name=None):
        self.importance = importance
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator, X, y, max_lag=24, *, output=0, start=None, name=None, ax=None, **mesh_kw
    ):
        """Compute and plot.

        Parameters
        ----------
        estimator, X, y, max_lag, output, start : as for :func:`tsrnn.diagnostics.lag_importance`
        name, ax, mesh_kw : as for the constructor and ``plot``

        Returns
        -------
        display : LagImportanceDisplay
        """
        importance = lag_importance(estimator, X, y, max_lag, output=output, start=start)
        return cls(importance, name=name or name_of(estimator)).plot(ax, **mesh_kw)

    def _figure(self):
        n_lags, n = pd.DataFrame(self.importance).shape
        return {"figsize": (8, height(n)) if n_lags > 1 else (6.4, 1.2 + 0.4 * n)}

    def _draw(self, ax, **mesh_kw):
        """Draw a row per variable, the most important on top, and a cell per lag, in logarithmic colours."""
        from matplotlib.colors import LogNorm

        table = pd.DataFrame(self.importance)
        table = table[table.sum().sort_values().index]
        lags, n = table.index, table.shape[1]
        largest = np.nanmax(table.to_numpy(), initial=0) or 1.0
        values = table.to_numpy(float).T
        label = "std of y per std of the variable"
        prefix = f"{self.name}: " if self.name else ""
        heading = f"{prefix}change of the forecast by a change some rows before"
        if len(lags) == 1 and not mesh_kw:  # a map of one column is a hairline: bars then
            self._plot_bars(ax, table, label, heading)
            return
        shades = pyplot().get_cmap(AMOUNTS).with_extremes(under="white", bad="white")
        options = {"norm": LogNorm(largest / 300, largest), "cmap": shades, **mesh_kw}
        self.image_ = cells(ax, lags, np.arange(n), np.where(values > 0, values, np.nan), **options)
        ax.set_yticks(np.arange(n), told_apart(table, 30))
        ax.set_xlabel("lag, rows before the forecast row")
        whole_numbers(ax.xaxis, lags)
        bare(ax)
        title(ax, heading)
        colour_bar(ax, self.image_, label, extend="min")

    def _plot_bars(self, ax, table, label, heading):
        """Draw one bar per variable, of the one lag."""
        self.image_ = ax.barh(np.arange(table.shape[1]), table.iloc[0], color=COLOURS[0], height=0.6)
        ax.set_yticks(np.arange(table.shape[1]), told_apart(table, 30))
        ax.set_xlabel(f"{label}, lag {table.index[0]}")
        tidy(ax)
        title(ax, heading)


class AttentionDisplay(Display):
    """What each step of a forecast, or symbol of an answer, looks at: a map of steps against rows that were read.

    Parameters
    ----------
    weights : array-like of shape (horizon, context)
        Of one forecast, or the mean of many, or one answer, from ``attention_weights`` of an encoder-decoder.
    read, written : sequence, optional
        The symbols of the sequence and of the answer, in whose place they stand.
    segment_length : int, default=1
        Rows of a step, and of what it looks at.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    mesh_ : matplotlib QuadMesh

    Examples
    --------
    >>> from tsrnn import EncoderDecoderRegressor
    >>> from tsrnn.datasets import load_sunspots
    >>> from tsrnn.plotting import AttentionDisplay
    >>> y = load_sunspots().target
    >>> model = EncoderDecoderRegressor(horizon=5, context=22, hidden_layer_sizes=(8,), max_iter=2, random_state=0)
    >>> display = AttentionDisplay.from_estimator(model.fit(None, y), None, y)
    >>> display.weights.shape
    (5, 22)
    """

    _size = (7, 3.6)

    def __init__(self, weights, read=None, written=None, segment_length=1):
        self.weights, self.read, self.written = weights, read, written
        self.segment_length = segment_length

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, origin=None, ax=None, **mesh_kw):
        """Compute and plot.

        Parameters
        ----------
        estimator : fitted EncoderDecoderRegressor or EncoderDecoderClassifier, or Pipeline or search over one
        X, y : as for ``attention_weights``
        origin : int, optional
            Which of the forecasts, -1 for the last; by default the mean of all. Of answers which of them, by default
            the first.
        ax, mesh_kw : as for ``plot``

        Returns
        -------
        display : AttentionDisplay
        """
        estimator, X = see_through(estimator, X)
        if isinstance(estimator, Attending) or not hasattr(estimator, "attention_weights"):
            raise ValueError(
                f"{type(estimator).__name__} has no steps that attend to rows: give an EncoderDecoderRegressor or "
                "EncoderDecoderClassifier; for pooling='attention' there is PoolingDisplay."
            )
        if hasattr(estimator, "symbols_"):
            return cls(*_of_answer(estimator, X, y, 0 if origin is None else origin)).plot(ax, **mesh_kw)
        weights = estimator.attention_weights(X, y)
        one = weights.mean(axis=0) if origin is None else weights[_place(origin, len(weights))]
        return cls(one, segment_length=estimator.segment_length or 1).plot(ax, **mesh_kw)

    def _draw(self, ax, **mesh_kw):
        """Draw the map."""
        weights = np.asarray(self.weights)
        if weights.ndim != 2:
            raise ValueError(
                f"weights of shape {weights.shape} are not those of one forecast or answer, (steps, rows read): give "
                "one of them, or weights.mean(axis=0)."
            )
        steps, context = weights.shape
        for name, symbols, n in (("read", self.read, context), ("written", self.written, steps)):
            if symbols is not None and len(symbols) != n:
                raise ValueError(f"{name} has {len(symbols)} symbols, but weights have {n}: give as many.")
        rows = self.segment_length
        back, ahead = rows * np.arange(-context, 1) + 0.5, rows * np.arange(steps + 1) + 0.5
        if self.written is not None:
            back = back + context
        self.mesh_ = ax.pcolormesh(back, ahead, weights, **{"cmap": AMOUNTS, "vmin": 0.0, **mesh_kw})
        colour_bar(ax, self.mesh_, "share of attention")
        if self.written is None:
            ax.set(xlabel="row of history (0: the last)", ylabel="step ahead")
            step_ticks(ax.yaxis, np.arange(1, steps + 1) * rows)
        else:
            ax.set(xlabel="symbol read" if self.read is not None else "row read", ylabel="symbol written")
            named_ticks(ax.yaxis, np.arange(1, steps + 1), self.written)
            ax.invert_yaxis()
        if self.read is None:
            whole_numbers(ax.xaxis, [1])
        else:
            named_ticks(ax.xaxis, np.arange(1, context + 1), self.read)
        bare(ax)


def _of_answer(estimator, X, y, origin):
    """Return what one answer looks at, and the symbols read, None for rows of numbers, and written."""
    read, _ = read_sequences(X, "X")
    k = _place(origin, len(read))
    if y is None:
        read, y, k = [read[k]], estimator.predict([read[k]]), 0
    weights, (written, _) = estimator.attention_weights(read, y)[k], read_sequences(y, "y")
    return weights, None if estimator.symbols_ is None else read[k], list(written[k])


def _place(origin, n):
    """Return which of n it is, once it is checked."""
    check_number("origin", origin, -n, n - 1, integer=True)
    return origin


class PoolingDisplay(Display):
    """Where a model of whole series looks: a row of the picture a series, dark where its weight is.

    Parameters
    ----------
    weights : list of array-like of shape (n_timesteps,)
        From ``attention_weights`` of a model with ``pooling="attention"``.
    labels : sequence, optional
        Of the series, for the axis.
    name : str, optional
        For the title.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    image_ : matplotlib AxesImage

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import GRUClassifier
    >>> from tsrnn.plotting import PoolingDisplay
    >>> X = np.random.default_rng(0).normal(size=(40, 12, 2))
    >>> model = GRUClassifier((6,), pooling="attention", max_iter=20, random_state=0).fit(X, X[:, 3, 0] > 0)
    >>> PoolingDisplay.from_estimator(model, X[:10]).image_.get_array().shape
    (10, 12)
    """

    def __init__(self, weights, *, labels=None, name=None):
        self.weights = weights
        self.labels = labels
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, *, labels=None, name=None, ax=None, **image_kw):
        """Compute and plot.

        Parameters
        ----------
        estimator : fitted model with ``pooling="attention"``, or Pipeline or search over one
        X : as for ``predict``
        labels, name, ax, image_kw : as for the constructor and ``plot``

        Returns
        -------
        display : PoolingDisplay
        """
        estimator, X = see_through(estimator, X)
        if not isinstance(estimator, Attending):
            raise TypeError(
                f"{type(estimator).__name__} has no attention over rows to draw: fit one that has, such as "
                "GRUClassifier(pooling='attention')."
            )
        weights = estimator.attention_weights(X)
        return cls(weights, labels=labels, name=name or type(estimator).__name__).plot(ax, **image_kw)

    def _figure(self):
        return {"figsize": (7, 1.6 + min(3.4, 0.22 * len(self.weights)))}

    def _draw(self, ax, **image_kw):
        """Draw the weights."""
        table = np.full((len(self.weights), max(map(len, self.weights))), np.nan)
        for row, a in zip(table, self.weights):
            row[: len(a)] = a
        options = {"aspect": "auto", "cmap": AMOUNTS, "vmin": 0, "interpolation": "nearest"}
        self.image_ = ax.imshow(table, **{**options, **image_kw})
        ax.set(xlabel="step", ylabel="series")
        title(ax, self.name)
        if self.labels is not None:
            named_ticks(ax.yaxis, np.arange(len(self.labels)), [shortened(label) for label in self.labels])
        else:
            whole_numbers(ax.yaxis, [1])
        whole_numbers(ax.xaxis, [1])
        bare(ax)
        colour_bar(ax, self.image_, "weight")


class ReservoirDisplay(Display):
    """Eigenvalues of a reservoir in the unit circle, and its states along a series.

    Parameters
    ----------
    eigenvalues : array-like of shape (n_units,), complex
        Of (1 - a) I + a W, the linear part of a step: the closer to the circle, the longer the memory.
    states : array-like of shape (n_timesteps, n_units)
        From ``states`` of an ``ESNRegressor``.
    name : str, optional
        For the title.

    Attributes
    ----------
    ax_ : ndarray of two matplotlib Axes
    figure_ : matplotlib Figure
    points_, image_ : matplotlib PathCollection and AxesImage

    Examples
    --------
    >>> from tsrnn import ESNRegressor
    >>> from tsrnn.datasets import make_narma
    >>> from tsrnn.plotting import ReservoirDisplay
    >>> X, y = make_narma(600, random_state=0)
    >>> model = ESNRegressor(100, random_state=0).fit(X[:500], y[:500])
    >>> display = ReservoirDisplay.from_estimator(model, X[500:], n_units=30)
    >>> display.states.shape
    (100, 30)
    """

    def __init__(self, eigenvalues, states, *, name=None):
        self.eigenvalues = eigenvalues
        self.states = states
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, start=None, n_units=50, name=None, ax=None, **image_kw):
        """Compute and plot.

        Parameters
        ----------
        estimator : fitted ESNRegressor, or Pipeline or search over one
        X, y, start : as for ``ESNRegressor.states``
        n_units : int, default=50
            Number of units in the raster, evenly spaced.
        name, ax, image_kw : as for the constructor and ``plot``

        Returns
        -------
        display : ReservoirDisplay
        """
        estimator, X = see_through(estimator, X, "states")
        states = estimator.states(X, y, start=start)
        chosen = np.linspace(0, states.shape[1] - 1, min(n_units, states.shape[1])).astype(int)
        display = cls(estimator.eigenvalues(), states[:, chosen], name=name or type(estimator).__name__)
        return display.plot(ax, **image_kw)

    def _figure(self):
        return {"ncols": 2, "figsize": (10, 3.8), "width_ratios": (1, 1.6)}

    def _draw(self, plane, raster, **image_kw):
        """Draw the eigenvalues on one axes, the states on the other."""
        values, states = np.asarray(self.eigenvalues), np.asarray(self.states)
        circle = np.exp(2j * np.pi * np.linspace(0, 1, 200))
        plane.plot(circle.real, circle.imag, color="0.6", linewidth=1)
        self.points_ = plane.scatter(values.real, values.imag, s=8, color=COLOURS[0])
        plane.set(xlabel="real part", ylabel="imaginary part of an eigenvalue", aspect="equal")
        tidy(plane)
        options = {**of_two_signs(states), "aspect": "auto", "interpolation": "nearest", **image_kw}
        self.image_ = raster.imshow(states.T, **options)
        n, shown = len(values), states.shape[1]
        raster.set(xlabel="step", ylabel="unit" if shown >= n else f"{shown} of {n} units, evenly chosen")
        whole_numbers(raster.xaxis, [1])
        whole_numbers(raster.yaxis, [1])
        bare(raster)
        colour_bar(raster, self.image_, "state")
        title(plane, self.name)


class ResponseDisplay(Display):
    """What a fitted model answers to a step and to a pulse of one input.

    The step response shows how strongly and how fast an input works in the end, the impulse response how long it is
    remembered. Of a non-linear model they depend on where it rests and on how large the step is.

    Parameters
    ----------
    step, impulse : DataFrame indexed by rows since the change, a column an output
        From :func:`tsrnn.diagnostics.response`.
    size : float, optional
        Of the change, and ``input``, which input it was: for the title.
    unit : str, optional
        Of y, for the axes.
    name : str, optional
        For the title.

    Attributes
    ----------
    ax_ : ndarray of two matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from tsrnn import NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.plotting import ResponseDisplay
    >>> X, y = make_narendra(700, random_state=0)
    >>> model = NARXRegressor(random_state=0).fit(X, y)
    >>> display = ResponseDisplay.from_estimator(model, n_rows=20)
    >>> display.step.shape
    (20, 1)
    """

    def __init__(self, step, impulse, *, unit=None, name=None):
        self.step = step
        self.impulse = impulse
        self.unit = unit
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator, *, input=0, size=None, at=None, n_rows=50, unit=None, name=None, ax=None
    ):
        """Ask the model and plot.

        Parameters
        ----------
        estimator : fitted estimator of tsrnn
        input, size, at, n_rows : as for :func:`tsrnn.diagnostics.response`
        unit, name, ax : as for the constructor and ``plot``

        Returns
        -------
        display : ResponseDisplay
        """
        options = {"input": input, "size": size, "at": at, "n_rows": n_rows}
        step, impulse = (response(estimator, kind, **options) for kind in ("step", "impulse"))
        name = name or f"{name_of(estimator)}, {step.attrs['input']} + {step.attrs['size']:.3g}"
        return cls(step, impulse, unit=unit, name=name).plot(ax)

    def _figure(self):
        return {"ncols": 2, "figsize": (9, 3.2)}

    def _draw(self, *ax):
        """Draw the step response and the impulse response."""
        for axis, table, label in zip(ax, (self.step, self.impulse), ("step response", "impulse response")):
            for k, (name, words) in enumerate(zip(table, told_apart(table, 24))):
                style = {**line_style(k), "drawstyle": "steps-post", "linewidth": 1.5, "label": words}
                draw(axis, table.index, table[name], **style)
            axis.axhline(0, color="0.3", linewidth=0.8, zorder=1)
            axis.set(xlabel="rows after the change", ylabel=with_unit(f"{label} of y", self.unit))
            tidy(axis)
            whole_numbers(axis.xaxis, table.index)
        if self.step.shape[1] > 1:
            legend_beside(ax[1])
        title(ax[0], self.name)


class ExplanationDisplay(Display):
    """What moved one forecast: a row an input, a column a lag, red what raised it and blue what lowered it.

    Of the one answer to a whole series a column is a row of it.

    Parameters
    ----------
    explanation : DataFrame indexed by lag or row, a column an input and output
        From :func:`tsrnn.diagnostics.explain`: its numbers, in the units of y, add up to forecast - baseline.
    unit : str, optional
        Of y, for the colour bar.
    n_rows : int, default=12
        The most variables to show, those that moved it most.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    image_ : matplotlib QuadMesh

    Examples
    --------
    >>> from tsrnn import NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.diagnostics import explain
    >>> from tsrnn.plotting import ExplanationDisplay
    >>> X, y = make_narendra(700, random_state=0)
    >>> model = NARXRegressor(random_state=0).fit(X[:500], y[:500])
    >>> display = ExplanationDisplay(explain(model, X[500:], y[500:], at=50)).plot()
    """

    def __init__(self, explanation, *, unit=None, n_rows=12):
        self.explanation = explanation
        self.unit = unit
        self.n_rows = n_rows

    def _figure(self):
        return {"figsize": (8, height(len(self._order())))}

    def _order(self):
        """Return the variables to show, the one that moved the forecast most last."""
        size = self.explanation.abs().sum()
        return size[size > 0].sort_values().index[-self.n_rows :]

    def _draw(self, ax, **mesh_kw):
        """Draw the map, the variable that moved the forecast most on top."""
        table, attrs, order = self.explanation, self.explanation.attrs, self._order()
        totals = table.sum()
        style = of_two_signs(table.to_numpy(float))
        is_whole = table.index.name == "row"
        seen = np.flatnonzero((table.abs() > 0.005 * style["vmax"]).any(axis=1))
        last = len(table) - 1 if is_whole else seen.max(initial=0)
        shown, n = table[order].iloc[: last + 1], len(order)
        self.image_ = cells(ax, shown.index, np.arange(n), shown.to_numpy(float).T, **{**style, **mesh_kw})
        ax.set_yticks(
            np.arange(n), [f"{short}  {totals[k]:+.3g}" for k, short in zip(order, told_apart(order, 30))]
        )
        hidden = totals.sum() - shown.to_numpy().sum()
        note = f" ({hidden:+.2g} by what is not shown)" if shown.size < (table != 0).sum().sum() else ""
        ax.set_xlabel(("row of the series" if is_whole else "lag, rows before the forecast row") + note)
        whole_numbers(ax.xaxis, table.index)
        bare(ax)
        if "forecast" in attrs:
            moved = attrs["forecast"] - attrs["baseline"]
            title(ax, f"forecast {attrs['forecast']:.4g} = {attrs['baseline']:.4g} at the means {moved:+.4g}")
        colour_bar(ax, self.image_, with_unit("moved the forecast by", self.unit))
