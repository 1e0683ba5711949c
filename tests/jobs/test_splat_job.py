"""The splat and render stages as a run has them: cache, files, tables, sweeps, kill and resume."""

import json
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hw4.config import Config, PairsConfig, SceneConfig
from hw4.config.root import CacheConfig
from hw4.config.splat import RenderConfig
from hw4.core.errors import UserError
from hw4.jobs.comparison import write_comparison
from hw4.models.base import Reconstruction
from hw4.models.cached import CachedModel, from_npz, to_npz
from hw4.output.sweep_table import comparison_table
from hw4.records.comparison import compare
from hw4.report.sections.splat_views import settings_strip
from hw4.splat.result import SplatResult
from tests.support import forked
from tests.support.cli import hw4
from tests.support.fake_models import FakeModel
from tests.support.report_folders import runs_of
from tests.support.splat_jobs import make_config, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(
    scene_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Config, Path, dict[str, Any]]:
    tmp_path = tmp_path_factory.mktemp("trained")
    config = make_config(scene_root, tmp_path)
    return config, tmp_path, run(config, tmp_path / "run")


def test_a_run_writes_its_scores_and_files(trained: tuple[Config, Path, dict[str, Any]]) -> None:
    _, tmp_path, results = trained
    splat = results["splat"]
    assert splat["psnr"] > splat["initial_psnr"]
    assert splat["lpips"] is None and "lpips_weights" in splat["missing"]["lpips"]
    folder = tmp_path / "run" / "splat"
    assert {p.name for p in folder.iterdir()} == {
        "gaussians.ply",
        "renders",
        "strips",
        "curves.png",
        "cameras.json",
        "flythrough.mp4",
    }
    names = sorted(Path(view["name"]).stem for view in splat["views"])
    assert sorted(p.stem for p in (folder / "renders").iterdir()) == names
    # The scores are those of the files: PSNR computed again from the written PNGs.
    first = splat["views"][0]
    with Image.open(folder / "strips" / f"{Path(first['name']).stem}.png") as image:
        strip = np.array(image, dtype=float)
    truth, render = strip[:, :48], strip[:, 48:96]
    psnr = -10 * np.log10(((truth - render) ** 2).mean() / 255**2)
    assert psnr == pytest.approx(first["psnr"], abs=0.01)


