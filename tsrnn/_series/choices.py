"""Choice of the lags and of the transform of y, among what ``seasons.py`` proposes.

Each candidate is a linear model (``autoregression.py``), learnt from rows before a cut, which forecasts h steps from
all origins k after it, up to the next cut; it is worth

    sum_ks |u^(k + s) - u(k + s)| / sum_ks |u(k - 1) - u(k + s)|         with the better of two penalties

or nothing, if with either its free run grows out of bounds over as many rows as it was learnt from.

Differences are for a y that wanders.  Where it keeps its range and Dickey's and Fuller's test [1] finds no unit root
there are none, for a linear model may gain by what a net loses by (the Lorenz system: an ESN is right for 12 Lyapunov
times without, for 2 with).  They are chosen with the lags that go with them, as far as the rows allow both.  A short
series proves little: m = origins / h forecasts that do not overlap.  So errors are multiplied by exp(doubt / sqrt(m)),
least for first differences, which forget a level that moved:

    doubt   first differences 0   seasonal .2   none .4   first and seasonal .5   a pointwise transform .1 more

Of rows up to five seasons, only differences know the season well: then their doubt is 0, that of first ones .4.
Lags, and differences with them, reach back as far as a season seen twice (``longest_lag``), and rows must be five times
what they reach.

A season of the calendar that was seen once, too short a past for lags, can be repeated: changes over it are what is
learnt, where forecasts that repeat it err less than every linear model from the origins behind it, with a doubt of .3.
That it stands out in the autocorrelation is not asked for, as it hardly does with so few rows.

A linear model of past y alone need not choose, for the mean of linear models is linear, too.  Where its lags and
differences are both open it is the mean of those of levels and of each set of differences, with the lags that go with
each, and no doubts but that what the test for a unit root speaks against (levels, or else first differences) counts
half, and levels a tenth where y leaves its range, whose trend they would not follow:

    share ~ error^-sqrt(m)

What inputs told of y may not last.  A linear model that sees them is averaged with one of past y alone, which has lags
and differences of its own, unless held stretches show much for them; and their mean with y a season before, or the last
one, where that errs hardly more than they do (m as above), but beside a net, which would only be believed the more:

    share of the first = 1/2 + 2 log(error without inputs / error with them), from 1/2 to 1
    share of y itself  = 2 (log(error of both / error of y itself) + .2 / sqrt(m)), from 0 to 1

A model that cannot extrapolate has a doubt of 1 of none, and takes differences of a series whose means over a day (its
shortest season) have left their range before.  Several series share the coefficients, each in its own units.  The
candidates are ordered from few lags to many; the first that is nearly as good as the best is chosen: within a hundredth
or, of past y for a net that sees inputs too, a tenth, since many lags of y only make up for what a linear model cannot
follow.  Of a very long series only the last rows are used, of many series and inputs only some.

What each rule is worth: tests/benchmarks/results/defaults.md, "Lags and transforms".

[1] S. E. Said, D. A. Dickey, "Testing for unit roots in autoregressive-moving average models of unknown order",
    Biometrika 71(3), 1984.
[2] K. S. Im, M. H. Pesaran, Y. Shin, "Testing for unit roots in heterogeneous panels", Journal of Econometrics 115(1),
    2003: the mean of t over series.

Arrays: levels U (N, O), NaN where nothing was measured, inputs X (N, F); a list stands for several series.
"""

from itertools import chain
from typing import NamedTuple

import numpy as np

from .._values import kept
from .autoregression import (
    LEAST_GROWN,
    each_ahead,
    explodes,
    in_levels,
    pooled,
    regressors,
    ridge,
    sums_until,
)
from .histories import filled
from .lags import Averaged, Summand
from .seasons import (
    LONG_SEASON,
    ONCE,
    SHORTEST,
    find_seasons,
    longest_lag,
    named_once,
    propose_differences,
    propose_lags,
    propose_pointwise,
)
from .targets import Difference


