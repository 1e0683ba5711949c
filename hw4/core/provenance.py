"""Where a result comes from: code, versions, hardware."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import hw4
from hw4.core.cores import usable_cores
from hw4.core.fingerprint import content_of, digest

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "hydra-core",
    "omegaconf",
    "gsplat",
    "opencv-python",
    "pycolmap",
    "numba",
    "lpips",
    "torchmetrics",
    "wandb",
)
# What decides how many threads work and how they wait, in the caller's words or the command's.
THREADS = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


# A git hook sets these for its own repository.
_GIT_PLACES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")


def _git(folder: Path, *arguments: str) -> str | None:
    environment = {key: value for key, value in os.environ.items() if key not in _GIT_PLACES}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
            env=environment,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def checkout_of(package: Path) -> Path | None:
    """The root of hw4's own repository, if the package runs from it; None where git has it in no such one.

    An installed package may lie within any repository (``.venv`` in a user's), or be copied into one.
    """
    root = package.resolve().parent
    top = _git(root, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != root:
        return None
    if _git(root, "ls-files", "--error-unmatch", f"{package.name}/__init__.py", "pyproject.toml") is None:
        return None
    try:
        about = (root / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return root if re.search(r'^name = "hw4"$', about, re.MULTILINE) else None


def wheel_of(package: Path) -> dict[str, Any] | None:
    """The wheel that the package was installed from; None where it runs from a source tree.

    ``version``; ``sha256`` of the wheel's file, where the installer noted it, or None; ``content``, which
    identifies the installed files as they are: it is the same wherever they lie, and another after any edit.
    """
    for found in metadata.distributions(name="hw4"):
        ours = [file for file in found.files or () if file.parts[0] == package.name and file.suffix != ".pyc"]
        installed = Path(str(found.locate_file(f"{package.name}/__init__.py")))
        if found.read_text("WHEEL") is None or not ours or installed.resolve().parent != package.resolve():
            continue
        try:
            archive = json.loads(found.read_text("direct_url.json") or "{}").get("archive_info", {})
        except ValueError:
            archive = {}
        sha256 = archive.get("hashes", {}).get("sha256") or archive.get("hash", "").removeprefix("sha256=")
        content = digest(content_of(package.parent, [package.parent / file for file in ours]))
        return {"version": found.version, "sha256": sha256 or None, "content": content}
    return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _gpu_names() -> list[str]:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    # A run asks before it has imported torch, which takes seconds.
    if torch is not None or shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def provenance() -> dict[str, Any]:
    """Commit of hw4's own repository, or its wheel; versions, command, hardware; None: it is not known."""
    package = Path(hw4.__file__).parent
    checkout = checkout_of(package)
    status = None if checkout is None else _git(checkout, "status", "--porcelain")
    return {
        "hw4": hw4.__version__,
        "git_commit": None if checkout is None else _git(checkout, "rev-parse", "HEAD"),
        "git_dirty": None if status is None else bool(status),
        "wheel": wheel_of(package),
        "command": sys.argv,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cpu_count": os.cpu_count(),
        "threads": {"usable_cores": usable_cores(), **{name: os.environ.get(name) for name in THREADS}},
        "gpus": _gpu_names(),
        "packages": {package: _version(package) for package in PACKAGES},
    }
