"""Backtests against loops that fit, update and forecast row by row; scorers in searches; splits of panels by time."""

import copy
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tsrnn
from tsrnn import ARXRegressor, ESNRegressor, LSTMRegressor, PersistenceRegressor, SeasonalNaiveRegressor
from tsrnn.datasets import make_narendra
from tsrnn.metrics import coverage, mae, mase, rmse, skill
from tsrnn.model_selection import PanelTimeSeriesSplit, backtest, forecast_scorer


X, Y = make_narendra(260, random_state=0)
Y2 = np.column_stack([Y, 10 - Y**2])
TRAIN, TEST = slice(0, 200), slice(200, 260)
QUICK = {"max_iter": 2, "random_state": 0}
MODELS = {
    "ARX": ARXRegressor(),
    "LSTM": LSTMRegressor((4,), **QUICK),
    "LSTM, fed": LSTMRegressor((4,), output_lags=1, **QUICK),
    "ESN, fed": ESNRegressor(20, output_lags=1, random_state=0),
    "seasonal": SeasonalNaiveRegressor(3),
}
exact = {"rtol": 1e-10, "atol": 1e-10}


def by_hand(model, X, y, origins, horizon):
    """Forecasts of a fitted model that is updated row by row, (M, horizon, ...)."""
    model, out, seen = copy.deepcopy(model), {}, 0
    for k in sorted(origins):
        if k > seen:
            tsrnn.update(model, X[seen:k], y[seen:k])
            seen = k
        out[k] = np.asarray(tsrnn.forecast(model, horizon, X[k : k + horizon]))
    return np.array([out[k] for k in origins])


def wide(frame, column="forecast"):
    """A column of a tidy table as (origins, steps)."""
    return frame.pivot(index="origin", columns="step", values=column).to_numpy()


# ---------------------------------------------------------------------------------------- one fitted model


def test_origins_by_the_clock():
    """Those of all origins that stand at these times, over a change of the clock and in a panel too."""
    hours = pd.date_range("2024-03-28", periods=len(Y), freq="h", tz="Europe/Paris")
    y = pd.Series(Y, hours)
    model = ARXRegressor().fit(None, y[TRAIN])
    every = backtest(model, None, y[TEST], 5).forecasts
    for step, wanted in (("6:00", [6]), (["06:00", "18:00"], [6, 18])):
        some = backtest(model, None, y[TEST], 5, step).forecasts
        assert len(some) > 5
        pd.testing.assert_frame_equal(
            some, every[every["origin"].dt.hour.isin(wanted)].reset_index(drop=True), **exact
        )
    refitted = backtest(ARXRegressor(), None, y, 5, "06:00", refit=True, initial=200).forecasts["origin"]
    assert refitted.dt.hour.eq(6).all()
    both = pd.concat({"a": y, "b": y[30:]}, names=["series", "time"])
    found = backtest(ARXRegressor(), None, both, 5, "06:00", refit=100, initial=200).forecasts
    assert found["origin"].dt.hour.eq(6).all()
    assert forecast_scorer(horizon=5, step="06:00")(model, y[TEST].to_frame()[[]], y[TEST]) < 0
    time = both.index.get_level_values("time")
    late = both[time >= hours[200]].drop([("a", hours[220]), ("a", hours[225]), ("b", hours[230])])
    with pytest.warns(UserWarning, match="So in 2 series or fits") as given:
        backtest(ARXRegressor().fit(None, both[time < hours[200]]), None, late, 5)
    assert len(given) == 1
    for step, words in (("06:30", "stands at this time"), ("noon", "time of day such as"), ([6], "such as")):
        with pytest.raises(ValueError, match=words):
            backtest(model, None, y[TEST], 5, step)
    with pytest.raises(ValueError, match="carry no dates"):
        backtest(model, None, Y[TEST], 5, "06:00")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("horizon", "step"), [(1, 1), (5, 3)])
