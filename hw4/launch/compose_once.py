"""Hydra composes each configuration once, where it would do so for every check and again for the run."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hydra._internal.hydra as hydra_internal
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType
from hydra.core.utils import JobRuntime
from hydra.types import RunMode
from omegaconf import DictConfig

# A composed configuration takes some megabytes.
MAX_KEPT = 256
NAME = "hydra.job.name"
# What the command line adds to the user's: values that decide nothing else.
PLAIN = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweeper.", "hydra.mode")


@dataclass(frozen=True)
class _Kept:
    """A composed configuration, its overrides of ``hydra``, and whether it names the program itself."""

    composed: DictConfig
    hydra_lines: tuple[str, ...]
    is_named: bool


@contextmanager
def composed_once() -> Iterator[None]:
    """While it is entered, what was composed is handed out again, as a copy, in this process.

    Only what the command line adds, the folder and such, may differ: it is applied to the copy.
    """
    kept: dict[tuple[Any, ...], _Kept] = {}

    class Loader(ConfigLoaderImpl):
        def load_configuration(
            self,
            config_name: str | None,
            overrides: list[str],
            run_mode: RunMode,
            from_shell: bool = True,
            validate_sweep_overrides: bool = True,
        ) -> DictConfig:
            hydra_lines = tuple(line for line in overrides if _is_of_hydra(line))
            rest = (config_name, *(line for line in overrides if not _is_of_hydra(line)))
            # What composes for a run does so for a sweep, which may have more left open.
            for mode in dict.fromkeys((run_mode, RunMode.RUN)):
                found = _adapted(kept.get((mode, *rest)), hydra_lines)
                if found is not None:
                    return found
            composed = super().load_configuration(
                config_name, overrides, run_mode, from_shell, validate_sweep_overrides
            )
            if len(kept) < MAX_KEPT:
                is_named = NAME in map(_key, hydra_lines) or composed.hydra.job.name != _program()
                kept[(run_mode, *rest)] = _Kept(copy.deepcopy(composed), hydra_lines, is_named)
            return composed

        def __reduce__(self) -> Any:
            # Another process composes for itself.
            return _hydras_own, (self.__dict__,)

    # The plugins and both ways into Hydra take it from there.
    before = hydra_internal.ConfigLoaderImpl
    hydra_internal.ConfigLoaderImpl = Loader  # type: ignore[misc]
    try:
        yield
    finally:
        hydra_internal.ConfigLoaderImpl = before  # type: ignore[misc]


def _hydras_own(state: dict[str, Any]) -> ConfigLoaderImpl:
    loader = ConfigLoaderImpl.__new__(ConfigLoaderImpl)
    loader.__dict__ = state
    return loader


def _key(line: str) -> str:
    return line.split("=")[0].lstrip("+~")


def _is_of_hydra(line: str) -> bool:
    return _key(line).startswith(("hydra.", "hydra/"))


def _program() -> str:
    return str(JobRuntime.instance().get("name"))


def _adapted(kept: _Kept | None, hydra_lines: Sequence[str]) -> DictConfig | None:
    """A copy with the further overrides of ``hydra``; None where it is not made by them alone."""
    if kept is None or tuple(hydra_lines[: len(kept.hydra_lines)]) != kept.hydra_lines:
        return None
    more = OverridesParser.create().parse_overrides(list(hydra_lines[len(kept.hydra_lines) :]))
    if not all(one.type == OverrideType.CHANGE and one.key_or_group.startswith(PLAIN) for one in more):
        return None
    composed = copy.deepcopy(kept.composed)
    if not kept.is_named:
        composed.hydra.job.name = _program()
    ConfigLoaderImpl._apply_overrides_to_config(more, composed)
    composed.hydra.overrides.hydra.extend([one.input_line for one in more])
    return composed
