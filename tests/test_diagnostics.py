"""diagnose and lag_importance: the numbers against slow loops, the warnings against cases made to deserve them."""

from dataclasses import KW_ONLY, dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsrnn import (
    ARXRegressor,
    GRURegressor,
    LSTMRegressor,
    NARXRegressor,
    PersistenceRegressor,
    SeasonalNaiveRegressor,
    diagnose,
)
from tsrnn._estimators.regressor import SequenceRegressor
from tsrnn._nets.dynamics import Dynamics, Learner, Trained
from tsrnn.datasets import load_sunspots
from tsrnn.diagnostics import (
    anomalies,
    correlation,
    explain,
    find_period,
    lag_importance,
    residual_correlations,
)
from tsrnn.diagnostics._baselines import p_no_better
from tsrnn.diagnostics._correlations import autocorrelations, cross_correlations
from tsrnn.plotting import CompareDisplay


@dataclass(frozen=True, eq=False)
class Recited(Dynamics):
    """Outputs (N, O) that stand in ``text``, one row after the other, whatever is measured; again after the last."""

    text: np.ndarray
    input_lag: int

    lead, n_outputs, sees_y = 0, 1, True

    def first(self):
        return np.zeros(1, int)

    cold = first

    def zero(self, x, y):
        return self.first()

    def run(self, X, Y, memory):
        return self.text[(memory + np.arange(len(Y))) % len(self.text)], memory + len(Y)

    def free_runs(self, X, Y, memory, first, steps, settle=None):
        out = self.text[(memory + first + np.arange(steps)[:, None]) % len(self.text)]
        for t in range(steps if settle is not None else 0):
            settle(slice(0, len(first)), t, out[t])
        yield slice(0, len(first)), out


class Recites(Learner):
    sees_y = True

    def learn(self, net, series, mean, rng, before=None):
        text = np.asarray(self.p.forecasts, float)[:, None]
        return Trained(Recited(np.zeros(0), text, self.p.least), 1, [0.0], [])


class Given(SequenceRegressor):
    """A model whose forecasts are known, whatever the horizon."""

    forecasts: object = None
    _: KW_ONLY
    least: int = 0
    scale: object = None

    output_lags = 1

    def _learner(self):
        return Recites(self)


def driven(n=900, noise=0.1, seed=0):
    """y(t) = 0.5 y(t - 1) + u(t - 1) + noise."""
    rng = np.random.default_rng(seed)
    u, e = rng.normal(size=n), noise * rng.normal(size=n)
    y = np.zeros(n)
    for t in range(1, n):
        y[t] = 0.5 * y[t - 1] + u[t - 1] + e[t]
    return pd.DataFrame({"u": u}), pd.Series(y, name="level")


def smooth(n, phi, seed):
    """An autoregression of order one."""
    e, y = np.random.default_rng(seed).normal(size=n), np.zeros(n)
    for t in range(1, n):
        y[t] = phi * y[t - 1] + e[t]
    return y


def slow_correlation(a, b, k):
    """By the definition, with the mean over the pairs there are for those that are missing."""
    n = len(a)
    a, b = a - np.nanmean(a), b - np.nanmean(b)
    products = [a[t] * b[t - k] for t in range(k, n)]
    known = [p for p in products if not np.isnan(p)]
    return sum(known) / len(known) * (n - k) / n / np.sqrt(np.nanmean(a**2) * np.nanmean(b**2)), len(known)


# ---------------------------------------------------------------------------------------- correlations


