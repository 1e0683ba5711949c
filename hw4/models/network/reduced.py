"""Networks on a CPU in fewer bits: convolutions of heads in bfloat16, linear layers in eight-bit integers."""

import contextlib
import logging
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from hw4.config.model import INT8, NetworkConfig

log = logging.getLogger(__name__)

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def computes_bfloat16() -> bool:
    """Whether this CPU computes in bfloat16: others emulate it, tens of times slower than float32."""
    ops: Any = torch.ops.mkldnn
    return hasattr(ops, "_is_mkldnn_bf16_supported") and bool(ops._is_mkldnn_bf16_supported())


def reduce_network(
    config: NetworkConfig,
    device: torch.device,
    network: nn.Module,
    transformers: Iterable[str],
    heads: Iterable[str],
) -> None:
    """Prepare a network on its device for `config.dtype`: in place, and only on a CPU.

    ``bfloat16`` computes the convolutions of the heads in it, which upstream keeps in float32; autocast (see
    `precision`) does the rest. ``int8`` computes the linear layers of the transformers in eight-bit integers
    (weights by output channel, activations with a scale per call) and, where the CPU `computes_bfloat16`,
    those convolutions in it. The last layer of a head, and what follows it, is in float32 always.

    Args:
        config: says which.
        device: where the network is.
        network: in evaluation mode.
        transformers: names of its modules whose linear layers count.
        heads: names of its dense heads; one that is None is left out.
    """
    if device.type != "cpu":
        return
    native = computes_bfloat16()
    if config.dtype == "bfloat16" and not native:
        log.warning(
            "model.dtype=bfloat16: this CPU only emulates it, many times slower than float32; use "
            "model.dtype=float32 or int8."
        )
    if config.dtype == "bfloat16" or (config.dtype == INT8 and native):
        for name in heads:
            if (head := getattr(network, name)) is not None:
                _halve(head)
    if config.dtype == INT8:
        with _engine():
            for name in transformers:
                _quantize(getattr(network, name))


def _halve(head: nn.Module) -> None:
    """Convolutions but for the last one, each of which casts what it is given."""
    found = [module for module in head.modules() if isinstance(module, _CONVOLUTIONS)]
    # The last one to run, which gives a point or a depth: upstream does not make them in the order they run.
    last = min(found, key=lambda convolution: convolution.out_channels, default=None)
    for convolution in found:
        if convolution is last:
            convolution.register_forward_pre_hook(_to_float32)
        else:
            convolution.to(torch.bfloat16).register_forward_pre_hook(_to_bfloat16)


def _to_bfloat16(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (given[0].bfloat16(), *given[1:])


def _to_float32(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (given[0].float(), *given[1:])


def _quantize(module: nn.Module) -> None:
    quantization: Any = torch.ao.quantization
    with warnings.catch_warnings():
        # Its successor, torchao, is a package of its own.
        warnings.simplefilter("ignore")
        kinds = {nn.Linear: quantization.per_channel_dynamic_qconfig}
        quantization.quantize_dynamic(module, kinds, torch.qint8, inplace=True)


@contextlib.contextmanager
def _engine() -> Iterator[None]:
    """oneDNN packs the weights where it can: twice as fast as the engine that torch takes by itself."""
    quantized: Any = torch.backends.quantized
    before = quantized.engine
    if "onednn" in quantized.supported_engines:
        quantized.engine = "onednn"
    try:
        yield
    finally:
        quantized.engine = before
