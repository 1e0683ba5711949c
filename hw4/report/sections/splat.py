"""The report's section on splatting: scores, changes against the first setting, the same view, curves."""

from collections.abc import Sequence

import numpy as np

from hw4.config.stages import SPLAT
from hw4.core.scale import MISSING, Scale
from hw4.metrics import HIGHER, splat_headline, splat_metrics
from hw4.output.blocks import NOTE, WARNING, Section, Text
from hw4.output.tables import Table
from hw4.records.configs import differing_settings
from hw4.records.run import Run
from hw4.records.settings import Spread
from hw4.report.findings import Findings
from hw4.report.sections.splat_curves import splat_curves
from hw4.report.sections.splat_views import missing_view, same_view
from hw4.report.splat_results import Result, distinct_results
from hw4.report.statistics.by_seed import factors_between, runs_by_seed
from hw4.report.statistics.confounds import is_confounded, show, warning
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
    found = distinct_results(findings.splat_settings)
    section.blocks.append(_scores(found))
    first = found[0]
    for result in found[1:]:
        names, differing = (first.label, result.label), factors_between(first.setting, result.setting, SPLAT)
        text = warning(first.setting.run, result.setting.run, differing, "splat scores", names)
        if text:
            others = [other for other in found if other is not result]
            clean = [a.label for a in others if len(factors_between(a.setting, result.setting, SPLAT)) == 1]
            hint = f" One thing differs between {result.label} and {', '.join(clean)}." if clean else ""
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
    """One row per result, first what differs, then the scores; of several seeds their mean and spread."""
    differing, settings = differing_settings([result.first.config for result in results])
    chosen = [k for k in differing if k.startswith(("splat.", "model.", "data."))]
    shared = [k for k in chosen if all(k in own for own in settings)]
    repeated = any(result.setting.is_repeated for result in results)
    metrics = splat_metrics()
    columns = ["run", *(["seeds"] if repeated else []), *shared]
    columns += [row.title if row.is_result else row.label for row in metrics]
    columns += ["Gaussians", "iterations", "training (s)", "test views"]
    rows = [
        [
            result.label,
            *([str(len(result.setting.runs))] if repeated else []),
            *(show(own[key]) for key in shared),
            *(result.setting.spread(row).text(row.scale) for row in metrics),
            *_training(result),
        ]
        for result, own in zip(results, settings, strict=True)
    ]
    notes = [note for result in results for note in _notes(result)]
    named = [result.label for result in results]
    texts = _merged(notes, named)
    texts += ["mean ± standard deviation over the seeds; curves and pictures are of the first"] * repeated
    table = Table("Scores on the test views", columns, rows, texts)
    return table.transposed() if len(results) < MANY else table


def _training(result: Result) -> list[str]:
    """Gaussians, iterations, seconds and test views."""
    s, runs = result.splat, result.setting.runs
    counts = Spread(tuple(float(run.splat.n_gaussians) for run in runs if run.splat))
    seconds = Spread(tuple(run.splat.train_seconds for run in runs if run.splat))
    after = counts.text(Scale(0, 0))
    return [f"{s.n_initial} → {after}", str(s.iterations), seconds.text(Scale(1, 1)), str(len(s.views))]


def _notes(result: Result) -> list[tuple[str, str]]:
    """What is to be said of a result, of whom."""
    name, first = result.label, result.setting.run.title
    notes = [
        (other.run.title, f"the same result as {first}{_reused(other.runs[0])}")
        for other in result.settings[1:]
    ]
    for s in (run.splat for run in result.setting.runs if run.splat):
        notes += [(name, f"{metric} is missing: {reason}") for metric, reason in s.missing.items()]
        notes += [(name, note) for note in s.notes]
        if s.stopped:
            notes.append((name, s.stopped))
        if s.aligned_test_views:
            notes.append((name, "test cameras were optimised before scoring"))
        notes.append((name, f"{s.n_train} training views, initialised from {s.origin}"))
    return notes


def _reused(run: Run) -> str:
    return ", taken from the cache" if run.splat and run.splat.reused else ", computed again"


def _merged(notes: Sequence[tuple[str, str]], every: Sequence[str]) -> list[str]:
    """Notes that several runs share, once, with the runs' names before them."""
    by_text: dict[str, list[str]] = {}
    for name, text in notes:
        by_text.setdefault(text, []).append(name)
    return [f"{who(names, every)}: {text}" for text, names in by_text.items()]


def _changes(results: Sequence[Result]) -> Table:
    """How the headline metric changes from the first result, view by view, under equal seeds."""
    first, metric = results[0], splat_headline()

    def scores(run: Run) -> dict[str, float]:
        values = {view.name: view.scores.get(metric.name) for view in (run.splat.views if run.splat else ())}
        return {name: value for name, value in values.items() if value is not None}

    better = 1 if metric.better == HIGHER else -1
    rows = []
    for result in results[1:]:
        both = [(scores(a), scores(b)) for a, b in runs_by_seed(first.setting, result.setting)]
        by_view: dict[str, list[float]] = {}
        for before, after in both:
            for name in (name for name in before if name in after):
                by_view.setdefault(name, []).append(after[name] - before[name])
        changes = [float(np.mean(values)) for values in by_view.values()]
        found = factors_between(first.setting, result.setting, SPLAT)
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
