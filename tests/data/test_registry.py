"""A data set of another package is one of the data sets; one that cannot be used is one sentence."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hw4.config import DataConfig, InputConfig, PairsConfig, SampleConfig, SceneConfig
from hw4.core.errors import ConfigError, UserError
from hw4.core.plugins import plugins
from hw4.data.pairs.samples import load_pairs, load_photo_pairs, load_truth
from hw4.data.registry import (
    GROUP,
    data_sets,
    data_with,
    pair_source,
    readers_of,
    scene_files,
    scene_photos,
    spec_of,
)
from hw4.data.registry import OWN as SPECS
from hw4.data.sample import ensure_sample
from hw4.launch.explain import explain
from hw4.launch.help import help_text
from hw4.launch.register import register
from tests.support.cli import hw4, plan
from tests.support.packages import install
from tests.support.paths import ROOT

OWN = [spec.name for spec in SPECS]
SPEC = """
from dataclasses import dataclass
from pathlib import Path

from hw4.config import DataConfig
from hw4.config.fields import key
from hw4.data.spec import DataSpec


@dataclass
class ToyConfig(DataConfig):
    provides = frozenset({"pairs", "scene"})

    name: str = "toy"
    root: str = "???"
    shift: int = key(0, low=0, decides="result")


SPEC = DataSpec(
    "toy",
    ToyConfig,
    reads=lambda config: [Path(config.root)],
    pairs="toy_data:ToyPairs",
    scene="toy_data:scene",
)
"""
LOADER = """
import json
from pathlib import Path

import numpy as np

from hw4.data.pairs.source import PairSource, TruePair
from hw4.data.scenes.layouts import locate


class ToyPairs(PairSource):
    def __init__(self, config):
        self.root = Path(config.root)
        self.listed_in = self.root / "toy.json"
        self.frames_root, self.generator = self.root / "interpolated", config.generator
        self.chosen_by = f"data=toy data.root={config.root}"
        self.entries = {int(idx): entry for idx, entry in json.loads(self.listed_in.read_text()).items()}

    def photos(self, must_exist=True):
        folder = self.root / "images"
        return {idx: tuple(folder / name for name in entry["names"]) for idx, entry in self.entries.items()}

    def truth(self, idx):
        if "cameras" not in self.entries[idx]:
            raise ValueError("it was never measured")
        return TruePair(np.array(self.entries[idx]["cameras"]))


def scene(config):
    return locate(Path(config.root) / "scene")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on ``sys.path``, for packages that only this test sees."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    for cached in (plugins, data_sets):
        cached.cache_clear()
    yield folder
    for cached in (plugins, data_sets):
        cached.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("toy_"):
            del sys.modules[name]


def offer(site: Path, source: str = SPEC, name: str = "toy") -> None:
    install(site, "hw4-toy", {GROUP: {name: "toy_spec:SPEC"}}, {"toy_spec": source, "toy_data": LOADER})


@pytest.fixture(scope="module")
def own_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's photos, with their cameras in a foreign form; of sample 2 there are none."""
    root = tmp_path_factory.mktemp("sample")
    config = SampleConfig(root=str(root / "set"), pairs=3, frames=3, width=64, height=48)
    ensure_sample(config)
    entries = {}
    for sample in load_pairs(config, InputConfig()):
        assert sample.cam_from_world is not None
        cameras = {"cameras": sample.cam_from_world.tolist()} if sample.idx < 2 else {}
        entries[sample.idx] = {"names": [path.name for path in sample.image_paths], **cameras}
    (root / "set" / "toy.json").write_text(json.dumps(entries))
    return root / "set"


@pytest.fixture
def root(own_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(own_root, tmp_path / "toy"))


def test_own_data_sets() -> None:
    assert list(data_sets()) == OWN and OWN[:3] == ["sample", "pairs", "scene"]
    assert data_with("pairs") == "data=sample or data=pairs or data=pairs_list"
    assert data_with("samples").startswith("data=sample or data=pairs or data=pairs_list or data=colmap")
    assert data_with("scene").startswith("data=sample or data=scene or data=nerfstudio")


