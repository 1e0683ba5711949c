"""`task=export`: a finished run for other programs."""

from dataclasses import dataclass

from hw4.config.fields import Checked, key

FORMATS = ("colmap", "colmap_text", "nerfstudio", "tum", "glb", "ply", "splat", "spz", "rerun")


def are_formats(names: list[str]) -> bool:
    """Whether all of these are formats."""
    return bool(names) and set(names) <= set(FORMATS)


OTHERWISE = f"names no format, or one that there is not; choose from {', '.join(FORMATS)}"


@dataclass
class ExportConfig(Checked, at="export"):
    """Cameras, points and Gaussians of a finished run as files of other programs.

    `run` is the folder of a finished splat, demo, pose or case run; `show` is which of its things, as
    ``task=view`` lists them: the beginning of a label (``idx 3``); null: the first. `formats` null: every one
    that the run can be written in. `out` null: ``export/`` in the folder of this run.
    """

    run: str | None = None
    show: str | None = None
    formats: list[str] | None = key(None, valid=are_formats, otherwise=OTHERWISE)
    out: str | None = None
