"""What moved one forecast, what a step of an input does, what a net has learnt about categories."""

from numbers import Integral

import numpy as np
import pandas as pd

from .._check import check_number, check_word
from .._estimators.through import see_through
from .._nets.attribution import can_trace, slopes, window
from .._series.checks import check_y
from ._diagnose import _check_output, _made_names, _names, _the_series


NODES = 64  # of the quadrature
FAR = 256  # rows that a net with a state is traced back over
SMALL = 1e-6  # standard deviations, of a change that a transformed target is differentiated by
SETTLED = 300  # rows in which a model comes to rest


def explain(model, X, y, at=-1, *, steps=1, output=0, method="integrated", max_lag=FAR, start=None):
    """Explain one forecast: by how much each input and past output moved it, lag by lag, in the units of y.

    Exact, by the gradient back through time, where others sample: the numbers add up to the forecast minus a baseline,
    which is the forecast had all of them been at their means of training. For :func:`lag_importance` many rows are
    changed one after the other; this is of one forecast.

    Parameters
    ----------
    model : fitted estimator of tsrnn with trained weights, or Pipeline or search over one
        ARX, TDNN, NARX, Elman, LSTM, GRU and their kin. Of a pipeline the columns are those after its transformers.
    X, y : as for :func:`diagnose`
        One series; the rows up to the one that is forecast, at least.
    at : int or stamp, default=-1
        The row that is forecast.
    steps : int, default=1
        How far ahead: the last measured y is that of ``steps`` rows before.
    output : int, default=0
        Which column of y.
    method : {"integrated", "gradient"}, default="integrated"
        Integrated gradients [1]_ from the means to what was seen, or the gradient where it was seen times the distance
        from the mean, which does not add up where the model bends.
    max_lag : int, default=256
        A net with a state is traced back over that many rows; what lies before is part of the baseline.
    start : optional
        As for ``predict``.

    Returns
    -------
    explanation : DataFrame indexed by lag 0, 1 ..., a column an input, those of y last
        What each moved the forecast by. ``attrs`` holds "forecast", "baseline", "at" and "steps". Of a y whose
        differences are forecast the baseline begins at the same last level; bounds of y are left out.

    Raises
    ------
    TypeError
        The model has no trained weights to trace: a reservoir, a mean of models, a naive forecast, convolution. Their
        :func:`lag_importance` is found without a gradient.
    ValueError
        An argument is out of range.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly, Q. Yan. "Axiomatic attribution for deep networks." ICML 2017.

    Examples
    --------
    >>> from tsrnn import NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.diagnostics import explain
    >>> X, y = make_narendra(700, random_state=0)
    >>> model = NARXRegressor(input_lags=1, output_lags=1, random_state=0).fit(X[:500], y[:500])
    >>> explanation = explain(model, X[500:], y[500:], at=50)
    >>> explanation.columns.tolist()
    ['x0', 'y']
    >>> moved = explanation.attrs["forecast"] - explanation.attrs["baseline"]
    >>> bool(abs(explanation.to_numpy().sum() - moved) < 1e-6)
    True
    """
    check_word("method", method, ("integrated", "gradient"))
    check_number("steps", steps, 1, integer=True)
    check_number("max_lag", max_lag, 1, integer=True)
    estimator, X = see_through(model, X)
    Y = check_y(y)[0] if not hasattr(estimator, "classes_") else np.empty((len(y), 0))
    dynamics = _traced(estimator, steps)
    _check_output(output, Y)
    row, key = _row(at, X, y, len(Y)), _the_series(estimator, X, y)
    X_seen, Z, rows, past = _rows_up_to(estimator, X, y, row, steps, start)
    names = _input_names(estimator, model), _names(y)
    frame = window(dynamics, X_seen, Z, past.memory, max_lag, steps)
    points, weights = np.polynomial.legendre.leggauss(NODES)
    nodes, weights = (1 + points) / 2, weights / 2
    nodes = np.r_[0.0, 1.0, nodes]
    weights = np.r_[0.0, 0.0, weights] if method == "integrated" else np.eye(len(nodes))[1]
    out, dx, dy = slopes(dynamics, frame, nodes, output)
    answer, slope = _in_units(estimator, key, out, output, _base(estimator, y, past, row, rows, steps))
    share = (weights * slope)[:, None, None]
    moved_x = (frame.x - frame.x0) * (share * dx).sum(axis=0)
    moved_y = (frame.y - frame.y0) * (share * dy).sum(axis=0)
    moved_y[len(moved_y) - steps :] = 0.0  # the net's own, whose causes have their shares
    table = np.hstack([_by_column(moved_x, dynamics, len(names[0])), moved_y])[::-1]
    table = table[: 1 + np.flatnonzero(np.any(table != 0, axis=1)).max(initial=0)]
    explanation = pd.DataFrame(table, pd.RangeIndex(len(table), name="lag"), [*names[0], *names[1]])
    explanation.attrs |= {
        "forecast": float(answer[1]),
        "baseline": float(answer[0]),
        "at": row,
        "steps": steps,
    }
    return explanation


