"""Trained weights as a small file."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save

from hw4.config import PretrainConfig
from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.pretrain.train import PretrainResult


def export_weights(result: PretrainResult, config: PretrainConfig, path: Path, note: str = "") -> Path:
    """Write the EMA weights as fp16 safetensors, with how they were made (and a `note`) in its metadata.

    Raises:
        UserError: a weight is not finite (or not within fp16), or the file cannot be written.
    """
    weights = {
        name: value.detach()
        .cpu()
        .to(torch.float16 if value.is_floating_point() else value.dtype)
        .contiguous()
        for name, value in result.ema.state_dict().items()
    }
    broken = [name for name, value in weights.items() if not torch.isfinite(value).all()]
    if broken:
        raise UserError(
            f"the trained weights are not exported: {len(broken)} of {len(weights)} tensors hold NaN or "
            f"infinity ({broken[0]}...); the training diverged: give a smaller pretrain.lr."
        )
    metadata = {"model": result.name, "steps": str(result.steps), "seconds": f"{result.seconds:.0f}"}
    view_counts = json.dumps(list(range(2, config.views + 1)))
    metadata |= {"config": json.dumps(asdict(config)), "view_counts": view_counts, "note": note}
    write_bytes(path, save(weights, metadata))
    return path
