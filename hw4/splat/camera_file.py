"""``cameras.json`` of a splat run: training cameras as training left them, and estimated test cameras."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.data.scenes import Scene
from hw4.durable import write_json

TRAIN, TEST = "train", "test"
# Cameras with their intrinsics: (N, 4, 4) cam_from_world, (N, 3, 3) Ks.
Cameras = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class SavedCamera:
    """A camera in the world of the run's Gaussians.

    Attributes:
        role: ``train`` or ``test``.
        name: of the photo.
        cam_from_world: (3, 4).
        K: (3, 3) in pixels of an image of `size` (width, height).
        photo: path of the photo where the run read it.
    """

    role: str
    name: str
    cam_from_world: np.ndarray
    K: np.ndarray
    size: tuple[int, int]
    photo: str


def write_cameras(
    path: Path, scene: Scene, views: Sequence[int], train: Cameras, estimated_test: Cameras | None
) -> None:
    """Write the file.

    Args:
        path: of the file.
        scene: the photos.
        views: which training views the cameras of `train` belong to.
        train: after training, corrected where they were optimised.
        estimated_test: test cameras that the scene does not have, or None.
    """
    sides = [(TRAIN, scene.train.names[v], scene.train.paths[v], scene.train.images[v]) for v in views]
    cameras = list(zip(*train, strict=True))
    if estimated_test is not None:
        tests = enumerate(zip(scene.test.names, scene.test.paths, strict=True))
        sides += [(TEST, name, photo, scene.test.load(i)[0]) for i, (name, photo) in tests]
        cameras += zip(*estimated_test, strict=True)
    content = [
        {
            "role": role,
            "name": name,
            "cam_from_world": camera[:3],
            "K": K,
            "size": image.shape[1::-1],
            "photo": str(photo),
        }
        for (role, name, photo, image), (camera, K) in zip(sides, cameras, strict=True)
    ]
    write_json(path, content)


def read_cameras(path: Path) -> list[SavedCamera]:
    """The cameras of a file of `write_cameras`.

    Raises:
        OSError, ValueError, KeyError, TypeError: there is no such file, or another program wrote it.
    """
    return [
        SavedCamera(
            one["role"],
            one["name"],
            np.array(one["cam_from_world"], float).reshape(3, 4),
            np.array(one["K"], float).reshape(3, 3),
            (int(one["size"][0]), int(one["size"][1])),
            one["photo"],
        )
        for one in json.loads(path.read_text())
    ]
