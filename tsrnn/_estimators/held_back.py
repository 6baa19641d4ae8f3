"""Rows that are held back for validation: stretches of a series, its last rows, or whole series of each class."""

import numpy as np


MOST_STRETCHES, LEAST_HELD = 4, 20  # that are held back of a series, and rows of each


def hold_stretches(counts, share):
    """Mark the last ``share`` of the rows that count of each of up to 4 parts of a series, (N,) bool."""
    rows, held = np.flatnonzero(counts), np.zeros(len(counts), bool)
    n_parts = int(np.clip(len(rows) * share // LEAST_HELD, 1, MOST_STRETCHES))
    for part in np.array_split(rows, n_parts):
        n = int(len(part) * share)
        if n:
            held[part[-n] : part[-1] + 1] = True
    return held


def hold_last(counts, share):
    """Mark the rows, (N,) bool, from that on which begins the last ``share`` of those that count."""
    held = np.zeros(len(counts), bool)
    rows = np.flatnonzero(counts)
    n = int(len(rows) * share)
    if n:
        held[rows[-n] :] = True
    return held


def last_rows(counts, share):
    """Return the last rows of a series, (M,), of which ``share(n)`` count, if n (N,) bool do; at least one, if any."""
    rows = np.flatnonzero(counts)
    n = share(len(rows)) if len(rows) else 0
    return np.arange(rows[-n], rows[-1] + 1) if n else np.arange(0)


def hold_series(classes, Y, counts, share, rng):
    """Mark series, (S,) bool: a share of those that count, of each class, at random; never all."""
    held, codes = np.zeros(len(Y), bool), np.zeros(len(Y), int)
    if classes is not None and not classes.several:
        codes = classes.codes(Y)
    for code in np.unique(codes):
        members = np.flatnonzero(counts & (codes == code))
        n = min(round(share * len(members)), len(members) - 1)
        held[rng.permutation(members)[: max(n, 0)]] = True
    return held