def test_is_the_loop(name, horizon, step):
    model = clone(MODELS[name]).fit(X[TRAIN], Y[TRAIN])
    before = pickle.dumps(model)
    forecasts, _ = backtest(model, X[TEST], Y[TEST], horizon, step)
    assert pickle.dumps(model) == before
    origins = range(0, 60 - horizon + 1, step)
    assert forecasts.origin.tolist() == np.repeat(origins, horizon).tolist()
    np.testing.assert_allclose(wide(forecasts), by_hand(model, X[TEST], Y[TEST], origins, horizon), **exact)
    np.testing.assert_array_equal(forecasts.y, Y[TEST][forecasts.origin + forecasts.step - 1])
    assert list(forecasts.columns) == ["origin", "step", "time", "y", "forecast"]
    np.testing.assert_array_equal(forecasts.time, forecasts.origin + forecasts.step - 1)


@pytest.mark.parametrize("name", ["ARX", "LSTM, fed", "seasonal"])
def test_unmeasured_values_are_the_models_own(name):
    model, y = clone(MODELS[name]).fit(X[TRAIN], Y[TRAIN]), Y[TEST].copy()
    y[[0, 7, 8, 9, 30]] = np.nan
    forecasts, errors = backtest(model, X[TEST], y, 5, 2)
    np.testing.assert_allclose(wide(forecasts), by_hand(model, X[TEST], y, range(0, 56, 2), 5), **exact)
    assert errors.n.sum() == np.isfinite(forecasts.y).sum() < len(forecasts)


def test_persistence_has_no_skill_over_itself():
    model = PersistenceRegressor().fit(X[TRAIN], Y[TRAIN])
    forecasts, errors = backtest(model, X[TEST], Y[TEST], 4)
    np.testing.assert_array_equal(wide(forecasts)[1:], np.repeat(Y[TEST][:-4, None], 4, axis=1))
    np.testing.assert_allclose(errors.skill_persistence, 0, atol=1e-12)


def test_errors_are_the_measures():
    """Each column, step by step, with unmeasured rows and rows before the first origin."""
    model = ARXRegressor().fit(X[TRAIN], Y[TRAIN])
    y = Y[TEST].copy()
    y[[22, 30, 31]] = np.nan
    forecasts, errors = backtest(model, X[TEST], y, 3, initial=20, period=7)
    assert forecasts.origin.min() == 20
    assert errors.index.tolist() == [1, 2, 3]
    assert errors.index.name == "step"
    for step, rows in forecasts.groupby("step"):
        row, k, f = errors.loc[step], rows.origin.to_numpy(), rows.forecast.to_numpy()
        t = k + step - 1
        known = np.isfinite(y[t])
        assert row.n == known.sum() < len(known)
        assert row["MAE"] == pytest.approx(mae(y[t], f))
        assert row["RMSE"] == pytest.approx(rmse(y[t], f))
        assert row.bias == pytest.approx(np.mean((f - y[t])[known]))
        assert row["MASE"] == pytest.approx(mase(y[t], f, y_train=y[:20], period=7))
        filled = pd.Series(y).ffill().to_numpy()
        assert row.skill_persistence == pytest.approx(skill(y[t], f, filled[k - 1]))
        ago = np.where(np.isnan(y[t - 7]), y[t - 14], y[t - 7])
        assert row.skill_seasonal == pytest.approx(skill(y[t], f, ago))


def test_seasonal_reference_beyond_a_period():
    """Steps 4 ... 6 of period 3 look at the same rows as steps 1 ... 3."""
    model = SeasonalNaiveRegressor(3).fit(X[TRAIN], Y[TRAIN])
    _, errors = backtest(model, X[TEST], Y[TEST], 6, initial=9, period=3)
    np.testing.assert_allclose(errors.skill_seasonal, 0, atol=1e-12)


