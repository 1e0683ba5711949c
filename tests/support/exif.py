"""Photos with an EXIF orientation."""

from pathlib import Path

from PIL import Image


def tagged(image: Image.Image, path: Path, tag: int) -> Path:
    """Save a photo with this orientation tag, its pixels as they are."""
    exif = Image.Exif()
    exif[0x0112] = tag
    image.save(path, exif=exif.tobytes(), quality=95)
    return path
