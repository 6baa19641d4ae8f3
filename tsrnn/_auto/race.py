"""The race: candidates are proposed, compared on all origins of held stretches, dropped early, and blended.

    1. naive forecasts, the mean; autoregressions by a search over lags, differences, penalties (``linear.py``)
    2. exponential smoothing, where series are short
    3. nets and regressors (trees): on the last stretch; those that are far behind there are dropped, others run all
    4. the few whose mean is best; their weights by step (``blend.py``), shrunk to those of the best of each kind
    5. what the blend errs to one side is taken off (``leaning.py``), where it errs less then

The budget counts work in nominal seconds, from counts of rows and weights; a clock only stops what would not end.
"""

import time
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from .._estimators.regressor import SequenceRegressor
from .._models.esn import ESNRegressor
from .._models.gru import GRURegressor
from .._models.narx import NARXRegressor
from .._models.tdnn import TDNNRegressor
from .._series.seasons import find_once, propose_pointwise
from .._series.targets import Difference
from . import blend, leaning
from .candidates import PAIRS, Foreign, LinearCandidate, Mean, Naive, Net, Smoothing
from .field import HUGE, errors_by_step
from .linear import Search


MOST_LINEAR = 20  # autoregressions offered to the blend, which takes a few
FAR_BEHIND = 1.25  # times the best error on the last stretch, beyond which a candidate is dropped
DEAR, NEAR = 5.0, 1.15  # nominal seconds of work, from which it must be nearer: blends rarely take it then
ALIKE = 2.0  # times the best error, within which the best of a kind is still one to believe in
PRIOR = 20  # independent errors' worth of belief in the best of each kind
MOST_ROWS = 50_000  # of many series, on which candidates are compared
MOST_LAGS = 24  # of a net
SHORT = 6000  # rows, beyond which exponential smoothing is not tried
LONGEST_SEASON = 170  # rows of a season of smoothing: a week of hours
TOO_DEAR = "more work than the time budget, or so few rows, allow"
PER_ROW = 8e-3  # nominal seconds of work for nets that a row and output is worth
FREE_ROWS = 850  # below which nets rarely pay
MANY_ROWS, ITERATIONS = 2500, 1800  # of a net through time: from there on fewer iterations, as many passes
LEAST_WORK = 0.3  # nominal seconds
BELIEF = {
    LinearCandidate: 1.0,
    Smoothing: 2.0,
    Foreign: 1.0,
    Naive: 0.5,
}  # smoothing is a mean of many models
LEAST_ERROR = 1e-9  # to divide by
NOTHING = 1e9  # the penalty of a ridge regression that learns no coefficient


class Runner(NamedTuple):
    """A candidate and its result.   error : infinite where it was dropped.   dropped : the reason, or "".

    forecasts : (M, h, O), or None.   seconds : of processor time.
    """

    candidate: Any
    error: float
    forecasts: Any
    seconds: float
    dropped: str = ""


class Result(NamedTuple):
    """The outcome of a race.

    members : numbers of runners.   weights : (C, h, O).   blended : (M, h, O), the blend's forecasts.   honest : (M, h,
    O), out-of-sample: on each stretch those of a blend that was chosen on the others.   leans : whether recent errors
    are taken off.
    """

    runners: list
    members: list
    weights: np.ndarray
    blended: np.ndarray
    honest: np.ndarray
    leans: bool = False


class Purse:
    """The budget: nominal seconds of work, and a clock, which other jobs of the machine do not move."""

    def __init__(self, work, seconds):
        self.work, self.end = work, time.thread_time() + seconds
        self.ran_out = False

    def late(self):
        """Return whether the clock has run out."""
        self.ran_out = self.ran_out or time.thread_time() > self.end
        return self.ran_out

    def pays(self, work):
        """Spend ``work`` if the budget allows it; returns whether it did."""
        if self.late() or work > self.work:
            return False
        self.work -= work
        return True


