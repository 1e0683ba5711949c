"""Candidates of a pair: subsets of the frames of several generated videos (InterPose)."""

import fnmatch
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.config.input import CandidatesConfig
from hw4.data.pairs.frames import generators_of, interpolated_frames, keep_evenly


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
