"""How wide a text can be, and where to break it, before any browser has drawn it."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

FONT_SIZE = 11
# Measured large: at 11 pixels, FreeType rounds every character to whole pixels.
_SCALE = 10


@cache
def _font() -> ImageFont.FreeTypeFont:
    # No reader's system font is wider than DejaVu Sans, of matplotlib, whose import this does without.
    spec = find_spec("matplotlib")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).with_name("mpl-data") / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), _SCALE * FONT_SIZE)


def text_width(text: str) -> float:
    """Upper bound of the width of one line at `FONT_SIZE`, in pixels."""
    return float(_font().getlength(text)) / _SCALE


def wrapped(text: str, width: float) -> list[str]:
    """Lines of at most `width` pixels, broken at spaces, or within a word that is longer by itself."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if text_width(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and text_width(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines
