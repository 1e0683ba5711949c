"""Prediction in batches, decoded ahead: the same results as one by one, and one bad sample harms no other."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hw4.core.durable import jsonable
from hw4.core.errors import UserError
from hw4.data.pairs.samples import PairSample
from hw4.models.base import Reconstruction
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.dust3r.model import Dust3rModel
from hw4.models.network.one_pass import in_one_pass
from hw4.models.network.views import ModelView
from hw4.models.vggt.config import VggtConfig
from hw4.models.vggt.model import VggtModel
from hw4.pose import predict
from hw4.pose.at_once import AtOnce
from hw4.pose.predict import AHEAD, predict_sample, predict_samples
from hw4.pose.results import BROKEN, OK, Prediction
from tests.support.fake_models import FakeModel
from tests.support.pointmap_networks import make_photos

VGGT = VggtConfig(weights="random", device="cpu", seed=2)
SHAPES = ((100, 75), (100, 75), (75, 100), (100, 75), (100, 75), (100, 75), (100, 75))


def make_samples(folder: Path, shapes: Sequence[tuple[int, int]] = SHAPES) -> list[PairSample]:
    samples = []
    for idx, shape in enumerate(shapes):
        (folder / str(idx)).mkdir()
        paths = make_photos(folder / str(idx), 2 * (idx + 1), (shape,))[-2:]
        samples.append(PairSample(idx, tuple(paths), None, None))
    return samples


class Recorded(VggtModel):
    """Remembers the sizes of its batches."""

    def __init__(self, config: VggtConfig, network_bias: float = 0.5) -> None:
        inner = VggtModel.from_config(config)
        self.__dict__ = inner.__dict__
        # A random camera head says 0 for the field of view (a ReLU) of some view: about 2 radians instead.
        with torch.no_grad():
            self.network.camera_head.pose_branch.fc2.bias[7:9] = network_bias
        self.batches: list[int] = []
        self.threads: set[int] = set()

    def load_views(self, image_paths: Sequence[Path]) -> list[ModelView]:
        self.threads.add(threading.get_ident())
        return super().load_views(image_paths)

    def reconstruct_batch(self, scenes: Sequence[Sequence[ModelView]]) -> list[Reconstruction]:
        self.batches.append(len(scenes))
        return super().reconstruct_batch(scenes)


def same(one: Prediction, other: Prediction) -> bool:
    assert (one.idx, one.status, one.reason) == (other.idx, other.status, other.reason)
    if one.cam_from_world is None or other.cam_from_world is None:
        return one.cam_from_world is other.cam_from_world
    return np.allclose(one.cam_from_world, other.cam_from_world, atol=1e-5)


def test_batches_give_what_single_scenes_give(tmp_path: Path) -> None:
    samples = make_samples(tmp_path)
    single = Recorded(replace(VGGT, batch_size=1))
    batched = Recorded(replace(VGGT, batch_size=4))
    one_by_one = list(predict_samples(single, samples, 0))
    together = list(predict_samples(batched, samples, 0))
    assert single.batches == [1] * 7
    # In order, and only scenes of one shape together.
    assert batched.batches == [2, 1, 4]
    assert [p.idx for p in together] == list(range(7))
    assert all(p.status == "ok" for p in together)
    assert all(map(same, together, one_by_one))
    # Another pair has other cameras: the comparison is of more than a constant.
    assert not same(together[0], replace(together[1], idx=0))


def test_groups_of_samples_are_the_same_batches_wherever_they_are_worked_on(tmp_path: Path) -> None:
    samples, at_once = make_samples(tmp_path), AtOnce(group=3)
    model = Recorded(replace(VGGT, batch_size=4))
    whole = list(predict_samples(model, samples, 0, at_once=at_once))
    assert model.batches == [2, 1, 3, 1]
    parts = [p for i in (0, 3, 6) for p in predict_samples(model, samples[i : i + 3], 0, at_once=at_once)]
    assert model.batches[4:] == [2, 1, 3, 1]
    for one, other in zip(whole, parts, strict=True):
        assert jsonable(replace(one, seconds=None).to_json()) == jsonable(
            replace(other, seconds=None).to_json()
        )


def test_batches_follow_the_size_of_the_scenes(tmp_path: Path) -> None:
    model = Recorded(VGGT)
    views = model.load_views(make_photos(tmp_path, 8, ((100, 75),)))
    assert model.scenes_per_batch(views[:2]) > model.scenes_per_batch(views) >= 1


def test_one_bad_scene_of_a_batch_is_found(tmp_path: Path) -> None:
    class Picky(Recorded):
        def reconstruct_batch(self, scenes: Sequence[Sequence[ModelView]]) -> list[Reconstruction]:
            if any(view.pixels.max() == 0 for views in scenes for view in views):
                self.batches.append(len(scenes))
                raise RuntimeError("black")
            return super().reconstruct_batch(scenes)

    samples = make_samples(tmp_path, SHAPES[3:])
    for view in samples[2].image_paths:
        Image.new("RGB", (100, 75)).save(view)
    model = Picky(replace(VGGT, batch_size=4))
    predictions = list(predict_samples(model, samples, 0))
    assert model.batches == [4, 1, 1, 1, 1]
    assert [p.status for p in predictions] == ["ok", "ok", "broken", "ok"]
    assert predictions[2].reason == "RuntimeError: black"


def test_an_unreadable_photo_does_not_disturb_its_neighbours(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, SHAPES[3:])
    samples[1].image_paths[1].write_bytes(b"no image")
    predictions = list(predict_samples(Recorded(VGGT), samples, 0))
    assert [p.status for p in predictions] == ["ok", "bad_input", "ok", "ok"]
    assert "cannot read image" in str(predictions[1].reason)


def test_photos_are_decoded_elsewhere_and_not_too_far_ahead(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, ((100, 75),) * 12)
    loaded: list[int] = []

    class Counting(Recorded):
        def load_views(self, image_paths: Sequence[Path]) -> list[ModelView]:
            loaded.append(len(loaded))
            return super().load_views(image_paths)

    model = Counting(replace(VGGT, batch_size=1))
    stream = predict_samples(model, samples, 0)
    next(stream)
    assert len(loaded) <= 1 + AHEAD
    # A caller that stops early pays for no more.
    stream.close()  # type: ignore[attr-defined]
    assert len(loaded) <= 1 + AHEAD and threading.get_ident() not in model.threads


def test_a_thread_safe_model_has_a_scene_for_every_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = []
    for idx in range(6):
        paths = [tmp_path / f"{idx}_{view}.png" for view in "ab"]
        for path in paths:
            Image.new("L", (4, 4)).save(path)
        samples.append(PairSample(idx, tuple(paths), None, None))
    expected = list(predict_samples(FakeModel(), samples, 0))
    together = threading.Barrier(3, timeout=20)

    class Safe(FakeModel):
        thread_safe = True

        def reconstruct(
            self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
        ) -> Reconstruction:
            together.wait()
            return super().reconstruct(image_paths, Ks, seed)

    monkeypatch.setattr(predict, "usable_cores", lambda: 3)
    predictions = list(predict_samples(Safe(), samples, 0))
    assert all(map(same, predictions, expected)) and len(predictions) == 6
    assert [p.status for p in predictions] == ["ok", "ok", "ok", "broken", "failed", "ok"]


@pytest.mark.parametrize("make", [Recorded, lambda config: Dust3rModel.from_config(Dust3rConfig(**SMALL))])
def test_reconstruct_is_load_then_reconstruct_views(
    make: Callable[[VggtConfig], Recorded], tmp_path: Path
) -> None:
    paths = make_photos(tmp_path, 2, ((100, 75),))
    model = make(VGGT)
    whole, parts = model.reconstruct(paths), model.reconstruct_views(model.load_views(paths))
    np.testing.assert_array_equal(whole.cam_from_world, parts.cam_from_world)


SMALL = {"weights": "random", "device": "cpu", "seed": 2}


def test_models_that_read_files_themselves(tmp_path: Path) -> None:
    paths = tmp_path / "0_a.png", tmp_path / "0_b.png"
    assert predict_sample(FakeModel(), PairSample(0, paths, None, None), 0).status == "ok"
    broken = tmp_path / "3_a.png", tmp_path / "3_b.png"
    prediction = predict_sample(FakeModel(), PairSample(3, broken, None, None), 0)
    assert (prediction.status, prediction.reason) == ("broken", "RuntimeError: the model broke")


def test_a_view_without_camera_has_no_points_from_depth(tmp_path: Path) -> None:
    """With the point head left out there is nothing else to take them from; the reason is told."""
    reconstruction = Recorded(VGGT, network_bias=-50.0).reconstruct(make_photos(tmp_path, 2, ((100, 75),)))
    assert reconstruction.pts3d is not None and np.isnan(reconstruction.pts3d[0]).all()
    assert "no field of view" in str(reconstruction.diagnoses[0])


def test_a_full_disk_ends_the_run(tmp_path: Path) -> None:
    """It is not the sample's fault: nothing is recorded about it."""
    samples = make_samples(tmp_path, SHAPES[3:])
    with pytest.raises(UserError, match="cannot write"):
        next(predict_samples(Recorded(VGGT), samples, 0, Path("/dev/full")))


class Full(Recorded):
    """On a device that has room for some scenes only."""

    fits = 99

    def reconstruct_batch(self, scenes: Sequence[Sequence[ModelView]]) -> list[Reconstruction]:
        return self._in_room(scenes)

    @in_one_pass
    def _in_room(self, scenes: Sequence[Sequence[ModelView]]) -> list[Reconstruction]:
        if len(scenes) > self.fits:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ...")
        return super().reconstruct_batch(scenes)


def test_a_full_device_gets_smaller_batches_and_then_a_sentence(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, ((100, 75),) * 7)
    model = Full(replace(VGGT, batch_size=4))
    model.fits = 2
    found = list(predict_samples(model, samples, 0))
    # From the first 4 on: halves, and no more than that again.
    assert model.batches == [2, 2, 2, 1]
    assert [p.status for p in found] == [OK] * 7
    model.fits = 0
    for prediction in predict_samples(model, samples[:2], 0):
        assert prediction.status == BROKEN
        said = (
            "one pass over 2 views of 64x48 pixels does not fit into memory (CUDA out of memory): use fewer"
        )
        assert str(prediction.reason).startswith(said)
