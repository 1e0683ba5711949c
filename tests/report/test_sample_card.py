"""A sample in the report: matches right or wrong by the truth, true cameras beside the estimated ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw4.core.durable import jsonable
from hw4.models.base import Reconstruction
from hw4.output.blocks import Card
from hw4.pose.clouds import KEPT_MATCHES, cloud_npz, read_cloud
from hw4.pose.results import SampleResult
from hw4.records.run import run_of_results
from hw4.report.sections.sample_card import MAX_LINES, NEAR, TRUE, card
from tests.support.pairs import random_cameras
from tests.support.report_folders import POSE, pose_results, sample, write_job

K = np.array([[120.0, 0, 80], [0, 120, 60], [0, 0, 1]])
SIZE = (160, 120)


def made(folder: Path, predicted: np.ndarray, truth: np.ndarray | None, **maps: object) -> Card:
    """The card of a run's only sample, as its report makes it."""
    n = len(predicted)
    r = Reconstruction(
        predicted,
        np.tile(K, (n, 1, 1)),
        np.tile(SIZE, (n, 1)),
        np.tile(np.eye(3), (n, 1, 1)),
        [np.zeros((120, 160, 3), np.uint8)] * n,
        points=np.random.default_rng(0).normal([0, 0, 4], 1, (300, 3)).astype(np.float32),
        **maps,  # type: ignore[arg-type]
    )
    (folder / "cache" / "clouds").mkdir(parents=True)
    (folder / "cache" / "clouds" / "0.npz").write_bytes(cloud_npz(r))
    record = sample(0, 5.0) | {"true_cam_from_world": truth, "true_Ks": None if truth is None else [K, K]}
    for side in ("img1", "img2"):
        record[side] = str(folder / f"{side}.png")
        Image.new("RGB", (2 * SIZE[0], 2 * SIZE[1])).resize(SIZE).save(record[side])
    pose = pose_results([jsonable(record)], POSE) | {"cache_dir": str(folder / "cache")}
    job = write_job(folder / "job", POSE, pose=pose)
    run = run_of_results("job", job, json.loads((job / "results.json").read_text()))
    assert run.pose is not None
    return card(run, run.pose.samples[0], "label")


def seen(points: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    in_cameras = [points @ c[:3, :3].T + c[:3, 3] for c in cameras]
    return np.concatenate([(p / p[:, 2:] @ K.T)[:, :2] for p in in_cameras], axis=1)


def test_matches_are_counted_right_or_wrong_by_the_true_epipolar_lines(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = np.tile(np.eye(4), (2, 1, 1))
    truth[1, 0, 3] = -1.0
    xy = seen(rng.uniform([-1, -1, 3], [1, 1, 5], (100, 3)), truth)
    # The cameras move along x: a row further down is a wrong match.
    xy[::4, 3] += 1.1 * NEAR * SIZE[0]
    found = made(tmp_path, truth[:, :3], truth, matches=xy, verified=np.arange(100) % 2 == 0)
    matches, scene = found.drawings
    (right, wrong) = (int(text.split()[0]) for _, text in matches.legend)
    chosen = np.unique(np.linspace(0, 99, MAX_LINES).astype(int))
    assert (right, wrong) == ((chosen % 4 > 0).sum(), (chosen % 4 == 0).sum())
    assert "60 of 100 matches are drawn, 50 are verified" in matches.picture.label
    assert found.note == "" and [p.suffix for p in found.pictures] == [".jpg", ".jpg", ".svg", ".svg"]
    assert scene.picture.label == "First cameras laid together: as far apart as predicted."


def test_without_a_truth_the_model_has_the_word(tmp_path: Path) -> None:
    cameras = np.tile(np.eye(4)[:3], (2, 1, 1))
    xy = np.tile([10.0, 20, 30, 40], (10, 1))
    found = made(tmp_path, cameras, None, matches=xy, verified=np.arange(10) < 7)
    matches, scene = found.drawings
    assert [text for _, text in matches.legend] == ["7 verified", "3 not verified"]
    assert scene.picture.label == "The true cameras are not known." and len(scene.legend) == 1


def test_true_cameras_of_a_perfect_prediction_lie_on_the_estimated_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth, world = random_cameras(rng, 2), random_cameras(rng, 1)[0]
    predicted = truth @ world
    predicted[:, :3, 3] *= 3.5
    between = random_cameras(rng, 1)
    found = made(tmp_path, np.concatenate([predicted[:1], between, predicted[1:]])[:, :3], truth)
    (scene,) = found.drawings
    assert found.note == "no matches between the first and the last photo were kept"
    cameras = json.loads(scene.scene or "")["cameras"]
    colors = [camera["color"] for camera in cameras]
    assert colors.count(TRUE) == 2 and len(set(colors)) == 3 == len(scene.legend)
    ends = [np.array(c["lines"]).reshape(8, -1, 3)[:, [0, -1]] for c in cameras]
    for true, estimated in zip(ends[3:], ends[1:3], strict=True):
        np.testing.assert_allclose(true, estimated, atol=1e-4)


@pytest.mark.parametrize("n", [0, 3, 5000])
def test_a_cloud_keeps_a_share_of_the_matches_and_says_how_many_there_were(tmp_path: Path, n: int) -> None:
    cameras, Ks = np.tile(np.eye(4)[:3], (2, 1, 1)), np.tile(K, (2, 1, 1))
    xy, eyes = np.arange(4.0 * n).reshape(n, 4), np.tile(np.eye(3), (2, 1, 1))
    images = [np.zeros((4, 4, 3), np.uint8)] * 2
    r = Reconstruction(cameras, Ks, np.tile(SIZE, (2, 1)), eyes, images, matches=xy, verified=xy[:, 0] > 8)
    path = tmp_path / "cloud.npz"
    path.write_bytes(cloud_npz(r))
    cloud = read_cloud(path)
    assert cloud is not None and cloud.matches is not None and cloud.n_matches is not None
    assert cloud.matches.shape == (min(n, KEPT_MATCHES), 4) and cloud.n_matches.tolist() == [n, max(0, n - 3)]
    assert cloud.verified is not None and (cloud.verified == (cloud.matches[:, 0] > 8)).all()


def test_a_record_holds_the_true_cameras() -> None:
    cameras = random_cameras(np.random.default_rng(0), 2)
    cameras[1, :3, 3] = np.nan
    record = sample(0, 5.0) | {"true_cam_from_world": cameras, "true_Ks": np.stack([K, K])}
    back = SampleResult.from_row(jsonable(SampleResult.from_row(record).row())).sample
    np.testing.assert_array_equal(back.cam_from_world, cameras)
    np.testing.assert_array_equal(back.Ks, [K, K])
    assert SampleResult.from_row(sample(0, 5.0)).sample.cam_from_world is None
