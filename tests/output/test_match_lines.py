"""Matches between two photos: each line goes from its point on the left to its point on the right."""

import base64
import re

import numpy as np

from hw4.output.match_lines import GAP, Kind, Photo, match_lines

RIGHT, WRONG = Kind("right", "#00f"), Kind("wrong", "#f80", "5 4")


def test_lines_begin_on_the_left_photo_and_end_on_the_right_one() -> None:
    photos = [Photo(b"\xff\xd8one", (40, 30)), Photo(b"\xff\xd8two", (20, 35))]
    xy = np.array([[1.0, 2, 3, 4], [5.0, 6, 7, 8], [39.0, 29, 19, 34]])
    svg = match_lines(*photos, xy, [RIGHT, WRONG, RIGHT]).decode()
    width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())  # type: ignore[union-attr]
    assert (width, height) == (40 + GAP + 20, 35)
    inside = re.findall(r"base64,([^\"]+)", svg)
    assert [base64.b64decode(one) for one in inside] == [photo.jpeg for photo in photos]
    drawn = {}
    for path, color in re.findall(r'<path d="([^"]+)" stroke="([^"]+)" stroke-width="1.4"', svg):
        drawn[color] = np.array(re.findall(r"[\d.]+", path), float).reshape(-1, 4)
    expected = xy + np.array([0, 0, 40 + GAP, 0])
    np.testing.assert_allclose(drawn["#00f"], expected[[0, 2]])
    np.testing.assert_allclose(drawn["#f80"], expected[[1]])
    assert svg.count("stroke-dasharray") == 2, "the line and the shadow under it"
