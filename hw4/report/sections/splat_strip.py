"""The same test view under all settings of a sweep, in one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from hw4.output.figures import panel_grid

COLUMNS = 4


@dataclass(frozen=True)
class Panel:
    """One setting's render: its label and its (H, W, 3) uint8 pixels."""

    label: str
    image: np.ndarray


def view_file(result: dict[str, Any], view: str, kind: str) -> str | None:
    """Recorded path of a test view's render or strip (`kind`: ``renders``, ``strips``) by the view's name."""
    names = [record["name"] for record in result["views"]]
    files = result.get("files", {}).get(kind, [])
    # In the order of the views: names in different folders may end alike.
    return files[names.index(view)] if view in names and len(files) == len(names) else None


def _pixels(result: dict[str, Any], view: str, kind: str) -> np.ndarray | None:
    path = view_file(result, view, kind)
    if path is None or not Path(path).is_file():
        return None
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def shared_view(results: Sequence[dict[str, Any]]) -> str | None:
    """Name of the first test view that every splat result has."""
    names = [[view["name"] for view in result["views"]] for result in results]
    return next((name for name in names[0] if all(name in other for other in names)), None) if names else None


def settings_strip(jobs: Sequence[tuple[str, dict[str, Any]]]) -> tuple[str, Figure] | None:
    """The photo of a test view and its render under each setting, with PSNR; None where jobs share no view.

    Args:
        jobs: label and splat result (as in ``results.json``) of each job.
    """
    view = shared_view([result for _, result in jobs])
    if view is None:
        return None
    panels: list[Panel] = []
    for label, result in jobs:
        image = _pixels(result, view, "renders")
        if image is None:
            continue
        if not panels:
            # A strip is truth, render, error side by side, each as wide as the render.
            strip = _pixels(result, view, "strips")
            if strip is not None:
                panels.append(Panel(f"truth: {view}", strip[:, : image.shape[1]]))
        psnr = next(v["psnr"] for v in result["views"] if v["name"] == view)
        panels.append(Panel(f"{label}\nPSNR {psnr:.2f} dB", image))
    if len(panels) < 2:
        return None
    height, width = panels[0].image.shape[:2]
    figure, grid = panel_grid(len(panels), min(COLUMNS, len(panels)), 3, height / width, 0.5)
    for axes, panel in zip(grid, panels, strict=True):
        axes.imshow(panel.image)
        axes.set_title(panel.label, fontsize=8)
    return view, figure
