"""A figure that shows the same is drawn once; whatever it shows is part of what it is known by."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from hw4.output.figures import PAPER, SCREEN
from hw4.output.kept_figures import FIGURES, kept_figure


class Drawing:
    def __init__(self, title: str) -> None:
        self.title, self.times = title, 0

    def __call__(self) -> Figure:
        self.times += 1
        figure = Figure(figsize=(1, 1))
        figure.suptitle(self.title)
        return figure


@pytest.mark.parametrize("style", [SCREEN, PAPER])
def test_the_same_is_drawn_once(tmp_path: Path, style: str) -> None:
    draw, shown = Drawing("a"), ["a", np.array([1.0, 2.0])]
    first, second = (tmp_path / run / "curve.png" for run in ("one", "two"))
    for path in (first, second):
        assert kept_figure(draw, shown, path, style, tmp_path / "cache") == path
    assert draw.times == 1
    files = {path.name: path.read_bytes() for path in first.parent.iterdir()}
    assert {path.name: path.read_bytes() for path in second.parent.iterdir()} == files
    assert len(files) == (3 if style == PAPER else 1)


@pytest.mark.parametrize("change", ["shown", "style", "name", "root", "file"])
def test_anything_else_is_drawn_again(tmp_path: Path, change: str) -> None:
    draw = Drawing("a")
    root: Path | None = tmp_path / "cache"
    shown, style, path = ["a", np.array([1.0, 2.0])], SCREEN, tmp_path / "one" / "curve.png"
    kept_figure(draw, shown, path, style, root)
    if change == "shown":
        shown = ["a", np.array([1.0, np.nextafter(2.0, 3.0)])]
    elif change == "style":
        style = PAPER
    elif change == "name":
        path = tmp_path / "one" / "other.png"
    elif change == "root":
        root = None
    else:
        next((tmp_path / "cache" / FIGURES).glob("*/figure.png")).unlink()
    kept_figure(draw, shown, path, style, root)
    assert draw.times == 2


def test_nothing_to_draw_leaves_nothing(tmp_path: Path) -> None:
    assert kept_figure(lambda: None, [], tmp_path / "curve.png", SCREEN, tmp_path / "cache") is None
    assert not list(tmp_path.rglob("*.png"))


def test_a_cache_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    path = tmp_path / "curve.png"
    assert kept_figure(Drawing("a"), [], path, SCREEN, tmp_path / "cache") == path and path.is_file()
