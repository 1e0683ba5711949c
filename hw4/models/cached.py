"""Reconstructions kept on disk, so that a sweep over a splat key runs its model once."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from hw4.config import Config
from hw4.config.decides import model_address
from hw4.core.cache import using
from hw4.core.durable import exclusive, jsonable, parse_json, write_bytes
from hw4.core.fingerprint import digest
from hw4.core.npz import read_npz
from hw4.data.photos import photo_digests
from hw4.models import registry
from hw4.models.base import Reconstruction, ReconstructionModel
from hw4.models.spec import ModelLabels

FORMAT = 1
# One array per view, of sizes that may differ.
PER_VIEW = ("images", "pts3d", "conf", "depth")
AS_JSON = ("diagnoses", "notes")


def to_npz(reconstruction: Reconstruction) -> bytes:
    """The reconstruction as an ``.npz`` without pickles; `from_npz` reads it back exactly."""
    arrays: dict[str, np.ndarray] = {}
    for item in fields(Reconstruction):
        value = getattr(reconstruction, item.name)
        if item.name in AS_JSON or value is None:
            continue
        if item.name in PER_VIEW:
            arrays |= {f"{item.name}/{view}": array for view, array in enumerate(value)}
        else:
            arrays[item.name] = value
    words = {name: jsonable(getattr(reconstruction, name)) for name in AS_JSON}
    arrays["words"] = np.array(json.dumps(words))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def from_npz(path: Path) -> Reconstruction | None:
    """Read a file of `to_npz`; None where there is none or it is damaged (it is then computed again)."""
    try:
        arrays = read_npz(path)
        values = parse_json(str(arrays.pop("words")))
        for name in PER_VIEW:
            views = [key for key in arrays if key.startswith(f"{name}/")]
            if views:
                values[name] = [arrays.pop(f"{name}/{view}") for view in range(len(views))]
        return Reconstruction(**arrays, **values)
    except (ValueError, KeyError, TypeError):
        return None


class CachedModel(ReconstructionModel):
    """A model whose results are looked up before it is built.

    Args:
        folder: belongs to one model configuration and weights.
        name: the model's name.
        weights_label: what tables say about its weights.
        make_model: builds the model; called only where a result is not there yet.
    """

    def __init__(
        self, folder: Path, name: str, weights_label: str, make_model: Callable[[], ReconstructionModel]
    ) -> None:
        self.name, self.weights_label = name, weights_label
        self._folder, self._make_model = folder, make_model
        self._model: ReconstructionModel | None = None

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        """As the wrapped model; photos are told apart by their content and order."""
        content = photo_digests(image_paths)
        inputs = [FORMAT, seed, None if Ks is None else Ks.tolist(), [content[path] for path in image_paths]]
        name = digest(inputs)
        path = self._folder / f"{name}.npz"
        # Of these photos alone: other photos need not wait.
        with using(self._folder), exclusive(self._folder, f".{name}.lock"):
            known = from_npz(path)
            if known is not None:
                return known
            self._model = self._model or self._make_model()
            reconstruction = self._model.reconstruct(image_paths, Ks, seed)
            write_bytes(path, to_npz(reconstruction))
        return reconstruction


def cached_model(
    config: Config, labels: ModelLabels, make_model: Callable[[], ReconstructionModel]
) -> ReconstructionModel:
    """The model of `model=`, its reconstructions kept in the cache.

    Args:
        config: of the run.
        labels: `model_labels` of its model.
        make_model: builds that; called where a reconstruction is missing.
    """
    folder = Path(config.cache.root) / "reconstruction" / model_address(config, labels.fingerprint)
    return CachedModel(folder, config.model.name, labels.weights, make_model)


def model_of(config: Config, make_model: Callable[[], ReconstructionModel]) -> ReconstructionModel:
    """The model of `model=`, as `make_model` builds it; with `cache.reuse`, `cached_model`.

    Raises:
        UserError: the weights do not exist, or, without `cache.reuse`, the model cannot be built.
    """
    if not config.cache.reuse:
        return make_model()
    return cached_model(config, registry.model_labels(config.model), make_model)
