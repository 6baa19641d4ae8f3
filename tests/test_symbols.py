"""Symbols: embeddings against a twin and central differences; categories of X in every container; what is unknown."""

import dataclasses
import pickle

import naive
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import tsrnn
from tsrnn import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    NARXClassifier,
    NARXRegressor,
    TDNNClassifier,
    TDNNRegressor,
)
from tsrnn._models import gru, lstm
from tsrnn._nets.delay import make_plan
from tsrnn._nets.delay_loss import WindowLoss
from tsrnn._nets.pooled import PooledDelayLoss, PooledRecurrentLoss
from tsrnn._nets.recurrent import make_net
from tsrnn._nets.recurrent_dynamics import RecurrentDynamics
from tsrnn._nets.recurrent_loss import Teaching, TrackLoss
from tsrnn._nets.symbols import Symbols
from tsrnn._series.units import Series
from tsrnn._training.losses import SoftmaxOfCodes, squared


N, K = 18, 4
RNG = np.random.default_rng(0)
COLUMNS = ((1, 3, 2), (2, 2, 3))  # column, categories, numbers
RAW = np.column_stack([RNG.normal(size=N), RNG.integers(4, size=N), RNG.integers(3, size=N)]).astype(float)
CODES = RNG.integers(K, size=N)
NUMBERS = RNG.normal(size=(N, 1))
LSTM, GRU = lstm.cell(False, True, 1.0, False, False), gru.cell("after", True, False)
BOTH, INPUTS, LABELS = Symbols(3, COLUMNS, (K, 2)), Symbols(3, COLUMNS), Symbols(0, (), (K, 3))


def series(y, X=RAW, holes=()):
    Y = np.array(y, float).reshape(N, -1)
    Y[list(holes)] = np.nan
    return [Series(X, Y, np.linspace(0.5, 2, N), np.zeros(N, bool))]


def teaching(loss, feedback="open_loop"):
    return Teaching(loss, 0.0, 0.0, 0.0, 0.0, feedback, 1, np.full(K, 1 / K) if loss is not squared else 0.0)


def recurrent(cell, symbols, loss, feedback="open_loop", lags=(1, 2), holes=(), **options):
    y, O = (NUMBERS, 1) if loss is squared else (CODES, K)
    X = RAW if symbols.columns else np.empty((N, 0))
    options = {"link": getattr(loss, "link", "identity"), "symbols": symbols, **options}
    net = make_net(cell, symbols.width, O, (3, 2), (0, 2) if symbols.columns else (), lags, **options)
    return net, TrackLoss(net, series(y, X, holes), N, 2, teaching(loss, feedback), np.float64)


def delay(symbols, loss, closed=False, steps=1, layer_lags=((0,),)):
    y, O = (NUMBERS, 1) if loss is squared else (CODES, K)
    X, lags = (RAW, (0, 2)) if symbols.columns else (np.empty((N, 0)), ())
    plan = make_plan(symbols.width, O, (3,), "tanh", lags, (1, 2), layer_lags, True, symbols)
    return plan, WindowLoss(plan, series(y, X), steps, closed, 0.0, np.float64, loss=loss)


def pooled(kind):
    answer = series(NUMBERS)[0]
    answer.Y[:-1] = np.nan
    several = [answer, answer._replace(X=RAW[::-1].copy(), Y=answer.Y * 2)]
    rest = several, np.array([0.0, 3.0, 2.0]), "mean"
    if kind == "recurrent":
        net = make_net(GRU, INPUTS.width, 1, (3,), (0, 1), (), symbols=INPUTS)
        return net, PooledRecurrentLoss(net, *rest, teaching(squared), np.float64)
    plan = make_plan(INPUTS.width, 1, (3,), "tanh", (0, 1), (), ((0, 1),), False, INPUTS)
    return plan, PooledDelayLoss(plan, *rest, squared, np.zeros(plan.size), np.float64)


