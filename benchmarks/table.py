"""`benchmarks/README.md` and its picture, from the records that full runs of the benchmarks leave.

python -m benchmarks.table
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.measure import RESULTS, Record, Scaling, load_record, seconds
from hw4.core.durable import write_text

FOLDER = Path(__file__).parent
PICTURE = "scaling.png"
SHOWN = ("torch", "numpy", "numba", "instantsplat", "gsplat", "opencv-python")

HEAD = """# Benchmarks

Written by `make bench-table` from what its runs measured; no number is typed. A ratio is the peer's time over
ours: more than 1 is faster. Both were measured in the same run, on the machine named there. Every script
prints the same lines:

```bash
make bench              # quick cells of all of them; leaves no record
make bench-table        # all cells, then this file
python -m benchmarks.rasterize
```

`earlier`, `endtoend` and `training` time an earlier revision of this project too (`--before REV`), unpacked
from the checkout's own history.

What needs a CUDA GPU is measured by `make gpu-check`, which leaves `results/gpu.json`.
"""


def _section(record: Record) -> list[str]:
    about = record.provenance
    packages = ", ".join(f"{name} {about['packages'][name]}" for name in SHOWN if about["packages"].get(name))
    hardware = f"{about['cpu']}, {about['cpu_count']} cores" + "".join(f", {gpu}" for gpu in about["gpus"])
    origin = f"commit {str(about['git_commit'])[:12]}; load average of the minute before {record.load:.2f}"
    lines = [
        f"## {record.name}",
        "",
        f"{about['started'][:10]}, {hardware}, Python {about['python']}, {packages}; {origin}",
        "",
        "| what | size | against | ours | theirs | ratio | goal | how far apart |",
        "|---|---|---|---:|---:|---:|---:|---|",
    ]
    for r in record.ratios:
        goal = "" if r.goal is None else f"{r.goal:g}"
        times = f"{seconds(r.ours_s)} | {seconds(r.peer_s)} | **{r.ratio:.2f}**"
        lines.append(f"| {r.what} | {r.size} | {r.peer} | {times} | {goal} | {r.parity} |")
    lines.append("")
    for s in record.scalings:
        lines.append(f"- {s.what}: time grows as {s.x_name}^{s.exponent:.2f}")
    lines += [f"- {fact}" for fact in record.facts]
    lines += [
        f"- {name}: {part['outcome']} ({seconds(part['seconds'])})" for name, part in record.parts.items()
    ]
    return lines


def _apart(values: np.ndarray) -> list[float]:
    """Those of the values whose labels do not run into each other on a logarithmic axis."""
    least = 0.15 * np.log(values.max() / values.min())
    kept: list[float] = []
    for value in sorted(values):
        if not kept or np.log(value / kept[-1]) > least:
            kept.append(float(value))
    return kept


def _draw(scalings: Sequence[Scaling]) -> Figure:
    columns = 3
    rows = -(-len(scalings) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.1 * rows), layout="constrained")
    for number, scaling in enumerate(scalings, 1):
        axes = figure.add_subplot(rows, columns, number)
        x, y = np.array(scaling.x), np.array(scaling.y)
        slope, intercept = np.polyfit(np.log(x), np.log(y), 1)
        fine = np.geomspace(x.min(), x.max(), 50)
        axes.loglog(fine, np.exp(intercept) * fine**slope, color="0.6", label=f"{scaling.x_name}^{slope:.2f}")
        axes.loglog(x, y, "o", color="C0")
        axes.set_xlabel(scaling.x_name)
        axes.set_title(scaling.what, fontsize=9)
        at = _apart(x)
        axes.set_xticks(at, [f"{round(value):,}".replace(",", " ") for value in at])
        at = _apart(y)
        axes.set_yticks(at, [seconds(value) for value in at])
        axes.minorticks_off()
        axes.legend(frameon=False)
    return figure


def main() -> None:
    """Write the file and the picture."""
    records = [load_record(path) for path in sorted(RESULTS.glob("*.json"))]
    if not records:
        raise SystemExit(f"{RESULTS} holds no records: run make bench-table.")
    lines = HEAD.splitlines()
    scalings = [scaling for record in records for scaling in record.scalings]
    if scalings:
        _draw(scalings).savefig(FOLDER / PICTURE, dpi=80)
        lines += ["", f"![Cost against size, with fitted powers]({PICTURE})"]
    for record in records:
        lines += ["", *_section(record)]
    write_text(FOLDER / "README.md", "\n".join(lines).rstrip() + "\n")
    print(f"{FOLDER / 'README.md'}: {len(records)} benchmarks, {sum(len(r.ratios) for r in records)} ratios")


if __name__ == "__main__":
    main()
