"""Which runs are compared with which, and what the comparison supports."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config.input import INTERPOLATED, ORACLE
from hw4.pose.metrics import ACC_THRESHOLDS, AUC_THRESHOLDS, accuracy, auc
from hw4.report.confounds import Factor, closest, environment_differences, factors, show, warning
from hw4.report.paired import (
    BETTER,
    NOT_SHOWN,
    Delta,
    Significance,
    Success,
    decide,
    holm,
    mcnemar,
    paired_bootstrap,
    sign_test,
    signed_rank,
)
from hw4.report.runs import NO_DIRECTION, Run, headline_deg, penalized
from hw4.stages import POSE

INPUT, MODEL, SETTING = "input", "model", "setting"
# Two records are of one sample if their true relative rotations agree to this (degrees).
SAME_TRUTH_DEG = 1e-3
PROPER_NAMES = {"dust3r": "DUSt3R", "vggt": "VGGT", "interpolated": "Interpolated"}


@dataclass(frozen=True)
class Comparison:
    """Two runs on their shared samples; B is asked about, A is what it is compared with.

    Attributes:
        kind: `INPUT`, `MODEL` or `SETTING`.
        n_shared: samples that both runs have, `n_unmatched` those that only one has.
        n_both: shared samples with a result in both.
        deltas: metric name -> change, over the `n_both` samples (all shared ones where failures count 180°).
        all_failures_180: change of the mean headline error over all shared samples, failures as 180°.
        rank: Wilcoxon's test of the headline errors, `sign` the sign test.
        adjusted_p: `rank.p` adjusted for the number of comparisons in the report.
        success: samples below the success threshold under both, one, neither; failures do not succeed.
        factors: what differs; `warning` says so where it is more than one thing.
        verdict: ``better``, ``worse`` or ``not shown``.
    """

    kind: str
    a: Run
    b: Run
    n_shared: int
    n_unmatched: int
    n_both: int
    deltas: dict[str, Delta]
    all_failures_180: Delta | None
    rank: Significance
    sign: Significance
    success: Success
    success_deg: float
    factors: list[Factor]
    warning: str | None
    environment: list[str]
    n_comparisons: int = 1
    adjusted_p: float | None = None
    verdict: str = NOT_SHOWN


def matched(a: Run, b: Run) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Records of the samples that both runs have: same number, photos and true rotation."""

    def key(sample: dict[str, Any]) -> tuple[Any, ...]:
        return (sample["idx"], Path(sample["img1"]).name, Path(sample["img2"]).name)

    second = {key(s): s for s in (b.pose or {}).get("samples", [])}
    pairs = []
    for sample in (a.pose or {}).get("samples", []):
        other = second.get(key(sample))
        if other is None:
            continue
        angles = sample.get("true_angle_deg"), other.get("true_angle_deg")
        if None in angles or abs(angles[0] - angles[1]) < SAME_TRUTH_DEG:
            pairs.append((sample, other))
    return pairs


def _deltas(
    pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]], mode: str, penalize: bool, draws: int, seed: int
) -> dict[str, Delta]:
    def columns(name: str) -> tuple[np.ndarray, np.ndarray]:
        def value(sample: dict[str, Any]) -> float | None:
            return headline_deg(sample, mode) if name == "headline" else sample[name]

        both = [(value(x), value(y)) for x, y in pairs]
        if penalize:
            both = [(penalized(x), penalized(y)) for x, y in both]
        known = [(x, y) for x, y in both if x is not None and y is not None]
        return np.array([x for x, _ in known], dtype=float), np.array([y for _, y in known], dtype=float)

    found: dict[str, Delta] = {}

    def put(label: str, column: str, statistic: Any) -> None:
        a, b = columns(column)
        if len(a):
            found[label] = paired_bootstrap(a, b, statistic, draws, seed)

    put("MRE", "rotation_error_deg", lambda e: e.mean(axis=-1))
    put("median rotation error", "rotation_error_deg", lambda e: np.median(e, axis=-1))
    put("MTE", "translation_error_deg", lambda e: e.mean(axis=-1))
    for threshold in ACC_THRESHOLDS:
        put(f"Acc@{threshold}", "headline", lambda e, t=threshold: accuracy(e, t))
    for threshold in sorted(AUC_THRESHOLDS, reverse=True):
        put(f"AUC@{threshold}", "headline", lambda e, t=threshold: auc(e, t))
    return found


