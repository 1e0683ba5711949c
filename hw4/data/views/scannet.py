"""ScanNet as its own reader unpacks a scan (`data=scannet`).

``pose/<n>.txt`` is a 4x4 camera-to-world matrix, OpenCV axes, in metres; a lost camera is written as -inf.
Depth maps are in millimetres. ``intrinsic/intrinsic_color.txt`` takes a pixel's centre for whole numbers,
as the reader does when it unprojects; here the image's corner is (0, 0), half a pixel further. Source: the
data set's page and SensReader.
"""

from pathlib import Path

import numpy as np

from hw4.config import ScannetConfig
from hw4.data.photos import by_number
from hw4.data.views.depth import DepthFile
from hw4.data.views.folders import scene_folders
from hw4.data.views.poses import cam_from_world_of, dropped, known_poses, read_matrix
from hw4.data.views.scene import SceneViews

INTRINSICS = ("intrinsic/intrinsic_color.txt", "intrinsic_color.txt")


def scenes(config: ScannetConfig) -> list[SceneViews]:
    """Every scan; views in the order of their numbers.

    Raises:
        UserError: there is none, or a pose or the intrinsics cannot be read.
    """
    found = scene_folders(
        config,
        lambda path: (path / "color").is_dir() and (path / "pose").is_dir(),
        "color/ and pose/",
        depth=2,
    )
    return [_scene(name, path) for name, path in found.items()]


def _scene(name: str, root: Path) -> SceneViews:
    poses = sorted((root / "pose").glob("*.txt"), key=lambda path: by_number(path.name))
    names = [path.stem for path in poses]
    written = np.array([read_matrix(path) for path in poses]).reshape(-1, 4, 4)
    known = known_poses(written)
    kept = np.flatnonzero(known)
    named = tuple(names[i] for i in kept)
    # A folder's names once: there may be thousands.
    photos = {path.stem: path for path in (root / "color").iterdir()}
    maps = {path.stem for path in (root / "depth").iterdir()} if (root / "depth").is_dir() else set()
    files = [root / path for path in INTRINSICS if (root / path).is_file()]
    Ks, notes = None, dropped(known, names)
    if files:
        K = read_matrix(files[0])[:3, :3] + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
        Ks = np.tile(K, (len(named), 1, 1))
    else:
        notes += (f"intrinsics are not known: there is no {INTRINSICS[0]}",)
    return SceneViews(
        name,
        named,
        tuple(photos.get(view, root / "color" / f"{view}.jpg") for view in named),
        cam_from_world_of(written[kept], named, root / "pose"),
        Ks,
        depths=tuple(DepthFile(root / "depth" / f"{v}.png") if v in maps else None for v in named)
        if maps
        else None,
        listing=(*files[:1], *poses),
        notes=notes,
    )
