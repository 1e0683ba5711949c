"""Reading weight files without running code that they carry."""

import argparse
import logging
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from hw4.core.durable import parse_json
from hw4.core.errors import UserError
from hw4.models.network.checkpoint_layouts import Place, find_networks, tensor_dicts
from hw4.models.network.weights import SUFFIXES

log = logging.getLogger(__name__)


def read_checkpoint(
    path: Path, title: str, mark: str
) -> tuple[dict[str, torch.Tensor], dict[str, Any] | str | None]:
    """Weights of a file, and what it says about their network: arguments, a constructor call, or nothing.

    ``.safetensors`` holds weights alone; arguments may stand in a ``config.json`` beside it (the hub's
    layout). The others are read with torch's restricted unpickler, which admits tensors, plain containers and
    the `argparse.Namespace` of some official files; the constructor call in it is handed on as text, for the
    model to parse. Training programs put weights into dictionaries and before their names what wraps the
    network: both are found, and said.

    Args:
        path: the file.
        title: the model's name in sentences.
        mark: the name of a weight that each network of this model has, and no other.

    Raises:
        UserError: unknown suffix, truncated or foreign file, one that holds other Python objects or NaN, no
            network of this model, or several of them.
    """
    if path.suffix == ".safetensors":
        try:
            content: Any = load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        return _network(path, content, title, mark), _read_config_json(path.with_name("config.json"))
    if path.suffix not in SUFFIXES:
        raise UserError(f"weights {path}: unknown kind of file; give one of {', '.join(SUFFIXES)}.")
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Torch's own text advises to read the file with the loader that runs its code.
        asked = re.search(
            r"(?:Unsupported global: GLOBAL|Trying to call reduce for unrecognized function) (\S+)",
            str(error),
        )
        detail = f" (it asks for {asked[1]})" if asked else ""
        raise UserError(
            f"weights {path} are refused: the file is damaged or holds Python objects other than tensors, "
            f"which could run code{detail}; save the network's state_dict() alone where it was trained, or "
            "get the file from its official source."
        ) from error
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to ask for
        raise _unreadable(path, error) from error
    call = getattr(content.get("args"), "model", None) if isinstance(content, Mapping) else None
    return _network(path, content, title, mark), call if isinstance(call, str) else None


def _network(path: Path, content: Any, title: str, mark: str) -> dict[str, torch.Tensor]:
    """The weights of the one network in a file's content; a moving average of it only where it is alone."""
    if not isinstance(content, Mapping):
        raise UserError(
            f"cannot read weights {path}: it holds a {type(content).__name__} instead of a dictionary of "
            "tensors; save the network's state_dict()."
        )
    found = find_networks(content, mark)
    plain = [place for place in found if not place.is_averaged]
    candidates = plain or found
    if not candidates:
        tensors = [name for _, tensors in tensor_dicts(content) for name in tensors]
        if not tensors:
            raise UserError(
                f"cannot read weights {path}: it holds no dictionary of tensors; save the network's "
                "state_dict()."
            )
        raise UserError(
            f"weights {path} are not {title}'s: none of the {len(tensors)} tensors (such as "
            f"{', '.join(sorted(tensors)[:2])}) is named {mark}; give another file or another model."
        )
    if len(candidates) > 1:
        names = ", ".join(map(str, candidates))
        raise UserError(
            f"weights {path} hold {len(candidates)} networks ({names}); save the state_dict() of the one "
            "that you mean alone."
        )
    (place,) = candidates
    _say(path, place, [other for other in found if other is not place])
    return _finite(path, place.weights)


def _say(path: Path, place: Place, others: list[Place]) -> None:
    """Tell what was chosen, unless there was no choice: the file itself, or its ``model``."""
    words = []
    if place.left_out:
        words.append(f"{len(place.left_out)} other tensors (such as {place.left_out[0]}) are left out")
    if others:
        words.append(f"the averaged {', '.join(map(str, others))} is left out")
    if words or place.prefix or place.keys not in ((), ("model",)):
        log.warning("The weights of %s are %s.", path, "; ".join([f"those of {place}", *words]))


def _finite(path: Path, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    for name, value in weights.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise UserError(
                f"weights {path} hold NaN or infinity (in {name}): every prediction would be NaN; train or "
                "download them again."
            )
    return weights


def _read_config_json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = parse_json(path.read_text())
        if not isinstance(content, dict):
            raise ValueError("it holds no JSON object")
    except (OSError, ValueError) as error:
        raise UserError(
            f"cannot read {path}, which describes the weights beside it ({first_line(error)}); download it "
            "again, or remove it to take the network's sizes from the weights."
        ) from error
    return {key: _plain(value) for key, value in content.items()}


def _plain(value: Any) -> Any:
    """JSON's lists as tuples, and infinities that were written as text as numbers."""
    if isinstance(value, list):
        return tuple(_plain(item) for item in value)
    if value in ("inf", "Infinity", "-inf", "-Infinity"):
        return float(value)
    return value


def first_line(error: Exception) -> str:
    """What an error says first, for use within a sentence."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _unreadable(path: Path, error: Exception) -> UserError:
    if isinstance(error, FileNotFoundError):
        return UserError(f"weights {path} do not exist.")
    if isinstance(error, OSError) and error.strerror:
        return UserError(f"cannot read weights {path}: {error.strerror}; let the file be read.")
    return UserError(
        f"cannot read weights {path} ({first_line(error)}); the file is damaged or not what its name says: "
        "download it again."
    )
