"""What a comparison answers, and the numbers that the answer stands on, in sentences."""

from hw4.core.scale import DEGREES
from hw4.report.questions import short_names
from hw4.report.statistics.comparisons import FAILURES, MEAN, MIXED, UNTESTED, Comparison
from hw4.report.statistics.paired import BETTER, NOT_SHOWN, Delta
from hw4.report.statistics.pairing import BOUND
from hw4.report.statistics.shared_samples import ERRORS, MEANS
from hw4.report.words import counted, interval_text, p_equals, p_text, signed


def answer(c: Comparison) -> str:
    """Yes, no, mixed or not shown; on which samples, and with the scope that the warning leaves."""
    where = f" on the {c.n_both} of {c.n_shared} samples solved by both" if c.is_partial else ""
    if c.verdict == UNTESTED:
        return "An oracle picks by the ground truth: an upper bound, not a method."
    if c.verdict == NOT_SHOWN:
        return f"Not shown{where}." if c.n_both else "Not shown."
    lower = f"its {ERRORS[c.mode]} are {'lower' if c.direction == BETTER else 'higher'}{where}"
    if c.verdict == MIXED:
        text = f"Mixed: sample by sample {lower}, but {', and '.join(_fact(c, kind) for kind in c.against)}."
    else:
        text = f"{'Yes' if c.verdict == BETTER else 'No'}, {lower}."
    return f"{text} But more than this one thing differs (see the warning)." if c.warning else text


def _fact(c: Comparison, kind: str) -> str:
    if kind == MEAN:
        over = f"their mean, failures as {c.worst_deg:g}°," if c.penalize else "their mean"
        return f"{over} changes by {_change(c.tested)}"
    if kind == FAILURES:
        over = f"over all {c.n_shared}, failures as {c.worst_deg:g}°,"
        return f"{over} the mean changes by {_change(c.all_penalized)}"
    s = c.success
    before, after = s.both + s.only_a, s.both + s.only_b
    return (
        f"successes below {c.success_deg:g}° go from {before} to {after} of {c.n_shared} "
        f"(McNemar, exact: {p_equals(s.test.p)}, unadjusted)"
    )


def _change(delta: Delta | None) -> str:
    if delta is None:
        return "an unknown amount"
    interval = f" (95 % interval {interval_text(DEGREES, delta)})" if delta.low is not None else ""
    return f"{DEGREES.change(delta.delta)}{interval}"


def difference(c: Comparison) -> str:
    """The change of the tested mean, for readers who see the answer alone; empty where that has it."""
    if c.tested is None or MEAN in c.against:
        return ""
    over = f", failures as {c.worst_deg:g}°," if c.penalize else ""
    to_bound = f", from {short_names(c)[0]} to its bound," if c.kind == BOUND else ""
    text = f"The {MEANS[c.mode]}{over}{to_bound} changes by {_change(c.tested)}"
    if c.is_partial and FAILURES not in c.against:
        text += f"; over all {c.n_shared}, failures as {c.worst_deg:g}°, by {_change(c.all_penalized)}"
    return f"{text}."


def evidence(c: Comparison, alpha: float) -> str:
    """The numbers that the answer stands on."""
    if c.n_shared == 0:
        left_out = f"{c.n_unmatched} are in one of them only"
        if c.n_undirected:
            left_out += f"; of {c.n_undirected} the ground truth has no translation direction"
        return f"The two runs share no sample ({left_out})."
    a, b = short_names(c)
    parts = [_means(c, a, b)]
    if c.verdict != UNTESTED:
        parts.append(_tests(c, alpha))
    s = c.success
    parts.append(
        f"Below {c.success_deg:g}° of all {c.n_shared}, failures not: {s.both + s.only_a} with {a}, "
        f"{s.both + s.only_b} with {b}; {s.only_b} with {b} alone and {s.only_a} with {a} alone"
        + (
            f" (McNemar, exact: {p_equals(s.test.p)}, unadjusted)."
            if s.test.p is not None
            else f" ({s.test.reason})."
        )
    )
    return " ".join(parts)


def _means(c: Comparison, a: str, b: str) -> str:
    """Which samples were averaged, and the mean of the tested error under both runs."""
    solved = f"{_repeated(c)}{c.n_both} of {counted(c.n_shared, 'shared sample')} have a result in both runs"
    if c.tested is None:
        return f"{solved}: errors cannot be compared."

    def goes(delta: Delta) -> str:
        interval = (
            f", 95 % paired bootstrap interval {interval_text(DEGREES, delta)}"
            if delta.low is not None
            else ""
        )
        return (
            f"goes from {DEGREES.text(delta.a)} ({a}) to {DEGREES.text(delta.b)} ({b}), "
            f"a change of {DEGREES.change(delta.delta)}{interval}."
        )

    over_all = f"Over all {c.n_shared}, failures as {c.worst_deg:g}°,"
    if c.penalize:
        return f"{solved}. {over_all} the {MEANS[c.mode]} {goes(c.tested)}"
    text = f"{solved}: their {MEANS[c.mode]} {goes(c.tested)}"
    if c.is_partial and c.all_penalized is not None:
        text += f" {over_all} it {goes(c.all_penalized)}"
    return text


def _repeated(c: Comparison) -> str:
    """What is not independent among the shared samples: seeds, scenes, pictures."""
    seeds = f"{len(c.runs)} pairs of runs, by seed, are taken together. " if len(c.runs) > 1 else ""
    if c.n_clusters == c.n_shared:
        return seeds
    shared = "are one sample under several seeds, or " if len(c.runs) > 1 else ""
    return (
        f"{seeds}The {counted(c.n_shared, 'shared sample')} form {counted(c.n_clusters, 'group')} that "
        f"{shared}share a scene or a picture: intervals and tests take each as one. "
    )


def _tests(c: Comparison, alpha: float) -> str:
    if c.rank.p is None or c.rank.effect is None:
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
    return text + (_why_not(c, alpha) if c.direction == NOT_SHOWN else _reservation(c))


def _why_not(c: Comparison, alpha: float) -> str:
    """Why nothing is shown: too few samples, too many comparisons, or ranks that disagree."""
    small, least = c.rank.smallest_p, c.least_adjusted_p
    if small is not None and small >= alpha:
        return (
            f" With n = {c.rank.n} no outcome gives p below {p_text(small)}: this data is too "
            "small to show a difference."
        )
    if least is not None and least >= alpha:
        return (
            f" With n = {c.rank.n} no outcome gives an adjusted p below {p_text(least)}: this data is too "
            f"small to show a difference among {c.n_comparisons} comparisons."
        )
    if c.rank.p is not None and c.rank.p < alpha:
        return (
            f" That is below {alpha:g} by itself, but not after adjustment for {c.n_comparisons} comparisons."
        )
    if c.tested is not None and _excludes_zero(c.tested):
        return " The interval of the mean excludes 0 all the same: a few samples carry the change."
    return ""


def _reservation(c: Comparison) -> str:
    if c.tested is None or c.tested.low is None or _excludes_zero(c.tested):
        return ""
    return " The interval of the mean contains 0: a few large errors outweigh what the ranks show."


def _excludes_zero(delta: Delta) -> bool:
    return delta.low is not None and delta.high is not None and (delta.low > 0 or delta.high < 0)
