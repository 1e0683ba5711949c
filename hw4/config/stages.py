"""The stages that a run can have: one row each, of ours and of other packages (entry points `hw4.stages`)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from hw4.config.fields import Checked
from hw4.core.plugins import with_plugins

if TYPE_CHECKING:
    from hw4.config.root import Config

GROUP = "hw4.stages"
ALL = "all"
POSE, SPLAT, SCORE, RENDER, PRETRAIN = "pose", "splat", "score", "render", "pretrain"
PREDICT = "predict"
INTERPOLATE, DEMO, CASE, VIEW, REPORT = "interpolate", "demo", "case", "view", "report"
EXPORT = "export"

Need = Literal["pairs", "scene", "views", "samples"]
# What a data set must provide for a need that is no kind of data itself.
PROVIDERS: dict[str, frozenset[str]] = {"samples": frozenset({"pairs", "views"})}


def provides_need(provides: Iterable[str], need: str) -> bool:
    """Whether one of the kinds of data that a data set provides is what is needed."""
    return not PROVIDERS.get(need, frozenset({need})).isdisjoint(provides)


@dataclass(frozen=True)
class Where:
    """Keys that a stage reads under a condition."""

    prefix: str
    holds: Callable[["Config"], bool]


@dataclass(frozen=True)
class Stage:
    """One stage. A package offers one as ``toy = "hw4_toy.stage:STAGE"`` under the entry points `hw4.stages`.

    Attributes:
        name: as `task=` takes it, and as its results are filed under in ``results.json``.
        run: ``package.module:function``, imported when the stage runs. It gets a
            `hw4.jobs.context.JobContext` and returns what went wrong and did not stop it, a sentence each.
        help: its line of ``--help``.
        reads: groups and keys that it reads (``model``, ``splat.rasterizer``); `hw4.config.fields.Key` says
            what narrows that.
        needs: what the data source must provide, or None; ``samples`` are ``pairs`` or ``views``.
        in_all: whether ``task=all`` runs it.
        computes: whether it has results of its own: they are timed and logged to W&B. False: it only shows
            finished runs.
        reported: whether a report follows it.
        model_if_needed: whether it reads `model` only where that is needed, as the data's files tell.
        files: what it leaves at fixed names in the run's folder; a later run in it removes them first.
        config: the class of its own keys, which then stand under its name (``toy.steps``).
    """

    name: str
    run: str
    help: str
    reads: tuple[str | Where, ...]
    needs: Need | None = None
    in_all: bool = False
    computes: bool = True
    reported: bool = False
    model_if_needed: bool = False
    files: tuple[str, ...] = ()
    config: type[Checked] | None = None

    def names(self, config: "Config", key: str) -> bool:
        """Whether the row names a key, or a group around it, as read under this configuration."""
        found = (read if isinstance(read, Where) else Where(read, lambda _: True) for read in self.reads)
        return any(
            (key == where.prefix or key.startswith(f"{where.prefix}.")) and where.holds(config)
            for where in found
        )


# The list of the views that were evaluated.
FRAMES = "frames.json"
POSE_FILES = (
    "predictions.npy",
    "samples.jsonl",
    "samples.csv",
    "summary.md",
    "summary.txt",
    "error_cdf.png",
    "extremes.png",
    FRAMES,
)

OWN = (
    Stage(
        POSE,
        "hw4.jobs.pose:run_pose",
        "the cameras of every sample, predicted and scored",
        reads=("model", "input", "data", "metrics", "jobs"),
        needs="samples",
        in_all=True,
        reported=True,
        files=POSE_FILES,
    ),
    Stage(
        SPLAT,
        "hw4.jobs.splat:run_splat_stage",
        "Gaussians trained on a scene's few photos, scored on the others",
        reads=("splat", "data", "model"),
        needs="scene",
        in_all=True,
        reported=True,
        model_if_needed=True,
        files=("splat/gaussians.ply",),
    ),
    Stage(
        PREDICT,
        "hw4.jobs.predict:run_predict",
        "the cameras of every sample, without ground truth: files and pictures, no scores",
        reads=("model", "input", "data", "jobs"),
        needs="samples",
        files=("predictions.npy", "predictions.jsonl", FRAMES),
    ),
    Stage(
        SCORE,
        "hw4.jobs.pose:run_score",
        "a predictions file (score.predictions=), scored without a model",
        reads=("score", "data", "metrics"),
        needs="samples",
        reported=True,
        files=POSE_FILES,
    ),
    Stage(
        RENDER,
        "hw4.jobs.render:run_render",
        "trained Gaussians (splat.render.ply=), rendered from any cameras",
        reads=(
            "splat.render",
            "splat.rasterizer",
            "splat.background",
            "data.resolution",
            # Given cameras stand in the place of the data's.
            Where("data", lambda config: config.splat.render.cameras is None),
        ),
        needs="scene",
    ),
    Stage(
        PRETRAIN,
        "hw4.jobs.pretrain:run_pretraining",
        "the small network of model=, trained on generated scenes",
        reads=("pretrain", "model.name", "model.device"),
    ),
    Stage(
        INTERPOLATE,
        "hw4.jobs.interpolate:run_interpolate",
        "the frames between the photos of every pair",
        reads=("interpolate", "data"),
        needs="pairs",
    ),
    Stage(
        REPORT,
        "hw4.jobs.report:run_report",
        "of a finished run or sweep (report.dir=), in one file",
        reads=("report",),
        computes=False,
        files=("report.html", "report.md"),
    ),
    Stage(
        DEMO,
        "hw4.jobs.demo:run_demo_stage",
        "your own photos or video, as pictures and 3D files",
        # The user's own photos stand in the place of the data's.
        reads=("model", "demo", Where("data", lambda config: config.demo.images is None)),
    ),
    Stage(
        EXPORT,
        "hw4.jobs.export:run_export",
        "a finished run (export.run=) as COLMAP, nerfstudio, TUM, GLB, PLY, splat, spz or rerun files",
        reads=("export",),
        computes=False,
    ),
    Stage(
        VIEW,
        "hw4.jobs.view:run_view",
        "a finished run (view.run=) in the browser",
        reads=("view",),
        computes=False,
    ),
    Stage(
        CASE,
        "hw4.jobs.case:run_case_stage",
        "one sample (data.sample=) under both inputs, explained",
        reads=("model", "metrics", "data", "input.max_frames"),
        needs="pairs",
    ),
)
OWN_NAMES = tuple(row.name for row in OWN)


@cache
def stages() -> dict[str, Stage]:
    """Every stage by name: ours, then those of other packages.

    Raises:
        UserError: another package's is no `Stage`, or has the name of one of ours.
    """
    return with_plugins(GROUP, {row.name: row for row in OWN}, Stage, "stage", reserved=(ALL,))


def tasks() -> tuple[str, ...]:
    """What `task=` may be."""
    return (ALL, *stages())


def task_lines() -> list[str]:
    """What `task=` may be and what each does, a line each."""
    table = stages()
    first = f"{ALL} (default): {', then '.join(row.name for row in table.values() if row.in_all)}"
    return [first, *(f"{row.name}: {row.help}" for row in table.values())]


def selected_rows(config: "Config") -> list[Stage]:
    """The stages that the task selects, in order."""
    table = stages()
    return [row for row in table.values() if row.in_all] if config.task == ALL else [table[config.task]]


def selected(config: "Config") -> list[str]:
    """The names of the stages that the task selects, in order."""
    return [row.name for row in selected_rows(config)]


def result_files() -> tuple[str, ...]:
    """What jobs leave at fixed names in their folders; readers of a folder take these for its results."""
    files = ("results.json", *(name for row in stages().values() for name in row.files))
    return tuple(dict.fromkeys(files))
