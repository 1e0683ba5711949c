"""One job's folder: finished, killed, failed or still going."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from hw4.config import Config, MetricsConfig
from hw4.config.input import input_label
from hw4.config.stages import POSE, SCORE, SPLAT, selected, selected_rows
from hw4.core.durable import parse_json
from hw4.metrics import Metric, PoseMetric, ViewsMetric
from hw4.models.toy_weights import doubt_of_weights
from hw4.pose.metrics import PENALIZE, usable_errors
from hw4.pose.remarks import left_at_identity
from hw4.pose.results import PoseResult, SampleResult
from hw4.pose.scoring import summarize_beside, summarize_samples
from hw4.records.configs import as_config, flatten, saved_config
from hw4.records.files import RESULTS, SAMPLES, UNFINISHED, read_json
from hw4.splat.result import SplatResult


@dataclass
class Run:
    """One job's folder, read.

    Attributes:
        name: ``job 3`` in a sweep, else the folder's name.
        folder: where its files are now, which need not be where the run wrote them.
        status: of `hw4.records.files`; ``unfinished``: no readable results.json.
        error: what went wrong, or None.
        config: nested configuration; empty where not even that is left.
        results: content of results.json, or empty.
        pose: result of the pose stage; rebuilt from ``samples.jsonl`` where results.json lacks it.
        partial: whether `pose` was rebuilt.
        splat: result of the splat stage.
        label: short name that tells this run from the others in figures; set by `load_runs`.
        unusable: results that are there and cannot be read, and why.
    """

    name: str
    folder: Path
    status: str
    error: str | None
    config: dict[str, Any]
    results: dict[str, Any]
    pose: PoseResult | None = None
    partial: bool = False
    splat: SplatResult | None = None
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

    def value(self, row: Metric) -> float | None:
        """A metric's value, or None where the run lacks it."""
        if isinstance(row, PoseMetric | ViewsMetric):
            measured = self.pose.summary.metrics.get(row.name) if self.pose else None
            return None if measured is None else measured.value
        return self.splat.scores.get(row.name) if self.splat else None

    def rank(self, row: Metric) -> float | None:
        """What orders runs by a metric: its value if samples without a result had the worst error there is.

        Otherwise a model would come first that answers the easy samples alone.
        """
        value = self.value(row)
        if value is None or not isinstance(row, PoseMetric) or self.pose is None or not self.pose.samples:
            return value
        summary = self.pose.summary
        errors = [sample.error for sample in self.pose.samples]
        mode = row.mode(summary.mode)
        return float(row.statistic(usable_errors(errors, mode, PENALIZE, summary.fold_translation)))

    @property
    def valid(self) -> str | None:
        """How many of its samples have a result, as ``6/15``; None without a pose stage."""
        return None if self.pose is None else f"{self.pose.summary.n_valid}/{self.pose.summary.n_total}"

    @property
    def input_label(self) -> str:
        """Its input mode in words, which say where the ground truth was used."""
        return input_label(str(self.option("input.name")), self.option("input.selection"))

    @property
    def title(self) -> str:
        """What it is called in sentences: its label, or the job's name where it has none yet."""
        return self.label or self.name

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

    def reads(self, key: str) -> bool:
        """Whether any stage of its task reads a key; also where the configuration is lost."""
        typed = self.typed
        return typed is None or key == "task" or any(row.names(typed, key) for row in selected_rows(typed))

    def file(self, recorded: str) -> Path | None:
        """A file that the run recorded, found beside results.json even after the folder was moved."""
        path = Path(recorded)
        parts = path.parts
        for start in range(len(parts) - 1, 0, -1):
            inside = self.folder.joinpath(*parts[start:])
            if inside.is_file():
                return inside
        return path if path.is_file() else None


def load_run(folder: Path, name: str) -> Run:
    """Read one job's folder; nothing on disk is changed."""
    results = read_json(folder / RESULTS)
    if results is None:
        there = (folder / RESULTS).exists()
        why = f"{RESULTS} is not readable" if there else f"no {RESULTS}: killed, or still running"
        run = Run(name, folder, UNFINISHED, why, saved_config(folder), {})
    else:
        run = run_of_results(name, folder, results)
    if run.pose is None:
        run.pose = _rebuilt_pose(run)
        run.partial = run.pose is not None
    return run


def run_of_results(name: str, folder: Path, results: dict[str, Any]) -> Run:
    """The run whose ``results.json`` holds `results`; what another version wrote is named in `unusable`."""
    config = results.get("config") or saved_config(folder)
    run = Run(name, folder, results.get("status", UNFINISHED), results.get("error"), config, results)
    pose, splat = results.get(POSE), results.get(SPLAT)
    if isinstance(pose, dict):
        try:
            # Older summaries left this to the configuration.
            folded = run.option("metrics.fold_translation", False)
            run.pose = PoseResult.from_json({"fold_translation": folded, **pose})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            run.unusable.append(_unusable(POSE, error))
    if isinstance(splat, dict):
        try:
            run.splat = SplatResult.from_json(splat)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            run.unusable.append(_unusable(SPLAT, error))
    return run


def _unusable(stage: str, error: Exception) -> str:
    if isinstance(error, ValueError):
        return f"{stage} results {error}"
    return f"{stage} results cannot be read ({type(error).__name__}: {error}): another version wrote them"


def _whole_samples(path: Path) -> list[SampleResult]:
    """Records of a JSONL file that another process may still be writing: a cut last line is left alone."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return []
    samples = []
    for line in lines:
        try:
            samples.append(SampleResult.from_row(parse_json(line)))
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return samples


def _rebuilt_pose(run: Run) -> PoseResult | None:
    """The result over the samples that reached the disk, summed up as the finished run would have done."""
    samples = _whole_samples(run.folder / SAMPLES)
    if not samples:
        return None
    options = run.option("metrics", {})
    known = {key: options[key] for key in MetricsConfig.__dataclass_fields__ if key in options}
    metrics = MetricsConfig(**known)
    scored = run.option("task") == SCORE
    doubt = doubt_of_weights(run.typed) if run.typed and not scored else None
    return PoseResult(
        samples,
        summarize_samples(samples, metrics),
        model="predictions file" if scored else run.option("model.name", "unknown model"),
        weights="none" if scored else run.option("model.weights", "none"),
        n_reused=None,
        cache_dir=None,
        seconds=None,
        remarks=[*([doubt] if doubt else []), *left_at_identity(samples)],
        relative=summarize_beside(samples, metrics),
    )
