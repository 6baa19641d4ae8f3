"""Where rows start: which series they belong to, how their stamps follow those seen, and which past precedes them.

A fitted model knows each series by its key, as a ``Place``: what goes on from its last row, and its stamps.
"""

from typing import Any, NamedTuple

import numpy as np

from .._check import check_word
from .._series import timeline as timelines
from .._warn import warn
from .following import begin, cold_past, earlier, first_past, moved, seen_again, unknown_past, zero_past
from .intervals.later import but_last


class Start(NamedTuple):
    """Where a series starts: its ``Past``, timeline so far or None, rows missing since, known first levels (k, O)."""

    past: Any
    timeline: Any
    missing: int
    head: np.ndarray


def place_of(fitted, key):
    """Return the ``Place`` of a series, or None where it was not seen."""
    if key is None and None not in fitted.series:
        listed = ", ".join(map(repr, list(fitted.series)[:3]))
        raise ValueError(
            f"The model was fitted on {len(fitted.series)} series ({listed} ...), but X does not say which one it "
            "continues: identify it as in fit (MultiIndex, groups, the series column, a list or a 3-D array), or "
            "start='cold'."
        )
    if key is not None and None in fitted.series:
        raise ValueError(
            f"The model was fitted on one series, but these rows name one ({key!r}): give them as in fit, or "
            "start='cold'."
        )
    return fitted.series.get(key)


def past_of(fitted, series, start="end", cure="start='cold'"):
    """Return the ``Past`` of a series after its last row seen, or that of another ``start``; raise for others.

    cure : in the message where it was not seen.
    """
    check_word("start", start, ("end", "cold", "zeros"))
    if start == "cold":
        return cold_past(fitted.trained.dynamics, fitted.units)
    if start == "zeros":
        return zero_past(fitted.trained.dynamics, fitted.units, series)
    if series not in fitted.series:
        keys = ", ".join(map(repr, list(fitted.series)[:3]))
        raise ValueError(f"series={series!r} was not seen in training: give one of {keys} ..., or {cure}.")
    return fitted.series[series].past


def check_grids(fitted, table):
    """Raise where rows of a series that was seen are not on its grid, whether or not they go on from it."""
    for part in table.parts:
        place = fitted.series.get(part.key)
        if place is not None and part.stamps is not None:
            timelines.check_grid(place.timeline, part.stamps, part.name)


def check_pace(fitted, parts, name):
    """Warn where the index is of another kind than in training; raise where rows are closer, or all further apart.

    Wherever rows start from, each is one step.   name : of the argument.
    """
    common, is_told = None, False
    for part in parts:
        if not timelines.tells(part.stamps):
            continue
        place = fitted.series.get(part.key)
        if place is None and common is None:
            common = _common_timeline(fitted.series.values())
        timeline = common if place is None else place.timeline
        if not timeline or timeline.clock.default:
            continue
        clock, known = part.stamps.clock, timeline.clock
        if clock.kind == known.kind:
            timelines.check_not_closer(timeline, part.stamps, name)
            if (clock.tz is None) == (known.tz is None):
                timelines.check_not_coarser(timeline, part.stamps, name)
        elif not is_told:
            is_told = True
            warn(
                f"{name} has an index of kind {clock.kind!r}, but that of the training rows is of kind "
                f"{known.kind!r}, so it is unclear where its rows belong. Give the same kind of index as in training, "
                f"or {name}.reset_index(drop=True)."
            )


def _common_timeline(places):
    """Return the timeline of one of some series where all are spaced alike, else False."""
    known = [place.timeline for place in places]
    spacings = {(timeline.step, timeline.freq) if timeline else None for timeline in known}
    return known[0] if len(spacings) == 1 and known[0] is not None else False


def warn_of_spacing(parts, places):
    """Warn once where stamps have no spacing, or their step does not tell why rows are missing again and again."""
    for part in parts:
        found = _trouble(places[part.key].timeline, part.stamps)
        if found is not None:
            trouble, cure = found
            clock, values = part.stamps.clock, part.stamps.values
            first, last = (timelines.show(clock, values[k]) for k in (0, -1))
            steps = timelines.common_steps(part.stamps)
            warn(f"The index ({first} ... {last}; most common steps {steps}) {trouble}. Give {cure}.")
            return


def _trouble(timeline, stamps):
    """Return what is wrong with the spacing of stamps, and the cure; None where nothing is."""
    if timelines.irregular(timeline):
        return (
            "has neither a step nor a calendar frequency nor a pattern: rows are taken as one step apart",
            "it its frequency if it has one (index.freq = ...), or regular stamps, for example with resample, if the "
            "time between them matters",
        )
    if timeline is None or not (cycle := timelines.left_out(timeline, stamps)):
        return None
    step = timelines.spacing_name(timeline)[0]
    cure = (
        "stamps" if timeline.clock.kind == "int" else "it a frequency (index.freq = ...), all rows (asfreq)"
    )
    return (
        f"goes on every {step}, and rows are missing at the same times of the {cycle}: each is a gap",
        f"{cure}, or a RangeIndex, if no row belongs there",
    )


def place_after(dynamics, units, places, part, X, U, stretches, past):
    """Return the ``Place`` of a series after new rows X, U, in stretches, at whose end the past is given."""
    place = places.get(part.key)
    if place is None:
        return begin(dynamics, units, part, X, U, np.isfinite(U), past)
    return moved(units, place, part, np.isfinite(U), stretches, past)


