"""Our adapter gives what upstream's own functions give on the same weights and photos."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from omegaconf.errors import UnsupportedInterpolationType
from PIL import Image

from hw4.core.errors import UserError
from hw4.models.da3 import network as da3_network
from hw4.models.da3.config import Da3Config
from hw4.models.da3.model import Da3Model
from hw4.models.da3.network import load_network
from hw4.models.da3.tiny import SIZE, build_tiny
from hw4.models.da3.upstream import import_geometry, import_part
from hw4.models.da3.views import load_views
from hw4.models.da3.weights import known_weights
from hw4.models.network.upstream import quiet
from tests.support.pointmap_networks import make_photos

ODD = ((100, 75), (75, 100), (90, 50))
RANDOM = Da3Config(weights="random", device="cpu", seed=3)


def processed(paths: list[Path], size: int) -> torch.Tensor:
    """Photos as upstream's own `InputProcessor` gives them, normalised."""
    with quiet():
        processor = import_part("utils.io.input_processor").InputProcessor()
        images, _, _ = processor([str(path) for path in paths], None, None, size, num_workers=1)
    return images


def predicted(network: Any, paths: list[Path], size: int) -> Any:
    """Upstream's demo: its processor, its network, its reading of the output."""
    with quiet(), torch.inference_mode():
        return import_part("utils.io.output_processor").OutputProcessor()(
            network(processed(paths, size)[None].float())
        )


def assert_same(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours.cam_from_world, theirs.extrinsics[:, :3], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.Ks, theirs.intrinsics, rtol=1e-5)
    np.testing.assert_allclose(np.stack(ours.depth), theirs.depth, rtol=1e-5)
    np.testing.assert_allclose(np.stack(ours.conf), theirs.conf, rtol=1e-5)


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("sizes", [ODD[:1], ODD, ((61, 130),)])
def test_output_is_upstreams(tmp_path: Path, n: int, sizes: tuple[tuple[int, int], ...]) -> None:
    paths = make_photos(tmp_path, n, sizes)
    model = Da3Model.from_config(RANDOM)
    theirs = predicted(model.network, paths, SIZE)
    ours = model.reconstruct(paths)
    assert_same(ours, theirs)
    assert ours.diagnoses == [None] * n
    # The cameras differ: it is no comparison of constants.
    assert np.ptp(ours.cam_from_world, axis=0).max() > 1e-3
    # A pixel of a point, projected by its camera, is that pixel.
    points, K = ours.pts3d[1].reshape(-1, 3), ours.Ks[1]
    in_camera = points @ ours.cam_from_world[1, :, :3].T + ours.cam_from_world[1, :, 3]
    np.testing.assert_allclose(in_camera[:, 2], ours.depth[1].ravel(), rtol=1e-4, atol=1e-4)
    pixels = in_camera @ K.T
    height, width = ours.depth[1].shape
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 2)
    np.testing.assert_allclose(pixels[:, :2] / pixels[:, 2:], grid, atol=2e-2)


def test_another_reference_view_is_another_output(tmp_path: Path) -> None:
    paths = make_photos(tmp_path, 4)
    first, other = (
        Da3Model.from_config(Da3Config(weights="random", device="cpu", reference_view=view)).reconstruct(
            paths
        )
        for view in ("first", "middle")
    )
    assert not np.allclose(first.cam_from_world, other.cam_from_world, atol=1e-6)


def test_scenes_of_a_batch_are_as_alone(tmp_path: Path) -> None:
    paths = make_photos(tmp_path, 6)
    model = Da3Model.from_config(RANDOM)
    scenes = [model.load_views(paths[:3]), model.load_views(paths[3:])]
    for together, alone in zip(model.reconstruct_batch(scenes), scenes, strict=True):
        expected = model.reconstruct_views(alone)
        np.testing.assert_allclose(together.cam_from_world, expected.cam_from_world, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(together.depth, expected.depth, rtol=1e-4)


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (201, 97), (56, 56), (1000, 333)])
@pytest.mark.parametrize("long_edge", [112, 504])
def test_photos_are_upstreams(tmp_path: Path, size: tuple[int, int], long_edge: int) -> None:
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), np.uint8)).save(tmp_path / "a.png")
    theirs = processed([tmp_path / "a.png"], long_edge)[0]
    (view,) = load_views([tmp_path / "a.png"], long_edge)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close((view.pixels - mean) / std, theirs)


