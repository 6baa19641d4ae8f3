"""The adapter to sktime: its own checks, and that its forecasts are the model's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tsrnn
from tsrnn import ARXRegressor, ESNRegressor, NARXRegressor
from tsrnn.datasets import load_co2, load_sunspots, make_narendra


pytest.importorskip("sktime")

from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.performance_metrics.forecasting import MeanAbsoluteError
from sktime.performance_metrics.forecasting.probabilistic import EmpiricalCoverage
from sktime.split import ExpandingWindowSplitter, SlidingWindowSplitter
from sktime.utils.estimator_checks import check_estimator

from tsrnn.sktime import TSRNNForecaster


pytestmark = pytest.mark.filterwarnings("default::FutureWarning:sktime", "default::DeprecationWarning:sktime")
MODELS = [
    NARXRegressor((4,), output_lags=2, random_state=0),
    ESNRegressor(30, output_lags=1, random_state=0),
    make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        NARXRegressor((), output_lags=2, training="open_loop", random_state=0),
    ),
]
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


@pytest.fixture(scope="module")
def sunspots():
    return load_sunspots().target


@pytest.fixture(scope="module", params=["range", "late", "period", "datetime"])
def driven(request):
    """X, y (300 rows) of a driven system, under each kind of index that sktime knows."""
    index = {
        "range": pd.RangeIndex(300),
        "late": pd.RangeIndex(1000, 1300),
        "period": pd.period_range("1990-01", periods=300, freq="M"),
        "datetime": pd.date_range("2020-01-01", periods=300, freq="h"),
    }[request.param]
    X, y = make_narendra(300, random_state=0)
    return pd.DataFrame(X, index, columns=["u"]), pd.Series(y, index, name="y")


def stamped(frame):
    """For the model itself, which takes pandas' own 0, 1, 2 ... for no index."""
    return (
        frame.set_axis(pd.Index(frame.index.to_numpy())) if isinstance(frame.index, pd.RangeIndex) else frame
    )


@pytest.mark.filterwarnings("ignore")  # its series are too short for good intervals, and more
def test_sktime_checks():
    results = check_estimator(TSRNNForecaster, verbose=False)
    assert {name: result for name, result in results.items() if result != "PASSED"} == {}
    assert len(results) > 700


@each_model
def test_horizons(model, driven):
    X, y = driven
    forecaster = TSRNNForecaster(model).fit(y[:250], X)  # more rows of X than of y
    inner = forecaster.estimator_
    own = clone(model).fit(stamped(X)[:250], stamped(y)[:250])
    ahead = own.predict(stamped(X)[250:260])
    fitted = own.predict(stamped(X)[:250], y=stamped(y)[:250])
    forecast = forecaster.predict([-249, -3, 0, 1, 4, 10], X[250:])
    np.testing.assert_array_equal(forecast, [*fitted[[0, 246, 249]], *ahead[[0, 3, 9]]])
    assert forecast.index.equals(y.index[[0, 246, 249, 250, 253, 259]])
    assert forecast.name == "y"
    absolute = forecaster.predict(ForecastingHorizon(y.index[[253, 259]], is_relative=False), X[250:260])
    np.testing.assert_array_equal(absolute, ahead[[3, 9]])
    assert forecaster.estimator_ is inner
    assert not hasattr(model[-1] if hasattr(model, "steps") else model, "n_features_in_")  # cloned


@each_model
@pytest.mark.parametrize("update_params", [False, True])
def test_update_takes_each_new_row_once(model, update_params, driven):
    X, y = driven
    forecaster = TSRNNForecaster(model).fit(y[:250], X[:250])
    for stop in (252, 260, 260):  # sktime hands over windows that overlap
        forecaster.update(y[240:stop], X[240:stop], update_params=update_params)
    assert list(forecaster.cutoff) == [y.index[259]]
    own = TSRNNForecaster(model).fit(y[:250], X[:250]).estimator_
    last, scale = (own[-1], own[:-1].transform) if hasattr(own, "steps") else (own, lambda X: X)
    for part in (slice(250, 252), slice(252, 260)):
        inputs, target = scale(stamped(X)[part]), stamped(y)[part]
        (last.partial_fit if update_params else last.update)(inputs, target)
    future = stamped(X)[260:270]
    np.testing.assert_array_equal(forecaster.predict(range(1, 11), X[260:]), own.predict(future))
    fitted = forecaster.predict(range(-259, 1))
    assert np.mean(np.abs(fitted - y[:260])[20:]) < 0.5 * y.std()
    assert fitted.index.equals(y.index[:260])


