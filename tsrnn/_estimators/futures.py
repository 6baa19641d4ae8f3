"""Series to forecast: where they stand, and what is known of the rows to come."""

from typing import NamedTuple

import numpy as np

from .._series import timeline as timelines
from .._series.checks import MOST_STEPS


class Future(NamedTuple):
    """One series to forecast: its ``Place`` or None, inputs (steps, D) filled, and its ``Stamps`` or None."""

    place: object
    filled: np.ndarray
    stamps: object


def rows_needed(fitted, steps):
    """Return how many rows of X_future a forecast needs."""
    units = fitted.units
    if units.bounds is not None and units.bounds.has_columns:
        return steps
    return fitted.trained.dynamics.needs(steps) if units.n_inputs else 0


def future_of(fitted, place, steps, X, stamps, n_inputs):
    """Return the ``Future`` of one series: X (>= rows needed, F) for the rows after the last one seen, or None.

    n_inputs : those that the user gave.
    """
    dynamics, units = fitted.trained.dynamics, fitted.units
    if steps > MOST_STEPS:
        raise ValueError(
            f"steps={steps} is out of range: give at most {MOST_STEPS}, then continue with update(X)."
        )
    needed = rows_needed(fitted, steps)
    if X is None:
        if needed:
            raise ValueError(
                f"forecast({steps}) needs X_future, the next {needed} rows of {_described(dynamics, n_inputs)}"
                f"{dynamics.why_needed}. Give them, or fit a model that {dynamics.sees_less(steps)}."
            )
        return Future(place, dynamics.unstated(steps, len(units.x.center)), None)
    if len(X) < needed:
        why = dynamics.why_needed
        asks = f"{needed} are needed{why}" if why else f"forecast({steps}) needs {needed}"
        raise ValueError(f"X_future has {len(X)} rows, but {asks}.")
    if stamps is not None:
        stamps = stamps._replace(values=stamps.values[:steps])
    if place is not None and timelines.can_place(place.timeline, stamps):
        _check_follows(place.timeline, stamps)
    filled = units.fill(X, units.means if place is None else place.past.inputs)
    if len(X) < steps:  # rows that no lag looks at
        filled = np.concatenate([filled, dynamics.unstated(steps - len(X), filled.shape[1])])
    return Future(place, filled[:steps], stamps)


def _described(dynamics, n_inputs):
    """Say which of the user's inputs a forecast needs."""
    is_ahead = dynamics.is_ahead
    if is_ahead is None or is_ahead[:n_inputs].all():
        return f"the {n_inputs} inputs" if n_inputs > 1 else "the input"
    return f"the inputs known ahead, {is_ahead[:n_inputs].sum()} of {n_inputs}"


def _check_follows(timeline, stamps):
    """Raise unless stamps go on right after a timeline, without a gap."""
    timelines.check_grid(timeline, stamps, "X_future")
    first = int(timelines.aligned(timeline, stamps).values[0])
    if first <= timeline.last or timelines.missing_between(timeline, first):
        begins, ends = timelines.show(timeline.clock, first), timelines.show(timeline.clock, timeline.last)
        raise ValueError(
            f"X_future begins at {begins}, but the last row seen is {ends}: give the rows directly after it. To skip "
            "rows, bring the model up to date with update(X, y) first."
        )
    holes = timelines.gap_starts(stamps, timeline)
    if len(holes):
        before = timelines.show(stamps.clock, stamps.values[holes[0]])
        raise ValueError(f"X_future has a gap: rows are missing before {before}; give every row.")
