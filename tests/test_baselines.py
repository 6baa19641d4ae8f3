"""Baselines: their equations as loops, gaps in y, free runs, the exact ridge solution."""

import warnings

import numpy as np
import pandas as pd
import pytest
from public import STRICT
from sklearn.utils.estimator_checks import parametrize_with_checks

from tsrnn import (
    AnalogueRegressor,
    ARXRegressor,
    ConstantRegressor,
    Forecaster,
    NARXRegressor,
    PersistenceRegressor,
    SeasonalNaiveRegressor,
)
from tsrnn.datasets import make_narendra


X, Y = make_narendra(300, random_state=0)
Y2 = np.column_stack([Y, 10 - Y**2])
NAIVE = {
    "persistence": (PersistenceRegressor(), 1),
    "period 1": (SeasonalNaiveRegressor(), 1),
    "period 7": (SeasonalNaiveRegressor(period=7), 7),
}
every_naive = pytest.mark.parametrize(("model", "p"), NAIVE.values(), ids=NAIVE)
EXPECTED = dict.fromkeys(
    [
        "check_methods_subset_invariance",
        "check_methods_sample_order_invariance",
        "check_sample_weight_equivalence_on_dense_data",
    ],
    "rows are time: their order, and the rows before them, matter",
)


@parametrize_with_checks(
    [SeasonalNaiveRegressor(period=3)], expected_failed_checks=lambda e: EXPECTED, **STRICT
)
def test_a_longer_period_passes_the_checks(estimator, check):
    check(estimator)


def naive_ahead(past, y, p, steps):
    """Row t from y up to t - steps, in a loop; past (p, ...) are the values before the first row."""
    known = np.concatenate([past, y])
    for t in range(p, len(known)):
        gap = np.isnan(known[t])
        known[t] = np.where(gap, known[t - p], known[t])
    out = []
    for t in range(p, len(known)):
        row = t - p
        while row > max(p - 1, t - steps):  # not measured yet, nor before the first row
            row -= p
        out.append(known[row])
    return np.array(out)


@every_naive
@pytest.mark.parametrize("steps", [1, 2, 7, 10, 40])
@pytest.mark.parametrize("target", [Y, Y2], ids=["one output", "two"])
def test_ahead_is_the_loop(model, p, steps, target):
    new = target[200:230].copy()
    new[5:14] = np.nan
    model = model.fit(X[:200], target[:200])
    expected = naive_ahead(target[200 - p : 200], new, p, steps)
    np.testing.assert_array_equal(model.predict_ahead(X[200:230], new, steps=steps), expected)


def test_persistence_is_y_shifted():
    model = PersistenceRegressor().fit(None, Y[:100])
    for h in (1, 5):
        np.testing.assert_array_equal(model.predict_ahead(None, Y[100:], steps=h)[h:], Y[100:-h])


@every_naive
@pytest.mark.parametrize("inputs", ["none", "no columns", "some"])
def test_inputs_do_not_matter(model, p, inputs):
    def rows(part):
        frame = pd.DataFrame(X[part], columns=list("abc")[: X.shape[1]])
        return {"none": None, "no columns": frame[[]], "some": frame}[inputs]

    model.fit(rows(slice(0, 200)), Y[:200])
    expected = np.resize(Y[200 - p : 200], 20)
    np.testing.assert_array_equal(model.forecast(20), expected)
    if inputs != "none":
        np.testing.assert_array_equal(model.predict(rows(slice(200, 220))), expected)
    model.update(rows(slice(200, 210)), Y[200:210]).partial_fit(rows(slice(210, 215)), Y[210:215])
    np.testing.assert_array_equal(model.forecast(3), np.resize(Y[215 - p : 215], 3))


@every_naive
def test_training_ends_in_gaps(model, p):
    y = Y[:60].copy()
    y[-1] = y[-1 - p] = np.nan
    assert model.fit(None, y).forecast(p)[-1] == y[-1 - 2 * p]


@every_naive
def test_cold_is_the_mean(model, p):
    model.fit(X[:200], Y[:200])
    np.testing.assert_allclose(model.predict(X[:20], start="cold"), Y[:200].mean())


