"""What estimators find by themselves, lags and transforms of y; and what fit says of a model that finds too little."""

import time
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from sklearn.base import clone
from sklearn.linear_model import Ridge

import tsrnn
from tsrnn import (
    ARXRegressor,
    ESNRegressor,
    Forecaster,
    GRURegressor,
    LagRegressor,
    NARXClassifier,
    NARXRegressor,
    TDNNRegressor,
)
from tsrnn._estimators.compared import Comparison, Duel, _verdict
from tsrnn._models.linear_mean import linear_mean, mean_of, sums_of
from tsrnn._series.choices import choose_alone, choose_lags, choose_transform
from tsrnn._series.lags import Averaged, Summand, of_one
from tsrnn._series.seasons import find_seasons
from tsrnn._series.units import Series
from tsrnn.datasets import make_mackey_glass
from tsrnn.preprocessing import Difference, Log


RNG = np.random.default_rng(0)
DAYS = pd.date_range("2024-01-01", periods=210)
WEEKLY = pd.Series(np.resize([5.0, 1, 1, 1, 1, 1, 1], 210) + 0.01 * RNG.normal(size=210), DAYS)
WALK = RNG.normal(size=400).cumsum()
AUTO = {"input_lags": "auto", "output_lags": "auto"}


def driven(n, seed=0, delay=3):
    """y feels x some rows later, and its own last value."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 1)), np.zeros(n)
    for t in range(delay, n):
        y[t] = 0.7 * y[t - 1] + x[t - delay, 0] + 0.1 * rng.normal()
    return x, y


X, Y = driven(500)


def said(model, X, y):
    """What fit warns of."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always", tsrnn.WorseThanNaiveWarning)
        clone(model).fit(X, y)
    return [str(w.message) for w in given if w.category is tsrnn.WorseThanNaiveWarning]


# ---------------------------------------------------------------------------------------- worse than naive


def test_a_model_that_misses_the_season_brings_a_warning():
    (message,) = said(ARXRegressor(output_lags=2, target_transform=None), None, WEEKLY)
    assert "ARXRegressor is worse than the seasonal naive forecast (the last 7 rows)" in message
    assert "last rows of training" in message
    assert "output_lags='auto'" in message
    wrong, naive = figures(message)
    assert naive == pytest.approx(0.01 * np.sqrt(2), rel=0.3)
    assert wrong > 50 * naive
    absolute = NARXRegressor((), loss="absolute", target_transform=None, output_lags=2, max_iter=3)
    for model in (ARXRegressor(output_lags=2, target_transform="log"), absolute.set_params(random_state=0)):
        (message,) = said(model, None, WEEKLY)  # one measure, whatever is learnt
        assert figures(message)[1] == naive


def figures(message):
    """The errors that a message names: the model's, and the naive one."""
    after = message.split("is worse than")[1].split(" is ")[1]
    return float(after.split(",")[0]), float(
        after.split("naive forecast ")[1].split(". Give")[0].split(",")[0]
    )


@pytest.mark.parametrize(
    ("model", "X", "y"),
    [
        (ARXRegressor(output_lags=7), None, WEEKLY),
        (ARXRegressor(output_lags="auto"), None, WEEKLY),
        (ARXRegressor(), None, WALK),
        (ARXRegressor(), None, RNG.normal(size=400)),
        (ARXRegressor(input_lags=3, output_lags=0), X, Y),
        (NARXRegressor((4,), input_lags=3, output_lags=1, max_iter=20, random_state=0), X, Y),
        (ESNRegressor(50, random_state=0), X, Y),
        (
            NARXRegressor((2,), max_iter=1, early_stopping=False, random_state=0),
            None,
            WEEKLY,
        ),  # no row to judge by
        (TDNNRegressor((2,), max_iter=1, loss="pinball", random_state=0), X, Y),
        (ARXRegressor(output_lags=2), None, WEEKLY[:12]),
        (Forecaster(ARXRegressor(output_lags=7), 7), None, WEEKLY),
        (tsrnn.PersistenceRegressor(), None, WEEKLY),
    ],
    ids=lambda v: type(v).__name__,
)
def test_no_false_alarm(model, X, y):
    assert said(model, X, y) == []


def test_held_rows_are_the_judge():
    model = NARXRegressor((2,), output_lags=1, max_iter=1, random_state=0, target_transform=None)
    (message,) = said(model, None, WEEKLY)
    assert "on the rows held back" in message


def test_a_model_of_inputs_alone_is_judged_by_long_runs():
    """One step ahead persistence wins, but it needs the y of the row before."""
    smooth = np.sin(np.arange(600) / 20)
    x = (smooth + 0.2 * RNG.normal(size=600))[:, None]
    assert said(ARXRegressor(input_lags=0, output_lags=0), x, smooth) == []


def test_panels_are_judged_in_the_mean():
    frame = pd.concat({k: 10.0**k * WEEKLY for k in range(3)})
    (message,) = said(ARXRegressor(output_lags=1, target_transform=None), None, frame)
    assert "(geometric means over 3 stretches and outputs)" in message


