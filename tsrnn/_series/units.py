"""From the user's numbers to the model's and back."""

from typing import NamedTuple

import numpy as np


class Series(NamedTuple):
    """One series in the model's units.

    X : (N, F).   Y : (N, O), NaN where unknown.   w : (N,), weights.   held : (N,) bool, validation rows.
    """

    X: np.ndarray
    Y: np.ndarray
    w: np.ndarray
    held: np.ndarray
