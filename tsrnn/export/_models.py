"""The program of each model.

    filled <- x, known or filled in        X <- scaled            what the model sees of x
    z <- the model's equations                                    its output
    level <- center + scale z + base, within bounds               base: what the past adds to a change
    out <- the inverse transform of level                         the forecast
    U <- the level of y or, where y is NaN, of the forecast       kept for differences
    Y <- the same, less base and scaled                           what the model sees of y

(See ``sequence.py`` and ``targets.py``.) What a model does not need is not there.
"""

from typing import NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._models import elman as _elman
from .._models import gru as _gru
from .._models import lstm as _lstm
from .._models.delay_network import DelayNetwork
from .._models.esn import ESNRegressor
from .._models.naive import Naive
from .._models.recurrent import RecurrentRegressor
from .._nets import delay_kernels as _delay_kernels
from .._nets import recurrent as _recurrent_net
from .._nets.reservoir import ACTIVATIONS, DENSE
from .._series.lags import runs
from .._series.targets import Log, Logit, Power
from ._program import Links, Program, Span, call, clip, follow


def program_of(model, start="end", series=None):
    """The program of a fitted model; see ``to_c`` for the parameters."""
    model = getattr(model, "best_estimator_", model)
    if isinstance(model, Pipeline):
        raise TypeError(
            "model is a Pipeline, whose transformers cannot be exported: give its last step, model[-1], and later "
            "feed it what model[:-1].transform(X) gives."
        )
    build = next((f for kind, f in BUILDERS.items() if isinstance(model, kind)), None)
    if build is None:
        raise TypeError(f"model={model!r} cannot be exported: give a fitted regressor of tsrnn.")
    check_is_fitted(model)
    if not model._goes_on():
        raise ValueError(
            "A net with bidirectional=True needs rows that are still to come and cannot go row by row: fit one with "
            "bidirectional=False."
        )
    p = Program(model.n_features_in_, model.n_outputs_)
    filled = _inputs(model, p)
    first = len(p.values)
    z = build(model, p)
    past = _past(model, p, _start(model, start, series), list(p.values)[first:])
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
    """What a file made from a program says of itself."""
    from .._version import __version__

    kind = type(getattr(model, "best_estimator_", model)).__name__
    return f"{kind}, {p.n_inputs} inputs, {p.n_outputs} outputs, by tsrnn {__version__}."


# ---------------------------------------------------------------------------------------- where it starts


def _start(model, start, series):
    """What is carried from the row before the first, as in ``sequence.py``."""
    if isinstance(start, tuple) and len(start) == 2:
        histories = model._histories(start)
        if len(histories) != 1:
            raise ValueError(f"start has the history of {len(histories)} series: give that of one.")
        return next(iter(histories.values()))[1]
    if isinstance(start, str) and start == "end":
        if series not in model.series_:
            some = ", ".join(map(repr, list(model.series_)[:3]))
            raise ValueError(
                f"series={series!r} was not seen in training: give one of {some} ..., or start='cold', for a series "
                "with an unknown past."
            )
        return model.series_[series].past
    starts = {"cold": model._cold_past, "zeros": model._zero_past}
    if not isinstance(start, str) or start not in starts:
        raise ValueError(
            f"start={start!r} is unknown: give 'end', 'cold', 'zeros' or a tuple (X_hist, y_hist)."
        )
    return starts[start]()


def _past(model, p, past, equations):
    """The rows before the first one, of each value that is seen later."""
    memory, rows = past.memory, p.rows()
    given = {"X": memory.X, "Y": memory.Y, "filled": past.inputs[None], "U": past.levels}
    if isinstance(model, DelayNetwork):  # its layers can look back, and their past is not in its memory
        return given | follow(p, equations, {"X": memory.X, "Y": memory.Y})
    for k, states in enumerate(getattr(memory, "states", ())):
        given |= {f"{name}{k}": state[None] for name, state in zip("hc", np.atleast_2d(states))}
    return {name: a[len(a) - rows.get(name, len(a)) :] for name, a in given.items()}


# ---------------------------------------------------------------------------------------- around the equations


def _inputs(model, p):
    """Add X; x without gaps."""
    x, F = Span("x"), p.n_inputs
    center, factor = model.x_scaler_.center, 1 / model.x_scaler_.scale  # 0 for what never moved in training
    if model.missing == "error":
        filled = x
    else:
        other = model._means if model.missing == "mean" else Span("filled", 1)
        filled = p.map("filled", F, call("known", x, other))
    if model.missing == "mask":
        values = p.map("values", F, (filled - center[:F]) * factor[:F])
        gaps = p.map("gaps", F, (call("missing", x) - center[F:]) * factor[F:])
        p.affine("X", np.zeros(2 * F), [(values, np.eye(F, 2 * F)), (gaps, np.eye(F, 2 * F, F))])
    else:
        p.map("X", F, (filled - center) * factor)
    return filled


