"""`task=pretrain`: train the small network of `model=`, then export its weights."""

from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hw4.config.model import NetworkConfig
from hw4.errors import UserError
from hw4.jobs.context import JobContext
from hw4.stages import PRETRAIN


def run_pretraining(context: JobContext) -> list[str]:
    """Train, resuming from the folder's checkpoint, and write ``<model>_tiny.safetensors`` there.

    Raises:
        UserError: the model has no weights to train, or files cannot be written.
    """
    import torch

    from hw4.models.devices import pick_device
    from hw4.pretrain.export import export_weights
    from hw4.pretrain.train import run_pretrain

    config = context.config
    if not isinstance(config.model, NetworkConfig):
        raise UserError(f"model={config.model.name} has no weights to train; use model=dust3r or model=vggt.")
    out = Path(config.pretrain.out) if config.pretrain.out else context.out_dir / "pretrain"
    columns = (TextColumn("pretrain"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=context.console, disable=not context.console.is_terminal) as bar:
        task = bar.add_task("pretrain", total=config.pretrain.steps)
        result = run_pretrain(
            config.model.name,
            config.pretrain,
            out,
            device=str(pick_device(config.model)),
            on_metrics=lambda step, values: context.tracker.log(dict(values), step),
            progress=lambda step, total: bar.update(task, completed=step, total=total),
        )
    path = export_weights(result, config.pretrain, out / f"{config.model.name}_tiny.safetensors")
    context.results[PRETRAIN] = {
        "model": result.name,
        "steps": result.steps,
        "seconds": result.seconds,
        "validation": result.validation,
        "weights": str(path),
        "torch": torch.__version__,
    }
    context.console.print(f"Weights: {path}", soft_wrap=True, highlight=False)
    return []
