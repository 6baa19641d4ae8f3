"""Transforms and bounds of the target: ``target_transform`` and ``target_bounds``.

    u(t) = g(y(t))                            the level: pointwise, increasing
    w(t) = u(t) - sum_k c_k u(t - k)          what the model forecasts, k = 1 ... K
    y(t) = g^-1(min(max(w(t) + sum_k c_k u(t - k), g(low(t))), g(high(t))))

The differences stand for the polynomial (1 - B^a)(1 - B^b) ... = 1 - sum_k c_k B^k of the backshift B.  Each g is
extended to all numbers, -inf below its domain and inf above, and its inverse to the ends of the domain, since bounds
and the levels of a closed loop may lie anywhere.  Arrays are Y, U, W (N, O), column by column; NaN
passes through.

A transform is any object with

    __call__(Y), inverse(U)        g and its inverse, increasing; or
    polynomial()                   [1, -c_1 ... -c_K], for a difference of the levels

and, optionally,

    check()                        raises if a parameter of the transform is out of range
    domain()                       two texts: the y it needs, and the cure for others
    terms(call, y), inverse_terms(call, u)      the formulas, for streams and export: see ``program.py``
"""

import math
from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, clone

from .._check import check_number
from .._values import kept, public


MAX_FLOAT = np.finfo(float).max
OFTEN = 0.05  # of the values of an amount that are 0: nights of a solar plant, days without rain


@public("tsrnn.preprocessing")
class Log(BaseEstimator):
    """Logarithm of the target: u = log(y + offset).

    For a positive series whose variation grows with its level; errors are then relative.

    Parameters
    ----------
    offset : float, default=0.0
        Added first, in the units of y; y must be greater than ``-offset``. The word ``"log1p"`` stands for
        ``Log(offset=1.0)``.

    See Also
    --------
    Power : similar, for a y that may be zero.

    Examples
    --------
    >>> from tsrnn.preprocessing import Log
    >>> Log(offset=10.0)
    Log(offset=10.0)
    >>> Log()([1.0, 10.0, 100.0]).round(2)
    array([0. , 2.3 , 4.61])
    """

    def __init__(self, offset=0.0):
        self.offset = offset

    def check(self):
        """Raise if a parameter is out of range or of the wrong type."""
        check_number("offset", self.offset)

    def __call__(self, Y):
        """Return levels of Y (N, O), -inf below the domain."""
        with np.errstate(divide="ignore"):
            return np.log(np.maximum(np.add(Y, self.offset), 0))

    def inverse(self, U):
        """Return y of levels U (N, O)."""
        return np.exp(U) - self.offset

    def terms(self, call, y):
        """Return the formula of the level, for export."""
        return call("log", call("max", y + self.offset, 0.0))

    def inverse_terms(self, call, u):
        """Return the formula of y from its level, for export."""
        return call("exp", u) - self.offset

    def domain(self):
        """Return the domain, and the cure for values outside."""
        return f"y > {0.0 - self.offset}", "give a greater offset, or NaN where such a value was not measured"


@public("tsrnn.preprocessing")
class Power(BaseEstimator):
    """Power of the target: u = (y + offset) ** exponent.

    With an exponent below 1, for a series that may be zero and varies more where it is large.

    Parameters
    ----------
    exponent : float, default=0.5
        Greater than 0. The word ``"sqrt"`` stands for ``Power(0.5)``.
    offset : float, default=0.0
        Added first, in the units of y; y must not be less than ``-offset``.

    Examples
    --------
    >>> from tsrnn.preprocessing import Power
    >>> Power(1 / 3)
    Power(exponent=0.3333333333333333)
    >>> Power()([0.0, 9.0, 100.0])
    array([ 0.,  3., 10.])
    """

    def __init__(self, exponent=0.5, offset=0.0):
        self.exponent = exponent
        self.offset = offset

    def check(self):
        """Raise if a parameter is out of range or of the wrong type."""
        check_number("exponent", self.exponent, 0, low_open=True)
        check_number("offset", self.offset)

    def __call__(self, Y):
        """Return levels of Y (N, O), -inf below the domain."""
        V = np.add(Y, self.offset)
        with np.errstate(over="ignore"):
            return np.where(V < 0, -np.inf, np.abs(V) ** self.exponent)

    def inverse(self, U):
        """Return y of levels U (N, O)."""
        return np.maximum(U, 0) ** (1 / self.exponent) - self.offset

    def terms(self, call, y):
        """Return the formula of the level, for export."""
        return call("pow", y + self.offset, self.exponent)

    def inverse_terms(self, call, u):
        """Return the formula of y from its level, for export."""
        return call("pow", call("max", u, 0.0), 1 / self.exponent) - self.offset

    def domain(self):
        """Return the domain, and the cure for values outside."""
        return (
            f"y >= {0.0 - self.offset}",
            "give a greater offset, or NaN where such a value was not measured",
        )


