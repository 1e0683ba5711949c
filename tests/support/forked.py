"""Commands in processes that are forked from one that has imported the libraries: as `subprocess`, sooner.

A child differs from a fresh interpreter in what stands in ``sys.modules``, in its hash seed, which its
siblings share, and in that Python does not clear its modules at the end; `tests/launch/test_forked.py` says
what is alike. Where a variable differs that libraries may read when they are imported, and where there is no
forking, a fresh interpreter is started. A test about imports, about options or the start of the interpreter,
about memory, or of a wheel starts one itself.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import IO

# A library may ask the driver of a GPU while it is imported, whose answers do not outlive a fork.
GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
AVAILABLE = sys.platform == "linux" and not any(Path(device).exists() for device in GPUS)
SERVER = Path(__file__).with_name("fork_server.py")
# What commands take seconds to import; neither pandas, whose presence hw4 asks for, nor huggingface_hub and
# gsplat, which look around them when they are imported.
LIBRARIES = (
    *("hydra", "rich.progress", "jinja2", "matplotlib.pyplot", "matplotlib.backends.backend_agg", "wandb"),
    *("scipy.stats", "scipy.signal", "scipy.ndimage", "cv2", "numba", "trimesh", "imageio", "plyfile"),
    *("torch", "torchvision", "torchmetrics", "lpips", "einops", "roma", "safetensors.torch"),
)
# Read when they are needed, and by none of these while it is imported; but matplotlib looks for its fonts.
RUNTIME = {
    *("COLUMNS", "PATH", "PYTHONPATH", "PYTEST_CURRENT_TEST", "HYDRA_FULL_ERROR"),
    *("XDG_CACHE_HOME", "HF_HUB_OFFLINE", "HF_HOME"),
}
# What `hw4.launch.threads` gives a process that has none.
SETTLED = {"OMP_WAIT_POLICY": "PASSIVE"}
# What cv2, W&B and torch put into the environment of whoever imports them, pytest among them.
LEFT = {
    *("QT_QPA_FONTDIR", "QT_QPA_PLATFORM_PLUGIN_PATH", "LD_LIBRARY_PATH", "OPENCV_IO_ENABLE_OPENEXR"),
    *("WANDB_SILENT", "WANDB_SERVICE", "TORCHINDUCTOR_CACHE_DIR"),
}
_BEFORE = dict(os.environ)


def given(env: Mapping[str, str]) -> dict[str, str]:
    """An environment without what libraries have left in it since this module was imported."""
    return {name: value for name, value in env.items() if name not in LEFT or value == _BEFORE.get(name)}


class _Server:
    """One for each process that asks; it ends with it."""

    def __init__(self, libraries: Sequence[str] = LIBRARIES) -> None:
        # Not that of the test which happens to be the first to ask.
        self.environment = dict(_BEFORE)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), str(theirs.fileno()), *libraries],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def fork(self, request: Mapping[str, object], descriptors: Sequence[int]) -> IO[bytes]:
        """What the server reports of the child."""
        reading, writing = os.pipe()
        socket.send_fds(self._socket, [json.dumps(request).encode()], [*descriptors, writing])
        os.close(writing)
        return os.fdopen(reading, "rb", buffering=0)

    def close(self) -> None:
        """Nothing more is asked for; what runs goes on."""
        self._socket.close()


@cache
def _server() -> _Server:
    return _Server()


_LOCK = threading.Lock()


def can_fork(env: Mapping[str, str]) -> bool:
    """Whether a child of the server is what a fresh interpreter in this environment would be."""
    if not AVAILABLE:
        return False
    with _LOCK:
        theirs = _server().environment
    ours, theirs = ({**SETTLED, **one} for one in (given(env), theirs))
    return all(name in RUNTIME or ours.get(name) == theirs.get(name) for name in ours.keys() | theirs.keys())


class Forked:
    """What of `subprocess.Popen` is needed: a child that has been forked, with its number and its status.

    Its arguments are those of `start`.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] = os.environ,
        module: str = "",
        code: str = "",
        stdout: int = 1,
        stderr: int = 2,
    ) -> None:
        what = {"arguments": [*arguments], "module": module, "code": code}
        request = {**what, "cwd": str(cwd), "env": given(env)}
        with _LOCK:
            self._report = _server().fork(request, [0, stdout, stderr])
        self.returncode: int | None = None
        self.pid = int(self._line())

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            one = self._report.read(1)
            assert one, "the fork server has ended; what it said stands above"
            line += one
        return line

    def poll(self) -> int | None:
        """The status, as Popen's; None while it runs."""
        if self.returncode is None and select.select([self._report], [], [], 0)[0]:
            return self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The status.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self.returncode is None:
            if not select.select([self._report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("forked", timeout or 0)
            self.returncode = int(self._line())
            self._report.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, where it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def start(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] = os.environ,
    module: str = "",
    code: str = "",
    stdout: int = 1,
    stderr: int = 2,
) -> Forked | subprocess.Popen[bytes]:
    """Begin ``python -m module arguments``, or ``python -c code arguments``; the streams are descriptors."""
    if can_fork(env):
        return Forked(arguments, cwd=cwd, env=env, module=module, code=code, stdout=stdout, stderr=stderr)
    how = ["-m", module] if module else ["-c", code]
    command = [sys.executable, *how, *arguments]
    return subprocess.Popen(command, cwd=cwd, env=given(env), stdout=stdout, stderr=stderr)


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] = os.environ,
    module: str = "",
    code: str = "",
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """As `start`, waited for; with its status, and the text that it printed.

    Raises:
        subprocess.TimeoutExpired: it did not end in time, and was killed.
    """
    (output, to_output), (error, to_error) = os.pipe(), os.pipe()
    with ThreadPoolExecutor(2) as pool:
        texts = [pool.submit(_read, one) for one in (output, error)]
        try:
            process = start(
                arguments, cwd=cwd, env=env, module=module, code=code, stdout=to_output, stderr=to_error
            )
        finally:
            os.close(to_output)
            os.close(to_error)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return subprocess.CompletedProcess([*arguments], status, *(text.result() for text in texts))


def _read(descriptor: int) -> str:
    with os.fdopen(descriptor, encoding="utf-8") as file:
        return file.read()
