"""All that needs a GPU, in under ten minutes: what works there, whether it says what the CPU says, times.

    python -m benchmarks.gpu_check [--out FILE] [--device cpu]

Leaves one record, ``benchmarks/results/gpu.json``, that `benchmarks.table` reads. Whatever goes wrong in a
part is written down, and the next one begins; a part for which no time is left is left out. ``--device cpu``
goes through all parts at sizes that say nothing, to try this program, and writes only where ``--out`` says.
"""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.measure import RESULTS, Record, begin, make_parser, seconds
from hw4.launch.doctor.gpu import gpu
from hw4.launch.doctor.software import packages, program
from hw4.launch.doctor.sources import sources
from hw4.launch.doctor.storage import disks, weights

ROOT = Path(__file__).parent.parent
# All parts that have begun by then are done within ten minutes on the cards this was written for.
LIMIT_S = 450.0
ON_GPU = ("tests/splat/rasterize/test_gsplat.py", "tests/splat/training/test_device_waits.py")
# With no GPU to be seen: whether this Python and this torch give what the project's own do.
ON_CPU = ("tests/splat/rasterize", "tests/models/test_models_parity.py", "tests/models/dust3r")
NO_GPU = "torch sees no CUDA GPU on this machine: run this again where there is one."

Part = Callable[[Record], str]


class Failed(Exception):
    """A part that ran and found something wrong, in words."""


def run_part(record: Record, name: str, part: Part, began: float) -> None:
    """Do one part and keep what came of it: never an exception."""
    if time.monotonic() - began > LIMIT_S:
        record.parts[name] = {"ok": None, "outcome": "left out, out of time", "seconds": 0.0}
        return
    print(f"\n== {name}", flush=True)
    start = time.monotonic()
    try:
        ok, outcome = True, part(record)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        first = (str(error).strip().splitlines() or [""])[0][:400]
        ok, outcome = False, first if isinstance(error, Failed) else f"{type(error).__name__}: {first}"
    spent = time.monotonic() - start
    record.parts.setdefault(name, {}).update({"ok": ok, "outcome": outcome, "seconds": spent})
    print(f"{'done' if ok else 'FAILED'} in {seconds(spent)}: {outcome}", flush=True)


def doctor(record: Record) -> str:
    """What `hw4 doctor` says of the machine."""
    problems: list[str] = []
    facts: list[str] = []
    # Not among the facts of the table: what belongs to one machine.
    record.parts["doctor"] = {"facts": facts, "problems": problems}
    for examine in (program, packages, gpu, sources, weights, disks):
        section = examine()
        problems += section.problems
        facts += [f"{section.title}, {name}: {value}" for name, value in section.facts]
    print("\n".join([*facts, *(f"wrong: {problem}" for problem in problems)]))
    return f"{len(problems)} things are wrong" if problems else "nothing is wrong"


def build(record: Record) -> str:
    """gsplat's CUDA extension, compiled or found."""
    from hw4.splat.rasterize.cuda import built_extension, load_gsplat

    load_gsplat()
    return f"gsplat's extension is {built_extension()}"


def tests(record: Record, paths: Sequence[str], visible: bool, select: str, timeout_s: float) -> str:
    """pytest on some tests.

    Raises:
        Failed: some failed, or none ran.
    """
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    if not visible:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *paths]
        command += ["-m", "not slow", "-k", select]
        try:
            subprocess.run(command, cwd=ROOT, env=environment, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"not done after {timeout_s:.0f} s") from error
        if not report.is_file():
            raise Failed("pytest did not run: see its message above")
        cases = list(ET.parse(report).getroot().iter("testcase"))
    bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    summary = f"{len(cases) - len(bad) - skipped} passed, {len(bad)} failed, {skipped} skipped"
    if bad or len(cases) == skipped:
        names = ", ".join(f"{case.get('classname')}::{case.get('name')}" for case in bad[:10])
        raise Failed(f"{summary}{': ' if names else ''}{names}")
    return summary


def measured(record: Record, name: str, device: torch.device, tiny: bool) -> str:
    """A part of `benchmarks.cuda`."""
    # Here: what cannot be imported is a part's failure, not the program's.
    from benchmarks import cuda

    before = len(record.ratios), len(record.facts)
    getattr(cuda, name)(record, cuda.Machine(device, tiny))
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return f"{len(record.ratios) - before[0]} comparisons, {len(record.facts) - before[1]} further lines"


def all_parts(device: torch.device, tiny: bool) -> dict[str, Part]:
    """What is done, in order: what tells most first."""
    of = partial(measured, device=device, tiny=tiny)
    there = {
        "doctor": doctor,
        "gsplat built": build,
        "tests on the GPU": partial(tests, paths=ON_GPU, visible=True, select="", timeout_s=180),
        "renders and gradients": partial(of, name="renders"),
        "cameras": partial(of, name="poses"),
        "alignment": partial(of, name="alignment"),
        "SSIM": partial(of, name="similarity"),
        "training": partial(of, name="training"),
        "DUSt3R": partial(of, name="dust3r"),
        "VGGT": partial(of, name="vggt"),
        "tests without the GPU": partial(tests, paths=ON_CPU, visible=False, select="", timeout_s=140),
    }
    if tiny:
        few = "says_what_to_do or not_asked_to_render_nothing"
        there["tests on the GPU"] = partial(tests, paths=ON_GPU[:1], visible=True, select=few, timeout_s=180)
        del there["tests without the GPU"]
    return there


def main(argv: Sequence[str] | None = None) -> int:
    """0: all parts went well; 1: some did not, or there is no GPU."""
    parser = make_parser("gpu_check", __doc__)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu: a try, tiny")
    parser.add_argument(
        "--out", type=Path, help="where the record goes; default: benchmarks/results/gpu.json"
    )
    options = parser.parse_args(argv)
    tiny = options.device == "cpu"
    if tiny and options.out is None:
        parser.error("--device cpu measures nothing: say with --out where its record goes")
    if not tiny and not torch.cuda.is_available():
        print(NO_GPU)
        return 1
    record, began = begin("gpu", tiny), time.monotonic()
    out = options.out or RESULTS / "gpu.json"
    for name, part in all_parts(torch.device(options.device), tiny).items():
        run_part(record, name, part, began)
        # After each: a machine that is taken away leaves what was done.
        record.write(out)
    bad = [name for name, part in record.parts.items() if not part["ok"]]
    print(
        f"\n{out}: {len(record.parts) - len(bad)} of {len(record.parts)} parts went well, in "
        f"{seconds(time.monotonic() - began)}" + (f"; not: {', '.join(bad)}" if bad else "")
    )
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
