"""Classical structure from motion: the yardstick that needs no weights."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from hw4.core.colmap import pycolmap
from hw4.core.cores import usable_cores
from hw4.data.photos import photo_path
from hw4.models.base import GIVEN_KS, Reconstruction, ReconstructionFailed, ReconstructionModel
from hw4.models.sfm.cameras import make_cameras
from hw4.models.sfm.config import SfmConfig
from hw4.models.sfm.features import Features, extract
from hw4.models.sfm.mapping import Mapping, chain_rotations, map_views, pairs_to_match
from hw4.models.sfm.two_view import TwoView, estimate_two_view, triangulate, verify_two_view

# glog level above ERROR: what COLMAP has to say per failed pair is in our diagnoses.
GLOG_FATAL = 3


class SfmModel(ReconstructionModel):
    """SIFT, verified matches, then a relative camera (two views) or incremental mapping (more), by pycolmap.

    Two views: the world is the first camera and the baseline has unit length. With known intrinsics the
    cameras are kept as given; a guessed focal length is refined where there are more than two views.
    """

    name = "sfm"
    weights_label = "none"
    # Every call works on its own arrays and files, and COLMAP's random numbers are a thread's own.
    thread_safe = True

    def __init__(self, config: SfmConfig) -> None:
        self.config = config
        pycolmap.logging.minloglevel = GLOG_FATAL

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        """See `ReconstructionModel.reconstruct`; `Ks` may also be (2, 3, 3), of the first and last view."""
        pycolmap.set_random_seed(seed)
        features = extract([photo_path(path) for path in image_paths], self.config)
        known = Ks if self.config.intrinsics == "data" else None
        cameras, camera_of = make_cameras(features, known)
        method = self._pair if len(features) == 2 else self._sequence
        found = method(features, cameras, camera_of, seed)
        found.notes |= {GIVEN_KS: True} if known is not None else {}
        return found

    def _pair(
        self,
        features: Sequence[Features],
        cameras: Sequence[pycolmap.Camera],
        camera_of: Sequence[int],
        seed: int,
    ) -> Reconstruction:
        two_view = estimate_two_view(
            features[0], features[1], cameras[camera_of[0]], cameras[camera_of[1]], self.config, seed
        )
        verified = len(two_view.inliers)
        if two_view.cam2_from_cam1 is None or verified < self.config.min_inliers:
            raise ReconstructionFailed(
                # No names: the reason is kept for these pictures, whatever their files are called.
                f"only {verified} verified matches between the two views ({len(two_view.matches)} before "
                f"verification; model.min_inliers={self.config.min_inliers})"
            )
        Ks = np.stack([cameras[c].calibration_matrix() for c in camera_of])
        points, colors = triangulate(two_view, features[0], features[1], Ks[0], Ks[1])
        mapping = Mapping(np.stack([np.eye(3, 4), two_view.cam2_from_cam1]), Ks, points, colors)
        notes: dict[str, object] = {
            "features": [len(f.keypoints) for f in features],
            "matches": len(two_view.matches),
            "verified_matches": verified,
            "geometry": two_view.kind,
        }
        if two_view.kind == "panoramic":
            notes["warning"] = "the camera only turned: the translation cannot be observed"
        return _reconstruction(features, mapping, [None, None], notes, two_view)

    def _sequence(
        self,
        features: Sequence[Features],
        cameras: Sequence[pycolmap.Camera],
        camera_of: Sequence[int],
        seed: int,
    ) -> Reconstruction:
        n = len(features)
        pairs, ends = pairs_to_match(n, self.config.overlap), (0, n - 1)
        # The matches of the two ends are to be looked at, where the mapping does without them.
        tried = pairs if ends in pairs else [*pairs, ends]

        def verified(pair: tuple[int, int]) -> TwoView:
            i, j = pair
            return verify_two_view(
                features[i], features[j], cameras[camera_of[i]], cameras[camera_of[j]], self.config, seed
            )

        # numpy and pycolmap let go of Python's lock.
        with ThreadPoolExecutor(self.config.threads or usable_cores()) as pool:
            found = dict(zip(tried, pool.map(verified, tried), strict=True))
        two_views = {
            pair: found[pair] for pair in pairs if len(found[pair].inliers) >= self.config.min_inliers
        }
        notes: dict[str, object] = {
            "features": [len(f.keypoints) for f in features],
            "verified_pairs": len(two_views),
        }
        if not two_views:
            raise ReconstructionFailed(
                f"no two of the {n} views share {self.config.min_inliers} verified matches"
            )
        mapping = map_views(features, cameras, camera_of, two_views, self.config, seed)
        if mapping is not None:
            notes |= {
                "method": "incremental mapping",
                "registered": int(mapping.registered.sum()),
                "points": len(mapping.points),
                "reprojection_error_px": mapping.reprojection_error,
            }
            diagnoses = [
                None if ok else _why_unregistered(view, two_views)
                for view, ok in enumerate(mapping.registered)
            ]
            return _reconstruction(features, mapping, diagnoses, notes, found[ends])

        Ks = np.stack([cameras[c].calibration_matrix() for c in camera_of])
        mapping = Mapping(chain_rotations(n, two_views), Ks)
        notes |= {"method": "chained rotations", "registered": int(mapping.registered.sum())}
        reason = (
            "the views carry too little parallax for a 3D model; rotations were chained, translation unknown"
        )
        diagnoses = [
            reason if ok else _why_unregistered(view, two_views) for view, ok in enumerate(mapping.registered)
        ]
        return _reconstruction(features, mapping, diagnoses, notes, found[ends])


def _why_unregistered(view: int, two_views: dict[tuple[int, int], TwoView]) -> str:
    shared = {
        (pair[0] if pair[1] == view else pair[1]): len(t.inliers)
        for pair, t in two_views.items()
        if view in pair
    }
    if not shared:
        return "not registered: no other view shares enough verified matches"
    best = max(shared, key=lambda other: shared[other])
    return f"not registered: its best neighbour is view {best}, with {shared[best]} verified matches"


def _reconstruction(
    features: Sequence[Features],
    mapping: Mapping,
    diagnoses: list[str | None],
    notes: dict[str, object],
    ends: TwoView,
) -> Reconstruction:
    """`ends`: the geometry of the first and the last view."""
    index1, index2 = ends.matches.T
    return Reconstruction(
        cam_from_world=mapping.cam_from_world,
        Ks=mapping.Ks,
        image_sizes=np.array([f.original_size for f in features]),
        original_from_model=np.stack([f.original_from_model for f in features]),
        images=[f.image for f in features],
        points=mapping.points,
        point_colors=mapping.colors,
        diagnoses=diagnoses,
        notes=notes,
        matches=np.concatenate([features[0].xy[index1], features[-1].xy[index2]], axis=1),
        # A keypoint has one match at most.
        verified=np.isin(index1, ends.inliers[:, 0]),
    )
