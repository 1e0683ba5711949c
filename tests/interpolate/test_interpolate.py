"""Frames made between two photos: what they show, how they lie on disk, and what goes wrong in words."""

import importlib.util
import inspect
import json
import signal
import sys
import time
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from hw4.config import Config, InputConfig, InterpolateConfig, PairsConfig, SampleConfig, SceneConfig
from hw4.config.interpolate import VideoConfig
from hw4.config.root import ReportConfig, WandbConfig
from hw4.core.errors import ConfigError, UserError
from hw4.data.pairs.samples import PhotoPair, load_pairs, load_photo_pairs
from hw4.data.sample.write import write_pair
from hw4.interpolate.base import Interpolator
from hw4.interpolate.crossfade import Crossfade
from hw4.interpolate.factory import build_interpolator
from hw4.interpolate.flow import DisFlow
from hw4.interpolate.write import interpolate_pairs
from hw4.jobs.run import run_job
from hw4.launch.sweep import plan
from hw4.pose.crossfade import diagnose_sequence
from tests.support import forked
from tests.support.interpolated import Slow, noise_pairs, pairs_in, texture
from tests.support.paths import ROOT

MakePairs = Callable[..., tuple[Path, np.ndarray]]


def frames_of(folder: Path, idx: int) -> list[np.ndarray]:
    count = len(list(folder.glob("*.png")))
    return [np.asarray(Image.open(folder / f"{idx}_frame{n}.png")) for n in range(count)]


def test_crossfade_is_what_it_is_diagnosed_as(tmp_path: Path) -> None:
    """Written, read back by the pose stage, and recognised by an independent measurement."""
    entry = write_pair(tmp_path, SampleConfig(pairs=4), 0)
    (tmp_path / "gt.json").write_text(json.dumps({0: entry}))
    (tmp_path / "pairs.txt").write_text("idx img1 img2\n0 0000_a.png 0000_b.png\n")
    data = PairsConfig(root=str(tmp_path))
    config = InterpolateConfig(frames=6)
    root = tmp_path / "interpolated"
    (outcome,) = interpolate_pairs(load_photo_pairs(data), Crossfade, config, root)
    assert outcome.status == "made"
    (sample,) = load_pairs(
        PairsConfig(root=str(tmp_path), generator="crossfade"), InputConfig("interpolated")
    )
    assert sample.problem is None
    assert [p.name for p in sample.image_paths[1:-1]] == [f"0_frame{n}.png" for n in range(1, 5)]
    diagnosis = diagnose_sequence(sample.image_paths)
    assert diagnosis and "4 middle frames only fade" in diagnosis and "zoom" not in diagnosis
    frames = frames_of(root / "0" / "crossfade", 0)
    photos = [np.asarray(Image.open(path).convert("RGB")).astype(float) for path in sample.image_paths[::5]]
    for t, frame in zip((0, 0.2, 0.4, 0.6, 0.8, 1), frames, strict=True):
        assert np.abs(frame - ((1 - t) * photos[0] + t * photos[1])).max() <= 0.5 + 1e-9
    views = load_pairs(PairsConfig(root=str(tmp_path), generator="sample"), InputConfig("interpolated"))
    assert diagnose_sequence(views[0].image_paths) is None


def test_flow_moves_what_the_crossfade_blends() -> None:
    """A known shift of 10 pixels: the frame in the middle is the picture shifted by 5."""
    wide = texture(np.random.default_rng(1), 72, 130)
    first, half, last = (wide[:, x : x + 96] for x in (10, 15, 20))
    made = {kind.name: kind().frames(first, last, 5) for kind in (DisFlow, Crossfade)}
    for frames in made.values():
        assert len(frames) == 5 and all(f.shape == first.shape and f.dtype == np.uint8 for f in frames)
        np.testing.assert_array_equal(frames[0], first)
        np.testing.assert_array_equal(frames[-1], last)
    error = {name: np.abs(f[2].astype(float) - half)[:, 12:-12].mean() for name, f in made.items()}
    assert error["dis"] < 0.2 * error["crossfade"]
    quarter = wide[:, 12:108].astype(float), wide[:, 13:109].astype(float)
    between = np.abs(made["dis"][1] - (quarter[0] + quarter[1]) / 2)[:, 12:-12].mean()
    assert between < 0.2 * np.abs(made["crossfade"][1] - (quarter[0] + quarter[1]) / 2)[:, 12:-12].mean()


