"""What else differs between two compared runs: scores have one cause only where one thing differs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hw4.config.decides import decides, stage_reads
from hw4.config.stages import POSE, SCORE
from hw4.records.run import Run
from hw4.splat.source import uses_model

ABSENT = "<absent>"
UNKNOWN = "the configuration"


@dataclass(frozen=True)
class Factor:
    """A configuration key that differs between two runs and can change the scores of both."""

    key: str
    a: Any
    b: Any

    def __str__(self) -> str:
        return f"{self.key} ({show(self.a)} → {show(self.b)})"


def show(value: Any) -> str:
    """A configuration value as the command line writes it."""
    return "null" if value is None else str(value)


def _same(a: Any, b: Any) -> bool:
    return json.dumps(a, sort_keys=True, default=str) == json.dumps(b, sort_keys=True, default=str)


def factors(a: Run, b: Run, stage: str) -> list[Factor]:
    """Every key in which two runs differ and that a stage reads in both of them.

    A key that only one of the two reads follows from another choice (the alignment options from
    ``input.name``, a model's own options from ``model.name``) and is no factor of its own.
    """
    if a.typed is None or b.typed is None:
        return [Factor(UNKNOWN, *("lost" if run.typed is None else "known" for run in (a, b)))]
    configs = a.typed, b.typed
    flat_a, flat_b = a.flat, b.flat
    stages = [SCORE if stage == POSE and run.option("task") == SCORE else stage for run in (a, b)]
    found = [] if stages[0] == stages[1] else [Factor("task", *stages)]
    for key in sorted(flat_a.keys() | flat_b.keys()):
        value_a, value_b = flat_a.get(key, ABSENT), flat_b.get(key, ABSENT)
        if not _same(value_a, value_b) and all(
            decides(config, key) not in ("output", "nothing") and stage_reads(of, config, key, uses_model)
            for of, config in zip(stages, configs, strict=True)
        ):
            found.append(Factor(key, value_a, value_b))
    return found + (_frames(a, b) if stage == POSE else [])


def _frames(a: Run, b: Run) -> list[Factor]:
    """A list of frames may have been changed under its name, or the data set under its folder's."""
    hashes = [(run.results.get("frames") or {}).get("hash") for run in (a, b)]
    return [] if hashes[0] == hashes[1] else [Factor("frames.json", *hashes)]


def is_confounded(found: Sequence[Factor]) -> bool:
    """Whether more than one factor changed, or it is not known how many."""
    return len(found) > 1 or any(factor.key == UNKNOWN for factor in found)


def warning(
    a: Run, b: Run, found: Sequence[Factor], what: str, names: tuple[str, str] | None = None
) -> str | None:
    """The warning that a comparison of two runs needs, or None where at most one factor changed.

    `names` are what the runs are called where it stands; None: by their jobs.
    """
    if not is_confounded(found):
        return None
    first, second = names or (a.title, b.title)
    if any(factor.key == UNKNOWN for factor in found):
        return f"WARNING: {first} and {second}: a configuration is lost, so what else differs is not known."
    keys = "; ".join(map(str, found))
    return (
        f"WARNING: {first} and {second} differ in {len(found)} factors: {keys}. A difference in {what} "
        "cannot be assigned to any one of them."
    )


def environment_differences(a: Run, b: Run) -> list[str]:
    """What differs in code version, packages and hardware, in words; empty where nothing or not known."""
    first, second = a.results.get("provenance") or {}, b.results.get("provenance") or {}
    if not first or not second:
        return []
    found = [
        f"{label}: {show(first.get(key))} → {show(second.get(key))}"
        for key, label in (("git_commit", "commit"), ("python", "Python"), ("cpu", "CPU"), ("gpus", "GPUs"))
        if not _same(first.get(key), second.get(key))
    ]
    wheels = [(about.get("wheel") or {}).get("content") for about in (first, second)]
    if not _same(*wheels):
        found.append(f"wheel: {show(wheels[0])} → {show(wheels[1])}")
    versions_a, versions_b = first.get("packages") or {}, second.get("packages") or {}
    found += [
        f"{name}: {show(versions_a.get(name))} → {show(versions_b.get(name))}"
        for name in sorted(versions_a.keys() | versions_b.keys())
        if versions_a.get(name) != versions_b.get(name)
    ]
    sources_a, sources_b = first.get("upstream") or {}, second.get("upstream") or {}
    found += [
        f"{name}: {show(sources_a[name])} → {show(sources_b[name])}"
        for name in sorted(sources_a.keys() & sources_b.keys())
        if sources_a[name] != sources_b[name]
    ]
    return found


def closest(run: Run, others: Sequence[Run], stage: str) -> Run | None:
    """The run among `others` that differs from `run` in the fewest factors; the first of equals."""
    return min(others, key=lambda other: len(factors(other, run, stage)), default=None)
