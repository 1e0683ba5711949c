"""The same test view under all settings: a gallery of the report, one picture of a sweep's folder."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from hw4.data.photos import by_number, limited, without_suffix
from hw4.metrics import SplatMetric, splat_headline, splat_results
from hw4.output.blocks import Gallery, Picture
from hw4.output.figures import panel_grid
from hw4.output.tables import Table
from hw4.report.ranking import Ranking
from hw4.report.splat_results import Result
from hw4.splat.result import SplatResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST_EDGE, SMALL_EDGE = 800, 400
# Renders beside the photo on the first screen.
FIRST_LOOK = 5
COLUMNS = 4
VIEWS_NAMED = 12


@dataclass(frozen=True)
class Setting:
    """A splat result to show: its label, its content, and where a path that it recorded lies today."""

    label: str
    splat: SplatResult
    locate: Callable[[str], Path | None]

    def pixels(self, view: str, kind: str) -> np.ndarray | None:
        """(H, W, 3) uint8 of a test view's render or strip (`kind`: ``renders``, ``strips``), or None."""
        recorded = self.splat.view_file(view, kind)
        path = None if recorded is None else self.locate(recorded)
        if path is None:
            return None
        try:
            with Image.open(path) as image:
                return np.array(image.convert("RGB"))
        except OSError:
            return None

    def score(self, view: str, metric: SplatMetric) -> float | None:
        """A metric of a test view, or None where it is missing."""
        scores = self.splat.view(view)
        return None if scores is None else scores.scores.get(metric.name)


@dataclass(frozen=True)
class SharedView:
    """A test view that every setting has: its name, its photo, and each setting's render or None."""

    name: str
    photo: np.ndarray | None
    renders: list[tuple[Setting, np.ndarray | None]]


def _shared_names(results: Sequence[SplatResult]) -> list[str]:
    """Test views that all results have, by name: the same first one wherever runs of a scene are shown."""
    names = [{view.name for view in splat.views} for splat in results]
    return sorted(set.intersection(*names), key=lambda name: (by_number(name), name)) if names else []


def _called(names: Sequence[str], wanted: str | None) -> str | None:
    """The view that `report.view` names, with or without folder and suffix; None: there is no such view."""

    def calls(name: str) -> set[str]:
        bare = without_suffix(name)
        return {name, bare, PurePosixPath(name).name, PurePosixPath(bare).name}

    return next((name for name in names if wanted in calls(name)), None)


def missing_view(results: Sequence[Result], wanted: str | None) -> str | None:
    """A sentence where the view that `report.view` names is none that all settings share."""
    names = _shared_names([r.splat for r in results if r.splat.views])
    if wanted is None or not names or _called(names, wanted):
        return None
    known = ", ".join(names[:VIEWS_NAMED]) + (", ..." if len(names) > VIEWS_NAMED else "")
    shown = f"so {names[0]} is shown; there are: {known}."
    return f"report.view={wanted} is no test view that all settings share, {shown}"


def shared_view(settings: Sequence[Setting], wanted: str | None = None) -> SharedView | None:
    """The test view that all settings share and that is wanted, or the first one; None: they share none."""
    names = _shared_names([setting.splat for setting in settings])
    if not names:
        return None
    view = _called(names, wanted) or names[0]
    renders = [(setting, setting.pixels(view, "renders")) for setting in settings]
    photo = None
    for setting, render in renders:
        if render is not None:
            # A strip is truth, render and error side by side, each as wide as the render.
            strip = setting.pixels(view, "strips")
            photo = None if strip is None else strip[:, : render.shape[1]]
            break
    return SharedView(view, photo, renders)


