"""The user's own photos: a folder, or frames of a video file."""

import codecs
from collections.abc import Sequence
from pathlib import Path

import cv2

from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.data.photo_files import READ
from hw4.data.photos import find_images, spread

# Of a file, from which text is told from a video.
BEGINNING = 4096


def photos_in(folder: Path, at_most: int) -> list[Path]:
    """At most that many photos of a folder, in the order of their names, spread evenly.

    Raises:
        UserError: the folder holds fewer than two photos.
    """
    paths = find_images(folder)
    if len(paths) < 2:
        raise UserError(f"{folder} holds {len(paths)} photos ({', '.join(READ)}); at least two are needed.")
    return [paths[i] for i in spread(len(paths), at_most)]


def video_frames(video: Path, at_most: int, out: Path) -> list[Path]:
    """At most that many frames of a video, spread evenly over its length, as ``<out>/frame<number>.png``.

    The video is read twice: what its header says about its length is often wrong.

    Raises:
        UserError: the file is no video that OpenCV can read, or it has fewer than two frames.
    """
    count = 0
    # FFmpeg draws plain text as frames, and follows a playlist to other files and addresses.
    if not _is_text(video):
        capture = cv2.VideoCapture(str(video))
        while capture.grab():
            count += 1
        capture.release()
    if count < 2:
        raise UserError(
            f"demo.images={video} is neither a folder of photos nor a video that OpenCV can read "
            f"({count} frames were found)."
        )
    wanted = set(spread(count, at_most))
    paths: list[Path] = []
    capture = cv2.VideoCapture(str(video))
    for number in range(count):
        if not capture.grab():
            break
        if number in wanted:
            read, frame = capture.retrieve()
            encoded = cv2.imencode(".png", frame)[1].tobytes() if read else b""
            if encoded:
                paths.append(out / f"frame{number:06d}.png")
                write_bytes(paths[-1], encoded)
    capture.release()
    return paths


def _is_text(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            begun = codecs.getincrementaldecoder("utf-8")().decode(file.read(BEGINNING))
    except UnicodeDecodeError:
        return False
    except OSError as error:
        raise UserError(f"cannot read demo.images={path}: {error.strerror}.") from error
    return "\0" not in begun


def find_photos(source: Path, at_most: int, frames_dir: Path) -> Sequence[Path]:
    """The photos of a folder, or frames of a video, which are written to `frames_dir`.

    Raises:
        UserError: `source` is neither, or holds fewer than two pictures.
    """
    if source.is_dir():
        return photos_in(source, at_most)
    if not source.is_file():
        raise UserError(f"demo.images={source} does not exist; give a folder of photos or a video file.")
    return video_frames(source, at_most, frames_dir)
