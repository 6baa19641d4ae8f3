"""What is special to recurrent models in the verbs users call: states, series side by side, feedback, variants."""

import copy
import pickle
import threading
import warnings
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from changed import give, stand_at
from public import RECURRENT, short
from recurrent_nets import own_options
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsrnn import (
    LBFGS,
    SGD,
    Adam,
    ElmanRegressor,
    ESNRegressor,
    GRURegressor,
    Huber,
    LSTMRegressor,
    Pinball,
    RMSprop,
)
from tsrnn._estimators.held_back import hold_stretches
from tsrnn._models import recurrent_learner
from tsrnn._models.recurrent_learner import LONGER
from tsrnn._nets import recurrent_loss
from tsrnn._nets.memory import Memory
from tsrnn._nets.recurrent_loss import TrackLoss as Objective
from tsrnn._series.units import Series


QUICK = {"max_iter": 4, "early_stopping": False, "random_state": 0}
LAGS = [
    {"output_lags": (1, 3), "input_lags": 1},
    {"output_lags": 2, "input_lags": (1, 2)},
    {"output_lags": 1},
]
MODELS = {short(kind): kind((4,), **QUICK) for kind in RECURRENT}
FED = {
    f"{short(kind)}, fed": kind((4, 3) if k == 2 else (4,), **LAGS[k % len(LAGS)], **QUICK)
    for k, kind in enumerate(RECURRENT)
}
HALF = dict(item for k, pair in enumerate(zip(FED.items(), MODELS.items())) for item in (pair[k % 2],))


def named(models):
    """A test for each of some models."""
    return pytest.mark.parametrize("model", models.values(), ids=list(models))


MATRIX = [
    kind for kind in RECURRENT if kind((2,), max_iter=1).fit(np.ones((9, 1)), np.ones(9)).params_[0].U.size
]
unfed, fed, every = named(MODELS), named(FED), named(HALF)  # every cell once, with feedback or without
rng = np.random.default_rng(0)
N = 300
X = rng.normal(size=(N, 2))
y = np.convolve(X[:, 0], [0.5, 0.4, 0.3, 0.2, 0.1])[:N] + 0.3 * np.tanh(X[:, 1]) + 2.0
HOURS = pd.date_range("2024-01-01", periods=N, freq="h")
frame, series = pd.DataFrame(X, HOURS, columns=["a", "b"]), pd.Series(y, HOURS, name="y")
exact = {"rtol": 1e-11, "atol": 1e-11}


def turn(k, options=()):
    """The cells in turn: for what is asked of all of them by the same code."""
    kinds = MATRIX if {"orthogonal_penalty", "recurrent_dropout"} & {*options} else RECURRENT
    return kinds[k % len(kinds)]


def fit(model, X=X[:250], y=y[:250], sample_weight=None, **kw):
    return clone(model).set_params(**kw).fit(X, y, sample_weight)


