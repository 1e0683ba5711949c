"""`task=pretrain`: train the small network of `model=`, then export its weights."""

from pathlib import Path

from hw4.config.decides import pretrain_address
from hw4.config.model import NetworkConfig
from hw4.config.stages import PRETRAIN
from hw4.core.cache import using
from hw4.core.durable import exclusive
from hw4.core.errors import UserError
from hw4.jobs.context import JobContext
from hw4.output.progress import StepProgress

# Wandb draws the curves against it.
STEP = "pretrain/step"


def run_pretraining(context: JobContext) -> list[str]:
    """Train, and write ``<model>_tiny.safetensors``.

    Without `pretrain.out` that happens in the cache folder that the configuration addresses, where the same
    command goes on after a kill.

    Raises:
        UserError: the model has no weights to train, the folder holds a training of another configuration,
            the training diverged, or files cannot be written.
    """
    import torch

    from hw4.models.network.devices import pick_device
    from hw4.models.registry import trainable
    from hw4.pretrain.export import export_weights
    from hw4.pretrain.train import run_pretrain

    config = context.config
    # Said before a folder is made.
    trainable(config.model.name)
    assert isinstance(config.model, NetworkConfig)
    default = Path(config.cache.root) / PRETRAIN / pretrain_address(config)
    out = Path(config.pretrain.out).expanduser() if config.pretrain.out else default
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        key = "pretrain.out" if config.pretrain.out else "cache.root"
        raise UserError(f"cannot create {out}: {error.strerror}; give another {key}=...") from error
    context.tracker.axis(PRETRAIN, STEP)

    def on_metrics(step: int, values: dict[str, float | None]) -> None:
        named = {f"{PRETRAIN}/{name}": value for name, value in values.items()}
        context.tracker.log({STEP: float(step), **named})

    # A folder of the user's own is nobody's to remove.
    kept = () if config.pretrain.out else (out,)
    progress_bar = StepProgress(context.console, config.pretrain.steps, PRETRAIN)
    with using(*kept), exclusive(out), progress_bar as progress:
        result = run_pretrain(
            config.model.name,
            config.pretrain,
            out,
            device=str(pick_device(config.model)),
            on_metrics=on_metrics,
            progress=progress,
            resume=config.cache.reuse,
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
