"""Continuation of a sequence of labels: the most probable labels, or drawn ones.

    y(t) ~ softmax(log p(. | y(t - 1), y(t - 2) ...) / temperature)        and y(t) is fed back

over the ``top_k`` most probable labels and, of these, over the fewest whose probabilities sum to ``top_p``.
"""

from typing import NamedTuple

import numpy as np

from .._check import check_number
from .._kernels.dream_v1 import choose


TINY = 1e-30  # a probability


class Draw(NamedTuple):
    """How labels are drawn.   temperature : 0: the most probable.   top_k : most labels.   top_p : their mass."""

    temperature: float
    top_k: int
    top_p: float


GREEDY = Draw(0.0, 1, 1.0)


def check_draw(temperature, top_k, top_p, K):
    """Check the parameters of a ``Draw`` among K labels; returns it."""
    check_number("temperature", temperature, 0)
    if top_k is not None:
        check_number("top_k", top_k, 1, integer=True)
    if top_p is not None:
        check_number("top_p", top_p, 0, 1, low_open=True)
    return Draw(
        float(temperature), K if top_k is None else min(int(top_k), K), 1.0 if top_p is None else float(top_p)
    )


def go_on(dynamics, classes, probabilities, inputs, past, chance, how):
    """Draw codes (n,) of the labels after a ``Past``.

    probabilities : callable, of the classes, (1, K), of scores (1, O).   inputs : ``Inputs`` of some rows, the last of
    which goes on.   chance : (n,), numbers from [0, 1).
    """
    n = len(chance)
    if dynamics.dreams:
        return dynamics.dream(inputs.z, past.memory, chance, *how)
    X = np.concatenate([inputs.z, np.repeat(inputs.z[-1:], max(0, n - len(inputs.z)), axis=0)])[:n]
    codes = np.zeros(n, np.int64)

    def settle(_, t, z):
        scores = np.log(np.maximum(probabilities(z)[0], TINY)).astype(np.float32)
        codes[t] = choose(scores, chance[t], *how)
        return classes.targets(codes[t : t + 1])

    unknown = np.full((n, classes.n_outputs), np.nan)
    for _ in dynamics.free_runs(X, unknown, past.memory, np.zeros(1, int), n, settle):
        pass
    return codes
