"""Runs as they lie on disk: finished, killed, failed or still going."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast, get_type_hints

from omegaconf import OmegaConf

from hw4.config import DATA_NODES, Config, DataConfig, MetricsConfig, ModelConfig
from hw4.config.input import input_label
from hw4.config.root import config_type
from hw4.config.stages import POSE, SCORE, SPLAT, selected
from hw4.core.errors import UserError
from hw4.models.registry import model_configs
from hw4.pose.metrics import FAILURE_ERROR_DEG, FOLDED_FAILURE_DEG, PoseError, summarize
from hw4.records.sweep_table import flatten
from hw4.report import PLAN_FILE

# What the sections read of a stage's results.
POSE_KEYS = (
    *("model", "weights", "metrics", "n_total", "n_valid", "n_below", "protocol", "mode", "failures"),
    "samples",
)
SPLAT_KEYS = (
    *("psnr", "ssim", "lpips", "initial_psnr", "views", "missing", "aligned_test_views", "n_gaussians"),
    *(
        "n_initial",
        "n_train",
        "iterations",
        "stopped",
        "train_seconds",
        "init",
        "notes",
        "history",
        "weights",
    ),
)
NO_DIRECTION = "the ground truth has no translation direction"


@dataclass
class Run:
    """One job's folder, read.

    Attributes:
        name: ``job 3`` in a sweep, else the folder's name.
        folder: where its files are now, which need not be where the run wrote them.
        status: ``ok``, ``incomplete``, ``failed`` or ``unfinished`` (no readable results.json).
        error: what went wrong, or None.
        config: nested configuration; empty where not even that is left.
        results: content of results.json, or empty.
        pose: results of the pose stage; rebuilt from ``samples.jsonl`` where results.json lacks them.
        partial: whether `pose` was rebuilt.
        splat: results of the splat stage.
        label: short name that tells this run from the others in figures; set by `load_runs`.
        unusable: results that are there and cannot be read, and why.
    """

    name: str
    folder: Path
    status: str
    error: str | None
    config: dict[str, Any]
    results: dict[str, Any]
    pose: dict[str, Any] | None = None
    partial: bool = False
    splat: dict[str, Any] | None = None
    label: str = ""
    unusable: list[str] = field(default_factory=list)

    def option(self, key: str, default: Any = None) -> Any:
        """A dotted configuration key's value."""
        value: Any = self.config
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                return default
            value = value[part]
        return value

    @property
    def input_label(self) -> str:
        """Its input mode in words, which say where the ground truth was used."""
        return input_label(str(self.option("input.name")), self.option("input.selection"))

    @property
    def title(self) -> str:
        """The name that the user gave it (`name=`), or the job's."""
        return str(self.option("name") or self.name)

    @cached_property
    def typed(self) -> Config | None:
        """The typed configuration, see `as_config`."""
        return as_config(self.config)

    @cached_property
    def flat(self) -> dict[str, Any]:
        """The typed configuration by dotted keys; empty where it is lost."""
        return flatten(asdict(self.typed)) if self.typed else {}

    @property
    def stages(self) -> list[str]:
        """The stages that its task selects; none where the configuration is lost."""
        return selected(self.typed) if self.typed else []

    def file(self, recorded: str) -> Path | None:
        """A file that the run recorded, found beside results.json even after the folder was moved."""
        path = Path(recorded)
        parts = path.parts
        for start in range(len(parts) - 1, 0, -1):
            inside = self.folder.joinpath(*parts[start:])
            if inside.is_file():
                return inside
        return path if path.is_file() else None


@dataclass
class Folder:
    """What a report is made of. `planned` is the number of jobs that a sweep was to have, if known."""

    path: Path
    is_sweep: bool
    runs: list[Run] = field(default_factory=list)
    planned: int | None = None


def as_config(config: dict[str, Any]) -> Config | None:
    """The typed configuration of a recorded one; None where it is lost or no longer valid.

    Keys that an older version did not have get today's defaults; keys that are gone are left out.
    """

    def build(node: Any, values: dict[str, Any]) -> Any:
        hints, known = get_type_hints(node), {}
        for item in fields(node):
            if item.name not in values:
                continue
            value, kind = values[item.name], hints[item.name]
            if isinstance(value, dict):
                nodes: dict[str, Any] = {ModelConfig: model_configs(), DataConfig: DATA_NODES}.get(kind, {})
                kind = nodes.get(value.get("name", ""), kind)
                value = build(kind, value) if is_dataclass(kind) else value
            known[item.name] = value
        return node(**known)

    try:
        return cast(Config, build(config_type(), config)) if "task" in config else None
    except (TypeError, ValueError, UserError):
        return None


def is_run(folder: Path) -> bool:
    """Whether a job has written, or begun to write, into a folder."""
    names = ("results.json", "samples.jsonl", ".hydra")
    return folder.is_dir() and any((folder / name).exists() for name in names)


