"""Gradients of nets that look symbols up against central differences, and a classifier's step beside torch's; float64.

Cases of ``tests/test_symbols.py``: slopes along four random directions, two of them of the tables alone, relative to
the largest; target 1e-7.  torch: ``nn.Embedding``, ``nn.GRU`` over packed sequences of 3 to 12 rows, ``nn.Linear``,
``cross_entropy``: loss and gradients of the step of ``GRUClassifier``, relative to the largest; target 1e-6.

    python tests/benchmarks/symbol_gradients.py
"""

import sys
from pathlib import Path

import numpy as np
from common import table, torch, verdict


sys.path.append(str(Path(__file__).parents[1]))
from test_export import steps_of_both
from test_symbols import CASES, slopes


def deviation(found, wanted):
    """The largest difference over the largest number."""
    return np.max(np.abs(found - wanted)) / np.max(np.abs(wanted))


def main():
    """Print both tables."""
    found = {case: deviation(*slopes(case)[:2]) for case in CASES}
    rows = [[case, d, verdict(d, 1e-7)] for case, d in found.items()]
    table("Gradient against central differences", ["net", "deviation", "<= 1e-7"], rows)
    if torch is None:
        return
    names = ("loss", "embedding", "input weights", "recurrent weights", "readout")
    found = {name: deviation(*pair) for name, pair in zip(names, steps_of_both(torch))}
    rows = [[name, d, verdict(d, 1e-6)] for name, d in found.items()]
    table("A step of a classifier beside torch's", ["gradient of", "deviation", "<= 1e-6"], rows)


if __name__ == "__main__":
    main()
