"""Transforms and bounds of the target: they are their formulas, they can be undone, they refuse what they cannot."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from tsrnn import ARXRegressor
from tsrnn._series.targets import Bounds, resolve_bounds, resolve_target
from tsrnn.preprocessing import Difference, Log, Logit, Power


POSITIVE = np.array([[0.3, 5.0], [1.0, np.nan], [700.0, 0.01], [np.nan, 2.0]])

# target_transform -> the formula of g
POINTWISE = [
    (None, lambda y: y),
    ([], lambda y: y),
    ("log", np.log),
    (Log(2.5), lambda y: np.log(y + 2.5)),
    ("log1p", np.log1p),
    ("sqrt", np.sqrt),
    (Power(), np.sqrt),
    (Power(1 / 3, offset=1), lambda y: np.cbrt(y + 1)),
    (Power(2), lambda y: y**2),
    (Logit(-1, 1000), lambda y: np.log(y + 1) - np.log(1000 - y)),
    (("log1p", "sqrt"), lambda y: np.sqrt(np.log1p(y))),
    ([None, "sqrt", Log(1)], lambda y: np.log1p(np.sqrt(y))),
]
WORDS = [repr(t) for t, _ in POINTWISE]
each = pytest.mark.parametrize("transform", [t for t, _ in POINTWISE], ids=WORDS)


@pytest.mark.parametrize(("transform", "formula"), POINTWISE, ids=WORDS)
def test_levels_are_their_formula(transform, formula):
    np.testing.assert_allclose(resolve_target(transform).levels(POSITIVE), formula(POSITIVE), rtol=1e-12)


@each
def test_inverse_gives_y_back(transform):
    target = resolve_target(transform)
    Y = np.random.default_rng(0).uniform(1e-3, 999, (500, 3))
    np.testing.assert_allclose(target.inverse(target.levels(Y)), Y, rtol=1e-10)
    np.testing.assert_allclose(target.inverse(target.levels(POSITIVE)), POSITIVE, rtol=1e-10)


@each
def test_g_and_its_inverse_increase_and_never_leave_the_numbers(transform):
    target = resolve_target(transform)
    u = np.array([-1e308, -1e3, -800, -1, -1e-9, 0, 0.5, 1, 800, 1e3, 1e308])[:, None]
    y = target.inverse(u)
    assert np.isfinite(y).all()
    assert (np.diff(y, axis=0) >= 0).all()
    bounds = np.linspace(-5, 1005, 300)[:, None]
    low, _ = target.bound_levels(np.minimum(bounds, 900), np.full_like(bounds, np.inf))
    _, high = target.bound_levels(np.full_like(bounds, -np.inf), np.maximum(bounds, 0.1))
    assert (low[:-1] <= low[1:]).all()
    assert (high[:-1] <= high[1:]).all()


@each
def test_clipped_levels_are_clipped_y(transform):
    target = resolve_target(transform)
    U = target.levels(np.random.default_rng(1).uniform(1e-3, 999, (200, 2)))
    low, high = np.array([[-3.0, 0.0]]), np.array([[20.0, np.inf]])
    clipped = target.inverse(np.clip(U, *target.bound_levels(low, high)))
    np.testing.assert_allclose(clipped, np.clip(target.inverse(U), low, high), rtol=1e-10)


def test_ends_of_the_domain():
    assert resolve_target("log1p").inverse(np.array([-1e9])) == -1
    assert resolve_target(Power(offset=4)).inverse(np.array([-7.0])) == -4
    assert resolve_target(Logit(2, 5)).inverse(np.array([1e9, -1e9])).tolist() == [5, 2]
    low, high = resolve_target("log").bound_levels(0, np.inf)
    assert low == -np.inf
    assert high == np.inf
    assert resolve_target("sqrt").levels(np.zeros((1, 1))) == 0  # the end belongs to the domain


@pytest.mark.parametrize(
    ("transform", "y", "words"),
    [
        (
            "log",
            0.0,
            r"Log\(\) needs y > 0.0, but y is 0.0 in row 2, column 1 \(1 such values\): give a greater",
        ),
        ("log1p", -1.0, r"needs y > -1.0, but y is -1.0 in row 2, column 1"),
        ("sqrt", -3.0, r"Power\(\) needs y >= 0.0, but y is -3.0 in row 2"),
        (Power(2), -3.0, r"needs y >= 0.0"),
        (Logit(0, 10), 10.0, r"needs 0 < y < 10, but y is 10.0 in row 2, column 1"),
        (["log", Power(0.5)], 0.5, r"Power\(\) needs .* but y is 0.5, by then -0.69\d*, in row 2"),
    ],
    ids=str,
)
def test_y_outside_the_domain_is_named(transform, y, words):
    Y = np.array([[2.0, 3.0], [np.nan, np.nan], [2.0, y], [4.0, 5.0]])
    with pytest.raises(ValueError, match="target_transform: .*" + words):
        resolve_target(transform).levels(Y)


@pytest.mark.parametrize(("low", "high"), [(-np.inf, -1.0), (-np.inf, 0.0), (11.0, 12.0)])
def test_bounds_that_leave_nothing(low, high):
    with pytest.raises(ValueError, match=r"target_bounds: (low|high)=.* leaves no y"):
        resolve_target(["sqrt", Logit(0, 3)]).bound_levels([[low]], [[high]])


# -------------------------------------------------------------------------------------- differences

DIFFERENCES = [
    ("difference", [1]),
    (Difference(3), [0, 0, 1]),
    (["difference", "difference"], [2, -1]),
    (["difference", Difference(4)], [1, 0, 0, 1, -1]),  # (1 - B)(1 - B^4) = 1 - B - B^4 + B^5
    (["log", Difference(2), None], [0, 1]),
    ("log", []),
]


@pytest.mark.parametrize(("transform", "coef"), DIFFERENCES, ids=str)
def test_coefficients_multiply(transform, coef):
    target = resolve_target(transform)
    assert target.coef.shape == (len(coef),)
    np.testing.assert_array_equal(target.coef, coef)


@pytest.mark.parametrize("lags", [(), (1,), (7,), (1, 1), (1, 24), (2, 3, 5)], ids=str)
def test_differences_are_taken_one_of_the_other_and_add_up_again(lags):
    target = resolve_target([Difference(lag) for lag in lags])
    K, U = len(target.coef), np.random.default_rng(2).normal(size=(80, 2))
    W = target.differences(U[K:], U[:K])
    expected = U
    for lag in lags:
        expected = expected[lag:] - expected[:-lag]
    np.testing.assert_allclose(W, expected, atol=1e-12)
    again = list(U[:K])
    for w in W:
        again.append(w + target.base(np.array(again[len(again) - K :]).reshape(K, 2)))
    np.testing.assert_allclose(again, U, atol=1e-9)


def test_base_of_many_pasts_at_once():
    target = resolve_target(["difference", Difference(3)])
    past = np.random.default_rng(3).normal(size=(5, 4, 2))  # u(t - 4) ... u(t - 1)
    np.testing.assert_allclose(target.base(past), past[:, 3] + past[:, 1] - past[:, 0])
    np.testing.assert_array_equal(resolve_target("log").base(np.empty((5, 0, 2))), np.zeros((5, 2)))


def test_only_a_level_that_is_needed_makes_nan():
    target = resolve_target(Difference(2))
    U = np.arange(6.0)[:, None]
    past = np.array([[np.nan], [-1.0]])
    np.testing.assert_array_equal(target.differences(U, past)[:, 0], [np.nan, 2, 2, 2, 2, 2])
    np.testing.assert_array_equal(target.base(np.array([[5.0], [np.nan]])), [5.0])
    U[2] = np.nan
    np.testing.assert_array_equal(target.differences(U, past)[:, 0], [np.nan, 2, np.nan, 2, np.nan, 2])


def test_nothing_is_changed_in_place():
    target = resolve_target(["sqrt", "difference"])
    Y = np.full((4, 1), 9.0)
    U = target.levels(Y)
    target.differences(U, U[:1])
    target.inverse(U)
    target.bound_levels(Y, Y)
    assert (Y == 9).all()
    assert (U == 3).all()


# -------------------------------------------------------------------------------------- the parameter


@pytest.mark.parametrize(
    ("transform", "error", "words"),
    [
        ("ln", ValueError, "target_transform='ln': 'ln' is unknown: give 'auto', None, 'log'.*Log"),
        (Log, ValueError, "is unknown"),
        (3, ValueError, "3 is unknown"),
        ([["log"]], ValueError, r"\['log'\] is unknown"),
        (["difference", "log"], ValueError, "'log' comes after 'difference'.*put 'log' first"),
        ([Difference(2), Power(), "log"], ValueError, r"Power\(\) comes after Difference\(lag=2\)"),
        (Log("1"), TypeError, "offset='1' is not a number"),
        (Log(np.nan), ValueError, "offset=nan is out of range"),
        (Power(0), ValueError, "exponent=0 is out of range: give a number > 0"),
        (Power(offset=None), TypeError, "offset=None"),
        (Logit(1, 1), ValueError, "high=1 is out of range: give a number > 1"),
        (Difference(0), ValueError, "lag=0 is out of range: give an int >= 1"),
        (Difference(1.0), TypeError, "lag=1.0 is not an int"),
        (["log", Difference(-24)], ValueError, "lag=-24"),
    ],
    ids=str,
)
def test_a_wrong_transform_is_named(transform, error, words):
    with pytest.raises(error, match=words):
        resolve_target(transform)


def test_objects_are_parameters():
    for transform in (Log(2.0), Power(0.25, offset=3), Logit(1, 2), Difference(24)):
        assert clone(transform).get_params() == transform.get_params()
        assert type(transform)(**transform.get_params()).get_params() == transform.get_params()
    transform = Log()
    target = resolve_target(transform)
    transform.set_params(offset=5)
    assert target.levels(np.ones((1, 1))) == 0  # a model fitted with it stays as it was
    grid = [None, "log", ["log", Difference(24)]]
    assert [p["t"] for p in ParameterGrid({"t": grid})] == grid


# -------------------------------------------------------------------------------------- bounds

X = np.array([[1.0, 5.0, 0.0], [2.0, 6.0, 0.0], [3.0, 7.0, 9.0]])
NAMES = ["floor", "ceiling", "x2"]


@pytest.mark.parametrize(
    ("bounds", "low", "high"),
    [
        ((0, None), [[0, 0]] * 3, [[np.inf, np.inf]] * 3),
        ((None, [2, 3.5]), [[-np.inf, -np.inf]] * 3, [[2, 3.5]] * 3),
        ([np.array([0, 1]), np.float32(2)], [[0, 1]] * 3, [[2, 2]] * 3),
        (("floor", "ceiling"), [[1, 1], [2, 2], [3, 3]], [[5, 5], [6, 6], [7, 7]]),
        ((0, "x2"), [[0, 0]] * 3, [[0, 0], [0, 0], [9, 9]]),
        (([0, "floor"], ["x2", None]), [[0, 1], [0, 2], [0, 3]], [[0, np.inf], [0, np.inf], [9, np.inf]]),
        (np.array([0.0, 1.0]), [[0, 0]] * 3, [[1, 1]] * 3),
        ((-np.inf, 4), [[-np.inf, -np.inf]] * 3, [[4, 4]] * 3),
    ],
    ids=str,
)
def test_bounds_of_each_row(bounds, low, high):
    found = resolve_bounds(bounds, NAMES, 2)
    assert isinstance(found, Bounds)
    for side, expected in zip(found(X), (low, high)):
        assert side.shape == (3, 2)
        np.testing.assert_array_equal(side, expected)


@pytest.mark.parametrize("bounds", [None, (None, None), [None, np.inf], ([-np.inf, None], None)], ids=str)
def test_open_bounds_are_none(bounds):
    assert resolve_bounds(bounds, NAMES, 2) is None


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (0, "target_bounds=0 is not a pair: give \\(low, high\\)"),
        ("ab", "not a pair"),
        ((0,), "not a pair"),
        ((0, 1, 2), "not a pair"),
        ({0, 1}, "not a pair"),
        ((2, 1), "low=2.0 is above high=1.0 .output 0.: swap"),
        ((0, [1, -1]), "low=0.0 is above high=-1.0 .output 1."),
        ((np.nan, 1), "low=nan is not a bound"),
        ((0, [1, np.nan]), "high=nan is not a bound"),
        ((np.inf, None), "low=inf is not a bound"),
        ((None, -np.inf), "high=-inf is not a bound"),
        ((True, 1), "low=True is not a bound"),
        ((0, 1j), "high=1j is not a bound"),
        ((0, [1, 2, 3]), "high=.1, 2, 3. has 3 values, but y has 2 output"),
        ((0, "cap"), "high='cap' is not a column of X: give one of .*'ceiling'"),
        (([0, "x7"], None), "low='x7' is not a column"),
    ],
    ids=str,
)
def test_wrong_bounds_are_named(bounds, words):
    with pytest.raises(ValueError, match=words):
        resolve_bounds(bounds, NAMES, 2)


def test_bounds_that_cross_in_a_row_are_named():
    bounds = resolve_bounds((2.5, "floor"), NAMES, 1)
    with pytest.raises(
        ValueError, match=r"in row 0 of X low is 2.5 and high is 1.0 \(output 0, 2 such values\)"
    ):
        bounds(X)
    np.testing.assert_array_equal(bounds(X[2:])[1], [[3.0]])
    with pytest.raises(ValueError, match=r"in row 0 of X .* high is nan"):
        bounds(np.full((2, 3), np.nan))


def test_an_amount_is_never_forecast_below_zero():
    hours = np.arange(24 * 40)
    power = np.clip(np.sin(2 * np.pi * hours / 24), 0, None) * np.random.default_rng(0).uniform(
        0.5, 1, len(hours)
    )
    model = ARXRegressor(output_lags=24).fit(None, power)
    assert model.target_bounds_ == ((0.0,), (np.inf,))
    free = ARXRegressor(output_lags=24, target_transform=None, target_bounds=None).fit(None, power)
    assert free.target_bounds_ is None
    assert free.forecast(48).min() < 0
    assert model.forecast(48, level=95).to_numpy().min() == 0
    both = np.column_stack([power, power - 0.1])
    assert ARXRegressor().fit(None, both).target_bounds_ == ((0.0, -np.inf), (np.inf, np.inf))
    assert ARXRegressor().fit(None, power + 1).target_bounds_ is None
