"""A small splat job without a report: its configuration, and one run of it."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from hw4.config import Config, SceneConfig, SplatConfig, WandbConfig
from hw4.config.root import CacheConfig, ReportConfig
from hw4.config.splat import EvalConfig, InitConfig
from hw4.jobs.run import run_job
from hw4.models.sfm.config import SfmConfig


def make_config(scene_root: Path, tmp_path: Path, **splat: Any) -> Config:
    options: dict[str, Any] = {
        "iterations": 12,
        "checkpoint_every": 4,
        "log_every": 4,
        "render_every": 6,
        "video_frames": 3,
    }
    # Without the option a test machine with a network would fetch half a gigabyte.
    options["init"] = InitConfig(max_points=400)
    options["eval"] = EvalConfig(lpips_download=False)
    return Config(
        task="splat",
        model=SfmConfig(),
        splat=SplatConfig(**{**options, **splat}),
        data=SceneConfig(root=str(scene_root)),
        wandb=WandbConfig(mode="disabled"),
        report=ReportConfig(auto=False),
        cache=CacheConfig(root=str(tmp_path / "cache")),
    )


def run(config: Config, out_dir: Path) -> dict[str, Any]:
    run_job(config, out_dir, Console(quiet=True))
    results: dict[str, Any] = json.loads((out_dir / "results.json").read_text())
    return results
