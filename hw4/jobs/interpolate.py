"""`task=interpolate`: make the frames between the photos of every pair, for `input=interpolated`."""

from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path

from hw4.config.stages import INTERPOLATE
from hw4.data.orientation import doubts
from hw4.data.pairs.samples import load_photo_pairs
from hw4.data.registry import pair_source
from hw4.interpolate.factory import build_interpolator
from hw4.interpolate.write import BAD_INPUT, FAILED, Outcome, interpolate_pairs
from hw4.jobs.context import JobContext
from hw4.output.progress import StepProgress


def run_interpolate(context: JobContext) -> list[str]:
    """Write every pair's frames; returns what could not be done, one sentence.

    Raises:
        UserError: the pairs, the interpolator or the output folder cannot be used.
    """
    config = context.config
    options = config.interpolate
    pairs = load_photo_pairs(config.data)
    for text in doubts([path for pair in pairs for path in pair.doubtful]):
        context.warn(text)
    source = pair_source(config.data)
    root = Path(options.out).expanduser() if options.out else source.frames_root
    done: list[Outcome] = []
    with StepProgress(context.console, len(pairs), f"interpolate {options.method}") as progress:

        def on_pair(outcome: Outcome) -> None:
            done.append(outcome)
            progress(len(done), len(pairs), f"idx {outcome.idx} {outcome.status}")

        outcomes = interpolate_pairs(pairs, partial(build_interpolator, options), options, root, on_pair)
    counts = dict(Counter(outcome.status for outcome in outcomes))
    context.results[INTERPOLATE] = {
        "method": options.method,
        "root": str(root),
        "generator": options.folder,
        "counts": counts,
        "pairs": [asdict(outcome) for outcome in outcomes],
    }
    context.tracker.summary({f"interpolate/{status}": count for status, count in counts.items()})
    elsewhere = f" data.interpolated_root={root.resolve()}" if options.out else ""
    words = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in counts.items())
    context.console.print(
        f"Frames of {len(outcomes)} pairs ({words}): {root}/<idx>/{options.folder}; use them with "
        f"input=interpolated {source.chosen_by}{elsewhere} data.generator={options.folder}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    bad = [outcome for outcome in outcomes if outcome.status in (BAD_INPUT, FAILED)]
    if not bad:
        return []
    return [
        f"{len(bad)} of {len(outcomes)} pairs have no frames; the first is idx {bad[0].idx}: {bad[0].reason}"
    ]
