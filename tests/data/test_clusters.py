"""Samples that share a picture, directly or through others, are one cluster."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hw4.config import InputConfig, PairsConfig
from hw4.data.clusters import clusters, connected, labelled
from hw4.data.pairs.samples import load_pairs
from hw4.pose.evaluate import evaluate_pose
from tests.support.fake_models import FakeModel

MakePairs = Callable[..., tuple[Path, np.ndarray]]


def test_items_are_connected_through_others() -> None:
    assert connected([]) == [] and labelled([]) == []
    one, two, three, four = connected([{"a", "b"}, {"c"}, {"b", "d"}, {"d"}])
    assert one == three == four != two
    assert labelled([{"a", "b"}, {"b", "c"}]) == labelled([{"b", "a"}] * 2)
    assert labelled([{"a"}]) != labelled([{"b"}])


def test_samples_that_share_a_picture_are_one_wherever_the_files_lie(pairs_folder: MakePairs) -> None:
    root, _ = pairs_folder(5)
    for source, target in (("0_a.png", "2_b.png"), ("2_a.png", "3_a.png")):
        shutil.copy(root / "images" / source, root / "images" / target)
    samples = load_pairs(PairsConfig(root=str(root)), InputConfig())
    labels = clusters(samples)
    assert labels[0] == labels[2] == labels[3] and len(set(labels)) == 3
    shutil.copytree(root, root.parent / "moved")
    assert clusters(load_pairs(PairsConfig(root=str(root.parent / "moved")), InputConfig())) == labels
    result = evaluate_pose(samples, FakeModel())
    assert [one.cluster for one in result.samples] == labels and result.summary.n_clusters == 3
    assert [row["cluster"] for row in result.to_json()["samples"]] == labels
