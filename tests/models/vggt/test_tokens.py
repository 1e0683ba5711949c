"""A photo's tokens are made once, and are the same bits whichever photos came before."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from hw4.models.network.instantsplat import INSTANTSPLAT
from hw4.models.network.upstream import import_upstream
from hw4.models.vggt.config import VggtConfig
from hw4.models.vggt.model import VggtModel
from hw4.models.vggt.tokens import KeptTokens
from tests.support.pointmap_networks import make_photos

SIZE, PATCH, WIDTH = 56, 14, 32


def vision_transformer() -> Any:
    """Upstream's DINOv2, small."""
    torch.manual_seed(0)
    kind = import_upstream("vggt.layers.vision_transformer", INSTANTSPLAT).DinoVisionTransformer
    return kind(img_size=SIZE, patch_size=PATCH, embed_dim=WIDTH, depth=2, num_heads=2, block_chunks=0).eval()


@torch.inference_mode()
def test_tokens_are_upstreams_and_made_once_a_photo() -> None:
    embed = vision_transformer()
    images = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    expected = embed(images)["x_norm_patchtokens"]
    asked: list[int] = []
    embed.register_forward_pre_hook(lambda _, given: asked.append(len(given[0])))
    kept = KeptTokens(embed)
    first = kept(images)
    torch.testing.assert_close(first, expected, rtol=1e-5, atol=1e-6)
    assert asked == [1, 1, 1]
    torch.testing.assert_close(kept(images.flip(0)), first.flip(0), rtol=0, atol=0)
    assert asked == [1, 1, 1]
    # Alone, or after others: the same bits.
    torch.testing.assert_close(KeptTokens(embed)(images[2:]), first[2:], rtol=0, atol=0)


@torch.inference_mode()
def test_what_was_used_longest_ago_goes_first() -> None:
    embed = vision_transformer()
    images = torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    one = (SIZE // PATCH) ** 2 * WIDTH * 4
    kept = KeptTokens(embed, limit=2 * one)
    asked: list[int] = []
    embed.register_forward_pre_hook(lambda *_: asked.append(1))
    kept(images[[0, 1, 0, 2]])
    assert len(asked) == 3
    kept(images[[0, 2]])
    assert len(asked) == 3
    kept(images[[1]])
    assert len(asked) == 4


def test_cameras_alone_are_the_cameras_with_depth(tmp_path: Path) -> None:
    paths = make_photos(tmp_path, 2, ((100, 75),))
    whole, alone = (
        VggtModel.from_config(VggtConfig(weights="tiny", device="cpu", pts3d_from=source)).reconstruct(paths)
        for source in ("depth", "none")
    )
    np.testing.assert_array_equal(alone.cam_from_world, whole.cam_from_world)
    np.testing.assert_array_equal(alone.Ks, whole.Ks)
    assert alone.pts3d is None and alone.depth is None and alone.conf is None and whole.pts3d is not None
