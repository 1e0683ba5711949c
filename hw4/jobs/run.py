"""One job: the selected stages, in order, and ``results.json``."""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from hw4.config import Config
from hw4.config.decides import (
    CASE,
    DEMO,
    INTERPOLATE,
    POSE,
    PRETRAIN,
    RENDER,
    REPORT,
    SCORE,
    SPLAT,
    VIEW,
    has_pairs,
    has_scene,
    selected,
)
from hw4.core.durable import write_json
from hw4.core.errors import UserError
from hw4.core.memory import peak_memory
from hw4.core.provenance import provenance
from hw4.data.stamps import inputs_stamp
from hw4.jobs.context import JobContext
from hw4.jobs.report import report_at_the_end, run_report
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
        "inputs": inputs_stamp(config),
        "provenance": provenance(),
        "skipped": {},
        "resources": {},
    }
    context = JobContext(config, out_dir, console, Tracker(), results)
    tags = [config.task, config.model.name, config.input.name]
    # These two read finished runs and have nothing of their own to log.
    if config.task not in (REPORT, VIEW):
        context.tracker = open_tracker(
            config.wandb, out_dir, results["config"], config.task, group, tags, context.warn
        )
    succeeded = False
    try:
        problems: list[str] = []
        for stage in selected(config):
            reason = _why_skipped(stage, config)
            if reason is None:
                problems += _measured(stage, context)
            elif config.task == "all":
                results["skipped"][stage] = reason
                context.warn(f"the {stage} stage is skipped: {reason}")
            else:
                raise UserError(reason)
        succeeded = not problems
        if problems:
            results |= {"status": "incomplete", "error": "; ".join(problems)}
        results["seconds"] = time.perf_counter() - started
        write_json(out_dir / "results.json", results)
        context.tracker.summary({"status": results["status"], "seconds": results["seconds"]})
    finally:
        context.tracker.finish(failed=not succeeded)
    if config.task != REPORT:
        console.print(f"Results: {out_dir}", soft_wrap=True, highlight=False)
    # A sweep has one report over all its jobs.
    if group is None:
        report_at_the_end(out_dir, [config], console)
    if problems:
        raise UserError("; ".join(problems))


def _measured(stage: str, context: JobContext) -> list[str]:
    """Run a stage; its time and peak memory go into the results."""
    started = time.perf_counter()
    with peak_memory() as peak:
        problems = _run_stage(stage, context)
    seconds = time.perf_counter() - started
    context.results["resources"][stage] = {"seconds": seconds, **asdict(peak)}
    if stage not in (REPORT, VIEW):
        context.console.print(f"{stage}: {seconds:.1f} s, peak memory {peak}", highlight=False)
    return problems


def _why_skipped(stage: str, config: Config) -> str | None:
    if stage in (POSE, SCORE, INTERPOLATE, CASE) and not has_pairs(config):
        return f"data={config.data.name} has no pairs of photos; use data=sample or data=pairs."
    if stage in (SPLAT, RENDER) and not has_scene(config):
        return f"data={config.data.name} has no scene to splat; use data=sample or data=scene."
    return None


def _run_stage(stage: str, context: JobContext) -> list[str]:
    """Import a stage when it runs, so that a run pays only for what it uses."""
    run: Callable[[JobContext], list[str]]
    if stage == POSE:
        from hw4.jobs.pose import run_pose as run
    elif stage == SCORE:
        from hw4.jobs.pose import run_score as run
    elif stage == PRETRAIN:
        from hw4.jobs.pretrain import run_pretraining as run
    elif stage == REPORT:
        run = run_report
    elif stage == INTERPOLATE:
        from hw4.jobs.interpolate import run_interpolate as run
    elif stage == DEMO:
        from hw4.jobs.demo import run_demo_stage as run
    elif stage == CASE:
        from hw4.jobs.case import run_case_stage as run
    elif stage == VIEW:
        from hw4.jobs.view import run_view as run
    elif stage == SPLAT:
        from hw4.jobs.splat import run_splat_stage as run
    else:
        from hw4.jobs.render import run_render as run
    return run(context)
