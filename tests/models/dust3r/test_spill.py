"""Predictions on disk: taken up after a kill, not believed when damaged, gone when no longer needed."""

import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hw4.models.base import NoRoom, Reconstruction, ReconstructionFailed
from hw4.models.dust3r import pace as pace_module
from hw4.models.dust3r import pairs as dust3r_fast
from hw4.models.dust3r import spill
from hw4.models.dust3r.config import AlignmentConfig, Dust3rConfig
from hw4.models.dust3r.model import Dust3rModel
from hw4.models.dust3r.pace import Pace
from hw4.models.dust3r.predictions import PairPredictions
from hw4.models.dust3r.spill import workspace
from tests.support.pointmap_networks import SceneNetwork, arc_cameras, dust3r_with, make_photos

EDGES = [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)]
SHAPES = [(4, 6), (4, 6), (6, 4)]


class Interrupted(BaseException):
    """As Ctrl-C."""


class Counting(nn.Module):
    """Counts pairs, and stops after some."""

    def __init__(self, network: nn.Module, stops_at: int | None = None, fits: int = 99) -> None:
        super().__init__()
        self.network, self.stops_at, self.fits = network, stops_at, fits
        self.batches: list[int] = []

    def forward(self, view1: dict, view2: dict) -> Any:
        n = len(view1["idx"])
        if n > self.fits:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        if self.stops_at is not None and sum(self.batches) + n > self.stops_at:
            raise Interrupted
        self.batches.append(n)
        return self.network(view1, view2)


def model_with(
    scratch: Path | None, precision: str = "float32", batch: int = 1, **limits: int
) -> Dust3rModel:
    alignment = AlignmentConfig(iterations=5, precision=precision)
    config = Dust3rConfig(weights="random", device="cpu", seed=1, batch_size=batch, alignment=alignment)
    model = dust3r_with(lambda network: Counting(SceneNetwork(network, arc_cameras(4)), **limits), config)
    model.scratch = scratch
    return model


