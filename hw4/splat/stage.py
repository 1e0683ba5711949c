"""The splat stage: scene in, trained Gaussians, scores and pictures out."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import DataConfig, SplatConfig
from hw4.data.scenes import Scene, scene_of
from hw4.durable import write_json
from hw4.errors import UserError
from hw4.models.base import Reconstruction, ReconstructionFailed, ReconstructionModel
from hw4.splat.align import align_cameras
from hw4.splat.camera_file import Cameras, write_cameras
from hw4.splat.cameras import scene_extent
from hw4.splat.evaluate import EvalResult, evaluate
from hw4.splat.figures import curves, fly_through
from hw4.splat.gaussians import save_ply
from hw4.splat.init import Initialisation, four_by_four, from_reconstruction, from_scene, resized_Ks
from hw4.splat.train import OnImage, OnMetrics, OnProgress, TrainResult, train
from hw4.splat.training_run import BACKGROUNDS

GetModel = Callable[[], ReconstructionModel]
RESULT_FILE = "splat.json"


@dataclass
class SplatResult:
    """What the stage computed, JSON-serialisable through `to_json`.

    Attributes:
        psnr, ssim, lpips: means over the test views; None where missing.
        initial_psnr: mean PSNR of the Gaussians before training, on the same views.
        views: per test view ``name, psnr, ssim, lpips, initial_psnr``.
        missing: metric -> why it is missing.
        aligned_test_views: whether test cameras were optimised before scoring.
        n_gaussians: after training; `n_initial` before.
        n_train: training views used.
        iterations: iterations done; `stopped` says why fewer than asked for.
        seconds: the whole stage; `train_seconds` training only.
        init: ``scene`` or the model's name.
        notes: facts worth a line in the report.
        files: what was written, by kind.
        history: logged metrics.
    """

    psnr: float | None
    ssim: float | None
    lpips: float | None
    initial_psnr: float | None
    views: list[dict[str, Any]]
    missing: dict[str, str]
    aligned_test_views: bool
    n_gaussians: int
    n_initial: int
    n_train: int
    iterations: int
    stopped: str | None
    seconds: float
    train_seconds: float
    init: str
    notes: list[str] = field(default_factory=list)
    files: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values; paths as text."""
        return asdict(self)


def _reconstruct(model: ReconstructionModel, paths: list[Path], seed: int, what: str) -> Reconstruction:
    try:
        return model.reconstruct(paths, seed=seed)
    except ReconstructionFailed as error:
        raise UserError(f"{model.name} could not reconstruct {what}: {error}.") from error


def initialise(
    scene: Scene, config: SplatConfig, get_model: GetModel | None
) -> tuple[Initialisation, ReconstructionModel | None]:
    """First Gaussians and cameras by `splat.init.source`, and the model where one was used.

    The model sees the training photos only.

    Raises:
        UserError: the scene lacks what the source needs, or the model failed.
    """
    has_points = scene.train.points is not None and len(scene.train.points) > 0
    has_cameras = scene.train.cam_from_world is not None
    source = config.init.source
    if source == "auto":
        source = "scene" if has_points and has_cameras else "model"
    if source == "scene":
        return from_scene(scene.train, config), None
    if get_model is None:
        raise UserError(f"{scene.root} has no points or cameras to start from: choose a model (model=sfm).")
    model = get_model()
    what = f"the {len(scene.train.paths)} training photos"
    reconstruction = _reconstruct(model, scene.train.paths, config.seed, what)
    return from_reconstruction(scene.train, reconstruction, config, model.name), model


