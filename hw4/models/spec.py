"""What the rest of the project knows about a model."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from hw4.config.model import ModelConfig
from hw4.models.wheel import Wheel

if TYPE_CHECKING:
    from hw4.models.base import ReconstructionModel
    from hw4.models.network.training import Trainable
    from hw4.models.network.weights import KnownWeights


@dataclass(frozen=True)
class ModelLabels:
    """What a run says about its model before building it.

    Attributes:
        weights: for tables: ``tiny``, ``official``, ``random weights``, ``none``, or a file or hub name.
        fingerprint: identifies the weights' content, for cache addresses; empty for a model without.
    """

    weights: str
    fingerprint: str


@dataclass(frozen=True)
class ModelSpec:
    """A row of the registry: ``SPEC`` in ``hw4/models/<name>/spec.py``, or what an entry point names.

    The module of a spec is imported with every command: what is slow to import is imported by the
    functions when they are called.

    Attributes:
        name: what `model=` takes; also the default of `name` in `config`.
        title: the proper name, for sentences.
        config: dataclass of its keys.
        build: the model of a configuration, with its weights loaded. Raises UserError where it cannot be.
        labels: label and fingerprint of the weights that `build` would load; loads nothing large.
        trainable: how its small network is trained by `task=pretrain`; None: there is nothing to train.
            Its configuration is then a `hw4.config.model.NetworkConfig`.
        dense: whether it gives points and depth for every pixel.
        headline: its place among the models that a report is to compare; None: it is no such model.
        weights: its weights that have names, for what `hw4 doctor` says; None: it has none.
        wheels: those that have the packages of its authors, where they are not installed.
    """

    name: str
    title: str
    config: type[ModelConfig]
    build: "Callable[[Any], ReconstructionModel]"
    labels: Callable[[Any], ModelLabels] = lambda config: ModelLabels("none", "")
    trainable: "Callable[[], Trainable] | None" = None
    dense: bool = False
    headline: int | None = None
    weights: "Callable[[], KnownWeights] | None" = None
    wheels: tuple[Wheel, ...] = ()

    def __post_init__(self) -> None:
        if not issubclass(self.config, ModelConfig):
            raise TypeError(f"{self.config.__name__} is no hw4.config.model.ModelConfig")
        defaults = {item.name: item.default for item in fields(self.config)}
        if defaults["name"] != self.name:
            raise ValueError(f"{self.config.__name__}.name must have the default {self.name!r}")
