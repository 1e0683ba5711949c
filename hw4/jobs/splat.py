"""The splat stage of a job: cache, progress, files, tables, W&B."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np

from hw4.config import SplatConfig
from hw4.config.decides import scores_address, splat_address
from hw4.config.stages import SPLAT
from hw4.core.cache import LOCK, MARK, using
from hw4.core.durable import exclusive, write_bytes
from hw4.core.fingerprint import content_of
from hw4.core.metric import MetricUnavailable
from hw4.core.stored import damaged, unsealed
from hw4.data.photos import without_suffix
from hw4.data.registry import scene_files
from hw4.jobs.context import JobContext
from hw4.jobs.live import live_viewer
from hw4.metrics import splat_metrics
from hw4.models.base import ReconstructionModel
from hw4.models.toy_weights import doubt_of_weights
from hw4.output.kept_figures import kept_figure
from hw4.output.progress import StepProgress
from hw4.output.splat_tables import splat_table, views_table
from hw4.output.training_curves import training_curves
from hw4.splat.result import CHECKSUMS, RESULT_FILE, SplatResult
from hw4.splat.source import uses_model
from hw4.splat.training.listeners import Listeners
from hw4.splat.training.log import TrainingLog

# Wandb draws these against training iterations, whatever else the run has logged before.
STEP = "splat/step"
# What is measured while training, apart from the scores on test views.
TRAIN = "splat/train"


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
        get_model = partial(cached_model, config, labels, context.build_model)
    scene = scene_files(config.data)
    trained_on, scored_on = (content_of(scene.root, part.files) for part in (scene.train, scene.test))
    address = splat_address(config, fingerprint, trained_on, uses_model=get_model is not None)
    folder = Path(config.cache.root) / SPLAT / address
    metrics = [row.name for row in splat_metrics()]
    scored = folder / f"scores-{scores_address(config, [scored_on, metrics])}"
    with using(folder), exclusive(folder):
        if not config.cache.reuse:
            _clear(folder)
        context.tracker.axis("splat", STEP)
        result = _finished(context, scored)
        reused = result is not None
        if result is None:
            result = _compute(context, folder, scored, get_model)
        else:
            TrainingLog(folder, _listeners(context)).replay(result.history)
            if config.view.live:
                context.console.print(
                    "view.live=true: nothing is trained, the result was in the cache (cache.reuse=false).",
                    soft_wrap=True,
                    highlight=False,
                )
        files = _copy_files(result.files, scored, context.out_dir)
        files |= _draw_curves(result.history, context)
        result = replace(result, weights=weights, reused=reused, cache_dir=str(folder), files=files)
        doubt = doubt_of_weights(config) if get_model is not None else None
        result = replace(result, notes=[*result.notes, doubt]) if doubt else result
    context.results[SPLAT] = result.to_json()
    _report(context, result)
    stopped = [f"splat training stopped early: {result.stopped}"] if result.stopped else []
    return [*stopped, *result.problems]


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in (LOCK, MARK):
            path.unlink()


def _finished(context: JobContext, folder: Path) -> SplatResult | None:
    """The result in a folder, unless something in it is missing that can be had now."""
    try:
        record = unsealed((folder / RESULT_FILE).read_bytes())
        result, sums = SplatResult.from_json(record), record[CHECKSUMS]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if result.problems:
        return None
    if lost := damaged(folder, sums):
        context.warn(f"{lost[0]} is not what was written there: the scores and files are made again.")
        return None
    lacking = [row for row in splat_metrics() if row.check and row.name in result.missing]
    splat = context.config.splat
    return None if result.views and any(_can_be_had(row.check, splat) for row in lacking) else result


def _can_be_had(check: str, config: SplatConfig) -> bool:
    try:
        resolve_name(check)(config.eval)
    except MetricUnavailable:
        return False
    return True


def _listeners(context: JobContext) -> Listeners:
    tracker = context.tracker

    def on_metrics(step: int, values: dict[str, float]) -> None:
        tracker.log({STEP: float(step), **{f"{TRAIN}/{name}": value for name, value in values.items()}})

    def on_image(step: int, name: str, image: np.ndarray) -> None:
        tracker.image(f"{TRAIN}/{name}", image, {STEP: float(step)})

    return Listeners(on_metrics, on_image)


def _compute(
    context: JobContext, folder: Path, scored: Path, get_model: Callable[[], ReconstructionModel] | None
) -> SplatResult:
    # Here, because torch takes seconds to import and a result from the cache does without.
    from hw4.splat.stage import run_splat

    config = context.config
    with (
        live_viewer(context) as watch,
        context.showing(StepProgress(context.console, config.splat.iterations, "splat")) as progress,
    ):
        listeners = replace(_listeners(context), progress=progress)
        return run_splat(config.splat, config.data, get_model, scored, listeners, folder, watch)


def _copy_files(files: dict[str, Any], folder: Path, out_dir: Path) -> dict[str, Any]:
    def copy(path: str) -> str:
        target = out_dir / SPLAT / Path(path).relative_to(folder)
        write_bytes(target, Path(path).read_bytes())
        return str(target)

    return {kind: [copy(p) for p in v] if isinstance(v, list) else copy(v) for kind, v in files.items()}


def _draw_curves(history: Sequence[dict[str, float]], context: JobContext) -> dict[str, str]:
    path, style = context.out_dir / SPLAT / "curves.png", context.config.report.style
    drawn = kept_figure(partial(training_curves, history), history, path, style, context.cache_root)
    return {} if drawn is None else {"curves": str(drawn)}


def _report(context: JobContext, result: SplatResult) -> None:
    tracker, files = context.tracker, result.files
    summary, per_view = splat_table(result), views_table(result)
    context.console.print(summary.rich())
    known = {name: value for name, value in result.scores.items() if value is not None}
    scores = {f"splat/{row.key}": known[row.name] for row in splat_metrics() if row.name in known}
    tracker.log({STEP: float(result.iterations), **scores})
    counts = {f"splat/{name}": getattr(result, name) for name in ("n_gaussians", "train_seconds", "reused")}
    tracker.summary({**scores, **counts})
    tracker.table("splat/views", per_view.columns, per_view.rows)
    for view, strip in zip(result.views, files["strips"], strict=True):
        tracker.image(f"splat/test/{without_suffix(view.name)}", Path(strip))
    if "curves" in files:
        tracker.image("splat/curves", Path(files["curves"]))
    tracker.artifact("gaussians", [Path(files["ply"])], "gaussians")
    if "video" in files:
        tracker.video("splat/flythrough", Path(files["video"]))
        tracker.artifact("flythrough", [Path(files["video"])], "video")