def test_what_a_data_set_does_not_provide_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"data=scene has no pairs .* use data=sample or data=pairs or data=pairs_list\.$"
    ):
        pair_source(SceneConfig(root="."))
    with pytest.raises(UserError, match=r"data=pairs has no scene .* use data=sample or data=scene or .*\.$"):
        scene_files(PairsConfig(root="."))
    for config in (DataConfig(), SceneConfig(name="pairs", root=".")):
        with pytest.raises(ConfigError, match="is no data set; choose one of: sample, pairs, scene"):
            spec_of(config)


def test_a_foreign_data_set_is_one_of_the_data_sets(site: Path, root: Path) -> None:
    offer(site)
    assert list(data_sets()) == [*OWN, "toy"]
    assert f"data     {' | '.join(OWN)} | toy" in help_text()
    register()
    job = plan(["data=toy", f"data.root={root}", "data.shift=2"], multirun=False).jobs[0]
    assert job.data.name == "toy" and job.data.shift == 2  # type: ignore[attr-defined]
    for overrides, words in (
        (["data=toyy"], "Did you mean data=toy?"),
        (["data=toy", "data.root=x", "data.shft=1"], "Did you mean data.shift?"),
        (["data.shift=1"], "it belongs to data=toy"),
        (["data=toy", "data.root=x", "data.shift=-1"], "data.shift=-1 is impossible"),
    ):
        with pytest.raises(Exception) as caught:
            plan(overrides, multirun=False)
        assert words in str(explain(caught.value)), overrides


def test_its_pairs_and_its_scene_are_read_like_ours(site: Path, root: Path) -> None:
    offer(site)
    config = data_sets()["toy"].config(root=str(root))  # type: ignore[call-arg]
    samples = load_pairs(config, InputConfig())
    assert [sample.problem for sample in samples] == [None, None, "it was never measured"]
    assert len(load_photo_pairs(config)) == len(load_truth(config)) == 3
    config.sample = 7
    with pytest.raises(UserError, match=r"toy\.json has no sample 7; data\.sample can be 0, 1, 2\."):
        load_photo_pairs(config)
    assert scene_files(config).layout == "sparse_3" and scene_photos(config) == root / "scene" / "images"


@pytest.mark.slow
def test_a_sweep_over_ours_and_a_foreign_one(site: Path, root: Path, tmp_path: Path) -> None:
    offer(site)
    small = ["wandb=disabled", "metrics.bootstrap=20", f"hydra.sweep.dir={tmp_path / 'sweep'}"]
    choice = ("-m", "task=pose", "model=sfm", "data=pairs,toy", f"data.root={root}")
    done = hw4(tmp_path, *choice, *small, env={"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"})
    found = [json.loads(path.read_text()) for path in sorted((tmp_path / "sweep").glob("*/results.json"))]
    assert [one["config"]["data"]["name"] for one in found] == ["pairs", "toy"], done.stderr
    ours, theirs = (one["pose"]["samples"] for one in found)
    # The toy layout has no intrinsics.
    differ = {"seconds": 0, "reused": 0, "true_Ks": None}
    assert ours[0] | differ == theirs[0] | differ
    assert theirs[2]["status"] == "bad_input" and theirs[2]["reason"] == "it was never measured"


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        ("SPEC = 3", "toy", "is a int: it must be a hw4.data.spec.DataSpec"),
        (SPEC, "other", "is a data set called toy: give both the same name"),
        (SPEC.replace('"toy"', '"pairs"'), "pairs", "has the name of another data set"),
        (SPEC.replace('scene="toy_data:scene",', ""), "toy", r"provides must be \['pairs'\]"),
    ],
)
def test_a_data_set_that_cannot_be_used_is_one_sentence(
    site: Path, source: str, name: str, words: str
) -> None:
    offer(site, source, name)
    with pytest.raises(UserError, match=words) as caught:
        data_sets()
    assert "\n" not in str(caught.value)


def test_a_folder_without_its_data_set_is_told_who_reads_it(
    pairs_folder: Callable[..., tuple[Path, object]], tmp_path: Path
) -> None:
    """`data.root=` alone is the sample set's, which makes its content in an empty folder."""
    root, _ = pairs_folder(1)
    assert "pairs" in readers_of(root) and "sample" not in readers_of(root)
    with pytest.raises(
        UserError, match=r"something else .* data=sample: to read what is there, add .*data=pairs"
    ):
        ensure_sample(SampleConfig(root=str(root)))
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").touch()
    assert readers_of(other) == []
    with pytest.raises(UserError, match="give an empty or new folder"):
        ensure_sample(SampleConfig(root=str(other)))
