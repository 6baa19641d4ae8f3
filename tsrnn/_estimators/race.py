"""The race: candidates are proposed, compared on all origins of held stretches, dropped early, and blended.

    1. naive forecasts, the mean; autoregressions by a search over lags, differences, calendar, penalties (``linear.py``)
    2. exponential smoothing, where series are short
    3. nets and foreign regressors: on the first stretch; those that are far behind there are dropped, others run all
    4. the few whose mean is best; their weights by step (``blend.py``)

The budget counts work in nominal seconds, from counts of rows and weights; a clock only stops what would not end.
"""

import time
from typing import Any, NamedTuple

import numpy as np

from .._models.esn import ESNRegressor
from .._models.gru import GRURegressor
from .._models.narx import NARXRegressor
from .._series.seasons import propose_pointwise
from .._series.targets import Difference
from . import blend
from .candidates import Foreign, Linear, Mean, Naive, Net, Smoothing
from .field import errors_by_step
from .linear import Search


MOST_LINEAR = 20  # autoregressions that go on to the blend
FAR_BEHIND = 1.25  # times the best error on the first stretch, beyond which a candidate is dropped
SHORT = 6000  # rows, beyond which exponential smoothing is not tried
PER_ROW = 1.2e-3  # nominal seconds of work for nets that a row and output is worth
FLOPS = 4e9  # a second, in nominal seconds


class Runner(NamedTuple):
    """A candidate and how it did.   error : infinite where it was dropped, for the reason that is given."""

    candidate: Any
    error: float
    made: Any
    seconds: float
    dropped: str = ""


class Result(NamedTuple):
    """The end of a race.   members : numbers of runners.   weights : (C, h, O)."""

    runners: list
    members: list
    weights: np.ndarray
    blended: np.ndarray


class Purse:
    """How much work, in nominal seconds, and how many real seconds are left."""

    def __init__(self, work, seconds, clock=time.monotonic):
        self.work, self.clock, self.end = work, clock, clock() + seconds
        self.ran_out = False

    def pays(self, work):
        """Whether so much is left; it is spent then."""
        if self.clock() > self.end:
            self.ran_out = True
            return False
        if work > self.work:
            return False
        self.work -= work
        return True


def run(field, purse, candidates, random_state, tell=None):
    """``Result`` of a race on a field.

    candidates : "auto", or a list of estimators, regressors and words.
    """
    O = field.truth.shape[2]
    runners = []

    def enter(candidate, folds=None, seconds=0.0):
        begin = time.process_time()
        made = candidate.backtest(field, range(len(field.stretches)) if folds is None else folds)
        runner = Runner(candidate, field.error(made), made, time.process_time() - begin + seconds)
        runners.append(runner)
        if tell is not None:
            tell(f"{candidate.name}: {runner.error:.4f}")

    for candidate in _naive(field):
        enter(candidate)
    linear, recipes, seconds = _linear(field, O)
    for candidate in linear:
        enter(candidate, seconds=seconds)
    for candidate in _smooth(field):
        if purse.pays(candidate.work_on(sum(map(len, field.blocks)), O)):
            enter(candidate)
    for candidate in _nets(field, recipes, candidates, random_state):
        runners.append(_by_rungs(field, candidate, runners, purse))
        if tell is not None:
            tell(f"{candidate.name}: {runners[-1].dropped or format(runners[-1].error, '.4f')}")
    return _finish(field, runners)


def _finish(field, runners):
    """Members and weights of the runners that are left."""
    left = sorted((k for k, r in enumerate(runners) if not r.dropped), key=lambda k: runners[k].error)
    made = [np.clip(runners[k].made, -1e150, 1e150) for k in left]
    chosen = blend.choose_members(np.stack(made), field.error)
    forecasts = np.stack([made[c] for c in chosen])
    weights = np.stack(
        [blend.weights(forecasts[..., o], field.truth[..., o]) for o in range(field.truth.shape[2])], axis=2
    )
    blended = np.einsum("cmho,cho->mho", forecasts, weights)
    return Result(runners, [left[c] for c in chosen], weights, blended)


def _naive(field):
    return [Naive(1), *(Naive(p) for p in field.clock.seasons), Mean()]


