"""Several time scales in one net: leaky units."""

import pickle

import numpy as np
import pytest

from tsrnn import SGD, Adam, ElmanClassifier, ElmanRegressor, ESNRegressor


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
        ((0.5, 0.1), "is no range"),
        ((0.1, 0.2, 0.3), "is no range"),
        ([0.1, 0.2], r"has 2 rates, but the layers have \(3,\) units"),
        ([[0.1]], "rows and columns"),
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