OF_CODES = SoftmaxOfCodes(0.1)
CASES = {
    "lstm, both": lambda: recurrent(LSTM, BOTH, OF_CODES),
    "lstm, fed its mixtures": lambda: recurrent(LSTM, BOTH, OF_CODES, "closed_loop", holes=(4, 5, 9)),
    "gru, labels alone, some unknown": lambda: recurrent(GRU, LABELS, OF_CODES, holes=(3, 12)),
    "gru, numbers of y": lambda: recurrent(GRU, INPUTS, squared, "closed_loop"),
    "gru, both directions, skip": lambda: recurrent(
        GRU, INPUTS, squared, lags=(), bidirectional=True, skip=True
    ),
    "delay, both": lambda: delay(BOTH, OF_CODES),
    "delay, labels alone, layers with lags": lambda: delay(LABELS, OF_CODES, steps=4, layer_lags=((0, 2),)),
    "delay, closed loop": lambda: delay(INPUTS, squared, closed=True, steps=5),
    "pooled, recurrent": lambda: pooled("recurrent"),
    "pooled, delay": lambda: pooled("delay"),
}


def slopes(case):
    """Slopes by the gradient and by central differences, in some directions; and the gradient of the tables."""
    net, loss = CASES[case]()
    theta = 0.6 * np.random.default_rng(1).normal(size=net.size)
    # random directions, which any wrong element turns: of what is looked up, and of all
    V = np.random.default_rng(2).normal(size=(4, net.size)) / np.sqrt(net.size)
    V[:2, net.n_looked_up :] = 0.0

    def value(s):
        _, fresh = CASES[case]()  # without states, and labels of its own, of the call before
        return np.array(fresh.loss_grad(theta + s @ V, fresh.everything)[0])

    _, gradient = loss.loss_grad(theta.copy(), loss.everything)
    return V @ gradient, naive.central_difference(value, np.zeros(4)), gradient[: net.n_looked_up]


@pytest.mark.parametrize("case", CASES)
def test_gradient_against_central_differences(case):
    found, numeric, looked_up = slopes(case)
    np.testing.assert_allclose(found, numeric, rtol=1e-7, atol=1e-8)
    assert np.abs(looked_up).max() > 0.01


def test_a_net_sees_rows_of_tables():
    """Recurrent and delay nets over looked-up rows are the twins over rows that a loop looked up."""
    theta = np.random.default_rng(2).normal(size=400)
    first, weights = 2, np.linspace(0.5, 2, N)
    for net, loss in (recurrent(GRU, BOTH, SoftmaxOfCodes()), delay(BOTH, SoftmaxOfCodes())):
        tables = BOTH.tables(theta)
        X = naive.look_up([None, *tables], RAW)
        Y = naive.look_up([BOTH.of_labels(theta)], CODES[:, None])
        own = theta[: net.size]
        *layers, readout = net.views(own)
        if hasattr(net, "blocks"):
            twin = naive.RecurrentNetwork(
                naive.gru, [[p] for p in layers], readout.W[0], readout.b[0], (0, 2), (1, 2)
            )
            loss = TrackLoss(net, series(CODES), N - first, 1, teaching(SoftmaxOfCodes()), np.float64)
            out, _ = naive.run_recurrent_network(twin, X, Y, first)
        else:
            sees = [[("x", (0, 2)), ("y", (1, 2))], [("x", (0, 2)), ("y", (1, 2)), (0, (0,))]]
            twin = naive.DelayNetwork([(p.W, p.b) for p in (*layers, readout)], "tanh", sees)
            out = np.array([naive.delay_layer(twin, 1, t, X, Y, {}) for t in range(first, N)])
        total = sum(w * naive.cross_entropy([f], [k]) for w, f, k in zip(weights[first:], out, CODES[first:]))
        assert loss.loss_grad(own, loss.everything)[0] == pytest.approx(total, rel=1e-10)


# ---------------------------------------------------------------------------------------- categories of X


