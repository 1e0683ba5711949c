"""How the packages of a model's authors are imported and called."""

import contextlib
import importlib
import io
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from hw4.core.errors import UserError


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep upstream's prints and its warnings about its own use of old torch names from the terminal."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def replaced(module: ModuleType, **replacements: Any) -> Iterator[None]:
    """Attributes of a module replaced while the context is open."""
    saved = {name: getattr(module, name) for name in replacements}
    try:
        for name, value in replacements.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in saved.items():
            setattr(module, name, value)


def import_upstream(name: str) -> ModuleType:
    """A module of upstream, imported quietly.

    Raises:
        UserError: the package is not installed.
    """
    try:
        with quiet():
            return importlib.import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise UserError(
            f"upstream's package {package!r} cannot be imported ({error}); install it with "
            "`pip install instantsplat==1.17.6` (Linux, Python 3.10 or 3.11) or put a checkout of it on "
            "PYTHONPATH."
        ) from error
