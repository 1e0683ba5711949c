"""Which folders below `data.root` are scenes."""

from collections.abc import Callable, Sequence
from pathlib import Path

from hw4.config import ViewsConfig
from hw4.config.fields import nearest
from hw4.core.errors import UserError
from hw4.data.photos import by_number


def root_of(config: ViewsConfig) -> Path:
    """`data.root`.

    Raises:
        UserError: it is no folder.
    """
    root = Path(config.root).expanduser()
    if not root.is_dir():
        raise UserError(f"data.root={config.root} is not a folder.")
    return root


def scene_folders(
    config: ViewsConfig, is_scene: Callable[[Path], bool], sign: str, depth: int = 1
) -> dict[str, Path]:
    """The scenes of `data.root` by name: itself, or else the folders in it, down to `depth`, that are scenes.

    Args:
        config: its `scenes` choose among them.
        is_scene: whether a folder is one; asked of every folder once, so it should look and not read.
        sign: what tells a scene, for the sentence.
        depth: how far below the root scenes may lie; none lies in another.

    Raises:
        UserError: there is none, or one of `data.scenes` is not there.
    """
    root = root_of(config)
    try:
        if is_scene(root):
            found = {root.resolve().name: root}
        else:
            found = {path.relative_to(root).as_posix(): path for path in _below(root, is_scene, depth)}
    except OSError as error:
        raise UserError(f"cannot look into {error.filename or root}: {error.strerror}.") from error
    if not found:
        raise UserError(
            f"{root} holds no scene of data={config.name}: neither it nor a folder in it has {sign}."
        )
    return {name: found[name] for name in chosen_scenes(config, list(found))}


def _below(folder: Path, is_scene: Callable[[Path], bool], depth: int) -> list[Path]:
    found: list[Path] = []
    folders = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for path in sorted(folders, key=lambda path: (by_number(path.name), path.name)):
        if is_scene(path):
            found.append(path)
        elif depth > 1:
            found += _below(path, is_scene, depth - 1)
    return found


def chosen_scenes(config: ViewsConfig, names: Sequence[str]) -> list[str]:
    """Those of a data set's scenes that `data.scenes` names, in its order; without it all.

    Raises:
        UserError: one is not there.
    """
    if config.scenes is None:
        return list(names)
    known = set(names)
    for name in config.scenes:
        if name not in known:
            close = nearest(name, list(names))
            some = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
            hint = f"; did you mean {close!r}?" if close else ""
            raise UserError(f"{config.root} has no scene {name!r}{hint} There is {some}; set data.scenes.")
    return list(dict.fromkeys(config.scenes))
