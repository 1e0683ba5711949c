"""Numbers of a comparison as people read them."""

from hw4.output.tables import MISSING, format_metric
from hw4.report.statistics.paired import Delta
from hw4.report.statistics.shared_samples import LARGER_MEAN

DEGREES = ("MRE", "MTE", "median rotation error", LARGER_MEAN)


def metric_text(name: str, value: float | None) -> str:
    """A metric's value with its unit."""
    if value is None:
        return MISSING
    return f"{value:.3f}°" if name in DEGREES else format_metric(name, value)


def change_text(name: str, value: float | None) -> str:
    """A signed change of a metric: degrees, percentage points, or a share."""
    if value is None:
        return MISSING
    if name in DEGREES:
        return signed(value, 3) + "°"
    return f"{signed(100 * value, 1)} pp" if name.startswith("Acc") else signed(value, 4)


def signed(value: float, digits: int) -> str:
    """A number with its sign, with a minus that is as wide as the plus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def interval_text(name: str, delta: Delta) -> str:
    """The interval of a change, or a dash."""
    if delta.low is None or delta.high is None:
        return MISSING
    return f"{change_text(name, delta.low)} … {change_text(name, delta.high)}"


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
