"""Which files of a folder are photos, and which others look like some, said in sentences."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

READ = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
# Phones'; read where pillow-heif is installed.
HEIF = (".heic", ".heif")
# Pictures that are never read; any other file beside photos is nobody's photo.
UNREAD = [
    ".arw",
    ".avif",
    ".cr2",
    ".cr3",
    ".dng",
    ".exr",
    ".gif",
    ".hdr",
    ".jp2",
    ".jxl",
    ".nef",
    ".orf",
    ".pbm",
    ".pgm",
    ".pnm",
    ".ppm",
    ".psd",
    ".raf",
    ".rw2",
    ".tga",
]
# How far below a folder its photos are looked for; a person may point at a whole disk.
DEPTH = 3
# What follows a photo's name in that of its mask or depth map.
MAP = re.compile(r"[._-](?:mask|depth|alpha|seg|segmentation|normals?|conf)s?$", re.IGNORECASE)


@dataclass(frozen=True)
class PhotoFiles:
    """The photos that lie in a folder, by name, and what is said of the pictures that are left out."""

    paths: list[Path]
    notes: list[str]


def reads_heif() -> bool:
    """Whether HEIC photos can be read: pillow-heif is installed."""
    return find_spec("pillow_heif") is not None


def is_photo_name(name: str) -> bool:
    """Whether a file of this name may be a photo; hidden files, such as macOS's ``._a.jpg``, are none."""
    suffixes = (*READ, *HEIF) if reads_heif() else READ
    return not name.startswith(".") and Path(name).suffix.lower() in suffixes


def photo_files(folder: Path) -> PhotoFiles:
    """The photos of a folder; hidden files are no photos, and masks and depth maps of photos are left out."""
    there = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    named = [path for path in there if is_photo_name(path.name)]
    photos = sorted(path for path in named if _is_text(path.name))
    names = {path.name for path in photos} | {path.stem for path in photos}
    maps = [path for path in photos if MAP.sub("", path.stem) in names - {path.stem, path.name}]
    kinds = Counter(path.suffix.lower() for path in there if not is_photo_name(path.name))
    notes = [_unread(folder, kind, kinds[kind]) for kind in sorted(kinds) if kind in (*UNREAD, *HEIF)]
    if len(photos) < len(named):
        first = next(ascii(path.name) for path in named if not _is_text(path.name))
        count = _files(len(named) - len(photos))
        notes.append(f"{count} of {folder} not read: the name is no UTF-8, {first}; rename it")
    if maps:
        notes.append(
            f"{_files(len(maps))} of {folder} left out as masks or depth maps of the photos beside them: "
            f"{_some(maps)}"
        )
    return PhotoFiles([path for path in photos if path not in maps], notes)


def nested(folder: Path) -> list[Path]:
    """Photos in the folders up to `DEPTH` below one, hidden ones left out, in alphabetical order."""
    found = []
    for place, folders, files in os.walk(folder):
        inside = len(Path(place).relative_to(folder).parts) < DEPTH
        folders[:] = sorted(name for name in folders if inside and not name.startswith("."))
        if Path(place) != folder:
            found += [Path(place) / name for name in sorted(files) if is_photo_name(name) and _is_text(name)]
    return found


def nested_note(folder: Path, key: str) -> list[str]:
    """The sentence about photos below a folder, none of which is read, if there are any; `key` names one."""
    photos = nested(folder)
    if not photos:
        return []
    places = Counter(photo.parent.relative_to(folder).as_posix() for photo in photos)
    shown = [f"{name} ({count})" for name, count in list(places.items())[:3]]
    more = ", ..." if len(places) > 3 else ""
    return [
        f"{len(photos)} photo{'s' * (len(photos) > 1)} in folders below {folder} not read: "
        f"{', '.join(shown)}{more}; name the folder that is meant with {key}"
    ]


def _unread(folder: Path, kind: str, count: int) -> str:
    how = "pip install 'hw4[heif]', or convert them" if kind in HEIF else "convert them"
    return f"{_files(count)} of kind {kind} in {folder} not read: {how}"


def _is_text(name: str) -> bool:
    """Whether a name can be written into tables and pictures."""
    return not any("\udc80" <= letter <= "\udcff" for letter in name)


def _files(count: int) -> str:
    return f"{count} file{'s' * (count > 1)}"


def _some(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
