"""Encoder and decoder with attention: against their equations and differences, and what a forecaster must do."""

import pickle

import naive
import numpy as np
import pandas as pd
import pytest
from recurrent_nets import CELLS, naive_cell
from sklearn.base import clone

from tsrnn import Adam, EncoderDecoderRegressor, GRURegressor, PersistenceRegressor
from tsrnn._nets.episode_loss import EpisodeDynamics, EpisodeLoss, make_episode
from tsrnn._nets.many_targets import learn_linear, linear_plan
from tsrnn._nets.recurrent_loss import Teaching
from tsrnn._nets.segments import make_segmented
from tsrnn._series.units import Series
from tsrnn._training.losses import squared


CASES = [  # cell, widths of the layers, attention, widths of V, A, O, Q; two layers have skips
    ("gru", (4,), None, (2, 1, 1, 1)),
    ("gru", (3, 4), "dot", (1, 2, 2, 1)),
    ("elman", (4,), "general", (2, 0, 1, 2)),
    ("lstm", (4,), "additive", (0, 2, 1, 1)),
    ("gru", (18,), "additive", (1, 1, 1, 1)),
]
T, STEPS, N = 19, 3, 5
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[2]}-{case[3]}")
every_feedback = pytest.mark.parametrize("feedback", ["open_loop", "closed_loop"])


def build(case):
    """A net, parameters (P,) and examples, one target of which is not known."""
    cell, hidden, attention, widths = case
    net = make_episode(CELLS[cell]()._cell(), hidden, attention, T, STEPS, widths, skip=len(hidden) > 1)
    rng, (V, A, O, _) = np.random.default_rng(0), widths
    Z, Y = (
        rng.normal(size=(N, T * V + (T + STEPS) * A + T * O)),
        rng.normal(size=(N, STEPS * net.decoder.n_outputs)),
    )
    Y[1, 1] = np.nan
    theta = rng.normal(scale=0.5, size=net.size)
    return net, theta, Series(Z, Y, rng.uniform(0.5, 1, N), np.zeros(N, bool))


def objective(net, series, feedback):
    return EpisodeLoss(net, [series], Teaching(squared, 0.0, 0.0, 0.0, 0.0, feedback, 1), np.float64)


def twin(case, net, theta, z, targets):
    """Outputs (n, O) and weights of one example."""
    cell, hidden, kind, (V, A, O, Q) = case
    encoder, (*decoder, readout), w = net.views(theta)
    a, b = T * V, T * V + (T + STEPS) * A
    v, u, y = z[:a].reshape(T, V), z[a:b].reshape(T + STEPS, A), z[b:].reshape(T, O)
    attention = kind and (kind, *(W[0] if len(W) else None for W in (w.K, w.Q)), w.v, w.V[0])
    fed = np.concatenate([np.repeat(y[-1], Q)[None], targets.reshape(STEPS, -1)])
    return naive.run_encoder_decoder(
        naive_cell(cell),
        net.encoder.cell.n_states,
        encoder[:-1],
        decoder,
        (readout.W[0], readout.b[0]),
        attention,
        np.concatenate([v, u[:T], y], axis=1),
        u[T:],
        fed,
        skip=len(hidden) > 1,
    )


@every_feedback
@every_case
def test_loss_and_gradient(case, feedback):
    """The twin's loss, and its derivative to the last digits, where y is fed and where it is measured."""
    net, theta, series = build(case)
    free = np.full_like(series.Y, np.nan) if feedback == "closed_loop" else series.Y

    def loss(p):
        total = 0.0
        for z, y, fed, w in zip(series.X, series.Y, free, series.w):
            e = twin(case, net, p, z, fed)[0].ravel() - y
            total = total + 0.5 * w * np.sum(np.where(np.isnan(y), 0, e) ** 2)
        return total

    value, grad = objective(net, series, feedback).loss_grad(theta, None)
    assert value == pytest.approx(loss(theta), rel=1e-12)
    for direction in np.random.default_rng(1).normal(size=(3, net.size)):
        along = loss(theta + 1e-100j * direction).imag / 1e-100
        assert grad @ direction == pytest.approx(along, rel=1e-9, abs=1e-10 * np.abs(grad).max())


