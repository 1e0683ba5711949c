"""The list of the frames that were evaluated: `frames.json`, which others give back as `data.frames_list`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw4.core.durable import parse_json, write_json
from hw4.core.errors import UserError
from hw4.core.fingerprint import digest
from hw4.core.regular import regular

VERSION = 1


@dataclass(frozen=True)
class Frames:
    """The views of one sample: its number, its scene, and their names in it, in the order that models see."""

    idx: int
    scene: str
    names: tuple[str, ...]


def frames_digest(frames: Sequence[Frames]) -> str:
    """20 hexadecimal digits that identify what is evaluated: scenes, views and their order."""
    return digest([[one.idx, one.scene, list(one.names)] for one in frames])


def write_frames(path: Path, frames: Sequence[Frames], said: dict[str, Any]) -> None:
    """Write a list that `read_frames` reads; `said` is for people: which data set, how it was drawn."""
    write_json(
        path,
        {
            "version": VERSION,
            **said,
            "hash": frames_digest(frames),
            "samples": [{"idx": one.idx, "scene": one.scene, "frames": list(one.names)} for one in frames],
        },
    )


def read_frames(path: Path) -> list[Frames]:
    """The samples of a `frames.json`.

    Raises:
        UserError: it cannot be read, is no such list, or was changed since it was written.
    """
    try:
        content = parse_json(regular(path).read_bytes())
        found = [
            Frames(_number(one["idx"]), _word(one["scene"]), tuple(map(_word, one["frames"])))
            for one in content["samples"]
        ]
    except OSError as error:
        raise UserError(f"cannot read data.frames_list={path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"data.frames_list={path} is no list of frames ({error}): give the frames.json of a run."
        ) from error
    numbers = [one.idx for one in found]
    if not found or len(set(numbers)) < len(numbers):
        raise UserError(f"data.frames_list={path} has no sample, or two of one idx.")
    few = next((one for one in found if len(one.names) < 2 or len(set(one.names)) < len(one.names)), None)
    if few is not None:
        raise UserError(f"data.frames_list={path}: sample {few.idx} must have two or more different frames.")
    if content.get("hash") not in (None, frames_digest(found)):
        raise UserError(
            f"data.frames_list={path} was changed since it was written: its frames do not have its hash. "
            "Take the hash out to evaluate other frames."
        )
    return found


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"idx is {value!r}")
    return value


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no name")
    return value
