"""Symbols enter a net through a learnt embedding, which is a lookup [1].

    x'(t) = [x(t), a number, or E_c[k] of a column c that holds code k]
    y'(t) = E_y[k] of a known label k,     sum_k p_k E_y[k] of probabilities p that are fed back

The net sees x' and y' in place of x and y, at whatever lags: a column has one projection for all of them.  The tables E
lead its parameters, theta = [E of each column, E_y, the net's own].  The lookup stands in front of the net; behind it
dL/dx' is added to the rows that were taken.  The last row of a column's table stands for what is unknown.

Dimensions: D columns of x, C categories of one, e numbers for each, K labels, B sequences.

[1] Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, "A neural probabilistic language model", Journal of Machine Learning
    Research 3, 2003.
"""

from dataclasses import replace
from math import prod
from typing import NamedTuple

import numpy as np

from .._check import check_number
from .._kernels.jit import kernel
from .._training.monitor import chooses_solver
from .._training.solvers import resolve_solver, traits
from .._values import kept


@kernel
def look_up(v, at, lead, columns, theta, out):
    """Write the rows that sequences see.

    v : flat, rows of D numbers, some of them codes.   at : (B,), row of step 0 of each sequence.   lead : rows before.
    columns : (D, 3), of each the place in a row of ``out``, width (0: a number) and begin of its table in theta.
    out : (B, lead + T, D'), out.
    """
    B, rows, _ = out.shape
    D = len(columns)
    for b in range(B):
        for t in range(rows):
            first = (at[b] - lead + t) * D
            for d in range(D):
                place, width, begin = columns[d]
                value = v[first + d]
                if width == 0:
                    out[b, t, place] = value
                else:
                    row = begin + int(value) * width
                    for j in range(width):
                        out[b, t, place + j] = theta[row + j]


@kernel
def add_up(v, at, lead, columns, dout, grad):
    """Add gradients dout (B, lead + T, D') to the rows of the tables that were taken.   grad : (P,), in, out."""
    B, rows, _ = dout.shape
    D = len(columns)
    for b in range(B):
        for t in range(rows):
            first = (at[b] - lead + t) * D
            for d in range(D):
                place, width, begin = columns[d]
                if width > 0:
                    row = begin + int(v[first + d]) * width
                    for j in range(width):
                        grad[row + j] += dout[b, t, place + j]