def _linear(field, O):
    """Autoregressions, their recipes for each output (the best), and the seconds that each took."""
    begin = time.process_time()
    searches = [Search(field, o).run() for o in range(O)]
    kept = [_different(trials) for trials in searches]
    n = min(map(len, kept))
    found = [
        Linear([of[k].recipe for of in kept], np.stack([of[k].made for of in kept], axis=2)) for k in range(n)
    ]
    seconds = (time.process_time() - begin) / sum(map(len, searches))
    return found, [of[0].recipe for of in searches], seconds


def _different(trials):
    """The best trials, and of each kind of differences the best."""
    first = {}
    for trial in trials:
        first.setdefault(trial.recipe.differences, trial)
    kept = trials[:MOST_LINEAR]
    return sorted(kept + [t for t in first.values() if all(t is not k for k in kept)], key=lambda t: t.error)


def _smooth(field):
    """Exponential smoothing with and without the first season, of y and of its logarithm or root."""
    if max(map(len, field.blocks)) > SHORT:
        return []
    transforms = propose_pointwise([block.Y for block in field.blocks], field.clock.seasons)
    periods = [1, *(p for p in field.clock.seasons[:1] if p <= 60)]
    return [Smoothing(g, p) for g in transforms for p in periods]


# ------------------------------------------------------------------------------------ nets


def _nets(field, recipes, candidates, random_state):
    """Nets and foreign regressors to try, the cheapest first."""
    if not isinstance(candidates, str):
        return [_given(field, one, recipes) for one in candidates]
    n_rows = sum(map(len, field.blocks))
    recipe = recipes[0]
    steps = [] if recipe.pointwise is None else [recipe.pointwise]
    steps += [Difference(p) for p in recipe.differences]
    lags = tuple(k for k in recipe.lags if k <= max(1, max(map(len, field.blocks)) // 4))
    common = {"output_lags": lags, "target_transform": steps or None, "random_state": random_state}
    D = field.blocks[0].calendar(1).shape[1] + field.blocks[0].ahead.shape[1]
    inputs = {"input_lags": 0} if D else {"input_lags": ()}
    weights = 8 * (len(lags) + D + 2)
    return [
        Net(
            NARXRegressor((8,), training="open_loop", **inputs, **common),
            "NARX(8)",
            30 * 2 * n_rows * weights**2 / FLOPS + 0.2,
        ),
        Net(
            ESNRegressor(200, **({"input_lags": 0} if D else {}), **common),
            "ESN(200)",
            1.5e-3 * n_rows + 0.2,
        ),
        Net(
            GRURegressor((16,), **({"input_lags": 0} if D else {}), **common),
            "GRU(16)",
            3e-3 * n_rows + 0.5,
        ),
    ]


def _given(field, one, recipes):
    """The candidate that a user's estimator stands for."""
    from .sequence import SequenceRegressor

    n_rows = sum(map(len, field.blocks))
    if isinstance(one, SequenceRegressor):
        return Net(one, type(one).__name__, 1e-3 * n_rows)
    return Foreign(one, recipes, 1e-3 * n_rows)


def _by_rungs(field, candidate, runners, purse):
    """The ``Runner`` of a candidate: on the first stretch, and on all if it is not far behind there."""
    begin = time.process_time()
    n = len(field.stretches)

    def left(reason):
        return Runner(candidate, np.inf, None, time.process_time() - begin, reason)

    if not purse.pays(candidate.work / 2):
        return left("no budget")
    try:
        made = candidate.backtest(field, [0])
        here = np.isfinite(made).all(axis=(1, 2))
        best = min(_error_of(field, r.made, here) for r in runners if not r.dropped)
        if n > 1:
            error = _error_of(field, made, here)
            if not here.any() or error > FAR_BEHIND * best:
                return left(f"{error / best - 1:.0%} behind on the first stretch")
            if not purse.pays(candidate.work * (n - 1) / 2):
                return left("no budget")
            rest = candidate.backtest(field, range(1, n))
            made = np.where(here[:, None, None], made, rest)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        return left(str(error).splitlines()[0][:80])
    return Runner(candidate, field.error(made), made, time.process_time() - begin)


def _error_of(field, made, here):
    """The error over some of the origins, (M,) bool."""
    if not here.any():
        return np.inf
    return float(np.mean(errors_by_step(made[here], field.truth[here]) / field.naive))
