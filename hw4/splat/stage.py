"""The splat stage: scene in, trained Gaussians, scores and pictures out."""

import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import DataConfig, SplatConfig
from hw4.config.splat import AUTO
from hw4.core.durable import write_json
from hw4.core.errors import UserError
from hw4.core.stored import checksums, sealed
from hw4.data.scenes.scene import Scene, TestViews, scene_of
from hw4.geometry.align import Similarity
from hw4.geometry.cameras import centred_K
from hw4.metrics import splat_metrics, splat_results
from hw4.models.base import ReconstructionModel
from hw4.splat.camera_file import write_cameras
from hw4.splat.covisible import with_shared_focal
from hw4.splat.gaussians import save_ply
from hw4.splat.rasterize import device_for
from hw4.splat.result import CHECKSUMS, RESULT_FILE, SplatResult
from hw4.splat.scoring.estimated_cameras import estimated_test_views
from hw4.splat.scoring.evaluate import EvalResult, evaluate
from hw4.splat.scoring.lpips_weights import configured_weights
from hw4.splat.start import GetModel, Initialisation, initialise
from hw4.splat.training.cameras import scene_extent
from hw4.splat.training.densify import most_gaussians
from hw4.splat.training.listeners import NOBODY, Listeners, Watch
from hw4.splat.training.step import BACKGROUNDS
from hw4.splat.training.train import TrainResult, train
from hw4.splat.video import fly_through
from hw4.splat.world import in_unit_world, moved_gaussians, offset_of


def run_splat(
    config: SplatConfig,
    data: DataConfig,
    get_model: GetModel | None,
    out_dir: Path,
    listeners: Listeners = NOBODY,
    train_dir: Path | None = None,
    watch: Watch | None = None,
) -> SplatResult:
    """Load a scene, train on its training views, write what was trained, score it on the test views.

    Args:
        config: `splat=` group.
        data: `data=` group.
        get_model: makes the model of `model=`; called only where the Gaussians start from a model.
        out_dir: receives ``gaussians.ply``, ``cameras.json``, ``flythrough.mp4``, ``renders/``, ``strips/``
            and ``splat.json``.
        listeners: who is told of the training.
        train_dir: keeps the checkpoint; an interrupted run is taken up, and a finished one is only scored.
            Null: `out_dir`.
        watch: given the scene and the start, returns a listener to the state of the training.

    Raises:
        UserError: the data, the model or the rasterizer cannot do what was asked.
    """
    started = time.perf_counter()
    # Whatever can be wrong with the configuration is said before the model and training take their time.
    device_for(config.rasterizer)
    configured_weights(config.eval)
    background = BACKGROUNDS.get(config.background, 0.0)
    scene, unit = in_unit_world(scene_of(data, background))
    init, model = initialise(scene, config, get_model)
    unit = unit or init.from_model
    assert unit is not None
    told = listeners if watch is None else replace(listeners, state=watch(scene, init))
    trained = train(scene.train, init, config, train_dir or out_dir, told)
    if listeners.progress is not None:
        listeners.progress(trained.steps, config.iterations, "rendering the fly-through, scoring test views")
    run = _Trained(scene, init, trained, unit.inverse, config, out_dir)
    outputs = _write_outputs(run)
    scores = _evaluate(run, model, outputs)
    files = outputs.files
    files |= {"renders": [str(p) for p in scores.renders], "strips": [str(p) for p in scores.strips]}
    result = SplatResult(
        scores={row.name: scores.mean(row.name) for row in splat_metrics()},
        views=scores.views,
        missing={**outputs.missing, **scores.missing},
        aligned_test_views=scores.aligned,
        n_gaussians=len(trained.gaussians["means"]),
        n_initial=len(init.gaussians["means"]),
        n_train=len(init.views),
        iterations=trained.steps,
        stopped=trained.stopped,
        seconds=time.perf_counter() - started,
        train_seconds=trained.seconds,
        init=init.source,
        notes=[*scene.notes, *init.notes, *facts(config), *limits(config, trained), *outputs.notes],
        files=files,
        history=trained.history,
        problems=[*outputs.problems, *scores.problems],
    )
    sums = checksums(out_dir, result.paths)
    write_json(out_dir / RESULT_FILE, sealed({**result.to_json(), CHECKSUMS: sums}))
    return result


def facts(config: SplatConfig) -> list[str]:
    """What numbers mean otherwise than a reader would expect."""
    said = []
    if config.densify.strategy == "default" and config.densify.prune_only:
        said.append("density control prunes only: adds no Gaussian (splat.densify.prune_only)")
    if config.principal_point == "centre":
        said.append("principal points taken to be the images' centres (splat.principal_point)")
    if config.eval.ssim_padding == "zero":
        said.append("SSIM goes on in black beyond the edges (splat.eval.ssim_padding)")
    if not config.eval.lpips_scaled:
        said.append("LPIPS of images in [0, 1], not scaled to [-1, 1] (splat.eval.lpips_scaled)")
    return said


