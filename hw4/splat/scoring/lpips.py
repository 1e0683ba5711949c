"""LPIPS with its backbone's weights from a file, torch's cache or one download."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from hw4.config import EvalConfig
from hw4.core.errors import UserError
from hw4.core.metric import MetricUnavailable
from hw4.splat.scoring.lpips_weights import find_weights
from hw4.splat.scoring.view import RenderedView


class Lpips:
    """The score of a view: the network of `splat.eval`, on a device.

    Raises:
        MetricUnavailable: no weights are to be had.
        UserError: the configured file does not exist or does not fit.
    """

    def __init__(self, config: EvalConfig, device: torch.device) -> None:
        self._network, self._scaled = load_lpips(config).to(device), config.lpips_scaled

    def __call__(self, view: RenderedView) -> float:
        """`lpips_distance` of the render from the photo."""
        keep = None if view.mask is None else view.mask.keep
        return lpips_distance(self._network, view.render, view.target, self._scaled, keep)


def load_lpips(config: EvalConfig) -> nn.Module:
    """The LPIPS network (Zhang et al. 2018, version 0.1), ready for `lpips_distance`.

    Raises:
        MetricUnavailable: no weights are to be had.
        UserError: the configured file does not exist or does not fit.
    """
    path = find_weights(config)
    import lpips

    try:
        weights: Any = torch.load(path, map_location="cpu", weights_only=True)
        features = {k.removeprefix("features."): v for k, v in weights.items() if k.startswith("features.")}
    except Exception as error:
        raise UserError(f"cannot read the LPIPS weights {path} ({type(error).__name__}).") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net=config.lpips_net, pnet_rand=True, verbose=False)
    state = network.net.state_dict()
    # lpips cuts torchvision's `features` into slices but keeps the layers' numbers.
    renamed = {name: features.get(name.split(".", 1)[1]) for name in state}
    if any(v is None or v.shape != state[k].shape for k, v in renamed.items()):
        raise UserError(
            f"{path} does not hold torchvision's weights of {config.lpips_net} (splat.eval.lpips_net)."
        )
    network.net.load_state_dict({k: v for k, v in renamed.items() if v is not None})
    return network.eval()


@torch.no_grad()
def lpips_distance(
    network: Any, image: Tensor, target: Tensor, scaled: bool = True, keep: Tensor | None = None
) -> float:
    """LPIPS of two (H, W, 3) images in [0, 1]; lower is better.

    With `keep` (H, W), the mean of LPIPS' map over these pixels alone.

    The network was made for [-1, 1]; without `scaled` it is given them as they are, as some code does.

    Raises:
        MetricUnavailable: the images are too small for the network.
    """
    x, y = (t.permute(2, 0, 1)[None] for t in (image, target))
    try:
        network.spatial = keep is not None
        distance = network(x, y, normalize=scaled)
        return float(distance.item() if keep is None else distance[0, 0][keep].mean())
    except RuntimeError as error:
        if "too small" not in str(error) and "Kernel size" not in str(error):
            raise
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise MetricUnavailable(f"images of {size} pixels are too small for the network") from error
