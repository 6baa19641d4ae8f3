"""Forecaster: several horizons at once, quantiles, and what may be known when."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import tsrnn
from tsrnn import (
    ARXRegressor,
    ESNRegressor,
    GRURegressor,
    NARXRegressor,
    PersistenceRegressor,
    SeasonalNaiveRegressor,
    TDNNRegressor,
)
from tsrnn._estimators import forecaster
from tsrnn._estimators.forecaster import Forecaster, HorizonsLearner
from tsrnn._estimators.intervals.errors import Maker
from tsrnn._estimators.intervals.later import made_since
from tsrnn._nets import horizons
from tsrnn.model_selection import backtest, forecast_scorer


H = 4
QUICK = {"max_iter": 4, "random_state": 0}
MODELS = {
    "ARX": ARXRegressor(2, 3),
    "TDNN": TDNNRegressor((4,), input_lags=3, **QUICK),
    "NARX": NARXRegressor((4,), input_lags=(0, 4), output_lags=(1, 3), **QUICK),
    "GRU": GRURegressor((4,), **QUICK),
    "ESN": ESNRegressor(20, random_state=0),
}
NOT_RECURSIVE = ("multi_output", "direct")
to_rounding = {"rtol": 1e-12, "atol": 1e-12}


def driven(n, seed=0):
    """Two inputs, the second one known ahead, and what they drive."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    y = np.zeros(n)
    for t in range(1, n):
        y[t] = 0.6 * y[t - 1] + 0.5 * X[t - 1, 0] + X[t, 1] + 0.1 * rng.standard_normal()
    return X, y


X, y = driven(400)
HISTORY, NEW = slice(0, 300), slice(300, 380)


def frames(X, y, start="2020-01-01"):
    index = pd.date_range(start, periods=len(y), freq="h")
    return pd.DataFrame(X, index=index, columns=["wind", "sun"]), pd.Series(y, index=index, name="power")


# ---------------------------------------------------------------------------------------- what is learnt


def handmade(rows, X, y, s, ahead):
    """z_s(t) for input_lags=2, output_lags=3, with the second input known ahead at offsets ``ahead``."""
    return np.array(
        [[X[t - 1, 0], X[t, 0], *(X[t + a, 1] for a in ahead), y[t - 2], y[t - 1], y[t]] for t in rows]
    )


@pytest.mark.parametrize("step", [1, 3])
def test_direct_is_shifting_by_hand(step):
    model = Forecaster(ARXRegressor(2, 3), H, strategy="direct", known_ahead=[1]).fit(X[HISTORY], y[HISTORY])
    rows = np.arange(2, 300 - step)
    ahead = [step - 2, step - 1, step]
    own = ARXRegressor(0, 0).fit(handmade(rows, X, y, step, ahead), y[rows + step])
    first = np.arange(80 - H)
    made = model.trajectories(X[NEW], y[NEW], H, origins=first).forecast[:, step - 1]
    expected = own.predict(handmade(first + 299, X, y, step, ahead))
    np.testing.assert_allclose(made, expected, **to_rounding)


def test_multi_output_is_all_targets_by_hand():
    model = Forecaster(ARXRegressor(2, 3), H, known_ahead=[1]).fit(X[HISTORY], y[HISTORY])
    rows, ahead = np.arange(2, 300 - H), range(-1, H + 1)
    targets = np.stack([y[rows + s] for s in range(1, H + 1)], axis=1)
    own = ARXRegressor(0, 0).fit(handmade(rows, X, y, None, ahead), targets)
    first = np.arange(80 - H)
    made = model.trajectories(X[NEW], y[NEW], H, origins=first).forecast
    np.testing.assert_allclose(made, own.predict(handmade(first + 299, X, y, None, ahead)), **to_rounding)


def test_targets_are_unknown_after_the_end():
    model = Forecaster(ARXRegressor(2, 3, alpha=0.0), H).fit(X[HISTORY], y[HISTORY])
    single = Forecaster(ARXRegressor(2, 3, alpha=0.0), H, strategy="direct").fit(X[HISTORY], y[HISTORY])
    a, b = (m.trajectories(X[NEW], y[NEW], H).forecast for m in (model, single))
    # a linear model learns each step from the same rows
    np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", MODELS)
def test_recursive_is_the_estimator(name):
    inner = clone(MODELS[name]).fit(X[HISTORY], y[HISTORY])
    outer = Forecaster(MODELS[name], H, strategy="recursive", known_ahead="all").fit(X[HISTORY], y[HISTORY])
    for model in (inner, outer):
        model.update(X[300:310], y[300:310])
    later = X[310:330], y[310:330]
    np.testing.assert_allclose(outer.predict(later[0]), inner.predict(later[0]), **to_rounding)
    np.testing.assert_allclose(outer.forecast(H, later[0]), inner.forecast(H, later[0]), **to_rounding)
    a, b = (m.trajectories(*later, H, level=80) for m in (outer, inner))
    np.testing.assert_allclose(a.forecast, b.forecast, **to_rounding)
    np.testing.assert_allclose(a.intervals[80][1], b.intervals[80][1], rtol=1e-6)


def test_recursive_shifts_bounds_and_differences_into_the_loop():
    inner = ARXRegressor(2, 3, target_transform="difference", target_bounds=(-1, 1.5))
    outer = Forecaster(inner, H, strategy="recursive", known_ahead="all")
    for model in (outer, inner):
        with pytest.warns(UserWarning, match="outside target_bounds"):
            model.fit(X[HISTORY], y[HISTORY])
    np.testing.assert_allclose(outer.predict(X[NEW]), inner.predict(X[NEW]), rtol=1e-9, atol=1e-9)