def load_runs(path: Path) -> Folder:
    """Read a run's or a sweep's folder; nothing on disk is changed.

    Raises:
        UserError: the folder does not exist or holds no run.
    """
    if not path.is_dir():
        raise UserError(f"{path} is not a folder; give report.dir=<folder of a finished run or sweep>.")
    inside = sorted(
        (p for p in path.iterdir() if is_run(p)),
        key=lambda p: (not p.name.isdigit(), int(p.name) if p.name.isdigit() else 0, p.name),
    )
    marks = (path / "multirun.yaml").exists() or (path / PLAN_FILE).exists()
    if is_run(path) and not marks:
        folder = Folder(path, False, [_load_run(path, path.resolve().name)])
    elif inside or marks:
        runs = [_load_run(p, f"job {p.name}" if p.name.isdigit() else p.name) for p in inside]
        folder = Folder(path, True, runs, _planned(path))
    else:
        raise UserError(
            f"{path} holds no run (no results.json, samples.jsonl or .hydra in it or one level below); "
            "give report.dir=<folder of a finished run or sweep>."
        )
    _set_labels(folder.runs)
    return folder


def _planned(path: Path) -> int | None:
    content = _json(path / PLAN_FILE)
    count = content.get("n_jobs") if content else None
    return count if isinstance(count, int) else None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _load_run(folder: Path, name: str) -> Run:
    results = _json(folder / "results.json")
    if results is None:
        there = (folder / "results.json").exists()
        why = "results.json is not readable" if there else "no results.json: killed, or still running"
        run = Run(name, folder, "unfinished", why, _saved_config(folder), {})
    else:
        config = results.get("config") or _saved_config(folder)
        run = Run(name, folder, results.get("status", "unfinished"), results.get("error"), config, results)
    run.pose = _usable(run, POSE, POSE_KEYS)
    run.splat = _usable(run, SPLAT, SPLAT_KEYS)
    if run.pose is None:
        run.pose = _rebuilt_pose(run)
        run.partial = run.pose is not None
    return run


def _usable(run: Run, stage: str, keys: Sequence[str]) -> dict[str, Any] | None:
    """A stage's results, unless another version of the program wrote something else under that name."""
    content = run.results.get(stage)
    if not isinstance(content, dict):
        return None
    lacking = [key for key in keys if key not in content]
    if lacking:
        run.unusable.append(f"{stage} results lack {', '.join(lacking)}: another version wrote them")
        return None
    return content


def _saved_config(folder: Path) -> dict[str, Any]:
    for path in (folder / "config.yaml", folder / ".hydra" / "config.yaml"):
        try:
            return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(path), resolve=True))
        except Exception:
            continue
    return {}


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """Records of a JSONL file that another process may still be writing: a cut last line is left alone."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return []
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and "idx" in record:
            records.append(record)
    return records


def _rebuilt_pose(run: Run) -> dict[str, Any] | None:
    samples = _whole_lines(run.folder / "samples.jsonl")
    if not samples:
        return None
    options = run.option("metrics", {})
    known = {key: options[key] for key in MetricsConfig.__dataclass_fields__ if key in options}
    undirected = any(s.get("reason") == NO_DIRECTION for s in samples)
    errors = [
        PoseError(s["rotation_error_deg"], s["translation_error_deg"], s["reason"], not undirected)
        for s in samples
    ]
    pose = asdict(summarize(errors, MetricsConfig(**known)))
    pose["n_below"] = {str(limit): count for limit, count in pose["n_below"].items()}
    scored = run.option("task") == SCORE
    return {
        "model": "predictions file" if scored else run.option("model.name", "unknown model"),
        "weights": "none" if scored else run.option("model.weights", "none"),
        **pose,
        "samples": samples,
    }


def _set_labels(runs: Sequence[Run]) -> None:
    for run in runs:
        name, inputs = run.option("name"), run.input_label
        model = (run.pose or {}).get("model") or run.option("model.name")
        if name:
            run.label = str(name)
        elif run.pose is not None and run.option("task") == SCORE:
            run.label = str(run.pose["weights"])
        elif run.pose is not None:
            run.label = f"{model}, {inputs}"
        else:
            run.label = run.name
    counts = Counter(run.label for run in runs)
    for run in runs:
        if counts[run.label] > 1:
            run.label = f"{run.label} ({run.name})"


def headline_deg(sample: dict[str, Any], mode: str) -> float | None:
    """A sample's error in degrees under a metrics mode (``R``, ``T``, ``both``), or None."""
    rotation, translation = sample.get("rotation_error_deg"), sample.get("translation_error_deg")
    parts = {"R": (rotation,), "T": (translation,), "both": (rotation, translation)}[mode]
    return None if any(part is None for part in parts) else max(cast(tuple[float, ...], parts))


def worst_deg(run: Run, mode: str) -> float:
    """Error in degrees that a failure counts as under a metrics mode, where failures count."""
    folded = mode == "T" and bool(run.option("metrics.fold_translation", False))
    return FOLDED_FAILURE_DEG if folded else FAILURE_ERROR_DEG


def penalized(error_deg: float | None, worst: float = FAILURE_ERROR_DEG) -> float:
    """The error, or `worst` degrees for a sample without one."""
    return worst if error_deg is None else error_deg
