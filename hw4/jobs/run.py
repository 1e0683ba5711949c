"""One job: the selected stages, in order, and ``results.json``."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from rich.console import Console

from hw4.config import Config
from hw4.config.decides import provides, stage_reads
from hw4.config.stages import ALL, Stage, selected_rows
from hw4.core.durable import write_json
from hw4.core.errors import UserError
from hw4.core.memory import peak_memory
from hw4.core.provenance import provenance
from hw4.data.registry import data_with
from hw4.data.stamps import inputs_stamp
from hw4.jobs.cache import keep_within
from hw4.jobs.context import JobContext
from hw4.jobs.logged import run_config
from hw4.jobs.report import report_at_the_end
from hw4.models.registry import upstream_versions
from hw4.models.toy_weights import doubt_of_weights
from hw4.records.files import INCOMPLETE, OK, RESULTS
from hw4.splat.source import uses_model
from hw4.tracking.tracker import Tracker
from hw4.tracking.wandb_run import open_tracker

# W&B's limit.
MAX_TAG = 64


@dataclass(frozen=True)
class SweepGroup:
    """What a job of a sweep is grouped under in W&B.

    Attributes:
        sweep: the sweep's name.
        setting: what the jobs that repeat one setting have in common; empty where the sweep repeats nothing.
    """

    sweep: str
    setting: str = ""

    @property
    def name(self) -> str:
        """The jobs of a sweep are one group; where it repeats settings, those of a setting are."""
        return f"{self.sweep} {self.setting}".strip()


def run_job(config: Config, out_dir: Path, console: Console, group: SweepGroup | None = None) -> None:
    """Run the stages that `config.task` selects.

    Args:
        config: checked configuration.
        out_dir: receives ``results.json``, ``samples.jsonl``, ``predictions.npy``, tables and figures.
        console: where tables and progress go.
        group: what the job is part of, in a sweep.

    Raises:
        UserError: the job cannot run, or it ran but some of its input could not be read; in the latter case
            everything else has been computed and written.
    """
    started = time.perf_counter()
    results: dict[str, Any] = {
        "status": OK,
        "task": config.task,
        "name": config.name,
        "config": asdict(config),
        "inputs": inputs_stamp(config),
        "provenance": provenance(),
        "skipped": {},
        "resources": {},
    }
    context = JobContext(config, out_dir, console, Tracker(), results)
    rows = selected_rows(config)
    named = {"model.name": config.model.name, "input.name": config.input.name}
    read = {key: value for key, value in named.items() if any(row.names(config, key) for row in rows)}
    # By which a sweep of several groups is found.
    tags = [config.task, *read.values(), *([group.sweep[:MAX_TAG]] if group and group.setting else [])]
    if "model.name" in read:
        results["provenance"]["upstream"] = upstream_versions(config.model)
    computes = any(row.computes for row in rows)
    if computes:
        name = group.name if group else None
        context.tracker = open_tracker(
            config.wandb,
            out_dir,
            run_config(config, results["provenance"]),
            config.task,
            name,
            tags,
            context.warn,
        )
    doubt = doubt_of_weights(config)
    if doubt and any(stage_reads(row.name, config, "model.weights", uses_model) for row in rows):
        context.warn(doubt)
    succeeded = False
    try:
        problems: list[str] = []
        for row in rows:
            reason = _why_skipped(row, config)
            if reason is None:
                problems += _measured(row, context)
            elif config.task == ALL:
                results["skipped"][row.name] = reason
                context.warn(f"the {row.name} stage is skipped: {reason}")
            else:
                raise UserError(reason)
        succeeded = not problems
        if problems:
            results |= {"status": INCOMPLETE, "error": "; ".join(problems)}
        results["seconds"] = time.perf_counter() - started
        write_json(out_dir / RESULTS, results)
        context.tracker.summary({"status": results["status"], "seconds": results["seconds"]})
        if computes:
            console.print(f"Results: {out_dir}", soft_wrap=True, highlight=False)
        # A sweep has one report over all its jobs.
        written = None if group else report_at_the_end(out_dir, [config], console)
        if written is not None:
            context.tracker.artifact("report", written.paths, "report")
    finally:
        context.at_end.close()
        context.tracker.finish(failed=not succeeded)
    if computes:
        keep_within(context)
    if problems:
        raise UserError("; ".join(problems))


def _measured(row: Stage, context: JobContext) -> list[str]:
    """Run a stage; its time and peak memory go into the results."""
    # Imported now, so that a run pays only for what it uses.
    run = resolve_name(row.run)
    started = time.perf_counter()
    with peak_memory() as peak:
        problems: list[str] = run(context)
    seconds = time.perf_counter() - started
    context.results["resources"][row.name] = {"seconds": seconds, **asdict(peak)}
    if row.computes:
        context.console.print(f"{row.name}: {seconds:.1f} s, peak memory {peak}", highlight=False)
    return problems


def _why_skipped(row: Stage, config: Config) -> str | None:
    if row.needs is None or provides(config, row.needs):
        return None
    what = {
        "pairs": "no pairs of photos",
        "scene": "no scene to splat",
        "views": "no posed views",
        "samples": "no pairs or views to evaluate",
    }[row.needs]
    return f"data={config.data.name} has {what}; use {data_with(row.needs)}."
