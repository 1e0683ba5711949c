"""The splat stage of a job: cache, progress, files, tables, W&B."""

import json
from pathlib import Path
from typing import Any

from hw4.config import Config, SampleConfig
from hw4.durable import exclusive, write_bytes
from hw4.jobs.context import JobContext
from hw4.models.base import ReconstructionModel
from hw4.report.progress import StepProgress
from hw4.report.splat_tables import splat_table, views_table
from hw4.splat.stage import RESULT_FILE, run_splat
from hw4.stages import SPLAT, model_address, splat_address, splat_uses_model

# Wandb draws these against training iterations, whatever else the run has logged before.
STEP = "splat/step"


def run_splat_stage(context: JobContext) -> list[str]:
    """Train and score, or take the finished result from the cache; returns what went wrong, in sentences.

    Training happens in the cache folder that the configuration addresses: a killed run goes on there, and a
    later run with the same configuration and data finds the result. Its files are copied to the run.

    Raises:
        UserError: the data, the model or the rasterizer cannot do what was asked.
    """
    config = context.config
    fingerprint, weights = "", "none"
    if splat_uses_model(config):
        from hw4.models.factory import model_labels

        labels = model_labels(config.model)
        fingerprint, weights = labels.fingerprint, labels.weights
    scene_files = _stamps(_scene_root(config))
    folder = Path(config.cache.root) / SPLAT / splat_address(config, fingerprint, scene_files)
    with exclusive(folder):
        result = _finished(folder) if config.cache.reuse else None
        reused = result is not None
        if result is None:
            result = _compute(context, folder, fingerprint, weights)
    result |= {"weights": weights, "reused": reused, "cache_dir": str(folder)}
    result["files"] = _copy_files(result["files"], folder, context.out_dir)
    context.results[SPLAT] = result
    _report(context, result)
    return [f"splat training stopped early: {result['stopped']}"] if result["stopped"] else []


def _scene_root(config: Config) -> Path:
    if isinstance(config.data, SampleConfig):
        from hw4.data.sample import ensure_sample

        return ensure_sample(config.data) / "scene"
    return Path(str(getattr(config.data, "root", ""))).expanduser()


def _stamps(root: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of every file of the scene: a changed photo is a new scene."""
    found = sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else []
    return [(str(p.relative_to(root)), p.stat().st_size, p.stat().st_mtime_ns) for p in found]


def _finished(folder: Path) -> dict[str, Any] | None:
    try:
        result = json.loads((folder / RESULT_FILE).read_text())
    except (OSError, ValueError):
        return None
    whole = all(Path(path).is_file() for path in _paths(result.get("files", {})))
    return result if whole else None


def _paths(files: dict[str, Any]) -> list[str]:
    return [path for value in files.values() for path in (value if isinstance(value, list) else [value])]


def cached_model(config: Config, fingerprint: str, weights: str) -> ReconstructionModel:
    """The model of `model=`, its reconstructions kept in the cache."""
    from hw4.models.cached import CachedModel
    from hw4.models.factory import build_model

    folder = Path(config.cache.root) / "reconstruction" / model_address(config, fingerprint)
    return CachedModel(folder, config.model.name, weights, lambda: build_model(config.model))


def _compute(context: JobContext, folder: Path, fingerprint: str, weights: str) -> dict[str, Any]:
    config, tracker = context.config, context.tracker
    tracker.axis("splat", STEP)
    with StepProgress(context.console, config.splat.iterations, "splat") as progress:
        result = run_splat(
            config.splat,
            config.data,
            (lambda: cached_model(config, fingerprint, weights)) if splat_uses_model(config) else None,
            folder,
            on_metrics=lambda step, values: tracker.log(
                {STEP: float(step), **{f"splat/{name}": value for name, value in values.items()}}
            ),
            on_image=lambda step, name, image: tracker.image(f"splat/{name}", image, {STEP: float(step)}),
            progress=progress,
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
    scores = {f"splat/{name}": result[name] for name in ("psnr", "ssim", "lpips", "initial_psnr")}
    counts = {f"splat/{name}": result[name] for name in ("n_gaussians", "train_seconds", "reused")}
    tracker.summary({**{k: v for k, v in scores.items() if v is not None}, **counts})
    tracker.table("splat/views", per_view.columns, per_view.rows)
    for strip in files["strips"]:
        tracker.image(f"splat/test/{Path(strip).stem}", Path(strip))
    if "curves" in files:
        tracker.image("splat/curves", Path(files["curves"]))
    tracker.artifact("gaussians", Path(files["ply"]), "gaussians")
