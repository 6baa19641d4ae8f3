"""What each verb and each parameter means, on generated and measured series, alone and in scikit-learn."""

import copy
import warnings

import numpy as np
import pandas as pd
import pytest
from changed import give
from public import CLASSIFIERS, PUBLIC, others, paired, short, small
from scipy.signal import lfilter
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import tsrnn
from tsrnn import (
    LBFGS,
    Adam,
    ARXRegressor,
    ElmanRegressor,
    GRURegressor,
    LevenbergMarquardt,
    LSTMRegressor,
    NARXRegressor,
    TDNNRegressor,
)
from tsrnn._estimators.regressor import free_run
from tsrnn._models.recurrent import RecurrentRegressor
from tsrnn._nets.delay import Layer, make_plan, run
from tsrnn._nets.delay_linear import blend
from tsrnn._nets.recurrent import beside_lags
from tsrnn._series import timeline as timelines
from tsrnn.datasets import load_oil_price, load_sunspots, load_wind_farm, make_narendra


X, y = make_narendra(400, random_state=0)
TRAIN, TEST = slice(0, 300), slice(300, 400)
HOURS = pd.date_range("2024-01-01", periods=400, freq="h")
QUICK = {"max_iter": 5, "early_stopping": False, "random_state": 0}
NARX, TDNN = (
    NARXRegressor((4,), input_lags=2, output_lags=3, **QUICK),
    TDNNRegressor((4,), input_lags=3, **QUICK),
)
NAR = NARXRegressor((4,), input_lags=(), **QUICK)
ELMAN = ElmanRegressor((4,), input_lags=2, output_lags=3, **QUICK)
LSTM = LSTMRegressor((4,), solver="adam", **QUICK)
GRU = GRURegressor((4,), input_lags=1, output_lags=1, solver="lbfgs", **QUICK)
RECURRENT, FED = [ELMAN, LSTM, GRU], [NARX, ELMAN, GRU]
RECURRENT += [model for model in others(RECURRENT).values() if isinstance(model, RecurrentRegressor)]


def named(*models):
    """A test for each of some models."""
    ids = [type(model).__name__.removesuffix("Regressor") for model in models]
    return pytest.mark.parametrize("model", models, ids=ids)


every, both, fed = named(NARX, TDNN, *RECURRENT), named(NARX, TDNN), named(*FED)
NARS = [clone(model).set_params(input_lags=(), output_lags=3) for model in (NARX, *RECURRENT)]
nars = named(*NARS)
exact = {"rtol": 1e-12, "atol": 1e-12}
frame, series = pd.DataFrame(X, HOURS, columns=["u"]), pd.Series(y, HOURS, name="level")


def fit(model, X=X[TRAIN], y=y[TRAIN], **kw):
    return clone(model).set_params(**kw).fit(X, y)


def judged(fitted, X, y):
    """What ``score`` compares where nothing tells that rows go on: y after the first ones, and the run from these."""
    n = fitted.lead_
    later = copy.deepcopy(fitted).update(None if X is None else X[:n], y[:n]) if n else fitted
    return y[n:], later.predict(pd.DataFrame(index=range(len(y) - n)) if X is None else X[n:], start="end")