def quiet(call):
    """The result of a call that must not warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call()


def numbers(memory):
    """All numbers of a memory, flat."""
    return np.concatenate([part.ravel() for part in (*memory[:2], *memory.states)])


def stacked(lengths, gap=20):
    """An index with a jump after each of some lengths, and their slices."""
    ends = np.cumsum(lengths)
    index = np.arange(ends[-1]) + gap * np.repeat(np.arange(len(lengths)), lengths)
    return index, [slice(end - n, end) for n, end in zip(lengths, ends)]


# ---------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("kind", RECURRENT[:3])
def test_single_precision_is_close(kind):
    known = y.copy()
    known[5::7] = np.nan
    double = kind((4,), output_lags=2, precision="double", **QUICK).fit(X, known)
    single = clone(double).set_params(precision="single").fit(X, known)
    assert {a.dtype for a in single._dynamics().weights[0]} == {np.dtype(np.float32)}
    for verb in (
        lambda m: m.predict(X),
        lambda m: m.predict_ahead(X, known, start="cold"),
        lambda m: pickle.loads(pickle.dumps(m)).update(X[:40], known[:40]).forecast(3, X[:3]),
    ):
        a, b = verb(double), verb(single)
        assert b.dtype == np.float64
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-4)
        assert not np.array_equal(a, b)


@every
def test_training_ends_where_predict_begins(model):
    """One run over all rows, from the start of training, is what follows training too."""
    fitted = fit(model, frame[:250], series[:250])
    whole = quiet(lambda: fitted.predict_ahead(frame, series, start="auto"))
    after = quiet(lambda: fitted.predict_ahead(frame[250:], series[250:]))
    np.testing.assert_allclose(after, whole[250:], **exact)
    if not fitted.lead_:
        np.testing.assert_allclose(quiet(lambda: fitted.predict(frame[250:])), whole[250:], **exact)
    assert not np.allclose(after[:3], fitted.predict_ahead(frame[250:], series[250:], start="zeros")[:3])


@every
def test_cold_is_the_mean_state_of_training(model):
    fitted = fit(model)
    follower = copy.deepcopy(fitted)
    stand_at(follower, fitted._dynamics().first())
    seen = []
    for t in range(250):
        follower.update(X[t : t + 1], y[t : t + 1])
        seen.append(follower.state_.states)
    np.testing.assert_allclose(numbers(follower.state_), numbers(fitted.state_), **exact)
    for cold, *states in zip(fitted._dynamics().cold().states, *seen):
        np.testing.assert_allclose(cold, np.mean(states, axis=0), **exact)
    for rows, scaler, values in (
        (fitted._dynamics().cold().X, fitted.x_scaler_, X),
        (fitted._dynamics().cold().Y, fitted.y_scaler_, y),
    ):
        assert np.allclose(scaler.inverse(rows), values[:250].mean(axis=0))
    far = frame.set_axis(HOURS + pd.Timedelta("999h"))
    stamped = fit(model, frame[:250], series[:250])
    with pytest.warns(UserWarning, match=r"749 row\(s\) are missing .* starts again from the mean"):
        assert np.array_equal(stamped.predict(far), fitted.predict(X, start="cold"))


@unfed
def test_zeros_are_zero_states(model):
    fitted = fit(model)
    follower = copy.deepcopy(fitted)
    stand_at(
        follower,
        Memory(*fitted._dynamics().first()[:2], tuple(np.zeros_like(s) for s in fitted.state_.states)),
    )
    assert np.array_equal(fitted.predict(X, start="zeros"), follower.predict(X))
    assert not np.allclose(fitted.predict(X, start="zeros")[0], fitted.predict(X, start="cold")[0])


def counting(lengths, seed=0):
    """Series that each begin with nothing and add up."""
    u = np.random.default_rng(seed).uniform(size=(sum(lengths), 1))
    index, parts = stacked(lengths)
    total = np.concatenate([np.cumsum(u[p, 0]) for p in parts])
    return pd.DataFrame(u, index, columns=["u"]), pd.Series(total, index)


@unfed
def test_cold_is_the_first_state_where_every_series_begins_anew(model):
    u, total = counting([11, 13] * 10)
    fitted = fit(model, u, total, max_iter=40)
    cold, first = fitted._dynamics().cold().states, fitted._dynamics().first().states
    assert all(np.array_equal(a, b) for a, b in zip(cold, first))
    assert not any(s.any() for s in cold)
    again, expected = counting([12] * 3, seed=1)
    with pytest.warns(UserWarning, match=r"2 more such gaps.* starts again from the mean"):
        out = fitted.predict(again.set_axis(again.index + 10**6))
    assert np.mean((out - expected) ** 2) < 0.25 * np.var(expected)


@every
def test_learned_start(model):
    """Training moves it from zero; the first row of training and a cold start begin with it."""
    fitted = fit(model, frame[:250], series[:250], initial_state="learned")
    starts = [p.start for p in fitted.params_[:-1]]
    assert all((start != 0).any() for start in starts)
    for memory in (fitted._dynamics().first(), fitted._dynamics().cold()):
        assert all(np.array_equal(a, b) for a, b in zip(memory.states, starts))
    cold = fitted.predict(frame, start="cold")
    assert not np.allclose(cold[:5], fitted.predict(frame, start="zeros")[:5])
    if not fitted.lead_:
        assert np.array_equal(cold[:250], quiet(lambda: fitted.predict(frame[:250])))


@every
def test_partial_fit_leaves_the_learned_start(model):
    """New rows begin with the memory: they teach nothing about the start of a series."""
    fitted = fit(model, initial_state="learned", solver=SGD(0.05, momentum=0.0))
    starts = [p.start.copy() for p in fitted.params_[:-1]]
    theta = fitted.theta_.copy()
    fitted.partial_fit(X[250:], y[250:])
    assert not np.array_equal(fitted.theta_, theta)
    for after, before in zip(fitted.params_, starts):
        np.testing.assert_allclose(after.start, before, rtol=1e-6)  # training is in single precision
    for memory in (fitted._dynamics().first(), fitted._dynamics().cold()):
        assert all(np.array_equal(s, p.start) for s, p in zip(memory.states, fitted.params_))


@every
def test_rows_beyond_a_block(model):
    """Thousands of rows at once are as many in pieces."""
    many = np.random.default_rng(1).normal(size=(5000, 2))
    target = np.convolve(many[:, 0], [0.5, 0.4])[:5000]
    fitted = fit(model)
    whole = fitted.predict(many)
    ahead = fitted.predict_ahead(many, target, steps=3)
    np.testing.assert_allclose(
        copy.deepcopy(fitted).update(many[:3000]).predict(many[3000:]), whole[3000:], **exact
    )
    fitted.update(many[:3000], target[:3000])
    after = fitted.predict_ahead(many[3000:], target[3000:], steps=3)
    np.testing.assert_allclose(after[2:], ahead[3002:], **exact)


# ---------------------------------------------------------------------------------------- several series


@every
def test_series_do_not_mix_in_fit(model):
    """In whatever order they come: the gradient over all of them is the same."""
    lengths = [40, 25, 60, 33]
    _, parts = stacked(lengths)
    fits = []
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        rows = np.concatenate([np.arange(N)[parts[k]] for k in order])
        index, _ = stacked([lengths[k] for k in order])
        fits.append(
            fit(model, pd.DataFrame(X[rows], index), pd.Series(y[rows], index), solver="lbfgs", alpha=0.0)
        )
    np.testing.assert_allclose(fits[1].theta_, fits[0].theta_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fits[1].loss_curve_, fits[0].loss_curve_, rtol=1e-8)


@every
def test_series_do_not_mix_in_predict(model):
    """After a jump in the index, each begins cold; what was before it does not matter."""
    fitted = fit(model, frame.reset_index(drop=True)[:250], series.reset_index(drop=True)[:250])
    index, parts = stacked([30, 50, 20], gap=40)
    rows = frame[:100].set_axis(index + 5000)
    jumps = (
        r"4750 row\(s\) are missing between 249 and 5000 \(and 2 more such gaps\); the model cannot bridge"
    )
    with pytest.warns(UserWarning, match=jumps):
        out = fitted.predict(rows)
    for p in parts:
        np.testing.assert_allclose(out[p], fitted.predict(rows.iloc[p], start="cold"), **exact)
    other = rows.copy()
    other.iloc[:30] += 7
    with pytest.warns(UserWarning, match=jumps):
        assert np.array_equal(fitted.predict(other)[30:], out[30:])
    with pytest.warns(UserWarning, match=jumps):
        ahead = fitted.predict_ahead(rows, series[:100].set_axis(rows.index), steps=4)
    last = rows.iloc[parts[2]], series[:100].set_axis(rows.index).iloc[parts[2]]
    np.testing.assert_allclose(ahead[parts[2]], fitted.predict_ahead(*last, steps=4, start="cold"), **exact)


# ---------------------------------------------------------------------------------------- what counts


def loss_of(model, X, y, known=None):
    """Half the mean square of errors from the state of zeros after the first lags, as training sees the rows."""
    lead = model.lead_
    states = tuple(np.zeros_like(s) for s in model.state_.states)
    given = y if known is None else np.where(known, y, np.nan)
    out, _ = model._dynamics().run(X[lead:], given[lead:, None], Memory(X[:lead], y[:lead, None], states))
    return 0.5 * np.nanmean((out[:, 0] - y[lead:]) ** 2)


@fed
@pytest.mark.parametrize("training", ["open_loop", "closed_loop"])
def test_what_training_feeds(model, training):
    """Measured y, or the net's own where it is not known or the loop is closed: the loss is that of such a run."""
    holes = y.copy()
    holes[[40, 41, 90, 91, 92, 93, 200]] = np.nan
    kw = {"scale": None, "alpha": 0.0, "sequence_length": 10**6, "solver": LBFGS(), "training": training}
    fitted = fit(model, X, holes, **kw)
    known = np.isfinite(holes) & (training == "open_loop")
    assert fitted.loss_curve_[-1] == pytest.approx(loss_of(fitted, X, holes, known), rel=1e-9)


@fed
@pytest.mark.parametrize("scale", [None, "minmax"])
def test_unknown_y_in_the_first_lags_is_the_mean(model, scale):
    """Not zero, which in the user's units may be far from everything."""
    w = np.ones(250)
    w[0] = 0
    level = y[:250] + 1000
    first_unknown, first_mean = level.copy(), level.copy()
    first_unknown[0], first_mean[0] = np.nan, level[1:].mean()
    for solver in ("adam", "lbfgs"):
        kw = {"scale": scale, "solver": solver}
        unknown = fit(model, X[:250], first_unknown, w, **kw)
        mean = fit(model, X[:250], first_mean, w, **kw)
        np.testing.assert_allclose(unknown.theta_, mean.theta_, rtol=1e-5, atol=1e-7)


