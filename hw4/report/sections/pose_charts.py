"""The report's section of drawings of pose errors, each with its numbers."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from hw4.metrics import ACC_THRESHOLDS, LARGER, ROTATION, TRANSLATION
from hw4.models.registry import headline_models
from hw4.output.blocks import NOTE, Chart, Section, Text
from hw4.output.paper import plot_series
from hw4.output.svg import Axis, Series, chart, drawn_of
from hw4.output.tables import Table
from hw4.pose.metrics import FAILURE_ERROR_DEG, error_of
from hw4.pose.results import SampleResult
from hw4.records.run import Run
from hw4.report.findings import Findings
from hw4.report.questions import short_names, title_of
from hw4.report.statistics.comparisons import Comparison
from hw4.report.statistics.pairing import SETTING

MAX_SERIES = 8
MAX_SCATTERS = 24
ERROR_LOW, ERROR_HIGH = 0.1, FAILURE_ERROR_DEG
# Where a sample without a result is drawn: the largest error there is.
FAILED_AT = ERROR_HIGH
GUIDES = tuple(map(float, ACC_THRESHOLDS))


def charts_section(findings: Findings) -> Section | None:
    """Errors of every sample: their distribution, over the true yaw, and in one run against another."""
    if not findings.asks_pose:
        return None
    section = Section("Pose: samples")
    with_pose = findings.with_pose
    found = [error_curves(with_pose), yaw_chart(with_pose)]
    shown = [c for c in findings.comparisons if c.kind != SETTING][:MAX_SCATTERS]
    found += [scatter(c, number) for number, c in enumerate(shown)]
    section.blocks += [item for item in found if item is not None]
    if not section.blocks:
        section.blocks.append(Text("No sample has a record.", NOTE))
    models = sorted({run.pose.model for run in with_pose if run.pose})
    wanted = headline_models()
    if not {spec.name for spec in wanted} <= set(models):
        here = ", ".join(models) or "no model"
        asked = " against ".join(spec.title for spec in wanted)
        section.blocks.append(Text(f"{asked} is missing: results here are of {here}.", NOTE))
    return section


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _errors(run: Run) -> list[tuple[SampleResult, float | None]]:
    """Every sample and its error under the run's mode."""
    if run.pose is None:
        return []
    return [(one, error_of(one.error, run.pose.summary.mode)) for one in run.pose.samples]


def error_axis(label: str, errors: Sequence[float | None]) -> Axis:
    """Logarithmic, from the decade of the smallest error (at most 0.1, at least 0.001 degrees) to 180."""
    smallest = min((e for e in errors if e), default=ERROR_LOW)
    low = 10.0 ** math.floor(math.log10(min(max(smallest, 1e-3), ERROR_LOW)))
    return Axis(label, low, ERROR_HIGH, log=True)


def axis_label(runs: Sequence[Run]) -> str:
    """Which error is drawn, with its unit."""
    modes = {run.pose.summary.mode for run in runs if run.pose}
    names = {ROTATION: "rotation error", TRANSLATION: "translation error", LARGER: "larger of both errors"}
    return f"{names[modes.pop()] if len(modes) == 1 else 'error'} (°)"


def error_curves(runs: Sequence[Run]) -> Chart | None:
    """Share of samples below each error, failures never; None without results."""
    solved = [run for run in runs if any(e is not None for _, e in _errors(run))]
    shown = solved[:MAX_SERIES]
    if not shown:
        return None
    axis = error_axis(axis_label(shown), [e for run in shown for _, e in _errors(run)])
    series, rows = [], []
    for color, run in enumerate(shown):
        pairs = sorted((e, s.sample.idx) for s, e in _errors(run) if e is not None)
        total = len(_errors(run))
        shares = [(i + 1) / total for i in range(len(pairs))]
        errors = [e for e, _ in pairs]
        x, y = [axis.low, *errors, ERROR_HIGH], [0, *shares, shares[-1]]
        series.append(Series(run.label, x, y, line=True, step=True, color=color))
        rows += [[run.label, str(i), str(e), str(share)] for (e, i), share in zip(pairs, shares, strict=True)]
    share = Axis("share of all samples", 0, 1)
    svg = chart(series, axis, share, "Share of samples below each error", guides=GUIDES)
    plot = plot_series(series, axis, share, guides=GUIDES)
    data = Table("", ["run", "idx", "error_deg", "share_of_all"], rows)
    caption = "Higher and further left is better. Failed samples never count as solved. "
    caption += f"Vertical lines: {', '.join(f'{limit}°' for limit in ACC_THRESHOLDS)}."
    caption += drawn_of(len(shown), len(solved))
    return Chart("error_distribution", "Share of samples below each error", svg, data, caption, plot)


