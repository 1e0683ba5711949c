"""The runs of a folder: one run, or the jobs of a sweep. The one reader of what runs left on disk."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hw4.core.errors import UserError
from hw4.records.files import HYDRA_FOLDER, MARKS, PLAN, RESULTS, SAMPLES, SWEEP_CONFIG, read_json
from hw4.records.labels import set_labels
from hw4.records.run import Run, load_run


@dataclass
class Folder:
    """Runs and where they lie. `planned` is the number of jobs that a sweep was to have, if known."""

    path: Path
    is_sweep: bool
    runs: list[Run] = field(default_factory=list)
    planned: int | None = None


def is_run(folder: Path) -> bool:
    """Whether a job has written, or begun to write, into a folder."""
    return folder.is_dir() and any((folder / name).exists() for name in MARKS)


def load_runs(path: Path) -> Folder:
    """Read a run's or a sweep's folder; nothing on disk is changed.

    Raises:
        UserError: the folder does not exist or holds no run.
    """
    if not path.is_dir():
        raise UserError(f"{path} is not a folder; give that of a finished run or sweep.")
    marks = (path / SWEEP_CONFIG).exists() or (path / PLAN).exists()
    inside = sorted(_runs_below(path, deep=marks), key=partial(_in_order, path))
    if is_run(path) and not marks:
        folder = Folder(path, False, [load_run(path, path.resolve().name)])
    elif inside or marks:
        names = [p.relative_to(path).as_posix() for p in inside]
        runs = [load_run(p, f"job {n}" if n.isdigit() else n) for p, n in zip(inside, names, strict=True)]
        folder = Folder(path, True, runs, _planned(path))
    else:
        raise UserError(
            f"{path} holds no run (no {RESULTS}, {SAMPLES} or {HYDRA_FOLDER} in it or one level below); "
            "give the folder of a finished run or sweep."
        )
    set_labels(folder.runs)
    return folder


def run_folders(path: Path) -> list[Path]:
    """The folders of a sweep's jobs that have begun, in order."""
    return sorted(_runs_below(path, deep=True), key=partial(_in_order, path))


def _runs_below(path: Path, deep: bool) -> Iterator[Path]:
    """The folders of runs in a folder; `deep`: at any depth, but not within a run."""
    for child in path.iterdir():
        if is_run(child):
            yield child
        elif deep and child.is_dir() and not child.is_symlink():
            yield from _runs_below(child, deep)


def _in_order(path: Path, run: Path) -> list[tuple[bool, int, str]]:
    """Numbers by their value, and before names."""
    parts = run.relative_to(path).parts
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _planned(path: Path) -> int | None:
    count = (read_json(path / PLAN) or {}).get("n_jobs")
    return count if isinstance(count, int) else None
