"""What a fitted estimator shows of what it learnt: attributes, each read from ``fitted_``."""

from operator import attrgetter

from sklearn.utils.validation import check_is_fitted

from .._series.choices import Lags


def shown(path, text):
    """Make a property of an estimator that reads a path, such as "trained.n_iter", of what it learnt."""
    read = attrgetter(path)
    return property(lambda self: read(self._fitted()), doc=text)


class HasFitted:
    """An estimator all of whose learning is one value, ``fitted_``."""

    def __sklearn_is_fitted__(self):
        return "fitted_" in self.__dict__

    def _fitted(self):
        """Return what was learnt, read once by each verb; raise where nothing was."""
        try:
            return self.__dict__["fitted_"]
        except KeyError:
            check_is_fitted(self)
            raise


class Learnt(HasFitted):
    """Learnt attributes of a sequence estimator."""

    def _trained(self):
        """Return the model and how it was learnt."""
        return self._fitted().trained

    def _dynamics(self):
        """Return the fitted model."""
        return self._fitted().trained.dynamics

    def _units(self):
        """Return how numbers become the model's."""
        return self._fitted().units

    theta_ = shown("trained.dynamics.theta", "All parameters.")
    params_ = shown(
        "trained.dynamics.params", "What was learnt, by its parts, in scaled units: see the class."
    )
    lead_ = shown("trained.dynamics.lead", "Rows of history that a forecast needs.")
    n_iter_ = shown("trained.n_iter", "Iterations run.")
    loss_curve_ = shown("trained.loss_curve", "Loss after each iteration.")
    validation_curve_ = shown("trained.validation_curve", "Loss on the held rows after each iteration.")
    stages_ = shown("trained.stages", "Stages of training: (name, iterations, why it stopped) of each.")
    x_scaler_ = shown("units.x", "Center and scale of the inputs.")
    y_scaler_ = shown("units.y", "Center and scale of y.")
    n_outputs_ = shown("units.n_outputs", "Columns of y.")
    series_ = shown("series", "Where each series stands, by its key.")

    @property
    def lags_(self):
        """Lags of the inputs and of the outputs that are seen, those that were found where they are "auto"."""
        lags, skipping = self._net_lags(), getattr(self._dynamics(), "skipping", ((), ()))
        return Lags(*(tuple(sorted({*a, *b})) for a, b in zip(lags, skipping)))

    def _net_lags(self):
        """Return the ``Lags`` that the parameters stand for."""
        lags = self._fitted().lags
        if lags is None:
            raise AttributeError(f"{type(self).__name__} has no lags.")
        return lags

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
    def state_(self):
        """The memory after the last row seen, of a model of one series."""
        return self._only().past.memory

    @property
    def timeline_(self):
        """First and last stamp of the rows seen and how they are spaced; None without times."""
        return self._only().timeline

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
