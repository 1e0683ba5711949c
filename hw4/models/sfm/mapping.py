"""Incremental mapping of more than two views, and what is left where it finds no model."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from hw4.core.colmap import pycolmap
from hw4.models.sfm.config import SfmConfig
from hw4.models.sfm.features import Features
from hw4.models.sfm.two_view import TwoView

# COLMAP's defaults (16°, 100 matches) expect hundreds of photos; a handful offers no better first pair.
INIT_MIN_ANGLE_DEG = 4.0
INIT_MIN_INLIERS = 30
MIN_MODEL_SIZE = 3
# Growth of a model of known intrinsics, in views or points, after which all of it is refined. COLMAP's 1.1
# does so at nearly every view of a short sequence, for the same points and cameras in the end.
GLOBAL_REFINEMENT_RATIO = 1.5


@dataclass
class Mapping:
    """Cameras and points of one model.

    Attributes:
        cam_from_world: (N, 3, 4), NaN for views outside the model.
        Ks: (N, 3, 3) in pixels of the reduced images, refined where they were guessed.
        points: (P, 3) float32 and colors: (P, 3) uint8.
        reprojection_error: mean over the points' observations, in pixels; None where there are no points.
    """

    cam_from_world: np.ndarray
    Ks: np.ndarray
    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    colors: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.uint8))
    reprojection_error: float | None = None

    @property
    def registered(self) -> np.ndarray:
        """(N,) bool: the views that have a camera."""
        return np.isfinite(self.cam_from_world).all(axis=(1, 2))


def pairs_to_match(n: int, overlap: int) -> list[tuple[int, int]]:
    """Pairs of a sequence of n views: those at most `overlap` apart, and those 2^k apart; 0: all."""
    apart = set(range(1, n)) if overlap == 0 else {*range(1, min(overlap + 1, n)), *(2**k for k in range(20))}
    return [(i, j) for i in range(n) for j in range(i + 1, n) if j - i in apart]


def map_views(
    features: Sequence[Features],
    cameras: Sequence[pycolmap.Camera],
    camera_of: Sequence[int],
    two_views: dict[tuple[int, int], TwoView],
    config: SfmConfig,
    seed: int,
) -> Mapping | None:
    """COLMAP's incremental mapper (Schönberger & Frahm, CVPR 2016) on verified pairs.

    Of several models the one with both end views is taken, else the one with most views. A camera counts
    that sees as many of the model's points as it needed to be registered: refinement may have dropped them.
    One thread and fixed seeds make it repeatable.

    Returns:
        None where the mapper finds no model.
    """
    with tempfile.TemporaryDirectory(prefix="hw4-sfm-") as folder:
        database = Path(folder) / "database.db"
        _write_database(database, features, cameras, camera_of, two_views)
        options = _mapper_options(config, cameras, seed)
        models = pycolmap.incremental_mapping(database, folder, folder, options)
        found = [_read_model(m, features, config.min_inliers) for _, m in sorted(models.items())]
    candidates = [mapping for mapping in found if mapping.registered.sum() >= MIN_MODEL_SIZE]
    if not candidates:
        return None
    return max(candidates, key=lambda m: (bool(m.registered[[0, -1]].all()), int(m.registered.sum())))


def _write_database(
    path: Path,
    features: Sequence[Features],
    cameras: Sequence[pycolmap.Camera],
    camera_of: Sequence[int],
    two_views: dict[tuple[int, int], TwoView],
) -> None:
    database = pycolmap.Database.open(path)
    try:
        rig_ids = []
        for camera in cameras:
            database.write_camera(camera, use_camera_id=True)
            rig = pycolmap.Rig()
            rig.add_ref_sensor(camera.sensor_id)
            rig_ids.append(database.write_rig(rig))
        image_ids = []
        for view, feature in enumerate(features):
            camera = cameras[camera_of[view]]
            image_id = database.write_image(pycolmap.Image(name=str(view), camera_id=camera.camera_id))
            frame = pycolmap.Frame()
            frame.rig_id = rig_ids[camera_of[view]]
            frame.add_data_id(database.read_image(image_id).data_id)
            database.write_frame(frame)
            database.write_keypoints(image_id, feature.keypoints)
            image_ids.append(image_id)
        for (i, j), two_view in two_views.items():
            database.write_matches(image_ids[i], image_ids[j], two_view.matches)
            assert two_view.geometry is not None, "verified pairs have a geometry"
            database.write_two_view_geometry(image_ids[i], image_ids[j], two_view.geometry)
    finally:
        database.close()


def _mapper_options(
    config: SfmConfig, cameras: Sequence[pycolmap.Camera], seed: int
) -> pycolmap.IncrementalPipelineOptions:
    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size = MIN_MODEL_SIZE
    options.min_num_matches = config.min_inliers
    options.num_threads = 1
    options.random_seed = seed
    options.extract_colors = False
    options.constant_cameras = {c.camera_id for c in cameras if c.has_prior_focal_length}
    if len(options.constant_cameras) == len(cameras):
        options.ba_global_frames_ratio = options.ba_global_points_ratio = GLOBAL_REFINEMENT_RATIO
    options.ba_refine_extra_params = False
    options.mapper.init_min_tri_angle = INIT_MIN_ANGLE_DEG
    options.mapper.init_min_num_inliers = INIT_MIN_INLIERS
    options.mapper.abs_pose_min_num_inliers = config.min_inliers
    options.mapper.abs_pose_refine_extra_params = False
    options.mapper.constant_cameras = options.constant_cameras
    options.mapper.random_seed = seed
    options.mapper.num_threads = 1
    options.triangulation.random_seed = seed
    return options


def _read_model(
    model: pycolmap.Reconstruction, features: Sequence[Features], min_observations: int
) -> Mapping:
    n = len(features)
    mapping = Mapping(np.full((n, 3, 4), np.nan), np.full((n, 3, 3), np.nan))
    view_of = {}
    for image_id, image in model.images.items():
        if image.has_pose and image.num_points3D >= min_observations:
            view = view_of[image_id] = int(image.name)
            mapping.cam_from_world[view] = image.cam_from_world().matrix()
            mapping.Ks[view] = image.camera.calibration_matrix()
    points, colors = [], []
    for _, point in sorted(model.points3D.items()):
        seen = [e for e in point.track.elements if e.image_id in view_of]
        if seen:
            element = min(seen, key=lambda e: (view_of[e.image_id], e.point2D_idx))
            points.append(point.xyz)
            colors.append(features[view_of[element.image_id]].colors(np.array([element.point2D_idx]))[0])
    if points:
        mapping.points = np.array(points, np.float32)
        mapping.colors = np.array(colors, np.uint8)
        mapping.reprojection_error = float(model.compute_mean_reprojection_error())
    return mapping


def chain_rotations(n: int, two_views: dict[tuple[int, int], TwoView]) -> np.ndarray:
    """Rotations relative to view 0 along the shortest chains of verified pairs, each as long as its matches
    are few: one wide step with many matches beats many small ones, whose errors add up.

    For sequences without parallax, in which no point can be triangulated and the mapper finds no model.

    Returns:
        (N, 3, 4) with zero translation; NaN for views that no chain of pairs reaches.
    """
    cameras = np.full((n, 3, 4), np.nan)
    cameras[0] = np.eye(3, 4)
    usable = {pair: t for pair, t in two_views.items() if t.cam2_from_cam1 is not None}
    if not usable:
        return cameras
    rows, cols = np.array(list(usable)).T
    cost = np.array([1.0 / len(t.inliers) for t in usable.values()])
    graph = coo_array((cost, (rows, cols)), shape=(n, n)).tocsr()
    length, before = dijkstra(graph, directed=False, indices=0, return_predecessors=True)
    reached = [int(view) for view in np.argsort(length) if np.isfinite(length[view])]
    for view in reached[1:]:
        i = int(before[view])
        forward = (i, view) in usable
        two_view = usable[(i, view) if forward else (view, i)]
        assert two_view.cam2_from_cam1 is not None
        R = two_view.cam2_from_cam1[:, :3]
        cameras[view, :, :3] = (R if forward else R.T) @ cameras[i, :, :3]
        cameras[view, :, 3] = 0.0
    return cameras
