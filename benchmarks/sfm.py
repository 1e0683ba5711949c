"""`model=sfm` on a sequence of photos of known intrinsics against plain pycolmap, which runs beside it.

    [HW4_BENCH_PHOTOS=/data/photos HW4_BENCH_K=fx,fy,cx,cy] python -m benchmarks.sfm [--quick]

Without photos of yours, views of a generated room of 640x480. pycolmap: its own extraction, exhaustive
matching and incremental mapping, the intrinsics held fixed; once with its defaults, and once with the
features and the RANSAC threshold of `model=sfm`, which find more. They take turns in going first.
"""

import os

# As the command sets them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import Ratio, Record, start
from hw4.core.colmap import pycolmap
from hw4.data.sample.cameras import orbit_cameras
from hw4.data.sample.scene import intrinsics, make_scene, render
from hw4.models.sfm.config import SfmConfig
from hw4.models.sfm.model import SfmModel

PHOTOS, INTRINSICS = "HW4_BENCH_PHOTOS", "HW4_BENCH_K"
WIDTH, HEIGHT = 640, 480

Found = tuple[int, int]
"""Views that have a camera, and points."""


def generated(folder: Path, views: int) -> np.ndarray:
    """Write views of a room, 4 degrees apart; returns their (3, 3) K."""
    scene, K = make_scene(1), intrinsics(WIDTH, HEIGHT)
    cameras = orbit_cameras(scene, 4.0 * np.arange(views), np.random.default_rng(1))
    for view, camera in enumerate(cameras):
        rgb = render(scene, camera, K, WIDTH, HEIGHT).rgb
        Image.fromarray(rgb).save(folder / f"{view:03d}.png", compress_level=1)
    return K


def ours(paths: Sequence[Path], K: np.ndarray) -> Found:
    """What the product does."""
    found = SfmModel(SfmConfig()).reconstruct(paths, np.tile(K, (len(paths), 1, 1)))
    assert found.points is not None
    return int(np.isfinite(found.cam_from_world).all(axis=(1, 2)).sum()), len(found.points)


def plain(paths: Sequence[Path], K: np.ndarray, like: SfmConfig | None = None) -> Found:
    """pycolmap's three calls, with its defaults or the settings of `like`; the largest of its models."""
    reader, extraction = pycolmap.ImageReaderOptions(), pycolmap.FeatureExtractionOptions()
    reader.camera_model = "PINHOLE"
    reader.camera_params = f"{K[0, 0]},{K[1, 1]},{K[0, 2]},{K[1, 2]}"
    extraction.use_gpu = False
    verification, mapping = pycolmap.TwoViewGeometryOptions(), pycolmap.IncrementalPipelineOptions()
    if like is not None:
        extraction.sift.max_num_features = like.max_features
        extraction.sift.peak_threshold = like.peak_threshold
        verification.ransac.max_error = like.max_error
    mapping.ba_refine_focal_length = mapping.ba_refine_extra_params = False
    with tempfile.TemporaryDirectory() as folder:
        database, images = Path(folder, "database.db"), paths[0].parent
        single = pycolmap.CameraMode.SINGLE
        pycolmap.extract_features(
            database, images, camera_mode=single, reader_options=reader, extraction_options=extraction
        )
        pycolmap.match_exhaustive(database, verification_options=verification)
        models = pycolmap.incremental_mapping(database, images, folder, mapping)
    return max(((m.num_reg_images(), m.num_points3D()) for m in models.values()), default=(0, 0))


def compare(record: Record, paths: Sequence[Path], K: np.ndarray, what: str) -> None:
    """All in turn, wall and CPU seconds, the least of several."""
    sides: list[tuple[str, Callable[[Sequence[Path], np.ndarray], Found]]] = [
        ("ours", ours),
        ("plain pycolmap", plain),
        ("pycolmap with our features and threshold", partial(plain, like=SfmConfig())),
    ]
    wall, cpu, found = {}, {}, {}
    for turn in range(2 if record.quick else 4):
        for name, run in sides if turn % 2 == 0 else sides[::-1]:
            began, spent = time.perf_counter(), time.process_time()
            found[name] = run(paths, K)
            wall[name] = min(wall.get(name, np.inf), time.perf_counter() - began)
            cpu[name] = min(cpu.get(name, np.inf), time.process_time() - spent)
    with Image.open(paths[0]) as first:
        size = f"{len(paths)} {what} of {first.width}x{first.height}"
    for name, _ in sides[1:]:
        parity = f"views and points: {found['ours']} against {found[name]}"
        record.add(
            Ratio(
                "Structure from motion, known intrinsics", size, name, wall["ours"], wall[name], parity, 1.0
            )
        )
    spent_cpu = ", ".join(f"{seconds:.1f} s {name}" for name, seconds in cpu.items())
    record.fact(f"structure from motion, {size}, CPU time: {spent_cpu}")


def main(argv: Sequence[str] | None = None) -> None:
    record = start("sfm", __doc__ or "", argv)
    with tempfile.TemporaryDirectory() as folder:
        if PHOTOS in os.environ:
            fx, fy, cx, cy = map(float, os.environ[INTRINSICS].split(","))
            K, what = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), "photos"
            paths = sorted(path for path in Path(os.environ[PHOTOS]).iterdir() if path.is_file())
        else:
            K, what = generated(Path(folder), 6 if record.quick else 17), "generated views"
            paths = sorted(Path(folder).iterdir())
        compare(record, paths, K, what)
    record.save()


if __name__ == "__main__":
    main()
