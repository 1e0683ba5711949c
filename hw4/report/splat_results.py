"""Splat results of several settings, equal ones together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hw4.config.decides import stage_reads
from hw4.config.stages import SPLAT
from hw4.records.labels import labels
from hw4.records.labels import settings as labelled_settings
from hw4.records.run import Run
from hw4.records.settings import Setting
from hw4.splat.result import SplatResult
from hw4.splat.source import uses_model


@dataclass(frozen=True)
class Result:
    """One setting's splat results, and all settings that have the very same.

    Attributes:
        splat: of the setting's first run, which stands for it where one must.
        settings: the one that made it, then those that came to the same; never empty.
        label: names what the splat stage read of them.
    """

    splat: SplatResult
    settings: Sequence[Setting]
    label: str

    @property
    def setting(self) -> Setting:
        """The setting that made it, or the first that took it from the cache."""
        return self.settings[0]

    @property
    def first(self) -> Run:
        """The setting's first run."""
        return self.setting.runs[0]

    @property
    def runs(self) -> list[Run]:
        """The runs of all the settings."""
        return [run for setting in self.settings for run in setting.runs]


def distinct_results(settings: Sequence[Setting]) -> list[Result]:
    """Settings with the same scores, views and history together: a cached result would hide its copies.

    Args:
        settings: of runs that all have splat results.
    """
    groups: dict[str, list[Setting]] = {}
    for setting in settings:
        same = []
        for s in (run.splat for run in setting.runs if run.splat):
            views = [view.to_json() for view in s.views]
            same.append([s.scores, views, s.history, s.n_gaussians, s.aligned_test_views])
        groups.setdefault(json.dumps(same), []).append(setting)
    joined = [" = ".join(setting.run.title for setting in own) for own in groups.values()]
    named = splat_labels([own[0].runs[0] for own in groups.values()], joined)
    found = zip(groups.values(), named, strict=True)
    return [Result(splat, own, label) for own, label in found if (splat := own[0].runs[0].splat)]


def splat_labels(firsts: Sequence[Run], otherwise: Sequence[str]) -> list[str]:
    """What runs are called by what the splat stage reads of them; `otherwise` where that tells too little."""
    if len(firsts) < 2:
        return list(otherwise)
    named = labels(firsts, left_out=lambda key: not read_by_splat(key, firsts), of_pose=False)
    return [
        other if run.name in label else label
        for label, run, other in zip(named, firsts, otherwise, strict=True)
    ]


def values_read(runs: Sequence[Run]) -> list[dict[str, str]]:
    """Of the keys in which runs differ, those that the splat stage reads, with each run's values."""
    return labelled_settings(runs, left_out=lambda key: not read_by_splat(key, runs))[1] if runs else []


def read_by_splat(key: str, runs: Sequence[Run]) -> bool:
    """Whether the splat stage of any run reads a key of the command line or the configuration."""
    group = key.split("/")[0]
    if group in ("experiment", "task"):
        return True
    typed = [run.typed for run in runs]
    return any(config is None or stage_reads(SPLAT, config, group, uses_model) for config in typed)
