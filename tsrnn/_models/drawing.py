"""How the weights of a reservoir are drawn.

    x = (1 - a) x' + a f(W_in v + U x + W x' + b)      v : lags of inputs and outputs, of all columns

    W      within each layer: random links, ``connectivity`` a unit, or a chain or cycle; scaled to ``spectral_radius``
    U      from each layer to the next, links that add up to about the size of one state
    W_in   to a share ``input_connectivity`` of the first layer, of size ``input_scaling`` or ``feedback_scaling``
    b      of size ``bias_scaling``

Words are those of the parameters.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from .._estimators.snapshots import with_parameters
from .._kernels.activations_v1 import ACTIVATIONS
from .._nets.reservoir import DISTRIBUTIONS, chain, pack, random_links, random_reservoir
from .._series.units import filled_width


UNITS = 300  # of a reservoir, by default
SCALING = {
    True: 0.1,
    False: 0.5,
}  # of input weights: with inputs and nothing to choose by; of a model of y alone
SCALINGS = (0.1, 0.3, 1.0, 3.0)  # of which one is chosen, where there are inputs
REACHED = 10  # units, at least, that an input reaches


class DrawnLinks(NamedTuple):
    """Links within and between layers, W and U, sparse (R, R); and the state of the random numbers after them."""

    W: sparse.csr_array
    U: sparse.csr_array
    after: tuple


@dataclass(frozen=True, eq=False)
class Drawing:
    """What a reservoir is drawn by.

    p : the estimator, for the other parameters.   lags : of inputs and of outputs.   sizes, radii, leaks : of each
    layer, leaks a number or some that its units have by turns.   links : those that are drawn already, or None.
    """

    p: Any
    lags: tuple
    sizes: tuple
    radii: list
    leaks: list
    links: DrawnLinks | None = None

    def draw(self, D, O, rng):
        """Draw a reservoir; returns it, and its matrices W and U."""
        p, sizes, draw = self.p, self.sizes, DISTRIBUTIONS[self.p.weight_distribution]
        R, (W, U, after) = sum(sizes), self.links or self.drawn_links(rng)
        rng.set_state(after)
        pairs = zip(self._scaling(D, O), self.lags)
        scaling = np.concatenate([np.tile(size, len(lags)) for size, lags in pairs])
        W_in = np.zeros((R, len(scaling)))
        if p.W_in is None:
            reached = min(sizes[0], max(REACHED, round(p.input_connectivity * sizes[0])))
            for column, size in zip(W_in.T, scaling):
                column[rng.permutation(sizes[0])[:reached]] = size * draw(rng, reached)
        elif np.shape(p.W_in) == (sizes[0], len(scaling)):
            W_in[: sizes[0]] = p.W_in
        else:
            raise ValueError(
                f"W_in has the shape {np.shape(p.W_in)}: give {(sizes[0], len(scaling))}, a row for each unit (of the "
                "first layer) and a column for each lag of each input and then of each output."
            )
        b = p.bias_scaling * draw(rng, R)
        leak = np.concatenate([np.resize(a, n) for a, n in zip(self.leaks, sizes)])
        begin = np.concatenate([[0], np.cumsum(sizes)])
        return pack(W, U, begin, leak, ACTIVATIONS[p.activation], W_in, b), (W, U)

    def drawn_links(self, rng):
        """Draw links within the layers and from each to the next, if they are not given."""
        if self.p.W is not None:
            W = sparse.csr_array(self.p.W).astype(np.float64)
            return DrawnLinks(W, sparse.csr_array(W.shape), rng.get_state())
        draw, within, between, below = DISTRIBUTIONS[self.p.weight_distribution], [], [], None
        for n, radius in zip(self.sizes, self.radii):
            groups = [len(g) for g in np.array_split(np.arange(n), self.p.groups)]
            within += [self._group(rng, m, radius, draw) for m in groups]
            if below is not None:
                between += [self._upwards(rng, m, u, draw) for m, u in zip(groups, below)]
            below = groups
        W = sparse.block_diag(within, format="csr")
        U = sparse.csr_array(W.shape)
        if between:
            V = sparse.block_diag(between, format="coo")
            U = sparse.csr_array((V.data, (V.row + self.sizes[0], V.col)), shape=W.shape)
        return DrawnLinks(W, U, rng.get_state())

    def _group(self, rng, n, radius, draw):
        """Draw links within a group of n units."""
        if self.p.topology == "random":
            return random_reservoir(rng, n, self._n_links(n), radius, draw)
        return chain(n, radius, self.p.topology == "cycle")

    def _upwards(self, rng, n, below, draw):
        """Draw links into n units from those below; they add up to about the size of one state."""
        k = self._n_links(below)
        return random_links(rng, n, below, k, draw) * (1 / np.sqrt(k))

    def _n_links(self, n):
        """Return the number of links of a unit, of n possible ones."""
        connectivity = self.p.connectivity
        if isinstance(connectivity, (int, np.integer)):
            return min(int(connectivity), n)
        return max(1, round(connectivity * n))

    def _scaling(self, D, O):
        """Return the sizes of the weights of each input (D,) and of each output (O,)."""
        p, size = self.p, self._size(D)
        F = D // filled_width(p.missing, 1)
        fed = np.mean(size) if p.feedback_scaling is None else p.feedback_scaling
        sizes = {"input_scaling": (size, F), "feedback_scaling": (fed, O)}
        for name, (value, n) in sizes.items():
            if np.ndim(value) and np.shape(value) != (n,):
                raise ValueError(f"{name}={value!r}: give one number, or {n}, one for each column.")
        inputs, outputs = (np.broadcast_to(np.asarray(value, float), n) for value, n in sizes.values())
        return np.resize(inputs, D), outputs  # an indicator column gets the scaling of its input

    def _size(self, D):
        """Return the size of the weights of D inputs: one number, or one for each column."""
        size = self.p.input_scaling
        return SCALING[D > 0 and bool(self.lags[0])] if size is None else size

    def size(self, D):
        """Return the size of the weights of D inputs; None where they are not drawn."""
        return self._size(D) if self.p.W_in is None else None

    def is_open(self, D):
        """Return whether the size of the weights of D inputs is left to the data."""
        return self.p.input_scaling is None and self.p.W_in is None and bool(D) and bool(self.lags[0])

    def of_each_size(self, rng):
        """List the drawing with each size of input weights, all with the same links."""
        linked = replace(self, links=self.links or self.drawn_links(rng))
        return [replace(linked, p=with_parameters(self.p, input_scaling=size)) for size in SCALINGS]

    def of_few(self):
        """Return the drawing of a smaller reservoir, which tells as well of what is to be chosen as a large one."""
        most = max(UNITS, self.p.groups)
        return self if self.p.W is not None else replace(self, sizes=tuple(min(n, most) for n in self.sizes))
