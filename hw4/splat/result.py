"""What the splat stage computes."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hw4.core.stored import require
from hw4.metrics import splat_metrics

RESULT_FILE = "splat.json"
# In that file: the SHA-256 of each file that the result names, by its name in the same folder.
CHECKSUMS = "checksums"
# What came later than the first version, or is a run's own, has a default.
REQUIRED = (
    *("views", "missing", "aligned_test_views", "n_gaussians", "n_initial", "n_train", "iterations"),
    *("stopped", "train_seconds", "init", "notes", "history"),
)


@dataclass(frozen=True)
class ViewScore:
    """Scores of one test view by metric; one that could not be computed is None."""

    name: str
    scores: dict[str, float | None]

    def to_json(self) -> dict[str, Any]:
        """A flat record."""
        return {"name": self.name, **self.scores}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "ViewScore":
        """The inverse of `to_json`."""
        return cls(record["name"], {key: value for key, value in record.items() if key != "name"})


@dataclass(frozen=True)
class SplatResult:
    """What the stage computed.

    Attributes:
        scores: means over the test views by metric; None where missing.
        views: scores of each test view that could be scored.
        missing: metric, test view or file -> why it is missing.
        aligned_test_views: whether test cameras were optimised before scoring.
        n_gaussians: after training; `n_initial` before.
        n_train: training views used.
        iterations: iterations done; `stopped` says why fewer than asked for.
        train_seconds: training only, with that of runs that were taken up; `seconds` the whole stage, None
            where it was not recorded.
        init: ``scene`` or the model's name; `weights` the model's.
        notes: facts worth a line in the report.
        files: what was written, by kind; ``renders`` and ``strips`` in the order of `views`.
        history: logged metrics.
        problems: what could not be read or written, in sentences.
        reused: whether the run took it from the cache; `cache_dir` is where it lies there.
    """

    scores: dict[str, float | None]
    views: list[ViewScore]
    missing: dict[str, str]
    aligned_test_views: bool
    n_gaussians: int
    n_initial: int
    n_train: int
    iterations: int
    stopped: str | None
    seconds: float | None
    train_seconds: float
    init: str
    notes: list[str] = field(default_factory=list)
    files: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    weights: str = "none"
    reused: bool = False
    cache_dir: str | None = None

    def view(self, name: str) -> ViewScore | None:
        """The scores of a test view, if it has any."""
        return next((view for view in self.views if view.name == name), None)

    def view_file(self, name: str, kind: str) -> str | None:
        """Recorded path of a test view's render or strip (`kind`: ``renders``, ``strips``)."""
        names, files = [view.name for view in self.views], self.files.get(kind, [])
        # In the order of the views: names in different folders may end alike.
        return files[names.index(name)] if name in names and len(files) == len(names) else None

    @property
    def paths(self) -> list[Path]:
        """Every file that was written, of all kinds."""
        values = self.files.values()
        return [Path(path) for value in values for path in (value if isinstance(value, list) else [value])]

    @property
    def origin(self) -> str:
        """What the Gaussians started from, with the weights of a model."""
        return self.init if self.init == "scene" else f"{self.init}, weights: {self.weights}"

    def to_json(self) -> dict[str, Any]:
        """What ``results.json`` holds under ``splat``: the scores beside everything else."""
        rest = asdict(self)
        return {**rest.pop("scores"), **rest, "views": [view.to_json() for view in self.views]}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "SplatResult":
        """The inverse of `to_json`, also of older versions; unknown keys are ignored.

        Raises:
            ValueError: another version wrote it, and it lacks what this one needs.
        """
        require(record, REQUIRED)
        known = {key: record[key] for key in cls.__dataclass_fields__ if key in record}
        known["scores"] = {row.name: record.get(row.name) for row in splat_metrics()}
        known["views"] = [ViewScore.from_json(view) for view in record["views"]]
        return cls(**{"seconds": None, **known})
