"""The command line dies early, in one sentence that names the key and the nearest valid one."""

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from hw4.config import Config, SampleConfig, SplatConfig
from hw4.core.errors import ConfigError
from hw4.data.registry import data_configs
from hw4.data.sample import ensure_sample
from hw4.launch.conf import conf_dir
from hw4.launch.explain import known_keys
from hw4.launch.help import help_text
from hw4.launch.sweep import Plan, plan
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.registry import model_configs
from hw4.models.sfm.config import SfmConfig
from hw4.models.vggt.config import VggtConfig
from hw4.splat.source import uses_model
from tests.support.cli import refused


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["modle=dust3r"], "Did you mean model?"),
        (["model=dust"], "Did you mean model=dust3r?"),
        (["splat.lrr=1"], "Did you mean splat.lr?"),
        (["splat.iteratons=1"], "Did you mean splat.iterations?"),
        (["lr=1"], "or splat.lr?"),
        (["+splat.lrr=1"], "Did you mean splat.lr?"),
        (["+foo=1"], "there is no key foo"),
        (["splat.iterations=abc"], "splat.iterations: the value 'abc'"),
        (["splat.lr=-1"], "splat.lr=-1 is impossible: it must be at least 0"),
        (["splat.ssim_weight=1.5"], "at most 1"),
        (["metrics.mode=rotation"], "choose one of: R, T, both"),
        (["metrics.protocol=homewrok"], "Did you mean 'homework'?"),
        (["model.device=gpu"], "choose one of: auto, cpu, cuda"),
        (["model.alignment.scene_graph=swin"], "complete, swin-<k>, oneref-<k>"),
        (["data=pairs"], "data.root is not set"),
        (["task=poze"], "Did you mean 'pose'?"),
        (["model=sfm", "model.weights=tiny"], "it belongs to model=dust3r or model=vggt"),
        (["experiment=x"], "there is no key experiment"),
        (["+experiment=p2_setting_9"], "p2_setting_5"),
        (["splat.lr=[1"], "could not be understood"),
        (["model=sfm,vggt"], "add -m"),
        (["splat.densify.start=950", "splat=densify_50"], "density control would never run"),
        (["metrics.seed=-1"], "metrics.seed=-1 is impossible: it must be at least 0"),
        (["pretrain.seed=-1"], "pretrain.seed=-1 is impossible"),
        (["model.seed=-1"], "model.seed=-1 is impossible"),
        (["splat.seed=-1"], "splat.seed=-1 is impossible"),
        (["splat.seed=18446744073709551616"], "splat.seed=a number of 20 digits is impossible"),
        (["data.seed=4294967296"], "data.seed=4294967296 is impossible: it must be at least 0 and at most"),
        ([f"data.limit={'9' * 400}", "data.pairs=" + "9" * 400], "data.pairs=a number of 400 digits"),
        (["metrics.bootstrap=1000000000"], "at most 100000"),
        (["model.alignment.min_conf_thr=nan"], "model.alignment.min_conf_thr=nan is impossible"),
    ],
)
def test_impossible_command_lines(overrides: list[str], words: str) -> None:
    sentence = refused(*overrides)
    assert words in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["task=pose", "splat.lr=1e-4,2e-4"], "splat.lr"),
        (["task=pose", "input=pair", "model.alignment.iterations=10,20"], "model.alignment.iterations"),
        (["task=splat", "input=pair,interpolated"], "input"),
        (["task=splat", "model=dust3r,vggt", "splat.init.source=scene"], "model"),
        (["task=pose", "input=pair", "input.max_frames=1,2"], "input.max_frames"),
        (["task=score", "model=dust3r,vggt"], "model"),
        (["wandb=offline,disabled"], "wandb"),
        (["task=pose", "splat=densify_50,densify_off"], "splat"),
        (["task=pretrain", "model.weights=tiny,random"], "model.weights"),
        (["task=pretrain", "model.image_size=64,128"], "model.image_size"),
        (["task=pose", "model=vggt", "model.seed=0,1"], "model.seed"),
        (["task=splat", "splat.init.source=model", "model.seed=0,1"], "model.seed"),
        (["task=score", "data.generator=a,b"], "data.generator"),
        (["task=score", "data.frames=3,4"], "data.frames"),
        (["task=score", "data=pairs", "data.root=d", "data.interpolated_root=a,b"], "data.interpolated_root"),
        (["task=splat", "data.gt_convention=w2c,c2w"], "data.gt_convention"),
        (["task=splat", "splat.densify.every=50,100"], "splat.densify.every"),
        (["task=splat", "splat.eval.align_lr=1e-3,1e-2"], "splat.eval.align_lr"),
        (["task=render", "data=scene", "data.root=/d", "data.sample=0,1"], "data.sample"),
    ],
)
def test_a_sweep_that_no_stage_reads_is_refused(overrides: list[str], key: str) -> None:
    sentence = refused(*overrides, multirun=True)
    assert f"the sweep over {key} would repeat the same job" in sentence


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "jobs"),
    [
        (["splat.lr=1.6e-4,3.2e-4"], 2),
        (["model=dust3r,vggt", "input=pair,interpolated"], 4),
        (["task=pose", "input=pair,interpolated", "model.alignment.iterations=10,20"], 4),
        (["task=splat", "splat.init.source=model", "model=dust3r,vggt,sfm"], 3),
        (["+experiment=glob(p2_setting_*)"], 5),
        (["task=pose", "metrics.mode=R,T"], 2),
        (["task=pretrain", "model=dust3r,vggt"], 2),
        (["task=pose", "model.seed=0,1"], 2),
        (["task=splat", "splat.init.source=model", "model.weights=random", "model.seed=0,1"], 2),
        (["task=splat", "splat=densify_50,densify_off", "splat.densify.every=50,100"], 4),
        (["task=render", "splat.background=black,white"], 2),
        (["task=score", "data.limit=1,2"], 2),
    ],
)
def test_sweeps_that_mean_something(overrides: list[str], jobs: int) -> None:
    planned = plan(overrides, multirun=True)
    assert planned.multirun and len(planned.jobs) == jobs


