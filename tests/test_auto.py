"""AutoForecaster and what it stands on: seasons, lags, transforms, a linear autoregression of all origins, blends."""

import pickle
import warnings
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from public import STRICT
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_info, threadpool_limits

import tsrnn
from tsrnn import ARXRegressor, AutoForecaster, NARXRegressor, PersistenceRegressor, SeasonalNaiveRegressor
from tsrnn._auto import blend, leaning, race, smoothing
from tsrnn._auto.candidates import Constant, Foreign, LinearCandidate, Mean, Naive, Net, Smoothing
from tsrnn._auto.dynamics import UNSTATED
from tsrnn._auto.field import Block, errors_by_step, make_field
from tsrnn._auto.linear import Recipe, extended, fit_with_sums, forecast
from tsrnn._series import autoregression as ar
from tsrnn._series import choices, seasons
from tsrnn.diagnostics import lag_importance
from tsrnn.model_selection import backtest
from tsrnn.preprocessing import Difference, Log, Power


mpl.use("Agg")
N, H = 420, 7
RNG = np.random.default_rng(0)
DAYS = pd.date_range("2022-01-01", periods=N, freq="D", name="day")
NOISE = RNG.normal(size=N)
INPUT = RNG.normal(size=N)
WAVE = 20 + 5 * np.sin(2 * np.pi * np.arange(N) / 7) + 0.01 * np.arange(N)
Y = pd.Series(WAVE + 2 * INPUT + 0.5 * np.convolve(NOISE, [1, 0.6], "same"), DAYS, name="sold")
X = pd.DataFrame({"promotion": INPUT, "other": RNG.normal(size=N)}, DAYS)
CUT = 360


def quick(horizon=H, **options):
    """An AutoForecaster without nets, on a machine as slow as may be."""
    return AutoForecaster(horizon, **({"candidates": [], "time_budget": 3600, "random_state": 0} | options))


@pytest.fixture(scope="module")
def alone():
    """Fitted to y alone."""
    return quick().fit(None, Y[:CUT])


@pytest.fixture(scope="module")
def driven():
    """Fitted to y and an input known ahead."""
    return quick(known_ahead=["promotion"]).fit(X[:CUT], Y[:CUT])


# ------------------------------------------------------------------------------------ seasons


def hours(n):
    return pd.date_range("2024-01-01", periods=n, freq="h")


def test_periods_of_the_calendar():
    assert seasons.calendar_periods(hours(50)) == {"day": 24.0, "week": 168.0, "year": 8765.82}
    assert seasons.calendar_periods(pd.period_range("2020-01", periods=30, freq="M"))["year"] == 12.0
    assert seasons.calendar_periods(pd.bdate_range("2024-01-01", periods=300))["week"] == 5.0
    assert seasons.calendar_periods(pd.RangeIndex(5)) == {}
    assert seasons.calendar_periods(None) == {}