def test_update_without_measurements_learns_nothing(sunspots):
    y = sunspots.copy()
    y.iloc[200:203] = np.nan
    model = NARXRegressor((), output_lags=9, training="open_loop")
    forecaster = TSRNNForecaster(model).fit(y[:200])
    weights = forecaster.estimator_.theta_.copy()
    forecaster.update(y[200:203])
    np.testing.assert_array_equal(forecaster.estimator_.theta_, weights)
    expected = clone(model).fit(None, y[:200]).forecast(4).iloc[3]
    assert forecaster.predict(1).iloc[0] == pytest.approx(expected, rel=1e-12)


def test_missing_y_is_no_target():
    y = load_co2().target[:800]
    assert y.isna().sum() > 30
    model = ESNRegressor(30, output_lags=1, random_state=0)
    forecast = TSRNNForecaster(model).fit(y).predict(range(1, 9))
    np.testing.assert_array_equal(forecast, clone(model).fit(None, y).forecast(8))
    assert (forecast - y.dropna().iloc[-1]).abs().max() < 5


def test_a_cutoff_before_the_last_row_seen(driven):
    X, y = driven
    model = ESNRegressor(30, output_lags=1, random_state=0)
    forecaster = TSRNNForecaster(model).fit(y[:250], X[:250])
    cv = SlidingWindowSplitter(fh=[1, 3], window_length=100, step_length=50)
    forecast = forecaster.update_predict(y[:203], cv, X=X, update_params=False)
    assert list(forecast.columns) == list(y.index[[99, 149, 199]])
    own = clone(model).fit(stamped(X)[:250], stamped(y)[:250])
    one, three = (own.predict_ahead(stamped(X)[:250], stamped(y)[:250], steps=h) for h in (1, 3))
    for cutoff in (99, 149, 199):
        made = forecast[y.index[cutoff]].dropna()
        np.testing.assert_allclose(made, [one[cutoff + 1], three[cutoff + 3]], rtol=1e-9)
    late = TSRNNForecaster(model).fit(y[120:250], X[120:250])
    with pytest.raises(ValueError, match=r"cutoff .* is before the first row seen"):
        late.update_predict(y[:110], cv, X=X, update_params=False)


