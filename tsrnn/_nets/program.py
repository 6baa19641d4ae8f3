"""A fitted model as a small program: the equations of one row, for streams and for every language of export.

    affine       z = b + sum over sources  v W          W (K, H), or links where few weights are not zero
    normalise    u = (z - mean(z)) / sqrt(mean((z - mean(z))^2) + 1e-5)
    softmax      u = exp(z) / sum(exp(z))
    look up      u = row z[column] of a table; the last row where there is none such
    map          elementwise: + - * and functions

Values have names. A value may read past rows of another, which is the only memory: of x and y, of a layer's delays, of
a recurrent state. Past rows are stored contiguously, the oldest first, so that consecutive lags are one vector.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Term:
    """An elementwise expression. Constants in it are arrays or numbers."""

    __array_ufunc__ = None  # so that an array on the left calls __radd__ and the like

    def __add__(self, other):
        return Call("+", (self, other))

    def __sub__(self, other):
        return Call("-", (self, other))

    def __mul__(self, other):
        return Call("*", (self, other))

    def __radd__(self, other):
        return Call("+", (other, self))

    def __rsub__(self, other):
        return Call("-", (other, self))

    def __rmul__(self, other):
        return Call("*", (other, self))


@dataclass(frozen=True)
class Call(Term):
    """An operation of ``OPERATIONS`` on one or two terms or constants."""

    op: str
    args: tuple


@dataclass(frozen=True)
class Span(Term):
    """``length`` rows of a value, from ``oldest`` rows ago on."""

    name: str
    oldest: int = 0
    length: int = 1


OPERATIONS = {  # as NumPy computes them; "known" is its first argument or, where that is NaN, its second
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    "pow": np.power,
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0.0),
    "known": lambda a, b: np.where(np.isnan(a), b, a),
    "missing": np.isnan,
}


def call(op, *args):
    """Make a term."""
    return Call(op, args)


def clip(z, low, high):
    """Clip a term to bounds that are not infinite."""
    for op, bound in (("max", low), ("min", high)):
        if isinstance(bound, Term) or not np.isinf(bound).all():
            z = call(op, z, bound)
    return z


class Map(NamedTuple):
    """A value (size,) computed from a term."""

    size: int
    term: Term


class Affine(NamedTuple):
    """b (size,) + sum over (span, W): W is (K, size), or ``Links``."""

    size: int
    b: np.ndarray
    sources: tuple


class Normalise(NamedTuple):
    """Another value, standardised to mean 0 and variance 1."""

    size: int
    z: Span


class Shares(NamedTuple):
    """Shares of another value, positive and of sum 1."""

    size: int
    z: Span


class LookUp(NamedTuple):
    """Row number z[column] of a table (C + 1, size); row C for a number that is none of 0 ... C - 1, and for NaN."""

    size: int
    z: Span
    column: int
    table: np.ndarray


class Links(NamedTuple):
    """z[j] += sum_k weight[k, j] v[index[k, j]].   index, weight : (K, H)."""

    index: np.ndarray
    weight: np.ndarray


class Program:
    """Values by name, in the order of their evaluation.

    "x" and "y" are measured, y last; "out" is the forecast of y(t).   fed : values evaluated last,
    from y, each with two terms: for measured y and for NaN.   past : initial rows (n, size) of each value with lags.
    labels : of the classes, whose "probabilities" are a value too; None for a program of numbers.
    """

    labels = None

    def __init__(self, n_inputs, n_outputs):
        self.n_inputs, self.n_outputs = n_inputs, n_outputs
        self.values, self.fed, self.past = {}, {}, {}
        self.span, self.call, self.links = Span, call, Links  # vocabulary of the equations

    def map(self, name, size, term):
        """Add a value computed from a term; return its span."""
        self.values[name] = Map(size, term)
        return Span(name)

    def affine(self, name, b, sources):
        """Add b (size,) + sum over sources (span, W); return its span."""
        self.values[name] = Affine(len(b), b, tuple(sources))
        return Span(name)

    def normalise(self, name, z):
        """Add the standardised span z; return its span."""
        self.values[name] = Normalise(self.values[z.name].size, z)
        return Span(name)

    def softmax(self, name, z):
        """Add the shares of the span z; return its span."""
        self.values[name] = Shares(self.values[z.name].size, z)
        return Span(name)

    def look_up(self, name, z, column, table):
        """Add the row of a table (C + 1, size) that a number of the span z tells; return its span."""
        self.values[name] = LookUp(table.shape[1], z, column, table)
        return Span(name)

    def size(self, name):
        """Return the numbers in one row of a value."""
        if name in self.values:
            return self.values[name].size
        return {"x": self.n_inputs, "y": self.n_outputs, "Y": self.n_outputs, "U": self.n_outputs}[name]

    def prune(self):
        """Remove the values that the forecast does not depend on."""
        used = {"out"}
        new = {"out", *(span.name for terms in self.fed.values() for t in terms for span in leaves(t))}
        while new:
            used |= new
            names = [span.name for name in new if name in self.values for span in spans(self.values[name])]
            new = set(names) - used
        self.values = {name: value for name, value in self.values.items() if name in used}

    def sees(self, name):
        """Return whether any value reads the value ``name``."""
        return any(span.name == name for value in self.values.values() for span in spans(value))

    def rows(self):
        """Number of past rows of each value with lags, by name."""
        rows = {}
        for value in self.values.values():
            for span in spans(value):
                if span.oldest:
                    rows[span.name] = max(rows.get(span.name, 0), span.oldest)
        return rows


def spans(value):
    """List the spans that a value reads."""
    if isinstance(value, Affine):
        return [span for span, _ in value.sources]
    return [value.z] if isinstance(value, Normalise | Shares | LookUp) else list(leaves(value.term))


def leaves(term):
    """Yield the spans in a term."""
    if isinstance(term, Call):
        for arg in term.args:
            yield from leaves(arg)
    elif isinstance(term, Span):
        yield term


def follow(program, names, inputs):
    """Evaluate values over N rows from zeros; return the past (n, size) of each.   inputs : name -> (N, size)."""
    rows = program.rows()
    past = {name: np.zeros((rows[name], program.size(name))) for name in (*inputs, *names) if name in rows}

    def look(span):
        """Return the numbers of a span, (length size,)."""
        rows = [*past.get(span.name, ()), *([now[span.name]] if span.name in now else ())]
        first = len(past.get(span.name, ())) - span.oldest
        return np.concatenate(rows[first : first + span.length])

    def evaluate(term):
        if isinstance(term, Call):
            return OPERATIONS[term.op](*map(evaluate, term.args))
        return look(term) if isinstance(term, Span) else term

    def computed(value):
        if isinstance(value, LookUp):
            code, unknown = look(value.z)[value.column], len(value.table) - 1
            return value.table[int(code) if 0 <= code < unknown else unknown]
        if isinstance(value, Affine):
            return value.b + sum(look(v) @ W for v, W in value.sources)
        return evaluate(value.term)

    for row in zip(*inputs.values()):
        now = dict(zip(inputs, row))
        for name in names:
            now[name] = computed(program.values[name])
        past = {name: np.concatenate([rows[1:], now[name][None]]) for name, rows in past.items()}
    return past
