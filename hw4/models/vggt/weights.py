"""The weights of VGGT that have names."""

from pathlib import Path

from hw4.models.network.weights import SHIPPED, KnownWeights

WEIGHTS = KnownWeights(
    official="facebook/VGGT-1B",
    license="VGGT-1B's official weights are licensed for non-commercial use (VGGT-1B-Commercial is not)",
    licensed=("facebook/VGGT-1B",),
    tiny=SHIPPED / "vggt_tiny.safetensors",
    recipe=Path(__file__).with_name("tiny.py"),
)
