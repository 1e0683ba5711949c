"""Cameras and Gaussians as the arrays that viser wants."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hw4.data.scenes.ply import ply_offset
from hw4.show.viewer.subject import ShownCamera

# Field of view of a camera whose intrinsics are not known: it is drawn, and the text says so.
UNKNOWN_FOV = np.radians(60)


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
    quat_xyzw = Rotation.from_matrix(to_first[:3, :3] @ rotation.T).as_quat()
    fov = UNKNOWN_FOV if camera.K is None else 2 * np.arctan(camera.size[1] / (2 * camera.K[1, 1]))
    return quat_xyzw[[3, 0, 1, 2]], position, float(fov)


def read_splats(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gaussians of a 3DGS ``.ply`` as viser wants them; of the SH colours, the one that holds for all sides.

    Returns:
        centres (G, 3) float64 in the user's own world, covariances (G, 3, 3), colours (G, 3) in [0, 1],
        opacities (G, 1).

    Raises:
        UserError: it is no such file.
    """
    from hw4.splat.gaussians import load_ply
    from hw4.splat.rasterize.harmonics import C0

    values = {name: value.detach().numpy().astype(np.float64) for name, value in load_ply(path).items()}
    rotation = Rotation.from_quat(values["quats"][:, [1, 2, 3, 0]]).as_matrix()
    scaled = rotation * np.exp(values["scales"])[:, None, :]
    covariances = scaled @ scaled.transpose(0, 2, 1)
    rgbs = np.clip(0.5 + C0 * values["sh0"][:, 0], 0, 1)
    opacities = 1 / (1 + np.exp(-values["opacities"]))[:, None]
    return values["means"] + ply_offset(path), covariances, rgbs, opacities
