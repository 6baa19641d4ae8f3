"""Fitted models of every kind and option, for the tests of what is made from them."""

from functools import cache

import numpy as np
import pandas as pd
from recurrent_nets import CELLS, described, own_options
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

import tsrnn
from tsrnn import (
    AnalogueRegressor,
    ARXRegressor,
    ConstantRegressor,
    ElmanRegressor,
    ESNRegressor,
    ESNRegressorCV,
    GRURegressor,
    LagRegressor,
    LSTMRegressor,
    NARXRegressor,
    PersistenceRegressor,
    SeasonalNaiveRegressor,
    TDNNRegressor,
)
from tsrnn._estimators.classifier import SequenceClassifier
from tsrnn._models.recurrent import RecurrentRegressor
from tsrnn._nets.pooled import POOLINGS
from tsrnn.preprocessing import Difference, Log, Logit, Power


N, TRAIN = 400, 250
LOW, HIGH = (92.0, 2.8), (106.0, 3.4)
QUICK = {"max_iter": 1, "solver": "adam", "early_stopping": False}
SMALL = {"alpha": 1e-2}  # a readout that does not magnify rounding
NETS = {
    "tdnn": TDNNRegressor((5, 4), input_lags=(0, 2, 3), layer_lags=[(1, 3)], dilations=(2, 1), **QUICK),
    "tdnn, no memory": TDNNRegressor((), input_lags=0, **QUICK),
    "tdnn, dilated": TDNNRegressor((4, 4, 3), layer_lags=1, dilations=(1, 2, 4), activation="relu", **QUICK),
    "tdnn, no skip": TDNNRegressor((4,), input_lags=(1, 2), skip_connections=False, scale="robust", **QUICK),
    "narx": NARXRegressor((6,), output_lags=(1, 4), **QUICK),
    "narx, no x": NARXRegressor((6,), input_lags=(), output_lags=(2, 3), activation="logistic", **QUICK),
    "narx, skip": NARXRegressor(
        (4, 3), skip_connections=True, activation="identity", scale="minmax", **QUICK
    ),
    "arx": ARXRegressor(),
    "armax": ARXRegressor(1, (1, 3), error_lags=2),
    "narmax, no x": NARXRegressor((3,), input_lags=(), output_lags=1, error_lags=(1, 3), **QUICK),
    "narmax, skip": NARXRegressor((4, 3), skip_connections=True, error_lags=1, **QUICK),
    "elman, relu, deep, skip, lags, layer norm, learned start": ElmanRegressor(
        (4, 3),
        activation="relu",
        layer_norm=True,
        skip_connections=True,
        input_lags=2,
        output_lags=(1, 3),
        initial_state="learned",
        **QUICK,
    ),
    "elman, leaky": ElmanRegressor((4, 3), leak_rate=(0.1, 0.8), output_lags=1, **QUICK),
    "elman, skips, long, fed": ElmanRegressor((4, 3), recurrent_lags=(2, 5), output_lags=1, **QUICK),
    "lstm, skips": LSTMRegressor((4,), recurrent_lags=(1, 4), **QUICK),
    "gru, dense, skip": GRURegressor(
        (3, 2), readout_hidden_layer_sizes=(4, 3), skip_connections=True, output_lags=1, **QUICK
    ),
    "gru, convolution, fed, lags": GRURegressor(
        (3,),
        convolution=[tsrnn.Convolution(4, 3), tsrnn.Convolution(2, 4, activation="tanh")],
        input_lags=(1, 3),
        output_lags=1,
        layer_norm=True,
        **QUICK,
    ),
    "gru, long": GRURegressor((4,), recurrent_lags=3, **QUICK),
    "elman, learnt leak": ElmanRegressor((4,), leak_rate="learned", **QUICK),
    "lstm, peepholes, layer norm, fed": LSTMRegressor(
        (4,), peepholes=True, layer_norm=True, output_lags=1, **QUICK
    ),
    "esn": ESNRegressor(60, **SMALL),
    "esn, deep, squares, fed": ESNRegressor(
        (30, 20),
        leak_rate=(0.3, 0.9),
        connectivity=2,
        input_lags=(0, 3),
        output_lags=2,
        readout_squares=True,
        readout_bias=False,
        **SMALL,
    ),
    "esn, dense": ESNRegressor(
        (20, 20), connectivity=1.0, readout_input=False, activation="logistic", bias_scaling=0.1, **SMALL
    ),
    "esn, delay line, grouped": ESNRegressor(
        40, topology="delay_line", groups=2, activation="identity", **SMALL
    ),
    "esn, cv": ESNRegressorCV(30, alphas=(1e-2, 1.0), cv=2, output_lags=(2,)),
    "persistence": PersistenceRegressor(),
    "seasonal": SeasonalNaiveRegressor(5),
    "tdnn, bounds": TDNNRegressor((3,), input_lags=2, target_bounds=(LOW, HIGH), **QUICK),
    "narx, bounds": NARXRegressor(
        (3,), input_lags=1, output_lags=(1, 3), target_bounds=((None, 2.8), HIGH), **QUICK
    ),
    "esn, bounds": ESNRegressor(30, output_lags=1, target_bounds=(LOW, HIGH), **SMALL),
    "narx, bounds that are columns, differences": NARXRegressor(
        (3,),
        input_lags=2,
        output_lags=2,
        target_bounds=(("x2", None), ("x3", 3.4)),
        target_transform=Difference(3),
        **QUICK,
    ),
    "gru, log of differences, bounds": GRURegressor(
        (3,), output_lags=2, target_bounds=(LOW, HIGH), target_transform=["log", Difference(2)], **QUICK
    ),
    "lstm, log1p": LSTMRegressor((3,), target_transform="log1p", output_lags=1, **QUICK),
    "narx, sqrt of shares": NARXRegressor(
        (3,), target_transform=[Logit(0, 200), Log(9), Power(1.5)], **QUICK
    ),
    "narx, a power near zero": NARXRegressor((3,), target_transform=Power(0.5, offset=-2.7), **QUICK),
    "tdnn, differences": TDNNRegressor((3,), target_transform="difference", **QUICK),
    "arx, differences": ARXRegressor(target_transform=["difference", Difference(4)]),
    "gru, hold": GRURegressor((3,), missing="hold", **QUICK),
    "narx, mask": NARXRegressor((3,), missing="mask", **QUICK),
    "tdnn, mean": TDNNRegressor((3,), missing="mean", **QUICK),
}
for cell, kind in CELLS.items():  # every public recurrent net, with each of its own options
    own = own_options(kind)
    NETS |= {
        f"{cell}, deep": kind((4, 3), **QUICK),
        f"{cell}, deep, fed": kind((4, 3), output_lags=2, **QUICK),
    }
    NETS[f"{cell}, skip"] = kind((4, 3), skip_connections=True, input_lags=(1, 3), **QUICK)
    for options in own:
        NETS[f"{cell}, {described(options, kind) or 'plain'}"] = kind(
            (4,), scale="minmax", **options, **QUICK
        )
    for options in (own[0], own[-1]):
        normed = kind((4, 3), layer_norm=True, skip_connections=True, **options, **QUICK)
        NETS[f"{cell}, {described(options, kind) or 'plain'}, layer norm"] = normed


