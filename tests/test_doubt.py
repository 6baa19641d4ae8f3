"""Values of y that are not believed, and rows that the index lacks: what they cost, and what is kept."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from tsrnn import ARXRegressor, AutoForecaster, ESNRegressor, Forecaster, NARXRegressor
from tsrnn._series.doubt import Doubt, doubtful, doubtful_after, ends_of, last_believed
from tsrnn._series.rows import Part


SEASON, SPLIT, H = 24, 1200, 12
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=1500)
Y = 10 + 3 * np.sin(2 * np.pi * np.arange(1500) / SEASON) + 0.3 * NOISE
for t in range(1, 1500):
    Y[t] += 0.6 * (Y[t - 1] - 10 - 3 * np.sin(2 * np.pi * (t - 1) / SEASON))
Y = pd.Series(Y, pd.date_range("2024-01-01", periods=1500, freq="h"))
SPIKES = np.array([103, 222, 391, 580, 655, 901, 1130])


def spiked(value=-999.0):
    y = Y[:SPLIT].copy()
    y.iloc[SPIKES] = value
    return y


def doubted(u, X=None):
    u = np.asarray(u, float)
    X = np.empty((len(u), 0)) if X is None else X
    return np.flatnonzero(doubtful(u[:, None], X, [Part(None, slice(0, len(u)), None)])).tolist()


def error(model, learnt):
    """Return the error of forecasts after training, and what fit warned of."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        model.fit(None, learnt)
    forecast = np.asarray(model.trajectories(None, Y[SPLIT:], H).forecast).reshape(-1, H)
    at = np.arange(len(forecast))[:, None] + SPLIT + np.arange(H)
    return np.sqrt(np.mean((forecast - Y.to_numpy()[at]) ** 2)), [str(w.message) for w in given]


@pytest.mark.parametrize("value", [-999.0, 200.0, np.nan])
@pytest.mark.parametrize(
    "model",
    [ARXRegressor(), Forecaster(Ridge(), H), ESNRegressor(20, output_lags=3, random_state=0)],
    ids=["ARX", "Forecaster", "ESN"],
)
def test_spikes_cost_what_missing_values_do(model, value):
    clean, _ = error(model, Y[:SPLIT])
    dirty, told = error(model, spiked(value))
    assert dirty < 1.05 * clean
    assert np.isnan(value) or [w for w in told if "row" in w and "(2024-" in w and "6 more such rows" in w]


def test_doubted_values_are_missing():
    with pytest.warns(UserWarning, match="target_bounds=None where such values are real"):
        model = ARXRegressor().fit(None, spiked())
    same = ARXRegressor().fit(None, spiked(np.nan))
    assert np.array_equal(model.theta_, same.theta_)
    believes = ARXRegressor(target_bounds=None).fit(None, spiked())
    assert not np.array_equal(believes.theta_, model.theta_)


def test_a_race_does_not_see_spikes():
    options = {"candidates": [ARXRegressor()], "random_state": 0}
    with pytest.warns(UserWarning, match="taken as not measured"):
        race = AutoForecaster(3, **options).fit(None, spiked()[:500])
    same = AutoForecaster(3, **options).fit(None, spiked(np.nan)[:500])
    assert np.array_equal(race.forecast(3), same.forecast(3))


