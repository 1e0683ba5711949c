"""A process that has imported the libraries of a command line and forks a child for each command.

`tests.support.forked` starts this script with the number of a socket and the names of the libraries. A
child goes on as a fresh interpreter would that has the imports of these libraries behind it: nothing has
been computed, no thread runs, and hw4 itself is imported by each child, in its own environment.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

THREADS = Path(__file__).parents[2] / "hw4" / "launch" / "threads.py"


def serve(control: socket.socket) -> tuple[dict[str, Any], list[int], int]:
    """Returns in every child: what is asked for, the standard streams, and where it says that it begins."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 4)
        if not message:
            os._exit(0)
        # One process in between waits for the child, so that the next is not kept waiting.
        between = os.fork()
        if between == 0:
            *standard, report = descriptors
            child = os.fork()
            if child == 0:
                control.close()
                return json.loads(message), standard, report
            _report_on(child, standard, report)
        for one in descriptors:
            os.close(one)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _report_on(child: int, standard: list[int], report: int) -> None:
    """The child's status, when it has ended."""
    # Whoever reads what the child writes waits until nobody else can write.
    for one in standard:
        os.close(one)
    _, status = os.waitpid(child, 0)
    os.write(report, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def become(request: dict[str, Any], standard: list[int], report: int) -> None:
    """Streams, folder, environment, path and signals as the interpreter finds them when it starts.

    Then it says its number: a signal finds it ready.
    """
    for number, one in enumerate(standard):
        os.dup2(one, number)
        os.close(one)
    os.chdir(request["cwd"])
    before = os.environ.get("PYTHONPATH", "")
    os.environ.clear()
    os.environ.update(request["env"])
    first = str(Path.cwd()) if request["module"] else ""
    sys.path[:] = [
        first,
        *_entries(request["env"].get("PYTHONPATH", "")),
        *sys.path[1 + len(_entries(before)) :],
    ]
    importlib.invalidate_caches()
    tempfile.tempdir = None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        # Python does so with its own random numbers.
        numpy.random.seed()
    os.write(report, b"%d\n" % os.getpid())
    os.close(report)


def _entries(python_path: str) -> list[str]:
    """What ``PYTHONPATH`` adds to ``sys.path``."""
    entries = python_path.split(os.pathsep) if python_path else []
    return list(dict.fromkeys(str(Path(one).absolute()) for one in entries))


def run(request: dict[str, Any]) -> None:
    """``python -m module arguments`` or ``python -c code arguments``."""
    if request["module"]:
        sys.argv = ["-m", *request["arguments"]]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        return
    sys.argv = ["-c", *request["arguments"]]
    main = sys.modules["__main__"] = ModuleType("__main__")
    exec(compile(request["code"], "<string>", "exec"), main.__dict__)


class Ending:
    """How a child ends: registered before all else, so that it comes last, when all is put away and written.

    What Python does after that, to clear one module after the other, takes a forked process seconds.
    """

    def __init__(self) -> None:
        self.status = 1
        self.interrupted = False

    def run(self, request: dict[str, Any], standard: list[int], report: int) -> None:
        """Run the command; what it raises goes on to the interpreter, which prints it."""
        try:
            become(request, standard, report)
            run(request)
            self.status = 0
        except SystemExit as end:
            self.status = end.code & 0xFF if isinstance(end.code, int) else int(end.code is not None)
            raise
        except KeyboardInterrupt:
            self.interrupted = True
            raise

    def leave(self) -> None:
        """The end."""
        sys.stdout.flush()
        sys.stderr.flush()
        if self.interrupted:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        os._exit(self.status)


if __name__ == "__main__":
    ending = Ending()
    atexit.register(ending.leave)
    # The caller's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    runpy.run_path(str(THREADS))["settle_threads"]()
    for library in sys.argv[2:]:
        with suppress(ImportError):
            importlib.import_module(library)
    # What is there need not be looked through again and again.
    gc.freeze()
    ending.run(*serve(socket.socket(fileno=int(sys.argv[1]))))
