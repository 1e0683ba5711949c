"""The weights of DUSt3R that have names."""

from pathlib import Path

from hw4.models.network.weights import SHIPPED, KnownWeights

WEIGHTS = KnownWeights(
    official="naver/DUSt3R_ViTLarge_BaseDecoder_512_dpt",
    license="DUSt3R's official weights are licensed CC BY-NC-SA 4.0: non-commercial use only",
    licensed=("naver/*",),
    tiny=SHIPPED / "dust3r_tiny.safetensors",
    recipe=Path(__file__).with_name("tiny.py"),
    sized_by_config=True,
)
