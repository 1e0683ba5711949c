"""The wheel that has upstream's package."""

from hw4.models.wheel import Wheel

# What it declares to depend on clashes with ours; the network itself needs addict and einops.
WHEEL = Wheel(
    distribution="depth-anything-3",
    version="0.1.1",
    sha256="d7de119f5d235bb06044d83e0e41ee63dee7f30126776b23d648e4dbcf106542",
    packages={"depth_anything_3": "model/da3.py"},
)
