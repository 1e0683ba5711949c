"""Video frames between two photos, as an interpolator wrote them."""

import re
from collections.abc import Sequence
from pathlib import Path

FRAME_NAME = re.compile(r"frame_?(\d+)\.(?:png|jpe?g)$", re.IGNORECASE)


def generators_of(root: Path, idx: int) -> list[str]:
    """Sorted names of a sample's videos; a hidden folder is one that is being written.

    Raises:
        ValueError: the folder cannot be read.
    """
    parent = root / str(idx)
    try:
        folders = [p for p in parent.iterdir() if p.is_dir()] if parent.is_dir() else []
    except OSError as error:
        raise ValueError(f"cannot look into {parent}: {error.strerror}") from error
    return sorted(p.name for p in folders if not p.name.startswith("."))


def interpolated_frames(root: Path, idx: int, generator: str) -> list[Path]:
    """The middle frames of one sample, in order of their frame number.

    The interpolator's first and last frames re-render the two photos, so they are dropped: the sequence
    uses the original photos in their place.

    Args:
        root: folder of ``<idx>/<generator>/*frame<N>.{png,jpg}``.
        idx: sample number.
        generator: subfolder name.

    Raises:
        ValueError: no such folder (the message lists the generators that are there), one that cannot be read,
            or fewer than three frames.
    """
    folder = root / str(idx) / generator
    try:
        files = sorted(folder.iterdir()) if folder.is_dir() else None
    except OSError as error:
        raise ValueError(f"cannot look into {folder}: {error.strerror}") from error
    if files is None:
        there = generators_of(root, idx)
        hint = f"; there is {', '.join(there)}: set data.generator" if there else ""
        raise ValueError(f"no interpolated frames in {folder}{hint}")
    numbered: dict[int, Path] = {}
    for path in files:
        match = FRAME_NAME.search(path.name)
        if not match:
            continue
        number = int(match[1])
        if number in numbered:
            raise ValueError(f"{folder} holds frame {number} twice ({numbered[number].name}, {path.name})")
        numbered[number] = path
    if len(numbered) < 3:
        raise ValueError(f"{folder} holds {len(numbered)} frames; at least 3 are needed to have a middle")
    return [numbered[number] for number in sorted(numbered)][1:-1]


def keep_evenly(frames: Sequence[Path], at_most: int | None) -> list[Path]:
    """At most that many frames, spread evenly over the sequence (all of them for None)."""
    if at_most is None or len(frames) <= at_most:
        return list(frames)
    step = len(frames) / at_most
    return [frames[int((i + 0.5) * step)] for i in range(at_most)]
