"""Any regressor on lags: the same as a table made by hand, in every verb, in a Forecaster, a backtest and a race."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge, SGDRegressor
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tsrnn import ARXRegressor, AutoForecaster, Forecaster, LagRegressor, WorseThanNaiveWarning
from tsrnn._estimators.lag_regressor import _can_go_on
from tsrnn.export import to_c
from tsrnn.model_selection import backtest


N, CUT, H = 400, 320, 3
rng = np.random.default_rng(0)
HOURS = pd.date_range("2024-01-01", periods=N, freq="h", name="hour")
U = rng.normal(size=N)
WAVE = 5 + np.sin(2 * np.pi * np.arange(N) / 24) + 0.5 * U + 0.1 * rng.normal(size=N)
X, Y = pd.DataFrame({"wind": U}, HOURS), pd.Series(WAVE, HOURS, name="load")
LAGS = {"input_lags": 1, "output_lags": (1, 3, 24)}
TREES = HistGradientBoostingRegressor(max_iter=15, max_leaf_nodes=7, random_state=0)


def by_hand(u, y, rows):
    """The table of LAGS, oldest first."""
    return np.column_stack([u[rows - 1], u[rows], y[rows - 24], y[rows - 3], y[rows - 1]])


def fitted_by_hand(model):
    rows = np.arange(24, CUT)
    return clone(model).fit(by_hand(U, WAVE, rows), WAVE[rows])


@pytest.fixture(scope="module")
def trees():
    return LagRegressor(TREES, **LAGS).fit(X[:CUT], Y[:CUT])


def test_it_is_a_regressor_on_a_table_made_by_hand(trees):
    other = fitted_by_hand(TREES)
    rows = np.arange(CUT, N)
    made = trees.predict_ahead(X[CUT:], Y[CUT:])
    np.testing.assert_array_equal(made, other.predict(by_hand(U, WAVE, rows)))
    fed = WAVE.copy()
    for row in rows:
        fed[row] = other.predict(by_hand(U, fed, np.array([row])))[0]
    np.testing.assert_array_equal(trees.predict(X[CUT:]), fed[CUT:])
    np.testing.assert_array_equal(trees.forecast(H, X[CUT:]), fed[CUT : CUT + H])
    runs = trees.trajectories(X[CUT:], Y[CUT:], H, origins=[0, 5]).forecast
    np.testing.assert_array_equal(runs[0], fed[CUT : CUT + H])
    assert trees.lags_ == ((0, 1), (1, 3, 24))
    (inner,) = trees.estimators_
    np.testing.assert_array_equal(inner.predict(by_hand(U, WAVE, rows)), made)


def test_rows_without_y_are_fed_back_and_not_learnt_from(trees):
    holes = Y[CUT:].copy()
    holes.iloc[[0, 1, 7]] = np.nan
    other, fed = fitted_by_hand(TREES), WAVE.copy()
    fed[CUT:] = holes
    for row in np.arange(CUT, N):
        out = other.predict(by_hand(U, fed, np.array([row])))[0]
        fed[row] = out if np.isnan(fed[row]) else fed[row]
    made = trees.predict_ahead(X[CUT:], holes)
    np.testing.assert_array_equal(made[[0, 1, 7]], fed[[CUT, CUT + 1, CUT + 7]])
    y = WAVE[:CUT].copy()
    y[100] = np.nan
    rows = np.setdiff1d(np.arange(24, CUT), 100 + np.array([0, 1, 3, 24]))
    other = LinearRegression().fit(by_hand(U, y, rows), y[rows])
    model = LagRegressor(LinearRegression(), **LAGS).fit(X[:CUT].to_numpy(), y)
    np.testing.assert_allclose(model.estimators_[0].coef_, other.coef_, rtol=1e-9)


def test_intervals_are_those_of_rows_that_a_first_fit_did_not_see():
    """A nearest neighbour knows its training rows by heart: errors there would be 0."""
    model = LagRegressor(KNeighborsRegressor(1), 0, 24).fit(X[:CUT], Y[:CUT])
    result = backtest(model, X[CUT:], Y[CUT:], H, level=80)
    assert result.errors["coverage-80"].between(0.6, 0.98).all()


def test_all_steps_at_once_are_shifted_targets():
    model = Forecaster(LagRegressor(TREES, 0, (1, 2, 24)), H, known_ahead="all").fit(X[:CUT], Y[:CUT])

    def table(t):
        return np.column_stack([U[t + np.arange(1, H + 1)], WAVE[t + np.array([-23, -1, 0])]])

    made, t = model.forecast(H, X[CUT:]), np.arange(23, CUT - H)[:, None]
    for step in range(1, H + 1):
        other = clone(TREES).fit(table(t), WAVE[t[:, 0] + step])
        assert made.iloc[step - 1] == other.predict(table(np.array([[CUT - 1]])))[0]


@pytest.mark.parametrize("strategy", ["multi_output", "direct", "recursive"])
def test_a_bare_regressor_stands_in_a_forecaster(strategy):
    bare = Forecaster(Ridge(), H, strategy=strategy, known_ahead="all").fit(X[:CUT], Y[:CUT])
    given = clone(bare).set_params(estimator=LagRegressor(Ridge())).fit(X[:CUT], Y[:CUT])
    made = bare.forecast(H, X[CUT:], level=80)
    pd.testing.assert_frame_equal(made, given.forecast(H, X[CUT:], level=80))
    assert len(bare.lags_.output_lags) > 1
    linear = Forecaster(ARXRegressor(0, bare.lags_.output_lags), H, strategy=strategy, known_ahead="all")
    np.testing.assert_allclose(made["load"], linear.fit(X[:CUT], Y[:CUT]).forecast(H, X[CUT:]), atol=0.05)


def test_in_a_backtest_a_search_and_a_file(trees, tmp_path):
    refitted = backtest(TREES, None, Y, H, initial=CUT, refit=40)
    assert refitted.errors.n.tolist() == [N - CUT - H + 1] * H
    again = backtest(LagRegressor(TREES), None, Y, H, initial=CUT, refit=40)
    pd.testing.assert_frame_equal(refitted.forecasts, again.forecasts)
    search = GridSearchCV(
        LagRegressor(Ridge(), 0, 24), {"estimator__alpha": [0.1, 1e6]}, cv=TimeSeriesSplit(2)
    )
    assert search.fit(X, Y).best_params_ == {"estimator__alpha": 0.1}
    kept = pickle.loads(pickle.dumps(trees))
    assert (kept.forecast(H, X[CUT:]) == trees.forecast(H, X[CUT:])).all()


def test_in_a_race():
    model = AutoForecaster(
        H, candidates=[Ridge(), LagRegressor(Ridge(), 0, 24)], known_ahead="all", random_state=0
    )
    model.fit(X[:CUT], Y[:CUT])
    names = set(model.leaderboard_.index)
    assert {"Ridge on ARX", "LagRegressor"} <= names
    model.partial_fit(X[CUT:], Y[CUT:])  # what cannot learn more stays as it is


def test_panels_and_several_outputs():
    index = pd.MultiIndex.from_product([["a", "b"], HOURS[:200]], names=["site", "hour"])
    y = pd.Series(np.concatenate([WAVE[:200], 1e4 * WAVE[200:]]), index, name="load")
    trees = LagRegressor(TREES, 0, 24, scale="series").fit(pd.DataFrame(index=index), y)
    made = trees.forecast(2)
    assert (made["b"] > 1e4).all()
    assert (made["a"] < 10).all()
    two = np.column_stack([WAVE, 1 - WAVE])
    for inner, n in ((TREES, 2), (Ridge(), 1)):
        both = LagRegressor(inner, **LAGS).fit(X[:CUT].to_numpy(), two[:CUT])
        assert len(both.estimators_) == n
        assert both.forecast(2, X[CUT:].to_numpy()).shape == (2, 2)


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("inside", [LinearRegression(), SGDRegressor(random_state=0, tol=None, max_iter=50)])
def test_of_several_outputs_each_is_told_by_its_own_past_unless_others_help(inside, steps):
    """By rows held back: what has nothing in common is learnt as by a model each, a leader is seen by its follower."""
    rng = np.random.default_rng(0)
    leader, *others = rng.normal(size=(4, 90)).cumsum(axis=1)
    options = {"input_lags": 0, "output_lags": 3, "scale": "standard", "target_transform": None}
    model = LagRegressor(inside, **options)
    model = Forecaster(model, steps) if steps else model
    apart, x = np.column_stack(others), rng.normal(size=(90, 1))
    together = clone(model).fit(x, apart).partial_fit(x, apart) if _can_go_on(inside) else model.fit(x, apart)
    alone = [clone(model).fit(x, y) for y in others]
    alone = [m.partial_fit(x, y) for m, y in zip(alone, others)] if _can_go_on(inside) else alone
    ahead = x[:2] if steps == 0 else None
    expected = np.column_stack([m.forecast(2, ahead) for m in alone])
    np.testing.assert_allclose(together.forecast(2, ahead), expected, rtol=1e-9)
    follower = np.roll(leader, 2) + 0.1 * rng.normal(size=90)
    regressors = clone(model).fit(None, np.column_stack([leader, follower])).params_
    regressors = regressors[0] if steps else regressors
    assert all(regressor.n_features_in_ == 6 for regressor in regressors)


def test_rounding_of_a_constant_output_does_not_decide():
    """0.1 is told to the last bit by its own past, and to one more by that of all."""
    rng = np.random.default_rng(0)
    leader = rng.normal(size=90).cumsum()
    Y = np.column_stack([leader, np.roll(leader, 2) + 0.1 * rng.normal(size=90), np.full(90, 0.1)])
    model = LagRegressor(LinearRegression(), output_lags=3, target_transform=None).fit(None, Y)
    assert [regressor.n_features_in_ for regressor in model.estimators_] == [9]


def test_weights_are_the_regressors():
    w = np.where(np.arange(CUT) < 200, 1.0, 3.0)
    rows = np.arange(24, CUT)
    other = Ridge().fit(by_hand(U, WAVE, rows), WAVE[rows], sample_weight=w[rows])
    model = LagRegressor(Ridge(), **LAGS).fit(X[:CUT].to_numpy(), WAVE[:CUT], sample_weight=w)
    made = model.predict_ahead(X[CUT:].to_numpy(), WAVE[CUT:])
    np.testing.assert_allclose(made, other.predict(by_hand(U, WAVE, np.arange(CUT, N))), rtol=1e-12)
    with pytest.raises(ValueError, match=r"sample_weight.*KNeighborsRegressor"):
        LagRegressor(KNeighborsRegressor(1), 0, 3).fit(None, WAVE[:CUT], sample_weight=w)


def test_partial_fit_is_the_regressors_own(trees):
    model = LagRegressor(SGDRegressor(random_state=0), 0, 3, scale="standard").fit(None, Y[:CUT])
    before = model.estimators_[0].coef_.copy()
    longer = clone(model).fit(None, Y[:CUT]).partial_fit(None, Y[CUT:])
    assert not np.array_equal(longer.estimators_[0].coef_, before)
    np.testing.assert_array_equal(model.estimators_[0].coef_, before)
    with pytest.raises(TypeError, match=r"partial_fit.*HistGradientBoostingRegressor.*update"):
        clone(trees).fit(X[:CUT], Y[:CUT]).partial_fit(X[CUT:], Y[CUT:])


def test_trees_that_cannot_follow_a_trend_bring_a_warning():
    """Whatever scikit-learn calls their loss."""
    trend = 0.1 * np.arange(N) + 0.1 * np.random.default_rng(3).normal(size=N)
    for loss in ("squared_error", "absolute_error"):
        trees = clone(TREES).set_params(loss=loss)
        levels = LagRegressor(trees, 0, 3, target_transform=None)
        for model in (levels, Forecaster(levels, H)):
            with pytest.warns(WorseThanNaiveWarning, match="worse than persistence"):
                model.fit(None, trend)
        changes = LagRegressor(trees, 0, 3).fit(None, trend)
        assert changes.forecast(50)[-1] == pytest.approx(trend[-1] + 5, abs=1)


def test_what_cannot_be_is_refused(trees):
    with pytest.raises(TypeError, match="HistGradientBoostingRegressor on lags cannot be exported"):
        to_c(trees)
    for bad in (
        None,
        "ridge",
        Ridge,
        object(),
        ARXRegressor(),
        make_pipeline(StandardScaler(), ARXRegressor()),
    ):
        with pytest.raises(TypeError, match="estimator="):
            LagRegressor(bad).fit(None, WAVE)
    with pytest.raises(TypeError, match="before the Forecaster"):
        Forecaster(make_pipeline(StandardScaler(), ARXRegressor()), H).fit(None, WAVE)
    with pytest.raises(TypeError, match="no parameter loss"):
        Forecaster(Ridge(), H, quantiles=(0.1, 0.9)).fit(None, WAVE)
    with pytest.raises(ValueError, match="validation_fraction"):
        LagRegressor(Ridge(), validation_fraction=1.0).fit(None, WAVE)
    hardly = np.c_[WAVE, np.full(len(WAVE), np.nan)]
    for rows in ([5, 6, 7], [100, 101]):
        hardly[:, 1] = np.nan
        hardly[rows, 1] = 1.0
        with pytest.raises(ValueError, match="a model of its own to an output that is hardly measured"):
            LagRegressor(Ridge(), output_lags=3, missing="mask").fit(None, hardly)


ORDER = "rows are time: shuffling them, or leaving some out, changes what came before the others"
EXPECTED = {
    "check_methods_sample_order_invariance": ORDER,
    "check_methods_subset_invariance": ORDER,
    "check_sample_weight_equivalence_on_dense_data": "a row of weight 0 is still the history of the next",
}


@parametrize_with_checks(
    [LagRegressor(SGDRegressor(max_iter=5, tol=None, random_state=0), 1, 1, scale="standard")],
    expected_failed_checks=lambda model: EXPECTED,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