def test_figures_and_their_ratio_are_of_the_same_means():
    verdict = _verdict(
        [Duel(np.full((9, 2), [4.0, 9e6]), {1: np.full((9, 2), [1.0, 1e6])})], Comparison(1, 1, [1])
    )
    assert verdict.ratio == pytest.approx(verdict.model / verdict.naive)
    assert verdict.ratio == pytest.approx(np.sqrt(6))


def test_one_bad_output_among_good_ones_is_named():
    x, rng = RNG.normal(size=(400, 3)), np.random.default_rng(3)
    Y = pd.DataFrame(x @ RNG.normal(size=(3, 3)), columns=["a", "b", "c"])
    model = ARXRegressor(input_lags=1, output_lags=0, target_transform=None)
    assert said(model, x, Y) == []
    Y["b"] = 100 + rng.normal(size=400).cumsum()
    (message,) = said(model, x, Y)
    assert "is worse than persistence for output 'b': the root" in message


def test_many_short_series_are_judged_by_short_runs():
    """Levels differ by powers of ten, and one scale serves all: the smallest are forecast far off."""
    walks = {
        k: pd.Series(10.0**k * (30 + np.random.default_rng(k).normal(size=80).cumsum())) for k in range(4)
    }
    (message,) = said(ARXRegressor(output_lags=3, scale="standard"), None, pd.concat(walks))
    assert "is worse than persistence" in message
    better = ARXRegressor(output_lags=3, scale="series", target_transform="difference")
    assert said(better, None, pd.concat(walks)) == []


