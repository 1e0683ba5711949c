"""Tables of one splat result."""

from hw4.core.scale import MISSING
from hw4.metrics import splat_metrics
from hw4.output.tables import Table, number
from hw4.splat.result import SplatResult


def splat_table(result: SplatResult) -> Table:
    """Scores on the test views beside those of the initialisation, and what the run was."""
    rows = [(row.title, row.scale.text(result.scores[row.name])) for row in splat_metrics()]
    rows.append(("Gaussians", f"{result.n_initial} → {result.n_gaussians}"))
    rows.append(("iterations", str(result.iterations)))
    rows.append(("training (s)", number(result.train_seconds, 1)))
    notes = [
        f"{result.n_train} training views, {len(result.views)} test views; initialised from {result.origin}",
        *result.notes,
        *(f"{name} is missing: {reason}" for name, reason in result.missing.items()),
    ]
    if result.aligned_test_views:
        notes.append("test cameras were optimised before scoring (splat.eval.align_test_views)")
    if result.stopped:
        notes.append(result.stopped)
    if result.reused:
        notes.append(f"taken from the cache: {result.cache_dir}")
    return Table("Splatting: scores on the test views", ("metric", "value"), rows, notes)


def views_table(result: SplatResult) -> Table:
    """One row per test view."""
    metrics = splat_metrics()
    rows = [
        (view.name, *(row.scale.text(view.scores.get(row.name)) for row in metrics)) for view in result.views
    ]
    columns = ("view", *(row.title if row.is_result else row.label for row in metrics))
    return Table("Test views", columns, rows, [] if rows else [f"{MISSING}: the scene has no test views"])
