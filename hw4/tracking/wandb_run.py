"""A run on Weights & Biases: offline by default, online when asked."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import WandbConfig
from hw4.core.errors import UserError
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
        run_config: resolved configuration.
        job_type: the task.
        group: shared by the jobs of one sweep, or of one setting of it.
        tags: for filtering on the dashboard.
        warn: told in one sentence when logging stops working; the run itself goes on.

    Raises:
        UserError: ``wandb=online`` without login or network.
    """
    if config.mode == "disabled":
        return Tracker()
    os.environ.setdefault("WANDB_SILENT", "true")
    import wandb

    out_dir.mkdir(parents=True, exist_ok=True)
    try:
        run = wandb.init(
            project=config.project,
            entity=config.entity,
            group=config.group or group,
            job_type=job_type,
            tags=list(tags),
            mode=config.mode,  # type: ignore[arg-type]
            dir=str(out_dir),
            config=run_config,
            name=f"{group}-{out_dir.name}" if group else out_dir.name,
            settings=wandb.Settings(
                silent=True, console="off", x_disable_stats=True, x_disable_machine_info=True, init_timeout=60
            ),
        )
    except Exception as error:
        # W&B's later lines advise its own settings, which this project does not read.
        lines = str(error).strip().splitlines()
        reason = lines[0].rstrip(". ") if lines else type(error).__name__
        if config.mode == "online":
            raise UserError(
                f"wandb=online could not start ({reason}); check the network, run `wandb login`, or use "
                "wandb=offline and `wandb sync` later."
            ) from error
        warn(f"W&B logging is off for this run: {reason}.")
        return Tracker()
    return _WandbTracker(run, warn)


class _WandbTracker(Tracker):
    def __init__(self, run: Any, warn: Callable[[str], None]) -> None:
        self._run = run
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

    def log(self, values: dict[str, float | None], step: int | None = None) -> None:
        known = {key: value for key, value in values.items() if value is not None}
        self._safely(lambda: self._run.log(known, step=step))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        import wandb

        self._safely(
            lambda: self._run.log({name: wandb.Table(columns=list(columns), data=[list(r) for r in rows])})
        )

    def axis(self, prefix: str, name: str) -> None:
        self._safely(lambda: self._run.define_metric(f"{prefix}/*", step_metric=name))

    def image(self, name: str, image: Path | np.ndarray, at: dict[str, float] | None = None) -> None:
        import wandb

        source = str(image) if isinstance(image, Path) else image
        self._safely(lambda: self._run.log({name: wandb.Image(source), **(at or {})}))

    def cloud(self, name: str, points: np.ndarray, colors: np.ndarray) -> None:
        import wandb

        rows = np.concatenate([points, colors], axis=1).astype(np.float64)
        self._safely(lambda: self._run.log({name: wandb.Object3D(rows)}))

    def artifact(self, name: str, path: Path, kind: str) -> None:
        import wandb

        def save() -> None:
            artifact = wandb.Artifact(name, type=kind)
            artifact.add_file(str(path))
            self._run.log_artifact(artifact)

        self._safely(save)

    def summary(self, values: dict[str, Any]) -> None:
        self._safely(lambda: self._run.summary.update(values))

    def finish(self, failed: bool = False) -> None:
        self._broken = False
        self._safely(lambda: self._run.finish(exit_code=int(failed)))
