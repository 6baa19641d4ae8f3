"""What a model carries from one row to the next."""

from typing import NamedTuple

import numpy as np

from .._values import kept


@kept("memory")
class Memory(NamedTuple):
    """The last rows of a series, X (lead, F) and Y (lead, O), finite, in the model's units; and states, if any."""

    X: np.ndarray
    Y: np.ndarray
    states: tuple = ()
