"""InterPose's choice among candidates: the mathematics, the evaluation around it, and its labels."""

import json
import math
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from scipy.spatial.transform import Rotation

from hw4.config import CandidatesConfig, Config, InputConfig, MetricsConfig, PairsConfig
from hw4.config.decides import pose_address, reads
from hw4.config.root import CacheConfig, ReportConfig, WandbConfig
from hw4.core.errors import ConfigError
from hw4.data.pairs.frames import frame_subsets
from hw4.data.pairs.samples import load_pairs
from hw4.jobs.run import run_job
from hw4.models.base import Reconstruction, ReconstructionFailed
from hw4.models.sfm.config import SfmConfig
from hw4.output.sweep_table import comparison_table
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel
from hw4.pose.selection import best_video, pose_distance_deg, score_video
from hw4.records.comparison import compare
from hw4.records.runs import load_runs
from hw4.report.findings import find
from hw4.report.sections.summary import summary_section
from tests.support import forked
from tests.support.candidates import CHOICE, METRICS, VIDEOS, Scripted, evaluate
from tests.support.pairs import random_cameras
from tests.support.paths import ROOT
from tests.support.report_folders import runs_of

MakePairs = Callable[..., tuple[Path, np.ndarray]]
seeds = st.integers(0, 2**31 - 1)


def poses_near(rng: np.random.Generator, n: int, spread_deg: float) -> list[np.ndarray]:
    """n relative cameras within a few degrees of a common one."""
    common = random_cameras(rng, 1)[0]
    turns = Rotation.from_rotvec(np.radians(spread_deg) * rng.normal(size=(n, 3)))
    poses = []
    for turn in turns:
        pose = np.eye(4)
        pose[:3] = turn.as_matrix() @ common[:3]
        poses.append(pose)
    return poses


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_distance_is_the_papers(seed: int) -> None:
    """Equations 2 to 4 written out with traces and cosines, in radians."""
    first, second = random_cameras(np.random.default_rng(seed), 2)
    cosine = (np.trace(second[:3, :3] @ first[:3, :3].T) - 1) / 2
    t1, t2 = (pose[:3, 3] / np.linalg.norm(pose[:3, 3]) for pose in (first, second))
    expected = math.acos(np.clip(cosine, -1, 1)) + math.acos(min(abs(t1 @ t2), 1))
    assert pose_distance_deg(first, second) == pytest.approx(math.degrees(expected), abs=1e-5)
    assert pose_distance_deg(second, first) == pytest.approx(pose_distance_deg(first, second), abs=1e-9)
    assert pose_distance_deg(first, first) == pytest.approx(0, abs=1e-5)


def test_a_translation_without_direction_is_far_from_any() -> None:
    still, moving, opposite = np.eye(4), np.eye(4), np.eye(4)
    moving[0, 3], opposite[0, 3] = 2.0, -3.0
    assert pose_distance_deg(still, moving) == 90
    assert pose_distance_deg(still, still) == 0
    assert pose_distance_deg(moving, opposite) == pytest.approx(0, abs=1e-6), "lines have no direction"


def test_the_medoid_is_not_pulled_by_outliers() -> None:
    rng = np.random.default_rng(0)
    poses = [*poses_near(rng, 5, 1.0), *random_cameras(rng, 3)]
    score = score_video(poses, None)
    assert score.medoid < 5
    by_hand = [np.mean([pose_distance_deg(a, b) for b in poses if b is not a]) for a in poses]
    np.testing.assert_allclose(score.mean_deg, by_hand)
    assert score.medoid_deg == pytest.approx(min(by_hand)) and score.bias_deg is None


def test_a_single_candidate_agrees_with_nothing() -> None:
    pose, pair = random_cameras(np.random.default_rng(1), 2)
    score = score_video([pose], pair)
    assert (score.medoid, score.medoid_deg) == (0, None)
    assert score.total_deg == score.bias_deg == pytest.approx(pose_distance_deg(pose, pair))


