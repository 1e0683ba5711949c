"""Strips of marks: every value is drawn where it belongs, the best one stands out, nothing is cut."""

import xml.etree.ElementTree as ET

import pytest

from hw4.output.distribution import LEFT, Row, distribution
from hw4.output.svg import RIGHT, WIDTH, Axis
from hw4.output.text_size import text_width

AXIS = Axis("rotation error (°)", 0.1, 180, log=True)


def drawn(*rows: Row) -> ET.Element:
    return ET.fromstring(distribution(rows, AXIS, "errors"))


def test_marks_and_means_stand_at_their_values() -> None:
    values = [0.1, 1.0, 18.0, 180.0]
    root = drawn(Row("a", "50°", values, list("abcd"), 50.0, 1.0, 100.0, [False, False, False, True]))
    circles = root.findall(".//{*}circle")
    width = WIDTH - LEFT - RIGHT
    expected = [LEFT + AXIS.place(value) * width for value in values]
    assert [float(c.attrib["cx"]) for c in circles] == pytest.approx(expected, abs=0.06)
    assert [c.attrib["class"] for c in circles] == ["dot", "dot", "dot", "none"]
    assert [c.findtext("{*}title") for c in circles] == list("abcd")
    (mean,) = root.findall(".//{*}polygon")
    left, right = (float(mean.attrib["points"].split()[i].split(",")[0]) for i in (0, 2))
    assert (left + right) / 2 == pytest.approx(LEFT + AXIS.place(50) * width, abs=0.11)


def test_the_best_one_alone_has_a_band_and_long_labels_are_whole() -> None:
    label = "interpolated (oracle: picked with the ground truth), max_features=4096, camera_lr=0.0001"
    root = drawn(Row(label, "1.00°", [1.0], ["x"], 1.0), Row("b", "★ 0.50°", [0.5], ["x"], 0.5, best=True))
    assert len(root.findall(".//{*}rect[@class='band']")) == 1
    texts = [
        (e.text or "", float(e.attrib["x"]), e.attrib["text-anchor"]) for e in root.findall(".//{*}text")
    ]
    assert label in " ".join(text for text, _, anchor in texts if anchor == "start")
    for text, x, anchor in texts:
        start = x - {"start": 0, "middle": 0.5, "end": 1}[anchor] * text_width(text)
        assert start >= 0 and start + text_width(text) <= WIDTH, text


def test_a_row_without_values_and_text_of_others() -> None:
    hostile = "</svg><script>alert(1)</script>"
    root = drawn(Row(hostile, hostile, [], [], 1.0), Row("b", "", [1.0], [hostile], 1.0))
    assert not root.findall(".//{*}script")
