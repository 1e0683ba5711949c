"""The wall between training and test photos, whoever opens files; and what training gains on its start."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hw4.config import EvalConfig, InitConfig, SampleConfig, SceneConfig, SplatConfig
from hw4.data.sample import ensure_sample
from hw4.data.scenes.scene import Scene
from hw4.models.base import ReconstructionModel
from hw4.models.registry import build_model
from hw4.models.vggt.config import VggtConfig
from hw4.splat import stage

pytestmark = pytest.mark.slow

CONFIG = SplatConfig(
    iterations=5,
    video_frames=2,
    init=InitConfig(max_points=200),
    eval=EvalConfig(lpips_download=False),
    densify=replace(SplatConfig().densify, strategy="default", every=2, start=0, stop=5),
)


@pytest.fixture(scope="module")
def scene_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    return ensure_sample(SampleConfig(root=str(root), pairs=1, frames=3, width=64, height=48)) / "scene"


@pytest.fixture(scope="module")
def model() -> ReconstructionModel:
    return build_model(VggtConfig())


@pytest.mark.parametrize(
    ("layout", "source"), [("sparse_3", "scene"), ("sparse_3", "model"), ("photos", "model")]
)
def test_training_does_without_the_test_photos(
    layout: str,
    source: str,
    scene_root: Path,
    model: ReconstructionModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are gone once the scene is loaded: compiled code could not open them unseen either."""
    copy = Path(shutil.copytree(scene_root, tmp_path / "scene"))
    config = replace(CONFIG, init=replace(CONFIG.init, source=source))
    initialise, removed = stage.initialise, []

    def remove_first(scene: Scene, *arguments: object) -> object:
        for path in scene.test.paths:
            path.unlink()
            removed.append(path.name)
        return initialise(scene, *arguments)  # type: ignore[arg-type]

    results = []
    for root in (scene_root, copy):
        if root == copy:
            monkeypatch.setattr(stage, "initialise", remove_first)
        data = SceneConfig(root=str(root), layout=layout, test_every=3)
        results.append(stage.run_splat(config, data, lambda: model, tmp_path / root.parent.name))
    whole, bare = results
    n_test = 4 if layout == "sparse_3" else 3
    assert len(removed) == n_test
    assert len(whole.views) == n_test and not whole.problems
    assert bare.views == [] and sum("does not exist" in why for why in bare.missing.values()) >= n_test
    for kind in ("ply", "video"):
        assert Path(whole.files[kind]).read_bytes() == Path(bare.files[kind]).read_bytes(), kind
    assert bare.history == whole.history


def test_training_gains_three_decibels_on_views_it_never_saw(scene_root: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, iterations=100, video_frames=0, init=InitConfig(), densify=SplatConfig().densify)
    result = stage.run_splat(config, SceneConfig(root=str(scene_root)), None, tmp_path)
    before, after = result.scores["initial_psnr"], result.scores["psnr"]
    assert before is not None and after is not None
    assert after >= before + 3, (before, after)