def quiet(call):
    """The result of a call that must not warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "max_iter=", ConvergenceWarning)  # these fits are short
        return call()


# ---------------------------------------------------------------------------------------- on data


def test_free_run_of_a_driven_system():
    model = NARXRegressor(random_state=0).fit(X[TRAIN], y[TRAIN])
    error = model.predict(X[TEST]) - y[TEST]
    assert np.std(error) < 0.05 * np.std(y)
    later = frame[TEST], series[TEST]
    stamped = NARXRegressor(random_state=0).fit(frame[TRAIN], series[TRAIN])
    assert stamped.score(*later) == pytest.approx(r2_score(y[TEST], y[TEST] + error))


def test_defaults_on_measured_series():
    """One step ahead, better than persistence, on each series with the least said."""
    wind, power = load_wind_farm(return_X_y=True)
    rows, later = slice(0, 1500), slice(1500, 2000)
    model = NARXRegressor(random_state=0).fit(wind.iloc[rows].ffill().bfill(), power.iloc[rows])
    ahead = model.predict_ahead(wind.iloc[later].ffill().bfill(), power.iloc[later])
    error, persistence = (ahead - power.iloc[later]), power.diff().iloc[later]
    assert error.pow(2).mean() < 0.3 * persistence.pow(2).mean()
    spots = load_sunspots().target.dropna()
    years = pd.DataFrame(index=spots.index)
    nar = NARXRegressor(output_lags=12, random_state=0).fit(years.iloc[:-50], spots.iloc[:-50])
    error = quiet(lambda: nar.predict_ahead(years.iloc[-50:], spots.iloc[-50:])) - spots.iloc[-50:]
    assert error.pow(2).mean() < 0.9 * spots.diff().iloc[-50:].pow(2).mean()


# ---------------------------------------------------------------------------------------- lags and inputs


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"input_lags": 3}, {"input_lags": (0, 1, 2, 3)}),
        ({"input_lags": 3}, {"input_lags": [3, 0, 2, 1]}),
        ({"input_lags": range(1, 3)}, {"input_lags": np.array([2, 1])}),
        ({"output_lags": 2}, {"output_lags": (1, 2)}),
        ({"output_lags": 0}, {"output_lags": ()}),
        ({"hidden_layer_sizes": 4}, {"hidden_layer_sizes": [4]}),
    ],
)
def test_two_ways_to_say_it(one, other):
    first, second = fit(NARX, **one), fit(NARX, **other)
    assert np.array_equal(first.theta_, second.theta_)
    assert first.lead_ == second.lead_


def test_a_narx_without_output_lags_is_a_tdnn():
    narx = fit(NARX, input_lags=3, output_lags=0, training="open_loop")
    tdnn = fit(TDNN, input_lags=3)
    np.testing.assert_allclose(narx.predict(X[TEST]), tdnn.predict(X[TEST]), **exact)


def test_dilations_are_lags():
    kw = {"hidden_layer_sizes": (3, 3, 3)}
    stack = fit(TDNN, input_lags=1, layer_lags=1, dilations=(1, 2, 4), **kw)
    spelt = fit(TDNN, input_lags=(0, 1), layer_lags=((0, 2), (0, 4)), **kw)
    assert np.array_equal(stack.theta_, spelt.theta_)
    assert stack.lead_ == 7


def test_lags_reach_no_further_than_they_say():
    model = fit(NARX, input_lags=(1, 4), output_lags=(2, 3))
    assert model.lead_ == 4
    whole = model.predict_ahead(X[TEST], y[TEST])
    for rows, lags in ((X, {1, 4}), (y, {2, 3})):
        for lag in range(7):
            other = rows[TEST].copy()
            other[50 - lag] += 1
            changed = model.predict_ahead(*((other, y[TEST]) if rows is X else (X[TEST], other)))
            assert (changed[50] != whole[50]) == (lag in lags), lag


NOTHING = {
    "None": lambda rows: None,
    "frame": lambda rows: pd.DataFrame(index=pd.RangeIndex(len(range(400)[rows]))),
    "array": lambda rows: np.empty((len(range(400)[rows]), 0)),
}


@paired(model=NARS, kind=NOTHING)
def test_a_model_of_y_alone(kind, model):
    target = np.sin(np.arange(400) / 3)
    rows = NOTHING[kind]
    model = clone(model).set_params(target_transform=None)
    fitted = clone(model).fit(rows(TRAIN), target[TRAIN])
    assert fitted.n_features_in_ == 0
    reference = clone(model).fit(None, target[TRAIN])
    assert np.array_equal(fitted.theta_, reference.theta_)
    ahead = fitted.forecast(100)
    far = fitted.predict_ahead(rows(TEST), target[TEST], steps=100)
    np.testing.assert_allclose(far, ahead, **exact)
    if kind != "None":
        np.testing.assert_allclose(fitted.predict(rows(TEST)), ahead, **exact)
    score = fitted.score(rows(TEST), target[TEST])
    assert score == pytest.approx(r2_score(*judged(fitted, rows(TEST), target[TEST])))
    fitted.update(rows(TEST), target[TEST]).partial_fit(rows(TEST), target[TEST])


ALONE = [small(kind, output_lags=1) for kind in PUBLIC + CLASSIFIERS if kind is not tsrnn.TDNNRegressor]


@pytest.mark.parametrize("model", ALONE, ids=lambda model: short(type(model)))
def test_an_array_without_columns_stands_for_none(model):
    target = np.sin(np.arange(60) / 3)
    target = target > 0 if isinstance(model, tuple(CLASSIFIERS)) else target
    nothing = np.empty((60, 0))
    fitted, alone = clone(model).fit(nothing, target), clone(model).fit(None, target)
    assert np.array_equal(fitted.predict(nothing), alone.predict(nothing))
    assert fitted.score(nothing, target) == alone.score(None, target)
    learnt = clone(model).partial_fit(nothing, target) if hasattr(model, "partial_fit") else fitted
    assert learnt.update(nothing[:5], target[:5]).n_features_in_ == 0
    with pytest.raises(ValueError, match=r"0 feature\(s\).*X=None.*or 13 rows at least"):
        clone(model).fit(nothing[:12], target[:12])  # scikit-learn's checks want it so


@pytest.mark.parametrize(
    "model", [ARXRegressor(), tsrnn.Forecaster(ARXRegressor(), 3)], ids=["ARX", "direct"]
)
def test_folds_of_an_array_without_columns(model):
    target, cv = np.random.default_rng(0).normal(size=160).cumsum(), TimeSeriesSplit(3)
    nothing = np.empty((160, 0))
    wanted = [
        clone(model).fit(None, target[train]).score(None, target[test]) for train, test in cv.split(nothing)
    ]
    assert cross_val_score(model, nothing, target, cv=cv).tolist() == wanted
    search = GridSearchCV(model, {}, cv=cv).fit(nothing, target)
    assert search.cv_results_["mean_test_score"].tolist() == [np.mean(wanted)]
    assert np.array_equal(tsrnn.forecast(search, 3), clone(model).fit(None, target).forecast(3))


def test_without_inputs_input_lags_do_not_matter():
    frame_only = pd.DataFrame(index=HOURS)
    one, two = fit(NARX, frame_only, series), fit(NAR, frame_only, series)
    assert np.array_equal(one.theta_, two.theta_)


@nars
def test_inputs_given_but_not_looked_at(model):
    fitted = fit(model)
    assert fitted.n_features_in_ == 1
    assert np.array_equal(fitted.theta_, fit(model, None, y[TRAIN]).theta_)
    assert np.array_equal(fitted.predict(X[TEST]), fitted.forecast(100))


@paired(model=NARS, scale=["standard", "minmax", "robust", None])
def test_any_scale_without_inputs(scale, model):
    target = 100 + 5 * np.sin(np.arange(300) / 3)
    options = {"scale": scale, "target_transform": None}  # of which an index suggests one
    fitted = fit(model, None, target, **options)
    assert np.isfinite(fitted.update(None, target).forecast(5)).all()
    only_index = fit(model, pd.DataFrame(index=HOURS[TRAIN]), target, **options)
    assert np.array_equal(only_index.theta_, fitted.theta_)


@every
def test_several_outputs(model):
    Y = np.c_[y, np.roll(y, 1) * 100 + 7]
    fitted = fit(model, X[TRAIN], Y[TRAIN], hidden_layer_sizes=(8,), max_iter=50)
    assert fitted.n_outputs_ == 2
    ahead = fitted.predict_ahead(X[TEST], Y[TEST])
    assert ahead.shape == fitted.predict(X[TEST]).shape == (100, 2)
    assert fitted.forecast(5, X[TEST]).shape == (5, 2)
    if model is NARX:
        assert np.all(np.std(ahead - Y[TEST], axis=0) < 0.2 * np.std(Y, axis=0))
    frames = fit(model, frame[TRAIN], pd.DataFrame(Y[TRAIN], HOURS[TRAIN], columns=["a", "b"]))
    forecast = frames.forecast(5, frame[TEST])
    assert list(forecast.columns) == ["a", "b"]
    assert forecast.index.equals(HOURS[300:305])


# ---------------------------------------------------------------------------------------- scaling


@paired(model=[NARX, TDNN, *RECURRENT], scale=["standard", "minmax", "robust"])
def test_units_do_not_matter(scale, model):
    """X in other units and y in other units: the predictions in the other units."""
    model = clone(model).set_params(scale=scale, max_iter=4)
    plain, other = fit(model), fit(model, 1.8 * X[TRAIN] + 32, 1e-3 * y[TRAIN] - 0.2)
    X_other, y_other = 1.8 * X[TEST] + 32, 1e-3 * y[TEST] - 0.2
    close = {"rtol": 1e-7, "atol": 1e-7}  # training enlarges rounding errors, where features are collinear
    np.testing.assert_allclose((other.predict(X_other) + 0.2) * 1e3, plain.predict(X[TEST]), **close)
    ahead = other.predict_ahead(X_other, y_other, steps=3)
    np.testing.assert_allclose((ahead + 0.2) * 1e3, plain.predict_ahead(X[TEST], y[TEST], steps=3), **close)
    assert other.score(X_other, y_other) == pytest.approx(plain.score(X[TEST], y[TEST]), rel=1e-8)


def test_scale_none_takes_the_data_as_they_are():
    plain, same = fit(NARX, scale=None), fit(NARX, scale="standard")
    assert not np.allclose(plain.theta_, same.theta_)
    assert not np.allclose(plain.predict(X[TEST]), same.predict(X[TEST]))
    np.testing.assert_array_equal(plain.state_[1][:, 0], y[TRAIN][-plain.lead_ :])


@every
@pytest.mark.parametrize(
    ("scale", "center", "width"),
    [
        ("standard", np.mean, np.std),
        ("minmax", lambda v: (v.max() + v.min()) / 2, lambda v: np.ptp(v) / 2),
        ("robust", np.median, lambda v: np.subtract(*np.percentile(v, [75, 25])) / 1.349),
    ],
)
def test_scales(scale, center, width, model):
    """Learnt from the training rows; the rows held back left out, but where all rows are learnt in the end."""
    fitted = fit(model, scale=scale, early_stopping=True, validation_fraction=0.2)
    rows = slice(0, 300 if isinstance(model, RecurrentRegressor) else 240)
    for scaler, values in ((fitted.x_scaler_, X[rows, 0]), (fitted.y_scaler_, y[rows])):
        assert scaler.center[0] == pytest.approx(center(values), rel=1e-12)
        assert scaler.scale[0] == pytest.approx(width(values), rel=1e-12)


# ---------------------------------------------------------------------------------------- rows held back


@every
@pytest.mark.parametrize("kw", [{"early_stopping": True}, {"n_restarts": 2, "early_stopping": False}])
def test_the_last_rows_are_held_back(kw, model):
    """They choose among iterates, but where the one there is beats its start they leave no trace."""
    if isinstance(model, RecurrentRegressor):
        pytest.skip("holds back stretches from everywhere, and learns them in the end")
    if not kw.keys() <= model.get_params().keys():
        pytest.skip("has no restarts")
    kw = {**kw, "max_iter": 1, "validation_fraction": 0.2, "random_state": 0}
    if "n_restarts" in kw:
        kw["hidden_layer_sizes"] = ()  # all starts end at one minimum
        kw["solver"] = LevenbergMarquardt(bayesian=False)
        if model is NARX:
            kw["training"] = "open_loop"
    else:
        kw["skip_connections"] = False  # or the linear model that it is blended with learns them in the end
    base = fit(model, **kw)
    other_y, other_X = y[TRAIN].copy(), X[TRAIN].copy()
    other_y[240:] += 0.05
    other_X[240:] *= 1.02
    np.testing.assert_allclose(fit(model, other_X, other_y, **kw).theta_, base.theta_, rtol=1e-9)
    other_y[239] += 3.0
    assert not np.allclose(fit(model, other_X, other_y, **kw).theta_, base.theta_, rtol=1e-9)


def test_validation_loss_is_that_of_the_held_rows():
    """Their history is the training rows: the memory is carried over."""
    # beside a linear model it learns them
    kw = {
        "skip_connections": False,
        "training": "open_loop",
        "max_iter": 30,
    }
    model = fit(NARX, early_stopping=True, validation_fraction=0.25, **kw)
    rows = slice(225, 300)
    ahead = model.predict_ahead(X[rows], y[rows], start=(X[:225], y[:225]))
    loss = 0.5 * np.mean(((ahead - y[rows]) / model.y_scaler_.scale) ** 2)
    assert min(model.validation_curve_) == pytest.approx(loss, rel=1e-10)


@named(TDNN, LSTM, GRU)
def test_early_stopping_stops(model):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(80, 1)), rng.normal(size=80)
    kw = {"solver": Adam(0.03), "max_iter": 300, "hidden_layer_sizes": (30,), "n_iter_no_change": 5, "tol": 0}
    stopped = fit(model, *noise, early_stopping=True, **kw)
    assert stopped.n_iter_ < 300
    assert len(stopped.validation_curve_) == stopped.n_iter_
    assert stopped.n_iter_ >= 5  # the patience
    assert fit(model, *noise, early_stopping=False, **kw).validation_curve_ == []


def test_restarts_keep_the_best():
    """The same seeds one at a time: the weights kept are those of the least validation loss."""
    kw = {"training": "open_loop", "solver": "lbfgs", "max_iter": 8, "early_stopping": True}
    one_seed = np.random.RandomState(5)
    singles = [fit_with(one_seed, kw) for _ in range(4)]
    losses = [min(m.validation_curve_) for m in singles]
    best = fit_with(np.random.RandomState(5), {**kw, "n_restarts": 4})
    assert np.array_equal(best.theta_, singles[int(np.argmin(losses))].theta_)
    assert min(best.validation_curve_) == min(losses) < max(losses)


def fit_with(seed, kw):
    model = clone(NARX).set_params(**kw)
    model.random_state = seed  # clone would copy it
    return model.fit(X[TRAIN], y[TRAIN])


# ---------------------------------------------------------------------------------------- weights and holes


@every
@pytest.mark.parametrize(
    ("factor", "solver"), [(0.25, LevenbergMarquardt(bayesian=False)), (16.0, Adam()), (0.25, LBFGS())]
)
def test_weights_count_relative_to_each_other(factor, solver, model):
    if model in RECURRENT and isinstance(solver, LevenbergMarquardt):
        pytest.skip("is not trained by it")
    w = np.random.default_rng(0).uniform(0.5, 2, 300)
    model = clone(model).set_params(solver=solver, alpha=0.0)
    one = clone(model).fit(X[TRAIN], y[TRAIN], sample_weight=w)
    assert np.array_equal(clone(model).fit(X[TRAIN], y[TRAIN], factor * w).theta_, one.theta_)
    assert not np.allclose(clone(model).fit(X[TRAIN], y[TRAIN]).theta_, one.theta_)


@named(TDNN, LSTM)
def test_rows_without_weight_are_not_in_the_loss(model):
    w = np.ones(300)
    w[[50, 51, 120, 299]] = 0
    wrong = y[TRAIN].copy()
    wrong[w == 0] = 50
    right = clone(model).set_params(scale=None).fit(X[TRAIN], y[TRAIN], w)
    assert np.array_equal(clone(right).fit(X[TRAIN], wrong, w).theta_, right.theta_)


@both
def test_rows_without_weight_do_not_scale_the_others(model):
    """A sensor's fault, masked by weight 0 where no row that counts looks back on it."""
    w = np.ones(300)
    w[:20] = 0
    X_wrong, y_wrong = X[TRAIN].copy(), y[TRAIN].copy()
    X_wrong[:10], y_wrong[:10] = 1e6, -1e6
    right = clone(model).fit(X[TRAIN], y[TRAIN], w)
    if "training" in model.get_params():
        right.set_params(training="open_loop").fit(X[TRAIN], y[TRAIN], w)
    wrong = clone(right).fit(X_wrong, y_wrong, w)
    assert np.array_equal(wrong.theta_, right.theta_)
    assert np.array_equal(wrong.predict(X[TEST], start="cold"), right.predict(X[TEST], start="cold"))


