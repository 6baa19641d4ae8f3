"""Lags that parameters leave open, and those that were chosen."""

from .._series.choices import Lags, choose_lags
from .._series.lags import is_auto
from .._series.seasons import index_of


def lags_of(learner):
    """Return the ``Lags`` of a learner, or None where it has none."""
    learner = getattr(learner, "inner", learner)
    return Lags(learner.input_lags, learner.output_lags) if hasattr(learner, "output_lags") else None


def open_lags(estimator, lags):
    """Return the parameters {name: tuple} among ``Lags`` that an estimator leaves open."""
    return {name: v for name, v in lags._asdict().items() if is_auto(getattr(estimator, name, None))}


def long_pieces(pieces):
    """Select the slices that are more than half as long as the longest."""
    longest = max(p.stop - p.start for p in pieces)
    return [p for p in pieces if p.stop - p.start > longest / 2]


def most_lags(learner, n_rows):
    """Return the most output lags whose weights a net can learn from n_rows; None for a linear model."""
    hidden = getattr(getattr(learner, "inner", learner), "hidden", ())
    return n_rows // hidden[0] if hidden else None


def chosen(learner, settings, table, pieces, goal, horizon):
    """Choose the ``Lags`` that settings leave open, from the longer pieces of the rows of a table.

    Where y is seen at the lags of the inputs, as by a forecaster without output lags, those are of both.
    """
    shared = learner.sees_y and not lags_of(learner).output_lags
    settings = {
        name: "auto" if is_auto(v) else getattr(lags_of(learner), name) for name, v in settings.items()
    }
    if shared:
        settings["output_lags"] = "auto"
    pieces = long_pieces(pieces)
    U, X, counts = ([V[p] for p in pieces] for V in (goal.U, table.X, table.weight > 0))
    differences = tuple(change.lag for change in goal.target.changes if hasattr(change, "lag"))
    options = {"horizon": horizon, "differences": differences, "counts": counts}
    options["most"] = most_lags(learner, sum(map(len, U)))
    lags = choose_lags(U, index_of(table.parts[0].stamps), X, **settings, **options)
    return Lags(tuple(sorted({*lags.input_lags, *lags.output_lags})), ()) if shared else lags
