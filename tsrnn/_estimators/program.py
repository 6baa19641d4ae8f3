"""The program of one row of a fitted model, from the user's numbers to the user's numbers.

    filled <- x, NaN filled in             X <- scaled            x as the model sees it
    z <- the model's equations                                    its output
    level <- center + scale z + base, within bounds               base: past levels that a change is added to
    out <- the inverse transform of level                         the forecast
    U <- the level of y or, where y is NaN, of the forecast       kept for differences
    Y <- U less base, scaled                                      y as the model sees it

(See ``sequence.py`` and ``targets.py``.)  Of labels y is their targets, and out and what is fed back are probabilities,
or for a readout that estimates targets these.  Values that a model does not need are left out.

A model of one y per series is several such programs, each of which goes over all rows, some from the last to the first:

    seen <- x in its lags            h_l <- a direction of a layer, which sees all before it            out <- readout

and one more, of a single row, from pooled outputs to the user's numbers.
"""

from typing import NamedTuple

import numpy as np

from .._nets.equations import LayerEquations, inputs_of_net, state_name
from .._nets.program import Program, Span, call, clip, follow
from .._nets.recurrent import INPUTS, folded
from .._series.labels import Link
from .following import Past


def row_program(dynamics, units, past):
    """Make the ``Program`` of a dynamics and its units, which goes on from a ``Past``."""
    p = Program(units.n_inputs, units.n_outputs)
    filled = _inputs(units, p)
    first = len(p.values)
    z = dynamics.terms(p)
    rows = _past(dynamics, p, past, list(p.values)[first:])
    _outputs(dynamics, units, p, z, filled)
    p.prune()
    p.past = {name: rows[name] for name in p.rows()}
    return p


class Walk(NamedTuple):
    """A program that goes over all rows.   sees : numbers of the walks before it whose "out" is its x, side by side;
    None for the user's x.   reverse : whether it begins at the last row.   own_order : whether it sees each of the
    others in the order of that one's own steps.
    """

    program: Program
    sees: tuple | None
    reverse: bool = False
    own_order: bool = False


class Whole(NamedTuple):
    """A model of one y per series.   walks : the last gives outputs, which are pooled, see ``pooled.py``; v : (A,), of
    attention.   answer : the program of the pooled row.
    """

    walks: list
    pooling: str
    v: np.ndarray
    answer: Program


def whole_program(pooled, units):
    """Make the programs of a model of one y per series."""
    if pooled.rate > 1:
        raise ValueError(
            "A net with convolution of strides or pooling cannot be exported, for its steps are of several rows: fit "
            "one with stride=1 and pooling=None."
        )
    dynamics, p = pooled.inner, Program(units.n_inputs, pooled.inner.n_outputs)
    past = Past(dynamics.first(), np.empty((0, units.n_outputs)), units.means)
    _inputs(units, p)
    first = len(p.values)
    if dynamics.goes_on:
        p.map("out", p.n_outputs, dynamics.terms(p))
        walks = [Walk(_begun(dynamics, p, past, first), None)]
    else:
        walks = _both_directions(dynamics, p, past)
    answer = Program(units.n_outputs, units.n_outputs)
    _outputs(dynamics, units, answer, answer.map("pooled", units.n_outputs, Span("x")), None)
    return Whole(walks, pooled.pooling, pooled.v, answer)


def _begun(dynamics, p, past, first):
    """Give a program its past, of values from number ``first`` on; returns it."""
    rows = _past(dynamics, p, past, list(p.values)[first:])
    p.prune()
    p.past = {name: rows[name] for name in p.rows()}
    return p


def _both_directions(dynamics, p, past):
    """List the walks of a net some of whose blocks read from the end.   p : has X."""
    net, theta = folded(dynamics.net, dynamics.theta)
    *layers, readout = net.views(theta)
    first = len(p.values)
    name = inputs_of_net(p, dynamics.net, dynamics.theta)
    sources = [s for block in net.blocks for s in block.sources] + list(net.readout)
    lead, size = max((s.oldest for s in sources if s.which == INPUTS), default=0), p.size(name)
    whole = (lead + 1) * size
    p.affine("out", np.zeros(whole), [(Span(name, lead, lead + 1), np.eye(whole))])
    walks = [Walk(_begun(dynamics, p, past, first), None)]
    widths = {INPUTS: whole, **{k: block.H for k, block in enumerate(net.blocks)}}

    for k, (block, w) in enumerate(zip(net.blocks, layers)):
        sees, terms = _seen(block.sources, widths, (lead, size), k)
        q = Program(sum(walks[i].program.size("out") for i in sees), block.H)
        cell = net.cells[k]
        cell.terms(LayerEquations(q, k, block.H, w, [terms(W) for W in w.W], cell))
        q.map("out", block.H, Span(state_name(k, 0)))
        walks.append(Walk(_begun(dynamics, q, past, 0), sees, block.reverse, block.dense and net.own_order))
    sees, terms = _seen(net.readout, widths, (lead, size))
    q = Program(sum(walks[i].program.size("out") for i in sees), net.n_outputs)
    q.affine("out", readout.b[0], terms(readout.W[0]))
    return [*walks, Walk(q, sees, own_order=net.own_order)]


