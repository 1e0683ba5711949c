"""Processes beside this one that answer calls.

Each is a fresh interpreter that shares nothing with this one: neither threads and locks, nor what is replaced
in a library for a moment. Unlike multiprocessing's they do not run the caller's own script again, which one
without a guard would not survive.
"""

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import Any

from hw4.core.cores import CORES, share_of_cores

# What torch, OpenBLAS and MKL read once.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Seconds that the system may take to say how a process ended.
PATIENCE = 30.0


class WorkerKilled(Exception):
    """A worker's process ended before it had answered; the message says how.

    `started`: whether it had been ready for calls.
    """

    def __init__(self, how: str, started: bool) -> None:
        super().__init__(how)
        self.started = started


class Workers:
    """Up to `count` processes, each of which makes a function, ``make(*arguments)``, and answers calls of it.

    A process whose system kills it takes its own call along, and another one stands in for it. They end with
    the block, and with this process, however that ends; they never see Ctrl-C. Each has its share of the
    cores.

    Args:
        count: processes at most; they are started as calls need them.
        make: a function of a module, which the process imports.
        arguments: pickled.
    """

    def __init__(self, count: int, make: Callable[..., Callable[..., Any]], *arguments: Any) -> None:
        self._beginning = pickle.dumps((make, arguments))
        self._share = share_of_cores(count)
        # A thread waits for each process.
        self._pool = ThreadPoolExecutor(count, "worker")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._processes: list[_Process] = []
        self._closed = False

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(self, *arguments: Any) -> "Future[Any]":
        """A call; its future has the answer, what the call raised, or `WorkerKilled`."""
        return self._pool.submit(self._call, pickle.dumps(arguments))

    def close(self) -> None:
        """End the processes, whatever they do."""
        with self._lock:
            self._closed = True
            for process in self._processes:
                process.popen.kill()
        self._pool.shutdown(cancel_futures=True)
        for process in self._processes:
            process.popen.wait()
            process.connection.close()

    def _call(self, arguments: bytes) -> Any:
        """In the thread of a process, which is started with the first call."""
        process = getattr(self._own, "process", None)
        try:
            if process is None:
                process = self._started()
                process.ask(self._beginning, False)
                self._own.process = process
            return process.ask(arguments, True)
        except WorkerKilled:
            self._own.process = None
            raise

    def _started(self) -> "_Process":
        with self._lock:
            if self._closed:
                raise WorkerKilled("no more calls are taken", False)
            process = _Process(self._share)
            self._processes.append(process)
        return process


class _Process:
    """A worker as its caller sees it."""

    def __init__(self, share: int) -> None:
        self.connection, theirs = Pipe()
        with theirs:
            handle = theirs.fileno()
            code = (
                f"import sys; sys.path[:] = {sys.path!r}\nfrom hw4.core.workers import serve; serve({handle})"
            )
            self.popen = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                # What upstream's programs print would come between the lines of a table.
                stdout=subprocess.DEVNULL,
                pass_fds=(handle,),
                env={**os.environ, **_shares(share)},
                # Ctrl-C is the caller's to answer.
                start_new_session=True,
            )

    def ask(self, content: bytes, started: bool) -> Any:
        try:
            self.connection.send_bytes(content)
            good, value = pickle.loads(self.connection.recv_bytes())
        except (EOFError, OSError) as error:
            raise WorkerKilled(self._how(), started) from error
        if not good:
            raise value
        return value

    def _how(self) -> str:
        try:
            status = self.popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return "it does not answer"
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def _shares(share: int) -> dict[str, str]:
    """Cores and threads of a worker in its environment; fewer threads where the caller wants fewer."""
    given = {name: os.environ.get(name, "") for name in THREADS}
    threads = {name: min(share, int(text)) if text.isdecimal() else share for name, text in given.items()}
    return {name: str(number) for name, number in {CORES: share, **threads}.items()}


def serve(handle: int) -> None:
    """In a worker: answer calls until whoever makes them is done, or gone."""
    connection = Connection(handle)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, calls), daemon=True).start()
    function: Callable[..., Any] | None = None
    while True:
        try:
            content = pickle.loads(calls.get())
            if function is None:
                make, arguments = content
                function, value = make(*arguments), None
            else:
                value = function(*content)
            answer = pickle.dumps((True, value))
        except Exception as error:
            answer = pickle.dumps((False, _portable(error)))
        connection.send_bytes(answer)


def _receive(connection: Connection, calls: "queue.SimpleQueue[bytes]") -> None:
    while True:
        try:
            calls.put(connection.recv_bytes())
        except (EOFError, OSError):
            # Nobody is there any more, whatever is being computed.
            os._exit(0)


def _portable(error: Exception) -> Exception:
    """The error itself where another process can have it."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
