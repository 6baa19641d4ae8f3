"""Losses: each is its formula, and its gradient that of central differences."""

import pickle

import numpy as np
import pytest
from numba import config
from public import RECURRENT as CELLS
from public import is_first, short
from sklearn.base import clone
from sklearn.linear_model import QuantileRegressor

from tsrnn import (
    Adam,
    ESNRegressor,
    ESNRegressorCV,
    Huber,
    LevenbergMarquardt,
    NARXRegressor,
    Pinball,
    RecursiveLeastSquares,
    TDNNRegressor,
)
from tsrnn._training.losses import resolve_loss


T, B, O = 5, 3, 2
AT = np.array([4, 21, 9]) * O  # where sequences begin in 30 rows
rng = np.random.default_rng(0)
OUT, Y, W = rng.normal(size=(T, B, O)), rng.normal(size=30 * O), rng.uniform(0.2, 2, 30 * O)

# loss -> the formula of one error e
FORMULAS = [
    ("squared", lambda e: e**2 / 2),
    ("absolute", abs),
    ("huber", lambda e: e**2 / 2 if abs(e) <= 1 else abs(e) - 0.5),
    (Huber(delta=0.3), lambda e: e**2 / 2 if abs(e) <= 0.3 else 0.3 * (abs(e) - 0.15)),
    ("pinball", lambda e: abs(e) / 2),
    (Pinball(quantile=0.9), lambda e: 0.9 * e if e > 0 else -0.1 * e),
]
NAMES = [str(loss) for loss, _ in FORMULAS]
each = pytest.mark.parametrize("loss", [loss for loss, _ in FORMULAS], ids=NAMES)


def value_gradient(loss, out=OUT, y=Y, w=W):
    dout = np.full_like(out, np.nan)
    return resolve_loss(loss)(out, y, w, AT, dout), dout


@pytest.mark.parametrize(("loss", "formula"), FORMULAS, ids=NAMES)
@pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_a_loss_is_its_formula(loss, formula, dtype, close):
    total = 0.0
    for t, b, o in np.ndindex(OUT.shape):
        i = AT[b] + t * O + o
        total += W[i] * formula(Y[i] - OUT[t, b, o])
    value, _ = value_gradient(loss, OUT.astype(dtype), Y.astype(dtype), W.astype(dtype))
    assert type(value) is float or config.DISABLE_JIT
    assert value == pytest.approx(total, rel=close)


@each
def test_gradient_against_central_differences(loss):
    """No error is within the step of a kink."""
    _, gradient = value_gradient(loss)
    h = 1e-6
    for at in np.ndindex(OUT.shape):
        step = np.zeros_like(OUT)
        step[at] = h
        numeric = (value_gradient(loss, OUT + step)[0] - value_gradient(loss, OUT - step)[0]) / (2 * h)
        assert gradient[at] == pytest.approx(numeric, rel=1e-7, abs=1e-8)


@each
def test_gradients_of_both_precisions_agree(loss):
    _, single = value_gradient(loss, *(a.astype(np.float32) for a in (OUT, Y, W)))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, value_gradient(loss)[1], rtol=1e-5, atol=1e-6)


@each
def test_a_perfect_forecast_has_neither_loss_nor_gradient(loss):
    rows = AT + np.arange(T)[:, None] * O
    value, gradient = value_gradient(loss, Y[rows[..., None] + np.arange(O)])
    assert value == 0
    assert np.array_equal(gradient, np.zeros_like(OUT))


@each
def test_what_has_no_weight_does_not_matter(loss):
    w, wrong = W.copy(), Y.copy()
    w[AT[1] :: 3] = 0
    wrong[w == 0] = 1e6
    value, gradient = value_gradient(loss, y=wrong, w=w)
    right, expected = value_gradient(loss, w=w)
    assert value == right
    assert np.array_equal(gradient, expected)


