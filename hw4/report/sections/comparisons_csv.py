"""Every number of every comparison as one table, at full precision."""

from collections.abc import Sequence
from typing import Any

from hw4.output.tables import Table
from hw4.report.questions import question
from hw4.report.statistics.comparisons import Comparison
from hw4.report.statistics.paired import Delta
from hw4.report.statistics.shared_samples import MEANS

NAME = "comparisons"


def _delta(label: str, delta: Delta | None) -> dict[str, Any]:
    parts = {"a": "a", "b": "b", "change": "delta", "low": "low", "high": "high"}
    return {f"{label} {part}": getattr(delta, name, None) for part, name in parts.items()}


def _row(c: Comparison, alpha: float, metrics: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "question": question(c),
        "kind": c.kind,
        "a": c.a.label,
        "a_job": c.a.name,
        "b": c.b.label,
        "b_job": c.b.name,
        "verdict": c.verdict,
        "against": " ".join(c.against),
        "alpha": alpha,
        "tested": MEANS[c.mode],
        "failures": "penalize" if c.penalize else "exclude",
        "n_shared": c.n_shared,
        "n_both": c.n_both,
        "n_unmatched": c.n_unmatched,
        "n_undirected": c.n_undirected,
        **_delta("tested", c.tested),
        **_delta("failures_as_worst", c.all_penalized),
        "wilcoxon_p": c.rank.p,
        "wilcoxon_adjusted_p": c.adjusted_p,
        "wilcoxon_n": c.rank.n,
        "rank_biserial": c.rank.effect,
        "n_comparisons": c.n_comparisons,
        "sign_test_p": c.sign.p,
        "sign_test_n": c.sign.n,
        "success_deg": c.success_deg,
        "success_both": c.success.both,
        "success_only_a": c.success.only_a,
        "success_only_b": c.success.only_b,
        "success_neither": c.success.neither,
        "mcnemar_p": c.success.test.p,
    }
    for name in metrics:
        row |= _delta(name, c.changes.deltas.get(name))
        row[f"{name} n"] = c.changes.counts.get(name)
    row["differs"] = "; ".join(map(str, c.factors))
    return row


def comparisons_data(comparisons: Sequence[Comparison], alpha: float) -> Table:
    """One row per comparison; degrees for errors, shares for ``Acc`` and ``AUC``, empty where missing.

    Only `wilcoxon_adjusted_p` is adjusted for the number of comparisons.
    """
    metrics = list(dict.fromkeys(name for c in comparisons for name in c.changes.names))
    rows = [_row(c, alpha, metrics) for c in comparisons]
    columns = list(rows[0]) if rows else []
    return Table("", columns, [["" if v is None else str(v) for v in row.values()] for row in rows])