@fed
def test_y_measured_now_and_then_is_enough(model):
    """No complete history of lags anywhere: the net fills in its own."""
    rare = np.where(np.arange(N) % 4 == 0, y, np.nan)
    kw = {"max_iter": 60, "solver": "lbfgs", "input_lags": 2}
    fitted = fit(model, X[:250], rare[:250], **kw)
    assert fitted.score(X[250:], y[250:]) > 0.5


@unfed
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_rows_after_the_last_that_counts_do_not_matter(model, solver):
    w = np.ones(250)
    w[180:] = 0
    kw = {"scale": None, "solver": solver, "sequence_length": 30, "batch_size": 1}
    part = fit(model, X[:180], y[:180], **kw)
    wrong = y[:250].copy()
    wrong[180:] = 1e3
    masked = fit(model, X[:250], wrong, w, **kw)
    np.testing.assert_allclose(masked.theta_, part.theta_, rtol=1e-6, atol=1e-8)


@every
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_washout_is_weight_zero_at_the_beginning(model, solver):
    """Of each series once, also where it is longer than the sequences that training cuts."""
    index, parts = stacked([150, 100])
    inputs, target = pd.DataFrame(X[:250], index), pd.Series(y[:250], index)
    kw, lead = {"scale": None, "solver": solver, "sequence_length": 8}, fit(model).lead_
    for washout in (5, 60):
        w = np.ones(250)
        for p in parts:
            w[p.start : p.start + lead + washout] = 0
        washed = fit(model, inputs, target, washout=washout, **kw)
        weighted = fit(model, inputs, target, w, **kw)
        np.testing.assert_allclose(washed.theta_, weighted.theta_, rtol=1e-6, atol=1e-8)


@unfed
def test_washout_rows_have_no_target(model):
    wrong = y[:250].copy()
    wrong[:20] = -98
    kw = {"scale": None, "washout": 20, "sequence_length": 25}
    assert np.array_equal(fit(model, X[:250], wrong, **kw).theta_, fit(model, **kw).theta_)
    kw["washout"] = 19
    assert not np.allclose(fit(model, X[:250], wrong, **kw).theta_, fit(model, **kw).theta_)


def test_a_long_washout_trains():
    """As the benchmarks wash out: 200 rows, with everything else by default."""
    u = np.random.default_rng(0).normal(size=(700, 1))
    target = np.convolve(u[:, 0], [0.5, 0.4])[:700]
    fitted = ElmanRegressor((4,), washout=290, max_iter=20, random_state=0).fit(u, target)
    assert fitted.score(u, target) > 0.8


# ---------------------------------------------------------------------------------------- training


@every
@pytest.mark.parametrize("training", ["open_loop", "closed_loop", "scheduled_sampling"])
def test_threads_and_their_order_do_not_matter(model, training, monkeypatch):
    """Shards may finish in any order, with y not known where one track ends and the next begins."""

    def backwards(pool, work, items):
        return [work(item) for item in reversed(items)][::-1]

    holes = y.copy()
    holes[np.arange(30, N, 5)] = np.nan
    holes[np.arange(31, N, 7)] = np.nan
    kw = {"sequence_length": 5, "batch_size": 100, "dropout": 0.1, "solver": "adam"}
    if model.output_lags:
        kw["training"] = training
    elif training != "open_loop":
        pytest.skip("has no feedback")
    alone = fit(model, X, holes, **kw)
    assert np.array_equal(fit(model, X, holes, n_jobs=2, **kw).theta_, alone.theta_)
    monkeypatch.setattr(recurrent_loss, "in_threads", backwards)
    assert np.array_equal(fit(model, X, holes, **kw).theta_, alone.theta_)


@every
@pytest.mark.parametrize("kind", ["dropout", "recurrent_dropout", "input_noise"])
def test_dropout_is_for_training_only(model, kind):
    if kind == "recurrent_dropout" and type(model) not in MATRIX:
        pytest.skip("has no matrix in its recurrence")
    kw = {"solver": Adam(0.01), "hidden_layer_sizes": (6, 5), "max_iter": 10}
    dropped, plain = fit(model, **kw, **{kind: 0.4}), fit(model, **kw)
    assert not np.allclose(dropped.theta_, plain.theta_)
    out = dropped.predict(X[250:])
    assert np.array_equal(dropped.predict(X[250:]), out)
    assert np.array_equal(dropped.set_params(**{kind: 0.0}).predict(X[250:]), out)
    give(plain, theta=dropped.theta_)
    assert np.array_equal(plain.predict(X[250:], start="zeros"), dropped.predict(X[250:], start="zeros"))
    ahead = dropped.predict_ahead(X[250:], y[250:], steps=2, start="zeros")
    assert np.array_equal(plain.predict_ahead(X[250:], y[250:], steps=2, start="zeros"), ahead)


def test_training_on_its_own_output_sees_through_measurement_noise():
    """A slow mode measured with much noise: taught with measured y only, the net trusts it too much to run freely."""
    score = dict.fromkeys(("open_loop", "scheduled_sampling", "closed_loop"), 0.0)
    for seed in (0, 1):
        noise = np.random.default_rng(seed)
        u, clean = noise.normal(size=(1000, 1)), np.zeros(1000)
        for t in range(1, 1000):
            clean[t] = 0.9 * clean[t - 1] + u[t - 1, 0]
        noisy = clean + 4 * noise.normal(size=1000)
        model = GRURegressor((3,), input_lags=(1,), output_lags=1, sequence_length=40, batch_size=4)
        model.set_params(solver=Adam(0.02, schedule="cosine"), max_iter=150)
        model.set_params(early_stopping=False, random_state=0)
        for training in score:
            fitted = fit(model, u[:600], noisy[:600], training=training)
            score[training] += fitted.score(u[600:], clean[600:]) / 2
    assert score["scheduled_sampling"] > score["open_loop"] + 0.02, score
    assert score["closed_loop"] > score["open_loop"] + 0.05, score


@unfed
def test_both_directions_smooth(model):
    """A mean of rows before and after: from those before alone not to be had."""
    target = np.convolve(X[:, 0], np.ones(5), "same")
    kw = {"hidden_layer_sizes": (6,), "max_iter": 80, "sequence_length": 50, "solver": "lbfgs"}
    one, both = (fit(model, X[:250], target[:250], bidirectional=flag, **kw) for flag in (False, True))
    assert one.score(X[250:], target[250:]) < 0.6
    assert both.score(X[250:], target[250:]) > 0.8


