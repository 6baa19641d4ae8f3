"""Labels: what a net knows of categories, and how sure it is of classes."""

import numpy as np
import pandas as pd

from .._estimators.through import see_through
from ._style import (
    COLOURS,
    HATCHES,
    Display,
    dates,
    legend_beside,
    tidy,
    title,
    told_apart,
    whole_numbers,
)


CORNERS = ((1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))  # of a point, where its name may stand
WIDE = 0.62  # of a letter, as a share of its size
POINT = 3  # half its size, in points


class EmbeddingDisplay(Display):
    """A map of what a net has learnt about categories: those that it treats alike lie close to each other.

    Parameters
    ----------
    vectors : DataFrame or array-like of shape (n_categories, n_numbers)
        A row a category, from :func:`tsrnn.diagnostics.embedding`; more than two numbers are seen along their two
        main directions, and the title says how much of the differences that is.
    name : str, optional
        For the title.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    places_ : ndarray of shape (n_categories, 2)
    points_ : matplotlib PathCollection

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn.plotting import EmbeddingDisplay
    >>> display = EmbeddingDisplay(np.random.default_rng(0).normal(size=(6, 3))).plot()
    >>> display.places_.shape
    (6, 2)
    """

    _size = (5.6, 4.4)

    def __init__(self, vectors, *, name=None):
        self.vectors = vectors
        self.name = name

    def _draw(self, ax, **points_kw):
        """Draw a point a category, with its name where there is room."""
        table = pd.DataFrame(self.vectors)
        V = table.to_numpy(float) - table.to_numpy(float).mean(axis=0)
        shown = 1.0
        if V.shape[1] > 2:
            U, size, _ = np.linalg.svd(V, full_matrices=False)
            shown = np.sum(size[:2] ** 2) / (np.sum(size**2) or 1.0)
            V = U * size
        self.places_ = np.pad(V[:, :2], [(0, 0), (0, max(0, 2 - V.shape[1]))])
        self.points_ = ax.scatter(*self.places_.T, **{"color": COLOURS[0], "s": 14, **points_kw})
        ax.set(xlabel="first direction", ylabel="second direction")
        ax.set_aspect("equal", adjustable="datalim")
        ax.margins(0.12)
        tidy(ax)
        _name_points(ax, self.places_, told_apart(table.index))
        note = "" if shown > 0.995 else f"{shown:.0%} of the differences shown"
        title(ax, ": ".join(filter(None, (self.name, note))))


def _name_points(ax, places, names):
    """Write names beside points (n, 2), those farthest out first, where they hide neither points nor other names."""
    from matplotlib.font_manager import FontProperties

    ax.figure.canvas.figure.draw_without_rendering()  # what it is drawn at decides what overlaps
    unit, size = ax.figure.dpi / 72, FontProperties(size="small").get_size_in_points()
    at, frame = ax.transData.transform(places) / unit, np.reshape(ax.bbox.extents, (2, 2)) / unit
    taken, chosen = np.stack([at - POINT, at + POINT], axis=1), {}  # boxes (n, 2, 2): low and high corners
    for k in np.argsort(-np.hypot(*(places - places.mean(axis=0)).T), kind="stable"):
        extent = np.array([WIDE * size * len(names[k]), 1.2 * size])
        for corner in np.array(CORNERS):
            middle = at[k] + corner * (POINT + 1 + extent / 2)
            box = np.stack([middle - extent / 2, middle + extent / 2])
            inside = (box[0] >= frame[0]).all() and (box[1] <= frame[1]).all()
            if inside and not ((box[0] < taken[:, 1]) & (box[1] > taken[:, 0])).all(axis=1).any():
                taken, chosen[k] = np.concatenate([taken, box[None]]), middle - at[k]
                break
    for k in sorted(chosen):
        words = {"textcoords": "offset points", "fontsize": "small", "ha": "center", "va": "center"}
        ax.annotate(names[k], places[k], chosen[k], **words)


