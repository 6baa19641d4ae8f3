"""Recurrent neural networks for time series, as scikit-learn estimators."""

from ._base import forecast, predict_ahead, update
from ._losses import Huber, Pinball
from ._narx import NARXRegressor
from ._solvers import LBFGS, SGD, Adam, Evolution, LevenbergMarquardt, RMSprop
from ._tdnn import TDNNRegressor
from ._warmup import warmup


__version__ = "0.1.0"

__all__ = [
    "LBFGS",
    "SGD",
    "Adam",
    "Evolution",
    "Huber",
    "LevenbergMarquardt",
    "NARXRegressor",
    "Pinball",
    "RMSprop",
    "TDNNRegressor",
    "forecast",
    "predict_ahead",
    "update",
    "warmup",
]
