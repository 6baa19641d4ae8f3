"""Losses of counts and amounts: deviances and gradients, means that come back, paths of the distribution, refusals."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import xlogy

from tsrnn import (
    ARXRegressor,
    ESNRegressor,
    Forecaster,
    GRURegressor,
    NARXRegressor,
    NegativeBinomial,
    Poisson,
    Stream,
    TDNNRegressor,
    Tweedie,
)
from tsrnn._training.loss_kernels import LARGEST
from tsrnn.diagnostics import explain


RNG = np.random.default_rng(0)
MEAN = np.resize([0.5, 2.0, 6.0, 12.0], 400)
COUNTS = RNG.poisson(MEAN)
WHICH = np.resize(np.eye(4), (400, 4))
LOSSES = [Poisson(), NegativeBinomial(0.3), Tweedie(1.4)]


def deviance(loss, y, m):
    """Half the deviance, from the books."""
    if isinstance(loss, NegativeBinomial):
        a = loss.dispersion
        return xlogy(y, y / m) - (y + 1 / a) * np.log((1 + a * y) / (1 + a * m))
    if isinstance(loss, Tweedie):
        p = loss.power
        return y ** (2 - p) / ((1 - p) * (2 - p)) - y * m ** (1 - p) / (1 - p) + m ** (2 - p) / (2 - p)
    return xlogy(y, y / m) - y + m


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_deviances_and_gradients(loss):
    rng = np.random.default_rng(1)
    f, y, w = rng.normal(size=(5, 3, 2)), rng.poisson(1.0, 40).astype(float), rng.random(40)
    at, d, scratch = np.array([0, 7, 20]), np.empty((5, 3, 2)), np.empty((5, 3, 2))
    rows = at[None, :, None] + 2 * np.arange(5)[:, None, None] + np.arange(2)
    value = loss(f, y, w, at, d)
    assert value == pytest.approx(np.sum(w[rows] * deviance(loss, y[rows], np.exp(f))))
    assert loss(np.log(np.full_like(f, 3.0)), np.full(40, 3.0), w, at, scratch) == pytest.approx(0, abs=1e-12)
    for place in ((0, 0, 0), (2, 1, 1), (4, 2, 0)):
        ends = []
        for h in (-1e-6, 1e-6):
            moved = f.copy()
            moved[place] += h
            ends.append(loss(moved, y, w, at, scratch))
        assert d[place] == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=1e-4)
    wild = [loss(np.full_like(f, LARGEST + beyond), y, w, at, d) for beyond in (0, 10, 1000)]
    assert np.isfinite(wild).all()  # and the gradient leads back
    assert (np.diff(wild) > 0).all()
    assert (d > 0).all()


@pytest.mark.parametrize("loss", [*LOSSES, "poisson"], ids=str)
def test_means_come_back(loss):
    model = TDNNRegressor((), input_lags=0, loss=loss, alpha=0.0, early_stopping=False, random_state=0)
    model.fit(WHICH, COUNTS)
    means = [COUNTS[k::4].mean() for k in range(4)]
    np.testing.assert_allclose(model.predict(WHICH[:4]), means, rtol=0.01)
    twice = model.fit(WHICH, 2.0 * COUNTS) if not isinstance(loss, NegativeBinomial) else model
    if twice is model and not isinstance(loss, NegativeBinomial):
        np.testing.assert_allclose(model.predict(WHICH[:4]), 2 * np.array(means), rtol=0.01)


def test_dispersion_counts_in_the_units_of_y():
    """Weights of rows are 1 / (1 + a m): with rows of two means in one mean, that of the loss is between."""
    y = np.resize([1.0, 9.0], 200)
    one = TDNNRegressor((), input_lags=0, loss=NegativeBinomial(0.5), alpha=0.0, early_stopping=False)
    x = np.resize([0.0, 1.0], 200)[:, None]
    fitted = one.fit(np.hstack([x, x**2]), y)
    np.testing.assert_allclose(fitted.predict(np.array([[0.0, 0.0], [1.0, 1.0]])), [1, 9], rtol=1e-3)
    assert fitted._learner().for_scale(np.array([5.0])).loss.dispersions == [2.5]


def test_forecasts_and_paths_of_counts():
    index = pd.date_range("2024-01-01", periods=400, freq="D")
    y = pd.Series(COUNTS, index, name="sold")
    X, X_next = pd.DataFrame(WHICH, index), WHICH[:8]
    options = {"training": "open_loop", "max_iter": 60, "random_state": 0}
    model = NARXRegressor((), input_lags=0, output_lags=1, loss=NegativeBinomial(0.05), **options).fit(X, y)
    forecast = model.forecast(8, X_next, level=[80])
    assert (forecast > -1e-12).all(axis=None)
    np.testing.assert_allclose(forecast["sold"][:4], [0.5, 2, 6, 12], rtol=0.2)
    paths = model.sample_paths(8, X_next, n_paths=4000)
    assert (paths == paths.round()).all()
    assert paths.min() >= 0
    mean, variance = paths[:, 3].mean(), paths[:, 3].var()
    assert mean == pytest.approx(forecast["sold"].iloc[3], rel=0.1)
    assert variance == pytest.approx(mean + 0.05 * mean**2, rel=0.25)
    drawn = model.forecast(8, X_next, level=80, method="bootstrap", n_paths=4000)
    assert drawn["hi-80"].iloc[3] == np.quantile(paths[:, 3], 0.9)
    again = pickle.loads(pickle.dumps(model))
    assert again.forecast(8, X_next).equals(model.forecast(8, X_next))
    assert Stream(model).step(X_next[0]) == pytest.approx(forecast["sold"].iloc[0])
    table = explain(model, X, y, at=-1)
    assert table.to_numpy().sum() == pytest.approx(
        table.attrs["forecast"] - table.attrs["baseline"], abs=1e-6
    )
    model.partial_fit(X_next[:3], [3, 0, 2])
    assert np.isfinite(model.forecast(4, X_next)).all()


def test_amounts_of_a_recurrent_net():
    loss = Tweedie(1.5, dispersion=2.0)
    y = loss.draw(np.full((2000, 1), 3.0), np.random.default_rng(0))
    assert y.mean() == pytest.approx(3, rel=0.1)
    assert y.var() == pytest.approx(2 * 3**1.5, rel=0.15)
    assert 0.1 < np.mean(y == 0) < 0.5
    model = GRURegressor((3,), loss=loss, max_iter=10, random_state=0).fit(
        WHICH, MEAN * (RNG.random(400) > 0.3)
    )
    assert (model.predict(WHICH[:50]) > 0).all()


def test_what_does_not_go_together():
    fits = {
        "y >= 0": TDNNRegressor(loss="poisson"),
        "training='open_loop'": NARXRegressor(loss="poisson"),
        "target_transform=None": TDNNRegressor(loss=Tweedie(), target_transform="difference"),
        "one step ahead": Forecaster(TDNNRegressor(loss=Poisson()), 3),
        "power": TDNNRegressor(loss=Tweedie(2.5)),
        "dispersion": TDNNRegressor(loss=NegativeBinomial(0)),
    }
    for words, model in fits.items():
        with pytest.raises(ValueError, match=words):
            model.fit(WHICH, COUNTS - (words == "y >= 0"))
    with pytest.raises((ValueError, TypeError), match="loss"):
        ESNRegressor(10, loss=Poisson()).fit(WHICH, COUNTS)
    assert not hasattr(ARXRegressor(), "loss")
