"""Where the packages of the models' authors are from."""

from hw4.core.errors import UserError
from hw4.launch.doctor.section import Section
from hw4.models.network.sources import sources_folder
from hw4.models.network.upstream import elsewhere
from hw4.models.registry import models
from hw4.models.wheel import Wheel


def sources() -> Section:
    """Each wheel that models take sources from: fetched or not yet, and what goes before it."""
    section = Section("models' sources")
    wheels = {wheel.sha256: wheel for spec in models().values() for wheel in spec.wheels}
    for wheel in wheels.values():
        section.says(str(wheel), _where(wheel))
        for package in wheel.packages:
            place = elsewhere(wheel, package)
            if place is not None:
                section.says(package, f"{place}, which goes before the wheel")
    return section


def _where(wheel: Wheel) -> str:
    try:
        folder = sources_folder(wheel)
    except UserError as error:
        return str(error)
    return (
        str(folder) if folder.is_dir() else "fetched when it is first used, or by python -m hw4.models.fetch"
    )
