"""What VGGT's first network makes of a photo alone, kept while the photo comes again."""

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

# Of tokens; those of one photo take 3 MB at the official size.
BYTES_KEPT = 512 * 2**20


class KeptTokens(nn.Module):
    """In the place of a `patch_embed` of DINOv2's: each photo goes through it once.

    A quarter of VGGT's work depends on one photo alone, and the end photos of a pair come again in each of
    its subsets and sequences. Photos go through one by one, so that their tokens are the same bits whichever
    came before. They are known by their pixels; the weights are the network's own and do not change.

    Args:
        embed: upstream's vision transformer, in evaluation mode.
        limit: bytes of tokens that are kept; those used longest ago go first.
    """

    def __init__(self, embed: nn.Module, limit: int = BYTES_KEPT) -> None:
        super().__init__()
        self.embed = embed
        self._limit, self._held = limit, 0
        self._known: OrderedDict[bytes, Tensor] = OrderedDict()
        self._lock = Lock()

    def forward(self, images: Tensor) -> Tensor:
        """(N, P, C) patch tokens of (N, 3, H, W) normalised images."""
        return torch.cat([self._tokens(image) for image in images.split(1)])

    def _tokens(self, image: Tensor) -> Tensor:
        content = hashlib.sha256(repr(tuple(image.shape)).encode())
        content.update(image.contiguous().numpy().tobytes())
        name = content.digest()
        with self._lock:
            if name in self._known:
                self._known.move_to_end(name)
                return self._known[name]
        output: Any = self.embed(image)
        tokens: Tensor = output["x_norm_patchtokens"]
        # A copy: the output is a view of all tokens.
        tokens = tokens.detach().clone()
        with self._lock:
            if name not in self._known:
                self._known[name] = tokens
                self._held += tokens.nbytes
            while self._held > self._limit and self._known:
                self._held -= self._known.popitem(last=False)[1].nbytes
        return tokens


def keep_tokens(aggregator: Any) -> None:
    """Have upstream's `Aggregator` on a CPU make each photo's tokens once; a small network's take no time."""
    if hasattr(aggregator.patch_embed, "blocks"):
        aggregator.patch_embed = KeptTokens(aggregator.patch_embed)
