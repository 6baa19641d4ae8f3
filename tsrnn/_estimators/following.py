"""Following rows: over gaps, from where a series stands, with differences, bounds and sample paths.

A model's hooks work in its own units and know nothing of all that; see ``sequence.py``.  Here

X : (N, F), the user's units, without NaN after ``_fill``.   U : (N, O), levels, NaN where y was not measured.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .._series import timeline as timelines
from .._series.checks import about, check_start
from .._warn import warn
from .loop import Loop


RUN_AWAY = 100  # times the largest y of training, beyond which an output is no forecast
SHORT_GAP = 10  # missing rows over which the memory is still worth more than the mean
MOST_NUMBERS = 2**20  # numbers in runs side by side


class Past(NamedTuple):
    """What is carried from row to row.

    memory : the model's own.   levels : (K, O), the last ones, NaN where unknown.   inputs : (F,), the last known.
    """

    memory: Any
    levels: np.ndarray
    inputs: np.ndarray


class Place(NamedTuple):
    """Where a series stands: what goes on from the last row seen, the stamps, and the first rows, X and levels."""

    past: Past
    timeline: timelines.Timeline | None
    head: tuple


class Followed(NamedTuple):
    """Rows that were followed.

    out : (N, O), forecasts of the levels.   U : (N, O), levels, the model's own where they were unknown.
    z, Z : (N, O), the same two in the model's units.   after : Past.
    """

    out: np.ndarray
    U: np.ndarray
    z: np.ndarray
    Z: np.ndarray
    after: Past


class Following:
    """How a fitted model follows rows; a part of ``SequenceRegressor``."""

    # ---------------------------------------------------------------------------------- following rows

    def _free_run(self, table, start):
        """Forecasts (N, O) in the user's units."""
        out = np.empty((len(table.X), self.n_outputs_))
        for part, timeline, past, head in self._resume(table, start):
            U = np.full_like(out[part.rows], np.nan)
            U[: len(head)] = head[: len(U)]
            out[part.rows], _ = self._walk(table.X[part.rows], U, part.stamps, past, timeline)
        return self._target.inverse(out)

    def _walk(self, X, U, stamps, past, timeline, steps=1, quiet=False):
        """Follow rows of one series, over gaps; returns forecasts of the levels (N, O) and the past after them.

        X : (N, F), the user's units, NaN where missing.   U : (N, O), levels, NaN where not measured.
        """
        out = np.empty_like(U)
        for p, missing in self._pieces(stamps, len(U), timeline, quiet):
            past = self._across(past, missing)
            filled, inputs = self._fill(X[p], past.inputs)
            followed = self._follow(filled, U[p], past)
            out[p] = followed.out
            if steps > 1:
                head = min(steps - 1, len(filled))
                out[p][:head] = self._follow(filled[:head], np.full_like(U[p][:head], np.nan), past).out
                first = np.arange(len(filled) - head)
                for which, runs in self._runs(filled, followed, past, first, steps):
                    out[p][head:][which] = runs[-1]
            past = followed.after._replace(inputs=inputs)
        if not quiet:
            self._warn_if_astray(out)
        return out, past

    def _follow(self, X, U, past):
        """Follow rows without a gap.   X : (N, F) without NaN, the user's units.   U : (N, O), NaN where unknown."""
        limits, Xz = self._limits(X), self.x_scaler_(X)
        if limits is None and len(past.levels) == 0:
            Z = self.y_scaler_(U)
            z, memory = self._run(Xz, Z, past.memory)
            out, unknown = self.y_scaler_.inverse(z), np.isnan(U)
            U, Z = np.where(unknown, out, U), np.where(unknown, z, Z)
            return Followed(out, U, z, Z, past._replace(memory=memory))
        out, U, z, Z = np.empty_like(U), U.copy(), np.empty_like(U), np.empty_like(U)
        measured = np.isfinite(U).all(axis=1)
        for a, b in pairwise([0, *np.flatnonzero(np.diff(measured)) + 1, len(U)]):
            here = slice(a, b)
            mine = None if limits is None else [side[here] for side in limits]
            if measured[a]:
                W = self._target.differences(U[here], past.levels)
                Z[here] = self.y_scaler_(W)
                z[here], memory = self._run(Xz[here], Z[here], past.memory)
                Z[here] = np.where(np.isnan(Z[here]), z[here], Z[here])
                base = self._target.base(_windows(self._known(past.levels), U[here])[:-1])
                out[here] = base + self.y_scaler_.inverse(z[here])
                if mine is not None:
                    out[here] = np.clip(out[here], *mine)
            else:
                loop = self._loop(past.levels[None], mine, b - a, given=U[here][:, None])
                if self._can_do_without_inputs():
                    first = np.zeros(1, int)
                    runs = self._free_runs(Xz[a:], Z[a:], past.memory, first, b - a, loop)
                    ((_, z_here),) = runs
                    z[here] = z_here[:, 0]
                else:
                    z[here], _ = self._run(Xz[here], np.full_like(Z[here], np.nan), past.memory)
                    for t in range(b - a):
                        loop(slice(0, 1), t, z[here][t : t + 1])
                out[here], U[here], Z[here] = loop.out[:, 0], loop.U[:, 0], loop.Z[:, 0]
                _, memory = self._run(Xz[here], Z[here], past.memory)
            levels = np.concatenate([past.levels, U[here]])[b - a :]
            past = past._replace(memory=memory, levels=levels)
        return Followed(out, U, z, Z, past)

    def _runs(self, X, followed, past, first, steps, draw=None):
        """Free runs from rows ``first`` (M,), ascending: yields (slice of first, levels (steps, m, O)).

        X, past : as for ``_follow``, which gave ``followed``.   draw(z) : errors to add, like z (m, O).
        """
        limits, Xz, O = self._limits(X), self.x_scaler_(X), self.n_outputs_
        plain = limits is None and draw is None and len(past.levels) == 0
        levels = _windows(past.levels, followed.U)
        loop = None

        def settle(which, t, z):
            nonlocal loop
            if t == 0:
                rows = first[which] + np.arange(steps)[:, None]
                mine = None if limits is None else [side[rows] for side in limits]
                loop = self._loop(levels[first[which]], mine, steps, draw=draw)
            return loop(which, t, z)

        if self._can_do_without_inputs():
            for which, z in self._free_runs(
                Xz, followed.Z, past.memory, first, steps, None if plain else settle
            ):
                yield which, self.y_scaler_.inverse(z) if plain else loop.out
            return
        z, some = self._run(Xz, followed.Z, past.memory)[0], max(1, MOST_NUMBERS // (steps * O))
        for m in range(0, len(first), some):
            which = slice(m, min(m + some, len(first)))
            runs = z[first[which] + np.arange(steps)[:, None]]
            if not plain:
                for t in range(steps):
                    settle(which, t, runs[t])
            yield which, self.y_scaler_.inverse(runs) if plain else loop.out

    def _loop(self, levels, limits, steps, given=None, draw=None):
        """What turns outputs into levels, for runs that come from levels (m, K, O)."""
        return Loop(self._target, self.y_scaler_, self._known(levels), limits, steps, given, draw)

    def _known(self, levels):
        """Levels (..., K, O) with the last known one where they are unknown, else the mean of training."""
        if len(levels) == 0 or not np.isnan(levels).any():
            return levels
        levels = levels.copy()
        before = np.broadcast_to(self._level, levels[..., 0, :].shape)
        for k in range(levels.shape[-2]):
            before = levels[..., k, :] = np.where(np.isnan(levels[..., k, :]), before, levels[..., k, :])
        return levels

    def _limits(self, X):
        """Bounds of the levels (N, O) in rows of X (N, F), the user's units; None where all are open."""
        if self._bounds is None:
            return None
        return self._target.bound_levels(*self._bounds(X[:, : self.n_features_in_]))

    def _fill(self, X, last):
        """X (N, F) with its missing values filled and, for "mask", where they were; and the last row's inputs."""
        if self.missing == "error":
            return X, X[-1].copy()
        gaps = np.isnan(X)
        if self.missing == "mean":
            filled = np.where(gaps, self._means, X)
        else:
            at = np.maximum.accumulate(np.where(gaps, 0, np.arange(1, len(X) + 1)[:, None]), axis=0)
            filled = np.concatenate([last[None], X])[at, np.arange(X.shape[1])]
        last = filled[-1]
        return (np.concatenate([filled, gaps], axis=1) if self.missing == "mask" else filled), last

    def _n_filled(self):
        """Columns that ``_fill`` gives."""
        return self.n_features_in_ * (2 if self.missing == "mask" else 1)

    def _warn_if_astray(self, U):
        """Say that forecasts of levels (..., O) run away; the first axis is of rows, or of rows where they begin."""
        far = np.abs(U - self._level) > RUN_AWAY * self._reach + 1e-6 * np.abs(self._level)
        lost = ~np.isfinite(U) if U.ndim == 2 else np.isinf(U)  # of what lies over a gap there is none
        astray = (far | lost).any(axis=tuple(range(1, U.ndim)))
        if astray.any():
            begins = "row" if U.ndim == 2 else "the forecast of row"
            warn(
                f"The model runs away: from {begins} {np.argmax(astray)} on its output is {RUN_AWAY} times as large as "
                f"any y in training. {self._cure}",
            )

    def _warn_of_bounds(self, X, Y):
        """Say that measured values lie outside ``target_bounds``."""
        if self._bounds is None:
            return
        low, high = self._bounds(X[:, : self.n_features_in_])
        outside = (low > Y) | (high < Y)
        if outside.any():
            row, o = np.argwhere(outside)[0]
            warn(
                f"{outside.sum()} values of y lie outside target_bounds, first {Y[row, o]} in row {row} (bounds "
                f"{low[row, o]} and {high[row, o]}): they are learnt as they are, but no forecast will reach them. "
                "Clip y if they are errors of measurement.",
            )

    # ---------------------------------------------------------------------------------- where to start

    def _place(self, key):
        """The place of a series, or None where it was not seen."""
        if key is None and None not in self.series_:
            some = ", ".join(map(repr, list(self.series_)[:3]))
            raise ValueError(
                f"The model was fitted on {len(self.series_)} series ({some} ...), but X does not tell which it is: "
                "give it as in fit (MultiIndex, groups, the series column, a list or a 3-D array), or start='cold'."
            )
        if key is not None and None in self.series_:
            raise ValueError(
                f"The model was fitted on one series, but these rows tell theirs ({key!r}): give them as in fit, or "
                "start='cold'."
            )
        return self.series_.get(key)

    def _first_past(self):
        """Before the first row of training."""
        return self._unknown_past(self._first())

    def _cold_past(self):
        """Of a series with an unknown past."""
        return self._unknown_past(self._cold())

    def _unknown_past(self, memory):
        levels = np.full((len(self._target.coef), self.n_outputs_), np.nan)
        return Past(memory, levels, self._means)

    def _zero_past(self):
        """Zeros in the user's units."""
        inputs = np.zeros(self.n_features_in_)
        filled, _ = self._fill(inputs[None], inputs)
        level = self._target.ends(np.zeros(self.n_outputs_))
        level = np.where(np.isfinite(level), level, self._level)
        levels = np.tile(level, (len(self._target.coef), 1))
        change = level if len(levels) == 0 else np.zeros_like(level)
        return Past(self._zero(self.x_scaler_(filled[0]), self.y_scaler_(change)), levels, inputs)

    def _pieces(self, stamps, n, timeline, quiet=False):
        """Slices of rows without a gap, and how many rows are missing before each."""
        if stamps is None or n < 2:
            return [(slice(0, n), 0)]
        seen = timeline if timelines.can_place(timeline, stamps) else timelines.read(stamps)
        starts = timelines.gap_starts(stamps, seen)
        missing = timelines.missing_before(stamps, starts, seen).tolist()
        if not quiet and missing:
            values = stamps.values
            ends = zip(values[starts - 1].tolist(), values[starts].tolist())
            self._warn_of_gaps([(rows, stamps.clock, *end) for rows, end in zip(missing, ends)])
        starts = [0, *starts.tolist()]
        return list(zip(map(slice, starts, [*starts[1:], n]), [0, *missing]))

    def _bridge(self, past, timeline, stamp):
        """The past at a stamp after the end of a timeline."""
        missing = timelines.missing_between(timeline, stamp)
        self._warn_of_gaps([(missing, timeline.clock, timeline.last, stamp)])
        return self._across(past, missing)

    def _across(self, past, missing):
        """The past after missing rows: the model runs through a few, X held; after many it is cold, but for levels."""
        few = missing <= max(SHORT_GAP, self.lead_)
        rows = missing if few else missing % self._target.season  # the last season goes on
        if rows:
            X = np.tile(past.inputs, (rows, 1))
            if self.missing != "error":
                X[:] = np.nan
            X, _ = self._fill(X, past.inputs)
            past = self._follow(X, np.full((rows, self.n_outputs_), np.nan), past).after
        return past if few else past._replace(memory=self._cold())

    def _warn_of_gaps(self, gaps):
        """Say that the model runs through short gaps; gaps: (rows missing, clock, stamps before and after it)."""
        short = [gap for gap in gaps if 0 < gap[0] <= max(SHORT_GAP, self.lead_)]
        if short:
            missing, clock, before, after = short[0]
            before, after = timelines.show(clock, before), timelines.show(clock, after)
            more = f" (and {len(short) - 1} more such gaps)" if len(short) > 1 else ""
            warn(
                f"{missing} row(s) are missing between {before} and {after}{more}; the model runs through them "
                "by itself, with the last X. Insert them, with NaN in y and the X you know, or pass start='cold'.",
            )
        long = [gap for gap in gaps if gap[0] > max(SHORT_GAP, self.lead_)]
        if long:
            missing, clock, before, after = long[0]
            before, after = timelines.show(clock, before), timelines.show(clock, after)
            more = f" (and {len(long) - 1} more such gaps)" if len(long) > 1 else ""
            warn(
                f"{missing} rows are missing between {before} and {after}{more}, more than the lags reach: the model "
                "starts cold behind them. Insert them, with NaN in y and the X you know, or pass start='cold'.",
            )

    def _resume(self, table, start):
        """Where each series of a table starts: yields its part, the timeline so far, its past and known first levels.

        The last, (k, O), are those measured in the first rows of training, where the table begins with them.
        """
        nothing = np.empty((0, self.n_outputs_))
        if isinstance(check_start(start), tuple) or start == "end":
            self._must_go_on("A warm start")
        histories = self._histories(start) if isinstance(start, tuple) else {}
        if histories and (None in histories) != (table.parts[0].key is None):
            which, other = ("X", "the history") if None in histories else ("the history", "X")
            raise ValueError(
                f"start: {which} tells its series apart, but {other} does not: give both in the same way, for example "
                "with a MultiIndex (series, time)."
            )
        for part in table.parts:
            place = self.series_.get(part.key)
            timelines.check_grid(None if place is None else place.timeline, part.stamps, "X")
            if isinstance(start, tuple):
                past, head = self._after_history(histories.get(part.key), part.stamps), nothing
            elif start == "zeros":
                past, head = self._zero_past(), nothing
            elif start == "cold" or not self._goes_on():
                past, head = self._cold_past(), nothing
            else:
                past, head = self._auto(self._place(part.key), start, table.X[part.rows], part.stamps)
            yield part, None if place is None else place.timeline, past, head

    def _auto(self, place, start, X, stamps):
        """For start="auto" and "end": the past and known first levels of a series."""
        nothing = np.empty((0, self.n_outputs_))
        if place is None:
            return self._cold_past(), nothing
        seen = place.timeline
        if start == "end" or not timelines.can_place(seen, stamps):
            return place.past, nothing
        first = int(timelines.aligned(seen, stamps).values[0])
        if first > seen.last:
            return self._bridge(place.past, seen, first), nothing
        head_X, head_U = place.head
        rows = min(len(X), len(head_X))
        if first == seen.first and np.array_equal(X[:rows], head_X[:rows], equal_nan=True):
            return self._first_past(), head_U
        return self._cold_past(), nothing

    def _histories(self, start):
        """Of each series in a pair (X_hist, y_hist): its timeline and its past at the end."""
        with about("start"):
            table = self._check_rows(*start, None)
        U, found = self._target.levels(table.y), {}
        for part in table.parts:
            rows = part.rows
            _, past = self._walk(table.X[rows], U[rows], part.stamps, self._cold_past(), None)
            seen = timelines.read(part.stamps) if timelines.tells(part.stamps) else None
            found[part.key] = seen, past
        return found

    def _after_history(self, history, stamps):
        """The past of a series after its history, if it has one."""
        if history is None:
            return self._cold_past()
        seen, past = history
        if not timelines.can_place(seen, stamps):
            return past
        first = int(timelines.aligned(seen, stamps).values[0])
        if first <= seen.last:
            end, begin = (timelines.show(seen.clock, stamp) for stamp in (seen.last, first))
            raise ValueError(
                f"start: the history runs to {end}, but X begins at {begin}: cut the history before X."
            )
        return self._bridge(past, seen, first)

    def _end(self):
        """The memory after the one series of training, or None where fitting did not find it."""
        return None

    def _goes_on(self):
        """Whether the model can go on from the last row seen."""
        return True

    def _must_go_on(self, verb):
        """Raise where the model cannot go on from the last row seen."""

    def _go_on(self, part):
        """The timeline and the past for rows that must come after those seen."""
        place = self._place(part.key)
        if place is None:
            return None, self._first_past()
        seen = place.timeline
        if not timelines.can_place(seen, part.stamps):
            return seen, place.past
        timelines.check_grid(seen, part.stamps, "X")
        first = int(timelines.aligned(seen, part.stamps).values[0])
        if first > seen.last:
            return seen, self._bridge(place.past, seen, first)
        begin, end = (timelines.show(seen.clock, stamp) for stamp in (first, seen.last))
        raise ValueError(
            f"The new rows begin at {begin}, but rows up to {end} were seen already: give only later rows."
        )

    def _begin(self, part, X, U, past):
        """The place of a series whose first rows are X, U, and whose past at their end is given."""
        n = self.lead_ + len(self._target.coef)
        return Place(past, timelines.read(part.stamps), (X[: self.lead_ + 1].copy(), U[:n].copy()))

    def _seen(self, part, X, U, past):
        """Take over the past at the end of new rows X, U of a series."""
        place = self.series_.get(part.key)
        if place is None:
            place = self._begin(part, X, U, past)
        elif timelines.can_place(place.timeline, part.stamps):
            place = place._replace(timeline=timelines.extend(place.timeline, part.stamps))
        else:
            place = place._replace(timeline=timelines.advance(place.timeline, len(U)))
        self.series_ = {**self.series_, part.key: place._replace(past=past)}


def pieces(stamps, rows, timeline=None):
    """Slices of ``rows`` without a gap between them."""
    starts = (rows.start + timelines.gap_starts(stamps, timeline)).tolist()
    return list(map(slice, [rows.start, *starts], [*starts, rows.stop]))


def _windows(levels, U):
    """Levels before each row, (N + 1, K, O), of levels (K, O) before the first and U (N, O)."""
    K = len(levels)
    if K == 0:
        return np.empty((len(U) + 1, 0, U.shape[1]))
    return np.lib.stride_tricks.sliding_window_view(np.concatenate([levels, U]), K, axis=0).swapaxes(1, 2)