@pytest.mark.parametrize("index", [None, hours(700)], ids=["no index", "hours"])
def test_a_day_and_a_week_are_found(index):
    t = np.arange(700)
    u = np.sin(2 * np.pi * t / 24) + 0.5 * (t // 24 % 7 > 4) + 0.05 * RNG.normal(size=700)
    assert seasons.find_seasons(u[:, None], index) == (24, 168)


def test_a_random_walk_has_no_season():
    u = np.cumsum(np.random.default_rng(3).normal(size=1000))[:, None]
    assert seasons.find_seasons(u, hours(1000)) == ()
    assert seasons.find_seasons(u) == ()


def test_no_season_that_was_not_seen_twice():
    u = np.sin(2 * np.pi * np.arange(300) / 168)[:, None]
    assert 168 not in seasons.find_seasons(u, hours(300))


def test_a_season_seen_once_is_told_by_the_series_that_show_it():
    u = lambda n: np.resize(np.random.default_rng(0).normal(size=168), n)[:, None]  # noqa: E731
    assert seasons.find_once([u(300), *(u(30) for _ in range(40))], hours(300)) == (168,)
    for n, index in ((200, hours(200)), (400, hours(400)), (300, None)):
        assert seasons.find_once([u(n)], index) == ()
    assert seasons.find_once([RNG.normal(size=(300, 1))], hours(300)) == ()
    week = pd.date_range("2024", periods=7000, freq="2min")  # of 5040 rows, more than a memory holds
    assert seasons.find_once([np.resize(RNG.normal(size=5040), 7000)[:, None]], week) == ()


def test_autocorrelation_is_the_loop():
    u = RNG.normal(size=60)
    u[[3, 17]] = np.nan
    z = u - np.nanmean(u)
    r = [np.nanmean(z[k:] * z[: 60 - k]) for k in range(8)]
    np.testing.assert_allclose(seasons.autocorrelation(u, 7), np.array(r) / r[0], atol=1e-12)


def test_partial_autocorrelation_of_an_autoregression_ends():
    u = np.zeros(20_000)
    e = np.random.default_rng(0).normal(size=20_000)
    for t in range(2, 20_000):
        u[t] = 0.5 * u[t - 1] + 0.3 * u[t - 2] + e[t]
    p = seasons.partial_autocorrelation(seasons.autocorrelation(u, 5))
    np.testing.assert_allclose(p[1], 0.3, atol=0.02)
    assert np.abs(p[2:]).max() < 0.03


def test_calendar_has_no_year_that_was_not_seen_twice():
    stamps = pd.date_range("2022-01-01", periods=1000, freq="D")
    widths = [
        seasons.calendar(seasons.Calendar(1.0, (7,), n), stamps, np.arange(1000)).shape[1]
        for n in (10, 400, 740)
    ]
    assert widths == [0, 6, 12]  # nothing; weekdays; and three harmonics of the year


def test_calendar_tells_monday_seven_oclock():
    stamps, n = hours(24 * 7 * 6), 24 * 7 * 6
    features = seasons.calendar(seasons.Calendar(1 / 24, (24, 168), n), stamps, np.arange(n), detail=2)
    monday = ((stamps.day_of_week == 0) & (stamps.hour == 7)).astype(float)
    left = [
        np.linalg.lstsq(np.column_stack([f, np.ones(n)]), monday, rcond=None)[1]
        for f in (
            features,
            seasons.calendar(seasons.Calendar(1 / 24, (24, 168), n), stamps, np.arange(n), detail=1),
        )
    ]
    assert left[0] < 0.8 * left[1] < monday.sum()


def test_numbers_of_the_calendar():
    stamps, row = hours(24 * 900), 24 * 40 + 7
    seen_long = seasons.calendar_numbers(seasons.Calendar(1 / 24, (), 24 * 900), stamps, np.arange(24 * 900))
    assert seen_long[row].tolist() == [7, 5, 41]  # seven o'clock, Saturday, the tenth of February
    assert (
        seasons.calendar_numbers(seasons.Calendar(1 / 24, (), 300), stamps, np.arange(24 * 900)).shape[1] == 1
    )
    assert seasons.calendar_numbers(seasons.Calendar(None, (24, 168), 500), None, np.array([200]))[
        0
    ].tolist() == [8, 32]
    assert seasons.calendar_numbers(seasons.Calendar(1.0, (), 5), stamps, np.arange(24 * 900)).shape == (
        24 * 900,
        0,
    )


def test_choose_lags_takes_the_season_and_the_input():
    t = np.arange(600)
    x = RNG.normal(size=(600, 1))
    u = 3 * np.sin(2 * np.pi * t / 24) ** 3 + np.r_[0, x[:-1, 0]] + 0.1 * RNG.normal(size=600)
    lags = choices.choose_lags(u[:, None], hours(600), x, horizon=6)
    assert 1 in lags.input_lags
    assert 24 in lags.output_lags
    ARXRegressor(*lags).fit(x, u)  # in the form that estimators take


def test_choose_transform():
    months = pd.date_range("2010", periods=144, freq="MS")
    rng = np.random.default_rng(1)
    season = 0.2 * np.sin(2 * np.pi * np.arange(144) / 12)
    grows = np.exp(0.05 * np.cumsum(rng.normal(size=144)) + season + 0.02 * rng.normal(size=144))
    found = choices.choose_transform(grows[:, None], months)
    assert any(isinstance(step, Difference) for step in found)
    assert choices.choose_transform(rng.normal(size=(300, 1)), None) is None


def test_differences_or_lags_tell_a_season_of_few_days():
    t, found = np.arange(84), []
    for seed in range(12):
        drifts = np.convolve(np.random.default_rng(seed).normal(size=84), 0.8 ** np.arange(30))[:84]
        y = 20 + 6 * np.exp(1.5 * np.sin(2 * np.pi * t / 24)) + drifts
        steps = choices.choose_transform(y[:, None], hours(84)) or [Difference(1)]
        found.append(steps[0].lag == 24 or 24 in choices.choose_lags(y[:, None], hours(84)).output_lags)
    assert sum(found) >= 11


def test_guerrero():
    level = np.repeat(np.linspace(10, 100, 40), 10)
    e = RNG.normal(size=400)
    assert seasons.propose_pointwise((level + e)[:, None]) == [None]
    assert isinstance(seasons.propose_pointwise((level * np.exp(0.1 * e))[:, None])[-1], Log)
    assert isinstance(seasons.propose_pointwise((np.sqrt(level) + 0.3 * e)[:, None] ** 2)[-1], Power)
    assert seasons.propose_pointwise((level * np.exp(0.1 * e) - 50)[:, None]) == [None]  # negative values


# ------------------------------------------------------------------------------------ autoregression


def loop_ahead(model, u, E, k, steps):
    """Row by row."""
    u, P = list(u[:k]), len(model.a)
    for s in range(steps):
        u.append(model.a @ np.array(u[::-1][:P]) + E[k + s] @ model.c + model.b)
    return u[k:]


@pytest.mark.parametrize("differences", [(), (1,), (1, 7)])
def test_ahead_is_the_loop(differences):
    u, E = Y.to_numpy(), X.to_numpy()
    rows = ar.regressors(u, E, (1, 2, 7), differences)
    (sums,) = ar.sums_until(rows, np.ones(N), [N])
    ((beta, b, noise),) = ar.ridge(sums, (1e-3,))
    model = ar.in_levels(beta, b, noise, (1, 2, 7), differences)
    made = ar.ahead(model, u, E, np.array([40, 30, 300]), 9)
    for out, k in zip(made, (40, 30, 300)):
        np.testing.assert_allclose(out, loop_ahead(model, u, E, k, 9), rtol=1e-9)


def test_ridge_is_least_squares_where_nothing_is_penalised():
    u, E = Y.to_numpy(), X.to_numpy()
    rows = ar.regressors(u, E, (1, 7), (1,))
    (sums,) = ar.sums_until(rows, np.ones(N), [N])
    ((beta, b, noise),) = ar.ridge(sums, (0.0,))
    good = rows[np.isfinite(rows).all(axis=1)]
    Z = np.column_stack([good[:, :-1], np.ones(len(good))])
    expected = np.linalg.lstsq(Z, good[:, -1], rcond=None)[0]
    np.testing.assert_allclose([*beta, b], expected, rtol=1e-6)
    np.testing.assert_allclose(noise, np.mean((Z @ expected - good[:, -1]) ** 2), rtol=1e-6)


def test_sums_of_cuts_are_sums_of_rows():
    rows = ar.regressors(Y.to_numpy() + 1e6, X.to_numpy(), (1, 2), ())
    many = ar.sums_until(rows, np.ones(N), [100, 250, N])
    for sums, cut in zip(many, (100, 250, N)):
        (alone,) = ar.sums_until(rows[:cut], np.ones(cut), [cut])
        np.testing.assert_allclose(sums.products, alone.products, rtol=1e-6, atol=1e-6)
    later = np.arange(N) >= 250
    (rest,) = ar.sums_until(rows, later.astype(float), [N])
    both = ar.merged(many[1], rest)
    np.testing.assert_allclose(both.products, many[2].products, rtol=1e-6, atol=1e-6)
    assert both.n == many[2].n


# ------------------------------------------------------------------------------------ candidates, blends, bands


def block_of(y, n_seen=None):
    clock = seasons.Calendar(1.0, (7,), n_seen or len(y))
    nothing = np.empty((len(y) + 50, 0))
    stamps = pd.date_range("2022-01-01", periods=len(y) + 50, freq="D")
    return Block(np.asarray(y, float)[:, None], nothing, nothing, stamps, np.arange(len(y) + 50), clock)


def test_smoothing_is_the_loop():
    u = Y.to_numpy()[:60]
    models = smoothing.Models(*(np.array([v]) for v in (0.3, 0.05, 0.9, 0.2)))
    first = smoothing.State(np.array([20.0]), np.array([0.1]), np.arange(7.0)[:, None])
    fitted = smoothing.Fitted(models, np.ones(1), first)
    made = smoothing.run(fitted, u, np.ones(60, bool), 3, np.array([0, 20, 59]))
    level, trend, season = 20.0, 0.1, np.arange(7.0)
    far = np.array([0.9, 0.9 + 0.81, 0.9 + 0.81 + 0.729])
    np.testing.assert_allclose(made[0], level + trend * far + season[:3])
    for t in range(59):
        drift = 0.9 * trend
        e = u[t] - level - drift - season[t % 7]
        level, trend = level + drift + 0.3 * e, drift + 0.05 * e
        season[t % 7] += 0.2 * e
    np.testing.assert_allclose(made[-1], level + trend * far + season[(59 + np.arange(3)) % 7])


@pytest.mark.parametrize(("n", "period"), [(13, 1), (13, 7), (40, 7)])
def test_the_first_state_is_that_of_least_squares(n, period):
    u, models = Y.to_numpy()[:n] - Y[:n].mean(), smoothing.grid(period)
    first = smoothing.first_state(models, u, period)
    shrunk = np.sqrt([smoothing.LEVEL, smoothing.TREND] + [smoothing.SEASON] * period)[:, None]

    def residuals(x):
        e, _ = smoothing.sweep(models, smoothing.State(x[0], x[1], x[2:]), u)
        return np.vstack([e, shrunk * x])

    x = np.vstack([first.level, first.trend, first.season])
    at = residuals(x)
    for k in range(len(x) if period > 1 else 2):  # the sum of squares is flat there
        slope = np.sum(at * (residuals(x + np.eye(len(x))[:, [k]]) - at), axis=0)
        np.testing.assert_allclose(slope, 0, atol=1e-7 * np.sum(u**2))
    assert not first.trend[models.phi == 0].any()


def test_smoothing_goes_on_where_its_first_row_is_forgotten():
    member = Smoothing(None, 7).learn([block_of(Y[:100])], 5)
    whole, origin = block_of(Y[:120]), np.array([110])
    later = Block(whole.Y[50:], whole.ahead[50:], whole.seen[50:], None, whole.place[50:], whole.clock)
    np.testing.assert_allclose(member.ahead(later, 0, origin - 50, 5), member.ahead(whole, 0, origin, 5))


def test_smoothing_models_are_weighed_by_what_the_data_say():
    known, week = np.ones(70, bool), np.sin(2 * np.pi * np.arange(70) / 7)
    season, noise = (smoothing.fit(u + 0.1 * NOISE[:70], known, 7) for u in (week, 0 * week))
    walk = smoothing.fit(np.cumsum(NOISE[:70]), known, 1)
    for fitted in (season, noise, walk):
        np.testing.assert_allclose(fitted.weights.sum(), 1)
    assert np.ptp(season.first.season @ season.weights) > 1.5
    assert np.ptp(noise.first.season @ noise.weights) < 0.1
    assert noise.weights @ noise.models.alpha < 0.2 < 0.7 < walk.weights @ walk.models.alpha


def test_smoothing_goes_on_over_what_was_not_measured():
    t = np.arange(140)
    u = 5 + 2 * np.sin(2 * np.pi * t / 7)
    known = np.ones(140, bool)
    known[80:90] = False
    fitted = smoothing.fit(u[:80], known[:80], 7)
    made = smoothing.run(fitted, np.where(known, u, 1e9), known, 7, np.array([120]))
    np.testing.assert_allclose(made[0], u[120:127], atol=0.05)


def test_smoothing_of_a_new_series_learns_its_own_rows_alone():
    week = 5 + np.cumsum(NOISE[:60]) + 4 * np.sin(2 * np.pi * np.arange(60) / 7)
    own, behind = block_of(week), block_of(np.concatenate([np.full(20, 50.0), week]))
    behind.place = behind.place - 20  # as after rows that nobody saw
    member = Smoothing(None, 7).learn([block_of(NOISE[:90])], 7)
    origins = np.array([1, 3, 24, 43, 60])
    made = member.ahead(behind, None, 20 + origins, 7)
    for k, origin in enumerate(origins):  # as if no other origin were asked for
        np.testing.assert_array_equal(member.ahead(own, None, origins[[k]], 7)[0], made[k])
        n = smoothing.learnt(origin)
        assert 0.8 * origin <= n <= origin
        fitted = smoothing.fit(week[:n], np.ones(n, bool), 7)
        expected = smoothing.run(fitted, week, np.ones(60, bool), 7, [origin])[0]
        np.testing.assert_allclose(made[k, :, 0], expected)


def test_weights_prefer_what_is_right_and_add_up_to_one():
    truth = RNG.normal(size=(400, 5))
    made = np.stack([truth + 0.1 * RNG.normal(size=truth.shape), truth + 3 * RNG.normal(size=truth.shape)])
    w = blend.weights(made - truth)
    np.testing.assert_allclose(w.sum(axis=0), 1)
    assert (w >= 0).all()
    assert w[0].min() > 0.9
    np.testing.assert_allclose(blend.weights(made[[0, 0]] - truth), 0.5)  # none is better: equal ones
    made[0] = truth
    np.testing.assert_allclose(blend.weights(made - truth), [[1] * 5, [0] * 5], atol=1e-6)
    np.testing.assert_allclose(blend.weights(made[[0, 0]] - truth), 0.5)


def test_an_output_that_is_hardly_measured_is_named():
    Y = np.column_stack([NOISE[:90], np.where(np.arange(90) == 80, 1.0, np.nan)])
    with pytest.warns(UserWarning, match="Output 1 of y has only 1 measured value"):
        assert np.isfinite(quick().fit(None, Y).forecast(H)).all()


def test_members_whose_errors_cancel_are_chosen():
    truth, e = np.zeros((200, 3, 1)), RNG.normal(size=(200, 3, 1))
    wrong = np.stack([0.9 * e, 1.0 * e, -1.0 * e, 5 * np.ones_like(e)]) - truth
    assert set(blend.choose_members(wrong, np.ones((2, 3, 1)))) >= {0, 2}
    assert 3 not in blend.choose_members(wrong, np.ones((2, 3, 1)))


def test_step_groups_cover_all_steps():
    for h in (1, 2, 3, 7, 8, 24, 48, 100):
        steps = [s for g in blend.step_groups(h) for s in range(h)[g]]
        assert steps == list(range(h))


def test_recipe_that_learns_more_is_that_fitted_to_all():
    block, recipe = block_of(Y[:400]), Recipe((1, 7), (1,), detail=1)
    first, sums = fit_with_sums([block.until(300)], recipe, 0)
    more, _ = extended(first, sums, recipe, 0, (block, 0, 300))
    whole, _ = fit_with_sums([block], recipe, 0)
    np.testing.assert_allclose(more.model.a, whole.model.a, rtol=1e-8, atol=1e-10)
    origins = np.array([400])
    np.testing.assert_allclose(
        forecast(more, block, 0, 0, origins, 7), forecast(whole, block, 0, 0, origins, 7), rtol=1e-8
    )


def test_field_compares_with_the_better_naive():
    field = make_field([block_of(WAVE)], seasons.Calendar(1.0, (7,), N), 7)
    assert field.best_naive == 7
    cuts = [fold[0].cut for fold in field.stretches]
    assert cuts == sorted(cuts)
    for fold in field.stretches:
        assert (fold[0].origins >= fold[0].cut).all()  # nothing that is forecast was learnt
    for fold, after in pairwise(field.stretches):
        assert fold[0].origins.max() < after[0].cut + 1


def test_smoothing_is_tried_with_each_season():
    week = np.sin(2 * np.pi * np.arange(900) / 168) ** 3 + np.sin(2 * np.pi * np.arange(900) / 24)
    clock = seasons.Calendar(1 / 24, (24, 168), 900)
    block = Block(week[:, None], np.empty((950, 0)), np.empty((950, 0)), None, np.arange(950), clock)
    assert {smooth.period for smooth in race._smooth(make_field([block], clock, 24))} == {24, 168}


@pytest.mark.parametrize(("periods", "last"), [((), 1), ((7, 14), 7)])
def test_trees_on_lags_correct_a_naive_forecast(periods, last):
    block = block_of(Y[:400].to_numpy() - 20)
    naive, _ = fit_with_sums([block], race._naive_recipe(Recipe((1, 2, 7), (), half_life=0.5), periods), 0)
    origins, steps = np.array([300, 400]), np.arange(5)
    expected = block.levels(None)[origins[:, None] - last + steps % last, 0]
    np.testing.assert_allclose(forecast(naive, block, 0, 0, origins, 5), expected, atol=0.2)


def test_who_is_best_on_a_stretch_does_not_forecast_it():
    field = make_field([block_of(Y.to_numpy())], seasons.Calendar(1.0, (7,), N), H)
    last = field.folds == field.folds.max()
    off = np.where(last, [[0.0], [1.0]], [[1.1], [1.0]])  # the first happens to know the last stretch
    sign = (-1.0) ** np.arange(len(last))
    forecasts = field.truth + 3 * (sign * off)[..., None, None]
    runners = [
        race.Runner(Smoothing(None, period), field.error(made), made, 0.0)
        for period, made in zip((1, 7), forecasts)
    ]
    result = race._finish(field, runners)
    assert runners[0].error < runners[1].error
    honest, blended = (np.abs(made - field.truth)[last] for made in (result.honest, result.blended))
    assert honest.min() > 2.9
    assert blended.max() < 0.1


def test_errors_leave_out_what_was_not_measured():
    truth = np.array([[1.0, np.nan], [2.0, 4.0]])[..., None]
    made = np.array([[2.0, 5.0], [2.0, np.inf]])[..., None]
    rmse, mae = errors_by_step(made - truth)[..., 0]
    assert mae[0] == 0.5
    assert rmse[1] > 1e90


# ------------------------------------------------------------------------------------ the estimator


@parametrize_with_checks(
    [quick(3)],
    expected_failed_checks=lambda e: dict.fromkeys(
        [
            "check_methods_sample_order_invariance",
            "check_methods_subset_invariance",
            "check_sample_weight_equivalence_on_dense_data",
        ],
        "rows are time: their order, and the rows before them, matter",
    ),
    **STRICT,
)
@pytest.mark.filterwarnings("ignore:Nothing beats", "ignore:Too few rows")
def test_scikit_learn(estimator, check):
    check(estimator)


def test_it_beats_naive_forecasts_and_says_so(alone):
    assert alone.seasons_ == (7,)
    assert "less than the seasonal naive forecast (7 rows)" in alone.verdict_
    board = alone.leaderboard_
    assert board.index[0] == "blend"
    assert board.error.iloc[0] < board.error.iloc[1:].min() * 1.02
    assert {"RMSE-1", "RMSE-7", "weight", "seconds", "note"} <= set(board)
    assert board.weight.iloc[1:].sum() == pytest.approx(1)
    np.testing.assert_allclose(alone.weights_.sum(axis=0), 1)
    errors = backtest(alone, None, Y[CUT:], H, period=7).errors
    assert (errors.skill_seasonal > 0).all()


def test_inputs_known_ahead_help(alone, driven):
    own = backtest(driven, X[CUT:], Y[CUT:], H).errors.RMSE
    assert (own < 0.6 * backtest(alone, None, Y[CUT:], H).errors.RMSE).all()


@pytest.mark.filterwarnings("ignore:.* in the middle of the rows given")
def test_inputs_not_known_ahead_are_not_looked_at(driven):
    changed = X[CUT:].copy()
    changed["other"] += 100
    first = driven.trajectories(X[CUT:], Y[CUT:], H, origins=[0]).forecast
    np.testing.assert_array_equal(driven.trajectories(changed, Y[CUT:], H, origins=[0]).forecast, first)
    with pytest.raises(ValueError, match=r"rows of the inputs known ahead, 1 of 2. Give.*known_ahead=\(\)"):
        driven.forecast(H)
    only = driven.forecast(H, X[["promotion"]][CUT : CUT + H])
    np.testing.assert_array_equal(driven.forecast(H, changed[:H]), only)
    np.testing.assert_array_equal(only, first[0])


def test_inputs_of_the_past_are_seen():
    x = RNG.normal(size=N)
    y = np.r_[0, x[:-1]] + 0.1 * RNG.normal(size=N)
    model = quick(1).fit(x[:CUT, None], y[:CUT])
    assert np.corrcoef(model.predict_ahead(x[CUT:, None], y[CUT:])[1:], y[CUT + 1 :])[0, 1] > 0.95


@pytest.mark.filterwarnings("ignore:.* in the middle of the rows given")
@pytest.mark.filterwarnings("ignore:y is .* taken as not measured")
def test_nothing_of_the_future_is_seen(driven):
    x, y = X[CUT:], Y[CUT:]
    first = driven.trajectories(x, y, H, origins=[10, 20]).forecast
    y2, x2 = y.copy(), x.copy()
    y2.iloc[20:] += 1000
    x2.iloc[27:] += 1000
    np.testing.assert_array_equal(driven.trajectories(x2, y2, H, origins=[10, 20]).forecast, first)
    ahead = driven.predict_ahead(x, y, steps=3)
    np.testing.assert_array_equal(driven.predict_ahead(x, y2, steps=3)[:22], ahead[:22])


def test_verbs_agree(alone):
    made = alone.forecast(H)
    assert made.index.equals(DAYS[CUT : CUT + H])
    assert made.name == "sold"
    np.testing.assert_allclose(alone.predict(pd.DataFrame(index=DAYS[CUT : CUT + H])), made)
    np.testing.assert_allclose(alone.trajectories(None, Y[CUT:], H).forecast[0], made)
    ahead, runs = alone.predict_ahead(None, Y[CUT:], steps=2), alone.trajectories(None, Y[CUT:], 2).forecast
    np.testing.assert_allclose(ahead[1:], runs[:, 1])
    assert ahead[0] == pytest.approx(made.iloc[0])
    np.testing.assert_allclose(alone.predict(pd.DataFrame(index=DAYS[CUT:]), y=Y[CUT:], steps=2), ahead)


@pytest.mark.parametrize("gap", [0, 3])
def test_what_a_blend_leans_to_is_the_loop(gap):
    wrong = RNG.normal(size=(40, 4, 1))
    wrong[RNG.random(wrong.shape) < 0.1] = np.nan
    origins, now = 10 + np.arange(40), np.array([5, 12, 30, 49, 52, 60])
    made = leaning.lean(wrong, origins, now, 4, gap)
    for k, of_now in zip(now, made):
        for s in range(4):
            age = k - 1 - (origins + gap + s)
            w = np.where((age >= 0) & (age < 12) & np.isfinite(wrong[:, s, 0]), 0.5 ** (age / 4), 0.0)
            expected = np.nansum(w * wrong[:, s, 0]) / (w.sum() + 4)
            assert of_now[s, 0] == pytest.approx(expected, abs=1e-12)


def test_a_blend_that_leans_is_corrected():
    t = np.arange(150)
    y = np.where(t < 60, 0, 0.01 * (t - 60) ** 2) + NOISE[:150] / 2  # a trend that all members lag behind
    model = quick().fit(None, y[:110])
    leans = model.fitted_.trained.dynamics
    runs = model.trajectories(None, y[110:], H).forecast[:34]
    later = np.lib.stride_tricks.sliding_window_view(y[110:], H)
    model.fitted_ = model.fitted_._replace(
        trained=model.fitted_.trained._replace(dynamics=leans.but(leans=False))
    )
    without = model.trajectories(None, y[110:], H).forecast[:34]
    assert leans.leans
    assert np.sqrt(np.mean((runs - later) ** 2)) < 0.95 * np.sqrt(np.mean((without - later) ** 2))
    model.fitted_ = model.fitted_._replace(trained=model.fitted_.trained._replace(dynamics=leans))
    model.update(None, y[110:113]).update(None, y[113:117])
    np.testing.assert_allclose(model.forecast(H), runs[7], rtol=1e-9)


def test_update_goes_on(alone):
    model = pickle.loads(pickle.dumps(alone))
    runs = alone.trajectories(None, Y[CUT:], H).forecast
    model.update(None, Y[CUT : CUT + 5]).update(None, Y[CUT + 5 : CUT + 9])
    np.testing.assert_allclose(model.forecast(H), runs[9], rtol=1e-9)
    assert model.forecast(1).index[0] == DAYS[CUT + 9]
    with pytest.raises(ValueError, match="seen already"):
        model.update(None, Y[CUT : CUT + 5])
    np.testing.assert_allclose(alone.forecast(H), runs[0])


def test_dates_before_1970(alone):
    early = pd.Series(Y.to_numpy(), DAYS - pd.DateOffset(years=56))  # the same weekdays and leap years
    model = quick().fit(None, early[:CUT])
    np.testing.assert_allclose(model.forecast(H), alone.forecast(H), rtol=1e-9)
    model.update(None, early[CUT : CUT + 3])
    np.testing.assert_allclose(model.forecast(H), alone.trajectories(None, Y[CUT:], H).forecast[3], rtol=1e-9)


def test_update_without_y_takes_its_own_forecasts(alone):
    model = pickle.loads(pickle.dumps(alone)).update(pd.DataFrame(index=DAYS[CUT : CUT + 3]))
    np.testing.assert_allclose(model.forecast(2), alone.forecast(5).iloc[3:], rtol=0.2)
    assert model.forecast(1).index[0] == DAYS[CUT + 3]


def test_the_median_of_the_members():
    """One that goes astray is outvoted, in the race and after."""
    model = quick(3, ensemble="median").fit(None, Y[:CUT])
    dynamics, memory = model.fitted_.trained.dynamics, model.series_[None].past.memory
    assert len(model.members_) >= 3
    assert (model.weights_ == 1 / len(model.members_)).all()
    block, _ = dynamics._block(np.full((3, 1), UNSTATED), np.empty((0, 1)), memory)
    ahead = [m.ahead(block, 0, np.array([len(memory.Y)]), 3)[0, :, 0] for m in model.members_]
    np.testing.assert_allclose(model.forecast(3), np.median(ahead, axis=0))
    for values, wanted in (([11.0, 11.0, 1e9], 11.0), ([np.nan], 0.0), ([np.nan, 12.0, 13.0], 12.5)):
        members = [Constant([np.array([value])]) for value in values]
        joined = dynamics.but(members=members, theta=np.ones(3 * len(values)))
        np.testing.assert_array_equal(joined.blended(block, 0, np.array([9]), 3), np.full((1, 3, 1), wanted))
    board, mean = model.leaderboard_, quick(3).fit(None, Y[:CUT]).leaderboard_
    assert board.loc["blend", "error"] != mean.loc["blend", "error"]
    assert board.loc["blend", "error"] == pytest.approx(mean.loc["blend", "error"], rel=0.05)


@pytest.mark.filterwarnings("ignore:Nothing beats persistence")
def test_errors_of_a_race_know_their_times():
    """By which those of several series count as fewer where they are alike."""
    index = pd.MultiIndex.from_product([range(12), DAYS[:30]])
    made = quick(1).fit(None, pd.Series(RNG.normal(size=360), index)).fitted_.trained.carry.made
    assert len(made.times) == 12 * len(set(made.times)) == len(made.row)
    assert quick(1).fit(None, Y[:30]).fitted_.trained.carry.made.times is None


def test_a_week_seen_once_is_repeated():
    """No model can learn from it, but its hours come again."""
    rng, n = np.random.default_rng(0), 290
    week = rng.normal(size=168) + np.repeat([0.0, 4.0, 1.0, 5.0, 2.0, -6.0, -3.0], 24)
    y = pd.Series(
        np.resize(week, n + 24) + 0.1 * rng.normal(size=n + 24),
        pd.date_range("2024", periods=n + 24, freq="h"),
    )
    model = AutoForecaster(24, candidates=[], random_state=0).fit(None, y[:n])
    assert "seasonal naive, 168" in [member.name for member in model.members_]
    wrong = (model.forecast(24) - y[n:]).abs().mean()
    assert wrong < 0.5 * (y.shift(24) - y)[n:].abs().mean()
    assert (
        "seasonal naive, 168" not in AutoForecaster(24, candidates=[]).fit(None, y[:200]).leaderboard_.index
    )


GAP = 4


def test_a_field_with_a_gap_is_the_far_end_of_a_longer_one():
    clock = seasons.Calendar(1.0, (7,), N)
    late, whole = make_field([block_of(WAVE)], clock, 5, GAP), make_field([block_of(WAVE)], clock, 5 + GAP)
    np.testing.assert_array_equal(late.truth, whole.truth[:, GAP:])
    for candidate in (Naive(1), Mean(), Smoothing(None, 7)):
        far, made = candidate.backtest(late, range(3)), candidate.backtest(whole, range(3))
        np.testing.assert_allclose(far, made[:, GAP:])
    # smoothed over steps
    assert late.error(Naive(7).backtest(late, range(3))) == pytest.approx(1.0, abs=0.05)


def test_what_arrives_late_is_forecast_over():
    """Members forecast from the last y that has arrived, and the first rows are dropped."""
    missing = Y[:CUT].copy()
    missing.iloc[-GAP:] = np.nan
    model = quick(3, gap=GAP).fit(None, missing)
    made, dynamics = model.forecast(3, level=80), model.fitted_.trained.dynamics
    assert made.index.equals(DAYS[CUT : CUT + 3])
    place = model.series_[None].past.memory
    block, _ = dynamics._block(np.full((3, 1), UNSTATED), np.empty((0, 1)), place)
    forecasts = [m.ahead(block, 0, np.array([len(place.Y) - GAP]), GAP + 3)[0, GAP:] for m in model.members_]
    np.testing.assert_allclose(made["sold"], np.einsum("cho,cho->h", model.weights_, forecasts))
    board = model.leaderboard_
    near = quick(3).fit(None, Y[:CUT]).leaderboard_
    assert board.loc["blend", "RMSE-1"] > near.loc["blend", "RMSE-1"]
    full = backtest(model, None, Y, horizon=3, initial=CUT)
    assert full.errors.loc[1, "RMSE"] == pytest.approx(board.loc["blend", "RMSE-1"], rel=0.4)


def test_partial_fit_of_y_that_arrives_late():
    """Rows given again are learnt once."""
    late = quick(3, gap=GAP).fit(None, Y[:CUT].where(DAYS[:CUT] < DAYS[CUT - GAP]))
    whole = late._unfitted().fit(None, Y.where(np.arange(N) < N - GAP))  # with the members of the same race
    before = late.members_
    late.partial_fit(None, Y[CUT - GAP :].where(DAYS[CUT - GAP :] < DAYS[N - GAP]))
    for old, new, all_rows in zip(before, late.members_, whole.members_):
        if hasattr(new, "fits"):
            (old,), (new,), (all_rows,) = (m.fits for m in (old, new, all_rows))
            assert not np.array_equal(new.model.a, old.model.a)
            np.testing.assert_allclose(new.model.a, all_rows.model.a, rtol=1e-6)


def test_partial_fit_learns(alone):
    model = pickle.loads(pickle.dumps(alone))
    before = [member.fits[0].model.a.copy() for member in model.members_ if hasattr(member, "fits")]
    model.partial_fit(None, Y[CUT:])
    after = [member.fits[0].model.a for member in model.members_ if hasattr(member, "fits")]
    assert any(not np.array_equal(a, b) for a, b in zip(before, after))
    assert model.forecast(1).index[0] > DAYS[-1]
    assert quick(2).partial_fit(None, Y[:100]).forecast(2).index[0] == DAYS[100]


def test_gaps_are_run_through(alone):
    later = Y[CUT + 2 :]
    with pytest.warns(UserWarning, match="2 row"):
        made = alone.predict_ahead(None, later)
    assert np.isfinite(made).all()
    holes = Y[CUT:].drop(DAYS[CUT + 10 : CUT + 12])
    with pytest.warns(UserWarning, match="2 row"):
        runs = alone.trajectories(None, holes, 3).forecast
    over = np.isnan(runs).any(axis=1)
    assert np.flatnonzero(over).tolist() == [8, 9]
    np.testing.assert_allclose(runs[0], alone.forecast(3))
    fitted = quick().fit(None, Y[:CUT].drop(DAYS[100:110]))
    assert fitted.forecast(1).index[0] == DAYS[CUT]


def test_y_may_have_gaps(alone):
    y = Y[:CUT].copy()
    y.iloc[50:300:9] = np.nan
    made = quick().fit(None, y).forecast(H)
    np.testing.assert_allclose(made, alone.forecast(H), atol=2)


def test_intervals_and_paths(alone):
    frame = alone.forecast(H, level=[80, 95])
    assert frame.columns.tolist() == ["sold", "lo-80", "hi-80", "lo-95", "hi-95"]
    assert (frame["lo-95"] <= frame["lo-80"]).all()
    assert (frame["hi-80"] <= frame["hi-95"]).all()
    errors = backtest(alone, None, Y[CUT:], H, level=80).errors
    assert abs(errors["coverage-80"].mean() - 0.8) < 0.15
    paths = alone.sample_paths(H, n_paths=40)
    assert paths.shape == (40, H)
    np.testing.assert_array_equal(paths, alone.sample_paths(H, n_paths=40))
    by_paths = alone.forecast(H, level=80, method="bootstrap")
    assert (by_paths["hi-80"] > by_paths["lo-80"]).all()


@pytest.mark.filterwarnings("ignore:y is .* taken as not measured")
def test_calibrate(alone):
    model = pickle.loads(pickle.dumps(alone))
    before = model.forecast(H, level=80)
    wild = Y[CUT:] + 20 * np.random.default_rng(0).normal(size=N - CUT)
    after = model.calibrate(None, wild).forecast(H, level=80)
    np.testing.assert_array_equal(after["sold"], before["sold"])
    assert ((after["hi-80"] - after["lo-80"]) > 2 * (before["hi-80"] - before["lo-80"])).all()
    folded = model.calibrate(None, Y[:CUT], cv=3).forecast(H, level=80)
    assert ((folded["hi-80"] - folded["lo-80"]) < (after["hi-80"] - after["lo-80"])).all()


def test_bounds(alone):
    top = 22.0
    with pytest.warns(UserWarning, match="outside target_bounds"):
        model = quick(target_bounds=(None, top)).fit(None, Y[:CUT])
    frame = model.forecast(H, level=80)
    assert alone.forecast(H).max() > top
    assert frame.to_numpy().max() == top
    assert model.trajectories(None, Y[CUT:], H).forecast.max() == top


def test_several_outputs(driven):
    both = pd.DataFrame({"a": Y, "b": -2 * Y + X["other"]})
    model = quick(known_ahead="all").fit(X[:CUT], both[:CUT])
    made = model.forecast(H, X[CUT : CUT + H], level=90)
    assert made.columns.tolist() == ["a", "a-lo-90", "a-hi-90", "b", "b-lo-90", "b-hi-90"]
    np.testing.assert_allclose(made["a"], driven.forecast(H, X[CUT : CUT + H]), atol=1.5)
    assert model.predict(X[CUT:]).shape == (N - CUT, 2)
    assert model.score(X[CUT:], both[CUT:]) > 0.9


def panel(n=CUT):
    keys = {"small": 1.0, "large": 1e4, "huge": 1e7}
    return pd.concat({key: Y[:n] * unit for key, unit in keys.items()}, names=["shop"])


def test_an_output_may_be_negative_where_another_has_a_logarithm():
    rng = np.random.default_rng(0)
    walk = rng.normal(size=(200, 2)).cumsum(axis=0)
    Y = np.column_stack([np.exp(0.3 * walk[:, 0] + 2), walk[:, 1] - 50])
    model = AutoForecaster(horizon=3, candidates=[LinearRegression()], random_state=0).fit(None, Y)
    assert np.isfinite(model.forecast(3)).all()
    assert not model.leaderboard_.note.str.contains("NaN|infinity").any()


def test_rows_of_weight_0_judge_no_forecast():
    """A sensor fails: its rows are history, and neither the race nor the intervals are about them."""
    y, weight = Y[:200].copy(), np.ones(200)
    y.iloc[150:160], weight[150:160] = 1e4, 0.0
    model = quick(candidates=[]).fit(None, y, sample_weight=weight)
    ends = model.forecast(1, level=80)
    assert (ends["hi-80"] - ends["lo-80"]).iloc[0] < 100
    assert model.leaderboard_["RMSE-1"].iloc[0] < 100


def test_series_of_very_different_size():
    y = panel()
    model = quick().fit(None, y)
    made = model.forecast(H)
    assert made.index.names == ["shop", "day"]
    np.testing.assert_allclose(made["large"], 1e4 * made["small"], rtol=1e-6)
    np.testing.assert_allclose(made["small"], Y[CUT : CUT + H], atol=6)
    later = panel(N)
    later = later[later.index.get_level_values("day") >= DAYS[CUT]]
    new = pd.concat({"new": 500 * Y[CUT:]}, names=["shop"])
    assert backtest(model, None, later, H).errors.n.iloc[0] == 3 * (N - CUT - H + 1)
    model.update(None, pd.concat([later, new]))
    assert model.forecast(2)["small"].index[0] > DAYS[-1]
    assert 0.5 < (model.forecast(H)["new"] / (500 * Y[-H:].mean())).mean() < 2
    frame = model.forecast(H, level=80)
    np.testing.assert_allclose(frame.loc["huge"], 1e7 * frame.loc["small"], rtol=1e-6)


def test_series_may_have_coefficients_of_their_own():
    rng = np.random.default_rng(0)
    unlike = []
    for phi in (0.9, -0.7):
        u = np.zeros(400)
        for t in range(1, 400):
            u[t] = phi * u[t - 1] + rng.normal()
        unlike.append(u)
    model = quick(1).fit(None, unlike)
    first, second = (model.forecast(1)[k][0] for k in (0, 1))
    assert first == pytest.approx(0.9 * unlike[0][-1], abs=0.4)
    assert second == pytest.approx(-0.7 * unlike[1][-1], abs=0.4)
    assert "others count" in model.leaderboard_.index[1]


def test_the_clock_stops_the_search():
    with pytest.warns(UserWarning, match="clock ran out"):
        model = quick(time_budget=1e-9).fit(None, Y[:CUT])
    assert len(model.leaderboard_) < len(quick().fit(None, Y[:CUT]).leaderboard_)


def test_series_as_a_list():
    model = quick(3).fit(None, [Y.to_numpy()[:CUT], Y.to_numpy()[: CUT - 50]])
    made = model.forecast(3)
    assert [len(one) for one in made] == [3, 3]
    later = [Y.to_numpy()[CUT:], Y.to_numpy()[CUT + 10 :]]
    ahead = model.predict_ahead(None, later)
    assert [len(one) for one in ahead] == [N - CUT, N - CUT - 10]
    # new, whatever their place
    np.testing.assert_array_equal(model.predict_ahead(None, later[::-1])[0], ahead[1])


@pytest.mark.filterwarnings("ignore:.* in the middle of the rows given")
@pytest.mark.filterwarnings("ignore:y is .* taken as not measured")
def test_start(alone):
    x = pd.DataFrame(index=DAYS[CUT : CUT + 3])
    warm = alone.predict(x)
    far = Y[CUT:].to_numpy() - 100
    history = (pd.DataFrame(index=DAYS[300:CUT]), Y[300:CUT] - 10)
    assert (alone.predict(x, start=history) < warm - 5).all()
    cold = alone.predict(x, start="cold")
    np.testing.assert_allclose(cold, Y[:CUT].mean(), atol=8)
    assert (alone.predict(x, start="zeros") < cold).all()
    assert np.isfinite(alone.predict_ahead(None, far, start="cold")).all()
    again = alone.predict_ahead(None, Y[:CUT])  # the rows of training
    assert np.sqrt(np.mean((again - Y[:CUT])[20:] ** 2)) < Y.std()


def test_time_zones_and_periods():
    local = Y.tz_localize("Europe/Madrid")
    made = quick().fit(None, local[:CUT]).forecast(H)
    assert made.index.equals(local.index[CUT : CUT + H])
    months = pd.Series(WAVE[:120], pd.period_range("2010-01", periods=120, freq="M"))
    assert quick(3).fit(None, months).forecast(3).index[0] == pd.Period("2020-01", "M")


def test_same_seed_same_forecasts():
    nets = [NARXRegressor((4,), output_lags=7, max_iter=10)]
    made = [quick(3, candidates=nets).fit(None, Y[:120]).forecast(3) for _ in range(2)]
    np.testing.assert_array_equal(*made)


def test_the_users_candidates_enter():
    model = quick(candidates=[LinearRegression(), SeasonalNaiveRegressor(7), PersistenceRegressor()])
    board = model.fit(None, Y[:CUT]).leaderboard_
    assert np.isfinite(board.loc["LinearRegression on ARX", "error"])
    if np.isfinite(board.loc["SeasonalNaiveRegressor", "error"]):
        expected = board.loc["seasonal naive, 7", "error"]
        assert board.loc["SeasonalNaiveRegressor", "error"] == pytest.approx(expected, rel=1e-6)
    assert "behind on the last stretch" in board.loc["PersistenceRegressor", "note"]


def test_a_candidate_that_fails_is_left_out():
    class Broken(LinearRegression):
        def fit(self, X, y):
            raise ValueError("it is broken")

    model = quick(candidates=[Broken()]).fit(None, Y[:CUT])
    assert model.leaderboard_.loc["Broken on ARX", "note"] == "it is broken"


def test_regressors_learn_in_one_thread():
    """Two threads of OpenMP wait for each other by spinning, for minutes where another process has a core."""
    seen = []

    class Watched(LinearRegression):
        def fit(self, X, y):
            seen.extend(openmp())
            return super().fit(X, y)

    def openmp():
        return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "openmp"}

    with threadpool_limits(3, user_api="openmp"):
        quick(candidates=[Watched()]).fit(None, Y[:CUT])
        assert set(seen) == {1}
        assert openmp() == {3}


