"""What each value of a swept key does against its first one, in sentences."""

from hw4.config.stages import POSE
from hw4.output.blocks import VERDICT, Text
from hw4.report.effects import Effect, effects
from hw4.report.statistics.paired import BETTER, NOT_SHOWN
from hw4.report.sweep import Swept
from hw4.report.words import counted, interval_text, p_equals, p_text

# What the comparisons of pose runs ask about themselves, with more behind it.
EXPERIMENT = "experiment"
ASKED_THERE = ("model", "input", "input.selection")


def effect_texts(swept: Swept) -> list[Text]:
    """Whether each value of each key is better than its first."""
    grid = swept.grid
    if swept.stage == POSE:
        asked = [key for key in grid.keys if key not in ASKED_THERE]
    else:
        asked = list(grid.keys)
    found = effects(swept.scores, grid.keys, grid.values, swept.alpha)
    names = dict(zip(grid.keys, grid.names, strict=True))
    return [_effect_text(one, names, swept) for one in found if one.key in asked]


def _effect_text(effect: Effect, names: dict[str, str], swept: Swept) -> Text:
    name, change = names[effect.key], effect.change
    over = counted(effect.n, swept.of)
    if effect.n_pairs > 1:
        others = ", ".join(names[key] for key in effect.others)
        over += f", each the mean over {effect.n_pairs} values of {others}"
    seeds = {len(runs) for _, runs in swept.scores.settings}
    if max(seeds) > 1:
        over += f" and {counted(max(seeds), 'seed')}"
    verdict = {BETTER: "Yes", NOT_SHOWN: "Not shown"}.get(effect.verdict, "No, it is worse")
    named = "" if effect.key == EXPERIMENT else f"{name} "
    question = f"Is {named}{effect.b} better than {effect.a}?"
    interval = f" (95 % interval {interval_text(swept.scale, change)})" if change.low is not None else ""
    unit = "" if swept.unit in swept.scale.change(0.0) else f" {swept.unit}"
    what = swept.what[:1].upper() + swept.what[1:]
    changed = f"{what} changes by {swept.scale.change(change.delta)}{unit}{interval}, over {over}"
    text = f"{verdict}. {changed}"
    return Text(f"{text}: {_evidence(effect, swept)}.", VERDICT, question)


def _evidence(effect: Effect, swept: Swept) -> str:
    test = effect.test
    if test.p is None:
        return str(test.reason).replace("no sample differs", f"no {swept.of} differs")
    text = p_equals(test.p)
    if effect.n_tests > 1:
        text += f", {p_text(effect.adjusted_p)} adjusted for {effect.n_tests} questions"
    if test.smallest_p is not None and test.smallest_p >= swept.alpha:
        return f"{text}; {counted(test.n, swept.of)} can give no p below {p_text(test.smallest_p)}"
    return text
