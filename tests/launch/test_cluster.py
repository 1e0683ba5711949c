"""hydra/launcher=slurm without a cluster: a job that meets its time limit is requeued and goes on."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.support.sweeps import kill_all, lines, start, wait_for

pytestmark = pytest.mark.slow

# What the launcher calls of SLURM. A requeued job is the same script once more, under the same number.
FAKES = {
    "sbatch": """cp "$1" "$CLUSTER/job.sh"; echo submit >> "$CLUSTER/calls"
SLURM_JOB_ID=7 bash "$CLUSTER/job.sh" >> "$CLUSTER/out" 2>&1 &
echo Submitted batch job 7""",
    "srun": 'shift; while [[ "$1" == --* ]]; do shift; shift; done; exec "$@"',
    "scontrol": """echo "$@" >> "$CLUSTER/calls"
(sleep 1; SLURM_JOB_ID=7 bash "$CLUSTER/job.sh" >> "$CLUSTER/out" 2>&1) &""",
    "squeue": "echo 7",
}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cluster"
    folder.mkdir()
    for name, script in FAKES.items():
        (folder / name).write_text(f"#!/bin/bash\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("CLUSTER", str(folder))
    return folder


def workers(cluster: Path) -> list[psutil.Process]:
    """The processes that run the job, told by the cluster that they run on."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "submitit.core._submit" in " ".join(process.info["cmdline"] or []):
            try:
                if process.environ().get("CLUSTER") == str(cluster):
                    found.append(process)
            except psutil.Error:
                continue
    return found


def test_a_job_that_meets_its_limit_goes_on(cluster: Path, tmp_path: Path) -> None:
    # With a limit of one minute submitit takes every signal for the limit's, and none for a preemption.
    options = ["hydra/launcher=slurm", "hydra.launcher.timeout_min=1", "hydra.launcher.partition=short"]
    process = start([*options, "data.pairs=8", "model.min_inliers=15", "report.auto=false"], tmp_path)
    wait_for(process, tmp_path, lambda: len(lines(tmp_path, "sweep/0/samples.jsonl")) > 0)
    before = lines(tmp_path, "cache/pose/*/predictions.jsonl")
    (worker,) = workers(cluster)
    worker.send_signal(signal.SIGUSR2)
    try:
        assert process.wait(240) == 0, (tmp_path / "log.txt").read_text() + (cluster / "out").read_text()
    finally:
        if process.poll() is None:
            kill_all(process)
    assert (cluster / "calls").read_text().splitlines() == ["submit", "requeue 7"]
    results = json.loads((tmp_path / "sweep" / "0" / "results.json").read_text())
    assert results["status"] == "ok" and results["pose"]["n_total"] == 8
    assert results["pose"]["n_reused"] >= len(before) >= 1
    after = lines(tmp_path, "cache/pose/*/predictions.jsonl")
    assert len(after) == 8 and set(before) <= set(after), "no sample was computed twice"


def test_what_the_cluster_is_asked_for(cluster: Path, tmp_path: Path) -> None:
    (cluster / "sbatch").write_text('#!/bin/bash\ncp "$1" "$CLUSTER/job.sh"; exit 1\n')
    options = ["hydra/launcher=slurm", "hydra.launcher.partition=long", "input=pair"]
    assert start(options, tmp_path).wait() == 1
    asked = (cluster / "job.sh").read_text()
    for flag in ("--time=240", "--signal=USR2@120", "--partition=long", "--cpus-per-task=4", "--mem=16GB"):
        assert f"#SBATCH {flag}" in asked
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
