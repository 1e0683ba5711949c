"""`task=case`: one sample under both inputs, measured and explained."""

from dataclasses import replace
from pathlib import Path

from hw4.config import InputConfig
from hw4.config.input import INTERPOLATED, PAIR
from hw4.config.stages import CASE
from hw4.core.errors import UserError
from hw4.data.pairs.samples import load_pairs, load_photo_pairs
from hw4.jobs.context import JobContext
from hw4.models.cached import model_of
from hw4.output.progress import StepProgress


def run_case_stage(context: JobContext) -> list[str]:
    """Examine the sample `data.sample`, write ``case.md`` and its pictures.

    Raises:
        UserError: no such sample, its photos or frames cannot be read, or unusable weights.
    """
    from hw4.show.case.run import run_case

    config = context.config
    if config.data.sample is None:
        there = ", ".join(str(pair.idx) for pair in load_photo_pairs(config.data)[:8])
        raise UserError(f"task=case needs data.sample=<number of a sample>, such as {there}.")
    data = replace(config.data, limit=None)
    inputs = [InputConfig(PAIR), InputConfig(INTERPOLATED, max_frames=config.input.max_frames)]
    samples = {one.name: load_pairs(data, one)[0] for one in inputs}
    problem = samples[INTERPOLATED].problem
    without_frames = problem is not None and samples[PAIR].problem is None
    if without_frames:
        context.warn(f"only the pair is shown: {problem}")
        del samples[INTERPOLATED]
    with context.showing(
        StepProgress(context.console, len(samples) + 1, f"case {config.data.sample}")
    ) as progress:
        result = run_case(
            samples,
            model_of(config, context.build_model),
            config.metrics,
            context.out_dir,
            progress,
            config.report.style,
        )
    context.results[CASE] = result.to_json() | (
        {"missing": {INTERPOLATED: problem}} if without_frames else {}
    )
    for name, path in result.files.items():
        if path.endswith(".png"):
            context.tracker.image(f"case/{name.replace(':', '_')}", Path(path))
    for sentence in result.sentences:
        context.console.print(f"- {sentence}", soft_wrap=True, highlight=False, markup=False)
    context.console.print(f"Case: {result.files['markdown']}", soft_wrap=True, highlight=False, markup=False)
    return []
