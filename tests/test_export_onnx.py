"""Fitted models as ONNX graphs, run by onnxruntime."""

import sys

import numpy as np
import pytest
from exported import (
    CLASSES,
    NETS,
    TRAIN,
    WHOLE,
    categories,
    data,
    fitted,
    fitted_classifier,
    fitted_whole,
    labels,
    rows,
    size,
    tolerance,
)

import tsrnn
from tsrnn.export import to_onnx


onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
every = pytest.mark.parametrize("name", NETS)
both = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def start(proto):
    """A session, and what it takes besides X and y."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    shapes = {i.name: i.shape for i in session.get_inputs()}
    return session, {"state": np.full(shapes["state"], np.nan)} if "state" in shapes else {}


def run(session, feed, names=("forecast",)):
    """Outputs; whatever the graph does not take is left out."""
    types = {"tensor(double)": np.float64, "tensor(float)": np.float32, "tensor(int64)": np.int64}
    taken = {i.name: feed[i.name].astype(types[i.type]) for i in session.get_inputs()}
    return session.run(list(names), taken)


@both
@every
def test_onnx_gives_what_we_give(name, dtype):
    """A free run, and one-step forecasts where some y are not known."""
    X, Y = rows(name)
    session, state = start(to_onnx(fitted(name), dtype=dtype))
    (free,) = run(session, {"X": X, "y": np.full_like(Y, np.nan), **state})
    (ahead,) = run(session, {"X": X, "y": Y, **state})
    assert free.dtype == dtype
    assert (np.abs(free - fitted(name).predict(X, start="end")) < tolerance(name, dtype)).all()
    assert (np.abs(ahead - fitted(name).predict_ahead(X, Y, start="end")) < tolerance(name, dtype)).all()


@every
def test_pieces_are_the_whole(name):
    """What one run ends in is what the next begins with."""
    X, Y = rows(name)
    session, state = start(to_onnx(fitted(name), dtype=np.float64))
    (whole,) = run(session, {"X": X, "y": Y, **state})
    if not state:
        return
    parts = []
    for cut in (slice(0, 7), slice(7, 8), slice(8, None)):
        out, state["state"] = run(session, {"X": X[cut], "y": Y[cut], **state}, ["forecast", "next_state"])
        parts.append(out)
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("name", CLASSES)
def test_classifiers(name):
    """Labels and probabilities, freely and with known classes."""
    model, X, y = fitted_classifier(name), data()[0][TRAIN:], labels(name)[TRAIN:].astype(object)
    y[5:9] = None
    codes = np.array([-1 if one is None else list(model.classes_).index(one) for one in y])
    proto = to_onnx(model, dtype=np.float64)
    session, state = start(proto)
    assert [o.name for o in proto.graph.output] == [
        "label",
        "probabilities",
        *(["next_state"] if state else []),
    ]
    for told, known in ((np.full_like(codes, -1), None), (codes, y)):
        label, p = run(session, {"X": X, "y": told, **state}, ["label", "probabilities"])
        np.testing.assert_allclose(p, model.predict_proba(X, known), rtol=0, atol=1e-12)
        assert np.array_equal(label.astype(model.classes_.dtype), model.predict(X, known))
    single, state = start(to_onnx(model))
    assert np.abs(run(single, {"X": X, "y": codes, **state}, ["probabilities"])[0] - p).max() < 1e-4


@pytest.mark.parametrize("name", WHOLE)
def test_one_answer_a_series(name):
    """Both directions, every pooling; labels of two or three, numbers; series of any length."""
    model, series = fitted_whole(name)
    proto = to_onnx(model, dtype=np.float64)
    assert f", {series[0].shape[1]} inputs, " in proto.graph.doc_string
    session, _ = start(proto)
    answers = ("forecast",) if "numbers" in name else ("label", "probabilities")
    found = [run(session, {"X": x}, answers) for x in series]
    if "numbers" in name:
        np.testing.assert_allclose([f[0][0] for f in found], model.predict(series), rtol=0, atol=1e-9)
        return
    assert [f[0] for f in found] == model.predict(series).tolist()
    np.testing.assert_allclose([f[1] for f in found], model.predict_proba(series), rtol=0, atol=1e-9)


@pytest.mark.parametrize("begin", ["cold", "zeros", "history"])
@pytest.mark.parametrize("name", ["tdnn", "gru, deep, fed", "esn, deep, squares, fed"])
def test_starts(name, begin):
    X, Y = data()
    begin = (X[100:140], Y[100:140]) if begin == "history" else begin
    if name.startswith("esn") and isinstance(begin, str) and begin == "zeros":
        with pytest.raises(ValueError, match=r"start='zeros': from rest, outputs .* give start='end'"):
            to_onnx(fitted(name), start=begin)
        return
    session, state = start(to_onnx(fitted(name), start=begin, dtype=np.float64))
    X, free = X[TRAIN:], np.full_like(Y[TRAIN:], np.nan)
    (out,) = run(session, {"X": X, "y": free, **state})
    assert np.abs((out - fitted(name).predict(X, start=begin)) / size()).max() < 1e-12


def test_what_the_graph_says_of_itself():
    """Inputs and outputs by name, the standard's own check, who made it."""
    proto = to_onnx(fitted("lstm, peepholes, layer norm, fed"))
    onnx.checker.check_model(proto, full_check=True)
    assert [i.name for i in proto.graph.input] == ["X", "y", "state"]
    assert [o.name for o in proto.graph.output] == ["forecast", "next_state"]
    assert [i.name for i in to_onnx(fitted("tdnn, no memory")).graph.input] == ["X"]
    assert [i.name for i in to_onnx(fitted("narx, no x")).graph.input] == ["y", "state"]
    assert (proto.producer_name, proto.producer_version) == ("tsrnn", tsrnn.__version__)
    assert {opset.domain for opset in proto.opset_import} == {""}


