"""The report's section on splatting: scores, changes against the first setting, the same view, curves."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from hw4.config.decides import SPLAT
from hw4.output.blocks import NOTE, WARNING, Chart, Gallery, Picture, Section, Text
from hw4.output.svg import Axis, Series, chart
from hw4.output.tables import MISSING, Table, number
from hw4.records.runs import Run
from hw4.records.sweep_table import compare
from hw4.report.sections.pose_charts import drawn_of
from hw4.report.sections.splat_strip import shared_view, view_file
from hw4.report.statistics.confounds import factors, is_confounded, show, warning
from hw4.report.words import signed

MAX_SERIES = 8
LONGEST_EDGE = 800
# Results that agree in these are one result.
SAME = ("psnr", "ssim", "lpips", "initial_psnr", "views", "history", "n_gaussians", "aligned_test_views")
CURVES = (
    ("loss", "loss", "Training loss", True),
    ("psnr_train", "PSNR of the training view (dB)", "PSNR during training", False),
    ("n_gaussians", "Gaussians", "Number of Gaussians", False),
)


@dataclass(frozen=True)
class Result:
    """One splat result and all runs that have it; `label` names them all, `first` stands for them."""

    runs: Sequence[Run]

    @property
    def first(self) -> Run:
        """The run that made it, or the first that took it from the cache."""
        return self.runs[0]

    @property
    def splat(self) -> dict[str, Any]:
        """Content of results.json."""
        return self.first.splat or {}

    @property
    def label(self) -> str:
        """The runs' labels."""
        return " = ".join(run.label for run in self.runs)


def distinct_results(runs: Sequence[Run]) -> list[Result]:
    """Runs with the same scores, views and history together: a cached result would hide its copies."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(json.dumps([(run.splat or {})[key] for key in SAME]), []).append(run)
    return [Result(group) for group in groups.values()]


def splat_section(runs: Sequence[Run], planned: bool) -> Section:
    """Everything about the splat results; `planned` is whether any run was to have one."""
    section = Section("Splatting")
    done = [run for run in runs if run.splat]
    if not done:
        why = "No run here has splat results" + (" yet." if planned else "; none was asked for.")
        section.blocks.append(Text(why, NOTE))
        return section
    found = distinct_results(done)
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


def _shrunk(pixels: np.ndarray) -> bytes:
    image = Image.fromarray(pixels)
    scale = LONGEST_EDGE / max(image.size)
    if scale < 1:
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _pixels(run: Run, view: str, kind: str) -> np.ndarray | None:
    recorded = view_file(run.splat or {"views": []}, view, kind)
    path = None if recorded is None else run.file(recorded)
    if path is None:
        return None
    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except OSError:
        return None


def same_view(results: Sequence[Result]) -> Gallery | None:
    """The photo of one test view and its render under every setting; None where there is no render."""
    with_views = [result for result in results if result.splat["views"]]
    view = shared_view([result.splat for result in with_views])
    if view is None:
        return None
    pictures: list[Picture] = []
    rows: list[list[str]] = []
    for result in with_views:
        render = _pixels(result.first, view, "renders")
        scores: dict[str, Any] = next(v for v in result.splat["views"] if v["name"] == view)
        cells = ["" if scores[k] is None else str(scores[k]) for k in ("psnr", "ssim", "lpips")]
        rows.append([result.label, view, *cells])
        if render is None:
            continue
        strip = None if pictures else _pixels(result.first, view, "strips")
        if strip is not None:
            # A strip is truth, render and error side by side, each as wide as the render.
            truth = _shrunk(strip[:, : render.shape[1]])
            pictures.append(Picture("truth", f"photo {view}", truth))
        label = f"{result.label}: PSNR {number(scores['psnr'])} dB"
        pictures.append(Picture(f"render_{len(rows) - 1}", label, _shrunk(render)))
    if not pictures:
        return None
    data = Table("", ["run", "view", "psnr_db", "ssim", "lpips"], rows)
    caption = f"Test view {view}, which no training saw. PSNR of this view alone."
    return Gallery("splat_same_view", "The same view under all settings", pictures, data, caption)


def splat_curves(results: Sequence[Result]) -> list[Chart]:
    """Loss, training PSNR and number of Gaussians over the iterations, all runs in one drawing each."""
    logged = [result for result in results if result.splat["history"]]
    shown = logged[:MAX_SERIES]
    found = []
    for key, label, title, logarithmic in CURVES:
        series, rows = [], []
        for color, result in enumerate(shown):
            records = [r for r in result.splat["history"] if r.get(key) is not None]
            steps, values = [float(r["step"]) for r in records], [float(r[key]) for r in records]
            series.append(Series(result.label, steps, values, line=True, color=color))
            rows += [[result.label, f"{s:g}", str(v)] for s, v in zip(steps, values, strict=True)]
        if not rows:
            continue
        values = [value for item in series for value in item.y]
        steps = [step for item in series for step in item.x]
        low, high = _range(values, logarithmic, from_zero=key == "n_gaussians")
        svg = chart(
            series,
            Axis("iteration", 0, max(steps)),
            Axis(label, low, high, log=logarithmic),
            f"{title} over the iterations",
        )
        data = Table("", ["run", "iteration", key], rows)
        found.append(Chart(f"splat_{key}", title, svg, data, drawn_of(len(shown), len(logged)).strip()))
    return found


def _range(values: Sequence[float], logarithmic: bool, from_zero: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if logarithmic and low > 0:
        return low / 1.1, high * 1.1
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return (0.0 if from_zero else low - margin), high + margin
