"""Commands that tests fork: a child is what a fresh interpreter is, as far as it can tell."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.support import forked
from tests.support.cli import hw4

pytestmark = pytest.mark.skipif(not forked.AVAILABLE, reason="a fresh interpreter is started here")

SURROUNDINGS = """
import json, locale, logging, os, resource, signal, stat, sys, tempfile, threading, warnings
handled = {one.name: str(signal.getsignal(one)) for one in signal.Signals}
main = sys.modules["__main__"]
print(json.dumps({
    "argv": sys.argv, "cwd": os.getcwd(), "environ": dict(os.environ), "path": sys.path,
    "handlers": {name: how.split(" at ")[0] for name, how in handled.items()},
    "name": __name__, "spec": main.__spec__ and main.__spec__.name, "is main": main.__dict__ is globals(),
    "open": [stat.S_IFMT(os.fstat(n).st_mode) for n in range(3)],
    "open beside": [n for n in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + n)],
    "streams": [(s.encoding, s.errors, s.isatty(), s.line_buffering) for s in (sys.stdout, sys.stderr)],
    "read": sys.stdin.read(),
    "session": [os.getsid(0), os.getpgid(0), os.umask(0o22)],
    "limits": resource.getrlimit(resource.RLIMIT_AS), "flags": list(sys.flags), "unset": tempfile.tempdir,
    "threads": [thread.name for thread in threading.enumerate()], "logging": len(logging.root.handlers),
    "ours": sorted(name for name in sys.modules if name.startswith(("hw4", "tests"))),
    "locale": locale.setlocale(locale.LC_ALL), "hook": sys.excepthook is sys.__excepthook__,
}))
"""


def fresh(
    arguments: list[str], cwd: Path, env: dict[str, str], module: str = "", code: str = ""
) -> subprocess.CompletedProcess[str]:
    start = ["-m", module] if module else ["-c", code]
    command = [sys.executable, *start, *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)


def both(
    cwd: Path, *arguments: str, module: str = "", code: str = "", **env: str
) -> list[subprocess.CompletedProcess[str]]:
    how = {"cwd": cwd, "env": forked.given({**os.environ, **env}), "module": module, "code": code}
    assert forked.can_fork(how["env"])  # type: ignore[arg-type]
    return [run([*arguments], **how) for run in (forked.run, fresh)]  # type: ignore[operator]


@pytest.mark.parametrize("module", ["surroundings", ""])
@pytest.mark.parametrize("more", [[], ["more", "more/again", "more", ""]])
def test_it_finds_the_same_surroundings(module: str, more: list[str], tmp_path: Path) -> None:
    (tmp_path / "surroundings.py").write_text(SURROUNDINGS)
    before = os.environ.get("PYTHONPATH", "")
    paths = os.pathsep.join([*(str(tmp_path / one) if one else "" for one in more), before])
    how = {"module": module, "code": "" if module else SURROUNDINGS, "PYTHONPATH": paths}
    ours, theirs = both(tmp_path, "-m", "a b", "", COLUMNS="33", **how)
    assert ours.stderr == theirs.stderr == ""
    found, expected = json.loads(ours.stdout), json.loads(theirs.stdout)
    assert found["environ"].pop("OMP_WAIT_POLICY", None) == expected["environ"].pop("OMP_WAIT_POLICY", None)
    assert found == expected


@pytest.mark.parametrize(
    "code",
    [
        "print('no end of line', end='')",
        "import sys; sys.exit(3)",
        "import sys; sys.exit(259)",
        "import sys; sys.exit('a sentence')",
        "import sys; sys.exit(None)",
        "import os; os._exit(4)",
        "import os; os.kill(os.getpid(), 9)",
        "import os; os.kill(os.getpid(), 15)",
        "raise KeyboardInterrupt",
        "import os, time; os.kill(os.getpid(), 2); time.sleep(9)",
        "import atexit; atexit.register(print, 'last'); print('first'); 1 / 0",
        "import atexit, sys; atexit.register(print, 'last', file=sys.stderr); sys.exit(5)",
        "import threading, time; threading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()",
        "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "from concurrent.futures import ThreadPoolExecutor as P; P(1).submit(print, 'late')",
        "import tempfile, atexit; t = tempfile.TemporaryDirectory(dir='.'); atexit.register(print, 'end')",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(input())'])",
        "import multiprocessing as m; m.get_context('spawn').Process(target=print, args=('x',)).start()",
        "import random, numpy; open('seeds', 'a').write(f'{random.random()} {numpy.random.rand()} ')",
    ],
)
def test_it_ends_as_it_would(code: str, tmp_path: Path) -> None:
    ours, theirs = both(tmp_path, code=code)
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    # A traceback begins with where it was started from.
    assert ours.stderr.splitlines()[-2:] == theirs.stderr.splitlines()[-2:]
    assert [path.name for path in tmp_path.iterdir()] == (["seeds"] if "seeds" in code else [])
    if "seeds" in code:
        assert len(set((tmp_path / "seeds").read_text().split())) == 4


def test_one_that_lasts_too_long_is_killed(tmp_path: Path) -> None:
    code = "import os, time; open('number', 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(subprocess.TimeoutExpired):
        forked.run([], cwd=tmp_path, code=code, timeout=0.5)
    assert not psutil.pid_exists(int((tmp_path / "number").read_text()))


def test_several_run_side_by_side_and_can_be_told_to_end(tmp_path: Path) -> None:
    code = "import time; time.sleep(60)"
    processes = [forked.Forked([], cwd=tmp_path, code=code) for _ in range(3)]
    assert [process.poll() for process in processes] == [None] * 3
    for number, process in zip((15, 9, 2), processes, strict=True):
        process.send_signal(number)
    assert [process.wait(10) for process in processes] == [-15, -9, -2]


def test_what_a_library_reads_at_its_import_asks_for_a_fresh_interpreter(tmp_path: Path) -> None:
    assert forked.can_fork({**os.environ, "HYDRA_FULL_ERROR": "1"})
    for name in (
        "OMP_NUM_THREADS",
        "NUMBA_DISABLE_JIT",
        "PYTHONHASHSEED",
        "HOME",
        "OMP_WAIT_POLICY",
    ):
        env = {**os.environ, name: "7"}
        assert not forked.can_fork(env), name
    code = "import sys; print(sys.orig_argv[1], 'torch' in sys.modules)"
    done = forked.run([], cwd=tmp_path, env={**os.environ, "HOME": "/"}, code=code)
    assert done.stdout == "-c False\n"


def test_what_libraries_leave_in_pytests_environment_is_not_for_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_SERVICE", "of pytest's own process")
    assert forked.can_fork(os.environ)
    for env in (os.environ, {**os.environ, "HOME": "/"}):
        code = "import os, sys; print('WANDB_SERVICE' in os.environ)"
        assert forked.run([], cwd=tmp_path, env=env, code=code).stdout == "False\n"


def test_the_server_has_one_thread_and_no_module_that_looks_around(tmp_path: Path) -> None:
    names = (*forked.LIBRARIES, "hw4", "pandas", "gsplat", "huggingface_hub.constants")
    code = f"import os, sys; print([name for name in {names} if name in sys.modules]); print(os.getppid())"
    loaded, between = forked.run([], cwd=tmp_path, code=code).stdout.splitlines()
    assert set(json.loads(loaded.replace("'", '"'))) <= set(forked.LIBRARIES) and "torch" in loaded
    server = forked._server().process.pid
    assert psutil.Process(server).num_threads() == 1 and int(between) != server


def test_the_server_ends_with_whoever_started_it() -> None:
    server = forked._Server(libraries=())
    server.close()
    assert server.process.wait(20) == 0


@pytest.mark.slow
def test_a_command_prints_and_leaves_the_same(tmp_path: Path) -> None:
    options = [
        "task=pose",
        "model=sfm",
        "data.pairs=2",
        "data.frames=3",
        "wandb=disabled",
        "cache.reuse=false",
    ]
    found = []
    for fresh in (False, True):
        done = hw4(tmp_path, *options, "hydra.run.dir=out", fresh=fresh)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        out = (tmp_path / "out").rename(tmp_path / f"out{fresh}")
        results = json.loads((out / "results.json").read_text())
        files = sorted(str(path.relative_to(out)) for path in out.rglob("*"))
        printed = re.sub(r"[\d.]+ (s|MB)", "", done.stdout)
        found.append((printed, files, results["pose"]["metrics"], set(results["provenance"])))
    assert found[0] == found[1]


def test_threads_may_ask_at_once(tmp_path: Path) -> None:
    outputs: list[str] = []

    def ask(number: int) -> None:
        outputs.append(forked.run([], cwd=tmp_path, code=f"print({number})").stdout)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outputs) == [f"{number}\n" for number in range(8)]