def _outputs(model, p, z, filled):
    """Add the forecast, and what becomes of y."""
    O, target, (center, scale) = p.n_outputs, model._target, model.y_scaler_
    level = z * scale + center
    measured = _level_of(target, Span("y"))
    own, change = z, measured
    base = None
    for k, c in enumerate(target.coef, 1):
        if c != 0:
            part = float(c) * Span("U", k)
            base = part if base is None else base + part
    if base is not None:
        level, change = level + base, measured - base
    if base is not None or model._bounds is not None:
        level = p.map("level", O, clip(level, *_limits(model, p, filled)))
        own = ((level if base is None else level - base) - center) * (1 / scale)
    out = level
    for g in reversed(target.pointwise):
        out = INVERSES[type(g)](g, out)
    p.map("out", O, out)
    rows = p.rows()
    if "U" in rows:
        p.fed["U"] = measured, level
    if "Y" in rows:
        own = clip(own, -model._bound, model._bound) if isinstance(model, ESNRegressor) else own
        p.fed["Y"] = (change - center) * (1 / scale), own


def _level_of(target, y):
    """The level of y."""
    for g in target.pointwise:
        y = LEVELS[type(g)](g, y)
    return y


LEVELS = {
    Log: lambda g, y: call("log", call("max", y + g.offset, 0.0)),
    Power: lambda g, y: call("pow", y + g.offset, g.exponent),
    Logit: lambda g, y: call("log", y - g.low) - call("log", g.high - y),
}
INVERSES = {
    Log: lambda g, u: call("exp", u) - g.offset,
    Power: lambda g, u: call("pow", call("max", u, 0.0), 1 / g.exponent) - g.offset,
    Logit: lambda g, u: g.low + (g.high - g.low) * call("logistic", u),
}


def _limits(model, p, filled):
    """Bounds of the level, each an array (O,) or a value."""
    bounds = model._bounds
    if bounds is None:
        return -np.inf, np.inf
    if not any(isinstance(b, int) for side in bounds for b in side):
        return model._target.bound_levels(*bounds)
    if model._target.pointwise:
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


# ---------------------------------------------------------------------------------------- the models' equations


def _naive(model, p):
    """y(t - p)."""
    return Span("Y", model.lead_)