def test_weight_two_is_the_row_twice():
    """For a model without memory, where rows may be repeated."""
    model = TDNNRegressor((3,), input_lags=0, scale=None, skip_connections=False, **QUICK)
    w = np.random.default_rng(1).integers(1, 4, 100)
    weighted = clone(model).fit(X[:100], y[:100], w)
    repeated = clone(model).fit(np.repeat(X[:100], w, axis=0), np.repeat(y[:100], w))
    np.testing.assert_allclose(weighted.theta_, repeated.theta_, rtol=1e-6, atol=1e-9)


@named(TDNN, LSTM)
def test_missing_y_is_weight_zero_where_no_lag_sees_it(model):
    holes = [5, 100, 101, 102, 299]
    missing, w = y[TRAIN].copy(), np.ones(300)
    missing[holes], w[holes] = np.nan, 0
    fitted = clone(model).set_params(scale=None)
    weighted = clone(fitted).fit(X[TRAIN], y[TRAIN], w)
    assert np.array_equal(clone(fitted).fit(X[TRAIN], missing).theta_, weighted.theta_)


def test_missing_y_spoils_the_rows_that_see_it():
    """A NARX in open loop: as if those rows had no weight, whatever stood in the hole."""
    missing, w = y[TRAIN].copy(), np.ones(300)
    missing[100], w[100] = np.nan, 0
    w[[101, 104]] = 0
    model = clone(NARX).set_params(scale=None, output_lags=(1, 4), training="open_loop")
    weighted = clone(model).fit(X[TRAIN], y[TRAIN], w)
    np.testing.assert_allclose(clone(model).fit(X[TRAIN], missing).theta_, weighted.theta_, rtol=1e-9)


@named(TDNN, *RECURRENT)
def test_one_missing_output(model):
    Y = np.c_[y, y**2][TRAIN]
    Y[50, 1] = np.nan
    both_outputs = fit(model, X[TRAIN], Y)
    assert np.isfinite(both_outputs.theta_).all()
    moved = Y.copy()
    moved[50, 0] += 5  # the output that is known does count
    assert not np.allclose(fit(model, X[TRAIN], moved).theta_, both_outputs.theta_)


@fed
def test_missing_y_at_the_end_is_filled_by_the_model(model):
    fitted = clone(model).set_params(scale=None, training="open_loop")
    missing = y[TRAIN].copy()
    missing[-3:] = np.nan
    with_holes = clone(fitted).fit(X[TRAIN], missing)
    without = clone(fitted).fit(X[:297], y[:297])
    np.testing.assert_allclose(with_holes.theta_, without.theta_, rtol=1e-9)
    own = without.predict(X[297:300])
    np.testing.assert_allclose(with_holes.state_[1][:, 0], own[-without.lead_ :], rtol=1e-8)
    expected = without.update(X[297:300]).predict(X[TEST])
    np.testing.assert_allclose(with_holes.predict(X[TEST]), expected, rtol=1e-7)


@fed
def test_missing_y_in_later_rows(model):
    fitted = fit(model)
    holes = y[TEST].copy()
    holes[[10, 11, 40]] = np.nan
    ahead = fitted.predict_ahead(X[TEST], holes)
    first = fit(model).update(X[300:310], y[300:310]).predict(X[310:312])
    np.testing.assert_allclose(ahead[10:12], first, **exact)
    filled = np.where(np.isnan(holes), ahead, holes)
    for steps in (1, 3):
        expected = fitted.predict_ahead(X[TEST], filled, steps=steps)
        np.testing.assert_allclose(fitted.predict_ahead(X[TEST], holes, steps=steps), expected, **exact)
    measured, free = judged(fitted, X[TEST], holes)
    known = np.isfinite(measured)
    expected = r2_score(measured[known], free[known])
    assert fitted.score(X[TEST], holes) == pytest.approx(expected)


# ---------------------------------------------------------------------------------------- training


def test_closed_loop_training_sees_through_measurement_noise():
    """y(t) = 0.95 y(t-1) + u(t-1), measured with noise: open loop puts the pole far too low."""
    rng = np.random.default_rng(0)
    u, clean = rng.normal(size=(1500, 1)), np.zeros(1500)
    for t in range(1, 1500):
        clean[t] = 0.95 * clean[t - 1] + u[t - 1, 0]
    noisy = clean + rng.normal(size=1500)
    model = NARXRegressor((), input_lags=(1,), output_lags=1, sequence_length=100, random_state=0)
    pole, score = {}, {}
    for training in ("open_loop", "closed_loop", "both"):
        fitted = fit(model, u[:1000], noisy[:1000], training=training)
        pole[training], score[training] = fitted.theta_[1], fitted.score(u[1000:], clean[1000:])
    assert pole["open_loop"] < 0.9
    assert pole["closed_loop"] == pytest.approx(0.95, abs=0.005)
    assert pole["both"] == pytest.approx(0.95, abs=0.005)
    assert min(score["both"], score["closed_loop"]) > 0.99 > score["open_loop"]


