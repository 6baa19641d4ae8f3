"""Short gaps, over which models that see y learn: rows that are missing are rows without y, and with the X before."""

import numpy as np

from .._series import timeline as timelines
from .._series.grid import on_grid
from .following import SHORT_GAP, cut
from .places import start_of_next
from .starting import cut_and_warn


MOST_LOST = 0.3  # rows missing in short gaps, for each that there is, that are taken for a y not measured


def learns_over_gaps(learner, form):
    """Return whether a learner goes on over short gaps."""
    return learner.sees_y and form.classes is None and not learner.on_grid


def over_gaps(table, missing):
    """Fill the short gaps of a table that is to be learnt.   missing : what replaces NaN in X."""
    return on_grid(table, SHORT_GAP, MOST_LOST, None if missing == "error" else np.nan)


def over_later_gaps(fitted, table, missing):
    """Fill the short gaps in rows that go on from those seen, and before them, and warn of them."""
    before = {}
    for part in table.parts:
        start = start_of_next(fitted, part)
        stretches = cut(part.stamps, part.rows.stop - part.rows.start, start.timeline)
        if any(0 < n <= SHORT_GAP for n in (start.missing, *(s.missing for s in stretches))):
            cut_and_warn(fitted.trained.dynamics, part, start)
        if 0 < start.missing <= SHORT_GAP and _same_clock(start.timeline, part.stamps):
            values = timelines.ahead([start.timeline], start.missing)[0][0]
            before[part.key] = values, start.past.inputs if missing == "error" else np.nan
    return on_grid(table, SHORT_GAP, np.inf, None if missing == "error" else np.nan, before)


def _same_clock(timeline, stamps):
    """Return whether stamps count as those of a timeline do."""
    return (timeline.clock.kind, timeline.clock.unit) == (stamps.clock.kind, stamps.clock.unit)