@every_feedback
@every_case
def test_gradient_and_central_differences(case, feedback):
    net, theta, series = build(case)
    loss = objective(net, series, feedback)
    some = np.random.default_rng(2).permutation(net.size)[:60]
    part = np.eye(net.size)[some]
    numeric = naive.central_difference(
        lambda p: loss.loss_grad(theta + p @ part, None)[0], np.zeros(len(some)), 1e-4
    )
    grad = loss.loss_grad(theta, None)[1]
    np.testing.assert_allclose(grad[some], numeric, rtol=1e-7, atol=1e-9 * np.abs(grad).max())


@every_case
def test_forecasts_and_weights(case):
    """Many examples side by side are each of them alone, and the twin."""
    net, theta, series = build(case)
    dynamics = EpisodeDynamics(theta, net, (series.X.mean(axis=0), np.zeros(net.n_outputs)))
    out, _ = dynamics.run(series.X, np.full(series.Y.shape, np.nan), dynamics.first())
    expected = [twin(case, net, theta, z, np.full(net.n_outputs, np.nan)) for z in series.X]
    np.testing.assert_allclose(out, [o.ravel() for o, _ in expected], rtol=1e-11, atol=1e-12)
    alone, _ = dynamics.run(series.X[2:3], np.full((1, net.n_outputs), np.nan), dynamics.first())
    assert np.array_equal(alone[0], out[2])
    if case[2] is not None:
        np.testing.assert_allclose(
            dynamics.attention_weights(series.X), [w for _, w in expected], rtol=1e-11, atol=1e-13
        )


SEGMENTS = [  # cell, widths of the layers, attention, V, A, O, Q, and rows a segment, of 12 and 6
    ("gru", (4,), None, (2, 1, 1, 1), 3),
    ("lstm", (3, 3), "dot", (1, 0, 2, 1), 6),
    ("elman", (5,), "additive", (0, 2, 1, 2), 2),
]
every_segment = pytest.mark.parametrize("case", SEGMENTS, ids=lambda case: f"{case[0]}-{case[2]}-{case[4]}")


def build_segments(case):
    """A net of segments, parameters, and examples, one target of which is not known."""
    cell, hidden, attention, (V, A, O, Q), w = case
    kind = CELLS[cell]()._cell()
    net = make_segmented(kind, hidden, attention, 12, 6, (V, A, O, Q), False, w)
    rng = np.random.default_rng(0)
    Z, Y = rng.normal(size=(N, 12 * V + 18 * A + 12 * O)), rng.normal(size=(N, 6 * O * Q))
    Y[1, 1] = np.nan
    theta = rng.normal(scale=0.5, size=net.size)
    return net, theta, Series(Z, Y, rng.uniform(0.5, 1, N), np.zeros(N, bool))


