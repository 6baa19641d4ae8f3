"""Several starts: the best of them, or one net whose output is the mean of theirs."""

import pickle
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone

from tsrnn import (
    LBFGS,
    SGD,
    ElmanClassifier,
    ElmanRegressor,
    GRUClassifier,
    GRURegressor,
    LevenbergMarquardt,
    LRURegressor,
    LSTMRegressor,
    NARXRegressor,
    TDNNClassifier,
    TDNNRegressor,
)
from tsrnn._estimators.held_back import hold_stretches
from tsrnn._estimators.learning import hold_back
from tsrnn._models.delay_learner import LEAST, SMOOTH
from tsrnn._models.less_sure import share_of_own, toward_usual, usual_scores
from tsrnn._nets import delay, recurrent
from tsrnn._nets.delay import DelayDynamics
from tsrnn._nets.recurrent import make_net
from tsrnn._nets.recurrent_dynamics import RecurrentDynamics
from tsrnn._series.units import Series, held_elsewhere
from tsrnn._training.monitor import Monitor, not_stuck
from tsrnn.export import to_torch


rng = np.random.default_rng(0)
X = rng.normal(size=(240, 2))
Y = np.column_stack([np.tanh(X[:, 0] + np.roll(X[:, 1], 1)), X[:, 1] * np.roll(X[:, 0], 2)])
QUICK = {"max_iter": 3, "random_state": 0}

NETS = {
    "LSTM": LSTMRegressor((3,), initial_state="learned"),
    "GRU, layers that skip, fed back": GRURegressor(
        (3, 2), skip_connections=True, input_lags=1, output_lags=(1, 3)
    ),
    "Elman, both ways": ElmanRegressor((3, 2), bidirectional=True, layer_norm=True),
    "LRU, layers": LRURegressor((3, 2)),
    "NARX": NARXRegressor((3,)),
    "NARX, layers that skip": NARXRegressor((3, 2), skip_connections=True),
    "TDNN, lags of layers": TDNNRegressor((3, 2, 4), layer_lags=(2, (0, 3))),
    "TDNN, linear": TDNNRegressor(()),
}


def abreast(model, k, means=([0.3, -0.2], [0.1, 0.5]), symbols=({}, 0)):
    """k nets of random weights, and the one net of all, as dynamics."""
    learner = model.set_params(n_restarts=k)._learner().of_symbols(*symbols)
    net, mean = learner.net(2, 2), tuple(map(np.array, means))
    thetas = [np.random.default_rng(j).normal(size=net.size) * 0.4 for j in range(k)]
    if isinstance(net, recurrent.Net):
        wide, theta = recurrent.abreast(net, thetas)
        kind = RecurrentDynamics
    else:
        wide = learner._wide(net, k)
        theta, kind = delay.abreast(net, wide, thetas), DelayDynamics
    return [kind(t, net, mean, learner.input_lag) for t in thetas], kind(theta, wide, mean, learner.input_lag)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("k", [2, 3])
def test_the_output_of_one_net_is_the_mean_of_those_of_all(name, k):
    members, together = abreast(NETS[name], k)
    outs = [member.run(X, Y, member.first())[0] for member in members]
    assert np.ptp(outs, axis=0).max() > 0.1
    out, _ = together.run(X, Y, together.first())
    assert np.abs(out - np.mean(outs, axis=0)).max() < 1e-13
    assert together.lead == members[0].lead


@pytest.mark.parametrize("kind", [GRURegressor, NARXRegressor])
@pytest.mark.parametrize("symbols", [({1: 3}, 2), ({1: 3}, 0), ({}, 2)])
def test_nets_that_look_up_are_joined(kind, symbols):
    """Each keeps its own rows of the tables of categories and labels."""
    model = kind((3, 2), skip_connections=True, input_lags=1, output_lags=(1, 3))
    members, together = abreast(model, 3, ([0.3, 3.0], [0.1, 0.9]), symbols)
    seen = np.column_stack([X[:, 0], np.arange(240) % 4]), np.eye(2)[rng.integers(2, size=240)]
    *outs, out = (dynamics.run(*seen, dynamics.first())[0] for dynamics in [*members, together])
    assert np.ptp(outs, axis=0).max() > 0.1
    assert np.abs(out - np.mean(outs, axis=0)).max() < 1e-13


