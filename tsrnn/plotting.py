"""Plots of models, in scikit-learn's display convention: data in the constructor, ``plot(ax)``.

They need matplotlib: ``pip install tsrnn[plot]``.
"""

import numpy as np
import pandas as pd

from ._estimators.through import forecast, sample_paths, see_through
from ._series.stamps import is_default
from .diagnostics import diagnose, lag_importance, residual_correlations
from .model_selection import backtest


COLOURS = [
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
]  # Okabe, Ito: safe for the colour-blind
GREYS = ["0.3", "0.5", "0.65"]  # of baselines
MARKERS = "osD^vP"
MAX_POINTS = 2000  # more would overlap: their density is drawn
MAX_INPUTS = 4  # lines in one plot of correlations that the eye can tell apart


class GradientFlowDisplay:
    """Norms of dL(t)/dh(t - k) against k: vanishing and exploding gradients at a glance.

    Parameters
    ----------
    norms : array-like of shape (n_layers, steps)
        From ``gradient_flow`` of a recurrent model.
    name : str, optional
        For the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of matplotlib lines, one a layer

    Examples
    --------
    >>> from tsrnn import LSTMRegressor
    >>> from tsrnn.datasets import make_narma
    >>> from tsrnn.plotting import GradientFlowDisplay
    >>> X, y = make_narma(600, random_state=0)
    >>> model = LSTMRegressor((8,), max_iter=20, random_state=0).fit(X, y)
    >>> display = GradientFlowDisplay.from_estimator(model, X, y, steps=30)
    >>> len(display.lines_)
    1
    """

    def __init__(self, norms, *, name=None):
        self.norms = norms
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, y, *, steps=None, name=None, ax=None, **line_kw):
        """Compute and plot.

        Parameters
        ----------
        estimator : fitted ElmanRegressor, LSTMRegressor or GRURegressor, or Pipeline or search over one
        X, y, steps : as for ``gradient_flow``
        name, ax, line_kw : as for the constructor and ``plot``

        Returns
        -------
        display : GradientFlowDisplay
        """
        estimator, X = see_through(estimator, X)
        if not hasattr(estimator, "gradient_flow"):
            raise ValueError(f"{type(estimator).__name__} has no state: give an Elman, LSTM or GRU model.")
        norms = estimator.gradient_flow(X, y, steps=steps)
        return cls(norms, name=name or type(estimator).__name__).plot(ax, **line_kw)

    def plot(self, ax=None, **line_kw):
        """Draw one line a layer, on a logarithmic axis.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure's by default.
        **line_kw
            For ``ax.plot``.

        Returns
        -------
        self : GradientFlowDisplay
        """
        plt = _pyplot()
        ax = plt.subplots(layout="constrained")[1] if ax is None else ax
        norms = np.atleast_2d(self.norms)
        self.lines_ = []
        for k, layer in enumerate(norms):
            words = [self.name] if self.name else []
            words += [f"layer {k + 1}"] if len(norms) > 1 else []
            self.lines_ += ax.plot(
                np.where(layer > 0, layer, np.nan), **{"label": ", ".join(words), **line_kw}
            )
        ax.set_yscale("log")
        ax.set(xlabel="steps back, k", ylabel=r"mean norm of $\partial L(t)\,/\,\partial h(t-k)$")
        ax.grid(alpha=0.3)
        if ax.get_legend_handles_labels()[1]:
            ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


