"""A point cloud with cameras as JSON, small enough for many of them in one page."""

import base64
import json
from collections.abc import Sequence

import numpy as np

MAX_POINTS = 4000
# Shares of the points beyond which the cloud is cut: a few far ones would shrink the rest to a dot.
CUT = (2.0, 98.0)


def scene_json(
    points: np.ndarray,
    colors: np.ndarray,
    frusta: Sequence[np.ndarray],
    frustum_colors: Sequence[tuple[int, int, int]],
    edges: Sequence[tuple[int, int]],
) -> str:
    """What ``report.js`` draws.

    Args:
        points: (P, 3) world points, OpenCV axes (y down in the first camera, whose frame is the world's).
        colors: (P, 3) uint8.
        frusta: (5, 3) corners of each camera, its centre first.
        frustum_colors: RGB in 0-255 of each.
        edges: which corners lines join.

    Positions are in 65536 steps of the cloud's box.
    """
    kept = np.isfinite(points).all(axis=1)
    points, colors = points[kept], colors[kept]
    if len(points):
        low, high = np.percentile(points, CUT, axis=0)
        margin = 0.25 * (high - low)
        inside = ((points >= low - margin) & (points <= high + margin)).all(axis=1)
        points, colors = points[inside], colors[inside]
    points, colors = points[:MAX_POINTS], colors[:MAX_POINTS]
    every = np.concatenate([points, *frusta]) if len(frusta) else points
    low, size = every.min(axis=0), np.maximum(np.ptp(every, axis=0), 1e-9)
    steps = np.round((points - low) / size * 65535).astype("<u2")
    target = low + size / 2
    distance = 0.9 * float(np.linalg.norm(size))
    lines = [
        {
            "color": "#{:02x}{:02x}{:02x}".format(*color),
            "lines": [round(float(x), 5) for edge in edges for corner in edge for x in one[corner]],
        }
        for one, color in zip(frusta, frustum_colors, strict=True)
    ]
    # From behind and above the first camera, turned aside so that depth shows.
    eye = target + distance * np.array([-0.45, -0.45, -0.75])
    content = {
        "points": base64.b64encode(steps.tobytes()).decode(),
        "colors": base64.b64encode(np.ascontiguousarray(colors, np.uint8).tobytes()).decode(),
        "low": low.tolist(),
        "size": size.tolist(),
        "cameras": lines,
        "up": [0, -1, 0],
        "eye": eye.tolist(),
        "target": target.tolist(),
    }
    return json.dumps(content, allow_nan=False).replace("<", "\\u003c")
