"""Hydra composes once what it would for every check, again for the run and for each value of a sweep."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hydra._internal.hydra as hydra_internal
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.utils import JobRuntime
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

# A composed configuration takes some megabytes.
MAX_KEPT = 256
NAME = "hydra.job.name"
# What the command line adds to the user's: values that decide nothing else.
PLAIN = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweeper.", "hydra.mode")


@dataclass(frozen=True)
class _Kept:
    """A composed configuration, its overrides of ``hydra``, the others, and whether it names the program."""

    composed: DictConfig
    hydra_lines: tuple[str, ...]
    lines: tuple[str, ...]
    is_named: bool


@contextmanager
def composed_once() -> Iterator[None]:
    """While it is entered, what was composed is handed out again, as a copy, in this process.

    What the command line adds, the folder and such, and single values may differ: they are applied to the
    copy. Where another group, list or new key is chosen, Hydra composes.
    """
    kept: dict[tuple[Any, ...], _Kept] = {}
    # The first of those that differ in values of the same keys.
    alike: dict[tuple[Any, ...], _Kept] = {}

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
            lines = tuple(line for line in overrides if not _is_of_hydra(line))
            # Groups come before values, wherever they stand.
            values = [line for line in lines if not _is_choice(line, self.repository.group_exists)]
            shape = (run_mode, config_name, *(_key(line) if line in values else line for line in lines))
            # What composes for a run does so for a sweep, which may have more left open.
            same = [kept.get((mode, config_name, *lines)) for mode in (run_mode, RunMode.RUN)]
            for one in filter(None, (*same, alike.get(shape))):
                found = _adapted(one, lines, hydra_lines, [_key(line) for line in values])
                if found is not None:
                    return found
            composed = super().load_configuration(
                config_name, overrides, run_mode, from_shell, validate_sweep_overrides
            )
            if len(kept) < MAX_KEPT:
                is_named = NAME in map(_key, hydra_lines) or composed.hydra.job.name != _program()
                made = _Kept(copy.deepcopy(composed), hydra_lines, lines, is_named)
                kept[(run_mode, config_name, *lines)] = made
                alike.setdefault(shape, made)
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


def _is_choice(line: str, is_group: Callable[[str], bool]) -> bool:
    """Whether an override chooses a group's option, where others set, add or remove values."""
    return is_group(_key(line).split("@")[0]) and not line.partition("=")[2].startswith("{")


def _adapted(
    kept: _Kept, lines: Sequence[str], hydra_lines: Sequence[str], keys: Sequence[str]
) -> DictConfig | None:
    """A copy with other values of the same keys and further overrides of ``hydra``.

    None where it takes more than to set values. `keys` are those that any override sets, adds or removes.
    """
    if tuple(hydra_lines[: len(kept.hydra_lines)]) != kept.hydra_lines:
        return None
    parser = OverridesParser.create()
    try:
        more = parser.parse_overrides(list(hydra_lines[len(kept.hydra_lines) :]))
        if not all(one.type == OverrideType.CHANGE and one.key_or_group.startswith(PLAIN) for one in more):
            return None
        changed = [pair for pair in zip(kept.lines, lines, strict=True) if pair[0] != pair[1]]
        before, after = (parser.parse_overrides([pair[side] for pair in changed]) for side in (0, 1))
        if not all(map(_is_plain, (*before, *after))):
            return None
        if any(_decided_again(one.key_or_group, keys) for one in after):
            return None
        composed = copy.deepcopy(kept.composed)
        ConfigLoaderImpl._apply_overrides_to_config([*after, *more], composed)
        if changed:
            job, named = composed.hydra.job, parser.parse_overrides(list(lines))
            composed.hydra.overrides.task = list(lines)
            job.override_dirname = get_overrides_dirname(overrides=named, **job.config.override_dirname)
    except (HydraException, OmegaConfBaseException):
        # Hydra says what is wrong as it always does.
        return None
    if not kept.is_named:
        composed.hydra.job.name = _program()
    composed.hydra.overrides.hydra.extend([one.input_line for one in more])
    return composed


def _is_plain(override: Override) -> bool:
    """Whether it sets an existing key to one value."""
    if override.type != OverrideType.CHANGE or override.package is not None or override.is_sweep_override():
        return False
    return isinstance(override.value(), str | int | float | None)


def _decided_again(key: str, keys: Sequence[str]) -> bool:
    """Whether another override decides this key too, or a part of it."""
    return sum(f"{one}.".startswith(f"{key}.") or f"{key}.".startswith(f"{one}.") for one in keys) > 1
