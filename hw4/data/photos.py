"""Photos: which files are photos, their names and order, and reading them upright, at most so large."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps

from hw4.core.errors import UserError, brief
from hw4.core.fingerprint import file_digests
from hw4.core.regular import regular
from hw4.data.photo_files import HEIF, READ, is_photo_name, photo_files
from hw4.data.pixels import eight_bit

# EXIF's tag of the orientation.
ORIENTATION = 0x0112
# What undoes each orientation.
BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
IMAGE_SUFFIXES = (*READ, *HEIF)


def by_number(name: str) -> list[tuple[int, int | str]]:
    """Sort key under which IMG_9 comes before IMG_10."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def find_images(folder: Path) -> list[Path]:
    """The photos that lie in a folder, in the order of their numbers."""
    return sorted(photo_files(folder).paths, key=lambda path: (by_number(path.name), path.name))


def photo_folder(root: Path) -> Path:
    """Where the photos of a data set's folder lie: in ``images/`` where there is one, else in itself."""
    return root / "images" if (root / "images").is_dir() else root


def spread(n: int, at_most: int) -> list[int]:
    """At most that many of n indices, spread evenly, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, at_most)).round().astype(int)).tolist()


def without_suffix(name: str) -> str:
    """An image's name without its suffix, folders kept; a dot that begins no image suffix stays.

    ``a/1.png`` gives ``a/1``, and the time stamp ``1305031453.003`` itself.
    """
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in IMAGE_SUFFIXES else name


def time_in(name: str) -> str | None:
    """The time that a photo's name tells: all of it where that is a decimal number, else its last whole one.

    ``rgb/1305031453.359684.png`` gives ``1305031453.359684``, ``frame-000012.color.png`` ``000012``.
    """
    stem = PurePosixPath(without_suffix(name)).name
    if re.fullmatch(r"\d+\.\d+", stem):
        return stem
    numbers = re.findall(r"\d+", stem)
    return numbers[-1] if numbers else None


def refuse_outside(names: Sequence[str], where: Path | str) -> None:
    """Raise UserError where a name leads out of the folder of the photos, or is none."""
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise UserError(f"{where} names an image {name!r}, which leads out of the photos' folder.")
        if "\0" in name:
            raise UserError(f"{where} names an image {name!r}, which no file can be called.")


def render_names(names: Sequence[str], where: Path | str) -> list[str]:
    """Names of the renders of images, ``{image name}.png`` each.

    Raises:
        UserError: two images would have the same render.
    """
    renders: dict[str, str] = {}
    for name in names:
        render = f"{without_suffix(name)}.png"
        if render in renders:
            raise UserError(
                f"{where} has images {renders[render]} and {name}, whose renders would both be {render}: "
                "rename one."
            )
        renders[render] = name
    return list(renders)


class AsStored(type(Path())):  # type: ignore[misc]
    """The path of a photo whose EXIF orientation is not applied: its cameras are of the stored pixels."""


def photo_path(path: Path | str) -> Path:
    """A path as it was given: `Path` itself would forget that it is `AsStored`."""
    return path if isinstance(path, Path) else Path(path)


def photo_digests(paths: Iterable[Path]) -> dict[Path, str | None]:
    """`file_digests` of photos; one that is read as stored is another photo than the turned one."""
    asked = list(paths)
    content = file_digests(asked)
    stored = {path for path in asked if isinstance(path, AsStored)}
    return {path: f"{content[path]} as stored" if path in stored else content[path] for path in asked}


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation of an opened image, 1 (upright) to 8; no pixel is decoded."""
    # Pillow decodes a whole PNG to look for a tag behind the pixels.
    if image.format == "PNG" and not {"exif", "Raw profile type exif", "xmp"} & set(image.info):
        return 1
    tag = image.getexif().get(ORIENTATION, 1)
    return tag if tag in range(1, 9) else 1


def open_photo(path: Path) -> Image.Image:
    """`PIL.Image.open`, of HEIC photos too.

    Raises:
        UserError: it is one, and pillow-heif is not installed.
    """
    if path.suffix.lower() in HEIF:
        try:
            import pillow_heif
        except ImportError as error:
            raise UserError(f"image {path} is HEIC: pip install 'hw4[heif]', or convert it.") from error
        pillow_heif.register_heif_opener()
    return Image.open(regular(path))


