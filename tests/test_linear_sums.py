"""Fewer rows than weights: what the rows say is what their sums would, and no matrix of weights by weights is made."""

import tracemalloc

import numpy as np
import pytest

from tsrnn import ARXRegressor, Forecaster, TDNNRegressor
from tsrnn._models.delay_learner import open_loop
from tsrnn._nets import delay_loss
from tsrnn._nets.delay_loss import WindowLoss
from tsrnn._nets.linear_sums import Alike, FewRows
from tsrnn._nets.ridge import likely_alpha
from tsrnn._series.units import Series


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def some_rows(rng, M, P, K):
    """Rows of random weights, and their sums by the definition."""
    root = np.sqrt(rng.uniform(0.2, 2.0, (M, 1)))
    Z, Y = root * np.c_[rng.normal(size=(M, P - 1)) + 1.0, np.ones(M)], root * (rng.normal(size=(M, K)) + 2.0)
    rows = FewRows(np.arange(K), Z, Y)
    return rows, Alike(np.arange(K), Z.T @ Z, Z.T @ Y, np.sum(Y**2, axis=0), float(np.sum(root**2)))


@pytest.mark.parametrize(("M", "P", "K"), [(1, 5, 1), (2, 5, 2), (30, 80, 3)])
def test_rows_say_what_their_sums_do(M, P, K, rng):
    rows, sums = some_rows(rng, M, P, K)
    others = np.append(rng.uniform(0.1, 2.0, P - 1), 0.0)
    alike = np.append(np.full(P - 1, 0.3), 0.0)
    for penalties in (others, alike):
        np.testing.assert_allclose(rows.solved(penalties), sums.solved(penalties), rtol=1e-6, atol=1e-6)
    dual, normal = rows.factored(), sums.for_evidence()
    W = dual.solved(alike)
    np.testing.assert_allclose(W, sums.solved(alike), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(rows.squared_error(W), sums.squared_error(W), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(rows.less(W).summed().yy, sums.less(W).yy, rtol=1e-9, atol=1e-12)
    if M > 1:  # one row is told exactly by the bias
        for alpha in (0.01, 1.0, 30.0):
            assert dual.minus_evidence(alpha, True) == pytest.approx(
                normal.minus_evidence(alpha, True), rel=1e-9
            )
        # a penalty of no size: rounding says which
        assert likely_alpha([dual], True) == pytest.approx(likely_alpha([normal], True), rel=1e-6, abs=1e-10)


def test_rows_are_added_until_their_sums_are_smaller(rng):
    (few, sums), (more, others) = some_rows(rng, 7, 20, 2), some_rows(rng, 13, 20, 2)
    assert isinstance(few + few, FewRows)
    for first, then, expected in (
        (few, few, sums + sums),
        (few, more, sums + others),
        (sums, few, sums + sums),
    ):
        both = (first + then).summed()
        for part, wanted in zip(both, expected):
            np.testing.assert_allclose(part, wanted, rtol=1e-12)
    assert isinstance(few + more, Alike)
    np.testing.assert_allclose(few.scaled(0.3).summed().A, 0.3 * sums.A, rtol=1e-12)
    of_none = few.of(slice(0)) + more.of(slice(0))  # what later rows are weighed against
    np.testing.assert_allclose(of_none.A, (sums + others).A, rtol=1e-12)
    assert of_none.c.shape == (20, 0)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(
    "model",
    [ARXRegressor(), ARXRegressor(alpha=3.0), TDNNRegressor((), alpha=5.0), TDNNRegressor((), loss="huber")],
)
def test_models_learn_the_same(model, missing, monkeypatch, rng):
    X = rng.normal(size=(70, 30))
    y = np.c_[X[:, 0] + np.roll(X[:, 1], 1), X[:, 2]] + rng.normal(size=(70, 2))
    y[5:9, 1] = np.nan if missing else 0.0
    found = []
    for small in (10, 10**6):
        monkeypatch.setattr(delay_loss, "SMALL", small)
        model.fit(X[:50], y[:50])
        answers = [model.predict(X)]
        for part in (slice(50, 55), slice(55, 70)):
            if model.get_params().get("loss", "squared") == "squared":
                answers.append(model.partial_fit(X[part], y[part]).predict(X))
        found.append(np.stack(answers))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-5)


def test_memory_is_that_of_the_rows(rng):
    """Z'Z of 4,503 weights is 160 MB, Z of 40 rows 1.4 MB."""
    X = rng.normal(size=(40, 1500))
    tracemalloc.start()
    ARXRegressor().fit(X, X[:, 0] + X[:, 1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6


def test_evidence_of_few_rows_sees_their_noise(rng):
    """Of fewer rows than weights it has a greatest alpha, and one near the best: it does not fit the noise."""
    X = rng.normal(size=(400, 30))
    y = X[:, 0] + np.roll(X[:, 1], 1) + rng.normal(size=400)
    lags = {"input_lags": 2, "output_lags": 2}  # with some that are found comes a model of past y alone
    model = ARXRegressor(**lags).fit(X[:50], y[:50])
    assert 1e-1 < model.alpha_ < 1e4

    def error(model):
        return np.mean((model.predict(X[200:], start="cold") - y[200:]) ** 2)

    assert error(model) < 0.95 * error(ARXRegressor(alpha=1e-9, **lags).fit(X[:50], y[:50]))


def test_gauss_newton_of_a_linear_net_is_read_off_its_sums(rng):
    X, Y = rng.normal(size=(60, 2)), rng.normal(size=(60, 3))
    Y[5:30, 1] = np.nan
    net = TDNNRegressor((), input_lags=2)._learner().net(2, 3)
    series = [Series(X, Y, rng.uniform(0.2, 2.0, 60), np.zeros(60, bool))]
    loss, theta = WindowLoss(net, series, *open_loop(net), 0.0, np.float64), rng.normal(size=net.size)
    r, J, w = map(np.concatenate, zip(*loss.jacobian_blocks(theta)))
    for found, expected in zip(loss.gauss_newton(theta), (w @ r**2, J.T @ (w * r), J.T @ (w[:, None] * J))):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_outputs_known_in_different_rows_go_through_them_together(monkeypatch, rng):
    """Each step of a horizon ends in another row: 40 groups of outputs, and not 40 passes."""
    passes, read = [], delay_loss.WindowLoss._readout_inputs

    def counted(self, *args):
        passes.append(1)
        return read(self, *args)

    monkeypatch.setattr(delay_loss.WindowLoss, "_readout_inputs", counted)
    net = TDNNRegressor((4,), early_stopping=False, solver="adam", max_iter=1, random_state=0)
    Forecaster(net, 40).fit(None, rng.normal(size=200))
    assert len(passes) == 2  # rows that all know, and the others
