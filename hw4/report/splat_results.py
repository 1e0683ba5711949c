"""Splat results of several runs, equal ones together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hw4.config.decides import stage_reads
from hw4.config.stages import SPLAT
from hw4.records.labels import labels, settings
from hw4.records.run import Run
from hw4.splat.result import SplatResult
from hw4.splat.source import uses_model


@dataclass(frozen=True)
class Result:
    """One splat result and all runs that have it; `label` names what the splat stage read of them."""

    splat: SplatResult
    runs: Sequence[Run]
    label: str

    @property
    def first(self) -> Run:
        """The run that made it, or the first that took it from the cache."""
        return self.runs[0]


def distinct_results(runs: Sequence[Run]) -> list[Result]:
    """Runs with the same scores, views and history together: a cached result would hide its copies."""
    groups: dict[str, tuple[SplatResult, list[Run]]] = {}
    for run in runs:
        if (s := run.splat) is not None:
            views = [view.to_json() for view in s.views]
            same = [s.scores, views, s.history, s.n_gaussians, s.aligned_test_views]
            groups.setdefault(json.dumps(same), (s, []))[1].append(run)
    found = [same_runs for _, same_runs in groups.values()]
    joined = [" = ".join(run.title for run in same_runs) for same_runs in found]
    named = splat_labels([same_runs[0] for same_runs in found], joined)
    return [
        Result(splat, same_runs, label)
        for (splat, same_runs), label in zip(groups.values(), named, strict=True)
    ]


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
    return settings(runs, left_out=lambda key: not read_by_splat(key, runs))[1] if runs else []


def read_by_splat(key: str, runs: Sequence[Run]) -> bool:
    """Whether the splat stage of any run reads a key of the command line or the configuration."""
    group = key.split("/")[0]
    if group in ("experiment", "task"):
        return True
    typed = [run.typed for run in runs]
    return any(config is None or stage_reads(SPLAT, config, group, uses_model) for config in typed)