def settings_strip(
    jobs: Sequence[tuple[str, SplatResult]], wanted: str | None = None
) -> "tuple[str, Figure] | None":
    """The photo of a test view and its render under each setting, with the headline metric.

    None where the jobs, a label and a result each, share no view. `wanted`: `report.view`.
    """

    def locate(recorded: str) -> Path | None:
        return Path(recorded) if Path(recorded).is_file() else None

    view = shared_view([Setting(label, splat, locate) for label, splat in jobs], wanted)
    if view is None:
        return None
    panels = [] if view.photo is None else [(f"truth: {view.name}", view.photo)]
    metric = splat_headline()
    for setting, render in view.renders:
        if render is not None:
            score = metric.said(setting.score(view.name, metric))
            panels.append((f"{setting.label}\n{score}", render))
    if len(panels) < 2:
        return None
    height, width = panels[0][1].shape[:2]
    figure, grid = panel_grid(len(panels), min(COLUMNS, len(panels)), 3, height / width, 0.5)
    for axes, (label, image) in zip(grid, panels, strict=True):
        axes.imshow(image)
        axes.set_title(label, fontsize=8)
    return view.name, figure


def same_view(results: Sequence[Result], wanted: str | None = None) -> Gallery | None:
    """The photo of one test view and its render under every setting; None where there is no render."""
    view = shared_view([Setting(r.label, r.splat, r.first.file) for r in results if r.splat.views], wanted)
    if view is None:
        return None
    pictures = [] if view.photo is None else [Picture("truth", f"photo {view.name}", _shrunk(view.photo))]
    headline, metrics = splat_headline(), splat_results()
    rows: list[list[str]] = []
    for i, (setting, render) in enumerate(view.renders):
        scores = [setting.score(view.name, row) for row in metrics]
        rows.append([setting.label, view.name, *("" if score is None else str(score) for score in scores)])
        if render is not None:
            label = f"{setting.label}: {headline.said(setting.score(view.name, headline))}"
            pictures.append(Picture(f"render_{i}", label, _shrunk(render)))
    if not pictures:
        return None
    columns = [f"{row.name}_{row.unit.lower()}" if row.unit else row.name for row in metrics]
    data = Table("", ["run", "view", *columns], rows)
    caption = f"Test view {view.name}, which no training saw. {headline.label} of this view alone."
    return Gallery("splat_same_view", "The same view under all settings", pictures, data, caption)


def first_look(results: Sequence[Result], ranking: Ranking | None, wanted: str | None) -> Gallery | None:
    """The same view, small, of the photo, the best setting and some others; None where there is no render."""
    view = shared_view([Setting(r.label, r.splat, r.first.file) for r in results if r.splat.views], wanted)
    if view is None or view.photo is None:
        return None
    headline = splat_headline()
    best = None if ranking is None or ranking.best is None else ranking.entries[ranking.best].first
    stars = {r.label for r in results if best in r.runs} if len(results) > 1 else set()
    found = [(setting, render) for setting, render in view.renders if render is not None]
    # The best first, then the others in their order.
    found.sort(key=lambda item: item[0].label not in stars)
    rows, pictures = [], [Picture("truth", f"photo {view.name}", _shrunk(view.photo, SMALL_EDGE))]
    for i, (setting, render) in enumerate(found[:FIRST_LOOK]):
        score = setting.score(view.name, headline)
        star = "★ " if setting.label in stars else ""
        pictures.append(
            Picture(
                f"render_{i}", f"{star}{setting.label}: {headline.said(score)}", _shrunk(render, SMALL_EDGE)
            )
        )
        rows.append([setting.label, view.name, "" if score is None else str(score)])
    if len(pictures) < 2:
        return None
    more = f" {len(found) - FIRST_LOOK} more below." if len(found) > FIRST_LOOK else ""
    caption = f"{headline.label} of this view alone.{more}"
    data = Table("", ["setting", "view", headline.name], rows)
    return Gallery("first_look", "The same test view, which no training saw", pictures, data, caption)


def _shrunk(pixels: np.ndarray, longest: int = LONGEST_EDGE) -> bytes:
    buffer = io.BytesIO()
    limited(Image.fromarray(pixels), longest).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
