"""Matches as lines between two photos, as one SVG picture that holds both."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GAP = 8
# Pixels to which a page may zoom the picture: lines stay sharp.
ZOOMED = 1600
# On photos of any brightness: each line lies on a wider dark one.
SHADOW = "stroke:#000;stroke-opacity:.55;stroke-width:2.6"


@dataclass(frozen=True)
class Kind:
    """How matches of one kind are drawn, and what the legend calls them."""

    name: str
    color: str
    dash: str = ""


@dataclass(frozen=True)
class Photo:
    """A JPEG with its width and height in pixels."""

    jpeg: bytes
    size: tuple[int, int]


def match_lines(first: Photo, last: Photo, xy: np.ndarray, kinds: Sequence[Kind]) -> bytes:
    """The photos side by side, and a line for each match.

    Args:
        first: on the left.
        last: on the right.
        xy: (M, 4) x and y in pixels of the first photo, then of the last one.
        kinds: of each match.
    """
    shift = first.size[0] + GAP
    width, height = shift + last.size[0], max(first.size[1], last.size[1])
    photos = "".join(
        f'<image x="{x}" width="{one.size[0]}" height="{one.size[1]}" '
        f'href="data:image/jpeg;base64,{base64.b64encode(one.jpeg).decode()}"/>'
        for x, one in ((0, first), (shift, last))
    )
    rows = list(zip(xy + np.array([0, 0, shift, 0]), kinds, strict=True))
    drawn = []
    for kind in dict.fromkeys(kinds):
        mine = [ends for ends, other in rows if other == kind]
        lines = "".join(f"M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}" for x, y, u, v in mine)
        dots = "".join(f"M{x:.1f} {y:.1f}h0M{u:.1f} {v:.1f}h0" for x, y, u, v in mine)
        dash = f' stroke-dasharray="{kind.dash}"' if kind.dash else ""
        drawn.append(f'<path d="{lines}" style="{SHADOW}"{dash}/>')
        drawn.append(f'<path d="{lines}" stroke="{kind.color}" stroke-width="1.4"{dash}/>')
        drawn.append(f'<path d="{dots}" stroke="{kind.color}" stroke-width="5"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{ZOOMED}" '
        f'height="{ZOOMED * height / width:.0f}"><style>path{{fill:none;stroke-linecap:round}}</style>'
        f"{photos}{''.join(drawn)}</svg>"
    ).encode()