NO_NETS = {  # models that are not exported, or have nothing to scan
    "analogues": AnalogueRegressor(input_lags=(), output_lags=2),
    "constant": ConstantRegressor(),
    "linear on lags": LagRegressor(LinearRegression(), output_lags=2),
}

CLASSES = {  # every public classifier, of three words or of two numbers, with and without labels that are fed back
    f"{kind.__name__}, {n}": kind(
        **{
            name: value
            for name, value in {
                "hidden_layer_sizes": (4,), "n_reservoir": 20, "max_iter": 3, "output_lags": lags, "random_state": 0
            }.items()
            if name in kind().get_params()
        }
    )
    for kind in map(vars(tsrnn).get, tsrnn.__all__)
    if isinstance(kind, type) and issubclass(kind, SequenceClassifier)
    for n, lags in (("three", 1), ("two", 0 if "NARX" not in kind.__name__ else 2))
}  # fmt: skip


@cache
def data():
    """X (N, 4), two of them limits of y, and Y (N, 2)."""
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.normal(10, 3, N), np.full(N, -5.0), rng.uniform(80, 90, N), rng.uniform(110, 120, N)]
    )
    Y = np.zeros((N, 2))
    for t in range(2, N):
        Y[t, 0] = 0.5 * Y[t - 1, 0] + 0.4 * (X[t - 1, 0] - 10) + 0.1 * Y[t - 2, 1]
        Y[t, 1] = 0.4 * Y[t - 1, 1] - 0.2 * np.tanh(X[t, 0] - 10) + 0.01 * rng.normal()
    return X, np.clip(Y * [2, 1] + [100, 3], LOW, HIGH)


