"""The published training loss of DUSt3R, on `Views`."""

import random
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from hw4.models.dust3r.tiny import build_tiny
from hw4.models.network.training import Forward, Trainable, Views, mean_distance, to_numpy
from hw4.models.network.upstream import quiet

ALPHA = 0.2


def neighbour_pairs(views: Views) -> tuple[Views, Views]:
    """Two-view scenes from neighbouring views, and the same with the views swapped."""
    n = views.images.shape[1] // 2 * 2

    def pick(first: int) -> Views:
        order = torch.arange(n).reshape(-1, 2)
        if first:
            order = order.flip(1)
        images, depth = (t[:, order].flatten(0, 1) for t in (views.images, views.depth))
        cameras = views.cam_from_world[:, order].flatten(0, 1)
        return Views(images, depth, cameras @ torch.linalg.inv(cameras[:, :1]), views.K)

    return pick(0), pick(1)


def forward_pairs(model: Forward, first: torch.Tensor, second: torch.Tensor) -> tuple[Any, Any]:
    """Upstream's forward pass on (B, 3, H, W) images in [0, 1]; DUSt3R's own normalisation is applied."""
    height, width = first.shape[-2:]
    shape = torch.tensor([[height, width]]).repeat(len(first), 1)
    names = [str(random.random()) for _ in range(2)]

    def view(images: torch.Tensor, name: str) -> dict[str, Any]:
        # Distinct names tell upstream that the batch is not already symmetrised.
        instance = [f"{name}-{i}" for i in range(len(images))]
        return {"img": (images - 0.5) / 0.5, "true_shape": shape, "instance": instance}

    return model(view(first, names[0]), view(second, names[1]))


def loss(model: Forward, views: Views) -> tuple[torch.Tensor, dict[str, float]]:
    """Confidence-weighted regression of both point maps in the first camera.

    Each scene's points are divided by their mean distance from the first camera, predicted and true ones
    separately (DUSt3R, eqs. 2-4; upstream `Regr3D(norm_mode='avg_dis')` in `ConfLoss(alpha=0.2)`).
    """
    parts = neighbour_pairs(views)
    images = torch.cat([p.images for p in parts])
    truth = torch.cat([p.pts3d() for p in parts])
    one, two = forward_pairs(model, images[:, 0], images[:, 1])
    predicted = torch.stack([one["pts3d"], two["pts3d_in_other_view"]], dim=1).float()
    conf = torch.stack([one["conf"], two["conf"]], dim=1).float()
    distance = (predicted / mean_distance(predicted) - truth / mean_distance(truth)).norm(dim=-1)
    value = (conf * distance - ALPHA * conf.log()).mean()
    return value, {"regression": float(distance.detach().mean()), "conf": float(conf.detach().mean())}


def predict(model: nn.Module, views: Views) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """See `Trainable.predict`: the second camera by PnP on its point map, with the true K."""
    with quiet():
        one, two = forward_pairs(model, views.images[:, 0], views.images[:, 1])
    second = to_numpy(two["pts3d_in_other_view"])
    points = np.stack([to_numpy(one["pts3d"]), second], axis=1)
    return points, [_pnp_rotation(p, to_numpy(views.K).astype(float)) for p in second]


def _pnp_rotation(points: np.ndarray, K: np.ndarray) -> np.ndarray | None:
    if not np.isfinite(points).all():
        return None
    height, width = points.shape[:2]
    pixels = np.mgrid[:width, :height].T.astype(np.float32) + 0.5
    try:
        cv2.setRNGSeed(0)
        found, vector, _, _ = cv2.solvePnPRansac(
            points.reshape(-1, 3).astype(np.float32),
            pixels.reshape(-1, 2),
            K,
            None,
            iterationsCount=100,
            reprojectionError=2,
            flags=cv2.SOLVEPNP_SQPNP,
        )
    except cv2.error:
        found = False
    return cv2.Rodrigues(vector)[0] if found else None


TRAINABLE = Trainable(build_tiny, loss, predict)
