"""Streams: row by row, what predict gives at once."""

import numpy as np
import pytest

import tsrnn


RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 2))
NUMBERS = np.convolve(X[:, 0], [1.0, 0.5, 0.2])[:160]
LABELS = np.digitize(NUMBERS, [-0.7, 0.7])
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 10, "random_state": 0}


@pytest.mark.parametrize(
    "model",
    [
        tsrnn.GRUClassifier(**SMALL),
        tsrnn.NARXClassifier(**SMALL),
        tsrnn.ESNClassifier(20, output_lags=1, random_state=0),
        tsrnn.LSTMRegressor(**SMALL, output_lags=1),
        tsrnn.NARXRegressor(**SMALL, target_transform="difference"),
        tsrnn.TDNNRegressor(**SMALL, missing="hold"),
        tsrnn.ARXRegressor(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_steps_are_predict(model):
    classifies = hasattr(model, "predict_proba")
    y = LABELS if classifies else NUMBERS
    model.fit(X[:120], y[:120])
    for start in ("end", "cold", "zeros"):
        stream, wanted = tsrnn.Stream(model, start), model.predict(X[120:], start=start)
        for x, one in zip(X[120:], wanted):
            assert stream.step(x) == pytest.approx(one, rel=1e-9, abs=1e-9)
    ahead, stream = model.predict_ahead(X[120:], y[120:]), tsrnn.Stream(model)
    if classifies:
        told = model.predict_proba(X[120:], y[120:])
    for k, (x, one) in enumerate(zip(X[120:], ahead)):
        assert stream.step(x) == pytest.approx(one, rel=1e-9, abs=1e-9)
        if classifies:
            np.testing.assert_allclose(stream.probabilities, told[k], atol=1e-9)
        stream.observe(y[120 + k])


def test_words_series_and_missing_inputs():
    words = np.array(["low", "middle", "high"])[LABELS]
    model = tsrnn.ElmanClassifier(**SMALL, missing="hold")
    model.fit(X[:120], words[:120], groups=np.repeat(["a", "b"], 60))
    stream = tsrnn.Stream(model, series="b")
    rows = X[120:130].copy()
    rows[3] = np.nan
    wanted = model.predict(rows, groups=["b"] * 10)
    assert [stream.step(x) for x in rows] == list(wanted)
    stream.observe("low")
    with pytest.raises(ValueError, match="label 'none'"):
        stream.observe("none")
    with pytest.raises(ValueError, match="series='c' was not seen"):
        tsrnn.Stream(model, series="c")


def test_what_no_stream_does():
    model = tsrnn.ARXRegressor().fit(X[:120], NUMBERS[:120])
    with pytest.raises(ValueError, match="start='now' is unknown"):
        tsrnn.Stream(model, "now")
    stream = tsrnn.Stream(model)
    with pytest.raises(ValueError, match="there was none"):
        stream.observe(1.0)
    with pytest.raises(ValueError, match="x has 1 values, but the model is expecting 2"):
        stream.step([1.0])
    with pytest.raises(ValueError, match="not finite"):
        stream.step([1.0, np.nan])
    both = tsrnn.GRUClassifier(**SMALL, bidirectional=True).fit(X, LABELS)
    with pytest.raises(ValueError, match="A stream goes on from the last row"):
        tsrnn.Stream(both)
    whole = tsrnn.ESNClassifier(10, random_state=0).fit(X.reshape(16, 10, 2), np.arange(16) % 2)
    with pytest.raises(ValueError, match="A stream goes on from row to row"):
        tsrnn.Stream(whole)
