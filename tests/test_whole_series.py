"""One label, or one number, a series: pooled losses and what is predicted of series of any length."""

import copy
import pickle

import naive
import numpy as np
import pandas as pd
import pytest
from public import CLASSIFIERS as ALL_CLASSIFIERS
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict, cross_val_score

import tsrnn
from tsrnn._estimators.held_back import hold_series
from tsrnn._models import whole_learner
from tsrnn._models.drawing import SCALINGS
from tsrnn._models.esn_pooled import answers_left_out
from tsrnn._models.gru import cell as gru
from tsrnn._models.lstm import cell as lstm
from tsrnn._nets.changes import as_columns, as_lags, changes_of
from tsrnn._nets.delay import make_plan
from tsrnn._nets.pooled import OF_LAST, PooledDelayLoss, PooledRecurrentLoss, grid, n_keys, n_more, pool
from tsrnn._nets.recurrent import make_net
from tsrnn._nets.recurrent_loss import Noise, Teaching
from tsrnn._nets.ridge import add_rows, feature_rows, no_sums, ridge
from tsrnn._series.units import Series
from tsrnn._training.losses import Logistic, Softmax, resolve_loss


CLASSIFIERS = [kind.__name__ for kind in ALL_CLASSIFIERS if kind.__name__ != "NARXClassifier"]
REGRESSORS = [name.replace("Classifier", "Regressor") for name in CLASSIFIERS]
POOLINGS = ["last", "mean", "max", "both", "attention"]


def small(name, max_iter=60, **settings):
    """A small model."""
    if name.startswith("ESN"):
        return getattr(tsrnn, name)(40, random_state=0, **settings)
    return getattr(tsrnn, name)((6,), max_iter=max_iter, random_state=0, **{"n_restarts": 1, **settings})


def pulses(n, seed=0):
    """Series of 8 to 30 rows; which of two inputs has a pulse first, of which they have one each."""
    rng, X, y = np.random.default_rng(seed), [], []
    for _ in range(n):
        x = 0.1 * rng.normal(size=(rng.integers(8, 31), 2))
        first, second = np.sort(rng.choice(len(x), 2, replace=False))
        which = rng.integers(2)
        x[first, which] += 3
        x[second, 1 - which] += 3
        X.append(x)
        y.append(("left", "right")[which])
    return X, np.array(y)


X, Y = pulses(80)
NEW, THEN = pulses(40, seed=1)


# ---------------------------------------------------------------------------------------- losses


def some_series(n_outputs, loss, n=5):
    rng, series = np.random.default_rng(2), []
    for T in rng.permutation(np.arange(3, 3 + n) ** 2 % 11 + 3):
        y = np.full((T, n_outputs), np.nan)
        y[-1] = np.eye(3)[rng.integers(3)] if loss == "softmax" else rng.random(n_outputs)
        series.append(
            Series(rng.normal(size=(T, 2)), y, np.append(np.zeros(T - 1), 0.5 + T), np.zeros(T, bool))
        )
    return series


def objective(kind, pooling, loss, series, noise=0.0, **options):
    """A pooled loss, and parameters."""
    word = {"softmax": Softmax(0.1), "logistic": Logistic(), "squared": resolve_loss("squared")}[loss]
    O = 3 if loss == "softmax" else 2
    mean = np.array([0.3, -0.2])
    if kind == "tdnn":
        plan = make_plan(2, O + n_more(pooling, O), (3, 2), "tanh", (0, 2), (), [(0, 1), (0,)], True)
        decay = 1e-3 * (plan.groups() > 0)
        made = PooledDelayLoss(plan, series, mean, pooling, word, decay, np.float64, **options)
        return made, np.random.default_rng(0).normal(size=plan.size + n_keys(pooling))
    cell, both = (
        (lstm(True, True, 1.0, True, False), False) if kind == "lstm" else (gru("after", True, False), True)
    )
    ends = both and pooling in OF_LAST
    net = make_net(cell, 2, O + n_more(pooling, O), (3, 2), (0, 1), (), bidirectional=both, own_order=ends)
    teaching = Teaching(word, 1e-3, 0.0, 0.0, 0.0, "open_loop", 1, input_noise=noise)
    made = PooledRecurrentLoss(net, series, mean, pooling, teaching, np.float64, **options)
    return made, np.random.default_rng(0).normal(size=net.size + n_keys(pooling))


