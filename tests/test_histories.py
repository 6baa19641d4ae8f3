"""Histories that look back at y that was not measured: what stands in, and what it costs."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tsrnn import ARXRegressor, EncoderDecoderRegressor, Forecaster, LagRegressor, NARXRegressor
from tsrnn._series.histories import filled, whole_histories, with_histories, without_gaps
from tsrnn._series.units import Series


H, SEASON, SPLIT = 4, 12, 600
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=900)
Y = np.sin(2 * np.pi * np.arange(900) / SEASON) + 0.1 * NOISE
for t in range(1, 900):
    Y[t] += 0.6 * (Y[t - 1] - np.sin(2 * np.pi * (t - 1) / SEASON))
HOLES = np.where(RNG.random(900) < 0.15, np.nan, Y)


def series_of(y):
    y = np.reshape(y, (len(y), -1))
    return Series(np.empty((len(y), 0)), y, np.ones(len(y)), np.zeros(len(y), bool))


def error(model, y):
    """Return the error of forecasts after training, from rows that were measured."""
    fitted = model.fit(None, y[:SPLIT])
    forecast = np.asarray(fitted.trajectories(None, Y[SPLIT:], H).forecast).reshape(-1, H)
    at = np.arange(len(forecast))[:, None] + SPLIT + np.arange(H)
    return np.sqrt(np.mean((forecast - Y[at]) ** 2))


def test_an_autoregression_goes_on():
    """Without noise it knows what was not measured; where little was, the last season is repeated."""
    wave = 3 + np.sin(np.arange(300) / 5)
    gaps = wave.copy()
    gaps[[50, 51, 52, 120, 200, 201, 299]] = np.nan
    np.testing.assert_allclose(filled(gaps), wave, atol=1e-2)
    assert filled(np.array([np.nan, 2.0, np.nan, 4.0])).tolist() == [2, 2, 2, 4]
    assert filled(np.full(5, np.nan)).tolist() == [0] * 5
    assert filled(wave) is wave


def test_what_stands_in_is_within_the_range():
    grows = np.where(np.arange(60) < 40, 1.2 ** np.arange(60), np.nan)
    assert np.nanmax(filled(grows)) == np.nanmax(grows)


def test_only_what_hides_much_is_filled():
    few = np.where(np.arange(900) == 500, np.nan, Y)[:, None]
    assert whole_histories([few], (1, 2), [np.ones(900)])[0] is few
    (filled_in,) = whole_histories([HOLES[:, None]], range(1, 30), [np.ones(900)])
    first = 4 * SEASON + 1  # rows of which no history of the seasons found is known
    assert np.array_equal(filled_in[:first, 0], HOLES[:first], equal_nan=True)
    assert np.isfinite(filled_in[first:]).all()
    whole = series_of(HOLES)
    (seen,) = with_histories([whole], (1, 2, 3))
    assert np.array_equal(seen.w, np.isfinite(HOLES))
    assert np.isfinite(seen.Y[first:]).all()
    rarely = series_of(np.column_stack([Y, np.where(np.arange(900) % 9 == 0, Y, np.nan)]))
    assert with_histories([rarely], (1, 2, 3))[0] is rarely  # most of the first would be lost


@pytest.mark.parametrize(
    "model",
    [
        Forecaster(ARXRegressor(0, 2 * SEASON), H),
        Forecaster(Ridge(), H),
        EncoderDecoderRegressor(hidden_layer_sizes=(4,), horizon=H, max_iter=20, random_state=0),
        LagRegressor(Ridge(), 0, SEASON),
        ARXRegressor(0, SEASON),
        NARXRegressor((4,), input_lags=0, output_lags=SEASON, max_iter=30, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_missing_values_cost_little(model):
    """One of seven, so that hardly a history is without."""
    assert error(model, HOLES) < 1.07 * error(model, Y)


def test_series_have_units_of_their_own():
    """Beside one of other units, or hardly representable, a series is filled as alone."""
    (alone,) = without_gaps([HOLES], (SEASON,), [np.ones(900)])
    for size, level in (1e6, 1e9), (1e200, 0), (1e-300, 0):
        pair = without_gaps([HOLES, level + size * HOLES], (SEASON,), [np.ones(900)] * 2)
        np.testing.assert_allclose(pair[0], alone, rtol=1e-6)
        np.testing.assert_allclose((pair[1] - level) / size, alone, rtol=1e-6)


def test_later_rows_tell_nothing_of_a_gap():
    """But by coefficients: the rows changed here weigh 0, and are within the range; nothing precedes the first."""
    changed, weights = HOLES.copy(), np.where(np.arange(900) < 500, 1.0, 0.0)
    changed[500:] *= np.where(np.isfinite(Y[500:]), -0.5, 1)
    pair = [without_gaps([y], (SEASON,), [weights])[0][:500] for y in (HOLES, changed)]
    np.testing.assert_array_equal(*pair)
    late = np.where(np.arange(900) < 400, np.nan, Y)[:, None]
    assert whole_histories([late], (1, 2, 3), [np.ones(900)])[0] is late
    late[500::4] = np.nan
    (whole,) = whole_histories([late], (1, 2, 3), [np.ones(900)])
    assert np.array_equal(np.isfinite(whole[:, 0]), np.arange(900) >= 400)


def test_series_without_a_value_are_left():
    empty, weights = np.full((900, 1), np.nan), [np.ones(900), np.ones(900)]
    whole, left = whole_histories([HOLES[:, None], empty], (1, 2, 3), weights)
    assert np.isfinite(whole[4 * SEASON + 1 :]).all()
    assert np.isnan(left).all()


def test_rows_that_weigh_nothing_tell_nothing():
    """Neither seasons nor coefficients, behind those that look back at them."""
    weights = (np.arange(900) >= 500).astype(float)
    changed = np.where(np.arange(900) >= 450, HOLES, 7 * np.sin(2 * np.pi * np.arange(900) / 30))
    pair = [whole_histories([y[:, None]], range(1, 30), [weights])[0] for y in (HOLES, changed)]
    np.testing.assert_allclose(*(y[500:] for y in pair), atol=1e-9)