@pytest.mark.slow
def test_a_model_is_read_by_splatting_where_the_scene_has_no_points(tmp_path: Path) -> None:
    scene = ensure_sample(SampleConfig(root=str(tmp_path / "s"), pairs=1, frames=3)) / "scene"
    overrides = ["task=splat", "data=scene", f"data.root={scene}", "model=dust3r,vggt"]
    assert "the sweep over model would repeat the same job" in refused(*overrides, multirun=True)
    # Weights that do not exist stop nothing where no model is used.
    unused = plan([*overrides[:3], "model.weights=/nowhere.pth"], multirun=False).jobs[0]
    assert not uses_model(unused)
    assert len(plan([*overrides, "splat.init.source=model"], multirun=True).jobs) == 2
    (scene / "sparse_3" / "0" / "points3D.ply").unlink()
    assert len(plan(overrides, multirun=True).jobs) == 2
    assert len(plan([*overrides, "data.layout=photos"], multirun=True).jobs) == 2


def test_every_job_of_a_sweep_is_checked_before_the_first() -> None:
    assert "splat.lr=-1" in refused("splat.lr=1e-4,-1", multirun=True)


def test_defaults_are_those_of_the_dataclasses() -> None:
    planned = plan([], multirun=False)
    assert planned == Plan(False, [Config(model=Dust3rConfig())], None)


def test_the_five_settings_are_those_of_the_report() -> None:
    jobs = plan(["+experiment=glob(p2_setting_*)"], multirun=True).jobs
    rows = [
        (j.splat.iterations, j.splat.lr, j.splat.scale_lr, j.splat.densify.strategy, j.splat.confidence_lr)
        for j in jobs
    ]
    assert rows == [
        (1000, 1.6e-4, 0.005, "off", True),
        (1000, 3.2e-4, 0.01, "off", True),
        (2000, 1.6e-4, 0.005, "off", True),
        (1000, 1.6e-4, 0.005, "default", False),
        (1000, 1.6e-4, 0.005, "default", False),
    ]
    assert [(j.splat.densify.every, j.splat.densify.grad_threshold) for j in jobs[3:]] == [
        (100, 2e-4),
        (50, 1e-4),
    ]
    assert all((j.splat.densify.start, j.splat.densify.stop) == (100, 900) for j in jobs[3:])
    common = {
        "features_lr": 0.0025,
        "opacity_lr": 0.05,
        "rotation_lr": 0.001,
        "ssim_weight": 0.2,
        "sh_degree": 3,
        "lr_final_factor": 0.01,
        "lr_decay_steps": 30_000,
        "optimize_cameras": True,
        "background": "black",
    }
    for job in jobs:
        assert {key: getattr(job.splat, key) for key in common} == common


@pytest.mark.slow
def test_the_reports_pose_recipes() -> None:
    for name, inputs in (("q2_pair", "pair"), ("q2_interpolated", "interpolated")):
        (job,) = plan([f"+experiment={name}", "data.root=/d"], multirun=False).jobs
        assert isinstance(job.model, Dust3rConfig)
        alignment = job.model.alignment
        assert (job.input.name, job.model.image_size, job.metrics.protocol) == (inputs, 480, "homework")
        assert (alignment.iterations, alignment.lr, alignment.schedule) == (100, 0.01, "cosine")
    compared = plan(["+experiment=q3_compare", "data.root=/d"], multirun=False)
    assert compared.multirun and [j.input.name for j in compared.jobs] == ["pair", "interpolated"]


def test_help_names_every_option_of_every_group() -> None:
    text = OmegaConf.to_container(OmegaConf.load(conf_dir() / "config.yaml"))["hydra"]["help"]["template"]  # type: ignore[index]
    for path in conf_dir().glob("*/*.yaml"):
        if path.parent.name == "experiment" and path.stem in ("p2_setting_2", "p2_setting_3", "p2_setting_4"):
            continue
        assert path.stem in text, f"{path} is not in the help"
    assert all(name in help_text() for name in model_configs())


def test_group_files_hold_only_known_keys() -> None:
    keys = set(known_keys(model=model_configs(), data=data_configs()))

    def flat(node: object, prefix: str) -> list[str]:
        if not isinstance(node, dict):
            return [prefix.rstrip(".")]
        return [
            name
            for key, value in node.items()
            if key != "defaults"
            for name in flat(value, f"{prefix}{key}.")
        ]

    for path in Path(conf_dir()).glob("*/*.yaml"):
        prefix = "" if path.parent.name == "experiment" else f"{path.parent.name}."
        for name in flat(yaml.safe_load(path.read_text()), prefix):
            assert name in keys or name.startswith("hydra.") or not name, f"{path}: {name}"


@pytest.mark.parametrize("build", [lambda: Dust3rConfig(dtype="float8"), lambda: VggtConfig(preprocess="x")])
def test_dataclasses_check_themselves_in_a_notebook(build: object) -> None:
    with pytest.raises(ConfigError, match="choose one of"):
        build()  # type: ignore[operator]
    with pytest.raises(ConfigError):
        SfmConfig(max_error=float("nan"))
    with pytest.raises(ConfigError):
        SplatConfig(iterations=-1)
