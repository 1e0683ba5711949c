"""InstantSplat's layout: ``sparse_<n>/0`` lists the n training views, ``sparse_<n>/1`` the test views."""

import re
from pathlib import Path

from hw4.core.errors import UserError
from hw4.data.scenes.colmap_files import CAMERA_FILES, has_colmap, model_files, shows_colmap
from hw4.data.scenes.files import Layout, Part, SceneFiles, Split, part_of

NAME = "sparse_3"
CONFIDENCE = "confidence_dsp.npy"


def _folders(root: Path) -> dict[int, Path]:
    """The ``sparse_<n>`` in which cameras lie, or should: a part without its cameras is refused later."""
    numbered = {int(p.name[7:]): p for p in root.glob("sparse_*") if re.fullmatch("[0-9]{1,9}", p.name[7:])}
    return {n: numbered[n] for n in sorted(numbered) if any((numbered[n] / side).is_dir() for side in "01")}


def _chosen(root: Path, train_views: int | None) -> Path:
    folders = _folders(root)
    found = {n: path for n, path in folders.items() if has_colmap(path / "0")}
    if not found:
        lacking = next(
            (f": {path.name}/0 lacks {' or '.join(CAMERA_FILES)}" for path in folders.values()), ""
        )
        raise UserError(
            f"{root} has no sparse_<n>/0 with a whole COLMAP model (data.layout={NAME}){lacking}. Without it "
            "nobody knows which photos are for testing: put it there, or choose another data.layout."
        )
    if len(found) == 1:
        return next(iter(found.values()))
    if train_views not in found:
        names = ", ".join(path.name for path in found.values())
        raise UserError(
            f"{root} holds several sets of views ({names}): choose one with data.train_views="
            f"{' or '.join(map(str, found))}."
        )
    return found[train_views]


def _locate(root: Path, split: Split) -> SceneFiles:
    from hw4.data.scenes.colmap import read_colmap

    folder = _chosen(root, split.train_views)
    views, photos = read_colmap(folder / "0"), split.photos(root)
    n = len(views.names)
    if split.train_views is not None and split.train_views != n:
        raise UserError(
            f"{folder} says itself which {n} images train: data.train_views={split.train_views} cannot be "
            "met."
        )
    confidence = folder / "0" / CONFIDENCE
    listing = model_files(folder / "0")
    train = part_of(photos, views, list(range(n)), listing, confidence if confidence.is_file() else None)
    if not has_colmap(folder / "1"):
        if shows_colmap(folder / "1"):
            raise UserError(
                f"{folder / '1'} has a COLMAP model without {' or '.join(CAMERA_FILES)}: put it there, or "
                "remove the folder, and nothing is scored."
            )
        note = f"{folder / '1'} has no test cameras: nothing is scored"
        return SceneFiles(root, NAME, train, Part([], []), notes=(note,))
    held_out = read_colmap(folder / "1")
    test = part_of(photos, held_out, list(range(len(held_out.names))), model_files(folder / "1"))
    return SceneFiles(root, NAME, train, test)


# Beside the sets there may be the whole model that they were made of, and always the photos.
LAYOUT = Layout(NAME, "sparse_<n>/0", lambda root: bool(_folders(root)), _locate, before=("colmap", "photos"))
