"""Several time scales in one net (leaky units, connections that skip rows), dense layers behind it."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from tsrnn import (
    SGD,
    Adam,
    ElmanClassifier,
    ElmanRegressor,
    ESNRegressor,
    GRUClassifier,
    GRURegressor,
    LRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    MinGRURegressor,
    Pinball,
    Stream,
)


QUICK = {"max_iter": 3, "random_state": 0}
rng = np.random.default_rng(0)
X = rng.normal(size=(300, 2))
y = np.convolve(X[:, 0], 0.95 ** np.arange(60))[:300] + X[:, 1]

LEAKY = {
    "range": ElmanRegressor((4, 3), leak_rate=(0.05, 1.0), **QUICK),
    "list, both ways": ElmanRegressor((3,), leak_rate=[0.1, 0.5, 1.0], bidirectional=True, **QUICK),
    "learned, fed": ElmanRegressor((4,), leak_rate="learned", output_lags=2, **QUICK),
    "number, adam": ElmanRegressor((4,), leak_rate=np.float64(0.2), solver=Adam(), **QUICK),
}


@pytest.mark.parametrize("name", LEAKY)
def test_the_verbs_of_leaky_units(name):
    """Pieces equal one pass, a file is the model, and learning more goes on."""
    model = LEAKY[name].fit(X[:200], y[:200])
    again = pickle.loads(pickle.dumps(model))
    out = model.predict(X[200:])
    assert np.array_equal(again.predict(X[200:]), out)
    if model.bidirectional:
        return
    ahead = model.predict_ahead(X[200:], y[200:])
    again.update(X[200:240], y[200:240])
    assert np.allclose(again.predict_ahead(X[240:], y[240:]), ahead[40:], rtol=0, atol=1e-12)
    theta = again.theta_.copy()
    again.partial_fit(X[240:], y[240:])
    assert not np.array_equal(again.theta_, theta)
    assert np.isfinite(again.forecast(5, X[:5])).all()


def test_rate_one_is_the_plain_net_to_the_bit():
    plain = ElmanRegressor((4,), **QUICK).fit(X, y)
    ones = ElmanRegressor((4,), leak_rate=[1.0] * 4, **QUICK).fit(X, y)
    assert np.array_equal(ElmanRegressor((4,), leak_rate=1, **QUICK).fit(X, y).theta_, plain.theta_)
    assert ones.theta_.size == plain.theta_.size
    assert np.allclose(ones.predict(X), plain.predict(X), rtol=0, atol=1e-6)


def test_a_range_is_log_spaced_and_a_unit_forgets_at_its_rate():
    model = ElmanRegressor((3,), leak_rate=(0.01, 1.0), activation="identity", **QUICK).fit(X, y)
    p = model.params_[0]
    for a in (p.W, p.b, p.U):
        a[:] = 0
    model.state_.states[0][:] = 1
    model.update(X[:5], y[:5])
    assert p.leak.size == 0
    assert np.allclose(model.state_.states[0], (1 - np.array([0.01, 0.1, 1.0])) ** 5)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        ((0.5, 0.1), "is not a range"),
        ((0.1, 0.2, 0.3), "is not a range"),
        ([0.1, 0.2], r"has 2 rates, but the layers have \(3,\) units"),
        ([[0.1]], "more than one dimension"),
        ("slow", "is unknown"),
        (0.0, "out of range"),
        ([0.1, 2.0, 0.1], "out of range"),
    ],
)
def test_leak_rates_that_fit_nothing(rate, message):
    with pytest.raises(ValueError, match=message):
        ElmanRegressor((3,), leak_rate=rate).fit(X, y)


def test_labels_by_leaky_units():
    """Drawing labels and scores run through the same kernel."""
    labels = np.array(list("abcabcabcabd" * 20))
    for rate in ("learned", 0.5):
        model = ElmanClassifier((6,), leak_rate=rate, output_lags=1, **QUICK).fit(None, labels)
        assert len(model.forecast(7)) == 7


def test_a_reservoir_to_begin_with_leaks_alike():
    init = ESNRegressor(20, leak_rate=0.3, random_state=0)
    still = {"solver": SGD(1e-30, momentum=0), "skip_connections": True, "early_stopping": False}
    net = ElmanRegressor((20,), leak_rate=0.3, init=init, **still, **QUICK).fit(X, y)
    assert np.isclose(net.score(X, y), init.fit(X, y).score(X, y), rtol=0.02)
    with pytest.raises(ValueError, match=r"init has leak_rate=\(0.3,\)"):
        ElmanRegressor((20,), init=init, **QUICK).fit(X, y)


# ---------------------------------------------------------------------------------------- connections that skip rows


SKIPS = {
    "Elman": ElmanRegressor((4, 3), recurrent_lags=(1, 3, 8), leak_rate=0.5, **QUICK),
    "LSTM, long, fed": LSTMRegressor((4,), recurrent_lags=(5, 2), output_lags=1, **QUICK),
    "GRU, closed loop": GRURegressor(
        (3,), recurrent_lags=[1, 4], output_lags=2, training="closed_loop", sequence_length=10, **QUICK
    ),
    "GRU, learnt start": GRURegressor((3,), recurrent_lags=(1, 7), initial_state="learned", **QUICK),
}


@pytest.mark.parametrize("name", SKIPS)
def test_the_verbs_of_nets_that_skip_rows(name):
    """h of rows long ago is part of the memory: pieces equal one pass, in files, streams and programs too."""
    model = SKIPS[name].fit(X[:200], y[:200])
    again = pickle.loads(pickle.dumps(model))
    ahead = model.predict_ahead(X[200:], y[200:])
    assert np.array_equal(again.predict(X[200:]), model.predict(X[200:]))
    stream = Stream(model)
    ours = [stream.step(x, v) for x, v in zip(X[200:230], y[200:230])]
    assert np.allclose(np.ravel(ours), ahead[:30], rtol=0, atol=1e-9)
    again.update(X[200:203], y[200:203])
    again.update(X[203:240], y[203:240])
    assert np.allclose(again.predict_ahead(X[240:], y[240:]), ahead[40:], rtol=0, atol=1e-12)
    assert np.allclose(again.forecast(9, X[240:249]), again.predict(X[240:249]), rtol=0, atol=1e-12)
    again.partial_fit(X[240:], y[240:])
    assert not np.array_equal(again.theta_, model.theta_)
    assert model.gradient_flow(X, y, steps=20).shape == (len(model.hidden_layer_sizes), 20)


def test_several_series_start_and_end_with_their_own_past():
    model = GRURegressor((3,), recurrent_lags=(1, 4), **QUICK)
    sizes = (40, 60, 3, 90)
    cuts = np.cumsum((0, *sizes))
    panel = np.split(X[:193], cuts[1:-1]), np.split(y[:193], cuts[1:-1])
    model.fit(*panel)
    assert all(np.isfinite(out).all() for out in model.predict(panel[0]))
    both = ElmanRegressor((3,), recurrent_lags=(2,), bidirectional=True, **QUICK).fit(*panel)
    assert [len(out) for out in both.predict(panel[0])] == list(sizes)
    whole = GRUClassifier((3,), recurrent_lags=(1, 6), **QUICK).fit(X.reshape(30, 10, 2), np.arange(30) % 2)
    assert whole.predict(X.reshape(30, 10, 2)).shape == (30,)


def test_lag_one_alone_is_the_plain_net_to_the_bit():
    for kind in (ElmanRegressor, LSTMRegressor, GRURegressor):
        plain, same = (kind((3,), recurrent_lags=lags, **QUICK).fit(X, y) for lags in ((1,), 1))
        assert np.array_equal(plain.theta_, same.theta_)
        assert plain.state_.states[0].shape == same.state_.states[0].shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recurrent_lags": (0, 1)}, "recurrent_lags=.*give ints >= 1"),
        ({"recurrent_lags": (2, 2)}, "that differ"),
        ({"recurrent_lags": (1, 2), "recurrent_dropout": 0.1}, "recurrent_dropout and orthogonal_penalty"),
        ({"recurrent_lags": (1, 2), "orthogonal_penalty": 0.1}, "recurrent_dropout and orthogonal_penalty"),
        ({"recurrent_lags": (1, 2), "solver": "lm"}, "solver='lm' is for"),
        ({"recurrent_lags": 2, "init": ESNRegressor(3, leak_rate=1.0)}, "no .*recurrent_lags"),
    ],
)
def test_recurrent_lags_that_do_not_go_together(options, message):
    with pytest.raises(ValueError, match=message):
        ElmanRegressor((3,), **options).fit(X, y)


def test_gradients_reach_further_through_skips():
    """The share of the gradient that is left after 40 rows."""
    left = {}
    for lags in ((1,), (1, 20)):
        flow = ElmanRegressor((6,), recurrent_lags=lags, activation="tanh", **QUICK).fit(X, y)
        norms = flow.gradient_flow(X, y, steps=60)[0]
        left[lags] = norms[40] / norms[0]
    assert left[1, 20] > 10 * left[(1,)]


# ---------------------------------------------------------------------------------------- dense layers behind


@pytest.mark.parametrize("solver", ["lbfgs", "lm", "adam"])
def test_dense_layers_carry_nothing_from_row_to_row(solver):
    model = GRURegressor((3,), readout_hidden_layer_sizes=(5, 2), output_lags=1, solver=solver, **QUICK)
    model.fit(X[:200], y[:200])
    assert [len(s) for s in model.state_.states] == [1, 0, 0]
    again = pickle.loads(pickle.dumps(model))
    ahead = model.predict_ahead(X[200:], y[200:])
    again.update(X[200:240], y[200:240])
    assert np.allclose(again.predict_ahead(X[240:], y[240:]), ahead[40:], rtol=0, atol=1e-12)
    again.partial_fit(X[240:], y[240:])
    assert np.isfinite(again.forecast(5, X[:5])).all()
    assert model.gradient_flow(X, y, steps=9).shape == (1, 9)


@pytest.mark.parametrize("loss", ["huber", Pinball([0.1, 0.9])])
def test_losses_through_dense_layers(loss):
    Y = np.column_stack([y, y]) if loss != "huber" else y
    kinds = LSTMRegressor, MinGRURegressor, LRURegressor
    for kind in kinds if loss == "huber" else kinds[:1]:
        model = kind((3,), readout_hidden_layer_sizes=4, loss=loss, **QUICK).fit(X, Y)
        assert model.predict(X).shape == Y.shape


@pytest.mark.parametrize("pooling", ["last", "attention"])
def test_a_label_a_series_through_dense_layers(pooling):
    labels = (X.reshape(30, 10, 2)[:, 0, 0] > 0).astype(int)
    model = GRUClassifier((3,), readout_hidden_layer_sizes=(4,), pooling=pooling, bidirectional=True, **QUICK)
    assert model.fit(X.reshape(30, 10, 2), labels).predict_proba(X.reshape(30, 10, 2)).shape == (30, 2)


def test_forget_gates_begin_spread_where_all_rows_are_learnt_at_once():
    # from inputs alone by L-BFGS: forget biases from -2 to 2; Adam, a fed net, a number of the user's: as they were
    series = [SimpleNamespace(Y=np.zeros((50, 1)))]

    def biases(**settings):
        learner = LSTMRegressor((5,), **settings)._learner()
        net = learner.net(1, 1)
        theta = learner._initial(net, series, None, np.random.RandomState(0))
        return net.views(theta)[0].b

    np.testing.assert_array_equal(biases()[3], [-2, -1, 0, 1, 2])
    np.testing.assert_array_equal(biases(solver="lbfgs")[3], [-2, -1, 0, 1, 2])
    np.testing.assert_array_equal(biases()[:3], 0)
    for settings, expected in (
        ({"solver": "adam"}, 1),
        ({"output_lags": 1}, 1),
        ({"forget_bias": 0.5}, 0.5),
    ):
        np.testing.assert_array_equal(biases(**settings)[3], expected)
    assert biases(forget_gate=False).shape == (3, 5)


def test_forget_gates_begin_spread_where_a_series_has_one_answer():
    # from 0 to 4 in both directions; a number of the user's as it is
    series, labels = X.reshape(30, 10, 2), np.arange(30) % 2

    def biases(**settings):
        still = LSTMClassifier((5,), solver=SGD(1e-300), max_iter=1, random_state=0, **settings)
        return [layer.b[3] for layer in still.fit(series, labels).params_[:2]]

    np.testing.assert_array_equal(biases(), [[0, 1, 2, 3, 4]] * 2)
    np.testing.assert_array_equal(biases(forget_bias=0.5), 0.5)


def test_update_gates_begin_spread_where_a_series_has_one_answer():
    # from -2 to 4 in both directions; where each row has one, all at 0
    still = GRUClassifier((5,), solver=SGD(1e-300), max_iter=1, random_state=0)
    labels = np.arange(300) % 2
    whole = still.fit(X.reshape(30, 10, 2), labels[:30]).params_[:2]
    np.testing.assert_array_equal([layer.b[1] for layer in whole], [[-2, -0.5, 1, 2.5, 4]] * 2)
    assert not any(layer.b[gate].any() for layer in whole for gate in (0, 2))
    assert not still.fit(X[:300], labels).params_[0].b.any()
