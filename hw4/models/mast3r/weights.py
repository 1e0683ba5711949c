"""The weights of MASt3R that have names."""

from pathlib import Path

from hw4.models.network.weights import KnownWeights

WEIGHTS = KnownWeights(
    official="naver/MASt3R_ViTLarge_BaseDecoder_512_catmlpdpt_metric",
    license="MASt3R's official weights are licensed CC BY-NC-SA 4.0: non-commercial use only",
    licensed=("naver/*",),
    tiny=None,
    recipe=Path(__file__).with_name("tiny.py"),
    sized_by_config=True,
)
