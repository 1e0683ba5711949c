"""What every table of a pose run must say besides its numbers."""

from collections.abc import Sequence

from hw4.models.base import IDENTITY_VIEWS
from hw4.pose.results import SampleResult


def left_at_identity(samples: Sequence[SampleResult]) -> list[str]:
    """What every table must say where a model was to leave views at the identity; else nothing."""
    notes = [s.prediction.notes for s in samples]
    counts = [len(note[IDENTITY_VIEWS]) for note in notes if IDENTITY_VIEWS in note]
    if not counts:
        return []
    views, touched = sum(counts), sum(count > 0 for count in counts)
    return [
        f"PnP found no camera for {views} view{'s' * (views != 1)} of {touched} "
        f"sample{'s' * (touched != 1)}; such views are left at the identity, as upstream leaves them"
    ]
