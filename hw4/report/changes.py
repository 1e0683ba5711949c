"""What changed between two runs, and what their comparison does not show, in sentences made of numbers."""

from collections.abc import Sequence

import numpy as np

from hw4.core.protocols import HOMEWORK
from hw4.metrics import label_of, pose_headline, scale_of
from hw4.pose.results import PoseResult
from hw4.report.questions import short_names
from hw4.report.statistics.comparisons import Comparison
from hw4.report.statistics.paired import TIE_DEG
from hw4.report.statistics.pairing import INPUT, model_of
from hw4.report.statistics.shared_samples import paired_errors
from hw4.report.words import counted

# What `hw4.pose.results.Prediction.diagnoses` calls the frames between the photos.
FRAMES = "sequence"


def change_words(name: str, a: float, b: float) -> str:
    """A metric under both runs and its change, which is computed and never typed."""
    scale = scale_of(name)
    return f"{label_of(name)} {scale.text(a)} → {scale.text(b)} ({scale.change(b - a)})"


def what_changed(c: Comparison) -> str:
    """Every metric's change, and in how many samples the tested error fell and rose; empty without any."""
    deltas = c.changes.deltas
    if not deltas:
        return ""
    moved = [change_words(name, d.a, d.b) for name, d in deltas.items() if d.delta]
    same = [f"{label_of(name)} ({scale_of(name).text(d.a)})" for name, d in deltas.items() if not d.delta]
    a, b = short_names(c)
    parts = [f"From {a} to {b}: {', '.join(moved) or 'no metric changes'}."]
    if moved and same:
        parts.append(f"Unchanged: {', '.join(same)}.")
    errors = paired_errors(c.pairs, c.mode)
    change = errors.b - errors.a
    lower, higher = int((change < -TIE_DEG).sum()), int((change > TIE_DEG).sum())
    ties = len(change) - lower - higher
    equal = f", equal in {ties}" if ties else ""
    parts.append(f"The error is lower in {counted(lower, 'sample')} and higher in {higher}{equal}.")
    return " ".join(parts)


def what_it_does_not_show(c: Comparison) -> str:
    """What stands between the numbers and a conclusion: composition, views, frames, and the scope."""
    parts = [_relative(c)]
    if c.kind == INPUT:
        parts += [_views(c), _fades(c)]
    parts.append(_scope(c))
    return " ".join(part for part in parts if part)


def _relative(c: Comparison) -> str:
    both = _poses(c)
    if HOMEWORK not in {pose.summary.protocol for poses in both for pose in poses}:
        return ""
    text = "The homework's protocol depends on the world frame of the cameras"
    a, b = map(_mean, both)
    if a is None or b is None:
        return f"{text}."
    change = change_words(pose_headline().name, a, b)
    return f"{text}; by relative poses, over all samples of each run: {change}."


def _mean(poses: Sequence[PoseResult]) -> float | None:
    """The headline of the relative poses, over all runs; None where one lacks it."""
    found = [pose.relative.metrics.get(pose_headline().name) for pose in poses if pose.relative is not None]
    values = [measured.value for measured in found if measured is not None and measured.value is not None]
    return float(np.mean(values)) if len(values) == len(poses) else None


def _views(c: Comparison) -> str:
    """The second run has more photos as well as other ones."""
    a, b = (sorted({one.n_views for pose in poses for one in pose.samples}) for poses in _poses(c))
    if not a or a == b:
        return ""
    return (
        f"The model sees {_span(b)} views in the place of {_span(a)}: whether it is what the frames show or "
        "that there are more of them, and their alignment, this comparison cannot tell."
    )


def _fades(c: Comparison) -> str:
    interpolated = [one for pose in _poses(c)[1] for one in pose.samples]
    fading = sum(FRAMES in one.prediction.diagnoses for one in interpolated)
    if not fading:
        return ""
    return (
        f"In {fading} of {len(interpolated)} samples the frames are diagnosed (see the failures "
        "section): where they only fade between the photos, no change is owed to a view between them."
    )


def _scope(c: Comparison) -> str:
    frames = f" and frames of {c.b.option('data.generator')}" if c.kind == INPUT else ""
    return (
        f"It is about {model_of(c.b)}{frames} on these {counted(c.n_shared, 'pair')}: other models, "
        "generators and scenes may differ."
    )


def _poses(c: Comparison) -> tuple[list[PoseResult], list[PoseResult]]:
    """The results of A's and of B's runs."""
    first, second = (list({id(run): run for run in runs}.values()) for runs in zip(*c.runs, strict=True))
    return [run.pose for run in first if run.pose], [run.pose for run in second if run.pose]


def _span(counts: list[int]) -> str:
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
