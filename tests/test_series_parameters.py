"""missing, target_transform and target_bounds: each against what a user would do by hand, for every model."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from public import others, paired
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tsrnn
from tsrnn.datasets import load_co2
from tsrnn.preprocessing import Difference, Log, Logit, Power


QUICK = {"max_iter": 3, "early_stopping": False, "random_state": 0}
MODELS = {
    "NARX": tsrnn.NARXRegressor((4,), input_lags=2, output_lags=3, skip_connections=False, **QUICK),
    "TDNN": tsrnn.TDNNRegressor((4,), input_lags=2, **QUICK),
    "Elman": tsrnn.ElmanRegressor((4,), input_lags=1, output_lags=2, **QUICK),
    "LSTM": tsrnn.LSTMRegressor((3,), **QUICK),
    "GRU": tsrnn.GRURegressor((3,), output_lags=1, **QUICK),
    "ESN": tsrnn.ESNRegressor(20, output_lags=1, leak_rate=0.5, alpha=0.1, random_state=0),
    "ESNCV": tsrnn.ESNRegressorCV(20, alphas=(1e-3, 1.0), cv=3, random_state=0),
    "ARX": tsrnn.ARXRegressor(2, 3),
    "persistence": tsrnn.PersistenceRegressor(),
    "seasonal": tsrnn.SeasonalNaiveRegressor(3),
}
MODELS |= others(MODELS.values())
LEARNERS = [name for name in MODELS if name not in ("persistence", "seasonal", "Constant")]
every_model = pytest.mark.parametrize("name", MODELS)
every_learner = pytest.mark.parametrize("name", LEARNERS)
close = {"rtol": 1e-9, "atol": 1e-9}
N, NEW, END = 90, 14, 130


def made():
    """A positive series driven by two inputs, with a daily swing of 6 rows."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(END, 2)), np.zeros(END)
    for t in range(1, END):
        y[t] = 0.5 * y[t - 1] + X[t, 0] - 0.5 * X[t - 1, 1]
    return X, 20 + 2 * y + 3 * np.sin(np.arange(END) / 6 * 2 * np.pi)


X, y = made()
OLD, NEXT, LATER = slice(0, N), slice(N, N + NEW), slice(N + NEW, END)
TIME = pd.date_range("2024-01-01", periods=END, freq="h", name="time")


def fit(name, X=X[OLD], y=y[OLD], **kw):
    return clone(MODELS[name]).set_params(**kw).fit(X, y)


# ---------------------------------------------------------------------------------------- missing values in X


HOLES = X.copy()
HOLES[np.random.default_rng(5).random(X.shape) < 0.2] = np.nan
HOLES[[0, N, N + NEW]] = np.nan  # where a verb begins there is something to carry over


def filled(missing):
    """The whole of X, filled as the rows would be that come one after the other."""
    means = np.array([np.mean(v[np.isfinite(v)]) for v in HOLES[OLD].T])
    frame = pd.DataFrame(HOLES)
    full = frame.fillna(pd.Series(means)) if missing == "mean" else frame.ffill().fillna(pd.Series(means))
    full = full.to_numpy()
    return np.concatenate([full, np.isnan(HOLES)], axis=1) if missing == "mask" else full


@paired(name=LEARNERS, missing=["hold", "mean", "mask"])
def test_missing_values_as_by_hand(name, missing):
    full = filled(missing)
    model, hand = fit(name, HOLES[OLD], missing=missing), fit(name, full[OLD])
    np.testing.assert_array_equal(model.theta_, hand.theta_)
    assert model.n_features_in_ == 2
    np.testing.assert_array_equal(model.predict(HOLES[NEXT]), hand.predict(full[NEXT]))
    np.testing.assert_array_equal(
        model.predict_ahead(HOLES[NEXT], y[NEXT], steps=3), hand.predict_ahead(full[NEXT], y[NEXT], steps=3)
    )
    np.testing.assert_array_equal(
        model.trajectories(HOLES[NEXT], y[NEXT], 3).forecast,
        hand.trajectories(full[NEXT], y[NEXT], 3).forecast,
    )
    np.testing.assert_array_equal(model.forecast(5, HOLES[NEXT]), hand.forecast(5, full[NEXT]))
    for verb in ("update", "partial_fit"):
        getattr(model, verb)(HOLES[NEXT], y[NEXT]), getattr(hand, verb)(full[NEXT], y[NEXT])
        hand_later = full[LATER]
        np.testing.assert_array_equal(model.predict(HOLES[LATER]), hand.predict(hand_later))
        model, hand = fit(name, HOLES[OLD], missing=missing), fit(name, full[OLD])


