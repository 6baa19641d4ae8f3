"""Following rows: over gaps, from where a series stands, with differences, bounds and sample paths.

A ``Dynamics`` works in its own units and knows nothing of all that; ``Units`` lead there and back.  Here

U : (N, O), levels, NaN where y was not measured.   Dimensions: N rows, O outputs, K levels that a change looks back on,
m runs side by side.
"""

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .._series import timeline as timelines
from .._series.units import scaled_as
from .._values import kept
from .._warn import warn


RUN_AWAY = 100  # times the largest y of training, beyond which an output is no forecast
MANY, FEW_ROWS = 5, 10  # gaps, and rows from one to the next, by which rows look picked at random
SHORT_GAP = 10  # missing rows over which the memory is still worth more than the mean
MOST_NUMBERS = 2**20  # numbers in runs side by side


@kept("past")
class Past(NamedTuple):
    """What is carried from row to row.

    memory : the model's own.   levels : (K, O), the last ones, NaN where unknown.   inputs : (F,), the last known.
    """

    memory: Any
    levels: np.ndarray
    inputs: np.ndarray


@kept("place")
class Place(NamedTuple):
    """Where a series stands: what goes on from the last row seen, the stamps, and the first rows, X and levels.

    n : rows seen.   unbroken : those without a gap up to the last one.   measured : (m, O) bool, which y of the last of
    these were measured, as many as a memory and changes look back on.   doubt : (O,) ``Doubt`` at the end, or None
    where all is believed.   None in files without them.
    """

    past: Past
    timeline: timelines.Timeline | None
    head: tuple
    n: int | None = None
    unbroken: int | None = None
    measured: np.ndarray | None = None
    doubt: tuple | None = None


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


class Stretch(NamedTuple):
    """Rows without a gap between them, and how many are missing before the first."""

    rows: slice
    missing: int


# ---------------------------------------------------------------------------------------- a closed loop


class Loop:
    """Turn what a model outputs at each step into levels, and these into what is fed back, for m runs side by side.

    With the model's output z(t), an error e(t) drawn for a sample path, and the scaler's w = center + scale z:

        base(t) = sum_k c_k u(t - k)
        u(t) = min(max(base(t) + w(z(t) + e(t)), low(t)), high(t))      or the measured level, where there is one
        fed back:  w^-1(u(t) - base(t))

    Parameters
    ----------
    units : Units
    levels : (m, K, O), the last ones before the first step.
    limits : low and high, (steps, m, O) or (steps, O) for all runs alike; or None.
    given : (steps, m, O), levels, NaN where they were not measured; or None.
    draw : callable(z) -> e, (m, O); or None.

    ``out`` are forecasts of the levels, ``U`` levels with measured ones in their place, ``Z`` what is fed back, all
    (steps, m, O).
    """

    def __init__(self, units, levels, limits, steps, given=None, draw=None):
        m, _, O = levels.shape
        self.target, self.scaler, self.levels = units.target, units.y, units.known(levels)
        self.limits = None if limits is None else [side.reshape(steps, -1, O) for side in limits]
        self.given, self.draw = given, draw
        self.out, self.U, self.Z = np.empty((3, steps, m, O))

    def __call__(self, which, t, z):
        """Return what runs ``which`` feed back at step t instead of their outputs z (m, O)."""
        if self.draw is not None:
            z = z + self.draw(z)
        base = self.target.base(self.levels)
        u = base + self.scaler.inverse(z)
        if self.limits is not None:
            u = np.clip(u, self.limits[0][t], self.limits[1][t])
        self.out[t] = u
        if self.given is not None:
            u = np.where(np.isnan(self.given[t]), u, self.given[t])
        if self.levels.shape[1]:
            self.levels = np.concatenate([self.levels[:, 1:], u[:, None]], axis=1)
        self.U[t], self.Z[t] = u, self.scaler(u - base)
        return self.Z[t]


class Loops:
    """Loops of batch after batch of runs: each is made, by loop_of(which runs), at its first step, and is ``now``."""

    def __init__(self, loop_of):
        self.loop_of, self.now = loop_of, None

    def __call__(self, which, t, z):
        """Return what runs ``which`` feed back at step t, as ``Loop``."""
        if t == 0:
            self.now = self.loop_of(which)
        return self.now(which, t, z)


