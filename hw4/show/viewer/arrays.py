"""Cameras and Gaussians as the arrays that viser wants."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from hw4.data.scenes.ply import ply_offset
from hw4.show.viewer.subject import ShownCamera

# Field of view of a camera whose intrinsics are not known: it is drawn, and the text says so.
UNKNOWN_FOV = np.radians(60)


class SplatArrays(NamedTuple):
    """Gaussians as viser wants them.

    Attributes:
        centers: (G, 3) float64.
        covariances: (G, 3, 3).
        rgbs: (G, 3) in [0, 1]: of the SH colours, the part that is the same from all sides.
        opacities: (G, 1).
    """

    centers: np.ndarray
    covariances: np.ndarray
    rgbs: np.ndarray
    opacities: np.ndarray


def vertical_fov(camera: ShownCamera) -> float:
    """Radians."""
    return float(UNKNOWN_FOV if camera.K is None else 2 * np.arctan(camera.size[1] / (2 * camera.K[1, 1])))


def quat_wxyz(rotation: np.ndarray) -> np.ndarray:
    """(4,) of a (3, 3) rotation."""
    return Rotation.from_matrix(rotation).as_quat()[[3, 0, 1, 2]]


def standing_at(
    camera: ShownCamera, to_first: np.ndarray, origin: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Where the reader stands who looks through a camera, in the viewer's own frame.

    Args:
        camera: in the view's world.
        to_first: (4, 4) that turns that world as it is shown; `origin` (3,) is taken off its points before.

    Returns:
        orientation as a quaternion (4,), w first; position (3,); vertical field of view in radians.
    """
    rotation, translation = camera.cam_from_world[:, :3], camera.cam_from_world[:, 3]
    position = to_first[:3, :3] @ (-rotation.T @ translation - origin)
    return quat_wxyz(to_first[:3, :3] @ rotation.T), position, vertical_fov(camera)


def splat_arrays(values: Mapping[str, np.ndarray]) -> SplatArrays:
    """Gaussians as viser wants them, of training's parameters (`hw4.splat.gaussians`) as arrays."""
    from hw4.splat.rasterize.harmonics import C0

    values = {name: np.asarray(value, np.float64) for name, value in values.items()}
    rotation = Rotation.from_quat(values["quats"][:, [1, 2, 3, 0]]).as_matrix()
    scaled = rotation * np.exp(values["scales"])[:, None, :]
    covariances = scaled @ scaled.transpose(0, 2, 1)
    rgbs = np.clip(0.5 + C0 * values["sh0"][:, 0], 0, 1)
    # An opacity of exactly 0 is infinite before its activation.
    with np.errstate(over="ignore"):
        opacities = 1 / (1 + np.exp(-values["opacities"]))[:, None]
    return SplatArrays(values["means"], covariances, rgbs, opacities)


def read_splats(path: Path) -> SplatArrays:
    """Gaussians of a 3DGS ``.ply``, in the user's own world.

    Raises:
        UserError: it is no such file.
    """
    from hw4.splat.gaussians import load_ply

    arrays = splat_arrays({name: value.detach().numpy() for name, value in load_ply(path).items()})
    return arrays._replace(centers=arrays.centers + ply_offset(path))