def test_weights_are_of_targets():
    weight = np.ones(300)
    weight[100:200] = 0
    wrong = y[HISTORY].copy()
    wrong[100:200] = np.nan
    for strategy in NOT_RECURSIVE:
        # output lags from unweighted rows are seen; so y(t) is none of the inputs here that can be unknown
        a = Forecaster(ARXRegressor(2, 1), 2, strategy=strategy).fit(X[HISTORY], y[HISTORY], weight)
        b = Forecaster(ARXRegressor(2, 1), 2, strategy=strategy)
        seen = y[HISTORY].copy()
        seen[150:160] = 50.0  # targets that must not count, and inputs of rows that must not
        b.fit(X[HISTORY], np.where((np.arange(300) >= 150) & (np.arange(300) < 160), 50.0, seen), weight)
        np.testing.assert_allclose(a.theta_, b.theta_, rtol=1e-9, atol=1e-9)
        unknown = Forecaster(ARXRegressor(2, 1), 2, strategy=strategy).fit(X[HISTORY], wrong)
        assert np.isfinite(unknown.theta_).all()
        doubled = Forecaster(ARXRegressor(2, 1, alpha=0.0), 2, strategy=strategy)
        twice = doubled.fit(X[HISTORY], y[HISTORY], np.full(300, 2.0)).theta_
        np.testing.assert_allclose(twice, doubled.fit(X[HISTORY], y[HISTORY]).theta_, rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------------------------------- what is known when


@pytest.fixture(scope="module", params=[(name, s) for name in MODELS for s in NOT_RECURSIVE], ids="-".join)
def fitted(request):
    name, strategy = request.param
    return Forecaster(MODELS[name], H, strategy=strategy, known_ahead=[1]).fit(X[HISTORY], y[HISTORY])


def test_a_forecast_knows_the_past_and_no_more(fitted):
    new, measured, k = X[NEW], y[NEW], 40
    made = fitted.trajectories(new, measured, H).forecast
    other, later = new.copy(), measured.copy()
    later[k:] += 5
    other[k:, 0] -= 3  # not known ahead
    other[k + H :, 1] += 7  # known ahead, but not as far
    np.testing.assert_array_equal(fitted.trajectories(other, later, H).forecast[: k + 1], made[: k + 1])
    assert not np.allclose(fitted.trajectories(other, measured, H).forecast[k + 1], made[k + 1])
    other = new.copy()
    other[k + 1, 1] += 7  # known ahead: the second row of the forecast from k
    assert not np.allclose(fitted.trajectories(other, measured, H).forecast[k], made[k])
    other = new.copy()
    other[k - 1, 0] += 7  # the last one known
    assert not np.allclose(fitted.trajectories(other, measured, H).forecast[k], made[k])
    later = measured.copy()
    later[k - 1] += 7
    assert not np.allclose(fitted.trajectories(new, later, H).forecast[k], made[k])


def test_all_verbs_tell_the_same(fitted):
    new, measured = X[NEW], y[NEW]
    made = fitted.trajectories(new, measured, H).forecast
    for steps in (1, 3, H):
        ahead = fitted.predict_ahead(new, measured, steps=steps)
        rows = np.arange(steps - 1, len(new) - H + steps)
        np.testing.assert_allclose(ahead[rows], made[rows - steps + 1, steps - 1], **to_rounding)
    np.testing.assert_allclose(fitted.forecast(H, new), made[0], **to_rounding)
    np.testing.assert_allclose(fitted.forecast(2, new[:, 1:]), made[0, :2], **to_rounding)
    np.testing.assert_allclose(fitted.predict(new)[:H], made[0], **to_rounding)
    updated = copy.deepcopy(fitted)
    for rows in (slice(0, 3), slice(3, 4), slice(4, 30)):
        updated.update(new[rows], measured[rows])
    np.testing.assert_allclose(updated.forecast(H, new[30 : 30 + H]), made[30], **to_rounding)
    np.testing.assert_allclose(
        updated.trajectories(new[30:], measured[30:], H).forecast, made[30:], **to_rounding
    )


def test_predict_goes_on_from_its_own_forecasts_after_each_horizon(fitted):
    new = X[NEW][:10]
    own = fitted.predict(X[NEW])[:10]
    after = copy.deepcopy(fitted).update(new[:H], own[:H])
    np.testing.assert_allclose(after.predict(X[NEW][H:])[: 10 - H], own[H:], **to_rounding)


def test_unmeasured_rows_are_fed_with_forecasts(fitted):
    new, measured = X[NEW], y[NEW].copy()
    measured[20 : 20 + H] = np.nan
    whole = y[NEW].copy()
    whole[20 : 20 + H] = fitted.trajectories(new, y[NEW], H, origins=[20]).forecast[0]
    np.testing.assert_allclose(
        fitted.trajectories(new, measured, H).forecast,
        fitted.trajectories(new, whole, H).forecast,
        **to_rounding,
    )


def test_long_stretches_without_y_are_bridged_horizon_by_horizon(fitted):
    new, measured = X[NEW], y[NEW].copy()
    measured[20:33] = np.nan
    own = measured.copy()
    for a in range(20, 33, H):
        b = min(a + H, 33)
        own[a:b] = fitted.trajectories(new, own, H, origins=[a]).forecast[0, : b - a]
    expected = fitted.trajectories(new, own, H).forecast
    np.testing.assert_allclose(fitted.trajectories(new, measured, H).forecast, expected, **to_rounding)
    bounded = copy.deepcopy(fitted)
    wide = bounded.estimator.set_params(target_bounds=(-1e6, 1e6))
    bounded.fit(X[HISTORY], np.where(np.arange(300) % 100 < 90, y[HISTORY], np.nan))  # more than h at a time
    assert wide.target_bounds == (-1e6, 1e6)
    free = clone(bounded).set_params(estimator__target_bounds=None)
    free.fit(X[HISTORY], np.where(np.arange(300) % 100 < 90, y[HISTORY], np.nan))
    np.testing.assert_allclose(bounded.predict(X[NEW]), free.predict(X[NEW]), rtol=1e-9, atol=1e-9)


def test_an_output_without_a_value_to_learn_from_is_named():
    Y = np.column_stack([y, np.where(np.arange(len(y)) < 390, np.nan, y)])  # of the last rows, held back
    with pytest.raises(ValueError, match="y has no measured value in column 1"):
        NARXRegressor((4,), early_stopping=True, **QUICK).fit(X, Y)


def test_partly_measured_rows():
    Y = np.stack([y, 2 * X[:, 1]], axis=1)
    model = Forecaster(ARXRegressor(), H, known_ahead=[1]).fit(X[HISTORY], Y[HISTORY])
    partly = Y[NEW].copy()
    partly[10:30, 0] = np.nan
    own = partly.copy()
    for t in range(10, 30):
        own[t, 0] = model.trajectories(X[NEW], own, H, origins=[t]).forecast[0, 0, 0]
    expected = model.trajectories(X[NEW], own, H).forecast
    np.testing.assert_allclose(model.trajectories(X[NEW], partly, H).forecast, expected, **to_rounding)


def test_blocks_do_not_matter(fitted, monkeypatch):
    made, ahead = (fitted.trajectories(X[NEW], y[NEW], H).forecast, fitted.predict_ahead(X[NEW], y[NEW]))
    for block in (1, 16, 76):  # 76 is the last origin
        monkeypatch.setattr(horizons, "BLOCK", block)
        np.testing.assert_allclose(fitted.trajectories(X[NEW], y[NEW], H).forecast, made, **to_rounding)
        np.testing.assert_allclose(
            fitted.predict_ahead(X[NEW], y[NEW])[: -H + 1], ahead[: -H + 1], **to_rounding
        )


def test_nothing_changes_the_model_and_it_can_be_copied(fitted):
    made = fitted.predict(X[NEW])
    fitted.trajectories(X[NEW], y[NEW], H, level=80)
    fitted.predict_ahead(X[NEW], y[NEW], steps=2)
    np.testing.assert_array_equal(fitted.predict(X[NEW]), made)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X[NEW]), made)
    again = clone(fitted).fit(X[HISTORY], y[HISTORY])
    np.testing.assert_array_equal(again.predict(X[NEW]), made)


