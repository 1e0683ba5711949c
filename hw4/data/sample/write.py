"""Write the sample set in the layouts of real data: pairs, frames between them, a sparse-view scene."""

import json
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image
from plyfile import PlyData, PlyElement
from scipy.spatial.transform import Rotation

from hw4.config import SampleConfig
from hw4.core.cores import usable_cores
from hw4.core.errors import UserError
from hw4.data.sample.cameras import orbit_cameras, sample_pair_cameras
from hw4.data.sample.folder import FINISHED, GENERATOR_VERSION, NOT_CONTENT
from hw4.data.sample.scene import Rendered, Scene, intrinsics, make_scene, render
from hw4.geometry.paths import camera_path

YAW_RANGE_DEG = (5.0, 90.0)
TRAIN_ANGLES_DEG = np.array([-24.0, 0.0, 24.0])
TEST_ANGLES_DEG = np.array([-17.0, -8.0, 8.0, 17.0])
POINTS_PER_VIEW = 4000


def sample_yaws_deg(config: SampleConfig) -> np.ndarray:
    """(pairs,) yaw of each pair: evenly spread over YAW_RANGE_DEG, in shuffled order."""
    yaws = np.linspace(*YAW_RANGE_DEG, config.pairs)
    return np.random.default_rng([config.seed, 1]).permutation(yaws)


def pair_scene(config: SampleConfig, idx: int) -> tuple[Scene, np.ndarray]:
    """Scene and (2, 4, 4) world-to-camera cameras of one sample."""
    yaw = sample_yaws_deg(config)[idx]
    for attempt in range(20):
        scene = make_scene(config.seed * 1_000_003 + idx * 101 + attempt)
        try:
            return scene, sample_pair_cameras(scene, yaw, np.random.default_rng([config.seed, 2, idx]))
        except ValueError:
            continue
    raise UserError(f"no room was found for sample {idx}; use another data.seed than {config.seed}.")


def degenerate_frames(photos: list[np.ndarray], n: int) -> list[np.ndarray]:
    """n frames that only zoom into one flat picture while fading it into the other: no parallax at all.

    Args:
        photos: two (H, W, 3) uint8 photos.
        n: number of frames.
    """
    first, second = (Image.fromarray(photo) for photo in photos)
    frames = []
    for t in np.linspace(0, 1, n):
        mixed = Image.blend(first, second, float(t))
        width, height = mixed.size
        inset = 0.15 * t
        box = (inset * width, inset * height, (1 - inset) * width, (1 - inset) * height)
        frames.append(np.asarray(mixed.resize((width, height), Image.Resampling.BICUBIC, box=box)))
    return frames


def _save(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path, compress_level=1)


def _truth(cam_from_world: np.ndarray, K: np.ndarray) -> dict[str, object]:
    quat_xyzw = Rotation.from_matrix(cam_from_world[:3, :3]).as_quat()
    values = dict(zip(("qx", "qy", "qz", "qw"), quat_xyzw.tolist(), strict=True))
    values |= dict(zip(("tx", "ty", "tz"), cam_from_world[:3, 3].tolist(), strict=True))
    return {**values, "K": K.tolist()}