@kept("symbols")
class Symbols(NamedTuple):
    """Which columns are symbols, and how they are embedded.

    n_columns : D.   columns : (column, C, e) of each that holds codes 0 ... C - 1, or C where it is not known.
    labels : (K, e) of labels as history, or None.
    """

    n_columns: int
    columns: tuple = ()
    labels: tuple | None = None

    @property
    def size(self):
        """Numbers in all tables."""
        return sum((C + 1) * e for _, C, e in self.columns) + (prod(self.labels) if self.labels else 0)

    @property
    def width(self):
        """D', numbers in a row of x'."""
        return self.n_columns + sum(e - 1 for *_, e in self.columns)

    def tables(self, theta):
        """View the tables (C + 1, e), a column each."""
        views, at = [], 0
        for _, C, e in self.columns:
            views.append(theta[at : at + (C + 1) * e].reshape(C + 1, e))
            at += (C + 1) * e
        return views

    def of_labels(self, theta):
        """View the table of labels, (K, e)."""
        return theta[self.size - prod(self.labels) : self.size].reshape(self.labels)

    def all_tables(self, theta):
        """View the tables of columns and labels."""
        return [*self.tables(theta), *([self.of_labels(theta)] if self.labels else [])]

    def widened(self, k):
        """Make the tables k times as wide."""
        columns = tuple((column, C, k * e) for column, C, e in self.columns)
        return self._replace(columns=columns, labels=self.labels and (self.labels[0], k * self.labels[1]))

    def joined(self, thetas):
        """Put the tables of k nets side by side; returns the numbers of ``widened(k)``."""
        tables = [np.concatenate(alike, axis=1).ravel() for alike in zip(*map(self.all_tables, thetas))]
        return np.concatenate(tables)

    def own_of_joined(self, j, k):
        """Return the places, among those of k nets side by side, of what net j sees: of x' (D',) and of y' (e,)."""
        places, at = [], 0
        for _, width, _ in self.plan():
            places += list(at + j * width + np.arange(width)) if width else [at]
            at += max(1, k * width)
        e = self.labels[1] if self.labels else 0
        return np.array(places, int), j * e + np.arange(e)

    def initial(self, theta, rng):
        """Draw the tables, in place: numbers as large as scaled inputs; what is unknown is zeros."""
        for table in self.tables(theta):
            table[:-1] = rng.normal(size=(len(table) - 1, table.shape[1]))
        if self.labels:
            self.of_labels(theta)[:] = rng.normal(size=self.labels)

    def settled(self, theta, series):
        """Set unknown categories to the mean of the known ones where training had no such rows."""
        theta = theta.copy()
        for (column, C, _), table in zip(self.columns, self.tables(theta)):
            codes = [s.X[:, column].astype(np.int64) for s in series]
            counts = np.sum([np.bincount(code, minlength=C + 1) for code in codes], axis=0)
            if not counts[C]:
                table[C] = counts[:C] @ table[:C] / max(counts.sum(), 1)
        return theta

    def plan(self):
        """Return the table of ``look_up`` for x, (D, 3)."""
        plan, place, begin = np.zeros((self.n_columns, 3), np.int64), 0, 0
        of = {c: v for c, *v in self.columns}
        for d in range(self.n_columns):
            C, e = of.get(d, (0, 0))
            plan[d] = place, e, begin
            place, begin = place + max(e, 1), begin + ((C + 1) * e if e else 0)
        return plan

    def inputs(self, theta, X):
        """Look up x' (N, D') of rows X (N, D)."""
        if not self.columns:
            return X
        out = np.empty((1, len(X), self.width), theta.dtype)
        theta = np.require(theta, theta.dtype, ["C", "A", "W"])
        look_up(
            np.require(X, theta.dtype, ["C", "A", "W"]).ravel(), np.zeros(1, int), 0, self.plan(), theta, out
        )
        return out[0]

    def outputs(self, theta, Y):
        """Look up y' (N, e) of codes (N, 1), or of shares (N, K); NaN where those are."""
        if not self.labels:
            return Y
        table, labelled = self.of_labels(theta), np.isfinite(Y).all(axis=1)
        out = np.full((len(Y), table.shape[1]), np.nan, theta.dtype)
        codes = self.codes(Y)[:, 0]
        sure = labelled if Y.shape[1] == 1 else labelled & (Y.max(axis=1, initial=-1) == 1)
        out[sure] = table[codes[sure].astype(np.int64)]
        soft = labelled & ~sure
        if soft.any():
            out[soft] = Y[soft] @ table
        return out

    def codes(self, Y):
        """Convert shares (N, K) of labels to codes (N, 1), NaN where unknown; Y stays where none is embedded."""
        if not self.labels or Y.shape[1] == 1:
            return Y
        unknown = np.isnan(Y).any(axis=1)
        return np.where(unknown, np.nan, np.argmax(np.nan_to_num(Y), axis=1))[:, None]

    def levels(self, Y):
        """Convert codes (N, 1) to shares (N, K); Y stays where it has those, or none is embedded."""
        if not self.labels or Y.shape[1] == self.labels[0]:
            return Y
        codes = Y[:, 0]
        shares = (codes[:, None] == np.arange(self.labels[0])).astype(float)
        shares[np.isnan(codes)] = np.nan
        return shares


def symbols_of(dynamics):
    """Return the ``Symbols`` of the net that a dynamics runs, or None."""
    net = getattr(dynamics, "plan", None) or getattr(dynamics, "net", None)
    return getattr(net, "symbols", None)


def make_symbols(n_columns, categories, n_labels, size):
    """Lay out ``Symbols`` of columns {column: C} and labels, embedded in ``size`` numbers."""
    columns = tuple((column, C, size or default_size(C)) for column, C in sorted(categories.items()))
    return Symbols(n_columns, columns, (n_labels, size or default_size(n_labels)) if n_labels else None)