def assert_equal(one: Reconstruction, other: Reconstruction) -> None:
    for name in ("cam_from_world", "Ks", "pts3d", "conf", "depth"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            np.testing.assert_array_equal(a, b)
    assert one.notes == other.notes and one.diagnoses == other.diagnoses


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_an_interrupted_reconstruction_predicts_the_missing_pairs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setattr(spill, "SPILL_FROM", 0)
    paths = make_photos(tmp_path, 4)
    undisturbed = model_with(None, precision).reconstruct(paths)
    scratch = tmp_path / "scratch"
    stopped = model_with(scratch, precision, stops_at=5)
    with pytest.raises(Interrupted):
        stopped.reconstruct(paths)
    assert sum(stopped.network.batches) == 5
    (points,) = scratch.glob("*/points.bin")
    size = 2 if precision == "float16" else 4
    assert points.stat().st_size == 12 * 2 * 64 * 48 * 4 * size
    resumed = model_with(scratch, precision)
    assert_equal(resumed.reconstruct(paths), undisturbed)
    assert sum(resumed.network.batches) == 12 - 5
    assert not list(scratch.glob("*/points.bin")), "what is no longer needed is gone"


def test_the_fast_pass_goes_on_with_the_same_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a chunk of another size numbers would be rounded otherwise."""
    monkeypatch.setattr(spill, "SPILL_FROM", 0)
    # Two pairs of 48 tokens.
    monkeypatch.setitem(dust3r_fast.TOKENS_PER_CHUNK, "cpu", 100)
    chunks: list[int] = []
    chunk_of, put = dust3r_fast.PairPredictor._chunk, spill.Workspace.put

    def counted(self: Any, groups: Any, members: list[list[int]]) -> Any:
        chunks.append(len(members[0]))
        return chunk_of(self, groups, members)

    def stopping(self: spill.Workspace, pair: int, *found: Any) -> bool:
        if pair == 5:
            raise Interrupted
        return put(self, pair, *found)

    monkeypatch.setattr(dust3r_fast.PairPredictor, "_chunk", counted)
    paths = make_photos(tmp_path, 4)
    config = Dust3rConfig(weights="tiny", device="cpu", alignment=AlignmentConfig(iterations=5))
    model = Dust3rModel.from_config(config)
    undisturbed = model.reconstruct(paths)
    model.scratch = tmp_path / "scratch"
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(spill.Workspace, "put", stopping)
        model.reconstruct(paths)
    chunks.clear()
    assert_equal(model.reconstruct(paths), undisturbed)
    # The third holds a pair that is there.
    assert chunks == [2] * 4


def put_all(space: spill.Workspace) -> None:
    generator = torch.Generator().manual_seed(0)
    for pair, edge in enumerate(space.predictions.edges):
        sides = []
        for view in edge:
            shape = SHAPES[view]
            points = torch.randn(*shape, 3, generator=generator)
            conf = 1 + torch.rand(shape, generator=generator)
            sides.append((points, conf))
        sides[0][0][0, 0] = torch.nan
        if pair in space.missing:
            (p1, c1), (p2, c2) = sides
            space.put(pair, {"pts3d": p1, "conf": c1}, {"pts3d_in_other_view": p2, "conf": c2})


def left_behind(scratch: Path) -> np.ndarray:
    with pytest.raises(Interrupted), workspace(SHAPES, EDGES, np.float32, scratch, "it") as space:
        put_all(space)
        values = space.predictions.values.copy()
        raise Interrupted
    return values


def test_what_a_disk_damaged_is_predicted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "SPILL_FROM", 0)
    values = left_behind(tmp_path)
    points = tmp_path / "it" / "points.bin"
    content = bytearray(points.read_bytes())
    # In the y of the third pair.
    content[4 * (values.shape[1] + 2 * 48 + 3)] ^= 1
    points.write_bytes(content)
    with workspace(SHAPES, EDGES, np.float32, tmp_path, "it") as space:
        assert space.missing == [2]
        assert space.predictions.bad[:, 0].tolist() == [1, 1, 0, 1, 1, 1]
        put_all(space)
        np.testing.assert_array_equal(space.predictions.values, values)


@pytest.mark.parametrize(
    "line", ["[1]", '{"pairs": [99], "bad": [[0, 0]], "sums": [1]}', "{", '{"pairs": 3}']
)
def test_a_damaged_list_of_pairs_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(spill, "SPILL_FROM", 0)
    left_behind(tmp_path)
    path = tmp_path / "it" / "pairs.jsonl"
    path.write_text(f"{line}\n{path.read_text()}")
    with workspace(SHAPES, EDGES, np.float32, tmp_path, "it") as space:
        assert len(space.missing) == len(EDGES)


def test_what_failed_for_good_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "SPILL_FROM", 0)
    for error, stays in ((NoRoom("full"), True), (ReconstructionFailed("nothing finite"), False)):
        with pytest.raises(type(error)), workspace(SHAPES, EDGES, np.float32, tmp_path, "it"):
            raise error
        assert (tmp_path / "it").exists() is stays


def test_without_room_on_the_disk_it_is_said_and_memory_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spill, "SPILL_FROM", 0)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 5, 5))
    with workspace(SHAPES, EDGES, np.float32, tmp_path, "it") as space:
        put_all(space)
        assert not (tmp_path / "it").exists()
    (said,) = caplog.messages
    assert "4.5 KiB are needed and 5 B are free" in said and "begins this sample again" in said


def test_small_scenes_write_nothing(tmp_path: Path) -> None:
    with workspace(SHAPES, EDGES, np.float32, tmp_path, "it") as space:
        put_all(space)
    assert not list(tmp_path.iterdir())


def test_a_full_device_gets_smaller_batches(tmp_path: Path) -> None:
    paths = make_photos(tmp_path, 4)
    model = model_with(None, batch=8, fits=3)
    found = model.reconstruct(paths)
    # Of the 12 pairs: 8, 4, 2 at once.
    assert model.network.batches == [2] * 6
    # A batch of another size rounds otherwise.
    np.testing.assert_allclose(
        found.cam_from_world, model_with(None).reconstruct(paths).cam_from_world, atol=1e-4
    )
    with pytest.raises(
        NoRoom, match=r"64x48 pixels on cpu does not fit into memory [(]CUDA out of memory[)]: set"
    ):
        model_with(None, fits=0).reconstruct(paths)


def test_long_work_is_announced_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    monkeypatch.setattr(pace_module.time, "monotonic", lambda: now[0])
    told: list[tuple[int, int, str]] = []
    for n_missing, seconds_each in ((10, 0.1), (10, 60.0)):
        pace = Pace(4, 12, n_missing, 3 * 2**30, lambda *step: told.append(step))
        for _ in range(n_missing):
            now[0] += seconds_each
            pace.count(1)
    assert caplog.messages == [
        "4 views, 12 pairs, 3.0 GiB of predicted points: the network is at work for about 10 minutes"
    ]
    assert told == [(done, 12, "pairs of views") for done in range(3, 13)]


def test_points_that_are_no_numbers_have_no_weight() -> None:
    predictions = PairPredictions([(1, 3), (1, 3)], [(0, 1), (1, 0)], np.float16)
    points = torch.tensor([[[torch.nan, 0.0, 1], [7e4, 0, 0], [1, 2, 3]]])
    conf = torch.tensor([[5.0, 5, 5]])
    for pair in (0, 1):
        predictions.put(pair, {"pts3d": points, "conf": conf}, {"pts3d_in_other_view": points, "conf": conf})
    assert predictions.bad.tolist() == [[2, 2], [2, 2]]
    assert predictions.points(1, 0).tolist() == [[[0, 0, 0], [0, 0, 0], [1, 2, 3]]]
    assert predictions.conf(1, 0)[0, :2].tolist() == [1, 1]
    assert float(predictions.conf(1, 0)[0, 2]) == pytest.approx(5, rel=1e-3)
    with pytest.raises(ReconstructionFailed, match="67 % of the points"):
        predictions.check()