EFFECT = {"calm": 0.0, "gale": 2.0, "rain": -1.0}
WORDS = RNG.choice(list(EFFECT), 200)
X = pd.DataFrame({"wind": RNG.normal(size=200), "weather": WORDS, "day": RNG.integers(5, 8, 200)})
SHIFT = np.array([EFFECT[word] for word in WORDS])
y = SHIFT + 0.5 * np.roll(SHIFT, 1) * X["wind"].to_numpy() + 0.3 * (X["day"] == 6)
OLD, NEW = slice(0, 150), slice(150, 200)
SMALL = {"max_iter": 4, "random_state": 0, "categorical_features": ["day"]}


@pytest.fixture(scope="module")
def model():
    return GRURegressor((4,), **SMALL).fit(X[OLD], y[OLD])


def containers():
    objects = X.astype(object).to_numpy()
    yield "category", X.astype({"weather": "category", "day": "category"}), ()
    yield "objects", X.astype({"weather": object}), ["day"]
    yield "an array", objects, [2]
    yield "a mask", objects, [False, False, True]
    for name, make in (("polars", "DataFrame"), ("pyarrow", "table")):
        library = pytest.importorskip(name)
        yield name, getattr(library, make)({c: X[c].to_list() for c in X}), ["day"]


def test_containers_of_categories_give_the_same_model(model):
    p = model.predict(X[NEW])
    for name, given, named in containers():
        other = clone(model).set_params(categorical_features=named)
        old, new = (
            given.slice(s.start, s.stop - s.start) if hasattr(given, "slice") else given[s]
            for s in (OLD, NEW)
        )
        np.testing.assert_allclose(other.fit(old, y[OLD]).predict(new), p, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("kind", [GRURegressor, NARXRegressor, TDNNRegressor])
def test_categories_are_learnt(kind):
    model = kind((6,), input_lags=1, max_iter=60, random_state=0, categorical_features=["day"])
    model.fit(X[OLD], y[OLD])
    assert model.predict(X[NEW]).std() > 0.5
    assert model.score(X[NEW], y[NEW]) > 0.9
    tables = (
        model._dynamics().net.symbols if hasattr(model._dynamics(), "net") else model._dynamics().plan.symbols
    )
    assert tables.columns == ((1, 3, 3), (2, 3, 3))


def test_a_model_with_categories_goes_on(model):
    whole = model.predict(X[NEW])
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(X[NEW]), whole)
    pieces = pickle.loads(pickle.dumps(model)).update(X[150:170])
    np.testing.assert_allclose(pieces.predict(X[170:]), whole[20:], atol=1e-12)
    np.testing.assert_allclose(model.forecast(50, X[NEW]), whole, atol=1e-12)
    pieces.partial_fit(X[170:], y[170:])
    assert not np.array_equal(pieces.theta_, model.theta_)


def test_copies_for_calibration_look_up_the_same_categories(model):
    """Also those that the rows to calibrate on lack, so that a code means the same."""
    rows = WORDS[OLD] != "gale"
    calibrated = pickle.loads(pickle.dumps(model))
    calibrated.calibrate(X[OLD][rows].reset_index(drop=True), y[OLD][rows].to_numpy(), cv=2)
    nets = [segment.maker.dynamics.net for segment in calibrated.fitted_.errors.segments]
    assert len(nets) == 2
    assert all(net.symbols.columns == ((1, 3, 3), (2, 3, 3)) for net in nets)


