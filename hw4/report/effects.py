"""What each swept key does: a value against its first one, over all settings that differ in it alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from hw4.report.ranking import Scores
from hw4.report.statistics.paired import Delta, Significance, decide, holm, paired_bootstrap, signed_rank

DRAWS = 2000


@dataclass(frozen=True)
class Effect:
    """Value `b` of a key against value `a`.

    Attributes:
        key: as the command line or the configuration has it.
        n_pairs: pairs of settings that differ in the key alone; `others` are the keys over whose values.
        n: samples or views, each the mean over those pairs and their seeds: what was tested.
        change: of the mean, with its interval.
        test: Wilcoxon's signed-rank test over them, `adjusted_p` for `n_tests` of these questions (Holm).
        verdict: ``better``, ``worse`` or ``not shown``, of b.
    """

    key: str
    a: str
    b: str
    n_pairs: int
    others: Sequence[str]
    n: int
    change: Delta
    test: Significance
    adjusted_p: float | None
    n_tests: int
    verdict: str


def effects(
    scores: Scores, keys: Sequence[str], values: Sequence[Sequence[str]], alpha: float
) -> list[Effect]:
    """Every later value of each key against its first, where any two settings differ in it alone.

    Args:
        scores: of the settings.
        keys: in which settings differ.
        values: of the keys, a row for each setting of `scores`.
        alpha: significance level.
    """
    found = []
    for column, key in enumerate(keys):
        distinct = list(dict.fromkeys(row[column] for row in values))
        for value in distinct[1:]:
            pairs = _pairs(column, distinct[0], value, values)
            if pairs:
                first, second = (scores.matrix[[pair[i] for pair in pairs]].mean(axis=0) for i in (0, 1))
                others = [other for other in keys if other != key] if len(pairs) > 1 else []
                found.append((key, distinct[0], value, len(pairs), others, first, second))
    sign = 1.0 if scores.lowest else -1.0
    tests = [signed_rank(sign * first, sign * second, scores.clusters) for *_, first, second in found]
    adjusted = holm([test.p for test in tests])
    n_tests = sum(p is not None for p in adjusted)
    return [
        Effect(
            *(key, a, b, n_pairs, others, len(first)),
            paired_bootstrap(first, second, lambda errors: errors.mean(axis=-1), DRAWS, 0, scores.clusters),
            test,
            p,
            n_tests,
            decide(test, p, alpha),
        )
        for (key, a, b, n_pairs, others, first, second), test, p in zip(found, tests, adjusted, strict=True)
    ]


def _pairs(column: int, a: str, b: str, values: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """Indices of settings with value a and b of one key and the same of all others."""

    def rest(row: Sequence[str]) -> tuple[str, ...]:
        return tuple(value for i, value in enumerate(row) if i != column)

    first = {rest(row): i for i, row in enumerate(values) if row[column] == a}
    return [(first[rest(row)], i) for i, row in enumerate(values) if row[column] == b and rest(row) in first]
