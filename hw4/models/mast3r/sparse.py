"""MASt3R's sparse alignment: cameras from matches of descriptors (upstream `mast3r.cloud_opt.sparse_ga`)."""

import functools
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from hw4.geometry.pnp import diagnose_points
from hw4.models.dust3r.alignment import Alignment, failing_cleanly
from hw4.models.mast3r.config import SparseConfig
from hw4.models.mast3r.upstream import import_sparse
from hw4.models.network.devices import precision, seeded
from hw4.models.network.upstream import quiet, replaced


class _InPrecision:
    """A network whose transformer runs in a precision; its heads stay as upstream has them."""

    def __init__(self, network: Any, device: torch.device, dtype: torch.dtype) -> None:
        self._network, self._where = network, (device, dtype)
        self._downstream_head = network._downstream_head

    def _encode_image_pairs(self, *images: Any) -> Any:
        with precision(*self._where):
            return self._network._encode_image_pairs(*images)

    def _decoder(self, *features: Any) -> Any:
        with precision(*self._where):
            return self._network._decoder(*features)


def align_sparse(
    network: Any,
    pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]],
    config: SparseConfig,
    seed: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Alignment:
    """Cameras, depth and intrinsics of all views of some pairs.

    Pairs are matched by descriptors; 3D points of matches are brought together, then their reprojections.
    What upstream keeps on disk lies in a temporary folder.

    Args:
        network: upstream's `AsymmetricMASt3R`.
        pairs: symmetrised, of upstream's `make_pairs`, that connect the N views.
        config: steps, rates and thresholds.
        seed: of torch's generators.
        device: where network and optimisation run.
        dtype: of the network's transformer.

    Raises:
        ReconstructionFailed: upstream's solvers fail on it.
    """
    module = import_sparse()
    n = 1 + max(view["idx"] for pair in pairs for view in pair)
    with (
        tempfile.TemporaryDirectory(prefix="hw4-sparse-") as folder,
        seeded(seed),
        quiet(),
        replaced(module, tqdm=functools.partial(module.tqdm, disable=True)),
        failing_cleanly("the sparse alignment"),
    ):
        scene = module.sparse_global_alignment(
            [str(view) for view in range(n)],
            pairs,
            folder,
            network if dtype == torch.float32 else _InPrecision(network, device, dtype),
            subsample=config.subsample,
            device=device,
            shared_intrinsics=config.shared_intrinsics,
            lr1=config.lr1,
            niter1=config.niter1,
            lr2=config.lr2,
            niter2=config.niter2,
            matching_conf_thr=config.matching_conf_thr,
        )
        maps = scene.get_dense_pts3d(clean_depth=False, subsample=config.subsample)
        world_from_cam = scene.get_im_poses().detach().double().cpu().numpy()
        Ks = torch.stack(list(scene.intrinsics)).detach().double().cpu().numpy()
        pts3d, depth, conf = ([m.detach().float().cpu().numpy() for m in kind] for kind in maps)
    sizes = [c.shape for c in conf]
    return _checked(
        Alignment(
            np.linalg.inv(world_from_cam)[:, :3],
            Ks,
            [points.reshape(*size, 3) for points, size in zip(pts3d, sizes, strict=True)],
            [values.reshape(size) for values, size in zip(depth, sizes, strict=True)],
            conf,
            [None] * n,
            {"pairs": len(pairs), "alignment_backend": "sparse"},
        )
    )


def _checked(alignment: Alignment) -> Alignment:
    """Views that came out not finite have no camera; degenerate ones are called so."""
    shapes = [diagnose_points(points.reshape(-1, 3)) for points in alignment.pts3d]
    for view, shape in enumerate(shapes):
        problems = [str(shape)] if shape.degenerate else []
        if not np.isfinite(alignment.Ks[view]).all():
            alignment.Ks[view] = np.nan
            problems.append("its intrinsics are not finite")
        if not np.isfinite(alignment.cam_from_world[view]).all():
            alignment.cam_from_world[view] = np.nan
            problems.append("its camera is not finite")
        alignment.diagnoses[view] = "; ".join(problems) or None
    alignment.notes |= {
        "point_shapes": [shape.kind for shape in shapes],
        "flatness": [s.flatness if np.isfinite(s.flatness) else None for s in shapes],
    }
    return alignment
