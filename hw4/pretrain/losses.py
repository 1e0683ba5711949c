"""The published training losses of DUSt3R and VGGT, on `Views`."""

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from hw4.models.network.upstream import import_vggt_pose_encoding
from hw4.pretrain.batches import Views

DUST3R_ALPHA = 0.2
VGGT_ALPHA = 0.2
CAMERA_WEIGHT = 5.0
CAMERA_DECAY = 0.6
# A network, or a function that runs one in another precision.
Forward = Callable[..., Any]


def dust3r_pairs(views: Views) -> tuple[Views, Views]:
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


def dust3r_forward(model: Forward, first: torch.Tensor, second: torch.Tensor) -> tuple[Any, Any]:
    """Upstream's forward pass on (B, 3, H, W) images in [0, 1]; DUSt3R's own normalisation is applied."""
    height, width = first.shape[-2:]
    shape = torch.tensor([[height, width]]).repeat(len(first), 1)
    names = [str(random.random()) for _ in range(2)]

    def view(images: torch.Tensor, name: str) -> dict[str, Any]:
        # Distinct names tell upstream that the batch is not already symmetrised.
        instance = [f"{name}-{i}" for i in range(len(images))]
        return {"img": (images - 0.5) / 0.5, "true_shape": shape, "instance": instance}

    return model(view(first, names[0]), view(second, names[1]))


def _mean_distance(points: torch.Tensor) -> torch.Tensor:
    """(B, 1, 1, 1, 1) mean distance from the origin of (B, V, H, W, 3) points."""
    return points.norm(dim=-1).mean(dim=(1, 2, 3))[:, None, None, None, None].clamp(min=1e-6)


def dust3r_loss(model: Forward, views: Views) -> tuple[torch.Tensor, dict[str, float]]:
    """Confidence-weighted regression of both point maps in the first camera.

    Each scene's points are divided by their mean distance from the first camera, predicted and true ones
    separately (DUSt3R, eqs. 2-4; upstream `Regr3D(norm_mode='avg_dis')` in `ConfLoss(alpha=0.2)`).
    """
    parts = dust3r_pairs(views)
    images = torch.cat([p.images for p in parts])
    truth = torch.cat([p.pts3d() for p in parts])
    one, two = dust3r_forward(model, images[:, 0], images[:, 1])
    predicted = torch.stack([one["pts3d"], two["pts3d_in_other_view"]], dim=1).float()
    conf = torch.stack([one["conf"], two["conf"]], dim=1).float()
    distance = (predicted / _mean_distance(predicted) - truth / _mean_distance(truth)).norm(dim=-1)
    loss = (conf * distance - DUST3R_ALPHA * conf.log()).mean()
    return loss, {"regression": float(distance.detach().mean()), "conf": float(conf.detach().mean())}


def vggt_loss(model: Forward, views: Views) -> tuple[torch.Tensor, dict[str, float]]:
    """Camera, depth and point-map losses (VGGT, eq. 2 and section 3.3).

    The scene is divided by the mean distance of its points from the first camera. Cameras: Huber loss of
    the pose encoding, over the camera head's iterations with weights 0.6^(last-i). Depth and points:
    confidence-weighted error plus that of the spatial gradient.
    """
    pose_encoding = import_vggt_pose_encoding()
    points = views.pts3d()
    scale = _mean_distance(points)
    cameras = views.cam_from_world[:, :, :3].clone()
    cameras[..., 3] = cameras[..., 3] / scale[..., 0, 0]
    Ks = views.K.expand(*cameras.shape[:2], 3, 3)
    height, width = views.depth.shape[-2:]
    target = pose_encoding.extri_intri_to_pose_encoding(cameras, Ks, (height, width))
    # A quaternion and its negative are one rotation; the camera loss needs one of them.
    sign = torch.where(target[..., 6:7] < 0, -1.0, 1.0)
    target = torch.cat([target[..., :3], target[..., 3:7] * sign, target[..., 7:]], dim=-1)
    predicted = model(views.images)
    encodings = [encoding.float() for encoding in predicted["pose_enc_list"]]
    camera = sum(
        CAMERA_DECAY ** (len(encodings) - 1 - i) * nn.functional.smooth_l1_loss(encoding, target, beta=0.1)
        for i, encoding in enumerate(encodings)
    )
    depth = _dense_loss(predicted["depth"], (views.depth / scale[..., 0])[..., None], predicted["depth_conf"])
    dense = _dense_loss(predicted["world_points"], points / scale, predicted["world_points_conf"])
    loss = CAMERA_WEIGHT * camera + depth + dense
    parts = {"camera": float(torch.as_tensor(camera).detach()), "depth": float(depth.detach())}
    return loss, {**parts, "points": float(dense.detach())}


def _dense_loss(predicted: torch.Tensor, truth: torch.Tensor, conf: torch.Tensor) -> torch.Tensor:
    """Confidence-weighted error of (B, V, H, W, C) maps and of their gradients."""
    error, conf = predicted.float() - truth, conf.float()
    loss = (conf * error.norm(dim=-1) - VGGT_ALPHA * conf.log()).mean()
    across = (error[..., 1:, :] - error[..., :-1, :]).norm(dim=-1)
    down = (error[..., 1:, :, :] - error[..., :-1, :, :]).norm(dim=-1)
    gradient = (conf[..., 1:] * across).mean() + (conf[..., 1:, :] * down).mean()
    return loss + 0.5 * gradient
