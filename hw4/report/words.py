"""Sentences built from a comparison's numbers."""

from hw4.report.comparisons import Comparison, short_names
from hw4.report.paired import NOT_SHOWN, Delta
from hw4.report.tables import MISSING, format_metric

DEGREES = ("MRE", "MTE", "median rotation error")


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


def verdict_sentences(c: Comparison, alpha: float) -> str:
    """The numbers that the answer stands on."""
    a, b = short_names(c)
    if c.n_shared == 0:
        return f"The two runs share no sample ({c.n_unmatched} are in one of them only)."
    parts = []
    mre = c.deltas.get("MRE")
    solved = f"{c.n_both} of {counted(c.n_shared, 'shared sample')} have a result in both runs"
    if mre is None:
        parts.append(f"{solved}: errors cannot be compared.")
    else:
        interval = (
            f", 95 % paired bootstrap interval {interval_text('MRE', mre)}" if mre.low is not None else ""
        )
        parts.append(
            f"{solved}: their mean rotation error goes from {mre.a:.3f}° ({a}) to {mre.b:.3f}° ({b}), "
            f"a change of {change_text('MRE', mre.delta)}{interval}."
        )
    parts.append(_tests(c, alpha))
    s = c.success
    parts.append(
        f"Below {c.success_deg:g}° of all {c.n_shared}, failures not: {s.both + s.only_a} with {a}, "
        f"{s.both + s.only_b} with {b}; {s.only_b} with {b} alone and {s.only_a} with {a} alone"
        + (f" (McNemar, exact: {p_equals(s.test.p)})." if s.test.p is not None else f" ({s.test.reason}).")
    )
    return " ".join(parts)


def _tests(c: Comparison, alpha: float) -> str:
    if c.rank.p is None or c.rank.smallest_p is None or c.rank.effect is None:
        return f"No test: {c.rank.reason}."
    adjusted = (
        f", {p_text(c.adjusted_p)} adjusted for {c.n_comparisons} comparisons (Holm)"
        if c.n_comparisons > 1
        else ""
    )
    text = (
        f"Wilcoxon signed-rank: {p_equals(c.rank.p)}{adjusted} at level {alpha:g}, n = {c.rank.n}, "
        f"rank-biserial {signed(c.rank.effect, 2)} (−1: lower in every sample)."
    )
    if c.verdict == NOT_SHOWN and c.rank.smallest_p >= alpha:
        text += (
            f" With n = {c.rank.n} no outcome gives p below {p_text(c.rank.smallest_p)}: this data is too "
            "small to show a difference."
        )
    mre = c.deltas.get("MRE")
    if mre is not None and mre.low is not None and mre.high is not None:
        excludes_zero = mre.low > 0 or mre.high < 0
        if c.verdict != NOT_SHOWN and not excludes_zero:
            text += " The interval of the mean contains 0: a few large errors outweigh what the ranks show."
        if c.verdict == NOT_SHOWN and excludes_zero:
            text += " The interval of the mean excludes 0 all the same: a few samples carry the change."
    return text