def limits(config: SplatConfig, trained: TrainResult) -> list[str]:
    """What `auto` has come to, where it limits anything."""
    densify = config.densify
    if densify.max_gaussians != AUTO or densify.strategy == "off" or densify.prune_only:
        return []
    on_cuda = trained.gaussians["means"].device.type == "cuda"
    most = most_gaussians(densify, on_cuda)
    what = "no limit" if most == sys.maxsize else f"at most {most} Gaussians"
    return [f"{what} on {'CUDA' if on_cuda else 'a CPU'} (splat.densify.max_gaussians=auto)"]


@dataclass(frozen=True)
class _Trained:
    """A run after training, in its unit world; `home` leads from there into the user's own."""

    scene: Scene
    init: Initialisation
    result: TrainResult
    home: Similarity
    config: SplatConfig
    out_dir: Path

    @property
    def background(self) -> float:
        """Grey level behind the Gaussians in pictures."""
        return BACKGROUNDS.get(self.config.background, 0.0)

    def write_cameras(self, test: TestViews | None = None) -> str:
        """Write ``cameras.json``, with test cameras that had to be estimated; returns its path."""
        path = self.out_dir / "cameras.json"
        if test is not None and test.cam_from_world is not None:
            test = replace(test, cam_from_world=self.home.cam_from_world(test.cam_from_world))
        train = (self.home.cam_from_world(self.result.cam_from_world), self.init.Ks)
        write_cameras(path, self.scene, self.init.views, train, test)
        return str(path)


@dataclass
class _Outputs:
    files: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def _evaluate(run: _Trained, model: ReconstructionModel | None, outputs: _Outputs) -> EvalResult:
    """The scores; test cameras that had to be estimated are added to ``cameras.json``."""
    scene, init, config = run.scene, run.init, run.config
    test, unplaced = scene.test, dict[str, str]()
    if len(test) == 0:
        return _unscored("the scene has no test views")
    estimated = test.cam_from_world is None and model is not None
    if estimated:
        assert model is not None
        try:
            test, unplaced = estimated_test_views(scene, init, model, config.seed)
        except UserError as error:
            return _unscored(str(error))
    if test.Ks is not None and test.sizes is not None:
        Ks = test.Ks
        if estimated and config.init.shared_focal:
            sizes = np.array([scene.train.images[v].shape[1::-1] for v in init.views])
            Ks = with_shared_focal(Ks, test.sizes, (init.Ks, sizes))
        if config.principal_point == "centre":
            Ks = centred_K(Ks, test.sizes)
        test = replace(test, Ks=Ks)
    if estimated:
        outputs.notes.append(
            "test cameras come from a second reconstruction of all photos, made after training"
        )
        run.write_cameras(test)
    extent, gaussians = scene_extent(init.cam_from_world), run.result.gaussians
    scores = evaluate(gaussians, test, config.eval, run.out_dir, run.background, extent, init.gaussians)
    scores.missing |= {f"test view {name}": reason for name, reason in unplaced.items()}
    if 0 < len(scores.views) < len(scene.test):
        outputs.notes.append(f"scores are means over {len(scores.views)} of {len(scene.test)} test views")
    return scores


def _unscored(reason: str) -> EvalResult:
    return EvalResult([], {row.name: reason for row in splat_results()}, False)


def _write_outputs(run: _Trained) -> _Outputs:
    """All files that need no test view, before anything can go wrong with one."""
    outputs = _Outputs({"ply": str(run.out_dir / "gaussians.ply")})
    moved = _write_ply(run)
    outputs.notes += [moved] if moved else []
    outputs.files["cameras"] = run.write_cameras()
    init, n_frames = run.init, run.config.video_frames
    if n_frames > 0 and len(init.views) < 2:
        outputs.notes.append("no fly-through: a path needs two training cameras")
    elif n_frames > 0:
        height, width = run.scene.train.images[init.views[0]].shape[:2]
        path = run.out_dir / "flythrough.mp4"
        cameras, K, size = run.result.cam_from_world, init.Ks[0], (width, height)
        try:
            fly_through(run.result.gaussians, cameras, K, size, n_frames, path, run.background)
            outputs.files["video"] = str(path)
        except UserError as error:
            outputs.missing["fly-through"] = str(error)
            outputs.problems.append(str(error))
    return outputs


def _write_ply(run: _Trained) -> str | None:
    """Write ``gaussians.ply`` in the user's own world, and say it where it had to be moved."""
    values = moved_gaussians(run.result.gaussians, run.home)
    cameras = run.home.cam_from_world(run.result.cam_from_world)
    offset = offset_of(values["means"].numpy(), cameras)
    save_ply(values, run.out_dir / "gaussians.ply", offset)
    if not offset.any():
        return None
    said = ", ".join(f"{value:.12g}" for value in offset)
    return (
        "gaussians.ply is moved, because its 32-bit numbers cannot hold places so far from the origin: add "
        f"({said}) to its x, y, z (its header says so too)"
    )
