"""`model=sfm` on a sequence of photos of known intrinsics, and on two of them, against plain pycolmap.

    [HW4_BENCH_PHOTOS=/data/photos HW4_BENCH_K=fx,fy,cx,cy] python -m benchmarks.sfm [--quick]

Without photos of yours, views of a generated room of 640x480, whose cameras are known. pycolmap: its own
extraction, exhaustive matching and incremental mapping (of two photos: the verified geometry), the intrinsics
held fixed; once with its defaults, and once with the features and the RANSAC threshold of `model=sfm`, which
find more. Two photos are compared with OpenCV too. All take turns in going first.

What bounds a sequence is the extraction, pycolmap's own on both sides: more than half of our CPU time.
OpenCV's SIFT takes half as long, but the mapper then makes a sixth fewer points of about as many features.
"""

import os

# As the command sets them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from benchmarks.measure import Ratio, Record, start
from hw4.core.colmap import pycolmap
from hw4.data.sample.cameras import orbit_cameras
from hw4.data.sample.scene import intrinsics, make_scene, render
from hw4.models.sfm.config import SfmConfig
from hw4.models.sfm.model import SfmModel

PHOTOS, INTRINSICS = "HW4_BENCH_PHOTOS", "HW4_BENCH_K"
WIDTH, HEIGHT = 640, 480


@dataclass
class Found:
    """(N, 3, 4) cameras, NaN where there is none; and how many points, or of two views verified matches."""

    cam_from_world: np.ndarray
    points: int

    @property
    def views(self) -> int:
        """Views that have a camera."""
        return int(np.isfinite(self.cam_from_world).all(axis=(1, 2)).sum())


Side = Callable[[Sequence[Path], np.ndarray], Found]


def generated(folder: Path, views: int) -> tuple[np.ndarray, np.ndarray]:
    """Write views of a room, 4 degrees apart; returns their (3, 3) K and (N, 3, 4) cameras."""
    scene, K = make_scene(1), intrinsics(WIDTH, HEIGHT)
    cameras = orbit_cameras(scene, 4.0 * np.arange(views), np.random.default_rng(1))
    for view, camera in enumerate(cameras):
        rgb = render(scene, camera, K, WIDTH, HEIGHT).rgb
        Image.fromarray(rgb).save(folder / f"{view:03d}.png", compress_level=1)
    return K, np.stack([camera[:3] for camera in cameras])


def photos(folder: Path, views: int) -> tuple[list[Path], np.ndarray, np.ndarray | None, str]:
    """Yours, or so many generated views in a folder.

    Returns:
        the paths, (3, 3) K, the true (N, 3, 4) cameras or None, and what they are, in words.
    """
    truth = None
    if PHOTOS in os.environ:
        fx, fy, cx, cy = map(float, os.environ[INTRINSICS].split(","))
        K, what = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), "photos"
        paths = sorted(path for path in Path(os.environ[PHOTOS]).iterdir() if path.is_file())
    else:
        K, truth = generated(folder, views)
        paths, what = sorted(folder.glob("*.png")), "generated views"
    with Image.open(paths[0]) as first:
        return paths, K, truth, f"{what} of {first.width}x{first.height}"


def apart_deg(one: np.ndarray, other: np.ndarray) -> float:
    """Mean angle between the relative rotations of all pairs of views that have a camera in both."""
    both = np.isfinite(one).all(axis=(1, 2)) & np.isfinite(other).all(axis=(1, 2))
    first, second = (Rotation.from_matrix(cameras[both, :, :3]) for cameras in (one, other))
    pairs = combinations(range(int(both.sum())), 2)
    angles = [(first[j] * first[i].inv() * (second[j] * second[i].inv()).inv()).magnitude() for i, j in pairs]
    return float(np.degrees(np.mean(angles))) if angles else float("nan")


def ours(paths: Sequence[Path], K: np.ndarray) -> Found:
    """What the product does."""
    found = SfmModel(SfmConfig()).reconstruct(paths, np.tile(K, (len(paths), 1, 1)))
    assert found.points is not None
    verified = found.notes["verified_matches"] if len(paths) == 2 else len(found.points)
    return Found(found.cam_from_world, int(str(verified)))


