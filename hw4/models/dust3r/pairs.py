"""DUSt3R on the pairs of N views with its own weights: what upstream computes per pair, once per view.

Upstream's `dust3r.inference.inference` encodes both images of every pair anew. Here each view is encoded
once, and what in the decoder and the heads depends on one view alone is computed with it; pairs go through
the rest in chunks of bounded size, with scaled-dot-product attention. Results differ by rounding only.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hw4.models.dust3r.blocks import Asked, Rope, Told, meet, self_attention
from hw4.models.dust3r.predictions import PairPredictions, Prediction
from hw4.models.dust3r.upstream import import_model, import_part
from hw4.models.network.devices import per_device
from hw4.models.network.room import in_batches, in_chunks

# Places of pairs, and the two predictions for each.
Chunks = Iterator[tuple[Sequence[int], list[tuple[Prediction, Prediction]]]]

# Tokens, and pixels for the DPT heads, that are worked on at once: larger chunks gain nothing on a CPU.
TOKENS_PER_CHUNK = {"cpu": 2048, "cuda": 16384}
PIXELS_PER_CHUNK = {"cpu": 150_000, "cuda": 1_200_000}


def supported(network: Any, kind: Any = None, dpt_head: Any = None) -> bool:
    """Whether the network is upstream's, with the parts that are known here.

    Args:
        network: of any kind.
        kind: its class; None: DUSt3R's. Another one computes point maps and confidences as that does.
        dpt_head: class of its DPT heads; None: DUSt3R's. What else such a head gives is left out here.
    """
    if type(network) is not (kind or import_model().AsymmetricCroCo3DStereo):
        return False
    linear, dpt = import_part("dust3r.heads.linear_head"), import_part("dust3r.heads.dpt_head")
    head = network.downstream_head1
    return (
        network.enc_pos_embed is None
        and network.rope is not None
        # `landscape_only=False`: photos stay as they are.
        and network.head1.__name__ == "wrapper_no"
        and type(network.patch_embed).__name__ == "PatchEmbedDust3R"
        and (type(head) is linear.LinearPts3d or _plain_dpt(head, dpt_head or dpt.PixelwiseTaskWithDPT))
        and not network.training
    )


def _plain_dpt(head: Any, kind: Any) -> bool:
    if type(head) is not kind:
        return False
    fusion = head.dpt.scratch.refinenet1
    return head.dpt.hooks[0] == 0 and fusion.width_ratio == 1 and not fusion.resConfUnit1.bn


class _Group:
    """Views of one size: their tokens, and what the first decoder block and the heads make of each alone."""

    def __init__(self, network: Any, images: Tensor) -> None:
        patch = network.patch_embed.patch_size[0]
        self.height, self.width = images.shape[-2:]
        self.grid = self.height // patch, self.width // patch
        tokens = self.grid[0] * self.grid[1]
        step = max(1, per_device(TOKENS_PER_CHUNK, images.device) // tokens)
        rope = Rope.of(network, *self.grid, network.enc_blocks[0].attn, images)

        def encode(chunk: Sequence[Tensor]) -> Tensor:
            x = network.patch_embed.proj(torch.stack([*chunk])).flatten(2).transpose(1, 2)
            x = network.patch_embed.norm(x)
            for block in network.enc_blocks:
                x = x + self_attention(block.attn, block.norm1(x), rope)
                x = x + block.mlp(block.norm2(x))
            encoded: Tensor = network.enc_norm(x)
            return encoded

        self.encoded = torch.cat([part for _, part in in_batches(encode, images.unbind(), step)])
        self.rope = Rope.of(network, *self.grid, network.dec_blocks[0].attn, images)
        embedded = network.decoder_embed(self.encoded)
        # By role: the view whose frame it is, and the other one.
        blocks = network.dec_blocks[0], network.dec_blocks2[0]
        self.asked = [Asked.of(block, embedded, self.rope) for block in blocks]
        self.told = [Told.of(block, embedded, self.rope) for block in blocks]
        heads = network.downstream_head1, network.downstream_head2
        self.skips = [self._skip(head.dpt) if hasattr(head, "dpt") else None for head in heads]

    def _skip(self, dpt: Any) -> Tensor:
        """The DPT head's finest level before it meets the coarser ones: made of the encoder's tokens."""
        return torch.cat(
            [
                dpt.scratch.refinenet1.resConfUnit1(_level(dpt, 0, one, self.grid))
                for one in self.encoded.split(1)
            ]
        )


def _level(dpt: Any, level: int, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    # A view: channels last, which the convolutions keep and which suits the CPU.
    x = tokens.transpose(1, 2).unflatten(2, grid)
    return dpt.scratch.layer_rn[level](dpt.act_postprocess[level](x))


def _fuse(fusion: Any, x: Tensor) -> Tensor:
    # The 1x1 convolution and the interpolation, whose weights sum to one, may change places.
    x = fusion.out_conv(fusion.resConfUnit2(x))
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=fusion.align_corners)


def _dpt(head: Any, layers: list[Tensor], skip: Tensor, grid: tuple[int, int]) -> dict[str, Tensor]:
    """Upstream's `DPTOutputAdapter_fix.forward` with its finest level given."""
    dpt = head.dpt
    levels = [_level(dpt, level, x, grid) for level, x in zip((1, 2, 3), layers, strict=True)]
    x = _fuse(dpt.scratch.refinenet4, levels[2])[:, :, : levels[1].shape[2], : levels[1].shape[3]]
    x = _fuse(dpt.scratch.refinenet3, x + dpt.scratch.refinenet3.resConfUnit1(levels[1]))
    x = _fuse(dpt.scratch.refinenet2, x + dpt.scratch.refinenet2.resConfUnit1(levels[0]))
    x = _fuse(dpt.scratch.refinenet1, x + skip)
    result: dict[str, Tensor] = head.postprocess(dpt.head(x), head.depth_mode, head.conf_mode)
    return result


