"""SIFT features and their matches."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.core.colmap import pycolmap
from hw4.core.cores import usable_cores
from hw4.data.photos import limited, open_upright, resize_map
from hw4.models.sfm.config import SfmConfig

# Angle in radians between two descriptors above which they never match (COLMAP's `max_distance`).
MAX_ANGLE = 0.7
# pycolmap stores unit-length descriptors times this, rounded to 8 bits.
DESCRIPTOR_NORM = 512.0
# Keypoints that are compared with another view's at a time: what is compared stays in the processor's cache.
BLOCK = 512


@dataclass
class Features:
    """SIFT features of one photo.

    Attributes:
        keypoints: (M, 6) float32: x, y (pixels of `image`, pixel centres at +0.5), and COLMAP's affine shape.
        descriptors: (M, 128) float32 holding 8-bit integers, root-SIFT, of length about `DESCRIPTOR_NORM`.
        image: (H, W, 3) uint8, the photo at the size at which features were found.
        original_size: width and height of the photo.
        original_from_model: (3, 3) affine from pixels of `image` to the photo's.
    """

    keypoints: np.ndarray
    descriptors: np.ndarray
    image: np.ndarray
    original_size: tuple[int, int]
    original_from_model: np.ndarray

    @property
    def xy(self) -> np.ndarray:
        """(M, 2) float64 positions in pixels of `image`."""
        return self.keypoints[:, :2].astype(np.float64)

    def colors(self, indices: np.ndarray) -> np.ndarray:
        """(len(indices), 3) uint8 colours at keypoints."""
        height, width = self.image.shape[:2]
        xy = np.clip(self.keypoints[indices, :2].astype(int), 0, (width - 1, height - 1))
        return self.image[xy[:, 1], xy[:, 0]]


def extract(paths: Sequence[Path], config: SfmConfig) -> list[Features]:
    """Find SIFT features (Lowe 2004; root-SIFT descriptors) on the CPU, several photos at a time.

    Through a database of pycolmap's, whose extractor has threads of its own; the call for single arrays keeps
    Python's lock, so that nothing runs beside it.

    Raises:
        UserError: an image cannot be read.
    """
    photos = [open_upright(path).convert("RGB") for path in paths]
    reduced = [limited(photo, config.max_image_size) for photo in photos]
    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu = False
    options.num_threads = min(config.threads or usable_cores(), len(photos))
    options.sift.max_num_features = config.max_features
    options.sift.peak_threshold = config.peak_threshold
    with tempfile.TemporaryDirectory(prefix="hw4-sift-") as folder:
        images, path = Path(folder, "images"), Path(folder, "database.db")
        images.mkdir()
        for number, image in enumerate(reduced):
            # Nothing is gained by packing what is read once.
            image.convert("L").save(images / f"{number}.pgm")
        pycolmap.extract_features(path, images, extraction_options=options)
        with pycolmap.Database.open(path) as database:
            found = [_stored(database, f"{number}.pgm") for number in range(len(photos))]
    return [
        Features(*one, np.asarray(small), photo.size, resize_map(small.size, photo.size))
        for one, small, photo in zip(found, reduced, photos, strict=True)
    ]


def _stored(database: pycolmap.Database, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints and descriptors of an image, as `Features` has them."""
    image = database.read_image_with_name(name)
    assert image is not None, "every image is in the database, with features or without"
    number = image.image_id
    if not database.exists_descriptors(number):
        return np.zeros((0, 6), np.float32), np.zeros((0, 128), np.float32)
    keypoints = np.asarray(database.read_keypoints(number), np.float32).reshape(-1, 6)
    return keypoints, np.asarray(database.read_descriptors(number).data, np.float32).reshape(-1, 128)


def match(first: Features, second: Features, max_ratio: float) -> np.ndarray:
    """Mutual nearest neighbours that pass Lowe's ratio test.

    The same rule as COLMAP's SIFT matcher (angles between descriptors, ratio, cross-check), by matrix
    products: COLMAP's exact search is some fifty times slower, its usual one finds fewer matches. Products of
    descriptors are whole numbers that float32 holds, so that no order of summation changes them. Of equally
    near keypoints the first one is the nearest.

    Returns:
        (M, 2) uint32 indices into the two views' keypoints.
    """
    ours, theirs = first.descriptors, second.descriptors
    if len(ours) < 2 or len(theirs) < 2:
        return np.zeros((0, 2), np.uint32)
    best = np.empty(len(ours), np.intp)
    highest, following = np.empty((2, len(ours)), np.float32)
    # Of each of theirs: the most similar of those of ours that find another one nearer.
    others = np.full(len(theirs), -np.inf, np.float32)
    for start in range(0, len(ours), BLOCK):
        block = slice(start, start + BLOCK)
        similarity = ours[block] @ theirs.T
        rows = np.arange(len(similarity))
        best[block] = nearest = similarity.argmax(axis=1)
        highest[block] = similarity[rows, nearest]
        similarity[rows, nearest] = -np.inf
        following[block] = similarity.max(axis=1)
        np.maximum(others, similarity.max(axis=0), out=others)
    angle = _angle(highest)
    good = (angle < MAX_ANGLE) & (angle < max_ratio * _angle(following))
    # The most similar of those that find the same one nearest.
    order = np.lexsort((-highest, best))
    champions = order[np.unique(best[order], return_index=True)[1]]
    mutual = champions[good[champions] & (highest[champions] >= others[best[champions]])]
    for tied in mutual[highest[mutual] == others[best[mutual]]]:
        if (ours @ theirs[best[tied]]).argmax() != tied:
            mutual = mutual[mutual != tied]
    mutual.sort()
    return np.stack([mutual, best[mutual]], axis=1).astype(np.uint32)


def _angle(similarity: np.ndarray) -> np.ndarray:
    return np.arccos(np.clip(similarity / DESCRIPTOR_NORM**2, -1.0, 1.0))