@every_learner
def test_the_mask_is_an_input(name):
    """It says what the held value hides: y jumps where the input is missing."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=(300, 1))
    gone = rng.random(300) < 0.3
    target = 5.0 * gone + 0.1 * u[:, 0]
    u[gone] = np.nan
    kw = {"missing": "mask"} | ({"max_iter": 60} if "max_iter" in MODELS[name].get_params() else {})
    model = clone(MODELS[name]).set_params(**kw).fit(u[:200], target[:200])
    assert model.score(u[200:], target[200:]) > (0.9 if name != "Analogue" else 0.5)  # of many columns


@paired(name=MODELS, missing=["hold", "mean", "mask"])
def test_values_missing_only_later(name, missing):
    """Training without NaN: the same model as ever, and forecasts where there is one later."""
    model, plain = fit(name, missing=missing), fit(name)
    assert np.isfinite(model.predict(HOLES[NEXT])).all()
    assert np.isfinite(model.predict(np.full_like(X[NEXT], np.nan))).all()
    assert np.isfinite(model.predict(HOLES[NEXT], start="zeros")).all()
    assert np.isfinite(model.predict(HOLES[NEXT], start="cold")).all()
    stands = {"mean": X[OLD].mean(axis=0)}.get(missing, X[N - 1])
    if missing != "mask":
        np.testing.assert_allclose(model.predict(X[NEXT]), plain.predict(X[NEXT]), **close)
        np.testing.assert_allclose(
            model.predict(np.full_like(X[NEXT], np.nan)),
            plain.predict(np.broadcast_to(stands, (NEW, 2))),
            **close,
        )


def test_replay_and_history_begin_with_the_mean():
    frame, target = pd.DataFrame(HOLES, TIME, columns=["u", "v"]), pd.Series(y, TIME)
    full = pd.DataFrame(filled("hold"), TIME, columns=["u", "v"])
    model = fit("NARX", frame[OLD], target[OLD], missing="hold")
    hand = fit("NARX", full[OLD], target[OLD])
    np.testing.assert_array_equal(model.predict(frame[OLD]), hand.predict(full[OLD]))
    both = frame[OLD].iloc[20:], target[OLD].iloc[20:]
    cold = pd.DataFrame(HOLES[20:], TIME[20:]).ffill().fillna(pd.Series(model.fitted_.units.means)).to_numpy()
    cold = pd.DataFrame(cold, TIME[20:], columns=["u", "v"])
    np.testing.assert_array_equal(
        model.predict(frame[NEXT], start=both),
        hand.predict(cold[N - 20 : N - 20 + NEW], start=(cold[: N - 20], both[1])),
    )


def test_missing_values_in_a_panel():
    """Each series holds its own values; another one's never."""
    Xs = [HOLES[:40], HOLES[40:90]]
    ys = [y[:40], y[40:90]]
    model = clone(MODELS["ARX"]).set_params(missing="hold").fit(Xs, ys)
    means = pd.Series(model.fitted_.units.means)
    by_hand = [pd.DataFrame(v).ffill().fillna(means).to_numpy() for v in Xs]
    hand = clone(MODELS["ARX"]).fit(by_hand, ys)
    np.testing.assert_array_equal(model.theta_, hand.theta_)
    gone = np.full((4, 2), np.nan)
    for got, wanted in zip(
        model.predict([gone, gone], start="end"),
        hand.predict([np.tile(v[-1], (4, 1)) for v in by_hand], start="end"),
    ):
        np.testing.assert_array_equal(got, wanted)


def test_missing_values_over_a_gap():
    """The last value is held over missing rows, too."""
    frame, target = pd.DataFrame(HOLES, TIME, columns=["u", "v"]), pd.Series(y, TIME)
    rows = np.r_[0:40, 43:N]
    frame.iloc[43] = np.nan
    full = frame.iloc[rows].ffill().fillna(frame.iloc[rows].mean())
    model = fit("NARX", frame.iloc[rows], target.iloc[rows], missing="hold")
    hand = fit("NARX", full, target.iloc[rows])
    np.testing.assert_allclose(model.theta_, hand.theta_, rtol=1e-6)
    late = pd.concat([frame[N : N + 5], frame[N + 8 : N + NEW].assign(u=np.nan)])
    with pytest.warns(UserWarning, match="3 row"):
        got = model.predict(late)
    full = pd.concat([full.iloc[-1:], late]).ffill().iloc[1:]
    with pytest.warns(UserWarning, match="3 row"):
        np.testing.assert_allclose(got, hand.predict(full), rtol=1e-6)