def test_copies_for_calibration_say_nothing():
    with pytest.warns(tsrnn.WorseThanNaiveWarning):
        model = ARXRegressor(output_lags=2, target_transform=None).fit(None, WEEKLY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.calibrate(None, WEEKLY, cv=3)


# ---------------------------------------------------------------------------------------- lags


def test_lags_of_a_season_are_found_with_and_without_an_index():
    for y in (WEEKLY, WEEKLY.to_numpy()):
        model = ARXRegressor(**AUTO).fit(None, y)
        assert 7 in model.lags_.output_lags
        wrong = model.forecast(7) - np.resize(WEEKLY[:7], 7)
        assert np.abs(wrong).max() < 0.1
    frame = pd.concat({k: 10.0**k * WEEKLY for k in range(3)})
    assert 7 in ARXRegressor(output_lags="auto").fit(None, frame).lags_.output_lags


def test_all_steps_at_once_see_their_own_lags_of_a_season():
    """The row 12 rows after the first has its season 12 rows before the first: a lag that no recursion needs."""
    noise = np.random.default_rng(0).normal(size=600)
    y = pd.Series(np.resize(noise[:24], 600) + 0.1 * noise, pd.date_range("2024", periods=600, freq="h"))
    model = Forecaster(TDNNRegressor((), random_state=0), 24).fit(None, y[:540])
    assert set(range(1, 25)) <= set(model.lags_.output_lags)
    wrong = model.forecast(24).to_numpy() - y[516:540].to_numpy()
    assert np.sqrt(np.mean(wrong**2)) < 0.15
    remembers = GRURegressor((2,), output_lags="auto", max_iter=1, random_state=0)
    assert Forecaster(remembers, 24).fit(None, y[:540]).lags_ == clone(remembers).fit(None, y[:540]).net_lags_
    late = Forecaster(ARXRegressor(), 2, gap=3).fit(None, y[:540]).lags_
    assert {48 - 3, 48 - 4} <= set(late.output_lags)  # counted from where y ends
    few = Forecaster(TDNNRegressor((3,), random_state=0, max_iter=2), 4).fit(None, y[:60]).lags_
    assert len(few.output_lags) <= 60 // 3


@pytest.mark.parametrize(
    "model",
    [
        ARXRegressor(**AUTO),
        NARXRegressor((2,), **AUTO, max_iter=3, random_state=0, skip_connections=False),
        GRURegressor((2,), **AUTO, max_iter=3, random_state=0, skip_connections=False),
        ESNRegressor(20, **AUTO, random_state=0),
        Forecaster(ARXRegressor(**AUTO), 3, known_ahead="all"),
        TDNNRegressor((2,), input_lags="auto", max_iter=3, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_lags_of_inputs_are_found_and_kept(model):
    """A fit with these lags is the same model, and partial_fit goes on with them."""
    found = clone(model).fit(X, Y)
    lags = found.lags_
    assert 3 in lags.input_lags
    assert min(lags.input_lags) == 0
    name = "estimator__" if isinstance(model, Forecaster) else ""
    open_ones = {name + k: v for k, v in lags._asdict().items() if name + k in model.get_params()}
    given = clone(model).set_params(**open_ones).fit(X, Y)
    assert given.lags_ == lags
    np.testing.assert_array_equal(found.theta_, given.theta_)
    more = driven(40, seed=1)
    found.partial_fit(*more), given.partial_fit(*more)
    np.testing.assert_array_equal(found.theta_, given.theta_)
    assert found.lags_ == lags


def test_what_inputs_hardly_tell_is_averaged_with_past_y_alone():
    """Walks tell nothing of another walk, the less the fewer rows; a system's inputs tell nearly all."""
    walks = np.random.default_rng(1).normal(size=(400, 3)).cumsum(axis=0)
    known = {"counts": [np.ones(400, bool)]}
    lags = choose_lags([walks[:, :1]], None, [walks[:, 1:]], **known)
    of_walks = choose_alone([walks[:, :1]], None, [walks[:, 1:]], lags, **known, repeats=True)
    with_inputs, *past = of_walks.members
    assert with_inputs[:2] == lags
    assert 0.5 <= with_inputs.share < 0.8
    assert [(of.input_lags, of.differences) for of in past] == [((), ()), ((), (1,))]
    assert past[1].share > past[0].share
    assert sum(of.share for of in of_walks.members) == pytest.approx(1.0)
    assert of_walks.repeated == 0.0
    few = [walks[:60, :1]], None, [walks[:60, 1:]]
    counts = [np.ones(60, bool)]
    of_few = choose_lags(*few, counts=counts)
    alone, repeating = (
        choose_alone(*few, of_few, counts=counts, repeats=repeats) for repeats in (False, True)
    )
    assert alone.repeated == 0.0
    assert repeating.repeated > 0.2
    assert repeating == alone._replace(repeated=repeating.repeated)
    lags = choose_lags([Y[:400, None]], None, [X[:400]], **known)
    assert choose_alone([Y[:400, None]], None, [X[:400]], lags, **known) == of_one(*lags)


def test_the_mean_of_linear_models_with_inputs_and_of_past_y_alone():
    """It forecasts as two ARX and y before do on average, the second of differences, that reach one lag further."""
    y, x = np.random.default_rng(2).normal(size=(2, 120, 2)).cumsum(axis=1)
    rows = Series(x, y, np.ones(120), np.zeros(120, bool))
    lags = Averaged((Summand((0, 2), (1, 2), share=0.25), Summand((), (1, 4), (1,), 0.75)), 3, 0.4)
    assert lags.together == ((0, 2), (1, 2, 3, 4, 5))
    W, b = linear_mean(2, 2, lags, [rows]).layer
    seen = np.concatenate([x[[97, 99]].ravel(), y[94:99].ravel()])
    options = {"scale": None, "target_transform": None}
    first = ARXRegressor(input_lags=[0, 2], output_lags=2, **options).fit(x, y)
    options["target_transform"] = "difference"
    alone = ARXRegressor(input_lags=(), output_lags=[1, 4], **options).fit(None, y)
    wanted = 0.25 * first.predict_ahead(x, y)[99] + 0.75 * alone.predict_ahead(None, y)[99]
    wanted = 0.6 * wanted + 0.4 * y[96]
    np.testing.assert_allclose(seen @ W + b, wanted, rtol=1e-9)


def test_an_arx_of_past_y_is_the_mean_of_levels_and_differences():
    """Each with the lags that go with it; learnt in pieces it is that of all rows."""
    t, rng = np.arange(240), np.random.default_rng(3)
    y = lfilter([0.3], [1.0, -0.8], rng.normal(size=240)) + np.sin(2 * np.pi * t / 12)
    index = pd.date_range("2004", periods=240, freq="MS")
    y, options = pd.Series(y, index), {"scale": None, "target_transform": None}
    model = ARXRegressor(**options).fit(None, y)
    averaged = model.fitted_.trained.carry.averaged
    assert {of.differences for of in averaged.members} >= {(), (1,), (12,)}
    assert sum(of.share for of in averaged.members) == pytest.approx(1.0)
    ahead = 0.0
    for of in averaged.members:
        settings = {**options, "target_transform": [Difference(lag) for lag in of.differences] or None}
        single = ARXRegressor(output_lags=of.output_lags, **settings).fit(None, y)
        ahead = ahead + of.share * single.predict_ahead(None, y)[-60:]
    np.testing.assert_allclose(model.predict_ahead(None, y)[-60:], ahead, rtol=1e-9, atol=1e-12)
    model = ARXRegressor(**options).fit(None, y[:200])
    averaged = model.fitted_.trained.carry.averaged
    model.partial_fit(None, y[200:])
    rows = Series(np.empty((240, 0)), y.to_numpy()[:, None], np.ones(240), np.zeros(240, bool))
    layer, *_ = linear_mean(0, 1, averaged, [rows])
    np.testing.assert_allclose(model.theta_, [*layer.W.ravel(), *layer.b], rtol=1e-6, atol=1e-9)


def test_outputs_that_explain_each_other_are_told_from_those_that_do_not():
    """By evidence: y0 follows y1, which like a third walk goes its own way; as two ARX forecast on average."""
    rng = np.random.default_rng(5)
    walks, y0 = rng.normal(size=(300, 2)).cumsum(axis=0), np.zeros(300)
    y0[1:] = walks[:-1, 0] + 0.1 * rng.normal(size=299)
    Y = np.column_stack([y0, walks])
    rows = Series(np.empty((300, 0)), Y, np.ones(300), np.zeros(300, bool))
    of_all = of_one((), (1, 2))
    for alpha in (None, 0.3):
        sums = sums_of(0, 3, of_all, [rows])
        W, b = mean_of(0, 3, of_all, sums, alpha).layer
        both = mean_of(0, 3, of_all._replace(own=3), sums, alpha).layer
        share = both.W[[1, 0, 0], range(3)] / W[[1, 0, 0], range(3)]  # of models that know others' pasts
        assert share[0] > 0.999
        assert share[1:].min() > 0.05
        assert share[1:].max() < 0.6
    for o in range(3):
        own = mean_of(0, 1, of_all, sums_of(0, 1, of_all, [rows._replace(Y=Y[:, [o]])]), 0.3).layer
        expected = share[o] * W[:, o]
        expected[o::3] += (1 - share[o]) * own.W[:, 0]
        np.testing.assert_allclose(both.W[:, o], expected, rtol=1e-6, atol=1e-9)
        assert both.b[o] == pytest.approx(share[o] * b[o] + (1 - share[o]) * own.b[0], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("x", [None, np.random.default_rng(1).normal(size=(120, 1))])
def test_outputs_of_an_arx_that_finds_lags_are_averaged_with_their_own(x):
    """Learnt in pieces it is that of all rows, also by a given penalty of 0; lags that are given are of one model."""
    Y = np.random.default_rng(0).normal(size=(120, 4)).cumsum(axis=0)
    for alpha in ("auto", 0):
        model = ARXRegressor(alpha=alpha, scale=None, target_transform=None)
        first = None if x is None else x[:100]
        averaged = model.fit(first, Y[:100]).fitted_.trained.carry.averaged
        assert averaged.own == 4
        model.partial_fit(None if x is None else x[100:], Y[100:])
        inputs = np.empty((120, 0)) if x is None else x
        rows = Series(inputs, Y, np.ones(120), np.zeros(120, bool))
        if alpha == "auto":
            layer, *_ = linear_mean(inputs.shape[1], 4, averaged, [rows])
            np.testing.assert_allclose(model.theta_, [*layer.W.ravel(), *layer.b], rtol=1e-5, atol=1e-8)
        assert np.isfinite(model.theta_).all()
    assert not ARXRegressor(1, 1).fit(x, Y).fitted_.trained.carry.averaged.own


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "model", [ARXRegressor(), ARXRegressor(output_lags=3), Forecaster(ARXRegressor(), 3)]
)
def test_a_constant_output_leaves_the_others_as_they_are(model, seed):
    """It says nothing of the penalty that all outputs share."""
    rng = np.random.default_rng(seed)
    y = np.column_stack([lfilter([1.0], [1.0, -a], rng.normal(size=300)) for a in (0.7, 0.9)])
    alone = np.asarray(model.fit(None, y).forecast(3))
    beside = np.asarray(model.fit(None, np.c_[y, np.ones(300)]).forecast(3))
    np.testing.assert_allclose(beside[:, :2], alone, atol=0.05)
    np.testing.assert_allclose(beside[:, 2], 1.0)


def test_a_mean_that_would_run_away_gives_up_members():
    """Each member follows this chaos without growing, their mean would not."""
    y = make_mackey_glass(1500, random_state=1)
    model = ARXRegressor().fit(None, y[:1000])
    assert len(model.fitted_.trained.carry.averaged.members) > 2
    assert np.abs(model.forecast(500)).max() < 2.0


@pytest.mark.parametrize("name", ["NARXRegressor", "GRURegressor"])
def test_a_net_of_a_walk_learns_levels_and_leaves_it_to_the_mean(name):
    """Which learns differences as well, and which it therefore trusts more."""
    y = np.random.default_rng(1).normal(size=300).cumsum()
    settings = {"output_lags": "auto", "max_iter": 5, "random_state": 0}
    net = getattr(tsrnn, name)((2,), **settings).fit(None, y)
    arx = ARXRegressor().fit(None, y)
    assert net.target_transform_ is None
    assert arx.fitted_.trained.carry.averaged.of_changes > 0.5
    ahead = [model.predict_ahead(None, y)[-50:] for model in (net, arx)]
    np.testing.assert_allclose(*ahead, rtol=1e-3)


@pytest.mark.filterwarnings("ignore:ARXRegressor does not use")
def test_an_arx_of_inputs_that_hardly_tell_is_such_a_mean():
    """Learnt in pieces it is that of all rows; lags of y that are given are not averaged with others."""
    y, *x = np.random.default_rng(1).normal(size=(3, 400)).cumsum(axis=1)
    x, options = np.stack(x, axis=1), {"scale": None, "target_transform": None}
    model = ARXRegressor(**options).fit(x[:300], y[:300])
    averaged = model.fitted_.trained.carry.averaged
    with_inputs, *past = averaged.members
    assert [of.differences for of in past] == [(), (1,)]
    assert 0.5 <= with_inputs.share < 0.8
    assert model.lags_ == averaged.together
    lags = with_inputs.input_lags, with_inputs.output_lags
    assert ARXRegressor(*lags, **options).fit(x, y).fitted_.trained.carry.averaged == of_one(*lags)
    w = 0.99 ** np.minimum(np.arange(400)[::-1], 100)
    for rows in (slice(300, 310), slice(310, 400)):
        model.partial_fit(x[rows], y[rows], forgetting=0.99)
    layer, alpha, loss = linear_mean(
        2, 1, averaged, [Series(model.x_scaler_(x), y[:, None], w, np.zeros(400, bool))]
    )
    np.testing.assert_allclose(model.theta_, [*layer.W.ravel(), *layer.b], rtol=1e-6, atol=1e-9)
    assert (model.alpha_, *model.loss_curve_) == pytest.approx((alpha, loss), rel=1e-6)


def seasonal(n, season):
    """y feels x two rows later, and its own values one row and a season ago."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=n), np.zeros(n)
    for t in range(season, n):
        y[t] = 0.5 * y[t - 1] + 0.4 * y[t - season] + x[t - 2] + 0.3 * rng.normal()
    return x, y


@pytest.mark.parametrize(
    "model", [ARXRegressor(), LagRegressor(Ridge()), NARXRegressor((3,), max_iter=3, random_state=0)]
)
def test_walks_that_tell_nothing_are_left_out_where_lags_are_found(model):
    x, y = np.random.default_rng(0).normal(size=(400, 9)).cumsum(axis=0), driven(400)[1]
    with pytest.warns(UserWarning, match=r"does not use column\(s\) 0, 1, .*, 8 of X, which wander"):
        assert np.isinf(model.fit(x[:300], y[:300]).x_scaler_.scale).all()
    found = model.lags_.output_lags
    np.testing.assert_array_equal(model.predict(x[300:]), model.predict(1e3 * x[300:]))
    assert found == clone(model).fit(None, y[:300]).lags_.output_lags  # chosen without them
    assert not np.isinf(clone(model).set_params(input_lags=0, output_lags=3).fit(x, y).x_scaler_.scale).any()


def test_inputs_that_drive_y_and_those_that_keep_their_range_are_used():
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(400, 6))
    noise, (cause, *walks) = steps[:, :2], steps[:, 2:].cumsum(axis=0).T
    y = lfilter([0.5], [1, -0.5], cause) + 0.1 * rng.normal(size=400)
    x = np.column_stack([cause, noise, *walks, np.ones(400)])
    with pytest.warns(UserWarning, match=r"does not use column\(s\) [345]"):
        used = np.isfinite(ARXRegressor().fit(x, y).x_scaler_.scale)
    assert used[:3].all()
    assert not used[-1]
    assert used[3:6].sum() < 3


def test_a_net_that_sees_inputs_has_the_nearest_lags_but_not_more_than_it_learns_well():
    """A linear model of a first-order system has three of each; a net takes the nearest, where rows are enough."""
    x = np.random.default_rng(0).normal(size=(600, 1))
    y = lfilter([0.2], [1.0, -0.8], x[:, 0])
    net = NARXRegressor(max_iter=1, early_stopping=False, random_state=0)
    assert net.fit(x, y).net_lags_ == (tuple(range(5)), (1, 2, 3, 4))
    assert 4 not in net.fit(x[:150], y[:150]).net_lags_.output_lags
    assert clone(net).set_params(input_lags=1).fit(x, y).net_lags_.input_lags == (0, 1)
    assert not clone(net).set_params(output_lags=0).fit(x, y).net_lags_.output_lags
    waves = np.stack([np.sin(np.arange(2000) * w) for w in (0.3, 0.7, 1.1)]).sum(axis=0)
    waves += 0.3 * np.random.default_rng(1).normal(size=2000)
    wide = net.fit(np.roll(waves, 20)[:, None], waves).net_lags_
    assert len(wide.input_lags) + len(wide.output_lags) <= 35
    many = net.fit(x, y[:, None] + 0.05 * np.random.default_rng(2).normal(size=(600, 3))).net_lags_
    assert 4 not in many.output_lags  # each output costs as much again


def test_a_linear_model_of_smooth_inputs_keeps_its_range_where_they_begin():
    """Their lags are nearly one: weights that cancel each other gave twenty times the range of y at first."""
    rng, t = np.random.default_rng(0), np.arange(3000)
    x = np.sum([np.sin(w * t + rng.uniform(0, 6)) for w in rng.uniform(0.0, 0.15, 60)], axis=0)
    y = np.tanh(lfilter([0.1], [1.0, -1.7, 0.8], x / x.std()))
    X = x[:, None] / x.std()
    model = ARXRegressor(input_lags=40, output_lags=0).fit(X[:2000], y[:2000])
    run = model.predict(X[2000:], start="cold")
    assert abs(run).max() < 4
    assert np.mean((run[40:] - y[2040:]) ** 2) < 0.15 * y.var()


@pytest.mark.parametrize("n_rows", [70, 600])
@pytest.mark.parametrize(("times", "plus"), [(1e-4, 0), (1, 1e4), (1e4, 0)])
def test_a_linear_model_of_inputs_that_are_not_scaled_sees_them_in_their_units(n_rows, times, plus):
    x = np.random.default_rng(0).normal(size=n_rows)
    model = ARXRegressor(input_lags=range(40), output_lags=0, scale=None)
    model.fit(times * x[:, None] + plus, x)
    assert np.mean((model.predict(times * x[:, None] + plus, start="cold") - x)[-20:] ** 2) < 0.01


@pytest.mark.parametrize("net", [NARXRegressor, GRURegressor])
def test_the_linear_model_beside_a_net_has_lags_of_its_own(net):
    """Of y, 24 among them, and of inputs as well where the net remembers these; not where they are given."""
    x, y = seasonal(400, 24)
    settings = {"output_lags": "auto", "max_iter": 3, "random_state": 0}
    model = net((100,), **settings).fit(x[:360, None], y[:360])
    of_net, of_linear = model.fitted_.lags, ARXRegressor().fit(x[:360, None], y[:360]).lags_
    assert model.lags_ == tuple(tuple(sorted({*a, *b})) for a, b in zip(of_net, of_linear))
    assert 24 in model.lags_.output_lags
    assert 24 not in of_net.output_lags
    assert 2 in model.lags_.input_lags
    n, size = sum(map(len, of_linear)), np.size(model.params_[-1].W)
    assert size == n + 100
    of_linear_model = model.theta_[-1 - size :][:n]
    scaled = [(v - at.center) / at.scale for v, at in ((x, model.x_scaler_), (y, model.y_scaler_))]
    seen = np.concatenate([v[[359 - k for k in lags[::-1]]] for v, lags in zip(scaled, of_linear)])
    wanted = seen @ of_linear_model * model.y_scaler_.scale[0]
    out = model.predict_ahead(x[:360, None], y[:360], steps=1)[-1]
    of_linear_model[:] = 0.0  # in place
    assert out - model.predict_ahead(x[:360, None], y[:360], steps=1)[-1] == pytest.approx(wanted)
    with pytest.raises(ValueError, match=f"looks back {max(of_linear.output_lags)} rows"):
        model.set_params(warm_start=True).fit(x[:20, None], y[:20])
    given = net((9,), **{**settings, "output_lags": 3}).fit(x[:360, None], y[:360])
    assert given.lags_.output_lags == (1, 2, 3)


@pytest.mark.parametrize("net", [NARXRegressor, GRURegressor])
def test_lags_of_the_net_make_the_same_net(net):
    """Given instead of "auto", to the bit where there is no linear model beside it."""
    x, y = seasonal(300, 12)
    settings = {"output_lags": "auto", "max_iter": 3, "random_state": 0}
    for early_stopping in (True, False):
        model = net((4,), early_stopping=early_stopping, **settings).fit(x[:, None], y)
        given = clone(model).set_params(**model.net_lags_._asdict()).fit(x[:, None], y)
        assert given.net_lags_ == model.net_lags_
        assert [p.W.shape for p in given.params_[:1]] == [p.W.shape for p in model.params_[:1]]
    assert model.lags_ == model.net_lags_
    np.testing.assert_array_equal(given.theta_, model.theta_)


@pytest.mark.parametrize("net", [NARXRegressor, GRURegressor])
def test_a_net_without_a_linear_model_beside_it_learns_differences_of_a_trend(net):
    y = 0.3 * np.arange(300) + np.random.default_rng(0).normal(size=300).cumsum()
    model = net((4,), output_lags="auto", max_iter=30, random_state=0)
    assert model.fit(None, y[:250]).target_transform_ is None
    model.set_params(early_stopping=False).fit(None, y[:250])
    assert repr(model.target_transform_) == "[Difference()]"
    assert np.abs(model.forecast(50) - y[250:]).mean() < np.abs(y[249] - y[250:]).mean()


def test_lags_are_named_where_they_are_given():
    assert ARXRegressor(1, (1, 5)).fit(X, Y).lags_ == ((0, 1), (1, 5))
    assert not hasattr(tsrnn.PersistenceRegressor().fit(None, Y), "lags_")


def test_a_net_that_sees_a_periodic_input_needs_no_season_of_y():
    """The period is the input's: what a linear model gains by such lags, as it cannot follow, a net learns from few."""
    rng, t, y = np.random.default_rng(0), np.arange(900), np.zeros(900)
    x = np.sin(2 * np.pi * t / 30) + 0.7 * np.sin(2 * np.pi * t / 11 + 1) + 0.3 * rng.normal(size=900)
    for k in range(1, len(t)):
        y[k] = 0.8 * y[k - 1] + np.tanh(2 * x[k]) * (0.4 + 0.3 * x[k - 1] ** 2) + 0.1 * rng.normal()
    assert find_seasons(y[:, None])
    assert max(choose_lags(y[:, None], X=x[:, None], most=56).output_lags) < 10
    assert max(choose_lags(y[:, None], most=56).output_lags) >= 10


def test_a_classifier_finds_lags():
    labels = np.where(np.resize([1, 0, 0, 0, 0, 0, 0], 210) > 0, "Monday", "other")
    model = NARXClassifier(output_lags="auto", max_iter=3, random_state=0).fit(None, labels)
    assert 7 in model.lags_.output_lags


def test_where_lags_cannot_be_found():
    dilated = TDNNRegressor((2,), dilations=(2,), max_iter=1, random_state=0).fit(X, Y)
    assert dilated.lags_.input_lags == tuple(range(0, 17, 2))
    ragged, values = [X[:20], X[20:50], X[50:90]], np.arange(3.0)
    usual, eight = (
        TDNNRegressor((2,), input_lags=lags, max_iter=1, random_state=0).fit(ragged, values)
        for lags in ("auto", 8)
    )
    assert np.array_equal(usual.predict(ragged), eight.predict(ragged))
    with pytest.raises(ValueError, match="'auto' works for one y per row"):
        GRURegressor((2,), input_lags="auto").fit([X[:20], X[20:50], X[50:90]], np.arange(3.0))
    with pytest.raises(TypeError, match="input_lags='automatic' is not a set of lags"):
        ARXRegressor(input_lags="automatic").fit(X, Y)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9, 20])
def test_few_rows_find_few_lags(n):
    lags = choose_lags(Y[:n, None], None, X[:n])
    assert max(lags.output_lags) <= max(1, n // 2)
    assert choose_transform(Y[:n, None], None, X[:n]) is None or n > 5


def test_choices_take_little_time():
    y = np.resize(np.sin(np.arange(168) * 2 * np.pi / 24) ** 3, 100_000) + 0.1 * RNG.normal(size=100_000)
    start = time.thread_time()
    lags = choose_lags(y[:, None], None, RNG.normal(size=(100_000, 2)))
    transform = choose_transform(y[:, None])
    assert time.thread_time() - start < 3
    assert 24 in lags.output_lags or 24 in [step.lag for step in transform]


# ---------------------------------------------------------------------------------------- transforms


def test_what_cannot_leave_its_range_takes_differences_of_a_drift():
    t, noise = np.arange(400), np.random.default_rng(3).normal(size=400)
    drifts, stays = (pd.Series(level + noise) for level in (50 * (1 - 0.988**t), np.sin(2 * np.pi * t / 12)))
    assert ARXRegressor(3, 12, target_transform="auto").fit(None, drifts).target_transform_ is None
    model = ESNRegressor(30, output_lags=12, target_transform="auto", random_state=0)
    assert model.fit(None, stays).target_transform_ is None
    assert all(isinstance(step, Difference) for step in model.fit(None, drifts).target_transform_)
    days = pd.Series(60 * np.sin(2 * np.pi * t / 24) + 20 * np.sin(2 * np.pi * t / 1200) + 0.3 * noise)
    assert all(
        isinstance(step, Difference) for step in model.fit(None, days).target_transform_
    )  # within their range
    fed = GRURegressor((2,), output_lags=12, skip_connections=True, max_iter=1, target_transform="auto")
    assert fed.fit(None, drifts).target_transform_ is None


def test_short_series_take_first_differences_unless_they_lose():
    rng = np.random.default_rng(3)
    walks = [choose_transform(np.cumsum(rng.normal(size=(100, 1)), axis=0)) for _ in range(20)]
    assert sum(steps is not None and steps[0].lag == 1 for steps in walks) >= 15
    noise = [choose_transform(rng.normal(size=(200, 1))) for _ in range(20)]
    assert sum(steps is None for steps in noise) >= 15


def test_lags_and_differences_together_leave_rows_to_learn_from():
    y = np.resize(RNG.normal(size=12), 96)[:, None] + 0.3 * RNG.normal(size=(96, 1))
    months = pd.date_range("2010", periods=96, freq="MS")
    assert max(choose_lags(y, months).output_lags) > 11
    assert max(choose_lags(y, months, differences=(1, 12)).output_lags) <= 96 // 3 - 13
    assert len(choose_lags(y, months, differences=(12,), most=4).output_lags) <= 6  # a few there always are


def test_noise_has_no_season():
    rng = np.random.default_rng(4)
    assert sum(bool(find_seasons(rng.normal(size=(80, 1)))) for _ in range(40)) <= 4
    shape = np.resize(rng.normal(size=12), 80)[:, None]
    assert sum(12 in find_seasons(shape + 0.4 * rng.normal(size=(80, 1))) for _ in range(40)) >= 36


@pytest.mark.parametrize(("season", "n", "freq"), [(168, 230, "h"), (168, 350, "h"), (52, 70, "W")])
def test_a_season_seen_once_is_repeated_where_that_errs_less(season, n, freq):
    rng, index = np.random.default_rng(5), pd.date_range("2024", periods=n, freq=freq)
    noise = rng.normal(size=(n, 1))
    y = np.resize(rng.normal(size=season), n)[:, None] + 0.2 * noise

    def is_repeated(y, **options):
        return any(step.lag == season for step in choose_transform(y, index, **options) or ())

    assert is_repeated(y)
    assert not is_repeated(noise)
    assert not is_repeated(y + 5 * noise.cumsum(axis=0))
    assert not is_repeated(y, output_lags=tuple(range(1, n - season)))  # which leave nothing to learn from
    model = Forecaster(ARXRegressor(0, target_transform="auto"), n - season).fit(
        None, pd.Series(y[:, 0], index)
    )
    assert np.isfinite(model.forecast(n - season)).all()  # nor would so long a horizon
    shape = 10 * np.resize(noise[:season], (n, 1))
    growing = np.concatenate([np.zeros(n - 16), 0.01 * 1.3 ** np.arange(16)])[:, None]
    assert is_repeated(shape + 0.01 * noise)
    assert not is_repeated(shape + growing)  # changes would grow without end


def test_a_transform_is_found():
    months = pd.date_range("2010", periods=144, freq="MS")
    season = 0.2 * np.sin(2 * np.pi * np.arange(144) / 12)
    y = pd.Series(np.exp(0.02 * RNG.normal(size=144).cumsum() + 0.015 * np.arange(144) + season), months)
    model = ARXRegressor(output_lags=3, target_transform="auto").fit(None, y)
    assert isinstance(model.target_transform_[0], Log)
    given = clone(model).set_params(target_transform=model.target_transform_).fit(None, y)
    np.testing.assert_array_equal(model.forecast(12), given.forecast(12))
    assert ARXRegressor(target_transform="auto").fit(None, RNG.normal(size=200)).target_transform_ is None


def test_transforms_that_do_not_go_with_other_parameters_are_left_out():
    y = np.exp(0.3 * WALK)
    bounded = ARXRegressor(target_transform="auto", target_bounds=(0, None)).fit(None, y)
    assert not bounded.fitted_.units.target.pointwise
    model = Forecaster(TDNNRegressor((), target_transform="auto", max_iter=3), 2, quantiles=(0.1, 0.9))
    assert not any(isinstance(step, Difference) for step in model.fit(None, y).target_transform_ or [])


def test_a_warm_start_keeps_what_was_found():
    model = NARXRegressor((2,), **AUTO, target_transform="auto", warm_start=True, max_iter=2, random_state=0)
    model.fit(X, Y)
    lags = model.lags_
    model.fit(X[:60], Y[:60])
    assert model.lags_ == lags


# ---------------------------------------------------------------------------------------- histories shorter than lags


def test_a_history_shorter_than_the_lags_brings_a_warning():
    model = ARXRegressor(1, 5, target_transform="difference").fit(X, Y)
    with pytest.warns(UserWarning, match=r"start: the history has 3 row\(s\), but the model looks 6 back"):
        model.predict(X[3:9], start=(X[:3], Y[:3]))
    frame = pd.concat({k: pd.DataFrame({"x": X[:, 0], "y": Y}) for k in "ab"})
    model = ARXRegressor(1, 5).fit(frame[["x"]], frame.y)
    new = pd.concat({"c": pd.DataFrame({"x": X[:9, 0], "y": Y[:9]})})
    model.update(new[["x"]][:3], new.y[:3])
    with pytest.warns(UserWarning, match=r"The series has 3 row\(s\), but the model looks 5 back"):
        model.predict(new[["x"]][3:5])
    model.update(new[["x"]][3:5], new.y[3:5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(new[["x"]][5:])
        model.forecast(2, new[["x"]][5:7])


def growing(seed=0, n=144):
    """Grows by a hundredth a row, noise as y does."""
    t, noise = np.arange(n), np.random.default_rng(seed).normal(size=n)
    return 100 * np.exp(0.01 * t + 0.2 * np.sin(2 * np.pi * t / 12) + 0.03 * noise)


def test_what_is_found_holds_for_the_folds_of_calibrate():
    y = growing()
    model = ARXRegressor().fit(None, y)
    assert any(isinstance(g, Log) for g in model.target_transform_)
    table = model.calibrate(None, y, cv=5).forecast(1, level=80)
    assert 20 < (table["hi-80"] - table["lo-80"]).item() < 100


def test_what_is_found_holds_for_rows_that_are_not_looked_at():
    series = [growing(k) for k in range(17)]  # of which sixteen are looked at
    series[1][0] = 0.0
    found = ARXRegressor().fit(None, series).target_transform_ or []
    assert not any(isinstance(g, Log) for g in found)


def test_no_differences_of_what_has_hardly_any():
    y = 50 + np.random.default_rng(0).normal(size=210).cumsum()
    y[1::2] = np.nan
    assert tsrnn.ESNRegressor(20, output_lags="auto", random_state=0).fit(None, y).target_transform_ is None


def test_a_constant_series_has_no_say():
    walks = [50 + np.random.default_rng(k).normal(size=144).cumsum() for k in range(5)]
    model = tsrnn.ESNRegressor(20, output_lags="auto", random_state=0)
    assert repr(model.fit(None, walks).target_transform_) == "[Difference()]"
    assert repr(model.fit(None, [*walks, np.full(144, 5.0)]).target_transform_) == "[Difference()]"


def test_lags_of_inputs_are_not_looked_for_beside_very_many_of_y():
    """Each trial costs the cube of all lags: 10,000, which are too long anyway, took minutes to refuse."""
    X, y = tsrnn.datasets.make_narendra(200, random_state=0)
    model = GRURegressor((2,), output_lags=10_000, max_iter=2)
    with pytest.raises(ValueError, match="shorter lags"):
        model.fit(X, y)
    model.set_params(output_lags=40).fit(X, y)
    assert model.lags_.input_lags == (0,)
    assert model.set_params(output_lags=2).fit(X, y).lags_.input_lags != (0,)
