"""`splat=`: sparse-view Gaussian splatting, its density control and learning rates."""

from dataclasses import dataclass
from typing import Any

from hw4.config.fields import MAX_SEED, Checked, group, key
from hw4.config.stages import RENDER
from hw4.core.errors import ConfigError

AUTO = "auto"
CPU_POINTS = 20_000
"""`splat.init.max_points=auto` on a CPU; on CUDA there is no limit."""
CPU_GAUSSIANS, CUDA_MCMC_GAUSSIANS = 200_000, 1_000_000
"""`splat.densify.max_gaussians=auto` on a CPU, and of `mcmc` on CUDA (gsplat's own)."""
AUTO_OR_COUNT: dict[str, Any] = {
    "valid": lambda value: value == AUTO or (not isinstance(value, str) and value >= 1),
    "otherwise": "is impossible: it must be auto, null or at least 1",
}


def _densifies(config: Any, stage: str) -> bool:
    return config.splat.densify.strategy != "off"


def _by_3dgs(config: Any, stage: str) -> bool:
    return config.splat.densify.strategy == "default"


def _grows_by_gradient(config: Any, stage: str) -> bool:
    return _by_3dgs(config, stage) and not config.splat.densify.prune_only


def _grows(config: Any, stage: str) -> bool:
    return config.splat.densify.strategy == "mcmc" or _grows_by_gradient(config, stage)


def _mcmc(config: Any, stage: str) -> bool:
    return config.splat.densify.strategy == "mcmc"


def _may_start_from_model(config: Any, stage: str) -> bool:
    return config.splat.init.source != "scene"


def _aligns_test_views(config: Any, stage: str) -> bool:
    return config.splat.eval.align_test_views


@dataclass
class DensifyConfig(Checked, at="splat.densify"):
    """Density control through gsplat's strategies. `strategy=off`: the Gaussians stay as initialised.

    `max_gaussians`: no more are added; null: no limit; `auto`: 200 000 on a CPU, on CUDA a million of
    `mcmc`'s and no limit for `default`. `prune_only`: `default` adds no Gaussian, it only removes those below
    `prune_opacity`. `opacity_reg` and `scale_reg` weigh the mean opacity and the mean size (in scene extents)
    in the loss of `mcmc`.
    """

    strategy: str = key("off", choices=("off", "default", "mcmc"))
    every: int = key(100, low=1, read_if=_densifies)
    start: int = key(100, low=0, read_if=_densifies)
    stop: int = key(900, low=0, read_if=_densifies)
    prune_only: bool = key(False, read_if=_by_3dgs)
    grad_threshold: float = key(2e-4, low=0, low_open=True, read_if=_grows_by_gradient)
    # Opacities are reset to twice this.
    prune_opacity: float = key(0.005, low=0, high=0.49, low_open=True, read_if=_densifies)
    opacity_reset_every: int = key(3000, low=1, read_if=_by_3dgs)
    max_gaussians: int | str | None = key(AUTO, **AUTO_OR_COUNT, read_if=_grows)
    opacity_reg: float = key(0.01, low=0, read_if=_mcmc)
    scale_reg: float = key(0.01, low=0, read_if=_mcmc)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.strategy != "off" and self.start > self.stop:
            raise ConfigError(
                f"splat.densify.start={self.start} comes after splat.densify.stop={self.stop}: "
                "density control would never run."
            )


@dataclass
class InitConfig(Checked, at="splat.init"):
    """What the Gaussians start from. `source=scene` takes the layout's points, `model` the `model=` group's
    reconstruction of the training views, `auto` the scene's points where there are any. `max_points`: at most
    that many of them; null: all; `auto`: all on CUDA, 20 000 on a CPU.

    Of a model (after InstantSplat): `co_visibility` leaves out points that a surer view has already, nearer
    to them than this share of the view's depths (InstantSplat: 0.01; null: keeps them); `shared_focal` gives
    all views the mean focal length, where the cameras are the model's too.
    """

    source: str = key("auto", choices=("auto", "scene", "model"))
    max_points: int | str | None = key(AUTO, **AUTO_OR_COUNT)
    min_conf_quantile: float = key(0.0, low=0, high=1)
    opacity: float = key(0.1, low=0, high=1, low_open=True)
    scale_factor: float = key(1.0, low=0, low_open=True)
    co_visibility: float | None = key(None, low=0, low_open=True, read_if=_may_start_from_model)
    shared_focal: bool = key(False, read_if=_may_start_from_model)


