"""What the network says about the pairs of a scene graph: one copy, laid out as the alignment reads it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hw4.geometry.pnp import PointShape, diagnose_points
from hw4.models.base import ReconstructionFailed

# Beyond this, squared distances overflow float32; DUSt3R's scenes are of the order of 1.
LARGEST = 1e6
# float16 ends at 65 504.
LARGEST_HALF = 6e4

Shape = tuple[int, int]
Edge = tuple[int, int]
Prediction = dict[str, Tensor]


@dataclass
class ViewPoints:
    """What the network says about one view.

    Attributes:
        bad_share: share of its predicted pixels that were not finite, or beyond `LARGEST`.
        shape: of the view's own, most confident pointmap.
    """

    bad_share: float
    shape: PointShape


def n_points(shapes: Sequence[Shape], edges: Sequence[Edge]) -> int:
    """How many points are predicted: one for every pixel of both views of every pair."""
    areas = [height * width for height, width in shapes]
    return sum(areas[first] + areas[second] for first, second in edges)


class PairPredictions:
    """Pointmaps and confidences of E ordered pairs of N views.

    What is not finite, or too large, is put at the origin with the lowest confidence as it comes in, 1: its
    weight in the alignment, the logarithm of that, is then 0.

    Args:
        shapes: height and width of each view.
        edges: ordered pairs of views.
        dtype: float32 or float16, of what is kept.
        values: (4, P) of that type to keep them in; None: memory of its own.

    Attributes:
        values: (4, P) x, y, z and confidence of every pixel: of the first view of the first pair, in whose
            frame the points are, of its second view, of the first view of the second pair...
        begins: (E, 2) where the pixels of the two views begin.
        bad: (E, 2) how many of them were put at the origin.
    """

    def __init__(
        self,
        shapes: Sequence[Shape],
        edges: Sequence[Edge],
        dtype: Any = np.float32,
        values: np.ndarray | None = None,
    ) -> None:
        self.shapes, self.edges = list(shapes), list(edges)
        self._uniform = all(len({shapes[edge[side]] for edge in edges}) == 1 for side in (0, 1))
        areas = np.array([[math.prod(shapes[view]) for view in edge] for edge in edges], np.int64)
        ends = areas.cumsum().reshape(-1, 2)
        self.begins = ends - areas
        self.bad = np.zeros_like(areas)
        self.values = np.empty((4, n_points(shapes, edges)), dtype) if values is None else values
        self._tensor = torch.from_numpy(self.values)
        half = self.values.dtype == np.float16
        self._largest, self._surest = (LARGEST_HALF, LARGEST_HALF) if half else (LARGEST, math.inf)

    def part(self, pair: int) -> slice:
        """Where the pixels of both views of a pair lie in `values`."""
        begin = int(self.begins[pair, 0])
        return slice(begin, begin + sum(math.prod(self.shapes[view]) for view in self.edges[pair]))

    def put(self, pair: int, first: Prediction, second: Prediction) -> None:
        """Keep upstream's two predictions of a pair, without a batch dimension."""
        sides = (first["pts3d"], first["conf"]), (second["pts3d_in_other_view"], second["conf"])
        for side, (points, conf) in enumerate(sides):
            points, conf = points.reshape(-1, 3).float(), conf.reshape(-1).float()
            good = torch.isfinite(points).all(dim=-1) & torch.isfinite(conf)
            good &= points.abs().amax(dim=-1).nan_to_num(self._largest) < self._largest
            self.bad[pair, side] = len(good) - int(good.sum())
            begin = int(self.begins[pair, side])
            kept = self._tensor[:, begin : begin + len(good)]
            kept[:3] = torch.where(good[:, None], points, 0.0).T
            kept[3] = torch.where(good, conf, 1.0).clamp(max=self._surest)

    def points(self, pair: int, side: int) -> Tensor:
        """(H, W, 3) float32 points of a view of a pair, in the frame of its first; laid out as upstream's.

        Its sums, and so its start, then round as they do there: its network gives a view of x, y and z apart,
        of which it makes a copy where it stacks the pairs.
        """
        points = self._of(pair, side)[:3].float().movedim(0, -1)
        return points.contiguous() if self._uniform else points

    def conf(self, pair: int, side: int) -> Tensor:
        """(H, W) float32 confidence of a view of a pair; a view where it can be."""
        return self._of(pair, side)[3].float()

    def weights(self) -> np.ndarray:
        """(P,) logarithms of the confidences, of the type that is kept."""
        return self._tensor[3].log().numpy()

    def _of(self, pair: int, side: int) -> Tensor:
        height, width = self.shapes[self.edges[pair][side]]
        begin = int(self.begins[pair, side])
        return self._tensor[:, begin : begin + height * width].unflatten(1, (height, width))

    def check(self) -> list[ViewPoints]:
        """What is said about each view.

        Raises:
            ReconstructionFailed: most of the output is not finite.
        """
        n = len(self.shapes)
        bad, total = np.zeros(n), np.zeros(n)
        best: dict[int, tuple[float, int]] = {}
        for pair, edge in enumerate(self.edges):
            for side, view in enumerate(edge):
                bad[view] += self.bad[pair, side]
                total[view] += math.prod(self.shapes[view])
            score = float(self.conf(pair, 0).mean())
            if edge[0] not in best or score > best[edge[0]][0]:
                best[edge[0]] = score, pair
        if bad.sum() > 0.5 * total.sum():
            raise ReconstructionFailed(
                f"{100 * bad.sum() / total.sum():.0f} % of the points that the network predicts are not "
                f"finite or beyond {self._largest:g}"
            )
        return [
            ViewPoints(float(bad[view] / max(total[view], 1)), diagnose_points(self._good(best, view)))
            for view in range(n)
        ]

    def _good(self, best: dict[int, tuple[float, int]], view: int) -> np.ndarray:
        if view not in best:
            return np.zeros((0, 3))
        values = self._of(best[view][1], 0).flatten(1).float()
        # What was put at the origin: no network says exactly this.
        put_there = (values[:3] == 0).all(dim=0) & (values[3] == 1)
        return values[:3, ~put_there].T.numpy()

    def output(self) -> dict[str, Any]:
        """What upstream's `inference` returns, but for the images.

        Returns:
            ``view1``, ``view2`` (``idx``, ``instance``, ``true_shape``) and ``pred1``, ``pred2``: stacked
            where all shapes agree, else lists.
        """
        output: dict[str, Any] = {"loss": None}
        for side, name in enumerate(("pts3d", "pts3d_in_other_view")):
            views = [edge[side] for edge in self.edges]
            true = torch.tensor([self.shapes[view] for view in views], dtype=torch.int32)
            output[f"view{side + 1}"] = {
                "idx": views,
                "instance": [str(view) for view in views],
                "true_shape": true if self._uniform else list(true),
            }
            points: Any
            if self._uniform:
                # Every pair has the same room.
                kept = self._tensor.unflatten(1, (len(self.edges), -1))
                begin = int(self.begins[0, side])
                shape = self.shapes[views[0]]
                own = kept[:, :, begin : begin + math.prod(shape)].unflatten(2, shape).float()
                points, conf = own[:3].movedim(0, -1).contiguous(), own[3].contiguous()
            else:
                points = [self.points(pair, side) for pair in range(len(views))]
                conf = [self.conf(pair, side) for pair in range(len(views))]
            output[f"pred{side + 1}"] = {name: points, "conf": conf}
        return output
