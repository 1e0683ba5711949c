"""A W&B workspace for the runs of a project, as code: poses, splatting, pretraining.

Needs the optional package ``wandb-workspaces`` (``pip install "hw4[workspace]"``), W&B's own API for this.
"""

from typing import TYPE_CHECKING, Any

from hw4.core.errors import UserError

if TYPE_CHECKING:
    from wandb_workspaces.workspaces import Workspace

POSE_ERRORS = ("pose/MRE", "pose/MTE")
POSE_SHARES = (
    "pose/Acc@5",
    "pose/Acc@15",
    "pose/Acc@30",
    "pose/AUC@3",
    "pose/AUC@5",
    "pose/AUC@15",
    "pose/AUC@30",
)
POSE_MEDIA = ("pose/error_cdf", "pose/extremes")
SPLAT_SCORES = ("splat/psnr", "splat/ssim", "splat/initial_psnr")
SPLAT_CURVES = ("splat/loss", "splat/psnr_train", "splat/n_gaussians")
SPLAT_STEP = "splat/step"
PRETRAIN_CURVES = ("loss", "lr", "val/rotation_deg", "val/points")


def build_workspace(entity: str, project: str) -> "Workspace":
    """The workspace's layout; nothing is sent before its ``save()``.

    Args:
        entity: W&B user or team.
        project: W&B project, as in `wandb.project`.

    Raises:
        UserError: ``wandb-workspaces`` is not installed.
    """
    try:
        from wandb_workspaces import workspaces as ws
        from wandb_workspaces.reports import v2 as panels
    except ImportError as error:
        raise UserError(
            'a workspace needs the package wandb-workspaces: pip install "hw4[workspace]".'
        ) from error
    pose: list[Any] = [
        panels.BarPlot(title="Mean errors (degrees; lower is better)", metrics=list(POSE_ERRORS)),
        panels.BarPlot(title="Accuracy and AUC (higher is better)", metrics=list(POSE_SHARES)),
        panels.MediaBrowser(title="Error distribution; best and worst samples", media_keys=list(POSE_MEDIA)),
        panels.WeavePanelSummaryTable(table_name="pose/samples"),
    ]
    splat: list[Any] = [
        panels.BarPlot(title="Scores on the test views", metrics=list(SPLAT_SCORES)),
        *(panels.LinePlot(title=curve, x=SPLAT_STEP, y=[curve]) for curve in SPLAT_CURVES),
        panels.MediaBrowser(title="Loss, metrics and number of Gaussians", media_keys=["splat/curves"]),
        panels.WeavePanelSummaryTable(table_name="splat/views"),
    ]
    pretrain: list[Any] = [panels.LinePlot(title=curve, y=[curve]) for curve in PRETRAIN_CURVES]
    return ws.Workspace(
        entity=entity,
        project=project,
        name="hw4",
        sections=[
            ws.Section(name="Pose", panels=pose, is_open=True),
            ws.Section(name="Splatting", panels=splat, is_open=True),
            ws.Section(name="Pretraining", panels=pretrain, is_open=False),
        ],
    )
