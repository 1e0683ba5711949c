"""The whole configuration and its small groups."""

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from hw4.config.data import DataConfig, SampleConfig
from hw4.config.fields import in_range, one_of
from hw4.config.input import InputConfig
from hw4.config.interpolate import InterpolateConfig
from hw4.config.model import ModelConfig
from hw4.config.show import DemoConfig, ViewConfig
from hw4.config.splat import SplatConfig
from hw4.core.errors import ConfigError

TASKS = (
    "all",
    "pose",
    "splat",
    "score",
    "render",
    "pretrain",
    "interpolate",
    "report",
    "demo",
    "case",
    "view",
)
PSNR, NEG_MRE = "psnr", "neg_mre"
# Scene numbers of training are multiples of the seed and must stay within 64 bits.
MAX_SEED = 2**31 - 1


@dataclass
class MetricsConfig:
    """How pose errors are measured and summed up; `docs/protocols.md` has the arithmetic."""

    protocol: str = "relative"
    mode: str = "R"
    failures: str = "exclude"
    fold_translation: bool = False
    bootstrap: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("metrics.protocol", self.protocol, ("relative", "homework"))
        one_of("metrics.mode", self.mode, ("R", "T", "both"))
        one_of("metrics.failures", self.failures, ("exclude", "penalize"))
        in_range("metrics.bootstrap", self.bootstrap, 0)
        in_range("metrics.seed", self.seed, 0)


@dataclass
class ScoreConfig:
    """`task=score`: a predictions file is scored without running a model."""

    predictions: str | None = None


@dataclass
class PretrainConfig:
    """`task=pretrain`: trains the small network of `model=` on generated scenes.

    `batch_size` counts scenes; they have 2, 3, ... `views` views from step to step, which DUSt3R takes as
    pairs, both ways round. `minutes` ends the schedule by training time where that comes before
    `steps`. `out` null: a folder of `cache.root` that these keys decide, so that the same command goes on
    where it was killed.
    """

    steps: int = 20_000
    minutes: float | None = None
    batch_size: int = 6
    views: int = 4
    lr: float = 1e-3
    warmup: int = 300
    weight_decay: float = 0.05
    grad_clip: float = 1.0
    ema: float = 0.998
    workers: int = 1
    checkpoint_every: int = 200
    validate_every: int = 500
    validation_scenes: int = 48
    seed: int = 0
    out: str | None = None

    def __post_init__(self) -> None:
        in_range("pretrain.steps", self.steps, 1)
        in_range("pretrain.minutes", self.minutes, 0, low_open=True)
        in_range("pretrain.batch_size", self.batch_size, 1)
        in_range("pretrain.views", self.views, 2, 8)
        in_range("pretrain.lr", self.lr, 0, low_open=True)
        in_range("pretrain.warmup", self.warmup, 1)
        in_range("pretrain.weight_decay", self.weight_decay, 0)
        in_range("pretrain.grad_clip", self.grad_clip, 0, low_open=True)
        in_range("pretrain.seed", self.seed, 0, MAX_SEED)
        in_range("pretrain.ema", self.ema, 0, 1)
        in_range("pretrain.workers", self.workers, 0)
        in_range("pretrain.checkpoint_every", self.checkpoint_every, 1)
        in_range("pretrain.validate_every", self.validate_every, 1)
        in_range("pretrain.validation_scenes", self.validation_scenes, 1)

    def recipe(self) -> dict[str, Any]:
        """The keys on which the trained weights depend: not where and how often files are written."""
        return {k: v for k, v in asdict(self).items() if k not in ("out", "workers", "checkpoint_every")}


@dataclass
class ReportConfig:
    """`task=report`: ``report.html`` and ``report.md`` of a finished run or sweep, from its files alone.

    `dir` is that folder; `out` is where the report goes (null: into `dir`). `auto` writes one at the end of
    each run and sweep. `alpha` is the significance level, `success_deg` the error below which a sample
    counts as a success.
    """

    dir: str | None = None
    out: str | None = None
    auto: bool = True
    alpha: float = 0.05
    success_deg: float = 15.0

    def __post_init__(self) -> None:
        in_range("report.alpha", self.alpha, 0, 0.5, low_open=True)
        in_range("report.success_deg", self.success_deg, 0, 180, low_open=True)


@dataclass
class WandbConfig:
    """`wandb=`: where runs are logged. `group` null: the sweep's date and time, or the name of the folder
    that was chosen for it; none for a single run.
    """

    mode: str = "offline"
    project: str = "hw4"
    entity: str | None = None
    group: str | None = None
    point_clouds: int = 3

    def __post_init__(self) -> None:
        one_of("wandb", self.mode, ("offline", "online", "disabled"))
        in_range("wandb.point_clouds", self.point_clouds, 0)


@dataclass
class CacheConfig:
    """Where stage results are kept, and whether finished and half-finished ones are reused."""

    root: str = "outputs/cache"
    reuse: bool = True


@dataclass
class Config:
    """Everything a run reads. `objective` is what ``hydra/sweeper=optuna`` maximises: `psnr` or `neg_mre`.

    `model` has no default here: the command line's stands in ``conf/config.yaml``, a notebook gives one.
    """

    task: str = "all"
    model: ModelConfig = field(default_factory=ModelConfig)
    input: InputConfig = field(default_factory=InputConfig)
    splat: SplatConfig = field(default_factory=SplatConfig)
    data: DataConfig = field(default_factory=SampleConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)
    pretrain: PretrainConfig = field(default_factory=PretrainConfig)
    interpolate: InterpolateConfig = field(default_factory=InterpolateConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    demo: DemoConfig = field(default_factory=DemoConfig)
    view: ViewConfig = field(default_factory=ViewConfig)
    wandb: WandbConfig = field(default_factory=WandbConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    objective: str | None = None
    name: str = ""

    def __post_init__(self) -> None:
        one_of("task", self.task, TASKS)
        if self.objective is not None:
            one_of("objective", self.objective, (PSNR, NEG_MRE))
        if not re.fullmatch(r"[\w .=,+-]*", self.name):
            raise ConfigError(f"name={self.name!r} may hold letters, digits, spaces and _ . = , + - only.")
