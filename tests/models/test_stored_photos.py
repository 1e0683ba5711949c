"""Every model sees the pixels that its photos' cameras are of: turned by EXIF, or as they are stored."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw4.data.photos import AsStored
from hw4.models.base import ViewsModel
from hw4.models.registry import build_model, model_config
from tests.support.exif import tagged

STORED = (320, 240)


@pytest.mark.parametrize(
    ("name", "keys"),
    [("sfm", {}), ("dust3r", {"weights": "random"}), ("vggt", {"weights": "random"})],
)
def test_a_stored_photo_is_not_turned(name: str, keys: dict[str, str], tmp_path: Path) -> None:
    model = build_model(model_config(name, **keys))
    pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    photo = Image.fromarray(pixels).resize(STORED, Image.Resampling.BICUBIC)
    path = tagged(photo, tmp_path / "a.jpg", 6)
    for given, size in ((path, STORED[::-1]), (AsStored(path), STORED), (str(path), STORED[::-1])):
        if isinstance(model, ViewsModel):
            views = model.load_views([given, given])  # type: ignore[list-item]
            assert views[0].original_size == size
            continue
        found = model.reconstruct([given, given])  # type: ignore[list-item]
        assert tuple(found.image_sizes[0]) == size
