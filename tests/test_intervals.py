"""forecast(level=...), calibrate and trajectories: against slow definitions, in and out of bounds, for every model."""

import copy
import itertools
import math
import pickle
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from public import others, paired
from scipy.special import ndtri, stdtrit
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, TimeSeriesSplit

import tsrnn
from tsrnn._estimators.held_back import hold_last, hold_stretches
from tsrnn._estimators.intervals import adaptive
from tsrnn._estimators.intervals.bootstrap import Drawer
from tsrnn._estimators.intervals.calibration import growth, overlap, together
from tsrnn._estimators.intervals.errors import Maker, Segment, forecast_errors, residuals
from tsrnn._estimators.intervals.fans import _fan
from tsrnn._estimators.intervals.local_scale import local_scale
from tsrnn._estimators.intervals.pools import NEAR, NEAR_WORTH, conformal, packed, pools
from tsrnn._estimators.intervals.segments import MOST_ROWS
from tsrnn._series.units import runs_of
from tsrnn.preprocessing import Difference


QUICK = {"max_iter": 3, "random_state": 0}
MODELS = {
    "NARX": tsrnn.NARXRegressor((4,), input_lags=1, output_lags=2, early_stopping=False, **QUICK),
    "TDNN": tsrnn.TDNNRegressor((4,), input_lags=2, **QUICK),
    "Elman": tsrnn.ElmanRegressor((4,), input_lags=1, output_lags=2, **QUICK),
    "LSTM": tsrnn.LSTMRegressor((3,), **QUICK),
    "GRU": tsrnn.GRURegressor((3,), output_lags=1, **QUICK),
    "ESN": tsrnn.ESNRegressor(20, output_lags=1, leak_rate=0.5, alpha=0.1, random_state=0),
    "ESNCV": tsrnn.ESNRegressorCV(20, alphas=(1e-3, 1.0), cv=3, random_state=0),
    "ARX": tsrnn.ARXRegressor(random_state=0),
    "persistence": tsrnn.PersistenceRegressor(random_state=0),
    "seasonal": tsrnn.SeasonalNaiveRegressor(3, random_state=0),
}
MODELS |= others(MODELS.values(), hidden_layer_sizes=(2,))
every_model = pytest.mark.parametrize("name", MODELS)
on_learnt_rows = pytest.mark.filterwarnings("ignore:calibrate. the model was trained on some of these rows")
close = {"rtol": 1e-9, "atol": 1e-9}
N, END = 200, 260
TIME = pd.date_range("2024-01-01", periods=END, freq="h", name="time")


def made(n=END, seed=3):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 2)), np.zeros(n)
    for t in range(1, n):
        y[t] = 0.5 * y[t - 1] + X[t, 0] - 0.5 * X[t - 1, 1] + 0.3 * rng.normal()
    return X, 20 + 2 * y


X, y = made()
OLD, NEW = slice(0, N), slice(N, END)
HOLES = y.copy()
HOLES[[N, N + 3, N + 4, N + 5, N + 30, N + 31]] = np.nan
FITTED = {}
PARAMETERS = {
    "plain": {},
    "bounds": {"target_bounds": (18.5, 21.5)},
    "difference": {"target_transform": ["log", "difference", Difference(3)]},
    "both": {"target_transform": "difference", "target_bounds": ("x0", 22.0)},
}


def learnt(name, **kw):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*lie outside target_bounds")
        return clone(MODELS[name]).set_params(**kw).fit(X[OLD], y[OLD])


def fit(name, **kw):
    """A copy of a model that is fitted once for all tests."""
    key = name, repr(kw)
    if key not in FITTED:
        FITTED[key] = learnt(name, **kw)
    return copy.deepcopy(FITTED[key])


def maker(model):
    """What forecasts of a model are made by."""
    return Maker(model._dynamics(), model.fitted_.units)


# ---------------------------------------------------------------------------------------- trajectories


@paired(name=MODELS, kind=PARAMETERS)
def test_trajectories_are_forecasts_after_updates(name, kind):
    """Origin k knows the y before row k, also where some of it is missing."""
    model, steps = fit(name, **PARAMETERS[kind]), 7
    got = model.trajectories(X[NEW], HOLES[NEW], steps).forecast
    assert got.shape == (END - N - steps + 1, steps)
    one = copy.deepcopy(model)
    for k in range(45):
        rows = slice(N + k, N + k + steps)
        if k in (0, 1, 3, 4, 5, 6, 10, 31, 32, 40):
            np.testing.assert_allclose(got[k], one.forecast(steps, X[rows]), **close, err_msg=f"origin {k}")
            np.testing.assert_allclose(got[k], one.predict(X[rows]), **close)
        one.update(X[N + k : N + k + 1], HOLES[N + k : N + k + 1])
    origins = [40, 3, 3, 0]
    some = model.trajectories(X[NEW], HOLES[NEW], steps, origins=origins).forecast
    np.testing.assert_allclose(some, got[origins], **close)
    cold = model.trajectories(X[NEW], HOLES[NEW], steps, origins=[0], start="cold").forecast
    np.testing.assert_allclose(cold[0], model.predict(X[NEW][:steps], start="cold"), **close)
    one_step = model.trajectories(X[NEW], HOLES[NEW], 1).forecast
    np.testing.assert_allclose(one_step[:, 0], model.predict_ahead(X[NEW], HOLES[NEW]), **close)
    np.testing.assert_allclose(
        got[:, -1], model.predict_ahead(X[NEW], HOLES[NEW], steps=steps)[steps - 1 :], **close
    )
    np.testing.assert_allclose(
        got[0, :-1], model.predict_ahead(X[NEW], HOLES[NEW], steps=steps)[: steps - 1], **close
    )


@every_model
def test_trajectories_do_not_reach_over_a_gap(name):
    frame, target = pd.DataFrame(X, TIME, columns=["u", "v"]), pd.Series(y, TIME)
    model = clone(MODELS[name]).set_params(target_transform="difference").fit(frame[OLD], target[OLD])
    rows = np.r_[N : N + 10, N + 13 : N + 30]
    late, truth = frame.iloc[rows], target.iloc[rows]
    with pytest.warns(UserWarning, match=r"3 row\(s\) are missing"):
        got = model.trajectories(late, truth, 4).forecast
    assert got.shape == (24, 4)
    over = np.array([(k < 10) & (k + 4 > 10) for k in range(24)])
    assert (np.isnan(got).all(axis=1) == over).all()
    assert np.isfinite(got[~over]).all()
    model.update(late[:10], truth[:10])
    with pytest.warns(UserWarning, match=r"3 row\(s\) are missing"):
        np.testing.assert_allclose(got[10], model.predict(late[10:14]), **close)
    with pytest.warns(UserWarning, match=r"3 row\(s\) are missing"):
        model.update(late[10:14], truth[10:14])
    np.testing.assert_allclose(got[14], model.forecast(4, late[14:18]), **close)


