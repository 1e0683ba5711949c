"""`model=da3`: the keys of Depth Anything 3."""

from dataclasses import dataclass
from typing import ClassVar

from hw4.config.fields import key
from hw4.config.model import GROUP, NetworkConfig, weights_key

SIZES = ("small", "base", "large", "giant")


@dataclass
class Da3Config(NetworkConfig):
    """Depth Anything 3 (Lin et al., 2025). `image_size` is the long edge in pixels; null: the weights' own.

    There is no small trained network: `weights` is ``official``, ``random``, a hub name or a file. `size`:
    which of the official networks. `batch_size`: scenes of equal shapes that go through the network together;
    null: what suits the device. `reference_view`: how upstream chooses the view that others are seen from,
    with more than two.
    """

    name: str = "da3"
    group: ClassVar[int] = GROUP
    weights: str = weights_key("official")
    size: str = key("small", choices=SIZES, read_if=lambda config, _: config.model.weights == "official")
    image_size: int | None = key(None, low=14)
    batch_size: int | None = key(None, low=1, decides="nothing")
    reference_view: str = key(
        "saddle_balanced", choices=("first", "middle", "saddle_balanced", "saddle_sim_range")
    )
