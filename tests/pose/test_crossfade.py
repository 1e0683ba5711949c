"""Frames that only blend two photos are told from views between them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw4.config import InputConfig, PairsConfig, SampleConfig
from hw4.core.errors import UserError
from hw4.data.pairs.samples import load_pairs
from hw4.data.sample.cameras import camera
from hw4.data.sample.scene import intrinsics, make_scene, render
from hw4.data.sample.write import write_pair
from hw4.pose.crossfade import (
    BLANK,
    BLEND,
    COPY,
    CUT,
    FADE,
    FROZEN,
    MOVED,
    NOTHING,
    VIEW,
    diagnose_sequence,
    measure_crossfade,
)
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


WIDTH, HEIGHT = 96, 72


def seen(seed: int, forward: float = 0.0, right: float = 0.0, yaw_deg: float = 0.0) -> Image.Image:
    """A view of a room from near its middle, with the parallax of its furniture."""
    position = np.array([right, -1.45, forward - 0.4])
    cam_from_world = camera(position, np.radians(yaw_deg), 0.1)
    return Image.fromarray(
        render(make_scene(seed), cam_from_world, intrinsics(WIDTH, HEIGHT), WIDTH, HEIGHT).rgb
    )


@pytest.fixture(scope="module", params=[1, 2, 3])
def ends(request: pytest.FixtureRequest) -> tuple[Image.Image, Image.Image]:
    """Two photos of a room that share little."""
    return seen(request.param), seen(request.param, 0.2, 0.4, 50)


def faded(
    ends: tuple[Image.Image, Image.Image], n: int = 6, pan: float = 0.0, zoom: float = 1.0
) -> list[Image.Image]:
    """A fade whose frames drift up to `pan` of the width, and zoom in up to `zoom`."""
    frames = []
    for t in np.linspace(0, 1, n + 2)[1:-1]:
        half = 0.5 / (1 + (zoom - 1) * t)
        middle = 0.5 + pan * t
        box = ((middle - half) * WIDTH, (0.5 - half) * HEIGHT, (middle + half) * WIDTH, (0.5 + half) * HEIGHT)
        frame = Image.blend(*ends, t).transform(
            (WIDTH, HEIGHT), Image.Transform.EXTENT, box, Image.Resampling.BILINEAR
        )
        frames.append(frame)
    return frames


@pytest.mark.parametrize("pan, zoom", [(0.0, 1.0), (0.05, 1.0), (-0.05, 1.0), (0.0, 1.4), (0.05, 1.2)])
def test_fades_that_pan_and_zoom_are_found(
    ends: tuple[Image.Image, Image.Image], pan: float, zoom: float
) -> None:
    measured = measure_crossfade([ends[0], *faded(ends, pan=pan, zoom=zoom), ends[1]])
    assert measured.verdict == FADE and VIEW not in measured.kinds
    assert ("shift up to" in str(measured)) == (pan != 0)
    middle = measured.pan[[2, 3], 0]
    np.testing.assert_allclose(middle, [pan * 3 / 7, pan * 4 / 7], atol=0.01)


def test_a_fade_with_one_stray_frame_is_found(ends: tuple[Image.Image, Image.Image]) -> None:
    frames = faded(ends)
    frames[3] = seen(5, yaw_deg=200)
    measured = measure_crossfade([ends[0], *frames, ends[1]])
    assert measured.found and measured.kinds[3] == VIEW
    assert str(measured).startswith("5 of the 6 middle frames only fade")
    frames[1] = seen(6, yaw_deg=100)
    assert measure_crossfade([ends[0], *frames, ends[1]]).verdict == NOTHING


def test_noise_and_gain_hide_no_fade(ends: tuple[Image.Image, Image.Image]) -> None:
    rng = np.random.default_rng(0)
    frames = [
        Image.fromarray(
            np.clip(0.8 * np.asarray(frame) + rng.normal(20, 10, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
        )
        for frame in faded(ends)
    ]
    assert measure_crossfade([ends[0], *frames, ends[1]]).found


def test_frozen_frames_do_not_fade(ends: tuple[Image.Image, Image.Image]) -> None:
    first, last = ends
    for end, words in zip(ends, ("the first photo", "the last photo"), strict=True):
        measured = measure_crossfade([first, *[end] * 4, last])
        assert measured.verdict == FROZEN and f"only repeat {words}" in str(measured)
    still = measure_crossfade([first, *[seen(5, yaw_deg=200)] * 4, last])
    assert still.verdict == FROZEN and "repeat one picture" in str(still)


def test_blank_frames_do_not_fade(ends: tuple[Image.Image, Image.Image]) -> None:
    greys = [Image.new("RGB", (WIDTH, HEIGHT), (level,) * 3) for level in (0, 90, 91, 255)]
    measured = measure_crossfade([ends[0], *greys, ends[1]])
    assert measured.verdict == BLANK and "show nothing" in str(measured)
    # Blank frames are no part of a fade either.
    assert measure_crossfade([ends[0], *greys[:2], *faded(ends, 3), ends[1]]).verdict == NOTHING


def test_a_hard_cut_does_not_fade(ends: tuple[Image.Image, Image.Image]) -> None:
    first, last = ends
    measured = measure_crossfade([first, first, first, last, last])
    assert measured.verdict == CUT and "2 the first, 1 the last" in str(measured)
    softened = measure_crossfade([first, *[first] * 3, Image.blend(first, last, 0.5), *[last] * 3, last])
    assert softened.kinds == (COPY, COPY, COPY, BLEND, COPY, COPY, COPY) and softened.verdict == CUT


@pytest.mark.parametrize(
    "forward, right, yaw_deg",
    [
        (1.0, 0.0, 0.0),
        (-0.8, 0.0, 0.0),
        (0.0, 0.4, 0.0),
        (0.0, 0.0, 12.0),
        (0.0, 0.0, 50.0),
        (0.3, 0.3, 10.0),
    ],
)
@pytest.mark.parametrize("seed", [1, 4])
def test_true_motion_is_not_mistaken(seed: int, forward: float, right: float, yaw_deg: float) -> None:
    """Rendered with parallax: the camera moves forward, back, sideways, or turns."""
    views = [seen(seed, t * forward, t * right, t * yaw_deg) for t in np.linspace(0, 1, 7)]
    measured = measure_crossfade(views)
    assert measured.verdict == NOTHING and BLEND not in measured.kinds


@pytest.mark.parametrize("seed", range(100, 112))
def test_small_steps_are_not_mistaken(seed: int) -> None:
    """The mean of two photos a pixel apart looks like the photo between them."""
    views = [seen(seed, right=t * 0.1, yaw_deg=137 * seed) for t in np.linspace(0, 1, 6)]
    assert measure_crossfade(views).verdict == NOTHING


def test_a_zoom_is_not_mistaken(ends: tuple[Image.Image, Image.Image]) -> None:
    """What a camera sees that moves towards a wall: one photo, larger and larger."""
    frames = faded((ends[0], ends[0]), zoom=1.5)
    measured = measure_crossfade([ends[0], *frames, ends[1]])
    assert measured.verdict == NOTHING and set(measured.kinds) <= {COPY, MOVED}


def test_photos_that_are_alike_prove_nothing(sample_root: Path) -> None:
    photo = Image.open(sequence(sample_root, 0)[0])
    measured = measure_crossfade([photo, photo, photo])
    assert measured.explained.min() > 0.999 and not measured.found


def test_flat_images_do_no_harm() -> None:
    flat = Image.new("RGB", (40, 30), (90, 90, 90))
    assert not measure_crossfade([flat, flat, flat]).found


def test_it_stands_in_the_prediction_whatever_the_model_says(sample_root: Path) -> None:
    class Broken:
        thread_safe = False

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
