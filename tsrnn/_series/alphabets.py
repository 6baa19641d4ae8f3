"""Sequences of symbols: what the user calls a symbol, and its code.

symbol  --place among the sorted ones of training-->  code 0 ... C - 1        "abc" or ["a", "b", "c"]  <-->  [0, 1, 2]
"""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .._values import kept


KINDS = {
    "str": "".join,
    "list": list,
    "tuple": tuple,
    "array": np.array,
}  # what a user's sequence is, made of a list


@kept("alphabet")
class Alphabet(NamedTuple):
    """The symbols of training, and what its sequences were.

    symbols : sorted.   kind : one of ``KINDS``.
    """

    symbols: tuple
    kind: str

    def __len__(self):
        return len(self.symbols)

    def coded(self, sequences, name):
        """Code each sequence, (n,); raise where a symbol is new."""
        codes = {symbol: code for code, symbol in enumerate(self.symbols)}
        coded = []
        for k, sequence in enumerate(sequences):
            try:
                coded.append(np.array([codes[symbol] for symbol in sequence], np.int64))
            except KeyError as missing:
                first = ", ".join(map(repr, self.symbols[:12])) + (" ..." if len(self.symbols) > 12 else "")
                raise ValueError(
                    f"{name}[{k}] has the symbol {missing.args[0]!r}, which is not among those of training, {first}: "
                    "replace it, or fit with sequences that have it."
                ) from None
        return coded

    def decoded(self, codes):
        """Decode codes (n,) to a sequence of the user's container."""
        return KINDS[self.kind]([self.symbols[code] for code in codes])


@kept("rows")
class Numbers(NamedTuple):
    """How rows of numbers become the model's.   n : columns.   scaler : of those."""

    n: int
    scaler: Any


def learn_alphabet(sequences, kind):
    """Collect the ``Alphabet`` of sequences."""
    symbols = {symbol for sequence in sequences for symbol in sequence}
    return Alphabet(tuple(sorted(symbols, key=lambda symbol: (isinstance(symbol, str), symbol))), kind)


def read_sequences(sequences, name):
    """Read lists of symbols, and their container; of rows of numbers arrays (T, D), and None."""
    if isinstance(sequences, (str, bytes, dict, pd.DataFrame)) or not np.iterable(sequences):
        raise TypeError(
            f"{name} is of type {type(sequences).__name__}: give a list of sequences, such as ['abc', 'ba'], a str, a "
            "list or an array each."
        )
    sequences = list(sequences)
    if not sequences:
        raise ValueError(f"{name} has no sequence: give one or more.")
    if _has_rows(sequences[0]):
        return _read_rows(sequences, name), None
    read = [_symbols(sequence, f"{name}[{k}]") for k, sequence in enumerate(sequences)]
    kinds = {container for _, container in read}
    if len(kinds) > 1 and "str" in kinds:
        raise TypeError(
            f"{name} mixes sequences of type str and {min(kinds - {'str'})}: give them all in one form."
        )
    return [symbols for symbols, _ in read], read[0][1]


def _has_rows(sequence):
    """Return whether a sequence is one of rows of numbers."""
    if isinstance(sequence, pd.DataFrame) or getattr(sequence, "ndim", 1) == 2:
        return True
    return isinstance(sequence, (list, tuple)) and any(
        isinstance(row, (list, tuple, np.ndarray)) for row in sequence
    )


def _read_rows(given, name):
    """Read arrays (T, D) of float64, all of one width."""
    rows = []
    for k, sequence in enumerate(given):
        try:
            values = np.asarray(sequence, float)
        except (TypeError, ValueError):
            values = np.empty(0)
        if values.ndim != 2 or values.shape[1] == 0:
            raise ValueError(
                f"{name}[{k}] is not a table of numbers, as {name}[0] is: give rows of numbers (n_timesteps, "
                "n_features), or sequences of symbols, which are a str, or an int or str each."
            )
        if not np.isfinite(values).all():
            raise ValueError(
                f"{name}[{k}] has a number that is NaN or infinite: fill it or leave the sequence out."
            )
        if values.shape[1] != rows[0].shape[1] if rows else False:
            raise ValueError(
                f"{name}[{k}] has {values.shape[1]} columns, but {name}[0] has {rows[0].shape[1]}: give as many."
            )
        rows.append(values)
    return rows


def _symbols(sequence, name):
    """Read a sequence as a list of symbols; returns it and its container."""
    if isinstance(sequence, str):
        return list(sequence), "str"
    if isinstance(sequence, (pd.Series, pd.Index, np.ndarray, pd.api.extensions.ExtensionArray)):
        values, kind = np.asarray(sequence).tolist(), "array"
    elif isinstance(sequence, (list, tuple)):
        values, kind = list(sequence), "tuple" if isinstance(sequence, tuple) else "list"
    else:
        other = " (For one label per sequence, take a GRUClassifier.)" if name.startswith("y") else ""
        raise TypeError(
            f"{name} is {sequence!r}, which is not a sequence: give a str, a list or an array of symbols.{other}"
        )
    if not isinstance(values, list):
        raise TypeError(
            f"{name} is an array with zero dimensions: give a str, a list or an array of symbols."
        )
    for k, value in enumerate(values):
        if isinstance(value, str):
            continue
        if not isinstance(value, Integral):
            rows = (
                ", or rows of numbers, (n_timesteps, n_features) a sequence" if name.startswith("X") else ""
            )
            raise TypeError(
                f"{name}[{k}] is {value!r}, a {type(value).__name__}, but a symbol is a str or an int: give "
                f"those{rows}."
            )
        values[k] = int(value)
    return values, kind