@public("tsrnn.preprocessing")
class Logit(BaseEstimator):
    """Log-odds of the target's place in a range: u = log((y - low) / (high - y)).

    For a proportion: forecasts and intervals stay between low and high.

    Parameters
    ----------
    low, high : float, default=0.0 and 1.0
        Ends of the range, in the units of y, which must lie strictly between them.

    Examples
    --------
    >>> from tsrnn.preprocessing import Logit
    >>> Logit(high=100.0)
    Logit(high=100.0)
    >>> Logit()([0.1, 0.5, 0.9]).round(2)
    array([-2.2,  0. ,  2.2])
    """

    def __init__(self, low=0.0, high=1.0):
        self.low = low
        self.high = high

    def check(self):
        """Raise if a parameter is out of range or of the wrong type."""
        check_number("low", self.low)
        check_number("high", self.high, self.low, low_open=True)

    def __call__(self, Y):
        """Return levels of Y (N, O), -inf and inf outside the domain."""
        V = np.clip(Y, self.low, self.high)
        with np.errstate(divide="ignore"):
            return np.log((V - self.low) / (self.high - V))

    def inverse(self, U):
        """Return y of levels U (N, O)."""
        return self.low + (self.high - self.low) / (1 + np.exp(np.negative(U)))

    def terms(self, call, y):
        """Return the formula of the level, for export."""
        return call("log", y - self.low) - call("log", self.high - y)

    def inverse_terms(self, call, u):
        """Return the formula of y from its level, for export."""
        return self.low + (self.high - self.low) * call("logistic", u)

    def domain(self):
        """Return the domain, and the cure for values outside."""
        return (
            f"{self.low} < y < {self.high}",
            "give a wider range, or target_bounds instead, which y may touch",
        )


@public("tsrnn.preprocessing")
class Difference(BaseEstimator):
    """Change of the target: w(t) = u(t) - u(t - lag).

    With ``lag=1`` for a series without a fixed level, with the rows of a season for a seasonal one. Forecasts
    accumulate the changes. Several differences are composed.

    Parameters
    ----------
    lag : int, default=1
        Rows to look back. The word ``"difference"`` stands for ``Difference(1)``.

    Examples
    --------
    >>> from tsrnn.preprocessing import Difference
    >>> Difference(lag=24)
    Difference(lag=24)
    """

    def __init__(self, lag=1):
        self.lag = lag

    def check(self):
        """Raise if a parameter is out of range or of the wrong type."""
        check_number("lag", self.lag, 1, integer=True)

    def polynomial(self):
        """Return the coefficients of 1 - B^lag."""
        return np.concatenate([[1.0], np.zeros(self.lag - 1), [-1.0]])


ANY_DOMAIN = "values whose levels are finite", "give others, or NaN where such a value was not measured"
TRANSFORMS = {"log": Log(), "log1p": Log(1.0), "sqrt": Power(0.5), "difference": Difference(1)}


