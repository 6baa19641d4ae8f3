"""Compile ahead of time."""

import numpy as np

from ._narx import NARXRegressor
from ._solvers import Adam


def warmup():
    """Compile every kernel now, rather than in the first fit.

    Compiled code is kept on disk, so this takes seconds once an installation and a fraction of a second after
    that. Worth calling when an image is built or a worker starts.

    Examples
    --------
    >>> import tsrnn
    >>> tsrnn.warmup()
    """
    X, y = np.zeros((40, 1)), np.sin(np.arange(40.0))
    for solver in ("lm", "lbfgs", Adam()):
        NARXRegressor((2,), solver=solver, max_iter=1, random_state=0).fit(X, y).predict_ahead(X, y, steps=2)
