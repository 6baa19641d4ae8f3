"""What moved one forecast, what a step of an input does, what a net has learnt about categories."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
import pandas as pd

from .._check import check_number, check_word
from .._estimators.following import check_horizon
from .._estimators.input_checks import as_wide_as, check_inputs
from .._estimators.snapshots import snapshot
from .._estimators.through import see_through
from .._nets.attribution import Pick, can_trace, column, cut_window, felt, moves, values, whole_window
from .._nets.horizons import HALF, Horizons
from .._nets.pooled import Pooled
from .._nets.symbols import symbols_of
from .._series.checks import check_y, column_names
from .._series.labels import shares
from .._series.rows import gather
from .._series.units import scaled_as
from ._arguments import check_output, input_names, only_key, output_names


FAR = 256  # rows that a net with a state is traced back over
SMALL = 1e-6  # standard deviations, of a change that a transformed target is differentiated by
SETTLED = 300  # rows in which a model comes to rest


def explain(model, X, y=None, at=-1, *, steps=1, output=None, method="integrated", max_lag=FAR, start=None):
    """Explain one forecast: by how much each input and past output moved it, lag by lag, in the units of y.

    Exact, by the gradient back through time, where others sample: the numbers add up to the forecast minus a baseline,
    which is the forecast had all of them been at their means of training. For :func:`lag_importance` many rows are
    changed one after the other; this is of one forecast.

    Parameters
    ----------
    model : fitted estimator of tsrnn with trained weights, or Pipeline or search over one
        ARX, TDNN, NARX, Elman, LSTM, GRU and their kin, with convolution in front or not, echo state networks,
        classifiers of all these, encoder-decoders, and a Forecaster around any of them; also where they give one answer
        to a whole series. Of a pipeline the columns are those after its transformers.
    X, y : as for :func:`diagnose`
        One series; the rows up to the one that is forecast, at least. Of a model of whole series X alone, one series or
        many.
    at : int, stamp or key, default=-1
        The row that is forecast; of a model of whole series, which of them, by its place or key.
    steps : int, default=1
        How far ahead: the last measured y is that of ``steps`` rows before. Of a Forecaster, the step of its horizon.
    output : int or label, optional
        Which column of y, by default the first; of a classifier which class, by default the most probable one. Its
        probability is explained, and the numbers add up to it minus that of the baseline.
    method : {"integrated", "gradient"}, default="integrated"
        Integrated gradients [1]_ from the means to what was seen, or the gradient where it was seen times the distance
        from the mean, which does not add up where the model bends.
    max_lag : int, default=256
        A net with a state is traced back over that many rows; what lies before is part of the baseline. Of a net that
        reads a series as a whole all rows count.
    start : optional
        As for ``predict``.

    Returns
    -------
    explanation : DataFrame indexed by lag 0, 1 ..., a column an input, those of y last
        What each moved the forecast by; of a Forecaster lag 0 is the row that is forecast, and inputs known ahead of
        later rows have negative lags; of a whole series the index is its row. ``attrs`` holds "forecast", "baseline",
        "at" and "steps", and as "gap" what the sum misses: hardly anything, but for nets with corners (relu, the
        largest value of a pool), of which it is a hundredth at most, as a rule far less. Of a y whose differences are
        forecast the baseline begins at the same last level; bounds of y are left out.

    Raises
    ------
    TypeError
        The model has no gradient to trace: trees and other regressors on lags, a blend, a naive forecast. Their
        :func:`lag_importance` is found without. Or it writes sequences of symbols, whose ``attention_weights`` tell.
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
    request = Request(steps, output, method, max_lag, start)
    dynamics, is_classifier = _traced(estimator, steps), hasattr(estimator, "classes_")
    names, key = [input_names(estimator, model, estimator._units().n_inputs), []], None
    if isinstance(dynamics, Pooled):
        row, table, known = _series_moves(estimator, X, at, request)
    else:
        if y is None:
            raise ValueError("y is None: give the y of the rows of X, NaN where it is not known.")
        n, key = len(y), only_key(estimator, X, y)
        estimator = _with_scale(estimator, X, y, start)
        names[1] = _label_names(y) if is_classifier else output_names(y)
        row = _row(at, X, y, n)
        explain_row = _horizon_moves if isinstance(dynamics, Horizons) else _row_moves
        table, known = explain_row(estimator, (X, y, key), row, request)
    table.columns = [*names[0], *names[1]]
    table.attrs |= {
        "forecast": known.answer,
        "baseline": known.baseline,
        "at": row,
        "steps": steps,
        "gap": known.gap,
    }
    return table


