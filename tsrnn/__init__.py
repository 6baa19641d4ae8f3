"""Recurrent neural networks for time series, as scikit-learn estimators.

Fit, then forecast:

    model = tsrnn.AutoForecaster(horizon=24).fit(None, y)         # y: a Series with dates
    model.forecast(24, level=80)

Models of numbers       ARXRegressor, TDNNRegressor, NARXRegressor; ElmanRegressor, GRURegressor, LSTMRegressor,
                        MinGRURegressor, LRURegressor; ESNRegressor, ESNRegressorCV; EncoderDecoderRegressor
... of labels           TDNNClassifier, NARXClassifier, ElmanClassifier, GRUClassifier, LSTMClassifier,
                        MinGRUClassifier, LRUClassifier, ESNClassifier, EncoderDecoderClassifier
... of other models     AutoForecaster (tries and blends), Forecaster (all steps at once), Stream (row by row),
                        LagRegressor (any regressor of scikit-learn's kind)
... to beat             PersistenceRegressor, SeasonalNaiveRegressor, ConstantRegressor, AnalogueRegressor
Losses                  Huber, Pinball, Poisson, NegativeBinomial, Tweedie
Solvers                 Adam, SGD, RMSprop, LBFGS, LevenbergMarquardt, Evolution; row by row
                        KalmanFilter, OnlineGradient, RecursiveLeastSquares
In front of a net       Convolution
Through pipelines       forecast, predict_ahead, trajectories, sample_paths, update, partial_fit, calibrate, inside
Questions               diagnose; warmup compiles ahead of time; WorseThanNaiveWarning
Modules                 datasets, diagnostics, export, metrics, model_selection, plotting, preprocessing, sktime
"""

from importlib import import_module
from importlib.util import find_spec

from ._auto.auto import AutoForecaster
from ._estimators.forecaster import Forecaster
from ._estimators.lag_regressor import LagRegressor
from ._estimators.stream import Stream
from ._estimators.through import (
    calibrate,
    forecast,
    inside,
    partial_fit,
    predict_ahead,
    sample_paths,
    trajectories,
    update,
)
from ._models.analogue import AnalogueRegressor
from ._models.arx import ARXRegressor
from ._models.elman import ElmanClassifier, ElmanRegressor
from ._models.encoder_decoder import EncoderDecoderRegressor
from ._models.encoder_decoder_classifier import EncoderDecoderClassifier
from ._models.esn import ESNClassifier, ESNRegressor, RecursiveLeastSquares
from ._models.esn_cv import ESNRegressorCV
from ._models.gru import GRUClassifier, GRURegressor
from ._models.lru import LRUClassifier, LRURegressor
from ._models.lstm import LSTMClassifier, LSTMRegressor
from ._models.min_gru import MinGRUClassifier, MinGRURegressor
from ._models.naive import ConstantRegressor, PersistenceRegressor, SeasonalNaiveRegressor
from ._models.narx import NARXClassifier, NARXRegressor
from ._models.tdnn import TDNNClassifier, TDNNRegressor
from ._nets.convolution import Convolution
from ._training.gauss_newton import LevenbergMarquardt
from ._training.losses import Huber, NegativeBinomial, Pinball, Poisson, Tweedie
from ._training.online import KalmanFilter, OnlineGradient
from ._training.solvers import LBFGS, Evolution
from ._training.stochastic import SGD, Adam, RMSprop
from ._values import public as _public
from ._version import __version__ as __version__
from ._warn import WorseThanNaiveWarning
from .diagnostics import diagnose
from .warmup import warmup


_MODULES = (
    "datasets", "diagnostics", "export", "metrics", "model_selection", "plotting", "preprocessing", "sktime",
)  # fmt: skip


def __getattr__(name):
    """Import a public module when it is first used."""
    if name in _MODULES:
        return import_module(f"tsrnn.{name}")
    raise AttributeError(f"module 'tsrnn' has no attribute {name!r}")


def __dir__():
    """List the public names and modules."""
    # help() imports every module that is listed
    modules = [name for name in _MODULES if name != "sktime" or find_spec("sktime")]
    return sorted([*__all__, *modules, "__version__"])


__all__ = [
    "LBFGS",
    "SGD",
    "ARXRegressor",
    "Adam",
    "AnalogueRegressor",
    "AutoForecaster",
    "ConstantRegressor",
    "Convolution",
    "ESNClassifier",
    "ESNRegressor",
    "ESNRegressorCV",
    "ElmanClassifier",
    "ElmanRegressor",
    "EncoderDecoderClassifier",
    "EncoderDecoderRegressor",
    "Evolution",
    "Forecaster",
    "GRUClassifier",
    "GRURegressor",
    "Huber",
    "KalmanFilter",
    "LRUClassifier",
    "LRURegressor",
    "LSTMClassifier",
    "LSTMRegressor",
    "LagRegressor",
    "LevenbergMarquardt",
    "MinGRUClassifier",
    "MinGRURegressor",
    "NARXClassifier",
    "NARXRegressor",
    "NegativeBinomial",
    "OnlineGradient",
    "PersistenceRegressor",
    "Pinball",
    "Poisson",
    "RMSprop",
    "RecursiveLeastSquares",
    "SeasonalNaiveRegressor",
    "Stream",
    "TDNNClassifier",
    "TDNNRegressor",
    "Tweedie",
    "WorseThanNaiveWarning",
    "calibrate",
    "diagnose",
    "forecast",
    "inside",
    "partial_fit",
    "predict_ahead",
    "sample_paths",
    "trajectories",
    "update",
    "warmup",
]

for _member in map(globals().get, __all__):
    if isinstance(_member, type):  # so that files name no module inside the package
        _public("tsrnn")(_member)
