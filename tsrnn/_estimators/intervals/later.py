"""The rows that came after calibration, and the errors of forecasts from them."""

from typing import NamedTuple

import numpy as np

from ..._values import kept
from ..following import Past, Stretch, follow, runs
from .errors import all_made, made_at


KEPT, BLOCK = 192, 32  # rows that ``update`` keeps of each series, at least; the oldest go in blocks


@kept("seen")
class Seen(NamedTuple):
    """Consecutive rows that update has seen: the past before them, X (N, D) without NaN, levels U (N, O)."""

    past: Past
    X: np.ndarray
    U: np.ndarray


@kept("recent")
class Recent(NamedTuple):
    """The last rows of a series that update has seen: a list of ``Seen``, with gaps between; how many there were."""

    stretches: list
    n: int


class Since(NamedTuple):
    """What came after calibration.

    recent : a ``Recent``, or None.   at : (M,), how many of its rows are known to each forecast.
    """

    recent: Recent | None
    at: np.ndarray


NOTHING_SINCE = Since(None, np.zeros(0, int))


def joined(recent, stretches):
    """Append ``Seen`` stretches to a ``Recent`` or None; one whose past is None continues the last."""
    stretches_after = [] if recent is None else list(recent.stretches)
    for s in stretches:
        if s.past is None:
            last = stretches_after.pop()
            s = last._replace(X=np.concatenate([last.X, s.X]), U=np.concatenate([last.U, s.U]))
        stretches_after.append(s)
    return stretches_after


class Later:
    """Collects the rows that ``update`` or ``partial_fit`` sees, for intervals; begun with a model's ``Errors``.

    Which rows are kept depends on how many there were, not on how they came.
    """

    def __init__(self, errors):
        self.before = errors
        if errors is not None:
            self.recent, self.last = dict(errors.recent), dict(errors.last)

    def errors(self):
        """Return ``Errors`` with all that was kept."""
        return self.before and self.before._replace(recent=self.recent, last=self.last)

    def split(self, key, stretches):
        """Split ``Stretch`` after ``Stretch`` into the rows that are not kept, and those from the first that is."""
        row = 0 if self.before is None else self._first(key, stretches[-1].rows.stop)
        for i, (rows, missing) in enumerate(stretches):
            if rows.start < row < rows.stop:
                halves = Stretch(slice(rows.start, row), missing), Stretch(slice(row, rows.stop), 0)
                return [*stretches[:i], halves[0]], [halves[1], *stretches[i + 1 :]]
            if rows.start >= row:
                return stretches[:i], stretches[i:]
        return [], stretches

    def keep(self, dynamics, units, key, U, visited, last):
        """Keep new rows of a series, levels U (N, O).   last : (O,), stands for the last row where that is NaN.

        visited : of each stretch its rows, the rows missing before, the past before it and X (n, D) without NaN.
        """
        if self.before is None:
            return
        recent, first = self.recent.get(key), self._first(key, len(U))
        goes_on = recent is not None and not first
        stretches = [
            Seen(None if goes_on and rows.start == 0 and not missing else past, X.copy(), U[rows].copy())
            for rows, missing, past, X in visited
        ]
        longer, n = joined(None if first else recent, stretches), (0 if recent is None else recent.n) + len(U)
        drop = _dropped(n) - (n - sum(len(s.U) for s in longer))
        while drop >= len(longer[0].U):
            drop -= len(longer.pop(0).U)
        if drop:
            longer[0] = _later(dynamics, units, longer[0], drop)
        self.recent[key] = Recent(longer, n)
        self.last[key] = np.where(np.isnan(U[-1]), last, U[-1])

    def _first(self, key, n):
        """Return the first of n new rows of a series that is kept."""
        before = self.recent[key].n if key in self.recent else 0
        return max(0, _dropped(before + n) - before)