@each
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_forecast_of_nan_is_a_loss_of_nan(loss, dtype):
    out = OUT.astype(dtype)
    out[2, 1, 0] = np.nan
    value, gradient = value_gradient(loss, out, Y.astype(dtype), W.astype(dtype))
    assert np.isnan(value)
    assert np.array_equal(np.isnan(gradient), np.isnan(out))


@each
def test_single_precision_adds_up_in_double(loss):
    """A million small errors: a float32 sum would stop growing."""
    N = 2**20
    out, y, w = (np.full(N, v, np.float32) for v in (0.25, 0.0, 1.0))
    value = resolve_loss(loss)(out[:, None, None], y, w, np.array([0]), np.empty((N, 1, 1), np.float32))
    one = resolve_loss(loss)(out[:1, None, None], y, w, np.array([0]), np.empty((1, 1, 1), np.float32))
    assert value + one == pytest.approx((N + 1) * one, rel=1e-9)


def test_pinball_is_least_at_its_quantile():
    y = np.sort(rng.normal(size=101))
    at, dout = np.array([0]), np.empty((101, 1, 1))
    losses = [resolve_loss(Pinball(0.8))(np.full((101, 1, 1), f), y, np.ones(101), at, dout) for f in y]
    assert np.argmin(losses) == 80


def test_huber_far_out_is_squared_and_close_in_absolute():
    assert value_gradient(Huber(delta=1e6))[0] == pytest.approx(value_gradient("squared")[0], rel=1e-12)
    assert value_gradient(Huber(delta=1e-9))[0] * 1e9 == pytest.approx(
        value_gradient("absolute")[0], rel=1e-6
    )


# ---------------------------------------------------------------------------------------- words and objects


def test_words_stand_for_objects():
    for word, loss in (("huber", Huber()), ("pinball", Pinball())):
        assert value_gradient(word)[0] == value_gradient(loss)[0]
        assert value_gradient(clone(loss))[0] == value_gradient(loss)[0]


@pytest.mark.parametrize(
    "loss", ["squarred", "", None, 3, True, ["squared"], Huber, Pinball, np.tanh, object()]
)
def test_unknown_loss(loss):
    with pytest.raises(ValueError) as error:
        resolve_loss(loss)
    for word in ("loss=", repr(loss), "'squared'", "'absolute'", "'huber'", "'pinball'", "Huber("):
        assert word in str(error.value)


BAD = [
    (Huber, "delta", [0, -1, np.nan, np.inf, "a", None, True]),
    (Pinball, "quantile", [0, 1, -0.1, 1.1, np.nan, "a", None, True]),
]
BAD_SEQUENCES = [
    ([0.1, 1.0], 1, "1.0"),
    ((0, 0.5), 0, "0"),
    ([0.5, "a"], 1, "'a'"),
    ([[0.1, 0.9]], 0, "[0.1, 0.9]"),
]


@pytest.mark.parametrize(("kind", "name", "value"), [(k, n, v) for k, n, values in BAD for v in values])
def test_bad_loss_parameter(kind, name, value):
    with pytest.raises((ValueError, TypeError)) as error:
        resolve_loss(kind(**{name: value}))
    assert f"{name}={value!r}" in str(error.value)


@pytest.mark.parametrize(("quantile", "k", "value"), BAD_SEQUENCES)
def test_bad_quantile_in_a_sequence(quantile, k, value):
    with pytest.raises((ValueError, TypeError)) as error:
        resolve_loss(Pinball(quantile))
    assert f"quantile[{k}]={value} " in str(error.value)


@pytest.mark.parametrize("quantile", [[0.2, 0.7], (0.2, 0.7), np.array([0.2, 0.7])])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_quantile_for_each_output(quantile, dtype):
    arrays = [a.astype(dtype) for a in (OUT, Y, W)]
    value, gradient = value_gradient(Pinball(quantile), *arrays)
    total = 0.0
    for o, q in enumerate(quantile):
        only = np.where(np.arange(len(W)) % O == o, arrays[2], 0).astype(dtype)
        one, expected = value_gradient(Pinball(float(q)), *arrays[:2], only)
        assert np.array_equal(gradient[:, :, o], expected[:, :, o])
        total += one
    assert value == pytest.approx(total, rel=1e-12)
    for copy in (clone(Pinball(quantile)), pickle.loads(pickle.dumps(Pinball(quantile)))):
        assert value_gradient(copy, *arrays)[0] == value