def _seen(sources, widths, window, k=None):
    """Return the walks that block k (None: the readout) sees, and a function: weights (D, H) as ``affine`` takes them.

    widths : of each walk, by what sources call it.   window : lags and columns of the inputs, the oldest lag first.
    """
    lead, size = window
    others = list(dict.fromkeys(s.which for s in sources if s.which != k))
    begin = dict(zip(others, np.cumsum([0, *(widths[which] for which in others)])))

    def terms(W):
        full, back = np.zeros((sum(widths[which] for which in others), W.shape[1])), []
        for s in sources:
            rows = W[s.at : s.at + s.width]
            if s.which == k:
                back.append((Span(state_name(k, 0), s.oldest), rows))
            else:
                at = begin[s.which] + (lead - s.oldest) * size * (s.which == INPUTS)
                full[at : at + s.width] += rows
        return [(Span("x"), full), *back]

    return tuple(0 if which == INPUTS else which + 1 for which in others), terms


def _past(dynamics, p, past, equations):
    """Return the past rows, oldest first, of each value with lags: name -> (n, size)."""
    memory, rows = past.memory, p.rows()
    rows_of = {**dynamics.history(memory), "filled": past.inputs[None], "U": past.levels}
    for layer, states in enumerate(map(np.atleast_2d, memory.states)):
        n = len(states) - (dynamics.reaches[layer] if dynamics.reaches else 0)
        rows_of |= {state_name(layer, k): state[None] for k, state in enumerate(states[:n])}
        rows_of[state_name(layer, 0)] = np.concatenate([states[n:], states[:1]])
    past_rows = {name: a[len(a) - rows.get(name, len(a)) :] for name, a in rows_of.items()}
    hidden = [k for k, name in enumerate(equations) if name in rows and name not in rows_of]
    if hidden:
        # Hidden layers with lags: their past is not in the memory and is computed from that of x and y.
        known = {"X": memory.X, "Y": memory.Y}
        return follow(p, equations[: hidden[-1] + 1], known) | past_rows
    return past_rows


# ---------------------------------------------------------------------------------------- around the equations


def _inputs(units, p):
    """Add X, and return x without gaps."""
    x, F = Span("x"), p.n_inputs
    center, factor = units.x.center, 1 / units.x.scale  # 0 for constant inputs
    if units.missing == "error":
        filled = x
    else:
        substitute = units.means if units.missing == "mean" else Span("filled", 1)
        filled = p.map("filled", F, call("known", x, substitute))
    if units.missing == "mask":
        values = p.map("values", F, (filled - center[:F]) * factor[:F])
        gaps = p.map("gaps", F, (call("missing", x) - center[F:]) * factor[F:])
        p.affine("X", np.zeros(2 * F), [(values, np.eye(F, 2 * F)), (gaps, np.eye(F, 2 * F, F))])
    else:
        p.map("X", F, (filled - center) * factor)
    return filled


def _outputs(dynamics, units, p, z, filled):
    """Add the forecast, and U and Y for later rows.   z : the model's output.   filled : x without gaps."""
    bound = getattr(dynamics, "bound", np.inf)  # on outputs that are fed back
    if isinstance(units.y, Link):
        measured, unmeasured = _shares(units.y.word, p, z)
    else:
        measured, unmeasured = _numbers(units, p, z, filled)
    rows = p.rows()
    if "U" in rows:
        p.fed["U"] = _level_of(units.target, Span("y")), Span("level")
    if "Y" in rows:
        p.fed["Y"] = measured, clip(unmeasured, -bound, bound)


def _shares(word, p, z):
    """Add probabilities, or estimates of targets; return terms of what is fed back: of a label, and of these."""
    if word == "softmax":
        out = p.softmax("out", z)
    else:
        out = p.map("out", p.n_outputs, call("logistic", z) if word == "logistic" else z)
    return Span("y"), out


def _numbers(units, p, z, filled):
    """Add the forecast of numbers; return terms of what is fed back: of a measured y, and of the forecast."""
    O, target, center, scale = p.n_outputs, units.target, units.y.center, units.y.scale
    level = z * scale + center if units.y.feeds_output else call("exp", z) * scale
    measured = _level_of(target, Span("y"))
    unmeasured, change = z, measured
    base = None
    for k, c in enumerate(target.coef, 1):
        if c != 0:
            term = float(c) * Span("U", k)
            base = term if base is None else base + term
    if base is not None:
        level, change = level + base, measured - base
    if base is not None or units.bounds is not None:
        level = p.map("level", O, clip(level, *_limits(units, p, filled)))
        unmeasured = ((level if base is None else level - base) - center) * (1 / scale)
    out = level
    for g in reversed(target.pointwise):
        out = _in_terms(g, "inverse_terms")(call, out)
    p.map("out", O, out)
    return (change - center) * (1 / scale), unmeasured


def _level_of(target, y):
    """Return the term of the level of y."""
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


def _limits(units, p, filled):
    """Return bounds of the level, each a number, an array (O,) or a value of the program."""
    bounds = units.bounds
    if bounds is None:
        return -np.inf, np.inf
    if not bounds.has_columns:
        return units.target.bound_levels(*bounds)
    if units.target.pointwise:
        raise ValueError(
            f"target_bounds={tuple(bounds)!r} are columns of X, whose target_transform={list(units.target.pointwise)} "
            "cannot be exported: give numbers, or no transform but differences."
        )
    limits = []
    for name, side in zip(("low", "high"), bounds):
        b = np.array([0.0 if isinstance(v, int) else v for v in side])
        W = np.array([[float(isinstance(v, int) and v == f) for v in side] for f in range(p.n_inputs)])
        limits.append(p.affine(name, b, [(filled, W)]))
    return limits