@pytest.mark.parametrize("kind", ["tdnn", "lstm", "gru, both directions"])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("loss", ["softmax", "logistic", "squared"])
def test_gradient_against_central_differences(kind, pooling, loss):
    made, theta = objective(kind, pooling, loss, some_series(3 if loss == "softmax" else 2, loss))
    value, gradient = made.loss_grad(theta, None)
    assert value == pytest.approx(made.value(theta) * made.weight, rel=1e-12)
    h = 1e-5
    for k in range(0, len(theta), 5):
        step = np.zeros_like(theta)
        step[k] = h
        numeric = (made.loss_grad(theta + step, None)[0] - made.loss_grad(theta - step, None)[0]) / (2 * h)
        assert gradient[k] == pytest.approx(numeric, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("kind", ["lstm", "gru, both directions"])
@pytest.mark.parametrize("pooling", ["last", "both"])
def test_batches_leave_nothing_behind(kind, pooling):
    """What is scheduled is kept from batch to batch, of as many steps and, in both directions, of the same lengths."""
    made, theta = objective(kind, pooling, "softmax", some_series(3, "softmax", 12))
    made._share = 1.0
    for batch in np.array([[0, 4, 8], [1, 5, 8], [2, 6, 8], [2, 7, 9], [0, 4, 8], [3, 7, 11]]):
        fresh, _ = objective(kind, pooling, "softmax", some_series(3, "softmax", 12))
        fresh._share = 1.0
        (loss, grad), (loss_of_fresh, grad_of_fresh) = (o.loss_grad(theta, batch) for o in (made, fresh))
        assert loss == loss_of_fresh
        assert np.array_equal(grad, grad_of_fresh)


@pytest.mark.parametrize("kind", ["tdnn", "lstm", "gru, both directions"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_series_side_by_side_do_not_know_of_each_other(kind, pooling):
    """The loss of all is the sum of those of each alone, whatever their lengths; so are gradients."""
    series = some_series(2, "squared", 40)
    whole, theta = objective(kind, pooling, "squared", series)
    value, gradient = whole.loss_grad(theta, None)
    alone = [objective(kind, pooling, "squared", [s])[0].loss_grad(theta, None) for s in series]
    assert value == pytest.approx(sum(v for v, _ in alone), rel=1e-12)
    np.testing.assert_allclose(gradient, sum(g for _, g in alone), rtol=1e-9, atol=1e-10)
    batches = list(objective(kind, pooling, "squared", series, B=7)[0].batches(np.random.RandomState(0)))
    assert np.array_equal(np.sort(np.concatenate([batch for batch, _ in batches])), np.arange(40))


def test_poolings():
    out = np.arange(24.0).reshape(4, 3, 2)
    out[1, 0, 1] = 99
    lengths = np.array([2, 4, 3])
    assert pool(out, lengths, "last")[0].tolist() == [[6, 99], [20, 21], [16, 17]]
    assert pool(out, lengths, "mean")[0].tolist() == [[3, 50], [11, 12], [10, 11]]
    assert pool(out, lengths, "max")[0].tolist() == [[6, 99], [20, 21], [16, 17]]
    assert pool(out, lengths, "both")[0].tolist() == [[56], [32], [27]]


def test_few_lengths_of_work_space():
    assert all(T <= grid(T) <= max(T + 1, 1.25 * T) for T in range(1, 3000))
    assert len({grid(T) for T in range(1, 257)}) < 60


# ---------------------------------------------------------------------------------------- labels of series


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_labels_of_series(name, pooling):
    model = small(name, max_iter=6, pooling=pooling)
    if name == "ESNClassifier" and pooling in ("max", "both", "attention"):
        with pytest.raises(ValueError, match=f"pooling='{pooling}'"):
            model.fit(X, Y)
        return
    model.fit(X, Y)
    p = model.predict_proba(NEW)
    assert p.shape == (40, 2)
    assert np.array_equal(model.predict(NEW), model.classes_[p.argmax(axis=1)])
    assert model.score(NEW, THEN) == np.mean(model.predict(NEW) == THEN)
    inner, v = model._dynamics().inner, model._dynamics().v
    unknown = np.full((len(NEW[0]), 1 + n_more(pooling, 1)), np.nan)
    out, _ = inner.run(model.fitted_.units.x(NEW[0]), unknown, inner.first())
    answer = {"last": out[-1], "mean": out.mean(axis=0), "max": out.max(axis=0)}
    answer["both"] = out[-1, :1] + out[:, 1:].mean(axis=0)
    answer = naive.attention(out, v) if pooling == "attention" else answer[pooling]
    by_hand = model._probabilities(model.fitted_, model.fitted_.units.y.inverse(answer[None]))
    np.testing.assert_allclose(p[0], by_hand[0], rtol=1e-9)
    for same in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), clone(model).fit(X, Y)):
        assert np.array_equal(same.predict_proba(NEW), p)
    alone = [model.predict_proba([x])[0] for x in NEW[7::-1]][::-1]
    np.testing.assert_allclose(alone, p[:8], rtol=1e-12)


@pytest.mark.parametrize("name", ["LSTMClassifier", "GRUClassifier", "ElmanClassifier"])
def test_what_came_first_is_remembered(name):
    model = small(name, pooling="last").set_params(max_iter=150)
    assert model.fit(*pulses(200)).score(NEW, THEN) > 0.9


def test_attention_finds_the_row_that_matters():
    """The value of one input in the row where the other has its pulse."""
    rng, series, y = np.random.default_rng(4), [], []
    for _ in range(150):
        x = np.column_stack([rng.normal(size=20), np.zeros(20)])
        row = rng.integers(20)
        x[row, 1] = 1.0
        series.append(x)
        y.append(x[row, 0])
    model = tsrnn.TDNNRegressor((8,), input_lags=0, pooling="attention", random_state=0).fit(
        series[:100], y[:100]
    )
    assert model.score(series[100:], y[100:]) > 0.9
    weights = model.attention_weights(series[100:])
    assert [len(a) for a in weights] == [20] * 50
    np.testing.assert_allclose(np.sum(weights, axis=1), 1.0, rtol=1e-12)
    assert np.mean([a.argmax() == x[:, 1].argmax() for a, x in zip(weights, series[100:])]) > 0.9
    with pytest.raises(ValueError, match="this one has pooling='both' and one y per series"):
        small("GRUClassifier").set_params(max_iter=1).fit(X, Y).attention_weights(X)
    with pytest.raises(ValueError, match="no place for those of pooling='attention'"):
        tsrnn.export.to_keras(small("GRUClassifier", pooling="attention").set_params(max_iter=1).fit(X, Y))


def test_lags_of_whole_series_are_the_usual_ones():
    y = np.arange(float(len(X)))
    model = small("TDNNRegressor", warm_start=True).set_params(max_iter=30).fit(X, y)
    assert model.lags_ == (tuple(range(9)), ())
    rows = np.random.default_rng(0).normal(size=(300, X[0].shape[1]))
    model.fit(rows, np.roll(rows[:, 0], 12))  # of rows they are chosen, after a whole fit too
    assert max(model.lags_.input_lags) > 8


@pytest.mark.parametrize("name", REGRESSORS)
def test_numbers_of_series(name):
    y = np.array([x[:, 0].mean() + len(x) for x in X])
    model = small(name, pooling="mean").fit(X, y)
    out = model.predict(NEW)
    assert out.shape == (40,)
    assert model.score(X, y) > 0.1
    two = small(name, 2, pooling="mean", target_transform="log1p").fit(X, np.column_stack([y, 2 * y]))
    assert two.predict(NEW).shape == (40, 2)


def test_containers_give_the_same_model():
    def gru():
        return small("GRUClassifier", max_iter=6)

    same = [x[:8] for x in X]
    model = gru().fit(same, Y)
    p = model.predict_proba(same)
    cube = gru().fit(np.array(same), list(Y))
    assert np.array_equal(cube.predict_proba(np.array(same)), p)
    keys = [f"s{k}" for k in range(80)]
    index = pd.MultiIndex.from_product([keys, pd.date_range("2024", periods=8)])
    frame = pd.DataFrame(np.concatenate(same), index, columns=["a", "b"])
    for y in (Y, pd.Series(Y, keys), pd.Series(Y, keys)[::-1]):
        framed = gru().fit(frame, y)
        assert np.array_equal(framed.predict_proba(frame), p)
        assert framed.score(frame, y) == model.score(same, Y)
    for index in (keys, range(79, -1, -1)):  # series of a list have but a place, as in any cross-validation
        labels = pd.Series(Y, index)
        listed = gru().fit(same, labels)
        assert np.array_equal(listed.predict_proba(same), p)
        assert listed.score(same, labels) == model.score(same, Y)
    grouped = gru().fit(np.concatenate(same), Y, groups=np.repeat(keys, 8))
    assert np.array_equal(grouped.predict_proba(np.concatenate(same), groups=np.repeat(keys, 8)), p)
    assert np.array_equal(model.predict_proba(same[3]), p[3:4])
    objects, ragged = (np.empty(80, object) for _ in range(2))
    objects[:], ragged[:] = [pd.DataFrame(x, columns=["a", "b"]) for x in same], X
    assert np.array_equal(gru().fit(objects, Y).predict_proba(objects[:9]), p[:9])
    assert np.array_equal(model.predict_proba(ragged), model.predict_proba(list(X)))
    with pytest.raises(TypeError, match=r"X is a dict: .*list\(X.values\(\)\)"):
        model.predict(dict(enumerate(same)))
    with pytest.raises(ValueError, match="X is empty: give"):
        model.predict([])
    with pytest.raises(ValueError, match="is not that of the series of X"):
        gru().fit(frame, pd.Series(Y, [f"t{k}" for k in range(80)]))


def test_the_shape_of_y_decides():
    x, rows = np.array([x[:8] for x in X]), np.repeat(Y[:, None], 8, axis=1)
    a_row = small("GRUClassifier").fit(x, rows)
    assert a_row.predict(x).shape == (80, 8)
    a_series = small("GRUClassifier").fit(x, Y)
    assert a_series.predict(x).shape == (80,)
    assert not a_row._dynamics().net.bidirectional
    # and "auto" takes as many epochs as it is given, of all series
    assert a_series._dynamics().net.bidirectional
    assert (a_series.n_iter_, len(a_series.validation_curve_)) == (60, 0)
    assert a_series.fitted_.trained.carry.t == 60 * 4  # batches of few series leave an epoch four steps
    one_way = small("GRUClassifier", bidirectional=False).fit(x, Y)
    assert one_way.params_[0].W.shape == a_series.params_[0].W.shape
    assert len(one_way.params_) < len(a_series.params_)
    with pytest.raises(TypeError, match="bidirectional='both' is neither True nor False"):
        small("GRUClassifier", bidirectional="both").fit(x, Y)
    assert [len(v) for v in small("GRUClassifier").fit(list(x), list(rows)).predict(list(x))] == [8] * 80


def test_whole_series_are_held_back_of_each_class():
    classes = small("ESNClassifier").fit(X, Y).fitted_.form.classes
    codes = (Y == "right").astype(float)[:, None]
    counts = np.arange(80) > 9
    held = hold_series(classes, codes, counts, 0.2, np.random.RandomState(0))
    assert not held[:10].any()
    for code in (0, 1):
        of_class = counts & (codes[:, 0] == code)
        assert held[of_class].sum() == round(0.2 * of_class.sum())


def test_series_held_back_are_learnt_in_the_end(monkeypatch):
    monkeypatch.setattr(whole_learner, "FEW", 20)
    model = small("GRUClassifier").fit(X, Y)
    best = 1 + int(np.argmin(model.validation_curve_))
    # Four steps an epoch over 68 series, batches of 17, and then over all 80, batches of 20.
    assert model.fitted_.trained.carry.t == 4 * model.n_iter_ + 4 * -(-best // whole_learner.AGAIN)
    assert model.score(NEW, THEN) > 0.8
    never = small("GRUClassifier", early_stopping=False).fit(X, Y)
    assert (len(never.validation_curve_), never.fitted_.trained.carry.t) == (0, 4 * 60)


def test_a_delay_net_learns_all_labels_and_holds_back_some_numbers():
    values = np.random.default_rng(3).normal(size=80)
    early = [np.append(v, np.zeros(29))[:, None] for v in values]  # more rows ago than it has lags
    labels = small("TDNNClassifier").fit(early, values > 0)
    assert labels.score(early, values > 0) == 1
    assert (labels.n_iter_, len(labels.validation_curve_)) == (60, 0)
    assert labels.fitted_.trained.carry.moments.t == 60 * 4
    numbers = small("TDNNRegressor").fit(early, values)
    assert len(numbers.validation_curve_) == numbers.n_iter_
    assert numbers.score(early, values) > 0.99


def test_weights_and_series_without_a_label():
    y, w = Y.astype(object), np.ones(80)
    y[5], w[7] = None, 0.0
    for name in ("GRUClassifier", "ESNClassifier"):
        without = small(name, early_stopping=False) if name == "GRUClassifier" else small(name)
        without.set_params(scale=None)
        some = clone(without).fit(X, y, sample_weight=w)
        left = [k for k in range(80) if k not in (5, 7)]
        other = clone(without).fit([X[k] for k in left], Y[left])
        np.testing.assert_allclose(some.predict_proba(NEW), other.predict_proba(NEW), atol=1e-6)
    balanced = small("TDNNClassifier", class_weight="balanced").fit(X, Y)
    assert balanced.predict_proba(NEW).shape == (40, 2)


def test_in_cross_validation_and_searches():
    model = small("ESNClassifier")
    lifted = [x + 0.3 * (k % 2) for k, x in enumerate(X)]
    scores = cross_val_score(model, lifted, np.arange(80) % 2, cv=StratifiedKFold(3))
    assert scores.mean() > 0.8
    assert cross_val_predict(model, X, Y, cv=3, method="predict_proba").shape == (80, 2)
    search = GridSearchCV(model, {"pooling": ["last", "mean"], "spectral_radius": [0.5, 0.9]}, cv=3).fit(X, Y)
    assert search.best_estimator_.predict(NEW).shape == (40,)
    cube = np.array([x[:8] for x in X])
    calibrated = CalibratedClassifierCV(model, cv=3).fit(cube, Y)
    assert calibrated.predict_proba(cube).shape == (80, 2)


def test_answers_to_series_left_out():
    """Those of readouts that learnt the others, one after the other; by them a reservoir chooses how it is driven."""
    rng, learner = np.random.default_rng(5), tsrnn.ESNClassifier(5)._learner()
    V, S, y, w = *(rng.normal(size=shape) for shape in ((12, 2), (13, 5), (12, 2))), rng.uniform(0.5, 2, 12)

    def solved(counts):
        sums = add_rows(no_sums(8, 2), learner.columns, V, S, y, counts, w)
        return sums, ridge(next(iter(sums.normal())), 0.7, True)

    sums, W = solved(np.arange(12))
    Z, _ = feature_rows(learner.columns, V, S, y, np.arange(12))
    out = answers_left_out(learner.p, sums, 0.7, W.ravel(), (Z, y, w))
    alone = [Z[k] @ solved(np.delete(np.arange(12), k))[1] for k in range(12)]
    np.testing.assert_allclose(out, alone, rtol=1e-9, atol=1e-12)
    p = small("ESNClassifier").fit(X, Y).predict_proba(NEW)
    sizes = [small("ESNClassifier", input_scaling=size).fit(X, Y).predict_proba(NEW) for size in SCALINGS]
    assert sum(np.array_equal(p, of_size) for of_size in sizes) == 1


@pytest.mark.parametrize("bias", [True, False])
def test_few_series_left_out_are_not_answered_by_their_own_labels(bias):
    """Fewer series than columns, and next to no penalty: the fit leaves nothing, 1 - h is rounding."""
    rng, learner = np.random.default_rng(6), tsrnn.ESNClassifier(12, readout_bias=bias)._learner()
    V, S, y, w = (
        rng.normal(size=(6, 2)),
        rng.normal(size=(7, 12)),
        rng.normal(size=(6, 2)),
        rng.uniform(0.5, 2, 6),
    )

    def solved(counts):
        sums = add_rows(no_sums(14 + bias, 2), learner.columns, V, S, y, counts, w)
        return sums, ridge(next(iter(sums.normal())), 1e-7, bias)

    sums, W = solved(np.arange(6))
    Z, _ = feature_rows(learner.columns, V, S, y, np.arange(6))
    out = answers_left_out(learner.p, sums, 1e-7, W.ravel(), (Z, y, w))
    alone = [Z[k] @ solved(np.delete(np.arange(6), k))[1] for k in range(6)]
    np.testing.assert_allclose(out, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "sgd"])
def test_solvers_and_threads(solver):
    model = small("LSTMClassifier", solver=solver).set_params(max_iter=10)
    one = clone(model).fit(X, Y)
    assert one.loss_curve_[-1] < one.loss_curve_[0]
    two = clone(model).set_params(n_jobs=2).fit(X, Y)
    assert np.array_equal(one.theta_, two.theta_)


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.2, "recurrent_dropout": 0.1, "hidden_layer_sizes": (4, 3)},
        {"layer_norm": True, "initial_state": "learned"},
        {"bidirectional": True, "pooling": "mean"},
        {"orthogonal_penalty": 0.01, "input_lags": 2},
        {"missing": "mask", "class_weight": "balanced", "label_smoothing": 0.1, "input_noise": 0.5},
    ],
)
def test_settings_of_nets(settings):
    model = small("LSTMClassifier").set_params(**settings, max_iter=10).fit(X, Y)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert np.isfinite(model.predict_proba(NEW)).all()


