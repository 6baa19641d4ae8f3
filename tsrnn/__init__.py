"""Recurrent neural networks for time series, as scikit-learn estimators."""

from importlib import import_module

from ._baselines import ARXRegressor, PersistenceRegressor, SeasonalNaiveRegressor
from ._elman import ElmanRegressor
from ._esn import ESNRegressor, ESNRegressorCV, RecursiveLeastSquares
from ._forecaster import Forecaster
from ._gru import GRURegressor
from ._losses import Huber, Pinball
from ._lstm import LSTMRegressor
from ._narx import NARXRegressor
from ._solvers import LBFGS, SGD, Adam, Evolution, LevenbergMarquardt, RMSprop
from ._tdnn import TDNNRegressor
from ._through import calibrate, forecast, predict_ahead, update
from ._warmup import warmup
from .diagnostics import diagnose


__version__ = "0.1.0"
_MODULES = ("datasets", "export", "metrics", "model_selection", "plotting", "preprocessing", "sktime")


def __getattr__(name):
    """Public modules, imported when they are asked for."""
    if name in _MODULES:
        return import_module(f"tsrnn.{name}")
    raise AttributeError(f"module 'tsrnn' has no attribute {name!r}")


__all__ = [
    "LBFGS",
    "SGD",
    "ARXRegressor",
    "Adam",
    "ESNRegressor",
    "ESNRegressorCV",
    "ElmanRegressor",
    "Evolution",
    "Forecaster",
    "GRURegressor",
    "Huber",
    "LSTMRegressor",
    "LevenbergMarquardt",
    "NARXRegressor",
    "PersistenceRegressor",
    "Pinball",
    "RMSprop",
    "RecursiveLeastSquares",
    "SeasonalNaiveRegressor",
    "TDNNRegressor",
    "calibrate",
    "diagnose",
    "forecast",
    "predict_ahead",
    "update",
    "warmup",
]
