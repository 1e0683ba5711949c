"""SIFT features and their matches, without files or databases."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.core.colmap import pycolmap
from hw4.data.photos import limited, open_upright, resize_map
from hw4.models.sfm.config import SfmConfig

# Angle in radians between two descriptors above which they never match (COLMAP's `max_distance`).
MAX_ANGLE = 0.7
# pycolmap stores unit-length descriptors times this, rounded to 8 bits.
DESCRIPTOR_NORM = 512.0


@dataclass
class Features:
    """SIFT features of one photo.

    Attributes:
        keypoints: (M, 4) float32: x, y (pixels of `image`, pixel centres at +0.5), scale, orientation.
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


def extract(path: Path, config: SfmConfig) -> Features:
    """Find SIFT features (Lowe 2004; root-SIFT descriptors) on the CPU.

    Raises:
        UserError: the image cannot be read.
    """
    photo = open_upright(path).convert("RGB")
    reduced = limited(photo, config.max_image_size)
    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu = False
    options.num_threads = 1
    options.sift.max_num_features = config.max_features
    options.sift.peak_threshold = config.peak_threshold
    extractor = pycolmap.FeatureExtractor.create(options, pycolmap.Device.cpu)
    keypoints, descriptors = extractor.extract_from_uint8_array(np.asarray(reduced.convert("L")))
    return Features(
        keypoints=np.asarray(pycolmap.keypoints_to_matrix(keypoints), np.float32).reshape(-1, 4),
        descriptors=np.asarray(descriptors.data, np.float32).reshape(-1, 128),
        image=np.asarray(reduced),
        original_size=photo.size,
        original_from_model=resize_map(reduced.size, photo.size),
    )


def match(first: Features, second: Features, max_ratio: float) -> np.ndarray:
    """Mutual nearest neighbours that pass Lowe's ratio test.

    The same rule as COLMAP's SIFT matcher (angles between descriptors, ratio, cross-check), by one matrix
    product instead of its single-threaded search, some ten times faster here.

    Returns:
        (M, 2) uint32 indices into the two views' keypoints.
    """
    if len(first.keypoints) < 2 or len(second.keypoints) < 2:
        return np.zeros((0, 2), np.uint32)
    similarity = first.descriptors @ second.descriptors.T
    rows = np.arange(len(similarity))
    best = similarity.argmax(axis=1)
    mutual = similarity.argmax(axis=0)[best] == rows
    best_angle = _angle(similarity[rows, best])
    similarity[rows, best] = -np.inf
    second_angle = _angle(similarity.max(axis=1))
    good = mutual & (best_angle < MAX_ANGLE) & (best_angle < max_ratio * second_angle)
    return np.stack([rows[good], best[good]], axis=1).astype(np.uint32)


def _angle(similarity: np.ndarray) -> np.ndarray:
    return np.arccos(np.clip(similarity / DESCRIPTOR_NORM**2, -1.0, 1.0))