def test_flow_frames_on_disk_begin_and_end_with_the_photos(tmp_path: Path) -> None:
    pairs = noise_pairs(tmp_path, 2)
    config = InterpolateConfig(method="dis", frames=4)
    outcomes = interpolate_pairs(pairs, DisFlow, config, tmp_path / "out")
    assert [o.status for o in outcomes] == ["made", "made"]
    for pair in pairs:
        frames = frames_of(tmp_path / "out" / str(pair.idx) / "dis", pair.idx)
        assert len(frames) == 4
        for path, frame in zip(pair.paths, (frames[0], frames[-1]), strict=True):
            np.testing.assert_array_equal(np.asarray(Image.open(path)), frame)


def test_photos_are_brought_to_one_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    large, small = texture(rng, 120, 160), texture(rng, 60, 80)
    (pair,) = pairs_in(tmp_path, [(large, small)])
    for long_edge, size in ((64, (48, 64, 3)), (None, (120, 160, 3)), (500, (120, 160, 3))):
        config = InterpolateConfig(frames=3, long_edge=long_edge, generator=f"edge_{long_edge}")
        interpolate_pairs([pair], Crossfade, config, tmp_path / "out")
        assert {f.shape for f in frames_of(tmp_path / "out" / "0" / f"edge_{long_edge}", 0)} == {size}


RUN = """
import sys
from pathlib import Path
from hw4.config import InterpolateConfig
from hw4.interpolate.write import interpolate_pairs
from tests.support.interpolated import Slow, noise_pairs
root = Path(sys.argv[1])
slow = Slow(root / "calls", 0.15)
interpolate_pairs(noise_pairs(root, 8), lambda: slow, InterpolateConfig(frames=3), root / "out")
"""


@pytest.mark.slow
def test_kill_9_and_resume(tmp_path: Path) -> None:
    calls, out = tmp_path / "calls", tmp_path / "out"
    process = forked.start([str(tmp_path)], code=RUN, cwd=ROOT)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (calls.exists() and len(calls.read_text().split()) >= 3):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = list(out.glob("*/crossfade"))
    assert 2 <= len(done) < 8
    assert all(len(frames_of(folder, int(folder.parent.name))) == 3 for folder in done), "whole or not at all"
    # As a kill in the middle of writing leaves it.
    half = out / "7" / ".crossfade.abc"
    half.mkdir(parents=True)
    (half / "7_frame0.png").write_bytes(b"half")
    pairs = noise_pairs(tmp_path, 8)
    outcomes = interpolate_pairs(pairs, lambda: Slow(calls), InterpolateConfig(frames=3), out)
    assert [o.status for o in outcomes].count("reused") >= len(done)
    assert not half.exists() and len(list(out.glob("*/crossfade"))) == 8
    computed = calls.read_text().split()
    assert len(set(computed)) == 8 and len(computed) <= 9
    again = interpolate_pairs(pairs, lambda: Slow(calls), InterpolateConfig(frames=3), out)
    assert [o.status for o in again] == ["reused"] * 8 and calls.read_text().split() == computed


def test_frames_made_otherwise_are_never_replaced(tmp_path: Path) -> None:
    pairs = noise_pairs(tmp_path, 2)
    theirs = tmp_path / "out" / "1" / "crossfade"
    theirs.mkdir(parents=True)
    (theirs / "1_frame0.png").write_bytes(b"somebody's")
    first = interpolate_pairs(pairs, Crossfade, InterpolateConfig(frames=3), tmp_path / "out")
    assert [o.status for o in first] == ["made", "bad_input"]
    assert first[1].reason and "remove it, or set interpolate.generator" in first[1].reason
    assert (theirs / "1_frame0.png").read_bytes() == b"somebody's"
    more = interpolate_pairs(pairs, Crossfade, InterpolateConfig(frames=4), tmp_path / "out")
    assert [o.status for o in more] == ["bad_input", "bad_input"]
    assert len(frames_of(tmp_path / "out" / "0" / "crossfade", 0)) == 3
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(pairs[0].paths[0])
    changed = interpolate_pairs(pairs[:1], Crossfade, InterpolateConfig(frames=3), tmp_path / "out")
    assert changed[0].status == "bad_input", "another photo has other frames"