@kept("target")
class Target(NamedTuple):
    """The composed transform of the target.

    pointwise : tuple of transforms such as Log, applied in this order.   coef : (K,), c_1 ... c_K.   season : least
    common multiple of the differences' lags.   changes : tuple of transforms such as Difference.
    """

    pointwise: tuple
    coef: np.ndarray
    season: int
    changes: tuple = ()

    def levels(self, Y):
        """Convert measured Y (N, O) to levels U (N, O); raise if a value lies outside the domain."""
        U = np.asarray(Y, float)
        for g in self.pointwise:
            V, U = U, g(U)
            outside = np.isinf(U) & np.isfinite(V)
            if outside.any():
                row, column = np.argwhere(outside)[0]
                domain, cure = g.domain() if hasattr(g, "domain") else ANY_DOMAIN
                where = f"row {row}" if U.shape[1] == 1 else f"row {row}, column {column}"
                was = "" if g is self.pointwise[0] else f", by then {V[row, column]},"
                raise ValueError(
                    f"target_transform: {g!r} needs {domain}, but y is {np.asarray(Y)[row, column]}{was} in {where} "
                    f"({outside.sum()} such values): {cure}, or target_transform=None."
                )
        return U

    def ends(self, Y):
        """Convert any Y (N, O) to levels, -inf and inf outside the domain."""
        for g in self.pointwise:
            Y = g(Y)
        return Y

    def bound_levels(self, low, high):
        """Convert bounds (N, O) or (O,) on y to levels; raise if clipping to them could give an infinite level."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        lowest, highest = self.ends(low), self.ends(high)
        for name, bound, level, end in ("low", low, lowest, np.inf), ("high", high, highest, -np.inf):
            if (level == end).any():
                raise ValueError(
                    f"target_bounds: {name}={bound[level == end][0]} leaves no y for which "
                    f"target_transform={list(self.pointwise)} is defined: give another bound, or an offset."
                )
        return lowest, highest

    def inverse(self, U):
        """Convert any levels U (N, O) to Y (N, O), finite where U is."""
        if not self.pointwise:
            return U
        with np.errstate(over="ignore"):
            for g in reversed(self.pointwise):
                U = np.clip(g.inverse(U), -MAX_FLOAT, MAX_FLOAT)
        return U

    def base(self, past):
        """Compute the base of a change, sum_k c_k u(t - k), (..., O), of past levels (..., K, O), oldest first."""
        total = np.zeros((*past.shape[:-2], past.shape[-1]))
        for k in self._lags():
            total += self.coef[k - 1] * past[..., -k, :]
        return total

    def differences(self, U, past):
        """Compute changes W (N, O) of levels U (N, O) after levels past (K, O); NaN where a level they need is NaN."""
        K, N = len(self.coef), len(U)
        before = np.concatenate([past, U])
        W = np.array(U, float)
        for k in self._lags():
            W -= self.coef[k - 1] * before[K - k : K - k + N]
        return W

    @property
    def steps(self):
        """All transforms, in their order, a list."""
        return [*self.pointwise, *self.changes]

    def _lags(self):
        """Return the k with c_k not 0: levels at other lags may be NaN."""
        return np.flatnonzero(self.coef) + 1


def resolve_target(target_transform):
    """Return the Target that None, a word, an object or a sequence of these names."""
    steps = target_transform if isinstance(target_transform, (list, tuple)) else [target_transform]
    pointwise, polynomial, difference, season, changes = [], np.ones(1), None, 1, []
    for step in steps:
        if step is None:
            continue
        transform = _transform(step, target_transform)
        kept_transform = clone(transform, safe=False)  # in the fitted model, whatever set_params does later
        if hasattr(transform, "polynomial"):
            difference, factor = step, _factor(transform)
            polynomial = np.convolve(polynomial, factor)
            season = math.lcm(season, len(factor) - 1)
            changes.append(kept_transform)
        elif difference is not None:
            raise ValueError(
                f"target_transform={target_transform!r}: {step!r} comes after {difference!r}, but a change may have "
                f"any sign and size: put {step!r} first."
            )
        else:
            pointwise.append(kept_transform)
    return Target(tuple(pointwise), -polynomial[1:], season, tuple(changes))


def _transform(step, target_transform):
    """Return the transform that one step of ``target_transform`` stands for; raise if it is none."""
    transform = TRANSFORMS.get(step) if isinstance(step, str) else step
    known = hasattr(transform, "polynomial") or (callable(transform) and hasattr(transform, "inverse"))
    if isinstance(transform, type) or not known:
        raise ValueError(
            f"target_transform={target_transform!r}: {step!r} is unknown: give 'auto', None, "
            f"{', '.join(map(repr, TRANSFORMS))}, an object such as Log(offset=1.0), Power(0.5), Logit(0, 1) or "
            "Difference(lag=24), or a list of all of these but 'auto': anything with the methods __call__(Y) and "
            "inverse(U), or polynomial()."
        )
    if hasattr(transform, "check"):
        transform.check()
    return transform


def _factor(difference):
    """Return the polynomial (K + 1,) of a difference."""
    factor = np.asarray(difference.polynomial(), float)
    if factor.ndim != 1 or len(factor) < 2 or factor[0] != 1 or not np.isfinite(factor).all():
        raise ValueError(
            f"target_transform: {difference!r} has the polynomial {factor}: give [1, -c_1 ... -c_K], finite numbers."
        )
    return factor


# -------------------------------------------------------------------------------------- bounds


@kept("bounds")
class Bounds(NamedTuple):
    """Bounds of y.

    low, high : (O,) tuples of floats or, for bounds that vary, of ints: columns of X.
    """

    low: tuple
    high: tuple

    @property
    def has_columns(self):
        """Whether a column of X holds a bound."""
        return any(isinstance(bound, int) for side in self for bound in side)

    def __call__(self, X):
        """Return low and high (N, O) for rows of X (N, F), in the user's units."""
        low, high = (
            np.stack([X[:, b] if isinstance(b, int) else np.full(len(X), b) for b in side], axis=1)
            for side in self
        )
        wrong = ~(low <= high)
        if wrong.any():
            row, output = np.argwhere(wrong)[0]
            raise ValueError(
                f"target_bounds: in row {row} of X low is {low[row, output]} and high is {high[row, output]} (output "
                f"{output}, {wrong.sum()} such values): give columns with low <= high in every row, without NaN."
            )
        return low, high


