"""`view.live`: splats in the browser while they are trained."""

from collections.abc import Iterator
from contextlib import contextmanager

from hw4.jobs.context import JobContext
from hw4.splat.training.listeners import Watch


@contextmanager
def live_viewer(context: JobContext) -> Iterator[Watch | None]:
    """While open, a viewer that watches a training; None where `view.live` asks for none.

    Raises:
        UserError: no port can be had.
    """
    options = context.config.view
    if not options.live:
        yield None
        return
    from hw4.show.viewer.live import LiveViewer

    viewer = LiveViewer(options.host, options.port, context.warn)
    context.console.print(
        f"Live: {viewer.url} (until the splats are scored)", soft_wrap=True, highlight=False
    )
    try:
        yield viewer.watch
    finally:
        viewer.stop()
