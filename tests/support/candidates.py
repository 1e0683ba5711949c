"""A model whose errors depend on the frames it saw, and InterPose's choice among them."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hw4.config import CandidatesConfig, InputConfig, MetricsConfig, PairsConfig
from hw4.data.pairs.samples import load_pairs
from hw4.models.base import Reconstruction, ReconstructionModel
from hw4.pose.candidates import FromCandidates
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel
from hw4.pose.results import PoseResult
from tests.support.pairs import random_cameras

METRICS = MetricsConfig(bootstrap=20)
VIDEOS = ["good", "stubborn", "wild"]
CHOICE = CandidatesConfig(generators=VIDEOS, subsets=4)


class Scripted(ReconstructionModel):
    """The true cameras of `pairs_folder(n)`, turned by an error that depends on the frames seen."""

    name, weights_label = "scripted", "none"

    def __init__(self, n: int, calls: Path | None = None, seconds: float = 0.0) -> None:
        self.cameras = random_cameras(np.random.default_rng(n), 2 * n).reshape(n, 2, 4, 4)
        self.calls, self.seconds = calls, seconds

    def error_deg(self, paths: Sequence[Path]) -> float:
        if len(paths) == 2:
            return 8.0
        rng = np.random.default_rng([*"".join(path.name for path in paths).encode()])
        video = paths[1].parent.name
        return {"good": 4 * rng.random(), "stubborn": 60 + 0.01 * rng.random(), "wild": 150 * rng.random()}[
            video
        ]

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        time.sleep(self.seconds)
        if self.calls is not None:
            with self.calls.open("a") as file:
                file.write("+".join([path.parent.name + path.name for path in image_paths]) + "\n")
        n, idx = len(image_paths), int(image_paths[0].name.split("_")[0])
        turn = Rotation.from_rotvec(np.radians(self.error_deg(image_paths)) * np.array([0.6, 0, 0.8]))
        cam_from_world = np.tile(np.eye(3, 4), (n, 1, 1))
        cam_from_world[0] = self.cameras[idx, 0, :3]
        cam_from_world[-1] = turn.as_matrix() @ self.cameras[idx, 1, :3]
        if n > 2 and image_paths[1].parent.name != "stubborn":
            # So that the best rotation and the best translation are not the same candidate's.
            rng = np.random.default_rng(
                [n, idx, *image_paths[1].name.encode(), *image_paths[2].name.encode()]
            )
            cam_from_world[-1, :, 3] += 0.2 * rng.normal(size=3)
        eyes = np.tile(np.eye(3), (n, 1, 1))
        return Reconstruction(
            cam_from_world, eyes, np.full((n, 2), 4), eyes, [np.zeros((4, 4, 3), np.uint8)] * n
        )


def evaluate(
    root: Path,
    model: ReconstructionModel,
    folder: Path,
    selection: str = "medoid",
    candidates: CandidatesConfig = CHOICE,
    metrics: MetricsConfig = METRICS,
    limit: int | None = None,
) -> PoseResult:
    inputs = InputConfig("interpolated", selection=selection, candidates=candidates)
    samples = load_pairs(PairsConfig(root=str(root), limit=limit), inputs)
    pair = FromModel(model, folder / "pair")
    return evaluate_pose(samples, FromCandidates(pair, folder / "candidates", inputs, metrics), metrics)
