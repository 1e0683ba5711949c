"""The command line as a user meets it: whole runs in a subprocess."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.cli import hw4, run_pose
from tests.support.pairs import Hostile

pytestmark = pytest.mark.slow

MakePairs = Callable[..., tuple[Path, np.ndarray]]


def only_sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("hw4: ")]
    return line


@pytest.mark.parametrize(
    "command", [[sys.executable, "-m", "hw4"], [str(Path(sys.executable).with_name("hw4"))]]
)
def test_both_ways_to_start_it(tmp_path: Path, command: list[str]) -> None:
    done = subprocess.run([*command, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Usage:" in done.stdout and "| mast3r | sfm | vggt" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_importing_the_entrypoint_loads_no_torch() -> None:
    heavy = ("torch", "wandb", "cv2")
    code = f"import sys, hw4.__main__, hw4.launch.sweep; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_typo_is_one_sentence_with_a_traceback_on_request(tmp_path: Path) -> None:
    assert "Did you mean splat.lr?" in only_sentence(hw4(tmp_path, "splat.lrr=1"))
    done = hw4(tmp_path, "splat.lrr=1", env={"HYDRA_FULL_ERROR": "1"})
    assert done.returncode == 1 and "Traceback" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("printing", ["hydra", "job"])
def test_a_sweep_is_not_printed(tmp_path: Path, printing: str) -> None:
    sentence = only_sentence(hw4(tmp_path, "-m", "splat.lr=1e-4,2e-4", "--cfg", printing))
    assert "leave one of them out" in sentence and list(tmp_path.iterdir()) == []


def test_a_run_leaves_its_files_and_counts_failures(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(3)
    done = run_pose(tmp_path, root, "hydra.run.dir=out")
    # Noise photos have no matches: every sample fails with its reason, which is a result and not an error.
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert (results["pose"]["n_total"], results["pose"]["n_valid"]) == (3, 0)
    assert all(f["reason"] for f in results["pose"]["failures_by_sample"])
    assert results["pose"]["metrics"]["MRE"]["value"] is None
    assert results["provenance"]["packages"]["pycolmap"]
    assert results["config"]["data"]["root"] == str(root)
    for name in ("config.yaml", "samples.jsonl", "samples.csv", "summary.md", "predictions.npy"):
        assert (tmp_path / "out" / name).exists(), name
    assert "Samples without a result" in done.stdout
    again = run_pose(tmp_path, root, "hydra.run.dir=out2")
    assert again.stdout.count("(reused)") == 3


def test_sweep_ends_with_the_comparison(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(2, frames=4)
    done = run_pose(tmp_path, root, "-m", "input=pair,interpolated", "hydra.sweep.dir=sweep")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Comparison of 2 jobs" in done.stdout and "input.name" in done.stdout
    comparison = json.loads((tmp_path / "sweep" / "comparison.json").read_text())
    assert comparison["differing_keys"] == ["input.name"]
    assert [job["settings"]["input.name"] for job in comparison["jobs"]] == ["pair", "interpolated"]


def test_a_failing_job_does_not_end_its_sweep(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(2)
    done = run_pose(tmp_path, root, "-m", "data.index=nowhere.txt,pairs.txt", "hydra.sweep.dir=sweep")
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    states = [json.loads((tmp_path / "sweep" / n / "results.json").read_text())["status"] for n in "01"]
    assert states == ["failed", "ok"]
    assert "job 0 failed: cannot read the index" in (tmp_path / "sweep" / "comparison.md").read_text()


def test_score_reads_what_a_run_wrote(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, cameras = pairs_folder(3)
    content = {str(i): np.linalg.inv(pair) for i, pair in enumerate(cameras)}
    np.save(tmp_path / "p.npy", np.array(content, dtype=object), allow_pickle=True)
    options = ("task=score", "data=pairs", f"data.root={root}", "wandb=disabled", "hydra.run.dir=out")
    done = hw4(tmp_path, *options, "score.predictions=p.npy")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["pose"]["metrics"]["AUC@3"]["value"] == 1.0
    target = tmp_path / "owned"
    np.save(tmp_path / "h.npy", np.array({"0": Hostile(target)}, dtype=object), allow_pickle=True)
    assert "h.npy was refused" in only_sentence(hw4(tmp_path, *options, "score.predictions=h.npy"))
    assert not target.exists()
    assert "cannot read" in only_sentence(hw4(tmp_path, *options, "score.predictions=nowhere.npy"))


def missing_image(root: Path) -> None:
    (root / "images" / "1_a.png").unlink()


def unreadable_image(root: Path) -> None:
    (root / "images" / "1_a.png").write_bytes(b"not an image")


def malformed_index(root: Path) -> None:
    (root / "pairs.txt").write_text("idx img1 img2\n0 only_one.png\n")


def empty_folder(root: Path) -> None:
    (root / "pairs.txt").unlink()
    (root / "gt.npy").unlink()


def nan_camera(root: Path) -> None:
    truth = np.load(root / "gt.npy", allow_pickle=True).item()
    truth[1]["img2"]["qw"] = float("nan")
    np.save(root / "gt.npy", np.array(truth, dtype=object), allow_pickle=True)


def wrong_shape(root: Path) -> None:
    truth = np.load(root / "gt.npy", allow_pickle=True).item()
    for view in truth[1].values():
        view["K"] = [[1.0, 0.0], [0.0, 1.0]]
    np.save(root / "gt.npy", np.array(truth, dtype=object), allow_pickle=True)


def hostile_truth(root: Path) -> None:
    np.save(root / "gt.npy", np.array({0: Hostile(root / "owned")}, dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (missing_image, "1_a.png does not exist"),
        (unreadable_image, "1_a.png"),
        (malformed_index, "pairs.txt, line 2"),
        (empty_folder, "cannot read the index"),
        (nan_camera, "entry 1 of gt.npy: the camera holds NaN"),
        (wrong_shape, "K must be two finite 3x3 matrices"),
        (hostile_truth, "gt.npy was refused"),
    ],
)
def test_bad_data_is_one_sentence(
    pairs_folder: MakePairs, tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    root, _ = pairs_folder(2)
    damage(root)
    assert words in only_sentence(run_pose(tmp_path, root))
    assert not (root / "owned").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["model=dust3r", "model.weights=/nowhere/model.pth"], "/nowhere/model.pth"),
        (["model=vggt", "model.weights=random", "model.device=cuda"], "use model.device=auto or cpu"),
    ],
)
def test_missing_weights_and_gpu_are_one_sentence(
    pairs_folder: MakePairs, tmp_path: Path, options: list[str], words: str
) -> None:
    import torch

    if "model.device=cuda" in options and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    root, _ = pairs_folder(1)
    assert words in only_sentence(run_pose(tmp_path, root, *options))


def test_no_network_names_the_file_to_put(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(1)
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    done = hw4(
        tmp_path,
        "task=pose",
        "model=vggt",
        "model.weights=official",
        "data=pairs",
        f"data.root={root}",
        "wandb=disabled",
        env=offline,
    )
    sentence = only_sentence(done)
    assert "facebook/VGGT-1B" in sentence and "model.weights=" in sentence


def test_unwritable_output_is_one_sentence(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(1)
    (tmp_path / "outputs").write_text("a file where the folder should be")
    assert "cannot create" in only_sentence(run_pose(tmp_path, root))
    done = run_pose(tmp_path, root, "hydra.run.dir=out", "cache.root=/proc/nowhere")
    assert "cannot write" in only_sentence(done)


def test_full_disk_is_one_sentence(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(1)
    # /dev/full refuses every write with "No space left on device".
    out = tmp_path / "out"
    out.mkdir()
    # As an earlier run leaves it: a folder of somebody else's files is refused before.
    (out / ".lock").touch()
    (out / "samples.jsonl").symlink_to("/dev/full")
    sentence = only_sentence(run_pose(tmp_path, root, "hydra.run.dir=out"))
    assert "No space left on device" in sentence and "Free some space" in sentence