def test_inputs_are_noisy_in_training():
    def theta(name="GRUClassifier", X=X, y=Y, **settings):
        return small(name, **settings).set_params(max_iter=3).fit(X, y).theta_

    usual = theta()
    assert not np.array_equal(usual, theta(input_noise=0.0))
    smooth = [np.full((len(x), 1), float(label == "left")) for x, label in zip(X, Y)]
    assert np.array_equal(theta(X=smooth), theta(X=smooth, input_noise=0.0))
    numbers = theta("GRURegressor", y=np.arange(80.0))
    assert np.array_equal(numbers, theta("GRURegressor", y=np.arange(80.0), input_noise=0.0))
    letters = [np.where(x[:, :1] > x[:, 1:], "l", "r").astype(object) for x in X]
    assert np.array_equal(theta(X=letters), theta(X=letters, input_noise=0.0))


@pytest.mark.parametrize("noise", [0.5, "auto"])
def test_noise_leaves_the_marks_of_missing_inputs_alone(noise, monkeypatch):
    drawn, draw, rng = [], Noise.draw, np.random.default_rng(0)

    def watched(self, rng):
        draw(self, rng)
        drawn.append(tuple((self.x != self.clean).any(axis=0)))

    monkeypatch.setattr(Noise, "draw", watched)
    gaps = [np.where(rng.random(x.shape) < 0.2, np.nan, x) for x in X]
    model = small("GRUClassifier", missing="mask", input_noise=noise).set_params(max_iter=2)
    model.fit(gaps, Y)
    if noise == 0.5:
        model.fit(gaps[0], gaps[0][:, 0] > 0)
    assert set(drawn) == {(True, True, False, False)}


