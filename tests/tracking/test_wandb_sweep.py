"""The sweep of `scripts/wandb_sweep.yaml`, driven by W&B's own agent; only its server is pretended."""

import json
import os
import queue
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import wandb
import yaml
from wandb.wandb_agent import Agent

from hw4.config.decides import known_keys
from hw4.data.registry import data_configs
from hw4.metrics import summary_metrics
from hw4.models.registry import model_configs
from tests.support.paths import ROOT

SWEEP = yaml.safe_load((ROOT / "scripts" / "wandb_sweep.yaml").read_text())
SMALL = {"data.pairs": 1, "data.width": 64, "data.height": 48, "metrics.bootstrap": 20, "report.auto": False}


def test_the_sweep_names_what_there_is() -> None:
    parameters = SWEEP["parameters"]
    assert set(parameters) <= set(known_keys(model=model_configs(), data=data_configs()))
    assert set(parameters["model"]["values"]) <= set(model_configs())
    assert SWEEP["metric"]["name"] in [f"pose/{row.key}" for row in summary_metrics()]


@pytest.mark.slow
def test_the_agent_runs_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "WANDB_MODE": "offline",
        "WANDB_SWEEP_ID": "sweep1",
        "WANDB_DIR": str(tmp_path),
        # Set by the agent for its jobs; put back afterwards.
        "WANDB_RUN_ID": "before",
        "WANDB_SWEEP_PARAM_PATH": "before",
    }.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(tmp_path)
    agent = Agent(api=None, queue=queue.Queue(), sweep_id="sweep1")
    agent._sweep_command = list(SWEEP["command"])
    chosen: dict[str, Any] = {"task": "pose", "model": "sfm", "input": "pair", **SMALL}
    arguments = {key: {"value": value} for key, value in chosen.items()}
    agent._command_run({"run_id": "abcd1234", "program": SWEEP["program"], "args": arguments})
    assert agent._run_processes["abcd1234"].wait() == 0
    (results,) = tmp_path.glob("outputs/*/*/results.json")
    job = json.loads(results.read_text())
    assert (job["status"], job["config"]["model"]["name"]) == ("ok", "sfm")
    (record,) = results.parent.glob("wandb/offline-run-*-abcd1234/*.wandb")
    content = record.read_bytes()
    # Flat, as the sweep wrote it, not replaced by the group of that name; ours beside.
    assert b'"sfm"' in content and b"settings" in content and b"auc_30" in content
    assert shutil.which("wandb") and wandb.__version__
