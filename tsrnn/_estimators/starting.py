"""Where given rows start: after training, at the mean, after a history, or where their own first rows tell."""

from numbers import Integral

import numpy as np

from .._series import timeline as timelines
from .following import cold_past, cut, walk, warn_if_short, warn_of_gaps
from .observer import check_observable, enough_rows, estimate, first_rows
from .places import Start, start_after_history, start_of


def cut_and_warn(dynamics, part, start):
    """Cut the rows of a part into ``Stretch`` after ``Stretch``, the first over the gap since the start."""
    n = part.rows.stop - part.rows.start
    stretches = cut(part.stamps, n, start.timeline)
    if start.missing or len(stretches) > 1:
        before = (start.missing, start.timeline) if start.missing else None
        warn_of_gaps(dynamics, part.stamps, stretches, before)
    return [stretches[0]._replace(missing=start.missing), *stretches[1:]]


def resume(fitted, table, start, history, name):
    """Yield each part of a table, its stretches, the past before it and known first levels (k, O).

    history : a table of the rows before, where ``start`` is one, or None.   name : of the estimator.
    """
    dynamics, histories = fitted.trained.dynamics, {}
    if history is not None:
        histories = follow_histories(fitted, history, len(start) == 3, name)
        if (None in histories) != (table.parts[0].key is None):
            keyed, keyless = ("X", "the history") if None in histories else ("the history", "X")
            raise ValueError(
                f"start: {keyed} identifies its series, but {keyless} does not: give both in the same form, for "
                "example with a MultiIndex (series, time)."
            )
    for part in table.parts:
        if history is not None:
            begins = start_after_history(fitted, histories.get(part.key), part.stamps)
        else:
            begins = start_of(fitted, part, table.X[part.rows], start, table.form)
            place = fitted.series.get(part.key)
            if place is not None and begins.past is place.past:
                warn_if_short(dynamics, fitted.units, place.n, "The series")
        yield part, cut_and_warn(dynamics, part, begins), begins.past, begins.head


def explained(fitted, table, start, fed, name):
    """Resume as ``resume``, each part from the past that best explains its own first rows.

    table : with the y of these rows.   fed : levels (N, O) that the model is given.
    """
    dynamics, units = fitted.trained.dynamics, fitted.units
    Y, most = units.levels(table), start[1] if isinstance(start, tuple) else None
    for part in table.parts:
        begins = start_of(fitted, part, table.X[part.rows], "cold", table.form)
        stretches = cut_and_warn(dynamics, part, begins)
        X, U = table.X[part.rows], fed[part.rows]
        past = _explaining(fitted, X, U, Y[part.rows], begins.past, stretches, most, name)
        yield part, stretches, past, begins.head


def _explaining(fitted, X, U, Y, past, stretches, most, name):
    """Estimate the past that best explains first rows: levels Y (N, O), of which the model is given U."""
    dynamics, units = fitted.trained.dynamics, fitted.units
    if fitted.form.classes is not None:
        raise ValueError(
            f"start='estimate' works for numbers, but {name} predicts labels: give 'cold', or a history."
        )
    check_observable(name, dynamics, units, past)
    rows = stretches[0].rows
    if not np.isfinite(Y[rows]).any():
        raise ValueError(
            "start='estimate' needs the y of the first rows, but there is none that was measured: give it, as in "
            "score(X, y), predict_ahead(X, y) or predict(X, start=('estimate', y_first)), or start='cold'."
        )
    inputs = units.inputs(X[rows], past.inputs)
    most = most if isinstance(most, Integral) else enough_rows(dynamics, units) if most is None else len(Y)
    return estimate(dynamics, units, past, first_rows(inputs, U[rows], Y[rows], most))


def follow_histories(fitted, table, estimated, name):
    """Follow the series of a history; returns the timeline of each and its past at the end, by its key.

    estimated : whether the past before it is that which best explains its first rows.
    """
    dynamics, units = fitted.trained.dynamics, fitted.units
    U, histories, cold = units.levels(table), {}, cold_past(dynamics, units)
    for part in table.parts:
        stretches = cut_and_warn(dynamics, part, Start(cold, None, 0, None))
        warn_if_short(dynamics, units, part.rows.stop - part.rows.start, "start: the history")
        begins, X, Y = cold, table.X[part.rows], U[part.rows]
        if estimated:
            begins = _explaining(fitted, X, Y, Y, cold, stretches, None, name)
        inputs = units.inputs(X, cold.inputs)
        _, past = walk(dynamics, units, inputs, Y, stretches, begins)
        timeline = timelines.read(part.stamps) if timelines.tells(part.stamps) else None
        histories[part.key] = timeline, past
    return histories
