"""Which errors make intervals: not those of nights, from every hour of the day, of the steps on either side too."""

import numpy as np
import pytest

from tsrnn import ARXRegressor, SeasonalNaiveRegressor
from tsrnn._estimators import intervals


HOURS = np.arange(24 * 60) % 24
CAPACITY = np.where((HOURS >= 6) & (HOURS < 18), 10.0, 0.0)
RNG = np.random.default_rng(0)
SHINE = 0.05 + 0.5 * np.sin(np.pi * (HOURS - 5.5) / 12) + 0.1 * RNG.normal(size=len(HOURS))
POWER = CAPACITY * SHINE.clip(0, 1)


@pytest.fixture(scope="module")
def plant():
    X = np.stack([CAPACITY, np.sin(2 * np.pi * HOURS / 24), np.cos(2 * np.pi * HOURS / 24)], axis=1)
    model = ARXRegressor(0, 2, target_bounds=(0, "x0")).fit(X[:900], POWER[:900])
    return model.calibrate(X[900:], POWER[900:]), X


def maker(model):
    """What forecasts of a model are made by."""
    return intervals.Maker(model._dynamics(), model.fitted_.units)


def test_nights_give_no_errors(plant):
    model, _ = plant
    segment = model.fitted_.errors.segments[0]
    errors = intervals.forecast_errors(maker(model), [segment], 24).errors
    origins = segment.skip + np.arange(len(errors))
    night = (segment.X[:, 0] == 0)[origins[:, None] + np.arange(24)]
    np.testing.assert_array_equal(np.isnan(errors[:, :, 0]), night)
    outputs, _ = intervals.residuals(maker(model), [segment])
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

    monkeypatch.setattr(intervals, "MOST_RUNS", 15)
    monkeypatch.setattr(intervals, "runs", runs)
    intervals.forecast_errors(maker(model), [segment], 1)
    assert len(seen[0]) == 15
    assert len(np.unique(seen[0] % 24)) > 8


@pytest.mark.parametrize(("n", "beside"), [(intervals.NEAR[0], 0), (intervals.NEAR[0] + 1, 1)])
def test_steps_on_either_side_count_where_there_are_many(n, beside):
    """All errors of step h are h here, so that a pool tells whose they are."""
    errors = np.tile(np.arange(5.0)[:, None], (n, 1, 1))
    pools = intervals.pools(RNG.normal(size=errors.shape), errors, 80)
    for h, (pool,) in enumerate(pools):
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
