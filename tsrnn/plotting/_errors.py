"""How large errors are, by horizon and hour, and what they still hold."""

import numpy as np
import pandas as pd

from ..diagnostics import diagnose, residual_correlations
from ..model_selection import backtest
from ._style import (
    AMOUNTS,
    COLOURS,
    GREYS,
    MANY,
    MARKERS,
    MAX_POINTS,
    SHADES,
    Display,
    bare,
    by_name,
    cells,
    colour_bar,
    dates,
    legend_beside,
    legend_within,
    line_style,
    of_two_signs,
    pyplot,
    step_ticks,
    tidy,
    title,
    title_of,
    told_apart,
    unit_of,
    whole_numbers,
    with_unit,
)


MAX_INPUTS = 4  # lines in one plot of correlations that the eye can tell apart
MAX_HORIZONS = 5  # lines of reliability
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
FREE = ("MASE", "sMAPE", "skill", "coverage")  # beginnings of measures that are not in the units of y


class BacktestDisplay(Display):
    """Error by horizon, of models and baselines.

    Parameters
    ----------
    errors : DataFrame indexed by step, one column per model
    baselines : sequence of str, default=()
        Which columns are baselines: drawn in grey.
    metric : str, default="RMSE"
        What the errors are, for the axis.
    unit : str, optional
        Of y, for the axis.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : dict of matplotlib lines, by name

    Examples
    --------
    >>> from tsrnn import ARXRegressor, NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.plotting import BacktestDisplay
    >>> X, y = make_narendra(700, random_state=0)
    >>> models = {"NARX": NARXRegressor(random_state=0), "ARX": ARXRegressor()}
    >>> models = {name: model.fit(X[:500], y[:500]) for name, model in models.items()}
    >>> display = BacktestDisplay.from_estimator(models, X[500:], y[500:], horizon=8)
    >>> list(display.lines_)
    ['NARX', 'ARX', 'persistence']
    """

    _size = (7, 3.8)

    def __init__(self, errors, *, baselines=(), metric="RMSE", unit=None):
        self.errors = errors
        self.baselines = baselines
        self.metric = metric
        self.unit = unit

    @classmethod
    def from_estimator(cls, estimators, X, y, horizon, *, metric="RMSE", ax=None, line_kw=None, **options):
        """Backtest one model or several, and plot.

        Parameters
        ----------
        estimators : estimator of tsrnn, or dict of them by name
            Or Pipelines or searches.
        X, y, horizon, options : as for :func:`tsrnn.model_selection.backtest`
            And ``output`` and ``unit``, as for ``from_backtests``; the unit of a y named "power [kW]" is kW.
        metric, ax : as for ``from_backtests`` and ``plot``
        line_kw : dict, optional
            As for ``plot``.

        Returns
        -------
        display : BacktestDisplay
        """
        output, unit = options.pop("output", None), options.pop("unit", None)
        unit = unit or unit_of(getattr(y, "name", output))
        models = by_name(estimators)
        results = {name: backtest(model, X, y, horizon, **options) for name, model in models.items()}
        drawn = {"output": output, "unit": unit, "ax": ax}
        return cls.from_backtests(results, metric=metric, **drawn, **(line_kw or {}))

    @classmethod
    def from_backtests(cls, results, *, metric="RMSE", output=None, unit=None, ax=None, **line_kw):
        """Plot the errors of backtests of the same rows.

        Parameters
        ----------
        results : dict of Backtest by name, or one Backtest
            Of :func:`tsrnn.model_selection.backtest`.
        metric : str, default="RMSE"
            A column of ``errors``. With "RMSE" persistence is drawn too, and the seasonal naive forecast, if the
            backtest compared it.
        output : str, optional
            Which output, of a y with columns; the first by default.
        unit, ax, line_kw : as for the constructor and ``plot``

        Returns
        -------
        display : BacktestDisplay
        """
        results = results if isinstance(results, dict) else {"backtest": results}
        for result in results.values():
            if not hasattr(result, "errors"):
                raise TypeError(
                    f"results holds a {type(result).__name__}: give a Backtest, or a dict {{name: Backtest}}."
                )
        tables, several = {}, False
        for name, result in results.items():
            table = result.errors
            if table.index.nlevels > 1:
                several, output = True, table.index[0][0] if output is None else output
                table = table.loc[output]
            if metric not in table:
                raise ValueError(f"metric={metric!r} is not a column of errors: give one of {list(table)}.")
            tables[name] = table
        errors = pd.DataFrame({name: table[metric] for name, table in tables.items()})
        baselines, table_of_first = {}, next(iter(tables.values()))
        if metric == "RMSE":
            for column, name in (("skill_persistence", "persistence"), ("skill_seasonal", "seasonal naive")):
                if column in table_of_first:
                    baselines[name] = table_of_first["RMSE"] / (1 - table_of_first[column])
        errors = errors.assign(**baselines)
        display = cls(errors, baselines=list(baselines), metric=metric, unit=unit).plot(ax, **line_kw)
        title(display.ax_, f"output {output}" if several else None)
        return display

    @classmethod
    def from_diagnosis(cls, diagnosis, *, unit=None, ax=None, **line_kw):
        """Plot the errors of a :func:`tsrnn.diagnose`.

        Parameters
        ----------
        diagnosis : Diagnosis
        unit, ax, line_kw : as for the constructor and ``plot``

        Returns
        -------
        display : BacktestDisplay
        """
        errors = diagnosis.errors.drop(columns="n").rename(columns={"model": diagnosis.name})
        return cls(errors, baselines=list(errors.columns[1:]), unit=unit).plot(ax, **line_kw)

    def _draw(self, ax, **line_kw):
        """Draw one line per model."""
        steps, self.lines_ = self.errors.index, {}
        models = [name for name in self.errors if name not in self.baselines]
        for name in self.errors:
            k = (self.baselines if name in self.baselines else models).index(name)
            style = {**line_style(k), "linewidth": 1.8, "zorder": 3}
            if name in self.baselines:
                style = {"color": GREYS[k % len(GREYS)], "linewidth": 1.2, "linestyle": "--"}
            if len(steps) <= MANY:
                style |= {"marker": MARKERS[k % len(MARKERS)], "markersize": 4}
            (self.lines_[name],) = ax.plot(steps, self.errors[name], **{"label": name, **style, **line_kw})
        step_ticks(ax.xaxis, steps)
        measure, _, level = self.metric.partition("-")
        if measure == "coverage":
            ax.axhline(float(level) / 100, color="0.5", linewidth=0.8)
        elif self.metric == "bias" or measure.startswith("skill"):
            ax.axhline(0, color="0.5", linewidth=0.8)
        else:
            ax.update_datalim([(steps[0], 0)])
            ax.autoscale_view()
            ax.set_ylim(bottom=0)
        unit = None if self.metric.startswith(FREE) else self.unit
        ax.set(xlabel="steps ahead", ylabel=with_unit(self.metric.replace("_", ", against "), unit))
        tidy(ax)
        legend_beside(ax)


