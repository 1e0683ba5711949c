"""The pose and score stages of a job: progress, files, tables, figures, W&B."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from hw4.config import DataConfig, InputConfig, WandbConfig
from hw4.config.decides import pose_address
from hw4.config.fields import deciding
from hw4.config.input import PAIR, input_label
from hw4.config.stages import FRAMES, POSE, SCORE
from hw4.core.cache import using
from hw4.core.command import once_a_command
from hw4.core.durable import JsonlLog, write_json, write_text
from hw4.core.errors import UserError
from hw4.core.protocols import HOMEWORK
from hw4.data.pairs.samples import PairSample
from hw4.data.samples import Samples, load_samples, load_scored
from hw4.data.views.frames_list import frames_digest, write_frames
from hw4.jobs.at_once import at_once
from hw4.jobs.context import JobContext
from hw4.jobs.logged import SAMPLE, PoseLog, pose_values
from hw4.models.toy_weights import doubt_of_weights
from hw4.output.figures import PAPER
from hw4.output.homework_summary import homework_summary
from hw4.output.kept_figures import kept_figure
from hw4.output.pose_figures import cdf_shows, error_cdf, extremes_figure, extremes_show
from hw4.output.pose_tables import diagnoses_table, failures_table, pose_table, samples_table, samples_values
from hw4.output.progress import SampleProgress
from hw4.output.thumbnails import thumbnail
from hw4.pose.candidates import FromCandidates
from hw4.pose.clouds import read_cloud
from hw4.pose.evaluate import evaluate_pose
from hw4.pose.from_model import FromModel
from hw4.pose.given.readers import predictions_of
from hw4.pose.predictions import write_predictions
from hw4.pose.results import PoseResult, SampleResult
from hw4.pose.source import Source
from hw4.records.files import (
    ERROR_CDF,
    EXTREMES,
    HOMEWORK_SUMMARY,
    PREDICTIONS,
    SAMPLES,
    SAMPLES_TABLE,
    SUMMARY,
)
from hw4.tracking.tracker import Tracker

# Of a run, by file: what draws each, and what it shows.
FIGURES = {ERROR_CDF: (error_cdf, cdf_shows), EXTREMES: (extremes_figure, extremes_show)}


def run_pose(context: JobContext) -> list[str]:
    """Predict and score every sample; returns what could not be read, one sentence each."""
    config = context.config
    # Their files are looked at once for all jobs of a sweep that have the same ones.
    read = config.data, config.input
    found = once_a_command("samples", read, lambda: load_samples(*read))
    record_frames(context, found)
    return _evaluate(context, found.samples, source_of(context, found.samples))


def source_of(context: JobContext, samples: Sequence[PairSample]) -> Source:
    """The model of `model=` with its folder in the cache, and the choice among candidates where there is one.

    Raises:
        UserError: the weights do not exist, or the samples have fewer views than the model needs.
    """
    from hw4.models.registry import model_labels

    config = context.config
    labels = model_labels(config.model)

    def folder(inputs: InputConfig) -> Path:
        address = pose_address(replace(config, input=inputs), labels.fingerprint)
        return Path(config.cache.root) / "pose" / address

    cache_dir = folder(config.input)
    # Said before anything is computed, and as what it is: no sample's fault.
    config.model.check_views(_fewest_views(samples))
    model = FromModel(
        context.build_model,
        folder(InputConfig(PAIR)) if config.input.picks else cache_dir,
        getattr(config.model, "seed", 0),
        config.cache.reuse,
        (config.model.name, labels.weights),
        sample_set(config.data),
        at_once(context),
    )
    source = FromCandidates(model, cache_dir, config.input, config.metrics) if config.input.picks else model
    # Clouds are read until the job ends.
    context.at_end.enter_context(using(*source.folders))
    if not (cache_dir / "config.json").is_file():
        write_json(cache_dir / "config.json", {"model": asdict(config.model), "input": asdict(config.input)})
    doubt = doubt_of_weights(config)
    source.remarks = (*source.remarks, *([doubt] if doubt else []))
    return source


def sample_set(data: DataConfig) -> str:
    """What two jobs have in common that could compute the same samples: the folder, or what decides it."""
    root = getattr(data, "root", None)
    place = str(Path(root).expanduser().resolve()) if root else deciding(data, "files")
    return json.dumps([data.name, place], sort_keys=True)


def _fewest_views(samples: Sequence[PairSample]) -> int:
    usable = [sample for sample in samples if sample.problem is None]
    paths = [c.image_paths for s in usable for c in s.candidates] or [s.image_paths for s in usable]
    return min(map(len, paths), default=0)


def run_score(context: JobContext) -> list[str]:
    """Score a saved predictions file; returns what could not be read, one sentence each.

    Raises:
        UserError: no file is given, or it cannot be used.
    """
    config = context.config
    if config.score.predictions is None:
        raise UserError(
            "task=score needs score.predictions=<predictions.npy of a pose run, or a folder of .npz, a "
            "COLMAP model, a nerfstudio folder or a TUM trajectory>."
        )
    found = load_scored(config.data)
    record_frames(context, found)
    source = predictions_of(Path(config.score.predictions).expanduser(), config.score.max_difference)
    return _evaluate(context, found.samples, source)


def record_frames(context: JobContext, found: Samples) -> None:
    """Say what is to be said of the samples; of views, write the list of frames and note its hash."""
    for note in found.notes:
        context.warn(note)
    if found.frames is None:
        return
    data = context.config.data
    of_sampler = ("sampler", "views", "sets", "every", "yaw", "overlap", "baseline", "seed", "frames_list")
    drawn = {key: getattr(data, key) for key in of_sampler}
    write_frames(context.out_dir / FRAMES, found.frames, {"data": data.name, "drawn": drawn})
    context.results["frames"] = {
        "file": FRAMES,
        "hash": frames_digest(found.frames),
        "samples": len(found.frames),
        "scenes": len({one.scene for one in found.frames}),
    }


def _evaluate(context: JobContext, samples: Sequence[PairSample], source: Source) -> list[str]:
    config = context.config
    log, told = JsonlLog(context.out_dir / SAMPLES), PoseLog(context.tracker, config.metrics)
    # A job of an interrupted sweep runs in its old folder; what it had finished comes from the cache.
    if log.path.is_file():
        log.path.unlink()
    title = f"{config.model.name} {config.input.name}" if config.task != SCORE else "score"
    with context.showing(SampleProgress(context.console, len(samples), title)) as progress:

        def on_sample(sample: SampleResult, reused: bool) -> None:
            # What was reused lies safely where it came from.
            log.append(sample.row(), sync=not reused)
            told(sample)
            progress(sample, reused)

        try:
            result = evaluate_pose(samples, source, config.metrics, on_sample)
        finally:
            log.sync()
    context.results[POSE] = result.to_json()
    _report(context, result)
    return unreadable(result)


def unreadable(result: PoseResult) -> list[str]:
    """What went wrong with samples and is not the model's failure, one sentence each."""
    return [
        f"{len(bad)} of {len(result.samples)} samples {what}; the first is idx "
        f"{bad[0].sample.idx}: {str(bad[0].prediction.reason).rstrip('.')}. {advice}"
        for bad, what, advice in (
            (result.bad_inputs, "could not be read", "Mend the data and run again"),
            (
                result.broken,
                "ended in an error that is not the model's",
                "Run the same command again: it computes these alone",
            ),
        )
        if bad
    ]


