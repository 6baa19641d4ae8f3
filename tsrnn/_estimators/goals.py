"""What is learnt of y: its transform, bounds and scale, by the parameters or by what y itself shows."""

import numpy as np

from .._series.choices import Lags, choose_transform
from .._series.inputs import used_inputs
from .._series.lags import is_auto
from .._series.scaling import LogLink
from .._series.seasons import index_of
from .._series.targets import least_amounts, resolve_bounds, resolve_target
from .._series.units import differ_in_size, scaled_by_series, with_new_scales
from .._training.losses import has_log_link, resolve_loss
from .._warn import warn
from .chosen_lags import averages_changes, long_pieces, most_lags
from .fitted import Goal


def goal_of(estimator, table, pieces, form):
    """Return the ``Goal``: levels and changes of y."""
    target = _target(estimator, table, pieces, form)
    names = getattr(estimator, "feature_names_in_", [f"x{k}" for k in range(estimator.n_features_in_)])
    if has_log_link(getattr(estimator, "loss", None)):
        bounds = _bounds(estimator, table, names) or resolve_bounds((0, None), names, table.y.shape[1])
        return _goal_of_means(estimator, table, target, bounds)
    U, scales = target.levels(table.y), None
    scale = _scale_of(estimator, table, U, form)
    bounds = (
        None if scale == "series" and is_auto(estimator.target_bounds) else _bounds(estimator, table, names)
    )
    if scale == "series" and not form.whole:
        scales = _series_scales(estimator, target, bounds, table, U)
    U = W = scaled_by_series(U, scales, table.parts)
    if len(target.coef):
        unknown = np.full((len(target.coef), U.shape[1]), np.nan)
        W = np.concatenate([target.differences(U[p], unknown) for p in pieces])
    return Goal(U, W, target, bounds, scale, own=scales)


def inputs_used(estimator, learner, table, pieces, form):
    """Tell which columns of X are used, (F,) bool: all but where the lags of a model that sees y are open."""
    F, before = table.X.shape[1], _warm(estimator)
    if before and before.units.n_inputs == F:
        return np.isfinite(before.units.x.scale[:F])
    owner = estimator._has_lags()
    is_open = learner.sees_y and any(is_auto(getattr(owner, name, ())) for name in Lags._fields)
    if not (F and is_open) or form.classes is not None or form.vocabulary is not None:
        return np.ones(F, bool)
    pieces = long_pieces(pieces)
    U, X, counts = ([V[p] for p in pieces] for V in (table.y, table.X, table.weight > 0))
    late = ~estimator._columns_known_ahead() if hasattr(learner, "inner") else None
    options = {"counts": counts, "horizon": getattr(estimator, "horizon", None), "late": late}
    used = used_inputs(U, X, index_of(table.parts[0].stamps), **options)
    _warn_of_unused(estimator, X, used)
    return used


def _warn_of_unused(estimator, X, used):
    """Warn of columns of X, a list of (N, F), that change and are not used."""
    names = getattr(estimator, "feature_names_in_", range(estimator.n_features_in_))
    changes = [min(map(np.nanmin, of)) < max(map(np.nanmax, of)) for of in zip(*(V.T for V in X))]
    unused = [repr(name) for name, changing, seen in zip(names, changes, used) if changing and not seen]
    if unused:
        warn(
            f"{type(estimator).__name__} does not use column(s) {', '.join(unused)} of X, which wander: without them a "
            "linear model forecasts held rows better. To use them all the same, give input_lags and output_lags."
        )


def _goal_of_means(estimator, table, target, bounds):
    """Return the ``Goal`` of a loss with a log link: y as it is, over its mean."""
    if target.pointwise or len(target.coef) or estimator.scale == "series":
        raise ValueError(
            f"loss={estimator.loss!r} models y itself, whose mean is the exponential of the net's output: give "
            "target_transform=None, and a scale other than 'series'."
        )
    least = np.nanmin(table.y, initial=0.0)
    if least < 0:
        raise ValueError(
            f"loss={estimator.loss!r} is for counts and amounts, but y has {least:g}: give y >= 0."
        )
    y = table.y[table.weight > 0]
    mean = np.array([v[np.isfinite(v)].mean() if np.isfinite(v).any() else 0.0 for v in y.T])
    kind = estimator._common_scale if is_auto(estimator.scale) else estimator.scale
    scale = np.where((mean > 0) & (kind is not None), mean, 1.0)
    return Goal(table.y, table.y, target, bounds, kind, link=LogLink(scale, resolve_loss(estimator.loss)))


