"""Weights of recurrent nets between our layout and those of other frameworks, ``_torch_weights``, ``_keras_weights``.

Each cell states the order of its gates in either framework: see ``Layout``. Neither framework scales, so scaling is
folded into the weights.

A classifier's net gives scores z of K classes, of which softmax makes probabilities. Ours gives one score of two
classes, z_1 - z_0, and keeps classes sorted; what sees labels looks them up, as it would a torch ``Embedding``.
"""

from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

import tsrnn

from .._estimators.fitted import Fitted, Form
from .._estimators.input_checks import learn_categories
from .._estimators.sequence import learner_of
from .._estimators.snapshots import snapshot
from .._models.recurrent import RecurrentClassifier, RecurrentNetwork, RecurrentRegressor
from .._nets.dynamics import Trained
from .._nets.pooled import n_answers, n_keys, n_more, pooled
from .._nets.recurrent import INPUTS, OUTPUTS, folded, fused
from .._nets.recurrent_dynamics import RecurrentDynamics
from .._series.labels import Classes
from .._series.rows import gather, one_a_series
from .._series.scaling import LogLink, Scaler
from .._series.targets import resolve_target
from .._series.units import Units, filled_width
from .._training.stochastic import Adam


class LayerWeights(NamedTuple):
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


class ForeignNet(NamedTuple):
    """A net of another framework.

    blocks : ``LayerWeights`` of each layer and direction.   readout : ``Dense``.   tables : (C, e) of each column of
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


def _public(framework, base=RecurrentRegressor):
    """Yield the public models, and variants of their cells, that a framework has: (class, parameters, layout)."""
    for model_class in map(vars(tsrnn).get, tsrnn.__all__):
        if isinstance(model_class, type) and issubclass(model_class, base):
            for variant in model_class._variants:
                layout = getattr(model_class(**variant)._cell(), framework)
                if layout is not None and not layout.lacks:
                    yield model_class, variant, layout


def make_block(W, U, b, second, inner, start):
    """Add the framework's second biases to b (G, H); that of gate ``inner`` is within its recurrent product."""
    d = np.empty(0) if inner is None else second[inner].copy()
    return LayerWeights(W, U, b + np.where(np.arange(len(b))[:, None] == inner, 0.0, second), d, start)


def find_counterpart(framework, n_gates, classes, inner=None):
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


def make_estimator(model_class, both, params, X, y, n_keys=0):
    """Make an estimator for a net of one or both directions, which reads the last row, where y has one a series.

    n_keys : of attention, which it reads by if it has any.
    """
    if one_a_series(X, y, None, params.get("series")):
        params = {"pooling": "attention" if n_keys else "last", "bidirectional": both, **params}
    return model_class(**{**({"bidirectional": True} if both else {}), **params})


def fit_with_weights(model, given, X, y, classes, scalers):
    """Give an estimator the weights of a ``ForeignNet``, and let it follow X, y.   scalers : pairs, of x and of y."""
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
    units = Units(model.missing, means, x, scale_y, resolve_target(None), None, None, None, mean)
    dynamics = RecurrentDynamics(theta, net, mean, learner.input_lag)
    dynamics = pooled(theta, dynamics, model.pooling) if form.whole else dynamics
    model.fitted_ = Fitted(units, Trained(dynamics, 0, [], []), {}, form, None, None, model._made_for())
    model._announced = classes
    still = dict.fromkeys(("dropout", "recurrent_dropout", "input_noise"), 0.0)
    still |= {"solver": _Keep(), "warm_start": True}
    model.set_params(**still, skip_connections=learner.extrapolates).fit(X, y)
    del model._announced
    n_tables = net.symbols.size if net.symbols else 0  # training sets the rows of unknown categories
    if not np.array_equal(model.theta_[n_tables:], theta[n_tables:]):
        raise ValueError(
            f"X, y do not fit the net, which sees {F} columns of x and gives {O} of y: give such a series."
        )
    return model.set_params(**settings)


def _as_ours(model, given, X, y, classes):
    """Return the net with classes as ours are: sorted, one score of two, looked up where seen; and the ``Form``."""
    whole = one_a_series(X, y, None, model.series)
    _, vocabulary = learn_categories(model, gather(X, None if whole else y, None, None, model.series).X)
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
    return ForeignNet(given.blocks, Dense(V, c), tables, given.v), form._replace(classes=Classes(labels))


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
    arrays = [LayerWeights._asdict(w) for w in blocks] + [{"W": readout.W[None], "b": readout.b[None]}]
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


def check_one_scale(model):
    """Raise where y of each series has a scale of its own: no weights can hold it."""
    if model.fitted_.units.own is not None:
        raise ValueError(
            "A model in which each series has its own scale, scale='series', cannot be exported: fit one with "
            "scale='standard' to the series that it is for."
        )


def folded_weights(model, framework):
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
    check_one_scale(model)
    theta = model.theta_[: model.theta_.size - len(attention_weights(model))]
    net = model._dynamics().net
    if net.symbols and net.symbols.columns:
        raise TypeError(
            f"Layers of {framework} take numbers, but the model looks up categories of X: take to_onnx or to_c."
        )
    net, theta = fused(*folded(net, theta))
    *layers, readout = net.views(theta)
    _check_options(model, net, layers[0], framework, layout)
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
        blocks.append(LayerWeights(W, w.U, b, getattr(w, "d", np.empty(0)), w.start))
    pooling = getattr(dynamics, "pooling", None)
    more = n_more(pooling, len(y_scaler.scale))
    # Outputs beyond the answers: those of the mean, in y's units but for its level.
    scale = np.append(y_scaler.scale, y_scaler.scale if pooling == "both" else np.ones(more))
    center = np.append(y_scaler.center, np.zeros(more))
    return blocks, Dense(readout.W[0] * scale, readout.b[0] * scale + center)


def _check_options(model, net, first, framework, layout):
    """Raise where a framework has no net with the options of this one.   first : the parameters of its first block."""
    absent = {
        layout.lacks: layout.lacks,
        "layer_norm": len(first.gain),
        "skip_connections": any(source.which < 0 for source in net.readout),
        "recurrent_lags": any(net.reaches),
        "convolution": net.front is not None,
        "readout_hidden_layer_sizes": any(block.dense for block in net.blocks),
    }
    for option, present in absent.items():
        if present:
            advice = _other(net.cell, framework) if option == layout.lacks else ""
            advice = " (skip_connections=False)" if option == "skip_connections" else advice
            raise ValueError(
                f"{framework} has no {type(model).__name__} with {option}: fit one without{advice}."
            )
    if isinstance(model.y_scaler_, LogLink):
        raise ValueError(
            f"{framework} gets no log link, whose output would be the logarithm of y: export with to_c."
        )


def attention_weights(model):
    """Return v (A,) of a model that pools by attention, or (0,)."""
    return getattr(model._dynamics(), "v", np.empty(0))


def _other(cell, framework):
    """Return the advice to use the other framework, if it has what this one lacks; else ""."""
    alternative = "Keras" if framework == "torch" else "torch"
    layout = getattr(cell, alternative.lower())
    return f", or try to_{alternative.lower()}" if layout is not None and not layout.lacks else ""
