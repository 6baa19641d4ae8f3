"""The public models, small: so that a new one is in the tables of the tests without being named there."""

from sklearn.base import MetaEstimatorMixin

import tsrnn
from tsrnn._estimators.regressor import SequenceRegressor


PUBLIC = [
    kind
    for kind in map(vars(tsrnn).get, tsrnn.__all__)
    if isinstance(kind, type)
    and issubclass(kind, SequenceRegressor)
    and not issubclass(kind, MetaEstimatorMixin)  # has tests of its own
]
SMALL = {
    "hidden_layer_sizes": (3,),
    "n_reservoir": 12,
    "max_iter": 2,
    "early_stopping": False,
    "r_max": 0.9,  # a memory that a few rows wipe out
    "random_state": 0,
}


def small(kind, **settings):
    """A model with those settings that it has."""
    given = SMALL | settings
    return kind(**{name: value for name, value in given.items() if name in kind().get_params()})


def others(known, **settings):
    """Small public models by name, but those of which there is one among ``known``."""
    seen = {type(model) for model in known}
    return {
        kind.__name__.removesuffix("Regressor"): small(kind, **settings)
        for kind in PUBLIC
        if kind not in seen
    }
