"""What the Gaussians of a run start from."""

from hw4.config import Config
from hw4.core.errors import UserError


def uses_model(config: Config) -> bool:
    """Whether the Gaussians start from the model's reconstruction; `auto`: where a scene has no points."""
    source = config.splat.init.source
    if source != "auto" or "scene" not in config.data.provides:
        return source == "model"
    from hw4.data.scenes.scene import has_points

    try:
        return not has_points(config.data)
    except UserError:
        # The stage itself says what is wrong with the scene.
        return True
