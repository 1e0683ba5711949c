"""The picture of the first screen: every setting's errors or scores as a strip, the best one marked."""

import itertools
from collections.abc import Sequence

from hw4.metrics import splat_headline
from hw4.output.blocks import Chart
from hw4.output.distribution import Row, distribution
from hw4.output.paper import plot_rows
from hw4.output.svg import Axis
from hw4.output.tables import Table
from hw4.pose.metrics import error_of
from hw4.report.findings import Findings
from hw4.report.ranking import Ranking
from hw4.report.sections.pose_charts import FAILED_AT, axis_label, error_axis
from hw4.report.statistics.shared_samples import MEANS
from hw4.report.words import alike

MAX_ROWS = 10


def _shown(ranking: Ranking) -> list[list[int]]:
    """A row each, in the order of the settings; where they are many, the best ones, equal ones together."""
    if len(ranking.entries) <= MAX_ROWS:
        return [[i] for i in range(len(ranking.entries))]
    equal = itertools.groupby(ranking.order, lambda i: ranking.entries[i].mean)
    return [list(group) for _, group in equal][:MAX_ROWS]


def _rest(ranking: Ranking) -> str:
    shown, total = sum(map(len, _shown(ranking))), len(ranking.entries)
    return f" The best {shown} of {total} are drawn, equal ones as one." if shown < total else ""


def pose_distribution(findings: Findings, ranking: Ranking | None) -> Chart | None:
    """Errors of every sample in every setting; None where the settings are not ranked."""
    if ranking is None:
        return None
    pose = ranking.entries[0].first.pose
    assert pose is not None
    mode = pose.summary.mode
    rows, data, every = [], [], []
    for equal in _shown(ranking):
        entry = ranking.entries[equal[0]]
        values, tips, hollow = [], [], []
        for run in entry.runs:
            for one in run.pose.samples if run.pose else ():
                error, idx = error_of(one.error, mode), one.sample.idx
                values.append(FAILED_AT if error is None else error)
                tips.append(f"{run.title}, idx {idx}: {'no result' if error is None else f'{error:.2f}°'}")
                hollow.append(error is None)
                data.append([entry.label, run.title, str(idx), "" if error is None else str(error)])
        every += values
        rows.append(_row(ranking, equal, f"{entry.mean:.2f}°", values, tips, hollow))
    axis = error_axis(axis_label(findings.with_pose), every)
    svg = distribution(rows, axis, "Errors of every sample")
    caption = f"One mark a sample; diamond: {MEANS[mode]} with its 95 % interval; thin line: median."
    if any(mark for row in rows for mark in row.hollow):
        caption += f" Hollow at 180°: no result, which counts as {ranking.worst or FAILED_AT:g}°."
    title = f"{axis_label(findings.with_pose).split(' (')[0].capitalize()} of every sample"
    table = Table("", ["setting", "run", "idx", "error_deg"], data)
    return Chart("errors_by_setting", title, svg, table, caption + _rest(ranking), plot_rows(rows, axis))


def splat_distribution(findings: Findings, ranking: Ranking | None) -> Chart | None:
    """The headline metric of every test view in every setting; None where the settings are not ranked."""
    if ranking is None:
        return None
    metric = splat_headline()
    rows, data, every = [], [], []
    for equal in _shown(ranking):
        entry = ranking.entries[equal[0]]
        scores = [
            (run.title, view.name, value)
            for run in entry.runs
            for view in (run.splat.views if run.splat else ())
            if (value := view.scores.get(metric.name)) is not None
        ]
        values = [value for _, _, value in scores]
        tips = [f"{run}, {view}: {metric.said(value)}" for run, view, value in scores]
        every += values
        rows.append(_row(ranking, equal, metric.said(entry.mean), values, tips, ()))
        data += [[entry.label, run, view, str(value)] for run, view, value in scores]
    margin = 0.05 * (max(every) - min(every)) or 1.0
    axis = Axis(metric.title, min(every) - margin, max(every) + margin)
    svg = distribution(rows, axis, f"{metric.label} of every test view")
    caption = "One mark a test view; diamond: mean with its 95 % interval; thin line: median."
    table = Table("", ["setting", "run", "view", metric.name], data)
    title = f"{metric.label} of every test view"
    return Chart("scores_by_setting", title, svg, table, caption + _rest(ranking), plot_rows(rows, axis))


def _row(
    ranking: Ranking,
    equal: Sequence[int],
    said: str,
    values: Sequence[float],
    tips: Sequence[str],
    hollow: Sequence[bool],
) -> Row:
    entry, best = ranking.entries[equal[0]], ranking.tells and equal[0] in ranking.tied
    word = "★ " if best else ""
    label = alike([ranking.entries[i].label for i in equal])
    return Row(label, word + said, values, tips, entry.mean, entry.low, entry.high, hollow, best)