def test_numpy_scalars_are_numbers():
    for plain, numpy in (
        (Huber(0.5), Huber(np.float32(0.5))),
        (Huber(2), Huber(np.int64(2))),
        (Pinball(0.25), Pinball(np.float32(0.25))),
    ):
        assert value_gradient(plain)[0] == value_gradient(numpy)[0]


@pytest.mark.parametrize("loss", [loss for loss, _ in FORMULAS if loss != "squared"], ids=NAMES[1:])
def test_a_parabola_lies_above_its_loss_and_touches_it(loss):
    """But for the rounding of the kinks."""
    loss, grid = resolve_loss(loss), np.linspace(-3, 3, 121)

    def value(e):
        return loss(-np.array([[[e]]]), np.zeros(1), np.ones(1), np.array([0]), np.empty((1, 1, 1)))

    values = np.array([value(e) for e in grid])
    for e in (-2.0, -0.2, 0.05, 0.7):
        share, shift = (a.item() for a in loss.parabola(np.array([[e]]), 1e-9))
        above = share * ((grid + shift) ** 2 - (e + shift) ** 2) / 2 + value(e)
        assert (above >= values - 1e-6).all()
        step = 1e-6
        slope = (value(e + step) - value(e - step)) / (2 * step)
        assert share * (e + shift) == pytest.approx(slope, rel=1e-5)


# ---------------------------------------------------------------------------------------- in models

QUANTILES = [0.1, 0.5, 0.9]
N = 1000
draw = np.random.default_rng(3)
U = draw.normal(size=(N, 2))
LAGGED = np.column_stack([U, np.roll(U, 1, axis=0)])  # what a net with input_lags=1 sees, from row 1 on
TARGET = LAGGED @ [1, -0.5, 0.5, 0.2] + (0.2 + 0.3 * np.abs(U[:, 0])) * draw.standard_t(4, N)
THREE = np.tile(TARGET[:, None], 3)

SEEN = {"input_lags": 1, "random_state": 0}
MODELS = {
    "tdnn": TDNNRegressor((8,), **SEEN),
    "tdnn, linear": TDNNRegressor((), **SEEN),
    "narx": NARXRegressor((8,), output_lags=2, training="open_loop", **SEEN),
    "narx, both loops": NARXRegressor((), output_lags=[3], sequence_length=4, max_iter=10, **SEEN),
    "esn": ESNRegressor(40, **SEEN),
    **{short(cell): cell((8,), max_iter=30, **SEEN) for cell in CELLS},
}
SLOW = [short(cell) for cell in CELLS if not is_first(cell, CELLS)]
every_model = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in MODELS]
)


def pinball(q, e):
    return np.mean(np.where(e > 0, q * e, (q - 1) * e), axis=0)


@every_model
def test_quantiles_of_a_forecast_cover_their_share(name):
    model = clone(MODELS[name]).set_params(loss=Pinball(QUANTILES)).fit(U, THREE)
    below = TARGET[20:, None] < model.predict_ahead(U, THREE)[20:]
    np.testing.assert_allclose(below.mean(axis=0), QUANTILES, atol=0.04)


@every_model
def test_quantiles_of_several_steps_ahead(name):
    """Outputs (N, h Q), not all of them measured in the last rows."""
    h = 3
    Y = np.full((N, 2 * h), np.nan)
    for k in range(h):
        Y[: N - k, 2 * k : 2 * k + 2] = 2 * np.roll(LAGGED[:, [2]], -k, axis=0)[: N - k]
    model = clone(MODELS[name]).set_params(loss=Pinball([0.1, 0.9] * h)).fit(U, Y)
    out = model.forecast(2, U[:2])
    assert out.shape == (2, 2 * h)
    assert np.isfinite(out).all()
    if name != "esn":  # which has none with this loss
        assert np.isfinite(model.partial_fit(U[:5], Y[-5:]).forecast(2, U[:2])).all()


