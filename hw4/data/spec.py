"""What the rest of the project knows about a data set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hw4.config import DataConfig


@dataclass(frozen=True)
class DataSpec:
    """A row of the registry: one of `hw4.data.registry.OWN`, or what an entry point of another package names.

    The module of a spec is imported with every command. What is slow to import is therefore named:
    ``package.module:function`` is imported when it is needed, and given the configuration.

    Attributes:
        name: what `data=` takes; also the default of `name` in `config`.
        config: dataclass of its keys.
        reads: gives, or names what gives, the data set's folder, then the files and folders that a run reads,
            absolute or below it: a finished job is done again when their content changes. A folder stands for
            all that is in it, as the data set's does where it is named alone; nothing at all stands for data
            that `config` decides.
        pairs: names what gives the `hw4.data.pairs.source.PairSource`, or UserError where there is none.
        scene: names what gives the scene's `hw4.data.scenes.files.SceneFiles`, or UserError.
        views: names what gives the `hw4.data.views.scene.SceneViews` of its scenes, or UserError.
        photos: names what gives the folder of the scene's photos; None: ``images/`` in the scene's folder, or
            that itself.
        has_points: whether the scene comes with cameras and points; None: its files tell.
        check: names what raises ConfigError where a value cannot be used, beyond what `config` checks.
    """

    name: str
    config: type[DataConfig]
    reads: Callable[[Any], Sequence[Path]] | str
    pairs: str | None = None
    scene: str | None = None
    views: str | None = None
    photos: str | None = None
    has_points: bool | None = None
    check: str | None = None

    def __post_init__(self) -> None:
        defaults = {item.name: item.default for item in fields(self.config)}
        if defaults["name"] != self.name:
            raise ValueError(f"{self.config.__name__}.name must have the default {self.name!r}")
        there = {"pairs": self.pairs, "scene": self.scene, "views": self.views}
        found = {what for what, loader in there.items() if loader is not None}
        if found != set(self.config.provides):
            raise ValueError(
                f"{self.config.__name__}.provides must be {sorted(found)}, as the spec's loaders"
            )