class AttentionDisplay:
    """What each step of a forecast looks at: a map of steps against rows of history.

    Parameters
    ----------
    weights : array-like of shape (horizon, context)
        Of one forecast, or the mean of many, from ``attention_weights`` of an encoder-decoder.

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

    def __init__(self, weights):
        self.weights = weights

    @classmethod
    def from_estimator(cls, estimator, X, y, *, origin=None, ax=None, **mesh_kw):
        """Compute and plot.

        Parameters
        ----------
        estimator : fitted EncoderDecoderRegressor, or Pipeline or search over one
        X, y : as for ``attention_weights``
        origin : int, optional
            Which of the forecasts, -1 for the last; by default the mean of all.
        ax, mesh_kw : as for ``plot``

        Returns
        -------
        display : AttentionDisplay
        """
        estimator, X = see_through(estimator, X)
        if not hasattr(estimator, "attention_weights"):
            raise ValueError(f"{type(estimator).__name__} has no attention: give an EncoderDecoderRegressor.")
        weights = estimator.attention_weights(X, y)
        return cls(weights.mean(axis=0) if origin is None else weights[origin]).plot(ax, **mesh_kw)

    def plot(self, ax=None, **mesh_kw):
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure's by default.
        **mesh_kw
            For ``ax.pcolormesh``.

        Returns
        -------
        self : AttentionDisplay
        """
        plt = _pyplot()
        ax = plt.subplots(layout="constrained")[1] if ax is None else ax
        weights = np.asarray(self.weights)
        steps, context = weights.shape
        back, ahead = np.arange(-context, 1) + 0.5, np.arange(steps + 1) + 0.5
        self.mesh_ = ax.pcolormesh(back, ahead, weights, **{"cmap": "viridis", "vmin": 0.0, **mesh_kw})
        ax.figure.colorbar(self.mesh_, ax=ax, label="share")
        ax.set(xlabel="row of history (0: the last)", ylabel="step ahead")
        self.ax_, self.figure_ = ax, ax.figure
        return self


