"""The jobs of a sweep side by side, with every configuration key in which they differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hw4.records.configs import differing_settings
from hw4.records.files import FAILED, RESULTS, UNFINISHED
from hw4.records.run import Run


@dataclass(frozen=True)
class Job:
    """One job of a sweep: its folder in the sweep's, its differing settings, what it left."""

    name: str
    settings: dict[str, Any]
    run: Run

    @property
    def error(self) -> str | None:
        """What went wrong, or None."""
        return f"the job left no {RESULTS}" if self.run.status == UNFINISHED else self.run.error

    def to_json(self) -> dict[str, Any]:
        """Its name, settings and results; those of a lost job say that it failed."""
        results = self.run.results or {"status": FAILED, "error": self.error}
        return {"job": self.name, "settings": self.settings, "results": results}


@dataclass(frozen=True)
class Comparison:
    """All jobs of a sweep and the dotted keys in which they differ."""

    differing_keys: list[str]
    jobs: list[Job]

    def to_json(self) -> dict[str, Any]:
        """What ``comparison.json`` holds."""
        return {"differing_keys": self.differing_keys, "jobs": [job.to_json() for job in self.jobs]}


def compare(runs: Sequence[Run]) -> Comparison:
    """Runs side by side, in their order."""
    differing, settings = differing_settings([run.config for run in runs])
    jobs = [Job(run.name.removeprefix("job "), own, run) for run, own in zip(runs, settings, strict=True)]
    return Comparison(differing, jobs)
