"""Scoring of renders on held-out views: the only place that opens their photos, but for a live viewer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter, ParameterDict

from hw4.config import EvalConfig
from hw4.core.durable import write_bytes
from hw4.core.errors import UserError
from hw4.core.metric import MetricUnavailable
from hw4.data.photos import render_names
from hw4.data.scenes.scene import TestViews
from hw4.metrics import splat_headline, splat_metrics, splat_results
from hw4.splat.gaussians import clone, render_gaussians
from hw4.splat.pictures import png_bytes, strip
from hw4.splat.result import ViewScore
from hw4.splat.scoring.view import RenderedView
from hw4.splat.training.cameras import corrected
from hw4.splat.training.masking import Mask

Score = Callable[[RenderedView], float | None]


@dataclass
class EvalResult:
    """Scores on the test views.

    Attributes:
        views: one record per test view that could be scored.
        missing: metric or test view -> why it is missing.
        aligned: whether the test cameras were optimised before scoring.
        problems: what could not be read, in sentences.
        renders: the PNGs, one per record of `views` and in that order.
        strips: likewise, strips of truth, render and absolute error.
    """

    views: list[ViewScore]
    missing: dict[str, str]
    aligned: bool
    problems: list[str] = field(default_factory=list)
    renders: list[Path] = field(default_factory=list)
    strips: list[Path] = field(default_factory=list)

    def mean(self, metric: str) -> float | None:
        """Mean of a metric over the views; None where one of them lacks it."""
        values = [view.scores.get(metric) for view in self.views]
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known and len(known) == len(values) else None


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


@dataclass(frozen=True, eq=False)
class Photo:
    """A test photo (H, W, 3) in [0, 1], its (3, 3) intrinsics, and which of its pixels count (None: all)."""

    pixels: Tensor
    K: np.ndarray
    mask: Mask | None = None


def align_view(
    gaussians: ParameterDict,
    cam_from_world: np.ndarray,
    photo: Photo,
    config: EvalConfig,
    background: float,
    extent: float,
) -> Tensor:
    """(4, 4) camera that explains a test image best: Adam on its correction (InstantSplat's protocol).

    Everything happens on the device of the photo, which is that of the Gaussians.
    """
    target = photo.pixels
    frozen = ParameterDict({k: Parameter(p.detach(), requires_grad=False) for k, p in gaussians.items()})
    base = torch.as_tensor(cam_from_world).to(target)
    delta = torch.zeros(6, device=target.device, requires_grad=True)
    optimizer = torch.optim.Adam([delta], lr=config.align_lr)
    best, best_loss = base, torch.full((), torch.inf, device=target.device)
    for _ in range(config.align_iterations):
        camera = corrected(base, delta, extent)
        image = render_view(frozen, camera, photo.K, target.shape[1], target.shape[0], background)
        image = image if photo.mask is None else photo.mask.laid(image, target)
        loss = (image - target).abs().mean()
        # Kept on the device: asking whether the loss fell would wait for it in every step.
        better = loss.detach() < best_loss
        best = torch.where(better, camera.detach(), best)
        best_loss = torch.where(better, loss.detach(), best_loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return best


def _scorers(config: EvalConfig, device: torch.device, result: EvalResult) -> dict[str, Score | None]:
    """What computes each metric; None where it cannot be had, which `result` is told."""
    scorers: dict[str, Score | None] = {}
    for row in splat_metrics():
        scorers[row.name] = None
        try:
            function = row.function()
            scorers[row.name] = function(config, device) if row.needs_setup else function
        except (MetricUnavailable, UserError) as error:
            result.missing[row.name] = str(error)
            if isinstance(error, UserError):
                result.problems.append(str(error))
    return scorers


def _score(view: RenderedView, scorers: dict[str, Score | None], result: EvalResult) -> ViewScore:
    scores: dict[str, float | None] = {}
    for name, scorer in scorers.items():
        try:
            scores[name] = None if scorer is None else scorer(view)
        except MetricUnavailable as error:
            scores[name] = None
            result.missing[name] = str(error)
    return ViewScore(view.name, scores)


def _view(
    name: str, renders: tuple[Tensor, Tensor | None], target: Tensor, mask: Mask | None
) -> RenderedView:
    """What metrics are given of the render after and that before training."""
    render, before = renders
    if mask is not None:
        render, before = mask.laid(render, target), None if before is None else mask.laid(before, target)
    return RenderedView(name, render, target, before, mask)


def evaluate(
    gaussians: ParameterDict,
    test: TestViews,
    config: EvalConfig,
    out_dir: Path,
    background: float = 0.0,
    extent: float = 1.0,
    initial: ParameterDict | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> EvalResult:
    """Render and score every test view, writing renders and strips.

    What cannot be scored is missing with its reason, and the rest goes on.

    Args:
        gaussians: what to render, on the rasterizer's device.
        test: held-out views with cameras; their images are opened here.
        config: `splat.eval`.
        out_dir: receives ``renders/{image name}.png`` and ``strips/{image name}.png``.
        background: gray level behind the Gaussians.
        extent: the scene's extent, the unit of camera corrections.
        initial: the Gaussians before training, rendered for metrics that compare with them.
        progress: called after each view with (done, total, one line of state).

    Raises:
        UserError: a file cannot be written, or two test views would have the same render.
    """
    device = gaussians["means"].device
    initial = None if initial is None else clone(initial).to(device)
    result = EvalResult([], {}, config.align_test_views)
    scorers = _scorers(config, device, result) if len(test) else {}
    headline = splat_headline()
    for i, file in enumerate(render_names(test.names, "the set of test views")):
        try:
            image, K, keep = test.load_masked(i)
        except UserError as error:
            result.missing[f"test view {test.names[i]}"] = str(error)
            result.problems.append(str(error))
            continue
        if test.cam_from_world is None or K is None:
            result.missing[f"test view {test.names[i]}"] = "it has no camera"
            continue
        camera: np.ndarray | Tensor = test.cam_from_world[i]
        target = torch.from_numpy(image).to(device).float() / 255
        mask, (height, width) = Mask.of(keep, device), image.shape[:2]
        if config.align_test_views:
            photo = Photo(target, K, mask)
            camera = align_view(gaussians, test.cam_from_world[i], photo, config, background, extent)
        with torch.no_grad():
            render = quantised(render_view(gaussians, camera, K, width, height, background))
            before = None
            if initial is not None:
                before = quantised(render_view(initial, camera, K, width, height, background))
        score = _score(_view(test.names[i], (render, before), target, mask), scorers, result)
        result.views.append(score)
        pixels = (render * 255).round().byte().cpu().numpy()
        for kind, paths, content in (
            ("renders", result.renders, pixels),
            ("strips", result.strips, strip(image, pixels)),
        ):
            path = out_dir / kind / file
            write_bytes(path, png_bytes(content))
            paths.append(path)
        if progress is not None:
            progress(i + 1, len(test), f"{test.names[i]}: {headline.said(score.scores.get(headline.name))}")
    if not result.views:
        for row in splat_results():
            result.missing.setdefault(row.name, "no test view could be scored")
    return result
