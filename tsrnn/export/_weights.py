"""Weights of recurrent nets, in the layouts of torch and Keras.

Each cell states the order of its gates in either framework: see ``Layout``. torch has two biases, of which only the
GRU's n needs the second, inside its reset: n = tanh(x W + b + r (h U + d)). Keras has one, and for such a GRU two.
Neither framework scales, so scaling is folded into the weights.

A classifier's net gives scores z of K classes, of which softmax makes probabilities. Ours gives one score of two
classes, z_1 - z_0, and keeps classes sorted; what sees labels looks them up, as it would a torch ``Embedding``.
"""

from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

import tsrnn

from .._estimators.fitted import Fitted, Form
from .._estimators.sequence import learner_of
from .._estimators.snapshots import snapshot
from .._models.recurrent import RecurrentClassifier, RecurrentNetwork, RecurrentRegressor
from .._nets.dynamics import Trained
from .._nets.pooled import n_answers, n_keys, n_more, pooled
from .._nets.recurrent import INPUTS, OUTPUTS, folded
from .._nets.recurrent_dynamics import RecurrentDynamics
from .._series.labels import Classes
from .._series.rows import gather, one_a_series
from .._series.scaling import LogLink, Scaler
from .._series.units import Units, filled_width
from .._training.stochastic import Adam


class Weights(NamedTuple):
    """One direction of one layer, gates in our order.

    W : (G, D, H).   U : (G, H, H).   b : (G, H).   d : (H,), or (0,) if no bias is inside the reset gate.
    start : (n_states, H), learnt, or (0, H).
    """

    W: np.ndarray
    U: np.ndarray
    b: np.ndarray
    d: np.ndarray
    start: np.ndarray


class Dense(NamedTuple):
    """The readout.   W : (D, O).   b : (O,)."""

    W: np.ndarray
    b: np.ndarray


class Foreign(NamedTuple):
    """A net of another framework.

    blocks : ``Weights`` of each layer and direction.   readout : ``Dense``.   tables : (C, e) of each column of
    categories, then of labels as history.   v : (A,), of attention, or (0,).
    """

    blocks: list
    readout: Dense
    tables: list
    v: np.ndarray = np.empty(0)


class _Keep(Adam):
    """Solver that keeps the weights, for a fit that finds everything else."""

    dtype = np.float64

    def minimize(self, objective, theta, monitor, rng, moments=None):
        """Leave theta as it is."""
        monitor(theta, objective.value(theta))


# ---------------------------------------------------------------------------------------- torch


