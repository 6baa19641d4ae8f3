"""Make notebooks of the guide's chapters: the same text and the same blocks, which the tests run.

    python examples/notebooks.py            write examples/notebooks/*.ipynb
    python examples/notebooks.py --check    fail if one is not what its chapter says

Notebooks hold no output: open one and run it from the top.
"""

import json
import re
import sys
from pathlib import Path


HERE = Path(__file__).resolve().parent
BLOCK = re.compile(r"^```python\n(.*?)^```\n?", re.M | re.S)
LINK = re.compile(r"(\]\()(?!https?:|#|/)([^)]+\))")


def cells(text):
    """Markdown and code in turn; links, which are relative to the guide, lead there from the notebooks."""
    at = 0
    for block in BLOCK.finditer(text):
        yield "markdown", LINK.sub(r"\1../guide/\2", text[at : block.start()].strip())
        yield "code", block.group(1).rstrip()
        at = block.end()
    yield "markdown", LINK.sub(r"\1../guide/\2", text[at:].strip())


def notebook(path):
    """The text of a chapter's notebook, in nbformat 4.5."""
    made = []
    for kind, source in cells(path.read_text("utf-8")):
        if source:
            cell = {"cell_type": kind, "id": f"{path.stem[:2]}-{len(made):02d}", "metadata": {}}
            cell |= {"execution_count": None, "outputs": []} if kind == "code" else {}
            made.append(cell | {"source": source.splitlines(keepends=True)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def stale():
    """Yield the place and the text of each notebook that is not what its chapter says."""
    for path in sorted((HERE / "guide").glob("[0-9]*.md")):
        place, text = HERE / "notebooks" / f"{path.stem}.ipynb", notebook(path)
        if not place.exists() or place.read_text("utf-8") != text:
            yield place, text


def main():
    """Write what is stale, or say so."""
    for place, text in stale():
        if "--check" in sys.argv:
            sys.exit(f"{place.name} is not what its chapter says: run python examples/notebooks.py")
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, "utf-8")
        print(place.relative_to(HERE))


if __name__ == "__main__":
    main()