@paired(name=MODELS, method=["conformal", "split", "bootstrap"], kind=PARAMETERS)
def test_intervals_of_trajectories_are_those_of_forecasts(name, method, kind, monkeypatch):
    """Also of sample paths, here with errors that only the output decides."""
    monkeypatch.setattr(Drawer, "__call__", lambda _, z: 0.3 + 0.1 * np.sin(9 * z))
    model, origins = fit(name, **PARAMETERS[kind]), [0, 8]
    answer = model.trajectories(X[NEW], HOLES[NEW], 5, origins=origins, level=[50, 80], method=method)
    assert list(answer.intervals) == [50, 80]
    np.testing.assert_array_equal(
        answer.forecast, model.trajectories(X[NEW], HOLES[NEW], 5, origins=origins).forecast
    )
    ends = {f"{side}-{p}": v for p, pair in answer.intervals.items() for side, v in zip(("lo", "hi"), pair)}
    assert (ends["lo-80"] <= ends["lo-50"]).all()
    assert (ends["lo-50"] <= ends["hi-50"]).all()
    assert (ends["hi-50"] <= ends["hi-80"]).all()
    for k, origin in enumerate(origins):
        out = model.forecast(5, X[NEW][origin : origin + 5], level=[50, 80], method=method)
        assert list(out.columns) == ["y", *ends]
        np.testing.assert_allclose(out["y"], answer.forecast[k], **close)
        for name, end in ends.items():
            np.testing.assert_allclose(end[k], out[name], **close)
        model.update(X[NEW][:8], HOLES[NEW][:8])


def test_trajectories_of_several_outputs_and_of_one_series_of_a_panel():
    Y = np.column_stack([y, -2 * y])
    model = clone(MODELS["NARX"]).fit(X[OLD], Y[OLD])
    got = model.trajectories(X[NEW], Y[NEW], 4, origins=[2, 9], level=90)
    assert [v.shape for v in (got.forecast, *got.intervals[90])] == [(2, 4, 2)] * 3
    model.update(X[NEW][:2], Y[NEW][:2])
    np.testing.assert_allclose(got.forecast[0], model.predict(X[NEW][2:6]), **close)
    panel = clone(MODELS["NARX"]).fit([X[:120], X[120:N]], [y[:120], y[120:N]])
    np.testing.assert_allclose(
        panel.trajectories(X[NEW], y[NEW], 4, groups=np.ones(END - N)).forecast[0],
        panel.predict([X[:4], X[NEW][:4]], start="end")[1],
        **close,
    )
    with pytest.raises(ValueError, match="2 series: give trajectories one at a time"):
        panel.trajectories([X[:9], X[:9]], [y[:9], y[:9]], 3)


