"""Pairs or sequences of a generated sample set by upstream's DUSt3R alone: photos to rotation errors.

    python -m benchmarks.peers.dust3r SAMPLE_FOLDER OUT.json [--sequences]

Upstream's `load_images`, `make_pairs`, `inference` (batches of 1) and `global_aligner`, one sample after the
other, with the small network that hw4 ships; angles by numpy. Nothing is kept, and a killed run begins anew.
"""

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.network import load_network
from hw4.models.dust3r.upstream import import_part
from hw4.models.network.upstream import quiet

CONFIG = Dust3rConfig(weights="tiny", device="cpu")


def cameras(network: torch.nn.Module, paths: Sequence[Path], size: int, patch: int) -> np.ndarray:
    """(N, 4, 4) world-from-camera by upstream's aligner."""
    photos = import_part("dust3r.utils.image").load_images(
        [str(path) for path in paths], size=size, verbose=False, patch_size=patch
    )
    pairs = import_part("dust3r.image_pairs").make_pairs(
        photos, scene_graph="complete", prefilter=None, symmetrize=True
    )
    output = import_part("dust3r.inference").inference(pairs, network, "cpu", batch_size=1, verbose=False)
    cloud_opt = import_part("dust3r.cloud_opt")
    alone = len(paths) == 2
    mode = cloud_opt.GlobalAlignerMode["PairViewer" if alone else "PointCloudOptimizer"]
    scene = cloud_opt.global_aligner(output, device="cpu", mode=mode, verbose=False)
    if not alone:
        options = CONFIG.alignment
        scene.compute_global_alignment(
            init="mst", niter=options.iterations, schedule=options.schedule, lr=options.lr
        )
    found: np.ndarray = scene.get_im_poses().detach().double().numpy()
    return found


def error_deg(world_from_cam: np.ndarray, truth: dict[str, Any]) -> float:
    """Angle between the estimated and the true turn from the first photo to the last, degrees."""
    first, last = (world_from_cam[end, :3, :3] for end in (0, -1))
    true_first, true_last = (_rotation(truth[name]) for name in ("img1", "img2"))
    difference = (last.T @ first) @ (true_last @ true_first.T).T
    return float(np.degrees(np.arccos(np.clip((np.trace(difference) - 1) / 2, -1, 1))))


def _rotation(camera: dict[str, float]) -> np.ndarray:
    """(3, 3) camera-from-world rotation of an entry of ``gt.npy``."""
    x, y, z, w = (camera[key] for key in ("qx", "qy", "qz", "qw"))
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def photos(root: Path, idx: int, sequences: bool) -> list[Path]:
    """The photos of a sample, in order."""
    if not sequences:
        return [root / "images" / f"{idx:04d}_{end}.png" for end in "ab"]
    frames = (root / "interpolated" / str(idx)).glob(f"*/{idx}_frame*.png")
    return sorted(frames, key=lambda path: int(path.stem.split("frame")[1]))


def main(arguments: Sequence[str]) -> None:
    """Write the rotation error of every sample, by its number."""
    root, out, sequences = Path(arguments[0]), Path(arguments[1]), "--sequences" in arguments
    truth = np.load(root / "gt.npy", allow_pickle=True).item()
    loaded = load_network(CONFIG)
    errors = {}
    for idx in truth:
        torch.manual_seed(0)
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = cameras(
                loaded.network, photos(root, idx, sequences), loaded.image_size, loaded.patch_size
            )
        errors[idx] = error_deg(found, truth[idx])
    out.write_text(json.dumps(errors))


if __name__ == "__main__":
    main(sys.argv[1:])
