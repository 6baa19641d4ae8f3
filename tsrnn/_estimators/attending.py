"""What a model of whole series with ``pooling="attention"`` looks at."""

from .._series.rows import gather
from .input_checks import as_wide_as, check_inputs


class Attending:
    """The verb of estimators that may learn how much each row counts."""

    def attention_weights(self, X, groups=None):
        """Return the weight of each row in the answer to its series, of a model with ``pooling="attention"``.

        The answer is the mean of the net's outputs over rows, with these weights [1]_. They show where the net looks,
        which need not be where the cause is: the output of a net with a state also depends on earlier rows.

        Parameters
        ----------
        X, groups : as for ``predict``

        Returns
        -------
        weights : list of ndarray of shape (n_timesteps,)
            For each series, of sum 1.

        Raises
        ------
        ValueError
            The model was not fitted to one y per series with ``pooling="attention"``, or X does not fit it.

        References
        ----------
        .. [1] D. Bahdanau, K. Cho, Y. Bengio. "Neural machine translation by jointly learning to align and translate."
           ICLR 2015.
        """
        fitted = self._fitted()
        dynamics, units = fitted.trained.dynamics, fitted.units
        if getattr(dynamics, "pooling", None) != "attention":
            raise ValueError(
                "attention_weights needs a model that was fitted with pooling='attention' to one y per series; this "
                f"one has pooling={self.pooling!r} and one y per {'series' if fitted.form.whole else 'row'}. Fit it "
                "again that way."
            )
        table = gather(X, None, None, groups, self.series)
        X = as_wide_as(fitted, check_inputs(self, table.X, None, reset=False))
        parts = table.of(X, None, None).parts
        return [dynamics.attention(units.inputs(X[part.rows], units.means).z) for part in parts]
