"""Numbers of a comparison as people read them."""

from collections.abc import Sequence

from hw4.core.scale import MISSING, Scale
from hw4.report.statistics.paired import Delta


def signed(value: float, digits: int) -> str:
    """A number with its sign, with a minus that is as wide as the plus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def interval_text(scale: Scale, delta: Delta) -> str:
    """The interval of a change, or a dash."""
    if delta.low is None or delta.high is None:
        return MISSING
    return f"{scale.change(delta.low)} … {scale.change(delta.high)}"


def p_text(p: float | None) -> str:
    """A p-value; very small ones as a bound."""
    if p is None:
        return MISSING
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def p_equals(p: float | None) -> str:
    """``p = 0.0123`` or ``p < 0.0001``."""
    text = p_text(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def counted(n: int, noun: str) -> str:
    """``1 sample``, ``2 samples``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def who(names: Sequence[str], every: Sequence[str]) -> str:
    """Names once each, or that it is all of them."""
    found = list(dict.fromkeys(names))
    if len(every) > 1 and set(every) <= set(found):
        return f"all {len(every)}"
    return "; ".join(found) if any("," in name for name in found) else ", ".join(found)
