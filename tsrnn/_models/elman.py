"""Elman network, the simple recurrent network.

h <- f(x W + h U + b)
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone

from .._estimators.following import SHORT_GAP
from .._kernels.jit import kernel
from .._kernels.layer_norm_v1 import normalise, normalise_back
from .._kernels.simd_v2 import add_outer, add_packed, flat, pack, sigmoid, tanh
from .._nets.recurrent import Cell
from .esn import ESNRegressor
from .recurrent import RecurrentRegressor, shared_docs


IDENTITY, TANH, LOGISTIC, RELU = range(4)
BREAK = 10 * SHORT_GAP  # rows that keep two series apart
ACTIVATIONS = {"tanh": TANH, "relu": RELU, "identity": IDENTITY, "logistic": LOGISTIC}


@kernel
def forward(kind, b, U, gain, mask, Z, S, R, Q, unit, root, rows, first, last):
    """Steps first <= t < last.

    kind : of activation.   Z : (1, T, B, H), in: x W + b (x W, with layer norm), out: h.   S : (1, T + 1, B, H),
    out: h, step ``first`` given.   R : (T, B, H), h as the recurrence sees it: memory of S, or with a mask (B, H)
    out.   unit : (1, T, B, H), root : (1, T, B), of layer norm.   rows : (T B,), where in R each row begins.
    """
    B = Z.shape[2]
    r, packed = flat(R), pack(U, (last - first) * B)
    for t in range(first, last):
        h0, h1, z = flat(S[0, t]), flat(S[0, t + 1]), flat(Z[0, t])
        if mask.size > 0:
            seen, m = flat(R[t]), flat(mask)
            for k in range(h0.size):
                seen[k] = h0[k] * m[k]
        add_packed(r, rows[t * B : (t + 1) * B], U[0], packed[0], Z[0, t])
        if gain.size > 0:
            normalise(Z[0, t], gain[0], b[0], unit[0, t], root[0, t])
        if kind == TANH:
            for k in range(z.size):
                z[k] = tanh(z[k])
        elif kind == LOGISTIC:
            for k in range(z.size):
                z[k] = sigmoid(z[k])
        elif kind == RELU:
            for k in range(z.size):
                z[k] = z[k] if z[k] > 0 or np.isnan(z[k]) else 0 * z[k]
        for k in range(z.size):
            h1[k] = z[k]


@kernel
def backward(kind, V, gain, mask, Z, S, R, Q, unit, root, rows, dH, dS, db, dU, dgain, first, last):
    """Steps last > t >= first.  Arrays as ``forward`` left them.

    Z : in: h, out: dL/dz.   V : (1, H, H), U the other way round.   dH : (T, B, H), in: dL/dh from above, out: all
    of it.   dS : (1, B, H), in: gradient of h from the future, out: to the past.
    dU, dgain, db (db with layer norm only) : like U, gain, b, in, out; dU comes with step 0.
    """
    _, T, B, H = Z.shape
    dh, packed = flat(dS[0]), pack(V, (last - first) * B)
    for t in range(last - 1, first - 1, -1):
        z, d = flat(Z[0, t]), flat(dH[t])
        for k in range(d.size):
            d[k] += dh[k]
        if kind == TANH:
            for k in range(z.size):
                z[k] = d[k] * (1 - z[k] * z[k])
        elif kind == LOGISTIC:
            for k in range(z.size):
                z[k] = d[k] * (z[k] - z[k] * z[k])
        elif kind == RELU:
            for k in range(z.size):
                z[k] = d[k] if z[k] > 0 else 0 * d[k]
        else:
            for k in range(z.size):
                z[k] = d[k]
        for k in range(dh.size):
            dh[k] = 0
        if gain.size > 0:
            normalise_back(Z[0, t], gain[0], unit[0, t], root[0, t], dgain[0], db[0])
        add_packed(flat(Z), rows[t * B : (t + 1) * B], V[0], packed[0], dS[0])
        if mask.size > 0:
            m = flat(mask)
            for k in range(dh.size):
                dh[k] *= m[k]
    if first == 0:
        add_outer(flat(R), rows, flat(Z).reshape(T * B, H), dU[0])


class Parameters(NamedTuple):
    """W : (1, D, H).   b : (1, H).   start : (1, H) or (0, H).   U : (1, H, H).   gain : (1, H) or (0, H)."""

    W: np.ndarray
    b: np.ndarray
    start: np.ndarray
    U: np.ndarray
    gain: np.ndarray


def cell(activation, learned, layer_norm):
    """The cell of an Elman net."""
    start, gain, kind = int(learned), int(layer_norm), ACTIVATIONS[activation]

    def shapes(D, H):
        return Parameters((1, D, H), (1, H), (start, H), (1, H, H), (gain, H))

    options = activation, learned, layer_norm
    return Cell(cell, options, 1, 1, (0,), shapes, partial(forward, kind), partial(backward, kind))


@shared_docs
class ElmanRegressor(RecurrentRegressor):
    """Elman network, the simple recurrent network, trained through time.

    h(t) = f(x(t) W + h(t - 1) U + b), y(t) = h(t) V + c [1]_. The fastest of the recurrent nets, and with an
    orthogonal start better than its name; where memory must last for hundreds of steps take an LSTM or a GRU.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(32,)
        Units of each layer.
    activation : {"tanh", "relu", "identity", "logistic"}, default="tanh"
        f. "relu" wants ``clip_norm`` in the solver.
    init : ESNRegressor, optional
        A reservoir to begin with: it is fitted to the training rows, and training goes on from its weights, those
        of its readout too (with ``skip_connections`` that sees the lags, as an ESN's does). It must have as many
        units as ``hidden_layer_sizes``, in one layer, this ``activation`` and ``leak_rate=1``; lags and scaling are
        the net's, and so is the seed if the reservoir has none.
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    LSTMRegressor, GRURegressor : with gates.
    NARXRegressor : a feed-forward net of lags.

    References
    ----------
    .. [1] J. L. Elman. "Finding structure in time." Cognitive Science 14(2), 1990.
    {references}

    Examples
    --------
    >>> from tsrnn import ElmanRegressor
    >>> from tsrnn.datasets import make_narma
    >>> X, y = make_narma(1500, random_state=0)
    >>> model = ElmanRegressor((16,), random_state=0).fit(X[:1200], y[:1200])
    >>> model.predict(X[1200:]).shape  # goes on where training ended
    (300,)
    """

    def __init__(
        self,
        hidden_layer_sizes=(32,),
        *,
        activation="tanh",
        init=None,
        input_lags=0,
        output_lags=0,
        bidirectional=False,
        skip_connections=False,
        initial_state="zeros",
        dropout=0.0,
        recurrent_dropout=0.0,
        layer_norm=False,
        recurrent_init="orthogonal",
        orthogonal_penalty=0.0,
        training="open_loop",
        sequence_length=64,
        washout=0,
        batch_size="auto",
        loss="squared",
        solver="auto",
        alpha=1e-4,
        max_iter=300,
        tol=1e-4,
        early_stopping=True,
        validation_fraction=0.15,
        n_iter_no_change=40,
        scale="standard",
        start="auto",
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
        target_transform=None,
        target_bounds=None,
        missing="error",
        series=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.init = init
        self.input_lags = input_lags
        self.output_lags = output_lags
        self.bidirectional = bidirectional
        self.skip_connections = skip_connections
        self.initial_state = initial_state
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.layer_norm = layer_norm
        self.recurrent_init = recurrent_init
        self.orthogonal_penalty = orthogonal_penalty
        self.training = training
        self.sequence_length = sequence_length
        self.washout = washout
        self.batch_size = batch_size
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scale = scale
        self.start = start
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.target_transform = target_transform
        self.target_bounds = target_bounds
        self.missing = missing
        self.series = series

    def _check_params(self):
        super()._check_params()
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise ValueError(f"activation={self.activation!r} is unknown: give one of {list(ACTIVATIONS)}.")
        if self.init is not None:
            self._check_init()

    def _check_init(self):
        """Raise where the reservoir is not one that this net can begin with."""
        if not isinstance(self.init, ESNRegressor):
            raise TypeError(f"init={self.init!r} is no reservoir: give an ESNRegressor, or None.")
        self.init._check_params()
        wanted = {"n_reservoir": self._hidden(), "leak_rate": (1.0,), "activation": self.activation}
        given = {
            "n_reservoir": self.init._sizes(),
            "leak_rate": tuple(self.init._per_layer("leak_rate")),
            "activation": self.init.activation,
        }
        for name, value in wanted.items():
            if given[name] != value or (name == "n_reservoir" and len(value) > 1):
                raise ValueError(
                    f"init has {name}={given[name]!r}, but this net can only begin with {value!r}, in one layer: "
                    "change either of them."
                )
        if self.layer_norm or self.bidirectional:
            raise ValueError("init is a reservoir, which has no layer_norm and one direction: give neither.")

    def _cell(self):
        return cell(self.activation, self.initial_state == "learned", self.layer_norm)

    def _initial(self, series, rng):
        if self.init is None:
            return super()._initial(series, rng)
        X, Y = (np.concatenate([s[k] for s in series]) for k in range(2))
        w = np.concatenate([np.where(s.held, 0.0, s.w) for s in series])
        starts = np.cumsum([0, *(len(s.Y) + BREAK for s in series)])
        index = np.concatenate([start + np.arange(len(s.Y)) for start, s in zip(starts, series)])
        esn = clone(self.init).set_params(
            input_lags=self.input_lags,
            output_lags=self.output_lags,
            readout_bias=True,
            readout_input=self.skip_connections,
            readout_squares=False,
            scale=None,
            random_state=rng if self.init.random_state is None else self.init.random_state,
        )
        reservoir = esn.fit(pd.DataFrame(X, index), Y, w).params_
        theta = np.zeros(self._net.size)
        p, readout = self._net.views(theta)
        p.W[0], p.U[0], p.b[0] = reservoir.W_in.T, reservoir.W.toarray().T, reservoir.b
        readout.W[0], readout.b[0] = reservoir.W_out[:, 1:].T, reservoir.W_out[:, 0]
        return theta