def sample(blocks):
    """Draw some of very many series, on which candidates are compared; members are fitted to all."""
    drawn, rows = [], 0
    for i in np.random.default_rng(0).permutation(len(blocks)):
        if drawn and rows + len(blocks[i]) > MOST_ROWS:
            break
        drawn.append(i)
        rows += len(blocks[i])
    return [blocks[i] for i in sorted(drawn)]


def run(field, purse, candidates, random_state, tell=None, ensemble="mean"):
    """Run a race on a field; returns its ``Result``.

    candidates : "auto", or a list of estimators and regressors.   tell : called with a line for each candidate.
    ensemble : "mean" or "median", how members are joined.
    """
    runners = []

    def enter(runner):
        runners.append(runner)
        if tell is not None:
            tell(f"{runner.candidate.name}: {runner.dropped or format(runner.error, '.4f')}")

    for candidate in _naive(field):
        enter(_whole(field, candidate))
    linear, recipes, seconds = _linear(field, purse.late)
    for candidate in linear:
        enter(_whole(field, candidate, seconds))
    for candidate in _smooth(field):
        enter(_whole(field, candidate))
    for candidate in _nets(field, recipes, candidates, random_state):
        enter(_by_rungs(field, candidate, runners, purse))
    return _finish(field, runners, ensemble)


def _whole(field, candidate, seconds=0.0):
    """Run a candidate on all stretches; returns its ``Runner``.   seconds : that finding it took."""
    begin = time.process_time()
    forecasts = candidate.backtest(field, range(len(field.stretches)))
    return Runner(candidate, field.error(forecasts), forecasts, time.process_time() - begin + seconds)


def _finish(field, runners, ensemble="mean"):
    """Choose members and weights among the runners that finished; returns the ``Result``."""
    order = sorted((k for k, r in enumerate(runners) if not r.dropped), key=lambda k: runners[k].error)
    able = [k for k in order if runners[k].error <= ALIKE * runners[order[0]].error]
    kinds = [_kind(runners[k].candidate) for k in able]
    forecasts = np.stack([np.clip(runners[k].forecasts, -HUGE, HUGE) for k in able])
    wrong = (forecasts - field.truth) / field.unit
    chosen, weights = _blend(field, wrong, kinds, np.ones(len(field.folds), bool))
    blended = blend.joined(forecasts[chosen], weights, ensemble)
    honest, numbers = blended.copy(), np.unique(field.folds)
    for f in numbers if len(numbers) > 1 else ():
        in_fold = field.folds == f
        blind, blind_weights = _blend(field, wrong, kinds, ~in_fold)
        honest[in_fold] = blend.joined(forecasts[blind][:, in_fold], blind_weights, ensemble)
    if ensemble == "median":  # in which all have the same say
        weights = np.full_like(weights, 1 / len(weights))
    leans = leaning.pays(field, honest)
    if leans:
        blended, honest = (v - leaning.of_field(field, v) for v in (blended, honest))
    return Result(runners, [able[c] for c in chosen], weights, blended, honest, leans)


def _kind(candidate):
    """Return the family and the kind of a candidate of which the best is always blended; None for others."""
    family = type(candidate)
    if family not in BELIEF:
        return None
    return family, candidate.recipes[0].differences if family is LinearCandidate else ()


def _blend(field, wrong, kinds, at):
    """Choose members by the errors ``wrong`` (C, M, h, O) at some origins, (M,) bool, and weigh them, (C, h, O).

    Weights are shrunk to those of the best of each of ``kinds`` (C,): the more, the fewer independent errors there are.
    """
    wrong = wrong[:, at]
    near, believed = _contenders(field, wrong, kinds)
    chosen = [near[c] for c in blend.choose_members(wrong[near], field.naive)]
    from_errors = np.stack([blend.weights(wrong[chosen][..., o]) for o in range(field.n_outputs)], axis=2)
    share = PRIOR / (PRIOR + field.n_held / field.horizon) if believed else 0.0
    members = list(dict.fromkeys([*chosen, *believed]))
    weights = np.zeros((len(members), *from_errors.shape[1:]))
    weights[: len(chosen)] = (1 - share) * from_errors
    for c, part in believed.items():
        weights[members.index(c)] += share * part
    return members, weights


