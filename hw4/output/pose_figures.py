"""Figures of the pose stage, drawn without a display."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hw4.core.errors import UserError
from hw4.core.fingerprint import file_digests
from hw4.data.photos import open_upright, spread
from hw4.metrics import AREA, AUC_THRESHOLDS
from hw4.output.figures import side_by_side
from hw4.pose.metrics import usable_errors
from hw4.pose.results import PoseResult, SampleResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (8.0, 3.4)
# Where the logarithmic axis begins: at 0.1 degrees, or lower where errors are.
LOWEST_DEG, LEAST_DEG = 0.1, 0.001
# Of a sample, in the figure of the best and worst.
MAX_FRAMES = 6


def headline_errors(result: PoseResult) -> np.ndarray:
    """Errors (degrees) of the summary's mode, as its ``Acc`` and ``AUC`` count them."""
    errors = [sample.error for sample in result.samples]
    summary = result.summary
    return usable_errors(errors, summary.mode, summary.failures, summary.fold_translation)


def cdf_shows(result: PoseResult, title: str) -> list[Any]:
    """What `error_cdf` shows, for `hw4.output.kept_figures`."""
    return [title, result.summary.mode, headline_errors(result)]


def error_cdf(result: PoseResult, title: str) -> "Figure | None":
    """Share of samples below each error: all of them, and the area that `hw4.metrics.AREA` is.

    The first panel's axis is logarithmic, from 0.1 degrees (or the decade of the least error, down to 0.001)
    to 180; the second one's ends where the area does. None without errors.
    """
    errors = np.sort(headline_errors(result))
    if not len(errors):
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE)
    # Margins by hand: a layout engine takes as long as all the rest.
    margins = {"left": 0.08, "right": 0.985, "bottom": 0.14, "top": 0.9, "wspace": 0.06}
    every, near = figure.subplots(1, 2, sharey=True, gridspec_kw=margins)
    share = np.arange(1, len(errors) + 1) / len(errors)
    low = 10.0 ** np.floor(np.log10(np.clip(errors[0], LEAST_DEG, LOWEST_DEG)))
    for axes, start in ((every, low), (near, 0.0)):
        axes.step([start, *errors, 180], [0, *share, 1], where="post", color="C0", label="share of samples")
    steps = np.arange(1, AUC_THRESHOLDS[0] + 1)
    heights = [(errors < t).mean() for t in steps]
    area = f"{AREA.label} = {AREA.scale.text(float(AREA.statistic(errors)))}"
    near.bar(steps - 0.5, heights, width=1.0, color="C0", alpha=0.25, label=area)
    every.set_xscale("log")
    every.set(xlim=(low, 180), ylim=(0, 1.02), ylabel="share of samples")
    ticks = [tick for tick in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0) if tick >= low]
    every.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    every.minorticks_off()
    near.set(xlim=(0, AUC_THRESHOLDS[0]))
    near.legend(loc="lower right")
    for axes in (every, near):
        axes.set_xlabel(f"error, mode {result.summary.mode} (degrees)")
        axes.grid(alpha=0.3)
    if title:
        figure.suptitle(title, fontsize="medium")
    return figure


def _thumbnail(path: Path, height: int = 110) -> np.ndarray:
    try:
        photo = open_upright(path).convert("RGB")
    except UserError:
        # Scores do not need the photos; a grey square stands for one that cannot be shown.
        return np.full((height, height, 3), 200, np.uint8)
    return np.asarray(photo.resize((max(1, round(photo.width * height / photo.height)), height)))


def extreme_samples(result: PoseResult, count: int = 3) -> list[tuple[str, SampleResult]]:
    """The best and worst samples by rotation error, labelled; each sample once."""
    known = [s for s in result.samples if s.error.rotation_deg is not None]
    ordered = sorted(known, key=lambda s: s.error.rotation_deg or 0.0)
    best = ordered[:count]
    worst = ordered[len(best) :][::-1][:count]
    return [("best", s) for s in best] + [("worst", s) for s in worst]


def extremes_show(result: PoseResult, title: str) -> list[Any]:
    """What `extremes_figure` shows, for `hw4.output.kept_figures`."""
    rows: list[Any] = [title]
    for label, one in extreme_samples(result):
        photos = list(file_digests(_frames(one)).values())
        n_views = len(one.sample.image_paths)
        rows.append([label, one.sample.idx, one.error.rotation_deg, one.true_angle_deg, n_views, photos])
    return rows


def _frames(sample: SampleResult) -> list[Path]:
    paths = sample.sample.image_paths
    return [paths[view] for view in spread(len(paths), MAX_FRAMES)]


def extremes_figure(result: PoseResult, title: str) -> "Figure | None":
    """The best and worst samples with their frames; None if no sample has a result."""
    chosen = extreme_samples(result)
    if not chosen:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.5 * len(chosen)))
    top = 1 - 0.45 / (1.5 * len(chosen))
    margins = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": top, "hspace": 0.25}
    rows = np.atleast_1d(figure.subplots(len(chosen), 1, gridspec_kw=margins))
    for axes, (label, sample) in zip(rows, chosen, strict=True):
        axes.imshow(side_by_side([_thumbnail(path) for path in _frames(sample)], gap=4))
        axes.set_axis_off()
        axes.set_title(
            f"{label}: idx {sample.sample.idx}, error {sample.error.rotation_deg:.2f}° "
            f"(pair is {sample.true_angle_deg:.0f}° wide, {len(sample.sample.image_paths)} views)",
            fontsize=8,
            loc="left",
        )
    figure.suptitle(title, fontsize=10)
    return figure
