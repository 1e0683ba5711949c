"""Scoring of renders on held-out views. The only place that opens test images."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter, ParameterDict
from torchmetrics.functional.image import structural_similarity_index_measure

from hw4.config import EvalConfig
from hw4.data.scenes import TestViews
from hw4.durable import write_bytes
from hw4.errors import UserError
from hw4.splat.cameras import corrected
from hw4.splat.figures import png_bytes, strip
from hw4.splat.gaussians import render_gaussians
from hw4.splat.losses import psnr
from hw4.splat.perceptual import LpipsUnavailable, load_lpips, lpips_distance

METRICS = ("psnr", "ssim", "lpips")


@dataclass(frozen=True)
class ViewScore:
    """Scores of one test view; a metric that could not be computed is None."""

    name: str
    psnr: float
    ssim: float
    lpips: float | None
    initial_psnr: float | None


@dataclass
class EvalResult:
    """Scores on the test views.

    Attributes:
        views: one record per test view.
        missing: metric -> why it could not be computed.
        aligned: whether the test cameras were optimised before scoring.
        renders: written PNGs.
        strips: written strips (truth, render, absolute error).
    """

    views: list[ViewScore]
    missing: dict[str, str]
    aligned: bool
    renders: list[Path] = field(default_factory=list)
    strips: list[Path] = field(default_factory=list)

    def mean(self, metric: str) -> float | None:
        """Mean over views of ``psnr``, ``ssim``, ``lpips`` or ``initial_psnr``; None where it is missing."""
        values = [getattr(view, metric) for view in self.views]
        if not values or any(value is None for value in values):
            return None
        return float(np.mean(values))


def render_view(
    gaussians: ParameterDict,
    cam_from_world: np.ndarray | Tensor,
    K: np.ndarray | Tensor,
    width: int,
    height: int,
    background: float = 0.0,
) -> Tensor:
    """(H, W, 3) image of one camera (4, 4), not clipped; differentiable in the camera."""
    like = gaussians["means"]
    viewmat = torch.as_tensor(cam_from_world).to(like)
    colors, _, _ = render_gaussians(
        gaussians,
        viewmat[None],
        torch.as_tensor(K).to(like)[None],
        width,
        height,
        backgrounds=torch.full((1, 3), background).to(like),
    )
    return colors[0]


def quantised(image: Tensor) -> Tensor:
    """What an 8-bit PNG of the image holds, in [0, 1]: scores can be computed again from the files."""
    return (image.clamp(0, 1) * 255).round() / 255


def align_view(
    gaussians: ParameterDict,
    cam_from_world: np.ndarray,
    K: np.ndarray,
    target: Tensor,
    config: EvalConfig,
    background: float,
    extent: float,
) -> np.ndarray:
    """(4, 4) camera that explains a test image best: Adam on its correction (InstantSplat's protocol)."""
    frozen = ParameterDict({k: Parameter(p.detach(), requires_grad=False) for k, p in gaussians.items()})
    base = torch.as_tensor(cam_from_world).to(target)
    delta = torch.zeros(6, requires_grad=True)
    optimizer = torch.optim.Adam([delta], lr=config.align_lr)
    best, best_loss = base, float("inf")
    for _ in range(config.align_iterations):
        camera = corrected(base, delta, extent)
        image = render_view(frozen, camera, K, target.shape[1], target.shape[0], background)
        loss = (image - target).abs().mean()
        if loss.item() < best_loss:
            best, best_loss = camera.detach(), loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return best.double().numpy()


def evaluate(
    gaussians: ParameterDict,
    test: TestViews,
    config: EvalConfig,
    out_dir: Path,
    background: float = 0.0,
    extent: float = 1.0,
    initial: ParameterDict | None = None,
    cameras: tuple[np.ndarray, np.ndarray] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> EvalResult:
    """Render and score every test view, writing renders and strips.

    Args:
        gaussians: what to render.
        test: held-out views; their images are opened here.
        config: `splat.eval`.
        out_dir: receives ``renders/{image name}.png`` and ``strips/{image name}.png``.
        background: gray level behind the Gaussians.
        extent: the scene's extent, the unit of camera corrections.
        initial: the Gaussians before training, scored (PSNR only) for comparison.
        cameras: ``(cam_from_world (M, 4, 4), Ks (M, 3, 3) of the loaded images)`` where the layout has none.
        progress: called after each view with (done, total, one line of state).

    Raises:
        UserError: a test image cannot be read, or the test views have no cameras.
    """
    missing: dict[str, str] = {}
    network = None
    try:
        network = load_lpips(config) if len(test) else None
    except LpipsUnavailable as error:
        missing["lpips"] = str(error)
    result = EvalResult([], missing, config.align_test_views)
    for i in range(len(test)):
        image, K = test.load(i)
        cam_from_world = None if test.cam_from_world is None else test.cam_from_world[i]
        if cameras is not None:
            cam_from_world, K = cameras[0][i], cameras[1][i]
        if cam_from_world is None or K is None:
            raise UserError(f"the test view {test.names[i]} has no camera: it cannot be rendered.")
        target = torch.from_numpy(image).float() / 255
        height, width = image.shape[:2]
        if config.align_test_views:
            cam_from_world = align_view(gaussians, cam_from_world, K, target, config, background, extent)
        with torch.no_grad():
            render = quantised(render_view(gaussians, cam_from_world, K, width, height, background))
            before = None
            if initial is not None:
                first = quantised(render_view(initial, cam_from_world, K, width, height, background))
                before = float(psnr(first, target))
        x, y = (t.permute(2, 0, 1)[None] for t in (render, target))
        similarity = float(structural_similarity_index_measure(x, y, data_range=1.0))  # type: ignore[arg-type]
        perceptual = None if network is None else lpips_distance(network, render, target)
        name = Path(test.names[i]).stem
        score = ViewScore(test.names[i], float(psnr(render, target)), similarity, perceptual, before)
        result.views.append(score)
        pixels = (render * 255).round().byte().numpy()
        for kind, paths, content in (
            ("renders", result.renders, pixels),
            ("strips", result.strips, strip(image, pixels)),
        ):
            path = out_dir / kind / f"{name}.png"
            write_bytes(path, png_bytes(content))
            paths.append(path)
        if progress is not None:
            progress(i + 1, len(test), f"{test.names[i]}: PSNR {score.psnr:.2f} dB")
    return result