def test_all_starts(fitted):
    cold, zeros = (fitted.predict(X[NEW], start=start) for start in ("cold", "zeros"))
    assert np.isfinite(cold).all()
    assert np.isfinite(zeros).all()
    assert not np.allclose(cold, zeros)
    history = X[280:300], y[280:300]
    after = fitted.predict(X[NEW], start=history)
    np.testing.assert_allclose(after, fitted.predict(X[NEW]), rtol=0.05, atol=0.05)


def test_threads_do_not_matter():
    one, two = (
        Forecaster(MODELS["NARX"], H, strategy="direct", n_jobs=n).fit(X[HISTORY], y[HISTORY])
        for n in (None, 2)
    )
    np.testing.assert_array_equal(one.theta_, two.theta_)


@pytest.mark.parametrize("strategy", NOT_RECURSIVE)
def test_partial_fit_learns_each_pair_once(strategy):
    model = Forecaster(ARXRegressor(2, 3, alpha=0.0, scale=None), H, strategy=strategy, known_ahead=[1])
    whole = clone(model).fit(X, y)
    parts = clone(model).fit(X[:200], y[:200])
    for rows in (slice(200, 201), slice(201, 203), slice(203, 300), slice(300, 400)):
        parts.partial_fit(X[rows], y[rows])
    np.testing.assert_allclose(parts.theta_, whole.theta_, rtol=1e-7, atol=1e-7)
    known = np.random.default_rng(1).standard_normal((H, 2))
    np.testing.assert_allclose(parts.forecast(H, known), whole.forecast(H, known), rtol=1e-7)


@pytest.mark.parametrize("strategy", NOT_RECURSIVE)
def test_a_warm_start_goes_on(strategy):
    """From the weights of each member; anew where they are made for other lags, though as many."""
    inner = TDNNRegressor((4,), input_lags=(0, 2), warm_start=True, early_stopping=False, **QUICK)
    model = Forecaster(inner, H, strategy=strategy, known_ahead=[1]).fit(X[HISTORY], y[HISTORY])
    before = model.theta_
    model.set_params(estimator__solver=tsrnn.SGD(1e-9)).fit(X[HISTORY], y[HISTORY])
    np.testing.assert_allclose(model.theta_, before, rtol=0, atol=1e-6)
    model.set_params(estimator__input_lags=(1, 3)).fit(X[HISTORY], y[HISTORY])
    assert np.abs(model.theta_ - before).max() > 0.01
    of_state = GRURegressor((4,), input_lags=(1, 3), warm_start=True, max_iter=2, random_state=0)
    for other in (of_state, inner, ARXRegressor((0, 2), ()), inner):  # begins anew
        model.set_params(estimator=other).fit(X[HISTORY], y[HISTORY])


def test_partial_fit_where_the_estimator_cannot():
    model = Forecaster(ESNRegressor(20, random_state=0), H, quantiles=(0.1, 0.9)).fit(X[:200], y[:200])
    with pytest.raises(ValueError, match="partial_fit"):
        model.partial_fit(X[200:], y[200:])


# ---------------------------------------------------------------------------------------- y that arrives late


GAP = 3
LATE = {"known_ahead": [1], "gap": GAP}


@pytest.mark.parametrize("strategy", NOT_RECURSIVE)
def test_with_a_gap_each_step_sees_inputs_up_to_now_and_y_up_to_the_gap(strategy):
    model = Forecaster(ARXRegressor(2, 2), H, strategy=strategy, **LATE).fit(X[HISTORY], y[HISTORY])
    s, first = 2, np.arange(80 - H)
    ahead = range(s - 2, s + 1) if strategy == "direct" else range(-1, H + 1)
    columns = [(0, -1), (0, 0), *((1, a) for a in ahead)]

    def z(rows):
        return np.array([[*(X[t + a, j] for j, a in columns), y[t - GAP - 1], y[t - GAP]] for t in rows])

    rows = np.arange(GAP + 1, 300 - (s if strategy == "direct" else H))
    by_hand = ARXRegressor(0, 0).fit(z(rows), y[rows + s])
    if strategy == "multi_output":  # one alpha for all steps
        by_hand = ARXRegressor(0, 0).fit(z(rows), np.stack([y[rows + k] for k in range(1, H + 1)], axis=1))
    expected = by_hand.predict(z(first + 299)).reshape(len(first), -1)
    made = model.trajectories(X[NEW], y[NEW], H, origins=first).forecast[:, s - 1]
    np.testing.assert_allclose(made, expected[:, 0 if strategy == "direct" else s - 1], **to_rounding)


LATE_MODELS = {
    "multi_output": Forecaster(MODELS["NARX"], H, **LATE),
    "direct": Forecaster(MODELS["GRU"], H, strategy="direct", **LATE),
    "encoder-decoder": tsrnn.EncoderDecoderRegressor(
        horizon=H, context=6, hidden_layer_sizes=(4,), max_iter=2, random_state=0, **LATE
    ),
    "race": tsrnn.AutoForecaster(H, candidates=[], random_state=0, **LATE),
}


@pytest.fixture(scope="module", params=LATE_MODELS)
def late(request):
    new, measured = frames(X, y)
    return clone(LATE_MODELS[request.param]).fit(new[HISTORY], measured[HISTORY])


def test_no_verb_looks_at_y_that_has_not_arrived(late):
    new, measured = frames(X, y)
    new, measured = new[NEW], measured[NEW]
    made = late.trajectories(new, measured, H, level=80)
    k = 40
    later = measured.copy()
    later.iloc[k - GAP :] += 5
    np.testing.assert_array_equal(late.trajectories(new, later, H).forecast[: k + 1], made.forecast[: k + 1])
    assert not np.allclose(late.trajectories(new, later, H).forecast[k + 1], made.forecast[k + 1])
    for steps in (1, H):
        ahead = late.predict_ahead(new, measured, steps=steps)
        np.testing.assert_allclose(ahead[k + steps - 1], made.forecast[k, steps - 1], **to_rounding)
    hidden = measured.where(np.arange(80) < k - GAP)
    for rows in (measured, hidden):
        updated = copy.deepcopy(late).update(new[:k], rows[:k])
        ahead = updated.forecast(H, new[k : k + H], level=80)
        np.testing.assert_allclose(ahead["power"], made.forecast[k], **to_rounding)
        np.testing.assert_allclose(ahead["lo-80"], made.intervals[80][0][k], rtol=1e-9, atol=1e-9)


