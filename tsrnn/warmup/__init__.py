"""Compile ahead of time: ``tsrnn.warmup()``, or ``python -m tsrnn.warmup`` where an image is built."""

import warnings

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning

from .._estimators.intervals import adaptive, pools
from .._estimators.sequence import Sequence
from .._estimators.stream import Stream
from .._nets import convolution, pooled
from .._values import PUBLIC


PAIRS = ["ab", "b", "ba"] * 4, ["x", "xy", ""] * 4


def warmup(*models):
    """Compile the kernels of some models now, rather than in the first fit.

    Compiled code is kept on disk, so this takes seconds a model once an installation and a fraction of a second
    after that. Worth calling when an image is built or a worker starts; from a shell, ``python -m tsrnn.warmup``.

    Parameters
    ----------
    *models : classes
        Such as ``LSTMRegressor``; all by default.

    Raises
    ------
    ValueError
        Something else is given.

    Examples
    --------
    >>> import tsrnn
    >>> tsrnn.warmup(tsrnn.NARXRegressor)
    """
    for model in models:
        if not (isinstance(model, type) and (issubclass(model, Sequence) or hasattr(model, "_warmup"))):
            raise ValueError(
                f"{model!r} is no model of tsrnn: give classes such as LSTMRegressor, or nothing."
            )
    for model in models or public_models():
        compile_kernels(model)


def public_models():
    """List the models that have kernels, in the order of ``tsrnn.__all__``."""
    return [model for model in PUBLIC if getattr(model, "_warmup", ())]


def compile_kernels(model):
    """Fit a model with each of the settings that together call all of its kernels."""
    for module in (adaptive, pools, convolution, pooled):
        module.compile_kernels()
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # of one iteration
        if not issubclass(model, Sequence):  # then X and y are lists of sequences
            for settings in model._warmup:
                model(**settings).fit(*PAIRS).partial_fit(*PAIRS).predict(PAIRS[0])
            return
        X, targets = np.zeros((40, 1)), [np.sin(np.arange(40.0))]
        if issubclass(model, ClassifierMixin):
            targets = [np.arange(40) % n_classes for n_classes in (2, 3)]
        for settings in getattr(model, "_warmup", ()):
            for y in targets:
                fitted = model(**settings).fit(X, y).partial_fit(X, y)
                fitted.predict_ahead(X, y, steps=2)
                Stream(fitted).step(X[0])
                if fitted._dynamics().sees_y and isinstance(fitted, ClassifierMixin):
                    fitted.sample(2, X=X)
