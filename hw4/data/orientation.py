"""Which way up photos are read: as their EXIF orientation says, or as they are stored."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL.TiffImagePlugin import TiffImageFile

from hw4.data.photos import AsStored, open_photo, orientation_of

# What `data.exif` takes.
AS_CAMERAS_SAY, APPLY, IGNORE = "auto", "apply", "ignore"
CHOICES = (AS_CAMERAS_SAY, APPLY, IGNORE)
# Orientations that swap width and height; the others leave no trace in a camera's size.
SWAPPING = (5, 6, 7, 8)
# Photos and cameras nearer to a square than this (log of width by height) do not tell their orientation.
NEAR_SQUARE = 0.03

Size = tuple[float, float]


@dataclass(frozen=True)
class ReadPhotos:
    """Photos as they are to be read.

    Attributes:
        paths: `AsStored` where the EXIF orientation is not applied.
        doubtful: those whose camera does not tell; they are read as stored.
    """

    paths: list[Path]
    doubtful: list[Path]


def stored_size(path: Path) -> tuple[Size, int] | None:
    """Width and height as stored, and the EXIF orientation (1 to 8), from the header; None: unreadable."""
    try:
        with open_photo(path) as image:
            # Pillow turns TIFF files by itself; their header has the size as stored.
            size = (image.tag_v2[256], image.tag_v2[257]) if isinstance(image, TiffImageFile) else image.size
            return size, orientation_of(image)
    except Exception:
        # Of a damaged file anything; whoever decodes it says what is wrong.
        return None


def read_size(path: Path) -> Size | None:
    """Width and height of a photo as `open_upright` reads it, from the header; None: unreadable."""
    found = stored_size(path)
    if found is None:
        return None
    (width, height), tag = found
    return (height, width) if tag in SWAPPING and not isinstance(path, AsStored) else (width, height)


def _is_of_stored(camera: Size, stored: Size, tag: int) -> bool | None:
    """Whether a camera of this size is of the photo as stored; None where that cannot be told."""
    if tag not in SWAPPING or min(camera) <= 0:
        return None
    of_camera, of_photo = math.log(camera[0] / camera[1]), math.log(stored[0] / stored[1])
    if min(abs(of_camera), abs(of_photo)) < NEAR_SQUARE:
        return None
    return (of_camera > 0) == (of_photo > 0)


def read_with_cameras(
    paths: Sequence[Path], cameras: Sequence[Size | None], exif: str = AS_CAMERAS_SAY
) -> ReadPhotos:
    """Photos that have cameras, which say what pixels they are of.

    Args:
        paths: N photos.
        cameras: N widths and heights of the images that the cameras are of (their unit and scale do not
            matter); None where a camera does not know.
        exif: ``auto``: as the camera says, and as stored where it does not tell; ``apply``, ``ignore``: so.
    """
    if exif != AS_CAMERAS_SAY:
        return ReadPhotos(read_without_cameras(paths, exif), [])
    read, doubtful = list[Path](), list[Path]()
    for path, camera in zip(paths, cameras, strict=True):
        header = stored_size(path)
        if header is None or header[1] == 1:
            read.append(path)
            continue
        of_stored = None if camera is None else _is_of_stored(camera, *header)
        if of_stored is None:
            doubtful.append(path)
        read.append(path if of_stored is False else AsStored(path))
    return ReadPhotos(read, doubtful)


def read_without_cameras(paths: Sequence[Path], exif: str = AS_CAMERAS_SAY) -> list[Path]:
    """Photos that have no cameras: upright, unless ``ignore`` is said."""
    return [AsStored(path) if exif == IGNORE else path for path in paths]


def doubts(doubtful: Sequence[Path]) -> list[str]:
    """The sentence about photos whose orientation no camera tells, where there are any."""
    if not doubtful:
        return []
    many = f"{len(doubtful)} photos have" if len(doubtful) > 1 else "one photo has"
    return [
        f"{many} an EXIF orientation that the cameras neither confirm nor deny ({doubtful[0]}): read as "
        "stored, as COLMAP does. data.exif=apply turns them; data.exif=ignore says that this is right"
    ]