def test_both_is_open_then_closed():
    open_loop = fit(NARX, training="open_loop", max_iter=3)
    closed = fit(NARX, training="both", max_iter=6)
    assert closed.loss_curve_[: open_loop.n_iter_] == open_loop.loss_curve_
    assert open_loop.n_iter_ < closed.n_iter_ <= 6
    sparse = {"output_lags": (1, 12), "skip_connections": False, "max_iter": 3}
    holes = np.where(np.arange(len(y)) % 8 == 0, np.nan, y)  # no free run can begin
    one, both = (fit(NARX, X, holes, training=kind, **sparse) for kind in ("open_loop", "both"))
    assert np.array_equal(one.theta_, both.theta_)
    with pytest.raises(ValueError, match="its 12 rows of history"):
        fit(NARX, X, holes, training="closed_loop", **sparse)


def test_sequences_longer_than_the_series():
    long = fit(NARX, X[:50], y[:50], training="closed_loop", sequence_length=10**6)
    same = fit(NARX, X[:50], y[:50], training="closed_loop", sequence_length=50 - long.lead_)
    assert np.array_equal(long.theta_, same.theta_)


def test_closed_loop_of_the_whole_series_is_a_free_run():
    """Its loss is the error of predict from the same start."""
    model = fit(NARX, training="closed_loop", sequence_length=10**6, alpha=0.0, scale=None, solver=LBFGS())
    lead = model.lead_
    free = model.predict(X[lead:300], start=(X[:lead], y[:lead]))
    assert model.loss_curve_[-1] == pytest.approx(0.5 * np.mean((free - y[lead:300]) ** 2), rel=1e-9)


@every
def test_warm_start_goes_on(model):
    kw = {"solver": "lbfgs", "max_iter": 5, "tol": 0.0}
    kw |= {"training": "open_loop"} if "training" in model.get_params() else {}
    fitted = fit(model, warm_start=True, **kw)
    first = fitted.loss_curve_[-1]
    fitted.fit(X[TRAIN], y[TRAIN])
    assert fitted.loss_curve_[0] < first
    cold = fit(model, warm_start=False, **kw)
    theta = cold.theta_.copy()
    assert np.array_equal(cold.fit(X[TRAIN], y[TRAIN]).theta_, theta)


@pytest.mark.parametrize(
    "change", [{"input_lags": 1, "output_lags": 4}, {"hidden_layer_sizes": (5,)}, {"input_lags": (0, 1, 7)}]
)
def test_warm_start_of_another_net_starts_anew(change):
    """The old weights mean something else, even where there are as many of them."""
    model = fit(NARX, warm_start=True).set_params(max_iter=1, **change).fit(X[TRAIN], y[TRAIN])
    fresh = fit(NARX, warm_start=True, max_iter=1, **change)
    assert np.array_equal(model.theta_, fresh.theta_)


@every
def test_warm_start_with_other_columns(model):
    fitted = fit(model, warm_start=True)
    two, before = np.c_[X, X**2][TRAIN], fitted.predict(X[:9])
    for other in ((two, y[TRAIN]), (X[TRAIN], two)):
        with pytest.raises(
            ValueError, match=r"weights made for n_(features_in|outputs)_=1, but X and y have 2"
        ):
            fitted.fit(*other)
    assert np.array_equal(fitted.predict(X[:9]), before)
    named = pd.DataFrame(two, columns=["a", "b"])
    fitted.set_params(warm_start=False).fit(named, y[TRAIN]).set_params(warm_start=True)
    with pytest.raises(ValueError, match=r"columns=\['a', 'b'\], but X and y have \['b', 'a'\]"):
        fitted.fit(named[["b", "a"]], y[TRAIN])


@named(TDNN, *RECURRENT)
def test_partial_fit_follows_a_change(model):
    """A system whose gain doubles: the weights go along, and the scaling stays."""
    fitted = fit(model, max_iter=50)
    scaler = fitted.y_scaler_
    before = fitted.score(X[:300], 2 * y[:300])
    for _ in range(60):
        fitted.partial_fit(X[:300], 2 * y[:300])
    assert fitted.score(X[:300], 2 * y[:300]) > before + 0.02
    assert fitted.y_scaler_ is scaler


@every
def test_partial_fit_first_is_fit(model):
    assert np.array_equal(clone(model).partial_fit(X[TRAIN], y[TRAIN]).theta_, fit(model).theta_)


@fed
def test_partial_fit_sees_the_rows_before(model):
    """One new row is enough: its history is what was seen."""
    fitted = fit(model)
    theta = fitted.theta_.copy()
    fitted.partial_fit(X[300:301], y[300:301])
    assert not np.array_equal(fitted.theta_, theta)
    np.testing.assert_allclose(fitted.y_scaler_.inverse(fitted.state_[1])[-1, 0], y[300])


@every
def test_partial_fit_learns_from_what_was_seen(model):
    """The same new row after another history teaches something else."""
    kw = {"max_iter": 10} if hasattr(model, "max_iter") else {}
    one = fit(model, **kw).update(X[300:303], y[300:303])
    other = fit(model, **kw).update(-X[300:303], -y[300:303])
    before = other.theta_.copy()
    assert np.array_equal(one.theta_, before)
    for m in (one, other):
        m.partial_fit(X[303:304], y[303:304])
    assert not np.array_equal(one.theta_, other.theta_)


