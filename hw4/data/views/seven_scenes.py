"""7-Scenes (`data=7scenes`).

``frame-000000.pose.txt`` is a 4x4 camera-to-world matrix, OpenCV axes, in metres; depth maps are in
millimetres with 65535 for nothing measured. The data set names one camera: focal length 585, principal
point in the middle of 640x480 (Shotton et al., CVPR 2013, and its page); the colour camera is not
registered to it.
"""

import re
from pathlib import Path

import numpy as np

from hw4.config import SevenScenesConfig
from hw4.core.errors import UserError
from hw4.data.views.depth import DepthFile
from hw4.data.views.folders import scene_folders
from hw4.data.views.poses import cam_from_world_of, dropped, known_poses, read_lines, read_matrix
from hw4.data.views.scene import SceneViews

SIZE = (640.0, 480.0)
K = np.array([[585.0, 0, 320], [0, 585, 240], [0, 0, 1]])
NOTHING = 65535
SPLITS = {"train": "TrainSplit.txt", "test": "TestSplit.txt"}


def is_scene(root: Path) -> bool:
    """Whether a folder has sequences with frames."""
    return any(any(path.glob("frame-*.pose.txt")) for path in root.glob("seq-*"))


def scenes(config: SevenScenesConfig) -> list[SceneViews]:
    """Every scene; views are called ``seq-01/frame-000000``, in their order.

    Raises:
        UserError: there is none, or a pose or split cannot be read.
    """
    found = scene_folders(config, is_scene, "seq-*/frame-*.pose.txt")
    return [read_scene(name, path, config.split) for name, path in found.items()]


def sequences(root: Path, split: str | None) -> list[str]:
    """The folders of a split; null: of all that are there.

    Raises:
        UserError: the split's file cannot be read.
    """
    there = sorted(path.name for path in root.glob("seq-*") if path.is_dir())
    if split is None:
        return there
    # "sequence1" is the folder seq-01.
    numbers = [re.search(r"\d+", line) for line in read_lines(root / SPLITS[split])]
    named = {f"seq-{int(found[0]):02d}" for found in numbers if found}
    if missing := sorted(named - set(there)):
        raise UserError(f"{root / SPLITS[split]} lists {missing[0]}, which is not there.")
    return [name for name in there if name in named]


def read_scene(name: str, root: Path, split: str | None = None) -> SceneViews:
    """The scene of a folder; see `scenes`."""
    poses = [
        path for folder in sequences(root, split) for path in sorted((root / folder).glob("frame-*.pose.txt"))
    ]
    names = [f"{path.parent.name}/{path.name.removesuffix('.pose.txt')}" for path in poses]
    written = np.array([read_matrix(path) for path in poses]).reshape(-1, 4, 4)
    known = known_poses(written)
    kept = np.flatnonzero(known)
    named = tuple(names[i] for i in kept)
    lists = [root / SPLITS[split]] if split else []
    splits = None
    if split is None and (root / SPLITS["test"]).is_file():
        tested = sequences(root, "test")
        splits = tuple("test" if view.partition("/")[0] in tested else "train" for view in named)
        lists = [root / SPLITS["test"]]
    return SceneViews(
        name,
        named,
        tuple(root / f"{view}.color.png" for view in named),
        cam_from_world_of(written[kept], named, root),
        np.tile(K, (len(named), 1, 1)),
        np.tile(SIZE, (len(named), 1)),
        tuple(_depth(root / f"{view}.depth.png") for view in named),
        (*lists, *poses),
        dropped(known, names),
        splits,
    )


def _depth(path: Path) -> DepthFile | None:
    return DepthFile(path, invalid=NOTHING) if path.is_file() else None
