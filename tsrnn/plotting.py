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


def _pyplot():
    """matplotlib's pyplot, or an error that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError("Pictures need matplotlib: pip install tsrnn[plot].") from None
    return plt
