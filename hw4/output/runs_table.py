"""The table of ``hw4 runs``."""

from collections.abc import Sequence

from hw4.output.tables import MISSING, Table
from hw4.records.listing import SETTINGS, Listed, listed_metrics

VALID = "valid"


def runs_table(runs: Sequence[Listed], keys: Sequence[str] = (), by: str = "") -> Table:
    """One row per run, or per setting of a sweep.

    Args:
        runs: in order.
        keys: configuration keys to show besides.
        by: what they are sorted by.
    """
    used = [row for row in listed_metrics() if any(r.metrics[row.label] is not None for r in runs)]
    rows = []
    for listed in runs:
        config = [listed.value(key) for key in (*SETTINGS, *keys)]
        if config[2] is not None:
            config[2] = listed.run.input_label
        cells = [listed.cell(row) for row in used]
        settings = [MISSING if value is None else str(value) for value in (*config, listed.valid)]
        rows.append((listed.folder, listed.status, *settings, *cells))
    columns = ("run", "status", *SETTINGS, *keys, VALID, *(row.label for row in used))
    lost = any(row.label == by and r.rank(row) != r.metrics[by] for row in used for r in runs)
    notes = [f"in the order of {by}, samples without a result counted as the worst error"] if lost else []
    notes += ["± standard deviation over seeds"] if any(listed.setting for listed in runs) else []
    count = sum(len(listed.runs) for listed in runs)
    return Table("1 run" if count == 1 else f"{count} runs", columns, rows, notes)