def test_noise_is_drawn_anew_in_each_epoch():
    made, _ = objective("lstm", "both", "softmax", some_series(3, "softmax"), noise=0.5)
    clean, rng, drawn = made.x.copy(), np.random.RandomState(0), []
    for _ in range(200):
        list(made.batches(rng))
        drawn.append(made.x - clean)
    np.testing.assert_allclose(np.std(drawn), 0.5, rtol=0.05)
    assert np.abs(np.mean(drawn, axis=0)).max() < 0.2


@pytest.mark.parametrize("dense", [(), (3,)], ids=["readout", "dense layer"])
def test_each_direction_answers_where_it_has_read_all(dense):
    model = small("GRUClassifier", pooling="last", readout_hidden_layer_sizes=dense)
    model.set_params(max_iter=5).fit(X, Y)
    *directions, readout = model.params_
    layers = [directions.pop() for _ in dense]
    for series in NEW[:4]:
        rows, ends = (series - model.x_scaler_.center) / model.x_scaler_.scale, []
        for p, ordered in zip(directions, (rows, rows[::-1])):
            state = (np.zeros(p.b.shape[1]),)
            for row in ordered:
                state = naive.gru(p, row, state, 1.0)
            ends.append(state[0])
        seen = np.concatenate(ends)
        for p in layers:
            seen = np.tanh(seen @ p.W[0] + p.b[0])
        right = naive.logistic(seen @ readout.W[0] + readout.b[0])
        np.testing.assert_allclose(model.predict_proba([series])[0, 1], right[0], rtol=1e-9)


