"""Video frames between two photos, as an interpolator wrote them; candidates: subsets of them (InterPose)."""

import fnmatch
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.config.input import CandidatesConfig

FRAME_NAME = re.compile(r"(?:frame_?|^)(\d+)\.(?:png|jpe?g)$", re.IGNORECASE)


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


@dataclass(frozen=True)
class Candidate:
    """One way to look at a pair.

    Attributes:
        generator: folder name of the video.
        subset: number of the subset of its frames; 0 is the evenly spread one.
        image_paths: the first photo, the subset's frames in order, the second photo.
    """

    generator: str
    subset: int
    image_paths: tuple[Path, ...]


def matching_generators(root: Path, idx: int, patterns: list[str]) -> list[str]:
    """Folder names of a sample's videos that match the patterns, each once, sorted within a pattern.

    Raises:
        ValueError: a pattern matches nothing; the message lists what is there.
    """
    there = generators_of(root, idx)
    found: dict[str, None] = {}
    for pattern in patterns:
        matches = fnmatch.filter(there, pattern)
        if not matches:
            raise ValueError(
                f"no folder in {root / str(idx)} matches {pattern!r} of input.candidates.generators; "
                f"there is {', '.join(there) or 'none'}"
            )
        found |= dict.fromkeys(matches)
    return list(found)


def frame_subsets(frames: list[Path], size: int, count: int, seed: list[int]) -> list[list[Path]]:
    """Up to `count` different subsets of `size` frames each, in the video's order.

    The first is spread evenly, the others are drawn; more of them begin with the same ones. There are fewer
    where the video has no more subsets, and one, with all frames, where it has no more frames than `size`.
    """
    subsets = [keep_evenly(frames, size)]
    seen = {tuple(subsets[0])}
    rng = np.random.default_rng(seed)
    while len(subsets) < min(count, math.comb(len(frames), min(size, len(frames)))):
        picks = np.sort(rng.choice(len(frames), size, replace=False))
        subset = [frames[pick] for pick in picks]
        if tuple(subset) not in seen:
            seen.add(tuple(subset))
            subsets.append(subset)
    return subsets


def load_candidates(
    root: Path, idx: int, generator: str, config: CandidatesConfig, photos: tuple[Path, ...]
) -> tuple[Candidate, ...]:
    """All candidates of one sample, video by video.

    Args:
        root: folder of ``<idx>/<generator>/*frame<N>.{png,jpg}``.
        idx: sample number.
        generator: the video where the configuration names none.
        config: which videos, how many subsets of how many frames.
        photos: the two photos.

    Raises:
        ValueError: a video is missing or has too few frames.
    """
    if config.generators is None:
        names = [generator]
    else:
        names = matching_generators(root, idx, list(config.generators))
    candidates = []
    for name in names:
        frames = interpolated_frames(root, idx, name)
        seed = [config.seed, idx, *name.encode()]
        for number, subset in enumerate(frame_subsets(frames, config.frames, config.subsets, seed)):
            candidates.append(Candidate(name, number, (photos[0], *subset, photos[1])))
    return tuple(candidates)