def test_missing_values_where_bounds_are():
    """A bound that is missing is filled as every input."""
    low, full = y[OLD].min() - 5, filled("hold")
    model = fit("ARX", HOLES[OLD], y[OLD] - low, missing="hold", target_bounds=("x1", None))
    hand = fit("ARX", full[OLD], y[OLD] - low, target_bounds=("x1", None))
    np.testing.assert_array_equal(model.predict(HOLES[NEXT]), hand.predict(full[NEXT]))
    assert (model.predict(np.full((3, 2), np.nan)) >= full[N - 1, 1]).all()


def test_missing_is_an_error_unless_asked_for():
    model = fit("NARX")
    for call in (
        lambda: fit("NARX", HOLES[OLD]),
        lambda: model.predict(HOLES[NEXT]),
        lambda: model.update(HOLES[NEXT], y[NEXT]),
        lambda: model.forecast(3, HOLES[NEXT]),
    ):
        with pytest.raises(ValueError, match=r"contains NaN.*missing='hold'"):
            call()
    infinite = X[OLD].copy()
    infinite[3, 1] = np.inf
    for missing in ("error", "hold", "mean", "mask"):
        with pytest.raises(ValueError, match="infinity"):
            fit("NARX", infinite, missing=missing)
        model = fit("NARX", missing=missing)
        with pytest.raises(ValueError, match="infinity"):
            model.predict(infinite)
    for wrong in ("fill", None, True):
        with pytest.raises(ValueError, match=r"missing=.* is unknown"):
            fit("NARX", missing=wrong)
    HOLES_ONLY = HOLES[OLD].copy()
    HOLES_ONLY[:, 1] = np.nan
    with pytest.raises(ValueError, match="no value in column 1"):
        fit("NARX", HOLES_ONLY, missing="hold")


def test_missing_values_in_searches_and_frames():
    frame = pd.DataFrame(HOLES, TIME, columns=["u", "v"]).convert_dtypes()
    frame["u"] = frame["u"].astype("Float64")
    search = GridSearchCV(
        make_pipeline(StandardScaler().set_output(transform="pandas"), tsrnn.ARXRegressor(missing="mask")),
        {"arxregressor__missing": ["hold", "mean", "mask"]},
        cv=TimeSeriesSplit(3),
        error_score="raise",
    ).fit(frame[OLD], pd.Series(y, TIME)[OLD])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.isfinite(search.predict(frame[NEXT])).all()


# ---------------------------------------------------------------------------------------- transforms of y


IDENTITY = (lambda v: v, lambda u: u)
POINTWISE = {
    "log": ("log", np.log, np.exp),
    "log1p": ("log1p", np.log1p, np.expm1),
    "sqrt": ("sqrt", np.sqrt, lambda u: np.maximum(u, 0) ** 2),
    "Log": (Log(5.0), lambda v: np.log(v + 5), lambda u: np.exp(u) - 5),
    "Power": (Power(1 / 3, offset=1.0), lambda v: np.cbrt(v + 1), lambda u: np.maximum(u, 0) ** 3 - 1),
    "Logit": (Logit(0, 60), lambda v: np.log(v / (60 - v)), lambda u: 60 / (1 + np.exp(-u))),
    "two": (["log", Power(2.0)], lambda v: np.log(v) ** 2, lambda u: np.exp(np.sqrt(np.maximum(u, 0)))),
}
DIFFERENCES = {  # c_k of the levels before
    "difference": ("difference", {1: 1.0}),
    "season": (Difference(6), {6: 1.0}),
    "both": (["difference", Difference(6)], {1: 1.0, 6: 1.0, 7: -1.0}),
    "twice": ([Difference(1), Difference(1)], {1: 2.0, 2: -1.0}),
}


@paired(name=MODELS, word=POINTWISE)
def test_pointwise_transforms_are_models_of_the_transformed(name, word):
    transform, g, inverse = POINTWISE[word]
    model, hand = fit(name, target_transform=transform), fit(name, y=g(y[OLD]))
    np.testing.assert_allclose(model.predict(X[NEXT]), inverse(hand.predict(X[NEXT])), **close)
    for steps in (1, 3):
        np.testing.assert_allclose(
            model.predict_ahead(X[NEXT], y[NEXT], steps=steps),
            inverse(hand.predict_ahead(X[NEXT], g(y[NEXT]), steps=steps)),
            **close,
        )
    np.testing.assert_allclose(model.forecast(5, X[NEXT]), inverse(hand.forecast(5, X[NEXT])), **close)
    model.update(X[NEXT], y[NEXT]), hand.update(X[NEXT], g(y[NEXT]))
    np.testing.assert_allclose(model.predict(X[LATER]), inverse(hand.predict(X[LATER])), **close)
    model.partial_fit(X[LATER], y[LATER]), hand.partial_fit(X[LATER], g(y[LATER]))
    np.testing.assert_allclose(model.predict(X[:9]), inverse(hand.predict(X[:9])), **close)
    for start in ("cold", (X[OLD], y[OLD])):
        by_hand = start if start == "cold" else (X[OLD], g(y[OLD]))
        np.testing.assert_allclose(
            model.predict(X[NEXT], start=start), inverse(hand.predict(X[NEXT], start=by_hand)), **close
        )


