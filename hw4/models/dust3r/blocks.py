"""Transformer blocks of upstream (`croco.models.blocks`) on their own weights, cut where views meet.

Attention is torch's scaled-dot-product attention and RoPE one complex product; results differ from upstream's
by rounding.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass
class Rope:
    """Upstream's RoPE2D at the T tokens of an image, as one complex product.

    Upstream rotates the first against the second quarter of a head's channels by the token's y, the third
    against the fourth by its x. The channels are put into another order so that what belongs together is
    adjacent; queries and keys in the same order have the same products.

    Attributes:
        turns: (T, D/2) complex.
        order: (D,) upstream's channel at each place.
    """

    turns: Tensor
    order: Tensor

    @classmethod
    def of(cls, network: Any, height: int, width: int, attention: Any, like: Tensor) -> "Rope":
        """For height x width tokens, row by row, and the heads of an attention."""
        dim, device = attention.qkv.in_features // attention.num_heads, like.device
        cos, sin = network.rope.get_cos_sin(dim // 2, max(height, width), device, torch.float32)
        turns = torch.complex(cos, sin)[:, : dim // 4]
        y = torch.arange(height, device=device).repeat_interleave(width)
        x = torch.arange(width, device=device).repeat(height)
        order = torch.arange(dim, device=device).view(2, 2, dim // 4).transpose(1, 2).flatten()
        return cls(torch.cat([turns[y], turns[x]], dim=-1), order)

    def __call__(self, tokens: Tensor) -> Tensor:
        """Rotate tokens (..., T, D) whose channels are in `order`."""
        pairs = torch.view_as_complex(tokens.float().unflatten(-1, (-1, 2)))
        return torch.view_as_real(pairs * self.turns).flatten(-2).to(tokens.dtype)

    def project(self, layer: Any, x: Tensor, n_heads: int, turned: int = 1, parts: int = 1) -> Tensor:
        """(parts, B, heads, T, D) of a linear layer whose first `turned` parts get channels in `order`."""
        rows = torch.arange(layer.out_features, device=x.device).view(parts, n_heads, -1)
        rows = torch.cat([rows[:turned, :, self.order], rows[turned:]]).flatten()
        if isinstance(layer, torch.nn.Linear):
            out = F.linear(x, layer.weight[rows], None if layer.bias is None else layer.bias[rows])
        else:
            # The weights of a quantized layer are packed.
            out = layer(x)[..., rows]
        return out.view(*x.shape[:2], parts, n_heads, -1).permute(2, 0, 3, 1, 4)


def self_attention(attention: Any, x: Tensor, rope: Rope) -> Tensor:
    """(B, T, C): upstream's `Attention` of tokens (B, T, C)."""
    qkv = rope.project(attention.qkv, x, attention.num_heads, turned=2, parts=3)
    query, key = rope(qkv[:2])
    out = F.scaled_dot_product_attention(query, key, qkv[2])
    return attention.proj(out.transpose(1, 2).flatten(2))


@dataclass
class Asked:
    """What the first half of a decoder block makes of one view: tokens after self-attention, and queries."""

    x: Tensor
    query: Tensor

    @classmethod
    def of(cls, block: Any, x: Tensor, rope: Rope) -> "Asked":
        """By a decoder block, from tokens (B, T, C)."""
        x = x + self_attention(block.attn, block.norm1(x), rope)
        cross = block.cross_attn
        return cls(x, rope(rope.project(cross.projq, block.norm2(x), cross.num_heads)[0]))

    def __getitem__(self, index: Tensor) -> "Asked":
        return Asked(self.x[index], self.query[index])


@dataclass
class Told:
    """Keys and values that a decoder block takes from the other view."""

    key: Tensor
    value: Tensor

    @classmethod
    def of(cls, block: Any, y: Tensor, rope: Rope) -> "Told":
        """By a decoder block, from tokens (B, T, C)."""
        cross = block.cross_attn
        y = block.norm_y(y)
        value = cross.projv(y).unflatten(-1, (cross.num_heads, -1)).transpose(1, 2)
        return cls(rope(rope.project(cross.projk, y, cross.num_heads)[0]), value)

    def __getitem__(self, index: Tensor) -> "Told":
        return Told(self.key[index], self.value[index])


def meet(block: Any, asked: Asked, told: Told) -> Tensor:
    """Second half of a decoder block: cross-attention and MLP."""
    attended = F.scaled_dot_product_attention(asked.query, told.key, told.value)
    x = asked.x + block.cross_attn.proj(attended.transpose(1, 2).flatten(2))
    return x + block.mlp(block.norm3(x))
