"""The program of a fitted model.

    filled <- x, NaN filled in             X <- scaled            x as the model sees it
    z <- the model's equations                                    its output
    level <- center + scale z + base, within bounds               base: past levels that a change is added to
    out <- the inverse transform of level                         the forecast
    U <- the level of y or, where y is NaN, of the forecast       kept for differences
    Y <- U less base, scaled                                      y as the model sees it

(See ``sequence.py`` and ``targets.py``.) Values that a model does not need are left out.
"""

import re

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._estimators.following import cold_past, zero_past
from .._estimators.regressor import SequenceRegressor
from .._nets.equations import state_name
from .._version import __version__
from ._program import Program, Span, call, clip, follow


def program_of(model, start="end", series=None):
    """Make the program of a fitted model; see ``to_c`` for the parameters."""
    model = getattr(model, "best_estimator_", model)
    if isinstance(model, Pipeline):
        raise TypeError(
            "model is a Pipeline, whose transformers cannot be exported: give its last step, model[-1], and later "
            "feed it what model[:-1].transform(X) gives."
        )
    if not isinstance(model, SequenceRegressor):
        raise TypeError(f"model={model!r} cannot be exported: give a fitted regressor of tsrnn.")
    check_is_fitted(model)
    if not model._dynamics().goes_on:
        raise ValueError(
            "A net with bidirectional=True needs rows that are still to come and cannot go row by row: fit one with "
            "bidirectional=False."
        )
    if not np.isfinite(model.theta_).all():
        raise ValueError(
            "The model has weights that are NaN or infinite, and cannot be exported: fit it again."
        )
    p = Program(model.n_features_in_, model.n_outputs_)
    filled = _inputs(model, p)
    first = len(p.values)
    z = model._dynamics().terms(p)
    past = _past(p, _start(model, start, series), list(p.values)[first:])
    _outputs(model, p, z, filled)
    p.prune()
    p.past = {name: past[name] for name in p.rows()}
    if any(np.isnan(rows).any() for rows in p.past.values()):
        raise ValueError(
            f"start={start!r}: the last {len(past['U'])} values of y, to which target_transform="
            f"{model.target_transform!r} adds the changes, are not known there: give start='end' of a model that has "
            "seen them, or start=(X_hist, y_hist)."
        )
    return p


def title(model, p):
    """First line of a file that is made from a program."""
    kind = re.sub(
        r"\W", "", type(getattr(model, "best_estimator_", model)).__name__
    )  # it is printed in a comment
    return f"{kind}, {p.n_inputs} inputs, {p.n_outputs} outputs, by tsrnn {__version__}."


# ---------------------------------------------------------------------------------------- where it starts


def _start(model, start, series):
    """Find the ``Past`` before the first row, as in ``sequence.py``."""
    if isinstance(start, tuple) and len(start) == 2:
        histories = model._histories(model.fitted_, start)
        if len(histories) != 1:
            raise ValueError(f"start has the history of {len(histories)} series: give that of one.")
        return next(iter(histories.values()))[1]
    if isinstance(start, str) and start == "end":
        if series not in model.series_:
            keys = ", ".join(map(repr, list(model.series_)[:3]))
            raise ValueError(
                f"series={series!r} was not seen in training: give one of {keys} ..., or start='cold', for a series "
                "with an unknown past."
            )
        return model.series_[series].past
    starts = {"cold": cold_past, "zeros": zero_past}
    if not isinstance(start, str) or start not in starts:
        raise ValueError(
            f"start={start!r} is unknown: give 'end', 'cold', 'zeros' or a tuple (X_hist, y_hist)."
        )
    return starts[start](model._dynamics(), model.fitted_.units)