def test_a_full_disk_leaves_no_half_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = noise_pairs(tmp_path, 2)
    written: list[Path] = []

    def write_some(path: Path, content: bytes) -> None:
        if len(written) == 4:
            raise UserError(f"cannot write {path}: no space left. Free some space.")
        written.append(path)
        path.write_bytes(content)

    with monkeypatch.context() as patch:
        patch.setattr("hw4.interpolate.write.write_bytes", write_some)
        with pytest.raises(UserError, match="no space left"):
            interpolate_pairs(pairs, Crossfade, InterpolateConfig(frames=3), tmp_path / "out")
    assert len(frames_of(tmp_path / "out" / "0" / "crossfade", 0)) == 3
    assert list((tmp_path / "out" / "1").iterdir()) == []
    again = interpolate_pairs(pairs, Crossfade, InterpolateConfig(frames=3), tmp_path / "out")
    assert [o.status for o in again] == ["reused", "made"]


class Broken(Interpolator):
    name = "broken"

    def frames(self, first: np.ndarray, last: np.ndarray, count: int) -> Sequence[np.ndarray]:
        raise ValueError("out of order")

    def options(self) -> dict[str, object]:
        return {}


def test_bad_input_is_one_sentence_each_and_hides_no_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    good = texture(rng, 24, 32), texture(rng, 24, 32)
    pairs = pairs_in(tmp_path, [good, (good[0], texture(rng, 32, 24)), good, good])
    pairs[2].paths[1].write_bytes(b"no image")
    pairs[3] = PhotoPair(3, pairs[3].paths, "image x.png does not exist")
    outcomes = interpolate_pairs(pairs, Crossfade, InterpolateConfig(frames=3), tmp_path / "out")
    assert [o.status for o in outcomes] == ["made", "bad_input", "bad_input", "bad_input"]
    reasons = [str(o.reason) for o in outcomes]
    assert "(32x24)" in reasons[1] and "(24x32) have different shapes; crop them to one" in reasons[1]
    assert "2_b.png" in reasons[2] and "damaged" in reasons[2]
    assert reasons[3] == "image x.png does not exist"
    broken = interpolate_pairs(
        pairs[:1], Broken, InterpolateConfig(frames=3, generator="x"), tmp_path / "out"
    )
    assert (broken[0].status, broken[0].reason) == ("failed", "ValueError: out of order")
    tiny = pairs_in(tmp_path / "tiny", [(good[0][:8, :8], good[1][:8, :8])])
    small = interpolate_pairs(tiny, DisFlow, InterpolateConfig(method="dis"), tmp_path / "out" / "tiny")
    assert small[0].status == "failed" and "too small for optical flow" in str(small[0].reason)


def job(root: Path, tmp_path: Path, **options: Any) -> dict[str, Any]:
    config = Config(
        task="interpolate",
        data=options.pop("data", PairsConfig(root=str(root))),
        interpolate=InterpolateConfig(frames=3, **options),
        wandb=WandbConfig("disabled"),
        report=ReportConfig(auto=False),
    )
    run_job(config, tmp_path / "job", Console(quiet=True))
    return dict(json.loads((tmp_path / "job" / "results.json").read_text()))


def test_the_task(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(3)
    (root / "gt.npy").unlink()
    results = job(root, tmp_path, method="dis")
    assert results["status"] == "ok" and results["interpolate"]["counts"] == {"made": 3}
    assert len(list((root / "interpolated").glob("*/dis/*_frame*.png"))) == 9
    elsewhere = job(root, tmp_path, out=str(tmp_path / "elsewhere"), generator="fade")
    assert elsewhere["interpolate"]["root"] == str(tmp_path / "elsewhere")
    assert len(list((tmp_path / "elsewhere").glob("*/fade/*_frame*.png"))) == 9
    (root / "images" / "1_b.png").unlink()
    with pytest.raises(
        UserError, match=r"1 of 3 pairs have no frames; the first is idx 1: image .*1_b.png does"
    ):
        job(root, tmp_path)
    assert json.loads((tmp_path / "job" / "results.json").read_text())["interpolate"]["counts"]["made"] == 2
    with pytest.raises(UserError, match="no pairs of photos; use data=sample or data=pairs"):
        job(root, tmp_path, data=SceneConfig(root=str(root)))


def test_impossible_settings() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'crossfade'"):
        InterpolateConfig(method="crosfade")
    with pytest.raises(ConfigError, match="at least 3"):
        InterpolateConfig(frames=2)
    for name in ("../up", ".hidden", "a/b", ""):
        with pytest.raises(ConfigError, match="names a folder"):
            InterpolateConfig(generator=name)
    sweep = ["task=interpolate", "interpolate.video.seed=1,2"]
    assert len(plan([*sweep, "interpolate.method=video"], multirun=True).jobs) == 2
    with pytest.raises(ConfigError, match="sweep over interpolate.video.seed would repeat"):
        plan(sweep, multirun=True)


def test_video_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    config = InterpolateConfig(method="video")
    real = importlib.util.find_spec
    absent = ("diffusers", "transformers")
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n in absent else real(n, *a))
    with pytest.raises(UserError, match=r"needs diffusers and transformers: pip install 'hw4\[video\]'"):
        build_interpolator(config)
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: True if n in absent else real(n, *a))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="needs a CUDA GPU; use interpolate.method=crossfade"):
        build_interpolator(config)