def test_references_without_a_past():
    """The first origins have no value a period ago in y: they are left out of the comparison."""
    model = ARXRegressor().fit(X[TRAIN], Y[TRAIN])
    forecasts, errors = backtest(model, X[TEST], Y[TEST], 2, period=50)
    assert "MASE" not in errors
    rows = forecasts[(forecasts.step == 1) & (forecasts.origin >= 50)]
    expected = skill(rows.y, rows.forecast, Y[TEST][rows.origin - 50])
    assert errors.skill_seasonal[1] == pytest.approx(expected)
    _, errors = backtest(model, X[TEST][:20], Y[TEST][:20], 2, period=50)
    assert errors.skill_seasonal.isna().all()


def test_several_outputs():
    model = ARXRegressor().fit(X[TRAIN], Y2[TRAIN])
    frame = pd.DataFrame(Y2[TEST], columns=["u", "v"])
    forecasts, errors = backtest(model, X[TEST], frame, 4, step=7, period=3)
    expected = by_hand(model, X[TEST], Y2[TEST], range(0, 57, 7), 4)
    for o, name in enumerate("uv"):
        one = forecasts[forecasts.output == name]
        np.testing.assert_allclose(wide(one), expected[..., o], **exact)
        last = one[one.step == 4]
        assert errors.loc[(name, 4), "RMSE"] == pytest.approx(rmse(last.y, last.forecast))
    assert errors.index.names == ["output", "step"]
    assert backtest(model, X[TEST], Y2[TEST], 4).errors.index.get_level_values(0).unique().tolist() == [0, 1]


def test_without_inputs_and_with_stamps():
    y = pd.Series(np.sin(np.arange(120) / 5), pd.date_range("2020", periods=120, freq="h"), name="power")
    model = ARXRegressor(output_lags=2, alpha=0).fit(None, y[:100])
    forecasts, errors = backtest(model, None, y[100:], 3)
    assert errors.RMSE.max() < 1e-6
    assert (forecasts.time == forecasts.origin + (forecasts.step - 1) * pd.Timedelta("1h")).all()
    assert forecasts.origin.iloc[0] == y.index[100]
    monthly = pd.Series(y.to_numpy(), pd.period_range("2020-01", periods=120, freq="M"))
    model = ARXRegressor(output_lags=2, alpha=0).fit(None, monthly[:100])
    assert backtest(model, None, monthly[100:], 3).forecasts.time[0] == pd.Period("2028-05", "M")


def test_missing_stamps_make_no_forecasts():
    index = pd.date_range("2020", periods=260, freq="h")
    y = pd.Series(Y, index)
    model = PersistenceRegressor().fit(None, y[TRAIN])
    new = y[TEST].drop(index[[220, 221]])
    with pytest.warns(UserWarning, match="2 row"):
        forecasts, errors = backtest(model, None, new, 3)
    made = new.index.get_indexer(forecasts.origin)  # the stamp, which does not drift over missing rows
    assert sorted(set(range(56)) - set(made)) == [18, 19]
    assert (forecasts.time - forecasts.origin == (forecasts.step - 1) * pd.Timedelta("1h")).all()
    assert errors.n.tolist() == [54] * 3


def test_start():
    model = PersistenceRegressor().fit(X[TRAIN], Y[TRAIN])
    assert backtest(model, X[TEST], Y[TEST], 1, start="cold").forecasts.forecast[0] == pytest.approx(
        Y[TRAIN].mean()
    )


@pytest.mark.parametrize("method", ["conformal", "bootstrap"])
def test_intervals(method):
    model = ARXRegressor(random_state=0).fit(X[TRAIN], Y[TRAIN])
    forecasts, errors = backtest(model, X[TEST], Y[TEST], 3, 5, level=[80, 90], method=method)
    assert list(forecasts.columns[5:]) == ["lo-80", "hi-80", "lo-90", "hi-90"]
    expected = model.trajectories(
        X[TEST], Y[TEST], 3, origins=np.arange(0, 58, 5), level=[80, 90], method=method
    )
    np.testing.assert_allclose(wide(forecasts, "hi-90"), expected.intervals[90][1], **exact)
    last = forecasts[forecasts.step == 3]
    for level in (80, 90):
        share = coverage(last.y, last[f"lo-{level}"], last[f"hi-{level}"])
        assert errors.loc[3, f"coverage-{level}"] == pytest.approx(share)