@pytest.mark.parametrize("missing", [0, 60])
def test_correlation_against_a_slow_loop(missing):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200)).cumsum(axis=1)
    a[rng.choice(200, missing, replace=False)] = np.nan
    b[rng.choice(200, missing // 2, replace=False)] = np.nan
    r, pairs = correlation(a, b, 12)
    for k in range(13):
        np.testing.assert_allclose((r[k], pairs[k]), slow_correlation(a, b, k), rtol=1e-12)
    # the usual estimate: the sum over fewer products, about the means of all, by the whole length
    if not missing:
        centred = a - a.mean()
        own = correlation(a, a, 12)[0]
        expected = [centred[k:] @ centred[: 200 - k] / (centred @ centred) for k in range(13)]
        np.testing.assert_allclose(own, expected, rtol=1e-12)


def test_correlation_of_what_never_moves_is_unknown():
    assert np.isnan(correlation(np.ones(20), np.arange(20.0), 3)[0]).all()


def test_ljung_box_as_in_the_textbook():
    e = np.random.default_rng(1).normal(size=300)
    table, test = autocorrelations(e, 15, 1)
    Q = 300 * 302 * sum(slow_correlation(e, e, k)[0] ** 2 / (300 - k) for k in range(1, 16))
    np.testing.assert_allclose(test.loc["residuals"], [Q, 15, chi2.sf(Q, 15)])
    np.testing.assert_allclose(table["bound"], 1.96 / np.sqrt(300))


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_white_noise_is_rejected_as_often_as_it_should(missing):
    rng = np.random.default_rng(2)
    rejected, outside = [], []
    for _ in range(300):
        e = np.where(rng.random(400) < missing, np.nan, rng.normal(size=400))
        table, test = autocorrelations(e, 20, 1)
        rejected.append(test.loc["residuals", "p"] < 0.05)
        outside.append((table["residuals"].abs() > table["bound"]).mean())
    assert 0.02 < np.mean(rejected) < 0.09
    assert 0.03 < np.mean(outside) < 0.07


def test_errors_that_remember_are_found():
    table, test = autocorrelations(smooth(2000, 0.4, 0), 10, 1)
    assert abs(table.loc[1, "residuals"] - 0.4) < 0.06
    assert test.loc["residuals", "p"] < 1e-9
    rng = np.random.default_rng(0)
    wild = rng.normal(size=2000) * np.exp(smooth(2000, 0.95, 1) / 4)  # white, but its spread comes and goes
    _, test = autocorrelations(wild, 10, 1)
    assert test.loc["squares", "p"] < 1e-9


def test_errors_of_direct_forecasts_may_be_correlated_up_to_their_horizon():
    # of a perfect 6-row forecast
    e = np.convolve(np.random.default_rng(0).normal(size=3000), np.ones(6), "valid")
    table, test = autocorrelations(e, 30, 6)
    r = [slow_correlation(e, e, k)[0] for k in range(1, 6)]
    np.testing.assert_allclose(table["bound"], 1.96 * np.sqrt((1 + 2 * np.sum(np.square(r))) / len(e)))
    assert (table.loc[6:, "residuals"].abs() < 1.5 * table.loc[6:, "bound"]).all()
    assert test["p"].isna().all()


def test_cross_correlations_find_the_lag_and_the_square():
    rng = np.random.default_rng(3)
    u, v = rng.normal(size=(2, 1500))
    e = 0.5 * np.r_[np.zeros(3), u[:-3]] + 0.5 * v**2 + rng.normal(size=1500)
    table, bounds = cross_correlations(e, {"u": u, "v": v, "flat": np.ones(1500)}, 0, 10)
    assert table["u", "u, e"].abs().idxmax() == 3
    assert table["v", "u², e"].abs().idxmax() == 0
    np.testing.assert_allclose(table.loc[3, ("u", "u, e")], slow_correlation(e, u, 3)[0])
    squares = (u - u.mean()) ** 2, (e - e.mean()) ** 2
    np.testing.assert_allclose(table.loc[2, ("u", "u², e²")], slow_correlation(squares[1], squares[0], 2)[0])
    assert "flat" not in table
    assert (table["v", "u, e"].abs() < 2 * bounds["v", "u, e"]).all()


def test_bounds_of_cross_correlations_allow_for_autocorrelation():
    outside, naive = [], []
    for seed in range(100):
        table, bounds = cross_correlations(
            smooth(500, 0.8, seed), {"u": smooth(500, 0.8, 1000 + seed)}, 0, 20
        )
        r = table["u", "u, e"].abs()
        outside.append((r > bounds["u", "u, e"]).mean())
        naive.append((r > 1.96 / np.sqrt(500)).mean())
    assert np.mean(naive) > 0.2
    assert np.mean(outside) < 0.1


def test_gaps_are_not_rows():
    rng = np.random.default_rng(4)
    index = pd.date_range("2020", periods=1500, freq="h")
    e = pd.Series(smooth(1500, 0.7, 2), index)
    X = pd.DataFrame({"u": rng.normal(size=1500)}, index)
    keep = rng.random(1500) < 0.65
    keep[[0, 1, -1]] = True
    with_gaps = residual_correlations(e[keep], X[keep], max_lag=8)
    with_nan = residual_correlations(e.where(keep), X.where(keep[:, None]), max_lag=8)
    as_if_none = residual_correlations(e[keep].to_numpy(), max_lag=8)[0]
    for one, other in zip(with_gaps, with_nan):
        np.testing.assert_allclose(one, other, rtol=1e-10)
    assert abs(with_gaps[0].loc[1, "residuals"] - 0.7) < 0.1
    assert as_if_none.loc[1, "residuals"] < with_gaps[0].loc[1, "residuals"] - 0.05


# ---------------------------------------------------------------------------------------- baselines


def test_errors_and_skill_by_hand():
    X, y = driven()
    model = ARXRegressor(input_lags=range(1, 4), output_lags=2).fit(X[:500], y[:500])
    d = diagnose(model, X[500:], y[500:], horizons=[1, 4], period=5)
    rows = y.index[700:]
    for h in (1, 4):
        part = rows[h - 1 :]
        assert d.errors.loc[h, "n"] == len(part)
        made = pd.Series(model.predict_ahead(X[500:], y[500:], steps=h), y.index[500:])
        last = y.shift(h)
        season = y.shift(5)
        for name, forecast in {"model": made, "persistence": last, "seasonal naive": season}.items():
            rmse = np.sqrt(((forecast - y)[part] ** 2).mean())
            np.testing.assert_allclose(d.errors.loc[h, name], rmse, err_msg=name)
        np.testing.assert_allclose(
            d.skill.loc[h, "persistence"], 1 - d.errors.loc[h, "model"] / d.errors.loc[h, "persistence"]
        )
    np.testing.assert_allclose(d.residuals, y[500:] - model.predict_ahead(X[500:], y[500:]))


def test_the_linear_baseline_learns_from_the_rows_it_is_given():
    X, y = driven()
    model = ARXRegressor(input_lags=range(0, 3), output_lags=[1, 2, 3, 5]).fit(X[:500], y[:500])
    options = {"horizons": [1, 6], "period": 5}
    d = diagnose(model, X[500:], y[500:], X_train=X[:500], y_train=y[:500], **options)
    np.testing.assert_allclose(d.skill["linear ARX"], 0, atol=1e-10)  # it is the model
    assert d.errors["n"].tolist() == [400, 395]
    half = diagnose(model, X[500:], y[500:], **options)
    assert half.errors["n"].tolist() == [200, 195]
    assert half.skill.loc[1, "linear ARX"] != 0


def test_it_tells_luck_from_skill():
    rng = np.random.default_rng(0)
    gains = rng.normal(size=(400, 300)) * 2
    assert 0.02 < np.mean([p_no_better(g, 1) < 0.05 for g in gains]) < 0.09
    assert p_no_better(gains[0] + 1, 1) < 1e-6
    assert p_no_better(gains[0] - 1, 1) > 1 - 1e-6
    overlapping = [np.convolve(g, np.ones(12), "valid") for g in gains]  # as errors 12 rows ahead are
    assert np.mean([p_no_better(g, 12) < 0.05 for g in overlapping]) < 0.15
    assert p_no_better(np.zeros(50), 1) == 1.0


def test_a_random_walk_is_no_better_than_persistence():
    y = pd.Series(np.random.default_rng(5).normal(size=1200).cumsum())
    model = ARXRegressor(output_lags=1, target_transform=None).fit(None, y[:800])
    d = diagnose(model, None, y[800:], horizons=[1, 3])
    assert (d.p_values["persistence"] > 0.05).all()
    assert "no better than persistence at every horizon" in str(d).replace("worse than", "no better than")
    assert d.shifts["lag"].tolist() == [1, 3]
    assert d.shifts["shifted"].all()
    assert "1 row ahead the forecast is little more than y(t - 1) shifted" in str(d)
    assert d.cross_correlation.shape[1] == 0


def test_a_model_that_knows_the_system():
    X, y = driven()
    model = ARXRegressor(input_lags=range(1, 4), output_lags=2).fit(X[:500], y[:500])
    d = diagnose(model, X[500:], y[500:])
    assert not d.shifts["shifted"].any()
    assert "shifted" not in str(d)
    assert d.ljung_box.loc["residuals", "p"] > 0.01
    assert "better than persistence at every horizon" in str(d)
    assert "no correlation of the residuals with any input" in str(d)
    assert d.cross_correlation.index[0] == 1  # the present input it does not see
    assert not any("know" in note and "target" in note for note in d.notes)


def test_what_is_left_is_said():
    X, y = driven()
    early = NARXRegressor((), input_lags=0, output_lags=1, training="open_loop", random_state=0).fit(
        X[:500], y[:500]
    )
    text = str(diagnose(early, X[500:], y[500:]))
    assert "Inputs still correlate with the residuals: u (u, e)" in text
    assert "at lag 1 " in text


def test_seasonal_copies_are_named():
    y = pd.Series(np.sin(np.arange(700) * 2 * np.pi / 24) * 3 + np.random.default_rng(0).normal(size=700))
    y += smooth(700, 0.9, 1)
    d = diagnose(SeasonalNaiveRegressor(24).fit(None, y[:400]), None, y[400:], period=24, horizons=[1, 6])
    assert d.shifts["lag"].tolist() == [24, 24]
    assert "y(t - 24) shifted" in str(d)
    np.testing.assert_allclose(d.skill["seasonal naive"], 0, atol=1e-12)
    d = diagnose(PersistenceRegressor().fit(None, y[:400]), None, y[400:], period=24, horizons=[6])
    assert d.shifts.loc[6, ["lag", "rmse"]].tolist() == [6, 0]


# ---------------------------------------------------------------------------------------- leakage


@pytest.mark.parametrize(
    ("ahead", "least", "fires"),
    [(0, 0, True), (2, 0, True), (2, 1, True), (0, 1, False), (-1, 0, False), (-1, 1, False)],
)
def test_an_input_that_knows_the_target(ahead, least, fires):
    _, y = driven()
    spy = y.shift(-ahead).bfill().ffill() * 3 + 1
    X = pd.DataFrame({"honest": np.random.default_rng(0).normal(size=900), "spy": spy})
    d = diagnose(Given(y * 0.9, least=least).fit(X, y), X, y)
    notes = [note for note in d.notes if "Does it know the target" in note]
    assert len(notes) == fires
    if fires:
        assert "Look at spy" in notes[0]
        assert f"correlates +1.000 with {'y(t)' if ahead == 0 else 'y(t + 2)'}" in notes[0]


def test_errors_too_small_to_be_true():
    _, y = driven()
    assert any("Look at the errors" in note for note in diagnose(Given(y + 1e-4).fit(None, y), None, y).notes)
    assert not any(
        "Look at the errors" in note for note in diagnose(Given(y + 0.05 * y).fit(None, y), None, y).notes
    )


def test_a_level_that_has_moved():
    _, y = driven()
    assert "Most errors have one sign" in str(diagnose(Given(y - 2).fit(None, y), None, y, horizons=[1]))
    assert "Most errors have one sign" not in str(diagnose(Given(0 * y).fit(None, y), None, y, horizons=[1]))


def test_a_model_that_reads_both_ways():
    _, y = driven()
    model = Given(0 * y).fit(None, y)
    model.bidirectional = True
    assert any("bidirectional" in note for note in diagnose(model, None, y, horizons=[1]).notes)


def test_rows_that_were_seen_in_training():
    X, y = driven()
    index = pd.date_range("2020", periods=900, freq="h")
    X, y = X.set_index(index), y.set_axis(index)
    model = ARXRegressor(input_lags=[1]).fit(X[:500], y[:500])
    inside = diagnose(model, X[400:], y[400:], start="cold")
    assert any("100 of 500 lie between" in note for note in inside.notes)
    after = diagnose(model, X[500:], y[500:], X_train=X[:600], y_train=y[:600])
    assert any("100 stamps of X are in X_train" in note for note in after.notes)
    clean = diagnose(model, X[500:], y[500:], X_train=X[:500], y_train=y[:500])
    assert not any("Look at the rows" in note for note in clean.notes)


def test_inputs_from_after_the_forecast():
    X, y = driven()
    for lags, horizons, expected in [(range(1, 3), [1], False), (range(1, 3), [1, 6], True), (2, [1], True)]:
        model = ARXRegressor(input_lags=lags).fit(X[:500], y[:500])
        notes = diagnose(model, X[500:], y[500:], horizons=horizons).notes
        assert any("from after they were made" in note for note in notes) == expected


# ---------------------------------------------------------------------------------------- what may be given


def test_missing_values_and_gaps():
    X, y = driven(1200)
    index = pd.date_range("2020", periods=1200, freq="h")
    X, y = X.set_index(index), y.set_axis(index)
    model = ARXRegressor(input_lags=range(1, 3), output_lags=1).fit(X[:600], y[:600])
    y[::7] = np.nan
    rows = np.r_[600:800, 820:1200]
    with pytest.warns(UserWarning, match=r"20 row\(s\) are missing .* starts again from the mean"):
        d = diagnose(model, X.iloc[rows], y.iloc[rows], horizons=[1, 3], start="end")
    assert d.period == 24
    assert d.residuals.index.equals(index[rows])
    assert (d.residuals.isna() == y.iloc[rows].isna()).all()
    assert np.isfinite(d.errors.to_numpy()).all()
    assert d.skill.loc[1, "persistence"] > 0.5
    assert "measured y" in str(d)


def test_direct_forecasters_are_judged_from_their_horizon_on():
    y = pd.Series(np.sin(np.arange(900) * 2 * np.pi / 12) + 0.2 * np.random.default_rng(0).normal(size=900))
    model = NARXRegressor((), output_lags=range(6, 18), training="open_loop", random_state=0).fit(
        None, y[:500]
    )
    d = diagnose(model, None, y[500:], period=12)
    assert d.steps == 6
    assert d.errors.index.tolist() == [6, 12]
    assert "6 rows ahead" in str(d)
    assert "Ljung-Box" not in str(d)


def test_pipelines_outputs_and_one_of_many_series():
    X, y = driven()
    both = pd.DataFrame({"level": y, "noise": np.random.default_rng(0).normal(size=900)})
    pipeline = make_pipeline(StandardScaler(), ARXRegressor(input_lags=[1, 2])).fit(X[:500], both[:500])
    first, second = (diagnose(pipeline, X[500:], both[500:], output=o, horizons=[1]) for o in (0, 1))
    assert first.skill.loc[1, "persistence"] > 0.5
    assert second.errors.loc[1, "persistence"] > 1.2  # of white noise
    np.testing.assert_allclose(
        second.residuals, both["noise"][500:] - pipeline.predict(X[500:], y=both[500:])[:, 1]
    )
    panel = {key: driven(600, seed=k) for k, key in enumerate("ab")}
    X = pd.concat({key: pair[0] for key, pair in panel.items()})
    y = pd.concat({key: pair[1] for key, pair in panel.items()})
    model = ARXRegressor(input_lags=[1]).fit(X, y)
    every = diagnose(model, X, y, horizons=[1], start="cold")
    assert list(every) == ["a", "b"]
    assert str(every).startswith("2 series. Median skill")
    lists = [[v.loc[key].to_numpy() for key in "ab"] for v in (X, y)]
    of_lists = ARXRegressor(input_lags=[1]).fit(*lists)
    for look in (diagnose, lag_importance, anomalies, explain, CompareDisplay.from_estimator):
        for n in (1, 2):
            with pytest.raises(
                ValueError, match=r"several series: give one of them, such as X\[k\].*'estimate'"
            ):
                look(of_lists, lists[0][:n], lists[1][:n])
    diagnose(of_lists, lists[0][0], lists[1][0], start="estimate")
    d = diagnose(model, X.loc[["b"]], y.loc[["b"]], horizons=[1], start="cold")
    assert str(every["b"]) == str(d)
    assert d.skill.loc[1, "persistence"] > 0.5
    assert len(d.residuals) == 600


def test_a_linear_model_that_cannot_be_fitted_is_said_to_be():
    known = np.r_[:2, 300:600]  # baselines learn from the first half
    y = pd.Series(smooth(600, 0.9, 0)[known], known).reindex(range(600))
    d = diagnose(Given(np.zeros(600)).fit(None, y), None, y, horizons=[1])
    assert "linear ARX" not in d.errors
    assert any("linear ARX could not be compared" in note for note in d.notes)
    assert np.isfinite(d.skill.loc[1, "persistence"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizons": [0]}, "horizons=.* give ints"),
        ({"horizons": [900]}, "needs some 2700 rows"),
        ({"period": 1}, "period=1 is not a season"),
        ({"max_lag": 0}, "max_lag=0 is out of range"),
        ({"output": 1}, "output=1 is not a column"),
        ({"X_train": 1}, "without y_train"),
    ],
)
def test_arguments_out_of_range(change, message):
    X, y = driven()
    model = ARXRegressor().fit(X[:500], y[:500])
    with pytest.raises(ValueError, match=message):
        diagnose(model, X[500:], y[500:], **change)


def test_too_few_rows():
    X, y = driven()
    model = ARXRegressor().fit(X[:500], y[:500])
    with pytest.raises(ValueError, match="y has 30 measured rows"):
        diagnose(model, X[500:530], y[500:530])
    diagnose(model, X[500:540], y[500:540])
    with pytest.raises(NotFittedError):
        diagnose(ARXRegressor(), X, y)


# ---------------------------------------------------------------------------------------- seasons


@pytest.mark.parametrize(
    ("freq", "period"),
    [("h", 24), ("15min", 96), ("D", 7), ("B", 5), ("MS", 12), ("QS", 4), ("W", 52), ("2h", 12)],
)
def test_the_season_is_read_from_the_index(freq, period):
    index = pd.date_range("2020-01-06", periods=400, freq=freq)
    y = pd.Series(smooth(400, 0.5, 0), index)
    assert diagnose(Given(np.zeros(400)).fit(None, y), None, y, horizons=[1]).period == period


def test_the_season_is_found_in_the_autocorrelation():
    assert find_period([1.0, 2.0, 4.0] * 9) == find_period(pd.Series([1.0, 2.0, 4.0] * 9)) == 3
    assert find_period(np.full(9, np.nan)) is find_period([1.0]) is None
    y = load_sunspots().target
    assert find_period(y.to_numpy()) in (10, 11)
    assert find_period(np.random.default_rng(0).normal(size=500)) is None
    assert find_period(smooth(500, 0.9, 0)) is None
    y = np.sin(2 * np.pi * np.arange(300) / 17) + 0.1 * np.arange(300)
    y[::5] = np.nan
    assert find_period(y) == 17
    d = diagnose(Given(np.zeros(300)).fit(None, y), None, y, horizons=[1])
    assert d.period == 17
    assert "seasonal naive (17)" in str(d)


# ---------------------------------------------------------------------------------------- importance of lags


def test_importance_of_a_linear_model_is_its_coefficients():
    X, y = driven()
    X["idle"] = np.random.default_rng(9).normal(size=900)
    model = ARXRegressor(input_lags=2, output_lags=[1, 3]).fit(X[:500], y[:500])
    table = lag_importance(model, X[500:], y[500:], max_lag=5)
    W = model.params_[0][0][:, 0]  # inputs oldest first, then outputs oldest first; in scaled units
    scaled = {"u": W[:6].reshape(3, 2)[::-1, 0], "idle": W[:6].reshape(3, 2)[::-1, 1]}
    spread_of_y = y[500:].std(ddof=0)
    for k, name in enumerate(("u", "idle")):
        unit = X[name][500:].std(ddof=0) / model.x_scaler_.scale[k] * model.y_scaler_.scale[0] / spread_of_y
        np.testing.assert_allclose(table[name][:3], np.abs(scaled[name]) * unit, rtol=1e-6)
        np.testing.assert_allclose(table[name][3:], 0, atol=1e-9)
    np.testing.assert_allclose(table["level"][[3, 1]], np.abs(W[6:]), rtol=1e-6)
    np.testing.assert_allclose(table["level"][[2, 4, 5]], 0, atol=1e-9)
    assert np.isnan(table["level"][0])


def test_importance_of_a_recurrent_model_against_one_change_at_a_time():
    X, y = (v.to_numpy() for v in driven(260))
    model = LSTMRegressor((4,), output_lags=1, max_iter=15, random_state=0).fit(X[:100], y[:100])
    X, y = X[100:], y[100:]
    table = lag_importance(model, X, y, max_lag=6)
    usual, moved = model.predict_ahead(X, y), []
    for row in range(10, 150, 3):
        changed = X.copy()
        changed[row] += 1e-4
        moved.append(
            np.abs(model.predict_ahead(changed, y) - usual)[row : row + 7] / 1e-4 * X.std() / y.std()
        )
    np.testing.assert_allclose(table["x0"], np.mean(moved, axis=0), rtol=0.15, atol=0.01)
    assert table["x0"].idxmax() == 1
    assert lag_importance(model, X, y, max_lag=6).equals(table)  # always the same


def test_importance_where_levels_are_fed_back():
    y = smooth(900, 0.9, 0).cumsum()
    model = ARXRegressor(output_lags=1, target_transform="difference").fit(None, y[:500])
    a = model.params_[0][0][0, 0]  # y(t) = y(t - 1) + a (y(t - 1) - y(t - 2))
    table = lag_importance(model, None, y[500:], max_lag=4)
    np.testing.assert_allclose(table["y"][1:], [1 + a, a, 0, 0], rtol=1e-6, atol=1e-9)


def test_importance_through_pipelines_gaps_and_missing_values():
    X, y = driven(1000)
    index = pd.date_range("2020", periods=1000, freq="h")
    X, y = X.set_index(index), y.set_axis(index)
    X["n"] = np.arange(1000) % 3  # integers
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), ARXRegressor(input_lags=[1]))
    pipeline.fit(X[:500], y[:500])
    whole = lag_importance(pipeline, X[500:], y[500:], max_lag=3)
    rows = np.r_[500:700, 740:1000]
    y.iloc[510:900:20] = np.nan
    with pytest.warns(UserWarning, match=r"40 row\(s\) are missing .* starts again from the mean"):
        part = lag_importance(pipeline, X.iloc[rows], y.iloc[rows], max_lag=3, start="end")
    unit = y.iloc[500:].std(ddof=0) / y.iloc[rows].std(ddof=0)
    np.testing.assert_allclose(part, whole * unit, rtol=0.1, atol=1e-6)
    assert X["n"].dtype.kind == "i"  # what was given stays as it was
    with pytest.raises(ValueError, match="max_lag=300 needs some"):
        lag_importance(pipeline, X[500:], y[500:], max_lag=300)
    with pytest.raises(ValueError, match="max_lag=0 is not a lag"):
        lag_importance(pipeline, X[500:], y[500:], max_lag=0)


