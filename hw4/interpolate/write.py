"""Frames on disk: each pair's folder appears whole or not at all; what is there is not made again."""

import io
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from hw4.config.interpolate import InterpolateConfig
from hw4.core.durable import exclusive, parse_json, write_bytes, write_json
from hw4.core.errors import UserError
from hw4.core.fingerprint import file_digest
from hw4.data.pairs.samples import PhotoPair
from hw4.data.photos import limited_size, open_upright, resized
from hw4.interpolate.base import InterpolationFailed, Interpolator

RECORD = "interpolation.json"
FORMAT = 1
MADE, REUSED, FAILED, BAD_INPUT = "made", "reused", "failed", "bad_input"
# Photos whose shapes differ by less are stretched to one; a camera's own formats differ by more.
SHAPE_TOLERANCE = 0.02


@dataclass(frozen=True)
class Outcome:
    """What became of one pair: ``made``, ``reused``, ``failed`` or ``bad_input``, and why in the last two."""

    idx: int
    status: str
    reason: str | None = None
    seconds: float = 0.0


def load_photos(paths: Sequence[Path], long_edge: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Two photos as (H, W, 3) uint8 RGB of one size, upright, at most `long_edge` pixels wide and high.

    Raises:
        UserError: a photo cannot be read, or their shapes differ.
    """
    images = [open_upright(path).convert("RGB") for path in paths]
    width, height = images[0].size
    other_width, other_height = images[1].size
    if abs(width * other_height / (height * other_width) - 1) > SHAPE_TOLERANCE:
        raise UserError(
            f"the photos {paths[0]} ({width}x{height}) and {paths[1]} ({other_width}x{other_height}) have "
            "different shapes; crop them to one."
        )
    size = limited_size((width, height), long_edge)
    first, last = (np.asarray(resized(image, size)) for image in images)
    return first, last


def _record_of(folder: Path) -> object:
    try:
        return parse_json((folder / RECORD).read_text())
    except (OSError, ValueError):
        return None


def _write_folder(
    folder: Path, idx: int, frames: Sequence[np.ndarray], record: dict[str, object], prefix: str
) -> None:
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=prefix))
    try:
        for number, frame in enumerate(frames):
            png = io.BytesIO()
            Image.fromarray(frame).save(png, format="PNG")
            write_bytes(building / f"{idx}_frame{number}.png", png.getvalue())
        write_json(building / RECORD, record)
        building.chmod(0o755)
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def interpolate_pair(
    pair: PhotoPair, interpolator: Interpolator, config: InterpolateConfig, root: Path
) -> Outcome:
    """Make the frames of one pair, unless the folder holds exactly these already.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    started = time.perf_counter()

    def outcome(status: str, reason: str | None = None) -> Outcome:
        return Outcome(pair.idx, status, reason, time.perf_counter() - started)

    folder = root / str(pair.idx) / config.folder
    try:
        if pair.problem is not None:
            return outcome(BAD_INPUT, pair.problem)
        record: dict[str, object] = {
            "format": FORMAT,
            "options": interpolator.options(),
            "frames": config.frames,
            "long_edge": config.long_edge,
            "photos": [file_digest(path, "image") for path in pair.paths],
        }
        if folder.exists():
            if _record_of(folder) == record:
                return outcome(REUSED)
            return outcome(
                BAD_INPUT,
                f"{folder} holds frames made otherwise: remove it, or set interpolate.generator=<new name>",
            )
        first, last = load_photos(pair.paths, config.long_edge)
        frames = interpolator.frames(first, last, config.frames)
    except InterpolationFailed as error:
        return outcome(FAILED, str(error))
    except UserError as error:
        return outcome(BAD_INPUT, str(error))
    except OSError as error:
        return outcome(BAD_INPUT, f"{error.filename}: {error.strerror}")
    except Exception as error:
        return outcome(FAILED, f"{type(error).__name__}: {error}")
    prefix = f".{config.folder}."
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # What a killed run left; the lock on `root` says that nobody is writing it.
        for stale in folder.parent.glob(f"{prefix}*"):
            shutil.rmtree(stale, ignore_errors=True)
        _write_folder(folder, pair.idx, frames, record, prefix)
    except OSError as error:
        raise UserError(
            f"cannot write {folder}: {error.strerror or error}; free some space or set interpolate.out, then "
            "run the same command again: finished pairs are kept."
        ) from error
    return outcome(MADE)


def interpolate_pairs(
    pairs: Sequence[PhotoPair],
    make_interpolator: Callable[[], Interpolator],
    config: InterpolateConfig,
    root: Path,
    on_pair: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Make the frames of all pairs; a killed call continues where it stopped, a second process waits.

    Args:
        pairs: photos and numbers.
        make_interpolator: builds it, once.
        config: number and size of the frames, and the folder's name.
        root: receives ``<idx>/<folder>/<idx>_frame<N>.png`` and ``interpolation.json``, which says how the
            frames were made.
        on_pair: called with each outcome.

    Raises:
        UserError: the interpolator cannot be built, or frames cannot be written.
    """
    interpolator = make_interpolator()
    outcomes = []
    with exclusive(root):
        for pair in pairs:
            outcomes.append(interpolate_pair(pair, interpolator, config, root))
            if on_pair:
                on_pair(outcomes[-1])
    return outcomes
