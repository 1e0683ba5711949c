"""The GPU: driver, torch's build, devices, gsplat's extension, and whether they fit each other."""

import logging
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from hw4.core.scale import in_units
from hw4.launch.doctor.section import Section

CHOOSE_TORCH = "https://pytorch.org/get-started/locally"


@dataclass(frozen=True)
class Driver:
    """What ``nvidia-smi`` says: driver and the newest CUDA that it runs, a line for each GPU."""

    version: str
    cuda: str | None
    gpus: tuple[str, ...]


@dataclass(frozen=True)
class Torch:
    """How torch is built and what it sees.

    Attributes:
        version: torch's own.
        cuda: version of the CUDA toolkit that it is built with, or None; `rocm` that of AMD's.
        architectures: as ``sm_80``, that its kernels are compiled for; ``compute_90`` fits later ones.
        devices: a line for each GPU; `capabilities` their compute capabilities.
    """

    version: str
    cuda: str | None
    rocm: str | None
    architectures: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    capabilities: tuple[tuple[int, int], ...] = ()

    @property
    def build(self) -> str:
        """In words."""
        return f"CUDA {self.cuda}" if self.cuda else f"ROCm {self.rocm}" if self.rocm else "CPU only"


@dataclass(frozen=True)
class Toolkit:
    """What gsplat needs to be compiled: version of nvcc, whether ninja is there, what is compiled already."""

    nvcc: str | None
    ninja: bool
    compiled: str | None


def gpu() -> Section:
    """Everything about the GPU."""
    section, driver, torch = Section("GPU"), find_driver(), find_torch()
    section.says("driver", "none found" if driver is None else f"{driver.version}, CUDA up to {driver.cuda}")
    for line in driver.gpus if driver else ():
        section.says("card", line)
    if torch is None:
        section.says("torch", "not installed: models with weights and splatting need it")
        return section
    section.says("torch", f"{torch.version}, built for {torch.build}")
    for line in torch.devices or ("none: networks and splats run on the CPU",):
        section.says("torch sees", line)
    section.problems += torch_problems(driver, torch)
    if find_spec("gsplat") is not None:
        toolkit = find_toolkit()
        section.says("nvcc", toolkit.nvcc or "none")
        section.says("gsplat", toolkit.compiled or "its CUDA extension is not compiled yet")
        section.problems += gsplat_problems(torch, toolkit)
    return section


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def find_driver() -> Driver | None:
    """What ``nvidia-smi`` says; None: there is none, or it fails."""
    said = _output("nvidia-smi")
    return None if said is None else parse_driver(said, _output("nvidia-smi", "-L") or "")


def parse_driver(said: str, listed: str) -> Driver:
    """The driver from the two texts of ``nvidia-smi`` and ``nvidia-smi -L``."""
    version = re.search(r"Driver Version: *([\d.]+)", said)
    cuda = re.search(r"CUDA Version: *([\d.]+)", said)
    gpus = tuple(re.sub(r" *\(UUID.*", "", line).strip() for line in listed.splitlines() if line.strip())
    return Driver(version[1] if version else "unknown", cuda[1] if cuda else None, gpus)


def find_torch() -> Torch | None:
    """Torch's build and devices; None where it is not installed or does not load."""
    try:
        import torch
    except (ImportError, OSError):
        return None
    built = (str(torch.__version__), torch.version.cuda, getattr(torch.version, "hip", None))
    if not torch.cuda.is_available():
        mps = ("mps (Apple's GPU)",) if torch.backends.mps.is_available() else ()
        return Torch(*built, devices=mps)
    all_properties = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    devices = tuple(
        f"cuda:{i}: {p.name}, compute capability {p.major}.{p.minor}, {in_units(p.total_memory)}"
        for i, p in enumerate(all_properties)
    )
    capabilities = tuple((p.major, p.minor) for p in all_properties)
    return Torch(*built, tuple(torch.cuda.get_arch_list()), devices, capabilities)


def _numbers(version: str | None) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version or "")[:2]))


def fits(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Whether kernels for these architectures run on a card: of its major version, or as portable code."""
    for architecture in architectures:
        found = re.fullmatch(r"(sm|compute)_(\d+)(\d)[af]?", architecture)
        if found is None:
            continue
        built = int(found[2]), int(found[3])
        same = built[0] == capability[0] and built <= capability
        if same or (found[1] == "compute" and built <= capability):
            return True
    return not architectures


def torch_problems(driver: Driver | None, torch: Torch) -> list[str]:
    """Where the driver, the cards and torch's build do not fit each other."""
    problems = []
    if driver is not None and driver.gpus and not torch.devices:
        limit = f" for CUDA {driver.cuda} or older" if driver.cuda else ""
        if torch.cuda is None:
            why = f"torch {torch.version} is built for {torch.build}"
        elif driver.cuda and _numbers(torch.cuda)[:1] > _numbers(driver.cuda)[:1]:
            why = f"torch is built for CUDA {torch.cuda}, and driver {driver.version} runs CUDA {driver.cuda}"
        else:
            why = "torch sees none of the cards (is CUDA_VISIBLE_DEVICES set, is the driver's module loaded?)"
            limit = ""
        problems.append(
            f"there is a GPU that is not used: {why}."
            + (f" Install a torch{limit}: {CHOOSE_TORCH}, or newer drivers." if limit else "")
        )
    for line, capability in zip(torch.devices, torch.capabilities, strict=False):
        if not fits(capability, torch.architectures):
            problems.append(
                f"torch has no kernels for {line} (but for {', '.join(torch.architectures)}): install one "
                f"that has, {CHOOSE_TORCH}; until then use model.device=cpu splat.rasterizer=cpu."
            )
    return problems


def find_toolkit() -> Toolkit:
    """Looks for nvcc as torch's compiler does, for ninja, and for gsplat's extension."""
    # It tells everybody that there is no GPU, as this page does anyhow.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    from torch.utils.cpp_extension import CUDA_HOME

    from hw4.splat.rasterize.cuda import built_extension

    own = Path(str(CUDA_HOME)) / "bin" / "nvcc" if CUDA_HOME else None
    nvcc = str(own) if own is not None and own.is_file() else shutil.which("nvcc")
    said = _output(nvcc, "--version") if nvcc else None
    release = re.search(r"release ([\d.]+)", said or "")
    has_ninja = shutil.which("ninja") is not None or find_spec("ninja") is not None
    return Toolkit(f"{release[1]}, {nvcc}" if release else nvcc, has_ninja, built_extension())


def gsplat_problems(torch: Torch, toolkit: Toolkit) -> list[str]:
    """Why gsplat could not be compiled on a machine with a GPU; nothing where it is, or where none is."""
    if not torch.capabilities or torch.cuda is None or toolkit.compiled:
        return []
    how = "splatting on the GPU needs it; until then use splat.rasterizer=cpu"
    if toolkit.nvcc is None:
        return [
            f"gsplat cannot be compiled: no nvcc; install CUDA {torch.cuda}'s toolkit, set CUDA_HOME: {how}."
        ]
    problems = []
    if _numbers(toolkit.nvcc)[:1] != _numbers(torch.cuda)[:1]:
        problems.append(
            f"gsplat cannot be compiled: nvcc is {toolkit.nvcc}, torch is built for CUDA {torch.cuda}; set "
            f"CUDA_HOME to a toolkit of that major version: {how}."
        )
    if not toolkit.ninja:
        problems.append(f"gsplat cannot be compiled without ninja: pip install 'hw4[gpu]': {how}.")
    return problems
