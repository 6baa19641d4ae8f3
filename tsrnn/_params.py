"""One flat vector of parameters, many named views.

A solver sees a vector ``theta``; a model sees ``p.W``, ``p.b``.  They are the same memory: ``shapes`` is a
named tuple of shapes, ``views`` the same named tuple with arrays in place of shapes.
"""

from math import prod

import numpy as np


def size(shapes):
    """Number of parameters."""
    return sum(prod(shape) for shape in shapes)


def views(theta, shapes):
    """Reshaped views into ``theta``, in the order of ``shapes``."""
    ends = np.cumsum([prod(shape) for shape in shapes])
    parts = np.split(theta, ends[:-1])
    return type(shapes)(*(part.reshape(shape) for part, shape in zip(parts, shapes)))


def glorot(rng, shape):
    """Uniform in +-sqrt(6 / (fan_in + fan_out)).

    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010.
    """
    return rng.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape))
