"""Which errors make intervals: not those of nights, from every hour of the day, of the steps on either side too."""

import numpy as np
import pytest

from tsrnn import ARXRegressor, NARXRegressor, SeasonalNaiveRegressor
from tsrnn._estimators.intervals import adaptive
from tsrnn._estimators.intervals.errors import Maker, forecast_errors, residuals
from tsrnn._estimators.intervals.pools import NEAR, conformal, packed, pools


HOURS = np.arange(24 * 60) % 24
CAPACITY = np.where((HOURS >= 6) & (HOURS < 18), 10.0, 0.0)
RNG = np.random.default_rng(0)
SHINE = 0.05 + 0.5 * np.sin(np.pi * (HOURS - 5.5) / 12) + 0.1 * RNG.normal(size=len(HOURS))
POWER = CAPACITY * SHINE.clip(0, 1)


def test_tails_stay_where_rows_lie_on_a_bound():
    """An end that is the bound has them all inside; a mean of the share that shall be outside moves nothing."""
    rng, dry = np.random.default_rng(0), np.arange(4000) % 10 < 7
    share = np.where(dry, -0.7, rng.uniform(0.7, 1.0, size=4000))
    both = np.stack([share, np.where(dry, 1.0, rng.uniform(0.0, 0.3, size=4000))], axis=1)[:, None, :, None]
    counts = np.full((4000, 1), adaptive.COUNTS)
    tails = adaptive._tails(both, counts, np.array([0.1]), np.ones(1))[:, 0, :, 0]
    np.testing.assert_allclose(tails.mean(axis=0), 0.1, atol=0.015)
    assert tails[:, 0].std() < 0.02  # the low one; an all or nothing of a seventh would shake it


@pytest.mark.parametrize("dry", [0.3, 0.7])
def test_intervals_of_rain(dry):
    """Low ends are 0 where it may stay dry, and follow errors without leaving it: the high one is all that misses."""
    rates = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rain = np.where(rng.random(1200) < dry, 0.0, rng.gamma(0.7, 5.0, size=1200))
        model = ARXRegressor((), 2).fit(None, rain[:600])
        made = model.trajectories(None, rain[600:], 3, level=80)
        low, high = (end[100:] for end in made.intervals[80])
        truth = rain[600:][np.arange(100, 598)[:, None] + np.arange(3)]
        rates.append([((low <= truth) & (truth <= high)).mean(), (low > 0).mean()])
    inside, above = np.mean(rates, axis=0)
    assert 0.86 < inside < 0.93
    assert above < 0.02


def test_bounds_that_are_columns_and_paths_go_by_the_same_rule():
    """Rain under a bound that is a column of X gets the intervals of the number, and drawn paths stay dry as often."""
    rng = np.random.default_rng(0)
    rain = np.where(rng.random(1000) < 0.7, 0.0, rng.gamma(0.7, 5.0, size=1000))
    dry, old, options = np.zeros((1000, 1)), slice(0, 600), {"level": 80, "origins": np.arange(100, 397, 3)}
    model = ARXRegressor(0, 2, target_bounds=(0, None)).fit(dry[old], rain[old])
    column = ARXRegressor(0, 2, target_bounds=("x0", None)).fit(dry[old], rain[old])
    ends = [one.trajectories(dry[600:], rain[600:], 3, **options).intervals[80] for one in (model, column)]
    np.testing.assert_allclose(*ends, rtol=1e-9, atol=1e-9)
    low, high = model.trajectories(dry[600:], rain[600:], 3, method="bootstrap", **options).intervals[80]
    truth = rain[600:][options["origins"][:, None] + np.arange(3)]
    assert (
        0.84 < ((low <= truth) & (truth <= high)).mean() < 0.95
    )  # 0.4 where errors are what y lacks of the forecast
    paths = model.sample_paths(3, dry[:3], n_paths=1000)
    np.testing.assert_allclose((paths == 0).mean(axis=0), 0.7, atol=0.1)


def test_errors_on_bounds_are_as_many_as_near_the_forecast():
    """Where nothing lies on a bound nearby, its quantiles are those of other errors; ties share what they have."""
    rng = np.random.default_rng(0)
    forecasts = np.repeat([0.0, 1.0, 5.0], 60)[:, None, None]
    errors = rng.normal(size=forecasts.shape)
    sides = np.zeros(forecasts.shape, np.int8)
    sides[:60][rng.random((60, 1, 1)) < 0.5], sides[-60:][::3] = -1, 1
    near = packed(pools(forecasts, errors, 80, sides=sides))
    made = np.array([0.0, 1.0, 5.0])[:, None, None]
    low, high = conformal(made, near, [80])[80]
    np.testing.assert_array_equal(np.isinf(low[:, 0, 0]), [True, False, False])
    np.testing.assert_array_equal(np.isinf(high[:, 0, 0]), [False, False, True])
    on = np.isinf(near.errors.reshape(-1, 180)).mean(axis=1)
    shares = [(sides[:60] != 0).mean(), 0.0, 1 / 3]
    for m, share in zip(near.places(made[:, :, 0])[:, 0], shares):
        assert on[m] == pytest.approx(share, abs=0.01)