def _is_whole(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def write_pair(root: Path, config: SampleConfig, idx: int) -> dict[str, object]:
    """Write the two photos of a pair and the frames between them; returns its ground-truth entry.

    Pictures that are there whole, of the same configuration, are not drawn again.
    """
    scene, cameras = pair_scene(config, idx)
    K = intrinsics(config.width, config.height)
    truth: dict[str, object] = {"img1": _truth(cameras[0], K), "img2": _truth(cameras[1], K)}
    path = camera_path(cameras, config.frames + 2, eased=True)
    photos = [root / "images" / f"{idx:04d}_{end}.png" for end in "ab"]
    between = root / "interpolated" / str(idx) / config.generator
    files = [*photos, *(between / f"{idx}_frame{number}.png" for number in range(len(path)))]
    if all(map(_is_whole, files)):
        return truth
    degenerate = idx == config.pairs - 1 and config.pairs > 1
    ends = [render(scene, c, K, config.width, config.height).rgb for c in (path[0], path[-1])]
    if degenerate:
        frames = degenerate_frames(ends, len(path))
    else:
        middle = [render(scene, c, K, config.width, config.height).rgb for c in path[1:-1]]
        frames = [ends[0], *middle, ends[1]]
    for file, rgb in zip(files, [*ends, *frames], strict=True):
        _save(file, rgb)
    return truth


def _colmap_images(names: list[str], cameras: np.ndarray) -> str:
    lines = ["# Image list: IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME, then an empty line"]
    for number, (name, cam_from_world) in enumerate(zip(names, cameras, strict=True), 1):
        qx, qy, qz, qw = Rotation.from_matrix(cam_from_world[:3, :3]).as_quat()
        values = " ".join(f"{v:.17g}" for v in (qw, qx, qy, qz, *cam_from_world[:3, 3]))
        lines += [f"{number} {values} 1 {name}", ""]
    return "\n".join(lines) + "\n"


def _world_points(view: Rendered, cam_from_world: np.ndarray, K: np.ndarray, picks: np.ndarray) -> np.ndarray:
    height, width = view.depth.shape
    v, u = np.unravel_index(picks, (height, width))
    z = view.depth.reshape(-1)[picks].astype(float)
    in_camera = np.stack([(u + 0.5 - K[0, 2]) / K[0, 0] * z, (v + 0.5 - K[1, 2]) / K[1, 1] * z, z], axis=1)
    world_from_cam = np.linalg.inv(cam_from_world)
    return in_camera @ world_from_cam[:3, :3].T + world_from_cam[:3, 3]


def _write_scene(root: Path, config: SampleConfig, pool: Executor) -> None:
    K = intrinsics(config.width, config.height)
    rng = np.random.default_rng([config.seed, 3])
    scene = make_scene(config.seed * 1_000_003 + 999_983)
    cameras = orbit_cameras(scene, np.concatenate([TRAIN_ANGLES_DEG, TEST_ANGLES_DEG]), rng)
    names = [f"{number:03d}.png" for number in range(len(cameras))]
    views = list(
        pool.map(lambda camera: render(scene, camera, K, config.width, config.height, samples=3), cameras)
    )
    for name, view in zip(names, views, strict=True):
        _save(root / "scene" / "images" / name, view.rgb)
    n_train = len(TRAIN_ANGLES_DEG)
    parameters = " ".join(f"{value:.17g}" for value in (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
    camera_line = f"1 PINHOLE {config.width} {config.height} {parameters}\n"
    for folder, part in (("0", slice(0, n_train)), ("1", slice(n_train, None))):
        target = root / "scene" / "sparse_3" / folder
        target.mkdir(parents=True, exist_ok=True)
        (target / "cameras.txt").write_text("# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n" + camera_line)
        (target / "images.txt").write_text(_colmap_images(names[part], cameras[part]))
    count = min(POINTS_PER_VIEW, config.width * config.height)
    points, colors = [], []
    for view, cam_from_world in zip(views[:n_train], cameras[:n_train], strict=True):
        picks = rng.choice(config.width * config.height, count, replace=False)
        points.append(_world_points(view, cam_from_world, K, picks))
        colors.append(view.rgb.reshape(-1, 3)[picks])
    xyz = np.concatenate(points)
    kinds = [(a, "f4") for a in ("x", "y", "z", "nx", "ny", "nz")] + [
        (c, "u1") for c in ("red", "green", "blue")
    ]
    vertices = np.zeros(len(xyz), dtype=kinds)
    for axis, name in enumerate("xyz"):
        vertices[name] = xyz[:, axis]
    for channel, name in enumerate(("red", "green", "blue")):
        vertices[name] = np.concatenate(colors)[:, channel]
    training = root / "scene" / "sparse_3" / "0"
    PlyData([PlyElement.describe(vertices, "vertex")]).write(str(training / "points3D.ply"))
    np.save(training / "confidence_dsp.npy", np.ones(len(xyz), np.float32))


def write_sample(root: Path, config: SampleConfig) -> None:
    """Write the whole sample set; the same config gives the same bytes.

    Args:
        root: empty, or what a process that was ended has left of the same set; receives ``pairs.txt``,
            ``gt.npy``, ``images/``, ``interpolated/``, ``scene/`` and, last, ``sample.json`` with each
            pair's yaw and which sample is degenerate.
        config: seed, counts and sizes.
    """
    with ThreadPoolExecutor(usable_cores()) as pool:
        try:
            pairs = pool.map(lambda idx: write_pair(root, config, idx), range(config.pairs))
            # Its views join the queue behind the pairs.
            _write_scene(root, config, pool)
            entries = list(pairs)
        finally:
            # A signal does not wait for pairs that were not begun.
            pool.shutdown(wait=False, cancel_futures=True)
    np.save(root / "gt.npy", np.array(dict(enumerate(entries)), dtype=object), allow_pickle=True)
    rows = [f"{idx} {idx:04d}_a.png {idx:04d}_b.png" for idx in range(config.pairs)]
    header = [f"generated scenes, seed {config.seed}", "idx img1 img2", "---"]
    (root / "pairs.txt").write_text("\n".join([*header, *rows]) + "\n")
    facts = {
        "generator_version": GENERATOR_VERSION,
        "config": {key: value for key, value in asdict(config).items() if key not in NOT_CONTENT},
        "yaw_deg": {str(i): round(float(y), 3) for i, y in enumerate(sample_yaws_deg(config))},
        "degenerate": [config.pairs - 1] if config.pairs > 1 else [],
    }
    (root / FINISHED).write_text(json.dumps(facts, indent=2) + "\n")
