"""The scene that a finished run's folder holds."""

from pathlib import Path

from hw4.core.errors import UserError
from hw4.records.found import found_file
from hw4.records.runs import load_runs
from hw4.show.export.scene import ExportScene, cloud_in, scene_of_demo, scene_of_view
from hw4.show.viewer.run_folder import find_subjects


def scene_of_run(folder: Path, show: str | None = None) -> tuple[str, ExportScene]:
    """The label and the scene of the first thing to show in a run's folder, or of the first called so.

    Raises:
        UserError: there is nothing to show, or nothing that is called so.
    """
    subjects = find_subjects(folder)
    chosen = [one for one in subjects if show is None or _is_called(one.label, show)]
    if not chosen:
        labels = ", ".join(one.label for one in subjects[:8])
        raise UserError(f"export.show={show}: {folder} has nothing that is called so, but {labels}.")
    subject = chosen[0]
    demo = _demo(folder) if subject.label.startswith("demo ") else None
    return subject.label, demo or scene_of_view(subject.load())


def _is_called(label: str, show: str) -> bool:
    """Whether a label begins with these words: ``idx 3`` is none of ``idx 31``."""
    return label == show or label.startswith(f"{show} ")


def _demo(folder: Path) -> ExportScene | None:
    """With the intrinsics of the photos themselves, which the viewer does without."""
    (run,) = load_runs(folder).runs
    demo = run.results["demo"]
    views = [
        {**one, "photo": str(run.file(one["photo"]) or found_file(one["photo"], run) or "")}
        for one in demo["views"]
    ]
    ply = run.file(str(demo["files"].get("ply", "")))
    return scene_of_demo({"views": views}, cloud_in(ply))