def test_few_series_of_symbols_are_learnt_by_three_nets():
    series = [np.array(list(word), object)[:, None] for word in ("abc", "cab", "bb", "acca") * 5]
    model = GRUClassifier((3,), **QUICK).fit(series, list("xyxy" * 5))
    assert len(model.params_) == 3 * 2 + 1  # three nets of both directions
    assert np.isfinite(model.predict_proba(series)).all()
    model = TDNNClassifier((3,), n_restarts=2, ensemble="mean", **QUICK).fit(series, list("xyxy" * 5))
    assert np.isfinite(model.predict_proba(series)).all()


@cache
def fitted(**kw):
    return ElmanRegressor((3,), **{**QUICK, "n_restarts": 3, **kw}).fit(X[:200], Y[:200])


def test_restarts_differ_and_the_best_is_kept():
    best = fitted()
    assert len(best.params_) == 2
    alone = fitted(n_restarts=1)
    assert not np.array_equal(best.theta_, alone.theta_)
    curves = [fitted(n_restarts=n, random_state=1).validation_curve_ for n in (2, 6)]
    assert min(curves[1]) <= min(curves[0])  # the first two are among the six


def test_one_net_of_all_forecasts_learns_and_is_saved():
    model = fitted(ensemble="mean")
    assert [len(layer.b[0]) for layer in model.params_] == [3, 3, 3, 2]
    assert len({layer.W.tobytes() for layer in model.params_[:3]}) == 3
    assert model.forecast(4, X[200:204], level=80).shape == (4, 6)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X[200:]), model.predict(X[200:]))
    more = again.partial_fit(X[200:], Y[200:])
    assert not np.array_equal(more.theta_, model.theta_)
    apart = np.kron(np.eye(3), np.ones((3, 3))) == 0  # no member sees another
    U = next(a for name, a in to_torch(model).items() if "weight_hh" in name)
    assert U.shape == (9, 9)
    assert np.array_equal(U == 0, apart)


def recorded(kind, stages):
    """A solver of some kind, which adds the monitor of each stage of training to a list."""

    class Recorded(kind):
        def minimize(self, objective, theta, monitor, rng):
            monitor.decays = [objective.decay]
            super().minimize(objective, theta, monitor, rng)
            monitor.decays.append(objective.decay)
            stages.append(monitor)

    return Recorded()


def test_all_but_the_first_delay_net_of_a_mean_have_less_patience():
    stages, noise = [], 0.3 * np.random.default_rng(1).normal(size=Y.shape)
    settings = {"solver": recorded(LevenbergMarquardt, stages), "random_state": 0, "ensemble": "mean"}
    model = TDNNRegressor((3,), max_iter=60, n_iter_no_change=7, n_restarts=3, **settings).fit(X, Y + noise)
    first, *others = stages
    assert first.n_iter - first.best_iter == 7
    assert [other.n_iter_no_change for other in others] == [2, 2]
    assert model.n_iter_ == first.n_iter


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_the_other_delay_nets_of_a_mean_begin_with_the_decay_of_the_first(noise):
    """Stage by stage; but not with next to none, with which many weights first fit few rows."""
    stages, y = [], np.tanh(X[:, 0]) + noise * np.random.default_rng(1).normal(size=len(X))
    settings = {"solver": recorded(LevenbergMarquardt, stages), "random_state": 0, "ensemble": "mean"}
    NARXRegressor((3,), input_lags=1, output_lags=1, max_iter=20, n_restarts=3, **settings).fit(X, y)
    first, others = stages[:2], stages[2:]
    for k, stage in enumerate(others):
        (begin, _), (smooth, end) = stage.decays, first[k % 2].decays
        assert set(smooth) == {0.0, SMOOTH}
        assert np.array_equal(begin, np.maximum(end, LEAST * (smooth > 0)))
        assert (begin.max() > LEAST) == (noise > 0)


class StuckOnce(LBFGS):
    """Leads its third training nowhere: a delay net's, or the second recurrent net's, which are trained twice."""

    def minimize(self, objective, theta, monitor, rng):
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls != 3:
            super().minimize(objective, theta, monitor, rng)
            return
        monitor.best = np.inf
        monitor(np.zeros_like(theta), 1.0)


@pytest.mark.parametrize("kind", [TDNNRegressor, ElmanRegressor])
def test_a_net_that_got_stuck_is_left_out_of_a_mean(kind):
    y = np.tanh(X[:, 0]) + 0.3 * np.random.default_rng(1).normal(size=len(X))
    settings = {"max_iter": 30, "random_state": 0, "skip_connections": False}
    model = kind((3,), solver=StuckOnce(), n_restarts=3, ensemble="mean", **settings).fit(X, y)
    two = kind((3,), solver=LBFGS(), n_restarts=2, ensemble="mean", **settings).fit(X, y)
    assert model.theta_.size == two.theta_.size
    assert model.score(X, y) > 0.7


