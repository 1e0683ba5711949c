"""The relative numbers beside those of the homework's protocol, which depend on the world frame."""

from dataclasses import replace

from hw4.config import MetricsConfig
from hw4.core.protocols import HOMEWORK, RELATIVE
from hw4.core.scale import DEGREES
from hw4.metrics import summary_metrics
from hw4.pose.metrics import PoseSummary

# Degrees by which the protocols may differ without a word.
SAME_DEG = 1.0


def relative_config(config: MetricsConfig) -> MetricsConfig | None:
    """How the numbers beside are made: composed otherwise, all else as it is; None: nothing stands beside."""
    if config.protocol != HOMEWORK:
        return None
    return replace(config, protocol=RELATIVE, mode=config.errors_mode, fold_translation=config.folds)


def why_they_differ(summary: PoseSummary, relative: PoseSummary | None) -> str | None:
    """One sentence where a mean of the two protocols differs by more than a degree; None where none does."""
    if relative is None:
        return None
    differing = [
        f"{row.label} by {abs(a - b):.2f}°"
        for row in summary_metrics(summary.protocol)
        if row.scale == DEGREES
        and (a := _value(summary, row.name)) is not None
        and (b := _value(relative, row.name)) is not None
        and abs(a - b) > SAME_DEG
    ]
    if not differing:
        return None
    return (
        f"the two protocols differ ({', '.join(differing)}): the homework's composes camera-to-world "
        "matrices, which of a relative rotation D after a first one R₁ gives R₁ Dᵀ R₁ᵀ, so that its errors "
        "depend on the world frame of the cameras; the relative ones do not"
    )


def _value(summary: PoseSummary, name: str) -> float | None:
    measured = summary.metrics.get(name)
    return None if measured is None else measured.value
