"""A configuration that was composed before is the one that Hydra would compose again."""

import json
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from hw4.launch.sweep import plan
from tests.support import forked

# Jobs as Hydra hands them over, with its own node, and how often it composed.
JOBS = """
import contextlib, json, os, sys
import hydra._internal.config_loader_impl as loader
import hw4.launch.task as task
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from hw4.launch.cli import _hand_to_hydra
from hw4.launch.conf import conf_dir
from hw4.launch.compose_once import composed_once
from hw4.launch.sweep import plan

os.environ["HYDRA_FULL_ERROR"] = "1"
composes, jobs = [], []
impl = loader.ConfigLoaderImpl._load_configuration_impl

def counted(*arguments, **named):
    composes.append(1)
    return impl(*arguments, **named)

def job(composed):
    jobs.append(OmegaConf.to_yaml(composed) + OmegaConf.to_yaml(HydraConfig.instance().cfg))

loader.ConfigLoaderImpl._load_configuration_impl = counted
job.__module__ = task.__name__
task.run_task = job
for flags, overrides, own in json.loads(sys.argv[1]):
    found = []
    for around in (contextlib.nullcontext, composed_once):
        composes.clear(), jobs.clear()
        with around():
            if around is composed_once:
                plan(overrides, bool(flags))
            _hand_to_hydra(flags, [*overrides, *own])
            with initialize_config_dir(str(conf_dir()), version_base="1.3"):
                # For a job in another process, which composes for itself.
                make, arguments, *_ = GlobalHydra.instance().config_loader().__reduce_ex__(4)
                assert around is contextlib.nullcontext or type(make(*arguments)) is loader.ConfigLoaderImpl
        found.append((list(jobs), len(composes)))
    print("found", json.dumps(found))
"""


def test_composing_leaves_what_is_registered_as_it_was() -> None:
    """Hydra would copy the store for every composition."""

    def stored(of: dict[str, Any]) -> dict[str, Any]:
        return {
            name: stored(node) if isinstance(node, dict) else OmegaConf.to_yaml(node.node)
            for name, node in of.items()
        }

    plan(["task=pose", "model=sfm"], multirun=False)
    before = stored(ConfigStore.instance().repo)
    changing = ["model.max_ratio=0.75", "hydra.run.dir=elsewhere", "splat/recipe=instantsplat"]
    plan(["task=all", "model=sfm", "splat.init.source=model", *changing], multirun=False)
    assert stored(ConfigStore.instance().repo) == before and {"model", "data"} <= before.keys()


def test_each_job_is_composed_once_and_is_the_same(tmp_path: Path) -> None:
    named = "hydra.sweep.subdir=${hydra.job.name}_${hydra.job.num}_${hydra.job.override_dirname}"
    pose = [named, "task=pose", "model=sfm"]
    cases = [
        ([], ["task=pose", "model=sfm", "hydra.job.name=mine"], ["hydra.run.dir=one"]),
        (["-m"], [named, "task=pose", "model=sfm,vggt", "metrics.bootstrap=100,200"], ["hydra.sweep.dir=2"]),
        (["-m"], [*pose, "data=pairs", "data.root=a,'b c'"], ["hydra.sweep.dir=3"]),
        (["-m"], [*pose, "metrics.mode=T", "metrics={bootstrap: 20},{mode: R}"], ["hydra.sweep.dir=4"]),
        (["-m"], [*pose, "metrics.mode=R,T", "++metrics={mode: R}"], ["hydra.sweep.dir=5"]),
    ]
    done = forked.run([json.dumps(cases)], code=JOBS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("found ")]
    found = [json.loads(line.removeprefix("found ")) for line in lines]
    for (alone, _), (kept, _) in found:
        assert kept == alone
    assert ["name: mine" in job for job in found[0][1][0]] == [True]
    assert all("name: task" in job for job in found[1][1][0])
    # Of a sweep its own configuration, what is fixed in it, and its jobs, but those that differ in values.
    composed = [(len(jobs), once) for _, (jobs, once) in found]
    assert composed == [(1, 1), (4, 4), (2, 3), (2, 4), (2, 4)]
