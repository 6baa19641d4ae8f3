"""Scores of labels, brought nearer to those of their frequencies as far as rows held back ask for it.

    f'(t) = s f(t) + (1 - s) g,    0 <= s <= 1

with the scores f of a net and g of the class frequencies: temperature scaling [1], with a prior.  Nets that learnt
labels which stay for long are too sure of them; and one that learnt nothing is to say what is usual.

[1] C. Guo et al., "On calibration of modern neural networks", ICML 2017.
"""

import numpy as np
from scipy.optimize import minimize_scalar


UNSEEN = 0.5  # rows that a label counts as more than it has: one of classes that come later is not impossible
NEAR = 0.02  # to which s is found


def usual_scores(series, joint):
    """Return g (O,) of some ``Series``.   joint : whether one label of a row excludes the others."""
    Y, w = (np.concatenate([s[k] for s in series]) for k in (1, 2))
    w = np.where(np.isfinite(Y), w[:, None], 0.0)
    more = UNSEEN * w.sum(axis=0) / np.count_nonzero(w, axis=0)  # (O,) weights of rows
    ones, zeros = (np.sum(w * np.nan_to_num(y), axis=0) + more for y in (Y, 1 - Y))
    return np.log(ones / np.sum(ones)) if joint else np.log(ones / zeros)


def toward_usual(net, theta, usual, s):
    """Return theta (P,) of a net with scores f'."""
    theta = theta.copy()
    *_, readout = net.views(theta)
    readout.W[:] *= s
    readout.b[:] = s * readout.b + (1 - s) * usual
    return theta


def share_of_own(net, judged, usual):
    """Return the s of nets alike with the least loss on rows that they did not see.

    judged : pairs of theta (P,) and a loss on such rows, a function of theta; 1 where there are none.
    """
    if not judged:
        return 1.0

    def loss(s):
        return sum(judge(toward_usual(net, theta, usual, s)) for theta, judge in judged)

    return float(minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": NEAR}).x)
