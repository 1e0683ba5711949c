"""How numbers are written for people."""

from dataclasses import dataclass

MISSING = "—"


@dataclass(frozen=True)
class Scale:
    """How the values of a metric are written for people.

    Attributes:
        digits: behind the point; `brief` of them where space is short (ends of intervals).
        factor: by which a value is multiplied before.
        suffix: behind a value, `change_suffix` behind a change; a unit that only headers name is in neither.
    """

    digits: int
    brief: int
    factor: float = 1.0
    suffix: str = ""
    change_suffix: str = ""

    def text(self, value: float | None) -> str:
        """A value with its unit; a missing one is a dash."""
        return MISSING if value is None else f"{self.factor * value:.{self.digits}f}{self.suffix}"

    def short(self, value: float) -> str:
        """A value without its unit, rounded."""
        return f"{self.factor * value:.{self.brief}f}"

    def change(self, value: float | None) -> str:
        """A change with its sign (a minus as wide as the plus) and its unit; a missing one is a dash."""
        if value is None:
            return MISSING
        return f"{self.factor * value:+.{self.digits}f}{self.change_suffix}".replace("-", "−")


DEGREES = Scale(3, 1, suffix="°", change_suffix="°")
PER_CENT = Scale(1, 0, factor=100, suffix=" %", change_suffix=" pp")
SHARE = Scale(4, 3)
DECIBEL = Scale(2, 1)


def in_units(n_bytes: float) -> str:
    """A number of bytes for people, in powers of 1024."""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while n_bytes >= 1024 and len(units) > 1:
        n_bytes, units = n_bytes / 1024, units[1:]
    return f"{n_bytes:.0f} B" if units[0] == "B" else f"{n_bytes:.1f} {units[0]}"
