"""`data=colmap`: models of COLMAP and GLOMAP as scenes of posed views."""

from pathlib import Path

import numpy as np
import pytest

from hw4.config import ColmapConfig
from hw4.core.errors import UserError
from hw4.data.registry import scene_views
from tests.support.views import K, ring, write_colmap


def test_views_have_the_models_cameras_and_points(tmp_path: Path) -> None:
    names = write_colmap(tmp_path / "desk", ring(6))
    (scene,) = scene_views(ColmapConfig(root=str(tmp_path / "desk")))
    assert scene.scene == "desk" and list(scene.names) == names and scene.notes == ()
    np.testing.assert_allclose(scene.cam_from_world, ring(6), atol=1e-12)
    assert scene.Ks is not None and scene.seen is not None
    np.testing.assert_allclose(scene.Ks, np.tile(K, (6, 1, 1)))
    # The first sees points 2 to 7, the next one 3 to 8.
    assert len(np.intersect1d(scene.seen[0], scene.seen[1])) == 5


def test_distortion_and_other_models_are_said(tmp_path: Path) -> None:
    write_colmap(tmp_path, ring(4), distortion=0.1)
    write_colmap(tmp_path, ring(3), folder="sparse/1")
    (scene,) = scene_views(ColmapConfig(root=str(tmp_path)))
    assert len(scene) == 4
    assert "4 photos have lens distortion (OPENCV)" in scene.notes[0]
    assert "0 is the largest (4 images) and is used, not 1 (3)" in scene.notes[1]


def test_photos_may_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    write_colmap(tmp_path / "a", ring(3), folder="sparse")
    (scene,) = scene_views(ColmapConfig(root=str(tmp_path / "a"), images="small"))
    assert scene.paths[0] == tmp_path / "a" / "small" / "v_00.png"


def test_what_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="data.root=.* is not a folder"):
        scene_views(ColmapConfig(root=str(tmp_path / "none")))
    with pytest.raises(UserError, match=r"holds no scene of data=colmap: neither it nor a folder in it has"):
        scene_views(ColmapConfig(root=str(tmp_path)))
    write_colmap(tmp_path / "a", ring(3))
    (tmp_path / "a/sparse/0/images.txt").write_text("1 1 0 0 0 nan 0 0 1 v_00.png\n\n")
    with pytest.raises(UserError, match="a/sparse/0"):
        scene_views(ColmapConfig(root=str(tmp_path)))