def one_by_one(hand, X, y, levels, coef, g=IDENTITY, bounds=None):
    """Forecasts of each row from those before, NaN where y is replaced by the model's own value, row by row.

    hand : a model of the changes, up to the row before X.   levels : the last levels.   coef : {k: c_k}.
    bounds : (low, high), (N,) each, of y.   Also the changes that the model was fed.
    """
    hand, levels = copy.deepcopy(hand), list(levels)
    (forward, inverse), out = g, np.empty_like(y)
    for t in range(len(X)):
        base = sum(c * levels[-k] for k, c in coef.items())
        out[t] = inverse(base + hand.predict(X[t : t + 1], start="end")[0])
        if bounds is not None:
            out[t] = np.minimum(np.maximum(out[t], bounds[0][t]), bounds[1][t])
        levels.append(forward(np.where(np.isnan(y[t]), out[t], y[t])))
        hand.update(X[t : t + 1], [levels[-1] - base])
    return out, hand, levels


def changes(levels, coef):
    """With NaN for the first ones, of which those before are not known."""
    K, w = max(coef), np.full(len(levels), np.nan)
    w[K:] = levels[K:]
    for k, c in coef.items():
        w[K:] -= c * levels[K - k : len(levels) - k]
    return w


@paired(name=MODELS, word=["season", "both", "twice"])
def test_differences_are_models_of_the_changes(name, word):
    transform, coef = DIFFERENCES[word]
    model, hand = fit(name, target_transform=transform), fit(name, y=changes(y[OLD], coef))
    np.testing.assert_array_equal(model.theta_, hand.theta_)
    free, *_ = one_by_one(hand, X[NEXT], np.full(NEW, np.nan), y[OLD], coef)
    np.testing.assert_allclose(model.predict(X[NEXT]), free, **close)
    np.testing.assert_allclose(model.forecast(NEW, X[NEXT]), free, **close)
    ahead, *_ = one_by_one(hand, X[NEXT], y[NEXT], y[OLD], coef)
    np.testing.assert_allclose(model.predict_ahead(X[NEXT], y[NEXT]), ahead, **close)
    holes = y[NEXT].copy()
    holes[[0, 3, 4, 11, 12, 13]] = np.nan
    ahead, after, levels = one_by_one(hand, X[NEXT], holes, y[OLD], coef)
    np.testing.assert_allclose(model.predict_ahead(X[NEXT], holes), ahead, **close)
    model.update(X[NEXT], holes)
    later = X[LATER][:6]
    free, *_ = one_by_one(after, later, np.full(6, np.nan), levels, coef)
    np.testing.assert_allclose(model.predict(later), free, **close)
    model, both = fit(name, target_transform=transform), np.concatenate([y[OLD], y[NEXT]])
    model.partial_fit(X[NEXT], y[NEXT]), hand.partial_fit(X[NEXT], changes(both, coef)[N:])
    free, *_ = one_by_one(hand, later, np.full(6, np.nan), both, coef)
    np.testing.assert_allclose(model.predict(later), free, **close)


@pytest.mark.parametrize("name", ["NARX", "TDNN", "GRU", "ESN"])
def test_the_logarithm_of_a_growing_series_differenced_twice_over(name):
    """Pointwise first, then two differences, with holes: as by hand."""
    coef, g = {1: 1.0, 6: 1.0, 7: -1.0}, (np.log, np.exp)
    model = fit(name, target_transform=["log", "difference", Difference(6)])
    hand = fit(name, y=changes(np.log(y[OLD]), coef))
    holes = y[NEXT].copy()
    holes[[2, 7, 8]] = np.nan
    ahead, *_ = one_by_one(hand, X[NEXT], holes, np.log(y[OLD]), coef, g)
    np.testing.assert_allclose(model.predict_ahead(X[NEXT], holes), ahead, **close)