def test_what_is_real_is_kept():
    rng = np.random.default_rng(1)
    noise, none = rng.normal(size=600), []
    assert doubted(noise) == none
    assert doubted(rng.exponential(size=600)) == none  # a tail
    assert doubted(rng.poisson(0.05, 600) * rng.lognormal(0, 0.7, 600)) == none  # seldom anything
    assert doubted(np.where(rng.random(600) < 0.01, 9, rng.integers(0, 3, 600))) == none  # counts
    ramp = noise.copy()
    ramp[300:309] += [10, 20, 30, 40, 50, 40, 30, 20, 10]  # a peak that rises and falls
    assert doubted(ramp) == none
    step = noise.copy()
    step[590:] += 100
    assert doubted(step) == none
    for n in (3, 4):  # so does one that has just begun
        step = noise.copy()
        step[-n:] += 100
        assert doubted(step) == none
    regular = noise.copy()
    regular[20::100] = 100  # the first day of each month
    assert doubted(regular) == none
    at = [77, 204, 391, 430]
    noise[at] = 100, -80, 60, 70
    assert doubted(noise) == at
    caused = np.isin(np.arange(600), at).astype(float)[:, None]  # a promotion, say
    assert doubted(noise, caused) == none
    caused[5] = np.nan
    assert doubted(noise, caused) == none
    assert doubted(noise, rng.normal(size=(600, 1))) == at
    assert doubted(noise[:49]) == none  # too few rows to tell


def test_inputs_that_say_nothing_explain_nothing():
    """The mean of a constant is rounded."""
    u = NOISE[:1000].copy()
    at = np.sort(np.random.default_rng(6).permutation(1000)[:18])
    u[at] += 30
    X = np.full((1000, 3), [1e6 + 0.1, 0.3, np.nan])
    assert doubted(u, X) == at.tolist()


def test_warnings_name_the_row_and_the_series():
    first, second = Y[:300], Y[:300].copy()
    second.iloc[40] = -999
    arrays, none = [first.to_numpy(), second.to_numpy()], [np.empty((300, 0))] * 2
    panel = pd.concat({"b": first, "a": second})
    groups, mixed = np.tile(["b", "a"], 300), np.stack(arrays, axis=1).ravel()
    for data, row in (
        ((none, arrays), "40 of series 1"),
        ((None, panel), r"340 \(2024-01-02 16:00:00, series 'a'\)"),
        ((None, mixed, None, groups), r"81 \(series '?a'?"),
    ):
        with pytest.warns(UserWarning, match=f"y is -999 in row {row}"):
            ARXRegressor(output_lags=2).fit(*data)


def test_rows_that_the_index_lacks_cost_what_missing_values_do():
    rng = np.random.default_rng(2)
    keep = rng.random(SPLIT) > 0.05
    clean, _ = error(ARXRegressor(), Y[:SPLIT])
    dirty, _ = error(ARXRegressor(), Y[:SPLIT][keep])
    missing, _ = error(ARXRegressor(), Y[:SPLIT].where(keep))
    assert dirty < 1.03 * clean  # 1.10 where lags did not reach over gaps
    assert dirty == missing


def test_inputs_of_rows_that_the_index_lacks():
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"x": rng.normal(size=400)}, Y.index[:400])
    y = X["x"].shift(1, fill_value=0.0) + 0.1 * Y[:400]
    keep = rng.random(400) > 0.05
    lost = X.where(keep[:, None])
    for missing in ("hold", "mean", "mask"):
        model = ARXRegressor(1, 3, missing=missing)
        whole = model.fit(lost, y.where(keep), np.where(keep, 1.0, 0.0)).theta_
        np.testing.assert_allclose(model.fit(X[keep], y[keep]).theta_, whole)
    held = ARXRegressor(1, 3).fit(X[keep], y[keep])
    np.testing.assert_allclose(held.theta_, ARXRegressor(1, 3).fit(lost.ffill(), y.where(keep)).theta_)
    with pytest.warns(UserWarning, match="missing between"):
        pieces = ARXRegressor(1, 3).fit(X[:300], y[:300]).partial_fit(X[302:], y[302:])
    assert type(pieces.fitted_.series[None].n) is int  # files hold no scalars of NumPy


def test_long_gaps_and_many_cut_a_series():
    """Where half a day is missing nothing stands in, nor where more rows are missing than can be stood in for."""
    for keep in (np.r_[0:200, 212:400], np.r_[0:201, 202:400:2]):
        model = NARXRegressor((2,), output_lags=2, max_iter=2, random_state=0)
        assert model.fit(None, Y.iloc[keep]).fitted_.series[None].n == len(keep)


