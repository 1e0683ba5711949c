"""Checkpoints of a training run: everything that decides how it goes on, written atomically."""

import hashlib
import io
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hw4.config import SplatConfig
from hw4.config.fields import deciding
from hw4.core.durable import write_bytes
from hw4.core.errors import brief
from hw4.core.npz import check_archive
from hw4.splat.start import Initialisation

log = logging.getLogger(__name__)

FORMAT = 5


def run_digest(config: SplatConfig, init: Initialisation, images: list[np.ndarray]) -> str:
    """Hash of what decides the course of training: configuration, images, cameras and first Gaussians."""
    # The first Gaussians are told by their own numbers.
    values = {key: value for key, value in deciding(config).items() if not key.startswith("init.")}
    if config.camera_lr_final_factor == 1 and config.update_at_end:
        # A longer run begins like a shorter one.
        del values["iterations"]
    digest = hashlib.sha256(json.dumps([FORMAT, values], sort_keys=True).encode())
    for array in [*images, init.cam_from_world, init.Ks, *(init.depths or [])]:
        digest.update(np.ascontiguousarray(array).tobytes())
    for name in sorted(init.gaussians.keys()):
        digest.update(init.gaussians[name].detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers, strings, lists and dicts.

    Raises:
        UserError: the disk is full or the folder cannot be written.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path, digest: str) -> dict[str, Any] | None:
    """The state in a checkpoint; None where there is none, it belongs to another run, or it was damaged."""
    if not path.is_file():
        return None
    try:
        check_archive(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        log.warning("the checkpoint is damaged, and the training starts again: %s", brief(error))
        return None
    if not isinstance(state, dict) or state.get("format") != FORMAT or state.get("digest") != digest:
        return None
    return state
