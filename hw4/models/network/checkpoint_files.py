"""Reading weight files without running code that they carry."""

import argparse
import json
import pickle
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from hw4.core.errors import UserError

SUFFIXES = (".safetensors", ".pt", ".pth")


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any] | str | None]:
    """Weights of a file, and what it says about their network: arguments, a constructor call, or nothing.

    ``.safetensors`` holds weights alone; arguments may stand in a ``config.json`` beside it (the hub's
    layout). ``.pt`` and ``.pth`` are read with torch's restricted unpickler, which admits tensors, plain
    containers and the `argparse.Namespace` of some official files; the constructor call in it is handed on as
    text, for the model to parse.

    Raises:
        UserError: unknown suffix, truncated or foreign file, or one that holds other Python objects or NaN.
    """
    if path.suffix == ".safetensors":
        try:
            weights = load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        return _finite(path, weights), _read_config_json(path.with_name("config.json"))
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
            f"which could run code{detail}; get it from its official source."
        ) from error
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to ask for
        raise _unreadable(path, error) from error
    if not isinstance(content, dict):
        raise _unreadable(path, TypeError(f"it holds a {type(content).__name__}, not a dict of weights"))
    call = getattr(content.get("args"), "model", None)
    for key in ("model", "state_dict"):
        if isinstance(content.get(key), dict):
            content = content[key]
            break
    if not content or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise _unreadable(path, TypeError("it holds no dict of tensors"))
    return _finite(path, content), call if isinstance(call, str) else None


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
        content = json.loads(path.read_text())
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
