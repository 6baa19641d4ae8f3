"""Initialisers of parameters."""

import numpy as np


def glorot(rng, shape):
    """Draw weights (fan_in, fan_out), uniform in +-sqrt(6 / (fan_in + fan_out)).

    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010.
    """
    return rng.uniform(-1, 1, shape) * np.sqrt(6 / max(1, sum(shape)))


def orthogonal(rng, shape):
    """Draw an orthogonal matrix (H, H), uniform over the orthogonal group.

    A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks", ICLR 2014.
    """
    Q, R = np.linalg.qr(rng.normal(size=shape))
    return Q * np.sign(np.diag(R))