class ResidualDisplay(Display):
    """Residuals along time and against the forecast, and their correlations with 95 % bounds.

    Parameters
    ----------
    residuals, forecast : Series of length n_timesteps
        y minus the forecast, and the forecast.
    autocorrelation, cross_correlation, cross_bounds
        As in :class:`tsrnn.diagnostics.Diagnosis`. Without inputs the last plot shows the squared residuals instead.
    steps : int, optional
        How far ahead the forecasts are, for the title.
    unit : str, optional
        Of y, for the axes.
    name : str, optional
        For the title.

    Attributes
    ----------
    ax_ : ndarray of four matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from tsrnn import ARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.plotting import ResidualDisplay
    >>> X, y = make_narendra(700, random_state=0)
    >>> model = ARXRegressor().fit(X[:400], y[:400])
    >>> display = ResidualDisplay.from_estimator(model, X[400:], y[400:])
    >>> len(display.ax_)
    4
    """

    def __init__(
        self, residuals, forecast, autocorrelation, cross_correlation=None, cross_bounds=None, **words
    ):
        self.residuals = residuals
        self.forecast = forecast
        self.autocorrelation = autocorrelation
        self.cross_correlation = cross_correlation
        self.cross_bounds = cross_bounds
        self.steps, self.unit, self.name = (words.pop(word, None) for word in ("steps", "unit", "name"))
        if words:
            raise TypeError(
                f"{next(iter(words))!r} is not an argument of ResidualDisplay: give steps, unit or name."
            )

    @classmethod
    def from_estimator(cls, estimator, X, y, *, unit=None, ax=None, **options):
        """Diagnose and plot.

        Parameters
        ----------
        estimator, X, y, options : as for :func:`tsrnn.diagnose`
        unit, ax : as for the constructor and ``plot``

        Returns
        -------
        display : ResidualDisplay
        """
        unit = unit or unit_of(getattr(y, "name", None))
        return cls.from_diagnosis(diagnose(estimator, X, y, **options), unit=unit, ax=ax)

    @classmethod
    def from_diagnosis(cls, diagnosis, *, unit=None, ax=None):
        """Plot the residuals of a :func:`tsrnn.diagnose`.

        Parameters
        ----------
        diagnosis : Diagnosis
        unit, ax : as for the constructor and ``plot``

        Returns
        -------
        display : ResidualDisplay
        """
        d = diagnosis
        tables = d.autocorrelation, d.cross_correlation, d.cross_bounds
        return cls(d.residuals, d.forecast, *tables, steps=d.steps, unit=unit, name=d.name).plot(ax)

    @classmethod
    def from_predictions(cls, y_true, y_pred, *, X=None, max_lag=24, unit=None, name=None, ax=None):
        """Plot the errors of any one-step forecasts.

        Parameters
        ----------
        y_true, y_pred : Series or array-like of shape (n_timesteps,)
            NaN where nothing was measured.
        X : DataFrame or array-like of shape (n_timesteps, n_features), optional
            Inputs.
        max_lag : int, default=24
        unit, name, ax : as for the constructor and ``plot``

        Returns
        -------
        display : ResidualDisplay
        """
        y_true = pd.Series(y_true)
        y_pred = pd.Series(np.asarray(y_pred, float), y_true.index, name="forecast")
        tables = residual_correlations(y_true - y_pred, X, max_lag=max_lag)
        unit = unit or unit_of(y_true.name)
        return cls(y_true - y_pred, y_pred, *tables, unit=unit, name=name).plot(ax)

    def _figure(self):
        return {"nrows": 2, "ncols": 2, "figsize": (10, 6)}

    def _draw(self, along, against, auto, cross):
        """Draw the four plots."""
        e, f = (pd.Series(v) for v in (self.residuals, self.forecast))
        where, residual = dates(e.index), with_unit("residual", self.unit)
        size = max(2.0, 9 - 1.6 * np.log10(max(1, len(e))))
        along.plot(where, e, ".", color=COLOURS[0], markersize=size, alpha=0.6, markeredgewidth=0)
        along.set_ylabel(residual)
        if not isinstance(where, pd.DatetimeIndex):
            along.set_xlabel(where.name or "row")
        self._plot_against(against, e, f)
        against.set(xlabel=with_unit("forecast", self.unit), ylabel=residual)
        table = self.autocorrelation
        _sticks(auto, table["residuals"], table["bound"], "autocorrelation of residuals")
        has_inputs = self.cross_correlation is not None and self.cross_correlation.shape[1] > 0
        if has_inputs:
            self._plot_inputs(cross)
        else:
            _sticks(cross, table["squares"], table["bound"], "autocorrelation of squares")
        for ax in (along, against, auto, cross):
            ax.axhline(0, color="0.3", linewidth=0.8, zorder=1)
            tidy(ax, where if ax is along else None)
        title(along, title_of(self.name, self.steps))

    def _plot_against(self, ax, e, f):
        """Draw residuals against forecasts, the density of many."""
        valid = (np.isfinite(e) & np.isfinite(f)).to_numpy()
        if valid.sum() <= MAX_POINTS:
            ax.plot(f[valid], e[valid], ".", color=COLOURS[0], alpha=0.6, markeredgewidth=0)
            return
        from matplotlib.colors import ListedColormap

        blues = pyplot().get_cmap("Blues")(np.linspace(0.25, 1, 256))  # a single row is not white
        options = {"gridsize": 45, "bins": "log", "mincnt": 1, "linewidths": 0.2}
        cells = ax.hexbin(f[valid], e[valid], cmap=ListedColormap(blues), **options)
        colour_bar(ax, cells, "rows")

    def _plot_inputs(self, ax):
        """Draw the cross-correlations that exceed their bounds most, by input."""
        table = self.cross_correlation.xs("u, e", axis=1, level="test")
        bounds = self.cross_bounds.xs("u, e", level="test")
        names = (table.abs() / bounds).max().sort_values(ascending=False).index[:MAX_INPUTS]
        for k, (name, label) in enumerate(zip(names, told_apart(names, 16))):
            style = {"color": COLOURS[k], "marker": MARKERS[k], "markersize": 3.5, "linewidth": 1}
            ax.plot(table.index, table[name], label=label, **style)
        widest = bounds[names].max()
        ax.axhspan(-widest, widest, color="0.5", alpha=0.2, linewidth=0, label="95 %")
        note = f"\n({len(names)} of {table.shape[1]} inputs)" if len(names) < table.shape[1] else ""
        ax.set(xlabel="lag of the input", ylabel=f"correlation with residuals{note}")
        whole_numbers(ax.xaxis, [1])
        top = np.nanmax(np.abs(np.r_[table[names].to_numpy().ravel(), widest]))
        ax.set_ylim(-1.15 * top, 1.7 * top)  # leave room for the legend
        legend_within(ax, ncols=2, fontsize="small", loc="upper center", labelspacing=0.3)


