"""`task=export`: a finished run as files of other programs."""

from pathlib import Path

from hw4.config.export import FORMATS
from hw4.config.stages import EXPORT
from hw4.core.errors import UserError
from hw4.jobs.context import JobContext


def run_export(context: JobContext) -> list[str]:
    """Write what `export.run` holds.

    Raises:
        UserError: no folder is given, it holds nothing to export, or a format that was asked for cannot be
            written.
    """
    options = context.config.export
    if options.run is None:
        raise UserError("task=export needs export.run=<folder of a finished splat, demo, pose or case run>.")
    from hw4.show.export.from_run import scene_of_run
    from hw4.show.export.write import export_scene

    label, scene = scene_of_run(Path(options.run).expanduser(), options.show)
    folder = context.out_dir / "export" if options.out is None else Path(options.out).expanduser()
    done = export_scene(scene, options.formats or FORMATS, folder)
    context.results[EXPORT] = {
        "run": options.run,
        "shown": label,
        "n_views": len(scene.views),
        "n_points": len(scene.points),
        "files": done.files,
        "missing": done.missing,
        "notes": done.notes,
    }
    for path in done.files.values():
        context.console.print(path, soft_wrap=True, highlight=False, markup=False)
    for note in done.notes:
        context.warn(note)
    for name, why in done.missing.items():
        context.warn(f"{name} is missing: {why}")
    if options.formats is not None and done.missing:
        what = "; ".join(f"{name}: {why}" for name, why in done.missing.items())
        raise UserError(f"{label} of {options.run} cannot be exported so ({what}).")
    if not done.files:
        raise UserError(f"{label} of {options.run} holds nothing that can be exported.")
    return []