def _input_names(estimator, model):
    """Name the columns of X that a model sees, without that of the series' keys."""
    n, keys = estimator._units().n_inputs, getattr(estimator, "series", None)
    for names in (getattr(estimator, "feature_names_in_", ()), _made_names(model)):
        names = [str(name) for name in names if keys is None or name != keys]
        if len(names) == n:
            return names
    return [f"x{j}" for j in range(n)]


def _traced(estimator, steps):
    """Return the dynamics of a model that can be explained; raise for others."""
    dynamics, name = estimator._dynamics(), type(estimator).__name__
    if not can_trace(dynamics):
        raise TypeError(
            f"{name} has no trained weights to trace a forecast back through, or convolution in front of them: ask "
            "lag_importance, which needs none."
        )
    if hasattr(estimator, "classes_"):
        raise TypeError(f"{name} tells classes, whose probabilities are no sum: explain a regressor.")
    dynamics.check_verb("explain")
    if steps > 1 and estimator.fitted_.units.looks_back:
        raise ValueError(
            f"steps={steps}: y is forecast by its differences, which are added up over the steps: give steps=1."
        )
    return dynamics


def _row(at, X, y, n):
    """Return the place of a row, given as a place or a stamp."""
    if isinstance(at, (Integral, np.integer)) and not isinstance(at, bool):
        if not -n <= at < n:
            raise ValueError(f"at={at!r} is no row of the {n} given: give {-n} ... {n - 1}, or a stamp.")
        return int(at) % n
    index = next((v.index for v in (X, y) if hasattr(v, "index")), None)
    try:
        place = None if index is None else index.get_level_values(-1).get_loc(at)
    except (KeyError, TypeError, ValueError):
        place = None
    if not isinstance(place, (Integral, np.integer)):
        raise ValueError(f"at={at!r} is no stamp of X or y: give one of their index, or the number of a row.")
    return int(place)


def _rows_up_to(estimator, X, y, row, steps, start):
    """Return the rows of the stretch that ends at ``row``, in the model's units, its first row, and the past before."""
    cut = [v if v is None else v.iloc[: row + 1] if hasattr(v, "iloc") else v[: row + 1] for v in (X, y)]
    X, Z, stretches, past = estimator._enter(*cut, start)
    first = stretches[-1].rows.start
    if first or stretches[-1].missing:
        past = past._replace(memory=estimator._dynamics().cold())
    if row + 1 - first < steps:
        raise ValueError(
            f"at={row} and steps={steps}: the forecast begins before the first row of its stretch, {first}: give more "
            "rows before it."
        )
    return X[first:], Z[first:], first, past


def _base(estimator, y, past, row, first, steps):
    """Return the levels (O,) that a change is added to."""
    units = estimator.fitted_.units
    if not units.looks_back:
        return np.zeros(units.n_outputs)
    U = units.target.levels(check_y(y)[0][first:row])
    levels = np.concatenate([past.levels if first == 0 else past.levels * np.nan, U])
    return units.target.base(units.known(levels[-units.looks_back :][None]))[0]


def _in_units(estimator, key, out, output, base):
    """Convert outputs (m,) to answers (m,) in the units of y; returns them and their slopes."""
    units = estimator.fitted_.units

    def answer(z):
        Z = np.zeros((len(z), units.n_outputs))
        Z[:, output] = z
        return units.inverse(base + units.y.inverse(Z), key)[:, output]

    return answer(out), (answer(out + SMALL) - answer(out - SMALL)) / (2 * SMALL)


