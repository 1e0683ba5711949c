"""The examples of docs/extending.md are a package: installed beside hw4, they are used like its own parts.

The page includes the package's files, so that what it teaches is what runs here.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hw4.config import SampleConfig
from hw4.data.sample import ensure_sample
from hw4.data.scenes.layouts import locate
from tests.support.cli import hw4 as command_line
from tests.support.pages import EXTENDING, commands
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

TOY = ROOT / "tests" / "support" / "toy"
SMALL = (
    *("data.pairs=3", "data.frames=3", "data.width=64", "data.height=48"),
    *("metrics.bootstrap=20", "wandb=disabled", "cache.root=cache"),
)
Hw4 = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package is installed into, as pip does it."""
    root = tmp_path_factory.mktemp("toy")
    # The build leaves files beside the sources.
    source = shutil.copytree(TOY, root / "source", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(root / "site"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root / "site"


@pytest.fixture
def hw4(site: Path, tmp_path: Path) -> Hw4:
    """`python -m hw4 ...` in an own folder, with the package installed."""
    env = {"PYTHONPATH": f"{site}:{ROOT}", "COLUMNS": "200"}

    def run(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = command_line(tmp_path, *arguments, env=env)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    assert found["status"] == "ok"
    return found


def test_the_page_shows_every_file_of_the_package() -> None:
    shown = set(re.findall(r'^--8<-- "(tests/support/toy/[^"]+)"', EXTENDING.read_text(), re.M))
    files = [TOY / "pyproject.toml", *(TOY / "hw4_toy").glob("[!_]*.py")]
    assert shown == {str(path.relative_to(ROOT)) for path in files}


def test_help_and_configuration_show_what_is_installed(hw4: Hw4) -> None:
    text = hw4("--help").stdout
    assert "toy: how bright the photos of each pair are" in text
    for group in ("model", "data"):
        assert re.search(rf"^ *{group} .*\btoy\b", text, re.M), group
    text = hw4("--cfg", "job", "model=toy").stdout
    assert "yaw_deg: 45.0" in text and "dark: 60.0" in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("model=tooy", "toy"),
        ("model.yaw_deq=3", "model.yaw_deg"),
        ("model.yaw_deg=300", "model.yaw_deg"),
        ("toy.darc=3", "toy.dark"),
    ],
)
def test_a_mistake_in_its_keys_is_one_sentence(hw4: Hw4, wrong: str, said: str) -> None:
    words = ["task=toy", wrong] if wrong.startswith("toy") else ["task=pose", "model=toy", wrong]
    error = hw4(*words, status=1).stderr.strip()
    assert said in error and "\n" not in error


def test_model_and_metric_in_a_sweep_beside_our_own(hw4: Hw4, tmp_path: Path) -> None:
    comparing, installing = commands([EXTENDING])
    assert installing.startswith("pip install ./")
    hw4(*comparing.split()[3:], *SMALL, "hydra.sweep.dir=sweep")
    poses = [results(tmp_path / "sweep" / job)["pose"] for job in "01"]
    assert [pose["model"] for pose in poses] == ["dust3r", "toy"]
    for pose in poses:
        errors = [sample["rotation_error_deg"] for sample in pose["samples"]]
        assert pose["metrics"]["Worst"]["value"] == pytest.approx(max(errors))
    for file in ("comparison.md", "report.md", "report.html", "0/summary.md"):
        assert "Worst" in (tmp_path / "sweep" / file).read_text(), file
    assert "Toy" in (tmp_path / "sweep" / "report.md").read_text()
    listed = hw4("runs", "sweep", "--sort=Worst").stdout
    assert "Worst" in listed and re.search(r"sweep/1.*toy", listed)


def test_a_sweep_over_its_key_computes_what_differs(hw4: Hw4, tmp_path: Path) -> None:
    hw4("-m", "task=pose", "model=toy", "model.yaw_deg=10,50", *SMALL, "hydra.sweep.dir=sweep")
    first, second = (results(tmp_path / "sweep" / job)["pose"]["metrics"]["MRE"]["value"] for job in "01")
    assert first != second
    assert "model.yaw_deg" in (tmp_path / "sweep" / "comparison.md").read_text()


def test_stage(hw4: Hw4, tmp_path: Path) -> None:
    hw4("task=toy", "toy.dark=255", *SMALL, "hydra.run.dir=run")
    found = results(tmp_path / "run")["toy"]
    assert len(found["levels"]) == len(found["dark"]) == 3


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Photos of the generated scene."""
    sample = ensure_sample(
        SampleConfig(root=str(tmp_path / "sample"), pairs=1, frames=3, width=64, height=48)
    )
    return sorted((sample / "scene" / "images").iterdir())


def test_data_set(hw4: Hw4, tmp_path: Path, photos: list[Path]) -> None:
    turns = {
        idx: {"photos": [str(p) for p in photos[idx : idx + 2]], "yaw_deg": 45 + idx} for idx in range(2)
    }
    (tmp_path / "turns").mkdir()
    (tmp_path / "turns" / "turns.json").write_text(json.dumps(turns))
    hw4("task=pose", "model=toy", "data=toy", "data.root=turns", "wandb=disabled", "hydra.run.dir=run")
    pose = results(tmp_path / "run")["pose"]
    assert [sample["rotation_error_deg"] for sample in pose["samples"]] == pytest.approx([0, 1], abs=1e-4)
    assert pose["metrics"]["MTE"]["reason"] == "the ground truth has no translation direction"
    assert "data.root" in hw4("task=pose", "data=toy", "data.root=none", status=1).stderr


def test_layout_and_metric_in_a_splat(hw4: Hw4, tmp_path: Path, photos: list[Path]) -> None:
    views = locate(photos[0].parents[1], "sparse_3").train.views
    assert views is not None
    width, height = (int(side) for side in views.sizes[0])
    K = views.Ks[0]
    frames = [
        {
            "file_path": f"photos/{Path(name).with_suffix('.png').name}",
            "transform_matrix": (np.linalg.inv(camera) @ np.diag([1, -1, -1, 1])).tolist(),
        }
        for name, camera in zip(views.names, views.cam_from_world, strict=True)
    ]
    shutil.copytree(photos[0].parent, tmp_path / "scene" / "photos")
    intrinsics = {"w": width, "h": height, "fl_x": K[0, 0], "fl_y": K[1, 1], "cx": K[0, 2], "cy": K[1, 2]}
    (tmp_path / "scene" / "transforms.json").write_text(json.dumps({**intrinsics, "frames": frames}))
    quick = ("splat.iterations=2", "splat.video_frames=0", "splat.eval.lpips_download=false")
    data = ("data=scene", "data.root=scene", "data.test_every=3")
    hw4(
        "task=splat", "model=dust3r", *data, *quick, "wandb=disabled", "cache.root=cache", "hydra.run.dir=run"
    )
    splat = results(tmp_path / "run")["splat"]
    assert 0 < splat["mae"] < 1
    assert [view["name"] for view in splat["views"]] == [frames[0]["file_path"]]
    assert "MAE" in (tmp_path / "run" / "report.md").read_text()
    listing = hw4("runs", "run", "--sort=MAE").stdout
    assert "MAE" in listing
    assert (
        "transforms"
        in hw4("task=splat", "data=scene", "data.root=scene", "data.layout=tranforms", status=1).stderr
    )