class Request(NamedTuple):
    """What is asked for, as the arguments of ``explain`` say."""

    steps: int
    output: object
    method: str
    max_lag: int
    start: object


def _row_moves(estimator, data, row, request):
    """Explain a row of data (X, y, key of the series); returns a frame of moves by lag, and the ``Moves``."""
    dynamics, (X, y, key), steps = estimator._dynamics(), data, request.steps
    late = estimator._units().delay
    until = len(y) if not dynamics.goes_on else min(row + late + 1, len(y))
    X, Z, first, past = _rows_up_to(estimator, X, y, row, until, steps, request.start)
    o, n_free = row - first, steps
    if late:  # the answer is given so many rows later; where there are none, the last one goes on
        o, n_free = o + late, 1
        X, Z = (np.concatenate([v, np.repeat(v[-1:], max(0, o + 1 - len(v)), axis=0)]) for v in (X, Z))
    frame = cut_window(dynamics, X, Z, past.memory, request.max_lag, n_free, -1 if dynamics.goes_on else o)
    base = _base(estimator, y, past, key, row, first)
    pick, answer = _asked(estimator, dynamics, frame, request.output, key, base)
    known = moves(dynamics, frame, pick, answer, request.method)
    table = np.hstack(
        [_by_column(known.x, dynamics, estimator._units().n_inputs), _by_output(known.y, estimator)]
    )
    lags = (len(frame.fed) - 1 if dynamics.goes_on else o) - late - np.arange(len(table)) + frame.lead
    table = pd.DataFrame(table, pd.Index(lags, name="lag"))[::-1]
    shown = np.flatnonzero(np.any(table != 0, axis=1) | (table.index == 0))
    return table.iloc[shown[0] : shown[-1] + 1], known


def _series_moves(estimator, X, at, request):
    """Explain the answer to a series; returns its place, a frame of moves by row, and the ``Moves``."""
    if request.steps != 1 or request.start is not None:
        raise ValueError("A whole series has one answer: leave out steps and start.")
    fitted, dynamics = estimator._fitted(), estimator._dynamics()
    table = gather(X, None, None, None, estimator.series)
    keys = [part.key for part in table.parts]
    n, place = len(keys), keys.index(at) if at in keys else at
    if not isinstance(place, (Integral, np.integer)) or isinstance(place, bool) or not -n <= place < n:
        raise ValueError(f"at={at!r} is none of the {n} series of X: give {-n} ... {n - 1}, or a key.")
    part, units = table.parts[place], fitted.units
    X = as_wide_as(fitted, check_inputs(estimator, table.X, None, reset=False))
    frame = whole_window(dynamics, units.inputs(X[part.rows], units.means).z)
    base = np.zeros(dynamics.n_outputs)
    pick, answer = _asked(estimator, dynamics, frame, request.output, part.key, base)
    known = moves(dynamics, frame, pick, answer, request.method)
    rows = _by_column(known.x, dynamics, estimator._units().n_inputs)[frame.lead :]
    return int(place) % n, pd.DataFrame(rows, pd.RangeIndex(len(rows), name="row")), known


def _asked(estimator, dynamics, frame, output, key, base):
    """Return the ``Pick`` of an output, a column of y or a class, and what makes answers and slopes of its values.

    base : (O,), the levels that a change is added to.
    """
    if hasattr(estimator, "classes_"):  # probabilities are the answers
        return _of_class(estimator, dynamics, frame, output), lambda out: (out, np.ones_like(out))
    output = _which_column(dynamics, output)
    return column(output, dynamics.n_outputs), _in_units(estimator, key, output, base)


def _which_column(dynamics, output):
    """Return which column of y is asked for, the first by default."""
    output = 0 if output is None else output
    check_output(output, np.empty((0, dynamics.n_outputs)))
    return output


