"""Recurrent neural networks for time series, as scikit-learn estimators."""

from ._base import forecast, predict_ahead, update
from ._narx import NARXRegressor
from ._solvers import LBFGS, Adam, Evolution, LevenbergMarquardt
from ._tdnn import TDNNRegressor
from ._warmup import warmup


__version__ = "0.1.0"

__all__ = [
    "LBFGS",
    "Adam",
    "Evolution",
    "LevenbergMarquardt",
    "NARXRegressor",
    "TDNNRegressor",
    "forecast",
    "predict_ahead",
    "update",
    "warmup",
]
