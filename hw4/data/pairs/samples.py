"""Samples of pairs: photos, true cameras, and the frames between, whatever data set they come from."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hw4.config import DataConfig, InputConfig
from hw4.config.input import INTERPOLATED, PAIR
from hw4.core.errors import UserError
from hw4.data.pairs.frames import Candidate, interpolated_frames, keep_evenly, load_candidates
from hw4.data.pairs.photos_of_cameras import check_Ks, photos_of_cameras
from hw4.data.pairs.source import PairSource, TruePair, chosen
from hw4.data.photos import why_no_photo
from hw4.data.registry import exif_of, pair_source


@dataclass(frozen=True)
class PhotoPair:
    """The two photos of one sample.

    Attributes:
        idx: the index's number.
        paths: the photos, as they are to be read.
        problem: why they cannot be used (bad input), or None.
        doubtful: those whose EXIF orientation neither K nor `data.exif` tells.
    """

    idx: int
    paths: tuple[Path, Path]
    problem: str | None = None
    doubtful: tuple[Path, ...] = ()


@dataclass(frozen=True)
class PairSample:
    """One sample as the evaluation takes it.

    Attributes:
        idx: the index's number.
        image_paths: the first photo, the frames between (if any), the second photo.
        cam_from_world: (2, 4, 4) true world-to-camera of the two photos; translation NaN where the ground
            truth has none. None where `problem` says why, or no truth was asked for.
        Ks: (2, 3, 3) intrinsics in pixels of the photos, or None.
        problem: why the sample cannot be evaluated (bad input), or None.
        candidates: what `input.selection=medoid|oracle` picks from; `image_paths` is then the two photos.
        doubtful: photos whose EXIF orientation neither K nor `data.exif` tells.
    """

    idx: int
    image_paths: tuple[Path, ...]
    cam_from_world: np.ndarray | None
    Ks: np.ndarray | None
    problem: str | None = None
    candidates: tuple[Candidate, ...] = ()
    doubtful: tuple[Path, ...] = ()


def _photo_pairs(source: PairSource, config: DataConfig, photos: bool = True) -> list[PhotoPair]:
    """As `load_photo_pairs`; without `photos` nobody looks whether they are there."""
    listed = source.photos(photos)
    numbers = list(listed)
    if config.sample is not None and config.sample not in listed:
        some = ", ".join(map(str, numbers[:6])) + (", ..." if len(numbers) > 6 else "")
        raise UserError(f"{source.listed_in} has no sample {config.sample}; data.sample can be {some}.")
    pairs = []
    for idx in chosen(config, numbers):
        paths = listed[idx]
        missing = next((why for path in paths if (why := why_no_photo(path))), None) if photos else None
        pairs.append(PhotoPair(idx, paths, missing))
    return pairs


def load_photo_pairs(config: DataConfig) -> list[PhotoPair]:
    """The photos of all samples, whether or not there is a ground truth.

    Raises:
        UserError: the list of samples or the photos as a whole cannot be used.
    """
    source = pair_source(config)
    return [_as_read(pair, source, config) for pair in _photo_pairs(source, config)]


def _as_read(pair: PhotoPair, source: PairSource, config: DataConfig) -> PhotoPair:
    """The pair with its photos as the evaluation will read them."""
    if pair.problem is not None:
        return pair
    try:
        Ks = source.truth(pair.idx).Ks
    except (ValueError, UserError):
        Ks = None
    read = photos_of_cameras(pair.paths, Ks, exif_of(config))
    return replace(pair, paths=(read.paths[0], read.paths[1]), doubtful=tuple(read.doubtful))


def load_truth(config: DataConfig) -> list[PairSample]:
    """All samples as scoring needs them: with their true cameras; no photo need be there.

    Raises:
        UserError: the list of samples or the ground truth as a whole cannot be used.
    """
    return _samples(config, InputConfig(PAIR), photos=False)


def load_pairs(config: DataConfig, inputs: InputConfig, truth: bool = True) -> list[PairSample]:
    """All samples of a data set under one input mode.

    A sample whose own files are missing or malformed is returned with its `problem`; it never hides the
    others.

    Args:
        config: of a data set that provides pairs.
        inputs: ``pair``, or ``interpolated`` to put the frames between the photos.
        truth: False reads no ground truth: there are then neither true cameras nor intrinsics.

    Raises:
        UserError: the list of samples or the ground truth as a whole cannot be used.
    """
    return _samples(config, inputs, photos=True, truth=truth)


def _samples(config: DataConfig, inputs: InputConfig, photos: bool, truth: bool = True) -> list[PairSample]:
    source = pair_source(config)
    samples = []
    for pair in _photo_pairs(source, config, photos):
        paths: tuple[Path, ...] = pair.paths
        candidates: tuple[Candidate, ...] = ()
        true: TruePair | None = None
        problem, doubtful = pair.problem, list[Path]()
        try:
            if problem is None:
                true = source.truth(pair.idx) if truth else None
                if photos:
                    Ks = None if true is None else true.Ks
                    read = photos_of_cameras(pair.paths, Ks, exif_of(config))
                    check_Ks(read.paths, Ks)
                    paths, doubtful = tuple(read.paths), read.doubtful
                if inputs.picks:
                    candidates = load_candidates(
                        source.frames_root, pair.idx, source.generator, inputs.candidates, paths
                    )
                elif inputs.name == INTERPOLATED:
                    between = interpolated_frames(source.frames_root, pair.idx, source.generator)
                    paths = (paths[0], *keep_evenly(between, inputs.max_frames), paths[1])
        except ValueError as error:
            problem = str(error)
        cameras, Ks = (None, None) if true is None else (true.cam_from_world, true.Ks)
        samples.append(PairSample(pair.idx, paths, cameras, Ks, problem, candidates, tuple(doubtful)))
    return samples
