"""Packages as pip leaves them installed, made in a folder: modules, and the entry points that they offer."""

from pathlib import Path


def install(
    folder: Path, package: str, entry_points: dict[str, dict[str, str]], modules: dict[str, str] | None = None
) -> None:
    """Write a package into a folder that stands, or will stand, on ``sys.path``.

    Args:
        folder: receives the modules and ``<package>-1.0.dist-info``; made where it is not there.
        package: the distribution's name.
        entry_points: group -> name -> ``module:object``.
        modules: module name -> source.
    """
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    sections = [
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())])
        for group, entries in entry_points.items()
    ]
    (info / "entry_points.txt").write_text("\n\n".join(sections) + "\n")
    for module, source in (modules or {}).items():
        (folder / f"{module}.py").write_text(source)