# ---------------------------------------------------------------------------------------- words and numbers


def test_words_do_not_contradict_the_numbers():
    """Many lags outside are a sign of something; a lead that may be luck is a lead."""
    X, y = driven()
    model = ARXRegressor(input_lags=[1, 2]).fit(X[:500], y[:500])
    d = diagnose(model, X[500:], y[500:], horizons=[1])
    table = d.autocorrelation.copy()
    lags = np.arange(1, len(table))
    table.iloc[1:, table.columns.get_loc("residuals")] = np.where(
        lags % 3, 0.02, 1.1 * table["bound"].iloc[1:]
    )
    said = str(d._replace(autocorrelation=table)).split("Residuals: ")[1].split("Squared")[0]
    assert "no sign" not in said
    lucky = d._replace(
        p_values=d.p_values * 0 + 0.3, errors=d.errors.assign(persistence=1.13 * d.errors["model"])
    )
    assert "It is ahead of (but not beyond luck) persistence at every horizon" in str(lucky)
    behind = lucky._replace(errors=d.errors.assign(persistence=0.95 * d.errors["model"]))
    assert "It is no better than persistence at every horizon" in str(behind)


def test_returns_are_measured_by_their_mean():
    """Of noise persistence is beaten by anyone, the mean by nobody."""
    y = pd.Series(np.random.default_rng(0).normal(size=900))
    d = diagnose(
        ARXRegressor((), 2).fit(None, y[:500]), None, y[500:], X_train=None, y_train=y[:500], horizons=[1]
    )
    assert d.skill.loc[1, "persistence"] > 0.2
    assert abs(d.skill.loc[1, "mean"]) < 0.05
    errors = y[500:] - y[:500].mean()
    assert d.errors.loc[1, "mean"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=0.02)


