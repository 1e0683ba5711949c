"""``hydra/launcher=joblib`` whose jobs fail alone: each runs in a process that takes no other along.

The plugin's own pool ends with the first worker that the system kills, and leaves workers behind when the
sweep itself is killed.
"""

import contextlib
import os
import re
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from itertools import cycle, islice
from typing import Any

from hw4.core.cores import CORES, share_of_cores
from hw4.launch.gpus import VISIBLE
from hw4.launch.job_returns import SweepJob

# How often a worker looks whether its sweep is still there.
LOOK_S = 1.0


def install_job_processes(devices: Sequence[str] = ()) -> None:
    """Let the joblib launcher, where it is installed, run its jobs this way, each on one of the GPUs."""
    with contextlib.suppress(ImportError):
        from hydra_plugins.hydra_joblib_launcher import _core

        _core.Parallel = partial(JobProcesses, devices=devices)


class JobProcesses:
    """In the place of `joblib.Parallel`: a process for each of the `n_jobs` that run at a time.

    A job whose process is killed gets a ``results.json`` that says so, and a new process stands in for it.
    The processes end with the sweep, however that ends. With `devices`, a process sees one of them alone, and
    there is one for each where `n_jobs` does not say how many.
    """

    def __init__(self, n_jobs: int | None = None, devices: Sequence[str] = (), **_others: Any) -> None:
        from joblib import effective_n_jobs

        one_each = bool(devices) and n_jobs in (None, -1)
        self.n_jobs = len(devices) if one_each else effective_n_jobs(n_jobs)
        # As often as there are processes, dealt out in turn.
        self._free = deque(islice(cycle(devices or (None,)), self.n_jobs))
        self._share = share_of_cores(self.n_jobs)

    def __call__(self, calls: Iterable[tuple[Any, tuple[Any, ...], dict[str, Any]]]) -> list[Any]:
        """Run joblib's delayed calls; the results are in their order."""
        todo = deque(enumerate(calls))
        results: list[Any] = [None] * len(todo)
        running: dict[Future[Any], tuple[_Process, int, tuple[Any, ...]]] = {}
        idle = [_Process(self._free.popleft(), self._share) for _ in range(min(self.n_jobs, len(todo)))]
        try:
            while todo or running:
                while todo and idle:
                    index, (function, arguments, named) = todo.popleft()
                    process = idle.pop()
                    future = process.pool.submit(function, *arguments, **named)
                    running[future] = process, index, arguments
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    process, index, arguments = running.pop(future)
                    try:
                        results[index] = future.result()
                        idle.append(process)
                    except _killed() as error:
                        process.pool.shutdown(kill_workers=True)
                        results[index] = _lost(str(error), *arguments[:4])
                        idle.append(_Process(process.device, self._share))
        finally:
            for process in [*idle, *(process for process, _, _ in running.values())]:
                process.pool.shutdown(kill_workers=True)
        return results


class _Process:
    """A process that runs one job after another on its share of the cores, with one GPU in sight or all."""

    def __init__(self, device: str | None, share: int) -> None:
        from joblib.externals.loky import ProcessPoolExecutor

        self.device = device
        arguments = (os.getpid(), device, share)
        self.pool = ProcessPoolExecutor(max_workers=1, initializer=_end_with, initargs=arguments)


def _killed() -> type[Exception]:
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    return TerminatedWorkerError


def _end_with(parent: int, device: str | None, share: int) -> None:
    """In a worker: Ctrl-C is the sweep's to answer, and a sweep that is gone needs no worker."""
    os.environ[CORES] = str(share)
    # Before any job imports torch, which looks at it once.
    if device is not None:
        os.environ[VISIBLE] = device
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _lost(why: str, number: int, overrides: Iterable[str], hydra_context: Any, sweep: Any) -> Any:
    """What a job comes to whose process was killed; its folder says so."""
    found = re.search(r"exit codes of the workers are \{(.*)\}", why)
    error = (
        f"the job's process was killed ({found[1] if found else 'why is unknown'}); where memory was "
        "too little, give fewer jobs at once (hydra.launcher.n_jobs=...). The same command goes on with it."
    )
    return SweepJob(number, overrides, hydra_context, sweep).lost(error)