class PairPredictor:
    """The network at work on N views; see the module's docstring.

    Args:
        network: one that is `supported`, in evaluation mode, on its device.
        images: N tensors (3, H, W), normalised as upstream's.
    """

    def __init__(self, network: nn.Module, images: Sequence[Tensor]) -> None:
        self.network: Any = network
        self._groups: list[_Group] = []
        self._place: list[tuple[int, int]] = [(0, 0)] * len(images)
        device = next(network.parameters()).device
        of_shape: dict[torch.Size, list[int]] = {}
        for view, image in enumerate(images):
            of_shape.setdefault(image.shape, []).append(view)
        for views in of_shape.values():
            for position, view in enumerate(views):
                self._place[view] = len(self._groups), position
            self._groups.append(_Group(network, torch.stack([images[v] for v in views]).to(device)))

    def predict(self, pairs: Sequence[tuple[int, int]], missing: Collection[int] | None = None) -> Chunks:
        """Pointmaps (H, W, 3) and confidences (H, W) of ordered pairs, on the CPU, in no order.

        Args:
            pairs: of views. They are always cut into the same chunks, for in a batch of another size numbers
                are rounded otherwise.
            missing: places of pairs; a chunk without any of them is left out. None: all.

        Yields:
            Places of pairs among `pairs`, and upstream's two predictions for each (``pts3d`` and ``conf``,
            ``pts3d_in_other_view`` and ``conf``), without their batch dimension.

        Raises:
            NoRoom: the device has too little memory for one pair.
        """
        wanted = set(range(len(pairs)) if missing is None else missing)
        alike: dict[tuple[int, int], list[int]] = {}
        for number, (first, second) in enumerate(pairs):
            alike.setdefault((self._place[first][0], self._place[second][0]), []).append(number)
        for (group1, group2), numbers in alike.items():
            groups = self._groups[group1], self._groups[group2]
            tokens = max(g.encoded.shape[1] for g in groups)
            step = max(1, per_device(TOKENS_PER_CHUNK, groups[0].encoded.device) // tokens)

            def predicted(chunk: Sequence[int], of: Any = groups) -> list[tuple[Prediction, Prediction]]:
                return self._chunk(
                    of, [[self._place[pairs[number][side]][1] for number in chunk] for side in (0, 1)]
                )

            yield from in_chunks(predicted, numbers, step, wanted)

    @torch.inference_mode()
    def _chunk(
        self, groups: tuple[_Group, _Group], members: list[list[int]]
    ) -> list[tuple[Prediction, Prediction]]:
        network = self.network
        device = groups[0].encoded.device
        index = [torch.tensor(m, device=device) for m in members]
        hooks = getattr(getattr(network.downstream_head1, "dpt", None), "hooks", ())
        kept: list[list[Tensor]] = [[], []]
        stacks = network.dec_blocks, network.dec_blocks2
        asked = [groups[side].asked[side][index[side]] for side in (0, 1)]
        # Each role is told by the view in the other one.
        told = [groups[1 - side].told[side][index[1 - side]] for side in (0, 1)]
        x: list[Tensor] = []
        for depth in range(len(stacks[0])):
            if depth:
                blocks = [stack[depth] for stack in stacks]
                asked = [Asked.of(blocks[s], x[s], groups[s].rope) for s in (0, 1)]
                told = [Told.of(blocks[s], x[1 - s], groups[1 - s].rope) for s in (0, 1)]
            x = [meet(stacks[s][depth], asked[s], told[s]) for s in (0, 1)]
            for side in (0, 1):
                if depth + 1 in hooks and depth + 1 < len(stacks[0]):
                    kept[side].append(x[side].float())
        predictions = []
        with torch.autocast(device.type, enabled=False):
            for side, head in enumerate((network.downstream_head1, network.downstream_head2)):
                layers = [*kept[side], network.dec_norm(x[side]).float()]
                prediction = self._head(head, layers, groups[side], side, index[side])
                predictions.append({key: value.cpu() for key, value in prediction.items()})
        first, second = predictions
        second["pts3d_in_other_view"] = second.pop("pts3d")
        return [
            ({k: v[n] for k, v in first.items()}, {k: v[n] for k, v in second.items()})
            for n in range(len(members[0]))
        ]

    def _head(
        self, head: Any, layers: list[Tensor], group: _Group, side: int, index: Tensor
    ) -> dict[str, Tensor]:
        skip = group.skips[side]
        if skip is None:
            result: dict[str, Tensor] = head(layers[-1:], (group.height, group.width))
            return result
        step = max(1, per_device(PIXELS_PER_CHUNK, index.device) // (group.height * group.width))
        parts = [
            _dpt(
                head, [x[begin : begin + step] for x in layers], skip[index[begin : begin + step]], group.grid
            )
            for begin in range(0, len(index), step)
        ]
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def predict(
    network: nn.Module,
    images: Sequence[Tensor],
    pairs: Sequence[tuple[int, int]],
    missing: Collection[int] | None = None,
) -> Chunks:
    """`PairPredictor.predict`, once it is made; see there.

    Args:
        network: one that is `supported`.
        images: N tensors (3, H, W), normalised as upstream's.
        pairs: ordered pairs of views.
        missing: those that are wanted.
    """
    with torch.inference_mode():
        predictor = PairPredictor(network, images)
    # Outside of it, for tensors that may be changed in place.
    return predictor.predict(pairs, missing)


def infer(network: nn.Module, images: Sequence[Tensor], pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """What upstream's `inference` gives for these pairs, but for the images: see `PairPredictions.output`."""
    shapes = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
    predictions = PairPredictions(shapes, pairs)
    for numbers, found in predict(network, images, pairs):
        for number, prediction in zip(numbers, found, strict=True):
            predictions.put(number, *prediction)
    return predictions.output()
