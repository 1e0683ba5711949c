"""A small COLMAP scene whose points, photos and observations are known."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from hw4.geometry.align import Similarity
from tests.support.splat_scenes import ring_cameras

WIDTH, HEIGHT, FOCAL = 64, 48, 60.0
N_VIEWS = 6
TEST, TRAIN = (0, 3), (1, 2, 4, 5)
SAME_WORLD = Similarity(1.0, np.eye(3), np.zeros(3))


def project(points: np.ndarray, cam_from_world: np.ndarray) -> np.ndarray:
    inside = points @ cam_from_world[:3, :3].T + cam_from_world[:3, 3]
    return FOCAL * inside[:, :2] / inside[:, 2:] + (WIDTH / 2, HEIGHT / 2)


def write_scene(
    root: Path,
    points: np.ndarray,
    names: list[str] | None = None,
    observations: dict[int, np.ndarray] | None = None,
    seen_by: dict[int, tuple[int, ...]] | None = None,
    stored: np.ndarray | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    world: Similarity = SAME_WORLD,
) -> Path:
    """A COLMAP text model of points with photos that shade from left to right, each in its own green.

    Args:
        root: receives ``images/`` and ``sparse/0/``.
        points: (P, 3).
        names: of the N_VIEWS images.
        observations: view -> (P, 2) pixels in the place of the true ones.
        seen_by: point -> views; all by default.
        stored: (P, 3) positions and colours that the model says.
        size: of the cameras.
        world: carries points and cameras into the world that is written.
    """
    names = names or [f"{view:03}.png" for view in range(N_VIEWS)]
    folder = root / "sparse" / "0"
    folder.mkdir(parents=True)
    cx, cy = size[0] / 2, size[1] / 2
    (folder / "cameras.txt").write_text(f"1 PINHOLE {size[0]} {size[1]} {FOCAL} {FOCAL} {cx} {cy}\n")
    rows, cameras = [], ring_cameras(N_VIEWS)
    tracks: dict[int, list[str]] = {number: [] for number in range(len(points))}
    for view, name in enumerate(names):
        path = root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        pixels[..., 0], pixels[..., 1] = np.arange(WIDTH) * 3, 40 * view
        Image.fromarray(pixels).save(path, "PNG")
        xy = (observations or {}).get(view, project(points, cameras[view]))
        seen = [n for n in range(len(points)) if seen_by is None or view in seen_by[n]]
        for place, number in enumerate(seen):
            tracks[number].append(f"{view + 1} {place}")
        qx, qy, qz, qw = Rotation.from_matrix(cameras[view, :3, :3]).as_quat()
        written = world.cam_from_world(cameras[[view]])[0]
        t = " ".join(map(repr, written[:3, 3].tolist()))
        rows.append(f"{view + 1} {qw} {qx} {qy} {qz} {t} 1 {name}")
        rows.append(" ".join(f"{xy[n, 0]!r} {xy[n, 1]!r} {n + 1}" for n in seen).replace("np.float64", ""))
        rows[-1] = rows[-1].replace("(", "").replace(")", "")
    (folder / "images.txt").write_text("\n".join(rows) + "\n")
    said = world.points(points if stored is None else stored)
    lines = [
        f"{n + 1} {x} {y} {z} 255 0 255 0.5 {' '.join(tracks[n])}"
        for n, (x, y, z) in enumerate(said.tolist())
    ]
    (folder / "points3D.txt").write_text("\n".join(lines) + "\n")
    return root
