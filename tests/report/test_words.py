"""Words of a report: labels of settings that came out alike."""

import pytest

from hw4.report.words import alike


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (["a=1, b=2"], "a=1, b=2"),
        (["a=1, b=2", "a=1, b=3"], "a=1, b=2 or 3"),
        (["a=1, b=2", "a=7, b=2", "a=8, b=2"], "b=2, a=1, 7 or 8"),
        (["dust3r, pair", "vggt, pair"], "pair, dust3r or vggt"),
        (["a=1, b=2", "a=2, b=3"], "a=1, b=2; a=2, b=3"),
        (["a=1, b=2", "a=1, c=2"], "a=1, b=2; a=1, c=2"),
        (["a=1", "a=1, b=2"], "a=1; a=1, b=2"),
    ],
)
def test_labels_that_differ_in_one_key_are_one(labels: list[str], text: str) -> None:
    assert alike(labels) == text