def test_through_a_pipeline_and_a_search():
    pipeline = make_pipeline(StandardScaler(), ARXRegressor())
    search = GridSearchCV(pipeline, {"arxregressor__alpha": [1e-4, 1.0]}, cv=TimeSeriesSplit(2))
    for model in (pipeline.fit(X[TRAIN], Y[TRAIN]), search.fit(X[TRAIN], Y[TRAIN])):
        forecasts, _ = backtest(model, X[TEST], Y[TEST], 4)
        np.testing.assert_allclose(wide(forecasts), by_hand(model, X[TEST], Y[TEST], range(57), 4), **exact)


# ---------------------------------------------------------------------------------------- fitted on the way


@pytest.mark.parametrize(
    ("refit", "window", "step"), [(10, None, 1), (7, 50, 2), (True, 40, 9), (False, None, 4)]
)
@pytest.mark.parametrize("pipe", [False, True])
def test_refits_are_the_loop(refit, window, step, pipe):
    model = make_pipeline(StandardScaler(), ARXRegressor()) if pipe else ARXRegressor()
    forecasts, errors = backtest(model, X, Y, 3, step, refit, initial=200, window=window)
    assert not hasattr(model[-1] if pipe else model, "theta_")
    every = {True: step, False: 1000}.get(refit, refit)
    expected = []
    for k in range(200, 258, step):
        cut = 200 + (k - 200) // every * every
        fitted = clone(model).fit(X[cut - (window or cut) : cut], Y[cut - (window or cut) : cut])
        expected.append(by_hand(fitted, X[cut:], Y[cut:], [k - cut], 3)[0])
    assert forecasts.origin.unique().tolist() == list(range(200, 258, step))
    np.testing.assert_allclose(wide(forecasts), expected, **exact)
    assert errors.MASE[1] == pytest.approx(errors.MAE[1] / np.mean(np.abs(np.diff(Y[:200]))))


def test_initial():
    whole = backtest(ARXRegressor(), X, Y, 1).forecasts
    assert whole.origin.min() == 130
    assert backtest(ARXRegressor(), X, Y, 1, initial=0.75).forecasts.origin.min() == 195
    refitted = backtest(ARXRegressor().fit(X[:50], Y[:50]), X, Y, 1, refit=1000).forecasts
    pd.testing.assert_frame_equal(refitted, whole)


def test_refit_of_a_search_keeps_what_it_found():
    search = GridSearchCV(ARXRegressor(), {"alpha": [1e-4, 1e9]}, cv=TimeSeriesSplit(2))
    unfitted = backtest(search, X, Y, 2, refit=30, initial=200).forecasts
    found = backtest(search.fit(X[TRAIN], Y[TRAIN]), X, Y, 2, refit=30, initial=200).forecasts
    assert search.best_params_ == {"alpha": 1e-4}
    pd.testing.assert_frame_equal(unfitted, found)


# ---------------------------------------------------------------------------------------- panels


def panel(lengths=(80, 60, 70), start=0):
    """Three unlike series, the same stamps from the first on: X, y with a MultiIndex."""
    keys, frames = "cab", []
    for k, (key, n) in enumerate(zip(keys, lengths)):
        x, y = make_narendra(n + start, random_state=k)
        stamps = pd.date_range("2020", periods=n + start, freq="D")
        index = pd.MultiIndex.from_product([[key], stamps], names=["turbine", "time"])
        frames.append(pd.DataFrame({"x": x[:, 0], "y": y * (k + 1)}, index=index)[start:])
    frame = pd.concat(frames)
    return frame[["x"]], frame["y"]


