"""A model of another package is one of the models; one that cannot be used is refused in one sentence."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw4.config.model import ModelConfig
from hw4.core.errors import ConfigError, UserError
from hw4.core.plugins import plugins
from hw4.data.stamps import inputs_stamp
from hw4.launch.explain import explain
from hw4.launch.help import help_text
from hw4.launch.register import register
from hw4.models import registry
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.registry import build_model, choices, headline_models, model_labels, model_title, models
from hw4.models.sfm.config import SfmConfig
from tests.support.cli import hw4, plan
from tests.support.packages import install
from tests.support.paths import ROOT

OWN = ["da3", "dust3r", "external", "mast3r", "sfm", "vggt"]
# As words they stand for other things, too.
WORDS = {"da3": r"\bda3\b", "external": r"model=external", "sfm": r"\bsfm\b"}
TOY = """
from dataclasses import dataclass

from hw4.config.fields import key
from hw4.config.model import ModelConfig
from hw4.models.spec import ModelSpec


@dataclass
class ToyConfig(ModelConfig):
    name: str = "toy"
    wobble: float = key(0.0, low=0)


def _build(config):
    import toy_model

    return toy_model.Toy(config.wobble)


SPEC = ModelSpec("toy", "Toy", ToyConfig, _build)
"""
MODEL = """
import numpy as np
from PIL import Image

from hw4.models.base import Reconstruction, ReconstructionModel


class Toy(ReconstructionModel):
    name, weights_label = "toy", "none"

    def __init__(self, wobble):
        self.wobble = wobble

    def reconstruct(self, image_paths, Ks=None, seed=0):
        images = [np.asarray(Image.open(path).convert("RGB")) for path in image_paths]
        n = len(images)
        cameras = np.tile(np.eye(3, 4), (n, 1, 1))
        cameras[:, 0, 3] = np.arange(n) + self.wobble
        K = np.array([[100.0, 0, 80], [0, 100, 60], [0, 0, 1]])
        sizes = np.array([image.shape[1::-1] for image in images])
        eyes = np.tile(np.eye(3), (n, 1, 1))
        return Reconstruction(cameras, np.tile(K, (n, 1, 1)), sizes, eyes, images)
"""


def offer(site: Path, source: str = TOY, name: str = "toy") -> None:
    modules = {"toy_spec": source, "toy_model": MODEL}
    install(site, "hw4-toy", {registry.GROUP: {name: "toy_spec:SPEC"}}, modules)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on ``sys.path``, for packages that only this test sees."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    for cached in (plugins, models):
        cached.cache_clear()
    yield folder
    for cached in (plugins, models):
        cached.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("toy_"):
            del sys.modules[name]


def test_own_models_are_the_folders() -> None:
    assert list(models()) == OWN
    assert [spec.name for spec in headline_models()] == ["dust3r", "vggt"]
    assert choices(lambda spec: spec.trainable is not None) == "model=dust3r or model=vggt"


def test_a_configuration_says_which_model_it_is_of() -> None:
    for config in (ModelConfig(), SfmConfig(name="dust3r"), Dust3rConfig(name="dast3r")):
        with pytest.raises(
            ConfigError,
            match="has no implementation; choose one of: da3, dust3r, external, mast3r, sfm, vggt",
        ):
            build_model(config)


def test_a_foreign_model_is_one_of_the_models(site: Path) -> None:
    offer(site)
    assert list(models()) == [*OWN, "toy"] and model_title("toy") == "Toy" and model_title("gone") == "gone"
    jobs = plan(["task=pose", "model=toy,sfm", "input=pair"], multirun=True).jobs
    toy = jobs[0].model
    assert [job.model.name for job in jobs] == ["toy", "sfm"] and type(toy).__name__ == "ToyConfig"
    assert model_labels(toy).weights == "none" and "toy_model" not in sys.modules
    assert build_model(toy).name == "toy"
    assert inputs_stamp(jobs[0])
    assert "da3 | dust3r | external | mast3r | sfm | vggt | toy" in help_text()


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["model=toi"], "Did you mean model=toy?"),
        (["model=toy", "model.woble=1"], "Did you mean model.wobble?"),
        (["model=sfm", "model.wobble=1"], "it belongs to model=toy"),
        (["model=toy", "model.wobble=-1"], "model.wobble=-1 is impossible: it must be at least 0"),
    ],
)
def test_its_keys_are_explained_like_our_own(overrides: list[str], sentence: str, site: Path) -> None:
    offer(site)
    with pytest.raises(Exception) as raised:
        plan(overrides, multirun=False)
    assert sentence in str(explain(raised.value))


@pytest.mark.parametrize(
    ("name", "source", "sentence"),
    [
        ("toy", "import a_library_that_is_not_here", "No module named 'a_library_that_is_not_here'"),
        ("toy", "SPEC = 3", "is a int: it must be a hw4.models.spec.ModelSpec"),
        ("toi", TOY, "is a model called toy: give both the same name"),
        ("sfm", TOY.replace('"toy"', '"sfm"'), "has the name of another model"),
        (
            "toy",
            TOY.replace('name: str = "toy"', "size: int = 3"),
            "ToyConfig.name must have the default 'toy'",
        ),
        ("toy", TOY.replace("ToyConfig(ModelConfig)", "ToyConfig"), "is no hw4.config.model.ModelConfig"),
        (
            "toy",
            TOY.replace("wobble: float = key(0.0, low=0)", "wobble: complex = 1j"),
            "cannot be read by Hydra",
        ),
    ],
)
def test_what_cannot_be_used_is_one_sentence(name: str, source: str, sentence: str, site: Path) -> None:
    offer(site, source, name)
    with pytest.raises(UserError) as refused:
        register()
    assert sentence in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.slow
def test_a_sweep_runs_a_foreign_model_beside_our_own(site: Path, tmp_path: Path) -> None:
    offer(site)
    environment = {"PYTHONPATH": f"{site}:{ROOT}"}
    keys = ["task=pose", "model=sfm,toy", "data.pairs=2", "data.frames=3", "wandb=disabled"]
    done = hw4(tmp_path, "-m", *keys, f"hydra.sweep.dir={tmp_path}/sweep", env=environment)
    assert done.returncode == 0, done.stderr
    results = [json.loads((tmp_path / "sweep" / job / "results.json").read_text()) for job in "01"]
    assert [result["pose"]["model"] for result in results] == ["sfm", "toy"]
    assert "toy" in (tmp_path / "sweep" / "report.md").read_text()


def test_no_shared_room_names_a_model() -> None:
    named = re.compile("|".join(WORDS.get(name, name) for name in OWN), re.IGNORECASE)
    folders = [ROOT / "hw4" / "models" / name for name in OWN]
    # A paper whose evaluation is taken has the name of its model.
    papers = [
        ROOT / "hw4" / name for name in ("core/protocols.py", "pose/all_pairs.py", "pose/depth_scores.py")
    ]
    # A package of a model's authors has the model's name.
    packages = ROOT / "hw4" / "models" / "network" / "instantsplat.py"
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / "hw4").rglob("*.py"))
        if path not in (*papers, packages) and not any(folder in path.parents for folder in folders)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if named.search(line)
    ]
    assert found == []
