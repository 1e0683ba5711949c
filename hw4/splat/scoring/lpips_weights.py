"""Where the weights of LPIPS's backbone are, or why they are not to be had.

Without torch at its head: a result from the cache asks nothing else of it.
"""

import os
import socket
import time
from pathlib import Path

from hw4.config import EvalConfig
from hw4.core.command import command_started
from hw4.core.durable import write_text
from hw4.core.errors import UserError
from hw4.core.metric import MetricUnavailable

# torchvision's ImageNet weights, named as torchvision caches them.
BACKBONES = {"vgg": "vgg16-397923af.pth", "alex": "alexnet-owt-7be5be79.pth"}
URL = "https://download.pytorch.org/models/"
TIMEOUT_S = 10
# Commands do not each wait for a server that just did not answer; the jobs of one sweep never do.
RETRY_S = 600
MARK = ".unreachable"


def checkpoints_folder() -> Path:
    """Where ``torch.hub`` keeps weights, told without importing torch."""
    home = os.getenv("TORCH_HOME") or Path(os.getenv("XDG_CACHE_HOME", "~/.cache")) / "torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def _failed_lately(marker: Path) -> str | None:
    """The kind of error that a download ended with lately, or since the command began."""
    try:
        failed, started = marker.stat().st_mtime, command_started()
        is_fresh = 0 <= time.time() - failed < RETRY_S or (started is not None and failed >= started)
        return marker.read_text() if is_fresh else None
    except (OSError, UnicodeDecodeError):
        return None


def _remember(marker: Path, kind: str) -> None:
    try:
        write_text(marker, kind)
    except OSError:
        # A folder that cannot be written costs the next job its own try.
        return


def _unreachable(marker: Path, kind: str, how: str) -> MetricUnavailable:
    """In the same words for the job that tried and those that follow."""
    file = marker.name.removeprefix(".").removesuffix(MARK)
    return MetricUnavailable(
        f"the weights {file} could not be downloaded ({kind}; tried again by a command that begins after "
        f"{RETRY_S // 60} minutes, or once {marker} is removed); {how}"
    )


def configured_weights(config: EvalConfig) -> Path | None:
    """The file of `splat.eval.lpips_weights`; None where it is not set.

    Raises:
        UserError: there is no such file.
    """
    if config.lpips_weights is None:
        return None
    path = Path(config.lpips_weights).expanduser()
    if not path.is_file():
        raise UserError(f"splat.eval.lpips_weights={path} does not exist.")
    return path


def find_weights(config: EvalConfig) -> Path:
    """The backbone's weights: the configured file, torch's cache, or a download into it.

    Raises:
        MetricUnavailable: no weights are to be had.
        UserError: the configured file does not exist.
    """
    file = BACKBONES[config.lpips_net]
    configured = configured_weights(config)
    if configured is not None:
        return configured
    path = checkpoints_folder() / file
    if path.is_file():
        return path
    how = f"download {URL}{file} elsewhere and set splat.eval.lpips_weights to it"
    if not config.lpips_download:
        raise MetricUnavailable(f"{file} is not in {path.parent} and splat.eval.lpips_download=false; {how}")
    marker = path.with_name(f".{file}{MARK}")
    failed = _failed_lately(marker)
    if failed is not None:
        raise _unreachable(marker, failed, how)
    import torch

    before = socket.getdefaulttimeout()
    try:
        socket.setdefaulttimeout(TIMEOUT_S)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(URL + file, str(path), hash_prefix=file[-12:-4], progress=False)
    except Exception as error:
        kind = type(error).__name__
        _remember(marker, kind)
        raise _unreachable(marker, kind, how) from error
    finally:
        socket.setdefaulttimeout(before)
    marker.unlink(missing_ok=True)
    return path
