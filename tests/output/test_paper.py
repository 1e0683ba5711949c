"""Drawings for print show the numbers of the report's drawings, on their axes."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from hw4.output.distribution import Row
from hw4.output.paper import WIDTH_IN, plot_map, plot_rows, plot_series, rendered
from hw4.output.svg import Axis, Series

ERRORS = Axis("rotation error (°)", 0.1, 180, log=True)
SHARE = Axis("share", 0, 1)


def test_lines_marks_and_bars_are_at_their_values() -> None:
    line = Series("a", [1.0, 10.0], [0.2, 0.8], line=True, bars=[(0.1, 0.3), None], marked=True)
    marks = Series("b", [2.0, 180.0], [0.5, 0.6], hollow=[False, True], color=1)
    axes = Figure().add_subplot()
    plot_series([line, marks], ERRORS, SHARE, guides=(5.0,))(axes)
    drawn = [one.get_xydata().tolist() for one in axes.lines]
    assert [[1.0, 0.2], [10.0, 0.8]] in drawn and [[1.0, 0.1], [1.0, 0.3]] in drawn
    points = np.concatenate([one.get_offsets() for one in axes.collections])
    assert points.tolist() == [[2.0, 0.5], [180.0, 0.6]]
    assert axes.get_xscale() == "log" and axes.get_xlim() == (0.1, 180) and axes.get_ylim() == (0, 1)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_strips_and_maps() -> None:
    axes = Figure().add_subplot()
    plot_rows([Row("first", "", [1.0, 2.0], ["", ""], 1.5, 1.0, 2.0, best=True)], ERRORS)(axes)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first"]
    assert sorted(axes.collections[0].get_offsets()[:, 0]) == [1.0, 2.0]
    axes = Figure().add_subplot()
    plot_map(("lr", ["1", "2"]), ("c", ["a", "b"]), [[1.0, None], [3.0, 4.0]], [["1", ""], ["3", "4"]], True)(
        axes
    )
    shown = axes.images[0].get_array().filled(np.nan)
    assert np.isnan(shown[0, 1]) and shown[1].tolist() == [3.0, 4.0]


def test_files_are_of_their_kind_one_column_wide_and_the_same_again() -> None:
    plot = plot_series([Series("a", [1.0], [0.5])], ERRORS, SHARE)
    found, again = rendered(plot), rendered(plot)
    assert found["pdf"].startswith(b"%PDF") and b"<svg" in found["svg"] and found == again
    with Image.open(io.BytesIO(found["png"])) as image:
        assert image.width == pytest.approx(300 * WIDTH_IN, abs=2)
