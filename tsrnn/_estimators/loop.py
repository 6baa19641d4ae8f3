"""A closed loop seen from the user's side: bounds, noise and differences between a model and what it feeds itself."""

import numpy as np


class Loop:
    """Turns what a model gives at each step into levels, and these into what is fed back, for m runs side by side.

    With the model's output z(t), an error e(t) drawn for a sample path, and the scaler's w = center + scale z:

        base(t) = sum_k c_k u(t - k)
        u(t) = min(max(base(t) + w(z(t) + e(t)), low(t)), high(t))      or the measured level, where there is one
        fed back:  w^-1(u(t) - base(t))

    Parameters
    ----------
    target, scaler : Target and Scaler
    levels : (m, K, O), the last ones before the first step.
    limits : low and high, (steps, m, O) or (steps, O) for all runs alike; or None.
    given : (steps, m, O), levels, NaN where they were not measured; or None.
    draw : callable(z) -> e, (m, O); or None.

    ``out`` are forecasts of the levels, ``U`` levels with measured ones in their place, ``Z`` what is fed back, all
    (steps, m, O).
    """

    def __init__(self, target, scaler, levels, limits, steps, given=None, draw=None):
        m, _, O = levels.shape
        self.target, self.scaler, self.levels = target, scaler, levels
        self.limits = None if limits is None else [side.reshape(steps, -1, O) for side in limits]
        self.given, self.draw = given, draw
        self.out, self.U, self.Z = np.empty((3, steps, m, O))

    def __call__(self, which, t, z):
        """What runs ``which`` feed back at step t instead of their outputs z (m, O)."""
        if self.draw is not None:
            z = z + self.draw(z)
        base = self.target.base(self.levels)
        u = base + self.scaler.inverse(z)
        if self.limits is not None:
            u = np.clip(u, self.limits[0][t], self.limits[1][t])
        self.out[t] = u
        if self.given is not None:
            u = np.where(np.isnan(self.given[t]), u, self.given[t])
        if self.levels.shape[1]:
            self.levels = np.concatenate([self.levels[:, 1:], u[:, None]], axis=1)
        self.U[t], self.Z[t] = u, self.scaler(u - base)
        return self.Z[t]
