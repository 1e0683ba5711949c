"""How the packages of a model's authors are found, imported and called."""

import contextlib
import importlib
import importlib.util
import io
import sys
import warnings
from collections.abc import Iterator
from importlib import metadata
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from hw4.core.errors import UserError
from hw4.core.extras import missing_package
from hw4.models.network.sources import obtain
from hw4.models.wheel import Wheel


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


def import_upstream(name: str, wheel: Wheel) -> ModuleType:
    """A module of upstream, imported quietly: from where Python finds it, or else out of the wheel.

    Raises:
        UserError: the wheel cannot be fetched, or the module or a package that it needs cannot be imported.
    """
    known = sys.modules.get(name)
    if known is not None:
        return known
    package = name.split(".")[0]
    try:
        ours = contextlib.nullcontext() if elsewhere(wheel, package) else _finder(wheel).at_work()
        with quiet(), _own_path(), ours:
            return importlib.import_module(name)
    except ImportError as error:
        sentence = missing_package((error.name or "").split(".")[0])
        raise UserError(
            sentence
            or f"upstream's package {package!r} cannot be imported ({error}); it was tested as it is in "
            f"{wheel}: mend the checkout on PYTHONPATH, or take that away."
        ) from error


def elsewhere(wheel: Wheel, package: str) -> Path | None:
    """Where Python finds a package of a wheel by itself: installed, or a checkout; None: it does not.

    A folder of that name beside the user's data is no package: it lacks the file that marks one.
    """
    for finder in sys.meta_path:
        find = None if isinstance(finder, _Finder) else getattr(finder, "find_spec", None)
        spec = find(package, None) if find is not None else None
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            if (Path(place) / wheel.packages[package]).is_file():
                return Path(place)
    return None


def origin(wheel: Wheel) -> str:
    """What a run's record says of a wheel's packages: its version, or where a checkout of one lies."""
    others = [place for package in wheel.packages if (place := elsewhere(wheel, package)) is not None]
    if not others:
        return wheel.version
    try:
        installed = metadata.distribution(wheel.distribution)
    except metadata.PackageNotFoundError:
        return str(others[0])
    inside = Path(str(installed.locate_file(""))).resolve() == others[0].resolve().parent
    return installed.version if inside else str(others[0])


class _Finder:
    """Finds a wheel's packages, and nothing else; their private names only while they are imported."""

    def __init__(self, wheel: Wheel, folder: Path) -> None:
        self.wheel, self.folder = wheel, folder
        self._working = False
        self._private: dict[str, ModuleType] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder.find_spec`."""
        if name in self.wheel.packages and elsewhere(self.wheel, name) is None:
            return _package(name, self.folder / name)
        if self._working and name in self.wheel.private:
            return _package(name, self.folder / self.wheel.private[name])
        return None

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """While open, the private names mean upstream's modules; other programs' keep theirs."""
        others = self._take()
        sys.modules.update(self._private)
        self._working = True
        try:
            yield
        finally:
            self._working = False
            self._private = self._take()
            sys.modules.update(others)
            # What upstream adds to find its parts: they are found without.
            sys.path[:] = [entry for entry in sys.path if not Path(entry).is_relative_to(self.folder)]

    def _take(self) -> dict[str, ModuleType]:
        names = [name for name in sys.modules if name.split(".")[0] in self.wheel.private]
        return {name: sys.modules.pop(name) for name in names}


class _Empty(Loader):
    """Of a package without ``__init__.py``.

    By no loader its ``__file__`` would be None, over which `inspect` stumbles where another module had its
    name before.
    """

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def _package(name: str, folder: Path) -> ModuleSpec | None:
    """A package's spec; one without ``__init__.py`` lies in this folder alone, unlike Python's own."""
    init = folder / "__init__.py"
    if init.is_file():
        return importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(folder)])
    spec = ModuleSpec(name, _Empty(), is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return spec


def _finder(wheel: Wheel) -> _Finder:
    for known in sys.meta_path:
        if isinstance(known, _Finder) and known.wheel == wheel:
            return known
    finder = _Finder(wheel, obtain(wheel))
    # Before the others: a folder of data that has a package's name is a package to Python.
    sys.meta_path.insert(0, finder)
    return finder


@contextlib.contextmanager
def _own_path() -> Iterator[None]:
    """What upstream puts before everybody else's ``sys.path`` goes to its end."""
    before = list(sys.path)
    try:
        yield
    finally:
        added = [entry for entry in sys.path if entry not in before]
        sys.path[:] = [*before, *dict.fromkeys(added)]
