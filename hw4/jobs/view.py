"""`task=view`: a finished run in the browser."""

from pathlib import Path

from hw4.config.stages import VIEW
from hw4.core.errors import UserError
from hw4.jobs.context import JobContext


def run_view(context: JobContext) -> list[str]:
    """Show the run `view.run`, and `view.beside` beside it, until Ctrl-C.

    Raises:
        UserError: no folder is given, one holds nothing to look at, or no port can be had.
    """
    options = context.config.view
    if options.run is None:
        raise UserError("task=view needs view.run=<folder of a finished pose, splat, demo or case run>.")
    from hw4.show.viewer.run_folder import find_beside, find_subjects
    from hw4.show.viewer.serve import Viewer
    from hw4.show.viewer.server import serve

    folder, beside = Path(options.run).expanduser(), None
    if options.beside is None:
        subjects = find_subjects(folder)
    else:
        subjects, beside = find_beside(folder, Path(options.beside).expanduser())
    viewer = Viewer(subjects, options.host, options.port, beside)
    until = "Ctrl-C ends it" if options.seconds is None else f"for {options.seconds:g} seconds"
    context.console.print(
        f"Viewer: {viewer.url} ({len(subjects)} to choose from; {until})", soft_wrap=True, highlight=False
    )
    context.results[VIEW] = {"run": options.run, "url": viewer.url, "subjects": [s.label for s in subjects]}
    serve(viewer, options.seconds)
    return []