def shapes(X, y):
    """The same panel in the containers that fit takes, and how to tell fit and backtest of its groups."""
    keys = y.index.get_level_values(0).to_numpy()
    flat = X.reset_index(level=0)
    return {
        "MultiIndex": (X, y, {}, {}),
        "series": (flat.sort_index(kind="stable"), None, {}, {"series": "turbine"}),
        "groups": (X.to_numpy(), y.to_numpy(), {"groups": keys}, {}),
        "list": ([v.to_numpy() for _, v in X.groupby(level=0, sort=False)],
                 [v.to_numpy() for _, v in y.groupby(level=0, sort=False)], {}, {}),
    }  # fmt: skip


@pytest.mark.parametrize("container", ["MultiIndex", "series", "groups", "list"])
@pytest.mark.parametrize("name", ["ARX", "LSTM, fed", "seasonal"])
def test_panel_is_each_series_from_its_own_end(container, name):
    X, y = panel()
    stamps = X.index.get_level_values(1)
    train, test = stamps < "2020-02-20", stamps >= "2020-02-20"  # 50 rows of each series
    X_past, y_past, fit_args, params = shapes(X[train], y[train])[container]
    X_new, y_new, args, _ = shapes(X[test], y[test])[container]
    if container == "series":
        at = [v.set_index("turbine", append=True).swaplevel().index for v in (X_past, X_new)]
        y_past, y_new = (y.loc[index].droplevel(0) for index in at)
    model = clone(MODELS[name]).set_params(**params).fit(X_past, y_past, **fit_args)
    forecasts, errors = backtest(model, X_new, y_new, 3, 2, **args)
    assert errors.n.tolist() == [len(forecasts) // 3] * 3
    twin = clone(MODELS[name]).fit(X[train], y[train])
    for k, key in enumerate("cab"):
        one = forecasts[forecasts.series == (k if container == "list" else key)]
        own = test & (X.index.get_level_values(0) == key)
        origins = range(0, own.sum() - 2, 2)
        expected = [
            np.asarray(copy.deepcopy(twin).update(X[own][:o], y[own][:o]).forecast(3, X[own][o : o + 3]))
            if o
            else np.asarray(twin.forecast(3, X[own][:3]))
            for o in origins
        ]
        assert rows_of_origins(one, X[test], key).unique().tolist() == list(origins)
        np.testing.assert_allclose(wide(one), expected, **exact)
    assert list(forecasts.columns) == ["series", "origin", "step", "time", "y", "forecast"]


def rows_of_origins(one, X, key):
    """Origins of one series as rows of it: they are stamps where there are any."""
    if one.origin.dtype.kind == "i":
        return one.origin
    stamps = X.index.get_level_values(1)[X.index.get_level_values(0) == key]
    return pd.Series(stamps.get_indexer(one.origin), one.index)


@pytest.mark.parametrize("container", ["MultiIndex", "groups", "list"])
def test_panel_with_refits(container):
    """Cut by time: each fit sees all series before its stamp and none after."""
    X, y = panel()
    X_own, y_own, args, _ = shapes(X, y)[container]
    forecasts, errors = backtest(ARXRegressor(), X_own, y_own, 3, 2, 10, initial=40, period=2, **args)
    for cut in range(40, 80, 10):
        row = X.groupby(level=0).cumcount()
        model = ARXRegressor().fit(X[row < cut], y[row < cut])
        for k, key in enumerate("cab"):
            one = forecasts[forecasts.series == (k if container == "list" else key)]
            one = one.assign(origin=rows_of_origins(one, X, key))
            one = one[(one.origin >= cut) & (one.origin < cut + 10)]
            own, origins = X.index.get_level_values(0) == key, one.origin.unique()
            assert list(origins) == [o for o in range(cut, cut + 10, 2) if o <= own.sum() - 3]
            for o in origins:
                new = own & (row >= cut) & (row < o)
                at_o = copy.deepcopy(model)
                if new.any():
                    at_o.update(X[new], y[new])
                expected = np.asarray(at_o.forecast(3, X[own][o : o + 3]))
                np.testing.assert_allclose(one[one.origin == o].forecast, expected, **exact)
    scale = {key: np.abs(v[2:40].to_numpy() - v[:38].to_numpy()).mean() for key, v in y.groupby(level=0)}
    steps = forecasts[forecasts.step == 2]
    keys = steps.series.map(dict(enumerate("cab"))) if container == "list" else steps.series
    expected = np.mean(np.abs(steps.forecast - steps.y) / keys.map(scale))
    assert errors.MASE[2] == pytest.approx(expected)


def test_panel_cuts_at_stamps_and_not_at_rows():
    """A series that begins late: its rows before the cut are few, and the cut is at the same stamp."""
    X, y = panel()
    late = y.index.get_level_values(1) >= "2020-01-31"
    keep = late | (y.index.get_level_values(0) != "b")
    forecasts = backtest(ARXRegressor(), X[keep], y[keep], 1, initial=40).forecasts
    assert (forecasts.groupby("series").time.min() == pd.Timestamp("2020-02-10")).all()
    first = {key: rows_of_origins(one, X[keep], key).min() for key, one in forecasts.groupby("series")}
    assert first == {"a": 40, "b": 10, "c": 40}


def test_an_unknown_series_starts_cold():
    X, y = panel()
    known = y.index.get_level_values(0) != "a"
    model = ARXRegressor().fit(X[known], y[known])
    forecasts = backtest(model, X[~known], y[~known], 2, 5).forecasts
    assert set(forecasts.series) == {"a"}
    np.testing.assert_allclose(wide(forecasts)[0], model.predict(X[~known][:2], start="cold"), **exact)


def test_a_pipeline_over_a_panel():
    """An output without index: the series are told by that of y."""
    X, y = panel()
    forecasts = backtest(
        make_pipeline(StandardScaler(), ARXRegressor()), X, y, 2, 3, 15, initial=40
    ).forecasts
    plain = backtest(ARXRegressor(), X, y, 2, 3, 15, initial=40).forecasts
    pd.testing.assert_frame_equal(forecasts, plain, rtol=1e-5)


def test_keys_of_several_levels_and_three_dimensional_arrays():
    X, y = panel((60, 60, 60))
    expected = backtest(ARXRegressor(), X, y, 3, 4, initial=40).forecasts
    cube = X.to_numpy().reshape(3, 60, 1), y.to_numpy().reshape(3, 60)
    forecasts = backtest(ARXRegressor(), *cube, 3, 4, initial=40).forecasts
    assert forecasts.series.unique().tolist() == [0, 1, 2]
    np.testing.assert_allclose(forecasts.forecast, expected.forecast, **exact)
    farms = [pd.concat({"farm": v}, names=["farm"]) for v in (X, y)]
    forecasts = backtest(ARXRegressor(), *farms, 3, 4, initial=40).forecasts
    assert forecasts.series.unique().tolist() == [("farm", key) for key in "cab"]
    np.testing.assert_allclose(forecasts.forecast, expected.forecast, **exact)


def test_groups_cannot_pass_a_pipeline():
    X, y, args, _ = shapes(*panel())["groups"]
    with pytest.raises(ValueError, match=r"Pipeline.fit cannot pass groups on: give X with a MultiIndex"):
        backtest(make_pipeline(StandardScaler(), ARXRegressor()), X, y, 3, **args)


# ---------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0}, "horizon=0 is out of range"),
        ({"step": 1.5}, "step=1.5 is not an int"),
        ({"refit": 0}, "refit=0 is out of range"),
        ({"refit": "yes"}, "refit='yes' is not an int"),
        ({"window": 0, "refit": 5}, "window=0 is out of range"),
        ({"period": -1}, "period=-1 is out of range"),
        ({"initial": 1.5}, "initial=1.5 is out of range"),
        ({"initial": -1}, "initial=-1 is out of range"),
        ({"initial": 59}, "No origin has horizon=3 rows"),
        ({"refit": 5, "initial": 0}, "initial=0 leaves no row to fit"),
        ({"level": 101}, "level="),
        ({"y": None}, "y is None"),
        ({"y": Y[:7]}, "inconsistent numbers of samples"),
    ],
)
def test_bad_arguments(arguments, message):
    model = ARXRegressor().fit(X[TRAIN], Y[TRAIN])
    arguments = {"X": X[TEST], "y": Y[TEST], "horizon": 3} | arguments
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        backtest(model, **arguments)


