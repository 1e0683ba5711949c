"""Scenes of posed views with exact cameras, and a model that knows them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from hw4.models.base import Reconstruction, ReconstructionModel

SIZE = (32, 24)
K = np.array([[30.0, 0, 16], [0, 31, 12], [0, 0, 1]])


def ring(n: int, degrees: float = 200.0, radius: float = 3.0) -> np.ndarray:
    """(n, 4, 4) world-to-camera of cameras on an arc around the origin, which they look at; y is down."""
    cameras = np.tile(np.eye(4), (n, 1, 1))
    cameras[:, :3, :3] = Rotation.from_euler(
        "y", np.linspace(0, degrees, n)[:, None], degrees=True
    ).as_matrix()
    cameras[:, :3, 3] = [0, 0.1, radius]
    return cameras


def write_photos(paths: Sequence[Path], size: tuple[int, int] = SIZE) -> None:
    """A photo of its own noise at each path."""
    rng = np.random.default_rng(len(paths))
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), np.uint8)).save(path)


class Oracle(ReconstructionModel):
    """The true cameras by photo name, in a world frame and scale of its own; some lost."""

    name, weights_label = "oracle", "none"

    def __init__(
        self, cameras: dict[str, np.ndarray], lost: Sequence[str] = (), scale: float = 2.5, seed: int = 7
    ) -> None:
        self.cameras, self.lost, self.scale = cameras, lost, scale
        self.world = np.eye(4)
        self.world[:3, :3] = Rotation.random(random_state=seed).as_matrix()
        self.world[:3, 3] = np.random.default_rng(seed).normal(size=3)
        self.calls = 0

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        self.calls += 1
        n = len(image_paths)
        cameras = np.stack([self.cameras[path.name] @ self.world for path in image_paths])[:, :3]
        cameras[:, :, 3] *= self.scale
        for view, path in enumerate(image_paths):
            if path.name in self.lost:
                cameras[view] = np.nan
        halves = np.tile(np.diag([2.0, 2, 1]), (n, 1, 1))
        known = np.tile(np.linalg.inv(halves[0]) @ K, (n, 1, 1))
        images = [np.zeros((SIZE[1] // 2, SIZE[0] // 2, 3), np.uint8)] * n
        return Reconstruction(cameras, known, np.tile(SIZE, (n, 1)), halves, images)


def write_colmap(
    root: Path,
    cameras: np.ndarray,
    distortion: float | None = None,
    folder: str = "sparse/0",
    size: tuple[int, int] = SIZE,
) -> list[str]:
    """A COLMAP text model of photos ``v_00.png``..., which see the origin and a few points about it."""
    model = root / folder
    model.mkdir(parents=True)
    names = [f"v_{number:02d}.png" for number in range(len(cameras))]
    write_photos([root / "images" / name for name in names], size)
    values = f"{K[0, 0]} {K[1, 1]} {K[0, 2]} {K[1, 2]}"
    kind = "PINHOLE" if distortion is None else "OPENCV"
    more = "" if distortion is None else f" {distortion} 0 0 0"
    (model / "cameras.txt").write_text(f"1 {kind} {SIZE[0]} {SIZE[1]} {values}{more}\n")
    points = np.random.default_rng(0).uniform(-0.3, 0.3, (12, 3))
    rows, tracks = [], [[] for _ in points]  # type: ignore[var-annotated]
    for number, (name, camera) in enumerate(zip(names, cameras, strict=True), 1):
        qx, qy, qz, qw = Rotation.from_matrix(camera[:3, :3]).as_quat()
        pose = " ".join(f"{value:.17g}" for value in (qw, qx, qy, qz, *camera[:3, 3]))
        # Each sees half of the points, the next one's half a point further on.
        seen = [(number + i) % len(points) for i in range(6)]
        pixels = [(K @ (camera[:3, :3] @ points[i] + camera[:3, 3])) for i in seen]
        observed = " ".join(f"{p[0] / p[2]} {p[1] / p[2]} {i + 1}" for p, i in zip(pixels, seen, strict=True))
        rows.append(f"{number} {pose} 1 {name}\n{observed}\n")
        for place, i in enumerate(seen):
            tracks[i].append(f"{number} {place}")
    (model / "images.txt").write_text("".join(rows))
    lines = [
        f"{i + 1} {p[0]} {p[1]} {p[2]} 9 9 9 0.5 {' '.join(track)}\n"
        for i, (p, track) in enumerate(zip(points, tracks, strict=True))
        if track
    ]
    (model / "points3D.txt").write_text("".join(lines))
    return names