@cache
def fitted(name):
    """One of ``NETS``, fitted on the first rows; trained weights are moved, so that none is 0 or 1."""
    X, Y = (a[:TRAIN].copy() for a in data())
    if takes_gaps(name):
        X[30:60:7, 0] = np.nan
    model = NETS[name].set_params(random_state=0).fit(X, Y)
    if "solver" in model.get_params() and not isinstance(model, ESNRegressor):
        bold = isinstance(model, RecurrentRegressor) or "bounds" in name
        far = 0.01 if "elman, a" in name else 0.3 if bold and "elman" not in name else 0.1
        theta = model.theta_ + np.random.default_rng(1).normal(scale=far, size=model.theta_.size)
        if "near zero" in name:
            theta[-1] -= 3  # the last bias, in scaled units
        give_weights(model, theta)
    return model


WHOLE = {
    **{f"lstm, {word}": tsrnn.LSTMClassifier((3, 2), pooling=word) for word in POOLINGS},
    "gru, lags, skip, learnt starts": tsrnn.GRUClassifier(
        (3,), input_lags=(0, 2), skip_connections=True, initial_state="learned", missing="hold"
    ),
    "elman, skips, dense, convolution": tsrnn.ElmanClassifier(
        (3,), recurrent_lags=(1, 3), readout_hidden_layer_sizes=(2,), convolution=tsrnn.Convolution(2, 3)
    ),
    "lru, one direction": tsrnn.LRUClassifier((3,), bidirectional=False),
    "tdnn": tsrnn.TDNNClassifier((3,), input_lags=(0, 2), pooling="max"),
    "esn": tsrnn.ESNClassifier(9),
    "gru, numbers": tsrnn.GRURegressor((3,), target_transform="log"),
    "esn, numbers": tsrnn.ESNRegressor(9, target_bounds=(1.0, 2.5)),
}


@cache
def fitted_whole(name):
    """A fitted model of ``WHOLE`` and series of any length, of two or three labels or a number each."""
    rng, model = np.random.default_rng(0), clone(WHOLE[name]).set_params(random_state=0)
    series = [rng.normal(2.0, 3.0, (n, 2)) for n in (5, 9, 6, 12, 4, 7, 8, 5, 6)]
    y = np.array(list("abc" * 3)) if "lstm" in name else np.arange(9) % 2 + 7
    y = np.linspace(1, 3, 9) if "numbers" in name else y
    if "max_iter" in model.get_params():
        model.set_params(max_iter=3)
    return model.fit(series, y), series


def categories():
    """Inputs with a category of strings, the same by numbers, and y: (100,) rows."""
    rng = np.random.default_rng(7)
    wet, heat = rng.integers(2, size=100), rng.normal(size=100)
    X = pd.DataFrame({"heat": heat, "weather": np.where(wet, "wet", "dry")})
    return X, np.column_stack([heat, wet]), pd.Series(heat + np.roll(wet, 1))


def labels(name):
    """What is to be told of the rows of ``data``."""
    Y = data()[1][:, 0]
    codes = np.digitize(Y, np.quantile(Y[:TRAIN], [0.3, 0.6] if "three" in name else [0.5]))
    return np.array(["low", "*/ Text", "T"])[codes] if "three" in name else codes + 5


@cache
def fitted_classifier(name):
    """One of ``CLASSES``, fitted on the first rows; trained weights are moved, so that it is sure of something."""
    model = CLASSES[name].fit(data()[0][:TRAIN], labels(name)[:TRAIN])
    if "ESN" not in name:
        noise = np.random.default_rng(1).normal(scale=0.2, size=model.theta_.size)
        give_weights(model, model.theta_ + noise)
    return model


def give_weights(model, theta):
    """Put other weights into a fitted model."""
    trained = model.fitted_.trained
    trained = trained._replace(dynamics=trained.dynamics.but(theta=theta))
    model.fitted_ = model.fitted_._replace(trained=trained)


def takes_gaps(name):
    """Whether a model takes NaN in X."""
    return getattr(NETS[name], "missing", "error") != "error"


def rows(name):
    """X and Y after training: Y with some values unknown, and X, where the model takes that."""
    X, Y = (a[TRAIN:].copy() for a in data())
    Y[5:9] = np.nan
    Y[20, 1] = np.nan
    if takes_gaps(name):
        X[[0, 1, 5, 8, 9]] = np.nan
        X[20:30, 1] = np.nan
    return X, Y


def size():
    """How far y ranges, (2,)."""
    return np.ptp(data()[1], axis=0)


def tolerance(name, dtype):
    """The error allowed, (2,): of how far y ranges; in single precision of how large it is."""
    Y = data()[1]
    magnified = (
        100
        if "differences" in name
        else 10
        if any(word in name for word in ("of shares", "relu, deep", "elman, plain, layer"))
        else 1
    )
    return magnified * (1e-12 * size() if dtype == np.float64 else 1e-6 * np.abs(Y).max(axis=0))
