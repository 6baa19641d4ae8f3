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


def constant(x, y, n, states=()):
    """The memory after n rows that all were x (D,), y (O,)."""
    return Memory(np.tile(x, (n, 1)), np.tile(y, (n, 1)), tuple(states))


def moved_on(memory, X, Y, states=()):
    """The memory after rows X (N, D), Y (N, O), finite, that follow it."""
    n = len(memory.Y)
    X, Y = np.concatenate([memory.X, X]), np.concatenate([memory.Y, Y])
    return Memory(X[len(X) - n :], Y[len(Y) - n :], states)
