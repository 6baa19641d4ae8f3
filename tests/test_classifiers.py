"""Classifiers: losses and what is fed back, labels of any kind, and all that a series does, with labels."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from public import CLASSIFIERS
from scipy.special import softmax
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tsrnn
from tsrnn._models.lstm import cell
from tsrnn._models.recurrent_learner import RecurrentLearner
from tsrnn._nets.recurrent import make_net
from tsrnn._nets.recurrent_loss import Teaching, TrackLoss
from tsrnn._series.units import Series
from tsrnn._training.losses import Logistic, Softmax


NAMES = [kind.__name__ for kind in CLASSIFIERS]
SMALL = {
    name: getattr(tsrnn, name)(20, random_state=0)
    if name == "ESNClassifier"
    else getattr(tsrnn, name)((4,), max_iter=30, random_state=0)
    for name in NAMES
}
every = pytest.mark.parametrize("name", NAMES)


def sums(n=160, seed=0):
    """Whether the last two inputs add up to little, something or much."""
    x = np.random.default_rng(seed).normal(size=n + 1)
    return x[1:, None], np.digitize(x[1:] + x[:-1], [-0.7, 0.7])


X, CODES = sums()
WORDS = np.array(["little", "some", "much"])[CODES]
OLD, NEW = slice(0, 120), slice(120, 160)


def test_there_are_classifiers():
    assert {"ElmanClassifier", "NARXClassifier", "ESNClassifier"} < set(NAMES)
    assert len(NAMES) == 8


# ---------------------------------------------------------------------------------------- losses


T, B, O = 5, 3, 4
AT = np.array([4, 21, 9]) * O
RNG = np.random.default_rng(0)
OUT, W = 3 * RNG.normal(size=(T, B, O)), RNG.uniform(0.2, 2, 30 * O)
Y = softmax(RNG.normal(size=(30, O)), axis=1).ravel()
LOSSES = [Logistic(), Logistic(0.1), Softmax(), Softmax(0.2)]
IDS = ["logistic", "logistic, smooth", "softmax", "softmax, smooth"]
each = pytest.mark.parametrize("loss", LOSSES, ids=IDS)


def value_gradient(loss, out=OUT, dtype=np.float64):
    dout = np.full_like(out, np.nan, dtype)
    return loss(out.astype(dtype), Y.astype(dtype), W.astype(dtype), AT, dout), dout


@each
@pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_a_loss_is_its_formula(loss, dtype, close):
    total, s = 0.0, loss.smoothing
    for t, b in np.ndindex(T, B):
        rows = slice(AT[b] + t * O, AT[b] + (t + 1) * O)
        f, y, w = OUT[t, b], Y[rows], W[rows]
        if isinstance(loss, Softmax):
            total -= w[0] * np.sum(((1 - s) * y + s / O) * np.log(softmax(f)))
        else:
            target, p = (1 - s) * y + s / 2, 1 / (1 + np.exp(-f))
            total -= np.sum(w * (target * np.log(p) + (1 - target) * np.log(1 - p)))
    assert value_gradient(loss, dtype=dtype)[0] == pytest.approx(total, rel=close)


@each
def test_gradient_against_central_differences(loss):
    _, gradient = value_gradient(loss)
    h = 1e-5
    for at in np.ndindex(OUT.shape):
        step = np.zeros_like(OUT)
        step[at] = h
        numeric = (value_gradient(loss, OUT + step)[0] - value_gradient(loss, OUT - step)[0]) / (2 * h)
        assert gradient[at] == pytest.approx(numeric, rel=1e-7, abs=1e-8)
    np.testing.assert_allclose(value_gradient(loss, dtype=np.float32)[1], gradient, rtol=1e-4, atol=1e-6)


@each
def test_scores_far_out_are_finite_and_nan_is_nan(loss):
    out = OUT.copy()
    out[0, 0, 0], out[0, 1, 0] = 1e30, -1e30
    value, gradient = value_gradient(loss, out, np.float32)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    out[2, 1, 0] = np.nan
    value, gradient = value_gradient(loss, out)
    assert np.isnan(value)
    assert np.isnan(gradient[2, 1, 0])


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("feedback", ["open_loop", "closed_loop"])
def test_gradient_through_probabilities_that_are_fed_back(n_classes, feedback):
    """Some labels are unknown, and in closed loop all are."""
    rng, O = np.random.default_rng(1), 1 if n_classes == 2 else n_classes
    loss = Logistic() if n_classes == 2 else Softmax(0.1)
    net = make_net(cell(False, True, 1.0, False, False), 2, O, (3,), (0,), (1, 2), link=loss.link)
    codes = rng.integers(n_classes, size=14)
    Z = codes[:, None].astype(float) if O == 1 else np.eye(n_classes)[codes]
    Z[[4, 5, 9]] = np.nan
    series = [Series(rng.normal(size=(14, 2)), Z, np.ones(14), np.zeros(14, bool))]
    teaching = Teaching(loss, 0.0, 0.0, 0.0, 0.0, feedback, 1, np.full(O, 1 / n_classes))
    track = TrackLoss(net, series, 14, 1, teaching, np.float64)
    theta = rng.normal(size=net.size)
    _, gradient = track.loss_grad(theta.copy(), None)
    gradient, h = gradient.copy(), 1e-6
    for k in range(0, net.size, 3):
        ends = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[k] += sign * h
            ends.append(track.loss_grad(moved, None)[0])
        assert gradient[k] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6, abs=1e-7)


# ---------------------------------------------------------------------------------------- labels


@every
def test_labels_of_any_kind_give_the_same_model(name):
    """Strings, categories, objects with None, ints and floats with NaN."""
    unknown = np.zeros(160, bool)
    unknown[30:34] = True
    holes = WORDS.astype(object)
    holes[unknown] = None
    order = {"little": 0, "much": 1, "some": 2}
    numbers = np.array([order[word] for word in WORDS], float)
    numbers[unknown] = np.nan
    labels = {
        "objects": holes,
        "strings": pd.Series(holes).astype("string"),
        "categories": pd.Series(holes).astype("category"),
        "floats": numbers,
        "nullable": pd.Series(numbers).astype("Int64"),
    }
    models = {kind: clone(SMALL[name]).fit(X[OLD], y[OLD]) for kind, y in labels.items()}
    p = models["objects"].predict_proba(X[NEW])
    assert p.shape == (40, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    for kind, model in models.items():
        assert np.array_equal(model.predict_proba(X[NEW]), p), kind
        words = model.predict(X[NEW]) if kind not in ("floats", "nullable") else None
        if words is None:
            assert model.classes_.tolist() == [0, 1, 2]
            assert set(model.predict(X[NEW]).tolist()) <= {0, 1, 2}
        else:
            assert model.classes_.tolist() == ["little", "much", "some"]
            assert np.array_equal(words, model.classes_[p.argmax(axis=1)])
    assert model.score(X[NEW], labels["nullable"][NEW]) > 0.5
    with np.errstate(divide="ignore"):
        assert np.array_equal(model.predict_log_proba(X[NEW]), np.log(p))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.linspace(0, 1, 120), "Unknown label type"),
        (np.full(120, 1), "only one class, .*1.*: give rows of others too"),
        (["one text after another"] * 120, r"'one text after anoth' ...,.*of texts give the characters"),
        (np.full(120, np.nan), "no label at all"),
        (np.array(["a", 1, 2.5] * 40, object), "labels of the kinds float, int, str"),
        (np.arange(240).reshape(120, 2), "holds values other than 0 and 1"),
        (np.full(120, np.inf), "infinity"),
        (np.zeros((120, 2, 2)), r"shape \(120, 2, 2\)"),
        (pd.date_range("2020", periods=120), "dates"),
    ],
)
def test_labels_that_are_none(y, message):
    with pytest.raises((ValueError, TypeError), match=message):
        clone(SMALL["TDNNClassifier"]).fit(X[OLD], y)


def test_a_label_that_is_new():
    model = clone(SMALL["TDNNClassifier"]).fit(X[OLD], WORDS[OLD])
    with pytest.raises(ValueError, match=r"label 'huge', which is not among the classes \['little', 'much'"):
        model.update(X[NEW], np.full(40, "huge"))
    for labels in (WORDS, np.where(WORDS == "some", "much", WORDS)):  # three labels, two
        model.fit(X[OLD], labels[OLD])
        assert 0 < model.score(X[NEW], np.where(np.arange(40) % 2, labels[NEW], "huge")) <= 0.55
        assert model.score(X[NEW], np.full(40, "huge")) == 0
    with pytest.raises(ValueError, match="fitted with one label per row"):
        model.score(X[NEW], np.zeros((40, 2)))


@every
def test_several_labels_a_row(name):
    Y = np.column_stack([CODES > 0, CODES > 1, X[:, 0] > 0]).astype(int)
    model = clone(SMALL[name]).fit(X[OLD], Y[OLD])
    p = model.predict_proba(X[NEW])
    assert p.shape == (40, 3)
    assert np.array_equal(model.predict(X[NEW]), p > 0.5)
    assert 0.4 < model.score(X[NEW], Y[NEW]) <= (model.predict(X[NEW]) == Y[NEW]).mean()


# ---------------------------------------------------------------------------------------- weights


@every
def test_a_weight_of_a_class_is_that_of_its_rows(name):
    weights = {"little": 0.5, "some": 2.0, "much": 1.5}
    one = clone(SMALL[name]).set_params(class_weight=weights).fit(X[OLD], WORDS[OLD])
    other = clone(SMALL[name]).fit(X[OLD], WORDS[OLD], sample_weight=[weights[word] for word in WORDS[OLD]])
    assert np.array_equal(one.theta_, other.theta_)


def test_balanced_classes():
    counts = np.bincount(CODES[OLD])
    weights = {k: 120 / (3 * n) for k, n in enumerate(counts)}
    models = [clone(SMALL["TDNNClassifier"]).set_params(class_weight=w) for w in (weights, "balanced", None)]
    one, other, plain = (model.fit(X[OLD], CODES[OLD]).theta_ for model in models)
    np.testing.assert_allclose(one, other, rtol=1e-9)
    assert not np.allclose(one, plain)
    for wrong in ("even", {0: -1.0, 1: 1.0, 2: 1.0}, [1, 2, 3], {0: 1.0, 7: 2.0}):
        with pytest.raises(ValueError, match="class_weight="):
            clone(models[0]).set_params(class_weight=wrong).fit(X[OLD], CODES[OLD])


def test_label_smoothing_keeps_from_being_sure():
    sure, unsure = (
        clone(SMALL["TDNNClassifier"]).set_params(label_smoothing=s, input_lags=1, early_stopping=False)
        for s in (0.0, 0.3)
    )
    p, q = (
        model.fit(X[OLD], CODES[OLD]).predict_proba(X[OLD]).max(axis=1).mean() for model in (sure, unsure)
    )
    assert q < 0.85 < p
    with pytest.raises(ValueError, match="label_smoothing"):
        clone(sure).set_params(label_smoothing=1.0).fit(X, CODES)


# ---------------------------------------------------------------------------------------- series


@every
@pytest.mark.parametrize("labels", [CODES, CODES > 0], ids=["three", "two"])
def test_states_go_on_and_pieces_give_what_the_whole_does(name, labels):
    model = clone(SMALL[name]).fit(X[OLD], labels[OLD])
    whole, theta = model.predict_proba(X[NEW]), model.theta_.copy()
    assert np.array_equal(model.predict_proba(X[NEW]), whole)  # predict changes nothing
    other = copy.deepcopy(model).update(X[120:135])
    np.testing.assert_allclose(other.predict_proba(X[135:160]), whole[15:], atol=1e-12)
    assert np.array_equal(model.theta_, theta)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X[NEW]), whole)
    assert np.array_equal(again.classes_, model.classes_)


@pytest.mark.parametrize("name", ["ElmanClassifier", "GRUClassifier", "NARXClassifier", "ESNClassifier"])
def test_a_model_that_sees_labels_is_fed_its_probabilities(name):
    model = clone(SMALL[name]).set_params(output_lags=2).fit(X[OLD], WORDS[OLD])
    free = model.predict_proba(X[NEW])
    dynamics, units, memory = model._dynamics(), model.fitted_.units, model.state_
    for t in range(40):  # by hand
        z, _ = dynamics.run(units.x(X[120 + t : 121 + t]), np.full((1, 3), np.nan), memory)
        u = units.y.inverse(z)
        np.testing.assert_allclose(model._probabilities(model.fitted_, u)[0], free[t], atol=1e-9)
        _, memory = dynamics.run(units.x(X[120 + t : 121 + t]), u, memory)
    told = model.predict_proba(X[NEW], WORDS[NEW])
    assert not np.allclose(told[1:], free[1:])
    np.testing.assert_allclose(told[0], free[0], atol=1e-12)
    y = WORDS[NEW].astype(object)
    y[3:] = None
    some = model.predict_proba(X[NEW], y)
    np.testing.assert_allclose(some[:4], told[:4], atol=1e-12)
    assert np.array_equal(model.predict_ahead(X[NEW], WORDS[NEW], steps=1), model.predict(X[NEW], WORDS[NEW]))
    far = model.predict_proba(X[NEW], WORDS[NEW], steps=40)
    np.testing.assert_allclose(far, free, atol=1e-9)  # of rows before 40 nothing more is known


@pytest.mark.parametrize("name", ["ElmanClassifier", "LSTMClassifier"])
@pytest.mark.parametrize("training", ["closed_loop", "scheduled_sampling"])
def test_training_on_its_own_probabilities(name, training):
    model = clone(SMALL[name]).set_params(output_lags=1, training=training, sequence_length=8)
    model.fit(X[OLD], CODES[OLD])
    assert np.isfinite(model.loss_curve_).all()
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize("name", ["TDNNClassifier", "GRUClassifier", "ESNClassifier"])
def test_delayed_labels(name):
    """The sign of the next input is known one row later."""
    x = np.random.default_rng(3).normal(size=(300, 1))
    y = np.append(x[1:, 0], 0.0) > 0
    blind, seeing = (clone(SMALL[name]).set_params(delay=d).fit(x[:240], y[:240]) for d in (0, 1))
    assert blind.score(x[240:299], y[240:299]) < 0.75
    assert seeing.score(x[240:299], y[240:299]) > 0.9
    p = seeing.predict_proba(x[240:])
    np.testing.assert_allclose(seeing.predict_proba(x[240:280])[:-1], p[:39], atol=1e-12)
    after = copy.deepcopy(seeing).update(x[240:260])
    np.testing.assert_allclose(after.predict_proba(x[260:]), p[20:], atol=1e-12)
    seeing.partial_fit(x[240:270], y[240:270])


@pytest.mark.parametrize("change", [{"output_lags": 1}, {"bidirectional": True}])
def test_delay_does_not_go_with_everything(change):
    with pytest.raises(ValueError, match="delay=2 does not go with"):
        clone(SMALL["GRUClassifier"]).set_params(delay=2, **change).fit(X, CODES)
    with pytest.raises(
        ValueError,
        match=f"delay=2000 .* {len(X)} rows, so that no row",
    ):
        clone(SMALL["GRUClassifier"]).set_params(delay=2000).fit(X, CODES)
    with pytest.raises(ValueError, match="delay=-1 is out of range"):
        clone(SMALL["GRUClassifier"]).set_params(delay=-1).fit(X, CODES)


def test_both_directions():
    x = np.random.default_rng(3).normal(size=(300, 1))
    y = np.append(x[1:, 0], 0.0) > 0
    model = clone(SMALL["GRUClassifier"]).set_params(bidirectional=True).fit(x[:240], y[:240])
    assert model.score(x[240:299], y[240:299]) > 0.9


@every
def test_panels_in_every_container(name):
    keys, time = np.repeat(["a", "b"], 80), np.tile(pd.date_range("2024", periods=80, freq="h"), 2)
    index = pd.MultiIndex.from_arrays([keys, time], names=["who", "when"])
    frame, y = pd.DataFrame(X, index, columns=["x"]), pd.Series(WORDS, index)
    rows = np.arange(160) % 80 < 60
    model = clone(SMALL[name]).fit(frame[rows], y[rows])
    p = model.predict_proba(frame[~rows])
    listed = clone(SMALL[name]).fit([X[:60], X[80:140]], [WORDS[:60], WORDS[80:140]])
    assert np.array_equal(listed.theta_, model.theta_)
    parts = listed.predict_proba([X[60:80], X[140:160]], start="end")
    np.testing.assert_allclose(np.concatenate(parts), p, atol=1e-12)
    assert [len(v) for v in listed.predict([X[:7], X[7:20]])] == [7, 13]
    groups = clone(SMALL[name]).fit(X[rows], WORDS[rows], groups=keys[rows])
    np.testing.assert_allclose(groups.predict_proba(X[~rows], groups=keys[~rows]), p, atol=1e-12)
    shuffled = frame[~rows].iloc[np.argsort(np.arange(40) % 20, kind="stable")]
    again = pd.DataFrame(model.predict_proba(shuffled), shuffled.index)
    np.testing.assert_allclose(again.loc[frame[~rows].index], p, atol=1e-12)


@every
def test_rows_are_missing(name):
    holes = X.copy()
    holes[20:25] = np.nan
    model = clone(SMALL[name]).set_params(missing="mask").fit(holes[OLD], CODES[OLD])
    assert model.predict_proba(np.full((5, 1), np.nan)).shape == (5, 3)
    time = pd.date_range("2024", periods=160, freq="h")
    frame = pd.DataFrame(X, time)
    model = clone(SMALL[name]).fit(frame[OLD], WORDS[OLD])
    with pytest.warns(UserWarning, match=r"5 row\(s\) are missing"):
        assert len(model.predict(frame[125:])) == 35


@every
def test_learning_goes_on(name):
    model = clone(SMALL[name])
    model.partial_fit(X[:60], CODES[:60], classes=[0, 1, 2, 3])
    assert model.classes_.tolist() == [0, 1, 2, 3]
    theta = model.theta_.copy()
    model.partial_fit(X[60:120], CODES[60:120])
    assert not np.array_equal(model.theta_, theta)
    assert model.predict_proba(X[NEW]).shape == (40, 4)
    with pytest.raises(ValueError, match="label 4, which is not among"):
        model.partial_fit(X[NEW], np.full(40, 4))
    assert not hasattr(model, "_announced")


def test_warm_start_goes_on_from_its_weights():
    model = clone(SMALL["LSTMClassifier"]).set_params(warm_start=True, max_iter=5, solver="adam")
    first = model.fit(X[OLD], CODES[OLD]).loss_curve_
    assert model.fit(X[OLD], CODES[OLD]).loss_curve_[0] < first[0]


def test_in_pipelines_and_searches():
    model = make_pipeline(StandardScaler(), clone(SMALL["TDNNClassifier"]).set_params(input_lags=1))
    scores = cross_val_score(model, X, WORDS, cv=TimeSeriesSplit(3, test_size=20))
    assert scores.mean() > 0.7
    losses = cross_val_score(model, X, WORDS, cv=TimeSeriesSplit(3, test_size=20), scoring="neg_log_loss")
    assert -losses.mean() < log_loss(WORDS, np.full((160, 3), 1 / 3))


def test_gauss_newton_is_for_squares():
    with pytest.raises(ValueError, match=r"is for sums of squares.*'lbfgs' or 'adam'\.$"):
        clone(SMALL["NARXClassifier"]).set_params(solver="lm").fit(X, CODES)


def test_a_flip_flop_runs_by_itself():
    """Set and reset: the label is the memory."""
    X = np.random.default_rng(0).random((800, 2)) < 0.05
    y, on = [], False
    for set_, reset in X:
        on = (on or set_) and not reset
        y.append("on" if on else "off")
    X = X.astype(float)
    for name, lags in (("NARXClassifier", 1), ("ElmanClassifier", 0), ("GRUClassifier", 0)):
        model = clone(SMALL[name]).set_params(output_lags=lags, max_iter=200).fit(X[:600], y[:600])
        assert model.score(X[600:], y[600:]) > 0.99, name


def test_of_many_sequences_without_names_whole_ones_are_held_back(monkeypatch):
    """What stands at the ends alone, as the answer in a copying task, is learnt, too."""

    def hold(*args, **options):
        with pytest.raises(KeyboardInterrupt):
            tsrnn.ElmanClassifier((2,)).fit(*args, **options)
        return [s.held for s in seen]

    def learn(self, net, series, *rest):
        seen[:] = series
        raise KeyboardInterrupt

    seen = []
    monkeypatch.setattr(RecurrentLearner, "learn", learn)
    X, y = sums(20 * 30)
    held = hold(list(X.reshape(20, 30, 1)), list(y.reshape(20, 30)))
    assert [h.all() for h in held] == [h.any() for h in held]
    assert sum(h.all() for h in held) == 3
    named = hold(X, y, groups=np.repeat(np.arange(20), 30))
    assert all(h.sum() == 4 and h[-4:].all() for h in named)


def test_a_classifier_that_says_less_than_frequencies_says_so():
    draw = np.random.default_rng(0)
    lasting, X = np.repeat(draw.random(30) < 0.5, 30), draw.normal(size=(900, 1))
    told = "says less of the labels than their frequencies do.* log loss of its free runs is [0-9.]+"
    with pytest.warns(tsrnn.WorseThanNaiveWarning, match=told):
        tsrnn.NARXClassifier(random_state=0).fit(X, lasting)
    three = np.where(lasting, "on", np.where(np.arange(900) < 450, "off", "out"))
    with pytest.warns(tsrnn.WorseThanNaiveWarning, match=told):  # labels are embedded
        tsrnn.NARXClassifier(random_state=0).fit(X, three)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tsrnn.NARXClassifier(random_state=0).fit(X, X[:, 0] > 0)  # what inputs tell
        tsrnn.NARXClassifier(random_state=0, early_stopping=False).fit(X, lasting)  # by choice
        tsrnn.NARXClassifier(random_state=0, class_weight="balanced").fit(X, lasting)
