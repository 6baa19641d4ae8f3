"""One row in, one answer out: a fitted model, its units and one past, without a table."""

import numpy as np
import pandas as pd

from .following import cold_past, follow, zero_past
from .sequence import place_of
from .through import inside


class Stream:
    """A fitted model that is given row after row, as they are measured.

    What ``predict`` does for rows that go on from training, one row at a time. The model is not changed, and several
    streams may go on from one model.

    Parameters
    ----------
    model : fitted estimator of tsrnn, or a search over one
        Of a y a row, that does not read series from their end.
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
    ValueError
        The model cannot go row by row, or ``start`` or ``series`` is unknown.

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
        self.model, _ = inside(model)
        fitted = self.model._fitted()
        dynamics, units = fitted.trained.dynamics, fitted.units
        dynamics.check_verb("A stream")
        starts = {"cold": cold_past, "zeros": zero_past}
        if start == "end":
            place = place_of(fitted, series)
            if place is None:
                raise ValueError(
                    f"series={series!r} was not seen in training: give one of {list(fitted.series)}."
                )
            self._past = place.past
        elif start in starts:
            self._past = starts[start](dynamics, units)
        else:
            raise ValueError(f"start={start!r} is unknown: give 'end', 'cold' or 'zeros'.")
        self._fitted, self._last = fitted, None
        self._unknown = np.full((1, units.n_outputs), np.nan)

    def step(self, x=()):
        """The answer to the next row.

        Parameters
        ----------
        x : array-like of shape (n_features,)
            Its inputs, none for a model of y alone.

        Returns
        -------
        y : label, or number, or ndarray of shape (n_outputs,)
            What ``predict`` would give for this row; with ``delay=d`` what belongs to the row d rows before.

        Raises
        ------
        ValueError
            x has another width, or a NaN that ``missing`` does not allow.
        """
        fitted = self._fitted
        units = fitted.units
        X = np.array(x, np.float64).reshape(1, -1)
        if X.shape[1] != units.n_inputs:
            raise ValueError(f"x has {X.shape[1]} values, but the model is expecting {units.n_inputs}.")
        if not (np.isfinite(X).all() if units.missing == "error" else not np.isinf(X).any()):
            raise ValueError(
                f"x={X[0]} is not finite: fill it, or fit a model with missing='hold' or the like."
            )
        inputs = units.inputs(X, self._past.inputs)
        self._last = self._past, inputs
        return self._answer(self._advance(self._unknown))

    def observe(self, y):
        """Tell what y was in the row of the last ``step``: a model that sees past y goes on from that.

        Parameters
        ----------
        y : label, number or array-like of shape (n_outputs,)

        Raises
        ------
        ValueError
            There was no step before, or y is not of a kind with that of training.
        """
        if self._last is None:
            raise ValueError(
                "observe(y) tells the y of the row of the last step, but there was none: call step(x)."
            )
        y = pd.Series([y]) if np.ndim(y) == 0 else np.asarray(y)[None]
        Y, _ = self.model._check_y(y, self._fitted)
        self._advance(self._fitted.units.target.levels(Y))

    def _advance(self, U):
        """Follow the last row, of levels U (1, O), NaN where unknown; what is forecast of it, (1, O)."""
        fitted, (past, inputs) = self._fitted, self._last
        followed = follow(fitted.trained.dynamics, fitted.units, inputs, U, past)
        self._past = followed.after._replace(inputs=inputs.filled[-1, : fitted.units.n_inputs])
        return followed.out

    def _answer(self, U):
        """What the user gets of levels U (1, O)."""
        form = self._fitted.form
        if form.classes is not None:
            self.probabilities = self.model._probabilities(self._fitted, U)[0]
            return form.classes.decoded(U)[0]
        y = self._fitted.units.target.inverse(U)[0]
        return float(y[0]) if form.y_ndim == 1 else y