def _report(context: JobContext, result: PoseResult) -> None:
    config, out_dir, tracker = context.config, context.out_dir, context.tracker
    label = input_label(config.input.name, config.input.selection)
    seen = "" if config.task == SCORE else f", input {label}"
    title = f"Pose evaluation: {result.model}{seen}, data {config.data.name}"
    summary, per_sample, failures = pose_table(result, title), samples_table(result), failures_table(result)
    write_predictions(out_dir / PREDICTIONS, result.samples)
    write_text(out_dir / SAMPLES_TABLE, per_sample.csv())
    tables = (summary, failures, diagnoses_table(result), per_sample)
    parts = [table.markdown() for table in tables if table]
    write_text(out_dir / SUMMARY, "\n".join(parts))
    style = config.report.style
    # A paper has a caption.
    above = "" if style == PAPER else title
    for name, (draw, shows) in FIGURES.items():
        shown, drawing = shows(result, above), partial(draw, result, above)
        path = kept_figure(drawing, shown, out_dir / name, style, context.cache_root)
        if path is not None:
            tracker.image(f"pose/{path.stem}", path)
    context.console.print(summary.rich())
    if failures:
        context.console.print(failures.rich())
    if result.summary.protocol == HOMEWORK:
        text = homework_summary(result)
        write_text(out_dir / HOMEWORK_SUMMARY, text)
        context.console.print(text, highlight=False, markup=False, soft_wrap=True, end="")
    _track(config.wandb, result, tracker)
    tracker.artifact(PREDICTIONS.split(".")[0], [out_dir / PREDICTIONS], "predictions")


def _track(config: WandbConfig, result: PoseResult, tracker: Tracker) -> None:
    if tracker.drops:
        return
    metrics = pose_values({name: metric.value for name, metric in result.summary.metrics.items()})
    counts = {"pose/n_valid": result.summary.n_valid, "pose/n_total": result.summary.n_total}
    tracker.log({SAMPLE: float(len(result.samples)), **metrics})
    tracker.summary({**metrics, **counts})
    columns, rows = samples_values(result)
    shown = [s.sample.image_paths for s in result.samples[: config.thumbnails]]
    photos = [thumbnail([paths[0], paths[-1]]) for paths in shown]
    photos += [None] * (len(rows) - len(photos))
    cells = [[*row, photo] for row, photo in zip(rows, photos, strict=True)]
    tracker.table("pose/samples", [*columns, "photos"], cells)
    _log_clouds(config.point_clouds, result, tracker)


def _log_clouds(count: int, result: PoseResult, tracker: Tracker) -> None:
    with_cloud = [s for s in result.samples if s.prediction.cloud and result.cache_dir]
    for sample in with_cloud[:count]:
        cloud = read_cloud(Path(str(result.cache_dir)) / str(sample.prediction.cloud))
        if cloud is not None and len(cloud.points):
            # Surest first: the other half is for the viewer's slider.
            half = slice(len(cloud.points) // 2 + 1 if cloud.conf is not None else None)
            tracker.cloud(f"pose/cloud_{sample.sample.idx}", cloud.points[half], cloud.colors[half])
