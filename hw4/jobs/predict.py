"""`task=predict`: the cameras of every pair as files and pictures, without ground truth or scores."""

from pathlib import Path
from typing import Any

from hw4.config import MetricsConfig
from hw4.config.input import ORACLE, input_label
from hw4.config.stages import PREDICT
from hw4.core.durable import JsonlLog
from hw4.core.errors import UserError
from hw4.data.samples import load_samples
from hw4.jobs.context import JobContext
from hw4.jobs.pose import record_frames, source_of, unreadable
from hw4.output.pose_tables import predictions_table
from hw4.output.progress import StepProgress
from hw4.pose.clouds import read_cloud
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.predictions import write_predictions
from hw4.pose.results import OK, PoseResult, SampleResult
from hw4.records.files import PREDICTED, PREDICTIONS
from hw4.show.prediction import write_cloud, write_pictures

CLOUDS, PICTURES = "clouds", "pictures"


def run_predict(context: JobContext) -> list[str]:
    """Predict every sample; returns what could not be read, one sentence each.

    Predictions are those of `task=pose` and share its cache, but for models that use the intrinsics of the
    ground truth.

    Raises:
        UserError: the samples or the model cannot be used, or candidates are to be picked by the truth.
    """
    config, out_dir = context.config, context.out_dir
    if config.input.picks and config.input.selection == ORACLE:
        raise UserError("input.selection=oracle picks by the ground truth, which task=predict does not read.")
    found = load_samples(config.data, config.input, truth=False)
    record_frames(context, found)
    samples = found.samples
    source = source_of(context, samples)
    log = JsonlLog(out_dir / PREDICTED)
    # A job that was interrupted runs in its old folder; what it had finished comes from the cache.
    log.path.unlink(missing_ok=True)
    title = f"{config.model.name} {config.input.name}"
    done = 0
    with context.showing(StepProgress(context.console, len(samples), title)) as progress:

        def on_sample(sample: SampleResult, reused: bool) -> None:
            nonlocal done
            done += 1
            log.append(_record(sample))
            progress(done, len(samples), f"idx {sample.sample.idx} {sample.prediction.status}")

        result = evaluate_pose(samples, source, MetricsConfig(bootstrap=0), on_sample)
    write_predictions(out_dir / PREDICTIONS, result.samples)
    files = {
        str(one.sample.idx): _write_files(result, one, out_dir, config.report.style) for one in result.samples
    }
    placed = sum(one.prediction.status == OK for one in result.samples)
    context.results[PREDICT] = {
        "model": result.model,
        "weights": result.weights,
        "n_total": len(result.samples),
        "n_placed": placed,
        "n_reused": result.n_reused,
        "cache_dir": result.cache_dir,
        "remarks": result.remarks,
        "files": files,
        "samples": [_record(one) for one in result.samples],
    }
    context.tracker.summary({f"{PREDICT}/n_total": len(result.samples), f"{PREDICT}/n_placed": placed})
    label = input_label(config.input.name, config.input.selection)
    table = predictions_table(result, f"Predictions: {result.model}, input {label}, data {config.data.name}")
    context.console.print(table.rich())
    return unreadable(result)


def _record(one: SampleResult) -> dict[str, Any]:
    picked = {} if one.selection is None else {"selection": one.selection}
    return {**one.prediction.to_json(), "image_paths": list(map(str, one.sample.image_paths)), **picked}


def _write_files(result: PoseResult, one: SampleResult, out_dir: Path, style: str) -> dict[str, str]:
    """The cloud and the pictures of a sample, by kind; no cloud where the model gave none."""
    name, files = str(one.sample.idx), {}
    cloud = None
    if one.prediction.cloud is not None and result.cache_dir is not None:
        cloud = read_cloud(Path(result.cache_dir) / one.prediction.cloud)
    if cloud is not None:
        files["ply"] = str(write_cloud(cloud, out_dir / CLOUDS / f"{name}.ply"))
    return files | write_pictures(one, cloud, out_dir / PICTURES, style)
