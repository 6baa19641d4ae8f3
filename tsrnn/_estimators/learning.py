"""What ``fit`` and ``partial_fit`` learn around the weights: units, rows to hold back, where series stand after."""

from typing import NamedTuple

import numpy as np

from .._series.checks import check_size
from .._series.labels import one_hot
from .._series.scaling import LogLink, make_scaler
from .._series.units import Inputs, Series, Units, fill, input_means, level_and_reach
from .._training.least_squares import one_thread
from .following import across, cut, first_past, follow, last_measured, walk, warn_of_bounds
from .held_back import hold_last, hold_stretches
from .places import begin


LEAST_SERIES = 3  # that are held back whole, of many without names


def n_outputs(form, goal):
    """Return O, the width of a net's output."""
    return goal.W.shape[1] if form.classes is None else form.classes.n_outputs


def is_coded(form, Y):
    """Return whether Y (N, 1) are codes of labels."""
    return form.classes is not None and Y.shape[1] != form.classes.n_outputs


def as_levels(U, O):
    """Return levels (N, O), also of labels that are given as codes (N, 1)."""
    return U if U.shape[1] == O else one_hot(U[:, 0], O)


def in_scale(learner, units):
    """Return the learner, adapted to the scale of y where its loss has a log link."""
    return learner.for_scale(units.y.scale) if isinstance(units.y, LogLink) else learner


def own_stretches(part):
    """Cut the rows of a part into ``Stretch`` after ``Stretch``, by their own spacing."""
    return cut(part.stamps, part.rows.stop - part.rows.start)


def shifted(rows, by):
    """Shift a slice by a number of rows."""
    return slice(rows.start + by, rows.stop + by)


def hold_back(learner, table, counts, form):
    """Choose rows for validation, (N,) bool: of each series the last share of those that count, or stretches.

    Of many series that nothing names and that get labels: whole series, for others like them will come, and what
    is to be learnt may stand at their ends alone.
    """
    hold = hold_stretches if learner.learns_held else hold_last
    held, anonymous = np.zeros(len(counts), bool), table.form != "table" and form.classes is not None
    labelled = np.array([counts[part.rows].any() for part in table.parts])
    whole = learner.learns_held and anonymous and labelled.sum() * learner.held_share >= LEAST_SERIES
    for k, part in zip(np.cumsum(labelled), table.parts):  # k have labels, with this one
        if whole:
            is_next = k * learner.held_share // 1 > (k - 1) * learner.held_share // 1
            held[part.rows] = is_next & counts[part.rows].any()
        else:
            held[part.rows] = hold(counts[part.rows], learner.held_share)
    return held