# Parameters of WanImageToVideoPipeline.__call__ by diffusers' documentation
# (src/diffusers/pipelines/wan/pipeline_wan_i2v.py at commit 007f2770).
# fmt: off
WAN_PARAMETERS = {
    "image", "prompt", "negative_prompt", "height", "width", "num_frames", "num_inference_steps",
    "guidance_scale", "guidance_scale_2", "num_videos_per_prompt", "generator", "latents",
    "prompt_embeds", "negative_prompt_embeds", "image_embeds", "last_image", "output_type",
    "return_dict", "attention_kwargs", "callback_on_step_end", "callback_on_step_end_tensor_inputs",
    "max_sequence_length",
}
# fmt: on


def test_the_recorded_parameters_are_those_of_the_installed_diffusers() -> None:
    diffusers = pytest.importorskip("diffusers", reason="diffusers is an optional extra")
    installed = inspect.signature(diffusers.WanImageToVideoPipeline.__call__).parameters
    assert set(installed) >= WAN_PARAMETERS


def test_video_through_a_pipeline_of_the_same_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """The arguments are those of diffusers' WanImageToVideoPipeline; the network is left out."""
    seen: list[dict[str, Any]] = []

    class Pipeline:
        @classmethod
        def from_pretrained(cls, model: str, torch_dtype: object) -> "Pipeline":
            if model == "nowhere":
                raise OSError("nowhere is not a local folder\nand much more")
            return cls()

        def enable_model_cpu_offload(self) -> None: ...

        def __call__(self, **options: Any) -> object:
            unknown = set(options) - WAN_PARAMETERS
            if unknown:
                raise TypeError(f"unexpected keyword arguments {unknown}")
            # As the pipeline demands: whole patches, whole steps of the autoencoder.
            assert options["height"] % 16 == options["width"] % 16 == 0
            seen.append(options)
            if options["guidance_scale"] < 0:
                raise RuntimeError("CUDA out of memory")
            ends = [np.asarray(options[key]) / 255 for key in ("image", "last_image")]
            frames = [(1 - t) * ends[0] + t * ends[1] for t in np.linspace(0, 1, options["num_frames"])]
            return types.SimpleNamespace(frames=[np.stack(frames)])

    fake = types.ModuleType("diffusers")
    fake.DiffusionPipeline = Pipeline  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "diffusers", fake)
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)

    def video(**options: Any) -> Interpolator:
        return build_interpolator(InterpolateConfig(method="video", video=VideoConfig(**options)))

    first, last = np.full((36, 50, 3), 10, np.uint8), np.full((36, 50, 3), 250, np.uint8)
    made = video(frames=9).frames(first, last, 5)
    assert [f[0, 0, 0] for f in made] == [10, 70, 130, 190, 250] and made[0].shape == first.shape
    assert (seen[0]["width"], seen[0]["height"], seen[0]["num_frames"]) == (48, 32, 9)
    backwards = video(frames=9, reverse=True).frames(first, last, 5)
    assert np.asarray(seen[1]["image"])[0, 0, 0] == 250, "generated from the second photo to the first"
    assert [f[0, 0, 0] for f in backwards] == [10, 70, 130, 190, 250], "but stored in the pair's order"
    assert (
        InterpolateConfig(method="video", video=VideoConfig(seed=3, reverse=True)).folder
        == "video_3_reversed"
    )
    with pytest.raises(Exception, match="frames=4 are fewer than the 5 to keep"):
        video(frames=4).frames(first, last, 5)
    with pytest.raises(Exception, match="CUDA out of memory"):
        video(frames=9, guidance=-1).frames(first, last, 5)
    with pytest.raises(UserError, match="cannot load interpolate.video.model=nowhere: nowhere is not"):
        video(model="nowhere")
