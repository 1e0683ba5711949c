"""Which weights a configuration means: where they lie, what tables call them, what identifies them."""

import hashlib
import logging
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from hw4.config.model import NetworkConfig
from hw4.core.errors import UserError, causes
from hw4.core.fingerprint import digest, file_digest
from hw4.models.spec import ModelLabels

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")


@dataclass(frozen=True)
class KnownWeights:
    """The weights that a model has by name.

    Attributes:
        official: hub name of its authors' weights (`model.weights=official`).
        license: a sentence where their licence limits their use, or None.
        licensed: hub names that this licence holds for; ``*`` stands for anything.
        tiny: the file of `model.weights=tiny`; None: no small network was trained.
        recipe: source of the small network, which `model.weights=random` initialises and is known by.
        sized_by_config: whether a ``config.json`` beside a file decides which network it fits.
    """

    official: str
    license: str | None
    licensed: tuple[str, ...]
    tiny: Path | None
    recipe: Path
    sized_by_config: bool = False


@dataclass(frozen=True)
class WeightsSource:
    """Weights that exist.

    Attributes:
        path: the file; None for random weights.
        label: ``random weights``, ``tiny``, ``official``, a hub name, or a file's name.
        license: a sentence where the weights' licence limits their use, or None.
    """

    path: Path | None
    label: str
    license: str | None = None


def weights_label(config: NetworkConfig) -> str:
    """What tables say about the weights; looks nothing up."""
    if config.weights == "random":
        return "random weights"
    if config.weights in ("tiny", "official") or _is_hub_name(config.weights):
        return config.weights
    return Path(config.weights).name


def find_weights(config: NetworkConfig, known: KnownWeights) -> WeightsSource:
    """Resolve `config.weights`; weights on the hub are downloaded on first use, by huggingface_hub.

    Raises:
        UserError: no such file, an unreadable one, or the hub cannot be reached and has not been before.
    """
    label = weights_label(config)
    if config.weights == "random":
        return WeightsSource(None, label)
    if config.weights == "tiny":
        if known.tiny is None:
            raise UserError(
                f"model={config.name} has no small trained network (model.weights=tiny); use "
                "model.weights=official, a file, or model.weights=random to check the plumbing."
            )
        if not known.tiny.is_file():
            raise UserError(
                f"the small network's weights {known.tiny} are not there; make them with `python -m hw4 "
                f"task=pretrain model={config.name}`, or use model.weights=random or model.weights=official."
            )
        return WeightsSource(known.tiny, label)
    if config.weights == "official":
        return WeightsSource(_fetch(known.official, known), label, known.license)
    local = _local_file(Path(config.weights).expanduser())
    if local is not None:
        return WeightsSource(local, label)
    if _is_hub_name(config.weights):
        limited = any(fnmatchcase(config.weights, name) for name in known.licensed)
        return WeightsSource(_fetch(config.weights, known), label, known.license if limited else None)
    raise UserError(
        f"model.weights={config.weights} does not exist; give tiny, official, random, a hub name "
        f"owner/name, or a file ({', '.join(SUFFIXES)})."
    )


def _local_file(path: Path) -> Path | None:
    """The file, or the folder's ``model.safetensors`` or only weights file; None: there is neither."""
    try:
        if not path.is_dir():
            return path if path.is_file() else None
        found = sorted(f for f in path.iterdir() if f.suffix in SUFFIXES)
    except OSError as error:
        raise UserError(f"cannot read model.weights={path}: {error.strerror}.") from error
    named = path / "model.safetensors"
    if named in found:
        return named
    if len(found) != 1:
        raise UserError(f"model.weights={path} is a folder with {len(found)} weight files; name the file.")
    return found[0]


def weights_fingerprint(config: NetworkConfig, known: KnownWeights) -> str:
    """Identifies the weights' content: equal fingerprints, equal network.

    The ``config.json`` beside a ``.safetensors`` file counts where it decides what network the weights are
    put into.

    Raises:
        UserError: as `find_weights`.
    """
    source = find_weights(config, known)
    if source.path is None:
        recipe = Path(__file__).with_name("tiny.py").read_bytes() + known.recipe.read_bytes()
        return f"random-{config.seed}-{hashlib.sha256(recipe).hexdigest()[:16]}"
    content = file_digest(source.path, "weights")
    description = source.path.with_name("config.json")
    if known.sized_by_config and source.path.suffix == ".safetensors" and description.is_file():
        return digest([content, file_digest(description, "the weights' description")])
    return content


def network_labels(config: NetworkConfig, known: KnownWeights) -> ModelLabels:
    """What a run says about a network before building it.

    Raises:
        UserError: as `find_weights`.
    """
    return ModelLabels(weights_label(config), weights_fingerprint(config, known))


def _is_hub_name(weights: str) -> bool:
    local = Path(weights).suffix in SUFFIXES or weights.startswith((".", "~", "/"))
    return not local and HUB_NAME.fullmatch(weights) is not None


def _fetch(repo: str, known: KnownWeights) -> Path:
    """The weights file of a hub repository, downloaded beside its ``config.json``; the cached one if any."""
    from huggingface_hub.utils import logging as hub_logging

    verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity_error()
    filename = "model.safetensors"
    try:
        cached = cached_on_hub(repo)
        if cached is not None:
            return cached
        filename = _weights_name(repo)
        return _download(repo, filename)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the weights {repo} cannot be fetched from the hub ({_cause(error)}); download {filename} from "
            f"https://huggingface.co/{repo} elsewhere, put it on this machine and give "
            f"model.weights=/path/to/{filename} - or use model.weights={'tiny' if known.tiny else 'random'}."
        ) from error
    finally:
        hub_logging.set_verbosity(verbosity)


def cached_on_hub(repo: str) -> Path | None:
    """The one weights file of the repository's snapshot in the hub's cache, without asking the network."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(huggingface_hub.snapshot_download(repo, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    found = {path.name: path for path in folder.iterdir() if path.suffix in SUFFIXES}
    only = next(iter(found.values())) if len(found) == 1 else None
    return found.get("model.safetensors", only)


def _weights_name(repo: str) -> str:
    import huggingface_hub

    names = [name for name in huggingface_hub.list_repo_files(repo) if Path(name).suffix in SUFFIXES]
    if "model.safetensors" in names:
        return "model.safetensors"
    if len(names) != 1:
        raise UserError(
            f"{repo} on the hub has {len(names)} weight files; download the one you mean and give "
            "model.weights=/path/to/it."
        )
    return names[0]


def _download(repo: str, filename: str) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    try:
        huggingface_hub.hf_hub_download(repo, "config.json")
    except EntryNotFoundError:
        log.info("%s has no config.json; the network's sizes are taken from the weights.", repo)
    return Path(huggingface_hub.hf_hub_download(repo, filename))


def _cause(error: BaseException) -> str:
    """The innermost cause's first line: the hub's client wraps `no network` in several layers."""
    *_, error = causes(error)
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
