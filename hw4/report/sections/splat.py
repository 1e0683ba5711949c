"""The report's section on splatting: scores, changes against the first setting, the same view, curves."""

from collections.abc import Sequence

import numpy as np

from hw4.config.stages import SPLAT
from hw4.output.blocks import NOTE, WARNING, Section, Text
from hw4.output.tables import MISSING, Table, number
from hw4.records.runs import Run
from hw4.records.sweep_table import compare
from hw4.report.findings import Findings
from hw4.report.sections.splat_curves import splat_curves
from hw4.report.sections.splat_views import same_view
from hw4.report.splat_results import Result, distinct_results
from hw4.report.statistics.confounds import factors, is_confounded, show, warning
from hw4.report.words import signed


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
    gallery = same_view(found)
    section.blocks.append(
        gallery or Text("The same view under all settings is missing: no test view has a render.", NOTE)
    )
    section.blocks += splat_curves(found)
    return section


def _scores(results: Sequence[Result]) -> Table:
    """One row per result, first what differs, then the scores as results.json has them."""
    comparison = compare([(result.label, result.first.results) for result in results])
    differing = [k for k in comparison.differing_keys if k.startswith(("splat.", "model.", "data."))]
    shared = [k for k in differing if all(k in row.settings for row in comparison.jobs)]
    columns = ["run", *shared, "PSNR (dB)", "SSIM", "LPIPS", "PSNR before training", "Gaussians"]
    columns += ["iterations", "training (s)", "test views"]
    rows: list[list[str]] = []
    notes: list[tuple[str, str]] = []
    for result, row in zip(results, comparison.jobs, strict=True):
        s, name = result.splat, result.label
        rows.append(
            [
                name,
                *(show(row.settings[key]) for key in shared),
                number(s["psnr"]),
                number(s["ssim"], 4),
                number(s["lpips"], 4),
                number(s["initial_psnr"]),
                f"{s['n_initial']} → {s['n_gaussians']}",
                str(s["iterations"]),
                number(s["train_seconds"], 1),
                str(len(s["views"])),
            ]
        )
        notes += [
            (run.label, f"the same result as {result.first.label}{_reused(run)}") for run in result.runs[1:]
        ]
        notes += [(name, f"{metric} is missing: {reason}") for metric, reason in s["missing"].items()]
        notes += [(name, note) for note in s["notes"]]
        if s["stopped"]:
            notes.append((name, s["stopped"]))
        if s["aligned_test_views"]:
            notes.append((name, "test cameras were optimised before scoring"))
        start = s["init"] if s["init"] == "scene" else f"{s['init']}, weights: {s['weights']}"
        notes.append((name, f"{s['n_train']} training views, initialised from {start}"))
    return Table("Scores on the test views", columns, rows, _merged(notes)).transposed()


def _reused(run: Run) -> str:
    return ", taken from the cache" if (run.splat or {}).get("reused") else ", computed again"


def _merged(notes: Sequence[tuple[str, str]]) -> list[str]:
    """Notes that several runs share, once, with the runs' names before them."""
    by_text: dict[str, list[str]] = {}
    for name, text in notes:
        by_text.setdefault(text, []).append(name)
    between = "; " if any("," in name for name, _ in notes) else ", "
    return [f"{between.join(dict.fromkeys(names))}: {text}" for text, names in by_text.items()]


def _view_psnr(result: Result) -> dict[str, float]:
    return {v["name"]: v["psnr"] for v in result.splat["views"] if v["psnr"] is not None}


def _changes(results: Sequence[Result]) -> Table:
    first = results[0]
    rows = []
    for result in results[1:]:
        before, after = _view_psnr(first), _view_psnr(result)
        gains = [after[name] - before[name] for name in before if name in after]
        found = factors(first.first, result.first, SPLAT)
        cells = [MISSING] * 3
        if gains:
            cells = [signed(float(np.mean(gains)), 2), f"{signed(min(gains), 2)} … {signed(max(gains), 2)}"]
            cells.append(f"{sum(gain > 0 for gain in gains)} of {len(gains)}")
        what = "; ".join(map(str, found)) or "nothing that the splat stage reads"
        rows.append([result.label, *cells, ("⚠ " if is_confounded(found) else "") + what])
    columns = ["run", "ΔPSNR (dB)", "over the views", "views better", "what differs"]
    title = f"Change against {first.label}, on the same test views"
    notes = ["⚠: more than one factor changed"] if any("⚠" in row[-1] for row in rows) else []
    return Table(title, columns, rows, notes)
