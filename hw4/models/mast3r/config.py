"""`model=mast3r`: the keys of MASt3R."""

from dataclasses import dataclass
from typing import Any

from hw4.config.fields import Checked, group, key
from hw4.config.model import weights_key
from hw4.models.dust3r.config import AlignmentConfig, Dust3rConfig, has_many_views

SPARSE = "sparse"
# They divide a patch.
SUBSAMPLES = (1, 2, 4, 8, 16)


def _is_sparse(config: Any, stage: str) -> bool:
    return has_many_views(config, stage) and config.model.alignment.backend == SPARSE


@dataclass
class Mast3rAlignmentConfig(AlignmentConfig, at="model.alignment"):
    """As DUSt3R's; `backend` ``sparse`` is MASt3R's own alignment of matches (`model.sparse`)."""

    backend: str = key("fast", choices=("fast", "upstream", SPARSE), read_if=has_many_views)


@dataclass
class SparseConfig(Checked, at="model.sparse"):
    """MASt3R's sparse alignment (upstream `mast3r.cloud_opt.sparse_ga`), under upstream's names and defaults.

    `lr1`, `niter1`: of 3D points against each other; `lr2`, `niter2`: of reprojections. `subsample`: matches
    are sought from every such pixel. `matching_conf_thr`: pairs without a match surer than this are aligned
    by their point maps. `shared_intrinsics`: one camera took all photos.
    """

    subsample: int = key(
        8, valid=SUBSAMPLES.__contains__, otherwise="is impossible: it must be 1, 2, 4, 8 or 16"
    )
    lr1: float = key(0.07, low=0, low_open=True)
    niter1: int = key(300, low=1)
    lr2: float = key(0.01, low=0, low_open=True)
    niter2: int = key(300, low=0)
    matching_conf_thr: float = key(5.0, low=0)
    shared_intrinsics: bool = key(False)


@dataclass
class Mast3rConfig(Dust3rConfig):
    """MASt3R (Leroy et al., ECCV 2024). Keys as DUSt3R's; `sparse` is for `alignment.backend=sparse`.

    There is no small trained network: `weights` is ``official``, ``random``, a hub name or a file.
    """

    name: str = "mast3r"
    weights: str = weights_key("official")
    alignment: Mast3rAlignmentConfig = group(Mast3rAlignmentConfig)
    sparse: SparseConfig = group(SparseConfig, read_if=_is_sparse)
