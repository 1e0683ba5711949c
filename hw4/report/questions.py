"""What a comparison asks, and what it calls its two runs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hw4.config.input import ORACLE
from hw4.models.registry import model_title
from hw4.records.run import Run
from hw4.report.statistics.comparisons import Comparison
from hw4.report.statistics.confounds import show
from hw4.report.statistics.pairing import BOUND, INPUT, MODEL, SELECTION, model_of, selection


def _selected(run: Run) -> str:
    truth = " (picked with the ground truth)" if selection(run) == ORACLE else ""
    return f"selection={selection(run)}{truth}"


def short_names(c: Comparison) -> tuple[str, str]:
    """How the two runs of a comparison are told apart: by what differs where that is one thing."""
    if c.kind == INPUT:
        return "pair", c.b.input_label
    if c.kind in (SELECTION, BOUND):
        return _selected(c.a), _selected(c.b)
    if c.kind == MODEL:
        return model_of(c.a), model_of(c.b)
    if len(c.factors) == 1:
        (factor,) = c.factors
        name = factor.key.split(".")[-1]
        return f"{name}={show(factor.a)}", f"{name}={show(factor.b)}"
    return c.a.label, c.b.label


def title_of(c: Comparison) -> str:
    """B against A, and what both have in common."""
    a, b = map(model_title, short_names(c))
    if c.kind == INPUT:
        b = b[0].upper() + b[1:]
    common = {
        INPUT: model_of(c.b),
        SELECTION: model_of(c.b),
        BOUND: model_of(c.b),
        MODEL: f"input {c.b.input_label}",
    }.get(c.kind, f"{model_of(c.b)}, {c.b.input_label}" if len(c.factors) == 1 else "")
    return f"{b} against {a}{f' ({common})' if common else ''}{c.which}"


def question(c: Comparison) -> str:
    """What the comparison asks, in words."""
    model = model_of(c.b)
    a, b = short_names(c)
    if c.kind == INPUT:
        asked = f"Is input {b} better than pair, for {model}"
    elif c.kind == MODEL:
        asked = f"Is {b} better than {a}, with input {c.b.input_label}"
    elif c.kind == SELECTION:
        asked = f"Is {b} better than {a}, for {model} with interpolated frames"
    elif c.kind == BOUND:
        asked = f"How far is {a} from its bound, {b}, for {model} with interpolated frames"
    else:
        scope = f", for {model} with input {c.b.input_label}" if len(c.factors) == 1 else ""
        asked = f"Is {b} better than {a}{scope}"
    return f"{asked}, on this data?{c.which}"


def told_apart(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons; those that would share a question or a title name their runs (`which`)."""
    times = Counter(map(question, comparisons)) + Counter(map(title_of, comparisons))
    return [
        replace(c, which=f" ({c.b.title} against {c.a.title})")
        if max(times[question(c)], times[title_of(c)]) > 1
        else c
        for c in comparisons
    ]