@pytest.mark.slow
def test_nets_take_part():
    model = AutoForecaster(H, time_budget=3600, random_state=0).fit(
        None, pd.concat([Y, Y.shift(N, freq="D") + 1, Y.shift(2 * N, freq="D")])
    )
    board = model.leaderboard_
    assert "ESN(200)" in board.index
    assert np.isfinite(board.loc["ESN(200)", "error"]) or "behind" in board.loc["ESN(200)", "note"]
    assert {"gradient boosting on ARX", "gradient boosting on lags"} <= set(board.index)
    assert (board.note[~np.isfinite(board.error)] != "").all()


def test_the_clock_only_stops():
    with pytest.warns(UserWarning, match="clock ran out"):
        AutoForecaster(H, time_budget=1e-9, candidates=[LinearRegression()]).fit(None, Y[:CUT])


def test_it_says_where_nothing_helps():
    walk = np.cumsum(np.random.default_rng(5).normal(size=150))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = quick(5).fit(None, walk)
    if model.leaderboard_.error.iloc[0] >= 1:
        assert "Nothing beats" in str(caught[-1].message)
    assert model.leaderboard_.error.iloc[0] < 1.05


def test_hardly_any_rows():
    with pytest.warns(UserWarning, match="Too few rows"):
        model = quick(3).fit(None, [1.0, 2.0])
    np.testing.assert_array_equal(model.forecast(3), 2.0)
    made = quick(24).fit(None, np.arange(10.0)).forecast(24)
    assert np.isfinite(made).all()


