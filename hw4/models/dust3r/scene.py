"""Upstream's optimiser over predictions that stay where they are."""

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from hw4.models.dust3r.config import AlignmentConfig
from hw4.models.dust3r.predictions import PairPredictions
from hw4.models.network.upstream import replaced


class _ByEdge(Mapping[str, Tensor]):
    """What upstream keeps by the names of its edges, ``"0_1"``, made when it is asked for."""

    def __init__(self, predictions: PairPredictions, of: Callable[[int], Tensor]) -> None:
        self._pairs = {f"{i}_{j}": pair for pair, (i, j) in enumerate(predictions.edges)}
        self._of = of

    def __getitem__(self, edge: str) -> Tensor:
        return self._of(self._pairs[edge])

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)


def build_scene(predictions: PairPredictions, modules: SimpleNamespace, config: AlignmentConfig) -> Any:
    """An upstream `PointCloudOptimizer` on the CPU, before its start.

    With `config.backend` ``fast`` it has none of the copies of all predictions that its own objective reads:
    `hw4.models.dust3r.aligner` has an objective that does without.

    Args:
        predictions: of the pairs of a scene graph.
        modules: upstream's, of `import_alignment`.
        config: says which backend, and `min_conf_thr`.
    """
    if config.backend != "fast":
        output = predictions.output()
        parts = [output[key] for key in ("view1", "view2", "pred1", "pred2")]
        return modules.optimizer.PointCloudOptimizer(*parts, verbose=False, min_conf_thr=config.min_conf_thr)
    # Shapes without memory, for its constructor.
    blank = [torch.ones(()).expand(shape) for shape in predictions.shapes]
    parts = []
    for side in (0, 1):
        parts.append({"idx": [edge[side] for edge in predictions.edges]})
    for side, name in enumerate(("pts3d", "pts3d_in_other_view")):
        conf = [blank[edge[side]] for edge in predictions.edges]
        parts.append({name: [one[..., None].expand(*one.shape, 3) for one in conf], "conf": conf})
    stack = modules.optimizer.ParameterStack

    def of_views(params: Any, keys: Any = None, **options: Any) -> Tensor:
        of_pairs = keys is not None or (params[0].ndim == 2 and not options.get("is_param"))
        stacked: Tensor = torch.empty(0) if of_pairs else stack(params, keys, **options)
        return stacked

    with replaced(modules.optimizer, ParameterStack=of_views):
        scene = modules.optimizer.PointCloudOptimizer(*parts, verbose=False, min_conf_thr=config.min_conf_thr)
    for side, name in enumerate("ij"):
        for kind, of in (("pred", predictions.points), ("conf", predictions.conf)):
            delattr(scene, f"{kind}_{name}")
            by_edge = _ByEdge(predictions, lambda pair, of=of, side=side: of(pair, side))  # type: ignore[misc]
            setattr(scene, f"{kind}_{name}", by_edge)
    with torch.no_grad():
        for conf in scene.im_conf:
            conf.zero_()
        for pair, edge in enumerate(predictions.edges):
            for side, view in enumerate(edge):
                scene.im_conf[view].copy_(torch.maximum(scene.im_conf[view], predictions.conf(pair, side)))
    return scene
