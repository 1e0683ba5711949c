"""Image loading against upstream's own loaders."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hw4.core.errors import UserError
from hw4.data.photos import open_upright
from hw4.models.dust3r.upstream import import_part
from hw4.models.dust3r.views import load_view as load_dust3r_view
from hw4.models.network.instantsplat import INSTANTSPLAT
from hw4.models.network.upstream import import_upstream, quiet
from hw4.models.vggt.views import load_views as load_vggt_views

SIZES = {
    "landscape": (640, 480),
    "portrait": (300, 401),
    "square": (333, 333),
    "small": (90, 61),
    "wide": (1000, 333),
    "tall": (333, 1000),
}


def photo(path: Path, size: tuple[int, int], mode: str = "RGB") -> Path:
    width, height = size
    rng = np.random.default_rng(width * height)
    image = Image.fromarray(rng.integers(0, 256, (height // 7 + 1, width // 7 + 1, 4), np.uint8), "RGBA")
    image = image.resize(size, Image.Resampling.BICUBIC)
    image.convert(mode).save(path)
    return path


@pytest.fixture(scope="module")
def dust3r_loader():
    return import_part("dust3r.utils.image").load_images


@pytest.fixture(scope="module")
def vggt_loader():
    return import_upstream("vggt.utils.load_fn", INSTANTSPLAT).load_and_preprocess_images


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize(
    ("size", "patch_size", "square_ok", "mode"),
    [
        (512, 16, False, "RGB"),
        (480, 16, False, "RGBA"),
        (224, 16, False, "L"),
        (512, 16, True, "RGB"),
        (64, 8, False, "RGB"),
        (266, 14, False, "RGB"),
    ],
)
def test_dust3r_views_equal_upstreams(tmp_path, dust3r_loader, name, size, patch_size, square_ok, mode):
    path = photo(tmp_path / f"{name}.png", SIZES[name], mode)
    expected = dust3r_loader([str(path)], size, square_ok=square_ok, verbose=False, patch_size=patch_size)[0]
    view = load_dust3r_view(path, size, patch_size, square_ok)
    assert torch.equal(view.pixels.sub(0.5).div(0.5), expected["img"][0])
    assert view.image.shape[:2] == tuple(expected["true_shape"][0])
    assert view.original_size == SIZES[name]


@pytest.mark.parametrize("mode", ["crop", "pad"])
@pytest.mark.parametrize("pixels", ["RGB", "RGBA"])
@pytest.mark.parametrize("names", [["landscape"], ["portrait", "wide", "tall"]])
def test_vggt_views_equal_upstreams(tmp_path, vggt_loader, mode, pixels, names):
    paths = [photo(tmp_path / f"{name}.png", SIZES[name], pixels) for name in names]
    with quiet():
        expected = vggt_loader([str(p) for p in paths], mode=mode)
    views = load_vggt_views(paths, mode=mode)
    assert torch.equal(torch.stack([v.pixels for v in views]), expected)


def ramp(path: Path, size: tuple[int, int]) -> Path:
    """A photo whose red and green are linear in x and y."""
    width, height = size
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    image = np.stack([x, y, np.zeros_like(x)], axis=-1) * 255
    Image.fromarray(image.round().astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("loader", ["dust3r 512", "dust3r 224", "vggt crop", "vggt pad"])
def test_original_from_model_finds_the_original_pixel(tmp_path, name, loader):
    size = SIZES[name]
    paths = [ramp(tmp_path / f"{name}.png", size), ramp(tmp_path / "other.png", (500, 500))]
    if loader.startswith("dust3r"):
        view = load_dust3r_view(paths[0], int(loader.split()[1]))
    else:
        view = load_vggt_views(paths, mode=loader.split()[1])[0]
    pixels = view.pixels.numpy()
    height, width = pixels.shape[1:]
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    original = np.stack([u, v, np.ones_like(u)], axis=-1) @ view.original_from_model.T
    x, y = original[..., 0] / size[0], original[..., 1] / size[1]
    inside = (x > 0.05) & (x < 0.95) & (y > 0.05) & (y < 0.95)
    assert inside.mean() > 0.2
    np.testing.assert_allclose(pixels[0][inside], x[inside], atol=0.008)
    np.testing.assert_allclose(pixels[1][inside], y[inside], atol=0.008)


def test_exif_orientation_is_applied_for_both(tmp_path, dust3r_loader):
    path = tmp_path / "turned.jpg"
    image = Image.open(photo(tmp_path / "plain.png", (640, 480)))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(path, exif=exif, quality=95)
    view = load_dust3r_view(path, 512)
    expected = dust3r_loader([str(path)], 512, verbose=False)[0]["img"][0]
    assert torch.equal(view.pixels.sub(0.5).div(0.5), expected)
    assert view.original_size == (480, 640)
    assert load_vggt_views([path])[0].original_size == (480, 640)
    assert open_upright(path).size == (480, 640)


@pytest.mark.parametrize("damage", ["missing", "truncated", "text", "empty"])
def test_a_bad_image_is_named(tmp_path, damage):
    path = tmp_path / "broken.jpg"
    if damage == "truncated":
        photo(path, (640, 480))
        path.write_bytes(path.read_bytes()[:2000])
    elif damage == "text":
        path.write_text("not an image")
    elif damage == "empty":
        path.touch()
    for load in (lambda: load_dust3r_view(path, 512), lambda: load_vggt_views([path])):
        with pytest.raises(UserError, match=r"broken\.jpg"):
            load()


def test_too_narrow_an_image_is_refused(tmp_path):
    path = photo(tmp_path / "strip.png", (2000, 20))
    with pytest.raises(UserError, match=r"strip\.png.*model\.image_size"):
        load_dust3r_view(path, 64, 8)
    with pytest.raises(UserError, match=r"strip\.png.*model\.image_size"):
        load_vggt_views([path], 64, "crop", 8)
