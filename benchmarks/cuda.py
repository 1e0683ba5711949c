"""What only a CUDA GPU can tell: ready to run where there is one, one sentence where there is none.

    python -m benchmarks.cuda [--quick]

gsplat's rasterizer against the PyTorch reference, gradients compared with our CPU kernels; training with the
device never waited for against reading the loss in every step; DUSt3R's fast path against upstream; VGGT in
bfloat16 and in batches against upstream in float32. Times are taken between two synchronizations.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from benchmarks.dust3r import complete, difference, official_network, random_images, upstream
from benchmarks.measure import Ratio, Record, seconds, start
from benchmarks.rasterize import SH_DEGREE, SIZES, leaves, surface
from benchmarks.vggt import outputs
from hw4.config import SampleConfig, SplatConfig
from hw4.core.errors import UserError
from hw4.data.scenes.scene import scene_of
from hw4.models.dust3r import pairs as dust3r_fast
from hw4.models.network.upstream import quiet
from hw4.models.vggt.upstream import import_parts as import_vggt_parts
from hw4.splat.rasterize import rasterize
from hw4.splat.rasterize.cuda import load_gsplat
from hw4.splat.start import from_scene
from hw4.splat.training.step import TrainingRun
from tests.support.rasterizer_scenes import arguments

DEVICE = torch.device("cuda")


def timed(run: Callable[[], Any], repeats: int) -> float:
    """Seconds of one call, the device's work included."""
    run()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(repeats):
        run()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / repeats


def gradients(scene: dict[str, torch.Tensor], width: int, height: int) -> dict[str, torch.Tensor]:
    """Gradients of all leaves for a fixed gradient of the image."""
    ours = leaves(scene)
    colors, _, _ = rasterize(*arguments(**ours, width=width, height=height, sh_degree=SH_DEGREE))
    fixed = torch.randn(colors.shape, generator=torch.Generator().manual_seed(1))
    colors.backward(fixed.to(colors.device))
    return {name: value.grad.cpu() for name, value in ours.items() if value.grad is not None}


def rasterizers(record: Record) -> None:
    """gsplat against our CPU kernels: the same gradients, and how much faster."""
    for n in (10_000,) if record.quick else (10_000, 50_000, 200_000):
        for width, height in SIZES[:1] if record.quick else SIZES:
            scene = surface(n, width, height)
            on_gpu = {name: value.to(DEVICE) for name, value in scene.items()}
            began = time.perf_counter()
            expected = gradients(scene, width, height)
            theirs = time.perf_counter() - began
            apart = max(
                float((value - expected[name]).abs().max() / expected[name].abs().max())
                for name, value in gradients(on_gpu, width, height).items()
            )
            ours = timed(partial(gradients, on_gpu, width, height), 20)
            record.add(
                Ratio(
                    "gsplat on CUDA, forward and backward",
                    f"{n} Gaussians, {width}x{height}",
                    "our CPU kernels",
                    ours,
                    theirs,
                    f"largest relative difference of a gradient {apart:.0e}",
                )
            )


def training(record: Record) -> None:
    """Iterations that never wait against iterations that read their loss."""
    config = SplatConfig()
    scene = scene_of(SampleConfig()).train
    run = TrainingRun(scene, from_scene(scene, config), config)
    n = 100 if record.quick else 1000
    ours = timed(run.advance, n)
    theirs = timed(lambda: run.advance().read(), n)
    size = f"{len(run.gaussians['means'])} Gaussians"
    record.add(Ratio("A training iteration", size, "the same, its loss read in every step", ours, theirs))
    # gsplat itself reads one number in every render: how many tiles its Gaussians touch.
    previous = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        run.advance()
    finally:
        torch.cuda.set_sync_debug_mode(previous)
    torch.cuda.reset_peak_memory_stats()
    run.advance()
    record.fact(f"peak memory of an iteration: {torch.cuda.max_memory_allocated() / 2**20:.0f} MB")


def dust3r(record: Record) -> None:
    """The official network on all pairs, random weights."""
    network = official_network().to(DEVICE)
    n = 4 if record.quick else 16
    images, pairs = random_images(n, 288, 512), complete(n)
    theirs = partial(upstream, network, images, pairs, 8, "cuda")
    apart = difference(dust3r_fast.infer(network, images, pairs), theirs())
    ours = timed(lambda: dust3r_fast.infer(network, images, pairs), 2)
    record.add(
        Ratio(
            "DUSt3R network, official size",
            f"{n} views, {len(pairs)} pairs, 512x288",
            "upstream's inference, batches of 8",
            ours,
            timed(theirs, 2),
            f"largest relative difference {apart:.0e}",
        )
    )


def vggt(record: Record) -> None:
    """The official network on pairs, random weights."""
    torch.manual_seed(0)
    with quiet():
        network = import_vggt_parts().VGGT(enable_track=False).eval().to(DEVICE)
    pairs = torch.rand(8, 2, 3, 294, 518, device=DEVICE)
    theirs = timed(lambda: [outputs(network, pair[None]) for pair in pairs], 2)
    network.point_head = None

    def ours() -> None:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            outputs(network, pairs)

    size = "8 pairs, 518x294"
    record.add(
        Ratio(
            "VGGT, official size, bfloat16, no point head, one batch",
            size,
            "upstream's forward, float32, pair by pair",
            timed(ours, 2),
            theirs,
        )
    )


def main(argv: Sequence[str] | None = None) -> None:
    record = start("cuda", __doc__ or "", argv)
    if not torch.cuda.is_available():
        print("skipped: torch sees no CUDA GPU on this machine; run this again where there is one.")
        return
    began = time.perf_counter()
    try:
        load_gsplat()
    except UserError as error:
        raise SystemExit(str(error)) from error
    record.fact(f"gsplat's extension, compiled or found: {seconds(time.perf_counter() - began)}")
    rasterizers(record)
    training(record)
    dust3r(record)
    vggt(record)
    record.save()


if __name__ == "__main__":
    main()
