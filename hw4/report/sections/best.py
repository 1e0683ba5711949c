"""The first sentence of a report: which setting is best, by how much, and how sure that is."""

from collections.abc import Callable

from hw4.core.scale import DEGREES, MISSING
from hw4.metrics import HIGHER, splat_headline
from hw4.output.blocks import NOTE, VERDICT, Text
from hw4.report.findings import Findings
from hw4.report.ranking import Entry, Ranking
from hw4.report.statistics.shared_samples import MEANS
from hw4.report.words import alike, counted

MAX_TIED = 4


def pose_verdict(ranking: Ranking | None, findings: Findings) -> list[Text]:
    """Of the pose runs; empty where there are none."""
    with_pose = [run for run in findings.with_pose if run.pose]
    if not with_pose:
        return []
    if ranking is None:
        why = "they share no sample, or were scored by different rules, or none is whole"
        return [Text(f"The {len(with_pose)} pose runs are not ranked: {why}.", NOTE)] if with_pose[1:] else []
    assert with_pose[0].pose is not None
    mode = with_pose[0].pose.summary.mode
    over = "" if ranking.worst is None else f", failures counted as {ranking.worst:g}°"
    samples = counted(ranking.n, "sample")
    if ranking.best is None:
        return []
    best = ranking.entries[ranking.best]
    if len(ranking.entries) == 1:
        pose = best.first.pose
        assert pose is not None
        below = pose.summary.n_below.get(15)
        share = f" Below 15°: {below} of {pose.summary.n_total} samples." if below is not None else ""
        text = f"The {MEANS[mode]} of {best.label} is {_value(best)} over {samples}{over}.{share}"
        return [Text(text, VERDICT, f"{best.label}: {DEGREES.text(best.mean)}.")]
    return [_ranked(ranking, f"Lowest {MEANS[mode]}", samples + over, DEGREES.text)]


def splat_verdict(ranking: Ranking | None, findings: Findings) -> list[Text]:
    """Of the splat runs; empty where there are none."""
    if ranking is None or ranking.best is None:
        return []
    metric = splat_headline()
    views = counted(ranking.n, "test view")
    if len(ranking.entries) == 1:
        best = ranking.entries[0]
        start = best.first.splat.scores.get("initial_psnr") if best.first.splat else None
        before = f"; {metric.scale.text(start)} before training" if start is not None else ""
        return [Text(f"Mean over {views}{before}.", VERDICT, f"{best.label}: {metric.said(best.mean)}.")]
    word = "Highest" if metric.better == HIGHER else "Lowest"

    def said(value: float) -> str:
        return f"{metric.scale.text(value)} {metric.unit}".strip()

    return [_ranked(ranking, f"{word} {metric.label}", views, said)]


def _value(entry: Entry) -> str:
    if entry.low is None or entry.high is None:
        return DEGREES.text(entry.mean)
    return (
        f"{DEGREES.text(entry.mean)} (95 % interval {DEGREES.short(entry.low)} … {DEGREES.short(entry.high)})"
    )


def _ranked(ranking: Ranking, what: str, over: str, said: Callable[[float], str]) -> Text:
    assert ranking.best is not None
    best = ranking.entries[ranking.best]
    lead = f"{what}: {best.label}, {said(best.mean)}."
    if ranking.second is None:
        return Text(f"Over {over}.", VERDICT, lead)
    if len(ranking.tied) > 1:
        tied = [ranking.entries[i].label for i in ranking.tied]
        named = alike(tied)
        if named == "; ".join(tied) and tied[MAX_TIED:]:
            named = f"{'; '.join(tied[:MAX_TIED])}; and {len(tied) - MAX_TIED} more"
        return Text(f"Equal over {over}: {named}.", VERDICT, f"{what}: {said(best.mean)}, {len(tied)} alike.")
    second = ranking.entries[ranking.second]
    sure = MISSING if best.share is None else f"{100 * best.share:.0f} %"
    again = "samples" if "sample" in over else "test views"
    text = f"Next: {second.label}, {said(second.mean)}. Over {over}. "
    if best.share is None:
        text += "These are too few to say how sure that is."
    else:
        text += f"Drawn anew from these {again}, it stays best in {sure} of draws."
    return Text(text, VERDICT, lead)
