"""Programs for `model=external` that do one thing each, in Python without any package."""

import sys
from pathlib import Path

from hw4.models.external.config import ExternalConfig

_COMMON = '''
import json, os, signal, subprocess, sys, time, zipfile, io, struct

def say(**message):
    print(json.dumps(message), flush=True)

def npy(values, shape):
    """An .npy file of float64 numbers."""
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': %r, }" % (shape,)
    header += " " * (-(len(header) + 11) % 64) + "\\n"
    return b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack(
        "<%dd" % len(values), *values
    )

def answer(request, **words):
    """View v is turned by nothing and moved by v."""
    n = len(request["images"])
    values = [float(x) for v in range(n) for x in (1, 0, 0, v, 0, 1, 0, 0, 0, 0, 1, 0)]
    with zipfile.ZipFile(request["npz"], "w") as archive:
        archive.writestr("cam_from_world.npy", npy(values, (n, 3, 4)))
    say(**{"id": request["id"], "npz": request["npz"], **words})

def requests():
    for line in sys.stdin:
        yield json.loads(line)

def first_time(name):
    """Whether this is the first program that asks; the others find the file."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
'''
_GREETING = """
say(hw4=1, name="stub", version="1")
say(ready=True)
"""
_ANSWERS = """
for request in requests():
    answer(request)
"""


def program(folder: Path, body: str = _ANSWERS, greeting: str = _GREETING) -> list[str]:
    """The command of a program: `greeting`, then `body`, after some functions that both may use."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "serve.py"
    path.write_text("\n".join([_COMMON, greeting, body]))
    return [sys.executable, "-I", "-S", str(path)]


def answering_after(first: str) -> str:
    """A body that does something at the first request of all, and answers the others."""
    return f"""
for request in requests():
    if first_time("first"):
        {first}
    else:
        answer(request)
"""


def external(command: list[str], timeout: float = 20.0, start_timeout: float = 20.0) -> ExternalConfig:
    """The configuration of a program."""
    return ExternalConfig(command=command, timeout=timeout, start_timeout=start_timeout)
