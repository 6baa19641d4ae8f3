"""Elman network, the simple recurrent network, whose units may be leaky.

f = f(x W + h U + b)
h <- f                       or, with a leak rate a in (0, 1] of each unit, a memory of about 1 / a rows,
h <- (1 - a) h + a f         a given, or learnt as sigmoid(leak)
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from .._check import check_number, check_widths, check_word
from .._kernels.activations_v1 import ACTIVATIONS, LOGISTIC, RELU, TANH, activate
from .._kernels.dream_v1 import begin, draw, end
from .._kernels.jit import kernel, part
from .._kernels.layer_norm_v1 import normalise, normalise_back
from .._kernels.pack_v1 import pack
from .._kernels.simd_v3 import add_packed, flat, sigmoid
from .._nets.recurrent import Cell, Layout
from .._series.units import none_held
from .._values import kept
from .esn import ESNRegressor
from .recurrent import LaggedParameters, RecurrentClassifier, RecurrentRegressor
from .recurrent_learner import RecurrentLearner, recurrent_lags, skips


SLOWEST, FASTEST = 0.02, 0.9  # leak rates that learning begins with


@part
def _rates(learnt, leak, B):
    """Repeat leak rates for B sequences side by side, (B H,).   leak : (H,), rates, or where learnt their logits."""
    H = leak.size
    wide = np.empty(B * H, leak.dtype)
    for j in range(H):
        a = sigmoid(leak[j]) if learnt else leak[j]
        for k in range(j, B * H, H):
            wide[k] = a
    return wide


@kernel
def forward(kind, learnt, b, U, leak, gain, mask, Z, S, R, Q, unit, root, rows, first, last):
    """Take the steps first <= t < last.

    kind : of activation.   leak : (H,), rates, or where learnt their logits; (0,), or None as gain and mask, for none.
    Z : (1, T, B, H), in: x W + b (x W, with layer norm), out: f.   S : (1, T + 1, B, H),
    out: h, step ``first`` given.   R : (T, B, H), h as the recurrence sees it: memory of S, or with a mask (B, H)
    out.   unit : (1, T, B, H), root : (1, T, B), of layer norm.   rows : (T B,), where in R each row begins.
    """
    B = Z.shape[2]
    r, packed = flat(R), pack(U, (last - first) * B)
    if leak is not None:
        rate = _rates(learnt, leak, B)
    for t in range(first, last):
        h0, h1, z = flat(S[0, t]), flat(S[0, t + 1]), flat(Z[0, t])
        if mask is not None and mask.size > 0:
            seen, m = flat(R[t]), flat(mask)
            for k in range(h0.size):
                seen[k] = h0[k] * m[k]
        if len(U) > 0:
            add_packed(r, rows[t * B : (t + 1) * B], U[0], packed[0], Z[0, t])
        if gain is not None and gain.size > 0:
            normalise(Z[0, t], gain[0], b[0], unit[0, t], root[0, t])
        activate(kind, z)
        if leak is not None and rate.size > 0:
            for k in range(z.size):
                h1[k] = h0[k] + rate[k] * (z[k] - h0[k])
        else:
            for k in range(z.size):
                h1[k] = z[k]


@kernel
def backward(
    kind,
    learnt,
    V,
    leak,
    gain,
    mask,
    Z,
    S,
    R,
    Q,
    unit,
    root,
    rows,
    dH,
    dS,
    db,
    dleak,
    dgain,
    first,
    last,
):
    """Go back through the steps last > t >= first; arrays as ``forward`` left them.

    Z : in: f, out: dL/dz.   V : (1, H, H), U the other way round.   dH : (T, B, H), in: dL/dh from above, out: all
    of it.   dS : (2, B, H), in: gradient of h from the future, out: to the past; its second half is work space.
    dleak (where learnt), dgain, db (db with layer norm only) : like leak, gain, b, in, out.   dU is made of what is
    left in Z.
    """
    _, _, B, H = Z.shape
    dh, work, packed = flat(dS[0]), flat(dS[1]), pack(V, (last - first) * B)
    if leak is not None:
        rate, sums = _rates(learnt, leak, B), np.zeros(B * dleak.size, Z.dtype)
    for t in range(last - 1, first - 1, -1):
        z, all_of_h = flat(Z[0, t]), flat(dH[t])
        d = all_of_h  # the gradient of f
        for k in range(all_of_h.size):
            all_of_h[k] += dh[k]
        if leak is not None and rate.size > 0:
            d, h0 = work, flat(S[0, t])
            for k in range(work.size):
                work[k] = rate[k] * all_of_h[k]
            for k in range(sums.size):
                sums[k] += work[k] * (z[k] - h0[k])
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
        if gain is not None and gain.size > 0:
            normalise_back(Z[0, t], gain[0], unit[0, t], root[0, t], dgain[0], db[0])
        if len(V) > 0:
            add_packed(flat(Z), rows[t * B : (t + 1) * B], V[0], packed[0], dS[0])
        if mask is not None and mask.size > 0:
            m = flat(mask)
            for k in range(dh.size):
                dh[k] *= m[k]
        if leak is not None:
            for k in range(rate.size):
                dh[k] += all_of_h[k] - work[k]
    if leak is not None:
        for k in range(sums.size):  # of sigmoid: a (1 - a), of which a is in ``work``
            dleak[k % H] += sums[k] * (1 - rate[k])


@kernel
def dream(kind, learnt, layers, theta, first, inputs, lags, state, past, chance, temperature, top_k, top_p):
    """Draw labels, past[most lags :], one after the other; arrays as in ``dream_v1.py``.   chance : (n,), in [0, 1)."""
    G, most, row = first.shape[2], lags.max(), np.zeros(1, np.int64)
    nothing, now = np.empty((0, 0), theta.dtype), row[0]  # no literal, for one signature of ``forward``
    for t in range(len(chance)):
        for k in range(len(layers) - 1):
            H, _, _, b, u, n_u, own, n_own, gain, n_gain, at = layers[k]
            Z, Q = np.empty((G, 1, 1, H), theta.dtype), np.empty((1, 1, H), theta.dtype)
            unit, root = np.empty((n_gain, 1, 1, H), theta.dtype), np.empty((n_gain, 1, 1), theta.dtype)
            begin(layers, theta, first, inputs, lags, past, t, k, state, Z)
            S, seen = state[at : at + 2 * H].reshape(1, 2, 1, H), state[at : at + H].reshape(1, 1, H)
            bias = theta[b : b + G * H].reshape(G, H)
            gains = theta[gain : gain + n_gain * H].reshape(n_gain, H)
            U = theta[u : u + n_u * H * H].reshape(n_u, H, H)
            leak = theta[own : own + n_own * H]
            forward(kind, learnt, bias, U, leak, gains, nothing, Z, S, seen, Q, unit, root, row, now, now + 1)
            end(layers, k, state, np.int64(1))
        past[most + t] = draw(layers, theta, state, chance[t], temperature, top_k, top_p)


class Parameters(NamedTuple):
    """W : (1, D, H).   b : (1, H).   start : (1, H) or (0, H).   U : (1, H, H) or (0, H, H).
    leak : (H,) where learnt, or (0,).   gain : (1, H) or (0, H).
    """

    W: np.ndarray
    b: np.ndarray
    start: np.ndarray
    U: np.ndarray
    leak: np.ndarray
    gain: np.ndarray


def terms(layer):
    """Write out f(v W + h U + b), h <- f or (1 - a) h + a f, for export."""
    h, leak = layer.before[0], layer.options["leak"]
    f = layer.call(layer.options["activation"], layer.gate(0, *layer.back(0)))
    if leak == ():
        layer.becomes(0, f)
        return
    rate = 1 / (1 + np.exp(-layer.w.leak)) if leak == "learned" else rates(leak, layer.H)
    layer.becomes(0, h + rate * (layer.value("f", f) - h))


def rates(leak, H):
    """Return the leak rates (H,) of units, from what ``cell`` was given."""
    if leak[0] == "range":
        return np.geomspace(*leak[1:], H)
    return np.broadcast_to(np.array(leak, float), H).copy()


def draw_leaks(rng, p):
    """Begin with memories from short to long, none of them at random."""
    a = rates(("range", SLOWEST, FASTEST), len(p.leak))
    p.leak[:] = np.log(a / (1 - a))


@kept("elman")
def cell(activation, learned, layer_norm, leak=(), last=True):
    """Return the cell of an Elman net.

    last : whether it sees h one row ago.   leak : () for none, "learned", (a,), (a_1 ... a_H) or ("range", lowest,
    highest), log-spaced over the units.
    """
    start, gain, kind = int(learned), int(layer_norm), ACTIVATIONS[activation]
    learnt, is_fixed = int(leak == "learned"), leak not in ((), "learned")

    def shapes(D, H):
        return Parameters((1, D, H), (1, H), (start, H), (int(last), H, H), (learnt * H,), (gain, H))

    lacks = "" if activation in ("tanh", "relu") else f"activation={activation!r}"
    leaky = "leak_rate" if leak != () else ""
    return Cell(
        cell,
        {
            "activation": activation,
            "learned": learned,
            "layer_norm": layer_norm,
            "leak": leak,
            "last": last,
        },
        1,
        1,
        (0,),
        shapes,
        partial(forward, kind, learnt),
        partial(backward, kind, learnt),
        terms,
        torch=Layout((0,), lacks=leaky or lacks),
        draw=draw_leaks if learnt else None,
        dream=None if is_fixed else partial(dream, kind, learnt),
        keras=Layout((0,), lacks=leaky),
        apart=None if layer_norm or learnt else -1,
        constants=(lambda H: {"leak": rates(leak, H)}) if is_fixed else None,
        optional=("leak", "gain"),
    )


@dataclass(frozen=True, eq=False)
class FromReservoir(RecurrentLearner):
    """A ``RecurrentLearner`` that begins with a reservoir and its ridge readout."""

    esn: object = None

    def _initial(self, net, series, mean, rng):
        if net.symbols:
            raise TypeError(
                "A reservoir takes numbers, but X has categories, or y has labels that are embedded: let the net "
                "begin without a reservoir, or encode them."
            )
        draws = rng if self.esn.p.random_state is None else check_random_state(self.esn.p.random_state)
        series = none_held([s._replace(w=np.where(s.held, 0.0, s.w)) for s in series])
        D, O = net.n_inputs, net.n_outputs
        trained = self.esn.learn(self.esn.net(D, O), series, mean, draws)
        reservoir, readout = trained.dynamics.reservoir, trained.dynamics.theta.reshape(-1, O)
        theta = np.zeros(net.size)
        p, r = net.views(theta)
        p.W[0], p.U[0] = reservoir.W_in, trained.dynamics.matrices[0].toarray().T
        p.b[0] = reservoir.b
        r.W[0], r.b[0] = readout[1:], readout[0]
        return theta


class ElmanParameters(LaggedParameters):
    """What an Elman network has.

    Parameters
    ----------
    activation : {"tanh", "relu", "identity", "logistic"}, default="tanh"
        f. "relu" wants ``clip_norm`` in the solver.
    leak_rate : float, tuple (low, high), array-like of shape (n_units,) or "learned", default=1.0
        a in h(t) = (1 - a) h(t - 1) + a f(...): a unit remembers about 1 / a rows [1]_. A tuple of two: one rate a unit
        of each layer, log-spaced, so that some follow the last rows and some remember; take it where y moves on
        several time scales, such as ``(0.01, 1.0)`` for memories of 1 to 100 rows. A list or array: exactly those.
        "learned": from a range of 0.02 to 0.9 on.
    init : ESNRegressor, optional
        A reservoir to begin with: it is fitted to the training rows, and training goes on from its weights, those
        of its readout too (with ``skip_connections`` that sees the lags, as an ESN's does). It must have as many
        units as ``hidden_layer_sizes``, in one layer, this ``activation`` and ``leak_rate``, a number; lags and scaling
        are the net's, and so is the seed if the reservoir has none.

    References
    ----------
    .. [1] H. Jaeger, M. Lukosevicius, D. Popovici, U. Siewert. "Optimization and applications of echo state networks
       with leaky-integrator neurons." Neural Networks 20(3), 2007.
    """

    _: KW_ONLY
    activation: str = "tanh"
    leak_rate: float | Sequence[float] | str = 1.0
    init: ESNRegressor | None = None

    def _learner(self):
        learner = super()._learner()
        if self.init is None:
            return learner
        settled = {field.name: getattr(learner, field.name) for field in fields(learner)}
        return FromReservoir(**settled, esn=self._esn_learner(learner.hidden))

    def _cell(self):
        check_word("activation", self.activation, ACTIVATIONS)
        options = self.initial_state == "learned", self.layer_norm, self._leak(), self._sees_last()
        return cell(self.activation, *options)

    def _leak(self):
        """Check ``leak_rate``; returns it as ``cell`` takes it."""
        value, cure = self.leak_rate, 'give a number, a tuple (low, high), a list of one a unit, or "learned"'
        if isinstance(value, str) or value is None or isinstance(value, bool):
            if value == "learned":
                return value
            raise ValueError(f"leak_rate={value!r} is unknown: {cure}.")
        if np.ndim(value) == 0:
            check_number("leak_rate", value, 0, 1, low_open=True)
            return () if value == 1 else (float(value),)
        if np.ndim(value) > 1:
            raise ValueError(f"leak_rate={value!r} has more than one dimension: {cure}.")
        for a in value:
            check_number("leak_rate", a, 0, 1, low_open=True)
        if isinstance(value, tuple):
            if len(value) != 2 or not value[0] < value[1]:
                raise ValueError(f"leak_rate={value!r} is not a range (low, high) of rates: {cure}.")
            return "range", float(value[0]), float(value[1])
        widths = check_widths("hidden_layer_sizes", self.hidden_layer_sizes, "give a tuple of ints >= 1")
        if set(widths) != {len(value)}:
            raise ValueError(
                f"leak_rate={value!r} has {len(value)} rates, but the layers have {widths} units: {cure}."
            )
        return tuple(float(a) for a in value)

    def _esn_learner(self, hidden):
        """Return the learner of the reservoir to start from; raise where this net cannot start from it."""
        if not isinstance(self.init, ESNRegressor):
            raise TypeError(f"init={self.init!r} is not a reservoir: give an ESNRegressor, or None.")
        learner = self.init._learner()
        leak = self._leak() or (1.0,)
        net = {"n_reservoir": hidden, "leak_rate": leak, "activation": self.activation}
        reservoir = {
            "n_reservoir": learner.drawing.sizes,
            "leak_rate": tuple(learner.drawing.leaks),
            "activation": self.init.activation,
        }
        for name, value in net.items():
            if reservoir[name] != value or (name == "n_reservoir" and len(value) > 1):
                raise ValueError(
                    f"init has {name}={reservoir[name]!r}, but this net can only begin with {value!r}, in one layer: "
                    "change one of the two."
                )
        unlike = (
            self.layer_norm,
            self.bidirectional is True,
            recurrent_lags(self) != (1,),
            self.readout_hidden_layer_sizes,
        )
        if any(unlike) or self.convolution is not None:
            raise ValueError(
                "init is a reservoir, which reads in one direction and has no layer_norm, recurrent_lags, "
                "readout_hidden_layer_sizes or convolution: leave these out."
            )
        esn = clone(self.init).set_params(
            input_lags=self.input_lags,
            output_lags=self.output_lags,
            readout_bias=True,
            readout_input=skips(self),
            readout_squares=False,
            missing="error",
        )
        return esn._learner()


class ElmanRegressor(ElmanParameters, RecurrentRegressor):
    """Elman network, the simple recurrent network, trained through time.

    h(t) = f(x(t) W + h(t - 1) U + b), y(t) = h(t) V + c [1]_. The fastest of the recurrent nets, and with an
    orthogonal start better than its name; where memory must last for hundreds of steps take leaky units
    (``leak_rate``), connections that skip rows (``recurrent_lags``), an LSTM or a GRU.

    See Also
    --------
    LSTMRegressor, GRURegressor : with gates.
    NARXRegressor : a feed-forward net of lags.

    References
    ----------
    .. [1] J. L. Elman. "Finding structure in time." Cognitive Science 14(2), 1990.

    Examples
    --------
    >>> from tsrnn import ElmanRegressor
    >>> from tsrnn.datasets import make_narma
    >>> X, y = make_narma(600, random_state=0)
    >>> model = ElmanRegressor((16,), random_state=0).fit(X[:500], y[:500])
    >>> model.predict(X[500:]).shape  # continues where training ended
    (100,)
    """

    _warmup = (
        *RecurrentRegressor._warmup,
        {"hidden_layer_sizes": (2,), "solver": "lm", "max_iter": 1, "random_state": 0},
    )


class ElmanClassifier(ElmanParameters, RecurrentClassifier):
    """Elman network that labels the rows of a series, or whole series.

    h(t) = f(x(t) W + h(t - 1) U + b), and the probabilities of the classes are softmax(h(t) V + c) [1]_.

    See Also
    --------
    ElmanRegressor : the same net for numbers.
    LSTMClassifier, GRUClassifier : with gates.

    References
    ----------
    .. [1] J. L. Elman. "Finding structure in time." Cognitive Science 14(2), 1990.

    Examples
    --------
    Whether the last two inputs had the same sign:

    >>> import numpy as np
    >>> from tsrnn import ElmanClassifier
    >>> x = np.random.default_rng(0).normal(size=600)
    >>> y = np.where(x * np.roll(x, 1) > 0, "same", "other")
    >>> model = ElmanClassifier((16,), random_state=0).fit(x[:500, None], y[:500])
    >>> model.classes_
    array(['other', 'same'], dtype='<U5')
    >>> bool(model.score(x[500:, None], y[500:]) > 0.8)  # continues where training ended
    True
    """