@pytest.mark.parametrize(
    "model", [LogisticRegression(), make_pipeline(StandardScaler()), GridSearchCV(LogisticRegression(), {})]
)
def test_models_of_others(model):
    """Those that are no regressors; of a regressor it is the lags that are forecast."""
    with pytest.raises(TypeError, match="makes no forecasts of several steps: give an estimator of tsrnn"):
        backtest(model, X, Y, 3)


@pytest.mark.parametrize(
    "judge", [lambda *of: backtest(*of, 3), tsrnn.diagnose], ids=["backtest", "diagnose"]
)
def test_a_classifier_makes_no_forecasts(judge):
    model = tsrnn.ESNClassifier(5, random_state=0).fit(X[TRAIN], Y[TRAIN] > 0)
    with pytest.raises(TypeError, match="it gives labels, which score and log_loss judge"):
        judge(model, X[TEST], Y[TEST] > 0)


def test_progress(capsys):
    backtest(ARXRegressor(), X, Y, 3, refit=30, initial=200, verbose=2)
    assert capsys.readouterr().out.splitlines() == ["backtest: from row 200 on", "backtest: from row 230 on"]


# ---------------------------------------------------------------------------------------- scorer


@pytest.mark.parametrize("pipe", [False, True])
def test_scorer_is_the_loop(pipe):
    model = make_pipeline(StandardScaler(), ARXRegressor()) if pipe else ARXRegressor()
    scores = cross_val_score(model, X, Y, cv=TimeSeriesSplit(3), scoring=forecast_scorer(horizon=5, step=2))
    for (train, test), score in zip(TimeSeriesSplit(3).split(X), scores, strict=True):
        fitted, origins = clone(model).fit(X[train], Y[train]), range(0, len(test) - 4, 2)
        made = by_hand(fitted, X[test], Y[test], origins, 5)
        truth = np.array([Y[test][k : k + 5] for k in origins])
        assert score == pytest.approx(-np.sqrt(np.mean((made - truth) ** 2)), rel=1e-10)