def test_where_a_held_loss_is_unknown_no_net_is_left_out():
    nets = [SimpleNamespace(value=value) for value in (np.nan, 1.0, 9.0)]
    assert not_stuck(nets) == nets
    assert not_stuck(nets[1:]) == nets[1:2]


@pytest.mark.parametrize(("patience", "apart"), [(40, 8), (12, 2), (2, 1)])
def test_recurrent_nets_of_a_mean_look_at_held_rows_in_few_iterations(patience, apart):
    """Not so few that they run out of patience before they look."""
    stages = []
    settings = {"solver": recorded(LBFGS, stages), "random_state": 0, "ensemble": "mean"}
    ElmanRegressor((3,), max_iter=20, n_restarts=2, n_iter_no_change=patience, **settings).fit(X, Y)
    for net in stages[::2]:  # each learns what was held back, too
        looks, n = net.validation_curve, net.n_iter
        assert {k + 1 for k in range(1, n) if looks[k] != looks[k - 1]} <= {*range(apart, n, apart), n}
        assert len(set(looks)) > min(20, patience) / apart
        assert net.best_iter in (*range(apart, n, apart), n)


@pytest.mark.parametrize("ensemble", ["best", "mean"])
def test_threads_do_not_show_in_a_result(ensemble):
    assert np.array_equal(fitted(ensemble=ensemble, n_jobs=2).theta_, fitted(ensemble=ensemble).theta_)


def test_a_delay_net_of_all_learns_more():
    model = NARXRegressor((3,), n_restarts=2, ensemble="mean", **QUICK).fit(X[:200], Y[:200])
    assert [len(layer.b) for layer in model.params_] == [6, 2]
    before = model.theta_
    assert not np.array_equal(model.partial_fit(X[200:], Y[200:]).theta_, before)


@pytest.mark.parametrize("model", [NARXRegressor((3,)), GRURegressor((3,))], ids=["NARX", "GRU"])
def test_a_mean_of_nets_goes_on_as_one(model):
    mean = clone(model).set_params(n_restarts=2, ensemble="mean", early_stopping=False, **QUICK).fit(X, Y)
    before = mean.theta_.copy()
    mean.set_params(n_restarts=1, ensemble="best", warm_start=True, solver=SGD(1e-9)).fit(X, Y)
    np.testing.assert_allclose(mean.theta_, before, rtol=0, atol=1e-6)
    mean.set_params(max_iter=1).fit(X, Y)
    assert mean.theta_.shape == before.shape
    one = clone(model).set_params(hidden_layer_sizes=(4,), warm_start=True, **QUICK).fit(X, Y)
    of_four = len(one.theta_)
    one.set_params(hidden_layer_sizes=(2,)).fit(X, Y)  # one net of 4 is no mean of two of 2
    assert len(one.theta_) < of_four


@pytest.mark.parametrize("model", [ElmanClassifier((2,)), TDNNClassifier((2,))], ids=repr)
@pytest.mark.parametrize("ensemble", ["best", "mean"])
def test_of_series_that_have_one_label_each(model, ensemble):
    series = rng.normal(size=(12, 15, 2))
    labels = np.where(series[:, -1, 0] > 0, "up", "down")
    one = clone(model).set_params(n_restarts=1, **QUICK).fit(series, labels).theta_
    model = clone(model).set_params(n_restarts=2, ensemble=ensemble, **QUICK).fit(series, labels)
    assert (len(model.theta_) > len(one)) == (ensemble == "mean")
    assert np.allclose(model.predict_proba(series).sum(axis=1), 1)


@pytest.mark.parametrize("model", [ElmanClassifier((2,)), TDNNClassifier((2,))], ids=repr)
def test_the_curves_of_a_mean_are_those_of_its_first_net(model):
    series = rng.normal(size=(12, 15, 2))
    labels = np.where(series[:, -1, 0] > 0, "up", "down")
    fits = [
        clone(model).set_params(n_restarts=n, ensemble="mean", **QUICK).fit(series, labels) for n in (2, 6)
    ]
    assert fits[0].loss_curve_ == fits[1].loss_curve_