MOST_ROWS, MOST_COLUMNS = 12_000, 16  # of a series, and series (each of their outputs), that are looked at
MOST_SHARED = 40_000  # rows of all series
MOST_STEPS, STEPS = 48, 8  # of the forecasts that are compared; without a season
MOST_INPUTS = 100  # columns of lagged inputs
FOLDS = 3  # held stretches, each with a model of the rows before it
PENALTIES = 1e-4, 1e-2  # weak and strong, of the regressions that are compared
ADRIFT = 0.25  # share of held rows beyond the range of those before
NEARLY, NEARLY_DRIVEN = 1.01, 1.1  # times the error of the best; for nets that see inputs too
FIRST, SEASONAL, NONE, BOTH, POINTWISE = 0.0, 0.2, 0.4, 0.5, 0.1  # doubts
BOUNDED = 1.0  # of none, for a model that cannot extrapolate
REPEATED, LEAST_ONCE = 0.3, 12  # of a season seen once, and the rows of one that so few tell from chance
ENOUGH = 0.5  # of the measured values, whose changes must be, too
ROWS_A_LAG = 2  # that are left to learn from
FEW_SEASONS = 5  # up to which only differences know a season well
EXPECTED, BELOW = -1.5, 2.0  # mean t of u(t - 1) with a unit root; how much less rules it out, of one series
CHANGES = 3  # past ones beside u(t - 1)
HALF, TOLD = 0.5, 2.0  # share of a linear model with inputs at least, and more by the log of what they gain
REPETITION = 0.2  # what a y of before is let err more, in logs, over sqrt(m)
UNLIKELY, ASTRAY = 0.5, 0.1  # weights in a mean of what the test speaks against, and of levels where y drifts
LEAST_SHARE = 0.03  # of a member, below which there is none
LONG = 3000  # rows, beyond which differences are chosen with one set of lags


@kept("lags")
class Lags(NamedTuple):
    """Lags as estimators take them: tuples of int."""

    input_lags: tuple
    output_lags: tuple


class Sample(NamedTuple):
    """What candidates are judged on: columns u (N,), their inputs E (N, F), seasons, rows of the longest, steps.

    counts : of each column the rows (N,) that are learnt and judged; others are only history.
    shared : whether the columns are several series, for one model.   first : rows that lie before each origin.
    output_lags, most : as for ``choose_lags``.
    """

    columns: list
    inputs: list
    counts: list
    seasons: tuple
    n_rows: int
    horizon: int
    shared: bool
    first: int = 3
    output_lags: str | tuple = "auto"
    most: int | None = None

    def cuts(self, u):
        """Cut a column for a backtest."""
        return cuts_of(len(u), self.horizon, self.first)


def choose_lags(
    U,
    index=None,
    X=None,
    *,
    horizon=None,
    most=None,
    input_lags="auto",
    output_lags="auto",
    differences=(),
    counts=None,
):
    """Choose the lags that forecast U best, by a linear autoregression's errors over held stretches.

    Parameters
    ----------
    U : ndarray of shape (N, O), or list of those
    index : pandas index of the (first) series, optional
        Its step suggests seasons.
    X : ndarray of shape (N, F), or list of those, optional
        Inputs, known in the rows that are forecast. NaN counts as the mean.
    horizon : int, optional
        Steps of the forecasts that are compared, by default a season.
    input_lags, output_lags : "auto" or tuple of int, default="auto"
        What is given is not chosen; ``output_lags=()`` for a model that does not see y.
    differences : tuple of int, default=()
        Lags of differences of U, which the model learns.
    most : int, optional
        Lags, of which a net has weights to fill.
    counts : ndarray of shape (N,) bool, or list of those, optional
        Rows that are learnt; others are only seen as history.

    Returns
    -------
    lags : Lags (input_lags, output_lags)

    Examples
    --------
    >>> import pandas as pd
    >>> t = np.arange(400)
    >>> rng = np.random.default_rng(0)
    >>> y = np.sin(2 * np.pi * t / 24) ** 3 + 0.1 * rng.normal(size=400)
    >>> lags = choose_lags(y[:, None], pd.date_range("2024", periods=400, freq="h"))
    >>> 24 in lags.output_lags
    True
    """
    sample = sample_of(near_one(U), near_one(X), index, horizon, counts, most=most)
    F = sample.inputs[0].shape[1]
    nearly = NEARLY if F == 0 or most is None else NEARLY_DRIVEN
    usual = (0, 1, 2) if 3 * F <= MOST_INPUTS else (0,)
    chosen, shifts = output_lags, usual if input_lags == "auto" else input_lags
    if output_lags == "auto":
        errors = errors_of_lags(sample, shifts, differences)
        chosen = thriftiest(errors, nearly)
    if input_lags != "auto" or F == 0:
        return Lags(() if input_lags == "auto" else input_lags, chosen)
    few, *larger = _input_sets(sample, F, bool(chosen))
    sets = [few, *(L for L in larger if most is None or len(L) * F + len(chosen) <= most)]
    errors = {L: error_of(sample, columns_of(sample, L), chosen, differences) for L in sets}
    return Lags(thriftiest(errors, NEARLY), chosen)


