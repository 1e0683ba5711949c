"""The published training losses of VGGT, on `Views`."""

import numpy as np
import torch
from torch import nn

from hw4.models.network.training import Forward, Trainable, Views, mean_distance, to_numpy
from hw4.models.network.upstream import quiet
from hw4.models.vggt.tiny import build_tiny
from hw4.models.vggt.upstream import import_pose_encoding

ALPHA = 0.2
CAMERA_WEIGHT = 5.0
CAMERA_DECAY = 0.6


def loss(model: Forward, views: Views) -> tuple[torch.Tensor, dict[str, float]]:
    """Camera, depth and point-map losses (VGGT, eq. 2 and section 3.3).

    The scene is divided by the mean distance of its points from the first camera. Cameras: Huber loss of
    the pose encoding, over the camera head's iterations with weights 0.6^(last-i). Depth and points:
    confidence-weighted error plus that of the spatial gradient.
    """
    pose_encoding = import_pose_encoding()
    points = views.pts3d()
    scale = mean_distance(points)
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
    total = CAMERA_WEIGHT * camera + depth + dense
    parts = {"camera": float(torch.as_tensor(camera).detach()), "depth": float(depth.detach())}
    return total, {**parts, "points": float(dense.detach())}


def _dense_loss(predicted: torch.Tensor, truth: torch.Tensor, conf: torch.Tensor) -> torch.Tensor:
    """Confidence-weighted error of (B, V, H, W, C) maps and of their gradients."""
    error, conf = predicted.float() - truth, conf.float()
    value = (conf * error.norm(dim=-1) - ALPHA * conf.log()).mean()
    across = (error[..., 1:, :] - error[..., :-1, :]).norm(dim=-1)
    down = (error[..., 1:, :, :] - error[..., :-1, :, :]).norm(dim=-1)
    gradient = (conf[..., 1:] * across).mean() + (conf[..., 1:, :] * down).mean()
    return value + 0.5 * gradient


def predict(model: nn.Module, views: Views) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """See `Trainable.predict`: points of the point head, cameras of the camera head."""
    with quiet():
        predicted = model(views.images)
    decode = import_pose_encoding().pose_encoding_to_extri_intri
    cameras, _ = decode(predicted["pose_enc"].float().cpu(), tuple(views.depth.shape[-2:]))
    R = to_numpy(cameras[..., :3]).astype(float)
    return to_numpy(predicted["world_points"]), list(R[:, 1] @ R[:, 0].transpose(0, 2, 1))


TRAINABLE = Trainable(build_tiny, loss, predict)