# ---------------------------------------------------------------------------------------- classes


def _of_class(estimator, dynamics, frame, label):
    """Return the ``Pick`` of the probability of a class: of a label or, without one, of the most probable class."""
    classes = estimator.fitted_.form.classes
    names, O = classes.labels.tolist(), dynamics.n_outputs

    def probabilities(z):
        return classes.probabilities(_scores(estimator, z)[0])

    if label is None:
        seen = values(dynamics, frame, Pick(lambda z: z.copy(), np.zeros_like))
        k = int(np.argmax(probabilities(seen)[0]))
    elif label in names:
        k = names.index(label)
    else:
        raise ValueError(f"output={label!r} is none of the classes {names}: give one of them.")

    def gradient(z):
        U, inner = _scores(estimator, z)
        if classes.link == "softmax":
            return inner * U[:, [k]] * (np.eye(O)[k] - U)
        sign = -1.0 if O == 1 and k == 0 and not classes.several else 1.0
        slope = np.zeros_like(U)
        o = 0 if O == 1 else k
        slope[:, o] = sign * inner * U[:, o] * (1 - U[:, o])
        return slope

    return Pick(lambda z: probabilities(z)[:, k], gradient)


def _label_names(y):
    """Name labels as history: one column, or those of several labels per row."""
    if np.ndim(y) == 2 and np.shape(y)[1] > 1:
        names = column_names(y)
        return list(map(str, (f"y{k}" for k in range(np.shape(y)[1])) if names is None else names))
    return [str(getattr(y, "name", None) or "y")]


def _scores(estimator, z):
    """Convert outputs (m, O) to shares of the classes, (m, O); returns them and how many times their logits are z."""
    classes, link = estimator.fitted_.form.classes, estimator.fitted_.units.y
    if link.word == "identity":  # a readout estimates targets; see ``ESNClassifier``
        b = classes.sharpness
        return shares(classes.link, b * (2 * z - 1)), 2 * b
    return link.inverse(z), 1.0


def _by_output(moved, estimator):
    """Sum moves (n, O') over the numbers of a label, or over y and past forecasts of it, to a column each."""
    if not hasattr(estimator, "classes_"):
        O = estimator._dynamics().n_outputs
        return moved.reshape(len(moved), -1, O).sum(axis=1)
    return moved if estimator.fitted_.form.classes.several else moved.sum(axis=1, keepdims=True)


# ---------------------------------------------------------------------------------------- horizons


def _horizon_moves(estimator, data, row, request):
    """Explain a step of a ``Forecaster``, as ``_row_moves``."""
    dynamics, (X, y, key), steps = estimator._dynamics(), data, request.steps
    layout = dynamics.layout
    check_horizon(dynamics, steps)
    k, at = next(
        (k, (horizon.steps.tolist().index(steps), horizon.quantiles))
        for k, horizon in enumerate(layout.horizons)
        if steps in horizon.steps and (horizon.quantiles is None or HALF in horizon.quantiles)
    )
    horizon, member = layout.horizons[k], dynamics.members[k]
    until = max(row, row - steps + horizon.ahead.max(initial=0)) + 1
    if until > len(y):
        raise ValueError(
            f"at={row} and steps={steps}: the forecast looks at inputs known ahead up to row {until - 1}, but there "
            f"are {len(y)} rows: give more, or an earlier row."
        )
    X, Z, first, past = _rows_up_to(estimator, X, y, row, until, steps, request.start)
    n, o = len(past.memory.Y), row - first - steps + 1  # rows up to the origin
    out, _ = dynamics.run(X[:o], Z[:o], past.memory)
    X = np.concatenate([past.memory.X, X])
    Y = np.concatenate([past.memory.Y, np.where(np.isnan(Z[:o]), out, Z[:o])])
    rows = np.arange(layout.lead - 1, n + o)
    features = member.x(layout.features(horizon, X, Y, rows))
    unknown = np.full((len(rows), member.dynamics.n_outputs), np.nan)
    frame = cut_window(member.dynamics, features, unknown, past.memory.states[k], request.max_lag, 1)
    output = _which_column(dynamics, request.output)
    levels = 1 if at[1] is None else len(at[1])
    c = (at[0] * layout.n_outputs + output) * levels + (0 if at[1] is None else at[1].index(HALF))
    center, scale = (np.broadcast_to(v, unknown.shape[1:])[c] for v in member.y)
    inner = _in_units(estimator, key, output, _base(estimator, y, past, key, row, first))

    def answer(out):
        answers, slope = inner(center + scale * out)
        return answers, slope * scale

    known = moves(member.dynamics, frame, column(c, unknown.shape[1]), answer, request.method)
    ages = steps + np.arange(len(known.x))[::-1]  # of the origin of each row of z
    return _by_lag(layout, horizon, known.x, ages, estimator._units().n_inputs), known


