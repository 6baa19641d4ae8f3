"""How a fit went: losses, gradients through time, races."""

import numpy as np
import pandas as pd

from .._estimators.through import see_through
from ._style import (
    COLOURS,
    GREYS,
    Display,
    draw,
    legend_beside,
    legend_within,
    line_style,
    shortened,
    tidy,
    whole_numbers,
)


LONGEST = 4  # times the best naive forecast's error, the longest bar of a race


class LossCurveDisplay(Display):
    """Loss by iteration, on the training rows and on the validation rows.

    Parameters
    ----------
    loss, validation : array-like of shape (n_iter,)
        ``loss_curve_`` and ``validation_curve_`` of a model; no validation by default.
    stages : sequence of (name, n_iter, reason), optional
        ``stages_`` of a model trained in several stages (``training="both"``), each with a loss of its own: each is
        a piece of the curves, between dotted lines, with a lowest point of its own.
    name : str, optional
        For the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of matplotlib lines
        Of the training rows, then of the validation rows; a piece a stage.
    best_ : int
        Iteration, counted from 1, of the lowest validation loss of the last stage, or of its lowest loss without
        validation.

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

    _size = (6.4, 3.8)

    def __init__(self, loss, validation=None, *, stages=None, name=None):
        self.loss = loss
        self.validation = validation
        self.stages = stages
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
        stages = getattr(estimator, "stages_", None)
        name, loss = name or type(estimator).__name__, estimator.loss_curve_
        if np.ndim(loss[:1]) == 2:  # of each net inside
            if len(loss) > 1:
                raise ValueError(
                    f"{type(estimator).__name__} has {len(loss)} nets, with a curve each: draw one of them, "
                    "LossCurveDisplay(model.loss_curve_[k]).plot()."
                )
            (loss,) = loss
        return cls(loss, validation, stages=stages, name=name).plot(ax, **line_kw)

    def _draw(self, ax, **line_kw):
        """Draw the curves on a logarithmic axis, unless all losses are 0, and the lowest point of each stage."""
        curves = [(self.loss, "training", "0.45"), (self.validation, "validation", COLOURS[0])]
        some_positive = any(np.any(np.asarray(curve) > 0) for curve, *_ in curves if curve is not None)
        self.lines_, prefix = [], f"{self.name}, " if self.name else ""
        pieces = self._pieces()
        for curve, label, colour in curves:
            for k, piece in enumerate(pieces if curve is not None else ()):
                values = np.asarray(curve, float)[piece]
                if some_positive:
                    values = np.where(values > 0, values, np.nan)  # a logarithmic axis knows no 0
                options = {"color": colour, "label": None if k else prefix + label}
                where = np.arange(len(curve))[piece] + 1
                self.lines_.append(draw(ax, where, values, **{**options, **line_kw}))
        self._plot_lowest(ax, pieces)
        ax.set_yscale("log" if some_positive else "linear")
        if some_positive and len(set(np.floor(np.log10(ax.get_ylim())))) == 1:
            ax.yaxis.set_minor_formatter("{x:.3g}")  # within a decade, no powers of ten
        ax.set(xlabel="iteration", ylabel="loss, in scaled units")
        tidy(ax)
        whole_numbers(ax.xaxis, [1])
        if len(self.loss) == 1:
            ax.set(xlim=(0, 2), xticks=[1])
        self._name_stages(ax, pieces)
        legend_beside(ax)

    def _pieces(self):
        """Return a slice of the curves for each stage."""
        ends = np.cumsum([n for _, n, *_ in self.stages or ()])
        if len(ends) < 2 or ends[-1] != len(self.loss):  # an iterate that was not finite has no loss
            return [slice(0, len(self.loss))]
        return [slice(int(a), int(b)) for a, b in zip([0, *ends], ends)]

    def _plot_lowest(self, ax, pieces):
        """Mark the lowest point of each stage, whose losses are not one another's."""
        watched = np.asarray(self.loss if self.validation is None else self.validation, float)
        for k, piece in enumerate(pieces):
            if np.isfinite(watched[piece]).any():
                at = piece.start + int(np.nanargmin(watched[piece]))
                self.best_ = at + 1
                text = f"lowest, {watched[at]:.3g} in iteration {self.best_}"
                label = f"{text}, of the last stage" if len(pieces) > 1 else text
                label = label if k + 1 == len(pieces) else None
                ax.plot(self.best_, watched[at], "o", color=COLOURS[1], markersize=6, zorder=4, label=label)

    def _name_stages(self, ax, pieces):
        """Write the name of each stage over its piece, as far as there is room."""
        if len(pieces) < 2:
            return
        n = len(self.loss)
        for k, ((name, *_), piece) in enumerate(zip(self.stages, pieces)):
            if k:
                ax.axvline(piece.start + 0.5, color="0.5", linewidth=0.8, linestyle=":")
            style = {"transform": ax.get_xaxis_transform(), "fontsize": "small", "color": "0.35"}
            if piece.stop - piece.start > 0.018 * n * len(str(name)):
                ax.text(piece.start + 0.5 + 0.008 * n, 1.01, name, ha="left", va="bottom", **style)
            elif piece.stop - piece.start > 0.03 * n:
                ax.text(piece.start + 0.5 + 0.01 * n, 0.98, name, ha="left", va="top", rotation=90, **style)