def test_few_series_are_learnt_by_the_mean_of_three_nets(monkeypatch):
    monkeypatch.setattr("tsrnn._models.recurrent.FEW", 100)
    series = rng.normal(size=(100, 4, 2))
    labels = np.where(series[:, -1, 0] > 0, "up", "down")
    model = ElmanClassifier((2,), max_iter=2, random_state=0)
    one, three = (clone(model).set_params(n_restarts=n, ensemble="mean") for n in (1, 3))
    few, alone = three.fit(series[:99], labels[:99]).theta_, one.fit(series[:99], labels[:99]).theta_
    assert np.array_equal(model.fit(series[:99], labels[:99]).theta_, few)
    again = clone(model).fit(series[:99], labels[:99]).set_params(warm_start=True, solver=SGD(1e-9))
    assert np.allclose(again.fit(series[:99], labels[:99]).theta_, few, atol=1e-6)
    for settings in ({"pooling": "attention"}, {"warm_start": True}):
        single = [clone(some).set_params(**settings, ensemble="best") for some in (model, one)]
        assert np.array_equal(*(some.fit(series[:99], labels[:99]).theta_ for some in single))
    assert len(model.fit(series, labels).theta_) == len(alone)


def test_few_labelled_rows_are_learnt_by_the_mean_of_three_nets(monkeypatch):
    monkeypatch.setattr("tsrnn._models.recurrent.FEW_ROWS", 400)
    X = rng.normal(size=(400, 2))
    y = np.repeat(["up", "down"], 40)[np.arange(400) % 80]
    model = ElmanClassifier((2,), max_iter=2, random_state=0)
    alone = clone(model).set_params(n_restarts=1)
    assert len(model.fit(X[:399], y[:399]).theta_) > len(alone.fit(X[:399], y[:399]).theta_)
    for few in ({"warm_start": True}, {"output_lags": 1}):
        fits = [clone(some).set_params(**few).fit(X[:399], y[:399]) for some in (model, alone)]
        assert np.array_equal(*(fit.theta_ for fit in fits))
    assert np.array_equal(model.fit(X, y).theta_, alone.fit(X, y).theta_)
    numbers = ElmanRegressor((2,), max_iter=2, random_state=0)
    one = clone(numbers).set_params(n_restarts=1)
    assert np.array_equal(
        numbers.fit(X[:399], X[:399].sum(axis=1)).theta_, one.fit(X[:399], X[:399].sum(axis=1)).theta_
    )


def test_nets_of_labels_hold_back_other_rows():
    held, w = hold_stretches(np.ones(800, bool), 0.15), np.ones(800)
    w[100:200] = 0.0  # rows that do not count are not held back
    series = Series(np.zeros((800, 1)), np.zeros((800, 1)), w, held & (w > 0))
    marks = np.array([held_elsewhere([series], share)[0].held for share in (0, 1 / 3, 2 / 3)])
    assert np.array_equal(marks[0], series.held)
    assert (marks.sum(axis=1) == series.held.sum()).all()
    assert marks.sum(axis=0).max() == 1
    assert not marks[:, w == 0].any()
    whole = [series._replace(held=np.full(800, k % 4 == 3)) for k in range(12)]
    marks = np.array([[s.held[0] for s in held_elsewhere(whole, share)] for share in (0, 1 / 3, 2 / 3)])
    assert (marks.sum(axis=1) == 3).all()
    assert marks.sum(axis=0).max() == 1
    labelled = [s._replace(w=w * (k % 3 == 2), held=np.full(800, k % 6 == 5)) for k, s in enumerate(whole)]
    marks = np.array([[s.held[0] for s in held_elsewhere(labelled, share)] for share in (0, 1 / 3, 2 / 3)])
    assert (marks.sum(axis=1) == 2).all()
    assert not np.delete(marks, np.s_[2::3], axis=1).any()  # sequences without a label tell nothing


def test_sequences_without_labels_are_not_held_back():
    parts = [SimpleNamespace(rows=slice(5 * k, 5 * k + 5)) for k in range(60)]
    table, form = SimpleNamespace(parts=parts, form="list"), SimpleNamespace(classes=())
    learner, counts = SimpleNamespace(learns_held=True, held_share=0.15), np.repeat(np.arange(60) % 3 == 0, 5)
    held = hold_back(learner, table, counts, form)
    assert held.sum() == 3 * 5  # of 20 with labels
    assert counts[held].all()


def test_labels_known_by_heart_are_learnt_no_longer():
    def ended(may_overfit, falls):
        monitor = Monitor(
            np.full(1, 9.0), 100, 1e-4, 40, lambda theta: float(theta[0]), may_overfit=may_overfit
        )
        while not monitor(np.full(1, abs(monitor.n_iter - 4.0)), falls**monitor.n_iter):
            pass
        return monitor.n_iter

    assert ended(True, 0.9) < ended(False, 0.9)
    assert ended(True, 0.999) == ended(False, 0.999)  # a plateau


