"""The whole configuration and its small groups."""

import re
from dataclasses import dataclass, make_dataclass
from functools import cache

from hw4.config.data import DataConfig, SampleConfig
from hw4.config.export import OTHERWISE, ExportConfig, are_formats
from hw4.config.fields import MAX_SEED, Checked, group, key
from hw4.config.input import InputConfig
from hw4.config.interpolate import InterpolateConfig
from hw4.config.model import ModelConfig
from hw4.config.splat import SplatConfig
from hw4.config.stages import ALL, SPLAT, selected, stages, tasks
from hw4.core.errors import ConfigError
from hw4.core.protocols import HOMEWORK, PAPERS, RELATIVE

AUTO = "auto"


@dataclass
class MetricsConfig(Checked, at="metrics"):
    """How pose errors are measured and summed up; `docs/protocols.md` has the arithmetic.

    `mode` and `fold_translation` null: as the protocol has it.
    """

    protocol: str = key(RELATIVE, choices=(RELATIVE, HOMEWORK, PAPERS))
    mode: str | None = key(None, choices=("R", "T", "both"))
    failures: str = key("exclude", choices=("exclude", "penalize"))
    fold_translation: bool | None = None
    bootstrap: int = key(2000, low=0, high=100_000, decides="output")
    seed: int = key(0, low=0, high=MAX_SEED, replicate=True, decides="output")

    @property
    def errors_mode(self) -> str:
        """Which error of a sample counts: ``R``, ``T``, or ``both``, the larger of the two."""
        return self.mode or ("both" if self.protocol == PAPERS else "R")

    @property
    def folds(self) -> bool:
        """Whether opposite translations count as equal."""
        return self.protocol != RELATIVE if self.fold_translation is None else self.fold_translation


@dataclass
class ScoreConfig(Checked, at="score"):
    """`task=score`: predictions in files are scored without running a model.

    `predictions` is ours (``predictions.npy``), a folder of ``<sample>.npz``, a COLMAP model, a nerfstudio
    folder or a TUM trajectory, or a folder with one of these for each scene. A trajectory's pose is that of
    the photo whose name tells a time at most `max_difference` seconds away.
    """

    predictions: str | None = None
    max_difference: float = key(0.02, low=0, decides="score")


@dataclass
class PretrainConfig(Checked, at="pretrain"):
    """`task=pretrain`: trains the small network of `model=` on generated scenes.

    `batch_size` counts scenes; they have 2, 3, ... `views` views from step to step, which a model of
    pairs takes as such, both ways round. `minutes` ends the schedule by training time where that comes before
    `steps`. `out` null: a folder of `cache.root` that these keys decide, so that the same command goes on
    where it was killed.
    """

    steps: int = key(20_000, low=1)
    minutes: float | None = key(None, low=0, low_open=True)
    batch_size: int = key(6, low=1)
    views: int = key(4, low=2, high=8)
    lr: float = key(1e-3, low=0, low_open=True)
    warmup: int = key(300, low=1)
    weight_decay: float = key(0.05, low=0)
    grad_clip: float = key(1.0, low=0, low_open=True)
    ema: float = key(0.998, low=0, high=1)
    workers: int = key(1, low=0, decides="nothing")
    checkpoint_every: int = key(200, low=1, decides="nothing")
    validate_every: int = key(500, low=1)
    validation_scenes: int = key(48, low=1)
    seed: int = key(0, low=0, high=MAX_SEED, replicate=True)
    out: str | None = key(None, decides="nothing")


@dataclass
class ReportConfig(Checked, at="report"):
    """`task=report`: ``report.html`` and ``report.md`` of a finished run or sweep, from its files alone.

    `dir` is that folder; `out` is where the report goes (null: into `dir`). `auto` writes one at the end of
    each run and sweep. `style=paper` writes the figures as PDF, SVG and PNG of a column's width as well, and
    each table as LaTeX and CSV, under ``report/paper``. `view` names the test view, with or without folder
    and suffix, that is shown under all splat settings; null: the first by name that all of them have. `alpha`
    is the significance level, `success_deg` the error below which a sample counts as a success.
    """

    dir: str | None = None
    out: str | None = None
    auto: bool = True
    style: str = key("screen", choices=("screen", "paper"))
    view: str | None = None
    alpha: float = key(0.05, low=0, high=0.5, low_open=True)
    success_deg: float = key(15.0, low=0, high=180, low_open=True)


