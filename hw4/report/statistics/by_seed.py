"""Settings with several seeds side by side: which run of one stands beside which of the other."""

from hw4.records.run import Run
from hw4.records.settings import Setting
from hw4.report.statistics.confounds import Factor, factors


def runs_by_seed(a: Setting, b: Setting) -> list[tuple[Run, Run]]:
    """Which run of one setting is compared with which of the other: those of equal seeds.

    Where no seed is in both settings, or none has the same value in both, each run with each.
    """
    every = [(x, y) for x in range(len(a.runs)) for y in range(len(b.runs))]
    keys = a.seeds.keys() & b.seeds.keys()
    equal = [(x, y) for x, y in every if all(a.seeds[key][x] == b.seeds[key][y] for key in keys)]
    return [(a.runs[x], b.runs[y]) for x, y in equal or every]


def factors_between(a: Setting, b: Setting, stage: str) -> list[Factor]:
    """What differs between two settings; seeds under which both or one of them ran are no cause."""
    seeds = {key for setting in (a, b) if setting.is_repeated for key in setting.seeds}
    return [factor for factor in factors(*runs_by_seed(a, b)[0], stage) if factor.key not in seeds]