def test_what_training_had_not(model):
    new = X[NEW].copy()
    new.loc[155, "weather"] = "snow"
    with pytest.raises(
        ValueError, match=r"category 'snow' in column 'weather', .*'calm', 'gale', 'rain': give .*missing="
    ):
        model.predict(new)
    new.loc[155, "weather"] = None
    with pytest.raises(ValueError, match="NaN"):
        model.predict(new)
    lenient = clone(model).set_params(missing="mean").fit(X[OLD], y[OLD])
    table = lenient._dynamics().net.symbols.tables(lenient.theta_)[0]
    counts = np.unique(WORDS[OLD], return_counts=True)[1]
    np.testing.assert_allclose(table[3], counts @ table[:3] / 150, rtol=1e-6)
    p = lenient.predict(new)
    new.loc[155, "weather"] = "snow"
    assert np.array_equal(lenient.predict(new), p)
    assert not np.allclose(p[5], lenient.predict(X[NEW])[5])
    holes = X[OLD].copy()
    holes.loc[20:40, "weather"] = None
    learnt = clone(lenient).fit(holes, y[OLD])
    table = learnt._dynamics().net.symbols.tables(learnt.theta_)[0]
    assert np.abs(table[3]).max() > 0  # a row of its own
    for missing in ("hold", "mask"):
        assert np.isfinite(clone(model).set_params(missing=missing).fit(holes, y[OLD]).predict(new)).all()


@pytest.mark.parametrize(
    ("given", "change", "message"),
    [
        (X, {"categorical_features": ["month"]}, "'month' is not a column of X"),
        (X, {"categorical_features": [True, False]}, "2 entries, but X has 3 columns"),
        (X, {"categorical_features": "day"}, "sequence of columns"),
        (X, {"categorical_features": ["wind"]}, "'wind' of X .* give strings or ints"),
        (X.assign(weather=[1, "a"] * 100), {}, "X"),
        (X.assign(weather=pd.Series([None] * 200, dtype="category")), {}, "no category in column 'weather'"),
        (X, {"embedding_size": 0}, "embedding_size"),
    ],
)
def test_bad_categories(model, given, change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        clone(model).set_params(**change).fit(given, y)


def test_models_of_numbers_refuse_categories():
    with pytest.raises(
        (ValueError, TypeError),
        match=r"^X holds words, such as '\w+' in column '\w+', but ESNRegressor .*encode them",
    ):
        tsrnn.ESNRegressor(20).fit(X, y)
    with pytest.raises(ValueError, match="solver='lm' does not learn embeddings"):
        NARXRegressor(solver="lm").fit(X, y)


@pytest.mark.parametrize(
    ("kind", "pooling"),
    [(GRUClassifier, "mean"), (GRUClassifier, "attention"), (tsrnn.TDNNClassifier, "attention")],
)
def test_a_label_a_series_from_categories(kind, pooling):
    rng = np.random.default_rng(3)
    several = [
        rng.choice(["up", "down", "flat"], (n, 1), p=p).astype(object)
        for n, p in zip(rng.integers(8, 15, 40), [[0.6, 0.2, 0.2], [0.2, 0.6, 0.2]] * 20)
    ]
    labels = ["rise", "fall"] * 20
    model = kind((4,), pooling=pooling, max_iter=40, random_state=0).fit(several, labels)
    assert model.score(several, labels) > 0.8
    if pooling == "attention":
        (weights,) = model.attention_weights(several[:1])
        assert weights.shape == (len(several[0]),)
        assert weights.sum() == pytest.approx(1)
        clone(model).set_params(warm_start=True, max_iter=1).fit(several, labels).fit(several, labels)


# ---------------------------------------------------------------------------------------- labels as history


@pytest.mark.parametrize("kind", [LSTMClassifier, NARXClassifier, TDNNClassifier])
def test_labels_as_history_are_looked_up(kind):
    codes = np.tile([0, 1, 2, 0, 1, 3], 40)
    words = np.array(["zero", "one", "two", "three"])[codes]
    model = kind((8,), output_lags=3, max_iter=30, random_state=0).fit(None, words)
    dynamics = model._dynamics()
    symbols = (dynamics.net if hasattr(dynamics, "net") else dynamics.plan).symbols
    assert symbols.labels == (4, 3)
    ahead = pd.DataFrame(index=range(240, 252))
    assert model.predict(ahead).tolist() == np.tile(words[:6], 2).tolist()
    p = model.predict_proba(ahead, words[:12])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p.max(axis=1) > 0.8).all()
    again = pickle.loads(pickle.dumps(model)).update(ahead[:3], words[:3])
    np.testing.assert_allclose(again.predict_proba(ahead[3:], words[3:12]), p[3:], atol=1e-12)
    model.partial_fit(ahead, words[:12])
    several = clone(model).fit(None, [words[:90], words[:60]])  # series of other lengths
    assert set(several.series_) == {0, 1}