# ---------------------------------------------------------------------------------------- after training


RANGE = np.array([0.0]), np.array([10.0]), np.array([10.0])


def doubted_after(u, begin=5.0):
    doubted, (end,) = doubtful_after(np.asarray(u, float)[:, None], RANGE, (Doubt(begin),))
    return np.flatnonzero(doubted).tolist(), end


def test_which_later_values_are_doubted():
    none = []
    assert doubted_after([5, 100, 6, np.nan, -20, -20, 5])[0] == [1, 4, 5]
    assert doubted_after([5, 100, 100, 100, 101])[0] == [1, 2]  # a new level
    assert doubted_after(np.arange(200.0))[0] == none  # a trend
    assert doubted_after([5, 16, 5, -6, 5])[0] == none  # not far
    assert doubted_after([12, 18, 24, 30, 45, 60])[0] == none  # grows beyond
    assert len(doubted_after(np.tile([5.0, 50.0], 100))[0]) < 8  # again and again: so it is now
    assert doubted_after([100, 6], begin=np.nan)[0] == [0]
    assert doubted_after([18, 6], begin=np.nan)[0] == none


def test_heavy_tails_are_believed_further_out():
    """Of a tail like 1 / y^1.5 one series in three would lose a true value among 500 later ones."""
    lost = {"heavy": 0, "normal": 0}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        for name, u in (("heavy", rng.pareto(1.5, 1000)), ("normal", rng.normal(size=1000))):
            u = u[:, None]
            u[700] += 30 if name == "normal" else 0
            doubted, _ = doubtful_after(u[500:], ends_of(u[:500]), last_believed(u[:500], [True]))
            lost[name] += np.count_nonzero(doubted)
    assert lost["heavy"] < 3
    assert lost["normal"] == 40


def test_counts_and_what_is_seldom_anything_are_believed_later():
    rng = np.random.default_rng(8)
    seldom = np.where(rng.random(300) < 0.05, rng.gamma(0.5, 1.0, 300), 0.0)
    many = np.c_[rng.integers(0, 3, 300), seldom, np.full(300, 5.0), NOISE[:300]]
    model = ARXRegressor(output_lags=2, target_transform=None).fit(None, many)
    model = pickle.loads(pickle.dumps(model))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "y is")
        model.update(None, np.array([[8.0, 50.0, 7.0, 0.0], [0.0, 0.0, 5.0, 0.0]]))
    with pytest.warns(UserWarning, match="y is 99 in row 0"):
        model.update(None, np.array([[8.0, 50.0, 7.0, 99.0]]))
    with pytest.warns(UserWarning, match="y is -999 in row 0"):
        model.update(None, np.array([[-999.0, 50.0, 7.0, 0.0]]))


@pytest.mark.parametrize("n", [1, 2, 7])
def test_doubt_goes_on_from_call_to_call(n):
    u = np.resize([5.0, 4.0, 6.0, 3.0, 7.0], 120)
    u[[3, 13, 14, 40, 77]] = 100, -50, -60, 300, 200
    u[90:100] = 80
    whole, end = doubted_after(u)
    found, doubt = [], (Doubt(5.0),)
    for first in range(0, len(u), n):
        doubted, doubt = doubtful_after(u[first : first + n, None], RANGE, doubt)
        found += (first + np.flatnonzero(doubted)).tolist()
    assert (found, doubt) == (whole, (end,))


