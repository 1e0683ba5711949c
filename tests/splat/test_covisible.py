"""Points that a surer view has already, and one focal length for all views."""

from dataclasses import replace

import numpy as np
import pytest

from hw4.config import InitConfig, SplatConfig
from hw4.core.errors import UserError
from hw4.data.scenes.scene import TrainScene
from hw4.models.base import Reconstruction
from hw4.splat.covisible import with_shared_focal, without_covisible
from hw4.splat.start import from_reconstruction

HEIGHT, WIDTH = 6, 8
K = np.array([[8.0, 0, 4], [0, 8, 3], [0, 0, 1]])


def wall(depth: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """(3, 4) camera moved to the right, and the (H, W, 3) world points that it sees of a slanted wall."""
    columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    z = depth + rows / HEIGHT
    rays = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ np.linalg.inv(K).T
    camera = np.hstack([np.eye(3), [[-shift], [0], [0]]])
    return camera, rays * z[..., None] + np.array([shift, 0, 0])


def reconstruction(*views: tuple[float, float, float]) -> Reconstruction:
    """Of views that see a wall at a depth, from a shift, with a confidence."""
    cameras, points = zip(*(wall(depth, shift) for depth, shift, _ in views), strict=True)
    n = len(views)
    return Reconstruction(
        np.array(cameras),
        np.tile(K, (n, 1, 1)),
        np.tile([WIDTH, HEIGHT], (n, 1)),
        np.tile(np.eye(3), (n, 1, 1)),
        [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * n,
        pts3d=[p.astype(np.float32) for p in points],
        conf=[np.full((HEIGHT, WIDTH), c, np.float32) for _, _, c in views],
    )


def kept(result: Reconstruction) -> list[int]:
    assert result.pts3d is not None
    return [int(np.isfinite(points).all(axis=-1).sum()) for points in result.pts3d]


def test_the_surer_view_keeps_what_both_see() -> None:
    result, note = without_covisible(reconstruction((2, 0, 1.0), (2, 0, 5.0)), 0.01)
    assert kept(result) == [0, HEIGHT * WIDTH]
    assert note.startswith(f"{HEIGHT * WIDTH} of {2 * HEIGHT * WIDTH} points left out")


def test_what_lies_at_another_depth_or_outside_the_other_view_stays() -> None:
    assert kept(without_covisible(reconstruction((2, 0, 5.0), (2.5, 0, 1.0)), 0.01)[0]) == [48, 48]
    assert kept(without_covisible(reconstruction((2, 0, 5.0), (2.5, 0, 1.0)), 0.6)[0]) == [48, 0]
    partly = kept(without_covisible(reconstruction((2, 0, 5.0), (2, 1, 1.0)), 0.1)[0])
    assert partly[0] == 48 and 12 <= partly[1] < 48
    behind = reconstruction((2, 0, 5.0), (2, 0, 1.0))
    assert behind.pts3d is not None
    behind.pts3d[0] = -behind.pts3d[0]
    assert kept(without_covisible(behind, 0.01)[0]) == [48, 48]


def test_it_needs_a_point_for_every_pixel() -> None:
    with pytest.raises(UserError, match="co_visibility needs a model that gives a point for every pixel"):
        without_covisible(replace(reconstruction((2, 0, 1.0)), pts3d=None), 0.01)


def test_one_focal_length_for_images_of_any_size() -> None:
    Ks = np.stack([np.diag([10.0, 12, 1]), np.diag([20.0, 22, 1])])
    sizes = np.array([[10, 8], [10, 20]])
    shared = with_shared_focal(Ks, sizes, (Ks, sizes))
    share = np.mean([1.0, 1.2, 1.0, 1.1])
    np.testing.assert_allclose(shared[:, 0, 0], share * np.array([10, 20]))
    np.testing.assert_allclose(shared[:, 1, 1], shared[:, 0, 0])


def test_a_start_from_a_model_uses_both() -> None:
    given = reconstruction((2, 0, 5.0), (2, 0.1, 1.0))
    given.Ks[1, :2, :2] *= 2
    scene = TrainScene(["0.png", "1.png"], [], given.images, None, None)
    plain = from_reconstruction(scene, given, SplatConfig(), "fake")
    options = SplatConfig(init=InitConfig(co_visibility=0.1, shared_focal=True))
    start = from_reconstruction(scene, given, options, "fake")
    assert len(plain.gaussians["means"]) == 96 > len(start.gaussians["means"]) >= 48
    assert any("splat.init.co_visibility" in note for note in start.notes)
    np.testing.assert_allclose(plain.Ks[:, 0, 0], [8, 16])
    np.testing.assert_allclose(start.Ks[:, [0, 1], [0, 1]], 12)