def test_constant_y():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = quick(3).fit(None, np.full(60, 5.0)).forecast(3, level=80)
    np.testing.assert_allclose(made, 5.0, atol=1e-6)


def test_clone_and_pickle(alone):
    assert clone(alone).get_params() == alone.get_params()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(alone)).forecast(H), alone.forecast(H))


def test_a_file_names_public_classes_only(alone):
    """Whatever members a blend may have."""
    recipes = [Recipe((1, 7))]
    kinds = [
        Naive(1),
        Mean(),
        LinearCandidate(recipes),
        Smoothing(Log(), 7),
        Net(PersistenceRegressor(), "persistence", 1.0),
        Foreign(LinearRegression(), recipes, 1.0, "regression"),
    ]
    model = pickle.loads(pickle.dumps(alone))
    fitted, dynamics = model.fitted_, alone.fitted_.trained.dynamics
    rows = alone.series_[None].past.memory
    block = dynamics.reading.block(rows.X, rows.Y, rows.times, rows.n - len(rows.Y))
    weights = np.full(len(kinds) * H, 1 / len(kinds))
    mixed = dynamics.but(theta=weights, members=tuple(kind.learn([block], H) for kind in kinds))
    carry = fitted.trained.carry._replace(entered=kinds)
    model.fitted_ = fitted._replace(trained=fitted.trained._replace(dynamics=mixed, carry=carry))
    text = pickle.dumps(model)
    for word in (b"pandas", b"numba", b"tsrnn._"):
        assert word not in text, word
    again = pickle.loads(text)
    pd.testing.assert_frame_equal(again.forecast(H, level=80), model.forecast(H, level=80))
    pd.testing.assert_frame_equal(again.leaderboard_, model.leaderboard_)
    for either in (model, again):
        either.partial_fit(None, Y[CUT:])
    pd.testing.assert_series_equal(again.forecast(H), model.forecast(H))