@unfed
def test_both_directions_read_a_series_from_its_end(model):
    """The last row depends on the first no more than memory lasts; over a gap in the index too."""
    fitted = fit(
        model, frame, series, bidirectional=True, max_iter=150, sequence_length=20, initial_state="learned"
    )
    rows = frame.set_axis(HOURS + pd.Timedelta("5000h")).drop(HOURS[200:203] + pd.Timedelta("5000h"))
    other = rows.copy()
    other.iloc[:2] += 5
    with pytest.warns(UserWarning, match="missing"):
        out = fitted.predict(rows)
    with pytest.warns(UserWarning, match="missing"):
        changed = fitted.predict(other)
    np.testing.assert_allclose(changed[150:], out[150:], rtol=0, atol=1e-6)
    assert not np.allclose(changed[:10], out[:10], rtol=0, atol=1e-6)
    alone = fitted.predict(rows.iloc[200:], start="cold")
    np.testing.assert_allclose(out[-20:], alone[-20:], rtol=0, atol=1e-3)


@unfed
def test_both_directions_know_no_end(model):
    """Where the rows come after training or before, whatever was seen last: a series is read by itself."""
    fitted = fit(model, frame[:250], series[:250], bidirectional=True)
    for rows in (frame[250:], frame[100:150], frame[:250]):
        assert np.array_equal(fitted.predict(rows), fitted.predict(rows, start="cold"))
    assert np.isfinite(fitted.score(frame[250:], series[250:]))
    plain = fit(model, bidirectional=True)
    for _ in range(3):  # no driver that should have asked for a forecast: there is none
        quiet(lambda: plain.predict(X[:1]))


SHARED = [
    {"layer_norm": True},
    {"hidden_layer_sizes": (5, 4, 3)},
    {"hidden_layer_sizes": (5, 4), "skip_connections": True},
    {"hidden_layer_sizes": (4, 3), "bidirectional": True, "skip_connections": True},
    {"initial_state": "learned", "recurrent_init": "glorot"},
    {"orthogonal_penalty": 0.01},
    {"dropout": 0.1, "recurrent_dropout": 0.1},
    {"output_lags": 2, "training": "closed_loop"},
    {"output_lags": 2, "training": "scheduled_sampling"},
]
OWN = [(kind, options) for kind in RECURRENT for options in own_options(kind)[1:]]
VARIANTS = [
    *(kind(**options) for kind, options in OWN),
    LSTMRegressor(forget_bias=-1),
    *(
        turn(k, options)(**options) for k, options in enumerate(SHARED)
    ),  # test_recurrent.py has every cell's gradients
]


@pytest.mark.parametrize("model", VARIANTS, ids=lambda m: repr(m).replace("Regressor", "").replace("\n", ""))
def test_every_variant_trains(model):
    """In float32 and float64, and not by the readout's bias alone."""
    size = model.hidden_layer_sizes if model.hidden_layer_sizes != (32,) else (6,)
    kw = {"hidden_layer_sizes": size, "max_iter": 40, "sequence_length": 40, "batch_size": 2}
    random = model.dropout or model.training == "scheduled_sampling"
    for solver in (Adam(0.02),) if random else (Adam(0.02), LBFGS()):
        fitted = clone(model).set_params(**kw, solver=solver, random_state=0).fit(X[:250], y[:250])
        assert fitted.loss_curve_[-1] < 0.5 * fitted.loss_curve_[0] or fitted.loss_curve_[-1] < 0.1
        if getattr(model, "forget_gate", True):  # without it cells only add: beyond training they may drift
            assert fitted.score(X[250:], y[250:]) > 0.4
        assert np.isfinite(fitted.theta_).all()


SOLVERS = [
    Adam(0.02, schedule="cosine", warmup=0.1, clip_norm=1.0),
    Adam(0.02, schedule="plateau", clip_value=0.1),
    SGD(0.1, clip_norm=1.0),
    SGD(0.1, nesterov=False, schedule="cosine"),
    SGD(0.2, momentum=0.0, schedule="plateau"),
    RMSprop(0.01, schedule="cosine", warmup=0.2),
    RMSprop(0.005, clip_norm=0.5, clip_value=0.2),
    LBFGS(memory=3),
    "adam",
    "sgd",
    "rmsprop",
    "lbfgs",
    "auto",
]


@pytest.mark.parametrize(
    ("kind", "solver"), [(turn(k), solver) for k, solver in enumerate(SOLVERS)], ids=repr
)
def test_every_solver_trains(kind, solver):
    fitted = fit(kind((4,), **QUICK), solver=solver, max_iter=40, sequence_length=25, batch_size=2)
    assert fitted.loss_curve_[-1] < 0.8 * fitted.loss_curve_[0]


def test_a_diverging_fit_warns_and_stays_finite():
    for early_stopping in (False, True):
        model = ElmanRegressor((4,), activation="identity", solver=SGD(1e5), early_stopping=early_stopping)
        with pytest.warns(ConvergenceWarning, match=r"learning rate.*clip_norm"):
            model.set_params(max_iter=20, random_state=0).fit(X, y)
        assert np.isfinite(model.theta_).all()
        assert np.isfinite(numbers(model.state_)).all()


@every
def test_curves_and_iterations(model):
    for solver in ("adam", "lbfgs", "auto"):  # which takes Adam and then L-BFGS where y(t - 1) is fed back
        fitted = fit(model, solver=solver, max_iter=7, tol=0.0)
        assert fitted.n_iter_ == len(fitted.loss_curve_) == 7
        assert fitted.validation_curve_ == []
        assert np.isfinite(fitted.loss_curve_).all()
        stopped = fit(model, solver=solver, max_iter=7, tol=0.0, early_stopping=True)
        assert stopped.n_iter_ == len(stopped.loss_curve_) == len(stopped.validation_curve_) <= 7
    patient = fit(model, solver="adam", max_iter=300, tol=0.9, n_iter_no_change=5)
    assert patient.n_iter_ < 300


def test_held_rows_are_judged_from_the_state_of_the_whole_series(monkeypatch):
    """Not from zeros some rows before; of series too long for that, from zeros many rows before."""
    model = ElmanRegressor((4,), activation="identity", sequence_length=5, **QUICK).fit(X, y)
    dynamics, units = model.fitted_.trained.dynamics, model.fitted_.units
    Xz, Z = units.x(X), units.y(y[:, None])
    rows = Series(Xz, Z, np.ones(N), np.arange(N) >= 280)

    def mean_loss(begin):
        out, _ = dynamics.run(Xz[begin:], Z[begin:], dynamics.first())
        return np.mean((out - Z[begin:])[280 - begin :] ** 2) / 2

    learner = model._learner()
    whole = learner._validation(dynamics.net, [rows], dynamics.mean)(dynamics.theta)
    assert whole == pytest.approx(mean_loss(0), rel=1e-4)
    monkeypatch.setattr(recurrent_learner, "WHOLE", 100)
    monkeypatch.setattr(recurrent_learner, "LEAD_IN", 24)
    late = learner._validation(dynamics.net, [rows], dynamics.mean)(dynamics.theta)
    assert late == pytest.approx(np.mean([mean_loss(280 - 120)]), rel=0.05)


