"""Ray casting of textured boxes with numba: exact depth, antialiased colour."""

import math

import numpy as np
from numba import njit

# Columns of a box: centre (3), half size (3), cos and sin of its turn about the vertical.
BOX_COLUMNS = 8
# Columns of a face's material: pattern, colour a (3), colour b (3), cells per metre, seed.
MATERIAL_COLUMNS = 9
CHECKER, STRIPES, BRICKS, NOISE, WOOD, CELLS, POSTER = range(7)


@njit(cache=True, inline="always")
def _hash(i: int, j: int, seed: int) -> float:
    """A repeatable value in [0, 1) for an integer cell."""
    h = (np.uint32(i) * np.uint32(374761393)) ^ (np.uint32(j) * np.uint32(668265263))
    h = np.uint32(h ^ (np.uint32(seed) * np.uint32(2246822519)))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(1274126177))
    h = np.uint32(h ^ (h >> np.uint32(16)))
    return float(h) / 4294967296.0


@njit(cache=True)
def _value_noise(u: float, v: float, seed: int) -> float:
    i, j = math.floor(u), math.floor(v)
    fu, fv = u - i, v - j
    fu = fu * fu * (3 - 2 * fu)
    fv = fv * fv * (3 - 2 * fv)
    a = _hash(i, j, seed) * (1 - fu) + _hash(i + 1, j, seed) * fu
    b = _hash(i, j + 1, seed) * (1 - fu) + _hash(i + 1, j + 1, seed) * fu
    return a * (1 - fv) + b * fv


@njit(cache=True)
def _pattern(kind: int, u: float, v: float, seed: int) -> float:
    """Share of colour b in [0, 1] at (u, v), in cells."""
    if kind == CHECKER:
        i, j = math.floor(u), math.floor(v)
        return 0.8 * ((i + j) % 2) + 0.2 * _hash(i, j, seed)
    if kind == STRIPES:
        i = math.floor(u)
        return _hash(i, 7, seed) if i % 2 else 0.1
    if kind == BRICKS:
        j = math.floor(v)
        shifted = u * 0.5 + 0.5 * (j % 2)
        i = math.floor(shifted)
        if v - j < 0.12 or shifted - i < 0.06:
            return 1.0
        return 0.6 * _hash(i, j, seed)
    if kind == NOISE:
        return 0.6 * _value_noise(u, v, seed) + 0.4 * _value_noise(3.1 * u, 3.1 * v, seed + 1)
    if kind == WOOD:
        board = math.floor(v)
        grain = _value_noise(0.7 * u + 13.0 * _hash(board, 3, seed), 9.0 * v, seed)
        if v - board < 0.05:
            return 1.0
        return 0.4 * _hash(board, 5, seed) + 0.5 * grain
    i, j = math.floor(u), math.floor(v)
    return _hash(i, j, seed)


@njit(cache=True)
def _face_colour(material: np.ndarray, u: float, v: float, out: np.ndarray) -> None:
    seed = int(material[8])
    if material[0] == POSTER:
        i, j = math.floor(u * material[7]), math.floor(v * material[7])
        for c in range(3):
            out[c] = 0.08 + 0.85 * _hash(i, j, seed + 101 * c)
        return
    share = _pattern(int(material[0]), u * material[7], v * material[7], seed)
    # A finer grain on every surface, so that close views keep detail to match.
    grain = 0.55 + 0.9 * _value_noise(9.0 * u, 9.0 * v, seed + 17) * (
        0.4 + 0.6 * _value_noise(23.0 * u, 23.0 * v, seed + 31)
    )
    for c in range(3):
        out[c] = (material[1 + c] * (1 - share) + material[4 + c] * share) * grain


@njit(cache=True)
def _hit(
    boxes: np.ndarray, origin: np.ndarray, direction: np.ndarray, hit: np.ndarray
) -> tuple[float, int, int]:
    """Nearest surface along a ray: distance, box, face (2 * axis + side); local hit point in `hit`.

    Box 0 is the room, seen from inside; the others are seen from outside.
    """
    best, best_box, best_face = math.inf, -1, -1
    local_o = np.empty(3)
    local_d = np.empty(3)
    for b in range(boxes.shape[0]):
        c, s = boxes[b, 6], boxes[b, 7]
        dx, dz = origin[0] - boxes[b, 0], origin[2] - boxes[b, 2]
        local_o[0], local_o[1], local_o[2] = c * dx - s * dz, origin[1] - boxes[b, 1], s * dx + c * dz
        local_d[0] = c * direction[0] - s * direction[2]
        local_d[1] = direction[1]
        local_d[2] = s * direction[0] + c * direction[2]
        enter, leave = -math.inf, math.inf
        enter_face, leave_face = 0, 0
        for axis in range(3):
            d = local_d[axis]
            if abs(d) < 1e-12:
                d = 1e-12
            near = (-boxes[b, 3 + axis] - local_o[axis]) / d
            far = (boxes[b, 3 + axis] - local_o[axis]) / d
            near_face, far_face = 2 * axis, 2 * axis + 1
            if near > far:
                near, far = far, near
                near_face, far_face = far_face, near_face
            if near > enter:
                enter, enter_face = near, near_face
            if far < leave:
                leave, leave_face = far, far_face
        if b == 0:
            t, face = leave, leave_face
        else:
            if enter >= leave or enter <= 1e-6:
                continue
            t, face = enter, enter_face
        if t < best:
            best, best_box, best_face = t, b, face
            for axis in range(3):
                hit[axis] = local_o[axis] + t * local_d[axis]
    return best, best_box, best_face


