"""The only place that imports upstream's `mast3r` package, which is built on `dust3r`."""

from types import ModuleType

from hw4.models.dust3r import upstream as dust3r


def import_model() -> ModuleType:
    """`mast3r.model`.

    Raises:
        UserError: as `import_upstream`.
    """
    return import_part("mast3r.model")


def import_part(name: str) -> ModuleType:
    """A module of upstream.

    Raises:
        UserError: as `import_upstream`.
    """
    # First, because mast3r puts a folder on the path in which another `dust3r` lies.
    dust3r.import_model()
    return dust3r.import_part(name)
