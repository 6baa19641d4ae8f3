"""Recurrent neural networks for time series, as scikit-learn estimators."""

from importlib import import_module

from ._estimators.auto import AutoForecaster
from ._estimators.horizons import Forecaster
from ._estimators.through import calibrate, forecast, predict_ahead, update
from ._models.arx import ARXRegressor
from ._models.elman import ElmanRegressor
from ._models.esn import ESNRegressor, RecursiveLeastSquares
from ._models.esn_cv import ESNRegressorCV
from ._models.gru import GRURegressor
from ._models.lstm import LSTMRegressor
from ._models.naive import PersistenceRegressor, SeasonalNaiveRegressor
from ._models.narx import NARXRegressor
from ._models.tdnn import TDNNRegressor
from ._training.losses import Huber, Pinball
from ._training.solvers import LBFGS, SGD, Adam, Evolution, LevenbergMarquardt, RMSprop
from ._version import __version__ as __version__
from .diagnostics import diagnose
from .warmup import warmup


_MODULES = (
    "datasets", "diagnostics", "export", "metrics", "model_selection", "plotting", "preprocessing", "sktime",
)  # fmt: skip


def __getattr__(name):
    """Public modules, imported when they are asked for."""
    if name in _MODULES:
        return import_module(f"tsrnn.{name}")
    raise AttributeError(f"module 'tsrnn' has no attribute {name!r}")


def __dir__():
    """The public names and modules."""
    return sorted([*__all__, *_MODULES, "__version__"])


__all__ = [
    "LBFGS",
    "SGD",
    "ARXRegressor",
    "Adam",
    "AutoForecaster",
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
