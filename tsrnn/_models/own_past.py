"""A linear model of several series' past, averaged with models by which each series sees its own past alone.

Of series that are forecast together some explain each other and most do not, and each more to see is weights more to
learn from the same rows.  B is the Bayes factor of the two models for a target, after N rows: what its likelihoods were
a row, to the power of N.  By all of it one of the two would be chosen, but rows tell less of those to come:

    share of all pasts = B^(1 / sqrt(N)) / (1 + B^(1 / sqrt(N)))

Errors of forecasts s steps ahead hang together over s rows, of which then all tell as much as one (``overlap``).
Rows of the weights: first what all see (n_shared), then the past of series 0, 1 ... 0, 1 ...; targets alike.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from .._nets.delay import Layer, make_plan
from .._nets.delay_linear import ridge, runs_away, tamed
from .._nets.linear_sums import JITTER, Alike, FewRows
from .._nets.ridge import HOPELESS, likely_alpha


class Own(NamedTuple):
    """What a series' own past says of some ``targets`` (K,): the weights ``seen``, and sums over the same rows."""

    targets: np.ndarray
    seen: np.ndarray
    sums: Alike | FewRows


def with_own(averaged, D, member, whole, alpha, sums, given):
    """Average the layer of a member, solved by ``alpha``, with models of own pasts; returns the ``Layer``.

    These share one penalty, too, if none is ``given``: that of most evidence for one series alone may be none where
    rows are few.  What would run away only as a mean is left as it was.   whole : plan and theta of the member.
    """
    plan, theta = whole
    layer = plan.views(theta)[-1]
    parts = [*_parts(averaged, member, len(layer.W), sums)]
    solvers = [part.sums.factored() for part in parts]
    own_alpha = likely_alpha([of.for_evidence() for of in solvers], True) if given is None else given
    both = sums, [part.sums._replace(outputs=part.targets) for part in parts]
    again = given is None and averaged.overlap > 1  # fewer rows have another best penalty
    penalties = (None, None) if again else (alpha, own_alpha)
    shares = _shares(len(layer.b), averaged.overlap, *zip(both, penalties))
    W, b, D_own = layer.W * shares, layer.b * shares, D - averaged.past * (averaged.own - 1)
    for (targets, seen, own), solver in zip(parts, solvers):
        one = make_plan(D_own if member.input_lags else 0, len(targets), (), "identity", *member[:2], [])
        solved = ridge(one, [own], given) if given is not None else tamed(one, [own], [solver], own_alpha)
        w, c = one.views(solved.theta)[-1]
        W[np.ix_(seen, targets)] += (1 - shares[targets]) * w
        b[targets] += (1 - shares[targets]) * c
    mean, n_rows = np.append(W.ravel(), b), int(max(alike.weight for alike in sums))
    return layer if runs_away(plan, mean, n_rows) and not runs_away(plan, theta, n_rows) else Layer(W, b)


def _parts(averaged, member, P, sums):
    """Yield the ``Own`` of each series that some sums tell of.   P : weights of a target, without the bias."""
    n = averaged.own
    n_shared = P - n * (averaged.past or len(member.output_lags))
    for alike in sums:
        for series in range(n):
            k = np.flatnonzero(alike.outputs % n == series)
            seen = np.r_[:n_shared, n_shared + series : P : n]
            if len(k):
                own = alike.of(k).seeing(np.append(seen, P))  # the bias last
                yield Own(alike.outputs[k], seen, own._replace(outputs=np.arange(len(k))))


def _shares(T, overlap, of_all, of_own):
    """Weigh models of all pasts for each of T targets, (T,), by sums and penalty of both kinds."""
    (whole, N), (own, _) = (_minus_evidence(*of, T, overlap) for of in (of_all, of_own))
    return expit(-0.5 * (whole - own) / np.sqrt(N))


def _minus_evidence(sums, alpha, T, overlap):
    """Return -2 log evidence of each target, (T,), at a penalty, by default the best one, and N, (T,)."""
    sums = [of.scaled(1 / overlap) for of in sums] if overlap > 1 else sums
    systems = [of.factored().for_evidence() for of in sums]
    alpha = likely_alpha(systems, True) if alpha is None else alpha
    told, N = np.zeros(T), np.ones(T)
    for of, system in zip(sums, systems):
        least = JITTER * system.mean_square  # the penalty may be 0
        told[of.outputs] = np.minimum(system.minus_evidence(max(alpha, least), True), HOPELESS)
        N[of.outputs] = of.weight
    return told, N