class Unsure(LinearRegression):
    """Says of rows that are not in time here that the last one is a better forecast."""

    def fit(self, X, y):
        warnings.warn("Worse than persistence.", tsrnn.WorseThanNaiveWarning, stacklevel=1)
        return super().fit(X, y)


def test_regressors_of_residuals_are_judged_by_the_race_alone():
    model = quick(candidates=[Unsure()]).fit(None, Y[:CUT])
    assert model.leaderboard_.to_string().count("Unsure") == 1


def test_through_pipelines():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), quick(known_ahead="all"))
    pipeline.fit(X[:CUT], Y[:CUT])
    assert tsrnn.forecast(pipeline, 3, X[CUT : CUT + 3]).shape == (3,)


def test_missing_inputs():
    x = X.copy()
    x.iloc[10:200:7, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        quick().fit(x[:CUT], Y[:CUT])
    for missing in ("hold", "mean"):
        model = quick(known_ahead="all", missing=missing).fit(x[:CUT], Y[:CUT])
        assert np.isfinite(model.forecast(H, x[CUT : CUT + H])).all()


def test_plot(alone):
    ax = alone.plot()
    assert len(ax.lines) >= 3
    assert "blend" in [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"horizon": 0}, ValueError, "horizon=0"),
        ({"horizon": 2.5}, TypeError, "horizon=2.5"),
        ({"known_ahead": ["nothing"]}, ValueError, "'nothing' is not a column"),
        ({"known_ahead": "promotion"}, ValueError, "not a set of columns"),
        ({"candidates": "best"}, ValueError, "candidates='best'"),
        ({"candidates": 3}, TypeError, "candidates=3"),
        ({"candidates": [LinearRegression]}, TypeError, "not an estimator"),
        ({"time_budget": 0}, ValueError, "time_budget=0"),
        ({"missing": "mask"}, ValueError, "missing='mask'"),
        ({"gap": -1}, ValueError, "gap=-1"),
        ({"ensemble": "best"}, ValueError, "ensemble='best'"),
        ({"target_bounds": (3, 1)}, ValueError, "swap them"),
        ({"random_state": -1}, ValueError, "random_state=-1"),
        ({"start": "here"}, ValueError, "start='here'"),
        ({"series": "shop"}, ValueError, "series='shop'"),
    ],
)
def test_wrong_parameters(change, error, message):
    with pytest.raises(error, match=message):
        quick(**change).fit(X[:50], Y[:50])