class PoolingDisplay:
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
        weights = estimator.attention_weights(X)
        return cls(weights, labels=labels, name=name or type(estimator).__name__).plot(ax, **image_kw)

    def plot(self, ax=None, **image_kw):
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure's by default.
        **image_kw
            For ``ax.imshow``.

        Returns
        -------
        self : PoolingDisplay
        """
        ax = ax or _pyplot().subplots(layout="constrained")[1]
        table = np.full((len(self.weights), max(map(len, self.weights))), np.nan)
        for row, a in zip(table, self.weights):
            row[: len(a)] = a
        options = {"aspect": "auto", "cmap": "Blues", "vmin": 0, "interpolation": "nearest"}
        self.image_ = ax.imshow(table, **{**options, **image_kw})
        ax.set(xlabel="step", ylabel="series", title=self.name)
        if self.labels is not None:
            ax.set_yticks(range(len(self.labels)), self.labels)
        ax.figure.colorbar(self.image_, ax=ax, label="weight")
        self.ax_, self.figure_ = ax, ax.figure
        return self


class ReservoirDisplay:
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
        estimator, X = see_through(estimator, X)
        states = estimator.states(X, y, start=start)
        chosen = np.linspace(0, states.shape[1] - 1, min(n_units, states.shape[1])).astype(int)
        display = cls(estimator.eigenvalues(), states[:, chosen], name=name or type(estimator).__name__)
        return display.plot(ax, **image_kw)

    def plot(self, ax=None, **image_kw):
        """Draw the eigenvalues on one axes, the states on the other.

        Parameters
        ----------
        ax : sequence of two matplotlib Axes, optional
            A new figure's by default.
        **image_kw
            For ``ax.imshow``, which draws the states.

        Returns
        -------
        self : ReservoirDisplay
        """
        plt = _pyplot()
        if ax is None:
            options = {"figsize": (10, 4), "width_ratios": (1, 1.6), "layout": "constrained"}
            ax = plt.subplots(1, 2, **options)[1]
        plane, raster = ax
        values, states = np.asarray(self.eigenvalues), np.asarray(self.states)
        circle = np.exp(2j * np.pi * np.linspace(0, 1, 200))
        plane.plot(circle.real, circle.imag, color="0.6", linewidth=1)
        self.points_ = plane.scatter(values.real, values.imag, s=8)
        plane.set(xlabel="real part", ylabel="imaginary part", aspect="equal", title=self.name)
        largest = np.abs(states).max(initial=0) or 1.0
        options = {
            "aspect": "auto",
            "cmap": "RdBu_r",
            "vmin": -largest,
            "vmax": largest,
            "interpolation": "nearest",
        }
        self.image_ = raster.imshow(states.T, **{**options, **image_kw})
        raster.set(xlabel="step", ylabel="unit")
        raster.figure.colorbar(self.image_, ax=raster, label="state")
        self.ax_, self.figure_ = np.array([plane, raster]), plane.figure
        return self


class ForecastDisplay:
    """A forecast after its history, with a fan of intervals, sample paths and the measured values.

    Parameters
    ----------
    forecast : DataFrame, Series or array-like of shape (steps,)
        From ``forecast``; with ``level`` a DataFrame, whose columns ``lo-80``, ``hi-80`` ... are the fan.
    history, truth : Series or array-like, optional
        y before the forecast, and the y to compare it with. Without stamps the forecast follows the history, and the
        truth begins with the forecast.
    paths : array-like of shape (n_paths, steps), optional
        Sample paths, from ``sample_paths``.
    output : str, optional
        Which output, where the forecast has several; the first by default.
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

    def __init__(self, forecast, *, history=None, truth=None, paths=None, output=None, name=None):
        self.forecast = forecast
        self.history = history
        self.truth = truth
        self.paths = paths
        self.output = output
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
        history, truth, output, name, ax, last, line_kw : as for the constructor and ``plot``

        Returns
        -------
        display : ForecastDisplay
        """
        prediction = forecast(estimator, steps, X_future, level=level, method=method)
        paths = sample_paths(estimator, steps, X_future, n_paths=n_paths) if n_paths else None
        if isinstance(prediction, list) or isinstance(prediction.index, pd.MultiIndex):
            raise ValueError(
                "The forecast is of several series: draw one at a time, ForecastDisplay(forecast.loc[key])."
            )
        name = name or type(see_through(estimator, None)[0]).__name__
        display = cls(prediction, history=history, truth=truth, paths=paths, output=output, name=name)
        return display.plot(ax, last=last, **line_kw)

    @staticmethod
    def _one(series, output):
        """Select one output of a history or truth, a Series."""
        if isinstance(series, pd.DataFrame):
            return series[output] if output in series else series.iloc[:, 0]
        return pd.Series(series)

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
        ax = _axes(ax, figsize=(8, 4))
        table = pd.DataFrame(self.forecast)
        point, n = table.columns[0] if self.output is None else self.output, len(table)
        if point not in table:
            raise ValueError(f"output={point!r} is no column of the forecast: give one of {list(table)}.")
        prefix = "" if any(str(c).startswith("lo-") for c in table) else f"{point}-"
        levels = [str(c).removeprefix(f"{prefix}lo-") for c in table if str(c).startswith(f"{prefix}lo-")]
        index = table.index
        if self.history is not None:
            history = self._one(self.history, point).iloc[-(last or 3 * n) :]
            if is_default(index):
                index = index + len(self.history)
            ax.plot(_dates(history.index), history, color="0.45", linewidth=1.2, label="history")
        index = _dates(index)
        self.bands_ = [
            ax.fill_between(
                index,
                table[f"{prefix}lo-{level}"].astype(float),
                table[f"{prefix}hi-{level}"].astype(float),
                color=COLOURS[0],
                alpha=0.15 + 0.2 * k / len(levels),  # narrow intervals, darker, are drawn over wide ones
                linewidth=0,
                label=f"{level} %",
            )
            for k, level in enumerate(sorted(levels, key=float, reverse=True))
        ]
        paths = [] if self.paths is None else np.asarray(self.paths)
        self.paths_ = [ax.plot(index, path, color=COLOURS[0], alpha=0.3, linewidth=0.6)[0] for path in paths]
        if self.truth is not None:
            truth = self._one(self.truth, point).iloc[:n]
            truth_index = index[: len(truth)] if is_default(truth.index) else _dates(truth.index)
            ax.plot(truth_index, truth, color="black", linewidth=1.2, label="measured")
        options = {"color": COLOURS[0], "linewidth": 1.8, "label": self.name or "forecast"}
        (self.line_,) = ax.plot(index, table[point], **{**options, **line_kw})
        name = getattr(self.history, "name", None) or (point if isinstance(point, str) else None)
        ax.set_ylabel(name or "y")
        _tidy(ax, index)
        ax.margins(x=0.01)
        _legend_beside(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class LossCurveDisplay:
    """Loss by iteration, on the training rows and on the validation rows.

    Parameters
    ----------
    loss, validation : array-like of shape (n_iter,)
        ``loss_curve_`` and ``validation_curve_`` of a model; no validation by default. The curves of a
        model trained in several stages (``training="both"``) are concatenated; each stage has another loss.
    name : str, optional
        For the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of matplotlib lines
    best_ : int
        Iteration, counted from 1, of the lowest validation loss, or of the lowest loss without validation.

    Examples
    --------
    >>> from tsrnn import LSTMRegressor
    >>> from tsrnn.datasets import make_narma
    >>> from tsrnn.plotting import LossCurveDisplay
    >>> X, y = make_narma(600, random_state=0)
    >>> model = LSTMRegressor((8,), max_iter=20, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> len(display.lines_)
    2
    """

    def __init__(self, loss, validation=None, *, name=None):
        self.loss = loss
        self.validation = validation
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, **line_kw):
        """Read the curves and plot.

        Parameters
        ----------
        estimator : fitted estimator of tsrnn, or Pipeline or search over one
        name, ax, line_kw : as for the constructor and ``plot``

        Returns
        -------
        display : LossCurveDisplay
        """
        estimator, _ = see_through(estimator, None)
        validation = getattr(estimator, "validation_curve_", None) or None  # [] if no rows were held back
        return cls(estimator.loss_curve_, validation, name=name or type(estimator).__name__).plot(
            ax, **line_kw
        )

    def plot(self, ax=None, **line_kw):
        """Draw one line for each curve, on a logarithmic axis, and the lowest point.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure's by default.
        **line_kw
            For ``ax.plot``.

        Returns
        -------
        self : LossCurveDisplay
        """
        ax = _axes(ax, figsize=(6, 4))
        self.lines_, prefix = [], f"{self.name}, " if self.name else ""
        for curve, label, colour in (
            (self.loss, "training", "0.45"),
            (self.validation, "validation", COLOURS[0]),
        ):
            if curve is not None:
                n = np.arange(1, len(curve) + 1)
                options = {"color": colour, "label": prefix + label, "marker": "." if len(n) == 1 else None}
                self.lines_ += ax.plot(n, curve, **{**options, **line_kw})
        watched = np.asarray(self.loss if self.validation is None else self.validation, float)
        if len(watched):
            self.best_ = int(np.nanargmin(watched)) + 1
            label = f"lowest, {watched[self.best_ - 1]:.3g} in iteration {self.best_}"
            ax.plot(
                self.best_,
                watched[self.best_ - 1],
                "o",
                color=COLOURS[1],
                markersize=6,
                zorder=4,
                label=label,
            )
        ax.set_yscale("log")
        ax.set(xlabel="iteration", ylabel="loss, in scaled units")
        _tidy(ax)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class BacktestDisplay:
    """Error by horizon, of models and baselines.

    Parameters
    ----------
    errors : DataFrame indexed by step, a column a model
    baselines : sequence of str, default=()
        Which columns are baselines: drawn in grey.
    metric : str, default="RMSE"
        What the errors are, for the axis.

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

    def __init__(self, errors, *, baselines=(), metric="RMSE"):
        self.errors = errors
        self.baselines = baselines
        self.metric = metric

    @classmethod
    def from_estimator(
        cls, estimators, X, y, horizon, *, metric="RMSE", output=None, ax=None, line_kw=None, **options
    ):
        """Backtest one model or several, and plot.

        Parameters
        ----------
        estimators : estimator of tsrnn, or dict of them by name
            Or Pipelines or searches.
        X, y, horizon, options : as for :func:`tsrnn.model_selection.backtest`
        metric, output, ax : as for ``from_backtests`` and ``plot``
        line_kw : dict, optional
            As for ``plot``.

        Returns
        -------
        display : BacktestDisplay
        """
        if not isinstance(estimators, dict):
            estimators = {type(see_through(estimators, None)[0]).__name__: estimators}
        results = {name: backtest(model, X, y, horizon, **options) for name, model in estimators.items()}
        return cls.from_backtests(results, metric=metric, output=output, ax=ax, **(line_kw or {}))

    @classmethod
    def from_backtests(cls, results, *, metric="RMSE", output=None, ax=None, **line_kw):
        """Plot the errors of backtests of the same rows.

        Parameters
        ----------
        results : dict of Backtest by name
            Of :func:`tsrnn.model_selection.backtest`.
        metric : str, default="RMSE"
            A column of ``errors``. With "RMSE" persistence is drawn too, and the seasonal naive forecast, if the
            backtest compared it.
        output : str, optional
            Which output, of a y with columns; the first by default.
        ax, line_kw : as for ``plot``

        Returns
        -------
        display : BacktestDisplay
        """
        tables = {}
        for name, result in results.items():
            table = result.errors
            if table.index.nlevels > 1:
                table = table.loc[table.index[0][0] if output is None else output]
            if metric not in table:
                raise ValueError(f"metric={metric!r} is no column of errors: give one of {list(table)}.")
            tables[name] = table
        errors = pd.DataFrame({name: table[metric] for name, table in tables.items()})
        baselines, table_of_first = {}, next(iter(tables.values()))
        if metric == "RMSE":
            for column, name in (("skill_persistence", "persistence"), ("skill_seasonal", "seasonal naive")):
                if column in table_of_first:
                    baselines[name] = table_of_first["RMSE"] / (1 - table_of_first[column])
        return cls(errors.assign(**baselines), baselines=list(baselines), metric=metric).plot(ax, **line_kw)

    @classmethod
    def from_diagnosis(cls, diagnosis, *, ax=None, **line_kw):
        """Plot the errors of a :func:`tsrnn.diagnose`.

        Parameters
        ----------
        diagnosis : Diagnosis
        ax, line_kw : as for ``plot``

        Returns
        -------
        display : BacktestDisplay
        """
        errors = diagnosis.errors.drop(columns="n").rename(columns={"model": diagnosis.name})
        return cls(errors, baselines=list(errors.columns[1:])).plot(ax, **line_kw)

    def plot(self, ax=None, **line_kw):
        """Draw one line a model.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure's by default.
        **line_kw
            For ``ax.plot``.

        Returns
        -------
        self : BacktestDisplay
        """
        ax = _axes(ax, figsize=(7, 4))
        steps, self.lines_ = self.errors.index, {}
        models = [name for name in self.errors if name not in self.baselines]
        for name in self.errors:
            k = (self.baselines if name in self.baselines else models).index(name)
            style = {"color": COLOURS[k % len(COLOURS)], "linewidth": 1.8, "zorder": 3}
            if name in self.baselines:
                style = {"color": GREYS[k % len(GREYS)], "linewidth": 1.2, "linestyle": "--"}
            style |= {"marker": MARKERS[k % len(MARKERS)], "markersize": 4, "label": name}
            (self.lines_[name],) = ax.plot(steps, self.errors[name], **{**style, **line_kw})
        if len(steps) <= 12:
            ax.set_xticks(steps)
        measure, _, level = self.metric.partition("-")
        if measure == "coverage":
            ax.axhline(float(level) / 100, color="0.5", linewidth=0.8)
        elif self.metric == "bias" or measure.startswith("skill"):
            ax.axhline(0, color="0.5", linewidth=0.8)
        else:
            ax.set_ylim(bottom=0)
        ax.set(xlabel="steps ahead", ylabel=self.metric.replace("_", ", against "))
        _tidy(ax)
        _legend_beside(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class ResidualDisplay:
    """Residuals along time and against the forecast, and their correlations with 95 % bounds.

    Parameters
    ----------
    residuals, forecast : Series of length n_timesteps
        y minus the forecast, and the forecast.
    autocorrelation, cross_correlation, cross_bounds
        As in :class:`tsrnn.diagnostics.Diagnosis`. Without inputs the last plot shows the squared residuals instead.
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
        self, residuals, forecast, autocorrelation, cross_correlation=None, cross_bounds=None, *, name=None
    ):
        self.residuals = residuals
        self.forecast = forecast
        self.autocorrelation = autocorrelation
        self.cross_correlation = cross_correlation
        self.cross_bounds = cross_bounds
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None, **options):
        """Diagnose and plot.

        Parameters
        ----------
        estimator, X, y, options : as for :func:`tsrnn.diagnose`
        ax : as for ``plot``

        Returns
        -------
        display : ResidualDisplay
        """
        return cls.from_diagnosis(diagnose(estimator, X, y, **options), ax=ax)

    @classmethod
    def from_diagnosis(cls, diagnosis, *, ax=None):
        """Plot the residuals of a :func:`tsrnn.diagnose`.

        Parameters
        ----------
        diagnosis : Diagnosis
        ax : as for ``plot``

        Returns
        -------
        display : ResidualDisplay
        """
        d = diagnosis
        tables = d.autocorrelation, d.cross_correlation, d.cross_bounds
        return cls(d.residuals, d.forecast, *tables, name=d.name).plot(ax)

    @classmethod
    def from_predictions(cls, y_true, y_pred, *, X=None, max_lag=24, name=None, ax=None):
        """Plot the errors of any one-step forecasts.

        Parameters
        ----------
        y_true, y_pred : Series or array-like of shape (n_timesteps,)
            NaN where nothing was measured.
        X : DataFrame or array-like of shape (n_timesteps, n_features), optional
            Inputs.
        max_lag : int, default=24
        name, ax : as for the constructor and ``plot``

        Returns
        -------
        display : ResidualDisplay
        """
        y_true = pd.Series(y_true)
        y_pred = pd.Series(np.asarray(y_pred, float), y_true.index, name="forecast")
        tables = residual_correlations(y_true - y_pred, X, max_lag=max_lag)
        return cls(y_true - y_pred, y_pred, *tables, name=name).plot(ax)

    def plot(self, ax=None):
        """Draw the four plots.

        Parameters
        ----------
        ax : sequence of four matplotlib Axes, optional
            A new figure's by default.

        Returns
        -------
        self : ResidualDisplay
        """
        if ax is None:
            ax = _pyplot().subplots(2, 2, figsize=(11, 7), layout="constrained")[1]
        ax = np.ravel(ax)
        along, against, auto, cross = ax
        e, f = (pd.Series(v) for v in (self.residuals, self.forecast))
        where = _dates(e.index)
        along.plot(
            where, e, ".", color=COLOURS[0], markersize=max(1.5, 6 - np.log10(len(e)) * 1.2), alpha=0.6
        )
        along.set_ylabel("residual")
        known = (np.isfinite(e) & np.isfinite(f)).to_numpy()
        if known.sum() > MAX_POINTS:
            from matplotlib.colors import ListedColormap

            blues = ListedColormap(
                _pyplot().get_cmap("Blues")(np.linspace(0.25, 1, 256))
            )  # a single row is not white
            cells = against.hexbin(
                f[known], e[known], gridsize=45, bins="log", cmap=blues, mincnt=1, linewidths=0.2
            )
            against.figure.colorbar(cells, ax=against, label="rows")
        else:
            against.plot(f[known], e[known], ".", color=COLOURS[0], alpha=0.6)
        against.set(xlabel="forecast", ylabel="residual")
        table = self.autocorrelation
        _sticks(auto, table["residuals"], table["bound"], "autocorrelation of residuals")
        has_inputs = self.cross_correlation is not None and self.cross_correlation.shape[1] > 0
        if has_inputs:
            self._plot_inputs(cross)
        else:
            _sticks(cross, table["squares"], table["bound"], "autocorrelation of squares")
        for axes in ax:
            axes.axhline(0, color="0.3", linewidth=0.8, zorder=1)
            _tidy(axes, where if axes is along else None)
        if self.name:
            along.set_title(self.name, loc="left", fontsize="medium")
        self.ax_, self.figure_ = ax, along.figure
        return self

    def _plot_inputs(self, ax):
        """Draw the cross-correlations that exceed their bounds most, by input."""
        table = self.cross_correlation.xs("u, e", axis=1, level="test")
        bounds = self.cross_bounds.xs("u, e", level="test")
        names = (table.abs() / bounds).max().sort_values(ascending=False).index[:MAX_INPUTS]
        for k, name in enumerate(names):
            style = {"color": COLOURS[k], "marker": MARKERS[k], "markersize": 3.5, "linewidth": 1}
            ax.plot(table.index, table[name], label=str(name), **style)
        widest = bounds[names].max()
        ax.axhspan(-widest, widest, color="0.5", alpha=0.2, linewidth=0, label="95 %")
        note = f" ({len(names)} of {table.shape[1]} inputs)" if len(names) < table.shape[1] else ""
        ax.set(xlabel="lag of the input", ylabel=f"correlation with residuals{note}")
        ax.xaxis.get_major_locator().set_params(integer=True)
        top = np.nanmax(np.abs(np.r_[table[names].to_numpy().ravel(), widest]))
        ax.set_ylim(-1.15 * top, 1.5 * top)  # leave room for the legend
        ax.legend(frameon=False, ncols=3, fontsize="small", loc="upper center")


class LagImportanceDisplay:
    """Sensitivity of the forecast to each lag of each input and of y.

    Parameters
    ----------
    importance : DataFrame indexed by lag, a column a variable
        From :func:`tsrnn.diagnostics.lag_importance`.
    name : str, optional
        For the title.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    image_ : matplotlib QuadMesh

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
        name = name or type(see_through(estimator, None)[0]).__name__
        return cls(importance, name=name).plot(ax, **mesh_kw)

    def plot(self, ax=None, **mesh_kw):
        """Draw a row per variable, the most important on top, and a cell per lag, in logarithmic colours.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure's by default.
        **mesh_kw
            For ``ax.pcolormesh``.

        Returns
        -------
        self : LagImportanceDisplay
        """
        plt = _pyplot()
        from matplotlib.colors import LogNorm

        table = pd.DataFrame(self.importance)
        table = table[table.sum().sort_values().index]
        n = table.shape[1]
        ax = _axes(ax, figsize=(8, 1.9 + 0.4 * n))
        largest = np.nanmax(table.to_numpy(), initial=0) or 1.0
        values = table.to_numpy(float).T
        shades = plt.get_cmap("viridis_r").with_extremes(under="white", bad="white")
        options = {
            "norm": LogNorm(largest / 300, largest),
            "cmap": shades,
            "edgecolor": "white",
            "linewidth": 0.5,
        }
        edges = np.r_[table.index, table.index[-1] + 1] - 0.5, np.arange(n + 1) - 0.5
        self.image_ = ax.pcolormesh(*edges, np.where(values > 0, values, np.nan), **{**options, **mesh_kw})
        ax.set_yticks(np.arange(n), [str(name) for name in table])
        ax.set_xlabel("lag, rows before the forecast row")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.tick_params(axis="y", length=0)
        ax.spines[:].set_visible(False)
        prefix = f"{self.name}: " if self.name else ""
        ax.set_title(f"{prefix}change of the forecast", loc="left", fontsize="medium")
        ax.figure.colorbar(self.image_, ax=ax, label="std of y per std", extend="min")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _sticks(ax, values, bound, label):
    """Draw one stick per lag, and the bounds; sticks beyond them in another colour."""
    outside = values.abs() > bound
    for chosen, colour in ((~outside, COLOURS[0]), (outside, COLOURS[1])):
        ax.vlines(values.index[chosen], 0, values[chosen], color=colour, linewidth=1.6)
        ax.plot(values.index[chosen], values[chosen], "o", color=colour, markersize=3)
    ax.fill_between(
        [values.index[0] - 0.5, values.index[-1] + 0.5],
        -bound.iloc[0],
        bound.iloc[0],
        color="0.5",
        alpha=0.2,
        linewidth=0,
    )
    ax.set(xlabel="lag", ylabel=label)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.margins(x=0.02)


def _axes(ax, **options):
    """Return ax, or the axes of a new figure if it is None."""
    return _pyplot().subplots(layout="constrained", **options)[1] if ax is None else ax


def _dates(index):
    """Turn periods into stamps, which matplotlib can draw."""
    return index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index


def _tidy(ax, where=None):
    """Draw a light grid, no frame, and short dates if the x axis has dates."""
    ax.grid(alpha=0.3)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if isinstance(where, pd.DatetimeIndex):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(tz=where.tz, minticks=3, maxticks=8)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=where.tz))


def _legend_beside(ax):
    """Draw the legend beside the axes, where it hides no data."""
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def _pyplot():
    """Import pyplot; raise with the cure if matplotlib is missing."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("Pictures need matplotlib: pip install tsrnn[plot].") from None
    return plt