def test_later_spikes_are_missing():
    """In ``update``, in pieces or at once, ``partial_fit``, ``trajectories``; but ``score`` judges by them."""
    later, lost = Y[SPLIT:].copy(), Y[SPLIT:].copy()
    later.iloc[[10, 50, 51, 90]], lost.iloc[[10, 50, 51, 90]] = [-999, 200, 300, -999], np.nan
    whole, pieces, same = (ARXRegressor().fit(None, Y[:SPLIT]) for _ in range(3))
    with pytest.warns(
        UserWarning, match="in training: that is taken as not measured, and so are 3 more such rows"
    ):
        out = whole.trajectories(None, later, H).forecast
    assert np.array_equal(out, whole.trajectories(None, lost, H).forecast)
    same.update(None, lost[:91])
    with pytest.warns(UserWarning, match=r"y is -999 in row 10 \(2024-02-20 10:00:00\), but was from"):
        whole.update(None, later[:91])
    for first in range(0, 91, 7):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pieces.update(None, later[first : first + 7])
    expected = same.forecast(H)
    assert np.array_equal(whole.forecast(H), expected)
    np.testing.assert_allclose(pieces.forecast(H), expected, rtol=1e-9)
    with pytest.warns(UserWarning, match="is taken as not measured"):
        assert np.array_equal(
            ARXRegressor().fit(None, Y[:SPLIT]).partial_fit(None, later).theta_,
            ARXRegressor().fit(None, Y[:SPLIT]).partial_fit(None, lost).theta_,
        )
    empty = pd.DataFrame(index=later.index)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The model runs away")
        warnings.filterwarnings("error", "y is")
        assert ARXRegressor().fit(None, Y[:SPLIT]).score(empty, later) < 0.1
        believes = ARXRegressor(target_bounds=None).fit(None, Y[:SPLIT])
        assert not np.array_equal(believes.trajectories(None, later, H).forecast, out)


def test_what_a_transform_cannot_take_is_missing_if_it_was_found():
    y = np.exp(2 + np.sin(np.arange(300) / 5) + 0.02 * np.arange(300) + 0.1 * NOISE[:300])
    found = ARXRegressor().fit(None, y[:250])
    assert repr(found.target_transform_[0]) in ("Log()", "Power()")
    with pytest.warns(UserWarning, match="y is -1 in row 3"):
        found.update(None, np.where(np.arange(10) == 3, -1.0, y[250:260]))
    with pytest.raises(ValueError, match="target_transform: Log"):
        ARXRegressor(target_transform="log").fit(None, y[:250]).update(None, np.zeros(3))


def test_rows_of_weight_0_and_experiments_are_believed():
    weight, x = np.ones(SPLIT), pd.DataFrame(index=Y.index)
    weight[SPIKES] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", "y is")
        ARXRegressor(output_lags=2, target_transform=None).fit(x[:SPLIT], spiked(20.0), weight)
    later, inputs = Y[SPLIT:].to_numpy() * 10, NOISE[:, None]
    driven = ARXRegressor(1, 2, target_transform=None).fit(inputs[:SPLIT], Y[:SPLIT].to_numpy())
    with warnings.catch_warnings():  # another experiment, and its inputs decide
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", "y is .* not measured")
        driven.partial_fit(inputs[SPLIT:], later)
    u = RNG.normal(size=100)
    u[-1] = 50
    assert doubted(u) == [99]


def test_nines_are_codes_in_any_number():
    u = np.where(np.arange(600) % 7 < 2, -999.0, NOISE[:600])
    assert doubted(u) == np.flatnonzero(u == -999).tolist()
    amounts = np.where(np.arange(600) < 20, -99.0, 2000 + 300 * NOISE[:600])
    assert doubted(np.abs(amounts)) == []  # 99 may be
    assert doubted(np.maximum(amounts, -99)) == list(range(20))
    assert doubted(np.where(np.arange(600) < 20, -98.0, amounts)) == []
    model = ARXRegressor().fit(None, Y[:SPLIT])
    outage = Y[SPLIT:].where(np.arange(300) > 20, -999.0)
    with pytest.warns(UserWarning, match="y is -999 in row 0 .*, and so are 20 more such rows"):
        out = model.trajectories(None, outage, H).forecast
    assert np.array_equal(out, model.trajectories(None, outage.where(outage > 0), H).forecast)
