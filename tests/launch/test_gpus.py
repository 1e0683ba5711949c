"""hydra/launcher=gpus on a pretended list of devices: each job sees one, and they are dealt out in turn."""

import os
import time
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from hw4.core.cores import usable_cores
from hw4.core.errors import ConfigError
from hw4.launch.conf import conf_dir
from hw4.launch.gpus import VISIBLE, gpus, one_gpu
from hw4.launch.job_processes import JobProcesses
from hw4.launch.register import register
from tests.support.cli import plan
from tests.support.paths import ROOT

SWEEP = ["model=sfm,vggt", "hydra/launcher=gpus"]


@pytest.mark.parametrize(
    ("given", "found"), [("0,1", ("0", "1")), ("GPU-a, GPU-b", ("GPU-a", "GPU-b")), ("2,-1,3", ("2",))]
)
def test_the_gpus_that_may_be_used(given: str, found: tuple[str, ...]) -> None:
    assert gpus({VISIBLE: given}) == found


def test_ray_is_asked_for_one_gpu_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, asked in (("0,1", 1), ("", 0)):
        monkeypatch.setenv(VISIBLE, given)
        assert one_gpu() == asked


def test_without_a_gpu_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "")
    with pytest.raises(ConfigError, match="hydra/launcher=gpus finds no GPU.*hydra/launcher=joblib"):
        plan(SWEEP, multirun=True)


def test_nvidia_smi_counts_cards_and_not_their_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "GPU 0: A100 (UUID: GPU-1)\n  MIG 1g.5gb Device 0: (UUID: MIG-2)\nGPU 1: A100 (UUID: GPU-3)"
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{lines}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert gpus({}) == ("0", "1")


def test_a_sweep_knows_its_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "4,7")
    assert plan(SWEEP, multirun=True).devices == ("4", "7")
    assert plan(["model=sfm,vggt", "hydra/launcher=joblib"], multirun=True).devices == ()


def test_submitit_starts_no_more_jobs_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    sweep = ["model=sfm,vggt", "hydra/launcher=submitit_local"]
    assert plan(sweep, multirun=True).at_once == 8
    assert plan([*sweep, "hydra.launcher.cpus_per_task=4"], multirun=True).at_once == 2
    assert plan([*sweep, "hydra.sweeper.max_batch_size=5"], multirun=True).at_once is None
    assert plan(["model=sfm,vggt"], multirun=True).at_once is None


def test_the_launchers_of_ray_compose(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="the extra `ray` is not installed")
    monkeypatch.setenv(VISIBLE, "0,1")
    register()
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        own, cluster = (
            compose("config", [f"hydra/launcher={name}"], return_hydra_config=True).hydra.launcher.ray
            for name in ("ray_local", "ray_cluster")
        )
    assert own.remote == {"num_cpus": 1, "num_gpus": 1} and own.init.address is None
    assert cluster.remote == own.remote and cluster.init == {**own.init, "address": "10.0.0.1:6379"}


def seen(path: Path, number: int) -> tuple[str, int]:
    """What a job sees of GPUs and cores, once as many others run as there are devices."""
    (path / str(number)).touch()
    deadline = time.monotonic() + 60
    while len(list(path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    return os.environ[VISIBLE], usable_cores()


@pytest.mark.slow
def test_each_job_sees_one_device_and_its_share_of_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run = JobProcesses(n_jobs=-1, devices=["4", "7"])
    assert run.n_jobs == 2
    found = run([(seen, (tmp_path, number), {}) for number in range(2)])
    share = max(1, usable_cores() // 2)
    assert sorted(found) == [("4", share), ("7", share)]


@pytest.mark.parametrize(("n_jobs", "dealt"), [(-1, ["4", "7"]), (3, ["4", "7", "4"]), (1, ["4"])])
def test_more_jobs_than_devices_share_them(n_jobs: int, dealt: list[str]) -> None:
    assert list(JobProcesses(n_jobs=n_jobs, devices=["4", "7"])._free) == dealt
