"""Photos in a table: small, upright, side by side."""

from pathlib import Path

import numpy as np
from PIL import Image

from hw4.output.thumbnails import HEIGHT, thumbnail


def test_photos_stand_side_by_side(tmp_path: Path) -> None:
    paths = [tmp_path / "wide.png", tmp_path / "high.png"]
    Image.new("RGB", (400, 200), (200, 0, 0)).save(paths[0])
    Image.new("RGB", (100, 400), (0, 0, 200)).save(paths[1])
    found = thumbnail(paths)
    assert found is not None and found.dtype == np.uint8
    assert found.shape == (HEIGHT, 2 * HEIGHT + HEIGHT // 4, 3)
    assert (found[:, : 2 * HEIGHT] == (200, 0, 0)).all() and (found[:, 2 * HEIGHT :] == (0, 0, 200)).all()


def test_a_photo_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no")
    assert thumbnail([tmp_path / "bad.png"]) is None