def twin_of_segments(case, net, theta, z):
    """Outputs (n, O Q) and weights of one example."""
    cell, _, kind, (V, A, O, Q), w = case
    encoder, (*decoder, readout), a, front = net.views(theta)
    v, u, y = (
        z[: 12 * V].reshape(12, V),
        z[12 * V : 12 * V + 18 * A].reshape(18, A),
        z[-12 * O :].reshape(12, O),
    )
    attention = kind and (kind, *(W[0] if len(W) else None for W in (a.K, a.Q)), a.v, a.V[0])
    history = np.concatenate([v, u[:12], y - y[-1]], axis=1).reshape(12 // w, w, -1)
    parts = (
        encoder[:-1],
        decoder,
        (readout.W[0], readout.b[0]),
        attention,
        (front.W[0], front.b[0], front.P[0]),
    )
    rest = history, u[12:].reshape(6 // w, w, A), np.repeat(y[-1], Q)
    return naive.run_segments(naive_cell(cell), net.encoder.cell.n_states, *parts, *rest)


@every_segment
def test_segments(case):
    """The twin's loss, its derivative to the last digits, and forecasts of many examples and of one."""
    net, theta, series = build_segments(case)

    def loss(p):
        total = 0.0
        for z, y, w in zip(series.X, series.Y, series.w):
            e = twin_of_segments(case, net, p, z)[0].ravel() - y
            total = total + 0.5 * w * np.sum(np.where(np.isnan(y), 0, e) ** 2)
        return total

    value, grad = objective(net, series, "closed_loop").loss_grad(theta, None)
    assert value == pytest.approx(loss(theta), rel=1e-12)
    for direction in np.random.default_rng(1).normal(size=(3, net.size)):
        along = loss(theta + 1e-100j * direction).imag / 1e-100
        assert grad @ direction == pytest.approx(along, rel=1e-9, abs=1e-10 * np.abs(grad).max())
    dynamics = EpisodeDynamics(theta, net, (series.X.mean(axis=0), np.zeros(net.n_outputs)))
    out, _ = dynamics.run(series.X, np.full(series.Y.shape, np.nan), dynamics.first())
    expected = [twin_of_segments(case, net, theta, z) for z in series.X]
    np.testing.assert_allclose(out, [o.ravel() for o, _ in expected], rtol=1e-11, atol=1e-12)
    if case[2] is not None:
        np.testing.assert_allclose(
            dynamics.attention_weights(series.X), [w for _, w in expected], rtol=1e-11, atol=1e-13
        )


@every_segment
def test_gradient_of_segments_and_central_differences(case):
    net, theta, series = build_segments(case)
    loss = objective(net, series, "open_loop")
    some = np.random.default_rng(2).permutation(net.size)[:24]
    part = np.eye(net.size)[some]
    numeric = naive.central_difference(
        lambda p: loss.loss_grad(theta + p @ part, None)[0], np.zeros(len(some)), 1e-4
    )
    grad = loss.loss_grad(theta, None)[1]
    np.testing.assert_allclose(grad[some], numeric, rtol=1e-7, atol=1e-9 * np.abs(grad).max())


# ---------------------------------------------------------------------------------------- the estimator


QUICK = {"horizon": 4, "context": 12, "hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}
TIME = pd.date_range("2024-01-01", periods=240, freq="h", name="time")


def made():
    """A series whose next rows an input tells, and one of the day."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"known": rng.normal(size=240), "other": rng.normal(size=240)}, TIME)
    y = X["known"] + np.roll(X["other"], 1) + np.sin(np.arange(240) / 12 * 2 * np.pi)
    return X, y.rename("power") + 5


X, y = made()
OLD, NEW = slice(0, 200), slice(200, 240)


@pytest.fixture(scope="module", params=[None, 2], ids=["rows", "segments"])
def model(request):
    model = EncoderDecoderRegressor(known_ahead=["known"], segment_length=request.param, **QUICK)
    return model.fit(X[OLD], y[OLD])


@pytest.mark.filterwarnings("ignore:y is .* taken as not measured")
def test_forecast_is_a_row_of_what_goes_on(model):
    """forecast, predict, predict_ahead, trajectories say the same; later rows of y and of other inputs tell nothing."""
    forecast = model.forecast(4, X[NEW][:4])
    assert forecast.index.equals(TIME[NEW][:4])
    far = X[NEW].assign(other=1e6)
    np.testing.assert_allclose(model.forecast(4, far[:4]), forecast)
    np.testing.assert_allclose(model.forecast(4, X[NEW][["known"]][:4]), forecast)
    np.testing.assert_allclose(model.predict(X[NEW])[:4], forecast)
    ahead = model.predict_ahead(X[NEW], y[NEW], steps=2)
    paths = model.trajectories(X[NEW], y[NEW], 4).forecast
    np.testing.assert_allclose(paths[0], forecast)
    np.testing.assert_allclose(paths[:, 1], ahead[1:-2])
    later = model.predict_ahead(X[NEW], y[NEW].where(np.arange(40) < 20, 99.0), steps=2)
    np.testing.assert_allclose(later[:21], ahead[:21])


def test_copies_and_new_rows(model):
    other = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(other.forecast(4, X[NEW][:4]), model.forecast(4, X[NEW][:4]))
    other.update(X[NEW][:10], y[NEW][:10])
    np.testing.assert_allclose(
        other.forecast(4, X[NEW][10:14]), model.trajectories(X[NEW], y[NEW], 4).forecast[10]
    )
    other.partial_fit(X[NEW][10:20], y[NEW][10:20])
    assert not np.array_equal(other.theta_, model.theta_)
    again = clone(model).fit(X[OLD], y[OLD])
    assert np.array_equal(again.theta_, model.theta_)


def test_attention_weights(model):
    weights, w = model.attention_weights(X[NEW], y[NEW]), model.segment_length or 1
    assert weights.shape == (40 - 12 - 4 + 1, 4 // w, 12 // w)
    np.testing.assert_allclose(weights.sum(axis=2), 1)
    with pytest.raises(ValueError, match="attention=None"):
        EncoderDecoderRegressor(attention=None, **QUICK).fit(None, y[OLD]).attention_weights(None, y[NEW])
    with pytest.raises(ValueError, match=r"context=12 .* need 16"):
        model.attention_weights(X[NEW][:15], y[NEW][:15])


def test_attention_display(model):
    """One forecast, or the mean of all, with the rows of history that are meant."""
    pytest.importorskip("matplotlib")
    from tsrnn.plotting import AttentionDisplay

    weights = model.attention_weights(X[NEW], y[NEW])
    display = AttentionDisplay.from_estimator(model, X[NEW], y[NEW], origin=2, cmap="magma")
    np.testing.assert_array_equal(display.mesh_.get_array().reshape(weights[2].shape), weights[2])
    assert display.mesh_.get_cmap().name == "magma"
    assert display.ax_.get_xlim() == (0.5 - 12, 0.5)  # rows, of segments too
    assert display.ax_.get_ylim() == (0.5, 4.5)
    mean = AttentionDisplay.from_estimator(model, X[NEW], y[NEW], ax=display.ax_)
    np.testing.assert_array_equal(mean.weights, weights.mean(axis=0))
    for other in (PersistenceRegressor().fit(None, y[OLD]), GRURegressor()):
        with pytest.raises(
            ValueError, match=r"Regressor has no steps that attend .* there is PoolingDisplay"
        ):
            AttentionDisplay.from_estimator(other, None, y[NEW])


def test_intervals_bounds_panels_and_holes(model):
    held = model.forecast(4, X[NEW][:4], level=80)
    assert list(held) == ["power", "lo-80", "hi-80"]
    quantiles = EncoderDecoderRegressor(
        quantiles=(0.1, 0.5, 0.9), target_bounds=(0, None), attention="dot", cell="elman",
        segment_length=model.segment_length, **QUICK,
    )  # fmt: skip
    holes = y[OLD].where(np.arange(200) % 17 != 3)
    answer = quantiles.fit(None, holes).forecast(4, level=80)
    assert (answer.to_numpy() >= 0).all()
    assert (answer["lo-80"] <= answer["hi-80"]).all()
    frames = pd.concat({"a": X[OLD], "b": X[OLD]}, names=["site", "time"])
    panel = EncoderDecoderRegressor(
        known_ahead="all", cell="lstm", training="open_loop", segment_length=model.segment_length, **QUICK
    )
    panel.fit(frames, pd.concat({"a": y[OLD], "b": 2 * y[OLD]}, names=["site", "time"]))
    future = pd.concat({"a": X[NEW][:4], "b": X[NEW][:4]}, names=["site", "time"])
    assert panel.forecast(4, future).shape == (8,)


@pytest.mark.parametrize("training", ["scheduled_sampling", "open_loop", "segments"])
def test_random_and_threads(training):
    """What is drawn comes from the seed alone, however many threads there are."""
    options = QUICK | {"dropout": 0.2, "recurrent_dropout": 0.2, "batch_size": 70}
    options |= {"segment_length": 4} if training == "segments" else {"training": training}
    fits = [EncoderDecoderRegressor(n_jobs=n, **options).fit(X[OLD], y[OLD]) for n in (1, 2)]
    assert np.array_equal(fits[0].theta_, fits[1].theta_)


def test_it_learns():
    """What an input tells of the rows to come, and that of yesterday."""
    options = QUICK | {"max_iter": 80, "hidden_layer_sizes": (12,)}
    model = EncoderDecoderRegressor(known_ahead="all", solver="adam", **options).fit(X[OLD], y[OLD])
    errors = model.trajectories(X[NEW], y[NEW], 4).forecast - np.lib.stride_tricks.sliding_window_view(
        y[NEW], 4
    )
    assert np.mean(errors**2) < 0.35 * np.var(y[NEW])


# ---------------------------------------------------------------------------------------- beside a linear model


def drawn(n):
    """Examples and targets of a linear model with noise, and weights."""
    rng = np.random.default_rng(3)
    Z = rng.normal(size=(n, 14))
    return Z, Z @ rng.normal(size=(14, 4)) + rng.normal(size=(n, 4)) + 4.0, rng.uniform(0.5, 2.0, n)


def test_linear_model_of_many_targets():
    """Each target has the ridge of the rows where it is known; the last four numbers are two rows of two outputs."""
    Z, Y, w = drawn(300)
    Y[np.random.default_rng(4).random(Y.shape) < 0.2], w[:5] = np.nan, 0.0
    plan, ones = linear_plan(14, 4), np.hstack([Z, np.ones((300, 1))])
    halves = [(Z[:100], Y[:100], w[:100]), (Z[100:], Y[100:], w[100:])]
    theta, information, alpha = learn_linear(plan, halves, 2, 2)
    penalty, alone = alpha * np.diag(np.append(np.ones(14), 0.0)), []
    for y in Y.T:
        root = np.sqrt(np.where(np.isnan(y), 0.0, w))[:, None]
        A, c = root * ones, root[:, 0] * np.nan_to_num(y)
        alone.append(np.linalg.solve(A.T @ A + penalty, A.T @ c))
    np.testing.assert_allclose(np.vstack(plan.views(theta[0])[-1]), np.transpose(alone), atol=3e-3)
    assert information.weight == pytest.approx(np.full(4, w.sum()))


@pytest.mark.parametrize("n", [200, 12])
def test_linear_model_of_changes(n):
    """That of levels where the last y is subtracted from the history and from targets, of few rows and of many."""
    Z, Y, w = drawn(n)
    plan, z = linear_plan(14, 4), Z.copy()
    z[:, 10:12] -= Z[:, 12:]
    z[:, 12:], last = 0.0, np.tile(Z[:, 12:], 2)
    (_, changes), *_ = learn_linear(plan, [(Z, Y, w)], 2, 2)
    (same, _), _, alpha = learn_linear(plan, [(z, Y - last, w)], 2, 2)
    (W, b), (V, c) = (plan.views(theta)[-1] for theta in (changes, same))
    np.testing.assert_allclose(Z @ W + b, z @ V + c + last, atol=1e-6 if n > 20 else 0.01)
    far = 100.0 * np.ones(4)  # a level that y has moved to
    np.testing.assert_allclose(np.append(np.zeros(10), far) @ W, far, atol=1e-6)
    A = np.hstack([z, np.ones((n, 1))]) * np.sqrt(w)[:, None]
    at = np.linalg.norm(
        A.T @ (A @ np.vstack([V, c]) - np.sqrt(w)[:, None] * (Y - last)) + alpha * np.vstack([V, 0 * c])
    )
    assert at < 1e-4


def of_lags(n=900):
    """A series that is linear but for an input's size, and this input."""
    rng, v = np.random.default_rng(0), np.zeros(n)
    u = rng.normal(size=(n, 1))
    for t in range(12, n):
        v[t] = 0.5 * v[t - 1] - 0.4 * v[t - 12] + u[t, 0] + abs(u[t, 0]) + 0.3 * rng.normal()
    return u, v + 7.0


U, V = of_lags()


@pytest.fixture(scope="module", params=[None, 2], ids=["rows", "segments"])
def mean(request):
    known = {"known_ahead": [0], "segment_length": request.param, "solver": "adam"}
    options = {"max_iter": 25, "hidden_layer_sizes": (24,), "attention": None}
    return EncoderDecoderRegressor(**known, **QUICK | options).fit(U[:500], V[:500])


def of_member(model):
    """What the one member of a forecaster came to."""
    return model.fitted_.trained.dynamics.members[0].dynamics


def test_mean_of_a_net_and_a_linear_model(mean):
    """The forecast is their mean, and better than each; the linear model sees the rows that are read, oldest first."""
    dynamics, paths = of_member(mean), mean.trajectories(U[500:], V[500:], 4, start="end").forecast
    W, b, share = mean.params_[0][-1]
    assert 0.0 < share < 1.0
    x, y = (a[:, 0] for a in mean._enter(U, V, "cold")[:2])  # scaled
    s = V.std() / y.std()
    m = V.mean() - s * y.mean()
    rows = np.arange(500, 897)
    Z = np.array([[*x[t - 12 : t + 4], *y[t - 12 : t]] for t in rows])  # of X also the 4 rows to come
    net, _ = dynamics.but(share=1.0).run(Z, np.full((397, 4), np.nan), None)
    linear, true = Z @ W + b, np.lib.stride_tricks.sliding_window_view(y, 4)[500:]
    np.testing.assert_allclose(
        (paths[:397] - m) / s, (1 - share) * net + share * linear, rtol=1e-9, atol=1e-9
    )
    errors = [np.mean((p - true) ** 2) for p in ((paths[:397] - m) / s, net, linear)]
    assert errors[0] < min(errors[1:])


def test_the_linear_model_reads_fewer_rows():
    """Of a pattern of 8 rows that wanders, the last one tells all there is to know; later rows are read alike."""
    y = np.random.default_rng(3).normal(size=(38, 8)).cumsum(axis=0).ravel()
    options = {"horizon": 8, "context": 56, "attention": None, "max_iter": 2, "random_state": 0}
    model = EncoderDecoderRegressor(**options).fit(None, y[:160])
    before = model.params_[0][-1].W
    assert not before[:-8].any()
    after = model.partial_fit(None, y[160:]).params_[0][-1].W
    assert not after[:-8].any()
    assert np.all(after[-8:] != before[-8:])


@pytest.mark.parametrize(
    ("rows", "n_series", "segment_length", "horizon", "context"),
    [
        (112, 1, None, 12, 24),
        (112, 8, None, 12, 84),
        (200, 1, 5, 10, 70),
        (400, 1, 5, 10, 165),
        (40, 1, None, 12, 12),
    ],
)
def test_context_that_is_chosen(rows, n_series, segment_length, horizon, context):
    """A week of hours; fewer where that leaves fewer examples, none for a NaN here and there. A warm start keeps it."""
    y, groups = np.tile(V[:rows], n_series), np.repeat(np.arange(n_series), rows)
    options = {"segment_length": segment_length, "attention": None, "max_iter": 1, "random_state": 0}
    model = EncoderDecoderRegressor(horizon=horizon, hidden_layer_sizes=(2,), warm_start=True, **options)
    assert model.fit(None, y, groups=groups).lead_ == context
    assert model.fit(None, np.tile(y, 4)).lead_ == context
    for every in (25, 80) if n_series == 1 else ():
        assert clone(model).fit(None, np.where(np.arange(len(y)) % every == 24, np.nan, y)).lead_ == context


def test_the_linear_model_learns_new_rows(mean):
    """By recursive least squares, close to a fit on all rows."""
    new, before = (U[500:], V[500:]), mean.params_[0][-1].W
    after = pickle.loads(pickle.dumps(mean)).partial_fit(*new).params_[0][-1].W
    wanted = clone(mean).set_params(max_iter=1).fit(U, V).params_[0][-1].W
    assert np.linalg.norm(after - wanted) < 0.4 * np.linalg.norm(before - wanted)


def test_the_linear_model_forgets(mean):
    """An input whose effect, on the first row to come, turns round."""

    def effect(model):
        return model.params_[0][-1].W[12, 0]

    old, new = effect(mean), (U[500:], 14.0 - V[500:])
    kept, faded = (
        effect(pickle.loads(pickle.dumps(mean)).partial_fit(*new, forgetting=f)) for f in (1, 0.99)
    )
    assert faded / old < -0.4
    assert kept / old > 0.0


@pytest.mark.parametrize(
    "options", [{"early_stopping": False}, {"skip_connections": True}, {"loss": "absolute"}]
)
def test_a_net_alone(options):
    model = EncoderDecoderRegressor(**QUICK | options).fit(None, V[:200])
    assert of_member(model).linear is None
    assert len(model.params_[0]) == 3


BAD = {
    "cell": ["tcn", None],
    "context": [0, 2.5, True, "week"],
    "segment_length": [0, 2.5, 3, 12, True],
    "horizon": [0, "3"],
    "attention": ["luong", 3],
    "training": ["free", None],
    "hidden_layer_sizes": [(), (0,), "a"],
    "batch_size": [0, "auto"],
    "dropout": [1.5, None],
    "quantiles": [(), (0.5, 0.5)],
    "recurrent_init": ["zeros"],
    "skip_connections": ["yes"],
    "solver": ["lm"],
}


@pytest.mark.parametrize(("name", "value"), [(name, v) for name, values in BAD.items() for v in values])
def test_bad_parameters(name, value):
    with pytest.raises((TypeError, ValueError), match=name):
        EncoderDecoderRegressor(**QUICK | {name: value}).fit(None, y[OLD])


def test_a_warm_start_goes_on():
    """From its weights; anew where another input is known ahead, though the sizes are the same."""
    model = EncoderDecoderRegressor(**QUICK, known_ahead=["known"], warm_start=True).fit(X[OLD], y[OLD])

    def again(**changes):
        net = of_member(model.set_params(solver=Adam(1e-9), **changes).fit(X[OLD], y[OLD]))
        return net.theta[: net.net.size]

    net = of_member(model)
    before = net.theta[: net.net.size].copy()
    np.testing.assert_allclose(again(), before, rtol=0, atol=1e-6)
    assert np.abs(again(known_ahead=["other"]) - before).max() > 0.01


def test_too_few_rows():
    with pytest.raises(ValueError, match="horizon=4: no row that counts"):
        EncoderDecoderRegressor(**QUICK).fit(None, y[:14])