def test_rows_are_given_again_as_their_y_arrives(late):
    new, measured = frames(X[NEW], y[NEW], "2020-01-13 12:00")
    day = copy.deepcopy(late)
    for k in range(0, 40, 5):
        again = slice(max(0, k - GAP), k + 5)
        arrived = measured.where(np.arange(80) < k + 5 - GAP)
        day.update(new[again], arrived[again])
    whole = copy.deepcopy(late).update(new[:40], measured[:40])
    np.testing.assert_allclose(day.forecast(H, new[40:44]), whole.forecast(H, new[40:44]), **to_rounding)
    assert day.timeline_ == whole.timeline_
    # and one more row, of which nothing is known yet
    few = copy.deepcopy(late).update(new[:1], measured[:1] * np.nan)
    few.update(new[:2], measured[:2] * np.nan).update(new[:4], measured[:4])
    again = copy.deepcopy(late).update(new[:4], measured[:4])
    np.testing.assert_allclose(few.forecast(H, new[4:8]), again.forecast(H, new[4:8]), **to_rounding)
    again = day.trajectories(new[37:], measured[37:], H).forecast[3:]  # goes on from where y has arrived
    np.testing.assert_allclose(again, whole.trajectories(new[40:], measured[40:], H).forecast, **to_rounding)
    for first, words in ((36, "were seen already"), (38, "end before it")):
        with pytest.raises(ValueError, match=words):
            copy.deepcopy(day).update(new[first:39], measured[first:39])


@pytest.mark.parametrize("strategy", NOT_RECURSIVE)
def test_partial_fit_learns_from_y_that_arrives_late(strategy):
    new, measured = frames(X, y)
    model = Forecaster(ARXRegressor(2, 3, alpha=0.0, scale=None), H, strategy=strategy, **LATE)
    whole = clone(model).fit(new, measured)
    parts = clone(model).fit(new[:200], measured[:200].where(np.arange(200) < 200 - GAP))
    for a, b in ((200, 201), (201, 207), (207, 300), (300, 400)):
        arrived = measured.where(np.arange(400) < (b if b == 400 else b - GAP))
        parts.partial_fit(new[a - GAP : b], arrived[a - GAP : b])
    np.testing.assert_allclose(parts.theta_, whole.theta_, rtol=1e-7, atol=1e-7)


def test_backtests_of_late_targets_compare_with_late_naive_forecasts():
    model = Forecaster(ARXRegressor(2, 2), H, **LATE).fit(X[HISTORY], y[HISTORY])
    errors = backtest(model, X[NEW], y[NEW], H, period=6, initial=20).errors
    first = np.arange(320, 380 - H + 1)
    for name, shift in (("persistence", GAP + 1 + 2), ("seasonal", 6)):  # of the third step
        naive, truth = y[first + 2 - shift], y[first + 2]
        rmse = np.sqrt(np.mean((naive - truth) ** 2))
        np.testing.assert_allclose(1 - errors.RMSE[3] / rmse, errors[f"skill_{name}"][3], **to_rounding)


# ---------------------------------------------------------------------------------------- quantiles


def heteroscedastic(n, seed=0):
    """y(t) = 0.7 y(t - 1) + s(t) e(t), with a spread s that goes with the hour of the day; s is the input."""
    rng = np.random.default_rng(seed)
    s = 1 + 0.8 * np.sin(2 * np.pi * np.arange(n) / 24)
    y = np.zeros(n)
    for t in range(1, n):
        y[t] = 0.7 * y[t - 1] + s[t] * rng.standard_normal()
    return s[:, None], y


def covered(band, y, p=80):
    rows = np.arange(len(band.forecast))[:, None] + np.arange(band.forecast.shape[1])
    low, high = band.intervals[p]
    return ((low <= y[rows]) & (y[rows] <= high)).mean(axis=0)


def in_order(band, middle=lambda band: [band.forecast]):
    """Ends of intervals, the widest first, with the forecast in their middle."""
    pairs = [band.intervals[p] for p in sorted(band.intervals, reverse=True)]
    ends = [*(low for low, _ in pairs), *middle(band), *(high for _, high in pairs[::-1])]
    return all((a <= b).all() for a, b in pairwise(ends))


@pytest.mark.parametrize("strategy", NOT_RECURSIVE)
def test_quantiles_cover_where_the_spread_changes(strategy):
    S, v = heteroscedastic(6000)
    inner = TDNNRegressor((), input_lags=1, early_stopping=False, solver="lbfgs", max_iter=60)
    model = Forecaster(inner, 3, strategy=strategy, quantiles=(0.05, 0.1, 0.5, 0.9, 0.95), known_ahead="all")
    model.fit(S[:4000], v[:4000])
    band = model.trajectories(S[4000:], v[4000:], 3, level=[80, 90])
    np.testing.assert_allclose(covered(band, v[4000:], 80), 0.8, atol=0.03)
    np.testing.assert_allclose(covered(band, v[4000:], 90), 0.9, atol=0.03)
    width = np.subtract(*band.intervals[80][::-1])
    calm, rough = (S[4000 : 4000 + len(width), 0] < 0.5), (S[4000 : 4000 + len(width), 0] > 1.5)
    assert width[rough, 0].mean() > 2 * width[calm, 0].mean()
    assert in_order(band)


@pytest.mark.parametrize("strategy", NOT_RECURSIVE)
def test_quantiles_never_cross(strategy):
    model = Forecaster(  # hardly trained, so that they would
        TDNNRegressor((8,), max_iter=1, random_state=0),
        H,
        strategy=strategy,
        quantiles=(0.4, 0.5, 0.6, 0.45, 0.55),
    ).fit(X[:120], y[:120])
    raw = []
    for dynamics, x, scaler in model._dynamics().members:
        Z = np.random.default_rng(0).standard_normal((50, len(x.center)))
        unknown = np.full((50, dynamics.n_outputs), np.nan)
        raw.append(scaler.inverse(dynamics.run(x(Z), unknown, dynamics.cold())[0]))
    assert any((np.diff(v.reshape(50, -1, 5), axis=-1) < 0).any() for v in raw)
    wild = 4 * X[NEW]
    assert in_order(model.trajectories(wild, y[NEW], H, level=[10, 20], method="split"))
    moved = model.trajectories(wild, y[NEW], H, level=[10, 20])  # by errors, away from the forecast
    assert in_order(moved, middle=lambda band: [])