@paired(name=MODELS, word=["difference", "both"])
def test_pieces_are_one_pass_through_differences(name, word):
    """Also where y is missing, in training too, and whatever the pieces."""
    holes = y.copy()
    holes[[0, 1, 8, 30, 31, 40, N - 1, N, N + 3, N + 4, N + 9]] = np.nan
    model = fit(name, y=holes[OLD], target_transform=DIFFERENCES[word][0])
    one, other = copy.deepcopy(model).update(X[NEXT], holes[NEXT]), model
    wanted, got = model.predict_ahead(X[NEXT], holes[NEXT]), []
    for a, b in zip([0, 1, 4, 5, 12], [1, 4, 5, 12, NEW]):
        rows = slice(N + a, N + b)
        got.append(other.predict_ahead(X[rows], holes[rows]))
        other.update(X[rows], holes[rows])
    np.testing.assert_allclose(np.concatenate(got), wanted, **close)
    np.testing.assert_allclose(other.predict(X[LATER]), one.predict(X[LATER]), **close)


@every_model
def test_the_end_of_training_is_where_its_rows_lead(name):
    """The memory that fit leaves is that of following the rows, with holes and bounds in the loop."""
    holes = y.copy()
    holes[[5, 50, 51, *range(N - 5, N)]] = np.nan
    frame, target = pd.DataFrame(X, TIME), pd.Series(holes, TIME)
    frame.columns = ["u", "v"]
    for kw in ({}, {"target_bounds": (19.0, 21.0)}, {"target_transform": "difference"}):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*lie outside target_bounds")
            model = fit(name, frame[OLD], target[OLD], **kw)
        followed = model.predict_ahead(frame[: N + NEW], pd.Series(holes, TIME)[OLD].reindex(TIME[: N + NEW]))
        np.testing.assert_allclose(model.predict(frame[NEXT]), followed[N:], **close, err_msg=str(kw))


@every_model
def test_differences_over_a_gap(name):
    """The model runs through a few missing rows by itself; after many, the states are lost, the level is not."""
    frame, target = pd.DataFrame(X, TIME, columns=["u", "v"]), pd.Series(y, TIME)
    model = fit(name, frame[OLD], target[OLD], target_transform="difference")
    late = frame[N + 3 : N + 9]
    with pytest.warns(UserWarning, match="3 row"):
        got = model.predict(late)
    held = pd.concat([frame.iloc[[N - 1] * 3].set_axis(TIME[N : N + 3]), late])
    np.testing.assert_allclose(got, model.predict(held)[3:], **close)
    after = late.set_axis(late.index + pd.Timedelta(days=9))
    hand = fit(name, y=changes(y[OLD], {1: 1.0}))
    with pytest.warns(UserWarning, match=r"219 row\(s\) are missing .* cannot bridge so many"):
        got = model.predict(after)
    np.testing.assert_allclose(
        got, y[N - 1] + np.cumsum(hand.predict(late.to_numpy(), start="cold")), **close
    )


@pytest.mark.parametrize("transform", [Difference(6), ["difference", Difference(6)]], ids=str)
def test_a_season_over_a_gap(transform):
    """The hours after missing rows are told by the same hours of the seasons before, whatever the gap."""
    time = pd.date_range("2024", periods=500, freq="h")
    noise = 0.01 * np.random.default_rng(0).normal(size=500)
    wave = pd.Series(10 + np.sin(np.arange(500) / 6 * 2 * np.pi) + noise, time)
    model = tsrnn.ARXRegressor((), 1, target_transform=transform).fit(None, wave[:400])
    for missing in (2, 8, 30, 31, 45):
        begin = 400 + missing
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r".* row\(s\) are missing")
            out = model.predict(pd.DataFrame(index=time[begin : begin + 12]))
            new = copy.deepcopy(model).update(None, wave[begin : begin + 3])
        np.testing.assert_allclose(out, wave[begin : begin + 12], atol=0.25)
        np.testing.assert_allclose(new.forecast(9), wave[begin + 3 : begin + 12], atol=0.25)


def test_trend_and_season():
    """Of a growing series with a season the changes can be learnt, the levels not."""
    level, season = load_co2().target[-700:], 52
    old, new = level[: -3 * season], level[-3 * season :]
    errors = {}
    for transform in (None, "difference", ["log", "difference", Difference(season)]):
        model = tsrnn.NARXRegressor(
            (4,),
            input_lags=(),
            output_lags=season,
            training="open_loop",
            skip_connections=False,  # a net alone: the linear model beside it would learn levels, too
            target_transform=transform,
            random_state=0,
        ).fit(None, old)
        out = model.forecast(len(new))
        assert out.index.equals(new.index)
        errors[str(transform)] = float(np.sqrt(np.mean((out - new) ** 2)))
    first, *rest = errors.values()
    assert max(rest) < 0.7 * first, errors


