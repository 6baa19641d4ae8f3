"""Values of y that are not believed, and rows that the index lacks: what they cost, and what is kept."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from tsrnn import ARXRegressor, AutoForecaster, ESNRegressor, Forecaster, NARXRegressor
from tsrnn._series.doubt import doubtful
from tsrnn._series.rows import Part


SEASON, SPLIT, H = 24, 1200, 12
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=1500)
Y = 10 + 3 * np.sin(2 * np.pi * np.arange(1500) / SEASON) + 0.3 * NOISE
for t in range(1, 1500):
    Y[t] += 0.6 * (Y[t - 1] - 10 - 3 * np.sin(2 * np.pi * (t - 1) / SEASON))
Y = pd.Series(Y, pd.date_range("2024-01-01", periods=1500, freq="h"))
SPIKES = np.array([103, 222, 391, 580, 655, 901, 1130])


def spiked(value=-999.0):
    y = Y[:SPLIT].copy()
    y.iloc[SPIKES] = value
    return y


def doubted(u, X=None):
    u = np.asarray(u, float)
    X = np.empty((len(u), 0)) if X is None else X
    return np.flatnonzero(doubtful(u[:, None], X, [Part(None, slice(0, len(u)), None)])).tolist()


def error(model, learnt):
    """Return the error of forecasts after training, and what fit warned of."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        model.fit(None, learnt)
    forecast = np.asarray(model.trajectories(None, Y[SPLIT:], H).forecast).reshape(-1, H)
    at = np.arange(len(forecast))[:, None] + SPLIT + np.arange(H)
    return np.sqrt(np.mean((forecast - Y.to_numpy()[at]) ** 2)), [str(w.message) for w in given]


@pytest.mark.parametrize("value", [-999.0, 200.0, np.nan])
@pytest.mark.parametrize(
    "model",
    [ARXRegressor(), Forecaster(Ridge(), H), ESNRegressor(20, output_lags=3, random_state=0)],
    ids=["ARX", "Forecaster", "ESN"],
)
def test_spikes_cost_what_missing_values_do(model, value):
    clean, _ = error(model, Y[:SPLIT])
    dirty, told = error(model, spiked(value))
    assert dirty < 1.05 * clean
    assert np.isnan(value) or [w for w in told if "row" in w and "(2024-" in w and "6 more such rows" in w]


def test_doubted_values_are_missing():
    with pytest.warns(UserWarning, match="target_bounds=None where such values are real"):
        model = ARXRegressor().fit(None, spiked())
    same = ARXRegressor().fit(None, spiked(np.nan))
    assert np.array_equal(model.theta_, same.theta_)
    believes = ARXRegressor(target_bounds=None).fit(None, spiked())
    assert not np.array_equal(believes.theta_, model.theta_)


def test_a_race_does_not_see_spikes():
    options = {"candidates": [ARXRegressor()], "random_state": 0}
    with pytest.warns(UserWarning, match="taken as not measured"):
        race = AutoForecaster(3, **options).fit(None, spiked()[:500])
    same = AutoForecaster(3, **options).fit(None, spiked(np.nan)[:500])
    assert np.array_equal(race.forecast(3), same.forecast(3))


def test_what_is_real_is_kept():
    rng = np.random.default_rng(1)
    noise, none = rng.normal(size=600), []
    assert doubted(noise) == none
    assert doubted(rng.exponential(size=600)) == none  # a tail
    assert doubted(rng.poisson(0.05, 600) * rng.lognormal(0, 0.7, 600)) == none  # seldom anything
    assert doubted(np.where(rng.random(600) < 0.01, 9, rng.integers(0, 3, 600))) == none  # counts
    ramp = noise.copy()
    ramp[300:309] += [10, 20, 30, 40, 50, 40, 30, 20, 10]  # a peak that rises and falls
    assert doubted(ramp) == none
    step = noise.copy()
    step[590:] += 100
    assert doubted(step) == none
    regular = noise.copy()
    regular[20::100] = 100  # the first day of each month
    assert doubted(regular) == none
    at = [77, 204, 391, 430]
    noise[at] = 100, -80, 60, 70
    assert doubted(noise) == at
    caused = np.isin(np.arange(600), at).astype(float)[:, None]  # a promotion, say
    assert doubted(noise, caused) == none
    assert doubted(noise, rng.normal(size=(600, 1))) == at
    assert doubted(noise[:49]) == none  # too few rows to tell


def test_rows_that_the_index_lacks_cost_what_missing_values_do():
    rng = np.random.default_rng(2)
    keep = rng.random(SPLIT) > 0.05
    clean, _ = error(ARXRegressor(), Y[:SPLIT])
    dirty, _ = error(ARXRegressor(), Y[:SPLIT][keep])
    missing, _ = error(ARXRegressor(), Y[:SPLIT].where(keep))
    assert dirty < 1.03 * clean  # 1.10 where lags did not reach over gaps
    assert dirty == missing


def test_inputs_of_rows_that_the_index_lacks():
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"x": rng.normal(size=400)}, Y.index[:400])
    y = X["x"].shift(1, fill_value=0.0) + 0.1 * Y[:400]
    keep = rng.random(400) > 0.05
    lost = X.where(keep[:, None])
    for missing in ("hold", "mean", "mask"):
        model = ARXRegressor(1, 3, missing=missing)
        whole = model.fit(lost, y.where(keep), np.where(keep, 1.0, 0.0)).theta_
        np.testing.assert_allclose(model.fit(X[keep], y[keep]).theta_, whole)
    held = ARXRegressor(1, 3).fit(X[keep], y[keep])
    np.testing.assert_allclose(held.theta_, ARXRegressor(1, 3).fit(lost.ffill(), y.where(keep)).theta_)


def test_long_gaps_and_many_cut_a_series():
    """Where half a day is missing nothing stands in, nor where more rows are missing than can be stood in for."""
    for keep in (np.r_[0:200, 212:400], np.r_[0:201, 202:400:2]):
        model = NARXRegressor((2,), output_lags=2, max_iter=2, random_state=0)
        assert model.fit(None, Y.iloc[keep]).fitted_.series[None].n == len(keep)
