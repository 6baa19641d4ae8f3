"""Compile ahead of time."""

import numpy as np

from ._models.elman import ElmanRegressor
from ._models.esn import ESNRegressor, RecursiveLeastSquares
from ._models.esn_cv import ESNRegressorCV
from ._models.gru import GRURegressor
from ._models.lstm import LSTMRegressor
from ._models.narx import NARXRegressor
from ._models.tdnn import TDNNRegressor


TRAINED = {"max_iter": 1, "random_state": 0}
THROUGH_TIME = {"output_lags": 1, "training": "closed_loop", **TRAINED}
MODELS = {  # of each model, what together calls every kernel it has; TDNN and NARX share theirs
    NARXRegressor: [{"solver": solver, **TRAINED} for solver in ("lm", "lbfgs", "adam")],
    TDNNRegressor: [{"input_lags": 2, "solver": solver, **TRAINED} for solver in ("lm", "adam")],
    ElmanRegressor: [THROUGH_TIME],
    LSTMRegressor: [THROUGH_TIME],
    GRURegressor: [THROUGH_TIME],
    ESNRegressor: [{"output_lags": 1}, {"solver": RecursiveLeastSquares()}],
    ESNRegressorCV: [{"cv": 2}],
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
            model((2,), **settings).fit(X, y).partial_fit(X, y).predict_ahead(X, y, steps=2)