class Embedding:
    """What a ``Learner`` has whose nets embed symbols.

    categories : {column: C}.   codes_labels : whether labels as history are embedded.
    """

    def of_symbols(self, categories, n_labels):
        """Return the learner for columns of X with codes, {column: categories}, and exclusive labels."""
        return replace(self, categories=categories, codes_labels=bool(n_labels and self.sees_y))

    def symbols(self, D, O):
        """Return the ``Symbols`` of D columns and O labels."""
        if not self.categories and not self.codes_labels:
            return None
        if not chooses_solver(self.p) and "gauss_newton" in traits(resolve_solver(self.p.solver)).needs:
            raise ValueError(
                f"solver={self.p.solver!r} does not learn embeddings, but X has categories or y labels that the model "
                "sees: give 'auto', 'lbfgs' or 'adam'."
            )
        return make_symbols(D, self.categories, O if self.codes_labels else 0, self.p.embedding_size)


def check_embedding(p):
    """Raise where a parameter is out of range."""
    if p.embedding_size is not None:
        check_number("embedding_size", p.embedding_size, 1, integer=True)


def settled(net, theta, series):
    """Set unknown categories in theta where training had no such rows."""
    return net.symbols.settled(theta, series) if net.symbols else theta


def default_size(C):
    """Return the default size of an embedding of C categories: about the square root of C, and a bit more."""
    return int(np.clip(round(1.6 * C**0.56), 1, 600))


class Lookup:
    """x' and y' of B sequences of T steps, and the way of their gradients back to the tables.

    net : what has ``symbols``, ``x_lead`` and ``y_lead``.   ``dx``, ``dy`` : flat, gradients of x' and y' to be filled,
    None where there is no table behind them.   A tape knows arrays again by what they are: they are the same each time.
    """

    def __init__(self, net, B, T, dtype):
        self.symbols, self.leads = net.symbols, (net.x_lead, net.y_lead)
        self.dx = self.dy = None
        if self.symbols.columns:
            self.x = np.zeros((B, net.x_lead + T, self.symbols.width), dtype)
            self.dx, self.plan, self.flat_x = (
                np.zeros(self.x.size, dtype),
                self.symbols.plan(),
                self.x.reshape(-1),
            )
        if self.symbols.labels:
            K, e = self.symbols.labels
            self.y = np.zeros((B, net.y_lead + T, e), dtype)
            self.dy, self.flat_y = np.zeros(self.y.size, dtype), self.y.reshape(-1)
            self.y_plan = np.array([[0, e, self.symbols.size - K * e]])

    def inputs(self, theta, x, at, lengths=None):
        """Look up x, flat: x' flat, and the rows in it of step 0 of each sequence, whose row in x is ``at`` (B,)."""
        if self.dx is None:
            return x, at
        self.x_seen = x, at, self.leads[0]
        look_up(*self.x_seen, self.plan, theta, self.x)
        return self.flat_x, self._rows(self.x)[: len(at)] + self.leads[0]

    def outputs(self, theta, y, at):
        """Look up codes y, flat, likewise: y' and its rows."""
        if self.dy is None:
            return y, at
        self.y_seen = y, at, self.leads[1]
        look_up(*self.y_seen, self.y_plan, theta, self.y)
        return self.flat_y, self._rows(self.y)[: len(at)] + self.leads[1]

    def table(self, theta):
        """Return the table of labels, or None."""
        return None if self.dy is None else self.symbols.of_labels(theta)

    def clear(self):
        """Set the gradients to zero."""
        for d in (self.dx, self.dy):
            if d is not None:
                d.fill(0)

    def back(self, grad):
        """Add the gradients to those of the tables, in ``grad`` (P,)."""
        if self.dx is not None:
            add_up(*self.x_seen, self.plan, self.dx.reshape(self.x.shape), grad)
        if self.dy is not None:
            add_up(*self.y_seen, self.y_plan, self.dy.reshape(self.y.shape), grad)

    def _rows(self, v):
        """Return the first row of each sequence."""
        return np.arange(len(v)) * v.shape[1]
