"""Which views make a sample: what is drawn, from what, and that it is the same again."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw4.config import ColmapConfig, ViewsConfig
from hw4.core.errors import ConfigError, UserError
from hw4.data.views.depth import ARRAY, DepthFile
from hw4.data.views.overlap import overlaps
from hw4.data.views.sampler import draw
from hw4.data.views.scene import SceneViews
from tests.support.views import SIZE, K, ring


def scene_of(cameras: np.ndarray, name: str = "a", **parts: object) -> SceneViews:
    names = tuple(f"{i}.png" for i in range(len(cameras)))
    return SceneViews(name, names, tuple(map(Path, names)), cameras, **parts)  # type: ignore[arg-type]


def config(**keys: object) -> ViewsConfig:
    return ColmapConfig(root=".", **keys)  # type: ignore[arg-type]


@given(n=st.integers(2, 40), size=st.integers(2, 12), seed=st.integers(0, 99), sets=st.integers(1, 3))
def test_random_draws_that_many_different_views_in_order(n: int, size: int, seed: int, sets: int) -> None:
    scene = scene_of(ring(n))
    found = draw(scene, config(views=size, seed=seed, sets=sets))
    assert found == draw(scene, config(views=size, seed=seed, sets=sets))
    assert len(found) == (sets if size <= n else 0)
    for places in found:
        assert len(places) == size and list(places) == sorted(set(places)) and places[-1] < n


def test_a_seed_and_a_scene_decide_what_is_drawn() -> None:
    first = draw(scene_of(ring(30)), config(views=5))
    assert draw(scene_of(ring(30)), config(views=5, seed=1)) != first
    assert draw(scene_of(ring(30), "b"), config(views=5)) != first


def test_all_and_sequence() -> None:
    scene = scene_of(ring(10))
    assert draw(scene, config(sampler="all")) == [tuple(range(10))]
    assert draw(scene, config(sampler="sequence", every=3, views=None)) == [(0, 3, 6, 9)]
    assert draw(scene, config(sampler="sequence", every=2, views=2, sets=None)) == [(0, 2), (4, 6)]
    assert draw(scene, config(sampler="sequence", every=2, views=9)) == []


def test_pairs_lie_in_the_yaw_range_whatever_the_world_frame() -> None:
    cameras = ring(37, 180)  # 5 degrees apart
    world = np.eye(4)
    world[:3, :3] = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    world[:3, :3] *= np.sign(np.linalg.det(world[:3, :3]))
    found = draw(scene_of(cameras), config(sampler="pairs", sets=None))
    assert len(found) == 37 == len({first for first, _ in found})
    # The bounds themselves are a matter of rounding.
    assert all(49.9 < 5 * abs(i - j) < 90.1 for i, j in found)
    inner = config(sampler="pairs", sets=None, yaw=[52, 88])
    assert draw(scene_of(cameras @ world), inner) == draw(scene_of(cameras), inner)
    assert len(draw(scene_of(cameras), config(sampler="pairs", sets=4))) == 4
    assert draw(scene_of(ring(5, 20)), config(sampler="pairs")) == []


def test_pairs_by_baseline() -> None:
    cameras = np.tile(np.eye(4), (10, 1, 1))
    cameras[:, 0, 3] = -np.arange(10)
    found = draw(scene_of(cameras), config(sampler="pairs", yaw=None, baseline=[2, 3], sets=None))
    assert {abs(i - j) for i, j in found} == {2, 3}


def test_overlap_by_points_is_what_both_see_of_what_the_one_with_fewer_sees() -> None:
    seen = tuple(np.array(numbers) for numbers in ([1, 2, 3, 4], [3, 4], [9], []))
    share = overlaps(scene_of(ring(4), seen=seen))
    assert share is not None
    assert [share(0, 1), share(1, 0), share(0, 2), share(0, 3)] == [1.0, 1.0, 0.0, 0.0]
    found = draw(scene_of(ring(4), seen=seen), config(sampler="pairs", yaw=None, overlap=[0.5, 1], sets=None))
    assert sorted(found) == [(0, 1), (1, 0)]


def test_overlap_by_depth_of_a_wall(tmp_path: Path) -> None:
    """Cameras before a flat wall, moved sideways by a known share of what they see of it."""
    depth, width = 2.0, SIZE[0] * 2.0 / K[0, 0]
    np.save(tmp_path / "wall.npy", np.full((SIZE[1], SIZE[0]), depth, np.float32))
    cameras = np.tile(np.eye(4), (3, 1, 1))
    cameras[1, 0, 3], cameras[2, 0, 3] = -width / 4, -3 * width
    files = tuple(DepthFile(tmp_path / "wall.npy", 1.0, ARRAY) for _ in range(3))
    scene = scene_of(
        cameras, Ks=np.tile(K, (3, 1, 1)), sizes=np.tile(np.array(SIZE, float), (3, 1)), depths=files
    )
    share = overlaps(scene)
    assert share is not None
    assert share(0, 1) == pytest.approx(0.75, abs=0.02) == share(1, 0)
    assert share(0, 2) == 0 and share(0, 0) == 1


def test_overlap_that_cannot_be_told_is_one_sentence() -> None:
    with pytest.raises(UserError, match="neither depth maps with intrinsics nor points"):
        draw(scene_of(ring(3)), config(sampler="pairs", yaw=None, overlap=[0.1, 1]))


@pytest.mark.parametrize("keys", [{"yaw": [90, 50]}, {"yaw": [5]}, {"sampler": "some"}, {"views": 1}])
def test_impossible_keys_are_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"data.{next(iter(keys))}="):
        config(**keys)
