"""Small networks on photographs: their numbers look like any others, and say nothing."""

from hw4.config import Config, SampleConfig
from hw4.config.model import NetworkConfig
from hw4.config.stages import DEMO
from hw4.models.registry import choices

TOYS = {
    "tiny": "a small network that was trained on generated scenes alone",
    "random": "a small network that was not trained at all",
}


def doubt_of_weights(config: Config) -> str | None:
    """What must be said of a run whose model has toy weights and sees photographs; else None.

    A task that does not read the model is none of its business: the caller asks for those that do.
    """
    toy = TOYS.get(str(getattr(config.model, "weights", None)))
    own_photos = config.task == DEMO and config.demo.images is not None
    if toy is None or (isinstance(config.data, SampleConfig) and not own_photos):
        return None
    without = choices(lambda spec: not issubclass(spec.config, NetworkConfig))
    return (
        f"model.weights={config.model.weights} is {toy}: what it says of photographs means nothing. "  # type: ignore[attr-defined]
        f"Use model.weights=official or a file{f'; {without} needs none' if without else ''}."
    )
