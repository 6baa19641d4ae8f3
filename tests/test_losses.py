"""Losses: each is its formula, and its gradient that of central differences."""

import numpy as np
import pytest
from sklearn.base import clone

from tsrnn import Huber, Pinball
from tsrnn._losses import resolve_loss


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
    assert type(value) is float
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


@pytest.mark.parametrize(("kind", "name", "value"), [(k, n, v) for k, n, values in BAD for v in values])
def test_bad_loss_parameter(kind, name, value):
    with pytest.raises((ValueError, TypeError)) as error:
        resolve_loss(kind(**{name: value}))
    assert f"{name}={value!r}" in str(error.value)


def test_numpy_scalars_are_numbers():
    for plain, numpy in (
        (Huber(0.5), Huber(np.float32(0.5))),
        (Huber(2), Huber(np.int64(2))),
        (Pinball(0.25), Pinball(np.float32(0.25))),
    ):
        assert value_gradient(plain)[0] == value_gradient(numpy)[0]
