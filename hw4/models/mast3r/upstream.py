"""The only place that imports upstream's `mast3r` package, which is built on `dust3r`."""

from types import ModuleType, SimpleNamespace

from scipy.cluster import hierarchy
from scipy.spatial import distance

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


def import_sparse() -> ModuleType:
    """`mast3r.cloud_opt.sparse_ga`.

    Raises:
        UserError: as `import_upstream`.
    """
    module = import_part("mast3r.cloud_opt.sparse_ga")
    # It looks for scipy's distances in `hierarchy`, where they are no more from scipy 1.18 on.
    module.sch = SimpleNamespace(distance=distance, linkage=hierarchy.linkage)  # type: ignore[attr-defined]
    return module