@dataclass
class EvalConfig(Checked, at="splat.eval"):
    """Scoring of test renders. `align_test_views` optimises test cameras first (InstantSplat).

    `ssim_padding`: what lies beyond the edges, the image itself mirrored or black (InstantSplat).
    `lpips_scaled=false` gives LPIPS images in [0, 1] instead of [-1, 1], as InstantSplat's metric code does.
    `lpips_weights`: file with torchvision's ImageNet weights of `lpips_net`; null: torch's cache or, with
    `lpips_download`, one download into it.
    """

    ssim_padding: str = key("mirror", choices=("mirror", "zero"))
    lpips_net: str = key("vgg", choices=("vgg", "alex"))
    lpips_scaled: bool = True
    lpips_weights: str | None = None
    lpips_download: bool = True
    align_test_views: bool = False
    align_iterations: int = key(200, low=1, read_if=_aligns_test_views)
    align_lr: float = key(1e-3, low=0, low_open=True, read_if=_aligns_test_views)


@dataclass
class RenderConfig(Checked, at="splat.render"):
    """`task=render`: a ``.ply`` in, PNGs out. `cameras` null: the test cameras of `data`."""

    ply: str | None = None
    cameras: str | None = None
    out: str | None = None


@dataclass
class SplatConfig(Checked, at="splat"):
    """Trainer of 3D Gaussians (Kerbl et al. 2023; sparse views after InstantSplat).

    `lr` is the position learning rate, multiplied by the scene extent and decayed exponentially to
    `lr` * `lr_final_factor` over `lr_decay_steps` steps. `scale_lr_factor` multiplies `scale_lr`, whatever
    the recipe says that is. `sh_every`: steps after which one more SH degree is used. `confidence_lr`: the
    less sure a point, the larger its position learning rate (InstantSplat).

    `camera_lr` decays exponentially to `camera_lr` * `camera_lr_final_factor` over the run. Cameras are
    learnt as a `twist` (axis-angle and a shift in scene extents) or as their `quaternion` and translation.
    `principal_point=centre` renders every camera as if its principal point were the image's centre.
    `ssim_padding=zero`: windows of the loss's SSIM reach over the edges, into black. `update_at_end=false`:
    the last iteration changes nothing.
    """

    iterations: int = key(1000, low=0)
    lr: float = key(1.6e-4, low=0)
    lr_final_factor: float = key(0.01, low=0, high=1, low_open=True)
    lr_decay_steps: int = key(30_000, low=1)
    features_lr: float = key(0.0025, low=0)
    opacity_lr: float = key(0.05, low=0)
    scale_lr: float = key(0.005, low=0)
    scale_lr_factor: float = key(1.0, low=0)
    rotation_lr: float = key(0.001, low=0)
    camera_lr: float = key(1e-4, low=0)
    camera_lr_final_factor: float = key(1.0, low=0, high=1, low_open=True)
    camera_parameters: str = key("twist", choices=("twist", "quaternion"))
    optimize_cameras: bool = True
    principal_point: str = key("given", choices=("given", "centre"))
    update_at_end: bool = True
    confidence_lr: bool = True
    ssim_weight: float = key(0.2, low=0, high=1)
    ssim_padding: str = key("none", choices=("none", "zero"))
    depth_weight: float = key(0.0, low=0)
    sh_degree: int = key(3, low=0, high=3)
    sh_every: int = key(1000, low=1)
    background: str = key("black", choices=("black", "white", "random"))
    rasterizer: str = key("auto", choices=("auto", "gsplat", "cpu"))
    seed: int = key(0, low=0, high=MAX_SEED, replicate=True)
    checkpoint_every: int = key(250, low=1, decides="nothing")
    log_every: int = key(25, low=1, decides="nothing")
    render_every: int = key(250, low=1, decides="nothing")
    video_frames: int = key(60, low=0, decides="output")
    densify: DensifyConfig = group(DensifyConfig)
    init: InitConfig = group(InitConfig)
    eval: EvalConfig = group(EvalConfig, decides="score")
    render: RenderConfig = group(RenderConfig, decides="output", stages=(RENDER,))
