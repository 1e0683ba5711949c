"""Small pair folders with exact cameras, and a pickle that would do harm."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from hw4.config import InputConfig, PairsConfig
from hw4.data.pairs.samples import PairSample, load_pairs


def camera_entry(cam_from_world: np.ndarray) -> dict[str, float]:
    qx, qy, qz, qw = Rotation.from_matrix(cam_from_world[:3, :3]).as_quat()
    tx, ty, tz = cam_from_world[:3, 3]
    values = {"qx": qx, "qy": qy, "qz": qz, "qw": qw, "tx": tx, "ty": ty, "tz": tz}
    return {key: float(value) for key, value in values.items()}


def random_cameras(rng: np.random.Generator, n: int) -> np.ndarray:
    """(n, 4, 4) random rigid transforms."""
    cameras = np.tile(np.eye(4), (n, 1, 1))
    cameras[:, :3, :3] = Rotation.random(n, random_state=int(rng.integers(2**31))).as_matrix()
    cameras[:, :3, 3] = rng.normal(size=(n, 3))
    return cameras


def write_pairs(root: Path, cameras: np.ndarray, frames: int = 0, as_json: bool = False) -> Path:
    """A pair folder with tiny noise images; `cameras` is (P, 2, 4, 4) world-to-camera."""
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    rows = ["made by a test", "idx img1 img2", "---"]
    truth = {}
    for idx, pair in enumerate(cameras):
        names = [f"{idx}_a.png", f"{idx}_b.png"]
        for name in names:
            Image.fromarray(rng.integers(0, 255, (24, 32, 3), np.uint8)).save(root / "images" / name)
        rows.append(f"{idx} {names[0]} {names[1]}")
        truth[idx] = {"img1": camera_entry(pair[0]), "img2": camera_entry(pair[1])}
        folder = root / "interpolated" / str(idx) / "dynamicrafter"
        for number in range(frames):
            folder.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(rng.integers(0, 255, (24, 32, 3), np.uint8))
            image.save(folder / f"{idx}_frame{number}.png")
    (root / "pairs.txt").write_text("\n".join(rows) + "\n")
    if as_json:
        (root / "gt.json").write_text(json.dumps(truth))
    else:
        np.save(root / "gt.npy", np.array(truth, dtype=object), allow_pickle=True)
    return root


class Hostile:
    """Unpickling it would create a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, (str(self.target), "w"))  # type: ignore[return-value]


def samples_of(root: Path) -> list[PairSample]:
    return load_pairs(PairsConfig(root=str(root)), InputConfig())