class GradientFlowDisplay(Display):
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

    _size = (6.4, 3.8)

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

    def _draw(self, ax, **line_kw):
        """Draw one line per layer, on a logarithmic axis."""
        norms = np.atleast_2d(self.norms)
        self.lines_ = []
        for k, layer in enumerate(norms):
            words = [self.name] if self.name else []
            words += [f"layer {k + 1}"] if len(norms) > 1 else []
            style = {**line_style(k), "label": ", ".join(words), **line_kw}
            norm = np.where(layer > 0, layer, np.nan)
            self.lines_.append(draw(ax, np.arange(len(layer)), norm, **style))
        ax.set_yscale("log")
        ax.set(xlabel="steps back, k", ylabel=r"mean norm of $\partial L(t)\,/\,\partial h(t-k)$")
        tidy(ax)
        whole_numbers(ax.xaxis, [0])
        legend_within(ax)


class LeaderboardDisplay(Display):
    """Who won a race, and by how much: one bar per candidate, the best on top.

    Parameters
    ----------
    leaderboard : DataFrame indexed by candidate, with columns "error" and "weight"
        ``leaderboard_`` of an ``AutoForecaster``: errors relative to the best naive forecast's, weights in the blend.
    n_rows : int, default=15
        The most candidates to show, the best; those without an error are left out.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    bars_ : matplotlib BarContainer

    Examples
    --------
    >>> from tsrnn import AutoForecaster
    >>> from tsrnn.datasets import load_sunspots
    >>> from tsrnn.plotting import LeaderboardDisplay
    >>> model = AutoForecaster(3, candidates=[], random_state=0).fit(None, load_sunspots().target[:"1955"])
    >>> display = LeaderboardDisplay.from_estimator(model)
    >>> bool(display.bars_[0].get_width() == model.leaderboard_.error.iloc[0])
    True
    """

    def __init__(self, leaderboard, *, n_rows=15):
        self.leaderboard = leaderboard
        self.n_rows = n_rows

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Read the leaderboard and plot; ``AutoForecaster.plot`` draws errors by step.

        Parameters
        ----------
        estimator : fitted AutoForecaster, or Pipeline or search over one
        ax : as for ``plot``

        Returns
        -------
        display : LeaderboardDisplay
        """
        estimator, _ = see_through(estimator, None)
        if not hasattr(estimator, "leaderboard_"):
            raise ValueError(f"{type(estimator).__name__} has no leaderboard: give an AutoForecaster.")
        return cls(estimator.leaderboard_).plot(ax)

    def _figure(self):
        n_ran = np.isfinite(pd.DataFrame(self.leaderboard)["error"]).sum()
        return {"figsize": (7.4, 1.1 + 0.28 * min(n_ran, self.n_rows))}

    def _draw(self, ax):
        """Draw the bars; those in the blend in colour, with their weights."""
        table = pd.DataFrame(self.leaderboard)
        ran = np.isfinite(table["error"])
        table = table[ran].iloc[: self.n_rows]
        blend = table.index == "blend"
        weight = table["weight"].fillna(0).where(~blend, 0)
        colours = np.where((weight > 0) | blend, COLOURS[0], GREYS[2])
        longest = LONGEST * max(1.0, table["error"].min())  # what went astray does not squeeze the others
        self.bars_ = ax.barh(
            np.arange(len(table)), table["error"].clip(upper=longest), color=colours, height=0.7
        )
        notes = [
            f"{e:.3g}" + f", weight {w:.0%}" * (w > 0) + ", bar cut" * (e > longest)
            for e, w in zip(table["error"], weight)
        ]
        over = {"color": "white", "pad": 0.5}  # the line at 1 does not cross the words
        ax.bar_label(self.bars_, notes, padding=3, fontsize="small", bbox=over)
        ax.axvline(1.0, color="0.3", linewidth=0.8, linestyle="--", zorder=0)
        ax.set_yticks(np.arange(len(table)), [shortened(name, 48) for name in table.index])
        ax.invert_yaxis()
        others = f" ({ran.sum() - len(table)} others ran)" if ran.sum() > len(table) else ""
        ax.set_xlabel(f"error, 1 is the best naive forecast's{others}")
        tidy(ax)
        ax.grid(False, axis="y")
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.margins(x=0.25)
