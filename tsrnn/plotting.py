"""Pictures of models, in scikit-learn's display convention: data in the constructor, ``plot(ax)``.

They need matplotlib: ``pip install tsrnn[plot]``.
"""

import numpy as np

from ._base import _see_through


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
        estimator, X = _see_through(estimator, X)
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


class ReservoirDisplay:
    """A reservoir at a glance: its eigenvalues in the unit circle, and its states along a series.

    Parameters
    ----------
    eigenvalues : array-like of shape (n_units,), complex
        Of (1 - a) I + a W, the linear part of a step: the nearer to the circle, the longer the memory.
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
            How many units the raster shows, evenly chosen.
        name, ax, image_kw : as for the constructor and ``plot``

        Returns
        -------
        display : ReservoirDisplay
        """
        estimator, X = _see_through(estimator, X)
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


def _pyplot():
    """matplotlib's pyplot, or an error that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("Pictures need matplotlib: pip install tsrnn[plot].") from None
    return plt
