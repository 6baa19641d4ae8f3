"""Weights of recurrent nets in torch's layout: gates as each cell's ``Layout`` says, two biases.

Of the second bias only the GRU's n needs its own, inside its reset: n = tanh(x W + b + r (h U + d)).
"""

import numpy as np

from .._estimators.snapshots import snapshot
from ._weights import (
    Dense,
    ForeignNet,
    attention_weights,
    find_counterpart,
    fit_with_weights,
    folded_weights,
    make_block,
    make_estimator,
)


def from_torch(state_dict, X, y, *, classes=None, x_scaler=None, y_scaler=None, **params):
    """Make a fitted estimator from the weights of a torch net.

    The net is a ``torch.nn.RNN``, ``LSTM`` or ``GRU``, of any depth and of one or two directions, and a ``Linear`` that
    reads its last layer at every step. The weights are taken as they are. The other attributes of a fitted model are
    estimated by following ``X, y``: the final state, from which ``forecast`` continues, the mean state of training, and
    the range of y.

    With ``classes`` it is a classifier, whose net was trained by ``CrossEntropyLoss`` (or ``BCEWithLogitsLoss``, where
    it gives one score, that of the second class). An ``Embedding`` looks up a column of X that holds categories, sorted
    as its rows are, or, with ``output_lags=1``, the last label: a language model. Where y has one label per series the
    ``Linear`` reads the last step of each series, which of a backward direction is that of the first row, as in
    ``h_n``; or what ``pooling`` says, laid out as by ``to_torch``.

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
    model_class, variant, layout = find_counterpart("torch", G, classes)
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
            blocks.append(make_block(W, U, b, second, inner, start))
    names = [name for name in keys if name not in used]
    readout, tables = read_dense(arrays, names)
    if readout is None:
        raise ValueError(
            f"state_dict has, beside the recurrent net {net!r}, {sorted(names)}: give that of a module with one Linear "
            "and nothing else that learns, but Embeddings."
        )
    model = make_estimator(model_class, len(directions) == 2, {**variant, **params}, X, y, len(v))
    if starts:
        model.set_params(initial_state="learned")
    return fit_with_weights(
        model, ForeignNet(blocks, readout, tables, v), X, y, classes, (x_scaler, y_scaler)
    )


def read_dense(arrays, names):
    """Tell what stands beside a recurrent net: the ``Dense`` that reads it, or None, and the tables.

    A ``Linear`` without bias and an ``Embedding`` look alike: where there are several, the one with a bias reads.
    """
    weights = [name for name in names if name.endswith("weight") and arrays[name].ndim == 2]
    biases = {name: name.removesuffix("weight") + "bias" for name in weights}
    heads = weights if len(weights) == 1 else [name for name in weights if biases[name] in arrays]
    known = {*weights, *(biases[name] for name in heads)}
    if len(heads) != 1 or not known.issuperset(names):
        return None, []
    V = arrays[heads[0]].T
    c = arrays.get(biases[heads[0]], np.zeros(V.shape[1]))
    return Dense(V, c), [arrays[name] for name in weights if name not in heads]


def to_torch(model, *, net="rnn", readout="readout"):
    """Export the weights of a fitted net as a torch ``state_dict`` of arrays.

    For a module with an ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` and an ``nn.Linear``. It then sees x and gives y in the
    user's units (with ``target_transform``, y as that leaves it). With ``input_lags`` or ``output_lags`` its inputs are
    x at those lags, the oldest first, and then y at its lags. Of a classifier it gives scores, of which softmax (of
    more than two classes) or the logistic function makes probabilities; its lags of y are targets or probabilities.
    Of a model of one y per series the Linear reads each step, and the steps are pooled; ``to_torch_module`` makes a
    module that does it. The last step of a backward direction is that of the first row, as in ``h_n``. For
    ``pooling="both"`` the first half of its outputs, in the last step, is added to the mean of the other half; for
    "attention" all but the first n_outputs are keys: tanh of them times "attention.weight" (1, n_keys) is what a
    softmax over time makes the weights of steps.

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
    blocks, (V, c) = folded_weights(model, "torch")
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
    if len(v := attention_weights(model)):
        state_dict["attention.weight"] = v[None].copy()
    return state_dict


def to_torch_module(model):
    """Export a fitted net as a ``torch.nn.Module``, both directions and all poolings included.

    For training on, for deployment by ``torch.export``, or as a part of a larger net. The module takes x of shape
    (batch, n_timesteps, n_columns) in the user's units, series padded at their ends to the same length, and their
    lengths, ``module(x, lengths)``; without lengths all rows count. It gives y in the user's units, (batch, n_outputs)
    of a model of one y per series and otherwise (batch, n_timesteps, n_outputs), each series from its first state on;
    of a classifier scores, of which softmax, or of two classes the logistic function of the one score, makes
    probabilities. ``target_bounds`` are not kept to.
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
        As ``to_torch``; or the model has a ``target_transform``.

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
    steps = model.fitted_.units.target.steps
    if steps:
        raise ValueError(
            f"to_torch_module gives y in the user's units, but undoes no target_transform ({steps!r}): take to_onnx or "
            "to_c, which do, or to_torch, whose net gives y as the transform leaves it."
        )
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
    options = pooling, keys.shape[1], starts, dynamics.net.own_order
    module = RecurrentModule((kind, arguments), n_outputs, *options)
    module.load_state_dict({name: torch.tensor(a) for name, a in state_dict.items()})
    return module
