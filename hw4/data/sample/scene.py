"""A family of furnished rooms: what can be told apart stays the same, everything else varies.

World axes: x and z horizontal, y down; the room's floor centre is the origin, one unit is a metre.
"""

import colorsys
import math
from dataclasses import dataclass

import numpy as np

from hw4.data.sample.raycast import (
    BOX_COLUMNS,
    BRICKS,
    CELLS,
    CHECKER,
    MATERIAL_COLUMNS,
    NOISE,
    POSTER,
    STRIPES,
    WOOD,
    cast,
)

# Hue of each wall (0..1), the same in every scene: a network can learn which wall it looks at.
WALL_HUES = {0: 0.58, 1: 0.33, 4: 0.00, 5: 0.13}
WALL_PATTERNS = (BRICKS, NOISE, STRIPES, CHECKER, CELLS)
EYE_HEIGHT = (1.25, 1.65)


@dataclass(frozen=True)
class Scene:
    """A room with furniture.

    Attributes:
        boxes: (B, 8) boxes, the room first (see `raycast`).
        materials: (B, 6, 9) their faces.
        lamp: (3,) lamp position.
        light: (6,) ambient and lamp colours.
        seed: what it was made from.
    """

    boxes: np.ndarray
    materials: np.ndarray
    lamp: np.ndarray
    light: np.ndarray
    seed: int

    @property
    def half_size(self) -> np.ndarray:
        """(2,) half extents of the room along x and z."""
        return self.boxes[0, [3, 5]]


@dataclass(frozen=True)
class Rendered:
    """A view: `rgb` (H, W, 3) uint8, `depth` (H, W) float32 along the optical axis, in metres."""

    rgb: np.ndarray
    depth: np.ndarray


def _material(
    rng: np.random.Generator,
    pattern: int,
    hue: float,
    saturation: tuple[float, float],
    cells: tuple[float, float],
) -> np.ndarray:
    a = colorsys.hsv_to_rgb(hue % 1.0, rng.uniform(*saturation), rng.uniform(0.65, 0.95))
    b = colorsys.hsv_to_rgb(
        (hue + rng.normal(0, 0.02)) % 1.0, rng.uniform(*saturation), rng.uniform(0.15, 0.5)
    )
    return np.array([pattern, *a, *b, rng.uniform(*cells), rng.integers(1, 2**20)], dtype=float)


def _box(
    center: tuple[float, float, float], half: tuple[float, float, float], turn: float = 0.0
) -> np.ndarray:
    return np.array([*center, *half, math.cos(turn), math.sin(turn)])


