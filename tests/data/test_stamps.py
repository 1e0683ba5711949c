"""A finished job is taken for finished only while the files that it read are the same."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from hw4.config import Config, PairsConfig, SampleConfig, SceneConfig
from hw4.config.root import CacheConfig, ReportConfig, ScoreConfig, WandbConfig
from hw4.data.sample import ensure_sample
from hw4.data.stamps import inputs_stamp
from hw4.jobs.run import run_job
from hw4.launch.job_returns import is_finished
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.sfm.config import SfmConfig

MakePairs = Callable[..., tuple[Path, np.ndarray]]


def change(path: Path) -> None:
    """Another byte at the end; size and time stay."""
    status, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("changed", ["images/0_b.png", "gt.npy", "interpolated/0/dynamicrafter/0_frame1.png"])
def test_a_changed_file_makes_a_job_unfinished(pairs_folder: MakePairs, tmp_path: Path, changed: str) -> None:
    root, _ = pairs_folder(1, frames=3)
    config = Config(
        task="pose",
        model=SfmConfig(),
        data=PairsConfig(root=str(root)),
        wandb=WandbConfig(mode="disabled"),
        report=ReportConfig(auto=False),
        cache=CacheConfig(root=str(tmp_path / "cache")),
    )
    assert not is_finished(tmp_path / "job", config)
    run_job(config, tmp_path / "job", Console(quiet=True))
    assert is_finished(tmp_path / "job", config)
    assert not is_finished(tmp_path / "job", replace(config, model=SfmConfig(min_inliers=16)))
    change(root / changed)
    assert not is_finished(tmp_path / "job", config)


def test_files_outside_the_root_count_as_well(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(1)
    weights, predictions, photos = tmp_path / "w.pth", tmp_path / "p.npy", tmp_path / "elsewhere"
    (root / "images").rename(photos)
    for path in (weights, predictions):
        path.write_bytes(b"x")
    config = Config(
        model=Dust3rConfig(weights=str(weights)),
        data=PairsConfig(root=str(root), images="../elsewhere"),
        score=ScoreConfig(predictions=str(predictions)),
    )
    seen = {inputs_stamp(config)}
    for path in (weights, predictions, photos / "0_a.png"):
        change(path)
        seen.add(inputs_stamp(config))
    (photos / "0_a.png").unlink()
    seen.add(inputs_stamp(config))
    assert len(seen) == 5 and inputs_stamp(config) in seen


def test_generated_data_counts_by_its_configuration(tmp_path: Path) -> None:
    config = Config(data=SampleConfig(root=str(tmp_path)))
    before = inputs_stamp(config)
    (tmp_path / "made.png").touch()
    assert inputs_stamp(config) == before


def test_what_runs_write_is_none_of_it(
    pairs_folder: MakePairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data and results in one folder: the second job still finds the first one's data unchanged."""
    root, _ = pairs_folder(1)
    monkeypatch.chdir(root)
    config = Config(data=PairsConfig(root="."), cache=CacheConfig(root="kept"))
    before = inputs_stamp(config)
    for folder in ("outputs/2026-11-24/1", "multirun/2026-11-24/2", "kept/pose"):
        (root / folder).mkdir(parents=True)
        (root / folder / "results.json").touch()
    assert inputs_stamp(config) == before


def test_a_copied_moved_or_touched_data_set_is_the_same(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(2)
    stamp = inputs_stamp(Config(data=PairsConfig(root=str(root))))
    copied = Path(shutil.copytree(root, tmp_path / "copied", copy_function=shutil.copyfile))
    for path in root.rglob("*.png"):
        path.touch()
    moved = root.rename(tmp_path / "moved")
    for folder in (copied, moved):
        assert inputs_stamp(Config(data=PairsConfig(root=str(folder)))) == stamp
    (moved / "images" / "0_a.png").rename(moved / "images" / "0_c.png")
    assert inputs_stamp(Config(data=PairsConfig(root=str(moved)))) != stamp


def test_predictions_are_found_where_the_data_set_was_moved(pairs_folder: MakePairs, tmp_path: Path) -> None:
    root, _ = pairs_folder(2)

    def reused(folder: Path, out: str) -> int:
        config = Config(
            task="pose",
            model=SfmConfig(),
            data=PairsConfig(root=str(folder)),
            wandb=WandbConfig(mode="disabled"),
            report=ReportConfig(auto=False),
            cache=CacheConfig(root=str(tmp_path / "cache")),
        )
        run_job(config, tmp_path / out, Console(quiet=True))
        return int(json.loads((tmp_path / out / "results.json").read_text())["pose"]["n_reused"])

    assert reused(root, "first") == 0
    moved = root.rename(tmp_path / "elsewhere")
    assert reused(moved, "second") == 2
    change(moved / "images" / "1_a.png")
    assert reused(moved, "third") == 1


def test_only_the_files_that_the_samples_use_are_looked_at(
    pairs_folder: MakePairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _ = pairs_folder(3, frames=3)
    looked_at: list[Path] = []

    def recorded(paths: Iterable[Path]) -> dict[Path, str | None]:
        looked_at.extend(paths)
        return dict.fromkeys(looked_at, "x")

    monkeypatch.setattr("hw4.core.fingerprint.file_digests", recorded)
    (root / "other" / "deep").mkdir(parents=True)
    for path in (root / "other" / "deep" / "x.png", root / "images" / "unused.png"):
        path.touch()
    inputs_stamp(Config(data=PairsConfig(root=str(root), limit=1)))
    names = {path.relative_to(root).as_posix() for path in looked_at}
    frames = {f"interpolated/0/dynamicrafter/0_frame{number}.png" for number in range(3)}
    assert names == {"pairs.txt", "gt.npy", "images/0_a.png", "images/0_b.png"} | frames


@pytest.mark.parametrize(
    "config",
    [
        PairsConfig(root="/"),
        SceneConfig(root="/"),
    ],
)
def test_a_root_without_data_costs_nothing(config: PairsConfig | SceneConfig) -> None:
    started = time.perf_counter()
    assert inputs_stamp(Config(data=config)) == inputs_stamp(Config(data=config))
    assert time.perf_counter() - started < 5


def test_a_scene_counts_by_its_files(tmp_path: Path) -> None:
    sample = SampleConfig(root=str(tmp_path / "s"), pairs=1, frames=3, width=48, height=36)
    root = ensure_sample(sample) / "scene"
    config = Config(data=SceneConfig(root=str(root)))
    before = inputs_stamp(config)
    (root / "notes").mkdir()
    (root / "notes" / "x.txt").touch()
    assert inputs_stamp(config) == before
    for name in ("images/000.png", "sparse_3/0/images.txt", "sparse_3/1/cameras.txt"):
        change(root / name)
        assert inputs_stamp(config) != before
        before = inputs_stamp(config)