@every
def test_what_was_held_back_is_learnt_in_the_end(model):
    """From the best weights on, by all rows, none the worse; intervals are from the weights before."""
    alone = {"skip_connections": False}  # a curve is of the net, not of what it is blended with
    fitted = fit(model, early_stopping=True, max_iter=40, solver="lbfgs", **alone)
    segments = fitted.fitted_.errors.segments
    assert all(s.maker is segments[0].maker for s in segments)
    judged, learnt, units = segments[0].maker.dynamics, fitted.fitted_.trained.dynamics, fitted.fitted_.units
    assert not np.array_equal(judged.theta, learnt.theta)
    assert fitted.fitted_.trained.judged is None  # kept once
    assert fitted.y_scaler_.center == pytest.approx(y[:250].mean(), rel=1e-12)
    rows = Series(units.x(X[:250]), units.y(y[:250, None]), np.ones(250), np.ones(250, bool))
    loss = fitted._learner()._validation(learnt.net, [rows], learnt.mean)
    assert loss(learnt.theta) <= loss(judged.theta)
    held = hold_stretches(np.ones(250, bool), 0.15)
    loss = fitted._learner()._validation(learnt.net, [rows._replace(held=held)], learnt.mean)
    assert loss(judged.theta) == pytest.approx(min(fitted.validation_curve_), rel=0.05)
    again = fit(model, early_stopping=True, max_iter=40, solver="lbfgs", **alone)
    assert np.array_equal(again.theta_, fitted.theta_)
    more = fitted.partial_fit(X[250:], y[250:])
    assert more.fitted_.errors.segments[0].maker.dynamics is judged


@pytest.mark.parametrize("k", range(len(RECURRENT)))
def test_validation_takes_the_outputs_of_training(k, monkeypatch):
    """To the bit, where training goes over the validation rows, too: one series in turn with some."""
    given = (X, y) if k % 2 else ([X[:90], X[100:240]], [y[:90], y[100:240]])
    model, passes, value = RECURRENT[k]((3,), max_iter=12, random_state=0), [], Objective.value
    monkeypatch.setattr(Objective, "value", lambda *args: passes.append(1) or value(*args))
    taken = clone(model).fit(*given)
    assert len(passes) == 2  # before training, and before what was held back is learnt
    monkeypatch.setattr(Objective, "keeps", lambda *_: False)
    own = clone(model).fit(*given)
    assert len(passes) > 16
    assert np.array_equal(taken.theta_, own.theta_)
    assert taken.validation_curve_ == own.validation_curve_


def test_validation_takes_no_outputs_of_other_parameters():
    """A solver's last gradient may be of others than those that it reached."""

    class Wanders(LBFGS):
        def minimize(self, objective, theta, monitor, rng):
            loss_grad = objective.loss_grad

            def then_elsewhere(theta, batch):
                out = loss_grad(theta, batch)
                if batch is None:
                    loss_grad(theta + 0.1, None)
                return out

            objective.loss_grad = then_elsewhere
            super().minimize(objective, theta, monitor, rng)

    plain, wandered = (
        ElmanRegressor((3,), solver=solver, max_iter=4, random_state=0).fit(X, y)
        for solver in (LBFGS(), Wanders())
    )
    assert wandered.validation_curve_ == plain.validation_curve_
    assert np.array_equal(wandered.theta_, plain.theta_)


@pytest.mark.parametrize(("n", "beside"), [(40, 1), (300, 0)])
def test_one_lag_has_a_linear_model_beside_it_where_rows_are_few(n, beside):
    y = np.cumsum(np.random.default_rng(0).normal(size=n))
    blended, alone = (
        GRURegressor((3,), output_lags=1, max_iter=2, random_state=0, skip_connections=skip).fit(None, y)
        for skip in ("auto", False)
    )
    assert blended.theta_.size == alone.theta_.size + beside  # its readout sees the lag


def test_patience_is_as_much_longer_as_training():
    """Of the solver that "auto" takes, five times; the loss on held rows is watched for as long."""
    noise = np.random.default_rng(1).normal(size=250)
    kw = {"early_stopping": True, "tol": 0.0, "n_iter_no_change": 3, "max_iter": 60}
    for solver, times in (("auto", LONGER), ("lbfgs", 1)):
        curve = fit(MODELS["Elman"], y=noise, solver=solver, **kw).validation_curve_
        assert len(curve) < 60
        assert len(curve) - 1 - np.argmin(curve) in (3 * times, 3 * times - 1)


@unfed
def test_the_loss_curve_is_the_loss(model):
    """Of the weights kept, for L-BFGS; the decay is in it."""
    fitted = fit(model, solver="lbfgs", scale=None, sequence_length=10**6, alpha=0.5, max_iter=10)
    weights = [values for p in fitted.params_ for values in p if values.ndim == 3]  # W, U and other matrices
    decay = 0.5 * 0.5 * sum(np.sum(w**2) for w in weights) / 250
    assert fitted.loss_curve_[-1] == pytest.approx(loss_of(fitted, X[:250], y[:250]) + decay, rel=1e-9)


@unfed
def test_decay_and_penalty(model):
    """alpha shrinks the weights; orthogonal_penalty keeps U'U near I."""
    if type(model) not in MATRIX:
        pytest.skip("has no matrix in its recurrence")
    kw = {"solver": Adam(0.03), "max_iter": 30}
    weights, off = [], []
    for alpha, penalty in ((0.0, 0.0), (30.0, 0.0), (0.0, 1.0)):
        p = fit(model, alpha=alpha, orthogonal_penalty=penalty, **kw).params_[0]
        weights.append(np.sum(p.W**2) + np.sum(p.U**2))
        off.append(sum(np.linalg.norm(U.T @ U - np.eye(4)) for U in p.U))
    assert weights[1] < 0.7 * weights[0]
    assert off[2] < 0.5 * off[0]


