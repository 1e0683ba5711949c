"""A run on Weights & Biases: offline by default, online when asked."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import WandbConfig
from hw4.core.errors import UserError
from hw4.tracking.environment import AUTO, DISABLED, ONLINE, RunId, chosen_here, mode_of
from hw4.tracking.lean import import_wandb, set_mode
from hw4.tracking.tracker import Tracker


def open_tracker(
    config: WandbConfig,
    out_dir: Path,
    run_config: dict[str, Any],
    job_type: str,
    group: str | None,
    tags: Sequence[str] = (),
    warn: Callable[[str], None] = lambda _: None,
) -> Tracker:
    """The run's tracker.

    Args:
        config: mode, project, entity.
        out_dir: the run's folder; W&B's files go to ``<out_dir>/wandb``.
        run_config: what the run is made of; a job that goes on after it was killed has the same one.
        job_type: the task.
        group: shared by the jobs of one sweep, or of one setting of it.
        tags: for filtering on the dashboard.
        warn: told in one sentence when logging stops working; the run itself goes on.

    Raises:
        UserError: ``wandb=online`` without login or network, or WANDB_MODE is no mode.
    """
    mode = mode_of(config, os.environ)
    if mode == DISABLED:
        return Tracker()
    os.environ.setdefault("WANDB_SILENT", "true")
    try:
        wandb = import_wandb()
    except ImportError as error:
        if config.mode != AUTO:
            raise UserError(
                f"wandb={config.mode} needs W&B: pip install wandb; or use wandb=disabled."
            ) from error
        return Tracker()
    out_dir.mkdir(parents=True, exist_ok=True)
    # Where it runs does not make it another job.
    identity = {key: value for key, value in run_config.items() if key != "provenance"}
    job = RunId(out_dir, identity, os.environ)
    try:
        set_mode(mode)
        run = wandb.init(
            **chosen_here(config, os.environ),
            id=None if "WANDB_RUN_ID" in os.environ else job.value,
            # Offline there is nobody to ask whether the run exists: its parts meet when they are synced.
            resume="allow" if mode == ONLINE else None,
            group=config.group or (None if "WANDB_RUN_GROUP" in os.environ else group),
            job_type=job_type,
            tags=list(tags),
            mode=mode,
            dir=str(out_dir),
            config=run_config,
            name=None if "WANDB_NAME" in os.environ else _name(out_dir, group),
            settings=wandb.Settings(silent=True, console="off", init_timeout=60),
        )
    except Exception as error:
        # W&B's later lines advise its own settings, which this project does not read.
        lines = str(error).strip().splitlines()
        reason = lines[0].rstrip(". ") if lines else type(error).__name__
        if mode == ONLINE:
            raise UserError(
                f"wandb=online could not start ({reason}); check the network, run `wandb login`, or use "
                "wandb=offline and `wandb sync` later."
            ) from error
        warn(f"W&B logging is off for this run: {reason}.")
        return Tracker()
    return _WandbTracker(run, job, warn)


def _name(out_dir: Path, group: str | None) -> str:
    return f"{group}-{out_dir.name}" if group else out_dir.name


class _WandbTracker(Tracker):
    drops = False

    def __init__(self, run: Any, job: RunId, warn: Callable[[str], None]) -> None:
        self._run = run
        self._job = job
        self._warn = warn
        self._broken = False
        self.url = run.url

    def _safely(self, action: Callable[[], Any]) -> None:
        # A full disk or a dead service under W&B must not end a run whose results are safe elsewhere.
        if self._broken:
            return
        try:
            action()
        except Exception as error:
            self._broken = True
            self._warn(f"W&B logging stopped: {error}. The results on disk are not affected.")

    def log(self, values: dict[str, float | None]) -> None:
        known = {key: value for key, value in values.items() if value is not None}
        self._safely(lambda: self._run.log(known))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        import wandb

        def cell(value: Any) -> Any:
            # Photos: as PNG they take twenty times as long to write.
            return wandb.Image(value, file_type="jpg") if isinstance(value, np.ndarray) else value

        def send() -> None:
            data = [[cell(value) for value in row] for row in rows]
            self._run.log({name: wandb.Table(columns=list(columns), data=data, allow_mixed_types=True)})

        self._safely(send)

    def axis(self, prefix: str, name: str) -> None:
        self._safely(lambda: self._run.define_metric(f"{prefix}/*", step_metric=name))

    def image(self, name: str, image: Path | np.ndarray, at: dict[str, float] | None = None) -> None:
        import wandb

        source = str(image) if isinstance(image, Path) else image
        self._safely(lambda: self._run.log({name: wandb.Image(source), **(at or {})}))

    def video(self, name: str, path: Path) -> None:
        import wandb

        self._safely(lambda: self._run.log({name: wandb.Video(str(path), format="mp4")}))

    def cloud(self, name: str, points: np.ndarray, colors: np.ndarray) -> None:
        import wandb

        rows = np.concatenate([points, colors], axis=1).astype(np.float64)
        self._safely(lambda: self._run.log({name: wandb.Object3D(rows)}))

    def artifact(self, name: str, paths: Sequence[Path], kind: str) -> None:
        import wandb

        def save() -> None:
            # One name for every run would make the runs' files versions of each other.
            artifact = wandb.Artifact(f"{name}-{self._run.id}", type=kind)
            for path in paths:
                if path.is_dir():
                    artifact.add_dir(str(path), name=path.name)
                else:
                    artifact.add_file(str(path))
            self._run.log_artifact(artifact)

        self._safely(save)

    def summary(self, values: dict[str, Any]) -> None:
        self._safely(lambda: self._run.summary.update(values))

    def finish(self, failed: bool = False) -> None:
        self._broken = False
        self._safely(lambda: self._run.finish(exit_code=int(failed)))
        if not failed:
            self._job.forget()