class ErrorCalendarDisplay(Display):
    """When a model errs: a map of its errors by hour and weekday, or by weekday and month of days.

    A row of days that is darker than the others shows what a calendar, holidays or a known schedule would still give.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Errors, NaN where there was none; its index and columns are the calendar's words.
    metric : str, default="RMSE"
        What the errors are, for the colour bar.
    unit : str, optional
        Of y, for the colour bar.
    name : str, optional
        For the title.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    image_ : matplotlib QuadMesh

    Examples
    --------
    >>> from tsrnn import ARXRegressor
    >>> from tsrnn.datasets import load_wind_farm
    >>> from tsrnn.model_selection import backtest
    >>> from tsrnn.plotting import ErrorCalendarDisplay
    >>> y = load_wind_farm().target[:1500].ffill()
    >>> result = backtest(ARXRegressor(output_lags=3).fit(None, y[:700]), None, y[700:], horizon=6)
    >>> ErrorCalendarDisplay.from_backtest(result).table.shape
    (7, 24)
    """

    _size = (7.4, 2.8)

    def __init__(self, table, *, metric="RMSE", unit=None, name=None):
        self.table = table
        self.metric = metric
        self.unit = unit
        self.name = name

    @classmethod
    def from_backtest(cls, result, *, metric="RMSE", step=None, output=None, unit=None, name=None, ax=None):
        """Put the errors of a backtest into a calendar, by the time that is forecast, and plot.

        Parameters
        ----------
        result : Backtest
            Of :func:`tsrnn.model_selection.backtest`, of rows with dates.
        metric : {"RMSE", "MAE", "bias"}, default="RMSE"
            Of forecast - y.
        step : int, optional
            How many steps ahead; all together by default.
        output : str, optional
            Which output, of a y with columns; the first by default.
        unit, name, ax : as for the constructor and ``plot``

        Returns
        -------
        display : ErrorCalendarDisplay
        """
        rows = result.forecasts
        if "output" in rows:
            rows = rows[rows["output"] == (rows["output"].iloc[0] if output is None else output)]
        rows = rows if step is None else rows[rows["step"] == step]
        time = pd.Index(rows["time"])
        time = time.to_timestamp() if isinstance(time, pd.PeriodIndex) else time
        if not isinstance(time, pd.DatetimeIndex):
            raise ValueError("The backtest has no dates: give it X or y with a DatetimeIndex.")
        measures = {"RMSE": lambda e: np.sqrt((e**2).mean()), "MAE": lambda e: e.abs().mean()}
        measures["bias"] = lambda e: e.mean()
        if metric not in measures:
            raise ValueError(f"metric={metric!r} is none of a calendar: give one of {list(measures)}.")
        error = pd.Series((rows["forecast"] - rows["y"]).to_numpy(float))
        hourly = time.hour.nunique() > 1
        days = pd.Index(time.day_of_week, name="weekday")
        across = pd.Index(time.hour, name="hour") if hourly else pd.Index(time.month - 1, name="month")
        table = error.groupby([days, across]).agg(measures[metric]).unstack()
        table = table.reindex(index=range(7), columns=range(24 if hourly else 12)).set_axis(DAYS)
        table = table if hourly else table.set_axis(MONTHS, axis=1)
        table = table.rename_axis(index="weekday", columns="hour" if hourly else "month")
        return cls(table, metric=metric, unit=unit, name=title_of(name, step) or None).plot(ax)

    def _draw(self, ax, **mesh_kw):
        """Draw the map; a bias in colours of two signs."""
        table = self.table
        values = table.to_numpy(float)
        style = of_two_signs(values)
        if not np.nanmin(values, initial=0.0) < 0:
            style |= {"cmap": AMOUNTS, "vmin": 0}
        places = (np.arange(n) for n in values.shape[::-1])
        self.image_ = cells(ax, *places, values, **{**style, **mesh_kw})
        every = 3 if table.shape[1] > 12 else 1
        ax.set_xticks(np.arange(0, table.shape[1], every), table.columns[::every])
        ax.set_yticks(np.arange(len(table)), table.index)
        ax.invert_yaxis()
        ax.set_xlabel(f"{table.columns.name or ''} of the forecast value".strip())
        bare(ax)
        colour_bar(ax, self.image_, with_unit(self.metric, self.unit))
        title(ax, self.name)


