"""Streams: row by row, what predict gives at once."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from exported import NETS, fitted, rows, tolerance
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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
            assert stream.step(x) == pytest.approx(one, rel=1e-12, abs=1e-12)
    ahead, stream = model.predict_ahead(X[120:], y[120:]), tsrnn.Stream(model)
    if classifies:
        told = model.predict_proba(X[120:], y[120:])
    for k, (x, one) in enumerate(zip(X[120:], ahead)):
        assert stream.step(x) == pytest.approx(one, rel=1e-12, abs=1e-12)
        if classifies:
            np.testing.assert_allclose(stream.probabilities, told[k], atol=1e-12)
        stream.observe(y[120 + k])


@pytest.mark.parametrize("name", NETS)
def test_every_model_goes_row_by_row(name):
    """With y told where it was measured: what ``predict_ahead`` gives at once, by the compiled walk."""
    X, Y = rows(name)
    model = fitted(name)
    stream = tsrnn.Stream(model)
    assert (stream._row is None) == ("columns" in name)
    out = np.array([stream.step(x, y) for x, y in zip(X, Y)])
    assert (np.abs(out - model.predict_ahead(X, Y)) <= tolerance(name, np.float64)).all()


@pytest.mark.parametrize("kind", [tsrnn.LSTMClassifier, tsrnn.ESNClassifier, tsrnn.TDNNClassifier])
@pytest.mark.parametrize(
    "y", [NUMBERS > 0, np.column_stack([LABELS > 0, LABELS > 1])], ids=["two", "several"]
)
def test_labels_of_two_classes_and_of_several_columns(kind, y):
    options = {"random_state": 0} if kind is tsrnn.ESNClassifier else SMALL
    model = kind(output_lags=2, **options).fit(X[:120], y[:120])
    stream, told = tsrnn.Stream(model), model.predict_proba(X[120:], y[120:])
    for x, one, p, label in zip(X[120:], y[120:], told, model.predict_ahead(X[120:], y[120:])):
        assert np.array_equal(stream.step(x, one), label)
        np.testing.assert_allclose(stream.probabilities, p, rtol=0, atol=1e-12)
    assert stream._row is not None


@pytest.mark.parametrize(
    "model", [tsrnn.GRUClassifier((3,), max_iter=2), tsrnn.TDNNRegressor((3,), max_iter=2)]
)
def test_categories_of_a_row(model):
    X = pd.DataFrame({"state": list("abca") * 30, "u": NUMBERS[:120]})
    y = np.where(X["state"] == "b", 1, 0)
    model = clone(model).set_params(missing="hold", random_state=0).fit(X[:80], y[:80])
    stream = tsrnn.Stream(model)
    rows = X[80:].to_numpy()
    rows[3, 0], rows[5] = None, ["new", np.nan]
    expected = model.predict(pd.DataFrame(rows, columns=X.columns, index=X.index[80:]).astype({"u": float}))
    np.testing.assert_allclose([stream.step(x) for x in rows], expected, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="has 1 values, but the model is expecting 2"):
        stream.step(["a"])
    model.set_params(missing="error").fit(X[:80], y[:80])
    with pytest.raises(
        ValueError, match="category 'new' in column 'state', which is not among those of training"
    ):
        tsrnn.Stream(model).step(["new", 0.0])


def test_a_stream_is_copied_and_kept():
    model = fitted("gru, deep, fed")
    stream, (X, Y) = tsrnn.Stream(model), rows("gru, deep, fed")
    for x in X[:5]:
        last = stream.step(x)
    for other in (copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))):
        other.observe(Y[4] * np.nan)
        assert np.array_equal([other.step(x) for x in X[5:20]], model.predict(X[:20])[5:])
    assert np.array_equal(last, stream._out)


def test_what_is_not_known_at_first_and_columns_of_one():
    """Differences from a cold start; a y of one column; models without equations."""
    model = tsrnn.NARXRegressor(**SMALL, target_transform=tsrnn.preprocessing.Difference(3))
    model.fit(X[:120], NUMBERS[:120, None])
    stream = tsrnn.Stream(model, "cold")
    assert stream._row is None
    wanted = model.predict_ahead(X[120:], NUMBERS[120:, None], start="cold")
    for x, y, one in zip(X[120:], NUMBERS[120:], wanted):
        answer = stream.step(x, [y])
        assert answer.shape == (1,)
        assert answer == pytest.approx(one, rel=1e-12)
    assert stream._row is not None
    ahead = tsrnn.Forecaster(tsrnn.ARXRegressor(), 2).fit(X[:120], NUMBERS[:120])
    stream = tsrnn.Stream(ahead)
    with pytest.raises(AttributeError, match="exist for a classifier"):
        stream.probabilities  # noqa: B018
    told = [stream.step(x, y) for x, y in zip(X[120:], NUMBERS[120:])]
    np.testing.assert_allclose(told, ahead.predict_ahead(X[120:], NUMBERS[120:]), rtol=1e-12)


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
    before = stream._row.m.copy()
    for wrong in (lambda: stream.observe("none"), lambda: stream.step(rows[0], "none")):
        with pytest.raises(ValueError, match="label 'none'"):
            wrong()
    with pytest.raises(ValueError, match="is not finite"):
        stream.step([np.inf, 0.0], "low")
    changed = np.flatnonzero(stream._row.m != before)
    assert np.isin(changed, np.r_[stream._row.x, stream._row.y]).all()  # nothing else has moved
    with pytest.raises(ValueError, match="series='c' was not seen"):
        tsrnn.Stream(model, series="c")


@pytest.mark.parametrize("bounds", [None, (-9.0, "a")])  # compiled, and followed in Python
def test_a_row_of_a_frame_in_another_order_is_refused(bounds):
    rows = pd.DataFrame(X + 9 * (bounds is not None), columns=["a", "b"])
    y = pd.DataFrame({"u": NUMBERS, "v": -NUMBERS})
    model = tsrnn.ARXRegressor(1, 1, target_bounds=bounds).fit(rows[:120], y[:120])
    x, after = rows.iloc[120], y.iloc[120]
    stream = tsrnn.Stream(model)
    assert (stream._row is None) == (bounds is not None)
    wanted = tsrnn.Stream(model).step(x.to_numpy(), after.to_numpy())
    for turned in ((x[["b", "a"]], after), (x, after[["v", "u"]])):
        with pytest.raises(ValueError, match=r"^[xy] has the columns .* give them in that order"):
            stream.step(*turned)
    assert (stream.step(x, pd.Series(after.to_numpy())) == wanted).all()  # without names: as they come


def test_what_no_stream_does():
    model = tsrnn.ARXRegressor().fit(X[:120], NUMBERS[:120])
    with pytest.raises(ValueError, match="start='now' is unknown"):
        tsrnn.Stream(model, "now")
    stream = tsrnn.Stream(model)
    with pytest.raises(ValueError, match="there was no step"):
        stream.observe(1.0)
    with pytest.raises(ValueError, match="x has 1 values, but the model is expecting 2"):
        stream.step([1.0])
    with pytest.raises(ValueError, match=r"x=\['a', 1.0\]: could not convert .* Give 2 numbers"):
        stream.step(["a", 1.0])
    with pytest.raises(ValueError, match="not finite"):
        stream.step([1.0, np.nan])
    with pytest.raises(TypeError, match=r"a Pipeline, whose transformers take tables: give its last step"):
        tsrnn.Stream(make_pipeline(StandardScaler(), model).fit(X, NUMBERS))
    bare = make_pipeline("passthrough", model).fit(X[:120], NUMBERS[:120])
    assert tsrnn.Stream(bare).step(X[120]) == tsrnn.Stream(model).step(X[120])
    ahead = tsrnn.Forecaster(tsrnn.ARXRegressor(), 2, known_ahead="all").fit(X[:120], NUMBERS[:120])
    with pytest.raises(ValueError, match="Each forecast of the model looks at known-ahead inputs of 2 rows"):
        tsrnn.Stream(ahead)
    alone = tsrnn.ARXRegressor((), 2).fit(None, NUMBERS[:120])
    assert tsrnn.Stream(alone).step(None) == alone.forecast(1)[0]
    both = tsrnn.GRUClassifier(**SMALL, bidirectional=True).fit(X, LABELS)
    with pytest.raises(ValueError, match="A stream continues from the last row"):
        tsrnn.Stream(both)
    whole = tsrnn.ESNClassifier(10, random_state=0).fit(X.reshape(16, 10, 2), np.arange(16) % 2)
    with pytest.raises(ValueError, match="A stream works row by row"):
        tsrnn.Stream(whole)