@pytest.mark.parametrize("kind", [GRUClassifier, NARXClassifier])
def test_a_net_without_tables_does_the_same_with_shares(kind):
    """As export and streams have it: a table times the weights behind it is one matrix."""
    words = np.array(["zero", "one", "two"])[np.random.default_rng(4).integers(3, size=120)]
    inputs = np.random.default_rng(5).normal(size=(120, 1))
    model = kind((4,), output_lags=(1, 3), max_iter=3, random_state=0).fit(inputs[:100], words[:100])
    stream = tsrnn.Stream(model)
    steps = [stream.step(row, word) for row, word in zip(inputs[100:], words[100:])]
    assert steps == model.predict(inputs[100:], words[100:]).tolist()
    assert stream._row is not None
    numbers = GRURegressor((3,), max_iter=2, random_state=0).fit(X[["weather"]], y)
    with pytest.raises(
        TypeError, match="Layers of torch take numbers, but the model looks up categories of X"
    ):
        tsrnn.export.to_torch(numbers)


# ---------------------------------------------------------------------------------------- language


TEXT = list("to be or not to be, that is the question. " * 12)


@pytest.fixture(scope="module")
def models():
    return {
        "one compiled loop": LSTMClassifier(
            (6, 5), output_lags=(1, 3), max_iter=8, solver="adam", random_state=0
        ).fit(None, TEXT),
        "step by step": GRUClassifier(
            (6, 5), output_lags=1, skip_connections=True, max_iter=8, solver="adam", random_state=0
        ).fit(None, TEXT),
        "n-gram": TDNNClassifier((8,), output_lags=3, max_iter=30, random_state=0).fit(None, TEXT),
        "reservoir": tsrnn.ESNClassifier(30, output_lags=1, random_state=0).fit(None, TEXT),
        "two labels": GRUClassifier((4,), output_lags=2, max_iter=10, solver="adam", random_state=0).fit(
            None, ["on", "off", "off"] * 60
        ),
    }


class Slow(RecurrentDynamics):
    dreams = False


def by_itself(model, n):
    """What it draws without the compiled loop."""
    fitted, other = model.fitted_, pickle.loads(pickle.dumps(model))
    dynamics = fitted.trained.dynamics
    if dynamics.dreams:
        slow = Slow(**{field.name: getattr(dynamics, field.name) for field in dataclasses.fields(dynamics)})
        other.fitted_ = fitted._replace(trained=fitted.trained._replace(dynamics=slow))
    return other.sample(n, prefix=(), random_state=0)