def test_fit_of_a_free_run():
    X, y = driven()
    model = ARXRegressor(input_lags=[1, 2]).fit(X[:500], y[:500])
    d = diagnose(model, X[500:], y[500:], horizons=[1])
    error = np.asarray(y[500:]) - np.asarray(model.predict(X[500:]))
    assert d.fit == pytest.approx(100 * (1 - np.sqrt(np.mean(error**2)) / np.std(y[500:])))
    assert f"fits {d.fit:.1f} %" in str(d)


@pytest.mark.parametrize("as_array", [False, True])
def test_columns_of_words_are_left_out(as_array):
    """They have no correlation, and no small change."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"u": rng.normal(size=200), "day": np.resize(["Mon", "Tue", "Wed"], 200)})
    y = X["u"].to_numpy() + np.resize([0.0, 1.0, 2.0], 200)
    X = X.to_numpy(object) if as_array else X.astype({"day": "category"})
    model = GRURegressor((3,), max_iter=2, random_state=0).fit(X[:100], y[:100])
    found = diagnose(model, X[100:], y[100:], horizons=1)
    assert {name for name, _ in found.cross_correlation} == {"x0" if as_array else "u"}
    table = lag_importance(model, X[100:], y[100:], max_lag=2)
    assert list(table) == ["x0" if as_array else "u", "y"]


def test_one_of_several_outputs_is_named():
    Y = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 2)), columns=["load", "price"])
    model = ARXRegressor(output_lags=1).fit(None, Y[:120])
    assert "All this is of output 'price' alone" in str(diagnose(model, None, Y[120:], output=1))
    assert "All this is of" not in str(diagnose(model.fit(None, Y[:120].load), None, Y[120:].load))