def test_verbose(capsys):
    fit(NARX, verbose=2, max_iter=2, training="open_loop")
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 3
    assert out[0].startswith("NARXRegressor, open loop: iteration 1: loss ")
    assert out[2].startswith("NARXRegressor: open loop, 2 iterations (max_iter); ")
    fit(NARX, verbose=2, max_iter=1, early_stopping=True)
    assert "validation" in capsys.readouterr().out
    fit(NARX, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_verbose_bar(capsys, monkeypatch):
    pytest.importorskip("tqdm")
    fit(TDNN, verbose=1)
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1  # of the whole fit
    assert captured.out.startswith("TDNNRegressor: open loop, ")
    assert "TDNNRegressor, open loop" in captured.err
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    monkeypatch.setattr(__import__("tsrnn")._training.monitor, "APART", 1e6)
    first, last = fit(TDNN, verbose=1) and capsys.readouterr().out.splitlines()  # and no hundred between
    assert first.startswith("TDNNRegressor, open loop: iteration 1:")
    assert last.startswith("TDNNRegressor: open loop, ")


# ---------------------------------------------------------------------------------------- start


@pytest.fixture(scope="module")
def stamped():
    """Models fitted on the first 300 hours."""
    return {id(model): fit(model, frame[TRAIN], series[TRAIN]) for model in (NARX, TDNN, *RECURRENT)}


@every
def test_rows_that_follow_start_from_the_end(model, stamped):
    fitted = stamped[id(model)]
    out = quiet(lambda: fitted.predict(frame[TEST]))
    np.testing.assert_allclose(out, fitted.predict(frame[TEST], start="end"), **exact)
    np.testing.assert_allclose(out, fitted.forecast(100, frame[TEST]), **exact)
    assert not np.allclose(out[:2], fitted.predict(frame[TEST], start="cold")[:2])


@both
def test_the_training_rows_are_replayed(model, stamped):
    """From training's own start: the first rows are those measured, the rest runs freely."""
    fitted = stamped[id(model)]
    lead = fitted.lead_
    out = quiet(lambda: fitted.predict(frame[TRAIN]))
    expected = fitted.predict(frame[lead:300], start=(frame[:lead], series[:lead]))
    np.testing.assert_allclose(out[lead:], expected, **exact)
    np.testing.assert_allclose(quiet(lambda: fitted.predict(frame[:50])), out[:50], **exact)
    np.testing.assert_allclose(quiet(lambda: fitted.predict(frame[:2])), out[:2], **exact)


@named(*RECURRENT)
def test_the_training_rows_are_replayed_from_zero_states(model, stamped):
    """The lags before the first row hold the mean; the state is that which training began with."""
    fitted = copy.copy(stamped[id(model)])
    out = quiet(lambda: fitted.predict(frame[TRAIN]))
    assert not np.allclose(out[:9], fitted.predict(frame[TRAIN], start="cold")[:9])
    np.testing.assert_allclose(quiet(lambda: fitted.predict(frame[:50])), out[:50], **exact)
    np.testing.assert_allclose(quiet(lambda: fitted.predict(frame[:2])), out[:2], **exact)
    give(fitted, cold_states=fitted._dynamics().first().states)
    known = np.where(np.arange(300) < fitted.lead_, y[TRAIN], np.nan)
    expected = fitted.predict_ahead(frame[TRAIN], pd.Series(known, HOURS[TRAIN]), start="cold")
    np.testing.assert_allclose(out, expected, **exact)


@every
def test_a_short_gap(model, stamped):
    fitted = stamped[id(model)]
    with pytest.warns(UserWarning, match=rf"4 row\(s\) are missing between {HOURS[299]} and {HOURS[304]}"):
        out = fitted.predict(frame[304:])
    # run through, with the last X
    held = pd.concat([frame.iloc[[299] * 4].set_axis(HOURS[300:304]), frame[304:]])
    np.testing.assert_allclose(out, fitted.predict(held)[4:], **exact)


@every
def test_a_long_gap_earlier_rows_and_other_inputs_are_cold(model, stamped):
    fitted = stamped[id(model)]
    other = frame[TRAIN] + 1.0
    for rows in (frame[5:200], frame.set_axis(HOURS - pd.Timedelta("900h")), other):
        out = quiet(lambda rows=rows: fitted.predict(rows))
        np.testing.assert_allclose(out, fitted.predict(rows, start="cold"), **exact)
    with pytest.warns(
        UserWarning, match=rf"50 row\(s\) are missing between {HOURS[299]} and {HOURS[350]}.*the mean"
    ):
        out = fitted.predict(frame[350:])
    np.testing.assert_allclose(out, fitted.predict(frame[350:], start="cold"), **exact)


@both
def test_cold_is_the_mean(model):
    """As after a long time at the mean of x and y."""
    fitted = fit(model)
    n = fitted.lead_
    still = np.full((n, 1), X[TRAIN].mean()), np.full(n, y[TRAIN].mean())
    np.testing.assert_allclose(
        fitted.predict(X[TEST], start="cold"), fitted.predict(X[TEST], start=still), rtol=1e-9, atol=1e-9
    )
    zeros = np.zeros((n, 1)), np.zeros(n)
    np.testing.assert_allclose(
        fitted.predict(X[TEST], start="zeros"), fitted.predict(X[TEST], start=zeros), rtol=1e-9, atol=1e-9
    )


@every
def test_arrays_go_on_from_the_end(model):
    fitted = fit(model)
    for rows in (X[TEST], X[TRAIN], X[:5]):
        np.testing.assert_allclose(fitted.predict(rows), fitted.predict(rows, start="end"), **exact)


@pytest.mark.filterwarnings("ignore:y is .* in the middle of the rows given")
def test_a_second_experiment_is_judged_from_its_own_first_rows():
    """Where nothing tells that rows go on; rows that do lose nothing, and stamps and words tell."""
    model = ARXRegressor(1, 4)
    rng = np.random.default_rng(3)
    u = np.repeat(rng.uniform(-1, 1, 20), 50)
    v = lfilter([0.0, 0.02], [1, -0.98], u) + 1e-4 * rng.normal(size=1000)
    fitted = fit(model, u[:600, None], v[:600])
    n = fitted.lead_
    other, far = u[600:, None], v[600:] + 5 * 0.98 ** np.arange(400)  # the same system from elsewhere
    assert r2_score(far, fitted.predict(other)) < 0.6
    assert fitted.score(other, far) > 0.95
    assert fitted.score(u[:600, None], v[:600]) > 0.95  # of training, too, which begins at rest
    ordered = fitted.score(other, v[600:])
    assert ordered == pytest.approx(r2_score(v[600:], fitted.predict(other)), abs=0.02)
    changed = far.copy()
    changed[n:] += 1
    display = tsrnn.plotting.CompareDisplay.from_estimator(fitted, other, far)
    run = display.runs["ARXRegressor"]
    assert np.isnan(run[:n]).all()
    np.testing.assert_array_equal(run, free_run(fitted, other, changed))  # y after them is not looked at
    assert display.fits_["ARXRegressor"] == pytest.approx(tsrnn.diagnose(fitted, other, far).fit)
    # who says where rows start, or has too few of them, is taken at his word
    for start, rows in (("end", slice(0, 400)), ("cold", slice(0, 400)), ("auto", slice(0, 2 * n - 1))):
        told = fit(model, u[:600, None], v[:600], start=start)
        expected = r2_score(far[rows], told.predict(other[rows]))
        assert told.score(other[rows], far[rows]) == pytest.approx(expected)
    # of the other verbs that have y only the first rows feel the start: what looks back on them, and calibration
    ahead = [fitted.predict_ahead(other, far, steps=3, start=start)[n + 2 :] for start in ("end", "cold")]
    np.testing.assert_allclose(*ahead, **exact)
    moved = copy.deepcopy(fitted).update(other[:50], far[:50])
    ends = [
        m.calibrate(other, far).trajectories(other, far, 2, level=80, method="split").intervals
        for m in (fitted, moved)
    ]
    np.testing.assert_allclose(*(both[80][0][n:] for both in ends), **exact)


@every
def test_start_of_the_constructor_and_of_the_call(model):
    for start in ("end", "cold", "zeros", (X[TEST], y[TEST])):
        fitted = fit(model, start=start)
        expected = fit(model).predict(X[TRAIN], start=start)
        assert np.array_equal(fitted.predict(X[TRAIN]), expected)
        ahead = fit(model).predict_ahead(X[TRAIN], y[TRAIN], steps=3, start=start)
        assert np.array_equal(fitted.predict_ahead(X[TRAIN], y[TRAIN], steps=3), ahead)
        cold = fit(model, start="cold").predict(X[TRAIN])
        assert np.array_equal(fitted.predict(X[TRAIN], start="cold"), cold)


@every
def test_slices_of_a_frame_without_stamps(model):
    """pandas' own 0, 1, 2 ... tells time once it is a slice of what was fitted."""
    plain, target = frame.reset_index(drop=True), series.reset_index(drop=True)
    fitted = fit(model, plain[TRAIN], target[TRAIN])
    np.testing.assert_allclose(fitted.predict(plain[TEST]), fitted.predict(plain[TEST], start="end"), **exact)
    with pytest.warns(UserWarning, match=r"5 row\(s\) are missing between 299 and 305"):
        fitted.predict(plain[305:])
    cold = fitted.predict(plain[350:], start="cold")
    with pytest.warns(UserWarning, match=r"50 row\(s\) are missing between 299 and 350"):
        np.testing.assert_allclose(fitted.predict(plain[350:]), cold, **exact)
    fresh = plain[TEST].reset_index(drop=True)  # another frame, which begins at 0 as all do
    np.testing.assert_allclose(fitted.predict(fresh), fitted.predict(fresh, start="end"), **exact)


@every
def test_update_moves_the_end(model):
    fitted = fit(model, frame[TRAIN], series[TRAIN]).update(frame[300:320], series[300:320])
    np.testing.assert_allclose(
        quiet(lambda: fitted.predict(frame[320:])), fitted.predict(frame[320:], start="end"), **exact
    )
    assert fitted.forecast(3, frame[320:]).index[0] == HOURS[320]
    quiet(lambda: fitted.predict(frame[TRAIN]))  # still a replay
    before = fit(model, frame[TRAIN], series[TRAIN])
    np.testing.assert_allclose(fitted.predict(frame[TRAIN]), before.predict(frame[TRAIN]))


@every
@pytest.mark.parametrize("kind", ["array", "fresh frame"])
def test_rows_without_stamps_move_the_end_too(kind, model):
    """Stamps in fit, none in update: the forecast is of the rows after the update all the same."""
    plain = frame.reset_index(drop=True)
    fitted = fit(model, frame[TRAIN], series[TRAIN])
    rows = plain[300:320].reset_index(drop=True)
    if kind == "array":
        fitted = fit(model, X[TRAIN], series[TRAIN])
        rows = rows.to_numpy()
    fitted.update(rows, y[300:320])
    future = X[320:325] if kind == "array" else frame[320:325].reset_index(drop=True)
    forecast = fitted.forecast(5, future)
    assert forecast.index.equals(HOURS[320:325])
    if kind != "array":
        out = quiet(lambda: fitted.predict(frame[320:]))
        np.testing.assert_allclose(out, fitted.predict(frame[320:], start="end"), **exact)


@every
def test_a_fresh_frame_does_not_turn_back_the_clock(model):
    plain, target = frame.reset_index(drop=True), series.reset_index(drop=True)
    fitted = fit(model, plain[TRAIN], target[TRAIN])
    fitted.update(plain[300:320].reset_index(drop=True), y[300:320])
    out = quiet(lambda: fitted.predict(plain[320:]))
    np.testing.assert_allclose(out, fitted.predict(plain[320:], start="end"), **exact)


@every
def test_two_rows_with_a_hole_between_them(model):
    """The step is that of training, not that of the rows given."""
    fitted = fit(model, frame[TRAIN], series[TRAIN])
    with pytest.warns(UserWarning, match=r"4 row\(s\) are missing"):
        fitted.predict(frame.iloc[[300, 305]])


# ---------------------------------------------------------------------------------------- forecast


INDEXES = {
    "hours": pd.date_range("2024-01-01", periods=120, freq="h"),
    "days": pd.date_range("2024-01-01", periods=120, freq="D"),
    "days over the clock change": pd.date_range("2023-12-10", periods=120, freq="D", tz="Europe/Berlin"),
    "hours with a zone": pd.date_range("2024-03-27", periods=120, freq="h", tz="Europe/Berlin"),
    "business days": pd.bdate_range("2024-01-01", periods=120),
    "month ends": pd.date_range("2010-01-31", periods=120, freq="ME"),
    "month starts": pd.date_range("2010-01-01", periods=120, freq="MS"),
    "years": pd.date_range("1900-12-31", periods=120, freq="YE"),
    "integers": pd.RangeIndex(120),
    "integers from 7": pd.RangeIndex(7, 127),
    "months as periods": pd.period_range("2010-01", periods=120, freq="M"),
    "hours as periods": pd.period_range("2024-01-01", periods=120, freq="h"),
}


@named(NARX, GRU)
@pytest.mark.parametrize("kind", INDEXES)
def test_the_index_of_a_forecast(kind, model):
    """In fit, after an update of a few rows, with and without X_future; and nothing warns on the way."""
    index = INDEXES[kind]
    inputs, target = pd.DataFrame(X[:120], index, columns=["u"]), pd.Series(y[:120], index, name="level")

    def follow():
        fitted = fit(model, inputs[:90], target[:90])
        nar = fit(model, None, target[:90], input_lags=(), output_lags=3)
        for a, b in [(90, 92), (92, 93), (93, 100), (100, 104)]:
            for out in (fitted.forecast(16, inputs[a : a + 16]), nar.forecast(16)):
                assert isinstance(out, pd.Series)
                assert out.name == "level"
                assert out.index.equals(index[a : a + 16]), f"{out.index} after row {a}"
            step = fitted.predict(inputs[a:120])
            np.testing.assert_allclose(step, fitted.predict(inputs[a:120], start="end"), **exact)
            fitted.update(inputs[a:b], target[a:b])
            nar.update(None, target[a:b])

    quiet(follow)


@every
def test_arrays_in_arrays_out(model):
    assert type(fit(model).forecast(3, X[TEST])) is np.ndarray
    assert type(fit(model, frame[TRAIN], y[TRAIN]).forecast(3, frame[TEST])) is np.ndarray
    out = fit(model, X[TRAIN], series[TRAIN]).forecast(3, X[TEST])
    assert out.index.equals(HOURS[300:303])


def test_business_days_with_holidays():
    """No rule gives the next trading day for certain: X_future may, and a forecast works without too."""
    oil = load_oil_price().target.dropna().iloc[-500:]
    model = fit(NAR, None, oil)
    assert len(quiet(lambda: model.forecast(5))) == 5
    stamps = pd.DataFrame(index=pd.bdate_range(oil.index[-1], periods=6)[1:])
    assert quiet(lambda: model.forecast(5, stamps)).index.equals(stamps.index)
    assert len(quiet(lambda: model.predict(stamps))) == 5


@every
@pytest.mark.parametrize(
    ("lags", "steps", "needed"), [((5, 7), 5, 0), ((5, 7), 6, 1), ((1, 2), 4, 3), (2, 3, 3)]
)
def test_a_forecast_needs_no_inputs_it_does_not_look_at(lags, steps, needed, model):
    fitted = fit(model, input_lags=lags)
    expected = fitted.predict(X[300 : 300 + steps])
    if needed:
        np.testing.assert_allclose(fitted.forecast(steps, X[300 : 300 + needed]), expected, **exact)
        with pytest.raises(ValueError, match=rf"X_future.*{needed} row"):
            fitted.forecast(steps)
    else:
        np.testing.assert_allclose(fitted.forecast(steps), expected, **exact)


def test_lags_of_later_layers_count_too():
    """Layers that skip the present: the input is not needed for as many rows as they skip together."""
    lags = {"input_lags": (1, 2), "layer_lags": ((2, 4),)}
    model = fit(TDNN, hidden_layer_sizes=(3, 3), skip_connections=False, **lags)
    np.testing.assert_allclose(model.forecast(3), model.predict(X[300:303]), **exact)
    with pytest.raises(ValueError, match=r"X_future.*1 row"):
        model.forecast(4)


@every
def test_a_forecast_with_fewer_inputs_has_every_stamp(model):
    fitted = fit(model, frame[TRAIN], series[TRAIN], input_lags=(3, 4))
    assert fitted.forecast(8, frame[300:305]).index.equals(HOURS[300:308])


@every
def test_predict_with_y_is_predict_ahead(model):
    fitted = fit(model)
    for steps in (1, 6):
        ahead = fitted.predict_ahead(X[TEST], y[TEST], steps=steps)
        assert np.array_equal(fitted.predict(X[TEST], y=y[TEST], steps=steps), ahead)


@nars
def test_nearer_is_better(model):
    """An autoregression with noise: the error grows with the horizon, up to that of the mean."""
    noise, target = np.random.default_rng(0).normal(size=600), np.zeros(600)
    for t in range(1, 600):
        target[t] = 0.9 * target[t - 1] + noise[t]
    fitted = fit(model, None, target[:500], max_iter=30, solver="lbfgs")
    errors = [np.std(fitted.predict_ahead(None, target[500:], steps=s) - target[500:]) for s in (1, 3, 12)]
    assert errors == sorted(errors)
    assert errors[0] < 1.2 < errors[2]


@every
def test_score_with_weights_and_outputs(model):
    w = np.random.default_rng(0).uniform(size=100)
    fitted = fit(model)
    expected = r2_score(*judged(fitted, X[TEST], y[TEST]), sample_weight=w[fitted.lead_ :])
    assert fitted.score(X[TEST], y[TEST], sample_weight=w) == pytest.approx(expected)
    Y = np.c_[y, -(y**2)]
    fitted = fit(model, X[TRAIN], Y[TRAIN])
    assert fitted.score(X[TEST], Y[TEST]) == pytest.approx(r2_score(*judged(fitted, X[TEST], Y[TEST])))


# ---------------------------------------------------------------------------------------- one row at a time


@every
def test_one_row_at_a_time_warns_once(model):
    fitted = fit(model)
    fitted.predict(X[:1])
    with pytest.warns(UserWarning, match=r"single row twice in succession.*forecast.*update"):
        fitted.predict(X[1:2])
    quiet(lambda: fitted.predict(X[2:3]))


@every
def test_one_row_frames_at_a_time_warn(model):
    """A frame made for one row begins at 0 as every frame does: no stamp."""
    fitted = fit(model, frame[TRAIN].reset_index(drop=True), y[TRAIN])
    fitted.predict(pd.DataFrame({"u": [0.1]}))
    with pytest.warns(UserWarning, match="single row twice in succession"):
        fitted.predict(pd.DataFrame({"u": [0.2]}))


@every
def test_one_row_with_the_memory_moved_does_not_warn(model):
    fitted = fit(model)

    def drive():
        for t in range(300, 305):
            fitted.predict(X[t : t + 1])
            fitted.update(X[t : t + 1], y[t : t + 1])
        for t in range(305, 310):
            fitted.predict(X[t : t + 1], start=(X[:t], y[:t]))
        stamped = fit(model, frame[TRAIN], series[TRAIN])
        stamped.predict(frame[300:301])
        stamped.predict(frame[300:301])

    quiet(drive)


# ---------------------------------------------------------------------------------------- in scikit-learn


def pandas_pipeline(model):
    return Pipeline([("scale", StandardScaler().set_output(transform="pandas")), ("model", clone(model))])


@every
def test_pipeline_keeps_stamps(model):
    pipeline = pandas_pipeline(model).fit(frame[TRAIN], series[TRAIN])
    seen = pipeline[-1].timeline_
    assert timelines.show(seen.clock, seen.last) == str(HOURS[299])
    np.testing.assert_allclose(
        quiet(lambda: pipeline.predict(frame[TEST])), pipeline.predict(frame[TEST], start="end"), **exact
    )
    with pytest.warns(UserWarning, match="missing between"):
        pipeline.predict(frame[304:])


@every
@pytest.mark.parametrize("make", [pandas_pipeline, lambda m: make_pipeline(StandardScaler(), clone(m))])
def test_module_functions_see_through(make, model):
    pipeline = make(model).fit(frame[TRAIN], series[TRAIN])
    grid = {f"{pipeline.steps[-1][0]}__alpha": [1e-4, 1e-3]}
    search = GridSearchCV(make(model), grid, cv=TimeSeriesSplit(2)).fit(frame[TRAIN], series[TRAIN])
    for outer in (pipeline, search, Pipeline([("search", search)])):
        ahead = tsrnn.predict_ahead(outer, frame[TEST], series[TEST], steps=4)
        assert ahead.shape == (100,)
        if outer is pipeline:
            assert np.array_equal(outer.predict(frame[TEST], y=series[TEST], steps=4), ahead)
        forecast = tsrnn.forecast(outer, 5, frame[TEST])
        assert forecast.index.equals(HOURS[300:305])
        np.testing.assert_allclose(forecast, outer.predict(frame[TEST])[:5], **exact)
        assert tsrnn.update(outer, frame[300:304], series[300:304]) is outer
        np.testing.assert_allclose(tsrnn.forecast(outer, 1, frame[304:])[0:1], ahead_of(outer), **exact)
        if outer is search:
            break  # the pipeline around it shares its model


def ahead_of(outer):
    """The row after four that were updated, asked in another way."""
    inner = outer if isinstance(outer, Pipeline) else outer.best_estimator_
    return inner.predict(frame[304:305], start="end")


@nars
def test_a_bare_model_through_module_functions(model):
    fitted = fit(model, None, series[TRAIN])
    pd.testing.assert_series_equal(tsrnn.forecast(fitted, 4), fitted.forecast(4))
    tsrnn.update(fitted, None, series[300:303])
    assert tsrnn.forecast(fitted, 2).index.equals(HOURS[303:305])


def test_grid_search_over_solver_settings():
    still = {"skip_connections": False, "max_iter": 20, "random_state": 0}
    model = NARXRegressor((4,), solver=Adam(), **still)
    search = GridSearchCV(model, {"solver__learning_rate": [1e-6, 1e-2]}, cv=TimeSeriesSplit(2))
    assert search.fit(frame, series).best_params_ == {"solver__learning_rate": 1e-2}
    search = GridSearchCV(model, {"solver": [Adam(1e-6), LBFGS()]}, cv=TimeSeriesSplit(2)).fit(frame, series)
    assert isinstance(search.best_params_["solver"], LBFGS)
    assert model.solver.learning_rate == Adam().learning_rate


@every
def test_cross_validation_follows_each_fold(model):
    """A fold begins where its training ended: the same as predict from the end, by hand."""
    split = TimeSeriesSplit(3)
    scores = quiet(lambda: cross_val_score(model, frame, series, cv=split))
    for score, (train, test) in zip(scores, split.split(frame)):
        fitted = clone(model).fit(frame.iloc[train], series.iloc[train])
        out = fitted.predict(frame.iloc[test], start="end")
        assert score == pytest.approx(r2_score(series.iloc[test], out))
    with pytest.warns(UserWarning, match=r"48 row\(s\) are missing .* starts again from the mean"):
        gap = cross_val_score(model, frame, series, cv=TimeSeriesSplit(3, gap=48))
    assert np.isfinite(gap).all()


@nars
def test_cross_validation_without_inputs(model):
    only_index = pd.DataFrame(index=HOURS)
    assert np.isfinite(cross_val_score(model, only_index, series, cv=TimeSeriesSplit(3))).all()
    search = GridSearchCV(model, {"output_lags": [2, 4]}, cv=TimeSeriesSplit(2)).fit(only_index, series)
    assert search.predict(only_index[:10]).shape == (10,)
    assert len(tsrnn.forecast(search, 3)) == 3


@named(NARX, GRU)
def test_parallel_search_gives_the_same_bits(model):
    grid, cv = {"alpha": [1e-4, 1e-2]}, TimeSeriesSplit(2)
    one = GridSearchCV(model, grid, cv=cv).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joblib's own, on some systems
        two = GridSearchCV(model, grid, cv=cv, n_jobs=2).fit(X, y)
    assert np.array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])


