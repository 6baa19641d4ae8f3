"""Which y an estimator does not believe, while it learns and later, and which numbers it finds odd."""

import numpy as np

from .._series.doubt import MOST_IN_A_ROW, believed_after, ends_of, last_believed, tells_later
from .._series.lags import is_auto
from .._series.ranges import only, ranges_of, warn_if_far, widened
from .._series.timeline import tells


def doubts(estimator, form):
    """Return whether an estimator may doubt values of y."""
    return form.classes is None and is_auto(getattr(estimator, "target_bounds", "auto"))


def with_range(units, places, table):
    """Return units and places after training that later y is compared with, unless each series has its own scale."""
    if units.own is not None:
        return units, places
    tells = tells_later(table.y)
    ends = {part.key: last_believed(table.y[part.rows], tells) for part in table.parts}
    places = {key: place._replace(doubt=ends[key]) for key, place in places.items()}
    return units._replace(range=ends_of(table.y)), places


def believed_later(estimator, fitted, table):
    """Return a table of rows after training without the y that is doubted."""
    units = fitted.units
    if units.range is None or not fitted.trained.dynamics.sees_y:
        return table
    found = is_auto(estimator.target_transform) and units.target.pointwise
    impossible = np.isinf(units.target.ends(table.y)) if found else np.zeros((1, 1), bool)
    places, alone = fitted.series, estimator.n_features_in_ == 0
    # Of experiments, which stamps do not tell to go on, inputs decide.
    going_on = [part.key for part in table.parts if alone or tells(part.stamps)]
    before = {key: places[key].doubt for key in going_on if key in places}
    return believed_after(table, units.range, before, impossible)


def with_usual(estimator, units, table, form, used=True):
    """Return units with the ranges of a table's inputs and y, by which later ones in other units are noticed.

    used : which inputs are, (F,) bool.
    """
    codes = () if form.vocabulary is None else form.vocabulary.columns
    F = estimator.n_features_in_
    told = np.broadcast_to(used, table.X.shape[1])[:F] & ~np.isin(np.arange(F), codes)
    parts = [part.rows for part in table.parts]
    inputs = ranges_of(table.X[:, :F], parts)
    is_number = form.classes is None and not form.whole and units.own is None
    return units._replace(usual=(only(inputs, told), ranges_of(table.y, parts) if is_number else None))


def widened_usual(units, table):
    """Return units whose ranges hold a table that was learnt, too."""
    if units.usual is None:
        return units
    usual = [r and widened(r, V[:, : len(r.low)]) for r, V in zip(units.usual, (table.X, table.y))]
    return units._replace(usual=tuple(usual))


def warn_of_units(estimator, fitted, X, Y=None, name="X", seen=None):
    """Warn where inputs X (N, >= F), of an argument of that name, or Y (N, O), look as if in other units.

    seen : inputs that are looked at, (F,) bool, or None for all.
    """
    if fitted.units.usual is None:
        return
    inputs, outputs = fitted.units.usual
    F = len(inputs.low)
    columns = getattr(estimator, "feature_names_in_", range(F))
    looked_at = inputs if seen is None else only(inputs, seen)
    warn_if_far(looked_at, X[:, :F], lambda k: f"column {columns[k]!r} of {name}")
    if Y is not None and outputs is not None and len(Y) > MOST_IN_A_ROW:  # fewer are doubted singly
        names = fitted.form.y_names if np.iterable(fitted.form.y_names) else range(Y.shape[1])
        warn_if_far(outputs, Y, lambda o: "y" if len(names) == 1 else f"column {names[o]!r} of y")