@every_model
@pytest.mark.parametrize("quantile", [[0.1], [0.1, 0.2, 0.5, 0.9], []])
def test_as_many_quantiles_as_outputs(name, quantile):
    with pytest.raises(ValueError, match=rf"has {len(quantile)} quantiles, but y has 3 outputs"):
        clone(MODELS[name]).set_params(loss=Pinball(quantile)).fit(U, THREE)


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_linear_net_is_linear_quantile_regression(quantile, early_stopping):
    linear = QuantileRegressor(quantile=quantile, alpha=0).fit(LAGGED[1:], TARGET[1:])
    model = TDNNRegressor((), loss=Pinball(quantile), alpha=0, early_stopping=early_stopping, **SEEN)
    model.fit(U, TARGET)
    mine, best = (
        pinball(quantile, TARGET[1:] - f)
        for f in (model.predict_ahead(U, TARGET)[1:], linear.predict(LAGGED[1:]))
    )
    assert best <= mine * (1 + 1e-9) <= best * 1.01


def test_a_readout_of_an_echo_state_network_is_quantile_regression_on_its_states():
    quantiles = [0.05, 0.5, 0.9]
    model = ESNRegressor(15, loss=Pinball(quantiles), alpha=1e-9, random_state=0).fit(U, THREE)
    seen = np.column_stack([U, model.states(U, start="zeros")])[100:]
    out = model.predict_ahead(U, THREE, start="zeros")[100:]
    for q, f in zip(quantiles, out.T):
        best = pinball(
            q, TARGET[100:] - QuantileRegressor(quantile=q, alpha=0).fit(seen, TARGET[100:]).predict(seen)
        )
        assert best <= pinball(q, TARGET[100:] - f) * (1 + 1e-9) <= best * 1.01
    assert np.isclose(
        model.loss_curve_[-1],
        np.mean(pinball(np.array(quantiles), (THREE[100:] - out) / THREE.std())),
        rtol=1e-2,
    )
    assert model.n_iter_ == len(model.loss_curve_) > 5
    assert (np.diff(model.loss_curve_) < 1e-3 * model.loss_curve_[-1]).all()


@pytest.mark.parametrize("loss", ["huber", "absolute"])
@pytest.mark.parametrize("model", [TDNNRegressor((), **SEEN), ESNRegressor(30, **SEEN)], ids=["tdnn", "esn"])
def test_outliers_pull_less(loss, model):
    clean = LAGGED @ [1, -0.5, 0.5, 0.2]
    y = clean + np.where(draw.uniform(size=N) < 0.05, 30.0, 0.1 * draw.normal(size=N))
    errors = {}
    for each_loss in ("squared", loss):
        out = clone(model).set_params(loss=each_loss).fit(U, y).predict_ahead(U, y)
        errors[each_loss] = np.mean((out - clean)[20:] ** 2)
    assert errors[loss] < 0.1 * errors["squared"]


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_wide_huber_loss_is_the_squared_one(noise):
    """Weights, unknown y, noise and feedback count the same."""
    y, w = THREE[:, :2].copy(), draw.uniform(0, 2, N)
    y[200:220, 0] = y[900:, 1] = np.nan
    squared = ESNRegressor(30, output_lags=1, alpha=0.1, noise=noise, random_state=0)
    wide = clone(squared).set_params(loss=Huber(1e6)).fit(U, y, w)
    squared.fit(U, y, w)
    if noise:  # which is drawn anew for the second pass
        assert wide.loss_curve_[-1] == pytest.approx(squared.loss_curve_[-1], rel=0.05)
    else:
        np.testing.assert_allclose(wide.theta_, squared.theta_, rtol=1e-6, atol=1e-8)
    assert wide.n_iter_ < 40
    assert np.array_equal(wide.theta_, clone(wide).fit(U, y, w).theta_)