def test_without_the_median_the_forecast_is_that_of_the_estimator():
    inner = TDNNRegressor((), input_lags=2)
    plain = Forecaster(inner, H).fit(X[HISTORY], y[HISTORY])
    model = Forecaster(inner, H, quantiles=(0.9, 0.1)).fit(X[HISTORY], y[HISTORY])
    np.testing.assert_array_equal(model.forecast(H), plain.forecast(H))
    frame = model.forecast(2, level=80)
    assert list(frame.columns) == ["y", "lo-80", "hi-80"]
    assert len(model._dynamics().members) == 2
    assert (frame["lo-80"] < frame["hi-80"]).all()


@pytest.mark.parametrize("strategy", NOT_RECURSIVE)
def test_errors_since_the_fit_are_of_forecasts_that_saw_their_inputs(strategy):
    model = Forecaster(ARXRegressor(2, 3), H, strategy=strategy, known_ahead=[1]).fit(X[HISTORY], y[HISTORY])
    rows = 300 + np.arange(20)[:, None] + np.arange(H)
    errors = y[rows] - model.trajectories(X[300:340], y[300:340], H).forecast[:20]
    fitted = model.update(X[300:320], y[300:320]).fitted_
    (recent,) = fitted.errors.recent.values()
    made = made_since(Maker(fitted.trained.dynamics, fitted.units), recent, H).errors[..., 0]
    known = rows < 320
    if strategy != "direct":  # one model of all steps sees the inputs of the last one
        known &= rows[:, -1:] < 320
    assert np.isfinite(made).sum() == known.sum()
    np.testing.assert_allclose(made[np.isfinite(made)], errors[np.isfinite(made)], **to_rounding)


def test_calibrate_moves_quantiles_to_where_they_hold():
    S, v = heteroscedastic(3000)
    model = Forecaster(TDNNRegressor((), input_lags=1), 2, quantiles=(0.2, 0.5, 0.8)).fit(S[:800], v[:800])
    new = S[2000:], 2.5 * v[2000:]  # rougher than in training
    fixed = {"level": 60, "start": "cold", "method": "split"}
    before = covered(model.trajectories(*new, 2, **fixed), new[1], 60)
    model.calibrate(S[800:2000], 2.5 * v[800:2000])
    band = model.trajectories(*new, 2, **fixed)
    assert (before < 0.5).all()
    np.testing.assert_allclose(covered(band, new[1], 60), 0.6, atol=0.06)
    assert in_order(band)


def test_bounds_and_transforms_hold_for_quantiles():
    positive = np.exp(0.5 * y)
    inner = TDNNRegressor((4,), target_transform="log", target_bounds=(0, 1.5), **QUICK)
    model = Forecaster(inner, H, quantiles=(0.1, 0.5, 0.9))
    with pytest.warns(UserWarning, match="outside target_bounds"):
        model.fit(X[HISTORY], positive[HISTORY])
    band = model.trajectories(X[NEW], positive[NEW], H, level=80)
    low, high = band.intervals[80]
    assert low.min() > 0
    assert high.max() == 1.5


# ---------------------------------------------------------------------------------------- bounds, gaps, panels


def test_bounds_may_be_columns_known_ahead():
    Xf, yf = frames(X, np.abs(y))
    Xf["sun"] = np.abs(Xf["sun"])
    inner = ARXRegressor(2, 3, target_bounds=(0, "sun"))
    model = Forecaster(inner, H, known_ahead=["sun"])
    with pytest.warns(UserWarning, match="outside target_bounds"):
        model.fit(Xf[:300], yf[:300])
    made = model.trajectories(Xf[300:], yf[300:], H).forecast
    limit = Xf["sun"].to_numpy()[300:][np.arange(len(made))[:, None] + np.arange(H)]
    assert (made >= 0).all()
    assert (made <= limit).all()
    assert (made == limit).any()
    with pytest.raises(ValueError, match="known_ahead"):
        Forecaster(inner, H).fit(Xf[:300], yf[:300])


def test_differences_add_up():
    trend = np.arange(300.0)
    model = Forecaster(ARXRegressor(0, 1, target_transform="difference"), H).fit(None, trend)
    np.testing.assert_allclose(model.forecast(H), 300 + np.arange(H), rtol=1e-9)


def test_beside_inputs_that_are_not_known_ahead_a_drift_is_learnt_by_its_differences():
    rng = np.random.default_rng(0)
    drift, noise = np.cumsum(1.0 + rng.normal(size=250)), rng.normal(size=(250, 1))
    for known_ahead, found in (((), "[Difference()]"), ("all", "None")):
        model = Forecaster(TDNNRegressor((4,), **QUICK), H, known_ahead=known_ahead).fit(noise, drift)
        assert repr(model.target_transform_) == found


def test_pandas_and_stamps():
    Xf, yf = frames(X, y)
    model = Forecaster(ARXRegressor(), H, known_ahead=["sun"]).fit(Xf[:300], yf[:300])
    made = model.forecast(3, Xf[300 : 300 + H], level=[50, 80])
    assert list(made.columns) == ["power", "lo-50", "hi-50", "lo-80", "hi-80"]
    assert made.index.equals(Xf.index[300:303])
    rows = X[300 : 300 + H].tolist()
    np.testing.assert_allclose(
        Forecaster(ARXRegressor(), H, known_ahead=[1]).fit(X[:300], y[:300]).forecast(3, rows), made["power"]
    )
    only = Xf[["sun"]][300 : 300 + H]
    pd.testing.assert_series_equal(model.forecast(3, only), made["power"], check_freq=False)
    lost = Xf[300:].assign(wind=np.nan)
    pd.testing.assert_series_equal(model.forecast(3, lost), made["power"], check_freq=False)
    with pytest.raises(ValueError, match="'sun'"):
        model.forecast(3, Xf[["wind"]][300:])
    with pytest.raises(ValueError, match="2 rows, but 4"):
        model.forecast(2, Xf[300:302])
    none_ahead = Forecaster(ARXRegressor(), H).fit(Xf[:300], yf[:300])
    assert none_ahead.forecast(H).index.equals(Xf.index[300 : 300 + H])


@pytest.mark.parametrize("strategy", NOT_RECURSIVE)
def test_targets_do_not_reach_over_a_gap(strategy):
    Xf, yf = frames(X[:360], y[:360])
    Xf, yf = (v.drop(v.index[150:200]) for v in (Xf, yf))
    model = Forecaster(ARXRegressor(2, 3, scale=None), H, strategy=strategy, known_ahead=[1]).fit(Xf, yf)
    apart = Forecaster(ARXRegressor(2, 3, scale=None), H, strategy=strategy, known_ahead=[1])
    apart.fit([X[:150], X[200:360]], [y[:150, None], y[200:360, None]])
    np.testing.assert_allclose(model.theta_, apart.theta_, **to_rounding)