def _by_lag(layout, horizon, moved, ages, F):
    """Sum moves (n, .) of features z over the rows that they stand for: a frame by lag, a column an input or y."""
    D, ahead = len(layout.is_ahead), np.flatnonzero(layout.is_ahead)
    blocks = (
        (np.flatnonzero(~layout.is_ahead), layout.x_back),
        (ahead, horizon.ahead),
        (D + np.arange(layout.n_outputs), layout.y_back),
    )
    cells = [(which, back) for columns, offsets in blocks for back in offsets for which in columns]
    lags = np.concatenate([ages - back for _, back in cells]) if cells else np.zeros(1, int)
    first = lags.min()
    table = np.zeros((lags.max() - first + 1, D + layout.n_outputs))
    for j, (which, back) in enumerate(cells):
        np.add.at(table[:, which], ages - back - first, moved[:, j])
    if D:
        x = table[:, :D].reshape(len(table), D // F, F).sum(axis=1)
        table = np.hstack([x, table[:, D:]])
    frame = pd.DataFrame(table, pd.RangeIndex(first, first + len(table), name="lag"))
    shown = np.flatnonzero(np.any(table != 0, axis=1))
    return frame.iloc[: 1 + shown.max(initial=0)]


# ---------------------------------------------------------------------------------------- rows


def _traced(estimator, steps):
    """Return the dynamics of a model that can be explained; raise for others."""
    name = type(estimator).__name__
    if hasattr(estimator, "symbols_"):
        raise TypeError(
            f"{name} writes sequences of symbols, drawing each and reading it again, so there is no number that "
            "gradients could add up to: its attention_weights show what it looked at."
        )
    dynamics = estimator._dynamics()
    nets = [m.dynamics for m in dynamics.members] if isinstance(dynamics, Horizons) else [dynamics]
    if not all(map(can_trace, nets)):
        raise TypeError(
            f"{name} has no gradient along which a forecast could be traced back, as a net has: use lag_importance, "
            "which needs none."
        )
    if steps > 1 and hasattr(estimator, "classes_") and dynamics.sees_y:
        raise ValueError(f"steps={steps}: {name} is fed its own probabilities between: give steps=1.")
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


def _rows_up_to(estimator, X, y, row, until, steps, start):
    """Return the rows of the stretch of ``row``, before ``until``, in the model's units, the first, the past before."""
    cut = [v if v is None else v.iloc[:until] if hasattr(v, "iloc") else v[:until] for v in (X, y)]
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


def _with_scale(estimator, X, y, start):
    """Return the estimator, a copy that knows the scale of the series where each has its own."""
    fitted = estimator._fitted()
    if fitted.units.own is None:
        return estimator
    table = estimator._check_rows(fitted, X, y, None)
    scaled = snapshot(estimator)
    scaled.fitted_ = estimator._with_new_scales(fitted, table, estimator.start if start is None else start)
    return scaled


def _base(estimator, y, past, key, row, first):
    """Return the levels (O,) that a change is added to."""
    units = estimator.fitted_.units
    if not units.looks_back:
        return np.zeros(units.n_outputs)
    U = scaled_as(units.target.levels(check_y(y)[0][first:row]), units.own, key)
    levels = np.concatenate([past.levels if first == 0 else past.levels * np.nan, U])
    return units.target.base(units.known(levels[-units.looks_back :][None]))[0]


def _in_units(estimator, key, output, base):
    """Return what converts outputs (m,) to answers (m,) in the units of y, and gives their slopes."""
    units = estimator.fitted_.units

    def level(z):
        Z = np.zeros((len(z), units.n_outputs))
        Z[:, output] = z
        return units.inverse(base + units.y.inverse(Z), key)[:, output]

    return lambda out: (level(out), (level(out + SMALL) - level(out - SMALL)) / (2 * SMALL))


def _by_column(moved, dynamics, n_names):
    """Sum moves (n, D') over the numbers that a column is embedded in, and its mask, to (n, F)."""
    symbols = symbols_of(dynamics)
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
        The inputs at which the model rests; by default their means of training, and unknown categories.
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
    estimator, _ = see_through(model, None, "trajectories")
    estimator, fitted = snapshot(estimator), estimator._fitted()
    units, n, vocabulary = fitted.units, estimator.n_features_in_, fitted.form.vocabulary
    if fitted.form.whole:
        fitted.trained.dynamics.check_verb("response")
    if n == 0:
        raise ValueError(
            f"{type(estimator).__name__} was fitted without inputs, so there is none to respond to."
        )
    names = input_names(estimator, model, units.n_inputs)
    if input not in names and not (isinstance(input, Integral) and 0 <= input < n):
        raise ValueError(f"input={input!r} is not a column of X: give 0 ... {n - 1}, or one of {names}.")
    j = names.index(input) if input in names else int(input)
    if vocabulary is not None:  # rows have codes already
        if j in vocabulary.columns:
            raise ValueError(
                f"input={input!r} holds categories, which take no steps: give another of {names}."
            )
        at = None if at is None else vocabulary.coded(np.array([at], object), False)[0]
        estimator.fitted_ = fitted._replace(form=fitted.form._replace(vocabulary=None))
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
    outputs = fitted.form.y_names
    outputs = ["y"] if outputs is None and answer.shape[1] == 1 else outputs
    answers = pd.DataFrame(answer, pd.RangeIndex(n_rows, name="row"), outputs)
    answers.attrs |= {"size": size, "input": names[j]}
    return answers


def embedding(model, column=None):
    """Return places of the categories of a column, or of labels, as a net sees them: what it treats alike is near.

    A net knows a category by a learnt vector, and that only through its first weights, whatever reads it: places are
    what those make of it, along the main directions. Two categories far apart move the net to other states.

    Parameters
    ----------
    model : fitted estimator of tsrnn that was given categories or sees past labels, or Pipeline or search over one
    column : str or int, optional
        Which column of X, or the name of y, "y" without one, for labels that the net sees as history, such as the
        letters of a text. The first that holds categories by default.

    Returns
    -------
    places : DataFrame indexed by category, a column a direction
        Those in which they differ most first. :class:`~tsrnn.plotting.EmbeddingDisplay` draws them.

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
    >>> model = GRURegressor((4,), max_iter=5, random_state=0).fit(X, np.resize([5.0, 1.0, 2.0], 90))
    >>> embedding(model, "day").index.tolist()
    ['Mon', 'Tue', 'Wed']
    """
    estimator, _ = see_through(model, None)
    form, dynamics = estimator._fitted().form, estimator._dynamics()
    symbols = symbols_of(dynamics)
    if symbols is None:
        raise ValueError(
            f"{type(estimator).__name__} was given no categories, whose columns hold strings, and sees no past labels."
        )
    tables = {}
    if symbols.columns:
        tables = {str(name): (k, form.vocabulary.values[k]) for k, name in enumerate(form.vocabulary.labels)}
    if symbols.labels:
        y_name = next((name for name in form.y_names or () if name is not None), "y")
        tables.setdefault(str(y_name), (None, estimator.classes_))
    if column is not None and str(column) not in tables:
        raise ValueError(f"column={column!r} holds no categories: give one of {[*tables]}.")
    name = next(iter(tables)) if column is None else str(column)
    k, categories = tables[name]
    V = felt(dynamics, k)
    U, sizes, _ = np.linalg.svd(V - V.mean(axis=0), full_matrices=False)
    n = max(1, int((sizes > 1e-9 * sizes.max(initial=0)).sum()))
    return pd.DataFrame((U * sizes)[:, :n], pd.Index(categories, name=name))
