"""Fitted models as C, compiled here; weights of torch and Keras."""

import ctypes
import shutil
import subprocess

import naive
import numpy as np
import pandas as pd
import pytest
from exported import (
    CLASSES,
    HIGH,
    LOW,
    NETS,
    NO_NETS,
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
from golden import keras_recurrent, torch_recurrent
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tsrnn
from tsrnn import ElmanRegressor, GRURegressor, LSTMRegressor, NARXRegressor, TDNNRegressor
from tsrnn._nets.pooled import POOLINGS
from tsrnn.export import from_keras, from_torch, to_c, to_keras, to_torch, to_torch_module


COMPILER = shutil.which("gcc") or shutil.which("cc")
FLAGS = [
    "-std=c99",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-pedantic",
    "-Wshadow",
    "-Wconversion",
    "-shared",
    "-fPIC",
]
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")
every = pytest.mark.parametrize("name", NETS)

RUN = """
void run_NAME(const REAL *x, const REAL *y, int n, int late, REAL *out)
{
    NAME_state s;
    NAME_reset(&s);
    for (int t = 0; t < n; t++, x += NAME_n_inputs, out += NAME_n_outputs) {
        NAME_step(&s, NAME_n_inputs ? x : NULL, late ? NULL : y, out);
        if (y && late)
            NAME_observe(&s, y);
        if (y)
            y += NAME_n_outputs;
    }
}
"""


RUN_CLASSES = """
void run_NAME(const REAL *x, const int *k, int n, int late, int *label, REAL *out)
{
    NAME_state s;
    NAME_reset(&s);
    for (int t = 0; t < n; t++, x += NAME_n_inputs, out += NAME_n_classes) {
        label[t] = NAME_step(&s, x, late ? -1 : k[t], out);
        if (late)
            NAME_observe(&s, k[t]);
    }
}
"""


RUN_SERIES = """
int run_NAME(const double *x, double *room, double *out, int n)
{
    GIVES NAME_answer(x, n, room, out);
    END
}
"""


def compiled(folder, headers, dtype):
    """Name -> function(X, Y=None, late=False) that runs a header."""
    real = "double" if dtype == np.float64 else "float"
    source = "".join(text + RUN.replace("NAME", name).replace("REAL", real) for name, text in headers.items())
    (folder / "models.c").write_text(source, encoding="ascii")
    files = ["-o", folder / "models.so", folder / "models.c", "-lm"]
    # What is not initialised is only warned of where code is optimised, which takes twice as long: one type is enough.
    subprocess.run([COMPILER, *FLAGS, "-O1" if real == "double" else "-O0", *files], check=True)
    library = ctypes.CDLL(str(folder / "models.so"))

    def runner(name):
        def run(X, Y=None, late=False):
            X, Y = (None if a is None else np.ascontiguousarray(a, dtype) for a in (X, Y))
            out = np.empty((len(X), 2), dtype)
            pointers = [None if a is None else a.ctypes.data_as(ctypes.c_void_p) for a in (X, Y, out)]
            getattr(library, f"run_{name}")(*pointers[:2], len(X), int(late), pointers[2])
            return out

        return run

    return {name: runner(name) for name in headers}


@pytest.fixture(scope="module", params=[np.float64, np.float32], ids=["double", "float"])
def programs(request, tmp_path_factory):
    """All models, compiled in one file; and their precision."""
    dtype = request.param
    headers = {f"m{k}": to_c(fitted(name), f"m{k}", dtype=dtype) for k, name in enumerate(NETS)}
    runners = compiled(tmp_path_factory.mktemp("c"), headers, dtype)
    return {name: runners[f"m{k}"] for k, name in enumerate(NETS)}, dtype


@pytest.mark.parametrize("name", NO_NETS)
def test_what_is_no_net(name):
    X, Y = data()
    model = clone(NO_NETS[name]).fit(X[:TRAIN], Y[:TRAIN])
    if name == "constant":
        assert "ConstantRegressor" in to_c(model)
    else:
        with pytest.raises(TypeError, match="save this one with joblib"):
            to_c(model)


def test_every_public_model_is_here():
    kinds = {type(model).__name__ for model in (NETS | NO_NETS).values()}
    names = {name for name in tsrnn.__all__ if name.endswith(("Regressor", "RegressorCV"))}
    assert kinds == {name for name in names if not issubclass(getattr(tsrnn, name), tsrnn.Forecaster)}


@needs_compiler
@every
def test_c_gives_what_we_give(name, programs):
    """A free run, and one-step forecasts where some y are not known, whether y comes with x or later."""
    runners, dtype = programs
    X, Y = rows(name)
    most = tolerance(name, dtype)
    free, ahead = fitted(name).predict(X, start="end"), fitted(name).predict_ahead(X, Y, start="end")
    assert (np.abs(runners[name](X) - free) < most).all()
    assert (np.abs(runners[name](X, np.full_like(Y, np.nan)) - free) < most).all()
    out = runners[name](X, Y)
    assert (np.abs(out - ahead) < most).all()
    assert np.array_equal(runners[name](X, Y, late=True), out)


def test_the_models_are_worth_comparing():
    """Free runs that move, that feel y where they should, and that reach their bounds."""
    for name, model in NETS.items():
        X, Y = rows(name)
        free, ahead = fitted(name).predict(X, start="end"), fitted(name).predict_ahead(X, Y, start="end")
        assert name == "persistence" or (np.std(free, axis=0) > 5e-3 * size()).all(), name
        feels_y = model._dynamics().sees_y or "differences" in name
        assert (np.abs(free - ahead).max() > 1e-3) == feels_y, name
        if "bounds" in name:
            bounds = (X[:, 2:3], 3.4) if "columns" in name else (LOW, HIGH)
            assert any(np.isclose(free, bound, rtol=1e-12).any() for bound in bounds), name
        if "near zero" in name:
            assert (free == 2.7).any()


@needs_compiler
def test_classifiers_in_c(tmp_path):
    """The class that a step returns and the probabilities it writes, whether the known class comes with x or later."""
    X = np.ascontiguousarray(data()[0][TRAIN:])
    headers = {f"m{k}": to_c(fitted_classifier(name), f"m{k}") for k, name in enumerate(CLASSES)}
    parts = [text + RUN_CLASSES.replace("NAME", m).replace("REAL", "double") for m, text in headers.items()]
    (tmp_path / "models.c").write_text("".join(parts), encoding="ascii")
    files = ["-o", tmp_path / "models.so", tmp_path / "models.c", "-lm"]
    subprocess.run([COMPILER, *FLAGS, "-O1", *files], check=True)
    library = ctypes.CDLL(str(tmp_path / "models.so"))
    for m, name in zip(headers, CLASSES):
        model, y = fitted_classifier(name), labels(name)[TRAIN:].astype(object)
        y[5:9] = None
        codes = np.array([-1 if one is None else list(model.classes_).index(one) for one in y], np.intc)
        for told, late in ((np.full_like(codes, -1), 0), (codes, 0), (codes, 1)):
            found, p = np.empty(len(X), np.intc), np.empty((len(X), len(model.classes_)))
            at = [ctypes.c_void_p(a.ctypes.data) for a in (X, told, found, p)]
            getattr(library, f"run_{m}")(*at[:2], len(X), late, *at[2:])
            known = np.where(told < 0, None, y)
            np.testing.assert_allclose(p, model.predict_proba(X, known), rtol=0, atol=1e-12, err_msg=name)
            assert np.array_equal(model.classes_[found], model.predict(X, known))


@pytest.mark.parametrize(
    "model", [tsrnn.Forecaster(tsrnn.ARXRegressor(), 3), tsrnn.EncoderDecoderRegressor(horizon=3, max_iter=1)]
)
def test_forecasts_of_many_rows_at_once_are_refused(model):
    with pytest.raises(
        TypeError, match=r"3 steps from one row cannot be exported.*clone\(model.estimator\).fit"
    ):
        to_c(model.fit(None, data()[1][:, 0]))


@needs_compiler
def test_one_answer_a_series_in_c(tmp_path):
    """Both directions, every pooling, labels or a number; series of any length, in the room that is asked for."""
    headers = {f"m{k}": to_c(fitted_whole(name)[0], f"m{k}") for k, name in enumerate(WHOLE)}
    several, one = (
        RUN_SERIES.replace("GIVES", gives).replace("END", end)
        for gives, end in (("return", ""), ("", "return 0;"))
    )
    runs = [(name, text, several if "n_classes" in text else one) for name, text in headers.items()]
    source = "".join(
        text + run.replace("NAME", name) + f"const int room_{name} = {name}_room;\n"
        for name, text, run in runs
    )
    (tmp_path / "models.c").write_text(source, encoding="ascii")
    files = ["-o", tmp_path / "models.so", tmp_path / "models.c", "-lm"]
    subprocess.run([COMPILER, *FLAGS, "-O1", *files], check=True)
    library, pointer = ctypes.CDLL(str(tmp_path / "models.so")), ctypes.c_void_p
    for k, name in enumerate(WHOLE):
        model, series = fitted_whole(name)
        of_classes = hasattr(model, "classes_")
        assert f", {series[0].shape[1]} inputs, " in headers[f"m{k}"].splitlines()[0]
        size = len(model.classes_) if of_classes else 1
        wanted = model.predict_proba(series) if of_classes else model.predict(series)[:, None]
        for x, label, p in zip(series, model.predict(series), wanted):
            room, found = (
                np.full(len(x) * ctypes.c_int.in_dll(library, f"room_m{k}").value, np.nan),
                np.empty(size),
            )
            code = getattr(library, f"run_m{k}")(*(pointer(a.ctypes.data) for a in (x, room, found)), len(x))
            np.testing.assert_allclose(found, p, rtol=0, atol=1e-9)
            assert not of_classes or model.classes_[code] == label


def test_what_a_header_says_of_classes():
    text = to_c(fitted_classifier("GRUClassifier, three"), "pump")
    assert " * Classes, by number: 0 __ Text, 1 T, 2 low.\n" in text
    assert "pump_n_classes = 3" in text
    head = text[: text.index("*/")]
    assert head.count("double") == 0
    several = tsrnn.TDNNClassifier((), max_iter=1).fit(data()[0], data()[1] > [100, 3])
    with pytest.raises(ValueError, match="several labels per row cannot be exported"):
        to_c(several)


@needs_compiler
def test_starts(tmp_path):
    """Where reset begins."""
    X, Y = data()
    history = X[100:140], Y[100:140]
    headers, expected = {}, {}
    for name in ("tdnn", "narx", "lstm, deep", "esn, deep, squares, fed", "seasonal", "gru, hold"):
        for start in ("end", "cold", "zeros", history):
            if name.startswith("esn") and start == "zeros":
                with pytest.raises(
                    ValueError, match=r"start='zeros': from rest, outputs .* give start='end'"
                ):
                    to_c(fitted(name), start=start)
                continue
            one = f"m{len(headers)}"
            headers[one] = to_c(fitted(name), one, start=start)
            expected[one] = fitted(name).predict(X[TRAIN:], start=start)
    runners = compiled(tmp_path, headers, np.float64)
    for name, run in runners.items():
        assert np.abs((run(X[TRAIN:]) - expected[name]) / size()).max() < 1e-12


@needs_compiler
def test_categories_in_c(tmp_path):
    """By number, any other of which is unknown, as the header says; at lags, in one file with a float model."""
    X, codes, y = categories()
    model = GRURegressor((3,), input_lags=1, missing="mean", max_iter=2, random_state=0).fit(X[:60], y[:60])
    header = to_c(model, "plant")
    told = " ".join(header.split("*/")[0].replace(" * ", " ").split())
    assert "Column 1 of X: 0 dry, 1 wet, any other number unknown." in told
    X.loc[70, "weather"], codes[70:72, 1] = None, (np.nan, -1)
    X.loc[71, "weather"] = "new"
    found = compiled(tmp_path, {"plant": header}, np.float64)["plant"](codes[60:])
    np.testing.assert_allclose(found.ravel()[: len(codes) - 60], model.predict(X[60:]), atol=1e-12)


@needs_compiler
def test_several_series(tmp_path):
    X, Y = data()
    groups = np.repeat(["north", "south"], [150, 100])
    model = clone(NETS["gru, deep, fed"]).fit(X[:TRAIN], Y[:TRAIN], groups=groups)
    headers = {key: to_c(model, key, series=key) for key in ("north", "south")}
    runners, ends = compiled(tmp_path, headers, np.float64), {}
    for key, run in runners.items():
        ends[key] = model.predict(X[TRAIN:], groups=np.full(len(X) - TRAIN, key))
        assert np.abs((run(X[TRAIN:]) - ends[key]) / size()).max() < 1e-12
    assert not np.allclose(ends["north"], ends["south"])
    with pytest.raises(
        ValueError, match=r"series=None was not seen in training: give one of 'north', 'south'"
    ):
        to_c(model)


def test_the_header_stands_alone():
    """No allocation, no other header, and every name begins with the one given."""
    text = to_c(fitted("esn"), "pump")
    assert "malloc" not in text
    assert [line for line in text.splitlines() if line.startswith("#include")] == [
        "#include <math.h>",
        "#include <stdint.h>",
        "#include <string.h>",
    ]
    defined = [
        line.split("(")[0].split("[")[0].split()[-1]
        for line in text.splitlines()
        if line.startswith("static")
    ]
    assert len(defined) > 8
    assert all(name.startswith(("pump_", "*pump_")) for name in defined)
    assert "PUMP_H" in text
    assert f"ESNRegressor, 4 inputs, 2 outputs, by tsrnn {tsrnn.__version__}." in text.splitlines()[0]


def test_a_search_is_seen_through_and_a_pipeline_is_not():
    X, Y = data()
    search = GridSearchCV(clone(NETS["arx"]), {"alpha": [1e-4]}, cv=2).fit(X, Y[:, 0])
    assert to_c(search) == to_c(search.best_estimator_)
    pipeline = make_pipeline(StandardScaler(), clone(NETS["arx"])).fit(X, Y)
    with pytest.raises(TypeError, match=r"give its last step, model\[-1\]"):
        to_c(pipeline)
    assert "step" in to_c(pipeline[-1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "2nd"}, "name='2nd' is no name in C"),
        ({"name": "a-b"}, "name='a-b' is no name in C"),
        ({"name": None}, "name=None is no name in C"),
        ({"dtype": np.int32}, "give numpy.float64 or numpy.float32"),
        ({"start": "auto"}, "start='auto' is unknown: give 'end' or 'cold' or 'zeros'"),
        ({"start": np.zeros(3)}, "start=array"),
        ({"series": "north"}, "series='north' was not seen in training"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        to_c(fitted("narx"), **arguments)


def test_models_that_cannot_be_exported():
    X, Y = data()
    with pytest.raises(TypeError, match="give a fitted regressor or classifier of tsrnn"):
        to_c(StandardScaler().fit(X))
    with pytest.raises(NotFittedError):
        to_c(NARXRegressor())
    both = GRURegressor((3,), bidirectional=True, **{"max_iter": 1}).fit(X, Y)
    with pytest.raises(ValueError, match="bidirectional=True needs rows that are still to come"):
        to_c(both)
    halved = tsrnn.Convolution(2, 3, stride=2)
    strided = tsrnn.GRUClassifier((2,), bidirectional=False, convolution=halved, max_iter=1)
    with pytest.raises(ValueError, match="convolution of strides or pooling cannot be exported"):
        to_c(strided.fit(X.reshape(20, 20, 4), np.arange(20) % 2))
    columns = TDNNRegressor((), target_bounds=(("x2", None), None), target_transform="log", max_iter=1).fit(
        X, Y
    )
    with pytest.raises(ValueError, match="give numbers, or no transform but differences"):
        to_c(columns)
    with pytest.raises(ValueError, match=r"start='cold': the last 1 values of y.*are not known there"):
        to_c(fitted("tdnn, differences"), start="cold")
    assert to_c(fitted("tdnn, differences"), start="zeros")


# ---------------------------------------------------------------------------------------- weights


def series(F, O=1, n=60):
    """Any series, for a net to follow."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, F)), rng.normal(size=(n, O))


def torch_state(name):
    """The golden net's state_dict, its modules called ``core`` and ``head``."""
    g = torch_recurrent.load(name)
    state = {
        f"core.{k}" if k[0] != "h" and k[0] != "c" else k: a
        for k, a in g.theta.items()
        if k not in ("V", "c")
    }
    return g, {**state, "head.weight": g.theta["V"].T, "head.bias": g.theta["c"]}


@pytest.mark.parametrize("name", torch_recurrent.NETS)
def test_weights_of_torch(name):
    """The outputs that torch gave, from the first state that it had; and the same weights back."""
    g, state = torch_state(name)
    activation = {"activation": "relu"} if "relu" in name else {}
    model = from_torch(state, *series(torch_recurrent.F, torch_recurrent.O), **activation)
    assert type(model).__name__.lower().startswith({"rnn": "elman"}.get(name[:3], name[:3]))
    for b in range(torch_recurrent.B):
        assert np.allclose(model.predict(g.X[:, b], start="cold"), g.out[:, b], rtol=0, atol=1e-12)
    back = to_torch(model, net="core", readout="head")
    assert back.keys() == state.keys()
    for key, a in back.items():
        assert a.shape == state[key].shape
        if "bias" not in key:
            assert np.array_equal(a, state[key])
    biases = {
        k.replace("ih", "hh"): a + back[k.replace("ih", "hh")] for k, a in back.items() if "bias_ih" in k
    }
    for key, both in biases.items():
        assert np.allclose(both, state[key] + state[key.replace("hh", "ih")], rtol=0, atol=1e-15)


@pytest.mark.parametrize("kind", [ElmanRegressor, LSTMRegressor, GRURegressor])
def test_a_trained_net_in_torchs_layout_is_in_the_users_units(kind):
    X, Y = data()
    alone = {"skip_connections": False}  # torch has no readout that sees the lags
    model = kind((4, 4), max_iter=2, output_lags=2, input_lags=1, random_state=0, **alone).fit(X, Y)
    again = from_torch(to_torch(model), X, Y, output_lags=2, input_lags=1)
    assert np.allclose(again.x_scaler_.center, 0)
    assert np.abs((again.predict(X, start="zeros") - model.predict(X, start="zeros")) / size()).max() < 1e-9
    assert np.abs((again.predict_ahead(X, Y) - model.predict_ahead(X, Y))[50:] / size()).max() < 1e-9


def test_torch_itself():
    """A module takes what we give, and we take what it has."""
    torch = pytest.importorskip("torch")
    X, Y = data()
    for kind, ours in (("RNN", ElmanRegressor), ("LSTM", LSTMRegressor), ("GRU", GRURegressor)):
        for both in (False, True):
            core = getattr(torch.nn, kind)(4, 5, 2, bidirectional=both, dtype=torch.float64)
            head = torch.nn.Linear(5 * (1 + both), 2, dtype=torch.float64)
            net = torch.nn.ModuleDict({"rnn": core, "readout": head})

            def run(x, core=core, head=head):
                with torch.no_grad():
                    return head(core(torch.tensor(x)[:, None])[0])[:, 0].numpy()

            model = from_torch(net.state_dict(), X, Y)
            assert np.allclose(model.predict(X, start="zeros"), run(X), rtol=0, atol=1e-12)
            trained = ours((5, 5), max_iter=2, bidirectional=both, random_state=0).fit(X, Y)
            net.load_state_dict({key: torch.tensor(a) for key, a in to_torch(trained).items()})
            assert np.allclose(trained.predict(X, start="zeros"), run(X), rtol=0, atol=1e-9)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(
    "kind", [tsrnn.LSTMClassifier, tsrnn.GRUClassifier, tsrnn.ElmanClassifier, tsrnn.LSTMRegressor]
)
def test_modules_of_torch_give_one_answer_a_series(kind, pooling):
    """Both directions, every pooling, series of unequal length, numbers in the user's units."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    series = [rng.normal(3.0, 5.0, (n, 2)) for n in (4, 9, 6, 9, 3, 7)]
    y = (
        np.array([10.0, 30.0, 20.0, 10.0, 30.0, 25.0])
        if kind is tsrnn.LSTMRegressor
        else np.array(list("abcabc"))
    )
    learnt = {"initial_state": "learned"} if pooling == "both" else {}
    model = kind((3, 3), pooling=pooling, max_iter=3, random_state=0, **learnt).fit(series, y)
    assert model.fitted_.trained.dynamics.net.bidirectional
    module = to_torch_module(model)
    x = torch.nn.utils.rnn.pad_sequence([torch.tensor(s) for s in series], batch_first=True)
    with torch.no_grad():
        out = module(x, [len(s) for s in series])
        alone = module(x[1:2])
    assert torch.allclose(alone, out[1:2], rtol=0, atol=1e-12)
    if kind is tsrnn.LSTMRegressor:
        np.testing.assert_allclose(out[:, 0].numpy(), model.predict(series), rtol=0, atol=1e-6)
    else:
        np.testing.assert_allclose(torch.softmax(out, 1), model.predict_proba(series), rtol=0, atol=1e-6)


def test_answers_that_come_late_are_said_to():
    """The program answers a row as a stream does; ``predict`` gives each answer to the row that it belongs to."""
    X, y = data()[0][:80], labels("two")[:80]
    model = tsrnn.ElmanClassifier((3,), delay=2, max_iter=1, random_state=0).fit(X, y)
    assert "An answer belongs to the row 2 before (delay=2)." in to_c(model).splitlines()[0]
    assert "delay" not in to_c(model.set_params(delay=0).fit(X, y)).splitlines()[0]


def test_a_module_of_torch_is_in_the_users_units_or_refused():
    X, Y = data()
    model = GRURegressor((5,), max_iter=2, target_transform="log", random_state=0).fit(X, Y)
    assert to_torch(model)
    with pytest.raises(ValueError, match=r"undoes no target_transform \(\[Log\(\)\]\): take to_onnx or to_c"):
        to_torch_module(model)


def test_modules_of_torch_give_an_answer_a_row():
    torch = pytest.importorskip("torch")
    X, Y = data()
    model = GRURegressor((5,), max_iter=2, random_state=0).fit(X, Y)
    with torch.no_grad():
        out = to_torch_module(model)(torch.tensor(X)[None])[0].numpy()
    np.testing.assert_allclose(out / size(), model.predict(X, start="zeros") / size(), rtol=0, atol=1e-9)


@pytest.mark.filterwarnings("ignore:The model runs away")  # scores are not on the scale of probabilities
@pytest.mark.parametrize("kind", [tsrnn.ElmanClassifier, tsrnn.LSTMClassifier, tsrnn.GRUClassifier])
def test_scores_of_a_classifier_elsewhere(kind):
    """The weights, taken for those of a regressor, give scores whose softmax are the probabilities."""
    X, y = data()[0], labels("three")
    model = kind((4, 4), max_iter=2, random_state=0).fit(X, y)
    p = model.predict_proba(X, start="zeros")
    for scores in (from_torch(to_torch(model), X, p), from_keras(to_keras(model), X, p)):
        z = np.exp(scores.predict(X, start="zeros"))
        np.testing.assert_allclose(z / z.sum(axis=1, keepdims=True), p, rtol=0, atol=1e-9)


@pytest.mark.parametrize("core", ["RNN", "LSTM", "GRU"])
def test_classifiers_of_torch(core):
    """A label a series, from packed sequences of symbols and numbers, and a language model; classes in any order."""
    torch = pytest.importorskip("torch")
    rng, nn, double = np.random.default_rng(0), torch.nn, torch.float64
    words = ["c", "a", "b"]  # in an order that is not ours
    series = [
        np.array([rng.choice(list("xyz"), n), rng.normal(size=n)], object).T for n in rng.integers(4, 12, 9)
    ]
    y = np.array([words[k % 3] for k in range(9)])
    table, head = nn.Embedding(3, 2, dtype=double), nn.Linear(5, 3, dtype=double)
    net = getattr(nn, core)(3, 5, 2, dtype=double)
    module = nn.ModuleDict({"table": table, "net": net, "head": head})
    rows = [
        torch.cat([table(torch.tensor(["xyz".index(v) for v in s[:, 0]])), torch.tensor(s[:, 1:].astype(float))], 1)
        for s in series
    ]  # fmt: skip
    last = net(nn.utils.rnn.pack_sequence(rows, enforce_sorted=False))[1]
    scores = head((last[0] if core == "LSTM" else last)[-1])
    model = from_torch(module.state_dict(), series, y, classes=words)
    assert model.hidden_layer_sizes == (5, 5)
    p = torch.softmax(scores, 1).detach().numpy()[:, [1, 2, 0]]
    np.testing.assert_allclose(model.predict_proba(series), p, rtol=0, atol=1e-12)
    codes = torch.tensor([words.index(v) for v in y])
    cross_entropy = nn.functional.cross_entropy(scores, codes).item()
    assert -np.log(p[np.arange(9), ["abc".index(v) for v in y]]).mean() == pytest.approx(cross_entropy)
    net = getattr(nn, core)(2, 5, dtype=double)
    module = nn.ModuleDict({"table": table, "net": net, "head": head})
    text = rng.choice(words, 40)
    model = from_torch(module.state_dict(), None, text, classes=words, output_lags=1)
    seen = table(torch.tensor([words.index(v) for v in text[:-1]]))
    out = head(net(torch.cat([torch.zeros(1, 2, dtype=double), seen])[:, None])[0])[:, 0]
    p = torch.softmax(out, 1).detach().numpy()[:, [1, 2, 0]]
    np.testing.assert_allclose(model.predict_proba(None, text, start="zeros"), p, rtol=0, atol=1e-12)
    assert len(model.sample(5, random_state=0)) == 5


def test_steps_of_classifiers_are_torchs():
    """Cross-entropy of packed sequences of unequal length with an embedding, and its gradients."""
    for ours, theirs in steps_of_both(pytest.importorskip("torch")):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def steps_of_both(torch):
    """Loss and gradients of a classifier's step, (ours, torch's) of each."""
    from tsrnn._nets.pooled import PooledRecurrentLoss

    rng, nn, double = np.random.default_rng(0), torch.nn, torch.float64
    series = [rng.choice(list("xyz"), (n, 1)).astype(object) for n in (3, 7, 7, 12)]
    y, losses = np.array(list("abca")), []

    class Caught(tsrnn.SGD):
        dtype = np.float64

        def minimize(self, objective, theta, monitor, rng, moments=None):
            losses.append((theta.copy(), objective))
            monitor(theta, objective.value(theta))

    q = {
        "embedding_size": 2,
        "alpha": 0.0,
        "pooling": "last",
        "bidirectional": False,
        "n_restarts": 1,
        "max_iter": 1,
    }
    tsrnn.GRUClassifier((4,), solver=Caught(), random_state=0, **q).fit(series, y)
    ((theta, objective),) = losses
    assert isinstance(objective, PooledRecurrentLoss)
    loss, grad = objective.loss_grad(theta, None)
    table, net, head = nn.Embedding(4, 2), nn.GRU(2, 4), nn.Linear(4, 3)
    module = nn.ModuleDict({"table": table, "net": net, "head": head}).to(double)
    p = objective.net.views(theta)
    W, U, V = (a.swapaxes(-2, -1) for a in (p[0].W, p[0].U, p[1].W))
    given = {"weight_ih_l0": W.reshape(12, 2), "weight_hh_l0": U.reshape(12, 4), "bias_ih_l0": p[0].b.ravel()}
    given["bias_hh_l0"] = np.append(np.zeros(8), p[0].d)
    arrays = {"table.weight": theta[:8].reshape(4, 2), "head.weight": V[0], "head.bias": p[1].b.ravel()}
    arrays |= {f"net.{name}": a for name, a in given.items()}
    module.load_state_dict({name: torch.tensor(a) for name, a in arrays.items()})
    rows = [table(torch.tensor(["xyz".index(v) for v in s[:, 0]])) for s in series]
    scores = head(net(nn.utils.rnn.pack_sequence(rows, enforce_sorted=False))[1][0])
    of_torch = nn.functional.cross_entropy(scores, torch.tensor(["abc".index(v) for v in y]), reduction="sum")
    of_torch.backward()
    g = objective.net.views(grad)
    pairs = (g[0].W, net.weight_ih_l0), (g[0].U, net.weight_hh_l0), (g[1].W, head.weight)
    return [
        (loss, of_torch.item()),
        (grad[:8].reshape(4, 2), table.weight.grad.numpy()),
        *((a.swapaxes(-2, -1).reshape(b.shape), b.grad.numpy()) for a, b in pairs),
    ]


def test_classifiers_from_weights():
    """Two classes of two scores or of one, labels as ones among the inputs, and what does not fit."""
    rng, H = np.random.default_rng(0), 3

    def state(D, O, **more):
        core = {
            "weight_ih_l0": (4 * H, D),
            "weight_hh_l0": (4 * H, H),
            "bias_ih_l0": 4 * H,
            "bias_hh_l0": 4 * H,
        }
        head = {"head.weight": rng.normal(size=(O, H)), "head.bias": rng.normal(size=O)}
        return {**{f"rnn.{k}": rng.normal(size=shape) for k, shape in core.items()}, **head, **more}

    X, two, three = rng.normal(size=(30, 2)), np.tile(["n", "y"], 15), np.tile(list("abc"), 10)
    both = state(2, 2)
    p = from_torch(both, X, two, classes=["y", "n"]).predict_proba(X, start="zeros")
    scores = from_torch(both, X, rng.normal(size=(30, 2))).predict(X, start="zeros")
    np.testing.assert_allclose(np.log(p[:, 1] / p[:, 0]), scores[:, 0] - scores[:, 1], rtol=0, atol=1e-12)
    W, b = both["head.weight"], both["head.bias"]
    one = {**both, "head.weight": W[1:] - W[:1], "head.bias": b[1:] - b[:1]}
    again = from_torch(one, X, two, classes=["y", "n"]).predict_proba(X, start="zeros")
    np.testing.assert_allclose(again, p, rtol=0, atol=1e-12)
    language = tsrnn.LSTMClassifier((H,), output_lags=1, max_iter=1, random_state=0)
    language.fit(None, three)
    again = from_torch(to_torch(language), None, three, classes=list("abc"), output_lags=1)
    given = {"y": three, "start": "zeros"}
    np.testing.assert_allclose(
        again.predict_proba(None, **given), language.predict_proba(None, **given), atol=1e-9
    )
    table, symbols = {"table.weight": rng.normal(size=(3, 2))}, np.tile(list("xyz"), 10).astype(object)
    rows = table["table.weight"][np.tile([0, 1, 2], 10)]
    looked_up = from_torch({**both, **table}, symbols[:, None], two, classes=["y", "n"])
    again = from_torch(both, rows, two, classes=["y", "n"])
    p = again.predict_proba(rows, start="zeros")
    np.testing.assert_allclose(
        looked_up.predict_proba(symbols[:, None], start="zeros"), p, rtol=0, atol=1e-12
    )
    for wrong, y, q, message in (
        (state(2, 3), three, {"classes": list("ab")}, "the net gives 3 scores, so give as many labels"),
        (state(2, 3, **table), three, {"classes": list("abc")}, "there are 0 to look up"),
        (state(4, 2, **table), two, {"classes": list("ny"), "output_lags": 1}, "sees 0 and 1 in the lags of y"),
        (state(4, 3, **{"t.weight": np.ones((5, 2))}), three, {"classes": list("abc"), "output_lags": 1}, "give"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            from_torch(wrong, X, y, **q)
    for pooling, message in (("attention", "has 16 keys, but the net has 0"), ("both", "are no two halves")):
        with pytest.raises(ValueError, match=message):
            from_torch(state(2, 3), [X, X, X], list("abc"), classes=list("abc"), pooling=pooling)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("y", ["ababab", "bcabca", range(6)], ids=["two", "three", "numbers"])
def test_one_answer_a_series_there_and_back(pooling, y):
    rng = np.random.default_rng(0)
    series, numbers = [rng.normal(3.0, 5.0, (n, 2)) for n in (4, 9, 6, 9, 3, 7)], isinstance(y, range)
    y = 10.0 * np.array(y) if numbers else np.array(list(y))
    model = (LSTMRegressor if numbers else tsrnn.LSTMClassifier)(
        (3,), pooling=pooling, max_iter=2, random_state=0
    )
    if pooling == "both":  # the mean of two deep nets, which there is one net, twice as wide
        model.set_params(hidden_layer_sizes=(3, 3), n_restarts=2, ensemble="mean")
    model.fit(series, y)
    classes = None if numbers else model.classes_
    again = from_torch(to_torch(model), series, y, classes=classes, pooling=pooling)
    answers = [m.predict(series) if numbers else m.predict_proba(series) for m in (model, again)]
    np.testing.assert_allclose(*answers, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", keras_recurrent.NETS)
def test_weights_of_keras(name):
    """The outputs that Keras gave (in single precision), and the same weights back."""
    g = keras_recurrent.load(name)
    activation = {"activation": "relu"} if "relu" in name else {}
    model = from_keras(g.weights, *series(keras_recurrent.F, keras_recurrent.O), **activation)
    assert np.allclose(model.predict(g.X, start="zeros"), g.out, rtol=0, atol=3e-6)
    back = to_keras(model)
    assert [a.shape for a in back] == [a.shape for a in g.weights]
    for k, (a, b) in enumerate(zip(back, g.weights)):
        if a.ndim == 2 and len(a) == 2 and "after" in name and k % 3 == 2 and k < len(back) - 2:
            a, b = (np.array([v[0] + v[1], v[1]])[:, -3:] for v in (a, b))  # only n's two are apart
            assert np.allclose(a[0], b[0], rtol=0, atol=1e-15)
            a, b = a[1], b[1]
        assert np.allclose(a, b, rtol=0, atol=1e-15)


def test_a_trained_net_in_kerass_layout_is_in_the_users_units():
    X, Y = data()
    for model in (
        GRURegressor((4, 3)),
        GRURegressor((4,), reset="before"),
        LSTMRegressor((3, 2), bidirectional=True),
    ):
        model.set_params(max_iter=2, random_state=0).fit(X, Y)
        again = from_keras(to_keras(model), X, Y)
        assert again.get_params()["hidden_layer_sizes"] == model.hidden_layer_sizes
        assert (
            np.abs((again.predict(X, start="zeros") - model.predict(X, start="zeros")) / size()).max() < 1e-9
        )


def test_an_imported_net_is_a_fitted_model():
    """It forecasts with pandas and intervals, goes on learning, and keeps the parameters that were asked for."""
    _, state = torch_state("lstm, 1 layer, 1 direction")
    state = {k: a for k, a in state.items() if k not in ("h0", "c0")}
    index = pd.date_range("2030-01-01", periods=200, freq="h")
    X, y = series(torch_recurrent.F, n=200)
    X, y = pd.DataFrame(X, index, columns=["sun", "wind"]), pd.Series(y[:, 0], index, name="power")
    model = from_torch(state, X, y, dropout=0.2, max_iter=7)
    assert model.get_params() == LSTMRegressor((torch_recurrent.H,), dropout=0.2, max_iter=7).get_params()
    out = model.forecast(3, X[:3].set_axis(index[-1] + pd.timedelta_range("1h", periods=3, freq="h")))
    assert out.index[0] == index[-1] + pd.Timedelta("1h")
    theta = model.theta_.copy()
    more = index[-1] + pd.timedelta_range("1h", periods=50, freq="h")
    assert not np.array_equal(model.partial_fit(X[:50].set_axis(more), y[:50].set_axis(more)).theta_, theta)


def test_scaling_of_an_imported_net():
    """A net that was trained on scaled data, and the same in the user's units."""
    _, state = torch_state("gru, 2 layers, 1 direction")
    X, y = series(torch_recurrent.F)
    center, scale = np.array([3.0, -1.0]), np.array([2.0, 5.0])
    plain = from_torch(state, X, y)
    scaled = from_torch(state, X * scale + center, y * 10 + 7, x_scaler=(center, scale), y_scaler=(7, 10))
    out = scaled.predict(X * scale + center, start="cold")
    assert np.allclose(out, plain.predict(X, start="cold") * 10 + 7)
    again = from_torch(to_torch(scaled), X * scale + center, y * 10 + 7)
    assert np.allclose(again.predict(X * scale + center, start="cold"), out)


def test_nets_that_torch_or_keras_have_not():
    X, Y = data()
    q = {"max_iter": 1, "random_state": 0}
    for model, message in (
        (LSTMRegressor((3,), peepholes=True, **q), "no LSTMRegressor with peepholes"),
        (ElmanRegressor((3,), leak_rate=0.5, **q), "no ElmanRegressor with leak_rate"),
        (GRURegressor((3,), recurrent_lags=(1, 2), **q), "no GRURegressor with recurrent_lags"),
        (GRURegressor((3,), convolution=tsrnn.Convolution(2), **q), "with convolution"),
        (GRURegressor((3,), readout_hidden_layer_sizes=2, **q), "with readout_hidden_layer_sizes"),
        (LSTMRegressor((3,), forget_gate=False, **q), "no LSTMRegressor with forget_gate=False"),
        (GRURegressor((3,), layer_norm=True, **q), "no GRURegressor with layer_norm"),
        (GRURegressor((3,), skip_connections=True, **q), "no GRURegressor with skip_connections"),
    ):
        model.fit(X, Y)
        for export in (to_torch, to_keras):
            with pytest.raises(ValueError, match=message):
                export(model)
    for model, message in (
        (GRURegressor((3,), reset="before", **q), "reset='before'"),
        (ElmanRegressor((3,), activation="logistic", **q), "activation='logistic'"),
        (ElmanRegressor((3, 2), **q), r"different widths, \[2, 3\]"),
    ):
        with pytest.raises(ValueError, match=message):
            to_torch(model.fit(X, Y))
        assert to_keras(model)
    with pytest.raises(ValueError, match="no learnt first state"):
        to_keras(ElmanRegressor((3,), initial_state="learned", **q).fit(X, Y))
    with pytest.raises(TypeError, match=r"is no net that torch has.*ElmanRegressor, GRURegressor, LSTM"):
        to_torch(fitted("narx"))
    with pytest.raises(NotFittedError):
        to_torch(GRURegressor())


def test_state_dicts_that_are_wrong():
    _, state = torch_state("lstm, 1 layer, 1 direction")
    X, y = series(torch_recurrent.F)
    with pytest.raises(ValueError, match="0 keys that end in 'weight_hh_l0'"):
        from_torch({"head.weight": state["head.weight"]}, X, y)
    with pytest.raises(
        ValueError, match=r"Embeddings of the shapes \[\(2, 2\)\], but there are 0 to look up"
    ):
        from_torch({**state, "more.weight": np.ones((2, 2))}, X, y)
    with pytest.raises(ValueError, match="one Linear and nothing else"):
        from_torch({**state, "core.weight_hr_l0": np.ones((2, 2))}, X, y)
    with pytest.raises(ValueError, match="are not those of the net"):
        from_torch(state, X, y, peepholes=True)
    with pytest.raises(ValueError, match="does not go with input_lags=0 and output_lags=5"):
        from_torch(state, X, y, output_lags=5)
    with pytest.raises(ValueError, match="do not fit the net, which sees 2 columns of x and gives 1 of y"):
        from_torch(state, X[:, :1], y)
    weights = keras_recurrent.load("lstm, 1 direction").weights
    for wrong in (weights[1:], weights[:-2], [], [weights[0], weights[0], *weights[2:]]):
        with pytest.raises(ValueError, match="give kernel, recurrent kernel and bias of each"):
            from_keras(wrong, X, y)


def test_a_gru_from_its_equations():
    """The two forms, in plain loops, with Keras's layout written out once more."""
    rng = np.random.default_rng(0)
    X, y = series(2)
    for after in (True, False):
        W, U, b = rng.normal(size=(2, 9)), rng.normal(size=(3, 9)), rng.normal(size=(2, 9) if after else 9)
        V, c = rng.normal(size=(3, 1)), rng.normal(size=1)
        model, h, out = from_keras([W, U, b, V, c], X, y), np.zeros(3), []
        for x in X:
            bias, inner = b if after else (b, np.zeros(9))
            xz, xr, xn = np.split(x @ W + bias, 3)
            hz, hr, hn = np.split(h @ U + inner, 3)
            z, r = naive.logistic(xz + hz), naive.logistic(xr + hr)
            n = np.tanh(xn + (r * hn if after else (r * h) @ U[:, 6:]))
            h = z * h + (1 - z) * n
            out.append(h @ V + c)
        assert np.allclose(model.predict(X, start="zeros"), np.array(out), rtol=0, atol=1e-12)
