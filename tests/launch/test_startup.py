"""What a command imports decides how soon it begins: nothing that takes seconds before it is needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from hw4.jobs.run import run_job
from hw4.launch.sweep import plan
from tests.support.paths import ROOT

SLOW = ("torch", "pycolmap", "numba", "matplotlib", "scipy", "wandb", "cv2", "gsplat", "viser")
# What a run whose results are in the cache has no use for, W&B's own imports among it.
UNUSED = (
    *("torch", "torchvision", "torchmetrics", "lpips", "gsplat", "numba", "cv2", "viser"),
    *("scipy.stats", "scipy.interpolate", "scipy.optimize", "matplotlib", "pandas"),
    *("wandb.sdk.launch", "wandb.apis.public", "opentelemetry.exporter"),
)


def imported(code: str, cwd: Path = ROOT, names: tuple[str, ...] = SLOW) -> set[str]:
    report = f"{code}\nimport json, sys; print(json.dumps([m for m in {names!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("flag", ["--help", "--cfg=job"])
def test_help_imports_nothing_slow(flag: str) -> None:
    code = f"""
import sys
from hw4.__main__ import main
sys.argv = ["hw4", {flag!r}]
try:
    main()
except SystemExit:
    pass
"""
    assert imported(code) == set()


def test_help_does_without_hydra_and_numpy() -> None:
    code = "from hw4.launch.help import help_text; import hw4.launch.cli, sys; help_text()"
    code += "; assert not {'hydra', 'numpy'} & sys.modules.keys()"
    assert imported(code) == set()


def test_a_run_from_the_cache_or_without_a_network_does_without_torch() -> None:
    found = imported(
        "import hw4.jobs.run, hw4.jobs.pose, hw4.jobs.splat, hw4.models.registry, hw4.models.sfm.model"
    )
    assert "torch" not in found and "gsplat" not in found
    assert "scipy" in found, "or the check sees nothing"


@pytest.mark.slow
def test_a_run_from_the_cache_imports_nothing_that_it_does_not_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    small = ["data.pairs=2", "data.frames=3", "data.width=48", "data.height=36", "splat.iterations=2"]
    small += ["splat.video_frames=0", "splat.eval.lpips_download=false", f"cache.root={tmp_path}/cache"]
    overrides = ["task=all", "model=dust3r", *small]
    first = plan([*overrides, "wandb=disabled"], multirun=False).jobs[0]
    run_job(first, tmp_path / "first", Console(quiet=True))
    code = f"""
import sys
from hw4.__main__ import main
sys.argv = ["hw4", *{overrides!r}, "hydra.run.dir=again"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert imported(code, tmp_path, ("wandb", *UNUSED)) == {"wandb"}
    found = [json.loads((tmp_path / name / "results.json").read_text()) for name in ("first", "again")]
    assert [run["splat"]["reused"] for run in found] == [False, True]
    assert found[0]["pose"]["metrics"] == found[1]["pose"]["metrics"]


@pytest.mark.slow
def test_help_is_what_hydra_would_print(tmp_path: Path) -> None:
    """Ours reads the template alone; Hydra composes everything first."""
    hydras = """
import sys, hydra
from hw4.launch.conf import conf_dir
from hw4.launch.register import register
register()
sys.argv = ["hw4", "--help"]
hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")(lambda config: None)()
"""
    root = str(ROOT)
    printed = [
        subprocess.run(
            [sys.executable, *how], capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": root}
        )
        for how in (["-m", "hw4", "--help"], ["-c", hydras])
    ]
    assert [done.returncode for done in printed] == [0, 0]
    assert printed[0].stdout.strip() == printed[1].stdout.strip() != ""