def test_several_labels_a_series():
    y = np.array([[x[0, 0] > 0, len(x) > 15, x.mean() > 0.3] for x in X]).astype(int)
    model = small("GRUClassifier").fit(X, y)
    assert model.predict(NEW).shape == (40, 3)
    assert model.predict_proba(NEW).shape == (40, 3)


@pytest.mark.parametrize("name", ["GRUClassifier", "TDNNClassifier"])
@pytest.mark.parametrize("pooling", ["last", "attention"])
def test_warm_start(name, pooling):
    model = small(name, warm_start=True, pooling=pooling, solver="adam").set_params(max_iter=5)
    first = model.fit(X, Y).loss_curve_
    assert model.fit(X, Y).loss_curve_[0] < first[0]


# ---------------------------------------------------------------------------------------- what does not go


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.update(X[0]), "update works row by row"),
        (lambda m: m.partial_fit(X, Y), "partial_fit works row by row"),
        (lambda m: m.predict(X, Y), r"predict\(X, y\) works row by row"),
        (lambda m: m.predict_ahead(X, Y), "works row by row"),
        (lambda m: m.score(NEW, THEN[:7]), "y has 7 values, but X has 40 series"),
        (lambda m: m.predict([x[:, :1] for x in X]), "1 features"),
    ],
)
def test_what_a_model_of_whole_series_does_not_do(call, message):
    with pytest.raises(ValueError, match=message):
        call(small("ESNClassifier").fit(X, Y))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (tsrnn.NARXClassifier(), "one value per series, but NARXClassifier needs one per row"),
        (tsrnn.ARXRegressor(), "ARXRegressor needs one per row"),
        (tsrnn.ESNRegressorCV(20), "ESNRegressorCV needs one per row"),
        (small("GRUClassifier", output_lags=1), "give output_lags=0"),
        (small("GRUClassifier", delay=1), "delay=1 is for one label per row"),
        (small("GRUClassifier", pooling="sum"), "pooling='sum'"),
        (small("TDNNClassifier", pooling="sum"), "pooling='sum'"),
        (
            small("GRUClassifier", pooling="attention", n_restarts=2, ensemble="mean"),
            "several nets cannot be merged",
        ),
        (small("GRURegressor", target_transform="difference"), "target_transform takes differences"),
    ],
    ids=str,
)
def test_what_does_not_go_with_whole_series(model, message):
    y = Y if hasattr(model, "predict_proba") else np.arange(80.0)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)


