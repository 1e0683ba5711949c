"""Samples in processes of their own: the same records in the same order, whatever becomes of a process."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hw4.config import InputConfig, MetricsConfig, PairsConfig
from hw4.core.durable import jsonable
from hw4.data.pairs.samples import PairSample, load_pairs
from hw4.pose.at_once import ALONE, AtOnce
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel
from hw4.pose.predictions import write_predictions
from hw4.pose.results import BROKEN, PoseResult
from tests.support.fake_models import FakeModel, mortal

MakePairs = Callable[..., tuple[Path, np.ndarray]]
METRICS = MetricsConfig(bootstrap=0)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.npz")}


def _records(folder: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    return [{k: v for k, v in record.items() if k not in ("seconds", "seal")} for record in records]


def _comparable(result: PoseResult) -> list[tuple[Any, ...]]:
    return [(jsonable(replace(s.prediction, seconds=None).to_json()), s.error) for s in result.samples]


def test_processes_give_the_records_of_one_after_the_other(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(7)
    samples = load_pairs(PairsConfig(root=str(root)), InputConfig())
    known = ("fake", "none")
    alone = evaluate_pose(samples, FromModel(FakeModel, tmp_path / "alone", labels=known), METRICS)
    # A process that works on sample 2 is killed, once.
    at_once = AtOnce(2, make=(mortal, (2, tmp_path / "dead")))
    source = FromModel(FakeModel, tmp_path / "beside", labels=known, at_once=at_once)
    told: list[int] = []
    first = evaluate_pose(samples, source, METRICS, lambda sample, _: told.append(sample.sample.idx))
    lost = first.samples[2].prediction
    assert lost.status == BROKEN and "its process was killed (SIGKILL)" in str(lost.reason)
    assert told == list(range(7))
    expected = _comparable(alone)
    assert [one for idx, one in enumerate(_comparable(first)) if idx != 2] == expected[:2] + expected[3:]
    of_lost = [record["idx"] for record in _records(tmp_path / "beside")]
    # What may go well another time is not kept; nor is it of one after the other.
    assert of_lost == [0, 1, 4, 5, 6] and [r["idx"] for r in _records(tmp_path / "alone")] == [
        0,
        1,
        2,
        4,
        5,
        6,
    ]

    again = evaluate_pose(samples, source, METRICS)
    assert again.n_reused == 5 and _comparable(again) == expected
    assert sorted(_records(tmp_path / "beside"), key=lambda r: r["idx"]) == _records(tmp_path / "alone")
    assert _files(tmp_path / "beside") == _files(tmp_path / "alone")
    # To the byte, though arrays came from another process.
    for name, result in (("alone", alone), ("beside", first)):
        write_predictions(tmp_path / f"{name}.npy", result.samples[4:])
    assert (tmp_path / "beside.npy").read_bytes() == (tmp_path / "alone.npy").read_bytes()


def test_as_many_processes_as_there_is_work_for(tmp_path: Path) -> None:
    samples = [PairSample(idx, (tmp_path / "a", tmp_path / "b"), None, None) for idx in range(40)]
    make = (mortal, (0, tmp_path))
    assert ALONE.processes(samples) == AtOnce(4).processes(samples) == 1
    assert AtOnce(4, make=make).processes(samples) == 4
    assert AtOnce(4, 12, make=make).processes(samples[:24]) == 2
    assert AtOnce(16, views_each=20, make=make).processes(samples) == 4
    assert AtOnce(16, views_each=200, make=make).processes(samples) <= 1


def test_a_stopped_evaluation_leaves_no_process(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(6)
    samples = load_pairs(PairsConfig(root=str(root)), InputConfig())
    source = FromModel(FakeModel, tmp_path / "cache", at_once=AtOnce(2, make=(mortal, (9, tmp_path / "pid"))))
    answers = source.answers(samples)
    assert next(answers).prediction.idx == 0
    answers.close()
    for path in tmp_path.glob("pid-*"):
        try:
            os.kill(int(path.name[4:]), signal.SIGCONT)
        except ProcessLookupError:
            continue
        raise AssertionError(f"{path.name} is still there")
    assert [record["idx"] for record in _records(tmp_path / "cache")] == [0]
