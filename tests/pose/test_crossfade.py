"""Frames that only blend two photos are told from views between them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw4.config import InputConfig, PairsConfig, SampleConfig
from hw4.core.errors import UserError
from hw4.data.pairs.samples import load_pairs
from hw4.data.sample.write import write_pair
from hw4.pose.crossfade import diagnose_sequence, measure_crossfade
from hw4.pose.predict import predict_sample


@pytest.fixture(scope="module")
def sample_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    for idx in range(4):
        write_pair(root, SampleConfig(pairs=4), idx)
    return root


def sequence(root: Path, idx: int) -> list[Path]:
    folder = root / "interpolated" / str(idx) / "sample"
    frames = [folder / f"{idx}_frame{number}.png" for number in range(1, 7)]
    return [root / "images" / f"{idx:04d}_a.png", *frames, root / "images" / f"{idx:04d}_b.png"]


def test_only_the_degenerate_sequence_is_a_crossfade(sample_root: Path) -> None:
    found = [diagnose_sequence(sequence(sample_root, idx)) for idx in range(4)]
    assert found[:3] == [None] * 3
    assert found[3] and "6 middle frames only fade" in found[3] and "zoom up to 1.3" in found[3]
    assert diagnose_sequence(sequence(sample_root, 3)[::7]) is None, "a pair has no frames to judge"


def test_the_zoom_of_a_known_blend_is_found(sample_root: Path) -> None:
    first, last = (Image.open(path).convert("RGB") for path in sequence(sample_root, 0)[::7])
    width, height = first.size
    frames = []
    for t, zoom in ((0.25, 1.0), (0.5, 1.25), (0.75, 1.5)):
        dx, dy = (1 - 1 / zoom) / 2 * width, (1 - 1 / zoom) / 2 * height
        box = (dx, dy, width - dx, height - dy)
        frames.append(Image.blend(first, last, t).resize((width, height), box=box))
    measured = measure_crossfade([first, *frames, last])
    assert measured.found
    np.testing.assert_allclose(measured.zoom, (1.0, 1.25, 1.5), atol=0.03)
    # One true view among the blends is enough to be of use.
    view = Image.open(sequence(sample_root, 0)[3]).convert("RGB")
    assert not measure_crossfade([first, frames[0], view, last]).found


def test_photos_that_are_alike_prove_nothing(sample_root: Path) -> None:
    photo = Image.open(sequence(sample_root, 0)[0])
    measured = measure_crossfade([photo, photo, photo])
    assert measured.explained.min() > 0.999 and not measured.found


def test_flat_images_do_no_harm() -> None:
    flat = Image.new("RGB", (40, 30), (90, 90, 90))
    assert not measure_crossfade([flat, flat, flat]).found


def test_it_stands_in_the_prediction_whatever_the_model_says(sample_root: Path) -> None:
    class Broken:
        def reconstruct(self, *_: object) -> None:
            raise ValueError("out of order")

    truth = write_pair(sample_root, SampleConfig(pairs=4), 3)
    (sample_root / "gt.json").write_text(json.dumps({3: truth}))
    (sample_root / "pairs.txt").write_text("idx img1 img2\n3 0003_a.png 0003_b.png\n")
    config = PairsConfig(root=str(sample_root), generator="sample")
    sample = load_pairs(config, InputConfig(name="interpolated"))[0]
    prediction = predict_sample(Broken(), sample, seed=0)  # type: ignore[arg-type]
    assert prediction.status == "broken" and "only fade" in prediction.diagnoses["sequence"]


def test_a_damaged_frame_is_one_sentence(sample_root: Path, tmp_path: Path) -> None:
    broken = tmp_path / "frame1.png"
    broken.write_bytes(b"no image")
    paths = sequence(sample_root, 0)
    with pytest.raises(UserError, match="cannot read image"):
        diagnose_sequence([paths[0], broken, paths[-1]])


@pytest.mark.slow
def test_real_videos_are_not_mistaken(shared_data: Path) -> None:
    config = PairsConfig(root=str(shared_data / "tum_pairs"), generator="real")
    samples = load_pairs(config, InputConfig(name="interpolated"))
    assert len(samples) == 15
    assert [diagnose_sequence(sample.image_paths) for sample in samples] == [None] * 15
