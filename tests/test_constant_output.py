"""A constant output says nothing of the penalty that all outputs share."""

import numpy as np
import pytest

from tsrnn import ARXRegressor, Forecaster


@pytest.mark.parametrize(
    "model",
    [
        ARXRegressor(),
        ARXRegressor(output_lags=3),
        Forecaster(ARXRegressor(), horizon=3, strategy="multi_output"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_constant_output_leaves_the_others_as_they_are(model, seed):
    rng, y = np.random.default_rng(seed), np.zeros((300, 2))
    for t in range(1, 300):
        y[t] = [0.7, 0.9] * y[t - 1] + rng.normal(size=2)
    alone = np.asarray(model.fit(None, y).forecast(3))
    beside = np.asarray(model.fit(None, np.c_[y, np.ones(300)]).forecast(3))
    np.testing.assert_allclose(beside[:, :2], alone, atol=0.05)
    np.testing.assert_allclose(beside[:, 2], 1.0)
