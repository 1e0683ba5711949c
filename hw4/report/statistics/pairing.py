"""Which runs are compared with which."""

from collections.abc import Sequence

from hw4.config.input import ALL, INTERPOLATED, MEDOID, ORACLE, PAIR
from hw4.config.stages import POSE
from hw4.models.registry import headline_models
from hw4.records.run import Run
from hw4.report.statistics.confounds import closest

INPUT, SELECTION, BOUND, MODEL, SETTING = "input", "selection", "bound", "model", "setting"


def selection(run: Run) -> str | None:
    """How the frames of an interpolated run are used; None for a run on the pair alone."""
    return str(run.option("input.selection", ALL)) if run.option("input.name") == INTERPOLATED else None


def is_oracle(run: Run) -> bool:
    """Whether the run picks by the ground truth: an upper bound, not a method."""
    return selection(run) == ORACLE


def model_of(run: Run) -> str:
    """The name of the model behind a run's poses."""
    return str(run.pose.model if run.pose else None)


def candidates(runs: Sequence[Run]) -> list[tuple[str, Run, Run]]:
    """(kind, A, B) of every comparison worth making: each B against the run nearest to it.

    `INPUT`: interpolated frames against the pair alone, for each model. `SELECTION`: the medoid against all
    frames. `BOUND`: the oracle against the medoid, or against all frames where there is none. `MODEL`: each
    model against the others, for each input; bounds are not models. `SETTING`: runs of one model and input
    against the first of them.
    """
    found: list[tuple[str, Run, Run]] = []

    def put(kind: str, b: Run, others: Sequence[Run]) -> None:
        a = closest(b, others, POSE)
        if a is not None:
            found.append((kind, a, b))

    def same_model(b: Run, *selections: str | None) -> list[Run]:
        return [a for a in runs if model_of(a) == model_of(b) and selection(a) in selections]

    for b in runs:
        if selection(b) is not None:
            put(INPUT, b, [a for a in same_model(b, None) if a.option("input.name") == PAIR])
    for b in runs:
        if selection(b) == MEDOID:
            put(SELECTION, b, same_model(b, ALL))
    for b in runs:
        if is_oracle(b):
            put(BOUND, b, same_model(b, MEDOID) or same_model(b, ALL))
    first = [spec.name for spec in headline_models()[:1]]
    names = sorted(dict.fromkeys(map(model_of, runs)), key=lambda name: name not in first)
    for i, name in enumerate(names):
        for b in runs:
            if model_of(b) in names[i + 1 :] and not is_oracle(b):
                put(MODEL, b, [a for a in runs if model_of(a) == name and a.input_label == b.input_label])
    for number, b in enumerate(runs):
        before = [a for a in runs[:number] if model_of(a) == model_of(b) and a.input_label == b.input_label]
        if before:
            found.append((SETTING, before[0], b))
    return found