@pytest.mark.parametrize("name", ["one compiled loop", "step by step", "n-gram", "reservoir", "two labels"])
def test_labels_are_drawn_as_they_are_probable(models, name):
    """A draw is what its probabilities, row by row, and the same chances make of it."""
    model = models[name]
    assert model._dynamics().dreams == (name == "one compiled loop")
    prefix = model.classes_[[0, 1, 1, 0]]
    drawn = model.sample(30, 0.7, prefix, random_state=3)
    chance = np.random.RandomState(3).random_sample(30)
    whole = np.concatenate([prefix, drawn])
    history = pd.DataFrame(index=range(34))
    assert np.array_equal(model.sample(9, prefix=(), random_state=0), by_itself(model, 9))
    first = pickle.loads(pickle.dumps(model))
    first.fitted_ = first.fitted_._replace(
        series={
            None: first.fitted_.series[None]._replace(
                past=first.fitted_.series[None].past._replace(memory=model._dynamics().first()), timeline=None
            )
        }
    )
    p = first.predict_proba(history, whole, start="end")[4:] ** (1 / 0.7)
    p /= p.sum(axis=1, keepdims=True)
    expected = [np.searchsorted(np.cumsum(row), c) for row, c in zip(p, chance)]
    assert (drawn == model.classes_[expected]).mean() > 0.95  # but for a chance at a border
    assert np.array_equal(model.sample(30, 0.7, prefix, random_state=3), drawn)
    few = model.sample(60, 2.0, prefix, top_k=1, random_state=0)
    assert np.array_equal(few, model.sample(60, 0, prefix))
    assert np.array_equal(model.sample(9, top_p=1e-9), model.forecast(9))
    told = pd.DataFrame(index=range(len(whole)))
    again = pickle.loads(pickle.dumps(model)).update(told, whole)
    assert np.array_equal(
        again.forecast(5), pickle.loads(pickle.dumps(model)).update(told, whole).sample(5, 0)
    )


def test_how_sure_a_model_is(models):
    model = models["one compiled loop"]
    p = model.predict_proba(None, TEXT[:40])
    codes = np.searchsorted(model.classes_, TEXT[:40])
    loss = -np.log(p[np.arange(40), codes]).mean()
    assert model.log_loss(None, TEXT[:40]) == pytest.approx(loss)
    assert model.perplexity(None, TEXT[:40]) == pytest.approx(np.exp(loss))
    holes = [None if k == 7 else c for k, c in enumerate(TEXT[:40])]
    assert model.log_loss(None, holes) != pytest.approx(loss)


def test_one_to_many():
    """A row of inputs tells what the sequence is about."""
    about, series, labels = np.repeat(["beach", "hills"], 20), [], []
    for word in about:
        series.append(np.full((10, 1), word, object))
        labels.append((["sun", "sea"] if word == "beach" else ["fog", "sky"]) * 5)
    model = LSTMClassifier((8,), output_lags=1, max_iter=40, random_state=0).fit(series, labels)
    for word, words in (("beach", ["sun", "sea"]), ("hills", ["fog", "sky"])):
        row = np.full((1, 1), word, object)
        assert model.sample(12, 0.1, prefix=words, X=row, random_state=1).tolist() == words * 6
        assert model.sample(6, 0, prefix=words[:1], X=np.repeat(row, 3, axis=0))[0] == words[1]
    assert len(model.sample(5, prefix=(), X=row)) == 5
    assert len(model.sample(4, X=row, series=0)) == 4
    with pytest.raises(ValueError, match="has 1 inputs: give X"):
        model.sample(4, prefix=())
    with pytest.raises(ValueError, match="prefix has the label 'moon'"):
        model.sample(4, prefix=["sun", "moon"], X=row)
    with pytest.raises(TypeError, match=r"y is a single text, 'to be or not'.*list\(y\)"):
        model.fit(None, "to be or not")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 0}, "n=0"),
        ({"temperature": -1.0}, "temperature=-1.0"),
        ({"top_k": 0}, "top_k=0"),
        ({"top_p": 0.0}, "top_p=0.0"),
        ({"prefix": "Ä"}, "label 'Ä'"),
        ({"prefix": 3}, "prefix=3 is not a sequence"),
        ({"series": "a"}, "'a'"),
        ({"X": np.zeros((1, 2))}, "X"),
    ],
)
def test_bad_ways_to_draw(models, change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        models["one compiled loop"].sample(**{"n": 5, **change})


def test_what_sees_no_labels_does_not_go_on():
    model = TDNNClassifier(max_iter=2).fit(np.zeros((60, 1)) + np.arange(60)[:, None], np.arange(60) % 3)
    with pytest.raises(ValueError, match="cannot continue a sequence of labels"):
        model.sample(3, X=[[0.0]])