def _by_column(moved, dynamics, n_names):
    """Sum moves (n, D') over the numbers that a column is embedded in, and its mask, to (n, F)."""
    symbols = (dynamics.plan if hasattr(dynamics, "plan") else dynamics.net).symbols
    if symbols is not None and symbols.columns:
        plan = symbols.plan()
        moved = np.stack([moved[:, p : p + max(e, 1)].sum(axis=1) for p, e, _ in plan], axis=1)
    D = moved.shape[1]
    return moved.reshape(len(moved), D // n_names, n_names).sum(axis=1) if n_names else moved[:, :0]


# ---------------------------------------------------------------------------------------- responses


def response(model, kind="step", *, input=0, size=None, at=None, n_rows=50):
    """Compute the response of a model to a step, or a pulse, of one input, from rest.

    Of a linear model the step response is its gain, row by row, and the impulse response its derivative; of others
    both depend on where the model rests and on the size.

    Parameters
    ----------
    model : fitted estimator of tsrnn, or Pipeline or search over one
    kind : {"step", "impulse"}, default="step"
        The input stays changed, or is changed for one row.
    input : int or str, default=0
        Which column of X, after the transformers of a pipeline.
    size : float, optional
        Of the change; one standard deviation of the input in training by default.
    at : array-like of shape (n_features,), optional
        The inputs at which the model rests; their means of training by default.
    n_rows : int, default=50
        How many rows to follow.

    Returns
    -------
    response : DataFrame indexed by rows since the change, a column an output
        The answer minus that without the change, in the units of y; ``attrs`` holds "size" and "input".

    Raises
    ------
    ValueError
        The model sees no inputs, or has none of that name.

    Examples
    --------
    >>> from tsrnn import ARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.diagnostics import response
    >>> X, y = make_narendra(700, random_state=0)
    >>> model = ARXRegressor(input_lags=1, output_lags=1).fit(X, y)
    >>> step, pulse = response(model, n_rows=9, size=1.0), response(model, "impulse", n_rows=9, size=1.0)
    >>> bool(abs(pulse.cumsum() - step).to_numpy().max() < 1e-8)
    True
    """
    check_word("kind", kind, ("step", "impulse"))
    check_number("n_rows", n_rows, 1, integer=True)
    estimator, _ = see_through(model, None)
    units, n = estimator._units(), estimator.n_features_in_
    if n == 0:
        raise ValueError(f"{type(estimator).__name__} was fitted without inputs: it answers to none.")
    names = _input_names(estimator, model)
    if input not in names and not (isinstance(input, Integral) and 0 <= input < n):
        raise ValueError(f"input={input!r} is no column of X: give 0 ... {n - 1}, or one of {names}.")
    j = names.index(input) if input in names else int(input)
    level = units.means[:n] if at is None else np.asarray(at, float)
    if level.shape != (n,):
        raise ValueError(
            f"at={at!r} has shape {level.shape}: give one number for each of the {n} columns of X."
        )
    size = float(np.atleast_1d(units.x.scale)[j]) if size is None else float(size)
    size = size if np.isfinite(size) else 1.0  # of an input that never moved
    X = np.tile(level, (SETTLED + n_rows, 1))
    changed = X.copy()
    changed[SETTLED : None if kind == "step" else SETTLED + 1, j] += size
    named = hasattr(estimator, "feature_names_in_")
    runs = [pd.DataFrame(v, columns=estimator.feature_names_in_) if named else v for v in (X, changed)]
    still, moved = (np.asarray(estimator.predict(v, start="cold"), float) for v in runs)
    answer = (moved - still)[SETTLED:].reshape(n_rows, -1)
    outputs = estimator.fitted_.form.y_names
    outputs = ["y"] if outputs is None and answer.shape[1] == 1 else outputs
    answers = pd.DataFrame(answer, pd.RangeIndex(n_rows, name="row"), outputs)
    answers.attrs |= {"size": size, "input": names[j]}
    return answers


def embedding(model, column=None):
    """Return the vectors a net has learnt for the categories of a column: similar categories are nearby.

    Parameters
    ----------
    model : fitted estimator of tsrnn that was given categories, or Pipeline or search over one
    column : str or int, optional
        Which column of X; the first that holds categories by default.

    Returns
    -------
    vectors : DataFrame indexed by category, a column a number
        :class:`~tsrnn.plotting.EmbeddingDisplay` draws them.

    Raises
    ------
    ValueError
        The model was given no categories, or that column holds none.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from tsrnn import GRURegressor
    >>> from tsrnn.diagnostics import embedding
    >>> day = np.resize(["Mon", "Tue", "Wed"], 90)
    >>> X = pd.DataFrame({"day": pd.Categorical(day)})
    >>> model = GRURegressor((4,), max_iter=5, random_state=0).fit(X, np.arange(90) % 3)
    >>> embedding(model, "day").index.tolist()
    ['Mon', 'Tue', 'Wed']
    """
    estimator, _ = see_through(model, None)
    words, dynamics = estimator._fitted().form.vocabulary, estimator._dynamics()
    net = getattr(dynamics, "plan", None) or getattr(dynamics, "net", None)
    if words is None or net is None or net.symbols is None:
        raise ValueError(
            f"{type(estimator).__name__} was given no categories: their columns hold strings, or are named."
        )
    names = [*map(str, words.labels)]
    if column is not None and str(column) not in names:
        raise ValueError(f"column={column!r} holds no categories: give one of {names}.")
    k = 0 if column is None else names.index(str(column))
    table = net.symbols.tables(dynamics.theta)[k][:-1]  # the last row is of what is unknown
    return pd.DataFrame(table.copy(), pd.Index(words.values[k], name=names[k]))
