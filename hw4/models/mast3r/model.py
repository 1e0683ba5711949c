"""MASt3R (Leroy et al., ECCV 2024) as a reconstruction model."""

from collections.abc import Sequence

from hw4.models.dust3r import pairs as fast
from hw4.models.dust3r.alignment import Alignment
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.model import SMALLER_GRAPH, Dust3rModel
from hw4.models.mast3r.config import SPARSE, Mast3rConfig
from hw4.models.mast3r.network import load_network
from hw4.models.mast3r.sparse import align_sparse
from hw4.models.mast3r.upstream import import_model, import_part
from hw4.models.network.devices import pick_device
from hw4.models.network.load import LoadedNetwork
from hw4.models.network.room import room_for
from hw4.models.network.views import ModelView


class Mast3rModel(Dust3rModel):
    """As DUSt3R, on MASt3R's point maps; with `alignment.backend=sparse` its own alignment of matches."""

    name = "mast3r"

    def __init__(self, loaded: LoadedNetwork, config: Mast3rConfig) -> None:
        super().__init__(loaded, config)
        self._sparse = config.sparse

    @classmethod
    def from_config(cls, config: Dust3rConfig) -> "Mast3rModel":
        """Load the configured weights.

        Raises:
            UserError: as `load_network`, or no such device.
        """
        assert isinstance(config, Mast3rConfig)
        pick_device(config)
        return cls(load_network(config), config)

    def _is_known(self) -> bool:
        heads = import_part("mast3r.catmlp_dpt_head")
        return fast.supported(
            self.network, import_model().AsymmetricMASt3R, heads.Cat_MLP_LocalFeatures_DPT_Pts3d
        )

    def _align(self, views: Sequence[ModelView], seed: int) -> Alignment:
        options = self.config.alignment
        if options.backend != SPARSE:
            return super()._align(views, seed)
        pairs = self.make_pairs(views, options.scene_graph)
        with room_for(
            f"the sparse alignment of {len(views)} views on {self.device}",
            f"use {SMALLER_GRAPH}, a larger model.sparse.subsample or model.device=cpu",
        ):
            return align_sparse(self.network, pairs, self._sparse, seed, self.device, self.dtype)
