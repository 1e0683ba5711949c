"""The pair layout: an index, ground-truth cameras, photos, and the frames between them."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.config import DataConfig, InputConfig, PairsConfig
from hw4.config.input import PAIR
from hw4.core.errors import UserError
from hw4.data.pairs.candidates import Candidate, load_candidates
from hw4.data.pairs.frames import interpolated_frames, keep_evenly
from hw4.data.pairs.ground_truth import camera_from_entry, intrinsics_from_entry, read_ground_truth


@dataclass(frozen=True)
class PairRow:
    """One row of the index: sample number and the two photos, as written there."""

    idx: int
    img1: str
    img2: str


@dataclass(frozen=True)
class PhotoPair:
    """The two photos of one sample, and why they cannot be used (bad input), or None."""

    idx: int
    paths: tuple[Path, Path]
    problem: str | None = None


@dataclass(frozen=True)
class PairSample:
    """One sample as the evaluation takes it.

    Attributes:
        idx: the index's number.
        image_paths: the first photo, the frames between (if any), the second photo.
        cam_from_world: (2, 4, 4) true world-to-camera of the two photos; translation NaN where the ground
            truth has none. None where `problem` says why.
        Ks: (2, 3, 3) intrinsics in pixels of the photos, or None.
        problem: why the sample cannot be evaluated (bad input), or None.
        candidates: what `input.selection=medoid|oracle` picks from; `image_paths` is then the two photos.
    """

    idx: int
    image_paths: tuple[Path, ...]
    cam_from_world: np.ndarray | None
    Ks: np.ndarray | None
    problem: str | None = None
    candidates: tuple[Candidate, ...] = ()


def read_index(path: Path) -> list[PairRow]:
    """Rows of a pairs file: free header, a line ``idx img1 img2``, then ``idx path1 path2`` rows.

    Raises:
        UserError: missing file, no header line, malformed or duplicate row, or no row at all.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UserError(f"cannot read the index {path}: {reason}; set data.root and data.index.") from error
    rows: list[PairRow] = []
    started = False
    seen: set[int] = set()
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not started:
            started = fields[:3] == ["idx", "img1", "img2"]
            continue
        if not fields or line.lstrip().startswith("---"):
            continue
        if len(fields) != 3 or not re.fullmatch(r"\d+", fields[0]):
            raise UserError(
                f"{path}, line {number}: {line.strip()!r} is not 'idx relative/path1 relative/path2'; "
                "mend or remove that line."
            )
        idx = int(fields[0])
        if idx in seen:
            raise UserError(f"{path}, line {number}: idx {idx} stands there twice; give each row its own.")
        seen.add(idx)
        rows.append(PairRow(idx, fields[1], fields[2]))
    if not started:
        raise UserError(f"{path} has no line starting 'idx img1 img2'; put it above the first row.")
    if not rows:
        raise UserError(f"{path} lists no pair below its 'idx img1 img2' line.")
    return rows


def pair_layout(config: DataConfig) -> PairsConfig:
    """Where the pair layout of any data source lies; the sample data is generated here if missing.

    Raises:
        UserError: the source has no pairs (``data=scene``).
    """
    if isinstance(config, PairsConfig):
        return config
    if config.name == "sample":
        from hw4.data.sample import ensure_sample

        root = ensure_sample(config)  # type: ignore[arg-type]
        return PairsConfig(root=str(root), generator=config.generator)
    raise UserError(f"data={config.name} has no pairs to evaluate; use data=sample or data=pairs.")


def _why_no_photo(path: Path) -> str | None:
    try:
        return None if path.is_file() else f"image {path} does not exist"
    except OSError as error:
        return f"image {path} cannot be read: {error.strerror}"


