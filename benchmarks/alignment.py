"""Time of DUSt3R's global alignment, ours against upstream's own loop from the same start in the same run.

    python benchmarks/alignment.py [--quick]

Scenes are bumpy surfaces seen by cameras on an arc; each pair's pointmaps have their own scale and noise, so
that cameras have a truth. Both sides take the same number of iterations from the same spanning tree. CPU
time counts all threads.
"""

import os

# Two OpenMP pools (torch's and numba's) that spin while waiting take each other's cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.rasterize import cpu_name
from hw4.models.alignment_fast import optimise
from hw4.models.devices import seeded
from hw4.models.upstream import import_dust3r_alignment, quiet
from hw4.pose.metrics import rotation_error_deg
from tests.pointmap_networks import arc_cameras

# Views, height and width; the second is what the demo's interpolated sequences have.
SCENES = [(4, 48, 64), (8, 48, 64), (16, 48, 64), (4, 144, 256), (4, 288, 512)]
NOISE = 0.02
LR = 0.01


def pointmap(view: int, height: int, width: int) -> np.ndarray:
    """(H, W, 3) points of a bumpy surface in the frame of a camera of focal length 0.9 W."""
    u, v = np.meshgrid((np.arange(width) + 0.0) / width, (np.arange(height) + 0.0) / width)
    z = 2 + 0.5 * np.sin(7 * u + view) * np.cos(9 * v) + 0.6 * u
    return np.stack([(u - 0.5) / 0.9 * z, (v - 0.5 * height / width) / 0.9 * z, z], axis=-1)


def predictions(n_views: int, height: int, width: int) -> dict[str, Any]:
    """What upstream's `inference` gives for the complete graph of the scene's views."""
    rng = np.random.default_rng(n_views)
    cameras = arc_cameras(n_views)
    maps = [pointmap(view, height, width) for view in range(n_views)]
    edges = [(i, j) for i in range(n_views) for j in range(n_views) if i != j]
    points: list[list[np.ndarray]] = [[], []]
    for i, j in edges:
        relative = cameras[i] @ np.linalg.inv(cameras[j])
        scale = 1 + 0.1 * i / n_views
        seen = maps[i], maps[j] @ relative[:3, :3].T + relative[:3, 3]
        for side in (0, 1):
            points[side].append(scale * (seen[side] + NOISE * rng.normal(size=seen[side].shape)))
    shape = (len(edges), height, width)
    conf = [3 + rng.gamma(2.0, 2.0, shape) for _ in (0, 1)]
    maps_and_conf = [
        {name: torch.tensor(np.stack(p), dtype=torch.float32), "conf": torch.tensor(c, dtype=torch.float32)}
        for name, p, c in zip(("pts3d", "pts3d_in_other_view"), points, conf, strict=True)
    ]
    views = [{"idx": [edge[side] for edge in edges]} for side in (0, 1)]
    return {"view1": views[0], "view2": views[1], "pred1": maps_and_conf[0], "pred2": maps_and_conf[1]}


def initialised(output: dict[str, Any]) -> Any:
    modules = import_dust3r_alignment()
    parts = [output[key] for key in ("view1", "view2", "pred1", "pred2")]
    with seeded(0), quiet():
        scene = modules.optimizer.PointCloudOptimizer(*parts, verbose=False)
        modules.init_im_poses.init_minimum_spanning_tree(scene, niter_PnP=10)
    return scene


def timed(scene: Any, run: Callable[[Any], Any]) -> tuple[float, float, float]:
    """Wall and CPU seconds, and the objective afterwards as upstream computes it."""
    wall, cpu = time.perf_counter(), time.process_time()
    run(scene)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    with torch.no_grad():
        return wall, cpu, float(scene())


def mean_rotation_error(scene: Any, n_views: int) -> float:
    """Mean error in degrees of the rotations relative to the first view."""
    with torch.no_grad():
        cam_from_world = torch.linalg.inv(scene.get_im_poses()).double().numpy()
    true = arc_cameras(n_views)
    errors = [
        rotation_error_deg(c[:3, :3] @ cam_from_world[0, :3, :3].T, t[:3, :3] @ true[0, :3, :3].T)
        for c, t in zip(cam_from_world[1:], true[1:], strict=True)
    ]
    return float(np.mean(errors))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small scenes, few iterations: half a minute")
    args = parser.parse_args()
    scenes, iterations = (SCENES[:2], 50) if args.quick else (SCENES, 300)
    print(f"CPU: {cpu_name()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads of torch")
    print(f"{platform.platform()}; torch {torch.__version__}, numba {numba.__version__}")
    print(f"load average at start: {os.getloadavg()[0]:.2f}")
    optimise(initialised(predictions(2, 48, 64)), 1, LR, "linear")
    loop = import_dust3r_alignment().base_opt.global_alignment_loop

    print("\nGlobal alignment, complete graph, linear schedule")
    print(f"{'views':>5} {'image':>8} {'iter.':>5} {'wall s':>8} {'upstr.':>8} {'ratio':>6}", end="")
    print(f" {'CPU s':>8} {'upstr.':>8} {'ratio':>6} {'objective':>10} {'/ upstr.':>10}  rotation error")
    sizes, costs = [], []
    for n_views, height, width in scenes:
        # One of upstream's iterations on the largest scenes takes seconds.
        steps = iterations if height * width < 10_000 else iterations // 10
        output = predictions(n_views, height, width)
        ours, theirs = initialised(output), initialised(output)
        wall, cpu, objective = timed(ours, partial(optimise, iterations=steps, lr=LR, schedule="linear"))
        with quiet():
            wall2, cpu2, objective2 = timed(theirs, partial(loop, niter=steps, lr=LR, schedule="linear"))
        print(
            f"{n_views:5d} {width:4d}x{height:<3d} {steps:5d} {wall:8.3f} {wall2:8.2f} {wall2 / wall:6.1f}",
            end="",
        )
        print(
            f" {cpu:8.3f} {cpu2:8.2f} {cpu2 / cpu:6.1f} {objective:10.6f} {objective / objective2:10.6f}",
            end="",
        )
        errors = [mean_rotation_error(scene, n_views) for scene in (ours, theirs)]
        print(f"  {errors[0]:.3f} deg, upstream {errors[1]:.3f} deg", flush=True)
        sizes.append(2 * n_views * (n_views - 1) * height * width)
        costs.append(cpu / steps)
    slope = float(np.dot(sizes, costs) / np.dot(sizes, sizes))
    print(
        f"\nCPU time per iteration and predicted point: {1e9 * slope:.2f} ns (least squares, with the set-up)"
    )


if __name__ == "__main__":
    main()
