"""`data=toy`: pairs of a camera that turns to the right, as ``turns.json`` in the folder says.

``{"<idx>": {"photos": ["a.png", "b.png"], "yaw_deg": 30.0}, ...}``
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw4.config import DataConfig
from hw4.core.errors import UserError
from hw4.data.pairs.source import PairSource, TruePair
from hw4.data.spec import DataSpec
from hw4_toy.model import turned_right


@dataclass
class ToyDataConfig(DataConfig):
    """`root`: the folder of ``turns.json`` and the photos."""

    provides = frozenset({"pairs"})
    name: str = "toy"
    root: str = "???"


class ToyPairs(PairSource):
    """The pairs of a folder; how far the camera moved is not known."""

    def __init__(self, config: ToyDataConfig) -> None:
        self.root = Path(config.root).expanduser()
        self.listed_in = self.root / "turns.json"
        self.frames_root = self.root / "interpolated"
        self.generator = config.generator
        self.chosen_by = f"data=toy data.root={config.root}"
        try:
            self._turns = json.loads(self.listed_in.read_text())
        except (OSError, ValueError) as error:
            raise UserError(f"cannot read {self.listed_in} ({error}); set data.root.") from error

    def photos(self, must_exist: bool = True) -> dict[int, tuple[Path, Path]]:
        pairs = {int(idx): turn["photos"] for idx, turn in self._turns.items()}
        return {idx: (self.root / first, self.root / second) for idx, (first, second) in pairs.items()}

    def truth(self, idx: int) -> TruePair:
        cam_from_world = np.tile(np.eye(4), (2, 1, 1))
        cam_from_world[1, :3, :3] = turned_right(self._turns[str(idx)]["yaw_deg"])
        cam_from_world[:, :3, 3] = np.nan
        return TruePair(cam_from_world)


SPEC = DataSpec(
    "toy",
    ToyDataConfig,
    # A finished job is done again when anything in the folder has changed.
    reads=lambda config: [Path(config.root).expanduser()],
    pairs="hw4_toy.data:ToyPairs",
)
