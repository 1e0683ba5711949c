"""Lists of pairs that papers evaluate (`data=pairs_list`).

SuperGlue's ``.txt``: two photos a line; then, optionally, their rotations by EXIF, K of either (row by row,
in pixels of the photo as stored), and the 4x4 transform from the first camera into the second.

LoFTR's ScanNet ``test.npz``: ``name`` (N, 4) is scene, scan, and the numbers of both frames; poses are
ScanNet's camera-to-world ``<scan>/pose/<n>.txt``, K that of ``intrinsics.npz``, of images of 640x480
pixels.

LoFTR's MegaDepth ``<scene>.npz``: ``image_paths``, ``poses`` (world-to-camera) and ``intrinsics`` (pixels
of the photo) of a scene's photos, and ``pair_infos``, whose first item is two places among them. Its arrays
are of Python objects; they are read without letting the file run code. Source: both projects' data loaders.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import PairsListConfig
from hw4.core.errors import UserError, brief
from hw4.core.npz import read_npz
from hw4.core.regular import regular
from hw4.data.orientation import read_size
from hw4.data.pairs.ground_truth import checked_Ks
from hw4.data.pairs.source import PairSource, TruePair, chosen
from hw4.data.photos import refuse_outside
from hw4.data.pickles import load_npz_objects

SCANNET_SIZE = (640, 480)
INTRINSICS = "intrinsics.npz"
# Columns of SuperGlue's lines: photos; with rotations; with rotations, both K and the transform.
PLAIN, TURNED, WHOLE = 2, 4, 38


@dataclass(frozen=True)
class _Listed:
    """A pair: its photos below the root, and what gives its truth."""

    photos: tuple[str, str]
    truth: Callable[[], TruePair]


class ListedPairs(PairSource):
    """The pairs of a list, numbered from 0.

    Raises:
        UserError: the list cannot be read.
    """

    def __init__(self, config: PairsListConfig) -> None:
        self.root = Path(config.root).expanduser()
        if not self.root.is_dir():
            raise UserError(f"data.root={config.root} is not a folder; point it at the folder of the photos.")
        self.listed_in = self.root / Path(config.list).expanduser()
        self.frames_root = self.root / "interpolated"
        self.generator = config.generator
        self.chosen_by = f"data=pairs_list data.root={config.root} data.list={config.list}"
        self.files: list[Path] = []
        self._pairs: list[_Listed] = []
        for path in self._lists():
            self._pairs += self._read(path, config)
        refuse_outside([photo for pair in self._pairs for photo in pair.photos], self.listed_in)
        if not self._pairs:
            raise UserError(f"{self.listed_in} lists no pair; set data.list.")

    def _lists(self) -> list[Path]:
        if not self.listed_in.is_dir():
            return [self.listed_in]
        found = sorted(path for path in self.listed_in.glob("*.npz") if path.name != INTRINSICS)
        if not found:
            raise UserError(f"{self.listed_in} holds no .npz of pairs; set data.list.")
        return found

    def _read(self, path: Path, config: PairsListConfig) -> list[_Listed]:
        self.files.append(path)
        if path.suffix != ".npz":
            return _superglue(path)
        arrays = load_npz_objects(path)
        try:
            if "pair_infos" in arrays:
                return _megadepth(arrays)
            if "name" in arrays:
                given = self.root / config.intrinsics if config.intrinsics else path.parent / INTRINSICS
                self.files.append(given)
                return _scannet(self.root, arrays["name"], given)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise UserError(f"{path} is no list of pairs of LoFTR's ({error}).") from error
        raise UserError(f"{path} has neither 'name' (ScanNet) nor 'pair_infos' (MegaDepth): set data.list.")

    def photos(self, must_exist: bool = True) -> dict[int, tuple[Path, Path]]:
        """As the list has them, below `data.root`."""
        return {
            idx: (self.root / pair.photos[0], self.root / pair.photos[1])
            for idx, pair in enumerate(self._pairs)
        }

    def truth(self, idx: int) -> TruePair:
        """From the list, or the files that it refers to."""
        try:
            return self._pairs[idx].truth()
        except (TypeError, LookupError, OverflowError) as error:
            raise ValueError(f"pair {idx} of {self.listed_in.name} cannot be used: {brief(error)}") from error


def _of_transform(second_from_first: np.ndarray, Ks: np.ndarray | None) -> TruePair:
    matrix = np.asarray(second_from_first, float).reshape(4, 4)
    if not np.isfinite(matrix).all() or abs(abs(np.linalg.det(matrix)) - 1) > 0.05:
        raise ValueError("its transform holds no rigid motion")
    return TruePair(np.stack([np.eye(4), matrix]), None if Ks is None else checked_Ks(Ks))


def _superglue(path: Path) -> list[_Listed]:
    try:
        lines = regular(path).read_bytes().decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UserError(f"cannot read the list {path}: {reason}; set data.list.") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) not in (PLAIN, TURNED, WHOLE):
            raise UserError(
                f"{path}, line {number}: {len(fields)} columns; a pair has {PLAIN}, {TURNED} or {WHOLE} "
                "(photos, rotations, both K, the transform)."
            )
        pairs.append(_Listed((fields[0], fields[1]), partial(_superglue_truth, fields[TURNED:])))
    return pairs


def _superglue_truth(given: list[str]) -> TruePair:
    if not given:
        raise ValueError("the list has no ground truth for it (neither K nor transform)")
    values = np.array(given, float)
    return _of_transform(values[18:], values[:18].reshape(2, 3, 3))


def _megadepth(arrays: dict[str, Any]) -> list[_Listed]:
    paths, poses, intrinsics = arrays["image_paths"], arrays["poses"], arrays["intrinsics"]

    def truth(i: int, j: int) -> TruePair:
        if any(known is None for k in (i, j) for known in (poses[k], intrinsics[k])):
            raise ValueError("the list has no pose or no intrinsics of one of its photos")
        first, second = (np.asarray(poses[k], float).reshape(4, 4) for k in (i, j))
        Ks = np.stack([np.asarray(intrinsics[k], float).reshape(3, 3) for k in (i, j)])
        return _of_transform(second @ np.linalg.inv(first), Ks)

    pairs = []
    for info in arrays["pair_infos"]:
        i, j = (int(place) for place in info[0])
        pairs.append(_Listed((str(paths[i]), str(paths[j])), partial(truth, i, j)))
    return pairs


def _scannet(root: Path, names: np.ndarray, intrinsics: Path) -> list[_Listed]:
    try:
        Ks = read_npz(intrinsics)
    except ValueError as error:
        raise UserError(f"{error}; set data.intrinsics to LoFTR's {INTRINSICS}.") from error

    def truth(scan: str, frames: tuple[int, int]) -> TruePair:
        if scan not in Ks:
            raise ValueError(f"{intrinsics.name} has no {scan}")
        world_from_cam = [_matrix(root / scan / "pose" / f"{frame}.txt") for frame in frames]
        K = np.asarray(Ks[scan], float).reshape(3, 3)
        of_photos = [_scaled(K, root / _photo(scan, frame)) for frame in frames]
        # World-to-camera of both, in ScanNet's world.
        cameras = np.linalg.inv(np.stack(world_from_cam))
        return TruePair(cameras, checked_Ks(np.stack(of_photos)))

    pairs = []
    for scene, part, first, second in np.asarray(names, int).reshape(-1, 4).tolist():
        scan = f"scene{scene:04d}_{part:02d}"
        photos = (_photo(scan, first), _photo(scan, second))
        pairs.append(_Listed(photos, partial(truth, scan, (first, second))))
    return pairs


def _photo(scan: str, frame: int) -> str:
    return f"{scan}/color/{frame}.jpg"


def _matrix(path: Path) -> np.ndarray:
    try:
        matrix = np.array(regular(path).read_bytes().split(), float).reshape(4, 4)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {path} ({error})") from error
    if not np.isfinite(matrix).all():
        raise ValueError(f"{path} holds no pose: the camera was lost there")
    return matrix


def _scaled(K: np.ndarray, photo: Path) -> np.ndarray:
    """K in pixels of the photo, which LoFTR resizes to 640x480; as it is where the photo is not there."""
    size = read_size(photo) or SCANNET_SIZE
    return np.diag([size[0] / SCANNET_SIZE[0], size[1] / SCANNET_SIZE[1], 1]) @ K


def files_of(config: PairsListConfig) -> list[Path]:
    """The folder of the photos, then the lists, and the photos and frames of the samples only."""
    root = Path(config.root).expanduser()
    found: list[Path] = [root / config.list]
    try:
        source = ListedPairs(config)
        listed = source.photos()
        numbers = chosen(config, list(listed))
        found = [*source.files, *(path for number in numbers for path in listed[number])]
        found += [
            path.parent.parent / "pose" / f"{path.stem}.txt" for path in found if path.parent.name == "color"
        ]
        found += [source.frames_root / str(number) for number in numbers]
    except UserError:
        # Whoever reads the pairs says what is wrong with them.
        pass
    return [root, *dict.fromkeys(Path(os.path.relpath(path, root)) for path in found)]
