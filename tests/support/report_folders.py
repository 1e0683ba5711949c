"""Run folders as the program leaves them, made without running a model."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hw4.config import Config, InputConfig, MetricsConfig
from hw4.core.durable import write_json
from hw4.models.sfm.config import SfmConfig
from hw4.pose.results import SampleResult
from hw4.pose.scoring import summarize_samples
from hw4.records.run import Run, run_of_results

METRICS = MetricsConfig(bootstrap=200)
POSE = Config(task="pose", model=SfmConfig(), metrics=METRICS)


def pair_and_interpolated(**changes: Any) -> tuple[Config, Config]:
    """Two configurations that differ in the input alone, and in `changes` of the second."""
    return POSE, replace(POSE, input=InputConfig("interpolated"), **changes)


def sample(
    idx: int, rotation: float | None, angle: float = 40.0, reason: str = "too few matches"
) -> dict[str, Any]:
    return {
        "idx": idx,
        "status": "failed" if rotation is None else "ok",
        "rotation_error_deg": rotation,
        "translation_error_deg": None if rotation is None else 2 * rotation % 180,
        "reason": reason if rotation is None else None,
        "true_angle_deg": angle + idx,
        "true_yaw_deg": -angle - idx,
        "n_views": 2,
        "seconds": 0.1,
        "img1": f"/photos/{idx}_a.png",
        "img2": f"/photos/{idx}_b.png",
        "diagnoses": {},
        "notes": {},
        "cam_from_world": None,
    }


def pose_results(samples: Sequence[dict[str, Any]], config: Config) -> dict[str, Any]:
    summary = asdict(summarize_samples(list(map(SampleResult.from_row, samples)), config.metrics))
    return {"model": config.model.name, "weights": "none", **summary, "samples": list(samples)}


def write_job(folder: Path, config: Config, **stages: Any) -> Path:
    """A finished job; `pose` and `splat` are its stages' results."""
    (folder / ".hydra").mkdir(parents=True)
    content = {"status": "ok", "task": config.task, "config": asdict(config), "skipped": {}, **stages}
    write_json(folder / "results.json", content)
    return folder


def write_pose_job(folder: Path, config: Config, errors: Sequence[float | None]) -> Path:
    samples = [sample(idx, error) for idx, error in enumerate(errors)]
    return write_job(folder, config, pose=pose_results(samples, config))


def write_splat_job(folder: Path, config: Config, psnr: float) -> Path:
    """A splat job with two test views, their renders and strips, written under an address that is gone."""
    rng = np.random.default_rng(int(10 * psnr))
    there = Path("/long/gone") / folder.name / "splat"
    files: dict[str, list[str]] = {"renders": [], "strips": []}
    for kind, width in (("renders", 24), ("strips", 72)):
        for name in ("a", "b"):
            path = folder / "splat" / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (16, width, 3), np.uint8)).save(path)
            files[kind].append(str(there / kind / f"{name}.png"))
    views = [
        {"name": f"{name}.png", "psnr": psnr + shift, "ssim": 0.5, "lpips": None, "initial_psnr": 9.0}
        for name, shift in (("a", 0.25), ("b", -0.25))
    ]
    history = [
        {"step": step, "loss": 1 / step, "psnr_train": 10.0 + step, "n_gaussians": 100}
        for step in (5, 10, 20)
    ]
    result = {
        "psnr": psnr,
        "ssim": 0.5,
        "lpips": None,
        "initial_psnr": 9.0,
        "views": views,
        "missing": {"lpips": "no VGG weights here"},
        "aligned_test_views": False,
        "n_gaussians": 100,
        "n_initial": 100,
        "n_train": 3,
        "iterations": 20,
        "stopped": None,
        "train_seconds": 1.0,
        "init": "scene",
        "notes": [],
        "files": files,
        "history": history,
        "weights": "none",
    }
    return write_job(folder, config, splat=result)


def runs_of(*jobs: tuple[str, dict[str, Any]]) -> list[Run]:
    """Runs by the names of their folders, of which nothing is on disk but what is given."""
    return [run_of_results(f"job {name}", Path(name), results) for name, results in jobs]


def read_table(markdown: str, title: str) -> dict[str, list[str]]:
    """Rows of a Markdown table by their first cell; the header under ``""``."""
    lines = markdown.split(f"**{title}**\n", 1)[1].lstrip("\n").split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {"": rows[0], **{row[0]: row[1:] for row in rows[2:]}}


def results_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text())
