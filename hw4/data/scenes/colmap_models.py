"""Which COLMAP model of a folder is read: the mapper leaves several where it could not join them."""

import struct
from dataclasses import dataclass
from pathlib import Path

from hw4.core.errors import UserError
from hw4.data.scenes.colmap_files import has_colmap, model_suffix, shows_colmap
from hw4.data.scenes.colmap_text import read_image_rows

COUNT = struct.Struct("<Q")


@dataclass(frozen=True)
class ColmapModel:
    """The folder of a model, and what is to be said of others beside it."""

    folder: Path
    notes: tuple[str, ...] = ()


def find_model(root: Path) -> ColmapModel | None:
    """The model of a scene's folder: in ``sparse/<n>``, in ``sparse``, or in itself; None: there is none."""
    if shows_colmap(root / "sparse" / "0") and not has_colmap(root / "sparse" / "0"):
        # Part of a copy: another model must not pass for the one that it was.
        return None
    return _largest(root / "sparse") or _in(root / "sparse") or _in(root)


def model_in(folder: Path) -> ColmapModel | None:
    """The model of a folder that a person has named: its own, or as `find_model`, or in ``<n>``."""
    return _in(folder) or find_model(folder) or _largest(folder)


def n_images(folder: Path) -> int:
    """How many images a model has; 0 where that cannot be read, which its reader says when it is chosen."""
    path = folder / f"images{model_suffix(folder)}"
    try:
        if path.suffix == ".txt":
            return len(read_image_rows(path)[0])
        with path.open("rb") as file:
            return int(COUNT.unpack(file.read(COUNT.size))[0])
    except (OSError, UserError, struct.error):
        return 0


def _in(folder: Path) -> ColmapModel | None:
    return ColmapModel(folder) if has_colmap(folder) else None


def _largest(parent: Path) -> ColmapModel | None:
    """Of the models in numbered folders the one with the most images; the first of several such."""
    numbered = [path for path in parent.iterdir() if path.name.isdecimal()] if parent.is_dir() else []
    models = sorted((path for path in numbered if has_colmap(path)), key=lambda path: int(path.name))
    if len(models) < 2:
        return ColmapModel(models[0]) if models else None
    counts = {path: n_images(path) for path in models}
    chosen = max(models, key=lambda path: counts[path])
    others = ", ".join(f"{path.name} ({counts[path]})" for path in models if path != chosen)
    note = (
        f"{parent} holds {len(models)} models, each in a world of its own: {chosen.name} is the largest "
        f"({counts[chosen]} images) and is used, not {others}"
    )
    return ColmapModel(chosen, (note,))
