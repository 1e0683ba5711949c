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


def alike(labels: Sequence[str]) -> str:
    """Labels of settings as one text: what they have in common, then the values of the one key that differs.

    ``a=1, b=2`` and ``a=1, b=3`` are ``a=1, b=2 or 3``; where more than one key differs, all are named.
    """
    parts = [label.split(", ") for label in labels]
    if len({len(part) for part in parts}) == 1:
        differing = [i for i, values in enumerate(zip(*parts, strict=True)) if len(set(values)) > 1]
        if len(differing) == 1:
            (i,) = differing
            keys, values = zip(*(part[i].rpartition("=")[::2] for part in parts), strict=True)
            if len(set(keys)) == 1:
                common = [*parts[0][:i], *parts[0][i + 1 :]]
                listed = f"{', '.join(values[:-1])} or {values[-1]}"
                return ", ".join([*common, f"{keys[0]}={listed}" if keys[0] else listed])
    return "; ".join(labels)


def who(names: Sequence[str], every: Sequence[str]) -> str:
    """Names once each, or that it is all of them."""
    found = list(dict.fromkeys(names))
    if len(every) > 1 and set(every) <= set(found):
        return f"all {len(every)}"
    return "; ".join(found) if any("," in name for name in found) else ", ".join(found)