def _delay_network(model, p):
    """z_l(t) = b_l + sum_k h_{l-1}(t - k) W_l[k], h_l = f_l(z_l)."""
    net, theta = model._net, model.theta_
    words = {number: word for word, number in ACTIVATIONS.items()}
    names = {_delay_kernels.X: "X", _delay_kernels.Y: "Y"}
    names |= {_delay_kernels.FIRST_LAYER + k: f"h{k}" for k in range(len(net.layers))}
    for k, (H, _, kind, bias, first, end) in enumerate(net.layers):
        sources = []
        for source, oldest, span, w in net.runs[first:end]:
            seen = Span(names[source], int(oldest), int(span) // p.size(names[source]))
            sources.append((seen, theta[w : w + span * H].reshape(span, H)))
        word, b = words[kind], theta[bias : bias + H]
        if word == "identity":
            h = p.affine(f"h{k}", b, sources)
        else:
            h = p.map(f"h{k}", int(H), call(word, p.affine(f"z{k}", b, sources)))
    return h


def _recurrent_network(model, p):
    """h_l(t) = cell_l(v_l(t), state_l(t - 1)), out(t) = c + h_n(t) V."""
    net = model._net
    *layers, readout = net.views(model.theta_)
    names = {_recurrent_net.X: "X", _recurrent_net.Y: "Y"}

    def see(sources, W):
        """Spans and their weights."""
        found = []
        for s in sources:
            name = names.get(s.which, f"h{s.which}")
            found.append((Span(name, s.oldest, s.width // p.size(name)), W[s.at : s.at + s.width]))
        return found

    for k, (block, w) in enumerate(zip(net.blocks, layers)):
        cell = CELLS[net.cell.make]
        cell(p, Layer(str(k), block.H, w, [see(block.sources, W) for W in w.W], net.cell.options))
    return p.affine("z", readout.b[0], see(net.readout, readout.W[0]))


class Layer(NamedTuple):
    """A layer of a recurrent net: its number, its units, its parameters, for each gate what it sees below."""

    k: str
    H: int
    w: tuple
    below: list
    options: tuple


def _gate(p, layer, g, *recurrent, more=None):
    """What goes into the activation of a gate: v W + recurrent products (+ more), normalised or not, + b."""
    k, H, w = layer.k, layer.H, layer.w
    normed = len(w.gain) > 0
    z = p.affine(f"z{k}_{g}", np.zeros(H) if normed else w.b[g], [*layer.below[g], *recurrent])
    z = z if more is None else z + more
    if not normed:
        return z
    z = z if more is None else p.map(f"s{k}_{g}", H, z)
    return w.gain[g] * p.normalise(f"u{k}_{g}", z) + w.b[g]


def _activate(word, z):
    """A layer's activation."""
    return z if word == "identity" else call(word, z)


def _elman_cell(p, layer):
    """h <- f(v W + h U + b)."""
    h = Span(f"h{layer.k}", 1)
    p.map(h.name, layer.H, _activate(layer.options[0], _gate(p, layer, 0, (h, layer.w.U[0]))))


def _lstm_cell(p, layer):
    """c <- f c + i g, h <- o tanh(c); gates in the order i, g, o, f, peepholes i, o, f."""
    k, H, w = layer.k, layer.H, layer.w
    h, c = Span(f"h{k}", 1), Span(f"c{k}", 1)
    i, g, o, *f = [_gate(p, layer, gate, (h, w.U[gate])) for gate in range(len(w.U))]
    new = Span(c.name)
    if len(w.P):
        i, o, f = i + w.P[0] * c, o + w.P[1] * new, [z + w.P[2] * c for z in f]
    kept = call("logistic", f[0]) * c if f else c
    p.map(c.name, H, kept + call("logistic", i) * call("tanh", g))
    p.map(h.name, H, call("logistic", o) * call("tanh", new))


def _gru_cell(p, layer):
    """h <- (1 - z) n + z h; gates in the order r, z, n."""
    k, H, w = layer.k, layer.H, layer.w
    h = Span(f"h{k}", 1)
    r, z = [call("logistic", _gate(p, layer, gate, (h, w.U[gate]))) for gate in (0, 1)]
    if len(w.d):  # the reset after the product
        product = p.affine(f"q{k}", w.d, [(h, w.U[2])])
        n = _gate(p, layer, 2, more=r * product)
    else:
        n = _gate(p, layer, 2, (p.map(f"q{k}", H, r * h), w.U[2]))
    n = p.map(f"n{k}", H, call("tanh", n))
    p.map(h.name, H, n + z * (h - n))


def _echo_state_network(model, p):
    """x <- (1 - a) x + a f(W_in v + W x + U x_below + b), out = c + v Wv + x Wx + x^2 Wq."""
    net, (W, U) = model._reservoir, model._matrices
    word = next(word for word, number in ACTIVATIONS.items() if number == net.kind)
    drive, at = [], 0  # spans of v, and where in v each begins
    for name, lags in zip("XY", model._lags()):
        width = p.size(name)
        for oldest, length in runs(lags) if width else ():
            drive.append((Span(name, oldest, length), slice(at, at + length * width)))
            at += length * width
    c, Wv, Wx, Wq = model._readout()
    seen = [(span, Wv[rows]) for span, rows in drive] if len(Wv) else []
    below = None
    for k, (first, last) in enumerate(zip(net.begin[:-1], net.begin[1:])):
        here = slice(first, last)
        x, n, a = Span(f"h{k}", 1), int(last - first), net.leak[here]
        sources = [(x, _links(W[here, here]))]
        if k == 0:
            sources += [(span, net.W_in[rows, here]) for span, rows in drive]
        else:
            sources.append((Span(f"h{k - 1}"), _links(U[here, below])))
        z = p.affine(f"z{k}", net.b[here], sources)
        new = p.map(x.name, n, (1 - a) * x + a * _activate(word, z))
        seen.append((new, Wx[here]))
        if len(Wq):
            seen.append((p.map(f"q{k}", n, new * new), Wq[here]))
        below = here
    return p.affine("z", c, seen)


def _links(A):
    """Sparse A (n, m), row i the links into unit i, as ``Links``, or as a matrix (m, n) where many are not zero."""
    A = A.tocsr()
    n, m = A.shape
    counts = np.diff(A.indptr)
    K = counts.max(initial=0)
    if DENSE * m < K:
        return A.toarray().T
    place = np.arange(K) < counts[:, None]
    index, weight = np.zeros((n, K), np.int64), np.zeros((n, K))
    index[place], weight[place] = A.indices, A.data
    return Links(index.T, weight.T)


BUILDERS = {
    Naive: _naive,
    DelayNetwork: _delay_network,
    RecurrentRegressor: _recurrent_network,
    ESNRegressor: _echo_state_network,
}
CELLS = {_elman.cell: _elman_cell, _lstm.cell: _lstm_cell, _gru.cell: _gru_cell}