@every
def test_warm_start_goes_on_with_the_weights(model):
    fitted = fit(model, warm_start=True, solver="lbfgs", max_iter=10)
    last = fitted.loss_curve_[-1]
    fitted.set_params(max_iter=1).fit(X[:250], y[:250])
    assert fitted.loss_curve_[0] < last
    for change in ({"hidden_layer_sizes": (5,)}, {"layer_norm": True}, {"initial_state": "learned"}):
        changed = copy.deepcopy(fitted).set_params(**change).fit(X[:250], y[:250])
        fresh = fit(model, warm_start=True, solver="lbfgs", max_iter=1, **change)
        assert np.array_equal(changed.theta_, fresh.theta_)


@pytest.mark.parametrize(("kind", "change"), OWN, ids=str)
def test_warm_start_of_another_cell_starts_anew(kind, change):
    """The old weights mean something else, even where there are as many of them."""
    model = kind((4,), **QUICK)
    changed = fit(model, warm_start=True).set_params(**change).fit(X[:250], y[:250])
    assert np.array_equal(changed.theta_, fit(model, warm_start=True, **change).theta_)


@every
def test_partial_fit_learns_a_new_gain(model):
    """Chunk by chunk: better on the changed system than the weights it had."""
    kw = {"max_iter": 60, "solver": "adam"}
    old, learning = fit(model, **kw), fit(model, **kw)
    new = 2 * (y - 2) + 2
    for begin in range(0, 200, 10):
        rows = slice(begin, begin + 10)
        learning.partial_fit(X[rows], new[rows])
        old.update(X[rows], new[rows])
    errors = [np.mean((m.predict_ahead(X[200:], new[200:]) - new[200:]) ** 2) for m in (learning, old)]
    assert errors[0] < errors[1]


@unfed
def test_partial_fit_goes_on_with_the_moments(model):
    """Of training, and of the partial fits before, where the solver is the same."""
    for solver in ("adam", "rmsprop", SGD(0.01)):
        fitted = fit(model, solver=solver)
        fresh = copy.deepcopy(fitted)
        trained = fresh.fitted_.trained
        fresh.fitted_ = fresh.fitted_._replace(trained=trained._replace(carry=None))
        again = copy.deepcopy(fitted)
        thetas = [m.partial_fit(X[250:270], y[250:270]).theta_ for m in (fitted, fresh, again)]
        assert not np.array_equal(thetas[0], thetas[1])
        assert np.array_equal(thetas[0], thetas[2])
        t = fitted.fitted_.trained.carry.t
        assert fitted.partial_fit(X[270:], y[270:]).fitted_.trained.carry.t > t


@every
def test_partial_fit_of_one_row_and_of_unmeasured_rows(model):
    fitted = fit(model)
    theta = fitted.theta_.copy()
    fitted.partial_fit(X[250:251], y[250:251])
    assert not np.array_equal(fitted.theta_, theta)
    theta = fitted.theta_.copy()
    fitted.partial_fit(X[251:255], y[251:255], np.array([0.0, 0, 0, 1e-9]))
    with pytest.raises(ValueError, match="no measured value"):
        fitted.partial_fit(X[255:260], np.full(5, np.nan))
    assert np.isfinite(fitted.predict(X)).all()


# ---------------------------------------------------------------------------------------- losses


@unfed
def test_pinball_is_a_quantile(model):
    noise = np.random.default_rng(0)
    u = noise.normal(size=(600, 1))
    target = u[:, 0] + (0.2 + 0.5 * (u[:, 0] > 0)) * noise.normal(size=600)
    kw = {"max_iter": 60, "solver": Adam(0.02, schedule="cosine"), "sequence_length": 50, "batch_size": 2}
    for q in (0.9, 0.2):
        fitted = fit(model, u, target, loss=Pinball(q), **kw)
        assert np.mean(target < fitted.predict_ahead(u, target, start="cold")) == pytest.approx(q, abs=0.06)
    median = fit(model, u, target, loss="pinball", **kw)
    same = fit(model, u, target, loss=Pinball(0.5), **kw)
    assert np.array_equal(median.theta_, same.theta_)


@unfed
def test_robust_losses_resist_outliers(model):
    clean, spoilt = y[:250], y[:250].copy()
    spoilt[::10] += 30
    kw = {"max_iter": 60, "solver": Adam(0.02), "scale": "robust", "sequence_length": 50, "batch_size": 1}
    error = {
        repr(loss): np.mean((fit(model, X[:250], spoilt, loss=loss, **kw).predict(X[250:]) - y[250:]) ** 2)
        for loss in ("squared", "absolute", "huber", Huber(0.3))
    }
    squared = error.pop("'squared'")
    assert max(error.values()) < 0.3 * squared, (error, squared)
    assert np.var(clean) > np.median([*error.values()])


# ---------------------------------------------------------------------------------------- lengths


@every
def test_one_row_beyond_the_lags(model):
    lead = fit(model).lead_
    rows = slice(0, lead + 1)
    for kw in ({}, {"sequence_length": 1}, {"batch_size": 50}, {"solver": "lbfgs"}, {"early_stopping": True}):
        fitted = fit(model, X[rows], y[rows], **kw)
        assert np.isfinite(fitted.predict(X)).all()
        assert np.isfinite(fitted.theta_).all()


@every
def test_sequences_longer_than_the_series(model):
    n = 60 - fit(model).lead_
    for solver in ("adam", "lbfgs"):
        long = fit(model, X[:60], y[:60], sequence_length=10**6, solver=solver)
        assert np.array_equal(
            fit(model, X[:60], y[:60], sequence_length=n, solver=solver).theta_, long.theta_
        )


@every
@pytest.mark.parametrize(("batch_size", "sequence_length"), [(1, 7), (3, 64), (17, 1), (1000, 7)])
def test_any_batch_of_any_length(model, batch_size, sequence_length):
    kw = {"batch_size": batch_size, "sequence_length": sequence_length, "early_stopping": True}
    fitted = fit(model, max_iter=2, solver="adam", **kw)
    assert np.isfinite(fitted.theta_).all()
    assert len(fitted.validation_curve_) == 2


@every
def test_series_of_any_length_together(model):
    """Some shorter than the lags, some than a sequence."""
    index, _ = stacked([1, 40, 2, 3, 100, 5, 30])
    for kw in ({"early_stopping": True}, {"solver": "lbfgs"}, {"solver": "adam", "batch_size": 2}):
        fitted = fit(model, pd.DataFrame(X[:181], index), pd.Series(y[:181], index), sequence_length=16, **kw)
        assert np.isfinite(fitted.theta_).all()
        assert np.isfinite(numbers(fitted.state_)).all()


def test_a_direct_forecaster():
    """Six rows ahead in one step: neither x nor y of the last five is looked at."""
    model = GRURegressor((5,), input_lags=[6], output_lags=[6], solver="adam", **QUICK).fit(X[:250], y[:250])
    base = model.predict_ahead(X[250:], y[250:])
    other_X, other_y = X[250:].copy(), y[250:].copy()
    other_X[25:], other_y[25:] = 9, 9
    changed = model.predict_ahead(other_X, other_y)
    assert np.array_equal(changed[:31], base[:31])
    assert not np.isclose(changed[31], base[31])
    np.testing.assert_allclose(model.forecast(6), base[:6], **exact)