def test_errors_of_trajectories():
    model = fit("ARX")
    for kw, message in [
        ({"steps": 0}, "steps=0 is not a horizon"),
        ({"steps": 61}, "too few for steps=61"),
        ({"steps": 3, "origins": [58]}, "ints from 0 to 57"),
        ({"steps": 3, "origins": [-1]}, "ints from 0 to 57"),
        ({"steps": 3, "origins": [0.5]}, "ints from 0 to 57"),
        ({"steps": 3, "level": 100}, "per cent"),
        ({"steps": 3, "level": []}, "per cent"),
        ({"steps": 3, "level": [0.8, True]}, "per cent"),
        ({"steps": 3, "method": "normal"}, "method='normal' is unknown"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.trajectories(X[NEW], y[NEW], **kw)
    assert model.trajectories(X[NEW], y[NEW], 3, origins=np.zeros(0, int)).forecast.shape == (0, 3)
    out = model.trajectories(X[NEW], y[NEW], 3, origins=np.zeros(0, int), level=80)
    assert [v.shape for v in out.intervals[80]] == [(0, 3)] * 2


# ---------------------------------------------------------------------------------------- conformal intervals


def quantile_by_definition(errors, p):
    """The conformal interval, beside the forecast, of the next of n + 1 exchangeable errors."""
    ordered, n = sorted(errors), len(errors)
    tail = Fraction(100 - p, 200) * (n + 1)
    below, above = math.floor(tail), math.ceil(n + 1 - tail)
    return min(ordered[max(below, 1) - 1], 0), max(ordered[min(above, n) - 1], 0)  # it holds the forecast


@paired(name=MODELS, kind=["plain", "difference", "both"])
@on_learnt_rows
def test_conformal_intervals_by_definition(name, kind, monkeypatch):
    """Up to 200 errors all are near: of each step the quantiles of those that forecasts of as many steps made."""
    monkeypatch.setattr("tsrnn._estimators.intervals.local_scale.MANY", np.inf)  # one scale
    monkeypatch.setattr(
        "tsrnn._estimators.intervals.calibration.overlap", lambda row, errors: np.ones(errors.shape[1:])
    )
    calibration, steps = slice(N - 160, N), 4
    model = fit(name, **PARAMETERS[kind])
    inside = model.predict_ahead(X[NEW], y[NEW])
    model.calibrate(X[calibration], y[calibration])
    np.testing.assert_array_equal(model.predict_ahead(X[NEW], y[NEW]), inside)  # it only knows its errors now
    out = model.forecast(steps, X[NEW][:steps], level=[50, 90])
    made = model.trajectories(X[calibration], y[calibration], steps, start="cold").forecast
    g, inverse = (np.log, np.exp) if kind == "difference" else (np.asarray, np.asarray)
    skip = model.fitted_.errors.segments[0].skip
    assert skip == 80  # half of the rows, since the model has to come out of the cold
    rows = np.arange(skip, 160 - steps + 1)
    errors = g(y[calibration][rows[:, None] + np.arange(steps)]) - g(made[rows])
    for h in range(steps):
        for p in (50, 90):
            low, high = quantile_by_definition(errors[:, h], p)
            wanted = inverse(g(out["y"][h]) + np.array([low, high]))
            if kind == "both":
                wanted = np.clip(wanted, X[N + h, 0], 22.0)
            np.testing.assert_allclose(out.loc[h, [f"lo-{p}", f"hi-{p}"]].astype(float), wanted, rtol=1e-6)


def test_near_forecasts_by_a_slow_search():
    """Of many errors those whose forecasts were nearest to the one at hand, within the places tried."""
    rng = np.random.default_rng(0)
    n = 1500
    past = rng.normal(size=(n, 1, 1))
    errors = np.abs(past) * rng.normal(size=(n, 1, 1))
    errors[rng.random(n) < 0.05] = np.nan
    made = rng.normal(size=(40, 1, 1))
    low, high = conformal(made, packed(pools(past, errors, 80)), [80])[80]
    known = np.isfinite(errors[:, 0, 0])
    u, e = past[known, 0, 0], errors[known, 0, 0]
    e, u = e[np.argsort(u)], np.sort(u)
    k = max(NEAR[0], round(NEAR[1] * len(u)))
    starts = sorted({int(v) for v in np.linspace(0, len(u) - k, 50)})
    for m in range(40):
        best = min(starts, key=lambda a: abs(u[a + k // 2] - made[m, 0, 0]))
        below, above = quantile_by_definition(e[best : best + k], 80)
        assert low[m, 0, 0] == pytest.approx(made[m, 0, 0] + below)
        assert high[m, 0, 0] == pytest.approx(made[m, 0, 0] + above)
    spread = (high - low)[:, 0, 0]
    assert spread[np.abs(made[:, 0, 0]) < 0.2].max() < spread[np.abs(made[:, 0, 0]) > 1.2].min()


def autoregression(n, phi, seed):
    rng = np.random.default_rng(seed)
    y = np.zeros(n)
    for t in range(1, n):
        y[t] = phi * y[t - 1] + rng.normal()
    return y + 10


@pytest.mark.parametrize("method", ["conformal", "bootstrap"])
def test_intervals_of_an_autoregression(method):
    """y(t) = a y(t-1) + e: the error of step h is normal with the variance 1 + a^2 + ... + a^(2h - 2)."""
    phi, old, calibration, new = 0.8, slice(0, 4000), slice(4000, 8000), slice(8000, 14_000)
    level = autoregression(14_000, phi, 0)
    model = tsrnn.ARXRegressor(input_lags=(), output_lags=1, random_state=0).fit(None, level[old])
    model.calibrate(None, level[calibration])
    origins = np.arange(0, 5900, 3 if method == "conformal" else 40)
    out = model.trajectories(None, level[new], 10, origins=origins, level=[50, 80, 95], method=method)
    truth = level[new][origins[:, None] + np.arange(10)]
    sd = np.sqrt(np.cumsum(phi ** (2 * np.arange(10))))
    for p, z in (50, 0.6745), (80, 1.2816), (95, 1.96):
        low, high = out.intervals[p]
        np.testing.assert_allclose((high - low).mean(axis=0) / 2, z * sd, rtol=0.1)
        covered = ((truth >= low) & (truth <= high)).mean()
        assert abs(covered - p / 100) < 0.03


@on_learnt_rows
def test_intervals_in_the_units_of_the_transform():
    """Errors of a logarithm are relative: the interval grows with the level."""
    rng = np.random.default_rng(0)
    level = np.exp(np.linspace(0, 6, 1500) + 0.1 * rng.normal(size=1500))
    model = tsrnn.ARXRegressor((), 2, target_transform=["log", "difference"]).fit(None, level[:1000])
    model.calibrate(None, level[:1000])
    early = model.forecast(5, level=80)
    model.update(None, level[1000:])
    late = model.forecast(5, level=80)
    ratio = (late["hi-80"] / late["lo-80"]).to_numpy() / (early["hi-80"] / early["lo-80"]).to_numpy()
    np.testing.assert_allclose(ratio, 1, rtol=0.15)
    assert (late["lo-80"] > 0).all()
    assert ((late["hi-80"] - late["lo-80"]) > 4 * (early["hi-80"] - early["lo-80"])).all()


# ---------------------------------------------------------------------------------------- sample paths


@paired(name=MODELS, kind=["plain", "difference", "both"])
def test_sample_paths(name, kind):
    model = learnt(name, **PARAMETERS[kind])
    before = pickle.dumps(model.__dict__)
    out, paths = model.forecast(6, X[NEW]), model.sample_paths(6, X[NEW], n_paths=41)
    np.testing.assert_array_equal(paths, model.sample_paths(6, X[NEW], n_paths=41))
    np.testing.assert_array_equal(out, model.forecast(6, X[NEW]))
    assert pickle.dumps(model.__dict__) == before  # and the model is as it was
    assert paths.shape == (41, 6)
    assert (np.diff(np.sort(paths[:, 0])) > 0).any()
    bands = model.forecast(6, X[NEW], level=50, method="bootstrap", n_paths=41)
    np.testing.assert_allclose(bands["lo-50"], np.minimum(np.sort(paths, axis=0)[10], out), **close)
    np.testing.assert_allclose(bands["hi-50"], np.maximum(np.sort(paths, axis=0)[30], out), **close)
    if kind == "both":
        assert (paths <= 22.0).all()
    model.set_params(random_state=1)
    assert (model.sample_paths(6, X[NEW], n_paths=41) != paths).any()


@pytest.mark.parametrize("name", ["NARX", "TDNN", "GRU", "ESN", "seasonal"])
@on_learnt_rows
def test_paths_by_hand(name):
    """An error of one step is added to each output and the sum is fed back."""
    model, steps = fit(name), 5
    model.calibrate(X[OLD], y[OLD])
    paths = model.sample_paths(steps, X[NEW], n_paths=3)
    outputs, errors, sides = residuals(maker(model), model.fitted_.errors.segments)
    rng = np.random.default_rng(0)
    draw = Drawer(outputs, errors, sides, rng, 80)
    ones, wanted = [copy.deepcopy(model) for _ in range(3)], np.empty((3, steps))
    for t in range(steps):
        row = X[NEW][t : t + 1]
        z = np.array([model.y_scaler_(one.predict(row, start="end")) for one in ones])
        wanted[:, t] = model.y_scaler_.inverse(z + draw(z))[:, 0]
        for one, value in zip(ones, wanted[:, t]):
            one.update(row, [value])
    np.testing.assert_allclose(paths, wanted, **close)
    counts = model.fitted_.errors.segments[0].skip + np.arange(len(errors))
    one_step = y[OLD] - model.predict_ahead(X[OLD], y[OLD], start="cold")
    np.testing.assert_allclose(model.y_scaler_.scale * errors[:, 0], one_step[counts], **close)


def test_errors_drawn_stand_for_new_ones():
    """Of twenty, drawn as they are, eight tenths hold 72 % of new ones; outputs err together; a real mean stays."""
    rng, inside, n = np.random.default_rng(0), [], 20
    z = np.zeros((400, 1))
    for _ in range(300):
        errors = rng.normal(size=(n, 1))
        low, high = np.quantile(Drawer(np.zeros((n, 1)), errors, np.zeros((n, 1)), rng, 80)(z), [0.1, 0.9])
        inside.append(math.erf(high / 2**0.5) / 2 - math.erf(low / 2**0.5) / 2)
    assert np.mean(inside) == pytest.approx(0.8, abs=0.02)
    errors = rng.normal(size=(60, 1)) * [[1.0, -2.0]]
    errors += [0.1, 3.0] - errors.mean(axis=0)
    drawn = Drawer(np.zeros((60, 2)), errors, np.zeros((60, 2)), rng, 80)(np.zeros((4000, 2)))
    np.testing.assert_allclose(drawn.mean(axis=0), [0, 3], atol=0.2)
    assert np.corrcoef(drawn.T)[0, 1] < -0.97


def test_shapes_of_paths():
    Y = np.column_stack([y, -2 * y])
    model = clone(MODELS["NARX"]).fit(X[OLD], pd.DataFrame(Y[OLD], columns=["a", "b"]))
    paths = model.sample_paths(3, X[NEW], n_paths=7)
    assert paths.shape == (7, 3, 2)
    assert list(model.forecast(3, X[NEW]).columns) == ["a", "b"]
    out = model.forecast(3, X[NEW], level=80)
    assert list(out.columns) == ["a", "a-lo-80", "a-hi-80", "b", "b-lo-80", "b-hi-80"]
    spread = paths.std(axis=0)
    # errors of a row stay together
    np.testing.assert_allclose(np.corrcoef(paths[:, 0].T)[0, 1], -1, atol=0.1)
    assert (spread > 0).all()
    for wrong in (0, 2.5, "x"):
        with pytest.raises((ValueError, TypeError), match="n_paths"):
            model.forecast(3, X[NEW], level=80, n_paths=wrong)
        with pytest.raises((ValueError, TypeError), match="n_paths"):
            model.sample_paths(3, X[NEW], n_paths=wrong)


@on_learnt_rows
def test_paths_of_a_panel_are_independent():
    model = clone(MODELS["ARX"]).fit([X[:100], X[:100]], [y[:100], y[:100]])
    model.calibrate([X[:100], X[:100]], [y[:100], y[:100]])
    assert [v.shape for v in model.forecast(8, [X[NEW]] * 2)] == [(8,), (8,)]
    paths = model.sample_paths(8, [X[NEW]] * 2, n_paths=60)
    assert {k: v.shape for k, v in paths.items()} == {0: (60, 8), 1: (60, 8)}
    one, other = (v - v.mean(axis=0) for v in paths.values())
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.3
    np.testing.assert_array_equal(model.sample_paths(8, [X[NEW]] * 2, n_paths=60)[1], paths[1])


# ---------------------------------------------------------------------------------------- calibration


def test_calibration_by_folds():
    """Errors of each fold are those of a copy that did not see it."""
    model = tsrnn.ARXRegressor(random_state=0).fit(X[OLD], y[OLD])
    model.calibrate(X[OLD], y[OLD], cv=2)
    errors = forecast_errors(maker(model), model.fitted_.errors.segments, 3).errors
    half = N // 2
    hand = []
    for train, test in ((slice(half, N), slice(0, half)), (slice(0, half), slice(half, N))):
        target = np.full(N, np.nan)
        target[train] = y[train]
        one = tsrnn.ARXRegressor().fit(X[OLD], target)
        made = one.trajectories(X[OLD], y[OLD], 3, start="cold").forecast
        rows = np.arange(test.start, test.stop - 2)
        error = y[rows[:, None] + np.arange(3)] - made[rows]
        hand.append(error[50:] if test.start == 0 else error)
    near = np.sort(errors[:, 0, 0])
    np.testing.assert_allclose(near, np.sort(np.concatenate(hand)[:, 0]), rtol=1e-3, atol=1e-3)


@paired(name=MODELS, cv=[2, TimeSeriesSplit(3), KFold(4)])
def test_any_splitter_calibrates(name, cv):
    model = fit(name)
    before = model.predict(X[NEW])
    assert model.calibrate(X[OLD], y[OLD], cv=cv) is model
    np.testing.assert_array_equal(model.predict(X[NEW]), before)
    out = model.forecast(4, X[NEW], level=80)
    assert (out["lo-80"] < out["hi-80"]).all()
    assert np.isfinite(model.forecast(4, X[NEW], level=80, method="bootstrap", n_paths=20)).all(axis=None)
    same = pickle.loads(pickle.dumps(model)).forecast(4, X[NEW], level=80)
    pd.testing.assert_frame_equal(same, out)


@pytest.mark.parametrize("cv", [None, 2, TimeSeriesSplit(2)])
@on_learnt_rows
def test_calibration_of_a_panel(cv):
    """In any order of rows, by any keys: the same intervals."""
    lengths, keys = (90, 110), ("a", "b")
    Xs, ys = [X[:90], X[90:200]], [y[:90], y[90:200]]
    groups = np.repeat(keys, lengths)
    listed = tsrnn.ARXRegressor().fit(Xs, ys).calibrate(Xs, ys, cv=cv)
    keyed = (
        tsrnn.ARXRegressor()
        .fit(X[OLD], y[OLD], groups=groups)
        .calibrate(X[OLD], y[OLD], groups=groups, cv=cv)
    )
    one = listed.forecast(4, [X[NEW]] * 2, level=90)
    other = keyed.forecast(4, np.tile(X[NEW], (2, 1)), level=90, groups=np.repeat(keys, END - N))
    np.testing.assert_allclose(pd.concat(one), other, **close)
    assert [list(v.columns) for v in one] == [["y", "lo-90", "hi-90"]] * 2
    if not isinstance(cv, TimeSeriesSplit):
        order = np.argsort(np.concatenate([np.arange(n) for n in lengths]), kind="stable")
        mixed = keyed.calibrate(X[OLD][order], y[OLD][order], groups=groups[order], cv=cv)
        again = mixed.forecast(4, np.tile(X[NEW], (2, 1)), level=90, groups=np.repeat(keys, END - N))
        np.testing.assert_allclose(again, other, **close)


def test_holes_in_calibration_rows():
    """Errors are taken where y was measured, and the model feeds itself elsewhere."""
    model = tsrnn.ARXRegressor().fit(X[OLD], y[OLD])
    holes = y[OLD].copy()
    holes[np.random.default_rng(0).random(N) < 0.3] = np.nan
    model.calibrate(X[OLD], holes)
    out = model.forecast(4, X[NEW], level=80)
    assert np.isfinite(out).all(axis=None)
    made = model.trajectories(X[OLD], holes, 4, start="cold").forecast
    rows = np.arange(model.fitted_.errors.segments[0].skip, N - 3)
    errors = holes[rows[:, None] + np.arange(4)] - made[rows]
    for h in range(4):
        low, high = quantile_by_definition(errors[np.isfinite(errors[:, h]), h], 80)
        found = (out.loc[h, ["lo-80", "hi-80"]] - out["y"][h]).to_numpy(float) / [low, high]
        assert found[0] == pytest.approx(found[1], rel=1e-6)  # as far out as overlapping errors want
        assert found[0] == pytest.approx(1, rel=1e-6) if h == 0 else 1 <= found[0] < 1.03


def test_errors_of_unknown_changes_do_not_count():
    """With a season as long as the rows to warm up no error is zero by definition."""
    model = tsrnn.ARXRegressor((), 1, target_transform=Difference(24)).fit(None, y[OLD])
    model.calibrate(None, y[:40])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, errors, _ = residuals(maker(model), model.fitted_.errors.segments)
    assert (errors != 0).all()


@pytest.mark.parametrize(
    "model",
    [tsrnn.ARXRegressor(1, 0), tsrnn.TDNNRegressor((3,), input_lags=1, **QUICK)],
    ids=lambda model: type(model).__name__,
)
def test_errors_of_rows_that_do_not_count_are_in_no_interval(model):
    """A sensor fails, in the end too: its rows have weight 0, and intervals are those of the others."""
    X, y = made(300)
    weight = np.ones(300)
    for failed in (slice(66, 70), slice(285, 300)):
        y[failed], weight[failed] = 1e4, 0.0
    model.fit(X, y, sample_weight=weight)
    for method in ("conformal", "bootstrap"):
        ends = model.forecast(1, X[:1], level=80, method=method)
        assert 0.5 < (ends["hi-80"] - ends["lo-80"]).iloc[0] < 20


def test_few_rows_for_intervals():
    model = tsrnn.ARXRegressor(1, 1).fit(X[:36], y[:36])  # errors come from half of them
    with pytest.warns(UserWarning, match="intervals are rough"):
        out = model.forecast(2, X[36:38], level=80)
    assert np.isfinite(out).all(axis=None)
    with pytest.raises(ValueError, match="call calibrate"):
        model.forecast(36, X[36:72], level=80)
    for method in ("conformal", "bootstrap"):
        with pytest.warns(UserWarning, match="intervals are rough"):
            model.forecast(18, X[36:60], level=80, method=method)
    with pytest.warns(UserWarning, match=r"95 % wants 39"):  # else their extremes are nearer than that
        copy.deepcopy(model).calibrate(X[:70], y[:70]).forecast(2, X[60:70], level=[80, 95])
    assert len(model.forecast(9, X[60:70])) == 9
    model.calibrate(X[60:], y[60:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.forecast(9, X[60:70], level=80)


def test_errors_of_calibrate():
    model = fit("ARX")
    before = model.forecast(2, X[NEW], level=80)
    for call in (
        lambda: model.calibrate(X[OLD], y[OLD], cv=1),
        lambda: model.calibrate(X[OLD], y[OLD], cv="x"),
        lambda: model.calibrate(X[OLD], y[OLD], cv=True),
        lambda: model.calibrate(X[OLD, :1], y[OLD]),
        lambda: model.calibrate(X[OLD], y[:9]),
    ):
        with pytest.raises((ValueError, TypeError)):
            call()
    pd.testing.assert_frame_equal(model.forecast(2, X[NEW], level=80), before)
    with pytest.raises(ValueError, match="no measured value"):
        model.calibrate(X[OLD], np.full(N, np.nan))
    hardly = np.where(np.arange(N) < N - 2, np.nan, y[OLD])
    with pytest.raises(ValueError, match="at least 3"):
        copy.deepcopy(model).calibrate(X[OLD], hardly).forecast(2, X[NEW], level=80)
    for level in (0, 100, -5, "80", [80, 120], True, [None]):
        with pytest.raises(ValueError, match="per cent"):
            model.forecast(2, X[NEW], level=level)


def test_the_index_of_intervals():
    frame, target = pd.DataFrame(X, TIME, columns=["u", "v"]), pd.Series(y, TIME, name="level")
    model = clone(MODELS["NARX"]).fit(frame[OLD], target[OLD])
    out = model.forecast(3, frame[NEW], level=[80, 50.5, 50.5])
    assert list(out.columns) == ["level", "lo-50.5", "hi-50.5", "lo-80", "hi-80"]
    assert (out.index == TIME[N : N + 3]).all()
    np.testing.assert_array_equal(out["level"], model.forecast(3, frame[NEW]))


def test_calibration_of_a_refit_is_new():
    """A fit forgets the errors of the model before it, partial_fit and update keep them."""
    model = tsrnn.ARXRegressor().fit(X[OLD], y[OLD])
    fresh = model.forecast(2, X[NEW], level=80)
    model.calibrate(X[:100], 3 * y[:100]).fit(X[OLD], y[OLD])
    pd.testing.assert_frame_equal(model.forecast(2, X[NEW], level=80), fresh)
    wide = copy.deepcopy(model).calibrate(X[:100], y[:100] + 20 * np.random.default_rng(0).normal(size=100))
    spread = wide.forecast(1, X[NEW], level=80).eval("`hi-80` - `lo-80`").item()
    assert spread > 10
    wide.update(X[NEW], y[NEW])
    kept = wide.forecast(1, X[NEW], level=80, method="split").eval("`hi-80` - `lo-80`").item()
    assert kept == pytest.approx(spread, rel=0.5)
    # later rows said so
    assert wide.forecast(1, X[NEW], level=80).eval("`hi-80` - `lo-80`").item() < spread / 4


@on_learnt_rows
def test_what_is_kept_is_bounded(monkeypatch):
    """A pickle does not hold the series."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60_000, 4)), rng.normal(size=60_000)
    model = tsrnn.ARXRegressor().fit(X, y)
    assert len(pickle.dumps(model)) < 800_000
    assert len(pickle.dumps(model.calibrate(X, y))) < 1e6
    folds = model.calibrate(X[:6000], y[:6000], cv=5)
    assert len(pickle.dumps(folds)) < 1.5 * len(pickle.dumps(model.calibrate(X[:6000], y[:6000])))
    parts = np.split(np.arange(60_000), 20)
    model.fit([X[rows] for rows in parts], [y[rows] for rows in parts])
    assert sum(len(s.U) - s.skip for s in model.fitted_.errors.segments) <= MOST_ROWS
    monkeypatch.setattr("tsrnn._estimators.intervals.segments.MOST_ROWS", 1000)
    model.fit([X[rows] for rows in parts], [y[rows] for rows in parts])
    assert sum(len(s.U) - s.skip for s in model.fitted_.errors.segments) <= 1000
    assert len(model.fitted_.errors.segments) == 20  # some of each series


def test_models_that_cannot_go_on():
    model = tsrnn.LSTMRegressor((3,), bidirectional=True, **QUICK).fit(X[OLD], y[OLD])
    for verb, *given in (
        (model.forecast, 2, X[NEW]),
        (model.calibrate, X[OLD], y[OLD]),
        (model.trajectories, X[NEW], y[NEW], 2),
    ):
        with pytest.raises(ValueError, match="bidirectional"):
            verb(*given)


def test_errors_of_rows_learnt_by_heart_bring_a_warning():
    """Intervals from rows that were not held back warn where weights are many, until other rows are given."""
    model = tsrnn.ESNRegressor(150, alpha=1e-8, output_lags=1, random_state=0).fit(X[OLD], y[OLD])
    with pytest.warns(UserWarning, match="weights were fitted to and will be too narrow"):
        model.forecast(2, X[NEW], level=50)
    few = tsrnn.ESNRegressor(150, alpha=1e3, output_lags=1, random_state=0).fit(X[OLD], y[OLD])
    few.forecast(2, X[NEW], level=50)  # the penalty leaves few of them free
    model.calibrate(X[NEW], y[NEW]).forecast(2, X[NEW], level=50)


# ---------------------------------------------------------------------------------------- when the world moves


def shifted(kind, seed, n=900, at=600):
    """An autoregression whose noise grows threefold, or whose level rises by eight standard deviations, at a row."""
    rng = np.random.default_rng(seed)
    e, level = rng.normal(size=n), np.zeros(n)
    if kind == "noise":
        e[at:] *= 3
    for t in range(1, n):
        level[t] = 0.8 * level[t - 1] + e[t]
    level[at:] += 8 / 0.6 if kind == "level" else 0
    return level


def covered(made, truth, level=80):
    low, high = made.intervals[level]
    return ((low <= truth) & (truth <= high)).mean()


@pytest.mark.filterwarnings("ignore:y is .* taken as not measured")
@pytest.mark.parametrize("kind", ["noise", "level"])
@pytest.mark.parametrize(("method", "fixed"), [("conformal", "split"), ("bootstrap", "split-bootstrap")])
def test_errors_that_update_sees_move_the_intervals(kind, method, fixed):
    """Some tens of rows after the world has moved; errors of calibration alone never hold again."""
    rates, every = {method: [], fixed: []}, 1 if method == "conformal" else 20
    for seed in range(6):
        level = shifted(kind, seed)
        model = tsrnn.ARXRegressor((), 1, random_state=0).fit(None, level[:400])
        origins = np.arange(200 + 40, 500 - 4, every)
        for name, found in rates.items():
            made = model.trajectories(None, level[400:], 5, origins=origins, level=80, method=name)
            found.append(covered(made, level[400:][origins[:, None] + np.arange(5)]))
    assert np.mean(rates[fixed]) < 0.45
    assert (0.74 if method == "conformal" else 0.7) < np.mean(rates[method]) < 0.88


def discounted(came, usual, overlap):
    """Shift and spread after rows (K,) of one step and output, summed anew for each."""
    decay, out, off = np.exp(-1 / min(20 * overlap, 200)), [(0.0, 1.0)], np.empty(0)
    for k in range(1, len(came) + 1):
        off = np.append(off, abs(came[k - 1] - out[-1][0]))
        w = decay ** np.arange(k - 1, -1, -1)
        mean, square, expected = w @ came[:k] / w.sum(), w @ came[:k] ** 2 / w.sum(), w @ usual[:k] / w.sum()
        n, of_size = ((w @ v) ** 2 / (w**2 @ v**2) / overlap for v in (np.ones(k), usual[:k]))
        spread = (5 + of_size * (w @ off) / (w @ usual[:k])) / (5 + of_size)
        noise = (5 * np.pi / 2 * (spread * expected) ** 2 + n * max(square - mean**2, 1e-6 * square)) / (
            5 + n
        )
        out.append((max(0, 1 - 4 * noise / n / mean**2) * mean, spread))
    return np.array(out)


@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_shift_and_spread_are_discounted_means(bias):
    rng = np.random.default_rng(0)
    came, usual = bias + 0.6 * rng.normal(size=60), rng.uniform(0.6, 1.2, size=60)
    for shared in (1.0, 3.0):
        kind = adaptive.Kind(np.full((1, 1), shared), adaptive.DEVIATION, 0.0)
        shift, spread, counts, _ = adaptive._moments(came[:, None], usual[:, None], kind, 1, 0)
        assert (counts == adaptive.COUNTS).all()
        np.testing.assert_allclose(np.c_[shift, spread], discounted(came, usual, shared), rtol=1e-10)


def test_after_a_break_forecasts_made_before_it_do_not_count():
    """However much they erred: of what was before, a little of the spread is left, and nothing of the level."""
    K, steps, at = 120, 4, 60

    def moments(across, louder=1.0):
        came = np.random.default_rng(0).normal(size=(K, steps))
        came[:at] *= louder
        came[at:] += 3.0
        for h in range(steps):  # made before, of rows from the break on
            came[at : at + h + 1, h] = across
        kind = adaptive.Kind(np.arange(1.0, steps + 1)[:, None], adaptive.DEVIATION, 0.0)
        return adaptive._moments(came, np.full((K, steps), 0.8), kind, 1, 0)[:3]

    (shift, spread, counts), wide, loud = moments(20.0), moments(40.0), moments(20.0, louder=2.0)
    anew = counts == adaptive.ANEW
    np.testing.assert_array_equal(np.flatnonzero(anew.any(axis=1)), [at])
    assert anew[at].all() and (counts[steps:at] == adaptive.COUNTS).all()  # noqa: PT018
    for h in range(steps):  # tails wait for forecasts that knew of it
        assert np.flatnonzero(counts[at + 1 :, h])[0] in range(3 * h - 2, 3 * h + 2)
    for one, other in zip((shift, spread), wide):
        np.testing.assert_allclose(one[at + steps + 1 :], other[at + steps + 1 :], rtol=1e-12)
    assert (spread[at + steps + 1] < loud[1][at + steps + 1]).all()
    np.testing.assert_allclose(shift[-1], 3.0, atol=0.8)
    np.testing.assert_allclose(spread[-1], 1.0, atol=0.4)


@pytest.mark.filterwarnings("ignore:y is .* taken as not measured")
@pytest.mark.parametrize("method", ["conformal", "bootstrap"])
def test_an_interval_leaves_a_forecast_that_a_new_level_has_left_behind(method):
    """One that went back to it would cover nine tenths, for good."""
    rates = []
    for seed in range(6):
        level = shifted("level", seed)
        model = tsrnn.ARXRegressor((), 1, random_state=0).fit(None, level[:400])
        origins = np.arange(280, 500, 1 if method == "conformal" else 4)
        made = model.trajectories(None, level[400:], 1, origins=origins, level=80, method=method)
        rates.append(covered(made, level[400:][origins][:, None]))
        assert (made.forecast < made.intervals[80][0]).mean() > 0.5
    assert 0.76 < np.mean(rates) < 0.84


@pytest.mark.filterwarnings("ignore:y is .* taken as not measured")
@pytest.mark.parametrize(
    ("kind", "least", "name"), [("noise", 0.6, "ARX"), ("level", 0.7, "ARX"), ("level", 0.65, "ESN")]
)
def test_what_one_step_knows_moves_far_ones_before_they_have_come_true(kind, least, name):
    """The first 40 rows after a change, 20 ahead: of those made after it hardly one is known in half of them.

    A reservoir goes back from a level that it has not seen otherwise than a line does.
    """
    rates = []
    for seed in range(8):
        level = shifted(kind, seed)
        model = {
            "ARX": tsrnn.ARXRegressor((), 1),
            "ESN": tsrnn.ESNRegressor(50, output_lags=1, random_state=seed),
        }[name]
        model.fit(None, level[:400])
        origins = np.arange(205, 240)
        made = model.trajectories(None, level[400:], 20, origins=origins, level=80)
        rates.append(covered(made, level[400:][origins[:, None] + np.arange(20)]))
    assert least < np.mean(rates) < 0.9


@pytest.mark.parametrize("method", ["conformal", "bootstrap"])
def test_a_constant_that_begins_to_move(method):
    """Errors of calibration were all 0, and no number of times 0 is an error that came."""
    y = np.r_[np.full(300, 3.0), 3.0 + shifted(None, 0)[:300]]
    model = tsrnn.ARXRegressor((), 1, random_state=0).fit(None, y[:300])
    np.testing.assert_allclose(model.forecast(2, level=80), 3.0, rtol=1e-10)
    origins = np.arange(40, 298, 1 if method == "conformal" else 6)
    made = model.trajectories(None, y[300:], 2, origins=origins, level=80, method=method)
    assert 0.65 < covered(made, y[300:][origins[:, None] + np.arange(2)]) < 0.88


@pytest.mark.parametrize("kind", ["plain", "difference"])
def test_outputs_of_one_step_that_are_off_are_fed_back(kind):
    """Of an autoregression y = a y' + b by sum a^h: of each output its own."""
    wide = np.stack([shifted(None, 0)[:400], 3 * shifted(None, 1)[:400]], axis=1)
    transform = {"target_transform": "difference"} if kind == "difference" else {}
    model = tsrnn.ARXRegressor((), 1, **transform).fit(None, wide)
    maker = Maker(model.fitted_.trained.dynamics, model.fitted_.units)
    gone = growth(maker, model.fitted_.errors, 6)
    assert gone.shape == (6, 2)
    a = [model.predict_ahead(None, wide) for wide in (np.zeros((9, 2)), np.eye(2)[[0] * 9])]
    if kind == "plain":
        slope = (a[1] - a[0])[-1, 0]
        assert gone[1, 0] == pytest.approx(1 + slope, rel=1e-6)
    assert (np.diff(gone, axis=0) > 0).all()
    ensemble = tsrnn.Forecaster(tsrnn.ARXRegressor((), 1), 3, strategy="direct").fit(None, wide)
    maker = Maker(ensemble.fitted_.trained.dynamics, ensemble.fitted_.units)
    assert not growth(maker, ensemble.fitted_.errors, 3).any()


@pytest.mark.filterwarnings("ignore:y is .* taken as not measured")
@pytest.mark.parametrize("kind", ["noise", "level"])
def test_they_move_learnt_quantiles(kind):
    rates, inner = {"conformal": [], "split": []}, tsrnn.NARXRegressor((), input_lags=(), output_lags=2)
    for seed in range(3):
        level, origins = shifted(kind, seed), np.arange(240, 498)
        model = tsrnn.Forecaster(inner, 3, strategy="direct", quantiles=(0.1, 0.5, 0.9)).fit(
            None, level[:400]
        )
        for method, found in rates.items():
            made = model.trajectories(None, level[400:], 3, origins=origins, level=80, method=method)
            if method == "split":
                assert (made.intervals[80][0] <= made.forecast).all()
            found.append(covered(made, level[400:][origins[:, None] + np.arange(3)]))
    assert np.mean(rates["split"]) < 0.5
    assert 0.7 < np.mean(rates["conformal"]) < 0.95


def test_paths_and_quantiles_after_updates_are_those_of_trajectories():
    """Paths move too, and stay where nothing has come or method says so."""
    level = shifted("noise", 0)
    model = tsrnn.ARXRegressor((), 1, random_state=0).fit(None, level[:400])
    np.testing.assert_array_equal(model.sample_paths(3), model.sample_paths(3, method="split-bootstrap"))
    inner = tsrnn.NARXRegressor((), input_lags=(), output_lags=2)
    fan = tsrnn.Forecaster(inner, 3, strategy="direct", quantiles=(0.1, 0.5, 0.9)).fit(None, level[:400])
    fan.calibrate(None, level[400:500])
    band = fan.trajectories(None, level[400:700], 3, origins=[180], level=80, start="end")
    model.update(None, level[400:700])
    calm, wild = (model.sample_paths(3, method=m).std() for m in ("split-bootstrap", "bootstrap"))
    assert 1.8 * calm < wild < 4.5 * calm
    fan.update(None, level[400:580])
    frame = fan.forecast(3, level=80)
    np.testing.assert_allclose(frame[["lo-80", "hi-80"]].T, np.array(band.intervals[80])[:, 0], rtol=1e-9)
    calm = fan.sample_paths(3, method="split-bootstrap").std()
    fan.update(None, level[580:700])
    assert fan.sample_paths(3).std() > 1.5 * calm
    with pytest.raises(ValueError, match="'conformal' draws no paths: give 'bootstrap' or 'split-bootstrap'"):
        model.sample_paths(3, method="conformal")


@pytest.mark.parametrize("quantiles", [(0.1, 0.5, 0.9), (0.05, 0.3, 0.7, 0.95)])
def test_a_fan_is_a_map_there_and_back(quantiles):
    rng = np.random.default_rng(0)
    made = rng.normal(size=(4, 2, 1))
    below, above = (np.sort(rng.exponential(size=(4, 2, 1, 2)), axis=-1) for _ in range(2))
    values = np.concatenate([made[..., None] - below[..., ::-1], made[..., None] + above], axis=-1)
    values = values[..., [0, 2, 3] if len(quantiles) == 3 else [0, 1, 2, 3]]
    if len(quantiles) == 3:
        values[..., 1] = made
    fan = _fan(quantiles, values, made)
    for k, q in enumerate(quantiles):
        np.testing.assert_allclose(fan.scores(values[..., k]), ndtri(q), atol=1e-12)
    for g in (-4.0, -1.0, -0.2, 0.0, 0.7, 3.0):
        np.testing.assert_allclose(fan.scores(fan.at(np.full(made.shape, g))), g, atol=1e-12)
    assert np.isnan(fan.scores(np.full(made.shape, np.nan))).all()


def test_a_world_that_stays_costs_little():
    """Coverage and width, of steps one and five, beside those of errors of calibration alone."""
    rates, widths = {"conformal": [], "split": []}, {"conformal": [], "split": []}
    for seed in range(6):
        level = shifted(None, seed)
        model = tsrnn.ARXRegressor((), 1).fit(None, level[:400])
        truth = level[400:][np.arange(496)[:, None] + np.arange(5)]
        for method in rates:
            made = model.trajectories(None, level[400:], 5, level=[80, 95], method=method)
            rates[method].append([covered(made, truth, p) for p in (80, 95)])
            widths[method].append(np.diff(made.intervals[80], axis=0).mean())
    assert np.abs(np.mean(rates["conformal"], axis=0) - [0.8, 0.95]).max() < 0.03
    assert np.mean(widths["conformal"]) < 1.06 * np.mean(widths["split"])


@pytest.mark.parametrize("name", ["NARX", "GRU", "ESN", "seasonal"])
def test_update_in_pieces_keeps_the_same_rows(name, monkeypatch):
    """What is kept, and so the intervals, depends on the rows, not on how they came."""
    monkeypatch.setattr("tsrnn._estimators.intervals.later.KEPT", 20)
    monkeypatch.setattr("tsrnn._estimators.intervals.later.BLOCK", 8)
    whole, pieces = fit(name), fit(name)
    whole.update(X[NEW], HOLES[NEW])
    for a, b in ((0, 1), (1, 2), (2, 30), (30, 33), (33, 60)):
        pieces.update(X[NEW][a:b], HOLES[NEW][a:b])
    one, other = (model.fitted_.errors.recent[None] for model in (whole, pieces))
    assert one.n == other.n == 60
    assert [len(s.U) for s in one.stretches] == [len(s.U) for s in other.stretches] == [20]
    np.testing.assert_array_equal(one.stretches[0].U[:, 0], HOLES[NEW][40:])
    ahead = X[NEW][:3]
    np.testing.assert_allclose(
        whole.forecast(3, ahead, level=80), pieces.forecast(3, ahead, level=80), rtol=1e-10
    )
    for model in (whole, pieces):
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.forecast(3, ahead, level=80), model.forecast(3, ahead, level=80))


def test_partial_fit_moves_them_too_and_forecasts_do_not():
    level = shifted("noise", 0)
    model = tsrnn.ARXRegressor((), 1).fit(None, level[:400])
    calm = np.diff(model.forecast(1, level=80)[["lo-80", "hi-80"]]).item()
    for rows in np.array_split(np.arange(400, 700), 30):
        model.partial_fit(None, level[rows])
    before = pickle.dumps(model.__dict__)
    wild = np.diff(model.forecast(1, level=80)[["lo-80", "hi-80"]]).item()
    assert 2 * calm < wild < 4.5 * calm
    model.forecast(24, level=80)
    assert pickle.dumps(model.__dict__) == before


def test_each_series_has_its_own():
    """Of two series one moves; a gap in the stamps begins a stretch and forgets no errors."""
    calm, wild = shifted(None, 1), shifted("noise", 2)
    stamps = pd.date_range("2024", periods=900, freq="h")
    keys = [("a", calm), ("b", wild)]

    def panel(rows):
        return pd.concat({key: pd.Series(v[rows], stamps[rows], name="y") for key, v in keys})

    model = tsrnn.ARXRegressor((), 1).fit(None, panel(np.arange(400)))
    model.update(None, panel(np.arange(400, 650)))
    with pytest.warns(UserWarning, match="are missing"):
        model.update(None, panel(np.arange(652, 670)))
    table = model.forecast(2, level=80)
    width = (table["hi-80"] - table["lo-80"]).groupby(level=0).first()
    assert width["b"] > 1.8 * width["a"]
    assert [len(s.U) for s in model.fitted_.errors.recent["b"].stretches] == [186, 18]
    model.calibrate(None, panel(np.arange(670, 800)))
    assert model.fitted_.errors.recent == {}


def test_local_scales():
    """Where the spread goes with the last value, intervals do; where it does not, one width serves."""
    rng = np.random.default_rng(0)
    n = 300
    last, forecasts = rng.normal(size=(2, n))
    noise = rng.normal(size=n)
    scale, by = local_scale(forecasts, last, noise * (0.2 + np.abs(last)))
    far, near = scale(np.zeros(2), np.array([2.0, 0.0]))
    assert 3 < far / near < 15
    assert np.corrcoef(by, 0.2 + np.abs(last))[0, 1] > 0.7
    assert np.isfinite(scale(np.array([1e9, -1e9]), np.array([1e9, -1e9]))).all()
    scale, by = local_scale(forecasts, last, noise)
    assert scale is None
    assert (by == 1).all()


def test_errors_that_overlap_count_as_few():
    """Of a random walk n errors at step h tell as much as n / h; of white noise as n."""
    rng = np.random.default_rng(1)
    e = rng.normal(size=3000)
    walk = np.stack([np.convolve(e, np.ones(h))[h - 1 :][:2900] for h in (1, 4, 12)], axis=1)
    errors = np.zeros((2900, 12, 1))
    errors[:, [0, 3, 11], 0] = walk
    found = overlap(np.arange(2900), errors)[[0, 3, 11], 0]
    np.testing.assert_allclose(found, [1, 4, 12], rtol=0.2)
    white = overlap(np.arange(2900), rng.normal(size=(2900, 12, 1)))
    np.testing.assert_allclose(white, 1, atol=0.6)


def test_errors_that_overlap_reach_further_and_are_sought_further():
    """Of 1500 errors 20 hold as much as one: ends go out as Student's t of 75 does, of 800 near ones."""
    rng = np.random.default_rng(1)
    past, errors = rng.normal(size=(2, 1500, 1, 1))

    def ends(shared):
        near = pools(past, errors, 80, np.full((1, 1), shared))
        return near[0][0], conformal(np.zeros((1, 1, 1)), packed(near), [80])[80]

    pool, found = ends(20.0)
    assert pool.errors.shape[1] == 20 * NEAR_WORTH
    assert ends(1.0)[0].errors.shape[1] == NEAR[0]
    quantiles = quantile_by_definition(pool.errors[np.searchsorted(pool.between, 0.0)], 80)
    far = stdtrit(75, 0.9) * np.sqrt(1 + 1 / 75) / (stdtrit(800, 0.9) * np.sqrt(1 + 1 / 800))
    np.testing.assert_allclose(np.ravel(found), np.multiply(far, quantiles), rtol=1e-4)


def test_errors_of_one_time_count_as_few_where_they_are_alike():
    """40 series of 300 times whose errors have a correlation of 0, .5 and 1; every seventh is not known."""
    rng = np.random.default_rng(1)
    own, shared = rng.normal(size=(300, 40, 3)), rng.normal(size=(300, 1, 3))
    errors = (np.sqrt([1, 0.5, 0]) * own + np.sqrt([0, 0.5, 1]) * shared).reshape(-1, 3, 1)
    errors[::7] = np.nan
    times, order = np.repeat(np.arange(300), 40), rng.permutation(300 * 40)
    m = 40 * 6 / 7
    found = together(times[order], errors[order])[:, 0]
    np.testing.assert_allclose(found, [1, 1 + 0.5 * (m - 1), m], rtol=0.1)


def test_shocks_that_series_share_make_intervals_wider():
    """Of a panel with few rows, by Student's t; not where they come at other times."""
    rng = np.random.default_rng(1)
    e = rng.normal(size=15) + 0.2 * rng.normal(size=(20, 15))
    index = pd.MultiIndex.from_product([range(20), pd.date_range("2000", periods=15, freq="D")])
    years = pd.to_timedelta(365 * index.get_level_values(0), "D")
    apart = pd.MultiIndex.from_arrays([index.get_level_values(0), index.get_level_values(1) + years])

    def width(index):
        model = tsrnn.ARXRegressor((), 1, target_transform="difference")
        ends = model.fit(None, pd.Series(np.cumsum(e, axis=1).ravel(), index)).forecast(1, level=80)
        return (ends.iloc[:, 2] - ends.iloc[:, 1]).mean()

    assert width(index) > 1.1 * width(apart)


def test_few_errors_make_intervals_of_student():
    """Through "difference" at 24 steps, from 60 rows held back: the few independent errors want wider tails."""
    rates = {80: [], 95: []}
    for seed in range(40):
        walk = np.cumsum(np.random.default_rng(seed).normal(size=424))
        model = tsrnn.ARXRegressor((), 1, target_transform="difference").fit(None, walk[:400])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = model.forecast(24, level=[80, 95]).iloc[-1]
        for p, found in rates.items():
            found.append(made[f"lo-{p}"] <= walk[-1] <= made[f"hi-{p}"])
    assert np.mean(rates[80]) > 0.72
    assert np.mean(rates[95]) > 0.87


# ---------------------------------------------------------------------------------------- held rows from everywhere


def test_stretches_are_the_last_rows_of_each_part():
    counts = np.ones(1000, bool)
    counts[:100] = counts[400:420] = False
    held, rows = hold_stretches(counts, 0.15), np.flatnonzero(counts)
    ends = [part[-1] for part in np.array_split(rows, 4)]
    runs = runs_of(np.flatnonzero(held))
    assert [run[-1] for run in runs] == ends
    assert sum(counts[run].sum() for run in runs) == 4 * int(220 * 0.15)
    for n in (1, 6, 7, 100, 266):  # too few for two stretches of 20: the last ones, as for other models
        few = np.ones(n, bool)
        assert np.array_equal(hold_stretches(few, 0.15), hold_last(few, 0.15))
    assert len(runs_of(np.flatnonzero(hold_stretches(np.ones(267, bool), 0.15)))) == 2
    assert not hold_stretches(counts, 0.0).any()


def test_forecasts_begin_in_held_rows_and_may_end_beyond():
    for length, skip, beyond, steps in itertools.product((30, 41), (0, 10), (0, 1, 9), (1, 2, 9, 10, 12, 30)):
        segment = Segment(None, np.zeros((length, 1)), np.zeros((length, 1)), skip, beyond)
        begins = range(skip, length - beyond)
        inside = [k for k in begins if k + steps <= length - beyond]
        reach = [k for k in begins if k + steps <= length]
        assert segment.origins(steps, False) == len(inside)
        assert segment.origins(steps, True) == len(reach)


def test_forecasts_longer_than_a_held_stretch_have_intervals():
    rng = np.random.default_rng(0)
    series = np.convolve(rng.normal(size=420), np.ones(5), "valid")[:400]
    model = tsrnn.ElmanRegressor((3,), output_lags=1, max_iter=3, random_state=0).fit(None, series)
    segments = model.fitted_.errors.segments
    assert len(segments) == 3
    assert [s.beyond > 0 for s in segments] == [True, True, False]
    for s, end in zip(segments, (133, 266, 399)):  # the rows that were held back: the last ones of each third
        assert s.U[len(s.U) - s.beyond - 1, 0] == series[end]
    wide = model.forecast(40, level=80)
    assert np.isfinite(wide).all().all()


@pytest.mark.parametrize(("n", "S", "steps"), [(70, 1, 12), (20, 600, 5)])
def test_short_series_have_intervals_of_several_steps(n, S, steps):
    """Errors of training rows come from half of a short series, and of many from some that are not cut."""
    index = pd.MultiIndex.from_product([range(S), range(n)])
    y = pd.Series(np.concatenate([shifted(None, seed, n + 200)[200:] for seed in range(S)]), index)
    model = tsrnn.ARXRegressor((), 1, scale="standard").fit(None, y)
    intervals = model.forecast(steps, level=80)
    width = (intervals.iloc[:, 2] - intervals.iloc[:, 1]).to_numpy().reshape(S, steps).mean(axis=0)
    assert width[-1] > 1.3 * width[0]
    if S > 1:
        assert width[0] == pytest.approx(2 * 1.28, rel=0.1)


@pytest.mark.parametrize("kind", ["counts", "rare events", "a week again and again"])
def test_new_rows_like_those_that_were_trained_on_bring_no_warning(kind):
    rng = np.random.default_rng(0)
    y = {
        "counts": rng.poisson(1.0, 2000),
        "rare events": rng.random(2000) < 0.02,
        "a week again and again": np.tile([3, 5, 1, 0, 2, 8, 9], 280),
    }[kind].astype(float)
    for model in (tsrnn.ARXRegressor(output_lags=2), tsrnn.LagRegressor(Ridge(), output_lags=2)):
        model.fit(None, y[:1000]).calibrate(None, y[1000:])
        if kind == "counts":
            for first in (0, 880):  # of the latter the last 20 rows of training count
                with pytest.warns(UserWarning, match="trained on some of these rows"):
                    model.calibrate(None, y[first:1160])
