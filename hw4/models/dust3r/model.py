"""DUSt3R (Wang et al., CVPR 2024) as a reconstruction model."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hw4.core.fingerprint import digest
from hw4.data.photos import photo_path
from hw4.models.base import Reconstruction, ViewsModel
from hw4.models.dust3r import pairs as dust3r_fast
from hw4.models.dust3r.alignment import Alignment, align_pair, align_views
from hw4.models.dust3r.budget import (
    BYTES_PER_HALF_POINT,
    BYTES_PER_POINT,
    BYTES_UPSTREAM,
    alignment_device,
    check_budget,
)
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.network import load_network
from hw4.models.dust3r.pace import Pace
from hw4.models.dust3r.predictions import Edge, PairPredictions, Prediction, Shape
from hw4.models.dust3r.spill import Workspace, workspace
from hw4.models.dust3r.upstream import import_inference
from hw4.models.dust3r.views import load_view
from hw4.models.network.devices import pick_device, pick_dtype, precision, tf32
from hw4.models.network.heap import is_large, kept_heap
from hw4.models.network.load import LoadedNetwork
from hw4.models.network.reduced import reduce_network
from hw4.models.network.room import in_chunks, room_for
from hw4.models.network.upstream import quiet
from hw4.models.network.views import ModelView

# What the alignment reads of a network's predictions.
POINTMAPS = {"pts3d", "pts3d_in_other_view", "conf"}
# By upstream's names.
TRANSFORMERS, HEADS = ("enc_blocks", "dec_blocks", "dec_blocks2"), ("downstream_head1", "downstream_head2")
SMALLER_GRAPH = "model.alignment.scene_graph=swin-<k>"

Pairs = Sequence[tuple[dict[str, Any], dict[str, Any]]]


def _shapes(views: Sequence[ModelView]) -> list[Shape]:
    return [(int(view.pixels.shape[1]), int(view.pixels.shape[2])) for view in views]


def _edges(pairs: Pairs) -> list[Edge]:
    return [(first["idx"], second["idx"]) for first, second in pairs]


class Dust3rModel(ViewsModel):
    """Pointmaps of photo pairs by the network, cameras from them by PnP (two views) or global alignment."""

    name = "dust3r"

    def __init__(self, loaded: LoadedNetwork, config: Dust3rConfig) -> None:
        self.config = config
        self.device = pick_device(config)
        self.dtype = pick_dtype(config, self.device)
        self.network = loaded.network.to(self.device)
        self._large = is_large(self.device, self.network)
        reduce_network(config, self.device, self.network, TRANSFORMERS, HEADS)
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

    def predict_pairs(self, views: Sequence[ModelView], scene_graph: str) -> PairPredictions:
        """The network's predictions for the symmetrised pairs of a scene graph, in memory.

        Those of upstream's inference; by `hw4.models.dust3r.pairs` where it knows the network: the same
        values up to rounding, each view encoded once.

        Raises:
            NoRoom: a device has too little memory for one pair.
        """
        pairs = self.make_pairs(views, scene_graph)
        space = Workspace(PairPredictions(_shapes(views), _edges(pairs), self._kept_as))
        self._predict(views, pairs, space)
        return space.predictions

    @contextlib.contextmanager
    def _predicted(self, views: Sequence[ModelView], scene_graph: str) -> Iterator[PairPredictions]:
        """As `predict_pairs`; on disk, while the block lasts, where there are many.

        Raises:
            NoRoom: the points of all pairs do not fit into memory, or one pair into the device's.
        """
        pairs = self.make_pairs(views, scene_graph)
        shapes, edges = _shapes(views), _edges(pairs)
        kept_as = self._kept_as if len(views) > 2 else np.float32
        check_budget(shapes, edges, self._bytes_per_point(len(views)))
        images = [hashlib.sha256(view.pixels.numpy().tobytes()).hexdigest() for view in views]
        what = [images, edges, shapes, np.dtype(kept_as).str, self.device.type, self.config.dtype]
        with workspace(shapes, edges, kept_as, self.scratch, digest(what)) as space:
            self._predict(views, pairs, space)
            yield space.predictions

    @property
    def _kept_as(self) -> type[np.floating]:
        return np.float16 if self.config.alignment.precision == "float16" else np.float32

    def _bytes_per_point(self, n: int) -> int:
        if n > 2 and self.config.alignment.backend == "upstream":
            return BYTES_UPSTREAM
        return BYTES_PER_HALF_POINT if n > 2 and self._kept_as is np.float16 else BYTES_PER_POINT

    def _predict(self, views: Sequence[ModelView], pairs: Pairs, space: Workspace) -> None:
        """Predict the pairs that are missing."""
        if not space.missing:
            return
        edges = space.predictions.edges
        height, width = max(space.predictions.shapes)
        one = f"one pair of views of {width}x{height} pixels on {self.device}"
        with room_for(one, "set a smaller model.image_size, model.dtype=bfloat16 or model.device=cpu"):
            with self._at_work():
                chunks = self._predictions(views, pairs, set(space.missing))
            n_bytes = space.predictions.values.nbytes
            pace = Pace(len(views), len(edges), len(space.missing), n_bytes, self.on_step)
            while True:
                # Only while the network is at work: what is told meanwhile is for the terminal.
                with self._at_work():
                    chunk = next(chunks, None)
                if chunk is None:
                    break
                pace.count(sum(space.put(pair, *found) for pair, found in zip(*chunk, strict=True)))

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        at_work = precision(self.device, self.dtype)
        with quiet(), tf32(self.device), at_work, kept_heap(self._large):
            yield

    def _predictions(self, views: Sequence[ModelView], pairs: Pairs, missing: set[int]) -> dust3r_fast.Chunks:
        """See `hw4.models.dust3r.pairs.PairPredictor.predict`."""
        if self._is_known():
            images = [view.pixels.sub(0.5).div(0.5) for view in views]
            return dust3r_fast.predict(self.network, images, _edges(pairs), missing)

        def network(view1: dict[str, Any], view2: dict[str, Any]) -> Any:
            # Inside `inference`, which turns autocast off.
            with precision(self.device, self.dtype):
                return self.network(view1, view2)

        def inference(numbers: Sequence[int]) -> list[tuple[Prediction, Prediction]]:
            batch = [pairs[number] for number in numbers]
            output: dict[str, Any] = import_inference().inference(
                batch, network, self.device, batch_size=len(batch), verbose=False
            )
            first, second = (
                [
                    {name: output[part][name][place] for name in POINTMAPS & set(output[part])}
                    for place in range(len(batch))
                ]
                for part in ("pred1", "pred2")
            )
            return list(zip(first, second, strict=True))

        # Upstream's own batches are of one size.
        alike = len({view["img"].shape for pair in pairs for view in pair}) == 1
        return in_chunks(inference, range(len(pairs)), self.config.batch_size if alike else 1, missing)

    @staticmethod
    def make_pairs(views: Sequence[ModelView], scene_graph: str) -> Pairs:
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
        with self._predicted(views, options.scene_graph) as predictions:
            device = alignment_device(self.device, predictions.values.nbytes)
            with room_for(
                f"the alignment of {len(views)} views on {device}", f"use {SMALLER_GRAPH} or model.device=cpu"
            ):
                return align_views(predictions, options, seed, device)

    def load_views(self, image_paths: Sequence[Path]) -> list[ModelView]:
        """See `ViewsModel.load_views`."""
        return [load_view(photo_path(path), self.image_size, self.patch_size) for path in image_paths]

    def reconstruct_views(self, views: Sequence[ModelView], seed: int = 0) -> Reconstruction:
        """See `ViewsModel.reconstruct_views`."""
        n = len(views)
        options = self.config.alignment
        if n == 2:
            with self._predicted(views, "complete") as predictions:
                alignment = align_pair(predictions, seed, options.on_pnp_failure)
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
