"""RealEstate10K (`data=re10k`).

A camera file has the video's address, then a line a frame: timestamp (microseconds), focal lengths and
principal point in units of the photo's width and height, two unused numbers, and the 3x4 world-to-camera
matrix row by row, OpenCV axes. Source: the data set's page. Photos are not part of it: they are the frames
that were taken out of the videos.
"""

from pathlib import Path

import numpy as np

from hw4.config import Re10kConfig
from hw4.core.errors import UserError
from hw4.data.views.folders import chosen_scenes, root_of
from hw4.data.views.poses import dropped, known_poses, read_lines, rigid
from hw4.data.views.scene import SceneViews

COLUMNS = 19
SUFFIXES = (".png", ".jpg")


def scenes(config: Re10kConfig) -> list[SceneViews]:
    """Every clip with photos; views are called by their timestamps, in the order of time.

    Raises:
        UserError: there is none, or a camera file cannot be read.
    """
    root = root_of(config)
    parts = [config.split] if config.split else ["", "cameras", "train", "test"]
    files = {
        path.stem: path
        for part in parts
        for path in sorted((root / part).glob("*.txt"))
        if part or _is_clip(path)
    }
    if not files:
        raise UserError(f"{root} holds no scene of data=re10k: no <clip>.txt of cameras; set data.root.")
    found = [_clip(root, files[name], config.photos) for name in chosen_scenes(config, sorted(files))]
    if all(scene is None for scene in found):
        raise UserError(
            f"{root} has cameras of {len(found)} clips and photos of none, such as "
            f"{_folder(root, next(iter(files.values())), config.photos)}/<timestamp>.png; set data.photos."
        )
    return [scene for scene in found if scene is not None]


def _is_clip(path: Path) -> bool:
    # Other text files may lie in the root; a clip begins with its video's address.
    with path.open("rb") as file:
        return file.read(4) == b"http"


def _folder(root: Path, file: Path, photos: str | None) -> Path:
    if photos is not None:
        return root / photos / file.stem
    own = [root / name / file.stem for name in ("frames", "images")]
    return next((path for path in own if path.is_dir()), file.with_suffix(""))


def _clip(root: Path, file: Path, photos: str | None) -> SceneViews | None:
    """The scene of a camera file; None where it has no photo."""
    folder = _folder(root, file, photos)
    there = (
        {path.stem: path for path in folder.iterdir() if path.suffix in SUFFIXES} if folder.is_dir() else {}
    )
    if not there:
        return None
    rows = [line.split() for line in read_lines(file)[1:]]
    try:
        numbers = np.array([row[1:] for row in rows], float).reshape(len(rows), COLUMNS - 1)
        times = [int(row[0]) for row in rows]
    except ValueError as error:
        raise UserError(f"{file} has a line that is not a timestamp and 18 numbers ({error}).") from error
    names = [str(time) for time in times]
    written = numbers[:, 6:].reshape(-1, 3, 4)
    has_photo = np.array([name in there for name in names], bool)
    known = known_poses(written) & has_photo
    kept = sorted(np.flatnonzero(known), key=lambda i: times[i])
    named = tuple(names[i] for i in kept)
    fx, fy, cx, cy = numbers[kept, :4].T
    Ks = np.tile(np.eye(3), (len(kept), 1, 1))
    # In units of the photo: of an image of one by one pixel.
    Ks[:, 0, 0], Ks[:, 1, 1], Ks[:, 0, 2], Ks[:, 1, 2] = fx, fy, cx, cy
    return SceneViews(
        file.stem,
        named,
        tuple(there[name] for name in named),
        rigid(written[kept], named, file),
        Ks,
        np.ones((len(kept), 2)),
        listing=(file,),
        notes=dropped(known, names, "pose or no photo"),
    )