def test_a_start_that_no_iterate_betters_is_no_label_known_by_heart():
    def ended(falls):
        monitor = Monitor(np.zeros(1), 100, 1e-4, 40, lambda theta: float(theta[0]), may_overfit=True)
        while not monitor(np.ones(1), falls**monitor.n_iter):
            pass
        return monitor.n_iter

    assert ended(0.999) == 40  # a plateau, before what is hard to tell is found
    assert ended(0.9) == 10


def test_what_does_not_go_together_is_refused():
    with pytest.raises(
        ValueError, match=r"warm_start=True continues from the weights of one net.*n_restarts=2"
    ):
        ElmanRegressor(n_restarts=2, ensemble="mean", warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="ensemble='median' is unknown: give 'best' or 'mean'"):
        NARXRegressor(ensemble="median").fit(X, Y)


@pytest.mark.parametrize(
    "model", [GRURegressor((3,)), NARXRegressor((3,), solver="adam")], ids=["GRU", "NARX"]
)
def test_intervals_count_the_weights_of_one_net(model):
    """Of a mean of nets that were fitted apart, so that its intervals are not wider than those of one of them."""
    alone = clone(model).set_params(**QUICK, early_stopping=False).fit(X, Y)
    mean = clone(alone).set_params(n_restarts=3, ensemble="mean").fit(X, Y)
    assert mean.theta_.size > 2 * alone.theta_.size
    assert mean.fitted_.trained.weights_an_output() == alone.fitted_.trained.weights_an_output()


def test_the_end_of_training_between_two_looks_is_looked_at():
    """Else a solver that ends early leaves the start behind, as if nothing had been learnt."""
    monitor = Monitor(np.array([4.0]), 100, 0.0, 40, validate=lambda theta: float(theta @ theta), every=8)
    for value in (3.0, 2.0, 1.0):
        assert not monitor(np.array([value]), value)
    assert monitor.best_theta == 4.0
    monitor.end()
    assert (monitor.best_theta, monitor.best_iter, monitor.best) == (1.0, 3, 1.0)
    for value in (0.5, 0.4, 0.3, 0.2, 5.0):
        monitor(np.array([value]), value)
    monitor.end()
    assert (monitor.best_theta, monitor.best_iter) == (1.0, 3)


def test_nets_that_are_worth_nothing_say_what_is_usual(monkeypatch):
    X, y = rng.normal(size=(300, 4)), np.repeat(np.arange(30) % 3, 10)
    model = GRUClassifier((2,), max_iter=2, random_state=0)
    before = model.fit(X, y).predict_proba(X)
    monkeypatch.setattr("tsrnn._models.recurrent_learner.share_of_own", lambda *args: 0.0)
    assert np.allclose(model.fit(X, y).predict_proba(X), 1 / 3)
    monkeypatch.setattr("tsrnn._models.recurrent_learner.share_of_own", lambda *args: 1.0)
    assert not np.allclose(model.fit(X, y).predict_proba(X), before)
    several = np.c_[y == 0, y > 0]
    usual = usual_scores([Series(X, several.astype(float), np.ones(300), y > 1)], joint=False)
    assert np.allclose(1 / (1 + np.exp(-usual)), (1 / 3, 2 / 3), atol=1e-3)


@pytest.mark.parametrize("weight", [1.0, 1e-3])
def test_a_class_that_comes_later_is_not_impossible(weight):
    Y, w = np.eye(3)[np.repeat([0, 1], 10)], np.full(20, weight)
    usual = usual_scores([Series(np.zeros((20, 1)), Y, w, w > 9)], joint=True)
    assert np.allclose(np.exp(usual), np.array([10.5, 10.5, 0.5]) / 21.5)
    alone = usual_scores([Series(np.zeros((20, 1)), Y, w, w > 9)], joint=False)
    assert np.allclose(alone, np.log([1, 1, 0.5 / 20.5]))


def test_scores_are_as_near_to_the_usual_as_rows_not_seen_ask_for():
    net = make_net(ElmanClassifier((2,))._cell(), 1, 2, (2,), (0,), ())
    theta, usual = rng.normal(size=net.size), np.log([0.25, 0.75])
    *_, own = net.views(theta)
    *_, nearer = net.views(toward_usual(net, theta, usual, 0.4))
    assert np.allclose(nearer.W, 0.4 * own.W)
    assert np.allclose(nearer.b, 0.4 * own.b + 0.6 * usual)

    def loss(theta):
        return np.sum((net.views(theta)[-1].W - 0.4 * own.W) ** 2)

    assert np.isclose(share_of_own(net, [(theta, loss)], usual), 0.4, atol=0.03)
    assert share_of_own(net, [], usual) == 1
