"""All ten recipes of conf/experiment on the homework's tree as it is, with the small networks."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from hw4.config import SampleConfig
from hw4.jobs.comparison import write_comparison
from hw4.jobs.run import SweepGroup, run_job
from hw4.report.document import write_report
from tests.support.cli import plan
from tests.support.homework import CASE, write_homework
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

NETWORK = [
    "model.weights=tiny",
    "model.image_size=64",
    "model.alignment.iterations=3",
    "metrics.bootstrap=20",
]
SPLAT = ["splat.iterations=3", "splat.video_frames=0", "splat.eval.lpips_download=false"]
SETTINGS = [f"p2_setting_{number}" for number in range(1, 6)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``hw4_1_data``, and a scene in InstantSplat's layout."""
    folder = tmp_path_factory.mktemp("homework")
    made = SampleConfig(root=str(folder / "made"), pairs=3, frames=3, width=64, height=48)
    write_homework(folder, made)
    (folder / "scene").symlink_to(folder / "made" / "scene")
    return folder


def run_recipe(name: str, out: Path, *more: str) -> tuple[list[dict[str, Any]], str]:
    """Results of a recipe's jobs, in folders 0, 1, ... of `out`, and what the terminal says."""
    common = ["wandb=disabled", f"cache.root={out.parent / 'cache'}", "report.auto=false"]
    jobs = plan([f"+experiment={name}", *common, *more], False).jobs
    terminal = io.StringIO()
    for number, config in enumerate(jobs):
        console = Console(file=terminal, width=200)
        run_job(config, out / str(number), console, None if len(jobs) == 1 else SweepGroup("sweep"))
    results = [json.loads((out / str(n) / "results.json").read_text()) for n in range(len(jobs))]
    assert {result["status"] for result in results} == {"ok"}
    return results, terminal.getvalue()


def test_there_are_ten() -> None:
    names = {path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")}
    assert names == {"q1_demo", "q2_pair", "q2_interpolated", "q2_case_3781", "q3_compare", *SETTINGS}


@pytest.mark.parametrize(
    ("name", "views", "where"),
    [
        ("q2_pair", 2, ["data.root={}/hw4_1_data/public"]),
        ("q2_interpolated", 5, ["data.root={}/hw4_1_data", "data.split=public"]),
    ],
)
def test_a_column_of_the_report(name: str, views: int, where: list[str], tree: Path, tmp_path: Path) -> None:
    places = [key.format(tree) for key in where]
    (result,), said = run_recipe(name, tmp_path / "out", *NETWORK, "report.auto=true", *places)
    pose, folder = result["pose"], tmp_path / "out" / "0"
    assert [one["idx"] for one in pose["samples"]] == [CASE, 1]
    assert {one["n_views"] for one in pose["samples"]} == {views}
    assert (pose["protocol"], pose["relative"]["protocol"]) == ("homework", "relative")
    text = (folder / "summary.txt").read_text()
    assert text.startswith("Evaluation Summary (Mode: R)\n  Total samples:   2\n") and text in said
    assert "by relative poses" in (folder / "summary.md").read_text()
    assert set(np.load(folder / "predictions.npy", allow_pickle=True).item()) == {str(CASE), "1"}
    assert (folder / "report.html").is_file() and (folder / "error_cdf.png").is_file()


def test_both_columns_side_by_side(tree: Path, tmp_path: Path) -> None:
    root = f"data.root={tree}/hw4_1_data/public"
    results, _ = run_recipe("q3_compare", tmp_path / "out", *NETWORK, root)
    assert [result["config"]["input"]["name"] for result in results] == ["pair", "interpolated"]
    table, whole = write_comparison(tmp_path / "out")
    assert whole and "MRE, relative" in [row[0] for row in table.rows]
    (tmp_path / "out" / "sweep.json").write_text('{"n_jobs": 2}')
    text = write_report(tmp_path / "out").markdown.read_text()
    assert "What changed." in text and "What it does not show." in text


def test_the_failure_case(tree: Path, tmp_path: Path) -> None:
    root = f"data.root={tree}/hw4_1_data/public"
    (result,), said = run_recipe("q2_case_3781", tmp_path / "out", *NETWORK, root)
    case, folder = result["case"], tmp_path / "out" / "0"
    assert case["idx"] == CASE and [one["name"] for one in case["inputs"]] == ["pair", "interpolated"]
    assert "by relative poses the rotation is wrong by" in said
    for name in ("case.md", "frames.png", "cloud_pair.png", "cloud_interpolated.png"):
        assert (folder / name).is_file()


def test_the_demo(tree: Path, tmp_path: Path) -> None:
    photos = f"demo.images={tree}/hw4_1_data/public/images/ShopFacade"
    (result,), _ = run_recipe("q1_demo", tmp_path / "out", *NETWORK, photos, "demo.max_images=3")
    assert len(result["demo"]["views"]) == 3
    assert {path.suffix for path in (tmp_path / "out" / "0").rglob("*.*")} >= {".glb", ".ply", ".png"}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_the_report(name: str, tree: Path, tmp_path: Path) -> None:
    scene = ["data=scene", f"data.root={tree}/scene"]
    (result,), _ = run_recipe(name, tmp_path / "out", *SPLAT, *scene)
    splat = result["splat"]
    assert result["name"] == name and len(splat["views"]) > 0 and splat["psnr"] > 0
    assert (tmp_path / "out" / "0" / "splat" / "gaussians.ply").is_file()


def test_predictions_of_the_private_part(tree: Path, tmp_path: Path) -> None:
    private = ["task=predict", f"data.root={tree}/hw4_1_data/private"]
    (result,), said = run_recipe("q2_interpolated", tmp_path / "out", *NETWORK, *private)
    assert result["predict"]["n_placed"] == 1 and "pose" not in result and "MRE" not in said