def least_amounts(Y):
    """Return 0 for each output of Y (N, O) that is an amount, often 0 and never less; None for others."""
    counts = np.isfinite(Y).sum(axis=0)
    is_amount = ~(Y < 0).any(axis=0) & ((Y == 0).sum(axis=0) >= OFTEN * counts) & (Y > 0).any(axis=0)
    return [0.0 if amount else None for amount in is_amount]


def resolve_bounds(target_bounds, feature_names, n_outputs):
    """Return the Bounds of a pair (low, high); None if both sides are open.

    feature_names : the columns of X, "x0", "x1" ... for an array.
    """
    if target_bounds is None:
        return None
    if not isinstance(target_bounds, (tuple, list, np.ndarray)) or len(target_bounds) != 2:
        raise ValueError(
            f"target_bounds={target_bounds!r} is not a pair: give (low, high), None where it is open, or 'auto'."
        )
    names = list(feature_names)
    low, high = (
        _side(name, side, infinity, names, n_outputs)
        for name, side, infinity in zip(("low", "high"), target_bounds, (-np.inf, np.inf))
    )
    for o, (a, b) in enumerate(zip(low, high)):
        if isinstance(a, float) and isinstance(b, float) and a > b:
            raise ValueError(
                f"target_bounds={target_bounds!r}: low={a} is above high={b} (output {o}): swap them."
            )
    closed = any(side != (infinity,) * n_outputs for side, infinity in ((low, -np.inf), (high, np.inf)))
    return Bounds(low, high) if closed else None


def _side(name, side, infinity, names, n_outputs):
    """Return one side of the bounds, an (O,) tuple of floats, or of ints for columns of X."""
    alone = side is None or isinstance(side, str) or np.ndim(side) == 0
    bounds = [side] * n_outputs if alone else list(side)
    if len(bounds) != n_outputs:
        raise ValueError(
            f"target_bounds: {name}={side!r} has {len(bounds)} values, but y has {n_outputs} output(s): give one "
            "for each, or a single one for all."
        )
    return tuple(_bound(name, bound, infinity, names) for bound in bounds)


def _bound(name, bound, infinity, names):
    """Return a bound as a float, or as an int, the column of X."""
    if bound is None:
        return infinity
    if isinstance(bound, str):
        if bound not in names:
            raise ValueError(
                f"target_bounds: {name}={bound!r} is not a column of X: give one of {names}, or a number."
            )
        return names.index(bound)
    bound = bound.item() if isinstance(bound, np.ndarray) else bound
    nowhere = isinstance(bound, Real) and (np.isnan(bound) or bound == -infinity)
    if not isinstance(bound, Real) or isinstance(bound, bool) or nowhere:
        raise ValueError(
            f"target_bounds: {name}={bound!r} is not a bound: give a number, the name of a column of X, or None."
        )
    return float(bound)
