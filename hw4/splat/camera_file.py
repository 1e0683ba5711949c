"""``cameras.json`` of a splat run: training cameras as training left them, and estimated test cameras."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.core.durable import parse_json, write_json
from hw4.core.errors import brief
from hw4.core.regular import regular
from hw4.data.scenes.scene import Scene, TestViews

TRAIN, TEST = "train", "test"
ROLES = {TRAIN: TRAIN, TEST: TEST}
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
    path: Path, scene: Scene, views: Sequence[int], train: Cameras, estimated_test: TestViews | None
) -> None:
    """Write the file.

    Args:
        path: of the file.
        scene: the photos.
        views: which training views the cameras of `train` belong to.
        train: after training, corrected where they were optimised.
        estimated_test: test views with cameras that the scene does not have, or None.
    """
    sides = [
        (TRAIN, scene.train.names[v], scene.train.paths[v], scene.train.images[v].shape[1::-1]) for v in views
    ]
    cameras = list(zip(*train, strict=True))
    test = estimated_test
    if test is not None:
        assert test.cam_from_world is not None and test.Ks is not None and test.sizes is not None
        sizes = [(int(width), int(height)) for width, height in test.sizes]
        sides += zip([TEST] * len(test), test.names, test.paths, sizes, strict=True)
        cameras += zip(test.cam_from_world, test.Ks, strict=True)
    content = [
        {
            "role": role,
            "name": name,
            "cam_from_world": camera[:3],
            "K": K,
            "size": size,
            "photo": str(photo),
        }
        for (role, name, photo, size), (camera, K) in zip(sides, cameras, strict=True)
    ]
    write_json(path, content)


def read_cameras(path: Path) -> list[SavedCamera]:
    """The cameras of a file of `write_cameras`.

    Raises:
        ValueError: there is no such file, or another program wrote it.
    """
    try:
        return [
            SavedCamera(
                ROLES[one["role"]],
                str(one["name"]),
                np.array(one["cam_from_world"], float).reshape(3, 4),
                np.array(one["K"], float).reshape(3, 3),
                (int(one["size"][0]), int(one["size"][1])),
                str(one["photo"]),
            )
            for one in parse_json(regular(path).read_text())
        ]
    except (OSError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path} holds no cameras ({brief(error)})") from error
