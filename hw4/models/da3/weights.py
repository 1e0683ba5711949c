"""The weights of Depth Anything 3 that have names."""

from pathlib import Path

from hw4.models.network.weights import KnownWeights

OFFICIAL = {
    "small": "depth-anything/DA3-SMALL",
    "base": "depth-anything/DA3-BASE",
    "large": "depth-anything/DA3-LARGE-1.1",
    "giant": "depth-anything/DA3-GIANT-1.1",
}
# Small and base are Apache 2.0.
LIMITED = ("large", "giant")
LICENSE = "Depth Anything 3's large and giant weights are licensed CC BY-NC 4.0: non-commercial use only"


def known_weights(size: str = "small") -> KnownWeights:
    """What `model.weights` may name, where ``official`` is of this size."""
    return KnownWeights(
        official=OFFICIAL[size],
        license=LICENSE if size in LIMITED else None,
        licensed=("depth-anything/DA3-LARGE*", "depth-anything/DA3-GIANT*", "depth-anything/DA3NESTED*"),
        tiny=None,
        recipe=Path(__file__).with_name("tiny.py"),
    )
