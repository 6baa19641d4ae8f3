"""One row in, one answer out: a fitted model, its units and one past, without a table.

The equations of a row, from the user's numbers to the user's, are laid out once for a compiled walk (``program.py``,
``compiled.py``).  A model that brings none, bounds that are columns of X, differences of a y that is
not known yet, and what is fed back from rest, are followed as ``predict`` does, row by row.
"""

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from .._nets.compiled import compiled, walk
from .._nets.memory import FromRest
from .._series.checks import check_order
from .._series.targets import MAX_FLOAT
from .._series.units import scaled_as
from .doubts import warn_of_units
from .following import follow
from .places import past_of
from .program import row_program
from .through import see_through


NUMBERS = frozenset((float, int, np.float64, np.int64))  # types of a y that need no second look
FIRST = 5  # rows, by which inputs in other units than training's are noticed
SIMPLE = NUMBERS | {str, bool, np.str_, np.bool_}  # and of a label that is what it is equal to


class Stream:
    """A fitted model that is given row after row, as they are measured.

    What ``predict`` does for rows that go on from training, one row at a time, in some microseconds. The model is not
    changed, and several streams may go on from one model; a stream itself is for one thread.

    Parameters
    ----------
    model : fitted estimator of tsrnn, or a search over one
        Of one y per row, that does not read series from their end.
    start : {"end", "cold", "zeros"}, default="end"
        Where it starts: after the last row that the model has seen, from the mean of training, or from zeros.
    series : key, optional
        Of several series, the one that goes on.

    Attributes
    ----------
    probabilities : ndarray of shape (n_classes,)
        Of the last row, from a classifier, in the order of ``classes_``.

    Raises
    ------
    ValueError, TypeError
        The model cannot go row by row, or is a Pipeline; ``start`` or ``series`` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import GRUClassifier, Stream
    >>> x = np.random.default_rng(0).normal(size=(600, 1))
    >>> y = np.where(x[:, 0] + np.roll(x[:, 0], 1) > 0, "up", "down")
    >>> model = GRUClassifier((8,), random_state=0).fit(x[:500], y[:500])
    >>> stream = Stream(model)
    >>> labels = [stream.step(row) for row in x[500:]]
    >>> bool((labels == model.predict(x[500:])).all())
    True
    """

    def __init__(self, model, start="end", series=None):
        self.model, _ = see_through(_without_transformers(model), None, "update")
        fitted = self.model._fitted()
        dynamics, units = fitted.trained.dynamics, fitted.units
        dynamics.check_verb("A stream")
        if dynamics.wide(1) > 1:
            raise ValueError(
                f"Each forecast of the model looks at known-ahead inputs of {dynamics.wide(1)} rows, but a stream "
                "gets one row at a time: fit one with strategy='direct', or without known_ahead."
            )
        self._past = past_of(fitted, series, start)
        self._fitted, self._last, self._out = fitted, None, None
        self._key, vocabulary = series, fitted.form.vocabulary
        self._first = []
        self._categories = [
            (column, {value: code for code, value in enumerate(values.tolist())})
            for column, values in (zip(*vocabulary[:2]) if vocabulary else ())
        ]
        self._labels = self._codes = self._targets = None
        classes = fitted.form.classes
        if classes is not None and not classes.several:
            self._labels, self._targets = classes.labels, classes.targets(np.arange(len(classes.labels)))
            self._codes = {label: code for code, label in enumerate(classes.labels.tolist())}
        self._plain = classes is None and not units.target.pointwise
        self._is_number = self._plain and fitted.form.y_ndim == 1
        self._waits = self._is_early()
        self._row = None if self._waits else self._compiled()
        self._view()

    def _is_early(self):
        """Return whether differences wait for a first y, or early outputs are held."""
        return bool(np.isnan(self._past.levels).any()) or isinstance(self._past.memory, FromRest)

    def _compiled(self):
        """Lay out the row for ``walk``; None where it has to be followed in Python."""
        dynamics, units = self._fitted.trained.dynamics, self._fitted.units
        varies = units.bounds is not None and units.bounds.has_columns  # low <= high is checked in each row
        if varies or units.own is not None or not np.isfinite(dynamics.theta).all():
            return None
        try:
            program = row_program(dynamics, units, self._past)
        except TypeError:  # it brings no equations
            return None
        is_complete = all(np.isfinite(rows).all() for rows in program.past.values())
        return compiled(program, units.missing != "error") if is_complete else None

    def _view(self):
        """Look into the numbers of the row."""
        row = self._row
        if row is not None:
            self._x, self._y, self._out_of_row = row.m[row.x], row.m[row.y], row.m[row.out]
            self._step = row.step, row.rings, row.index, row.m
            self._observe = row.observe, row.rings, row.index, row.m
            self._shape, self._is_told = self._x.shape, len(row.observe) > 0

    def __getstate__(self):
        views = {"_x", "_y", "_out_of_row", "_step", "_observe"}
        state = {name: value for name, value in self.__dict__.items() if name not in views}
        return state | {"_out": None if self._out is None else self._out.copy()}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._view()
        if self._row is not None and self._out is not None:
            self._out = self._out_of_row

    @property
    def probabilities(self):
        """Of the classes, after the last row."""
        if self._fitted.form.classes is None or self._out is None:
            raise AttributeError("probabilities exist for a classifier, after a step: call step(x) first.")
        return self.model._probabilities(self._fitted, self._out[None].copy())[0]

    # ---------------------------------------------------------------------------------- rows

    def step(self, x=(), y=None):
        """Return the answer to the next row.

        Parameters
        ----------
        x : array-like of shape (n_features,)
            Its inputs, none (or None) for a model of y alone.
        y : label, number or array-like of shape (n_outputs,), optional
            What was measured in this row, as ``observe(y)`` would give it after it: the answer does not depend on it.

        Returns
        -------
        y : label, or number, or ndarray of shape (n_outputs,)
            What ``predict`` would give for this row; with ``delay=d`` what belongs to the row d rows before.

        Raises
        ------
        ValueError
            x has another width, or a NaN that ``missing`` does not allow; or y is not of a kind with that of training;
            or one of them is a Series with its columns in another order.
        """
        x = () if x is None else x
        if self._row is None:
            return self._follow(x, y)
        x = self._numbers(x)
        self._x[:] = x if x.shape == self._shape else self._flat(x)
        if y is not None:
            self._tell(y)
        if not walk(*self._step):
            self._check_finite(self._x)
        self._out = self._out_of_row
        if y is not None and self._is_told:
            walk(*self._observe)
        return self._out.item() if self._is_number else self._answer()

    def observe(self, y):
        """Give the y measured in the row of the last ``step``: a model that sees past y goes on from it.

        Parameters
        ----------
        y : label, number or array-like of shape (n_outputs,)

        Raises
        ------
        ValueError
            There was no step before, or y is not of a kind with that of training.
        """
        if self._out is None:
            raise ValueError(
                "observe(y) gives the y of the last step's row, but there was no step: call step(x) first."
            )
        if self._row is None:
            self._advance(self._measured(y)[1])
            return
        self._tell(y)
        if self._is_told:
            walk(*self._observe)

    def _numbers(self, x):
        """Return a row as numbers."""
        if type(x) is pd.Series:
            check_order("x", x.index, getattr(self.model, "feature_names_in_", None))
        x = self._coded(x) if self._categories else x
        try:
            x = np.asarray(x, np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"x={x!r}: {error}. Give {self.model.n_features_in_} numbers.") from None
        if self._first is not None:
            self._look(x)
        return x

    def _look(self, x):
        """Keep one of the first rows; warn where they are in other units than those of training."""
        self._first.append(self._flat(x).copy())  # a caller may use one array for all rows
        if len(self._first) == FIRST:
            warn_of_units(self.model, self._fitted, np.array(self._first), name="x")
            self._first = None

    def _flat(self, x):
        """Return the values (F,) of a row."""
        x = x.ravel()
        if x.shape != (self.model.n_features_in_,):
            raise ValueError(
                f"x has {x.size} values, but the model is expecting {self.model.n_features_in_}."
            )
        return x

    def _coded(self, x):
        """Write the numbers of categories into a row (F,): strings are strings and numbers numbers, as in a frame."""
        x = self._flat(np.array(x, object))
        for column, codes in self._categories:
            code = codes.get(x[column])
            if code is None:  # missing, new, or of another kind
                return self._fitted.form.vocabulary.coded(x[None], self._fitted.units.missing != "error")[0]
            x[column] = code
        return x

    def _check_finite(self, x):
        """Raise where the values of a row are not allowed."""
        if not (np.isfinite(x).all() if self._fitted.units.missing == "error" else not np.isinf(x).any()):
            raise ValueError(
                f"x={x} is not finite: fill it in, or fit a model with missing='hold', 'mean' or 'mask'."
            )

    def _tell(self, y):
        """Write a measured y where ``walk`` finds it."""
        if self._plain and type(y) in NUMBERS and len(self._y) == 1 and abs(y) <= MAX_FLOAT:
            self._y[0] = y
            return
        if self._codes is not None and type(y) in SIMPLE:
            code = self._codes.get(y)
            if code is not None:
                self._y[:] = self._targets[code]
                return
        self._y[:] = self._measured(y)[0][0]

    def _measured(self, y):
        """Read a measured y, (1, O), NaN where unknown; returns it and its levels."""
        if type(y) is pd.Series:
            check_order("y", y.index, self._fitted.form.y_names)
        y = pd.Series([y]) if np.ndim(y) == 0 else np.asarray(y)[None]
        Y, _ = self.model._check_y(y, self._fitted)
        units = self._fitted.units
        return Y, scaled_as(units.target.levels(Y), units.own, self._key)

    def _answer(self):
        """Convert the last forecast to the user's form: y or probabilities (O,)."""
        out, form = self._out, self._fitted.form
        if self._labels is not None:
            code = int(out[0] > 0.5) if out.size == 1 else out.argmax()  # as in ``labels.py``
            return self._labels[code]
        if form.classes is not None:
            return form.classes.decoded(out[None])[0]
        y = out.copy() if self._plain else np.clip(out, -MAX_FLOAT, MAX_FLOAT)
        return y.item() if form.y_ndim == 1 else y

    # ---------------------------------------------------------------------------------- rows that are followed

    def _follow(self, x, y):
        """Follow one row in Python, and y if given; returns the answer."""
        if self._waits and not self._is_early():
            self._waits, self._row = False, self._compiled()
            self._view()
            return self.step(x, y)
        units = self._fitted.units
        x = self._flat(self._numbers(x))
        self._check_finite(x)
        levels = None if y is None else self._measured(y)[1]
        self._last = (
            self._past,
            units.inputs(self.model._with_model_inputs(x[None].copy(), ()), self._past.inputs),
        )
        U = self._advance(np.full((1, units.n_outputs), np.nan))
        self._out = U[0] if self._fitted.form.classes is not None else units.inverse(U, self._key)[0]
        answer = self._answer()
        if levels is not None:
            self._advance(levels)
        return answer

    def _advance(self, U):
        """Follow the last row, of levels U (1, O), NaN where unknown; what is forecast of it, (1, O)."""
        fitted, (past, inputs) = self._fitted, self._last
        followed = follow(fitted.trained.dynamics, fitted.units, inputs, U, past)
        self._past = followed.after
        return followed.out


def _without_transformers(model, name="model"):
    """Return what a search found, or the last step of a Pipeline that transforms nothing."""
    if hasattr(model, "best_estimator_"):
        return _without_transformers(model.best_estimator_, f"{name}.best_estimator_")
    if not isinstance(model, Pipeline):
        return model
    if any(step is not None and step != "passthrough" for _, step in model.steps[:-1]):
        raise TypeError(
            f"{name} is a Pipeline, whose transformers take tables: give its last step, Stream({name}[-1]), and let it "
            f"step over the rows of {name}[:-1].transform(X)."
        )
    return _without_transformers(model[-1], f"{name}[-1]")