def test_ties_go_to_the_nearest_to_the_pair_then_to_the_first() -> None:
    poses = poses_near(np.random.default_rng(2), 2, 10.0)
    # Two estimates are always equally far from each other.
    assert score_video(poses, None).medoid == 0
    assert score_video(poses, poses[1]).medoid == 1
    assert score_video(poses[::-1], poses[1]).medoid == 0
    same = score_video([poses[0]] * 4, poses[1])
    assert same.medoid == 0 and same.medoid_deg == pytest.approx(0, abs=1e-12)
    assert best_video([same, same]) == 0


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(2, 7))
def test_order_and_common_rotations_do_not_matter(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    poses, pair = poses_near(rng, n, 20.0), random_cameras(rng, 1)[0]
    expected = score_video(poses, pair)
    shuffle = rng.permutation(n)
    shuffled = score_video([poses[i] for i in shuffle], pair)
    assert shuffle[shuffled.medoid] == expected.medoid
    turn = np.eye(4)
    turn[:3, :3] = Rotation.random(random_state=seed % 2**31).as_matrix()
    turned = score_video([turn @ pose for pose in poses], turn @ pair)
    assert turned.medoid == expected.medoid
    assert turned.total_deg == pytest.approx(expected.total_deg, abs=1e-6)


def test_the_bias_term_refuses_a_video_that_is_surely_wrong() -> None:
    rng = np.random.default_rng(3)
    honest, stubborn = poses_near(rng, 5, 3.0), poses_near(rng, 5, 0.1)
    pair = poses_near(np.random.default_rng(3), 1, 3.0)[0]
    assert best_video([score_video(honest, pair), score_video(stubborn, pair)]) == 0
    assert best_video([score_video(honest, None), score_video(stubborn, None)]) == 1
    alone = score_video([pair], pair)
    assert best_video([alone, score_video(stubborn, pair)]) == 1, "one estimate has not agreed with itself"


def test_frame_subsets() -> None:
    frames = [Path(f"frame{i}.png") for i in range(9)]
    subsets = frame_subsets(frames, 3, 11, [0, 7])
    assert len({tuple(s) for s in subsets}) == 11 and all(s == sorted(s) and len(s) == 3 for s in subsets)
    assert subsets[0] == [frames[1], frames[4], frames[7]]
    assert frame_subsets(frames, 3, 5, [0, 7]) == subsets[:5], "more subsets keep the first ones"
    assert frame_subsets(frames, 3, 11, [1, 7])[1:] != subsets[1:]
    assert len(frame_subsets(frames[:4], 3, 11, [0])) == 4
    assert frame_subsets(frames[:2], 3, 11, [0]) == [frames[:2]]


class Failing(Scripted):
    """Fails on the frames of some videos, or on the photos alone."""

    def __init__(self, n: int, *fails: str) -> None:
        super().__init__(n)
        self.fails = fails

    def reconstruct(
        self, image_paths: Sequence[Path], Ks: np.ndarray | None = None, seed: int = 0
    ) -> Reconstruction:
        kind = "pair" if len(image_paths) == 2 else image_paths[1].parent.name
        if kind in self.fails:
            raise ReconstructionFailed(f"{kind} always fails")
        return super().reconstruct(image_paths, Ks, seed)


@pytest.fixture
def videos(pairs_folder: MakePairs) -> tuple[Path, int]:
    """Three pairs with three videos each."""
    root, cameras = pairs_folder(3, frames=7)
    for folder in (root / "interpolated").iterdir():
        for shift, name in enumerate(VIDEOS[1:], 1):
            shutil.copytree(folder / "dynamicrafter", folder / name)
            for frame in (folder / name).iterdir():
                Image.fromarray(np.roll(np.asarray(Image.open(frame)), shift)).save(frame)
        (folder / "dynamicrafter").rename(folder / "good")
    return root, len(cameras)


def test_medoid_picks_the_consistent_video_near_the_pair(videos: tuple[Path, int], tmp_path: Path) -> None:
    root, n = videos
    result = evaluate(root, Scripted(n), tmp_path)
    for sample in result.samples:
        selection = sample.row()["selection"]
        assert selection["picked"]["generator"] == "good" and not selection["uses_ground_truth"]
        assert sample.error.rotation_deg is not None and sample.error.rotation_deg < 4.01
        assert [path.name for path in sample.sample.image_paths[1:-1]] == selection["picked"]["frames"]
        totals = {video["generator"]: video["D_total_deg"] for video in selection["videos"]}
        assert min(totals, key=lambda name: totals[name]) == "good"
        for video in selection["videos"]:
            assert video["D_total_deg"] == pytest.approx(video["D_med_deg"] + video["D_bias_deg"])
            of_video = [c for c in selection["candidates"] if c["generator"] == video["generator"]]
            assert video["D_med_deg"] == pytest.approx(min(c["mean_distance_deg"] for c in of_video))
    assert result.summary.n_valid == n
    unbiased = evaluate(root, Scripted(n), tmp_path, candidates=replace(CHOICE, bias=False))
    assert {s.row()["selection"]["picked"]["generator"] for s in unbiased.samples} == {"stubborn"}
    assert "with bias" in result.remarks[0] and "without bias" in unbiased.remarks[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "protocol"), [("R", "relative"), ("T", "relative"), ("both", "relative"), ("R", "homework")]
)
def test_the_oracle_is_a_bound(videos: tuple[Path, int], tmp_path: Path, mode: str, protocol: str) -> None:
    root, n = videos
    metrics = MetricsConfig(mode=mode, protocol=protocol, bootstrap=0)
    medoid, oracle = (evaluate(root, Scripted(n), tmp_path, s, metrics=metrics) for s in ("medoid", "oracle"))
    assert oracle.n_reused == n
    for bound, found in zip(oracle.samples, medoid.samples, strict=True):
        parts = [(bound.error.rotation_deg, found.error.rotation_deg)] * (mode != "T")
        parts += [(bound.error.translation_deg, found.error.translation_deg)] * (mode != "R")
        best, other = (max(part[i] for part in parts) for i in (0, 1))  # type: ignore[type-var]
        assert best <= other + 1e-9  # type: ignore[operator]
        selection = bound.row()["selection"]
        assert selection["uses_ground_truth"] and selection["n_candidates"] == 12
        names = {"R": ["rotation"], "T": ["translation"], "both": ["rotation", "translation"]}[mode]
        candidates = selection["candidates"]
        assert best == pytest.approx(min(max(c[f"{name}_error_deg"] for name in names) for c in candidates))
    assert "ground truth" in oracle.remarks[0] and "upper bound" in oracle.remarks[0]