@pytest.mark.parametrize("method", ["conformal", "bootstrap"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_intervals_are_those_of_the_model(method, outputs, sunspots):
    y = sunspots if outputs == 1 else pd.DataFrame({"now": sunspots, "half": sunspots / 2 + 3})
    model = ARXRegressor(output_lags=11, random_state=0)
    forecaster = TSRNNForecaster(model, method=method).fit(y)
    own = clone(model).fit(None, y).forecast(7, level=[80, 95], method=method)
    bands = forecaster.predict_interval([2, 7], coverage=[0.95, 0.8])
    assert list(bands.columns.unique(1)) == [0.95, 0.8]
    bands = bands.sort_index(axis=1)
    assert bands.index.equals(own.index[[1, 6]])
    for name in ["sunspots"] if outputs == 1 else ["now", "half"]:
        dash = "" if outputs == 1 else f"{name}-"
        for percent in (80, 95):
            expected = own[[f"{dash}lo-{percent}", f"{dash}hi-{percent}"]].iloc[[1, 6]]
            np.testing.assert_array_equal(bands[name, percent / 100], expected)
        quantiles = forecaster.predict_quantiles([2, 7], alpha=[0.1, 0.5, 0.9])[name]
        np.testing.assert_array_equal(quantiles[0.5], own[name].iloc[[1, 6]])
        np.testing.assert_allclose(quantiles[[0.1, 0.9]], bands[name, 0.8])


def test_intervals_from_copies_and_from_earlier_cutoffs(sunspots):
    model = ARXRegressor(output_lags=11)
    forecaster = TSRNNForecaster(model, cv=4).fit(sunspots)
    own = clone(model).fit(None, sunspots).calibrate(None, sunspots, cv=4)
    bands = forecaster.predict_interval([1, 3], coverage=0.8)["sunspots", 0.8]
    np.testing.assert_array_equal(bands, own.forecast(3, level=80)[["lo-80", "hi-80"]].iloc[[0, 2]])
    again = forecaster.clone().fit(sunspots)
    again._set_cutoff(sunspots.index[250:251])  # as update_predict does
    bands = again.predict_interval([1, 3], coverage=0.8)["sunspots", 0.8]
    made = own.trajectories(None, sunspots, 3, origins=[251], level=80)
    np.testing.assert_allclose(bands, np.column_stack([side[0] for side in made.intervals[80]])[[0, 2]])


def test_intervals_cover(sunspots):
    cv = ExpandingWindowSplitter(fh=range(1, 12), initial_window=220, step_length=11)
    forecaster = TSRNNForecaster(ARXRegressor(output_lags=11), cv=5)
    table = evaluate(forecaster, cv, sunspots, scoring=EmpiricalCoverage(coverage=0.8), strategy="refit")
    assert len(table) == 8
    assert 0.6 < table.filter(like="EmpiricalCoverage").mean().item() < 0.95


@pytest.mark.parametrize("strategy", ["refit", "update", "no-update_params"])
def test_evaluate(strategy, sunspots):
    model = NARXRegressor((), output_lags=11, training="open_loop")
    cv = ExpandingWindowSplitter(fh=range(1, 12), initial_window=200, step_length=22)
    table = evaluate(
        TSRNNForecaster(model), cv, sunspots, strategy=strategy, scoring=MeanAbsoluteError(), return_data=True
    )
    assert len(table) == 5
    own = clone(model)
    for k, (train, test) in enumerate(cv.split(sunspots)):
        if k == 0 or strategy == "refit":
            own.fit(None, sunspots.iloc[train])
        else:
            (own.partial_fit if strategy == "update" else own.update)(None, sunspots.iloc[train[-22:]])
        np.testing.assert_allclose(table["y_pred"][k], own.forecast(11), rtol=1e-9)
        error = np.mean(np.abs(own.forecast(11) - sunspots.iloc[test]))
        assert table["test_MeanAbsoluteError"][k] == pytest.approx(error)
    naive = sunspots.diff(11).abs()[200:].mean()  # the cycle before
    assert table["test_MeanAbsoluteError"].mean() < naive


def test_grid_search(sunspots):
    forecaster = TSRNNForecaster(NARXRegressor((), output_lags=11, training="open_loop"))
    search = ForecastingGridSearchCV(
        forecaster,
        ExpandingWindowSplitter(fh=range(1, 6), initial_window=200, step_length=20),
        {"estimator__output_lags": [1, 11]},
        backend="None",  # no processes
    ).fit(sunspots)
    assert search.best_params_ == {"estimator__output_lags": 11}


def test_a_search_of_scikit_learn_inside(sunspots):
    model = NARXRegressor((), output_lags=1, training="open_loop")
    search = GridSearchCV(model, {"output_lags": [1, 11]}, cv=TimeSeriesSplit(3))
    forecaster = TSRNNForecaster(search).fit(sunspots[:250])
    own = clone(search).fit(pd.DataFrame(index=sunspots[:250].index), sunspots[:250])
    np.testing.assert_array_equal(forecaster.predict([1, 2]), tsrnn.forecast(own, 2))
    own.best_estimator_.partial_fit(None, sunspots[250:])
    np.testing.assert_array_equal(forecaster.update(sunspots[250:]).predict(1), tsrnn.forecast(own, 1))


def test_panel_and_hierarchy_get_one_model_a_series():
    model = NARXRegressor((4,), output_lags=2, random_state=0)
    frames = {}
    for k, n in enumerate((200, 150, 120, 180)):  # of unequal lengths
        X, y = make_narendra(n + 5, random_state=k)
        frames["ab"[k // 2], k % 2] = pd.DataFrame({"u": X[:, 0], "y": (k + 1) * y})
    table = pd.concat(frames, names=["site", "turbine", "time"])
    train = pd.concat({key: f[:-5] for key, f in frames.items()}, names=["site", "turbine", "time"])
    future = pd.concat({key: f[-5:] for key, f in frames.items()}, names=["site", "turbine", "time"])
    forecaster = TSRNNForecaster(model).fit(train[["y"]], train[["u"]])
    forecast = forecaster.predict(range(1, 6), future[["u"]])
    assert forecaster.forecasters_.shape == (4, 1)
    for key, frame in frames.items():
        own = clone(model).fit(frame[["u"]][:-5], frame["y"][:-5])
        np.testing.assert_array_equal(forecast.loc[key]["y"], own.forecast(5, frame[["u"]][-5:]))
    assert table.loc[forecast.index].shape == (20, 2)


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("model", MODELS[:2], ids=lambda m: type(m).__name__)
def test_pretrain_learns_one_model_from_many_series(model, levels):
    frames = {}
    for k in range(4):
        X, y = make_narendra(200 + 10 * k, random_state=k)
        frames[k if levels == 1 else ("ab"[k // 2], k % 2)] = pd.DataFrame({"u": X[:, 0], "y": y})
    panel = pd.concat({key: frames[key] for key in list(frames)[:3]})
    last = list(frames.values())[3]
    train, future = last[:-5], last[-5:]
    forecaster = TSRNNForecaster(model).pretrain(panel[["y"]], panel[["u"]])
    own = clone(model).fit(panel[["u"]], panel["y"])
    for _ in range(2):
        forecaster.fit(train["y"], train[["u"]])  # weights stay
        ahead = own.predict(stamped(future[["u"]]), start=(stamped(train[["u"]]), stamped(train["y"])))
        forecast = forecaster.predict(range(1, 6), future[["u"]])
        np.testing.assert_allclose(forecast, ahead, rtol=1e-9)
    known = TSRNNForecaster(model).pretrain(panel[["y"]], panel[["u"]]).fit(panel[["y"]], panel[["u"]])
    assert known.forecasters_.shape == (3, 1)
    for one in known.forecasters_["forecasters"]:  # the same weights
        cold = one.estimator_.predict(last[["u"]], start="cold")
        np.testing.assert_array_equal(cold, own.predict(last[["u"]], start="cold"))
    assert list(forecaster.estimator_.series_) == [None]
    assert len(forecaster.pretrained_.series_) == 3
    forecaster.update(future["y"][:2], future[["u"]][:2], update_params=False)
    np.testing.assert_allclose(
        forecaster.predict(1, future[["u"]]),
        own.predict(stamped(future[["u"]])[2:3], start=(stamped(last[["u"]])[:-3], stamped(last["y"])[:-3])),
        rtol=1e-9,
    )
    assert forecaster.predict(-5).notna().all()
    assert (forecaster.predict_interval(range(1, 4), future[["u"]]).diff(axis=1).iloc[:, 1] > 0).all()


def test_many_outputs_get_one_model(sunspots):
    Y = pd.DataFrame({"now": sunspots, "half": sunspots / 2 + 3})
    model = NARXRegressor((), output_lags=11, training="open_loop")
    forecast = TSRNNForecaster(model).fit(Y).predict([1, 2])
    pd.testing.assert_frame_equal(
        forecast, clone(model).fit(None, Y).forecast(2), check_freq=False, check_names=False
    )


def test_bad_input(driven):
    X, y = driven
    forecaster = TSRNNForecaster(NARXRegressor((4,), output_lags=2, random_state=0)).fit(y[:250], X[:250])
    with pytest.raises(ValueError, match=r"fh asks for .* no such row was seen: the first is"):
        forecaster.predict([-260, 1], X[250:])
    with pytest.raises(ValueError, match="needs X_future"):
        forecaster.predict(2)
    with pytest.raises(ValueError, match=r"X_future has 1 rows, but forecast\(3\) needs 3"):
        forecaster.predict([1, 3], X[250:251])
    with pytest.raises(ValueError, match="X_future has a gap"):
        forecaster.predict([1, 3], X.iloc[[250, 252, 253]])


@pytest.mark.parametrize("freq", ["D", "B", "ME", "h"])
def test_rows_are_missing_and_the_index_has_no_freq(freq):
    index = pd.date_range("2021-01-01", periods=260, freq=freq)
    left = pd.DatetimeIndex(index.delete([30, 31]).to_numpy())
    y = pd.Series(np.sin(np.arange(len(left))), left)
    forecaster = TSRNNForecaster(ARXRegressor((), 2)).fit(y[:250])
    assert forecaster.predict(fh=[1, 3]).index.tolist() == [index[252], index[254]]
    assert forecaster.update(y[250:253]).predict_interval(fh=[2]).index.tolist() == [index[256]]


def test_what_fh_cannot_count():
    y = np.sin(np.arange(60.0))
    with pytest.raises(ValueError, match=r"counts by 2, but fh counts by 1: give y.reset_index"):
        TSRNNForecaster(ARXRegressor((), 2)).fit(pd.Series(y, pd.RangeIndex(0, 120, 2)))
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(60) ** 2 + np.arange(60) % 7, unit="s")
    with pytest.warns(UserWarning, match="neither a step"):
        odd = TSRNNForecaster(ARXRegressor((), 2)).fit(pd.Series(y, stamps))
    with pytest.raises(ValueError, match="no frequency that sktime could count fh by"):
        odd.predict(fh=[1])
    with pytest.raises(ValueError, match="no row after the cutoff 59: give an index that goes on"):
        TSRNNForecaster(ARXRegressor()).fit(y, X=np.cos(y)[:, None]).predict(fh=[1], X=np.ones((1, 1)))
    with pytest.raises(TypeError, match=r"is no regressor of tsrnn: give one.*LagRegressor\(estimator\)"):
        TSRNNForecaster(StandardScaler()).fit(y)