def test_a_label_too_few():
    with pytest.raises(ValueError, match=r"of 80 series.*or have one value for each.*the shape \(79,\)"):
        small("GRUClassifier").fit(X, np.array(Y)[:-1])
    with pytest.raises(ValueError, match=r"give all the same, or \[s\.T for s in X\]"):
        small("GRUClassifier").fit([x.T for x in X], Y)


def test_a_label_that_is_new_is_missed():
    model = small("GRUClassifier").fit(X, Y)
    hit = model.predict(X) == np.array(Y)
    assert model.score(X, [*Y[:79], "new"]) == hit[:79].sum() / 80
    with pytest.raises(ValueError, match="y has the label 'new'"):
        model.log_loss(X, [*Y[:79], "new"])


def test_an_echo_state_network_is_as_sure_as_on_series_left_out():
    """Its readout has more weights than there are series, and a quarter of the labels is drawn."""
    rng = np.random.default_rng(0)
    series = rng.normal(size=(240, 12, 1))
    labels = np.where(rng.random(240) < 0.25, rng.integers(0, 2, 240), series[:, -1, 0] > 0)
    model = tsrnn.ESNClassifier(100, pooling="last", alpha=1e-3, random_state=0).fit(series[:60], labels[:60])
    assert model.log_loss(series[60:], labels[60:]) < np.log(2)


