"""A pipe or a device in a file's place is refused in one sentence: nobody waits, nobody reads without end."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw4.config import InputConfig, MetricsConfig, PairsConfig
from hw4.core.errors import UserError
from hw4.core.fingerprint import file_digest
from hw4.core.regular import regular
from hw4.data.pairs.ground_truth import read_ground_truth
from hw4.data.pairs.indexed import read_index
from hw4.data.pairs.samples import load_pairs
from hw4.data.photos import load_image
from hw4.data.scenes.ply import read_ply_points
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel
from hw4.pose.predictions import FromFile
from hw4.splat.gaussians import load_ply
from tests.support.fake_models import FakeModel

MakePairs = Callable[..., tuple[Path, np.ndarray]]


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """Who waits is interrupted."""

    def late(*_: Any) -> None:
        raise TimeoutError("waited for a pipe")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 60)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=["pipe", "device"])
def special(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        path = tmp_path / name
        path.unlink(missing_ok=True)
        os.mkfifo(path) if request.param == "pipe" else path.symlink_to("/dev/zero")
        return path

    return make


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (read_index, "pairs.txt"),
        (read_ground_truth, "gt.json"),
        (read_ground_truth, "gt.npy"),
        (FromFile, "predictions.npy"),
        (load_image, "photo.png"),
        (read_ply_points, "points3D.ply"),
        (load_ply, "gaussians.ply"),
        (file_digest, "weights.pt"),
    ],
)
def test_it_is_one_sentence(special: Callable[[str], Path], read: Callable[[Path], Any], name: str) -> None:
    with pytest.raises(UserError, match=rf"{name}.*(a pipe or a device, not a file|does not exist)"):
        read(special(name))


def test_folders_and_what_is_not_there_keep_their_errors(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        regular(tmp_path / "none")


@pytest.mark.parametrize("kind", ["special", "dangling"])
def test_one_among_the_frames_costs_its_own_sample_alone(
    pairs_folder: MakePairs, special: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    root, _ = pairs_folder(3, frames=5)
    frame = root / "interpolated" / "1" / "dynamicrafter" / "1_frame2.png"
    frame.unlink()
    if kind == "special":
        special("frame").rename(frame)
    else:
        frame.symlink_to(tmp_path / "nowhere")
    samples = load_pairs(PairsConfig(root=str(root)), InputConfig("interpolated"))
    result = evaluate_pose(samples, FromModel(FakeModel(), tmp_path / "cache"), MetricsConfig(bootstrap=0))
    assert [s.prediction.status for s in result.samples] == ["ok", "bad_input", "ok"]
    assert "1_frame2.png" in str(result.samples[1].reason)