# ---------------------------------------------------------------------------------------- following rows


def follow(dynamics, units, inputs, U, past):
    """Follow rows without a gap; inputs : ``Inputs`` of N rows."""
    last = _last_inputs(units, inputs, past)
    if units.plain or (units.alone and not dynamics.sees_y):
        Z = units.y(U)
        z, memory = dynamics.run(inputs.z, Z, past.memory)
        out, unknown = units.y.inverse(z), np.isnan(U)
        U, Z = np.where(unknown, out, U), np.where(unknown, z, Z)
        return Followed(out, U, z, Z, past._replace(memory=memory, inputs=last))
    out, U, z, Z = np.empty_like(U), U.copy(), np.empty_like(U), np.empty_like(U)
    measured = np.isfinite(U).all(axis=1)
    for a, b in pairwise([0, *np.flatnonzero(np.diff(measured)) + 1, len(U)]):
        rows = slice(a, b)
        follow_rows = _follow_measured if measured[a] else _follow_unknown
        out[rows], U[rows], z[rows], Z[rows], memory = follow_rows(dynamics, units, inputs, U, past, rows)
        levels = np.concatenate([past.levels, U[rows]])[b - a :]
        past = past._replace(memory=memory, levels=levels)
    return Followed(out, U, z, Z, past._replace(inputs=last))


def _last_inputs(units, inputs, past):
    """Copy the inputs (F,) of the last row, for a view would keep those of all rows in memory."""
    return inputs.filled[-1, : units.n_inputs].copy() if len(inputs.filled) else past.inputs


def follow_all(dynamics, units, inputs, U, pasts):
    """Follow several series, T rows each; returns, to the bit, what ``follow`` gives for each.

    inputs : a list of ``Inputs``.   U : (B, T, O), levels.   pasts : a list of ``Past``.
    """
    if len(U) == 1 or not (units.plain or (units.alone and not dynamics.sees_y)):
        return [follow(dynamics, units, *series) for series in zip(inputs, U, pasts)]
    X, Z = np.stack([of_series.z for of_series in inputs]), units.y(U)
    z, memories = dynamics.run_all(X, Z, [past.memory for past in pasts])
    out, unknown = units.y.inverse(z), np.isnan(U)
    U, Z = np.where(unknown, out, U), np.where(unknown, z, Z)
    last = [_last_inputs(units, *pair) for pair in zip(inputs, pasts)]
    after = [past._replace(memory=m, inputs=x) for past, m, x in zip(pasts, memories, last)]
    return list(map(Followed, out, U, z, Z, after))


def _follow_measured(dynamics, units, inputs, U, past, rows):
    """Follow rows whose y was measured whole: (n, O) each of forecasts and levels, and both in model units; memory."""
    inputs, U = inputs.of(rows), U[rows]
    Z = units.y(units.target.differences(U, past.levels))
    z, memory = dynamics.run(inputs.z, Z, past.memory)
    Z = np.where(np.isnan(Z), z, Z)
    base = units.target.base(_windows(units.known(past.levels), U)[:-1])
    out = base + units.y.inverse(z)
    return out if inputs.limits is None else np.clip(out, *inputs.limits), U, z, Z, memory


def _follow_unknown(dynamics, units, inputs, U, past, rows):
    """Follow rows with unmeasured y, step by step through a ``Loop``; as ``_follow_measured``."""
    X = inputs.z[rows.start : rows.stop + dynamics.looks_ahead]
    inputs = inputs.of(rows)
    n = rows.stop - rows.start
    loop = Loop(units, past.levels[None], inputs.limits, n, given=U[rows][:, None])
    unknown = np.full((len(X), U.shape[1]), np.nan)
    if dynamics.sees_y:
        ((_, z),) = dynamics.free_runs(X, unknown, past.memory, np.zeros(1, int), n, loop)
        z = z[:, 0]
    else:
        z, _ = dynamics.run(inputs.z, unknown[:n], past.memory)
        for t in range(n):
            loop(slice(0, 1), t, z[t : t + 1])
    Z = loop.Z[:, 0]
    _, memory = dynamics.run(inputs.z, Z, past.memory)
    return loop.out[:, 0], loop.U[:, 0], z, Z, memory


