"""Forecasts and free runs, drawn beside what was measured."""

import numpy as np
import pandas as pd
from sklearn.base import is_classifier

from .._check import check_number
from .._estimators.regressor import free_run
from .._estimators.through import forecast, inside, sample_paths, see_through
from .._series.rows import refuse_lists
from .._series.stamps import is_default
from ..metrics import fit_percentage
from ._style import (
    COLOURS,
    Display,
    by_name,
    dates,
    draw,
    legend_beside,
    line_style,
    measured,
    name_of,
    thin,
    tidy,
    title,
    whole_numbers,
    with_unit,
)


class ForecastDisplay(Display):
    """A forecast after its history, with a fan of intervals, sample paths and the measured values.

    Parameters
    ----------
    forecast : DataFrame, Series or array-like of shape (steps,)
        From ``forecast``; with ``level`` a DataFrame, whose columns ``lo-80``, ``hi-80`` ... are the fan.
    history, truth : Series or array-like, optional
        y before the forecast, and the y to compare it with: by their stamps, so both may be all of y. Without stamps
        the forecast follows the history, and the truth begins with the forecast.
    paths : array-like of shape (n_paths, steps) or (n_paths, steps, n_outputs), optional
        Sample paths, from ``sample_paths``.
    output : str or int, optional
        Which output, where the forecast has several; the first by default.
    series : optional
        The key of the series to draw, where forecast, history and truth are frames of several.
    unit : str, optional
        Of y, for the axis, where its name does not end with one, as "power [kW]" does.
    name : str, optional
        For the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    line_ : matplotlib line of the forecast
    bands_ : list of matplotlib collections, the widest first
    paths_ : list of matplotlib lines

    Examples
    --------
    >>> from tsrnn import NARXRegressor
    >>> from tsrnn.datasets import load_sunspots
    >>> from tsrnn.plotting import ForecastDisplay
    >>> y = load_sunspots().target
    >>> model = NARXRegressor(output_lags=12, random_state=0).fit(None, y[:"1955"])
    >>> display = ForecastDisplay(model.forecast(22), history=y[:"1955"], truth=y["1956":]).plot()
    >>> display.ax_.get_ylabel()
    'sunspots'
    """

    _size = (8, 3.6)

    def __init__(
        self,
        forecast,
        *,
        history=None,
        truth=None,
        paths=None,
        output=None,
        series=None,
        unit=None,
        name=None,
    ):
        self.forecast = forecast
        self.history = history
        self.truth = truth
        self.paths = paths
        self.output = output
        self.series = series
        self.unit = unit
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        steps,
        X_future=None,
        *,
        level=(80, 95),
        method="conformal",
        n_paths=0,
        history=None,
        truth=None,
        output=None,
        series=None,
        unit=None,
        name=None,
        ax=None,
        last=None,
        **line_kw,
    ):
        """Forecast and plot.

        Parameters
        ----------
        estimator : fitted estimator of tsrnn, or Pipeline or search over one
        steps, X_future, level, method : as for ``forecast``
        n_paths : int, default=0
            Sample paths to draw.
        history, truth, output, series, unit, name, ax, last, line_kw : as for the constructor and ``plot``

        Returns
        -------
        display : ForecastDisplay
        """
        if is_classifier(inside(estimator)[0]):
            raise TypeError(
                f"{name_of(estimator)} forecasts labels, which have no intervals to draw: call "
                "tsrnn.forecast(model, steps) for them, or draw given rows with ProbabilityDisplay."
            )
        prediction = forecast(estimator, steps, X_future, level=level, method=method)
        paths = sample_paths(estimator, steps, X_future, n_paths=n_paths) if n_paths else None
        if isinstance(prediction, list):
            raise ValueError(
                "The forecast is a list of series: draw one at a time, ForecastDisplay(forecast[k])."
            )
        options = {"history": history, "truth": truth, "paths": paths, "output": output, "series": series}
        display = cls(prediction, **options, unit=unit, name=name or name_of(estimator))
        return display.plot(ax, last=last, **line_kw)

    def _rows(self, table, what):
        """Select one series of a history, truth or forecast, as a frame."""
        table = pd.DataFrame(table)
        if isinstance(table.index, pd.MultiIndex):
            if self.series is None:
                first = table.index[:1].get_level_values(0).tolist()[0]
                raise ValueError(
                    f"The {what} is of several series: name one to draw, such as series={first!r}."
                )
            table = table.loc[self.series]
        return table

    def _one(self, table, what, point):
        """Select one output of a history or truth, a Series."""
        table = self._rows(table, what)
        return table[point] if point in table else table.iloc[:, 0]

    def plot(self, ax=None, *, last=None, **line_kw):
        """Draw history, intervals, sample paths, truth and forecast, as far as given.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure's by default.
        last : int, optional
            Rows of history to show; three times the steps by default.
        **line_kw
            For ``ax.plot`` of the forecast.

        Returns
        -------
        self : ForecastDisplay
        """
        return super().plot(ax, last=last, **line_kw)

    def _draw(self, ax, last=None, **line_kw):
        table = self._rows(self.forecast, "forecast")
        point, n = table.columns[0] if self.output is None else self.output, len(table)
        if point not in table:
            raise ValueError(f"output={point!r} is not a column of the forecast: give one of {list(table)}.")
        history = None if self.history is None else self._one(self.history, "history", point)
        index = table.index
        if is_default(index):
            index = index + (1 if history is None else len(history))
        if history is not None:
            check_number("last", 1 if last is None else last, 1, integer=True)
            history = history[self._places(history, "history") < 0].iloc[-(last or 3 * n) :]
            style = {"color": "0.45", "linewidth": thin(len(history), 1.2), "label": "history"}
            draw(ax, dates(history.index), history, **style)
        where = dates(index)
        self._plot_bands(ax, where, table, point)
        self._plot_paths(ax, where, list(table).index(point), table.shape[1])
        options = {"color": COLOURS[0], "linewidth": thin(n, 2.6), "label": self.name or "forecast"}
        self.line_ = draw(ax, where, table[point], **{**options, **line_kw})
        if self.truth is not None:
            self._plot_truth(ax, index, point)
        self._name_axes(ax, index, point, history)
        tidy(ax, where)
        if history is not None and is_default(table.index):
            whole_numbers(ax.xaxis, index)
        ax.margins(x=0.01 if n > 1 else 0.05)
        legend_beside(ax)

    def _plot_bands(self, ax, where, table, point):
        """Draw the intervals, the widest first, so that narrow ones, darker, lie over them."""
        prefix = "" if any(str(c).startswith("lo-") for c in table) else f"{point}-"
        levels = [str(c).removeprefix(f"{prefix}lo-") for c in table if str(c).startswith(f"{prefix}lo-")]
        self.bands_ = []
        for k, level in enumerate(sorted(levels, key=float, reverse=True)):
            ends = [table[f"{prefix}{side}-{level}"].astype(float) for side in ("lo", "hi")]
            style = {"color": COLOURS[0], "alpha": 0.15 + 0.2 * k / len(levels), "label": f"{level} %"}
            if len(table) == 1:  # an area of no width is invisible
                self.bands_.append(ax.vlines(where, *ends, linewidth=7, **style))
            else:
                self.bands_.append(ax.fill_between(where, *ends, linewidth=0, **style))

    def _plot_paths(self, ax, where, column, n):
        """Draw the sample paths, thin lines, of the output of a column of n, which are of as many each."""
        # (n_paths, steps) or (n_paths, steps, n_outputs)
        paths = () if self.paths is None else np.asarray(self.paths)
        style = {"color": COLOURS[0], "alpha": 0.35, "linewidth": 0.6, "label": f"{len(paths)} sample paths"}
        self.paths_ = []
        for path in paths:
            self.paths_ += ax.plot(
                where, path if path.ndim == 1 else path[:, column * path.shape[1] // n], **style
            )
            style.pop("label", None)  # one in the legend

    def _plot_truth(self, ax, index, point):
        """Draw the measured y, a thin line over the broad one of the forecast; the label notes an early end."""
        truth = self._one(self.truth, "truth", point)
        truth = truth[self._places(truth, "truth") == 0].iloc[: len(index)]
        where = index[: len(truth)] if is_default(truth.index) else truth.index
        known = np.flatnonzero(truth.notna().to_numpy())
        short = len(known) and known[-1] + 1 < len(index)
        label = "measured so far" if short else "measured"
        draw(ax, dates(where), truth, **measured(len(index)), label=label)

    def _places(self, values, what):
        """Tell by stamps, else by ``what`` they are, which values are before a forecast, -1, in it, 0, or after, 1."""
        stamps, forecast = dates(values.index), dates(self._rows(self.forecast, "forecast").index)
        if not _are_stamps(stamps, forecast, not hasattr(getattr(self, what), "iloc")):
            return np.full(len(values), -1 if what == "history" else 0)
        zoned, ahead_zoned = (getattr(i, "tz", None) is not None for i in (stamps, forecast))
        if zoned != ahead_zoned:
            one, other = ("forecast", what) if zoned else (what, "forecast")
            raise ValueError(
                f"The {one} has no time zone, but the {other} has one: give it the zone it was written in, with "
                "tz_localize(...)."
            )
        return (stamps > forecast[-1]).astype(int) - (stamps < forecast[0])

    def _name_axes(self, ax, index, point, history):
        """Name y with its unit, and x where no stamps speak for themselves."""
        names = [getattr(history, "name", None), getattr(self.forecast, "name", None), point]
        name = next((name for name in names if isinstance(name, str)), "y")
        if name == "y" and len(pd.DataFrame(self.forecast).columns) > 1 and isinstance(point, int):
            name = f"y, output {point}"
        ax.set_ylabel(with_unit(name, self.unit))
        if not isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex)):
            steps = self.history is None and is_default(self._rows(self.forecast, "forecast").index)
            ax.set_xlabel("steps ahead" if steps else dates(index).name or "row")
            if steps:
                whole_numbers(ax.xaxis, index)


