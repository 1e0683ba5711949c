"""The grid of a sweep: its settings by the values of the keys in which they differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hw4.config.stages import POSE, SPLAT
from hw4.core.scale import DEGREES, MISSING, Scale
from hw4.metrics import splat_headline
from hw4.records.labels import INPUT, settings, short
from hw4.report.findings import Findings
from hw4.report.ranking import Scores
from hw4.report.splat_results import read_by_splat
from hw4.report.statistics.shared_samples import MEANS


@dataclass(frozen=True)
class Grid:
    """What was swept.

    Attributes:
        keys: as the command line or the configuration has them; `names` what they are called.
        values: a row for each setting, a value for each key.
    """

    keys: Sequence[str]
    values: Sequence[Sequence[str]]

    @property
    def names(self) -> list[str]:
        """The keys' last words, whole where two end alike."""
        ends = short(self.keys)
        return [ends[key] for key in self.keys]

    def of(self, key: str) -> list[str]:
        """The values of one key, each once, numbers in order."""
        column = list(dict.fromkeys(row[self.keys.index(key)] for row in self.values))
        return sorted(column, key=as_number) if all_numbers(column) else column

    def without(self, leave: Callable[[str], bool]) -> "Grid":
        """The same without some keys."""
        kept = [i for i, key in enumerate(self.keys) if not leave(key)]
        return Grid([self.keys[i] for i in kept], [[row[i] for i in kept] for row in self.values])


def as_number(text: str) -> float:
    """A value as a number; NaN where it is a word."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def all_numbers(values: Sequence[str]) -> bool:
    """Whether all values of a key are numbers."""
    return all(as_number(value) == as_number(value) for value in values)


def grid_of(scores: Scores, stage: str, is_seed: Callable[[str], bool]) -> Grid:
    """The grid of the settings that were scored, in the keys that their stage reads.

    Args:
        scores: of the stage.
        stage: ``pose`` or ``splat``.
        is_seed: whether a key is one of replicates, which are no settings.
    """
    firsts = [runs[0] for _, runs in scores.settings]
    keys, own = settings(firsts, left_out=is_seed)
    grid = Grid(keys, [[row.get(key, MISSING) for key in keys] for row in own])
    if INPUT in keys:
        column = keys.index(INPUT)
        for row, run in zip(grid.values, firsts, strict=True):
            row[column] = run.input_label  # type: ignore[index]
    return grid.without(lambda key: stage == SPLAT and not read_by_splat(key, firsts))


class Swept:
    """One stage's scores over the grid of a sweep, and how its numbers are written."""

    def __init__(self, stage: str, scores: Scores, findings: Findings) -> None:
        self.stage, self.scores = stage, scores
        self.grid: Grid = grid_of(scores, stage, findings.is_seed)
        self.means = scores.matrix.mean(axis=1)
        self.alpha = findings.options.alpha
        if stage == POSE:
            pose = scores.settings[0][1][0].pose
            assert pose is not None
            self.scale: Scale = DEGREES
            failed = f", failures as {scores.worst:g}°" if scores.worst else ""
            self.what, self.unit = MEANS[pose.summary.mode] + failed, "°"
            self.of, self.units = "sample", scores.matrix.shape[1]
        else:
            metric = splat_headline()
            self.scale, self.what, self.unit = metric.scale, metric.label, metric.unit
            self.of, self.units = "test view", scores.matrix.shape[1]

    def said(self, value: float) -> str:
        """A mean with its unit."""
        text = self.scale.text(value)
        return text if self.unit in text else f"{text} {self.unit}"

    @property
    def title(self) -> str:
        """The metric with its unit."""
        return f"{self.what} ({self.unit})"


def swept_stages(findings: Findings) -> list[Swept]:
    """The stages of whose settings some differ in a key."""
    found = []
    for stage, scores in ((POSE, findings.pose_scores), (SPLAT, findings.splat_scores)):
        if scores is not None and len(scores.settings) > 1:
            swept = Swept(stage, scores, findings)
            if swept.grid.keys:
                found.append(swept)
    return found