def _contenders(field, wrong, kinds):
    """List who may be chosen by errors (C, M, h, O), those near the best; belief in the best of each kind, a dict."""
    errors = np.array([np.mean(errors_by_step(e) / field.naive) for e in wrong])
    order = np.argsort(errors, kind="stable")
    best, first = errors[order[0]], {}
    for c in order:
        if kinds[c] is not None and errors[c] <= ALIKE * best:
            first.setdefault(kinds[c], c)
    return [c for c in order if errors[c] <= FAR_BEHIND * best], _beliefs(first, errors)


def _beliefs(first, errors):
    """Share belief among the best of each kind, a dict by number: more is given to those that err less."""
    sizes = Counter(family for family, _ in first)
    shares = {
        c: BELIEF[family] / sizes[family] / max(errors[c], LEAST_ERROR) ** 2
        for (family, _), c in first.items()
    }
    return {c: share / sum(shares.values()) for c, share in shares.items()}


def _naive(field):
    """List naive forecasts; of a season seen once too, of which nothing else can learn."""
    seasons = field.clock.seasons
    once = find_once([block.levels(None) for block in field.blocks], field.blocks[0].stamps)
    repeats = [Naive(p, max((1, *seasons))) for p in once]
    return [Naive(1), *(Naive(p) for p in seasons), *repeats, Mean()]


def _linear(field, late):
    """Search autoregressions; returns candidates, the best recipe of each output, and seconds a trial."""
    begin = time.process_time()
    searches = [Search(field, o, late).run() for o in range(field.n_outputs)]
    best = [_different(trials) for trials in searches]
    n = min(map(len, best))
    candidates = [
        LinearCandidate([of[k].recipe for of in best], np.stack([of[k].forecasts for of in best], axis=2))
        for k in range(n)
    ]
    seconds = (time.process_time() - begin) / sum(map(len, searches))
    return candidates, [of[0].recipe for of in searches], seconds


def _different(trials):
    """Keep the best trials, and the best of each set of differences."""
    first = {}
    for trial in trials:
        first.setdefault(trial.recipe.differences, trial)
    kept = trials[:MOST_LINEAR]
    return sorted(kept + [t for t in first.values() if all(t is not k for k in kept)], key=lambda t: t.error)


def _smooth(field):
    """Propose exponential smoothing with each season and without, of y and of its logarithm or root."""
    lengths = [len(block) for block in field.blocks]
    if max(lengths) > SHORT or sum(lengths) * field.n_outputs > 5 * SHORT:
        return []
    transforms = propose_pointwise([block.Y for block in field.blocks], field.clock.seasons)
    seasons = [p for p in field.clock.seasons if p <= LONGEST_SEASON]
    return [Smoothing(g, p) for g in transforms for p in seasons or (1,)]


# ------------------------------------------------------------------------------------ nets