def test_errors(monkeypatch):
    with pytest.raises(ValueError, match=r"give numpy\.float32 or numpy\.float64"):
        to_onnx(fitted("narx"), dtype=int)
    with pytest.raises(ValueError, match="start='auto' is unknown"):
        to_onnx(fitted("narx"), start="auto")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'tsrnn\[onnx\]'"):
        to_onnx(fitted("narx"))


def test_categories_are_looked_up():
    """At lags, before delays and convolution, behind gaps that are filled, and of whole series from both ends."""
    X, codes, y = categories()
    labels, options = np.where(y > y.median(), "high", "low"), {"max_iter": 2, "random_state": 0}
    models = [
        (tsrnn.TDNNRegressor((3, 3), input_lags=2, layer_lags=1, **options), y),
        (tsrnn.NARXRegressor((3,), input_lags=1, output_lags=2, missing="mask", **options), y),
        (tsrnn.GRUClassifier((3,), input_lags=2, output_lags=1, missing="hold", **options), labels),
        (tsrnn.LSTMRegressor((3,), convolution=tsrnn.Convolution(2, 3), **options), y),
    ]
    for model, target in models:
        model.fit(X[:60], target[:60])
        session, state = start(to_onnx(model, dtype=np.float64))
        several = hasattr(model, "classes_")
        unknown = np.full(40, -1) if several else np.full((40, 1), np.nan)
        (found,) = run(
            session,
            {"X": codes[60:], "y": unknown, **state},
            ["probabilities" if several else "forecast"],
        )
        wanted = model.predict_proba(X[60:]) if several else model.predict(X[60:])[:, None]
        np.testing.assert_allclose(found, wanted, atol=1e-12)
    series = [X[k : k + 10] for k in range(0, 100, 10)]
    whole = tsrnn.GRUClassifier((3,), convolution=tsrnn.Convolution(2, 3), n_restarts=1, **options)
    whole.fit(series, list("ab") * 5)
    session, _ = start(to_onnx(whole, dtype=np.float64))
    for k, p in enumerate(whole.predict_proba(series)):
        (found,) = run(session, {"X": codes[10 * k : 10 * k + 10]}, ["probabilities"])
        np.testing.assert_allclose(found, p, atol=1e-12)


def test_a_model_that_sees_nothing_has_no_rows():
    X, Y = data()
    with pytest.raises(TypeError, match="no rows to scan"):
        to_onnx(tsrnn.ConstantRegressor().fit(X, Y))
