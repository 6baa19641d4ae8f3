"""Weights of recurrent nets in Keras's layout: gates as each cell's ``Layout`` says, one bias, or two for a GRU."""

import numpy as np

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
    model_class, variant, layout = find_counterpart("keras", G, classes, inner=arrays[2].ndim == 2)
    order, inner, blocks = list(layout.order), layout.inner, []
    for W, U, b in zip(arrays[:-2:3], arrays[1:-2:3], arrays[2:-2:3]):
        H = len(U)
        W, U = (a.reshape(len(a), G, H).swapaxes(0, 1)[order] for a in (W, U))
        b, second = np.vstack([b.reshape(-1, G, H), np.zeros((1, G, H))])[:2, order]
        blocks.append(make_block(W, U, b, second, inner, np.empty((0, H))))
    model = make_estimator(model_class, len(V) == 2 * H, {**variant, **params}, X, y)
    return fit_with_weights(model, ForeignNet(blocks, Dense(V, c), []), X, y, classes, (x_scaler, y_scaler))


def to_keras(model):
    """Export the weights of a fitted net in the layout of Keras.

    For a ``keras.Sequential`` of ``SimpleRNN``, ``LSTM`` or ``GRU`` layers with ``return_sequences=True``, each within
    ``Bidirectional`` for ``bidirectional=True``, and a ``Dense``. A GRU's ``reset_after`` is ``reset="after"``. The net
    then sees x and gives y in the user's units; else as ``to_torch``. Of a model of one y per series the Dense reads
    each step, and a layer behind it pools: the last step, the mean, the largest value, or for ``pooling="both"`` the
    last step of the first half of its outputs plus the mean of the other. The last step of a backward direction is that
    of the first row, as ``return_sequences=False`` gives it.

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
    blocks, readout = folded_weights(model, "Keras")
    if len(attention_weights(model)):
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
