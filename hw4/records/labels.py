"""What runs are called: by the values in which they differ, as people gave them."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

from omegaconf import OmegaConf

from hw4.config.decides import tells_runs_apart
from hw4.config.stages import SCORE
from hw4.records.configs import flatten
from hw4.records.files import HYDRA_FOLDER
from hw4.records.run import Run

MODEL, INPUT = "model", "input"
# More values than this tell a reader less than the job's name.
MAX_PARTS = 4
# What a command line says of where and how to run, and of the name, which stands for itself.
_NOT_SETTINGS = ("hydra", "name")
# The same choice on the command line and in the configuration.
_GROUPS = {"model.name": MODEL, "input.name": INPUT, "data.name": "data"}


def given(run: Run) -> dict[str, str] | None:
    """Key -> value of what the command line gave to a run, in its order; None where that is lost."""
    try:
        words = OmegaConf.to_container(
            OmegaConf.load(run.folder / HYDRA_FOLDER / "overrides.yaml"), resolve=False
        )
    except Exception:
        return None
    if not isinstance(words, list):
        return None
    pairs = (str(word).lstrip("+").partition("=") for word in words if "=" in str(word))
    return {key: value for key, _, value in pairs}


def settings(
    runs: Sequence[Run], left_out: Callable[[str], bool] = lambda key: False
) -> tuple[list[str], list[dict[str, str]]]:
    """The keys in which runs differ, and each run's values of them.

    A recipe or an experiment that was given by its name is one key, whatever it sets; where any run's command
    line is lost, the keys are those of the configurations.

    Args:
        runs: at least one.
        left_out: keys that are none, such as those of replicates.
    """
    typed = [given(run) for run in runs]
    known = [own for own in typed if own is not None]
    if len(known) == len(runs):
        return _differing(known, left_out)
    return _differing([_said(run) for run in runs], left_out)


def _said(run: Run) -> dict[str, str]:
    """The whole configuration, as a command line would give it."""
    return {
        _GROUPS.get(key, key): "null" if value is None else str(value)
        for key, value in flatten(run.config).items()
    }


def _differing(
    given_to: Sequence[dict[str, str]], left_out: Callable[[str], bool]
) -> tuple[list[str], list[dict[str, str]]]:
    every = list(dict.fromkeys(key for own in given_to for key in own))
    keys = []
    for key in every:
        if key.split(".")[0] in _NOT_SETTINGS or left_out(key) or not tells_runs_apart(key):
            continue
        # What only some runs have follows from another choice, unless it differs among them.
        values = {own[key] for own in given_to if key in own}
        if len(values) > 1:
            keys.append(key)
    return keys, [{key: own[key] for key in keys if key in own} for own in given_to]


def short(keys: Sequence[str]) -> dict[str, str]:
    """The last word of each key, or all of it where two end alike."""
    ends = {key: key.replace("/", ".").split(".")[-1] for key in keys}
    times = Counter(ends.values())
    return {key: end if times[end] == 1 else key for key, end in ends.items()}


def labels(
    runs: Sequence[Run], left_out: Callable[[str], bool] = lambda key: False, of_pose: bool = True
) -> list[str]:
    """A name for each run that tells it from the others; what is left alike is told apart by the job.

    Args:
        runs: any number.
        left_out: as `settings` has it.
        of_pose: name model and input of a run that has pose results, where either tells runs apart.
    """
    if not runs:
        return []
    keys, values = settings(runs, left_out)
    ends = short(keys)
    named = Counter(run.option("name") for run in runs)
    found = [_label(run, own, ends, named, of_pose) for run, own in zip(runs, values, strict=True)]
    times = Counter(found)
    return [
        label if times[label] == 1 else f"{label} ({run.name})"
        for run, label in zip(runs, found, strict=True)
    ]


def _label(run: Run, own: dict[str, str], ends: dict[str, str], named: Counter[Any], of_pose: bool) -> str:
    name = run.option("name")
    if name and named[name] == 1:
        return str(name)
    # The label of an input says how its frames are used; a key that is not set says nothing.
    of_model = {key for key in own if key in (MODEL, INPUT, f"{INPUT}.selection")}
    told = {key: value for key, value in own.items() if key not in of_model and value != "null"}
    if len(told) > MAX_PARTS:
        told = {}
    rest = [f"{ends[key]}={_short_value(value)}" for key, value in told.items()]
    if name:
        # An experiment is what gave the name.
        parts = [str(name), *(own[key] for key in own if key == MODEL), *_without(rest, "experiment=")]
    elif of_pose and run.pose is not None and run.option("task") == SCORE:
        parts = [run.pose.weights, *rest]
    elif of_pose and run.pose is not None and (of_model or not rest):
        parts = [run.pose.model or str(run.option("model.name")), run.input_label, *rest]
    else:
        parts = [*(own[key] for key in own if key in of_model), *rest]
    return ", ".join(parts) or run.name


def _short_value(value: str) -> str:
    """A path by its last part."""
    return PurePath(value).name if value.startswith("/") else value


def _without(parts: Sequence[str], start: str) -> list[str]:
    return [part for part in parts if not part.startswith(start)]


def set_labels(runs: Sequence[Run]) -> None:
    """Give each run its `label`."""
    for run, label in zip(runs, labels(runs), strict=True):
        run.label = label