def estimated_test_cameras(
    scene: Scene, init: Initialisation, model: ReconstructionModel, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cameras of the test views of a bare photo folder: ``(cam_from_world (M, 4, 4), Ks (M, 3, 3))``.

    The model reconstructs all photos together, after training and for scoring only; the result is carried
    into the training world through the training cameras.

    Raises:
        UserError: the model failed, or it could not place a test view.
    """
    paths = [*scene.train.paths, *scene.test.paths]
    order = sorted(range(len(paths)), key=lambda i: paths[i].name)
    joint = _reconstruct(model, [paths[i] for i in order], seed, "all photos together, for the test cameras")
    place = {i: k for k, i in enumerate(order)}
    train_views = [v for v in init.views if joint.is_valid(place[v])]
    test_places = [place[len(scene.train.paths) + i] for i in range(len(scene.test))]
    lost = [scene.test.names[i] for i, k in enumerate(test_places) if not joint.is_valid(k)]
    if lost or len(train_views) < 2:
        raise UserError(f"{model.name} could not place these test views: {', '.join(lost) or 'all'}.")
    cameras = four_by_four(joint.cam_from_world)
    kept = [init.views.index(v) for v in train_views]
    similarity = align_cameras(cameras[[place[v] for v in train_views]], init.cam_from_world[kept])
    sizes = [scene.test.load(i)[0].shape[1::-1] for i in range(len(scene.test))]
    return similarity.cam_from_world(cameras[test_places]), resized_Ks(joint, test_places, sizes)


def run_splat(
    config: SplatConfig,
    data: DataConfig,
    get_model: GetModel | None,
    out_dir: Path,
    on_metrics: OnMetrics | None = None,
    on_image: OnImage | None = None,
    progress: OnProgress | None = None,
) -> SplatResult:
    """Load a scene, train on its training views, score on its test views, write everything.

    Args:
        config: `splat=` group.
        data: `data=` group.
        get_model: makes the model of `model=`; called only where the Gaussians start from a model.
        out_dir: receives ``gaussians.ply``, ``renders/``, ``strips/``, ``curves.png``, ``flythrough.mp4``,
            ``splat.json`` and the checkpoint; an interrupted run is taken up.
        on_metrics: step and metrics, every `splat.log_every` steps; once more at the end with test metrics.
        on_image: step, name and (H, W, 3) uint8 image.
        progress: step, total, state in words.

    Raises:
        UserError: the data, the model or the rasterizer cannot do what was asked.
    """
    started = time.perf_counter()
    scene = scene_of(data)
    init, model = initialise(scene, config, get_model)
    trained = train(scene.train, init, config, out_dir, on_metrics, on_image, progress)
    background = BACKGROUNDS.get(config.background, 0.0)
    notes = [*scene.notes, *init.notes]
    if progress is not None:
        progress(trained.steps, config.iterations, "scoring test views, rendering the fly-through")
    evaluation, test_cameras = _evaluate(scene, init, model, trained, config, out_dir, background, notes)
    files = _write_outputs(scene, init, trained, config, out_dir, background)
    write_cameras(
        out_dir / "cameras.json", scene, init.views, (trained.cam_from_world, init.Ks), test_cameras
    )
    files["cameras"] = str(out_dir / "cameras.json")
    files |= {"renders": [str(p) for p in evaluation.renders], "strips": [str(p) for p in evaluation.strips]}
    result = SplatResult(
        evaluation.mean("psnr"),
        evaluation.mean("ssim"),
        evaluation.mean("lpips"),
        evaluation.mean("initial_psnr"),
        [asdict(view) for view in evaluation.views],
        evaluation.missing,
        evaluation.aligned,
        len(trained.gaussians["means"]),
        len(init.gaussians["means"]),
        len(init.views),
        trained.steps,
        trained.stopped,
        time.perf_counter() - started,
        trained.seconds,
        init.source,
        notes,
        files,
        trained.history,
    )
    write_json(out_dir / RESULT_FILE, result.to_json())
    if on_metrics is not None:
        test = {f"test_{name}": getattr(result, name) for name in ("psnr", "ssim", "lpips")}
        on_metrics(trained.steps, {name: value for name, value in test.items() if value is not None})
    return result


def _evaluate(
    scene: Scene,
    init: Initialisation,
    model: ReconstructionModel | None,
    trained: TrainResult,
    config: SplatConfig,
    out_dir: Path,
    background: float,
    notes: list[str],
) -> tuple[EvalResult, Cameras | None]:
    """The scores, and the test cameras where they had to be estimated."""
    missing = dict.fromkeys(("psnr", "ssim", "lpips"), "the scene has no test views")
    if len(scene.test) == 0:
        return EvalResult([], missing, False), None
    cameras = None
    if scene.test.cam_from_world is None and model is not None:
        try:
            cameras = estimated_test_cameras(scene, init, model, config.seed)
        except UserError as error:
            return EvalResult([], dict.fromkeys(missing, str(error)), False), None
        notes.append("test cameras come from a second reconstruction of all photos, made after training")
    scores = evaluate(
        trained.gaussians,
        scene.test,
        config.eval,
        out_dir,
        background,
        scene_extent(init.cam_from_world),
        init.gaussians,
        cameras,
    )
    return scores, cameras


def _write_outputs(
    scene: Scene,
    init: Initialisation,
    trained: TrainResult,
    config: SplatConfig,
    out_dir: Path,
    background: float,
) -> dict[str, Any]:
    files: dict[str, Any] = {"ply": str(out_dir / "gaussians.ply")}
    save_ply(trained.gaussians, out_dir / "gaussians.ply")
    if curves(trained.history, out_dir / "curves.png"):
        files["curves"] = str(out_dir / "curves.png")
    if config.video_frames > 0:
        height, width = scene.train.images[init.views[0]].shape[:2]
        files["video"] = str(
            fly_through(
                trained.gaussians,
                trained.cam_from_world,
                init.Ks[0],
                (width, height),
                config.video_frames,
                out_dir / "flythrough.mp4",
                background,
            )
        )
    return files
