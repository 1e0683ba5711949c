"""The report's section on splatting: scores, changes against the first setting, the same view, curves."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hw4.report.blocks import NOTE, WARNING, Chart, Gallery, Picture, Section, Text
from hw4.report.compare import compare
from hw4.report.confounds import factors, is_confounded, show, warning
from hw4.report.pose_charts import drawn_of
from hw4.report.runs import Run
from hw4.report.splat_strip import common_view
from hw4.report.svg import Axis, Series, chart
from hw4.report.tables import MISSING, Table, number
from hw4.report.words import signed
from hw4.stages import SPLAT

MAX_SERIES = 8
LONGEST_EDGE = 800
CURVES = (
    ("loss", "loss", "Training loss", True),
    ("psnr_train", "PSNR of the training view (dB)", "PSNR during training", False),
    ("n_gaussians", "Gaussians", "Number of Gaussians", False),
)


def splat_section(runs: Sequence[Run], planned: bool) -> Section:
    """Everything about the splat results; `planned` is whether any run was to have one."""
    section = Section("Splatting")
    done = [run for run in runs if run.splat]
    if not done:
        why = "No run here has splat results" + (" yet." if planned else "; none was asked for.")
        section.blocks.append(Text(why, NOTE))
        return section
    section.blocks.append(_scores(done))
    for run in done[1:]:
        text = warning(done[0], run, factors(done[0], run, SPLAT), "splat scores")
        if text:
            clean = [a.title for a in done if a is not run and len(factors(a, run, SPLAT)) == 1]
            hint = f" One thing differs between {run.title} and {', '.join(clean)}." if clean else ""
            section.blocks.append(Text(text + hint, WARNING))
    if len(done) > 1:
        section.blocks.append(_changes(done))
    gallery = same_view(done)
    section.blocks.append(
        gallery or Text("The same view under all settings is missing: no test view has a render.", NOTE)
    )
    section.blocks += splat_curves(done)
    return section


def _scores(runs: Sequence[Run]) -> Table:
    """One row per run, first what differs, then the scores as results.json has them."""
    comparison = compare([(run.name, run.results) for run in runs])
    differing = [k for k in comparison.differing_keys if k.startswith(("splat.", "model.", "data."))]
    shared = [k for k in differing if all(k in row.settings for row in comparison.jobs)]
    columns = ["run", *shared, "PSNR (dB)", "SSIM", "LPIPS", "PSNR before training", "Gaussians"]
    columns += ["iterations", "training (s)", "test views"]
    rows, notes = [], []
    for run, row in zip(runs, comparison.jobs, strict=True):
        s = run.splat or {}
        rows.append(
            [
                run.title,
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
        name = run.title
        notes += [f"{name}: {metric} is missing: {reason}" for metric, reason in s["missing"].items()]
        notes += [f"{name}: {note}" for note in s["notes"]]
        if s["stopped"]:
            notes.append(f"{name}: {s['stopped']}")
        if s["aligned_test_views"]:
            notes.append(f"{name}: test cameras were optimised before scoring")
        start = s["init"] if s["init"] == "scene" else f"{s['init']}, weights: {s['weights']}"
        notes.append(f"{name}: {s['n_train']} training views, initialised from {start}")
    return Table("Scores on the test views", columns, rows, _merged(notes)).transposed()


def _merged(notes: Sequence[str]) -> list[str]:
    """Notes that several runs share, once, with the runs' names before them."""
    by_text: dict[str, list[str]] = {}
    for note in notes:
        name, text = note.split(": ", 1)
        by_text.setdefault(text, []).append(name)
    return [f"{', '.join(dict.fromkeys(names))}: {text}" for text, names in by_text.items()]


def _view_psnr(run: Run) -> dict[str, float]:
    return {v["name"]: v["psnr"] for v in (run.splat or {})["views"] if v["psnr"] is not None}


def _changes(runs: Sequence[Run]) -> Table:
    first = runs[0]
    rows = []
    for run in runs[1:]:
        before, after = _view_psnr(first), _view_psnr(run)
        gains = [after[name] - before[name] for name in before if name in after]
        found = factors(first, run, SPLAT)
        cells = [MISSING] * 3
        if gains:
            cells = [signed(float(np.mean(gains)), 2), f"{signed(min(gains), 2)} … {signed(max(gains), 2)}"]
            cells.append(f"{sum(gain > 0 for gain in gains)} of {len(gains)}")
        what = "; ".join(map(str, found)) or "nothing that the splat stage reads"
        rows.append([run.title, *cells, ("⚠ " if is_confounded(found) else "") + what])
    columns = ["run", "ΔPSNR (dB)", "over the views", "views better", "what differs"]
    title = f"Change against {first.title}, on the same test views"
    return Table(title, columns, rows, ["⚠: more than one factor changed"])


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
    for recorded in (run.splat or {}).get("files", {}).get(kind, []):
        path = run.file(recorded)
        if Path(recorded).stem == view and path is not None:
            try:
                with Image.open(path) as image:
                    return np.array(image.convert("RGB"))
            except OSError:
                return None
    return None


def same_view(runs: Sequence[Run]) -> Gallery | None:
    """The photo of one test view and its render under every setting; None where there is no render."""
    with_views = [run for run in runs if (run.splat or {})["views"]]
    view = common_view([run.splat or {} for run in with_views])
    if view is None:
        return None
    pictures: list[Picture] = []
    rows: list[list[str]] = []
    for run in with_views:
        render = _pixels(run, view, "renders")
        scores: dict[str, Any] = next(v for v in (run.splat or {})["views"] if Path(v["name"]).stem == view)
        cells = ["" if scores[k] is None else str(scores[k]) for k in ("psnr", "ssim", "lpips")]
        rows.append([run.title, view, *cells])
        if render is None:
            continue
        strip = None if pictures else _pixels(run, view, "strips")
        if strip is not None:
            # A strip is truth, render and error side by side, each as wide as the render.
            truth = _shrunk(strip[:, : render.shape[1]])
            pictures.append(Picture("truth", f"photo {view}", truth))
        label = f"{run.title}: PSNR {number(scores['psnr'])} dB"
        pictures.append(Picture(f"render_{len(rows) - 1}", label, _shrunk(render)))
    if not pictures:
        return None
    data = Table("", ["run", "view", "psnr_db", "ssim", "lpips"], rows)
    caption = f"Test view {view}, which no training saw. PSNR of this view alone."
    return Gallery("splat_same_view", "The same view under all settings", pictures, data, caption)


def splat_curves(runs: Sequence[Run]) -> list[Chart]:
    """Loss, training PSNR and number of Gaussians over the iterations, all runs in one drawing each."""
    logged = [run for run in runs if (run.splat or {})["history"]]
    shown = logged[:MAX_SERIES]
    found = []
    for key, label, title, logarithmic in CURVES:
        series, rows = [], []
        for color, run in enumerate(shown):
            records = [r for r in (run.splat or {})["history"] if r.get(key) is not None]
            steps, values = [float(r["step"]) for r in records], [float(r[key]) for r in records]
            series.append(Series(run.title, steps, values, line=True, color=color))
            rows += [[run.title, f"{s:g}", str(v)] for s, v in zip(steps, values, strict=True)]
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
