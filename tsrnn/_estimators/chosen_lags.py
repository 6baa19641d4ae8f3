"""Lags that parameters leave open, and those that were chosen."""

from dataclasses import replace

from .._series.choices import Lags, choose_alone, choose_lags, choose_mean
from .._series.lags import is_auto, of_one
from .._series.seasons import index_of, longest_lag


FEW = 32  # given lags of y, beside which lags of inputs are looked for: each trial costs the cube of all
MOST_DRIVEN = 35  # columns of lags of a net that sees inputs: of 16 units, as many as are quick to learn
NEAREST = 4  # lags that it has of both at least, where rows are ROOM times those it needs: more bends than is linear
ROOM = 2


def lags_of(learner):
    """Return the ``Lags`` of a learner, or None where it has none."""
    inner = getattr(learner, "inner", learner)
    if not hasattr(inner, "output_lags"):
        return None
    return Lags(inner.input_lags, getattr(learner, "y_lags", ()) or inner.output_lags)


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


def chosen(learner, settings, table, pieces, goal, horizon, usual):
    """Choose the ``Lags`` that settings leave open, from the longer pieces of the rows of a table.

    A forecaster of all steps at once finds those of y itself where its model has none; inputs then have the ``usual``
    ones.  What remembers needs no more of them than one step does.
    """
    inner = getattr(learner, "inner", None)  # of a forecaster of all steps at once
    apart = inner is not None and not lags_of(learner).output_lags
    settings = {
        name: "auto" if is_auto(v) else getattr(lags_of(learner), name) for name, v in settings.items()
    }
    if apart:
        settings["output_lags"] = "auto"
    most = most_lags(learner, sum(p.stop - p.start for p in long_pieces(pieces)))
    *given, known = _known(table, pieces, goal)
    if inner is None and most and table.X.shape[1] and settings["output_lags"] and not learner.remembers:
        lags = choose_lags(*given, horizon=horizon, most=min(most, MOST_DRIVEN), **settings, **known)
        return _with_nearest(lags, settings, (table.X.shape[1], goal.U.shape[1]), most)
    lags = choose_lags(*given, horizon=horizon, most=most, **settings, **known)
    if inner is None or inner.remembers or not is_auto(settings["output_lags"]):
        return lags
    inputs = lags.input_lags
    if apart and usual:
        inputs = usual if table.X.shape[1] else usual[:1]  # of no columns, any lag
    left = None if most is None else most - len(inputs) * table.X.shape[1]
    steps = range(learner.p.gap, learner.p.gap + horizon)
    return Lags(inputs, seen_at_once(lags.output_lags, usual[1:] if apart else (), steps, left))


def _with_nearest(lags, settings, columns, most):
    """Add the nearest lags to those that were open and that a linear model, which may need fewer, has of the kind.

    columns : of inputs and of y, each of which costs as much again.
    """
    nearest = Lags(range(NEAREST + 1), range(1, NEAREST + 1))
    opened = {name for name, found in lags._asdict().items() if found and is_auto(settings[name])}
    wide = lags._replace(
        **{name: tuple(sorted({*getattr(lags, name), *getattr(nearest, name)})) for name in opened}
    )
    width = sum(len(seen) * n for seen, n in zip(wide, columns))
    return wide if columns[1] * width <= MOST_DRIVEN and width <= most // ROOM else lags


def _known(table, pieces, goal):
    """Return levels of y, index and inputs of the longer pieces of a table, and what else is known of them."""
    pieces = long_pieces(pieces)
    U, X, counts = ([V[p] for p in pieces] for V in (goal.U, table.X, table.weight > 0))
    return U, index_of(table.parts[0].stamps), X, {"differences": _differences(goal), "counts": counts}


def _differences(goal):
    """List the lags of the differences of y that are learnt."""
    return tuple(change.lag for change in goal.target.changes if hasattr(change, "lag"))


def averages_changes(learner, output_lags, table):
    """Tell whether the linear model of past y alone, beside a net or not, finds lags and is a mean over differences.

    A net has none beside it where no rows are held back, by which to weigh both.
    """
    is_there = learner.weighs_linear and (most_lags(learner, 1) is None or learner.held_share > 0)
    return is_there and not table.X.shape[1] and is_auto(output_lags)


def beside_linear(learner, settings, table, pieces, goal):
    """Give a net the linear model beside it; of several outputs whose lags are open, each is averaged with its own.

    A learner that is a linear model itself is averaged alike.
    """
    learner = _averaged(learner, settings, table, pieces, goal)
    if learner.weighs_linear and is_auto(settings["output_lags"]) and goal.U.shape[1] > 1:
        linear = learner.linear or of_one(learner.input_lags, learner.output_lags)
        return replace(learner, linear=linear._replace(own=goal.U.shape[1]))
    return learner


def _averaged(learner, settings, table, pieces, goal):
    """Give a net the lags of the linear model beside it, where those of y or of inputs are open.

    Without inputs it is a mean over differences of y.  With them: from many columns a net learns worse than from few, a
    ridge regression hardly.  What has a memory sees inputs at lag 0 alone; the linear model, which has none, finds lags
    of them and, where those of y are open, is averaged with one of y alone.  Of one lag of y, it is no rival; beside
    more than ``FEW``, or longer ones than the rows allow, it has the net's lags.  A learner that is such a model itself
    has the lags of all.
    """
    if averages_changes(learner, settings["output_lags"], table) and not _differences(goal):
        U, index, _, known = _known(table, pieces, goal)
        averaged = choose_mean(U, index, counts=known["counts"])
        is_linear = most_lags(learner, 1) is None
        return replace(
            learner, linear=averaged, **({"output_lags": averaged.together[1]} if is_linear else {})
        )
    if not (table.X.shape[1] and learner.weighs_linear):
        return learner
    open_y, remembered = is_auto(settings["output_lags"]), learner.remembers and learner.input_lags == (0,)
    reach = longest_lag(max(p.stop - p.start for p in pieces))
    few = 1 < len(learner.output_lags) <= FEW and max(learner.output_lags) <= reach
    if not (open_y or (remembered and few)):
        return learner
    inputs = "auto" if remembered or is_auto(settings["input_lags"]) else learner.input_lags
    outputs = "auto" if open_y else learner.output_lags
    *given, known = _known(table, pieces, goal)
    if most_lags(learner, 1) is None:
        averaged = choose_alone(*given, lags_of(learner), **known, repeats=True)
        return replace(learner, linear=averaged, **dict(zip(Lags._fields, averaged.together)))
    lags = choose_lags(*given, input_lags=inputs, output_lags=outputs, **known)
    return replace(learner, linear=choose_alone(*given, lags, **known) if open_y else of_one(*lags))


def seen_at_once(found, usual, steps, most):
    """Widen lags ``found`` for one step to those by which all are seen at once, nearer ones first.

    y(t + s - l), a season before a row to forecast, is l - s + 1 rows before the first: forecasts of one step have its
    lag l when they get there, those of all steps at once need each of them, up to twice the ``most`` that rows allow
    for one step. Beside the ``usual`` lags, up to the most, for a linear model, by which lags are chosen, may need
    fewer.   steps : s - 1 of each, counted from the last known row of y.
    """
    each = [{max(1, lag - s) for lag in found[:n] for s in steps}.union(found) for n in range(len(found) + 1)]
    seen = max((lags for lags in each if most is None or len(lags) <= 2 * most), key=len, default=set(found))
    more = seen.union(usual)
    return tuple(sorted(more if most is None or len(more) <= most else seen))
