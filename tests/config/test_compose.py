"""The command line dies early, in one sentence that names the key and the nearest valid one."""

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from hw4.config import Config, SampleConfig, SplatConfig
from hw4.config.fields import leaves
from hw4.core.errors import ConfigError
from hw4.data.registry import data_configs
from hw4.data.sample import ensure_sample
from hw4.launch.conf import conf_dir
from hw4.launch.explain import known_keys
from hw4.launch.help import help_text
from hw4.launch.sweep import Plan
from hw4.models.dust3r.config import Dust3rConfig
from hw4.models.registry import model_configs
from hw4.models.sfm.config import SfmConfig
from hw4.models.vggt.config import VggtConfig
from hw4.splat.source import uses_model
from tests.support.cli import plan, refused


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["modle=dust3r"], "Did you mean model?"),
        (["data.generator=../.."], "data.generator='../..' must name a folder among a sample's videos"),
        (["data=pairs", "data.root=x", "data.generator=/tmp"], "data.generator='/tmp' must name a folder"),
        (["model=dust"], "Did you mean model=dust3r?"),
        (["model="], "model= names nothing; choose one of: da3"),
        (["splat.lrr=1"], "Did you mean splat.lr?"),
        (["splat.iteratons=1"], "Did you mean splat.iterations?"),
        (["lr=1"], "or splat.lr?"),
        (["+splat.lrr=1"], "Did you mean splat.lr?"),
        (["+foo=1"], "there is no key foo"),
        (["splat.iterations=abc"], "splat.iterations: the value 'abc'"),
        (["jobs=0"], "jobs='0' is no number of samples; give auto, or a number from 1 to 9999"),
        (["splat.lr=-1"], "splat.lr=-1 is impossible: it must be at least 0"),
        (["splat.ssim_weight=1.5"], "at most 1"),
        (["metrics.mode=rotation"], "choose one of: R, T, both"),
        (["metrics.protocol=homewrok"], "Did you mean 'homework'?"),
        (["model.device=gpu"], "choose one of: auto, cpu, cuda"),
        (["model.device=cuda:x"], "cuda:<number>, mps"),
        (["model.alignment.scene_graph=swin"], "complete, swin-<k>, oneref-<k>"),
        (["data=pairs"], "data.root is not set"),
        (["task=poze"], "Did you mean 'pose'?"),
        (
            ["model=sfm", "model.weights=tiny"],
            "it belongs to model=da3 or model=dust3r or model=mast3r or model=vggt",
        ),
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


# What the report's runs were, and the published rates.
RECIPES = {
    "instantsplat": {
        "features_lr": 0.025,
        "opacity_lr": 0.05,
        "scale_lr": 0.05,
        "rotation_lr": 0.01,
        "camera_lr_final_factor": 0.01,
        "camera_parameters": "quaternion",
        "principal_point": "centre",
        "update_at_end": False,
        "ssim_padding": "zero",
        "densify.prune_only": True,
        "init.max_points": None,
        "eval.ssim_padding": "zero",
        "eval.lpips_scaled": False,
    },
    "3dgs": {
        "features_lr": 0.0025,
        "opacity_lr": 0.05,
        "scale_lr": 0.005,
        "rotation_lr": 0.001,
        "camera_lr_final_factor": 1.0,
        "camera_parameters": "twist",
        "principal_point": "given",
        "update_at_end": True,
        "ssim_padding": "none",
        "densify.prune_only": False,
        "init.max_points": "auto",
        "eval.ssim_padding": "mirror",
        "eval.lpips_scaled": True,
    },
}
COMMON = {
    "camera_lr": 1e-4,
    "ssim_weight": 0.2,
    "sh_degree": 3,
    "sh_every": 1000,
    "lr_final_factor": 0.01,
    "lr_decay_steps": 30_000,
    "optimize_cameras": True,
    "background": "black",
    "init.opacity": 0.1,
    "densify.start": 100,
    "densify.stop": 900,
    "densify.prune_opacity": 0.005,
}


@pytest.mark.parametrize("recipe", [None, "3dgs"])
def test_the_five_settings_are_those_of_the_report(recipe: str | None) -> None:
    chosen = [] if recipe is None else [f"splat/recipe={recipe}"]
    jobs = plan(["+experiment=glob(p2_setting_*)", *chosen], multirun=True).jobs
    rows = []
    for job in jobs:
        splat, densify = job.splat, job.splat.densify
        rates = (splat.iterations, splat.lr, splat.scale_lr_factor, splat.confidence_lr)
        rows.append((*rates, densify.strategy, densify.every, densify.grad_threshold))
    assert rows == [
        (1000, 1.6e-4, 1.0, True, "off", 100, 2e-4),
        (1000, 3.2e-4, 2.0, True, "off", 100, 2e-4),
        (2000, 1.6e-4, 1.0, True, "off", 100, 2e-4),
        (1000, 1.6e-4, 1.0, False, "default", 100, 2e-4),
        (1000, 1.6e-4, 1.0, False, "default", 50, 1e-4),
    ]
    for job in jobs:
        values = {leaf.key: leaf.value for leaf in leaves(job.splat)}
        expected = COMMON | RECIPES[recipe or "instantsplat"]
        assert {key: values[key] for key in expected} == expected


def test_the_default_recipe_is_3dgs_and_recipes_can_be_swept() -> None:
    (job,) = plan([], multirun=False).jobs
    values = {leaf.key: leaf.value for leaf in leaves(job.splat)}
    assert {key: values[key] for key in RECIPES["3dgs"]} == RECIPES["3dgs"]
    jobs = plan(["task=splat", "splat/recipe=3dgs,instantsplat"], multirun=True).jobs
    assert [job.splat.scale_lr for job in jobs] == [0.005, 0.05]
    assert "splat/recipe" in refused("task=pose", "splat/recipe=3dgs,instantsplat", multirun=True)


def test_a_threshold_that_pruning_does_not_read_is_not_swept() -> None:
    command = ["task=splat", "splat=densify_100", "splat.densify.grad_threshold=1e-4,2e-4"]
    assert len(plan(command, multirun=True).jobs) == 2
    assert "grad_threshold" in refused(*command, "splat/recipe=instantsplat", multirun=True)


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
    for path in [*conf_dir().glob("*/*.yaml"), *conf_dir().glob("splat/recipe/*.yaml")]:
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

    for path in [*Path(conf_dir()).glob("*/*.yaml"), *Path(conf_dir()).glob("splat/recipe/*.yaml")]:
        group = path.relative_to(conf_dir()).parts[0]
        prefix = "" if group == "experiment" else f"{group}."
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
