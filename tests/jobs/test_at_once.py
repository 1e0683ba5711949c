"""`jobs=auto`: how many samples at a time, and where."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from hw4.config import Config, InputConfig
from hw4.config.model import ModelConfig
from hw4.config.root import CacheConfig
from hw4.jobs import at_once as module
from hw4.jobs.at_once import VIEWS_EACH, at_once
from hw4.jobs.context import JobContext
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.external.config import ExternalConfig
from hw4.models.sfm.config import SfmConfig
from hw4.models.vggt.config import VggtConfig
from hw4.pose.at_once import ALONE, AtOnce
from hw4.tracking.tracker import Tracker


def chosen(
    model: ModelConfig, jobs: str = "auto", gpus: tuple[str, ...] = (), selection: str = "all"
) -> AtOnce:
    name = "pair" if selection == "all" else "interpolated"
    inputs = InputConfig(name, selection=selection)
    config = Config(model=model, jobs=jobs, input=inputs, cache=CacheConfig(reuse=False))
    results = {"provenance": {"gpus": list(gpus)}}
    return at_once(JobContext(config, Path(), Console(file=io.StringIO()), Tracker(), results))


def counts(found: AtOnce) -> tuple[int | None, int | None, int, bool]:
    return found.count, found.group, found.views_each, found.make is not None


def test_who_works_beside_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usable_cores", lambda: 6)
    monkeypatch.setattr(module, "free_bytes", lambda: 64 * 10**9)
    tiny, many = Dust3rConfig(device="auto"), VggtConfig(batch_size=None)
    assert counts(chosen(tiny)) == (6, 1, VIEWS_EACH, True)
    # Batches of the same samples, in one process or several.
    assert counts(chosen(many)) == (6, 12, VIEWS_EACH, True)
    assert counts(chosen(many, "1")) == (1, 12, 1, True)
    assert counts(chosen(tiny, "3")) == (3, 1, 1, True)
    # One after the other: large ones, those on a GPU, programs, candidates.
    large = replace(tiny, weights="official")
    for found in (
        chosen(large),
        chosen(large, "1"),
        chosen(tiny, gpus=("a GPU",)),
        chosen(replace(tiny, device="cuda")),
        chosen(ExternalConfig(command=["program"])),
        chosen(tiny, "3", selection="medoid"),
    ):
        assert found == ALONE
    assert chosen(replace(tiny, device="cpu"), gpus=("a GPU",)).count == 6
    assert counts(chosen(large, "2")) == (2, 1, 1, True)
    # The bits of a small network are those of one thread, wherever it works.
    assert [chosen(tiny, jobs).threads for jobs in ("auto", "1", "2")] == [1, 1, 1]
    assert chosen(large, "2").threads is None
    # In threads.
    assert chosen(SfmConfig()) == ALONE and chosen(SfmConfig(), "3") == AtOnce(3)
    monkeypatch.setattr(module, "free_bytes", lambda: 3 * 10**9)
    assert chosen(tiny).count == 2