def take_back(fitted, table):
    """Take back the last rows of each series that are given again, as far as their y may have arrived since."""
    gap, places = fitted.trained.dynamics.gap, dict(fitted.series)
    recent = None if fitted.errors is None else dict(fitted.errors.recent)
    for part in table.parts if gap else ():
        place = places.get(part.key)
        n = 0 if place is None else seen_again(place.timeline, part.stamps, gap)
        if not n:
            continue
        if timelines.aligned(place.timeline, part.stamps).values[-1] < place.timeline.last:
            raise ValueError(
                f"The rows begin {n} row(s) before the last one seen and end before it: give the rows after them too, "
                "with NaN in y where it has not arrived."
            )
        places[part.key] = earlier(fitted.trained.dynamics, place, part.stamps, n)
        left = but_last(recent.pop(part.key), n) if recent and part.key in recent else None
        if left is not None and left.stretches:
            recent[part.key] = left
    errors = fitted.errors if recent is None else fitted.errors._replace(recent=recent)
    return fitted._replace(series=places, errors=errors)


def start_of_next(fitted, part):
    """Return the ``Start`` of rows that must come after those seen."""
    place, stamps, units = place_of(fitted, part.key), part.stamps, fitted.units
    nothing = np.empty((0, units.n_outputs))
    if place is None:
        return Start(first_past(fitted.trained.dynamics, units), None, 0, nothing)
    timeline = place.timeline
    if not timelines.can_place(timeline, stamps):
        return Start(place.past, timeline, 0, nothing)
    timelines.check_grid(timeline, stamps, part.name)
    first = _first(timeline, stamps)
    if first > timeline.last:
        return Start(place.past, timeline, timelines.missing_between(timeline, first), nothing)
    begins = timelines.show(stamps.clock, stamps.values[0])
    end = timelines.show(timeline.clock, timeline.last)
    raise ValueError(
        f"The new rows begin at {begins}, but rows up to {end} were seen already: give only later rows."
    )


def start_of(fitted, part, X, start, form):
    """Return the ``Start`` of rows X of a series, by a word."""
    dynamics, units = fitted.trained.dynamics, fitted.units
    place, stamps = fitted.series.get(part.key), part.stamps
    timeline = None if place is None else place.timeline

    def begin_at(past, timeline=timeline, missing=0, levels=None):
        return Start(past, timeline, missing, np.empty((0, units.n_outputs)) if levels is None else levels)

    if start == "zeros":
        return begin_at(zero_past(dynamics, units, part.key))
    if start == "cold" or not dynamics.goes_on:
        return begin_at(_cold(fitted, part.key, form))
    if is_unidentified(start, form, stamps):
        return begin_at(first_past(dynamics, units), None)  # sequences of unknown identity
    place = place_of(fitted, part.key)
    if place is None:
        return begin_at(_cold(fitted, part.key, form))
    if not timelines.can_place(timeline, stamps):
        return begin_at(place.past)
    timelines.check_grid(timeline, stamps, part.name)
    first = _first(timeline, stamps)
    if start == "end":
        return begin_at(place.past)
    if first > timeline.last:
        return begin_at(place.past, missing=timelines.missing_between(timeline, first))
    head_X, head_U = place.head
    n = min(len(X), len(head_X))
    if first == timeline.first and np.array_equal(X[:n], head_X[:n], equal_nan=True):
        return begin_at(unknown_past(units, dynamics.again(place.past.memory)), levels=head_U)
    again = seen_again(timeline, stamps, dynamics.gap) if dynamics.gap else 0
    if again:  # y of the last rows has arrived since
        return begin_at(earlier(dynamics, place, stamps, again).past)
    return begin_at(_cold(fitted, part.key, form))


def _cold(fitted, key, form):
    """Return the past of an unknown series, or of rows of a known one that do not go on from those seen."""
    dynamics, place = fitted.trained.dynamics, fitted.series.get(key)
    if place is None or form != "table":
        return cold_past(dynamics, fitted.units)
    return unknown_past(fitted.units, dynamics.forget(place.past.memory))


def may_be_another(fitted, part, start, form):
    """Return whether rows are taken to go on from those seen, but neither their stamps nor the user says so."""
    place = fitted.series.get(part.key)
    if place is None or form != "table" or start != "auto" or not fitted.trained.dynamics.goes_on:
        return False
    return not timelines.can_place(place.timeline, part.stamps)


def is_unidentified(start, form, stamps):
    """Return whether rows are of an unidentified sequence: no key, no stamps."""
    return isinstance(start, str) and start == "auto" and form != "table" and not timelines.tells(stamps)


def start_after_history(fitted, history, stamps):
    """Return the ``Start`` of a series after its history, if it has one."""
    units = fitted.units
    nothing = np.empty((0, units.n_outputs))
    if history is None:
        return Start(cold_past(fitted.trained.dynamics, units), None, 0, nothing)
    timeline, past = history
    if not timelines.can_place(timeline, stamps):
        return Start(past, None, 0, nothing)
    first = _first(timeline, stamps)
    if first <= timeline.last:
        end = timelines.show(timeline.clock, timeline.last)
        begins = timelines.show(stamps.clock, stamps.values[0])
        raise ValueError(
            f"start: the history runs to {end}, but X begins at {begins}: cut the history before X."
        )
    return Start(past, timeline, timelines.missing_between(timeline, first), nothing)


def _first(timeline, stamps):
    """Return the first of some stamps, in the unit of a timeline."""
    return int(timelines.aligned(timeline, stamps).values[0])
