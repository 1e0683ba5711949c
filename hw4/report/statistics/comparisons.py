"""Two runs on their shared samples, and what the comparison supports."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hw4.config.stages import POSE
from hw4.metrics import ROTATION
from hw4.pose.metrics import worst_deg
from hw4.records.run import Run
from hw4.records.settings import Setting, settings_of
from hw4.report.statistics.by_seed import factors_between, runs_by_seed
from hw4.report.statistics.confounds import Factor, environment_differences, warning
from hw4.report.statistics.paired import (
    BETTER,
    NOT_SHOWN,
    Delta,
    Significance,
    Success,
    decide,
    holm,
    mcnemar,
    paired_bootstrap,
    sign_test,
    signed_rank,
)
from hw4.report.statistics.pairing import candidates, is_oracle
from hw4.report.statistics.shared_samples import (
    Changes,
    Errors,
    Pair,
    matched,
    metric_changes,
    paired_errors,
    with_direction,
)

# Verdicts beside those of `decide`: the evidence disagrees; or an oracle is involved, which is not tested.
MIXED, UNTESTED = "mixed", "bound"
# What can disagree with the ranks.
MEAN, FAILURES, SUCCESSES = "mean", "failures", "successes"


@dataclass(frozen=True)
class Comparison:
    """Two runs on their shared samples; B is asked about, A is what it is compared with.

    Attributes:
        kind: see `hw4.report.statistics.pairing`.
        a, b: the two runs; of settings with several seeds, the runs that stand for them.
        runs: which run of A's setting stands beside which of B's: those of equal seeds.
        pairs: the records of the shared samples.
        mode: of A's metrics, ``R``, ``T`` or ``both``: which error is tested.
        penalize: whether samples without a result count as failures in every number.
        worst_deg: the error that a failure then has: 180°, or 90° for a folded translation.
        n_shared: samples that both runs have, `n_unmatched` those that only one has, `n_undirected` those
            left out of `n_shared` because the truth has no translation direction and the mode needs one.
        n_both: shared samples with a result in both.
        changes: of every metric, over the `n_both` samples (all shared ones where failures count).
        tested: change of the mean of the tested error over the same samples; None where there is none.
        all_penalized: change of that mean over all shared samples, failures as `worst_deg`.
        rank: Wilcoxon's test of the tested errors, `sign` the sign test.
        adjusted_p: `rank.p` adjusted for the number of comparisons in the report; `least_adjusted_p` the
            least that it could have been, whatever this comparison's errors.
        success: samples below the success threshold under both, one, neither; failures do not succeed.
        factors: what differs; `warning` says so where it is more than one thing.
        verdict: ``better``, ``worse``, ``not shown``, ``mixed`` or ``bound``.
        direction: what the ranks alone say, `against` what disagrees with them.
        which: tells it in words from others that ask the same, else empty (`hw4.report.questions`).
    """

    kind: str
    a: Run
    b: Run
    runs: list[tuple[Run, Run]]
    pairs: list[Pair]
    mode: str
    penalize: bool
    worst_deg: float
    n_shared: int
    n_unmatched: int
    n_undirected: int
    n_both: int
    changes: Changes
    tested: Delta | None
    all_penalized: Delta | None
    rank: Significance
    sign: Significance
    success: Success
    success_deg: float
    factors: list[Factor]
    warning: str | None
    environment: list[str]
    n_comparisons: int = 1
    adjusted_p: float | None = None
    least_adjusted_p: float | None = None
    verdict: str = NOT_SHOWN
    direction: str = NOT_SHOWN
    against: tuple[str, ...] = ()
    which: str = ""

    @property
    def n_clusters(self) -> int:
        """How many groups of shared samples have no scene and no picture in common: what is independent."""
        return len({pair.cluster for pair in self.pairs})

    @property
    def oracles(self) -> list[str]:
        """Labels of the runs that pick by the ground truth."""
        return [run.label for run in (self.a, self.b) if is_oracle(run)]

    @property
    def is_partial(self) -> bool:
        """Whether the tested errors are those of some of the shared samples only."""
        return not self.penalize and self.n_both < self.n_shared


def compare_settings(kind: str, first: Setting, second: Setting, success_deg: float) -> Comparison:
    """Everything about one pair of settings but the verdict; all their runs must have pose results."""
    a, b = first.run, second.run
    assert a.pose is not None and b.pose is not None
    summary = a.pose.summary
    mode, penalize, folded = summary.mode, summary.failures == "penalize", summary.fold_translation
    draws, seed = int(a.option("metrics.bootstrap", 2000)), int(a.option("metrics.seed", 0))
    runs = runs_by_seed(first, second)
    every = matched(runs)
    shared = every if mode == ROTATION else with_direction(every)
    worst = worst_deg(mode, folded)
    solved, everyone = paired_errors(shared, mode), paired_errors(shared, mode, worst)
    tested = everyone if penalize else solved

    def mean_change(errors: Errors) -> Delta | None:
        if not len(errors.a):
            return None
        return paired_bootstrap(errors.a, errors.b, lambda e: e.mean(axis=-1), draws, seed, errors.clusters)

    found = factors_between(first, second, POSE)
    return Comparison(
        kind,
        a,
        b,
        runs,
        shared,
        mode,
        penalize,
        worst,
        n_shared=len(shared),
        n_unmatched=_unmatched((first, second), every),
        n_undirected=len(every) - len(shared),
        n_both=len(solved.a),
        changes=metric_changes(shared, mode, folded if penalize else None, draws, seed, summary.protocol),
        tested=mean_change(tested),
        all_penalized=mean_change(everyone),
        rank=signed_rank(tested.a, tested.b, tested.clusters),
        sign=sign_test(tested.a, tested.b, tested.clusters),
        success=mcnemar(everyone.a < success_deg, everyone.b < success_deg, everyone.clusters),
        success_deg=success_deg,
        factors=found,
        warning=warning(a, b, found, "pose errors"),
        environment=environment_differences(a, b),
    )


def _unmatched(settings: Sequence[Setting], pairs: Sequence[Pair]) -> int:
    """How many records have no partner."""
    have = {id(one) for pair in pairs for one in (pair.a, pair.b)}
    runs = [run for setting in settings for run in setting.runs]
    return sum(id(one) not in have for run in runs for one in (run.pose.samples if run.pose else ()))


def contradictions(c: Comparison, direction: str, alpha: float) -> tuple[str, ...]:
    """What disagrees with the ranks' `BETTER` or `WORSE`.

    `MEAN`: the whole interval of the mean change lies on the other side. `FAILURES`: over all shared samples,
    failures as 180°, the mean changes the other way; its sign is enough, because whoever fails on the hard
    samples wins on the rest. `SUCCESSES`: McNemar's test, at level alpha, finds the other run better.
    """
    if direction == NOT_SHOWN:
        return ()
    sign = 1 if direction == BETTER else -1
    found = []
    if c.tested is not None:
        ends = [c.tested.delta if end is None else end for end in (c.tested.low, c.tested.high)]
        if min(sign * end for end in ends) > 0:
            found.append(MEAN)
    if c.is_partial and c.all_penalized is not None and sign * c.all_penalized.delta > 0:
        found.append(FAILURES)
    test = c.success.test
    if test.p is not None and test.effect is not None and test.p < alpha and sign * test.effect < 0:
        found.append(SUCCESSES)
    return tuple(found)


def _with_verdict(c: Comparison, alpha: float) -> Comparison:
    direction = decide(c.rank, c.adjusted_p, alpha)
    if c.oracles:
        return replace(c, verdict=UNTESTED)
    against = contradictions(c, direction, alpha)
    return replace(c, direction=direction, against=against, verdict=MIXED if against else direction)


def all_comparisons(runs: Sequence[Run], alpha: float, success_deg: float) -> list[Comparison]:
    """Every comparison that the runs allow, with p-values adjusted for their number and verdicts.

    Runs that differ in their seeds alone are one setting, and are compared as one. Comparisons with an oracle
    are no tests and do not count for the adjustment.
    """
    settings = {id(one.run): one for one in settings_of([run for run in runs if run.pose])}
    asked = candidates([one.run for one in settings.values()])
    found = [compare_settings(kind, settings[id(a)], settings[id(b)], success_deg) for kind, a, b in asked]
    raw = [None if c.oracles else c.rank.p for c in found]
    adjusted = holm(raw)
    tests = sum(p is not None for p in adjusted)
    judged = []
    for i, (c, p) in enumerate(zip(found, adjusted, strict=True)):
        least = holm([*raw[:i], c.rank.smallest_p, *raw[i + 1 :]])[i] if p is not None else None
        c = replace(c, adjusted_p=p, least_adjusted_p=least, n_comparisons=tests)
        judged.append(_with_verdict(c, alpha))
    return judged
