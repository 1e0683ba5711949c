"""Cambridge Landmarks as its authors give it (`data=cambridge`).

``dataset_train.txt`` and ``dataset_test.txt``: three lines of header, then ``photo X Y Z W P Q R``: the
camera's centre in the world, and the world-to-camera rotation as a quaternion (w, x, y, z), OpenCV axes.
Focal lengths are those of ``reconstruction.nvm`` (VisualSFM), whose principal point is the middle of the
photo. Source: the data set's readme and VisualSFM's documentation of NVM.
"""

from pathlib import Path

import numpy as np

from hw4.config import CambridgeConfig
from hw4.core.errors import UserError
from hw4.data.photos import refuse_outside, without_suffix
from hw4.data.views.folders import scene_folders
from hw4.data.views.poses import dropped, from_quaternions, known_poses, read_lines
from hw4.data.views.scene import SceneViews

SPLITS = ("train", "test")
NVM = "reconstruction.nvm"
# Every photo of the data set.
SIZE = (1920.0, 1080.0)


def scenes(config: CambridgeConfig) -> list[SceneViews]:
    """Every scene; views in the order of the files, those for training first.

    Raises:
        UserError: there is none, or a file cannot be read.
    """
    splits = [config.split] if config.split else list(SPLITS)
    found = scene_folders(
        config,
        lambda path: any((path / _file(split)).is_file() for split in splits),
        "dataset_train.txt or _test",
    )
    return [read_scene(name, path, splits) for name, path in found.items()]


def _file(split: str) -> str:
    return f"dataset_{split}.txt"


def read_scene(name: str, root: Path, splits: list[str]) -> SceneViews:
    """The scene of a folder; see `scenes`."""
    files = [root / _file(split) for split in splits if (root / _file(split)).is_file()]
    names, of = list[str](), list[str]()
    rows: list[list[float]] = []
    for file in files:
        lines = read_lines(file)
        header = next((number for number, line in enumerate(lines[:3]) if line.startswith("ImageFile")), -1)
        for line in lines[header + 1 :]:
            *photo, x, y, z, w, p, q, r = line.split() if len(line.split()) > 7 else [""] * 8
            try:
                rows.append([float(value) for value in (x, y, z, w, p, q, r)])
            except ValueError as error:
                raise UserError(
                    f"{file} has a line that is not 'photo X Y Z W P Q R': {line[:60]!r}."
                ) from error
            names.append(" ".join(photo))
            of.append("test" if file.name == _file("test") else "train")
    refuse_outside(names, root)
    if len(set(names)) < len(names):
        raise UserError(f"{root} lists a photo twice in {' and '.join(map(_file, splits))}.")
    values = np.array(rows).reshape(-1, 7)
    known = known_poses(values)
    kept = np.flatnonzero(known)
    named = tuple(names[i] for i in kept)
    focals = _focals(root / NVM) if (root / NVM).is_file() else {}
    Ks = np.full((len(named), 3, 3), np.nan)
    for i, view in enumerate(named):
        focal = focals.get(without_suffix(view))
        if focal is not None:
            Ks[i] = [[focal, 0, SIZE[0] / 2], [0, focal, SIZE[1] / 2], [0, 0, 1]]
    notes = dropped(known, names)
    unknown = int(np.isnan(Ks[:, 0, 0]).sum())
    if unknown:
        notes += (
            f"intrinsics of {unknown} of {len(named)} views are not known ({NVM} lacks their focal lengths)",
        )
    return SceneViews(
        name,
        named,
        tuple(root / view for view in named),
        from_quaternions(values[kept, 3:], values[kept, :3], named, root),
        Ks if unknown < len(named) else None,
        np.tile(SIZE, (len(named), 1)),
        listing=(*files, *([root / NVM] if focals else [])),
        notes=notes,
        splits=tuple(of[i] for i in kept) if "test" in of else None,
    )


def _focals(path: Path) -> dict[str, float]:
    """Focal length in pixels by photo name without suffix."""
    lines = read_lines(path)
    try:
        count = int(lines[1])
        rows = [line.split() for line in lines[2 : 2 + count]]
        # A name may hold blanks; ten numbers follow it.
        return {without_suffix(" ".join(row[:-10])): float(row[-10]) for row in rows}
    except (ValueError, IndexError) as error:
        raise UserError(f"{path} is no NVM_V3 of VisualSFM ({error}).") from error
