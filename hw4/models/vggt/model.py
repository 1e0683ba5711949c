"""VGGT (Wang et al., CVPR 2025) as a reconstruction model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hw4.core.errors import UserError
from hw4.models.base import BatchedModel, Reconstruction
from hw4.models.network.devices import pick_device, pick_dtype, precision
from hw4.models.network.heap import is_large, kept_heap
from hw4.models.network.load import LoadedNetwork
from hw4.models.network.one_pass import in_one_pass, reconstruction_of, scenes_that_fill
from hw4.models.network.reduced import reduce_network
from hw4.models.network.upstream import quiet
from hw4.models.network.views import ModelView
from hw4.models.vggt.config import NO_POINTS, VggtConfig
from hw4.models.vggt.network import load_network
from hw4.models.vggt.tokens import keep_tokens
from hw4.models.vggt.upstream import import_geometry, import_pose_encoding
from hw4.models.vggt.views import load_views

OUTPUTS = ("pose_enc", "depth", "depth_conf", "world_points", "world_points_conf")


class VggtModel(BatchedModel):
    """All views in one forward pass: cameras from the camera head, geometry from the depth or point head."""

    name = "vggt"

    def __init__(self, loaded: LoadedNetwork, config: VggtConfig) -> None:
        self.config = config
        self.device = pick_device(config)
        self.dtype = pick_dtype(config, self.device, fast=True)
        network: Any = loaded.network
        # Upstream skips a head that is not there: a third of the time of a small network, memory of any.
        if config.pts3d_from != "point_head":
            network.point_head = None
        if config.pts3d_from == NO_POINTS:
            network.depth_head = None
        self.network = network.to(self.device)
        self._large = is_large(self.device, self.network)
        reduce_network(config, self.device, self.network, ["aggregator"], ["depth_head", "point_head"])
        if self.device.type == "cpu":
            keep_tokens(network.aggregator)
        self.image_size = config.image_size or loaded.image_size
        self.patch_size = loaded.patch_size
        self.weights_label = loaded.source.label
        self.license = loaded.source.license
        if self.image_size % self.patch_size:
            raise UserError(
                f"model.image_size={self.image_size} is impossible for vggt: it must be a multiple of the "
                f"patch size, {self.patch_size}."
            )

    @classmethod
    def from_config(cls, config: VggtConfig) -> "VggtModel":
        """Load the configured weights.

        Raises:
            UserError: as `load_network`, no such device, or an impossible image size.
        """
        pick_device(config)
        return cls(load_network(config), config)

    def load_views(self, image_paths: Sequence[Path]) -> list[ModelView]:
        """See `ViewsModel.load_views`."""
        return load_views(image_paths, self.image_size, self.config.preprocess, self.patch_size)

    def scenes_per_batch(self, views: Sequence[ModelView]) -> int:
        """See `BatchedModel.scenes_per_batch`: as many as keep the device busy, or `model.batch_size`."""
        if self.config.batch_size is not None:
            return self.config.batch_size
        return scenes_that_fill(self.device, views, self.patch_size)

    @in_one_pass
    def reconstruct_batch(self, scenes: Sequence[Sequence[ModelView]]) -> list[Reconstruction]:
        """See `BatchedModel.reconstruct_batch`."""
        images = torch.stack([torch.stack([view.pixels for view in views]) for views in scenes])
        at_work = precision(self.device, self.dtype)
        with torch.inference_mode(), quiet(), at_work, kept_heap(self._large):
            predictions = self.network(images.to(self.device))
        names = [name for name in OUTPUTS if name in predictions]
        output = {name: predictions[name].float().cpu() for name in names}
        extrinsics, intrinsics = import_pose_encoding().pose_encoding_to_extri_intri(
            output.pop("pose_enc"), tuple(images.shape[-2:])
        )
        return [
            self._read(
                views,
                extrinsics[scene].double().numpy(),
                intrinsics[scene].double().numpy(),
                {name: values[scene].numpy() for name, values in output.items()},
            )
            for scene, views in enumerate(scenes)
        ]

    def _read(
        self,
        views: Sequence[ModelView],
        cam_from_world: np.ndarray,
        Ks_model: np.ndarray,
        output: dict[str, np.ndarray],
    ) -> Reconstruction:
        """One scene's part of the network's output."""
        n = len(views)
        problems: list[list[str]] = [[] for _ in range(n)]
        for view in range(n):
            if not np.isfinite(cam_from_world[view]).all():
                cam_from_world[view] = np.nan
                problems[view].append("the camera head's output is not finite")
            if not np.isfinite(Ks_model[view]).all():
                Ks_model[view] = np.nan
                problems[view].append("the camera head predicts no field of view")
        if self.config.pts3d_from == NO_POINTS:
            return reconstruction_of(views, cam_from_world, Ks_model, None, problems, self.license)
        depth = output["depth"][..., 0]
        if self.config.pts3d_from == "depth":
            # Without a camera, a depth map says nothing about the world.
            pts3d = np.full((*depth.shape, 3), np.nan, np.float32)
            conf = output["depth_conf"]
            usable = [view for view in range(n) if not problems[view]]
            if usable:
                pts3d[usable] = import_geometry().unproject_depth_map_to_point_map(
                    output["depth"][usable], cam_from_world[usable], Ks_model[usable]
                )
        else:
            pts3d, conf = output["world_points"], output["world_points_conf"]
        maps = (pts3d, conf, depth)
        return reconstruction_of(views, cam_from_world, Ks_model, maps, problems, self.license)