@pytest.mark.parametrize("name", ["NARX", "TDNN", "GRU", "ESN", "seasonal"])
@pytest.mark.filterwarnings("ignore:.*lie outside target_bounds")
def test_rows_where_one_output_is_known(name):
    """It is taken as it was measured, and the model's own value of the other, clipped, beside it."""
    Y = np.column_stack([y, 3 * y[::-1] + 50])
    holes, coef, g = Y.copy(), {1: 1.0, 6: 1.0, 7: -1.0}, (np.log, np.exp)
    holes[[N, N + 1, N + 2, N + 3, N + 8], 0] = np.nan
    holes[[N + 3, N + 4, N + 5, N + 6, N + 9], 1] = np.nan
    hand = fit(name, y=np.stack([changes(v, coef) for v in np.log(Y[OLD]).T], axis=1))
    kw = {"target_transform": ["log", "difference", Difference(6)], "target_bounds": (None, [21.0, 125.0])}
    model = fit(name, y=Y[OLD], **kw)
    bounds = np.full((NEW, 2), -np.inf), np.tile([21.0, 125.0], (NEW, 1))
    ahead, *_ = one_by_one(hand, X[NEXT], holes[NEXT], np.log(Y[OLD]), coef, g, bounds)
    np.testing.assert_allclose(model.predict_ahead(X[NEXT], holes[NEXT]), ahead, **close)
    pieces = []
    for rows in (slice(N, N + 2), slice(N + 2, N + 5), slice(N + 5, N + NEW)):
        pieces.append(model.predict_ahead(X[rows], holes[rows]))
        model.update(X[rows], holes[rows])
    np.testing.assert_allclose(np.concatenate(pieces), ahead, **close)


@paired(name=MODELS, transform=["log", "sqrt", "difference", Difference(6), ["log1p", "difference"]])
def test_all_starts(name, transform):
    """Without a past the level is the mean of training, zeros are zeros in the units of y where those exist."""
    model = fit(name, target_transform=transform)
    for start in ("cold", "zeros", "end", "auto", (X[:30], y[:30])):
        assert np.isfinite(model.predict(X[NEXT], start=start)).all(), start
    cold = model.predict(X[NEXT], start="cold")
    if name != "persistence" and transform != ["log1p", "difference"]:
        assert abs(cold.mean() - y[OLD].mean()) < 25


@every_model
def test_replay_of_training_through_differences(name):
    """The first rows, which no change tells of, are those measured."""
    frame, target = pd.DataFrame(X, TIME, columns=["u", "v"]), pd.Series(y, TIME)
    model = fit(name, frame[OLD], target[OLD], target_transform="difference")
    replay = model.predict(frame[OLD])
    assert np.isfinite(replay).all()
    lead = model.lead_ + 1
    known = target[OLD].where(np.arange(N) < lead)
    np.testing.assert_allclose(replay[lead:], model.predict_ahead(frame[OLD], known)[lead:], **close)


def test_values_out_of_the_domain():
    zeros = y.copy()
    zeros[7] = 0
    with pytest.raises(ValueError, match=r"Log\(\) needs y > .*row 7.*offset"):
        fit("NARX", y=zeros[OLD], target_transform="log")
    model = fit("NARX", target_transform="log")
    before = pickle.dumps(model.state_)
    for verb in (model.update, model.predict_ahead, model.partial_fit, model.trajectories, model.calibrate):
        steps = (3,) if verb == model.trajectories else ()
        with pytest.raises(ValueError, match="needs y > "):
            verb(X[NEXT], -y[NEXT], *steps)
    assert pickle.dumps(model.state_) == before
    for wrong in ("logarithm", 3, ["difference", "log"], np.log, [Log(0), None, "x"]):
        with pytest.raises(ValueError, match="target_transform"):
            fit("NARX", target_transform=wrong)


def test_a_fitted_model_keeps_its_transform():
    transform = Log(5.0)
    model = fit("NARX", target_transform=[transform])
    before = model.predict(X[NEXT])
    transform.offset = 100.0
    model.set_params(target_transform="difference", target_bounds=(0, 1))
    np.testing.assert_array_equal(model.predict(X[NEXT]), before)
    same = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(same.predict(X[NEXT]), before)


