"""The blocks of the README and of every chapter of the guide run, as they are printed, and draw their pictures."""

import importlib.util
import re
from pathlib import Path

import pytest


ROOT = Path(__file__).resolve().parents[1]
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


def test_links_of_readme_and_guide_lead_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "examples").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
