"""One job: the selected stages, their results on disk, their tables, figures and W&B run."""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from hw4.config import Config
from hw4.data.pairs import load_pairs
from hw4.durable import JsonlLog, write_json, write_text
from hw4.errors import UserError
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.predictions import score_predictions, write_predictions
from hw4.pose.results import PoseResult, SampleResult
from hw4.provenance import provenance
from hw4.report.figures import error_cdf, extremes_figure, save_figure
from hw4.report.progress import SampleProgress
from hw4.report.tables import failures_table, pose_table, samples_table
from hw4.stages import POSE, SCORE, has_pairs, pose_address, selected
from hw4.tracking.tracker import Tracker
from hw4.tracking.wandb_run import open_tracker


def run_job(config: Config, out_dir: Path, console: Console, group: str | None = None) -> None:
    """Run the stages that `config.task` selects.

    Args:
        config: checked configuration.
        out_dir: receives ``results.json``, ``samples.jsonl``, ``predictions.npy``, tables and figures.
        console: where tables and progress go.
        group: W&B group, shared by the jobs of one sweep.

    Raises:
        UserError: the job cannot run, or it ran but some of its input could not be read; in the latter case
            everything else has been computed and written.
    """
    started = time.perf_counter()
    results: dict[str, Any] = {
        "status": "ok",
        "task": config.task,
        "name": config.name,
        "config": asdict(config),
        "provenance": provenance(),
        "skipped": {},
    }

    def warn(text: str) -> None:
        console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)

    tags = [config.task, config.model.name, config.input.name]
    tracker = open_tracker(config.wandb, out_dir, results["config"], config.task, group, tags, warn)
    succeeded = False
    try:
        problems: list[str] = []
        for stage in selected(config):
            reason = _why_skipped(stage, config)
            if reason is None:
                problems += _STAGES[stage](config, out_dir, console, tracker, results)
            elif config.task == "all":
                results["skipped"][stage] = reason
                warn(f"the {stage} stage is skipped: {reason}")
            else:
                raise UserError(reason)
        succeeded = not problems
        if problems:
            results |= {"status": "incomplete", "error": "; ".join(problems)}
        results["seconds"] = time.perf_counter() - started
        write_json(out_dir / "results.json", results)
        tracker.summary({"status": results["status"], "seconds": results["seconds"]})
    finally:
        tracker.finish(failed=not succeeded)
    console.print(f"Results: {out_dir}", soft_wrap=True, highlight=False)
    if problems:
        raise UserError("; ".join(problems))


def _why_skipped(stage: str, config: Config) -> str | None:
    if stage in (POSE, SCORE) and not has_pairs(config):
        return f"data={config.data.name} has no pairs to evaluate; use data=sample or data=pairs."
    return None


def _pose_stage(
    config: Config, out_dir: Path, console: Console, tracker: Tracker, results: dict[str, Any]
) -> list[str]:
    from hw4.models.factory import build_model, model_labels

    labels = model_labels(config.model)
    cache_dir = Path(config.cache.root) / "pose" / pose_address(config, labels.fingerprint)
    samples = load_pairs(config.data, config.input)
    write_json(cache_dir / "config.json", {"model": asdict(config.model), "input": asdict(config.input)})
    return _with_progress(
        config,
        out_dir,
        console,
        tracker,
        results,
        len(samples),
        lambda on_sample: evaluate_pose(
            samples,
            lambda: build_model(config.model),
            config.metrics,
            cache_dir,
            reuse=config.cache.reuse,
            names=(config.model.name, labels.weights),
            on_sample=on_sample,
        ),
    )


def _score_stage(
    config: Config, out_dir: Path, console: Console, tracker: Tracker, results: dict[str, Any]
) -> list[str]:
    if config.score.predictions is None:
        raise UserError("task=score needs score.predictions=<file.npy>, as written by a pose run.")
    path = Path(config.score.predictions)
    samples = load_pairs(config.data, config.input)
    return _with_progress(
        config,
        out_dir,
        console,
        tracker,
        results,
        len(samples),
        lambda on_sample: score_predictions(samples, path, config.metrics, on_sample),
    )


def _with_progress(
    config: Config,
    out_dir: Path,
    console: Console,
    tracker: Tracker,
    results: dict[str, Any],
    total: int,
    evaluate: Callable[[Callable[[SampleResult, bool], None]], PoseResult],
) -> list[str]:
    log = JsonlLog(out_dir / "samples.jsonl")
    title = f"{config.model.name} {config.input.name}" if config.task != SCORE else "score"
    with SampleProgress(console, total, title) as progress:

        def on_sample(sample: SampleResult, reused: bool) -> None:
            log.append(sample.row())
            progress(sample, reused)

        result = evaluate(on_sample)
    results[POSE] = result.to_json()
    _report_pose(config, result, out_dir, console, tracker)
    bad = result.bad_inputs
    if not bad:
        return []
    first = bad[0]
    return [
        f"{len(bad)} of {len(result.samples)} samples could not be read; the first is idx "
        f"{first.sample.idx}: {first.prediction.reason}. Mend the data and run again"
    ]


def _report_pose(
    config: Config, result: PoseResult, out_dir: Path, console: Console, tracker: Tracker
) -> None:
    title = f"Pose evaluation: {result.model}, input {config.input.name}, data {config.data.name}"
    summary, per_sample, failures = pose_table(result, title), samples_table(result), failures_table(result)
    write_predictions(out_dir / "predictions.npy", result.samples)
    write_text(out_dir / "samples.csv", per_sample.csv())
    parts = [table.markdown() for table in (summary, failures, per_sample) if table]
    write_text(out_dir / "summary.md", "\n".join(parts))
    figures = {"error_cdf": error_cdf(result, title), "extremes": extremes_figure(result, title)}
    for name, figure in figures.items():
        if figure is not None:
            tracker.image(f"pose/{name}", save_figure(figure, out_dir / f"{name}.png"))
    console.print(summary.rich())
    if failures:
        console.print(failures.rich())
    metrics = {f"pose/{name}": metric.value for name, metric in result.summary.metrics.items()}
    tracker.summary(
        {**metrics, "pose/n_valid": result.summary.n_valid, "pose/n_total": result.summary.n_total}
    )
    tracker.log(metrics)
    tracker.table("pose/samples", per_sample.columns, per_sample.rows)
    _log_clouds(config, result, tracker)


def _log_clouds(config: Config, result: PoseResult, tracker: Tracker) -> None:
    import numpy as np

    with_cloud = [s for s in result.samples if s.prediction.cloud and result.cache_dir]
    for sample in with_cloud[: config.wandb.point_clouds]:
        path = Path(str(result.cache_dir)) / str(sample.prediction.cloud)
        if not path.exists():
            continue
        with np.load(path) as cloud:
            if len(cloud["points"]):
                tracker.cloud(f"pose/cloud_{sample.sample.idx}", cloud["points"], cloud["colors"])


_STAGES: dict[str, Callable[[Config, Path, Console, Tracker, dict[str, Any]], list[str]]] = {
    POSE: _pose_stage,
    SCORE: _score_stage,
}
