"""The splat stage of a job: cache, progress, files, tables, W&B."""

import json
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import SplatConfig
from hw4.config.decides import scores_address, splat_address
from hw4.config.stages import SPLAT
from hw4.core.durable import exclusive, write_bytes
from hw4.data.image_names import without_suffix
from hw4.data.scenes.layouts import scene_files
from hw4.jobs.context import JobContext
from hw4.models.base import ReconstructionModel
from hw4.output.progress import StepProgress
from hw4.output.splat_tables import splat_table, views_table
from hw4.splat.result import METRICS, RESULT_FILE
from hw4.splat.scoring.lpips_weights import LpipsUnavailable, find_weights
from hw4.splat.source import uses_model
from hw4.splat.training.log import TrainingLog

# Wandb draws these against training iterations, whatever else the run has logged before.
STEP = "splat/step"


def run_splat_stage(context: JobContext) -> list[str]:
    """Train and score, or take the finished result from the cache; returns what went wrong, in sentences.

    Training happens in the cache folder that its part of the configuration addresses: a killed run goes on
    there. A folder in it, addressed by the rest, holds the scores and files; where only that part is new, or
    something in it is missing that can be had now, nothing is trained again. The files are copied to the run.

    Raises:
        UserError: the data, the model or the rasterizer cannot do what was asked.
    """
    config = context.config
    fingerprint, weights, get_model = "", "none", None
    # Asked once: `auto` reads the scene's COLMAP model for the answer.
    if uses_model(config):
        from hw4.models.cached import cached_model
        from hw4.models.registry import model_labels

        labels = model_labels(config.model)
        fingerprint, weights = labels.fingerprint, labels.weights
        get_model = partial(cached_model, config, labels)
    scene = scene_files(config.data)
    files = _stamps(scene.root, scene.train.files)
    address = splat_address(config, fingerprint, files, uses_model=get_model is not None)
    folder = Path(config.cache.root) / SPLAT / address
    scored = folder / f"scores-{scores_address(config, _stamps(scene.root, scene.test.files))}"
    with exclusive(folder):
        if not config.cache.reuse:
            _clear(folder)
        context.tracker.axis("splat", STEP)
        result = _finished(scored, config.splat)
        reused = result is not None
        if result is None:
            result = _compute(context, folder, scored, get_model)
        else:
            TrainingLog(folder, *_listeners(context)).replay(result["history"])
        result |= {"weights": weights, "reused": reused, "cache_dir": str(folder)}
        result["files"] = _copy_files(result["files"], scored, context.out_dir)
    context.results[SPLAT] = result
    _report(context, result)
    stopped = [f"splat training stopped early: {result['stopped']}"] if result["stopped"] else []
    return [*stopped, *result["problems"]]


def _stamps(root: Path, files: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Name, size and time of files of the scene: a changed photo is a new scene."""
    found = sorted({path for path in files if path.is_file()})
    status = [(str(path.relative_to(root)), path.stat()) for path in found]
    return [(name, s.st_size, s.st_mtime_ns) for name, s in status]


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


def _finished(folder: Path, config: SplatConfig) -> dict[str, Any] | None:
    """The result in a folder, unless something in it is missing that can be had now."""
    try:
        result: dict[str, Any] = json.loads((folder / RESULT_FILE).read_text())
        files = result["files"].values()
    except (OSError, ValueError, KeyError):
        return None
    paths = [path for value in files for path in (value if isinstance(value, list) else [value])]
    if result.get("problems") or not all(Path(path).is_file() for path in paths):
        return None
    if result["views"] and "lpips" in result["missing"]:
        try:
            find_weights(config.eval)
        except LpipsUnavailable:
            return result
        return None
    return result


def _listeners(context: JobContext) -> tuple[Any, Any]:
    tracker = context.tracker

    def on_metrics(step: int, values: dict[str, float]) -> None:
        tracker.log({STEP: float(step), **{f"splat/{name}": value for name, value in values.items()}})

    def on_image(step: int, name: str, image: np.ndarray) -> None:
        tracker.image(f"splat/{name}", image, {STEP: float(step)})

    return on_metrics, on_image


def _compute(
    context: JobContext, folder: Path, scored: Path, get_model: Callable[[], ReconstructionModel] | None
) -> dict[str, Any]:
    # Here, because torch takes seconds to import and a result from the cache does without.
    from hw4.splat.stage import run_splat

    config = context.config
    with StepProgress(context.console, config.splat.iterations, "splat") as progress:
        result = run_splat(
            config.splat, config.data, get_model, scored, *_listeners(context), progress, folder
        )
    return result.to_json()


def _copy_files(files: dict[str, Any], folder: Path, out_dir: Path) -> dict[str, Any]:
    def copy(path: str) -> str:
        target = out_dir / SPLAT / Path(path).relative_to(folder)
        write_bytes(target, Path(path).read_bytes())
        return str(target)

    return {kind: [copy(p) for p in v] if isinstance(v, list) else copy(v) for kind, v in files.items()}


def _report(context: JobContext, result: dict[str, Any]) -> None:
    tracker, files = context.tracker, result["files"]
    summary, per_view = splat_table(result), views_table(result)
    context.console.print(summary.rich())
    test = {f"splat/test_{name}": result[name] for name in METRICS if result[name] is not None}
    tracker.log({STEP: float(result["iterations"]), **test})
    scores = {f"splat/{name}": result[name] for name in (*METRICS, "initial_psnr")}
    counts = {f"splat/{name}": result[name] for name in ("n_gaussians", "train_seconds", "reused")}
    tracker.summary({**{k: v for k, v in scores.items() if v is not None}, **counts})
    tracker.table("splat/views", per_view.columns, per_view.rows)
    for view, strip in zip(result["views"], files["strips"], strict=True):
        tracker.image(f"splat/test/{without_suffix(view['name'])}", Path(strip))
    if "curves" in files:
        tracker.image("splat/curves", Path(files["curves"]))
    tracker.artifact("gaussians", Path(files["ply"]), "gaussians")
