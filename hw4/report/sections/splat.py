"""The report's section on splatting: scores, changes against the first setting, the same view, curves."""

from collections.abc import Sequence

import numpy as np

from hw4.config.stages import SPLAT
from hw4.core.scale import MISSING
from hw4.metrics import HIGHER, splat_headline, splat_metrics
from hw4.output.blocks import NOTE, WARNING, Section, Text
from hw4.output.tables import Table, number
from hw4.records.configs import differing_settings
from hw4.records.run import Run
from hw4.report.findings import Findings
from hw4.report.sections.splat_curves import splat_curves
from hw4.report.sections.splat_views import missing_view, same_view
from hw4.report.splat_results import Result, distinct_results
from hw4.report.statistics.confounds import factors, is_confounded, show, warning
from hw4.report.words import who

# So many results stand below each other.
MANY = 7


def splat_section(findings: Findings) -> Section | None:
    """Everything about the splat results."""
    if not findings.asks_splat:
        return None
    section = Section("Splatting")
    if not findings.with_splat:
        section.blocks.append(Text("No run here has splat results yet.", NOTE))
        return section
    found = distinct_results(findings.with_splat)
    section.blocks.append(_scores(found))
    first = found[0].first
    for result in found[1:]:
        run = result.first
        names = first.label, run.label
        text = warning(first, run, factors(first, run, SPLAT), "splat scores", names)
        if text:
            others = [other.first for other in found if other is not result]
            clean = [a.label for a in others if len(factors(a, run, SPLAT)) == 1]
            hint = f" One thing differs between {run.label} and {', '.join(clean)}." if clean else ""
            section.blocks.append(Text(text + hint, WARNING))
    if len(found) > 1:
        section.blocks.append(_changes(found))
    gallery = same_view(found, findings.options.view)
    lacking = missing_view(found, findings.options.view)
    if lacking:
        section.blocks.append(Text(lacking, WARNING))
    section.blocks.append(
        gallery or Text("The same view under all settings is missing: no test view has a render.", NOTE)
    )
    section.blocks += splat_curves(found)
    return section


def _scores(results: Sequence[Result]) -> Table:
    """One row per result, first what differs, then the scores as results.json has them."""
    differing, settings = differing_settings([result.first.config for result in results])
    chosen = [k for k in differing if k.startswith(("splat.", "model.", "data."))]
    shared = [k for k in chosen if all(k in own for own in settings)]
    metrics = splat_metrics()
    columns = ["run", *shared, *(row.title if row.is_result else row.label for row in metrics), "Gaussians"]
    columns += ["iterations", "training (s)", "test views"]
    rows: list[list[str]] = []
    notes: list[tuple[str, str]] = []
    for result, own in zip(results, settings, strict=True):
        s, name = result.splat, result.label
        rows.append(
            [
                name,
                *(show(own[key]) for key in shared),
                *(row.scale.text(s.scores[row.name]) for row in metrics),
                f"{s.n_initial} → {s.n_gaussians}",
                str(s.iterations),
                number(s.train_seconds, 1),
                str(len(s.views)),
            ]
        )
        notes += [
            (run.label, f"the same result as {result.first.label}{_reused(run)}") for run in result.runs[1:]
        ]
        notes += [(name, f"{metric} is missing: {reason}") for metric, reason in s.missing.items()]
        notes += [(name, note) for note in s.notes]
        if s.stopped:
            notes.append((name, s.stopped))
        if s.aligned_test_views:
            notes.append((name, "test cameras were optimised before scoring"))
        notes.append((name, f"{s.n_train} training views, initialised from {s.origin}"))
    named = [result.label for result in results]
    table = Table("Scores on the test views", columns, rows, _merged(notes, named))
    return table.transposed() if len(results) < MANY else table


def _reused(run: Run) -> str:
    return ", taken from the cache" if run.splat and run.splat.reused else ", computed again"


def _merged(notes: Sequence[tuple[str, str]], every: Sequence[str]) -> list[str]:
    """Notes that several runs share, once, with the runs' names before them."""
    by_text: dict[str, list[str]] = {}
    for name, text in notes:
        by_text.setdefault(text, []).append(name)
    return [f"{who(names, every)}: {text}" for text, names in by_text.items()]


def _changes(results: Sequence[Result]) -> Table:
    """How the headline metric changes from the first result, view by view."""
    first, metric = results[0], splat_headline()

    def scores(result: Result) -> dict[str, float]:
        values = {view.name: view.scores.get(metric.name) for view in result.splat.views}
        return {name: value for name, value in values.items() if value is not None}

    better = 1 if metric.better == HIGHER else -1
    rows = []
    for result in results[1:]:
        before, after = scores(first), scores(result)
        changes = [after[name] - before[name] for name in before if name in after]
        found = factors(first.first, result.first, SPLAT)
        cells = [MISSING] * 3
        if changes:
            text = metric.scale.change
            cells = [text(float(np.mean(changes))), f"{text(min(changes))} … {text(max(changes))}"]
            cells.append(f"{sum(better * change > 0 for change in changes)} of {len(changes)}")
        what = "; ".join(map(str, found)) or "nothing that the splat stage reads"
        rows.append([result.label, *cells, ("⚠ " if is_confounded(found) else "") + what])
    columns = ["run", f"Δ{metric.title}", "over the views", "views better", "what differs"]
    title = f"Change against {first.label}, on the same test views"
    notes = ["⚠: more than one factor changed"] if any("⚠" in row[-1] for row in rows) else []
    return Table(title, columns, rows, notes)
