"""DUSt3R (Wang et al., CVPR 2024) as a reconstruction model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hw4.data.photos import photo_path
from hw4.models.base import Reconstruction, ViewsModel
from hw4.models.dust3r import pairs as dust3r_fast
from hw4.models.dust3r.alignment import Alignment, align_pair, align_views
from hw4.models.dust3r.budget import check_budget
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.network import load_network
from hw4.models.dust3r.upstream import import_inference
from hw4.models.dust3r.views import load_view
from hw4.models.network.devices import pick_device, pick_dtype, precision, tf32
from hw4.models.network.load import LoadedNetwork
from hw4.models.network.upstream import quiet
from hw4.models.network.views import ModelView

# What the alignment reads of a network's predictions.
POINTMAPS = {"pts3d", "pts3d_in_other_view", "conf"}


class Dust3rModel(ViewsModel):
    """Pointmaps of photo pairs by the network, cameras from them by PnP (two views) or global alignment."""

    name = "dust3r"

    def __init__(self, loaded: LoadedNetwork, config: Dust3rConfig) -> None:
        self.config = config
        self.device = pick_device(config)
        self.dtype = pick_dtype(config, self.device)
        self.network = loaded.network.to(self.device)
        self.image_size = config.image_size or loaded.image_size
        self.patch_size = loaded.patch_size
        self.weights_label = loaded.source.label
        self.license = loaded.source.license

    @classmethod
    def from_config(cls, config: Dust3rConfig) -> "Dust3rModel":
        """Load the configured weights.

        Raises:
            UserError: as `load_network`, or no such device.
        """
        pick_device(config)
        return cls(load_network(config), config)

    def predict_pairs(self, views: Sequence[ModelView], scene_graph: str) -> dict[str, Any]:
        """Upstream's inference on the symmetrised pairs of a scene graph; its output, on the CPU.

        By `hw4.models.dust3r.pairs` where it knows the network: the same values up to rounding, each view
        encoded once, without the images that upstream hands on.

        Raises:
            ReconstructionFailed: the points of all pairs do not fit into memory.
        """
        pairs = self.make_pairs(views, scene_graph)
        edges = [(first["idx"], second["idx"]) for first, second in pairs]
        check_budget([(view.pixels.shape[1], view.pixels.shape[2]) for view in views], edges)
        if self._is_known():
            images = [view.pixels.sub(0.5).div(0.5) for view in views]
            with quiet(), tf32(self.device), precision(self.device, self.dtype):
                return dust3r_fast.infer(self.network, images, edges)

        def network(view1: dict[str, Any], view2: dict[str, Any]) -> Any:
            # Inside `inference`, which turns autocast off.
            with tf32(self.device), precision(self.device, self.dtype):
                return self.network(view1, view2)

        with quiet():
            output: dict[str, Any] = import_inference().inference(
                pairs, network, self.device, batch_size=self.config.batch_size, verbose=False
            )
        for prediction in (output["pred1"], output["pred2"]):
            for name in set(prediction) - POINTMAPS:
                del prediction[name]
        return output

    @staticmethod
    def make_pairs(
        views: Sequence[ModelView], scene_graph: str
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """The symmetrised pairs of a scene graph, as upstream has them."""
        images: list[dict[str, Any]] = [
            {
                "img": view.pixels.sub(0.5).div(0.5)[None],
                "true_shape": np.array([view.pixels.shape[1:]], np.int32),
                "idx": index,
                "instance": str(index),
            }
            for index, view in enumerate(views)
        ]
        make = import_inference().make_pairs
        pairs = make(images, scene_graph=scene_graph, prefilter=None, symmetrize=True)
        # Upstream's small windows wrap around to the view itself.
        return [(first, second) for first, second in pairs if first["idx"] != second["idx"]]

    def _is_known(self) -> bool:
        """Whether the network goes the fast way."""
        return dust3r_fast.supported(self.network)

    def _align(self, views: Sequence[ModelView], seed: int) -> Alignment:
        """The cameras of more than two views."""
        options = self.config.alignment
        output = self.predict_pairs(views, options.scene_graph)
        return align_views(output, len(views), options, seed, self.device)

    def load_views(self, image_paths: Sequence[Path]) -> list[ModelView]:
        """See `ViewsModel.load_views`."""
        return [load_view(photo_path(path), self.image_size, self.patch_size) for path in image_paths]

    def reconstruct_views(self, views: Sequence[ModelView], seed: int = 0) -> Reconstruction:
        """See `ViewsModel.reconstruct_views`."""
        n = len(views)
        options = self.config.alignment
        if n == 2:
            alignment = align_pair(self.predict_pairs(views, "complete"), seed, options.on_pnp_failure)
        else:
            options.check_views(n)
            alignment = self._align(views, seed)
            alignment.notes["scene_graph"] = options.scene_graph
        if self.license is not None:
            alignment.notes["license"] = self.license
        return Reconstruction(
            cam_from_world=alignment.cam_from_world,
            Ks=alignment.Ks,
            image_sizes=np.array([view.original_size for view in views]),
            original_from_model=np.stack([view.original_from_model for view in views]),
            images=[view.image for view in views],
            pts3d=alignment.pts3d,
            conf=alignment.conf,
            depth=alignment.depth,
            diagnoses=alignment.diagnoses,
            notes=alignment.notes,
        )
