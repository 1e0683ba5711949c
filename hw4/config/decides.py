"""Which part of the configuration a stage reads and what it decides, as the fields and the rows say."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from hw4.config.fields import Decides, Leaf, deciding, leaves
from hw4.config.root import Config, config_type
from hw4.config.stages import OWN_NAMES, POSE, PRETRAIN, SPLAT, Stage, provides_need, selected, stages
from hw4.core.fingerprint import digest

# Raised when a change of code changes what a stage computes, so that old cached results are not reused.
CACHE_VERSION = 5

# Whether a stage that reads the model only where it is needed needs it; the answer lies in the data's files.
UsesModel = Callable[[Config], bool]


def provides(config: Config, need: str | None) -> bool:
    """Whether the data source has what a stage needs."""
    return need is None or provides_need(config.data.provides, need)


def reads(config: Config, key: str, uses_model: UsesModel) -> bool:
    """Whether any selected stage of this run reads a config key (`splat.lr`) or group (`model`)."""
    group = key.split(".")[0]
    if group in ("task", "experiment", "hydra", "name"):
        return True
    return any(stage_reads(stage, config, key, uses_model) for stage in selected(config))


def stage_reads(stage: str, config: Config, key: str, uses_model: UsesModel) -> bool:
    """Whether one stage of this run reads a config key (`splat.lr`) or group (`model`).

    A group that is chosen by name is read where its name is, any other one where any key of it is.
    """
    found = [leaf for leaf in leaves(config) if f"{leaf.key}.".startswith(f"{key}.")]
    chosen = [leaf for leaf in found if leaf.key == f"{key}.name"]
    return any(_reads(stages()[stage], config, leaf, uses_model) for leaf in chosen or found)


def stage_values(stage: str, config: Config, uses_model: UsesModel, *decides: Decides) -> dict[str, Any]:
    """The values that a stage of this run reads and that decide so much, by dotted name."""
    row = stages()[stage]
    return {
        leaf.key: leaf.value
        for leaf in leaves(config)
        if leaf.decides in decides and _reads(row, config, leaf, uses_model)
    }


def read_values(config: Config, uses_model: UsesModel) -> dict[str, Any]:
    """The values that any selected stage of this run reads, by dotted name."""
    table = [stages()[stage] for stage in selected(config)]
    asked = cache(lambda: uses_model(config))
    return {
        leaf.key: leaf.value
        for leaf in leaves(config)
        if any(_reads(row, config, leaf, lambda _: asked()) for row in table)
    }


def _reads(row: Stage, config: Config, leaf: Leaf, uses_model: UsesModel) -> bool:
    if not provides(config, row.needs) or not row.names(config, leaf.key):
        return False
    for known in leaf.known:
        if known.stages is not None and row.name in OWN_NAMES and row.name not in known.stages:
            return False
        if known.read_if is not None and not known.read_if(config, row.name):
            return False
    of_model = leaf.key.startswith("model.")
    return not (of_model and row.model_if_needed) or uses_model(config)


def decides(config: Config, key: str) -> Decides:
    """How far a change of a key reaches; ``result`` for one that this configuration does not have."""
    return next((leaf.decides for leaf in leaves(config) if leaf.key == key), "result")


def replicate_keys(config: Config) -> set[str]:
    """The keys of a configuration that repeat a setting instead of making another: its seeds."""
    return {leaf.key for leaf in leaves(config) if leaf.is_replicate}


@cache
def tells_runs_apart(key: str) -> bool:
    """Whether two runs that differ in a key differ in what they are, not only in where they are kept."""
    config = config_type()()
    computing = (row for row in stages().values() if row.computes)
    return decides(config, key) != "nothing" or any(row.names(config, key) for row in computing)


def field_names(node: type, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys of a config dataclass."""
    hints = get_type_hints(node)
    for item in fields(node):
        name = f"{prefix}{item.name}"
        yield name
        kind = hints[item.name]
        if is_dataclass(kind) and isinstance(kind, type):
            yield from field_names(kind, f"{name}.")


def known_keys(**options: Mapping[str, type]) -> list[str]:
    """Every key that some choice of groups has.

    Args:
        options: for a group whose options differ in their keys, the config class of each option.
    """
    keys = {*field_names(config_type()), "experiment"}
    for group, nodes in options.items():
        for node in nodes.values():
            keys |= set(field_names(node, f"{group}."))
    return sorted(keys)


def _address(stage: str, **parts: Any) -> str:
    return digest({"stage": stage, "version": CACHE_VERSION, **parts})


def pose_address(config: Config, weights_fingerprint: str) -> str:
    """Folder name of the pose stage's cache: a hash of what decides a prediction, besides the photos.

    Each sample's files are checked separately (`hw4.pose.from_model.inputs_digests`). A candidate is told by
    its files as well: every way of picking shares the predictions.
    """
    values = stage_values(POSE, config, lambda _: True, "result")
    return _address(POSE, values=_with_weights(values, weights_fingerprint))


def pretrain_address(config: Config) -> str:
    """Folder name of a training in the cache: a hash of what decides its weights."""
    return _address(PRETRAIN, model=config.model.name, recipe=deciding(config.pretrain))


def model_address(config: Config, weights_fingerprint: str) -> str:
    """Folder name of a model's cached reconstructions: a hash of its configuration and weights."""
    values = {f"model.{key}": value for key, value in deciding(config.model).items()}
    return _address("reconstruction", values=_with_weights(values, weights_fingerprint))


def splat_address(config: Config, weights_fingerprint: str, files: Any, uses_model: bool) -> str:
    """Folder name of the splat stage's cache: a hash of the config part that training reads.

    Args:
        config: the run's configuration.
        weights_fingerprint: of the model's weights, where the Gaussians start from a model.
        files: whatever identifies the scene's training files, JSON-serialisable.
        uses_model: whether they do.
    """
    values = stage_values(SPLAT, config, lambda _: uses_model, "result")
    return _address(SPLAT, values=_with_weights(values, weights_fingerprint), files=files)


def scores_address(config: Config, files: Any) -> str:
    """Folder name of what is made of trained Gaussians: scores on test photos (`files`), and pictures."""
    values = stage_values(SPLAT, config, lambda _: False, "score", "output")
    return _address("scores", values=values, files=files)


def _with_weights(values: dict[str, Any], fingerprint: str) -> dict[str, Any]:
    """Weights are told by their content, not by the name that they were asked for under."""
    told = fingerprint or "model.weights" in values
    return {**values, "model.weights": fingerprint} if told else values
