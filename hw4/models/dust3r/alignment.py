"""Cameras from DUSt3R's pairwise pointmaps, through upstream's `dust3r.cloud_opt`, made safe.

Two views need no optimisation (`PairViewer`); more are aligned globally (`PointCloudOptimizer`; iterations
by `hw4.models.dust3r.aligner` unless upstream's own are asked for). Where upstream raises or silently takes
the identity, here another PnP solver is tried and the view's diagnosis says so; a view that no solver can
place has no camera, unless upstream's identity is asked for.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch

from hw4.geometry.pnp import MIN_POINTS, NO_METHOD, PnPResult, safe_pnp
from hw4.models.base import IDENTITY_VIEWS, ReconstructionFailed
from hw4.models.dust3r.config import FAIL, IDENTITY, AlignmentConfig
from hw4.models.dust3r.focal import default_focal, usable_focal
from hw4.models.dust3r.guard import InitGuard
from hw4.models.dust3r.predictions import LARGEST, PairPredictions, ViewPoints
from hw4.models.dust3r.scene import build_scene
from hw4.models.dust3r.upstream import import_alignment
from hw4.models.network.devices import seeded
from hw4.models.network.room import is_no_room
from hw4.models.network.upstream import quiet, replaced

# Upstream `PairViewer`'s confidence threshold.
PAIR_MIN_CONF = 3.0
# What degenerate numbers make upstream raise; anything else is a defect and passes through.
_NUMERIC_ERRORS = (
    RuntimeError,
    ValueError,
    AssertionError,
    ArithmeticError,
    np.linalg.LinAlgError,
    cv2.error,
)


@dataclass
class Alignment:
    """Cameras and geometry in one world frame; see `hw4.models.base.Reconstruction` for the conventions.

    Attributes:
        cam_from_world: (N, 3, 4) float64; NaN for a view that could not be placed.
        Ks: (N, 3, 3) float64, principal point at the middle as upstream has it.
        pts3d: N arrays (H, W, 3); depth and conf: N arrays (H, W).
        diagnoses: one entry per view; None for a healthy one.
        notes: facts about the whole.
    """

    cam_from_world: np.ndarray
    Ks: np.ndarray
    pts3d: list[np.ndarray]
    depth: list[np.ndarray]
    conf: list[np.ndarray]
    diagnoses: list[str | None]
    notes: dict[str, object] = field(default_factory=dict)


def align_pair(predictions: PairPredictions, seed: int, on_pnp_failure: str = FAIL) -> Alignment:
    """Two views: the more confident one is the world, PnP places the other (upstream `PairViewer`).

    Args:
        predictions: of the symmetrised pair.
        seed: of OpenCV's and torch's generators.
        on_pnp_failure: see `AlignmentConfig`.

    Raises:
        ReconstructionFailed: the network's output is not finite, or upstream's solvers fail on it.
    """
    points, output = predictions.check(), predictions.output()
    # Upstream's rule: the surer pair's first view is the world. Edges come as (1, 0), (0, 1).
    conf1, conf2 = output["pred1"]["conf"], output["pred2"]["conf"]
    scores = [float(conf1[e].mean() * conf2[e].mean()) for e in (1, 0)]
    moved = 1 if scores[0] > scores[1] else 0
    threshold = _pair_threshold(torch.maximum(conf1[1 - moved], conf2[moved]))
    modules = import_alignment()
    results: list[PnPResult] = []
    problems: list[list[str]] = [[], []]

    def solve_pnp(pts3d: np.ndarray, pixels: np.ndarray, K: np.ndarray, _: None, **options: Any) -> Any:
        if not usable_focal(float(K[0, 0])):
            focal = default_focal(round(2 * K[1, 2]), round(2 * K[0, 2]))
            K = np.array([(focal, 0, K[0, 2]), (0, focal, K[1, 2]), (0, 0, 1)], np.float32)
        limits = options["iterationsCount"], options["reprojectionError"]
        result = safe_pnp(pts3d, pixels, K, *limits, fallbacks=on_pnp_failure == FAIL)
        results.append(result)
        if result.cam_from_world is None:
            return False, None, None, None
        rvec = cv2.Rodrigues(result.cam_from_world[:, :3])[0]
        return True, rvec, result.cam_from_world[:, 3:], np.arange(result.inliers)

    opencv = SimpleNamespace(
        solvePnPRansac=solve_pnp, Rodrigues=cv2.Rodrigues, SOLVEPNP_SQPNP=cv2.SOLVEPNP_SQPNP
    )
    cv2.setRNGSeed(seed)
    with seeded(seed), quiet(), replaced(modules.pair_viewer, cv2=opencv), failing_cleanly("the pair"):
        parts = [output[key] for key in ("view1", "view2", "pred1", "pred2")]
        scene = modules.pair_viewer.PairViewer(*parts, verbose=False, min_conf_thr=threshold)
        for view, focal in enumerate(scene.get_focals().tolist()):
            if not usable_focal(focal):
                scene.focals.data[view] = default_focal(*scene.imshapes[view])
                problems[view].append("no focal length fits its points; 60° of view assumed")
        alignment = _read_scene(scene)

    _note_pnp(alignment, problems, {moved: results[moved]}, on_pnp_failure)
    if threshold < PAIR_MIN_CONF:
        problems[moved].append(f"too few pixels are surer than {PAIR_MIN_CONF:g}; {threshold:.2f} was asked")
    alignment.notes |= {
        "reference_view": 1 - moved,
        "pair_confidence": scores,
    }
    return _finish(alignment, points, problems)


def align_views(
    predictions: PairPredictions, config: AlignmentConfig, seed: int, device: torch.device
) -> Alignment:
    """More views: minimum-spanning-tree start, then Adam on cameras, depths and focal lengths.

    Args:
        predictions: of the scene graph's pairs; they are only read.
        config: iterations, learning rate, schedule, thresholds.
        seed: of OpenCV's and torch's generators.
        device: where the optimisation runs.

    Raises:
        ReconstructionFailed: the network's output is not finite, or upstream's solvers fail on it.
    """
    n_views, points = len(predictions.shapes), predictions.check()
    modules = import_alignment()
    problems: list[list[str]] = [[] for _ in range(n_views)]
    guard = InitGuard(modules.init_im_poses, fallbacks=config.on_pnp_failure == FAIL)
    cv2.setRNGSeed(seed)
    with seeded(seed), quiet(), failing_cleanly("global alignment"):
        scene = build_scene(predictions, modules, config)
        with guard.active():
            modules.init_im_poses.init_minimum_spanning_tree(scene, niter_PnP=config.pnp_iterations)
        scene = scene.to(device)
        start = {name: value.clone() for name, value in scene.state_dict().items()}
        initial_loss, loss = _optimised(scene, predictions, config, modules)
        diverged = not (np.isfinite(loss) and bool(torch.isfinite(scene.get_im_poses()).all()))
        if diverged:
            scene.load_state_dict(start)
        alignment = _read_scene(scene)

    if diverged:
        for entry in problems:
            entry.append("the alignment diverged; cameras are those it started from")
    for view in guard.unregistered_views():
        alignment.cam_from_world[view] = np.nan
        problems[view].append("its points cannot be registered to another view's")
    _note_pnp(alignment, problems, guard.results_by_view(n_views), config.on_pnp_failure)
    alignment.notes |= {
        "pairs": len(scene.edges),
        "alignment_loss": None if diverged else loss,
        "initial_loss": initial_loss if np.isfinite(initial_loss) else None,
        "alignment_iterations": config.iterations,
        "alignment_backend": config.backend,
        "degenerate_registrations": guard.degenerate_registrations,
        "assumed_focals": guard.assumed_focals,
    }
    return _finish(alignment, points, problems)


def _optimised(
    scene: Any, predictions: PairPredictions, config: AlignmentConfig, modules: SimpleNamespace
) -> tuple[float, float]:
    """The objective before and after the iterations, which change the scene."""
    if config.backend == "fast":
        # Here, because numba takes its time to import and a pair does without.
        from hw4.models.dust3r.aligner import optimise

        return optimise(scene, predictions, config.iterations, config.lr, config.schedule)
    with torch.no_grad():
        before = float(scene())
    modules.base_opt.global_alignment_loop(
        scene, lr=config.lr, niter=config.iterations, schedule=config.schedule
    )
    with torch.no_grad():
        return before, float(scene())


@contextlib.contextmanager
def failing_cleanly(what: str) -> Iterator[None]:
    """What degenerate numbers make upstream raise becomes a failed reconstruction."""
    try:
        yield
    except _NUMERIC_ERRORS as error:
        if is_no_room(error):
            raise
        first = (str(error).strip().splitlines() or [""])[0]
        raise ReconstructionFailed(f"{what} cannot be solved ({type(error).__name__}: {first})") from error


def _pair_threshold(conf: torch.Tensor) -> float:
    """Upstream's confidence threshold, lowered where a view has too few pixels above it for PnP."""
    if int((conf > PAIR_MIN_CONF).sum()) >= MIN_POINTS:
        return PAIR_MIN_CONF
    return float(conf.median()) - 1e-3