def yaw_chart(runs: Sequence[Run]) -> Chart | None:
    """Error against the true yaw between the photos; the rotation angle where runs did not record the yaw."""
    recorded = [run for run in runs if _errors(run)]
    shown = recorded[:MAX_SERIES]
    samples = [sample for run in shown for sample, _ in _errors(run)]
    has_yaw = bool(samples) and all(
        s.true_yaw_deg is not None for s in samples if s.true_angle_deg is not None
    )
    key, name = ("true_yaw_deg", "yaw") if has_yaw else ("true_angle_deg", "rotation angle")
    series, rows = [], []
    for color, run in enumerate(shown):
        turns = [(getattr(s, key), e, s.sample.idx) for s, e in _errors(run)]
        known = [(abs(turn), e, i) for turn, e, i in turns if turn is not None]
        tips = [
            f"{run.label}, idx {i}: " + (f"{e:.2f}° at {x:.1f}°" if e is not None else f"failed, {x:.1f}°")
            for x, e, i in known
        ]
        series.append(
            Series(
                run.label,
                [x for x, _, _ in known],
                [FAILED_AT if e is None else e for _, e, _ in known],
                tips=tips,
                hollow=[e is None for _, e, _ in known],
                color=color,
            )
        )
        rows += [[run.label, str(i), str(x), _cell(e)] for x, e, i in known]
    if not rows:
        return None
    widest = max(float(row[2]) for row in rows)
    turn = Axis(f"true {name} between the photos (°)", 0, max(10.0, 10 * np.ceil(widest / 10)))
    wrong = error_axis(axis_label(shown), [e for run in shown for _, e in _errors(run)])
    svg = chart(series, turn, wrong, f"Error against true {name}")
    data = Table("", ["run", "idx", f"abs_{key}", "error_deg"], rows)
    caption = "Hollow marks at the top edge: samples without a result."
    caption += drawn_of(len(shown), len(recorded))
    title = f"Error against true {name}"
    plot = plot_series(series, turn, wrong)
    return Chart(f"error_against_{name.replace(' ', '_')}", title, svg, data, caption, plot)


def scatter(c: Comparison, number: int) -> Chart | None:
    """One comparison sample by sample; None if the runs share no sample."""
    if not c.pairs:
        return None
    a, b = short_names(c)
    errors = [(error_of(x.error, c.mode), error_of(y.error, c.mode), x.sample.idx) for x, y, _ in c.pairs]
    tips = [
        f"idx {i}: {a} {'failed' if x is None else f'{x:.2f}°'}, {b} {'failed' if y is None else f'{y:.2f}°'}"
        for x, y, i in errors
    ]
    series = Series(
        "",
        [FAILED_AT if x is None else x for x, _, _ in errors],
        [FAILED_AT if y is None else y for _, y, _ in errors],
        tips=tips,
        hollow=[x is None or y is None for x, y, _ in errors],
        color=number % 4,
    )
    axis, every = axis_label([c.a]), [e for x, y, _ in errors for e in (x, y)]
    x, y = error_axis(f"{a}: {axis}", every), error_axis(f"{b}: {axis}", every)
    svg = chart([series], x, y, f"{b} against {a}, one mark per sample", diagonal=True)
    plot = plot_series([series], x, y, diagonal=True)
    title = f"{title_of(c)}, per sample"
    data = Table(
        "",
        ["idx", f"{c.a.label} error_deg", f"{c.b.label} error_deg"],
        [[str(i), _cell(x), _cell(y)] for x, y, i in errors],
    )
    caption = f"Below the dashed line {b} is better. Hollow: no result in one run, drawn at 180°."
    name = f"scatter_{number}_{c.kind}_{_slug(a)}_{_slug(b)}"
    return Chart(name, title, svg, data, caption, plot)


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_")
