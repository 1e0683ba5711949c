"""Whole commands as a user gives them, cold and from the cache: against upstream's calls, and an earlier hw4.

    python -m benchmarks.endtoend [--quick] [--before REV]

Pairs and sequences with the small DUSt3R, a splat, and a sweep of jobs whose predictions are the same; each
in a process of its own, with everything that it writes in a temporary folder. Upstream's work is done by
`benchmarks.peers`, with the same weights on the same photos. The earlier code (`--before`, a git revision) is
unpacked beside and takes turns in going first. Times are those of the clock; CPU time stands below. The
sample data is drawn, and kernels are compiled, before anything is timed.
"""

import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import ROOT, Ratio, Record, Scaling, Spent, seconds, timed
from benchmarks.revisions import start_beside, unpacked
from hw4.config import SampleConfig
from hw4.data.sample import ensure_sample

# A job's prediction is the same for each number of resamples.
JOBS_KEY, FIRST_VALUE = "metrics.bootstrap", 100
LARGEST_COMPARISON = 100_000


@dataclass(frozen=True)
class Size:
    """How much of everything: `jobs` of the sweeps on `job_pairs`, the last of which is measured cold too."""

    pairs: int
    sequences: int
    iterations: int
    jobs: tuple[int, ...]
    job_pairs: int


# A job has as many pairs as a run has by default.
FULL = Size(300, 20, 400, (5, 15, 50), SampleConfig().pairs)
QUICK = Size(4, 1, 20, (2, 4), 4)