def runs(dynamics, units, inputs, followed, past, first, steps, draw=None, shift=None):
    """Run freely from rows ``first`` (M,), ascending: yields (slice of first, levels (steps, m, O)).

    inputs, past : as for ``follow``, which gave ``followed``.   draw(z) : errors to add, like z (m, O).
    shift : (M, O), what to add to all outputs of a run instead; or None.
    """
    check_horizon(dynamics, steps)
    levels, limits = _windows(past.levels, followed.U), inputs.limits

    def loop_of(which):
        rows = first[which] + np.arange(steps)[:, None]
        bounds = None if limits is None else [side[rows] for side in limits]
        added = draw if shift is None else lambda z: shift[which]
        return Loop(units, levels[first[which]], bounds, steps, draw=added)

    alone = units.plain and draw is None and shift is None  # its own outputs are all that it feeds back
    loops = None if alone else Loops(loop_of)
    free_runs = dynamics.free_runs if dynamics.sees_y else partial(_runs_of_inputs, dynamics, followed.z)
    for which, z in free_runs(inputs.z, followed.Z, past.memory, first, steps, loops):
        yield which, units.y.inverse(z) if alone else loops.now.out


def _runs_of_inputs(dynamics, z, X, Z, memory, first, steps, feed):
    """Run freely, as ``dynamics.free_runs``, a model that does not see y; z : (N, O), its outputs so far."""
    if len(X) > len(z):  # they go on
        z, _ = dynamics.run(X, Z, memory)
    at_once = max(1, MOST_NUMBERS // (steps * z.shape[1]))
    for m in range(0, len(first), at_once):
        which = slice(m, min(m + at_once, len(first)))
        out = z[first[which] + np.arange(steps)[:, None]]
        for t in range(steps if feed else 0):
            feed(which, t, out[t])
        yield which, out


def check_horizon(dynamics, steps):
    """Raise where a model does not forecast as far as ``steps``."""
    if steps > dynamics.furthest:
        raise ValueError(
            f"steps={steps} is beyond horizon={dynamics.furthest}: ask for fewer, or fit a Forecaster with "
            f"horizon={steps}."
        )


def walk(dynamics, units, inputs, U, stretches, past, horizons=(1,), visit=None):
    """Follow rows of one series, over gaps; returns forecasts of the levels, {h: (N, O)} rows ahead, and the past then.

    inputs : ``Inputs`` of N rows.   stretches : as ``cut`` gives them.   visit(past) : called with that before each.
    """
    out = {h: np.empty_like(U) for h in horizons}
    if visit is None and tuple(horizons) == (1,) and not units.delay and len(stretches) > 1:
        return out, _walk_legs(dynamics, units, inputs, U, stretches, past, out[1])
    for rows, missing in stretches:
        past = across(dynamics, units, past, missing)
        if visit is not None:
            visit(past)
        leg, levels = inputs.of(rows), U[rows]
        followed = follow(dynamics, units, leg, levels, past)
        further = [h for h in horizons if h > 1]
        ahead = _ahead(dynamics, units, leg, followed, past, further) if further else {}
        for h in horizons:
            out[h][rows] = ahead[h] if h > 1 else followed.out
        if units.delay:
            out[1][rows] = _in_time(dynamics, units, leg, followed)
        past = followed.after
    return out, past


def _walk_legs(dynamics, units, inputs, U, stretches, past, out):
    """Walk many stretches at once, with the missing rows of short gaps as rows of unknown y; forecasts go into ``out``.

    A leg begins after a long gap, where the memory is cold.
    """
    begin = np.array([rows.start for rows, _ in stretches])
    missing = np.array([n for _, n in stretches])
    legs = np.flatnonzero((missing > 0) & ~is_short(dynamics, missing))
    for k, end in pairwise([*np.union1d(0, legs).tolist(), len(stretches)]):
        past = across(dynamics, units, past, int(missing[k]))
        rows = slice(int(begin[k]), stretches[end - 1].rows.stop)
        n = np.zeros(rows.stop - rows.start, np.int64)  # missing rows before each
        n[begin[k + 1 : end] - rows.start] = missing[k + 1 : end]
        at = np.arange(len(n)) + n.cumsum()
        leg, levels = inputs.of(rows), U[rows]
        if at[-1] >= len(at):
            leg, levels = _with_missing(units, leg, levels, at)
        followed = follow(dynamics, units, leg, levels, past)
        out[rows] = followed.out[at]
        past = followed.after
    return past


def _with_missing(units, inputs, U, at):
    """Lay out ``Inputs`` and levels at places ``at`` (N,), with missing rows between, in which X is held."""
    last = np.searchsorted(at, np.arange(at[-1] + 1), "right") - 1  # row before each place, or there
    lost = at[last] < np.arange(len(last))
    filled, levels = inputs.filled[last], U[last]
    levels[lost] = np.nan
    filled[lost] = units.missed(filled[lost, : units.n_inputs])
    return units.scaled(filled), levels


def _in_time(dynamics, units, inputs, followed):
    """Return levels (N, O), each at its own row, of a model that outputs them ``delay`` rows later.

    For the last rows it goes on with the last inputs.
    """
    d, last = units.delay, inputs.filled[-1:]
    unknown = np.full((d, units.n_outputs), np.nan)
    beyond = follow(dynamics, units, units.scaled(np.repeat(last, d, axis=0)), unknown, followed.after)
    return np.concatenate([followed.out, beyond.out])[d:]


def _ahead(dynamics, units, inputs, followed, past, horizons):
    """Forecast levels {h: (N, O)}; the first rows from the last one before, which is nearer.

    Each row begins one run, as long as the longest horizon that fits before the last row.
    """
    check_horizon(dynamics, max(horizons))  # also where no run as long begins within the rows
    N, O = followed.out.shape
    out, longest = {h: np.empty((N, O)) for h in horizons}, max(horizons)
    head = slice(0, min(longest - 1, N))
    first = follow(dynamics, units, inputs.of(head), np.full((head.stop, O), np.nan), past).out
    for h in horizons:
        out[h][: h - 1] = first[: h - 1]
    begin = 0
    for h in sorted(horizons, reverse=True):
        rows, begin = np.arange(begin, max(begin, N - h + 1)), max(begin, N - h + 1)
        for batch, ahead in runs(dynamics, units, inputs, followed, past, rows, h) if len(rows) else ():
            for k in horizons:
                if k <= h:
                    out[k][rows[batch] + k - 1] = ahead[k - 1]
    return out


# ---------------------------------------------------------------------------------------- gaps


def cut(stamps, n, timeline=None):
    """Cut n rows into ``Stretch`` after ``Stretch``, by the spacing of a timeline, or their own."""
    if stamps is None:
        return [Stretch(slice(0, n), 0)]
    trained = timeline if timelines.can_place(timeline, stamps) else timelines.read(stamps)
    starts = timelines.gap_starts(stamps, trained)
    if len(starts) == 0:
        return [Stretch(slice(0, n), 0)]
    missing = timelines.missing_before(stamps, starts, trained).tolist()
    starts = [0, *starts.tolist()]
    return [Stretch(slice(a, b), k) for a, b, k in zip(starts, [*starts[1:], n], [0, *missing])]


def across(dynamics, units, past, missing):
    """Advance ``past`` over ``missing`` rows.

    A short gap is run through with the inputs held; after a longer one the memory is cold and only the levels go on.
    """
    if not missing:
        return past
    short = is_short(dynamics, missing)
    rows = missing if short else missing % units.target.season  # the last season goes on
    if rows:
        inputs = units.scaled(units.missed(np.tile(past.inputs, (rows, 1))))
        unknown = np.full((rows, units.n_outputs), np.nan)
        past = follow(dynamics, units, inputs, unknown, past).after
    return past if short else past._replace(memory=dynamics.forget(past.memory))


def is_short(dynamics, missing):
    """Return whether the model runs through that many missing rows."""
    return missing <= max(SHORT_GAP, dynamics.lead)


def warn_of_gaps(dynamics, stamps, stretches, before=None):
    """Warn if the model runs through short gaps, or is cold after a long one.

    before : of a gap before the first row: its missing rows and the timeline to it; or None.
    """
    values, clock = stamps
    gaps = [(s.missing, s.rows.start) for s in stretches if s.missing]
    if before is not None and before[0]:
        gaps.insert(0, (before[0], 0))
    for short in (True, False):
        alike = [gap for gap in gaps if is_short(dynamics, gap[0]) == short]
        if not alike:
            continue
        missing, row = alike[0]
        last = (
            timelines.show(clock, values[row - 1]) if row else timelines.show(before[1].clock, before[1].last)
        )
        more = f" (and {len(alike) - 1} more such gaps)" if len(alike) > 1 else ""
        behaviour = (
            "bridges them with its own forecasts and the last X. Insert those rows, with NaN in y and the X you "
            "know, or pass start='cold'."
            if short
            else "cannot bridge so many and starts again from the mean of training, so its next forecasts will be "
            "rough. Pass those rows to update first, or insert them, with NaN in y and the X you know."
        )
        torn = " Were rows picked at random, as by KFold(shuffle=True)? Take TimeSeriesSplit." * (
            len(alike) > MANY and len(values) < FEW_ROWS * len(gaps)
        )
        warn(
            f"{missing} row(s) are missing between {last} and {timelines.show(clock, values[row])}{more}; the model "
            f"{behaviour}{torn}"
        )


# ---------------------------------------------------------------------------------------- where to start


def unknown_past(units, memory):
    """Make a ``Past`` of which only the memory is known."""
    levels = np.full((units.looks_back, units.n_outputs), np.nan)
    return Past(memory, levels, units.means)


def first_past(dynamics, units):
    """Return the past before the first row of training."""
    return unknown_past(units, dynamics.first())


def cold_past(dynamics, units):
    """Return the past of an unknown series."""
    return unknown_past(units, dynamics.cold())


def zero_past(dynamics, units, key):
    """Return the past of zeros in the user's units, for the series with a key."""
    zeros = np.zeros(units.n_inputs)
    filled = units.fill(zeros[None], zeros)
    level = scaled_as(units.target.ends(np.zeros(units.n_outputs)), units.own, key)
    level = np.where(np.isfinite(level), level, units.level)
    levels = np.tile(level, (units.looks_back, 1))
    change = np.zeros_like(level) if units.looks_back else level
    return Past(dynamics.zero(units.x(filled[0]), units.y(change)), levels, zeros)


def begin(dynamics, units, part, X, U, measured, past):
    """Return the place of a series whose rows are X, of levels U at first, and whose past at their end is given.

    measured : (N, O) bool, where y is known.
    """
    head = X[: dynamics.lead + 1].copy(), U[: dynamics.lead + units.looks_back].copy()
    last = cut(part.stamps, len(X))[-1].rows
    known = last_measured(units, past, measured[last])
    return Place(past, timelines.read(part.stamps), head, len(X), len(X) - last.start, known)


def moved(units, place, part, measured, stretches, past):
    """Move a place on by the rows of ``Stretch`` after ``Stretch``, at whose end the past is given."""
    rows, missing = stretches[-1]
    n, goes_on = rows.stop, len(stretches) == 1 and not missing
    if place.measured is not None:
        unbroken = n - rows.start + place.unbroken * goes_on
        known = last_measured(units, past, measured[rows], place.measured if goes_on else ())
        place = place._replace(n=place.n + n, unbroken=unbroken, measured=known)
    if timelines.can_place(place.timeline, part.stamps):
        return place._replace(timeline=timelines.extend(place.timeline, part.stamps), past=past)
    return place._replace(timeline=timelines.advance(place.timeline, n), past=past)


def last_measured(units, past, measured, before=()):
    """Return which y of the last rows were measured, (m, O) bool, as many as a memory and changes look back on."""
    measured = np.broadcast_to(measured, (len(measured), units.n_outputs))
    if len(before):
        measured = np.concatenate([before, measured])
    most = units.looks_back + len(getattr(past.memory, "Y", ()))
    return measured[max(0, len(measured) - most) :].copy()


def seen_again(timeline, stamps, most):
    """Count the last rows seen, up to ``most``, that rows with some stamps begin with again; 0 for others."""
    if not timelines.can_place(timeline, stamps) or timelines.irregular(timeline):
        return 0
    first = int(timelines.aligned(timeline, stamps).values[0])
    if not timeline.first < first <= timeline.last:
        return 0
    n = 1 + (first < timeline.last) * (
        1 + timelines.missing_between(timeline._replace(last=first), timeline.last)
    )
    return n if n <= most else 0


def earlier(dynamics, place, stamps, n):
    """Return a place as it was before its last n rows, which begin at the first of some stamps."""
    past = place.past._replace(memory=dynamics.taken_back(place.past.memory, n))
    timeline, first = place.timeline, int(timelines.aligned(place.timeline, stamps).values[0])
    last = timelines.row_before(timeline, first)
    timeline = timeline._replace(last=last, n=timeline.n - n)
    place = place._replace(past=past, timeline=timeline)
    if place.measured is None:
        return place
    measured = place.measured[: max(0, len(place.measured) - n)]
    return place._replace(n=place.n - n, unbroken=max(0, place.unbroken - n), measured=measured)


def warn_if_short(dynamics, units, n, subject):
    """Warn if a history of n rows is shorter than the lags.   subject : of the message."""
    needed = dynamics.lead + units.looks_back
    if n is not None and n < needed:
        warn(
            f"{subject} has {n} row(s), but the model looks {needed} back: the training mean stands in for the rows "
            "before, so the first forecasts will be poor. Give a longer history, or fit a model with shorter lags."
        )


# ---------------------------------------------------------------------------------------- forecasts that run away


def warn_if_astray(dynamics, units, U):
    """Warn if forecasts of levels (..., O) run away; the first axis is of rows, or of rows where they begin."""
    astray = _astray(units, U)
    if U.ndim > 2:
        astray &= ~np.isnan(U)  # of what lies over a gap there is none
    if astray.any():
        begins = "row" if U.ndim == 2 else "the forecast of row"
        row = np.argmax(astray.any(axis=tuple(range(1, U.ndim))))
        warn(
            f"The model runs away: from {begins} {row} on, its output is more than {RUN_AWAY} times as far from the "
            f"training mean as any y of training. {dynamics.cure}"
        )


def warn_if_some_astray(dynamics, units, outs):
    """Warn of each of some series, levels (N, O) each, whose forecasts run away."""
    if len(outs) == 1 or _astray(units, np.concatenate(outs)).any():
        for out in outs:
            warn_if_astray(dynamics, units, out)


def _astray(units, U):
    """Return which levels (..., O) are far beyond those of training."""
    return ~(np.abs(U - units.level) <= RUN_AWAY * units.reach + 1e-6 * np.abs(units.level))


def warn_of_bounds(units, X, Y):
    """Warn if measured values Y (N, O) lie outside ``target_bounds``; X : (N, >= F), the user's units."""
    if units.bounds is None:
        return
    low, high = units.bounds(X[:, : units.n_inputs])
    outside = (low > Y) | (high < Y)
    if outside.any():
        row, o = np.argwhere(outside)[0]
        warn(
            f"{outside.sum()} values of y lie outside target_bounds, first {Y[row, o]} in row {row} (bounds "
            f"{low[row, o]} and {high[row, o]}): the model learns them as they are, but no forecast will reach them. "
            "Clip y if they are measurement errors."
        )


def _windows(levels, U):
    """View the levels before each row, (N + 1, K, O), of levels (K, O) before the first and U (N, O)."""
    K = len(levels)
    if K == 0:
        return np.empty((len(U) + 1, 0, U.shape[1]))
    return np.lib.stride_tricks.sliding_window_view(np.concatenate([levels, U]), K, axis=0).swapaxes(1, 2)
