"""The unit world that Gaussians are trained and rendered in, and the way back into the user's own."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import ParameterDict

from hw4.data.scenes.scene import Scene
from hw4.geometry.align import Similarity
from hw4.geometry.unit_world import median_distance, unit_world
from hw4.splat.gaussians import parameters

# What float32 may round off positions in a PLY, as a share of the scene's size.
ROUNDING = 1e-5


def in_unit_world(scene: Scene) -> tuple[Scene, Similarity | None]:
    """The scene with its cameras and points in their unit world, and the similarity that carried them there.

    A scene without cameras is left as it is (None): its world will be that of a model.
    """
    train, test = scene.train, scene.test
    if train.cam_from_world is None:
        return scene, None
    unit = unit_world(train.cam_from_world, train.points)
    train = replace(
        train,
        cam_from_world=unit.cam_from_world(train.cam_from_world),
        points=None if train.points is None else unit.points(train.points),
    )
    if test.cam_from_world is not None:
        test = replace(test, cam_from_world=unit.cam_from_world(test.cam_from_world))
    return replace(scene, train=train, test=test), unit


def moved_gaussians(gaussians: ParameterDict, similarity: Similarity) -> dict[str, Tensor]:
    """Parameters of the same Gaussians in another world, on the CPU: ``means`` and ``scales`` in float64.

    The similarity must not turn: quaternions and spherical harmonics would turn with it.
    """
    values = {name: p.detach().cpu() for name, p in gaussians.items()}
    means = similarity.points(values["means"].double().numpy())
    scales = values["scales"].double() + float(np.log(similarity.scale))
    return {**values, "means": torch.from_numpy(means), "scales": scales}


def gaussians_in_unit_world(
    gaussians: ParameterDict, offset: np.ndarray, cam_from_world: np.ndarray
) -> tuple[ParameterDict, np.ndarray]:
    """Gaussians of a file, and cameras to render them from, in the cameras' unit world.

    Args:
        gaussians: see `hw4.splat.gaussians.load_ply`.
        offset: (3,) what is to be added to their centres, see `hw4.data.scenes.ply.ply_offset`.
        cam_from_world: (N, 4, 4) float64.

    Returns:
        the Gaussians in float32, and (N, 4, 4) float64.
    """
    means = gaussians["means"].detach().cpu().double().numpy()
    unit = unit_world(cam_from_world, means + offset)
    of_file = Similarity(unit.scale, unit.rotation, unit.points(offset))
    values = {name: value.float() for name, value in moved_gaussians(gaussians, of_file).items()}
    return parameters(values), unit.cam_from_world(cam_from_world)


def offset_of(means: np.ndarray, cam_from_world: np.ndarray) -> np.ndarray:
    """(3,) by which (G, 3) float64 centres are to be moved so that float32 holds them; zeros: it does.

    A decimal number of as few digits as the scene's size allows.

    Args:
        means: in the user's own world.
        cam_from_world: (N, 4, 4) float64 cameras of that world.
    """
    unit = unit_world(cam_from_world, means)
    centre = unit.inverse.translation
    size = max(1 / unit.scale, median_distance(centre, means))
    if np.spacing(np.float32(np.abs(centre).max())) <= ROUNDING * size:
        return np.zeros(3)
    digits = -int(np.floor(np.log10(size)))
    return np.array([round(float(value), digits) for value in centre])
