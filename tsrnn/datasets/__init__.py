"""Measured series, and generators of benchmark systems, offline.

``load_*`` return a :class:`sklearn.utils.Bunch` with ``frame``, ``data``, ``target``, ``feature_names``,
``target_names``, ``DESCR`` and ``filename``, or ``(data, target)`` with ``return_X_y=True``.

``make_*`` return ``(X, y)`` for a driven system and the series alone for an autonomous one.
"""

from tsrnn.datasets._generators import (
    make_adding_problem,
    make_henon,
    make_lorenz,
    make_mackey_glass,
    make_narendra,
    make_narma,
)
from tsrnn.datasets._loaders import (
    load_co2,
    load_laser,
    load_oil_price,
    load_solar_plant,
    load_sunspots,
    load_wind_farm,
)


__all__ = [
    "load_co2",
    "load_laser",
    "load_oil_price",
    "load_solar_plant",
    "load_sunspots",
    "load_wind_farm",
    "make_adding_problem",
    "make_henon",
    "make_lorenz",
    "make_mackey_glass",
    "make_narendra",
    "make_narma",
]
