"""`data.layout=transforms`: ``transforms.json`` of Instant-NGP and nerfstudio, every k-th photo held out."""

import json
from pathlib import Path

import numpy as np

from hw4.core.errors import UserError
from hw4.data.scenes.files import Layout, PosedViews, SceneFiles, Split, part_of

NAME, SIGN = "transforms", "transforms.json"


def read_views(path: Path) -> PosedViews:
    """The photos with their cameras, in the order of their names."""
    try:
        scene = json.loads(path.read_text())
        frames = sorted(scene["frames"], key=lambda frame: frame["file_path"])
        world_from_cam = np.array([frame["transform_matrix"] for frame in frames], dtype=float)
        K = [[scene["fl_x"], 0, scene["cx"]], [0, scene["fl_y"], scene["cy"]], [0, 0, 1]]
        size = [scene["w"], scene["h"]]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} is no transforms.json ({error!r}); mend it.") from error
    n = len(frames)
    return PosedViews(
        names=[frame["file_path"] for frame in frames],
        # From OpenGL's axes (y up, z backwards) to OpenCV's.
        cam_from_world=np.linalg.inv(world_from_cam @ np.diag([1.0, -1, -1, 1])),
        Ks=np.tile(np.array(K, dtype=float), (n, 1, 1)),
        sizes=np.tile(size, (n, 1)),
    )


def locate(root: Path, split: Split) -> SceneFiles:
    """The training and the test part; no photo is opened."""
    path = root / SIGN
    views = read_views(path)
    train, test = (part_of(root, views, ids, (path,)) for ids in split.sides(len(views.names)))
    return SceneFiles(root, NAME, train, test)


LAYOUT = Layout(
    NAME,
    SIGN,
    is_mine=lambda root: (root / SIGN).is_file(),
    locate=locate,
    # The photos lie beside it, and so may the COLMAP model that it was made of.
    before=("colmap", "photos"),
    photos=lambda root: root,
)
