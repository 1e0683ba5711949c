"""Splat results of several runs, equal ones together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hw4.records.runs import Run

# Results that agree in these are one result.
SAME = ("psnr", "ssim", "lpips", "initial_psnr", "views", "history", "n_gaussians", "aligned_test_views")


@dataclass(frozen=True)
class Result:
    """One splat result and all runs that have it; `label` names them all, `first` stands for them."""

    runs: Sequence[Run]

    @property
    def first(self) -> Run:
        """The run that made it, or the first that took it from the cache."""
        return self.runs[0]

    @property
    def splat(self) -> dict[str, Any]:
        """Content of results.json."""
        return self.first.splat or {}

    @property
    def label(self) -> str:
        """The runs' labels."""
        return " = ".join(run.label for run in self.runs)


def distinct_results(runs: Sequence[Run]) -> list[Result]:
    """Runs with the same scores, views and history together: a cached result would hide its copies."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(json.dumps([(run.splat or {})[key] for key in SAME]), []).append(run)
    return [Result(group) for group in groups.values()]