def plain(paths: Sequence[Path], K: np.ndarray, like: SfmConfig | None = None) -> Found:
    """pycolmap's three calls, with its defaults or the settings of `like`; the largest of its models."""
    reader, extraction = pycolmap.ImageReaderOptions(), pycolmap.FeatureExtractionOptions()
    reader.camera_model = "PINHOLE"
    reader.camera_params = f"{K[0, 0]},{K[1, 1]},{K[0, 2]},{K[1, 2]}"
    extraction.use_gpu = False
    verification, mapping = pycolmap.TwoViewGeometryOptions(), pycolmap.IncrementalPipelineOptions()
    verification.compute_relative_pose = len(paths) == 2
    if like is not None:
        extraction.sift.max_num_features = like.max_features
        extraction.sift.peak_threshold = like.peak_threshold
        verification.ransac.max_error = like.max_error
    mapping.ba_refine_focal_length = mapping.ba_refine_extra_params = False
    cameras = np.full((len(paths), 3, 4), np.nan)
    with tempfile.TemporaryDirectory() as folder:
        database, images = Path(folder, "database.db"), paths[0].parent
        names = [path.name for path in paths]
        single = pycolmap.CameraMode.SINGLE
        pycolmap.extract_features(
            database, images, names, single, reader_options=reader, extraction_options=extraction
        )
        pycolmap.match_exhaustive(database, verification_options=verification)
        if len(paths) == 2:
            with pycolmap.Database.open(database) as opened:
                numbers = {image.name: image.image_id for image in opened.read_all_images()}
                geometry = opened.read_two_view_geometry(*(numbers[name] for name in names))
            if geometry.cam2_from_cam1 is not None:
                cameras[:] = np.eye(3, 4), geometry.cam2_from_cam1.matrix()
            return Found(cameras, len(geometry.inlier_matches))
        models = pycolmap.incremental_mapping(database, images, folder, mapping)
        if not models:
            return Found(cameras, 0)
        model = max(models.values(), key=lambda one: (one.num_reg_images(), one.num_points3D()))
        for image in model.images.values():
            if image.has_pose:
                cameras[names.index(image.name)] = image.cam_from_world().matrix()
        return Found(cameras, model.num_points3D())


def opencv(paths: Sequence[Path], K: np.ndarray) -> Found:
    """OpenCV's SIFT, exact matching and five-point RANSAC of two photos, at the thresholds of `model=sfm`."""
    config = SfmConfig()
    sift = cv2.SIFT_create(config.max_features)  # type: ignore[attr-defined]
    found = [sift.detectAndCompute(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), None) for path in paths]
    nearest = cv2.BFMatcher(cv2.NORM_L2).knnMatch(found[0][1], found[1][1], k=2)
    good = [one for one, other in nearest if one.distance < config.max_ratio * other.distance]
    # Its pixel centres lie at whole numbers.
    xy1 = np.array([found[0][0][m.queryIdx].pt for m in good]) + 0.5
    xy2 = np.array([found[1][0][m.trainIdx].pt for m in good]) + 0.5
    essential, mask = cv2.findEssentialMat(xy1, xy2, K, cv2.RANSAC, 0.9999, config.max_error)
    verified, R, t, _ = cv2.recoverPose(essential, xy1, xy2, K, mask=mask)
    return Found(np.stack([np.eye(3, 4), np.hstack([R, t])]), int(verified))


def compare(
    record: Record, paths: Sequence[Path], K: np.ndarray, truth: np.ndarray | None, size: str
) -> None:
    """All in turn, wall and CPU seconds, the least of several; `truth`: (N, 3, 4) cameras."""
    two = len(paths) == 2
    sides: list[tuple[str, Side]] = [
        ("ours", ours),
        ("plain pycolmap", plain),
        ("pycolmap with our features and threshold", partial(plain, like=SfmConfig())),
        *([("OpenCV", opencv)] if two else []),
    ]
    wall: dict[str, float] = {}
    cpu: dict[str, float] = {}
    found: dict[str, Found] = {}
    for turn in range(2 if record.quick else 4):
        for name, run in sides if turn % 2 == 0 else sides[::-1]:
            began, spent = time.perf_counter(), time.process_time()
            found[name] = run(paths, K)
            wall[name] = min(wall.get(name, np.inf), time.perf_counter() - began)
            cpu[name] = min(cpu.get(name, np.inf), time.process_time() - spent)
    what = f"{'Two views' if two else 'Structure from motion'}, known intrinsics"
    mine = found["ours"]
    for name, _ in sides[1:]:
        other = found[name]
        parity = f"verified matches: {mine.points} against {other.points}"
        if not two:
            parity = f"views and points: {mine.views, mine.points} against {other.views, other.points}"
        if truth is None:
            parity += f"; rotations {apart_deg(mine.cam_from_world, other.cam_from_world):.2f}° apart"
        else:
            errors = [apart_deg(one.cam_from_world, truth) for one in (mine, other)]
            parity += f"; rotation error {errors[0]:.3f}° against {errors[1]:.3f}°"
        goal = None if name == "OpenCV" else 1.0
        record.add(Ratio(what, size, name, wall["ours"], wall[name], parity, goal))
    spent_cpu = ", ".join(f"{seconds:.1f} s {name}" for name, seconds in cpu.items())
    record.fact(f"{what[0].lower()}{what[1:]}, {size}, CPU time: {spent_cpu}")


def main(argv: Sequence[str] | None = None) -> None:
    record = start("sfm", __doc__ or "", argv)
    with tempfile.TemporaryDirectory() as folder:
        paths, K, truth, size = photos(Path(folder), 6 if record.quick else 17)
        compare(record, paths, K, truth, f"{len(paths)} {size}")
        pair = [0, 2]
        compare(record, [paths[i] for i in pair], K, None if truth is None else truth[pair], f"2 {size}")
    record.save()


if __name__ == "__main__":
    main()
