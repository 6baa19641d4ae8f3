"""Warnings that name the user's own line."""

import sys
import warnings
from pathlib import Path


PACKAGE = str(Path(__file__).parent)
# whose frames stand between
PASSED_ON = (
    "concurrent",
    "contextlib",
    "joblib",
    "numba",
    "numpy",
    "pandas",
    "pickle",
    "scipy",
    "sklearn",
    "threading",
)


def warn(message, category=UserWarning):
    """Warn at the nearest line outside tsrnn and the libraries that only pass a call on."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_ours(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_ours(frame):
    """Whether a frame belongs to tsrnn, or to a library that stands between it and the user."""
    name = frame.f_globals.get("__name__", "")
    return frame.f_code.co_filename.startswith(PACKAGE) or name.partition(".")[0] in PASSED_ON