class ReliabilityDisplay(Display):
    """Coverage of intervals: the share of y inside, against the nominal level, by horizon.

    On the diagonal they are honest; below it too narrow, above it too wide.

    Parameters
    ----------
    coverage : DataFrame indexed by step, one column per level in per cent
        The share of measured values inside the intervals.
    n : int, optional
        Forecasts of each step, for the title.
    name : str, optional
        For the title.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : dict of matplotlib lines, by step

    Examples
    --------
    >>> from tsrnn import ARXRegressor
    >>> from tsrnn.datasets import make_narma
    >>> from tsrnn.model_selection import backtest
    >>> from tsrnn.plotting import ReliabilityDisplay
    >>> X, y = make_narma(900, random_state=0)
    >>> model = ARXRegressor().fit(X[:500], y[:500])
    >>> result = backtest(model, X[500:], y[500:], horizon=3, level=[50, 80, 95])
    >>> display = ReliabilityDisplay.from_backtest(result)
    >>> display.coverage.shape
    (3, 3)
    """

    _size = (5.6, 4)

    def __init__(self, coverage, *, n=None, name=None):
        self.coverage = coverage
        self.n = n
        self.name = name

    @classmethod
    def from_backtest(cls, result, *, output=None, name=None, ax=None, **line_kw):
        """Read the coverages of a backtest and plot.

        Parameters
        ----------
        result : Backtest
            Of :func:`tsrnn.model_selection.backtest` with several levels, such as ``level=[50, 80, 90, 95]``.
        output : str, optional
            Which output, of a y with columns; the first by default.
        name, ax, line_kw : as for the constructor and ``plot``

        Returns
        -------
        display : ReliabilityDisplay
        """
        table = result.errors
        if table.index.nlevels > 1:
            table = table.loc[table.index[0][0] if output is None else output]
        levels = [column for column in table if str(column).startswith("coverage-")]
        if not levels:
            raise ValueError("The backtest has no intervals: give it level=[50, 80, 95].")
        coverage = table[levels].rename(columns=lambda column: float(column.partition("-")[2]))
        return cls(coverage.sort_index(axis=1), n=int(table["n"].min()), name=name).plot(ax, **line_kw)

    def _draw(self, ax, **line_kw):
        """Draw one line per step, a few of many."""
        table, self.lines_ = self.coverage, {}
        chosen = np.unique(np.linspace(0, len(table) - 1, min(MAX_HORIZONS, len(table))).round().astype(int))
        ax.plot([0, 100], [0, 100], color="0.5", linewidth=0.8, linestyle="--", label="as promised")
        shades = pyplot().get_cmap(SHADES)(np.linspace(0.0, 0.85, len(chosen)))
        for colour, k in zip(shades, chosen):
            step = table.index[k]
            style = {"color": colour, "marker": "o", "markersize": 4, "label": f"{step} ahead"}
            (self.lines_[step],) = ax.plot(table.columns, 100 * table.iloc[k], **{**style, **line_kw})
        ends = 100 * table.iloc[chosen].to_numpy(float)
        low = max(0.0, min(np.nanmin(ends), min(table.columns)) - 5)
        ax.set(xlim=(low, 101), ylim=(low, 101), aspect="equal")
        ax.set(xlabel="level of the intervals, %", ylabel="share of y inside, %")
        note = f"\n{self.n} forecasts of each step" if self.n else ""
        title(ax, f"{self.name or 'Intervals'}{note}")
        tidy(ax)
        legend_beside(ax)


def _sticks(ax, values, bound, label):
    """Draw one stick per lag, and the bounds; sticks beyond them in another colour, of which the legend speaks."""
    outside = values.abs() > bound
    for chosen, colour, words in ((~outside, COLOURS[0], None), (outside, COLOURS[1], "outside")):
        ax.vlines(values.index[chosen], 0, values[chosen], color=colour, linewidth=1.6)
        if chosen.any():
            ax.plot(values.index[chosen], values[chosen], "o", color=colour, markersize=3, label=words)
    ends, edge = [values.index[0] - 0.5, values.index[-1] + 0.5], bound.iloc[0]
    ax.fill_between(ends, -edge, edge, color="0.5", alpha=0.2, linewidth=0, label="95 % of noise")
    ax.set(xlabel="lag", ylabel=label)
    whole_numbers(ax.xaxis, [1])
    ax.margins(x=0.02)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.2 * (high - low))  # leave room for the legend
    legend_within(ax, ncols=2, fontsize="small", loc="upper right", borderaxespad=0.1)
