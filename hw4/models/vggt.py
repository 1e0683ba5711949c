"""VGGT (Wang et al., CVPR 2025) as a reconstruction model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from hw4.config.model import VggtConfig
from hw4.errors import UserError
from hw4.models.base import Reconstruction, ReconstructionModel
from hw4.models.devices import pick_device, pick_dtype, precision
from hw4.models.networks import LoadedNetwork, load_vggt_network
from hw4.models.pnp import diagnose_points
from hw4.models.preprocess import load_vggt_views
from hw4.models.upstream import import_vggt_geometry, import_vggt_pose_encoding, quiet


class VggtModel(ReconstructionModel):
    """All views in one forward pass: cameras from the camera head, geometry from the depth or point head."""

    name = "vggt"

    def __init__(self, loaded: LoadedNetwork, config: VggtConfig) -> None:
        self.config = config
        self.device = pick_device(config)
        self.dtype = pick_dtype(config, self.device)
        self.network = loaded.network.to(self.device)
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
            UserError: as `load_vggt_network`, no such device, or an impossible image size.
        """
        pick_device(config)
        return cls(load_vggt_network(config), config)

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        """See `ReconstructionModel.reconstruct`; `Ks` and `seed` are ignored: nothing here is random."""
        views = load_vggt_views(image_paths, self.image_size, self.config.preprocess, self.patch_size)
        images = torch.stack([view.pixels for view in views])
        with torch.inference_mode(), quiet(), precision(self.device, self.dtype):
            predictions = self.network(images[None].to(self.device))
        output = {
            name: predictions[name][0].float().cpu().numpy()
            for name in ("depth", "depth_conf", "world_points", "world_points_conf")
        }
        pose_encoding = predictions["pose_enc"].float().cpu()
        extrinsics, intrinsics = import_vggt_pose_encoding().pose_encoding_to_extri_intri(
            pose_encoding, tuple(images.shape[-2:])
        )
        cam_from_world = extrinsics[0].double().numpy()
        Ks_model = intrinsics[0].double().numpy()
        depth = output["depth"][..., 0]

        n = len(views)
        problems: list[list[str]] = [[] for _ in range(n)]
        for view in range(n):
            if not np.isfinite(cam_from_world[view]).all():
                cam_from_world[view] = np.nan
                problems[view].append("the camera head's output is not finite")
            if not np.isfinite(Ks_model[view]).all():
                Ks_model[view] = np.nan
                problems[view].append("the camera head predicts no field of view")
        pts3d = output["world_points"]
        conf = output["world_points_conf"]
        if self.config.pts3d_from == "depth":
            usable = [view for view in range(n) if not problems[view]]
            conf = np.where(np.isin(np.arange(n), usable)[:, None, None], output["depth_conf"], conf)
            if usable:
                pts3d[usable] = import_vggt_geometry().unproject_depth_map_to_point_map(
                    output["depth"][usable], cam_from_world[usable], Ks_model[usable]
                )
        shapes = [diagnose_points(points) for points in pts3d]
        for view, shape in enumerate(shapes):
            if shape.degenerate:
                problems[view].append(str(shape))
        notes: dict[str, object] = {
            "point_shapes": [shape.kind for shape in shapes],
            "flatness": [s.flatness if np.isfinite(s.flatness) else None for s in shapes],
        }
        if self.license is not None:
            notes["license"] = self.license
        return Reconstruction(
            cam_from_world=cam_from_world,
            Ks=Ks_model,
            image_sizes=np.array([view.original_size for view in views]),
            original_from_model=np.stack([view.original_from_model for view in views]),
            images=[view.image for view in views],
            pts3d=[points.astype(np.float32) for points in pts3d],
            conf=list(conf.astype(np.float32)),
            depth=list(depth),
            diagnoses=["; ".join(entry) or None for entry in problems],
            notes=notes,
        )