def _photo_pairs(layout: PairsConfig, config: DataConfig, photos: bool = True) -> list[PhotoPair]:
    """As `load_photo_pairs`, of a layout that is there; without `photos` nobody looks whether they are."""
    root = Path(layout.root).expanduser()
    if not root.is_dir():
        raise UserError(f"data.root={layout.root} is not a folder; point it at the folder of {layout.index}.")
    rows = read_index(root / layout.index)
    try:
        folder = root / (layout.images or ("images" if (root / "images").is_dir() else "."))
        if photos and not folder.is_dir():
            raise UserError(f"the image folder {folder} does not exist; set data.images.")
    except OSError as error:
        raise UserError(f"cannot look for images below {root}: {error.strerror}; set data.images.") from error
    pairs = []
    if config.sample is not None:
        there = [row.idx for row in rows]
        rows = [row for row in rows if row.idx == config.sample]
        if not rows:
            some = ", ".join(map(str, there[:6])) + (", ..." if len(there) > 6 else "")
            raise UserError(
                f"{root / layout.index} has no sample {config.sample}; data.sample can be {some}."
            )
    for row in rows[: config.limit]:
        paths = (folder / row.img1, folder / row.img2)
        missing = next((why for path in paths if (why := _why_no_photo(path))), None) if photos else None
        pairs.append(PhotoPair(row.idx, paths, missing))
    return pairs


def load_photo_pairs(config: DataConfig) -> list[PhotoPair]:
    """The photos of all samples, whether or not there is a ground truth.

    Raises:
        UserError: the index or the image folder cannot be used.
    """
    return _photo_pairs(pair_layout(config), config)


def load_truth(config: DataConfig) -> list[PairSample]:
    """All samples as scoring needs them: from the index and the ground truth; no photo need be there.

    Raises:
        UserError: the index or the ground truth as a whole cannot be used.
    """
    return _samples(config, InputConfig(PAIR), photos=False)


def load_pairs(config: DataConfig, inputs: InputConfig) -> list[PairSample]:
    """All samples of a data source under one input mode.

    A sample whose own files are missing or malformed is returned with its `problem`; it never hides the
    others.

    Args:
        config: ``data=sample`` or ``data=pairs``.
        inputs: ``pair``, or ``interpolated`` to put the frames between the photos.

    Raises:
        UserError: the index or the ground truth as a whole cannot be used.
    """
    return _samples(config, inputs, photos=True)


def _samples(config: DataConfig, inputs: InputConfig, photos: bool) -> list[PairSample]:
    layout = pair_layout(config)
    root = Path(layout.root).expanduser()
    pairs = _photo_pairs(layout, config, photos)
    if layout.gt:
        gt_path = root / layout.gt
    else:
        gt_path = root / ("gt.json" if (root / "gt.json").exists() else "gt.npy")
    ground_truth = read_ground_truth(gt_path)
    samples = []
    for pair in pairs:
        paths: tuple[Path, ...] = pair.paths
        cam_from_world = Ks = None
        problem = None
        candidates: tuple[Candidate, ...] = ()
        try:
            if pair.problem is not None:
                raise ValueError(pair.problem)
            if pair.idx not in ground_truth:
                raise ValueError(f"{gt_path.name} has no entry {pair.idx}")
            entry = ground_truth[pair.idx]
            if not isinstance(entry, dict) or not all(
                isinstance(entry.get(v), dict) for v in ("img1", "img2")
            ):
                raise ValueError(f"entry {pair.idx} of {gt_path.name} lacks img1 or img2")
            try:
                cameras = [camera_from_entry(entry[v], config.gt_convention) for v in ("img1", "img2")]
                Ks = intrinsics_from_entry(entry)
            except ValueError as error:
                raise ValueError(f"entry {pair.idx} of {gt_path.name}: {error}") from error
            cam_from_world = np.stack(cameras)
            between_root = root / layout.interpolated_root
            if inputs.picks:
                candidates = load_candidates(
                    between_root, pair.idx, layout.generator, inputs.candidates, paths
                )
            elif inputs.name == "interpolated":
                between = interpolated_frames(between_root, pair.idx, layout.generator)
                paths = (paths[0], *keep_evenly(between, inputs.max_frames), paths[1])
        except ValueError as error:
            problem = str(error)
        samples.append(PairSample(pair.idx, paths, cam_from_world, Ks, problem, candidates))
    return samples
