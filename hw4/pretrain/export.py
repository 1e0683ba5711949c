"""Trained weights as a small file."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save

from hw4.config import PretrainConfig
from hw4.durable import write_bytes
from hw4.pretrain.train import PretrainResult


def export_weights(result: PretrainResult, config: PretrainConfig, path: Path, note: str = "") -> Path:
    """Write the EMA weights as fp16 safetensors, with how they were made (and a `note`) in its metadata."""
    weights = {
        name: value.detach()
        .cpu()
        .to(torch.float16 if value.is_floating_point() else value.dtype)
        .contiguous()
        for name, value in result.ema.state_dict().items()
    }
    metadata = {"model": result.name, "steps": str(result.steps), "seconds": f"{result.seconds:.0f}"}
    metadata |= {"config": json.dumps(asdict(config)), "note": note}
    write_bytes(path, save(weights, metadata))
    return path
