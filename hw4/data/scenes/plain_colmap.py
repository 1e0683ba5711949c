"""A COLMAP model of all photos, some of which are held out."""

from pathlib import Path

from hw4.core.errors import UserError
from hw4.data.photo_files import nested
from hw4.data.photos import find_images, without_suffix
from hw4.data.scenes.colmap_files import CAMERA_FILES, model_files, shows_colmap
from hw4.data.scenes.colmap_models import find_model, model_in
from hw4.data.scenes.files import Layout, SceneFiles, Split, part_of

NAME = "colmap"


def _is_mine(root: Path) -> bool:
    # A model without its cameras is refused: its photos must not pass for photos of which nothing is known.
    return find_model(root) is not None or any(map(shows_colmap, (root / "sparse" / "0", root / "sparse")))


def _locate(root: Path, split: Split) -> SceneFiles:
    from hw4.data.scenes.colmap import read_colmap

    model = find_model(root) if split.colmap is None else model_in(root / Path(split.colmap).expanduser())
    if model is None and split.colmap is not None:
        raise UserError(
            f"data.colmap={split.colmap}: {root / split.colmap} holds no COLMAP model "
            f"({' or '.join(CAMERA_FILES)})."
        )
    if model is None:
        raise UserError(
            f"{root} has no sparse/0 with a whole COLMAP model (data.layout={NAME}): "
            f"{' or '.join(CAMERA_FILES)} is missing."
        )
    views, photos = read_colmap(model.folder), split.photos(root)
    listing = model_files(model.folder)
    train, test = (part_of(photos, views, ids, listing) for ids in split.sides(len(views.names)))
    notes = (*model.notes, *_without_camera(photos, views.names))
    return SceneFiles(root, NAME, train, test, points_saw_test=True, notes=notes)


def _without_camera(folder: Path, listed: list[str]) -> tuple[str, ...]:
    """What is to be said of photos that the model did not place; names may lack their suffixes."""
    if not folder.is_dir():
        return ()
    placed = {without_suffix(name) for name in listed}
    photos = [*find_images(folder), *nested(folder)]
    names = [path.relative_to(folder).as_posix() for path in photos]
    others = [name for name in names if without_suffix(name) not in placed]
    if not others:
        return ()
    return (
        f"photos in {folder} that have no camera in the model are not used: {len(others)}, {others[0]} first",
    )


LAYOUT = Layout(NAME, "sparse/0", _is_mine, _locate, before=("photos",))