def _past(p, past, equations):
    """Past rows, oldest first, of each value with lags: name -> (n, size)."""
    memory, rows = past.memory, p.rows()
    known = {"X": memory.X, "Y": memory.Y, "filled": past.inputs[None], "U": past.levels}
    for layer, states in enumerate(memory.states):
        known |= {state_name(layer, k): state[None] for k, state in enumerate(np.atleast_2d(states))}
    if any(name in rows and name not in known for name in equations):
        # Hidden layers with lags: their past is not in the memory and is computed from that of x and y.
        return known | follow(p, equations, {"X": memory.X, "Y": memory.Y})
    return {name: a[len(a) - rows.get(name, len(a)) :] for name, a in known.items()}


# ---------------------------------------------------------------------------------------- around the equations


def _inputs(model, p):
    """Add X, and return x without gaps."""
    x, F = Span("x"), p.n_inputs
    center, factor = model.x_scaler_.center, 1 / model.x_scaler_.scale  # 0 for constant inputs
    if model.missing == "error":
        filled = x
    else:
        substitute = model.fitted_.units.means if model.missing == "mean" else Span("filled", 1)
        filled = p.map("filled", F, call("known", x, substitute))
    if model.missing == "mask":
        values = p.map("values", F, (filled - center[:F]) * factor[:F])
        gaps = p.map("gaps", F, (call("missing", x) - center[F:]) * factor[F:])
        p.affine("X", np.zeros(2 * F), [(values, np.eye(F, 2 * F)), (gaps, np.eye(F, 2 * F, F))])
    else:
        p.map("X", F, (filled - center) * factor)
    return filled


def _outputs(model, p, z, filled):
    """Add the forecast, and U and Y for later rows.   z : the model's output.   filled : x without gaps."""
    O, target, (center, scale) = p.n_outputs, model.fitted_.units.target, model.y_scaler_
    level = z * scale + center
    measured = _level_of(target, Span("y"))
    unmeasured, change = z, measured
    base = None
    for k, c in enumerate(target.coef, 1):
        if c != 0:
            term = float(c) * Span("U", k)
            base = term if base is None else base + term
    if base is not None:
        level, change = level + base, measured - base
    if base is not None or model.fitted_.units.bounds is not None:
        level = p.map("level", O, clip(level, *_limits(model, p, filled)))
        unmeasured = ((level if base is None else level - base) - center) * (1 / scale)
    out = level
    for g in reversed(target.pointwise):
        out = _in_terms(g, "inverse_terms")(call, out)
    p.map("out", O, out)
    rows = p.rows()
    if "U" in rows:
        p.fed["U"] = measured, level
    if "Y" in rows:
        bound = getattr(model._dynamics(), "bound", np.inf)  # on outputs that are fed back
        unmeasured = clip(unmeasured, -bound, bound)
        p.fed["Y"] = (change - center) * (1 / scale), unmeasured


def _level_of(target, y):
    """Term of the level of y."""
    for g in target.pointwise:
        y = _in_terms(g, "terms")(call, y)
    return y


def _in_terms(transform, method):
    """Return the method of a transform that gives its formula; raise if it has none."""
    if not hasattr(transform, method):
        raise TypeError(
            f"target_transform={transform!r} cannot be exported: it has no method {method}(call, term) that gives its "
            "formula."
        )
    return getattr(transform, method)


def _limits(model, p, filled):
    """Bounds of the level, each a number, an array (O,) or a value of the program."""
    bounds = model.fitted_.units.bounds
    if bounds is None:
        return -np.inf, np.inf
    if not any(isinstance(b, int) for side in bounds for b in side):
        return model.fitted_.units.target.bound_levels(*bounds)
    if model.fitted_.units.target.pointwise:
        raise ValueError(
            f"target_bounds={model.target_bounds!r} are columns of X, whose target_transform="
            f"{model.target_transform!r} cannot be exported: give numbers, or no transform but differences."
        )
    limits = []
    for name, side in zip(("low", "high"), bounds):
        b = np.array([0.0 if isinstance(v, int) else v for v in side])
        W = np.array([[float(isinstance(v, int) and v == f) for v in side] for f in range(p.n_inputs)])
        limits.append(p.affine(name, b, [(filled, W)]))
    return limits
