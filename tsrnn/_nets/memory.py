"""The memory of a model: past rows and states."""

from typing import NamedTuple

import numpy as np

from .._values import kept


@kept("memory")
class Memory(NamedTuple):
    """The last rows of a series, X (lead, D), Y (lead, O), finite, in the model's units; and recurrent states."""

    X: np.ndarray
    Y: np.ndarray
    states: tuple = ()


@kept("memory from rest")
class FromRest(NamedTuple):
    """A ``Memory`` that was at rest a few rows ago.   left : rows until the states are like those of training."""

    X: np.ndarray
    Y: np.ndarray
    states: tuple
    left: int


def constant(x, y, n, states=()):
    """Return the memory after n constant rows x (D,), y (O,)."""
    return Memory(np.repeat(x[None], n, axis=0), np.repeat(y[None], n, axis=0), tuple(states))


def moved_on(memory, X, Y, states=()):
    """Advance a memory over rows X (N, D), Y (N, O), finite."""
    n = len(memory.Y)
    pairs = (memory.X, X), (memory.Y, Y)
    X, Y = (np.concatenate([before, new[max(0, len(new) - n) :]]) for before, new in pairs)
    return Memory(X[len(X) - n :], Y[len(Y) - n :], states)