@every_naive
def test_free_runs(model, p):
    """Many runs side by side are the runs one by one; what settle returns is fed back."""
    model.fit(None, Y[:200])
    Z, first, steps = Y[200:260, None], np.array([0, 0, 3, 50]), 10
    nothing = np.empty((60, 0))
    ((_, out),) = model._dynamics().free_runs(nothing, Z, model.state_, first, steps)
    assert out.shape == (steps, 4, 1)
    for i, start in enumerate(first):
        past = np.concatenate([model.state_.Y, Z[:start]])[-p:]
        np.testing.assert_array_equal(out[:, i], np.resize(past, (steps, 1)))
    calls = []

    def settle(which, t, values):
        calls.append(t)
        return values + np.arange(4)[which, None]

    ((_, moved),) = model._dynamics().free_runs(nothing, Z, model.state_, first, steps, settle)
    assert calls == list(range(steps))
    drift = np.arange(4) * (np.arange(steps) // p)[:, None]
    np.testing.assert_allclose(moved[..., 0], out[..., 0] + drift, rtol=1e-12)


def test_free_runs_come_in_blocks(monkeypatch):
    monkeypatch.setattr("tsrnn._models.naive.NUMBERS", 40)
    model = SeasonalNaiveRegressor(5).fit(None, Y[:200])
    first = np.arange(0, 50, 3)
    runs = list(model._dynamics().free_runs(np.empty((60, 0)), Y[200:260, None], model.state_, first, 6))
    assert len(runs) > 3
    whole = np.concatenate([out for _, out in runs], axis=1)
    assert np.array_equal(np.concatenate([first[which] for which, _ in runs]), first)
    known = np.concatenate([Y[195:200], Y[200:260]])
    np.testing.assert_array_equal(whole[5, :, 0], known[first])


def test_what_all_models_can():
    """Bounds, a transform of y, intervals and several series come from the base."""
    y = np.exp(Y[:200])
    model = SeasonalNaiveRegressor(3, target_transform="log", target_bounds=(0.9, 1.1))
    with pytest.warns(UserWarning, match="outside target_bounds"):
        model.fit(None, y)
    np.testing.assert_allclose(model.forecast(6), np.tile(np.clip(y[-3:], 0.9, 1.1), 2))
    table = PersistenceRegressor().fit(None, Y).forecast(3, level=80)
    assert (table["lo-80"] < table["y"]).all()
    assert (table["y"] < table["hi-80"]).all()
    keys = np.repeat(["a", "b"], 100)
    two = PersistenceRegressor().fit(None, Y[:200], groups=keys)
    assert np.asarray(two.forecast(1)).ravel().tolist() == [Y[99], Y[199]]


@pytest.mark.parametrize("period", [0, 2.0, True, None])
def test_bad_period(period):
    with pytest.raises((ValueError, TypeError), match="period="):
        SeasonalNaiveRegressor(period).fit(None, Y)


def test_too_few_rows():
    with pytest.raises(ValueError, match=r"period=24 is longer than .* 20 .*: give more"):
        SeasonalNaiveRegressor(24).fit(None, Y[:20])


# ---------------------------------------------------------------------------------------- ARX


def lag_matrix(x, y, input_lags, output_lags):
    """Rows of lags, the rows t they belong to."""
    rows = np.arange(max(*input_lags, *output_lags), len(y))
    columns = [x[rows - k] for k in input_lags] + [y[rows - k].reshape(len(rows), -1) for k in output_lags]
    return np.hstack([np.ones((len(rows), 1)), *columns]), rows


@pytest.mark.parametrize("target", [Y, Y2], ids=["one output", "two"])
def test_arx_is_least_squares(target):
    """With missing rows of y, against numpy's."""
    target = target.copy()
    target[[40, 41, 90]] = np.nan
    model = ARXRegressor([1, 4], [1, 2, 5], alpha=0).fit(X[:200], target[:200])
    A, rows = lag_matrix(X, target, [1, 4], [1, 2, 5])
    fine = (
        np.isfinite(A).all(axis=1)
        & np.isfinite(target[rows].reshape(len(rows), -1)).all(axis=1)
        & (rows < 200)
    )
    coef = np.linalg.lstsq(A[fine], target[rows[fine]], rcond=None)[0]
    expected = (A @ coef)[rows >= 200]
    np.testing.assert_allclose(model.predict_ahead(X[200:], target[200:]), expected, rtol=1e-7, atol=1e-7)


def test_arx_is_ridge_regression():
    """In scaled units."""
    model = ARXRegressor(1, 2, alpha=30.0).fit(X, Y)
    x, y = (X - X.mean(0)) / X.std(0), (Y - Y.mean()) / Y.std()
    A, rows = lag_matrix(x, y, [1, 0], [2, 1])
    penalty = 30.0 * np.diag([0, *np.ones(A.shape[1] - 1)])
    coef = np.linalg.solve(A.T @ A + penalty, A.T @ y[rows])
    ((W, b),) = model.params_
    np.testing.assert_allclose([*b, *W[:, 0]], coef, rtol=1e-9)
    residuals = A @ coef - y[rows]
    loss = (residuals @ residuals + coef @ penalty @ coef) / (2 * len(rows))
    np.testing.assert_allclose(model.loss_curve_, [loss], rtol=1e-9)


def test_arx_is_a_narx_without_hidden_layers():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        narx = NARXRegressor((), training="open_loop", early_stopping=False, random_state=0).fit(X, Y)
    model = ARXRegressor(alpha=narx.alpha).fit(X, Y)
    np.testing.assert_allclose(model.theta_, narx.theta_, atol=1e-5)


def test_arx_learns_more_as_if_at_once():
    part = ARXRegressor(2, 3, scale=None).fit(X[:100], Y[:100]).partial_fit(X[100:], Y[100:])
    whole = ARXRegressor(2, 3, scale=None).fit(X, Y)
    np.testing.assert_allclose(part.theta_, whole.theta_, rtol=1e-6)
    np.testing.assert_allclose(part.predict(X[:50]), whole.predict(X[:50]), rtol=1e-6)


def test_arx_without_inputs_and_with_weights():
    y = np.sin(np.arange(120) / 5)
    model = ARXRegressor(output_lags=2, alpha=0).fit(None, y[:100])
    np.testing.assert_allclose(model.forecast(20), y[100:], atol=1e-6)  # two lags hold a sine
    wrong = y.copy()
    wrong[50:60] += 3
    weight = np.ones(100)
    weight[48:64] = 0
    model = ARXRegressor(output_lags=2, alpha=0).fit(None, wrong[:100], weight)
    np.testing.assert_allclose(model.forecast(20), y[100:], atol=1e-6)


def test_arx_bad_input():
    with pytest.raises(ValueError, match="alpha=-1 is out of range"):
        ARXRegressor(alpha=-1).fit(X, Y)
    with pytest.raises(ValueError, match="output_lags"):
        ARXRegressor(output_lags=[0]).fit(X, Y)
    with pytest.raises(ValueError, match="needs at least 31"):
        ARXRegressor(output_lags=30).fit(X[:20], Y[:20])
    with pytest.raises(ValueError, match="No row that counts"):
        ARXRegressor().fit(X, Y, np.arange(len(Y)) == 0)  # the first, which has no history


# ---------------------------------------------------------------------------------------- a constant, analogues


def test_the_constant_is_the_weighted_mean_or_what_is_given():
    weight = np.arange(60) % 3 + 0.0
    y = Y2[:60].copy()
    y[::7, 0] = np.nan
    model = ConstantRegressor().fit(None, y[:40], weight[:40]).partial_fit(None, y[40:], weight[40:])
    expected = [np.average(v[k], weights=weight[k]) for v in y.T for k in [np.isfinite(v)]]
    np.testing.assert_allclose(model.forecast(2), np.tile(expected, (2, 1)), rtol=1e-12)
    np.testing.assert_allclose(model.predict_ahead(None, Y2[60:70], steps=3)[5], expected, rtol=1e-12)
    zero = ConstantRegressor(0.0, target_bounds=(0.5, None))
    with pytest.warns(UserWarning, match="outside target_bounds"):
        zero.fit(X[:40], Y[:40])
    assert zero.forecast(3, X[40:43]).tolist() == [0.5] * 3
    for value in ("median", None, np.inf, True):
        with pytest.raises(ValueError, match="value="):
            ConstantRegressor(value).fit(None, Y)


def nearest(past, now, followed, k, by_distance=False):
    """What followed the k rows of ``past`` nearest to ``now``, averaged, in a loop."""
    far = [np.sqrt(np.sum((row - now) ** 2)) for row in past]
    rows = np.argsort(far)[:k]
    return np.average(followed[rows], axis=0, weights=1 / np.array(far)[rows] if by_distance else None)


@pytest.mark.parametrize(("targets", "weights"), [(Y, "uniform"), (Y2, "distance")])
def test_analogues_are_the_loop(targets, weights):
    model = AnalogueRegressor(4, input_lags=1, output_lags=(1, 3), weights=weights, scale=None)
    model.fit(X[:200], targets[:200])
    Z = targets.reshape(300, -1)

    def window(t, V):
        return np.concatenate([X[t], X[t - 1], V[t - 1], V[t - 3]])

    past = np.array([window(t, Z) for t in range(3, 200)])
    known, expected = Z.copy(), []
    known[210:] = np.nan
    for t in range(200, 230):
        expected.append(nearest(past, window(t, known), Z[3:200], 4, weights == "distance"))
        if t >= 210:  # a free run from there on
            known[t] = expected[-1]
    made = model.predict_ahead(X[200:210], targets[200:210])
    np.testing.assert_allclose(made.reshape(10, -1), expected[:10], rtol=1e-9)
    model.update(X[200:210], targets[200:210])
    np.testing.assert_allclose(model.predict(X[210:230]).reshape(20, -1), expected[10:], rtol=1e-9)
    ahead = model.trajectories(X[210:230], targets[210:230], 20, origins=[0]).forecast[0]
    np.testing.assert_allclose(ahead.reshape(20, -1), expected[10:], rtol=1e-9)


@pytest.mark.filterwarnings("ignore:.* in the middle of the rows given")
def test_analogues_know_a_law_that_repeats_and_learn_new_rows():
    y = np.resize(np.sin(np.arange(36) ** 1.5), 360)
    model = AnalogueRegressor(3, output_lags=4).fit(None, y[:300])
    np.testing.assert_allclose(model.forecast(60), y[300:], atol=1e-9)
    assert model.forecast(5, level=80)["hi-80"].max() < 1.1
    other = np.r_[y[:300], 5 + y[:60]]
    model = AnalogueRegressor(1, output_lags=4, target_bounds=None).fit(None, y[:300])
    model.partial_fit(None, other[300:])
    np.testing.assert_allclose(model.params_[0].shape, (356, 4))
    np.testing.assert_allclose(model.update(None, other[300:330]).forecast(20), other[330:350], atol=1e-9)
    forgot = AnalogueRegressor(3, output_lags=4, target_bounds=None).fit(None, y[:300])
    forgot.partial_fit(None, np.full(400, 50.0), forgetting=0.1)
    np.testing.assert_allclose(forgot.predict_ahead(None, y[:60], start="cold")[4:], y[4:60], atol=1e-9)
    steps = Forecaster(AnalogueRegressor(3, output_lags=4), 5, strategy="direct").fit(None, y[:300])
    np.testing.assert_allclose(steps.forecast(5), y[300:305], atol=1e-9)
    for settings in ({"n_neighbors": 0}, {"weights": "near"}, {"output_lags": 0}):
        with pytest.raises(ValueError, match=r"n_neighbors|weights|output_lags="):
            AnalogueRegressor(**settings).fit(None, y)


def test_a_drift_is_followed_without_differences():
    """Persistence of differences would go on with the last change."""
    walk = np.random.default_rng(0).normal(0.1, 1.0, 300).cumsum()
    for model in (PersistenceRegressor(), SeasonalNaiveRegressor(5)):
        assert model.set_params(target_transform="auto").fit(None, walk).target_transform_ is None