def test_nothing_is_predicted_twice(videos: tuple[Path, int], tmp_path: Path) -> None:
    root, n = videos
    calls = tmp_path / "calls"
    model = Scripted(n, calls)
    evaluate(root, model, tmp_path)
    first = calls.read_text().splitlines()
    assert len(first) == len(set(first)) == n * (12 + 1)
    for idx in range(n):
        log = tmp_path / "candidates" / str(idx) / "predictions.jsonl"
        assert len(log.read_text().splitlines()) == 12, "a sample's own file: read whole, again and again"
    again = evaluate(root, model, tmp_path)
    evaluate(root, model, tmp_path, "oracle")
    evaluate(root, model, tmp_path, candidates=replace(CHOICE, subsets=2, generators=["w*", "good"]))
    pair = evaluate_pose(
        load_pairs(PairsConfig(root=str(root)), InputConfig()), FromModel(model, tmp_path / "pair"), METRICS
    )
    assert again.n_reused == pair.n_reused == n
    assert calls.read_text().splitlines() == first
    evaluate(root, model, tmp_path, candidates=replace(CHOICE, subsets=5))
    assert len(calls.read_text().splitlines()) == len(first) + n * 3


RUN = """
import sys
from pathlib import Path
from tests.support.candidates import Scripted, evaluate
evaluate(Path(sys.argv[1]), Scripted(3, Path(sys.argv[3]), 0.08), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_kill_9_and_resume(videos: tuple[Path, int], tmp_path: Path) -> None:
    root, n = videos
    calls = tmp_path / "calls"
    process = forked.start([str(root), str(tmp_path / "killed"), str(calls)], code=RUN, cwd=ROOT)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (calls.exists() and len(calls.read_text().splitlines()) >= 17):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 17 <= len(calls.read_text().splitlines()) < n * 13, "killed within the second sample"
    resumed = evaluate(root, Scripted(n, calls), tmp_path / "killed")
    # Only the candidate in the works may be computed twice.
    computed = calls.read_text().splitlines()
    assert len(set(computed)) == n * 13 and len(computed) <= n * 13 + 1
    whole = evaluate(root, Scripted(n), tmp_path / "whole")
    for one, other in zip(resumed.samples, whole.samples, strict=True):
        assert one.row()["selection"] == other.row()["selection"]
        assert one.error == other.error


def test_failures(videos: tuple[Path, int], tmp_path: Path) -> None:
    root, n = videos
    sample = evaluate(root, Failing(n, "good"), tmp_path / "a", limit=1).samples[0]
    assert sample.selection is not None and (sample.selection["n_valid"], sample.prediction.status) == (
        8,
        "ok",
    )
    assert sample.selection["picked"]["generator"] != "good"
    sample = evaluate(root, Failing(n, "pair"), tmp_path / "b", limit=1).samples[0]
    assert sample.selection is not None
    assert sample.selection["without_bias"] == "the two photos alone gave no cameras: pair always fails"
    assert sample.selection["picked"]["generator"] == "stubborn"
    for selection in ("medoid", "oracle"):
        sample = evaluate(root, Failing(n, *VIDEOS), tmp_path / "c", selection, limit=1).samples[0]
        assert (
            sample.row()["reason"] == "none of 12 candidates has both cameras; the first: good always fails"
        )
        assert (sample.prediction.status, sample.row()["selection"]["picked"]) == ("failed", None)


def test_a_damaged_frame_is_bad_input_and_computed_once_mended(
    videos: tuple[Path, int], tmp_path: Path
) -> None:
    root, n = videos
    frame = root / "interpolated" / "1" / "wild" / "1_frame2.png"
    content = frame.read_bytes()
    frame.write_bytes(b"no image")
    result = evaluate(
        root, Scripted(n), tmp_path, candidates=replace(CHOICE, generators=["wild"], subsets=10)
    )
    assert [s.sample.idx for s in result.bad_inputs] == [1]
    assert "1_frame2.png" in result.bad_inputs[0].row()["reason"]
    frame.write_bytes(content)
    assert not evaluate(
        root, Scripted(n), tmp_path, candidates=replace(CHOICE, generators=["wild"], subsets=10)
    ).bad_inputs


def test_missing_videos_are_one_sentence(videos: tuple[Path, int]) -> None:
    root, _ = videos
    (root / "interpolated" / "0" / ".half-made").mkdir()
    shutil.rmtree(root / "interpolated" / "2" / "wild")

    def problems(**options: object) -> list[str | None]:
        candidates = replace(CHOICE, **options)  # type: ignore[arg-type]
        inputs = InputConfig("interpolated", selection="medoid", candidates=candidates)
        return [s.problem for s in load_pairs(PairsConfig(root=str(root)), inputs)]

    found = problems()
    assert found[:2] == [None, None]
    assert found[2] and found[2].endswith(
        "matches 'wild' of input.candidates.generators; there is good, stubborn"
    )
    assert problems(generators=["*"]) == [None] * 3
    alone = problems(generators=None)
    assert alone[0] and "dynamicrafter; there is good, stubborn, wild: set data.generator" in alone[0]
    with pytest.raises(ConfigError, match="names no video"):
        CandidatesConfig(generators=[])
    with pytest.raises(ConfigError, match="all, medoid, oracle"):
        InputConfig("interpolated", selection="mediod")


def test_cache_addresses() -> None:
    """The ways of picking share the predictions; those of all frames, of fewer and of the pair are others."""

    def address(**options: object) -> str:
        return pose_address(Config(model=SfmConfig(), input=InputConfig(**options)), "")  # type: ignore[arg-type]

    assert address(name="interpolated", max_frames=4) != address(name="interpolated")
    assert address(name="interpolated", selection="medoid") == address(
        name="interpolated", selection="oracle", candidates=CandidatesConfig(subsets=2)
    )
    all_frames, pair = address(name="interpolated"), address(name="pair")
    assert len({all_frames, pair, address(name="interpolated", selection="medoid")}) == 3
    assert address(name="pair", selection="medoid") == pair


def test_who_reads_which_key() -> None:
    def read(key: str, **options: object) -> bool:
        return reads(Config(task="pose", input=InputConfig(**options)), key, lambda _: True)  # type: ignore[arg-type]

    medoid = {"name": "interpolated", "selection": "medoid"}
    assert read("input.selection", name="interpolated") and not read("input.selection", name="pair")
    assert read("input.candidates.subsets", **medoid)
    assert not read("input.candidates.subsets", name="interpolated")
    assert read("input.max_frames", name="interpolated") and not read("input.max_frames", **medoid)
    assert read("input.candidates.bias", **medoid)
    assert not read("input.candidates.bias", **{**medoid, "selection": "oracle"})


@pytest.mark.slow
def test_every_table_says_that_the_oracle_uses_the_truth(
    videos: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, n = videos
    monkeypatch.setattr("hw4.models.registry.build_model", lambda config: Scripted(n))
    jobs = []
    for selection in ("all", "medoid", "oracle"):
        config = Config(
            task="pose",
            model=SfmConfig(),
            input=InputConfig("interpolated", selection=selection, candidates=CHOICE),
            data=PairsConfig(root=str(root), generator="good"),
            metrics=METRICS,
            wandb=WandbConfig("disabled"),
            cache=CacheConfig(str(tmp_path / "cache")),
            report=ReportConfig(auto=False),
        )
        run_job(config, tmp_path / selection, Console(quiet=True))
        jobs.append((selection, json.loads((tmp_path / selection / "results.json").read_text())))
    texts = {name: (tmp_path / name / "summary.md").read_text() for name, _ in jobs}
    assert "input interpolated, data" in texts["all"] and "ground truth" not in texts["all"]
    assert "input interpolated (medoid)" in texts["medoid"] and "ground truth" not in texts["medoid"]
    assert "input interpolated (oracle: picked with the ground truth)" in texts["oracle"]
    notes = "\n".join(comparison_table(compare(runs_of(*jobs)), "title").notes)
    assert "job oracle: oracle:" in notes and "was picked with the ground truth; an upper bound" in notes
    report = summary_section(find(load_runs(tmp_path / "oracle"), ReportConfig()))
    assert report is not None
    assert "the one with the least rotation error was picked with the ground truth" in str(report.blocks)
    assert "selection" not in jobs[0][1]["pose"]["samples"][0]
    assert jobs[2][1]["pose"]["samples"][0]["selection"]["uses_ground_truth"] is True
    lines = (tmp_path / "medoid" / "samples.jsonl").read_text().splitlines()
    assert len(lines) == n and all(json.loads(line)["selection"]["videos"] for line in lines)