@named(NARX, ELMAN)
def test_bagging_keeps_rows_in_time_order(model):
    bag = BaggingRegressor(clone(model).set_params(max_iter=30), n_estimators=4, random_state=0)
    assert bag.fit(X[TRAIN], y[TRAIN]).score(X[TEST], y[TEST]) > 0.5


@every
def test_multi_output_regressor(model):
    Y = np.c_[y, y * 2 + 1]
    wrapped = MultiOutputRegressor(model).fit(X[TRAIN], Y[TRAIN])
    assert wrapped.predict(X[TEST]).shape == (100, 2)
    np.testing.assert_allclose(wrapped.predict(X[TEST])[:, 0], fit(model).predict(X[TEST]), **exact)


@fed
def test_a_scorer_sees_the_estimator(model):
    """Scoring at a horizon in a stock search."""

    def at_six(estimator, X, y):
        return -np.mean((estimator.predict_ahead(X, y, steps=6) - y) ** 2)

    search = GridSearchCV(model, {"output_lags": [1, 3]}, scoring=at_six, cv=TimeSeriesSplit(2))
    search.fit(frame, series)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_attributes():
    model = fit(NARX, frame[TRAIN], series[TRAIN])
    assert list(model.feature_names_in_) == ["u"]
    assert (model.n_features_in_, model.n_outputs_, model.lead_) == (1, 1, 3)
    assert len(model.loss_curve_) == model.n_iter_
    W, b = model.params_[0]
    assert W.shape == (3 + 3, 4)
    assert b.shape == (4,)
    assert model.theta_.shape == (6 * 4 + 4 + 4 + 1,)
    assert [model.state_.X.shape, model.state_.Y.shape, model.state_.states] == [(3, 1), (3, 1), ()]
    np.testing.assert_allclose(model.y_scaler_.inverse(model.state_.Y)[:, 0], y[297:300])