def test_the_same_run_again_trains_nothing(
    trained: tuple[Config, Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, tmp_path, results = trained

    def train_again(*_: object) -> None:
        pytest.fail("trained again")

    monkeypatch.setattr("hw4.splat.stage.run_splat", train_again)
    again = run(config, tmp_path / "again")["splat"]
    assert again["reused"] and not results["splat"]["reused"]
    assert again["views"] == results["splat"]["views"]
    assert (tmp_path / "again" / "splat" / "gaussians.ply").is_file()


def test_a_changed_photo_is_a_new_scene(scene_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "scene"
    shutil.copytree(scene_root, root)
    config = make_config(root, tmp_path, iterations=1, video_frames=0)
    run(config, tmp_path / "a")
    photo = next((root / "images").iterdir())
    with Image.open(photo) as image:
        image.rotate(180).save(photo)
    assert not run(config, tmp_path / "b")["splat"]["reused"]


def test_render_repeats_the_run_from_its_ply_without_photos(
    trained: tuple[Config, Path, dict[str, Any]], scene_root: Path, tmp_path: Path
) -> None:
    config, run_path, results = trained
    bare = tmp_path / "bare"
    shutil.copytree(scene_root, bare)
    shutil.rmtree(bare / "images")
    ply = str(run_path / "run" / "splat" / "gaussians.ply")
    options = RenderConfig(ply=ply, out=str(tmp_path / "renders"))
    splat = replace(config.splat, render=options)
    rendered = run(
        replace(config, task="render", splat=splat, data=SceneConfig(root=str(bare))), tmp_path / "r"
    )
    assert len(rendered["render"]["renders"]) == len(results["splat"]["views"])
    renders = run_path / "run" / "splat" / "renders"
    for path in map(Path, rendered["render"]["renders"]):
        # The file's world is not the one trained in: a pixel at the edge of two values may take either.
        pair = [np.array(Image.open(one), float) for one in (path, renders / path.name)]
        np.testing.assert_allclose(*pair, rtol=0, atol=1)
        assert np.count_nonzero(pair[0] - pair[1]) <= pair[0].size // 1000
    given = replace(options, cameras=str(bare / "sparse_3" / "0"))
    training = run(replace(config, task="render", splat=replace(config.splat, render=given)), tmp_path / "r2")
    assert len(training["render"]["renders"]) == 3


def test_renders_replace_renders_and_never_photos(
    trained: tuple[Config, Path, dict[str, Any]], scene_root: Path, tmp_path: Path
) -> None:
    config, run_path, _ = trained
    scene = Path(shutil.copytree(scene_root, tmp_path / "scene"))
    photos = {path: path.read_bytes() for path in (scene / "images").iterdir()}
    options = RenderConfig(str(run_path / "run" / "splat" / "gaussians.ply"), out=str(tmp_path / "renders"))
    render = replace(
        config,
        task="render",
        splat=replace(config.splat, render=options),
        data=SceneConfig(root=str(scene)),
    )
    for _ in range(2):
        run(render, tmp_path / "r")
    over = replace(options, out=str(scene / "images"))
    with pytest.raises(
        UserError, match=r"images/.*\.png is there and is no render of ours: .*splat\.render\.out"
    ):
        run(replace(render, splat=replace(config.splat, render=over)), tmp_path / "r")
    assert {path: path.read_bytes() for path in (scene / "images").iterdir()} == photos


def test_a_flipped_digit_in_the_scores_is_not_believed(scene_root: Path, tmp_path: Path) -> None:
    config = make_config(scene_root, tmp_path)
    first = run(config, tmp_path / "a")["splat"]
    (file,) = (tmp_path / "cache").glob("splat/*/scores-*/splat.json")
    digits = str(first["psnr"])
    assert digits in file.read_text()
    file.write_text(file.read_text().replace(digits, str(first["psnr"] + 1)))
    again = run(config, tmp_path / "b")["splat"]
    assert not again["reused"] and again["psnr"] == first["psnr"]
    assert run(config, tmp_path / "c")["splat"]["reused"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (RenderConfig(), "splat.render.ply="),
        (RenderConfig(ply="nowhere.ply"), "nowhere.ply"),
    ],
)
def test_render_says_what_it_lacks(
    scene_root: Path, tmp_path: Path, options: RenderConfig, words: str
) -> None:
    config = replace(make_config(scene_root, tmp_path, render=options), task="render")
    with pytest.raises(UserError, match=words):
        run(config, tmp_path / "out")


def test_pairs_have_no_scene(scene_root: Path, tmp_path: Path) -> None:
    config = replace(make_config(scene_root, tmp_path), data=PairsConfig(root=str(scene_root)))
    with pytest.raises(UserError, match="no scene to splat; use data=sample or data=scene"):
        run(config, tmp_path / "out")


def test_settings_side_by_side(
    trained: tuple[Config, Path, dict[str, Any]], scene_root: Path, tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep"
    for job, lr in enumerate((1.6e-4, 3.2e-4)):
        (sweep / str(job) / ".hydra").mkdir(parents=True)
        config = make_config(scene_root, trained[1], lr=lr)
        run(replace(config, name=f"lr {lr}"), sweep / str(job))
    table, all_good = write_comparison(sweep)
    assert all_good
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["splat.lr"] == ["0.00016", "0.00032"]
    assert all(float(cell) > 0 for cell in rows["PSNR"])
    with Image.open(sweep / "splat_same_view.png") as image:
        assert image.width > image.height


def test_settings_without_a_common_view_have_no_strip(trained: tuple[Config, Path, dict[str, Any]]) -> None:
    result = SplatResult.from_json(trained[2]["splat"])
    other = replace(result, views=[replace(result.views[0], name="elsewhere.png")])
    assert settings_strip([("a", result), ("b", other)]) is None
    assert settings_strip([("a", result), ("b", result)]) is not None


def test_aligned_test_cameras_show_in_the_comparison(trained: tuple[Config, Path, dict[str, Any]]) -> None:
    results = trained[2]
    aligned = {**results, "splat": {**results["splat"], "aligned_test_views": True}}
    table = comparison_table(compare(runs_of(("0", results), ("1", aligned))), "t")
    assert "job 1: test cameras were optimised before scoring" in table.notes
    assert "job 0: test cameras were optimised before scoring" not in table.notes


def test_killed_and_resumed_gives_the_same_gaussians(
    trained: tuple[Config, Path, dict[str, Any]], scene_root: Path, tmp_path: Path
) -> None:
    command = ["task=splat", "model=sfm", "data=scene", f"data.root={scene_root}", "wandb=disabled"]
    command += [f"cache.root={tmp_path / 'cache'}", "splat.eval.lpips_download=false"]
    command += ["splat.iterations=150", "splat.checkpoint_every=10", "splat.video_frames=0"]
    command += ["splat.init.max_points=400", "report.auto=false"]
    process = forked.start([*command, f"hydra.run.dir={tmp_path / 'killed'}"], module="hw4", cwd=tmp_path)
    try:
        deadline = time.time() + 200
        while not list((tmp_path / "cache").rglob("checkpoint.pt")) and time.time() < deadline:
            assert process.poll() is None, "ended before its first checkpoint"
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "killed" / "results.json").exists()
    assert hw4(tmp_path, *command, f"hydra.run.dir={tmp_path / 'resumed'}").returncode == 0
    config = make_config(
        scene_root, tmp_path, iterations=150, checkpoint_every=10, video_frames=0, log_every=25
    )
    whole = replace(
        config, splat=replace(config.splat, render_every=250), cache=CacheConfig(root=str(tmp_path / "w"))
    )
    expected = run(whole, tmp_path / "whole")["splat"]
    resumed = json.loads((tmp_path / "resumed" / "results.json").read_text())["splat"]
    assert resumed["views"] == expected["views"]
    plys = [(tmp_path / name / "splat" / "gaussians.ply").read_bytes() for name in ("resumed", "whole")]
    assert plys[0] == plys[1]


def _reconstruction() -> Reconstruction:
    rng = np.random.default_rng(0)
    cameras = np.tile(np.eye(4)[:3], (2, 1, 1))
    cameras[1] = np.nan
    sizes = [(4, 5), (6, 3)]
    return Reconstruction(
        cameras,
        np.tile(np.eye(3), (2, 1, 1)),
        np.array([[8, 10], [12, 6]]),
        np.tile(np.eye(3), (2, 1, 1)),
        [rng.integers(0, 255, (*size, 3), np.uint8) for size in sizes],
        pts3d=[rng.normal(size=(*size, 3)).astype(np.float32) for size in sizes],
        conf=[rng.random(size).astype(np.float32) for size in sizes],
        diagnoses=[None, "plane-like"],
        notes={"loss": 0.5},
    )


def test_reconstructions_survive_the_cache_exactly(tmp_path: Path) -> None:
    before = _reconstruction()
    (tmp_path / "r.npz").write_bytes(to_npz(before))
    after = from_npz(tmp_path / "r.npz")
    assert after is not None
    np.testing.assert_array_equal(after.cam_from_world, before.cam_from_world)
    for name in ("images", "pts3d", "conf"):
        for x, y in zip(getattr(after, name), getattr(before, name), strict=True):
            np.testing.assert_array_equal(x, y)
            assert x.dtype == y.dtype
    assert (after.diagnoses, after.notes, after.depth) == (before.diagnoses, before.notes, None)


@pytest.mark.parametrize("content", [b"", b"junk", to_npz(_reconstruction())[:200]])
def test_a_damaged_cache_file_is_computed_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.npz").write_bytes(content)
    assert from_npz(tmp_path / "r.npz") is None


def test_the_model_runs_once_per_set_of_photos(tmp_path: Path) -> None:
    photos = [tmp_path / "0_a.png", tmp_path / "0_b.png"]
    for number, photo in enumerate(photos):
        Image.fromarray(np.full((4, 4, 3), number, np.uint8)).save(photo)
    calls = tmp_path / "calls"
    for order, expected in ((photos, 1), (photos, 1), (photos[::-1], 2)):
        model = CachedModel(tmp_path / "cache", "fake", "none", lambda: FakeModel(calls=calls))
        model.reconstruct(order)
        assert len(calls.read_text().splitlines()) == expected