def compare_runs(kind: str, a: Run, b: Run, success_deg: float) -> Comparison:
    """Everything about one pair of runs; both must have pose results."""
    summary = a.pose or {}
    mode, penalize = summary.get("mode", "R"), summary.get("failures") == "penalize"
    draws, seed = int(a.option("metrics.bootstrap", 2000)), int(a.option("metrics.seed", 0))
    shared = matched(a, b)
    n_unmatched = sum(len((run.pose or {}).get("samples", [])) - len(shared) for run in (a, b))
    if mode != "R":
        shared = [(x, y) for x, y in shared if NO_DIRECTION not in (x.get("reason"), y.get("reason"))]
    errors = [(headline_deg(x, mode), headline_deg(y, mode)) for x, y in shared]
    solved = [(x, y) for x, y in errors if x is not None and y is not None]
    tested = [(penalized(x), penalized(y)) for x, y in errors] if penalize else solved
    first, second = (np.array([pair[i] for pair in tested], dtype=float) for i in (0, 1))
    all_first, all_second = (np.array([penalized(pair[i]) for pair in errors], dtype=float) for i in (0, 1))
    found = factors(a, b, POSE)
    return Comparison(
        kind,
        a,
        b,
        n_shared=len(shared),
        n_unmatched=n_unmatched,
        n_both=len(solved),
        deltas=_deltas(shared, mode, penalize, draws, seed),
        all_failures_180=(
            paired_bootstrap(all_first, all_second, lambda e: e.mean(axis=-1), draws, seed)
            if len(errors)
            else None
        ),
        rank=signed_rank(first, second),
        sign=sign_test(first, second),
        success=mcnemar(all_first < success_deg, all_second < success_deg),
        success_deg=success_deg,
        factors=found,
        warning=warning(a, b, found, "pose errors"),
        environment=environment_differences(a, b),
    )


def _candidates(runs: Sequence[Run]) -> list[tuple[str, Run, Run]]:
    """(kind, A, B) of every comparison worth making: each B against the run nearest to it."""

    def model(run: Run) -> str:
        return str((run.pose or {}).get("model"))

    def inputs(run: Run) -> str:
        return str(run.option("input.name"))

    found: list[tuple[str, Run, Run]] = []
    for b in runs:
        others = [a for a in runs if inputs(a) == "pair" and model(a) == model(b)]
        if inputs(b) == "interpolated" and (a := closest(b, others, POSE)):
            found.append((INPUT, a, b))
    names = sorted(dict.fromkeys(map(model, runs)), key=lambda name: name != "dust3r")
    for i, name in enumerate(names):
        for b in runs:
            others = [a for a in runs if model(a) == name and a.input_label == b.input_label]
            if model(b) in names[i + 1 :] and (a := closest(b, others, POSE)):
                found.append((MODEL, a, b))
    for number, b in enumerate(runs):
        before = [a for a in runs[:number] if model(a) == model(b) and inputs(a) == inputs(b)]
        if before:
            found.append((SETTING, before[0], b))
    return found


def all_comparisons(runs: Sequence[Run], alpha: float, success_deg: float) -> list[Comparison]:
    """Every comparison that the runs allow, with p-values adjusted for their number and verdicts.

    Interpolated frames against the pair alone, for each model; each model against the others, for each
    input; runs of one model and input against the first of them.
    """
    with_pose = [run for run in runs if run.pose]
    found = [compare_runs(kind, a, b, success_deg) for kind, a, b in _candidates(with_pose)]
    adjusted = holm([c.rank.p for c in found])
    tests = sum(p is not None for p in adjusted)
    return [
        replace(c, adjusted_p=p, n_comparisons=tests, verdict=decide(c.rank, p, alpha))
        for c, p in zip(found, adjusted, strict=True)
    ]


def short_names(c: Comparison) -> tuple[str, str]:
    """How the two runs of a comparison are told apart: by what differs where that is one thing."""
    if c.kind == INPUT:
        return "pair", c.b.input_label
    if c.kind == MODEL:
        return str((c.a.pose or {}).get("model")), str((c.b.pose or {}).get("model"))
    if len(c.factors) == 1:
        (factor,) = c.factors
        name = factor.key.split(".")[-1]
        return f"{name}={show(factor.a)}", f"{name}={show(factor.b)}"
    return c.a.label, c.b.label


def title_of(c: Comparison) -> str:
    """B against A, and what both have in common."""
    a, b = (PROPER_NAMES.get(name, name) for name in short_names(c))
    common = {INPUT: (c.b.pose or {}).get("model"), MODEL: f"input {c.b.input_label}"}
    return f"{b} against {a} ({common[c.kind]})" if c.kind in common else f"{b} against {a}"


def question(c: Comparison) -> str:
    """What the comparison asks, in words."""
    inputs, model = c.b.input_label, (c.b.pose or {}).get("model")
    if c.kind == INPUT:
        return f"Is input {inputs} better than pair, for {model}, on this data?"
    if c.kind == MODEL:
        return f"Is {model} better than {(c.a.pose or {}).get('model')}, with input {inputs}, on this data?"
    a, b = short_names(c)
    scope = f", for {model} with input {inputs}" if len(c.factors) == 1 else ""
    return f"Is {b} better than {a}{scope}, on this data?"


def answer(c: Comparison) -> str:
    """Yes, no or not shown, with the scope that the warning leaves."""
    if c.verdict == NOT_SHOWN:
        return "Not shown."
    words = ["Yes, its errors are lower." if c.verdict == BETTER else "No, its errors are higher."]
    if c.warning:
        words.append("But more than this one thing differs (see the warning).")
    if oracles(c):
        words.append("But an oracle picks by the ground truth: an upper bound, not a method.")
    return " ".join(words)


def oracles(c: Comparison) -> list[str]:
    """Labels of the runs that pick by the ground truth."""
    chosen = ("input.name", INTERPOLATED), ("input.selection", ORACLE)
    return [run.label for run in (c.a, c.b) if all(run.option(key) == value for key, value in chosen)]
