"""Learning by a race: series become blocks, ``race.py`` compares, members are fitted to all rows; and the report."""

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from .._estimators.intervals.errors import Made
from .._nets.dynamics import Learner, Trained
from .._series import timeline as timelines
from .._series.seasons import Calendar, find_seasons, step_in_days
from .._series.stamps import Stamps, to_index
from .._values import kept
from .._warn import warn
from . import leaning, race
from .candidates import LinearCandidate, Naive
from .dynamics import KEPT, Blend, History, Reading, scale_of
from .field import errors_by_step, make_field


ROOM = 3.0  # times the range of training by which a forecast may leave it
SHOWN = (1, 3, 6, 12, 24, 48, 96)  # steps in the leaderboard
BESIDE = 30  # spare rows in a memory beyond those that members need
LEAST_MEASURED = 5  # values of an output, below which the race tells nothing of it


@kept("race")
class Raced(NamedTuple):
    """The outcome of a race, as a fitted model keeps it.

    entered : candidates of the members.   board, by_step, verdict : the report.   made : ``Made``, the blend's
    forecasts on the held stretches.   reach : steps that were compared.   leans : whether recent errors are taken off.
    """

    entered: list
    board: list
    by_step: dict
    verdict: str
    made: Made
    reach: int
    leans: bool = False


class Outcome(NamedTuple):
    """The outcome of an earlier race: candidates of the members and their weights (C, h, O)."""

    entered: list
    weights: np.ndarray
    raced: Raced