def errors_of_lags(sample, shifts, differences):
    """Measure each set of output lags that the rows allow, beside inputs at ``shifts``: {lags: error}."""
    (errors,) = _errors_of_each(sample, shifts, [differences])
    return errors


def _errors_of_each(sample, shifts, changes):
    """Measure the sets of output lags for each of some sets of differences, a list."""
    proposed, columns = _output_sets(sample, sample.inputs[0].shape[1]), columns_of(sample, shifts)
    return [
        {lags: error_of(sample, columns, lags, d) for lags in _affordable(proposed, d, sample)}
        for d in changes
    ]


def choose_alone(U, index, X, lags, *, differences=(), counts=None, repeats=False):
    """Choose the model of past y alone that a linear model of ``Lags`` of inputs is averaged with, and all shares.

    U, X, counts : lists, as for ``choose_lags``.   differences : of U, which both learn.   repeats : whether y of
    before may be averaged, too.   Returns ``Averaged``.
    """
    U, X = near_one(U), near_one(X)
    known = [np.where(rows[:, None], u, np.nan) for u, rows in zip(U, counts)]
    once = choose_transform(known, index, pointwise=False, differences=not differences, averaged=True)
    if once:  # held stretches have no past to learn from
        own = tuple(change.lag for change in once)
        of_y = choose_lags(U, index, differences=own, counts=counts).output_lags
        return _beside(lags, [Summand((), of_y, own)], HALF)
    sample = sample_of(U, X, index, None, counts)
    alone = sample._replace(inputs=[E[:, :0] for E in sample.inputs])
    changes = [()] if differences else _measured_changes(alone)
    past, error = _members(alone, changes, differences)
    told = error_of(sample, columns_of(sample, lags.input_lags), lags.output_lags, differences)
    errors = np.log(np.clip([told, error], 1e-100, 1e100))
    share = float(np.clip(HALF + TOLD * (errors[1] - errors[0]), HALF, 1.0))
    averaged = _beside(lags, past, share)
    if differences or not repeats:
        return averaged
    return _with_repetition(averaged, sample, share * errors[0] + (1 - share) * errors[1])


def _beside(lags, past, share):
    """Return ``Averaged`` of a model of ``Lags`` of inputs and the members of past y alone."""
    rest = [member._replace(share=(1 - share) * member.share) for member in past if share < 1.0]
    return Averaged((Summand(*lags, share=share), *rest))


def choose_mean(U, index=None, *, counts=None):
    """Choose the linear models of past y that are averaged: of levels, and of each set of differences.

    U, counts : as for ``choose_lags``.   Returns ``Averaged``.
    """
    sample = sample_of(near_one(U), None, index, None, counts)
    return Averaged(tuple(_members(sample, _measured_changes(sample))[0]))


def _members(sample, changes, differences=()):
    """Choose the members of a mean, one of each set of changes of what ``differences`` leave.

    Returns them, and the mean of their errors.
    """
    errors = _errors_of_each(sample, (0,), [differences + d for d in changes])
    lags = [thriftiest(of_d, NEARLY) for of_d in errors]
    errors = np.array([of_d[best] for of_d, best in zip(errors, lags)])
    if len(set(errors)) == 1:  # too few rows, or a constant
        return [Summand((), lags[0])], errors[0]
    shares = _likely(sample, changes) * _believed(errors, np.sqrt(apart(sample)))
    shares = np.where(shares < LEAST_SHARE * shares.sum(), 0.0, shares)
    shares /= shares.sum()
    members = zip(lags, changes, shares.tolist())
    error = np.exp(shares @ np.log(np.clip(errors, 1e-100, 1e100)))
    return [Summand((), *of, share) for *of, share in members if share > 0.0], error