def test_panels_go_on_each_from_its_own_end():
    A, B = driven(200, 1), driven(150, 2)
    model = Forecaster(ARXRegressor(), H, known_ahead=[1])
    keys = pd.MultiIndex.from_arrays(
        [["b"] * 120 + ["a"] * 180, [*range(120), *range(180)]], names=["unit", "t"]
    )
    stacked = pd.DataFrame(np.concatenate([B[0][:120], A[0][:180]]), index=keys, columns=["wind", "sun"])
    target = pd.Series(np.concatenate([B[1][:120], A[1][:180]]), index=keys, name="power")
    model.fit(stacked, target)
    ahead = pd.MultiIndex.from_arrays(
        [["a"] * H + ["b"] * H, [*range(180, 180 + H), *range(120, 120 + H)]], names=["unit", "t"]
    )
    ahead = pd.DataFrame(
        np.concatenate([A[0][180 : 180 + H], B[0][120 : 120 + H]]), index=ahead, columns=["wind", "sun"]
    )
    made = model.forecast(2, ahead, level=80)
    assert made.index.tolist() == [("a", 180), ("a", 181), ("b", 120), ("b", 121)]
    for key, (inputs, measured), n in (("a", A, 180), ("b", B, 120)):
        rows = slice(n - 30, n + H)
        one = pd.DataFrame(inputs[rows], columns=["wind", "sun"])
        alone = model.trajectories(one, measured[rows], H, origins=[30], start="cold").forecast
        np.testing.assert_allclose(made.loc[key]["power"], alone[0, :2], **to_rounding)


def test_without_inputs_and_with_several_outputs():
    Y = np.stack([y, np.roll(y, 3)], axis=1)[10:]
    model = Forecaster(TDNNRegressor((), input_lags=5), H, quantiles=(0.1, 0.5, 0.9)).fit(None, Y[:300])
    assert model.forecast(H).shape == (H, 2)
    frame = model.forecast(H, level=80)
    assert list(frame.columns) == ["y0", "y0-lo-80", "y0-hi-80", "y1", "y1-lo-80", "y1-hi-80"]
    made = model.trajectories(None, Y[300:], H).forecast
    np.testing.assert_allclose(made[:-3, :3, 1].shape, (len(made) - 3, 3))
    error = made[:, :3, 1] - Y[300:][np.arange(len(made))[:, None] + np.arange(3), 1]
    assert np.abs(error).mean() < 0.5 * np.abs(Y[:, 1]).mean()  # it is the first one, three rows late


def test_series_that_have_nothing_in_common_are_forecast_by_their_own_past():
    """A follower of two rows still by its leader; without models of own pasts, the mean of others' weights is .21."""
    rng = np.random.default_rng(0)
    leader, *others = rng.normal(size=(4, 120)).cumsum(axis=1)
    follower = np.roll(leader, 2) + 0.1 * rng.normal(size=120)
    Y = np.column_stack([leader, follower, *others])
    model = Forecaster(ARXRegressor(0, 3, scale=None, target_transform=None), H).fit(None, Y)
    W = np.abs(model.params_[0][0].W.reshape(3, 5, H, 5).sum(axis=0)).mean(axis=1)
    assert W[0, 1] > 0.8
    assert np.mean(W[2:, 2:][~np.eye(3, dtype=bool)]) < 0.12


def test_a_net_of_many_series_sees_the_season_of_each():
    """Whose lags are as many as for one; six seasonal series, whose naive forecast errs by the noise."""
    rng, t = np.random.default_rng(1), np.arange(240)
    Y = np.sin(2 * np.pi * t[:, None] / 12 + np.arange(6)) ** 3 + 0.1 * rng.normal(size=(240, 6))
    Y = pd.DataFrame(Y, pd.date_range("2000", periods=240, freq="MS"))
    model = Forecaster(TDNNRegressor(**QUICK), 12).fit(None, Y[:216])
    assert 12 in model.lags_.output_lags
    assert np.sqrt(np.mean((model.forecast(12) - Y[216:228]) ** 2)) < 0.2


def test_missing_inputs():
    gaps = X.copy()
    gaps[::7, 0] = np.nan
    gaps[::11, 1] = np.nan
    for missing in ("hold", "mean", "mask"):
        model = Forecaster(ARXRegressor(missing=missing), H, known_ahead=[1]).fit(gaps[HISTORY], y[HISTORY])
        assert np.isfinite(model.trajectories(gaps[NEW], y[NEW], H).forecast).all()
        assert np.isfinite(model.forecast(H, gaps[NEW])).all()
    with pytest.raises(ValueError, match="missing='hold'"):
        Forecaster(ARXRegressor(), H).fit(gaps, y)


# ---------------------------------------------------------------------------------------- which strategy wins


def rmse(model, X, y, steps, train):
    result = backtest(
        model.fit(None if X is None else X[:train], y[:train]),
        None if X is None else X[train:],
        y[train:],
        steps,
    )
    return result.errors.RMSE.to_numpy()


def test_direct_wins_where_the_estimator_cannot_see_the_law():
    """A season in noise: one lag of y tells little, and what a loop makes of it tells less with each step."""
    rng = np.random.default_rng(0)
    t = np.arange(3000)
    v = np.sin(2 * np.pi * t / 12) + 0.5 * rng.standard_normal(3000)
    inner = ARXRegressor(0, 2, target_transform=None)
    loop, direct, at_once = (
        rmse(Forecaster(inner, 12, strategy=s), None, v, 12, 2000)
        for s in ("recursive", "direct", "multi_output")
    )
    assert direct.mean() < 0.85 * loop.mean()
    assert at_once.mean() < 0.85 * loop.mean()


def test_recursive_wins_where_it_is_the_law_and_rows_are_few():
    errors = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        v = np.zeros(1080)
        for t in range(1, 1080):
            v[t] = 0.95 * v[t - 1] + rng.standard_normal()
        inner = ARXRegressor(0, 8, target_transform=None)
        models = [Forecaster(inner, 12, strategy=s) for s in ("recursive", "direct")]
        errors.append([rmse(model, None, v, 12, 80).mean() for model in models])
    loop, direct = np.mean(errors, axis=0)
    assert loop < 0.95 * direct


# ---------------------------------------------------------------------------------------- with scikit-learn


def test_search_and_scorer():
    model = Forecaster(ARXRegressor(), H, known_ahead="all")
    grid = {"strategy": ["multi_output", "direct", "recursive"], "estimator__output_lags": [1, 3]}
    search = GridSearchCV(model, grid, cv=TimeSeriesSplit(2), scoring=forecast_scorer("rmse", horizon=H)).fit(
        X, y
    )
    assert search.best_score_ < 0
    assert len(search.cv_results_["params"]) == 6
    assert tsrnn.forecast(search, H, X[:H]).shape == (H,)
    scores = cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=TimeSeriesSplit(2))
    assert scores.shape == (2,)
    assert (scores > 0.5).all()
    assert model.get_params()["estimator__alpha"] == ARXRegressor().alpha


