"""Where the weights of LPIPS's backbone are, or why they are not to be had.

Without torch at its head: a result from the cache asks nothing else of it.
"""

import socket
from pathlib import Path

from hw4.config import EvalConfig
from hw4.core.errors import UserError
from hw4.core.metric import MetricUnavailable

# torchvision's ImageNet weights, named as torchvision caches them.
BACKBONES = {"vgg": "vgg16-397923af.pth", "alex": "alexnet-owt-7be5be79.pth"}
URL = "https://download.pytorch.org/models/"
TIMEOUT_S = 10


def _cached(file: str) -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / file


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
    path = _cached(file)
    if path.is_file():
        return path
    how = f"download {URL}{file} elsewhere and set splat.eval.lpips_weights to it"
    if not config.lpips_download:
        raise MetricUnavailable(f"{file} is not in {path.parent} and splat.eval.lpips_download=false; {how}")
    import torch

    before = socket.getdefaulttimeout()
    try:
        socket.setdefaulttimeout(TIMEOUT_S)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(URL + file, str(path), hash_prefix=file[-12:-4], progress=False)
    except Exception as error:
        raise MetricUnavailable(
            f"the weights {file} could not be downloaded ({type(error).__name__}); {how}"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    return path
