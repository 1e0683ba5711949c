"""What training starts from: Gaussians and cameras, from the scene's points or a model's reconstruction."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from torch.nn import ParameterDict

from hw4.config import SplatConfig
from hw4.config.splat import AUTO, CPU_POINTS
from hw4.core.errors import UserError
from hw4.data.scenes.scene import Scene, TrainScene
from hw4.geometry.align import Similarity, align_cameras
from hw4.geometry.cameras import centred_K, four_by_four, scaled_K
from hw4.geometry.unit_world import median_distance, unit_world
from hw4.models.base import Reconstruction, ReconstructionFailed, ReconstructionModel
from hw4.models.clouds import cloud_of
from hw4.splat.covisible import with_shared_focal, without_covisible
from hw4.splat.gaussians import make_gaussians
from hw4.splat.rasterize import resolve_rasterizer

GetModel = Callable[[], ReconstructionModel]

MORE_OVERLAP = (
    "Photos that see more of the same help: more of them (data.train_views), neighbouring ones "
    "(data.train_pick=neighbours); or another model, one with points for every pixel."
)
FARTHEST = 1000.0
"""Points farther from the cameras than this many times the others' distance say nothing of the scene."""
CONF_LR_RANGE = (1.0, 100.0)
"""Factor on the position learning rate of the surest and the least sure points (InstantSplat)."""


@dataclass
class Initialisation:
    """Start of a training run.

    Attributes:
        gaussians: parameters, see `make_gaussians`.
        cam_from_world: (N, 4, 4) float64 of the training views.
        Ks: (N, 3, 3) float64 in pixels of the training images.
        depths: N arrays (H, W) float32 at training resolution, 0 where unknown; None without a model's depth.
        source: ``scene`` or the model's name.
        from_model: the similarity that carried the model's world into this one, of the scene's cameras or,
            where it has none, of the model's own (`unit_world`); None for scene points.
        views: indices of the training views that are used (a model may fail to place some).
        notes: facts for the report.
    """

    gaussians: ParameterDict
    cam_from_world: np.ndarray
    Ks: np.ndarray
    depths: list[np.ndarray] | None
    source: str
    from_model: Similarity | None
    views: list[int]
    notes: list[str] = field(default_factory=list)


def lr_factors(conf: np.ndarray) -> np.ndarray:
    """(P,) factors on the position learning rate: ``1 + 99 (1 - sigmoid(conf))`` (InstantSplat's train.py).

    `conf` is at least 1: factors run from 27.6 for the least sure points down to 1.
    """
    low, high = CONF_LR_RANGE
    unsure = 1 / (1 + np.exp(np.clip(np.asarray(conf, np.float64), -60, 60)))
    return low + (high - low) * unsure


def _sample(n: int, limit: int | None, weights: np.ndarray | None, seed: int) -> np.ndarray:
    """At most `limit` (None: all) of n indices, in order, drawn in proportion to `weights`."""
    if limit is None or n <= limit:
        return np.arange(n)
    rng = np.random.default_rng([seed, 41])
    if weights is not None and (weights > 0).sum() >= limit:
        return np.sort(rng.choice(n, limit, replace=False, p=weights / weights.sum()))
    return np.sort(rng.choice(n, limit, replace=False))


def _limit(config: SplatConfig) -> int | None:
    """`splat.init.max_points` as a number; None: no limit."""
    limit = config.init.max_points
    if limit == AUTO:
        return CPU_POINTS if resolve_rasterizer(config.rasterizer) == "cpu" else None
    return None if limit is None else int(limit)