# ---------------------------------------------------------------------------------------- gradient flow


@pytest.mark.parametrize("steps", [1, 12])
def test_gradient_flow_of_a_linear_net(steps):
    """dL(t)/dh(t - k) = e V' (U')^k."""
    Y = np.c_[y, np.roll(y, 2)]
    model = ElmanRegressor((3,), activation="identity", **QUICK).fit(X, Y)
    norms = model.gradient_flow(X, Y, steps=steps)
    assert norms.shape == (1, steps)
    U, V = model.params_[0].U[0], model.params_[-1].W[0]
    e = (model.predict_ahead(X, Y, start="cold") - Y) / model.y_scaler_.scale
    ends = np.arange(steps - 1, N)
    ends = ends[np.linspace(0, len(ends) - 1, 256).astype(int)]
    g = e[ends] @ V.T
    for k in range(steps):
        assert norms[0, k] == pytest.approx(np.linalg.norm(g, axis=1).mean(), rel=1e-9)
        g = g @ U.T


def test_gradient_flow_by_differences():
    """Of the last layer of any net, k = 1: a small change of the state one row before the end."""
    model = GRURegressor((3,), **QUICK).fit(X, y)
    rows = 40
    n = model.gradient_flow(X[:rows], y[:rows], steps=rows)  # from one row only: the last
    start = model._dynamics().cold()
    Z, W = model.x_scaler_(X[:rows]), model.y_scaler_(y[:rows, None])
    _, memory = model._dynamics().run(Z[:-1], W[:-1], start)

    def loss(h):
        out, _ = model._dynamics().run(Z[-1:], W[-1:], memory._replace(states=(h,)))
        return 0.5 * np.sum((out - W[-1:]) ** 2)

    h, step = memory.states[0], 1e-6
    change = [
        loss(h + step * d.reshape(h.shape)) - loss(h - step * d.reshape(h.shape)) for d in np.eye(h.size)
    ]
    assert n[0, 1] == pytest.approx(np.linalg.norm(change) / (2 * step), rel=1e-6)


@every
def test_gradient_flow_shapes_and_purity(model):
    fitted = fit(model, frame, series, hidden_layer_sizes=(4, 3), sequence_length=20)
    before = pickle.dumps(vars(fitted))
    norms = fitted.gradient_flow(frame, y)
    assert norms.shape == (2, 20)
    assert np.isfinite(norms).all()
    assert (norms > 0).any(axis=1).all()
    assert np.array_equal(fitted.gradient_flow(frame, series), norms)
    holes = np.where(np.arange(N) % 3 == 0, np.nan, y)
    assert np.isfinite(fitted.gradient_flow(frame, holes, steps=7)).all()
    assert fitted.gradient_flow(frame[:30], y[:30], steps=3).shape == (2, 3)
    assert pickle.dumps(vars(fitted)) == before
    if not fitted.lead_:
        both = fit(model, hidden_layer_sizes=(4, 3), bidirectional=True)
        assert both.gradient_flow(X, y, steps=9).shape == (2, 9)


def test_gradient_flow_tells_vanishing_from_exploding():
    model = ElmanRegressor((4,), activation="identity", **QUICK).fit(X, y)
    slopes = []
    for size in (0.5, 1.0, 1.5):
        model.params_[0].U[0] = size * np.eye(4)  # a view of theta_
        n = model.gradient_flow(X, y, steps=10)[0]
        slopes.append((n[9] / n[0]) ** (1 / 9))
    np.testing.assert_allclose(slopes, [0.5, 1.0, 1.5], rtol=1e-9)


def test_gradient_flow_display():
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    from tsrnn.plotting import GradientFlowDisplay

    pipeline = make_pipeline(StandardScaler(), LSTMRegressor((4, 3), **QUICK)).fit(X, y)
    display = GradientFlowDisplay.from_estimator(pipeline, X, y, steps=8)
    norms = pipeline[-1].gradient_flow(pipeline[:-1].transform(X), y, steps=8)
    assert np.array_equal(display.norms, norms)
    assert [line.get_label() for line in display.lines_] == [
        "LSTMRegressor, layer 1",
        "LSTMRegressor, layer 2",
    ]
    for line, layer in zip(display.lines_, norms):
        np.testing.assert_array_equal(line.get_ydata(), layer)
    assert display.ax_.get_yscale() == "log"
    assert display.figure_ is display.ax_.figure
    again = GradientFlowDisplay(norms[:1], name="mine").plot(display.ax_, color="k", label="other")
    assert again.ax_ is display.ax_
    assert again.lines_[0].get_label() == "other"
    vanished = GradientFlowDisplay([[1.0, 0.0]]).plot()
    assert len(vanished.lines_) == 1
    plt.close("all")


# ---------------------------------------------------------------------------------------- around a fit


