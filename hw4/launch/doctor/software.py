"""hw4 itself, Python, the machine, and the packages with their ranges."""

import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from importlib.util import find_spec

from packaging.requirements import Requirement

from hw4.core.cores import usable_cores
from hw4.core.provenance import provenance
from hw4.core.scale import in_units
from hw4.launch.doctor.section import Section

# Compiled libraries that may be there and not load: no libGL, another C library, a processor that is too old.
COMPILED = ("torch", "torchvision", "cv2", "pycolmap", "numba", "scipy.spatial")
IMPORT_S = 120


def program() -> Section:
    """Version, commit, Python and machine."""
    section = Section("hw4")
    facts = provenance()
    version = facts["hw4"]
    if facts["git_commit"]:
        version += f", commit {facts['git_commit']}{' with changes' if facts['git_dirty'] else ''}"
    elif facts["wheel"]:
        version += f", wheel of content {facts['wheel']['content']}"
    section.says("version", version)
    section.says("Python", f"{facts['python']}, {sys.executable}")
    section.says("platform", facts["platform"])
    section.says("processor", f"{facts['cpu']}, {usable_cores()} of {facts['cpu_count']} cores")
    section.says("memory", _memory())
    return section


def _memory() -> str:
    total = in_units(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return total if limit == resource.RLIM_INFINITY else f"{total}, limited to {in_units(limit)} (ulimit -v)"


def packages() -> Section:
    """Every package that hw4 asks for, and whether it is there, in its range, and loads."""
    section = Section("packages")
    try:
        wanted = [Requirement(line) for line in metadata.requires("hw4") or ()]
    except metadata.PackageNotFoundError:
        section.says("hw4", "not installed, runs from its source alone")
        section.problems.append(
            "hw4 is not installed here: `make setup`, or `pip install -e .`, brings its packages."
        )
        wanted = []
    base = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    for requirement in base:
        version, problem = judged(requirement)
        section.says(requirement.name, version or "missing")
        section.problems += [problem] if problem else []
    for extra, missing in incomplete_extras(wanted, base).items():
        state = (
            f"incomplete, lacks {', '.join(missing)}: pip install 'hw4[{extra}]'" if missing else "complete"
        )
        section.says(f"[{extra}]", state)
    section.problems += unloadable(COMPILED)
    return section


def judged(requirement: Requirement) -> tuple[str | None, str | None]:
    """(installed version, what is wrong with it) of a requirement."""
    wanted = f"{requirement.name}{requirement.specifier}"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return None, f"{requirement.name} is not installed: pip install '{wanted}'."
    if requirement.specifier.contains(version, prereleases=True):
        return version, None
    return version, f"{requirement.name} {version} is not in the range of hw4: pip install '{wanted}'."


def incomplete_extras(wanted: Iterable[Requirement], base: Iterable[Requirement]) -> dict[str, list[str]]:
    """What each extra lacks here."""
    always = {str(requirement) for requirement in base}
    optional = [r for r in wanted if r.marker is not None and str(r) not in always]
    distribution = metadata.metadata("hw4") if optional else None
    extras = sorted(distribution.get_all("Provides-Extra") or ()) if distribution else []
    return {extra: list(dict.fromkeys(_lacking(extra, optional))) for extra in extras}


def _lacking(extra: str, optional: Iterable[Requirement]) -> Iterator[str]:
    """Names of what an extra lacks, and of what the extras lack that it consists of."""
    for requirement in optional:
        if requirement.marker is None or not requirement.marker.evaluate({"extra": extra}):
            continue
        if requirement.name == "hw4":
            for part in sorted(requirement.extras):
                yield from _lacking(part, optional)
        elif judged(requirement)[1]:
            yield requirement.name


def unloadable(modules: Iterable[str]) -> list[str]:
    """A sentence for each module that is there and cannot be imported.

    Each is tried in a process of its own: one that was compiled for another processor ends it.
    """
    there = [name for name in modules if find_spec(name.split(".")[0]) is not None]
    with ThreadPoolExecutor(2) as pool:
        return [problem for problem in pool.map(_import_problem, there) if problem]


def _import_problem(name: str) -> str | None:
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"import {name}"], capture_output=True, text=True, timeout=IMPORT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{name} could not be tried: {error}."
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        return f"importing {name} ends Python (signal {-done.returncode}): it is built for another processor."
    said = done.stderr.strip().splitlines()
    advice = (
        "; opencv-python-headless in the place of opencv-python needs no libGL"
        if "libGL" in done.stderr
        else ""
    )
    return f"{name} does not load ({said[-1] if said else platform.machine()}){advice}."