def learn_units(missing, learner, table, goal, counts, before, form):
    """Learn units from the rows that count; returns them, inputs (N, D) filled and scaled, scaled y (N, O)."""
    fresh = before is None  # else warm_start goes on with weights that are made for the old scales
    means = _means(form, table.X, counts) if fresh else before.units.means
    filled = table.X
    if missing != "error":
        rows = (table.X[part.rows] for part in table.parts)
        filled = np.concatenate([fill(missing, means, X, means) for X in rows])
    if fresh:
        x, y = _leave_codes(form, make_scaler(goal.scale, filled, counts, "X")), goal.link
        x = x if goal.used.all() else x.without(~np.tile(goal.used, filled.shape[1] // len(goal.used)))
        y = make_scaler(goal.scale, goal.W, counts, "y") if y is None else y
    else:
        x, y = before.units.x, before.units.y
    Xz, Z = x(filled), y(goal.W)
    if learner.whole_scale:
        check_size(Xz, Z)
    mean_x, mean_y = (np.array([np.nanmean(v[counts]) for v in V.T]) for V in (Xz, Z))
    level, reach = level_and_reach(goal.U)
    if is_coded(form, Z):
        mean_y, level = (form.classes.shares(v) for v in (Z[counts], goal.U))
        reach = np.ones(len(form.classes.labels))
    mean = _mean_inputs(form, mean_x), mean_y
    measures = means, x, y, goal.target, goal.bounds, level, reach, mean, goal.delay, goal.own
    units = Units(missing, *measures)
    warn_of_bounds(units, filled, table.y)
    return units, filled, Xz, Z


def learn_whole_units(missing, table, goal, counts, held, before, form):
    """Learn the units of series with one y each; returns them, and a list of ``Series``, whose last rows have the y."""
    parts, learn = table.parts, counts & ~held
    rows = np.zeros(len(table.X), bool)
    for part, counts_here in zip(parts, learn):
        rows[part.rows] = counts_here
    means = _means(form, table.X, rows) if before is None else before.units.means
    filled = np.concatenate([fill(missing, means, table.X[part.rows], means) for part in parts])
    if before is None:
        x = _leave_codes(form, make_scaler(goal.scale, filled, rows, "X"))
        y = make_scaler(goal.scale, goal.W, learn, "y") if goal.link is None else goal.link
    else:
        x, y = before.units.x, before.units.y
    Xz, Z = x(filled), y(goal.W)
    check_size(Xz, Z)
    mean = _mean_inputs(form, Xz[rows].mean(axis=0)), np.nanmean(Z[learn], axis=0)
    level, reach = level_and_reach(goal.U)
    units = Units(missing, means, x, y, goal.target, goal.bounds, level, reach, mean)
    series = []
    for part, z, weight, counts_here, held_here in zip(parts, Z, table.weight, counts, held):
        n = part.rows.stop - part.rows.start
        Y, w = np.full((n, len(z)), np.nan), np.zeros(n)
        Y[-1], w[-1] = z, weight if counts_here else 0.0
        series.append(Series(Xz[part.rows], Y, w, np.full(n, held_here)))
    return units, series


def _means(form, X, counts):
    """Return the replacement of missing inputs, (F,)."""
    means = input_means(X, counts)
    return means if form.vocabulary is None else form.vocabulary.unknown(means)


def _mean_inputs(form, mean):
    """Return the mean inputs (D,) in the model's units, where a category is the unknown one."""
    return mean if form.vocabulary is None else form.vocabulary.unknown(mean)


def _leave_codes(form, scaler):
    """Return the scaler of inputs, which leaves codes alone."""
    return scaler if form.vocabulary is None else form.vocabulary.as_they_are(scaler)


def settle(table, units, trained, U, filled, Xz):
    """Return the ``Place`` of each series after training, by its key."""
    dynamics, places = trained.dynamics, {}
    first, limits = first_past(dynamics, units), units.limits(filled)
    whole = Inputs(filled, Xz, limits)
    k = 0  # of the series that was learnt from
    for part in table.parts:
        rows, inputs = part.rows, whole.of(part.rows)
        stretches = own_stretches(part)
        end = trained.ends[k] if trained.ends and len(stretches) == 1 and not units.looks_back else None
        k += len(stretches)
        if end is not None:
            past = first._replace(memory=end, inputs=inputs.filled[-1, : units.n_inputs].copy())
        else:
            _, past = walk(dynamics, units, inputs, as_levels(U[rows], units.n_outputs), stretches, first)
        n = dynamics.lead + units.looks_back
        head = as_levels(U[rows][:n], units.n_outputs)
        measured = np.isfinite(U[rows])
        places[part.key] = begin(dynamics, units, part, table.X[rows], head, measured, past)
    return places


def last_levels(parts, U, level):
    """Return the last level (O,) of each series, {key: level}; the mean level where it was not measured."""
    last = {part.key: U[part.rows][-1] for part in parts}
    return {key: np.where(np.isnan(u), level, u) for key, u in last.items()}


def check_learnt(trained):
    """Raise where training ended in weights that are no numbers."""
    if not np.isfinite(trained.dynamics.theta).all():
        raise ValueError(
            "The weights became NaN or infinite, so the estimator is left as it was. Look for outliers in X and y, "
            "or give a smaller learning rate."
        )


class Known(NamedTuple):
    """Which of the last levels (K, O), and of the changes that a memory holds, (M, O), come from measured y alone."""

    levels: np.ndarray
    changes: np.ndarray


def known_changes(units, measured, past):
    """Return the ``Known`` of a past, given which y of the last rows were measured, (m, O) bool."""
    K, M = units.looks_back, len(getattr(past.memory, "Y", ()))
    marks = np.full((M + K, units.n_outputs), np.nan)
    n = min(len(marks), len(measured))
    marks[len(marks) - n :][measured[len(measured) - n :]] = 0.0
    return Known(np.isfinite(marks[M:]), np.isfinite(units.target.differences(marks[K:], marks[:K])))


def learn_part(learner, trained, units, given, stretches, before, forgetting, rng):
    """Learn from the new rows of one series, stretch after stretch.

    given : X (N, F), levels (N, O) and weights (N,).   before : the past, and the ``Place``, or None where the series
    begins.   Returns ``Trained``, the past after them, of each stretch its rows, the rows missing before, the past
    before it and X (n, D) without NaN, and the last level.
    """
    X, levels, weight = given
    visited, (past, place), nothing = [], before, np.zeros((0, units.n_outputs), bool)
    n_seen, measured = (0, nothing) if place is None else (place.unbroken, place.measured)
    for rows, missing in stretches:
        if missing:
            n_seen, measured = 0, nothing
        past = across(trained.dynamics, units, past, missing)
        inputs = units.inputs(X[rows], past.inputs)
        known = None if measured is None else known_changes(units, measured, past)
        seen = past.levels if known is None else np.where(known.levels, past.levels, np.nan)
        Z = units.late(units.y(units.target.differences(levels[rows], seen)))
        w = weight[rows]
        if forgetting < 1:
            w = w * forgetting ** np.arange(len(w) - 1.0, -1.0, -1.0)
            trained = learner.fade(trained, forgetting ** len(w))
        scaled = Series(inputs.z, Z, w, np.zeros(len(Z), bool))
        if learner.whole_scale:
            check_size(scaled.X, Z)
        memory = past.memory
        if known is not None:
            scaled, memory = learner.without_history(trained, scaled, memory, (n_seen, known.changes))
            n_seen += len(w)
            measured = last_measured(units, past, np.isfinite(levels[rows]), measured)
        with one_thread:
            trained = learner.learn_more(trained, scaled, memory, rng)
        followed = follow(trained.dynamics, units, inputs, levels[rows], past)
        visited.append((rows, missing, past, inputs.filled))
        past = followed.after
    return trained, past, visited, followed.U[-1]