@every
def test_verbose(model, capsys):
    fitted = fit(model, verbose=2)
    *out, last = capsys.readouterr().out.splitlines()
    assert len(out) == fitted.n_iter_ == sum(n for _, n, _ in fitted.stages_)
    name = type(model).__name__
    wanted = [f"{name}, {solver}: iteration {k + 1}:" for solver, n, _ in fitted.stages_ for k in range(n)]
    assert all(line.startswith(begin) for line, begin in zip(out, wanted, strict=True))
    assert last.startswith(f"{name}: {fitted.stages_[0][0]}, {fitted.stages_[0][1]} iteration")
    assert all(f"({reason})" in last for *_, reason in fitted.stages_)
    fit(model, verbose=2, early_stopping=True, solver="adam")
    assert "validation" in capsys.readouterr().out
    fit(model, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_nets_of_a_mean_print_a_validation_loss_where_they_compute_it(capsys):
    model = ElmanRegressor(
        (2,), n_restarts=2, ensemble="mean", n_iter_no_change=10, max_iter=4, solver="adam"
    )
    fit(model, verbose=2, early_stopping=True)
    lines = [line for line in capsys.readouterr().out.splitlines() if "iteration " in line][:4]
    assert ["validation" in line for line in lines] == [False, True, False, True]


@unfed
def test_the_bar_knows_how_long_a_stage_is(model, monkeypatch):
    totals = []

    def note(verbose, name, total):
        totals.append(total)
        return nullcontext()

    monkeypatch.setattr(recurrent_learner, "progress", note)
    for solver in ("adam", "lbfgs", "auto"):
        totals.clear()
        assert fit(model, solver=solver, max_iter=7, tol=0.0).n_iter_ == sum(totals)


@every
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupted_fit_leaves_all_as_it_was(model, n_jobs, monkeypatch):
    """Ctrl-C amid a batch, in whatever thread: no half-trained weights, no threads left."""
    kw = {"n_jobs": n_jobs, "batch_size": 40, "sequence_length": 5, "warm_start": True}
    fitted = fit(model, **kw)
    before, out = pickle.dumps(vars(fitted)), fitted.predict(X[250:])
    whole, calls = Objective._shard, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return whole(self, *args)

    threads = threading.active_count()
    with monkeypatch.context() as patch:
        patch.setattr(Objective, "_shard", interrupted)
        for verb in (fitted.fit, fitted.partial_fit):
            calls.clear()
            calls.extend([1] * 4 if verb == fitted.partial_fit else [])
            with pytest.raises(KeyboardInterrupt):
                verb(X[50:300], y[50:300])
            assert pickle.dumps(vars(fitted)) == before
            assert threading.active_count() == threads
        fresh = clone(fitted)
        calls.clear()
        with pytest.raises(KeyboardInterrupt):
            fresh.fit(X, y)
        assert not hasattr(fresh, "theta_")
    assert np.array_equal(fitted.predict(X[250:]), out)
    fitted.fit(X, y)


@every
def test_pickles_hold_no_kernels(model):
    """Arrays and settings only: old machine code or threads would come back with them."""
    fitted = fit(model, n_jobs=2)
    text = pickle.dumps(fitted)
    for word in (b"numba", b"Dispatcher", b"kernel", b"Thread", b"joblib"):
        assert word not in text, word
    assert len(text) < 16_000
    again = pickle.loads(text)
    assert np.array_equal(again.predict(X), fitted.predict(X))
    more = [m.partial_fit(X[250:], y[250:]).forecast(3, X[:3]) for m in (again, fitted)]
    assert np.array_equal(*more)


@every
def test_a_copy_does_not_hold_on_to_the_original(model):
    import weakref

    fitted = fit(model)
    shallow, deep = copy.copy(fitted), copy.deepcopy(fitted)
    original = weakref.ref(fitted)
    out = fitted.predict(X)
    del fitted
    assert original() is None
    assert np.array_equal(shallow.predict(X), out)
    assert np.array_equal(deep.predict(X), out)


@every
def test_settings_changed_after_fit_do_not_reach_the_fitted_net(model):
    """They are for the next fit."""
    fitted = fit(model)
    out, flow = fitted.predict(X), fitted.gradient_flow(X, y, steps=5)
    own = {"activation": "relu", "peepholes": True, "forget_gate": False, "reset": "before"}
    fitted.set_params(**{k: v for k, v in own.items() if k in fitted.get_params()})
    fitted.set_params(
        layer_norm=True, skip_connections=True, hidden_layer_sizes=(9,), initial_state="learned"
    )
    assert np.array_equal(fitted.predict(X), out)
    assert np.array_equal(fitted.gradient_flow(X, y, steps=5), flow)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), out)


@every
def test_a_model_that_runs_away_is_told_what_it_has(model):
    """The cure names parameters of this model."""
    fitted = fit(model)
    fitted.params_[-1].W[:] *= 1e6
    with pytest.warns(UserWarning, match="runs away") as caught:
        fitted.predict(X)
    text = str(caught[0].message)
    for word in ("n_restarts", "training='both'"):
        assert word not in text


def test_single_precision_in_double_precision_out():
    for model in (MODELS | FED).values():
        halves = fit(model, X[:250].astype(np.float32), y[:250].astype(np.float32))
        same = fit(model, X[:250].astype(np.float32).astype(float), y[:250].astype(np.float32).astype(float))
        assert halves.theta_.dtype == np.float64
        assert np.array_equal(halves.theta_, same.theta_)
        assert halves.predict(X.astype(np.float32)).dtype == np.float64


# ---------------------------------------------------------------------------------------- a reservoir to begin with


RESERVOIR = ESNRegressor(20, leak_rate=1.0)


@pytest.mark.parametrize("lags", [{}, {"input_lags": 2, "output_lags": (1, 3)}], ids=["", "lags"])
def test_an_elman_net_begins_as_the_reservoir(lags):
    esn = ESNRegressor(20, leak_rate=1.0, washout=0, random_state=0, **lags).fit(X[:250], y[:250])
    still = {"solver": SGD(1e-30, momentum=0), "max_iter": 1, "early_stopping": False, "random_state": 0}
    init = clone(RESERVOIR).set_params(washout=0)
    net = ElmanRegressor((20,), init=init, skip_connections=True, **still, **lags).fit(X[:250], y[:250])
    np.testing.assert_allclose(
        net.predict(X[250:], start="zeros"), esn.predict(X[250:], start="zeros"), rtol=1e-3, atol=1e-3
    )


def test_training_improves_on_the_reservoir():
    kw = {"skip_connections": True, "solver": "lbfgs", "early_stopping": False, "random_state": 0}
    curve = ElmanRegressor((20,), init=RESERVOIR, max_iter=30, **kw).fit(X[:250], y[:250]).loss_curve_
    assert curve[-1] < 0.7 * curve[0]


def test_a_reservoir_for_a_series_with_gaps_and_no_inputs():
    index = np.concatenate([np.arange(150), 1000 + np.arange(150)])
    frame = pd.DataFrame(index=index)
    net = ElmanRegressor((20,), init=RESERVOIR, output_lags=2, max_iter=2, random_state=0)
    assert np.isfinite(net.fit(frame, y[: len(index)]).forecast(5)).all()


@pytest.mark.parametrize(
    ("init", "kw", "words"),
    [
        ("esn", {}, ("init", "ESNRegressor")),
        (LSTMRegressor(), {}, ("init", "ESNRegressor")),
        (ESNRegressor(20), {}, ("leak_rate", "1.0")),
        (ESNRegressor(30, leak_rate=1.0), {}, ("n_reservoir", "30", "20")),
        (ESNRegressor((20, 20), leak_rate=1.0), {}, ("n_reservoir", "(20, 20)")),
        (ESNRegressor(20, leak_rate=1.0, activation="relu"), {}, ("activation", "relu")),
        (ESNRegressor(20, leak_rate=1.0, groups=0), {}, ("groups", "0")),
        (RESERVOIR, {"layer_norm": True}, ("init", "layer_norm")),
        (RESERVOIR, {"bidirectional": True}, ("init", "one direction")),
    ],
)
def test_a_reservoir_that_does_not_fit(init, kw, words):
    with pytest.raises((ValueError, TypeError)) as error:
        ElmanRegressor((20,), init=init, **kw).fit(X, y)
    for word in words:
        assert word in str(error.value)
