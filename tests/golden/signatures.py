"""The signature of every public class, in a line each: what a user wrote must go on working.

    python tests/golden/signatures.py

writes ``signatures.txt`` anew, where a change is meant.
"""

import inspect
from pathlib import Path

import tsrnn


CLASSES = [cls for cls in map(vars(tsrnn).get, sorted(tsrnn.__all__)) if hasattr(cls, "get_params")]


if __name__ == "__main__":
    lines = [f"{cls.__name__}{inspect.signature(cls)}\n" for cls in CLASSES]
    Path(__file__).with_suffix(".txt").write_text("".join(lines))
