"""Compile ahead of time."""

import numpy as np

from ._elman import ElmanRegressor
from ._gru import GRURegressor
from ._lstm import LSTMRegressor
from ._narx import NARXRegressor
from ._solvers import Adam
from ._tdnn import TDNNRegressor


# Of each model, what together calls every kernel it has. TDNN and NARX share theirs.
MODELS = {
    NARXRegressor: [{"solver": "lm"}, {"solver": "lbfgs"}, {"solver": Adam()}],
    TDNNRegressor: [{"solver": "lm", "input_lags": 2}, {"solver": Adam(), "input_lags": 2}],
    ElmanRegressor: [{"output_lags": 1, "training": "closed_loop"}],
    LSTMRegressor: [{"output_lags": 1, "training": "closed_loop"}],
    GRURegressor: [{"output_lags": 1, "training": "closed_loop"}],
}


def warmup(*models):
    """Compile the kernels of some models now, rather than in the first fit.

    Compiled code is kept on disk, so this takes seconds a model once an installation and a fraction of a second
    after that. Worth calling when an image is built or a worker starts.

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
    X, y = np.zeros((40, 1)), np.sin(np.arange(40.0))
    for model in models or MODELS:
        if model not in MODELS:
            raise ValueError(
                f"{model!r} is no model of tsrnn: give classes such as LSTMRegressor, or nothing."
            )
        for settings in MODELS[model]:
            fitted = model((2,), max_iter=1, random_state=0, **settings).fit(X, y)
            fitted.predict_ahead(X, y, steps=2)
