"""What a run tells W&B of itself, and of its samples while they are predicted."""

import time
from dataclasses import replace
from typing import Any

from hw4.config import Config, MetricsConfig
from hw4.config.decides import read_values
from hw4.config.stages import selected_rows
from hw4.core.durable import jsonable
from hw4.metrics import summary_metrics, views_metrics
from hw4.pose.metrics import PoseError, summarize
from hw4.pose.results import SampleResult
from hw4.splat.source import uses_model
from hw4.tracking.tracker import Tracker

# Groups of which the choice alone says most: columns to group runs by.
CHOICES = ("model", "input", "data")
SAMPLE = "pose/sample"
# Metrics over the samples so far are told no more often: all of them anew takes time that grows with them.
EVERY_S = 2.0


def run_config(config: Config, provenance: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a W&B run: choices by name, the settings that the task reads, where it comes from.

    A W&B sweep writes its parameters beside them under their own names (``model``, ``splat.lr``): a choice
    has the same value there, and nothing else of ours can have the name of a parameter.
    """
    rows = selected_rows(config)
    chosen = {
        group: getattr(config, group).name
        for group in CHOICES
        if any(row.names(config, f"{group}.name") for row in rows)
    }
    settings: dict[str, Any] = {}
    for key, value in read_values(config, uses_model).items():
        *groups, name = key.split(".")
        node = settings
        for group in groups:
            node = node.setdefault(group, {})
        node[name] = value
    named = {"name": config.name} if config.name else {}
    logged = {"task": config.task, **chosen, **named, "settings": settings, "provenance": provenance}
    return dict(jsonable(logged))


class PoseLog:
    """Each sample's errors as they are known, and the metrics over the samples so far."""

    def __init__(self, tracker: Tracker, metrics: MetricsConfig) -> None:
        self._tracker = tracker
        self._metrics = replace(metrics, bootstrap=0)
        self._errors: list[PoseError] = []
        self._told = -EVERY_S
        tracker.axis("pose", SAMPLE)

    def __call__(self, sample: SampleResult) -> None:
        """Tell of one sample."""
        self._errors.append(sample.error)
        if self._tracker.drops:
            return
        values: dict[str, float | None] = {
            SAMPLE: float(len(self._errors)),
            "pose/rotation_error_deg": sample.error.rotation_deg,
            "pose/translation_error_deg": sample.error.translation_deg,
        }
        if time.monotonic() - self._told >= EVERY_S:
            summary = summarize(self._errors, self._metrics)
            values |= pose_values({name: measured.value for name, measured in summary.metrics.items()})
            self._told = time.monotonic()
        self._tracker.log(values)


def pose_values(metrics: dict[str, float | None]) -> dict[str, float | None]:
    """The pose metrics by the names that they are logged under."""
    keys = {row.name: row.key for row in (*summary_metrics(), *views_metrics())}
    return {f"pose/{keys[name]}": value for name, value in metrics.items() if name in keys}