@pytest.fixture(scope="module")
def plant():
    X = np.stack([CAPACITY, np.sin(2 * np.pi * HOURS / 24), np.cos(2 * np.pi * HOURS / 24)], axis=1)
    model = ARXRegressor(0, 2, target_transform=None, target_bounds=(0, "x0")).fit(X[:900], POWER[:900])
    return model.calibrate(X[900:], POWER[900:]), X


def maker(model):
    """What forecasts of a model are made by."""
    return Maker(model._dynamics(), model.fitted_.units)


def test_nights_give_no_errors(plant):
    model, _ = plant
    segment = model.fitted_.errors.segments[0]
    errors = forecast_errors(maker(model), [segment], 24).errors
    origins = segment.skip + np.arange(len(errors))
    night = (segment.X[:, 0] == 0)[origins[:, None] + np.arange(24)]
    np.testing.assert_array_equal(np.isnan(errors[:, :, 0]), night)
    outputs, *_ = residuals(maker(model), [segment])
    assert len(outputs) == (segment.X[segment.skip :, 0] > 0).sum()


def test_the_first_light_is_not_sure(plant):
    """Forecasts of dawn are as small as those of nights, which never err."""
    model, X = plant
    table = model.forecast(24, X[:24], level=80)
    width = (table["hi-80"] - table["lo-80"]).to_numpy()
    assert (width[CAPACITY[:24] == 0] == 0).all()
    assert width[CAPACITY[:24] > 0].min() > 2.0  # 1.7 with the nights


def test_origins_are_of_every_hour(plant, monkeypatch):
    """Of 24 times as many rows as runs, evenly spaced ones would all begin at one hour."""
    model, _ = plant
    (segment,), seen = model.fitted_.errors.segments, []
    segment = segment._replace(skip=len(segment.U) - 24 * 15)

    def runs(dynamics, units, inputs, followed, past, first, steps):
        seen.append(first)
        yield slice(None), followed.out[first][None]

    monkeypatch.setattr("tsrnn._estimators.intervals.errors.MOST_RUNS", 15)
    monkeypatch.setattr("tsrnn._estimators.intervals.errors.runs", runs)
    forecast_errors(maker(model), [segment], 1)
    assert len(seen[0]) == 15
    assert len(np.unique(seen[0] % 24)) > 8


@pytest.mark.parametrize(("n", "beside"), [(NEAR[0], 0), (NEAR[0] + 1, 1)])
def test_steps_on_either_side_count_where_there_are_many(n, beside):
    """All errors of step h are h here, so that a pool tells whose they are."""
    errors = np.tile(np.arange(5.0)[:, None], (n, 1, 1))
    of_steps = pools(RNG.normal(size=errors.shape), errors, 80)
    for h, (pool,) in enumerate(of_steps):
        some = min(beside, h, 4 - h)
        assert set(np.unique(pool.errors)) == set(range(h - some, h + some + 1))


@pytest.mark.parametrize("kind", ["sun", "rain"])
def test_errors_that_are_often_0_do_not_blow_intervals_up(kind):
    """A scale found by squared logarithms made of 0 the largest errors of all, and intervals 1e5 times as wide as y."""
    rng = np.random.default_rng(0)
    if kind == "sun":
        sky = np.clip(np.sin(2 * np.pi * np.arange(24 * 120) / 24), 0, None)
        v = sky * rng.beta(3, 1, len(sky))
    else:
        v = np.where(rng.random(2000) < 0.3, rng.gamma(0.7, 5, 2000), 0.0)
    model = SeasonalNaiveRegressor(24, target_bounds=None).fit(None, v[:-480])
    for method in ("split", "conformal"):
        band = model.trajectories(
            None, v, 6, level=80, origins=np.arange(len(v) - 480, len(v) - 6), method=method
        )
        width = np.subtract(*band.intervals[80][::-1])
        assert width.max() < 5 * np.ptp(v)


@pytest.mark.parametrize("n", [60, 90])
def test_few_held_rows_are_forecast_at_each_step(n):
    """From rows before them, and up to the last: each error is what ``trajectories`` misses there by."""
    y = np.sin(np.arange(n) / 3) + 0.3 * np.random.default_rng(1).normal(size=n)
    model = ARXRegressor((), 3, target_transform=None).fit(None, y)
    fitted, held, steps = model.fitted_, 9, 24
    rows = fitted.errors.segments[0]._replace(U=y[:, None], X=np.empty((n, 0)), skip=n - held)
    made = forecast_errors(Maker(fitted.trained.dynamics, fitted.units), [rows], steps)
    known = np.isfinite(made.errors[..., 0])
    np.testing.assert_array_equal(known.sum(axis=0), held)
    assert (made.row[:, None] + np.arange(steps))[known].min() == n - held
    origins = np.flatnonzero(made.row + steps <= n)
    ahead = model.trajectories(None, y, steps, origins=made.row[origins], start="cold")
    np.testing.assert_allclose(made.forecasts[origins, :, 0], ahead.forecast, rtol=1e-9)
    short = np.flatnonzero(made.row == n - 5)[0]
    np.testing.assert_array_equal(np.isfinite(made.forecasts[short, :, 0]), np.arange(steps) < 5)
    with pytest.warns(UserWarning, match="intervals are rough"):
        band = (
            NARXRegressor((), output_lags=3, max_iter=5, random_state=0).fit(None, y).forecast(24, level=80)
        )
    assert np.isfinite(band).all(axis=None)