def _usable(points: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """(P,) whether points of the unit world may become Gaussians, and what is said of those that may not."""
    finite = np.isfinite(points).all(axis=1)
    origin = np.zeros(3)
    limit = FARTHEST * max(1.0, median_distance(origin, points))
    near = finite & (np.linalg.norm(points, axis=1) <= limit)
    notes = []
    if not finite.all():
        notes.append(f"{(~finite).sum()} of {len(points)} points left out: they are no finite numbers")
    if near.sum() < finite.sum():
        notes.append(
            f"{(finite & ~near).sum()} of {len(points)} points left out: over {FARTHEST:g} times as far away "
            "as the others"
        )
    return near, notes


def _gaussians(
    points: np.ndarray, colors: np.ndarray, conf: np.ndarray | None, config: SplatConfig
) -> tuple[ParameterDict, list[str]]:
    """Choose points by confidence and make Gaussians of them; with a note where some are left out."""
    keep, notes = _usable(points)
    n_usable = keep.sum()
    if conf is not None:
        keep &= np.isfinite(conf)
        if keep.any() and config.init.min_conf_quantile > 0:
            keep &= conf >= np.quantile(conf[keep], config.init.min_conf_quantile)
    ids = np.flatnonzero(keep)
    if len(ids) == 0:
        raise UserError("the initialisation has no finite points: nothing can be trained.")
    weights = None if conf is None else np.maximum(conf[ids].astype(np.float64), 0)
    ids = ids[_sample(len(ids), _limit(config), weights, config.seed)]
    factors = lr_factors(conf[ids]) if conf is not None and config.confidence_lr else None
    if len(ids) < n_usable:
        limits = f"splat.init.max_points={_said(config.init.max_points)}"
        if config.init.min_conf_quantile > 0:
            limits += f", min_conf_quantile={config.init.min_conf_quantile:g}"
        notes.append(f"{len(ids)} of {len(points)} points became Gaussians ({limits})")
    gaussians = make_gaussians(
        points[ids], colors[ids], config.sh_degree, config.init.opacity, config.init.scale_factor, factors
    )
    return gaussians, notes


def _said(limit: int | str | None) -> str:
    return "null" if limit is None else str(limit)


def from_scene(scene: TrainScene, config: SplatConfig, where: Path | str = "the scene") -> Initialisation:
    """Start from the points and cameras that come with the scene; `where` names it in messages.

    Raises:
        UserError: the scene has no cameras or no points.
    """
    if scene.cam_from_world is None or scene.Ks is None:
        raise UserError(
            f"{where} has no cameras: use splat.init.source=model, so that the model estimates them."
        )
    if scene.points is None or len(scene.points) == 0:
        raise UserError(
            f"{where} has no points that training may start from: use splat.init.source=model, so that the "
            "model gives them."
        )
    colors = scene.colors if scene.colors is not None else np.full((len(scene.points), 3), 128, np.uint8)
    gaussians, notes = _gaussians(scene.points, colors, scene.conf, config)
    views = list(range(len(scene.names)))
    return Initialisation(gaussians, scene.cam_from_world, scene.Ks, None, "scene", None, views, notes)


def _depth_at(reconstruction: Reconstruction, view: int, size: tuple[int, int], scale: float) -> np.ndarray:
    """(H, W) float32 depth of a view, looked up at the centres of a resized original's pixels."""
    assert reconstruction.depth is not None
    depth = reconstruction.depth[view]
    width, height = size
    original = reconstruction.image_sizes[view]
    xs = (np.arange(width) + 0.5) * original[0] / width
    ys = (np.arange(height) + 0.5) * original[1] / height
    grid = np.stack([*np.meshgrid(xs, ys), np.ones((height, width))], axis=-1)
    x, y, _ = np.moveaxis(grid @ np.linalg.inv(reconstruction.original_from_model[view]).T, -1, 0)
    columns, rows = np.floor(x).astype(int), np.floor(y).astype(int)
    inside = (columns >= 0) & (rows >= 0) & (columns < depth.shape[1]) & (rows < depth.shape[0])
    result = np.zeros((height, width), np.float32)
    result[inside] = scale * depth[rows[inside], columns[inside]]
    return np.nan_to_num(result, nan=0.0, posinf=0.0, neginf=0.0)


def from_reconstruction(
    scene: TrainScene, reconstruction: Reconstruction, config: SplatConfig, model_name: str
) -> Initialisation:
    """Start from a model's reconstruction of the training photos.

    Where the scene has cameras, they are kept and the reconstruction is carried into their world by a
    similarity; otherwise the model's cameras are used, in their unit world.

    Raises:
        UserError: the model placed fewer than two training views, or gave no points; with its reasons.
    """
    valid = [v for v in range(reconstruction.n_views) if reconstruction.is_valid(v)]
    notes = [
        f"{scene.names[v]}: {reconstruction.diagnoses[v] or 'no camera'}"
        for v in range(reconstruction.n_views)
        if v not in valid
    ]
    if len(valid) < 2:
        raise UserError(
            f"{model_name} placed {len(valid)} of {len(scene.names)} training views, and two are needed: "
            f"{'; '.join(notes)}. {MORE_OVERLAP}"
        )
    estimated = four_by_four(reconstruction.cam_from_world)
    if config.init.co_visibility is not None:
        reconstruction, left_out = without_covisible(reconstruction, config.init.co_visibility)
        notes.append(left_out)
    cloud = cloud_of(reconstruction)
    if reconstruction.pts3d is None and not len(cloud):
        reasons = "; ".join(dict.fromkeys(filter(None, reconstruction.diagnoses))) or "it gives cameras only"
        raise UserError(
            f"the reconstruction by {model_name} has no points to start Gaussians from: {reasons}. "
            f"{MORE_OVERLAP}"
        )
    points = cloud.points
    sizes = [image.shape[1::-1] for image in scene.images]
    if scene.cam_from_world is not None and scene.Ks is not None:
        similarity = align_cameras(estimated[valid], scene.cam_from_world[valid])
        views, cam_from_world, Ks = list(range(len(scene.names))), scene.cam_from_world, scene.Ks
    else:
        similarity = unit_world(estimated[valid], points)
        views, cam_from_world = valid, similarity.cam_from_world(estimated[valid])
        new_sizes = [sizes[v] for v in views]
        Ks = scaled_K(reconstruction.Ks_original[views], reconstruction.image_sizes[views], new_sizes)
        if not np.isfinite(Ks).all():
            raise UserError(f"{model_name} gave no intrinsics for the training views.")
        if config.init.shared_focal:
            Ks = with_shared_focal(Ks, np.array(new_sizes), (Ks, np.array(new_sizes)))
    depths = None
    if reconstruction.depth is not None:
        unknown = [np.zeros(size[::-1], np.float32) for size in sizes]
        depths = [
            _depth_at(reconstruction, v, sizes[v], similarity.scale) if v in valid else unknown[v]
            for v in views
        ]
    gaussians, limited = _gaussians(similarity.points(points), cloud.colors, cloud.conf, config)
    notes += limited
    return Initialisation(gaussians, cam_from_world, Ks, depths, model_name, similarity, views, notes)


def reconstruct(model: ReconstructionModel, paths: list[Path], seed: int, what: str) -> Reconstruction:
    """The model's reconstruction of photos; `what` they are, in words.

    Raises:
        UserError: it has none; with its reason.
    """
    try:
        return model.reconstruct(paths, seed=seed)
    except ReconstructionFailed as error:
        raise UserError(f"{model.name} could not reconstruct {what}: {error}. {MORE_OVERLAP}") from error


def initialise(
    scene: Scene, config: SplatConfig, get_model: GetModel | None
) -> tuple[Initialisation, ReconstructionModel | None]:
    """First Gaussians and cameras by `splat.init.source`, and the model where one was used.

    Where the scene has cameras, it must be in their unit world (`hw4.splat.world.in_unit_world`).

    The model sees the training photos only. With `splat.principal_point=centre`, the cameras have theirs
    there.

    Raises:
        UserError: the scene lacks what the source needs, or the model failed.
    """
    init, model = _initialise(scene, config, get_model)
    if config.principal_point == "centre":
        sizes = [scene.train.images[v].shape[1::-1] for v in init.views]
        init = replace(init, Ks=centred_K(init.Ks, sizes))
    return init, model


def _initialise(
    scene: Scene, config: SplatConfig, get_model: GetModel | None
) -> tuple[Initialisation, ReconstructionModel | None]:
    has_points = scene.train.points is not None and len(scene.train.points) > 0
    has_cameras = scene.train.cam_from_world is not None
    source = config.init.source
    if source == "auto":
        source = "scene" if has_points and has_cameras else "model"
    if source == "scene":
        return from_scene(scene.train, config, scene.root), None
    if get_model is None:
        raise UserError(f"{scene.root} has no points or cameras to start from: choose a model (model=...).")
    model = get_model()
    what = f"the {len(scene.train.paths)} training photos"
    reconstruction = reconstruct(model, scene.train.paths, config.seed, what)
    return from_reconstruction(scene.train, reconstruction, config, model.name), model
