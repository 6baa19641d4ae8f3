"""start="estimate": the memory that best explains the first rows of a second experiment."""

import numpy as np
import pandas as pd
import pytest
from public import PUBLIC, short, small

from tsrnn import (
    AnalogueRegressor,
    ARXRegressor,
    ElmanRegressor,
    ESNRegressorCV,
    Forecaster,
    GRUClassifier,
    NARXRegressor,
    PersistenceRegressor,
)
from tsrnn.datasets import make_narendra
from tsrnn.diagnostics import diagnose
from tsrnn.metrics import fit_percentage


def slow(n, seed, s, noise=2e-4):
    """A slow system of second order, driven by steps, from a state s: y is its second state."""
    rng = np.random.default_rng(seed)
    u, y = np.repeat(rng.uniform(-1, 1, n // 60 + 1), 60)[:n], np.empty(n)
    a, b = s
    for t in range(n):
        a = 0.99 * a + 0.01 * np.tanh(1.5 * u[t])
        b = 0.95 * b + 0.05 * a
        y[t] = b
    return u[:, None], y + noise * rng.normal(size=n)


def rmse(y, out):
    return np.sqrt(np.mean((y - out) ** 2))


SLOW = (
    ARXRegressor(1, 2),
    NARXRegressor((6,), input_lags=1, output_lags=2, skip_connections=False, random_state=0),
)


@pytest.mark.parametrize("model", SLOW)
def test_a_slow_system_from_another_state(model):
    X, y = slow(1500, 0, (0, 0))
    X2, y2 = slow(1000, 3, (0.5, -0.4))
    model.fit(X, y)
    rest = slice(300, None)
    known = rmse(y2[rest], model.predict(X2[rest], start=(X2[:300], y2[:300])))
    cold = rmse(y2[rest], model.predict(X2[rest], start="cold"))
    told = rmse(y2[rest], model.predict(X2[rest], start=("estimate", y2[300:400])))
    assert told < 1.1 * known
    assert told < cold / 3


MODELS = {  # a table of analogues jumps from one to the other
    short(kind): small(kind)
    for kind in PUBLIC
    if kind not in (PersistenceRegressor, ESNRegressorCV, AnalogueRegressor)
}
MODELS |= {
    "changes": ARXRegressor(1, 1, target_transform="difference"),
    "fed back": ElmanRegressor((3,), output_lags=2, max_iter=2, random_state=0),
    "two layers": ElmanRegressor((3, 2), max_iter=2, random_state=0),
}


def observable(model):
    """Fitted, or skipped where its memory is no lags and states."""
    X, y = make_narendra(150, random_state=0)
    model.fit(X, y)
    if not hasattr(model.state_, "states"):
        pytest.skip("its memory is made of other things")
    return model


@pytest.mark.parametrize("name", MODELS)
def test_explains_what_the_model_made_itself(name):
    """From a state that nobody tells; from the mean it is far off."""
    model = observable(MODELS[name])
    X, y = make_narendra(200, random_state=1)
    out = model.predict(X[60:], start=(X[:60], 5 + 2 * y[:60]))
    cold = rmse(out[:20], model.predict(X[60:], start="cold")[:20])
    told = model.predict(X[60:], start=("estimate", out[:40]))
    assert rmse(out, told) < 0.02 * cold + 1e-9
    later = X[60:].copy()
    later[100:] = 7.0  # rows beyond those tell nothing
    assert np.array_equal(model.predict(later, start=("estimate", out[:40]))[:100], told[:100])


def test_verbs():
    X, y = make_narendra(400, random_state=0)
    model = NARXRegressor((4,), input_lags=2, output_lags=3, max_iter=10, random_state=0).fit(
        X[:300], y[:300]
    )
    first = model.predict(X[300:], start=("estimate", y[300:330]))
    model.set_params(start=("estimate", 30))
    assert model.score(X[300:], y[300:]) == pytest.approx(
        1 - np.mean((first - y[300:]) ** 2) / np.var(y[300:]), rel=1e-12
    )
    ahead = model.predict_ahead(X[300:], y[300:], start="estimate")
    cold = model.predict_ahead(X[300:], y[300:], start="cold")
    assert rmse(y[300:303], ahead[:3]) < rmse(y[300:303], cold[:3])
    np.testing.assert_allclose(ahead[3:], cold[3:], rtol=0, atol=1e-9)  # lags of three rows
    holes = y[300:].copy()
    holes[::3] = np.nan
    assert np.isfinite(model.predict_ahead(X[300:], holes, start="estimate")).all()
    history = model.predict(X[310:], start=(X[300:310], y[300:310], "estimate"))
    assert rmse(history, model.predict(X[310:], start=(X[300:310], y[300:310]))) < 1e-6
    index = pd.date_range("2020", periods=100, freq="h")
    frame, series = pd.DataFrame(X[300:], index=index), pd.Series(y[300:], index=index)
    np.testing.assert_array_equal(model.predict(frame, start=("estimate", series[:30])), first)
    assert diagnose(model, X[300:], y[300:]).fit == pytest.approx(fit_percentage(y[300:], first), rel=1e-9)


def test_what_tells_nothing_is_refused():
    X, y = make_narendra(150, random_state=0)
    model = ARXRegressor(start="estimate").fit(X, y)
    for call in (lambda: model.predict(X), lambda: model.predict_ahead(X, np.full(150, np.nan))):
        with pytest.raises(ValueError, match=r"needs the y of the first rows.*score\(X, y\)"):
            call()
    for n in (0, None, True, 1.5, "all"):
        with pytest.raises(ValueError, match="how many of the first rows of y"):
            model.predict(X, start=("estimate", n))
    with pytest.raises(ValueError, match="the first 151 rows"):
        model.predict(X, start=("estimate", np.append(y, 0)))
    with pytest.raises(ValueError, match="of 2 series"):
        model.predict([X, X], start=("estimate", y))
    assert np.shape(model.predict_ahead([X, X], [y, y])) == (2, 150)
    with pytest.raises(ValueError, match="lags and states, which Forecaster does not have"):
        Forecaster(ARXRegressor(), 2, known_ahead="all").fit(X, y).predict_ahead(X, y, start="estimate")
    with pytest.raises(ValueError, match="GRUClassifier predicts labels"):
        GRUClassifier((2,), max_iter=1).fit(X, y > 0).predict(X, y > 0, start="estimate")