@parametrize_with_checks(
    [
        Forecaster(ARXRegressor(), 2, strategy="direct", known_ahead="all"),
        Forecaster(ARXRegressor(), 2, strategy="recursive", known_ahead="all"),
    ],
    expected_failed_checks=lambda estimator: {
        "check_methods_sample_order_invariance": "rows are time",
        "check_methods_subset_invariance": "rows are time",
        "check_sample_weight_equivalence_on_dense_data": "a weight of 0 is not deletion",
    },
)
@pytest.mark.filterwarnings("ignore:Forecaster does not use column")  # rows sorted by y
def test_scikit_learn(estimator, check):
    check(estimator)


# ---------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (Forecaster(StandardScaler()), TypeError, "neither an estimator of tsrnn"),
        (Forecaster(tsrnn.ESNClassifier()), TypeError, "is a classifier, but a Forecaster forecasts numbers"),
        (Forecaster(make_pipeline(StandardScaler(), ARXRegressor())), TypeError, "Pipeline that ends in it"),
        (Forecaster(ARXRegressor(), 0), ValueError, "horizon"),
        (Forecaster(ARXRegressor(), 2.5), TypeError, "horizon"),
        (Forecaster(ARXRegressor(), strategy="both"), ValueError, "strategy='both'"),
        (Forecaster(PersistenceRegressor()), TypeError, "input_lags"),
        (Forecaster(TDNNRegressor(), quantiles=(0.1, 1.0)), ValueError, "1.0 is not a quantile"),
        (Forecaster(TDNNRegressor(), quantiles=0.5), ValueError, "not a set of quantiles"),
        (Forecaster(TDNNRegressor(), quantiles=(0.5, 0.5)), ValueError, "twice"),
        (Forecaster(ARXRegressor(), quantiles=(0.5,)), TypeError, "no\nparameter loss|no parameter loss"),
        (
            Forecaster(TDNNRegressor(), strategy="recursive", quantiles=(0.5,)),
            ValueError,
            "'multi_output' or",
        ),
        (Forecaster(ARXRegressor(), gap=-1), ValueError, "gap"),
        (Forecaster(ARXRegressor(), strategy="recursive", gap=2), ValueError, "where y is NaN"),
        (
            Forecaster(ARXRegressor(target_transform="difference"), gap=2),
            ValueError,
            "has not arrived",
        ),
        (Forecaster(GRURegressor(bidirectional=True)), ValueError, "bidirectional=False"),
        (Forecaster(ARXRegressor(), known_ahead="sun"), ValueError, "known_ahead='sun'"),
        (Forecaster(ARXRegressor(), known_ahead=[2]), ValueError, "2 is not a column"),
        (Forecaster(ARXRegressor(), known_ahead=None), ValueError, "known_ahead=None"),
        (Forecaster(ARXRegressor(), strategy="recursive"), ValueError, "known_ahead='all'"),
        (Forecaster(ARXRegressor(alpha=-1)), ValueError, "alpha"),
        (Forecaster(ARXRegressor(), 400), ValueError, "horizon=400"),
        (
            Forecaster(TDNNRegressor(target_transform="difference"), quantiles=(0.5,)),
            ValueError,
            "do not add up",
        ),
    ],
)
def test_wrong_parameters(model, error, words):
    with pytest.raises(error, match=words):
        model.fit(X, y)


def test_wrong_calls():
    model = Forecaster(TDNNRegressor(**QUICK), H, quantiles=(0.1, 0.5, 0.9)).fit(X, y)
    with pytest.raises(ValueError, match=r"0\.025 and 0\.975 among"):
        model.forecast(2, level=95)
    with pytest.raises(ValueError, match="horizon=5"):
        model.forecast(5)
    with pytest.raises(ValueError, match="horizon=6"):
        model.predict_ahead(X, y, steps=6)
    with pytest.raises(ValueError, match="horizon=6"):
        model.trajectories(X, y, 6)
    with pytest.raises(ValueError, match="call calibrate"):
        model.sample_paths(2)
    with pytest.raises(ValueError, match="3 columns"):
        Forecaster(ARXRegressor(), H, known_ahead=[1]).fit(X, y).forecast(H, np.zeros((H, 3)))


def test_paths_hang_together_as_errors_do():
    """Of a random walk: errors of later steps hold those of earlier ones."""
    walk = np.random.default_rng(0).normal(size=1500).cumsum()
    options = {"random_state": 0, "max_iter": 60}
    plain = Forecaster(ARXRegressor(output_lags=1), 4).fit(None, walk[:1000])
    learnt = Forecaster(TDNNRegressor((), input_lags=1, **options), 4, quantiles=(0.1, 0.5, 0.9))
    learnt.fit(None, walk[:1000]).calibrate(None, walk[1000:])
    for model in (plain, learnt):
        forecast, paths = model.forecast(4), model.sample_paths(4, n_paths=3000)
        assert paths.shape == (3000, 4)
        np.testing.assert_allclose(np.median(paths, axis=0), forecast, atol=0.8)
        spread = paths.std(axis=0)
        np.testing.assert_allclose(spread, np.sqrt([1, 2, 3, 4]), rtol=0.3)
        r = np.corrcoef(paths.T)
        assert r[0, 1] == pytest.approx(np.sqrt(1 / 2), abs=0.12)
        assert r[2, 3] == pytest.approx(np.sqrt(3 / 4), abs=0.12)
    fan = learnt.forecast(4, level=80)
    share = (paths[:, 3] < fan["lo-80"][3]).mean()
    assert 0.04 < share < 0.16
    both = plain.forecast(4, level=80, method="bootstrap")
    assert both["lo-80"][3] < plain.forecast(4)[3] < both["hi-80"][3]


def test_recursive_takes_seasonal_naive():
    model = Forecaster(SeasonalNaiveRegressor(24), strategy="recursive").fit(None, y)
    np.testing.assert_array_equal(model.forecast(24), y[-24:])


