"""Initialisers of parameters."""

import numpy as np


def glorot(rng, shape):
    """Uniform in +-sqrt(6 / (fan_in + fan_out)).

    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010.
    """
    return rng.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape))
