"""What other packages add to this one, through entry points.

A package that depends on hw4 names an object under a group in its ``pyproject.toml``::

    [project.entry-points."hw4.models"]
    toy = "hw4_toy.model:SPEC"

Each table of this project (models, data sets, scene layouts, metrics, stages) is its own rows and those of
its group.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from hw4.core.errors import UserError


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