def _likely(sample, changes):
    """Weigh sets of differences by whether y drifts, or has a unit root."""
    if drifts(sample, sample.columns):
        return np.array([1.0 if d else ASTRAY for d in changes])
    wanders = _wanders(sample, [filled(u, sample.seasons) for u in sample.columns])
    return np.array([UNLIKELY if (d == () if wanders else 1 in d) else 1.0 for d in changes])


def _believed(errors, power):
    """Return errors^-power, over that of the least."""
    least = max(errors.min(), 1e-300)
    return (least / np.maximum(errors, least)) ** power


def _measured_changes(sample):
    """Propose the sets of differences that most of the measured rows have."""
    changes = propose_differences(sample.seasons, sample.n_rows)
    return [d for d in changes if all(_are_measured(u, d) for u in sample.columns)]


def _with_repetition(averaged, sample, error):
    """Average with y a season before, or the last one, by the log of the ``error`` of what is averaged so far."""
    periods = [p for p in sample.seasons if p <= longest_lag(sample.n_rows)]
    behind = (sample._replace(first=max(p, sample.first)) for p in periods)
    errors = {1: 1.0} | {p: _error_of_repeating(past, p) for p, past in zip(periods, behind)}
    period = min(errors, key=errors.get)
    gain = error - np.log(max(errors[period], 1e-100)) + REPETITION / np.sqrt(apart(sample))
    repeated = float(np.clip(TOLD * gain, 0.0, 1.0))
    return averaged._replace(period=period, repeated=repeated) if repeated > 0.0 else averaged


def _output_sets(sample, F):
    """List sets of output lags, from few to many; those without a season too, where F inputs may be why y has one."""
    columns = [u[:, None] for u in sample.columns]
    sets = [*propose_lags(columns, sample.seasons, sample.n_rows, sample.horizon).values()]
    if F and sample.seasons:
        sets += propose_lags(columns, (), sample.n_rows, sample.horizon).values()
    return sorted(sets, key=len)


