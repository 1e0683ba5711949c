"""The jobs and the settings of a sweep side by side, with every configuration key in which they differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hw4.metrics import table
from hw4.records.configs import differing_settings
from hw4.records.files import FAILED, RESULTS, UNFINISHED
from hw4.records.run import Run
from hw4.records.settings import Setting, seeds_of, settings_of

# A thousand samples of fifty jobs were a hundred megabytes that nobody read.
BESIDE_THE_JOB = ("config", "inputs", "provenance", "resources")
OF_A_STAGE = ("metrics", "validation", "missing", "n_below")


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
        """Its name, settings and results in short; those of a lost job say that it failed."""
        results = self.run.results or {"status": FAILED, "error": self.error}
        return {"job": self.name, "settings": self.settings, "results": _in_short(results)}


@dataclass(frozen=True)
class Comparison:
    """All jobs of a sweep.

    Attributes:
        differing_keys: the dotted keys in which they differ, seeds left out; `seed_keys`: those seeds.
        jobs: in order.
        settings: jobs that differ in their seeds alone together, in the order of their first.
    """

    differing_keys: list[str]
    seed_keys: list[str]
    jobs: list[Job]
    settings: list[Setting]

    def to_json(self) -> dict[str, Any]:
        """What ``comparison.json`` holds."""
        return {
            "differing_keys": self.differing_keys,
            "seed_keys": self.seed_keys,
            "settings": [_setting_json(setting) for setting in self.settings],
            "jobs": [job.to_json() for job in self.jobs],
        }


def _in_short(results: dict[str, Any]) -> dict[str, Any]:
    """Results without what is there for each sample, and without what stands beside the job itself."""
    short: dict[str, Any] = {}
    for key, value in results.items():
        if isinstance(value, dict) and key not in BESIDE_THE_JOB:
            kept = {name: one for name, one in value.items() if name in OF_A_STAGE or not _is_many(one)}
            short |= {key: kept} if kept else {}
        elif not _is_many(value):
            short[key] = value
    return short


def _is_many(value: Any) -> bool:
    return isinstance(value, dict | list)


def _setting_json(setting: Setting) -> dict[str, Any]:
    """Values, jobs, seeds, and of several runs every metric that any has: mean, spread and values.

    Those of one run stand with its job.
    """
    about = {
        "settings": setting.values,
        "jobs": [run.name.removeprefix("job ") for run in setting.runs],
        "seeds": {key: list(values) for key, values in setting.seeds.items()},
    }
    if len(setting.runs) == 1:
        return about
    spreads = {row.name: setting.spread(row) for row in table().values()}
    return {**about, "metrics": {name: spread.to_json() for name, spread in spreads.items() if spread.known}}


def compare(runs: Sequence[Run]) -> Comparison:
    """Runs side by side, in their order."""
    differing, values = differing_settings([run.config for run in runs])
    jobs = [Job(run.name.removeprefix("job "), own, run) for run, own in zip(runs, values, strict=True)]
    seeds = seeds_of(runs)
    return Comparison(
        [key for key in differing if key not in seeds],
        [key for key in differing if key in seeds],
        jobs,
        settings_of(runs),
    )