def test_a_reservoir_of_whole_series_can_be_listed():
    """Rows to measure its memory on are not kept: ``dir`` asks for every attribute."""
    model = small("ESNClassifier").fit(X, Y)
    assert "alpha_" in dir(model)
    assert not hasattr(model, "memory_length_")


# ---------------------------------------------------------------------------------------- readouts of reservoirs


@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("settings", [{}, {"readout_squares": True}, {"readout_bias": False}])
def test_readout_of_pooled_states_in_own_units(pooling, settings):
    """What is learnt of centred and scaled sums is what the model answers row by row, pooled."""
    numbers = np.array([x.sum() for x in X])
    model = small("ESNRegressor", pooling=pooling, alpha=0.1, **settings).fit(X, numbers)
    errors = (model.predict(X) - numbers) / numbers.std()
    np.testing.assert_allclose(model.loss_curve_, np.mean(errors**2) / 2, rtol=1e-9)


def test_reservoirs_of_whole_series_tell_swings_and_times_apart():
    """Means of squares tell strong from weak noise, whose mean states are alike."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    series = rng.normal(size=(120, 50, 1)) * np.where(y, 1.0, 0.6)[:, None, None]
    model = small("ESNClassifier", scale=None, bias_scaling=0)
    usual, blind = (clone(model).set_params(readout_squares=value) for value in ("auto", False))
    assert usual.fit(series[:60], y[:60]).score(series[60:], y[60:]) > 0.9
    assert blind.fit(series[:60], y[:60]).score(series[60:], y[60:]) < 0.8
    slow, quick = rng.normal(size=(120, 50, 1)), series[:, :, :1]
    slow = np.cumsum(slow, axis=1) + 0.3 * np.arange(50)[:, None] * y[:, None, None]
    leaks = [tuple(clone(model).fit(x, y)._dynamics().reservoir.leak[:3]) for x in (slow, quick)]
    assert leaks == [(0.9, 0.3, 0.9), (0.9, 0.9, 0.9)]
    of_rows = small("ESNClassifier").fit(series[0], series[0][:, 0] > 0)._dynamics()
    assert set(of_rows.reservoir.leak) == {0.9}
    assert not of_rows.columns[3]


# ---------------------------------------------------------------------------------------- changes of smooth inputs


def dips(n, seed=0):
    """Smooth series of two columns, one of which is constant, half of them with a small dip."""
    rng, t = np.random.default_rng(seed), np.linspace(0, 1, 60)
    y = np.arange(n) % 2
    phase, at = rng.uniform(0, 0.1, (n, 1)), rng.uniform(0.3, 0.7, (n, 1))
    x = np.sin(2 * np.pi * (t + phase)) - 0.2 * y[:, None] * np.exp(-(((t - at) / 0.03) ** 2))
    return list(np.stack([x, np.full_like(x, 7.0)], axis=2)), y


@pytest.mark.parametrize(("skip", "dense"), [(False, ()), (True, (3,))])
def test_net_of_changes_is_one_of_lags(skip, dense):
    net = make_net(
        gru("after", False, False), 4, 2, (3, 2), (0,), (), bidirectional=True, skip=skip, dense_widths=dense
    )
    series = [s._replace(X=np.cumsum(s.X, axis=0)) for s in some_series(2, "squared")]
    mean = np.array([0.3, -0.2])
    changes = changes_of(series, mean)
    theta = net.initial(np.random.RandomState(0), "orthogonal")
    lags, folded = as_lags(net), changes.folded(net, theta)
    assert lags.lead == 1
    assert as_columns(lags).same_as(net)
    np.testing.assert_allclose(changes.unfolded(lags, folded), theta, atol=1e-12)
    teaching = Teaching(resolve_loss("squared", 2), 0.0, 0.0, 0.0, 0.0, "open_loop", 0)
    wide = [s._replace(X=changes.beside(s.X)) for s in series]
    learnt = PooledRecurrentLoss(net, wide, np.zeros(4), "mean", teaching, np.float64).value(theta)
    kept = PooledRecurrentLoss(lags, series, mean, "mean", teaching, np.float64).value(folded)
    assert kept == pytest.approx(learnt, rel=1e-12)


@pytest.mark.parametrize("name", ["GRUClassifier", "LSTMClassifier"])
def test_small_shapes_in_smooth_series(name):
    X, y = dips(60)
    model = small(name, max_iter=40).fit(X, y)
    assert (model.lags_.input_lags, model.lead_) == ((0, 1), 1)
    assert model.score(*dips(40, seed=1)) > 0.8
    alone = clone(model).set_params(input_lags=[0]).fit(X, y)
    assert alone.lags_.input_lags == (0,)
    assert model.loss_curve_[-1] < 0.8 * alone.loss_curve_[-1]


def test_noise_has_no_changes_to_see():
    assert small("GRUClassifier", max_iter=1).fit(X, Y).lags_.input_lags == (0,)
    smooth, y = dips(20)
    noisy = [x + 0.5 * np.random.default_rng(k).normal(size=x.shape) for k, x in enumerate(smooth)]
    assert small("GRUClassifier", max_iter=1).fit(noisy, y).lags_.input_lags == (0,)
    letters = [np.where(x[:, :1] > 0, "u", "d").astype(object) for x in smooth]
    assert small("GRUClassifier", max_iter=1).fit(letters, y).lags_.input_lags == (0,)


def test_warm_start_goes_on_with_changes():
    X, y = dips(40)
    model = small("GRUClassifier", max_iter=3, warm_start=True, solver=tsrnn.Adam(0.01)).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(solver=tsrnn.Adam(1e-9)).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-5)
    model.fit(NEW[:30], y[:30])  # of no smooth series: what was learnt still sees changes
    assert model.lags_.input_lags == (0, 1)