def test_partial_fit_of_a_linear_model_is_a_fit_to_all_rows():
    """Recursive least squares, exact where the residuals are linear in the parameters."""
    settings = {"hidden_layer_sizes": (), "training": "open_loop", "early_stopping": False, "scale": None}
    solver = LevenbergMarquardt(bayesian=False)
    model = NARXRegressor(**settings, alpha=0.1, solver=solver).fit(X[:150], y[:150])
    for begin in (150, 157, 230):
        end = {150: 157, 157: 230, 230: 300}[begin]
        model.partial_fit(X[begin:end], y[begin:end])
    whole = NARXRegressor(**settings, alpha=0.1, solver=solver).fit(X[:300], y[:300])
    np.testing.assert_allclose(model.theta_, whole.theta_, rtol=1e-7, atol=1e-9)


def test_partial_fit_does_not_forget():
    """New rows from a corner of the input space leave the rest of the fit alone."""
    U, v = make_narendra(1500, random_state=0)
    model = NARXRegressor(random_state=0).fit(U[:1000], v[:1000])
    corner, w = make_narendra(200, u=np.full(200, 0.1))
    model.update(corner[:20], w[:20]).partial_fit(corner[20:], w[20:])
    model.update(U[1000:1010], v[1000:1010])
    assert model.score(U[1010:], v[1010:]) > 0.999


