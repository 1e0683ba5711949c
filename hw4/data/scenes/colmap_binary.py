"""Whether the binary files of a COLMAP model hold what their counts say.

pycolmap believes the counts: of a cut file it makes cameras of what lies there, or takes memory without end.
Formats: COLMAP's documentation, "Output Format", and `src/colmap/scene/reconstruction_io_binary.cc`.
"""

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

from hw4.core.errors import UserError

# Numbers of parameters by COLMAP's camera model ids.
CAMERA_PARAMETERS = dict(enumerate((3, 4, 4, 5, 8, 8, 12, 5, 4, 5, 12, 16, 4, 5, 3, 4, 6, 2)))
COUNT, SENSOR = struct.Struct("<Q"), struct.Struct("<iI")
CAMERA = struct.Struct("<IiQQ")
# Id, quaternion, translation, camera; id, position, colour, error; id, rig, quaternion, translation.
IMAGE, POINT, FRAME = struct.Struct("<I7dI"), struct.Struct("<Q3d3Bd"), struct.Struct("<II7d")
OBSERVATION, TRACK_ELEMENT, FRAME_DATA = 24, 8, 16
RIG, U32 = struct.Struct("<II"), struct.Struct("<I")
SENSOR_POSE = 56


class _Cut(Exception):
    pass


class _Cursor:
    """A place in a file's bytes that only ever moves forward, and never past the end."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self.data, self.at, self.end = data, 0, len(data)

    def skip(self, n: int) -> None:
        self.at += n
        if self.at > self.end:
            raise _Cut

    def take(self, layout: struct.Struct) -> tuple:
        start = self.at
        self.skip(layout.size)
        return layout.unpack_from(self.data, start)

    def skip_text(self) -> None:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise _Cut
        self.at = end + 1


def _camera(cursor: _Cursor) -> None:
    model = cursor.take(CAMERA)[1]
    if model not in CAMERA_PARAMETERS:
        raise _Cut
    cursor.skip(8 * CAMERA_PARAMETERS[model])


def _image(cursor: _Cursor) -> None:
    cursor.skip(IMAGE.size)
    cursor.skip_text()
    cursor.skip(OBSERVATION * cursor.take(COUNT)[0])


def _point(cursor: _Cursor) -> None:
    cursor.skip(POINT.size)
    cursor.skip(TRACK_ELEMENT * cursor.take(COUNT)[0])


def _rig(cursor: _Cursor) -> None:
    n_sensors = cursor.take(RIG)[1]
    for sensor in range(n_sensors):
        cursor.skip(SENSOR.size)
        # The first is the reference, the others may have a transform from it.
        if sensor and cursor.take(struct.Struct("<B"))[0]:
            cursor.skip(SENSOR_POSE)


def _frame(cursor: _Cursor) -> None:
    cursor.skip(FRAME.size)
    cursor.skip(FRAME_DATA * cursor.take(U32)[0])


RECORDS: dict[str, Callable[[_Cursor], None]] = {
    "cameras.bin": _camera,
    "images.bin": _image,
    "points3D.bin": _point,
    "rigs.bin": _rig,
    "frames.bin": _frame,
}


def check_binary(path: Path) -> None:
    """Refuse a file of a binary model that is cut or holds something else; linear in its records.

    Raises:
        UserError: the file does not end where its last record ends, or cannot be read.
    """
    advice = "it is cut or damaged: copy it again, or export the model once more."
    try:
        with path.open("rb") as file:
            if path.stat().st_size < COUNT.size:
                raise UserError(f"{path} has {path.stat().st_size} bytes: {advice}")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                cursor = _Cursor(data)
                (count,) = cursor.take(COUNT)
                read = RECORDS[path.name]
                for done in range(count):
                    try:
                        read(cursor)
                    except _Cut:
                        raise UserError(
                            f"{path} ends after {done} of the {count} records that it announces: {advice}"
                        ) from None
                if cursor.at != cursor.end:
                    raise UserError(f"{path} goes on after its {count} records: {advice}")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the path.") from error
