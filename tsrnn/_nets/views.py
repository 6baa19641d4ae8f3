"""Parameters: one flat theta (P,), and arrays that are views of its parts, one behind the other."""

from math import prod


def count(shapes):
    """Return how many numbers arrays of some shapes have together."""
    return sum(prod(shape) for shape in shapes)


def views_of(theta, shapes):
    """View the first numbers of theta (P,) as arrays of some shapes."""
    arrays, at = [], 0
    for shape in shapes:
        arrays.append(theta[at : at + prod(shape)].reshape(shape))
        at += prod(shape)
    return arrays
