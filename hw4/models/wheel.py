"""Which published wheel has the packages of a model's authors."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wheel:
    """A wheel on PyPI of which only the Python sources are used: it need not fit this machine.

    Attributes:
        distribution: its name there.
        version: that was tested.
        sha256: of the wheel's file.
        packages: top-level packages that are taken from it, each with a file, relative to the package, that
            tells it from another folder of its name.
        private: top-level names under which its packages import parts of each other, and where in the wheel
            those lie; nobody else sees them.
        python: version that the wheel was built for.
        platform: as pip names it; ``any`` for a wheel of pure Python.
    """

    distribution: str
    version: str
    sha256: str
    packages: Mapping[str, str]
    private: Mapping[str, str] = field(default_factory=dict)
    python: str = "3.11"
    platform: str = "any"

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"