@njit(cache=True)
def _shade(
    boxes: np.ndarray,
    materials: np.ndarray,
    lamp: np.ndarray,
    light: np.ndarray,
    origin: np.ndarray,
    direction: np.ndarray,
    hit: np.ndarray,
    colour: np.ndarray,
) -> None:
    t, b, face = _hit(boxes, origin, direction, hit)
    axis = face // 2
    u_axis, v_axis = (2, 1) if axis == 0 else ((0, 2) if axis == 1 else (0, 1))
    _face_colour(materials[b, face], hit[u_axis] + 50.0, hit[v_axis] + 50.0, colour)
    side = 1.0 if face % 2 else -1.0
    if b == 0:
        side = -side
    c, s = boxes[b, 6], boxes[b, 7]
    nx = side * (c if axis == 0 else (s if axis == 2 else 0.0))
    ny = side if axis == 1 else 0.0
    nz = side * (-s if axis == 0 else (c if axis == 2 else 0.0))
    lx = lamp[0] - origin[0] - t * direction[0]
    ly = lamp[1] - origin[1] - t * direction[1]
    lz = lamp[2] - origin[2] - t * direction[2]
    distance = math.sqrt(lx * lx + ly * ly + lz * lz) + 1e-9
    facing = max(0.0, (nx * lx + ny * ly + nz * lz) / distance)
    for k in range(3):
        colour[k] *= light[k] + light[3 + k] * facing / (1.0 + 0.15 * distance * distance)


@njit(cache=True, nogil=True)
def cast(
    boxes: np.ndarray,
    materials: np.ndarray,
    lamp: np.ndarray,
    light: np.ndarray,
    world_from_cam: np.ndarray,
    K: np.ndarray,
    width: int,
    height: int,
    samples: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Colour and depth of one pinhole view.

    Args:
        boxes: (B, 8); row 0 is the room.
        materials: (B, 6, 9) face materials.
        lamp: (3,) position of the lamp.
        light: (6,) ambient and lamp colour.
        world_from_cam: (4, 4) camera-to-world, OpenCV axes.
        K: (3, 3) intrinsics; pixel centres at +0.5.
        width: pixels.
        height: pixels.
        samples: colour rays per pixel and axis.

    Returns:
        (H, W, 3) uint8 colour and (H, W) float32 depth along the optical axis at pixel centres.
    """
    rgb = np.empty((height, width, 3), np.uint8)
    depth = np.empty((height, width), np.float32)
    origin = world_from_cam[:3, 3].copy()
    direction = np.empty(3)
    hit = np.empty(3)
    colour = np.empty(3)
    total = np.empty(3)
    for y in range(height):
        for x in range(width):
            total[:] = 0.0
            for sy in range(samples):
                for sx in range(samples):
                    a = (x + (sx + 0.5) / samples - K[0, 2]) / K[0, 0]
                    b = (y + (sy + 0.5) / samples - K[1, 2]) / K[1, 1]
                    for k in range(3):
                        direction[k] = (
                            world_from_cam[k, 0] * a + world_from_cam[k, 1] * b + world_from_cam[k, 2]
                        )
                    _shade(boxes, materials, lamp, light, origin, direction, hit, colour)
                    total += colour
            for k in range(3):
                value = total[k] / (samples * samples)
                rgb[y, x, k] = np.uint8(255.0 * min(1.0, max(0.0, value)) ** (1 / 2.2) + 0.5)
            a = (x + 0.5 - K[0, 2]) / K[0, 0]
            b = (y + 0.5 - K[1, 2]) / K[1, 1]
            for k in range(3):
                direction[k] = world_from_cam[k, 0] * a + world_from_cam[k, 1] * b + world_from_cam[k, 2]
            # The ray's direction has unit length along the optical axis, so its parameter is the depth.
            depth[y, x] = _hit(boxes, origin, direction, hit)[0]
    return rgb, depth
