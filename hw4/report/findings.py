"""What the sections of a report speak about: the runs of a folder and how they compare."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from hw4.config import ReportConfig
from hw4.config.stages import POSE, SCORE, SPLAT
from hw4.records.run import Run
from hw4.records.runs import Folder
from hw4.records.settings import Setting, seeds_of, settings_of
from hw4.report.questions import told_apart
from hw4.report.ranking import Scores, pose_scores, splat_scores
from hw4.report.statistics.comparisons import Comparison, all_comparisons


@dataclass(frozen=True)
class Findings:
    """A folder of results, the comparisons that its runs allow, and the options of the report."""

    folder: Folder
    comparisons: Sequence[Comparison]
    options: ReportConfig

    @property
    def runs(self) -> Sequence[Run]:
        """All runs, finished or not, in order."""
        return self.folder.runs

    @property
    def settings(self) -> list[tuple[str, Sequence[Run]]]:
        """Each setting with its runs, by a label."""
        return [(setting.run.title, setting.runs) for setting in settings_of(self.runs)]

    @cached_property
    def pose_scores(self) -> Scores | None:
        """Every setting's pose errors of the samples that all have."""
        return pose_scores(self.settings)

    @cached_property
    def splat_scores(self) -> Scores | None:
        """Every setting's splat scores of the test views that all have."""
        return splat_scores(self.settings)

    @cached_property
    def seeds(self) -> set[str]:
        """The keys that make replicates."""
        return seeds_of(self.runs)

    def is_seed(self, key: str) -> bool:
        """Whether a key makes replicates, not settings."""
        return key in self.seeds

    @property
    def with_pose(self) -> list[Run]:
        """Runs that have pose results."""
        return [run for run in self.runs if run.pose]

    @property
    def with_splat(self) -> list[Run]:
        """Runs that have splat results."""
        return [run for run in self.runs if run.splat]

    @cached_property
    def splat_settings(self) -> list[Setting]:
        """The settings of the runs that have splat results."""
        return settings_of(self.with_splat)

    @property
    def asks_pose(self) -> bool:
        """Whether any run has pose results or was to have them."""
        return bool(self.with_pose) or any({POSE, SCORE} & set(run.stages) for run in self.runs)

    @property
    def asks_splat(self) -> bool:
        """Whether any run has splat results or was to have them."""
        return bool(self.with_splat) or any(SPLAT in run.stages for run in self.runs)


def find(folder: Folder, options: ReportConfig) -> Findings:
    """Compare the runs of a folder in every way that they allow."""
    comparisons = all_comparisons(folder.runs, options.alpha, options.success_deg)
    return Findings(folder, told_apart(comparisons), options)