def _target(estimator, table, pieces, form):
    """Return the ``Target`` that the parameter names, or choose one for y."""
    if not is_auto(estimator.target_transform):
        return resolve_target(estimator.target_transform)
    if before := _warm(estimator):
        return before.units.target
    if form.whole or has_log_link(getattr(estimator, "loss", None)):
        return resolve_target(None)
    pieces = long_pieces(pieces)
    y = np.where(table.weight[:, None] > 0, table.y, np.nan)
    Y, X = ([V[p] for p in pieces] for V in (y, table.X))
    learner = estimator._learner()
    given = getattr(estimator._has_lags(), "output_lags", "auto")
    lags = "auto" if learner.remembers or is_auto(given) else learner.output_lags
    direct = getattr(estimator, "quantiles", None) is not None or getattr(estimator, "gap", 0)
    # a linear judge would take what it cannot follow of inputs for a season
    driven = _is_driven(estimator, learner, table)
    X = X if driven else [V[:, :0] for V in X]
    options = {
        "horizon": getattr(estimator, "horizon", None),
        "output_lags": lags if learner.sees_y else (),
        "most": most_lags(learner, sum(map(len, Y))),
        "extrapolates": learner.extrapolates,
        "pointwise": estimator.target_bounds is None or is_auto(estimator.target_bounds),
        "least": np.nanmin(table.y, initial=np.inf),
        "differences": learner.sees_y and learner.learns_changes and not (direct or driven),
        "averaged": averages_changes(learner, given, table),
    }
    return resolve_target(choose_transform(Y, index_of(table.parts[0].stamps), X, **options))


def _is_driven(estimator, learner, table):
    """Tell whether inputs drive the rows to forecast: those of a forecaster of all steps at once where known ahead."""
    at_once = hasattr(learner, "inner")
    some_seen = not at_once or estimator._columns_known_ahead().any()
    return bool(learner.wants_inputs and table.X.shape[1] and some_seen)


def _bounds(estimator, table, names):
    """Return the ``Bounds`` that the parameter names, or what y itself shows of them."""
    if not is_auto(estimator.target_bounds):
        return resolve_bounds(estimator.target_bounds, names, table.y.shape[1])
    if before := _warm(estimator):
        return before.units.bounds
    return resolve_bounds((least_amounts(table.y[table.weight > 0]), None), names, table.y.shape[1])


def _scale_of(estimator, table, U, form):
    """Return the scale that the parameter names, or that of levels U (N, O) of one or several series."""
    if not is_auto(estimator.scale):
        return estimator.scale
    if before := _warm(estimator):
        return estimator._common_scale if before.units.own is None else "series"
    bounded = estimator.target_bounds is not None and not is_auto(estimator.target_bounds)
    if len(table.parts) == 1 or form.whole or bounded or not estimator._learner().sees_y:
        return estimator._common_scale
    counted = np.where(table.weight[:, None] > 0, U, np.nan)
    alone = table.X.shape[1] == 0
    return "series" if differ_in_size(counted, table.parts, alone) else estimator._common_scale


def _series_scales(estimator, target, bounds, table, U):
    """Return the scales {key: (center, scale)} of the levels of each series."""
    if bounds is not None:
        raise ValueError(
            f"scale='series' does not go with target_bounds={estimator.target_bounds!r}, which are the same for all "
            "series: give scale='standard', or no bounds."
        )
    before = _warm(estimator)
    return with_new_scales((before and before.units.own) or {}, U, target, table.parts)


def _warm(estimator):
    """Return the ``Fitted`` that a warm start goes on with, or None."""
    return estimator.__dict__.get("fitted_") if getattr(estimator, "warm_start", False) else None
