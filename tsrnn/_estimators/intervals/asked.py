"""What intervals are asked for: levels, a method, and paths."""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np


PATHS = 500  # that a series may take
METHODS = ("conformal", "split", "bootstrap", "split-bootstrap")


class Query(NamedTuple):
    """What intervals are asked for.   levels : coverages in per cent, ascending.   rng : for sample paths."""

    levels: list
    method: str
    rng: np.random.Generator
    n_paths: int
    paths: bool = False  # whether sample paths are wanted themselves

    @property
    def draws(self):
        """Whether errors are drawn."""
        return self.method.endswith("bootstrap")

    @property
    def adapts(self):
        """Whether what came after calibration counts."""
        return not self.method.startswith("split")


def check_levels(level):
    """Check coverages in per cent, None, a number or several; returns them ascending."""
    if level is None:
        return []
    levels = [level] if np.ndim(level) == 0 else list(level)
    if not levels or not all(isinstance(p, Real) and not isinstance(p, bool) and 0 < p < 100 for p in levels):
        raise ValueError(f"level={level!r}: give coverages in per cent, between 0 and 100, such as [80, 95].")
    if min(levels) < 1:
        raise ValueError(
            f"level={level!r} is below 1 per cent: give {100 * min(levels):g} for {min(levels):g}."
        )
    return sorted(set(levels))


def path_rng(random_state):
    """Return the generator of sample paths: the same at each call where ``random_state`` is an int."""
    return np.random.default_rng(random_state if isinstance(random_state, Integral) else None)


def ends_of(paths, center, levels):
    """Return {level: (low, high)}, like ``center`` (...), of sample paths (n_paths, ...).

    They enclose ``center``, where it is not NaN.
    """
    ends = {p: np.quantile(paths, [(1 - p / 100) / 2, (1 + p / 100) / 2], axis=0) for p in levels}
    return {p: (np.fmin(low, center), np.fmax(high, center)) for p, (low, high) in ends.items()}