def _are_stamps(index, forecast, is_array):
    """Return whether an index says where values stand beside a forecast: times do, and numbers that both have."""
    if all(isinstance(i, pd.DatetimeIndex) for i in (index, forecast)):
        return True
    if is_default(forecast) or not all(map(pd.api.types.is_numeric_dtype, (index, forecast))):
        return False
    return not is_default(index) or (not is_array and len(index) > forecast[0])  # else counted anew


class CompareDisplay(Display):
    """A free run beside the measured record, with its fit in per cent, as system identification compares models.

    A free run sees the inputs but no measured output, and so shows what a model knows of the system. Its fit is

        100 (1 - |y - f| / |y - mean y|),       (:func:`tsrnn.metrics.fit_percentage`)

    100 for a perfect model and 0 for the mean. Where a run begins: see the ``score`` of the model.

    Parameters
    ----------
    measured : Series or array-like of shape (n_timesteps,)
        NaN where nothing was measured.
    runs : dict of array-like of shape (n_timesteps,) by name
        What models answered.
    unit : str, optional
        Of y, for the axis.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    fits_ : dict of float
        The fit of each run, in per cent.
    lines_ : dict of matplotlib lines, by name

    Examples
    --------
    >>> from tsrnn import ARXRegressor, NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.plotting import CompareDisplay
    >>> X, y = make_narendra(800, random_state=0)
    >>> models = {"NARX": NARXRegressor(random_state=0), "ARX": ARXRegressor()}
    >>> models = {name: model.fit(X[:600], y[:600]) for name, model in models.items()}
    >>> display = CompareDisplay.from_estimator(models, X[600:], y[600:])
    >>> display.fits_["NARX"] > display.fits_["ARX"]
    True
    """

    _size = (8, 3.6)

    def __init__(self, measured, runs, *, unit=None):
        self.measured = measured
        self.runs = runs
        self.unit = unit

    @classmethod
    def from_estimator(cls, estimators, X, y, *, start=None, output=0, unit=None, ax=None, **line_kw):
        """Run one model or several freely, and plot.

        Parameters
        ----------
        estimators : fitted estimator of tsrnn, or dict of them by name
            Or Pipelines or searches.
        X, y : as for ``predict_ahead``, one series
        start : optional
            Where the runs start, as for ``predict``: "estimate" for the state that best explains the first rows of an
            experiment that the model has not seen.
        output : int, default=0
            Which column of y.
        unit, ax, line_kw : as for the constructor and ``plot``

        Returns
        -------
        display : CompareDisplay
        """
        refuse_lists(X, y)
        runs = {}
        for name, estimator in by_name(estimators).items():
            model, inputs = see_through(estimator, X, "trajectories")
            out = np.asarray(free_run(model, inputs, y, start))
            runs[name] = out if out.ndim == 1 else out[:, output]
        measured = pd.DataFrame(y).iloc[:, output]
        if np.ndim(y) == 2 and not hasattr(y, "columns"):
            measured = measured.rename(f"y, output {output}")
        return cls(measured, runs, unit=unit).plot(ax, **line_kw)

    def _draw(self, ax, **line_kw):
        """Draw the record, and a line a run."""
        y = pd.Series(self.measured)
        where, known = dates(y.index), y.notna().to_numpy()
        draw(ax, where, y, **measured(len(y)), zorder=4, label="measured")
        self.fits_, self.lines_ = {}, {}
        for k, (name, run) in enumerate(self.runs.items()):
            run = np.asarray(run, float)
            judged = known & np.isfinite(run)
            self.fits_[name] = fit_percentage(y.to_numpy(float)[judged], run[judged])
            label = f"{name}, fit {self.fits_[name]:.1f} %"
            style = {**line_style(k), "linewidth": thin(len(y), 2.2), "label": label}
            self.lines_[name] = draw(ax, where, run, **{**style, **line_kw})
        ax.set_ylabel(with_unit(y.name if isinstance(y.name, str) else "y", self.unit))
        if not isinstance(where, pd.DatetimeIndex):
            ax.set_xlabel(where.name or "row")
        title(ax, "Free runs, which see the inputs only")
        tidy(ax, where)
        ax.margins(x=0.01)
        legend_beside(ax)