class Side:
    """One version of the code with a folder for its runs; its caches are those of this benchmark alone."""

    def __init__(self, name: str, code: Path, folder: Path, sample: Path) -> None:
        self.name, self.code, self.folder, self._sample = name, code, folder, sample
        folder.mkdir()

    def run(self, overrides: Sequence[str], out: str) -> Spent:
        """``python -m hw4`` on the sample set."""
        key = "hydra.sweep.dir" if "-m" in overrides else "hydra.run.dir"
        command = [sys.executable, "-m", "hw4", *overrides, f"data.root={self._sample}", f"{key}={out}"]
        return timed(command, self.code, self.folder)

    def errors(self, out: str) -> dict[int, float]:
        """Rotation errors (degrees) of a pose run, by sample."""
        lines = (self.folder / out / "samples.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        return {row["idx"]: row["rotation_error_deg"] for row in rows}


def apart(ours: dict[int, float], theirs: dict[int, float]) -> str:
    """How far rotation errors of the same samples differ, in words."""
    known = [idx for idx in ours if None not in (ours[idx], theirs.get(idx))]
    differences = np.abs([ours[idx] - theirs[idx] for idx in known])
    return (
        f"rotation errors of {len(known)} samples differ by {np.median(differences):.1e}° in the median, "
        f"{differences.max():.1e}° at most"
    )


def in_turn(sides: Sequence[Side], overrides: Sequence[str], out: str, turn: int) -> dict[str, Spent]:
    """Every side runs the command once; who goes first changes with `turn`."""
    order: Iterable[Side] = sides if turn % 2 == 0 else sides[::-1]
    return {side.name: side.run(overrides, out) for side in order}


def compare(record: Record, what: str, size: str, spent: dict[str, Spent], parity: str = "") -> None:
    """A row of ours against each of the others, and the CPU time of all."""
    for name, theirs in spent.items():
        if name != "ours":
            record.add(Ratio(what, size, name, spent["ours"].wall, theirs.wall, parity))
    cpu = ", ".join(f"{seconds(one.cpu)} {name}" for name, one in spent.items())
    record.fact(f"{what}, {size}, CPU time: {cpu}")


def posed(
    record: Record, sides: Sequence[Side], sample: Path, what: str, count: int, more: Sequence[str]
) -> None:
    """Predictions of the small DUSt3R, cold and from the cache."""
    sequences = any("interpolated" in one for one in more)
    overrides = ["task=pose", "model=dust3r", "model.weights=tiny", f"data.pairs={count}", *more]
    name = "sequences" if sequences else "pairs"
    cold = in_turn(sides, overrides, f"{name}_cold", 0)
    warm = in_turn(sides, overrides, f"{name}_warm", 1)
    peer = sides[0].folder / f"{name}.json"
    script = [sys.executable, "-m", "benchmarks.peers.dust3r", str(sample), str(peer)]
    upstream = timed([*script, *(["--sequences"] if sequences else [])], ROOT, sides[0].folder)
    ours = sides[0].errors(f"{name}_cold")
    theirs = {int(idx): error for idx, error in json.loads(peer.read_text()).items()}
    size = f"{count} {name} of {SampleConfig().width}x{SampleConfig().height}"
    compare(record, what, size, {"ours": cold["ours"], "upstream's calls": upstream}, apart(ours, theirs))
    for side in sides[1:]:
        parity = apart(ours, side.errors(f"{name}_cold"))
        compare(record, what, size, {"ours": cold["ours"], side.name: cold[side.name]}, parity)
    compare(record, f"{what}, from the cache", size, warm)


def splatted(record: Record, sides: Sequence[Side], iterations: int) -> None:
    """A splat of the scene, cold and from the cache."""
    overrides = ["task=splat", f"splat.iterations={iterations}", "splat.video_frames=0"]
    overrides.append("splat.eval.lpips_download=false")
    cold = in_turn(sides, overrides, "splat_cold", 0)
    warm = in_turn(sides, overrides, "splat_warm", 1)
    found = {
        side.name: json.loads((side.folder / "splat_cold" / "results.json").read_text())["splat"]["psnr"]
        for side in sides
    }
    parity = "PSNR " + ", ".join(f"{psnr:.2f} dB {name}" for name, psnr in found.items())
    compare(record, "A splat", f"{iterations} iterations", cold, parity)
    compare(record, "A splat, from the cache", f"{iterations} iterations", warm)


def both_stages(record: Record, sides: Sequence[Side], pairs: int) -> None:
    """`task=all` with everything in the cache."""
    overrides = ["task=all", "model=dust3r", "model.weights=tiny", f"data.pairs={pairs}"]
    overrides += ["splat.iterations=20", "splat.video_frames=0", "splat.eval.lpips_download=false"]
    in_turn(sides, overrides, "all_cold", 0)
    spent = [in_turn(sides, overrides, f"all_{turn}", turn) for turn in (1, 2)]
    least = {side.name: min((one[side.name] for one in spent), key=lambda one: one.wall) for side in sides}
    found = []
    for side in sides:
        results = json.loads((side.folder / "all_2" / "results.json").read_text())
        found.append((results["pose"]["metrics"]["MRE"]["value"], results["splat"]["psnr"]))
    said = " against ".join(f"{mre:.3f}° and {psnr:.2f} dB" for mre, psnr in found)
    compare(record, "Both stages, from the cache", f"{pairs} pairs", least, f"MRE and PSNR {said}")


def swept(record: Record, sides: Sequence[Side], jobs: Sequence[int], pairs: int) -> None:
    """Sweeps of jobs with the same predictions; the largest also where they are not made yet."""
    fixed = ["-m", "task=pose", "model=sfm", f"data.pairs={pairs}"]

    def overrides(n: int) -> list[str]:
        return [*fixed, f"{JOBS_KEY}={','.join(str(FIRST_VALUE + k) for k in range(n))}"]

    size = f"{jobs[-1]} jobs of {pairs} pairs"
    compare(record, "A sweep", size, in_turn(sides, overrides(jobs[-1]), "sweep_cold", 0))
    rows = []
    for turn, n in enumerate(jobs):
        warm = in_turn(sides, overrides(n), f"sweep_{n}", turn)
        rows.append(warm)
    spent = [row["ours"].wall for row in rows]
    compare(record, "A sweep, from the cache", size, warm, same_metrics(sides, f"sweep_{jobs[-1]}"))
    record.scaling(Scaling("A sweep, from the cache", "jobs", [float(n) for n in jobs], spent))
    more = jobs[-1] - jobs[0]
    further = [f"{seconds((rows[-1][name].wall - rows[0][name].wall) / more)} {name}" for name in warm]
    record.fact(f"each further job from the cache: {', '.join(further)}")
    sizes = {
        side.name: (side.folder / f"sweep_{jobs[-1]}" / "comparison.json").stat().st_size for side in sides
    }
    said = ", ".join(f"{size / 1e3:.0f} kB {name}" for name, size in sizes.items())
    limit = f"{LARGEST_COMPARISON / 1e3:.0f} kB"
    kept = "kept" if sizes["ours"] < LARGEST_COMPARISON else "EXCEEDED"
    record.fact(f"comparison.json of {size}: {said}; the limit of {limit} is {kept}")


def same_metrics(sides: Sequence[Side], out: str) -> str:
    """Whether all sides found the same means in a sweep, in words."""
    found = []
    for side in sides:
        paths = sorted((side.folder / out).glob("*/results.json"))
        found.append([json.loads(path.read_text())["pose"]["metrics"]["MRE"]["value"] for path in paths])
    apart = np.abs(np.diff(np.array(found, float), axis=0)).max(initial=0.0)
    return f"MRE of the jobs at most {apart:.0e}° apart"


def main(argv: Sequence[str] | None = None) -> None:
    record, revision = start_beside("endtoend", __doc__, argv)
    size = QUICK if record.quick else FULL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # One set for each count: the peer takes every sample of its set.
        many, few, job = (
            ensure_sample(SampleConfig(root=str(folder / kind), pairs=count))
            for kind, count in (("many", size.pairs), ("few", size.sequences), ("job", size.job_pairs))
        )
        earlier = unpacked(revision, folder / "before")
        sides = [("ours", ROOT), (f"hw4 of {revision}", earlier)]

        def made_of(sample: Path, name: str) -> list[Side]:
            return [Side(side, code, folder / f"{name}_{k}", sample) for k, (side, code) in enumerate(sides)]

        made = made_of(many, "runs")
        warm_up = ["task=splat", "splat.iterations=2", "splat.video_frames=0"]
        for side in made:
            side.run([*warm_up, f"data.pairs={size.pairs}", "splat.eval.lpips_download=false"], "warm_up")
        posed(record, made, many, "Pairs with DUSt3R, tiny", size.pairs, ["input=pair"])
        sequences = made_of(few, "sequence_runs"), few, "Sequences with DUSt3R, tiny", size.sequences
        posed(record, *sequences, ["input=interpolated"])
        splatted(record, made, size.iterations)
        jobs = made_of(job, "job_runs")
        both_stages(record, jobs, size.job_pairs)
        swept(record, jobs, size.jobs, size.job_pairs)
    record.save()


if __name__ == "__main__":
    main()
