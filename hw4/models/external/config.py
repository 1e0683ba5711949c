"""`model=external`: the keys of a program that serves as a model."""

from dataclasses import dataclass
from pathlib import Path

from hw4.config.fields import MAX_SEED, key
from hw4.config.model import ModelConfig

# OmegaConf's word for a value that must be given.
MISSING = "???"


@dataclass
class ExternalConfig(ModelConfig):
    """Any program as a model, started once; `docs/external.md` has the protocol.

    `command`: the words that start it, as in ``[/envs/mine/bin/python,serve.py]``; no shell reads them.
    `timeout`: seconds that one scene may take. `start_timeout`: seconds from the start until the program says
    that its model is loaded. `seed` is given with each scene.
    """

    name: str = "external"
    command: list[str] = key(
        MISSING,
        valid=lambda words: words != MISSING and bool(words),
        otherwise="starts nothing: give the words, as in model.command=[python,serve.py]",
    )
    timeout: float = key(600.0, low=0, low_open=True, decides="nothing")
    start_timeout: float = key(600.0, low=0, low_open=True, decides="nothing")
    seed: int = key(0, low=0, high=MAX_SEED, replicate=True)

    def files(self) -> list[Path]:
        """The words of the command that are files."""
        paths = (Path(word).expanduser() for word in self.command)
        return [path for path in paths if path.is_file()]