@dataclass
class DemoConfig(Checked, at="demo"):
    """`task=demo`: one reconstruction of the user's own photos.

    `images` is a folder of photos (or one with ``images/`` in it) or a video file; null: the photos of the
    data's scene. At most `max_images`
    are used, spread evenly over the folder's names or the video's time. Points whose confidence (the model's
    own scale; a network's mostly starts at 1) is below `min_conf_thr` are left out of the 3D files, and at
    most `max_points` are written. `clean_depth` leaves out those, too, that float before what another photo
    is surer to show there, as upstream's demo does. `export` names formats of `task=export` to write, too.
    """

    images: str | None = None
    export: list[str] | None = key(None, valid=are_formats, otherwise=OTHERWISE, decides="output")
    max_images: int = key(10, low=2, high=1000)
    min_conf_thr: float = key(1.0, low=0)
    clean_depth: bool = False
    max_points: int = key(500_000, low=1)


@dataclass
class ViewConfig(Checked, at="view"):
    """`task=view`: a finished run's folder in the browser.

    `run` is the folder of a run or a sweep; `beside` is that of another one, whose first run is shown beside.
    `seconds` null: until Ctrl-C. `host` ``0.0.0.0`` lets other machines in; the next free `port` is taken.
    `live`: of a run that splats, not of a finished one: its Gaussians while they are trained.
    """

    run: str | None = None
    beside: str | None = None
    host: str = "127.0.0.1"
    port: int = key(8080, low=1, high=65535)
    seconds: float | None = key(None, low=0)
    live: bool = key(False, decides="nothing")


@dataclass
class WandbConfig(Checked, at="wandb"):
    """`wandb=`: where runs are logged. ``auto``: as WANDB_MODE says; without it offline, and online in a run
    of W&B's own sweeps. `project` null: WANDB_PROJECT, else ``hw4``. `group` null: the sweep's date and time,
    or the name of the folder that was chosen for it; none for a single run. `point_clouds` and `thumbnails`
    count the samples whose points and photos are logged.
    """

    mode: str = key("auto", choices=("auto", "offline", "online", "disabled"), called="wandb")
    project: str | None = None
    entity: str | None = None
    group: str | None = None
    point_clouds: int = key(3, low=0)
    thumbnails: int = key(40, low=0)


@dataclass
class CacheConfig(Checked, at="cache"):
    """Where stage results are kept, and whether finished and half-finished ones are reused.

    `max_gb` null: all are kept. Else a job ends by removing the least recently used ones until the rest takes
    no more than so many GB (10^9 bytes), but none that another process uses, and no trained weights.
    """

    root: str = "outputs/cache"
    reuse: bool = True
    max_gb: float | None = key(None, low=0)


def _objectives() -> list[str]:
    # Imported when an objective is named: the table computes with numpy, which --help does without.
    from hw4.metrics import objectives

    return list(objectives())


@dataclass
class Config(Checked):
    """Everything a run reads. `objective` is what ``hydra/sweeper=optuna`` maximises, a metric of
    `hw4.metrics.objectives`. `jobs`: pose samples that are worked on at a time; ``auto``: one for each core
    where a sample leaves the others idle and there are enough samples, else one. The results are the same.

    `model` has no default here: the command line's stands in ``conf/config.yaml``, a notebook gives one.
    """

    task: str = key(ALL, choices=tasks)
    model: ModelConfig = group(ModelConfig)
    input: InputConfig = group(InputConfig)
    splat: SplatConfig = group(SplatConfig)
    data: DataConfig = group(SampleConfig)
    metrics: MetricsConfig = group(MetricsConfig, decides="score")
    score: ScoreConfig = group(ScoreConfig, decides="files")
    pretrain: PretrainConfig = group(PretrainConfig)
    interpolate: InterpolateConfig = group(InterpolateConfig)
    report: ReportConfig = group(ReportConfig, decides="nothing")
    demo: DemoConfig = group(DemoConfig)
    view: ViewConfig = group(ViewConfig)
    export: ExportConfig = group(ExportConfig)
    wandb: WandbConfig = group(WandbConfig, decides="nothing")
    cache: CacheConfig = group(CacheConfig, decides="nothing")
    objective: str | None = key(None, choices=_objectives, decides="nothing")
    jobs: str = key(
        AUTO,
        valid=re.compile(rf"{AUTO}|[1-9]\d{{0,3}}").fullmatch,
        otherwise=f"is no number of samples; give {AUTO}, or a number from 1 to 9999",
        decides="nothing",
    )
    name: str = key(
        "",
        valid=re.compile(r"[\w .=,+-]*").fullmatch,
        otherwise="may hold letters, digits, spaces and _ . = , + - only",
        decides="nothing",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.view.live and SPLAT not in selected(self):
            raise ConfigError(
                f"view.live=true shows splats while they are trained, and task={self.task} trains none: give "
                "task=splat, or leave it out."
            )


@cache
def config_type() -> type[Config]:
    """`Config` with the keys of other packages' stages, each under the stage's name."""
    theirs = [(row.name, row.config, group(row.config)) for row in stages().values() if row.config]
    return make_dataclass("Config", theirs, bases=(Config,)) if theirs else Config