def test_scorer_in_a_search():
    y = Y.copy()
    y[[30, 150]] = np.nan
    scoring = {"mae": forecast_scorer("mae", horizon=2), "last": forecast_scorer(worst, horizon=2)}
    grid = {"alpha": [1e-4, 1e5]}
    search = GridSearchCV(ARXRegressor(), grid, scoring=scoring, cv=TimeSeriesSplit(2), refit="mae", n_jobs=1)
    search.fit(X, y)
    assert search.best_params_ == {"alpha": 1e-4}
    assert (search.cv_results_["mean_test_last"] < search.cv_results_["mean_test_mae"]).all()


def worst(y_true, y_pred):
    return np.nanmax(np.abs(y_true - y_pred))


def test_scorer_pickles_and_checks():
    model = ARXRegressor().fit(X[TRAIN], Y2[TRAIN])
    scorer = forecast_scorer("smape", horizon=2)
    assert (
        pickle.loads(pickle.dumps(scorer))(model, X[TEST], Y2[TEST]) == scorer(model, X[TEST], Y2[TEST]) < 0
    )
    with pytest.raises(ValueError, match="metric='r2' is unknown"):
        forecast_scorer("r2", horizon=2)
    with pytest.raises(TypeError, match=r"horizon=2.5"):
        forecast_scorer(horizon=2.5)
    with pytest.raises(ValueError, match="No origin has horizon=99"):
        forecast_scorer(horizon=99)(model, X[TEST], Y2[TEST])


# ---------------------------------------------------------------------------------------- splits


