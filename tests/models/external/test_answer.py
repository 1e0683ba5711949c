"""The arrays that a program answers: conventions by a point that must project where it does, and refusals."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as any_array
from PIL import Image
from scipy.spatial.transform import Rotation

from hw4.geometry.cameras import four_by_four
from hw4.models.base import Reconstruction
from hw4.models.external.answer import KNOWN, reconstruction_of

N, H, W = 2, 6, 8
PHOTOS = [Image.fromarray(np.random.default_rng(v).integers(0, 255, (24, 32, 3), np.uint8)) for v in range(N)]
Arrays = dict[str, np.ndarray]


@pytest.fixture
def arrays() -> Arrays:
    rng = np.random.default_rng(3)
    cam_from_world = np.zeros((N, 3, 4))
    cam_from_world[:, :, :3] = Rotation.random(N, random_state=1).as_matrix()
    cam_from_world[:, :, 3] = rng.normal(size=(N, 3))
    K = np.array([[10.0, 0, 4.2], [0, 11, 2.9], [0, 0, 1]])
    depth = rng.uniform(1, 3, (N, H, W)).astype(np.float32)
    return {"cam_from_world": cam_from_world, "Ks": np.stack([K, K * [[2.0], [2.0], [1.0]]]), "depth": depth}


def projected(found: Reconstruction, view: int) -> np.ndarray:
    """(H, W, 2) pixels of the model's image where a view's points lie."""
    assert found.pts3d is not None
    R, t = found.cam_from_world[view, :, :3], found.cam_from_world[view, :, 3]
    in_camera = (found.pts3d[view] @ R.T + t) @ found.Ks[view].T
    return in_camera[..., :2] / in_camera[..., 2:]


def test_points_of_depth_project_into_the_middles_of_their_pixels(arrays: Arrays) -> None:
    found = reconstruction_of(arrays, PHOTOS)
    v, u = np.mgrid[:H, :W] + 0.5
    for view in range(N):
        np.testing.assert_allclose(projected(found, view), np.stack([u, v], axis=-1), atol=1e-4)


def test_depth_of_points_is_z_in_the_camera(arrays: Arrays) -> None:
    both = reconstruction_of(arrays, PHOTOS)
    assert both.pts3d is not None and both.depth is not None
    del arrays["Ks"], arrays["depth"]
    found = reconstruction_of({**arrays, "pts3d": np.stack(both.pts3d)}, PHOTOS)
    assert found.depth is not None
    np.testing.assert_allclose(np.stack(found.depth), np.stack(both.depth), atol=1e-5)
    assert not np.isfinite(found.Ks).any()


def test_cameras_may_be_given_either_way_round(arrays: Arrays) -> None:
    cameras = four_by_four(arrays.pop("cam_from_world"))
    whole = reconstruction_of({"cam_from_world": cameras, **arrays}, PHOTOS)
    turned = reconstruction_of({"world_from_cam": np.linalg.inv(cameras)[:, :3], **arrays}, PHOTOS)
    np.testing.assert_allclose(whole.cam_from_world, cameras[:, :3])
    np.testing.assert_allclose(turned.cam_from_world, cameras[:, :3], atol=1e-12)


def test_a_view_with_nan_was_not_placed(arrays: Arrays) -> None:
    arrays["cam_from_world"][1, 0, 3] = np.nan
    arrays["Ks"][0, 0, 0] = np.nan
    found = reconstruction_of(arrays, PHOTOS)
    assert found.is_valid(0) and not found.is_valid(1) and np.isnan(found.cam_from_world[1]).all()
    assert np.isnan(found.Ks[0]).all() and found.pts3d is not None
    assert np.isnan(found.pts3d[0]).all() and np.isnan(found.pts3d[1]).all()


def test_the_model_sees_the_whole_photo_resized(arrays: Arrays) -> None:
    found = reconstruction_of(arrays, PHOTOS)
    np.testing.assert_allclose(found.original_from_model[0], np.diag([4.0, 4, 1]))
    assert found.images[0].shape == (H, W, 3) and found.image_sizes.tolist() == [[32, 24]] * 2
    np.testing.assert_allclose(found.Ks_original[0, 0], [40, 0, 16.8])
    wanted = np.array(PHOTOS[0].resize((W, H), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(found.images[0], wanted)


def test_a_crop_is_cut_from_the_photo(arrays: Arrays) -> None:
    crop = np.array([[2.0, 0, 8], [0, 2, 6], [0, 0, 1]])
    found = reconstruction_of({**arrays, "original_from_model": np.stack([crop] * 2)}, PHOTOS)
    box = PHOTOS[0].crop((8, 6, 8 + 2 * W, 6 + 2 * H)).resize((W, H), Image.Resampling.LANCZOS)
    inner = np.s_[1:-1, 1:-1]
    # At the edge, a crop of the photo has neighbours that a cut-out has not.
    assert np.abs(found.images[0][inner].astype(int) - np.array(box)[inner]).mean() < 8
    shifted = np.array([[1.0, 0, -3], [0, 1, 0], [0, 0, 1]])
    found = reconstruction_of({**arrays, "original_from_model": np.stack([shifted] * 2)}, PHOTOS)
    assert (found.images[0][:, :3] == 0).all()
    np.testing.assert_array_equal(found.images[0][:, 3:], np.array(PHOTOS[0])[:H, : W - 3])


def test_images_of_several_sizes_come_one_by_one(arrays: Arrays) -> None:
    del arrays["depth"]
    arrays |= {
        "depth/0": np.ones((4, 5)),
        "depth/1": np.ones((7, 3)),
        "conf/0": np.ones((4, 5)),
        "conf/1": np.ones((7, 3)),
    }
    found = reconstruction_of(arrays, PHOTOS)
    assert [image.shape for image in found.images] == [(4, 5, 3), (7, 3, 3)]
    assert found.conf is not None and found.conf[1].shape == (7, 3)


def test_sparse_points_and_a_size_alone(arrays: Arrays) -> None:
    del arrays["depth"]
    points, colors = np.arange(6.0).reshape(2, 3), np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    found = reconstruction_of(
        {**arrays, "points": points, "point_colors": colors, "size": np.array([16, 12])}, PHOTOS
    )
    assert found.points is not None and found.points.dtype == np.float32 and found.pts3d is None
    assert found.image_size(1) == (16, 12) and found.point_colors is not None


IDENTITIES = np.tile(np.eye(3, 4), (N, 1, 1))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cam_from_world": None}, "neither of cam_from_world and world_from_cam"),
        ({"world_from_cam": IDENTITIES}, "cam_from_world and world_from_cam of"),
        ({"cam_from_world": IDENTITIES[:1]}, r"shape \(1, 3, 4\), not \(2, 3, 4\) or \(2, 4, 4\)"),
        ({"cam_from_world": np.array([["a"] * 4] * 3)}, "holds <U1, not numbers"),
        ({"cam_from_world": 2 * IDENTITIES}, "no rotation in view 0"),
        ({"cam_from_world": IDENTITIES * [[[-1]], [[1]]]}, "no rotation in view 0"),
        ({"cam_from_world": np.ones((N, 4, 4))}, "a last row other than 0 0 0 1"),
        ({"Ks": np.zeros((N, 3, 3))}, "no pinhole camera's"),
        ({"Ks": np.eye(3)}, r"shape \(3, 3\), not \(2, 3, 3\)"),
        ({"depth": np.ones((N, H))}, r"shape \(2, 6\), not \(2, H, W\)"),
        ({"depth": np.ones((N, 0, W))}, "without pixels"),
        ({"conf": np.ones((N, H, W + 1))}, "images of several sizes"),
        ({"size": np.array([W, H + 1])}, "images of several sizes"),
        ({"size": np.array([0, 3])}, "no width and height"),
        ({"depth/0": np.ones((H, W))}, "give depth, or depth/0 to depth/1"),
        ({"original_from_model": np.zeros((N, 3, 3))}, "no affine map"),
        ({"extrinsics": IDENTITIES}, "'extrinsics' is none of the arrays"),
        ({"point_colors": np.zeros((1, 3))}, "not one for each of points"),
        ({"points": np.zeros((4, 2))}, r"shape \(4, 2\), not \(P, 3\)"),
    ],
)
def test_what_is_no_answer_is_refused(
    change: dict[str, np.ndarray | None], sentence: str, arrays: Arrays
) -> None:
    changed = {k: v for k, v in {**arrays, **change}.items() if v is not None}
    with pytest.raises(ValueError, match=sentence):
        reconstruction_of(changed, PHOTOS)


def test_words_that_are_none_are_refused(arrays: Arrays) -> None:
    with pytest.raises(ValueError, match="diagnoses are not 2 words"):
        reconstruction_of(arrays, PHOTOS, diagnoses=["a"])


SHAPES = ((), (2,), (2, 2), (2, 3, 3), (2, 3, 4), (2, 4, 4), (2, 2, 3), (2, 2, 3, 3), (2, 3), (0, 3), (0, 0))
TYPES = ("f8", "f2", "i4", "u1", "?", "U2", "c16")


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*KNOWN, "depth/0", "depth/1", "conf/0", "other"]),
        st.tuples(st.sampled_from(TYPES), st.sampled_from(SHAPES)).flatmap(lambda kind: any_array(*kind)),
    ),
    st.sampled_from([True, False]),
)
def test_whatever_is_answered_is_taken_or_refused(answered: Arrays, with_cameras: bool) -> None:
    """Nothing else is raised: a `ValueError` is the reason of a sample."""
    if with_cameras:
        answered = {**answered, "cam_from_world": IDENTITIES}
    with contextlib.suppress(ValueError):
        found = reconstruction_of(answered, PHOTOS)
        assert found.n_views == N and len(found.images) == N
