"""Gaussians as ``.splat`` (antimatter15's viewer) and ``.spz`` (Niantic's, by gsply)."""

import tempfile
from pathlib import Path

import numpy as np
from gsply import GSData
from gsply.spz import write_spz as gsply_write_spz

from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.show.export.scene import rgb_of
from hw4.splat.gaussians import load_ply

# Coordinates are integers of 24 bits with their sign; gsply takes at most so many bits behind the point.
SPZ_LARGEST, SPZ_MOST_BITS = 2**23 - 1, 24
# The sizes that 8 bits hold, as natural logarithms.
SPZ_LOG_SCALES = (-10.0, -10.0 + 255 / 16)
# How the harmonics of degrees 1 to 3, in 3DGS's order, change where y and z change their signs.
TURNED = np.array([-1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1], np.float32)


def _arrays(ply: Path) -> dict[str, np.ndarray]:
    """Means, log scales, unit quat_wxyz, opacity logits, and coefficients, as `hw4.splat.gaussians`."""
    arrays = {name: p.detach().numpy() for name, p in load_ply(ply).items()}
    length = np.linalg.norm(arrays["quats"], axis=1, keepdims=True)
    arrays["quats"] = np.where(length > 0, arrays["quats"] / np.maximum(length, 1e-30), [1.0, 0, 0, 0])
    return arrays


def write_splat(ply: Path, path: Path) -> Path:
    """Write 32 bytes a Gaussian, the most visible first; colours are those of the constant part.

    Position and standard deviations (float32), RGBA and quat_wxyz (8 bits each). Source: convert.py of
    antimatter15/splat.

    Raises:
        UserError: `ply` holds no Gaussians.
    """
    arrays = _arrays(ply)
    opacity = 1 / (1 + np.exp(-arrays["opacities"].astype(np.float64)))
    order = np.argsort(-np.exp(arrays["scales"].sum(axis=1).astype(np.float64)) * opacity, kind="stable")
    rows = np.zeros(
        len(order), [("xyz", "<f4", 3), ("scales", "<f4", 3), ("rgba", "u1", 4), ("quat_wxyz", "u1", 4)]
    )
    rows["xyz"], rows["scales"] = arrays["means"][order], np.exp(arrays["scales"][order])
    rows["rgba"][:, :3] = rgb_of(arrays["sh0"][order, 0])
    rows["rgba"][:, 3] = np.rint(255 * opacity[order])
    rows["quat_wxyz"] = np.clip(np.rint(128 + 128 * arrays["quats"][order]), 0, 255)
    write_bytes(path, rows.tobytes())
    return path


def write_spz(ply: Path, path: Path) -> Path:
    """Write version 3, with as many bits behind the point as the world's size leaves.

    The format's world is right, up, back; so y and z change their signs, as Niantic's own converter does with
    a ``.ply``. Source: the README of nianticlabs/spz.

    Raises:
        UserError: `ply` holds no Gaussians, or the format cannot hold them.
    """
    arrays = _arrays(ply)
    largest = float(np.abs(arrays["means"]).max(initial=1e-6))
    bits = int(np.floor(np.log2(SPZ_LARGEST / largest)))
    if bits < 1:
        raise UserError(f"{path.name} cannot hold coordinates of {largest:.3g}: its numbers have 24 bits")
    low, high = SPZ_LOG_SCALES
    outside = int(((arrays["scales"] < low) | (arrays["scales"] > high)).any(axis=1).sum())
    if 2 * outside > len(arrays["scales"]):
        raise UserError(
            f"{path.name} cannot hold the sizes of {outside} of {len(arrays['scales'])} Gaussians, which are "
            f"outside of {np.exp(low):.2g} to {np.exp(high):.2g}"
        )
    w, x, y, z = arrays["quats"].T
    turned = np.array([1, -1, -1], np.float32)
    n_rest = arrays["shN"].shape[1]
    data = GSData(
        means=arrays["means"] * turned,
        scales=arrays["scales"],
        quats=np.stack([w, x, -y, -z], axis=1).astype(np.float32),
        opacities=arrays["opacities"],
        sh0=arrays["sh0"][:, 0],
        shN=arrays["shN"] * TURNED[:n_rest, None],
    )
    with tempfile.TemporaryDirectory(prefix="hw4-spz-") as scratch:
        written = Path(scratch) / path.name
        gsply_write_spz(written, data, version=3, fractional_bits=min(bits, SPZ_MOST_BITS))
        write_bytes(path, written.read_bytes())
    return path