def _read_scene(scene: Any) -> Alignment:
    """The optimiser's cameras and maps as arrays."""
    with torch.no_grad():
        world_from_cam = scene.get_im_poses().double().cpu().numpy()
        Ks = scene.get_intrinsics().double().cpu().numpy()
        pts3d = [p.float().cpu().numpy() for p in scene.get_pts3d()]
        depth = [d.float().cpu().numpy() for d in scene.get_depthmaps()]
        conf = [c.float().cpu().numpy() for c in scene.im_conf]
    n = len(world_from_cam)
    return Alignment(np.linalg.inv(world_from_cam)[:, :3], Ks, pts3d, depth, conf, [None] * n)


def _note_pnp(
    alignment: Alignment, problems: list[list[str]], results: dict[int, PnPResult], on_failure: str
) -> None:
    """Note each PnP; one that was not plain goes into its view's diagnosis.

    Without a solution the view loses its camera, or keeps upstream's: the identity, from which more than two
    views are aligned.
    """
    methods = {view: result.method for view, result in results.items()}
    for view, result in results.items():
        if result.problem is None:
            if result.shape.degenerate:
                problems[view].append(f"PnP: {result.shape}")
        elif result.method != NO_METHOD:
            problems[view].append(f"SQPnP failed ({result.problem}); {result.method} was used")
        elif on_failure == IDENTITY:
            methods[view] = IDENTITY
            problems[view].append(f"PnP found no camera, so the identity was used: {result.problem}")
        else:
            alignment.cam_from_world[view] = np.nan
            problems[view].append(f"PnP found no camera: {result.problem}")
    alignment.notes["pnp"] = {
        str(view): {"method": methods[view], "points": result.shape.kind, "problem": result.problem}
        for view, result in results.items()
    }
    alignment.notes["opencv"] = cv2.__version__
    if on_failure == IDENTITY:
        alignment.notes[IDENTITY_VIEWS] = [view for view, method in methods.items() if method == IDENTITY]


def _finish(alignment: Alignment, points: list[ViewPoints], problems: list[list[str]]) -> Alignment:
    for view, (seen, entry) in enumerate(zip(points, problems, strict=True)):
        if seen.bad_share > 0:
            share = f"{100 * seen.bad_share:.2g} %"
            entry.append(f"{share} of its predicted points are not finite or beyond {LARGEST:g}")
        if seen.shape.degenerate and not any(str(seen.shape) in text for text in entry):
            entry.append(str(seen.shape))
        if not np.isfinite(alignment.Ks[view]).all():
            alignment.Ks[view] = np.nan
            entry.append("its intrinsics are not finite")
        if not np.isfinite(alignment.cam_from_world[view]).all():
            alignment.cam_from_world[view] = np.nan
            entry.append("its camera is not finite") if not entry else None
        alignment.diagnoses[view] = "; ".join(entry) or None
    alignment.notes |= {
        "point_shapes": [seen.shape.kind for seen in points],
        "flatness": [seen.shape.flatness if np.isfinite(seen.shape.flatness) else None for seen in points],
    }
    return alignment
