"""One table over the jobs of a sweep, with every config key in which they differ."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hw4.config.decides import tells_runs_apart
from hw4.core.durable import write_json, write_text
from hw4.output.tables import MISSING, Table, format_metric, number

POSE_METRICS = ("MRE", "MTE", "Acc@5", "Acc@15", "Acc@30", "AUC@30", "AUC@15", "AUC@5", "AUC@3")
# Means over the validation pairs; degrees, and points relative to their mean distance.
PRETRAIN_METRICS = {
    "validation rotation": "val/rotation_deg",
    "of pairs up to 45°": "val/overlap_deg",
    "of wider pairs": "val/wide_deg",
    "validation points": "val/points",
}
WIDE_JOBS = 6


@dataclass(frozen=True)
class JobRow:
    """One job: its number or folder name, its differing config values, its results."""

    job: str
    settings: dict[str, Any]
    results: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """All jobs of a sweep side by side."""

    differing_keys: list[str]
    jobs: list[JobRow]


def flatten(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dict to dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def compare(results: Sequence[tuple[str, dict[str, Any]]]) -> Comparison:
    """Compare jobs by their ``results.json`` contents.

    Args:
        results: job name and its results (with ``config``), in order. A job that lacks a key which others
            have counts as differing in it.
    """
    flat = [flatten(result.get("config", {})) for _, result in results]
    keys = sorted({key for config in flat for key in config})
    differing = [
        key
        for key in keys
        if tells_runs_apart(key)
        and len({json.dumps(config.get(key, "<absent>"), sort_keys=True) for config in flat}) > 1
    ]
    rows = [
        JobRow(job, {key: config.get(key) for key in differing if key in config}, result)
        for (job, result), config in zip(results, flat, strict=True)
    ]
    return Comparison(differing, rows)


def load_jobs(sweep_dir: Path) -> list[tuple[str, dict[str, Any]]]:
    """Name and results of each job of a sweep folder, in job order; unreadable ones are failed jobs."""
    folders = [p for p in sweep_dir.iterdir() if p.is_dir() and (p / ".hydra").is_dir()]
    folders.sort(key=lambda p: (not p.name.isdigit(), int(p.name) if p.name.isdigit() else 0, p.name))
    jobs = []
    for folder in folders:
        try:
            jobs.append((folder.name, json.loads((folder / "results.json").read_text())))
        except (OSError, ValueError):
            jobs.append((folder.name, {"status": "failed", "error": "the job left no results.json"}))
    return jobs


def _metric_cell(metric: dict[str, Any] | None, name: str) -> str:
    if not metric or metric["value"] is None:
        return MISSING
    cell = format_metric(name, metric["value"])
    if name in ("MRE", "MTE") and metric["low"] is not None:
        cell += f" [{metric['low']:.1f}, {metric['high']:.1f}]"
    return cell


def _setting(value: Any) -> str:
    return "null" if value is None else str(value)


def _own_settings(jobs: Sequence[JobRow], shared: Sequence[str]) -> list[tuple[JobRow, dict[str, Any]]]:
    """Differing keys that not every job has (those of one model, say), once per set of values."""
    groups: dict[str, tuple[JobRow, dict[str, Any]]] = {}
    for job in jobs:
        own = {key: value for key, value in job.settings.items() if key not in shared}
        if own:
            groups.setdefault(json.dumps(own, sort_keys=True), (job, own))
    return list(groups.values())


def comparison_table(comparison: Comparison, title: str) -> Table:
    """Jobs as rows; first the keys in which all jobs differ, then the metrics that any job has.

    Keys that only some jobs have are listed in the notes, so that the table keeps a readable width.
    """
    jobs = comparison.jobs
    pose = any(job.results.get("pose") for job in jobs)
    splat = any(job.results.get("splat") for job in jobs)
    shared = [k for k in comparison.differing_keys if all(k in job.settings for job in jobs)]
    columns = ["job", *shared]
    if pose:
        columns += ["valid", "<15° of all", *POSE_METRICS]
    if splat:
        columns += ["PSNR", "SSIM", "LPIPS", "PSNR before training", "Gaussians", "training s"]
    pretrain = any(job.results.get("pretrain") for job in jobs)
    if pretrain:
        columns += ["steps", *PRETRAIN_METRICS]
    rows, notes = [], []
    weights = set()
    for job in jobs:
        row = [job.job, *(_setting(job.settings[key]) for key in shared)]
        pose_result = job.results.get("pose")
        if pose:
            if pose_result:
                weights.add(f"job {job.job}: {pose_result['model']}, weights: {pose_result['weights']}")
                notes += [f"job {job.job}: {remark}" for remark in pose_result.get("remarks", [])]
                row.append(f"{pose_result['n_valid']}/{pose_result['n_total']}")
                row.append(f"{pose_result['n_below']['15']}/{pose_result['n_total']}")
                row += [_metric_cell(pose_result["metrics"].get(name), name) for name in POSE_METRICS]
            else:
                row += [MISSING] * (2 + len(POSE_METRICS))
        if splat:
            splat_result = job.results.get("splat") or {}
            row += [
                number(splat_result.get("psnr")),
                number(splat_result.get("ssim"), 4),
                number(splat_result.get("lpips"), 4),
                number(splat_result.get("initial_psnr")),
                str(splat_result.get("n_gaussians", MISSING)),
                number(splat_result.get("train_seconds"), 1),
            ]
            if splat_result:
                start = splat_result["init"]
                origin = start if start == "scene" else f"{start}, weights: {splat_result['weights']}"
                notes.append(f"job {job.job}: splat initialised from {origin}")
                if splat_result["aligned_test_views"]:
                    notes.append(f"job {job.job}: test cameras were optimised before scoring")
            for name, reason in (splat_result.get("missing") or {}).items():
                notes.append(f"{name} is missing: {reason}")
        if pretrain:
            trained = job.results.get("pretrain") or {}
            validation = trained.get("validation") or {}
            row += [str(trained.get("steps", MISSING))]
            row += [number(validation.get(key), 3) for key in PRETRAIN_METRICS.values()]
        if job.results.get("status") != "ok":
            notes.append(f"job {job.job} failed: {job.results.get('error')}")
        for stage, reason in (job.results.get("skipped") or {}).items():
            notes.append(f"job {job.job}: {stage} was skipped: {reason}")
        rows.append(row)
    kinds = {(p["protocol"], p["mode"], p["failures"]) for job in jobs if (p := job.results.get("pose"))}
    notes += [
        f"protocol {protocol}, mode {mode}, failures {failures}" for protocol, mode, failures in sorted(kinds)
    ]
    notes += [
        f"only job {job.job} and its like have: {', '.join(f'{k}={_setting(v)}' for k, v in own.items())}"
        for job, own in _own_settings(jobs, shared)
    ]
    if pose:
        notes.append("MRE, MTE with 95 % bootstrap intervals over samples")
    return Table(title, columns, rows, [*sorted(weights), *dict.fromkeys(notes)])


def write_comparison(sweep_dir: Path) -> tuple[Table, bool]:
    """Write ``comparison.{md,csv,json}`` into a sweep folder, and one test view under all splat settings.

    Returns:
        the table, and whether every job succeeded.
    """
    jobs = load_jobs(sweep_dir)
    comparison = compare(jobs)
    table = comparison_table(comparison, f"Comparison of {len(jobs)} jobs")
    for_people = table.transposed() if len(jobs) <= WIDE_JOBS else table
    write_text(sweep_dir / "comparison.md", for_people.markdown())
    write_text(sweep_dir / "comparison.csv", table.csv())
    write_json(sweep_dir / "comparison.json", asdict(comparison))
    _write_strip(sweep_dir, jobs)
    return for_people, all(result.get("status") == "ok" for _, result in jobs)


def _write_strip(sweep_dir: Path, jobs: Sequence[tuple[str, dict[str, Any]]]) -> None:
    splats = [
        (result["config"].get("name") or f"job {job}", result["splat"])
        for job, result in jobs
        if result.get("splat")
    ]
    if len(splats) < 2:
        return
    from hw4.output.figures import save_figure
    from hw4.report.sections.splat_views import settings_strip

    strip = settings_strip(splats)
    if strip is not None:
        save_figure(strip[1], sweep_dir / "splat_same_view.png")