def test_every_pass_over_a_noisy_reservoir_sees_the_same_noise():
    model = ESNRegressor(30, loss=Pinball(0.8), noise=0.3, alpha=0.1, random_state=0).fit(U, TARGET)
    assert len(model.loss_curve_) > 8
    assert (np.diff(model.loss_curve_) <= 1e-5).all()


def test_penalty_of_an_echo_state_network_means_the_same_for_any_scale_of_its_loss():
    squared = ESNRegressor(40, random_state=0).fit(U, TARGET)
    assert clone(squared).set_params(loss=Huber(1e6)).fit(U, TARGET).alpha_ == pytest.approx(squared.alpha_)
    pinball_alpha = clone(squared).set_params(loss="pinball").fit(U, TARGET).alpha_
    absolute_alpha = clone(squared).set_params(loss="absolute").fit(U, TARGET).alpha_
    assert absolute_alpha == pytest.approx(2 * pinball_alpha)


def test_a_delay_net_is_judged_by_its_loss():
    model = NARXRegressor((4,), output_lags=1, loss=Pinball(0.9), training="open_loop", **SEEN).fit(U, TARGET)
    held = slice(N - int(0.15 * N), N)
    best = pinball(0.9, (TARGET - model.predict_ahead(U, TARGET))[held] / model.y_scaler_.scale)
    assert best * (1 - 1e-6) <= min(model.validation_curve_) < 1.2 * best


@pytest.mark.parametrize("solver", ["lm", LevenbergMarquardt()])
@pytest.mark.parametrize("loss", ["huber", "absolute", Pinball([0.2, 0.3])])
@pytest.mark.parametrize("kind", [TDNNRegressor, NARXRegressor])
def test_levenberg_marquardt_is_for_squares(kind, loss, solver):
    with pytest.raises(ValueError, match=r"solver=.* is for sums of squares, but loss=.*give solver='auto'"):
        kind(loss=loss, solver=solver).fit(U, THREE[:, :2])


@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop", "lbfgs", "evolution"])
def test_other_solvers_lower_any_loss(solver):
    for loss in ("huber", "pinball"):
        model = TDNNRegressor((3,), loss=loss, solver=solver, max_iter=15, early_stopping=False, **SEEN)
        model.fit(U, TARGET)
        assert model.loss_curve_[-1] <= 1.01 * model.loss_curve_[0]


def test_partial_fit_of_another_loss_is_a_pass_of_stochastic_gradient():
    model = TDNNRegressor((), loss="pinball", solver=Adam(0.01), **SEEN).fit(U, TARGET)
    before = model.theta_.copy()
    for k in range(0, N, 100):
        model.partial_fit(U[k : k + 100], TARGET[k : k + 100] + 2)
    assert model.theta_[-1] > before[-1] + 0.1


def test_an_echo_state_network_adds_up_squares_only():
    for loss in ("huber", Pinball(0.2)):
        model = ESNRegressor(10, loss=loss, random_state=0).fit(U, TARGET)
        before = model.theta_.copy()
        with pytest.raises(ValueError, match="partial_fit adds to sums of squares, which another loss lacks"):
            model.partial_fit(U, TARGET)
        model.update(U, TARGET)
        assert np.array_equal(model.theta_, before)
        with pytest.raises(ValueError, match=r"RecursiveLeastSquares\(.* is for sums of squares, but loss="):
            ESNRegressor(10, loss=loss, solver=RecursiveLeastSquares()).fit(U, TARGET)
    with pytest.raises(TypeError, match="loss"):
        ESNRegressorCV(10, loss="huber")


@every_model
def test_unknown_loss_of_a_model(name):
    with pytest.raises(ValueError, match="loss='mse' is unknown: give 'squared'"):
        clone(MODELS[name]).set_params(loss="mse").fit(U, THREE)
