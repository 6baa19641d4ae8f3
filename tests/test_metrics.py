"""Measures of forecasts: against sums written out, and against scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as peers

from tsrnn import metrics
from tsrnn.metrics import (
    bias,
    coverage,
    fit_percentage,
    interval_score,
    mae,
    mase,
    pinball_loss,
    rmse,
    skill,
    smape,
)


rng = np.random.default_rng(0)
Y = rng.normal(size=60) * 3 + 5
F = Y + rng.normal(size=60)
LO, HI = F - 1.0, F + 0.8
NAN = Y.copy()
NAN[[3, 4, 59]] = np.nan
K = np.isfinite(NAN)
POINT = {
    "mae": (mae, lambda y, f: np.sum(np.abs(y - f)) / len(y)),
    "rmse": (rmse, lambda y, f: (np.sum((y - f) ** 2) / len(y)) ** 0.5),
    "bias": (bias, lambda y, f: f.mean() - y.mean()),
    "fit": (
        fit_percentage,
        lambda y, f: 100 - 100 * (np.sum((f - y) ** 2) / np.sum((y - y.mean()) ** 2)) ** 0.5,
    ),
    "smape": (smape, lambda y, f: sum(200 * abs(a - b) / (abs(a) + abs(b)) for a, b in zip(y, f)) / len(y)),
    "pinball": (
        lambda y, f: pinball_loss(y, f, 0.9),
        lambda y, f: sum(0.9 * (a - b) if a > b else 0.1 * (b - a) for a, b in zip(y, f)) / len(y),
    ),
    "mase": (
        lambda y, f: mase(y, f, y_train=np.arange(10.0) ** 2 if np.ndim(y) == 1 else SQUARES, period=2),
        lambda y, f: np.mean(np.abs(y - f)) / np.mean([t**2 - (t - 2) ** 2 for t in range(2, 10)]),
    ),
}
SQUARES = np.column_stack([np.arange(10.0) ** 2] * 2)
every_point = pytest.mark.parametrize(("metric", "slow"), POINT.values(), ids=POINT)


@every_point
def test_is_the_sum_written_out(metric, slow):
    assert metric(Y, F) == pytest.approx(slow(Y, F), rel=1e-12)
    assert isinstance(metric(Y, F), float)


@every_point
def test_unmeasured_rows_are_left_out(metric, slow):
    assert metric(NAN, F) == pytest.approx(slow(Y[K], F[K]), rel=1e-12)


@every_point
def test_several_outputs_give_the_mean(metric, slow):
    """Each over its own measured rows."""
    y, f = np.column_stack([Y, NAN[::-1]]), np.column_stack([F, F[::-1]])
    assert metric(y, f) == pytest.approx((slow(Y, F) + slow(Y[K], F[K])) / 2, rel=1e-12)
    assert metric(pd.DataFrame(y), f.tolist()) == metric(y, f)


@every_point
def test_bad_input(metric, slow):
    broken = F.copy()
    broken[7] = np.nan
    with pytest.raises(ValueError, match="y_pred contains NaN"):
        metric(Y, broken)
    with pytest.raises(ValueError, match="y_true contains infinity"):
        metric(np.where(K, Y, np.inf), F)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        metric(Y, F[1:])
    with pytest.raises(ValueError, match="y_pred has 2 columns, but y_true has 1"):
        metric(Y, np.column_stack([F, F]))
    with pytest.raises(ValueError, match="no measured value in column 0"):
        metric(np.full(60, np.nan), F)


def test_mase_with_gaps_and_without_scale():
    train = np.array([1.0, np.nan, 4.0, 6.0, np.nan, 5.0])
    assert mase(Y, F, y_train=train) == pytest.approx(mae(Y, F) / 2)
    assert mase(Y, F, y_train=train, period=2) == pytest.approx(mae(Y, F) / ((3 + 1) / 2))
    for nothing in ([1.0, 1.0, 1.0], [1.0, np.nan, 1.0], [1.0]):
        with pytest.raises(ValueError, match=r"y_train .* has no change over period=1"):
            mase(Y, F, y_train=nothing)
    with pytest.raises(ValueError, match="period=0"):
        mase(Y, F, y_train=train, period=0)
    with pytest.raises(ValueError, match="y_train has 2 outputs, but y_true has 1"):
        mase(Y, F, y_train=SQUARES)


def test_smape_of_zeros():
    assert smape([0.0, 0.0], [0.0, 1.0]) == 100.0


def test_pinball_is_half_mae_at_the_median():
    assert pinball_loss(NAN, F) == pytest.approx(mae(NAN, F) / 2)
    with pytest.raises(ValueError, match="quantile=1"):
        pinball_loss(Y, F, 1)


def test_coverage():
    inside = [lo <= y <= hi for y, lo, hi in zip(Y[K], LO[K], HI[K])]
    assert coverage(NAN, LO, HI) == pytest.approx(np.mean(inside))
    assert 0.1 < np.mean(inside) < 0.9
    assert coverage([1.0, 2.0], [1.0, 0.0], [1.5, 2.0]) == 1.0
    with pytest.raises(ValueError, match="lo is above hi, first in row 1"):
        coverage([1.0, 2.0], [0.0, 3.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="hi contains NaN"):
        coverage([1.0], [0.0], [np.nan])


def test_interval_score_is_two_pinball_losses():
    """2 / a times the sum of the losses of both ends, a = 1 - level / 100."""
    a = 0.2
    losses = [peers.mean_pinball_loss(Y[K], end[K], alpha=q) for end, q in ((LO, a / 2), (HI, 1 - a / 2))]
    assert interval_score(NAN, LO, HI, level=80) == pytest.approx(2 / a * sum(losses))
    with pytest.raises(ValueError, match="level=100"):
        interval_score(Y, LO, HI, level=100)


def test_skill():
    worse = Y + 3 * (F - Y)
    assert skill(NAN, F, worse) == pytest.approx(2 / 3)
    assert skill(NAN, worse, F, metric=mae) == pytest.approx(-2)
    with pytest.raises(ValueError, match="nothing to compare with"):
        skill(Y, F, Y)


def test_every_public_measure_is_tested():
    assert set(metrics.__all__) <= set(globals())


def test_other_stamps_are_no_same_rows():
    """A forecast of later hours is not compared row by row."""
    hours = pd.date_range("2024-01-01", periods=60, freq="h")
    y, f = pd.Series(Y, hours), pd.Series(F, hours)
    assert rmse(y, f.set_axis(hours.as_unit("s"))) == rmse(y, F) == rmse(Y, f)
    for other in (hours + pd.Timedelta("1h"), hours[::-1]):
        with pytest.raises(ValueError, match=r"y_true has another index .* than y_pred"):
            rmse(y, f.set_axis(other))
    with pytest.raises(ValueError, match=r"y_true has another index .* than hi"):
        coverage(y, pd.Series(LO, hours), pd.Series(HI, hours[::-1]))
    with pytest.raises(TypeError, match="y_true holds datetime64"):
        mae(pd.Series(hours), pd.Series(hours))


def test_numbers_of_other_rows():
    """A default index beside other integers: shuffled is refused, moved is told of."""
    y, f = pd.Series(Y), pd.Series(F)
    with pytest.raises(
        ValueError, match=r"y_pred is numbered 59 \.\.\. 0, but y_true 0 \.\.\. 59, in another order"
    ):
        mae(y, f[::-1])
    with pytest.warns(
        UserWarning, match=r"y_pred is numbered 1 \.\.\. 60, but y_true 0 \.\.\. 59: they are matched"
    ):
        mae(y, f.set_axis(range(1, 61)))
    assert mae(y, f.set_axis(pd.Index(np.arange(60)))) == mae(Y, F)


def test_columns_in_another_order():
    y = pd.DataFrame({"a": Y, "b": -2 * Y})
    assert mae(y, y.to_numpy()) == mae(y, y.set_axis(["c", "d"], axis=1)) == 0
    with pytest.raises(
        ValueError, match=r"y_pred \['b', 'a'\]: give them in one order, such as y_pred\[y_true"
    ):
        mae(y, y[["b", "a"]])


def test_levels_are_per_cent():
    with pytest.raises(ValueError, match=r"level=0\.8 is below 1 per cent: give 80 for 0\.8"):
        interval_score(Y, LO, HI, level=0.8)
