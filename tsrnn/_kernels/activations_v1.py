"""Activations for kernels, and the words for them.  FROZEN, for the reason that ``simd_v3.py`` gives.

identity z      tanh      logistic 1 / (1 + exp(-z))      relu max(z, 0)
"""

import numpy as np

from tsrnn._kernels.jit import part
from tsrnn._kernels.simd_v3 import sigmoid, tanh


IDENTITY, TANH, LOGISTIC, RELU = range(4)
ACTIVATIONS = {"tanh": TANH, "relu": RELU, "identity": IDENTITY, "logistic": LOGISTIC}
WORDS = {number: word for word, number in ACTIVATIONS.items()}


@part
def activate(kind, z):
    """z : (n,), in, out: f(z); NaN stays NaN."""
    if kind == TANH:
        for i in range(z.size):
            z[i] = tanh(z[i])
    elif kind == LOGISTIC:
        for i in range(z.size):
            z[i] = sigmoid(z[i])
    elif kind == RELU:
        for i in range(z.size):
            z[i] = z[i] if z[i] > 0 or np.isnan(z[i]) else 0 * z[i]