def _as_stored(image: Image.Image) -> Image.Image:
    """The decoded image, its orientation not applied."""
    tag = orientation_of(image)
    image.load()
    # Pillow turns TIFF files by itself.
    return image.transpose(BACK[tag]) if image.format == "TIFF" and tag in BACK else image


def _instead(path: Path) -> str:
    """What lies where an image does not, as the end of a sentence."""
    slashed = path.parent / path.name.replace("\\", "/")
    if slashed != path and slashed.is_file():
        return "; with / for \\ it does"
    stem = without_suffix(path.name).lower()
    try:
        names = sorted(other.name for other in path.parent.iterdir())
    except OSError:
        return ""
    others = [n for n in names if is_photo_name(n) and without_suffix(n).lower() == stem]
    return f"; {others[0]} lies there" if others else ""


def open_upright(path: Path) -> Image.Image:
    """The decoded photo, turned as its EXIF orientation says unless it is `AsStored`: L, RGB or RGBA.

    Raises:
        UserError: the file is missing, truncated or not an image.
    """
    try:
        with open_photo(path) as image:
            turned = _as_stored(image) if isinstance(path, AsStored) else ImageOps.exif_transpose(image)
            return eight_bit(turned)
    except FileNotFoundError as error:
        raise UserError(f"image {path} does not exist{_instead(path)}.") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"image {path} is refused: {error}.") from error
    except (UserError, MemoryError):
        raise
    # A damaged header or stream raises whatever its bytes happen to ask for.
    except Exception as error:
        raise UserError(
            f"cannot read image {path} ({brief(error)}); the file is damaged or not an image."
        ) from error


def limited_size(size: tuple[int, int] | np.ndarray, long_edge: int | None) -> tuple[int, int]:
    """Width and height of an image of `size` whose long edge is reduced to `long_edge`; null: as it is."""
    width, height = int(size[0]), int(size[1])
    longest = max(width, height)
    if long_edge is None or longest <= long_edge:
        return width, height
    return max(1, round(width * long_edge / longest)), max(1, round(height * long_edge / longest))


def limited(image: Image.Image, long_edge: int | None) -> Image.Image:
    """The image, reduced to `limited_size`."""
    return resized(image, limited_size(image.size, long_edge))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image at a width and height, itself where these are its own."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def load_image(path: Path, long_edge: int | None = None, over: float | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB, upright, downscaled so that the long edge has at most `long_edge` pixels.

    Transparent pixels are laid over a grey of level `over`, 0 to 1; None: the colours under them are shown.

    Raises:
        UserError: the file is missing or damaged.
    """
    return load_masked(path, long_edge, over)[0]


def load_masked(
    path: Path, long_edge: int | None = None, over: float | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """`load_image`, and (H, W) bool, whether a pixel is rather opaque than transparent; None: all are opaque.

    Raises:
        UserError: the file is missing or damaged.
    """
    image, keep = open_upright(path), None
    if image.mode == "RGBA":
        alpha = image.getchannel("A")
        if np.asarray(alpha).min() < 255:
            keep = np.array(limited(alpha, long_edge)) >= 128
        if over is not None:
            level = round(255 * over)
            image = Image.alpha_composite(Image.new("RGBA", image.size, (level, level, level, 255)), image)
    return np.array(limited(image.convert("RGB"), long_edge)), keep


def resize_map(model_size: tuple[int, int], original_size: tuple[int, int]) -> np.ndarray:
    """(3, 3) affine from pixels of a resized image to pixels of its original; sizes are (width, height)."""
    (w, h), (original_w, original_h) = model_size, original_size
    return np.diag([original_w / w, original_h / h, 1.0])


def why_no_photo(path: Path) -> str | None:
    """Why there is no file at a path, for a sample's reason; None: there is one."""
    try:
        return None if path.is_file() else f"image {path} does not exist{_instead(path)}"
    except OSError as error:
        return f"image {path} cannot be read: {error.strerror}"
