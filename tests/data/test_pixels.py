"""Photos of any pixel format are the photo that their 8-bit copy is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw4.data.photos import load_image, open_upright
from hw4.data.scenes.layouts import locate
from hw4.data.scenes.scene import load_located

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def _sixteen_bit(path: Path) -> None:
    Image.fromarray(GREY.astype(np.uint16) * 257).save(path)


def _integers(path: Path) -> None:
    Image.fromarray(GREY.astype(np.int32) * 257).save(path)


def _unit(path: Path) -> None:
    Image.fromarray((GREY / 255).astype(np.float32)).save(path)


def _float255(path: Path) -> None:
    Image.fromarray(GREY.astype(np.float32)).save(path)


def _float_16_bit(path: Path) -> None:
    Image.fromarray((GREY * 257.0).astype(np.float32)).save(path)


@pytest.mark.parametrize(
    ("write", "suffix"),
    [
        (_sixteen_bit, ".png"),
        (_sixteen_bit, ".tif"),
        (_integers, ".tif"),
        (_unit, ".tif"),
        (_float255, ".tif"),
        (_float_16_bit, ".tif"),
    ],
)
def test_grey_of_many_levels_is_scaled_by_its_range(tmp_path, write, suffix):
    path = tmp_path / f"grey{suffix}"
    write(path)
    np.testing.assert_array_equal(load_image(path), np.repeat(GREY[..., None], 3, axis=2))


def test_what_is_no_number_is_black(tmp_path):
    values = np.full((4, 4), 0.5, np.float32)
    values[0] = np.nan
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert load_image(tmp_path / "a.tif")[:2, 0, 0].tolist() == [0, 128]


def _palette(image: Image.Image) -> Image.Image:
    return image.quantize(256, Image.Quantize.FASTOCTREE)


def _grey_alpha(image: Image.Image) -> Image.Image:
    return image.convert("LA")


@pytest.mark.parametrize("convert", [_palette, _grey_alpha])
def test_transparency_of_any_kind_is_an_alpha_channel(tmp_path, convert):
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[:4, :, 3] = 0
    convert(Image.fromarray(pixels)).save(tmp_path / "a.png")
    photo = open_upright(tmp_path / "a.png")
    assert photo.mode == "RGBA"
    np.testing.assert_array_equal(np.array(photo)[..., 3], pixels[..., 3])


def test_a_transparent_colour_is_transparency(tmp_path):
    Image.fromarray(np.full((4, 4, 3), 9, np.uint8)).save(tmp_path / "a.png", transparency=(9, 9, 9))
    assert np.array(open_upright(tmp_path / "a.png"))[..., 3].max() == 0


@pytest.mark.parametrize(("over", "level"), [(0.0, 0), (1.0, 255), (None, 77)])
def test_a_scene_is_laid_over_its_background(tmp_path, over, level):
    pixels = np.full((16, 16, 4), 77, np.uint8)
    pixels[:8, :, 3], pixels[8:, :, 3] = 0, 255
    for number in range(4):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    scene = load_located(locate(tmp_path), None, over=over)
    for image in (scene.train.images[0], scene.test.load(0)[0]):
        assert image[0, 0].tolist() == [level] * 3 and image[-1, 0].tolist() == [77] * 3