def test_many_targets_of_a_linear_model_are_learnt_some_at_a_time(monkeypatch):
    """Else 720 steps of 7 outputs take gigabytes; known inputs are seen by all of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    Y = np.column_stack([np.sin(np.arange(400) / 5), np.cos(np.arange(400) / 7)]) + 0.3 * X
    model = Forecaster(ARXRegressor(3, 2, alpha=0.1), 30, known_ahead=[1]).fit(X, Y)
    monkeypatch.setattr(forecaster, "WIDE", 16)
    pieces = clone(model).fit(X, Y)
    assert len(pieces.params_) == 4 * len(model.params_) == 4
    ahead = np.ones((30, 2))
    np.testing.assert_allclose(pieces.forecast(30, ahead), model.forecast(30, ahead), rtol=0, atol=1e-9)


def test_a_large_linear_model_is_least_squares_and_nothing_else():
    h, n, alpha = 40, 400, 0.01
    y = np.random.default_rng(3).normal(size=(n, 3)).cumsum(axis=0) / 10
    plain = {"scale": None, "early_stopping": False, "target_transform": None}
    model = Forecaster(TDNNRegressor((), input_lags=range(1, 11), alpha=alpha, **plain), h).fit(None, y)
    assert model.theta_.size > 600
    assert model.n_iter_ == 1
    ((W, b),) = model.params_[0]
    rows = np.arange(9, n - 1)
    Z = np.hstack([*(y[rows - k] for k in range(9, -1, -1)), np.ones((len(rows), 1))])
    shrink = np.diag([alpha] * 30 + [0.0])
    for s in (1, 17, h):
        known = rows + s < n
        A, c = Z[known].T @ Z[known] + shrink, Z[known].T @ y[rows[known] + s]
        at = slice(3 * (s - 1), 3 * s)
        np.testing.assert_allclose(np.vstack([W[:, at], b[at]]), np.linalg.solve(A, c), rtol=1e-7, atol=1e-8)


LINEAR = [
    Forecaster(TDNNRegressor((), input_lags=range(1, 11)), 60),
    Forecaster(TDNNRegressor((), input_lags=(1, 2, 24), early_stopping=False), 40, known_ahead=[1], gap=2),
    Forecaster(ARXRegressor(0, (1, 3, 9), scale=None), 40, known_ahead="all"),
    Forecaster(TDNNRegressor((), input_lags=range(1, 11), target_transform="difference"), 60),
]


@pytest.mark.parametrize("model", LINEAR)
@pytest.mark.parametrize("pieces", [1, 3])
def test_sums_of_shifts_tell_what_laid_out_targets_do(model, pieces, monkeypatch):
    """Also of several series, with a column that is constant, of outputs far from 0, and of differences."""
    rng = np.random.default_rng(0)
    y, X = rng.normal(size=(400, 2)).cumsum(axis=0) + 1e3, rng.normal(size=(400, 3))
    X[:, 2] = 5.0
    X, y, w = (np.array_split(v, pieces) for v in (X, y, np.full(400, 0.3)))
    with monkeypatch.context() as no_rows:
        no_rows.delattr(HorizonsLearner, "_examples")
        quick = clone(model).fit(X, y, w)
    monkeypatch.setattr(HorizonsLearner, "_of_shifts", lambda *_: False)
    slow = clone(model).fit(X, y, w)
    np.testing.assert_allclose(quick.theta_, slow.theta_, rtol=1e-9, atol=1e-9 * np.abs(slow.theta_).max())
    np.testing.assert_allclose(quick.loss_curve_, slow.loss_curve_, rtol=1e-9)
    for a, b in zip(quick.fitted_.trained.dynamics.members, slow.fitted_.trained.dynamics.members):
        np.testing.assert_allclose(np.hstack(a.dynamics.mean), np.hstack(b.dynamics.mean), atol=1e-9)
        for one, other in zip((*a.x, *a.y), (*b.x, *b.y)):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    for a, b in zip(quick.fitted_.trained.carry.trained, slow.fitted_.trained.carry.trained):
        assert_same_sums(a.carry, b.carry)


def assert_same_sums(a, b):
    """What partial_fit goes on with."""
    if hasattr(a, "information"):
        for one, other in zip(a.information, b.information):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
        return
    for one, other in zip(*(sum(c.sums, ()) for c in (a, b)), strict=True):
        for field, v in one._asdict().items():
            w = getattr(other, field)
            np.testing.assert_allclose(v, w, rtol=1e-9, atol=1e-9 * np.abs(w).max())


def test_sums_are_not_asked_where_rounding_hides_what_they_say(monkeypatch):
    """After a value beyond all others, in rows that targets do not see; and with gaps and weights."""
    y = np.random.default_rng(0).normal(size=(300, 2)).cumsum(axis=0)
    inner, sums = (
        TDNNRegressor((), input_lags=range(1, 11), target_transform=None, target_bounds=None),
        HorizonsLearner._learn_from_sums,
    )
    model = Forecaster(inner, 60)
    learnt = []

    def watch(*args):
        learnt.append(sums(*args))
        return learnt[-1]

    monkeypatch.setattr(HorizonsLearner, "_learn_from_sums", watch)
    model.fit(None, y)
    assert learnt.pop() is not None
    spike = y.copy()
    spike[0] = 1e9
    model.fit(None, spike)
    assert learnt.pop() is None
    for gaps, weights in (
        (np.where(np.arange(300)[:, None] == 50, np.nan, y), None),
        (y, np.arange(1.0, 301.0)),
    ):
        model.fit(None, gaps, weights)
    assert not learnt


@pytest.mark.parametrize("hidden", [(), (5,)])
def test_the_first_outputs_alone_are_the_same(hidden):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), rng.normal(size=(80, 9))
    model = TDNNRegressor(hidden, input_lags=2, max_iter=2, solver="adam", random_state=0).fit(X, y)
    dynamics, memory = model.fitted_.trained.dynamics, model.fitted_.trained.dynamics.cold()
    out, _ = dynamics.run(X, np.full((80, 9), np.nan), memory)
    few, _ = dynamics.narrow(4).run(X, np.full((80, 4), np.nan), memory._replace(Y=memory.Y[:, :4]))
    np.testing.assert_array_equal(few, out[:, :4])


def test_partial_fit_of_a_large_linear_model_is_nearly_a_fit_to_all_rows():
    y = np.random.default_rng(3).normal(size=(900, 3)).cumsum(axis=0) / 10
    inner = TDNNRegressor((), input_lags=range(1, 11), scale=None, early_stopping=False)
    whole, parts = Forecaster(inner, 40).fit(None, y), Forecaster(inner, 40).fit(None, y[:700])
    before = np.linalg.norm(parts.theta_ - whole.theta_)
    parts.partial_fit(None, y[700:])
    assert np.linalg.norm(parts.theta_ - whole.theta_) < 0.1 * before


def test_a_forecast_follows_no_more_rows_than_it_must(monkeypatch):
    """Members without a memory look at the last row, not at all of the horizon before it."""
    y = np.sin(np.arange(120.0))
    model = Forecaster(TDNNRegressor((), input_lags=3, target_transform=None), 30).fit(None, y)
    kind, seen = type(model._dynamics().members[0].dynamics), []
    run = kind.run

    def counted(self, X, Y, memory):
        seen.append(len(Y))
        return run(self, X, Y, memory)

    monkeypatch.setattr(kind, "run", counted)
    model.forecast(30)
    assert seen == [1]
