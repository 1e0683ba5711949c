"""DUSt3R's global alignment: `model.alignment.backend=fast` against `upstream`, in the same run.

    python benchmarks/alignment.py [--quick]

Scenes have known cameras; their pointmaps are those of a bumpy surface, disturbed by a random network. Both
start from the same spanning tree and run the same number of iterations on one thread. `CPU s` is the
process's CPU time, which other programs on the machine disturb less than the clock. `error` is the largest
rotation error, relative to the first camera.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import copy
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numba
import numpy as np
import torch

# In place of this folder, whose dust3r.py would hide the package.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.rasterize import cpu_name
from hw4.config.model import Dust3rConfig
from hw4.models.alignment_fast import optimise
from hw4.models.alignment_guard import InitGuard
from hw4.models.preprocess import load_dust3r_view
from hw4.models.upstream import import_dust3r_alignment, quiet
from hw4.pose.metrics import rotation_error_deg
from tests.pointmap_networks import SceneNetwork, arc_cameras, dust3r_with, make_photos

# Views, long edge in pixels.
CELLS = [(4, 64), (8, 64), (16, 64), (4, 128), (8, 128)]
LR, SCHEDULE = 0.01, "linear"


def scene_output(n: int, image_size: int) -> dict[str, Any]:
    """The network's output on the complete graph of n views."""
    config = Dust3rConfig(weights="random", device="cpu", image_size=image_size)
    model = dust3r_with(lambda network: SceneNetwork(network, arc_cameras(n), noise=0.05), config)
    with tempfile.TemporaryDirectory() as folder:
        paths = make_photos(Path(folder), n, ((4 * image_size, 3 * image_size),))
        views = [load_dust3r_view(path, model.image_size, model.patch_size) for path in paths]
    return model.predict_pairs(views, "complete")


def initialised(output: dict[str, Any]) -> Any:
    """Upstream's optimiser after its spanning tree."""
    modules = import_dust3r_alignment()
    cv2.setRNGSeed(0)
    torch.manual_seed(0)
    with quiet():
        parts = [copy.copy(output[key]) for key in ("view1", "view2", "pred1", "pred2")]
        scene = modules.optimizer.PointCloudOptimizer(*parts, verbose=False)
        with InitGuard(modules.init_im_poses).active():
            modules.init_im_poses.init_minimum_spanning_tree(scene)
    return scene


def finish(scene: Any, fast: bool, iterations: int) -> tuple[float, float, float, float]:
    """CPU seconds, seconds, final objective and camera error in degrees."""
    wall, cpu = time.perf_counter(), time.process_time()
    if fast:
        optimise(scene, iterations, LR, SCHEDULE)
    else:
        loop = import_dust3r_alignment().base_opt.global_alignment_loop
        with quiet():
            loop(scene, lr=LR, niter=iterations, schedule=SCHEDULE)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    with torch.no_grad():
        objective = float(scene())
        rotations = np.linalg.inv(scene.get_im_poses().double().numpy())[:, :3, :3]
    true = arc_cameras(len(rotations))[1:, :3, :3]
    error = max(map(rotation_error_deg, rotations[1:] @ rotations[0].T, true))
    return cpu, wall, objective, error


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small cells and few iterations")
    args = parser.parse_args()
    cells, iterations = (CELLS[:2], 60) if args.quick else (CELLS, 300)
    torch.set_num_threads(1)
    print(f"CPU: {cpu_name()}, {os.cpu_count()} cores, 1 thread; {platform.platform()}")
    print(f"Python {platform.python_version()}, torch {torch.__version__}, numba {numba.__version__}")
    print(f"load average at start: {os.getloadavg()[0]:.2f}; {iterations} iterations, {SCHEDULE}, lr {LR}\n")
    # Compilation, once ever: it is kept on disk.
    start = time.perf_counter()
    optimise(initialised(scene_output(3, 64)), 2, LR, SCHEDULE)
    print(f"first call (compilation or its cache): {time.perf_counter() - start:.1f} s\n")
    print(f"{'':>22} {'CPU s':>17} {'seconds':>17} {'ratio':>11} {'final objective':>19} {'error deg':>13}")
    print(
        f"{'views':>5} {'edge':>5} {'points':>10} {'upstream':>8} {'fast':>8} {'upstream':>8} {'fast':>8}",
        end="",
    )
    print(f" {'CPU':>5} {'time':>5} {'upstream':>9} {'fast/up-1':>9} {'upstream':>8} {'fast':>6}")
    sizes, seconds = [], []
    for n, edge in cells:
        output = scene_output(n, edge)
        points = 2 * output["pred1"]["conf"].numel()
        fast = min((finish(initialised(output), True, iterations) for _ in range(3)), key=lambda r: r[0])
        theirs = finish(initialised(output), False, iterations)
        print(
            f"{n:5d} {edge:5d} {points:10d} {theirs[0]:8.2f} {fast[0]:8.3f} {theirs[1]:8.2f} {fast[1]:8.3f} "
            f"{theirs[0] / fast[0]:5.0f} {theirs[1] / fast[1]:5.0f} {theirs[2]:9.6f} "
            f"{fast[2] / theirs[2] - 1:+9.0e} {theirs[3]:8.3f} {fast[3]:6.3f}",
            flush=True,
        )
        sizes.append(points)
        seconds.append(fast[0])
    if len(sizes) < 3:
        return
    slope, intercept = np.polyfit(np.log(sizes), np.log(seconds), 1)
    each = np.exp(intercept + slope * np.log(1e6)) / iterations
    print(f"\nfast: CPU time grows as points^{slope:.2f}; {1e3 * each:.2f} ms per iteration at 10^6 points")


if __name__ == "__main__":
    main()