def test_skip_connections_hold_the_linear_model():
    """Where y is linear in its lags, a net with skip connections finds as much at once."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=(300, 2))
    v = 2 * u[:, 0] - 3 * np.roll(u[:, 1], 1)
    for kind, kw in ((TDNN, {}), (NARX, {"training": "open_loop"})):
        model = fit(kind, u, v, skip_connections=True, max_iter=1, input_lags=1, **kw)
        assert model.score(u[1:], v[1:], np.r_[0, np.ones(298)]) > 1 - 1e-6
        plain = fit(kind, u, v, skip_connections=False, max_iter=1, input_lags=1, **kw)
        assert plain.score(u[1:], v[1:], np.r_[0, np.ones(298)]) < 1 - 1e-4


def test_a_net_is_weighed_against_the_linear_model_of_its_lags():
    """On 90 months with trend and season it forecasts as well as that, which it is too little data to find alone."""
    rng, t = np.random.default_rng(0), np.arange(120)
    v = 0.05 * t + np.sin(t * np.pi / 6) + 0.1 * rng.normal(size=120)
    nothing = np.empty((30, 0))

    def error(model):
        model.fit(None, v[:90])
        return np.sqrt(np.mean((model.predict_ahead(nothing, v[90:], steps=6) - v[90:]) ** 2))

    levels = {"output_lags": 12, "target_transform": None}
    linear = error(ARXRegressor(**levels))
    for kind, units in ((NARXRegressor, 16), (GRURegressor, 32)):
        net = kind(**levels, random_state=0)
        assert error(net) < 1.1 * linear < error(clone(net).set_params(skip_connections=False))
        assert net.params_[-1].W.shape[-2] == 12 + units
        more = clone(net).set_params(warm_start=True, max_iter=3).fit(None, v[:90])
        assert more.fit(None, v[:90]).predict(nothing).shape == (30,)
        assert np.isfinite(more.partial_fit(nothing, v[90:]).forecast(12)).all()
    three = kind(**levels, n_restarts=3, ensemble="mean", max_iter=3, random_state=0)
    assert error(three) < 1.1 * linear
    assert three.params_[-1].W.shape[-2] == 12 + 3 * units


@pytest.mark.parametrize("seen", [((1, 3), (1, 2)), ((0, 2), (1, 5))], ids=["its lags", "others"])
def test_a_recurrent_net_beside_lags_is_a_mean_of_forecasts(seen):
    """Of a net of two layers, whose readout sees the lags or not, and a linear model."""
    X, y = make_narendra(60, random_state=0)
    lags = {"input_lags": (1, 3), "output_lags": (1, 2), "scale": None, "random_state": 0}
    past = np.stack([v[5 - k : 60 - k] for v, ks in zip((X[:, 0], y), seen) for k in ks[::-1]], axis=1)
    for skips in (False, True)[: 1 + (seen == ((1, 3), (1, 2)))]:
        model = GRURegressor((4, 3), skip_connections=skips, max_iter=2, **lags).fit(X, y)
        net, theta = model._dynamics().net, model.theta_
        linear = Layer(np.arange(4.0)[:, None], np.array([0.5]))
        wide, blended = beside_lags(net, theta, seen, linear, 0.25)
        assert wide.skipping == seen
        after = model._dynamics().but(net=wide, theta=blended)
        of_net, both = (d.run(X, y[:, None], d.first())[0][5:, 0] for d in (model._dynamics(), after))
        np.testing.assert_allclose(both, 0.25 * of_net + 0.75 * (0.5 + past @ linear.W[:, 0]), atol=1e-12)


@pytest.mark.parametrize("seen", [((0, 2), (1, 3)), ((0, 1, 5), (2, 4))], ids=["its lags", "others"])
def test_a_blend_is_a_mean_of_forecasts(seen):
    """Of a net, with or without an output layer that sees the lags, and a linear model."""
    rng, lags = np.random.default_rng(0), ((0, 2), (1, 3))
    X, Y = rng.normal(size=(50, 2)), rng.normal(size=(50, 2))
    linear = make_plan(2, 2, (), "identity", *seen, [])
    wide = make_plan(2, 2, (3, 4), "tanh", *lags, [(0,), (0,)], seen)
    assert wide.skipping == seen

    def follow(plan, theta):
        return run(plan, theta, X, Y, *np.zeros((2, plan.lead, 2)))[0]

    theta = rng.normal(size=linear.size)
    for net in (wide, make_plan(2, 2, (3, 4), "tanh", *lags, [(0,), (0,)])):
        weights = rng.normal(size=net.size)
        mixed = follow(wide, blend(wide, net, weights, linear.views(theta)[-1], 0.25))
        wanted = 0.25 * follow(net, weights) + 0.75 * follow(linear, theta)
        np.testing.assert_allclose(mixed, wanted, atol=1e-12)


def test_a_free_run_that_runs_away_is_said():
    u = np.zeros((60, 1))
    growing = 1.3 ** np.arange(60.0)
    plain = {"training": "open_loop", "early_stopping": False, "target_transform": None}
    model = NARXRegressor((), output_lags=1, **plain).fit(u, growing)
    model.predict(u[:3])
    with pytest.warns(UserWarning, match=r"runs away: from row 1\d on"):
        out = model.predict(u)
    assert out[-1] > 1e5 * growing.max()
    linear = tsrnn.ARXRegressor(0, 1, target_transform=None).fit(
        u + np.arange(60.0)[:, None] % 7, growing % 5
    )
    with pytest.warns(UserWarning, match="runs away.* Look for inputs, or a measured y, far from those"):
        linear.predict(u + 1e9)  # no words about layers, which it has not


def test_score_reads_the_index_of_y_and_each_output_where_it_was_measured():
    spots = load_sunspots().target[:"1955"]
    model = NARXRegressor(output_lags=12, max_iter=5, random_state=0).fit(None, spots)
    assert model.score(None, spots) == model.score(pd.DataFrame(index=spots.index), spots)
    two = np.c_[y, 2 * y]
    model = fit(NARX, X[TRAIN], two[TRAIN])
    measured = two[TEST].copy()
    measured[::2, 0], measured[1::2, 1] = np.nan, np.nan
    known, out = judged(model, X[TEST], measured)
    valid = np.isfinite(known)
    each = [r2_score(known[valid[:, o], o], out[valid[:, o], o]) for o in range(2)]
    assert model.score(X[TEST], measured) == pytest.approx(np.mean(each))


@every
def test_warm_start_keeps_scales_only_with_the_weights_made_for_them(model):
    fitted = fit(model).fit(X[TRAIN], np.c_[y, 1000 + 100 * y][TRAIN]).set_params(warm_start=True)
    np.testing.assert_allclose(fitted.y_scaler_.center[1], 1000 + 100 * fitted.y_scaler_.center[0], rtol=1e-9)
    scale = fitted.y_scaler_.scale.copy()
    fitted.fit(X[TRAIN], np.c_[5 * y, y][TRAIN])
    assert np.array_equal(fitted.y_scaler_.scale, scale)


def test_restarts_without_early_stopping_do_not_stop_early():
    model = fit(NARX, early_stopping=False, n_restarts=2, training="open_loop", max_iter=30)
    assert model.validation_curve_ == []


def test_outputs_that_are_functions_of_each_other_stay_stable():
    U, v = make_narendra(1000, random_state=0)
    V = np.c_[v, np.roll(v, 1)]
    for seed in range(2, 4):
        model = NARXRegressor((6,), random_state=seed).fit(U[:800], V[:800])
        assert model.score(U[800:], V[800:]) > 0.8


@fed
def test_scattered_holes_and_sparse_lags(model):
    """Closed-loop sequences start where the lags see no hole, not where none is between them."""
    holes = y.copy()
    holes[np.random.default_rng(0).choice(300, 9, replace=False)] = np.nan
    fitted = fit(model, X[TRAIN], holes[TRAIN], output_lags=[1, 2, 60], training="closed_loop")
    assert np.isfinite(fitted.predict(X[TEST])).all()


@pytest.mark.parametrize("length", range(1, 9))
def test_short_stretches_between_gaps(length):
    keep = np.ones(300, bool)
    keep[[100, 101 + length]] = False
    for kind in (NARX, TDNN):
        model = clone(kind).fit(frame.iloc[:300][keep], series.iloc[:300][keep])
        assert np.isfinite(model.theta_).all()


def test_free_runs_of_one_step_in_training():
    assert fit(NARX, sequence_length=1).score(X[TEST], y[TEST]) > 0.5


@every
def test_a_history_must_end_where_X_begins(model):
    fitted = fit(model, frame[TRAIN], series[TRAIN])
    with pytest.raises(ValueError, match="cut the history before X"):
        fitted.predict(frame[310:320], start=(frame[300:315], series[300:315]))
    with pytest.warns(UserWarning, match="missing"):
        fitted.predict(frame[317:320], start=(frame[300:315], series[300:315]))


@fed
def test_the_memory_lasts_over_a_short_gap_at_the_end_of_training(model):
    """Two rows after a gap of one are not all that is remembered of the series."""
    rows = np.r_[0:297, 298:300]
    fitted = fit(model, frame.iloc[rows], series.iloc[rows])
    last = fitted.y_scaler_(series[:300].to_numpy()[-fitted.lead_ :, None])
    known = np.arange(300 - fitted.lead_, 300) != 297
    assert known.any()
    np.testing.assert_allclose(fitted.state_.Y[known], last[known])