def test_split_cuts_every_series_at_the_same_stamps():
    X, y = panel()
    X, y = X.sample(frac=1, random_state=0), y.sample(frac=1, random_state=1)
    stamps = X.index.get_level_values(1)
    distinct = stamps.unique().sort_values()  # 80
    splitter = PanelTimeSeriesSplit(3, test_size=10, gap=4, max_train_size=30)
    folds = list(splitter.split(X))
    assert len(folds) == splitter.get_n_splits() == 3
    for k, (train, test) in enumerate(folds):
        begin = 80 - 10 * (3 - k)
        assert set(test) == set(np.flatnonzero(stamps.isin(distinct[begin : begin + 10])))
        assert set(train) == set(np.flatnonzero(stamps.isin(distinct[begin - 34 : begin - 4])))
        assert (np.diff(train) > 0).all()
    whole = [len(train) + len(test) for train, test in PanelTimeSeriesSplit(2).split(X)]
    assert whole[-1] == len(X)
    for other in (splitter.split(np.zeros((len(X), 1)), X["x"]), splitter.split(X.droplevel(0))):
        assert all(
            np.array_equal(a, b) for one, two in zip(other, folds, strict=True) for a, b in zip(one, two)
        )


def test_split_of_groups():
    """The n-th rows of all series have the same time."""
    folds = PanelTimeSeriesSplit(2, test_size=1).split(np.zeros((9, 1)), None, list("aabbbaabb"))
    expected = [([0, 1, 2, 3, 4, 5], [6, 7]), ([0, 1, 2, 3, 4, 5, 6, 7], [8])]
    assert [(train.tolist(), test.tolist()) for train, test in folds] == expected


def test_split_errors():
    X, _ = panel((5, 4, 3))
    with pytest.raises(ValueError, match="5 distinct stamps are too few for n_splits=5"):
        list(PanelTimeSeriesSplit().split(X))
    with pytest.raises(
        ValueError, match="5 distinct stamps are too few for n_splits=2, test_size=2 and gap=1"
    ):
        list(PanelTimeSeriesSplit(2, test_size=2, gap=1).split(X))
    with pytest.raises(ValueError, match="index that tells time"):
        list(PanelTimeSeriesSplit(2).split(X.to_numpy()))
    with pytest.raises(ValueError, match="index that tells time"):
        list(PanelTimeSeriesSplit(2).split(X.reset_index(drop=True)))
    index = pd.MultiIndex.from_arrays([list("aab"), [pd.Timestamp("2020"), pd.NaT, pd.Timestamp("2021")]])
    with pytest.raises(ValueError, match="The index of X holds NaT, first in row 1"):
        list(PanelTimeSeriesSplit(2).split(pd.DataFrame({"x": range(3)}, index=index)))


def test_panels_in_a_search():
    X, y = panel()
    cv = PanelTimeSeriesSplit(2, test_size=15)
    scorer = forecast_scorer(horizon=3)
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), ARXRegressor())
    grid = {"arxregressor__alpha": [1e-4, 1e4]}
    search = GridSearchCV(pipeline, grid, scoring=scorer, cv=cv).fit(X, y)
    assert search.best_params_ == {"arxregressor__alpha": 1e-4}
    scores = cross_validate(search.best_estimator_, X, y, cv=cv, scoring=scorer)["test_score"]
    for (train, test), score in zip(cv.split(X), scores, strict=True):
        model = clone(search.best_estimator_).fit(X.iloc[train], y.iloc[train])
        forecasts = backtest(model, X.iloc[test], y.iloc[test], 3).forecasts
        assert score == pytest.approx(-rmse(forecasts.y, forecasts.forecast))


def test_rows_of_training_bring_a_warning():
    stamps = pd.date_range("2024", periods=len(X), freq="h")
    frame, target = pd.DataFrame(X, stamps), pd.Series(Y, stamps)
    model = ARXRegressor().fit(frame[:200], target[:200])
    with pytest.warns(UserWarning, match="these are errors on training rows"):
        backtest(model, frame, target, 2, initial=100)
    backtest(model, frame, target, 2, initial=200)
    backtest(model, frame, target, 2, initial=100, refit=50)
    with pytest.raises(ValueError, match="window=10 is for fits"):
        backtest(model, frame[200:], target[200:], 2, window=10)
