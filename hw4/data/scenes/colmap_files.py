"""Where COLMAP models lie and which files they are of; none is opened here."""

from pathlib import Path

CAMERA_FILES = ("cameras.txt", "cameras.bin")
# All that a model may consist of; the PLY is InstantSplat's.
PARTS = ("cameras", "images", "points3D", "rigs", "frames")


def has_colmap(folder: Path) -> bool:
    """Whether a folder holds a COLMAP model."""
    return any((folder / name).is_file() for name in CAMERA_FILES)


def shows_colmap(folder: Path) -> bool:
    """Whether a folder holds a COLMAP model or some of its files, as of a copy that was cut short."""
    names = (f"{part}{suffix}" for part in PARTS for suffix in (".txt", ".bin"))
    return any((folder / name).is_file() for name in names)


def model_suffix(folder: Path) -> str:
    """``.bin`` or ``.txt``; of two models the newer one."""
    binary, text = (folder / f"images{suffix}" for suffix in (".bin", ".txt"))
    if not (folder / "cameras.bin").is_file():
        return ".txt"
    if not (folder / "cameras.txt").is_file() or not text.is_file() or not binary.is_file():
        return ".bin"
    return ".txt" if text.stat().st_mtime > binary.stat().st_mtime else ".bin"


def model_files(folder: Path) -> tuple[Path, ...]:
    """The files of the COLMAP model in a folder that `read_colmap` reads."""
    suffix = model_suffix(folder)
    paths = [folder / f"{part}{suffix}" for part in PARTS] + [folder / "points3D.ply"]
    return tuple(path for path in paths if path.is_file())