def _room(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    half_x, half_z, half_y = rng.uniform(2.2, 3.4), rng.uniform(2.2, 3.4), rng.uniform(1.25, 1.6)
    faces = np.zeros((6, MATERIAL_COLUMNS))
    for face, hue in WALL_HUES.items():
        pattern = int(rng.choice(WALL_PATTERNS))
        faces[face] = _material(rng, pattern, hue + rng.normal(0, 0.012), (0.45, 0.9), (1.5, 4.5))
    faces[2] = _material(
        rng, int(rng.choice([NOISE, STRIPES, CELLS])), rng.uniform(), (0.0, 0.08), (1.0, 3.0)
    )
    faces[3] = _material(
        rng, int(rng.choice([WOOD, CHECKER])), rng.uniform(0.05, 0.1), (0.4, 0.7), (1.5, 4.0)
    )
    return _box((0.0, -half_y, 0.0), (half_x, half_y, half_z)), faces


def _faces(rng: np.random.Generator, hue: float | None = None) -> np.ndarray:
    pattern = int(rng.integers(0, 6))
    chosen = rng.uniform() if hue is None else hue
    return np.stack([_material(rng, pattern, chosen, (0.2, 0.9), (3.0, 9.0)) for _ in range(6)])


def _wall_furniture(rng: np.random.Generator, room: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A cupboard or shelf that stands against a wall."""
    along_x = rng.uniform() < 0.5
    side = rng.choice([-1.0, 1.0])
    width, depth, height = rng.uniform(0.25, 0.7), rng.uniform(0.15, 0.3), rng.uniform(0.25, 1.0)
    if along_x:
        center = (side * (room[3] - depth), -height, rng.uniform(-1, 1) * (room[5] - width))
        half = (depth, height, width)
    else:
        center = (rng.uniform(-1, 1) * (room[3] - width), -height, side * (room[5] - depth))
        half = (width, height, depth)
    return _box(center, half), _faces(rng)


def _free_furniture(rng: np.random.Generator, room: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A low table, stool or crate anywhere, turned freely; cameras pass above it."""
    height = rng.uniform(0.15, 0.45)
    center = (rng.uniform(-0.7, 0.7) * room[3], -height, rng.uniform(-0.7, 0.7) * room[5])
    half = (rng.uniform(0.15, 0.5), height, rng.uniform(0.15, 0.5))
    return _box(center, half, rng.uniform(0, math.pi)), _faces(rng)


def _picture(rng: np.random.Generator, room: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture on a wall."""
    width, height = rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.45)
    level = -rng.uniform(1.2, 1.9)
    side = rng.choice([-1.0, 1.0])
    if rng.uniform() < 0.5:
        center = (side * (room[3] - 0.01), level, rng.uniform(-0.8, 0.8) * (room[5] - width))
        half = (0.02, height, width)
    else:
        center = (rng.uniform(-0.8, 0.8) * (room[3] - width), level, side * (room[5] - 0.01))
        half = (width, height, 0.02)
    faces = _faces(rng)
    if rng.uniform() < 0.7:
        faces[:, 0] = POSTER
        faces[:, 7] = rng.uniform(6.0, 14.0)
    return _box(center, half), faces


def make_scene(seed: int) -> Scene:
    """The scene of a seed; different seeds share only the family's traits."""
    rng = np.random.default_rng([seed, 77])
    room, room_faces = _room(rng)
    boxes, materials = [room], [room_faces]
    makers = [_wall_furniture] * int(rng.integers(3, 7)) + [_free_furniture] * int(rng.integers(2, 5))
    makers += [_picture] * int(rng.integers(6, 13))
    for make in makers:
        box, faces = make(rng, room)
        boxes.append(box)
        materials.append(faces)
    rug = (rng.uniform(-0.3, 0.3), -0.005, rng.uniform(-0.3, 0.3))
    boxes.append(_box(rug, (rng.uniform(0.6, 1.2), 0.006, rng.uniform(0.6, 1.2)), rng.uniform(0, math.pi)))
    materials.append(_faces(rng))
    height = 2 * room[4]
    lamp = np.array([rng.uniform(-0.5, 0.5) * room[3], -0.9 * height, rng.uniform(-0.5, 0.5) * room[5]])
    tint = 1.0 + rng.normal(0, 0.04, 3)
    light = np.concatenate([rng.uniform(0.35, 0.55) * tint, rng.uniform(0.6, 1.0) * tint])
    stacked = np.array(boxes)
    assert stacked.shape[1] == BOX_COLUMNS
    return Scene(stacked, np.array(materials), lamp, light, seed)


def intrinsics(width: int, height: int, fov_deg: float = 70.0) -> np.ndarray:
    """(3, 3) pinhole K with that horizontal field of view, principal point at the image's centre."""
    focal = width / 2 / math.tan(math.radians(fov_deg) / 2)
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])


def render(
    scene: Scene, cam_from_world: np.ndarray, K: np.ndarray, width: int, height: int, samples: int = 2
) -> Rendered:
    """One view of a scene.

    Args:
        scene: what to look at.
        cam_from_world: (4, 4) world-to-camera.
        K: (3, 3) intrinsics.
        width: pixels.
        height: pixels.
        samples: colour rays per pixel and axis (antialiasing).
    """
    rgb, depth = cast(
        scene.boxes,
        scene.materials,
        scene.lamp,
        scene.light,
        np.linalg.inv(np.asarray(cam_from_world, dtype=float)),
        np.asarray(K, dtype=float),
        width,
        height,
        samples,
    )
    return Rendered(rgb, depth)