def test_wrong_calls(alone, driven):
    for call, message in [
        (lambda: alone.forecast(H + 1), "beyond horizon"),
        (lambda: alone.forecast(0), "steps=0"),
        (lambda: alone.forecast(2, level=0), "level=0"),
        (lambda: alone.forecast(2, method="magic"), "magic"),
        (lambda: alone.trajectories(None, Y[CUT:], 3, origins=[-1]), "origins"),
        (lambda: alone.predict_ahead(None, None), "measured y"),
        (lambda: alone.calibrate(None, None), "measured y"),
        (lambda: alone.predict(X[CUT:].to_numpy()), "features"),
        (lambda: alone.predict_ahead(None, Y[CUT:], start="here"), "start='here'"),
        (lambda: driven.forecast(3), "needs X_future"),
        (lambda: driven.forecast(3, X[CUT : CUT + 2]), "2 rows"),
        (lambda: driven.forecast(3, X[CUT + 1 :]), "begins at"),
        (lambda: driven.forecast(3, X[["other"]][CUT:]), "'promotion'"),
        (lambda: quick().fit(None, None), "y"),
        (lambda: quick().fit(X[:10], Y[:9]), "different stamps|inconsistent"),
        (lambda: quick().fit(None, np.full(20, np.nan)), "no measured value"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            call()


def test_a_fit_that_fails_changes_nothing(alone):
    model = pickle.loads(pickle.dumps(alone))
    with pytest.raises(ValueError, match="no measured value"):
        model.fit(None, np.full(20, np.nan))
    np.testing.assert_array_equal(model.forecast(H), alone.forecast(H))


# ------------------------------------------------------------------------------------ as others see it


def test_all_that_it_learns_is_one_value(alone):
    assert set(vars(alone)) - set(alone.get_params()) == {"fitted_", "n_features_in_"}


def test_it_is_diagnosed_like_the_others(driven):
    diagnosis = tsrnn.diagnose(driven, X[CUT:], Y[CUT:], horizons=[1, H])
    assert (diagnosis.skill > 0).all(axis=None)
    weights = lag_importance(driven, X[CUT:], Y[CUT:], max_lag=1)
    assert weights["promotion"][0] > 0.2 > 0.01 > weights["other"][0]


def test_row_by_row_it_forecasts_the_same(driven):
    stream, rows = tsrnn.Stream(driven), slice(CUT, CUT + 4)
    made = []
    for x, y in zip(X[rows].to_numpy(), Y[rows]):
        made.append(stream.step(x))
        stream.observe(y)
    np.testing.assert_allclose(made, driven.predict_ahead(X[rows], Y[rows]))


def test_export_says_why_not(alone):
    for export in (tsrnn.export.to_c, tsrnn.export.to_onnx):
        with pytest.raises(TypeError, match="blends models of several kinds"):
            export(alone)


def test_a_file_of_skops_trusts_its_public_name(alone):
    skops = pytest.importorskip("skops.io")
    text = skops.dumps(alone)
    trusted = skops.get_untrusted_types(data=text)
    assert trusted == ["tsrnn.AutoForecaster"]
    pd.testing.assert_series_equal(skops.loads(text, trusted=trusted).forecast(H), alone.forecast(H))


def test_the_calendar_goes_on_by_itself(alone):
    """Where an array tells no time, it is the one after the last row seen."""
    model = pickle.loads(pickle.dumps(alone))
    model.update(None, Y[CUT : CUT + 9].to_numpy())
    told = pickle.loads(pickle.dumps(alone)).update(None, Y[CUT : CUT + 9])
    pd.testing.assert_series_equal(model.forecast(H), told.forecast(H))


def test_stamps_before_1970_are_those_of_their_rows():
    index = pd.date_range("1949-01", periods=120, freq="MS")
    y = pd.Series(np.tile(np.arange(12.0), 10) + np.linspace(0, 5, 120), index)
    model = AutoForecaster(6, candidates=[], random_state=0).fit(None, y)
    times = model.series_[None].past.memory.times
    assert np.array_equal(
        times, index.as_unit(model._fitted().trained.dynamics.reading.timeline.clock.unit).asi8[-len(times) :]
    )
    forecast = model.forecast(6)
    assert forecast.index[0] == pd.Timestamp("1959-01-01")
    np.testing.assert_allclose(forecast, y[-12:-6].to_numpy() + 0.5, atol=0.5)


def test_forecasts_follow_y_out_of_the_range_of_training():
    """Far beyond it they stay near the last value, whatever bounds keep forecasts from running away."""
    rng = np.random.default_rng(0)
    y = 50 + rng.normal(size=300).cumsum()
    later = y[-1] + np.linspace(0, 8 * np.ptp(y), 400) + rng.normal(size=400).cumsum()
    model = AutoForecaster(3, candidates=[DecisionTreeRegressor(max_depth=3)], random_state=0).fit(None, y)
    forecast = model.trajectories(None, later, 3).forecast.reshape(-1, 3)
    truth = np.lib.stride_tricks.sliding_window_view(later, 3)[: len(forecast)]
    last = np.append(y[-1], later)[: len(truth), None]
    assert np.sqrt(np.mean((forecast - truth) ** 2)) < 1.2 * np.sqrt(np.mean((last - truth) ** 2))
