"""A W&B workspace for the runs of a project, as code: poses, splatting, pretraining.

Needs the optional package ``wandb-workspaces`` (``pip install "hw4[workspace]"``), W&B's own API for this.
"""

from typing import TYPE_CHECKING, Any

from hw4.core.errors import UserError
from hw4.metrics import HIGHER, LOWER, splat_metrics, summary_metrics

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Workspace

# What runs are grouped by: each bar of a chart is then a model under an input.
CHOICES = ("model", "input")
POSE_MEDIA = ("pose/error_cdf", "pose/extremes")
SPLAT_CURVES = ("splat/train/loss", "splat/train/psnr_train", "splat/train/n_gaussians")
SPLAT_STEP = "splat/step"
PRETRAIN_STEP = "pretrain/step"
PRETRAIN_CURVES = ("pretrain/loss", "pretrain/lr", "pretrain/val/rotation_deg", "pretrain/val/points")


def pose_keys(better: str) -> list[Any]:
    """What runs log of the pose metrics that should be `LOWER` or `HIGHER`."""
    return [f"pose/{row.key}" for row in summary_metrics() if row.is_charted and row.better == better]


def glance_keys() -> list[Any]:
    """Of the pose metrics that should be high, those that a list of runs shows."""
    return [f"pose/{row.key}" for row in summary_metrics() if row.is_listed and row.better == HIGHER]


def splat_keys() -> list[Any]:
    """What runs log of the splat metrics."""
    return [f"splat/{row.key}" for row in splat_metrics() if row.is_charted]


def build_workspace(entity: str, project: str) -> "Workspace":
    """The workspace's layout; nothing is sent before its ``save()``.

    Args:
        entity: W&B user or team.
        project: W&B project, as in `wandb.project`.

    Raises:
        UserError: ``wandb-workspaces`` is not installed.
    """
    try:
        from wandb_workspaces import expr
        from wandb_workspaces import workspaces as ws
        from wandb_workspaces.reports import v2 as panels
    except ImportError as error:
        raise UserError(
            'a workspace needs the package wandb-workspaces: pip install "hw4[workspace]".'
        ) from error
    pose: list[Any] = [
        panels.BarPlot(
            title="Model and input at a glance (higher is better)",
            metrics=glance_keys(),
            orientation="v",
        ),
        panels.BarPlot(title="Mean errors (degrees; lower is better)", metrics=pose_keys(LOWER)),
        panels.BarPlot(title="Accuracy and AUC (higher is better)", metrics=pose_keys(HIGHER)),
        panels.MediaBrowser(title="Error distribution; best and worst samples", media_keys=list(POSE_MEDIA)),
        panels.WeavePanelSummaryTable(table_name="pose/samples"),
    ]
    splat: list[Any] = [
        panels.BarPlot(title="Scores on the test views", metrics=splat_keys()),
        *(panels.LinePlot(title=curve, x=SPLAT_STEP, y=[curve]) for curve in SPLAT_CURVES),
        panels.MediaBrowser(title="Loss, metrics and number of Gaussians", media_keys=["splat/curves"]),
        panels.WeavePanelSummaryTable(table_name="splat/views"),
    ]
    pretrain: list[Any] = [
        panels.LinePlot(title=curve, x=PRETRAIN_STEP, y=[curve]) for curve in PRETRAIN_CURVES
    ]
    return ws.Workspace(
        entity=entity,
        project=project,
        name="hw4",
        sections=[
            ws.Section(name="Pose", panels=pose, is_open=True),
            ws.Section(name="Splatting", panels=splat, is_open=True),
            ws.Section(name="Pretraining", panels=pretrain, is_open=False),
        ],
        runset_settings=ws.RunsetSettings(groupby=[expr.Config(choice) for choice in CHOICES]),
    )
