"""The settings of a sweep: runs that differ in their seeds alone are one, with a mean and a spread."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from hw4.config.decides import replicate_keys
from hw4.core.scale import MISSING, Scale
from hw4.metrics import Metric
from hw4.records.configs import differing_settings
from hw4.records.labels import labels
from hw4.records.run import Run


@dataclass(frozen=True)
class Spread:
    """A metric over the replicates of a setting.

    Attributes:
        values: of each run, None where it lacks the metric.
    """

    values: tuple[float | None, ...]

    @property
    def known(self) -> list[float]:
        """The values that there are."""
        return [value for value in self.values if value is not None]

    @property
    def mean(self) -> float | None:
        """Their mean, or None without any."""
        return float(np.mean(self.known)) if self.known else None

    @property
    def std(self) -> float | None:
        """Their sample standard deviation (n - 1), or None of fewer than two."""
        return float(np.std(self.known, ddof=1)) if len(self.known) > 1 else None

    def text(self, scale: Scale) -> str:
        """``12.345° ± 0.4``, with the number of values where some replicate lacks it; a dash without any."""
        if self.mean is None:
            return MISSING
        text = scale.text(self.mean)
        if self.std is not None:
            text += f" ± {scale.factor * self.std:.{scale.digits}f}"
        missing = len(self.values) - len(self.known)
        return text + (f" ({len(self.known)} of {len(self.values)})" if missing else "")

    def to_json(self) -> dict[str, Any]:
        """Mean, standard deviation, number and values."""
        return {"mean": self.mean, "std": self.std, "n": len(self.known), "values": list(self.values)}


@dataclass(frozen=True)
class Setting:
    """One or more runs that differ in their seeds alone.

    Attributes:
        runs: in order; never empty.
        values: those of its keys in which settings of the folder differ, by dotted name; no seeds.
        seeds: the seeds in which runs of the folder differ, by dotted name, a value for each run.
        label: short name that tells it from the folder's other settings.
    """

    runs: tuple[Run, ...]
    values: dict[str, Any]
    seeds: dict[str, tuple[Any, ...]]
    label: str

    @property
    def is_repeated(self) -> bool:
        """Whether it has several runs."""
        return len(self.runs) > 1

    @property
    def names(self) -> str:
        """The jobs' names, as tables of jobs have them."""
        return ", ".join(run.name.removeprefix("job ") for run in self.runs)

    @cached_property
    def run(self) -> Run:
        """The run that stands for it where one must: the first, under the names of all."""
        if not self.is_repeated:
            return self.runs[0]
        return replace(self.runs[0], name=f"jobs {self.names}", label=self.label)

    @property
    def seeds_text(self) -> str:
        """``model.seed 0, 1, 2``; empty where nothing is repeated."""
        if not self.is_repeated:
            return ""
        return "; ".join(
            f"{key} {', '.join(dict.fromkeys(map(_shown, values)))}" for key, values in self.seeds.items()
        )

    def spread(self, row: Metric) -> Spread:
        """A metric over its runs."""
        return Spread(tuple(run.value(row) for run in self.runs))


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def seeds_of(runs: Sequence[Run]) -> set[str]:
    """The keys of the runs that are seeds, as the config fields say."""
    return {key for run in runs if run.typed is not None for key in replicate_keys(run.typed)}


def settings_of(runs: Sequence[Run]) -> list[Setting]:
    """The settings that runs have, in the order of their first runs.

    A run whose configuration is lost is a setting by itself. So is one that repeats another's seeds too: it
    is the same run again, and no further evidence.
    """
    seeds = seeds_of(runs)
    differing, own = differing_settings([run.config for run in runs])
    varied = [key for key in differing if key in seeds]
    groups: dict[str, list[int]] = {}
    met: Counter[str] = Counter()
    for number, (run, values) in enumerate(zip(runs, own, strict=True)):
        address = _address({k: v for k, v in values.items() if k not in seeds}) if run.config else f"{number}"
        whole = _address(values)
        groups.setdefault(f"{address} {met[whole]}", []).append(number)
        met[whole] += bool(run.config)
    called = labels([runs[numbers[0]] for numbers in groups.values()], left_out=seeds.__contains__)
    return [
        Setting(
            tuple(runs[number] for number in numbers),
            {key: value for key, value in own[numbers[0]].items() if key not in seeds},
            {
                key: tuple(own[number][key] for number in numbers)
                for key in varied
                if all(key in own[number] for number in numbers)
            },
            label if len(numbers) > 1 else runs[numbers[0]].label,
        )
        for label, numbers in zip(called, groups.values(), strict=True)
    ]


def _address(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, default=str)
