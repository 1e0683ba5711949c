"""Pixels of any kind of photo as 8-bit ones: brought to the range of their kind, never clipped."""

import numpy as np
from PIL import Image

# What the rest of the project takes; anything with transparency is RGBA.
PLAIN = ("L", "RGB", "RGBA")
BITS16, BITS32 = 65535.0, 4294967295.0


def eight_bit(image: Image.Image) -> Image.Image:
    """A decoded image in mode L, RGB or RGBA.

    16-bit grey is divided by 257. Floating-point grey is taken as 0 to 1, 0 to 255 or 0 to 65535, the first
    that holds it, and 32-bit integers likewise as 16 or 32 bits. Transparency of any kind becomes an alpha
    channel: palettes, grey with alpha, a transparent colour.
    """
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _scaled(image)
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode in PLAIN:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _scaled(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=0.0, neginf=0.0)
    largest = values.max(initial=0)
    if image.mode == "F":
        top = next((limit for limit in (1.0, 255.0, BITS16) if largest <= limit), largest)
    else:
        top = BITS16 if largest <= BITS16 else BITS32
    return Image.fromarray((values.clip(0) * (255 / top)).round().astype(np.uint8))