@dataclass(frozen=True, eq=False)
class RaceLearner(Learner):
    """The learner of an ``AutoForecaster``.

    outcome : that of an earlier race, whose members learn again, or None for a race.   several : whether rows are of
    several series.   stamps : those of the longest series, or None.
    """

    outcome: Any = None
    several: bool = False
    stamps: Stamps | None = None

    sees_y = True
    on_grid = True
    whole_scale = False

    def of(self, table):
        """Return the learner of a table."""
        longest = max(table.parts, key=lambda part: part.rows.stop - part.rows.start)
        several = table.form != "table" or longest.key is not None
        return RaceLearner(self.p, self.outcome, several, longest.stamps)

    # ---------------------------------------------------------------------------------- learning

    def learn(self, net, series, mean, rng, before=None):
        """Run the race, and fit the members to all rows."""
        scales = [scale_of(s.Y) if self.several else np.ones(s.Y.shape[1]) for s in series]
        Ys = [s.Y / scale for s, scale in zip(series, scales)]
        reading = self._reading(Ys)
        times = [reading.times(s.X[:, -1]) for s in series]
        blocks = [reading.block(s.X[:, :-1], Y, at, weight=s.w) for s, Y, at in zip(series, Ys, times)]
        reach = max(1, min(int(self.p.horizon), max(map(len, blocks)) // 3 - int(self.p.gap)))
        # Threads of OpenMP spin while they wait: where another process has a core, two take minutes for a second.
        with threadpool_limits(1, user_api="openmp"):
            entered, weights, lags, raced = (
                self._raced_before() if self.outcome else self._raced(blocks, reach)
            )
            steps = int(self.p.gap) + raced.reach
            members = tuple(candidate.learn(blocks, steps) for candidate in entered)
        dynamics = self._blend(members, weights, reading, lags, Ys, scales, mean, raced.leans)
        n = dynamics.looks_back
        ends = [
            History(
                s.X[-n:, :-1],
                s.Y[-n:],
                None if at is None else at[-n:],
                len(s.Y),
                k,
                scale if self.several else None,
            )
            for k, (s, at, scale) in enumerate(zip(series, times, scales))
        ]
        return Trained(dynamics, 1, [], [], raced, ends)

    def without_history(self, trained, series, memory, known):
        """Return both as they are: nothing is learnt of new series, and of others members know what was measured."""
        return series, memory

    def learn_more(self, trained, series, memory, rng):
        """Extend the members by new rows of a training series; of other series nothing is learnt."""
        dynamics = trained.dynamics
        if memory.number is None:
            return trained
        rows = dynamics._joined(series.X, series.Y, memory)
        n = len(memory.Y)
        weight = np.concatenate([np.zeros(n), series.w])
        block = dynamics.reading.block(
            rows.X, rows.Y / dynamics.unit(memory), rows.times, rows.n - len(rows.Y), weight
        )
        members = tuple(member.more(block, memory.number, n) for member in dynamics.members)
        return trained._replace(dynamics=dynamics.but(members=members))

    def _reading(self, Ys):
        """Identify the seasons of series in their units; returns the ``Reading``."""
        stamps, index = self.stamps, None
        if stamps is not None and stamps.clock.kind != "int":
            index = to_index(stamps.clock._replace(period=None), stamps.values)
        step = step_in_days(index) if index is not None else None
        calendar = Calendar(step, find_seasons(Ys, index if step else None), max(map(len, Ys)))
        dated = step and stamps.clock.kind == "stamp"
        return Reading(calendar, timelines.read(stamps) if dated else None, self.p._columns_known_ahead())

    def _blend(self, members, weights, reading, lags, Ys, scales, mean, leans):
        """Join members and weights (C, h, O) to a ``Blend``."""
        # the last one's weights go on
        step = np.minimum(np.arange(int(self.p.horizon)), weights.shape[1] - 1)
        season = max((1, *reading.calendar.seasons))
        furthest = max([max(lags), *(member.lead for member in members)])
        gap = int(self.p.gap)
        furthest += leaning.reach(len(step)) + len(step) if leans else 0
        looks_back = min(KEPT, furthest + 2 * season + len(step) + BESIDE) + 2 * gap
        limits, scale = _range_of(Ys), np.median(scales, axis=0) if self.several else None
        level = _level_of([Y[-looks_back:] for Y in Ys])
        rows = reading, tuple(lags), looks_back, level, mean[0][:-1], scale, *limits, gap
        return Blend(weights[:, step].ravel(), members, len(step), *rows, self.p.ensemble, leans)

    # ---------------------------------------------------------------------------------- the race

    def _raced_before(self):
        """Return candidates, weights, lags and report of an earlier race."""
        outcome = self.outcome
        return outcome.entered, outcome.weights, _lags_of(outcome.entered), outcome.raced

    def _raced(self, blocks, reach):
        """Run a race on blocks; returns candidates, weights, lags and report."""
        p, O = self.p, blocks[0].Y.shape[1]
        try:
            field = make_field(race.sample(blocks), blocks[0].clock, reach, int(p.gap))
        except ValueError:
            return self._without_race(reach, O)
        _warn_of_hardly_measured(field)
        n_rows = max(0, sum(map(len, blocks)) - race.FREE_ROWS)
        worth = race.LEAST_WORK + race.PER_ROW * n_rows * O
        by_user = not isinstance(p.candidates, str)  # they are to be seen, however few the rows
        work = 0.8 * p.time_budget if by_user else min(0.8 * p.time_budget, worth)
        purse = race.Purse(work, p.time_budget)
        seed = p.random_state if isinstance(p.random_state, Integral) else None
        result = race.run(field, purse, p.candidates, seed, print if p.verbose else None, p.ensemble)
        if purse.ran_out:
            warn(
                f"time_budget={p.time_budget}: the clock ran out before all candidates were tried, so the result may "
                "differ on another machine. Allow more seconds, or give fewer candidates."
            )
        chosen = [result.runners[k].candidate for k in result.members]
        entered = [c.forgetful() if isinstance(c, LinearCandidate) else c for c in chosen]
        lags = _lags_of([runner.candidate for runner in result.runners])
        board, by_step, verdict = _report(field, result)
        return (
            entered,
            result.weights,
            lags,
            Raced(entered, board, by_step, verdict, _made(field, result), reach, result.leans),
        )

    def _without_race(self, reach, O):
        """Fall back on persistence, with a warning, where there are too few rows to compare anything."""
        verdict = "Too few rows to compare forecasts, so the last value is repeated."
        warn(f"{verdict} Give more rows, or a shorter horizon.")
        board = [{"candidate": "persistence", "error": 1.0, "weight": 1.0}]
        nothing = np.empty((0, reach, O))
        made = Made(np.empty(0, int), nothing, nothing, np.empty((0, O)))
        return [Naive(1)], np.ones((1, reach, O)), (1,), Raced([Naive(1)], board, {}, verdict, made, reach)


def _warn_of_hardly_measured(field):
    """Warn of the output that has too few values on held rows to compare forecasts by."""
    measured = np.isfinite(field.truth[:, 0]).sum(axis=0)
    worst = int(np.argmin(measured))
    if measured[worst] < min(LEAST_MEASURED, len(field.truth) / 2):
        warn(
            f"Output {worst} of y has only {measured[worst]} measured value(s) on the {len(field.truth)} rows on "
            "which forecasts are compared, too few to tell which are good. Give more rows, or fit that output with a "
            "model of its own."
        )


def _lags_of(candidates):
    """Return the lags of y of the first autoregression."""
    return next((c.recipes[0].lags for c in candidates if isinstance(c, LinearCandidate)), (1,))


def _level_of(Ys):
    """Average the means of series Y (N, O), (O,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of series without any value
        return np.nan_to_num(np.nanmean([np.nanmean(Y, axis=0) for Y in Ys], axis=0))


def _range_of(Ys):
    """Return bounds (O,) of forecasts: the range of series Y (N, O) and ROOM times its width on either side."""
    low = np.min([np.nanmin(np.where(np.isfinite(Y), Y, np.inf), axis=0) for Y in Ys], axis=0)
    high = np.max([np.nanmax(np.where(np.isfinite(Y), Y, -np.inf), axis=0) for Y in Ys], axis=0)
    room = ROOM * np.maximum(high - low, 1e-3 * np.maximum(np.abs(high), np.abs(low)))
    return low - room, high + room


# ---------------------------------------------------------------------------------------- the report


def _made(field, result):
    """Collect the blend's out-of-sample forecasts on the held stretches, and their errors, as ``Made``."""
    rows, last, times, leap = [], [], [], 0
    several = len(field.blocks) > 1 and all(block.stamps is not None for block in field.blocks)
    for fold in field.stretches:
        for block, stretch in zip(field.blocks, fold):
            at = stretch.origins
            if len(at):
                rows.append(leap + at - at[0])
                last.append(block.levels(None)[np.maximum(at - 1, 0)])
                times += [block.stamps.values[at]] if several else []
                leap = rows[-1][-1] + 1 + field.steps
    errors, times = field.truth - result.honest, np.concatenate(times) if several else None
    return Made(np.concatenate(rows), result.honest, errors, np.concatenate(last), None, times)


def _report(field, result):
    """Return the leaderboard, errors by step and the verdict; warn if nothing beats naive forecasts."""
    weight = dict(zip(result.members, result.weights.mean(axis=(1, 2))))
    error = field.error(result.blended)
    rows = [("blend", error, result.blended, np.nan, 1.0, "")]
    rows += [
        (r.candidate.name, r.error, r.forecasts, r.seconds, weight.get(k, 0.0), r.dropped)
        for k, r in enumerate(result.runners)
    ]
    shown = [s for s in SHOWN if s < field.horizon] + [field.horizon]
    table, by_step = [], {}
    for k, (name, err, forecasts, seconds, share, note) in enumerate(rows):
        rmse = None if forecasts is None else errors_by_step(forecasts - field.truth)[0].mean(axis=1)
        table.append(
            {"candidate": name, "error": float(err)}
            | {f"RMSE-{s}": np.nan if rmse is None else float(rmse[s - 1]) for s in shown}
            | {"weight": float(share), "seconds": seconds, "note": note}
        )
        if k == 0 or k - 1 in weight or isinstance(result.runners[k - 1].candidate, Naive):
            by_step[name] = rmse
    board = [table[0], *sorted(table[1:], key=lambda row: row["error"])]
    return board, by_step, _verdict(field, error, board[1]["candidate"])


def _verdict(field, error, best):
    """Compare the blend with naive forecasts, in one line; warn if it is no better."""
    p, h = field.best_naive, field.horizon
    naive = "persistence" if p == 1 else f"the seasonal naive forecast ({p} rows)"
    steps = f"{h} step{'s' if h > 1 else ''}"
    if 0.995 <= error < 1:
        return f"The blend errs as much as {naive} over {steps}; the best alone is {best}."
    if error < 1:
        return f"The blend errs {1 - error:.0%} less than {naive} over {steps}; the best alone is {best}."
    verdict = f"Nothing beats {naive} over {steps}."
    warn(f"{verdict} Add inputs that say more about y, or use a shorter horizon.")
    return verdict