def _input_sets(sample, F, sees_y):
    """List sets of input lags, from few to many: of a model that does not see y, with some memory."""
    most = max(1, min(MOST_INPUTS // F, sample.n_rows // 3))
    longest = (0, 2, 4, 8, 16) if sees_y else (2, 4, 8, 16, 32, 64)
    sets = [tuple(range(n + 1)) for n in longest if n < most]
    if not sees_y:
        for width in (1, 2):
            around = {k for p in sample.seasons for k in range(p - width, p + width + 1)}
            around = tuple(sorted({0, 1, 2} | {k for k in around if k <= sample.n_rows // 3}))
            sets += [around] if len(around) < most and around not in sets else []
    return sorted(sets or [(0,)], key=len)


def _affordable(sets, differences, sample):
    """List the sets of lags, from few to many, for whose reach and number rows are enough after differences."""
    reach = max(1, longest_lag(sample.n_rows) - sum(differences))
    few, *larger = dict.fromkeys(tuple(k for k in lags if k <= reach) or (1,) for lags in sets)
    bounds = [_n_whole(sample, lags, differences) // ROWS_A_LAG for lags in larger]
    bounds = bounds if sample.most is None else [min(sample.most, bound) for bound in bounds]
    few = few if _n_whole(sample, few, differences) > len(few) else (1,)
    return [few, *(lags for lags, bound in zip(larger, bounds) if len(lags) <= bound)]


def _n_whole(sample, lags, differences):
    """Count the rows that are learnt of the longest series: without NaN at any lag, from which no model learns."""
    whole = [
        np.isfinite(regressors(u, np.empty((len(u), 0)), lags, differences)).all(axis=1) & counts
        for u, counts in zip(sample.columns, sample.counts)
    ]
    return max(int(rows.sum()) for rows in whole)


def choose_transform(
    Y,
    index=None,
    X=None,
    *,
    horizon=None,
    output_lags="auto",
    most=None,
    extrapolates=True,
    pointwise=True,
    differences=True,
    averaged=False,
    least=None,
):
    """Choose the ``target_transform`` of y: pointwise by Guerrero, differences by errors over held stretches.

    Parameters
    ----------
    Y : ndarray of shape (N, O), or list of those
        As measured, NaN where nothing was.
    index : pandas index of the (first) series, optional
    X : as for ``choose_lags``
    horizon : int, optional
        Steps of the forecasts that are compared, by default a season.
    output_lags, most : as for ``choose_lags``
    extrapolates : bool, default=True
        Whether its answers can leave the range of training. If they cannot, and y drifts, differences are taken.
    pointwise, differences : bool, default=True
        Whether such transforms are considered.
    averaged : bool, default=False
        Whether a mean of linear models has all differences but those of a season seen once.
    least : float, optional
        The least y there is, where Y is some of it.

    Returns
    -------
    target_transform : None or list
        As estimators take it.

    Examples
    --------
    >>> import pandas as pd
    >>> t = np.arange(144)
    >>> y = np.exp(0.01 * t + 0.2 * np.sin(2 * np.pi * t / 12))
    >>> choose_transform(y[:, None], pd.date_range("2010", periods=144, freq="MS"))
    [Log(), Difference(lag=12)]
    """
    pointwise = pointwise and not (_far_from_one(Y) or (least is not None and least < 0))
    if not (pointwise or differences):
        return None
    asked = {"output_lags": output_lags, "most": most}
    sample = sample_of(Y if pointwise else near_one(Y), near_one(X), index, horizon, **asked)
    Y = [u[:, None] for u in sample.columns]
    scales = propose_pointwise(Y, sample.seasons, least) if pointwise else [None]
    changes = _measured_changes(sample) if differences else [()]
    seen_once = _once(sample, index, horizon or 1) if differences else []
    if len(scales) == 1 and (len(changes) == 1 or (averaged and not seen_once)):
        return None
    errors = {g: _errors_of_changes(sample, g, changes) for g in scales}
    if len({*chain(*(of_g.values() for of_g in errors.values()))}) == 1:  # too few rows, or a constant
        return None
    none = NONE if extrapolates else BOUNDED
    asked_for = _asked_for(sample, changes, goes_with_y=extrapolates or output_lags == ())
    doubtful = {(g, d): of_g[d] * _doubt(sample, none, g, d) for g, of_g in errors.items() for d in asked_for}
    g, lags = min(doubtful, key=doubtful.get)
    lags = () if averaged else lags
    for p in seen_once:
        if _is_repeated(sample, p, g, changes):
            lags = (p,)
    steps = ([] if g is None else [g]) + [Difference(lag) for lag in sorted(lags)]
    return steps or None


def _asked_for(sample, changes, goes_with_y):
    """List the sets of differences that y asks for: none but where it wanders, and some where days leave their range.

    goes_with_y : whether the model follows y wherever it goes, without differences.
    """
    levels = [filled(u, sample.seasons) for u in sample.columns]
    is_lost = len(changes) > 1 and not goes_with_y
    if is_lost and drifts(sample, [_seasonal_means(u, sample.seasons) for u in levels]):
        return [d for d in changes if d]
    return changes if _wanders(sample, levels) else [()]


def _is_repeated(sample, p, g, changes):
    """Tell whether the last p rows, repeated, err less than the best of some sets of differences of g(y), beyond doubt.

    Both forecast as far as half of what is behind the first p rows.
    """
    behind = sample._replace(first=p, horizon=max(sample.horizon, (sample.n_rows - p) // 2))
    doubt = np.exp(REPEATED / np.sqrt(apart(behind)))
    return _error_of_repeating(behind, p) * doubt < min(_errors_of_changes(behind, g, changes).values())


def _errors_of_changes(sample, g, changes):
    """Measure each set of differences of g(y) by its best lags: {differences: error}."""
    shifts = (0,) if sample.inputs[0].shape[1] else ()
    scaled = sample._replace(columns=[u if g is None else g(u) for u in sample.columns])
    sets = propose_lags([u[:, None] for u in scaled.columns], sample.seasons, sample.n_rows, sample.horizon)
    sets = [sets["some"]] if sample.n_rows > LONG and "some" in sets else sets.values()
    errors, columns = {}, columns_of(scaled, shifts, inverse=g)
    for d in changes:
        fit = _affordable(sets, d, sample) if sample.output_lags == "auto" else [sample.output_lags]
        errors[d] = min(error_of(scaled, columns, lags, d) for lags in fit)
    return errors


def _wanders(sample, levels):
    """Tell whether y drifts, or has a unit root, on average over the columns [2]_."""
    tests = [unit_root(u, sample.seasons) for u in levels]
    return drifts(sample, sample.columns) or np.mean(tests) > EXPECTED - BELOW / np.sqrt(len(tests))


def _once(sample, index, steps):
    """List seasons that were seen hardly more than once, in each series, and leave rows to learn changes from.

    steps : that are learnt at once, all of which the rows must hold.
    """
    seasons = {*named_once(sample.n_rows, index), *sample.seasons}
    lags = (1,) if sample.output_lags == "auto" else sample.output_lags
    return [
        p
        for p in sorted(seasons)
        if max(LEAST_ONCE - 1, longest_lag(sample.n_rows)) < p
        and all(ONCE * p <= len(u) and _are_measured(u, (p,)) for u in sample.columns)
        and _n_whole(sample, lags, (p,)) >= steps + ROWS_A_LAG * len(lags)
        and not any(_changes_explode(u, lags, p) for u in sample.columns)
    ]


def _changes_explode(u, lags, p):
    """Tell whether the changes of u (N,) over p rows go on to grow, by the linear model of their lags."""
    rows = regressors(filled(u), np.empty((len(u), 0)), lags, (p,))
    (sums,) = sums_until(rows, np.ones(len(u)), [len(u)])
    return explodes(in_levels(*ridge(sums, PENALTIES[:1])[0], lags, ()).a, len(u) + LEAST_GROWN)


def _error_of_repeating(sample, p):
    """Average the errors of forecasts that repeat the last p rows, over held stretches, relative to persistence."""
    total = naive = 0.0
    for u in sample.columns:
        known = filled(u, sample.seasons)
        origins = np.concatenate([np.zeros(0, int), *(np.arange(*cut[1:]) for cut in sample.cuts(u))])
        at = origins[:, None] + np.arange(sample.horizon)
        unit = max(np.std(np.diff(known)), 1e-300)
        total += np.nansum(np.abs(known[at - p] - u[at])) / unit
        naive += np.nansum(np.abs(known[origins - 1][:, None] - u[at])) / unit
    return total / naive if naive > 0 else np.inf


def _doubt(sample, none, g, differences):
    """Return what errors are multiplied by: the less forecasts there are, the more against the less likely.

    none : doubt of no differences.
    """
    if len(differences) < 2:
        far = bool(sample.seasons) and FEW_SEASONS * sample.seasons[0] > sample.n_rows
        first, seasonal = (NONE, FIRST) if far else (FIRST, SEASONAL)
        doubt = none if not differences else first if differences == (1,) else seasonal
    else:
        doubt = BOTH
    doubt += POINTWISE * (g is not None)
    return np.exp(doubt / np.sqrt(apart(sample)))


def apart(sample):
    """Count the forecasts that do not overlap, at least 1."""
    origins = sum(last - start for u in sample.columns for _, start, last in sample.cuts(u))
    return max(1.0, origins / sample.horizon)


def unit_root(u, seasons):
    """Compute t of b in  v(t) = b u(t - 1) + sum_k c_k v(t - k) + d,  v(t) = u(t) - u(t - 1),  without the season."""
    if seasons:
        phase = np.arange(len(u)) % seasons[0]
        u = u - (np.bincount(phase, u) / np.bincount(phase))[phase]
    if len(u) < 4 * CHANGES:
        return 0.0
    changes, L = np.diff(u), CHANGES
    past = [changes[L - k : len(changes) - k] for k in range(1, L + 1)]
    Z = np.stack([u[L:-1], *past, np.ones(len(u) - 1 - L)], axis=1)
    Z /= np.maximum(np.abs(Z).max(axis=0), 1e-300)
    A = np.linalg.pinv(Z.T @ Z)
    beta = A @ (Z.T @ changes[L:])
    noise = np.sum((changes[L:] - Z @ beta) ** 2) / max(1, len(Z) - L - 2)
    return beta[0] / max(np.sqrt(A[0, 0] * noise), 1e-300)


def _seasonal_means(u, seasons):
    """Average u (N,) over the rows of the shortest season, up to each: a level drifts within the range of its days."""
    p = seasons[0] if seasons and len(u) > seasons[0] else 1
    sums = np.cumsum(np.concatenate([[0.0], u]))
    return (sums[p:] - sums[:-p]) / p


def drifts(sample, columns):
    """Return whether columns leave the range of their first rows for many of those held back, as trends do."""
    beyond = []
    for u in columns:
        cuts = sample.cuts(u)
        first = cuts[0][0] if cuts else len(u)
        before, after = (v[np.isfinite(v)] for v in (u[:first], u[first:]))
        if len(before) and len(after):
            beyond.append(np.mean((after < before.min()) | (after > before.max())))
    return bool(beyond) and np.mean(beyond) > ADRIFT


# ------------------------------------------------------------------------------------ what candidates are judged on


def sample_of(U, X, index, horizon, counts=None, **asked):
    """Take a ``Sample`` of levels and inputs.   asked : other fields of it."""
    U = U if isinstance(U, list) else [U]
    shared = len(U) > 1
    X = [np.empty((len(V), 0)) for V in U] if X is None else X if isinstance(X, list) else [X]
    counts = [np.ones(len(V), bool) for V in U] if counts is None else counts
    counts = counts if isinstance(counts, list) else [counts]
    rows = [(u, E, c) for V, E, c in zip(U, X, counts) for u in V.T if np.isfinite(u[c]).any()]
    rows = [of for of in rows if np.nanmax(of[0]) > np.nanmin(of[0])] or rows  # a constant tells nothing
    nothing = np.zeros(1), np.zeros((1, X[0].shape[1])), np.ones(1, bool)
    rows = rows[:: -(-len(rows) // MOST_COLUMNS)] or [nothing]
    most = min(MOST_ROWS, MOST_SHARED // len(rows))
    every = max(1, -(-X[0].shape[1] // MOST_INPUTS))
    rows = ((u[-most:], E[-most:, ::every], c[-most:]) for u, E, c in rows)
    columns, inputs, counts = map(list, zip(*rows))
    seasons = tuple(p for p in find_seasons([u[:, None] for u in columns], index) if p >= SHORTEST)
    n_rows = max(map(len, columns))
    usual = min([p for p in seasons if p <= LONG_SEASON], default=min(STEPS, max(1, n_rows // 10)))
    steps = min(horizon or usual, MOST_STEPS, max(1, n_rows // 5))
    inputs = [_without_nan(E) for E in inputs]
    return Sample(columns, inputs, counts, seasons, n_rows, steps, shared, **asked)


def near_one(V):
    """Scale the columns of V (N, K), or of a list of those, by powers of 2, so that squares of them are finite."""
    if V is None or (isinstance(V, list) and not V):
        return V
    several = V if isinstance(V, list) else [V]
    size = np.max([np.nanmax(np.abs(v), axis=0, initial=0.0, where=np.isfinite(v)) for v in several], axis=0)
    scaled = [np.ldexp(v, -np.frexp(size)[1]) for v in several]
    return scaled if isinstance(V, list) else scaled[0]


def _are_measured(u, differences):
    """Tell whether most of the measured levels u (N,) have the changes that differences are of."""
    changes = np.isfinite(u)
    n = changes[sum(differences) :].sum()
    for lag in differences:
        changes = changes[lag:] & changes[:-lag]
    return changes.sum() >= max(1, ENOUGH * n)


def _far_from_one(U):
    """Tell whether squares of levels, an array or a list of those, are beyond what numbers hold."""
    sizes = [np.nanmax(np.abs(u), initial=0.0) for u in (U if isinstance(U, list) else [U])]
    return max(sizes, default=0.0) > 1e100


def _without_nan(E):
    """Replace NaN in E (N, F) by column means."""
    valid = np.isfinite(E)
    if valid.all():
        return E
    mean = np.where(valid, E, 0.0).sum(axis=0) / np.maximum(valid.sum(axis=0), 1)
    return np.where(valid, E, mean)


def _lagged(E, lags):
    """Delay E (N, F) by each lag, (N, F x lags); its first row is repeated in front."""
    rows = np.maximum(np.arange(len(E))[:, None] - np.array(lags, int), 0)
    return E[rows].reshape(len(E), -1)


def thriftiest(errors, nearly):
    """Return the first of {candidate: error}, ordered from few to many, that is nearly as good as the best."""
    best = min(errors.values())
    return next(name for name, error in errors.items() if error <= nearly * best)


def cuts_of(n_rows, horizon, least):
    """Cut a series for a backtest: [(rows to learn from, first origin, last origin + 1)], [] where it is too short.

    least : rows that lie before each origin.
    """
    held = int(np.clip(n_rows * 0.4, min(horizon + 4, n_rows // 3), n_rows))
    first, last = max(n_rows - held, least), n_rows - horizon + 1
    if last - first < 2:
        first = max(least, last - 4)
    if last <= first:
        return []
    edges = np.unique(np.linspace(first, last, FOLDS + 1).astype(int))
    return list(zip(edges[:-1], edges[:-1], edges[1:]))


class Column(NamedTuple):
    """One column as candidates see it: v (N,) without NaN, in units of its own; E (N, F), lagged inputs.

    y : (N,), what v stands for.   unit : of errors of y.
    """

    v: np.ndarray
    E: np.ndarray
    known: np.ndarray
    cuts: list
    back: object  # from v to y
    y: np.ndarray
    unit: float


def columns_of(sample, shifts, inverse=None):
    """List the columns of a sample, with inputs at ``shifts``.

    inverse : the pointwise transform whose inverse takes levels back to y, or None.
    """
    back = (lambda v: v) if inverse is None else inverse.inverse
    rows = zip(sample.columns, sample.inputs, sample.counts)
    return [_column(u, _lagged(E, shifts), counts, sample, back) for u, E, counts in rows]


def _column(u, E, counts, sample, back):
    """Prepare a ``Column`` of levels u (N,) and lagged inputs."""
    measured, v = np.isfinite(u) & counts, filled(u, sample.seasons)
    center, scale = v.mean(), v.std() or 1.0
    v, cuts = (v - center) / scale, sample.cuts(u)
    y = back(center + scale * v)
    unit = max(np.nanstd(np.diff(y)), 1e-300) if cuts else 1.0
    return Column(v, E, measured, cuts, lambda v: back(center + scale * v), y, unit)


def _sums(column, lags, differences):
    """Sum the rows of a column before each of its cuts."""
    rows = regressors(column.v, column.E, lags, differences)
    return sums_until(rows, column.known.astype(float), [cut for cut, _, _ in column.cuts])


def error_of(sample, columns, lags, differences):
    """Average errors over held stretches, relative to persistence; of the best penalty.

    columns : of ``columns_of``. Several series share their coefficients.
    """
    total, naive = np.zeros(len(PENALTIES)), 0.0
    sums = [_sums(column, lags, differences) for column in columns]
    for fold in range(max(len(column.cuts) for column in columns)):
        active = [(column, of[fold]) for column, of in zip(columns, sums) if fold < len(column.cuts)]
        shared = ridge(pooled([of_fold for _, of_fold in active]), PENALTIES) if sample.shared else None
        for column, of_fold in active:
            fits = ridge(of_fold, PENALTIES) if shared is None else shared
            models = [in_levels(*fit, lags, differences) for fit in fits]
            if any(explodes(model.a, column.cuts[fold][0]) for model in models):
                return np.inf
            errors, of_persistence = _errors_ahead(column, column.cuts[fold], models, sample.horizon)
            total, naive = total + errors, naive + of_persistence
    return float(np.min(total) / naive) if naive > 0 else 1.0


def _errors_ahead(column, cut, models, horizon):
    """Sum errors from all origins behind a cut, of n models (n,) and of persistence, in one unit."""
    origins = np.arange(*cut[1:])
    at = origins[:, None] + np.arange(horizon)
    y, unit = column.y, column.unit
    truth = np.where(column.known[at], y[at], np.nan)
    forecasts = [column.back(v) for v in each_ahead(models, column.v, column.E, origins, horizon)]
    errors = [_total(np.where(np.isfinite(v), v, np.inf) - truth) for v in forecasts]
    return np.array(errors) / unit, _total(y[origins - 1][:, None] - truth) / unit


def _total(errors):
    """Sum absolute errors, without NaN; ``np.nansum`` takes three times as long."""
    size = np.abs(errors)
    return np.where(np.isnan(size), 0.0, size).sum()
