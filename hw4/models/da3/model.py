"""Depth Anything 3 (Lin et al., 2025) as a reconstruction model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from hw4.models.base import BatchedModel, Reconstruction
from hw4.models.da3.config import Da3Config
from hw4.models.da3.network import load_network
from hw4.models.da3.upstream import import_geometry
from hw4.models.da3.views import load_views
from hw4.models.network.devices import pick_device, pick_dtype, precision
from hw4.models.network.load import LoadedNetwork
from hw4.models.network.one_pass import in_one_pass, reconstruction_of, scenes_that_fill
from hw4.models.network.upstream import quiet
from hw4.models.network.views import ModelView

# ImageNet's, which the network was trained with.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Upstream holds the tangent of half the field of view above this.
LEAST_TANGENT = 1e-6
OUTPUTS = ("depth", "depth_conf", "extrinsics", "intrinsics")


class Da3Model(BatchedModel):
    """All views in one forward pass: depth, and cameras from the camera head."""

    name = "da3"

    def __init__(self, loaded: LoadedNetwork, config: Da3Config) -> None:
        self.config = config
        self.device = pick_device(config)
        self.dtype = pick_dtype(config, self.device, fast=True)
        self.network = loaded.network.to(self.device)
        self.image_size = config.image_size or loaded.image_size
        self.patch_size = loaded.patch_size
        self.weights_label = loaded.source.label
        self.license = loaded.source.license

    @classmethod
    def from_config(cls, config: Da3Config) -> "Da3Model":
        """Load the configured weights.

        Raises:
            UserError: as `load_network`, or no such device.
        """
        pick_device(config)
        return cls(load_network(config), config)

    def load_views(self, image_paths: Sequence[Path]) -> list[ModelView]:
        """See `ViewsModel.load_views`."""
        return load_views(image_paths, self.image_size, self.patch_size)

    def scenes_per_batch(self, views: Sequence[ModelView]) -> int:
        """See `BatchedModel.scenes_per_batch`: as many as keep the device busy, or `model.batch_size`."""
        return self.config.batch_size or scenes_that_fill(self.device, views, self.patch_size)

    @in_one_pass
    def reconstruct_batch(self, scenes: Sequence[Sequence[ModelView]]) -> list[Reconstruction]:
        """See `BatchedModel.reconstruct_batch`."""
        images = torch.stack([torch.stack([view.pixels for view in views]) for views in scenes])
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
        with torch.inference_mode(), quiet(), precision(self.device, self.dtype):
            predictions = self.network(
                ((images - mean) / std).to(self.device), ref_view_strategy=self.config.reference_view
            )
        output = {name: predictions[name].float().cpu() for name in OUTPUTS}
        return [
            self._read(views, {name: values[scene] for name, values in output.items()})
            for scene, views in enumerate(scenes)
        ]

    def _read(self, views: Sequence[ModelView], output: dict[str, torch.Tensor]) -> Reconstruction:
        """One scene's part of the network's output."""
        n = len(views)
        problems: list[list[str]] = [[] for _ in range(n)]
        cam_from_world = output["extrinsics"][:, :3].double().numpy().copy()
        Ks = output["intrinsics"].double().numpy().copy()
        height, width = output["depth"].shape[-2:]
        longest = np.array([width, height]) / 2 / LEAST_TANGENT
        for view in range(n):
            if not np.isfinite(cam_from_world[view]).all():
                cam_from_world[view] = np.nan
                problems[view].append("the camera head's output is not finite")
            focals = Ks[view, [0, 1], [0, 1]]
            if not (focals < 0.999 * longest).all():
                Ks[view] = np.nan
                problems[view].append("the camera head predicts no field of view")
        # Without a camera, a depth map says nothing about the world.
        pts3d = np.full((n, height, width, 3), np.nan, np.float32)
        usable = [view for view in range(n) if not problems[view]]
        if usable:
            whole = np.tile(np.eye(4), (len(usable), 1, 1))
            whole[:, :3] = cam_from_world[usable]
            world_from_cam = np.linalg.inv(whole)
            pts3d[usable] = import_geometry().unproject_depth(
                output["depth"][None, usable, ..., None],
                torch.from_numpy(Ks[usable]).float()[None],
                torch.from_numpy(world_from_cam).float()[None],
            )[0]
        maps = (pts3d, output["depth_conf"].numpy(), output["depth"].numpy())
        return reconstruction_of(views, cam_from_world, Ks, maps, problems, self.license)
