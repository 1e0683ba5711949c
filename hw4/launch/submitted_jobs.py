"""``hydra/launcher=slurm`` and ``submitit_local``: their jobs are sent once and fail alone.

The plugin alone sends every job of a sweep again after its launcher was lost, ends at the first lost job
whatever the others do, and learns of that from SLURM's accounting, which many clusters do not have.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw4.core.errors import UserError
from hw4.launch.job_returns import SweepJob
from hw4.launch.submitted import LOCAL, Going, Submitted, read_submitted, this_host, write_submitted

# How often results are looked for, and how long after its end a job's may still come (network file systems).
LOOK_S, LATE_S = 1.0, 15.0


def install_submitted_jobs() -> None:
    """Let the submitit launchers send their jobs this way.

    Where there is no submitit, Hydra says so.
    """
    try:
        import submitit
    except ImportError:
        return

    class AutoExecutor(submitit.AutoExecutor):
        def map_array(self, fn: Callable[..., Any], *iterable: Iterable[Any]) -> list[Any]:
            return _map(self, super().map_array, fn, list(zip(*iterable, strict=True)))

    # The plugin takes it from there for each batch of jobs.
    submitit.AutoExecutor = AutoExecutor  # type: ignore[misc]


def _map(
    executor: Any, send: Callable[..., Any], launcher: Any, calls: Sequence[tuple[Any, ...]]
) -> "list[_Job]":
    """Send what is neither finished nor on its way; the jobs are in the order of the calls."""
    sweep_dir = Path(str(launcher.config.hydra.sweep.dir))
    known, going, batch = read_submitted(sweep_dir), Going(), _Batch()
    missing = []
    for index, call in enumerate(calls):
        job = SweepJob(call[2], call[0], launcher.hydra_context, launcher.config)
        before = known.get(job.name)
        one = _Job(batch, job)
        batch.jobs.append(one)
        if job.is_finished():
            one.outcome = job.finished()
        elif before is not None and before.overrides == job.overrides and going.has(before):
            one.sent, one.handle = before, executor._executor.job_class(before.folder, before.id)
        else:
            missing.append(index)
    # SLURM gets all at once, as an array; processes are started one after the other, and each is noted.
    together = [[index] for index in missing] if executor.cluster == LOCAL else [missing]
    for indices in filter(None, together):
        handles = send(launcher, *zip(*(calls[index] for index in indices), strict=True))
        for index, handle in zip(indices, handles, strict=True):
            one, folder = batch.jobs[index], str(executor.folder)
            one.handle = handle
            one.sent = Submitted(executor.cluster, handle.job_id, this_host(), folder, one.job.overrides)
            known[one.job.name] = one.sent
        write_submitted(sweep_dir, known)
    return batch.jobs


class _Batch:
    """Jobs that are waited for together: one that is lost is known before the others have ended."""

    def __init__(self) -> None:
        self.jobs: list[_Job] = []

    def wait(self) -> None:
        """Until each job has an outcome."""
        going = Going()
        while waiting := [job for job in self.jobs if job.outcome is None]:
            for job in waiting:
                # A cluster that does not answer now does later; the jobs go on.
                with contextlib.suppress(UserError):
                    job.look(going)
            if any(job.outcome is None for job in waiting):
                time.sleep(LOOK_S)


@dataclass
class _Job:
    """In the place of submitit's job, its `handle`."""

    batch: _Batch
    job: SweepJob
    sent: Submitted | None = None
    handle: Any = None
    outcome: Any = None
    gone: float | None = None

    def results(self) -> list[Any]:
        """The job's return, once all jobs of its batch have ended; a lost one's says nothing."""
        self.batch.wait()
        return [self.outcome]

    def look(self, going: Going) -> None:
        """Take the outcome, if it is there or will not come any more.

        Raises:
            UserError: the cluster does not answer.
        """
        if self.handle.paths.result_pickle.exists():
            self.outcome = self._read()
        elif self.sent is not None and going.has(self.sent):
            self.gone = None
        elif self.gone is None:
            self.gone = time.monotonic()
        elif time.monotonic() - self.gone >= LATE_S:
            self.outcome = self._lost()

    def _read(self) -> Any:
        from submitit.core.utils import UncompletedJobError

        try:
            return self.handle.results()[0]
        except UncompletedJobError:
            return self._lost()

    def _lost(self) -> Any:
        if self.job.is_finished():
            return self.job.finished()
        return self.job.lost(
            "the job was killed, or ended by the cluster (scancel, memory, time), before it had a result "
            f"({self.handle.job_id}; its log: {self.handle.paths.stdout}). The same command goes on with it."
        )