def test_the_way_back_to_the_photo(tmp_path: Path) -> None:
    """Photos of two shapes are cropped about their centres: the middle stays the middle."""
    for view in load_views(make_photos(tmp_path, 2, ((100, 75), (75, 100))), SIZE):
        height, width = view.pixels.shape[1:]
        middle = view.original_from_model @ (width / 2, height / 2, 1)
        np.testing.assert_allclose(middle[:2], np.array(view.original_size) / 2)
        assert (height, width) == (84, 84)


def test_a_photo_of_which_nothing_is_left_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (400, 10)).save(tmp_path / "thin.png")
    with pytest.raises(UserError, match=r"thin\.png \(400x10\) is too narrow"):
        load_views([tmp_path / "thin.png"], SIZE)


@pytest.mark.slow
def test_a_published_size_is_built_and_filled_as_upstream_does(tmp_path: Path) -> None:
    """By upstream's own description, from a file whose names are those of upstream's own wrapper."""
    with quiet():
        cfg = import_part("cfg")
        torch.manual_seed(1)
        theirs = cfg.create_object(
            cfg.load_config(import_part("registry").MODEL_REGISTRY["da3-small"])
        ).eval()
    torch.save({f"model.{k}": v for k, v in theirs.state_dict().items()}, tmp_path / "small.pth")
    loaded = load_network(Da3Config(weights=str(tmp_path / "small.pth"), device="cpu"))
    assert (loaded.image_size, loaded.patch_size, loaded.source.license) == (504, 14, None)
    paths = make_photos(tmp_path, 2)
    model = Da3Model(loaded, Da3Config(weights=str(tmp_path / "small.pth"), device="cpu", image_size=112))
    output = predicted(theirs, paths, 112)
    ours = model.reconstruct(paths)
    np.testing.assert_allclose(ours.cam_from_world, output.extrinsics[:, :3], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.stack(ours.depth), output.depth, rtol=1e-5)


def test_a_file_says_which_size_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(build_tiny().state_dict(), tmp_path / "tiny.pth")
    assert load_network(Da3Config(weights=str(tmp_path / "tiny.pth"))).image_size == SIZE
    weights = {
        "cam_dec.fc_t.weight": torch.zeros(3, 2),
        "backbone.pretrained.cls_token": torch.zeros(1, 1, 7),
    }
    torch.save(weights, tmp_path / "other.pth")
    with pytest.raises(UserError, match="have 7 channels, as no published Depth Anything 3 has"):
        load_network(Da3Config(weights=str(tmp_path / "other.pth")))
    # A large one, under any name, has its licence; Gaussians that come with it are left out.
    built = []
    monkeypatch.setattr(da3_network, "_build", lambda size: built.append(size) or torch.nn.Module())
    monkeypatch.setattr(da3_network, "fill", lambda network, weights, source: built.append(set(weights)))
    weights["backbone.pretrained.cls_token"] = torch.zeros(1, 1, 1536)
    torch.save(weights | {"gs_head.norm.weight": torch.zeros(2)}, tmp_path / "mine.pth")
    loaded = load_network(Da3Config(weights=str(tmp_path / "mine.pth")))
    assert built == ["giant", {"cam_dec.fc_t.weight", "backbone.pretrained.cls_token"}]
    assert loaded.source.license is not None and "CC BY-NC 4.0" in loaded.source.license


def test_official_is_of_the_size_that_is_asked_for() -> None:
    assert known_weights().official == "depth-anything/DA3-SMALL" and known_weights().license is None
    assert known_weights("giant").official == "depth-anything/DA3-GIANT-1.1"
    assert "CC BY-NC" in str(known_weights("giant").license)


def test_what_the_camera_head_does_not_say_is_missing(tmp_path: Path) -> None:
    model = Da3Model.from_config(RANDOM)
    torch.nn.init.constant_(model.network.cam_dec.fc_fov[0].bias, -9.0)
    blind = model.reconstruct(make_photos(tmp_path, 2))
    assert blind.diagnoses[0] is not None and "predicts no field of view" in blind.diagnoses[0]
    assert np.isnan(blind.Ks).all() and np.isfinite(blind.cam_from_world).all()
    assert np.isnan(np.stack(blind.pts3d)).all()
    torch.nn.init.constant_(model.network.cam_dec.fc_t.bias, np.nan)
    lost = model.reconstruct(make_photos(tmp_path, 2))
    assert not lost.is_valid(0) and "camera head's output is not finite" in str(lost.diagnoses[0])


def test_upstream_does_not_make_configurations_run_code() -> None:
    """Its import registers a resolver that evaluates Python in any configuration of the process."""
    assert import_geometry() and import_part("cfg")
    with pytest.raises(UnsupportedInterpolationType):
        OmegaConf.create({"a": "${eval:1+1}"}).a  # noqa: B018
