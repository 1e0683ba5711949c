"""The table of the first screen: a row for each setting, by the values that tell it from the others."""

from collections.abc import Callable, Sequence

import numpy as np

from hw4.core.scale import DEGREES, MISSING
from hw4.metrics import Metric, PoseMetric, SplatMetric, table
from hw4.output.tables import Table
from hw4.records.files import OK
from hw4.records.labels import settings as differing
from hw4.records.labels import short
from hw4.records.run import Run
from hw4.report.findings import Findings
from hw4.report.ranking import Ranking, Settings
from hw4.report.statistics.shared_samples import MEANS

# More keys than this would leave no room for the numbers.
MAX_KEYS = 4
BEST = "★ "
BELOW = 15


def settings_table(findings: Findings, poses: Ranking | None, splats: Ranking | None) -> Table:
    """What each setting came to; the best of the ranked columns is marked."""
    settings = findings.settings
    columns = _named(settings, findings)
    if any(run.status != OK for run in findings.runs):
        columns["status"] = [", ".join(dict.fromkeys(run.status for run in runs)) for _, runs in settings]
    with_pose = [run for run in findings.with_pose if run.pose]
    if with_pose:
        columns["valid"] = _each(settings, lambda run: _count(run, "valid"))
        columns[f"below {BELOW}°"] = _each(settings, lambda run: _count(run, "below"))
    if poses is not None and poses.worst is not None:
        columns |= _ranked(settings, poses, findings)
    for row in _listed(findings):
        values = [_cell(row, runs) for _, runs in settings]
        ranked = splats if isinstance(row, SplatMetric) else poses if poses and not poses.worst else None
        if row.is_headline and ranked is not None:
            values = _marked(settings, values, ranked)
        columns[row.title] = values
    notes = []
    if any(len(runs) > 1 for _, runs in settings):
        notes.append("mean ± standard deviation over the seeds")
    if any("[" in cell for cells in columns.values() for cell in cells):
        notes.append("brackets: 95 % intervals over the samples")
    if any(cell.startswith(BEST) for cells in columns.values() for cell in cells):
        notes.append(f"{BEST.strip()}: the best one")
    if any(run.partial for run in findings.runs):
        notes.append("(partial): from the samples that reached the disk; not ranked")
    rows = list(zip(*columns.values(), strict=True))
    return Table("Settings" if len(settings) > 1 else "Result", list(columns), rows, notes)


def _named(settings: Settings, findings: Findings) -> dict[str, list[str]]:
    """The values that tell the settings apart, a column a key; one column of labels where they are named."""
    firsts = [runs[0] for _, runs in settings]
    keys, values = differing(firsts, left_out=findings.is_seed)
    rows = [tuple(own.get(key, MISSING) for key in keys) for own in values]
    if (
        not keys
        or len(keys) > MAX_KEYS
        or len(set(rows)) < len(rows)
        or any(r.option("name") for r in firsts)
    ):
        return {"setting": [label for label, _ in settings]}
    ends = short(keys)
    named = {ends[key]: [row[i] for row in rows] for i, key in enumerate(keys)}
    if "input" in named:
        named["input"] = [run.input_label for run in firsts]
    return named


def _listed(findings: Findings) -> list[Metric]:
    rows = [row for row in table().values() if row.is_listed]
    used = [row for row in rows if any(run.value(row) is not None for run in findings.runs)]
    return sorted(used, key=lambda row: not isinstance(row, PoseMetric))


def _each(settings: Settings, words: Callable[[Run], str]) -> list[str]:
    return [", ".join(dict.fromkeys(words(run) for run in runs)) for _, runs in settings]


def _count(run: Run, what: str) -> str:
    if run.pose is None:
        return MISSING
    summary = run.pose.summary
    count = summary.n_valid if what == "valid" else summary.n_below.get(BELOW)
    return MISSING if count is None else f"{count}/{summary.n_total}"


def _cell(row: Metric, runs: Sequence[Run]) -> str:
    values = [value for run in runs if (value := run.value(row)) is not None]
    if not values:
        return MISSING
    text = row.scale.text(float(np.mean(values)))
    if len(runs) > 1:
        if len(values) > 1:
            text += f" ± {row.scale.factor * float(np.std(values, ddof=1)):.{row.scale.digits}f}"
        return text + (f" ({len(values)} of {len(runs)})" if len(values) < len(runs) else "")
    pose = runs[0].pose
    measured = pose.summary.metrics.get(row.name) if pose and isinstance(row, PoseMetric) else None
    if row.scale == DEGREES and measured and measured.low is not None and measured.high is not None:
        text += f" [{row.scale.short(measured.low)}, {row.scale.short(measured.high)}]"
    return text + (" (partial)" if runs[0].partial else "")


def _ranked(settings: Settings, ranking: Ranking, findings: Findings) -> dict[str, list[str]]:
    """The mean that settings are ranked by, where failures count in it."""
    pose = ranking.entries[0].first.pose
    assert pose is not None
    means = {entry.label: entry for entry in ranking.entries}
    cells = []
    for label, _ in settings:
        entry = means.get(label)
        if entry is None:
            cells.append(MISSING)
        else:
            text = DEGREES.text(entry.mean)
            ends = (entry.low, entry.high)
            within = "" if None in ends else f" [{', '.join(DEGREES.short(e or 0.0) for e in ends)}]"
            cells.append(text + within)
    name = f"{MEANS[pose.summary.mode]}, failures as {ranking.worst:g}°"
    return {name: _marked(settings, cells, ranking)}


def _marked(settings: Settings, cells: Sequence[str], ranking: Ranking) -> list[str]:
    if not ranking.tells:
        return list(cells)
    stars = {run.name for i in ranking.tied for run in ranking.entries[i].also}
    return [
        BEST + cell if any(run.name in stars for run in runs) else cell
        for (_, runs), cell in zip(settings, cells, strict=True)
    ]