def _nets(field, recipes, candidates, random_state):
    """List the nets and regressors to try, those that gain most for their work first."""
    if not isinstance(candidates, str):
        return [_given(field, _seeded(estimator, random_state), recipes) for estimator in candidates]
    from sklearn.ensemble import HistGradientBoostingRegressor  # which takes a while to load

    n_rows, O = sum(map(len, field.blocks)), field.n_outputs
    size, pairs = n_rows * O, O * min(PAIRS, n_rows * field.steps)
    recipe, seasons = recipes[0], field.clock.seasons
    sees_inputs = field.blocks[0].calendar(1).shape[1] + field.blocks[0].ahead.shape[1] > 0
    seeded, pointwise = {"random_state": random_state}, [] if recipe.pointwise is None else [recipe.pointwise]
    lags = {"input_lags": 0, "output_lags": _few(recipe.lags, seasons), **seeded}
    levels = {"target_transform": pointwise or None}
    changes = {"target_transform": [*pointwise, Difference(1)], "input_lags": 0 if sees_inputs else ()}
    scaling = 0.1 if sees_inputs else None  # to choose it would take thrice the time
    few = {"max_iter": ITERATIONS * MANY_ROWS // size + 1} if size > MANY_ROWS else {}
    echo = ESNRegressor(200, input_scaling=scaling, **lags, **levels)
    narx = NARXRegressor((8,), training="open_loop", **{**lags, **changes})
    gru = GRURegressor((16,), **lags, **levels, **few)
    tdnn = TDNNRegressor((16,), input_lags=0, solver="lbfgs", **seeded)
    boosting, boosting_work = HistGradientBoostingRegressor(**seeded), 1.1e-4 * pairs + 0.5
    on_lags = [_naive_recipe(r, seasons) for r in recipes]
    return [
        Net(echo, "ESN(200)", 6e-5 * size + 0.1),
        Foreign(tdnn, recipes, 1e-4 * pairs + 0.3, "TDNN(16) on ARX"),
        Foreign(boosting, recipes, boosting_work, "gradient boosting on ARX"),
        Foreign(boosting, on_lags, boosting_work, "gradient boosting on lags"),
        Net(narx, "NARX(8)", 5e-4 * size + 0.3),
        Net(gru, "GRU(16)", 1e-3 * size + 1.0),
    ]


def _naive_recipe(recipe, seasons):
    """Return a recipe with the same lags that forecasts the last season, or the last value, as it was.

    A regressor then sees the whole of y, in which effects of its level are not hidden by a linear model.
    """
    return recipe._replace(
        differences=tuple(seasons[:1]) or (1,),
        penalty=NOTHING,
        detail=0,
        input_lags=(),
        shapes=(),
        half_life=np.inf,
        pooling=np.inf,
    )


def _few(lags, seasons):
    """Thin out lags for nets: the nearest, and those about one and two seasons."""
    if len(lags) <= MOST_LAGS:
        return lags
    near = {k for k in lags if k <= 3 or any(abs(k - m * p) <= 1 for p in seasons for m in (1, 2))}
    return tuple(sorted(near or lags[:MOST_LAGS]))


def _seeded(estimator, random_state):
    """Seed a user's estimator that has no seed of its own."""
    if estimator.get_params(deep=False).get("random_state", 0) is not None:
        return estimator
    return clone(estimator).set_params(random_state=random_state)


def _given(field, estimator, recipes):
    """Make a user's estimator a candidate."""
    n_rows = sum(map(len, field.blocks))
    if isinstance(estimator, SequenceRegressor):
        return Net(estimator, type(estimator).__name__, 1e-3 * n_rows)
    return Foreign(estimator, recipes, 1e-3 * n_rows, f"{type(estimator).__name__} on ARX")


def _by_rungs(field, candidate, runners, purse):
    """Run a candidate on the last stretch, and on the others unless it is far behind there; returns its ``Runner``."""
    begin = time.process_time()
    n = len(field.stretches)

    def dropped(reason):
        return Runner(candidate, np.inf, None, time.process_time() - begin, reason)

    if not purse.pays(candidate.work / n):
        return dropped(TOO_DEAR)
    try:
        forecasts = candidate.backtest(field, [n - 1])
        on_last = np.isfinite(forecasts).all(axis=(1, 2))
        best = min(field.error(r.forecasts, field.folds == n - 1) for r in runners if not r.dropped)
        if n > 1:
            error = field.error(forecasts, on_last) if on_last.any() else np.inf
            most_behind = NEAR if candidate.work > DEAR else FAR_BEHIND
            if not on_last.any() or error > most_behind * best:
                return dropped(f"{error / best - 1:.0%} behind on the last stretch")
            if not purse.pays(candidate.work * (n - 1) / n):
                return dropped(TOO_DEAR)
            on_others = candidate.backtest(field, range(n - 1))
            forecasts = np.where(on_last[:, None, None], forecasts, on_others)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        return dropped(str(error).splitlines()[0][:80])
    return Runner(candidate, field.error(forecasts), forecasts, time.process_time() - begin)
