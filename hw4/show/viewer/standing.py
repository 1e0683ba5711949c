"""Where whoever looks at the viewer stands."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hw4.show.viewer.drawing import Drawing
from hw4.show.viewer.subject import ShownCamera

# viser's own vertical field of view.
DEFAULT_FOV = np.radians(75)
# The panel lies over the right side of a window wider than this, and over the lower half of a phone's.
WIDEST = 1.0
# Of the distance to what is looked at, by which one looks more to the right or lower.
PANEL_SHARE = 0.35


def stand(client: Any, drawings: Sequence[Drawing], camera: ShownCamera | None) -> None:
    """Put a browser where all drawings are seen, or where a camera of the first one stands."""
    with client.atomic():
        if camera is None:
            client.camera.position, client.camera.look_at = standpoint(drawings, client.camera.aspect)
            client.camera.fov = DEFAULT_FOV
        else:
            wxyz, position, fov = drawings[0].standing_at(camera)
            client.camera.wxyz, client.camera.position, client.camera.fov = wxyz, position, fov


def standpoint(drawings: Sequence[Drawing], aspect: float) -> tuple[np.ndarray, np.ndarray]:
    """Where to stand and what to look at, (3,) each: all of it, from behind the cameras and above.

    Args:
        drawings: one, or two side by side.
        aspect: the window's width by its height.
    """
    target = np.mean([drawing.target() for drawing in drawings], axis=0)
    first = np.mean([drawing.shift for drawing in drawings], axis=0)
    away = max(float(np.linalg.norm(target - first)), *(3 * d.size * d.scale for d in drawings))
    if len(drawings) == 1:
        position = away * np.array([0.4, -0.5, -0.6])
    else:
        bounds = np.array([drawing.bounds() for drawing in drawings])[..., 0]
        needed = (bounds.max() - bounds.min()) / (2 * np.tan(DEFAULT_FOV / 2) * min(aspect, WIDEST))
        position = target + max(needed, away) * np.array([0, -0.5, -0.85])
    beside_panel = np.zeros(3)
    if aspect < 1 or len(drawings) > 1:
        beside_panel[1 if aspect < 1 else 0] = PANEL_SHARE * np.linalg.norm(target - position)
    return position + beside_panel, target + beside_panel
