"""What other packages add to this one, through entry points.

A package that depends on hw4 names an object under a group in its ``pyproject.toml``::

    [project.entry-points."hw4.models"]
    toy = "hw4_toy.model:SPEC"

Each table of this project (models, data sets, scene layouts, metrics, stages) is its own rows and those of
its group.
"""

from collections.abc import Collection, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from hw4.core.errors import UserError

Row = TypeVar("Row")


def _origin(point: EntryPoint) -> str:
    package = f" of package {point.dist.name} {point.dist.version}" if point.dist else ""
    return f"entry point {point.name} = {point.value}{package}"


@cache
def plugins(group: str) -> dict[str, Any]:
    """Objects that installed packages offer under an entry-point group, by name, in alphabetical order.

    Args:
        group: such as ``hw4.models``.

    Raises:
        UserError: one cannot be imported, or two packages offer the same name.
    """
    points: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda p: p.name):
        known = points.get(point.name)
        if known is not None and known.value != point.value:
            raise UserError(
                f"two packages offer {point.name} under {group} ({_origin(known)}; {_origin(point)}): "
                "uninstall one of them."
            )
        points[point.name] = point
    found = {}
    for name, point in points.items():
        try:
            found[name] = point.load()
        except Exception as error:
            raise UserError(
                f"{_origin(point)} (group {group}) cannot be imported: {type(error).__name__}: {error}; "
                "mend or uninstall that package."
            ) from error
    return found


def with_plugins(
    group: str,
    own: Mapping[str, Row],
    kinds: type | tuple[type, ...],
    what: str,
    reserved: Collection[str] = (),
    named_alike: bool = True,
) -> dict[str, Row]:
    """A table of this project with the rows that installed packages add to it.

    Args:
        group: the entry-point group.
        own: this project's rows by name; they come first.
        kinds: what a row must be; it has a `name`.
        what: a row in words, such as ``model``.
        reserved: names that no row may have.
        named_alike: whether the entry point must be called as its row is.

    Raises:
        UserError: a row cannot be imported, is something else, or has another or a taken name.
    """
    table: dict[str, Any] = dict(own)
    for entry, row in plugins(group).items():
        where = f"entry point {entry} (group {group})"
        if not isinstance(row, kinds):
            known = kinds if isinstance(kinds, tuple) else (kinds,)
            needed = " or ".join(f"{kind.__module__}.{kind.__qualname__}" for kind in known)
            raise UserError(
                f"{where} is a {type(row).__name__}: it must be a {needed}. Mend or uninstall that package."
            )
        name = row.name  # type: ignore[attr-defined]
        if named_alike and name != entry:
            raise UserError(f"{where} is a {what} called {name}: give both the same name.")
        if name in table or name in reserved:
            raise UserError(
                f"{where} has the name of another {what}, {name}: rename it, or uninstall the package that "
                "offers it."
            )
        table[name] = row
    return table
