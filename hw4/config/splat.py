"""`splat=`: sparse-view Gaussian splatting, its density control and learning rates."""

from dataclasses import dataclass, field

from hw4.config.fields import in_range, one_of
from hw4.core.errors import ConfigError


@dataclass
class DensifyConfig:
    """Density control through gsplat's strategies. `strategy=off`: the Gaussians stay as initialised."""

    strategy: str = "off"
    every: int = 100
    start: int = 100
    stop: int = 900
    grad_threshold: float = 2e-4
    prune_opacity: float = 0.005
    opacity_reset_every: int = 3000
    max_gaussians: int = 200_000

    def __post_init__(self) -> None:
        one_of("splat.densify.strategy", self.strategy, ("off", "default", "mcmc"))
        in_range("splat.densify.every", self.every, 1)
        in_range("splat.densify.start", self.start, 0)
        in_range("splat.densify.stop", self.stop, 0)
        in_range("splat.densify.grad_threshold", self.grad_threshold, 0, low_open=True)
        # Opacities are reset to twice this.
        in_range("splat.densify.prune_opacity", self.prune_opacity, 0, 0.49, low_open=True)
        in_range("splat.densify.opacity_reset_every", self.opacity_reset_every, 1)
        in_range("splat.densify.max_gaussians", self.max_gaussians, 1)


@dataclass
class InitConfig:
    """What the Gaussians start from. `source=scene` takes the layout's points, `model` the `model=` group's
    reconstruction of the training views, `auto` the scene's points where there are any. `max_points`: at most
    that many of them; null: all.
    """

    source: str = "auto"
    max_points: int | None = 20_000
    min_conf_quantile: float = 0.0
    opacity: float = 0.1
    scale_factor: float = 1.0

    def __post_init__(self) -> None:
        one_of("splat.init.source", self.source, ("auto", "scene", "model"))
        in_range("splat.init.max_points", self.max_points, 1)
        in_range("splat.init.min_conf_quantile", self.min_conf_quantile, 0, 1)
        in_range("splat.init.opacity", self.opacity, 0, 1, low_open=True)
        in_range("splat.init.scale_factor", self.scale_factor, 0, low_open=True)


@dataclass
class EvalConfig:
    """Scoring of test renders. `align_test_views` optimises test cameras first (InstantSplat).

    `lpips_weights`: file with torchvision's ImageNet weights of `lpips_net`; null: torch's cache or, with
    `lpips_download`, one download into it.
    """

    lpips_net: str = "vgg"
    lpips_weights: str | None = None
    lpips_download: bool = True
    align_test_views: bool = False
    align_iterations: int = 200
    align_lr: float = 1e-3

    def __post_init__(self) -> None:
        one_of("splat.eval.lpips_net", self.lpips_net, ("vgg", "alex"))
        in_range("splat.eval.align_iterations", self.align_iterations, 1)
        in_range("splat.eval.align_lr", self.align_lr, 0, low_open=True)


@dataclass
class RenderConfig:
    """`task=render`: a ``.ply`` in, PNGs out. `cameras` null: the test cameras of `data`."""

    ply: str | None = None
    cameras: str | None = None
    out: str | None = None


@dataclass
class SplatConfig:
    """Trainer of 3D Gaussians (Kerbl et al. 2023; sparse views after InstantSplat).

    `lr` is the position learning rate, multiplied by the scene extent and decayed exponentially to
    `lr` * `lr_final_factor` over `lr_decay_steps` steps. `sh_every`: steps after which one more SH degree is
    used. `confidence_lr`: the less sure a point, the larger its position learning rate (InstantSplat).
    """

    iterations: int = 1000
    lr: float = 1.6e-4
    lr_final_factor: float = 0.01
    lr_decay_steps: int = 30_000
    features_lr: float = 0.0025
    opacity_lr: float = 0.05
    scale_lr: float = 0.005
    rotation_lr: float = 0.001
    camera_lr: float = 1e-4
    optimize_cameras: bool = True
    confidence_lr: bool = True
    ssim_weight: float = 0.2
    depth_weight: float = 0.0
    sh_degree: int = 3
    sh_every: int = 1000
    background: str = "black"
    rasterizer: str = "auto"
    seed: int = 0
    checkpoint_every: int = 250
    log_every: int = 25
    render_every: int = 250
    video_frames: int = 60
    densify: DensifyConfig = field(default_factory=DensifyConfig)
    init: InitConfig = field(default_factory=InitConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    render: RenderConfig = field(default_factory=RenderConfig)

    def __post_init__(self) -> None:
        in_range("splat.iterations", self.iterations, 0)
        for key in ("lr", "features_lr", "opacity_lr", "scale_lr", "rotation_lr", "camera_lr"):
            in_range(f"splat.{key}", getattr(self, key), 0)
        in_range("splat.lr_final_factor", self.lr_final_factor, 0, 1, low_open=True)
        in_range("splat.lr_decay_steps", self.lr_decay_steps, 1)
        in_range("splat.ssim_weight", self.ssim_weight, 0, 1)
        in_range("splat.depth_weight", self.depth_weight, 0)
        in_range("splat.sh_degree", self.sh_degree, 0, 3)
        in_range("splat.sh_every", self.sh_every, 1)
        one_of("splat.background", self.background, ("black", "white", "random"))
        one_of("splat.rasterizer", self.rasterizer, ("auto", "gsplat", "cpu"))
        in_range("splat.checkpoint_every", self.checkpoint_every, 1)
        in_range("splat.log_every", self.log_every, 1)
        in_range("splat.render_every", self.render_every, 1)
        in_range("splat.video_frames", self.video_frames, 0)
        if self.densify.strategy != "off" and self.densify.start > self.densify.stop:
            raise ConfigError(
                f"splat.densify.start={self.densify.start} comes after splat.densify.stop="
                f"{self.densify.stop}: density control would never run."
            )
