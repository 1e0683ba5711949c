"""The pose stage: durable, resumable, honest about failures."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hw4.config import MetricsConfig
from hw4.core import durable
from hw4.core.durable import exclusive, jsonable
from hw4.core.errors import UserError
from hw4.output.pose_tables import pose_table
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel
from hw4.pose.predictions import FromFile, write_predictions
from hw4.pose.results import PoseResult
from tests.support import forked
from tests.support.fake_models import FakeModel
from tests.support.pairs import Hostile, samples_of
from tests.support.paths import ROOT

MakePairs = Callable[..., tuple[Path, np.ndarray]]
METRICS = MetricsConfig(bootstrap=50)


def comparable(result: PoseResult) -> Any:
    content = result.to_json()
    for key in ("n_reused", "seconds", "cache_dir"):
        content.pop(key)
    for row in content["samples"]:
        row.pop("seconds")
        # Its file in the cache, which is another one or none.
        row.pop("cloud", None)
    return jsonable(content)


def test_failures_are_counted_and_explained(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(6)
    (root / "images" / "2_a.png").unlink()
    result = evaluate_pose(samples_of(root), FromModel(FakeModel, tmp_path / "cache"), METRICS)
    assert (result.summary.n_total, result.summary.n_valid, result.summary.n_failed) == (6, 3, 3)
    reasons = {f["idx"]: (f["status"], f["reason"]) for f in result.to_json()["failures_by_sample"]}
    assert reasons[4] == ("failed", "sample 4 always fails")
    assert reasons[3] == ("broken", "RuntimeError: the model broke")
    assert reasons[2][0] == "bad_input" and "2_a.png does not exist" in reasons[2][1]


def test_second_run_computes_nothing(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(5)
    calls = tmp_path / "calls"
    first = evaluate_pose(
        samples_of(root), FromModel(lambda: FakeModel(calls=calls), tmp_path / "cache"), METRICS
    )
    again = evaluate_pose(
        samples_of(root),
        FromModel(lambda: FakeModel(calls=calls), tmp_path / "cache", labels=("fake", "none")),
        METRICS,
    )
    # 3 broke, which says nothing about another time; 4 failed by the model's own word.
    assert calls.read_text().split() == ["0", "1", "2", "3", "4", "3"]
    assert (first.n_reused, again.n_reused) == (0, 4)
    assert comparable(first) == comparable(again)


def test_a_changed_image_is_computed_again(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(3)
    calls = tmp_path / "calls"
    for _ in range(2):
        evaluate_pose(
            samples_of(root), FromModel(lambda: FakeModel(calls=calls), tmp_path / "cache"), METRICS
        )
        # Another time alone is no change: a copied data set is the same one.
        os.utime(root / "images" / "0_b.png", (1, 1))
        Image.new("RGB", (32, 24), (1, 2, 3)).save(root / "images" / "1_b.png")
    assert calls.read_text().split() == ["0", "1", "2", "1"]


RUN = """
import sys
from pathlib import Path
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel
from tests.support.fake_models import FakeModel
from tests.support.pairs import samples_of
source = FromModel(lambda: FakeModel(0.15, Path(sys.argv[3])), Path(sys.argv[2]))
evaluate_pose(samples_of(Path(sys.argv[1])), source)
"""


@pytest.mark.slow
def test_kill_9_and_resume_equals_an_uninterrupted_run(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(12)
    cache, calls = tmp_path / "cache", tmp_path / "calls"
    log = cache / "predictions.jsonl"
    process = forked.start([str(root), str(cache), str(calls)], code=RUN, cwd=ROOT)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (log.exists() and len(log.read_bytes().splitlines()) >= 3):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = len(log.read_bytes().splitlines())
    assert 3 <= kept < 12
    resumed = evaluate_pose(samples_of(root), FromModel(lambda: FakeModel(calls=calls), cache), METRICS)
    assert resumed.n_reused >= kept - 1
    whole = evaluate_pose(samples_of(root), FromModel(FakeModel, tmp_path / "other"), METRICS)
    assert comparable(resumed) == comparable(whole)
    # The sample in the works when the kill came may be computed twice, no other.
    computed = [idx for idx in calls.read_text().split() if int(idx) % 5 != 3]
    assert len(computed) - len(set(computed)) <= 1


@pytest.mark.slow
def test_two_processes_share_one_cache(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(5)
    cache, calls = tmp_path / "cache", tmp_path / "calls"
    both = [forked.start([str(root), str(cache), str(calls)], code=RUN, cwd=ROOT) for _ in range(2)]
    assert [p.wait(timeout=120) for p in both] == [0, 0]
    assert sorted(calls.read_text().split()) == ["0", "1", "2", "3", "3", "4"]


def test_saved_predictions_score_the_same(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(6)
    run = evaluate_pose(samples_of(root), FromModel(FakeModel, tmp_path / "cache"), METRICS)
    write_predictions(tmp_path / "predictions.npy", run.samples)
    raw = np.load(tmp_path / "predictions.npy", allow_pickle=True).item()
    assert set(raw) == {"0", "1", "2", "5"} and raw["0"].shape == (2, 4, 4)
    scored = evaluate_pose(samples_of(root), FromFile(tmp_path / "predictions.npy"), METRICS)
    for name, metric in run.summary.metrics.items():
        assert scored.summary.metrics[name].value == pytest.approx(metric.value, abs=1e-6)
    assert scored.summary.n_failed == run.summary.n_failed


def test_perfect_predictions_have_no_error(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, cameras = pairs_folder(3)
    content = {str(i): np.linalg.inv(pair) for i, pair in enumerate(cameras)}
    np.save(tmp_path / "p.npy", np.array(content, dtype=object), allow_pickle=True)
    scored = evaluate_pose(samples_of(root), FromFile(tmp_path / "p.npy"), METRICS)
    assert scored.summary.metrics["MRE"].value == pytest.approx(0, abs=1e-6)
    assert scored.summary.metrics["AUC@3"].value == 1.0


def test_bad_predictions_are_counted_or_refused(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(4)
    good = np.tile(np.eye(4), (2, 1, 1))
    content = {"0": good, "1": good[:, :3], "2": good * np.nan}
    np.save(tmp_path / "p.npy", np.array(content, dtype=object), allow_pickle=True)
    scored = evaluate_pose(samples_of(root), FromFile(tmp_path / "p.npy"), METRICS)
    reasons = {f["idx"]: f["reason"] for f in scored.to_json()["failures_by_sample"]}
    assert "shape (2, 3, 4)" in reasons[1] and "NaN" in reasons[2] and "not in the" in reasons[3]
    target = tmp_path / "owned"
    np.save(tmp_path / "h.npy", np.array({"0": Hostile(target)}, dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="refused"):
        evaluate_pose(samples_of(root), FromFile(tmp_path / "h.npy"), METRICS)
    assert not target.exists()
    np.save(tmp_path / "o.npy", np.array({"99": good}, dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="none of which"):
        evaluate_pose(samples_of(root), FromFile(tmp_path / "o.npy"), METRICS)


def test_results_are_strict_json(pairs_folder: MakePairs, tmp_path: Path) -> None:
    from hw4.core.durable import write_json

    root, _ = pairs_folder(5)
    result = evaluate_pose(samples_of(root), FromModel(FakeModel, tmp_path / "cache"), METRICS)
    write_json(tmp_path / "r.json", result.to_json())
    content = json.loads((tmp_path / "r.json").read_text(), parse_constant=lambda c: pytest.fail(c))
    assert content["n_total"] == 5


def test_a_model_alone_keeps_nothing(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(4)
    before = sorted(tmp_path.rglob("*"))
    alone = evaluate_pose(samples_of(root), FakeModel(), METRICS)
    assert sorted(tmp_path.rglob("*")) == before and alone.cache_dir is None
    kept = comparable(evaluate_pose(samples_of(root), FromModel(FakeModel, tmp_path / "cache"), METRICS))
    assert comparable(alone) == kept


def test_the_folder_is_free_again_where_the_caller_gives_up(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(3)

    def give_up(*_: object) -> None:
        raise KeyboardInterrupt

    source = FromModel(FakeModel, tmp_path / "cache")
    with pytest.raises(KeyboardInterrupt):
        evaluate_pose(samples_of(root), source, METRICS, give_up)
    with exclusive(tmp_path / "cache"):
        assert len((tmp_path / "cache" / "predictions.jsonl").read_text().splitlines()) == 1


def test_views_left_at_the_identity_are_counted(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(3)

    class Leaving(FakeModel):
        def reconstruct(self, image_paths, Ks=None, seed=0):
            reconstruction = super().reconstruct(image_paths, Ks, seed)
            reconstruction.notes["identity_views"] = [0, 1] if image_paths[0].name.startswith("1") else []
            return reconstruction

    words = "PnP found no camera for 2 views of 1 sample;"
    for _ in ("computed", "read from the cache"):
        result = evaluate_pose(samples_of(root), FromModel(Leaving, tmp_path / "cache"), METRICS)
        assert result.remarks[0].startswith(words)
    assert any(words in note for note in pose_table(result, "pose").notes)
    assert PoseResult.from_json(json.loads(json.dumps(comparable(result)))).remarks == result.remarks
    assert evaluate_pose(samples_of(root), FakeModel(), METRICS).remarks == []


def test_two_sample_sets_share_a_folder_and_do_not_wait(pairs_folder: MakePairs, tmp_path: Path) -> None:
    """One evaluation stands still in the middle; another, of other photos under the same numbers, goes on."""
    (root, _), (other_root, _) = pairs_folder(2, "a"), pairs_folder(2, "b")
    for name in ("0_a.png", "1_a.png"):
        Image.new("RGB", (32, 24), (1, 2, 3)).save(other_root / "images" / name)
    first, second = samples_of(root), samples_of(other_root)
    cache = tmp_path / "cache"
    stopped = FromModel(FakeModel, cache, sample_set="a").answers(first)
    answers = [next(stopped)]
    other = list(FromModel(FakeModel, cache, sample_set="b").answers(second))
    answers += list(stopped)
    again = [*FromModel(FakeModel, cache).answers([*first]), *FromModel(FakeModel, cache).answers([*second])]
    assert [answer.reused for answer in again] == [True] * 4
    names = [answer.prediction.cloud for answer in [*answers, *other]]
    assert len(set(names)) == 4 and all((cache / str(name)).is_file() for name in names)
    assert [answer.prediction.cloud for answer in again] == names


def test_who_waits_is_told_for_whom(
    pairs_folder: MakePairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(durable, "PATIENCE", 0.05)
    root, _ = pairs_folder(2)
    working = FromModel(FakeModel, tmp_path / "cache", sample_set="a").answers(samples_of(root))
    next(working)
    second = FromModel(FakeModel, tmp_path / "cache", sample_set="a")
    waiting = threading.Thread(target=lambda: list(second.answers(samples_of(root))))
    waiting.start()
    deadline = time.monotonic() + 20
    while "waiting for it" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.02)
    list(working)
    waiting.join(20)
    assert f"process {os.getpid()} on {socket.gethostname()}" in caplog.text and not waiting.is_alive()
    assert list((tmp_path / "cache").glob(".*.holder")) == []
