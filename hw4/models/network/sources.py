"""Sources of upstream packages: taken once out of a published wheel into the user's cache."""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path, PurePosixPath

from hw4.core.durable import locked
from hw4.core.errors import UserError
from hw4.core.fingerprint import cache_home
from hw4.models.wheel import Wheel

log = logging.getLogger(__name__)

SUFFIXES = (".py", ".yaml")
# All sources of one wheel together: no package of a model's authors comes near.
LARGEST = 64 * 2**20
FOLDER = "HW4_UPSTREAM"
_WORK = ".fetching-"


def sources_root() -> Path:
    """Where sources of upstream lie: ``HW4_UPSTREAM``, or a folder in the user's cache.

    Raises:
        UserError: there is neither that nor a home.
    """
    given = os.environ.get(FOLDER)
    if given:
        return Path(given).expanduser().absolute()
    try:
        return cache_home() / "upstream"
    except RuntimeError as error:
        raise UserError(
            f"there is no home to keep upstream's sources in: set {FOLDER} to a folder for them."
        ) from error


def sources_folder(wheel: Wheel) -> Path:
    """The folder that has, or will have, the packages of a wheel; its name says which content."""
    return sources_root() / f"{wheel.distribution}-{wheel.version}-{wheel.sha256[:12]}"


def obtain(wheel: Wheel) -> Path:
    """The folder with the packages of a wheel; fetched by pip where they are not there yet.

    The folder appears whole or not at all. Nothing of the wheel is run or compiled.

    Raises:
        UserError: it cannot be fetched, is not the file that is known here, or cannot be written.
    """
    folder = sources_folder(wheel)
    if folder.is_dir():
        return folder
    try:
        with locked(folder.parent / ".lock"):
            if not folder.is_dir():
                _fetch_into(folder, wheel)
    except OSError as error:
        raise UserError(
            f"cannot write {folder} ({error.strerror or error}), where upstream's sources are kept: let it "
            f"be written to, or set {FOLDER} to another folder."
        ) from error
    return folder


def _fetch_into(folder: Path, wheel: Wheel) -> None:
    log.warning("fetching the wheel %s with pip, for upstream's sources in it (once)", wheel)
    for left in folder.parent.glob(f"{_WORK}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=_WORK) as name:
        work = Path(name)
        path = _download(wheel, work)
        (work / "sources").mkdir()
        unpack(path, wheel, work / "sources")
        (work / "sources").rename(folder)
    log.warning("upstream's %s are in %s", ", ".join(wheel.packages), folder)


def _has_pip() -> bool:
    """By pip's metadata: looking for its module turns setuptools' ``distutils`` off in this process."""
    return any(metadata.distributions(name="pip"))


def _download(wheel: Wheel, work: Path) -> Path:
    """The wheel's file, by pip: mirrors, proxies and certificates are as the user has set them."""
    if _has_pip():
        pip = [sys.executable, "-m", "pip"]
    elif uv := shutil.which("uv"):
        pip = [uv, "tool", "run", "pip"]
    else:
        raise _not_fetched(wheel, "there is no pip: python -m ensurepip brings it")
    wanted = work / "wanted.txt"
    wanted.write_text(f"{wheel.distribution}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    command = [*pip, "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
    command += ["--retries", "2", "--only-binary=:all:", "--python-version", wheel.python]
    command += ["--platform", wheel.platform, "--require-hashes", "--requirement", str(wanted)]
    done = subprocess.run([*command, "--dest", str(work)], capture_output=True, text=True)
    found = list(work.glob("*.whl"))
    if done.returncode != 0 or len(found) != 1:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        errors = [line for line in said if line.startswith("ERROR")] or said[-1:]
        raise _not_fetched(wheel, errors[-1].removeprefix("ERROR: ") if errors else "pip said nothing")
    return found[0]


def unpack(path: Path, wheel: Wheel, into: Path) -> None:
    """Python and YAML files of a wheel's packages, once its hash has been checked.

    Raises:
        UserError: it is not the file that is known here, or its names or sizes are not a wheel's.
    """
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != wheel.sha256:
        raise UserError(
            f"the wheel {wheel} that was fetched is not the known one (SHA-256 {found[:16]}..., not "
            f"{wheel.sha256[:16]}...), so nothing of it is used: look at which index pip is set to."
        )
    total = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = PurePosixPath(member.filename)
                if member.is_dir() or name.suffix not in SUFFIXES or name.parts[0] not in wheel.packages:
                    continue
                total += member.file_size
                if not _is_plain(member.filename) or total > LARGEST:
                    raise UserError(f"the wheel {wheel} is refused: {member.filename} is no file of a wheel.")
                target = into / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(member))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UserError(f"the wheel {wheel} cannot be unpacked ({error}): fetch it again.") from error
    missing = [
        f"{package}/{mark}"
        for package, mark in wheel.packages.items()
        if not (into / package / mark).is_file()
    ]
    if missing:
        raise UserError(f"the wheel {wheel} does not have {', '.join(missing)}.")


def _is_plain(name: str) -> bool:
    """Whether a member's name leads to a file below the folder that it is unpacked into, on any system."""
    parts = name.split("/")
    return not any(part in ("", ".", "..") or set(part) & set("\\:\0") for part in parts)


def _not_fetched(wheel: Wheel, why: str) -> UserError:
    return UserError(
        f"upstream's packages {', '.join(wheel.packages)} are not on this machine, and the wheel {wheel} "
        f"that has them cannot be fetched ({why}); run `python -m hw4.models.fetch` once where there is a "
        "network, or put a checkout of them on PYTHONPATH."
    )
