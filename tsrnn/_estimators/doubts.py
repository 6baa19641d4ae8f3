"""Which y an estimator does not believe, while it learns and later."""

import numpy as np

from .._series.doubt import believed_after, ends_of, last_believed, tells_later
from .._series.lags import is_auto
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