def test_search_over_transforms():
    search = GridSearchCV(
        tsrnn.ARXRegressor(target_transform=Log(1.0)),
        {"target_transform": [None, "log", "difference"], "target_bounds": [None, (0, 50)]},
        cv=TimeSeriesSplit(2),
        error_score="raise",
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert (
        clone(MODELS["ARX"]).set_params(target_transform=Log(2.0)).get_params()["target_transform__offset"]
        == 2
    )


# ---------------------------------------------------------------------------------------- bounds


LOW, HIGH = 17.0, 22.0


@paired(name=MODELS, word=[None, "both", "log"])
@pytest.mark.filterwarnings("ignore:.*lie outside target_bounds")
def test_bounds_hold_within_the_loop(name, word):
    """What is fed back is clipped: as row by row by hand."""
    transform, coef = DIFFERENCES.get(word, (word, {}))
    g = (np.log, np.exp) if word == "log" else IDENTITY
    levels = g[0](y[OLD])
    model = fit(name, target_transform=transform, target_bounds=(LOW, HIGH))
    hand = fit(name, y=changes(levels, coef) if coef else levels)
    np.testing.assert_array_equal(model.theta_, hand.theta_)
    bounds = np.full(NEW, LOW), np.full(NEW, HIGH)
    free, *_ = one_by_one(hand, X[NEXT], np.full(NEW, np.nan), levels, coef, g, bounds)
    assert (
        LOW in free.round(9)
        or HIGH in free.round(9)
        or name in ("persistence", "ESNCV", "seasonal", "Constant")
    )
    np.testing.assert_allclose(model.predict(X[NEXT]), free, **close)
    np.testing.assert_allclose(model.forecast(NEW, X[NEXT]), free, **close)
    holes = y[NEXT].copy()
    holes[[0, 5, 6, 7, 12]] = np.nan
    ahead, after, levels = one_by_one(hand, X[NEXT], holes, levels, coef, g, bounds)
    np.testing.assert_allclose(model.predict_ahead(X[NEXT], holes), ahead, **close)
    model.update(X[NEXT], holes)
    rows = X[LATER][:NEW]
    free, *_ = one_by_one(after, rows, np.full(NEW, np.nan), levels, coef, g, bounds)
    np.testing.assert_allclose(model.predict(rows), free, **close)


def sunny():
    """A plant: inputs of the weather, the clear sky, and what it may produce at most; nothing at night."""
    rng = np.random.default_rng(0)
    t = np.arange(300)
    clear = np.maximum(0, np.sin(t / 24 * 2 * np.pi)).round(12)
    cloud = np.clip(0.5 + np.cumsum(rng.normal(0, 0.1, 300)) / 3, 0, 1)
    produced = 50 * clear * (1 - 0.7 * cloud)
    inputs = pd.DataFrame(
        {"cloud": cloud, "clear": clear, "capacity": np.where(clear > 0, 45.0, 0.0)},
        pd.date_range("2024-03-01", periods=300, freq="h"),
    )
    return inputs, pd.Series(np.minimum(produced, 45.0), inputs.index, name="power")


@pytest.mark.filterwarnings("ignore:calibrate. the model was trained on some of these rows")
@paired(name=MODELS, transform=[None, "log1p", ["sqrt", Difference(24)]])
def test_nothing_is_produced_at_night(name, transform):
    """Bounds that change with time, on every verb."""
    inputs, power = sunny()
    old, new = slice(0, 200), slice(200, 300)
    model = fit(name, inputs[old], power[old], target_bounds=(0, "capacity"), target_transform=transform)
    model.calibrate(inputs[old], power[old])  # too narrow, which is no matter here
    future, truth = inputs[new], power[new]
    night, capacity = (future["capacity"] == 0).to_numpy(), future["capacity"].to_numpy()

    def within(out, rows=slice(None)):
        out = np.asarray(out)
        assert np.isfinite(out).all()
        assert (out >= 0).all()
        assert (out <= capacity[rows] + 1e-12).all()  # a root, squared, may be off in its last bit
        assert (out[..., night[rows]] == 0).all()

    within(model.predict(future))
    within(model.predict(future, start="cold"))
    within(model.predict_ahead(future, truth, steps=4))
    within(model.forecast(100, future))
    within(model.sample_paths(48, future, n_paths=20), slice(0, 48))
    out = model.forecast(30, future, level=[50, 80])
    for column in out:
        within(out[column], slice(0, 30))
    assert out["lo-80"].le(out["lo-50"]).all()
    out = model.forecast(30, future, level=80, method="bootstrap", n_paths=30)
    for column in out:
        within(out[column], slice(0, 30))
    origins = np.array([0, 20, 50])
    for method in ("conformal", "bootstrap"):
        answer = model.trajectories(future, truth, 10, origins=origins, level=80, method=method)
        for made in (answer.forecast, *answer.intervals[80]):
            for k, row in zip(origins, made):
                within(row, slice(k, k + 10))


@pytest.mark.filterwarnings("ignore:.*lie outside target_bounds")
def test_bounds_of_each_output():
    Y = np.column_stack([y, -y])
    model = fit("NARX", y=Y[OLD], target_bounds=([18.5, None], [None, -20.5]))
    out = model.predict(X[NEXT])
    assert out[:, 0].min() >= 18.5
    assert out[:, 1].max() <= -20.5
    assert out[:, 1].min() < -21


def test_bounds_of_a_panel():
    """Columns of its own rows, in whatever order they come."""
    X3 = np.column_stack([X, np.repeat([10.0, 25.0], [65, 65])])
    groups = np.repeat(["a", "b"], 65)
    model = tsrnn.ARXRegressor(target_bounds=(None, "x2"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X3, y, groups=groups)
    mixed = np.argsort(np.tile(np.arange(65), 2), kind="stable")
    out = model.predict(X3[mixed], groups=groups[mixed])
    assert out[groups[mixed] == "a"].max() <= 10
    assert out[groups[mixed] == "b"].max() > 10


@pytest.mark.filterwarnings("ignore:.*lie outside target_bounds")
def test_bounds_need_their_column():
    wide = np.column_stack([X, np.full(END, 60.0)])
    model = fit("TDNN", wide[OLD], target_bounds=(None, "x2"), input_lags=range(5, 8))
    with pytest.raises(ValueError, match="X_future"):
        model.forecast(3)
    with pytest.raises(ValueError, match="needs 3"):
        model.forecast(3, wide[NEXT][:2])
    assert (model.forecast(3, wide[NEXT]) <= 60).all()
    no = fit("TDNN", wide[OLD], target_bounds=(0, 60.0), input_lags=range(5, 8))
    assert len(no.forecast(3)) == 3
    crossed = wide.copy()
    crossed[N + 2, 2] = -1.0
    both = fit("ARX", wide[OLD], target_bounds=(0, "x2"))
    with pytest.raises(ValueError, match=r"row 2 of X low is 0\.0 and high is -1.0"):
        both.predict(crossed[NEXT])
    for wrong in ((3, 2), 5, (0, "x9"), (0, [1, 2]), (np.nan, 1), ("log", None), (0, 1, 2)):
        with pytest.raises(ValueError, match="target_bounds"):
            fit("ARX", wide[OLD], target_bounds=wrong)
    with pytest.raises(ValueError, match=r"target_bounds: high=0\.0 leaves no y"):
        fit("ARX", wide[OLD], target_bounds=(None, 0), target_transform="log")


def test_measured_values_outside_bounds_are_reported():
    with pytest.warns(UserWarning, match=r"values of y lie outside target_bounds, first .* in row"):
        fit("ARX", target_bounds=(LOW, HIGH))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit("ARX", target_bounds=(0, 100))


def test_a_failed_fit_leaves_the_model():
    model = fit("NARX", target_transform="log", target_bounds=(0, 50))
    before = model.predict(X[NEXT])
    for kw in (
        {"target_bounds": (5, 1)},
        {"target_transform": "x"},
        {"missing": "x"},
        {"target_transform": Log(-50)},
    ):
        with pytest.raises(ValueError):
            model.set_params(**kw).fit(X[OLD], y[OLD])
        np.testing.assert_array_equal(model.predict(X[NEXT]), before)
        model.set_params(target_transform="log", target_bounds=(0, 50), missing="error")
    with pytest.raises(ValueError, match="needs y > "):
        model.partial_fit(X[NEXT], -y[NEXT])
    np.testing.assert_array_equal(model.predict(X[NEXT]), before)


def test_warm_start_goes_on_in_its_units():
    """A second fit from the weights of the first, with the same transform; never with the scales of another."""
    model = fit("NARX", target_transform=["log", "difference"], warm_start=True)
    scaler = model.y_scaler_
    model.fit(X[: N + NEW], y[: N + NEW])
    np.testing.assert_array_equal(model.y_scaler_.center, scaler.center)
    assert np.isfinite(model.predict(X[LATER])).all()
    for kw in ({"target_transform": None}, {"target_transform": ["log", "difference"], "scale": "robust"}):
        with pytest.raises(ValueError, match="warm_start=True continues from weights made for"):
            model.set_params(**kw).fit(X[OLD], y[OLD])
