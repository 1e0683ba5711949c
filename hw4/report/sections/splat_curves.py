"""The report's drawings of splat training, all runs in one drawing each."""

from collections.abc import Sequence

from hw4.output.blocks import Chart
from hw4.output.paper import plot_series
from hw4.output.svg import Axis, Series, chart, drawn_of
from hw4.output.tables import Table
from hw4.output.training_curves import CURVES, Curve
from hw4.report.splat_results import Result

MAX_SERIES = 8


def splat_curves(results: Sequence[Result]) -> list[Chart]:
    """Loss, training PSNR and number of Gaussians over the iterations, all runs in one drawing each."""
    logged = [result for result in results if result.splat.history]
    shown = logged[:MAX_SERIES]
    found = []
    for curve in CURVES:
        series, rows = [], []
        for color, result in enumerate(shown):
            records = [r for r in result.splat.history if r.get(curve.key) is not None]
            steps, values = [float(r["step"]) for r in records], [float(r[curve.key]) for r in records]
            series.append(Series(result.label, steps, values, line=True, color=color))
            rows += [[result.label, f"{s:g}", str(v)] for s, v in zip(steps, values, strict=True)]
        if not rows:
            continue
        values = [value for item in series for value in item.y]
        steps = [step for item in series for step in item.x]
        low, high = _range(values, curve)
        x, y = Axis("iteration", 0, max(steps)), Axis(curve.label, low, high, log=curve.logarithmic)
        svg = chart(series, x, y, f"{curve.title} over the iterations")
        data = Table("", ["run", "iteration", curve.key], rows)
        found.append(
            Chart(
                f"splat_{curve.key}",
                curve.title,
                svg,
                data,
                drawn_of(len(shown), len(logged)).strip(),
                plot_series(series, x, y),
            )
        )
    return found


def _range(values: Sequence[float], curve: Curve) -> tuple[float, float]:
    low, high = min(values), max(values)
    if curve.logarithmic and low > 0:
        return low / 1.1, high * 1.1
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return (0.0 if curve.from_zero else low - margin), high + margin
