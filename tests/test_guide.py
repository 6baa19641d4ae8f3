"""The blocks of the README and of every chapter of the guide run, as they are printed, and draw their pictures."""

import importlib.util
import json
import re
from pathlib import Path

import pytest


ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "tests" / "benchmarks"
spec = importlib.util.spec_from_file_location("make", ROOT / "examples" / "guide" / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)


def test_blocks_of_the_readme(monkeypatch):
    monkeypatch.chdir(ROOT)
    names = make.run(ROOT / "README.md")
    assert len(names["table"]) > 10_000
    assert names["model"].predict(names["X"][1050:]).shape == (150,)


@pytest.mark.slow
@pytest.mark.parametrize("path", make.chapters(), ids=lambda path: path.stem)
def test_chapters(path, tmp_path, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    make.run(path)
    plt.close("all")
    (picture,) = tmp_path.glob("*.png")
    assert picture.stem == path.stem
    text = path.read_text("utf-8")
    assert f"]({path.stem}.png)" in text
    assert (path.parent / f"{path.stem}.png").stat().st_size < 100_000


def test_notebooks_say_what_their_chapters_say():
    """The code of both is the same, and that of the chapters runs."""
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "examples" / "notebooks.py")
    notebooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(notebooks)
    assert [place.name for place, _ in notebooks.stale()] == [], "run python examples/notebooks.py"
    places = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
    assert [place.stem for place in places] == [path.stem for path in make.chapters()]
    for place, path in zip(places, make.chapters()):
        cells = json.loads(place.read_text("utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        blocks = re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.M | re.S)
        assert code == [block.rstrip() for block in blocks]
        for cell in cells:
            for target in re.findall(r"\]\(([^)#:]+)\)", "".join(cell["source"])):
                assert cell["cell_type"] == "code" or (place.parent / target).exists(), (
                    f"{place.name}: {target}"
                )


def test_links_of_readme_and_guide_lead_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "examples").rglob("*.md"), *BENCHMARKS.rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_index_of_benchmarks_names_every_script_and_page():
    index = (BENCHMARKS / "README.md").read_text("utf-8")
    for file in [*BENCHMARKS.glob("*.py"), *BENCHMARKS.glob("results/*.md")]:
        assert file.name in index
