"""What a fitted estimator shows of what it learnt: attributes, each read from ``fitted_``."""

from sklearn.utils.validation import NotFittedError, check_is_fitted

from .._series.choices import Lags


class Learnt:
    """Learnt attributes of a sequence estimator."""

    def __sklearn_is_fitted__(self):
        return "fitted_" in self.__dict__

    def _fitted(self):
        """Return what was learnt, read once by each verb; raise where nothing was."""
        try:
            return self.__dict__["fitted_"]
        except KeyError:
            check_is_fitted(self)
            raise

    def _trained(self):
        """Return the model and how it was learnt, for attributes."""
        if "fitted_" not in self.__dict__:
            name = type(self).__name__
            raise NotFittedError(
                f"This {name} is not fitted yet: call fit before reading what it has learnt."
            )
        return self.__dict__["fitted_"].trained

    def _dynamics(self):
        """Return the fitted model."""
        return self._trained().dynamics

    @property
    def theta_(self):
        """All parameters."""
        return self._dynamics().theta

    @property
    def lead_(self):
        """Rows of history that a forecast needs."""
        return self._dynamics().lead

    @property
    def lags_(self):
        """Lags of the inputs and of the outputs that are seen, those that were found where they are "auto"."""
        lags, skipping = self._net_lags(), getattr(self._dynamics(), "skipping", ((), ()))
        return Lags(*(tuple(sorted({*a, *b})) for a, b in zip(lags, skipping)))

    def _net_lags(self):
        """Return the ``Lags`` that the parameters stand for."""
        self._trained()
        if self.fitted_.lags is None:
            raise AttributeError(f"{type(self).__name__} has no lags.")
        return self.fitted_.lags

    @property
    def n_iter_(self):
        """Iterations run."""
        return self._trained().n_iter

    @property
    def loss_curve_(self):
        """Loss after each iteration."""
        return self._trained().loss_curve

    @property
    def validation_curve_(self):
        """Loss on the held rows after each iteration."""
        return self._trained().validation_curve

    @property
    def x_scaler_(self):
        """Center and scale of the inputs."""
        return self._units().x

    @property
    def y_scaler_(self):
        """Center and scale of y."""
        return self._units().y

    @property
    def n_outputs_(self):
        """Columns of y."""
        return self._units().n_outputs

    @property
    def stages_(self):
        """Stages of training: a tuple (name, iterations, why it stopped) of each."""
        return self._trained().stages

    @property
    def series_scales_(self):
        """Center and scale of the levels of each series, by its key, where each has its own."""
        scales = self._units().own
        if scales is None:
            raise AttributeError(
                f"{type(self).__name__} was fitted with one scale for all series: give scale='series'."
            )
        return scales

    @property
    def series_(self):
        """Where each series stands, by its key."""
        self._trained()
        return self.fitted_.series

    @property
    def state_(self):
        """The memory after the last row seen, of a model of one series."""
        return self._only().past.memory

    @property
    def timeline_(self):
        """First and last stamp of the rows seen and how they are spaced; None without times."""
        return self._only().timeline

    def _units(self):
        """Return how numbers become the model's, for attributes."""
        self._trained()
        return self.fitted_.units

    def _only(self):
        """Return the place of the one series."""
        places = self.series_
        if None not in places:
            raise AttributeError(f"{type(self).__name__} knows its series by name: look them up in series_.")
        return places[None]


class OfNet:
    """What a fitted net tells of itself."""

    @property
    def net_lags_(self):
        """Lags of the net alone."""
        return self._net_lags()

    @property
    def params_(self):
        """Weights and biases of each layer, in the scaled units of the net."""
        return self._dynamics().params
