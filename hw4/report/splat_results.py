"""Splat results of several runs, equal ones together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hw4.records.run import Run
from hw4.splat.result import SplatResult


@dataclass(frozen=True)
class Result:
    """One splat result and all runs that have it; `label` names them all, `first` stands for them."""

    splat: SplatResult
    runs: Sequence[Run]

    @property
    def first(self) -> Run:
        """The run that made it, or the first that took it from the cache."""
        return self.runs[0]

    @property
    def label(self) -> str:
        """The runs' labels."""
        return " = ".join(run.label for run in self.runs)


def distinct_results(runs: Sequence[Run]) -> list[Result]:
    """Runs with the same scores, views and history together: a cached result would hide its copies."""
    groups: dict[str, tuple[SplatResult, list[Run]]] = {}
    for run in runs:
        if (s := run.splat) is not None:
            views = [view.to_json() for view in s.views]
            same = [s.scores, views, s.history, s.n_gaussians, s.aligned_test_views]
            groups.setdefault(json.dumps(same), (s, []))[1].append(run)
    return [Result(splat, same_runs) for splat, same_runs in groups.values()]
