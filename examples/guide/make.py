"""Run the code blocks of the guide, chapter by chapter, and so draw its pictures.

Chapters are told by their numbers; without, all are run.

    python examples/guide/make.py [03 07]
"""

import os
import re
import sys
import time
from pathlib import Path


HERE = Path(__file__).resolve().parent


def chapters(numbers=()):
    """Paths of the chapters whose names begin with one of the numbers; all without."""
    return [path for path in sorted(HERE.glob("[0-9]*.md")) if path.name.startswith(tuple(numbers) or "")]


def run(path):
    """Run the blocks of a chapter in order, in one namespace, in the working directory."""
    names = {"__name__": path.stem}
    for k, block in enumerate(re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.M | re.S)):
        exec(compile(block, f"{path.name}, block {k + 1}", "exec"), names)
    return names


def main():
    """Draw all pictures beside the chapters."""
    import matplotlib

    matplotlib.use("Agg")
    os.chdir(HERE)
    for path in chapters(sys.argv[1:]):
        began = time.process_time()
        print(f"== {path.name}", flush=True)
        run(path)
        print(f"   {time.process_time() - began:.1f} s of CPU", flush=True)
        for made in [*HERE.glob("*.csv"), *HERE.glob("*.joblib")]:
            made.unlink()


if __name__ == "__main__":
    main()