def but_last(recent, n):
    """Take the last n rows off a ``Recent``."""
    stretches, left = list(recent.stretches), n
    while left and stretches:
        s = stretches.pop()
        if left < len(s.U):
            stretches.append(s._replace(X=s.X[:-left], U=s.U[:-left]))
        left = max(0, left - len(s.U))
    return Recent(stretches, max(0, recent.n - n))


def _dropped(n):
    """Return how many of n rows are no longer kept."""
    return max(0, (n - KEPT) // BLOCK * BLOCK)


def _later(dynamics, units, seen, n):
    """Drop the first n rows of ``Seen``."""
    past = follow(dynamics, units, units.scaled(seen.X[:n]), seen.U[:n], seen.past).after
    return Seen(past, seen.X[n:].copy(), seen.U[n:].copy())


def made_since(maker, recent, steps, fans=False):
    """Forecast from each row that ``update`` has seen; returns ``Made``, None where there was none.

    fans : whether quantiles of these forecasts are wanted too, (n, steps, O, Q).
    """
    if recent is None:
        return None
    collected, leap, before, quantiles = [], 0, None, []
    for s in recent.stretches:
        inputs = maker.units.scaled(s.X)
        followed = follow(*maker, inputs, s.U, s.past)
        before = followed.U[0] if before is None else before  # the level before the first is not kept
        made, longer = _from_each_row(maker, inputs, followed, s, steps, leap, before)
        collected.append(made)
        if fans:
            rows = np.arange(len(s.U))
            quantiles.append(maker.dynamics.fan(longer[0].z, longer[1].Z, s.past.memory, rows, steps))
        leap, before = leap + len(s.U), followed.U[-1]
    return (all_made(collected), np.concatenate(quantiles)) if fans else all_made(collected)


def _from_each_row(maker, inputs, followed, seen, steps, leap, before):
    """Forecast from each row of ``Seen``: errors are NaN where a forecast reaches beyond the last.

    Returns ``Made``, and inputs and what followed, with as many rows more as forecasts reach.
    """
    U, ahead, rows = seen.U, maker.dynamics.wide(steps), np.arange(len(seen.U))
    inputs, followed = _on(inputs, ahead), followed._replace(Z=_longer(followed.Z, ahead))
    unknown = np.concatenate([U, np.full((ahead, U.shape[1]), np.nan)])
    outcome = made_at(maker, inputs, followed, seen.past, unknown, rows, steps, leap, before)
    if maker.dynamics.wide(1) > 1:  # the last ones would see inputs that have not come
        outcome.errors[max(0, len(U) - ahead + 1) :] = np.nan
    return outcome, (inputs, followed)


def shifted_since(maker, recent, steps, shift):
    """Forecast as ``made_since``, levels ``shift`` (n, O) added to all that is fed back; NaN where they are 0."""
    out, start = np.full((len(shift), steps, shift.shape[1]), np.nan), 0
    off = maker.units.y(shift) - maker.units.y(np.zeros_like(shift))
    for s in recent.stretches:
        inputs, ahead = maker.units.scaled(s.X), maker.dynamics.wide(steps)
        followed = follow(*maker, inputs, s.U, s.past)
        inputs, followed = _on(inputs, ahead), followed._replace(Z=_longer(followed.Z, ahead))
        rows = np.flatnonzero(shift[start : start + len(s.U)].any(axis=1))
        of_rows = runs(*maker, inputs, followed, s.past, rows, steps, shift=off[start + rows])
        for which, levels in of_rows:
            out[start + rows[which]] = levels.transpose(1, 0, 2)
        start += len(s.U)
    return out


def _longer(v, n):
    """Append n rows like the last."""
    return np.concatenate([v, np.repeat(v[-1:], n, axis=0)])


def _on(inputs, n):
    """Append n rows to ``Inputs``, which no forecast of a known row sees."""
    limits = None if inputs.limits is None else tuple(_longer(v, n) for v in inputs.limits)
    return inputs._replace(filled=_longer(inputs.filled, n), z=_longer(inputs.z, n), limits=limits)