class ProbabilityDisplay(Display):
    """Probabilities of classes along time, over a band of the true labels.

    Parameters
    ----------
    probabilities : DataFrame of shape (n_timesteps, n_classes)
        A column a class, from ``predict_proba``.
    truth : array-like of shape (n_timesteps,), optional
        The labels; None or NaN where unknown.
    name : str, optional
        For the title.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    areas_ : list of matplotlib collections, one a class

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import GRUClassifier
    >>> from tsrnn.plotting import ProbabilityDisplay
    >>> X = np.sin(np.arange(300.0))[:, None]
    >>> model = GRUClassifier((4,), max_iter=10, random_state=0).fit(X[:200], X[:200, 0] > 0)
    >>> display = ProbabilityDisplay.from_estimator(model, X[200:], X[200:, 0] > 0)
    >>> len(display.areas_)
    2
    """

    _size = (8, 3.2)

    def __init__(self, probabilities, truth=None, *, name=None):
        self.probabilities = probabilities
        self.truth = truth
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, name=None, ax=None, **options):
        """Ask the classifier and plot.

        Parameters
        ----------
        estimator : fitted classifier of tsrnn of rows, or Pipeline or search over one
        X : as for ``predict_proba``
        y : array-like of shape (n_timesteps,), optional
            The true labels.
        name, ax : as for the constructor and ``plot``
        **options
            Of ``predict_proba``, such as ``start``.

        Returns
        -------
        display : ProbabilityDisplay
        """
        inner, Z = see_through(estimator, X)
        if not hasattr(inner, "predict_proba"):
            raise ValueError(f"{type(inner).__name__} knows no classes: give a classifier.")
        if inner.fitted_.form.classes.several:
            raise ValueError(
                f"{type(inner).__name__} gives several labels per row, whose probabilities do not add up: fit one to "
                "each column of y."
            )
        shares = np.asarray(inner.predict_proba(Z, **options))
        index = X.index if isinstance(X, (pd.DataFrame, pd.Series)) else None
        table = pd.DataFrame(shares, index, columns=inner.classes_)
        return cls(table, y, name=name or type(inner).__name__).plot(ax)

    def _draw(self, ax):
        """Draw the areas and, above them, the labels."""
        table = pd.DataFrame(self.probabilities)
        looks = [
            {"color": COLOURS[k % len(COLOURS)], "hatch": HATCHES[k // len(COLOURS) % len(HATCHES)]}
            | {"edgecolor": "white", "linewidth": 0, "step": "post"}
            for k in range(table.shape[1])
        ]
        where, edges = _edges(table.index)
        below = np.zeros(len(table))
        self.areas_ = []
        for look, name, share in zip(looks, told_apart(table, 30), table.to_numpy(float).T):
            level = [np.r_[v, v[-1:]] for v in (below, below + share)]
            self.areas_.append(ax.fill_between(edges, *level, alpha=0.75, label=name, **look))
            below = below + share
        if self.truth is not None:
            truth = np.asarray(self.truth, object)
            for look, name in zip(looks, table):
                hit = np.r_[truth == name, False]
                hit |= np.r_[False, hit[:-1]]
                ax.fill_between(edges, np.full(len(edges), 1.04), 1.12, where=hit, **look)
        ticks, top = {0: "0", 0.5: "0.5", 1: "1"}, 1.0
        if self.truth is not None:
            ticks, top = {**ticks, 1.08: "true"}, 1.12
        ax.set(ylim=(0, top), ylabel="probability")
        ax.set_yticks(list(ticks), list(ticks.values()))
        tidy(ax, where)
        ax.grid(False)
        if not isinstance(where, pd.DatetimeIndex):
            ax.set_xlabel(where.name or "row")
            whole_numbers(ax.xaxis, [1])
        ax.margins(x=0)
        title(ax, self.name)
        legend_beside(ax)


def _edges(index):
    """Return stamps or places (N,) of rows, and where each begins, and the last ends, (N + 1,)."""
    where = dates(index)
    if len(where) < 2:
        return where, where.append(
            where + (pd.Timedelta(1, "h") if isinstance(where, pd.DatetimeIndex) else 1)
        )
    return where, where.append(where[-1:] + (where[-1] - where[-2]))
