"""`model=toy`: a baseline that looks at nothing and always says that the camera turned by the same angle."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.config.fields import key
from hw4.config.model import ModelConfig
from hw4.data.photos import open_upright
from hw4.models.base import Reconstruction, ReconstructionModel
from hw4.models.spec import ModelSpec


@dataclass
class ToyConfig(ModelConfig):
    """`yaw_deg`: the turn from the first photo to the last, to the right."""

    name: str = "toy"
    yaw_deg: float = key(45.0, low=-180, high=180)


def turned_right(yaw_deg: float) -> np.ndarray:
    """(3, 3) rotation into a camera that has turned: y points down, what is ahead moves to the left."""
    cos, sin = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    return np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])


class ToyModel(ReconstructionModel):
    """The camera turns evenly from view to view and takes a step to the right with each."""

    name = "toy"
    weights_label = "none"

    def __init__(self, config: ToyConfig) -> None:
        self.yaw_deg = config.yaw_deg

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        images = [np.array(open_upright(path).convert("RGB")) for path in image_paths]
        n = len(images)
        cam_from_world = np.zeros((n, 3, 4))
        for view, yaw_deg in enumerate(np.linspace(0, self.yaw_deg, n)):
            R = turned_right(yaw_deg)
            cam_from_world[view] = np.column_stack([R, -R @ [view, 0, 0]])
        return Reconstruction(
            cam_from_world=cam_from_world,
            Ks=np.full((n, 3, 3), np.nan) if Ks is None else Ks,
            image_sizes=np.array([(image.shape[1], image.shape[0]) for image in images]),
            original_from_model=np.tile(np.eye(3), (n, 1, 1)),
            images=images,
        )


SPEC = ModelSpec("toy", "Toy", ToyConfig, ToyModel)