def from_torch(state_dict, X, y, *, classes=None, x_scaler=None, y_scaler=None, **params):
    """Make a fitted estimator from the weights of a torch net.

    The net is a ``torch.nn.RNN``, ``LSTM`` or ``GRU``, of any depth and of one or two directions, and a ``Linear`` that
    reads its last layer at every step. The weights are taken as they are. The other attributes of a fitted model are
    estimated by following ``X, y``: the final state, from which ``forecast`` continues, the mean state of training, and
    the range of y.

    With ``classes`` it is a classifier, whose net was trained by ``CrossEntropyLoss`` (or ``BCEWithLogitsLoss``, where
    it gives one score, that of the second class). An ``Embedding`` looks up a column of X that holds categories, sorted
    as its rows are, or, with ``output_lags=1``, the last label: a language model. Where y has one label a series the
    ``Linear`` reads the last step of each series, as of packed sequences, or what ``pooling`` says, laid out as by
    ``to_torch``; the first step in place of the last of a backward direction is not read.

    Parameters
    ----------
    state_dict : dict of str to array-like
        ``module.state_dict()``. The module's attributes may have any name; a learnt first state, of shape
        (n_layers x n_directions, n_units), is called "h0", and "c0" of an LSTM.
    X, y : as for ``fit``
        A series, preferably that of training; its last ``validation_fraction`` is enough. With embeddings X has each
        of their categories.
    classes : array-like of shape (n_classes,), optional
        The labels, in the order of the net's scores.
    x_scaler, y_scaler : tuple (center, scale) of array-likes, optional
        If the net sees (x - center) / scale, or forecasts (y - center) / scale; by default both are in the units of
        ``X, y``.
    **params
        Of the estimator: ``activation="relu"`` for such an RNN; with ``input_lags`` or ``output_lags`` the columns that
        the net sees are x at its lags, the oldest first, and then y at its lags. Labels among them are looked up, or
        ones in their places.

    Returns
    -------
    model : ElmanRegressor, LSTMRegressor or GRURegressor, or such a classifier

    Raises
    ------
    ValueError
        The keys are not those of such a net, or their shapes do not fit X, y and ``params``.

    See Also
    --------
    to_torch : the way back.

    Examples
    --------
    A GRU of two units, its weights as torch lays them out:

    >>> import numpy as np
    >>> from tsrnn.export import from_torch
    >>> rng = np.random.default_rng(0)
    >>> shapes = {"rnn.weight_ih_l0": (6, 1), "rnn.weight_hh_l0": (6, 2), "rnn.bias_ih_l0": (6,)}
    >>> shapes |= {"rnn.bias_hh_l0": (6,), "head.weight": (1, 2), "head.bias": (1,)}
    >>> state_dict = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    >>> X, y = rng.normal(size=(50, 1)), rng.normal(size=50)
    >>> model = from_torch(state_dict, X, y)
    >>> model
    GRURegressor(hidden_layer_sizes=(2,))
    >>> model.predict(X[:3]).shape
    (3,)

    The same net as a classifier of two labels:

    >>> from_torch(state_dict, X, np.where(y > 0, "up", "down"), classes=["down", "up"]).predict_proba(X[:3]).shape
    (3, 2)
    """
    arrays = {name: np.asarray(a, float) for name, a in state_dict.items()}
    of_attention = [arrays.pop(name).ravel() for name in list(arrays) if name.endswith("attention.weight")]
    v = np.concatenate([*of_attention, np.empty(0)])
    nets = [name for name in arrays if name.endswith("weight_hh_l0")]
    keys = [name for name in arrays if not name.endswith(("h0", "c0"))]
    if len(nets) != 1:
        raise ValueError(
            f"state_dict has {len(nets)} keys that end in 'weight_hh_l0', but one recurrent net is wanted: give that "
            f"of a module with one RNN, LSTM or GRU and one Linear; it has {sorted(arrays)}."
        )
    net = nets[0].removesuffix("weight_hh_l0")
    H = arrays[nets[0]].shape[1]
    G = len(arrays[nets[0]]) // H
    model_class, variant, layout = _counterpart("torch", G, classes)
    order, inner = list(layout.order), layout.inner
    directions = [False, True] if f"{net}weight_hh_l0_reverse" in arrays else [False]
    n_layers = sum(f"{net}weight_hh_l{k}" in arrays for k in range(len(arrays)))
    starts = [arrays[name] for name in ("h0", "c0") if name in arrays]
    blocks, used = [], set()
    for k in range(n_layers):
        for reverse in directions:
            suffix = f"l{k}{'_reverse' * reverse}"
            names = [f"{net}{word}_{suffix}" for word in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            used.update(names)
            W, U = (arrays[name].reshape(G, H, -1)[order].swapaxes(1, 2) for name in names[:2])
            b, second = (arrays.get(name, np.zeros(G * H)).reshape(G, H)[order] for name in names[2:])
            start = np.array([s[len(blocks)] for s in starts]).reshape(-1, H)
            blocks.append(_block(W, U, b, second, inner, start))
    names, readout, tables = _beside(arrays, [name for name in keys if name not in used])
    if readout is None:
        raise ValueError(
            f"state_dict has, beside the recurrent net {net!r}, {sorted(names)}: give that of a module with one Linear "
            "and nothing else that learns, but Embeddings."
        )
    model = _made(model_class, len(directions) == 2, {**variant, **params}, X, y, len(v))
    if starts:
        model.set_params(initial_state="learned")
    return _fitted(model, Foreign(blocks, readout, tables, v), X, y, classes, (x_scaler, y_scaler))


def _beside(arrays, names):
    """Tell what stands beside a recurrent net: its names, the ``Dense`` that reads it, or None, and the tables.

    A ``Linear`` without bias and an ``Embedding`` look alike: where there are several, the one with a bias reads.
    """
    weights = [name for name in names if name.endswith("weight") and arrays[name].ndim == 2]
    biases = {name: name.removesuffix("weight") + "bias" for name in weights}
    heads = weights if len(weights) == 1 else [name for name in weights if biases[name] in arrays]
    known = {*weights, *(biases[name] for name in heads)}
    if len(heads) != 1 or not known.issuperset(names):
        return names, None, []
    V = arrays[heads[0]].T
    c = arrays.get(biases[heads[0]], np.zeros(V.shape[1]))
    return names, Dense(V, c), [arrays[name] for name in weights if name not in heads]


def to_torch(model, *, net="rnn", readout="readout"):
    """Export the weights of a fitted net as a torch ``state_dict`` of arrays.

    For a module with an ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` and an ``nn.Linear``. It then sees x and gives y in the
    user's units (with ``target_transform``, y as that leaves it). With ``input_lags`` or ``output_lags`` its inputs are
    x at those lags, the oldest first, and then y at its lags. Of a classifier it gives scores, of which softmax (of
    more than two classes) or the logistic function makes probabilities; its lags of y are targets or probabilities.
    Of a model of one y a series the Linear reads each step, and the steps are pooled; ``to_torch_module`` makes a
    module that does it. For ``pooling="both"`` the first half of its outputs, in the last step, is added to the mean of
    the other half; for "attention" all but the first n_outputs are keys: tanh of them times "attention.weight"
    (1, n_keys) is what a softmax over time makes the weights of steps.

    Parameters
    ----------
    model : fitted ElmanRegressor, LSTMRegressor or GRURegressor, or such a classifier
    net, readout : str, default="rnn" and "readout"
        The module's attributes.

    Returns
    -------
    state_dict : dict of str to ndarray
        For ``module.load_state_dict({name: torch.tensor(a) for name, a in state_dict.items()})``. A learnt first state
        is "h0", and "c0" of an LSTM, each of shape (n_layers x n_directions, n_units): take it out before and give it
        to the recurrent net in each call.

    Raises
    ------
    TypeError, ValueError
        torch has no such net: another model; peepholes, no forget gate, layer normalisation, ``reset="before"``, skip
        connections, layers of different widths, or an activation other than tanh and relu.
    sklearn.exceptions.NotFittedError
        It was not fitted.

    See Also
    --------
    to_torch_module : a module with these weights.
    from_torch : the way back.

    Examples
    --------
    >>> from tsrnn import LSTMRegressor
    >>> from tsrnn.datasets import make_narma
    >>> from tsrnn.export import to_torch
    >>> X, y = make_narma(300, random_state=0)
    >>> model = LSTMRegressor((4,), max_iter=2, random_state=0).fit(X, y)
    >>> [(name, a.shape) for name, a in to_torch(model).items() if "weight" in name]
    [('rnn.weight_ih_l0', (16, 1)), ('rnn.weight_hh_l0', (16, 4)), ('readout.weight', (1, 4))]
    """
    blocks, (V, c) = _folded(model, "torch")
    widths = {len(w.b[0]) for w in blocks}
    if len(widths) > 1:
        raise ValueError(
            f"torch has no recurrent net with layers of different widths, {sorted(widths)}: try to_keras."
        )
    layout = model._dynamics().net.cell.torch
    order = np.argsort(layout.order)
    directions = 1 + model._dynamics().net.bidirectional
    state_dict = {}
    for k, w in enumerate(blocks):
        suffix = f"l{k // directions}{'_reverse' * (k % directions)}"
        second = np.zeros_like(w.b)
        if len(w.d):
            second[layout.inner] = w.d
        arrays = {
            "weight_ih": w.W.swapaxes(1, 2),
            "weight_hh": w.U.swapaxes(1, 2),
            "bias_ih": w.b,
            "bias_hh": second,
        }
        for name, a in arrays.items():
            state_dict[f"{net}.{name}_{suffix}"] = a[order].reshape(-1, *a.shape[2:])
    state_dict[f"{readout}.weight"], state_dict[f"{readout}.bias"] = V.T.copy(), c
    for state, name in enumerate(("h0", "c0")[: len(blocks[0].start)]):
        state_dict[name] = np.array([w.start[state] for w in blocks])
    if len(v := _attention(model)):
        state_dict["attention.weight"] = v[None].copy()
    return state_dict


def to_torch_module(model):
    """Export a fitted net as a ``torch.nn.Module``, both directions and all poolings included.

    For training on, for deployment by ``torch.export``, or as a part of a larger net. The module takes x of shape
    (batch, n_timesteps, n_columns) in the user's units, series padded at their ends to the same length, and their
    lengths, ``module(x, lengths)``; without lengths all rows count. It gives y in the user's units, (batch, n_outputs)
    of a model of one y a series and otherwise (batch, n_timesteps, n_outputs), each series from its first state on; of
    a classifier scores, of which softmax, or of two classes the logistic function of the one score, makes
    probabilities.
    What it sees of lags, and what cannot be exported: see ``to_torch``, whose ``state_dict`` is the module's.

    Parameters
    ----------
    model : fitted ElmanRegressor, LSTMRegressor or GRURegressor, or such a classifier

    Returns
    -------
    module : torch.nn.Module
        In double precision; ``module.float()`` computes in single.

    Raises
    ------
    ImportError
        torch is not installed.
    TypeError, ValueError, sklearn.exceptions.NotFittedError
        As ``to_torch``.

    See Also
    --------
    to_torch : the weights alone, which needs no torch.
    to_onnx : for runtimes.

    Notes
    -----
    Probabilities of labels of some series, arrays (n_timesteps, n_features), that are as long as each other::

        module = to_torch_module(classifier)
        with torch.no_grad():
            p = torch.softmax(module(torch.tensor(np.array(series))), dim=1)
    """
    state_dict = to_torch(model)
    from ._torch import RecurrentModule, torch  # here, for an import of torch takes seconds

    if torch is None:
        raise ImportError("to_torch_module needs torch: pip install torch.")
    model = snapshot(model)
    dynamics, W, U = model._dynamics(), state_dict["rnn.weight_ih_l0"], state_dict["rnn.weight_hh_l0"]
    G, both = len(U) // U.shape[1], dynamics.net.bidirectional
    arguments = {
        "input_size": W.shape[1],
        "hidden_size": U.shape[1],
        "num_layers": sum("weight_ih" in name for name in state_dict) // (1 + both),
        "bidirectional": both,
    }
    if G == 1:
        arguments["nonlinearity"] = model.activation
    pooling, keys = getattr(dynamics, "pooling", None), state_dict.get("attention.weight", np.empty((1, 0)))
    starts = [name for name in ("h0", "c0") if name in state_dict]
    kind, n_outputs = {1: "RNN", 3: "GRU", 4: "LSTM"}[G], len(state_dict["readout.bias"])
    module = RecurrentModule((kind, arguments), n_outputs, pooling, keys.shape[1], starts)
    module.load_state_dict({name: torch.tensor(a) for name, a in state_dict.items()})
    return module


# ---------------------------------------------------------------------------------------- Keras


def from_keras(weights, X, y, *, classes=None, x_scaler=None, y_scaler=None, **params):
    """Make a fitted estimator from the weights of a Keras net.

    The net is a stack of ``SimpleRNN``, ``LSTM`` or ``GRU`` layers, all of one kind, with ``return_sequences=True`` and
    biases, each within ``Bidirectional`` or none, and a ``Dense`` without activation (or softmax, with ``classes``).
    All else as in ``from_torch``, but there is no ``Embedding``.

    Parameters
    ----------
    weights : list of array-like
        ``model.get_weights()``: kernel, recurrent kernel and bias of each layer (and direction), then of the Dense.
    X, y, classes, x_scaler, y_scaler, **params : as for ``from_torch``

    Returns
    -------
    model : ElmanRegressor, LSTMRegressor or GRURegressor, or such a classifier

    Raises
    ------
    ValueError
        The weights are not those of such a net, or their shapes do not fit X, y and ``params``.

    See Also
    --------
    to_keras : the way back.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn.export import from_keras
    >>> rng = np.random.default_rng(0)
    >>> weights = [rng.normal(size=shape) for shape in ((1, 8), (2, 8), (8,), (2, 1), (1,))]
    >>> X, y = rng.normal(size=(50, 1)), rng.normal(size=50)
    >>> from_keras(weights, X, y)
    LSTMRegressor(hidden_layer_sizes=(2,))
    """
    arrays = [np.asarray(a, float) for a in weights]
    ratios = {a.shape[1] / len(a) if a.ndim == 2 and len(a) else 0 for a in arrays[1:-2:3]}
    integer = all(G >= 1 and int(G) == G for G in ratios)
    if len(arrays) % 3 != 2 or len(ratios) != 1 or not integer:
        raise ValueError(
            f"weights have the shapes {[a.shape for a in arrays]}: give kernel, recurrent kernel and bias of each "
            "SimpleRNN, LSTM or GRU layer, all of one kind, and then kernel and bias of a Dense."
        )
    (G,), (V, c) = map(int, ratios), arrays[-2:]
    model_class, variant, layout = _counterpart("keras", G, classes, inner=arrays[2].ndim == 2)
    order, inner, blocks = list(layout.order), layout.inner, []
    for W, U, b in zip(arrays[:-2:3], arrays[1:-2:3], arrays[2:-2:3]):
        H = len(U)
        W, U = (a.reshape(len(a), G, H).swapaxes(0, 1)[order] for a in (W, U))
        b, second = np.vstack([b.reshape(-1, G, H), np.zeros((1, G, H))])[:2, order]
        blocks.append(_block(W, U, b, second, inner, np.empty((0, H))))
    model = _made(model_class, len(V) == 2 * H, {**variant, **params}, X, y)
    return _fitted(model, Foreign(blocks, Dense(V, c), []), X, y, classes, (x_scaler, y_scaler))


def to_keras(model):
    """Export the weights of a fitted net in the layout of Keras.

    For a ``keras.Sequential`` of ``SimpleRNN``, ``LSTM`` or ``GRU`` layers with ``return_sequences=True``, each within
    ``Bidirectional`` for ``bidirectional=True``, and a ``Dense``. A GRU's ``reset_after`` is ``reset="after"``. The net
    then sees x and gives y in the user's units; else as ``to_torch``. Of a model of one y a series the Dense reads each
    step, and a layer behind it pools: the last step, the mean, the largest value, or for ``pooling="both"`` the last
    step of the first half of its outputs plus the mean of the other.

    Parameters
    ----------
    model : fitted ElmanRegressor, LSTMRegressor or GRURegressor, or such a classifier

    Returns
    -------
    weights : list of ndarray
        For ``keras_model.set_weights(weights)``.

    Raises
    ------
    TypeError, ValueError
        Keras has no such net: another model; peepholes, no forget gate, layer normalisation, skip connections, a
        learnt first state, or ``pooling="attention"``.
    sklearn.exceptions.NotFittedError
        It was not fitted.

    See Also
    --------
    from_keras : the way back.

    Examples
    --------
    >>> from tsrnn import GRURegressor
    >>> from tsrnn.datasets import make_narma
    >>> from tsrnn.export import to_keras
    >>> X, y = make_narma(300, random_state=0)
    >>> model = GRURegressor((4,), max_iter=2, random_state=0).fit(X, y)
    >>> [a.shape for a in to_keras(model)]
    [(1, 12), (4, 12), (2, 12), (4, 1), (1,)]
    """
    blocks, readout = _folded(model, "Keras")
    if len(_attention(model)):
        raise ValueError(
            "A list of weights of Keras has no place for those of pooling='attention': take to_torch_module, or fit "
            "with another pooling."
        )
    if len(blocks[0].start):
        raise ValueError(
            "A Keras layer has no learnt first state: fit with initial_state='zeros', or try to_torch."
        )
    weights, layout = [], model._dynamics().net.cell.keras
    order = np.argsort(layout.order)
    for w in blocks:
        b = w.b[order].ravel()
        if len(w.d):
            second = np.zeros_like(w.b)
            second[layout.inner] = w.d
            b = np.array([b, second[order].ravel()])
        weights += [*(a[order].swapaxes(0, 1).reshape(a.shape[1], -1) for a in (w.W, w.U)), b]
    return [*weights, *readout]


# ---------------------------------------------------------------------------------------- our side


def _public(framework, base=RecurrentRegressor):
    """Yield the public models, and variants of their cells, that a framework has: (class, parameters, layout)."""
    for model_class in map(vars(tsrnn).get, tsrnn.__all__):
        if isinstance(model_class, type) and issubclass(model_class, base):
            for variant in model_class._variants:
                layout = getattr(model_class(**variant)._cell(), framework)
                if layout is not None and not layout.lacks:
                    yield model_class, variant, layout


def _block(W, U, b, second, inner, start):
    """Add the framework's second biases to b (G, H); that of gate ``inner`` stands within its recurrent product."""
    d = np.empty(0) if inner is None else second[inner].copy()
    return Weights(W, U, b + np.where(np.arange(len(b))[:, None] == inner, 0.0, second), d, start)


def _counterpart(framework, n_gates, classes, inner=None):
    """Find the public model with n_gates that a framework has.   inner : whether a second bias is in a product."""
    base = RecurrentRegressor if classes is None else RecurrentClassifier
    for model_class, variant, layout in _public(framework, base):
        if len(layout.order) == n_gates and inner in (None, layout.inner is not None):
            return model_class, variant, layout
    offered = ", ".join(
        f"{model_class.__name__} {len(layout.order)}" for model_class, _, layout in _public(framework)
    )
    raise ValueError(
        f"A recurrent net of {n_gates} gates{' and two biases' if inner else ''} is none that tsrnn has: {offered}."
    )


def _made(model_class, both, params, X, y, n_keys=0):
    """Make an estimator for a net of one or both directions, which reads the last row, where y has one a series.

    n_keys : of attention, which it reads by if it has any.
    """
    if one_a_series(X, y, None, params.get("series")):
        params = {"pooling": "attention" if n_keys else "last", "bidirectional": both, **params}
    return model_class(**{**({"bidirectional": True} if both else {}), **params})


def _fitted(model, given, X, y, classes, scalers):
    """Give an estimator the weights of a ``Foreign`` net, and let it follow X, y.   scalers : pairs, of x and of y."""
    blocks, (given, form) = given.blocks, _as_ours(model, given, X, y, classes)
    settings = {
        "hidden_layer_sizes": tuple(w.U.shape[1] for w in blocks[:: 1 + learner_of(model).bidirectional])
    }
    if given.tables:
        settings["embedding_size"] = given.tables[0].shape[1]
    settings = model.set_params(**settings).get_params(deep=False)
    learner = model._for_y(learner_of(model), form, None)
    F = _n_columns(model, learner, given)
    net = learner.net(F, len(given.readout.b))
    O = n_answers(model.pooling, net.n_outputs) if form.whole else net.n_outputs
    theta = np.concatenate([a.ravel() for a in (*_laid_out(net, given), given.v)])
    x, mean = _scaler(scalers[0], F), (np.zeros(F), np.zeros(O))
    x = x if form.vocabulary is None else form.vocabulary.as_they_are(x)
    means = x.center[: F // filled_width(model.missing, 1)]
    scale_y = _scaler(scalers[1], O) if form.classes is None else model._link(form.classes)
    units = Units(model.missing, means, x, scale_y, None, None, None, None, mean)
    dynamics = RecurrentDynamics(theta, net, mean, learner.input_lag)
    dynamics = pooled(theta, dynamics, model.pooling) if form.whole else dynamics
    model.fitted_ = Fitted(units, Trained(dynamics, 0, [], []), {}, form, None, None, model._made_for())
    model._announced = classes
    model.set_params(solver=_Keep(), warm_start=True, dropout=0.0, recurrent_dropout=0.0).fit(X, y)
    del model._announced
    n_tables = net.symbols.size if net.symbols else 0  # training settles what stands for unknown categories
    if not np.array_equal(model.theta_[n_tables:], theta[n_tables:]):
        raise ValueError(
            f"X, y do not fit the net, which sees {F} columns of x and gives {O} of y: give such a series."
        )
    return model.set_params(**settings)


def _as_ours(model, given, X, y, classes):
    """Return the net with classes as ours are: sorted, one score of two, looked up where seen; and the ``Form``."""
    whole = one_a_series(X, y, None, model.series)
    _, vocabulary = model._learn_categories(gather(X, None if whole else y, None, None, model.series).X)
    form = Form(1, None, "table", [], None, whole, vocabulary)
    pooling = model.pooling if whole else None
    wanted = n_keys(pooling)
    if len(given.v) != wanted:
        raise ValueError(
            f"pooling={pooling!r} has {wanted} keys, but the net has {len(given.v)}: give the pooling of the net, "
            "whose state_dict has 'attention.weight' of shape (1, n_keys) if it is 'attention'."
        )
    if pooling == "both" and len(given.readout.b) % 2:
        raise ValueError(
            f"pooling='both' reads the last row and the mean, but the net gives {len(given.readout.b)} outputs, which "
            "are no two halves: give 'last', 'mean' or 'max'."
        )
    if classes is None:
        return given, form
    labels, tables = np.asarray(classes), given.tables
    order, n = np.argsort(labels), n_answers(pooling, len(given.readout.b))
    pieces = [_sorted(given.readout, k, n, classes) for k in range(0, n * (1 + (pooling == "both")), n)]
    V, c = map(np.hstack, zip(*pieces, Dense(*(a[..., len(a.T) - wanted :] for a in given.readout))))
    labels = labels[order]
    if learner_of(model).sees_y:
        if len(labels) == 2 and tables:
            raise ValueError(
                "With two classes the net sees 0 and 1 in the lags of y, and no Embedding: give a net that does."
            )
        n_seen = len(tables) - (0 if vocabulary is None else len(vocabulary.columns))
        if n_seen and len(tables[-1]) == len(labels):
            tables = [*tables[:-1], tables[-1][order]]
        elif len(labels) > 2:  # it sees ones in the places of labels
            tables = [*tables, np.eye(len(labels))[order]]
    return Foreign(given.blocks, Dense(V, c), tables, given.v), form._replace(classes=Classes(labels))


def _sorted(readout, k, n, classes):
    """Return n outputs from number k on, scores of classes, as ours are: sorted, of two classes the difference."""
    (V, c), labels = (a[..., k : k + n] for a in readout), np.asarray(classes)
    if n == 1:  # the score of the second class; that of the first is 0
        V, c = np.hstack([np.zeros_like(V), V]), np.append(0.0, c)
    if labels.shape != c.shape or len(np.unique(labels)) < len(labels):
        raise ValueError(
            f"classes={classes!r}: the net gives {len(c)} scores, so give as many labels, each once."
        )
    order = np.argsort(labels)
    V, c = V[:, order], c[order]
    return Dense(V[:, 1:] - V[:, :1], c[1:] - c[:1]) if len(c) == 2 else Dense(V, c)


def _n_columns(model, learner, given):
    """Return the columns F of X that the net sees; raise where there are none such."""
    n_x, n_y, D = len(learner.input_lags), len(learner.output_lags), given.blocks[0].W.shape[1]
    n_categories = len(learner.categories)
    wanted = n_categories + learner.codes_labels
    sizes = {table.shape[1] for table in given.tables}
    if len(given.tables) != wanted or len(sizes) > 1:
        raise ValueError(
            f"The net has Embeddings of the shapes {[table.shape for table in given.tables]}, but there are "
            f"{wanted} to look up, columns of categories in X and labels in the lags of y: give such a net, its "
            "Embeddings of one size."
        )
    e = next(iter(sizes), 1)
    O = e if learner.codes_labels else len(given.readout.b)
    F = (D - O * n_y) // max(n_x, 1) - n_categories * (e - 1)
    if F < 0 or (F + n_categories * (e - 1)) * n_x + O * n_y != D:
        raise ValueError(
            f"The net sees {D} columns and gives {O}, which does not go with input_lags={model.input_lags!r} and "
            f"output_lags={model.output_lags!r}: give those that it was trained with."
        )
    return F


def _laid_out(net, given):
    """Yield the arrays of theta in its order; raise if a shape differs."""
    blocks, readout, tables, _ = given
    if net.symbols:
        wanted = [C for _, C, _ in net.symbols.columns]
        wanted += [net.symbols.labels[0]] if net.symbols.labels else []
        if [len(table) for table in tables] != wanted:
            raise ValueError(
                f"The net has Embeddings of {[len(table) for table in tables]} rows, but there are {wanted} categories "
                "in X and labels that are seen: give X and classes with all of them."
            )
        for k, table in enumerate(tables):
            yield table
            if k < len(net.symbols.columns):
                yield table.mean(axis=0)
    arrays = [Weights._asdict(w) for w in blocks] + [{"W": readout.W[None], "b": readout.b[None]}]
    if len(arrays) != len(net.shapes):
        raise ValueError(f"The net has {len(blocks)} layers and directions, not {len(net.shapes) - 1}.")
    for named, shapes in zip(arrays, net.shapes):
        for name, shape in shapes._asdict().items():
            a = named.get(name, np.empty(0))
            if a.size != np.prod(shape) or (a.size and a.shape != shape):
                raise ValueError(
                    f"An array of the net, {name} (gates first), has the shape {a.shape}, not {shape}: the estimator's "
                    "parameters are not those of the net."
                )
            yield a


def _scaler(pair, n):
    """Make a Scaler, center and scale (n,), from a pair or None."""
    center, scale = (0.0, 1.0) if pair is None else pair
    return Scaler(*(np.broadcast_to(np.asarray(v, float), n).copy() for v in (center, scale)))


def _folded(model, framework):
    """Fold the scalers into the weights of each block and of the readout; raise if the framework has no such net."""
    recurrent = isinstance(model, RecurrentNetwork)
    if recurrent:
        check_is_fitted(model)
        model = snapshot(model)
    layout = getattr(model._dynamics().net.cell, framework.lower()) if recurrent else None
    if layout is None:
        names = dict.fromkeys(model_class.__name__ for model_class, _, _ in _public(framework.lower()))
        raise TypeError(
            f"model={model!r} is no net that {framework} has: its cell brings no order of gates for it. Give one of "
            f"{', '.join(names)}."
        )
    net, theta = folded(model._dynamics().net, model.theta_[: model.theta_.size - len(_attention(model))])
    *layers, readout = net.views(theta)
    lowest = [all(source.which < 0 for source in block.sources) for block in net.blocks]
    absent = {
        layout.lacks: layout.lacks,
        "layer_norm": len(layers[0].gain),
        "skip_connections": any(source.which < 0 for source in net.readout),
        "recurrent_lags": any(net.reaches),
        "convolution": net.front is not None,
        "readout_hidden_layer_sizes": any(block.dense for block in net.blocks),
        "ensemble='mean'": sum(lowest) > 1 + net.bidirectional,
    }
    for option, present in absent.items():
        if present:
            advice = _other(net.cell, framework) if option == layout.lacks else ""
            raise ValueError(
                f"{framework} has no {type(model).__name__} with {option}: fit one without{advice}."
            )
    if isinstance(model.y_scaler_, LogLink):
        raise ValueError(
            f"{framework} gets no log link, whose output would be the logarithm of y: export with to_c."
        )
    dynamics = model._dynamics()
    y_scaler = model.y_scaler_ if model.fitted_.form.classes is None else _scaler(None, dynamics.n_outputs)
    scalers, blocks = {INPUTS: model.x_scaler_, OUTPUTS: y_scaler}, []
    for block, w in zip(net.blocks, layers):
        W, b = w.W.copy(), w.b.copy()
        for source in block.sources:
            if source.which in scalers:
                center, scale = scalers[source.which]
                rows = slice(source.at, source.at + source.width)
                W[:, rows] *= np.resize(1 / scale, source.width)[:, None]
                b -= np.resize(center, source.width) @ W[:, rows]
        blocks.append(Weights(W, w.U, b, getattr(w, "d", np.empty(0)), w.start))
    pooling = getattr(dynamics, "pooling", None)
    more = n_more(pooling, len(y_scaler.scale))
    # outputs beside answers: the mean's, in y's units but for its level
    scale = np.append(y_scaler.scale, y_scaler.scale if pooling == "both" else np.ones(more))
    center = np.append(y_scaler.center, np.zeros(more))
    return blocks, Dense(readout.W[0] * scale, readout.b[0] * scale + center)


def _attention(model):
    """Return v (A,) of a model that pools by attention, or (0,)."""
    return getattr(model._dynamics(), "v", np.empty(0))


def _other(cell, framework):
    """Return the advice to use the other framework, if it has what this one lacks; else ""."""
    alternative = "Keras" if framework == "torch" else "torch"
    layout = getattr(cell, alternative.lower())
    return f", or try to_{alternative.lower()}" if layout is not None and not layout.lacks else ""
